//! Series as they come, without and with faults, 10 rows a second.

use fastrand::Rng;

use super::{FAULT_ROW, ROWS};

/// Standard normal, by Box and Muller.
pub(super) fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
}

fn series(seed: u64, mut draw: impl FnMut(&mut Rng, usize) -> f64) -> Vec<f64> {
    let mut rng = Rng::with_seed(seed);
    (0..ROWS).map(|row| draw(&mut rng, row)).collect()
}

fn cents(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

/// Standard deviation of the noise of [`sensor`], both sorts together.
pub(super) const SENSOR_SIGMA: f64 = 0.3;

/// A slow sine, noise that remembers, and noise that does not, to two decimals.
pub(super) fn sensor(seed: u64) -> Vec<f64> {
    let mut slow = 0.0;
    let period = 300.0 + 100.0 * (seed % 7) as f64;
    series(seed, move |rng, row| {
        slow = 0.9 * slow + 0.1 * normal(rng);
        cents(60.0 + 4.0 * (row as f64 / period * std::f64::consts::TAU).sin() + slow + 0.2 * normal(rng))
    })
}

/// Standard deviation of a step of [`price`].
pub(super) const PRICE_SIGMA: f64 = 1.5;

/// A random walk, to two decimals.
pub(super) fn price(seed: u64) -> Vec<f64> {
    let mut price = 3_900.0;
    series(seed, move |rng, _| {
        price += PRICE_SIGMA * normal(rng);
        cents(price)
    })
}

/// Fault-free series of many kinds, by name.
pub(super) fn calm(seed: u64) -> Vec<(&'static str, Vec<f64>)> {
    let mut walk = 100.0_f64;
    let mut sticky = 50.0;
    let mut level = 10.0;
    let mut on = false;
    let mut periodic = false;
    let mut total = 0.0;
    let mut volatility = 0.0_f64;
    let mut garch = 100.0;
    vec![
        ("sensor", sensor(seed)),
        ("price", price(seed)),
        (
            "multiplicative walk",
            series(seed, move |rng, _| {
                walk *= (0.001 * normal(rng)).exp();
                walk
            }),
        ),
        (
            "walk with changing volatility",
            series(seed, move |rng, _| {
                volatility = 0.99 * volatility + 0.05 * normal(rng);
                garch += volatility.exp() * normal(rng);
                garch
            }),
        ),
        (
            "price that seldom moves",
            series(seed, move |rng, _| {
                if rng.f64() < 0.3 {
                    sticky = cents(sticky + 0.05 * normal(rng));
                }
                sticky
            }),
        ),
        ("trade sizes", series(seed, |rng, _| normal(rng).exp())),
        ("heavy trade sizes", series(seed, |rng, _| (1.5 * normal(rng)).exp())),
        ("exponential", series(seed, |rng, _| -(1.0 - rng.f64()).ln())),
        (
            "heavy tails",
            series(seed, |rng, _| {
                normal(rng) / (normal(rng).powi(2) + normal(rng).powi(2) + normal(rng).powi(2)).sqrt()
            }),
        ),
        ("uniform", series(seed, |rng, _| rng.f64())),
        ("normal", series(seed, |rng, _| normal(rng))),
        ("sine and noise", series(seed, |rng, row| 10.0 * (row as f64 / 80.0).sin() + 0.5 * normal(rng))),
        ("pure sine", series(seed, |_, row| 10.0 * (row as f64 / 80.0).sin())),
        ("constant", series(seed, |_, _| 5.0)),
        (
            "steps",
            series(seed, move |rng, _| {
                if rng.f64() < 0.02 {
                    level += f64::from(rng.i32(-3..=3));
                }
                level
            }),
        ),
        (
            "random switch",
            series(seed, move |rng, _| {
                on ^= rng.f64() < 0.03;
                f64::from(u8::from(on))
            }),
        ),
        (
            "seldom switch",
            series(seed, move |rng, row| {
                periodic ^= row % 150 == 149 || rng.f64() < 0.001;
                f64::from(u8::from(periodic))
            }),
        ),
        (
            "counter",
            series(seed, move |rng, _| {
                total += f64::from(rng.u32(0..8));
                total
            }),
        ),
        ("message counter", series(seed, |_, row| row as f64)),
        ("sawtooth", series(seed, |rng, row| (row % (40 + 10 * (seed as usize % 8))) as f64 + 0.3 * normal(rng))),
        ("quantised noise", series(seed, |rng, _| (1.2 * normal(rng)).round())),
        ("counts", series(seed, |rng, _| (0..20).filter(|_| rng.f64() < 0.15).count() as f64)),
    ]
}

/// A fault put into a series at [`FAULT_ROW`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    Spike { size: f64, rows: usize },
    Shift { size: f64 },
    Freeze { rows: usize },
}

pub(super) fn with_fault(mut values: Vec<f64>, at: usize, fault: Fault) -> Vec<f64> {
    match fault {
        Fault::Spike { size, rows } => values[at..at + rows].iter_mut().for_each(|value| *value = cents(*value + size)),
        Fault::Shift { size } => values[at..].iter_mut().for_each(|value| *value = cents(*value + size)),
        Fault::Freeze { rows } => {
            let frozen = values[at - 1];
            values[at..at + rows].fill(frozen);
        }
    }
    values
}

pub(super) fn faulty(values: Vec<f64>, fault: Fault) -> Vec<f64> {
    with_fault(values, FAULT_ROW, fault)
}
