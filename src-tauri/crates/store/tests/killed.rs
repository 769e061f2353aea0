//! A process that is killed keeps every sample it was told is committed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod kit;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use feedwatch_model::{FeedId, Position};
use feedwatch_store::{Batch, StoreEvent, open, verify};
use kit::{all, clock, options, sample, start};

const HISTORY: &str = "FEEDWATCH_TEST_HISTORY";

/// Not a claim of its own: the process that is killed. It writes and says what is committed, for ever.
#[test]
#[ignore = "the other test starts it, and kills it"]
fn writes_until_it_is_killed() {
    let Ok(path) = std::env::var(HISTORY) else { return };
    let said = |event| {
        if let StoreEvent::Durable { positions, .. } = event
            && let Some((_, Position::EventId(count))) = positions.last()
        {
            println!("committed {count}");
        }
    };
    let (writer, _reader) = open(options(path.as_ref()), clock, said).unwrap();
    let mut number = 0u32;
    loop {
        let samples: Vec<_> = (0..7).map(|part| sample(1, i64::from(number * 7 + part), f64::from(part))).collect();
        number += 1;
        let count = Position::EventId(Arc::from((number * 7).to_string()));
        let batch = Batch { samples, positions: vec![(FeedId(1), count)], ..Batch::default() };
        if writer.submit(batch).is_err() {
            number -= 1;
            writer.flush(kit::LONG);
        }
    }
}

#[test]
fn what_was_committed_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    for round in 1..=3u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "writes_until_it_is_killed", "--nocapture"])
            .env(HISTORY, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut commits = 0;
        let mut committed = 0;
        while commits < 3 * round {
            let line = lines.next().expect("the child goes on till it is killed").unwrap();
            if let Some(count) = line.rsplit_once("committed ").and_then(|(_, count)| count.parse::<usize>().ok()) {
                committed = count;
                commits += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for count in lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ")?.parse().ok()) {
            committed = count;
        }
        let verified = verify(&path, None, |_| std::ops::ControlFlow::Continue(())).unwrap();
        assert_eq!((verified.whole, verified.problems), (Some(true), vec![]));
        let (writer, reader, _events) = start(&path);
        let found = all(&reader, 1, 10_000);
        assert!(found.len() >= committed, "{} of {committed} are there", found.len());
        // Whole batches only, and each sample once.
        assert_eq!(found.len() % 7, 0);
        assert!((0..).zip(&found).all(|(nanos, sample)| sample.at.nanos() == nanos));
        assert_eq!(reader.samples_total().unwrap(), found.len() as u64);
        writer.close(kit::LONG).unwrap();
        drop(reader);
        std::fs::remove_file(&path).unwrap();
    }
}
