//! The checks of time, fed together: the source's clock, lateness and rate.
//!
//! What a broker kept and hands out again (retained, redelivered) tells nothing of any; what numbers and identities
//! know as late or repeated tells nothing of clock and lateness.

use feedwatch_model::{FeedId, Finding, Message, Reading, Time};

use super::clock::Clock;
use super::lateness::Lateness;
use super::rate::Rate;
use super::{Arrival, Scopes};

#[derive(Debug)]
pub(super) struct Timing {
    clock: Clock,
    lateness: Lateness,
    rate: Rate,
    of_states: bool,
}

impl Timing {
    pub(super) fn new(feed: FeedId) -> Timing {
        Timing { clock: Clock::new(feed), lateness: Lateness::new(feed), rate: Rate::new(feed), of_states: false }
    }

    /// Of states that are asked for: when they come is our own doing, and none is late.
    pub(super) fn of_states(feed: FeedId) -> Timing {
        Timing { of_states: true, ..Timing::of_calls(feed) }
    }

    /// Of calls, of which there may be none.
    pub(super) fn of_calls(feed: FeedId) -> Timing {
        Timing { rate: Rate::unjudged(feed), ..Timing::new(feed) }
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        message: &Message,
        reading: &Reading,
        arrival: Arrival,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) {
        if super::kept(message) {
            return;
        }
        self.rate.message(message.received, Some((reading.kind, scopes)), out);
        self.lateness.elapse(message.received, out);
        if let (Some(event), Arrival::Fresh) = (reading.time, arrival) {
            self.clock.observe(message, reading.kind, event, out);
            if !self.of_states {
                self.lateness.observe(message, reading, event, out);
            }
        }
    }

    /// Usual messages per second of the feed (no word) and of its kinds, as far as they are known.
    pub(super) fn usual(&self) -> Vec<(Option<&str>, f64)> {
        self.rate.usual()
    }

    pub(super) fn rejected(&mut self, at: Time, out: &mut Vec<Finding>) {
        self.rate.message(at, None, out);
    }

    pub(super) fn dropped(&mut self, count: u64, at: Time) {
        self.rate.dropped(count, at);
    }

    pub(super) fn connected(&mut self, at: Time) {
        self.clock.connected();
        self.rate.connected(at);
    }

    pub(super) fn lost(&mut self) {
        self.rate.lost();
    }

    pub(super) fn own_step(&mut self, at: Time, nanos: i64, out: &mut Vec<Finding>) {
        self.clock.own_step(at, nanos, out);
        self.lateness.own_step(nanos);
        self.rate.own_step(nanos);
    }

    #[inline]
    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        self.rate.elapse(now, out);
        self.lateness.elapse(now, out);
    }

    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        self.lateness.finish(out);
    }

    /// Messages found late so far.
    pub(super) fn late(&self) -> u64 {
        self.lateness.count()
    }
}
