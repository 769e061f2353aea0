//! The writer: a handle for the pipeline, and the one thread that writes.
//!
//! A disk that is full or gone never stops the console: the thread keeps the batch it could not write and tries again,
//! after 250 ms, then twice as long each time up to 8 s. It says so once, and once when it works again.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use feedwatch_model::{FeedId, Position, Time};

use crate::commit::Pen;
use crate::guard::Lock;
use crate::queue::{Pace, Shared};
use crate::{Batch, MessageCounts, Options, StoreError, WriterStatus};

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// What the writer tells, from its own thread.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreEvent {
    /// What a transaction brought is on disk.
    Durable {
        /// The last position of each feed and lane in it.
        positions: Vec<(FeedId, Position)>,
        /// The number of the last message of each feed in it.
        messages: Vec<(FeedId, u64)>,
    },
    /// History is not being kept.
    Trouble {
        /// Why, in a sentence with its cure.
        problem: String,
    },
    /// History is being kept again, and nothing that was accepted is lost.
    Recovered,
}

/// The only way into a history. Dropping it commits what it holds, as [`Writer::close`] does.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    #[cfg(test)]
    pub(crate) page_limit: Arc<std::sync::atomic::AtomicU32>,
}

/// Starts the thread.
pub(crate) fn start(
    pen: Pen,
    lock: Lock,
    path: PathBuf,
    options: &Options,
    clock: fn() -> Time,
    on_event: impl Fn(StoreEvent) + Send + 'static,
) -> Result<Writer, StoreError> {
    let shared = Arc::new(Shared::new(options.backlog_bytes, pen.samples_total(), pen.file_bytes()));
    let pace = Pace { every: options.commit_every, rows: options.commit_rows };
    #[cfg(test)]
    let page_limit = Arc::clone(&pen.page_limit);
    let thread = std::thread::Builder::new()
        .name("history".to_owned())
        .spawn({
            let shared = Arc::clone(&shared);
            move || {
                let _ending = Ending(&shared);
                run(pen, &shared, &path, pace, clock, on_event);
                drop(lock);
            }
        })
        .map_err(|error| StoreError::Failed { what: error.to_string() })?;
    Ok(Writer {
        shared,
        thread: Some(thread),
        #[cfg(test)]
        page_limit,
    })
}

/// However the thread ends, those who wait for it are told.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn run(
    mut pen: Pen,
    shared: &Shared,
    path: &std::path::Path,
    pace: Pace,
    clock: fn() -> Time,
    on_event: impl Fn(StoreEvent),
) {
    let mut wait = FIRST_WAIT;
    while let Some(batches) = shared.next(pace) {
        match pen.write(&batches) {
            Ok(committed) => {
                wait = FIRST_WAIT;
                let (positions, messages) = (last_positions(&batches), last_messages(&batches));
                drop(batches);
                if shared.finish(committed, clock()) {
                    on_event(StoreEvent::Recovered);
                }
                if !positions.is_empty() || !messages.is_empty() {
                    on_event(StoreEvent::Durable { positions, messages });
                }
            }
            Err(error) => {
                let problem = StoreError::of(path, &error).to_string();
                if shared.fail(problem.clone(), wait) {
                    tracing::warn!(%error, "the history cannot be written");
                    on_event(StoreEvent::Trouble { problem });
                }
                wait = (wait * 2).min(LONGEST_WAIT);
                if shared.is_stopping() {
                    break;
                }
            }
        }
    }
    pen.end();
    pen.checkpoint();
}

/// The last position of each feed and lane.
fn last_positions(batches: &[Batch]) -> Vec<(FeedId, Position)> {
    let mut last: Vec<(FeedId, Position)> = Vec::new();
    for (feed, position) in batches.iter().flat_map(|batch| &batch.positions) {
        match last.iter_mut().find(|(of, known)| of == feed && known.lane() == position.lane()) {
            Some((_, known)) => *known = position.clone(),
            None => last.push((*feed, position.clone())),
        }
    }
    last
}

/// The last message of each feed.
fn last_messages(batches: &[Batch]) -> Vec<(FeedId, u64)> {
    let mut last: Vec<(FeedId, u64)> = Vec::new();
    for message in batches.iter().flat_map(|batch| &batch.messages) {
        match last.iter_mut().find(|(of, _)| *of == message.feed) {
            Some((_, number)) => *number = message.number,
            None => last.push((message.feed, message.number)),
        }
    }
    last
}

impl Writer {
    /// Hands a batch over. It never blocks and never touches the disk.
    ///
    /// # Errors
    /// The batch itself, when the backlog is full or the writer was closed. Its messages are then counted as `lost`
    /// in [`Writer::counts`]: the caller records the gap and does not submit them again.
    #[allow(clippy::result_large_err, reason = "a refused batch is moved, as an accepted one is: neither needs a box")]
    pub fn submit(&self, batch: Batch) -> Result<(), Batch> {
        self.shared.submit(batch)
    }

    /// Where the messages of a feed stand, all in one moment.
    pub fn counts(&self, feed: FeedId) -> MessageCounts {
        self.shared.counts(feed)
    }

    /// How the writer is.
    pub fn status(&self) -> WriterStatus {
        self.shared.status()
    }

    /// Waits until everything submitted before is on disk; `false` if `timeout` is over first.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.shared.flush(timeout)
    }

    /// Writes what is left, moves the log into the database, and gives the history free.
    ///
    /// # Errors
    /// [`StoreError::NotWritten`] if something could not be written in time.
    pub fn close(mut self, timeout: Duration) -> Result<(), StoreError> {
        let before: u64 = self.shared.lost_total();
        self.shared.stop();
        match self.shared.stopped(timeout) {
            Some(lost) => {
                self.join();
                let problem = self.shared.status().problem;
                match (lost - before, problem) {
                    (0, None) => Ok(()),
                    (messages, problem) => Err(StoreError::NotWritten { messages, problem }),
                }
            }
            None => {
                // The disk does not answer: the thread is left to itself.
                self.thread = None;
                Err(StoreError::NotWritten {
                    messages: self.shared.queued_total(),
                    problem: Some("the disk did not answer in time".to_owned()),
                })
            }
        }
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the history ended by a fault of the program");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.stop();
        self.join();
    }
}
