//! Files that are followed: over rotation, our own end, and what no file should do.

use std::collections::BTreeMap;

use feedwatch_model::Time;
use feedwatch_store::{Outcome, Reader};
use feedwatch_tests::home::Home;
use feedwatch_tests::log::Log;
use feedwatch_tests::process::Process;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};
use serde_json::Value;

fn config(path: &std::path::Path, more: &str) -> String {
    format!("[feed.log.tail]\npath = {:?}\nstart = \"beginning\"\n{more}\n", path.display().to_string())
}

/// How often each number is in the history, apart from repetitions that were recognised.
fn stored(reader: &Reader) -> BTreeMap<u64, u64> {
    let feeds = reader.feeds().expect("feeds");
    let Some(feed) = feeds.first() else { return BTreeMap::new() };
    let all = reader.messages(feed.id, Time::MIN, Time::MAX, 1_000_000).expect("messages");
    let mut stored = BTreeMap::new();
    for message in all.iter().filter(|message| message.outcome != Outcome::Duplicate) {
        let said: Value = serde_json::from_slice(&message.payload).expect("JSON");
        *stored.entry(said["seq"].as_u64().expect("a number")).or_default() += 1;
    }
    stored
}

/// Every line that was written is stored, and none twice.
#[track_caller]
fn each_once(reader: &Reader, written: u64) {
    let stored = stored(reader);
    let lost: Vec<u64> = (0..written).filter(|seq| !stored.contains_key(seq)).collect();
    let twice: Vec<u64> = stored.iter().filter(|(_, count)| **count > 1).map(|(seq, _)| *seq).collect();
    assert!(lost.is_empty() && twice.is_empty(), "of {written} lost {lost:?}, stored twice {twice:?}");
}

fn run(home: &Home) -> Process {
    home.start(&["run", "feeds.toml", "--json", "--follow"])
}

fn reader_of(home: &Home) -> Reader {
    wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok())
}

/// Writes and rotates until `enough`.
fn under_load(log: &mut Log, mut enough: impl FnMut() -> bool) {
    wait_until("enough was written", LONG, || {
        for _ in 0..3 {
            log.write(150);
        }
        log.rotate();
        enough()
    });
}

#[test]
fn rotated_under_load_and_killed_again_and_again_nothing_is_lost_nor_stored_twice() {
    let home = Home::new();
    let mut log = Log::new(home.path("app.log"));
    home.write("feeds.toml", config(log.path(), ""));
    log.write(10);
    let mut process = run(&home);
    let reader = reader_of(&home);
    wait_until("the first lines are stored", LONG, || stored(&reader).len() >= 10);
    for _ in 0..3 {
        let before = stored(&reader).len();
        under_load(&mut log, || stored(&reader).len() > before + 2_000);
        process.kill();
        // It goes on without us.
        log.write(200);
        log.rotate();
        log.write(200);
        log.rotate();
        log.write(7);
        process = run(&home);
    }
    let written = log.written();
    wait_until("all is stored", 2 * LONG, || stored(&reader).len() as u64 >= written);
    each_once(&reader, written);
    process.interrupt();
    let report = process.end(LONG).json();
    let books = &report["accounts"]["log"];
    assert_eq!(
        (&books["rejected"], &books["dropped"], &books["duplicate"]),
        (&0.into(), &0.into(), &0.into()),
        "{books}"
    );
    each_once(&home.reader(), written);
}

#[test]
fn copied_and_cut_it_goes_on_in_the_copy_and_says_so() {
    let home = Home::new();
    let mut log = Log::new(home.path("app.log"));
    log.write(100);
    let engine = home.engine(&config(log.path(), ""));
    settled(&engine, "log", 100);
    for round in 1..4 {
        log.write(100);
        log.copy_and_cut();
        log.write(50);
        let books = settled(&engine, "log", 100 + 150 * round);
        assert_eq!((books.duplicate, books.rejected), (0, 0), "{books:?}");
    }
    each_once(&engine.reader().expect("a history"), log.written());
    let told = engine.report().gaps;
    assert!(told.iter().any(|gap| gap.detail.contains("read from its copy")), "{told:?}");
    engine.stop();
}

#[test]
fn a_file_cut_without_a_copy_is_told_as_a_gap() {
    let home = Home::new();
    let path = home.path("app.log");
    let mut log = Log::new(path.clone());
    log.write(3);
    let engine = home.engine(&config(&path, ""));
    settled(&engine, "log", 3);
    std::fs::write(&path, "{\"seq\":3}\n").expect("a file");
    settled(&engine, "log", 4);
    let told = engine.report().gaps;
    assert!(told.iter().any(|gap| gap.detail.contains("is lost")), "{told:?}");
    engine.stop();
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let home = Home::new();
    let engine = home.engine(&config(&home.path("app.log"), ""));
    state(&engine, "log", "down");
    let said = engine.status().1.into_iter().find(|row| row.name == "log").and_then(|row| row.state_text);
    assert!(said.as_deref().is_some_and(|said| said.contains("There is no file")), "{said:?}");
    Log::new(home.path("app.log")).write(5);
    settled(&engine, "log", 5);
    state(&engine, "log", "live");
    engine.stop();
}

#[test]
fn what_is_no_line_of_the_log_is_counted_and_the_rest_is_read() {
    let home = Home::new();
    let mut log = Log::new(home.path("app.log"));
    log.write(100);
    log.write_text("\r\n\n   \n");
    log.write_text("not JSON\n");
    log.write_text("{\"seq\":\x00100}\n");
    log.write_text(&format!("{{\"text\":\"{}\"}}\n", "x".repeat(3 << 20)));
    log.write_text("{\"seq\":100,\"level\":20}\r\n");
    let engine = home.engine(&config(log.path(), "max_message = \"64KiB\""));
    let books = settled(&engine, "log", 104);
    assert_eq!((books.received, books.stored, books.rejected), (104, 101, 3), "{books:?}");
    let told = engine.report().findings;
    assert!(told.iter().any(|finding| finding.text.contains("could not be read")), "{told:?}");
    let reader = engine.reader().expect("a history");
    let feed = reader.feeds().expect("feeds")[0].id;
    let all = reader.messages(feed, Time::MIN, Time::MAX, 1_000).expect("messages");
    let cut = all.iter().find(|message| message.meta.as_deref().is_some_and(|said| said.contains("\"bytes\":3145739")));
    let cut = cut.expect("the beginning of the long line");
    assert!(cut.payload.len() <= 256 && cut.payload.starts_with(b"{\"text\""), "{cut:?}");
    assert!(matches!(&cut.outcome, Outcome::Rejected { reason, .. } if reason.contains("max_message")), "{cut:?}");
    engine.stop();
}

#[test]
fn a_csv_is_read_on_with_the_names_of_its_columns() {
    let home = Home::new();
    let path = home.path("plant.csv");
    let mut log = Log::new(path.clone());
    log.write_text("time,level,flow\n");
    let record =
        |number: u64| format!("2026-03-01T12:00:{:02}Z,{},{}\n", number % 60, 20 + number % 3, number * 7 % 11);
    let text: String = (0..100).map(record).collect();
    log.write_text(&text);
    let text = config(&path, "");
    let engine = home.engine(&text);
    settled(&engine, "log", 100);
    engine.stop();
    drop(engine);
    log.write_text(&(100..200).map(record).collect::<String>());
    log.rotate();
    log.write_text("time,level,flow\n");
    log.write_text(&(200..300).map(record).collect::<String>());
    let engine = home.engine(&text);
    let books = settled(&engine, "log", 200);
    assert_eq!(books.rejected, 0, "{books:?}");
    let reader = engine.reader().expect("a history");
    let mut names: Vec<String> =
        reader.series().expect("series").iter().map(|series| series.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["flow", "level"], "the same series over restart and rotation");
    engine.stop();
}

#[test]
fn a_large_log_is_read_whole_whatever_the_inbox_holds() {
    let home = Home::new();
    let mut log = Log::new(home.path("app.log"));
    for _ in 0..30 {
        log.write(10_000);
    }
    let engine = home.engine(&config(log.path(), "[feed.log.limits]\ninbox_messages = 500\n"));
    wait_until("all is read", 4 * LONG, || {
        let books = accounts(&engine, "log");
        books.received == 300_000 && books.in_flight == 0
    });
    let books = accounts(&engine, "log");
    assert_eq!((books.stored, books.dropped), (300_000, 0), "{books:?}");
    engine.stop();
}

/// Lines as Suricata writes them to its `eve.json`: of several kinds, with times without a colon in their offset.
fn eve(number: u64) -> String {
    let time = format!("2026-03-01T12:{:02}:{:02}.{:06}+0000", number / 60 % 60, number % 60, number % 1_000_000);
    match number % 3 {
        0 => format!(
            "{{\"timestamp\":\"{time}\",\"event_type\":\"stats\",\"stats\":{{\"uptime\":{number},\"decoder\":{{\"pkts\":{},\
             \"bytes\":{}}}}}}}\n",
            number * 10,
            number * 9_000
        ),
        1 => format!(
            "{{\"timestamp\":\"{time}\",\"flow_id\":{},\"event_type\":\"flow\",\"src_ip\":\"192.0.2.{}\",\"proto\":\"TCP\",\
             \"flow\":{{\"pkts_toserver\":{},\"bytes_toserver\":{}}}}}\n",
            1_000_000 + number,
            number % 200,
            number % 11,
            number % 997
        ),
        _ => format!(
            "{{\"timestamp\":\"{time}\",\"event_type\":\"alert\",\"src_ip\":\"192.0.2.{}\",\"alert\":{{\"severity\":{},\
             \"signature\":\"test\"}}}}\n",
            number % 200,
            1 + number % 3
        ),
    }
}

#[test]
fn a_look_at_a_log_says_what_its_last_lines_are() {
    let home = Home::new();
    let mut log = Log::new(home.path("eve.json"));
    log.write_text(&(0..3_000).map(eve).collect::<String>());
    let source = format!("tail:{}", log.path().display());
    let report = home.json(&["probe", &source, "--for", "2s", "--json"]);
    assert_eq!(report["protocol"], "tail");
    assert!(report["accounts"]["received"].as_u64() > Some(500), "{}", report["accounts"]);
    assert_eq!(report["accounts"]["rejected"], 0);
    let profile = report["profile"].to_string();
    for name in ["event_type", "stats.decoder.pkts", "bytes_toserver", "/timestamp"] {
        assert!(profile.contains(name), "{name}: {profile}");
    }
}

#[test]
fn a_log_that_is_rotated_for_years_does_not_fill_the_history_with_places() {
    let home = Home::new();
    let mut log = Log::new(home.path("app.log"));
    let text = config(log.path(), "");
    // At first there are no old logs: those that were never followed are left alone.
    for rotations in [0, 50, 50, 50] {
        for _ in 0..rotations {
            log.write(1);
            log.rotate();
        }
        log.write(1);
        let engine = home.engine(&text);
        settled(&engine, "log", 1);
        wait_until("all is stored", LONG, || {
            let books = accounts(&engine, "log");
            engine.reader().is_some_and(|reader| stored(&reader).len() as u64 == log.written()) && books.in_flight == 0
        });
        engine.stop();
    }
    each_once(&home.reader(), log.written());
    let engine = home.engine(&text);
    state(&engine, "log", "live");
    engine.stop();
    let places = home.reader().positions().expect("positions").len();
    assert!(places <= 64, "{places} places of 151 files");
}
