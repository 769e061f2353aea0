//! The protocol tables of a feed: `websocket`, `sse`, `file`; the others are read in [`protocols`].

use std::ops::Range;
use std::time::Duration;

use feedwatch_ingest::{TlsFiles, is_secret};
use url::Url;

use super::credentials::{self, is_token, variable};
use super::problem::Source;
use super::protocols;
use super::read::bare;
use super::walk::{Field, Table, Walk, quoted};
use super::{
    AmqpConfig, FileConfig, HttpConfig, LinesConfig, MqttConfig, NatsConfig, Origin, Ping, PollConfig, ProxyConfig,
    SourceConfig, SseConfig, TailConfig, WebSocketConfig, WebhookConfig, beside,
};

pub(super) const MESSAGE_SIZES: std::ops::RangeInclusive<u64> = 1..=1 << 30;
pub(super) const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const IDLE_TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(7 * 86_400);
const PINGS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);

/// More headers or subprotocols than this no server takes.
pub(super) const MOST: usize = 100;

/// Where what is looked up later stands: the references to secrets, and the paths of captures, in the order of the feeds.
#[derive(Default)]
pub(super) struct Places {
    secrets: Vec<Range<usize>>,
    captures: Vec<Range<usize>>,
    /// A feed reads standard input already.
    has_input: bool,
}

impl Places {
    /// A reference to a secret.
    pub(super) fn secret(&mut self, at: Range<usize>) {
        self.secrets.push(at);
    }

    /// A feed that reads standard input, of which there is one.
    pub(super) fn input(&mut self, walk: &mut Walk<'_>, at: Range<usize>) {
        if std::mem::replace(&mut self.has_input, true) {
            let cure = "keep one, and give the other a port: url = \"tcp-listen://127.0.0.1:9000\"".to_owned();
            walk.say(at, "two feeds cannot both read standard input", Some(cure));
        }
    }

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
        "kafka" => protocols::kafka::read(walk, feed, table, places).map(SourceConfig::Kafka),
        "amqp" => AmqpConfig::read(walk, feed, table, places).map(SourceConfig::Amqp),
        "poll" => PollConfig::read(walk, feed, table, places).map(SourceConfig::Poll),
        "mqtt" => MqttConfig::read(walk, feed, table, places).map(SourceConfig::Mqtt),
        "nats" => NatsConfig::read(walk, feed, table, places).map(SourceConfig::Nats),
        "tail" => TailConfig::read(walk, table).map(SourceConfig::Tail),
        "lines" => LinesConfig::read(walk, feed, table, places).map(SourceConfig::Lines),
        "webhook" => WebhookConfig::read(walk, feed, table, places).map(SourceConfig::Webhook),
        _ => file(walk, table, places).map(SourceConfig::File),
    }
}

/// What all protocols over HTTP have.
pub(super) fn http(
    walk: &mut Walk<'_>,
    feed: &str,
    table: &mut Table<'_>,
    scheme: &Scheme,
    places: &mut Places,
) -> Option<HttpConfig> {
    let url = url(walk, feed, table, scheme);
    let headers = credentials::headers(walk, feed, table, places);
    let bearer = credentials::bearer(walk, feed, table, &headers, places);
    let query = credentials::query(walk, feed, table, places);
    let tls = tls(walk, table, url.as_ref(), scheme);
    let proxy = ProxyConfig::read(walk, feed, table, places);
    let compression = table.take("compression").and_then(|field| field.flag(walk));
    let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
    let connect_timeout = table.take("connect_timeout").and_then(|field| field.duration(walk, TIMEOUTS));
    let usual = HttpConfig::new(url?);
    Some(HttpConfig {
        url: usual.url,
        headers,
        bearer,
        query,
        tls,
        proxy,
        compression: compression.unwrap_or(usual.compression),
        max_message: max_message.unwrap_or(usual.max_message),
        connect_timeout: connect_timeout.unwrap_or(usual.connect_timeout),
    })
}

/// Files for TLS, where there is TLS.
fn tls(walk: &mut Walk<'_>, table: &mut Table<'_>, url: Option<&Url>, scheme: &Scheme) -> TlsFiles {
    let files = protocols::access::tls(walk, table);
    let [encrypted, _] = scheme.allowed;
    if files != TlsFiles::default() && url.is_some_and(|url| url.scheme() != encrypted) {
        let cure = format!("write url = \"{encrypted}://...\", or take it out");
        let at = table.take("tls").map_or(table.at.clone(), |field| field.key_at);
        walk.say(at, format!("\"tls\" is for {encrypted}://"), Some(cure));
    }
    files
}

fn websocket(walk: &mut Walk<'_>, feed: &str, mut table: Table<'_>, places: &mut Places) -> Option<WebSocketConfig> {
    let http = http(walk, feed, &mut table, &WEBSOCKET, places);
    let idle_timeout = table.take("idle_timeout").map(|field| idle_timeout(walk, &field));
    let subprotocols = subprotocols(walk, &mut table);
    let mut sent = |walk: &mut Walk<'_>, key: &'static str| -> Vec<String> {
        let texts = table.take(key).and_then(|field| field.texts(walk)).unwrap_or_default();
        texts.into_iter().map(|(text, _)| text.to_owned()).collect()
    };
    let subscribe = sent(walk, "subscribe");
    let snapshot = sent(walk, "snapshot");
    let reconnect_on = table.take("reconnect_on").and_then(|field| reconnect_on(walk, &field));
    let ping = table.take("ping").and_then(|field| field.table(walk)).and_then(|table| ping(walk, table));
    table.finish(walk, |_| None);
    let http = http?;
    let usual = WebSocketConfig::new(http.url.clone());
    Some(WebSocketConfig {
        http,
        subprotocols,
        subscribe,
        snapshot,
        reconnect_on: reconnect_on.unwrap_or(usual.reconnect_on),
        ping,
        idle_timeout: idle_timeout.unwrap_or(usual.idle_timeout),
    })
}

/// Texts that must not be empty: each would be found in every message.
fn reconnect_on(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Vec<String>> {
    let texts = field.texts(walk)?;
    if texts.len() > MOST {
        walk.say(field.at(), format!("there are more than {MOST} texts"), None);
        return None;
    }
    for (text, at) in &texts {
        if text.trim().is_empty() {
            let cure = Some("write what the server's message holds, or leave the line out".to_owned());
            walk.say(at.clone(), "an empty text would be found in every message", cure);
        }
    }
    Some(texts.into_iter().map(|(text, _)| text.to_owned()).collect())
}

fn sse(walk: &mut Walk<'_>, feed: &str, mut table: Table<'_>, places: &mut Places) -> Option<SseConfig> {
    let http = http(walk, feed, &mut table, &SSE, places);
    let idle_timeout = table.take("idle_timeout").map(|field| idle_timeout(walk, &field));
    table.finish(walk, |_| None);
    let http = http?;
    let usual = SseConfig::new(http.url.clone());
    Some(SseConfig { http, idle_timeout: idle_timeout.unwrap_or(usual.idle_timeout), open: usual.open })
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
pub(super) struct Scheme {
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
pub(super) const POLL: Scheme =
    Scheme { article: "a", word: "poll", allowed: ["https", "http"], other: "websocket", other_schemes: ["wss", "ws"] };

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
            walk.say(field.at(), format!("this is no address: {error}"), Some(format!("write {example}")));
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
            format!("name the table [feed.{}.{other}], or write {first}://...", bare(feed))
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
    if let Some((name, _)) = url.query_pairs().find(|(name, value)| is_secret(name, value)) {
        let message = format!("{} is a secret, which must not stand in the address", quoted(&name));
        let cure = format!("take it out, and write query = {{ {} = {} }}", bare(&name), variable(feed, &name));
        walk.say_secret(field.at(), message, Some(cure));
        return None;
    }
    Some(url)
}

/// A scheme has safe characters only, but may be long.
fn quoted_bare(scheme: &str) -> String {
    scheme.chars().take(20).collect()
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
pub(super) fn idle_timeout(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Duration> {
    if field.as_text() == Some("never") { None } else { field.duration(walk, IDLE_TIMEOUTS) }
}
