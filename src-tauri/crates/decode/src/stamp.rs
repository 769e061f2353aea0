//! Times as feeds write them: RFC 3339, date and time without a zone, or a number since the epoch.
//!
//! The unit of a number is judged by its magnitude: the one unit that brings it within ten years of the receive time.
//! Units are factors of 1000 apart, so that at most one fits.

use feedwatch_model::{NANOS_PER_SECOND, Time, TimeUnit, Value};

/// Farther from the receive time a number is no time.
const PLAUSIBLE_NANOS: i64 = 3653 * 86_400 * NANOS_PER_SECOND;
pub(crate) const PLAUSIBLE_SECS: f64 = 3653.0 * 86_400.0;
/// The start of 1990: a clock that tells an earlier time was not set yet.
const EARLIEST: Time = Time::from_nanos(631_152_000 * NANOS_PER_SECOND);

/// Reads an RFC 3339 time. The usual layouts (`Z` or an offset, at most nine digits) are read in place; leap seconds,
/// lower case and everything else goes through [`Time::parse_rfc3339`].
#[inline]
pub(crate) fn rfc3339(text: &[u8]) -> Option<Time> {
    fixed(text).or_else(|| unusual(text))
}

/// Reads RFC 3339 times that follow each other: the date and minute of the one before need not be read again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    /// `2026-03-01T12:00:`, and its nanoseconds since the epoch.
    minute: [u8; 17],
    nanos: i64,
}

impl Reader {
    /// As [`rfc3339`].
    #[inline]
    pub(crate) fn read(&mut self, text: &[u8]) -> Option<Time> {
        self.same_minute(text).or_else(|| self.new_minute(text))
    }

    #[inline]
    fn same_minute(&self, text: &[u8]) -> Option<Time> {
        let (minute, [tens, ones, rest @ ..]) = text.split_first_chunk::<17>()? else { return None };
        let second = two([*tens, *ones]);
        let (nanos, zone) = fraction(rest)?;
        let fits = *minute == self.minute && second < 60 && zone == b"Z";
        fits.then(|| Time::from_nanos(self.nanos + second * NANOS_PER_SECOND + nanos))
    }

    #[cold]
    fn new_minute(&mut self, text: &[u8]) -> Option<Time> {
        let time = rfc3339(text)?;
        if let (Some(minute), Some(b'Z')) = (text.first_chunk::<17>(), text.last()) {
            let start = fixed(&[minute.as_slice(), b"00Z"].concat());
            // Near the ends of time a minute may not fit.
            if let Some(start) = start.filter(|start| start.nanos() < i64::MAX - 60 * NANOS_PER_SECOND) {
                (self.minute, self.nanos) = (*minute, start.nanos());
            }
        }
        Some(time)
    }
}

#[cold]
fn unusual(text: &[u8]) -> Option<Time> {
    if !(16..=64).contains(&text.len()) || !text.iter().take(4).all(u8::is_ascii_digit) {
        return None;
    }
    Time::parse_rfc3339(std::str::from_utf8(text).ok()?).ok()
}

/// The two digits of `pair`, or at least 100.
#[inline]
fn two(pair: [u8; 2]) -> i64 {
    let (tens, ones) = (pair[0].wrapping_sub(b'0'), pair[1].wrapping_sub(b'0'));
    if tens > 9 || ones > 9 { 100 } else { i64::from(tens) * 10 + i64::from(ones) }
}

#[inline]
fn fixed(text: &[u8]) -> Option<Time> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let seconds = civil(head)?;
    let (nanos, zone) = fraction(rest)?;
    let offset = match zone {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two([*h1, *h2]), two([*m1, *m2]));
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    (seconds - offset).checked_mul(NANOS_PER_SECOND)?.checked_add(nanos).map(Time::from_nanos)
}

/// `YYYY-MM-DDTHH:MM:SS` in seconds since the epoch, as if it were UTC.
#[inline]
fn civil(head: &[u8; 19]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2] = *head else {
        return None;
    };
    let (century, year) = (two([y1, y2]), two([y3, y4]));
    let (month, day) = (two([mo1, mo2]), two([d1, d2]));
    let (hour, minute, second) = (two([h1, h2]), two([mi1, mi2]), two([s1, s2]));
    if century > 99 || year > 99 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let year = century * 100 + year;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since the epoch of a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date
/// algorithms", `days_from_civil`), for the years 0 to 9999.
#[inline]
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year } + 400;
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era - 1) * 146_097 + day_of_era - 719_468
}

/// The nanoseconds of `.123…`, and what is behind them.
#[inline]
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', digits @ ..] = rest else { return Some((0, rest)) };
    let mut nanos = 0;
    let mut count = 0;
    let mut rest = digits;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        nanos = nanos * 10 + i64::from(digit - b'0');
        count += 1;
        rest = after;
        if count > 9 {
            return None;
        }
    }
    (count > 0).then(|| (nanos * 10_i64.pow(9 - count), rest))
}

/// Whether `text` is a date and time without zone, `T` or a space between them.
pub(crate) fn is_local(text: &[u8]) -> bool {
    let Some((head, rest)) = text.split_first_chunk::<19>() else { return false };
    let mut head = *head;
    if head[10] == b' ' {
        head[10] = b'T';
    }
    civil(&head).is_some() && fraction(rest).is_some_and(|(_, zone)| zone.is_empty())
}

/// The unit in which `value` is a time near `received`, and that time.
pub(crate) fn epoch(value: Value, received: Time) -> Option<(TimeUnit, Time)> {
    [TimeUnit::Seconds, TimeUnit::Millis, TimeUnit::Micros, TimeUnit::Nanos].into_iter().find_map(|unit| {
        let time = from_epoch(value, unit)?;
        is_plausible(time, received).then_some((unit, time))
    })
}

/// Whether a clock that tells `time` was set: it is not before 1990.
#[inline]
pub(crate) fn is_set(time: Time) -> bool {
    time >= EARLIEST
}

/// Whether a time may belong to a message received at `received`.
pub(crate) fn is_plausible(time: Time, received: Time) -> bool {
    time.nanos_since(received).unsigned_abs() <= PLAUSIBLE_NANOS.unsigned_abs()
}

/// The time `value` tells in `unit`.
#[inline]
pub(crate) fn from_epoch(value: Value, unit: TimeUnit) -> Option<Time> {
    let nanos: i64 = match unit {
        TimeUnit::Seconds => NANOS_PER_SECOND,
        TimeUnit::Millis => 1_000_000,
        TimeUnit::Micros => 1_000,
        TimeUnit::Nanos => 1,
        TimeUnit::Rfc3339 | TimeUnit::Local => return None,
    };
    match value {
        Value::I64(count) => count.checked_mul(nanos).map(Time::from_nanos),
        Value::F64(count) if count.is_finite() => Some(Time::from_secs_f64(count * (nanos as f64 / 1e9))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_unit_is_judged_by_magnitude() {
        let received = Time::parse_rfc3339("2026-08-09T21:05:48Z").unwrap();
        let unit = |value| epoch(value, received).map(|(unit, _)| unit);
        assert_eq!(unit(Value::I64(1_786_309_548)), Some(TimeUnit::Seconds));
        assert_eq!(unit(Value::F64(1_786_309_548.25)), Some(TimeUnit::Seconds));
        assert_eq!(unit(Value::I64(1_786_309_548_000)), Some(TimeUnit::Millis));
        assert_eq!(unit(Value::I64(1_786_309_548_000_000)), Some(TimeUnit::Micros));
        assert_eq!(unit(Value::I64(1_786_309_548_000_000_001)), Some(TimeUnit::Nanos));
        assert_eq!(unit(Value::F64(1.61)), None);
        assert_eq!(unit(Value::I64(235_070_716)), None);
        assert_eq!(unit(Value::U64(u64::MAX)), None);
        assert_eq!(unit(Value::F64(f64::NAN)), None);
    }

    #[test]
    fn a_time_without_zone_is_local() {
        assert!(is_local(b"2021-03-13T09:20:26"));
        assert!(is_local(b"2021-03-13 09:20:26.5"));
        assert!(!is_local(b"2021-03-13T09:20:26Z"));
        assert!(!is_local(b"2021-13-13T09:20:26"));
    }

    proptest! {
        #[test]
        fn the_fast_layouts_read_what_the_library_reads(nanos: i64, digits in 0..10_usize, offset in -1439..1440_i64) {
            let text = Time::from_nanos(nanos).to_string();
            let cut = if digits == 0 { &text[..19] } else { &text[..20 + digits] };
            let zone = if offset == 0 { "Z".to_owned() } else {
                format!("{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, offset.abs() / 60, offset.abs() % 60)
            };
            let text = format!("{cut}{zone}");
            prop_assert_eq!(rfc3339(text.as_bytes()), Time::parse_rfc3339(&text).ok());
            // The second reading of each, and the next second's, use what the first one left.
            let mut reader = Reader::default();
            for text in [text.clone(), text.clone(), text.replacen(&text[17..19], "07", 1)] {
                prop_assert_eq!(reader.read(text.as_bytes()), Time::parse_rfc3339(&text).ok());
            }
        }

        #[test]
        fn what_the_fast_layouts_take_the_library_takes(text in "[0-9]{4}-[0-9]{2}-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?(Z|[+-][0-2][0-9]:[0-9]{2})") {
            if let Some(time) = fixed(text.as_bytes()) {
                prop_assert_eq!(Some(time), Time::parse_rfc3339(&text).ok());
            }
        }

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            let _ = (rfc3339(&text), is_local(&text));
        }
    }
}
