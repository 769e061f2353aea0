//! Values that cannot be: by another measure than before, outside of what is plausible, or too fast.
//!
//! For each series the smallest and the largest value are known, and the largest step. While a value is within thirty
//! times of these nothing can be told, so the common case is a few comparisons. What lies farther out is held until the
//! next samples of the series, two at most, or the end tell what it is ([`excursion`]):
//!
//! - `rescaled` (check `schema`): the series had one sign, and its largest value was at most 3 times its smallest one in
//!   at least 64 samples, or 1.2 times in 24; three values in a row fit it once they are divided by 60, 100, 1,000,
//!   3,600, a million or a milliard, or multiplied. All series of a message that change so are one finding, and those of
//!   one path within 10 minutes too.
//! - `outside` (check `range`): a value more than 1,000 times the largest magnitude of at least 4,096 samples; a negative
//!   one beyond that magnitude where none of these was negative; the first that is not finite, where 64 were.
//! - `too-fast`: in 4,096 samples no step was a thousandth of this one, none was a thousandth as fast, and all lay within
//!   a thirtieth of it.
//!
//! A series that only grew or only fell so far (a counter) and one that never moved are not judged. What is not told is
//! learned; what is, is not, but for the step of a value that was too fast. A value that stays out for 64 samples is usual
//! from then on. A series is told of again when it was back.
//!
//! [`Range::pin`] sets limits that are judged exactly, at once, and instead of the learned ones.
//!
//! Limits: 65,536 series, 1,024 of them out at a time. What lies beyond is not judged.

mod excursion;
mod telling;

use std::collections::VecDeque;
use std::sync::Arc;

use feedwatch_model::{FeedId, Finding, Message, Reading, Time};
use rustc_hash::FxHashMap;

use self::excursion::{Excursion, Verdict};
use super::Scopes;

const MAX_SERIES: usize = 65_536;
const MAX_OUT: usize = 1024;
/// Nothing is told of a value within this factor of those that came.
const NEAR: f64 = 30.0;
/// Nothing is told of a step up to this multiple of the largest one.
const STEPS: f64 = 1000.0;
/// Paths whose change of measure was told last.
const MAX_RESCALED: usize = 64;

/// What is known of a series: one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Lane {
    /// Values from `low` to `high` have nothing to tell.
    low: f64,
    high: f64,
    min: f64,
    max: f64,
    last: f64,
    last_at: Time,
    /// The largest step.
    step: f64,
    /// The largest step that was the largest yet, per second.
    rate: f32,
    count: u16,
    /// [`FELL`], [`ROSE`] and [`ODD`].
    did: u8,
}

/// It fell at least once.
const FELL: u8 = 1;
/// It rose at least once.
const ROSE: u8 = 2;
/// It had a value that is not finite.
const ODD: u8 = 4;

const _: () = assert!(size_of::<Lane>() <= 64);

/// What an operator set: judged exactly.
#[derive(Clone, Copy, Debug)]
struct Pin {
    low: f64,
    high: f64,
    fastest: f64,
    is_out: bool,
    is_fast: bool,
}

/// What is told of a series in one message.
#[derive(Debug)]
struct Told {
    name: Arc<str>,
    path: Arc<str>,
    verdict: Verdict,
}

/// The change of measure of a path.
#[derive(Debug)]
struct Rescaled {
    path: Arc<str>,
    factor: f64,
    at: Time,
}

#[derive(Debug)]
pub(super) struct Range {
    feed: FeedId,
    lanes: Vec<Lane>,
    pins: FxHashMap<u32, Pin>,
    out: FxHashMap<u32, Excursion>,
    told: Vec<Told>,
    rescaled: VecDeque<Rescaled>,
}

impl Range {
    pub(super) fn new(feed: FeedId) -> Range {
        Range {
            feed,
            lanes: Vec::new(),
            pins: FxHashMap::default(),
            out: FxHashMap::default(),
            told: Vec::new(),
            rescaled: VecDeque::new(),
        }
    }

    /// Sets limits of a series, or none with infinities: its lowest and highest value, and its fastest change in a second.
    pub(super) fn pin(&mut self, series: u32, low: f64, high: f64, fastest: f64) {
        let at = series as usize;
        if at >= MAX_SERIES {
            return;
        }
        self.reach(at);
        self.out.remove(&series);
        let Some(lane) = self.lanes.get_mut(at) else { return };
        let is_none = low == f64::NEG_INFINITY && high == f64::INFINITY && fastest == f64::INFINITY;
        if is_none {
            self.pins.remove(&series);
            *lane = Lane::new();
        } else {
            self.pins.insert(series, Pin { low, high, fastest, is_out: false, is_fast: false });
            lane.ask_always();
        }
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        message: &Message,
        reading: &Reading,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) {
        let of_message = reading.time.unwrap_or(message.received);
        for point in &reading.points {
            let value = point.value.as_f64();
            let at = point.time.unwrap_or(of_message);
            if let Some(lane) = self.lanes.get_mut(point.series as usize)
                && lane.take(value, at)
            {
                continue;
            }
            self.look(message, point.series, value, at, scopes);
        }
        if !self.told.is_empty() {
            telling::tell(self.feed, &mut self.told, &mut self.rescaled, out);
        }
    }

    fn reach(&mut self, at: usize) {
        if self.lanes.len() <= at {
            self.lanes.resize_with(at + 1, Lane::new);
        }
    }

    #[cold]
    fn look(&mut self, message: &Message, series: u32, value: f64, at: Time, scopes: &dyn Scopes) {
        if series as usize >= MAX_SERIES {
            return;
        }
        self.reach(series as usize);
        let Range { lanes, pins, out, told, .. } = self;
        let Some(lane) = lanes.get_mut(series as usize) else { return };
        if let Some(pin) = pins.get_mut(&series) {
            for verdict in pin.judge(lane, message, value, at).into_iter().flatten() {
                let (name, path) = scopes.series(series);
                told.push(Told { name, path, verdict });
            }
            (lane.last, lane.last_at) = (value, at);
            return;
        }
        if let Some(excursion) = out.get_mut(&series) {
            let (is_over, verdict) = excursion.follow(lane, value, at);
            if let Some(verdict) = verdict {
                let (name, path) = (excursion.name.clone(), excursion.path.clone());
                told.push(Told { name, path, verdict });
            }
            if is_over {
                out.remove(&series);
                lane.learn(value, at);
            }
            return;
        }
        match Excursion::open(lane, message, value, at) {
            Some(mut excursion) if out.len() < MAX_OUT => {
                lane.ask_always();
                (excursion.name, excursion.path) = scopes.series(series);
                out.insert(series, excursion);
            }
            Some(_) => {}
            None => lane.learn(value, at),
        }
    }

    /// Nothing more will come: what is out is judged by what came.
    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        let mut held: Vec<(u32, Excursion)> = self.out.drain().collect();
        held.sort_unstable_by_key(|(series, _)| *series);
        for (_, Excursion { name, path, alone, .. }) in held {
            self.told.extend(alone.map(|verdict| Told { name, path, verdict }));
        }
        telling::tell(self.feed, &mut self.told, &mut self.rescaled, out);
    }
}

impl Lane {
    fn new() -> Lane {
        Lane {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            last: f64::NAN,
            last_at: Time::MIN,
            step: 0.0,
            rate: 0.0,
            count: 0,
            did: 0,
        }
    }

    /// Takes in a value that is usual; `false`: it is not, and was not taken in.
    #[inline]
    fn take(&mut self, value: f64, at: Time) -> bool {
        let step = (value - self.last).abs();
        let is_usual = value >= self.low && value <= self.high && step <= STEPS * self.step;
        if is_usual {
            self.keep(value, step, at);
        }
        is_usual
    }

    /// None of the two is NaN, which `f64::min` would look for.
    #[inline]
    fn keep(&mut self, value: f64, step: f64, at: Time) {
        self.min = if value < self.min { value } else { self.min };
        self.max = if value > self.max { value } else { self.max };
        self.step = if step > self.step { step } else { self.step };
        self.did |= (u8::from(value < self.last) * FELL) | (u8::from(value > self.last) * ROSE);
        self.last = value;
        self.last_at = at;
        self.count = self.count.saturating_add(1);
    }

    /// Takes in any value.
    fn learn(&mut self, value: f64, at: Time) {
        if !value.is_finite() {
            self.did |= ODD;
            return;
        }
        let step = (value - self.last).abs();
        if step > self.step {
            let nanos = at.nanos_since(self.last_at);
            if nanos > 0 {
                self.rate = self.rate.max((step / nanos as f64 * 1e9) as f32);
            }
        }
        if self.count == 0 {
            (self.min, self.max) = (value, value);
        }
        if self.last.is_nan() {
            self.last = value;
        }
        self.keep(value, (value - self.last).abs(), at);
        self.widen(value);
    }

    /// A value that came is usual from now on.
    fn widen(&mut self, value: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let most = self.most();
        self.low = if self.min > 0.0 {
            self.min / NEAR
        } else if self.min < 0.0 {
            -NEAR * most
        } else {
            0.0
        };
        self.high = if self.max < 0.0 {
            self.max / NEAR
        } else if self.max > 0.0 {
            NEAR * most
        } else {
            0.0
        };
    }

    /// The largest magnitude.
    fn most(&self) -> f64 {
        self.min.abs().max(self.max.abs())
    }

    /// No value is usual, until it learns the next one.
    fn ask_always(&mut self) {
        (self.low, self.high) = (f64::INFINITY, f64::NEG_INFINITY);
    }
}

impl Pin {
    fn judge(&mut self, lane: &Lane, message: &Message, value: f64, at: Time) -> [Option<Verdict>; 2] {
        let is_out = !(value >= self.low && value <= self.high);
        let nanos = at.nanos_since(lane.last_at);
        let per_second = (value - lane.last).abs() / nanos as f64 * 1e9;
        let is_fast = !lane.last.is_nan() && nanos > 0 && per_second > self.fastest;
        let place = (message.number, message.received);
        let limit = if value < self.low { self.low } else { self.high };
        let outside = (is_out && !self.is_out).then_some(Verdict::Beyond { place, value, limit });
        let fast =
            (is_fast && !self.is_fast).then_some(Verdict::FasterThan { place, value, per_second, limit: self.fastest });
        (self.is_out, self.is_fast) = (is_out, is_fast);
        [outside, fast]
    }
}
