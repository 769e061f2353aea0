//! What discovery learned of a feed: the `profile` of `feedwatch probe --json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::words;

words! {
    /// What sort of series it is.
    SeriesKind {
        /// Goes up and down.
        Gauge = "gauge",
        /// Only grows, but for resets.
        Counter = "counter",
        /// One of a few texts.
        State = "state",
        /// True or false.
        Boolean = "boolean",
    }
}

words! {
    /// Why a leaf of the messages is not a series.
    Why {
        /// It names a thing.
        Identifier = "identifier",
        /// It is a time.
        Time = "time",
        /// It numbers the messages.
        Sequence = "sequence",
        /// It never changes.
        Constant = "constant",
        /// It is text.
        Text = "text",
        /// It guards other fields.
        Checksum = "checksum",
        /// There are more series than allowed.
        Limit = "limit",
    }
}

words! {
    /// How a field tells time.
    TimeUnit {
        /// RFC 3339 with zone.
        Rfc3339 = "rfc3339",
        /// Seconds since the epoch, also with a fraction.
        Seconds = "s",
        /// Milliseconds since the epoch.
        Millis = "ms",
        /// Microseconds since the epoch.
        Micros = "us",
        /// Nanoseconds since the epoch.
        Nanos = "ns",
        /// Date and time without zone.
        Local = "local",
    }
}

words! {
    /// How the numbers of a sequence follow each other.
    SequenceRule {
        /// Each is the one before plus one.
        PlusOne = "plus-one",
        /// A message covers a range; its first number is the last one of the message before plus one.
        FirstFollowsLast = "first-follows-last",
        /// Each names the one before.
        NamesPrevious = "names-previous",
        /// Plus one, from 0 again behind the modulus less one.
        PlusOneModulo = "plus-one-modulo",
        /// Each is greater than the one before; holes mean nothing.
        Increasing = "increasing",
        /// None is less than the one before; equal ones mean nothing.
        NonDecreasing = "non-decreasing",
    }
}

/// What a field must be for a message to be of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MatchValue {
    /// `true`: present, `false`: absent.
    Present(bool),
    /// Exactly this number.
    Number(i64),
    /// Exactly this text, or `PREFIX*`.
    Text(String),
}

/// Everything learned. Serialised it is the `profile` object of `probe --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The payload format: `json`.
    pub format: String,
    /// Kinds of message, the most frequent first.
    pub kinds: Vec<KindProfile>,
    /// Sequence rules that the feed itself bore out.
    pub sequence: Vec<SequenceProfile>,
    /// Checksums that the feed itself bore out.
    pub checksum: Vec<Checksum>,
}

/// One kind of message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KindProfile {
    /// What tells it apart: path to value; empty where the feed has one kind.
    #[serde(rename = "match")]
    pub matches: Matches,
    /// How many messages were of it.
    pub messages: u64,
    /// Where the event time stands.
    pub time: Option<TimeProfile>,
    /// Further times.
    pub other_times: Vec<TimeProfile>,
    /// Paths of the fields that name entities.
    pub keys: Vec<String>,
    /// What is charted.
    pub series: Vec<SeriesProfile>,
    /// What is not, and why.
    pub ignored: Vec<Ignored>,
}

/// A field that tells time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeProfile {
    /// Where.
    pub path: String,
    /// How.
    pub unit: TimeUnit,
}

/// A series, with what its samples were so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesProfile {
    /// For people: `BTC-USD.price`.
    pub name: String,
    /// Where its values stand.
    pub path: String,
    /// Path of each key, and its text for this series.
    pub key: BTreeMap<String, String>,
    /// What sort it is.
    pub kind: SeriesKind,
    /// Where the name says it.
    pub unit: Option<String>,
    /// How many samples.
    pub samples: u64,
    /// The smallest; `None` before the first finite one.
    pub min: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
    /// The last.
    pub last: Option<f64>,
}

/// A leaf that is not a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Where.
    pub path: String,
    /// Why.
    pub why: Why,
}

/// What messages are meant: path to value.
pub type Matches = BTreeMap<String, MatchValue>;

/// The paths a sequence rule reads.
pub type SequencePaths = Vec<String>;

/// A sequence rule with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceProfile {
    /// Indices of the kinds that carry it.
    pub kinds: Vec<usize>,
    /// Where the numbers stand.
    pub paths: SequencePaths,
    /// How they follow each other.
    pub rule: SequenceRule,
    /// Of `plus-one-modulo`: so many numbers there are, from 0 on.
    pub modulus: Option<u64>,
    /// Messages (snapshots) that begin it anew; the pair that ends with one is not checked.
    pub restarts: Option<Matches>,
    /// Paths that scope it; empty: the connection.
    pub per: Vec<String>,
    /// How many pairs were checked.
    pub checked: u64,
    /// How many of them broke it.
    pub violations: u64,
}

/// A checksum rule with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Indices of the kinds that carry it.
    pub kinds: Vec<usize>,
    /// Where it stands.
    pub path: String,
    /// How it is computed.
    pub rule: String,
    /// How many were checked.
    pub checked: u64,
    /// How many did not fit.
    pub violations: u64,
}
