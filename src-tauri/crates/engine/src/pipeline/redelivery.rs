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

    /// A connection is made.
    pub(super) fn connected(&mut self, at: Time) {
        self.window.connected(at);
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
mod tests;
