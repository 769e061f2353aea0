//! Sealing, seen from inside: that it happens, when, and that it changes nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use feedwatch_model::{Quality, Sample, SeriesId, Time, Value};
use rusqlite::Connection;

use super::CHUNK;
use crate::{Batch, Options, Reader, StoreError, Writer, open};

const LONG: Duration = Duration::from_secs(60);
const SECOND: i64 = 1_000_000_000;

fn sample(series: u32, at: i64, value: f64) -> Sample {
    let (at, value) = (Time::from_nanos(at), Value::F64(value));
    Sample { series: SeriesId(series), at, received: at, value, quality: Quality::Good }
}

fn start(folder: &tempfile::TempDir, clock: fn() -> Time) -> (Writer, Reader) {
    let path = folder.path().join("h.db");
    // With one row a commit nothing is left pending.
    let options = Options { path, commit_every: Duration::from_millis(1), commit_rows: 1, ..Options::default() };
    open(options, clock, |_| {}).unwrap()
}

fn write(writer: &Writer, samples: Vec<Sample>) {
    writer.submit(Batch { samples, ..Batch::default() }).unwrap();
    assert!(writer.flush(LONG));
}

fn number(folder: &tempfile::TempDir, sql: &str) -> i64 {
    let connection = Connection::open(folder.path().join("h.db")).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

const ROWS: &str = "SELECT count(*) FROM sample";
const CHUNKS: &str = "SELECT count(*) FROM chunk";

fn read(reader: &Reader) -> Vec<Sample> {
    reader.samples(SeriesId(1), Time::MIN, Time::MAX, None, 100_000).unwrap().samples
}

#[test]
fn rows_become_a_chunk_when_they_are_many() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = start(&folder, || Time::from_nanos(0));
    let samples: Vec<Sample> = (0..CHUNK as i64 + 5).map(|at| sample(1, at * SECOND, at as f64)).collect();
    write(&writer, samples[..CHUNK - 1].to_vec());
    assert_eq!((number(&folder, ROWS), number(&folder, CHUNKS)), (CHUNK as i64 - 1, 0));
    write(&writer, samples[CHUNK - 1..].to_vec());
    assert_eq!((number(&folder, ROWS), number(&folder, CHUNKS)), (5, 1));
    assert_eq!(read(&reader), samples);
    assert_eq!(reader.count_samples(SeriesId(1), Time::from_nanos(SECOND), Time::MAX).unwrap(), CHUNK as u64 + 4);
}

#[test]
fn bulk_is_sealed_without_ever_being_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = start(&folder, || Time::from_nanos(0));
    let samples: Vec<Sample> = (0..5 * CHUNK as i64).map(|at| sample(1, at / 5 * SECOND, at as f64)).collect();
    write(&writer, samples.clone());
    assert_eq!((number(&folder, ROWS), number(&folder, CHUNKS)), (0, 5));
    assert_eq!(read(&reader), samples);
    // Five a second are enough for minutes to be rolled up.
    let minutes = "SELECT count(*) FROM rollup WHERE level = 0";
    assert_eq!(number(&folder, minutes), (5 * CHUNK as i64).div_euclid(300) + 1);
}

#[test]
fn late_samples_stay_rows_and_come_in_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = start(&folder, || Time::from_nanos(0));
    let mut samples: Vec<Sample> = (0..2 * CHUNK as i64).map(|at| sample(1, at * SECOND, 0.5)).collect();
    write(&writer, samples.clone());
    // One between two, and one at the very time of another: that came later, so it stands after it.
    let late = [sample(1, 7 * SECOND + 1, -3.0), sample(1, CHUNK as i64 * SECOND, 9.0)];
    write(&writer, late.to_vec());
    assert_eq!(number(&folder, ROWS), 2);
    samples.extend(late);
    samples.sort_by_key(|sample| sample.at);
    assert_eq!(read(&reader), samples);
    let buckets = reader.buckets(SeriesId(1), Time::from_nanos(0), Time::from_nanos(60 * SECOND), 60 * SECOND).unwrap();
    assert_eq!(
        buckets.iter().map(|bucket| (bucket.count, bucket.min, bucket.max)).collect::<Vec<_>>(),
        [(61, -3.0, 0.5)]
    );
}

#[test]
fn a_thousand_series_that_fill_up_at_once_are_sealed_by_and_by() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _reader) = start(&folder, || Time::from_nanos(0));
    let fill = |count: i64| -> Vec<Sample> {
        (0..40).flat_map(|series| (0..count).map(move |at| sample(series, at * SECOND, 0.5))).collect()
    };
    write(&writer, fill(CHUNK as i64 - 1));
    assert_eq!(number(&folder, CHUNKS), 0);
    let mut before = 0;
    let mut commits = 0;
    while number(&folder, CHUNKS) < 40 {
        write(&writer, fill(1));
        let chunks = number(&folder, CHUNKS);
        assert!(chunks > before && chunks <= before + super::SLICE as i64, "{before} {chunks}");
        before = chunks;
        commits += 1;
    }
    assert_eq!(commits, 5);
}

static NOW: AtomicI64 = AtomicI64::new(0);

#[test]
fn few_rows_are_sealed_when_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = start(&folder, || Time::from_nanos(NOW.load(Ordering::Relaxed)));
    let samples: Vec<Sample> = (0..100).map(|at| sample(1, at * 10 * SECOND, at as f64)).collect();
    write(&writer, samples.clone());
    write(&writer, vec![sample(2, 0, 1.0)]);
    assert_eq!(number(&folder, CHUNKS), 0);
    NOW.store(3_600 * SECOND, Ordering::Relaxed);
    write(&writer, vec![sample(2, 1, 1.0)]);
    assert_eq!((number(&folder, ROWS), number(&folder, CHUNKS)), (2, 1));
    assert_eq!(read(&reader), samples);
}

#[test]
fn a_feed_that_jumps_in_time_does_not_make_chunks_long() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = start(&folder, || Time::from_nanos(0));
    let mut samples: Vec<Sample> = (0..CHUNK as i64).map(|at| sample(1, at * SECOND, 0.5)).collect();
    samples.extend([sample(1, i64::MIN, 1.0), sample(1, i64::MAX, 2.0), sample(1, i64::MIN, 3.0)]);
    write(&writer, samples.clone());
    assert_eq!(number(&folder, "SELECT count(*) FROM chunk WHERE to_at - from_at > 86400000000000"), 0);
    samples.sort_by_key(|sample| sample.at);
    assert_eq!(read(&reader), samples);
    let whole = reader.buckets(SeriesId(1), Time::MIN, Time::MAX, i64::MAX).unwrap();
    assert_eq!(whole.iter().map(|bucket| bucket.count).sum::<u32>(), CHUNK as u32 + 3);
}

#[test]
fn small_commits_wait_to_be_put_in_order_and_are_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    let options = Options { path, commit_every: Duration::from_millis(1), commit_rows: 10, ..Options::default() };
    let samples: Vec<Sample> = (0..12).map(|index| sample(1, index / 3 * SECOND, index as f64)).collect();
    let pending = "SELECT count(*) FROM pending";
    let (writer, reader) = open(options.clone(), || Time::from_nanos(0), |_| {}).unwrap();
    write(&writer, samples[..4].to_vec());
    write(&writer, samples[4..9].to_vec());
    assert_eq!((number(&folder, pending), number(&folder, ROWS)), (2, 0));
    assert_eq!(read(&reader), samples[..9]);
    assert_eq!(reader.count_samples(SeriesId(1), Time::from_nanos(1), Time::MAX).unwrap(), 6);
    writer.close(LONG).unwrap();

    let (writer, reader) = open(options, || Time::from_nanos(0), |_| {}).unwrap();
    assert_eq!(read(&reader), samples[..9]);
    write(&writer, samples[9..].to_vec());
    assert_eq!((number(&folder, pending), number(&folder, ROWS)), (0, 12));
    assert_eq!(read(&reader), samples);
}

#[test]
fn a_damaged_chunk_is_said_and_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, reader) = start(&folder, || Time::from_nanos(0));
    let both = (0..2 * CHUNK as i64).map(|at| sample(1 + (at % 2) as u32, at, 0.5)).collect();
    write(&writer, both);
    assert_eq!(number(&folder, CHUNKS), 2);
    let connection = Connection::open(folder.path().join("h.db")).unwrap();
    connection
        .execute("UPDATE data SET bytes = x'0102' WHERE id = (SELECT id FROM chunk WHERE series = 1)", [])
        .unwrap();
    let damaged = reader.samples(SeriesId(1), Time::MIN, Time::MAX, None, 10);
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
    assert_eq!(reader.samples(SeriesId(2), Time::MIN, Time::MAX, None, 5000).unwrap().samples.len(), CHUNK);
}
