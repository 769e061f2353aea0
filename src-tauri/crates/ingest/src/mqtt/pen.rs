//! What we write: a task of its own, so that the broker hears of us also while nothing is read because nothing has room.

use std::time::Duration;

use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::line::Io;
use super::packets::PING;
use crate::SessionError;

/// What cannot be written for so long: the connection is dead.
const STUCK: Duration = Duration::from_secs(5);
/// Answers that may wait.
const WAITING: usize = 64;

/// Writes for a session, and says now and then that we live.
#[derive(Debug)]
pub(super) struct Pen {
    to: Option<mpsc::Sender<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Pen {
    /// A ping leaves every `every`, whatever else does (section 3.1.2.10).
    pub(super) fn new(io: WriteHalf<Box<dyn Io>>, every: Duration) -> Pen {
        let (to, from) = mpsc::channel(WAITING);
        Pen { to: Some(to), task: tokio::spawn(write(io, from, every)) }
    }

    /// Writes soon, or not at all if the broker takes nothing more.
    pub(super) fn put(&self, bytes: Vec<u8>) -> Result<(), SessionError> {
        match self.to.as_ref().map(|to| to.try_send(bytes)) {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_) | TrySendError::Closed(_))) | None => Err(stuck()),
        }
    }

    /// The same, with time for what waits before it.
    pub(super) async fn write(&self, bytes: Vec<u8>) -> Result<(), SessionError> {
        let Some(to) = &self.to else { return Err(stuck()) };
        match timeout(STUCK, to.send(bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(stuck()),
        }
    }

    /// Writes what waits, then ends our side of the connection.
    pub(super) async fn end(&mut self) {
        self.to = None;
        // It cannot panic, and whoever drops us aborts it.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn stuck() -> SessionError {
    SessionError::Cut("The broker does not take what is sent to it any more.".to_owned())
}

async fn write(mut io: WriteHalf<Box<dyn Io>>, mut from: mpsc::Receiver<Vec<u8>>, every: Duration) {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let bytes = tokio::select! {
            bytes = from.recv() => match bytes {
                Some(bytes) => bytes,
                None => break,
            },
            _ = ticks.tick() => PING.to_vec(),
        };
        let written = timeout(STUCK, async {
            io.write_all(&bytes).await?;
            io.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            return;
        }
    }
    // One that is cut already cannot be ended.
    let _ = timeout(STUCK, io.shutdown()).await;
}
