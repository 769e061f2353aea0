//! A rule in force: where the numbers of each scope stand, and what a message says of it.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use feedwatch_model::{SequenceMark, SequenceRule};
use rustc_hash::FxHashMap;

use super::place::{Place, round};
use super::{Per, Scope};
use crate::catalogue::{self, Catalogue};
use crate::json::trie::Trie;
use crate::learn::kinds::find;
use crate::learn::learned::path_of;
use crate::learn::roles::Seen;

/// Scopes of which one number is known and that are not in a rule yet.
const MAX_WAITING: usize = 256;
/// Kinds of message that begin a rule anew.
const MAX_RESTARTS: usize = 8;

/// A rule that was borne out: who carries it, how it is scoped, and how it fared.
#[derive(Clone, Debug)]
pub(crate) struct RuleState {
    /// Where the number stands; the last one of two.
    pub(crate) node: u32,
    /// Where the first one of two stands, and where its leaf stood last time.
    pub(crate) first: Option<u32>,
    guess: usize,
    pub(crate) rule: SequenceRule,
    pub(crate) modulus: Option<u64>,
    pub(crate) scope: Scope,
    /// Kinds that carry it.
    pub(crate) kinds: Vec<u32>,
    /// Of those, what begins it anew.
    pub(crate) restarts: Vec<u32>,
    /// Snapshots that were seen to follow.
    follow: Vec<u32>,
    /// The kind of the message before.
    latest: u32,
    /// The one text the trial saw (its hash), while the connection may be the scope as well.
    pub(super) unsettled: Option<u64>,
    /// What its scope is called, once there is one.
    pub(crate) scope_paths: Vec<Arc<str>>,
    pub(super) places: FxHashMap<u64, Place>,
    /// Scopes of kinds that may join: one number of each.
    waiting: FxHashMap<u64, Place>,
    pub(crate) checked: u64,
    pub(crate) violations: u64,
    pub(super) named: bool,
    /// So many numbers there were when it last began anew, and how often it did so in a row.
    turn: (u64, u32),
    fallen: bool,
    /// Its place among the pinned ones.
    pub(crate) pin: Option<u32>,
}

/// Where a mark is put.
pub(crate) struct Marking<'a> {
    pub(crate) catalogue: &'a mut Catalogue,
    /// Scopes of a rule at most.
    pub(crate) max_scopes: usize,
    pub(crate) marks: &'a mut Vec<SequenceMark>,
}

/// Whether a kind of message belongs to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joins {
    Yes,
    /// This message does not tell.
    NotYet,
    /// It only repeats the number of the message before.
    Never,
}

/// What a message says where a rule looks.
pub(crate) struct Said<T> {
    pub(crate) kind: u32,
    pub(crate) value: u64,
    /// The first number of two, if it is a whole one.
    pub(crate) first: Option<u64>,
    /// What a scope reads.
    pub(crate) text: T,
}

impl RuleState {
    pub(super) fn new(node: u32, rule: SequenceRule, scope: Scope, kinds: Vec<u32>) -> RuleState {
        RuleState {
            node,
            first: None,
            guess: 0,
            rule,
            modulus: None,
            scope,
            kinds,
            restarts: Vec::new(),
            follow: Vec::new(),
            latest: u32::MAX,
            unsettled: None,
            scope_paths: Vec::new(),
            places: FxHashMap::default(),
            waiting: FxHashMap::default(),
            checked: 0,
            violations: 0,
            named: false,
            turn: (0, 0),
            fallen: false,
            pin: None,
        }
    }

    /// One that is believed without evidence.
    pub(crate) fn pinned(
        pin: u32,
        node: u32,
        first: Option<u32>,
        rule: SequenceRule,
        modulus: Option<u64>,
        scope: Scope,
    ) -> RuleState {
        RuleState { pin: Some(pin), first, modulus, named: true, ..RuleState::new(node, rule, scope, Vec::new()) }
    }

    /// What the catalogue says of it.
    pub(crate) fn told(&self, trie: &Trie) -> catalogue::Rule {
        let paths = self.paths().map(|node| Arc::from(path_of(trie, node))).collect();
        catalogue::Rule { paths, rule: self.rule, modulus: self.modulus }
    }

    /// The paths it reads: first and last number, or the one.
    pub(crate) fn paths(&self) -> impl Iterator<Item = u32> {
        self.first.into_iter().chain([self.node])
    }

    /// The first number of two.
    #[inline]
    pub(crate) fn first_of(&mut self, seen: &Seen<'_>, at: Option<usize>) -> Option<u64> {
        let first = self.first?;
        let leaf = match at {
            None => find(seen.leaves, first, &mut self.guess)?,
            Some(at) => seen.beside(first, at)?,
        };
        leaf.unsigned(seen.text)
    }

    /// Whether the feed went on to contradict it: a number whose name does not say that it counts messages was taken for a
    /// sequence by accident. It is marked no more.
    pub(crate) fn is_refuted(&self) -> bool {
        self.fallen || (!self.named && self.checked >= 16 && self.violations * 5 > self.checked)
    }

    /// Whether the profile tells of it.
    pub(crate) fn is_told(&self) -> bool {
        self.checked > 0 && !self.is_refuted()
    }

    /// The place of a message in the sequence, behind the last number of its scope that is known from the trial alone.
    /// `label`: path and text of what scopes it.
    pub(crate) fn mark<'a, T: Fn(Per) -> Option<&'a [u8]>>(
        &mut self,
        number: u32,
        said: &Said<T>,
        is_snapshot: impl Fn() -> bool,
        label: impl Fn(Per) -> Option<(Arc<str>, Arc<str>)>,
        into: Marking<'_>,
    ) {
        let Marking { catalogue, max_scopes, marks } = into;
        if self.is_refuted() {
            return;
        }
        if let Some(known) = self.unsettled {
            self.settle(known, said);
        }
        let Some(hash) = self.scope.hash(&said.text) else { return };
        let mut places = std::mem::take(&mut self.places);
        let full = places.len() >= max_scopes;
        let found = match places.entry(hash) {
            Entry::Occupied(known) => Some((known.into_mut(), false)),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(new) => Some((new.insert(Place::new(said.value)), true)),
        };
        if let Some((place, is_new)) = found {
            let known = place.last();
            let (first, last, restarts) = self.step(place, said, is_new, is_snapshot, number, catalogue);
            if place.scope == u32::MAX {
                let scope = catalogue.scopes.len() as u32;
                place.scope = scope;
                let per: Vec<_> = self.scope.parts().filter_map(label).collect();
                self.scope_paths = per.iter().map(|(path, _)| path.clone()).collect();
                catalogue.scopes.push(catalogue::Scope { rule: number, per });
                if !is_new {
                    marks.push(SequenceMark {
                        rule: number,
                        scope,
                        first: known,
                        last: known,
                        restarts: false,
                        before: true,
                    });
                }
            }
            marks.push(SequenceMark { rule: number, scope: place.scope, first, last, restarts, before: false });
        }
        self.places = places;
    }

    /// Moves a scope on: first and last number of the mark, and whether it begins anew.
    #[inline]
    fn step<T>(
        &mut self,
        place: &mut Place,
        said: &Said<T>,
        is_new: bool,
        is_snapshot: impl Fn() -> bool,
        number: u32,
        catalogue: &mut Catalogue,
    ) -> (u64, u64, bool) {
        let value = said.value;
        if is_new {
            return (said.first.unwrap_or(value), value, false);
        }
        // A first number that is missing, 0 or -1 names nothing.
        let names_none = self.rule == SequenceRule::NamesPrevious && said.first == Some(0) && place.last() != 0;
        let begins = self.restarts.contains(&said.kind) || (self.first.is_some() && said.first.is_none()) || names_none;
        if begins || self.begins_late(place, said, is_snapshot) {
            place.set(value);
            return (value, value, true);
        }
        let value = match self.modulus {
            // There are more numbers than was thought: it had begun anew by chance.
            Some(modulus) if value >= modulus => {
                (self.rule, self.modulus) = (SequenceRule::PlusOne, None);
                if let Some(rule) = catalogue.rules.get_mut(number as usize) {
                    (rule.rule, rule.modulus) = (self.rule, None);
                }
                place.set(value);
                return (value, value, true);
            }
            Some(modulus) => place.lifted(value, modulus),
            None => value,
        };
        if self.rule == SequenceRule::PlusOne
            && value < place.last()
            && let Some(count) = self.turns(place.last(), value, number, catalogue)
        {
            let lifted = place.lifted(value, count);
            let (checked, broken) = place.count(lifted, false);
            (self.checked, self.violations) = (self.checked + checked, self.violations + broken);
            return (lifted, lifted, false);
        }
        let first = said.first.unwrap_or(value);
        let (checked, broken) = match self.rule {
            // Without a name that says so it may be a minute or a column, which begin anew all the time.
            SequenceRule::PlusOne => place.count(value, self.named),
            rule => (1, u64::from(!place.go(rule, first, value))),
        };
        self.checked += checked;
        self.violations += broken;
        (first, value, false)
    }

    /// Whether a snapshot, of which none was seen to follow yet, does not follow either.
    #[inline]
    fn begins_late<T>(&mut self, place: &Place, said: &Said<T>, is_snapshot: impl Fn() -> bool) -> bool {
        let follows = match self.rule {
            SequenceRule::Increasing | SequenceRule::NonDecreasing | SequenceRule::PlusOneModulo => true,
            _ => self.follows(place, said),
        };
        if follows && said.kind == self.latest {
            return false;
        }
        self.latest = said.kind;
        self.snapshot_begins(follows, said.kind, is_snapshot)
    }

    #[cold]
    fn snapshot_begins(&mut self, follows: bool, kind: u32, is_snapshot: impl Fn() -> bool) -> bool {
        if !is_snapshot() {
            return false;
        }
        let known = self.follow.contains(&kind);
        if follows && !known {
            self.follow.push(kind);
        }
        let begins = !follows && !known && self.restarts.len() < MAX_RESTARTS;
        if begins {
            self.restarts.push(kind);
        }
        begins
    }

    /// Whether a counter that fell from `last` to `value` has gone round, and how many numbers there are: then it has that
    /// modulus from now on.
    #[cold]
    fn turns(&mut self, last: u64, value: u64, number: u32, catalogue: &mut Catalogue) -> Option<u64> {
        // A small count is believed only if nothing is missing where it goes round.
        let exact = |count: u64| value == 0 && count == last + 1;
        let mut found = round(last, value).filter(|count| *count >= 4096 || exact(*count));
        if value == 0 && found.is_none() {
            let count = last.saturating_add(1);
            self.turn = if self.turn.0 == count { (count, self.turn.1 + 1) } else { (count, 1) };
            let twice = self.turn.1 > 1 && count > 1;
            // Minutes, columns, places in a batch.
            self.fallen |= twice && !self.named;
            found = (twice && self.named).then_some(count);
        }
        let count = found?;
        (self.rule, self.modulus) = (SequenceRule::PlusOneModulo, Some(count));
        if let Some(rule) = catalogue.rules.get_mut(number as usize) {
            (rule.rule, rule.modulus) = (self.rule, self.modulus);
        }
        Some(count)
    }

    /// Whether the number is the next one of its scope: then its kind belongs to the rule. In a scope of which nothing is
    /// known the second number tells. A snapshot belongs to it in any case: what does not follow begins it anew.
    pub(crate) fn joins<'a, T>(&mut self, said: &Said<T>, is_snapshot: impl Fn() -> bool) -> Joins
    where
        T: Fn(Per) -> Option<&'a [u8]>,
    {
        let counts = matches!(self.rule, SequenceRule::PlusOne | SequenceRule::PlusOneModulo);
        let Some(scope) = self.scope.hash(&said.text) else { return Joins::NotYet };
        if let Some(place) = self.places.get(&scope) {
            let follows = self.follows(place, said);
            let begins = !follows && self.restarts.len() < MAX_RESTARTS && is_snapshot();
            if begins {
                self.restarts.push(said.kind);
            }
            let repeats = counts && !begins && said.value == self.bare(place.last());
            return match (follows || begins, repeats) {
                (true, _) => Joins::Yes,
                (false, true) => Joins::Never,
                (false, false) => Joins::NotYet,
            };
        }
        let Some(place) = self.waiting.remove(&scope).filter(|place| self.follows(place, said)) else {
            if self.waiting.len() < MAX_WAITING {
                self.waiting.insert(scope, Place::new(said.value));
            }
            return Joins::NotYet;
        };
        self.places.insert(scope, place);
        Joins::Yes
    }

    /// A number as messages say it.
    fn bare(&self, number: u64) -> u64 {
        self.modulus.and_then(|modulus| number.checked_rem(modulus)).unwrap_or(number)
    }

    fn follows<T>(&self, place: &Place, said: &Said<T>) -> bool {
        match self.rule {
            SequenceRule::PlusOne => place.is_next(said.value),
            SequenceRule::PlusOneModulo => {
                self.modulus.is_some_and(|modulus| place.is_next(place.lifted(said.value, modulus)))
            }
            SequenceRule::FirstFollowsLast => said.first.is_some() && said.first == place.last().checked_add(1),
            SequenceRule::NamesPrevious => said.first == Some(place.last()),
            SequenceRule::Increasing => false,
            SequenceRule::NonDecreasing => self.named && said.value >= place.last(),
        }
    }

    /// The first message with another text tells whether the numbers run through or each text has its own.
    #[cold]
    fn settle<'a, T: Fn(Per) -> Option<&'a [u8]>>(&mut self, known: u64, said: &Said<T>) {
        let Some(hash) = self.scope.hash(&said.text) else { return };
        if hash == known {
            return;
        }
        self.unsettled = None;
        let Some(mut place) = self.places.remove(&known) else { return };
        if self.follows(&place, said) {
            self.scope = Scope::CONNECTION;
            place.scope = u32::MAX;
            self.places.insert(0, place);
        } else {
            self.places.insert(known, place);
        }
    }
}
