//! How much disorder is usual: a histogram of what messages lag, in half octaves of nanoseconds.
//!
//! The greatest 5 % of those that lag are a tail with the edge `u` and the index `xi` (Hill's estimator with a prior
//! worth 10 messages of 0.3): `allowed = u (share / 1e-6)^xi`, at least 4 times the greatest, at least 1 s. Computed
//! anew whenever there is a new greatest one, and after a quarter more messages, 1,024 at most. Counts fade by half every 65,536 messages.

use feedwatch_model::NANOS_PER_SECOND;

const BINS: usize = 128;
const MIN_MESSAGES: u32 = 64;
const MIN_ALLOWED_NANOS: i64 = NANOS_PER_SECOND;
/// About 30 years: what lags more is no order at all.
const MAX_ALLOWED: f64 = 1e18;
const GREATEST_TIMES: i64 = 4;
const CHANCE: f64 = 1e-6;
const TAIL_SHARE: f64 = 0.05;
const PRIOR: f64 = 10.0;
const PRIOR_XI: f64 = 0.3;
const REFRESH: u32 = 1024;
const FADE_AFTER: u32 = 65_536;
const BIN_LN: f64 = std::f64::consts::LN_2 / 2.0;

#[derive(Debug)]
pub(super) struct Disorder {
    bins: [u32; BINS],
    messages: u32,
    next: u32,
    greatest: i64,
    allowed: i64,
    told: i64,
}

impl Disorder {
    pub(super) fn new() -> Disorder {
        Disorder { bins: [0; BINS], messages: 0, next: 16, greatest: 0, allowed: MIN_ALLOWED_NANOS, told: 0 }
    }

    /// Enough came to say what is usual.
    #[inline]
    pub(super) fn known(&self) -> bool {
        self.messages >= MIN_MESSAGES
    }

    /// Nanoseconds.
    #[inline]
    pub(super) fn allowed(&self) -> i64 {
        self.allowed
    }

    /// The greatest disorder that counts as usual. Nanoseconds.
    pub(super) fn usual(&self) -> i64 {
        self.greatest
    }

    #[inline]
    pub(super) fn add(&mut self, lag: i64) {
        self.messages += 1;
        if lag > 0
            && let Some(bin) = self.bins.get_mut(bin(lag))
        {
            *bin = bin.saturating_add(1);
        }
        if lag > self.greatest || self.messages >= self.next {
            self.refresh(lag);
        }
    }

    /// A burst was late by so much. Two alike are a habit.
    pub(super) fn late(&mut self, lag: i64) {
        let habit = lag.min(self.told);
        self.told = lag;
        if habit > self.greatest {
            self.add(habit);
        }
    }

    #[cold]
    fn refresh(&mut self, lag: i64) {
        self.next = self.messages.saturating_add((self.messages / 4).clamp(16, REFRESH));
        if self.messages >= FADE_AFTER {
            self.bins.iter_mut().for_each(|bin| *bin /= 2);
            self.messages /= 2;
            self.next = self.messages + REFRESH;
            let highest = self.bins.iter().rposition(|&count| count > 0);
            self.greatest = self.greatest.min(highest.map_or(0, |bin| edge(bin + 1) as i64));
        }
        self.greatest = self.greatest.max(lag);
        let least = self.greatest.saturating_mul(GREATEST_TIMES).max(MIN_ALLOWED_NANOS);
        self.allowed = (self.extreme().min(MAX_ALLOWED) as i64).max(least);
    }

    /// What a message exceeds with a chance of [`CHANCE`].
    fn extreme(&self) -> f64 {
        let total: f64 = self.bins.iter().map(|&count| f64::from(count)).sum();
        let (mut mass, mut logs, mut tail) = (0.0, 0.0, BINS);
        for (index, &count) in self.bins.iter().enumerate().rev() {
            let count = f64::from(count);
            // One bin at least, so that there is an edge.
            if mass > 0.0 && mass + count > TAIL_SHARE * total {
                break;
            }
            logs += (mass + 0.5 * count) * BIN_LN;
            mass += count;
            tail = index;
        }
        if mass == 0.0 {
            return 0.0;
        }
        let xi = (logs + PRIOR * PRIOR_XI) / (mass + PRIOR);
        let share = mass / f64::from(self.messages.max(1));
        edge(tail) * (share / CHANCE).max(1.0).powf(xi)
    }
}

/// Two bins an octave.
#[inline]
fn bin(lag: i64) -> usize {
    let lag = lag.unsigned_abs();
    let octave = lag.checked_ilog2().unwrap_or(0);
    let half = if octave == 0 { 0 } else { (lag >> (octave - 1)) & 1 };
    ((2 * octave) as usize + half as usize).min(BINS - 1)
}

/// The lower edge of a bin. Nanoseconds.
fn edge(bin: usize) -> f64 {
    let octave = ((bin / 2) as f64).exp2();
    if bin.is_multiple_of(2) { octave } else { 1.5 * octave }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_usual_tail_is_allowed_and_what_does_not_is_not() {
        let mut rng = fastrand::Rng::with_seed(3);
        for power in [0.2, 0.5, 1.0] {
            let mut disorder = Disorder::new();
            for _ in 0..20_000 {
                disorder.add((1e9 * rng.f64().max(1e-9).powf(-power)) as i64);
            }
            // One in a million exceeds this.
            let extreme = 1e9 * 1e6_f64.powf(power);
            let allowed = disorder.allowed() as f64;
            assert!(allowed > 0.3 * extreme && allowed < 20.0 * extreme, "{power}: {allowed}");
        }
    }

    #[test]
    fn any_lag_has_a_bin() {
        assert_eq!([1, 2, 3, 4, 6, 8].map(bin), [0, 2, 3, 4, 5, 6]);
        for lag in [i64::MIN, 0, i64::MAX] {
            Disorder::new().add(lag);
            assert!(bin(lag) < BINS);
        }
        assert_eq!(edge(bin(3 << 20)), f64::from(3 << 20));
    }
}
