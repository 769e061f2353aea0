//! What the history costs: samples per CPU second, bytes per sample, and how long a picture takes, beside plain rows in
//! SQLite written in the same run.
//!
//! ```text
//! cargo run --release -p feedwatch-store --example measure -- [samples in millions] [trickle | bulk | messages]
//! ```
//!
//! `messages` are raw messages of 275 bytes, a tenth as many: without samples, and with five each.
//!
//! CPU time is that of the whole process (`/proc/self/stat`), so it runs on Linux only.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use feedwatch_model::{FeedId, Quality, Sample, SeriesId, Time, Value};
use feedwatch_store::{Batch, Options, Outcome, StoredMessage, open, verify};
use rusqlite::{Connection, params};

type Failure = Box<dyn std::error::Error>;

const SERIES: u32 = 58;
const LONG: Duration = Duration::from_secs(600);

/// Seconds of CPU this process has used, in steps of 10 ms.
fn cpu() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

/// Ticks with two decimals, jittered by milliseconds, series after series as they come.
struct Feed {
    random: fastrand::Rng,
    at: i64,
    levels: Vec<i32>,
}

impl Feed {
    fn new() -> Feed {
        Feed { random: fastrand::Rng::with_seed(7), at: 1_700_000_000_000, levels: vec![50_000; SERIES as usize] }
    }

    /// One sample of every series.
    fn round(&mut self, into: &mut Vec<Sample>) {
        self.at += 1000;
        for (series, level) in (0..).zip(&mut self.levels) {
            *level += self.random.i32(-40..=40);
            let at = Time::from_millis(self.at + self.random.i64(0..8));
            into.push(Sample {
                series: SeriesId(series),
                at,
                received: at.plus_nanos(self.random.i64(5..40) * 1_000_000),
                value: Value::F64(f64::from(*level) / 100.0),
                quality: Quality::Good,
            });
        }
    }

    /// `rounds` samples of every series.
    fn rounds(&mut self, rounds: usize) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(rounds * SERIES as usize);
        for _ in 0..rounds {
            self.round(&mut samples);
        }
        samples
    }
}

fn bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

/// Our history, written in batches of so many rounds; every batch is a commit.
fn ours(folder: &Path, samples: usize, rounds: usize, name: &str) -> Result<f64, Failure> {
    let path = folder.join(format!("{name}.db"));
    let options = Options { path: path.clone(), commit_every: Duration::from_millis(1), ..Options::default() };
    let (writer, reader) = open(options, || Time::from_nanos(0), |_| {})?;
    let mut feed = Feed::new();
    let (mut written, mut spent) = (0, 0.0);
    while written < samples {
        let batches: Vec<Batch> = (0..50).map(|_| Batch { samples: feed.rounds(rounds), ..Batch::default() }).collect();
        written += batches.iter().map(|batch| batch.samples.len()).sum::<usize>();
        let before = cpu()?;
        for batch in batches {
            writer.submit(batch).map_err(|_| "the backlog is full")?;
            writer.flush(LONG);
        }
        spent += cpu()? - before;
    }
    writer.close(LONG)?;
    let rate = written as f64 / spent / 1e6;
    let size = bytes(&path) as f64 / written as f64;
    println!("{name}: {rate:.2} M samples per CPU second, {size:.2} bytes per sample, {written} samples");
    verified(&path)?;

    let from = Time::from_millis(1_700_000_000_000);
    let to = Time::from_millis(feed.at + 1000);
    let span = to.nanos() - from.nanos();
    for (what, width) in [("2,000 columns", span / 2000), ("minutes", 60_000_000_000), ("hours", 3_600_000_000_000)] {
        let begin = Instant::now();
        let mut columns = 0;
        for series in 0..SERIES {
            columns += reader.buckets(SeriesId(series), from, to, width.max(span / 60_000))?.len();
        }
        let each = begin.elapsed().as_secs_f64() * 1e3 / f64::from(SERIES);
        println!(
            "  a series of {} samples as {what}: {each:.2} ms ({columns} buckets in all)",
            written / SERIES as usize
        );
    }
    let begin = Instant::now();
    let mut read = 0;
    for series in 0..SERIES {
        let mut after = None;
        loop {
            let page = reader.samples(SeriesId(series), from, to, after, 4096)?;
            read += page.samples.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    println!("  all samples, in pages of 4,096: {:.2} M a second", read as f64 / begin.elapsed().as_secs_f64() / 1e6);
    Ok(rate)
}

/// Plain rows, as everybody would write them: (series, at) as key, single prepared inserts, the same commits.
fn plain(folder: &Path, samples: usize, rounds: usize) -> Result<f64, Failure> {
    let path = folder.join("plain.db");
    let mut connection = Connection::open(&path)?;
    connection.execute_batch(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE sample (series, at, received, value, quality, PRIMARY KEY (series, at)) WITHOUT ROWID;",
    )?;
    let mut feed = Feed::new();
    let (mut written, mut spent) = (0, 0.0);
    while written < samples {
        let batches: Vec<Vec<Sample>> = (0..50).map(|_| feed.rounds(rounds)).collect();
        written += batches.iter().map(Vec::len).sum::<usize>();
        let before = cpu()?;
        for batch in batches {
            let transaction = connection.transaction()?;
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO sample VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for sample in batch {
                let (at, received) = (sample.at.nanos(), sample.received.nanos());
                insert.execute(params![sample.series.0, at, received, sample.value.as_f64(), sample.quality as u8])?;
            }
            drop(insert);
            transaction.commit()?;
        }
        spent += cpu()? - before;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let rate = written as f64 / spent / 1e6;
    println!(
        "plain rows: {rate:.2} M samples per CPU second, {:.2} bytes per sample",
        bytes(&path) as f64 / written as f64
    );
    Ok(rate)
}

/// How long it takes to verify a history.
fn verified(path: &Path) -> Result<(), Failure> {
    let begin = Instant::now();
    let told = verify(path, None, |_| ControlFlow::Continue(()))?;
    let (seconds, megabytes) = (begin.elapsed().as_secs_f64(), bytes(path) as f64 / 1e6);
    println!("  verified: {:?}, {} records in {seconds:.2} s, {megabytes:.0} MB", told.whole, told.checked);
    Ok(())
}

/// Raw messages in commits of so many, each with so many samples.
fn messages(folder: &Path, count: usize, each: usize, samples: usize) -> Result<(), Failure> {
    let path = folder.join(format!("messages{samples}.db"));
    let options = Options { path: path.clone(), commit_every: Duration::from_millis(1), ..Options::default() };
    let (writer, _reader) = open(options, || Time::from_nanos(0), |_| {})?;
    let payload = Bytes::from(vec![b'x'; 275]);
    let message = |number: usize| StoredMessage {
        feed: FeedId(1),
        number: number as u64,
        received: Time::from_millis(1_700_000_000_000 + number as i64),
        topic: None,
        meta: None,
        outcome: Outcome::Read,
        payload: payload.clone(),
    };
    let (mut spent, mut feed) = (0.0, Feed::new());
    for first in (0..count).step_by(each * 50) {
        let batch = |part: usize| (first + part * each..first + (part + 1) * each).map(message).collect();
        let mut samples = || feed.rounds(each * samples / SERIES as usize);
        let batches: Vec<Batch> =
            (0..50).map(|part| Batch { messages: batch(part), samples: samples(), ..Batch::default() }).collect();
        let before = cpu()?;
        for batch in batches {
            writer.submit(batch).map_err(|_| "the backlog is full")?;
            writer.flush(LONG);
        }
        spent += cpu()? - before;
    }
    let before = cpu()?;
    writer.close(LONG)?;
    println!(
        "messages with {samples} samples: {:.3} M per CPU second; {:.2} s to close",
        count as f64 / spent / 1e6,
        cpu()? - before
    );
    verified(&path)
}

fn main() -> Result<(), Failure> {
    let millions: f64 = std::env::args().nth(1).map_or(Ok(2.0), |millions| millions.parse())?;
    let samples = (millions * 1e6) as usize;
    let folder = tempfile::tempdir()?;
    let only = std::env::args().nth(2);
    if only.as_deref().is_none_or(|only| only == "messages") {
        for each in [0, 5] {
            messages(folder.path(), samples / 10, 2000, each)?;
        }
    }
    for (rounds, name) in [(20, "trickle"), (2000, "bulk")] {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let plain = plain(folder.path(), samples, rounds)?;
        std::fs::remove_file(folder.path().join("plain.db"))?;
        let ours = ours(folder.path(), samples, rounds, name)?;
        println!("{name}: {:.2} times plain rows, in commits of {} samples\n", ours / plain, rounds * SERIES as usize);
    }
    Ok(())
}
