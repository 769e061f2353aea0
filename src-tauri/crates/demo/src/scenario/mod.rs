//! The demo publisher's pure core: for each tick the frames to send and what was done wrong on purpose.
//!
//! No clock and no I/O: a tick's time comes in, frames go out. The same seed and the same times give the same frames. The series
//! are calm by themselves (see [`signal`]); faults follow the published [`SCHEDULE`]. Faults draw no random numbers from the
//! series, so that a scenario with faults differs from the one without only where its log says so (a stalled sensor lives on
//! later by what it stood still, and the plant after its silence by five seconds).
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
use plant::{Effect, Plant, SENSORS};
pub(crate) use prices::{PRODUCTS, subscriptions};
use prices::{Ticker, Walk, heartbeat};
pub use schedule::{Entry, Fault, Feed, PERIOD_SECONDS, SCHEDULE, Scheduled, TICKS_PER_SECOND};
use schedule::{Plan, Shifted, lasting, starts};

/// From one tick to the next, in nanoseconds of event time.
pub const TICK_NANOS: i64 = NANOS_PER_SECOND / TICKS_PER_SECOND as i64;
/// A late message is sent behind so many that follow it.
const LATE_BEHIND: u64 = 3;

/// What the publisher does in one tick.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Ticks since the start, from 0.
    pub number: u64,
    /// What to send, in this order.
    pub frames: Vec<(Feed, Frame)>,
    /// The tickers among the frames of `prices`: product and number, in the order of the products; those that were withheld too.
    pub numbers: Vec<(&'static str, u64)>,
    /// Whether the price server takes clients; at the change to false it closes those it has with 1001.
    pub prices_open: bool,
    /// The faults that begin in this tick.
    pub entries: Vec<Entry>,
}

/// Both feeds over time.
#[derive(Clone, Debug)]
pub struct Scenario {
    seed: u64,
    faults: bool,
    number: u64,
    plan: Plan,
    walks: Vec<Walk>,
    plant: Plant,
    /// A late message and the index of its product.
    held: Option<(usize, Ticker)>,
}

/// What faults do to one product in one tick.
struct PriceEffect {
    spread_offset: f64,
    lost: bool,
    late: bool,
    duplicated: bool,
    unreadable: bool,
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
        let walks = (10..).zip(PRODUCTS).map(|(of, product)| Walk::new(product, stream(seed, of))).collect();
        let plant = Plant::new(stream(seed, 1));
        Scenario { seed, faults, number: 0, plan: Plan::new(seed, 0), walks, plant, held: None }
    }

    /// The next tick, whose event time is `at`. Ticks are [`TICK_NANOS`] apart.
    pub fn tick(&mut self, at: Time) -> Tick {
        let period = PERIOD_SECONDS * TICKS_PER_SECOND;
        let phase = self.number % period;
        if phase == 0 {
            self.plan = Plan::new(self.seed, self.number / period);
        }
        let mut tick = Tick {
            number: self.number,
            frames: Vec::with_capacity(PRODUCTS.len() + 2),
            numbers: Vec::with_capacity(PRODUCTS.len()),
            prices_open: self.lasting(Fault::ClosedConnection, phase).is_none(),
            entries: Vec::new(),
        };
        if self.faults {
            tick.entries = self.entries(phase, at);
        }
        self.tick_prices(phase, at, &mut tick);
        if self.lasting(Fault::Silence, phase).is_none() {
            let (number, bytes) = self.tick_plant(phase, at);
            tick.frames.push((Feed::Plant, Frame::new(at, bytes).with_id(number.to_string())));
        }
        self.number += 1;
        tick
    }

    fn lasting(&self, fault: Fault, phase: u64) -> Option<u64> {
        lasting(fault, phase).filter(|_| self.faults)
    }

    fn tick_prices(&mut self, phase: u64, at: Time, tick: &mut Tick) {
        for index in 0..self.walks.len() {
            let effect = self.price_effect(phase, index);
            let Some(walk) = self.walks.get_mut(index) else { continue };
            let ticker = walk.next(at, effect.spread_offset, effect.lost || !tick.prices_open);
            tick.numbers.push((walk.id(), ticker.sequence));
            if effect.lost {
                continue;
            }
            if effect.late {
                self.held = Some((index, ticker));
                continue;
            }
            let Ticker { sequence, bytes } = ticker;
            let mut send = |bytes| tick.frames.push((Feed::Prices, Frame::new(at, bytes)));
            if effect.unreadable {
                send(bytes.slice(..bytes.len() * 3 / 5));
            }
            if effect.duplicated {
                send(bytes.clone());
            }
            send(bytes);
            let due = |held: &mut (usize, Ticker)| held.0 == index && sequence >= held.1.sequence + LATE_BEHIND;
            if let Some((_, held)) = self.held.take_if(due) {
                send(held.bytes);
            }
        }
        if phase.is_multiple_of(TICKS_PER_SECOND) {
            tick.frames.push((Feed::Prices, Frame::new(at, heartbeat(at))));
        }
    }

    fn price_effect(&self, phase: u64, index: usize) -> PriceEffect {
        let hits = |fault, product: usize| product == index && self.lasting(fault, phase).is_some();
        PriceEffect {
            spread_offset: self.spread_offset(phase, index),
            lost: hits(Fault::LostMessages, self.plan.lost),
            late: hits(Fault::LateMessage, self.plan.late),
            duplicated: hits(Fault::DuplicatedMessage, self.plan.duplicated),
            unreadable: hits(Fault::UnreadableMessage, self.plan.unreadable),
        }
    }

    fn tick_plant(&mut self, phase: u64, at: Time) -> (u64, bytes::Bytes) {
        let (spike, stall) = (self.plan.spike, self.plan.stall);
        let spiking = self.lasting(Fault::Spike, phase).is_some();
        let stalled = self.lasting(Fault::Stall, phase).is_some();
        let (spike_offset, shift) = (self.spike_offset(), self.sensor_shift(phase));
        self.plant.next(at, |press, sensor| {
            let mut effect = Effect { offset: 0.0, frozen: stalled && stall == (press, sensor) };
            if spiking && spike == (press, sensor) {
                effect.offset += spike_offset;
            }
            if let Some((_, offset)) = shift.filter(|(at, _)| *at == (press, sensor)) {
                effect.offset += offset;
            }
            effect
        })
    }

    fn sigma_of(&self, (press, sensor): (usize, usize)) -> f64 {
        self.plant.gauge(press, sensor).map_or(0.0, plant::Gauge::sigma)
    }

    fn spike_offset(&self) -> f64 {
        self.plan.spike_sigmas * self.sigma_of(self.plan.spike)
    }

    fn shift_sigmas(&self, phase: u64) -> f64 {
        if self.faults { self.plan.shift_sigmas * Plan::shift_share(phase) } else { 0.0 }
    }

    fn sensor_shift(&self, phase: u64) -> Option<((usize, usize), f64)> {
        match self.plan.shift {
            Shifted::Sensor(press, sensor) => {
                Some(((press, sensor), self.shift_sigmas(phase) * self.sigma_of((press, sensor))))
            }
            Shifted::Spread(_) => None,
        }
    }

    fn spread_offset(&self, phase: u64, index: usize) -> f64 {
        match self.plan.shift {
            Shifted::Spread(product) if product == index => {
                self.shift_sigmas(phase) * self.walks.get(index).map_or(0.0, Walk::spread_sigma)
            }
            _ => 0.0,
        }
    }

    /// The log entries of the faults that begin at `phase`.
    fn entries(&self, phase: u64, at: Time) -> Vec<Entry> {
        let begins = SCHEDULE.iter().filter(|line| starts(line.fault) == phase);
        begins.map(|line| self.entry(*line, phase, at)).collect()
    }

    fn entry(&self, line: Scheduled, phase: u64, at: Time) -> Entry {
        let ticks = line.ticks.unwrap_or(1);
        let blank = Entry {
            second: self.number / TICKS_PER_SECOND,
            feed: Feed::Prices,
            fault: line.fault,
            at,
            until: line.ticks.map(|ticks| at.plus_nanos(TICK_NANOS * ticks as i64)),
            path: None,
            product: None,
            sequence: None,
            offset: None,
        };
        let of_plant = |path: Option<(usize, usize)>, offset: Option<f64>| {
            let first = self.plant.upcoming();
            let path = path.map(|(press, sensor)| {
                format!("/press-{}/{}", press + 1, SENSORS.get(sensor).map_or("", |sensor| sensor.name))
            });
            Entry { feed: Feed::Plant, path, sequence: Some((first, first + ticks - 1)), offset, ..blank.clone() }
        };
        let of_product = |index: usize, ticks: u64| {
            let first = self.walks.get(index).map_or(0, Walk::upcoming);
            let product = PRODUCTS.get(index).map(|product| product.id.to_owned());
            Entry { product, sequence: Some((first, first + ticks - 1)), ..blank.clone() }
        };
        match line.fault {
            Fault::Spike => of_plant(Some(self.plan.spike), Some(self.spike_offset())),
            Fault::Stall => of_plant(Some(self.plan.stall), None),
            Fault::Silence => Entry { sequence: None, ..of_plant(None, None) },
            Fault::LevelShift => match self.plan.shift {
                Shifted::Sensor(press, sensor) => {
                    of_plant(Some((press, sensor)), self.sensor_shift(phase).map(|(_, offset)| offset))
                }
                Shifted::Spread(product) => Entry {
                    path: Some("/spread".to_owned()),
                    offset: Some(self.spread_offset(phase, product)),
                    ..of_product(product, 1)
                },
            },
            Fault::LostMessages => of_product(self.plan.lost, ticks),
            Fault::DuplicatedMessage => of_product(self.plan.duplicated, 1),
            Fault::LateMessage => of_product(self.plan.late, 1),
            Fault::UnreadableMessage => of_product(self.plan.unreadable, 1),
            Fault::ClosedConnection => blank,
        }
    }
}
