//! Whether a request is taken: judged by its head alone.

use std::hint::black_box;
use std::sync::Arc;

use feedwatch_model::MessageMeta;
use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Method, StatusCode};
use url::form_urlencoded;

use super::WebhookOptions;
use crate::Secret;
use crate::address::is_secret;
use crate::headers::{event_source, percent_decoded};

/// Headers kept beside a message, and characters of each.
const HEADERS: usize = 32;
const LONGEST: usize = 1_024;
/// By which senders name a message, the most telling first.
const IDS: [&str; 5] = ["webhook-id", "idempotency-key", "x-github-delivery", "ce-id", "x-request-id"];

/// Who may come in.
#[derive(Debug)]
pub(super) struct Gate {
    path: String,
    token: Secret,
    header: Option<HeaderName>,
    parameter: Option<String>,
    max_message: usize,
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is nothing at this path.
    Path,
    /// Neither POST nor PUT.
    Method,
    /// No token, or a wrong one.
    Token,
    /// Its body is too large.
    Size,
    /// Its body is compressed in a way that is not read.
    Coding,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Refusal::Path => StatusCode::NOT_FOUND,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Token => StatusCode::UNAUTHORIZED,
            Refusal::Size => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Coding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

impl Gate {
    pub(super) fn new(options: &WebhookOptions) -> Gate {
        Gate {
            path: options.path.trim_end_matches('/').to_owned(),
            token: options.token.clone(),
            header: options.token_header.as_ref().and_then(|name| name.parse().ok()),
            parameter: options.token_parameter.clone(),
            max_message: options.max_message,
        }
    }

    /// What is to be known of the message whose request has this head, and comes `from` this address.
    pub(super) fn admit(&self, head: &Parts, from: Option<&Arc<str>>) -> Result<MessageMeta, Refusal> {
        let topic = self.topic(head.uri.path()).ok_or(Refusal::Path)?;
        if head.method != Method::POST && head.method != Method::PUT {
            return Err(Refusal::Method);
        }
        if !self.knows_token(head) {
            return Err(Refusal::Token);
        }
        let announced =
            text(&head.headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
        if announced.is_some_and(|length| length > self.max_message) {
            return Err(Refusal::Size);
        }
        // gzip and Zstandard are told by their first bytes when the message is decoded.
        match text(&head.headers, header::CONTENT_ENCODING.as_str()).unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "identity" | "gzip" | "x-gzip" | "zstd" => {}
            _ => return Err(Refusal::Coding),
        }
        let headers = self.kept(&head.headers);
        let id = IDS.into_iter().find_map(|name| text(&head.headers, name)).filter(|id| !id.is_empty());
        Ok(MessageMeta {
            topic: Some(topic).filter(|topic| !topic.is_empty()).map(Arc::from),
            id: id.map(cut),
            publisher: event_source(&headers).or_else(|| from.cloned()),
            headers,
            awaits_ack: true,
            ..MessageMeta::default()
        })
    }

    /// What stands below our path, decoded; `None`: it is another path.
    fn topic(&self, path: &str) -> Option<String> {
        let below = path.strip_prefix(self.path.as_str())?;
        if !below.is_empty() && !below.starts_with('/') {
            return None;
        }
        let topic = String::from_utf8_lossy(&percent_decoded(below.trim_matches('/'))).into_owned();
        Some(topic.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect())
    }

    fn knows_token(&self, head: &Parts) -> bool {
        let bearer = head.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).and_then(|value| {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
        });
        let named = self.header.as_ref().and_then(|name| head.headers.get(name)).map(|value| value.as_bytes());
        let parameter = self.parameter.as_ref().and_then(|wanted| {
            let pairs = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
            pairs.into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        });
        let given = [bearer, named, parameter.as_deref().map(str::as_bytes)];
        // All are compared, so that the time does not tell which one was right.
        given.into_iter().flatten().fold(false, |known, given| known | is_same(given, self.token.expose().as_bytes()))
    }

    /// Headers that tell of the message, its signatures first; never the token.
    fn kept(&self, headers: &HeaderMap) -> Vec<(Arc<str>, Arc<str>)> {
        let is_telling = |name: &str| {
            matches!(name, "content-type" | "content-encoding" | "user-agent" | "idempotency-key")
                || ["x-", "ce-", "webhook-"].iter().any(|begin| name.starts_with(begin))
        };
        let texts = headers.iter().filter(|(name, _)| self.header.as_ref() != Some(*name));
        let texts = texts.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let (signatures, others): (Vec<_>, Vec<_>) = texts.partition(|(name, value)| is_signature(name, value));
        let telling = others.into_iter().filter(|(name, value)| is_telling(name) && !is_secret(name, value));
        let kept = signatures.into_iter().chain(telling).map(|(name, value)| (Arc::from(name), cut(value)));
        kept.take(HEADERS).collect()
    }
}

/// A signature of the message, which proves something of this message only: in an address the same word is a token.
fn is_signature(name: &str, value: &str) -> bool {
    let rest = ["signature", "hmac", "sign", "sig"].iter().fold(name.to_owned(), |name, word| name.replace(word, ""));
    let called =
        name.contains("signature") || name.contains("hmac") || ["-sig", "-sign"].iter().any(|end| name.ends_with(end));
    called && !is_secret(&rest, value)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn cut(text: &str) -> Arc<str> {
    Arc::from(text.chars().take(LONGEST).collect::<String>())
}

/// Compared to the end, whatever differs; only the length may be told by the time it takes.
fn is_same(given: &[u8], token: &[u8]) -> bool {
    let differs = given.iter().zip(token).fold(0, |differs, (a, b)| black_box(differs | (a ^ b)));
    given.len() == token.len() && !token.is_empty() && differs == 0
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn gate(change: impl FnOnce(&mut WebhookOptions)) -> Gate {
        let mut options = WebhookOptions::new(([127, 0, 0, 1], 8080).into(), Secret::new("s3cr3t"));
        options.path = "/hook".to_owned();
        options.max_message = 100;
        change(&mut options);
        Gate::new(&options)
    }

    fn admitted(gate: &Gate, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<MessageMeta, Refusal> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        gate.admit(&request.body(()).unwrap().into_parts().0, Some(&"10.0.0.7".into()))
    }

    const BEARER: (&str, &str) = ("authorization", "Bearer s3cr3t");

    #[test]
    fn a_request_is_judged_by_path_method_token_size_and_coding() {
        let gate = gate(|_| {});
        let judged = |method, path, headers: &[(&str, &str)]| admitted(&gate, method, path, headers).map(|_| ());
        assert_eq!(judged("POST", "/hook", &[BEARER]), Ok(()));
        assert_eq!(judged("PUT", "/hook/", &[BEARER, ("content-length", "100")]), Ok(()));
        assert_eq!(judged("POST", "/hook", &[BEARER, ("content-encoding", "gzip")]), Ok(()));
        assert_eq!(judged("POST", "/other", &[BEARER]), Err(Refusal::Path));
        assert_eq!(judged("POST", "/hooks", &[BEARER]), Err(Refusal::Path));
        assert_eq!(judged("POST", "/", &[BEARER]), Err(Refusal::Path));
        assert_eq!(judged("GET", "/hook", &[BEARER]), Err(Refusal::Method));
        assert_eq!(judged("POST", "/hook", &[]), Err(Refusal::Token));
        assert_eq!(judged("POST", "/hook", &[BEARER, ("content-length", "101")]), Err(Refusal::Size));
        assert_eq!(judged("POST", "/hook", &[BEARER, ("content-encoding", "br")]), Err(Refusal::Coding));
    }

    #[test]
    fn a_token_is_known_where_it_may_stand_and_nowhere_else() {
        let with = gate(|options| {
            options.token_header = Some("X-Gitlab-Token".into());
            options.token_parameter = Some("key".into());
        });
        let without = gate(|_| {});
        let judged = |gate: &Gate, path, header: (&str, &str)| admitted(gate, "POST", path, &[header]).is_ok();
        for token in ["Bearer s3cr3t", "bearer  s3cr3t ", "BEARER s3cr3t"] {
            assert!(judged(&without, "/hook", ("authorization", token)), "{token}");
        }
        for token in ["s3cr3t", "Basic s3cr3t", "Bearer", "Bearer ", "Bearer s3cr3", "Bearer s3cr3tt", "Bearer S3CR3T"]
        {
            assert!(!judged(&with, "/hook", ("authorization", token)), "{token}");
        }
        assert!(
            judged(&with, "/hook", ("x-gitlab-token", "s3cr3t")) && judged(&with, "/hook?a=b&key=s3cr3%74", ("a", "b"))
        );
        assert!(
            !judged(&without, "/hook", ("x-gitlab-token", "s3cr3t"))
                && !judged(&without, "/hook?key=s3cr3t", ("a", "b"))
        );
        assert!(!judged(&with, "/hook?key=", ("x-gitlab-token", "")));
    }

    #[test]
    fn what_tells_of_the_message_stands_beside_it_and_the_token_never_does() {
        let gate = gate(|options| options.token_header = Some("X-Hook".into()));
        let headers = [
            ("x-hook", "s3cr3t"),
            ("content-type", "application/json"),
            ("user-agent", "Alertmanager/0.27.0"),
            ("x-event", "firing"),
            ("x-api-key", "s3cr3t"),
            ("authorization", "Bearer s3cr3t"),
            ("cookie", "s3cr3t"),
            ("accept", "*/*"),
            ("x-request-id", "r1"),
            ("webhook-id", "w1"),
            ("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a"),
            ("stripe-signature", "t=1,v1=757107ea0eb2509fc211221cce984b8a"),
            ("x-signature-key", "s3cr3t"),
        ];
        let meta = admitted(&gate, "POST", "/hook/falco/rule%201", &headers).unwrap();
        assert_eq!(
            (meta.topic.as_deref(), meta.id.as_deref(), meta.awaits_ack),
            (Some("falco/rule 1"), Some("w1"), true)
        );
        assert_eq!(meta.publisher.as_deref(), Some("10.0.0.7"));
        let event = [BEARER, ("ce-source", "/plant/7")];
        assert_eq!(admitted(&gate, "POST", "/hook", &event).unwrap().publisher.as_deref(), Some("/plant/7"));
        let names: Vec<&str> = meta.headers.iter().map(|(name, _)| &**name).collect();
        let signatures = ["x-hub-signature-256", "stripe-signature"];
        assert_eq!(names[..2], signatures, "they prove this message, and are no token");
        assert_eq!(names[2..], ["content-type", "user-agent", "x-event", "x-request-id", "webhook-id"]);
        assert!(!format!("{meta:?}{gate:?}").contains("s3cr3t"));
        let many: Vec<(String, String)> = (0..90).map(|n| (format!("x-{n}"), "y".repeat(3_000))).collect();
        let mut many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        many.push(BEARER);
        let meta = admitted(&gate, "POST", "/hook", &many).unwrap();
        assert_eq!(meta.headers.len(), HEADERS);
        assert!(meta.headers.iter().all(|(_, value)| value.len() == LONGEST));
    }

    proptest! {
        #[test]
        fn only_the_same_bytes_are_the_same(
            a in proptest::collection::vec(0u8..3, 0..6), b in proptest::collection::vec(0u8..3, 1..6),
        ) {
            prop_assert_eq!(is_same(&a, &b), a == b);
        }

        #[test]
        fn no_path_panics(path in "/[!-~]{0,40}") {
            let Ok(uri) = path.parse::<http::Uri>() else { return Ok(()) };
            let _ = gate(|_| {}).topic(uri.path());
            let _ = gate(|options| options.path = "/".into()).topic(uri.path());
        }
    }
}
