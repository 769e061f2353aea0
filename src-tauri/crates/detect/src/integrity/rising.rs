//! One scope of a rule by which numbers only grow (`increasing`, `non-decreasing`): holes mean nothing, but what is
//! smaller came late, and of an increasing one what is equal came again.
//!
//! Behind a reconnect a smaller number begins anew without a word; else three that grow, in a row and all below what there
//! was, are told as a new start. Of the last 16 numbers of the scope a repetition is known; an older one counts as late.

use super::lane::{Place, RESTART_RUN, Step};
use super::rule::Numbers;

const RECENT: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Rising {
    highest: u64,
    last_message: u64,
    /// Of the last number; 0 before the first.
    epoch: u32,
    /// Smaller numbers in a row, each greater than the one before it.
    below: u32,
    below_last: u64,
    count: u64,
    recent: [u64; RECENT],
}

impl Rising {
    #[inline]
    pub(super) fn step(&mut self, place: &Place, strictly: bool) -> Step {
        let fresh = std::mem::replace(&mut self.epoch, place.epoch);
        let number = place.last;
        if fresh == 0 || number > self.highest || (number == self.highest && !strictly) {
            self.go_on(place);
            return Step::Next;
        }
        self.back(place, strictly, fresh != place.epoch)
    }

    #[cold]
    fn back(&mut self, place: &Place, strictly: bool, reconnected: bool) -> Step {
        let number = place.last;
        let known = (self.count as usize).min(RECENT);
        if strictly && (number == self.highest || self.recent.get(..known).is_some_and(|known| known.contains(&number)))
        {
            return Step::Repeated;
        }
        if reconnected {
            self.begin(place);
            return Step::Restart { silent: true };
        }
        self.below = if self.below > 0 && number > self.below_last { self.below + 1 } else { 1 };
        self.below_last = number;
        if self.below >= RESTART_RUN {
            self.begin(place);
            return Step::Restart { silent: false };
        }
        self.remember(number);
        Step::Before
    }

    #[inline]
    fn go_on(&mut self, place: &Place) {
        self.highest = self.highest.max(place.last);
        self.last_message = place.message;
        self.below = 0;
        self.remember(place.last);
    }

    #[inline]
    fn remember(&mut self, number: u64) {
        if let Some(slot) = self.recent.get_mut((self.count % RECENT as u64) as usize) {
            *slot = number;
        }
        self.count += 1;
    }
}

impl Numbers for Rising {
    fn last_message(&self) -> u64 {
        self.last_message
    }

    fn highest(&self) -> u64 {
        self.highest
    }

    fn begin(&mut self, place: &Place) {
        self.epoch = place.epoch;
        self.highest = place.last;
        self.count = 0;
        self.go_on(place);
    }
}
