//! WebSocket, RFC 6455, as a client.
//!
//! The connect time-out covers the name, TCP, TLS, the handshake and the subscribe messages. Compression (permessage-deflate) is offered for what the server sends; what we send is plain. A payload shares a
//! block of 32 KiB with its neighbours: what is kept for long should be copied, or it keeps them too.

#[cfg(feature = "conformance")]
mod echo;
mod frames;
mod heard;
mod inflate;
mod offer;
mod session;
mod snapshot;
mod words;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::header::{self, HeaderMap, HeaderValue};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, client_async_with_config};
use url::Url;

use self::frames::Frames;
use self::heard::Heard;
use self::inflate::{Inflater, Inflating};
use self::offer::Deflate;
use self::session::{Stream, WebSocketSession};
use self::snapshot::{Recent, Requests};
pub(crate) use self::words::handshake as handshake_error;
use crate::address::host_and_port;
use crate::dial::{self, Target, Trust};
use crate::headers::{basic, insert};
use crate::source::{self, Session, Source};
use crate::{Clock, ConnectError, MAX_MESSAGE, Proxy, Resume, Secret, TlsFiles, redact};

/// How to reach a WebSocket.
#[derive(Clone)]
pub struct WebSocketOptions {
    /// `ws://` or `wss://`; a user and password in it become basic authentication.
    pub url: String,
    /// The address for people where `url` holds secrets that [`redact`] cannot know; `None`: what it leaves of `url`.
    pub shown: Option<String>,
    /// Further headers of the handshake.
    pub headers: Vec<(String, String)>,
    /// Sent as `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// Authorities and a client certificate of one's own.
    pub tls: TlsFiles,
    /// Through which proxy; it is asked for a way (CONNECT) whether the feed is encrypted or not.
    pub proxy: Proxy,
    /// Subprotocols to offer; if there are any the server must take one of them.
    pub subprotocols: Vec<String>,
    /// Text messages to send, in this order, as soon as the connection is open.
    pub subscribe: Vec<String>,
    /// Text messages to send behind those when the connection was made again, to ask for what was missed. `{/path}` in them is
    /// what the last message had there, `{time}`, `{time_ms}` or `{time_s}` when it came.
    pub snapshot: Vec<String>,
    /// A text message to send again and again, for servers that want one.
    pub ping: Option<(Duration, String)>,
    /// A text message of at most 512 bytes that holds one of these says that we shall connect anew.
    pub reconnect_on: Vec<String>,
    /// Offer permessage-deflate (RFC 7692).
    pub compression: bool,
    /// The largest message in bytes, inflated; more than 1 GiB is as 1 GiB.
    pub max_message: usize,
    /// Name, TCP, TLS, handshake and subscribing together.
    pub connect_timeout: Duration,
    /// No byte for so long and the connection is taken for dead; a ping is sent at half the time.
    pub idle_timeout: Option<Duration>,
}

impl WebSocketOptions {
    /// What servers say, as `{"event":"bts:request_reconnect"}`, before they close a connection.
    pub const RECONNECT: &str = "request_reconnect";

    /// The options of a feed that needs nothing but its address.
    pub fn new(url: impl Into<String>) -> WebSocketOptions {
        WebSocketOptions {
            url: url.into(),
            shown: None,
            headers: Vec::new(),
            bearer: None,
            tls: TlsFiles::default(),
            proxy: Proxy::default(),
            subprotocols: Vec::new(),
            subscribe: Vec::new(),
            snapshot: Vec::new(),
            ping: None,
            reconnect_on: vec![WebSocketOptions::RECONNECT.to_owned()],
            compression: true,
            max_message: MAX_MESSAGE,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_secs(30)),
        }
    }

    fn address(&self) -> String {
        self.shown.clone().unwrap_or_else(|| redact(&self.url))
    }
}

impl fmt::Debug for WebSocketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketOptions")
            .field("url", &self.address())
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("bearer", &self.bearer)
            .field("tls", &self.tls)
            .field("proxy", &self.proxy.to_string())
            .field("subprotocols", &self.subprotocols)
            .field("subscribe", &self.subscribe.len())
            .field("snapshot", &self.snapshot.len())
            .field("ping", &self.ping.as_ref().map(|(every, _)| every))
            .field("reconnect_on", &self.reconnect_on)
            .field("compression", &self.compression)
            .field("max_message", &self.max_message)
            .field("connect_timeout", &self.connect_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .finish()
    }
}

/// A WebSocket feed.
pub struct WebSocketSource {
    options: WebSocketOptions,
    clock: Clock,
    trust: Trust,
    memory: Arc<Memory>,
}

/// What is asked for after an outage, and what that takes.
#[derive(Debug, Default)]
struct Memory {
    requests: Requests,
    recent: Mutex<Recent>,
}

impl Memory {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WebSocketSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WebSocketSource").field(&self.options).finish()
    }
}

impl WebSocketSource {
    /// Small, because every connection has one: 100 feeds take 3 MiB.
    const READ_BUFFER: usize = 32 << 10;
    /// No option makes a message larger than this: 1 GiB.
    const LARGEST: usize = 1 << 30;

    /// A source that is not connected yet.
    pub fn new(options: WebSocketOptions, clock: Clock) -> WebSocketSource {
        let trust = Trust::Files(options.tls.clone());
        let memory = Memory { requests: Requests::new(&options.snapshot), recent: Mutex::default() };
        WebSocketSource { options, clock, trust, memory: Arc::new(memory) }
    }

    #[cfg(test)]
    fn with_tls(mut self, config: rustls::ClientConfig) -> WebSocketSource {
        self.trust = Trust::Given(Box::new(config));
        self
    }

    async fn open(&self) -> Result<Box<dyn Session>, ConnectError> {
        let (mut stream, detail) = self.stream().await?;
        let asked = self.memory.requests.fill(&self.memory.recent());
        let (texts, problem) = asked.map_or_else(|problem| (Vec::new(), Some(problem)), |texts| (texts, None));
        self.send(&mut stream, &texts).await?;
        Ok(Box::new(WebSocketSession::new(stream, &self.options, Arc::clone(&self.memory), detail, problem)))
    }

    /// Connected, agreed upon what is compressed, and subscribed; and what it is like.
    async fn stream(&self) -> Result<(Stream, String), ConnectError> {
        let url = Url::parse(&self.options.url)
            .map_err(|error| ConnectError::Options(format!("The address cannot be used: {error}.")))?;
        let host = host_and_port(&url);
        let request = self.request(&url)?;
        let target = Target::of(&url);
        let socket = Heard::new(dial::tcp(&target, &self.options.proxy).await?, self.clock);
        let socket = self.encrypt(&url, &target, socket).await?;
        // A frame's length is reserved when its header is read: a server must not make us reserve the whole memory.
        let limit = self.options.max_message.min(Self::LARGEST);
        let config = WebSocketConfig::default()
            .read_buffer_size(Self::READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        // The handshake's future is large, and is held only for a moment.
        let shaken = Box::pin(client_async_with_config(request, Inflating::new(socket), Some(config))).await;
        let (shaken, response) = shaken.map_err(|error| words::handshake(&error, &host, (self.clock)()))?;
        let agreed = offer::agreed(response.headers(), self.options.compression).map_err(ConnectError::Protocol)?;
        let inflater = agreed.map(|deflate| Inflater::new(deflate, limit));
        // It was given the answer and nothing behind it.
        let mut stream = shaken.into_inner();
        let begun = stream.begin(inflater);
        begun.map_err(|broken| ConnectError::Network(words::inflating(broken).to_string()))?;
        let mut stream = Frames::new(stream, config);
        self.send(&mut stream, &self.options.subscribe).await?;
        Ok((stream, detail(&url, &response, agreed)))
    }

    async fn encrypt(&self, url: &Url, target: &Target, socket: Heard) -> Result<MaybeTlsStream<Heard>, ConnectError> {
        if url.scheme() != "wss" {
            return Ok(MaybeTlsStream::Plain(socket));
        }
        let shaken = dial::encrypt(target, &self.trust, &[b"http/1.1"], socket).await;
        shaken.map(MaybeTlsStream::Rustls).map_err(|error| error.told(target))
    }

    fn request(&self, url: &Url) -> Result<Request, ConnectError> {
        let mut plain = url.clone();
        // Only fails for addresses without a host, which no WebSocket has.
        let _ = plain.set_username("").and_then(|()| plain.set_password(None));
        plain.set_fragment(None);
        let mut request = plain.as_str().into_client_request().map_err(|error| match error {
            Error::Url(_) => {
                ConnectError::Options("The address is not a WebSocket's. It looks like wss://example.com/feed.".into())
            }
            error => ConnectError::Options(format!("The address cannot be used: {error}.")),
        })?;
        self.add_headers(url, request.headers_mut())?;
        Ok(request)
    }

    fn add_headers(&self, url: &Url, headers: &mut HeaderMap) -> Result<(), ConnectError> {
        const AGENT: HeaderValue = HeaderValue::from_static(concat!("Feedwatch/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, AGENT);
        if !url.username().is_empty() || url.password().is_some() {
            headers.extend(basic(url.username(), url.password().unwrap_or_default()));
        }
        if let Some(bearer) = &self.options.bearer {
            insert(headers, "authorization", &format!("Bearer {}", bearer.expose()))?;
        }
        for (name, value) in &self.options.headers {
            insert(headers, name, value)?;
        }
        if self.options.compression {
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offer::OFFER));
        }
        if !self.options.subprotocols.is_empty() {
            let offered = self.options.subprotocols.join(", ");
            let value = HeaderValue::from_str(&offered)
                .map_err(|_| ConnectError::Options(format!("{offered:?} cannot be sent as subprotocols.")))?;
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        Ok(())
    }

    async fn send(&self, stream: &mut Stream, texts: &[String]) -> Result<(), ConnectError> {
        for text in texts {
            let sent = stream.send(Message::text(text.as_str())).await;
            sent.map_err(|error| words::handshake(&error, &self.host(), (self.clock)()))?;
        }
        Ok(())
    }

    /// For sentences.
    fn host(&self) -> String {
        Url::parse(&self.options.url).map(|url| host_and_port(&url)).unwrap_or_default()
    }
}

#[async_trait]
impl Source for WebSocketSource {
    async fn connect(&self, _resume: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let after = self.options.connect_timeout;
        let timed_out = |_| Err(ConnectError::TimedOut { host: self.host(), after });
        timeout(after, self.open()).await.unwrap_or_else(timed_out)
    }

    fn address(&self) -> String {
        self.options.address()
    }

    fn memory(&self) -> Option<source::Memory> {
        Some(self.memory.clone())
    }

    fn take_over(&mut self, memory: source::Memory) {
        if let Ok(memory) = memory.downcast::<Memory>() {
            self.memory = memory;
        }
    }
}

fn detail(url: &Url, response: &Response, agreed: Option<Deflate>) -> String {
    let encrypted = if url.scheme() == "wss" { "TLS" } else { "not encrypted" };
    let compressed = if agreed.is_some() { ", compressed" } else { "" };
    match response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|taken| taken.to_str().ok()) {
        Some(taken) => format!("{encrypted}{compressed}, subprotocol {taken}"),
        None => format!("{encrypted}{compressed}"),
    }
}

#[cfg(test)]
mod tests;
