//! Through which proxy a feed is reached.
//!
//! ```toml
//! proxy = "http://proxy.example.com:3128"        # or "socks5://host:1080", or "none"; else as the environment says
//! proxy = { env = "CORPORATE_PROXY" }            # where a user and a password are part of it
//! ```

use feedwatch_ingest::Proxy;

use super::super::credentials::{secret_of, variable};
use super::super::edit::{Tables, secret_value};
use super::super::source::Places;
use super::super::walk::{Table, Walk};
use super::super::{Credentials, SecretRef};

/// Through which proxy a feed is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyConfig {
    /// As the environment says (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
    #[default]
    Environment,
    /// As it stands here: `none`, or an address without user and password.
    Written(String),
    /// As it is kept elsewhere.
    Kept(SecretRef),
}

impl ProxyConfig {
    /// The key, also of [`Credentials::secret`].
    const KEY: &str = "proxy";

    /// Reads `proxy`.
    pub(in super::super) fn read(
        walk: &mut Walk<'_>,
        feed: &str,
        table: &mut Table<'_>,
        places: &mut Places,
    ) -> ProxyConfig {
        let Some(field) = table.take(ProxyConfig::KEY) else { return ProxyConfig::Environment };
        let Some(text) = field.as_text() else {
            return secret_of(walk, feed, &field, places).map_or(ProxyConfig::Environment, ProxyConfig::Kept);
        };
        match Proxy::parse(text) {
            Ok(proxy) if proxy.has_login() => {
                let cure = format!("write proxy = {}", variable(feed, "proxy"));
                let message = "a name or password must not stand in the address of the proxy";
                walk.say_secret(field.at(), message, Some(cure));
                ProxyConfig::Environment
            }
            Ok(_) => ProxyConfig::Written(text.to_owned()),
            Err(error) => {
                let cure = "write proxy = \"http://host:port\", \"socks5://host:port\" or \"none\"".to_owned();
                walk.say_secret(field.at(), error.to_string(), Some(cure));
                ProxyConfig::Environment
            }
        }
    }

    /// The secret, if it is one.
    pub(in super::super) fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        match self {
            ProxyConfig::Kept(reference) => vec![(ProxyConfig::KEY, reference)],
            ProxyConfig::Environment | ProxyConfig::Written(_) => Vec::new(),
        }
    }

    pub(in super::super) fn write(&self, tables: &mut Tables) {
        match self {
            ProxyConfig::Environment => {}
            ProxyConfig::Written(text) => tables.line(ProxyConfig::KEY, text.as_str()),
            ProxyConfig::Kept(reference) => tables.line(ProxyConfig::KEY, secret_value(reference, false)),
        }
    }

    /// The proxy; what was looked up was found to be one.
    pub(in super::super) fn proxy(&self, credentials: &Credentials) -> Proxy {
        let text = match self {
            ProxyConfig::Environment => None,
            ProxyConfig::Written(text) => Some(text.as_str()),
            ProxyConfig::Kept(_) => credentials.secret(ProxyConfig::KEY).map(|secret| secret.expose()),
        };
        text.and_then(|text| Proxy::parse(text).ok()).unwrap_or_default()
    }
}
