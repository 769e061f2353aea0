//! How feeds are run: from their configuration to a source of messages, and the bounds of it.

mod proof;
mod renewing;

use std::sync::Arc;

use feedwatch_decode::{Format, Options};
use feedwatch_ingest::{Backoff, InboxLimits, RenewedSource, Source};

pub use feedwatch_ingest::offer_standard_input;

pub use self::proof::Proof;
use self::renewing::Renewing;
use crate::config::protocols::tail::is_csv;
use crate::config::{FeedConfig, Given, SourceConfig, has_secrets};

/// The source that a table describes. Secrets are looked up anew whenever it connects, and so is the key of `proof`.
pub fn source_of(source: &SourceConfig, given: &Given<'_>, proof: Option<&Proof>) -> Arc<dyn Source> {
    if has_secrets(source.configured()) || proof.is_some() {
        return Arc::new(RenewedSource::new(Renewing::new(source, given, proof), source.shown_address()));
    }
    source.configured().source(given)
}

/// How much may wait for the pipeline.
pub fn inbox_limits(feed: &FeedConfig) -> InboxLimits {
    InboxLimits {
        messages: feed.limits.inbox_messages,
        bytes: usize::try_from(feed.limits.inbox_bytes).unwrap_or(usize::MAX),
    }
}

/// How its messages are decoded: a capture in a format of its own says so by the end of its name.
pub fn decoding(feed: &FeedConfig) -> Options {
    let usual = Options::default();
    let max_message = feed.source.configured().max_message().and_then(|bytes| usize::try_from(bytes).ok());
    Options {
        max_series: feed.limits.series as usize,
        format: feed.format.or_else(|| of_capture(&feed.source)),
        max_inflated: max_message.unwrap_or(usual.max_inflated),
        pins: Arc::new(feed.pins.clone()),
        ..usual
    }
}

fn of_capture(source: &SourceConfig) -> Option<Format> {
    let file = match source {
        SourceConfig::File(file) => file,
        SourceConfig::Tail(tail) => return is_csv(&tail.path).then_some(Format::Csv),
        _ => return None,
    };
    let end = file.path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    match end.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Csv),
        "prom" => Some(Format::Prometheus),
        _ => None,
    }
}

/// How a lost connection is tried again.
pub fn backoff() -> Backoff {
    Backoff::default()
}
