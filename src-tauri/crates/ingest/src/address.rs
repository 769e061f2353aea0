//! What an operator pastes: which protocol it means, and what is wrong with it.
//!
//! `ws://` and `wss://` are WebSockets, `http://` and `https://` server-sent events, pinned as such by `sse+http://` and
//! `sse+https://`; what looks like a path is a capture file.
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
use url::{Host, Url};

/// An address, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// How to speak to it.
    pub protocol: Protocol,
    /// The URL with which to connect, or the path of the file.
    pub url: String,
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
        "Feedwatch does not speak {0}:// here. Paste a ws://, wss://, http:// or https:// address, or a capture file."
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
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || "\"'`<>“”„‘’".contains(letter));
    if text.is_empty() {
        return Err(AddressError::Empty);
    }
    let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return if is_file(text) { Ok(file(text)) } else { Err(no_scheme(text)) };
    };
    let scheme = scheme.to_ascii_lowercase();
    let (protocol, pinned, scheme) = match scheme.as_str() {
        "ws" | "wss" => (Protocol::WebSocket, true, scheme.as_str()),
        "http" | "https" => (Protocol::Sse, false, scheme.as_str()),
        "sse+http" => (Protocol::Sse, true, "http"),
        "sse+https" => (Protocol::Sse, true, "https"),
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
    Ok(Address { protocol, url: url.into(), pinned })
}

fn file(path: &str) -> Address {
    Address { protocol: Protocol::File, url: path.to_owned(), pinned: true }
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

/// The address without what must not be seen: user and password, and the values of query parameters with names like
/// token, key, secret, password or signature.
pub fn redact(url: &str) -> String {
    let (before, query) = match url.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (url, None),
    };
    let mut shown = without_user(before);
    if let Some(query) = query {
        let query = query.split('#').next().unwrap_or_default();
        let pairs: Vec<String> = query.split('&').map(redact_pair).collect();
        shown.push('?');
        shown.push_str(&pairs.join("&"));
    }
    shown
}

fn without_user(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}***@{host}{path}"),
        None => url.to_owned(),
    }
}

fn redact_pair(pair: &str) -> String {
    const SENSITIVE: [&str; 11] =
        ["token", "key", "secret", "pass", "pwd", "sig", "auth", "credential", "jwt", "session", "code"];
    match pair.split_once('=') {
        Some((name, _)) if SENSITIVE.iter().any(|word| name.to_ascii_lowercase().contains(word)) => {
            format!("{name}=***")
        }
        _ => pair.to_owned(),
    }
}

/// `example.com:443`, for sentences.
pub(crate) fn host_and_port(url: &Url) -> String {
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => redact(url.as_str()),
    }
}

/// Does the address stay on this computer?
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
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
        assert_eq!(redact("https://example.com/a@b"), "https://example.com/a@b");
        assert_eq!(redact("user:pw@example.com/x"), "***@example.com/x");
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        let loopback = |url: &str| is_loopback(&Url::parse(url).unwrap());
        for url in ["http://localhost:1", "http://feed.localhost", "http://127.0.0.9/", "https://[::1]/"] {
            assert!(loopback(url), "{url}");
        }
        assert!(!loopback("http://localhost.example.com") && !loopback("http://192.168.0.1"));
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
