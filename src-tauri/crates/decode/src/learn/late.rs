//! A second look for keys and at numbers: a feed may show each of its entities once before the first comes again, or so
//! little in the learning window that nothing recurs. While a kind has no key but a text that may be one, its messages are
//! kept, and judged again after 32, 128 and 512 of them. Series that were charted together till then go on one for each
//! entity. Numbers of which few were seen are looked at again after 8 and 32 messages: running numbers get no further
//! points, and sums are told to be counters (in the profile; series that were there before keep their kind).
//!
//! Limits: 512 messages and 4 MiB a kind, then what was decided stays decided.

use feedwatch_model::{SeriesKind, TimeUnit, Why};

use super::extend::Surroundings;
use super::facts::{ENOUGH, Facts, Verdict, gather};
use super::growth::{self, Growth};
use super::observed::Observed;
use super::roles::{KeyField, Plan, Role, Seen, TOPIC, Watch, What};
use super::{hints, keys, pinned, weigh};
use crate::json::trie::{ROOT, Trie};

/// After so many messages another look is taken: at numbers in the first [`NUMBERS`] rounds, for keys in all but the first.
const ROUNDS: [usize; 4] = [8, 32, 128, 512];
const NUMBERS: usize = 2;
const MAX_BYTES: usize = 4 << 20;

/// Messages of a kind whose keys may not be known yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Late {
    messages: Vec<Observed>,
    bytes: usize,
    round: usize,
    /// Whether there may be a key among them.
    for_keys: bool,
}

impl Late {
    /// Keeps a message; `false` while it is time to look again.
    #[inline(never)]
    pub(crate) fn take(&mut self, seen: &Seen<'_>) -> bool {
        if self.is_due() {
            return false;
        }
        let message = Observed::of(seen);
        self.bytes += message.payload.len() + 32 * message.leaves.len();
        self.messages.push(message);
        true
    }

    fn is_due(&self) -> bool {
        self.bytes >= MAX_BYTES || ROUNDS.get(self.round).is_none_or(|round| self.messages.len() >= *round)
    }

    fn is_last(&self) -> bool {
        let rounds = if self.for_keys { ROUNDS.len() } else { NUMBERS };
        self.bytes >= MAX_BYTES || self.round + 1 >= rounds
    }
}

impl Plan {
    /// Begins to keep messages if a path that is not charted may turn out to be a key.
    pub(super) fn expect_keys(&mut self, new: &[(u32, Facts)], around: &Surroundings<'_>) {
        let trie = around.trie;
        let charted: Vec<u32> = self.charted().collect();
        let may_be = |(node, facts): &(u32, Facts)| {
            let element = trie.element_of(*node);
            self.may_become_key(*node, facts, trie)
                && !around.kinds.is_field(*node)
                && !self.has_key_of(element)
                && charted.iter().any(|number| number != node && trie.is_above(element, *number))
        };
        let for_keys = around.pins.keys.is_none() && new.iter().any(may_be);
        let is_doubtful = |(node, facts): &(u32, Facts)| charted.contains(node) && facts.told() < 4 * ENOUGH;
        if for_keys || new.iter().any(is_doubtful) {
            self.late = Some(Box::new(Late { for_keys, ..Late::default() }));
        }
    }

    /// A time that was not taken for the message's own, since few messages came, may be it all the same.
    fn look_for_time(&mut self, messages: &[&Observed], around: &Surroundings<'_>) {
        let of_message = |(node, _): &(u32, TimeUnit)| around.trie.element_of(*node) == ROOT;
        if self.time.is_some() || around.pins.times.is_some() || !self.other_times.iter().any(of_message) {
            return;
        }
        let (again, others): (Vec<_>, Vec<_>) = self.other_times.iter().copied().partition(of_message);
        self.other_times = others;
        for (node, _) in again {
            if let Some(role) = self.role_mut(node) {
                *role = Role { what: What::Pending, why: None, ..*role };
            }
        }
        let new = self.new_paths(messages, around);
        self.extend_times(&new, messages, around);
    }

    /// Running numbers get no further points, and sums are told.
    fn weigh_again(&mut self, messages: &[&Observed], around: &Surroundings<'_>) {
        let trie = around.trie;
        let is_free = |node: &u32| pinned::look_up(around, *node, &self.label).is_none();
        let charted: Vec<u32> = self.charted().filter(is_free).collect();
        let growth = growth::follow(messages, &self.keys, |node| charted.contains(&node));
        let identifies =
            |(node, facts): (u32, Facts)| (facts.verdict(&trie.segment(node)) == Verdict::Identifier).then_some(node);
        let identifiers = gather(messages, |node| charted.contains(&node)).into_iter().filter_map(identifies);
        for node in identifiers.chain(weigh::running(messages, &growth, trie)) {
            self.drop_series(node, Why::Identifier);
        }
        for node in charted {
            let is_sum = growth.get(&node).is_some_and(Growth::is_sum) && !hints::is_level(&trie.segment(node));
            if let (true, What::Series(slot)) = (is_sum, self.role(node).what)
                && let Some(slot) = self.slots.get_mut(slot as usize).filter(|slot| slot.kind == SeriesKind::Gauge)
            {
                slot.kind = SeriesKind::Counter;
            }
        }
    }

    /// Looks for keys in what was kept, if it is time to.
    pub(super) fn look_again(&mut self, kind: u32, around: &mut Surroundings<'_>) {
        let Some(mut late) = self.late.take_if(|late| late.is_due()) else { return };
        let trie = around.trie;
        let messages: Vec<&Observed> = late.messages.iter().collect();
        if late.round < NUMBERS {
            self.weigh_again(&messages, around);
            self.look_for_time(&messages, around);
        }
        if !late.for_keys || late.round == 0 {
            if !late.is_last() {
                late.round += 1;
                self.late = Some(late);
            }
            return;
        }
        let facts = self.candidates(&messages, trie);
        let numbers: Vec<u32> = self.charted().collect();
        let is_field = |node| around.kinds.is_field(node);
        let found = keys::decide(trie, &messages, &facts, &numbers, is_field, |node| around.keys.contains(&node));
        let mut adopted = false;
        for node in found {
            let element = trie.element_of(node);
            let adds = self.keys.iter().all(|key| !keys::determines(&messages, key.node, node));
            if adds && self.adopt_key(KeyField::new(node, trie.path(node).into(), element)) {
                adopted = true;
            }
        }
        if adopted {
            self.chart_by_keys(trie);
            self.scope_trials(kind, around);
        } else if !late.is_last() {
            late.round += 1;
            self.late = Some(late);
        }
    }

    fn charted(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.roles).filter(|(_, role)| matches!(role.what, What::Series(_))).map(|(node, _)| node)
    }

    fn has_key_of(&self, element: u32) -> bool {
        self.keys.iter().any(|key| key.node != TOPIC && key.element == element)
    }

    fn may_become_key(&self, node: u32, facts: &Facts, trie: &Trie) -> bool {
        let name = trie.segment(node);
        let role = self.role(node);
        match role.what {
            What::Skip => {
                let is_named = hints::is_entity(&name);
                let kept = matches!(role.why, Some(Why::Text | Why::Identifier));
                let is_id = hints::words(&name).last().is_some_and(|last| last == "id");
                let may_recur = !hints::is_identifier(&name) || is_id || trie.element_of(node) != ROOT;
                let in_rows = trie.element_of(node) != ROOT && hints::is_row_name(&name);
                let fits = facts.is_text() && (!hints::is_attribute(&name) || in_rows) && may_recur;
                kept && facts.may_name() && (is_named || fits)
            }
            What::Series(_) => {
                let numbers_rows = trie.element_of(node) != ROOT && !hints::is_measure(&name);
                facts.is_whole() && (hints::is_entity(&name) || numbers_rows || keys::is_lead(trie, node))
            }
            _ => false,
        }
    }

    fn candidates(&self, messages: &[&Observed], trie: &Trie) -> Vec<(u32, Facts)> {
        let mut facts =
            gather(messages, |node| matches!(self.role(node).what, What::Skip | What::State(_) | What::Series(_)));
        facts.retain(|(node, facts)| {
            self.may_become_key(*node, facts, trie) && !self.has_key_of(trie.element_of(*node))
        });
        facts
    }

    /// Gives what is charted beside or below a new key a series for each of its texts.
    fn chart_by_keys(&mut self, trie: &Trie) {
        let charted: Vec<u32> = self.charted().collect();
        for node in charted {
            let table = self.table_of(node, trie);
            let What::Series(slot) = self.role(node).what else { continue };
            if let Some(slot) = self.slots.get_mut(slot as usize).filter(|slot| slot.table != table) {
                slot.table = table;
                slot.before.append(&mut slot.series);
            }
        }
    }

    /// Numbers on trial are tried per key too.
    fn scope_trials(&mut self, kind: u32, around: &mut Surroundings<'_>) {
        for (node, role) in (0..).zip(&self.roles) {
            if matches!(role.watch, Watch::Trial(_)) {
                let scopes = self.scopes(node, around.trie);
                around.sequences.scope(node, kind, &scopes);
            }
        }
    }
}
