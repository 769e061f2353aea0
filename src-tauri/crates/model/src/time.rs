//! Time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds (POSIX), in an `i64`: the years 1678 to 2262.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// Nanoseconds in a second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const NANOS_PER_MILLI: i64 = 1_000_000;

/// An instant in UTC, in nanoseconds since the Unix epoch.
///
/// All arithmetic saturates: a feed may send any time, and no time may make the program panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Why a text is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time: {0}")]
pub struct TimeError(String);

impl Time {
    /// The earliest time that can be told.
    pub const MIN: Time = Time(i64::MIN);
    /// The latest time that can be told.
    pub const MAX: Time = Time(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Time {
        Time(nanos)
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Time {
        Time(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// From seconds since the epoch, with a fraction. NaN is the epoch; what is out of range saturates.
    pub fn from_secs_f64(secs: f64) -> Time {
        // Whole and fractional part apart, so that 1.7e9 keeps its microseconds.
        let whole = secs.floor();
        let nanos = ((secs - whole) * 1e9).round() as i64;
        Time((whole as i64).saturating_mul(NANOS_PER_SECOND).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, with a fraction: how times cross to the page.
    pub fn millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds since the epoch, with a fraction.
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The nanoseconds from `earlier` to `self`; negative if `self` is the earlier one.
    pub const fn nanos_since(self, earlier: Time) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The seconds from `earlier` to `self`; negative if `self` is the earlier one.
    pub fn secs_since(self, earlier: Time) -> f64 {
        self.nanos_since(earlier) as f64 / 1e9
    }

    /// `self` moved by nanoseconds.
    pub const fn plus_nanos(self, nanos: i64) -> Time {
        Time(self.0.saturating_add(nanos))
    }

    /// `self` moved forward.
    pub fn plus(self, by: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// `self` moved backward.
    pub fn minus(self, by: Duration) -> Time {
        Time(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Parses an RFC 3339 date-time with `Z` or an offset, up to nine digits of a second.
    ///
    /// # Errors
    /// [`TimeError`] says what does not fit.
    pub fn parse_rfc3339(text: &str) -> Result<Time, TimeError> {
        let stamp: Timestamp = text.parse().map_err(|error: jiff::Error| TimeError(error.to_string()))?;
        i64::try_from(stamp.as_nanosecond()).map(Time).map_err(|_| TimeError(format!("{text} is out of range")))
    }
}

/// RFC 3339 in UTC with nine digits: `2026-03-01T12:00:00.250000000Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every i64 of nanoseconds lies inside jiff's range, so the fallback is never seen.
        match Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(stamp) => write!(f, "{stamp:.9}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Time::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_written_with_nine_digits() {
        assert_eq!(Time::from_nanos(0).to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(Time::from_nanos(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn an_offset_is_read_as_utc() {
        let east = Time::parse_rfc3339("2026-03-01T13:00:00+01:00").unwrap();
        assert_eq!(east, Time::parse_rfc3339("2026-03-01T12:00:00Z").unwrap());
    }

    #[test]
    fn seconds_keep_their_microseconds() {
        assert_eq!(Time::from_secs_f64(1_700_000_000.25).nanos(), 1_700_000_000_250_000_000);
        assert_eq!(Time::from_secs_f64(f64::NAN).nanos(), 0);
        assert_eq!(Time::from_secs_f64(1e300), Time::MAX);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos: i64) {
            let time = Time::from_nanos(nanos);
            prop_assert_eq!(Time::parse_rfc3339(&time.to_string()).unwrap(), time);
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = Time::parse_rfc3339(&text);
        }
    }
}
