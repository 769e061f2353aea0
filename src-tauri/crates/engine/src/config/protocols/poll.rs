//! `[feed.NAME.poll]`: an address that is asked again and again.
//!
//! ```toml
//! [feed.node.poll]
//! url = "http://localhost:9100/metrics"
//! every = "5s"                                   # 100 ms to 1 day
//! timeout = "10s"                                # of one answer
//! accept = "application/json"                    # what is wanted; usually JSON or the text format of Prometheus
//! body = '{"query":"{level}"}'                   # makes the question a POST
//! ```
//!
//! Everything else is as for server-sent events: headers, bearer, query, tls, proxy, compression, max_message,
//! connect_timeout.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::{PollOptions, PollSource, Source};
use feedwatch_model::Protocol;
use url::Url;

use super::super::configured::{Configured, Given, without_query_secrets};
use super::super::credentials::is_header_text;
use super::super::edit::Tables;
use super::super::source::{self, POLL, Places, TIMEOUTS};
use super::super::units::duration_text;
use super::super::walk::{Field, Table, Walk};
use super::super::{HeaderValue, HttpConfig, QuerySecret, SecretRef};

const EVERY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);
/// Of a question that is a POST.
const LONGEST_BODY: usize = 64 << 10;

/// An address that is asked again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollConfig {
    /// Where it is, and who asks.
    pub http: HttpConfig,
    /// From one question to the next.
    pub every: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// What is wanted.
    pub accept: String,
    /// Makes the question a POST.
    pub body: Option<String>,
}

impl PollConfig {
    /// With every default.
    pub fn new(url: Url) -> PollConfig {
        let PollOptions { every, timeout, accept, body, http: _ } = PollOptions::new("");
        PollConfig { http: HttpConfig::new(url), every, timeout, accept, body }
    }

    /// Reads the table.
    pub(in super::super) fn read(
        walk: &mut Walk<'_>,
        feed: &str,
        mut table: Table<'_>,
        places: &mut Places,
    ) -> Option<PollConfig> {
        let http = source::http(walk, feed, &mut table, &POLL, places);
        let every = table.take("every").and_then(|field| field.duration(walk, EVERY));
        let timeout = table.take("timeout").and_then(|field| field.duration(walk, TIMEOUTS));
        let accept = table.take("accept").and_then(|field| accept(walk, &field));
        let body = table.take("body").and_then(|field| body(walk, &field));
        table.finish(walk, |_| None);
        let http = http?;
        let usual = PollConfig::new(http.url.clone());
        Some(PollConfig {
            http,
            every: every.unwrap_or(usual.every),
            timeout: timeout.unwrap_or(usual.timeout),
            accept: accept.unwrap_or(usual.accept),
            body,
        })
    }

    /// What is looked at for an address of which only HTTP is known.
    pub(in super::super) fn options(&self, given: &Given<'_>) -> PollOptions {
        PollOptions {
            http: self.http.options(given, self.shown_address()),
            every: self.every,
            timeout: self.timeout,
            accept: self.accept.clone(),
            body: self.body.clone(),
        }
    }
}

fn accept(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    if text.is_empty() || !is_header_text(text) {
        let cure = "write accept = \"application/json\", or leave the line out".to_owned();
        walk.say(field.at(), "this cannot be sent as a header", Some(cure));
        return None;
    }
    Some(text.to_owned())
}

fn body(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    if text.is_empty() || text.len() > LONGEST_BODY {
        let cure = Some("leave the line out for a question without one".to_owned());
        walk.say(field.at(), "a body has between 1 byte and 64KiB", cure);
        return None;
    }
    Some(text.to_owned())
}

impl Configured for PollConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Poll
    }

    fn shown_address(&self) -> String {
        without_query_secrets(&self.http.url, &self.http.query)
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.http.max_message)
    }

    fn headers(&self) -> &[(String, HeaderValue)] {
        &self.http.headers
    }

    fn bearer(&self) -> Option<&SecretRef> {
        self.http.bearer.as_ref()
    }

    fn query(&self) -> &[QuerySecret] {
        &self.http.query
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        self.http.proxy.secrets()
    }

    fn write(&self, tables: &mut Tables) {
        let PollConfig { http, every, timeout, accept, body } = self;
        let usual = PollConfig::new(http.url.clone());
        http.write_access(tables);
        tables.line_unless("every", every, &usual.every, |&time| duration_text(time).into());
        tables.line_unless("timeout", timeout, &usual.timeout, |&time| duration_text(time).into());
        tables.line_unless("accept", accept, &usual.accept, |accept| accept.as_str().into());
        if let Some(body) = body {
            tables.line("body", body.as_str());
        }
        http.write_bounds(tables);
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        Arc::new(PollSource::new(self.options(given), given.clock))
    }
}

#[cfg(test)]
mod tests;
