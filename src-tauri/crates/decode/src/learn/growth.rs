//! How numbers go on from one occurrence to the next of the same entity: whether they count up, as sums and running
//! numbers do. Judged key by key, since the numbers of several entities go up and down between each other.
//!
//! A sum (a counter) never falls and grows by irregular amounts, or stands far above what it grew by: a ramp that goes up
//! by equal steps from near zero is none. A running number (of trades, orders, updates) is whole and large, never falls,
//! and grows by little: at most [`SMALL_STEP`] from one message to the next, and by a thousandth of itself. So does what a
//! meter reads; therefore it must go up by one each time, or have another one beside it that is nearly the same (the first
//! and the last number of what a message sums up).
//!
//! Limits: [`MAX_PLACES`] pairs of path and entity.

use rustc_hash::FxHashMap;

use super::observed::{Observed, text_of};
use super::roles::{KeyField, TOPIC};
use crate::hash::hash64;
use crate::json::number::{number, unsigned};
use crate::json::trie::ROOT;

/// Pairs of path and entity that are followed.
const MAX_PLACES: usize = 20_000;
/// So often a number must have grown to be taken for a sum.
const SUM_GROWN: u32 = 8;
/// The same of a number with a fraction: more of those go up for a while.
const FRACTION_GROWN: u32 = 16;
/// So often a running number must have grown.
const RUNNING_GROWN: u32 = 5;
/// A running number grows by so much at most, on average.
const SMALL_STEP: f64 = 100.0;
/// Running numbers are larger.
pub(crate) const LARGE: f64 = 1e5;

/// How the numbers of one path went on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Growth {
    grew: u32,
    fell: u32,
    /// Steps up by one, and of nothing.
    ones: u32,
    same: u32,
    /// Steps up that were not as the first one.
    uneven: u32,
    step: f64,
    sum: f64,
    largest: f64,
    /// Steps inside one message: a list that is sorted sums nothing up.
    inside: u32,
    /// The least number.
    least: Option<f64>,
    fractions: u32,
}

impl Growth {
    fn add(&mut self, value: f64, before: Option<f64>, whole: bool) {
        self.least = Some(self.least.map_or(value, |least| least.min(value)));
        self.fractions += u32::from(!whole);
        let Some(before) = before else { return };
        let step = value - before;
        if step > 0.0 {
            if self.grew == 0 {
                self.step = step;
            }
            self.grew += 1;
            self.ones += u32::from(step == 1.0);
            self.uneven += u32::from((step - self.step).abs() > 1e-9 * self.step);
            self.sum += step;
            self.largest = self.largest.max(step);
        } else if step < 0.0 {
            self.fell += 1;
        } else {
            self.same += 1;
        }
    }

    /// Whether all of it is whole and large.
    pub(crate) fn is_large(&self) -> bool {
        self.fractions == 0 && self.least.is_some_and(|least| least >= LARGE)
    }

    /// Whether it fell at all.
    pub(crate) fn fell(&self) -> bool {
        self.fell > 0
    }

    /// Whether it is a sum that goes on.
    pub(crate) fn is_sum(&self) -> bool {
        let enough = if self.fractions == 0 { SUM_GROWN } else { FRACTION_GROWN };
        let irregular = self.uneven * 4 > self.grew;
        let stands_high = self.least.is_some_and(|least| least > 8.0 * self.sum);
        self.fell == 0 && self.inside * 8 <= self.grew && self.grew >= enough && (irregular || stands_high)
    }

    /// Whether it may be a running number of something.
    pub(crate) fn may_run(&self) -> bool {
        let Some(least) = self.least.filter(|_| self.is_large()) else { return false };
        let step = self.sum / f64::from(self.grew.max(1));
        let small = step <= SMALL_STEP && step <= 1e-3 * least && self.largest <= 8.0 * SMALL_STEP;
        // Messages may come out of order.
        self.grew >= RUNNING_GROWN && self.fell * 10 <= self.grew && small
    }

    /// Whether it goes up by one nearly each time.
    pub(crate) fn goes_by_one(&self) -> bool {
        self.ones * 10 >= (self.grew + self.same) * 9
    }
}

/// How the numbers of the `wanted` paths went on, entity by entity.
pub(crate) fn follow(
    messages: &[&Observed],
    keys: &[KeyField],
    wanted: impl Fn(u32) -> bool,
) -> FxHashMap<u32, Growth> {
    let mut growth: FxHashMap<u32, Growth> = FxHashMap::default();
    let mut last: FxHashMap<(u32, u64), (f64, usize)> = FxHashMap::default();
    let mut names: FxHashMap<u32, u64> = FxHashMap::default();
    for (at, message) in messages.iter().enumerate() {
        names.clear();
        names.extend(keys.iter().any(|key| key.node == TOPIC).then(|| {
            let topic = message.topic.as_deref().unwrap_or_default();
            (ROOT, hash64(topic.as_bytes(), 0))
        }));
        for leaf in message.leaves.iter().filter(|leaf| keys.iter().any(|key| key.node == leaf.node)) {
            let text = text_of(leaf, &message.payload).unwrap_or_default();
            let name = names.entry(leaf.element).or_default();
            *name = hash64(text, *name);
        }
        for leaf in message.leaves.iter().filter(|leaf| wanted(leaf.node)) {
            let raw = leaf.raw(&message.payload);
            let Some(value) = number(raw).map(feedwatch_model::Value::as_f64).filter(|value| value.is_finite()) else {
                continue;
            };
            let place = (leaf.node, entity(message, &names, leaf.element));
            if last.len() >= MAX_PLACES && !last.contains_key(&place) {
                continue;
            }
            let before = last.insert(place, (value, at));
            let growth = growth.entry(leaf.node).or_default();
            growth.inside += u32::from(before.is_some_and(|(_, message)| message == at));
            growth.add(value, before.map(|(value, _)| value), unsigned(raw).is_some());
        }
    }
    growth
}

/// The keys in an element and around it, as one number.
fn entity(message: &Observed, names: &FxHashMap<u32, u64>, element: u32) -> u64 {
    let mut entity = 0;
    let mut at = element;
    loop {
        if let Some(name) = names.get(&at) {
            entity = hash64(&name.to_le_bytes(), entity);
        }
        if at == 0 {
            return entity;
        }
        at = message.elements.get(at as usize).copied().filter(|above| *above < at).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Growth {
        let mut growth = Growth::default();
        let mut before = None;
        for value in values {
            growth.add(value, before, value.fract() == 0.0);
            before = Some(value);
        }
        growth
    }

    #[test]
    fn a_sum_grows_by_irregular_amounts_or_stands_high() {
        let irregular = |at: i32| f64::from(at * 3 + at * at % 7);
        assert!(of((0..40).map(irregular)).is_sum());
        assert!(of((0..40).map(|at| 5000.0 + f64::from(at))).is_sum());
        assert!(!of((0..40).map(f64::from)).is_sum(), "a ramp");
        assert!(!of((0..40).map(|at| f64::from(at % 10))).is_sum(), "a sawtooth");
        assert!(!of((0..40).map(|at| 20.0 + 0.1 * f64::from(at % 11))).is_sum(), "a temperature");
    }

    #[test]
    fn a_running_number_is_large_and_grows_by_little() {
        let trades = of((0..20).map(|at| 126_902_924.0 + f64::from(at * 3 + at % 2)));
        assert!(trades.may_run() && !trades.goes_by_one());
        let orders = of((0..20).map(|at| 126_902_924.0 + f64::from(at)));
        assert!(orders.may_run() && orders.goes_by_one());
        assert!(!of((0..20).map(|at| 15_000_000.0 + f64::from(at) * 1500.0)).may_run(), "a price in yen");
        assert!(!of((0..20).map(f64::from)).may_run());
    }
}
