//! Sequences: whole numbers by which messages follow each other.
//!
//! Each whole number of a message is tried in several scopes, the simplest first: the connection, each key, other texts
//! that recur (topic, partition, session), and two of them; for all kinds together and for each kind alone. A rule that
//! *counts* (`plus-one`) is taken once it has 8 pairs and a share of 80 %, in the simplest scope whose share is within
//! 5 % of the best, so that losses during the trial do not hide it. A number whose name does not say so needs 95 % of
//! fewer than 32 pairs and, below ten thousand, 16 pairs; it is not tried in reports of many counters, nor if it is called
//! a total. Two numbers that make a rule together are found in [`pairs`]. Where nothing of that holds, a number that is
//! called so, or a time in micro- or nanoseconds, may *only grow*, over 32 pairs.
//!
//! One rule is accepted of the numbers of a kind (that with the better name, then with the higher share), further ones
//! only if their names say so. A trial ends after 256 messages. A rule of a number without such a name falls when more
//! than a fifth of the pairs break it, or when it begins anew at the same number twice and that is no count of a counter.
//!
//! Kinds of message that only repeat the number before (heartbeats) have no part in a rule. Snapshots whose numbers do not
//! follow begin it anew. A kind that had no message during the trial joins when its first number fits. Where one text was
//! all the trial saw, it cannot be told from the connection: the text is taken, and the first message with another one
//! decides.
//!
//! A counter that goes from its last number to 0 has a modulus: known at once if counters have it (256, 65,536, 10,000, …),
//! else when it does so twice.

mod pairs;
mod place;
mod rule;
mod scope;
mod trial;

use feedwatch_model::SequenceRule;

use self::pairs::Pairs;
use self::place::Place;
pub(crate) use self::rule::{Joins, Marking, RuleState, Said};
pub(crate) use self::scope::{Per, Scope};
pub(crate) use self::trial::Name;
use self::trial::{Candidate, Group, salt};
use super::facts::ENOUGH;

const MAX_CANDIDATES: usize = 64;
const MAX_TRIAL: u32 = 256;

/// A rule to be put into force: see [`Sequences::accept`].
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) rule: u16,
    pub(crate) node: u32,
    /// The first number of two.
    pub(crate) first: Option<u32>,
    pub(crate) kinds: Vec<u32>,
    /// Kinds that only repeat the number before.
    pub(crate) never: Vec<u32>,
    /// Whether kinds that come later may join.
    pub(crate) open: bool,
    /// It only repeats the number of another rule: there is nothing to check, and nothing to chart.
    pub(crate) copy: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sequences {
    candidates: Vec<Candidate>,
    pairs: Pairs,
    pub(crate) rules: Vec<RuleState>,
}

impl Sequences {
    /// Starts to try a path, or goes on. `None` if too many are on trial. `pairs`: also together with others. `told`: the
    /// scope that names say it has.
    pub(crate) fn try_out(
        &mut self,
        node: u32,
        (name, pairs): (Name, bool),
        kind: u32,
        scopes: &[Scope],
        told: Option<Scope>,
    ) -> Option<u16> {
        let at = match self.candidates.iter().position(|candidate| candidate.node == node) {
            Some(at) => at,
            None if self.candidates.len() >= MAX_CANDIDATES => return None,
            None => {
                self.candidates.push(Candidate::new(node, name));
                self.candidates.len() - 1
            }
        };
        let candidate = self.candidates.get_mut(at)?;
        if let Some(told) = told {
            candidate.tell(told, kind);
        }
        candidate.extend(kind, scopes);
        if pairs {
            self.pairs.extend(node, name >= Name::Update, kind, scopes);
        }
        u16::try_from(at).ok()
    }

    /// Further scopes for a path that is on trial.
    pub(crate) fn scope(&mut self, node: u32, kind: u32, scopes: &[Scope]) {
        if let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.node == node) {
            candidate.extend(kind, scopes);
        }
        self.pairs.scope(node, scopes);
    }

    /// Rules on `node` that a further kind may join.
    pub(crate) fn open_rule(&self, node: u32) -> Option<u16> {
        let at = self.rules.iter().position(|rule| rule.node == node)?;
        u16::try_from(at).ok()
    }

    /// Whether the trial of `candidate` goes on.
    pub(crate) fn is_on_trial(&self, candidate: u16) -> bool {
        self.candidates.get(usize::from(candidate)).is_some_and(Candidate::is_on_trial)
    }

    /// The numbers of a message that are on trial: path, candidate and number of each. `text` is what a scope reads.
    pub(crate) fn observe<'a>(
        &mut self,
        kind: u32,
        numbers: &[(u32, u16, u64)],
        text: &impl Fn(Per) -> Option<&'a [u8]>,
    ) {
        for (_, candidate, value) in numbers {
            if let Some(candidate) = self.candidates.get_mut(usize::from(*candidate)) {
                candidate.observe(kind, *value, text);
            }
        }
        if self.pairs.is_on_trial() {
            self.pairs.observe(numbers.iter().map(|(node, _, value)| (*node, *value)), text);
        }
    }

    /// Accepts what the trials have borne out by now. With `keep_evidence` the pairs of the trial count as checked
    /// (they are not read again), and the rule goes on from where the trial stands.
    pub(crate) fn accept(&mut self, keep_evidence: bool, is_snapshot: &impl Fn(u32) -> bool) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        let on_trial = || self.candidates.iter().enumerate().filter(|(_, candidate)| candidate.is_on_trial());
        let mut choices: Vec<(Name, f64, u32, usize, usize, Vec<Group>)> = on_trial()
            .filter_map(|(at, candidate)| {
                let (trial, groups) = candidate.counts(is_snapshot)?;
                let share = groups.iter().map(|group| group.score.share()).fold(0.0, f64::max);
                let pairs = groups.iter().map(|group| group.score.pairs).sum();
                Some((candidate.name, share, pairs, at, trial, groups))
            })
            .collect();
        choices.sort_by(|a, b| {
            let named = |name: Name| name.is_sequence();
            (named(b.0).cmp(&named(a.0))).then(b.1.total_cmp(&a.1)).then(b.2.cmp(&a.2)).then(a.3.cmp(&b.3))
        });
        for (_, _, _, at, trial, groups) in choices {
            accepted.extend(self.accept_single(at, trial, groups, SequenceRule::PlusOne, keep_evidence));
        }
        while let Some(found) = self.pairs.take() {
            accepted.extend(self.accept_pair(&found, keep_evidence));
        }
        for at in 0..self.candidates.len() {
            let may_grow = |candidate: &&Candidate| {
                candidate.is_on_trial() && (candidate.is_nearly_over() || !self.pairs.is_promising(candidate.node))
            };
            let growing = self.candidates.get(at).filter(may_grow).and_then(Candidate::grows);
            if let Some((trial, groups, strictly)) = growing {
                let rule = if strictly { SequenceRule::Increasing } else { SequenceRule::NonDecreasing };
                accepted.extend(self.accept_single(at, trial, groups, rule, keep_evidence));
            }
        }
        for candidate in self.candidates.iter_mut().filter(|candidate| candidate.is_over()) {
            candidate.decided = true;
        }
        accepted
    }

    fn accept_single(
        &mut self,
        at: usize,
        trial: usize,
        groups: Vec<Group>,
        rule: SequenceRule,
        keep_evidence: bool,
    ) -> Vec<Accepted> {
        let copies = self.copies(at);
        let Some(candidate) = self.candidates.get_mut(at) else { return Vec::new() };
        if copies {
            candidate.decided = true;
            let (node, kinds) = (candidate.node, candidate.kinds.clone());
            return vec![Accepted {
                rule: u16::MAX,
                node,
                first: None,
                kinds,
                never: Vec::new(),
                open: false,
                copy: true,
            }];
        }
        let (trial, only) = candidate.scoped_alike(trial).map_or((trial, None), |(at, text)| (at, Some(text)));
        let Some(chosen) = candidate.trials.get(trial) else { return Vec::new() };
        let mut accepted = Vec::new();
        for group in groups {
            let taken = self.rules.iter().any(|rule| rule.kinds.iter().any(|kind| group.kinds.contains(kind)));
            let Ok(number) = u16::try_from(self.rules.len()) else { break };
            if taken && !candidate.name.is_sequence() {
                continue;
            }
            let modulus = chosen.modulus().filter(|_| rule == SequenceRule::PlusOne);
            let rule = if modulus.is_some() { SequenceRule::PlusOneModulo } else { rule };
            let mut state = RuleState::new(candidate.node, rule, chosen.scope, group.kinds.clone());
            state.modulus = modulus;
            state.restarts = group.restarts;
            state.unsettled = only;
            state.named = candidate.name.is_sequence();
            if keep_evidence {
                let score = group.score;
                let held = match rule {
                    SequenceRule::PlusOne | SequenceRule::PlusOneModulo => score.next,
                    SequenceRule::NonDecreasing => score.up + score.equal,
                    _ => score.up,
                };
                (state.checked, state.violations) = (score.pairs.into(), (score.pairs - held).into());
                let salt = if chosen.each_kind { group.kinds.first().map_or(0, |kind| salt(*kind)) } else { 0 };
                let places = chosen.last.iter().filter(|(_, (_, kind))| group.kinds.contains(kind));
                state.places = places.map(|(scope, (last, _))| (scope ^ salt, Place::new(*last))).collect();
            }
            self.rules.push(state);
            let (node, open) = (candidate.node, !chosen.each_kind);
            let (kinds, never) = (group.kinds, group.never);
            accepted.push(Accepted { rule: number, node, first: None, kinds, never, open, copy: false });
        }
        if !accepted.is_empty() {
            candidate.decided = true;
        }
        accepted
    }

    /// Whether a number is at every message the same as the one of a rule.
    fn copies(&self, at: usize) -> bool {
        let Some(candidate) = self.candidates.get(at).filter(|candidate| candidate.name == Name::Number) else {
            return false;
        };
        let of_rule = |other: &&Candidate| self.rules.iter().any(|rule| rule.node == other.node);
        let others = self.candidates.iter().filter(|other| other.node != candidate.node).filter(of_rule);
        others.into_iter().any(|other| candidate.is_like(other))
    }

    fn accept_pair(&mut self, found: &pairs::Found, keep_evidence: bool) -> Option<Accepted> {
        let mut kinds = found.kinds.clone();
        kinds.retain(|kind| !self.rules.iter().any(|rule| rule.kinds.contains(kind)));
        let number = u16::try_from(self.rules.len()).ok()?;
        if kinds.is_empty() {
            return None;
        }
        let mut state = RuleState::new(found.last, found.rule, found.scope, kinds.clone());
        state.first = Some(found.first);
        state.named = true;
        state.unsettled = found.only;
        if keep_evidence {
            (state.checked, state.violations) = (found.pairs.into(), (found.pairs - found.hits).into());
            state.places = found.places.iter().map(|(scope, last)| (*scope, Place::new(*last))).collect();
        }
        self.rules.push(state);
        let pair = [found.first, found.last];
        for candidate in self.candidates.iter_mut().filter(|candidate| pair.contains(&candidate.node)) {
            candidate.decided = true;
        }
        Some(Accepted {
            rule: number,
            node: found.last,
            first: Some(found.first),
            kinds,
            never: Vec::new(),
            open: true,
            copy: false,
        })
    }
}
