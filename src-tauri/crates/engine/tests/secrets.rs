//! A secret of a feed's address is sent to the server and is nowhere else: not in the history, the rows or a report.

#![allow(clippy::unwrap_used)] // Its functions beside the tests are tests too.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::probe::Probe;
use feedwatch_engine::wire::NewFeed;
use feedwatch_engine::{Console, EngineOptions, clock};
use tokio_util::sync::CancellationToken;

/// Unlike anything else in a history; one behind a name that tells nothing.
const SECRETS: [&str; 2] = ["s3cr3tOfAppid", "s3cr3tOfStation"];
const PATIENCE: Duration = Duration::from_secs(20);

fn paths(home: &Path) -> Paths {
    let home = home.to_str().unwrap().to_owned();
    Paths::new(&move |name| (name == "HOME").then(|| home.clone())).unwrap()
}

/// Sends the first one who asks elsewhere, with all it asked for; then gives messages and breaks off. Gives its port, and
/// the first line of each request.
fn server() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.find(String::is_empty);
            let target = first.split(' ').nth(1).unwrap_or_default();
            let answer = match number % 2 {
                0 => "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99\r\n\r\nretry: 1\n\ndata: {\"price\":1.5}\n\n".to_owned(),
                _ => format!("HTTP/1.1 503 Busy\r\nlocation: ftp://127.0.0.1{target}\r\ncontent-length: 0\r\n\r\n"),
            };
            let _ = stream.write_all(answer.as_bytes());
            if sender.send(first).is_err() {
                return;
            }
        }
    });
    (port, asked)
}

/// A configuration with both secrets in files.
fn configured(home: &Path, port: u16) -> config::Config {
    let file = home.join("feeds.toml");
    std::fs::write(home.join("appid.txt"), SECRETS[0]).unwrap();
    std::fs::write(home.join("station.txt"), SECRETS[1]).unwrap();
    let query = "{ appid = { file = \"appid.txt\" }, station = { file = \"station.txt\" } }";
    std::fs::write(&file, format!("[feed.owm.sse]\nurl = \"http://127.0.0.1:{port}/?n=5\"\nquery = {query}\n"))
        .unwrap();
    config::load(&file).unwrap()
}

fn assert_hidden(what: &str, bytes: &[u8]) {
    for secret in SECRETS {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in {what}");
    }
}

#[test]
fn a_secret_of_the_query_is_sent_and_kept_nowhere() {
    let home = tempfile::tempdir().unwrap();
    let (port, asked) = server();
    let config = configured(home.path(), port);
    let options = EngineOptions {
        notifications: false,
        ..EngineOptions::of_config(config, home.path().join("feeds.toml"), paths(home.path()))
    };
    let data = options.paths.data.clone();
    let console = Console::start(options).unwrap();
    // A connection that broke off, one that was refused, and one more: by then all was told that is told of both.
    for _ in 0..3 {
        let first = asked.recv_timeout(PATIENCE).unwrap();
        assert_eq!(first, format!("GET /?n=5&appid={}&station={} HTTP/1.1", SECRETS[0], SECRETS[1]));
    }
    let (status, rows) = console.engine().unwrap().status();
    let seen = format!("{status:?}{rows:?}");
    assert!(seen.contains(&format!("http://127.0.0.1:{port}/?n=5&appid=***&station=***")), "{seen}");
    assert_hidden("the rows", seen.as_bytes());
    console.stop();
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
    let bytes: Vec<u8> =
        files.iter().filter(|path| path.is_file()).flat_map(|path| std::fs::read(path).unwrap()).collect();
    assert!(bytes.windows(17).any(|window| window == b"&appid=***&statio"), "the history has the address: {files:?}");
    assert_hidden("the history", &bytes);
}

#[test]
fn a_report_of_a_look_shows_no_secret_of_the_query() {
    let home = tempfile::tempdir().unwrap();
    let (port, _asked) = server();
    let config = configured(home.path(), port);
    let secrets = config::resolve_secrets(&config, &|_| None).unwrap();
    let mut probe = Probe::new(&config.feeds[0], secrets.of("owm"), &paths(home.path()), clock::now);
    let mut lines = String::new();
    let stop = CancellationToken::new();
    let enough = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(probe.run(
        Some(PATIENCE),
        stop,
        &mut |line| lines.push_str(&line.to_string()),
        &mut |probe: &Probe| {
            if probe.update().messages > 1 {
                enough.cancel();
            }
        },
    ));
    let report = serde_json::to_string(&probe.report().unwrap()).unwrap();
    assert!(report.contains(&format!("\"source\":\"http://127.0.0.1:{port}/?n=5&appid=***&station=***\"")), "{report}");
    let update = probe.update();
    assert_hidden("the report", format!("{report}{lines}{update:?}").as_bytes());
}

fn new(port: u16) -> NewFeed {
    NewFeed {
        address: format!("ws://127.0.0.1:{port}/feed?token=s3cr3t"),
        name: "spot".to_owned(),
        title: String::new(),
        subscribe: Vec::new(),
        headers: Vec::new(),
        token_env: String::new(),
        starter: String::new(),
        found: String::new(),
        pins: None,
    }
}

fn console(home: &Path) -> (Console, EngineOptions) {
    let file = home.join("feeds.toml");
    std::fs::write(&file, "[feed.old.file]\npath = \"none.jsonl\"\n").unwrap();
    let config = config::load(&file).unwrap();
    let options = EngineOptions { notifications: false, ..EngineOptions::of_config(config, file, paths(home)) };
    (Console::start(options.clone()).unwrap(), options)
}

#[test]
fn a_secret_another_feed_may_use_is_neither_overwritten_nor_removed() {
    let home = tempfile::tempdir().unwrap();
    let (console, options) = console(home.path());
    let folder = home.path().join("secrets");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("spot.0.token"), "of a feed that was renamed\n").unwrap();
    let added = console.add_feed(&new(9)).unwrap();
    let text = std::fs::read_to_string(&options.config_path).unwrap();
    assert!(text.contains("token = { file = \"secrets/spot.1.token\" }"), "{text}");

    let removed = console.remove_feed("spot").unwrap();
    // The protocol writes that header itself: the feed cannot be added, and what was written for it goes again.
    let fails = NewFeed { headers: vec!["Host: example".to_owned()], ..new(9) };
    assert_eq!(console.add_feed(&fails).unwrap_err().code, "config");
    assert_eq!(std::fs::read_to_string(folder.join("spot.0.token")).unwrap(), "of a feed that was renamed\n");
    assert!(!folder.join("spot.2.token").exists());
    console.undo_feed_change(&removed.undo).unwrap();
    assert_eq!(console.engine().unwrap().feed_names(), ["old", "spot"], "its secret is still there");
    console.undo_feed_change(&added.undo).unwrap();
    assert!(!folder.join("spot.1.token").exists() && folder.join("spot.0.token").exists());
    console.stop();
}

#[test]
fn a_change_that_cannot_be_taken_back_leaves_file_and_secret() {
    let home = tempfile::tempdir().unwrap();
    let (console, options) = console(home.path());
    let added = console.add_feed(&new(9)).unwrap();
    let text = std::fs::read_to_string(&options.config_path).unwrap();
    console.stop();
    assert_eq!(console.undo_feed_change(&added.undo).unwrap_err().code, "internal", "no engine can follow");
    assert_eq!(std::fs::read_to_string(&options.config_path).unwrap(), text);
    assert_eq!(std::fs::read_to_string(home.path().join("secrets/spot.0.token")).unwrap(), "s3cr3t\n");
}
