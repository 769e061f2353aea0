//! Arrays of objects that are told apart by their place: `{"pumps":[{"flow":1.5},{"flow":40.2}]}`.
//!
//! The elements have paths of their own (`/pumps/0/flow`) if there are always as many of them ([`MOST`] at most, in
//! [`ENOUGH`] messages), they hold numbers only and no time, none of the numbers names the rows, and the numbers of a place
//! are less spread than all of them together (half of the variance, for a third of the numbers), as for [`super::keys`]. A
//! batch of readings is no such array. Where something in an array is pinned, its path says whether it is one.

use std::collections::{BTreeMap, BTreeSet};

use feedwatch_model::Value;

use super::facts::{ENOUGH, Facts, Verdict};
use super::hints;
use super::observed::Observed;
use crate::json::number::number;
use crate::json::trie::{Step, Trie};
use crate::pins::Pins;

/// Rows of an array.
const MOST: usize = 8;
/// Leaves of one message that are looked at.
const MAX_LEAVES: usize = 2000;
const LESS_SPREAD: f64 = 0.5;

/// What was seen in the elements of one array of the message.
#[derive(Default)]
struct Rows {
    messages: u32,
    count: Option<usize>,
    unfit: bool,
    /// By path: what stands there, and the numbers by place.
    columns: BTreeMap<u32, (Facts, Vec<Vec<f64>>)>,
}

/// Marks the arrays whose elements are told apart by their place; whether there are any.
pub(crate) fn mark(trie: &mut Trie, messages: &[Observed], pins: &Pins) -> bool {
    let mut arrays: BTreeMap<u32, Rows> = BTreeMap::new();
    for message in messages {
        look(trie, message, &mut arrays);
    }
    let fits = |(element, rows): &(&u32, &Rows)| match pins.steps_below(&trie.path(trie.parent(**element))).next() {
        Some(step) => step != "*",
        None => rows.are_places(trie),
    };
    let found: Vec<u32> = arrays.iter().filter(fits).map(|(element, _)| trie.parent(*element)).collect();
    found.iter().for_each(|array| trie.mark_rows(*array));
    !found.is_empty()
}

fn look(trie: &Trie, message: &Observed, arrays: &mut BTreeMap<u32, Rows>) {
    let mut elements: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    let leaves = message
        .leaves
        .iter()
        .take(MAX_LEAVES)
        .filter(|leaf| leaf.element != 0 && message.elements.get(leaf.element as usize) == Some(&0));
    for leaf in leaves.clone() {
        elements.entry(trie.element_of(leaf.node)).or_default().insert(leaf.element);
    }
    elements.retain(|node, _| trie.step(*node) == Step::Element);
    for (node, found) in &elements {
        let rows = arrays.entry(*node).or_default();
        rows.messages += 1;
        rows.unfit |= *rows.count.get_or_insert(found.len()) != found.len() || !(2..=MOST).contains(&found.len());
    }
    for leaf in leaves {
        let node = trie.element_of(leaf.node);
        let Some(place) = elements.get(&node).and_then(|found| found.iter().position(|at| *at == leaf.element)) else {
            continue;
        };
        let Some(rows) = arrays.get_mut(&node).filter(|rows| !rows.unfit) else { continue };
        let value = number(leaf.raw(&message.payload)).map(Value::as_f64).filter(|value| value.is_finite());
        // A lone value, an array in an array, or a text: nothing to be told apart, or by itself.
        rows.unfit |= trie.step(leaf.node) != Step::Key || (value.is_none() && leaf.is_string());
        let (facts, places) = rows.columns.entry(leaf.node).or_default();
        facts.add(leaf, &message.payload, message.received);
        places.resize(places.len().max(place + 1), Vec::new());
        if let (Some(value), Some(numbers)) = (value, places.get_mut(place)) {
            numbers.push(value);
        }
    }
}

impl Rows {
    fn are_places(&self, trie: &Trie) -> bool {
        if self.unfit || self.messages < ENOUGH {
            return false;
        }
        let names = |(node, (facts, places)): (&u32, &(Facts, Vec<Vec<f64>>))| {
            let name = trie.segment(*node);
            matches!(facts.verdict(&name), Verdict::Time(_) | Verdict::Identifier)
                || (facts.is_whole() && !hints::is_measure(&name) && is_numbering(places))
        };
        if self.columns.iter().any(names) {
            return false;
        }
        let mut gains: Vec<f64> = self.columns.values().filter_map(|(_, places)| less_spread(places)).collect();
        gains.sort_by(|a, b| b.total_cmp(a));
        gains.get(gains.len() / 3).is_some_and(|gain| *gain >= LESS_SPREAD)
    }
}

/// Whether each place has a number of its own that never changes.
fn is_numbering(places: &[Vec<f64>]) -> bool {
    let firsts: Vec<u64> = places.iter().filter_map(|numbers| numbers.first()).map(|first| first.to_bits()).collect();
    let constant = places.iter().all(|numbers| numbers.iter().all(|number| Some(number) == numbers.first()));
    constant && firsts.len() == places.len() && firsts.iter().collect::<BTreeSet<_>>().len() == firsts.len()
}

/// The share of the variance that goes if the numbers are grouped by their place.
fn less_spread(places: &[Vec<f64>]) -> Option<f64> {
    let count: usize = places.iter().map(Vec::len).sum();
    let free = count.checked_sub(places.len()).filter(|free| *free > 0)?;
    let mean = |numbers: &mut dyn Iterator<Item = f64>, count: usize| numbers.sum::<f64>() / count.max(1) as f64;
    let all = mean(&mut places.iter().flatten().copied(), count);
    let total: f64 = places.iter().flatten().map(|number| (number - all).powi(2)).sum();
    let inside = places.iter().map(|numbers| {
        let middle = mean(&mut numbers.iter().copied(), numbers.len());
        numbers.iter().map(|number| (number - middle).powi(2)).sum::<f64>()
    });
    let inside: f64 = inside.sum();
    (total > 0.0).then(|| 1.0 - (inside / free as f64) / (total / (count as f64 - 1.0)))
}
