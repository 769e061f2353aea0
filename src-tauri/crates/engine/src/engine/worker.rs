//! The pipeline thread: takes what the inboxes hold, steps the pipeline, hands on what comes out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use feedwatch_ingest::{Event, Inbox};
use feedwatch_model::{FeedId, Protocol, Time};
use feedwatch_store::{Batch, StoreEvent};

use super::feeds::Running;
use super::{Core, listeners, status};
use crate::clock::Steps;
use crate::pipeline::{FeedStage, News, Output, Pipeline};
use crate::platform;
use crate::sources::Proof;
use crate::wire::{Level, PushBody};

/// Events taken from one inbox before the lock is given free for the shells, and what was read together with the last of them.
pub(super) const PASS: usize = 64;
/// A capture waits while so much waits for the disk: it can, where a live feed cannot.
const FILE_BACKLOG: usize = 16 << 20;
/// Time without data has a voice at least this often.
const ELAPSE: Duration = Duration::from_millis(50);
/// A batch for the history waits this long for company.
const SUBMIT: Duration = Duration::from_millis(100);
const SUBMIT_ROWS: usize = 8_192;
const STATUS: Duration = Duration::from_millis(500);
/// At the end a capture waits no longer than this for a disk that is slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the thread remembers between passes.
struct Worker<'a> {
    core: &'a Core,
    elapsed: Instant,
    submitted: Instant,
    told: Instant,
    /// Notices that the clock was set.
    steps: Steps,
    /// When the history last took a batch.
    accepted: Time,
    /// Since when it takes none.
    refused_since: Option<Time>,
    /// What the history did last, if the sources are to be told.
    turn: Option<Turn>,
    /// Is there a history?
    keeps: bool,
    /// Since when the program is about to end.
    ending: Option<Instant>,
}

/// What the history did with a batch.
#[derive(Clone, Copy)]
enum Turn {
    Refused,
    Taken,
}

/// Runs until `core.stop`; then reads what is left and ends.
pub(super) fn run(core: &Core) {
    let start = Instant::now();
    let mut worker = Worker {
        core,
        elapsed: start,
        submitted: start,
        told: start,
        steps: Steps::new(platform::unset_clock().1),
        accepted: core.now(),
        refused_since: None,
        turn: None,
        keeps: core.writer().is_some(),
        ending: None,
    };
    loop {
        let last = Instant::now();
        if !worker.pass() {
            core.bell.wait(last, worker.elapsed + ELAPSE);
        }
        if core.stop.load(Ordering::SeqCst) {
            worker.end();
            return;
        }
    }
}

/// Whether a connection, or the feed, has ended.
pub(super) fn is_end(event: &Event) -> bool {
    matches!(event, Event::Lost { .. } | Event::Ended { .. })
}

impl Worker<'_> {
    /// One pass over all inboxes; `true` if there is more.
    fn pass(&mut self) -> bool {
        let core = self.core;
        let places: Vec<_> = {
            let feeds = core.feeds.lock();
            let of = |feed: &Running| (feed.place, feed.protocol, Arc::clone(&feed.inbox), feed.proof.clone());
            feeds.iter().map(of).collect()
        };
        let mut more = false;
        for (place, protocol, inbox, proof) in &places {
            if *protocol == Protocol::File && self.is_history_behind() {
                continue;
            }
            let mut pipeline = core.pipeline.lock();
            more |= self.step(&mut pipeline, *place, inbox, proof.as_ref()) >= PASS;
            self.hand_on(pipeline.waiting() >= SUBMIT_ROWS, pipeline);
        }
        let now = Instant::now();
        if now.duration_since(self.elapsed) >= ELAPSE {
            self.elapsed = now;
            let mut pipeline = core.pipeline.lock();
            let now_told = self.told_by_the_clock(&mut pipeline);
            pipeline.elapse(now_told, !more);
            for (place, _, inbox, _) in places.iter().filter(|_| !self.keeps) {
                // Nothing is kept: what was decided on is all that can be waited for.
                inbox.kept_below(pipeline.feed(*place).map_or(0, FeedStage::decided_below));
            }
            self.hand_on(now.duration_since(self.submitted) >= SUBMIT, pipeline);
            self.history_events();
        }
        if now.duration_since(self.told) >= STATUS {
            self.told = now;
            status::push(core);
        }
        more
    }

    /// The time, after the feeds were told if the clock was set.
    fn told_by_the_clock(&mut self, pipeline: &mut Pipeline) -> Time {
        let (before, wall, after) = (platform::unset_clock().0, self.core.now(), platform::unset_clock().0);
        if let Some(by) = self.steps.look(before, wall, after) {
            tracing::warn!("The clock of this computer was set by {by} ns.");
            pipeline.own_step(wall, by);
        }
        wall
    }

    /// Does a capture have to wait? At the end it does not wait for a disk that takes nothing: what is lost is counted.
    fn is_history_behind(&self) -> bool {
        let Some(status) = self.core.writer().map(|writer| writer.status()) else { return false };
        let is_hopeless = self.ending.is_some_and(|since| !status.keeping || since.elapsed() >= PATIENCE);
        status.queued_bytes > FILE_BACKLOG && !is_hopeless
    }

    /// Takes from an inbox what one pass takes, and tells how much that was.
    fn step(&self, pipeline: &mut Pipeline, place: usize, inbox: &Inbox, proof: Option<&Proof>) -> usize {
        let quiet = self.core.quiet.load(Ordering::SeqCst);
        inbox.drain(PASS, |event| {
            if is_end(&event) {
                let feeds = self.core.feeds.lock();
                let feed = feeds.iter().find(|feed| feed.place == place);
                let leaving = feed.is_some_and(|feed| feed.leaving.load(Ordering::SeqCst));
                if let Some(feed) = feed.filter(|_| quiet) {
                    feed.disconnected.store(true, Ordering::SeqCst);
                }
                if quiet || leaving {
                    return;
                }
            }
            Proof::hand_on(proof, &event, pipeline, place);
            pipeline.step(place, event);
        })
    }

    /// Takes the output out under the lock, then gives the lock free and hands it on.
    fn hand_on(&mut self, submit: bool, mut pipeline: parking_lot::MutexGuard<'_, Pipeline>) {
        if !submit && !pipeline.has_news() {
            return;
        }
        let Output { batch, news, .. } = if submit { pipeline.take_output() } else { pipeline.take_news() };
        let bodies = listeners::bodies(&pipeline, &news);
        let lines = listeners::lines(&pipeline, &news, self.core);
        if submit {
            self.submitted = Instant::now();
            self.submit(batch, &mut pipeline);
        }
        drop(pipeline);
        // The list of feeds is never locked behind the pipeline.
        if let Some(turn) = self.turn.take() {
            let feeds = self.core.feeds.lock();
            feeds.iter().for_each(|feed| match turn {
                Turn::Refused => feed.inbox.refused(),
                Turn::Taken => feed.inbox.recovered(),
            });
        }
        self.core.notify(&news, &bodies);
        let bodies: Vec<PushBody> = bodies.into_iter().flatten().collect();
        listeners::tell(self.core, &bodies, &lines);
    }

    /// Hands a batch to the writer. Under the pipeline's lock, so that every message is counted in one place.
    fn submit(&mut self, batch: Batch, pipeline: &mut Pipeline) {
        let Some(writer) = self.core.writer() else { return };
        if batch.is_empty() {
            return;
        }
        match writer.submit(batch) {
            Ok(()) => {
                self.accepted = self.core.now();
                if let Some(from) = self.refused_since.take() {
                    pipeline.not_kept(from, Some(self.accepted));
                    self.turn = Some(Turn::Taken);
                }
            }
            Err(mut batch) => {
                if self.refused_since.is_none() {
                    // What is lost came in since the last batch that was taken.
                    self.refused_since = Some(self.accepted);
                    pipeline.not_kept(self.accepted, None);
                }
                self.turn = Some(Turn::Refused);
                // Samples and messages are lost and counted by the writer; what names things is kept for the next try.
                batch.samples.clear();
                batch.messages.clear();
                batch.counted.clear();
                batch.positions.clear();
                pipeline.put_back(batch);
            }
        }
    }

    fn history_events(&mut self) {
        for event in self.core.history.take_events() {
            let notice = match event {
                StoreEvent::Durable { messages, .. } => {
                    self.kept(&messages);
                    continue;
                }
                StoreEvent::Trouble { problem } => {
                    tracing::error!("{problem}");
                    (Level::Warning, format!("History is not being kept. {problem}"))
                }
                StoreEvent::Recovered => (Level::Info, "History is being kept again.".to_owned()),
            };
            let body = PushBody::Notice { level: notice.0, text: notice.1 };
            listeners::tell(self.core, &[body], &[]);
        }
    }

    /// What is on disk may be acknowledged.
    fn kept(&self, messages: &[(FeedId, u64)]) {
        let mut pipeline = self.core.pipeline.lock();
        let feeds = self.core.feeds.lock();
        for (feed, last) in messages {
            pipeline.kept_below(*feed, last + 1);
            if let Some(running) = feeds.iter().find(|running| running.feed == *feed) {
                running.inbox.kept_below(last + 1);
            }
        }
    }

    /// The last pass: everything out of the inboxes, everything decided, everything submitted.
    fn end(&mut self) {
        self.ending = Some(Instant::now());
        loop {
            if self.pass() {
                continue;
            }
            if self.core.feeds.lock().iter().all(|feed| feed.inbox.counters().queued == 0) {
                break;
            }
            // A capture waits for the disk.
            self.core.bell.wait(Instant::now(), Instant::now() + Duration::from_millis(10));
        }
        let left = *self.core.left.lock();
        let mut pipeline = self.core.pipeline.lock();
        pipeline.leave(left.unwrap_or_else(|| self.core.now()));
        self.hand_on(true, pipeline);
    }
}

impl Core {
    /// Alarms that were raised go to the desktop.
    fn notify(&self, news: &[News], bodies: &[Option<PushBody>]) {
        if !self.notifications_on.load(Ordering::SeqCst) {
            return;
        }
        for (news, body) in news.iter().zip(bodies) {
            let (News::Alarm(change), Some(PushBody::Alarm { alarm })) = (news, body) else { continue };
            let raised =
                change.transition.as_ref().is_some_and(|step| step.state.needs_a_person() && step.state.is_active());
            if raised && let Some(notifier) = &*self.notifier.lock() {
                notifier.notify(listeners::note_of(alarm, change.alarm.severity));
            }
        }
    }
}
