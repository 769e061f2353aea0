//! The program from outside: how it ends, whatever becomes of its output, and what it never says.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Long enough for any machine; nothing waits for it to pass.
const LONG: Duration = Duration::from_secs(60);

fn feedwatch(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_feedwatch"));
    command.args(args).current_dir(home).env("HOME", home).env_remove("FEEDWATCH_LOG");
    for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(variable, home.join(variable));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A program that is killed if the test fails.
struct Running(Option<Child>);

impl Running {
    fn start(home: &Path, args: &[&str]) -> Running {
        Running(Some(feedwatch(home, args).spawn().unwrap()))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    fn interrupt(&mut self) {
        let id = self.child().id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    fn end(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn object(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A server that takes one connection and says nothing.
fn mute() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, address)
}

/// A home whose history holds `count` samples, told by `feeds.toml`.
fn history(count: usize) -> TempDir {
    let home = TempDir::new().unwrap();
    let lines: String = (0..count).map(|number| format!("{{\"level\":{number}.5}}\n")).collect();
    fs::write(home.path().join("some.jsonl"), lines).unwrap();
    fs::write(home.path().join("feeds.toml"), "[feed.old.file]\npath = \"some.jsonl\"\n").unwrap();
    let mut run = Running::start(home.path(), &["run", "feeds.toml", "--json", "--follow"]);
    // The end of the file is told behind all of it.
    let wanted = |line: &str| line.contains("\"accounts\"") && line.contains(&format!("\"received\":{count}"));
    let out = BufReader::new(run.child().stdout.take().unwrap());
    assert!(out.lines().map_while(Result::ok).any(|line| wanted(&line)), "the file was read");
    run.interrupt();
    let _ = run.end();
    home
}

#[test]
fn an_output_that_is_full_is_3_and_a_sentence_and_one_that_is_closed_is_3_and_none() {
    let home = TempDir::new().unwrap();
    let mut command = feedwatch(home.path(), &["run", "demo", "--for", "1s", "--json"]);
    let ended = command.stdout(File::options().write(true).open("/dev/full").unwrap()).output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(said(&ended).contains("The output cannot be written"), "{}", said(&ended));

    let mut run = Running::start(home.path(), &["run", "demo", "--for", "2s", "--json", "--follow"]);
    drop(run.child().stdout.take());
    let ended = run.end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert_eq!(said(&ended).lines().count(), 1, "what it watches, and no more: {}", said(&ended));

    let home = history(40_000);
    let mut export = Running::start(home.path(), &["export", "feeds.toml"]);
    let mut out = BufReader::new(export.child().stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    let ended = export.end();
    assert_eq!((ended.status.code(), said(&ended)), (Some(3), String::new()), "as `| head -1` ends it");
}

#[test]
fn a_probe_that_is_interrupted_says_that_nothing_came() {
    let home = TempDir::new().unwrap();
    let (listener, address) = mute();
    let mut probe = Running::start(home.path(), &["probe", &address, "--for", "10m", "--json"]);
    let _held: TcpStream = listener.accept().unwrap().0;
    probe.interrupt();
    let ended = probe.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let report = object(&ended);
    assert_eq!((&report["schema"], &report["accounts"]["received"]), (&1.into(), &0.into()), "{report}");

    // Nobody interrupts this one.
    let ended = feedwatch(home.path(), &["probe", &address, "--for", "500ms", "--json"]).output().unwrap();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(3), 0), "{ended:?}");
}

/// A server that gives every connection this answer and holds it.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut socket in listener.incoming().map_while(Result::ok) {
            let mut head = String::new();
            let mut asked = BufReader::new(socket.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") && asked.read_line(&mut head).is_ok_and(|read| read > 0) {}
            let _ = socket.write_all(answer.as_bytes());
            held.push(socket);
        }
    });
    address
}

#[test]
fn a_probe_says_why_nothing_came() {
    let home = TempDir::new().unwrap();
    let probe = |answer, time| {
        feedwatch(home.path(), &["probe", &answering(answer), "--for", time, "--json"]).output().unwrap()
    };
    let finished = probe("HTTP/1.1 204 No Content\r\n\r\n", "10m");
    assert_eq!((finished.status.code(), finished.stdout.len()), (Some(3), 0), "{finished:?}");
    assert!(said(&finished).contains("The server says that the feed is finished (204)"), "{}", said(&finished));

    let broken = probe("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "2s");
    assert_eq!(broken.status.code(), Some(3), "{broken:?}");
    assert!(said(&broken).contains("The server answered 500"), "{}", said(&broken));
    assert!(!said(&broken).contains("is tried again"), "it has given up: {}", said(&broken));

    let silent = probe("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "1s");
    assert_eq!(silent.status.code(), Some(0), "{silent:?}");
    assert_eq!(object(&silent)["accounts"]["received"], 0);
    let told = said(&silent);
    assert!(told.starts_with("Nothing came in ") && told.contains("look longer, --for 1m"), "{told}");
}

#[test]
fn an_export_that_is_interrupted_leaves_nothing() {
    let home = history(40_000);
    let part = home.path().join("out.csv.part");
    // The part is a pipe, so that the export waits for this test.
    assert!(Command::new("mkfifo").arg(&part).status().unwrap().success());
    let mut export = Running::start(home.path(), &["export", "feeds.toml", "--out", "out.csv", "--json"]);
    let mut pipe = File::open(&part).unwrap();
    export.interrupt();
    let mut read = Vec::new();
    let mut piece = [0; 4_096];
    while let Ok(count @ 1..) = pipe.read(&mut piece) {
        read.extend_from_slice(&piece[..count]);
        std::thread::yield_now();
    }
    let ended = export.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let report = object(&ended);
    assert_eq!((&report["cancelled"], &report["out"], &report["rows"]), (&true.into(), &Value::Null, &0.into()));
    assert!(!part.exists() && !home.path().join("out.csv").exists());
    assert!(read.len() < 40_000 * 60, "it did not go on to the end");

    // The whole of it, and who is not there.
    let ended = feedwatch(home.path(), &["export", "feeds.toml", "--out", "out.csv", "--json"]).output().unwrap();
    let report = object(&ended);
    assert_eq!((&report["cancelled"], &report["out"]), (&false.into(), &"out.csv".into()), "{report}");
    let missing = feedwatch(home.path(), &["export", "nowhere.toml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
    assert!(said(&missing).contains("There is no file nowhere.toml"), "{}", said(&missing));

    // Nobody reads, so that one interrupt cannot be followed; more of them end it at once.
    let mut export = Running::start(home.path(), &["export", "feeds.toml"]);
    let begun = Instant::now();
    let code = loop {
        export.interrupt();
        if let Some(status) = export.child().try_wait().unwrap() {
            break status.code();
        }
        assert!(begun.elapsed() < LONG, "it does not end");
        std::thread::yield_now();
    };
    // A signal that comes before the program listens ends it as signals do.
    assert!(matches!(code, Some(130) | None), "{code:?}");
}

#[test]
fn a_back_test_that_is_interrupted_says_what_was_done() {
    let home = TempDir::new().unwrap();
    let input = home.path().join("in");
    fs::create_dir(&input).unwrap();
    let rows: String = (0..3_000).map(|row| format!("{},{}\n", row * 60, row % 11)).collect();
    for name in 0..400 {
        fs::write(input.join(format!("{name}.csv")), format!("timestamp,value\n{rows}")).unwrap();
    }
    let mut run = Running::start(home.path(), &["backtest", "in", "--out", "out", "--json"]);
    let mut err = BufReader::new(run.child().stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    assert!(line.contains("of 400 files"), "{line}");
    run.interrupt();
    err.read_to_string(&mut line).unwrap();
    let ended = run.end();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let report = object(&ended);
    let files = report["files"].as_u64().unwrap();
    assert!(report["cancelled"] == true && (1..400).contains(&files), "{report}");
    let written = fs::read_dir(home.path().join("out")).unwrap();
    assert!(written.map(|entry| entry.unwrap().path()).all(|path| path.extension().unwrap() == "csv"), "no part stays");
}

#[test]
fn a_back_test_never_overwrites_what_it_reads() {
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join("in")).unwrap();
    let text = "timestamp,value\n0,1\n60,2\n";
    fs::write(home.path().join("in/a.csv"), text).unwrap();
    let ended = feedwatch(home.path(), &["backtest", "in", "--out", "in"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(said(&ended).contains("in/a.csv would overwrite"), "{}", said(&ended));
    assert_eq!(fs::read_to_string(home.path().join("in/a.csv")).unwrap(), text);
}

#[test]
fn a_token_is_never_logged_however_much_is() {
    let home = TempDir::new().unwrap();
    for filter in ["trace", "tungstenite::handshake::client=trace,trace"] {
        let (listener, address) = mute();
        let mut command = feedwatch(
            home.path(),
            &["probe", &address, "--header", "Authorization: Bearer s3cr3t-t0ken", "--for", "10m", "--json"],
        );
        let mut probe = Running(Some(command.env("FEEDWATCH_LOG", filter).spawn().unwrap()));
        let mut head = String::new();
        let mut asked = BufReader::new(listener.accept().unwrap().0);
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(asked.read_line(&mut head).unwrap(), 0);
        }
        assert!(head.contains("s3cr3t-t0ken"), "it was sent: {head}");
        drop((asked, listener));
        probe.interrupt();
        let ended = probe.end();
        assert!(!said(&ended).contains("s3cr3t"), "{}", said(&ended));
    }
}

#[test]
fn a_configuration_that_is_not_there_is_wrong_input() {
    let home = TempDir::new().unwrap();
    for (command, code) in [("run", 2), ("export", 2), ("open", 2), ("check", 1)] {
        let ended = feedwatch(home.path(), &[command, "nowhere.toml"]).output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{command}: {ended:?}");
        assert!(!said(&ended).contains('\u{1b}'), "no colours in a pipe: {}", said(&ended));
    }
    let ended = feedwatch(home.path(), &["open", "nowhere.toml"]).output().unwrap();
    assert!(said(&ended).starts_with("feedwatch: nowhere.toml: there is no such file"), "{}", said(&ended));
}

#[test]
fn the_window_ends_it_as_it_ended_itself() {
    let home = TempDir::new().unwrap();
    let own = home.path().join("feedwatch");
    fs::copy(env!("CARGO_BIN_EXE_feedwatch"), &own).unwrap();
    let window = home.path().join("feedwatch-desktop");
    for (ends, code) in [("exit 0", 0), ("exit 2", 2), ("exit 7", 7), ("kill -KILL $$", 3)] {
        fs::write(&window, format!("#!/bin/sh\n{ends}\n")).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(&window).status().unwrap().success());
        let ended = Command::new(&own).args(["open", "demo"]).env("HOME", home.path()).output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{ends}: {ended:?}");
    }
}

#[test]
fn a_capture_in_a_format_that_is_not_read_yet_is_wrong_input_with_a_cure() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("log.txt"), "level=info msg=hello\n".repeat(3)).unwrap();
    let ended = feedwatch(home.path(), &["probe", "log.txt"]).output().unwrap();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(2), 0), "{ended:?}");
    assert!(said(&ended).contains("This version reads JSON, CSV,"), "{}", said(&ended));
    assert!(said(&ended).contains("convert the messages to JSON, one message a line"), "{}", said(&ended));
    let ended = feedwatch(home.path(), &["probe", "log.txt", "--json"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(object(&ended)["accounts"]["rejected"], 3, "the books are told all the same");
}

#[test]
fn captures_of_csv_and_of_scrapes_are_read() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("node.prom"), "# TYPE up gauge\nup{job=\"a\"} 1\n").unwrap();
    fs::write(home.path().join("one.csv"), "level\n1.5\n2.5\n").unwrap();
    for (file, format, received, path) in [("node.prom", "prometheus", 1, "/up"), ("one.csv", "csv", 2, "/level")] {
        let ended = feedwatch(home.path(), &["probe", file, "--json"]).output().unwrap();
        let told = object(&ended);
        assert_eq!((ended.status.code(), &told["profile"]["format"]), (Some(0), &format.into()), "{told}");
        assert_eq!((&told["accounts"]["received"], &told["accounts"]["rejected"]), (&received.into(), &0.into()));
        assert_eq!(told["profile"]["kinds"][0]["series"][0]["path"], path);
        let ended = feedwatch(home.path(), &["probe", file]).output().unwrap();
        assert!(String::from_utf8_lossy(&ended.stdout).contains(format), "{ended:?}");
    }
}

#[test]
fn scrapes_beside_the_repository_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/feeds");
    let home = TempDir::new().unwrap();
    for number in 1..=3 {
        let file = folder.join(format!("node_exporter_{number}.prom"));
        if !file.exists() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI must have the captures");
            println!("skipped: no captures beside the repository");
            return;
        }
        let ended = feedwatch(home.path(), &["probe", file.to_str().unwrap(), "--json"]).output().unwrap();
        let told = object(&ended);
        assert_eq!(
            (&told["profile"]["format"], &told["accounts"]["stored"]),
            (&"prometheus".into(), &1.into()),
            "{told}"
        );
        let series = told["profile"]["kinds"][0]["series"].as_array().unwrap();
        assert!(series.iter().any(|series| series["key"]["label:mode"] == "idle" && series["kind"] == "counter"));
    }
}

/// Line, column and message of a problem.
type Place = (Value, Value, Value);

#[test]
fn a_check_names_what_cannot_work_with_its_place_and_its_cure() {
    let home = TempDir::new().unwrap();
    let problems = |text: &str| {
        fs::write(home.path().join("feeds.toml"), text).unwrap();
        let ended = feedwatch(home.path(), &["check", "feeds.toml", "--json"]).output().unwrap();
        let report = object(&ended);
        assert_eq!(ended.status.code(), Some(if report["problems"] == serde_json::json!([]) { 0 } else { 1 }));
        let told = report["problems"].as_array().unwrap().clone();
        assert!(told.iter().all(|problem| problem["cure"].is_string()), "{told:?}");
        told.iter()
            .map(|problem| (problem["line"].clone(), problem["column"].clone(), problem["message"].clone()))
            .collect()
    };
    let problems = |text: &str| -> Vec<Place> { problems(text) };
    assert_eq!(problems("# nothing yet\n"), [(1.into(), 1.into(), "there is no feed in this file".into())]);
    let nats = problems("[feed.plant.nats]\nurl = \"nats://host\"\n");
    assert_eq!((nats.len(), &nats[0].0), (1, &1.into()), "{nats:?}");
    assert!(nats[0].2.as_str().unwrap().contains("subjects"), "{nats:?}");
    let missing = problems("[feed.old.file]\npath = \"nowhere.jsonl\"\n");
    assert_eq!((&missing[0].0, &missing[0].1), (&2.into(), &8.into()), "{missing:?}");
    assert!(missing[0].2.as_str().unwrap().contains("nowhere.jsonl"), "{missing:?}");
    fs::write(home.path().join("node.prom"), "up 1\n").unwrap();
    assert_eq!(problems("[feed.old.file]\npath = \"node.prom\"\n"), []);
    fs::write(home.path().join("some.jsonl"), "{}\n").unwrap();
    assert_eq!(problems("[feed.old.file]\npath = \"some.jsonl\"\n"), []);
    let ended = feedwatch(home.path(), &["check", "feeds.toml"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "feeds.toml is in order: 1 feed.\n");
}

#[test]
fn a_time_without_a_unit_is_told_with_its_cure() {
    let home = TempDir::new().unwrap();
    let ended = feedwatch(home.path(), &["run", "demo", "--for", "5"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(said(&ended).contains("\"5\" has no unit: write 5s"), "{}", said(&ended));
}

#[test]
fn a_second_demo_is_told_how_it_gets_a_history_of_its_own() {
    let home = TempDir::new().unwrap();
    let mut first = Running::start(home.path(), &["run", "demo", "--json", "--follow"]);
    let mut out = BufReader::new(first.child().stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    let second = feedwatch(home.path(), &["run", "demo", "--for", "1s"]).output().unwrap();
    assert_eq!(second.status.code(), Some(3), "{second:?}");
    let told = said(&second);
    assert!(told.contains("is writing this history") && told.contains("XDG_DATA_HOME=/some/other/folder"), "{told}");
    let mut elsewhere = feedwatch(home.path(), &["run", "demo", "--for", "1s", "--json"]);
    let elsewhere = elsewhere.env("XDG_DATA_HOME", home.path().join("elsewhere")).output().unwrap();
    assert_eq!(elsewhere.status.code(), Some(0), "the cure works: {elsewhere:?}");
    drop(out);
    first.interrupt();
    let _ = first.end();
}
