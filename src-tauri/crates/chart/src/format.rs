//! Numbers and times as they stand on a chart, and how wide texts are.

use feedwatch_model::{NANOS_PER_SECOND, Time};

/// A value with as many decimals as the step between two labels needs, and thousands apart: `3,931.80`.
pub(crate) fn value(value: f64, step: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    if value != 0.0 && !(1e-4..1e15).contains(&value.abs()) && step != 0.0 {
        return format!("{value:.3e}");
    }
    let decimals = if step > 0.0 && step.is_finite() { (-step.log10()).ceil().clamp(0.0, 9.0) as usize } else { 0 };
    grouped(&format!("{value:.decimals$}"))
}

/// A value that stands alone, to six digits.
pub(crate) fn alone(number: f64) -> String {
    let digits = if number == 0.0 { 0.0 } else { number.abs().log10().floor() };
    let text = value(number, 10f64.powf((digits - 5.0).clamp(-9.0, 0.0)));
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        text
    }
}

/// Commas between thousands.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// A moment as a label, as exact as the step between two labels needs.
pub(crate) fn time(local: Time, step: i64) -> String {
    const DAY: i64 = 86_400 * NANOS_PER_SECOND;
    // `2026-03-01T12:00:00.250000000Z`; every time has this form.
    let text = local.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    match step {
        _ if step >= 365 * DAY => part(0, 10),
        _ if step >= DAY => part(5, 10),
        // A new day is told by its date.
        _ if local.nanos().rem_euclid(DAY) == 0 => part(5, 10),
        _ if step >= 60 * NANOS_PER_SECOND => part(11, 16),
        _ if step >= NANOS_PER_SECOND => part(11, 19),
        _ if step >= 1_000_000 => part(11, 23),
        _ if step >= 1_000 => part(11, 26),
        _ => part(11, 29),
    }
}

/// The range in UTC: `2026-03-01 12:27:07 to 12:32:07 UTC`; with the date twice only where it differs.
pub(crate) fn utc_range(from: Time, to: Time) -> String {
    let (from_text, to_text) = (from.to_string(), to.to_string());
    let end = if to.nanos_since(from) < NANOS_PER_SECOND { 29 } else { 19 };
    let part = |text: &str, from: usize| text.get(from..end).unwrap_or_default().replace('T', " ");
    let begin = if from_text.get(..10) == to_text.get(..10) { 11 } else { 0 };
    format!("{} to {} UTC", part(&from_text, 0), part(&to_text, begin))
}

/// `UTC+01:00`.
pub(crate) fn offset(secs: i32) -> String {
    let (sign, minutes) = (if secs < 0 { '-' } else { '+' }, secs.unsigned_abs() / 60);
    if secs == 0 { "UTC".into() } else { format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60) }
}

/// How wide a text is at a size, about: the widths of DejaVu Sans.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(letter).sum::<f64>() * size
}

fn letter(character: char) -> f64 {
    match character {
        '0'..='9' => 0.64,
        ',' | '.' | ' ' | ':' | 'i' | 'j' | 'l' | '\'' => 0.33,
        'm' | 'w' | 'M' | 'W' => 0.95,
        'A'..='Z' => 0.70,
        character if character.is_ascii() => 0.60,
        // Chinese, Japanese and Korean letters fill their square.
        character if character >= '\u{1100}' => 1.0,
        _ => 0.66,
    }
}

/// A text cut to a width, without what no file or reader should get: control characters and changes of direction.
pub(crate) fn fit(text: &str, size: f64, room: f64) -> String {
    let clean = |character: char| {
        !character.is_control()
            && !matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFE}' | '\u{FFFF}')
    };
    let mut fitted = String::new();
    let mut used = 0.0;
    let mut characters = text.chars().filter(|&character| clean(character)).peekable();
    while let Some(character) = characters.next() {
        used += letter(character) * size;
        let last = characters.peek().is_none();
        if used + if last { 0.0 } else { size } > room {
            if !fitted.is_empty() {
                fitted.push('…');
            }
            break;
        }
        fitted.push(character);
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_have_the_decimals_their_step_needs() {
        assert_eq!(value(3931.8, 0.25), "3,931.8");
        assert_eq!(value(-97204.1, 100.0), "-97,204");
        assert_eq!(value(0.0412, 0.0005), "0.0412");
        assert_eq!(value(1.5e20, 1e19), "1.500e20");
        assert_eq!(value(f64::NAN, 1.0), "-");
    }

    #[test]
    fn a_lone_value_has_six_digits() {
        assert_eq!(alone(3931.8), "3,931.8");
        assert_eq!(alone(97_204.123_456), "97,204.1");
        assert_eq!(alone(0.041_2), "0.0412");
        assert_eq!(alone(8912.0), "8,912");
        assert_eq!(alone(-0.0), "-0");
    }

    #[test]
    fn labels_of_time_are_as_exact_as_they_need_be() {
        let at = Time::parse_rfc3339("2026-03-01T14:27:07.25Z").unwrap();
        assert_eq!(time(at, 60 * NANOS_PER_SECOND), "14:27");
        assert_eq!(time(at, NANOS_PER_SECOND), "14:27:07");
        assert_eq!(time(at, 250_000_000), "14:27:07.250");
        assert_eq!(time(Time::parse_rfc3339("2026-03-02T00:00:00Z").unwrap(), 60 * NANOS_PER_SECOND), "03-02");
    }

    #[test]
    fn the_range_names_the_date_once_where_it_is_the_same() {
        let at = |text: &str| Time::parse_rfc3339(text).unwrap();
        let range = utc_range(at("2026-03-01T12:27:07Z"), at("2026-03-01T12:32:07Z"));
        assert_eq!(range, "2026-03-01 12:27:07 to 12:32:07 UTC");
        let range = utc_range(at("2026-03-01T23:59:00Z"), at("2026-03-02T00:01:00Z"));
        assert_eq!(range, "2026-03-01 23:59:00 to 2026-03-02 00:01:00 UTC");
        assert_eq!(offset(-12_600), "UTC-03:30");
    }

    proptest! {
        #[test]
        fn a_fitted_text_has_room(text: String, room in 0f64..200.0) {
            let fitted = fit(&text, 10.0, room);
            prop_assert!(width(&fitted, 10.0) <= room.max(0.0) + 0.001, "{fitted:?}");
            prop_assert!(!fitted.chars().any(char::is_control));
        }

        #[test]
        fn no_number_panics(number: f64, step: f64) {
            let _ = (value(number, step), alone(number));
        }
    }
}
