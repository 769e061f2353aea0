//! Numbers that are missing, and what a number that comes does to them.

use std::sync::Arc;

use feedwatch_model::Time;

/// So many messages of the scope may come before a hole is called a gap.
pub(super) const HELD_MESSAGES: u64 = 8;

/// A scope of a rule: (path, text) pairs.
pub(super) type Per = Vec<(Arc<str>, Arc<str>)>;

/// Numbers that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Of a chain: the number behind which it is.
    pub(super) after: u64,
    /// The message behind the hole, and when it came.
    pub(super) message: u64,
    pub(super) at: Time,
    /// How many of the numbers were dropped here, as far as is known.
    pub(super) here: u64,
    /// The connection was lost in between.
    pub(super) outage: bool,
    pub(super) held: bool,
    /// The lane's count of messages when it opened.
    pub(super) opened: u64,
}

impl Hole {
    pub(super) fn missing(&self) -> u64 {
        // A hole lies between two numbers, so it never holds all 2^64.
        self.to - self.from + 1
    }

    /// Whether it was held long enough: the lane has counted `messages` by now.
    pub(super) fn waited(&self, messages: u64, opened_before: Time, wait: Wait) -> bool {
        let enough = wait == Wait::TimeOrMessages && messages.saturating_sub(self.opened) >= HELD_MESSAGES;
        wait == Wait::No || enough || self.at <= opened_before
    }
}

/// What a number did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next one, or the first of all.
    Next,
    /// Numbers before it are missing: the hole is held.
    Hole,
    /// Fills numbers that were waited for; `told`: at least one of them was given up.
    Fills { told: bool },
    /// It lies before the first number known.
    Before,
    /// It came before.
    Repeated,
    /// The numbers start anew. Holes that were still held are due at once.
    Restart { silent: bool },
}

/// How many of the numbers that came had been told as missing, and when their hole was told to be.
pub(super) type Filled = Vec<(Time, u64)>;

/// For how long holes are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// So many messages, or so long.
    TimeOrMessages,
    /// So long: what is missing on one line may come on another.
    Time,
    /// No more: all are decided.
    No,
}

/// Where a number stands in its message's stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) message: u64,
    pub(super) at: Time,
    /// Counts connections from 1.
    pub(super) epoch: u32,
    /// Several lines bring the feed: one may lag behind another.
    pub(super) shared: bool,
}
