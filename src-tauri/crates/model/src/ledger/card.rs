//! The scorecard: five lines in per cent, with the counts behind them.
//!
//! A line is `1 - faults / chances`, in per cent; where there was no chance to judge it, it is unknown, which is no
//! hundred. Which check belongs to which line is the table of the terminal shell's documentation.
//!
//! | line | faults | of | unknown |
//! |---|---|---|---|
//! | completeness | lost | expected | without a rule of sequence, and nothing known to be missing |
//! | order | out of order | numbered | without a rule of sequence |
//! | timeliness | late | timed | without times; and without a time watched |
//! | validity | unreadable, invalid | received | without a message |
//! | authenticity | guards that did not fit | guards checked | without checksums and signatures |
//!
//! Timeliness is the worse of two: messages that were late of those whose lateness could be judged, and time that was
//! silent of the time watched.

use serde::Serialize;

use crate::{Check, LedgerCounts};

/// A line of the scorecard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Line {
    /// 0 to 100; unknown where nothing could be judged.
    pub percent: Option<f64>,
    /// What was not as it should be: messages, numbers or guards; milliseconds where silence decides.
    pub faults: u64,
    /// Of how many.
    pub of: u64,
    /// Findings of the checks that belong to this line.
    pub findings: u64,
}

/// How whole, in order, on time, valid and authentic a feed was: computed from the sum of any minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scorecard {
    /// Did everything come?
    pub completeness: Line,
    /// Did it come in order?
    pub order: Line,
    /// Did it come in time?
    pub timeliness: Line,
    /// Was it what it should be?
    pub validity: Line,
    /// Was it what was sent?
    pub authenticity: Line,
}

/// Which line of a scorecard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Completeness,
    Order,
    Timeliness,
    Validity,
    Authenticity,
}

impl Which {
    /// The line a check belongs to; an anomaly says something of the world, not of the feed.
    const fn of(check: Check) -> Option<Which> {
        Some(match check {
            Check::Sequence | Check::Duplicate | Check::Connection => Which::Completeness,
            Check::Order => Which::Order,
            Check::Lateness | Check::Silence | Check::Rate | Check::Clock => Which::Timeliness,
            Check::Conflict | Check::Schema | Check::Range | Check::Decode => Which::Validity,
            Check::Checksum | Check::Signature | Check::Agreement | Check::Security => Which::Authenticity,
            Check::Anomaly => return None,
        })
    }
}

impl Line {
    fn new(faults: u64, of: u64, findings: u64) -> Line {
        let faults = faults.min(of);
        let percent = (of > 0).then(|| 100.0 * (of - faults) as f64 / of as f64);
        Line { percent, faults, of, findings }
    }
}

impl Scorecard {
    /// Of the sum of any minutes.
    pub fn of(counts: &LedgerCounts) -> Scorecard {
        let findings = |line: Which| {
            let of_line = counts.findings.iter().filter(|(check, _)| Which::of(*check) == Some(line));
            of_line.fold(0u64, |sum, (_, count)| sum.saturating_add(count))
        };
        let judged = counts.numbered > 0 || counts.missing > 0;
        let expected = if judged { counts.expected() } else { 0 };
        let late = Line::new(counts.late, counts.timed, findings(Which::Timeliness));
        let silent = Line::new(counts.silent_ms, counts.watched_ms, late.findings);
        let silence_decides = match (late.percent, silent.percent) {
            (Some(late), Some(silent)) => silent < late,
            (late, silent) => late.is_none() && silent.is_some(),
        };
        Scorecard {
            completeness: Line::new(counts.lost(), expected, findings(Which::Completeness)),
            order: Line::new(counts.reordered, counts.numbered, findings(Which::Order)),
            timeliness: if silence_decides { silent } else { late },
            validity: Line::new(
                counts.rejected.saturating_add(counts.invalid),
                counts.received,
                findings(Which::Validity),
            ),
            authenticity: Line::new(counts.failed, counts.checked, findings(Which::Authenticity)),
        }
    }
}
