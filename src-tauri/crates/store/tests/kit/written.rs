//! A history with something of everything, and ways to do it harm.
#![allow(dead_code, reason = "each test file uses its part")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use feedwatch_model::{
    Alarm, AlarmEvent, AlarmId, AlarmSource, AlarmState, AlarmTransition, Certificate, Check, FeedId, Finding,
    FindingKind, Gap, GapCause, LedgerCounts, LedgerSlot, SeriesId, Severity, Time,
};
use feedwatch_store::{Batch, Key, Options, Outcome, Reader, StoredMessage, Verified, Writer, open};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::{LONG, feed, options, sample, series};

/// Every table that the chain covers, and how its rows are told apart.
pub(crate) const TABLES: [&str; 19] = [
    "feed",
    "series",
    "finding",
    "gap",
    "alarm",
    "alarm_transition",
    "drill",
    "certificate",
    "chunk",
    "data",
    "ledger",
    "message",
    "segment",
    "lane",
    "mark",
    "chain",
    "sample",
    "pending",
    "state",
];

pub(crate) const SECRET: &[u8] = b"a secret of the operator";

static NOW: AtomicI64 = AtomicI64::new(1_700_000_000_000);

/// A clock that goes on by 7 s whenever it is asked, for all tests alike.
pub(crate) fn ticking() -> Time {
    Time::from_millis(NOW.fetch_add(7_000, Ordering::Relaxed))
}

pub(crate) fn begin(options: Options) -> (Writer, Reader) {
    open(options, ticking, |_| {}).unwrap()
}

pub(crate) fn signed(path: &Path) -> Options {
    Options { key: Some(Key::new(SECRET)), ..options(path) }
}

pub(crate) fn look(path: &Path) -> Verified {
    feedwatch_store::verify(path, Some(SECRET), |_| ControlFlow::Continue(())).unwrap()
}

pub(crate) fn message(feed: u32, number: u64, size: usize) -> StoredMessage {
    StoredMessage {
        feed: FeedId(feed),
        number,
        received: Time::from_millis(1_700_000_000_000 + 500 * number as i64),
        topic: number.is_multiple_of(2).then(|| Arc::from("plant/1")),
        meta: number.is_multiple_of(3).then(|| Arc::from("{\"key\":\"a\"}")),
        outcome: if number.is_multiple_of(5) {
            Outcome::Rejected { offset: 3, reason: "a number".to_owned() }
        } else {
            Outcome::Read
        },
        payload: Bytes::from(format!("{{\"n\":{number}}}").repeat(size)),
    }
}

fn finding(number: u64, in_series: bool) -> Finding {
    let at = Time::from_millis(1_700_000_000_000 + number as i64);
    let head = Finding::new(
        Check::Sequence,
        FindingKind::Gap,
        FeedId(1),
        at,
        Severity::Warning,
        format!("Lost {number}, {in_series}."),
    );
    Finding { series: in_series.then_some(SeriesId(1)), message: Some(number), missing: Some(1), ..head }
}

/// What a round of the feed's life brings.
pub(crate) fn round(number: u64) -> Batch {
    let at = Time::from_millis(1_700_000_000_000 + 60_000 * number as i64);
    let mut ledger = LedgerSlot::minute(FeedId(1), at);
    ledger.counts =
        LedgerCounts { received: 10 + number, numbered: 10, missing: number % 3, ..LedgerCounts::default() };
    ledger.counts.findings.add(Check::Sequence, number % 3);
    let nanos = |part: i64| 1_000_000_000 * (100 * number as i64 + part);
    let mut samples: Vec<_> = (0..100).map(|part| sample(1, nanos(part), (part as f64) / 7.0)).collect();
    samples.extend((0..50).map(|part| sample(2, nanos(part), -0.0)));
    let gap = Gap {
        feed: FeedId(1),
        from: Time::from_millis(number as i64 / 2),
        to: (!number.is_multiple_of(2)).then_some(at),
        cause: GapCause::Disconnected,
        missing: None,
        detail: format!("Gap {number}"),
    };
    Batch {
        samples,
        messages: (0..4).map(|part| message(1 + (part % 2) as u32, 4 * number + part, 20)).collect(),
        findings: vec![finding(number, false), finding(0, true)],
        gaps: vec![gap],
        ledger: vec![ledger],
        alarms: vec![alarm(1 + number / 4, at)],
        transitions: vec![AlarmTransition {
            id: AlarmId(1 + number / 4),
            at,
            event: AlarmEvent::Raise,
            state: AlarmState::Unacknowledged,
            note: None,
        }],
        ..Batch::default()
    }
}

fn alarm(id: u64, at: Time) -> Alarm {
    Alarm {
        id: AlarmId(id),
        source: AlarmSource { feed: FeedId(1), series: None, check: Check::Sequence },
        kind: FindingKind::Gap,
        state: AlarmState::Unacknowledged,
        severity: Severity::Warning,
        raised: at,
        last_seen: at,
        cleared: None,
        acknowledged: None,
        findings: 1,
        title: "Lost messages".to_owned(),
        text: "Lost 3 messages.".to_owned(),
    }
}

/// The names that rounds speak of.
pub(crate) fn names() -> Batch {
    Batch {
        feeds: vec![feed(1, "spot"), feed(2, "plant")],
        series: vec![series(1, 1, "price"), series(2, 2, "level")],
        certificates: vec![(FeedId(1), "primary".to_owned(), certificate())],
        drills: vec![(FeedId(1), Time::from_millis(9), "{\"lost\":0}".to_owned())],
        ..Batch::default()
    }
}

fn certificate() -> Certificate {
    Certificate {
        print: "aabb".to_owned(),
        from: Time::from_millis(9),
        until: Time::from_millis(99),
        issuer: "An authority".to_owned(),
        tls: Some("1.3".to_owned()),
    }
}

/// Writes rounds, each a commit of its own.
pub(crate) fn write(writer: &Writer, rounds: std::ops::Range<u64>) {
    for number in rounds {
        writer.submit(round(number)).unwrap();
        assert!(writer.flush(LONG));
    }
}

/// A history of some rounds that ended well, signed.
pub(crate) fn history(path: &Path, rounds: u64) {
    let small = Options { commit_rows: 700, commit_every: Duration::from_millis(1), ..signed(path) };
    let (writer, _reader) = begin(small);
    writer.submit(names()).unwrap();
    write(&writer, 0..rounds);
    // Some samples shall not be in order yet.
    let pending = || rows(&Connection::open(path).unwrap(), "pending").len();
    (rounds..).take_while(|_| pending() == 0).for_each(|number| write(&writer, number..number + 1));
    writer.close(LONG).unwrap();
}

pub(crate) fn assert_whole(verified: &Verified) {
    assert_eq!((verified.whole, &verified.problems), (Some(true), &vec![]));
}

pub(crate) fn assert_broken(verified: &Verified, what: &str) {
    assert_eq!(verified.whole, Some(false), "{what}");
    assert!(!verified.problems.is_empty() && verified.problems.iter().all(|text| text.len() > 20), "{what}");
}

/// Copies a history as a kill would leave it.
pub(crate) fn killed_copy(from: &Path, to: &Path) {
    for end in ["", "-wal"] {
        let name = |path: &Path| format!("{}{end}", path.display());
        if Path::new(&name(from)).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

/// A row's columns: names, and what stands there.
pub(crate) type Row = Vec<(String, Value)>;

pub(crate) fn rows(connection: &Connection, table: &str) -> Vec<Row> {
    let mut select = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let names: Vec<String> = select.column_names().map(str::to_owned).collect();
    let read = |row: &rusqlite::Row<'_>| {
        (0..names.len()).map(|index| Ok((names[index].clone(), row.get(index)?))).collect::<Result<Row, _>>()
    };
    select.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Another value that differs as little as can be.
pub(crate) fn altered(value: &Value, random: &mut fastrand::Rng) -> Value {
    let flip = |bytes: &mut Vec<u8>, bits: u8, random: &mut fastrand::Rng| {
        let index = random.usize(..bytes.len().max(1));
        match bytes.get_mut(index) {
            Some(byte) => *byte ^= 1 << random.u8(..bits),
            None => bytes.push(b'a'),
        }
    };
    match value {
        Value::Null => Value::Integer(1),
        Value::Integer(number) => Value::Integer(number ^ (1 << random.u8(..40))),
        Value::Real(real) => {
            Value::Real(if *real == 0.0 { 1.0 } else { f64::from_bits(real.to_bits() ^ (1 << random.u8(..52))) })
        }
        Value::Text(text) => {
            let mut bytes = text.clone().into_bytes();
            flip(&mut bytes, 4, random);
            // A letter in many bytes may be none any more.
            Value::Text(String::from_utf8(bytes).unwrap_or_else(|_| format!("{text}.")))
        }
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            flip(&mut bytes, 8, random);
            Value::Blob(bytes)
        }
    }
}

/// `a = ?1 AND b IS ?2 …` over all columns of a row.
pub(crate) fn condition(row: &Row) -> String {
    let parts = row.iter().enumerate().map(|(index, (name, _))| format!("{name} IS ?{}", index + 1));
    parts.collect::<Vec<_>>().join(" AND ")
}
