//! What a replay does wrong on purpose: `drop=17,42;dup=5;delay=9:2s;cut=30s;seed=1`.
//!
//! | rule | what |
//! |---|---|
//! | `drop=N,N` | messages N are not sent; `drop=1%` drops each with that chance |
//! | `dup=N,N` | messages N are sent twice; `dup=1%` likewise |
//! | `delay=N:TIME,…` | message N is sent so much later; those that follow pass it |
//! | `cut=TIME` | the connection is closed every so often, in time of the capture; the rest waits for the next client |
//! | `seed=N` | which messages the percentages meet |
//!
//! Messages are counted from 0. TIME is a number with `ms`, `s`, `m` or `h`. A rule stands once.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use crate::error::DemoError;

/// Longest specification that is read.
const LONGEST: usize = 64 * 1024;
const RULES: &str =
    "Rules are drop=N,N or drop=P%, dup=N,N or dup=P%, delay=N:TIME, cut=TIME and seed=N, with ; between them.";

/// The faults of a replay. The default has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    pub(super) drop: Picked,
    pub(super) dup: Picked,
    pub(super) delay: BTreeMap<u64, Duration>,
    pub(super) cut: Option<Duration>,
    pub(super) seed: u64,
}

/// Which messages: some by number, or each with a chance.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Picked {
    /// Sorted.
    numbers: Vec<u64>,
    chance: f64,
}

impl Picked {
    pub(super) fn picks(&self, number: u64, rng: &mut fastrand::Rng) -> bool {
        self.numbers.binary_search(&number).is_ok() || (self.chance > 0.0 && rng.f64() < self.chance)
    }
}

impl FromStr for Faults {
    type Err = DemoError;

    fn from_str(text: &str) -> Result<Faults, DemoError> {
        if text.len() > LONGEST {
            return Err(fault(
                LONGEST,
                "the specification is too long".into(),
                format!("At most {LONGEST} bytes are read."),
            ));
        }
        let mut faults = Faults::default();
        let mut seen = Vec::new();
        for part in Part::whole(text).split(';') {
            if part.text.is_empty() {
                continue;
            }
            let (name, value) = part.halves('=').ok_or_else(|| part.wrong("is not a rule", RULES))?;
            if seen.contains(&name.text) {
                return Err(name.wrong("stands twice", "Put everything into one rule, with commas."));
            }
            seen.push(name.text);
            match name.text {
                "drop" => faults.drop = value.picked()?,
                "dup" => faults.dup = value.picked()?,
                "delay" => faults.delay = value.split(',').map(|part| part.delay()).collect::<Result<_, _>>()?,
                "cut" => faults.cut = Some(value.time()?),
                "seed" => faults.seed = value.number()?,
                _ => return Err(name.wrong("is not a rule", RULES)),
            }
        }
        Ok(faults)
    }
}

fn fault(position: usize, problem: String, cure: impl Into<String>) -> DemoError {
    DemoError::Faults { position, problem, cure: cure.into() }
}

/// A piece of the specification that knows where it stands.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Part<'a> {
    fn whole(text: &'a str) -> Part<'a> {
        Part { text, position: 0 }.trimmed()
    }

    fn trimmed(self) -> Part<'a> {
        let start = self.text.trim_start();
        Part { text: start.trim_end(), position: self.position + self.text.len() - start.len() }
    }

    fn split(self, at: char) -> impl Iterator<Item = Part<'a>> {
        let mut position = self.position;
        self.text.split(at).map(move |text| {
            let part = Part { text, position };
            position += text.len() + at.len_utf8();
            part.trimmed()
        })
    }

    fn halves(self, at: char) -> Option<(Part<'a>, Part<'a>)> {
        let (left, right) = self.text.split_once(at)?;
        let position = self.position + left.len() + at.len_utf8();
        Some((Part { text: left, position: self.position }.trimmed(), Part { text: right, position }.trimmed()))
    }

    fn wrong(self, what: &str, cure: &str) -> DemoError {
        let shown: String = self.text.chars().take(40).collect();
        fault(self.position, format!("`{shown}` {what}"), cure)
    }

    fn number(self) -> Result<u64, DemoError> {
        // `+1` would be a number for Rust.
        let digits = self.text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| self.text.parse().ok())
            .flatten()
            .ok_or_else(|| self.wrong("is not a whole number", "Messages are counted from 0, for example 17."))
    }

    fn picked(self) -> Result<Picked, DemoError> {
        if let Some(percent) = self.text.strip_suffix('%') {
            let chance = percent.trim_end().parse::<f64>().ok().filter(|chance| (0.0..=100.0).contains(chance));
            let chance =
                chance.ok_or_else(|| self.wrong("is not a percentage", "Write for example 1%, from 0 to 100."))?;
            return Ok(Picked { numbers: Vec::new(), chance: chance / 100.0 });
        }
        let mut numbers = self.split(',').map(Part::number).collect::<Result<Vec<_>, _>>()?;
        numbers.sort_unstable();
        Ok(Picked { numbers, chance: 0.0 })
    }

    fn delay(self) -> Result<(u64, Duration), DemoError> {
        let (number, time) =
            self.halves(':').ok_or_else(|| self.wrong("is not a delay", "Write NUMBER:TIME, for example 9:2s."))?;
        Ok((number.number()?, time.time()?))
    }

    fn time(self) -> Result<Duration, DemoError> {
        let unit_at = self.text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(self.text.len());
        let (number, unit) = self.text.split_at(unit_at);
        let seconds = match unit {
            "ms" => Some(1e-3),
            "s" => Some(1.0),
            "m" => Some(60.0),
            "h" => Some(3600.0),
            _ => None,
        };
        seconds
            .zip(number.trim_end().parse::<f64>().ok())
            .and_then(|(seconds, number)| Duration::try_from_secs_f64(number * seconds).ok())
            .filter(|time| !time.is_zero())
            .ok_or_else(|| self.wrong("is not a time", "Write a number above 0 with ms, s, m or h, for example 2s."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(text: &str) -> (usize, String) {
        match text.parse::<Faults>() {
            Err(DemoError::Faults { position, problem, cure }) => (position, format!("{problem}. {cure}")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documented_specification_is_read() {
        let faults: Faults = "drop=17,42;dup=5;delay=9:2s;cut=30s;seed=1".parse().unwrap();
        assert_eq!(faults.drop.numbers, [17, 42]);
        assert_eq!(faults.dup.numbers, [5]);
        assert_eq!(faults.delay, BTreeMap::from([(9, Duration::from_secs(2))]));
        assert_eq!(faults.cut, Some(Duration::from_secs(30)));
        assert_eq!(faults.seed, 1);
    }

    #[test]
    fn an_empty_specification_has_no_faults() {
        assert_eq!("".parse::<Faults>().unwrap(), Faults::default());
        assert_eq!(" ; ".parse::<Faults>().unwrap(), Faults::default());
    }

    #[test]
    fn a_percentage_and_spaces_are_read() {
        let faults: Faults = " drop = 2.5% ; delay = 1:500ms, 2:1m ".parse().unwrap();
        assert_eq!(faults.drop.chance, 0.025);
        assert_eq!(faults.delay.len(), 2);
    }

    #[test]
    fn an_error_says_where_and_what_to_write() {
        assert_eq!(refused("drop=17;dup=x").0, 12);
        assert_eq!(refused("drop=17;speed=2").0, 8);
        assert_eq!(refused("delay=9").0, 6);
        assert_eq!(refused("delay=9:2").0, 8);
        assert_eq!(refused("drop=1;drop=2").0, 7);
        assert!(refused("cut=0s").1.contains("for example 2s"));
        assert!(refused("drop=101%").1.contains("from 0 to 100"));
        assert!(refused("drop=+1").1.contains("whole number"));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_position_is_outside(text in "[a-z=;:,0-9 %.µé-]{0,40}") {
            if let Err(DemoError::Faults { position, .. }) = text.parse::<Faults>() {
                prop_assert!(position <= text.len() && text.is_char_boundary(position), "{position}");
            }
        }
    }
}
