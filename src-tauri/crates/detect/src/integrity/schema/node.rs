//! One field or object of a kind: how often it was there, of which types, and what it may have changed to.

use std::sync::Arc;

use feedwatch_model::FieldType;

use super::Place;
use super::kind::What;

/// So many messages make something known.
const KNOWN: u64 = 64;
/// A field that is missing or new for so many messages in a row has changed.
const LASTS: u32 = 4;
/// The same of another type; and of what has not lasted when nothing more comes.
pub(super) const SOME: u32 = 2;
/// Nothing is waited for longer than this, in messages of the kind that were looked at.
const PATIENCE: u64 = 256;
/// How often at most something doubles what must pass.
const MAX_TIMES: u8 = 40;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum State {
    /// It was never there.
    #[default]
    New,
    /// Nothing is to be said of it.
    Usual,
    /// It was not there before, and is now.
    Appearing(Sign),
    /// It was always there, and is not now.
    Missing(Sign),
    /// It was told as lost, and was missing in so many messages.
    Lost(u64),
}

/// Something that may be a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sign {
    pub(super) place: Place,
    pub(super) run: u32,
    /// When it began, in messages looked at.
    pub(super) since: u64,
    /// How many messages had the object before.
    pub(super) before: u64,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) path: Arc<str>,
    pub(super) parent: u32,
    /// Messages in which it is an object.
    pub(super) inner: u64,
    /// Messages since it was last missing.
    run: u64,
    /// How often it was missing and soon back: each time doubles the run that makes it one that is always there.
    misses: u8,
    /// By type.
    types: [u64; TYPES],
    pub(super) period: Period,
    pub(super) state: State,
    retyping: Option<(FieldType, Sign)>,
    retyped: Option<Retyped>,
    /// How often a type was told.
    times: u8,
    /// Findings of new members, and messages with members that came late.
    pub(super) joined: (u8, u8),
    /// The last messages that these were of.
    pub(super) joined_at: (u64, u64),
    pub(super) open: bool,
    /// The last message looked at that had it, and how.
    pub(super) seen: u64,
    pub(super) seen_leaf: Option<FieldType>,
    pub(super) seen_object: bool,
}

/// A type that was told.
#[derive(Clone, Copy, Debug)]
struct Retyped {
    to: FieldType,
    /// Messages without it.
    back: u64,
}

/// Counts since the last fold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Period {
    pub(super) there: u64,
    pub(super) inner: u64,
    pub(super) types: [u64; TYPES],
}

const TYPES: usize = FieldType::ALL.len();

/// The message that is looked at, and the object that a node stands in.
pub(super) struct Around {
    pub(super) turn: u64,
    pub(super) place: Place,
    pub(super) looked: u64,
    pub(super) inner: u64,
    pub(super) open: bool,
}

impl Around {
    fn sign(&self, before: u64) -> Sign {
        Sign { place: self.place, run: 1, since: self.looked, before }
    }
}

impl Node {
    pub(super) fn new(path: Arc<str>, parent: u32) -> Node {
        Node { path, parent, ..Node::default() }
    }

    /// What it did in a message that has the object it stands in.
    pub(super) fn step(&mut self, around: &Around) -> Option<(What, Sign)> {
        let is_there = self.seen == around.turn;
        let (state, told) = match (self.state, is_there) {
            (State::New, true) if around.inner >= KNOWN && !around.open => {
                (State::Appearing(around.sign(around.inner)), None)
            }
            (State::New, true) => (State::Usual, None),
            (State::Appearing(sign), true) if sign.run + 1 >= LASTS => (State::Usual, Some((What::Appeared, sign))),
            (State::Appearing(sign), true) => (State::Appearing(Sign { run: sign.run + 1, ..sign }), None),
            (State::Usual, false) if self.is_always_there() => (State::Missing(around.sign(self.run)), None),
            (State::Missing(sign), false) if sign.run + 1 >= LASTS => {
                (State::Lost(around.inner), Some((What::Lost, sign)))
            }
            (State::Missing(sign), false) => (State::Missing(Sign { run: sign.run + 1, ..sign }), None),
            (State::Appearing(_), false) => (State::Usual, None),
            (State::Missing(_), true) => {
                self.misses = self.misses.saturating_add(1).min(MAX_TIMES);
                (State::Usual, None)
            }
            // Three of the messages without it came before it was told.
            (State::Lost(since), true) => {
                let without = around.inner.saturating_sub(since) + u64::from(LASTS - 1);
                (State::Usual, Some((What::Back, around.sign(without))))
            }
            (state, _) => (state, None),
        };
        self.state = state;
        told
    }

    /// What its type did in a message that has it.
    pub(super) fn retype(&mut self, around: &Around) -> Option<(What, Sign)> {
        let is = self.seen_leaf.filter(|is| class(*is).is_some())?;
        match self.retyping {
            Some((to, sign)) if to == is => {
                let sign = Sign { run: sign.run + 1, ..sign };
                self.retyping = Some((to, sign));
                if sign.run < SOME {
                    return None;
                }
                self.retyping = None;
                self.retyped = Some(Retyped { to, back: 0 });
                self.times = self.times.saturating_add(1).min(MAX_TIMES);
                let from = self.most_frequent(to)?;
                Some((What::Retyped(from, to), sign))
            }
            Some(_) => {
                self.retyping = None;
                None
            }
            None => {
                self.retyping = self.is_new_type(is).then(|| (is, around.sign(self.known())));
                None
            }
        }
    }

    fn is_always_there(&self) -> bool {
        self.run >= KNOWN << self.misses
    }

    fn count(&self, is: FieldType) -> u64 {
        self.types.get(is as usize).copied().unwrap_or(0)
    }

    /// Messages in which it has a type.
    fn known(&self) -> u64 {
        FieldType::ALL.iter().filter(|is| class(**is).is_some()).map(|is| self.count(*is)).sum()
    }

    fn most_frequent(&self, but: FieldType) -> Option<FieldType> {
        let others = FieldType::ALL.iter().copied().filter(|is| class(*is).is_some() && *is != but);
        others.max_by_key(|is| self.count(*is))
    }

    fn is_new_type(&self, is: FieldType) -> bool {
        if self.count(is) > 0 || self.known() < KNOWN {
            return false;
        }
        let mut classes = FieldType::ALL.iter().filter(|seen| self.count(**seen) > 0).filter_map(|seen| class(*seen));
        let first = classes.next();
        // A field of several types is of none; and digits are text.
        let is_one = classes.all(|class| Some(class) == first);
        is_one && !(is == FieldType::Digits && self.count(FieldType::Text) > 0)
    }

    pub(super) fn fold(&mut self, with_parent: u64) -> bool {
        let Period { there, inner, types } = std::mem::take(&mut self.period);
        let was_always_there = self.is_always_there();
        self.run = if there == with_parent { self.run.saturating_add(there) } else { 0 };
        self.inner = self.inner.saturating_add(inner);
        for (all, now) in self.types.iter_mut().zip(types) {
            *all = all.saturating_add(now);
        }
        let is_new_again = self.forget(&types);
        is_new_again || (!was_always_there && self.is_always_there())
    }

    /// A type that was told is new again when it was away for long enough.
    fn forget(&mut self, now: &[u64; TYPES]) -> bool {
        let Some(retyped) = &mut self.retyped else { return false };
        let with = now.get(retyped.to as usize).copied().unwrap_or(0);
        retyped.back = if with == 0 { retyped.back.saturating_add(now.iter().sum()) } else { 0 };
        let is_over = retyped.back >= KNOWN << self.times.saturating_sub(1);
        let to = retyped.to;
        if is_over {
            self.retyped = None;
            if let Some(count) = self.types.get_mut(to as usize) {
                *count = 0;
            }
        }
        is_over
    }

    pub(super) fn lose_patience(&mut self, looked: u64) {
        let is_old = |sign: &Sign| looked.saturating_sub(sign.since) > PATIENCE;
        if let State::Appearing(sign) | State::Missing(sign) = &self.state
            && is_old(sign)
        {
            (self.state, self.run) = (State::Usual, 0);
        }
        if self.retyping.as_ref().is_some_and(|(_, sign)| is_old(sign)) {
            self.retyping = None;
        }
    }

    pub(super) fn is_waited_for(&self) -> bool {
        matches!(self.state, State::Appearing(_) | State::Missing(_)) || self.retyping.is_some()
    }
}

/// Types that stand for each other; `None` where nothing stands.
fn class(is: FieldType) -> Option<u8> {
    match is {
        FieldType::Null | FieldType::Empty => None,
        FieldType::Boolean => Some(0),
        FieldType::Number => Some(1),
        FieldType::Digits | FieldType::Text => Some(2),
    }
}
