//! Reading the table, every problem with its place and its cure.

use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use feedwatch_ingest::AmqpOptions;
use url::Url;

use super::super::super::credentials::variable;
use super::super::super::source::{MESSAGE_SIZES, MOST, Places, TIMEOUTS};
use super::super::super::walk::{Field, Table, Walk, quoted};
use super::super::broker::BrokerUrl;
use super::{ALL, Access, AmqpConfig, ProxyConfig};

/// The longest name of AMQP, in bytes.
const LONGEST_NAME: usize = 255;
/// Messages that a broker may hand out ahead: what comes twice is known again within so many.
const PREFETCHES: RangeInclusive<u64> = 1..=crate::pipeline::WINDOW as u64;
const HEARTBEATS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
/// RabbitMQ counts milliseconds in 32 bits.
const EXPIRIES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);

impl AmqpConfig {
    /// Reads the table.
    pub(in super::super::super) fn read(
        walk: &mut Walk<'_>,
        feed: &str,
        mut table: Table<'_>,
        places: &mut Places,
    ) -> Option<AmqpConfig> {
        let url = url(walk, feed, &mut table);
        let vhost = table.take("vhost").and_then(|field| name(walk, &field));
        let exchange_field = table.take("exchange");
        let exchange = exchange_field.as_ref().and_then(|field| name(walk, field));
        let queue = queue(walk, &mut table, exchange_field.is_some());
        let routing_keys = routing_keys(walk, &mut table, exchange_field.is_some());
        let queue_expires = table.take("queue_expires").and_then(|field| {
            if exchange_field.is_none() {
                let cure = Some("take it out, or add exchange = \"amq.topic\"".to_owned());
                walk.say(field.key_at.clone(), "\"queue_expires\" is for a queue of our own", cure);
            }
            if field.as_text() == Some("never") { Some(None) } else { field.duration(walk, EXPIRIES).map(Some) }
        });
        let tls_at = table.take("tls").map(|field| field.key_at.clone());
        let access = Access::read(walk, feed, &mut table, false, places);
        let encrypted = url.as_ref().is_none_or(|url| url.scheme() == "amqps");
        if let (false, Some(at)) = (encrypted, tls_at) {
            walk.say(at, "\"tls\" is for amqps://", Some("write url = \"amqps://...\", or take it out".into()));
        }
        if let Some(url) = &url
            && access.user.is_none()
            && access.tls.cert.is_none()
            && !is_loopback(url)
            && !table.has_misspelt("user")
        {
            let cure = format!("add user = \"...\" and password = {}", variable(feed, "password"));
            walk.say(table.at.clone(), "a broker on another computer wants to know who asks", Some(cure));
        }
        let proxy = ProxyConfig::read(walk, feed, &mut table, places);
        let prefetch = table.take("prefetch").and_then(|field| {
            let count = field.count(walk, PREFETCHES, AmqpOptions::PREFETCH.into())?;
            u16::try_from(count).ok()
        });
        let heartbeat = table.take("heartbeat").and_then(|field| heartbeat(walk, &field));
        let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
        let connect_timeout = table.take("connect_timeout").and_then(|field| field.duration(walk, TIMEOUTS));
        table.finish(walk, |_| None);
        let usual = AmqpConfig::new(url?);
        Some(AmqpConfig {
            url: usual.url,
            vhost: vhost.unwrap_or(usual.vhost),
            queue,
            exchange,
            routing_keys,
            queue_expires: queue_expires.unwrap_or(usual.queue_expires),
            access,
            proxy,
            prefetch: prefetch.unwrap_or(usual.prefetch),
            heartbeat: heartbeat.unwrap_or(usual.heartbeat),
            max_message: max_message.unwrap_or(usual.max_message),
            connect_timeout: connect_timeout.unwrap_or(usual.connect_timeout),
        })
    }
}

/// Is the broker on this computer? The host of a scheme that browsers do not know is never taken for a number.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn url(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>) -> Option<Url> {
    let broker = BrokerUrl {
        feed: "an amqp feed",
        example: "url = \"amqps://host:5671\"",
        schemes: &["amqps", "amqp"],
        login: ("a name or password", format!("user = \"...\" and password = {}", variable(feed, "password"))),
        rest: ("virtual host and queue", "vhost = \"...\" and queue = \"...\""),
        goes_on: |_| false,
    };
    broker.read(walk, table).map(|(url, _)| url)
}

/// A name that the broker can have.
fn name(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    is_name(walk, field.key, text, field.at()).then(|| text.to_owned())
}

fn is_name(walk: &mut Walk<'_>, key: &str, text: &str, at: Range<usize>) -> bool {
    let wrong = if text.is_empty() {
        "is empty"
    } else if text.len() > LONGEST_NAME {
        "is longer than 255 bytes"
    } else {
        return true;
    };
    walk.say(at, format!("{} {wrong}", quoted(key)), None);
    false
}

fn queue(walk: &mut Walk<'_>, table: &mut Table<'_>, own: bool) -> Option<String> {
    let Some(field) = table.take("queue") else {
        if !own && !table.has_misspelt("queue") && !table.has_misspelt("exchange") {
            let cure = "add queue = \"...\", or exchange = \"amq.topic\" for a queue of our own".to_owned();
            walk.say(table.at.clone(), "this table has neither queue nor exchange", Some(cure));
        }
        return None;
    };
    let queue = name(walk, &field)?;
    if own && queue.starts_with("amq.") {
        let cure = Some("leave the line out for a name after the feed".to_owned());
        walk.say(field.at(), "names with amq. are the broker's own", cure);
        return None;
    }
    Some(queue)
}

fn routing_keys(walk: &mut Walk<'_>, table: &mut Table<'_>, own: bool) -> Vec<String> {
    let Some(field) = table.take("routing_keys") else {
        return if own { vec![ALL.to_owned()] } else { Vec::new() };
    };
    if !own {
        let cure = Some("add exchange = \"amq.topic\"".to_owned());
        walk.say(field.key_at.clone(), "\"routing_keys\" needs an exchange", cure);
    }
    let texts = field.texts(walk).unwrap_or_default();
    if texts.len() > MOST {
        walk.say(field.at(), format!("there are more than {MOST} routing keys"), None);
        return Vec::new();
    }
    if texts.is_empty() {
        let cure = format!("write routing_keys = [\"{ALL}\"] for all that a topic exchange has");
        walk.say(field.at(), "there is no routing key", Some(cure));
    }
    let mut keys: Vec<String> = Vec::new();
    for (text, at) in texts {
        if keys.iter().any(|key| key == text) {
            walk.say(at, format!("routing key {} is given twice", quoted(text)), Some("keep one".into()));
        } else if text.len() > LONGEST_NAME {
            walk.say(at, "a routing key is longer than 255 bytes", None);
        } else {
            keys.push(text.to_owned());
        }
    }
    keys
}

fn heartbeat(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Duration> {
    let time = field.duration(walk, HEARTBEATS)?;
    if time.subsec_nanos() != 0 {
        walk.say(field.at(), "a heartbeat has whole seconds", Some("write heartbeat = \"30s\"".into()));
        return None;
    }
    Some(time)
}
