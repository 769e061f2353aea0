//! The books of a feed: every message that came is in exactly one place.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Counters of messages. `received = stored + dropped + duplicate + rejected + in_flight` at every moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// Everything that came.
    pub received: u64,
    /// Decoded, and on disk where a history is kept.
    pub stored: u64,
    /// Forgotten because a queue was full, or because the history could not be written.
    pub dropped: u64,
    /// The same message once more.
    pub duplicate: u64,
    /// Could not be read.
    pub rejected: u64,
    /// In a queue: the measured length of all of them, never a difference.
    pub in_flight: u64,
    /// Samples (not messages) that the feed's rate limit left out: neither charted nor kept, and not lost.
    pub conflated: u64,
    /// Payload bytes of everything received.
    pub bytes: u64,
    /// Bytes that came over the wire for all of that, as they were compressed; `None` where that is not known.
    pub wire_bytes: Option<u64>,
}

impl Accounts {
    /// Does every message stand in exactly one place?
    pub fn balance(&self) -> bool {
        self.received == self.stored + self.dropped + self.duplicate + self.rejected + self.in_flight
    }
}

impl AddAssign for Accounts {
    fn add_assign(&mut self, other: Accounts) {
        self.received += other.received;
        self.stored += other.stored;
        self.dropped += other.dropped;
        self.duplicate += other.duplicate;
        self.rejected += other.rejected;
        self.in_flight += other.in_flight;
        self.conflated += other.conflated;
        self.bytes += other.bytes;
        // Of those that are known.
        self.wire_bytes = added(self.wire_bytes, other.wire_bytes);
    }
}

/// The sum of what is known.
fn added(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, None) | (None, one) => one,
    }
}
