//! One client as the publisher sees it: whether it is let in, what waits for it, and why it is let go.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::frame::Frame;

/// Whether clients are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// They are.
    Open,
    /// Not now: try again.
    Shut,
    /// Never again: all was said.
    Done,
}

/// Why a client is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All was said.
    Complete,
    /// The publisher goes away for a while.
    GoingAway,
    /// The program stops.
    Stopping,
    /// It did not take its messages.
    TooSlow,
}

impl Ending {
    /// For the client, in words.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Ending::Complete => "all messages were sent",
            Ending::GoingAway => "the publisher goes away and comes back soon",
            Ending::Stopping => "the publisher stops",
            Ending::TooSlow => "closed because messages were not taken fast enough",
        }
    }
}

/// A message in a client's queue; it gives its room back when dropped.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) frame: Arc<Frame>,
    pub(super) _room: OwnedSemaphorePermit,
}

/// What the publisher and the client's task know of each other.
#[derive(Debug)]
pub(crate) struct Client {
    /// Stop at once, whatever waits.
    pub(crate) now: CancellationToken,
    ending: OnceLock<Ending>,
    /// Bytes its queue still takes.
    pub(super) room: Arc<Semaphore>,
    pub(super) queued: AtomicU64,
    pub(super) written: AtomicU64,
}

impl Client {
    /// A client with room for so many bytes.
    pub(super) fn new(now: CancellationToken, queue_bytes: usize) -> Client {
        Client {
            now,
            ending: OnceLock::new(),
            room: Arc::new(Semaphore::new(queue_bytes)),
            queued: AtomicU64::new(0),
            written: AtomicU64::new(0),
        }
    }

    /// Messages queued for it that it will not get if it goes now.
    pub(super) fn waiting(&self) -> u64 {
        // What was written may be counted a moment sooner than what was queued.
        self.queued.load(Relaxed).saturating_sub(self.written.load(Relaxed))
    }

    /// Why it ends; the program stops if nobody said otherwise.
    pub(crate) fn ending(&self) -> Ending {
        self.ending.get().copied().unwrap_or(Ending::Stopping)
    }

    pub(super) fn end(&self, ending: Ending) {
        // The first reason stands.
        let _ = self.ending.set(ending);
    }

    pub(super) fn let_go(&self, ending: Ending) {
        tracing::warn!(reason = ending.reason(), "a client of the publisher is closed");
        self.end(ending);
        self.now.cancel();
    }
}
