//! `[feed.NAME.lines]`.

use std::time::Duration;

use feedwatch_ingest::{Framing, LinesPlace, TlsFiles};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::super::*;
use super::{any_text, read, said};

fn lines(text: &str) -> LinesConfig {
    match read(text).feeds.pop().map(|feed| feed.source) {
        Some(SourceConfig::Lines(config)) => config,
        other => panic!("{other:?}"),
    }
}

fn place(text: &str) -> LinesPlace {
    LinesPlace::parse(&text.parse().unwrap()).unwrap()
}

#[test]
fn an_address_is_enough() {
    for url in ["tcp://plc:502", "tcp+tls://plc:502", "tcp-listen://127.0.0.1:9000", "udp://[::1]:514", "stdin:"] {
        let config = lines(&format!("[feed.a.lines]\nurl = \"{url}\"\n"));
        assert_eq!(config, LinesConfig::new(place(url)));
        assert_eq!(config.shown_address(), url);
    }
}

#[test]
fn every_key_is_read() {
    let read = lines(
        r#"
        [feed.a.lines]
        url = "tcp+tls://plc:502"
        token = { env = "A_TOKEN" }
        tls = { ca = "ca.pem" }
        proxy = "none"
        subscribe = ["START"]
        max_message = "1KiB"
        connect_timeout = "3s"
        idle_timeout = "60s"
        "#,
    );
    let expected = LinesConfig {
        token: Some(SecretRef::Env("A_TOKEN".into())),
        tls: TlsFiles { ca: Some("/etc/feedwatch/ca.pem".into()), ..TlsFiles::default() },
        proxy: ProxyConfig::Written("none".into()),
        subscribe: vec!["START".into()],
        max_message: 1024,
        connect_timeout: Duration::from_secs(3),
        idle_timeout: Some(Duration::from_secs(60)),
        ..LinesConfig::new(place("tcp+tls://plc:502"))
    };
    assert_eq!(read, expected);
    let read = lines(
        "[feed.a.lines]\nurl = \"udp://0.0.0.0:514\"\nframing = \"datagram\"\nallow = [\"10.1.2.3/8\", \"::1\"]\n",
    );
    assert_eq!(read.framing, Framing::Datagram);
    assert_eq!(read.allow, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
}

#[test]
fn a_place_that_others_reach_needs_to_know_who_may_send() {
    assert_eq!(
        said("[feed.a.lines]\nurl = \"tcp-listen://0.0.0.0:9000\"\n[feed.b.lines]\nurl = \"udp://[::]:514\"\n"),
        r#"feeds.toml:2:7: whoever reaches this computer could send to this feed
2 | url = "tcp-listen://0.0.0.0:9000"
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  help: add token = { env = "A_TOKEN" }, or listen at 127.0.0.1

feeds.toml:4:7: whoever reaches this computer could send to this feed
4 | url = "udp://[::]:514"
  |       ^^^^^^^^^^^^^^^^
  help: add allow = ["10.0.0.0/8"] for those who may, or listen at 127.0.0.1"#
    );
}

#[test]
fn standard_input_is_of_one_feed() {
    let told = said("[feed.a.lines]\nurl = \"stdin:\"\n[feed.b.lines]\nurl = \"stdin:\"\n");
    assert!(told.starts_with("feeds.toml:4:7: two feeds cannot both read standard input"), "{told}");
}

#[test]
fn what_means_nothing_at_a_place_is_told() {
    let told = said(
        "[feed.a.lines]\nurl = \"udp://127.0.0.1:514\"\ntoken = { env = \"X\" }\nsubscribe = [\"a\"]\ntls = { ca = \"b\" }\n\
         [feed.b.lines]\nurl = \"tcp://h:1\"\nallow = [\"10.0.0.0/8\"]\nframing = \"datagram\"\n",
    );
    for line in [
        r#":3:1: "token" is of connections"#,
        r#":4:1: "subscribe" is of servers"#,
        r#":5:1: "tls" is of tcp+tls://"#,
        r#":8:1: "allow" is of places where we listen"#,
        r#":9:1: "framing = \"datagram\"" is of udp://"#,
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn wrong_addresses_senders_and_framings_are_told() {
    for (line, message) in [
        ("url = \"wss://h\"", "the address of a lines feed begins with tcp://"),
        ("url = \"tcp://h\"", "no host or no port"),
        ("url = \"udp://plc:1\"", "no address at which this computer could listen"),
        ("url = \"tcp://a:secret@h:1\"", "must not stand in the address"),
        ("url = \"udp://127.0.0.1:1\"\nallow = [\"plc\"]", "neither an address nor a network"),
        ("url = \"udp://127.0.0.1:1\"\nallow = []", "1 to 100 senders"),
        ("url = \"udp://127.0.0.1:1\"\nallow = [\"10.0.0.1/8\", \"10.0.0.2/8\"]", "given twice"),
        ("url = \"udp://127.0.0.1:1\"\nframing = \"tab\"", "ends no message"),
        ("url = \"udp://127.0.0.1:1\"\nproxy = \"none\"", "is of servers (tcp://) only"),
    ] {
        let told = said(&format!("[feed.a.lines]\n{line}\n"));
        assert!(told.contains(message) && !told.contains("secret"), "{line}: {told}");
    }
}

/// Any table that is right and may stand there twice, which standard input may not.
pub(super) fn source() -> impl Strategy<Value = SourceConfig> {
    let common = || (1u64..1 << 20, any_text::millis(1, 3_600_000), of(any_text::millis(1, 9_999_999)));
    let access = (of(any_text::secret()), of("/[^\0/]{1,8}"), any_text::proxy());
    let server = (any::<bool>(), 1u16.., access, vec(any::<String>(), 0..3)).prop_map(
        |(encrypted, port, (token, ca, proxy), subscribe)| {
            let place = LinesPlace::Server { host: "plc.example".to_owned(), port, encrypted };
            let tls = TlsFiles { ca: ca.filter(|_| encrypted).map(Into::into), ..TlsFiles::default() };
            LinesConfig { token, subscribe, tls, proxy, ..LinesConfig::new(place) }
        },
    );
    let at = || (any::<[u8; 4]>(), 1u16..).prop_map(|(ip, port)| std::net::SocketAddr::from((ip, port)));
    let listen = (at(), any_text::secret())
        .prop_map(|(at, token)| LinesConfig { token: Some(token), ..LinesConfig::new(LinesPlace::Listen(at)) });
    let datagrams = (at(), proptest::collection::btree_set(any::<[u8; 4]>(), 1..4), any::<bool>()).prop_map(
        |(at, allow, whole)| LinesConfig {
            allow: allow.into_iter().map(|ip| std::net::IpAddr::from(ip).into()).collect(),
            framing: if whole { Framing::Datagram } else { Framing::Newline },
            ..LinesConfig::new(LinesPlace::Datagrams(at))
        },
    );
    let place = prop_oneof![server, listen, datagrams];
    (place, common()).prop_map(|(config, (max_message, connect_timeout, idle_timeout))| {
        SourceConfig::Lines(LinesConfig { max_message, connect_timeout, idle_timeout, ..config })
    })
}
