//! What the next value should be (detection.md 5.2, "Predictors").
//!
//! The last value and three running means (0.3, 0.05, 0.005), each weighted by `(least loss / its loss)^4`, where a
//! loss is the running mean of the error, cut at 8 scales. A random walk is soon predicted by its last value, noise by
//! its mean. The scale `S` is the running mean of the joint error, cut at 4 scales. All rates start as `1 / (i + 1)`.

const RATES: [f64; 4] = [1.0, 0.3, 0.05, 0.005];
const LOSS_RATE: f64 = 0.01;
const LOSS_CUT: f64 = 8.0;
const SCALE_RATE: f64 = 0.005;
const SCALE_CUT: f64 = 4.0;

#[derive(Clone, Debug)]
pub(super) struct Predictors {
    means: [f64; 4],
    losses: [f64; 4],
    scale: f64,
    /// Rows learned.
    rows: u32,
    /// Rows since the means were set anew.
    since_reset: u32,
}

/// What was expected before a row came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prediction {
    pub(super) value: f64,
    /// Never zero.
    pub(super) scale: f64,
}

fn rate(steady: f64, rows: u32) -> f64 {
    steady.max(1.0 / (f64::from(rows) + 1.0))
}

impl Predictors {
    pub(super) fn new() -> Predictors {
        Predictors { means: [0.0; 4], losses: [0.0; 4], scale: 0.0, rows: 0, since_reset: 0 }
    }

    pub(super) fn predict(&self) -> Prediction {
        let floor = floor(self.means[0]);
        let least = self.losses.iter().fold(f64::INFINITY, |least, &loss| least.min(loss)).max(floor);
        let (mut sum, mut weights) = (0.0, 0.0);
        for (mean, loss) in self.means.iter().zip(&self.losses) {
            let ratio = least / loss.max(floor);
            let weight = ratio * ratio * ratio * ratio;
            sum += weight * mean;
            weights += weight;
        }
        Prediction { value: sum / weights, scale: self.scale.max(floor) }
    }

    pub(super) fn learn(&mut self, x: f64, before: &Prediction) {
        if self.rows == 0 {
            self.reset(x);
            self.rows = 1;
            return;
        }
        // Before the first error nothing is known of the scale, so nothing can be cut by it.
        let cut = if self.rows < 8 { f64::INFINITY } else { before.scale };
        let loss_rate = rate(LOSS_RATE, self.rows);
        for ((mean, loss), steady) in self.means.iter_mut().zip(&mut self.losses).zip(RATES) {
            *loss += loss_rate * ((x - *mean).abs().min(LOSS_CUT * cut) - *loss);
            *mean += rate(steady, self.since_reset) * (x - *mean);
        }
        let error = (x - before.value).abs().min(SCALE_CUT * cut);
        self.scale += rate(SCALE_RATE, self.rows) * (error - self.scale);
        self.rows = self.rows.saturating_add(1);
        self.since_reset = self.since_reset.saturating_add(1);
    }

    /// The way to `x` says nothing of the errors (a gap), but the means go on from it.
    pub(super) fn follow(&mut self, x: f64) {
        for (mean, steady) in self.means.iter_mut().zip(RATES) {
            *mean += rate(steady, self.since_reset) * (x - *mean);
        }
    }

    /// The past says nothing of the level any more (a gap): all means start at `x`.
    pub(super) fn reset(&mut self, x: f64) {
        self.means = [x; 4];
        self.since_reset = 1;
    }
}

/// What counts as no difference at all.
pub(super) fn floor(x: f64) -> f64 {
    1e-9 * x.abs() + 1e-12
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(draw: impl Fn(&mut fastrand::Rng, f64) -> f64) -> (f64, f64) {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut predictors = Predictors::new();
        let (mut x, mut error, mut steps) = (0.0, 0.0, 0.0);
        for row in 0..400 {
            let next = draw(&mut rng, x);
            let before = predictors.predict();
            if row >= 100 {
                error += (next - before.value).abs();
                steps += (next - x).abs();
            }
            predictors.learn(next, &before);
            x = next;
        }
        (error, steps)
    }

    #[test]
    fn a_random_walk_is_predicted_by_its_last_value() {
        let (error, steps) = errors(|rng, x| x + rng.f64() - 0.5);
        assert!(error < 1.15 * steps, "{error} {steps}");
    }

    #[test]
    fn noise_is_predicted_by_its_mean() {
        let (error, steps) = errors(|rng, _| rng.f64());
        assert!(error < 0.8 * steps, "{error} {steps}");
    }

    #[test]
    fn a_constant_has_no_error() {
        let (error, _) = errors(|_, _| 5.0);
        assert_eq!(error, 0.0);
    }
}
