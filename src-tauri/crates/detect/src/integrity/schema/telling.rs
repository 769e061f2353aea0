//! The sentences about fields.

use feedwatch_model::{Check, FeedId, FieldType, Finding, FindingKind, Severity};

use super::Place;
use super::kind::{Kind, Told, What};
use crate::integrity::words;

const MAX_PATH: usize = 80;

/// Makes findings of what is told: one of each sort and place.
#[cold]
pub(super) fn tell(feed: FeedId, told: &mut Vec<Told>, kind: &Kind, called: &str, now: Place, out: &mut Vec<Finding>) {
    while let Some(first) = told.first().copied() {
        let is_same = |other: &Told| sort(other.what) == sort(first.what) && other.place == first.place;
        let same: Vec<Told> = told.extract_if(.., |other| is_same(other)).collect();
        let place = if sort(first.what).0 == Sort::Back { now } else { first.place };
        let (kind_of, severity) = match sort(first.what).0 {
            Sort::Lost => (FindingKind::Lost, Severity::Warning),
            Sort::Appeared | Sort::Back => (FindingKind::Appeared, Severity::Info),
            Sort::Retyped => (FindingKind::Retyped, Severity::Warning),
        };
        let text = sentence(&same, kind, called);
        out.push(Finding {
            message: Some(place.message),
            ..Finding::new(Check::Schema, kind_of, feed, place.at, severity, text)
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Lost,
    Appeared,
    Back,
    Retyped,
}

/// What is told together.
fn sort(what: What) -> (Sort, Option<(FieldType, FieldType)>) {
    match what {
        What::Lost => (Sort::Lost, None),
        What::Appeared | What::AppearedLast => (Sort::Appeared, None),
        What::Back => (Sort::Back, None),
        What::Retyped(from, to) => (Sort::Retyped, Some((from, to))),
    }
}

fn sentence(told: &[Told], kind: &Kind, called: &str) -> String {
    let path = |told: &Told| {
        let path = kind.nodes.get(told.node as usize).map_or("", |node| &node.path);
        path.chars().take(MAX_PATH).collect::<String>()
    };
    let (is_one, of) = (told.len() == 1, words::of(called));
    let names = words::list(told.iter().map(path));
    let Some(first) = told.first() else { return String::new() };
    let before = words::messages(told.iter().map(|told| told.messages).min().unwrap_or(0));
    match first.what {
        What::Lost if is_one => format!("The field {names}{of} is gone. It was in each of {before} before."),
        What::Lost => format!("{} fields{of} are gone: {names}. They were in each of {before} before.", told.len()),
        What::Back if is_one => format!("The field {names}{of} is back, after {before} without it."),
        What::Back => format!("{} fields{of} are back: {names}, after {before} without them.", told.len()),
        What::Retyped(from, to) => {
            let (from, to) = (name(from), name(to));
            let subject = match is_one {
                true => format!("In the field {names}{of} stands"),
                false => format!("In {} fields{of} ({names}) stands", told.len()),
            };
            format!("{subject} {to} now. It was {from} in {before} before.")
        }
        What::Appeared | What::AppearedLast => {
            let mut text = match is_one {
                true => format!("There is a new field{of}: {names}. It was in none of {before} before."),
                false => {
                    format!("There are {} new fields{of}: {names}. They were in none of {before} before.", told.len())
                }
            };
            if told.iter().any(|told| told.what == What::AppearedLast) {
                text.push_str(" Such came before: further ones beside them are not told.");
            }
            text
        }
    }
}

fn name(is: FieldType) -> &'static str {
    match is {
        FieldType::Null => "null",
        FieldType::Boolean => "true or false",
        FieldType::Number => "a number",
        FieldType::Digits => "a number in quotes",
        FieldType::Text => "text",
        FieldType::Empty => "nothing",
    }
}
