//! Server-sent events over HTTP: WHATWG HTML, section 9.2.3, without a browser's rules for other origins.
//!
//! Redirects are followed at most five times, never from https to http, and what the operator gave for one origin
//! (token, headers, user) is not sent to another. Proxies of the environment (`HTTPS_PROXY`) are used except for this
//! very computer.

use std::fmt;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feedwatch_model::{MessageMeta, Position, Time};
use futures_util::{Stream, StreamExt};
use http::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Version};
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use super::{Parser, SseEvent};
use crate::address::{host_and_port, is_loopback, without_values};
use crate::error::seconds;
use crate::headers::insert;
use crate::source::{Batch, Session, Source};
use crate::{Clock, ConnectError, MAX_MESSAGE, Resume, Secret, SessionError, reason, redact, tls};

/// How to reach an event stream.
#[derive(Clone)]
pub struct SseOptions {
    /// `http://` or `https://`.
    pub url: String,
    /// The address for people where `url` holds secrets that [`redact`] cannot know; `None`: what it leaves of `url`.
    pub shown: Option<String>,
    /// Further headers, to the first origin only.
    pub headers: Vec<(String, String)>,
    /// Sent as `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// The largest event in bytes.
    pub max_message: usize,
    /// Name, connection, encryption and answer together.
    pub connect_timeout: Duration,
    /// No byte for so long, not even a comment, and the connection is taken for dead. Not every server sends comments,
    /// so this must be longer than the feed is ever silent.
    pub idle_timeout: Option<Duration>,
}

impl SseOptions {
    /// The options of a feed that needs nothing but its address.
    pub fn new(url: impl Into<String>) -> SseOptions {
        SseOptions {
            url: url.into(),
            shown: None,
            headers: Vec::new(),
            bearer: None,
            max_message: MAX_MESSAGE,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_secs(300)),
        }
    }

    fn address(&self) -> String {
        self.shown.clone().unwrap_or_else(|| redact(&self.url))
    }
}

impl fmt::Debug for SseOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseOptions")
            .field("url", &self.address())
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("bearer", &self.bearer)
            .field("max_message", &self.max_message)
            .field("connect_timeout", &self.connect_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .finish()
    }
}

/// An event stream.
#[derive(Debug)]
pub struct SseSource {
    options: SseOptions,
    clock: Clock,
    tls: Option<rustls::ClientConfig>,
}

impl SseSource {
    const REDIRECTS: usize = 5;

    /// A source that is not connected yet.
    pub fn new(options: SseOptions, clock: Clock) -> SseSource {
        SseSource { options, clock, tls: None }
    }

    #[cfg(test)]
    fn with_tls(mut self, config: rustls::ClientConfig) -> SseSource {
        self.tls = Some(config);
        self
    }

    async fn open(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let mut url = Url::parse(&self.options.url)
            .map_err(|error| ConnectError::Options(format!("The address cannot be used: {error}.")))?;
        let mut credentials = self.credentials()?;
        for _ in 0..=Self::REDIRECTS {
            let response = self.get(&url, &credentials, resume).await?;
            let Some(next) = redirect(&url, &response)? else {
                return self.session(&url, response);
            };
            if next.origin() != url.origin() {
                credentials.clear();
            }
            url = next;
        }
        let sentence = format!("The server redirected more than {} times. Check the address.", Self::REDIRECTS);
        Err(ConnectError::Protocol(sentence))
    }

    /// A client for one connection: a stream is never sent over a connection that lay idle.
    fn client(&self, url: &Url) -> Result<Client, ConnectError> {
        let tls = match &self.tls {
            Some(config) => config.clone(),
            None => tls::client_config(&[b"h2", b"http/1.1"])?,
        };
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .pool_max_idle_per_host(0)
            .user_agent(concat!("Feedwatch/", env!("CARGO_PKG_VERSION")));
        if is_loopback(url) {
            builder = builder.no_proxy();
        }
        builder.build().map_err(|error| reason::connect_error(&error, &host_and_port(url)))
    }

    async fn get(&self, url: &Url, credentials: &HeaderMap, resume: &Resume) -> Result<Response, ConnectError> {
        let mut headers = HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static("text/event-stream")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ]);
        headers.extend(credentials.iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(id) = resume.event_id()
            && !id.is_empty()
            && let Ok(id) = HeaderValue::from_bytes(id.as_bytes())
        {
            headers.insert("last-event-id", id);
        }
        let sent = self.client(url)?.get(url.clone()).headers(headers).send().await;
        // A library's error names the address as it was asked for, with its secrets.
        sent.map_err(|error| reason::connect_error(&error.without_url(), &host_and_port(url)))
    }

    /// What is sent to the origin the operator named, and to no other.
    fn credentials(&self) -> Result<HeaderMap, ConnectError> {
        let mut headers = HeaderMap::new();
        if let Some(bearer) = &self.options.bearer {
            insert(&mut headers, "authorization", &format!("Bearer {}", bearer.expose()))?;
        }
        for (name, value) in &self.options.headers {
            insert(&mut headers, name, value)?;
        }
        Ok(headers)
    }

    fn session(&self, url: &Url, response: Response) -> Result<Box<dyn Session>, ConnectError> {
        let now = (self.clock)();
        check(&response, now)?;
        let version = match response.version() {
            Version::HTTP_2 => "HTTP/2",
            _ => "HTTP/1.1",
        };
        let encrypted = if url.scheme() == "https" { "TLS" } else { "not encrypted" };
        Ok(Box::new(SseSession {
            body: Box::pin(response.bytes_stream()),
            parser: Parser::new(self.options.max_message),
            clock: self.clock,
            heard: now,
            last_read: Instant::now(),
            idle: self.options.idle_timeout,
            limit: self.options.max_message,
            detail: format!("{version}, {encrypted}"),
        }))
    }
}

#[async_trait]
impl Source for SseSource {
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let after = self.options.connect_timeout;
        let host = || Url::parse(&self.options.url).map(|url| host_and_port(&url)).unwrap_or_default();
        timeout(after, self.open(resume)).await.unwrap_or_else(|_| Err(ConnectError::TimedOut { host: host(), after }))
    }

    fn address(&self) -> String {
        self.options.address()
    }
}

/// Where to go on, if the answer is a redirect with a place.
fn redirect(from: &Url, response: &Response) -> Result<Option<Url>, ConnectError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    let Some(next) = location.and_then(|location| from.join(location).ok()) else { return Ok(None) };
    let sentence = match (from.scheme(), next.scheme()) {
        (_, "https") | ("http", "http") => return Ok(Some(next)),
        ("https", "http") => "an address without encryption",
        _ => "an address that is no event stream",
    };
    let next = without_values(next.as_str());
    Err(ConnectError::Protocol(format!(
        "The server redirects to {sentence}, {next}. Paste that address if you trust it."
    )))
}

/// Is it an event stream?
fn check(response: &Response, now: Time) -> Result<(), ConnectError> {
    if response.status() == StatusCode::NO_CONTENT {
        return Err(ConnectError::Ended(
            "The server says that the feed is finished (204). It is not tried again.".to_owned(),
        ));
    }
    if response.status() != StatusCode::OK {
        return Err(reason::status_error(response.status(), response.headers(), now));
    }
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = header(header::CONTENT_TYPE);
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream") {
        let kind: String = if kind.is_empty() { "no Content-Type".into() } else { kind.chars().take(80).collect() };
        return Err(ConnectError::Protocol(format!(
            "The server answers with {kind}, not with text/event-stream: there are no server-sent events at this address. \
             Check the path; if the feed is a WebSocket, paste its wss:// address."
        )));
    }
    let coding = header(header::CONTENT_ENCODING);
    if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") {
        return Err(ConnectError::Protocol(format!(
            "The server compresses the stream ({coding}) though it was not asked to. Switch that off at the server."
        )));
    }
    Ok(())
}

type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

struct SseSession {
    body: Body,
    parser: Parser,
    clock: Clock,
    heard: Time,
    last_read: Instant,
    idle: Option<Duration>,
    limit: usize,
    detail: String,
}

impl SseSession {
    /// Reads what can be read without waiting; pending only while the batch is empty.
    fn poll_recv(&mut self, cx: &mut std::task::Context<'_>, batch: &mut Batch) -> Poll<Result<(), SessionError>> {
        while !batch.is_full() {
            let chunk = match self.body.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(chunk))) => chunk,
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(SessionError::Cut(reason::cut(&error.without_url()))));
                }
                Poll::Ready(None) => {
                    let sentence = "The server ended the stream.".to_owned();
                    return Poll::Ready(Err(SessionError::Closed { code: None, sentence }));
                }
                Poll::Pending if batch.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(())),
            };
            self.heard = (self.clock)();
            self.last_read = Instant::now();
            let received = self.heard;
            let pushed = self.parser.push(&chunk, &mut |event| {
                let SseEvent { data, kind, id, last_id } = event;
                let meta = (kind.is_some() || id.is_some() || last_id.is_some()).then(|| {
                    let position = last_id.map(Position::EventId);
                    Box::new(MessageMeta { topic: kind, id, position, ..MessageMeta::default() })
                });
                batch.push(received, data, meta);
            });
            if let Some(retry) = self.parser.take_retry() {
                batch.set_retry(retry);
            }
            if pushed.is_err() {
                let (limit, option) = (self.limit, "max_message");
                return Poll::Ready(Err(SessionError::TooBig { size: None, limit, option }));
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[async_trait]
impl Session for SseSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        loop {
            let deadline = self.idle.map(|idle| self.last_read + idle);
            let quiet = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                received = std::future::poll_fn(|cx| self.poll_recv(cx, batch)) => return received,
                () = quiet => {}
            }
            if let Some(idle) = self.idle
                && self.last_read.elapsed() >= idle
            {
                let sentence = format!(
                    "Nothing was heard for {}, not even a comment. The connection is taken for dead; if the feed may be \
                     silent for so long, raise `idle_timeout`.",
                    seconds(idle)
                );
                return Err(SessionError::Cut(sentence));
            }
        }
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn last_heard(&self) -> Option<Time> {
        Some(self.heard)
    }
}

#[cfg(test)]
mod tests;
