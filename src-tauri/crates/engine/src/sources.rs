//! How feeds are run: from their configuration to a source of messages, and the bounds of it.

use std::sync::Arc;

use feedwatch_ingest::{Backoff, InboxLimits, Source};

use crate::config::{FeedConfig, Given};

/// The source of a feed.
pub fn source_of(feed: &FeedConfig, given: &Given<'_>) -> Arc<dyn Source> {
    feed.source.configured().source(given)
}

/// How much may wait for the pipeline.
pub fn inbox_limits(feed: &FeedConfig) -> InboxLimits {
    InboxLimits {
        messages: feed.limits.inbox_messages,
        bytes: usize::try_from(feed.limits.inbox_bytes).unwrap_or(usize::MAX),
    }
}

/// How a lost connection is tried again.
pub fn backoff() -> Backoff {
    Backoff::default()
}
