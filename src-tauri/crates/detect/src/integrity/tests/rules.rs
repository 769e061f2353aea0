//! Rules other than `plus-one`: chains, numbers that only grow, counters that go round, and snapshots.

use std::collections::BTreeSet;
use std::sync::Arc;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, Reading, SequenceMark, SequenceRule, Time};
use proptest::prelude::*;

use super::super::{Arrival, Integrity, Scopes};

struct Of(SequenceRule, Option<u64>);

impl Scopes for Of {
    fn per(&self, _rule: u32, _scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
        vec![("/s".into(), "BTC".into())]
    }

    fn rule_name(&self, _rule: u32) -> Arc<str> {
        "/u".into()
    }

    fn rule(&self, _rule: u32) -> (SequenceRule, Option<u64>) {
        (self.0, self.1)
    }
}

struct Play {
    names: Of,
    integrity: Integrity,
    number: u64,
    found: Vec<Finding>,
}

impl Play {
    fn of(rule: SequenceRule) -> Play {
        Play { names: Of(rule, None), integrity: Integrity::new(FeedId(1)), number: 0, found: Vec::new() }
    }

    fn mark(&mut self, first: u64, last: u64, restarts: bool, identity: Option<u64>) -> Arrival {
        let at = Time::from_millis(50 * self.number as i64);
        let marks = vec![SequenceMark { rule: 0, scope: 0, first, last, restarts, before: false }];
        let reading = Reading { marks, identity, ..Reading::default() };
        let message = Message::new(self.number, at, "");
        self.number += 1;
        self.integrity.observe(&message, &reading, &self.names, &mut self.found)
    }

    /// A message that names the one before it.
    fn named(&mut self, previous: u64, this: u64) -> Arrival {
        self.mark(previous, this, false, None)
    }

    fn all(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.mark(number, number, false, None);
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        self.integrity.finish(&mut self.found);
        self.found
    }
}

/// Check, kind, message, from, missing.
type Head = (Check, FindingKind, Option<u64>, Option<u64>, Option<u64>);

fn heads(found: &[Finding]) -> Vec<Head> {
    found.iter().map(|f| (f.check, f.kind, f.message, f.from, f.missing)).collect()
}

#[test]
fn a_message_that_is_named_and_never_came_is_a_gap_of_unknown_length() {
    let mut play = Play::of(SequenceRule::NamesPrevious);
    for (previous, this) in [(10, 13), (13, 14), (20, 26), (26, 27)] {
        assert_eq!(play.named(previous, this), Arrival::Fresh);
    }
    let found = play.finish();
    assert_eq!(heads(&found), [(Check::Sequence, FindingKind::Gap, Some(2), Some(20), None)]);
    assert_eq!(found[0].text, "Lost messages of BTC: 20, which the next one names as the one before it, never came.");
}

#[test]
fn a_swap_in_a_chain_is_one_message_out_of_order() {
    let mut play = Play::of(SequenceRule::NamesPrevious);
    let sent = [(10, 13), (13, 14), (20, 26), (14, 20), (26, 27)];
    let arrivals: Vec<Arrival> = sent.iter().map(|(previous, this)| play.named(*previous, *this)).collect();
    assert_eq!(arrivals[3], Arrival::Late);
    let found = play.finish();
    assert_eq!(heads(&found), [(Check::Order, FindingKind::OutOfOrder, Some(3), Some(20), None)]);
}

#[test]
fn a_chain_heals_when_its_missing_messages_come_after_all() {
    let mut play = Play::of(SequenceRule::NamesPrevious);
    play.named(1, 2);
    play.named(4, 5);
    for number in 5..20 {
        play.named(number, number + 1);
    }
    assert_eq!(play.found.len(), 1);
    // Two were missing: the later one first.
    play.named(3, 4);
    play.named(2, 3);
    let filled: Vec<_> = play.integrity.take_filled().collect();
    assert_eq!(filled, [(Time::from_millis(50), 1)], "once, when nothing is missing any more");
    let found = play.finish();
    let kinds: Vec<_> = found.iter().map(|f| (f.kind, f.from)).collect();
    assert_eq!(kinds, [(FindingKind::Gap, Some(4)), (FindingKind::Healed, Some(4)), (FindingKind::Healed, Some(3))]);
}

#[test]
fn a_link_of_a_chain_that_comes_again_is_a_duplicate_and_a_sign_of_life_is_none() {
    let mut play = Play::of(SequenceRule::NamesPrevious);
    play.named(1, 4);
    play.named(4, 9);
    assert_eq!(play.named(4, 9), Arrival::Duplicate);
    assert_eq!(play.named(9, 9), Arrival::Fresh, "it names itself: nothing happened since");
    play.named(9, 12);
    assert_eq!(play.named(1, 4), Arrival::Duplicate);
    assert_eq!(heads(&play.finish()).len(), 2);
}

#[test]
fn a_snapshot_begins_a_sequence_anew() {
    for rule in [SequenceRule::NamesPrevious, SequenceRule::PlusOne, SequenceRule::Increasing] {
        let mut play = Play::of(rule);
        play.named(4, 5);
        play.mark(50, 50, true, None);
        match rule {
            SequenceRule::PlusOne => play.named(51, 51),
            _ => play.named(50, 51),
        };
        play.mark(7, 7, true, None);
        assert_eq!(play.finish(), [], "{rule:?}");
    }
    // What is missing before the snapshot is told all the same.
    let mut play = Play::of(SequenceRule::PlusOne);
    play.all([4, 5, 8]);
    play.mark(50, 50, true, None);
    assert_eq!(heads(&play.finish()), [(Check::Sequence, FindingKind::Gap, Some(2), Some(6), Some(2))]);
}

#[test]
fn a_number_that_falls_came_late_and_one_that_is_equal_came_again() {
    let mut play = Play::of(SequenceRule::Increasing);
    play.all([10, 17, 30, 29, 31, 31, 40, 17]);
    let found = play.finish();
    let kinds: Vec<_> = found.iter().map(|f| (f.kind, f.message, f.missing)).collect();
    assert_eq!(
        kinds,
        [
            (FindingKind::OutOfOrder, Some(3), None),
            (FindingKind::Repeated, Some(5), None),
            (FindingKind::Repeated, Some(7), None)
        ]
    );
}

#[test]
fn of_numbers_that_do_not_fall_equal_ones_mean_nothing_but_the_same_message_does() {
    let mut play = Play::of(SequenceRule::NonDecreasing);
    play.all([10, 10, 17, 17, 17, 30]);
    assert_eq!(play.mark(31, 31, false, Some(5)), Arrival::Fresh);
    assert_eq!(play.mark(31, 31, false, Some(6)), Arrival::Fresh);
    assert_eq!(play.mark(31, 31, false, Some(5)), Arrival::Duplicate);
    assert_eq!(play.mark(20, 20, false, Some(7)), Arrival::Late);
    let kinds: Vec<_> = play.finish().iter().map(|f| (f.check, f.kind)).collect();
    assert_eq!(kinds, [(Check::Duplicate, FindingKind::Repeated), (Check::Order, FindingKind::OutOfOrder)]);
}

#[test]
fn growing_numbers_that_begin_anew_are_told_once_and_not_at_all_behind_a_reconnect() {
    let mut play = Play::of(SequenceRule::Increasing);
    play.all([1000, 1001, 1002, 5, 6, 7, 8, 9]);
    let found = play.finish();
    assert!(found.len() == 3 && found[2].text.contains("start anew at 7"), "{found:#?}");

    let mut play = Play::of(SequenceRule::Increasing);
    play.all([1000, 1001]);
    play.integrity.lost(Time::from_millis(200));
    play.integrity.connected(Time::from_millis(300));
    play.all([5, 6, 7]);
    assert_eq!(play.finish(), []);
}

#[test]
fn a_counter_that_goes_round_is_told_in_its_own_numbers() {
    let mut play = Play::of(SequenceRule::PlusOneModulo);
    play.names.1 = Some(256);
    play.all([253, 254, 258, 259]);
    let found = play.finish();
    assert_eq!((found[0].from, found[0].to, found[0].missing), (Some(255), Some(1), Some(3)));
    assert_eq!(found[0].text, "Lost 3 messages of BTC: 255 to 1 never came.");
}

#[test]
fn what_is_filled_where_a_counter_goes_round_is_counted() {
    let mut play = Play::of(SequenceRule::PlusOneModulo);
    play.names.1 = Some(256);
    play.all([253, 254]);
    play.all(258..280);
    play.mark(255, 257, false, None);
    let filled: Vec<_> = play.integrity.take_filled().collect();
    assert_eq!(filled, [(Time::from_millis(100), 3)]);
    let text = play.finish().pop().unwrap().text;
    assert_eq!(text, "255 to 1 of BTC came after all, after it was taken as lost.");
}

#[test]
fn a_scope_that_begins_behind_a_known_number_tells_what_is_missing_between_them() {
    let mut play = Play::of(SequenceRule::PlusOne);
    let at = Time::from_millis(0);
    let mark =
        |number, before| SequenceMark { rule: 0, scope: 0, first: number, last: number, restarts: false, before };
    let reading = Reading { marks: vec![mark(302, true), mark(305, false)], ..Reading::default() };
    let arrival = play.integrity.observe(&Message::new(0, at, ""), &reading, &play.names, &mut play.found);
    assert_eq!(arrival, Arrival::Fresh);
    assert_eq!(heads(&play.finish()), [(Check::Sequence, FindingKind::Gap, Some(0), Some(303), Some(2))]);
}

#[test]
fn a_link_is_out_of_order_up_to_the_eighth_message_behind_its_hole() {
    for (further, kind) in [(8, FindingKind::OutOfOrder), (9, FindingKind::Healed)] {
        let mut play = Play::of(SequenceRule::NamesPrevious);
        play.named(1, 2);
        play.named(3, 4);
        (0..further - 1).for_each(|at| assert_eq!(play.named(4 + at, 5 + at), Arrival::Fresh));
        play.named(2, 3);
        assert_eq!(play.finish().last().map(|finding| finding.kind), Some(kind), "{further}");
    }
}

proptest! {
    /// Whatever links are lost: each run of them is told by its last one, and nothing else is.
    #[test]
    fn each_hole_of_a_chain_is_told_once(keep in proptest::collection::vec(prop::bool::weighted(0.8), 2..200)) {
        let links: Vec<(u64, u64)> = (0..keep.len() as u64 + 1).map(|at| (at * 3 + 10, at * 3 + 13)).collect();
        let mut play = Play::of(SequenceRule::NamesPrevious);
        let mut missing = BTreeSet::new();
        let mut before = None;
        for (at, (previous, this)) in links.into_iter().enumerate() {
            if at > 0 && !keep[at - 1] {
                continue;
            }
            if before.is_some_and(|before| before != previous) {
                missing.insert(previous);
            }
            before = Some(this);
            play.named(previous, this);
        }
        let told: BTreeSet<u64> = play.finish().iter().filter_map(|finding| finding.from).collect();
        prop_assert_eq!(told, missing);
    }

    #[test]
    fn no_number_panics_by_any_rule(
        which in 0..SequenceRule::ALL.len(),
        modulus in proptest::option::of(0..300_u64),
        numbers in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<bool>(), 0..50_u8), 0..200),
        small in any::<bool>(),
    ) {
        let mut play = Play::of(SequenceRule::ALL[which]);
        play.names.1 = modulus;
        let count = numbers.len();
        for (first, last, restarts, what) in numbers {
            let (first, last) = if small { (first % 40, last % 40) } else { (first, last) };
            match what {
                0 => play.integrity.connected(Time::from_millis(i64::try_from(play.number).unwrap())),
                1 => play.integrity.overlapping(small),
                _ => {
                    play.mark(first, last, restarts && what < 5, Some(last));
                }
            }
        }
        prop_assert!(play.finish().len() <= 2 * count + 2);
    }
}
