//! What happens around the engine: wrong tokens at a webhook, and a clock that is set.

#![allow(clippy::unwrap_used)] // Its functions beside the tests are tests too.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::{Engine, EngineOptions, clock};
use feedwatch_model::{Check, Finding, FindingKind, Time};

const PATIENCE: Duration = Duration::from_secs(20);

fn paths(home: &Path) -> Paths {
    let home = home.to_str().unwrap().to_owned();
    Paths::new(&move |name| (name == "HOME").then(|| home.clone())).unwrap()
}

/// An engine with a webhook at a port.
fn engine(home: &Path, clock: fn() -> Time) -> (Engine, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = home.join("feeds.toml");
    std::fs::write(home.join("token.txt"), "t0ken").unwrap();
    let hook =
        format!("[feed.a.webhook]\nlisten = \"127.0.0.1:{port}\"\npath = \"/\"\ntoken = {{ file = \"token.txt\" }}\n");
    std::fs::write(&file, hook).unwrap();
    let config = config::load(&file).unwrap();
    let options = EngineOptions::of_config(config, file, paths(home));
    (Engine::start(EngineOptions { notifications: false, clock, ..options }).unwrap(), port)
}

/// Sends one message and gives the first line of the answer.
fn send(port: u16, token: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    };
    let head = "POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 2\r\n";
    write!(stream, "{head}authorization: Bearer {token}\r\n\r\n{{}}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Lets the engine go on for so long.
fn rest(time: Duration) {
    let (_nobody, nothing) = std::sync::mpsc::channel::<()>();
    assert!(nothing.recv_timeout(time).is_err());
}

/// What is in the history when the engine has ended.
fn kept(engine: &Engine, home: &Path) -> Vec<Finding> {
    engine.stop();
    let reader = feedwatch_store::read(&paths(home).history_file()).unwrap();
    reader.findings(Time::MIN, Time::MAX, None, 1_000).unwrap()
}

#[test]
fn wrong_tokens_are_one_burst() {
    let home = tempfile::tempdir().unwrap();
    let (engine, port) = engine(home.path(), clock::now);
    assert!(send(port, "t0ken").contains("204"));
    for _ in 0..40 {
        assert!(send(port, "gu3ss").contains("401"));
    }
    // Counted once a second: what was counted before the good one is told when it is kept.
    rest(Duration::from_millis(1_200));
    let found = kept(&engine, home.path());
    let told: Vec<_> = found.iter().filter(|found| found.check == Check::Security).collect();
    assert_eq!(told.len(), 1, "{found:?}");
    assert_eq!(told[0].kind, FindingKind::AuthBurst);
    assert!(told[0].text.contains("the last one from 127.0.0.1"), "{}", told[0].text);
    assert!(!format!("{found:?}").contains("gu3ss"));
}

/// By how much the made clock is ahead, in nanoseconds.
static AHEAD: AtomicI64 = AtomicI64::new(0);

fn made() -> Time {
    clock::now().plus_nanos(AHEAD.load(Ordering::SeqCst))
}

#[test]
fn a_clock_that_is_set_is_told() {
    let home = tempfile::tempdir().unwrap();
    let (engine, port) = engine(home.path(), made);
    assert!(send(port, "t0ken").contains("204"));
    AHEAD.store(90_000_000_000, Ordering::SeqCst);
    rest(Duration::from_millis(500));
    let found = kept(&engine, home.path());
    let told: Vec<_> = found.iter().filter(|found| found.check == Check::Clock).collect();
    assert_eq!(told.len(), 1, "{found:?}");
    assert_eq!(told[0].kind, FindingKind::Step);
    assert!(told[0].text.starts_with("The clock of this computer was set forward by "), "{}", told[0].text);
}
