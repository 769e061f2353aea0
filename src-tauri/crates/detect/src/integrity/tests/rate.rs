//! Rates: what is too little and what too much.

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Severity, Time};
use proptest::prelude::*;

use super::super::Integrity;
use super::flow::{Draw, MIDNIGHT, SECOND, Sent, after, feed, heads, one, play};

/// A feed whose rate is multiplied from 600 s on, for 120 s.
fn changed(seed: u64, rate: f64, factor: f64) -> Vec<Sent> {
    feed(
        900.0,
        &mut Draw::new(seed),
        |draw, now| draw.exponential(1.0 / if (600.0..720.0).contains(&now) { factor * rate } else { rate }),
        |draw| draw.exponential(0.01),
    )
}

fn rates(sent: &[Sent]) -> Vec<Finding> {
    play(sent, Some(250_000_000)).into_iter().filter(|finding| finding.check == Check::Rate).collect()
}

#[test]
fn a_feed_at_a_fortieth_of_its_rate_is_noticed_in_seconds() {
    for (rate, within) in [(20.0, 30.0), (100.0, 6.0), (1000.0, 4.0)] {
        let mut late: f64 = 0.0;
        for seed in 0..10 {
            let found = rates(&changed(seed, rate, 0.025));
            assert_eq!(
                heads(&found),
                [(FindingKind::Low, Severity::Warning), (FindingKind::Low, Severity::Info)],
                "{rate} {seed}: {found:#?}"
            );
            late = late.max(after(&found[0]) - 600.0);
            assert!((720.0..730.0).contains(&after(&found[1])), "{found:#?}");
        }
        assert!(late < within, "{rate}: {late}");
    }
}

#[test]
fn a_feed_at_ten_times_its_rate_is_noticed_in_seconds() {
    for (rate, within) in [(5.0, 17.0), (20.0, 5.0), (100.0, 4.0), (1000.0, 4.0)] {
        for seed in 0..10 {
            let found = rates(&changed(seed, rate, 10.0));
            assert_eq!(
                heads(&found),
                [(FindingKind::Burst, Severity::Warning), (FindingKind::Burst, Severity::Info)],
                "{rate} {seed}: {found:#?}"
            );
            assert!(after(&found[0]) < 600.0 + within, "{rate}: {found:#?}");
        }
    }
    let text = rates(&changed(1, 100.0, 10.0))[0].text.clone();
    assert!(
        text.starts_with("Far more messages of kind 0 than usual: ")
            || text.starts_with("Far more messages than usual: "),
        "{text}"
    );
}

#[test]
fn a_kind_that_falls_silent_while_others_go_on_is_told_and_nothing_else() {
    for seed in 0..10 {
        let mut draw = Draw::new(seed);
        let mut sent = changed(seed, 50.0, 1.0);
        for sent in &mut sent {
            sent.kind = [0, 0, 0, 1, 2][draw.0.usize(0..5)];
        }
        let gone = |sent: &Sent| sent.kind == 1 && sent.received > MIDNIGHT + 600_000_000_000;
        sent.retain(|sent| !gone(sent));
        let found = rates(&sent);
        assert_eq!(heads(&found), [(FindingKind::Low, Severity::Warning)], "{seed}: {found:#?}");
        assert!(found[0].text.contains(" of kind 1 for "), "{found:#?}");
        assert!(after(&found[0]) < 610.0, "{found:#?}");
    }
}

#[test]
fn one_kind_at_another_rate_is_told_of_that_kind() {
    for (factor, kind) in [(0.025, FindingKind::Low), (10.0, FindingKind::Burst)] {
        for (of, share) in [(1, 0.2), (1, 0.7)] {
            for seed in 0..10 {
                let mut sent = changed(seed, 50.0 * share, factor);
                for sent in &mut sent {
                    sent.kind = of;
                }
                let mut others = changed(seed + 100, 50.0 * (1.0 - share), 1.0);
                others.append(&mut sent);
                others.sort_by_key(|sent| sent.received);
                let found = rates(&others);
                let expected = [(kind, Severity::Warning), (kind, Severity::Info)];
                assert_eq!(heads(&found), expected, "{factor} {share} {seed}: {found:#?}");
                assert!(found[0].text.contains("of kind 1"), "{found:#?}");
                assert!(after(&found[0]) < 630.0, "{found:#?}");
            }
        }
    }
}

#[test]
fn all_kinds_together_are_one_finding() {
    for (factor, kind) in [(0.025, FindingKind::Low), (10.0, FindingKind::Burst)] {
        for seed in 0..10 {
            let mut draw = Draw::new(seed);
            let mut sent = changed(seed, 100.0, factor);
            for sent in &mut sent {
                sent.kind = [0, 0, 0, 1, 2][draw.0.usize(0..5)];
            }
            let found = rates(&sent);
            assert_eq!(
                heads(&found),
                [(kind, Severity::Warning), (kind, Severity::Info)],
                "{factor} {seed}: {found:#?}"
            );
            assert!(!found[0].text.contains("of kind"), "{found:#?}");
        }
    }
}

#[test]
fn a_silence_and_what_then_comes_at_once_are_no_rates() {
    for seed in 0..10 {
        for pause in [1, 3, 10, 100] {
            let mut sent = changed(seed, 100.0, 1.0);
            let from = MIDNIGHT + 600_000_000_000;
            let to = from + pause * 1_000_000_000;
            let mut lost = sent.clone();
            lost.retain(|sent| !(from..to).contains(&sent.received));
            assert_eq!(rates(&lost), [], "lost {seed} {pause}");
            for sent in &mut sent {
                if (from..to).contains(&sent.received) {
                    sent.received = to + (sent.received - from) / 1000;
                }
            }
            sent.sort_by_key(|sent| sent.received);
            assert_eq!(rates(&sent), [], "held up {seed} {pause}");
        }
    }
}

#[test]
fn what_a_new_connection_brings_at_once_is_no_burst_and_an_outage_is_not_low() {
    let mut integrity = Integrity::new(FeedId(1));
    let mut out = Vec::new();
    let sent = changed(1, 50.0, 1.0);
    let (lost, back) = (MIDNIGHT + 300_000_000_000, MIDNIGHT + 400_000_000_000);
    for (number, message) in sent.iter().enumerate() {
        if (lost..back).contains(&message.received) {
            integrity.lost(Time::from_nanos(lost));
            continue;
        }
        if number > 0 && (lost..back).contains(&sent[number - 1].received) {
            integrity.connected(Time::from_nanos(back));
            for index in 0..5000 {
                one(&mut integrity, 0, &Sent { received: back + index * 1_000_000, event: None, ..*message }, &mut out);
            }
        }
        one(&mut integrity, number as u64, message, &mut out);
    }
    assert_eq!(out.iter().filter(|finding| finding.check == Check::Rate).count(), 0, "{out:#?}");
}

#[test]
fn days_with_a_rhythm_are_usual() {
    for (seed, rate) in [(1, 0.2), (2, 1.0), (3, 3.0)] {
        let day = |now: f64| 1.0 + 0.9 * (now / 86_400.0 * std::f64::consts::TAU).sin();
        let sent =
            feed(4.0 * 86_400.0, &mut Draw::new(seed), |draw, now| draw.exponential(1.0 / (rate * day(now))), |_| 0.0);
        assert_eq!(play(&sent, None), [], "{rate}");
    }
}

#[test]
fn a_market_that_closes_is_told_once_or_twice_and_then_known() {
    let open = |now: f64| (8.0..22.0).contains(&(now % 86_400.0 / 3600.0));
    let rate = |now: f64| if open(now) { 5.0 } else { 0.5 };
    let sent = feed(6.0 * 86_400.0, &mut Draw::new(7), |draw, now| draw.exponential(1.0 / rate(now)), |_| 0.0);
    let found = play(&sent, None);
    let told: Vec<_> = found.iter().map(|finding| (after(finding) / 86_400.0, finding.text.as_str())).collect();
    assert!(told.iter().all(|(day, _)| *day < 3.5), "{told:#?}");
}

#[test]
fn polls_and_calls_have_no_rate_of_their_own() {
    for mut integrity in [Integrity::of_states(FeedId(1)), Integrity::of_calls(FeedId(1))] {
        let mut out = Vec::new();
        for (number, message) in changed(1, 50.0, 0.025).iter().enumerate() {
            one(&mut integrity, number as u64, message, &mut out);
        }
        assert_eq!(out.iter().filter(|finding| finding.check == Check::Rate).count(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn usual_traffic_is_never_told(
        seed: u64,
        rate in 0.1f64..200.0,
        sigma in 0.0f64..2.0,
        batch in 1usize..30,
        on in 1.0f64..40.0,
        off in 0.0f64..40.0,
        kinds in 1u32..6,
    ) {
        let mut draw = Draw::new(seed);
        let mut left = 0;
        let mut sent = feed(30_000.0 / rate, &mut draw, |draw, now| {
            left = if left == 0 { batch } else { left - 1 };
            let waits = if off > 5.0 && now % (on + off) > on { off } else { 0.0 };
            if left > 0 { 1e-4 } else { waits + draw.log_normal(batch as f64 / rate, sigma) }
        }, |draw| draw.exponential(0.05));
        for sent in &mut sent {
            sent.kind = draw.0.u32(0..kinds * kinds) / kinds;
        }
        prop_assert_eq!(rates(&sent), []);
    }

    /// How often `elapse` is called changes nothing.
    #[test]
    fn findings_do_not_depend_on_when_time_is_told(
        seed: u64,
        rate in 5.0f64..50.0,
        factor in prop::sample::select(vec![0.02, 0.2, 1.0, 5.0, 12.0]),
        step in 10_000_000i64..20_000_000_000,
    ) {
        let mut sent = changed(seed, rate, factor);
        let mut draw = Draw::new(seed);
        for sent in &mut sent {
            sent.kind = [0, 0, 0, 1, 2][draw.0.usize(0..5)];
            let held = draw.0.u32(0..200) == 0;
            sent.event = sent.event.map(|event| event - if held { 4_000_000_000 } else { 0 });
        }
        sent.retain(|sent| (sent.received - MIDNIGHT) as f64 / SECOND % 300.0 > 20.0);
        let unwatched = play(&sent, None);
        prop_assert_eq!(&unwatched, &play(&sent, Some(step)));
        prop_assert_eq!(unwatched, play(&sent, Some(step / 7)));
    }

    #[test]
    fn no_time_panics(
        times in proptest::collection::vec((prop::num::i64::ANY, prop::num::i64::ANY, 0u32..70, 0u8..12), 0..300),
        spread in prop::sample::select(vec![1i64, 1_000, 1_000_000_000]),
    ) {
        let mut integrity = Integrity::new(FeedId(1));
        let mut out = Vec::new();
        for (number, (received, event, kind, what)) in times.iter().enumerate() {
            let (received, event) = (received / spread, event / spread);
            let at = Time::from_nanos(received);
            match what {
                0 => integrity.own_step(at, event, &mut out),
                1 => integrity.lost(at),
                2 => integrity.connected(at),
                3 => integrity.elapse(at, &mut out),
                4 => integrity.dropped(number as u64, event.unsigned_abs(), at),
                _ => one(&mut integrity, number as u64, &Sent { received, event: Some(event), kind: *kind, series: *kind }, &mut out),
            }
        }
        integrity.finish(&mut out);
        prop_assert!(out.len() <= 4 * times.len());
    }
}

#[test]
fn a_kind_that_ceased_for_hours_may_come_again() {
    let mut draw = Draw::new(5);
    let mut sent = feed(6.0 * 3600.0, &mut draw, |draw, _| draw.exponential(0.2), |_| 0.0);
    for sent in &mut sent {
        sent.kind = draw.0.u32(0..2);
    }
    let (from, to) = (MIDNIGHT + 3_600_000_000_000, MIDNIGHT + 4 * 3_600_000_000_000);
    sent.retain(|sent| sent.kind == 0 || !(from..to).contains(&sent.received));
    let found = rates(&sent);
    assert_eq!(
        heads(&found),
        [(FindingKind::Low, Severity::Warning), (FindingKind::Low, Severity::Info)],
        "{found:#?}"
    );
    assert!(found[1].text.contains("taken as usual now"), "{found:#?}");
}
