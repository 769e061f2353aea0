//! How an address is polled.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderValue};
use url::Url;

use crate::ConnectError;
use crate::address::host_and_port;
use crate::web::asker::Question;
use crate::web::{HttpOptions, coding};

/// How an address is polled.
#[derive(Clone, Debug)]
pub struct PollOptions {
    /// Where it is, and who asks.
    pub http: HttpOptions,
    /// From one question to the next.
    pub every: Duration,
    /// How long one answer may take, from the question to its last byte.
    pub timeout: Duration,
    /// What is wanted: the header `Accept`.
    pub accept: String,
    /// Sent with the question, which is a POST then.
    pub body: Option<String>,
}

impl PollOptions {
    /// JSON, or the text format of Prometheus, or whatever there is.
    pub const ACCEPT: &str = "application/json, text/plain;version=0.0.4;q=0.9, */*;q=0.5";

    /// The options of a feed that needs nothing but its address: every 5 s.
    pub fn new(url: impl Into<String>) -> PollOptions {
        PollOptions {
            http: HttpOptions::new(url),
            every: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            accept: PollOptions::ACCEPT.to_owned(),
            body: None,
        }
    }

    /// What is asked, without what is known of the last answer.
    pub(super) fn question(&self) -> Result<Question, ConnectError> {
        let mut question = Question::get(&self.accept)?;
        if self.http.compression {
            question.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding::OF_ANSWERS));
        }
        if let Some(body) = &self.body {
            question.method = Method::POST;
            question.body = Bytes::from(body.clone());
            let json = body.trim_start().starts_with(['{', '[']);
            let kind = if json { "application/json" } else { "text/plain; charset=utf-8" };
            question.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Ok(question)
    }

    pub(super) fn host(&self) -> impl FnOnce() -> String + '_ {
        || Url::parse(&self.http.url).map(|url| host_and_port(&url)).unwrap_or_default()
    }
}
