//! A message, decoded: what decoding hands to the checks, the detectors and the history.
//!
//! Numbers of series, rules and scopes are the decoder's own: indices into its lists, which only ever grow.

use crate::finding::words;
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
    /// The number (the first one, where the message covers a range; the one it names as the one before, where the rule
    /// is [`crate::SequenceRule::NamesPrevious`]).
    pub first: u64,
    /// The last number the message covers; `first` where it covers one; its own number where it names the one before.
    pub last: u64,
    /// The sequence begins anew with it (a snapshot): it is not compared with what came before.
    pub restarts: bool,
    /// It is no number of this message: the last one of its scope before its rule was known. It stands first.
    pub before: bool,
}

words! {
    /// What stands at a field, as far as a schema goes.
    FieldType {
        /// Null.
        Null = "null",
        /// True or false.
        Boolean = "boolean",
        /// A number.
        Number = "number",
        /// A text that is a number, of a field whose numbers are charted.
        Digits = "digits",
        /// A text.
        Text = "text",
        /// An object or array without members.
        Empty = "empty",
    }
}

/// A checksum or a signature of a message, as it stands there and as it was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Index into the decoder's guards.
    pub rule: u32,
    /// Whether it is as computed.
    pub fits: bool,
    /// What stands there; of a long one the first eight bytes.
    pub stated: u64,
    /// What was computed; of a long one the first eight bytes.
    pub computed: u64,
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
    /// Its checksums and signatures that could be computed.
    pub guards: Vec<Guard>,
    /// Index into the decoder's shapes: which fields it has, and what stands there.
    pub shape: Option<u32>,
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
        self.guards.clear();
        self.shape = None;
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
