//! From what an operator types to the configuration of a feed.

use std::path::{Path, PathBuf};

use feedwatch_ingest::{LinesPlace, address, is_secret};
use feedwatch_model::Protocol;
use url::Url;

use crate::config::{
    AmqpConfig, Config, FeedConfig, FileConfig, HeaderValue, HttpConfig, KafkaConfig, LinesConfig, MqttConfig,
    NatsConfig, Open, PollConfig, QuerySecret, SecretRef, SourceConfig, SseConfig, Starter, TailConfig,
    WebSocketConfig, WebhookConfig, decoded, is_plain, is_variable, read_pins, resolve_secrets, starter, starter_of,
    suggest_name,
};
use crate::engine::failure;
use crate::wire::{Failure, NewFeed, PinProblem};

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
        name if is_variable(name) => Some(SecretRef::Env(name.to_owned())),
        _ => {
            let message = "The token's variable has no usual name: it has letters, digits and _ only.".to_owned();
            let cure = "Give the name of an environment variable that holds the token, not the token itself.";
            return Err(failure("bad_request", message, cure));
        }
    };
    let url = || {
        let url: Url = address.url.parse().map_err(|error| wrong(format!("The address cannot be read: {error}.")))?;
        if secrets == Secrets::Refused { keepable(&url).map(|()| url) } else { Ok(url) }
    };
    // An address of HTTP says nothing of what is there: a look at it does.
    let is_document = !address.pinned && new.found == Protocol::Poll.word();
    let subscribe: Vec<String> = new.subscribe.iter().filter(|text| !text.trim().is_empty()).cloned().collect();
    let source = match address.protocol {
        Protocol::WebSocket => SourceConfig::WebSocket(WebSocketConfig {
            http: HttpConfig { headers, bearer, ..HttpConfig::new(url()?) },
            subscribe,
            ..WebSocketConfig::new(url()?)
        }),
        Protocol::Sse if !is_document => SourceConfig::Sse(SseConfig {
            http: HttpConfig { headers, bearer, ..HttpConfig::new(url()?) },
            open: Open(!address.pinned),
            ..SseConfig::new(url()?)
        }),
        Protocol::Webhook => {
            // What senders are to say, typed for a look.
            let said = |(name, value): &(String, HeaderValue)| match value {
                HeaderValue::Literal(text) if name.eq_ignore_ascii_case("authorization") => {
                    text.split_once(' ').map(|(_, token)| token.trim().to_owned())
                }
                _ => None,
            };
            let typed = headers.iter().find_map(said).filter(|_| secrets == Secrets::Allowed);
            let config = WebhookConfig::from_address(&address, bearer, typed.as_deref());
            SourceConfig::Webhook(config.map_err(|(message, cure)| failure("bad_request", message, cure))?)
        }
        Protocol::Poll | Protocol::Sse => SourceConfig::Poll(PollConfig {
            http: HttpConfig { headers, bearer, ..HttpConfig::new(url()?) },
            ..PollConfig::new(url()?)
        }),
        Protocol::File => {
            let path = std::path::absolute(&address.url).map_err(|error| wrong(error.to_string()))?;
            SourceConfig::File(FileConfig { path })
        }
        Protocol::Tail => {
            let path = std::path::absolute(&address.url).map_err(|error| wrong(error.to_string()))?;
            SourceConfig::Tail(TailConfig::new(path))
        }
        Protocol::Lines => {
            let config = LinesConfig::from_address(&address.url, bearer, subscribe);
            let config = config.map_err(|(message, cure)| failure("bad_request", message, cure))?;
            if secrets == Secrets::Refused && config.place == LinesPlace::Input {
                let cure = "Run it in a terminal: feedwatch run CONFIG, with url = \"stdin:\" in a table of lines.";
                return Err(failure("bad_request", "A window has no standard input.".to_owned(), cure));
            }
            SourceConfig::Lines(config)
        }
        Protocol::Kafka => {
            let config = KafkaConfig::from_address(&address.url, &address.topic).map_err(wrong)?;
            if secrets == Secrets::Refused && config.typed.is_some() {
                return Err(typed_login());
            }
            SourceConfig::Kafka(config)
        }
        Protocol::Amqp => SourceConfig::Amqp(
            AmqpConfig::from_address(&address, bearer, secrets == Secrets::Allowed)
                .map_err(|(message, cure)| failure("bad_request", message, cure))?,
        ),
        Protocol::Mqtt => SourceConfig::Mqtt(
            MqttConfig::from_address(&address, bearer, secrets == Secrets::Allowed)
                .map_err(|(message, cure)| failure("bad_request", message, cure))?,
        ),
        Protocol::Nats => SourceConfig::Nats(
            NatsConfig::from_address(&address, bearer, secrets == Secrets::Allowed)
                .map_err(|(message, cure)| failure("bad_request", message, cure))?,
        ),
    };
    let name = match new.name.trim() {
        // Brokers say nothing of what they send, and a list of them is no URL.
        "" if address.protocol == Protocol::Webhook => suggest_name("webhook", existing),
        "" if address.protocol == Protocol::Kafka => suggest_name(&format!("/{}", address.topic), existing),
        "" => suggest_name(&address.url, existing),
        name => name.to_owned(),
    };
    let title = Some(new.title.trim()).filter(|title| !title.is_empty()).map(str::to_owned);
    let starter = used(&new.starter, &source);
    let mut source = source;
    if let (SourceConfig::WebSocket(config), Some(starter)) = (&mut source, starter)
        && config.subscribe.is_empty()
    {
        config.subscribe.clone_from(&starter.subscribe);
    }
    let pins = match &new.pins {
        None => starter.map(|starter| starter.pins.clone()).unwrap_or_default(),
        Some(row) => read_pins(row).map_err(|problems| unpinnable(&problems))?,
    };
    Ok(FeedConfig { title, pins, ..FeedConfig::new(name, source) })
}

/// Why something cannot be pinned: the first of the problems, and how many there are.
pub(crate) fn unpinnable(problems: &[PinProblem]) -> Failure {
    let (message, cure) =
        problems.first().map(|first| (first.message.as_str(), first.cure.as_str())).unwrap_or_default();
    let more = match problems.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" {} more.", crate::text::many(more as u64, "problem")),
    };
    failure("pins", format!("{message}{more}"), cure)
}

/// The starter profile that is used for a new feed: the one that was picked, else that of the address.
pub fn used(picked: &str, source: &SourceConfig) -> Option<&'static Starter> {
    match picked {
        "" => starter_of(source),
        picked => starter(picked),
    }
}

/// A broker's address with a login that would be kept.
fn typed_login() -> Failure {
    let message = "The address has a user name or a password in it, in front of the @: these are not kept.";
    let cure = "Take them out, add the feed, and write user and password into the configuration.";
    failure("bad_request", message.to_owned(), cure)
}

/// Is all there that a new feed names, the token above all?
///
/// # Errors
/// A [`Failure`] `bad_request` in plain sentences.
pub fn is_complete(feed: &FeedConfig, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let config = Config { feeds: vec![feed.clone()], ..Config::default() };
    let Err(problems) = resolve_secrets(&config, env) else { return Ok(()) };
    let (message, cure) = problems.list().first().map(|problem| problem.sentences()).unwrap_or_default();
    Err(failure("bad_request", message, cure))
}

/// Can the address be kept in a configuration that holds no secrets?
fn keepable(url: &Url) -> Result<(), Failure> {
    if !url.username().is_empty() || url.password().is_some() {
        let message = "The address has a user name or a password in it, in front of the @: these are not kept.";
        let cure = "Take them out. If the feed takes a token instead, put the token into an environment variable and give \
                    the variable's name below More.";
        return Err(failure("bad_request", message, cure));
    }
    let read: Vec<String> = secret_pairs(url).map(|pair| decoded(pair).0).collect();
    let kept: Vec<String> = secret_pairs(url).map(|pair| kept_as(pair).0).collect();
    for mut names in [read, kept] {
        names.sort_unstable();
        if let Some([twice, _]) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            let message = format!("The address has {twice:?} twice.");
            return Err(failure("bad_request", message, "Keep one of them."));
        }
    }
    Ok(())
}

fn is_secret_pair(pair: &str) -> bool {
    let (name, value) = decoded(pair);
    is_secret(&name, &value)
}

fn secret_pairs(url: &Url) -> impl Iterator<Item = &str> {
    url.query().unwrap_or_default().split('&').filter(|pair| is_secret_pair(pair))
}

/// The name and the value that the configuration and the file hold.
fn kept_as(pair: &str) -> (String, String) {
    match pair.split_once('=').filter(|_| !is_plain(pair)) {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => decoded(pair),
    }
}

/// A secret that is to be kept outside the configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeptSecret {
    /// Where, relative to the configuration.
    pub(crate) file: PathBuf,
    /// What.
    pub(crate) text: String,
}

/// Takes the secrets out of the query of a feed's address: the configuration names files that hold them, none that
/// `is_taken`. All else stays as it was typed, and what is asked for has the same pairs byte for byte, the secrets behind
/// the others: one that would not survive decoding and encoding (`%2f`, `+`) is kept as it stands in the address.
pub(crate) fn take_secrets(feed: &mut FeedConfig, is_taken: &dyn Fn(&Path) -> bool) -> Vec<KeptSecret> {
    let (url, query) = match &mut feed.source {
        SourceConfig::WebSocket(WebSocketConfig { http, .. })
        | SourceConfig::Sse(SseConfig { http, .. })
        | SourceConfig::Poll(PollConfig { http, .. }) => (&mut http.url, &mut http.query),
        SourceConfig::File(_)
        | SourceConfig::Kafka(_)
        | SourceConfig::Amqp(_)
        | SourceConfig::Mqtt(_)
        | SourceConfig::Nats(_)
        | SourceConfig::Tail(_)
        | SourceConfig::Webhook(_)
        | SourceConfig::Lines(_) => return Vec::new(),
    };
    let typed = url.query().unwrap_or_default().to_owned();
    let (secret, shown): (Vec<&str>, Vec<&str>) = typed.split('&').partition(|pair| is_secret_pair(pair));
    if secret.is_empty() {
        return Vec::new();
    }
    url.set_query(Some(shown.join("&").as_str()).filter(|shown| !shown.is_empty()));
    let mut kept = Vec::new();
    let mut number = 0_u64;
    for pair in secret {
        let end: String = decoded(pair).0.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        let file = |number: u64| Path::new("secrets").join(format!("{}.{number}.{end}", feed.name));
        while is_taken(&file(number)) {
            number += 1;
        }
        let file = file(number);
        number += 1;
        let encoded = !is_plain(pair);
        let (name, text) = kept_as(pair);
        query.push(QuerySecret { name, secret: SecretRef::File(file.clone()), encoded });
        kept.push(KeptSecret { file, text });
    }
    kept
}

fn header(line: &str, secrets: Secrets) -> Result<(String, HeaderValue), Failure> {
    let Some((name, value)) = line.split_once(':') else {
        // The rest of the line may be a secret.
        let message = format!("{:?} is not a header.", line.split_whitespace().next().unwrap_or_default());
        return Err(failure("bad_request", message, "Write it as Name: value."));
    };
    let (name, value) = (name.trim(), value.trim());
    if secrets == Secrets::Refused && is_secret(name, value) {
        let message = format!("The header {name} is a secret and does not belong into the configuration.");
        return Err(failure("bad_request", message, "Put the token into an environment variable and give its name."));
    }
    Ok((name.to_owned(), HeaderValue::Literal(value.to_owned())))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn new(address: &str) -> NewFeed {
        NewFeed {
            address: address.to_owned(),
            name: String::new(),
            title: String::new(),
            subscribe: vec!["{}".to_owned(), " ".to_owned()],
            headers: vec!["X-Region: eu".to_owned()],
            token_env: "SPOT_TOKEN".to_owned(),
            starter: String::new(),
            found: String::new(),
            pins: None,
        }
    }

    #[test]
    fn an_address_is_all_it_takes() {
        let feed = understand(&new(" wss://stream.example.com/feed "), &[], Secrets::Refused).unwrap();
        let SourceConfig::WebSocket(socket) = feed.source else { panic!("{:?}", feed.source) };
        assert_eq!(socket.http.url.as_str(), "wss://stream.example.com/feed");
        assert_eq!(socket.subscribe, ["{}"]);
        assert_eq!(socket.http.bearer, Some(SecretRef::Env("SPOT_TOKEN".to_owned())));
        assert!(!feed.name.is_empty());
    }

    #[test]
    fn a_token_that_is_not_there_is_told_in_two_sentences() {
        let feed = understand(&new("wss://example.com/"), &[], Secrets::Refused).unwrap();
        let failure = is_complete(&feed, &|_| None).unwrap_err();
        assert_eq!(failure.message, "The variable \"SPOT_TOKEN\" is not set.");
        assert_eq!(failure.cure, "Set it before the console is started: export SPOT_TOKEN=...");
        let failure = is_complete(&feed, &|_| Some(" ".to_owned())).unwrap_err();
        assert_eq!(failure.message, "The variable \"SPOT_TOKEN\" is empty.");
        assert_eq!(failure.cure, "Put the secret there, and nothing else.");
        is_complete(&feed, &|_| Some("abc".to_owned())).unwrap();
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
        let kept = take_secrets(&mut feed, &|_| false);
        let texts: Vec<&str> = kept.iter().map(|secret| secret.text.as_str()).collect();
        assert_eq!(texts, ["s3cr3t", "k3y"]);
        let written = crate::config::edit::add_feed("", &feed).unwrap();
        assert!(!written.contains("s3cr3t") && !written.contains("k3y"), "{written}");
        assert!(written.contains("url = \"wss://ws.example.com/feed?symbol=A%2FB\""), "{written}");
        assert!(written.contains("token = { file = \"secrets/spot.0.token\" }"), "{written}");
        let plain = new("wss://ws.example.com/feed?streams=a@b/c@d");
        let mut feed = understand(&plain, &[], Secrets::Refused).unwrap();
        let before = feed.clone();
        assert_eq!(
            (take_secrets(&mut feed, &|_| false), &feed),
            (Vec::new(), &before),
            "what is no secret stays as it was typed"
        );
    }

    #[test]
    fn a_user_or_a_password_is_refused_in_plain_words_before_anything_is_asked_for() {
        for address in ["wss://ann:s3cr3t@example.com/", "https://s3cr3t@example.com/"] {
            let failure = understand(&new(address), &[], Secrets::Refused).unwrap_err();
            assert!(
                failure.message.contains("in front of the @") && failure.cure.contains("Take them out"),
                "{failure:?}"
            );
            let said = format!("{failure:?}");
            assert!(!said.contains("s3cr3t") && !said.contains(":2:"), "{said}");
            assert!(understand(&new(address), &[], Secrets::Allowed).is_ok(), "a look may use it");
        }
    }

    #[test]
    fn an_address_of_http_is_what_a_look_found_there() {
        let typed = new("https://node.example.com/metrics?token=s3cr3t");
        let events = understand(&typed, &[], Secrets::Refused).unwrap();
        let SourceConfig::Sse(sse) = &events.source else { panic!("{events:?}") };
        assert!(sse.open.0, "a look may find something else");
        let found = NewFeed { found: "poll".to_owned(), ..typed.clone() };
        let mut document = understand(&found, &[], Secrets::Refused).unwrap();
        document.name = "node".to_owned();
        assert_eq!(take_secrets(&mut document, &|_| false).len(), 1);
        let written = crate::config::edit::add_feed("", &document).unwrap();
        assert!(written.contains("[feed.node.poll]\nurl = \"https://node.example.com/metrics\"\n"), "{written}");
        assert!(written.contains("headers = { X-Region = \"eu\" }"), "{written}");
        for (address, found, word) in [
            ("sse+https://h/", "poll", "sse"),
            ("poll+https://h/", "", "poll"),
            ("https://h/", "sse", "sse"),
            ("wss://h/", "poll", "websocket"),
        ] {
            let typed = NewFeed { found: found.to_owned(), ..new(address) };
            assert_eq!(understand(&typed, &[], Secrets::Refused).unwrap().source.protocol().word(), word, "{address}");
        }
    }

    #[test]
    fn a_path_that_is_to_be_followed_is_no_capture() {
        let feed = understand(&new("tail:/var/log/suricata/eve.json"), &[], Secrets::Refused).unwrap();
        assert_eq!(feed.source, SourceConfig::Tail(TailConfig::new("/var/log/suricata/eve.json")));
        assert_eq!(feed.name, "eve");
    }

    #[test]
    fn a_port_that_others_reach_wants_a_token_and_a_window_has_no_input() {
        let feed = understand(&new("tcp-listen://0.0.0.0:9000"), &[], Secrets::Refused).unwrap();
        let SourceConfig::Lines(lines) = &feed.source else { panic!("{:?}", feed.source) };
        assert_eq!(lines.token, Some(SecretRef::Env("SPOT_TOKEN".to_owned())));
        let open = |address: &str| NewFeed { token_env: String::new(), ..new(address) };
        for address in ["tcp-listen://0.0.0.0:9000", "udp://0.0.0.0:9000"] {
            let failure = understand(&open(address), &[], Secrets::Allowed).unwrap_err();
            assert!(failure.message.contains("Whoever reaches this computer"), "{failure:?}");
        }
        assert!(understand(&open("stdin:"), &[], Secrets::Refused).unwrap_err().message.contains("window"));
        assert!(understand(&open("-"), &[], Secrets::Allowed).is_ok());
        assert!(
            understand(&open("tcp://h"), &[], Secrets::Refused).unwrap_err().message.starts_with("The address has no")
        );
    }

    #[test]
    fn brokers_and_topics_of_kafka_are_understood() {
        let feed = understand(&new("kafka://a:1,b:2/prices,plant"), &[], Secrets::Refused).unwrap();
        let SourceConfig::Kafka(kafka) = &feed.source else { panic!("{:?}", feed.source) };
        assert_eq!((kafka.servers.to_string().as_str(), kafka.topics.len()), ("kafka://a:1,b:2", 2));
        assert!(feed.name.starts_with("prices"), "{}", feed.name);
        let failure = understand(&new("kafka://a"), &[], Secrets::Refused).unwrap_err();
        assert!(failure.message.contains("names no topic"), "{failure:?}");
    }

    #[test]
    fn a_login_at_brokers_is_for_a_look_only_and_never_shown() {
        let typed = new("kafka://ann:s3cr3t@a,b/prices");
        let failure = understand(&typed, &[], Secrets::Refused).unwrap_err();
        assert!(
            failure.message.contains("in front of the @") && !format!("{failure:?}").contains("s3cr3t"),
            "{failure:?}"
        );
        let feed = understand(&typed, &[], Secrets::Allowed).unwrap();
        assert!(!format!("{feed:?}").contains("s3cr3t"));
        assert!(!crate::config::edit::add_feed("", &feed).is_ok_and(|text| text.contains("s3cr3t")));
        let failure = understand(&new("kafka://ann:s3cr3t@a:b/prices"), &[], Secrets::Allowed).unwrap_err();
        assert!(!format!("{failure:?}").contains("s3cr3t"), "{failure:?}");
    }

    #[test]
    fn a_secret_given_twice_is_refused() {
        let failure = understand(&new("wss://h/?token=1&to%6Ben=2"), &[], Secrets::Refused).unwrap_err();
        assert!(failure.message.contains("\"token\" twice"), "{failure:?}");
        // One is kept by the name as it stands there, the other by what it reads as.
        let failure = understand(&new("wss://h/?key%31=a+&key%2531=b"), &[], Secrets::Refused).unwrap_err();
        assert!(failure.message.contains("twice"), "{failure:?}");
    }

    #[test]
    fn a_token_in_place_of_its_variables_name_is_not_repeated() {
        for token in ["sk-s3cr3t", "s3cr3t==", "a b", "1s3cr3t"] {
            let typed = NewFeed { token_env: token.to_owned(), ..new("wss://h/") };
            let failure = understand(&typed, &[], Secrets::Allowed).unwrap_err();
            assert!(!format!("{failure:?}").contains("s3cr3t"), "{failure:?}");
        }
    }

    #[test]
    fn the_next_free_file_is_taken() {
        let mut feed = understand(&new("wss://h/?token=1&key=2"), &[], Secrets::Refused).unwrap();
        feed.name = "h".to_owned();
        let taken = |path: &Path| ["h.0.token", "h.1.token", "h.3.key"].iter().any(|name| path.ends_with(name));
        let kept = take_secrets(&mut feed, &taken);
        let files: Vec<&Path> = kept.iter().map(|secret| secret.file.as_path()).collect();
        assert_eq!(files, [Path::new("secrets/h.2.token"), Path::new("secrets/h.4.key")]);
    }

    /// What is asked for after a feed was added, in its pairs without order; and what was typed.
    fn asked(query: &str) -> Option<(Vec<String>, Vec<String>)> {
        let pairs = |url: &Url| {
            let query = url.query().unwrap_or_default();
            let mut pairs: Vec<String> = query.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
            pairs.sort_unstable();
            pairs
        };
        let folder = tempfile::tempdir().unwrap();
        let mut feed = understand(&new(&format!("wss://h/p?{query}")), &[], Secrets::Refused).ok()?;
        let SourceConfig::WebSocket(socket) = &feed.source else { panic!("{feed:?}") };
        let typed = pairs(&socket.http.url);
        (feed.name, feed.title) = ("h".to_owned(), None);
        let kept = take_secrets(&mut feed, &|_| false);
        // Nothing but this is in the file.
        if let SourceConfig::WebSocket(socket) = &mut feed.source {
            (socket.http.headers, socket.http.bearer) = (Vec::new(), None);
        }
        for secret in &kept {
            crate::config::edit::write_secret(&folder.path().join(&secret.file), &secret.text).unwrap();
        }
        let text = crate::config::edit::add_feed("", &feed).unwrap();
        let config = crate::config::parse(&text, &folder.path().join("feeds.toml")).unwrap();
        let secrets = crate::config::resolve_secrets(&config, &|_| None).unwrap();
        let SourceConfig::WebSocket(socket) = &config.feeds[0].source else { panic!("{config:?}") };
        Some((typed, pairs(&crate::config::with_query(&socket.http.url, secrets.of("h")))))
    }

    #[test]
    fn what_is_asked_for_stays_what_was_typed() {
        for query in [
            "streams=btcusdt@trade/ethusdt@trade&token=x",
            "token=abc+&a=1",
            "token=%20x%20&a",
            "token=gr\u{fc}n",
            "token=%2fa%2Fb==&&b=2",
            "to%6Ben=x&key=%00",
            "token=a%26b%3D%2B",
            "token='x'~(y)*",
        ] {
            let (typed, asked) = asked(query).unwrap();
            assert_eq!(typed, asked, "{query}");
        }
    }

    proptest! {
        #[test]
        fn whatever_was_typed_is_asked_for(pairs in vec(("(token|key|[a-z%@/]{1,3})", "[ -~\u{e4}]{0,9}"), 0..5)) {
            let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if let Some((typed, asked)) = asked(&query.join("&")) {
                prop_assert_eq!(typed, asked);
            }
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
