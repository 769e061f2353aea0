//! One scope of a rule that counts (`plus-one`, `plus-one-modulo`, `first-follows-last`): which numbers came, which are
//! missing.
//!
//! Seen is everything from `base` to `highest` but the missing ranges, so the state is exact and its size is the
//! number of open holes. A hole is held for a short while before it is called a gap, because a swap on the way is
//! no loss. Beyond [`MAX_HOLES`] the oldest hole is forgotten and everything up to it with it.
//!
//! A number more than [`NEAR`] ahead ([`FAR`] where several lines bring the feed) is in doubt (at most [`MAX_AHEAD`] at a time) until others weigh for it: another
//! one within [`FAR`] of it, on either side, makes it a jump; [`HELD_MESSAGES`] that go on where the others were make it a
//! damaged number. A copy of it, and time that passes, say nothing. Where nothing came behind it, it is a jump in the end.

use std::collections::VecDeque;

use feedwatch_model::Time;

use super::hole::HELD_MESSAGES;
pub(super) use super::hole::{Filled, Hole, Per, Place, Step, Wait};
use super::rule::Numbers;

/// Open holes per scope.
pub(super) const MAX_HOLES: usize = 1024;
/// A number this far behind may be a sequence that starts anew; nearer ones are repetitions. One this far ahead may be
/// damaged.
const FAR: u64 = 1000;
/// One this far ahead of the others of one line may be damaged too: a digit more, a bit.
const NEAR: u64 = 32;
/// Numbers in doubt at a time; beyond, the oldest is taken as damaged.
const MAX_AHEAD: usize = 4;
/// Of those found to be damaged so many are remembered.
const MAX_EARLY: usize = 64;
/// So many consecutive numbers far behind are a new start.
pub(super) const RESTART_RUN: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Lane {
    base: u64,
    highest: u64,
    last_message: u64,
    /// Of the last number; 0 before the first.
    epoch: u32,
    /// Holes still held.
    held: u32,
    /// Some number is far ahead of the highest, and in doubt.
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
    /// Numbers far ahead, in the order in which they came.
    ahead: Vec<Place>,
    /// How many went on below them.
    below: u64,
    /// Those that were found to be damaged.
    alone: Vec<Place>,
    /// The last of them: if the others come to their place and miss them there, they came early.
    early: VecDeque<Place>,
    /// Holes still held when the numbers began anew.
    left: Vec<Hole>,
}

impl Cold {
    fn stands_alone(&mut self, place: Place) {
        self.alone.push(place);
        if self.early.len() == MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(place);
    }
}

impl Lane {
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

    /// Any number. What it fills of holes that were told is added to `filled`.
    pub(super) fn step(&mut self, place: &Place, filled: &mut Filled) -> Step {
        let place = &Place { last: place.last.max(place.first), ..*place };
        let fresh_epoch = std::mem::replace(&mut self.epoch, place.epoch);
        if fresh_epoch == 0 {
            self.start(place);
            return Step::Next;
        }
        let reconnected = fresh_epoch != place.epoch;
        if self.held > 0 {
            self.cold().messages += 1;
        }
        if place.first > self.highest.saturating_add(1) && self.came_early(place) {
            return Step::Repeated;
        }
        let mut jumped = false;
        if self.doubtful {
            if self.is_copy(place) {
                return Step::Repeated;
            }
            jumped = self.weigh(place, reconnected);
        }
        let doubtful = if place.shared { FAR } else { NEAR };
        if place.first > self.highest && place.first - self.highest > doubtful && !reconnected {
            self.doubt(place);
            return if jumped { Step::Hole } else { Step::Next };
        }
        let step = self.place(place, reconnected, filled);
        if self.doubtful && matches!(step, Step::Next | Step::Hole | Step::Fills { .. }) {
            self.goes_on_below();
        }
        if jumped && step == Step::Next { Step::Hole } else { step }
    }

    /// A number that is not in doubt.
    fn place(&mut self, place: &Place, reconnected: bool, filled: &mut Filled) -> Step {
        let step = if self.highest.checked_add(1).is_some_and(|next| place.first <= next) && place.last > self.highest {
            // What it holds of numbers below may be missing there.
            let told = self.fill(place.first, self.highest, filled).is_some_and(|told| told);
            if told { Step::Fills { told } } else { Step::Next }
        } else if place.first > self.highest {
            self.open(place.first, place, reconnected);
            Step::Hole
        } else {
            return self.back(place, reconnected, filled);
        };
        self.highest = place.last;
        self.last_message = place.message;
        step
    }

    fn came_early(&self, place: &Place) -> bool {
        let same = |early: &Place| (early.first, early.last) == (place.first, place.last);
        self.cold.as_ref().is_some_and(|cold| cold.early.iter().any(same))
    }

    fn is_copy(&self, place: &Place) -> bool {
        let same = |ahead: &Place| ahead.first <= place.first && place.last <= ahead.last;
        self.cold.as_ref().is_some_and(|cold| cold.ahead.iter().any(same))
    }

    #[cold]
    fn doubt(&mut self, place: &Place) {
        self.doubtful = true;
        let cold = self.cold();
        if cold.ahead.len() == MAX_AHEAD {
            let oldest = cold.ahead.remove(0);
            cold.stands_alone(oldest);
        }
        cold.ahead.push(*place);
        cold.below = 0;
    }

    /// Whether the next number shows that those far ahead are a jump.
    #[cold]
    fn weigh(&mut self, next: &Place, reconnected: bool) -> bool {
        let below = next.first.abs_diff(self.highest);
        let near = |ahead: &&Place| {
            let apart =
                if next.first > ahead.last { next.first - ahead.last } else { ahead.first.saturating_sub(next.last) };
            apart <= FAR && apart < below
        };
        let top = self.cold().ahead.iter().find(near).map(|ahead| ahead.last);
        match top {
            Some(top) => self.jump(top),
            None if reconnected && below <= FAR => self.damaged(),
            None if reconnected => self.jump(u64::MAX),
            None => {}
        }
        top.is_some() || reconnected && below > FAR
    }

    /// One more number went on where those before the ones in doubt were.
    fn goes_on_below(&mut self) {
        let cold = self.cold();
        cold.below += 1;
        if cold.below >= HELD_MESSAGES {
            self.damaged();
        }
    }

    fn damaged(&mut self) {
        self.doubtful = false;
        let cold = self.cold();
        for place in std::mem::take(&mut cold.ahead) {
            cold.stands_alone(place);
        }
    }

    /// The numbers in doubt up to `top` are what was sent: all between them is missing.
    fn jump(&mut self, top: u64) {
        let cold = self.cold();
        let mut ahead = std::mem::take(&mut cold.ahead);
        cold.below = 0;
        ahead.sort_by_key(|place| place.first);
        for place in ahead {
            if place.last > top {
                self.cold().ahead.push(place);
            } else if place.last > self.highest {
                if place.first > self.highest.saturating_add(1) {
                    self.open(place.first, &place, false);
                }
                self.highest = place.last;
                self.last_message = place.message;
            }
        }
        self.doubtful = !self.cold().ahead.is_empty();
    }

    /// Nothing more will weigh for or against the numbers in doubt.
    fn end_doubt(&mut self) {
        if self.doubtful && self.cold().below > 0 {
            self.damaged();
        } else if self.doubtful {
            self.jump(u64::MAX);
        }
        // Those that the others nearly came up to were early.
        let mut early = self.cold.as_mut().map(|cold| std::mem::take(&mut cold.early)).unwrap_or_default();
        early.make_contiguous().sort_unstable_by_key(|place| place.first);
        for place in early {
            if place.first > self.highest && place.first - self.highest <= NEAR {
                if place.first - self.highest > 1 {
                    self.open(place.first, &place, false);
                }
                self.highest = place.last;
            }
        }
    }

    fn start(&mut self, place: &Place) {
        self.end_doubt();
        self.base = place.first;
        self.highest = place.last;
        self.last_message = place.message;
        self.held = 0;
        if let Some(cold) = &mut self.cold {
            cold.left.extend(cold.holes.drain(..).filter(|hole| hole.held));
            cold.restart_run = 0;
            cold.early.clear();
        }
    }

    fn cold(&mut self) -> &mut Cold {
        self.cold.get_or_insert_default()
    }

    fn open(&mut self, first: u64, place: &Place, outage: bool) {
        let (after, from, to) = (self.highest, self.highest + 1, first - 1);
        let cold = self.cold();
        cold.restart_run = 0;
        let (message, at, opened) = (place.message, place.at, cold.messages);
        let hole = Hole { from, to, after, message, at, here: 0, outage, held: true, opened };
        let within = cold.early.iter().filter(|early| from <= early.first && early.last <= to);
        let mut early: Vec<(u64, u64)> = within.map(|early| (early.first, early.last)).collect();
        early.sort_unstable();
        let before = cold.holes.len();
        let mut rest = from;
        for (first, last) in early {
            if rest < first {
                cold.holes.push(Hole { from: rest, to: first - 1, ..hole });
            }
            rest = rest.max(last.saturating_add(1));
        }
        if rest <= to {
            cold.holes.push(Hole { from: rest, ..hole });
        }
        let opened = (cold.holes.len() - before) as u32;
        self.held += opened;
    }

    /// A number not above the highest one.
    fn back(&mut self, place: &Place, reconnected: bool, filled: &mut Filled) -> Step {
        let (first, last) = (place.first, place.last);
        let far = self.highest - last > FAR;
        if reconnected && (far || first <= 1) {
            self.start(place);
            return Step::Restart { silent: true };
        }
        if let Some(told) = self.fill(first, last, filled) {
            return Step::Fills { told };
        }
        if far {
            let cold = self.cold();
            cold.restart_run = if cold.restart_next == first { cold.restart_run + 1 } else { 1 };
            cold.restart_next = last.wrapping_add(1);
            if cold.restart_run >= RESTART_RUN || first <= 1 {
                self.start(place);
                return Step::Restart { silent: false };
            }
        }
        if first < self.base { Step::Before } else { Step::Repeated }
    }

    /// Takes `first..=last` out of the holes; whether there were any, and one of them was told.
    fn fill(&mut self, first: u64, last: u64, filled: &mut Filled) -> Option<bool> {
        let cold = self.cold.as_mut()?;
        let start = cold.holes.partition_point(|hole| hole.to < first);
        let end = cold.holes.partition_point(|hole| hole.from <= last);
        if start >= end {
            return None;
        }
        let mut told = false;
        let mut rest: [Option<Hole>; 2] = [None, None];
        for hole in cold.holes.drain(start..end) {
            if hole.held {
                self.held -= 1;
            } else {
                told = true;
                filled.push((hole.at, hole.to.min(last) - hole.from.max(first) + 1));
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
        Some(told)
    }
}

impl Numbers for Lane {
    fn last_message(&self) -> u64 {
        self.last_message
    }

    fn highest(&self) -> u64 {
        self.highest
    }

    fn begin(&mut self, place: &Place) {
        self.epoch = place.epoch;
        self.start(&Place { last: place.last.max(place.first), ..*place });
    }

    fn is_holding(&self) -> bool {
        self.held > 0 || self.doubtful || self.cold.as_ref().is_some_and(|cold| !cold.early.is_empty())
    }

    fn held(&self) -> u32 {
        self.held
    }

    fn newest(&mut self) -> Option<&mut Hole> {
        self.cold.as_mut().and_then(|cold| cold.holes.last_mut())
    }

    fn take_alone(&mut self) -> Vec<Place> {
        self.cold.as_mut().map(|cold| std::mem::take(&mut cold.alone)).unwrap_or_default()
    }

    fn take_due(&mut self, opened_before: Time, wait: Wait, due: &mut Vec<Hole>) {
        if wait == Wait::No {
            self.end_doubt();
        }
        let Some(cold) = &mut self.cold else { return };
        due.append(&mut cold.left);
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

    fn held_since(&self) -> Option<Time> {
        self.cold.as_ref()?.holes.iter().filter(|hole| hole.held).map(|hole| hole.at).min()
    }
}
