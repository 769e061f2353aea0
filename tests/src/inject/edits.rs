//! Faults that last: from a message on a field is another one, a clock stands or is off, a burst.

use feedwatch_model::Time;

use super::text::{self, Spot};
use super::{Fault, Line, Random};

/// A fault that was put in from `source` on; with a burst up to `last`.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) fault: Fault,
    pub(super) source: usize,
    pub(super) last: Option<usize>,
}

const NANOS: f64 = 1e9;

/// Puts a lasting fault in, somewhere in the first half of what is left behind `from`; `None` where no message has the field.
pub(super) fn change(lines: &mut [Line], fault: &Fault, from: usize, random: &mut Random) -> Option<Change> {
    let paths: &[&str] = match fault {
        Fault::Retype { path, .. } | Fault::Rename { path, .. } | Fault::Rescale { path } => &[*path],
        Fault::Stop { paths } | Fault::Step { paths, .. } | Fault::Burst { paths, .. } => paths,
        _ => return None,
    };
    let has = |line: &Line| paths.is_empty() || paths.iter().any(|path| !text::find(&line.payload, path).is_empty());
    let half = from + lines.len().checked_sub(from)? / 2;
    let chosen = random.within(from, half);
    let source = (chosen..lines.len()).find(|at| has(&lines[*at]))?;
    let mut last = None;
    match fault {
        Fault::Retype { path, to } => edit(lines, source, path, |_, spot| Some((spot.value.clone(), (*to).into()))),
        Fault::Rename { path, to } => {
            edit(lines, source, path, |_, spot| Some((spot.key.clone()?, format!("\"{to}\""))))
        }
        Fault::Rescale { path } => edit(lines, source, path, scaled),
        Fault::Stop { paths } => stop(lines, source, paths),
        Fault::Step { paths, seconds } => {
            paths.iter().for_each(|path| shift(lines, source, path, |_| *seconds as f64 * NANOS));
        }
        Fault::Burst { messages, times, paths } => {
            let end = (source + messages).min(lines.len() - 1);
            let saved = |received: f64, last: f64| (received.min(last) - lines[source].received) * (1.0 - 1.0 / times);
            let saved: Vec<f64> = lines.iter().map(|line| saved(line.received, lines[end].received).max(0.0)).collect();
            paths.iter().for_each(|path| shift(lines, source, path, |at| -saved[at] * NANOS));
            lines.iter_mut().zip(&saved).skip(source).for_each(|(line, saved)| line.received -= saved);
            last = Some(end);
        }
        _ => {}
    }
    Some(Change { fault: fault.clone(), source, last })
}

/// Puts another text at every place of a path, from `source` on.
fn edit(
    lines: &mut [Line],
    source: usize,
    path: &str,
    other: impl Fn(&str, &Spot) -> Option<(std::ops::Range<usize>, String)>,
) {
    for line in &mut lines[source..] {
        // From the back, so that the places before stay where they are.
        for spot in text::find(&line.payload, path).iter().rev() {
            let Ok(text) = std::str::from_utf8(&line.payload) else { continue };
            if let Some((place, text)) = other(text, spot) {
                line.payload.splice(place, text.into_bytes());
            }
        }
    }
}

/// The number at a place a thousand times as much, with its quotes if it has some.
pub(super) fn scaled(text: &str, spot: &Spot) -> Option<(std::ops::Range<usize>, String)> {
    let value = text.get(spot.value.clone())?;
    let scaled = match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(digits) => format!("\"{}\"", thousandfold(digits)?),
        None => thousandfold(value)?,
    };
    Some((spot.value.clone(), scaled))
}

/// A decimal number with its point three places on, its digits as they are.
pub(super) fn thousandfold(number: &str) -> Option<String> {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.is_empty() || digits.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'.') {
        return None;
    }
    let sign = if digits.len() < number.len() { "-" } else { "" };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (moved, rest) = if fraction.len() > 3 { fraction.split_at(3) } else { (fraction, "") };
    let whole = format!("{whole}{moved:0<3}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") })
}

/// Every time stays what it is in the first message that has it.
fn stop(lines: &mut [Line], source: usize, paths: &[&str]) {
    for path in paths {
        let held = lines[source..].iter().find_map(|line| {
            let spot = text::find(&line.payload, path).into_iter().next()?;
            String::from_utf8(line.payload[spot.value].to_vec()).ok()
        });
        if let Some(held) = held {
            edit(lines, source, path, |_, spot| Some((spot.value.clone(), held.clone())));
        }
    }
}

/// Moves the times at a path by so many nanoseconds; `by` is asked with the index of the message.
fn shift(lines: &mut [Line], source: usize, path: &str, by: impl Fn(usize) -> f64) {
    for at in source..lines.len() {
        edit(&mut lines[at..=at], 0, path, |text, spot| {
            let value = &text[spot.value.clone()];
            let moved = match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
                Some(inner) => format!("\"{}\"", moved(inner, by(at))?),
                None => moved(value, by(at))?,
            };
            Some((spot.value.clone(), moved))
        });
    }
}

/// A time that much later, written as before: RFC 3339, or a number of s, ms, us or ns since 1970 by its magnitude.
pub(super) fn moved(text: &str, nanos: f64) -> Option<String> {
    if let Ok(time) = Time::parse_rfc3339(text) {
        let later = time.plus_nanos(nanos as i64).to_string();
        let places = text.split_once('.').map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
        let (whole, fraction) = later.strip_suffix('Z')?.split_once('.')?;
        let fraction = fraction.get(..places)?;
        return Some(if places == 0 { format!("{whole}Z") } else { format!("{whole}.{fraction}Z") });
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    let unit = match whole.len() {
        9..=10 => 1e9,
        12..=13 => 1e6,
        15..=16 => 1e3,
        18..=19 => 1.0,
        _ => return None,
    };
    if fraction.is_empty() {
        return Some((number + (nanos / unit).round() as i64).to_string());
    }
    let (scale, places) = (10_f64.powi(fraction.len() as i32), fraction.len());
    let digits: i64 = format!("{whole}{fraction}").parse().ok()?;
    let later = (digits + (nanos / unit * scale).round() as i64).to_string();
    let (whole, fraction) = later.split_at_checked(later.len().checked_sub(places)?)?;
    Some(format!("{whole}.{fraction}"))
}
