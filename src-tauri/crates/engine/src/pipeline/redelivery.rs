//! Messages that a broker sends once more because it does not know that they are kept.
//!
//! A broker with numbers (Kafka, JetStream) is answered by them: what is not behind the last number of its lane is in the
//! history. One without (AMQP, MQTT with QoS 1 and 2) says that it may have sent a message before; then, and only then,
//! topic and payload are compared with the messages of the window that may not have been acknowledged.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use feedwatch_model::{Message, Position};

/// Messages that can wait for their acknowledgement and are compared.
pub(crate) const WINDOW: usize = 8_192;

/// What the history has of a feed.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Where each lane stands.
    pub positions: Vec<Position>,
    /// Topic and payload of the latest messages, in order of receipt.
    pub latest: Vec<(Option<Arc<str>>, bytes::Bytes)>,
}

/// Tells repetitions of the broker from new messages.
#[derive(Debug)]
pub(super) struct Redelivery {
    lanes: HashMap<Arc<str>, u64>,
    /// Fingerprints in order of receipt, and how often each is in it.
    window: VecDeque<u64>,
    counts: HashMap<u64, u32>,
    hash: RandomState,
}

impl Redelivery {
    pub(super) fn new(known: Known) -> Redelivery {
        let lanes = known.positions.into_iter().filter_map(|position| match position {
            Position::Offset { lane, offset } => Some((lane, offset)),
            Position::EventId(_) => None,
        });
        let mut redelivery = Redelivery {
            lanes: lanes.collect(),
            window: VecDeque::new(),
            counts: HashMap::new(),
            hash: RandomState::new(),
        };
        for (topic, payload) in known.latest {
            let print = redelivery.print(topic.as_deref(), &payload);
            redelivery.remember(print);
        }
        redelivery
    }

    /// Was this message taken in before? Remembers it, if not.
    pub(super) fn is_known(&mut self, message: &Message) -> bool {
        let Some(meta) = &message.meta else { return false };
        if let Some(Position::Offset { lane, offset }) = &meta.position {
            return match self.lanes.get_mut(lane) {
                Some(last) if *offset <= *last => true,
                Some(last) => {
                    *last = *offset;
                    false
                }
                None => {
                    self.lanes.insert(Arc::clone(lane), *offset);
                    false
                }
            };
        }
        if !meta.awaits_ack {
            return false;
        }
        let print = self.print(meta.topic.as_deref(), &message.payload);
        if meta.redelivered && self.forget(print) {
            // It stands in the window once more, as the latest.
            self.remember(print);
            return true;
        }
        self.remember(print);
        false
    }

    fn print(&self, topic: Option<&str>, payload: &[u8]) -> u64 {
        self.hash.hash_one((topic, payload))
    }

    fn remember(&mut self, print: u64) {
        if self.window.len() >= WINDOW
            && let Some(oldest) = self.window.pop_front()
        {
            self.lower(oldest);
        }
        self.window.push_back(print);
        *self.counts.entry(print).or_default() += 1;
    }

    /// Takes one message with this fingerprint out of the window; `false` if there is none.
    fn forget(&mut self, print: u64) -> bool {
        if !self.counts.contains_key(&print) {
            return false;
        }
        if let Some(at) = self.window.iter().position(|one| *one == print) {
            self.window.remove(at);
            self.lower(print);
        }
        true
    }

    fn lower(&mut self, print: u64) {
        if let Some(count) = self.counts.get_mut(&print) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&print);
            }
        }
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

    #[test]
    fn what_is_not_behind_the_last_number_of_its_lane_is_known() {
        let positions = vec![Position::Offset { lane: "a/0".into(), offset: 5 }];
        let mut redelivery = Redelivery::new(Known { positions, ..Known::default() });
        let known: Vec<bool> = [("a/0", 5), ("a/0", 6), ("a/0", 6), ("a/1", 0), ("a/1", 0)]
            .map(|(lane, offset)| redelivery.is_known(&numbered(lane, offset)))
            .to_vec();
        assert_eq!(known, [true, false, true, false, true]);
    }

    #[test]
    fn equal_messages_are_compared_only_where_the_broker_says_it_repeats() {
        let mut redelivery = Redelivery::new(Known::default());
        assert!(!redelivery.is_known(&sent("21.5", false)));
        assert!(!redelivery.is_known(&sent("21.5", false)), "a value that stays is no repetition");
        assert!(redelivery.is_known(&sent("21.5", true)));
        assert!(redelivery.is_known(&sent("21.5", true)));
        assert!(!redelivery.is_known(&sent("22", true)), "it went to somebody else before");
        assert!(redelivery.is_known(&sent("22", true)));
    }

    #[test]
    fn what_the_history_has_is_known_after_a_restart() {
        let latest = vec![(None, bytes::Bytes::from_static(b"21.5"))];
        let mut redelivery = Redelivery::new(Known { latest, ..Known::default() });
        assert!(redelivery.is_known(&sent("21.5", true)));
    }

    #[test]
    fn the_window_is_bounded() {
        let mut redelivery = Redelivery::new(Known::default());
        assert!(!redelivery.is_known(&sent("first", false)));
        for _ in 0..WINDOW {
            assert!(!redelivery.is_known(&sent("other", false)));
        }
        assert_eq!((redelivery.window.len(), redelivery.counts.len()), (WINDOW, 1));
        assert!(!redelivery.is_known(&sent("first", true)));
    }
}
