//! Late messages.

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, Reading, SequenceMark, Severity, Time};
use proptest::prelude::*;

use super::super::Integrity;
use super::flow::{Draw, Kinds, MIDNIGHT, SECOND, Sent, feed, heads, play};

fn late(sent: &[Sent]) -> Vec<Finding> {
    play(sent, None).into_iter().filter(|finding| finding.check == Check::Lateness).collect()
}

/// Many sources whose messages interleave, each on a way of its own.
fn sources(seed: u64, count: u32, delay: f64) -> Vec<Sent> {
    let mut draw = Draw::new(seed);
    let mut sent = feed(120.0, &mut draw, |draw, _| draw.exponential(0.02), |_| 0.0);
    for sent in &mut sent {
        sent.series = draw.0.u32(0..count);
        sent.received += (draw.exponential(delay) * SECOND) as i64;
    }
    sent.sort_by_key(|sent| sent.received);
    sent
}

/// Moves a message back by so many places.
fn delay(sent: &mut Vec<Sent>, from: usize, by: i64) -> u64 {
    let mut held = sent.remove(from);
    held.received += by;
    let to = sent.iter().position(|sent| sent.received > held.received).unwrap();
    sent.insert(to, held);
    to as u64
}

#[test]
fn a_message_held_up_for_two_seconds_is_late() {
    for seed in 0..20 {
        let mut sent = sources(seed, 20, 0.01);
        let number = delay(&mut sent, 3000, 2_000_000_000);
        let found = late(&sent);
        assert_eq!(heads(&found), [(FindingKind::Late, Severity::Warning)], "{seed}: {found:#?}");
        assert_eq!(found[0].message, Some(number));
    }
    let mut sent = sources(0, 20, 0.0);
    let number = delay(&mut sent, 3000, 2_500_000_000);
    let text = late(&sent)[0].text.clone();
    assert!(
        text.starts_with(&format!("Message {number} came 2.5 s late by its event time; usually it is at most")),
        "{text}"
    );
}

#[test]
fn a_burst_of_late_messages_is_told_together() {
    let mut sent = sources(4, 20, 0.01);
    // One of the sources is cut off for 20 s, and then sends what it has between the others.
    let (from, to) = (MIDNIGHT + 60_000_000_000, MIDNIGHT + 80_000_000_000);
    let mut held = 0u64;
    for sent in &mut sent {
        if sent.series == 3 && (from..to).contains(&sent.received) {
            sent.received = to + held as i64 * 30_000_000;
            held += 1;
        }
    }
    sent.sort_by_key(|sent| sent.received);
    let found = late(&sent);
    assert!(found.len() == 2 && found.iter().all(|finding| finding.kind == FindingKind::Late), "{found:#?}");
    let counted: u64 = found.iter().map(|finding| finding.text.split(' ').next().unwrap().parse().unwrap_or(1)).sum();
    assert!(counted > held - 5 && counted <= held, "{counted} of {held}: {found:#?}");
}

#[test]
fn a_clock_set_back_is_no_lateness_whoever_begins_to_send_then() {
    for count in [1, 5, 2000] {
        let mut sent = sources(6, count, 0.01);
        for sent in &mut sent {
            if sent.received > MIDNIGHT + 60_000_000_000 {
                sent.event = sent.event.map(|event| event - 30_000_000_000);
            }
        }
        assert_eq!(late(&sent), [], "{count}");
    }
}

#[test]
fn what_numbers_know_as_late_is_told_by_them_alone() {
    let mut integrity = Integrity::new(FeedId(1));
    let mut out = Vec::new();
    for (number, sequence) in (1..400u64).filter(|&sequence| sequence != 300).chain([300]).enumerate() {
        let at = Time::from_nanos(MIDNIGHT + number as i64 * 100_000_000);
        let event = Time::from_nanos(MIDNIGHT + sequence as i64 * 100_000_000);
        let mark = SequenceMark { rule: 0, scope: 0, first: sequence, last: sequence, restarts: false, before: false };
        let reading = Reading { time: Some(event), marks: vec![mark], ..Reading::default() };
        integrity.observe(&Message::new(number as u64, at, ""), &reading, &Kinds, &mut out);
    }
    integrity.finish(&mut out);
    assert_eq!(integrity.late(), 0);
    assert_eq!(out.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [FindingKind::Gap, FindingKind::Healed]);
}

#[test]
fn one_time_far_ahead_makes_nothing_late() {
    let mut sent = sources(6, 5, 0.01);
    sent[3000].event = Some(4_000_000_000_000_000_000);
    sent[4000].event = Some(MIDNIGHT + 3_600_000_000_000 * 10);
    assert_eq!(late(&sent), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn usual_disorder_is_never_late(seed: u64, count in 1u32..200, delay in 0.001f64..10.0, heavy: bool, off in 0i64..4) {
        let mut sent = sources(seed, count, if heavy { 0.0 } else { delay });
        let mut draw = Draw::new(!seed);
        for sent in &mut sent {
            if heavy {
                sent.received += (draw.log_normal(delay / 10.0, 1.0) * SECOND) as i64;
            }
            // Some sources are days off.
            let days = if sent.series % 7 == 3 { -off } else { 0 };
            sent.event = sent.event.map(|event| event + days * 86_400_000_000_000);
        }
        sent.sort_by_key(|sent| sent.received);
        // A tail as heavy may have one that is late by any measure.
        prop_assert!(late(&sent).len() <= usize::from(heavy));
    }
}
