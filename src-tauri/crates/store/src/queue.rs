//! What waits for the disk: a queue bounded by bytes, and the books of every message in it.
//!
//! One lock guards all of it, so that [`Shared::counts`] tells one moment. Nobody holds that lock while a disk works.

use std::collections::{BTreeMap, VecDeque};
use std::mem::take;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use feedwatch_model::{FeedId, Time};

use crate::Batch;

/// Where the messages of a feed stand, in one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// In the queue or in the transaction under way, counted where they are.
    pub queued: u64,
    /// On disk.
    pub committed: u64,
    /// Refused because the backlog was full, or given up at the end.
    pub lost: u64,
}

/// How the writer is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriterStatus {
    /// Is history being kept?
    pub keeping: bool,
    /// Why not, in a sentence with its cure.
    pub problem: Option<String>,
    /// Bytes that wait for the disk.
    pub queued_bytes: usize,
    /// Samples committed since the history was opened.
    pub committed_samples: u64,
    /// Samples in the history.
    pub samples_total: u64,
    /// Bytes of the database and its log.
    pub file_bytes: u64,
    /// When the last commit was.
    pub last_commit: Option<Time>,
}

/// What a transaction has brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Committed {
    pub(crate) samples: u64,
    pub(crate) samples_total: u64,
    pub(crate) file_bytes: u64,
}

/// When a commit is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) every: Duration,
    pub(crate) rows: usize,
}

/// What the handle and the thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The thread waits here for work.
    work: Condvar,
    /// `flush` and `close` wait here for the thread.
    done: Condvar,
    backlog_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Batch>,
    queue_bytes: usize,
    queue_rows: usize,
    /// When the oldest batch of the queue came.
    since: Option<Instant>,
    under_way: Arc<Vec<Batch>>,
    under_way_bytes: usize,
    /// After a failure: not before this moment.
    retry_at: Option<Instant>,
    committed: BTreeMap<FeedId, u64>,
    lost: BTreeMap<FeedId, u64>,
    accepted: u64,
    finished: u64,
    status: WriterStatus,
    hurry: bool,
    stop: bool,
    stopped: bool,
}

impl Shared {
    pub(crate) fn new(backlog_bytes: usize, samples_total: u64, file_bytes: u64) -> Shared {
        let status = WriterStatus { keeping: true, samples_total, file_bytes, ..WriterStatus::default() };
        Shared {
            state: Mutex::new(State { status, ..State::default() }),
            work: Condvar::new(),
            done: Condvar::new(),
            backlog_bytes,
        }
    }

    /// A panic in between cannot leave the books half written: every change is made after what can fail.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a batch in, or gives it back and counts its messages as lost. While nothing waits, a batch of any size is
    /// taken: one that is larger than the whole backlog would otherwise never be.
    #[allow(clippy::result_large_err, reason = "a refused batch is moved, as an accepted one is: neither needs a box")]
    pub(crate) fn submit(&self, batch: Batch) -> Result<(), Batch> {
        if batch.is_empty() {
            return Ok(());
        }
        let bytes = batch.bytes();
        let mut state = self.lock();
        let held = state.queue_bytes + state.under_way_bytes;
        let full = held > 0 && held.saturating_add(bytes) > self.backlog_bytes;
        if state.stop || state.stopped || full {
            add(&mut state.lost, &batch.counted);
            return Err(batch);
        }
        state.queue_bytes += bytes;
        state.queue_rows += batch.rows();
        state.accepted += 1;
        let first = state.queue.is_empty();
        if first {
            state.since = Some(Instant::now());
        }
        let rows = state.queue_rows;
        state.queue.push_back(batch);
        drop(state);
        // The thread sleeps till its deadline by itself: it is woken for the first batch and for many, not for each.
        if first || rows >= WAKE_ROWS {
            self.work.notify_one();
        }
        Ok(())
    }

    pub(crate) fn counts(&self, feed: FeedId) -> MessageCounts {
        let state = self.lock();
        let queued = state.queue.iter().chain(state.under_way.iter());
        MessageCounts {
            queued: queued.flat_map(|batch| &batch.counted).filter(|(of, _)| *of == feed).map(|(_, count)| count).sum(),
            committed: state.committed.get(&feed).copied().unwrap_or(0),
            lost: state.lost.get(&feed).copied().unwrap_or(0),
        }
    }

    pub(crate) fn status(&self) -> WriterStatus {
        let state = self.lock();
        WriterStatus { queued_bytes: state.queue_bytes + state.under_way_bytes, ..state.status.clone() }
    }

    /// Waits till everything accepted so far is on disk; `false` if the time is over before.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let mut state = self.lock();
        let target = state.accepted;
        state.hurry = true;
        self.work.notify_one();
        state = self
            .done
            .wait_timeout_while(state, timeout, |state| state.finished < target && !state.stopped)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        state.finished >= target
    }

    /// Nothing more is taken in; what is there is tried once more.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.work.notify_one();
    }

    /// Waits till the thread has ended; tells how many messages it could not write, or `None` if it has not ended.
    pub(crate) fn stopped(&self, timeout: Duration) -> Option<u64> {
        let state = self.lock();
        let (state, wait) = self
            .done
            .wait_timeout_while(state, timeout, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        (!wait.timed_out() || state.stopped).then(|| state.lost.values().sum())
    }

    /// The thread's side: waits for work that is due. `None`: the end. The same work comes again until it is finished.
    pub(crate) fn next(&self, pace: Pace) -> Option<Arc<Vec<Batch>>> {
        let mut state = self.lock();
        loop {
            let nothing = state.queue.is_empty() && state.under_way.is_empty();
            if state.stop && nothing {
                return None;
            }
            let now = Instant::now();
            let wait = state.wait(pace, now);
            if !nothing && wait.is_none() {
                state.hurry = false;
                state.begin(pace.rows);
                return Some(Arc::clone(&state.under_way));
            }
            if nothing {
                state.hurry = false;
            }
            state = match wait {
                Some(wait) if !nothing => self.work.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                _ => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Messages lost so far, over all feeds.
    pub(crate) fn lost_total(&self) -> u64 {
        self.lock().lost.values().sum()
    }

    /// Messages that still wait, over all feeds.
    pub(crate) fn queued_total(&self) -> u64 {
        let state = self.lock();
        state.queue.iter().chain(state.under_way.iter()).flat_map(|batch| &batch.counted).map(|(_, count)| count).sum()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stop
    }

    /// The work under way is on disk. Tells whether there was a problem before.
    pub(crate) fn finish(&self, committed: Committed, at: Time) -> bool {
        let mut state = self.lock();
        let batches = take(&mut state.under_way);
        state.under_way_bytes = 0;
        state.retry_at = None;
        for batch in batches.iter() {
            add(&mut state.committed, &batch.counted);
        }
        state.finished += batches.len() as u64;
        let recovered = state.status.problem.take().is_some();
        state.status.keeping = true;
        state.status.committed_samples += committed.samples;
        state.status.samples_total = committed.samples_total;
        state.status.file_bytes = committed.file_bytes;
        state.status.last_commit = Some(at);
        drop(state);
        self.done.notify_all();
        recovered
    }

    /// The work under way could not be written. Tells whether this is news.
    pub(crate) fn fail(&self, problem: String, wait: Duration) -> bool {
        let mut state = self.lock();
        state.retry_at = Some(Instant::now() + wait);
        state.status.keeping = false;
        state.status.problem.replace(problem).is_none()
    }

    /// The thread has ended: what is still there is lost.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        let left: Vec<Batch> = take(&mut state.queue).into();
        let under_way = take(&mut state.under_way);
        for batch in left.iter().chain(under_way.iter()) {
            add(&mut state.lost, &batch.counted);
        }
        state.queue_bytes = 0;
        state.queue_rows = 0;
        state.under_way_bytes = 0;
        state.stopped = true;
        state.status.keeping = false;
        drop(state);
        self.done.notify_all();
    }
}

/// A submit that brings the queue to this many rows wakes the thread, which then looks at its own limit.
const WAKE_ROWS: usize = 1024;

impl State {
    /// How long to wait until work is due; `None`: now.
    fn wait(&self, pace: Pace, now: Instant) -> Option<Duration> {
        if self.stop || self.hurry {
            return None;
        }
        let due = match (self.retry_at, self.since) {
            (Some(retry), _) => retry,
            (None, _) if self.queue_rows >= pace.rows => return None,
            (None, Some(since)) => since + pace.every,
            (None, None) => return None,
        };
        due.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Moves what fits one transaction under way, unless something still is.
    fn begin(&mut self, rows: usize) {
        if !self.under_way.is_empty() {
            return;
        }
        let mut batches = Vec::new();
        let mut held = 0;
        while held < rows.max(1) {
            let Some(batch) = self.queue.pop_front() else { break };
            held += batch.rows().max(1);
            self.under_way_bytes += batch.bytes();
            self.queue_rows -= batch.rows();
            batches.push(batch);
        }
        self.queue_bytes = self.queue_bytes.saturating_sub(self.under_way_bytes);
        // What stays has waited already.
        self.since = if self.queue.is_empty() { None } else { self.since };
        self.under_way = Arc::new(batches);
    }
}

fn add(counts: &mut BTreeMap<FeedId, u64>, counted: &[(FeedId, u64)]) {
    for &(feed, count) in counted {
        *counts.entry(feed).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(feed: u32, count: u64) -> Batch {
        Batch { counted: vec![(FeedId(feed), count)], ..Batch::default() }
    }

    #[test]
    fn a_batch_larger_than_the_backlog_is_taken_while_nothing_waits() {
        let queue = Shared::new(0, 0, 0);
        assert!(of(1, 7).bytes() > 0, "it is larger than this backlog");
        assert!(queue.submit(of(1, 7)).is_ok());
        assert_eq!(queue.submit(of(1, 2)), Err(of(1, 2)), "now something waits");
        assert_eq!(queue.counts(FeedId(1)), MessageCounts { queued: 7, committed: 0, lost: 2 });

        let pace = Pace { every: Duration::ZERO, rows: 1 };
        assert_eq!(queue.next(pace).map(|work| work.len()), Some(1));
        assert!(queue.submit(of(1, 3)).is_err(), "what is under way waits too");
        queue.finish(Committed::default(), Time::from_millis(0));
        assert!(queue.submit(of(1, 4)).is_ok());
        assert_eq!(queue.counts(FeedId(1)), MessageCounts { queued: 4, committed: 7, lost: 5 });
    }
}
