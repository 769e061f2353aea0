//! Giving the new paths of a kind their meaning, from all messages of it that are at hand (the learning window) or
//! from the one that brought them.

use std::cmp::Reverse;
use std::sync::Arc;

use feedwatch_model::{SeriesKind, TimeUnit, Why};

use super::facts::{ENOUGH, Facts, Verdict, gather};
use super::growth::Growth;
use super::hints;
use super::keys;
use super::kinds::Kinds;
use super::names::{Forms, Names};
use super::observed::Observed;
use super::pinned;
use super::roles::{KeyField, Plan, Slot, State, TOPIC, What};
use super::sequence::Sequences;
use super::table::KeyTable;
use super::topics;
use crate::json::trie::{NONE, ROOT, Step, Trie};
use crate::pins::{Pin, Pins};
use crate::stamp;

/// Keys of a kind, over all arrays.
const MAX_KEYS: usize = 8;
/// A message with so many whole numbers is a report.
const REPORT: usize = 16;

/// What learning reads and writes beside the plan.
pub(crate) struct Surroundings<'a> {
    pub(crate) trie: &'a Trie,
    pub(crate) kinds: &'a Kinds,
    /// Paths that are keys of other kinds.
    pub(crate) keys: &'a [u32],
    pub(crate) pins: &'a Pins,
    pub(crate) names: &'a mut Names,
    pub(crate) sequences: &'a mut Sequences,
}

/// A path that has no meaning yet.
pub(super) struct New<'a> {
    pub(super) node: u32,
    /// What is pinned of it.
    pub(super) pin: Option<Pin<'a>>,
    pub(super) facts: Facts,
    pub(super) verdict: Verdict,
    pub(super) growth: Growth,
    /// The unit that stands beside it.
    pub(super) unit: Option<Arc<str>>,
    /// It is a total of which its neighbours are parts, and no sum.
    pub(super) is_whole_of: bool,
}

impl Plan {
    /// Decides about every path in `messages` that has no meaning yet.
    pub(crate) fn extend<'a>(&mut self, kind: u32, messages: &[&Observed], around: &mut Surroundings<'a>) {
        self.set_changed();
        self.label = around.kinds.label(kind as usize);
        self.look_again(kind, around);
        let is_first = self.roles.is_empty();
        let mut new: Vec<New<'a>> = self.new_paths(messages, around);
        self.is_report |= is_report(&new, around.trie);
        self.extend_keys(messages, &new, around);
        self.extend_times(&new, messages, around);
        self.weigh(&mut new, messages, around.trie);
        for path in &new {
            self.settle(path, around);
        }
        if around.pins.sequences.is_none() {
            self.watch_new(&new, messages, kind, around);
        }
        if is_first {
            let facts: Vec<(u32, Facts)> = new.into_iter().map(|path| (path.node, path.facts)).collect();
            self.expect_keys(&facts, around);
        }
    }

    /// The paths without a meaning, in order of appearance, with what was seen there.
    pub(super) fn new_paths<'a>(&self, messages: &[&Observed], around: &Surroundings<'a>) -> Vec<New<'a>> {
        let facts = gather(messages, |node| matches!(self.role(node).what, What::Unseen | What::Pending));
        let judged = facts.into_iter().map(|(node, facts)| {
            let verdict = facts.verdict(&name(around.trie, node));
            New {
                node,
                pin: pinned::look_up(around, node, &self.label),
                facts,
                verdict,
                growth: Growth::default(),
                unit: None,
                is_whole_of: false,
            }
        });
        judged.collect()
    }

    fn extend_keys(&mut self, messages: &[&Observed], new: &[New<'_>], around: &mut Surroundings<'_>) {
        let trie = around.trie;
        if let Some(keys) = &around.pins.keys {
            return self.pin_keys(keys, new, messages, trie);
        }
        let is_number = |path: &&New| matches!(path.verdict, Verdict::Number | Verdict::Boolean | Verdict::Words);
        let numbers: Vec<u32> = new.iter().filter(is_number).map(|path| path.node).collect();
        if self.keys.is_empty() && !numbers.is_empty() {
            self.keys.extend(topics::key(messages));
        }
        let had: Vec<u32> = self.keys.iter().filter(|key| key.node != TOPIC).map(|key| key.element).collect();
        let facts: Vec<(u32, Facts)> = new.iter().map(|path| (path.node, path.facts.clone())).collect();
        let is_field = |node| around.kinds.is_field(node);
        for node in keys::decide(trie, messages, &facts, &numbers, is_field, |node| around.keys.contains(&node)) {
            let element = trie.element_of(node);
            if !had.contains(&element) {
                self.adopt_key(KeyField::new(node, trie.path(node).into(), element));
            }
        }
    }

    /// Takes a key in; `false` if there are too many.
    pub(super) fn adopt_key(&mut self, key: KeyField) -> bool {
        if self.keys.len() >= MAX_KEYS {
            return false;
        }
        let (place, node) = (self.keys.len() as u8, key.node);
        self.keys.push(key);
        if let What::Series(slot) = self.role(node).what
            && let Some(slot) = self.slots.get_mut(slot as usize)
        {
            slot.dropped = true;
        }
        if let Some(role) = self.role_mut(node) {
            role.what = What::Key(place);
        }
        true
    }

    /// The best time of the message, the best of each array, and the others.
    pub(super) fn extend_times(&mut self, new: &[New<'_>], messages: &[&Observed], around: &Surroundings<'_>) {
        let trie = around.trie;
        let unit = |path: &New<'_>| match (path.pin, path.verdict) {
            (Some(Pin::Time(unit)), _) => Some(unit),
            (Some(_), _) => None,
            (None, Verdict::Time(unit)) => Some(unit),
            (None, _) => None,
        };
        let mut times: Vec<(&New<'_>, TimeUnit)> = new.iter().filter_map(|path| Some((path, unit(path)?))).collect();
        times.retain(|(path, _)| matches!(self.role(path.node).what, What::Unseen | What::Pending));
        let nearest = times.iter().filter(|(path, _)| !hints::is_side_time(&name(trie, path.node)));
        let nearest = nearest.map(|(path, _)| path.facts.distance_secs()).fold(f64::INFINITY, f64::min);
        times.sort_by_key(|time| rank(trie, time, nearest));
        if let Some(pinned) = &around.pins.times {
            let rank = |node| around.pins.rank(&trie.path(node), &self.label).unwrap_or(pinned.len());
            times.sort_by_key(|(path, _)| rank(path.node));
        }
        let of_message = times.iter().filter(|(path, _)| trie.element_of(path.node) == ROOT);
        let liveliest = of_message.map(|(path, _)| path.facts.change()).fold(0.0, f64::max);
        for (path, unit) in times {
            let element = trie.element_of(path.node);
            let known = if element == ROOT {
                self.time.is_some()
            } else {
                self.element_times.iter().any(|(of, ..)| *of == element)
            };
            let fits = match &around.pins.times {
                Some(_) => matches!(path.pin, Some(Pin::Time(_))),
                None => path.may_be_event_time(trie, liveliest, messages.len()),
            };
            let what = match (known || !fits, element) {
                (true, _) => {
                    self.other_times.push((path.node, unit));
                    What::Skip
                }
                (false, ROOT) => {
                    self.time = Some((path.node, unit));
                    What::Time(unit)
                }
                (false, _) => {
                    self.element_times.push((element, path.node, unit));
                    What::ElementTime(unit)
                }
            };
            if let Some(role) = self.role_mut(path.node) {
                role.what = what;
                role.why = (what == What::Skip).then_some(Why::Time);
            }
        }
    }

    fn settle(&mut self, path: &New<'_>, around: &mut Surroundings<'_>) {
        if !matches!(self.role(path.node).what, What::Unseen | What::Pending) {
            return;
        }
        let (what, why) = match path.verdict {
            _ if around.kinds.is_field(path.node) => (What::Skip, None),
            _ if matches!(path.pin, Some(Pin::Ignored)) => (What::Skip, Some(Why::Text)),
            Verdict::Text | Verdict::State if path.is_pinned_series() => {
                (What::State(self.new_state(path, around)), None)
            }
            verdict if path.is_pinned_series() && verdict != Verdict::Empty => {
                (What::Series(self.new_slot(path, around)), None)
            }
            Verdict::Empty => (What::Pending, None),
            Verdict::Boolean | Verdict::Words | Verdict::Number => (What::Series(self.new_slot(path, around)), None),
            Verdict::State => (What::State(self.new_state(path, around)), None),
            Verdict::Checksum => (What::Skip, Some(Why::Checksum)),
            Verdict::Setting => (What::Skip, Some(Why::Constant)),
            Verdict::Sequence => (What::Skip, Some(Why::Sequence)),
            Verdict::Identifier => (What::Skip, Some(Why::Identifier)),
            Verdict::Time(_) | Verdict::Clock => (What::Skip, Some(Why::Time)),
            Verdict::Text if hints::is_identifier(&name(around.trie, path.node)) => (What::Skip, Some(Why::Identifier)),
            Verdict::Text if hints::is_checksum(&name(around.trie, path.node)) && !path.facts.may_name() => {
                (What::Skip, Some(Why::Checksum))
            }
            Verdict::Text => (What::Skip, Some(Why::Text)),
        };
        if let Some(role) = self.role_mut(path.node) {
            (role.what, role.why) = (what, why);
        }
    }

    fn new_slot(&mut self, path: &New<'_>, around: &mut Surroundings<'_>) -> u32 {
        let name = name(around.trie, path.node);
        let forms = Forms::of(around.trie, path.node, &self.label);
        around.names.announce(&forms);
        let pinned = if let Some(Pin::Series(pinned)) = path.pin { Some(pinned) } else { None };
        let found = match path.verdict {
            Verdict::Boolean | Verdict::Words => SeriesKind::Boolean,
            _ if path.is_whole_of || path.growth.fell() => SeriesKind::Gauge,
            _ if hints::is_counter(&name) || is_in_sum(path.node, around.trie) => SeriesKind::Counter,
            _ if path.growth.is_sum() && !hints::is_level(&name) => SeriesKind::Counter,
            _ => SeriesKind::Gauge,
        };
        let slot = Slot {
            path: around.trie.path(path.node).into(),
            table: self.table_of(path.node, around.trie),
            kind: pinned.and_then(|pinned| pinned.kind).unwrap_or(found),
            unit: match pinned.and_then(|pinned| pinned.unit.as_deref()) {
                Some(unit) => Some(Arc::from(unit)),
                None => hints::unit(&name).map(Arc::from).or_else(|| path.unit.clone()),
            },
            forms,
            base: None,
            series: Vec::new(),
            before: Vec::new(),
            left_out: false,
            dropped: false,
        };
        self.slots.push(slot);
        (self.slots.len() - 1) as u32
    }

    fn new_state(&mut self, path: &New<'_>, around: &mut Surroundings<'_>) -> u32 {
        let forms = Forms::of(around.trie, path.node, &self.label);
        around.names.announce(&forms);
        let table = self.table_of(path.node, around.trie);
        self.states.push(State::new(around.trie.path(path.node).into(), table, forms));
        (self.states.len() - 1) as u32
    }

    /// The table of the keys that stand in the element of `node` or around it.
    pub(super) fn table_of(&mut self, node: u32, trie: &Trie) -> u32 {
        let fields: Vec<usize> = (0..self.keys.len())
            .filter(|at| self.keys.get(*at).is_some_and(|key| trie.is_above(key.element, node)))
            .collect();
        if fields.is_empty() {
            return NONE;
        }
        let known = self.tables.iter().position(|table| table.fields == fields);
        known.unwrap_or_else(|| {
            self.tables.push(KeyTable::new(fields));
            self.tables.len() - 1
        }) as u32
    }
}

impl New<'_> {
    fn is_pinned_series(&self) -> bool {
        matches!(self.pin, Some(Pin::Series(_)))
    }

    /// Whether it can be the time of what the message tells: it moves as the others do, and is not called after
    /// something else unless it comes with the message. An array's elements have nothing better.
    fn may_be_event_time(&self, trie: &Trie, liveliest: f64, messages: usize) -> bool {
        let secs = self.facts.distance_secs();
        if secs > stamp::PLAUSIBLE_SECS && !self.facts.are_together() {
            return false;
        }
        if trie.element_of(self.node) != ROOT {
            return true;
        }
        let moves = messages < ENOUGH as usize || self.facts.change() * 2.0 >= liveliest && self.facts.change() > 0.0;
        let is_side = hints::is_side_time(&name(trie, self.node));
        moves && (!is_side || (secs < 86_400.0 && messages >= 3))
    }
}

/// Whether a message reports how something stands, in many counters at once: that one of them goes up by one with every
/// report (it may count the reports) numbers no messages.
fn is_report(new: &[New], trie: &Trie) -> bool {
    let counts = |path: &&New| trie.element_of(path.node) == ROOT && path.facts.is_whole();
    new.iter().filter(counts).count() >= REPORT
}

/// Whether what stands around a number is called a sum or a counter.
fn is_in_sum(node: u32, trie: &Trie) -> bool {
    trie.chain(node).iter().any(|step| ["sum", "counter", "counters"].contains(&trie.segment(*step).as_str()))
}

/// Order of preference among times: those with a zone, plain names, those about as near to the receive time as the
/// nearest one, the finer ones, texts, and those nearer to the top.
fn rank(trie: &Trie, (path, unit): &(&New, TimeUnit), nearest: f64) -> (bool, bool, bool, Reverse<u8>, bool, usize) {
    let side = hints::is_side_time(&name(trie, path.node));
    let is_far = path.facts.distance_secs() > 1.0 + 1.25 * nearest;
    let fineness = Reverse(path.facts.digits());
    (*unit == TimeUnit::Local, side, is_far, fineness, *unit != TimeUnit::Rfc3339, trie.chain(path.node).len())
}

/// The last segment that is a name.
pub(super) fn name(trie: &Trie, node: u32) -> String {
    let named = trie.chain(node).into_iter().rev().find(|step| trie.step(*step) == Step::Key);
    named.map(|step| trie.segment(step)).unwrap_or_default()
}
