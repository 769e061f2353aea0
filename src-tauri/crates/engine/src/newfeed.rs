//! From what an operator types to the configuration of a feed.

use std::path::{Path, PathBuf};

use feedwatch_ingest::address;
use feedwatch_model::Protocol;

use crate::config::{
    FeedConfig, FileConfig, HeaderValue, Limits, SecretRef, SourceConfig, SseConfig, WebSocketConfig, is_secret_header,
    is_secret_parameter, suggest_name,
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

/// A secret that is to be kept outside the configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeptSecret {
    /// Where, relative to the configuration.
    pub(crate) file: PathBuf,
    /// What.
    pub(crate) text: String,
}

/// Takes the secrets out of the query of a feed's address: the configuration names files that hold them.
pub(crate) fn take_secrets(feed: &mut FeedConfig) -> Vec<KeptSecret> {
    let (url, query) = match &mut feed.source {
        SourceConfig::WebSocket(socket) => (&mut socket.url, &mut socket.query),
        SourceConfig::Sse(sse) => (&mut sse.url, &mut sse.query),
        SourceConfig::File(_) => return Vec::new(),
    };
    let all: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let is_secret = |(name, value): &(String, String)| is_secret_parameter(name) && !value.is_empty();
    if !all.iter().any(is_secret) {
        // As it was typed: taken apart and put together again it might read otherwise.
        return Vec::new();
    }
    let (secret, shown): (Vec<_>, Vec<_>) = all.into_iter().partition(is_secret);
    url.set_query(None);
    if !shown.is_empty() {
        url.query_pairs_mut().extend_pairs(shown);
    }
    let mut kept = Vec::new();
    for (number, (name, text)) in secret.into_iter().enumerate() {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        let file = Path::new("secrets").join(format!("{}.{number}.{plain}", feed.name));
        query.push((name, SecretRef::File(file.clone())));
        kept.push(KeptSecret { file, text });
    }
    kept
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
    fn a_token_behind_the_question_mark_is_kept_apart_from_the_address() {
        let typed = new("wss://ws.example.com/feed?symbol=A%2FB&token=s3cr3t&apiKey=k3y");
        let mut feed = understand(&typed, &[], Secrets::Refused).unwrap();
        feed.name = "spot".to_owned();
        let kept = take_secrets(&mut feed);
        let texts: Vec<&str> = kept.iter().map(|secret| secret.text.as_str()).collect();
        assert_eq!(texts, ["s3cr3t", "k3y"]);
        let written = crate::config::edit::add_feed("", &feed).unwrap();
        assert!(!written.contains("s3cr3t") && !written.contains("k3y"), "{written}");
        assert!(written.contains("url = \"wss://ws.example.com/feed?symbol=A%2FB\""), "{written}");
        assert!(written.contains("token = { file = \"secrets/spot.0.token\" }"), "{written}");
        let plain = new("wss://ws.example.com/feed?streams=a@b/c@d");
        let mut feed = understand(&plain, &[], Secrets::Refused).unwrap();
        let before = feed.clone();
        assert_eq!((take_secrets(&mut feed), &feed), (Vec::new(), &before), "what is no secret stays as it was typed");
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
