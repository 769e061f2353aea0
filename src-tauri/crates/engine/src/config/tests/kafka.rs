//! `[feed.NAME.kafka]`.

use std::time::Duration;

use feedwatch_ingest::{KafkaSasl, KafkaServers, KafkaStart, TlsFiles};
use feedwatch_model::{Protocol, Time};
use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;

use super::super::*;
use super::{any_text, read, said};

fn kafka(text: &str) -> KafkaConfig {
    let mut config = read(text);
    match config.feeds.pop().map(|feed| feed.source) {
        Some(SourceConfig::Kafka(config)) => config,
        other => panic!("{other:?}"),
    }
}

fn servers(text: &str) -> KafkaServers {
    KafkaServers::parse(text).unwrap()
}

#[test]
fn two_lines_are_enough() {
    let read = kafka("[feed.p.kafka]\nurl = \"kafka://a:1,b:2\"\ntopics = [\"prices\"]\n");
    assert_eq!(read, KafkaConfig::new(servers("kafka://a:1,b:2"), vec!["prices".into()]));
    assert_eq!((read.start, read.max_message), (KafkaStart::Latest, 16 << 20));
}

#[test]
fn every_key_is_read() {
    let read = kafka(
        r#"
        [feed.prices.kafka]
        url = "kafka+tls://a:9093,b"
        topics = ["prices", "^prices-.*"]
        group = "risk"
        start = "2026-03-01T12:00:00Z"
        sasl = "scram-sha-512"
        user = "feedwatch"
        password = { env = "PRICES_PASSWORD" }
        tls = { ca = "ca.pem", cert = "/c.pem", key = "/k.pem" }
        max_message = "1MiB"
        connect_timeout = "3s"
        "#,
    );
    let tls =
        TlsFiles { ca: Some("/etc/feedwatch/ca.pem".into()), cert: Some("/c.pem".into()), key: Some("/k.pem".into()) };
    let expected = KafkaConfig {
        group: Some("risk".into()),
        start: KafkaStart::At(Time::parse_rfc3339("2026-03-01T12:00:00Z").unwrap()),
        sasl: Some(KafkaSasl::ScramSha512),
        access: Access {
            user: Some("feedwatch".into()),
            password: Some(SecretRef::Env("PRICES_PASSWORD".into())),
            token: None,
            tls,
        },
        max_message: 1 << 20,
        connect_timeout: Duration::from_secs(3),
        ..KafkaConfig::new(servers("kafka+tls://a:9093,b"), vec!["prices".into(), "^prices-.*".into()])
    };
    assert_eq!(read, expected);
}

#[test]
fn what_is_wrong_is_told_with_place_and_cure() {
    let url = "url = \"kafka://a\"\n";
    let topics = "topics = [\"t\"]\n";
    for (lines, told) in [
        (topics.to_owned(), "1:9: this table has no url; add url = \"kafka://host:9092\""),
        (url.to_owned(), "1:9: this table has no topics; add topics = [\"prices\"]"),
        (format!("{topics}url = \"https://a\"\n"), "3:7: the address of a kafka feed begins with kafka://"),
        (format!("{topics}url = \"kafka://a:0\"\n"), "3:7: \"a:0\" is no broker"),
        (format!("{topics}url = \"kafka://a/t\"\n"), "3:7: behind the brokers nothing may stand"),
        (format!("{url}topics = []\n"), "3:10: there are no topics"),
        (format!("{url}topics = [\"a b\"]\n"), "3:11: \"a b\" is no name for a topic"),
        (format!("{url}topics = [\"^\"]\n"), "3:11: \"^\" is an empty regular expression"),
        (format!("{url}topics = [\"a\", \"a\"]\n"), "3:16: topic \"a\" is given twice; keep one"),
        (format!("{url}{topics}group = \" \"\n"), "4:9: this is no name for a group"),
        (format!("{url}{topics}start = \"oldest\"\n"), "4:9: \"oldest\" says no start"),
        (format!("{url}{topics}start = \"1960-01-01T00:00:00Z\"\n"), "4:9: \"1960-01-01T00:00:00Z\" says no start"),
        (format!("{url}{topics}sasl = \"gssapi\"\n"), "4:8: \"gssapi\" is no way to log in that is spoken here"),
        (format!("{url}{topics}sasl = \"plain\"\n"), "4:1: \"sasl\" needs a user and a password"),
        (format!("{url}{topics}user = \"ann\"\n"), "1:9: there is a user, but not how to log in; add sasl ="),
        (
            format!("{url}{topics}tls = {{ ca = \"c\" }}\n"),
            "1:9: there are files for TLS, but the address is without it",
        ),
        (format!("{url}{topics}grup = \"x\"\n"), "4:1: unknown key \"grup\"; did you mean \"group\"?"),
        (format!("{url}{topics}max_message = \"0B\"\n"), "4:15: \"max_message\" must lie between"),
    ] {
        let text = format!("[feed.p.kafka]\n{lines}");
        let all = said(&text);
        let flat = all.replace('\n', " ");
        let (place, message) = told.split_once(": ").unwrap();
        let (message, cure) = message.split_once("; ").unwrap_or((message, ""));
        assert!(flat.contains(&format!("feeds.toml:{place}: {message}")), "{text}\n{all}\nwanted: {told}");
        assert!(flat.contains(cure), "{text}\n{all}\nwanted: {told}");
    }
}

#[test]
fn a_password_in_the_address_is_never_repeated() {
    let all = said("[feed.p.kafka]\nurl = \"kafka://ann:s3cr3t@a\"\ntopics = [\"t\"]\n");
    assert!(all.contains("a name or password must not stand in the address"), "{all}");
    assert!(!all.contains("s3cr3t"), "{all}");
}

#[test]
fn an_address_that_is_pasted_names_brokers_and_topics() {
    let read = KafkaConfig::from_address("kafka://a:1,b:2", "prices, plant").unwrap();
    assert_eq!(read, KafkaConfig::new(servers("kafka://a:1,b:2"), vec!["prices".into(), "plant".into()]));
    assert_eq!(SourceConfig::Kafka(read).protocol(), Protocol::Kafka);
    let told = KafkaConfig::from_address("kafka://a", "").unwrap_err();
    assert_eq!(told, "The address names no topic. Write it behind the brokers: kafka://a/topic.");
    assert!(KafkaConfig::from_address("kafka://a", "a b").is_err());
}

#[test]
fn a_login_that_is_pasted_is_used_and_not_shown() {
    let read = KafkaConfig::from_address("kafka+tls://ann:p%40+ss@a,b", "t").unwrap();
    let (user, password) = read.typed.clone().unwrap();
    assert_eq!((user.as_str(), password.expose()), ("ann", "p@+ss"));
    assert_eq!(read.sasl, Some(KafkaSasl::Plain));
    assert_eq!(KafkaConfig::from_address("kafka://ann:x@a", "t").unwrap().sasl, Some(KafkaSasl::ScramSha256));
    assert!(!format!("{read:?}").contains("p@+ss"));
    assert_eq!(SourceConfig::Kafka(read).shown_address(), "kafka+tls://a,b");
}

/// Every configuration that a file can hold.
pub(super) fn source() -> impl Strategy<Value = SourceConfig> {
    let start = prop_oneof![
        Just(KafkaStart::Earliest),
        Just(KafkaStart::Latest),
        (0..4_000_000_000_000_i64).prop_map(|millis| KafkaStart::At(Time::from_millis(millis))),
    ];
    let topic = prop_oneof!["[a-zA-Z0-9_-]{1,20}", "\\^[ -~]{1,20}"];
    let login = of(("[ -~]{1,9}", any_text::secret(), proptest::sample::select(KafkaSasl::ALL.to_vec())));
    let files = (any::<bool>(), of("/[a-z]{1,9}"), of(("/[a-z]{1,9}", "/[a-z]{1,9}")));
    let hosts = vec("[a-z]{1,9}(:[1-9][0-9]{0,3})?", 1..4);
    let rest = (1_u64..1 << 20, any_text::millis(1, 3_600_000), of("[a-z.-]{1,9}"));
    (hosts, btree_set(topic, 1..4), start, login, files, rest).prop_map(
        |(hosts, topics, start, login, (encrypted, ca, pair), (max_message, connect_timeout, group))| {
            let scheme = if encrypted { "kafka+tls" } else { "kafka" };
            let (cert, key) = pair.unzip();
            let path = |path: String| path.into();
            let tls = match encrypted {
                true => TlsFiles { ca: ca.map(path), cert: cert.map(path), key: key.map(path) },
                false => TlsFiles::default(),
            };
            let sasl = login.as_ref().map(|(_, _, sasl)| *sasl);
            let (user, password) = login.map(|(user, password, _)| (user, password)).unzip();
            SourceConfig::Kafka(KafkaConfig {
                group,
                start,
                sasl,
                access: Access { user, password, token: None, tls },
                max_message,
                connect_timeout,
                ..KafkaConfig::new(servers(&format!("{scheme}://{}", hosts.join(","))), topics.into_iter().collect())
            })
        },
    )
}
