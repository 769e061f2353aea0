//! From a name to a stream: the one place that dials. Through a proxy where one is wanted, encrypted where that is wanted.
//!
//! What comes out of [`tcp`] is a plain socket whatever stands between: a proxy hands bytes on once it has agreed, and
//! nothing of what the other side says first is read here. So the caller's own stream lies right on the socket, where bytes
//! on the wire can be counted.
//!
//! Limits: the addresses of a name are tried one after the other; eight names are looked up at once, by all feeds together.

mod environment;
mod proxy;
mod through;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

pub use proxy::Hop;
pub(crate) use proxy::HopKind;
pub use proxy::{Proxy, ProxyError};

use crate::{ConnectError, TlsFiles, reason, tls};

/// What is spoken to the other side: proxies of the environment are named after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// `http://`, `ws://`: `HTTP_PROXY`.
    Http,
    /// `https://`, `wss://`: `HTTPS_PROXY`.
    Https,
    /// Everything else: `ALL_PROXY`.
    Other,
}

/// Whom to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name or a number, without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) traffic: Traffic,
}

impl Target {
    pub(crate) fn new(host: &str, port: u16, traffic: Traffic) -> Target {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Target { host: bare.to_owned(), port, traffic }
    }

    /// Of an address of HTTP or WebSocket.
    pub(crate) fn of(url: &Url) -> Target {
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        let encrypted = matches!(url.scheme(), "https" | "wss");
        let traffic = if encrypted { Traffic::Https } else { Traffic::Http };
        Target { host, port: url.port_or_known_default().unwrap_or(443), traffic }
    }

    /// `example.com:443`, for sentences and for proxies.
    pub(crate) fn host_and_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The number, where it is one.
    fn number(&self) -> Option<std::net::IpAddr> {
        self.host.parse().ok()
    }

    fn is_loopback(&self) -> bool {
        match self.number() {
            Some(address) => address.is_loopback(),
            None => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }
}

/// Connects, through a proxy where one is wanted.
///
/// # Errors
/// [`ConnectError`] with the host or the proxy that is to blame.
pub(crate) async fn tcp(target: &Target, proxy: &Proxy) -> Result<TcpStream, ConnectError> {
    match proxy.hop(target)? {
        None => straight(&target.host, target.port, &target.host_and_port()).await,
        Some(hop) => {
            let socket = to_proxy(&hop).await?;
            through::through(socket, &hop, target).await
        }
    }
}

/// Connects to the proxy itself.
pub(crate) async fn to_proxy(hop: &Hop) -> Result<TcpStream, ConnectError> {
    straight(&hop.host, hop.port, &hop.host_and_port()).await.map_err(|error| match error {
        ConnectError::Network(sentence) => ConnectError::Network(format!("The proxy cannot be reached. {sentence}")),
        error => error,
    })
}

/// Names that are looked up at once. A lookup is a call to the system that nobody can end: where no server of names answers
/// it holds its thread for half a minute, long after whoever wanted to connect has given up. The runtime has 16 such threads,
/// which read files too.
static LOOKUPS: Semaphore = Semaphore::const_new(8);

/// Looks a name up, once there is room for it; the room is held as long as the call lasts, wanted or not.
async fn looked_up(
    room: &'static Semaphore,
    look: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let permit = room.acquire().await.map_err(io::Error::other)?;
    let looking = spawn_blocking(move || {
        let found = look();
        drop(permit);
        found
    });
    looking.await.map_err(io::Error::other)?
}

/// Finds the name and connects to the first of its addresses that answers.
async fn straight(host: &str, port: u16, shown: &str) -> Result<TcpStream, ConnectError> {
    let addresses: Vec<SocketAddr> = match host.parse() {
        Ok(number) => vec![SocketAddr::new(number, port)],
        Err(_) => {
            let host = host.to_owned();
            let found = looked_up(&LOOKUPS, move || (host, port).to_socket_addrs().map(Iterator::collect)).await;
            found.map_err(|_| ConnectError::Network(reason::name_not_found(shown)))?
        }
    };
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => {
                // Pings, requests and acknowledgements are small, and must not wait for more to come.
                let _ = socket.set_nodelay(true);
                return Ok(socket);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => reason::connect_error(&error, shown),
        None => ConnectError::Network(reason::name_not_found(shown)),
    })
}

/// Whom we trust, and who we are, in encryption.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// Files, read anew at each connection; none: the platform's authorities.
    Files(TlsFiles),
    /// A configuration made by a test.
    #[cfg(test)]
    Given(Box<rustls::ClientConfig>),
}

impl Trust {
    /// The same trust for somebody to whom we do not say who we are.
    pub(crate) fn without_identity(&self) -> Trust {
        match self {
            Trust::Files(files) => Trust::Files(TlsFiles { ca: files.ca.clone(), ..TlsFiles::default() }),
            #[cfg(test)]
            Trust::Given(config) => Trust::Given(config.clone()),
        }
    }

    /// The configuration, offering `alpn` to the server.
    pub(crate) async fn config(&self, alpn: &'static [&'static [u8]]) -> Result<rustls::ClientConfig, ConnectError> {
        match self {
            Trust::Files(files) if *files == TlsFiles::default() => tls::client_config(alpn),
            Trust::Files(files) => {
                let files = files.clone();
                let read = spawn_blocking(move || tls::client_config_with(&files, alpn)).await;
                read.map_err(|error| ConnectError::Tls(error.to_string()))?
            }
            #[cfg(test)]
            Trust::Given(config) => {
                let mut config = (**config).clone();
                config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
                Ok(config)
            }
        }
    }
}

/// Encrypts what was dialled. The errors are plain ones of TLS, for a protocol that has words of its own for them.
///
/// # Errors
/// [`Handshake`].
pub(crate) async fn encrypt<S>(
    target: &Target,
    trust: &Trust,
    alpn: &'static [&'static [u8]],
    socket: S,
) -> Result<TlsStream<S>, Handshake>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = trust.config(alpn).await.map_err(Handshake::Options)?;
    let name = ServerName::try_from(target.host.clone()).map_err(|_| {
        let host = target.host_and_port();
        Handshake::Options(ConnectError::Options(format!("{host} is no name that a certificate can be for.")))
    })?;
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.map_err(Handshake::Failed)
}

/// Why nothing was encrypted.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// What was configured cannot be used; nothing was sent.
    Options(ConnectError),
    /// The other side, or its certificate.
    Failed(std::io::Error),
}

impl Handshake {
    /// The sentence where a protocol has none of its own.
    pub(crate) fn told(self, target: &Target) -> ConnectError {
        match self {
            Handshake::Options(error) => error,
            Handshake::Failed(error) => reason::connect_error(&error, &target.host_and_port()),
        }
    }
}

#[cfg(test)]
mod tests;
