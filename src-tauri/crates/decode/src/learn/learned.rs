//! What was learned of a feed, and reading its messages by it.

use std::sync::Arc;

use feedwatch_model::{Message, Reading, SequenceRule, Why};

use super::extend::Surroundings;
use super::kinds::{Kinds, decide, starts_kinds};
use super::names::Names;
use super::observed::Observed;
use super::roles::{Found, Plan, Seen, Watch, What};
use super::sequence::{Accepted, Per, Sequences};
use crate::catalogue::{Catalogue, Rule};
use crate::guard::{Guards, SignatureKey, View};
use crate::hash::hash64;
use crate::json::scan::Scanner;
use crate::json::trie::Trie;

/// What was learned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    pub(crate) kinds: Kinds,
    pub(crate) plans: Vec<Plan>,
    pub(crate) catalogue: Catalogue,
    pub(crate) sequences: Sequences,
    pub(crate) names: Names,
    watched: Vec<(u32, Watch, u64)>,
    /// Messages that could be read.
    pub(crate) read: u64,
    pub(crate) guards: Guards,
}

impl Learned {
    pub(crate) fn new(key: Option<&SignatureKey>) -> Learned {
        Learned { guards: Guards::new(key), ..Learned::default() }
    }

    /// `named`: fields that tell kinds apart by the format, which has a checksum of its own then.
    pub(crate) fn learn(&mut self, trie: &Trie, messages: &[Observed], named: &[u32]) {
        self.guards.learn(trie, messages, !named.is_empty());
        let found = if named.is_empty() { decide(trie, messages) } else { named.to_vec() };
        self.kinds.set_fields(&found);
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
            self.try_sequences(kind, message);
        }
        let accepted = self.sequences.accept(false);
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
        let Learned { kinds, names, sequences, plans, .. } = self;
        let keys: Vec<u32> = plans.iter().flat_map(|plan| plan.keys.iter().map(|key| key.node)).collect();
        plan.extend(kind, messages, &mut Surroundings { trie, kinds, keys: &keys, names, sequences });
        *self.plan(kind) = plan;
    }

    fn try_sequences(&mut self, kind: u32, message: &Observed) {
        let Some(plan) = self.plans.get(kind as usize) else { return };
        for leaf in message.leaves.iter().filter(|leaf| leaf.element == 0) {
            let Watch::Trial(candidate) = plan.role(leaf.node).watch else { continue };
            let Some(value) = crate::json::number::unsigned(leaf.raw(&message.payload)) else { continue };
            self.sequences.observe(candidate, kind, value, |per| match per {
                Per::Connection => None,
                Per::Path(node) => message.text(node),
                Per::Topic => message.topic.as_deref().map(str::as_bytes),
            });
        }
    }

    /// Lets the kinds that carry an accepted rule carry it, and the others join it if they may.
    fn put_in_force(&mut self, trie: &Trie, accepted: &[Accepted]) {
        for accepted in accepted {
            let path: Arc<str> = trie.path(accepted.node).into();
            self.catalogue.rules.push(Rule { paths: vec![path], rule: SequenceRule::PlusOne, modulus: None });
            for (kind, plan) in (0..).zip(&mut self.plans) {
                let role = plan.role(accepted.node);
                if role.watch != Watch::Trial(accepted.candidate) {
                    continue;
                }
                let carries = accepted.kinds.contains(&kind);
                let watch = match (carries, accepted.open) {
                    (true, _) => Watch::Rule(accepted.rule),
                    (false, true) => Watch::May(accepted.rule),
                    (false, false) => continue,
                };
                // A number that was charted before it was seen to count messages goes on being charted.
                let charted = match role.what {
                    What::Series(slot) => plan.slots.get(slot as usize).filter(|slot| slot.series.is_empty()),
                    _ => None,
                };
                if let Some(slot) = charted.filter(|_| carries) {
                    self.names.withdraw(&slot.forms);
                    plan.set_what(accepted.node, What::Skip, Why::Sequence);
                } else if carries && role.what == What::Skip {
                    plan.set_what(accepted.node, What::Skip, Why::Sequence);
                }
                if let Some(role) = plan.role_mut(accepted.node) {
                    role.watch = watch;
                }
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
        self.read += 1;
        if self.guards.is_active() && self.guards.read(trie, &View::of(seen), held, reading, &mut self.catalogue) {
            self.leave_out_checksums();
        }
        if !self.watched.is_empty() {
            self.follow_sequences(trie, seen, kind, held, max_series, reading);
        }
        reading.identity = identity(seen.message, reading);
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
            if is_new && self.read > 0 && starts_kinds(trie, leaf, seen.text) && self.kinds.adopt(leaf.node) {
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
        let text = |per: Per| seen.text(per);
        let mut tried = false;
        for at in 0..self.watched.len() {
            let Some(&(node, watch, value)) = self.watched.get(at) else { continue };
            let (rule, joins) = match watch {
                Watch::No => continue,
                Watch::Trial(_) if held => continue,
                Watch::Trial(candidate) => {
                    if self.sequences.is_on_trial(candidate) {
                        self.sequences.observe(candidate, kind, value, text);
                        tried = true;
                    } else if let Some(role) = self.plan(kind).role_mut(node) {
                        role.watch = Watch::No;
                    }
                    continue;
                }
                Watch::Rule(rule) => (rule, false),
                Watch::May(rule) => (rule, true),
            };
            let Some(state) = self.sequences.rules.get_mut(usize::from(rule)) else { continue };
            if joins {
                if !state.fits(value, text) {
                    continue;
                }
                state.kinds.push(kind);
            }
            let path_of = |per: Per| match per {
                Per::Path(node) => trie.path(node).into(),
                _ => "topic".into(),
            };
            reading.marks.extend(state.mark(rule.into(), value, text, path_of, &mut self.catalogue, max_scopes));
            if joins && let Some(role) = self.plan(kind).role_mut(node) {
                role.watch = Watch::Rule(rule);
            }
        }
        if tried {
            let accepted = self.sequences.accept(true);
            self.put_in_force(trie, &accepted);
        }
    }
}

/// What makes a message the same as another one, beside its sequence numbers.
pub(crate) fn identity(message: &Message, reading: &Reading) -> Option<u64> {
    let meta = message.meta.as_deref();
    if let Some(id) = meta.and_then(|meta| meta.id.as_deref()) {
        return Some(hash64(id.as_bytes(), 1));
    }
    if !reading.marks.is_empty() || reading.time.is_none() {
        return None;
    }
    let topic = meta.and_then(|meta| meta.topic.as_deref()).map_or(2, |topic| hash64(topic.as_bytes(), 3));
    Some(hash64(&message.payload, topic))
}
