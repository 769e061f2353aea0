use std::fs;
use std::sync::Arc;

use feedwatch_model::Message;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::testkit::{Watched, clock, eager};
use crate::{Backoff, Event, InboxLimits};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn still() -> Time {
    Time::from_millis(1_000)
}

fn all(folder: &TempDir, name: &str) -> Vec<Result<Message, String>> {
    let capture = read(folder.path().join(name), still).unwrap();
    let strip = format!("{}/", folder.path().display());
    capture.map(|message| message.map_err(|error| error.to_string().replace(&strip, ""))).collect()
}

fn payloads(folder: &TempDir, name: &str) -> Vec<String> {
    all(folder, name).into_iter().map(|message| String::from_utf8(message.unwrap().payload.to_vec()).unwrap()).collect()
}

fn times(folder: &TempDir, name: &str) -> Vec<i64> {
    all(folder, name).into_iter().map(|message| message.unwrap().received.nanos()).collect()
}

#[test]
fn a_line_is_a_message_whatever_its_end() {
    let text = "\u{FEFF}one\r\n\n  \ntwo\nthree";
    let folder = folder(&[("a.txt", text), ("a.jsonl", text), ("empty.txt", ""), ("plain", "x\n\n")]);
    assert_eq!(payloads(&folder, "a.txt"), ["one", "two", "three"]);
    assert_eq!(payloads(&folder, "a.jsonl"), ["one", "two", "three"]);
    assert_eq!(payloads(&folder, "empty.txt"), [""; 0]);
    assert_eq!(payloads(&folder, "plain"), ["x"]);
    let numbers: Vec<u64> = all(&folder, "a.txt").into_iter().map(|message| message.unwrap().number).collect();
    assert_eq!(numbers, [0, 1, 2]);
}

#[test]
fn the_sibling_tells_the_receive_times() {
    let folder = folder(&[("a.jsonl", "{\"timestamp\":1}\n\n{}\n"), ("a.ts", "1626992741.06217\n1626992741.081672\n")]);
    assert_eq!(times(&folder, "a.jsonl"), [1_626_992_741_062_170_000, 1_626_992_741_081_672_000]);
}

#[test]
fn without_times_the_message_tells_its_own_or_a_grid_goes_on() {
    let lines = [
        r#"{"a":1}"#,
        r#"{"timestamp":"2026-03-01T12:00:00.25Z"}"#,
        r#"{"a":{"timestamp":1700000000}}"#,
        r#"{"timestamp":1700000000.000001}"#,
        r#"{"timestamp":1690616379123}"#,
        r#"{"timestamp":"1690616379123456"}"#,
        r#"{"timestamp":1690616379123456789}"#,
        r#"{"timestamp":1.61}"#,
        r#"{"topic":"t","payload":"7","tst":"2026-11-24T02:43:15.684124Z+0000"}"#,
    ];
    let folder = folder(&[("a.jsonl", &lines.join("\n"))]);
    assert_eq!(
        times(&folder, "a.jsonl"),
        [
            1_000_000_000,
            1_772_366_400_250_000_000,
            1_772_366_400_251_000_000,
            1_700_000_000_000_001_000,
            1_690_616_379_123_000_000,
            1_690_616_379_123_456_000,
            1_690_616_379_123_456_789,
            1_690_616_379_124_456_789,
            1_795_488_195_684_124_000,
        ]
    );
}

#[test]
fn an_mqtt_envelope_is_opened() {
    let lines = [
        r#"{"topic":"a/b","payload":"{\"v\":1}","qos":1,"retain":true}"#,
        r#"{"topic":"a/c","payload_base64":"AP8="}"#,
        r#"{"topic":"a/c","payload":"AP8=","payload_base64":true,"retain":1}"#,
    ];
    let folder = folder(&[("a.jsonl", &lines.join("\n"))]);
    let told: Vec<_> = all(&folder, "a.jsonl")
        .into_iter()
        .map(|message| {
            let message = message.unwrap();
            let meta = message.meta.unwrap();
            (message.payload.to_vec(), meta.topic.unwrap().to_string(), meta.retained)
        })
        .collect();
    assert_eq!(
        told,
        [
            (b"{\"v\":1}".to_vec(), "a/b".to_owned(), true),
            (vec![0, 255], "a/c".to_owned(), false),
            (vec![0, 255], "a/c".to_owned(), true)
        ]
    );
}

#[test]
fn a_message_that_only_resembles_an_envelope_stays_whole() {
    let lines = [
        r#"{"topic":"room","event":"join","payload":"x","ref":null}"#,
        r#"{"topic":"room","payload":{"a":1}}"#,
        r#"{"topic":1,"payload":"x"}"#,
        r#"{"topic":"t"}"#,
        r#"{"topic":"t","payload":"x""#,
    ];
    let folder = folder(&[("a.jsonl", &lines.join("\n")), ("a.txt", r#"{"topic":"t","payload":"x"}"#)]);
    assert_eq!(payloads(&folder, "a.jsonl"), lines);
    assert_eq!(payloads(&folder, "a.txt"), [r#"{"topic":"t","payload":"x"}"#]);
}

#[test]
fn an_event_stream_has_one_message_for_each_event() {
    let folder = folder(&[("a.sse", ": hi\n\nid: 4\nevent: up\ndata: 1\ndata: 2\n\ndata: 3\r\n\r\ndata: cut off")]);
    assert_eq!(payloads(&folder, "a.sse"), ["1\n2", "3"]);
    let meta = all(&folder, "a.sse")[0].clone().unwrap().meta.unwrap();
    assert_eq!((meta.topic.as_deref(), meta.id.as_deref()), (Some("up"), Some("4")));
}

#[test]
fn a_scrape_is_one_message() {
    let folder = folder(&[("a.prom", "# HELP x\nx 1\n"), ("b.prom", " \n")]);
    assert_eq!(payloads(&folder, "a.prom"), ["# HELP x\nx 1\n"]);
    assert_eq!(payloads(&folder, "b.prom"), [""; 0]);
}

#[test]
fn the_header_of_a_csv_stands_beside_its_first_message() {
    let text = "time,temp\n2026-03-01T12:00:00Z,21.5\n\n2026-03-01T12:00:02Z,21.6\n";
    let folder = folder(&[("a.csv", text), ("b.csv", "1,2\n3,4"), ("c.csv", "a,b\n")]);
    let all: Vec<Message> = all(&folder, "a.csv").into_iter().map(Result::unwrap).collect();
    let told: Vec<_> = all.iter().map(|message| message.meta.as_ref().map(|meta| meta.headers.clone())).collect();
    assert_eq!(told, [Some(vec![(CSV_HEADER.into(), "time,temp".into())]), None]);
    assert_eq!(all[1].received, Time::parse_rfc3339("2026-03-01T12:00:02Z").unwrap());
    assert_eq!(all[0].payload, "2026-03-01T12:00:00Z,21.5");
    assert_eq!(payloads(&folder, "b.csv"), ["1,2", "3,4"]);
    assert_eq!(payloads(&folder, "c.csv"), [""; 0]);
}

#[test]
fn who_reads_on_in_a_csv_is_told_its_header_once_more() {
    let folder = folder(&[("a.csv", "a,b\n1,2\n3,4\n5,6\n")]);
    let path = folder.path().join("a.csv");
    let mut first = read(&path, clock).unwrap();
    assert_eq!(first.next().unwrap().unwrap().payload, "1,2");
    let mut second = read(&path, clock).unwrap();
    assert!(second.resume(&first.place()));
    let next = second.next().unwrap().unwrap();
    assert_eq!((&next.payload[..], next.meta.unwrap().headers.len()), (&b"3,4"[..], 1));
    assert_eq!(second.next().unwrap().unwrap().meta, None);
}

#[test]
fn errors_name_file_and_line() {
    let folder = folder(&[
        ("short.txt", "a\nb\n"),
        ("short.ts", "1700000000\n"),
        ("wrong.txt", "a\nb\n"),
        ("wrong.ts", "1700000000\n\nnoon\n"),
        ("bad.jsonl", "\n{\"topic\":\"t\",\"payload_base64\":\"?\"}\n{}\n"),
    ]);
    let told = all(&folder, "short.txt");
    assert_eq!(told.len(), 2);
    assert!(told[1].as_ref().unwrap_err().starts_with("short.ts ends after 1 times"), "{told:?}");
    assert!(all(&folder, "wrong.txt")[1].as_ref().unwrap_err().starts_with("wrong.ts:3: \"noon\" is not a time"));
    let told = all(&folder, "bad.jsonl");
    assert_eq!(told[0], Err("bad.jsonl:2: `payload_base64` is not base64.".to_owned()));
    assert!(told[1].is_ok(), "it goes on behind the line");
    let missing = read(folder.path().join("none.txt"), still).unwrap_err().to_string();
    assert!(missing.contains("none.txt cannot be opened"), "{missing}");
    assert!(read(folder.path(), still).is_err(), "a folder is no capture");
}

#[test]
fn a_line_without_end_is_bounded() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.txt");
    // A hole of a file: large to read, nothing on disk.
    fs::File::create(&path).unwrap().set_len(MAX_LINE as u64 + 1_000_000).unwrap();
    let told: Vec<_> = read(&path, still).unwrap().collect();
    assert!(matches!(&told[..], [Err(CaptureError::TooLong { line: 1, limit: MAX_LINE, .. })]), "{told:?}");
}

#[tokio::test]
async fn a_file_waits_for_room_and_then_ends() {
    let lines: String = (0..2000).map(|number| format!("{number}\n")).collect();
    let folder = folder(&[("a.txt", &lines)]);
    let source = FileSource::new(folder.path().join("a.txt"), clock);
    let limits = InboxLimits { messages: 7, bytes: 20 };
    let mut feed = Watched::resume(source, Backoff::default(), None, limits);
    for number in 0..2000 {
        let message = feed.message().await;
        assert_eq!((message.number, &message.payload[..]), (number, number.to_string().as_bytes()));
    }
    assert_eq!(feed.ended().await, "The file was read to its end.");
    feed.task.await.unwrap();
    assert_eq!(feed.inbox.counters().dropped, 0);
}

#[tokio::test]
async fn a_file_that_waits_for_room_can_be_stopped() {
    let folder = folder(&[("a.txt", &"x\n".repeat(5000))]);
    let source = FileSource::new(folder.path().join("a.txt"), clock);
    let mut feed = Watched::resume(source, eager(), None, InboxLimits { messages: 7, bytes: 20 });
    feed.message().await;
    feed.stop().await;
}

/// Reads a file behind `resume`: what came, where it stands then, and how it ended.
async fn look(path: PathBuf, resume: Option<Position>) -> (Vec<String>, Option<Position>, String) {
    let mut feed = Watched::resume(FileSource::new(path, clock), eager(), resume.clone(), InboxLimits::default());
    let (mut came, mut position) = (Vec::new(), resume);
    loop {
        match feed.next().await {
            Event::Message(message) => {
                came.push(String::from_utf8(message.payload.to_vec()).unwrap());
                position = message.position().cloned();
            }
            Event::Ended { reason, .. } => return (came, position, reason),
            _ => {}
        }
    }
}

const NOTHING_NEW: &str = "The file was read to its end before, and there is nothing new in it.";

#[tokio::test]
async fn a_file_is_read_once_however_often_it_is_opened() {
    for (name, text, more) in [
        ("a.jsonl", "{\"a\":1}\n\n{\"topic\":\"t\",\"payload\":\"7\"}\n", "{\"a\":2}\n"),
        ("a.txt", "one\r\ntwo", "\r\nthree"),
        ("a.sse", "id: 7\ndata: 1\n\ndata: 2\n\n", "data: 3\n\n"),
    ] {
        let folder = folder(&[(name, text)]);
        let path = folder.path().join(name);
        let (came, position, end) = look(path.clone(), None).await;
        assert_eq!((came.len(), end.as_str()), (2, "The file was read to its end."), "{name}");
        assert_eq!(look(path.clone(), position.clone()).await, (vec![], position.clone(), NOTHING_NEW.to_owned()));
        // A copy is the same capture, and what has grown since is read from there on.
        let copy = folder.path().join(format!("copy-of-{name}"));
        fs::write(&copy, format!("{text}{more}")).unwrap();
        let (came, position, end) = look(copy.clone(), position).await;
        assert_eq!((came.len(), end.as_str()), (1, "The file was read to its end."), "{name}: {came:?}");
        assert_eq!(look(copy, position).await.0, [""; 0], "{name}");
    }
}

#[tokio::test]
async fn a_file_that_was_stopped_within_goes_on_there() {
    let lines: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let folder = folder(&[("a.txt", &lines.join("\n"))]);
    let path = folder.path().join("a.txt");
    let mut feed = Watched::start(FileSource::new(path.clone(), clock), eager());
    let mut position = None;
    for _ in 0..300 {
        position = feed.message().await.position().cloned();
    }
    feed.stop().await;
    assert_eq!(look(path, position).await.0, lines[300..]);
}

#[tokio::test]
async fn a_file_that_is_another_one_is_read_anew() {
    let text = "x\n".repeat(90_000);
    let folder = folder(&[("a.txt", &text)]);
    let path = folder.path().join("a.txt");
    let position = look(path.clone(), None).await.1;
    let edited = format!("{}y\n{}", &text[..170_000], &text[170_002..]);
    for (changed, count) in [("", 0), ("x\nx\n", 2), (edited.as_str(), 90_000)] {
        fs::write(&path, changed).unwrap();
        let (came, _, end) = look(path.clone(), position.clone()).await;
        assert_eq!((came.len(), end.as_str()), (count, "The file was read to its end."));
    }
    // What a server would be asked for is no place in a file.
    fs::write(&path, "x\n").unwrap();
    for strange in ["", "17", "file:", "file:1", "file:1:", "file:18446744073709551615:0"] {
        assert_eq!(look(path.clone(), Some(Position::EventId(strange.into()))).await.0, ["x"], "{strange}");
    }
}

#[tokio::test]
async fn what_is_new_in_a_file_without_times_is_of_now() {
    let folder = folder(&[("a.txt", &"x\n".repeat(50_000))]);
    let path = folder.path().join("a.txt");
    let position = look(path.clone(), None).await.1;
    fs::write(&path, "x\n".repeat(50_001)).unwrap();
    let mut feed = Watched::resume(FileSource::new(path, clock), eager(), position, InboxLimits::default());
    let (before, received) = (clock(), feed.message().await.received);
    assert!(received.nanos_since(before).abs() < 10_000_000_000, "not 50 s ahead: {received} {before}");
    feed.stop().await;
}

#[tokio::test]
async fn a_missing_file_needs_a_person() {
    let mut feed = Watched::start(FileSource::new("no-such-file.jsonl", clock), eager());
    let (reason, refused) = feed.lost().await;
    assert!(refused && reason.contains("no-such-file.jsonl cannot be opened"), "{reason}");
    feed.stop().await;
}

/// Captures of real feeds, where this machine has them.
fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/feeds");
    if folder.exists() {
        return Some(folder);
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no captures at {}", folder.display());
    println!("skipped: no captures at {}", folder.display());
    None
}

#[test]
fn captures_of_real_feeds_are_read_whole() {
    let Some(folder) = shared() else { return };
    let messages = |name: &str| read(folder.join(name), still).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let coinbase = messages("coinbase_advanced.jsonl");
    assert_eq!(coinbase.len(), 1030);
    assert_eq!(
        coinbase.iter().map(|message| message.payload.len()).sum::<usize>(),
        837_896,
        "the file without its 1030 line ends"
    );
    assert_eq!(coinbase[0].received.nanos(), 1_786_309_548_629_007_800);
    let topics: Vec<Option<Arc<str>>> =
        messages("mosquitto_sys.jsonl").into_iter().map(|message| message.meta.unwrap().topic).collect();
    assert_eq!((topics.len(), topics[0].as_deref()), (381, Some("$SYS/broker/version")));
    let lines = messages("wikimedia_recentchange.jsonl");
    let events = messages("wikimedia_recentchange.sse");
    assert_eq!(events.len(), 100);
    assert!(events.iter().zip(&lines).all(|(event, line)| event.payload == line.payload));
    assert_eq!(messages("ais_nmea.txt").len(), 898);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, end in prop::sample::select(vec!["jsonl", "sse", "txt", "prom"])) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(format!("a.{end}"));
        fs::write(&path, &bytes).unwrap();
        for message in read(&path, still).unwrap() {
            let _ = message;
        }
    }
}
