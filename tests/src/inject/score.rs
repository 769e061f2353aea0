//! What was found against what had to be found.

use std::fmt;

use feedwatch_model::{Check, FindingKind, Time};
use serde_json::Value;

use super::rule::Per;
use super::{Expected, Injected};

/// A finding as `--json` tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Which check.
    pub check: Check,
    /// What it found.
    pub kind: FindingKind,
    /// The scope of the rule.
    pub per: Per,
    /// The message that shows it.
    pub message: Option<usize>,
    /// When.
    pub at: f64,
    /// First and last number.
    pub numbers: Option<(u64, u64)>,
    /// How many numbers are missing.
    pub missing: Option<u64>,
    /// The sentence.
    pub text: String,
}

impl Found {
    /// The findings of some checks in the object of `probe --json`.
    ///
    /// # Panics
    /// If it is none.
    pub fn of(report: &Value, checks: &[Check]) -> Vec<Found> {
        let all = report["findings"].as_array().expect("findings").iter().map(Found::read);
        all.filter(|found| checks.contains(&found.check)).collect()
    }

    fn read(value: &Value) -> Found {
        let word = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        // Integers beyond 2^53 are texts.
        let number = |key: &str| value[key].as_u64().or_else(|| value[key].as_str()?.parse().ok());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let per = value["per"].as_object().into_iter().flatten();
        Found {
            check: Check::from_word(&word("check")).expect("a check"),
            kind: FindingKind::from_word(&word("kind")).expect("a kind"),
            per: per.map(|(path, value)| (path.clone(), text(value))).collect(),
            message: number("message").map(|message| message as usize),
            at: Time::parse_rfc3339(&word("at")).expect("a time").secs_f64(),
            numbers: number("from").zip(number("to")),
            missing: number("missing"),
            text: word("text"),
        }
    }

    fn is(&self, expected: &Expected) -> bool {
        let by_message = |message| (expected.message..=expected.until).contains(&message);
        let (from, to) = expected.between;
        let is_there = self.message.map_or((from..=to).contains(&self.at), by_message);
        if (self.check, self.kind) != (expected.check, expected.kind) || !is_there {
            return false;
        }
        let exact = !matches!(self.check, Check::Sequence | Check::Duplicate | Check::Order);
        let sorted = |per: &Per| {
            let mut per = per.clone();
            per.sort();
            per
        };
        let same_numbers = self.numbers == expected.numbers && sorted(&self.per) == sorted(&expected.per);
        exact || (self.missing == expected.missing && (same_numbers || expected.numbers.is_none()))
    }
}

/// Hits, and what is left on both sides.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Found, and expected.
    pub hits: usize,
    /// Expected, and not found.
    pub missed: Vec<Expected>,
    /// Found, and not expected.
    pub wrong: Vec<Found>,
}

impl Score {
    /// Compares; each finding is the answer to one expectation at most.
    pub fn of(expected: &[Expected], found: Vec<Found>) -> Score {
        let mut score = Score { wrong: found, ..Score::default() };
        for expected in expected {
            match score.wrong.iter().position(|found| found.is(expected)) {
                Some(at) => {
                    score.wrong.remove(at);
                    score.hits += 1;
                }
                None => score.missed.push(expected.clone()),
            }
        }
        score
    }

    /// Takes the score of another run in.
    pub fn add(&mut self, other: Score) {
        self.hits += other.hits;
        self.missed.extend(other.missed);
        self.wrong.extend(other.wrong);
    }

    /// Nothing is missed and nothing wrong.
    pub fn is_exact(&self) -> bool {
        self.missed.is_empty() && self.wrong.is_empty()
    }

    /// The share of what was found that is right; 1 where nothing was found.
    pub fn precision(&self) -> f64 {
        share(self.hits, self.wrong.len())
    }

    /// The share of what had to be found that was; 1 where nothing had to.
    pub fn recall(&self) -> f64 {
        share(self.hits, self.missed.len())
    }
}

fn share(hits: usize, others: usize) -> f64 {
    if hits + others == 0 { 1.0 } else { hits as f64 / (hits + others) as f64 }
}

/// What is wrong, for the message of a test that fails.
impl fmt::Display for Score {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} hits, {} missed, {} wrong", self.hits, self.missed.len(), self.wrong.len())?;
        for missed in self.missed.iter().take(SHOWN) {
            writeln!(out, "  missed: {}", Shown(missed))?;
        }
        for wrong in self.wrong.iter().take(SHOWN) {
            writeln!(out, "  wrong: message {:?} {:?} {}", wrong.message, wrong.per, wrong.text)?;
        }
        Ok(())
    }
}

const SHOWN: usize = 8;

struct Shown<'a>(&'a Expected);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expected { check, kind, per, message, until, numbers, missing, .. } = self.0;
        let (check, kind) = (check.word(), kind.word());
        write!(out, "{check}/{kind} at message {message} to {until} {per:?}, numbers {numbers:?}, missing {missing:?}")
    }
}

/// What was done to a feed, a fault a line, for the message of a test that fails.
pub fn list(injected: &Injected) -> String {
    let line = |truth: &super::Truth| format!("  {} (was {}): {:?}\n", truth.message, truth.source, truth.fault);
    injected.truth.iter().map(line).collect()
}
