//! The engine's side of the history: opened at start, what it knows restored, trouble told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::outlived_lanes;
use feedwatch_model::{Check, FeedId, Finding, Gap, GapCause, NANOS_PER_MILLI, NANOS_PER_SECOND, SeriesId, Time};
use feedwatch_store::{Options, Outcome, Reader, StoreError, StoreEvent, Writer};
use parking_lot::{Mutex, RwLock};

use super::{EngineError, EngineOptions, listeners};
use crate::alarms::Alarms;
use crate::config::Console;
use crate::frame::{Past, PastMark};
use crate::live::LiveBucket;
use crate::pipeline::{self, GAPS, Known, Latest, Pipeline};
use crate::registry::Registry;
use crate::report::HistoryReport;

/// How a second console gets a history of its own.
const CURE: &str = "Here: name another file in the configuration, [console] history = \"other.db\", or write \
                    keep_history = false there.";
/// The same for the demo, which has no configuration.
const DEMO_CURE: &str = "Here: XDG_DATA_HOME=/some/other/folder feedwatch run demo keeps one there.";

/// How far back gaps and findings of earlier runs are brought into memory.
const RECALL: Duration = Duration::from_secs(24 * 3600);

/// The writer and the reader, if there is a history.
pub(crate) struct History {
    writer: RwLock<Option<Arc<Writer>>>,
    reader: Option<Reader>,
    problem: Option<String>,
    events: Arc<Mutex<Vec<StoreEvent>>>,
    marks: Mutex<Marks>,
}

/// Marks that were read, by series: from where to where, and which. A frame is drawn many times a second, and what is
/// past does not change.
type Marks = HashMap<SeriesId, (Time, Time, Vec<PastMark>)>;
/// Series whose marks are kept at hand.
const MARKED_SERIES: usize = 256;
/// Marks of a panel at most, the newest.
const MARKS: usize = 500;
/// What began so shortly ago may not be written yet.
const FRESH: i64 = 10 * NANOS_PER_SECOND;

impl History {
    pub(super) fn open(options: &EngineOptions) -> Result<History, EngineError> {
        let events = Arc::new(Mutex::new(Vec::new()));
        let none = |problem| History {
            writer: RwLock::new(None),
            reader: None,
            problem,
            events: Arc::clone(&events),
            marks: Mutex::default(),
        };
        let Some(path) = &options.history else { return Ok(none(None)) };
        if let Some(folder) = path.parent()
            && let Err(error) = std::fs::create_dir_all(folder)
        {
            let problem = format!("The folder {} cannot be made: {error}.", folder.display());
            tracing::error!("{problem}");
            return Ok(none(Some(problem)));
        }
        let store = Options {
            path: path.clone(),
            message_bytes_per_feed: options.config.console.keep_messages,
            message_age: options.config.console.keep_messages_for,
            version: env!("CARGO_PKG_VERSION"),
            ..Options::default()
        };
        let far = Arc::clone(&events);
        match feedwatch_store::open(store, options.clock, move |event| far.lock().push(event)) {
            Ok((writer, reader)) => {
                let writer = RwLock::new(Some(Arc::new(writer)));
                Ok(History { writer, reader: Some(reader), problem: None, events, marks: Mutex::default() })
            }
            Err(problem @ StoreError::InUse { .. }) if options.insist_on_history => {
                let cure = if options.demo.is_some() { DEMO_CURE } else { CURE };
                Err(EngineError::History { problem, cure })
            }
            Err(error) => {
                tracing::error!(%error, "no history is kept");
                // What is there can still be looked at, if it can be read at all.
                let reader = feedwatch_store::read(path).ok();
                Ok(History { reader, ..none(Some(error.to_string())) })
            }
        }
    }

    pub(crate) fn writer(&self) -> Option<Arc<Writer>> {
        self.writer.read().clone()
    }

    pub(crate) fn reader(&self) -> Option<Reader> {
        self.reader.clone()
    }

    /// What frames take from the history, if there is one.
    pub(crate) fn past(&self, now: Time) -> Option<FromReader<'_>> {
        let reader = self.reader.clone()?;
        Some(FromReader { reader, marks: &self.marks, now })
    }

    /// Why no history is kept, where none is though one was wanted.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub(super) fn take_events(&self) -> Vec<StoreEvent> {
        std::mem::take(&mut *self.events.lock())
    }

    /// Series, feeds and open alarms as they were. What cannot be read is told and missing.
    pub(super) fn restore(&self) -> (Registry, Alarms) {
        let Some(reader) = &self.reader else { return super::nothing_restored() };
        let feeds = told(reader.feeds(), "feeds").into_iter().map(|record| (record.name, record.id));
        let registry = Registry::restore(feeds, told(reader.series(), "series"));
        let next = reader.next_alarm_id().unwrap_or(feedwatch_model::AlarmId(1));
        (registry, Alarms::restore(told(reader.alarms_open(), "open alarms"), next))
    }

    /// The latest gaps of the last day for the charts, and its latest findings for the journal. Gaps that were open when
    /// the program last ended are closed where it did: that it stood still is a gap of its own.
    pub(super) fn recall(&self, pipeline: &mut Pipeline, now: Time) {
        let Some(reader) = &self.reader else { return };
        let watched: HashMap<FeedId, Time> = told(reader.last_watched(), "watch times").into_iter().collect();
        let end = |gap: &Gap| gap.to.unwrap_or_else(|| watched.get(&gap.feed).map_or(gap.from, |at| gap.from.max(*at)));
        let open = told(reader.gaps_open(), "open gaps").into_iter();
        pipeline.close_gaps(open.map(|gap| Gap { to: Some(end(&gap)), ..gap }));
        let from = now.minus(RECALL);
        let mut gaps = told(reader.gaps(None, from, now), "gaps");
        gaps.drain(..gaps.len().saturating_sub(GAPS));
        // A loss in one scope of a sequence concerns some charts only; the finding knows which.
        let findings = told(reader.findings(from, now, None, GAPS), "findings");
        pipeline.recall_findings(findings.iter().skip(findings.len().saturating_sub(listeners::SNAPSHOT)).cloned());
        let scopes: HashMap<_, _> = findings
            .into_iter()
            .filter(|finding| finding.check == Check::Sequence)
            .map(|finding| ((finding.feed, finding.text), finding.per))
            .collect();
        pipeline.remember_gaps(gaps.into_iter().map(|gap| {
            let key = (gap.feed, gap.detail.clone());
            let scope = scopes.get(&key).filter(|_| gap.cause == GapCause::Sequence).cloned().unwrap_or_default();
            (Gap { to: Some(end(&gap)), ..gap }, scope)
        }));
    }

    /// What is kept, and how much of it are raw messages with their bounds; `None` without a history.
    pub(crate) fn report(&self, console: &Console) -> Option<HistoryReport> {
        let (writer, reader) = (self.writer()?, self.reader.as_ref()?);
        let status = writer.status();
        Some(HistoryReport {
            file: reader.path().display().to_string(),
            bytes: status.file_bytes,
            samples: status.samples_total,
            message_bytes: reader.message_bytes().ok(),
            message_bytes_per_feed: console.keep_messages,
            message_seconds: console.keep_messages_for.as_secs(),
        })
    }

    /// Up to when a feed was watched.
    pub(super) fn watched_until(&self, feed: FeedId) -> Option<Time> {
        let watched = told(self.reader.as_ref()?.last_watched(), "watch times");
        watched.into_iter().find(|(id, _)| *id == feed).map(|(_, at)| at)
    }

    /// Up to when a feed was connected: before the outage in which it was left, if there was one.
    fn heard_until(&self, feed: FeedId) -> Option<Time> {
        let watched = self.watched_until(feed)?;
        let gaps = told(self.reader.as_ref()?.gaps(Some(feed), watched, Time::MAX), "gaps");
        let down = gaps.iter().filter(|gap| matches!(gap.cause, GapCause::Disconnected | GapCause::Unreachable));
        Some(down.map(|gap| gap.from).min().unwrap_or(watched).min(watched))
    }

    /// Where a feed would resume, and with `messages` the latest ones, which its broker may send once more.
    pub(super) fn known(&self, feed: FeedId, messages: bool) -> Known {
        let Some(reader) = &self.reader else { return Known { in_any_order: messages, ..Known::default() } };
        let positions = told(reader.positions(), "positions").into_iter();
        let mut positions: Vec<_> = positions.filter_map(|(id, position)| (id == feed).then_some(position)).collect();
        let outlived = outlived_lanes(&positions);
        positions.retain(|position| !outlived.iter().any(|lane| **lane == *position.lane()));
        let latest = if messages {
            told(reader.messages(feed, Time::MIN, Time::MAX, pipeline::WINDOW), "messages")
        } else {
            Vec::new()
        };
        let heard = self.heard_until(feed);
        let latest = latest.into_iter().filter_map(|message| {
            let meta = message.meta.as_deref();
            let place = meta.and_then(pipeline::place);
            // Of what has no number the broker has heard, but for the last of it; a repetition is none that it could repeat.
            let may_repeat = message.outcome != Outcome::Duplicate
                && heard.is_some_and(|heard| heard.nanos_since(message.received) <= pipeline::HEARD);
            (place.is_some() || may_repeat).then(|| Latest {
                topic: message.topic,
                payload: message.payload,
                said: meta.map(pipeline::said).unwrap_or_default(),
                received: message.received,
                place,
            })
        });
        Known { positions, outlived, latest: latest.collect(), in_any_order: messages }
    }

    /// The certificates that the endpoints of a feed have shown last.
    pub(super) fn certificates(&self, feed: FeedId) -> Vec<(String, feedwatch_model::Certificate)> {
        self.reader.as_ref().map(|reader| told(reader.certificates(feed), "certificates")).unwrap_or_default()
    }

    /// Waits until all that was submitted is on disk.
    pub(super) fn flush(&self, timeout: Duration) {
        if let Some(writer) = self.writer()
            && !writer.flush(timeout)
        {
            tracing::error!("the history could not be written to its end");
        }
    }

    /// Gives the file free, also while somebody still reads.
    pub(super) fn release(&self) {
        drop(self.writer.write().take());
    }
}

/// A list from the history; what cannot be read is told in the log.
fn told<T>(list: Result<Vec<T>, StoreError>, what: &str) -> Vec<T> {
    list.unwrap_or_else(|error| {
        tracing::error!(%error, "the history's {what} cannot be read");
        Vec::new()
    })
}

/// What of the history stands in a frame.
pub(crate) struct FromReader<'a> {
    reader: Reader,
    marks: &'a Mutex<Marks>,
    now: Time,
}

/// So far back a last value is looked for to the millisecond; beyond, to the width of the slots there.
const NEAR: i64 = 30 * NANOS_PER_SECOND;

impl Past for FromReader<'_> {
    fn last(&self, series: SeriesId, from: Time, to: Time) -> Option<(Time, f64)> {
        let near = from.max(to.plus_nanos(-NEAR));
        let last = |from: Time, to: Time, width: i64| {
            let buckets = self.reader.buckets(series, from, to, width).ok()?;
            let found = buckets.into_iter().rev().find(|bucket| !bucket.last.is_nan())?;
            Some((found.start, found.last))
        };
        let far = || last(from, near, (near.nanos_since(from) / 600).max(NANOS_PER_MILLI));
        last(near, to, NANOS_PER_MILLI).or_else(|| (near > from).then(far).flatten())
    }

    fn buckets(&self, series: SeriesId, from: Time, to: Time, width: i64) -> Option<Vec<LiveBucket>> {
        let buckets = self.reader.buckets(series, from, to, width);
        let buckets = buckets.inspect_err(|error| tracing::warn!(%error, "the history cannot be read")).ok()?;
        let live = |bucket: feedwatch_model::Bucket| LiveBucket {
            start: bucket.start,
            min: bucket.min,
            max: bucket.max,
            low: f64::NAN,
            high: f64::NAN,
        };
        Some(buckets.into_iter().filter(|bucket| !bucket.min.is_nan()).map(live).collect())
    }

    fn marks(&self, feed: FeedId, series: SeriesId, from: Time, to: Time) -> Vec<PastMark> {
        let within =
            |marks: &[PastMark]| marks.iter().filter(|mark| mark.at >= from && mark.at < to).copied().collect();
        if let Some((begin, end, marks)) = self.marks.lock().get(&series)
            && *begin <= from
            && to <= *end
        {
            return within(marks);
        }
        let findings = self.reader.findings_of(feed, series, from, to, MARKS);
        let findings = findings.inspect_err(|error| tracing::warn!(%error, "the history's marks cannot be read"));
        let Ok(findings) = findings else { return Vec::new() };
        let marks: Vec<PastMark> = findings.iter().filter_map(mark_of).collect();
        if self.now.nanos_since(to) > FRESH {
            let mut known = self.marks.lock();
            if known.len() >= MARKED_SERIES {
                known.clear();
            }
            known.insert(series, (from, to, marks.clone()));
        }
        marks
    }
}

fn mark_of(finding: &Finding) -> Option<PastMark> {
    let expected = finding.expectation?;
    Some(PastMark {
        at: finding.at,
        value: expected.value,
        band: (expected.low, expected.high),
        level: finding.severity.into(),
    })
}
