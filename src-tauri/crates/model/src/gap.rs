//! A stretch of time in which a feed's messages are missing.

use serde::{Deserialize, Serialize};

use crate::{FeedId, Time};

/// Why messages are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The connection was lost and came back.
    Disconnected,
    /// No connection could be had from the start.
    Unreachable,
    /// The program was not running.
    Stopped,
    /// The feed's own numbers show that messages are missing.
    Sequence,
    /// Messages were dropped here because a queue was full.
    Overflow,
    /// Messages came but the history could not be written.
    NotKept,
    /// The connection stood and nothing came, for longer than usual.
    Silent,
    /// The connection was cut on purpose.
    Drill,
}

impl GapCause {
    /// For people.
    pub const fn word(self) -> &'static str {
        match self {
            GapCause::Disconnected => "connection lost",
            GapCause::Unreachable => "not reachable",
            GapCause::Stopped => "console stopped",
            GapCause::Sequence => "messages lost",
            GapCause::Overflow => "dropped here",
            GapCause::NotKept => "history not written",
            GapCause::Silent => "silent",
            GapCause::Drill => "drill",
        }
    }

    /// The word in JSON and in the history.
    pub const fn code(self) -> &'static str {
        match self {
            GapCause::Disconnected => "disconnected",
            GapCause::Unreachable => "unreachable",
            GapCause::Stopped => "stopped",
            GapCause::Sequence => "sequence",
            GapCause::Overflow => "overflow",
            GapCause::NotKept => "not_kept",
            GapCause::Silent => "silent",
            GapCause::Drill => "drill",
        }
    }

    /// Back from [`GapCause::code`].
    pub fn from_code(code: &str) -> Option<GapCause> {
        [
            GapCause::Disconnected,
            GapCause::Unreachable,
            GapCause::Stopped,
            GapCause::Sequence,
            GapCause::Overflow,
            GapCause::NotKept,
            GapCause::Silent,
            GapCause::Drill,
        ]
        .into_iter()
        .find(|cause| cause.code() == code)
    }
}

/// A hole in a feed. Charts show it as a hole, never a line over it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The feed.
    pub feed: FeedId,
    /// The last moment before it at which all was well, on the axis of the charts.
    pub from: Time,
    /// The first moment after it; `None` while it lasts.
    pub to: Option<Time>,
    /// Why.
    pub cause: GapCause,
    /// How many messages are missing, where that can be known.
    pub missing: Option<u64>,
    /// A sentence: what was seen (`The server closed the connection (1001, going away).`).
    pub detail: String,
}
