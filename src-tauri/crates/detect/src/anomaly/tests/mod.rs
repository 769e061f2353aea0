//! What the detector promises, on series of many shapes and several seeds.

mod shapes;

use feedwatch_model::{FindingKind, Time};
use proptest::prelude::*;

use super::{ALARM_BAR, Detector, Episode, Verdict, explain};
use shapes::{Fault, PRICE_SIGMA, SENSOR_SIGMA, calm, faulty, price, sensor, with_fault};

/// 150 s at 10 rows a second.
const ROWS: usize = 1500;
/// After 30 s.
const FAULT_ROW: usize = 300;
const SEEDS: std::ops::Range<u64> = 0..10;

fn run(values: &[f64]) -> Vec<Verdict> {
    let mut detector = Detector::new();
    values.iter().zip(0i64..).map(|(&value, row)| detector.observe(Time::from_millis(100 * row), value)).collect()
}

fn opened(rows: &[Verdict]) -> Vec<usize> {
    (0..rows.len()).filter(|&row| rows[row].episode == Episode::Opened).collect()
}

/// The episode that opens within `within` rows of the fault: the rows of opening and closing.
fn episode(rows: &[Verdict], fault: usize, within: usize) -> (usize, usize) {
    let open = (fault..=fault + within).find(|&row| rows[row].episode == Episode::Opened);
    let open = open.unwrap_or_else(|| panic!("no episode from {fault} on: {:?}", opened(rows)));
    let close = (open..rows.len()).find(|&row| rows[row].episode == Episode::Closed).unwrap_or(rows.len() - 1);
    (open, close)
}

/// The fault is found as `kind` with the strength of an alarm, and what follows is not.
fn assert_found(what: &str, values: &[f64], within: usize, kind: FindingKind) {
    let rows = run(values);
    let (open, close) = episode(&rows, FAULT_ROW, within);
    assert_eq!(rows[close].kind, Some(kind), "{what}");
    assert!(rows[close].peak_severity >= ALARM_BAR, "{what}: {}", rows[close].peak_severity);
    let settled = rows[open..=close].iter().filter(|row| row.episode == Episode::Settled).count();
    assert_eq!(settled, 1, "{what}");
    let later = rows[close + 1..].iter().map(|row| row.severity).fold(0.0, f64::max);
    assert!(later < ALARM_BAR, "{what}: {later} after it was over");
}

fn both(test: impl Fn(&str, Vec<f64>, f64)) {
    for seed in SEEDS {
        test(&format!("sensor {seed}"), sensor(seed), SENSOR_SIGMA);
        test(&format!("price {seed}"), price(seed), PRICE_SIGMA);
    }
}

#[test]
fn a_spike_is_found_at_once() {
    both(|what, values, sigma| {
        for rows in [1, 2] {
            let spiked = faulty(values.clone(), Fault::Spike { size: 12.0 * sigma, rows });
            assert_found(what, &spiked, 0, FindingKind::Spike);
        }
    });
}

#[test]
fn a_dip_is_found_at_once() {
    both(|what, values, sigma| {
        assert_found(what, &faulty(values, Fault::Spike { size: -12.0 * sigma, rows: 1 }), 0, FindingKind::Dip);
    });
}

#[test]
fn a_level_shift_is_found_at_once_and_settled_within_a_second() {
    both(|what, values, sigma| {
        for size in [12.0 * sigma, -12.0 * sigma] {
            let shifted = faulty(values.clone(), Fault::Shift { size });
            assert_found(what, &shifted, 0, FindingKind::LevelShift);
            let rows = run(&shifted);
            assert!(rows[FAULT_ROW..FAULT_ROW + 10].iter().any(|row| row.kind.is_some()), "{what}");
        }
    });
}

#[test]
fn a_stall_is_found_within_three_seconds() {
    both(|what, values, _| assert_found(what, &faulty(values, Fault::Freeze { rows: 80 }), 30, FindingKind::Stall));
}

#[test]
fn an_analogue_series_that_froze_is_found_within_three_seconds() {
    for seed in SEEDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let values = (0..ROWS).map(|row| (row as f64 / 90.0).sin() + 0.1 * shapes::normal(&mut rng)).collect();
        assert_found("analogue", &faulty(values, Fault::Freeze { rows: 80 }), 30, FindingKind::Stall);
    }
}

#[test]
fn one_fault_does_not_hide_the_next() {
    both(|what, values, sigma| {
        let spiked = faulty(values, Fault::Spike { size: 12.0 * sigma, rows: 2 });
        let both = with_fault(spiked, 700, Fault::Shift { size: -14.0 * sigma });
        let rows = run(&both);
        assert_eq!(rows[episode(&rows, FAULT_ROW, 0).1].kind, Some(FindingKind::Spike), "{what}");
        assert_eq!(rows[episode(&rows, 700, 0).1].kind, Some(FindingKind::LevelShift), "{what}");
    });
}

/// Tails as heavy as Student's t with 3 degrees of freedom are the one shape that is not always calm.
#[test]
fn fault_free_series_raise_no_alarm_and_few_findings() {
    let (mut all_rows, mut findings) = (0, 0);
    for seed in SEEDS {
        for (name, values) in calm(seed) {
            let rows = run(&values);
            let worst = rows.iter().map(|row| row.severity).fold(0.0, f64::max);
            assert!(worst < ALARM_BAR || name == "heavy tails", "{name} {seed}: {worst}");
            all_rows += rows.len();
            findings += opened(&rows).len();
        }
    }
    let per_thousand = 1e3 * findings as f64 / all_rows as f64;
    println!("{per_thousand:.3} episodes per 1000 rows");
    assert!(per_thousand < 0.2, "{per_thousand}");
}

#[test]
fn a_gap_is_never_unusual() {
    both(|what, values, sigma| {
        let mut detector = Detector::new();
        for (row, value) in (0i64..).zip(values) {
            // A minute is missing, and behind it everything has moved.
            let (wait, moved) = if row < 700 { (0, 0.0) } else { (60_000, 40.0 * sigma) };
            let verdict = detector.observe(Time::from_millis(100 * row + wait), value + moved);
            assert!(!(700..720).contains(&row) || verdict.severity < 1.0, "{what}: {verdict:?}");
        }
    });
}

#[test]
fn a_counter_that_went_on_a_little_during_a_gap_is_as_usual() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut detector = Detector::new();
        let mut total = 5_000.0;
        for row in 0i64..900 {
            total += rng.f64() * 0.08;
            let wait = if row < 600 { 0 } else { 2_000 };
            total += if row == 600 { 0.05 + rng.f64() * 0.4 } else { 0.0 };
            let verdict = detector.observe(Time::from_millis(100 * row + wait), total);
            assert!(!(600..620).contains(&row) || verdict.severity < 1.0, "{seed} {row}: {verdict:?}");
        }
    }
}

#[test]
fn a_reset_of_a_counter_is_nothing_and_a_burst_is_a_spike() {
    for seed in SEEDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut total = 5_000.0;
        let values: Vec<f64> = (0..ROWS)
            .map(|row| {
                total = if row == 900 { 0.0 } else { total + f64::from(rng.u32(3..9)) };
                total += if row == 400 { 900.0 } else { 0.0 };
                total
            })
            .collect();
        let rows = run(&values);
        assert!(rows[880..].iter().all(|row| row.severity < 1.0), "{seed}");
        assert_eq!(opened(&rows), [400], "{seed}");
    }
}

#[test]
fn missing_and_old_rows_change_nothing() {
    let values = sensor(1);
    let (mut plain, mut disturbed) = (Detector::new(), Detector::new());
    for (row, &value) in (0i64..).zip(&values) {
        let at = Time::from_millis(100 * row);
        let expected = plain.observe(at, value);
        assert_eq!(disturbed.observe(at, value), expected);
        for (at, value) in
            [(at, value + 9.0), (Time::from_millis(-5), 1.0), (at, f64::NAN), (at.plus_nanos(1), f64::INFINITY)]
        {
            let ignored = disturbed.observe(at, value);
            assert!(!ignored.used && ignored.severity == 0.0);
        }
    }
}

#[test]
fn an_episode_is_over_when_nothing_comes() {
    let values = faulty(sensor(3), Fault::Shift { size: 12.0 * SENSOR_SIGMA });
    let mut detector = Detector::new();
    for (row, &value) in (0i64..).zip(&values[..=FAULT_ROW]) {
        detector.observe(Time::from_millis(100 * row), value);
    }
    assert_eq!(detector.elapse(Time::from_millis(30_500)), None);
    let closed = detector.elapse(Time::from_millis(32_000)).unwrap();
    assert_eq!((closed.episode, closed.since), (Episode::Closed, Some(Time::from_millis(30_000))));
    assert_eq!(detector.elapse(Time::from_millis(40_000)), None);
}

#[test]
fn most_rows_lie_within_the_band() {
    for (name, values) in calm(5) {
        let rows = run(&values);
        // A band may be narrower than a pixel; what is next to it is within.
        let pixel =
            0.005 * (values.iter().copied().fold(f64::MIN, f64::max) - values.iter().copied().fold(f64::MAX, f64::min));
        let judged = || {
            let within = |row: &Verdict, (low, high)| (low - pixel..=high + pixel).contains(&row.value);
            rows.iter().filter_map(move |row| row.band.map(|band| within(row, band)))
        };
        let inside = judged().filter(|inside| *inside).count() as f64 / judged().count() as f64;
        let bar = if ["sawtooth", "seldom switch"].contains(&name) { 0.95 } else { 0.975 };
        assert!(inside > bar, "{name}: {inside}");
    }
}

#[test]
fn an_explanation_names_what_came_and_what_was_expected() {
    let rows = run(&faulty(price(2), Fault::Spike { size: 40.0, rows: 1 }));
    let why = explain("BTC-USD.price", None, &rows[FAULT_ROW]);
    assert_eq!(why.title, "BTC-USD.price jumped");
    assert!(why.text.starts_with("Jumped to 3,9"), "{}", why.text);
    assert!(why.text.ends_with("Unlike anything in the last 30 s."), "{}", why.text);
    let settled = rows.iter().find(|row| row.episode == Episode::Settled).unwrap();
    assert_eq!(explain("BTC-USD.price", None, settled).title, "BTC-USD.price spiked");

    let rows = run(&faulty(sensor(2), Fault::Freeze { rows: 80 }));
    let why = explain("press.temp", Some("°C"), &rows[FAULT_ROW + 79]);
    assert_eq!(why.title, "press.temp stays flat");
    assert!(why.text.contains(" °C for 8 s (80 values); it never stayed longer than"), "{}", why.text);
}

#[test]
fn a_detector_is_small() {
    assert!(size_of::<Detector>() < 1600, "{}", size_of::<Detector>());
}

proptest! {
    #[test]
    fn no_row_panics_and_every_score_is_finite(
        rows in proptest::collection::vec((any::<i64>(), prop_oneof![any::<f64>(), -10.0f64..10.0, Just(0.0)]), 0..600),
    ) {
        let mut detector = Detector::new();
        let mut clock = 0i64;
        for (index, (at, value)) in rows.into_iter().enumerate() {
            clock = if index % 50 == 0 { at / 2 } else { clock.saturating_add(at.rem_euclid(200_000_000)) };
            let verdict = detector.observe(Time::from_nanos(clock), value);
            prop_assert!(verdict.severity.is_finite() && verdict.surprise.is_finite() && verdict.point_score.is_finite());
            prop_assert!(verdict.predicted.is_finite());
            let _ = explain("x", None, &verdict);
        }
    }

    /// Everything is a ratio: the unit of a series changes nothing.
    #[test]
    fn a_series_is_judged_alike_in_any_unit(seed in 0u64..1000, power in -20i32..20) {
        let factor = 2f64.powi(power);
        let mut rng = fastrand::Rng::with_seed(seed);
        let values: Vec<f64> = (0..400).map(|_| 1.0 + rng.f64()).collect();
        let scaled: Vec<f64> = values.iter().map(|value| value * factor).collect();
        for (one, other) in run(&values).iter().zip(run(&scaled)) {
            prop_assert!((one.surprise - other.surprise).abs() < 1e-6);
        }
    }
}
