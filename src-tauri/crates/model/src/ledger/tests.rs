use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn counts() -> impl Strategy<Value = LedgerCounts> {
    (vec(0u64..1_000, 15), vec((0..CHECKS, 1u64..9), 0..4)).prop_map(|(numbers, findings)| {
        let at = |index: usize| numbers[index];
        let mut counts = LedgerCounts {
            received: at(0),
            bytes: at(1),
            missing: at(2),
            filled: at(3).min(at(2)),
            duplicate: at(4).min(at(0)),
            reordered: at(5),
            late: at(6),
            rejected: at(7),
            invalid: at(8),
            numbered: at(9),
            timed: at(10),
            checked: at(11),
            failed: at(12),
            watched_ms: at(13),
            silent_ms: at(14),
            findings: CheckCounts::default(),
        };
        findings.into_iter().for_each(|(check, count)| counts.findings.add(Check::ALL[check], count));
        counts
    })
}

fn delta() -> impl Strategy<Value = LedgerSlot> {
    (0u32..3, 0i64..200, counts()).prop_map(|(feed, minute, counts)| LedgerSlot {
        counts,
        ..LedgerSlot::minute(FeedId(feed), Time::from_nanos(minute * LedgerWidth::Minute.nanos()))
    })
}

fn sum<'a>(slots: impl IntoIterator<Item = &'a LedgerSlot>) -> LedgerCounts {
    slots.into_iter().fold(LedgerCounts::default(), |mut sum, slot| {
        sum += &slot.counts;
        sum
    })
}

#[test]
fn every_check_but_the_anomaly_belongs_to_one_line() {
    let mut counts = LedgerCounts::default();
    Check::ALL.iter().for_each(|check| counts.findings.add(*check, 1));
    let card = Scorecard::of(&counts);
    let lines = [card.completeness, card.order, card.timeliness, card.validity, card.authenticity];
    assert_eq!(lines.map(|line| line.findings), [3, 1, 4, 4, 4]);
    assert_eq!(lines.map(|line| line.percent), [None; 5], "findings alone are no chances");
}

#[test]
fn what_cannot_be_judged_is_unknown() {
    let card = Scorecard::of(&LedgerCounts { received: 10, bytes: 99, ..LedgerCounts::default() });
    let lines = [card.completeness, card.order, card.timeliness, card.authenticity];
    assert_eq!(lines.map(|line| line.percent), [None; 4]);
    assert_eq!(card.validity, Line { percent: Some(100.0), faults: 0, of: 10, findings: 0 });
}

#[test]
fn a_number_that_came_after_all_is_not_lost() {
    let mut gap = LedgerCounts { received: 8, numbered: 8, missing: 2, ..LedgerCounts::default() };
    assert_eq!((gap.lost(), gap.expected()), (2, 10));
    assert_eq!(Scorecard::of(&gap).completeness.percent, Some(80.0));
    gap.filled = 2;
    let later = LedgerCounts { received: 3, numbered: 3, duplicate: 1, ..LedgerCounts::default() };
    let mut both = gap;
    both += &later;
    assert_eq!((both.lost(), both.expected(), both.missing), (0, 10, 2));
    assert_eq!(Scorecard::of(&both).completeness.percent, Some(100.0));
}

#[test]
fn an_hour_that_was_silent_for_half_of_it_is_half_in_time_though_nothing_was_late() {
    let counts =
        LedgerCounts { timed: 10, late: 1, watched_ms: 3_600_000, silent_ms: 1_800_000, ..LedgerCounts::default() };
    let timeliness = Scorecard::of(&counts).timeliness;
    assert_eq!((timeliness.percent, timeliness.faults, timeliness.of), (Some(50.0), 1_800_000, 3_600_000));
    let timeliness = Scorecard::of(&LedgerCounts { silent_ms: 0, ..counts }).timeliness;
    assert_eq!((timeliness.percent, timeliness.faults, timeliness.of), (Some(90.0), 1, 10));
}

#[test]
fn counts_of_checks_are_an_object_of_words() {
    let mut counts = CheckCounts::default();
    assert_eq!(serde_json::to_string(&counts).unwrap(), "{}");
    counts.add(Check::Anomaly, 1);
    counts.add(Check::Sequence, 2);
    let text = serde_json::to_string(&counts).unwrap();
    assert_eq!(text, "{\"sequence\":2,\"anomaly\":1}");
    assert_eq!(serde_json::from_str::<CheckCounts>(&text).unwrap(), counts);
    assert!(serde_json::from_str::<CheckCounts>("{\"nonsense\":1}").is_err());
}

#[test]
fn a_book_holds_so_many_minutes_of_a_feed_and_the_sums_stay_right() {
    let mut book = LedgerBook::default();
    for feed in [1, 2] {
        for minute in 0..10_000 {
            book.at(FeedId(feed), Time::from_nanos(minute * LedgerWidth::Minute.nanos())).received += 1;
        }
    }
    let taken = book.take();
    assert_eq!(taken.len(), 2 * MINUTES_HELD);
    assert_eq!(sum(&taken).received, 20_000);
    assert_eq!(taken[MINUTES_HELD - 1].counts.received, 10_000 - 63, "the nearest one has what had no place");
}

#[test]
fn the_widest_counts_and_the_ends_of_time_do_not_panic() {
    let most = LedgerCounts { received: u64::MAX, missing: u64::MAX, ..LedgerCounts::default() };
    let mut both = most;
    both += &most;
    assert_eq!((both.received, both.expected()), (u64::MAX, u64::MAX));
    let mut book = LedgerBook::default();
    for at in [Time::MIN, Time::MAX] {
        *book.at(FeedId(1), at) += &most;
    }
    assert_eq!(book.take().len(), 2);
    assert_eq!(Scorecard::of(&both).completeness.percent, Some(0.0));
}

proptest! {
    #[test]
    fn sums_do_not_depend_on_the_order_of_deltas_nor_on_their_batches(
        deltas in vec(delta(), 0..60),
        swaps in vec((0usize..60, 0usize..60), 0..60),
        batch in 1usize..9,
    ) {
        let mut other = deltas.clone();
        for (one, two) in swaps.into_iter().filter(|(one, two)| *one.max(two) < deltas.len()) {
            other.swap(one, two);
        }
        let mut book = LedgerBook::default();
        deltas.iter().for_each(|delta| book.add(delta));
        let whole = book.take();
        let mut parts = Vec::new();
        for part in other.chunks(batch) {
            part.iter().for_each(|delta| book.add(delta));
            parts.extend(book.take());
        }
        prop_assert_eq!(sum(&whole), sum(&deltas));
        parts.iter().for_each(|delta| book.add(delta));
        prop_assert_eq!(book.take(), whole);
    }

    #[test]
    fn a_line_is_between_0_and_100_with_counts_that_make_it(counts in counts()) {
        let card = Scorecard::of(&counts);
        for line in [card.completeness, card.order, card.timeliness, card.validity, card.authenticity] {
            prop_assert!(line.faults <= line.of);
            prop_assert_eq!(line.percent.is_some(), line.of > 0);
            if let Some(percent) = line.percent {
                prop_assert!((percent - 100.0 * (line.of - line.faults) as f64 / line.of as f64).abs() < 1e-9);
            }
        }
        prop_assert_eq!(counts.expected() + counts.duplicate + counts.filled, counts.received + counts.missing);
    }
}
