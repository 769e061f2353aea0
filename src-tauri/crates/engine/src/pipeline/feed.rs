//! One feed's way through the pipeline.

use std::sync::Arc;

use bytes::Bytes;
use feedwatch_decode::{Catalogue, Decoder, Sink};
use feedwatch_detect::{Arrival, Integrity, Scopes, Watch};
use feedwatch_ingest::{Event, InboxCounters};
use feedwatch_model::{
    AlarmSource, Check, FeedId, FeedState, Finding, FindingKind, Gap, GapCause, Message, Profile, Protocol, Quality,
    Reading, Rejected, Sample, SeriesId, SeriesMeta, Time,
};
use feedwatch_store::{FeedRecord, Outcome, StoredMessage};

use super::episode::OpenEpisode;
use super::link::Link;
use super::{Carried, FeedSettings, Shared};
use crate::alarms;
use crate::axis::Axis;
use crate::live::LiveSeries;
use crate::meter::{LatenessMeter, RateMeter};
use crate::registry::Described;

/// A feed: its decoder beside everything that takes in what the decoder gives.
pub struct FeedStage {
    decoder: Decoder,
    book: Book,
}

/// What takes in readings.
pub(super) struct Book {
    pub(super) id: FeedId,
    pub(super) settings: FeedSettings,
    pub(super) link: Link,
    integrity: Integrity,
    axis: Axis,
    rate: RateMeter,
    lateness: LatenessMeter,
    pub(super) series: Vec<SeriesState>,
    tally: Tally,
    carried: InboxCounters,
    /// Since when its counters count.
    counted_since: Time,
    findings: Vec<Finding>,
    last_heartbeat: Time,
    /// Since when it is watched in this run.
    since: Time,
}

/// Counters of a feed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    read: u64,
    duplicate: u64,
    rejected: u64,
    lost: u64,
    reordered: u64,
    conflated: u64,
}

/// One series, live.
pub(crate) struct SeriesState {
    pub(crate) id: SeriesId,
    pub(crate) live: LiveSeries,
    pub(super) watch: Watch,
    pub(super) episode: Option<OpenEpisode>,
    /// Marks for the chart: time, value, level; bounded.
    pub(crate) marks: Vec<Mark>,
}

/// A finding's place on a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) at: Time,
    pub(crate) value: f64,
    pub(crate) level: crate::wire::Level,
}

struct Names<'a>(&'a Catalogue);

impl Scopes for Names<'_> {
    fn per(&self, _rule: u32, scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
        self.0.scopes.get(scope as usize).map(|scope| scope.per.clone()).unwrap_or_default()
    }

    fn rule_name(&self, rule: u32) -> Arc<str> {
        let path = self.0.rules.get(rule as usize).and_then(|rule| rule.paths.first());
        path.cloned().unwrap_or_else(|| Arc::from(""))
    }
}

struct Intake<'a> {
    book: &'a mut Book,
    shared: &'a mut Shared,
}

impl Sink for Intake<'_> {
    fn reading(&mut self, catalogue: &Catalogue, message: Message, reading: &Reading) {
        self.book.reading(catalogue, message, reading, self.shared);
    }

    fn rejected(&mut self, message: Message, why: Rejected) {
        self.book.rejected(message, &why, self.shared);
    }
}

impl FeedStage {
    pub(super) fn new(id: FeedId, settings: FeedSettings, carried: Carried, now: Time) -> FeedStage {
        let book = Book {
            id,
            link: Link::new(id, settings.watched_until),
            integrity: Integrity::new(id),
            axis: Axis::default(),
            rate: RateMeter::default(),
            lateness: LatenessMeter::default(),
            series: Vec::new(),
            tally: carried.tally,
            carried: carried.inbox,
            counted_since: carried.since.unwrap_or(now),
            findings: Vec::new(),
            last_heartbeat: now,
            since: now,
            settings,
        };
        FeedStage { decoder: Decoder::new(book.settings.decode.clone()), book }
    }

    pub(super) fn record(&self) -> FeedRecord {
        let settings = &self.book.settings;
        FeedRecord {
            id: self.book.id,
            name: Arc::from(settings.name.as_str()),
            title: settings.title.clone(),
            protocol: settings.protocol,
            address: settings.address.clone(),
        }
    }

    pub(super) fn step(&mut self, event: Event, shared: &mut Shared) {
        let book = &mut self.book;
        match event {
            Event::Message(message) => {
                if book.link.last_message().is_none() {
                    // A silence of an earlier run is over.
                    let silence = AlarmSource { feed: book.id, series: None, check: Check::Silence };
                    shared.alarms.clear(&silence, message.received, "Messages come again.");
                }
                book.rate.count(message.received);
                book.link.message(message.received);
                self.decoder.push(message, &mut Intake { book, shared });
            }
            Event::Connecting { .. } => book.link.connecting(),
            Event::Connected { at, .. } => {
                let finding = book.link.connected(at, shared);
                book.integrity.connected(at);
                book.tell(finding, shared);
            }
            Event::Lost { at, last_good, reason, refused, retry_in } => {
                let finding = book.link.lost(at, last_good, reason, refused, retry_in, shared);
                book.integrity.lost(at);
                book.tell(finding, shared);
            }
            Event::Dropped { first, count, from, to, .. } => {
                book.integrity.dropped(first, count, to);
                book.link.dropped(count, from, to, shared);
            }
            Event::Ended { at, reason } => {
                book.link.ended(at, reason, shared);
                book.integrity.lost(at);
                self.finish(shared);
            }
        }
    }

    pub(super) fn elapse(&mut self, now: Time, caught_up: bool, shared: &mut Shared) {
        let book = &mut self.book;
        if book.settings.protocol == Protocol::File {
            // A capture has its own time; what the wall clock says means nothing to it.
            return;
        }
        self.decoder.elapse(now, &mut Intake { book, shared });
        book.elapse(now, shared);
        if caught_up && self.decoder.held() == 0 {
            book.heartbeat(now, shared);
        }
    }

    pub(super) fn finish(&mut self, shared: &mut Shared) {
        let book = &mut self.book;
        self.decoder.finish(&mut Intake { book, shared });
        book.integrity.finish(&mut book.findings);
        book.flush_findings(shared);
        book.finish_watches(shared);
    }

    pub(super) fn series_at(&self, local: usize) -> Option<&SeriesState> {
        self.book.series.get(local)
    }

    pub(super) fn series_ids(&self) -> impl Iterator<Item = SeriesId> {
        self.book.series.iter().map(|state| state.id)
    }

    /// Its number.
    pub fn id(&self) -> FeedId {
        self.book.id
    }

    /// Since when it is watched in this run, without a break.
    pub fn since(&self) -> Time {
        self.book.since
    }

    /// Since when its counters count: also those of its earlier stay in this run.
    pub fn counted_since(&self) -> Time {
        self.book.counted_since
    }

    /// How it entered.
    pub fn settings(&self) -> &FeedSettings {
        &self.book.settings
    }

    /// Where its connection stands.
    pub fn state(&self) -> FeedState {
        self.book.link.state()
    }

    /// Why it is not live, for people.
    pub fn reason(&self) -> &str {
        self.book.link.reason()
    }

    /// When the next try is due, while it is down.
    pub fn retry_at(&self) -> Option<Time> {
        self.book.link.retry_at()
    }

    /// When the last message came.
    pub fn last_message(&self) -> Option<Time> {
        self.book.link.last_message()
    }

    /// Messages per second over the last 2 s.
    pub fn rate(&mut self, now: Time) -> f64 {
        self.book.rate.per_second(now)
    }

    /// Median lateness of the last messages, milliseconds.
    pub fn latency_ms(&self) -> Option<f64> {
        self.book.lateness.median_ms()
    }

    /// Do its charts use the receive time?
    pub fn is_receive_time(&self) -> bool {
        self.book.axis.is_receive_time()
    }

    /// What was learned of it.
    pub fn profile(&self) -> Profile {
        self.decoder.profile()
    }

    /// Messages decoded that were not a repetition.
    pub fn read(&self) -> u64 {
        self.book.tally.read
    }

    /// Messages that were a repetition.
    pub fn duplicate(&self) -> u64 {
        self.book.tally.duplicate
    }

    /// Messages that could not be read.
    pub fn rejected(&self) -> u64 {
        self.book.tally.rejected
    }

    /// Messages that the feed's own numbers show to be missing.
    pub fn lost(&self) -> u64 {
        self.book.tally.lost
    }

    /// Messages that came in another order than they were sent.
    pub fn reordered(&self) -> u64 {
        self.book.tally.reordered
    }

    /// Messages held while the feed is being learned.
    pub fn held(&self) -> u64 {
        self.decoder.held() as u64
    }

    /// Samples of which a detector saw only the most telling of their time slot.
    pub fn conflated(&self) -> u64 {
        let now: u64 = self.book.series.iter().map(|state| state.watch.conflated()).sum();
        self.book.tally.conflated + now
    }

    /// The inbox's counters with those of the feed's earlier stay in this run.
    pub(super) fn whole(&self, inbox: InboxCounters) -> InboxCounters {
        let before = self.book.carried;
        InboxCounters {
            received: before.received + inbox.received,
            bytes: before.bytes + inbox.bytes,
            dropped: before.dropped + inbox.dropped,
            queued: inbox.queued,
        }
    }

    /// Its counters, to be carried on.
    pub(super) fn tally(&self) -> Tally {
        Tally { conflated: self.conflated(), ..self.book.tally }
    }

    /// How many series it has.
    pub fn series_count(&self) -> usize {
        self.book.series.len()
    }

    /// Is there a sequence rule by which a loss would be seen?
    pub fn is_numbered(&self) -> bool {
        !self.decoder.catalogue().rules.is_empty()
    }
}

impl Book {
    fn reading(&mut self, catalogue: &Catalogue, message: Message, reading: &Reading, shared: &mut Shared) {
        while let Some(series) = catalogue.series.get(self.series.len()) {
            let described = Described {
                name: &series.name,
                path: &series.path,
                key: &series.key,
                unit: &series.unit,
                kind: series.kind,
            };
            let (id, fresh) = shared.registry.series(self.id, &described);
            self.new_series(id, fresh, shared);
        }
        let arrival = self.integrity.observe(&message, reading, &Names(catalogue), &mut self.findings);
        if let Some(event) = reading.time {
            self.axis.note(event, message.received);
            self.lateness.add(message.received.nanos_since(event));
        }
        let outcome = match arrival {
            Arrival::Fresh => Outcome::Read,
            Arrival::Late => Outcome::Late,
            Arrival::Duplicate => Outcome::Duplicate,
        };
        if arrival == Arrival::Duplicate {
            self.tally.duplicate += 1;
        } else {
            self.tally.read += 1;
            self.samples(message.received, reading, arrival == Arrival::Late, shared);
            shared.output.count(self.id);
        }
        self.keep(message, outcome, shared);
        if !self.findings.is_empty() {
            self.flush_findings(shared);
        }
    }

    fn new_series(&mut self, id: SeriesId, fresh: Option<SeriesMeta>, shared: &mut Shared) {
        if let Some(meta) = fresh {
            shared.output.batch_mut(|batch| batch.series.push(meta));
        }
        self.series.push(SeriesState {
            id,
            live: LiveSeries::default(),
            watch: Watch::new(),
            episode: None,
            marks: Vec::new(),
        });
    }

    fn samples(&mut self, received: Time, reading: &Reading, late: bool, shared: &mut Shared) {
        let keeps = shared.output.keeps();
        let of_message = self.axis.place(reading.time, received);
        let latest = received.plus_nanos(AHEAD);
        for point in &reading.points {
            let (at, own) = point.time.map_or(of_message, |time| self.axis.place(Some(time), received));
            let Some(state) = self.series.get_mut(point.series as usize) else { continue };
            let value = point.value.as_f64();
            // The band before this value: a value must not widen the band it is judged by.
            let band = state.watch.band();
            let verdict = state.watch.observe(at, value);
            state.live.add(at.min(latest), value, band);
            if keeps {
                let quality = match (value.is_finite(), late || !own && reading.time.is_some()) {
                    (false, _) => Quality::Bad,
                    (true, true) => Quality::Uncertain,
                    (true, false) => Quality::Good,
                };
                let sample = Sample { series: state.id, at, received, value: point.value, quality };
                shared.output.batch.samples.push(sample);
            }
            if let Some(verdict) = verdict {
                super::episode::follow(self.id, state, &verdict, shared);
            }
        }
    }

    fn rejected(&mut self, message: Message, why: &Rejected, shared: &mut Shared) {
        self.tally.rejected += 1;
        self.integrity.rejected(&message, why, &mut self.findings);
        let outcome = Outcome::Rejected { offset: why.offset, reason: why.reason.clone() };
        self.keep(message, outcome, shared);
        self.flush_findings(shared);
    }

    /// Hands the raw message to the history, with the place to resume behind it.
    fn keep(&mut self, message: Message, outcome: Outcome, shared: &mut Shared) {
        if !shared.output.keeps() {
            return;
        }
        let Message { number, received, payload, meta } = message;
        let (topic, position) = meta.map_or((None, None), |meta| (meta.topic, meta.position));
        let batch = &mut shared.output.batch;
        if let Some(position) = position {
            match batch.positions.iter_mut().find(|(feed, _)| *feed == self.id) {
                Some(known) => known.1 = position,
                None => batch.positions.push((self.id, position)),
            }
        }
        // A copy: the payload shares the read buffer it came in, and that must not live as long as a backlog may.
        let payload = Bytes::copy_from_slice(&payload);
        batch.messages.push(StoredMessage { feed: self.id, number, received, topic, outcome, payload });
    }

    fn tell(&mut self, finding: Option<Finding>, shared: &mut Shared) {
        self.findings.extend(finding);
        self.flush_findings(shared);
    }

    fn flush_findings(&mut self, shared: &mut Shared) {
        for finding in std::mem::take(&mut self.findings) {
            match (finding.check, finding.kind) {
                (Check::Sequence, FindingKind::Gap) => self.lost_messages(&finding, shared),
                (Check::Sequence, FindingKind::Healed) => self.tally.lost = self.tally.lost.saturating_sub(1),
                (Check::Order, _) => self.tally.reordered += 1,
                (Check::Silence, FindingKind::Silent) => self.link.silent(&finding.text, shared),
                (Check::Silence, FindingKind::Resumed) => self.link.heard(finding.at, shared),
                _ => {}
            }
            if let Some(cause) = alarms::cause_of(&finding) {
                shared.alarms.raise(cause, finding.at);
            } else if let Some(source) = alarms::ended_by(&finding) {
                shared.alarms.clear(&source, finding.at, &finding.text);
            }
            shared.output.batch_mut(|batch| batch.findings.push(finding.clone()));
            shared.output.finding(finding);
        }
    }

    fn lost_messages(&mut self, finding: &Finding, shared: &mut Shared) {
        self.tally.lost += finding.missing.unwrap_or(0);
        let gap = Gap {
            feed: self.id,
            from: finding.at,
            to: Some(finding.at),
            cause: GapCause::Sequence,
            missing: finding.missing,
            detail: finding.text.clone(),
        };
        shared.gap_in(gap, finding.per.clone());
    }

    fn elapse(&mut self, now: Time, shared: &mut Shared) {
        self.integrity.elapse(now, &mut self.findings);
        self.flush_findings(shared);
        // The samples' own clock runs behind by what messages take to come.
        let lag = if self.axis.is_receive_time() { 0.0 } else { self.lateness.median_ms().unwrap_or(0.0).max(0.0) };
        let there = now.plus_nanos(-(lag * 1e6) as i64);
        for state in &mut self.series {
            if let Some(verdict) = state.watch.elapse(there) {
                super::episode::follow(self.id, state, &verdict, shared);
            }
        }
    }

    /// Tells the history up to when the feed was watched: only where all that came was taken in.
    fn heartbeat(&mut self, now: Time, shared: &mut Shared) {
        if self.link.is_watching() && now.nanos_since(self.last_heartbeat).saturating_abs() >= HEARTBEAT {
            self.last_heartbeat = now;
            let id = self.id;
            shared.output.batch_mut(|batch| batch.heartbeats.push((id, now)));
        }
    }

    fn finish_watches(&mut self, shared: &mut Shared) {
        for state in &mut self.series {
            // Closes the open slot, not the episode: what lasts, lasts.
            let end = state.live.last().map(|(last, _)| last.plus_nanos(2 * WATCH_SLOT));
            if let Some(verdict) = end.and_then(|end| state.watch.elapse(end)) {
                super::episode::follow(self.id, state, &verdict, shared);
            }
            super::episode::keep_open(state, shared);
        }
    }
}

/// The slot of a watch, nanoseconds.
const WATCH_SLOT: i64 = 100 * feedwatch_model::NANOS_PER_MILLI;
/// So far ahead of the clock a sample may stand in a live chart; one farther ahead would push the present out of it.
const AHEAD: i64 = 2 * feedwatch_model::NANOS_PER_SECOND;
/// How often the history is told up to when a feed was watched: a crash leaves this much in doubt.
const HEARTBEAT: i64 = 500 * feedwatch_model::NANOS_PER_MILLI;
