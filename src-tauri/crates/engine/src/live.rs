//! The live view: per series, the last minutes as min/max buckets on the absolute time grid, at two widths.
//!
//! Contract: exact smallest and largest value of every slot within f32 of the series' first value (a picture needs no
//! more), slots without a sample are left out, memory is bounded by the number of slots. A sample older than the ring is
//! left to the history.

use std::collections::VecDeque;

use feedwatch_model::{NANOS_PER_MILLI, Time};

/// The two widths, with how many slots of each are kept: 2 min and 10 min.
const LEVELS: [(i64, usize); 2] = [(250 * NANOS_PER_MILLI, 480), (1000 * NANOS_PER_MILLI, 600)];
/// Slots from the end that may still change without the page being told to begin anew.
pub const UNSETTLED: i64 = 4;

/// One slot as the page gets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveBucket {
    /// Where the slot begins.
    pub start: Time,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// Lower end of the expected band; NaN: none.
    pub low: f64,
    /// Upper end of the expected band; NaN: none.
    pub high: f64,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    // Slot number less the ring's origin: four bytes instead of eight.
    slot: u32,
    min: f32,
    max: f32,
    low: f32,
    high: f32,
}

#[derive(Clone, Debug)]
struct Ring {
    // The newest slot, and its nanoseconds, from..to, empty before the first sample: most samples fall into it, and a
    // comparison is cheaper than a division.
    open: Cell,
    newest: (i64, i64),
    width: i64,
    keep: usize,
    origin: i64,
    // The slots before the newest one.
    cells: VecDeque<Cell>,
    epoch: u32,
}

impl Ring {
    fn new(width: i64, keep: usize) -> Ring {
        Ring { open: Cell::EMPTY, newest: (0, 0), width, keep, origin: 0, cells: VecDeque::new(), epoch: 0 }
    }

    fn newest_slot(&self) -> Option<i64> {
        (self.newest.0 < self.newest.1).then(|| self.origin + i64::from(self.open.slot))
    }

    fn add(&mut self, at: Time, value: f32, band: (f32, f32)) {
        if (self.newest.0..self.newest.1).contains(&at.nanos()) {
            self.open.merge(value, band);
            return;
        }
        let slot = at.nanos().div_euclid(self.width);
        let newest = self.newest_slot();
        let fresh = |slot: u32| Cell { slot, min: value, max: value, low: band.0, high: band.1 };
        match newest {
            Some(newest) if slot == newest => return self.open.merge(value, band),
            Some(newest) if slot < newest => return self.add_late(slot, newest, value, fresh),
            Some(_) if slot.saturating_sub(self.origin) < i64::from(u32::MAX) => {
                self.cells.push_back(self.open);
                self.open = fresh((slot - self.origin) as u32);
                self.forget(slot);
            }
            _ => {
                // The first sample, or a jump of years: begin anew.
                self.cells.clear();
                self.origin = slot;
                self.epoch = self.epoch.wrapping_add(1);
                self.open = fresh(0);
            }
        }
        let start = slot.saturating_mul(self.width);
        self.newest = (start, start.saturating_add(self.width));
    }

    fn forget(&mut self, newest: i64) {
        while let Some(front) = self.cells.front() {
            if newest - (self.origin + i64::from(front.slot)) < self.keep as i64 {
                break;
            }
            self.cells.pop_front();
        }
    }

    fn add_late(&mut self, slot: i64, newest: i64, value: f32, fresh: impl Fn(u32) -> Cell) {
        let oldest = self.cells.front().map_or(newest, |cell| self.origin + i64::from(cell.slot));
        if slot < oldest {
            return;
        }
        if newest - slot >= UNSETTLED {
            self.epoch = self.epoch.wrapping_add(1);
        }
        let relative = (slot - self.origin) as u32;
        match self.cells.binary_search_by_key(&relative, |cell| cell.slot) {
            Ok(found) => {
                if let Some(cell) = self.cells.get_mut(found) {
                    cell.widen(value);
                }
            }
            Err(place) => self.cells.insert(place, Cell { low: f32::NAN, high: f32::NAN, ..fresh(relative) }),
        }
    }
}

impl Cell {
    const EMPTY: Cell = Cell { slot: 0, min: f32::NAN, max: f32::NAN, low: f32::NAN, high: f32::NAN };

    #[inline]
    fn widen(&mut self, value: f32) {
        if value < self.min {
            self.min = value;
        }
        if value > self.max {
            self.max = value;
        }
    }

    fn merge(&mut self, value: f32, (low, high): (f32, f32)) {
        self.widen(value);
        // The band that held when the slot began is the one its first value was judged by; a later one only fills in.
        if self.low.is_nan() {
            (self.low, self.high) = (low, high);
        }
    }
}

/// The last minutes of one series.
#[derive(Clone, Debug)]
pub struct LiveSeries {
    base: f64,
    last: Option<(Time, f64)>,
    // The nanoseconds, from..to, in which a sample falls into the newest slots of both rings.
    both: (i64, i64),
    rings: [Ring; 2],
}

impl Default for LiveSeries {
    fn default() -> LiveSeries {
        let rings = LEVELS.map(|(width, keep)| Ring::new(width, keep));
        LiveSeries { base: f64::NAN, last: None, both: (0, 0), rings }
    }
}

impl LiveSeries {
    /// Takes a sample in, with the band that was expected for it. Values that are not finite leave no mark.
    pub fn add(&mut self, at: Time, value: f64, band: Option<(f64, f64)>) {
        if self.last.is_none_or(|(last, _)| at >= last) {
            self.last = Some((at, value));
        }
        if !value.is_finite() {
            return;
        }
        if self.base.is_nan() {
            self.base = value;
        }
        let value = self.near(value);
        let in_both = self.both.0 <= at.nanos() && at.nanos() < self.both.1;
        // A slot without a band yet takes that of this sample.
        let is_settled = band.is_none() || self.rings.iter().all(|ring| !ring.open.low.is_nan());
        if in_both && is_settled {
            self.rings.iter_mut().for_each(|ring| ring.open.widen(value));
        } else {
            self.add_to_rings(at, value, band);
        }
    }

    #[inline(never)]
    fn add_to_rings(&mut self, at: Time, value: f32, band: Option<(f64, f64)>) {
        let band = band.map_or((f32::NAN, f32::NAN), |(low, high)| (self.near(low), self.near(high)));
        for ring in &mut self.rings {
            ring.add(at, value, band);
        }
        let [fine, coarse] = &self.rings;
        self.both = (fine.newest.0.max(coarse.newest.0), fine.newest.1.min(coarse.newest.1));
    }

    /// As it is kept. What is beyond f32 is drawn at its end: an infinity would blank the whole chart.
    fn near(&self, value: f64) -> f32 {
        ((value - self.base) as f32).clamp(f32::MIN, f32::MAX)
    }

    /// The newest sample by time.
    pub fn last(&self) -> Option<(Time, f64)> {
        self.last
    }

    /// Changes when an older slot changed, so that what was sent no longer holds.
    pub fn epoch(&self, width: i64) -> u32 {
        self.ring(width).map_or(0, |ring| ring.epoch)
    }

    /// The start of the oldest slot that is held at this width, if any.
    pub fn oldest(&self, width: i64) -> Option<Time> {
        let ring = self.ring(width)?;
        let slot = ring.cells.front().map(|cell| ring.origin + i64::from(cell.slot)).or(ring.newest_slot())?;
        Some(Time::from_nanos(slot.saturating_mul(width)))
    }

    /// Appends the slots of this width whose start lies in `from..=to`.
    pub fn read(&self, width: i64, from: Time, to: Time, out: &mut Vec<LiveBucket>) {
        let Some(ring) = self.ring(width) else { return };
        let first = from.nanos().div_euclid(width) + i64::from(from.nanos().rem_euclid(width) != 0);
        let relative = first.saturating_sub(ring.origin).clamp(0, i64::from(u32::MAX)) as u32;
        let begin = ring.cells.partition_point(|cell| cell.slot < relative);
        let open = ring.newest_slot().and(Some(&ring.open)).filter(|open| open.slot >= relative);
        for cell in ring.cells.range(begin..).chain(open) {
            let start = Time::from_nanos((ring.origin + i64::from(cell.slot)).saturating_mul(width));
            if start > to {
                break;
            }
            let up = |relative: f32| self.base + f64::from(relative);
            out.push(LiveBucket {
                start,
                min: up(cell.min),
                max: up(cell.max),
                low: up(cell.low),
                high: up(cell.high),
            });
        }
    }

    fn ring(&self, width: i64) -> Option<&Ring> {
        self.rings.iter().find(|ring| ring.width == width)
    }
}

/// The slot width for a span, nanoseconds, and whether the live view holds it (else only the history does). A span
/// longer than the live view is read at about one slot for two pixel columns, in steps people know.
pub fn width_for(span: i64, columns: u32) -> (i64, bool) {
    const SECOND: i64 = 1000 * NANOS_PER_MILLI;
    const STEPS: [i64; 14] = [2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400, 604_800];
    match span / SECOND {
        ..=120 => (LEVELS[0].0, true),
        121..=600 => (LEVELS[1].0, true),
        longer => {
            let slots = i64::from(columns.clamp(200, 2_000)) / 2;
            let wanted = longer / slots;
            let step = STEPS.into_iter().find(|&step| step >= wanted).unwrap_or(wanted);
            (step * SECOND, false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(series: &LiveSeries, width: i64) -> Vec<LiveBucket> {
        let mut out = Vec::new();
        series.read(width, Time::MIN, Time::MAX, &mut out);
        out
    }

    proptest! {
        #[test]
        fn the_ring_holds_what_plain_buckets_hold(samples in proptest::collection::vec((0i64..100_000, -1000f64..1000.0), 1..300)) {
            let mut series = LiveSeries::default();
            for &(ms, value) in &samples {
                series.add(Time::from_millis(1_000_000 + ms), value, None);
            }
            let (width, _) = width_for(60_000_000_000, 600);
            let held = read(&series, width);
            // What came in before the ring's oldest slot was known may be left out: all that is held must be right.
            for bucket in &held {
                let inside = samples.iter().filter(|(ms, _)| {
                    feedwatch_model::bucket_start(Time::from_millis(1_000_000 + ms), width) == bucket.start
                }).map(|&(_, value)| value);
                let (low, high) = inside.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
                prop_assert!(bucket.min >= low - 1e-3 && bucket.max <= high + 1e-3);
            }
            let mut sorted = samples.clone();
            sorted.sort_by_key(|&(ms, _)| ms);
            let mut series = LiveSeries::default();
            for &(ms, value) in &sorted {
                series.add(Time::from_millis(1_000_000 + ms), value, None);
            }
            let plain = feedwatch_model::decimate(sorted.iter().map(|&(ms, value)| (Time::from_millis(1_000_000 + ms), value)), width);
            let held = read(&series, width);
            prop_assert_eq!(held.len(), plain.len());
            for (ours, theirs) in held.iter().zip(&plain) {
                prop_assert_eq!(ours.start, theirs.start);
                prop_assert!((ours.min - theirs.min).abs() < 1e-3 && (ours.max - theirs.max).abs() < 1e-3);
            }
        }

        #[test]
        fn memory_is_bounded_and_no_time_panics(times in proptest::collection::vec(any::<i64>(), 0..300)) {
            let mut series = LiveSeries::default();
            for at in times {
                series.add(Time::from_nanos(at), 1.0, Some((0.0, 2.0)));
            }
            prop_assert!(series.rings.iter().all(|ring| ring.cells.len() < ring.keep));
        }
    }

    #[test]
    fn a_late_sample_in_an_old_slot_changes_the_epoch() {
        let mut series = LiveSeries::default();
        let width = LEVELS[0].0;
        for tick in 0..20 {
            series.add(Time::from_nanos(tick * width), 1.0, None);
        }
        let epoch = series.epoch(width);
        series.add(Time::from_nanos(18 * width), 5.0, None);
        assert_eq!(series.epoch(width), epoch, "a fresh slot is sent again anyway");
        series.add(Time::from_nanos(3 * width), 5.0, None);
        assert_ne!(series.epoch(width), epoch);
        assert_eq!(read(&series, width)[3].max, 5.0);
    }
}
