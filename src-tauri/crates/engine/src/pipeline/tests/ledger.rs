//! What the ledger is told, by the minute.

use std::collections::BTreeMap;

use feedwatch_model::{LedgerBook, LedgerCounts, Scorecard};
use proptest::prelude::*;

use super::*;

/// What was entered of these messages, by the minute since the start, taken out every `cut` messages.
fn entered(messages: &[Message], cut: usize) -> BTreeMap<i64, LedgerCounts> {
    let mut pipeline = pipeline(true);
    let mut book = LedgerBook::default();
    for (index, message) in messages.iter().enumerate() {
        pipeline.step(0, Event::Message(message.clone()));
        if index % cut == 0 {
            pipeline.take_output().batch.ledger.iter().for_each(|slot| book.add(slot));
        }
    }
    pipeline.finish();
    pipeline.take_output().batch.ledger.iter().for_each(|slot| book.add(slot));
    book.take().into_iter().map(|slot| (slot.from.nanos_since(at(0)) / 60_000_000_000, slot.counts)).collect()
}

#[test]
fn what_comes_after_all_is_entered_in_the_minute_of_its_gap() {
    // One message a second; 1,050 to 1,052 are lost, and come in the second minute.
    let mut messages: Vec<Message> = (0..100)
        .filter(|index| !(50..53).contains(index))
        .map(|index| ticker(0, 1_000 + index, index as i64 * 1_000, 100.0 + (index as f64 / 9.0).sin()))
        .collect();
    for (place, sequence) in (75..).zip([1_050, 1_051]) {
        let text = ticker(0, sequence, 50_000, 100.0);
        messages.insert(place, Message { received: at(78_200), ..text });
    }
    for (number, message) in (0..).zip(&mut messages) {
        message.number = number;
    }
    let minutes = entered(&messages, 7);
    let [first, second] = [0, 1].map(|minute| minutes.get(&minute).copied().unwrap_or_default());
    assert_eq!((first.missing, first.filled, first.received), (3, 2, 57));
    assert_eq!((second.missing, second.filled, second.received), (0, 0, 42));
    let mut sum = first;
    sum += &second;
    assert_eq!((sum.lost(), sum.expected()), (1, 100));
    let card = Scorecard::of(&sum);
    assert_eq!(card.completeness.percent, Some(99.0));
    assert_eq!(card.authenticity.percent, None);
}

proptest! {
    /// However output is taken: what is entered is what came, once each, and what the findings say.
    #[test]
    fn the_ledger_adds_up(faults in proptest::collection::vec(0u8..12, 30..160), cut in 1_usize..40) {
        let messages = messages(&faults);
        let minutes = entered(&messages, cut);
        let mut sum = LedgerCounts::default();
        minutes.values().for_each(|counts| sum += counts);
        let (_, batch, accounts) = run(&messages, cut);
        prop_assert_eq!(sum.received, accounts.received);
        prop_assert_eq!(sum.bytes, accounts.bytes);
        prop_assert_eq!((sum.duplicate, sum.rejected), (accounts.duplicate, accounts.rejected));
        let of = |check, kind| batch.findings.iter().filter(move |found| (found.check, found.kind) == (check, kind));
        let missing: u64 = of(Check::Sequence, FindingKind::Gap).filter_map(|found| found.missing).sum();
        prop_assert_eq!(sum.missing, missing);
        let told: u64 = sum.findings.iter().filter(|(check, _)| *check != Check::Anomaly).map(|(_, count)| count).sum();
        prop_assert_eq!(told, batch.findings.iter().filter(|found| found.check != Check::Anomaly).count() as u64);
        prop_assert_eq!(&entered(&messages, 1), &minutes);
    }
}

/// The whole ledger: received, bytes, duplicate, rejected, missing less filled, expected.
fn accounts(messages: &[Message]) -> [u64; 6] {
    let mut sum = LedgerCounts::default();
    entered(messages, 16).values().for_each(|counts| sum += counts);
    [sum.received, sum.bytes, sum.duplicate, sum.rejected, sum.missing - sum.filled, sum.expected()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What comes in another order within the time that holes are held is the same in the end, and balances. The first
    /// messages, by which the numbers become known, and the last ones come in their order.
    #[test]
    fn delays_change_no_sum(faults in proptest::collection::vec((0u8..16, 0usize..6), 10..150)) {
        let known = std::iter::repeat_n((3, 0), 60);
        let faults: Vec<(u8, usize)> = known.clone().chain(faults).chain(known.take(12)).collect();
        let (mut sent, mut distinct, mut again) = (Vec::new(), 0, 0);
        for (place, (fault, delay)) in faults.iter().enumerate() {
            let text = ticker(0, 1_000 + place as u64, place as i64 * 100, 100.0 + (place as f64 / 9.0).sin());
            match fault {
                0 => continue,
                1 => {
                    sent.push((place, text.clone()));
                    again += 1;
                }
                2 => sent.push((place + delay, Message::new(0, at(0), "{\"type\":"))),
                _ => {}
            }
            distinct += 1;
            sent.push((place + delay, text));
        }
        let whole = faults.len() as u64;
        let received = |sent: &[(usize, Message)]| -> Vec<Message> {
            let timed = |(number, (place, message)): (u64, &(usize, Message))| {
                Message { number, received: at(*place as i64 * 100 + 3), ..message.clone() }
            };
            (0..).zip(sent).map(timed).collect()
        };
        let plain = accounts(&received(&sent));
        sent.sort_by_key(|(place, _)| *place);
        let delayed = accounts(&received(&sent));
        prop_assert_eq!(delayed, plain);
        let [received, _, duplicate, rejected, lost, _] = delayed;
        prop_assert_eq!((duplicate, received - duplicate - rejected), (again, distinct));
        prop_assert_eq!(distinct + lost, whole);
    }
}
