//! One scope of a rule by which each message names the one before it (`names-previous`): which are missing.
//!
//! What is missing is known by one end only: the message that nobody brought and that another one names. How many are
//! missing before it cannot be known.
//!
//! Limits: 1,024 holes a scope; a repetition more than 32 messages of the scope behind is not recognised.

use feedwatch_model::Time;

use super::lane::{Filled, Hole, MAX_HOLES, Place, Step, Wait};
use super::rule::Numbers;

/// Numbers remembered, to know a repetition.
const RECENT: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Chain {
    last: u64,
    last_message: u64,
    /// Of the last number; 0 before the first.
    epoch: u32,
    held: u32,
    /// Messages of the scope.
    messages: u64,
    recent: Box<[u64]>,
    holes: Vec<Hole>,
}

impl Chain {
    /// The message `place.last`, which names `place.first` as the one before it.
    pub(super) fn step(&mut self, place: &Place, filled: &mut Filled) -> Step {
        let fresh = std::mem::replace(&mut self.epoch, place.epoch);
        let (named, this) = (place.first, place.last);
        if fresh == 0 {
            self.go_on(place);
            return Step::Next;
        }
        if named == self.last {
            self.go_on(place);
            return Step::Next;
        }
        if let Some(step) = self.fill(named, this, filled) {
            self.remember(this);
            return step;
        }
        if this == self.last || self.recent.contains(&this) {
            return Step::Repeated;
        }
        // This message opens it; those behind it are counted.
        let (after, messages) = (self.last, self.messages + 1);
        self.holes.push(Hole {
            from: named,
            to: named,
            after,
            message: place.message,
            at: place.at,
            here: 0,
            outage: fresh != place.epoch,
            held: true,
            opened: messages,
        });
        self.held += 1;
        self.go_on(place);
        Step::Hole
    }

    fn go_on(&mut self, place: &Place) {
        self.last = place.last;
        self.last_message = place.message;
        self.remember(place.last);
    }

    fn remember(&mut self, this: u64) {
        if self.recent.is_empty() {
            self.recent = vec![this; RECENT].into_boxed_slice();
        }
        let at = (self.messages % RECENT as u64) as usize;
        if let Some(slot) = self.recent.get_mut(at) {
            *slot = this;
        }
        self.messages += 1;
    }

    /// Takes a message that was missing: it is the last or the first of a hole, or both. At least one is missing until the
    /// hole is closed, so what was told counts as filled only then.
    fn fill(&mut self, named: u64, this: u64, filled: &mut Filled) -> Option<Step> {
        let at = self.holes.iter().position(|hole| hole.from == this || hole.after == named)?;
        let hole = self.holes.get_mut(at)?;
        let (held, at_hole) = (hole.held, hole.at);
        match (hole.after == named, hole.from == this) {
            (true, true) => {
                self.holes.remove(at);
                self.held -= u32::from(held);
                filled.extend((!held).then_some((at_hole, 1)));
            }
            (true, false) => hole.after = this,
            (false, _) => (hole.from, hole.to) = (named, named),
        }
        Some(Step::Fills { told: !held })
    }
}

impl Numbers for Chain {
    fn last_message(&self) -> u64 {
        self.last_message
    }

    fn highest(&self) -> u64 {
        self.last
    }

    /// Nothing is compared with what came before.
    fn begin(&mut self, place: &Place) {
        self.epoch = place.epoch;
        self.holes.clear();
        self.held = 0;
        self.go_on(place);
    }

    fn is_holding(&self) -> bool {
        self.held > 0
    }

    fn held(&self) -> u32 {
        self.held
    }

    fn newest(&mut self) -> Option<&mut Hole> {
        self.holes.last_mut()
    }

    fn take_due(&mut self, opened_before: Time, wait: Wait, due: &mut Vec<Hole>) {
        let excess = self.holes.len().saturating_sub(MAX_HOLES);
        if self.held > 0 {
            for (index, hole) in self.holes.iter_mut().enumerate() {
                if hole.held && (hole.waited(self.messages, opened_before, wait) || index < excess) {
                    hole.held = false;
                    self.held -= 1;
                    due.push(*hole);
                }
            }
        }
        self.holes.drain(..excess);
    }

    fn held_since(&self) -> Option<Time> {
        self.holes.iter().filter(|hole| hole.held).map(|hole| hole.at).min()
    }
}
