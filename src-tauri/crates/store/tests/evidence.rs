//! Raw messages are kept within bounds, the newest first.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod kit;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use feedwatch_model::{FeedId, Time};
use feedwatch_store::{Batch, Options, Outcome, StoredMessage};
use kit::{LONG, clock, feed, options, sample, start, start_with};

fn at(millis: i64) -> Time {
    Time::from_millis(millis)
}

fn message(number: u64, size: usize) -> StoredMessage {
    StoredMessage {
        feed: FeedId(1),
        number,
        received: at(number as i64),
        topic: Some(Arc::from("t")),
        meta: Some(Arc::from("{\"retained\":true}")),
        outcome: Outcome::Rejected { offset: 3, reason: "a number".to_owned() },
        payload: Bytes::from(vec![number as u8; size]),
    }
}

#[test]
fn evidence_stays_within_its_budget_and_the_newest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let budget = 100_000;
    let (writer, reader, _events) =
        start_with(Options { message_bytes_per_feed: budget, message_age: Duration::MAX, ..options(&path) });
    for number in 0..300 {
        writer.submit(Batch { messages: vec![message(number, 1000)], ..Batch::default() }).unwrap();
    }
    assert!(writer.flush(LONG));
    let kept = reader.messages(FeedId(1), Time::MIN, Time::MAX, 1000).unwrap();
    let bytes: usize = kept.iter().map(|message| message.payload.len()).sum();
    assert!(bytes as u64 <= budget && bytes as u64 > budget / 2, "{bytes}");
    let first = 300 - kept.len() as u64;
    assert_eq!(kept, (first..300).map(|number| message(number, 1000)).collect::<Vec<_>>());
    let two = reader.messages(FeedId(1), at(0), at(299), 2).unwrap();
    assert_eq!(two, [message(297, 1000), message(298, 1000)]);
}

#[test]
fn raw_messages_go_when_they_are_too_old_also_of_a_feed_that_is_gone_but_not_those_of_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let mut capture = feed(2, "capture");
    capture.protocol = feedwatch_model::Protocol::File;
    let of =
        |feed: u32, number: u64, received: Time| StoredMessage { feed: FeedId(feed), received, ..message(number, 10) };
    let old = clock().minus(Duration::from_secs(3_600));
    {
        let (writer, _reader, _events) = start(&path);
        let messages = vec![of(1, 0, old), of(1, 1, clock()), of(2, 0, old)];
        writer.submit(Batch { feeds: vec![feed(1, "gone"), capture], messages, ..Batch::default() }).unwrap();
        writer.close(LONG).unwrap();
    }
    let (writer, reader, _events) = start_with(Options { message_age: Duration::from_secs(60), ..options(&path) });
    let kept = |feed: u32| reader.messages(FeedId(feed), Time::MIN, Time::MAX, 10).unwrap().len();
    assert_eq!((kept(1), kept(2)), (2, 1));
    let before = reader.message_bytes().unwrap();
    for number in 0..4 {
        writer.submit(Batch { samples: vec![sample(9, number, 1.0)], ..Batch::default() }).unwrap();
        assert!(writer.flush(LONG));
    }
    assert_eq!((kept(1), kept(2)), (1, 1), "nothing of these feeds came, and the old one went all the same");
    assert!(reader.message_bytes().unwrap() < before);
}

#[test]
fn a_message_is_shown_with_those_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let (writer, reader, _events) = start_with(Options { message_age: Duration::MAX, ..options(&path) });
    // Three messages of each moment, and the numbers begin anew in a second run.
    let of = |number: u64, moment: i64| StoredMessage { received: at(moment), ..message(number, 10) };
    let messages: Vec<StoredMessage> = (0..60)
        .map(|number| of(number, 1000 + number as i64 / 3))
        .chain((0..9).map(|number| of(number, 2000)))
        .collect();
    writer.submit(Batch { messages, ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
    let numbers = |moment: i64, number: Option<u64>, each: usize| -> (Vec<u64>, Option<usize>) {
        let (there, focus) = reader.messages_around(FeedId(1), at(moment), number, each, 4).unwrap();
        assert!(
            there.iter().all(|(message, bytes)| message.payload.len() == 4 && *bytes > 4),
            "the beginning, and how long it is"
        );
        (there.iter().map(|(message, _)| message.number).collect(), focus)
    };
    assert_eq!(numbers(1010, Some(31), 2), (vec![29, 30, 31, 32, 33], Some(2)));
    assert_eq!(numbers(1000, Some(1), 3), (vec![0, 1, 2, 3, 4], Some(1)));
    assert_eq!(numbers(2000, Some(4), 1), (vec![3, 4, 5], Some(1)), "the one of that moment, not of the run before");
    assert_eq!(numbers(1010, None, 1), (vec![31, 32, 33], None), "without a number: what came up to then, and behind");
    assert_eq!(numbers(1010, Some(7), 1), (vec![31, 32, 33], None), "one that is not there");
    assert_eq!(numbers(0, None, 2), (vec![0, 1], None));
    assert_eq!(reader.messages_around(FeedId(9), at(1010), Some(1), 5, 4).unwrap(), (vec![], None));
}
