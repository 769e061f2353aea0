mod clock;
mod conflict;
mod flow;
mod guards;
mod holes;
mod lateness;
mod properties;
mod range;
mod rate;
mod rules;
mod schema;
mod shaped;
mod silence;
mod stale;
mod states;

use std::sync::Arc;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, Reading, Rejected, SequenceMark, Time};

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

    /// The state did not change, says an answer so much later.
    fn alive_after(&mut self, millis: i64) {
        self.now = self.now.plus_nanos(millis * 1_000_000);
        self.integrity.alive(self.now, &mut self.found);
    }

    fn finish(mut self) -> Vec<Finding> {
        self.integrity.finish(&mut self.found);
        self.found
    }
}

fn mark(scope: u32, sequence: u64) -> SequenceMark {
    SequenceMark { rule: 0, scope, first: sequence, last: sequence, restarts: false, before: false }
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
    play.marks(&[SequenceMark { rule: u32::MAX, scope: u32::MAX, first: 1, last: 0, restarts: false, before: false }]);
    play.marks(&[SequenceMark { rule: 0, scope: 0, first: 9, last: 2, restarts: false, before: false }]);
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

#[test]
fn a_number_far_ahead_is_a_gap_if_the_next_one_goes_on_behind_it() {
    let mut play = Play::new();
    play.send_all([10, 11, 5000, 5001, 5002]);
    let found = play.finish();
    assert_eq!(heads(&found), [(FindingKind::Gap, Some(2), Some(12), Some(4999), Some(4988))]);

    // Also if nothing comes behind it.
    let mut play = Play::new();
    play.send_all([10, 11, 5000]);
    assert_eq!(heads(&play.finish()), [(FindingKind::Gap, Some(2), Some(12), Some(4999), Some(4988))]);
    let mut play = Play::new();
    play.send_all([10, 11, 5000]);
    play.wait(600_000);
    assert_eq!(play.found, [], "time says nothing of it");
    play.send(5001);
    play.wait(1_000);
    assert_eq!(heads(&play.finish()), [(FindingKind::Gap, Some(2), Some(12), Some(4999), Some(4988))]);
}

#[test]
fn a_damaged_number_is_told_by_itself_and_what_it_should_have_been_is_missing() {
    let mut play = Play::new();
    play.send_all([7798, 7799, 97_800, 7801, 7802]);
    play.send_all(7803..7900);
    let found = play.finish();
    assert_eq!(
        heads(&found),
        [
            (FindingKind::OutOfOrder, Some(2), Some(97_800), Some(97_800), None),
            (FindingKind::Gap, Some(3), Some(7800), Some(7800), Some(1))
        ]
    );
    assert_eq!(
        found[0].text,
        "97800 of P0 stands alone, far ahead of those before and behind it: the number is damaged."
    );
}
