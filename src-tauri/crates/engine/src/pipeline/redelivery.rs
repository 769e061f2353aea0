//! Messages that a broker sends once more because it does not know that they are kept.
//!
//! A broker with numbers (Kafka, JetStream) is answered by them: what is not behind the last number of its lane is in the
//! history. JetStream hands out what was not acknowledged in time while newer messages are on their way, also what it gave to
//! somebody else before or to a life of ours that ended too early: there a message is known only if this very number came.
//! One without (AMQP, MQTT with QoS 1 and 2) says that it may have sent a message before; then, and only then,
//! topic, key, identity, time and payload are compared with the messages of the window that may not have been acknowledged.

mod came;
mod ordered;
mod window;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use feedwatch_model::{Message, Position, Time};

use came::Came;
use ordered::Ordered;
use window::Window;
pub(crate) use window::{HEARD, WINDOW};

/// What the history has of a feed.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Where each lane stands.
    pub positions: Vec<Position>,
    /// Lanes in which nothing will come any more; not among the positions.
    pub outlived: Vec<Arc<str>>,
    /// The latest messages, in order of receipt.
    pub latest: Vec<Latest>,
    /// Its broker may hand out numbers again in any order: those that came are remembered one by one.
    pub in_any_order: bool,
}

/// What a message is known by.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// Its topic.
    pub topic: Option<Arc<str>>,
    /// Its bytes.
    pub payload: bytes::Bytes,
    /// Its key, its identity, and when its broker or publisher says to have sent it.
    pub said: (Option<Arc<str>>, Option<Arc<str>>, Option<Time>),
    /// When it was received.
    pub received: Time,
    /// Lane and number, where its broker has numbers.
    pub place: Option<(Arc<str>, u64)>,
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It comes for the first time.
    New,
    /// The history refused it before: it is new there, but was judged already.
    Again,
    /// It is in the history, or on its way there.
    Known,
}

/// What one message is known by.
#[derive(Clone, Debug)]
enum Key {
    Number { lane: Arc<str>, offset: u64 },
    Print { print: u64, number: u64 },
}

/// A lane as the history will have it.
#[derive(Debug)]
enum Lane {
    /// Its numbers come in their order.
    Ordered(Ordered),
    /// They may come again in any order.
    Any(Came),
}

/// Tells repetitions of the broker from new messages.
#[derive(Debug)]
pub(super) struct Redelivery {
    lanes: HashMap<Arc<str>, Lane>,
    window: Window,
    /// Fingerprints of what the history refused, the oldest first.
    refused: VecDeque<u64>,
    hash: RandomState,
    in_any_order: bool,
    /// What came since the last batch for the history was taken, and what is in that one.
    fresh: Vec<Key>,
    handed: Vec<Key>,
}

impl Redelivery {
    /// `exact`: the other side tells by itself exactly what it repeats, as somebody does whose call was not thanked.
    pub(super) fn new(known: Known, exact: bool) -> Redelivery {
        let in_any_order = known.in_any_order;
        let lanes = known.positions.into_iter().filter_map(|position| match position {
            Position::Offset { lane, offset } => Some((lane, Lane::at(offset, in_any_order))),
            Position::EventId(_) => None,
        });
        let mut redelivery = Redelivery {
            lanes: lanes.collect(),
            window: Window::new(exact),
            refused: VecDeque::new(),
            hash: RandomState::new(),
            in_any_order,
            fresh: Vec::new(),
            handed: Vec::new(),
        };
        for Latest { topic, payload, said: (key, id, stamp), received, place } in known.latest {
            match place {
                Some((lane, offset)) => {
                    if let Some(Lane::Any(came)) = redelivery.lanes.get_mut(&lane) {
                        came.add(offset);
                    }
                }
                None => {
                    let print = redelivery.hash.hash_one((topic.as_deref(), &*payload, key, id, stamp));
                    redelivery.window.seed(print, received);
                }
            }
        }
        redelivery
    }

    /// Was this message taken in before? Remembers it, if not.
    pub(super) fn seen(&mut self, message: &Message) -> Seen {
        let Some(meta) = &message.meta else { return Seen::New };
        if let Some(Position::Offset { lane, offset }) = &meta.position {
            let seen = match self.lanes.get_mut(lane) {
                Some(Lane::Ordered(known)) => known.seen(*offset),
                Some(Lane::Any(known)) => known.seen(*offset),
                None => {
                    let mut new = Lane::at(*offset, self.in_any_order);
                    if let Lane::Any(came) = &mut new {
                        came.add(*offset);
                    }
                    self.lanes.insert(Arc::clone(lane), new);
                    Seen::New
                }
            };
            if seen != Seen::Known {
                self.fresh.push(Key::Number { lane: Arc::clone(lane), offset: *offset });
            }
            return seen;
        }
        if !meta.awaits_ack {
            return Seen::New;
        }
        let said = (meta.topic.as_deref(), &*message.payload, &meta.key, &meta.id, meta.stamp);
        let print = self.hash.hash_one(said);
        // First what is missing: an equal one that is kept must not stand in its place.
        let refused = self.refused.iter().position(|one| meta.redelivered && *one == print);
        let flagged = meta.redelivered && refused.is_none();
        if self.window.take(print, message.number, message.received, flagged) {
            return Seen::Known;
        }
        self.fresh.push(Key::Print { print, number: message.number });
        match refused {
            Some(at) => {
                self.refused.remove(at);
                Seen::Again
            }
            None => Seen::New,
        }
    }

    /// All messages with smaller numbers are on disk, so they are acknowledged.
    pub(super) fn kept_below(&mut self, number: u64) {
        self.window.kept_below(number);
    }

    /// A batch was taken: it holds all that came up to now.
    pub(super) fn handed_on(&mut self) {
        self.handed.clear();
        std::mem::swap(&mut self.handed, &mut self.fresh);
    }

    /// The history refused the batch that was taken last: what was in it is not known, and will be sent again.
    pub(super) fn refused(&mut self) {
        for key in std::mem::take(&mut self.handed) {
            match key {
                Key::Number { lane, offset } => match self.lanes.get_mut(&lane) {
                    Some(Lane::Ordered(lane)) => lane.lose(offset),
                    Some(Lane::Any(lane)) => lane.lose(offset),
                    None => {}
                },
                Key::Print { print, number } => {
                    self.window.lose(number);
                    self.refused.push_back(print);
                    if self.refused.len() > WINDOW {
                        self.refused.pop_front();
                    }
                }
            }
        }
    }

    /// Where to resume behind a message: never behind one that the history refused, nor before what it has.
    pub(super) fn position(&self, of: Position) -> Option<Position> {
        let Position::Offset { lane, offset } = of else { return Some(of) };
        let offset = match self.lanes.get(&lane) {
            Some(Lane::Ordered(known)) => known.kept_up_to()?,
            Some(Lane::Any(known)) => known.kept_up_to()?,
            None => offset,
        };
        Some(Position::Offset { lane, offset })
    }
}

impl Lane {
    /// One of which nothing but its last number is known.
    fn at(last: u64, in_any_order: bool) -> Lane {
        if in_any_order { Lane::Any(Came::at(last)) } else { Lane::Ordered(Ordered::at(last)) }
    }
}

#[cfg(test)]
mod tests {
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
        let mut redelivery =
            Redelivery::new(Known { positions, latest, in_any_order: true, ..Known::default() }, false);
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
}
