//! What was learned of a feed, and reading its messages by it.

use std::sync::Arc;

use feedwatch_model::{Message, Reading, SequenceRule, Why};

use super::extend::Surroundings;
use super::hints;
use super::kinds::{Kinds, decide, starts_kinds};
use super::names::Names;
use super::observed::Observed;
use super::pinned;
use super::roles::{EVENT_ID, Found, LAST_PLACE, Plan, Seen, Watch, Watched, What};
use super::sequence::{Accepted, Joins, Marking, Per, Said, Sequences};
use super::shapes::Shapes;
use super::watch::last_place;
use crate::catalogue::Catalogue;
use crate::guard::{Guards, SignatureKey, View};
use crate::hash::hash64;
use crate::json::leaf::Leaf;
use crate::json::scan::Scanner;
use crate::json::trie::Trie;
use crate::pins::Pins;

/// What was learned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    pub(crate) kinds: Kinds,
    pub(crate) plans: Vec<Plan>,
    pub(crate) catalogue: Catalogue,
    pub(crate) sequences: Sequences,
    pub(crate) names: Names,
    pins: Arc<Pins>,
    shapes: Shapes,
    /// By kind: whether it is called a snapshot.
    snapshots: Vec<bool>,
    watched: Vec<Watched>,
    /// Path, candidate and number of what is on trial, of one message.
    tried: Vec<(u32, u16, u64)>,
    /// Messages that could be read.
    pub(crate) read: u64,
    pub(crate) guards: Guards,
}

impl Learned {
    pub(crate) fn new(pins: Arc<Pins>, key: Option<&SignatureKey>) -> Learned {
        Learned { pins, guards: Guards::new(key), ..Learned::default() }
    }

    /// `named`: fields that tell kinds apart by the format, which has a checksum of its own then.
    pub(crate) fn learn(&mut self, trie: &Trie, messages: &[Observed], named: &[u32]) {
        self.guards.learn(trie, messages, !named.is_empty());
        self.kinds.set_fields(&match &self.pins.kinds {
            Some(pinned) => pinned::kinds(pinned, messages, trie),
            None if named.is_empty() => decide(trie, messages),
            None => named.to_vec(),
        });
        let mut by_kind: Vec<Vec<&Observed>> = Vec::new();
        let mut of_message = Vec::new();
        for message in messages {
            let kind = self.kinds.of(&message.leaves, &message.payload) as usize;
            if by_kind.len() <= kind {
                by_kind.resize(kind + 1, Vec::new());
            }
            by_kind[kind].push(message);
            of_message.push(kind as u32);
        }
        for (kind, messages) in (0..).zip(&by_kind) {
            self.extend(trie, kind, messages);
        }
        for (&kind, message) in of_message.iter().zip(messages) {
            self.try_sequences(trie, kind, message);
        }
        let Learned { sequences, kinds, .. } = self;
        let accepted = sequences.accept(false, &|kind| hints::is_snapshot(&kinds.label(kind as usize)));
        self.put_in_force(trie, &accepted);
        self.leave_out_checksums();
    }

    /// Checksums are no series; what was charted before it was known goes on.
    fn leave_out_checksums(&mut self) {
        for node in self.guards.nodes() {
            for plan in &mut self.plans {
                let role = plan.role(node);
                let slot = match role.what {
                    What::Series(slot) => plan.slots.get(slot as usize).filter(|slot| slot.series.is_empty()),
                    What::Skip if role.why != Some(Why::Checksum) => None,
                    _ => continue,
                };
                if let Some(slot) = slot {
                    self.names.withdraw(&slot.forms);
                } else if role.what != What::Skip {
                    continue;
                }
                plan.set_what(node, What::Skip, Why::Checksum);
            }
        }
    }

    fn plan(&mut self, kind: u32) -> &mut Plan {
        let kind = kind as usize;
        if self.plans.len() <= kind {
            self.plans.resize(kind + 1, Plan::default());
        }
        &mut self.plans[kind]
    }

    fn extend(&mut self, trie: &Trie, kind: u32, messages: &[&Observed]) {
        let mut plan = std::mem::take(self.plan(kind));
        let Learned { kinds, names, sequences, plans, pins, catalogue, .. } = self;
        let keys: Vec<u32> = plans.iter().flat_map(|plan| plan.keys.iter().map(|key| key.node)).collect();
        plan.extend(kind, messages, &mut Surroundings { trie, kinds, keys: &keys, pins, names, sequences });
        if let Some(message) = messages.last().filter(|_| pins.sequences.is_some()) {
            let accepted = sequences.pin((kind, &plan.label), message, trie, pins);
            plan.carry(trie, &accepted, names);
            for rule in sequences.rules.get(catalogue.rules.len()..).unwrap_or_default() {
                catalogue.rules.push(rule.told(trie));
            }
        }
        *self.plan(kind) = plan;
    }

    fn try_sequences(&mut self, trie: &Trie, kind: u32, message: &Observed) {
        use crate::json::number::{counted, unsigned};
        let Learned { plans, sequences, tried, .. } = self;
        let Some(plan) = plans.get(kind as usize) else { return };
        let mut element = 0;
        tried.clear();
        if let (Watch::Trial(candidate), Some(id)) = (plan.event_id, &message.id) {
            tried.extend(unsigned(id.as_bytes()).map(|value| (EVENT_ID, candidate, value)));
        }
        if let (Watch::Trial(candidate), Some(leaf)) = (plan.last_place, last_place(trie, &message.leaves)) {
            tried.extend(unsigned(leaf.raw(&message.payload)).map(|value| (LAST_PLACE, candidate, value)));
        }
        // The numbers of the message itself may stand before and behind those of its elements.
        let is_inner = |leaf: &&Leaf| leaf.element != 0;
        let (inner, outer): (Vec<&Leaf>, Vec<&Leaf>) = message.leaves.iter().partition(is_inner);
        for leaf in outer.into_iter().chain(inner) {
            let Watch::Trial(candidate) = plan.role(leaf.node).watch else { continue };
            if leaf.element != element {
                sequences.observe(kind, tried, &|per| message.scoping(per, element));
                element = leaf.element;
                tried.clear();
            }
            tried.extend(counted(leaf.raw(&message.payload)).map(|value| (leaf.node, candidate, value)));
        }
        sequences.observe(kind, tried, &|per| message.scoping(per, element));
    }

    /// Lets the kinds that carry an accepted rule carry it, and the others join it if they may.
    fn put_in_force(&mut self, trie: &Trie, accepted: &[Accepted]) {
        for accepted in accepted {
            if accepted.copy {
                for &kind in &accepted.kinds {
                    if let Some(plan) = self.plans.get_mut(kind as usize) {
                        plan.count_messages(trie, accepted.node, &mut self.names);
                        plan.set_watch(accepted.node, Watch::No);
                    }
                }
                continue;
            }
            let Some(state) = self.sequences.rules.get(usize::from(accepted.rule)) else { continue };
            self.catalogue.rules.push(state.told(trie));
            for (kind, plan) in (0..).zip(&mut self.plans) {
                if !matches!(plan.watch(accepted.node), Watch::Trial(_)) {
                    continue;
                }
                let carries = accepted.kinds.contains(&kind);
                let watch = match (carries, accepted.open && !accepted.never.contains(&kind)) {
                    (true, _) => Watch::Rule(accepted.rule),
                    (false, true) => Watch::May(accepted.rule),
                    (false, false) if accepted.never.contains(&kind) => Watch::No,
                    (false, false) => continue,
                };
                if carries || accepted.never.contains(&kind) {
                    for node in accepted.first.into_iter().chain([accepted.node]) {
                        plan.count_messages(trie, node, &mut self.names);
                    }
                }
                if let Some(first) = accepted.first.filter(|_| carries) {
                    plan.set_watch(first, Watch::No);
                }
                plan.set_watch(accepted.node, watch);
            }
        }
    }

    /// Reads what the scanner found of a message. `held`: it was learned from.
    pub(crate) fn read(
        &mut self,
        trie: &Trie,
        scanner: &Scanner,
        seen: &Seen<'_>,
        held: bool,
        max_series: usize,
        reading: &mut Reading,
    ) {
        let mut kind = self.kinds.of(seen.leaves, seen.text);
        // Twice at most: once the new paths are learned, nothing is unknown.
        for strict in [true, false] {
            reading.clear();
            self.watched.clear();
            let Learned { plans, catalogue, names, watched, .. } = self;
            let found = &mut Found { reading, watched, catalogue, names, max_series };
            let known = plans.get_mut(kind as usize).map(|plan| plan.read(seen, strict, found));
            if matches!(known, Some(Ok(()))) {
                break;
            }
            kind = self.learn_late(trie, scanner, seen, kind);
        }
        reading.kind = kind;
        self.kinds.count(kind);
        let Learned { plans, catalogue, kinds, shapes, .. } = self;
        if let Some(plan) = plans.get(kind as usize) {
            reading.shape = shapes.of((scanner, seen.text), kind, reading.points.len(), plan, trie, catalogue);
        }
        if catalogue.kinds.len() < kinds.len() {
            // One kind needs no name.
            let names = (0..kinds.len()).map(|kind| if kinds.len() > 1 { kinds.label(kind) } else { String::new() });
            catalogue.kinds = names.map(Arc::from).collect();
            self.snapshots = catalogue.kinds.iter().map(|name| hints::is_snapshot(name)).collect();
        }
        self.read += 1;
        self.watch_beside(trie, seen, kind);
        if self.guards.is_active() && self.guards.read(trie, &View::of(seen), held, reading, &mut self.catalogue) {
            self.leave_out_checksums();
        }
        if !self.watched.is_empty() {
            self.follow_sequences(trie, seen, kind, held, max_series, reading);
        }
        reading.identity = identity(seen.message, reading, &self.catalogue);
    }

    /// Numbers that are no leaf with a place of its own.
    #[inline]
    fn watch_beside(&mut self, trie: &Trie, seen: &Seen<'_>, kind: u32) {
        let Some(plan) = self.plans.get(kind as usize) else { return };
        if plan.event_id != Watch::No
            && let Some(id) = seen.message.meta.as_ref().and_then(|meta| meta.id.as_deref())
        {
            let value = crate::json::number::unsigned(id.as_bytes());
            let (node, watch) = (EVENT_ID, plan.event_id);
            self.watched.extend(value.map(|value| Watched { node, watch, value, at: None, element: 0 }));
        }
        if plan.last_place != Watch::No
            && let Some(leaf) = last_place(trie, seen.leaves)
        {
            let value = leaf.unsigned(seen.text);
            let (node, watch) = (LAST_PLACE, plan.last_place);
            self.watched.extend(value.map(|value| Watched { node, watch, value, at: None, element: 0 }));
        }
    }

    /// New paths, perhaps a new field that tells kinds apart: the kind of the message after learning.
    #[cold]
    fn learn_late(&mut self, trie: &Trie, scanner: &Scanner, seen: &Seen<'_>, kind: u32) -> u32 {
        let observed = Observed::new(seen.message, seen.text, scanner);
        let mut kind = kind;
        // A kind that has a text of its own needs no further field.
        let explained = self.kinds.messages(kind as usize) == 0 && !self.kinds.label(kind as usize).is_empty();
        for leaf in observed.leaves.iter().filter(|_| !explained) {
            let is_new = self.plans.iter().all(|plan| plan.role(leaf.node).what == What::Unseen);
            let starts = || match &self.pins.kinds {
                Some(pinned) => pinned::is_kind(pinned, trie, leaf.node),
                None => starts_kinds(trie, leaf, seen.text),
            };
            if is_new && self.read > 0 && starts() && self.kinds.adopt(leaf.node) {
                kind = self.kinds.of(&observed.leaves, &observed.payload);
                break;
            }
        }
        self.extend(trie, kind, &[&observed]);
        self.guards.look(trie, &View::of(seen));
        self.leave_out_checksums();
        kind
    }

    fn follow_sequences(
        &mut self,
        trie: &Trie,
        seen: &Seen<'_>,
        kind: u32,
        held: bool,
        max_scopes: usize,
        reading: &mut Reading,
    ) {
        let Learned { snapshots, plans, catalogue, sequences, watched, tried, .. } = self;
        let is_snapshot = |kind: u32| snapshots.get(kind as usize).copied().unwrap_or_default();
        let (mut element, mut place, mut any) = (0, None, false);
        tried.clear();
        for &Watched { node, watch, value, at, element: own } in watched.iter() {
            let (rule, joins) = match watch {
                Watch::No => continue,
                Watch::Trial(_) if held => continue,
                Watch::Trial(candidate) if sequences.is_on_trial(candidate) => {
                    if own != element {
                        sequences.observe(kind, tried, &|per| seen.text(per, place));
                        tried.clear();
                        (element, place) = (own, at);
                    }
                    tried.push((node, candidate, value));
                    any = true;
                    continue;
                }
                Watch::Trial(_) => {
                    if let Some(plan) = plans.get_mut(kind as usize) {
                        plan.set_watch(node, Watch::No);
                    }
                    continue;
                }
                Watch::Rule(rule) => (rule, false),
                Watch::May(rule) => (rule, true),
            };
            let Some(state) = sequences.rules.get_mut(usize::from(rule)) else { continue };
            let first = state.first_of(seen, at);
            let said = Said { kind, value, first, text: |per: Per| seen.text(per, at) };
            if joins {
                let watch = match state.joins(&said, || is_snapshot(kind)) {
                    Joins::NotYet => continue,
                    Joins::Never => Watch::No,
                    Joins::Yes => Watch::Rule(rule),
                };
                if let Some(plan) = plans.get_mut(kind as usize) {
                    plan.set_watch(node, watch);
                }
                if watch == Watch::No {
                    continue;
                }
                state.kinds.push(kind);
            }
            let plan = plans.get(kind as usize);
            let label = |per: Per| match per {
                Per::Path(node) => {
                    let text = String::from_utf8_lossy(seen.text(per, at)?);
                    Some((Arc::from(trie.path(node)), Arc::from(text.as_ref())))
                }
                Per::Topic => plan?.topic_of(seen.message.meta.as_ref()?.topic.as_deref()?),
            };
            let into = Marking { catalogue, max_scopes, marks: &mut reading.marks };
            state.mark(rule.into(), &said, || is_snapshot(kind), label, into);
        }
        if any {
            sequences.observe(kind, tried, &|per| seen.text(per, place));
            let accepted = sequences.accept(true, &is_snapshot);
            self.put_in_force(trie, &accepted);
        }
    }
}

/// The path of a number.
pub(crate) fn path_of(trie: &Trie, node: u32) -> String {
    match node {
        EVENT_ID => "attr:id".to_owned(),
        LAST_PLACE => "/-1".to_owned(),
        _ => trie.path(node),
    }
}

/// What makes a message the same as another one, beside its sequence numbers.
pub(crate) fn identity(message: &Message, reading: &Reading, catalogue: &Catalogue) -> Option<u64> {
    let meta = message.meta.as_deref();
    if let Some(id) = meta.and_then(|meta| meta.id.as_deref()) {
        return Some(hash64(id.as_bytes(), 1));
    }
    // A number that may repeat is no identity.
    let numbered = reading.marks.iter().any(|mark| !may_repeat(catalogue, mark.rule));
    if numbered || reading.time.is_none() {
        return None;
    }
    let topic = meta.and_then(|meta| meta.topic.as_deref()).map_or(2, |topic| hash64(topic.as_bytes(), 3));
    Some(hash64(&message.payload, topic))
}

fn may_repeat(catalogue: &Catalogue, rule: u32) -> bool {
    catalogue.rules.get(rule as usize).is_some_and(|rule| rule.rule == SequenceRule::NonDecreasing)
}
