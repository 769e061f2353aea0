//! A detector behind slots of 100 ms, so that its cost never meets the message rate.
//!
//! The slots lie on the absolute grid of the epoch. A slot gives at most one row: its value farthest from the
//! prediction, so that no excursion is averaged away. The prediction depends on the slots before alone; so a verdict
//! does not depend on how samples were batched. A sample of a slot that is over is too late for a row.

use feedwatch_model::{NANOS_PER_MILLI, Time, bucket_start};

use super::detector::Detector;
use super::verdict::Verdict;

/// Width of a slot.
const SLOT_NANOS: i64 = 100 * NANOS_PER_MILLI;

/// The detector of one series at any rate of samples.
///
/// ```
/// use feedwatch_detect::Watch;
/// use feedwatch_model::Time;
///
/// let mut watch = Watch::new();
/// assert!(watch.observe(Time::from_millis(10), 1.0).is_none());
/// assert!(watch.observe(Time::from_millis(20), 5.0).is_none());
/// let row = watch.observe(Time::from_millis(130), 1.0).unwrap();
/// assert_eq!((row.at, row.value), (Time::from_millis(20), 5.0));
/// assert_eq!(watch.conflated(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Watch {
    detector: Detector,
    /// Where the open slot begins; no sample was in it while `best` is NaN.
    slot: Time,
    prediction: f64,
    /// Kept beside the prediction: it is asked for with every sample and changes with rows alone.
    band: Option<(f64, f64)>,
    best: f64,
    best_distance: f64,
    best_at: Time,
    samples: u64,
    rows: u64,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch::new()
    }
}

impl Watch {
    /// A watch that knows nothing yet.
    pub fn new() -> Watch {
        Watch {
            detector: Detector::new(),
            slot: Time::MIN,
            prediction: f64::NAN,
            band: None,
            best: f64::NAN,
            best_distance: -1.0,
            best_at: Time::MIN,
            samples: 0,
            rows: 0,
        }
    }

    /// Takes a sample in; the verdict of the slot that it closes, if it does.
    #[inline]
    pub fn observe(&mut self, at: Time, value: f64) -> Option<Verdict> {
        self.samples += 1;
        if !value.is_finite() || at < self.slot {
            return None;
        }
        let closed = if at.nanos_since(self.slot) < SLOT_NANOS { None } else { self.turn(at) };
        let distance = (value - self.prediction).abs();
        if distance > self.best_distance {
            self.best = value;
            self.best_distance = distance;
            self.best_at = at;
        }
        closed
    }

    /// Closes the open slot and opens the one of `at`.
    #[cold]
    fn turn(&mut self, at: Time) -> Option<Verdict> {
        let closed = self.close();
        self.slot = bucket_start(at, SLOT_NANOS);
        // The first sample of all is as far from nothing as any: it stands for its slot with the largest magnitude.
        self.expect();
        closed
    }

    /// What the detector expects of the slot that opens.
    fn expect(&mut self) {
        self.prediction = self.detector.prediction();
        self.band = self.detector.band();
    }

    fn close(&mut self) -> Option<Verdict> {
        if self.best_distance < 0.0 {
            return None;
        }
        self.best_distance = -1.0;
        self.rows += 1;
        Some(self.detector.row(self.slot, self.best_at, self.best))
    }

    /// Time passes, on the axis of the samples' times: closes a slot that ended at least a slot ago, or an episode
    /// after which nothing came.
    pub fn elapse(&mut self, now: Time) -> Option<Verdict> {
        if now.nanos_since(self.slot) >= 2 * SLOT_NANOS {
            if let Some(verdict) = self.close() {
                // What still comes for this slot is too late.
                self.slot = self.slot.plus_nanos(SLOT_NANOS);
                self.expect();
                return Some(verdict);
            }
            return self.detector.elapse(now);
        }
        None
    }

    /// Samples that gave no row of their own.
    pub fn conflated(&self) -> u64 {
        self.samples - self.rows - u64::from(self.best_distance >= 0.0)
    }

    /// The band for the row of the open slot, for drawing; `None` while nothing is said.
    pub fn band(&self) -> Option<(f64, f64)> {
        self.band
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdicts(samples: &[(i64, f64)], ticks: bool) -> Vec<Verdict> {
        let mut watch = Watch::new();
        let mut out = Vec::new();
        for &(millis, value) in samples {
            let at = Time::from_millis(millis);
            if ticks {
                out.extend(watch.elapse(at));
            }
            out.extend(watch.observe(at, value));
        }
        out.extend(watch.elapse(Time::from_millis(i64::MAX / 2_000_000)));
        assert_eq!(watch.conflated() as usize, samples.len() - watch.rows as usize);
        out
    }

    proptest! {
        #[test]
        fn a_row_depends_on_the_samples_of_its_slot_only(
            steps in proptest::collection::vec((0i64..90, -10.0f64..10.0), 1..400),
        ) {
            let mut at = 1_000_000;
            let samples: Vec<(i64, f64)> = steps.iter().map(|&(step, value)| { at += step; (at, value) }).collect();
            let rows = verdicts(&samples, false);
            prop_assert_eq!(&rows, &verdicts(&samples, true));
            let slots: std::collections::BTreeSet<i64> = samples.iter().map(|(at, _)| at / 100).collect();
            prop_assert_eq!(rows.len(), slots.len());
            for pair in rows.windows(2) {
                let slot = |row: &Verdict| row.at.nanos().div_euclid(SLOT_NANOS);
                prop_assert!(slot(&pair[0]) < slot(&pair[1]));
            }
        }

        #[test]
        fn no_sample_panics(samples in proptest::collection::vec((any::<i64>(), any::<f64>()), 0..300)) {
            let mut watch = Watch::new();
            for (at, value) in samples {
                let _ = watch.observe(Time::from_nanos(at), value);
                let _ = watch.elapse(Time::from_nanos(at.saturating_add(1_000_000_000)));
                let _ = (watch.band(), watch.conflated());
            }
        }
    }

    #[test]
    fn the_row_is_the_value_farthest_from_the_prediction() {
        let mut samples: Vec<(i64, f64)> = (0..100).map(|row| (100 * row, 5.0)).collect();
        samples.extend([(10_000, 5.5), (10_010, 1.0), (10_020, 6.0), (10_100, 5.0)]);
        let rows = verdicts(&samples, false);
        assert_eq!((rows[100].at, rows[100].value), (Time::from_millis(10_010), 1.0));
    }

    #[test]
    fn a_late_sample_gives_no_row() {
        let rows = verdicts(&[(0, 1.0), (250, 2.0), (120, 90.0), (300, 3.0)], false);
        assert_eq!(rows.iter().map(|row| row.value).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    }
}
