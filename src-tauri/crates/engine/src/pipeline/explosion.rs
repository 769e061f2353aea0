//! An explosion of keys: suddenly a feed has far more series than it had, mostly since something that names nothing (an
//! identifier of requests, a random text) stands where a key stood. That is one finding, and no crash: series are bounded
//! by the feed's limit.
//!
//! Told when a feed that has been known for [`KNOWN`] got within a minute at least [`LEAST`] new series, and as many as it had
//! before; then not again for [`QUIET`]. A feed that has too many from its first minute on is told by its limit alone.

use feedwatch_decode::Series;
use feedwatch_model::{Check, FeedId, Finding, FindingKind, NANOS_PER_SECOND, Severity, Time};

/// Since its first series.
const KNOWN: i64 = 120 * NANOS_PER_SECOND;
const MINUTE: i64 = 60 * NANOS_PER_SECOND;
const QUIET: i64 = 3_600 * NANOS_PER_SECOND;
const LEAST: usize = 500;

/// Counts the new series of a feed.
#[derive(Debug, Default)]
pub(super) struct Explosion {
    first: Option<Time>,
    /// The minute under way, and how many series there were when it began.
    minute: Option<(Time, usize)>,
    quiet_until: Option<Time>,
}

impl Explosion {
    /// `series` came new with a message at `at`; `before`: how many there were.
    pub(super) fn another(&mut self, feed: FeedId, at: Time, series: &Series, before: usize) -> Option<Finding> {
        let first = *self.first.get_or_insert(at);
        let (since, had) = match self.minute {
            Some(minute) if (0..MINUTE).contains(&at.nanos_since(minute.0)) => minute,
            _ => *self.minute.insert((at, before)),
        };
        let new = before + 1 - had.min(before);
        let is_one = since.nanos_since(first) >= KNOWN && new >= LEAST.max(had);
        if !is_one || self.quiet_until.is_some_and(|until| at < until) {
            return None;
        }
        self.quiet_until = Some(at.plus_nanos(QUIET));
        let named = match series.key.first() {
            Some((path, _)) => format!("{path} names {new} new series in a minute"),
            None => format!("{new} new series appeared in a minute"),
        };
        let text = format!(
            "{named}; {had} were known before. If it is an identifier and no key, `keys` in the feed's profile leaves it out."
        );
        Some(Finding::new(Check::Schema, FindingKind::Appeared, feed, at, Severity::Warning, text))
    }
}
