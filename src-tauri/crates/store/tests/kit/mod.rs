//! What the tests of the history share.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod written;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use feedwatch_model::{FeedId, Protocol, Quality, Sample, SeriesId, SeriesKind, SeriesMeta, Time, Value};
use feedwatch_store::{FeedRecord, Options, Reader, StoreEvent, Writer, open};

/// Long enough for any machine; nothing waits for it to pass.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn clock() -> Time {
    Time::from_millis(1_700_000_000_000)
}

pub(crate) fn options(path: &Path) -> Options {
    Options { path: path.to_path_buf(), commit_every: Duration::from_millis(5), ..Options::default() }
}

pub(crate) fn start(path: &Path) -> (Writer, Reader, Receiver<StoreEvent>) {
    start_with(options(path))
}

pub(crate) fn start_with(options: Options) -> (Writer, Reader, Receiver<StoreEvent>) {
    let (events, told) = channel();
    let (writer, reader) = open(options, clock, move |event| {
        let _ = events.send(event);
    })
    .unwrap();
    (writer, reader, told)
}

pub(crate) fn sample(series: u32, nanos: i64, value: f64) -> Sample {
    Sample {
        series: SeriesId(series),
        at: Time::from_nanos(nanos),
        received: Time::from_nanos(nanos.wrapping_add(1_234_567)),
        value: Value::F64(value),
        quality: Quality::Good,
    }
}

pub(crate) fn feed(id: u32, name: &str) -> FeedRecord {
    FeedRecord {
        id: FeedId(id),
        name: Arc::from(name),
        title: name.to_uppercase(),
        protocol: Protocol::Sse,
        address: "http://127.0.0.1/feed".to_owned(),
        thinned: None,
    }
}

pub(crate) fn series(id: u32, feed: u32, name: &str) -> SeriesMeta {
    SeriesMeta {
        id: SeriesId(id),
        feed: FeedId(feed),
        name: Arc::from(name),
        path: Arc::from("/price"),
        key: vec![(Arc::from("/product"), Arc::from("BTC-USD"))],
        unit: Some(Arc::from("°C")),
        kind: SeriesKind::Gauge,
    }
}

/// Every sample of a series, read in pages of `limit`.
pub(crate) fn all(reader: &Reader, series: u32, limit: usize) -> Vec<Sample> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = reader.samples(SeriesId(series), Time::MIN, Time::MAX, after, limit).unwrap();
        assert!(page.samples.len() <= limit);
        found.extend(page.samples);
        match page.next {
            Some(cursor) => after = Some(cursor),
            None => return found,
        }
    }
}
