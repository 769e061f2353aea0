use std::path::{Path, PathBuf};

use feedwatch_ingest::{TlsFiles, address};

use super::*;
use crate::config::{Config, SourceConfig, parse};

fn read(text: &str) -> Result<MqttConfig, String> {
    let config = parse(text, Path::new("feeds.toml")).map_err(|problems| problems.to_string())?;
    let Config { feeds, .. } = config;
    match feeds.into_iter().next().map(|feed| feed.source) {
        Some(SourceConfig::Mqtt(mqtt)) => Ok(mqtt),
        other => Err(format!("{other:?}")),
    }
}

/// The problem that a table with these lines has.
fn problem(lines: &str) -> String {
    read(&format!("[feed.plant.mqtt]\n{lines}\n")).unwrap_err()
}

fn topic(filter: &str, qos: u8) -> MqttTopic {
    MqttTopic { filter: filter.to_owned(), qos }
}

fn pasted(text: &str, password: Option<&str>, allowed: bool) -> Result<MqttConfig, String> {
    let address = address::parse(text).map_err(|error| error.to_string())?;
    let password = password.map(|name| SecretRef::Env(name.to_owned()));
    MqttConfig::from_address(&address, password, allowed).map_err(|(message, cure)| format!("{message} {cure}"))
}

#[test]
fn every_key_is_read() {
    let text = r#"
        [feed.plant.mqtt]
        url = "mqtts://broker:8884/"
        topics = ["plant/#", { topic = "alerts/+", qos = 2 }]
        qos = 1
        version = "5"
        user = "ann"
        password = { env = "PLANT_PASSWORD" }
        tls = { ca = "/ca.pem", cert = "/c.pem", key = "/c.key" }
        proxy = { env = "PLANT_PROXY" }
        client_id = "console1"
        session_expiry = "never"
        receive_maximum = 8192
        keep_alive = "5s"
        max_message = "1MiB"
        connect_timeout = "3s"
    "#;
    let expected = MqttConfig {
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
        client_id: Some("console1".into()),
        session_expiry: None,
        receive_maximum: 8192,
        keep_alive: Duration::from_secs(5),
        max_message: 1 << 20,
        connect_timeout: Duration::from_secs(3),
        ..MqttConfig::new("mqtts://broker:8884".parse().unwrap(), vec![topic("plant/#", 1), topic("alerts/+", 2)])
    };
    assert_eq!(read(text), Ok(expected));
}

#[test]
fn an_address_and_a_topic_are_enough() {
    let read = read("[feed.plant.mqtt]\nurl = \"mqtt://h\"\ntopics = [\"#\"]\n").unwrap();
    assert_eq!(read, MqttConfig::new("mqtt://h".parse().unwrap(), vec![topic("#", 0)]));
    assert_eq!(read.shown_address(), "mqtt://h/#");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_cure() {
    let url = "url = \"mqtt://h\"\n";
    for (lines, place, part) in [
        ("topics = [\"a\"]".into(), "1:13", "this table has no url"),
        (url.to_owned(), "1:13", "this table has no topics"),
        ("url = \"amqp://h\"\ntopics = [\"a\"]".into(), "2:7", "begins with mqtts://"),
        ("url = \"mqtt://h/a/#\"\ntopics = [\"a\"]".into(), "2:7", "topics do not stand in the address"),
        ("url = \"mqtt://u:s3cr3t@h\"\ntopics = [\"a\"]".into(), "2:7", "must not stand in the address"),
        ("url = \"mqtt+wss://h/mqtt?token=s3cr3t\"\ntopics = [\"a\"]".into(), "2:7", "is a secret"),
        (format!("{url}topics = []"), "3:10", "there is no topic"),
        (format!("{url}topics = \"a\""), "3:10", "should be a list of topics"),
        (format!("{url}topics = [1]"), "3:11", "a topic is a text, or a table"),
        (format!("{url}topics = [\"a#\"]"), "3:11", "topic \"a#\" has a # that is no level of its own"),
        (format!("{url}topics = [\"a\", \"a\"]"), "3:16", "topic \"a\" is given twice"),
        (format!("{url}topics = [{{ topic = \"a\", qso = 1 }}]"), "3:26", "did you mean \"qos\"?"),
        (format!("{url}topics = [{{ qos = 1 }}]"), "3:11", "this table has no topic"),
        (format!("{url}topics = [\"a\"]\nqos = 3"), "4:7", "must lie between 0 and 2"),
        (format!("{url}topics = [\"a\"]\nversion = 5"), "4:11", "write version = \"5\""),
        (format!("{url}topics = [\"a\"]\ntls = {{ ca = \"c\" }}"), "4:1", "write url = \"mqtts://...\""),
        (format!("{url}topics = [\"a\"]\nclient_id = \"\""), "4:13", "no name for a client"),
        (format!("{url}topics = [\"a\"]\nsession_expiry = \"1h\""), "4:1", "for topics with qos 1 or 2"),
        (format!("{url}topics = [\"a\"]\nqos = 1\nversion = \"3.1.1\"\nreceive_maximum = 9"), "6:1", "for MQTT 5"),
        (format!("{url}topics = [\"a\"]\nkeep_alive = \"1500ms\""), "4:14", "whole seconds"),
        (format!("{url}topics = [\"a\"]\nretain = true"), "4:1", "unknown key \"retain\""),
    ] {
        let told = problem(&lines);
        assert!(told.contains(&format!("feeds.toml:{place}:")) && told.contains(part), "{lines}\n{told}");
        assert!(!told.contains("s3cr3t"), "{told}");
    }
}

#[test]
fn an_address_is_all_it_takes() {
    let plain = pasted("mqtt://h:1884/plant/+/temp/#", None, false).unwrap();
    assert_eq!(plain, MqttConfig::new("mqtt://h:1884".parse().unwrap(), vec![topic("plant/+/temp/#", 0)]));
    let socket = pasted("mqtt+wss://h/mqtt?topic=a/#", None, false).unwrap();
    assert_eq!(socket.topics, [topic("a/#", 0)]);
    assert_eq!(socket.shown_address(), "mqtt+wss://h/mqtt?topic=a/#");
    assert_eq!((socket.websocket().as_deref(), socket.port()), (Some("/mqtt"), 443));
    let user = pasted("mqtts://ann@h/a", Some("PLANT_PASSWORD"), false).unwrap();
    assert_eq!((user.access.user.as_deref(), user.url.as_str(), user.port()), (Some("ann"), "mqtts://h", 8883));
    assert_eq!(user.access.password, Some(SecretRef::Env("PLANT_PASSWORD".into())));
    let look = pasted("mqtt://ann:s3cr3t@h/a", None, true).unwrap();
    assert_eq!(look.shown_address(), "mqtt://***@h/a");
}

#[test]
fn an_address_that_cannot_be_kept_is_refused_with_the_cure() {
    for (text, password, part) in [
        ("mqtt://h", None, "names no topic"),
        ("mqtt://h/a#", None, "no level of its own"),
        ("mqtt://ann:s3cr3t@h/a", None, "put it into an environment variable"),
        ("mqtt+wss://h/mqtt?topic=a&token=s3cr3t", None, "a secret behind its ?"),
        ("mqtt://h/a", Some("X"), "but no user"),
    ] {
        let told = pasted(text, password, false).unwrap_err();
        assert!(told.contains(part) && !told.contains("s3cr3t"), "{text}: {told}");
    }
}

#[test]
fn a_client_id_stays_over_restarts_and_differs_between_consoles_and_feeds() {
    let paths = |home: &str| Paths::new(&|name| (name == "HOME").then(|| home.to_owned())).unwrap();
    let id = usual_client_id("plant", &paths("/home/ann"));
    assert_eq!(id, usual_client_id("plant", &paths("/home/ann")));
    assert!(id.starts_with("feedwatch-plant-"), "{id}");
    assert_ne!(id, usual_client_id("plant", &paths("/home/bob")));
    assert_ne!(id, usual_client_id("plants", &paths("/home/ann")));
    assert_eq!(fnv(b"a"), 0xAF63_DC4C_8601_EC8C, "as it was specified");
}

#[test]
fn many_topics_are_shown_in_part() {
    let topics = ["a", "b/#", "c", "d"].map(|filter| topic(filter, 0)).to_vec();
    assert_eq!(MqttConfig::new("mqtt://h".parse().unwrap(), topics).shown_address(), "mqtt://h/a,b/#,c,...");
}
