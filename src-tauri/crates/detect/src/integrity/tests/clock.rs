//! The source's clock.

use feedwatch_model::{Check, FeedId, FindingKind, Severity, Time};
use proptest::prelude::*;

use super::super::Integrity;
use super::flow::{Draw, MIDNIGHT, SECOND, Sent, after, feed, heads, one, play};

fn exponential(seed: u64, secs: f64, rate: f64, delay: f64) -> Vec<Sent> {
    feed(secs, &mut Draw::new(seed), |draw, _| draw.exponential(1.0 / rate), |draw| 0.02 + draw.exponential(delay))
}

/// Event times from `from` seconds on are changed.
fn change(sent: &mut [Sent], from: f64, mut event: impl FnMut(i64) -> i64) {
    for sent in sent.iter_mut() {
        if let Some(time) = &mut sent.event
            && *time >= MIDNIGHT + (from * SECOND) as i64
        {
            *time = event(*time);
        }
    }
}

#[test]
fn a_clock_that_jumps_is_told_once_with_its_amount_and_the_message() {
    for seed in 0..20 {
        for by in [-30, 30, -5, 3600, 86_400 * 365] {
            let mut sent = exponential(seed, 120.0, 10.0, 0.02);
            change(&mut sent, 60.0, |event| event + by * 1_000_000_000);
            let found = play(&sent, None);
            assert_eq!(heads(&found), [(FindingKind::Step, Severity::Warning)], "{seed} {by}: {found:#?}");
            let first = sent.iter().position(|sent| sent.received >= MIDNIGHT + 60_000_000_000).unwrap() as i64;
            assert!((found[0].message.unwrap() as i64 - first).abs() <= 3, "{seed} {by}: {found:#?}");
            assert!((after(&found[0]) - 60.0).abs() < 0.5, "{found:#?}");
        }
    }
    let mut sent = exponential(1, 120.0, 10.0, 0.02);
    change(&mut sent, 60.0, |event| event - 30_000_000_000);
    assert_eq!(play(&sent, None)[0].text, "The source's clock jumped back by 30 s and stays there.");
}

#[test]
fn a_clock_that_jumps_back_to_where_it_was_is_told_as_information() {
    let mut sent = exponential(3, 180.0, 10.0, 0.02);
    change(&mut sent, 60.0, |event| event + 30_000_000_000);
    change(&mut sent, 150.0, |event| event - 30_000_000_000);
    assert_eq!(
        heads(&play(&sent, None)),
        [(FindingKind::Step, Severity::Warning), (FindingKind::Step, Severity::Info)]
    );
}

#[test]
fn whole_seconds_minutes_and_sensors_that_are_days_off_are_judged_alike() {
    for (coarse, off) in [(1, 0), (1, -3), (60, 0), (1, 400)] {
        let coarsen =
            |event: i64| (event / (coarse * 1_000_000_000)) * coarse * 1_000_000_000 + off * 86_400_000_000_000;
        let secs = 600.0 * coarse as f64;
        let mut clean = exponential(5, secs, 5.0, 0.05);
        change(&mut clean, 0.0, coarsen);
        assert_eq!(play(&clean, None), []);
        let mut sent = exponential(5, secs, 5.0, 0.05);
        change(&mut sent, secs / 2.0, |event| event - coarse * 30_000_000_000);
        change(&mut sent, 0.0, coarsen);
        let steps: Vec<_> = play(&sent, None).into_iter().filter(|finding| finding.check == Check::Clock).collect();
        assert_eq!(heads(&steps), [(FindingKind::Step, Severity::Warning)], "{coarse} {off}: {steps:#?}");
    }
}

#[test]
fn messages_that_are_held_up_and_then_come_at_once_are_no_step() {
    for seed in 0..20 {
        let mut sent = exponential(seed, 200.0, 20.0, 0.02);
        for held in &mut sent {
            let (from, to) = (MIDNIGHT + 100_000_000_000, MIDNIGHT + 130_000_000_000);
            if (from..to).contains(&held.received) {
                held.received = to + (held.received - from) / 100;
            }
        }
        sent.sort_by_key(|sent| sent.received);
        let found = play(&sent, None);
        assert!(found.iter().all(|finding| finding.check != Check::Clock), "{seed}: {found:#?}");
    }
}

#[test]
fn kinds_that_jump_together_are_one_step() {
    let mut sent = exponential(8, 240.0, 20.0, 0.02);
    for (index, sent) in sent.iter_mut().enumerate() {
        sent.kind = [0, 1, 0, 2, 0][index % 5];
    }
    change(&mut sent, 120.0, |event| event + 12_000_000_000);
    assert_eq!(heads(&play(&sent, None)), [(FindingKind::Step, Severity::Warning)]);
}

#[test]
fn a_clock_that_stands_is_told_once_and_again_when_it_goes() {
    for seed in 0..20 {
        let mut sent = exponential(seed, 120.0, 10.0, 0.02);
        for (index, sent) in sent.iter_mut().enumerate() {
            sent.kind = index as u32 % 2;
        }
        let (from, to) = (MIDNIGHT + 60_000_000_000, MIDNIGHT + 80_000_000_000);
        change(&mut sent, 60.0, |event| if event < to { from } else { event });
        let found = play(&sent, None);
        assert_eq!(
            heads(&found),
            [(FindingKind::Stopped, Severity::Warning), (FindingKind::Stopped, Severity::Info)],
            "{seed}: {found:#?}"
        );
        assert!((61.9..66.0).contains(&after(&found[0])), "{found:#?}");
        assert!((80.0..81.5).contains(&after(&found[1])), "{found:#?}");
    }
}

#[test]
fn a_drift_is_told_once_within_minutes() {
    for (ppm, within) in [(100.0, 1500.0), (-100.0, 1500.0), (1000.0, 500.0), (-5000.0, 500.0)] {
        for seed in 0..5 {
            let mut sent = exponential(seed, 2400.0, 10.0, 0.02);
            change(&mut sent, 0.0, |event| event - ((event - MIDNIGHT) as f64 * ppm / 1e6) as i64);
            let found = play(&sent, None);
            let told = found.iter().filter(|finding| finding.kind == FindingKind::Skew).count();
            // A second time when it has grown to a second.
            assert!(told == found.len() && (told == 1 || (told == 2 && ppm.abs() > 400.0)), "{ppm} {seed}: {found:#?}");
            assert!(after(&found[0]) < within, "{ppm}: {found:#?}");
        }
    }
}

#[test]
fn a_clock_that_is_set_right_every_hour_is_told_once() {
    let mut sent = exponential(1, 6.0 * 3600.0, 2.0, 0.02);
    change(&mut sent, 0.0, |event| event - ((event - MIDNIGHT) % 3_600_000_000_000) / 10_000);
    let found = play(&sent, None);
    assert!((1..=2).contains(&found.len()), "{found:#?}");
    assert!(found.iter().all(|finding| finding.severity == Severity::Info));
}

#[test]
fn our_own_clock_is_not_blamed_on_the_source() {
    for by in [30, -30, 3600] {
        let mut integrity = Integrity::new(FeedId(1));
        let mut out = Vec::new();
        let mut sent = exponential(2, 300.0, 10.0, 0.02);
        let at = MIDNIGHT + 100_000_000_000;
        for sent in &mut sent {
            if sent.received >= at {
                sent.received += by * 1_000_000_000;
            }
        }
        let mut told = false;
        for (number, message) in sent.iter().enumerate() {
            // The engine looks at its clocks once a second.
            if !told && sent[number.saturating_sub(8)].event.unwrap() >= at {
                told = true;
                integrity.own_step(Time::from_nanos(at), by * 1_000_000_000, &mut out);
            }
            one(&mut integrity, number as u64, message, &mut out);
        }
        out.retain(|finding| finding.check != Check::Silence);
        assert_eq!(heads(&out), [(FindingKind::Step, Severity::Warning)], "{by}: {out:#?}");
        assert!(out[0].text.starts_with("The clock of this computer was set"));
    }
}

#[test]
fn a_snapshot_with_one_time_behind_a_reconnect_is_no_standstill() {
    let mut integrity = Integrity::new(FeedId(1));
    let mut out = Vec::new();
    let sent = exponential(2, 60.0, 10.0, 0.02);
    for (number, message) in sent.iter().enumerate() {
        one(&mut integrity, number as u64, message, &mut out);
    }
    let now = sent.last().unwrap().received;
    integrity.lost(Time::from_nanos(now));
    integrity.connected(Time::from_nanos(now));
    for index in 0..2_000 {
        let message = Sent { received: now + index * 10_000_000, event: Some(now), kind: 0, series: 0 };
        one(&mut integrity, 10_000 + index as u64, &message, &mut out);
    }
    assert_eq!(out, []);
}

#[test]
fn a_delay_that_wanders_is_no_drift() {
    for seed in 0..20 {
        for step in [0.002, 0.01, 0.03] {
            let (mut draw, mut level) = (Draw::new(seed), 0.5f64);
            let sent = feed(
                7200.0,
                &mut draw,
                |draw, _| draw.exponential(0.5),
                |draw| {
                    level = (level + 0.7 * step * draw.normal()).clamp(0.01, 5.0);
                    level + draw.exponential(0.02)
                },
            );
            assert_eq!(play(&sent, None), [], "{seed} {step}");
        }
    }
}

/// Each message says since when things are as they are.
#[test]
fn a_state_that_changes_seldom_is_no_standstill() {
    for seed in 0..20 {
        for mean in [3.0, 10.0, 60.0] {
            let (mut draw, mut next, mut state) = (Draw::new(seed), 0.0, 0.0);
            let mut sent = feed(10_000.0, &mut draw, |_, _| 1.0, |draw| draw.exponential(0.02));
            change(&mut sent, 0.0, |event| {
                while next <= (event - MIDNIGHT) as f64 / SECOND {
                    state = next;
                    next += draw.exponential(mean);
                }
                MIDNIGHT + (state * SECOND) as i64
            });
            let found: Vec<_> = play(&sent, None).into_iter().filter(|finding| finding.check == Check::Clock).collect();
            assert_eq!(found, [], "{seed} {mean}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_sound_clock_is_never_blamed(
        seed: u64,
        rate in 0.5f64..100.0,
        delay in 0.001f64..2.0,
        sigma in 0.1f64..1.6,
        jitter in 0.0f64..0.2,
    ) {
        let mut draw = Draw::new(seed);
        let secs = 20_000.0 / rate;
        let sent = feed(secs, &mut draw, |draw, _| draw.log_normal(1.0 / rate, sigma), |draw| draw.log_normal(delay, sigma));
        let sent: Vec<Sent> = sent
            .iter()
            .map(|sent| Sent { event: sent.event.map(|event| event + (draw.normal() * jitter * SECOND) as i64), ..*sent })
            .collect();
        let found: Vec<_> = play(&sent, None).into_iter().filter(|finding| finding.check == Check::Clock).collect();
        prop_assert_eq!(found, []);
    }

    #[test]
    fn a_delay_that_wanders_is_no_step(seed: u64, step in 0.0005f64..0.05) {
        let mut draw = Draw::new(seed);
        let mut level = 0.2f64;
        let sent = feed(3600.0, &mut draw, |draw, _| draw.exponential(0.2), |draw| {
            level = (level + step * 0.2 * draw.normal()).abs().min(2.0);
            level + draw.exponential(0.02)
        });
        let found: Vec<_> = play(&sent, None).into_iter().filter(|finding| finding.kind != FindingKind::Skew).collect();
        prop_assert_eq!(found, []);
    }
}
