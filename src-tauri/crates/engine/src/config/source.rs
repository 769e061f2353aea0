//! The protocol tables of a feed: `websocket`, `sse`, `file`.

use std::ops::Range;
use std::time::Duration;

use url::Url;

use super::problem::Source;
use super::walk::{Field, Table, Walk, quoted};
use super::{FileConfig, HeaderValue, Origin, Ping, SecretRef, SourceConfig, SseConfig, WebSocketConfig, beside};

const MESSAGE_SIZES: std::ops::RangeInclusive<u64> = 1..=1 << 30;
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const IDLE_TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(7 * 86_400);
const PINGS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);

/// Headers that the protocol writes itself.
const OWN_HEADERS: &[&str] =
    &["host", "connection", "upgrade", "content-length", "transfer-encoding", "accept", "last-event-id"];

/// More headers or subprotocols than this no server takes.
const MOST: usize = 100;

/// Where what is looked up later stands: the references to secrets, and the paths of captures, in the order of the feeds.
#[derive(Default)]
pub(super) struct Places {
    secrets: Vec<Range<usize>>,
    captures: Vec<Range<usize>>,
}

impl Places {
    /// With a problem without a message for each of them.
    pub(super) fn origin(self, source: &Source<'_>) -> Origin {
        let problems = |places: Vec<Range<usize>>| {
            places.into_iter().map(|at| source.problem(at, None, String::new(), None)).collect()
        };
        Origin {
            file: source.file.to_owned(),
            secrets: problems(self.secrets),
            captures: problems(self.captures),
            whole: Some(source.problem(0..0, None, String::new(), None)),
        }
    }
}

/// Reads a protocol table; its key tells the protocol.
pub(super) fn read(walk: &mut Walk<'_>, feed: &str, field: &Field<'_>, places: &mut Places) -> Option<SourceConfig> {
    let table = field.table(walk)?;
    match field.key {
        "websocket" => websocket(walk, feed, table, places).map(SourceConfig::WebSocket),
        "sse" => sse(walk, feed, table, places).map(SourceConfig::Sse),
        _ => file(walk, table, places).map(SourceConfig::File),
    }
}

fn websocket(walk: &mut Walk<'_>, feed: &str, mut table: Table<'_>, places: &mut Places) -> Option<WebSocketConfig> {
    let url = url(walk, feed, &mut table, &WEBSOCKET);
    let headers = headers(walk, feed, &mut table, places);
    let bearer = bearer(walk, feed, &mut table, &headers, places);
    let query = query(walk, feed, &mut table, places);
    let subprotocols = subprotocols(walk, &mut table);
    let subscribe = table.take("subscribe").and_then(|field| field.texts(walk)).unwrap_or_default();
    let subscribe = subscribe.into_iter().map(|(text, _)| text.to_owned()).collect();
    let ping = table.take("ping").and_then(|field| field.table(walk)).and_then(|table| ping(walk, table));
    let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
    let connect_timeout = table.take("connect_timeout").and_then(|field| field.duration(walk, TIMEOUTS));
    let idle_timeout = table.take("idle_timeout").map(|field| idle_timeout(walk, &field));
    table.finish(walk, |_| None);
    let usual = WebSocketConfig::new(url?);
    Some(WebSocketConfig {
        url: usual.url,
        headers,
        bearer,
        query,
        subprotocols,
        subscribe,
        ping,
        max_message: max_message.unwrap_or(usual.max_message),
        connect_timeout: connect_timeout.unwrap_or(usual.connect_timeout),
        idle_timeout: idle_timeout.unwrap_or(usual.idle_timeout),
    })
}

fn sse(walk: &mut Walk<'_>, feed: &str, mut table: Table<'_>, places: &mut Places) -> Option<SseConfig> {
    let url = url(walk, feed, &mut table, &SSE);
    let headers = headers(walk, feed, &mut table, places);
    let bearer = bearer(walk, feed, &mut table, &headers, places);
    let query = query(walk, feed, &mut table, places);
    let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
    let connect_timeout = table.take("connect_timeout").and_then(|field| field.duration(walk, TIMEOUTS));
    let idle_timeout = table.take("idle_timeout").map(|field| idle_timeout(walk, &field));
    table.finish(walk, |_| None);
    let usual = SseConfig::new(url?);
    Some(SseConfig {
        url: usual.url,
        headers,
        bearer,
        query,
        max_message: max_message.unwrap_or(usual.max_message),
        connect_timeout: connect_timeout.unwrap_or(usual.connect_timeout),
        idle_timeout: idle_timeout.unwrap_or(usual.idle_timeout),
    })
}

fn file(walk: &mut Walk<'_>, mut table: Table<'_>, places: &mut Places) -> Option<FileConfig> {
    let at = table.at.clone();
    let field = table.take("path");
    let path_at = field.as_ref().map(Field::at);
    let path = match field {
        Some(field) => field.text(walk).filter(|path| {
            let empty = path.trim().is_empty();
            if empty {
                walk.say(field.at(), "the path is empty", Some("write path = \"capture.jsonl\"".into()));
            }
            !empty
        }),
        None if table.has_misspelt("path") => None,
        None => {
            walk.say(at, "this table has no path", Some("add path = \"capture.jsonl\"".into()));
            None
        }
    };
    table.finish(walk, |_| None);
    let path = beside(walk.source.file, path?);
    places.captures.extend(path_at);
    Some(FileConfig { path })
}

/// What addresses of a protocol look like.
struct Scheme {
    article: &'static str,
    word: &'static str,
    allowed: [&'static str; 2],
    other: &'static str,
    other_schemes: [&'static str; 2],
}

const WEBSOCKET: Scheme =
    Scheme { article: "a", word: "websocket", allowed: ["wss", "ws"], other: "sse", other_schemes: ["https", "http"] };
const SSE: Scheme =
    Scheme { article: "an", word: "sse", allowed: ["https", "http"], other: "websocket", other_schemes: ["wss", "ws"] };

fn url(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>, scheme: &Scheme) -> Option<Url> {
    let example = format!("url = \"{}://host/path\"", scheme.allowed[0]);
    let Some(field) = table.take("url") else {
        if !table.has_misspelt("url") {
            walk.say(table.at.clone(), "this table has no url", Some(format!("add {example}")));
        }
        return None;
    };
    let text = field.text(walk)?;
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            // What cannot be taken apart may hold a password.
            let say = if text.contains('@') { Walk::say_secret } else { Walk::say };
            say(walk, field.at(), format!("this is no address: {error}"), Some(format!("write {example}")));
            return None;
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        let cure =
            format!("take them out, and write headers = {{ Authorization = {} }}", variable(feed, "authorization"));
        walk.say_secret(field.at(), "a name or password must not stand in the address", Some(cure));
        return None;
    }
    let is = url.scheme();
    if !scheme.allowed.contains(&is) {
        let Scheme { article, word, allowed: [first, second], other, other_schemes } = scheme;
        let message = format!(
            "the address of {article} {word} feed begins with {first}:// or {second}://, not {}://",
            quoted_bare(is)
        );
        let cure = if other_schemes.contains(&is) {
            format!("name the table [feed.{}.{other}], or write {first}://...", super::read::bare(feed))
        } else {
            format!("write {example}")
        };
        walk.say(field.at(), message, Some(cure));
        return None;
    }
    if url.fragment().is_some() {
        walk.say(field.at(), "the part behind # is never sent", Some("take it out".into()));
        return None;
    }
    Some(url)
}

/// A scheme has safe characters only, but may be long.
fn quoted_bare(scheme: &str) -> String {
    scheme.chars().take(20).collect()
}

fn headers(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>, places: &mut Places) -> Vec<(String, HeaderValue)> {
    let Some(table) = table.take("headers").and_then(|field| field.table(walk)) else { return Vec::new() };
    let mut headers: Vec<(String, HeaderValue)> = Vec::new();
    let entries = table.entries();
    if entries.len() > MOST {
        walk.say(table.at.clone(), format!("there are more than {MOST} headers"), None);
        return headers;
    }
    for (name, field) in entries {
        if !check_header_name(walk, name, &field) {
            continue;
        }
        if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            let cure = "header names do not tell capitals apart: keep one".to_owned();
            walk.say(field.key_at.clone(), format!("header {} is given twice", quoted(name)), Some(cure));
            continue;
        }
        if let Some(value) = header_value(walk, feed, name, &field, places) {
            headers.push((name.to_owned(), value));
        }
    }
    headers
}

fn check_header_name(walk: &mut Walk<'_>, name: &str, field: &Field<'_>) -> bool {
    let lower = name.to_ascii_lowercase();
    if !is_token(name) {
        let cure = "use letters, digits and hyphens".to_owned();
        walk.say(field.key_at.clone(), format!("{} is no name for a header", quoted(name)), Some(cure));
        return false;
    }
    if OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
        let cure = if lower == "sec-websocket-protocol" { "write subprotocols = [\"...\"]" } else { "take it out" };
        let message = format!("header {} is written by the protocol itself", quoted(name));
        walk.say(field.key_at.clone(), message, Some(cure.into()));
        return false;
    }
    true
}

fn header_value(
    walk: &mut Walk<'_>,
    feed: &str,
    name: &str,
    field: &Field<'_>,
    places: &mut Places,
) -> Option<HeaderValue> {
    let Some(text) = field.as_text() else {
        return secret(walk, feed, field, places).map(HeaderValue::Secret);
    };
    if is_secret_header(name) {
        let cure = format!("write {} = {}", super::read::bare(name), variable(feed, name));
        walk.say_secret(field.at(), "a secret must not stand in the configuration file", Some(cure));
        return None;
    }
    if !is_header_text(text) {
        let message = format!("header {} has characters that cannot be sent", quoted(name));
        walk.say(field.at(), message, Some("use printable ASCII".into()));
        return None;
    }
    Some(HeaderValue::Literal(text.to_owned()))
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A field value of RFC 9110, section 5.5, without what is obsolete there.
pub(super) fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t') && text.trim() == text
}

/// Headers that carry secrets by their name.
pub(crate) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "authorization" | "proxy-authorization" | "cookie")
        || name.ends_with("key")
        || ["token", "secret", "password", "signature"].iter().any(|word| name.contains(word))
}

fn bearer(
    walk: &mut Walk<'_>,
    feed: &str,
    table: &mut Table<'_>,
    headers: &[(String, HeaderValue)],
    places: &mut Places,
) -> Option<SecretRef> {
    let field = table.take("bearer")?;
    if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        let message = "\"bearer\" and the header Authorization say the same thing";
        walk.say(field.key_at.clone(), message, Some("keep one of them".into()));
    }
    if field.as_text().is_some() {
        let cure = format!("write bearer = {} or {{ file = \"token.txt\" }}", variable(feed, "token"));
        walk.say_secret(field.at(), "a secret must not stand in the configuration file", Some(cure));
        return None;
    }
    secret(walk, feed, &field, places)
}

/// Parameters of an address that carry secrets by their name.
pub(crate) fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_secret_header(&name) || ["auth", "sig", "jwt", "pwd", "passwd", "pass", "credential"].contains(&name.as_str())
}

/// Secrets that go behind the `?` of the address.
fn query(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>, places: &mut Places) -> Vec<(String, SecretRef)> {
    let Some(table) = table.take("query").and_then(|field| field.table(walk)) else { return Vec::new() };
    let entries = table.entries();
    if entries.len() > MOST {
        walk.say(table.at.clone(), format!("there are more than {MOST} parameters"), None);
        return Vec::new();
    }
    let read = entries.into_iter().filter_map(|(name, field)| {
        if field.as_text().is_some() {
            let cure = format!("write {} = {}, or put it into url if it is no secret", field.key, variable(feed, name));
            walk.say_secret(field.at(), "a secret must not stand in the configuration file", Some(cure));
            return None;
        }
        Some((name.to_owned(), secret(walk, feed, &field, places)?))
    });
    read.collect()
}

/// `{ env = "SPOT_TOKEN" }`, with a name that fits the feed.
fn variable(feed: &str, what: &str) -> String {
    let name: String = format!("{feed}_{what}")
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("{{ env = \"{name}\" }}")
}

/// `{ env = "NAME" }` or `{ file = "PATH" }`.
fn secret(walk: &mut Walk<'_>, feed: &str, field: &Field<'_>, places: &mut Places) -> Option<SecretRef> {
    let like = || Some(format!("write {} = {} or {{ file = \"token.txt\" }}", field.key, variable(feed, "token")));
    let Some(mut table) = field.as_table() else {
        let message = format!("{} should say where the secret is kept", quoted(field.key));
        walk.say_secret(field.at(), message, like());
        return None;
    };
    let (env, file) = (table.take("env"), table.take("file"));
    table.finish(walk, |_| None);
    let reference = match (env, file) {
        (Some(env), None) => {
            let name = env.text(walk)?;
            if name.is_empty() || name.contains(['=', '\0']) {
                walk.say(env.at(), format!("{} is no name for a variable", quoted(name)), like());
                return None;
            }
            SecretRef::Env(name.to_owned())
        }
        (None, Some(file)) => {
            let path = file.text(walk)?;
            if path.trim().is_empty() {
                walk.say(file.at(), "the path is empty", like());
                return None;
            }
            SecretRef::File(beside(walk.source.file, path))
        }
        _ => {
            let message = format!("{} needs either env or file", quoted(field.key));
            walk.say(field.at(), message, like());
            return None;
        }
    };
    places.secrets.push(field.at());
    Some(reference)
}

fn subprotocols(walk: &mut Walk<'_>, table: &mut Table<'_>) -> Vec<String> {
    let texts = table.take("subprotocols").and_then(|field| field.texts(walk)).unwrap_or_default();
    let mut kept: Vec<String> = Vec::new();
    if texts.len() > MOST {
        walk.say(table.at.clone(), format!("there are more than {MOST} subprotocols"), None);
        return kept;
    }
    for (text, at) in texts {
        // RFC 6455, section 4.1: tokens, each once.
        if !is_token(text) {
            walk.say(at, format!("{} is no name for a subprotocol", quoted(text)), None);
        } else if kept.iter().any(|other| other == text) {
            walk.say(at, format!("subprotocol {} is given twice", quoted(text)), Some("keep one".into()));
        } else {
            kept.push(text.to_owned());
        }
    }
    kept
}

fn ping(walk: &mut Walk<'_>, mut table: Table<'_>) -> Option<Ping> {
    let (every, text) = (table.take("every"), table.take("text"));
    if every.is_none() || text.is_none() {
        let cure = "write ping = { every = \"30s\", text = \"ping\" }".to_owned();
        walk.say(table.at.clone(), "\"ping\" needs both every and text", Some(cure));
    }
    table.finish(walk, |_| None);
    let every = every.and_then(|field| field.duration(walk, PINGS));
    let text = text.and_then(|field| field.text(walk));
    Some(Ping { every: every?, text: text?.to_owned() })
}

/// A duration, or `"never"`.
fn idle_timeout(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Duration> {
    if field.as_text() == Some("never") { None } else { field.duration(walk, IDLE_TIMEOUTS) }
}
