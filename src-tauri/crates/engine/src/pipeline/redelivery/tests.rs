use feedwatch_model::{MessageMeta, Time};

use super::*;

fn numbered(lane: &str, offset: u64) -> Message {
    let position = Some(Position::Offset { lane: lane.into(), offset });
    let meta = Some(Box::new(MessageMeta { position, ..MessageMeta::default() }));
    Message { meta, ..Message::new(0, Time::default(), "x") }
}

fn sent(payload: &'static str, redelivered: bool) -> Message {
    let meta = Some(Box::new(MessageMeta { awaits_ack: true, redelivered, ..MessageMeta::default() }));
    Message { meta, ..Message::new(0, Time::default(), payload) }
}

fn fresh() -> Redelivery {
    Redelivery::new(Known::default(), false)
}

impl Redelivery {
    fn known(&mut self, message: &Message) -> bool {
        self.seen(message) == Seen::Known
    }
}

#[test]
fn what_is_not_behind_the_last_number_of_its_lane_is_known() {
    let positions = vec![Position::Offset { lane: "a/0".into(), offset: 5 }];
    let mut redelivery = Redelivery::new(Known { positions, ..Known::default() }, false);
    let known: Vec<bool> = [("a/0", 5), ("a/0", 6), ("a/0", 6), ("a/1", 0), ("a/1", 0)]
        .map(|(lane, offset)| redelivery.known(&numbered(lane, offset)))
        .to_vec();
    assert_eq!(known, [true, false, true, false, true]);
}

#[test]
fn equal_messages_are_compared_only_where_the_broker_says_it_repeats() {
    let mut redelivery = fresh();
    assert!(!redelivery.known(&sent("21.5", false)));
    assert!(!redelivery.known(&sent("21.5", false)), "a value that stays is no repetition");
    assert!(redelivery.known(&sent("21.5", true)));
    assert!(redelivery.known(&sent("21.5", true)));
    assert!(!redelivery.known(&sent("22", true)), "it went to somebody else before");
    assert!(redelivery.known(&sent("22", true)));
}

#[test]
fn what_the_history_has_is_known_after_a_restart() {
    let latest = vec![Latest { payload: bytes::Bytes::from_static(b"21.5"), ..Latest::default() }];
    let mut redelivery = Redelivery::new(Known { latest, ..Known::default() }, false);
    assert!(redelivery.known(&sent("21.5", true)));
}

#[test]
fn what_the_history_refused_is_new_when_it_comes_again_and_only_that() {
    let mut redelivery = fresh();
    let takes = |redelivery: &mut Redelivery, offsets: std::ops::RangeInclusive<u64>| -> Vec<u64> {
        offsets.filter(|&offset| !redelivery.known(&numbered("a/0", offset))).collect()
    };
    assert_eq!(takes(&mut redelivery, 0..=2), [0, 1, 2]);
    redelivery.handed_on();
    assert_eq!(takes(&mut redelivery, 3..=5), [3, 4, 5]);
    redelivery.handed_on();
    redelivery.refused();
    assert_eq!(takes(&mut redelivery, 6..=7), [6, 7]);
    redelivery.handed_on();
    let resume = |redelivery: &Redelivery, offset| {
        redelivery.position(Position::Offset { lane: "a/0".into(), offset }).map(|position| match position {
            Position::Offset { offset, .. } => offset,
            Position::EventId(_) => u64::MAX,
        })
    };
    assert_eq!(resume(&redelivery, 7), Some(2), "a restart must have them sent again");
    assert_eq!(takes(&mut redelivery, 0..=8), [3, 4, 5, 8]);
    assert_eq!(resume(&redelivery, 8), Some(8));
    // Before the first message of all there is no position.
    let mut redelivery = fresh();
    takes(&mut redelivery, 0..=0);
    redelivery.handed_on();
    redelivery.refused();
    assert_eq!(resume(&redelivery, 0), None);
}

#[test]
fn what_was_refused_is_not_taken_for_an_equal_message_that_is_kept() {
    let mut redelivery = fresh();
    assert!(!redelivery.known(&sent("21.5", false)));
    redelivery.handed_on();
    assert!(!redelivery.known(&Message { number: 1, ..sent("21.5", false) }));
    redelivery.handed_on();
    redelivery.refused();
    assert_eq!(redelivery.seen(&Message { number: 2, ..sent("21.5", true) }), Seen::Again);
    assert_eq!(redelivery.seen(&Message { number: 3, ..sent("21.5", true) }), Seen::Known);
}

#[test]
fn equal_bytes_with_another_identity_or_time_are_another_message() {
    let mut redelivery = fresh();
    let with = |id: &str, seconds: i64, redelivered| {
        let mut message = sent("21.5", redelivered);
        let meta = message.meta.as_mut().unwrap();
        (meta.id, meta.stamp) = (Some(id.into()), Some(Time::from_millis(seconds * 1000)));
        message
    };
    assert!(!redelivery.known(&with("a", 1, false)));
    assert!(!redelivery.known(&with("b", 1, true)) && !redelivery.known(&with("a", 2, true)));
    assert!(redelivery.known(&with("a", 1, true)));
}

#[test]
fn a_flagged_repetition_of_what_was_refused_is_new() {
    let mut redelivery = fresh();
    assert!(!redelivery.known(&sent("kept", false)));
    redelivery.handed_on();
    assert!(!redelivery.known(&sent("lost", false)));
    redelivery.handed_on();
    redelivery.refused();
    assert!(redelivery.known(&sent("kept", true)));
    assert!(!redelivery.known(&sent("lost", true)));
    assert!(redelivery.known(&sent("lost", true)));
}

fn again(lane: &str, offset: u64) -> Message {
    let mut message = numbered(lane, offset);
    message.meta.as_mut().unwrap().redelivered = true;
    message
}

#[test]
fn what_is_handed_out_again_is_known_only_if_it_came_to_us() {
    let mut redelivery = Redelivery::new(Known { in_any_order: true, ..Known::default() }, false);
    for offset in [1, 2, 5, 6] {
        assert!(!redelivery.known(&numbered("S", offset)));
    }
    // Three and four went to somebody else who has ended.
    let known = [1, 2, 3, 4, 5, 6].map(|offset| redelivery.known(&again("S", offset)));
    assert_eq!(known, [true, true, false, false, true, true]);
    assert!(redelivery.known(&again("S", 3)) && redelivery.known(&numbered("S", 4)));
    assert!(!redelivery.known(&again("S", 7)) && redelivery.known(&again("S", 7)));
}

#[test]
fn after_a_restart_only_numbers_in_the_history_are_known_when_they_come_again() {
    let positions = vec![Position::Offset { lane: "S".into(), offset: 9 }];
    let place = |offset| Latest { place: Some(("S".into(), offset)), ..Latest::default() };
    let latest = vec![place(7), place(9)];
    let mut redelivery = Redelivery::new(Known { positions, latest, in_any_order: true, ..Known::default() }, false);
    assert!(redelivery.known(&again("S", 7)) && redelivery.known(&again("S", 9)));
    assert!(!redelivery.known(&again("S", 8)), "it was received, but not kept");
    assert!(!redelivery.known(&numbered("S", 6)), "nobody knows: stored twice rather than lost");
}

#[test]
fn a_number_that_was_refused_is_new_when_it_comes_again_in_any_order() {
    let mut redelivery = Redelivery::new(Known { in_any_order: true, ..Known::default() }, false);
    assert!(!redelivery.known(&numbered("S", 1)));
    redelivery.handed_on();
    redelivery.refused();
    assert!(!redelivery.known(&again("S", 1)) && redelivery.known(&again("S", 1)));
}

proptest::proptest! {
    /// Whatever comes in whatever order: each number is new once and known from then on, as long as few runs of numbers
    /// are missing.
    #[test]
    fn each_number_is_new_once(offsets in proptest::collection::vec(0u64..300, 0..600)) {
        let mut redelivery = Redelivery::new(Known { in_any_order: true, ..Known::default() }, false);
        let mut came = std::collections::BTreeSet::new();
        for offset in offsets {
            proptest::prop_assert_eq!(redelivery.known(&again("S", offset)), !came.insert(offset));
        }
        let runs = match redelivery.lanes.get("S") {
            Some(Lane::Any(came)) => came.runs(),
            _ => Vec::new(),
        };
        proptest::prop_assert!(runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", runs);
    }
}

#[test]
fn what_was_refused_was_judged_already_and_what_never_came_was_not() {
    let mut redelivery = Redelivery::new(Known { in_any_order: true, ..Known::default() }, false);
    assert_eq!(redelivery.seen(&numbered("S", 1)), Seen::New);
    assert_eq!(redelivery.seen(&numbered("S", 9)), Seen::New);
    redelivery.handed_on();
    redelivery.refused();
    assert_eq!(redelivery.seen(&again("S", 1)), Seen::Again);
    assert_eq!(redelivery.seen(&again("S", 5)), Seen::New, "it lies between, but went to somebody else");
    assert_eq!(redelivery.seen(&again("S", 9)), Seen::Again);
    assert_eq!(redelivery.seen(&again("S", 9)), Seen::Known);
    let mut redelivery = fresh();
    assert_eq!(redelivery.seen(&sent("21.5", false)), Seen::New);
    redelivery.handed_on();
    redelivery.refused();
    assert_eq!(redelivery.seen(&sent("21.5", true)), Seen::Again);
    assert_eq!(redelivery.seen(&sent("22", true)), Seen::New);
}

#[test]
fn of_a_stream_that_is_read_in_part_what_was_refused_is_new_and_nothing_else() {
    let mut redelivery = Redelivery::new(Known { in_any_order: true, ..Known::default() }, false);
    let mut takes = |numbers: std::ops::Range<u64>, refused: bool| -> Vec<bool> {
        let known = numbers.map(|number| redelivery.known(&numbered("S", 5 * number))).collect();
        redelivery.handed_on();
        if refused {
            redelivery.refused();
        }
        known
    };
    takes(0..1_000, false);
    takes(1_000..3_000, true);
    takes(3_000..4_000, false);
    takes(4_000..6_000, true);
    let expected: Vec<bool> = (0..6_000).map(|number| number < 1_000 || (3_000..4_000).contains(&number)).collect();
    assert!(takes(0..6_000, false) == expected);
    assert!(takes(0..6_000, false).iter().all(|known| *known));
}

proptest::proptest! {
    /// The same in any order, with other members of the consumer, whatever is refused: what is not in the history is
    /// never taken for known, and what is there always is.
    #[test]
    fn in_any_order_exactly_what_was_kept_is_known(
        batches in proptest::collection::vec((proptest::collection::vec(0u64..200, 1..8), proptest::bool::ANY), 1..60)
    ) {
        let mut redelivery = Redelivery::new(Known { in_any_order: true, ..Known::default() }, false);
        let mut kept = std::collections::BTreeSet::new();
        for (batch, refused) in batches {
            let mut new = Vec::new();
            for offset in batch {
                let known = redelivery.known(&again("S", offset));
                proptest::prop_assert_eq!(known, kept.contains(&offset) || new.contains(&offset));
                if !known {
                    new.push(offset);
                }
            }
            redelivery.handed_on();
            if refused { redelivery.refused() } else { kept.extend(new) }
        }
    }
}

proptest::proptest! {
    /// Whatever is refused, in whatever pieces: nothing that is not in the history is ever taken for known.
    #[test]
    fn nothing_refused_is_ever_known(batches in proptest::collection::vec((1u64..5, proptest::bool::ANY), 1..40)) {
        let mut redelivery = fresh();
        let (mut next, mut kept) = (0, std::collections::BTreeSet::new());
        for (count, refused) in batches {
            let batch: Vec<u64> = (next..next + count).collect();
            next += count;
            for &offset in &batch {
                proptest::prop_assert!(!redelivery.known(&numbered("a/0", offset)));
            }
            redelivery.handed_on();
            if refused { redelivery.refused() } else { kept.extend(batch) }
        }
        for offset in 0..next {
            proptest::prop_assert_eq!(redelivery.known(&numbered("a/0", offset)), kept.contains(&offset));
        }
    }
}
