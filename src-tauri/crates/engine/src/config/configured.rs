//! What every protocol's table can be asked for. One file per protocol implements it; nothing else tells them apart.

use std::sync::Arc;

use feedwatch_decode::Format;
use feedwatch_ingest::{
    Clock, EventsOrPoll, FileSource, HttpOptions, Source, SseOptions, SseSource, WebSocketOptions, WebSocketSource,
};
use feedwatch_model::Protocol;
use url::Url;

use super::edit::Tables;
use super::{
    Credentials, FileConfig, HeaderValue, Paths, PollConfig, QuerySecret, SecretRef, SseConfig, WebSocketConfig,
    with_pairs,
};

/// Why a source is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is watched: what was kept is acknowledged, and the broker remembers how far we are.
    Watch,
    /// A look: nothing is acknowledged, taken away from others, or left behind at the broker.
    Look,
}

/// What a source is made of beside its table.
pub struct Given<'a> {
    /// The feed's name; where several endpoints are read at once, that of the feed and the endpoint.
    pub feed: &'a str,
    /// A name that no other endpoint of the feed has, whenever it is read.
    pub own: &'a str,
    /// Another endpoint of the feed, under the same name, may be read for a while beside this one: the feed fails over.
    pub in_turns: bool,
    /// The secrets, looked up.
    pub credentials: &'a Credentials,
    /// Where files are.
    pub paths: &'a Paths,
    /// The time.
    pub clock: Clock,
    /// Why.
    pub purpose: Purpose,
    /// How its payloads are written, where that is pinned.
    pub format: Option<Format>,
}

/// A protocol's table.
pub(crate) trait Configured {
    /// Which protocol.
    fn protocol(&self) -> Protocol;

    /// How the protocol is called in the feed list: `wss`.
    fn word(&self) -> &'static str {
        self.protocol().word()
    }

    /// The address to show in window, history and logs: as it is configured, without secrets.
    fn shown_address(&self) -> String;

    /// The largest message it may send, bytes.
    fn max_message(&self) -> Option<u64> {
        None
    }

    /// Headers of a request, in the order in which they were read.
    fn headers(&self) -> &[(String, HeaderValue)] {
        &[]
    }

    /// The token of the header `Authorization`; read after the headers.
    fn bearer(&self) -> Option<&SecretRef> {
        None
    }

    /// Secrets behind the `?` of the address; read after the token.
    fn query(&self) -> &[QuerySecret] {
        &[]
    }

    /// Further secrets under the names by which [`Credentials::secret`] gives them, in the order in which they were read.
    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        Vec::new()
    }

    /// May its broker send messages again in any order that it takes for not acknowledged?
    fn comes_again(&self) -> bool {
        self.protocol().is_acknowledged()
    }

    /// What a person is to know of a look at it.
    fn look_remark(&self) -> Option<&'static str> {
        None
    }

    /// Writes the lines of the table; what is usual is left out.
    fn write(&self, tables: &mut Tables);

    /// The source that it describes.
    fn source(&self, given: &Given<'_>) -> Arc<dyn Source>;
}

pub(super) fn without_query_secrets(url: &Url, query: &[QuerySecret]) -> String {
    let hidden = query.iter().map(|parameter| format!("{}=***", parameter.sent_name()));
    feedwatch_ingest::redact(with_pairs(url, hidden).as_str())
}

/// The address as it is asked for: for the request, and for nothing else.
pub(crate) fn with_query(url: &Url, credentials: &Credentials) -> Url {
    with_pairs(url, credentials.query.iter().map(|(name, value)| format!("{name}={}", value.expose())))
}

pub(super) fn exposed(credentials: &Credentials) -> Vec<(String, String)> {
    credentials.headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
}

/// A size of the configuration as one of memory.
pub(super) fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Configured for WebSocketConfig {
    fn protocol(&self) -> Protocol {
        Protocol::WebSocket
    }

    fn word(&self) -> &'static str {
        if self.http.url.scheme() == "wss" { "wss" } else { "ws" }
    }

    fn shown_address(&self) -> String {
        without_query_secrets(&self.http.url, &self.http.query)
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.http.max_message)
    }

    fn headers(&self) -> &[(String, HeaderValue)] {
        &self.http.headers
    }

    fn bearer(&self) -> Option<&SecretRef> {
        self.http.bearer.as_ref()
    }

    fn query(&self) -> &[QuerySecret] {
        &self.http.query
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        self.http.proxy.secrets()
    }

    fn write(&self, tables: &mut Tables) {
        super::edit::websocket(tables, self);
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let HttpOptions { url, shown, headers, bearer, tls, proxy, compression, max_message, connect_timeout } =
            self.http.options(given, self.shown_address());
        let options = WebSocketOptions {
            url,
            shown,
            headers,
            bearer,
            tls,
            proxy,
            subprotocols: self.subprotocols.clone(),
            subscribe: self.subscribe.clone(),
            snapshot: self.snapshot.clone(),
            reconnect_on: self.reconnect_on.clone(),
            ping: self.ping.as_ref().map(|ping| (ping.every, ping.text.clone())),
            compression,
            max_message,
            connect_timeout,
            idle_timeout: self.idle_timeout,
        };
        Arc::new(WebSocketSource::new(options, given.clock))
    }
}

impl Configured for SseConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Sse
    }

    fn shown_address(&self) -> String {
        without_query_secrets(&self.http.url, &self.http.query)
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.http.max_message)
    }

    fn headers(&self) -> &[(String, HeaderValue)] {
        &self.http.headers
    }

    fn bearer(&self) -> Option<&SecretRef> {
        self.http.bearer.as_ref()
    }

    fn query(&self) -> &[QuerySecret] {
        &self.http.query
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        self.http.proxy.secrets()
    }

    fn write(&self, tables: &mut Tables) {
        super::edit::sse(tables, self);
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let http = self.http.options(given, self.shown_address());
        let events = SseOptions { http, idle_timeout: self.idle_timeout };
        if self.open.0 && given.purpose == Purpose::Look {
            let poll = PollConfig { http: self.http.clone(), ..PollConfig::new(self.http.url.clone()) };
            return Arc::new(EventsOrPoll::new(events, poll.options(given), given.clock));
        }
        Arc::new(SseSource::new(events, given.clock))
    }
}

impl Configured for FileConfig {
    fn protocol(&self) -> Protocol {
        Protocol::File
    }

    fn shown_address(&self) -> String {
        self.path.display().to_string()
    }

    fn write(&self, tables: &mut Tables) {
        tables.path("path", &self.path);
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        Arc::new(FileSource::new(given.paths.expand(&self.path), given.clock))
    }
}
