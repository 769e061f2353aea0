//! Numbers that are missing, in doubt or filled, where several things happen at once.

use std::collections::BTreeSet;

use feedwatch_model::{FindingKind, SequenceMark};
use proptest::prelude::*;

use super::super::Arrival;
use super::{Head, Play, heads, mark};

fn range(first: u64, last: u64) -> SequenceMark {
    SequenceMark { first, last, ..mark(0, 0) }
}

fn filled(play: &mut Play) -> u64 {
    play.integrity.take_filled().map(|(_, count)| count).sum()
}

fn gap(message: u64, from: u64, to: u64) -> Head {
    (FindingKind::Gap, Some(message), Some(from), Some(to), Some(to - from + 1))
}

#[test]
fn only_what_was_told_as_missing_is_filled() {
    let mut play = Play::new();
    play.send_all([1, 5, 6, 9]);
    play.send_all(10..30);
    // 2 to 4 and 7 to 8 were told; 5 and 6 were there.
    assert_eq!(play.marks(&[range(3, 7)]), Arrival::Late);
    let when: Vec<_> = play.integrity.take_filled().map(|(at, count)| (at.nanos() / 1_000_000, count)).collect();
    assert_eq!(when, [(100, 2), (300, 1)], "with the time of each gap");
    assert_eq!(filled(&mut play), 0, "given once");
    let text = play.finish().pop().unwrap().text;
    assert_eq!(text, "3 to 7 of P0 came after all; 3 of them had been taken as lost.");
}

#[test]
fn what_fills_a_hole_that_was_told_and_one_that_is_held_heals() {
    let mut play = Play::new();
    play.send_all([1, 3]);
    play.send_all(4..20);
    play.send(21);
    play.marks(&[range(2, 20)]);
    assert_eq!(filled(&mut play), 1);
    let found = play.finish();
    let kinds: Vec<_> = found.iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [FindingKind::Gap, FindingKind::Healed]);
}

#[test]
fn a_batch_that_goes_on_fills_what_it_holds_of_the_holes_below() {
    let mut play = Play::new();
    play.send_all([1, 5]);
    play.marks(&[range(2, 9)]);
    play.send_all(10..30);
    assert_eq!(play.finish(), []);
}

#[test]
fn what_is_held_when_the_numbers_begin_anew_is_told_first() {
    let mut play = Play::new();
    play.send_all(5000..5010);
    play.send_all([5012, 1, 2]);
    let found = play.finish();
    assert_eq!(heads(&found)[0], gap(10, 5010, 5011));
    assert_eq!((found.len(), found[1].kind), (2, FindingKind::OutOfOrder));

    // Without a word, behind a reconnect.
    let mut play = Play::new();
    play.send_all([5000, 5002]);
    play.integrity.connected(play.now);
    play.send_all([1, 2]);
    assert_eq!(heads(&play.finish()), [gap(1, 5001, 5001)]);

    // A number in doubt too, of which nothing can be known any more.
    let mut play = Play::new();
    play.send_all([5000, 9000, 1, 2]);
    assert_eq!(heads(&play.finish())[0], gap(1, 5001, 8999));
}

#[test]
fn a_jump_is_told_exactly_whatever_follows_it() {
    let cases: [(&[u64], &[Head]); 6] = [
        // A swap.
        (&[10, 11, 5001, 5000, 5002], &[gap(2, 12, 4999)]),
        // A copy.
        (&[10, 11, 5000, 5000, 5001], &[gap(2, 12, 4999)]),
        // A second jump.
        (&[10, 11, 5000, 9000, 9001], &[gap(2, 12, 4999), gap(3, 5001, 8999)]),
        // One of those before it.
        (&[10, 5000, 11, 5001, 5002], &[gap(1, 12, 4999)]),
        // A loss.
        (&[10, 11, 5000, 5002, 5003], &[gap(2, 12, 4999), gap(3, 5001, 5001)]),
        // A copy of one before it.
        (&[10, 11, 5000, 11, 5001], &[gap(2, 12, 4999)]),
    ];
    for (sent, gaps) in cases {
        let mut play = Play::new();
        play.send_all(sent.iter().copied());
        let last = sent[sent.len() - 1];
        play.send_all(last + 1..last + 20);
        let told: Vec<Head> = heads(&play.finish()).into_iter().filter(|head| head.0 == FindingKind::Gap).collect();
        assert_eq!(told, gaps, "{sent:?}");
    }
}

#[test]
fn damaged_numbers_are_no_jump_whatever_time_passes() {
    for damaged in [&[97_800][..], &[97_800, 97_800], &[97_800, 55_801]] {
        let mut play = Play::new();
        play.send_all([7798, 7799]);
        play.send_all(damaged.iter().copied());
        play.wait(3_600_000);
        play.send_all(7802..7900);
        let found = play.finish();
        let gaps: Vec<Head> = heads(&found).into_iter().filter(|head| head.0 == FindingKind::Gap).collect();
        assert_eq!(gaps, [gap(2 + damaged.len() as u64, 7800, 7801)]);
        let alone = found.iter().filter(|found| found.text.contains("stands alone")).count() as u64;
        assert_eq!(alone, damaged.iter().collect::<BTreeSet<_>>().len() as u64);
    }
}

/// A number sent, how many times, and how much each copy is delayed, in messages.
type Sent = (u64, Vec<u64>);

/// Numbers of which some are lost, some sent twice, and a few stretches of more than 1,000 are lost. No three in a row are
/// sent twice: so far behind they would be taken for numbers that begin anew.
fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let one = (0u8..40, proptest::collection::vec(0u64..7, 1..3));
    proptest::collection::vec(one, 20..200).prop_map(|all| {
        let mut number = 10_000;
        let mut sent: Vec<Sent> = Vec::new();
        for (what, delays) in all {
            number += match what {
                0 => 3_000 + u64::from(delays.len() as u32),
                1..5 => 2,
                _ => 1,
            };
            sent.push((
                number,
                if what > 30 && number.is_multiple_of(4) { delays } else { delays.into_iter().take(1).collect() },
            ));
        }
        sent
    })
}

/// Missing less filled, and what came new or again.
fn accounts(received: &[u64]) -> (u64, u64, u64) {
    let mut play = Play::new();
    let (mut filled, mut fresh, mut again) = (0, 0, 0);
    for number in received {
        match play.send(*number) {
            Arrival::Duplicate => again += 1,
            _ => fresh += 1,
        }
        filled += play.integrity.take_filled().map(|(_, count)| count).sum::<u64>();
    }
    let missing: u64 = play.finish().iter().filter_map(|found| found.missing).sum();
    (missing - filled, fresh, again)
}

proptest! {
    /// Whatever is delayed within the time that holes are held: the accounts are those of what was sent, and balance.
    /// The first message is not delayed: what lies before it was never asked for.
    #[test]
    fn delays_change_no_account(sent in sent()) {
        let mut all: Vec<(u64, u64)> = Vec::new();
        for (place, (number, delays)) in (1u64..).zip(&sent) {
            all.extend(delays.iter().map(|delay| (place + delay, *number)));
        }
        all.sort_by_key(|(at, _)| *at);
        let mut received = vec![10_000];
        received.extend(all.into_iter().map(|(_, number)| number));
        // Enough behind the last one, so that it is known what it was.
        let last = *received.iter().max().unwrap();
        received.extend(last + 1..last + 10);
        let distinct: BTreeSet<u64> = received.iter().copied().collect();
        let expected = last + 9 - 10_000 + 1;
        let (lost, fresh, again) = accounts(&received);
        prop_assert_eq!(fresh, distinct.len() as u64);
        prop_assert_eq!(again, (received.len() - distinct.len()) as u64);
        prop_assert_eq!(fresh + lost, expected);
    }
}
