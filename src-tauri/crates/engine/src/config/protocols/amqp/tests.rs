use std::path::{Path, PathBuf};

use feedwatch_ingest::{TlsFiles, address};

use super::*;
use crate::config::{Config, SourceConfig, parse};

fn read(text: &str) -> Result<AmqpConfig, String> {
    let config = parse(text, Path::new("feeds.toml")).map_err(|problems| problems.to_string())?;
    let Config { feeds, .. } = config;
    match feeds.into_iter().next().map(|feed| feed.source) {
        Some(SourceConfig::Amqp(amqp)) => Ok(amqp),
        other => Err(format!("{other:?}")),
    }
}

/// The problem that a table with these lines has.
fn problem(lines: &str) -> String {
    read(&format!("[feed.plant.amqp]\n{lines}\n")).unwrap_err()
}

fn pasted(text: &str, allowed: bool) -> Result<AmqpConfig, String> {
    pasted_with(text, None, allowed)
}

fn pasted_with(text: &str, password: Option<&str>, allowed: bool) -> Result<AmqpConfig, String> {
    let address = address::parse(text).map_err(|error| error.to_string())?;
    let password = password.map(|name| SecretRef::Env(name.to_owned()));
    AmqpConfig::from_address(&address, password, allowed).map_err(|(message, cure)| format!("{message} {cure}"))
}

#[test]
fn every_key_is_read() {
    let text = r#"
        [feed.plant.amqp]
        url = "amqps://broker:5679/"
        vhost = "/plant"
        queue = "mine"
        exchange = "amq.topic"
        routing_keys = ["plant.#", "x.*"]
        queue_expires = "never"
        user = "ann"
        password = { env = "PLANT_PASSWORD" }
        tls = { ca = "/ca.pem", cert = "/c.pem", key = "/c.key" }
        proxy = { env = "PLANT_PROXY" }
        prefetch = 8192
        heartbeat = "5s"
        max_message = "1MiB"
        connect_timeout = "3s"
    "#;
    let expected = AmqpConfig {
        url: "amqps://broker:5679".parse().unwrap(),
        vhost: "/plant".into(),
        queue: Some("mine".into()),
        exchange: Some("amq.topic".into()),
        routing_keys: vec!["plant.#".into(), "x.*".into()],
        queue_expires: None,
        access: Access {
            user: Some("ann".into()),
            password: Some(SecretRef::Env("PLANT_PASSWORD".into())),
            token: None,
            tls: TlsFiles {
                ca: Some(PathBuf::from("/ca.pem")),
                cert: Some(PathBuf::from("/c.pem")),
                key: Some(PathBuf::from("/c.key")),
            },
        },
        proxy: ProxyConfig::Kept(SecretRef::Env("PLANT_PROXY".into())),
        prefetch: 8192,
        heartbeat: Duration::from_secs(5),
        max_message: 1 << 20,
        connect_timeout: Duration::from_secs(3),
    };
    assert_eq!(read(text), Ok(expected));
}

#[test]
fn a_queue_or_an_exchange_is_all_it_takes() {
    let queue = read("[feed.a.amqp]\nurl = \"amqp://localhost\"\nqueue = \"orders\"\n").unwrap();
    let usual = AmqpConfig::new("amqp://localhost".parse().unwrap());
    assert_eq!(queue, AmqpConfig { queue: Some("orders".into()), ..usual.clone() });
    assert_eq!(queue.queue_of("a"), AmqpQueue::Existing("orders".into()));
    let own = read("[feed.a.amqp]\nurl = \"amqp://[::1]\"\nexchange = \"amq.topic\"\n").unwrap();
    let AmqpQueue::Bound { name, exchange, routing_keys, expires } = own.queue_of("a") else { panic!("{own:?}") };
    assert_eq!((name.as_str(), exchange.as_str(), expires), ("feedwatch.a", "amq.topic", Some(EXPIRES)));
    assert_eq!(routing_keys, ["#"]);
}

#[test]
fn every_problem_is_told_with_its_place_and_its_cure() {
    let url = "url = \"amqp://localhost\"\n";
    let long = "x".repeat(256);
    for (lines, place, part) in [
        ("queue = \"q\"".to_owned(), "1:13", "no url"),
        ("url = \"mqtt://h\"\nqueue = \"q\"".into(), "2:7", "begins with amqps:// or amqp://, not mqtt://"),
        ("url = \"amqp://localhost/%2f\"\nqueue = \"q\"".into(), "2:7", "write vhost = \\\"...\\\""),
        ("url = \"amqp://localhost?vhost=a\"\nqueue = \"q\"".into(), "2:7", "do not stand in the address"),
        ("url = \"amqp://localhost:0\"\nqueue = \"q\"".into(), "2:7", "no host or no port"),
        ("url = \"amqp://\"\nqueue = \"q\"".into(), "2:7", "no host or no port"),
        (url.into(), "1:13", "neither queue nor exchange"),
        (format!("{url}queue = \"\""), "3:9", "\"queue\" is empty"),
        (format!("{url}queue = \"{long}\""), "3:9", "longer than 255 bytes"),
        (format!("{url}queue = \"q\"\nvhost = \"\""), "4:9", "\"vhost\" is empty"),
        (format!("{url}queue = \"q\"\nrouting_keys = [\"a\"]"), "4:1", "needs an exchange"),
        (format!("{url}queue = \"q\"\nqueue_expires = \"1h\""), "4:1", "for a queue of our own"),
        (format!("{url}exchange = \"e\"\nrouting_keys = []"), "4:16", "no routing key"),
        (format!("{url}exchange = \"e\"\nrouting_keys = [\"a\", \"a\"]"), "4:22", "given twice"),
        (format!("{url}exchange = \"e\"\nrouting_keys = [\"{long}\"]"), "4:17", "longer than 255 bytes"),
        (format!("{url}exchange = \"e\"\nqueue = \"amq.q\""), "4:9", "the broker's own"),
        (format!("{url}exchange = \"e\"\nqueue_expires = \"40d\""), "4:17", "must lie between"),
        (format!("{url}queue = \"q\"\nprefetch = 0"), "4:12", "must lie between 1 and 8192"),
        (format!("{url}queue = \"q\"\nheartbeat = \"1500ms\""), "4:13", "whole seconds"),
        (format!("{url}queue = \"q\"\ntls = {{ ca = \"ca.pem\" }}"), "4:1", "\"tls\" is for amqps://"),
        (format!("{url}queue = \"q\"\npassword = {{ env = \"X\" }}"), "4:1", "no user"),
        (format!("{url}queue = \"q\"\ntoken = {{ env = \"X\" }}"), "4:1", "unknown key \"token\""),
        ("url = \"amqps://broker\"\nqueue = \"q\"".into(), "1:13", "wants to know who asks"),
    ] {
        let told = problem(&lines);
        let part = part.replace("\\\"", "\"");
        assert!(told.contains(&part) && told.starts_with(&format!("feeds.toml:{place}:")), "{lines}\n{told}");
    }
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    let told = problem("url = \"amqp://ann:s3cr3t@h\"\nqueue = \"q\"");
    assert!(told.contains("PLANT_PASSWORD") && !told.contains("s3cr3t"), "{told}");
    let told = pasted("amqp://ann:s3cr3t@h/q", false).unwrap_err();
    assert!(told.contains("not kept") && !told.contains("s3cr3t"), "{told}");
}

#[test]
fn a_certificate_says_who_we_are_to_a_broker_elsewhere() {
    let lines = "url = \"amqps://broker\"\nqueue = \"q\"\ntls = { cert = \"c.pem\", key = \"c.key\" }";
    assert!(read(&format!("[feed.plant.amqp]\n{lines}\n")).is_ok());
}

#[test]
fn an_address_names_a_queue_or_an_exchange() {
    let config = pasted("amqp://broker/orders?vhost=%2Fplant", false).unwrap();
    assert_eq!((config.url.as_str(), config.vhost.as_str()), ("amqp://broker", "/plant"));
    assert_eq!((config.queue.as_deref(), config.exchange.as_deref()), (Some("orders"), None));
    assert_eq!(config.shown_address(), "amqp://broker/orders?vhost=/plant");
    assert_eq!(config.word(), "amqp");

    let config = pasted("amqps://broker:5679/?exchange=amq.topic&routing_key=plant.#&routing_key=x.*", false).unwrap();
    assert_eq!((config.queue.as_deref(), config.exchange.as_deref()), (None, Some("amq.topic")));
    assert_eq!(config.routing_keys, ["plant.#", "x.*"]);
    let shown = "amqps://broker:5679/?exchange=amq.topic&routing_key=plant.#&routing_key=x.*";
    assert_eq!((config.shown_address().as_str(), config.word()), (shown, "amqps"));
    assert_eq!(pasted("amqp://h/?exchange=e", false).unwrap().routing_keys, ["#"]);

    for (text, part) in [
        ("amqp://h", "names no queue"),
        ("amqp://h/%2F", "names no queue"),
        ("amqp://h/?vhost=a", "names no queue"),
        ("amqp://h/?routing_key=a", "names no queue"),
        ("amqp://h/q?routing_key=a", "no exchange"),
        ("amqp://h/q?vhost=a&heartbeat=3", "\"heartbeat\""),
    ] {
        let told = pasted(text, false).unwrap_err();
        assert!(told.contains(part) && told.contains("amqp://host/queue"), "{text}: {told}");
    }
}

#[test]
fn a_user_in_the_address_is_kept_with_the_name_of_its_password() {
    let config = pasted_with("amqp://ann%20b@broker/q", Some("PLANT_PASSWORD"), false).unwrap();
    assert_eq!((config.url.as_str(), config.access.user.as_deref()), ("amqp://broker", Some("ann b")));
    assert_eq!(config.access.password, Some(SecretRef::Env("PLANT_PASSWORD".into())));
    let told = pasted_with("amqp://broker/q", Some("PLANT_PASSWORD"), false).unwrap_err();
    assert!(told.contains("no user") && told.contains("amqp://user@host/queue"), "{told}");
}

#[test]
fn a_look_uses_the_password_of_its_address_and_shows_none() {
    let config = pasted("amqp://ann:s3%2Fcr3t@broker/q", true).unwrap();
    let given = Given {
        feed: "plant",
        own: "plant",
        in_turns: false,
        credentials: &Default::default(),
        paths: &crate::config::Paths::new(&|_| Some("/home/ann".to_owned())).unwrap(),
        clock: crate::clock::now,
        purpose: Purpose::Look,
        format: None,
    };
    let login = config.login(&given);
    assert_eq!(login.user.as_deref(), Some("ann"));
    assert_eq!(login.password.map(|password| password.expose().to_owned()).as_deref(), Some("s3/cr3t"));
    let source = config.source(&given);
    assert_eq!(source.address(), "amqp://***@broker/q");
}
