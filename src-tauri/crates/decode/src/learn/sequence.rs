//! Sequences: whole numbers that go up by one from message to message.
//!
//! Each whole number of a message is tried in four scopes, the simplest first: all kinds together, all kinds per key,
//! each kind alone, each kind per key. The simplest scope whose share of pairs with +1 is within 5 % of the best is
//! taken once it has 8 pairs and a share of 80 %, so that losses during the trial do not hide a rule. One rule is
//! accepted of the numbers of a kind (the one with the better name, then the higher share), further ones only if their
//! names say so. A trial ends after 256 messages. A number without such a name needs 95 % of fewer than 32 pairs and, below
//! ten thousand, 16 pairs; it is not tried in reports of many counters, nor if it is called a total. Its
//! rule falls when more than a fifth of the pairs break it.
//!
//! A kind that had no message during the trial joins when its first number fits. Where one key text was all the trial
//! saw, connection and key cannot be told apart: the key is taken, and the first message with another text decides.

mod place;

use std::collections::hash_map::Entry;
use std::sync::Arc;

use feedwatch_model::SequenceMark;
use rustc_hash::FxHashMap;

use self::place::{Place, follow};
use super::facts::ENOUGH;
use crate::catalogue::{Catalogue, Scope};
use crate::hash::hash64;

const MAX_CANDIDATES: usize = 64;
const MAX_TRIAL: u32 = 256;
const MIN_SHARE: f64 = 0.8;
/// Of a number whose name does not say so, while there are few pairs.
const MIN_SHARE_UNNAMED: f64 = 0.95;
/// A number below this that goes up by one may count something else: it takes twice the pairs.
const LARGE: u64 = 10_000;
const NEARLY: f64 = 0.05;

/// What scopes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Per {
    Connection,
    Path(u32),
    Topic,
}

#[derive(Clone, Copy, Debug, Default)]
struct Score {
    pairs: u32,
    hits: u32,
}

impl Score {
    fn share(self) -> f64 {
        f64::from(self.hits) / f64::from(self.pairs.max(1))
    }

    fn add(&mut self, hit: bool) {
        self.pairs += 1;
        self.hits += u32::from(hit);
    }
}

#[derive(Clone, Debug)]
struct Trial {
    per: Per,
    each_kind: bool,
    last: FxHashMap<u64, u64>,
    score: Score,
    by_kind: FxHashMap<u32, Score>,
}

#[derive(Clone, Debug)]
struct Candidate {
    node: u32,
    named: bool,
    seen: u32,
    least: u64,
    kinds: Vec<u32>,
    trials: Vec<Trial>,
}

/// A rule that was borne out: who carries it, how it is scoped, and how it fared.
#[derive(Clone, Debug)]
pub(crate) struct RuleState {
    pub(crate) node: u32,
    pub(crate) per: Per,
    /// Kinds that carry it.
    pub(crate) kinds: Vec<u32>,
    /// The one key text the trial saw (its hash), while the connection may be the scope as well.
    unsettled: Option<u64>,
    scopes: FxHashMap<u64, Place>,
    pub(crate) checked: u64,
    pub(crate) violations: u64,
    named: bool,
}

/// A rule to be put into force: see [`Sequences::accept`].
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) rule: u16,
    pub(crate) candidate: u16,
    pub(crate) node: u32,
    pub(crate) kinds: Vec<u32>,
    /// Whether kinds that come later may join.
    pub(crate) open: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Sequences {
    candidates: Vec<Candidate>,
    pub(crate) rules: Vec<RuleState>,
}

/// Hash of a scope's text; 0 for the connection.
fn scope_hash(text: Option<&[u8]>) -> u64 {
    text.map_or(0, |text| hash64(text, 0))
}

impl Sequences {
    /// Starts to try a path, or goes on. `None` if too many are on trial.
    pub(crate) fn try_out(&mut self, node: u32, named: bool, kind: u32, keys: &[Per]) -> Option<u16> {
        let at = match self.candidates.iter().position(|candidate| candidate.node == node) {
            Some(at) => at,
            None if self.candidates.len() >= MAX_CANDIDATES => return None,
            None => {
                self.candidates.push(Candidate {
                    node,
                    named,
                    seen: 0,
                    least: u64::MAX,
                    kinds: Vec::new(),
                    trials: Vec::new(),
                });
                self.candidates.len() - 1
            }
        };
        let candidate = self.candidates.get_mut(at)?;
        if !candidate.kinds.contains(&kind) {
            candidate.kinds.push(kind);
        }
        for each_kind in [false, true] {
            for &per in [Per::Connection].iter().chain(keys) {
                let known = candidate.trials.iter().any(|trial| trial.per == per && trial.each_kind == each_kind);
                if !known && candidate.trials.len() < 16 {
                    let last = FxHashMap::default();
                    let by_kind = FxHashMap::default();
                    candidate.trials.push(Trial { per, each_kind, last, score: Score::default(), by_kind });
                }
            }
        }
        candidate.trials.sort_by_key(|trial| trial.each_kind);
        u16::try_from(at).ok()
    }

    /// Rules on `node` that a further kind may join.
    pub(crate) fn open_rule(&self, node: u32) -> Option<u16> {
        let at = self.rules.iter().position(|rule| rule.node == node)?;
        u16::try_from(at).ok()
    }

    /// Whether the trial of `candidate` goes on.
    pub(crate) fn is_on_trial(&self, candidate: u16) -> bool {
        self.candidates.get(usize::from(candidate)).is_some_and(|candidate| candidate.seen < MAX_TRIAL)
    }

    /// A number of a path on trial. `text` is what a scope reads from the same message.
    pub(crate) fn observe<'a>(
        &mut self,
        candidate: u16,
        kind: u32,
        value: u64,
        mut text: impl FnMut(Per) -> Option<&'a [u8]>,
    ) {
        let Some(candidate) = self.candidates.get_mut(usize::from(candidate)) else { return };
        candidate.seen += 1;
        candidate.least = candidate.least.min(value);
        for trial in &mut candidate.trials {
            let scope = match trial.per {
                Per::Connection => 0,
                per => match text(per) {
                    Some(text) => scope_hash(Some(text)),
                    None => continue,
                },
            };
            let scope = if trial.each_kind { scope ^ hash64(&kind.to_le_bytes(), 1) } else { scope };
            match trial.last.get_mut(&scope) {
                Some(last) => {
                    let hit = follow(last, value);
                    trial.score.add(hit);
                    trial.by_kind.entry(kind).or_default().add(hit);
                }
                None => {
                    trial.last.insert(scope, value);
                }
            }
        }
    }

    /// Accepts what the trials have borne out by now. With `keep_evidence` the pairs of the trial count as checked
    /// (they are not read again), and the rule goes on from where the trial stands.
    pub(crate) fn accept(&mut self, keep_evidence: bool) -> Vec<Accepted> {
        let mut choices: Vec<(usize, usize, Score)> = Vec::new();
        for (at, candidate) in self.candidates.iter().enumerate().filter(|(_, candidate)| candidate.seen < MAX_TRIAL) {
            if let Some((trial, score)) = candidate.choose() {
                choices.push((at, trial, score));
            }
        }
        let named = |at: usize| self.candidates.get(at).is_some_and(|candidate| candidate.named);
        choices.sort_by(|a, b| {
            (named(b.0).cmp(&named(a.0))).then(b.2.share().total_cmp(&a.2.share())).then(a.0.cmp(&b.0))
        });
        let mut accepted = Vec::new();
        for (at, trial, _) in choices {
            accepted.extend(self.accept_one(at, trial, keep_evidence));
        }
        accepted
    }

    fn accept_one(&mut self, at: usize, trial: usize, keep_evidence: bool) -> Vec<Accepted> {
        let Some(candidate) = self.candidates.get_mut(at) else { return Vec::new() };
        let (trial, only) = candidate.keyed_alike(trial).map_or((trial, None), |(at, text)| (at, Some(text)));
        let Some(chosen) = candidate.trials.get(trial) else { return Vec::new() };
        let groups: Vec<(Vec<u32>, Score)> = if chosen.each_kind {
            let mut kinds: Vec<_> = chosen.by_kind.iter().map(|(kind, score)| (vec![*kind], *score)).collect();
            kinds.retain(|(_, score)| score.pairs >= ENOUGH / 2 && score.share() >= MIN_SHARE);
            kinds.sort_by(|a, b| a.0.cmp(&b.0));
            kinds
        } else {
            vec![(candidate.kinds.clone(), chosen.score)]
        };
        let mut accepted = Vec::new();
        for (kinds, score) in groups {
            let taken = self.rules.iter().any(|rule| rule.kinds.iter().any(|kind| kinds.contains(kind)));
            let Ok(number) = u16::try_from(self.rules.len()) else { break };
            if taken && !candidate.named {
                continue;
            }
            let mut rule = RuleState {
                node: candidate.node,
                per: chosen.per,
                kinds: kinds.clone(),
                unsettled: only,
                scopes: FxHashMap::default(),
                checked: 0,
                violations: 0,
                named: candidate.named,
            };
            if keep_evidence {
                (rule.checked, rule.violations) = (score.pairs.into(), (score.pairs - score.hits).into());
                let salt =
                    if chosen.each_kind { kinds.first().map_or(0, |kind| hash64(&kind.to_le_bytes(), 1)) } else { 0 };
                rule.scopes = chosen.last.iter().map(|(scope, last)| (scope ^ salt, Place::new(*last))).collect();
            }
            self.rules.push(rule);
            accepted.push(Accepted {
                rule: number,
                candidate: at as u16,
                node: candidate.node,
                kinds,
                open: !chosen.each_kind,
            });
        }
        if !accepted.is_empty() {
            // Decided: the trial ends.
            candidate.seen = MAX_TRIAL;
        }
        accepted
    }
}

impl Candidate {
    /// The simplest scope that explains nearly as much as the best.
    fn choose(&self) -> Option<(usize, Score)> {
        let enough = if self.named || self.least >= LARGE { ENOUGH } else { 2 * ENOUGH };
        let ready = self.trials.iter().enumerate().filter(|(_, trial)| trial.score.pairs >= enough);
        let best = ready.clone().map(|(_, trial)| trial.score).max_by(|a, b| a.share().total_cmp(&b.share()))?;
        let least = if self.named || best.pairs >= 4 * ENOUGH { MIN_SHARE } else { MIN_SHARE_UNNAMED };
        let bar = least.max(best.share() - NEARLY);
        ready.map(|(at, trial)| (at, trial.score)).find(|(_, score)| score.share() >= bar)
    }

    /// The keyed trial that cannot be told from the chosen one, having seen one text, and that text's hash.
    fn keyed_alike(&self, chosen: usize) -> Option<(usize, u64)> {
        let chosen = self.trials.get(chosen).filter(|trial| trial.per == Per::Connection && !trial.each_kind)?;
        let (at, alike) = self.trials.iter().enumerate().find(|(_, trial)| {
            let keyed = trial.per != Per::Connection && !trial.each_kind;
            keyed && trial.last.len() == 1 && trial.score.pairs == chosen.score.pairs
        })?;
        alike.last.keys().next().map(|text| (at, *text))
    }
}

impl RuleState {
    /// Whether the feed went on to contradict it: a number whose name does not say that it counts messages, with more
    /// than a fifth of its pairs broken, was taken for a sequence by accident. It is marked no more.
    pub(crate) fn is_refuted(&self) -> bool {
        !self.named && self.checked >= 16 && self.violations * 5 > self.checked
    }

    /// The place of a message in the sequence. `text` is what a scope reads from it.
    pub(crate) fn mark<'a>(
        &mut self,
        number: u32,
        value: u64,
        text: impl Fn(Per) -> Option<&'a [u8]>,
        path_of: impl Fn(Per) -> Arc<str>,
        catalogue: &mut Catalogue,
        max_scopes: usize,
    ) -> Option<SequenceMark> {
        if self.is_refuted() {
            return None;
        }
        if let Some(known) = self.unsettled {
            self.settle(known, value, text(self.per));
        }
        let scope_text = match self.per {
            Per::Connection => None,
            per => Some(text(per)?),
        };
        let full = self.scopes.len() >= max_scopes;
        let hash = scope_hash(scope_text);
        let scope = match self.scopes.entry(hash) {
            Entry::Occupied(known) => {
                let place = known.into_mut();
                // Without a name that says so it may be a minute or a column, which begin anew all the time.
                let (checked, broken) = place.follow(value, self.named);
                self.checked += checked;
                self.violations += broken;
                &mut place.scope
            }
            Entry::Vacant(_) if full => return None,
            Entry::Vacant(new) => &mut new.insert(Place::new(value)).scope,
        };
        if *scope == u32::MAX {
            *scope = catalogue.scopes.len() as u32;
            let name = |text: &[u8]| (path_of(self.per), Arc::from(String::from_utf8_lossy(text).as_ref()));
            catalogue.scopes.push(Scope { rule: number, per: scope_text.map(name).into_iter().collect() });
        }
        Some(SequenceMark { rule: number, scope: *scope, first: value, last: value, restarts: false })
    }

    /// Whether `value` is the next one of its scope: then its kind belongs to the rule.
    pub(crate) fn fits<'a>(&self, value: u64, text: impl Fn(Per) -> Option<&'a [u8]>) -> bool {
        let scope = match self.per {
            Per::Connection => 0,
            per => match text(per) {
                Some(text) => scope_hash(Some(text)),
                None => return false,
            },
        };
        self.scopes.get(&scope).is_some_and(|place| place.is_next(value))
    }

    /// The first message with another key text tells whether the numbers run through or per key.
    #[cold]
    fn settle(&mut self, known: u64, value: u64, text: Option<&[u8]>) {
        let Some(text) = text else { return };
        if scope_hash(Some(text)) == known {
            return;
        }
        self.unsettled = None;
        let Some(mut place) = self.scopes.remove(&known) else { return };
        if place.is_next(value) {
            self.per = Per::Connection;
            place.scope = u32::MAX;
            self.scopes.insert(0, place);
        } else {
            self.scopes.insert(known, place);
        }
    }
}
