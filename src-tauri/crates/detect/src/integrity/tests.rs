use std::collections::BTreeSet;
use std::sync::Arc;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, Reading, Rejected, SequenceMark, Time};
use proptest::prelude::*;

use super::{Arrival, Integrity, Scopes};

struct Names;

impl Scopes for Names {
    fn per(&self, _rule: u32, scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
        vec![("/product".into(), format!("P{scope}").into())]
    }

    fn rule_name(&self, _rule: u32) -> Arc<str> {
        "/sequence".into()
    }
}

/// A feed played to the checks, 100 ms between messages unless told otherwise.
struct Play {
    integrity: Integrity,
    number: u64,
    now: Time,
    found: Vec<Finding>,
}

impl Play {
    fn new() -> Play {
        Play { integrity: Integrity::new(FeedId(1)), number: 0, now: Time::from_millis(0), found: Vec::new() }
    }

    fn message(&mut self) -> Message {
        let message = Message::new(self.number, self.now, "");
        self.number += 1;
        self.now = self.now.plus_nanos(100_000_000);
        message
    }

    fn marks(&mut self, marks: &[SequenceMark]) -> Arrival {
        let message = self.message();
        let reading = Reading { marks: marks.to_vec(), ..Reading::default() };
        self.integrity.observe(&message, &reading, &Names, &mut self.found)
    }

    fn send(&mut self, sequence: u64) -> Arrival {
        self.marks(&[mark(0, sequence)])
    }

    fn send_all(&mut self, sequences: impl IntoIterator<Item = u64>) {
        for sequence in sequences {
            self.send(sequence);
        }
    }

    fn wait(&mut self, millis: i64) {
        self.now = self.now.plus_nanos(millis * 1_000_000);
        self.integrity.elapse(self.now, &mut self.found);
    }

    fn finish(mut self) -> Vec<Finding> {
        self.integrity.finish(&mut self.found);
        self.found
    }
}

fn mark(scope: u32, sequence: u64) -> SequenceMark {
    SequenceMark { rule: 0, scope, first: sequence, last: sequence }
}

/// Kind, message, from, to, missing.
type Head = (FindingKind, Option<u64>, Option<u64>, Option<u64>, Option<u64>);

fn heads(found: &[Finding]) -> Vec<Head> {
    found.iter().map(|f| (f.kind, f.message, f.from, f.to, f.missing)).collect()
}

#[test]
fn a_lost_message_is_a_gap_shown_by_the_message_behind_it() {
    let mut play = Play::new();
    play.send_all([15, 16, 20, 21]);
    assert_eq!(play.found, []);
    let found = play.finish();
    assert_eq!(heads(&found), [(FindingKind::Gap, Some(2), Some(17), Some(19), Some(3))]);
    assert_eq!(found[0].at, Time::from_millis(200));
    assert_eq!(found[0].text, "Lost 3 messages of P0: 17 to 19 never came.");
}

#[test]
fn a_gap_is_told_after_eight_further_messages_or_after_a_second() {
    let mut play = Play::new();
    play.send_all([1, 3]);
    play.send_all(4..11);
    assert_eq!(play.found.len(), 0);
    play.send(11);
    assert_eq!(play.found.len(), 1);

    let mut play = Play::new();
    play.send_all([1, 3]);
    play.wait(800);
    assert_eq!(play.found.len(), 0);
    play.wait(100);
    assert_eq!(play.found.len(), 1);
}

#[test]
fn a_swap_is_one_finding_and_no_gap() {
    let mut play = Play::new();
    play.send_all([1, 3]);
    assert_eq!(play.send(2), Arrival::Late);
    play.send_all(4..40);
    let found = play.finish();
    assert_eq!(heads(&found), [(FindingKind::OutOfOrder, Some(2), Some(2), Some(2), None)]);
    assert_eq!(found[0].check, Check::Order);
    assert_eq!(found[0].text, "2 of P0 came late, behind 3.");
}

#[test]
fn a_missing_number_that_comes_long_after_its_gap_heals_it() {
    let mut play = Play::new();
    play.send_all([1, 5]);
    play.send_all(6..20);
    assert_eq!(play.send(3), Arrival::Late);
    assert_eq!(play.send(3), Arrival::Duplicate);
    assert_eq!(play.send(2), Arrival::Late);
    let found = play.finish();
    assert_eq!(
        heads(&found),
        [
            (FindingKind::Gap, Some(1), Some(2), Some(4), Some(3)),
            (FindingKind::Healed, Some(16), Some(3), Some(3), None),
            (FindingKind::Repeated, Some(17), Some(3), Some(3), None),
            (FindingKind::Healed, Some(18), Some(2), Some(2), None),
        ]
    );
}

#[test]
fn a_number_seen_before_is_a_duplicate() {
    let mut play = Play::new();
    play.send_all(1..10);
    assert_eq!(play.send(7), Arrival::Duplicate);
    assert_eq!(play.send(10), Arrival::Fresh);
    let found = play.finish();
    assert_eq!(heads(&found), [(FindingKind::Repeated, Some(9), Some(7), Some(7), None)]);
}

#[test]
fn a_repeated_batch_is_one_finding() {
    let mut play = Play::new();
    let batch: Vec<SequenceMark> = (1..6).map(|sequence| mark(0, sequence)).collect();
    assert_eq!(play.marks(&batch), Arrival::Fresh);
    assert_eq!(play.marks(&batch), Arrival::Duplicate);
    assert_eq!(heads(&play.finish()), [(FindingKind::Repeated, Some(1), Some(1), Some(5), None)]);
}

#[test]
fn scopes_do_not_mix() {
    let mut play = Play::new();
    for sequence in 1..20 {
        for scope in 0..5 {
            if (scope, sequence) != (3, 9) {
                play.marks(&[mark(scope, sequence * u64::from(scope + 1))]);
            }
        }
    }
    let found: Vec<Finding> = play.finish().into_iter().filter(|finding| finding.per[0].1.as_ref() == "P0").collect();
    assert_eq!(found, []);
}

#[test]
fn what_was_dropped_here_is_told_apart_from_what_was_lost_before() {
    let mut play = Play::new();
    play.send_all([1, 2]);
    play.integrity.dropped(2, 3, play.now);
    play.number += 3;
    play.send_all([8, 9]);
    let found = play.finish();
    assert_eq!(found[0].missing, Some(5));
    assert_eq!(
        found[0].text,
        "Lost 5 messages of P0: 3 to 7 never came; 3 dropped here because the queue was full, 2 lost before they came."
    );
}

#[test]
fn a_jump_over_a_reconnect_is_a_gap_of_the_outage() {
    let mut play = Play::new();
    play.send_all(1..10);
    play.integrity.lost(play.now);
    play.wait(60_000);
    play.integrity.connected(play.now);
    play.send_all(100..120);
    let found = play.finish();
    assert_eq!(heads(&found), [(FindingKind::Gap, Some(9), Some(10), Some(99), Some(90))]);
    assert_eq!(found[0].text, "Lost 90 messages of P0 while the connection was lost: 10 to 99 never came.");
}

#[test]
fn a_new_connection_that_counts_anew_is_silent() {
    let mut play = Play::new();
    play.send_all(5000..5050);
    play.integrity.lost(play.now);
    play.integrity.connected(play.now);
    play.send_all(1..60);
    assert_eq!(play.finish(), []);
}

#[test]
fn a_new_start_within_a_connection_is_told_once_and_its_messages_are_new() {
    let mut play = Play::new();
    play.send_all(5000..5050);
    assert_eq!(play.send(1), Arrival::Fresh);
    play.send_all(2..50);
    let found = play.finish();
    assert_eq!(heads(&found), [(FindingKind::OutOfOrder, Some(50), Some(1), Some(1), None)]);
}

#[test]
fn hostile_numbers_cost_one_finding_each() {
    let mut play = Play::new();
    play.send_all([5, 1_000_000_000_000_000_000, u64::MAX, u64::MAX, 0]);
    play.marks(&[SequenceMark { rule: u32::MAX, scope: u32::MAX, first: 1, last: 0 }]);
    play.marks(&[SequenceMark { rule: 0, scope: 0, first: 9, last: 2 }]);
    let found = play.finish();
    assert!(found.len() <= 6, "{found:#?}");
}

#[test]
fn holes_beyond_the_limit_are_told_and_forgotten() {
    let mut play = Play::new();
    play.send_all((0..5000).map(|step| 2 * step));
    let found = play.finish();
    assert_eq!(found.len(), 4999);
    assert!(found.iter().all(|finding| finding.kind == FindingKind::Gap && finding.missing == Some(1)));
}

#[test]
fn the_same_identity_is_a_duplicate_while_it_is_remembered() {
    let mut play = Play::new();
    let mut send = |identity: Option<u64>| {
        let message = play.message();
        let reading = Reading { identity, ..Reading::default() };
        play.integrity.observe(&message, &reading, &Names, &mut play.found)
    };
    assert_eq!(send(Some(7)), Arrival::Fresh);
    assert_eq!(send(Some(7)), Arrival::Duplicate);
    assert_eq!((send(None), send(None)), (Arrival::Fresh, Arrival::Fresh));
    for identity in 100..100 + 4096 {
        assert_eq!(send(Some(identity)), Arrival::Fresh);
    }
    assert_eq!(send(Some(7)), Arrival::Fresh);
    assert_eq!(play.found.len(), 1);
}

#[test]
fn a_feed_that_stops_is_silent_and_then_resumes() {
    let mut play = Play::new();
    play.send_all(1..100);
    play.wait(1_000);
    assert_eq!(play.found, []);
    play.wait(10_000);
    play.wait(10_000);
    play.send(100);
    let found = play.finish();
    assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::Silent, FindingKind::Resumed]);
    assert_eq!(
        found[0].text,
        "No message for 2 s. It usually sends every 0.1 s, at most every 0.1 s. The connection is open: the publisher stopped."
    );
    assert_eq!(found[0].at, Time::from_millis(9_800 + 2_000));
    assert_eq!(found[1].text, "Messages come again, after 21 s without one.");
}

#[test]
fn a_silence_is_found_alike_however_time_is_told() {
    let silent = |steps: &[i64]| {
        let mut play = Play::new();
        play.send_all(1..100);
        for step in steps {
            play.wait(*step);
        }
        play.send(100);
        play.finish()
    };
    assert_eq!(silent(&[5_000]), silent(&[2_500, 2_500]));
    let mut unwatched = Play::new();
    unwatched.send_all(1..100);
    unwatched.now = unwatched.now.plus_nanos(5_000_000_000);
    unwatched.send(100);
    assert_eq!(silent(&[5_000]), unwatched.finish());
}

#[test]
fn a_feed_in_batches_is_never_silent() {
    for (batch, pause) in [(10, 5_000), (1, 3_000), (3, 60_000), (200, 20_000)] {
        let mut play = Play::new();
        for round in 0..50u64 {
            for index in 0..batch {
                play.send(round * batch + index);
                play.now = play.now.plus_nanos(-99_000_000);
            }
            for _ in 0..10 {
                play.wait(pause / 10);
            }
        }
        let found = play.finish();
        assert!(found.len() <= 2, "{batch} each {pause} ms: {found:#?}");
        assert!(batch == 200 || found.is_empty(), "{batch} each {pause} ms: {found:#?}");
    }
}

#[test]
fn a_long_silence_does_not_become_normal_but_a_habit_does() {
    let mut play = Play::new();
    for round in 0..6u64 {
        play.send_all(round * 100..(round + 1) * 100);
        play.wait(30_000);
    }
    let silent = play.found.iter().filter(|finding| finding.kind == FindingKind::Silent).count();
    assert_eq!(silent, 2);
}

#[test]
fn no_silence_is_judged_while_the_connection_is_lost() {
    let mut play = Play::new();
    play.send_all(1..100);
    play.integrity.lost(play.now);
    play.wait(100_000);
    play.integrity.connected(play.now);
    play.wait(1_000);
    play.send_all(100..200);
    assert_eq!(play.finish(), []);
}

#[test]
fn unreadable_messages_are_told_at_once_and_then_together() {
    let mut play = Play::new();
    let why = Rejected { offset: 17, reason: "a comma was expected".to_owned() };
    for _ in 0..150 {
        let message = play.message();
        play.integrity.rejected(&message, &why, &mut play.found);
    }
    let found = play.finish();
    let texts: Vec<&str> = found.iter().map(|finding| finding.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Message 0 could not be read: byte 17: a comma was expected. It is kept for inspection.",
            "99 messages could not be read, 1 to 99. The first of them: byte 17: a comma was expected.",
            "50 messages could not be read, 100 to 149. The first of them: byte 17: a comma was expected.",
        ]
    );
}

proptest! {
    /// Whatever is lost and swapped, gaps less what healed is exactly what never came.
    #[test]
    fn nothing_is_lost_without_a_word(
        keep in proptest::collection::vec(prop::bool::weighted(0.8), 30..300),
        swaps in proptest::collection::vec((0usize..300, 1usize..30), 0..20),
        pauses in proptest::collection::vec(0i64..300, 300),
    ) {
        let mut sent: Vec<u64> = (0u64..).zip(&keep).filter(|(_, keep)| **keep).map(|(number, _)| number + 10).collect();
        sent.insert(0, 9);
        sent.push(10 + keep.len() as u64);
        let first = sent[0];
        for (from, by) in swaps {
            let length = sent.len();
            let (from, to) = (1 + from % (length - 1), 1 + (from + by) % (length - 1));
            let number = sent.remove(from);
            sent.insert(to, number);
        }
        let mut play = Play::new();
        for (index, number) in sent.iter().enumerate() {
            play.now = play.now.plus_nanos(pauses[index % pauses.len()] * 1_000_000);
            let arrival = play.send(*number);
            prop_assert!(arrival != Arrival::Duplicate);
        }
        let came: BTreeSet<u64> = sent.iter().copied().collect();
        let highest = *sent.iter().max().unwrap();
        let missing: BTreeSet<u64> = (first..=highest).filter(|number| !came.contains(number)).collect();
        let mut told = BTreeSet::new();
        for finding in play.finish() {
            let (Some(from), Some(to)) = (finding.from, finding.to) else { continue };
            match finding.kind {
                FindingKind::Gap => (from..=to).for_each(|number| { told.insert(number); }),
                FindingKind::Healed => (from..=to).for_each(|number| { told.remove(&number); }),
                _ => {}
            }
        }
        prop_assert_eq!(told, missing);
    }

    #[test]
    fn no_message_panics_and_findings_stay_few(
        events in proptest::collection::vec((0u8..8, any::<u64>(), any::<u64>(), 0u32..4, any::<i64>()), 0..400),
    ) {
        let mut play = Play::new();
        for (what, first, last, scope, at) in events {
            play.now = Time::from_nanos(at);
            match what {
                0 => play.integrity.lost(play.now),
                1 => play.integrity.connected(play.now),
                2 => play.integrity.dropped(first, last, play.now),
                3 => play.integrity.elapse(play.now, &mut play.found),
                4 => drop(play.marks(&[SequenceMark { rule: 0, scope, first: first % 64, last: last % 64 }])),
                5 => drop(play.marks(&[SequenceMark { rule: scope, scope, first, last: first.saturating_add(last % 5) }])),
                _ => drop(play.marks(&[SequenceMark { rule: 0, scope, first, last }])),
            }
        }
        let messages = play.number as usize;
        prop_assert!(play.finish().len() <= 10 * messages + 10);
    }
}
