//! The sentence an operator reads (detection.md 5.4).

use feedwatch_model::FindingKind;

use super::verdict::Verdict;
use crate::integrity::words::{count, span};

/// Why something is unusual: a headline, and what was seen and expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `BTC-USD.price jumped`.
    pub title: String,
    /// `Jumped to 3,931.80, expected 3,894 to 3,911. About once in 3 weeks for this series.`
    pub text: String,
}

/// Explains the episode of a verdict (its row, outside episodes) for the series `name`.
///
/// ```
/// use feedwatch_detect::{Detector, explain};
/// use feedwatch_model::Time;
///
/// let mut detector = Detector::new();
/// for row in 0..400_i64 {
///     detector.observe(Time::from_millis(100 * row), 20.0 + ((row * 7919) % 101) as f64 / 100.0);
/// }
/// let verdict = detector.observe(Time::from_millis(40_000), 35.0);
/// let why = explain("press.temperature", Some("°C"), &verdict);
/// assert_eq!(why.title, "press.temperature jumped");
/// assert!(why.text.starts_with("Jumped to 35 °C, expected 20 to 21 °C."), "{}", why.text);
/// ```
pub fn explain(name: &str, unit: Option<&str>, verdict: &Verdict) -> Explanation {
    let expected = verdict.expectation();
    let up = verdict.onset.map_or(expected.value >= verdict.predicted, |onset| onset.value >= onset.predicted);
    let kind = verdict.kind.or(verdict.guess).unwrap_or(if up { FindingKind::Spike } else { FindingKind::Dip });
    let settled = verdict.kind.is_some();
    let unit = unit.map_or(String::new(), |unit| format!(" {unit}"));
    if kind == FindingKind::Stall {
        return stall(name, &unit, verdict, expected.value);
    }
    let (short, long) = match (kind, settled) {
        (FindingKind::Spike, false) => ("jumped", "Jumped to"),
        (FindingKind::Dip, false) => ("fell", "Fell to"),
        (FindingKind::Spike, true) => ("spiked", "Jumped for a moment to"),
        (FindingKind::Dip, true) => ("dipped", "Fell for a moment to"),
        (FindingKind::LevelShift, _) if up => ("moved up", "Moved up and stays there; began with"),
        (FindingKind::LevelShift, _) => ("moved down", "Moved down and stays there; began with"),
        (FindingKind::VarianceUp, _) => ("is noisier", "Noisier than before; began with"),
        _ => ("is unusual", "Unusual:"),
    };
    let finer = (expected.high - expected.low).abs().max((expected.value - expected.low).abs());
    let text = format!(
        "{long} {}{unit}, expected {} to {}{unit}. {}",
        number(expected.value, finer / 10.0),
        number(expected.low, finer),
        number(expected.high, finer),
        rarity(expected.surprise, verdict.step_secs, verdict.known_secs),
    );
    Explanation { title: format!("{name} {short}"), text }
}

fn stall(name: &str, unit: &str, verdict: &Verdict, value: f64) -> Explanation {
    let rows = verdict.unchanged_rows.max(1);
    let longest = verdict.longest_unchanged_rows;
    let for_long = |rows: u32| span(f64::from(rows) * verdict.step_secs);
    let before = if longest == 0 {
        "it usually moves every time".to_owned()
    } else {
        format!("it never stayed longer than {} before", for_long(longest))
    };
    Explanation {
        title: format!("{name} stays flat"),
        text: format!(
            "Unchanged at {}{unit} for {} ({} values); {before}. Messages still come: the sensor or its source may hang.",
            number(value, value.abs() * 1e-4),
            for_long(rows),
            count(u64::from(rows)),
        ),
    }
}

/// `About once in 3 weeks for this series.`; where the data are far too short to say so, that it is like nothing in them.
fn rarity(surprise: f64, step_secs: f64, known_secs: f64) -> String {
    let rows = 10f64.powf(surprise.clamp(0.0, 30.0));
    let every = rows * step_secs;
    if step_secs <= 0.0 || known_secs <= 0.0 {
        return "Too little is known of this series to say how rare that is.".to_owned();
    }
    if every > 100.0 * known_secs {
        return format!("Unlike anything in the last {}.", span(known_secs));
    }
    format!("About once in {} for this series.", rough(every))
}

/// One digit is all that an extrapolation is worth.
fn rough(secs: f64) -> String {
    const UNITS: [(f64, &str, &str); 7] = [
        (31_557_600.0, "year", "years"),
        (2_629_800.0, "month", "months"),
        (604_800.0, "week", "weeks"),
        (86_400.0, "day", "days"),
        (3_600.0, "hour", "hours"),
        (60.0, "minute", "minutes"),
        (1.0, "second", "seconds"),
    ];
    let (size, one, many) =
        UNITS.into_iter().find(|(size, ..)| secs >= 0.95 * size).unwrap_or((1.0, "second", "seconds"));
    let value = (secs / size).round().max(1.0);
    if value == 1.0 {
        format!("a {one}").replace("a hour", "an hour")
    } else {
        let digit = 10f64.powf(value.log10().floor());
        format!("{} {many}", count(((value / digit).round() * digit) as u64))
    }
}

/// As many digits as tell values `scale` apart, at least three of them; thousands are grouped.
fn number(value: f64, scale: f64) -> String {
    if !value.is_finite() {
        return "nothing".to_owned();
    }
    let magnitude = value.abs().max(scale.abs());
    if magnitude != 0.0 && !(1e-4..1e15).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let finest = if scale > 0.0 { scale.min(magnitude) } else { magnitude.max(1.0) };
    // Two digits below the scale.
    let decimals = (1.0 - finest.max(1e-9).log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{:.decimals$}", value.abs());
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let whole = whole.parse::<u64>().map_or_else(|_| whole.to_owned(), count);
    let sign = if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_have_the_digits_that_tell_them_apart() {
        assert_eq!(number(3_931.8, 1.7), "3,931.8");
        assert_eq!(number(3_894.123, 37.0), "3,894");
        assert_eq!(number(-0.00123, 0.0002), "-0.00123");
        assert_eq!(number(-0.0, 1.0), "0");
        assert_eq!(number(1e20, 1.0), "1.000e20");
    }

    #[test]
    fn rarity_is_a_time_and_never_beyond_a_hundred_times_what_is_known() {
        assert_eq!(rarity(3.0, 0.1, 60.0), "About once in 2 minutes for this series.");
        assert_eq!(rarity(5.0, 300.0, 864_000.0), "About once in a year for this series.");
        assert_eq!(rarity(5.0, 0.1, 3_600.0), "About once in 3 hours for this series.");
        assert_eq!(rarity(9.0, 0.1, 240.0), "Unlike anything in the last 4 min.");
    }

    proptest! {
        #[test]
        fn no_number_panics(value: f64, scale: f64, surprise: f64, step: f64, known: f64) {
            let _ = (number(value, scale), rarity(surprise, step, known));
        }
    }
}
