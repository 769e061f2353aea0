//! The pipeline: what came from the inboxes goes through decoding, checks, detectors and alarms into the live view and
//! the next batch for the history. A pure value: no clock, thread, channel or disk; the same events give the same
//! output, whatever the batching.
//!
//! ```text
//! step(feed, event) ──> decode ──> integrity ──> detectors ──> alarms
//!                                    │              │             │
//! elapse(now) ───────────────────────┴──────────────┴─────────────┴──> take_output(): batch, news
//! ```
//!
//! The books: `received = stored + dropped + duplicate + rejected + in_flight`, see [`Pipeline::accounts`].

mod beside;
mod book;
mod episode;
mod feed;
mod lines;
mod link;
mod outages;
mod output;
mod redelivery;
pub mod rows;
mod shift;
#[cfg(test)]
mod tests;
mod thin;

use std::collections::HashMap;
use std::sync::Arc;

use feedwatch_decode::SignatureKey;
use feedwatch_ingest::{Event, InboxCounters};
use feedwatch_model::{Accounts, AlarmId, Certificate, FeedId, Gap, GapCause, Message, SeriesId, SeriesMeta, Time};
use feedwatch_store::{Batch, MessageCounts};

pub(crate) use beside::{place, said};
pub(crate) use book::SeriesState;
use episode::MARKS;
pub use feed::FeedStage;
pub use lines::{Line, LineSettings, LineState};
pub use output::{News, NumberedFinding, Output};
pub(crate) use redelivery::{HEARD, WINDOW};
pub use redelivery::{Known, Latest};
pub use thin::Rate;

use crate::alarms::Alarms;
use crate::registry::Registry;
use crate::wire::Level;

/// How a feed enters the pipeline.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// Its name in the configuration.
    pub name: String,
    /// Its title for people.
    pub title: String,
    /// `ws`, `wss`, `sse`, `file`.
    pub protocol_word: &'static str,
    /// How it is spoken to.
    pub protocol: feedwatch_model::Protocol,
    /// The address without secrets.
    pub address: String,
    /// Which samples are charted and kept; `None`: all of them.
    pub rate: Option<Rate>,
    /// How decoding is bounded.
    pub decode: feedwatch_decode::Options,
    /// Its endpoints, the preferred one first; may be empty where there is one.
    pub lines: Vec<LineSettings>,
    /// All of them are connected at once.
    pub redundant: bool,
    /// The certificates that its endpoints, by their names, have shown last.
    pub certificates: Vec<(String, Certificate)>,
    /// Up to when it was watched before this run.
    pub watched_until: Option<Time>,
    /// What of it is in the history, as far as a broker may send it once more.
    pub known: Known,
}

/// Everything between the inboxes and the outside.
pub struct Pipeline {
    feeds: Vec<Option<FeedStage>>,
    shared: Shared,
    places: Vec<(SeriesId, usize, usize)>,
    indexed: usize,
    carried: HashMap<FeedId, Carried>,
}

/// The books of a feed that was removed in this run: if it comes back they go on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried {
    pub(crate) inbox: InboxCounters,
    pub(crate) tally: book::Tally,
    /// Since when they are kept.
    pub(crate) since: Option<Time>,
}

/// What all feeds of a pipeline share.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) alarms: Alarms,
    pub(crate) output: Output,
    pub(crate) gaps: Vec<ScopedGap>,
}

/// A gap, and the scope of its sequence where it is a loss in one scope only: (path, text) pairs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScopedGap {
    pub(crate) gap: Gap,
    pub(crate) scope: Vec<(Arc<str>, Arc<str>)>,
}

/// Gaps that are remembered for the charts; older ones are in the history.
pub(crate) const GAPS: usize = 2_000;

impl Pipeline {
    /// An empty one. `keep`: is there a history that wants batches?
    pub fn new(registry: Registry, alarms: Alarms, keep: bool) -> Pipeline {
        Pipeline {
            feeds: Vec::new(),
            shared: Shared { registry, alarms, output: Output::new(keep), gaps: Vec::new() },
            places: Vec::new(),
            indexed: 0,
            carried: HashMap::new(),
        }
    }

    /// Adds a feed; tells its place, for [`Pipeline::step`].
    pub fn add_feed(&mut self, mut settings: FeedSettings, now: Time) -> usize {
        let (id, _) = self.shared.registry.feed(&settings.name);
        let outlived = std::mem::take(&mut settings.known.outlived).into_iter().map(|lane| (id, lane));
        self.shared.output.batch_mut(|batch| batch.outlived.extend(outlived));
        self.shared.registry.touch();
        let carried = self.carried.get(&id).copied().unwrap_or_default();
        let stage = FeedStage::new(id, settings, carried, now);
        self.shared.output.batch_mut(|batch| batch.feeds.push(stage.record()));
        self.feeds.push(Some(stage));
        self.places.clear();
        self.indexed = 0;
        self.feeds.len() - 1
    }

    /// Takes a feed out: what is held is read, its alarms end, for which `why` is the reason. `inbox`: its inbox at the
    /// end, drained.
    pub fn remove_feed(&mut self, place: usize, inbox: InboxCounters, now: Time, why: &str) {
        let Some(Some(stage)) = self.feeds.get_mut(place) else { return };
        stage.leave(now, &mut self.shared);
        let id = stage.id();
        // What still stood in the inbox is nobody's any more: it was never taken in.
        let inbox = InboxCounters { received: inbox.received - inbox.queued, queued: 0, ..inbox };
        self.carried.insert(
            id,
            Carried { inbox: stage.whole(inbox), tally: stage.tally(), since: Some(stage.counted_since()) },
        );
        self.shared.alarms.clear_feed(id, now, why);
        self.shared.registry.touch();
        self.places.clear();
        self.indexed = 0;
        if let Some(slot) = self.feeds.get_mut(place) {
            *slot = None;
        }
    }

    /// Takes one event of a feed in.
    pub fn step(&mut self, place: usize, event: Event) {
        let Some(Some(stage)) = self.feeds.get_mut(place) else { return };
        stage.step(event, &mut self.shared);
    }

    /// Takes one message in; the same as an event with it, for benches and probes.
    pub fn message(&mut self, place: usize, message: Message) {
        self.step(place, Event::Message(message));
    }

    /// Time goes by, with or without messages. `caught_up`: nothing waits in an inbox, so that up to `now` all that came
    /// was taken in.
    pub fn elapse(&mut self, now: Time, caught_up: bool) {
        for stage in self.feeds.iter_mut().flatten() {
            stage.elapse(now, caught_up, &mut self.shared);
        }
        self.shared.alarms.elapse(now);
    }

    /// The clock of this computer was set by so many nanoseconds before `at`: no source's clock is to blame.
    pub fn own_step(&mut self, at: Time, nanos: i64) {
        for stage in self.feeds.iter_mut().flatten() {
            stage.own_step(at, nanos, &mut self.shared);
        }
    }

    /// What a drill has measured goes to the history, and is told.
    pub fn drilled(&mut self, feed: FeedId, at: Time, report: String, told: (Level, String)) {
        self.shared.output.batch_mut(|batch| batch.drills.push((feed, at, report)));
        self.shared.output.news.push(News::Notice(told.0, told.1));
    }

    /// Of a feed all messages with smaller numbers are on disk.
    pub fn kept_below(&mut self, feed: FeedId, number: u64) {
        if let Some(stage) = self.feeds.iter_mut().flatten().find(|stage| stage.id() == feed) {
            stage.kept_below(number);
        }
    }

    /// The end of all feeds: what is held is decided.
    pub fn finish(&mut self) {
        for stage in self.feeds.iter_mut().flatten() {
            stage.finish(&mut self.shared);
        }
    }

    /// The program ends, and all feeds with it, which were watched up to `at`.
    pub fn leave(&mut self, at: Time) {
        for stage in self.feeds.iter_mut().flatten() {
            stage.leave(at, &mut self.shared);
        }
    }

    /// A person has seen an alarm.
    pub fn acknowledge(&mut self, id: AlarmId, now: Time, note: Option<String>) -> bool {
        self.shared.alarms.acknowledge(id, now, note)
    }

    /// What has come out since the last call.
    pub fn take_output(&mut self) -> Output {
        for stage in self.feeds.iter_mut().flatten() {
            stage.before_batch(&mut self.shared);
        }
        self.shared.collect_alarms();
        self.shared.output.take()
    }

    /// What is to be told, leaving the batch to grow.
    pub fn take_news(&mut self) -> Output {
        self.shared.collect_alarms();
        self.shared.output.take_news()
    }

    /// Is there anything to be told?
    pub fn has_news(&self) -> bool {
        !self.shared.output.news.is_empty() || self.shared.alarms.has_changes()
    }

    /// The history refused the batch that was taken last. This part of it goes before the next one; its messages are lost
    /// here, and new when a broker sends them again.
    pub fn put_back(&mut self, batch: Batch) {
        self.feeds.iter_mut().flatten().for_each(FeedStage::refused);
        self.shared.output.put_back(batch);
    }

    /// The history could not be written from `from` on; `to`: until it could again. A gap of every feed.
    pub fn not_kept(&mut self, from: Time, to: Option<Time>) {
        let feeds: Vec<FeedId> = self.feeds.iter().flatten().map(FeedStage::id).collect();
        for feed in feeds {
            let detail = "The history could not be written.".to_owned();
            self.shared.gap(Gap { feed, from, to, cause: GapCause::NotKept, missing: None, detail });
        }
    }

    /// How many messages of a feed came in its earlier stays in this run: it counts on from there.
    pub fn carried(&self, name: &str) -> u64 {
        let id = self.shared.registry.known_feed(name);
        id.and_then(|id| self.carried.get(&id)).map_or(0, |carried| carried.inbox.received)
    }

    /// The number of a feed that is known by this name.
    pub fn feed_id(&self, name: &str) -> Option<FeedId> {
        self.shared.registry.known_feed(name)
    }

    /// How much waits for [`Pipeline::take_output`]: messages, over all feeds.
    pub fn waiting(&self) -> usize {
        self.shared.output.waiting()
    }

    /// The books of a feed at this moment. Every term is counted where it happens; none is a difference.
    ///
    /// `kept`: the history's counts; `None` where there is none, then what was decoded counts as stored.
    pub fn accounts(&self, place: usize, inbox: InboxCounters, kept: Option<MessageCounts>) -> Accounts {
        let Some(Some(stage)) = self.feeds.get(place) else { return Accounts::default() };
        let waiting = self.shared.output.waiting_of(stage.id());
        let inbox = stage.whole(inbox);
        let kept = kept.unwrap_or(MessageCounts { queued: 0, committed: stage.read(), lost: 0 });
        Accounts {
            received: inbox.received,
            stored: kept.committed,
            dropped: inbox.dropped + kept.lost,
            duplicate: stage.duplicate() + inbox.duplicate,
            rejected: stage.rejected(),
            in_flight: inbox.queued + stage.held() + waiting + kept.queued,
            conflated: stage.left_out(),
            bytes: inbox.bytes,
            wire_bytes: inbox.wire_bytes,
        }
    }

    /// A feed by its number.
    pub fn stage(&self, feed: FeedId) -> Option<&FeedStage> {
        self.feeds.iter().flatten().find(|stage| stage.id() == feed)
    }

    /// Checks the signatures of a feed's messages with this key from now on.
    pub fn sign_with(&mut self, place: usize, key: &SignatureKey) {
        if let Some(stage) = self.feed_mut(place) {
            stage.sign_with(key);
        }
    }

    /// A feed by its place.
    pub fn feed(&self, place: usize) -> Option<&FeedStage> {
        self.feeds.get(place)?.as_ref()
    }

    /// A feed by its place, to read figures that move with time.
    pub fn feed_mut(&mut self, place: usize) -> Option<&mut FeedStage> {
        self.feeds.get_mut(place)?.as_mut()
    }

    /// The alarms.
    pub fn alarms(&self) -> &Alarms {
        &self.shared.alarms
    }

    /// The numbers of feeds and series.
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// The series of the feeds that are watched now.
    pub fn series(&self) -> Vec<&SeriesMeta> {
        let watched: Vec<FeedId> = self.feeds.iter().flatten().map(FeedStage::id).collect();
        self.shared.registry.all().into_iter().filter(|meta| watched.contains(&meta.feed)).collect()
    }

    /// Gaps known of a feed in this run, and those given by [`Pipeline::remember_gaps`].
    pub(crate) fn scoped_gaps(&self, feed: FeedId) -> impl Iterator<Item = &ScopedGap> {
        self.shared.gaps.iter().filter(move |known| known.gap.feed == feed)
    }

    /// Gaps known of all feeds.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.shared.gaps.iter().map(|known| &known.gap)
    }

    /// Ends what a restart ends: alarms of feeds that are not watched, and of series, which are judged anew.
    pub fn restarted(&mut self, now: Time) {
        let watched: Vec<FeedId> = self.feeds.iter().flatten().map(FeedStage::id).collect();
        self.shared.alarms.restarted(&watched, now);
    }

    /// Gaps that were open when the program last ended are over: the history is told.
    pub fn close_gaps(&mut self, gaps: impl IntoIterator<Item = Gap>) {
        self.shared.output.batch_mut(|batch| batch.gaps.extend(gaps));
    }

    /// Gaps of earlier runs, for the charts, with the scope where they are a loss in one scope only.
    pub fn remember_gaps(&mut self, gaps: impl IntoIterator<Item = (Gap, Vec<(Arc<str>, Arc<str>)>)>) {
        self.shared.gaps.splice(0..0, gaps.into_iter().map(|(gap, scope)| ScopedGap { gap, scope }));
    }

    /// The live state of a series.
    pub(crate) fn live(&mut self, series: SeriesId) -> Option<(&FeedStage, &SeriesState)> {
        let known: usize = self.feeds.iter().flatten().map(FeedStage::series_count).sum();
        if self.indexed != known {
            self.index_series();
            self.indexed = known;
        }
        let found = self.places.binary_search_by_key(&series, |&(id, ..)| id).ok()?;
        let &(_, place, local) = self.places.get(found)?;
        let stage = self.feeds.get(place)?.as_ref()?;
        Some((stage, stage.series_at(local)?))
    }

    /// From when on all marks of a series are in memory; `None` for a feed that is not watched.
    pub(crate) fn marks_from(&mut self, feed: FeedId, series: SeriesId) -> Option<Time> {
        if let Some((stage, state)) = self.live(series) {
            return Some(
                state.marks.first().filter(|_| state.marks.len() >= MARKS).map_or(stage.since(), |mark| mark.at),
            );
        }
        self.feeds.iter().flatten().find(|stage| stage.id() == feed).map(FeedStage::since)
    }

    fn index_series(&mut self) {
        let stages = self.feeds.iter().enumerate().filter_map(|(place, stage)| Some((place, stage.as_ref()?)));
        self.places = stages
            .flat_map(|(place, stage)| stage.series_ids().enumerate().map(move |(local, id)| (id, place, local)))
            .collect();
        self.places.sort_unstable();
    }
}

impl Shared {
    /// Remembers a gap for the charts and hands it to the history; one with the same feed, begin and cause is replaced.
    pub(crate) fn gap(&mut self, gap: Gap) {
        self.gap_in(gap, Vec::new());
    }

    /// The same for a loss in one scope of a sequence.
    pub(crate) fn gap_in(&mut self, mut gap: Gap, scope: Vec<(Arc<str>, Arc<str>)>) {
        let is_same =
            |known: &Gap, gap: &Gap| known.feed == gap.feed && known.from == gap.from && known.cause == gap.cause;
        // Several scopes can lose messages at one moment; feed, begin and cause name a gap, so the begins are set apart
        // by a nanosecond.
        while self.gaps.iter().rev().any(|known| is_same(&known.gap, &gap) && known.scope != scope) {
            gap.from = gap.from.plus_nanos(1);
            gap.to = gap.to.map(|to| to.max(gap.from));
        }
        match self.gaps.iter_mut().rev().find(|known| is_same(&known.gap, &gap)) {
            Some(known) => known.gap = gap.clone(),
            None => {
                if self.gaps.len() >= GAPS {
                    self.gaps.remove(0);
                }
                self.gaps.push(ScopedGap { gap: gap.clone(), scope });
            }
        }
        self.output.batch_mut(|batch| batch.gaps.push(gap.clone()));
        self.output.news.push(News::Gap(gap));
    }

    pub(crate) fn collect_alarms(&mut self) {
        for change in self.alarms.take_changes() {
            self.output.batch_mut(|batch| {
                batch.alarms.push(change.alarm.clone());
                batch.transitions.extend(change.transition.clone());
            });
            self.output.news.push(News::Alarm(change));
        }
    }
}
