//! CSV from a history: what it says, and what a spreadsheet must not make of it.

use std::time::Duration;

use feedwatch_model::Time;
use feedwatch_tests::home::Home;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::websocket::{Server, Talk};

const EVIL: &str = "=cmd|' /C calc'!A0";

/// Two devices, one of them with a name that is a formula; numbers beyond 2^53; a loss.
fn devices(talk: &mut Talk) {
    let mut number = 0u64;
    loop {
        number += 1;
        let device = if number.is_multiple_of(2) { EVIL } else { "press, \\\"two\\\"" };
        let large = 9_007_199_254_740_993 + number % 3;
        let time = 1_700_000_000_000 + 10 * number;
        let text = format!(
            "{{\"device\":\"{device}\",\"seq\":{number},\"ts\":{time},\"temp_c\":{}.5,\"large\":{large}}}",
            number % 9
        );
        if number != 100 && !talk.send(text) || !talk.pause(Duration::from_millis(3)) {
            return;
        }
    }
}

fn read(path: &std::path::Path) -> (Vec<String>, Vec<csv::StringRecord>) {
    let mut rows = csv::Reader::from_path(path).expect("a CSV");
    let head = rows.headers().expect("a head").iter().map(str::to_owned).collect();
    (head, rows.records().map(|row| row.expect("a row as wide as the head")).collect())
}

#[test]
fn an_export_reads_back_as_what_was_received_and_holds_no_formula() {
    let server = Server::start(devices);
    let home = Home::new();
    let config = format!("[feed.floor.websocket]\nurl = \"{}\"\n", server.url());
    let config = home.write("feeds.toml", config).display().to_string();
    let run = home.start(&["run", &config, "--json", "--follow"]);
    run.line("the loss", LONG, |line| line.contains("\"gap\"") && line.contains("\"sequence\""));

    // While it runs: whole rows only, and no part is left behind.
    let out = home.path("during.csv");
    let reader = wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok());
    wait_until("samples", LONG, || reader.samples_total().expect("a count") > 500);
    let told = home.json(&["export", &config, "--out", &out.display().to_string(), "--json"]);
    let (_, during) = read(&out);
    assert_eq!(told["rows"].as_u64(), Some(during.len() as u64));
    assert!(during.len() > 500 && !home.path("during.csv.part").exists());

    run.interrupt();
    let report = run.end(LONG).json();
    let history = home.history().display().to_string();
    let out = home.path("all.csv");
    home.json(&["export", &history, "--out", &out.display().to_string(), "--json"]);
    let bytes = std::fs::read(&out).expect("the file");
    assert!(bytes.windows(2).filter(|pair| pair[1] == b'\n').all(|pair| pair[0] == b'\r'), "lines end with CRLF");
    let (head, rows) = read(&out);
    assert_eq!(head, ["time", "receive_time", "feed", "series", "value", "unit", "quality", "gap_seconds"]);

    let (gaps, samples): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[4].is_empty());
    assert_eq!(samples.len() as u64, home.reader().samples_total().expect("a count"));
    assert!(gaps.iter().any(|row| !row[7].is_empty() && row[3].is_empty() && &row[2] == "floor"), "{gaps:?}");
    let known = report["gaps"].as_array().expect("gaps").len();
    assert_eq!(gaps.len(), known, "{gaps:?}");
    let mut last = Time::MIN;
    for row in &rows {
        for cell in row {
            assert!(!cell.starts_with(['=', '+', '@', '\t', '\r']), "a formula: {row:?}");
            assert!(!cell.starts_with('-') || cell.parse::<f64>().is_ok(), "a formula: {row:?}");
        }
        let at = Time::parse_rfc3339(&row[0]).expect("a time");
        assert!(at >= last, "rows are in order of time: {row:?}");
        last = at;
    }
    let of = |word: &str| samples.iter().filter(|row| row[3].contains(word)).count();
    assert!(of("'=cmd|") > 0, "the name is there, made harmless: {:?}", samples.first());
    assert!(of("press, \"two\"") > 0, "commas and quotes read back");
    let large: Vec<&str> = samples.iter().filter(|row| row[3].ends_with("large")).map(|row| &row[4]).collect();
    let exact = ["9007199254740993", "9007199254740994", "9007199254740995"];
    assert!(!large.is_empty() && large.iter().all(|value| exact.contains(value)), "{:?}", large.first());

    // A selection by name, and one that fits nothing.
    let some = home.path("some.csv");
    home.json(&["export", &history, "--series", "floor/*temp_c", "--out", &some.display().to_string(), "--json"]);
    let (_, some) = read(&some);
    let values = some.iter().filter(|row| !row[4].is_empty());
    assert!(values.clone().count() > 0 && values.clone().all(|row| row[3].ends_with("temp_c") && &row[5] == "°C"));
    let none = home.run(&["export", &history, "--series", "floor/nothing*"]);
    assert_eq!(none.code, Some(2), "{none:?}");

    // A time outside gives the head and nothing else; stdout is as good as a file.
    let empty = home.run(&["export", &history, "--to", "1980-01-01T00:00:00Z"]);
    assert_eq!((empty.code, empty.out.len()), (Some(0), 1), "{empty:?}");
}

#[test]
fn an_export_that_cannot_be_written_leaves_what_was_there() {
    let home = Home::new();
    home.write("some.jsonl", "{\"level\":1}\n{\"level\":2}\n".repeat(30));
    let config = home.write("feeds.toml", "[feed.old.file]\npath = \"some.jsonl\"\n").display().to_string();
    assert_eq!(home.run(&["run", &config, "--for", "1s"]).code, Some(0));
    std::fs::create_dir(home.path("taken.csv")).expect("a folder in the way");
    let out = home.path("taken.csv").display().to_string();
    let ended = home.run(&["export", &config, "--out", &out]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("taken.csv"), "{}", ended.err);
    assert!(home.path("taken.csv").is_dir() && !home.path("taken.csv.part").exists());
    let missing = home.run(&["export", "nowhere.db"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
}
