//! A message, decoded: what decoding hands to the checks, the detectors and the history.
//!
//! Numbers of series, rules and scopes are the decoder's own: indices into its lists, which only ever grow.

use crate::{Time, Value};

/// One value of a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Index into the decoder's series.
    pub series: u32,
    /// The element's own event time, where the message is a batch of points with times of their own.
    pub time: Option<Time>,
    /// The value.
    pub value: Value,
}

/// What a sequence rule reads from a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceMark {
    /// Index into the decoder's sequence rules.
    pub rule: u32,
    /// Index into the decoder's scopes: which product, topic or connection the number belongs to.
    pub scope: u32,
    /// The number (the first one, where the message covers a range).
    pub first: u64,
    /// The last number the message covers; `first` where it covers one.
    pub last: u64,
}

/// A message, decoded. Reused from message to message: `clear` keeps the memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Index into the profile's kinds.
    pub kind: u32,
    /// The message's own time.
    pub time: Option<Time>,
    /// Its values, in the order of the message.
    pub points: Vec<Point>,
    /// Its places in sequences.
    pub marks: Vec<SequenceMark>,
    /// The identity of the message where the feed has one beside its sequences (an id field, the protocol's id), else
    /// of its bytes if it has an event time. `None` where a repetition means nothing (heartbeats, acknowledgements).
    pub identity: Option<u64>,
}

impl Reading {
    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.kind = 0;
        self.time = None;
        self.points.clear();
        self.marks.clear();
        self.identity = None;
    }
}

/// Why a message could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {reason}")]
pub struct Rejected {
    /// The first byte that did not fit, counted from 0.
    pub offset: usize,
    /// What was expected there, for people.
    pub reason: String,
}
