//! Two numbers of a message on trial together: does one say where the message before ended, or name it?
//!
//! `U` and `u` of a book's updates: the first number of each is the last of the one before plus one. `pu` and `u`, `prevSeqId`
//! and `seqId`: each names the one before. Every ordered pair of the numbers that may number messages is tried in every
//! scope; it takes 8 pairs of messages and 80 % of them, or 16 and 90 % where no name speaks for it. What goes up by
//! one from message to message needs no second number.

use rustc_hash::FxHashMap;

use feedwatch_model::SequenceRule;

use super::scope::{Per, Scope};
use super::{ENOUGH, MAX_TRIAL};

/// Numbers tried with each other.
const MAX_NUMBERS: usize = 12;
const MAX_SCOPED: usize = 12;
const MAX_SCOPES: usize = 10_000;
const MIN_SHARE: f64 = 0.8;
/// Of numbers whose names do not speak for it.
const MIN_SHARE_UNNAMED: f64 = 0.9;
/// From this share on it is worth waiting for the end of the trial.
const PROMISING: f64 = 0.5;
const NEARLY: f64 = 0.05;

#[derive(Clone, Copy, Debug, Default)]
struct Score {
    pairs: u32,
    /// The first number is the last of the one before plus one.
    follows: u32,
    /// The first number is the last of the one before.
    names: u32,
    /// The last number is another than before.
    moved: u32,
    /// The last number is the one before plus one.
    counts: u32,
    /// The first number is above the last.
    crossed: u32,
}

/// By place in [`Pairs::numbers`].
type Numbers = [Option<u64>; MAX_NUMBERS];

#[derive(Clone, Debug)]
struct Scoped {
    scope: Scope,
    last: FxHashMap<u64, Numbers>,
    scores: Box<[[Score; MAX_NUMBERS]; MAX_NUMBERS]>,
}

#[derive(Clone, Debug)]
struct Number {
    node: u32,
    named: bool,
    kinds: Vec<u32>,
    decided: bool,
}

/// Numbers that are tried in pairs.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    numbers: Vec<Number>,
    scoped: Vec<Scoped>,
    seen: u32,
}

/// Two numbers that make a rule.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) rule: SequenceRule,
    pub(super) scope: Scope,
    pub(super) kinds: Vec<u32>,
    pub(super) pairs: u32,
    pub(super) hits: u32,
    /// By scope: the last number.
    pub(super) places: Vec<(u64, u64)>,
    /// The one text the trial saw, while the connection may be the scope as well.
    pub(super) only: Option<u64>,
}

impl Pairs {
    pub(super) fn is_on_trial(&self) -> bool {
        self.numbers.len() > 1 && self.seen < MAX_TRIAL
    }

    pub(super) fn extend(&mut self, node: u32, named: bool, kind: u32, scopes: &[Scope]) {
        let full = self.numbers.len() >= MAX_NUMBERS;
        match self.numbers.iter_mut().find(|number| number.node == node) {
            Some(known) if !known.kinds.contains(&kind) => known.kinds.push(kind),
            Some(_) => {}
            None if full => return,
            None => self.numbers.push(Number { node, named, kinds: vec![kind], decided: false }),
        }
        self.scope(node, scopes);
    }

    /// Further scopes, if `node` is among the numbers.
    pub(super) fn scope(&mut self, node: u32, scopes: &[Scope]) {
        if !self.numbers.iter().any(|number| number.node == node) {
            return;
        }
        for &scope in [Scope::CONNECTION].iter().chain(scopes) {
            if self.scoped.len() < MAX_SCOPED && !self.scoped.iter().any(|scoped| scoped.scope == scope) {
                self.scoped.push(Scoped { scope, last: FxHashMap::default(), scores: Box::default() });
            }
        }
        self.scoped.sort_by_key(|scoped| scoped.scope.parts().count());
    }

    /// The numbers of one message, each with its path.
    pub(super) fn observe<'a>(
        &mut self,
        values: impl Iterator<Item = (u32, u64)>,
        text: &impl Fn(Per) -> Option<&'a [u8]>,
    ) {
        let mut now: Numbers = [None; MAX_NUMBERS];
        for (node, value) in values {
            let at = self.numbers.iter().position(|number| number.node == node);
            if let Some(slot) = at.and_then(|at| now.get_mut(at)) {
                *slot = Some(value);
            }
        }
        if now.iter().flatten().count() < 2 {
            return;
        }
        self.seen += 1;
        for scoped in &mut self.scoped {
            let Some(hash) = scoped.scope.hash(text) else { continue };
            if let Some(before) = scoped.last.get_mut(&hash) {
                compare(&mut scoped.scores, &now, before);
                for (before, now) in before.iter_mut().zip(now) {
                    *before = now.or(*before);
                }
            } else if scoped.last.len() < MAX_SCOPES {
                scoped.last.insert(hash, now);
            }
        }
    }

    /// Whether `node` may still turn out to make a pair.
    pub(super) fn is_promising(&self, node: u32) -> bool {
        let Some(at) = self.numbers.iter().position(|number| number.node == node && !number.decided) else {
            return false;
        };
        let promises = |first: usize, last: usize, score: &Score| {
            let hits = f64::from(score.follows.max(score.names));
            let counts = f64::from(score.counts) >= PROMISING * f64::from(score.pairs);
            let moves = score.moved * 2 >= score.pairs;
            let holds = score.pairs >= ENOUGH / 2 && hits >= PROMISING * f64::from(score.pairs);
            first != last && (first == at || last == at) && holds && moves && !counts
        };
        self.scoped.iter().any(|scoped| {
            let rows = scoped.scores.iter().enumerate();
            rows.into_iter()
                .any(|(first, row)| row.iter().enumerate().any(|(last, score)| promises(first, last, score)))
        })
    }

    /// The pair that is borne out best, in the simplest scope that explains nearly as much as the best. It is not looked at
    /// again.
    pub(super) fn take(&mut self) -> Option<Found> {
        let mut found: Option<(f64, Found, [usize; 2])> = None;
        for scoped in &self.scoped {
            for (first, row) in scoped.scores.iter().enumerate() {
                for (last, score) in row.iter().enumerate() {
                    let Some((share, made)) = self.judge(scoped, first, last, score) else { continue };
                    if found.as_ref().is_none_or(|(best, ..)| share > best + NEARLY) {
                        found = Some((share, made, [first, last]));
                    }
                }
            }
        }
        let (_, mut found, places) = found?;
        self.scope_alike(&mut found, places);
        for place in places {
            if let Some(number) = self.numbers.get_mut(place) {
                number.decided = true;
            }
        }
        Some(found)
    }

    /// Where one text was all that was seen, it is taken for the scope.
    fn scope_alike(&self, found: &mut Found, [first, last]: [usize; 2]) {
        let pairs = found.pairs;
        let mut alike = self.scoped.iter().filter(|scoped| {
            let score = scoped.scores.get(first).and_then(|row| row.get(last));
            !scoped.scope.is_connection() && scoped.last.len() == 1 && score.is_some_and(|score| score.pairs == pairs)
        });
        if let Some(scoped) = alike.next().filter(|_| found.scope.is_connection()) {
            found.scope = scoped.scope;
            found.only = scoped.last.keys().next().copied();
            let place = found.places.first().map(|(_, last)| *last);
            found.places = found.only.zip(place).into_iter().collect();
        }
    }

    fn judge(&self, scoped: &Scoped, first: usize, last: usize, score: &Score) -> Option<(f64, Found)> {
        let (one, other) = (self.numbers.get(first)?, self.numbers.get(last)?);
        let enough = if one.named || other.named { ENOUGH } else { 2 * ENOUGH };
        let counts = f64::from(score.counts) >= 0.8 * f64::from(score.pairs);
        if first == last || one.decided || other.decided || score.pairs < enough || counts {
            return None;
        }
        // Two numbers that stand still are equal all the time.
        let moves = score.moved * 2 >= score.pairs;
        let (rule, hits) = match score.follows > score.names {
            true if score.crossed * 10 > score.pairs => return None,
            true => (SequenceRule::FirstFollowsLast, score.follows),
            false => (SequenceRule::NamesPrevious, score.names),
        };
        let share = f64::from(hits) / f64::from(score.pairs);
        let least = if one.named || other.named { MIN_SHARE } else { MIN_SHARE_UNNAMED };
        if share < least || !moves {
            return None;
        }
        let kinds = one.kinds.iter().copied().filter(|kind| other.kinds.contains(kind)).collect();
        let number = |numbers: &Numbers| numbers.get(last).copied().flatten();
        let places = scoped.last.iter().filter_map(|(hash, numbers)| Some((*hash, number(numbers)?))).collect();
        let (first, last, scope) = (one.node, other.node, scoped.scope);
        Some((share, Found { first, last, rule, scope, kinds, pairs: score.pairs, hits, places, only: None }))
    }
}

fn compare(scores: &mut [[Score; MAX_NUMBERS]; MAX_NUMBERS], now: &Numbers, before: &Numbers) {
    for (row, &first) in scores.iter_mut().zip(now) {
        let Some(first) = first else { continue };
        for ((score, last), &before) in row.iter_mut().zip(now).zip(before) {
            let (Some(before), Some(last)) = (before, *last) else { continue };
            let next = before.checked_add(1);
            score.pairs += 1;
            score.follows += u32::from(next == Some(first));
            score.names += u32::from(before == first);
            score.moved += u32::from(before != last);
            score.counts += u32::from(next == Some(last));
            score.crossed += u32::from(first > last);
        }
    }
}
