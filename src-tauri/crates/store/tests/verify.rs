//! A history is whole, or it is said what is not: whatever is altered, and however the writer ended.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kit;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use feedwatch_model::{FeedId, Time};
use feedwatch_store::{Batch, Options, StoreError, Uncovered, verify};
use kit::written::{
    SECRET, TABLES, assert_broken, assert_whole, begin, history, killed_copy, look, message, names, rows, signed, write,
};
use kit::{LONG, options, sample};
use rusqlite::Connection;

#[test]
fn a_history_that_ended_well_is_whole_and_nothing_of_it_is_uncovered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    history(&path, 40);
    let verified = look(&path);
    assert_whole(&verified);
    assert_eq!(verified.uncovered, Uncovered::default());
    assert!(verified.checked > 40 * 8, "{verified:?}");
    assert!(verified.signed && verified.head.as_ref().unwrap().len() == 64);
    assert!(verified.covered_from.unwrap() < verified.covered_until.unwrap());
    let connection = Connection::open(&path).unwrap();
    for table in TABLES {
        let count = rows(&connection, table).len();
        assert!(count > 0, "the other tests need rows in {table}");
    }
    assert!(rows(&connection, "chain").len() > 3, "blocks were made as time went by");
}

#[test]
fn another_key_does_not_fit_and_without_one_it_is_said_that_it_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    history(&path, 3);
    assert_broken(&verify(&path, Some(b"another"), |_| ControlFlow::Continue(())).unwrap(), "another key");
    let without = verify(&path, None, |_| ControlFlow::Continue(())).unwrap();
    assert_whole(&without);
    assert!(without.signed);

    let plain = folder.path().join("plain.db");
    let (writer, _reader) = begin(options(&plain));
    write(&writer, 0..2);
    writer.close(LONG).unwrap();
    let verified = verify(&plain, None, |_| ControlFlow::Continue(())).unwrap();
    assert!(verified.whole == Some(true) && !verified.signed);
    assert_eq!(look(&plain).problems, ["The last block is not signed: it was not written with this key."]);
}

#[test]
fn a_kill_between_blocks_is_no_problem_and_the_next_start_covers_what_it_left() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("h.db"), folder.path().join("copy.db"));
    let (writer, _reader) = begin(signed(&path));
    writer.submit(names()).unwrap();
    write(&writer, 0..23);
    killed_copy(&path, &copy);
    let verified = look(&copy);
    assert_whole(&verified);
    assert!(verified.uncovered.samples > 0 && verified.uncovered.before == 0, "{verified:?}");
    let behind = verified.uncovered;
    let until = verified.covered_until;
    assert!(behind.messages + behind.marks > 0, "{behind:?}");
    // While it is written it is verified as well.
    assert_whole(&look(&path));

    let (second, _reader) = begin(signed(&copy));
    write(&second, 23..24);
    second.close(LONG).unwrap();
    let verified = look(&copy);
    assert_whole(&verified);
    assert_eq!(verified.uncovered, Uncovered::default());
    assert!(verified.covered_until > until);
    writer.close(LONG).unwrap();
    assert_whole(&look(&path));
}

#[test]
fn wherever_the_kill_falls_it_is_whole_then_and_after_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let small = |path: &Path| Options { commit_rows: 400, message_bytes_per_feed: 9_000, ..signed(path) };
    let (writer, _reader) = begin(small(&path));
    writer.submit(names()).unwrap();
    for round in 0..24 {
        write(&writer, round..round + 1);
        let copy = folder.path().join(format!("{round}.db"));
        killed_copy(&path, &copy);
        assert_whole(&look(&copy));
        let (next, _reader) = begin(small(&copy));
        write(&next, 30..30 + round % 3);
        next.close(LONG).unwrap();
        let verified = look(&copy);
        assert_whole(&verified);
        assert_eq!(verified.uncovered, Uncovered::default(), "{round}");
    }
}

#[test]
fn what_is_behind_the_last_block_is_looked_at_too_but_a_new_row_there_is_not_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("h.db"), folder.path().join("copy.db"));
    let (writer, _reader) = begin(signed(&path));
    writer.submit(names()).unwrap();
    write(&writer, 0..2);
    killed_copy(&path, &copy);
    let connection = Connection::open(&copy).unwrap();
    assert_eq!(connection.execute("UPDATE finding SET text = 'Nothing.' WHERE id = 1", []).unwrap(), 1);
    drop(connection);
    let problems = look(&copy).problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("Finding 1 of feed spot is not what was written"), "{problems:?}");
    drop(writer);
}

#[test]
fn pruning_keeps_it_whole_and_removing_by_hand_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let small = || Options { message_bytes_per_feed: 20_000, ..signed(&path) };
    for run in 0..3u64 {
        let (writer, reader) = begin(small());
        writer.submit(names()).unwrap();
        for number in 0..120 {
            let messages =
                (0..3).map(|part| message(1 + part % 2, 400 * run + 3 * number + u64::from(part), 60)).collect();
            writer.submit(Batch { messages, ..Batch::default() }).unwrap();
            assert!(writer.flush(LONG));
            assert!(reader.message_bytes().unwrap() <= 40_000);
        }
        if run == 1 {
            assert_whole(&look(&path));
        }
        writer.close(LONG).unwrap();
        assert_whole(&look(&path));
    }
    let connection = Connection::open(&path).unwrap();
    let pruned: i64 = connection.query_row("SELECT min(pruned_seq) FROM lane", [], |row| row.get(0)).unwrap();
    assert!(pruned > 3, "{pruned}");
    // As pruning would do it, but a segment too early.
    connection
        .execute("DELETE FROM message WHERE feed = 1 AND id <= (SELECT min(last) FROM segment WHERE feed = 1)", [])
        .unwrap();
    assert_broken(&look(&path), "messages went");
    connection
        .execute("DELETE FROM segment WHERE feed = 1 AND seq = (SELECT min(seq) FROM segment WHERE feed = 1)", [])
        .unwrap();
    assert_broken(&look(&path), "a segment went");
    connection.execute("UPDATE lane SET pruned_seq = pruned_seq + 1 WHERE feed = 1", []).unwrap();
    assert_broken(&look(&path), "the first segment does not follow on what was pruned");
}

#[test]
fn messages_that_are_too_old_go_with_their_segments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let old = || Options { message_age: Duration::from_secs(3_600), ..signed(&path) };
    let (writer, reader) = begin(old());
    let now = kit::written::ticking();
    for number in 0..20u64 {
        let ago = Duration::from_secs(600 * (20 - number));
        let messages = vec![feedwatch_store::StoredMessage { received: now.minus(ago), ..message(1, number, 1) }];
        writer.submit(Batch { messages, ..Batch::default() }).unwrap();
        assert!(writer.flush(LONG));
    }
    writer.close(LONG).unwrap();
    let kept = reader.messages(FeedId(1), Time::MIN, Time::MAX, 100).unwrap();
    assert!((2..7).contains(&kept.len()) && kept.last().unwrap().number == 19, "{}", kept.len());
    assert_whole(&look(&path));
}

#[test]
fn samples_that_were_altered_between_two_runs_are_told_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    history(&path, 2);
    {
        let connection = Connection::open(&path).unwrap();
        let changed = connection.execute("UPDATE pending SET bytes = bytes WHERE 0", []).unwrap()
            + connection.execute("DELETE FROM pending WHERE id = 1", []).unwrap();
        assert_eq!(changed, 1);
    }
    assert_broken(&look(&path), "before the next run");
    let (writer, _reader) = begin(signed(&path));
    writer.submit(Batch { samples: vec![sample(1, 5, 5.0)], ..Batch::default() }).unwrap();
    writer.close(LONG).unwrap();
    let problems = look(&path).problems;
    assert!(problems.len() == 1 && problems[0].contains("had been altered"), "{problems:?}");
}

/// A file as the version before wrote it.
fn of_schema_4(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "page_size", 16_384).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    for sql in [
        include_str!("../src/schema_1.sql"),
        include_str!("../src/schema_2.sql"),
        include_str!("../src/schema_3.sql"),
        include_str!("../src/schema_4.sql"),
    ] {
        connection.execute_batch(sql).unwrap();
    }
    connection.pragma_update(None, "application_id", 0x4657_6462).unwrap();
    connection.pragma_update(None, "user_version", 4).unwrap();
    connection
        .execute_batch(
            "INSERT INTO feed VALUES (1, 'spot', 'Spot', 'sse', 'http://127.0.0.1/', NULL);
             INSERT INTO finding (feed, at, check_word, kind, severity, per, text)
                 VALUES (1, 5, 'sequence', 'gap', 'warning', '[]', 'Lost 1 message.');
             INSERT INTO gap VALUES (1, 5, 'stopped', NULL, NULL, ''), (1, 5, 'sequence', 6, 1, '');",
        )
        .unwrap();
    for number in 0..200 {
        connection
            .execute(
                "INSERT INTO message (feed, number, received, outcome, cost, payload) VALUES (1, ?1, 1699999000000000000 + ?1, 'read', 500, x'616263')",
                [number],
            )
            .unwrap();
    }
    connection.execute("INSERT INTO evidence VALUES (1, 100000)", []).unwrap();
}

#[test]
fn a_history_of_the_version_before_is_covered_from_now_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    of_schema_4(&path);
    let error = verify(&path, None, |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, StoreError::Older { schema: 4, known: 5 }), "{error}");
    let (writer, reader) = begin(signed(&path));
    let verified = look(&path);
    assert_whole(&verified);
    assert_eq!(verified.uncovered.before, 200 + 1 + 1 + 1, "messages, feed, finding, gaps of one begin");
    write(&writer, 0..3);
    writer.close(LONG).unwrap();
    let verified = look(&path);
    assert_whole(&verified);
    assert_eq!(verified.uncovered.before, 203);
    drop(reader);

    // The oldest go first, also those that nothing covers.
    let (writer, reader) = begin(Options { message_bytes_per_feed: 50_000, ..signed(&path) });
    write(&writer, 3..5);
    let kept = reader.messages(FeedId(1), Time::MIN, Time::MAX, 1_000).unwrap();
    assert!(kept.len() < 150 && kept[0].number > 50, "{}", kept.len());
    let begun = kept.len();
    writer.close(LONG).unwrap();
    assert_whole(&look(&path));
    let (writer, _) = begin(Options { message_bytes_per_feed: 5_000, ..signed(&path) });
    write(&writer, 5..9);
    writer.close(LONG).unwrap();
    let kept = reader.messages(FeedId(1), Time::MIN, Time::MAX, 1_000).unwrap();
    assert!(
        kept.len() < begun && kept[0].topic.is_some() | kept[0].meta.is_some() | (kept[0].payload.len() > 3),
        "none of those before is left"
    );
    let verified = look(&path);
    assert_whole(&verified);
    assert_eq!(verified.uncovered.before, 3);

    // What is there from before may not be removed unseen.
    let connection = Connection::open(&path).unwrap();
    connection.execute("DELETE FROM finding WHERE id = 1", []).unwrap();
    assert_broken(&look(&path), "a finding from before");
}

#[test]
fn a_look_that_is_cancelled_says_that_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    history(&path, 40);
    let verified = verify(&path, Some(SECRET), |_| ControlFlow::Break(())).unwrap();
    assert_eq!((verified.whole, verified.problems), (None, vec![]));
}
