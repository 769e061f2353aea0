//! Durations and sizes as people write them: `250ms`, `1h30m`, `64MiB`.
//!
//! Durations: whole numbers with a unit, added up: `ns us ms s m h d`. Sizes: one whole number with a unit: `B`, powers of
//! 1000 `kB MB GB TB`, powers of 1024 `KiB MiB GiB TiB`. A number without a unit is refused: nobody can tell what it is.
//!
//! ```
//! use std::time::Duration;
//! use feedwatch_engine::config::{duration, size};
//!
//! assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
//! assert_eq!(size("64MiB"), Ok(64 << 20));
//! assert!(duration("10").unwrap_err().to_string().contains("no unit"));
//! ```

use std::time::Duration;

/// Why a text is no duration or size. Its sentence follows the quoted text: `"10" has no unit`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// A bare number.
    #[error("has no unit")]
    NoUnit,
    /// Something that is no unit.
    #[error("has the unknown unit {0:?}")]
    UnknownUnit(String),
    /// No whole number in front of a unit.
    #[error("is no whole number with a unit")]
    NotANumber,
    /// It does not fit into 64 bits.
    #[error("is too large")]
    TooLarge,
}

const DURATIONS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a duration.
///
/// # Errors
/// [`UnitError`] says what does not fit.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let mut nanos = 0u64;
    let mut rest = text.trim();
    while {
        let (part, after) = part(rest, DURATIONS)?;
        nanos = nanos.checked_add(part).ok_or(UnitError::TooLarge)?;
        rest = after;
        !rest.is_empty()
    } {}
    Ok(Duration::from_nanos(nanos))
}

/// Reads a size in bytes.
///
/// # Errors
/// [`UnitError`] says what does not fit.
pub fn size(text: &str) -> Result<u64, UnitError> {
    let (bytes, rest) = part(text.trim(), SIZES)?;
    if rest.is_empty() { Ok(bytes) } else { Err(UnitError::NotANumber) }
}

/// Reads one number with its unit from the front; gives it in the base unit, and what comes after it.
fn part<'a>(text: &'a str, units: &[(&str, u64)]) -> Result<(u64, &'a str), UnitError> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Err(UnitError::NotANumber);
    }
    let number: u64 = number.parse().map_err(|_| UnitError::TooLarge)?;
    let rest = rest.trim_start();
    let letters = rest.len() - rest.trim_start_matches(char::is_alphabetic).len();
    let (unit, rest) = rest.split_at(letters);
    if unit.is_empty() {
        return Err(if rest.is_empty() { UnitError::NoUnit } else { UnitError::NotANumber });
    }
    let factor = units.iter().find(|(name, _)| *name == unit).map(|&(_, factor)| factor);
    let factor = factor.ok_or_else(|| UnitError::UnknownUnit(unit.chars().take(20).collect()))?;
    Ok((number.checked_mul(factor).ok_or(UnitError::TooLarge)?, rest.trim_start()))
}

/// Writes a duration so that [`duration`] reads it back: in the largest unit that holds it whole.
pub fn duration_text(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let units =
        [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
    match units.iter().find(|&&(_, factor)| nanos > 0 && nanos % factor == 0) {
        Some((unit, factor)) => format!("{}{unit}", nanos / factor),
        None => format!("{nanos}ns"),
    }
}

/// Writes a size so that [`size`] reads it back: in the largest unit that holds it whole.
pub fn size_text(bytes: u64) -> String {
    let units = [("TiB", 40u32), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|&&(_, shift)| bytes > 0 && bytes.trailing_zeros() >= shift) {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_of_a_duration_add_up() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1 h 30 m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn a_bare_number_is_refused() {
        assert_eq!(duration("10"), Err(UnitError::NoUnit));
        assert_eq!(duration("1h30"), Err(UnitError::NoUnit));
        assert_eq!(size("64"), Err(UnitError::NoUnit));
    }

    #[test]
    fn a_unit_nobody_knows_is_named() {
        assert_eq!(duration("3 fortnights"), Err(UnitError::UnknownUnit("fortnights".into())));
        assert_eq!(size("4Gib"), Err(UnitError::UnknownUnit("Gib".into())));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(duration("999999999999999d"), Err(UnitError::TooLarge));
        assert_eq!(duration("99999999999999999999s"), Err(UnitError::TooLarge));
        assert_eq!(duration(""), Err(UnitError::NotANumber));
        assert_eq!(duration("-1s"), Err(UnitError::NotANumber));
        assert_eq!(duration("1.5s"), Err(UnitError::NotANumber));
        assert_eq!(size("1MiB1KiB"), Err(UnitError::NotANumber));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos: u64, bytes: u64) {
            prop_assert_eq!(duration(&duration_text(Duration::from_nanos(nanos))), Ok(Duration::from_nanos(nanos)));
            prop_assert_eq!(size(&size_text(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = (duration(&text), size(&text));
        }
    }
}
