//! The first look at a rhythm: counts in fine slots, till a length of slot is found that suits it.
//!
//! At most 128 fine slots of 1 s; when they are full, pairs are merged and slots are twice as long. Done once there are
//! 200 messages, 60 s, and 16 slots of a length that holds 20 messages and is twice the longest pause.

use feedwatch_model::NANOS_PER_SECOND;

const FINE_NANOS: i64 = NANOS_PER_SECOND;
const MAX_FINE: usize = 128;
const MIN_MESSAGES: u64 = 200;
const MIN_NANOS: i64 = 60 * NANOS_PER_SECOND;
const MIN_SLOTS: usize = 16;
/// So many messages a slot should have.
pub(super) const PER_SLOT: f64 = 20.0;
/// Half a day, about.
pub(super) const MAX_NANOS: i64 = FINE_NANOS << 15;

#[derive(Debug)]
pub(super) struct Learner {
    counts: Vec<u64>,
    nanos: i64,
    messages: u64,
    longest: i64,
}

impl Learner {
    pub(super) fn new() -> Learner {
        Learner { counts: Vec::new(), nanos: FINE_NANOS, messages: 0, longest: 0 }
    }

    /// The length of a fine slot.
    pub(super) fn nanos(&self) -> i64 {
        self.nanos
    }

    /// A fine slot ended. Gives the length of slot that suits, and the counts in slots as long, once it is known.
    pub(super) fn add(&mut self, count: u64, longest: i64) -> Option<(i64, Vec<u64>)> {
        self.counts.push(count);
        self.messages = self.messages.saturating_add(count);
        self.longest = self.longest.max(longest);
        let found = self.fit();
        if found.is_none() && self.counts.len() >= MAX_FINE && self.nanos < MAX_NANOS {
            self.counts = merged(&self.counts, 2);
            self.nanos *= 2;
        } else if self.counts.len() > MAX_FINE {
            self.counts.remove(0);
        }
        found
    }

    fn fit(&self) -> Option<(i64, Vec<u64>)> {
        let all = self.nanos.saturating_mul(self.counts.len() as i64);
        if self.messages < MIN_MESSAGES || all < MIN_NANOS {
            return None;
        }
        let mut sorted = self.counts.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0) as f64;
        let mean = self.counts.iter().sum::<u64>() as f64 / self.counts.len() as f64;
        // A burst at the beginning does not make the mean; where most slots are empty nothing else tells the rate.
        let rate = if median >= 8.0 { median } else { mean } / self.nanos as f64;
        let nanos = suiting(rate, self.longest)?;
        let times = usize::try_from(nanos / self.nanos).ok()?.max(1);
        let slots = merged(&self.counts, times);
        (slots.len() >= MIN_SLOTS).then_some((nanos.max(self.nanos), slots))
    }
}

/// The length of slot for a rate (per nanosecond) and its longest pause; none beyond half a day.
pub(super) fn suiting(rate: f64, longest: i64) -> Option<i64> {
    let least = (PER_SLOT / rate).max(2.0 * longest as f64);
    let mut nanos = FINE_NANOS;
    while nanos < MAX_NANOS && (nanos as f64) < least {
        nanos *= 2;
    }
    (nanos as f64 >= least).then_some(nanos)
}

fn merged(counts: &[u64], by: usize) -> Vec<u64> {
    counts.chunks_exact(by.max(1)).map(|slot| slot.iter().sum()).collect()
}
