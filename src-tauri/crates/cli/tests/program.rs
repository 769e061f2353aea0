//! The program from outside: how it ends, whatever becomes of its output, and what it never says.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
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
fn an_output_that_is_full_or_closed_is_3_and_a_sentence() {
    let home = TempDir::new().unwrap();
    let mut command = feedwatch(home.path(), &["run", "demo", "--for", "1s", "--json"]);
    let ended = command.stdout(File::options().write(true).open("/dev/full").unwrap()).output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(said(&ended).contains("The output cannot be written"), "{}", said(&ended));

    let mut run = Running::start(home.path(), &["run", "demo", "--for", "2s", "--json", "--follow"]);
    drop(run.child().stdout.take());
    let ended = run.end();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(said(&ended).contains("The output was closed before everything was told."), "{}", said(&ended));
    assert!(!said(&ended).contains("panicked"), "{}", said(&ended));
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
    for (command, code) in [("run", 2), ("export", 2), ("check", 1)] {
        let ended = feedwatch(home.path(), &[command, "nowhere.toml"]).output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{command}: {ended:?}");
    }
}
