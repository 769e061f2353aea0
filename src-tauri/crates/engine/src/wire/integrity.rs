//! The Integrity tab: what was checked of a feed, how it went, and the messages that show it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{FindingRow, Level};

/// Which feed and span the page asks about.
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
pub struct IntegrityRequest {
    /// The feed's number.
    pub feed: u32,
    /// Left edge.
    pub from_ms: f64,
    /// Right edge.
    pub to_ms: f64,
    /// Columns wanted at most, 1 to 500; they are whole minutes, hours or days wide.
    pub columns: u32,
}

/// What was checked of a feed in a span.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct IntegrityView {
    /// The feed's number.
    pub feed: u32,
    /// Its title.
    pub feed_title: String,
    /// Begin of the first column.
    pub from_ms: f64,
    /// How wide a column is.
    pub step_ms: f64,
    /// The scorecard: completeness, order, timeliness, validity, authenticity.
    pub scores: Vec<ScoreRow>,
    /// The checks, one row each.
    pub checks: Vec<CheckRow>,
    /// The ledger, one entry a column.
    pub columns: Vec<LedgerColumn>,
    /// What was found in the span, the latest first, at most 500.
    pub findings: Vec<FindingRow>,
    /// Findings of the span that are not among them.
    pub more_findings: u32,
    /// What the checks stand on: rules with their evidence, a sentence each ("/seq per product_id goes up by one: held on
    /// 1,029 of 1,029 messages.").
    pub rules: Vec<String>,
    /// What cannot be told, for people; empty where nothing is missing.
    pub note: String,
}

/// A line of the scorecard.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ScoreRow {
    /// `completeness`, `order`, `timeliness`, `validity`, `authenticity`.
    pub name: String,
    /// Per cent; unknown where nothing of the feed shows it.
    pub percent: Option<f64>,
    /// The counts behind it, or why it is unknown: a sentence.
    pub text: String,
    /// Grey, or what colour it deserves.
    pub level: Level,
}

/// A check over the span.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct CheckRow {
    /// Its word: `sequence`, `duplicate`, …
    pub check: String,
    /// What it is called, for people.
    pub title: String,
    /// The line of the scorecard it counts for.
    pub score: String,
    /// Whether the feed gives it anything to check; if not, `state` says why.
    pub judged: bool,
    /// How it stands, a sentence: what it found, whether that is over, or that all is well.
    pub state: String,
    /// The worst that is not over.
    pub level: Level,
    /// Findings per column.
    pub counts: Vec<u32>,
    /// The worst finding per column.
    pub levels: Vec<Level>,
}

/// The ledger of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, TS)]
pub struct LedgerColumn {
    /// Messages that were to come.
    pub expected: f64,
    /// That came.
    pub received: f64,
    /// That the feed's own numbers show to be missing.
    pub missing: f64,
    /// Of those, what came after all.
    pub filled: f64,
    /// That came again.
    pub duplicate: f64,
    /// That came late, or in another order.
    pub late: f64,
    /// That could not be read.
    pub rejected: f64,
    /// Their bytes.
    pub bytes: f64,
}

/// Which messages the page wants to see.
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
pub struct MessagesRequest {
    /// The feed's number.
    pub feed: u32,
    /// Around this time.
    pub at_ms: f64,
    /// The number of the message that is looked for.
    pub number: Option<f64>,
}

/// Messages around a place, as they came.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct MessagesView {
    /// In the order of receipt, at most 41.
    pub messages: Vec<MessageRow>,
    /// The place of the one that is looked for among them.
    pub focus: Option<u32>,
    /// Why they are not there (any more), or that older ones were forgotten; empty else.
    pub note: String,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct MessageRow {
    /// Counts from 0 in its run.
    pub number: f64,
    /// Receive time.
    pub at_ms: f64,
    /// Its topic, where it has one.
    pub topic: Option<String>,
    /// `read`, `late`, `duplicate`, `rejected`.
    pub outcome: String,
    /// Why it was rejected, with the byte.
    pub reason: Option<String>,
    /// Its payload as text, at most 16 KiB; what is no text is shown as U+FFFD.
    pub text: String,
    /// Bytes of the payload.
    pub bytes: f64,
    /// Whether `text` is only its beginning.
    pub cut: bool,
}
