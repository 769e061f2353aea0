//! Server-sent events over HTTP: WHATWG HTML, section 9.2.3, without a browser's rules for other origins.
//!
//! Redirects are followed at most five times, never from https to http, and what the operator gave for one origin
//! (token, headers, user) is not sent to another. The stream may be compressed with gzip or brotli.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feedwatch_model::{Certificate, MessageMeta, Position, Time};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Parser, SseEvent};
use crate::batch::Batch;
use crate::dial::Trust;
use crate::error::seconds;
use crate::source::{Session, Source};
use crate::web::asker::{Asker, Question, detail, is_ok, text};
use crate::web::coding::{self, Broken, Coding, Inflater};
use crate::web::line::Line;
use crate::web::{HttpOptions, Kind};
use crate::wire_bytes::WireBytes;
use crate::{Clock, ConnectError, Resume, SessionError, reason};

/// How to reach an event stream.
#[derive(Clone, Debug)]
pub struct SseOptions {
    /// Where it is, and who asks. The time to connect includes the answer.
    pub http: HttpOptions,
    /// No byte for so long, not even a comment, and the connection is taken for dead. Not every server sends comments,
    /// so this must be longer than the feed is ever silent.
    pub idle_timeout: Option<Duration>,
}

impl SseOptions {
    /// The options of a feed that needs nothing but its address.
    pub fn new(url: impl Into<String>) -> SseOptions {
        SseOptions { http: HttpOptions::new(url), idle_timeout: Some(Duration::from_secs(300)) }
    }
}

/// An event stream.
#[derive(Debug)]
pub struct SseSource {
    options: SseOptions,
    clock: Clock,
    trust: Trust,
}

impl SseSource {
    /// A source that is not connected yet.
    pub fn new(options: SseOptions, clock: Clock) -> SseSource {
        let trust = Trust::Files(options.http.tls.clone());
        SseSource { options, clock, trust }
    }

    #[cfg(test)]
    fn with_tls(mut self, config: rustls::ClientConfig) -> SseSource {
        self.trust = Trust::Given(Box::new(config));
        self
    }

    async fn open(&self, asker: &mut Asker, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let response = asker.ask(&question("text/event-stream", &self.options.http, resume)?).await?;
        check(asker, &response)?;
        session(asker, response, &self.options, self.clock)
    }
}

/// What is asked for a stream that goes on behind `resume`.
pub(crate) fn question(accept: &str, options: &HttpOptions, resume: &Resume) -> Result<Question, ConnectError> {
    let mut question = Question::get(accept)?;
    question.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if options.compression {
        question.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding::OF_STREAMS));
    }
    if let Some(id) = resume.event_id()
        && !id.is_empty()
        && let Ok(id) = HeaderValue::from_bytes(id.as_bytes())
    {
        question.headers.insert("last-event-id", id);
    }
    Ok(question)
}

/// The session over an answer that is an event stream.
pub(crate) fn session(
    asker: &mut Asker,
    response: Response<Incoming>,
    options: &SseOptions,
    clock: Clock,
) -> Result<Box<dyn Session>, ConnectError> {
    let inflater = Inflater::new(Coding::of(response.headers())?).ok_or_else(|| {
        let coding = text(response.headers(), &header::CONTENT_ENCODING);
        ConnectError::Protocol(format!(
            "The server compresses the stream ({coding}) in a way that was not offered. Switch that off at the server."
        ))
    })?;
    Ok(Box::new(SseSession {
        detail: detail(&response, asker.is_encrypted()),
        body: response.into_body(),
        inflater,
        bytes: asker.bytes().clone(),
        line: asker.take_line(),
        parser: Parser::new(options.http.max_message),
        clock,
        heard: clock(),
        last_read: Instant::now(),
        idle: options.idle_timeout,
        limit: options.http.max_message,
    }))
}

#[async_trait]
impl Source for SseSource {
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let mut asker = Asker::new(&self.options.http, self.trust.clone(), self.clock)?;
        let (host, after) = (asker.host(), self.options.http.connect_timeout);
        let opened = timeout(after, self.open(&mut asker, resume)).await;
        opened.unwrap_or_else(|_| Err(ConnectError::TimedOut { host, after }))
    }

    fn address(&self) -> String {
        self.options.http.address()
    }
}

/// Is it an event stream?
fn check(asker: &Asker, response: &Response<Incoming>) -> Result<(), ConnectError> {
    finished(response)?;
    if !is_ok(response) {
        return Err(asker.status_error(response));
    }
    match Kind::of(response.headers()) {
        Kind::Events => Ok(()),
        kind => Err(no_events(response, kind)),
    }
}

/// Has the feed an end that the server tells?
pub(crate) fn finished(response: &Response<Incoming>) -> Result<(), ConnectError> {
    if response.status() == StatusCode::NO_CONTENT {
        return Err(ConnectError::Ended(
            "The server says that the feed is finished (204). It is not tried again.".to_owned(),
        ));
    }
    Ok(())
}

/// What stands at the address instead.
pub(crate) fn no_events(response: &Response<Incoming>, kind: Kind) -> ConnectError {
    let said = text(response.headers(), &header::CONTENT_TYPE);
    let said: String = if said.is_empty() { "no Content-Type".into() } else { said.chars().take(80).collect() };
    let cure = match kind {
        Kind::Document => {
            "To ask for it again and again, paste its address with poll+ in front, or name the table poll."
        }
        _ => "Check the path; if the feed is a WebSocket, paste its wss:// address.",
    };
    ConnectError::Protocol(format!(
        "The server answers with {said}, not with text/event-stream: there are no server-sent events at this address. {cure}"
    ))
}

struct SseSession {
    bytes: WireBytes,
    body: Incoming,
    inflater: Inflater,
    /// The connection lives as long as the session.
    line: Option<crate::web::line::Line>,
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
            match self.inflater.next() {
                Ok(Some(piece)) => {
                    self.parse(&piece, batch)?;
                    continue;
                }
                Ok(None) => {}
                Err(broken) => return Poll::Ready(Err(broken_stream(&broken))),
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.heard = (self.clock)();
                    self.last_read = Instant::now();
                    self.inflater.feed(frame.into_data().unwrap_or_default());
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(SessionError::Cut(reason::cut(&error)))),
                Poll::Ready(None) => {
                    let sentence = "The server ended the stream.".to_owned();
                    return Poll::Ready(Err(SessionError::Closed { code: None, sentence }));
                }
                Poll::Pending if batch.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(())),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn parse(&mut self, piece: &Bytes, batch: &mut Batch) -> Result<(), SessionError> {
        let received = self.heard;
        let pushed = self.parser.push(piece, &mut |event| {
            let SseEvent { data, kind, id, last_id } = event;
            let meta = (kind.is_some() || id.is_some() || last_id.is_some()).then(|| {
                let position = last_id.map(Position::EventId);
                Box::new(MessageMeta { topic: kind, id, position, ..MessageMeta::default() })
            });
            batch.copy(received, data, meta);
        });
        if let Some(retry) = self.parser.take_retry() {
            batch.set_retry(retry);
        }
        let (limit, option) = (self.limit, "max_message");
        pushed.map_err(|_| SessionError::TooBig { size: None, limit, option })
    }
}

fn broken_stream(_: &Broken) -> SessionError {
    SessionError::Protocol(
        "The server sent a compressed stream that is damaged. If that happens again, write compression = false in the \
         feed's table."
            .to_owned(),
    )
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

    fn certificate(&self) -> Option<Certificate> {
        self.line.as_ref().and_then(Line::certificate).cloned()
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(self.bytes.get())
    }

    fn last_heard(&self) -> Option<Time> {
        Some(self.heard)
    }
}

#[cfg(test)]
mod tests;
