//! A webhook whose senders sign: what one forged is found, and the key is nowhere.

#![allow(clippy::unwrap_used)] // Its functions beside the tests are tests too.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::{Engine, EngineOptions};
use feedwatch_model::{Check, FindingKind, Time};
use ring::hmac;

const PATIENCE: Duration = Duration::from_secs(20);
const KEY: &str = "s3cr3tOfTheSender";

fn paths(home: &Path) -> Paths {
    let home = home.to_str().unwrap().to_owned();
    Paths::new(&move |name| (name == "HOME").then(|| home.clone())).unwrap()
}

/// Sends one message and gives the first line of the answer.
fn send(port: u16, number: u64, key: &str) -> String {
    let body = format!("{{\"level\":{number}}}");
    let sum = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), body.as_bytes());
    let hex: String = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let deadline = Instant::now() + PATIENCE;
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    };
    let head = "POST / HTTP/1.1\r\nhost: h\r\nauthorization: Bearer t0ken\r\nconnection: close\r\n";
    write!(stream, "{head}x-signature: sha256={hex}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_forged_message_of_a_signed_feed_is_one_finding() {
    let home = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = home.path().join("feeds.toml");
    std::fs::write(home.path().join("token.txt"), "t0ken").unwrap();
    std::fs::write(home.path().join("hmac.txt"), KEY).unwrap();
    let hook =
        format!("[feed.a.webhook]\nlisten = \"127.0.0.1:{port}\"\npath = \"/\"\ntoken = {{ file = \"token.txt\" }}\n");
    std::fs::write(&file, format!("{hook}[feed.a.signature]\nkey = {{ file = \"hmac.txt\" }}\n")).unwrap();
    let config = config::load(&file).unwrap();
    let options = EngineOptions { notifications: false, ..EngineOptions::of_config(config, file, paths(home.path())) };
    let history = options.history.clone().unwrap();
    let engine = Engine::start(options).unwrap();
    for number in 0..12 {
        let answer = send(port, number, if number == 7 { "gu3ss" } else { KEY });
        assert!(answer.contains("204"), "{answer}");
    }
    engine.stop();
    let reader = feedwatch_store::read(&history).unwrap();
    let feed = reader.feeds().unwrap()[0].id;
    let found = reader.findings(Time::MIN, Time::MAX, Some(feed), 100).unwrap();
    let told: Vec<_> = found.iter().filter(|found| found.check == Check::Signature).collect();
    assert_eq!(told.len(), 1, "{found:?}");
    assert_eq!((told[0].kind, told[0].message), (FindingKind::Mismatch, Some(7)));
    let bytes = std::fs::read(&history).unwrap();
    assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "the key is in the history");
}
