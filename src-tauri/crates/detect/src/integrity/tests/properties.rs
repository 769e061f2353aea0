//! What holds whatever comes.

use std::collections::BTreeSet;

use feedwatch_model::{FindingKind, SequenceMark, Time};
use proptest::prelude::*;

use super::super::Arrival;
use super::Play;

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
                4 => drop(play.marks(&[SequenceMark { rule: 0, scope, first: first % 64, last: last % 64, restarts: false, before: false }])),
                5 => drop(play.marks(&[SequenceMark { rule: scope, scope, first, last: first.saturating_add(last % 5), restarts: false, before: false }])),
                _ => drop(play.marks(&[SequenceMark { rule: 0, scope, first, last, restarts: false, before: false }])),
            }
        }
        let messages = play.number as usize;
        prop_assert!(play.finish().len() <= 10 * messages + 10);
    }
}
