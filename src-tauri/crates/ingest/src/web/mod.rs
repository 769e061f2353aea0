//! HTTP as a client: what event streams and polling share.
//!
//! A [`line`] is one connection, dialled and encrypted by us; an [`asker`] asks over it for what an address has, follows
//! redirects, and tells what the operator gave (token, headers, user, client certificate, body) to the first origin and to no
//! other. Only a permanent redirect (301, 308) is remembered for the next question. What a server
//! compresses is inflated here ([`coding`]), so that bytes on the wire and bytes of payload are two figures.
//!
//! Limits: five redirects, never from https to http; heads as the library bounds them (HTTP/1: 100 headers and 400 KiB,
//! HTTP/2: 16 KiB).

pub(crate) mod asker;
pub(crate) mod coding;
mod either;
mod kind;
pub(crate) mod line;

use std::fmt;
use std::time::Duration;

pub use either::EventsOrPoll;
pub(crate) use kind::Kind;

use crate::{MAX_MESSAGE, Proxy, Secret, TlsFiles, redact};

/// How to reach what is asked for over HTTP.
#[derive(Clone)]
pub struct HttpOptions {
    /// `http://` or `https://`; a user and a password in it become basic authentication.
    pub url: String,
    /// The address for people where `url` holds secrets that [`redact`] cannot know; `None`: what it leaves of `url`.
    pub shown: Option<String>,
    /// Further headers, to the first origin only.
    pub headers: Vec<(String, String)>,
    /// Sent as `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// Authorities and a client certificate of one's own.
    pub tls: TlsFiles,
    /// Through which proxy.
    pub proxy: Proxy,
    /// The server may compress what it sends.
    pub compression: bool,
    /// The largest message in bytes, inflated.
    pub max_message: usize,
    /// Name, connection and encryption together; of an event stream the answer too.
    pub connect_timeout: Duration,
}

impl HttpOptions {
    /// The options of a feed that needs nothing but its address.
    pub fn new(url: impl Into<String>) -> HttpOptions {
        HttpOptions {
            url: url.into(),
            shown: None,
            headers: Vec::new(),
            bearer: None,
            tls: TlsFiles::default(),
            proxy: Proxy::default(),
            compression: true,
            max_message: MAX_MESSAGE,
            connect_timeout: Duration::from_secs(10),
        }
    }

    /// The address for people.
    pub(crate) fn address(&self) -> String {
        self.shown.clone().unwrap_or_else(|| redact(&self.url))
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("url", &self.address())
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("bearer", &self.bearer)
            .field("tls", &self.tls)
            .field("proxy", &self.proxy.to_string())
            .field("compression", &self.compression)
            .field("max_message", &self.max_message)
            .field("connect_timeout", &self.connect_timeout)
            .finish()
    }
}
