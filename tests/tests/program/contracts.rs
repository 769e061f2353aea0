//! What scripts can rely on: exit codes, the last line, the lines before it, sentences.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use feedwatch_tests::home::Home;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::websocket::{Server, Talk};
use serde_json::Value;

fn ticks(talk: &mut Talk) {
    let mut number = 0;
    loop {
        number += 1;
        // Number 300 is never sent.
        if number != 300 && !talk.send(format!("{{\"seq\":{number},\"level\":{}}}", 20 + number % 5)) {
            return;
        }
        if !talk.pause(Duration::from_millis(4)) {
            return;
        }
    }
}

fn of(home: &Home, server: &Server) -> String {
    let path = home.write("feeds.toml", format!("[feed.plant.websocket]\nurl = \"{}\"\n", server.url()));
    path.display().to_string()
}

#[test]
fn a_run_tells_lines_as_it_goes_and_the_whole_at_its_end() {
    let server = Server::start(ticks);
    let home = Home::new();
    let config = of(&home, &server);
    let run = home.start(&["run", &config, "--json", "--follow"]);
    run.line("a finding", LONG, |line| line.contains("\"finding\"") && line.contains("\"sequence\""));
    run.line("a gap", LONG, |line| line.contains("\"type\":\"gap\""));
    run.line("an alarm", LONG, |line| line.contains("\"type\":\"alarm\""));
    run.interrupt();
    let ended = run.end(LONG);
    assert_eq!(ended.code, Some(0), "an interrupt is a clean end: {}", ended.err);
    let report = ended.json();
    let (_, lines) = ended.out.split_last().expect("lines");
    for line in lines {
        let line: Value = serde_json::from_str(line).expect("every line is JSON");
        let kind = line["type"].as_str().expect("a type");
        assert!(["finding", "alarm", "gap", "accounts"].contains(&kind), "{line}");
    }
    for key in ["seconds", "accounts", "findings", "alarms", "gaps", "history_problem", "demo_log"] {
        assert!(report.get(key).is_some(), "unknown is null, never absent: {key}");
    }
    let books = &report["accounts"]["plant"];
    assert_eq!(books["received"], books["stored"], "{books}");
    assert_eq!(books["in_flight"], 0, "{books}");
    let found = &report["findings"][0];
    assert_eq!((&found["check"], &found["from"], &found["to"]), (&"sequence".into(), &300.into(), &300.into()));
    for key in ["check", "kind", "feed", "per", "at", "message", "from", "to", "missing", "severity", "text"] {
        assert!(found.get(key).is_some(), "{key}: {found}");
    }
    assert!(found["at"].as_str().is_some_and(|at| at.len() == 30 && at.ends_with('Z')), "nine digits: {found}");
}

#[test]
fn a_time_ends_a_run_and_fail_on_makes_its_findings_count() {
    let server = Server::start(ticks);
    let home = Home::new();
    let config = of(&home, &server);
    let one = home.start(&["run", &config, "--for", "4s", "--json", "--fail-on", "sequence"]);
    let other_home = Home::new();
    let config = of(&other_home, &server);
    let other = other_home.start(&["run", &config, "--for", "4s", "--json", "--fail-on", "decode,duplicate"]);
    let (one, other) = (one.end(LONG), other.end(LONG));
    assert_eq!(one.code, Some(1), "{one:?}");
    assert!(one.json()["seconds"].as_f64().is_some_and(|seconds| seconds >= 4.0));
    assert_eq!(other.code, Some(0), "{other:?}");
}

#[test]
fn a_run_for_people_tells_sentences_and_ends_when_the_system_does() {
    let server = Server::start(ticks);
    let home = Home::new();
    let config = of(&home, &server);
    let run = home.start(&["run", &config]);
    let line = run.line("a finding", LONG, |line| line.contains("300 never came"));
    assert!(line.contains("plant") && line.contains("warning"), "{line}");
    run.terminate();
    let ended = run.end(LONG);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = ended.out.last().expect("the sum");
    assert!(last.starts_with("1 finding, 1 alarm (1 still holds), 1 gap in "), "{last}");
    assert!(ended.out.iter().any(|line| line.starts_with("plant: received ")), "{:?}", ended.out);
    assert!(ended.err.contains("Ctrl-C"), "progress goes to stderr: {}", ended.err);
}

#[test]
fn a_probe_of_an_address_learns_it_within_its_time() {
    let server = Server::start(|talk| {
        let asked = talk.hear();
        talk.send(format!("{{\"type\":\"subscribed\",\"to\":{}}}", asked.unwrap_or_default()));
        ticks(talk);
    });
    let home = Home::new();
    let url = server.url();
    let args = ["probe", &url, "--send", "{\"op\":\"sub\"}", "--for", "4s", "--json", "--follow"];
    let ended = home.run(&args);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(server.heard(), ["{\"op\":\"sub\"}"]);
    let report = ended.json();
    assert_eq!(report["protocol"], "websocket");
    let books = &report["accounts"];
    assert!(books["received"].as_u64() > Some(300) && books["stored"] == books["received"], "{books}");
    let kinds = report["profile"]["kinds"].as_array().expect("kinds");
    let names: Vec<_> = kinds.iter().flat_map(|kind| kind["series"].as_array().cloned().unwrap_or_default()).collect();
    assert!(names.iter().any(|series| series["name"] == "level" && series["max"] == 24.0), "{names:#?}");
    let rule = &report["profile"]["sequence"][0];
    assert_eq!((&rule["rule"], &rule["violations"]), (&"plus-one".into(), &1.into()), "{rule}");
    let told = ended.out.iter().filter(|line| line.contains("\"type\":\"finding\"")).count();
    assert_eq!(told, report["findings"].as_array().map_or(0, Vec::len), "each finding was a line as well");
    assert!(!home.history().exists(), "a probe keeps nothing");
}

#[test]
fn wrong_input_is_2_with_its_place_and_its_cure() {
    let home = Home::new();
    let bad =
        home.write("bad.toml", "[feed.spot.websocket]\nulr = \"wss://example/feed\"\n[console]\nkeep_histroy = 1\n");
    let bad = bad.display().to_string();
    let ended = home.run(&["run", &bad, "--json"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("bad.toml:2:1") && ended.err.contains("url"), "{}", ended.err);
    assert!(ended.out.is_empty());

    let ended = home.run(&["check", &bad, "--json"]);
    assert_eq!(ended.code, Some(1), "the answer is no: {ended:?}");
    let problems = ended.json()["problems"].as_array().cloned().expect("problems");
    assert_eq!(problems.len(), 2, "all at once: {problems:#?}");
    for problem in &problems {
        for key in ["file", "line", "column", "message", "cure"] {
            assert!(problem.get(key).is_some(), "{key}: {problem}");
        }
    }
    assert_eq!((&problems[0]["line"], &problems[0]["column"]), (&2.into(), &1.into()), "{problems:#?}");

    let good = home.write("good.toml", "[feed.spot.websocket]\nurl = \"wss://example/feed\"\n").display().to_string();
    let ended = home.run(&["check", &good, "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()["problems"], Value::Array(Vec::new()));

    for args in [
        &["run", "nowhere.toml"] as &[&str],
        &["check", "nowhere.toml"],
        &["probe", "nowhere.jsonl", "--json"],
        &["replay", "nowhere.jsonl", "--as", "sse"],
        &["replay", &good, "--as", "pigeon"],
        &["run", &good, "--fail-on", "luck"],
        &["run", &good, "--for", "a while"],
        &["probe", "example.com/feed"],
        &["dance"],
    ] {
        let ended = home.run(args);
        let wanted = if args[0] == "check" { Some(1) } else { Some(2) };
        assert_eq!(ended.code, wanted, "{args:?}: {ended:?}");
        assert!(args[0] == "check" || !ended.err.trim().is_empty(), "{args:?}");
    }
}

#[test]
fn a_server_that_is_not_there_is_3_and_a_sentence() {
    let home = Home::new();
    // Bound, then free: nobody listens there.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr()).expect("a port").port();
    for address in [format!("ws://127.0.0.1:{port}/"), format!("sse+http://127.0.0.1:{port}/")] {
        let ended = home.run(&["probe", &address, "--for", "1s", "--json"]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.out.is_empty(), "{ended:?}");
        let said = ended.err.trim();
        assert!(said.contains(&port.to_string()) && said.contains("refused") && said.ends_with('.'), "{said}");
    }
}

#[test]
fn a_second_run_on_the_same_history_is_3_and_names_the_first() {
    let server = Server::start(ticks);
    let home = Home::new();
    let config = of(&home, &server);
    let first = home.start(&["run", &config, "--json"]);
    wait_until("the first one keeps a history", LONG, || server.connections() > 0);
    let second = home.run(&["run", &config, "--json", "--for", "1s"]);
    assert_eq!(second.code, Some(3), "{second:?}");
    assert!(second.err.contains(&format!("process {}", first.id())), "{}", second.err);
    first.interrupt();
    assert_eq!(first.end(LONG).code, Some(0));
}

#[test]
fn a_history_of_a_newer_program_is_refused_with_a_sentence() {
    let home = Home::new();
    let config = home.write("feeds.toml", "[feed.old.file]\npath = \"none.jsonl\"\n").display().to_string();
    home.write("none.jsonl", "{\"level\":1}\n");
    assert_eq!(home.run(&["run", &config, "--for", "1s"]).code, Some(0));
    let known: i64 = {
        let history = rusqlite::Connection::open(home.history()).expect("a database");
        let known = history.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
        history.pragma_update(None, "user_version", known + 1).expect("a newer one");
        known
    };
    let before = std::fs::read(home.history()).expect("the file");
    let is_told = |text: &str| text.contains("newer") && text.contains(&format!("schema {}", known + 1));
    let ended = home.run(&["export", &config]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(is_told(&ended.err), "{}", ended.err);
    // Watching goes on without a history, and says why there is none.
    let ended = home.run(&["run", &config, "--for", "1s", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    assert!(report["history_problem"].as_str().is_some_and(is_told), "{report}");
    assert_eq!(report["accounts"]["old"]["received"], 1, "{report}");
    assert!(!ended.err.contains('\u{1b}'), "no colours in a pipe: {}", ended.err);
    assert_eq!(std::fs::read(home.history()).expect("the file"), before, "it was left as it is");
}
