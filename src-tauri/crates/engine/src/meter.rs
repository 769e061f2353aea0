//! Small running figures of a feed: how many messages a second, and how late they are.

use std::collections::VecDeque;

use feedwatch_model::{Accounts, NANOS_PER_MILLI, NANOS_PER_SECOND, Time};

const SLOT: i64 = 250 * NANOS_PER_MILLI;
const SLOTS: usize = 8;

/// Messages per second over the last 2 s.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateMeter {
    slots: [u32; SLOTS],
    newest: i64,
    started: Option<i64>,
}

impl RateMeter {
    /// Counts a message.
    pub(crate) fn count(&mut self, at: Time) {
        let slot = at.nanos().div_euclid(SLOT);
        self.advance(slot);
        self.started.get_or_insert(slot);
        if self.newest.saturating_sub(slot) < SLOTS as i64 {
            self.slots[slot.rem_euclid(SLOTS as i64) as usize] += 1;
        }
    }

    fn advance(&mut self, slot: i64) {
        if self.newest.saturating_sub(slot) >= SLOTS as i64 {
            // The clock was set back: what was counted by the other one says nothing now.
            *self = RateMeter { newest: slot, started: self.started.map(|_| slot), ..RateMeter::default() };
        }
        if slot <= self.newest {
            return;
        }
        let steps = slot.saturating_sub(self.newest).min(SLOTS as i64);
        for back in 0..steps {
            self.slots[(slot - back).rem_euclid(SLOTS as i64) as usize] = 0;
        }
        self.newest = slot;
    }

    /// Messages per second over the whole slots of the last 2 s before `now`; fewer where the feed is younger.
    pub(crate) fn per_second(&mut self, now: Time) -> f64 {
        let slot = now.nanos().div_euclid(SLOT);
        self.advance(slot);
        let Some(started) = self.started else { return 0.0 };
        // The slot under way is not whole yet and does not count.
        let whole = slot.saturating_sub(started).clamp(0, SLOTS as i64 - 1);
        if whole == 0 {
            return 0.0;
        }
        let counted: u32 = (1..=whole).map(|back| self.slots[(slot - back).rem_euclid(SLOTS as i64) as usize]).sum();
        f64::from(counted) / (whole as f64 * SLOT as f64 / 1e9)
    }
}

/// Bytes a second, on the wire and of payload, over about the last 5 s.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrafficMeter {
    /// When, and what had come by then: on the wire, of payload.
    seen: VecDeque<(Time, Option<u64>, u64)>,
}

/// Looks nearer to each other tell nothing new.
const LOOK: i64 = 400 * NANOS_PER_MILLI;
/// Looks that are remembered: they are half a second apart.
const LOOKS: usize = 11;

impl TrafficMeter {
    /// Looks at the books.
    pub(crate) fn note(&mut self, now: Time, accounts: &Accounts) {
        if self.seen.back().is_some_and(|(last, ..)| now < *last) {
            // The clock was set back.
            self.seen.clear();
        }
        if self.seen.back().is_some_and(|(last, ..)| now.nanos_since(*last) < LOOK) {
            return;
        }
        if self.seen.len() == LOOKS {
            self.seen.pop_front();
        }
        self.seen.push_back((now, accounts.wire_bytes, accounts.bytes));
    }

    /// On the wire, where that is known, and of payload; `None` before the second look.
    pub(crate) fn per_second(&self) -> Option<(Option<f64>, f64)> {
        let (&(from, wire_before, before), &(to, wire, payload)) = (self.seen.front()?, self.seen.back()?);
        let seconds = to.secs_since(from);
        if seconds <= 0.0 {
            return None;
        }
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        Some((wire.map(|wire| rate(wire_before.unwrap_or(0), wire)), rate(before, payload)))
    }
}

/// Median lateness (receive time minus event time) of the last 64 messages that told a time.
#[derive(Clone, Debug)]
pub(crate) struct LatenessMeter {
    ring: [i64; 64],
    count: usize,
}

impl Default for LatenessMeter {
    fn default() -> LatenessMeter {
        LatenessMeter { ring: [0; 64], count: 0 }
    }
}

impl LatenessMeter {
    /// Takes a lateness in, nanoseconds.
    pub(crate) fn add(&mut self, nanos: i64) {
        self.ring[self.count % 64] = nanos;
        self.count += 1;
    }

    /// The upper quartile, nanoseconds, not below 0; a second more while too few are known. `None` before the first.
    pub(crate) fn usual(&self) -> Option<i64> {
        const FEW: usize = 8;
        let filled = self.count.min(64);
        let mut sorted = self.ring;
        let sorted = sorted.get_mut(..filled)?;
        sorted.sort_unstable();
        let usual = *sorted.get(filled * 3 / 4)?;
        let more = if filled < FEW { NANOS_PER_SECOND } else { 0 };
        Some(usual.max(0).saturating_add(more))
    }

    /// The median in milliseconds; `None` before the first.
    pub(crate) fn median_ms(&self) -> Option<f64> {
        let filled = self.count.min(64);
        let mut sorted = self.ring;
        let sorted = &mut sorted[..filled];
        sorted.sort_unstable();
        sorted.get(filled / 2).map(|&nanos| nanos as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_steady_feed_reads_its_rate() {
        let mut meter = RateMeter::default();
        for tick in 0..300 {
            meter.count(Time::from_millis(1_000_000 + tick * 25));
        }
        assert_eq!(meter.per_second(Time::from_millis(1_000_000 + 7_500)), 40.0);
        assert_eq!(meter.per_second(Time::from_millis(1_000_000 + 60_000)), 0.0);
    }

    #[test]
    fn a_clock_that_is_set_back_starts_the_rate_anew() {
        let mut meter = RateMeter::default();
        let hour = 3_600_000;
        for tick in 0..300 {
            meter.count(Time::from_millis(2 * hour + tick * 25));
        }
        for tick in 0..200 {
            meter.count(Time::from_millis(hour + tick * 25));
            assert!(meter.per_second(Time::from_millis(hour + tick * 25)) <= 40.0);
        }
        assert_eq!(meter.per_second(Time::from_millis(hour + 5_000)), 40.0);
    }

    #[test]
    fn the_median_ignores_a_straggler() {
        let mut meter = LatenessMeter::default();
        assert_eq!(meter.median_ms(), None);
        for _ in 0..9 {
            meter.add(12_000_000);
        }
        meter.add(9_000_000_000);
        assert_eq!(meter.median_ms(), Some(12.0));
    }

    #[test]
    fn the_usual_lateness_is_the_upper_quartile_of_the_last_messages() {
        let mut meter = LatenessMeter::default();
        assert_eq!(meter.usual(), None);
        meter.add(-5);
        assert_eq!(meter.usual(), Some(NANOS_PER_SECOND), "one message says little");
        (0..64).for_each(|late| meter.add(late));
        assert_eq!(meter.usual(), Some(48));
        (0..15).for_each(|_| meter.add(9_000));
        assert!(meter.usual() < Some(9_000), "a few that came late are not usual");
    }

    #[test]
    fn traffic_is_told_over_the_last_seconds() {
        let mut meter = TrafficMeter::default();
        let books = |wire_bytes, bytes| Accounts { wire_bytes, bytes, ..Accounts::default() };
        meter.note(Time::from_millis(0), &books(Some(500), 1_000));
        assert_eq!(meter.per_second(), None);
        for look in 1..100 {
            meter.note(Time::from_millis(look * 500), &books(Some(500 + look as u64 * 100), 1_000 * (look as u64 + 1)));
            meter.note(Time::from_millis(look * 500 + 1), &books(Some(u64::MAX), u64::MAX));
        }
        assert_eq!(meter.per_second(), Some((Some(200.0), 2_000.0)));
        let mut unknown = TrafficMeter::default();
        (0..3).for_each(|look| unknown.note(Time::from_millis(look * 500), &books(None, look as u64 * 50)));
        assert_eq!(unknown.per_second(), Some((None, 100.0)));
    }

    proptest! {
        #[test]
        fn no_time_panics(times in proptest::collection::vec(any::<i64>(), 0..50)) {
            let mut meter = RateMeter::default();
            for at in times {
                meter.count(Time::from_nanos(at));
                prop_assert!(meter.per_second(Time::from_nanos(at)).is_finite());
            }
        }
    }
}
