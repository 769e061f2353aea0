//! Plain values: a number, with its unit or without, or one of a few words; one series for each topic.
//!
//! Words that mean yes or no (`ON`, `closed`, …) are charted as 1 and 0 where all that came on the topic while it was
//! learned fits one pair of them, or, on a topic that came later, its first word does. Other words are readings without
//! points.

use std::sync::Arc;

use feedwatch_model::{Message, SeriesKind, Value, Why};
use rustc_hash::{FxHashMap, FxHashSet};

use super::declared::{Declared, Said, Sheet, topic};
use crate::catalogue::Series;
use crate::hash::hash64;
use crate::json::number::{number, number_end};

/// Longer payloads are no plain values.
const LONGEST: usize = 256;
/// Longer units are words.
const LONGEST_UNIT: usize = 16;
/// Topics whose words are remembered to be no pair.
const MAX_TOPICS: usize = 20_000;

/// Words that mean no and yes.
const PAIRS: [(&[&str], &[&str]); 6] = [
    (&["off"], &["on"]),
    (&["false"], &["true"]),
    (&["closed", "close"], &["open"]),
    (&["no"], &["yes"]),
    (&["offline"], &["online"]),
    (&["down"], &["up"]),
];

/// Which pair a word belongs to, and whether it means yes.
pub(crate) fn pair(word: &[u8]) -> Option<(usize, bool)> {
    let among = |words: &[&str]| words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word));
    PAIRS.iter().enumerate().find_map(|(at, (no, yes))| match (among(no), among(yes)) {
        (false, false) => None,
        (_, yes) => Some((at, yes)),
    })
}

/// What a plain payload says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plain<'a> {
    Number(Value, &'a str),
    Word(&'a str),
}

/// Reads a plain payload: at most 256 bytes of one line, without anything that marks another format.
pub(crate) fn plain(payload: &[u8]) -> Option<Plain<'_>> {
    let text = std::str::from_utf8(payload.trim_ascii()).ok().filter(|text| (1..=LONGEST).contains(&text.len()))?;
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Ok(end) = number_end(unsigned.as_bytes(), 0)
        && let Some(value) = unsigned.get(..end).and_then(|digits| number(digits.as_bytes()))
        && let Some(unit) = unsigned.get(end..).map(str::trim).filter(|unit| is_unit(unit))
    {
        return Some(Plain::Number(value, unit));
    }
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let marks = |letter: char| letter.is_control() || "{}[]\"=,;<>|\\".contains(letter);
    let begins = text.starts_with(|letter: char| letter.is_alphanumeric() || "-+(/_.".contains(letter));
    (begins && !text.contains(marks)).then_some(Plain::Word(text))
}

fn is_unit(text: &str) -> bool {
    let fits = |letter: char| letter.is_alphabetic() || "%°/²³µΩ·*^".contains(letter) || letter.is_ascii_digit();
    text.len() <= LONGEST_UNIT && text.chars().all(fits) && !text.starts_with(|letter: char| letter.is_ascii_digit())
}

/// Whether a payload looks like a plain value with nothing else to speak for it: a number, or a word or two.
pub(crate) fn is_likely(payload: &[u8]) -> bool {
    match plain(payload) {
        Some(Plain::Number(..)) => true,
        Some(Plain::Word(word)) => {
            let letters = word.chars().all(|letter| letter.is_alphabetic() || " _-".contains(letter));
            letters && word.len() <= 32 && word.split_ascii_whitespace().count() <= 2
        }
        None => false,
    }
}

/// What is remembered of a feed of plain values.
#[derive(Clone, Debug, Default)]
pub(crate) struct States {
    /// Topics whose words fit no pair.
    texts: FxHashSet<u64>,
}

fn place(message: &Message) -> u64 {
    hash64(topic(message).unwrap_or_default().as_bytes(), 0)
}

impl States {
    /// Finds the topics whose words fit no pair.
    pub(crate) fn learn<'a>(&mut self, messages: impl Iterator<Item = (&'a Message, &'a [u8])>) {
        let mut pairs: FxHashMap<u64, usize> = FxHashMap::default();
        for (message, payload) in messages {
            let Some(Plain::Word(word)) = plain(payload) else { continue };
            let place = place(message);
            let fits = pair(word.as_bytes()).is_some_and(|(at, _)| *pairs.entry(place).or_insert(at) == at);
            if !fits {
                self.texts.insert(place);
            }
        }
    }

    /// Reads a plain value; `false` if it is none.
    pub(crate) fn read(
        &mut self,
        message: &Message,
        payload: &[u8],
        into: &mut Declared,
        sheet: &mut Sheet<'_>,
    ) -> bool {
        let Some(plain) = plain(payload) else { return false };
        let topic = topic(message);
        let (value, unit, kind) = match plain {
            Plain::Number(value, unit) => (value, unit, SeriesKind::Gauge),
            Plain::Word(word) => match self.truth(message, word) {
                Some(yes) => (Value::Bool(yes), "", SeriesKind::Boolean),
                None => {
                    into.leave_out(String::new(), Why::Text);
                    return true;
                }
            },
        };
        let says = || {
            Said::Series(Series {
                name: topic.unwrap_or("value").into(),
                path: "".into(),
                key: topic.map(|topic| (Arc::from("topic"), Arc::from(topic))).into_iter().collect(),
                unit: Some(unit).filter(|unit| !unit.is_empty()).map(Arc::from),
                kind,
            })
        };
        if let Some(series) = into.series(topic.unwrap_or_default().as_bytes(), sheet, says) {
            sheet.point(series, None, value);
        }
        true
    }

    fn truth(&mut self, message: &Message, word: &str) -> Option<bool> {
        let place = place(message);
        if self.texts.contains(&place) {
            return None;
        }
        let truth = pair(word.as_bytes());
        if truth.is_none() && self.texts.len() < MAX_TOPICS && !is_absence(word) {
            self.texts.insert(place);
        }
        truth.map(|(_, yes)| yes)
    }
}

/// Whether a word says that there is no value just now.
fn is_absence(word: &str) -> bool {
    ["unavailable", "unknown", "none", "null", "nan", "n/a"].iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_bring_its_unit() {
        let number = |text: &'static str| match plain(text.as_bytes()) {
            Some(Plain::Number(value, unit)) => Some((value.as_f64(), unit)),
            _ => None,
        };
        assert_eq!(number("21.5"), Some((21.5, "")));
        assert_eq!(number(" +21.5 °C\n"), Some((21.5, "°C")));
        assert_eq!(number("-3kWh"), Some((-3.0, "kWh")));
        assert_eq!(number("45 %"), Some((45.0, "%")));
        assert_eq!(number("9.8 m/s²"), Some((9.8, "m/s²")));
        assert_eq!(number("18446744073709551615"), Some((u64::MAX as f64, "")));
        for none in ["12:30", "2026-03-01", "1.2.3.4", "007", "21,5", "1e", "", "   "] {
            assert_eq!(number(none), None, "{none}");
        }
    }

    #[test]
    fn words_of_a_pair_are_told_whatever_their_case() {
        for (word, told) in [("ON", true), ("off", false), ("Open", true), ("CLOSED", false), ("Down", false)] {
            assert_eq!(pair(word.as_bytes()).map(|(_, yes)| yes), Some(told), "{word}");
        }
        assert_eq!(pair(b"idle"), None);
        assert_eq!(plain(b"\"ON\""), Some(Plain::Word("ON")));
    }

    #[test]
    fn other_formats_are_no_words() {
        for text in ["{\"a\":1}", "a=1", "1,2", "<x>", "!AIVDM,1,1", "a\nb", "\x1F\x08"] {
            assert_eq!(plain(text.as_bytes()), None, "{text}");
        }
    }
}
