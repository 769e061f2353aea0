use feedwatch_model::{Check, FindingKind, Time};
use proptest::prelude::*;

use super::shaped::{Shaped, brief};

const RESCALED: (Check, FindingKind) = (Check::Schema, FindingKind::Rescaled);

fn noise(random: &mut fastrand::Rng) -> f64 {
    random.f64() - 0.5
}

/// A feed whose series 0 moved around a level for so many samples.
fn level(level: f64, samples: usize) -> (Shaped, fastrand::Rng) {
    let (mut feed, mut random) = (Shaped::new(), fastrand::Rng::with_seed(7));
    for _ in 0..samples {
        feed.value(level + noise(&mut random));
    }
    (feed, random)
}

#[test]
fn another_unit_is_told_once_at_its_first_message() {
    for (factor, said) in
        [(1000.0, "1,000 times"), (0.001, "one 1,000th of"), (1e6, "1,000,000 times"), (3600.0, "3,600 times")]
    {
        let (mut feed, mut random) = level(20.0, 100);
        for _ in 0..500 {
            feed.value((20.0 + noise(&mut random)) * factor);
        }
        let found = feed.finish();
        assert_eq!(brief(&found), [(RESCALED.0, RESCALED.1, Some(100))], "{factor}");
        assert!(found[0].text.starts_with(&format!("s0 is {said}")), "{}", found[0].text);
        assert_eq!(found[0].at, Time::from_millis(10_000));
    }
}

#[test]
fn a_unit_that_is_changed_back_is_told_too() {
    let (mut feed, mut random) = level(20.0, 100);
    for factor in [1000.0, 1.0] {
        for _ in 0..100 {
            feed.value((20.0 + noise(&mut random)) * factor);
        }
    }
    assert_eq!(brief(&feed.finish()), [(RESCALED.0, RESCALED.1, Some(100)), (RESCALED.0, RESCALED.1, Some(200))]);
}

#[test]
fn series_of_one_message_and_of_one_path_are_one_finding() {
    let (mut feed, mut random) = (Shaped::new(), fastrand::Rng::with_seed(7));
    let mut send = |factor: f64, other: f64| {
        let value = |scale: f64, random: &mut fastrand::Rng| (20.0 + noise(random)) * scale;
        let values =
            [(0, value(factor, &mut random)), (1, value(factor, &mut random)), (11, value(factor, &mut random))];
        feed.values(&values);
        feed.values(&[(2, value(other, &mut random))]);
    };
    (0..100).for_each(|_| send(1.0, 1.0));
    (0..10).for_each(|_| send(1000.0, 1.0));
    (0..10).for_each(|_| send(1000.0, 1000.0));
    let found = feed.finish();
    assert_eq!(brief(&found), [(RESCALED.0, RESCALED.1, Some(200))]);
    assert_eq!(found[0].text, "3 series are 1,000 times what they were: s0, s1 and s11. Their unit may have changed.");
}

#[test]
fn a_burst_of_what_varies_is_no_other_unit() {
    let (mut feed, mut random) = level(20.0, 500);
    // Three values in a row that are far out, but not by one factor.
    for value in [700.0, 9_000.0, 2_000.0, 21.0, 20.0, 650.0, 20.0] {
        feed.value(value);
    }
    for _ in 0..500 {
        feed.value(20.0 + noise(&mut random));
    }
    // And what varies by much has no level.
    let mut wild = Shaped::new();
    for _ in 0..3000 {
        wild.value((6.0 * noise(&mut random)).exp() * if random.bool() { 1.0 } else { 100.0 });
    }
    assert_eq!((feed.finish(), wild.finish()), (vec![], vec![]));
}

#[test]
fn a_counter_is_never_a_finding() {
    let mut feed = Shaped::new();
    let mut count: f64 = 1000.0;
    for step in 0..20_000 {
        count += if step % 500 == 499 { count * 100.0 } else { 1.0 };
        feed.value(count.min(1e300));
    }
    // It begins anew.
    for count in 0..5000 {
        feed.value(f64::from(count));
    }
    assert_eq!(feed.finish(), []);
    // One that was nearly at rest, and one that falls.
    for sign in [1.0, -1.0] {
        let mut feed = Shaped::new();
        (0..5000).for_each(|count| feed.value(sign * (10.0 + f64::from(count) / 1000.0)));
        [1e6, 2e6, 3e6, 4e9].iter().for_each(|count| feed.value(sign * count));
        assert_eq!(feed.finish(), []);
    }
}

#[test]
fn a_value_far_beyond_all_that_came_is_told_once_and_again_when_it_was_back() {
    let (mut feed, mut random) = level(20.0, 5000);
    feed.value(1e7);
    feed.value(20.1);
    for _ in 0..10 {
        feed.value(1e7 * random.f64());
    }
    for _ in 0..100 {
        feed.value(20.0 + noise(&mut random));
    }
    let found = feed.finish();
    let outside = |message| (Check::Range, FindingKind::Outside, Some(message));
    assert_eq!(brief(&found), [outside(5000), outside(5002)]);
    assert!(found[0].text.starts_with("s0 is 10000000. It was between 19.5"), "{}", found[0].text);
    assert!(found[0].text.ends_with("in 5,000 samples before."), "{}", found[0].text);
}

#[test]
fn a_negative_value_is_told_where_none_of_thousands_was() {
    let (mut feed, _) = level(20.0, 5000);
    feed.value(-3.0);
    feed.value(20.0);
    feed.value(-40.0);
    feed.value(20.0);
    // The first is no more than the level itself, so it may be: from then on others may.
    assert_eq!(feed.finish(), []);
    let (mut feed, _) = level(20.0, 5000);
    feed.value(-40.0);
    feed.value(20.0);
    assert_eq!(brief(&feed.finish()), [(Check::Range, FindingKind::Outside, Some(5000))]);
}

#[test]
fn the_first_value_that_is_not_finite_is_told() {
    let (mut feed, _) = level(20.0, 100);
    for value in [f64::INFINITY, 20.0, 20.5, f64::INFINITY, 20.0] {
        feed.value(value);
    }
    let found = feed.finish();
    assert_eq!(brief(&found), [(Check::Range, FindingKind::Outside, Some(100))]);
    let mut often = Shaped::new();
    for at in 0..1000 {
        often.value(if at % 70 == 10 { f64::NAN } else { f64::from(at % 7) });
    }
    assert_eq!(often.finish(), []);
}

#[test]
fn a_jump_a_thousand_times_as_large_and_as_fast_is_told_once() {
    let (mut feed, mut random) = (Shaped::new(), fastrand::Rng::with_seed(7));
    for round in 0..5100 {
        feed.value(20.0 + noise(&mut random) / 1000.0 + if round >= 5000 { 5.0 } else { 0.0 });
    }
    feed.value(20.0);
    let found = feed.finish();
    assert_eq!(brief(&found), [(Check::Range, FindingKind::TooFast, Some(5000))]);
    assert!(found[0].text.contains(" per second, where it was at most "), "{}", found[0].text);
}

#[test]
fn a_sweep_that_begins_anew_is_no_jump() {
    let (mut feed, mut random) = (Shaped::new(), fastrand::Rng::with_seed(7));
    for round in 0..12_000 {
        feed.value(f64::from(round % 6000) / 100.0 + noise(&mut random) / 50.0);
    }
    assert_eq!(feed.finish(), []);
}

#[test]
fn a_jump_over_a_long_pause_is_none() {
    let (mut feed, mut random) = (Shaped::new(), fastrand::Rng::with_seed(7));
    for round in 0..5100 {
        if round == 5000 {
            feed.now = feed.now.plus_nanos(3_600_000_000_000);
        }
        feed.value(20.0 + noise(&mut random) / 1000.0 + if round >= 5000 { 5.0 } else { 0.0 });
    }
    let found = feed.finish();
    assert!(found.iter().all(|finding| finding.check == Check::Silence), "{found:#?}");
}

#[test]
fn limits_that_were_set_are_judged_exactly() {
    let mut feed = Shaped::new();
    feed.integrity.pin(0, 0.0, 100.0, 50.0);
    for value in [0.0, 4.0, 8.9, 14.0, 100.1, 101.0, 99.0, -0.5, 1.0] {
        feed.value(value);
    }
    let found = feed.finish();
    let texts: Vec<(Option<u64>, &str)> = found.iter().map(|f| (f.message, f.text.as_str())).collect();
    assert_eq!(
        texts,
        [
            (Some(3), "s0 changes by 51 per second. Its limit is 50."),
            (Some(4), "s0 is 100.1, above its limit of 100."),
            (Some(7), "s0 is -0.5, below its limit of 0."),
            (Some(7), "s0 changes by 995 per second. Its limit is 50."),
        ]
    );
    feed.integrity.pin(0, f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY);
    for value in [-500.0, 500.0, 1e9] {
        feed.value(value);
    }
    assert_eq!(feed.finish(), []);
}

proptest! {
    /// Walks, levels, heavy tails and states.
    #[test]
    fn clean_data_give_no_finding(seed in any::<u64>(), scale in -6i32..9, sort in 0u8..5) {
        let mut random = fastrand::Rng::with_seed(seed);
        let scale = 10f64.powi(scale);
        let (mut feed, mut walk) = (Shaped::new(), 0.0);
        for _ in 0..6000 {
            walk += noise(&mut random);
            let normal: f64 = (0..12).map(|_| noise(&mut random)).sum();
            feed.value(scale * match sort {
                0 => walk,
                1 => 50.0 + normal,
                2 => normal.exp(),
                3 => f64::from(random.u8(0..4)),
                _ => normal,
            });
        }
        prop_assert_eq!(feed.finish(), []);
    }

    #[test]
    fn another_unit_is_found_wherever_it_begins(seed in any::<u64>(), clean in 70usize..3000, scale in -6i32..9, factor in 0usize..4) {
        let mut random = fastrand::Rng::with_seed(seed);
        let (scale, factor) = (10f64.powi(scale), [1000.0, 0.001, 1e6, 100.0][factor]);
        let mut feed = Shaped::new();
        for at in 0..clean + 100 {
            let value = scale * (50.0 + 3.0 * noise(&mut random));
            feed.value(if at < clean { value } else { value * factor });
        }
        prop_assert_eq!(brief(&feed.finish()), [(RESCALED.0, RESCALED.1, Some(clean as u64))]);
    }

    #[test]
    fn no_values_panic_and_findings_stay_few(values in proptest::collection::vec((0u32..3, any::<f64>(), any::<bool>()), 0..600)) {
        let mut feed = Shaped::new();
        feed.integrity.pin(2, -1.0, f64::NAN, 1.0);
        feed.integrity.pin(u32::MAX, 0.0, 1.0, 1.0);
        for (series, value, is_small) in &values {
            feed.values(&[(*series, if *is_small { value % 10.0 } else { *value }), (u32::MAX, *value)]);
        }
        prop_assert!(feed.finish().len() <= 2 * values.len());
    }
}
