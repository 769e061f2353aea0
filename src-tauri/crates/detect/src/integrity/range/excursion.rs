//! A series that left what is usual: what it is, by its next samples.

use std::sync::Arc;

use feedwatch_model::{Message, Time};

use super::{FELL, Lane, NEAR, ODD, ROSE, STEPS};

/// So many samples decide.
const DECIDES: usize = 3;
/// A series that stays out for so long is usual there.
const SETTLES: u32 = 64;
/// What the change of a measure multiplies by, or divides.
const FACTORS: [f64; 6] = [60.0, 100.0, 1e3, 3600.0, 1e6, 1e9];
/// Samples, and how many times the smallest one the largest is at most: what is stable.
const STABLE: [(u16, f64); 2] = [(64, 3.0), (24, 1.2)];
/// Values fit if they are within so much of those before.
const SLACK: (f64, f64) = (1.1, 1.5);
const FAR: f64 = 1000.0;
/// Samples by which a series is known as one of finite values, and by its magnitude.
const KNOWN: u16 = 64;
const WELL_KNOWN: u16 = 4096;

/// Number and receive time of a message.
pub(super) type Place = (u64, Time);

/// What is told of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Rescaled {
        place: Place,
        factor: f64,
        before: f64,
        value: f64,
    },
    Outside {
        place: Place,
        value: f64,
        low: f64,
        high: f64,
        samples: u16,
    },
    TooFast {
        place: Place,
        value: f64,
        before: f64,
        per_second: f64,
        usual: f64,
    },
    /// Beyond a limit that was set.
    Beyond {
        place: Place,
        value: f64,
        limit: f64,
    },
    FasterThan {
        place: Place,
        value: f64,
        per_second: f64,
        limit: f64,
    },
}

/// A series while it is out.
#[derive(Debug)]
pub(super) struct Excursion {
    pub(super) name: Arc<str>,
    pub(super) path: Arc<str>,
    place: Place,
    values: [f64; DECIDES],
    count: u32,
    /// What the first value is by itself, if that is not told yet.
    pub(super) alone: Option<Verdict>,
    told: bool,
}

impl Excursion {
    /// A value that may be told of; `None`: it is to be learned. Its names are left empty.
    pub(super) fn open(lane: &Lane, message: &Message, value: f64, at: Time) -> Option<Excursion> {
        let place = (message.number, message.received);
        let alone = alone(lane, place, value, at);
        let may_be_rescaled = is_stable(lane) && is_far(lane, value);
        if alone.is_none() && !may_be_rescaled {
            return None;
        }
        let (name, path) = (Arc::from(""), Arc::from(""));
        Some(Excursion { name, path, place, values: [value, 0.0, 0.0], count: 1, alone, told: false })
    }

    /// The next sample. Whether it is over, and what is to be told. The sample itself is to be learned then.
    pub(super) fn follow(&mut self, lane: &mut Lane, value: f64, at: Time) -> (bool, Option<Verdict>) {
        if !is_out(lane, value) {
            let verdict = self.speak();
            self.learn(lane, verdict.as_ref());
            // The way back is no jump.
            (lane.last, lane.last_at) = (value, at);
            return (true, verdict);
        }
        if let Some(place) = self.values.get_mut(self.count as usize) {
            *place = value;
        }
        self.count += 1;
        if self.count as usize == DECIDES {
            if let Some(factor) = self.factor(lane) {
                let value = self.values.first().copied().unwrap_or(value);
                let verdict = Verdict::Rescaled { place: self.place, factor, before: lane.last, value };
                *lane = Lane::new();
                return (true, Some(verdict));
            }
            let verdict = self.speak();
            if !self.told {
                self.learn(lane, None);
            }
            return (!self.told, verdict);
        }
        let is_over = self.count >= SETTLES;
        if is_over {
            *lane = Lane::new();
        }
        (is_over, None)
    }

    fn speak(&mut self) -> Option<Verdict> {
        self.told |= self.alone.is_some();
        self.alone.take()
    }

    /// What came and was not told, or was too fast, is usual from now on.
    fn learn(&self, lane: &mut Lane, verdict: Option<&Verdict>) {
        match verdict {
            Some(Verdict::TooFast { before, value, per_second, .. }) => {
                lane.step = lane.step.max((value - before).abs());
                lane.rate = lane.rate.max(*per_second as f32);
            }
            Some(Verdict::Outside { value, .. }) if !value.is_finite() => lane.did |= ODD,
            _ => {}
        }
        let came = self.values.iter().take(self.count as usize).filter(|value| value.is_finite());
        if !self.told {
            came.for_each(|value| lane.widen(*value));
        }
    }

    /// By how much all of the values are as those before.
    fn factor(&self, lane: &Lane) -> Option<f64> {
        if !is_stable(lane) {
            return None;
        }
        let slack = (lane.max / lane.min).max(lane.min / lane.max).clamp(SLACK.0, SLACK.1);
        let (least, most) = (lane.min.abs().min(lane.max.abs()) / slack, lane.most() * slack);
        let same_sign = self.values.iter().all(|value| (*value > 0.0) == (lane.max > 0.0));
        let fits = |factor: &f64| self.values.iter().map(|v| v.abs() / factor).all(|v| v >= least && v <= most);
        let factors = FACTORS.iter().flat_map(|factor| [*factor, 1.0 / factor]);
        // Where several fit, that which fits the middle best.
        let middle = lane.last.abs();
        let first = self.values.first().map_or(0.0, |value| value.abs());
        let off = |factor: &f64| (first / factor / middle).ln().abs();
        factors.filter(fits).min_by(|a, b| off(a).total_cmp(&off(b))).filter(|_| same_sign)
    }
}

/// It moves both ways, has one sign and hardly varies.
fn is_stable(lane: &Lane) -> bool {
    let ratio = if lane.min > 0.0 { lane.max / lane.min } else { lane.min / lane.max };
    let has_sign = lane.min > 0.0 || lane.max < 0.0;
    moves(lane) && has_sign && STABLE.iter().any(|(count, most)| lane.count >= *count && ratio <= *most)
}

fn moves(lane: &Lane) -> bool {
    lane.did & (FELL | ROSE) == FELL | ROSE
}

/// Orders of magnitude away from all that came, with its sign.
fn is_far(lane: &Lane, value: f64) -> bool {
    let same_sign = (value > 0.0 && lane.min > 0.0) || (value < 0.0 && lane.max < 0.0);
    let least = lane.min.abs().min(lane.max.abs());
    same_sign && value.is_finite() && (value.abs() > NEAR * lane.most() || value.abs() < least / NEAR)
}

/// Beyond what is near.
fn is_out(lane: &Lane, value: f64) -> bool {
    !value.is_finite() || is_far(lane, value) || value.abs() > NEAR * lane.most() || is_negative(lane, value)
}

/// Below zero, and by more than it ever was above.
fn is_negative(lane: &Lane, value: f64) -> bool {
    lane.min >= 0.0 && -value > lane.max
}

/// What a value is that comes alone.
fn alone(lane: &Lane, place: Place, value: f64, at: Time) -> Option<Verdict> {
    let outside = Verdict::Outside { place, value, low: lane.min, high: lane.max, samples: lane.count };
    if !value.is_finite() {
        return (lane.count >= KNOWN && lane.did & ODD == 0).then_some(outside);
    }
    if !moves(lane) || lane.count < WELL_KNOWN {
        return None;
    }
    if value.abs() > FAR * lane.most() || is_negative(lane, value) {
        return Some(outside);
    }
    let (step, nanos) = ((value - lane.last).abs(), at.nanos_since(lane.last_at));
    let per_second = step / nanos as f64 * 1e9;
    let is_jump = step > STEPS * lane.step && step > NEAR * (lane.max - lane.min);
    let usual = f64::from(lane.rate);
    let is_fast = is_jump && nanos > 0 && usual > 0.0 && per_second > FAR * usual;
    is_fast.then_some(Verdict::TooFast { place, value, before: lane.last, per_second, usual })
}
