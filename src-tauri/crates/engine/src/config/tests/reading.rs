//! What a good file says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::*;
use super::read;

#[test]
fn one_line_is_enough_for_a_feed() {
    let config = read("[feed.spot.websocket]\nurl = \"wss://example/feed\"\n");
    assert_eq!(config.console, Console::default());
    let spot = WebSocketConfig::new("wss://example/feed".parse().unwrap());
    assert_eq!(spot.idle_timeout, Some(Duration::from_secs(60)));
    assert_eq!(config.feeds, [FeedConfig::new("spot", SourceConfig::WebSocket(spot))]);
}

#[test]
fn every_key_is_read() {
    let config = read(
        r#"
        [console]
        history = "~/somewhere/history.db"
        keep_history = false
        notifications = false
        keep_messages = "1MiB"
        keep_messages_for = "7d"

        [feed.spot]
        title = "Spot prices"
        [feed.spot.websocket]
        url = "wss://example/feed?depth=5"
        headers = { "X-Api" = "v1", "X-Key" = { env = "SPOT_KEY" } }
        bearer = { file = "token.txt" }
        query = { listenKey = { env = "LISTEN" } }
        subprotocols = ["v1", "v2"]
        subscribe = ['{"type":"subscribe"}']
        snapshot = ['{"type":"replay","from":{/seq}}']
        reconnect_on = ["bye"]
        ping = { every = "30s", text = '{"op":"ping"}' }
        compression = false
        tls = { ca = "ca.pem" }
        proxy = "socks5://proxy:1080"
        max_message = "1MiB"
        connect_timeout = "250ms"
        idle_timeout = "never"
        [feed.spot.limits]
        series = 7
        inbox_messages = 8
        inbox_bytes = "4GiB"
        [feed.plant.sse]
        url = "https://example/events"
        idle_timeout = "1h30m"
        [feed.old.file]
        path = "capture.jsonl"
        "#,
    );
    let console = Console {
        history: Some(PathBuf::from("~/somewhere/history.db")),
        keep_history: false,
        notifications: false,
        keep_messages: 1 << 20,
        keep_messages_for: Duration::from_secs(7 * 86_400),
    };
    assert_eq!(config.console, console);
    let spot = WebSocketConfig {
        http: HttpConfig {
            headers: vec![
                ("X-Api".into(), HeaderValue::Literal("v1".into())),
                ("X-Key".into(), HeaderValue::Secret(SecretRef::Env("SPOT_KEY".into()))),
            ],
            bearer: Some(SecretRef::File("/etc/feedwatch/token.txt".into())),
            query: vec![QuerySecret {
                name: "listenKey".into(),
                secret: SecretRef::Env("LISTEN".into()),
                encoded: false,
            }],
            tls: feedwatch_ingest::TlsFiles { ca: Some("/etc/feedwatch/ca.pem".into()), ..Default::default() },
            proxy: ProxyConfig::Written("socks5://proxy:1080".into()),
            compression: false,
            max_message: 1 << 20,
            connect_timeout: Duration::from_millis(250),
            ..HttpConfig::new("wss://example/feed?depth=5".parse().unwrap())
        },
        subprotocols: vec!["v1".into(), "v2".into()],
        subscribe: vec![r#"{"type":"subscribe"}"#.into()],
        snapshot: vec![r#"{"type":"replay","from":{/seq}}"#.into()],
        reconnect_on: vec!["bye".into()],
        ping: Some(Ping { every: Duration::from_secs(30), text: r#"{"op":"ping"}"#.into() }),
        idle_timeout: None,
    };
    let feed = FeedConfig {
        title: Some("Spot prices".into()),
        limits: Limits { series: 7, inbox_messages: 8, inbox_bytes: 4 << 30, rate: None },
        ..FeedConfig::new("spot", SourceConfig::WebSocket(spot))
    };
    assert_eq!(config.feeds[0], feed);
    let SourceConfig::Sse(plant) = &config.feeds[1].source else { panic!("{:?}", config.feeds[1]) };
    assert_eq!(plant.idle_timeout, Some(Duration::from_secs(5400)));
    let old = FileConfig { path: "/etc/feedwatch/capture.jsonl".into() };
    assert_eq!(config.feeds[2].source, SourceConfig::File(old));
}

#[test]
fn a_format_may_be_pinned() {
    for format in Format::ALL {
        let config = read(&format!("[feed.a]\nformat = \"{}\"\nfile.path = \"x\"\n", format.word()));
        assert_eq!(config.feeds[0].format, Some(format));
    }
    assert_eq!(read("[feed.a.file]\npath = \"x\"\n").feeds[0].format, None);
    let wrong = |word: &str| {
        let text = format!("[feed.a]\nformat = {word}\nfile.path = \"x\"\n");
        parse(&text, Path::new("feeds.toml")).unwrap_err().to_string()
    };
    assert!(wrong("\"msgpak\"").contains("did you mean \"msgpack\"?"), "{}", wrong("\"msgpak\""));
    assert!(wrong("\"avro-binary\"").starts_with("feeds.toml:2:10: there is no format \"avro-binary\""));
    assert!(wrong("\"avro-binary\"").contains("json, csv, text, prometheus, influx, msgpack, cbor, sparkplug, nmea"));
    assert!(wrong("7").contains("should be a text"), "{}", wrong("7"));
}

#[test]
fn feeds_keep_the_order_of_the_file() {
    let config = read("[feed.z.file]\npath=\"1\"\n[feed.a.file]\npath=\"2\"\n[feed.m]\nfile.path=\"3\"\n");
    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[test]
fn an_empty_file_is_a_console_without_feeds() {
    assert_eq!(read(""), Config::default());
    assert_eq!(read("\u{FEFF}# nothing yet\n"), Config::default());
}

#[test]
fn a_shown_address_hides_what_may_be_a_secret() {
    let query = "query = { station = { env = \"A\" }, \"a b\" = { env = \"B\" } }\n";
    for (url, shown) in [
        ("https://example/feed?n=5", "https://example/feed?n=5&station=***&a+b=***"),
        ("https://example/feed", "https://example/feed?station=***&a+b=***"),
    ] {
        let config = read(&format!("[feed.a.sse]\nurl = \"{url}\"\n{query}"));
        assert_eq!(config.feeds[0].source.shown_address(), shown);
    }
}

#[test]
fn a_secret_of_the_query_stands_elsewhere() {
    let text = "[feed.a.sse]\nurl = \"https://a/?n=5\"\nquery = { token = { env = \"TOKEN\" } }\n";
    let secrets = resolve_secrets(&read(text), &|_| Some("abc".to_owned())).unwrap();
    assert_eq!((secrets.of("a").query[0].0.as_str(), secrets.of("a").query[0].1.expose()), ("token", "abc"));
    let problems = parse(&text.replace("{ env = \"TOKEN\" }", "\"s3cr3t\""), Path::new("feeds.toml")).unwrap_err();
    assert!(problems.to_string().contains("must not stand") && !problems.to_string().contains("s3cr3t"), "{problems}");
}

#[test]
fn a_secret_of_the_query_is_encoded_unless_it_is_kept_so() {
    let text = "[feed.a.sse]\nurl = \"https://a/\"\nquery = { t = { env = \"T\" }, \"%74\" = { env = \"T\", encoded = true } }\n";
    let secrets = resolve_secrets(&read(text), &|_| Some("a+b%2F \u{fc}".to_owned())).unwrap();
    let query: Vec<(&str, &str)> =
        secrets.of("a").query.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(query, [("t", "a%2Bb%252F+%C3%BC"), ("%74", "a+b%2F \u{fc}")]);
    let problems = resolve_secrets(&read(text), &|_| Some("s3\ncr3t".to_owned())).unwrap_err().to_string();
    assert!(problems.contains("holds more than a line of text") && !problems.contains("cr3t"), "{problems}");
}

const WITH_SECRETS: &str = "[feed.a.sse]\nurl = \"https://a/\"\nheaders = { X-Api = \"v1\", X-Key = { env = \"KEY\" } }\nbearer = { env = \"TOKEN\" }\n[feed.b.file]\npath = \"b\"\n";

#[test]
fn secrets_become_headers_that_show_themselves_to_nobody() {
    let secrets = resolve_secrets(&read(WITH_SECRETS), &|name| Some(format!("<{name}>\n"))).unwrap();
    let headers: Vec<(&str, &str)> =
        secrets.of("a").headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers, [("X-Api", "v1"), ("X-Key", "<KEY>"), ("Authorization", "Bearer <TOKEN>")]);
    assert_eq!(secrets.of("b"), &Credentials::default());
    assert!(!format!("{secrets:?}").contains("TOKEN"), "{secrets:?}");
}

#[test]
fn a_missing_secret_is_told_at_its_line() {
    let config = parse(WITH_SECRETS, Path::new("feeds.toml")).unwrap();
    let env = |name: &str| (name == "KEY").then(|| "two\nlines".to_owned());
    assert_eq!(
        resolve_secrets(&config, &env).unwrap_err().to_string(),
        r#"feeds.toml:3:35: the variable "KEY" holds characters that cannot be sent in a header
3 | headers = { X-Api = "v1", X-Key = { env = "KEY" } }
  |                                   ^^^^^^^^^^^^^^^
  help: it must be one line of printable ASCII

feeds.toml:4:10: the variable "TOKEN" is not set
4 | bearer = { env = "TOKEN" }
  |          ^^^^^^^^^^^^^^^^^
  help: set it before the console is started: export TOKEN=..."#
    );
}

#[test]
fn a_secret_file_is_read_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token.txt"), "abc\n").unwrap();
    let text = "[feed.a.sse]\nurl = \"https://a/\"\nbearer = { file = \"token.txt\" }\n[feed.b.sse]\nurl = \"https://b/\"\nbearer = { file = \"none.txt\" }\n";
    let config = parse(text, &folder.path().join("feeds.toml")).unwrap();
    let problems = resolve_secrets(&config, &|_| None).unwrap_err();
    assert_eq!(problems.list().len(), 1);
    assert_eq!((problems.list()[0].line, problems.list()[0].column), (Some(6), Some(10)));
    std::fs::write(folder.path().join("none.txt"), "def").unwrap();
    let secrets = resolve_secrets(&config, &|_| None).unwrap();
    assert_eq!(secrets.of("a").headers[0].1.expose(), "Bearer abc");
}
