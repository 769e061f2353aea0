//! The `prices` feed in one tick: the walks, and what faults make of their messages.

use std::collections::VecDeque;

use bytes::Bytes;
use feedwatch_model::Time;

use super::prices::{PRODUCTS, Quote, Walk, damaged, heartbeat};
use super::schedule::{Fault, HELD_UP_TICKS, Now, Plan, Shifted, TICKS_PER_SECOND, WITHHELD_TICKS, starts};
use super::stream;

/// A late message is sent behind so many that follow it.
const LATE_BEHIND: u64 = 3;

/// The price feed over time.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    walks: Vec<Walk>,
    /// Messages that are not sent yet, and the index of their product.
    held: Vec<Held>,
    /// Times at which a product said nothing, which it says later.
    unsaid: VecDeque<Time>,
}

#[derive(Clone, Debug)]
struct Held {
    index: usize,
    bytes: Bytes,
    /// The number of the product behind which it is sent.
    behind: u64,
}

/// What the price feed does in one tick.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) messages: Vec<Bytes>,
    /// Product and number of each ticker, those that were withheld too.
    pub(crate) numbers: Vec<(&'static str, u64)>,
}

impl Exchange {
    pub(crate) fn new(seed: u64) -> Exchange {
        let walks = (10..).zip(PRODUCTS).map(|(of, product)| Walk::new(product, stream(seed, of))).collect();
        Exchange { walks, held: Vec::new(), unsaid: VecDeque::new() }
    }

    /// The number the next message of a product will bear.
    pub(crate) fn upcoming(&self, index: usize) -> u64 {
        self.walks.get(index).map_or(0, Walk::upcoming)
    }

    /// The next tick. `open`: somebody may be there to see it.
    pub(crate) fn tick(&mut self, now: Now, plan: &Plan, at: Time, open: bool) -> Said {
        let mut said = Said::default();
        for index in 0..self.walks.len() {
            if is_slow(now, index) {
                continue;
            }
            if index == plan.held_up {
                if now.is(Fault::HeldUp) {
                    self.unsaid.push_back(at);
                    continue;
                }
                if now.phase == starts(Fault::HeldUp) + HELD_UP_TICKS {
                    for due in std::mem::take(&mut self.unsaid) {
                        self.say(index, due, now, plan, false, &mut said);
                    }
                }
            }
            self.say(index, at, now, plan, open, &mut said);
        }
        if now.phase.is_multiple_of(TICKS_PER_SECOND) {
            said.messages.push(heartbeat(at));
        }
        said
    }

    /// One product's next message. `in_time`: it is seen when it is made.
    fn say(&mut self, index: usize, at: Time, now: Now, plan: &Plan, in_time: bool, said: &mut Said) {
        let hits = |fault, product: usize| product == index && now.is(fault);
        let lost = hits(Fault::LostMessages, plan.lost);
        let offset = self.spread_offset(now, plan, index);
        let Some(walk) = self.walks.get_mut(index) else { return };
        let is_damaged = hits(Fault::DamagedMessage, plan.damaged);
        let behind = match () {
            () if hits(Fault::LateMessage, plan.late) => Some(LATE_BEHIND),
            () if hits(Fault::WithheldMessages, plan.withheld) => Some(WITHHELD_TICKS),
            () => None,
        };
        let quote = walk.next(at, offset, lost || is_damaged || behind.is_some() || !in_time);
        said.numbers.push((walk.id(), quote.sequence));
        if lost {
            return;
        }
        let bytes = quote.bytes(now.is(Fault::MissingField));
        if let Some(behind) = behind {
            self.held.push(Held { index, bytes, behind: quote.sequence + behind });
            return;
        }
        if hits(Fault::UnreadableMessage, plan.unreadable) {
            said.messages.push(bytes.slice(..bytes.len() * 3 / 5));
        }
        if hits(Fault::DuplicatedMessage, plan.duplicated) {
            said.messages.push(bytes.clone());
        }
        said.messages.push(if is_damaged { damaged(&bytes) } else { bytes });
        if hits(Fault::Conflict, plan.conflict) {
            said.messages.push(quote.contradicted().bytes(false));
        }
        self.send_held(index, &quote, said);
    }

    fn send_held(&mut self, index: usize, quote: &Quote, said: &mut Said) {
        let due = |held: &mut Held| held.index == index && quote.sequence >= held.behind;
        said.messages.extend(self.held.extract_if(.., due).map(|held| held.bytes));
    }

    /// How much a level shift moves the spread of a product, in dollars.
    pub(crate) fn spread_offset(&self, now: Now, plan: &Plan, index: usize) -> f64 {
        match plan.shift {
            Shifted::Spread(product) if product == index => {
                plan.shift_sigmas_at(now) * self.walks.get(index).map_or(0.0, Walk::spread_sigma)
            }
            _ => 0.0,
        }
    }
}

/// Whether a product has nothing to say because the whole feed has little: each second it is another's turn.
fn is_slow(now: Now, index: usize) -> bool {
    let turn = |since: u64| since.is_multiple_of(TICKS_PER_SECOND) && since / TICKS_PER_SECOND % 4 == index as u64;
    now.lasting(Fault::SlowFeed).is_some_and(|since| !turn(since))
}
