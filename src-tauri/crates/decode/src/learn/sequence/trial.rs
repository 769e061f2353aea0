//! Numbers on trial, each by itself: does it go up by one, does it only grow, and in which scope?

use rustc_hash::FxHashMap;

use super::place::{Step, follow, is_modulus};
use super::scope::{Per, Scope};
use super::{ENOUGH, MAX_TRIAL};
use crate::hash::hash64;

const MIN_SHARE: f64 = 0.8;
/// Of a number whose name does not say so, while there are few pairs.
const MIN_SHARE_UNNAMED: f64 = 0.95;
/// A number below this that goes up by one may count something else: it takes twice the pairs.
pub(super) const LARGE: u64 = 10_000;
const NEARLY: f64 = 0.05;
/// Pairs that show that a number only grows.
const GROWING: u32 = 32;
/// The share of pairs that may break it, as long as the name says that it numbers messages.
const FORGIVEN: f64 = 0.03;
const MAX_TRIALS: usize = 24;
/// Texts of a scope; further ones are not looked at.
const MAX_SCOPES: usize = 10_000;

/// What is known of a number before the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// It is a time: all it can do is grow.
    Time,
    /// Nothing.
    Silent,
    /// It is called a number, as numbers of messages may be.
    Number,
    /// It is called as numbers of updates are.
    Update,
    /// It is called a sequence.
    Sequence,
}

impl Name {
    pub(super) fn is_sequence(self) -> bool {
        self == Name::Sequence
    }
}

/// How pairs of numbers that follow each other stand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Score {
    pub(super) pairs: u32,
    /// Plus one.
    pub(super) next: u32,
    /// Greater, plus one among them.
    pub(super) up: u32,
    pub(super) equal: u32,
}

impl Score {
    pub(super) fn share(self) -> f64 {
        f64::from(self.next) / f64::from(self.pairs.max(1))
    }

    fn add(&mut self, step: Step) {
        self.pairs += 1;
        self.next += u32::from(step.is_next());
        self.up += u32::from(matches!(step, Step::Next | Step::Up) || step.is_next());
        self.equal += u32::from(step == Step::Equal);
    }

    fn with(self, other: Score) -> Score {
        Score {
            pairs: self.pairs + other.pairs,
            next: self.next + other.next,
            up: self.up + other.up,
            equal: self.equal + other.equal,
        }
    }

    fn without_up(self) -> u32 {
        self.pairs - self.up
    }

    /// It repeats what the message before said: a sign of life that carries the number of what it follows.
    fn only_repeats(self) -> bool {
        self.pairs >= 2 && self.equal * 10 >= self.pairs * 9
    }
}

#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) scope: Scope,
    pub(super) each_kind: bool,
    /// By scope: the number, and the kind of message that had it.
    pub(super) last: FxHashMap<u64, (u64, u32)>,
    pub(super) by_kind: FxHashMap<u32, Score>,
    /// So many numbers a counter had that went round; 0 where several went round at different ones.
    round: Option<u64>,
    /// Pairs of messages of different kinds.
    mixed: u32,
}

/// A number on trial.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) node: u32,
    pub(super) name: Name,
    seen: u32,
    /// It carries a rule, or the trial is over.
    pub(super) decided: bool,
    least: u64,
    pub(super) kinds: Vec<u32>,
    pub(super) trials: Vec<Trial>,
    /// The scope that names say it has: topic and partition.
    told: Option<Scope>,
}

/// The kinds of message of a rule, and how they fared.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) kinds: Vec<u32>,
    /// Kinds that begin the numbers anew.
    pub(super) restarts: Vec<u32>,
    /// Kinds that only repeat the number before.
    pub(super) never: Vec<u32>,
    pub(super) score: Score,
}

impl Group {
    fn of(kinds: Vec<u32>, score: Score) -> Group {
        Group { kinds, restarts: Vec::new(), never: Vec::new(), score }
    }
}

impl Candidate {
    pub(super) fn new(node: u32, name: Name) -> Candidate {
        Candidate {
            node,
            name,
            seen: 0,
            decided: false,
            least: u64::MAX,
            kinds: Vec::new(),
            trials: Vec::new(),
            told: None,
        }
    }

    /// Takes part in the scope that names say it has.
    pub(super) fn tell(&mut self, scope: Scope, kind: u32) {
        self.told = Some(scope);
        self.extend(kind, &[scope]);
    }

    pub(super) fn is_on_trial(&self) -> bool {
        !self.decided
    }

    /// Whether it was seen as often as is looked at.
    pub(super) fn is_over(&self) -> bool {
        self.seen >= MAX_TRIAL
    }

    /// Whether it stands where another number stands, in the connection and in every scope.
    pub(super) fn is_like(&self, other: &Candidate) -> bool {
        let numbers =
            |trial: &Trial| trial.last.iter().map(|(scope, (last, _))| (*scope, *last)).collect::<FxHashMap<_, _>>();
        let same = |(one, another): (&Trial, &Trial)| one.scope == another.scope && numbers(one) == numbers(another);
        self.least == other.least && self.trials.iter().zip(&other.trials).all(same)
    }

    /// Whether there is no more time to wait for better evidence.
    pub(super) fn is_nearly_over(&self) -> bool {
        self.seen + ENOUGH >= MAX_TRIAL
    }

    /// Takes part with a further kind, or in further scopes.
    pub(super) fn extend(&mut self, kind: u32, scopes: &[Scope]) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        for each_kind in [false, true] {
            for &scope in [Scope::CONNECTION].iter().chain(scopes) {
                let known = self.trials.iter().any(|trial| trial.scope == scope && trial.each_kind == each_kind);
                if !known && self.trials.len() < MAX_TRIALS {
                    let (last, by_kind) = (FxHashMap::default(), FxHashMap::default());
                    self.trials.push(Trial { scope, each_kind, last, by_kind, round: None, mixed: 0 });
                }
            }
        }
        self.trials.sort_by_key(|trial| (trial.each_kind, trial.scope.parts().count()));
    }

    pub(super) fn observe<'a>(&mut self, kind: u32, value: u64, text: &impl Fn(Per) -> Option<&'a [u8]>) {
        if self.is_over() {
            return;
        }
        self.seen += 1;
        self.least = self.least.min(value);
        for trial in &mut self.trials {
            if let Some(scope) = trial.scope.hash(text) {
                trial.add(scope, kind, value);
            }
        }
    }

    /// The scope in which it goes up by one: the simplest that explains nearly as much as the best.
    pub(super) fn counts(&self, is_snapshot: &impl Fn(u32) -> bool) -> Option<(usize, Vec<Group>)> {
        if self.name == Name::Time {
            return None;
        }
        let named = self.name.is_sequence();
        let enough = if named || self.least >= LARGE { ENOUGH } else { 2 * ENOUGH };
        let judged = self.trials.iter().map(|trial| trial.counting(&self.kinds, is_snapshot));
        let ready: Vec<(usize, Vec<Group>, Score)> = judged
            .enumerate()
            .map(|(at, groups)| {
                let score = groups.iter().fold(Score::default(), |sum, group| sum.with(group.score));
                (at, groups, score)
            })
            .filter(|(_, _, score)| score.pairs >= enough)
            .collect();
        let best = ready.iter().map(|(_, _, score)| *score).max_by(|a, b| a.share().total_cmp(&b.share()))?;
        let least = if named || best.pairs >= 4 * ENOUGH { MIN_SHARE } else { MIN_SHARE_UNNAMED };
        let bar = least.max(best.share() - NEARLY);
        let (at, mut groups, _) = ready.into_iter().find(|(_, _, score)| score.share() >= bar)?;
        groups.retain(|group| group.score.pairs >= ENOUGH / 2 && group.score.share() >= MIN_SHARE);
        (!groups.is_empty()).then_some((at, groups))
    }

    /// The scope in which it only grows: strictly, if `true`. Asked of numbers that are called so, and of times.
    pub(super) fn grows(&self) -> Option<(usize, Vec<Group>, bool)> {
        if matches!(self.name, Name::Silent | Name::Number) {
            return None;
        }
        let forgiven = if self.name.is_sequence() { FORGIVEN } else { 0.0 };
        for forgiven in [0.0, forgiven] {
            for (at, trial) in self.trials.iter().enumerate() {
                for strictly in [true, false] {
                    let groups = trial.growing(&self.kinds, strictly, forgiven);
                    // That a time does not fall behind says little; that no two are equal is the sender's doing.
                    if !groups.is_empty() && (strictly || self.name.is_sequence()) {
                        return Some((at, groups, strictly));
                    }
                }
            }
        }
        None
    }

    /// The scoped trial that cannot be told from the chosen one, having seen one text, and that text's hash.
    pub(super) fn scoped_alike(&self, chosen: usize) -> Option<(usize, u64)> {
        let chosen = self.trials.get(chosen).filter(|trial| trial.scope.is_connection() && !trial.each_kind)?;
        let pairs = chosen.pairs();
        let alike = self.trials.iter().enumerate().filter(|(_, trial)| {
            let scoped = !trial.scope.is_connection() && !trial.each_kind;
            scoped && trial.last.len() == 1 && trial.pairs() == pairs
        });
        let told = alike.clone().find(|(_, trial)| Some(trial.scope) == self.told);
        let (at, trial) = told.or_else(|| alike.clone().find(|(_, trial)| trial.scope.parts().count() == 1))?;
        trial.last.keys().next().map(|text| (at, *text))
    }
}

impl Trial {
    fn add(&mut self, scope: u64, kind: u32, value: u64) {
        let scope = if self.each_kind { scope ^ salt(kind) } else { scope };
        if let Some((last, before)) = self.last.get_mut(&scope) {
            let step = follow(last, value);
            if let Step::Wrap(count) = step
                && is_modulus(count)
            {
                self.round = Some(self.round.map_or(count, |known| if known == count { count } else { 0 }));
            }
            self.mixed += u32::from(*before != kind);
            *before = kind;
            self.by_kind.entry(kind).or_default().add(step);
        } else if self.last.len() < MAX_SCOPES {
            self.last.insert(scope, (value, kind));
        }
    }

    /// How many numbers there are, if counters went round at the same one.
    pub(super) fn modulus(&self) -> Option<u64> {
        self.round.filter(|count| *count > 0)
    }

    fn pairs(&self) -> u32 {
        self.by_kind.values().map(|score| score.pairs).sum()
    }

    fn score(&self, kind: u32) -> Score {
        self.by_kind.get(&kind).copied().unwrap_or_default()
    }

    /// Its kinds in order, each by itself or all together.
    fn together(&self, kinds: &[u32]) -> Vec<Vec<u32>> {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        if self.each_kind { kinds.into_iter().map(|kind| vec![kind]).collect() } else { vec![kinds] }
    }

    fn counting(&self, kinds: &[u32], is_snapshot: &impl Fn(u32) -> bool) -> Vec<Group> {
        let groups = self.together(kinds).into_iter().map(|kinds| {
            let mut group = Group::of(Vec::new(), Score::default());
            for kind in kinds {
                let score = self.score(kind);
                if !self.each_kind && score.pairs > 0 && score.next == 0 && is_snapshot(kind) {
                    group.restarts.push(kind);
                    group.kinds.push(kind);
                } else if score.only_repeats() {
                    group.never.push(kind);
                } else if !self.each_kind && score.pairs >= 4 && score.next * 2 < score.pairs {
                    // It is numbered by itself.
                } else if score.pairs != 1 || score.equal == 0 {
                    // One that was seen once, and to repeat, is left open.
                    group.score = group.score.with(score);
                    group.kinds.push(kind);
                }
            }
            group
        });
        groups.collect()
    }

    /// The kinds whose numbers only grow. Where no scope has messages of two kinds, each kind is judged by itself.
    fn growing(&self, kinds: &[u32], strictly: bool, forgiven: f64) -> Vec<Group> {
        let apart = self.mixed == 0 && !self.each_kind;
        let together = match apart {
            true => kinds.iter().map(|kind| vec![*kind]).collect(),
            false => self.together(kinds),
        };
        let groups = together.into_iter().map(|kinds| {
            let score = kinds.iter().fold(Score::default(), |sum, kind| sum.with(self.score(*kind)));
            Group::of(kinds, score)
        });
        let grows = |group: &Group| {
            let broken = if strictly { group.score.without_up() } else { group.score.without_up() - group.score.equal };
            // What stands still is none.
            let moves = group.score.up >= ENOUGH;
            group.score.pairs >= GROWING && moves && f64::from(broken) <= forgiven * f64::from(group.score.pairs)
        };
        let groups: Vec<Group> = groups.filter(grows).collect();
        // Those that are alike in it share the rule.
        match apart && groups.len() > 1 {
            true => {
                let kinds = groups.iter().flat_map(|group| group.kinds.iter().copied()).collect();
                let score = groups.iter().fold(Score::default(), |sum, group| sum.with(group.score));
                vec![Group::of(kinds, score)]
            }
            false => groups,
        }
    }
}

/// What keeps the scopes of one kind apart from those of another.
pub(super) fn salt(kind: u32) -> u64 {
    hash64(&kind.to_le_bytes(), 1)
}
