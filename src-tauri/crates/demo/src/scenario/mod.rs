//! The demo publisher's pure core: for each tick the frames to send and what was done wrong on purpose.
//!
//! No clock and no I/O: a tick's time comes in, frames go out. The same seed and the same times give the same frames. The series
//! are calm by themselves (see [`signal`]); faults follow the published [`SCHEDULE`]. Faults draw no random numbers from the
//! series, so that a scenario with faults differs from the one without only where its log says so (a stalled sensor lives on
//! later by what it stood still, the plant after its silence by five seconds, and prices after they were slow by twenty).
//!
//! ```
//! use feedwatch_demo::{Scenario, Feed};
//! use feedwatch_model::Time;
//!
//! let mut scenario = Scenario::new(1, true);
//! let tick = scenario.tick(Time::from_millis(1_700_000_000_000));
//! assert_eq!(tick.frames.iter().filter(|(feed, _)| *feed == Feed::Prices).count(), 5); // four products and a heartbeat
//! assert_eq!(tick.frames.iter().filter(|(feed, _)| *feed == Feed::Plant).count(), 1);
//! ```

mod entry;
mod exchange;
mod gate;
mod plant;
mod prices;
mod schedule;
mod signal;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod yardstick;

use std::fmt;

use fastrand::Rng;
use feedwatch_model::{NANOS_PER_SECOND, Time};
use jiff::Timestamp;

use crate::frame::Frame;
use exchange::{Exchange, Said};
use gate::Gate;
pub use gate::{Call, GATE_KEY, GATE_LINES};
use plant::{Effect, Plant};
pub(crate) use prices::subscriptions;
pub use schedule::{
    Entry, Fault, Feed, HELD_UP_TICKS, PERIOD_SECONDS, SCHEDULE, Scheduled, TICKS_PER_SECOND, WITHHELD_TICKS,
};
use schedule::{Now, Plan, Shifted};

/// From one tick to the next, in nanoseconds of event time.
pub const TICK_NANOS: i64 = NANOS_PER_SECOND / TICKS_PER_SECOND as i64;
/// What a sensor says that has no contact.
const NO_CONTACT: f64 = -999.9;

/// What the publisher does in one tick.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Ticks since the start, from 0.
    pub number: u64,
    /// What to send, in this order.
    pub frames: Vec<(Feed, Frame)>,
    /// The gate's calls, in this order.
    pub calls: Vec<Call>,
    /// The tickers among the frames of `prices`: product and number, in the order of the products; those that were withheld too.
    pub numbers: Vec<(&'static str, u64)>,
    /// Whether the price server takes clients; at the change to false it closes those it has with 1001.
    pub prices_open: bool,
    /// The faults that begin in this tick.
    pub entries: Vec<Entry>,
}

/// All feeds over time.
#[derive(Clone, Debug)]
pub struct Scenario {
    seed: u64,
    faults: bool,
    number: u64,
    plan: Plan,
    exchange: Exchange,
    plant: Plant,
    gate: Gate,
    /// The time that the plant's clock shows while it stands.
    stopped_at: Option<Time>,
}

/// An independent stream of random numbers.
fn stream(seed: u64, of: u64) -> Rng {
    // Both are spread over all bits, so that neighbouring seeds share nothing.
    Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ of.wrapping_add(1).wrapping_mul(0xD1B5_4A32_D192_ED03))
}

/// RFC 3339 in UTC with milliseconds, as exchanges write it.
fn stamp(at: Time) -> impl fmt::Display {
    struct Millis(Time);
    impl fmt::Display for Millis {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match Timestamp::from_nanosecond(i128::from(self.0.nanos())) {
                Ok(stamp) => write!(f, "{stamp:.3}"),
                Err(_) => self.0.fmt(f),
            }
        }
    }
    Millis(at)
}

impl Scenario {
    /// A scenario from its start. Without `faults` nothing unusual ever happens.
    pub fn new(seed: u64, faults: bool) -> Scenario {
        Scenario {
            seed,
            faults,
            number: 0,
            plan: Plan::new(seed, 0),
            exchange: Exchange::new(seed),
            plant: Plant::new(stream(seed, 1)),
            gate: Gate::new(seed),
            stopped_at: None,
        }
    }

    /// The next tick, whose event time is `at`. Ticks are [`TICK_NANOS`] apart.
    pub fn tick(&mut self, at: Time) -> Tick {
        let period = PERIOD_SECONDS * TICKS_PER_SECOND;
        let now = Now { phase: self.number % period, faults: self.faults };
        if now.phase == 0 {
            self.plan = Plan::new(self.seed, self.number / period);
        }
        let entries = if self.faults { self.entries(now, at) } else { Vec::new() };
        let prices_open = !now.is(Fault::ClosedConnection);
        let Said { messages, numbers } = self.exchange.tick(now, &self.plan, at, prices_open);
        let mut frames: Vec<(Feed, Frame)> =
            messages.into_iter().map(|bytes| (Feed::Prices, Frame::new(at, bytes))).collect();
        if !now.is(Fault::Silence) {
            let (number, bytes) = self.tick_plant(now, at);
            frames.push((Feed::Plant, Frame::new(at, bytes).with_id(number.to_string())));
        }
        let calls = self.gate.tick(now, at);
        let number = self.number;
        self.number += 1;
        Tick { number, frames, calls, numbers, prices_open, entries }
    }

    fn tick_plant(&mut self, now: Now, at: Time) -> (u64, bytes::Bytes) {
        self.stopped_at = now.lasting(Fault::StoppedClock).map(|_| self.stopped_at.unwrap_or(at));
        let plan = &self.plan;
        let is_hit = |fault: Fault, hit: (usize, usize)| now.is(fault).then_some(hit);
        let spike = is_hit(Fault::Spike, plan.spike);
        let stall = is_hit(Fault::Stall, plan.stall);
        let implausible = is_hit(Fault::Implausible, plan.implausible);
        let (spike_offset, shift) = (self.spike_offset(), self.sensor_shift(now));
        // By a clock that stands nothing is made.
        self.plant.next(self.stopped_at.unwrap_or(at), self.stopped_at.is_none(), |press, sensor| {
            let here = Some((press, sensor));
            let spiked = if spike == here { spike_offset } else { 0.0 };
            let shifted = shift.filter(|(at, _)| Some(*at) == here).map_or(0.0, |(_, offset)| offset);
            Effect {
                offset: spiked + shifted,
                frozen: stall == here,
                says: (implausible == here).then_some(NO_CONTACT),
            }
        })
    }

    fn sigma_of(&self, (press, sensor): (usize, usize)) -> f64 {
        self.plant.gauge(press, sensor).map_or(0.0, plant::Gauge::sigma)
    }

    fn spike_offset(&self) -> f64 {
        self.plan.spike_sigmas * self.sigma_of(self.plan.spike)
    }

    fn sensor_shift(&self, now: Now) -> Option<((usize, usize), f64)> {
        match self.plan.shift {
            Shifted::Sensor(press, sensor) => {
                Some(((press, sensor), self.plan.shift_sigmas_at(now) * self.sigma_of((press, sensor))))
            }
            Shifted::Spread(_) => None,
        }
    }
}
