//! Starter profiles: feeds of well-known shapes, two clicks away. They are only data, one file each in `starters/`: an address
//! to begin with, the messages that subscribe, and what is known of the feed, in the words of `[feed.NAME.profile]`.
//!
//! They are a convenience: whatever they say is found out without them as well, but for units and plausible ranges that no
//! message tells. One is used where the operator picked it, or where the address is one of its hosts or topics.

use std::path::Path;
use std::sync::LazyLock;

use feedwatch_decode::Pins;
use toml::de::DeTable;

use super::SourceConfig;
use super::problem::{Problems, Source};
use super::profile;
use super::walk::{Table, Walk};

const FILES: [(&str, &str); 30] = [
    ("alertmanager", include_str!("../../starters/alertmanager.toml")),
    ("binance-futures", include_str!("../../starters/binance-futures.toml")),
    ("binance-spot", include_str!("../../starters/binance-spot.toml")),
    ("bitfinex", include_str!("../../starters/bitfinex.toml")),
    ("bitstamp", include_str!("../../starters/bitstamp.toml")),
    ("bybit", include_str!("../../starters/bybit.toml")),
    ("cloudevents", include_str!("../../starters/cloudevents.toml")),
    ("coinbase-advanced", include_str!("../../starters/coinbase-advanced.toml")),
    ("coinbase-exchange", include_str!("../../starters/coinbase-exchange.toml")),
    ("debezium", include_str!("../../starters/debezium.toml")),
    ("deribit", include_str!("../../starters/deribit.toml")),
    ("detection-alerts", include_str!("../../starters/detection-alerts.toml")),
    ("falco", include_str!("../../starters/falco.toml")),
    ("finnhub", include_str!("../../starters/finnhub.toml")),
    ("grafana-alerts", include_str!("../../starters/grafana-alerts.toml")),
    ("home-assistant", include_str!("../../starters/home-assistant.toml")),
    ("kraken", include_str!("../../starters/kraken.toml")),
    ("kraken-futures", include_str!("../../starters/kraken-futures.toml")),
    ("mosquitto", include_str!("../../starters/mosquitto.toml")),
    ("nats-varz", include_str!("../../starters/nats-varz.toml")),
    ("okx", include_str!("../../starters/okx.toml")),
    ("otlp-json", include_str!("../../starters/otlp-json.toml")),
    ("prometheus", include_str!("../../starters/prometheus.toml")),
    ("sparkplug-b", include_str!("../../starters/sparkplug-b.toml")),
    ("suricata-eve", include_str!("../../starters/suricata-eve.toml")),
    ("tasmota", include_str!("../../starters/tasmota.toml")),
    ("the-things-network", include_str!("../../starters/the-things-network.toml")),
    ("usgs-earthquakes", include_str!("../../starters/usgs-earthquakes.toml")),
    ("wikimedia", include_str!("../../starters/wikimedia.toml")),
    ("zigbee2mqtt", include_str!("../../starters/zigbee2mqtt.toml")),
];

/// A feed of a well-known shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Starter {
    /// Its name, in `--json` and in the window's choice.
    pub id: &'static str,
    /// What people call it.
    pub title: String,
    /// With which it is listed.
    pub group: String,
    /// What it is, and what it needs: one or two sentences.
    pub about: String,
    /// An address to begin with.
    pub address: String,
    /// Messages that subscribe.
    pub subscribe: Vec<String>,
    /// Hosts that are its own; `*.NAME` for all below one.
    hosts: Vec<String>,
    /// Topics of MQTT that are its own.
    topics: Vec<String>,
    /// What is known of its messages.
    pub pins: Pins,
}

/// All of them, by group and title.
pub fn starters() -> &'static [Starter] {
    static STARTERS: LazyLock<Vec<Starter>> = LazyLock::new(|| {
        // What is embedded is read by the tests: none of them is left out.
        let mut all: Vec<Starter> = FILES.into_iter().filter_map(|(id, text)| read(id, text).ok()).collect();
        all.sort_by(|a, b| a.group.cmp(&b.group).then(a.title.cmp(&b.title)));
        all
    });
    &STARTERS
}

/// The starter profile of this name.
pub fn starter(id: &str) -> Option<&'static Starter> {
    starters().iter().find(|starter| starter.id == id)
}

/// The starter profile whose hosts or topics a source has.
pub fn starter_of(source: &SourceConfig) -> Option<&'static Starter> {
    let host = match source {
        SourceConfig::WebSocket(config) => config.http.url.host_str(),
        SourceConfig::Sse(config) => config.http.url.host_str(),
        SourceConfig::Poll(config) => config.http.url.host_str(),
        _ => None,
    };
    let topics: Vec<&str> = match source {
        SourceConfig::Mqtt(config) => config.topics.iter().map(|topic| topic.filter.as_str()).collect(),
        _ => Vec::new(),
    };
    starters().iter().find(|starter| {
        let own = host.is_some_and(|host| starter.hosts.iter().any(|known| is_host(known, host)));
        own || (!topics.is_empty() && topics.iter().all(|topic| starter.topics.iter().any(|known| known == topic)))
    })
}

fn is_host(known: &str, host: &str) -> bool {
    match known.strip_prefix("*.") {
        Some(above) => host.strip_suffix(above).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1),
        None => known.eq_ignore_ascii_case(host),
    }
}

/// Reads a file of `starters/`.
fn read(id: &'static str, text: &str) -> Result<Starter, Problems> {
    let source = Source::new(text, Path::new(id));
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().unwrap_or(0..0);
            return Err(source.problem(at, None, error.message().to_owned(), None).into());
        }
    };
    let mut walk = Walk::new(&source);
    let mut table = Table::new(document.get_ref(), 0..0);
    let text_of = |walk: &mut Walk<'_>, table: &mut Table<'_>, key: &'static str| -> String {
        match table.take(key) {
            Some(field) => field.text(walk).unwrap_or_default().to_owned(),
            None => {
                walk.say(0..0, format!("there is no {key}"), None);
                String::new()
            }
        }
    };
    let title = text_of(&mut walk, &mut table, "title");
    let group = text_of(&mut walk, &mut table, "group");
    let about = text_of(&mut walk, &mut table, "about");
    let address = text_of(&mut walk, &mut table, "address");
    let texts = |walk: &mut Walk<'_>, table: &mut Table<'_>, key: &'static str| -> Vec<String> {
        let texts = table.take(key).and_then(|field| field.texts(walk)).unwrap_or_default();
        texts.into_iter().map(|(text, _)| text.to_owned()).collect()
    };
    let subscribe = texts(&mut walk, &mut table, "subscribe");
    let hosts = texts(&mut walk, &mut table, "hosts");
    let topics = texts(&mut walk, &mut table, "topics");
    let pins = table.take("profile").and_then(|field| field.table(&mut walk));
    let pins = pins.map(|table| profile::profile(&mut walk, table)).unwrap_or_default();
    table.finish(&mut walk, |_| None);
    let problems = walk.into_problems();
    if !problems.is_empty() {
        return Err(Problems::new(problems));
    }
    Ok(Starter { id, title, group, about, address, subscribe, hosts, topics, pins })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::newfeed::{Secrets, understand};
    use crate::wire::NewFeed;

    fn feed(starter: &Starter) -> crate::config::FeedConfig {
        let (address, subscribe) = (starter.address.clone(), starter.subscribe.clone());
        let token_env = if address.starts_with("webhook:") { "TOKEN" } else { "" }.to_owned();
        let new = NewFeed { address, subscribe, token_env, starter: starter.id.to_owned(), ..NewFeed::default() };
        match understand(&new, &[], Secrets::Refused) {
            Ok(feed) => feed,
            Err(failure) => panic!("{}: {} {}", starter.id, failure.message, failure.cure),
        }
    }

    #[test]
    fn every_file_is_read_and_none_is_forgotten() {
        for (id, text) in FILES {
            if let Err(problems) = read(id, text) {
                panic!("{problems}");
            }
        }
        assert_eq!(starters().len(), FILES.len());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("starters");
        let names: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, FILES.iter().map(|(id, _)| (*id).to_owned()).collect());
    }

    #[test]
    fn each_of_them_makes_a_feed_that_can_be_written_down() {
        for starter in starters() {
            let feed = feed(starter);
            assert_eq!(feed.pins, starter.pins, "{}", starter.id);
            for text in &starter.subscribe {
                assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{}: {text}", starter.id);
            }
            assert!(starter.about.ends_with('.') && !starter.title.is_empty() && !starter.group.is_empty());
            let written = crate::config::edit::add_feed("", &feed).unwrap();
            assert_eq!(crate::config::parse(&written, Path::new("feeds.toml")).unwrap().feeds, [feed]);
        }
    }

    #[test]
    fn an_address_is_known_by_its_host_or_its_topics() {
        let of = |address: &str| {
            let new = NewFeed { address: address.to_owned(), starter: "none".to_owned(), ..NewFeed::default() };
            let feed = understand(&new, &[], Secrets::Allowed).unwrap();
            assert!(feed.pins.is_empty(), "none was asked for");
            starter_of(&feed.source).map(|starter| starter.id)
        };
        assert_eq!(of("wss://ws.kraken.com/v2"), Some("kraken"));
        assert_eq!(of("mqtts://nam1.cloud.thethings.network/v3/app/devices/+/up"), None, "MQTT is known by its topics");
        assert_eq!(of("mqtt://10.0.0.5/zigbee2mqtt/#"), Some("zigbee2mqtt"));
        assert_eq!(of("mqtt://10.0.0.5/plant/#"), None);
        assert_eq!(of("wss://example.com/feed"), None);
        assert_eq!(
            (is_host("*.a.net", "x.a.net"), is_host("*.a.net", "a.net"), is_host("*.a.net", "xa.net")),
            (true, false, false)
        );
    }
}
