//! `feedwatch verify` from outside: its words, its object, and its exit codes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn feedwatch(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_feedwatch"));
    command.args(args).current_dir(home).env("HOME", home).env_remove("FEEDWATCH_LOG");
    for variable in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"] {
        command.env(variable, home.join(variable));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn verify(home: &Path, file: &str) -> (Option<i32>, Value) {
    let ended = feedwatch(home, &["verify", file, "--json"]).output().unwrap();
    let text = String::from_utf8_lossy(&ended.stdout);
    let told = serde_json::from_str(text.lines().last().unwrap_or_default());
    (ended.status.code(), told.unwrap_or_else(|error| panic!("{error}: {ended:?}")))
}

fn for_people(home: &Path, file: &str) -> Output {
    feedwatch(home, &["verify", file]).output().unwrap()
}

/// A console that has read 300 messages of a file and goes on; killed if the test fails.
struct Running(Option<Child>);

impl Running {
    fn start(home: &Path) -> Running {
        Running::until(home, "\"stored\":300")
    }

    /// Until its accounts say so.
    fn until(home: &Path, said: &str) -> Running {
        let lines: String = (0..300).map(|number| format!("{{\"level\":{number}.5}}\n")).collect();
        fs::write(home.join("some.jsonl"), lines).unwrap();
        let config = "[console]\nhistory = \"h.db\"\n\n[feed.old.file]\npath = \"some.jsonl\"\n";
        fs::write(home.join("feeds.toml"), config).unwrap();
        let mut run = feedwatch(home, &["run", "feeds.toml", "--json", "--follow"]).spawn().unwrap();
        let out = BufReader::new(run.stdout.take().unwrap());
        let stored = |line: &str| line.contains("\"accounts\"") && line.contains(said);
        assert!(out.lines().map_while(Result::ok).any(|line| stored(&line)), "the file was read");
        Running(Some(run))
    }

    fn end(mut self, signal: &str) {
        let mut child = self.0.take().unwrap();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap();
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

#[test]
fn a_history_is_whole_while_it_is_written_and_after_a_kill_and_after_a_good_end() {
    let home = TempDir::new().unwrap();
    let run = Running::start(home.path());
    let (code, told) = verify(home.path(), "h.db");
    assert_eq!((code, &told["schema"], &told["whole"]), (Some(0), &1.into(), &true.into()), "{told}");
    run.end("-KILL");
    let (code, told) = verify(home.path(), "h.db");
    assert_eq!((code, &told["whole"], &told["problems"]), (Some(0), &true.into(), &serde_json::json!([])), "{told}");
    assert!(told["uncovered"]["messages"].as_u64().unwrap() > 0, "{told}");
    assert!(told["note"].as_str().unwrap().contains("Not covered yet: "), "{told}");

    // It goes on behind what is in the history.
    Running::until(home.path(), "\"stored\":0").end("-INT");
    let (code, told) = verify(home.path(), "h.db");
    assert_eq!((code, &told["whole"]), (Some(0), &true.into()), "{told}");
    assert!(told["uncovered"].as_object().unwrap().values().all(|count| count == 0), "{told}");
    assert!(told["checked"].as_u64().unwrap() >= 300 && told["covered_until"].is_string(), "{told}");
    let ended = for_people(home.path(), "h.db");
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && text.starts_with("h.db is whole: "), "{text}");
    assert!(text.contains("Without a key this shows accidents, not forgery"), "{text}");
    assert!(text.contains(told["head"].as_str().unwrap()), "{text}");
}

#[test]
fn a_history_that_was_altered_is_1_and_it_says_where() {
    let home = TempDir::new().unwrap();
    Running::start(home.path()).end("-INT");
    let path = home.path().join("h.db");
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes.windows(14).position(|bytes| bytes == b"{\"level\":17.5}").unwrap();
    bytes[place + 10] = b'8';
    fs::write(&path, bytes).unwrap();
    let (code, told) = verify(home.path(), "h.db");
    assert_eq!((code, &told["whole"]), (Some(1), &false.into()), "{told}");
    let problems = told["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{told}");
    let problem = problems[0].as_str().unwrap();
    assert!(problem.starts_with("The messages of feed old received from ") && problem.contains("not what was written"));
    let ended = for_people(home.path(), "h.db");
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(text.starts_with("h.db is not what was written: 1 problem") && text.contains(problem), "{text}");
}

#[test]
fn what_is_no_history_is_2_with_a_sentence() {
    let home = TempDir::new().unwrap();
    let path = |name: &str| -> PathBuf { home.path().join(name) };
    fs::create_dir(path("report")).unwrap();
    fs::write(path("empty.db"), "").unwrap();
    fs::write(path("feeds.toml"), "# nothing\n".repeat(200)).unwrap();
    for (name, said) in [
        ("report", "report is no history: it is a folder"),
        ("empty.db", "empty.db is no history: it is empty"),
        ("feeds.toml", "feeds.toml is not a history of Feedwatch"),
        ("nowhere.db", "There is no file nowhere.db"),
    ] {
        let before = fs::read(path(name)).ok();
        let ended = for_people(home.path(), name);
        let text = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(2), 0), "{name}: {ended:?}");
        assert!(text.contains(said), "{name}: {text}");
        assert_eq!(fs::read(path(name)).ok(), before);
    }
}
