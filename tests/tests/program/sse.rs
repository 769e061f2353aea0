//! Server-sent events against the Python package `sse-starlette`.

use feedwatch_model::Time;
use feedwatch_tests::home::Home;
use feedwatch_tests::python::serve;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};
use serde_json::Value;

const LAST: u64 = 600;
const PAUSE_AT: u64 = 100;

#[test]
fn an_event_stream_is_resumed_where_it_broke_and_ends_when_told_so() {
    let args = |port: u16| [port.to_string(), LAST.to_string(), PAUSE_AT.to_string()];
    let start = |port| serve("sse.py", &args(port).iter().map(String::as_str).collect::<Vec<_>>());
    let mut server = start(0);
    let home = Home::new();
    let engine = home.engine(&format!("[feed.plant.sse]\nurl = \"http://127.0.0.1:{}/events\"\n", server.port));

    // The server ends the stream behind event 100 and wants to be left alone for 0.7 s.
    let back = server.process.line("the client is back", LONG, |line| line.contains("\"back\""));
    let back: Value = serde_json::from_str(&back).expect("JSON");
    assert!(back["after"].as_f64().is_some_and(|after| after >= 0.69), "`retry` is obeyed: {back}");
    server.process.line("it resumes", LONG, |line| line.contains(&format!("\"resume\": \"{PAUSE_AT}\"")));

    // Then it is killed, and starts again at the same port.
    wait_until("half of them", LONG, || accounts(&engine, "plant").received > LAST / 2);
    server.process.kill();
    let server = start(server.port);
    let asked = server.process.line("it is asked again", LONG, |line| line.contains("\"asked\""));
    let asked: Value = serde_json::from_str(&asked).expect("JSON");
    let resumed: u64 = asked["resume"].as_str().expect("a resume position").parse().expect("a number");
    assert!((LAST / 2..LAST).contains(&resumed), "{asked}");
    server.process.line("it is told to end", LONG, |line| line.contains("\"finished\""));
    state(&engine, "plant", "stopped");

    let books = settled(&engine, "plant", LAST);
    assert_eq!((books.received, books.stored), (LAST, LAST), "each event once: {books:?}");
    assert_eq!((books.duplicate, books.rejected), (0, 0), "{books:?}");
    let reader = engine.reader().expect("a history");
    let report = engine.stop();
    let losses: Vec<_> = report.findings.iter().filter(|found| found.check.word() == "sequence").collect();
    assert!(losses.is_empty(), "{losses:#?}");
    let gaps: Vec<_> = report.gaps.iter().map(|gap| gap.cause).collect();
    assert!(gaps.len() >= 2 && gaps.iter().all(|cause| *cause == "disconnected"), "{gaps:?}");

    let feed = reader.feeds().expect("feeds")[0].id;
    let kept = reader.messages(feed, Time::MIN, Time::MAX, 10_000).expect("messages");
    assert_eq!(kept.len() as u64, LAST);
    for (number, message) in (1..).zip(&kept) {
        let value: Value = serde_json::from_slice(&message.payload).expect("JSON of several lines");
        assert_eq!(value["seq"], number);
        assert_eq!(message.topic.as_deref(), Some("level"));
        assert!(message.payload.contains(&b'\n'), "lines of data stay lines");
    }
    let positions = reader.positions().expect("positions");
    assert_eq!(positions.len(), 1);
    assert_eq!(format!("{:?}", positions[0].1), format!("EventId(\"{LAST}\")"));
}
