//! Reading the table, every problem with its place and its cure.

use std::ops::RangeInclusive;
use std::time::Duration;

use feedwatch_ingest::{NatsOptions, NatsStart};
use feedwatch_model::Time;
use url::Url;

use super::super::super::SecretRef;
use super::super::super::credentials::{secret_of, variable};
use super::super::super::source::{MESSAGE_SIZES, MOST, Places, TIMEOUTS};
use super::super::super::walk::{Field, Table, Walk, quoted};
use super::super::broker::BrokerUrl;
use super::{Access, NatsConfig, ProxyConfig, subject};

/// Messages that a server may hand out ahead: what comes again is known again within so many.
const PENDING: RangeInclusive<u64> = 1..=crate::pipeline::WINDOW as u64;
const PINGS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

impl NatsConfig {
    /// Reads the table.
    pub(in super::super::super) fn read(
        walk: &mut Walk<'_>,
        feed: &str,
        mut table: Table<'_>,
        places: &mut Places,
    ) -> Option<NatsConfig> {
        let url = url(walk, feed, &mut table);
        let stream_field = table.take("stream");
        let stream = stream_field.as_ref().and_then(|field| name(walk, field));
        let subjects = subjects(walk, &mut table, stream_field.is_some());
        let queue = table.take("queue").and_then(|field| {
            if stream_field.is_some() {
                let cure =
                    Some("take it out: consoles that name the same durable share a stream's messages".to_owned());
                walk.say(field.key_at.clone(), "\"queue\" is for subjects without a stream", cure);
            }
            name(walk, &field)
        });
        let durable =
            of_stream(walk, &mut table, "durable", stream_field.is_some()).and_then(|field| name(walk, &field));
        let start = of_stream(walk, &mut table, "start", stream_field.is_some()).and_then(|field| start(walk, &field));
        let pending = of_stream(walk, &mut table, "max_ack_pending", stream_field.is_some());
        let pending = pending.and_then(|field| field.count(walk, PENDING, NatsOptions::MAX_ACK_PENDING.into()));
        let tls_at = table.take("tls").map(|field| field.key_at.clone());
        let access = Access::read(walk, feed, &mut table, true, places);
        if let (Some("nats"), Some(at)) = (url.as_ref().map(Url::scheme), tls_at) {
            walk.say(at, "\"tls\" is for nats+tls://", Some("write url = \"nats+tls://...\", or take it out".into()));
        }
        let (creds, nkey) = keys(walk, feed, &mut table, &access, places);
        let proxy = ProxyConfig::read(walk, feed, &mut table, places);
        let ping_interval = table.take("ping_interval").and_then(|field| field.duration(walk, PINGS));
        let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
        let connect_timeout = table.take("connect_timeout").and_then(|field| field.duration(walk, TIMEOUTS));
        table.finish(walk, |_| None);
        let usual = NatsConfig::new(url?);
        Some(NatsConfig {
            subjects,
            queue,
            stream,
            durable,
            start: start.unwrap_or(usual.start),
            max_ack_pending: pending.and_then(|count| u16::try_from(count).ok()).unwrap_or(usual.max_ack_pending),
            access,
            creds,
            nkey,
            proxy,
            ping_interval: ping_interval.unwrap_or(usual.ping_interval),
            max_message: max_message.unwrap_or(usual.max_message),
            connect_timeout: connect_timeout.unwrap_or(usual.connect_timeout),
            ..usual
        })
    }
}

fn url(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>) -> Option<Url> {
    let (password, token) = (variable(feed, "password"), variable(feed, "token"));
    let broker = BrokerUrl {
        feed: "a nats feed",
        example: "url = \"nats://host:4222\"",
        schemes: &["nats", "nats+tls"],
        login: ("a name, password or token", format!("user = \"...\" and password = {password}, or token = {token}")),
        rest: ("subjects", "subjects = [\"...\"]"),
        goes_on: |_| false,
    };
    broker.read(walk, table).map(|(url, _)| url)
}

fn subjects(walk: &mut Walk<'_>, table: &mut Table<'_>, has_stream: bool) -> Vec<String> {
    let cure = "subjects = [\"prices.>\"]";
    let Some(field) = table.take("subjects") else {
        if !has_stream && !table.has_misspelt("subjects") && !table.has_misspelt("stream") {
            let cure = format!("add {cure}, or stream = \"...\" for a stream of JetStream");
            walk.say(table.at.clone(), "this table has neither subjects nor a stream", Some(cure));
        }
        return Vec::new();
    };
    let Some(texts) = field.texts(walk) else { return Vec::new() };
    if texts.len() > MOST {
        let cure = Some("write wildcards: subjects = [\"prices.>\"]".to_owned());
        walk.say(field.at(), format!("there are more than {MOST} subjects"), cure);
        return Vec::new();
    }
    if texts.is_empty() {
        let whole = if has_stream { ", or leave the line out for all of the stream" } else { "" };
        walk.say(field.at(), "there are no subjects", Some(format!("write {cure}{whole}")));
    }
    let mut subjects: Vec<String> = Vec::new();
    for (text, at) in texts {
        if let Some(wrong) = subject::wrong(text) {
            walk.say(at, format!("{} {wrong}", quoted(text)), Some(format!("write {cure}")));
        } else if let Some(other) = subjects.iter().find(|other| subject::overlap(other, text)) {
            let message = format!("{} overlaps with {}: messages would come twice", quoted(text), quoted(other));
            walk.say(at, message, Some("keep the wider one".into()));
        } else {
            subjects.push(text.to_owned());
        }
    }
    subjects
}

/// A name of one word.
fn name(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    if !subject::is_name(text) {
        let message = format!("{} is no name for {}", quoted(text), quoted(field.key));
        walk.say(field.at(), message, Some("use letters, digits, - and _".into()));
        return None;
    }
    Some(text.to_owned())
}

/// A key that only streams have.
fn of_stream<'a>(walk: &mut Walk<'_>, table: &mut Table<'a>, key: &'static str, has_stream: bool) -> Option<Field<'a>> {
    let field = table.take(key)?;
    if !has_stream {
        let cure = Some("add stream = \"...\", or take it out: without a stream nothing is kept for us".to_owned());
        walk.say(field.key_at.clone(), format!("{key:?} is for a stream"), cure);
    }
    Some(field)
}

fn start(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<NatsStart> {
    match field.text(walk)? {
        "earliest" => Some(NatsStart::Earliest),
        "latest" => Some(NatsStart::Latest),
        text => match Time::parse_rfc3339(text) {
            Ok(time) if time.nanos() >= 0 => Some(NatsStart::At(time)),
            _ => {
                let cure = "write \"earliest\", \"latest\", or a time like \"2026-03-01T12:00:00Z\"".to_owned();
                walk.say(field.at(), format!("{} says no start", quoted(text)), Some(cure));
                None
            }
        },
    }
}

/// `creds` and `nkey`: one way to say who we are is enough.
fn keys(
    walk: &mut Walk<'_>,
    feed: &str,
    table: &mut Table<'_>,
    access: &Access,
    places: &mut Places,
) -> (Option<SecretRef>, Option<SecretRef>) {
    let mut said = access.user.as_ref().map(|_| "user").or(access.token.as_ref().map(|_| "token"));
    let mut one = |walk: &mut Walk<'_>, key: &'static str| {
        let field = table.take(key)?;
        if let Some(other) = said.replace(key) {
            let message = format!("{other:?} and {key:?} both say who we are");
            walk.say(field.key_at.clone(), message, Some("keep one of them".into()));
        }
        secret_of(walk, feed, &field, places)
    };
    (one(walk, "creds"), one(walk, "nkey"))
}
