//! Reading the table, every problem with its place and its cure.

use std::ops::RangeInclusive;
use std::time::Duration;

use feedwatch_ingest::{MqttOptions, MqttTopic, MqttVersion, is_secret, wrong_mqtt_filter};
use url::Url;

use super::super::super::credentials::variable;
use super::super::super::is_unprintable;
use super::super::super::source::{MESSAGE_SIZES, MOST, Places, TIMEOUTS};
use super::super::super::walk::{Field, Table, Walk, quoted};
use super::super::ProxyConfig;
use super::super::broker::BrokerUrl;
use super::{Access, MqttConfig, SCHEMES};

/// Messages on their way: what comes twice is known again within so many.
const RECEIVE_MAXIMA: RangeInclusive<u64> = 1..=crate::pipeline::WINDOW as u64;
/// MQTT has 16 bits for the seconds.
const KEEP_ALIVES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(65_535);
/// MQTT 5 has 32 bits, of which the largest number is "never".
const EXPIRIES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_650 * 86_400);
/// Bytes of a client_id.
const LONGEST_ID: usize = 256;

impl MqttConfig {
    /// Reads the table.
    pub(in super::super::super) fn read(
        walk: &mut Walk<'_>,
        feed: &str,
        mut table: Table<'_>,
        places: &mut Places,
    ) -> Option<MqttConfig> {
        let url = url(walk, feed, &mut table);
        let qos = table.take("qos").and_then(|field| qos(walk, &field)).unwrap_or_default();
        let topics = topics(walk, &mut table, qos);
        let version = table.take("version").and_then(|field| version(walk, &field)).unwrap_or_default();
        let tls_at = table.take("tls").map(|field| field.key_at.clone());
        let access = Access::read(walk, feed, &mut table, false, places);
        let proxy = ProxyConfig::read(walk, feed, &mut table, places);
        let encrypted = url.as_ref().is_none_or(|url| matches!(url.scheme(), "mqtts" | "mqtt+wss"));
        if let (false, Some(at)) = (encrypted, tls_at) {
            let cure = "write url = \"mqtts://...\", or take it out".to_owned();
            walk.say(at, "\"tls\" is for mqtts:// and mqtt+wss://", Some(cure));
        }
        let client_id = table.take("client_id").and_then(|field| client_id(walk, &field));
        let lasting = Lasting { version, any: topics.iter().any(|topic| topic.qos > 0) || topics.is_empty() };
        let session_expiry = table.take("session_expiry").and_then(|field| {
            lasting.check(walk, &field);
            if field.as_text() == Some("never") { Some(None) } else { whole_seconds(walk, &field, EXPIRIES).map(Some) }
        });
        let receive_maximum = table.take("receive_maximum").and_then(|field| {
            lasting.check(walk, &field);
            let count = field.count(walk, RECEIVE_MAXIMA, MqttOptions::RECEIVE_MAXIMUM.into())?;
            u16::try_from(count).ok()
        });
        let keep_alive = table.take("keep_alive").and_then(|field| whole_seconds(walk, &field, KEEP_ALIVES));
        let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
        let connect_timeout = table.take("connect_timeout").and_then(|field| field.duration(walk, TIMEOUTS));
        table.finish(walk, |_| None);
        let usual = MqttConfig::new(url?, topics);
        Some(MqttConfig {
            url: usual.url,
            topics: usual.topics,
            version,
            access,
            proxy,
            client_id,
            session_expiry: session_expiry.unwrap_or(usual.session_expiry),
            receive_maximum: receive_maximum.unwrap_or(usual.receive_maximum),
            keep_alive: keep_alive.unwrap_or(usual.keep_alive),
            max_message: max_message.unwrap_or(usual.max_message),
            connect_timeout: connect_timeout.unwrap_or(usual.connect_timeout),
        })
    }
}

/// Whether the broker keeps a session on our terms.
struct Lasting {
    version: MqttVersion,
    /// A topic asks for it, or it is not known.
    any: bool,
}

impl Lasting {
    /// Has this key a meaning?
    fn check(&self, walk: &mut Walk<'_>, field: &Field<'_>) {
        let key = quoted(field.key);
        if self.version == MqttVersion::V311 {
            let cure = "take it out, or write version = \"5\"".to_owned();
            walk.say(field.key_at.clone(), format!("{key} is for MQTT 5"), Some(cure));
        } else if !self.any {
            let cure = "take it out, or write qos = 1".to_owned();
            walk.say(field.key_at.clone(), format!("{key} is for topics with qos 1 or 2"), Some(cure));
        }
    }
}

fn url(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>) -> Option<Url> {
    let login = format!("user = \"...\" and password = {}", variable(feed, "password"));
    let broker = BrokerUrl {
        feed: "an mqtt feed",
        example: "url = \"mqtts://host\"",
        schemes: &SCHEMES,
        login: ("a name or password", login.clone()),
        rest: ("topics", "topics = [\"plant/#\"]"),
        goes_on: |url| url.scheme().starts_with("mqtt+"),
    };
    let (url, at) = broker.read(walk, table)?;
    if let Some((name, _)) = url.query_pairs().find(|(name, value)| is_secret(name, value)) {
        let message = format!("{} is a secret, which must not stand in the address", quoted(&name));
        walk.say_secret(at, message, Some(format!("take it out, and write {login}")));
        return None;
    }
    Some(url)
}

fn topics(walk: &mut Walk<'_>, table: &mut Table<'_>, usual: u8) -> Vec<MqttTopic> {
    const EXAMPLE: &str = "topics = [\"plant/#\", { topic = \"alerts/+\", qos = 1 }]";
    let Some(field) = table.take("topics") else {
        if !table.has_misspelt("topics") {
            walk.say(table.at.clone(), "this table has no topics", Some(format!("add {EXAMPLE}")));
        }
        return Vec::new();
    };
    let Some(items) = field.items(walk, "a list of topics", EXAMPLE) else { return Vec::new() };
    if items.is_empty() || items.len() > MOST {
        let message =
            if items.is_empty() { "there is no topic".into() } else { format!("there are more than {MOST} topics") };
        walk.say(field.at(), message, Some(format!("write {EXAMPLE}, or [\"#\"] for all that the broker has")));
        return Vec::new();
    }
    let mut topics: Vec<MqttTopic> = Vec::new();
    for item in items {
        let Some((topic, at)) = topic(walk, &item, usual, EXAMPLE) else { continue };
        if let Some(wrong) = wrong_mqtt_filter(&topic.filter) {
            walk.say(at, format!("topic {} {wrong}", quoted(&topic.filter)), Some(format!("write {EXAMPLE}")));
        } else if topics.iter().any(|other| other.filter == topic.filter) {
            walk.say(at, format!("topic {} is given twice", quoted(&topic.filter)), Some("keep one".into()));
        } else {
            topics.push(topic);
        }
    }
    topics
}

/// A text, or a table with a text and its QoS; and where the text stands.
fn topic(
    walk: &mut Walk<'_>,
    item: &Field<'_>,
    usual: u8,
    example: &str,
) -> Option<(MqttTopic, std::ops::Range<usize>)> {
    if let Some(text) = item.as_text() {
        return Some((MqttTopic { filter: text.to_owned(), qos: usual }, item.at()));
    }
    let Some(mut table) = item.as_table() else {
        walk.say(item.at(), "a topic is a text, or a table with topic and qos", Some(format!("write {example}")));
        return None;
    };
    let field = table.take("topic");
    if field.is_none() && !table.has_misspelt("topic") {
        walk.say(table.at.clone(), "this table has no topic", Some(format!("write {example}")));
    }
    let filter = field.as_ref().and_then(|field| field.text(walk));
    let qos = table.take("qos").and_then(|field| qos(walk, &field)).unwrap_or(usual);
    table.finish(walk, |_| None);
    Some((MqttTopic { filter: filter?.to_owned(), qos }, field?.at()))
}

fn qos(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<u8> {
    u8::try_from(field.count(walk, 0..=2, 1)?).ok()
}

fn version(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<MqttVersion> {
    let found = MqttVersion::ALL.into_iter().find(|version| field.as_text() == Some(version.word()));
    if found.is_none() {
        let cure = "write version = \"5\" or version = \"3.1.1\"".to_owned();
        walk.say(field.at(), "this is no version of MQTT that is spoken here", Some(cure));
    }
    found
}

fn client_id(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    if text.is_empty() || text.len() > LONGEST_ID || text.chars().any(is_unprintable) {
        let cure = "write client_id = \"console1\", or leave the line out".to_owned();
        walk.say(field.at(), "this is no name for a client", Some(cure));
        return None;
    }
    Some(text.to_owned())
}

fn whole_seconds(walk: &mut Walk<'_>, field: &Field<'_>, range: RangeInclusive<Duration>) -> Option<Duration> {
    let time = field.duration(walk, range)?;
    if time.subsec_nanos() != 0 {
        let cure = format!("write {} = \"30s\"", field.key);
        walk.say(field.at(), format!("{} has whole seconds", quoted(field.key)), Some(cure));
        return None;
    }
    Some(time)
}
