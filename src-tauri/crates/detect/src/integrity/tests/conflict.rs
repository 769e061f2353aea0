use feedwatch_model::{Check, FindingKind};
use proptest::prelude::*;

use super::shaped::{Shaped, brief};
use crate::integrity::Arrival;
use crate::integrity::conflict::print;

const REPEATED: (Check, FindingKind) = (Check::Duplicate, FindingKind::Repeated);
const CONFLICT: (Check, FindingKind) = (Check::Conflict, FindingKind::SameIdentity);

#[test]
fn a_number_with_other_content_is_a_conflict_and_kept_and_with_the_same_a_duplicate() {
    let mut feed = Shaped::new();
    for number in 1..=100 {
        feed.numbered(number, &format!("content {number}"));
    }
    assert_eq!(feed.numbered(17, "content 17"), Arrival::Duplicate);
    assert_eq!(feed.numbered(18, "content 17"), Arrival::Late);
    let found = feed.finish();
    assert_eq!(brief(&found), [(REPEATED.0, REPEATED.1, Some(100)), (CONFLICT.0, CONFLICT.1, Some(101))]);
    assert_eq!((found[1].from, found[1].to), (Some(18), Some(18)));
    assert_eq!(found[1].text, "18 of P0 came again with other content: message 101 differs from 17.");
}

#[test]
fn content_is_remembered_for_so_many_messages() {
    let mut feed = Shaped::new();
    for number in 1..=10_000 {
        feed.numbered(number, "same");
    }
    assert_eq!(feed.numbered(10_000 - 4095, "other"), Arrival::Late);
    assert_eq!(feed.numbered(10_000 - 4096, "other"), Arrival::Duplicate);
    assert_eq!(feed.numbered(10_000, "same"), Arrival::Duplicate);
    assert_eq!(feed.finish().len(), 3);
}

#[test]
fn an_identity_with_a_newer_time_is_an_update_and_with_the_same_a_conflict() {
    let mut feed = Shaped::new();
    for id in 0..100 {
        assert_eq!(feed.identified(id, Some(1000), &format!("content {id}")), Arrival::Fresh);
    }
    assert_eq!(feed.identified(7, Some(2000), "updated"), Arrival::Fresh);
    assert_eq!(feed.identified(7, Some(2000), "updated"), Arrival::Duplicate);
    assert_eq!(feed.identified(7, Some(1000), "content 7"), Arrival::Late);
    assert_eq!(feed.identified(8, Some(1000), "other"), Arrival::Late);
    let found = feed.finish();
    assert_eq!(brief(&found), [(REPEATED.0, REPEATED.1, Some(101)), (CONFLICT.0, CONFLICT.1, Some(103))]);
}

#[test]
fn a_feed_that_updates_what_it_sent_without_a_newer_time_has_no_conflicts() {
    let mut feed = Shaped::new();
    for round in 0..300u64 {
        feed.identified(round % 5, Some(1000), &format!("content {round}"));
    }
    assert_eq!(feed.finish(), []);
    // Nor one of which not enough is known.
    let mut feed = Shaped::new();
    for id in 0..30 {
        feed.identified(id, Some(1000), "first");
    }
    assert_eq!(feed.identified(7, Some(1000), "second"), Arrival::Fresh);
    assert_eq!(feed.finish(), []);
}

#[test]
fn an_identity_without_a_time_is_a_duplicate_whatever_it_holds() {
    let mut feed = Shaped::new();
    feed.identified(7, None, "first attempt");
    assert_eq!(feed.identified(7, None, "second attempt"), Arrival::Duplicate);
}

#[test]
fn lines_that_differ_are_told_together_where_they_usually_agree() {
    let mut feed = Shaped::new();
    feed.integrity.overlapping(true);
    for number in 0..200 {
        feed.numbered(number, "same");
    }
    feed.line = 1;
    for number in 100..108 {
        assert_eq!(feed.numbered(number, "other"), Arrival::Duplicate);
    }
    let found = feed.finish();
    let differ = |message| (Check::Agreement, FindingKind::LinesDiffer, Some(message));
    assert_eq!(brief(&found), [differ(200), differ(201)]);
    assert_eq!(found[0].text, "Two lines differ: message 200 of line 1 is not what line 0 brought as message 100.");
    assert_eq!(found[1].text, "Lines differ in 7 messages: 201 to 207.");
}

#[test]
fn lines_that_are_made_differently_are_not_judged() {
    let mut feed = Shaped::new();
    feed.integrity.overlapping(true);
    for number in 0..500 {
        for line in 0..2 {
            feed.line = line;
            feed.numbered(number, &format!("of line {line}"));
        }
    }
    assert_eq!(feed.finish(), []);
}

proptest! {
    /// Whatever byte differs, at whatever place of whatever length, it is another print.
    #[test]
    fn a_byte_that_differs_is_another_print(bytes in proptest::collection::vec(any::<u8>(), 1..300), at in any::<prop::sample::Index>(), by in 1u8..) {
        let mut other = bytes.clone();
        other[at.index(bytes.len())] ^= by;
        prop_assert_ne!(print(&bytes), print(&other));
        other.clone_from(&bytes);
        other.push(0);
        prop_assert_ne!(print(&bytes), print(&other));
    }
}
