//! What a start finds of earlier runs: the journal, the marks, and no second row for the same feed or series.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use feedwatch_engine::Engine;
use feedwatch_engine::wire::{FindingRow, FrameRequest, PanelRequest, Push, PushBody};
use feedwatch_model::{FindingKind, Time};
use feedwatch_tests::home::Home;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::accounts;

const CONFIG: &str = "[feed.plant.file]\npath = \"plant.jsonl\"\n";

/// Ten values a second from `ago` seconds ago on; one of them far out.
fn capture(count: u64, ago: f64, spike: Option<u64>) -> String {
    let began = feedwatch_engine::clock::now().millis_f64() / 1e3 - ago;
    (0..count).fold(String::new(), |mut text, row| {
        let noise = (row * 7919 % 101) as f64 / 100.0;
        let value = if spike == Some(row) { 90.0 } else { 20.0 + noise };
        let _ = writeln!(text, "{{\"timestamp\":{:.3},\"level\":{value:.2}}}", began + row as f64 / 10.0);
        text
    })
}

fn run(home: &Home, count: u64, ago: f64, spike: Option<u64>) -> Engine {
    home.write("plant.jsonl", capture(count, ago, spike));
    let engine = home.engine(CONFIG);
    wait_until("the capture is read", LONG, || accounts(&engine, "plant").received == count);
    engine
}

fn journal(engine: &Engine) -> Vec<FindingRow> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let far = Arc::clone(&told);
    engine.subscribe(Box::new(move |Push { body, .. }| {
        if let PushBody::Finding { finding } = body {
            far.lock().unwrap().push(finding);
        }
        true
    }));
    told.lock().unwrap().clone()
}

#[test]
fn after_a_restart_the_journal_and_the_chart_still_show_what_was_found() {
    let home = Home::new();
    let first = run(&home, 900, 600.0, Some(700));
    first.stop();
    drop(first);
    let reader = home.reader();
    let (feeds, series) = (reader.feeds().unwrap(), reader.series().unwrap());
    let found = reader.findings(Time::MIN, Time::MAX, None, 100).unwrap();
    let spike = found.iter().find(|finding| finding.kind == FindingKind::Spike).expect("the spike is kept");

    let second = run(&home, 5, 2.0, None);
    let told = journal(&second);
    assert!(told.iter().any(|row| row.kind == "spike" && row.at_ms == spike.at.millis_f64()), "{told:?}");
    assert!(
        second.report().findings.iter().all(|finding| finding.kind != FindingKind::Spike),
        "a report is of its run"
    );

    let panels = vec![PanelRequest { series: spike.series.unwrap().0, columns: 600, cursor: None }];
    let until_ms = Some(spike.at.millis_f64() + 5_000.0);
    let bytes = second.frame(&FrameRequest { span_ms: 20_000.0, until_ms, panels });
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let float = |at: usize| f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (points, gaps, marks) = (word(32 + 8), word(32 + 12), word(32 + 16));
    let low = |point: usize| float(32 + 56 + 8 * (3 * points + point));
    assert!((0..points).any(|point| low(point).is_finite()), "the band it was judged by is drawn around it");
    let begin = 32 + 56 + 40 * points + 16 * gaps + (4 * gaps).next_multiple_of(8);
    assert!((0..marks).any(|mark| float(begin + 8 * mark) == spike.at.millis_f64()), "{marks} marks");
    second.stop();
    assert_eq!((reader.feeds().unwrap(), reader.series().unwrap()), (feeds, series), "no row twice");
}
