//! One scope of a rule that counts (`plus-one`, `plus-one-modulo`, `first-follows-last`): which numbers came, which are
//! missing.
//!
//! Seen is everything from `base` to `highest` but the missing ranges, so the state is exact and its size is the
//! number of open holes. A hole is held for a short while before it is called a gap, because a swap on the way is
//! no loss. Beyond [`MAX_HOLES`] the oldest hole is forgotten and everything up to it with it.

use std::sync::Arc;

use feedwatch_model::{NANOS_PER_SECOND, Time};

/// Open holes per scope.
pub(super) const MAX_HOLES: usize = 1024;
/// So many messages of the scope may come before a hole is called a gap.
const HELD_MESSAGES: u64 = 8;
/// A number this far behind may be a sequence that starts anew; nearer ones are repetitions. One this far ahead may be
/// damaged: the next one tells.
const FAR: u64 = 1000;
/// So many consecutive numbers far behind are a new start.
pub(super) const RESTART_RUN: u32 = 3;

/// A scope of a rule: (path, text) pairs.
pub(super) type Per = Vec<(Arc<str>, Arc<str>)>;

/// Numbers that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Of a chain: the number behind which it is.
    pub(super) after: u64,
    /// The message behind the hole, and when it came.
    pub(super) message: u64,
    pub(super) at: Time,
    /// How many of the numbers were dropped here, as far as is known.
    pub(super) here: u64,
    /// The connection was lost in between.
    pub(super) outage: bool,
    pub(super) held: bool,
    /// The lane's count of messages when it opened.
    pub(super) opened: u64,
}

impl Hole {
    pub(super) fn missing(&self) -> u64 {
        // A hole lies between two numbers, so it never holds all 2^64.
        self.to - self.from + 1
    }

    /// Whether it was held long enough: the lane has counted `messages` by now.
    pub(super) fn waited(&self, messages: u64, opened_before: Time, wait: Wait) -> bool {
        let enough = wait == Wait::TimeOrMessages && messages.saturating_sub(self.opened) >= HELD_MESSAGES;
        wait == Wait::No || enough || self.at <= opened_before
    }
}

/// What a number did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next one, or the first of all.
    Next,
    /// Numbers before it are missing: the hole is held.
    Hole,
    /// Fills `held` numbers that were waited for and `told` that were given up.
    Fills { held: bool, told: bool },
    /// It lies before the first number known.
    Before,
    /// It came before.
    Repeated,
    /// The numbers start anew. Holes still held must have been taken with [`Lane::take_due`].
    Restart { silent: bool },
}

/// For how long holes are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// So many messages, or so long.
    TimeOrMessages,
    /// So long: what is missing on one line may come on another.
    Time,
    /// No more: all are decided.
    No,
}

/// Where a number stands in its message's stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) message: u64,
    pub(super) at: Time,
    /// Counts connections from 1.
    pub(super) epoch: u32,
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    base: u64,
    highest: u64,
    last_message: u64,
    /// Of the last number; 0 before the first.
    epoch: u32,
    /// Holes still held.
    held: u32,
    /// The last number is far ahead of the highest, and waits for the next one.
    doubtful: bool,
    cold: Option<Box<Cold>>,
}

/// What only a lane that had trouble needs.
#[derive(Debug, Default)]
struct Cold {
    holes: Vec<Hole>,
    /// Messages of the lane while a hole was held.
    messages: u64,
    restart_next: u64,
    restart_run: u32,
    /// A number far ahead: a gap if the next one goes on behind it, else a damaged number.
    ahead: Option<Place>,
    /// One that was found to be damaged.
    alone: Option<Place>,
}

impl Lane {
    pub(super) fn last_message(&self) -> u64 {
        self.last_message
    }

    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    pub(super) fn is_holding(&self) -> bool {
        self.held > 0 || self.doubtful
    }

    /// The common case: the next number of a lane that waits for nothing. `false`: use [`Lane::step`].
    #[inline]
    pub(super) fn next(&mut self, place: &Place) -> bool {
        let follows = self.epoch != 0
            && self.held == 0
            && !self.doubtful
            && self.highest.checked_add(1) == Some(place.first)
            && place.last >= place.first;
        if follows {
            self.highest = place.last;
            self.last_message = place.message;
            self.epoch = place.epoch;
        }
        follows
    }

    /// Any number.
    pub(super) fn step(&mut self, place: &Place) -> Step {
        let (first, last) = (place.first, place.last.max(place.first));
        let fresh_epoch = std::mem::replace(&mut self.epoch, place.epoch);
        if fresh_epoch == 0 {
            self.start(first, last, place.message);
            return Step::Next;
        }
        let reconnected = fresh_epoch != place.epoch;
        if self.held > 0 {
            self.cold().messages += 1;
        }
        let jumped = self.decide_jump(first, reconnected);
        if first > self.highest && first - self.highest > FAR && !reconnected && !jumped {
            self.doubtful = true;
            self.cold().ahead = Some(*place);
            return Step::Next;
        }
        let step = if self.highest.checked_add(1).is_some_and(|next| first <= next) && last > self.highest {
            Step::Next
        } else if first > self.highest {
            self.open(first, place, reconnected);
            Step::Hole
        } else {
            return self.back(first, last, place.message, reconnected);
        };
        self.highest = last;
        self.last_message = place.message;
        if jumped { Step::Hole } else { step }
    }

    /// What the number far ahead was, now that the next one came; whether it opened a hole.
    fn decide_jump(&mut self, next: u64, reconnected: bool) -> bool {
        if !std::mem::take(&mut self.doubtful) {
            return false;
        }
        let Some(ahead) = self.cold().ahead.take() else { return false };
        let goes_on = next > ahead.last && next - ahead.last <= FAR;
        if goes_on || reconnected {
            self.jump(&ahead);
        } else {
            self.cold().alone = Some(ahead);
        }
        goes_on
    }

    /// All before a number far ahead is missing.
    fn jump(&mut self, ahead: &Place) {
        self.open(ahead.first, ahead, false);
        self.highest = ahead.last.max(ahead.first);
        self.last_message = ahead.message;
    }

    pub(super) fn take_alone(&mut self) -> Option<Place> {
        self.cold.as_mut()?.alone.take()
    }

    /// Begins anew with these numbers. Holes still held must have been taken with [`Lane::take_due`].
    pub(super) fn begin(&mut self, place: &Place) {
        self.epoch = place.epoch;
        self.start(place.first, place.last.max(place.first), place.message);
    }

    fn start(&mut self, first: u64, last: u64, message: u64) {
        self.base = first;
        self.highest = last;
        self.last_message = message;
        self.held = 0;
        self.doubtful = false;
        if let Some(cold) = &mut self.cold {
            cold.holes.clear();
            cold.restart_run = 0;
            cold.ahead = None;
        }
    }

    fn cold(&mut self) -> &mut Cold {
        self.cold.get_or_insert_default()
    }

    fn open(&mut self, first: u64, place: &Place, outage: bool) {
        let (from, to) = (self.highest + 1, first - 1);
        let cold = self.cold();
        let opened = cold.messages;
        cold.restart_run = 0;
        let (message, at, after) = (place.message, place.at, self.highest);
        let hole = Hole { from, to, after, message, at, here: 0, outage, held: true, opened };
        self.cold().holes.push(hole);
        self.held += 1;
    }

    /// A number not above the highest one.
    fn back(&mut self, first: u64, last: u64, message: u64, reconnected: bool) -> Step {
        let far = self.highest - last > FAR;
        if reconnected && (far || first <= 1) {
            self.start(first, last, message);
            return Step::Restart { silent: true };
        }
        let (held, told) = self.fill(first, last);
        if held || told {
            return Step::Fills { held, told };
        }
        if far {
            let cold = self.cold();
            cold.restart_run = if cold.restart_next == first { cold.restart_run + 1 } else { 1 };
            cold.restart_next = last.wrapping_add(1);
            if cold.restart_run >= RESTART_RUN || first <= 1 {
                self.start(first, last, message);
                return Step::Restart { silent: false };
            }
        }
        if first < self.base { Step::Before } else { Step::Repeated }
    }

    /// Takes `first..=last` out of the holes; which sorts of holes it touched.
    fn fill(&mut self, first: u64, last: u64) -> (bool, bool) {
        let Some(cold) = &mut self.cold else { return (false, false) };
        let start = cold.holes.partition_point(|hole| hole.to < first);
        let end = cold.holes.partition_point(|hole| hole.from <= last);
        if start >= end {
            return (false, false);
        }
        let (mut held, mut told) = (false, false);
        let mut rest: [Option<Hole>; 2] = [None, None];
        for hole in cold.holes.drain(start..end) {
            if hole.held {
                held = true;
                self.held -= 1;
            } else {
                told = true;
            }
            if hole.from < first {
                rest[0] = Some(Hole { to: first - 1, here: hole.here.min(first - hole.from), ..hole });
            }
            if hole.to > last {
                let left = first.saturating_sub(hole.from);
                let here = hole.here.saturating_sub(left).min(hole.to - last);
                rest[1] = Some(Hole { from: last + 1, here, ..hole });
            }
        }
        self.held += rest.iter().flatten().filter(|hole| hole.held).count() as u32;
        cold.holes.splice(start..start, rest.into_iter().flatten());
        (held, told)
    }

    /// The hole that the last step opened.
    pub(super) fn newest(&mut self) -> Option<&mut Hole> {
        self.cold.as_mut().and_then(|cold| cold.holes.last_mut())
    }

    /// Holes to be called gaps: those that waited long enough, and the oldest where there are
    /// more than can be remembered. Appends to `due`.
    pub(super) fn take_due(&mut self, opened_before: Time, wait: Wait, due: &mut Vec<Hole>) {
        if self.doubtful
            && let Some(ahead) =
                self.cold().ahead.take_if(|ahead| wait == Wait::No || doubt_ends(ahead) <= opened_before)
        {
            self.doubtful = false;
            self.jump(&ahead);
        }
        let Some(cold) = &mut self.cold else { return };
        let excess = cold.holes.len().saturating_sub(MAX_HOLES);
        if self.held > 0 {
            let messages = cold.messages;
            for (index, hole) in cold.holes.iter_mut().enumerate() {
                if hole.held && (hole.waited(messages, opened_before, wait) || index < excess) {
                    hole.held = false;
                    self.held -= 1;
                    due.push(*hole);
                }
            }
        }
        if excess > 0
            && let Some(forgotten) = cold.holes.drain(..excess).next_back()
        {
            self.base = forgotten.to.saturating_add(1);
        }
    }

    /// When the oldest hole still held opened; of a number far ahead, a minute later.
    pub(super) fn held_since(&self) -> Option<Time> {
        let cold = self.cold.as_ref()?;
        let holes = cold.holes.iter().filter(|hole| hole.held).map(|hole| hole.at);
        holes.chain(cold.ahead.as_ref().map(doubt_ends)).min()
    }
}

/// From when on a number far ahead is believed although nothing came behind it.
fn doubt_ends(ahead: &Place) -> Time {
    ahead.at.plus_nanos(60 * NANOS_PER_SECOND)
}
