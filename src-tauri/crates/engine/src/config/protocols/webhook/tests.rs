use std::path::Path;

use feedwatch_ingest::address;

use super::*;
use crate::config::{Config, SourceConfig, parse};

fn read(text: &str) -> Result<WebhookConfig, String> {
    let config = parse(text, Path::new("/etc/feeds.toml")).map_err(|problems| problems.to_string())?;
    let Config { feeds, .. } = config;
    match feeds.into_iter().next().map(|feed| feed.source) {
        Some(SourceConfig::Webhook(webhook)) => Ok(webhook),
        other => Err(format!("{other:?}")),
    }
}

fn pasted(text: &str, token: bool, typed: Option<&str>) -> Result<WebhookConfig, String> {
    let address = address::parse(text).map_err(|error| error.to_string())?;
    let token = token.then(|| SecretRef::Env("ALERTS_TOKEN".to_owned()));
    WebhookConfig::from_address(&address, token, typed).map_err(|(message, cure)| format!("{message} {cure}"))
}

#[test]
fn every_key_is_read() {
    let text = r#"
        [feed.alerts.webhook]
        listen = "192.0.2.1:8443"
        path = "/alerts"
        token = { env = "ALERTS_TOKEN" }
        token_header = "X-Gitlab-Token"
        token_parameter = "key"
        tls = { cert = "server.pem", key = "/k.pem" }
        max_message = "1MiB"
    "#;
    let expected = WebhookConfig {
        listen: "192.0.2.1:8443".parse().unwrap(),
        path: "/alerts".into(),
        token: Some(SecretRef::Env("ALERTS_TOKEN".into())),
        typed: None,
        token_header: Some("X-Gitlab-Token".into()),
        token_parameter: Some("key".into()),
        tls: Some(("/etc/server.pem".into(), "/k.pem".into())),
        max_message: 1 << 20,
    };
    assert_eq!(read(text), Ok(expected.clone()));
    assert_eq!(expected.shown_address(), "webhook://192.0.2.1:8443/alerts");
}

#[test]
fn every_problem_is_told_with_its_place_and_its_cure() {
    let good = "listen = \"127.0.0.1:8080\"\ntoken = { env = \"T\" }\n";
    for (lines, place, part) in [
        (String::new(), "1:14", "does not say where to listen"),
        ("listen = \"127.0.0.1:8080\"".into(), "1:14", "only what comes with a token"),
        ("listen = \"127.0.0.1:8080\"\ntoken = \"s3cr3t\"".into(), "3:9", "must not stand in the configuration"),
        ("listen = \"127.0.0.1:8080\"\ntokn = { env = \"T\" }".into(), "3:1", "did you mean \"token\"?"),
        ("listen = \"example.com:80\"\ntoken = { env = \"T\" }".into(), "2:10", "is not the number of an address"),
        ("listen = \"127.0.0.1\"\ntoken = { env = \"T\" }".into(), "2:10", "with a port"),
        ("listen = \"127.0.0.1:0\"\ntoken = { env = \"T\" }".into(), "2:10", "has port 0"),
        (format!("{good}path = \"alerts\""), "4:8", "begins with /"),
        (format!("{good}path = \"/a?b\""), "4:8", "neither spaces nor ?"),
        (format!("{good}token_header = \"a b\""), "4:16", "is no name for a header"),
        (format!("{good}token_header = \"Authorization\""), "4:16", "is looked at anyway"),
        (format!("{good}token_parameter = \"\""), "4:19", "is no name for a parameter"),
        (format!("{good}tls = {{ cert = \"a\" }}"), "4:1", "needs both cert and key"),
        (format!("{good}tls = {{ ca = \"a\" }}"), "4:9", "unknown key \"ca\""),
        (format!("{good}max_message = \"2GiB\""), "4:15", "must lie between"),
        (format!("{good}url = \"http://h/\""), "4:1", "unknown key"),
    ] {
        let said = read(&format!("[feed.alerts.webhook]\n{lines}\n")).unwrap_err();
        assert!(said.contains(&format!("feeds.toml:{place}: ")) && said.contains(part), "{lines}: {said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

#[test]
fn a_pasted_address_needs_a_token() {
    let webhook = pasted("webhook://127.0.0.1:8080/alerts", true, None).unwrap();
    assert_eq!((webhook.listen.to_string().as_str(), webhook.path.as_str()), ("127.0.0.1:8080", "/alerts"));
    assert_eq!(pasted("webhook://localhost:8080", true, None).unwrap().path, "/");
    let typed = pasted("webhook://[::1]:8080/a", false, Some("s3cr3t")).unwrap();
    assert!(typed.typed.is_some() && !format!("{typed:?}").contains("s3cr3t"));
    assert!(pasted("webhook://127.0.0.1:8080/alerts", false, None).unwrap_err().contains("below More"));
    for text in ["webhook://127.0.0.1/alerts", "webhook://example.com:80/", "webhook://127.0.0.1:8080/a?token=s3cr3t"] {
        let said = pasted(text, true, None).unwrap_err();
        assert!(said.contains("Write it as webhook://127.0.0.1:8080/alerts") && !said.contains("s3cr3t"), "{said}");
    }
}
