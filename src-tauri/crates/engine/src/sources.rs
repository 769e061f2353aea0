//! From the configuration of a feed to a source of messages.

use std::sync::Arc;

use feedwatch_ingest::{
    Backoff, Clock, FileSource, InboxLimits, Source, SseOptions, SseSource, WebSocketOptions, WebSocketSource,
};

use url::Url;

use crate::config::{Credentials, FeedConfig, Paths, SourceConfig, with_pairs};

/// The source of a feed. `credentials` are those of the configuration with their secrets looked up.
pub fn source_of(feed: &FeedConfig, credentials: &Credentials, paths: &Paths, clock: Clock) -> Arc<dyn Source> {
    let headers = credentials.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
    match &feed.source {
        SourceConfig::WebSocket(socket) => {
            let options = WebSocketOptions {
                headers,
                subprotocols: socket.subprotocols.clone(),
                subscribe: socket.subscribe.clone(),
                ping: socket.ping.as_ref().map(|ping| (ping.every, ping.text.clone())),
                compression: socket.compression,
                max_message: usize::try_from(socket.max_message).unwrap_or(usize::MAX),
                connect_timeout: socket.connect_timeout,
                idle_timeout: socket.idle_timeout,
                shown: Some(feed.source.shown_address()),
                ..WebSocketOptions::new(with_query(&socket.url, credentials))
            };
            Arc::new(WebSocketSource::new(options, clock))
        }
        SourceConfig::Sse(sse) => {
            let options = SseOptions {
                headers,
                max_message: usize::try_from(sse.max_message).unwrap_or(usize::MAX),
                connect_timeout: sse.connect_timeout,
                idle_timeout: sse.idle_timeout,
                shown: Some(feed.source.shown_address()),
                ..SseOptions::new(with_query(&sse.url, credentials))
            };
            Arc::new(SseSource::new(options, clock))
        }
        SourceConfig::File(file) => Arc::new(FileSource::new(paths.expand(&file.path), clock)),
    }
}

/// The address as it is asked for: for the request, and for nothing else.
pub(crate) fn with_query(url: &Url, credentials: &Credentials) -> Url {
    with_pairs(url, credentials.query.iter().map(|(name, value)| format!("{name}={}", value.expose())))
}

/// How a protocol is called in the feed list.
pub fn protocol_word(source: &SourceConfig) -> &'static str {
    match source {
        SourceConfig::WebSocket(socket) if socket.url.scheme() == "wss" => "wss",
        SourceConfig::WebSocket(_) => "ws",
        SourceConfig::Sse(_) => "sse",
        SourceConfig::File(_) => "file",
    }
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
