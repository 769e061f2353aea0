//! What an operator pastes: which protocol it means, and what is wrong with it.
//!
//! | address | protocol |
//! |---|---|
//! | `ws://`, `wss://` | WebSocket |
//! | `http://`, `https://` | server-sent events, pinned as such by `sse+http://`, `sse+https://` |
//! | `poll+http://`, `poll+https://` | HTTP, asked again and again |
//! | `mqtt://host/topic/#`, `mqtts://`, `mqtt+ws://host/path?topic=a/#`, `mqtt+wss://` | MQTT |
//! | `nats://host/subject.>`, `nats://host/?stream=NAME`, `nats+tls://` | NATS |
//! | `kafka://host,host/topic`, `kafka+tls://` | Kafka |
//! | `amqp://host/queue?vhost=/`, `amqp://host/?exchange=amq.topic&routing_key=plant.#`, `amqps://` | RabbitMQ |
//! | `webhook://127.0.0.1:8080/path` | HTTP, told by others: listens there |
//! | `tcp://host:port`, `tcp+tls://` | lines of a TCP server |
//! | `tcp-listen://127.0.0.1:port`, `udp://127.0.0.1:port`, `stdin:` or `-` | lines: listens there, or reads its own input |
//! | `tail:/path/of/file` | a file that grows |
//! | what looks like a path, `file://` | a capture |
//!
//! ```
//! use feedwatch_ingest::address::{parse, redact};
//! use feedwatch_model::Protocol;
//!
//! let address = parse("  \"wss://example.com/feed?token=abc\" ").unwrap();
//! assert_eq!(address.protocol, Protocol::WebSocket);
//! assert_eq!(redact(&address.url), "wss://example.com/feed?token=***");
//! assert_eq!(parse("example.com/feed").unwrap_err().to_string(),
//!     "\"example.com/feed\" says neither a protocol nor a file. Paste it with its beginning, as wss://example.com/feed \
//!      for a WebSocket or https://example.com/feed for server-sent events.");
//! ```

use std::path::Path;

use feedwatch_model::Protocol;
use url::{Url, form_urlencoded};

use crate::headers::percent_decoded;

/// An address, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// How to speak to it.
    pub protocol: Protocol,
    /// The URL with which to connect, or the path of the file. Of brokers it is without topic.
    pub url: String,
    /// What is asked for there: topic, subject, queue; empty where nothing was said or the protocol has no such thing.
    pub topic: String,
    /// The operator said the protocol; otherwise it is what this scheme mostly means.
    pub pinned: bool,
}

/// What is wrong with an address, and what to paste instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing there.
    #[error(
        "There is no address. Paste one: wss://… for a WebSocket, https://… for server-sent events, or a capture file."
    )]
    Empty,
    /// Something that is neither a URL nor a file.
    #[error(
        "{0:?} says neither a protocol nor a file. Paste it with its beginning, as wss://{0} for a WebSocket or \
         https://{0} for server-sent events."
    )]
    NoScheme(String),
    /// A protocol that is not spoken.
    #[error(
        "Feedwatch does not speak {0}://. It speaks wss://, https:// (server-sent events), poll+https://, mqtts://, \
         nats://, kafka://, amqps://, webhook://, tcp://, udp://, tail: and reads capture files."
    )]
    Scheme(String),
    /// A space or a line break.
    #[error("The address has a space or a line break in it. Paste one address only.")]
    Space,
    /// Something within the URL.
    #[error("The address cannot be read: {0}. It looks like wss://example.com:443/feed.")]
    Url(String),
}

const FILES: [&str; 8] = ["jsonl", "ndjson", "json", "sse", "txt", "csv", "prom", "log"];

/// Understands what was pasted; spaces, quotes and angle brackets around it do not matter.
///
/// # Errors
/// [`AddressError`], a sentence that says what to paste.
pub fn parse(text: &str) -> Result<Address, AddressError> {
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || "\"'`“”„‘’".contains(letter));
    // A subject of NATS may end with >.
    let text = text.strip_prefix('<').map_or(text, |text| text.strip_suffix('>').unwrap_or(text));
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    if text == "-" || text.eq_ignore_ascii_case("stdin:") {
        return Ok(Address { protocol: Protocol::Lines, url: "stdin:".to_owned(), topic: String::new(), pinned: true });
    }
    if let Some(path) = text.strip_prefix("tail:").filter(|path| !path.starts_with("//") && !path.is_empty()) {
        return Ok(Address { protocol: Protocol::Tail, ..file(path) });
    }
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return if is_file(text) { Ok(file(text)) } else { Err(no_scheme(text)) };
    };
    let scheme = scheme.to_ascii_lowercase();
    if let Some(protocol) = broker(&scheme) {
        return with_topic(protocol, &scheme, rest);
    }
    let (protocol, pinned, scheme) = match scheme.as_str() {
        "ws" | "wss" => (Protocol::WebSocket, true, scheme.as_str()),
        "http" | "https" => (Protocol::Sse, false, scheme.as_str()),
        "sse+http" => (Protocol::Sse, true, "http"),
        "sse+https" => (Protocol::Sse, true, "https"),
        "poll+http" => (Protocol::Poll, true, "http"),
        "poll+https" => (Protocol::Poll, true, "https"),
        "mqtt+ws" | "mqtt+wss" => (Protocol::Mqtt, true, scheme.as_str()),
        "webhook" => (Protocol::Webhook, true, "webhook"),
        "tcp" | "tcp+tls" | "tcp-listen" | "udp" => (Protocol::Lines, true, scheme.as_str()),
        "tail" => return Ok(Address { protocol: Protocol::Tail, ..file(rest) }),
        "file" => return Ok(file(rest)),
        _ => return Err(AddressError::Scheme(scheme)),
    };
    if rest.contains(char::is_whitespace) {
        return Err(AddressError::Space);
    }
    let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(|error| AddressError::Url(error.to_string()))?;
    // A fragment is for the reader of a page; RFC 6455 forbids it.
    url.set_fragment(None);
    if url.port() == Some(0) {
        return Err(AddressError::Url("there is no port 0".to_owned()));
    }
    let topic = if protocol == Protocol::Mqtt { topic_of_query(&mut url, rest) } else { String::new() };
    Ok(Address { protocol, url: url.into(), topic, pinned })
}

fn file(path: &str) -> Address {
    Address { protocol: Protocol::File, url: path.to_owned(), topic: String::new(), pinned: true }
}

fn broker(scheme: &str) -> Option<Protocol> {
    Some(match scheme {
        "mqtt" | "mqtts" => Protocol::Mqtt,
        "nats" | "nats+tls" => Protocol::Nats,
        "kafka" | "kafka+tls" => Protocol::Kafka,
        "amqp" | "amqps" => Protocol::Amqp,
        _ => return None,
    })
}

/// `host:port/topic?query`. A topic may hold `#`, `?` and `>`, and stands as it is.
fn with_topic(protocol: Protocol, scheme: &str, rest: &str) -> Result<Address, AddressError> {
    if rest.contains(char::is_whitespace) {
        return Err(AddressError::Space);
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    // What stands behind the topic: of AMQP the virtual host, or an exchange with routing keys; of NATS a stream or a group.
    let names: &[&str] = match protocol {
        Protocol::Amqp => &["vhost=", "exchange=", "routing_key="],
        Protocol::Nats => &["stream=", "queue="],
        _ => &[],
    };
    let begins = |query: &str| names.iter().any(|name| query.starts_with(name));
    let behind = path.rsplit_once('?').filter(|(_, query)| begins(query));
    let (topic, query) = match behind {
        // A routing key may hold #, which a URL ends before.
        Some((topic, query)) => (topic, format!("/?{}", query.replace('#', "%23"))),
        None => (path, String::new()),
    };
    let hosts: Vec<&str> = authority.split(',').collect();
    if hosts.len() > 1 && protocol != Protocol::Kafka {
        return Err(AddressError::Url("only kafka:// takes several hosts".to_owned()));
    }
    let user = hosts.first().and_then(|first| first.rsplit_once('@')).map(|(user, _)| format!("{user}@"));
    for host in &hosts {
        let host = host.rsplit_once('@').map_or(*host, |(_, host)| host);
        let user = user.as_deref().unwrap_or_default();
        let url =
            Url::parse(&format!("{scheme}://{user}{host}")).map_err(|error| AddressError::Url(error.to_string()))?;
        if host.is_empty() || url.host_str().is_none_or(str::is_empty) {
            return Err(AddressError::Url("it has no host".to_owned()));
        }
        if url.port() == Some(0) {
            return Err(AddressError::Url("there is no port 0".to_owned()));
        }
    }
    let topic = String::from_utf8_lossy(&percent_decoded(topic)).into_owned();
    Ok(Address { protocol, url: format!("{scheme}://{authority}{query}"), topic, pinned: true })
}

/// Takes `?topic=` out of the address of MQTT over WebSocket. A topic may end with `#`, which a URL ends before.
fn topic_of_query(url: &mut Url, rest: &str) -> String {
    let found = url.query_pairs().find(|(name, _)| name == "topic").map(|(_, topic)| topic.into_owned());
    let Some(mut topic) = found else { return String::new() };
    if rest.ends_with('#') {
        topic.push('#');
    }
    let others: Vec<String> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.starts_with("topic="))
        .map(str::to_owned)
        .collect();
    url.set_query(Some(others.join("&").as_str()).filter(|others| !others.is_empty()));
    topic
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}

/// Looks like a path, or is one.
fn is_file(text: &str) -> bool {
    let path = Path::new(text);
    let known = path
        .extension()
        .and_then(|end| end.to_str())
        .is_some_and(|end| FILES.iter().any(|known| known.eq_ignore_ascii_case(end)));
    known || path.is_absolute() || text.starts_with("./") || text.starts_with("../") || path.exists()
}

fn no_scheme(text: &str) -> AddressError {
    if text.contains(char::is_whitespace) { AddressError::Space } else { AddressError::NoScheme(redact(text)) }
}

/// The address without what must not be seen: user and password, and the values of query parameters that [`is_secret`].
pub fn redact(url: &str) -> String {
    hide(url, |pair| match pair.split_once('=') {
        Some((name, value)) if is_secret(&decoded(name), value) => format!("{name}=***"),
        _ => pair.to_owned(),
    })
}

/// The address without any value behind its `?`: for what a server sends back, which may be a secret under another name.
pub(crate) fn without_values(url: &str) -> String {
    hide(url, |pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}=***"),
        None => "***".to_owned(),
    })
}

fn hide(url: &str, pair: impl Fn(&str) -> String) -> String {
    // What stands behind # is never sent, and may be a token that a server sends back.
    let url = url.split('#').next().unwrap_or_default();
    let Some((before, query)) = url.split_once('?') else { return without_user(url) };
    let pairs: Vec<String> = query.split('&').map(pair).collect();
    format!("{}?{}", without_user(before), pairs.join("&"))
}

fn without_user(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None if url.starts_with("//") => url.split_at(2),
        None => ("", url),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}***@{host}{path}"),
        None => url.to_owned(),
    }
}

/// The name of a parameter as the server reads it.
fn decoded(name: &str) -> String {
    form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// Does this parameter of an address, or this header, carry a secret? Judged by its name; by its value too where the name
/// also has harmless uses: `code=BTC` is none, `code=` with 32 letters and digits is one.
///
/// ```
/// use feedwatch_ingest::is_secret;
///
/// assert!(is_secret("apiKey", "1") && is_secret("X-Amz-Signature", "1") && is_secret("auth", "1"));
/// assert!(!is_secret("author", "ann") && !is_secret("keyword", "oil") && !is_secret("code", "BTC"));
/// assert!(is_secret("appid", "0123456789abcdef0123456789abcdef"));
/// ```
pub fn is_secret(name: &str, value: &str) -> bool {
    let words = words(name);
    let joined = words.concat();
    let joined = joined.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let named = joined.ends_with("key")
        || ANYWHERE.iter().any(|part| joined.contains(part))
        || words.iter().any(|word| WORDS.contains(&word.as_str()));
    let perhaps = || PERHAPS.contains(&joined) || words.iter().any(|word| PERHAPS.contains(&word.as_str()));
    !value.is_empty() && (named || (looks_random(value) && perhaps()))
}

/// Wherever they stand in a name.
const ANYWHERE: [&str; 9] =
    ["token", "secret", "password", "passwd", "passphrase", "passcode", "credential", "signature", "authorization"];
/// As a word of a name.
const WORDS: [&str; 9] = ["auth", "oauth", "pass", "pwd", "sig", "jwt", "bearer", "cookie", "psk"];
/// As a word of a name, before a value that looks random.
const PERHAPS: [&str; 6] = ["code", "session", "sessionid", "sid", "sign", "appid"];

/// The words of a name, in small letters: `X-AuthId` has `x`, `auth` and `id`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small_before = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (small_before && letter.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
        small_before = letter.is_lowercase();
    }
    words
}

/// Long, of letters and digits.
fn looks_random(value: &str) -> bool {
    let of = |kind: fn(&char) -> bool| value.chars().any(|letter| kind(&letter));
    value.len() >= 16
        && value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_=+/.%".contains(letter))
        && of(char::is_ascii_digit)
        && of(char::is_ascii_alphabetic)
}

/// `example.com:443`, for sentences.
pub(crate) fn host_and_port(url: &Url) -> String {
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => redact(url.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn understood(text: &str) -> (Protocol, String) {
        let address = parse(text).unwrap();
        (address.protocol, address.url)
    }

    #[test]
    fn the_scheme_tells_the_protocol() {
        assert_eq!(understood("wss://example.com/feed"), (Protocol::WebSocket, "wss://example.com/feed".into()));
        assert_eq!(understood("WS://Example.com"), (Protocol::WebSocket, "ws://example.com/".into()));
        assert_eq!(understood("https://example.com/s"), (Protocol::Sse, "https://example.com/s".into()));
        assert_eq!(understood("sse+https://example.com/s"), (Protocol::Sse, "https://example.com/s".into()));
        assert!(parse("sse+http://example.com").unwrap().pinned && !parse("http://example.com").unwrap().pinned);
    }

    #[test]
    fn a_brokers_address_names_what_is_asked_for_there() {
        let of = |text: &str| {
            let address = parse(text).unwrap();
            (address.protocol, address.url, address.topic)
        };
        let is = |protocol, url: &str, topic: &str| (protocol, url.to_owned(), topic.to_owned());
        assert_eq!(of("mqtts://h:8883/plant/+/temp/#"), is(Protocol::Mqtt, "mqtts://h:8883", "plant/+/temp/#"));
        assert_eq!(of("mqtt://h"), is(Protocol::Mqtt, "mqtt://h", ""));
        assert_eq!(of("mqtt+wss://h/mqtt?topic=a/#"), is(Protocol::Mqtt, "mqtt+wss://h/mqtt", "a/#"));
        assert_eq!(of("nats://u:p@h/prices.>"), is(Protocol::Nats, "nats://u:p@h", "prices.>"));
        assert_eq!(of("nats://h/a.?x?stream=S"), is(Protocol::Nats, "nats://h/?stream=S", "a.?x"));
        assert_eq!(of("kafka://a:1,b:2/prices"), is(Protocol::Kafka, "kafka://a:1,b:2", "prices"));
        assert_eq!(of("amqps://h/orders?vhost=%2F"), is(Protocol::Amqp, "amqps://h/?vhost=%2F", "orders"));
        assert_eq!(of("poll+https://h/metrics"), is(Protocol::Poll, "https://h/metrics", ""));
        assert_eq!(of("udp://127.0.0.1:514"), is(Protocol::Lines, "udp://127.0.0.1:514", ""));
        assert_eq!(of("-"), is(Protocol::Lines, "stdin:", ""));
        assert_eq!(of("tail:/var/log/eve.json"), is(Protocol::Tail, "/var/log/eve.json", ""));
        assert_eq!(of("tail:///var/log/eve.json"), is(Protocol::Tail, "/var/log/eve.json", ""));
        for text in ["mqtt://", "mqtt:///a", "nats://a,b/c", "kafka://a,,b/t", "amqp://h:0/q", "mqtt://h/a b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_path_is_a_file() {
        for text in ["/data/a", "./a", "../feeds/a.jsonl", "a.sse", "a.TXT", "file:///data/a"] {
            assert_eq!(parse(text).unwrap().protocol, Protocol::File, "{text}");
        }
        assert_eq!(understood("file:///data/a").1, "/data/a");
    }

    #[test]
    fn spaces_quotes_and_fragments_fall_away() {
        assert_eq!(understood(" 'wss://example.com/a#top'\n").1, "wss://example.com/a");
        assert_eq!(understood("<https://example.com/a>").1, "https://example.com/a");
    }

    #[test]
    fn a_wrong_address_is_told_with_the_cure() {
        assert_eq!(parse("  "), Err(AddressError::Empty));
        assert_eq!(parse("gopher://example.com"), Err(AddressError::Scheme("gopher".into())));
        assert_eq!(parse("wss://example.com/a b"), Err(AddressError::Space));
        assert_eq!(parse("see example.com"), Err(AddressError::Space));
        assert_eq!(parse("example.com:8080"), Err(AddressError::NoScheme("example.com:8080".into())));
        for text in ["wss://", "wss://:80", "wss://exa mple", "wss://example.com:99999", "wss://example.com:0"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(redact("wss://u:p@example.com/a"), "wss://***@example.com/a");
        assert_eq!(redact("wss://u:p@ss@example.com"), "wss://***@example.com");
        assert_eq!(
            redact("https://example.com/a?apiKey=1&symbol=BTC&X-Amz-Signature=2&access_token=3&password#frag"),
            "https://example.com/a?apiKey=***&symbol=BTC&X-Amz-Signature=***&access_token=***&password"
        );
        assert_eq!(redact("wss://example.com/?to%6Ben=1"), "wss://example.com/?to%6Ben=***");
        assert_eq!(redact("https://example.com/a@b"), "https://example.com/a@b");
        assert_eq!(redact("user:pw@example.com/x"), "***@example.com/x");
    }

    #[test]
    fn a_name_tells_a_secret() {
        for name in [
            "token",
            "X-Auth-Token",
            "accessKey",
            "APIKEY",
            "listenKey",
            "api_key2",
            "client_secret",
            "pass",
            "userPwd",
            "credentials",
            "X-Amz-Credential",
            "sig",
            "JWT",
            "Authorization",
            "Proxy-Authorization",
            "Cookie",
            "authId",
        ] {
            assert!(is_secret(name, "1"), "{name}");
            assert!(!is_secret(name, ""), "{name} without a value hides nothing");
        }
        for name in ["author", "keyword", "keys", "signal", "passenger", "design", "symbol", "", "code", "session"] {
            assert!(!is_secret(name, "abc"), "{name}");
        }
    }

    #[test]
    fn a_name_with_harmless_uses_is_judged_by_its_value_too() {
        for name in ["code", "session", "sessionId", "session_id", "sign", "appid", "sid"] {
            assert!(is_secret(name, "4f3c2b1a0d9e8f7a6b5c"), "{name}");
            assert!(!is_secret(name, "regular-trading-hours") && !is_secret(name, "2026"), "{name}");
        }
        assert!(!is_secret("symbols", "4f3c2b1a0d9e8f7a6b5c"));
    }

    #[test]
    fn of_what_a_server_sends_back_no_value_is_shown() {
        assert_eq!(without_values("wss://u:p@h/a?station=s3cr3t&s3cr3t#s3cr3t"), "wss://***@h/a?station=***&***");
        assert_eq!(without_values("/a/b"), "/a/b");
        assert_eq!(without_values("https://h/a#token=s3cr3t?b=c"), "https://h/a");
        assert_eq!(without_values("//u:s3cr3t@h/a"), "//***@h/a");
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = parse(&text);
            let _ = redact(&text);
        }

        #[test]
        fn a_password_never_shows(user in "[a-z]{1,8}", password in "[A-Z]{6,12}", host in "[a-z]{1,8}") {
            let shown = redact(&format!("wss://{user}:{password}@{host}/?key={password}&a=1"));
            prop_assert!(!shown.contains(&password));
            prop_assert_eq!(shown, format!("wss://***@{host}/?key=***&a=1"));
        }
    }
}
