//! A capture as a live feed, with faults, and CSVs through the detector.

use std::path::Path;

use feedwatch_tests::home::Home;
use feedwatch_tests::process::Process;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};
use serde_json::Value;

const MESSAGES: u64 = 2_000;

/// A capture of our own: numbered messages, ten a second by its times.
fn capture(home: &Home) -> String {
    let line = |number: u64| format!("{{\"seq\":{number},\"level\":{}.5}}\n", 20 + number % 5);
    let times = |number: u64| format!("{}.{}\n", 1_700_000_000 + number / 10, number % 10);
    home.write("some.ts", (0..MESSAGES).map(times).collect::<String>());
    home.write("some.jsonl", (0..MESSAGES).map(line).collect::<String>()).display().to_string()
}

fn replay(home: &Home, args: &[&str]) -> (Process, String) {
    let replay = home.start(&[&["replay", &capture(home), "--speed", "max", "--json"], args].concat());
    let address = replay.line("its address", LONG, |_| true);
    (replay, address)
}

fn config(address: &str) -> String {
    let protocol = if address.starts_with("ws") { "websocket" } else { "sse" };
    format!("[feed.again.{protocol}]\nurl = \"{address}\"\n")
}

#[test]
fn a_replay_without_faults_is_received_whole_by_both_protocols() {
    for protocol in ["websocket", "sse"] {
        let home = Home::new();
        let (replay, address) = replay(&home, &["--as", protocol]);
        let engine = home.engine(&config(&address));
        let books = settled(&engine, "again", MESSAGES);
        let report = replay.end(LONG).json();
        assert_eq!(
            (report["messages"].as_u64(), report["sent"].as_u64()),
            (Some(MESSAGES), Some(MESSAGES)),
            "{report}"
        );
        assert_eq!(report["complete"], true);
        assert_eq!((books.received, books.stored), (MESSAGES, MESSAGES), "{protocol}: {books:?}");
        let report = engine.stop();
        assert!(report.findings.iter().all(|found| found.check.word() != "sequence"), "{:#?}", report.findings);
    }
}

#[test]
fn the_faults_of_a_replay_are_the_findings_of_the_run() {
    let home = Home::new();
    let faults = "drop=500,501,502;dup=700;delay=900:300ms";
    let (replay, address) = replay(&home, &["--as", "websocket", "--faults", faults]);
    home.write("feeds.toml", config(&address));
    let run = home.start(&["run", "feeds.toml", "--json"]);
    // It ends when its client has everything and has said goodbye.
    let sent = replay.end(LONG).json();
    run.interrupt();
    let report = run.end(LONG).json();
    let expected = MESSAGES - 3 + 1;
    let counts = ["sent", "dropped", "repeated", "delayed", "cuts"].map(|key| sent[key].as_u64());
    assert_eq!(counts, [Some(expected), Some(3), Some(1), Some(1), Some(0)], "{sent}");
    let books = &report["accounts"]["again"];
    assert_eq!((&books["received"], &books["duplicate"]), (&expected.into(), &1.into()), "{books}");
    assert_eq!((&books["stored"], &books["in_flight"]), (&(expected - 1).into(), &0.into()), "{books}");
    let found: Vec<_> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|found| ["sequence", "duplicate", "order"].map(Value::from).contains(&found["check"]))
        .map(|found| (found["check"].as_str(), found["from"].as_u64(), found["missing"].as_u64()))
        .collect();
    let wanted = [
        (Some("sequence"), Some(500), Some(3)),
        (Some("duplicate"), Some(700), None),
        (Some("order"), Some(900), None),
    ];
    assert_eq!(found, wanted, "{:#}", report["findings"]);
}

#[test]
fn a_replay_that_is_cut_goes_on_for_the_next_connection() {
    let home = Home::new();
    // The capture lasts 200 s: it is cut thrice.
    let (replay, address) = replay(&home, &["--as", "websocket", "--faults", "cut=60s"]);
    let engine = home.engine(&config(&address));
    wait_until("all has come", LONG, || accounts(&engine, "again").received == MESSAGES);
    let sent = replay.end(LONG).json();
    assert_eq!((sent["sent"].as_u64(), sent["cuts"].as_u64()), (Some(MESSAGES), Some(3)), "{sent}");
    let report = engine.stop();
    assert_eq!(report.accounts["again"].received, MESSAGES);
    let gaps = report.gaps.iter().filter(|gap| gap.cause == "disconnected").count();
    assert!(gaps >= 3, "{:#?}", report.gaps);
}

#[test]
fn a_capture_is_a_feed_of_a_configuration_too() {
    let home = Home::new();
    capture(&home);
    let engine = home.engine("[feed.old.file]\npath = \"some.jsonl\"\n");
    state(&engine, "old", "stopped");
    let books = settled(&engine, "old", MESSAGES);
    assert_eq!((books.received, books.stored), (MESSAGES, MESSAGES), "{books:?}");
    assert!(engine.stop().findings.iter().all(|found| found.check.word() != "sequence"));
}

fn rows(path: &Path) -> (Vec<String>, Vec<csv::StringRecord>) {
    let mut rows = csv::Reader::from_path(path).expect("a CSV");
    let head = rows.headers().expect("a head").iter().map(str::to_owned).collect();
    (head, rows.records().map(|row| row.expect("a whole row")).collect())
}

#[test]
fn a_backtest_answers_every_row_and_flags_the_one_that_is_off() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("in/sub")).expect("folders");
    let value = |row: u64| {
        // A small noise that repeats after 97 rows, and one row far off.
        let noise = (row * 37 % 97) as f64 / 97.0;
        if row == 1_500 { 90.0 } else { 20.0 + noise }
    };
    let row = |row: u64| {
        let minutes = row * 5;
        format!("2026-01-{:02} {:02}:{:02}:00,{}\n", 1 + minutes / 1440, minutes / 60 % 24, minutes % 60, value(row))
    };
    let text: String = std::iter::once("timestamp,value\n".to_owned()).chain((0..2_000).map(row)).collect();
    home.write("in/sub/one.csv", text);
    let (from, out) = (home.path("in").display().to_string(), home.path("out").display().to_string());
    let report = home.json(&["backtest", &from, "--out", &out, "--json"]);
    assert_eq!(report["rows"], 2_000, "{report}");
    let (head, answers) = rows(&home.path("out/sub/one.csv"));
    let wanted = "timestamp,value,anomaly_score,alarm_score,expected_low,expected_high,alarm,kind";
    assert_eq!(head.join(","), wanted);
    assert_eq!(answers.len(), 2_000, "one row for each");
    let (_, given) = rows(&home.path("in/sub/one.csv"));
    for (answer, row) in answers.iter().zip(&given) {
        assert_eq!((&answer[0], &answer[1]), (&row[0], &row[1]), "timestamps and values as given");
        for score in [&answer[2], &answer[3]] {
            let score: f64 = score.parse().expect("a score");
            assert!(score.is_finite() && score >= 0.0, "{answer:?}");
        }
        let number = |cell: &str| cell.parse::<f64>().ok();
        assert_eq!(number(&answer[4]).is_some(), number(&answer[5]).is_some(), "{answer:?}");
    }
    let alarms: Vec<usize> = (0..).zip(&answers).filter(|(_, row)| &row[6] == "1").map(|(at, _)| at).collect();
    assert_eq!(alarms, [1_500], "the row that is off, and no other");
    assert!(answers[1_500][3].parse::<f64>().is_ok_and(|score| score > 0.5), "{:?}", answers[1_500]);

    let none = home.run(&["backtest", &home.path("nowhere").display().to_string(), "--out", &out]);
    assert_eq!(none.code, Some(2), "{none:?}");
}

#[test]
fn wrong_faults_are_told_with_their_place() {
    let home = Home::new();
    let file = capture(&home);
    for faults in ["drop=x", "lose=1", "drop=1;drop=2", "delay=1"] {
        let ended = home.run(&["replay", &file, "--as", "sse", "--faults", faults]);
        assert_eq!(ended.code, Some(2), "{faults}: {ended:?}");
        assert!(!ended.err.trim().is_empty());
    }
    let ended = home.run(&["replay", &file, "--as", "sse", "--listen", "0.0.0.0:0"]);
    assert_eq!(ended.code, Some(2), "a replay is for this computer only: {ended:?}");
    assert_ne!(ended.err.find("loopback"), None, "{}", ended.err);
}

#[test]
fn a_capture_that_cannot_be_read_is_refused_before_anyone_could_connect() {
    let home = Home::new();
    let file = capture(&home);
    for (times, place) in [("bad\n", "some.ts:1"), ("", "some.ts ends after 0 times")] {
        home.write("some.ts", times);
        let ended = home.run(&["replay", &file, "--as", "websocket"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert_eq!(ended.out, Vec::<String>::new(), "no address");
        assert!(ended.err.contains(place), "{ended:?}");
    }
    std::fs::remove_file(home.path("some.ts")).expect("the times");
    home.write("some.jsonl", "{\"topic\":\"t\",\"payload\":\"\",\"payload_base64\":\"%\"}\n");
    let ended = home.run(&["replay", &file, "--as", "sse"]);
    assert_eq!((ended.code, ended.out.as_slice()), (Some(2), [].as_slice()), "{}", ended.err);
    assert!(ended.err.contains("some.jsonl:1"), "{}", ended.err);
}
