//! What the tables of WebSocket, server-sent events and polling have in common.
//!
//! ```toml
//! url = "https://example/events"
//! headers = { "X-Api" = "v1", "X-Key" = { env = "SPOT_KEY" } }
//! bearer = { env = "SPOT_TOKEN" }
//! query = { token = { env = "TOKEN" } }
//! tls = { ca = "ca.pem", cert = "client.pem", key = "client.key" }
//! proxy = "http://proxy:3128"
//! compression = true
//! max_message = "16MiB"
//! connect_timeout = "10s"
//! ```

use std::time::Duration;

use feedwatch_ingest::{HttpOptions, TlsFiles};
use toml_edit::{InlineTable, Value};
use url::Url;

use super::super::configured::{Given, exposed, in_memory, with_query};
use super::super::edit::{Tables, secret_value};
use super::super::units::{duration_text, size_text};
use super::super::{CONNECT_TIMEOUT, HeaderValue, MAX_MESSAGE, QuerySecret, SecretRef};
use super::access::{files, write_files};
use super::proxy::ProxyConfig;

/// Where a feed is, who asks, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Without user name, password or fragment.
    pub url: Url,
    /// Headers of the request.
    pub headers: Vec<(String, HeaderValue)>,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<SecretRef>,
    /// Secrets that are sent behind the `?` of the address.
    pub query: Vec<QuerySecret>,
    /// Authorities and a client certificate of one's own.
    pub tls: TlsFiles,
    /// Through which proxy.
    pub proxy: ProxyConfig,
    /// The server may compress what it sends.
    pub compression: bool,
    /// Longer messages are rejected, in bytes.
    pub max_message: u64,
    /// From the first packet to the open connection.
    pub connect_timeout: Duration,
}

impl HttpConfig {
    /// With every default.
    pub fn new(url: Url) -> HttpConfig {
        HttpConfig {
            url,
            headers: Vec::new(),
            bearer: None,
            query: Vec::new(),
            tls: TlsFiles::default(),
            proxy: ProxyConfig::default(),
            compression: true,
            max_message: MAX_MESSAGE,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// Writes where it is and who asks.
    pub(in super::super) fn write_access(&self, tables: &mut Tables) {
        let HttpConfig { url, headers, bearer, query, tls, proxy, compression, max_message: _, connect_timeout: _ } =
            self;
        tables.line("url", url.as_str());
        if !headers.is_empty() {
            let pairs = headers.iter().map(|(name, value)| {
                let value = match value {
                    HeaderValue::Literal(text) => Value::from(text.as_str()),
                    HeaderValue::Secret(reference) => secret_value(reference, false),
                };
                (name.as_str(), value)
            });
            tables.line("headers", pairs.collect::<InlineTable>());
        }
        if let Some(reference) = bearer {
            tables.line("bearer", secret_value(reference, false));
        }
        if !query.is_empty() {
            let pairs = query
                .iter()
                .map(|QuerySecret { name, secret, encoded }| (name.as_str(), secret_value(secret, *encoded)));
            tables.line("query", pairs.collect::<InlineTable>());
        }
        write_files(tables, tls);
        proxy.write(tables);
        tables.line_unless("compression", compression, &true, |&on| on.into());
    }

    /// Writes its bounds.
    pub(in super::super) fn write_bounds(&self, tables: &mut Tables) {
        tables.line_unless("max_message", &self.max_message, &MAX_MESSAGE, |&bytes| size_text(bytes).into());
        tables.line_unless("connect_timeout", &self.connect_timeout, &CONNECT_TIMEOUT, |&time| {
            duration_text(time).into()
        });
    }

    /// How it is asked.
    pub(in super::super) fn options(&self, given: &Given<'_>, shown: String) -> HttpOptions {
        HttpOptions {
            headers: exposed(given.credentials),
            max_message: in_memory(self.max_message),
            connect_timeout: self.connect_timeout,
            tls: files(&self.tls, given.paths),
            proxy: self.proxy.proxy(given.credentials),
            compression: self.compression,
            shown: Some(shown),
            ..HttpOptions::new(with_query(&self.url, given.credentials))
        }
    }
}
