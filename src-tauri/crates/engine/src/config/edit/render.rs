//! A feed as TOML. Every struct is taken apart, so that a new field does not compile until somebody decides how it is
//! written.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use toml_edit::{Array, InlineTable, Value};

use super::super::read::bare;
use super::super::units::{duration_text, size_text};
use super::super::{FeedConfig, Limits, Ping, Rate, SecretRef, SseConfig, WebSocketConfig};

/// The tables of a feed, without blank lines between them.
pub(super) fn feed(feed: &FeedConfig) -> String {
    let FeedConfig { name, title, format, source, backups, endpoints, limits, pins, signature } = feed;
    let mut tables = Tables { name: bare(name), text: String::new() };
    if title.is_some() || format.is_some() {
        tables.open("");
    }
    if let Some(title) = title {
        tables.line("title", title.as_str());
    }
    if let Some(format) = format {
        tables.line("format", format.word());
    }
    tables.open(&format!(".{}", source.protocol().word()));
    source.configured().write(&mut tables);
    for backup in backups {
        tables.open(&format!(".backup.{}.{}", bare(&backup.name), backup.source.protocol().word()));
        backup.source.configured().write(&mut tables);
    }
    super::super::endpoints::write(&mut tables, endpoints);
    self::limits(&mut tables, limits);
    super::super::profile::write(&mut tables, pins);
    super::super::signature::write(&mut tables, signature.as_ref());
    tables.text
}

/// Tables being written.
pub(crate) struct Tables {
    name: String,
    text: String,
}

impl Tables {
    pub(crate) fn open(&mut self, table: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "[feed.{}{table}]", self.name);
    }

    /// A line of the open table.
    pub(crate) fn line(&mut self, key: &str, value: impl Into<Value>) {
        let _ = writeln!(self.text, "{key} = {}", value.into());
    }

    /// A line with a path.
    pub(crate) fn path(&mut self, key: &str, path: &Path) {
        self.line(key, path_text(path));
    }

    /// A line, unless it says what is usual.
    pub(crate) fn line_unless<T: PartialEq>(&mut self, key: &str, value: &T, usual: &T, write: impl Fn(&T) -> Value) {
        if value != usual {
            self.line(key, write(value));
        }
    }
}

pub(crate) fn websocket(tables: &mut Tables, config: &WebSocketConfig) {
    let usual = WebSocketConfig::new(config.http.url.clone());
    let WebSocketConfig { http, subprotocols, subscribe, snapshot, reconnect_on, ping, idle_timeout } = config;
    http.write_access(tables);
    tables
        .line_unless("subprotocols", subprotocols, &usual.subprotocols, |texts| texts.iter().collect::<Array>().into());
    let list = |texts: &Vec<String>| texts.iter().collect::<Array>().into();
    tables.line_unless("subscribe", subscribe, &usual.subscribe, list);
    tables.line_unless("snapshot", snapshot, &usual.snapshot, list);
    tables.line_unless("reconnect_on", reconnect_on, &usual.reconnect_on, list);
    if let Some(Ping { every, text }) = ping {
        let pairs = [("every", duration_text(*every)), ("text", text.clone())];
        tables.line("ping", pairs.into_iter().collect::<InlineTable>());
    }
    http.write_bounds(tables);
    tables.line_unless("idle_timeout", idle_timeout, &usual.idle_timeout, idle);
}

pub(crate) fn sse(tables: &mut Tables, config: &SseConfig) {
    let usual = SseConfig::new(config.http.url.clone());
    let SseConfig { http, idle_timeout, open: _ } = config;
    http.write_access(tables);
    http.write_bounds(tables);
    tables.line_unless("idle_timeout", idle_timeout, &usual.idle_timeout, idle);
}

fn idle(timeout: &Option<Duration>) -> Value {
    timeout.map_or_else(|| "never".to_owned(), duration_text).into()
}

pub(crate) fn secret_value(reference: &SecretRef, encoded: bool) -> Value {
    let (key, kept) = match reference {
        SecretRef::Env(name) => ("env", Value::from(name.as_str())),
        SecretRef::File(path) => ("file", Value::from(path_text(path))),
        SecretRef::Keyring(name) => ("keyring", Value::from(name.as_str())),
        SecretRef::Command(words) => ("command", Value::from(words.iter().collect::<Array>())),
    };
    let encoded = encoded.then_some(("encoded", Value::from(true)));
    Value::InlineTable([(key, kept)].into_iter().chain(encoded).collect())
}

fn limits(tables: &mut Tables, limits: &Limits) {
    let usual = Limits::default();
    if *limits == usual {
        return;
    }
    let Limits { series, inbox_messages, inbox_bytes, rate } = limits;
    tables.open(".limits");
    tables.line_unless("series", series, &usual.series, |&count| i64::from(count).into());
    tables.line_unless("inbox_messages", inbox_messages, &usual.inbox_messages, |&count| {
        i64::try_from(count).unwrap_or(i64::MAX).into()
    });
    tables.line_unless("inbox_bytes", inbox_bytes, &usual.inbox_bytes, |&bytes| size_text(bytes).into());
    if let Some(rate) = rate {
        let (key, value) = match rate {
            Rate::Newest(per) => ("conflate", Value::from(duration_text(*per))),
            Rate::Every(count) => ("every", Value::from(i64::from(*count))),
            Rate::AtMost(count) => ("at_most", Value::from(i64::from(*count))),
        };
        tables.line("rate", [(key, value)].into_iter().collect::<InlineTable>());
    }
}

/// A path that is no UTF-8 cannot stand in TOML; the check after the change refuses it, as it does not read back equal.
pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
