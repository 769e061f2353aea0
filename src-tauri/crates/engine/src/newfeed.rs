//! From what an operator types to the configuration of a feed.

use feedwatch_ingest::address;
use feedwatch_model::Protocol;

use crate::config::{
    FeedConfig, FileConfig, HeaderValue, Limits, SecretRef, SourceConfig, SseConfig, WebSocketConfig, is_secret_header,
    suggest_name,
};
use crate::engine::failure;
use crate::wire::{Failure, NewFeed};

/// Are secrets allowed in headers?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// It will be written to the configuration: a secret must not get there.
    Refused,
    /// It is for a look only.
    Allowed,
}

/// Understands a new feed. `existing`: names that are taken.
///
/// # Errors
/// A [`Failure`] `bad_request` that says what to type instead.
pub fn understand(new: &NewFeed, existing: &[&str], secrets: Secrets) -> Result<FeedConfig, Failure> {
    let wrong = |message: String| failure("bad_request", message, "");
    let address = address::parse(&new.address).map_err(|error| wrong(error.to_string()))?;
    let headers = new.headers.iter().map(|line| header(line, secrets)).collect::<Result<Vec<_>, _>>()?;
    let bearer = match new.token_env.trim() {
        "" => None,
        name => Some(SecretRef::Env(name.to_owned())),
    };
    let url =
        || address.url.parse::<url::Url>().map_err(|error| wrong(format!("The address cannot be read: {error}.")));
    let source = match address.protocol {
        Protocol::WebSocket => SourceConfig::WebSocket(WebSocketConfig {
            headers,
            bearer,
            subscribe: new.subscribe.iter().filter(|text| !text.trim().is_empty()).cloned().collect(),
            ..WebSocketConfig::new(url()?)
        }),
        Protocol::Sse => SourceConfig::Sse(SseConfig { headers, bearer, ..SseConfig::new(url()?) }),
        Protocol::File => {
            let path = std::path::absolute(&address.url).map_err(|error| wrong(error.to_string()))?;
            SourceConfig::File(FileConfig { path })
        }
    };
    let name = match new.name.trim() {
        "" => suggest_name(&address.url, existing),
        name => name.to_owned(),
    };
    let title = Some(new.title.trim()).filter(|title| !title.is_empty()).map(str::to_owned);
    Ok(FeedConfig { name, title, source, limits: Limits::default() })
}

fn header(line: &str, secrets: Secrets) -> Result<(String, HeaderValue), Failure> {
    let Some((name, value)) = line.split_once(':') else {
        let message = format!("\"{line}\" is not a header.");
        return Err(failure("bad_request", message, "Write it as Name: value."));
    };
    let (name, value) = (name.trim(), value.trim());
    if secrets == Secrets::Refused && is_secret_header(name) {
        let message = format!("The header {name} is a secret and does not belong into the configuration.");
        return Err(failure("bad_request", message, "Put the token into an environment variable and give its name."));
    }
    Ok((name.to_owned(), HeaderValue::Literal(value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(address: &str) -> NewFeed {
        NewFeed {
            address: address.to_owned(),
            name: String::new(),
            title: String::new(),
            subscribe: vec!["{}".to_owned(), " ".to_owned()],
            headers: vec!["X-Region: eu".to_owned()],
            token_env: "SPOT_TOKEN".to_owned(),
        }
    }

    #[test]
    fn an_address_is_all_it_takes() {
        let feed = understand(&new(" wss://stream.example.com/feed "), &[], Secrets::Refused).unwrap();
        let SourceConfig::WebSocket(socket) = feed.source else { panic!("{:?}", feed.source) };
        assert_eq!(socket.url.as_str(), "wss://stream.example.com/feed");
        assert_eq!(socket.subscribe, ["{}"]);
        assert_eq!(socket.bearer, Some(SecretRef::Env("SPOT_TOKEN".to_owned())));
        assert!(!feed.name.is_empty());
    }

    #[test]
    fn a_secret_never_gets_into_the_file() {
        for header in ["authorization: Bearer abc", "X-Auth-Token: abc", "apikey: abc", "Cookie: a=b"] {
            let feed = NewFeed { headers: vec![header.to_owned()], ..new("wss://example.com/") };
            let failure = understand(&feed, &[], Secrets::Refused).unwrap_err();
            assert_eq!(failure.code, "bad_request", "{header}");
            assert!(!failure.message.contains("abc"), "{}", failure.message);
            assert!(understand(&feed, &[], Secrets::Allowed).is_ok(), "{header}");
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        assert!(
            understand(&new("example.com/feed"), &[], Secrets::Refused)
                .unwrap_err()
                .message
                .contains("wss://example.com/feed")
        );
    }
}
