//! `NAME.ts`: receive times, one a line, in seconds since 1970 or as RFC 3339.

#[cfg(test)]
use feedwatch_model::NANOS_PER_SECOND;
use feedwatch_model::Time;

use super::CaptureError;
use super::lines::Lines;

#[derive(Debug)]
pub(super) struct Times {
    lines: Lines,
    count: u64,
}

impl Times {
    pub(super) fn new(lines: Lines) -> Times {
        Times { lines, count: 0 }
    }

    /// The next receive time.
    pub(super) fn next(&mut self) -> Result<Time, CaptureError> {
        let Some(line) = self.lines.next_filled()? else {
            return Err(CaptureError::TimesEnd { file: self.lines.path().to_owned(), times: self.count });
        };
        self.count += 1;
        let text = String::from_utf8_lossy(&line);
        time(text.trim()).ok_or_else(|| CaptureError::Time {
            file: self.lines.path().to_owned(),
            line: self.lines.number(),
            text: text.trim().chars().take(40).collect(),
        })
    }
}

fn time(text: &str) -> Option<Time> {
    exact_seconds(text).or_else(|| Time::parse_rfc3339(text).ok())
}

/// Decimal seconds to nanoseconds. With an exponent, which no clock writes, it is as exact as a float.
fn exact_seconds(text: &str) -> Option<Time> {
    if text.contains(['e', 'E']) {
        return text.parse().ok().filter(|secs: &f64| secs.is_finite()).map(Time::from_secs_f64);
    }
    exact(text, 9)
}

/// A decimal number of a unit of 10^-`digits` seconds (9 for seconds, 6 for milliseconds, ...) to nanoseconds, without a
/// detour over floats; what is smaller than a nanosecond is cut off.
pub(super) fn exact(text: &str, digits: u32) -> Option<Time> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (-1, unsigned),
        None => (1, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let filled = fraction.bytes().chain(std::iter::repeat(b'0')).take(digits as usize);
    let nanos = filled.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let total = whole.parse::<i64>().ok()?.checked_mul(10i64.checked_pow(digits)?)?.checked_add(nanos)?;
    Some(Time::from_nanos(sign * total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(text: &str) -> Option<i64> {
        exact_seconds(text).map(Time::nanos)
    }

    #[test]
    fn times_are_exact_to_the_nanosecond() {
        assert_eq!(nanos("1626992741.06217"), Some(1_626_992_741_062_170_000));
        assert_eq!(nanos("1786309548.631147"), Some(1_786_309_548_631_147_000));
        assert_eq!(nanos("1700000000.1234567899"), Some(1_700_000_000_123_456_789));
        assert_eq!(nanos("1700000000"), Some(1_700_000_000_000_000_000));
        assert_eq!(nanos("-0.5"), Some(-500_000_000));
        assert_eq!(nanos("1.5e9"), Some(1_500_000_000_000_000_000));
    }

    #[test]
    fn a_written_time_is_one_too() {
        let written = |text| time(text).map(Time::nanos);
        assert_eq!(written("2023-11-14T22:13:20.5Z"), Some(1_700_000_000_500_000_000));
        assert_eq!(written("1700000000.5"), written("2023-11-14T23:13:20.5+01:00"));
        assert_eq!(written("yesterday"), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", ".", "-", "1,5", "abc", "1.2.3", "0x10", "99999999999999999999", "9999999999.0", "inf", "1e999"]
        {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_nanosecond_is_read_back(whole in 0i64..9_000_000_000, part in 0i64..1_000_000_000) {
            prop_assert_eq!(nanos(&format!("{whole}.{part:09}")), Some(whole * NANOS_PER_SECOND + part));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = time(&text);
        }
    }
}
