//! Min/max buckets on an absolute time grid, and decimation to them.
//!
//! Contract: a bucket keeps the exact smallest and largest finite value of its slot, so no spike is ever averaged
//! away. Values that are not finite are counted and never merge with others.

use crate::Time;

/// What one slot of the time grid holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Where the slot begins.
    pub start: Time,
    /// How many samples fell into it, those that are not finite among them.
    pub count: u32,
    /// The smallest finite value; NaN where there is none.
    pub min: f64,
    /// The largest finite value; NaN where there is none.
    pub max: f64,
    /// The first finite value to arrive; NaN where there is none.
    pub first: f64,
    /// The last finite value to arrive; NaN where there is none.
    pub last: f64,
    /// The sum of the finite values.
    pub sum: f64,
}

/// The start of the slot of `width` nanoseconds that holds `at`; the grid begins at the epoch. `width` must be positive.
pub const fn bucket_start(at: Time, width: i64) -> Time {
    // A feed may send the earliest time there is: before the grid's first whole slot it saturates.
    Time::from_nanos(at.nanos().saturating_sub(at.nanos().rem_euclid(width)))
}

impl Bucket {
    /// An empty slot.
    pub const fn new(start: Time) -> Bucket {
        Bucket { start, count: 0, min: f64::NAN, max: f64::NAN, first: f64::NAN, last: f64::NAN, sum: 0.0 }
    }

    /// Takes a value in.
    pub fn add(&mut self, value: f64) {
        self.count = self.count.saturating_add(1);
        if !value.is_finite() {
            return;
        }
        // f64::min and max ignore the NaN of an empty bucket.
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if self.first.is_nan() {
            self.first = value;
        }
        self.last = value;
        self.sum += value;
    }

    /// Takes a later bucket in (the grid gets coarser).
    pub fn merge(&mut self, later: &Bucket) {
        self.count = self.count.saturating_add(later.count);
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        if self.first.is_nan() {
            self.first = later.first;
        }
        if !later.last.is_nan() {
            self.last = later.last;
        }
        self.sum += later.sum;
    }
}

/// Sorts samples in any order into buckets of `width` nanoseconds, ascending by start. Empty slots are left out.
pub fn decimate(samples: impl IntoIterator<Item = (Time, f64)>, width: i64) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for (at, value) in samples {
        let start = bucket_start(at, width);
        let index = match buckets.last() {
            Some(last) if last.start == start => buckets.len() - 1,
            Some(last) if last.start > start => match buckets.binary_search_by_key(&start, |bucket| bucket.start) {
                Ok(found) => found,
                Err(place) => {
                    buckets.insert(place, Bucket::new(start));
                    place
                }
            },
            _ => {
                buckets.push(Bucket::new(start));
                buckets.len() - 1
            }
        };
        buckets[index].add(value);
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_extreme_is_lost(samples in proptest::collection::vec((-1_000_000i64..1_000_000, -1e9f64..1e9), 1..200), width in 1i64..100_000) {
            let buckets = decimate(samples.iter().map(|&(at, value)| (Time::from_nanos(at), value)), width);
            let total: u32 = buckets.iter().map(|bucket| bucket.count).sum();
            prop_assert_eq!(total as usize, samples.len());
            prop_assert!(buckets.windows(2).all(|pair| pair[0].start < pair[1].start));
            for bucket in &buckets {
                let inside: Vec<f64> = samples
                    .iter()
                    .filter(|(at, _)| bucket_start(Time::from_nanos(*at), width) == bucket.start)
                    .map(|&(_, value)| value)
                    .collect();
                prop_assert_eq!(bucket.min, inside.iter().copied().fold(f64::INFINITY, f64::min));
                prop_assert_eq!(bucket.max, inside.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                prop_assert_eq!(bucket.first, inside[0]);
                prop_assert_eq!(bucket.last, inside[inside.len() - 1]);
            }
        }

        #[test]
        fn a_slot_holds_its_own_times_only(at: i64, width in 1i64..i64::MAX / 4) {
            prop_assume!(at > i64::MIN + width);
            let start = bucket_start(Time::from_nanos(at), width).nanos();
            prop_assert!(start <= at && at - start < width);
        }
    }

    #[test]
    fn the_earliest_time_has_a_slot() {
        assert_eq!(bucket_start(Time::MIN, 7), Time::MIN);
    }

    #[test]
    fn a_value_that_is_not_finite_is_counted_and_never_merged() {
        let mut bucket = Bucket::new(Time::from_nanos(0));
        bucket.add(f64::NAN);
        bucket.add(f64::INFINITY);
        bucket.add(3.0);
        assert_eq!((bucket.count, bucket.min, bucket.max), (3, 3.0, 3.0));
    }
}
