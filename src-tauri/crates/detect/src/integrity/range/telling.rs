//! The sentences about values.

use std::collections::VecDeque;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, NANOS_PER_SECOND, Severity};

use super::excursion::{Place, Verdict};
use super::{MAX_RESCALED, Rescaled, Told};
use crate::integrity::words;

/// Series of one path that change their measure within this time are told once.
const TOGETHER: i64 = 600 * NANOS_PER_SECOND;
const MAX_NAME: usize = 80;

/// Makes findings of what is told: one of each sort and place.
#[cold]
pub(super) fn tell(feed: FeedId, told: &mut Vec<Told>, known: &mut VecDeque<Rescaled>, out: &mut Vec<Finding>) {
    while let Some(first) = told.first() {
        let of = sort(&first.verdict);
        let mut same: Vec<Told> = told.extract_if(.., |other| sort(&other.verdict) == of).collect();
        if let Sort::Rescaled(factor) = of.0 {
            let number = f64::from_bits(factor);
            same.retain(|told| !is_known(known, told, number, of.1));
            same.iter().for_each(|told| remember(known, told, number, of.1));
        }
        if same.is_empty() {
            continue;
        }
        let (check, kind) = match of.0 {
            Sort::Rescaled(_) => (Check::Schema, FindingKind::Rescaled),
            Sort::Outside | Sort::Beyond => (Check::Range, FindingKind::Outside),
            Sort::TooFast | Sort::FasterThan => (Check::Range, FindingKind::TooFast),
        };
        out.push(Finding {
            message: Some(of.1.0),
            ..Finding::new(check, kind, feed, of.1.1, Severity::Warning, sentence(&same))
        });
    }
}

/// What is told together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// By the bits of its factor.
    Rescaled(u64),
    Outside,
    TooFast,
    Beyond,
    FasterThan,
}

fn sort(verdict: &Verdict) -> (Sort, Place) {
    match verdict {
        Verdict::Rescaled { place, factor, .. } => (Sort::Rescaled(factor.to_bits()), *place),
        Verdict::Outside { place, .. } => (Sort::Outside, *place),
        Verdict::TooFast { place, .. } => (Sort::TooFast, *place),
        Verdict::Beyond { place, .. } => (Sort::Beyond, *place),
        Verdict::FasterThan { place, .. } => (Sort::FasterThan, *place),
    }
}

fn is_known(known: &VecDeque<Rescaled>, told: &Told, factor: f64, place: Place) -> bool {
    known.iter().any(|known| {
        known.path == told.path && known.factor == factor && place.1.nanos_since(known.at).saturating_abs() < TOGETHER
    })
}

fn remember(known: &mut VecDeque<Rescaled>, told: &Told, factor: f64, place: Place) {
    // A change back ends the one before.
    known.retain(|known| known.path != told.path);
    if known.len() == MAX_RESCALED {
        known.pop_front();
    }
    known.push_back(Rescaled { path: told.path.clone(), factor, at: place.1 });
}

fn sentence(told: &[Told]) -> String {
    let Some(first) = told.first() else { return String::new() };
    let name = |told: &Told| -> String { told.name.chars().take(MAX_NAME).collect() };
    let names = words::list(told.iter().map(name));
    let (is_one, count) = (told.len() == 1, told.len());
    match first.verdict {
        Verdict::Rescaled { factor, before, value, .. } => {
            let of = if is_one { "what it was" } else { "what they were" };
            let times = match factor {
                f if f < 1.0 => format!("one {}th of {of}", words::count((1.0 / f).round() as u64)),
                f => format!("{} times {of}", words::count(f as u64)),
            };
            let (value, before) = (number(value), number(before));
            match is_one {
                true => format!("{names} is {times}: {value} after {before}. Its unit may have changed."),
                false => format!("{count} series are {times}: {names}. Their unit may have changed."),
            }
        }
        _ if !is_one => {
            let what = match first.verdict {
                Verdict::Outside { .. } => "far outside of what they were so far",
                Verdict::TooFast { .. } => "changing far faster than so far",
                Verdict::Beyond { .. } => "beyond their limits",
                _ => "changing faster than their limits",
            };
            format!("{count} series are {what}: {names}.")
        }
        Verdict::Outside { value, low, high, samples, .. } => {
            let samples = if samples == u16::MAX { "all".to_owned() } else { words::count(u64::from(samples)) };
            let (value, low, high) = (number(value), number(low), number(high));
            format!("{names} is {value}. It was between {low} and {high} in {samples} samples before.")
        }
        Verdict::TooFast { value, before, per_second, usual, .. } => format!(
            "{names} went from {} to {}: {} per second, where it was at most {}.",
            number(before),
            number(value),
            number(round(per_second)),
            number(round(usual))
        ),
        Verdict::Beyond { value, limit, .. } => {
            let side = if value < limit { "below" } else { "above" };
            match value.is_finite() {
                true => format!("{names} is {}, {side} its limit of {}.", number(value), number(limit)),
                false => format!("{names} is {}, which no limit allows.", number(value)),
            }
        }
        Verdict::FasterThan { per_second, limit, .. } => {
            format!("{names} changes by {} per second. Its limit is {}.", number(round(per_second)), number(limit))
        }
    }
}

/// Three digits are enough for a rate.
fn round(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn number(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude.is_infinite() => "infinite".to_owned(),
        magnitude if magnitude != 0.0 && !(1e-4..1e15).contains(&magnitude) => format!("{value:e}"),
        _ if value.is_nan() => "not a number".to_owned(),
        _ => value.to_string(),
    }
}
