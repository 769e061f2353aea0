//! Asks an address, over redirects.

use std::time::Duration;

use bytes::Bytes;
use feedwatch_model::{Certificate, Time};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout;
use url::{Origin, Url};

use super::HttpOptions;
use super::line::{Line, Unanswered};
use crate::address::{host_and_port, without_values};
use crate::dial::Trust;
use crate::headers::{basic, insert};
use crate::wire_bytes::WireBytes;
use crate::{Clock, ConnectError, reason};

/// More of them are a circle.
const REDIRECTS: usize = 5;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) method: Method,
    /// What the protocol says of itself; the operator's headers come after.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Question {
    /// A GET that wants `accept`.
    pub(crate) fn get(accept: &str) -> Result<Question, ConnectError> {
        let accept = HeaderValue::from_str(accept)
            .map_err(|_| ConnectError::Options(format!("{accept:?} cannot be sent as `accept`.")))?;
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept)]);
        Ok(Question { method: Method::GET, headers, body: Bytes::new() })
    }
}

/// Asks one address, and where that leads.
///
/// Every question begins where the operator said, or where permanent redirects (301, 308) have led from there: where a temporary
/// one leads may be good for one question only, as an address that is signed for minutes. What the operator gave for one
/// origin (token, headers, client certificate, body) is for that origin alone, also where another one leads back to it.
pub(crate) struct Asker {
    home: Place,
    /// What was asked last.
    now: Place,
    /// What is told to the origin of the operator's address.
    credentials: HeaderMap,
    trust: Trust,
    options: HttpOptions,
    clock: Clock,
    /// The one used last at the end.
    lines: Vec<OpenLine>,
    /// Over all connections.
    bytes: WireBytes,
}

/// Connections kept: to where questions begin, and to where they are led.
const LINES: usize = 2;

/// What is asked at.
#[derive(Clone)]
struct Place {
    url: Url,
    /// It was reached without leaving the origin the operator named.
    is_own: bool,
}

struct OpenLine {
    line: Line,
    origin: Origin,
    /// Our certificate was offered.
    is_own: bool,
}

impl OpenLine {
    fn leads_to(&self, place: &Place) -> bool {
        self.is_own == place.is_own && self.origin == place.url.origin()
    }
}

impl Asker {
    pub(crate) fn new(options: &HttpOptions, trust: Trust, clock: Clock) -> Result<Asker, ConnectError> {
        let mut url = Url::parse(&options.url)
            .map_err(|error| ConnectError::Options(format!("The address cannot be used: {error}.")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            let sentence = "The address is not one of HTTP. It looks like https://example.com/feed.".to_owned();
            return Err(ConnectError::Options(sentence));
        }
        let credentials = credentials(options, &url)?;
        // Neither can fail where there is a host.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.set_fragment(None);
        let home = Place { url, is_own: true };
        let (now, options, bytes) = (home.clone(), options.clone(), WireBytes::default());
        Ok(Asker { home, now, credentials, trust, options, clock, lines: Vec::new(), bytes })
    }

    /// Whom it asks, for sentences.
    pub(crate) fn host(&self) -> String {
        host_and_port(&self.now.url)
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.now.url.scheme() == "https"
    }

    /// By which the server has proved who it is.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        self.lines.last().and_then(|open| open.line.certificate()).cloned()
    }

    /// What comes over its connections.
    pub(crate) fn bytes(&self) -> &WireBytes {
        &self.bytes
    }

    /// The connection, for who reads an answer as long as it lasts.
    pub(crate) fn take_line(&mut self) -> Option<Line> {
        self.lines.pop().map(|open| open.line)
    }

    /// Connects, if there is no connection any more.
    pub(crate) async fn connect(&mut self) -> Result<(), ConnectError> {
        self.lines.retain(|open| open.line.is_open());
        if let Some(at) = self.lines.iter().position(|open| open.leads_to(&self.now)) {
            let last = self.lines.remove(at);
            self.lines.push(last);
            return Ok(());
        }
        let Place { url, is_own } = self.now.clone();
        let trust = if is_own { self.trust.clone() } else { self.trust.without_identity() };
        let after = self.options.connect_timeout;
        // The future of a handshake is large, and is held only for a moment.
        let opening = Box::pin(Line::open(&url, &trust, &self.options.proxy, &self.bytes));
        let opened = timeout(after, opening).await;
        let line = opened.unwrap_or_else(|_| Err(ConnectError::TimedOut { host: self.host(), after }))?;
        if self.lines.len() >= LINES {
            self.lines.remove(0);
        }
        self.lines.push(OpenLine { line, origin: url.origin(), is_own });
        Ok(())
    }

    /// The head of the answer to `question`, whatever its status, redirects followed.
    pub(crate) async fn ask(&mut self, question: &Question) -> Result<Response<Incoming>, ConnectError> {
        self.now = self.home.clone();
        let mut is_permanent = true;
        for _ in 0..=REDIRECTS {
            let response = self.answer(question).await?;
            let Some(next) = self.redirect(&response, question)? else { return Ok(response) };
            let is_own = self.now.is_own && next.origin() == self.now.url.origin();
            self.now = Place { url: next, is_own };
            is_permanent &= matches!(response.status(), StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
            if is_permanent {
                self.home = self.now.clone();
            }
        }
        let sentence = format!("The server redirected more than {REDIRECTS} times. Check the address.");
        Err(ConnectError::Protocol(sentence))
    }

    /// One answer. A connection that had lain idle may be closed by the other side in the moment of asking: then it is
    /// asked once more over a new one.
    async fn answer(&mut self, question: &Question) -> Result<Response<Incoming>, ConnectError> {
        let mut again = false;
        loop {
            self.connect().await?;
            let Some(OpenLine { line, .. }) = self.lines.last_mut() else { continue };
            let Place { url, is_own } = &self.now;
            let credentials = is_own.then_some(&self.credentials);
            let sent = line.send(url, request(question, credentials, &self.options)).await;
            match sent {
                Ok(response) => return Ok(response),
                Err(Unanswered { error, stale }) => {
                    self.lines.pop();
                    let unheard = error.is_canceled() || (error.is_incomplete_message() && question.method.is_safe());
                    if stale && unheard && !std::mem::replace(&mut again, true) {
                        continue;
                    }
                    return Err(reason::connect_error(&error, &self.host()));
                }
            }
        }
    }

    /// Where to go on, if the answer is a redirect with a place.
    fn redirect(&self, response: &Response<Incoming>, question: &Question) -> Result<Option<Url>, ConnectError> {
        match response.status().as_u16() {
            307 | 308 => {}
            // With these a question that has a body would become one without.
            301..=303 if question.method.is_safe() => {}
            _ => return Ok(None),
        }
        let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let here = &self.now.url;
        let Some(mut next) = location.and_then(|location| here.join(location).ok()) else { return Ok(None) };
        let sentence = match (here.scheme(), next.scheme()) {
            // What is sent may hold a secret as well as a header.
            (_, "http" | "https") if !question.body.is_empty() && next.origin() != here.origin() => "another host",
            (_, "https") | ("http", "http") => {
                let _ = next.set_username("").and_then(|()| next.set_password(None));
                next.set_fragment(None);
                return Ok(Some(next));
            }
            ("https", "http") => "an address without encryption",
            _ => "an address that is not one of HTTP",
        };
        let next = without_values(next.as_str());
        Err(ConnectError::Protocol(format!(
            "The server redirects to {sentence}, {next}. Paste that address if you trust it."
        )))
    }

    /// What an answer with this status means, as an error.
    pub(crate) fn status_error(&self, response: &Response<Incoming>) -> ConnectError {
        reason::status_error(response.status(), response.headers(), (self.clock)())
    }

    /// The time.
    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }
}

/// What is sent to the origin the operator named, and to no other.
fn credentials(options: &HttpOptions, url: &Url) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::new();
    if !url.username().is_empty() || url.password().is_some() {
        headers.extend(basic(url.username(), url.password().unwrap_or_default()));
    }
    if let Some(bearer) = &options.bearer {
        insert(&mut headers, "authorization", &format!("Bearer {}", bearer.expose()))?;
    }
    for (name, value) in &options.headers {
        insert(&mut headers, name, value)?;
    }
    Ok(headers)
}

fn request(question: &Question, credentials: Option<&HeaderMap>, options: &HttpOptions) -> Request<Full<Bytes>> {
    const AGENT: HeaderValue = HeaderValue::from_static(concat!("Feedwatch/", env!("CARGO_PKG_VERSION")));
    let mut request = Request::new(Full::new(question.body.clone()));
    *request.method_mut() = question.method.clone();
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, AGENT);
    headers.extend(question.headers.clone());
    if !options.compression {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    // Each in the place of one of the same name.
    for (name, value) in credentials.into_iter().flatten() {
        headers.insert(name, value.clone());
    }
    request
}

/// A header as text; empty where it is missing or no text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What the connection is like, for people.
pub(crate) fn detail(response: &Response<Incoming>, is_encrypted: bool) -> String {
    let version = if response.version() == http::Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" };
    let encrypted = if is_encrypted { "TLS" } else { "not encrypted" };
    let coding = text(response.headers(), &header::CONTENT_ENCODING);
    let compressed = if coding.is_empty() || coding.eq_ignore_ascii_case("identity") { "" } else { ", compressed" };
    format!("{version}, {encrypted}{compressed}")
}

/// Is this one of the answers that are taken?
pub(crate) fn is_ok(response: &Response<Incoming>) -> bool {
    response.status() == StatusCode::OK
}

/// How long a whole answer may take, with the error that says so.
pub(crate) async fn within<T>(
    after: Duration,
    host: impl FnOnce() -> String,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout(after, work).await.unwrap_or_else(|_| Err(ConnectError::TimedOut { host: host(), after }))
}

#[cfg(test)]
mod tests;
