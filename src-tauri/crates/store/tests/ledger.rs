//! The ledger adds up, whatever the order its deltas come in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kit;

use std::ops::ControlFlow;

use feedwatch_model::{Check, FeedId, LedgerCounts, LedgerSlot, LedgerWidth, Scorecard, Time};
use feedwatch_store::{Batch, verify};
use kit::{LONG, feed, start};
use proptest::prelude::*;

const MINUTE: i64 = LedgerWidth::Minute.nanos();

fn delta(feed: u32, minute: i64, received: u64) -> LedgerSlot {
    let mut slot = LedgerSlot::minute(FeedId(feed), Time::from_nanos(minute * MINUTE));
    slot.counts = LedgerCounts { received, numbered: received, bytes: 10 * received, ..LedgerCounts::default() };
    slot.counts.findings.add(Check::Sequence, received / 2);
    slot
}

fn sum<'a>(slots: impl IntoIterator<Item = &'a LedgerSlot>) -> LedgerCounts {
    slots.into_iter().fold(LedgerCounts::default(), |mut sum, slot| {
        sum += &slot.counts;
        sum
    })
}

#[test]
fn an_empty_history_has_no_rows_and_nothing_that_could_be_judged() {
    let folder = tempfile::tempdir().unwrap();
    let (_writer, reader, _events) = start(&folder.path().join("h.db"));
    for width in LedgerWidth::ALL {
        assert_eq!(reader.ledger(None, Time::MIN, Time::MAX, width).unwrap(), []);
    }
    let (card, counts) = reader.scorecard(None, Time::MIN, Time::MAX).unwrap();
    assert_eq!((card, counts), (Scorecard::default(), LedgerCounts::default()));
}

#[test]
fn what_fills_a_gap_later_corrects_the_minute_of_the_gap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let minute = |counts| LedgerSlot { counts, ..delta(1, 500, 0) };
    {
        let (writer, reader, _events) = start(&path);
        let gap = LedgerCounts { received: 8, numbered: 8, missing: 2, ..LedgerCounts::default() };
        writer.submit(Batch { feeds: vec![feed(1, "a")], ledger: vec![minute(gap)], ..Batch::default() }).unwrap();
        assert!(writer.flush(LONG));
        let (card, _) = reader.scorecard(Some(FeedId(1)), Time::MIN, Time::MAX).unwrap();
        assert_eq!(card.completeness.percent, Some(80.0));
        writer.close(LONG).unwrap();
    }
    let (writer, reader, _events) = start(&path);
    let filled = LedgerCounts { filled: 2, ..LedgerCounts::default() };
    let later =
        LedgerSlot { counts: LedgerCounts { received: 2, numbered: 2, ..LedgerCounts::default() }, ..delta(1, 501, 0) };
    writer.submit(Batch { ledger: vec![minute(filled), later], ..Batch::default() }).unwrap();
    writer.close(LONG).unwrap();
    let rows = reader.ledger(Some(FeedId(1)), Time::MIN, Time::MAX, LedgerWidth::Minute).unwrap();
    assert_eq!(rows.iter().map(|row| (row.counts.missing, row.counts.filled)).collect::<Vec<_>>(), [(2, 2), (0, 0)]);
    let (card, counts) = reader.scorecard(None, Time::MIN, Time::MAX).unwrap();
    assert_eq!((card.completeness.percent, counts.expected(), counts.lost()), (Some(100.0), 10, 0));
    let verified = verify(&path, None, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((verified.whole, verified.problems), (Some(true), vec![]));
}

#[test]
fn a_minute_counts_where_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader, _events) = start(&folder.path().join("h.db"));
    // Two days and some minutes around them, also before 1970.
    let ledger: Vec<LedgerSlot> = (-100..3_000).map(|minute| delta(1, minute, 1)).collect();
    writer.submit(Batch { feeds: vec![feed(1, "a")], ledger, ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    let received = |from: i64, to: i64| {
        let (_, counts) = reader.scorecard(None, Time::from_nanos(from), Time::from_nanos(to)).unwrap();
        counts.received
    };
    assert_eq!(received(0, 2_880 * MINUTE), 2_880);
    assert_eq!(received(1, 2_880 * MINUTE + 1), 2_880, "the first begins before, the last one within");
    assert_eq!(received(-5 * MINUTE, 61 * MINUTE), 66);
    assert_eq!(received(7 * MINUTE, 7 * MINUTE), 0);
    assert_eq!(received(8 * MINUTE, 7 * MINUTE), 0);
    assert_eq!(received(i64::MIN, i64::MAX), 3_100);
    let days = reader.ledger(None, Time::MIN, Time::MAX, LedgerWidth::Day).unwrap();
    assert_eq!(days.iter().map(|day| day.counts.received).collect::<Vec<_>>(), [100, 1_440, 1_440, 120]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rows_of_every_width_are_the_sum_of_the_deltas_in_any_order_and_any_batches(
        deltas in prop::collection::vec((1u32..3, 0i64..4_000, 0u64..9), 1..80),
        seed: u64,
        batch in 1usize..20,
        (from, to) in (0i64..4_100, 0i64..4_100),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let deltas: Vec<LedgerSlot> = deltas.into_iter().map(|(feed, minute, received)| delta(feed, minute, received)).collect();
        let mut histories = Vec::new();
        for name in ["a", "b"] {
            let path = folder.path().join(name);
            let (writer, reader, _events) = start(&path);
            let mut order = deltas.clone();
            if name == "b" {
                fastrand::Rng::with_seed(seed).shuffle(&mut order);
            }
            writer.submit(Batch { feeds: vec![feed(1, "a"), feed(2, "b")], ..Batch::default() }).unwrap();
            for part in order.chunks(if name == "a" { batch } else { 80 }) {
                writer.submit(Batch { ledger: part.to_vec(), ..Batch::default() }).unwrap();
                prop_assert!(writer.flush(LONG));
            }
            writer.close(LONG).unwrap();
            let verified = verify(&path, None, |_| ControlFlow::Continue(())).unwrap();
            prop_assert_eq!(verified.problems, Vec::<String>::new());
            histories.push(reader);
        }
        let rows = |index: usize, width| histories[index].ledger(None, Time::MIN, Time::MAX, width).unwrap();
        for width in LedgerWidth::ALL {
            prop_assert_eq!(rows(0, width), rows(1, width));
            prop_assert_eq!(sum(&rows(0, width)), sum(&deltas));
        }
        let (from, to) = (Time::from_nanos(from * MINUTE), Time::from_nanos(to * MINUTE));
        let within = deltas.iter().filter(|delta| delta.feed == FeedId(1) && from <= delta.from && delta.from < to);
        let (card, counts) = histories[0].scorecard(Some(FeedId(1)), from, to).unwrap();
        prop_assert_eq!(counts, sum(within));
        prop_assert_eq!(card, Scorecard::of(&counts));
    }
}
