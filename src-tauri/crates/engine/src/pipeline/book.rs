//! What a feed's readings are entered into: checks, axis, series, counters, and what the history gets.

mod connection;
mod findings;
mod ledger;

use std::sync::Arc;

use bytes::Bytes;
use feedwatch_decode::{Catalogue, Sink};
use feedwatch_detect::{Arrival, Certificates, Integrity, Scopes, Watch};
use feedwatch_ingest::InboxCounters;
use feedwatch_model::{
    FeedId, FieldType, Finding, Message, Position, Protocol, Quality, Reading, Rejected, Sample, SequenceRule,
    SeriesId, SeriesMeta, Time,
};
use feedwatch_store::{Outcome, StoredMessage};

pub(super) use self::ledger::Entries;
use super::episode::OpenEpisode;
use super::lines::Lines;
use super::link::Link;
use super::redelivery::{Redelivery, Seen};
use super::thin::{Ready, Thin};
use super::{FeedSettings, News, Shared};
use crate::axis::Axis;
use crate::config::bare;
use crate::live::LiveSeries;
use crate::meter::{LatenessMeter, RateMeter};
use crate::registry::Described;
use crate::wire::Level;

/// What takes in readings.
pub(super) struct Book {
    pub(super) id: FeedId,
    pub(super) settings: FeedSettings,
    pub(super) link: Link,
    pub(super) lines: Lines,
    pub(super) certificates: Certificates,
    pub(super) integrity: Integrity,
    pub(super) axis: Axis,
    pub(super) rate: RateMeter,
    pub(super) lateness: LatenessMeter,
    /// The same by the broker's word.
    pub(super) underway: LatenessMeter,
    pub(super) series: Vec<SeriesState>,
    pub(super) tally: Tally,
    pub(super) carried: InboxCounters,
    /// Since when its counters count.
    pub(super) counted_since: Time,
    pub(super) findings: Vec<Finding>,
    pub(super) last_heartbeat: Time,
    /// Which bounds were told to be passed: 1 series, 2 paths.
    pub(super) told_limits: u8,
    /// A message came since the history was last told up to when the feed was watched.
    pub(super) came: bool,
    /// Since when it is watched in this run.
    pub(super) since: Time,
    /// All messages with smaller numbers were decided on.
    pub(super) below: u64,
    /// What is lost until then is what a drill costs, which its report tells.
    pub(super) drilled_until: Option<Time>,
    /// Which messages a broker may send once more.
    pub(super) redelivery: Redelivery,
    /// What the ledger needs to know between messages.
    pub(super) entries: Entries,
}

/// Counters of a feed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(super) read: u64,
    pub(super) duplicate: u64,
    pub(super) rejected: u64,
    pub(super) lost: u64,
    /// Of those that were missing, what came after all.
    pub(super) filled: u64,
    pub(super) reordered: u64,
    pub(super) conflated: u64,
    /// Samples that the rate limit left out.
    pub(super) left_out: u64,
}

/// One series, live.
pub(crate) struct SeriesState {
    pub(crate) id: SeriesId,
    pub(crate) live: LiveSeries,
    pub(super) watch: Watch,
    /// What the feed's rate limit remembers: of what comes, and of what was held up by outages, which may come between.
    pub(super) thin: [Thin; 2],
    pub(super) episode: Option<OpenEpisode>,
    /// Marks for the chart: time, value, level; bounded.
    pub(crate) marks: Vec<Mark>,
}

/// A finding's place on a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) at: Time,
    pub(crate) value: f64,
    pub(crate) level: Level,
}

struct Names<'a>(&'a Catalogue);

impl Scopes for Names<'_> {
    fn per(&self, _rule: u32, scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
        self.0.scopes.get(scope as usize).map(|scope| scope.per.clone()).unwrap_or_default()
    }

    fn rule_name(&self, rule: u32) -> Arc<str> {
        let path = self.0.rules.get(rule as usize).and_then(|rule| rule.paths.last());
        path.cloned().unwrap_or_else(|| Arc::from(""))
    }

    fn rule(&self, rule: u32) -> (SequenceRule, Option<u64>) {
        let known = self.0.rules.get(rule as usize);
        known.map_or((SequenceRule::PlusOne, None), |rule| (rule.rule, rule.modulus))
    }

    fn guard(&self, guard: u32) -> (Arc<str>, Arc<str>, bool) {
        let known = self.0.guards.get(guard as usize);
        known.map_or_else(
            || (Arc::from(""), Arc::from(""), false),
            |guard| (guard.path.clone(), guard.rule.clone(), guard.is_signature),
        )
    }

    fn shape(&self, shape: u32) -> (u32, &[(u32, FieldType)]) {
        self.0.shapes.get(shape as usize).map_or((0, &[]), |shape| (shape.kind, &shape.fields))
    }

    fn field(&self, field: u32) -> Arc<str> {
        self.0.fields.get(field as usize).cloned().unwrap_or_else(|| Arc::from(""))
    }

    fn series(&self, series: u32) -> (Arc<str>, Arc<str>) {
        let known = self.0.series.get(series as usize);
        known.map_or_else(|| (Arc::from(""), Arc::from("")), |series| (series.name.clone(), series.path.clone()))
    }

    fn entity(&self, series: u32) -> Vec<(Arc<str>, Arc<str>)> {
        self.0.series.get(series as usize).map(|series| series.key.clone()).unwrap_or_default()
    }

    fn kind(&self, kind: u32) -> String {
        self.0.kinds.get(kind as usize).map(ToString::to_string).unwrap_or_default()
    }
}

pub(super) struct Intake<'a> {
    pub(super) book: &'a mut Book,
    pub(super) shared: &'a mut Shared,
}

impl Sink for Intake<'_> {
    fn reading(&mut self, catalogue: &Catalogue, message: Message, reading: &Reading) {
        self.book.reading(catalogue, message, reading, self.shared);
    }

    fn rejected(&mut self, message: Message, why: Rejected) {
        self.book.rejected(message, &why, self.shared);
    }
}

impl SeriesState {
    /// Into the live view, the detector and the history.
    fn enter(&mut self, feed: FeedId, sample: &Ready, shared: &mut Shared) {
        let Ready { at, received, value, quality } = *sample;
        // The band before this value: a value must not widen the band it is judged by.
        let band = self.watch.band();
        let verdict = self.watch.observe(at, value.as_f64());
        self.live.add(at.min(received.plus_nanos(AHEAD)), value.as_f64(), band);
        if shared.output.keeps() {
            shared.output.batch.samples.push(Sample { series: self.id, at, received, value, quality });
        }
        if let Some(verdict) = verdict {
            super::episode::follow(feed, self, &verdict, shared);
        }
    }
}

impl Book {
    /// Somebody sent a message; who was not known when the feed was is told.
    #[inline]
    pub(super) fn publisher(&mut self, who: &str, message: &Message) {
        let before = self.findings.len();
        self.integrity.publisher(message.received, who, &mut self.findings);
        for finding in self.findings.iter_mut().skip(before) {
            finding.message = Some(message.number);
        }
    }

    fn reading(&mut self, catalogue: &Catalogue, message: Message, reading: &Reading, shared: &mut Shared) {
        self.below = message.number + 1;
        while let Some(series) = catalogue.series.get(self.series.len()) {
            self.pin(&series.path);
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
        for (told, text) in self.limits_passed(catalogue) {
            self.told_limits |= told;
            shared.output.news.push(News::Notice(Level::Warning, text));
        }
        let seen = self.seen(&message);
        if seen == Seen::Known {
            // The broker's own repetition, which it owns up to: nothing is wrong with the feed.
            self.tally.duplicate += 1;
            self.enter_other(&message, false, shared);
            return self.keep(message, Outcome::Duplicate, shared);
        }
        let arrival = match seen {
            // It was judged when it came first, and would be taken for its own repetition.
            Seen::Again => Arrival::Fresh,
            _ => self.integrity.observe(&message, reading, &Names(catalogue), &mut self.findings),
        };
        self.enter_reading(&message, reading, arrival, shared);
        let held_up = arrival != Arrival::Duplicate && self.held_up(&message, reading);
        let outcome = match arrival {
            Arrival::Fresh => Outcome::Read,
            Arrival::Late => Outcome::Late,
            Arrival::Duplicate => Outcome::Duplicate,
        };
        if arrival == Arrival::Duplicate {
            self.tally.duplicate += 1;
        } else {
            self.tally.read += 1;
            let quality = match arrival {
                _ if held_up => Quality::Backfilled,
                Arrival::Late => Quality::Uncertain,
                _ => Quality::Good,
            };
            if !is_damaged(catalogue, reading) {
                self.samples(&message, reading, quality, shared);
            }
            shared.output.count(self.id);
        }
        self.keep(message, outcome, shared);
        if !self.findings.is_empty() {
            self.flush_findings(shared);
        }
        self.enter_filled(shared);
    }

    /// Did its broker send this message before?
    #[inline]
    fn seen(&mut self, message: &Message) -> Seen {
        if message.meta.is_some() { self.redelivery.seen(message) } else { Seen::New }
    }

    /// Bounds that are passed and were not told yet.
    #[inline]
    fn limits_passed(&self, catalogue: &Catalogue) -> impl Iterator<Item = (u8, String)> + use<> {
        let series = catalogue.beyond_limit > 0 && self.told_limits & 1 == 0;
        let paths = catalogue.beyond_paths > 0 && self.told_limits & 2 == 0;
        let told = if series || paths { self.limit_texts(series, paths) } else { [None, None] };
        told.into_iter().flatten()
    }

    #[cold]
    fn limit_texts(&self, series: bool, paths: bool) -> [Option<(u8, String)>; 2] {
        let FeedSettings { title, name, decode, .. } = &self.settings;
        let series = series.then(|| {
            let name = bare(name);
            let limit = decode.max_series;
            let text = format!(
                "{title}: it has more than {limit} series. Further numbers are neither charted nor kept. \
                 `series` in [feed.{name}.limits] allows more."
            );
            (1, text)
        });
        let paths = paths.then(|| {
            let limit = decode.max_nodes;
            (
                2,
                format!(
                    "{title}: its messages have more than {limit} different fields. Further ones are not looked at."
                ),
            )
        });
        [series, paths]
    }

    /// Limits that are pinned for the path of the next series hold for it.
    fn pin(&mut self, path: &str) {
        let Some(pinned) = self.settings.decode.pins.series.iter().find(|series| series.path == path) else { return };
        let ((low, high), fastest) = (pinned.range, pinned.fastest.unwrap_or(f64::INFINITY));
        let (low, high) = (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY));
        if let Ok(number) = u32::try_from(self.series.len()) {
            self.integrity.pin(number, low, high, fastest);
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
            thin: Default::default(),
            episode: None,
            marks: Vec::new(),
        });
    }

    /// Was this message, which is new, held up by an outage? If not, it tells how late messages usually are. The broker's word
    /// goes before its own: its publisher's clock may be wrong.
    #[inline]
    fn held_up(&mut self, message: &Message, reading: &Reading) -> bool {
        let (meta, received) = (message.meta.as_ref(), message.received);
        let stamp = meta.and_then(|meta| meta.stamp);
        let Some(sent) = stamp.or(reading.time) else { return false };
        let kept = meta.is_some_and(|meta| meta.position.is_some() || meta.awaits_ack || meta.redelivered);
        if self.link.held_up(sent, received, kept) {
            return true;
        }
        if let Some(stamp) = stamp {
            self.underway.add(received.nanos_since(stamp));
        }
        if let Some(event) = reading.time {
            self.axis.note(event, received);
            self.lateness.add(received.nanos_since(event));
        }
        false
    }

    /// How late messages usually are at most, nanoseconds.
    pub(super) fn usual_lateness(&self) -> i64 {
        let known = self.underway.usual().or_else(|| self.lateness.usual());
        known.unwrap_or(feedwatch_model::NANOS_PER_SECOND)
    }

    fn samples(&mut self, message: &Message, reading: &Reading, quality: Quality, shared: &mut Shared) {
        let received = message.received;
        let held_up = quality == Quality::Backfilled;
        let place = |axis: &Axis, time: Time| match held_up {
            true => axis.place_held_up(time, received),
            false => axis.place(Some(time), received),
        };
        let stamp = message.meta.as_ref().and_then(|meta| meta.stamp).filter(|_| held_up);
        let of_message = match (reading.time, stamp) {
            (time, Some(stamp)) => (Axis::sent(time, stamp).min(received), true),
            (Some(time), None) => place(&self.axis, time),
            (None, None) => (received, false),
        };
        let has_time = reading.time.is_some() || stamp.is_some();
        let rate = self.settings.rate;
        for point in &reading.points {
            let (at, own) = point.time.map_or(of_message, |time| place(&self.axis, time));
            let Some(state) = self.series.get_mut(point.series as usize) else { continue };
            let quality = match (point.value.as_f64().is_finite(), own || !has_time) {
                (false, _) => Quality::Bad,
                (true, false) => Quality::Uncertain,
                (true, true) => quality,
            };
            let sample = Ready { at, received, value: point.value, quality };
            let ready = match rate {
                None => Some(sample),
                Some(rate) => {
                    let [coming, old] = &mut state.thin;
                    let (ready, left_out) = if held_up { old } else { coming }.take(rate, sample);
                    self.tally.left_out += left_out;
                    ready
                }
            };
            if let Some(sample) = ready {
                state.enter(self.id, &sample, shared);
            }
        }
    }

    /// Samples whose slot is over at `now` go on; with `None` all that are held.
    fn release(&mut self, now: Option<Time>, shared: &mut Shared) {
        let Some(rate) = self.settings.rate else { return };
        for state in &mut self.series {
            let [coming, held_up] = &mut state.thin;
            for sample in [held_up.elapse(rate, now), coming.elapse(rate, now)].into_iter().flatten() {
                state.enter(self.id, &sample, shared);
            }
        }
    }

    fn rejected(&mut self, message: Message, why: &Rejected, shared: &mut Shared) {
        self.below = message.number + 1;
        if self.seen(&message) == Seen::Known {
            self.tally.duplicate += 1;
            self.enter_other(&message, false, shared);
            return self.keep(message, Outcome::Duplicate, shared);
        }
        if message.meta.as_ref().is_some_and(|meta| meta.deleted) {
            // It says all it has to say by having no payload.
            self.tally.read += 1;
            shared.output.count(self.id);
            return self.keep(message, Outcome::Read, shared);
        }
        self.tally.rejected += 1;
        self.enter_other(&message, true, shared);
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
        let Message { number, received, payload, meta, line: _ } = message;
        let said = meta.as_ref().and_then(|meta| super::beside::json(meta));
        let (topic, position) = meta.map_or((None, None), |meta| (meta.topic, meta.position));
        let batch = &mut shared.output.batch;
        if let Some(position) = position.and_then(|position| self.redelivery.position(position)) {
            let same = |(feed, known): &&mut (FeedId, Position)| *feed == self.id && known.lane() == position.lane();
            match batch.positions.iter_mut().find(same) {
                Some(known) => known.1 = position,
                None => batch.positions.push((self.id, position)),
            }
        }
        // A copy: the payload shares the read buffer it came in, and that must not live as long as a backlog may.
        let payload = Bytes::copy_from_slice(&payload);
        batch.messages.push(StoredMessage { feed: self.id, number, received, topic, meta: said, outcome, payload });
    }

    pub(super) fn elapse(&mut self, now: Time, shared: &mut Shared) {
        self.release(Some(now), shared);
        self.enter_time(now, shared);
        self.integrity.elapse(now, &mut self.findings);
        self.certificates.elapse(now, &mut self.findings);
        self.link.tell_filled(now, &self.settings.title, shared);
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
    pub(super) fn heartbeat(&mut self, now: Time, shared: &mut Shared) {
        if self.link.is_accounted() && now.nanos_since(self.last_heartbeat).saturating_abs() >= HEARTBEAT {
            self.watched(now, shared);
        }
    }

    /// The feed was watched up to `at`: a later start has its gap begin there.
    pub(super) fn watched(&mut self, at: Time, shared: &mut Shared) {
        if self.settings.protocol == Protocol::File {
            return;
        }
        self.last_heartbeat = at;
        self.came = false;
        let id = self.id;
        shared.output.batch_mut(|batch| batch.heartbeats.push((id, at)));
    }

    pub(super) fn finish_watches(&mut self, shared: &mut Shared) {
        self.release(None, shared);
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

/// Whether a message is not what was sent, so that its values are kept as evidence and not charted. A book that does not fit
/// says that something before it was lost as well.
fn is_damaged(catalogue: &Catalogue, reading: &Reading) -> bool {
    let of_book = |rule: u32| catalogue.guards.get(rule as usize).is_some_and(|guard| guard.rule.ends_with("-book"));
    reading.guards.iter().any(|guard| !guard.fits && !of_book(guard.rule))
}

/// The slot of a watch, nanoseconds.
const WATCH_SLOT: i64 = 100 * feedwatch_model::NANOS_PER_MILLI;
/// So far ahead of the clock a sample may stand in a live chart; one farther ahead would push the present out of it.
const AHEAD: i64 = 2 * feedwatch_model::NANOS_PER_SECOND;
/// How often the history is told up to when a feed was watched: a crash leaves this much in doubt.
const HEARTBEAT: i64 = 500 * feedwatch_model::NANOS_PER_MILLI;
