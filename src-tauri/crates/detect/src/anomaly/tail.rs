//! How unusual is a value, measured by the series' own past? (detection.md 5.2, "Tail")
//!
//! A histogram of `log2 z` in 80 quarter-octave bins from 2^-8, each row fading by 5e-4. In the body the chance of a
//! row at least as large is counted: `p = (mass above + half the bin + 1/2) / (n + 1)`. In the top 5 % it is
//! extrapolated from the edge `z_u` of the tail (Hill's estimator with a prior worth 10 rows of 0.3):
//!
//! `xi = (sum of ln(z_i / z_u) + 10 * 0.3) / (m + 10)`, `p = (m + 1/2) / (n + 1) * (z / z_u)^(-1 / xi)`
//!
//! What was seen before is never called rarer than it was: `p` is at least the counted share of rows as large, if
//! there was a whole one.

/// Bins of a histogram.
const BINS: usize = 80;
const PER_OCTAVE: f64 = 4.0;
const LOWEST_OCTAVE: f64 = -8.0;
/// Per row; the increments grow instead of the bins shrinking.
const FADE: f64 = 1.0 / (1.0 - 5e-4);
const RESCALE_AT: f64 = 1e12;
const TAIL_SHARE: f64 = 0.05;
const PRIOR_ROWS: f64 = 10.0;
const PRIOR_XI: f64 = 0.15;

/// A fading histogram; `SIDES` 2 keeps what lies above and below apart for the band.
#[derive(Clone, Debug)]
pub(super) struct Tail<const SIDES: usize> {
    bins: [[f32; BINS]; SIDES],
    total: f64,
    increment: f64,
}

fn bin(z: f64) -> usize {
    // A cast saturates: zero and NaN land in the first bin, infinity in the last.
    (((z.log2() - LOWEST_OCTAVE) * PER_OCTAVE) as usize).min(BINS - 1)
}

/// The lower edge of a bin.
fn edge(bin: usize) -> f64 {
    (bin as f64 / PER_OCTAVE + LOWEST_OCTAVE).exp2()
}

impl<const SIDES: usize> Tail<SIDES> {
    pub(super) fn new() -> Tail<SIDES> {
        Tail { bins: [[0.0; BINS]; SIDES], total: 0.0, increment: 1.0 }
    }

    /// Takes a row in, counted `weight` times.
    pub(super) fn add(&mut self, side: usize, z: f64, weight: f64) {
        if let Some(count) = self.bins.get_mut(side).and_then(|bins| bins.get_mut(bin(z))) {
            *count += (weight * self.increment) as f32;
            self.total += weight * self.increment;
        }
        self.increment *= FADE;
        if self.increment > RESCALE_AT {
            let factor = 1.0 / self.increment;
            self.bins.iter_mut().flatten().for_each(|count| *count *= factor as f32);
            self.total *= factor;
            self.increment = 1.0;
        }
    }

    /// In units of the increment, as all sums here until they are told.
    fn count(&self, bin: usize) -> f64 {
        let sum: f32 = self.bins.iter().filter_map(|bins| bins.get(bin)).sum();
        f64::from(sum)
    }

    /// How many remembered rows were about as large as `z` or larger.
    pub(super) fn mass_from(&self, z: f64) -> f64 {
        (bin(z)..BINS).map(|bin| self.count(bin)).sum::<f64>() / self.increment
    }

    /// `-log10` of the chance of a row at least as large as `z`.
    pub(super) fn surprise(&self, z: f64) -> f64 {
        self.judge(z).0
    }

    /// The surprise, and how heavy the tail is: `xi`, about 0.15 for a normal, 0.4 for a log-normal one.
    pub(super) fn judge(&self, z: f64) -> (f64, f64) {
        let rows = self.total / self.increment;
        let own = bin(z);
        // From the top down to the edge of the tail.
        let (mut mass, mut logs, mut tail) = (0.0, 0.0, BINS);
        while tail > 0 {
            let count = self.count(tail - 1);
            if mass + count > TAIL_SHARE * self.total {
                break;
            }
            tail -= 1;
            // ln(z_i / z_u) of what is in already grows by a bin's width each step down.
            logs += (mass + 0.5 * count) * BIN_LN;
            mass += count;
        }
        let (mass, logs) = (mass / self.increment, logs / self.increment);
        let above: f64 = (own + 1..BINS).map(|bin| self.count(bin)).sum();
        let seen = (above + 0.5 * self.count(own)) / self.increment;
        let xi = (logs + PRIOR_ROWS * PRIOR_XI) / (mass + PRIOR_ROWS);
        let p = if own >= tail && tail < BINS {
            let beyond = (z / edge(tail)).max(1.0);
            let expected = (mass + 0.5) * beyond.powf(-1.0 / xi);
            // Rows of episodes count for less than one: a single fault proves nothing.
            (if seen >= 1.0 { expected.max(seen) } else { expected }) / (rows + 1.0)
        } else {
            (seen + 0.5) / (rows + 1.0)
        };
        (-p.clamp(1e-30, 1.0).log10(), xi)
    }

    /// The `z` that a share of all rows exceeds on one side; 0 where that side has fewer rows than that.
    pub(super) fn quantile(&self, side: usize, share: f64) -> f64 {
        let Some(bins) = self.bins.get(side) else { return 0.0 };
        let target = share * self.total;
        let mut above = 0.0;
        for (index, &count) in bins.iter().enumerate().rev() {
            let count = f64::from(count);
            if count > 0.0 && above + count > target {
                // Within the bin the mass is spread evenly in log2 z.
                let part = 1.0 - (target - above) / count;
                return if index == 0 { 0.0 } else { edge(index) * (part / PER_OCTAVE).exp2() };
            }
            above += count;
        }
        0.0
    }
}

const BIN_LN: f64 = std::f64::consts::LN_2 / PER_OCTAVE;

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(draw: impl Fn(&mut fastrand::Rng) -> f64) -> (Tail<1>, fastrand::Rng) {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut tail = Tail::new();
        for _ in 0..3000 {
            tail.add(0, draw(&mut rng), 1.0);
        }
        (tail, rng)
    }

    /// Of fresh rows, about one in 10^u is as surprising as u, also where it is extrapolated.
    #[test]
    fn surprise_is_a_chance() {
        let pareto = |rng: &mut fastrand::Rng| rng.f64().max(1e-12).powf(-0.4);
        let exponential = |rng: &mut fastrand::Rng| -rng.f64().max(1e-12).ln();
        let draws: [&dyn Fn(&mut fastrand::Rng) -> f64; 2] = [&pareto, &exponential];
        for draw in draws {
            let (tail, mut rng) = filled(draw);
            for (bar, at_most) in [(1.0, 0.13), (2.0, 0.014), (3.0, 0.0025), (4.0, 0.0006)] {
                let share = (0..40_000).filter(|_| tail.surprise(draw(&mut rng)) > bar).count() as f64 / 40_000.0;
                assert!(share <= at_most, "{bar}: {share}");
                assert!(bar > 2.0 || share >= 0.3 * 10f64.powf(-bar), "{bar}: {share}");
            }
        }
    }

    #[test]
    fn the_fade_is_a_memory_of_two_thousand_rows() {
        let mut tail = Tail::<1>::new();
        for _ in 0..200_000 {
            tail.add(0, 1.0, 1.0);
        }
        assert!((tail.total / tail.increment - 2000.0).abs() < 20.0);
    }

    #[test]
    fn any_value_has_a_surprise() {
        let (tail, _) = filled(|rng| rng.f64());
        for z in [0.0, -1.0, f64::MIN_POSITIVE, 1e300, f64::INFINITY, f64::NAN] {
            let surprise = tail.surprise(z);
            assert!((0.0..=30.0).contains(&surprise), "{z}: {surprise}");
        }
        assert!(Tail::<1>::new().surprise(1.0).is_finite());
    }
}
