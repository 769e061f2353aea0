//! Which proxy, if any.

use std::fmt;

use url::{Host, Url};

use super::{Target, environment};
use crate::headers::percent_decoded;
use crate::{ConnectError, Secret};

/// Through which proxy a feed is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// What `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, read at each connection; never for this very
    /// computer.
    #[default]
    Environment,
    /// None.
    Direct,
    /// This one, whatever the environment says.
    Through(Hop),
}

/// A proxy: what it speaks, where it is, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub(crate) kind: HopKind,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<(String, Secret)>,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HopKind {
    /// HTTP, method CONNECT (RFC 9110, section 9.3.6).
    Http,
    /// SOCKS 5 (RFC 1928). Names are resolved by the proxy.
    Socks5,
}

/// Why a text names no proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// No address at all.
    #[error("this is no address of a proxy")]
    NoAddress,
    /// Something else than `http` and `socks5`.
    #[error("this proxy is neither http:// nor socks5://")]
    Scheme,
    /// Something stands behind the host and port.
    #[error("nothing stands behind the host and port of a proxy")]
    Behind,
}

impl Proxy {
    /// Reads `none`, `http://host:port`, `socks5://host:port` or `socks5h://host:port`; a user and a password may stand
    /// before the `@`. The usual ports are 80 and 1080.
    ///
    /// # Errors
    /// [`ProxyError`]; it does not repeat the text, which may hold a password.
    ///
    /// ```
    /// use feedwatch_ingest::Proxy;
    ///
    /// let proxy = Proxy::parse("socks5://ann:s3cr3t@proxy.example.com").unwrap();
    /// assert_eq!(proxy.to_string(), "socks5://***@proxy.example.com:1080");
    /// assert_eq!(Proxy::parse("none"), Ok(Proxy::Direct));
    /// assert!(Proxy::parse("ftp://proxy").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Proxy, ProxyError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("none") {
            return Ok(Proxy::Direct);
        }
        let url = Url::parse(text).map_err(|_| ProxyError::NoAddress)?;
        let (kind, usual) = match url.scheme() {
            "http" => (HopKind::Http, 80),
            "socks5" | "socks5h" => (HopKind::Socks5, 1080),
            _ => return Err(ProxyError::Scheme),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Behind);
        }
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(ProxyError::NoAddress),
        };
        if host.is_empty() || url.port() == Some(0) {
            return Err(ProxyError::NoAddress);
        }
        let decoded = |text: &str| String::from_utf8_lossy(&percent_decoded(text)).into_owned();
        let login = (!url.username().is_empty() || url.password().is_some())
            .then(|| (decoded(url.username()), Secret::new(decoded(url.password().unwrap_or_default()))));
        Ok(Proxy::Through(Hop { kind, host, port: url.port().unwrap_or(usual), login }))
    }

    /// Is a user or a password part of it?
    pub fn has_login(&self) -> bool {
        matches!(self, Proxy::Through(hop) if hop.login.is_some())
    }

    /// The proxy for this target; `None`: it is reached without.
    pub(crate) fn hop(&self, target: &Target) -> Result<Option<Hop>, ConnectError> {
        match self {
            Proxy::Direct => Ok(None),
            Proxy::Through(hop) => Ok(Some(hop.clone())),
            Proxy::Environment if target.is_loopback() => Ok(None),
            Proxy::Environment => environment::hop(target, &|name| std::env::var(name).ok()),
        }
    }
}

impl Hop {
    pub(crate) fn host_and_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proxy::Environment => f.write_str("as the environment says"),
            Proxy::Direct => f.write_str("none"),
            Proxy::Through(hop) => {
                let scheme = match hop.kind {
                    HopKind::Http => "http",
                    HopKind::Socks5 => "socks5",
                };
                let login = if hop.login.is_some() { "***@" } else { "" };
                write!(f, "{scheme}://{login}{}", hop.host_and_port())
            }
        }
    }
}
