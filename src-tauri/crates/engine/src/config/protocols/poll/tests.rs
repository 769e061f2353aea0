use std::path::{Path, PathBuf};

use feedwatch_ingest::TlsFiles;

use super::*;
use crate::config::{Config, ProxyConfig, SourceConfig, parse, resolve_secrets};

fn config(text: &str) -> Result<Config, String> {
    parse(text, Path::new("feeds.toml")).map_err(|problems| problems.to_string())
}

fn read(text: &str) -> Result<PollConfig, String> {
    match config(text)?.feeds.into_iter().next().map(|feed| feed.source) {
        Some(SourceConfig::Poll(poll)) => Ok(poll),
        other => Err(format!("{other:?}")),
    }
}

/// The problem that a table with these lines has.
fn problem(lines: &str) -> String {
    read(&format!("[feed.node.poll]\n{lines}\n")).unwrap_err()
}

#[test]
fn every_key_is_read() {
    let text = r#"
        [feed.node.poll]
        url = "https://node:9100/metrics?a=b"
        headers = { "X-Region" = "eu" }
        bearer = { env = "NODE_TOKEN" }
        every = "250ms"
        timeout = "2s"
        accept = "text/plain"
        body = "{}"
        tls = { ca = "/ca.pem", cert = "/c.pem", key = "/c.key" }
        proxy = { file = "/proxy.txt" }
        compression = false
        max_message = "1MiB"
        connect_timeout = "3s"
    "#;
    let expected = PollConfig {
        http: HttpConfig {
            headers: vec![("X-Region".into(), HeaderValue::Literal("eu".into()))],
            bearer: Some(SecretRef::Env("NODE_TOKEN".into())),
            query: Vec::new(),
            tls: TlsFiles {
                ca: Some(PathBuf::from("/ca.pem")),
                cert: Some(PathBuf::from("/c.pem")),
                key: Some(PathBuf::from("/c.key")),
            },
            proxy: ProxyConfig::Kept(SecretRef::File("/proxy.txt".into())),
            compression: false,
            max_message: 1 << 20,
            connect_timeout: Duration::from_secs(3),
            ..HttpConfig::new("https://node:9100/metrics?a=b".parse().unwrap())
        },
        every: Duration::from_millis(250),
        timeout: Duration::from_secs(2),
        accept: "text/plain".into(),
        body: Some("{}".into()),
    };
    assert_eq!(read(text), Ok(expected));
}

#[test]
fn an_address_is_all_it_takes() {
    let poll = read("[feed.node.poll]\nurl = \"http://localhost:9100/metrics\"\n").unwrap();
    assert_eq!(poll, PollConfig::new("http://localhost:9100/metrics".parse().unwrap()));
    assert_eq!(poll.every, Duration::from_secs(5));
}

#[test]
fn every_problem_is_told_with_its_place_and_its_cure() {
    let url = "url = \"http://localhost/\"\n";
    for (lines, place, part) in [
        (String::new(), "1:12", "no url"),
        ("url = \"wss://h/\"".into(), "2:7", "the address of a poll feed begins with https:// or http://, not wss://"),
        ("url = \"http://u:p@h/\"".into(), "2:7", "must not stand in the address"),
        (format!("{url}every = \"99ms\""), "3:9", "must lie between 100ms and 24h"),
        (format!("{url}every = 5"), "3:9", "has no unit"),
        (format!("{url}evry = \"5s\""), "3:1", "did you mean \"every\"?"),
        (format!("{url}timeout = \"0s\""), "3:11", "must lie between"),
        (format!("{url}accept = \"\""), "3:10", "cannot be sent as a header"),
        (format!("{url}accept = \"a\\nb\""), "3:10", "cannot be sent as a header"),
        (format!("{url}body = \"\""), "3:8", "between 1 byte and 64KiB"),
        (format!("{url}tls = {{ ca = \"a\" }}"), "3:1", "\"tls\" is for https://"),
        (format!("{url}tls = {{ cert = \"a\" }}"), "3:1", "needs both cert and key"),
        (format!("{url}proxy = \"ftp://h\""), "3:9", "neither http:// nor socks5://"),
        (format!("{url}proxy = 5"), "3:9", "should say where the secret is kept"),
        (format!("{url}idle_timeout = \"5s\""), "3:1", "unknown key"),
        (format!("{url}headers = {{ Accept = \"a\" }}"), "3:13", "written by the protocol itself"),
    ] {
        let said = problem(&lines);
        assert!(said.contains(&format!("feeds.toml:{place}: ")) && said.contains(part), "{lines}: {said}");
    }
}

#[test]
fn the_login_of_a_proxy_stands_elsewhere_and_is_never_repeated() {
    let url = "url = \"http://localhost/\"\n";
    for proxy in ["http://ann:s3cr3t@proxy", "ann:s3cr3t@proxy"] {
        let said = problem(&format!("{url}proxy = \"{proxy}\""));
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    let said = problem(&format!("{url}proxy = \"http://ann:s3cr3t@proxy\""));
    assert!(said.contains("write proxy = { env = \"NODE_PROXY\" }"), "{said}");
    let kept = config(&format!("[feed.node.poll]\n{url}proxy = {{ env = \"NODE_PROXY\" }}\n")).unwrap();
    let problems = resolve_secrets(&kept, &|_| Some("ftp://s3cr3t".to_owned())).unwrap_err().to_string();
    assert!(problems.contains("feeds.toml:3:9") && problems.contains("no address of a proxy"), "{problems}");
    assert!(!problems.contains("s3cr3t"), "{problems}");
    let secrets = resolve_secrets(&kept, &|_| Some("http://ann:s3cr3t@proxy:1".to_owned())).unwrap();
    let SourceConfig::Poll(poll) = &kept.feeds[0].source else { panic!("{kept:?}") };
    assert_eq!(poll.http.proxy.proxy(secrets.of("node")).to_string(), "http://***@proxy:1");
}

#[test]
fn secrets_of_the_query_are_not_shown() {
    let poll = read("[feed.node.poll]\nurl = \"http://h/a?b=c\"\nquery = { token = { env = \"T\" } }\n").unwrap();
    assert_eq!(poll.shown_address(), "http://h/a?b=c&token=***");
}
