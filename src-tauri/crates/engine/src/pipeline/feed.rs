//! One feed's way through the pipeline: events in, figures out. What is entered where is in [`super::book`].

use std::sync::Arc;

use feedwatch_decode::{Decoder, Pins, SignatureKey};
use feedwatch_detect::{Certificates, FeedRhythm, Integrity};
use feedwatch_ingest::{Event, InboxCounters};
use feedwatch_model::{Accounts, AlarmSource, Check, FeedId, FeedState, Profile, Protocol, SeriesId, Time};
use feedwatch_store::FeedRecord;

use super::book::{Book, Intake, SeriesState, Tally};
use super::lines::{Line, Lines};
use super::link::{self, Link};
use super::output::News;
use super::redelivery::Redelivery;
use super::{Carried, FeedSettings, Shared};
use crate::axis::Axis;
use crate::meter::{LatenessMeter, RateMeter, TrafficMeter};
use crate::wire::Level;

/// A feed: its decoder beside everything that takes in what the decoder gives.
pub struct FeedStage {
    decoder: Decoder,
    book: Book,
    traffic: TrafficMeter,
}

impl FeedStage {
    pub(super) fn new(id: FeedId, mut settings: FeedSettings, carried: Carried, now: Time) -> FeedStage {
        let book = Book {
            id,
            link: Link::new(id, settings.watched_until),
            lines: Lines::new(id, &settings.lines, settings.redundant),
            certificates: match settings.lines.len() {
                0 | 1 => Certificates::of_one(id, std::mem::take(&mut settings.certificates)),
                _ => Certificates::new(id, std::mem::take(&mut settings.certificates)),
            },
            integrity: match settings.protocol {
                Protocol::Poll => Integrity::of_states(id),
                Protocol::Webhook => Integrity::of_calls(id),
                _ => Integrity::new(id),
            },
            axis: Axis::default(),
            rate: RateMeter::default(),
            lateness: LatenessMeter::default(),
            underway: LatenessMeter::default(),
            series: Vec::new(),
            tally: carried.tally,
            carried: carried.inbox,
            counted_since: carried.since.unwrap_or(now),
            findings: Vec::new(),
            last_heartbeat: now,
            told_limits: 0,
            came: false,
            since: now,
            below: 0,
            drilled_until: None,
            redelivery: Redelivery::new(std::mem::take(&mut settings.known), settings.protocol == Protocol::Webhook),
            entries: super::book::Entries::default(),
            settings,
        };
        FeedStage { decoder: Decoder::new(book.settings.decode.clone()), book, traffic: TrafficMeter::default() }
    }

    pub(super) fn record(&self) -> FeedRecord {
        let settings = &self.book.settings;
        FeedRecord {
            id: self.book.id,
            name: Arc::from(settings.name.as_str()),
            title: settings.title.clone(),
            protocol: settings.protocol,
            address: settings.address.clone(),
            thinned: settings.rate.map(|rate| rate.to_string()),
        }
    }

    pub(super) fn sign_with(&mut self, key: &SignatureKey) {
        self.decoder.sign_with(key);
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
                book.came = true;
                if let Some(publisher) = message.meta.as_deref().and_then(|meta| meta.publisher.as_deref()) {
                    book.publisher(publisher, &message);
                }
                self.decoder.push(message, &mut Intake { book, shared });
            }
            Event::Connecting { line, .. } => {
                if book.lines.connecting(line) {
                    book.link.connecting();
                }
            }
            Event::Connected { at, line, certificate, .. } => book.connected(at, line, certificate.as_deref(), shared),
            Event::Alive { at } => {
                book.integrity.alive(at, &mut book.findings);
                book.link.heard(at, shared);
                book.flush_findings(shared);
            }
            Event::TurnedAway { at, count, who } => {
                book.integrity.refused_clients(at, count, &who, &mut book.findings);
                book.flush_findings(shared);
            }
            Event::Notice { text, .. } => shared.output.news.push(News::Notice(Level::Warning, text)),
            Event::Lost { at, line, last_good, reason, refused, retry_in } => {
                let meaning = book.lost(line, at, &reason, refused);
                if meaning.concerns_feed {
                    book.down(at, last_good, reason, refused, retry_in, shared);
                }
                book.integrity.overlapping(book.lines.up() > 1);
                book.tell(meaning.finding, shared);
            }
            Event::StoodDown { at, line, last_good, why } => book.stood_down(at, line, last_good, why, shared),
            Event::Dropped { first, count, from, to, .. } => {
                book.integrity.dropped(first, count, to);
                book.link.dropped(count, from, to, shared);
            }
            Event::Missed(missed) => {
                let finding = link::missed(book.id, &missed, !self.decoder.catalogue().rules.is_empty());
                book.tell(Some(finding), shared);
            }
            Event::Ended { line, .. } if !book.lines.ends_with(line) => book.lines.ended(line),
            Event::Ended { at, reason, .. } => {
                book.link.ended(at, reason, shared);
                book.integrity.lost(at);
                self.finish(shared);
            }
        }
    }

    /// The clock of this computer was set by so many nanoseconds: receive times from `at` on are so much later.
    pub(super) fn own_step(&mut self, at: Time, nanos: i64, shared: &mut Shared) {
        if self.book.settings.protocol != Protocol::File {
            self.book.integrity.own_step(at, nanos, &mut self.book.findings);
            self.book.flush_findings(shared);
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

    /// A batch is about to be taken: what is in it was watched, whatever happens next.
    pub(super) fn before_batch(&mut self, shared: &mut Shared) {
        let last = self.book.link.last_message().filter(|_| self.book.came && self.decoder.held() == 0);
        if let Some(last) = last {
            self.book.watched(last, shared);
        }
        self.book.redelivery.handed_on();
    }

    /// All messages with smaller numbers are on disk.
    pub(super) fn kept_below(&mut self, number: u64) {
        self.book.redelivery.kept_below(number);
    }

    /// The history refused the batch that was taken last.
    pub(super) fn refused(&mut self) {
        self.book.redelivery.refused();
    }

    /// It is watched no more, in good order: up to `at`, or its last message.
    pub(super) fn leave(&mut self, at: Time, shared: &mut Shared) {
        self.finish(shared);
        let at = self.book.link.last_message().map_or(at, |last| last.max(at));
        if self.book.link.is_accounted() {
            self.book.watched(at, shared);
        }
        self.book.link.close_gaps(at, shared);
    }

    pub(super) fn finish(&mut self, shared: &mut Shared) {
        let book = &mut self.book;
        self.decoder.finish(&mut Intake { book, shared });
        book.integrity.finish(&mut book.findings);
        book.flush_findings(shared);
        book.link.finish(shared);
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

    /// Its endpoints, where it has several.
    pub fn lines(&self) -> &[Line] {
        self.book.lines.all()
    }

    /// What is not as it should be although it is live, in a few words.
    pub fn degraded(&self) -> Option<String> {
        self.book.lines.degraded()
    }

    /// Messages that another endpoint, or the broker, brought after they had been missed.
    pub fn filled(&self) -> u64 {
        self.book.tally.filled
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

    /// Bytes a second in words, told by how the books moved between the looks at them.
    pub fn traffic(&mut self, now: Time, accounts: &Accounts) -> Option<String> {
        self.traffic.note(now, accounts);
        let (wire, payload) = self.traffic.per_second()?;
        Some(crate::text::traffic(wire, payload, "/s"))
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

    /// What was learned of it, as pins.
    pub fn as_learned(&self) -> Pins {
        self.decoder.as_learned()
    }

    /// What its kinds of message are called; empty where there is one.
    pub fn kind_words(&self) -> Vec<String> {
        self.decoder.catalogue().kinds.iter().map(ToString::to_string).collect()
    }

    /// How often its messages usually come.
    pub fn rhythm(&self) -> FeedRhythm {
        self.book.integrity.rhythm()
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

    /// All messages with smaller numbers were decided on.
    pub(crate) fn decided_below(&self) -> u64 {
        self.book.below
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

    /// Samples that the rate limit left out.
    pub fn left_out(&self) -> u64 {
        self.book.tally.left_out
    }

    /// The inbox's counters with those of the feed's earlier stay in this run.
    pub(super) fn whole(&self, inbox: InboxCounters) -> InboxCounters {
        let before = self.book.carried;
        InboxCounters {
            received: before.received + inbox.received,
            bytes: before.bytes + inbox.bytes,
            wire_bytes: match (before.wire_bytes, inbox.wire_bytes) {
                (Some(before), Some(now)) => Some(before + now),
                (one, None) | (None, one) => one,
            },
            dropped: before.dropped + inbox.dropped,
            duplicate: before.duplicate + inbox.duplicate,
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
