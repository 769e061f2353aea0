//! The ledger: what was expected of a feed and what came, by the minute.
//!
//! All counts are additive: the counts of an hour are the sum of those of its minutes, whatever the order they were added
//! in. So a number that comes after all changes no count: it adds to `filled` of the minute in which it was missed.
//!
//! ```text
//! lost     = missing - filled
//! expected = received - duplicate + lost
//! ```
//!
//! A message that fills a hole is in `received` of the minute it came in, and what it fills in `missing` and `filled` of
//! the minute of the gap: over both, what was sent is expected once. All of it saturates.
//!
//! ```
//! use feedwatch_model::{LedgerCounts, Scorecard};
//!
//! let counts = LedgerCounts { received: 97, numbered: 97, missing: 4, filled: 1, ..LedgerCounts::default() };
//! assert_eq!((counts.lost(), counts.expected()), (3, 100));
//! let card = Scorecard::of(&counts);
//! assert_eq!(card.completeness.percent, Some(97.0));
//! assert_eq!(card.authenticity.percent, None, "no checksum and no signature was there to be checked");
//! ```

mod book;
mod card;
#[cfg(test)]
mod tests;

use std::ops::AddAssign;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use book::{LedgerBook, MINUTES_HELD};
pub use card::{Line, Scorecard};

use crate::{Check, FeedId, NANOS_PER_SECOND, Time, bucket_start};

/// How many checks there are.
const CHECKS: usize = Check::ALL.len();

/// How long a row of the ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerWidth {
    /// A minute: what deltas are.
    Minute,
    /// An hour: the sum of its minutes.
    Hour,
    /// A day of UTC: the sum of its hours.
    Day,
}

impl LedgerWidth {
    /// Every one of them, the shortest first.
    pub const ALL: [LedgerWidth; 3] = [LedgerWidth::Minute, LedgerWidth::Hour, LedgerWidth::Day];

    /// Its length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        match self {
            LedgerWidth::Minute => 60 * NANOS_PER_SECOND,
            LedgerWidth::Hour => 3_600 * NANOS_PER_SECOND,
            LedgerWidth::Day => 86_400 * NANOS_PER_SECOND,
        }
    }
}

/// The counts of a feed in one minute, hour or day; also what is to be added to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSlot {
    /// The feed.
    pub feed: FeedId,
    /// Its begin, in UTC.
    pub from: Time,
    /// What was counted.
    pub counts: LedgerCounts,
}

impl LedgerSlot {
    /// An empty minute: the one in which `at` lies.
    pub fn minute(feed: FeedId, at: Time) -> LedgerSlot {
        LedgerSlot { feed, from: bucket_start(at, LedgerWidth::Minute.nanos()), counts: LedgerCounts::default() }
    }

    /// Does a moment lie in this minute?
    fn holds(&self, at: Time) -> bool {
        bucket_start(at, LedgerWidth::Minute.nanos()) == self.from
    }
}

/// What was counted. All of them are messages but where it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerCounts {
    /// Everything that came.
    pub received: u64,
    /// Their payload, in bytes.
    pub bytes: u64,
    /// Numbers that did not come when they should have, in the minute of the gap. It never becomes less.
    pub missing: u64,
    /// Those of `missing` that came after all, in the minute of the gap.
    pub filled: u64,
    /// The same message again.
    pub duplicate: u64,
    /// Came behind one that was sent later.
    pub reordered: u64,
    /// Came later than usual.
    pub late: u64,
    /// Could not be read.
    pub rejected: u64,
    /// Could be read, but are not what they should be: a conflict, a changed shape, a value that cannot be.
    pub invalid: u64,
    /// Those whose place a rule of sequence tells: without any, completeness and order cannot be judged.
    pub numbered: u64,
    /// Those whose lateness could be judged.
    pub timed: u64,
    /// Checksums and signatures that were computed again.
    pub checked: u64,
    /// Those of `checked` that did not fit.
    pub failed: u64,
    /// Milliseconds in which the feed was watched.
    pub watched_ms: u64,
    /// Milliseconds of `watched_ms` in which it was silent for longer than usual.
    pub silent_ms: u64,
    /// Findings of each check.
    pub findings: CheckCounts,
}

impl LedgerCounts {
    /// Messages that never came.
    pub const fn lost(&self) -> u64 {
        self.missing.saturating_sub(self.filled)
    }

    /// Messages that should have come, each once.
    pub const fn expected(&self) -> u64 {
        self.received.saturating_sub(self.duplicate).saturating_add(self.lost())
    }

    /// Is nothing counted?
    pub fn is_empty(&self) -> bool {
        *self == LedgerCounts::default()
    }
}

impl AddAssign<&LedgerCounts> for LedgerCounts {
    fn add_assign(&mut self, other: &LedgerCounts) {
        // Whoever adds a field must decide about it here.
        let LedgerCounts {
            received,
            bytes,
            missing,
            filled,
            duplicate,
            reordered,
            late,
            rejected,
            invalid,
            numbered,
            timed,
            checked,
            failed,
            watched_ms,
            silent_ms,
            findings,
        } = other;
        let pairs = [
            (&mut self.received, received),
            (&mut self.bytes, bytes),
            (&mut self.missing, missing),
            (&mut self.filled, filled),
            (&mut self.duplicate, duplicate),
            (&mut self.reordered, reordered),
            (&mut self.late, late),
            (&mut self.rejected, rejected),
            (&mut self.invalid, invalid),
            (&mut self.numbered, numbered),
            (&mut self.timed, timed),
            (&mut self.checked, checked),
            (&mut self.failed, failed),
            (&mut self.watched_ms, watched_ms),
            (&mut self.silent_ms, silent_ms),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(*more);
        }
        self.findings += findings;
    }
}

/// A count for each check. As JSON it is an object of those that are not 0: `{"sequence":2}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckCounts([u64; CHECKS]);

impl CheckCounts {
    /// The count of a check.
    pub fn get(&self, check: Check) -> u64 {
        self.0.get(check as usize).copied().unwrap_or(0)
    }

    /// Counts so many more.
    pub fn add(&mut self, check: Check, more: u64) {
        if let Some(count) = self.0.get_mut(check as usize) {
            *count = count.saturating_add(more);
        }
    }

    /// Those that are not 0, in the order of [`Check::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Check, u64)> {
        Check::ALL.iter().copied().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// Is every count 0?
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|count| *count == 0)
    }
}

impl AddAssign<&CheckCounts> for CheckCounts {
    fn add_assign(&mut self, other: &CheckCounts) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }
}

impl Serialize for CheckCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for CheckCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CheckCounts, D::Error> {
        // The last one of a word that stands twice.
        let known = std::collections::HashMap::<Check, u64>::deserialize(deserializer)?;
        let mut counts = CheckCounts::default();
        for (check, count) in known {
            counts.add(check, count);
        }
        Ok(counts)
    }
}
