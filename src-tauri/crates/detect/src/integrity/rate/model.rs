//! What is usual: how many messages a slot has, how that varies, and how far it ever went.
//!
//! The rate is known by two running means of its logarithm (of 16 and of 256 slots) and, once an hour of the day (UTC)
//! was seen on two days, by that hour's. What is few is measured by the least of them, what is many by the greatest.
//! How it varies is known for sums of 1, 4 and 16 slots: the variance beyond that of chance, and the least and
//! greatest ratio of the last one to two windows (an hour, and 512 slots, at least).

use feedwatch_model::{NANOS_PER_SECOND, Time};

use super::learner::PER_SLOT;

const FAST: f64 = 1.0 / 16.0;
const SLOW: f64 = 1.0 / 256.0;
const SPREAD: f64 = 1.0 / 64.0;
const SCALES: usize = 3;
const WINDOW_SLOTS: u32 = 512;
const HOUR_NANOS: i64 = 3600 * NANOS_PER_SECOND;
const MIN_HOUR_NANOS: i64 = HOUR_NANOS / 4;
const NEAR_NANOS: i64 = 600 * NANOS_PER_SECOND;
const HOURS: usize = 24;
const MIN_DAYS: u8 = 2;
const MAX_SETTLED: u32 = 3600;
const MARGIN: f64 = 1.5;
const LEAST_OVER: f64 = 0.01;

/// How many messages a slot should have, at the least and at the most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Expected {
    pub(super) few: f64,
    pub(super) many: f64,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    slots: u32,
    /// Logarithms of messages per nanosecond.
    fast: f64,
    slow: f64,
    scales: [Scale; SCALES],
    window_start: Option<Time>,
    window_slots: u32,
    hours: [Hour; HOURS],
    hour: Option<(usize, u64, i64)>,
}

#[derive(Debug)]
struct Scale {
    count: f64,
    expected: Expected,
    slots: u32,
    sums: f64,
    /// Mean square of the logarithm of the ratio.
    spread: f64,
    least: [f64; 2],
    greatest: [f64; 2],
}

impl Default for Scale {
    fn default() -> Scale {
        let expected = Expected::default();
        Scale { count: 0.0, expected, slots: 0, sums: 0.0, spread: 0.0, least: [1.0; 2], greatest: [1.0; 2] }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Hour {
    rate: f64,
    days: u8,
}

impl Model {
    /// From the counts of the first slots.
    pub(super) fn learn_first(&mut self, counts: &[u64], nanos: i64, end: Time) {
        let mut sorted = counts.to_vec();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0) as f64;
        self.fast = ((median + 0.5) / nanos as f64).ln();
        self.slow = self.fast;
        for &count in counts {
            self.learn(count, nanos, end);
        }
    }

    pub(super) fn expected(&self, start: Time, nanos: i64) -> Expected {
        let (mut few, mut many) = (self.fast.min(self.slow), self.fast.max(self.slow));
        for at in [start.plus_nanos(-NEAR_NANOS), start, start.plus_nanos(nanos.saturating_add(NEAR_NANOS))] {
            if let Some(hour) = self.hours.get(hour_of(at))
                && hour.days >= MIN_DAYS
            {
                few = few.min(hour.rate);
                many = many.max(hour.rate);
            }
        }
        let slot = nanos as f64;
        // What had all but ceased may come again as before.
        Expected { few: few.exp() * slot, many: (many.exp() * slot).max(PER_SLOT) }
    }

    /// How many slots were learned.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// Messages per second, of late.
    pub(super) fn rate(&self) -> f64 {
        self.fast.exp() * 1e9
    }

    /// Takes in a usual slot that ended.
    pub(super) fn learn(&mut self, count: u64, nanos: i64, end: Time) {
        let expected = self.expected(end.plus_nanos(-nanos), nanos);
        self.slots = self.slots.saturating_add(1);
        let rate = ((count as f64 + 0.5) / nanos as f64).ln();
        let first = 1.0 / f64::from(self.slots);
        self.fast += (rate - self.fast).clamp(-1.0, 1.0) * FAST.max(first);
        self.slow += (rate - self.slow).clamp(-1.0, 1.0) * SLOW.max(first);
        self.spread(count as f64, expected, 1);
        self.window(end);
        self.by_hour(count, nanos, end);
    }

    /// Slots that looked unusual for a while, and were not.
    pub(super) fn spread(&mut self, count: f64, expected: Expected, slots: u32) {
        for (index, scale) in self.scales.iter_mut().enumerate() {
            scale.add(count, expected, slots, 1 << (2 * index));
        }
    }

    fn window(&mut self, end: Time) {
        let start = *self.window_start.get_or_insert(end);
        self.window_slots += 1;
        if self.window_slots >= WINDOW_SLOTS && end.nanos_since(start) >= HOUR_NANOS {
            (self.window_start, self.window_slots) = (Some(end), 0);
            for scale in &mut self.scales {
                scale.least = [1.0, scale.least[0]];
                scale.greatest = [1.0, scale.greatest[0]];
            }
        }
    }

    fn by_hour(&mut self, count: u64, nanos: i64, end: Time) {
        let hour = hour_of(end.plus_nanos(-nanos));
        let (now, messages, known) = self.hour.unwrap_or((hour, 0, 0));
        if now == hour {
            self.hour = Some((hour, messages.saturating_add(count), known.saturating_add(nanos)));
            return;
        }
        if known >= MIN_HOUR_NANOS
            && let Some(bin) = self.hours.get_mut(now)
        {
            let rate = ((messages as f64 + 0.5) / known as f64).ln();
            let share = 1.0 / f64::from(bin.days.min(3) + 1);
            bin.rate += (rate - bin.rate) * share;
            bin.days = bin.days.saturating_add(1);
        }
        self.hour = Some((hour, count, nanos));
    }

    /// The variance beyond chance of a run of so many slots, as a share of the square of what is expected.
    pub(super) fn over(&self, slots: u32, expected: f64) -> f64 {
        let (scale, length) = self.scale(slots);
        let chance = f64::from(slots) / (expected.max(1e-9) * length);
        (scale.spread - chance).max(0.0) * MARGIN + LEAST_OVER
    }

    /// The least and the greatest ratio of counts to what was expected.
    pub(super) fn extremes(&self, slots: u32) -> (f64, f64) {
        let (scale, _) = self.scale(slots);
        (scale.least[0].min(scale.least[1]), scale.greatest[0].max(scale.greatest[1]))
    }

    /// A run of so many slots with such a ratio is usual from now on.
    pub(super) fn allow(&mut self, slots: u32, ratio: f64) {
        for (index, scale) in self.scales.iter_mut().enumerate() {
            if slots >= 1 << (2 * index) {
                scale.least[0] = scale.least[0].min(ratio);
                scale.greatest[0] = scale.greatest[0].max(ratio);
            }
        }
    }

    /// The rate (per second) that the last slots had is usual from now on.
    pub(super) fn settle_at(&mut self, rate: f64, slots: u32, nanos: i64, end: Time) {
        self.fast = (rate.max(1e-9) / 1e9).ln();
        self.slow = self.fast;
        let count = (rate * nanos as f64 / 1e9).round() as u64;
        for back in (0..slots.min(MAX_SETTLED)).rev() {
            self.by_hour(count, nanos, end.plus_nanos(nanos.saturating_neg().saturating_mul(i64::from(back))));
        }
    }

    /// The one for a run of so many slots, and its own number of slots.
    fn scale(&self, slots: u32) -> (&Scale, f64) {
        let [one, four, sixteen] = &self.scales;
        match slots {
            ..4 => (one, 1.0),
            4..16 => (four, 4.0),
            _ => (sixteen, 16.0),
        }
    }
}

impl Scale {
    fn add(&mut self, count: f64, expected: Expected, slots: u32, length: u32) {
        self.count += count;
        self.expected.few += expected.few;
        self.expected.many += expected.many;
        self.slots = self.slots.saturating_add(slots);
        if self.slots < length {
            return;
        }
        let ratio = |expected: f64| (self.count + 0.5) / (expected + 0.5);
        let (few, many) = (ratio(self.expected.few), ratio(self.expected.many));
        // Between the two it is as usual as can be.
        let off = if few < 1.0 { few } else { many.max(1.0) };
        self.sums += 1.0;
        self.spread += (off.ln().clamp(-3.0, 3.0).powi(2) - self.spread) * SPREAD.max(1.0 / self.sums);
        self.least[0] = self.least[0].min(few);
        self.greatest[0] = self.greatest[0].max(many);
        (self.count, self.expected, self.slots) = (0.0, Expected::default(), 0);
    }
}

fn hour_of(at: Time) -> usize {
    (at.nanos().div_euclid(HOUR_NANOS).rem_euclid(HOURS as i64)) as usize
}
