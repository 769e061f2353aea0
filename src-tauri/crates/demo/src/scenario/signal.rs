//! A calm measured value: a base, two slow waves, a little memory, and noise whose tails are cut.
//!
//! `value(t) = base + a1 sin(2 pi t / P1 + p1) + a2 sin(2 pi t / P2 + p2) + ar(t) + e(t)`, with `ar(t) = 0.9 ar(t-1) + d(t)`,
//! `d` and `e` normal and cut at [`TAIL`] standard deviations. The waves are so slow that a row moves by a few hundredths of the
//! noise. `sigma` is what cannot be foreseen from row to row: the standard deviation of `d + e` before the cut (0.8 of it
//! is left).

use std::f64::consts::TAU;

use fastrand::Rng;

/// Where the tails of all noise are cut, in standard deviations. So near that a detector that calibrates itself to the noise and
/// calls the rarest row in some hundreds unusual has nothing to call: cut at 3.2, one series in three met such a bar within ten
/// minutes.
pub(crate) const TAIL: f64 = 1.8;
/// Rows a second.
pub(crate) const RATE: f64 = 10.0;
/// How much of the slow part of the noise stays from row to row.
const MEMORY: f64 = 0.9;
/// The part of `sigma` that has memory.
const SLOW_SHARE: f64 = 0.25;

/// A normal number with mean 0 and standard deviation 1, never beyond [`TAIL`].
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    loop {
        // Box-Muller; 1 - u keeps the logarithm finite.
        let value = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (TAU * rng.f64()).cos();
        if value.abs() <= TAIL {
            return value;
        }
    }
}

/// One measured value over time.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    base: f64,
    sigma: f64,
    waves: [Wave; 2],
    slow: f64,
    rows: u64,
    rng: Rng,
}

#[derive(Clone, Copy, Debug)]
struct Wave {
    height: f64,
    seconds: f64,
    phase: f64,
}

impl Signal {
    /// `base` and `sigma` in the unit of the value, `swing` the height of the greater wave in the same unit.
    pub(crate) fn new(base: f64, sigma: f64, swing: f64, mut rng: Rng) -> Signal {
        let mut wave = |height: f64, from: f64, to: f64| Wave {
            height,
            seconds: from + (to - from) * rng.f64(),
            phase: TAU * rng.f64(),
        };
        let waves = [wave(swing, 420.0, 900.0), wave(swing * 0.3, 150.0, 300.0)];
        Signal { base, sigma, waves, slow: 0.0, rows: 0, rng }
    }

    /// What cannot be foreseen from row to row.
    pub(crate) fn sigma(&self) -> f64 {
        self.sigma
    }

    /// The value of the next row.
    pub(crate) fn next(&mut self) -> f64 {
        let seconds = self.rows as f64 / RATE;
        self.rows += 1;
        let fast_share = (1.0 - SLOW_SHARE * SLOW_SHARE).sqrt();
        self.slow = MEMORY * self.slow + SLOW_SHARE * self.sigma * normal(&mut self.rng);
        let waves: f64 = self.waves.iter().map(|w| w.height * (TAU * seconds / w.seconds + w.phase).sin()).sum();
        self.base + waves + self.slow + fast_share * self.sigma * normal(&mut self.rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_spread_it_says_and_no_tails() {
        let mut rng = Rng::with_seed(1);
        let values: Vec<f64> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let variance = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        // Of a normal cut at t: 1 - 2 t phi(t) / (2 Phi(t) - 1).
        assert!((0.67..0.72).contains(&variance), "{variance}");
        assert!(values.iter().all(|v| v.abs() <= TAIL));
    }

    #[test]
    fn a_signal_moves_by_no_more_than_its_noise_allows() {
        for seed in 0..20 {
            let mut signal = Signal::new(70.0, 0.1, 1.0, Rng::with_seed(seed));
            let mut last = signal.next();
            for _ in 0..10_000 {
                let value = signal.next();
                assert!((value - last).abs() < 0.1 * 2.0 * TAIL * 1.4, "seed {seed}: {last} to {value}");
                last = value;
            }
        }
    }
}
