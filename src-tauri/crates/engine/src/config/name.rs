//! A good name for a feed, from its address.

use std::path::Path;

use url::{Host, Url};

/// Words in host names that say nothing about the feed.
const NOISE: &[&str] = &[
    "www",
    "ws",
    "wss",
    "api",
    "stream",
    "streams",
    "streaming",
    "feed",
    "feeds",
    "data",
    "live",
    "socket",
    "sockets",
    "websocket",
    "push",
    "public",
    "pub",
    "prod",
    "events",
    "sse",
    "io",
    "gateway",
    "edge",
    "v1",
    "v2",
    "v3",
];
/// Second-level domains that belong to the top-level one: `co.uk`.
const SECOND_LEVEL: &[&str] = &["co", "com", "net", "org", "ac", "gov", "edu"];
const LONGEST: usize = 32;

/// A name for a feed at `address` (an address or the path of a capture) that is not among the `existing` ones.
///
/// ```
/// use feedwatch_engine::config::suggest_name;
///
/// assert_eq!(suggest_name("wss://ws-feed.exchange.coinbase.com", &[]), "coinbase");
/// assert_eq!(suggest_name("https://stream.wikimedia.org/v2/stream/recentchange", &["wikimedia"]), "wikimedia-2");
/// assert_eq!(suggest_name("nats://127.0.0.1:4222/trades.>", &[]), "local");
/// assert_eq!(suggest_name("/captures/plant floor.jsonl", &[]), "plant-floor");
/// ```
pub fn suggest_name(address: &str, existing: &[&str]) -> String {
    let host = Url::parse(address).ok().and_then(|url| url.host().map(|host| from_host(&numbered(&host.to_owned()))));
    let base = host.unwrap_or_else(|| from_path(address));
    let base = clean(&base);
    let base = if base.is_empty() { "feed".to_owned() } else { base };
    let taken = |name: &str| existing.iter().any(|other| other.eq_ignore_ascii_case(name));
    if !taken(&base) {
        return base;
    }
    // One more than there are names: one of them must be free.
    (2..=existing.len() + 2).map(|number| format!("{base}-{number}")).find(|name| !taken(name)).unwrap_or(base)
}

/// The host of a scheme that browsers do not know is never taken for a number.
fn numbered(host: &Host) -> Host {
    match host {
        Host::Domain(domain) => domain.parse().map_or_else(|_| host.clone(), Host::Ipv4),
        host => host.clone(),
    }
}

fn from_host(host: &Host) -> String {
    let domain = match host {
        Host::Domain(domain) => domain,
        Host::Ipv4(address) if address.is_loopback() => return "local".into(),
        Host::Ipv6(address) if address.is_loopback() => return "local".into(),
        Host::Ipv4(address) => return format!("feed-{address}"),
        Host::Ipv6(_) => return "feed".into(),
    };
    if domain == "localhost" {
        return "local".into();
    }
    let mut labels: Vec<&str> = domain.split('.').filter(|label| !label.is_empty()).collect();
    if labels.len() > 1 {
        labels.pop();
    }
    if labels.len() > 1 && labels.last().is_some_and(|label| SECOND_LEVEL.contains(label)) {
        labels.pop();
    }
    // The registered name comes last; what stands before it is mostly noise.
    let telling = labels.iter().rev().find(|label| !NOISE.contains(label));
    telling.or(labels.last()).map_or_else(String::new, |label| (*label).to_owned())
}

fn from_path(path: &str) -> String {
    Path::new(path).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Lower case, allowed characters only, no hyphens at the ends or twice.
fn clean(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        let character = character.to_ascii_lowercase();
        if character.is_ascii_alphanumeric() || character == '_' {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() == LONGEST {
            break;
        }
    }
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_name_is_what_people_call_the_host() {
        for (address, name) in [
            ("wss://stream.binance.com:9443/ws", "binance"),
            ("wss://ws.kraken.com/v2", "kraken"),
            ("https://www.example.co.uk/feed", "example"),
            ("ws://127.0.0.1:8080/", "local"),
            ("ws://localhost:8080/", "local"),
            ("ws://192.168.1.7/", "feed-192-168-1-7"),
            ("ws://plc4/", "plc4"),
            ("wss://api.stream.io/", "stream"),
            ("", "feed"),
            ("...", "feed"),
        ] {
            assert_eq!(suggest_name(address, &[]), name, "{address}");
        }
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        assert_eq!(suggest_name("wss://ws.kraken.com", &["kraken", "Kraken-2"]), "kraken-3");
    }

    proptest! {
        #[test]
        fn every_name_is_allowed_and_free(address: String, existing in proptest::collection::vec("feed(-[2-9])?", 0..6)) {
            let existing: Vec<&str> = existing.iter().map(String::as_str).collect();
            let name = suggest_name(&address, &existing);
            prop_assert!(super::super::read::is_name(&name), "{name:?}");
            prop_assert!(!existing.contains(&name.as_str()));
        }
    }
}
