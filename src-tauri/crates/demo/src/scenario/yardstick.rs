//! For tests: how loud a calibrated residual tail would be, as a detector of anomalies measures it.
//!
//! Predictors (last value and three running means) weighted by their losses, `z = residual / scale`, and the surprise
//! `u = -log10 p` of z in a decayed histogram with a Pareto tail. The loudness is `u / bar`, with a bar that is higher while the
//! detector is young; 1 is an alarm. Silent for the first 120 rows.

const BINS: usize = 80;
const RATES: [f64; 3] = [0.3, 0.05, 0.005];

#[derive(Default)]
struct Tail {
    mass: Vec<f64>,
    total: f64,
}

impl Tail {
    fn bin(z: f64) -> usize {
        (((z.max(1e-9).log2() + 8.0) * 4.0).floor().max(0.0) as usize).min(BINS - 1)
    }

    fn lower_edge(bin: usize) -> f64 {
        2f64.powf(bin as f64 / 4.0 - 8.0)
    }

    fn surprise(&self, z: f64) -> f64 {
        let bin = Tail::bin(z);
        let above: f64 = self.mass[bin + 1..].iter().sum();
        let mut p = (above + 0.5 * self.mass[bin] + 0.5) / (self.total + 1.0);
        if p < 0.05 {
            let (mut edge, mut m) = (BINS - 1, self.mass[BINS - 1]);
            while edge > 0 && m < 0.05 * self.total {
                edge -= 1;
                m += self.mass[edge];
            }
            let z_u = Tail::lower_edge(edge);
            let middle = |bin: usize| (Tail::lower_edge(bin) * 2f64.powf(0.125) / z_u).ln();
            let logs: f64 = (edge..BINS).map(|bin| self.mass[bin] * middle(bin)).sum();
            let xi = (logs + 10.0 * 0.3) / (m + 10.0);
            p = (m + 0.5) / (self.total + 1.0) * (z / z_u).max(1.0).powf(-1.0 / xi);
        }
        -p.log10()
    }

    fn learn(&mut self, z: f64) {
        self.mass.iter_mut().for_each(|mass| *mass *= 1.0 - 5e-4);
        self.total = self.total * (1.0 - 5e-4) + 1.0;
        self.mass[Tail::bin(z)] += 1.0;
    }
}

/// The greatest loudness behind the warm-up, and the row where it stands.
pub(super) fn loudest(values: &[f64]) -> (f64, usize) {
    let mut tail = Tail { mass: vec![0.0; BINS], total: 0.0 };
    let (mut means, mut losses, mut scale, mut last) = ([values[0]; 3], [0.0; 4], 0.0, values[0]);
    let mut worst = (0.0, 0);
    for (row, value) in values.iter().copied().enumerate().skip(1) {
        let rate = |least: f64| (1.0 / (row as f64 + 1.0)).max(least);
        let predictors = [last, means[0], means[1], means[2]];
        let least = losses.iter().copied().fold(f64::MAX, f64::min).max(1e-12);
        let weights = losses.map(|loss| (least / loss.max(1e-12)).powi(4));
        let predicted = predictors.iter().zip(weights).map(|(p, w)| p * w).sum::<f64>() / weights.iter().sum::<f64>();
        let residual = (value - predicted).abs();
        let young = row < 20;
        if scale > 0.0 {
            let z = residual / scale;
            let bar = 2.6 * (1.0 + 0.2 * 3.0 * 0.5f64.powf(row as f64 / 1000.0));
            let loudness = tail.surprise(z) / bar;
            if row >= 120 && loudness > worst.0 {
                worst = (loudness, row);
            }
            tail.learn(z);
        }
        let clip = |x: f64, limit: f64| if young { x } else { x.min(limit) };
        for (loss, p) in losses.iter_mut().zip(predictors) {
            *loss += rate(0.01) * (clip((value - p).abs(), 8.0 * scale) - *loss);
        }
        scale += rate(0.005) * (clip(residual, 4.0 * scale) - scale);
        for (mean, least) in means.iter_mut().zip(RATES) {
            *mean += rate(least) * (value - *mean);
        }
        last = value;
    }
    worst
}
