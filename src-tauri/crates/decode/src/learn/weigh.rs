//! A closer look at numbers, once the keys are known: which of them are running numbers or identifiers, and what unit
//! stands beside them.

use std::sync::Arc;

use feedwatch_model::Value;
use rustc_hash::{FxHashMap, FxHashSet};

use super::extend::{New, name};
use super::facts::Verdict;
use super::growth::{self, Growth};
use super::hints;
use super::observed::Observed;
use super::roles::Plan;
use crate::json::number::number;
use crate::json::text::unescape;
use crate::json::trie::Trie;

impl Plan {
    /// How the numbers went on: some of them run with something.
    pub(super) fn weigh(&self, new: &mut [New], messages: &[&Observed], trie: &Trie) {
        let numbers: FxHashSet<u32> = new.iter().filter(|path| is_number(path)).map(|path| path.node).collect();
        let growth = growth::follow(messages, &self.keys, |node| numbers.contains(&node));
        let running = running(messages, &growth, trie);
        for path in new.iter_mut().filter(|path| is_number(path)) {
            path.growth = growth.get(&path.node).copied().unwrap_or_default();
            if running.contains(&path.node) {
                path.verdict = Verdict::Identifier;
            }
        }
        let alike = |path: &&New| is_alike(path, new, messages, trie);
        let alike: Vec<u32> = new.iter().filter(alike).map(|path| path.node).collect();
        for path in new.iter_mut().filter(|path| alike.contains(&path.node)) {
            path.verdict = Verdict::Identifier;
        }
        for node in in_file(new, trie) {
            let of_node = |path: &&mut New| path.node == node && is_number(path);
            new.iter_mut().filter(of_node).for_each(|path| path.verdict = Verdict::Sequence);
        }
        for at in whole_of(new, trie) {
            new.get_mut(at).into_iter().for_each(|path| path.is_whole_of = true);
        }
        give_units(new, messages, trie);
    }
}

/// The whole numbers that are a place in the file named beside them.
fn in_file(new: &[New], trie: &Trie) -> Vec<u32> {
    let called = |path: &New, names: &[&str]| names.contains(&trie.segment(path.node).to_lowercase().as_str());
    let files: FxHashSet<u32> = new
        .iter()
        .filter(|path| path.facts.is_text() && called(path, &["file", "filename", "segment", "logfile", "log"]))
        .map(|path| trie.parent(path.node))
        .collect();
    let places = new.iter().filter(|path| path.facts.is_whole() && files.contains(&trie.parent(path.node)));
    places.filter(|path| called(path, &["pos", "position", "offset", "row", "line"])).map(|path| path.node).collect()
}

/// The numbers called `total` that stand beside what is used of it, or free.
fn whole_of(new: &[New], trie: &Trie) -> Vec<usize> {
    const PARTS: [&str; 8] = ["free", "used", "available", "avail", "idle", "cached", "usage", "remaining"];
    let parts: FxHashSet<u32> = new
        .iter()
        .filter(|path| hints::words(&trie.segment(path.node)).iter().any(|word| PARTS.contains(&word.as_str())))
        .map(|path| trie.parent(path.node))
        .collect();
    let totals = new.iter().enumerate().filter(|(_, path)| parts.contains(&trie.parent(path.node)));
    totals.filter(|(_, path)| hints::is_total(&trie.segment(path.node))).map(|(at, _)| at).collect()
}

/// Numbers that one is compared with, and numbers that are compared at all: each comparison looks through the messages.
const MAX_BESIDE: usize = 8;
const MAX_LARGE: usize = 256;
const MAX_FIELDS: usize = 1024;
/// Texts that tell the unit of numbers.
const MAX_UNITS: usize = 64;

fn is_number(path: &New) -> bool {
    path.verdict == Verdict::Number
}

/// Whether a whole number stands beside an identifier of as many digits and is hardly ever the same twice, or runs beside
/// it: it is one too.
fn is_alike(path: &New, all: &[New], messages: &[&Observed], trie: &Trie) -> bool {
    let (least, most) = path.facts.range();
    let differs = path.facts.told() > 1 && path.facts.distinct.len() * 10 >= path.facts.told() as usize * 8;
    let fits = is_number(path) && path.facts.is_whole() && least >= growth::LARGE;
    // What has thousands of fields is no message of numbers that run beside each other.
    if !fits || all.len() > MAX_FIELDS || hints::is_measure(&name(trie, path.node)) {
        return false;
    }
    let digits = |size: f64| size.log10().floor();
    let identifies = |other: &&New| other.verdict == Verdict::Identifier && other.facts.is_whole();
    let beside = all.iter().filter(identifies).filter(|other| trie.parent(other.node) == trie.parent(path.node));
    beside.take(MAX_BESIDE).any(|other| {
        let (from, to) = other.facts.range();
        let is_of_size = least >= 1e6 && digits(from) == digits(least) && digits(to) == digits(most);
        (differs && is_of_size) || runs_beside(messages, path.node, other.node)
    })
}

/// Which of the numbers run with something else than what is measured: see [`growth`].
pub(super) fn running(messages: &[&Observed], growth: &FxHashMap<u32, Growth>, trie: &Trie) -> Vec<u32> {
    let fits = |(node, growth): &(&u32, &Growth)| growth.is_large() && !hints::is_measure(&name(trie, **node));
    let mut large: Vec<(u32, &Growth)> = growth.iter().filter(fits).map(|(node, growth)| (*node, growth)).collect();
    large.sort_by_key(|(node, _)| *node);
    large.truncate(MAX_LARGE);
    let beside = |node: u32, growth: &Growth| {
        let others = large.iter().filter(|(other, _)| *other != node && trie.parent(*other) == trie.parent(node));
        others
            .take(MAX_BESIDE)
            .any(|(other, of)| (growth.may_run() || of.may_run()) && runs_beside(messages, node, *other))
    };
    let runs = |(node, growth): &&(u32, &Growth)| (growth.may_run() && growth.goes_by_one()) || beside(*node, growth);
    large.iter().filter(runs).map(|(node, _)| *node).collect()
}

/// Whether the numbers at `node` are always nearly those at `other`, as the first and the last number of what a message
/// sums up are.
fn runs_beside(messages: &[&Observed], node: u32, other: u32) -> bool {
    let value = |message: &Observed, node| number(message.text(node)?).map(Value::as_f64);
    let mut pairs =
        messages.iter().filter_map(|message| Some((value(message, node)?, value(message, other)?))).peekable();
    pairs.peek().is_some() && pairs.all(|(a, b)| (a - b).abs() <= 1e-3 * b)
}

/// Numbers called `value`, or alone beside a text called `unit`, have that unit; those whose name begins as that of a text
/// `…Unit` have that one, wherever they stand.
fn give_units(new: &mut [New], messages: &[&Observed], trie: &Trie) {
    let constant = |path: &&New| path.facts.is_text() && path.facts.distinct.len() == 1;
    let text = |node: u32| {
        let mut plain = Vec::new();
        unescape(messages.iter().find_map(|message| message.text(node))?, &mut plain);
        hints::written(std::str::from_utf8(&plain).ok()?).map(Arc::<str>::from)
    };
    let units: Vec<(u32, Vec<String>, Arc<str>)> = new
        .iter()
        .filter(constant)
        .filter_map(|path| {
            let name = trie.segment(path.node);
            let about = hints::of_unit_name(&name)?;
            Some((trie.parent(path.node), about, text(path.node)?))
        })
        .collect();
    for (parent, about, unit) in units.into_iter().take(MAX_UNITS) {
        let beside = |path: &&mut New| is_number(path) && trie.parent(path.node) == parent;
        match about.first() {
            Some(first) => {
                let is_of_it = |path: &&mut New| {
                    hints::words(&name(trie, path.node)).first().is_some_and(|of| of.starts_with(first))
                };
                let numbers =
                    new.iter_mut().filter(|path| is_number(path) && trie.is_above(trie.element_of(parent), path.node));
                numbers.filter(is_of_it).for_each(|path| path.unit = Some(unit.clone()));
            }
            None => {
                let alone = new.iter_mut().filter(beside).count() == 1;
                // A value may have its unit among its attributes, one level below.
                let above = trie.parent(parent);
                let of_attribute = |path: &&mut New| {
                    is_number(path) && trie.parent(path.node) == above && hints::is_value(&trie.segment(path.node))
                };
                new.iter_mut().filter(of_attribute).for_each(|path| path.unit = Some(unit.clone()));
                for path in new.iter_mut().filter(beside) {
                    if alone || hints::is_value(&trie.segment(path.node)) {
                        path.unit = Some(unit.clone());
                    }
                }
            }
        }
    }
}
