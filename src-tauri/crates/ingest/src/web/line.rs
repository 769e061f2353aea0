//! One connection of HTTP/1.1 or HTTP/2.

use bytes::Bytes;
use feedwatch_model::Certificate;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::{Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use url::Url;

use crate::certificate;
use crate::dial::{self, Hop, HopKind, Target, Traffic, Trust};
use crate::headers::basic_plain;
use crate::wire_bytes::WireBytes;
use crate::{ConnectError, Proxy};

type Body = Full<Bytes>;

/// An open connection to one origin. It ends when it is dropped.
pub(crate) struct Line {
    sender: Sender,
    /// Told with each request where a proxy reads them itself.
    proxy: Option<Told>,
    /// Reads and writes the socket.
    task: JoinHandle<()>,
    asked: bool,
    certificate: Option<Certificate>,
}

enum Sender {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

/// A proxy that is asked for an address instead of for a way: HTTP without encryption.
struct Told {
    authorization: Option<HeaderValue>,
}

/// A request got no answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// What the library says.
    pub(crate) error: hyper::Error,
    /// The connection had lain idle, and the other side may have closed it just then.
    pub(crate) stale: bool,
}

impl Line {
    /// Connects to the origin of `url`; what comes is counted.
    pub(crate) async fn open(url: &Url, trust: &Trust, proxy: &Proxy, bytes: &WireBytes) -> Result<Line, ConnectError> {
        let target = Target::of(url);
        if target.traffic == Traffic::Https {
            let socket = bytes.of(dial::tcp(&target, proxy).await?);
            let encrypted = dial::encrypt(&target, trust, &[b"h2", b"http/1.1"], socket).await;
            let stream = encrypted.map_err(|error| error.told(&target))?;
            let certificate = certificate::of(&stream);
            let mut line = if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                Line::two(stream).await?
            } else {
                Line::one(stream, None).await?
            };
            line.certificate = certificate;
            return Ok(line);
        }
        match proxy.hop(&target)? {
            Some(hop) if hop.kind == HopKind::Http => {
                Line::one(bytes.of(dial::to_proxy(&hop).await?), Some(Told::by(&hop))).await
            }
            _ => Line::one(bytes.of(dial::tcp(&target, proxy).await?), None).await,
        }
    }

    async fn one<S>(stream: S, proxy: Option<Told>) -> Result<Line, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(unusable)?;
        let task = tokio::spawn(async move {
            // How it ended is told by the request or the body that was under way.
            let _ = connection.await;
        });
        Ok(Line { sender: Sender::One(sender), proxy, task, asked: false, certificate: None })
    }

    async fn two<S>(stream: S) -> Result<Line, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let shaken = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(unusable)?;
        let task = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Line { sender: Sender::Two(sender), proxy: None, task, asked: false, certificate: None })
    }

    /// By which the server has proved who it is.
    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Can a further request be sent?
    pub(crate) fn is_open(&self) -> bool {
        match &self.sender {
            Sender::One(sender) => !sender.is_closed(),
            Sender::Two(sender) => !sender.is_closed(),
        }
    }

    /// Sends a request for `url` and waits for the head of the answer.
    pub(crate) async fn send(
        &mut self,
        url: &Url,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let stale = std::mem::replace(&mut self.asked, true);
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let whole = format!("{}://{authority}{path}", url.scheme());
        let sent = match &mut self.sender {
            Sender::One(sender) => {
                let form = if self.proxy.is_some() { whole } else { path.to_owned() };
                *request.uri_mut() = form.parse().unwrap_or_else(|_| Uri::from_static("/"));
                if let Ok(host) = HeaderValue::from_str(&authority) {
                    request.headers_mut().insert(HOST, host);
                }
                if let Some(value) = self.proxy.as_ref().and_then(|proxy| proxy.authorization.clone()) {
                    request.headers_mut().insert(PROXY_AUTHORIZATION, value);
                }
                match sender.ready().await {
                    Ok(()) => sender.send_request(request).await,
                    Err(error) => Err(error),
                }
            }
            Sender::Two(sender) => {
                *request.uri_mut() = whole.parse().unwrap_or_else(|_| Uri::from_static("/"));
                *request.version_mut() = Version::HTTP_2;
                match sender.ready().await {
                    Ok(()) => sender.send_request(request).await,
                    Err(error) => Err(error),
                }
            }
        };
        sent.map_err(|error| Unanswered { error, stale })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Told {
    fn by(hop: &Hop) -> Told {
        let authorization = hop.login.as_ref().and_then(|(user, password)| {
            let mut value = HeaderValue::from_str(&basic_plain(user, password.expose())).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Told { authorization }
    }
}

#[allow(clippy::needless_pass_by_value)] // For `map_err`.
fn unusable(error: hyper::Error) -> ConnectError {
    ConnectError::Network(format!("The connection cannot be used: {error}."))
}
