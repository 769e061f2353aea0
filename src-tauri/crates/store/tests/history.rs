//! What goes into a history comes out of it, and what cannot is said.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod kit;

use std::sync::Arc;
use std::time::Duration;

use feedwatch_model::{
    Alarm, AlarmEvent, AlarmId, AlarmSource, AlarmState, Check, Expectation, FeedId, Finding, FindingKind, Gap,
    GapCause, Position, Quality, Sample, SeriesId, Severity, Time, Value,
};
use feedwatch_store::{Batch, MessageCounts, Options, StoreError, StoreEvent, open, read};
use kit::{LONG, all, clock, feed, options, sample, series, start, start_with};

fn at(millis: i64) -> Time {
    Time::from_millis(millis)
}

#[test]
fn every_value_comes_back_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (writer, reader, _events) = start(&path);
    let values = [
        Value::F64(0.1),
        Value::F64(-0.0),
        Value::F64(7.0),
        Value::F64(f64::from_bits(0x7ff8_0000_dead_beef)),
        Value::F64(f64::NEG_INFINITY),
        Value::F64(5e-324),
        Value::I64(i64::MIN),
        Value::I64(i64::MAX),
        Value::U64(u64::MAX),
        Value::Bool(true),
        Value::Bool(false),
    ];
    let samples: Vec<Sample> = values
        .iter()
        .map(|&value| Sample {
            series: SeriesId(3),
            at: at(5),
            received: Time::MAX,
            value,
            quality: Quality::Uncertain,
        })
        .collect();
    writer.submit(Batch { samples: samples.clone(), ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    let found = all(&reader, 3, 4);
    let bits = |sample: &Sample| match sample.value {
        Value::F64(real) => (0, real.to_bits()),
        Value::I64(integer) => (1, integer.cast_unsigned()),
        Value::U64(integer) => (2, integer),
        Value::Bool(yes) => (3, u64::from(yes)),
    };
    assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), samples.iter().map(bits).collect::<Vec<_>>());
    assert!(found.iter().all(|sample| sample.received == Time::MAX && sample.quality == Quality::Uncertain));
}

fn an_alarm(id: u64) -> Alarm {
    Alarm {
        id: AlarmId(id),
        source: AlarmSource { feed: FeedId(1), series: Some(SeriesId(2)), check: Check::Anomaly },
        kind: FindingKind::LevelShift,
        state: AlarmState::Unacknowledged,
        severity: Severity::Warning,
        raised: at(100),
        last_seen: at(100),
        cleared: None,
        acknowledged: None,
        findings: 1,
        title: "It moved".to_owned(),
        text: "And stays there.".to_owned(),
    }
}

#[test]
fn everything_beside_the_samples_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (writer, _reader, events) = start(&path);
    let mut alarm = an_alarm(7);
    let raised = feedwatch_model::AlarmTransition {
        id: AlarmId(7),
        at: at(100),
        event: AlarmEvent::Raise,
        state: AlarmState::Unacknowledged,
        note: None,
    };
    let finding = Finding {
        series: Some(SeriesId(2)),
        per: vec![(Arc::from("/product"), Arc::from("BTC"))],
        message: Some(9),
        from: Some(u64::MAX - 1),
        to: Some(u64::MAX),
        missing: Some(2),
        expectation: Some(Expectation { value: 9.0, low: 1.0, high: f64::NAN, surprise: 4.5, score: 2.0 }),
        ..Finding::new(
            Check::Sequence,
            FindingKind::Gap,
            FeedId(1),
            at(120),
            Severity::Critical,
            "Two lost.".to_owned(),
        )
    };
    let open_gap = Gap {
        feed: FeedId(1),
        from: at(90),
        to: None,
        cause: GapCause::Disconnected,
        missing: None,
        detail: "The server closed the connection.".to_owned(),
    };
    let position = Position::EventId(Arc::from("id-17"));
    let batch = Batch {
        feeds: vec![feed(1, "plant")],
        series: vec![series(2, 1, "temp")],
        findings: vec![finding.clone()],
        gaps: vec![open_gap.clone()],
        alarms: vec![alarm.clone()],
        transitions: vec![raised.clone()],
        positions: vec![(FeedId(1), Position::EventId(Arc::from("id-3"))), (FeedId(1), position.clone())],
        heartbeats: vec![(FeedId(1), at(125)), (FeedId(1), at(130))],
        ..Batch::default()
    };
    writer.submit(batch).unwrap();
    assert!(writer.flush(LONG));
    assert_eq!(
        events.recv_timeout(LONG).unwrap(),
        StoreEvent::Durable { positions: vec![(FeedId(1), position.clone())], messages: vec![] }
    );
    let acknowledged = alarm.apply(AlarmEvent::Acknowledge, at(140), Some("seen".to_owned())).unwrap();
    let closed = Gap { to: Some(at(138)), missing: Some(48), ..open_gap };
    writer
        .submit(Batch {
            gaps: vec![closed.clone()],
            alarms: vec![alarm.clone()],
            transitions: vec![acknowledged.clone()],
            ..Batch::default()
        })
        .unwrap();
    writer.close(LONG).unwrap();

    let (_writer, reader, _events) = start(&path);
    assert_eq!(reader.feeds().unwrap(), [feed(1, "plant")]);
    assert_eq!(reader.series().unwrap(), [series(2, 1, "temp")]);
    assert_eq!(reader.alarms_open().unwrap(), [alarm.clone()]);
    assert_eq!(reader.alarms(at(0), at(101), 10).unwrap(), [alarm]);
    assert_eq!(reader.transitions(AlarmId(7)).unwrap(), [raised, acknowledged]);
    assert_eq!(reader.next_alarm_id().unwrap(), AlarmId(8));
    assert_eq!(reader.gaps(Some(FeedId(1)), at(0), at(100)).unwrap(), [closed]);
    assert_eq!(reader.gaps(None, at(200), at(300)).unwrap(), []);
    assert_eq!(reader.positions().unwrap(), [(FeedId(1), position)]);
    assert_eq!(reader.last_watched().unwrap(), [(FeedId(1), at(130))]);
    let found = reader.findings(at(0), at(200), Some(FeedId(1)), 10).unwrap();
    // NaN is not equal to itself.
    assert_eq!(format!("{found:?}"), format!("{:?}", [finding]));
    assert_eq!(reader.findings(at(0), at(200), None, 10).unwrap().len(), 1);
}

#[test]
fn a_closed_alarm_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader, _events) = start(&folder.path().join("h.db"));
    let mut alarm = an_alarm(1);
    alarm.apply(AlarmEvent::Acknowledge, at(110), None).unwrap();
    alarm.apply(AlarmEvent::Clear, at(120), None).unwrap();
    writer.submit(Batch { alarms: vec![alarm, an_alarm(2)], ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    assert_eq!(reader.alarms_open().unwrap(), [an_alarm(2)]);
    assert_eq!(reader.alarms(at(121), at(200), 10).unwrap(), [an_alarm(2)]);
    assert_eq!(reader.alarms(at(120), at(200), 10).unwrap().len(), 2);
}

#[test]
fn a_second_writer_is_told_who_holds_the_history_and_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (writer, _reader, _events) = start(&path);
    writer.submit(Batch { samples: vec![sample(1, 5, 2.5)], ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    let second = open(options(&path), clock, |_| {}).err().unwrap();
    assert!(matches!(second, StoreError::InUse { pid: Some(pid) } if pid == std::process::id()), "{second:?}");
    assert_eq!(all(&read(&path).unwrap(), 1, 10), [sample(1, 5, 2.5)]);
    writer.close(LONG).unwrap();
    assert!(open(options(&path), clock, |_| {}).is_ok());
}

#[cfg(unix)]
#[test]
fn two_names_of_one_file_are_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let (_writer, _reader, _events) = start(&folder.path().join("h.db"));
    std::os::unix::fs::symlink(folder.path().join("h.db"), folder.path().join("other.db")).unwrap();
    let second = open(options(&folder.path().join("other.db")), clock, |_| {});
    assert!(matches!(second, Err(StoreError::InUse { .. })));
}

#[test]
fn a_newer_history_is_refused_with_a_sentence_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (writer, reader, _events) = start(&path);
    drop(reader);
    writer.close(LONG).unwrap();
    // user_version stands at byte 60 of the header, as four bytes.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60..64].copy_from_slice(&9u32.to_be_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let refused = open(options(&path), clock, |_| {}).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "This history was written by a newer Feedwatch (schema 9, this one knows 5). Update Feedwatch, or start with another history file."
    );
    assert!(matches!(read(&path), Err(StoreError::Newer { schema: 9, known: 5 })));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_file_that_is_not_a_history_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter.txt");
    let text = "Dear operator, this is not a database.\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let refused = open(options(&path), clock, |_| {}).err().unwrap();
    assert!(matches!(refused, StoreError::NotOurs { .. }), "{refused:?}");
    assert!(matches!(read(&path), Err(StoreError::NotOurs { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_place_that_cannot_be_written_is_said_with_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let path = folder.path().join("file").join("h.db");
    let refused = open(options(&path), clock, |_| {}).err().unwrap();
    assert!(matches!(refused, StoreError::Unwritable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("start with a history file elsewhere"), "{refused}");
    let taken = folder.path().join("folder.db");
    std::fs::create_dir(&taken).unwrap();
    assert!(matches!(open(options(&taken), clock, |_| {}), Err(StoreError::Unwritable { .. })));
    assert!(matches!(read(&folder.path().join("none.db")), Err(StoreError::Missing { .. })));
}

#[test]
fn an_empty_file_becomes_a_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    std::fs::write(&path, "").unwrap();
    let (writer, reader, _events) = start(&path);
    writer.submit(Batch { samples: vec![sample(1, 5, 2.5)], ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    assert_eq!(reader.samples_total().unwrap(), 1);
}

#[test]
fn a_full_backlog_refuses_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let batch = Batch { samples: vec![sample(1, 5, 2.5); 100], counted: vec![(FeedId(4), 10)], ..Batch::default() };
    // Nothing is committed before it is asked for: two batches fit, the third does not.
    let (writer, reader, _events) = start_with(Options {
        backlog_bytes: 2 * batch.bytes(),
        commit_every: Duration::from_secs(3600),
        ..options(&path)
    });
    writer.submit(batch.clone()).unwrap();
    writer.submit(batch.clone()).unwrap();
    assert_eq!(writer.submit(batch.clone()), Err(batch.clone()));
    assert_eq!(writer.counts(FeedId(4)), MessageCounts { queued: 20, committed: 0, lost: 10 });
    assert_eq!(writer.counts(FeedId(5)), MessageCounts::default());
    assert!(writer.flush(LONG));
    assert_eq!(writer.counts(FeedId(4)), MessageCounts { queued: 0, committed: 20, lost: 10 });
    writer.submit(batch).unwrap();
    writer.close(LONG).unwrap();
    assert_eq!(reader.samples_total().unwrap(), 300);
}

#[test]
fn a_writer_that_is_dropped_keeps_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader, _events) =
        start_with(Options { commit_every: Duration::from_secs(3600), ..options(&folder.path().join("h.db")) });
    writer.submit(Batch { samples: vec![sample(1, 5, 2.5)], ..Batch::default() }).unwrap();
    drop(writer);
    assert_eq!(all(&reader, 1, 10).len(), 1);
}

#[test]
fn the_status_tells_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (writer, _reader, _events) = start(&path);
    assert_eq!(writer.status().last_commit, None);
    writer.submit(Batch { samples: vec![sample(1, 5, 2.5); 3], ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    let status = writer.status();
    assert!(status.keeping && status.problem.is_none() && status.file_bytes > 0);
    assert_eq!((status.committed_samples, status.samples_total, status.queued_bytes), (3, 3, 0));
    assert_eq!(status.last_commit, Some(clock()));
    writer.close(LONG).unwrap();
    let (writer, reader, _events) = start(&path);
    assert_eq!((writer.status().committed_samples, writer.status().samples_total), (0, 3));
    assert_eq!(reader.samples_total().unwrap(), 3);
}

#[test]
fn density_counts_every_sample_once() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader, _events) = start(&folder.path().join("h.db"));
    let minute = 60_000;
    let samples =
        [0, 1, minute, 23 * 60 * minute].map(|millis| Sample { at: at(millis), ..sample(2, 0, 1.0) }).to_vec();
    let batch = Batch {
        feeds: vec![feed(1, "plant"), feed(2, "other")],
        series: vec![series(2, 1, "temp"), series(3, 2, "temp")],
        samples,
        ..Batch::default()
    };
    writer.submit(batch).unwrap();
    writer.submit(Batch { samples: vec![sample(3, 0, 1.0)], ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    let day = reader.density(Some(FeedId(1)), at(0), at(24 * 60 * minute), 24).unwrap();
    assert_eq!((day[0], day[23], day.iter().sum::<u64>()), (3, 1, 4));
    assert_eq!(reader.density(None, at(0), at(24 * 60 * minute), 24 * 60).unwrap().iter().sum::<u64>(), 5);
    assert_eq!(reader.density(None, at(5), at(5), 7).unwrap(), [0; 7]);
}

#[test]
fn more_slots_than_a_picture_has_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_writer, reader, _events) = start(&folder.path().join("h.db"));
    assert!(matches!(
        reader.buckets(SeriesId(1), Time::MIN, Time::MAX, 1),
        Err(StoreError::TooManySlots { slots: u64::MAX, .. })
    ));
    assert_eq!(reader.buckets(SeriesId(1), at(5), at(5), 1).unwrap(), []);
}

#[test]
fn a_finding_of_a_series_that_is_told_again_replaces_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader, _events) = start(&folder.path().join("h.db"));
    let found = |series: u32, ms: i64, text: &str| Finding {
        series: Some(SeriesId(series)),
        ..Finding::new(Check::Anomaly, FindingKind::LevelShift, FeedId(1), at(ms), Severity::Info, text.to_owned())
    };
    let first = vec![found(2, 120, "Moved up."), found(2, 130, "Jumped."), found(3, 120, "Fell.")];
    writer.submit(Batch { findings: first, ..Batch::default() }).unwrap();
    writer.submit(Batch { findings: vec![found(2, 120, "Stayed there.")], ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    let texts = |found: Vec<Finding>| found.into_iter().map(|finding| finding.text).collect::<Vec<_>>();
    let of = |from, to| texts(reader.findings_of(FeedId(1), SeriesId(2), at(from), at(to), 10).unwrap());
    assert_eq!(of(0, 1_000), ["Stayed there.", "Jumped."]);
    assert_eq!(of(121, 1_000), ["Jumped."]);
    assert_eq!(texts(reader.findings(at(0), at(1_000), None, 10).unwrap()).len(), 3);
}

#[test]
fn the_last_heartbeat_counts_also_behind_a_clock_that_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader, _events) = start(&folder.path().join("h.db"));
    for ms in [9_000, 2_000] {
        writer.submit(Batch { heartbeats: vec![(FeedId(1), at(ms))], ..Batch::default() }).unwrap();
        assert!(writer.flush(LONG));
    }
    assert_eq!(reader.last_watched().unwrap(), [(FeedId(1), at(2_000))]);
}
