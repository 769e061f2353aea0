//! Trouble with the disk, by a limit on the database's pages that only tests can set.

use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::Duration;

use bytes::Bytes;
use feedwatch_model::{FeedId, Quality, Sample, SeriesId, Time, Value};

use crate::{Batch, Options, Outcome, StoreError, StoreEvent, StoredMessage, open, verify};

const LONG: Duration = Duration::from_secs(60);

fn batch(number: u64) -> Batch {
    let sample = Sample {
        series: SeriesId(1),
        at: Time::from_nanos(number as i64),
        received: Time::from_nanos(number as i64),
        value: Value::I64(number as i64),
        quality: Quality::Good,
    };
    let message = StoredMessage {
        feed: FeedId(1),
        number,
        received: sample.received,
        topic: None,
        meta: None,
        outcome: Outcome::Read,
        payload: Bytes::from(vec![1; 100_000]),
    };
    Batch { samples: vec![sample], messages: vec![message], counted: vec![(FeedId(1), 1)], ..Batch::default() }
}

#[test]
fn a_full_disk_is_told_once_and_nothing_accepted_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (events, told) = channel();
    let options = Options {
        path: folder.path().join("h.db"),
        commit_every: Duration::from_millis(1),
        backlog_bytes: 1_000_000,
        ..Options::default()
    };
    let on_event = move |event| events.send(event).unwrap_or_default();
    let (writer, reader) = open(options, || Time::from_nanos(0), on_event).unwrap();
    writer.page_limit.store(1, Ordering::Relaxed);
    let (mut accepted, mut refused) = (0, 0);
    while refused < 3 {
        match writer.submit(batch(accepted + refused)) {
            Ok(()) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    let StoreEvent::Trouble { problem } = told.recv_timeout(LONG).unwrap() else { panic!("no trouble") };
    assert_eq!(problem, StoreError::Full.to_string());
    let status = writer.status();
    assert!(!status.keeping && status.problem.as_ref() == Some(&problem), "{status:?}");
    // Tried once more, and still only one word of it.
    assert!(!writer.flush(Duration::from_millis(1)));
    let counts = writer.counts(FeedId(1));
    assert_eq!((counts.queued, counts.committed, counts.lost), (accepted, 0, refused));

    writer.page_limit.store(0, Ordering::Relaxed);
    assert!(writer.flush(LONG));
    assert_eq!(told.recv_timeout(LONG).unwrap(), StoreEvent::Recovered);
    let counts = writer.counts(FeedId(1));
    assert_eq!((counts.queued, counts.committed, counts.lost), (0, accepted, refused));
    assert!(writer.status().keeping && writer.status().problem.is_none());
    let verified = verify(reader.path(), None, |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!((verified.whole, verified.problems), (Some(true), vec![]));
    assert_eq!(reader.samples_total().unwrap(), accepted);
    assert_eq!(reader.messages(FeedId(1), Time::MIN, Time::MAX, 100).unwrap().len() as u64, accepted);
}

#[test]
fn closing_on_a_full_disk_says_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { path: folder.path().join("h.db"), ..Options::default() };
    let (writer, reader) = open(options, || Time::from_nanos(0), |_| {}).unwrap();
    writer.page_limit.store(1, Ordering::Relaxed);
    writer.submit(batch(0)).unwrap();
    let closed = writer.close(LONG).unwrap_err();
    assert!(matches!(&closed, StoreError::NotWritten { messages: 1, problem: Some(_) }), "{closed:?}");
    assert_eq!(reader.samples_total().unwrap(), 0);
}
