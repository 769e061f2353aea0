//! From values and times to pixels, and where the labels stand. Every span is finite and positive, whatever comes in.

use feedwatch_model::{NANOS_PER_SECOND, Time};

/// The axis of values: linear, from bottom to top.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    low: f64,
    high: f64,
}

impl Values {
    /// Around some values, with 6 % of room. Values that are not finite are ignored; without any it is 0 to 1.
    pub(crate) fn around(values: impl Iterator<Item = f64>) -> Values {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Values { low: 0.0, high: 1.0 };
        }
        // Halves, because the whole span may be more than a number holds.
        let half = high / 2.0 - low / 2.0;
        let least = low.abs().max(high.abs()) * 1e-9;
        let room = if half > least.max(f64::MIN_POSITIVE) { half * 0.12 } else { (low.abs() * 0.01).max(1e-9) };
        Values { low: (low - room).max(f64::MIN / 2.0), high: (high + room).min(f64::MAX / 2.0) }
    }

    /// 0 at the bottom, 1 at the top, never outside.
    pub(crate) fn place(&self, value: f64) -> f64 {
        ((value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)).clamp(0.0, 1.0)
    }

    /// At most about `count` round values, and the step between them.
    pub(crate) fn labels(&self, count: usize) -> (Vec<f64>, f64) {
        let step = round_step((self.high - self.low) / count.max(1) as f64);
        let first = (self.low / step).ceil();
        let labels = (0..=count * 3)
            .map(|index| (first + index as f64) * step)
            .take_while(|&value| value <= self.high)
            .filter(|value| value.is_finite());
        (labels.collect(), step)
    }
}

/// The next of 1, 2, 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= step * 0.999).unwrap_or(10.0) * power;
    if round > 0.0 && round.is_finite() { round } else { 1.0 }
}

/// The axis of time, from left to right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) from: Time,
    pub(crate) to: Time,
}

impl Times {
    /// At least a microsecond long, whichever way round the ends are given.
    pub(crate) fn new(from: Time, to: Time) -> Times {
        let (from, to) = (from.min(to), from.max(to));
        if to.nanos_since(from) >= 1000 {
            return Times { from, to };
        }
        Times { from: from.plus_nanos(-500), to: to.plus_nanos(500) }
    }

    fn span(&self) -> f64 {
        // As a difference of i128: from the first to the last time there is does not fit into an i64.
        (i128::from(self.to.nanos()) - i128::from(self.from.nanos())) as f64
    }

    pub(crate) fn contains(&self, at: Time) -> bool {
        self.from <= at && at <= self.to
    }

    /// 0 at the left edge, 1 at the right one, never outside.
    pub(crate) fn place(&self, at: Time) -> f64 {
        let since = (i128::from(at.nanos()) - i128::from(self.from.nanos())) as f64;
        (since / self.span()).clamp(0.0, 1.0)
    }

    /// At most about `count` round local times as UTC times, and the step between them in nanoseconds.
    pub(crate) fn labels(&self, count: usize, offset_secs: i32) -> (Vec<Time>, i64) {
        let wanted = self.span() / count.max(1) as f64;
        let step = steps().find(|&step| step as f64 >= wanted).unwrap_or(i64::MAX / 4);
        let offset = i128::from(offset_secs) * i128::from(NANOS_PER_SECOND);
        let local = i128::from(self.from.nanos()) + offset;
        let wide = i128::from(step);
        let first = local.div_euclid(wide) * wide + if local.rem_euclid(wide) == 0 { 0 } else { wide };
        let labels = (0..=count as i128 + 2)
            .filter_map(|index| i64::try_from(first + index * wide - offset).ok().map(Time::from_nanos))
            .take_while(|&at| at <= self.to);
        (labels.collect(), step)
    }
}

/// The round steps of time, ascending, in nanoseconds.
fn steps() -> impl Iterator<Item = i64> {
    let small = (0..9).flat_map(|power| [1, 2, 5].map(|factor| factor * 10i64.pow(power)));
    let minute = [1, 2, 5, 10, 15, 30];
    let seconds = minute.into_iter().chain(minute.map(|count| count * 60));
    let days = [1, 2, 7, 14, 30, 90, 180, 365, 730, 1825, 3650, 7300, 18_250, 36_500].map(|count| count * 86_400);
    let large = seconds.chain([1, 2, 3, 6, 12].map(|count| count * 3600)).chain(days);
    small.chain(large.map(|secs| secs * NANOS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_are_round() {
        let (labels, step) = Values::around([3890.0, 3936.0].into_iter()).labels(4);
        assert_eq!((labels, step), (vec![3900.0, 3920.0], 20.0));
        let times = Times::new(Time::from_millis(27 * 60_000 + 7000), Time::from_millis(32 * 60_000 + 7000));
        let (labels, step) = times.labels(5, 0);
        assert_eq!(labels.first(), Some(&Time::from_millis(28 * 60_000)));
        assert_eq!((labels.len(), step), (5, 60 * NANOS_PER_SECOND));
    }

    #[test]
    fn labels_are_round_in_local_time() {
        let day = 86_400_000;
        let times = Times::new(Time::from_millis(0), Time::from_millis(3 * day));
        let (labels, _) = times.labels(3, 3600);
        assert_eq!(labels.first(), Some(&Time::from_millis(day - 3_600_000)));
    }

    #[test]
    fn steps_ascend() {
        let steps: Vec<i64> = steps().collect();
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
    }

    proptest! {
        #[test]
        fn any_values_have_a_place(values in proptest::collection::vec(any::<f64>(), 0..5), value: f64, count in 0usize..20) {
            let axis = Values::around(values.iter().copied());
            let (labels, step) = axis.labels(count);
            prop_assert!(labels.len() <= count * 3 + 1);
            prop_assert!(step > 0.0);
            for value in values.into_iter().chain(labels).filter(|value| value.is_finite()) {
                prop_assert!((0.0..=1.0).contains(&axis.place(value)), "{axis:?} {value}");
            }
            prop_assert!(value.is_nan() || (0.0..=1.0).contains(&axis.place(value)));
        }

        #[test]
        fn any_times_have_a_place(from: i64, to: i64, at: i64, count in 0usize..20, offset in -64_800..64_800) {
            let axis = Times::new(Time::from_nanos(from), Time::from_nanos(to));
            prop_assert!((0.0..=1.0).contains(&axis.place(Time::from_nanos(at))));
            let (labels, step) = axis.labels(count, offset);
            prop_assert!(labels.len() <= count + 3 && step > 0);
            prop_assert!(labels.into_iter().all(|label| axis.contains(label)));
        }
    }
}
