//! Ctrl-C and its kin, and the runtime of this shell.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::out::{self, Trouble, could_not};

/// What shells tell of a program that SIGINT has ended.
const ENDED_AT_ONCE: i32 = 130;

/// Watches for the wish to end, from now on. The first one is for the command to follow. Once there is nothing left to
/// save, a further one ends the program at once: it may be waiting for a reader of the output that does not read.
pub struct Interrupt {
    runtime: Option<Runtime>,
    asked: CancellationToken,
    saved: Arc<AtomicBool>,
}

impl Interrupt {
    pub fn watch() -> Result<Interrupt, Trouble> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().map_err(could_not)?;
        let asked = CancellationToken::new();
        let mut wishes = {
            let _inside = runtime.enter();
            Wishes::new().map_err(could_not)?
        };
        let saved = Arc::new(AtomicBool::new(false));
        let (token, may_end) = (asked.clone(), Arc::clone(&saved));
        runtime.spawn(async move {
            loop {
                wishes.next().await;
                if token.is_cancelled() && may_end.load(Ordering::SeqCst) {
                    end_at_once();
                }
                token.cancel();
            }
        });
        Ok(Interrupt { runtime: Some(runtime), asked, saved })
    }

    /// There is nothing left to save: all that remains is to print.
    pub fn all_is_saved(&self) {
        self.saved.store(true, Ordering::SeqCst);
    }

    /// Cancelled as soon as the program is asked to end.
    pub fn token(&self) -> CancellationToken {
        self.asked.clone()
    }

    /// Has the program been asked to end?
    pub fn has_come(&self) -> bool {
        self.asked.is_cancelled()
    }

    /// The same for those who ask whether to go on.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.has_come() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Runs a future to its end.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Trouble> {
        let runtime = self.runtime.as_ref().ok_or_else(|| could_not("The program is ending."))?;
        Ok(runtime.block_on(future))
    }

    /// Waits till the program is asked to end or the time is over.
    pub fn wait(&self, time: Option<Duration>) -> Result<(), Trouble> {
        self.block_on(async {
            match time {
                Some(time) => drop(tokio::time::timeout(time, self.asked.cancelled()).await),
                None => self.asked.cancelled().await,
            }
        })
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        // A name that is being looked up must not hold the end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "main waits for the output; what was to be kept is kept")]
fn end_at_once() -> ! {
    out::progress("feedwatch: Interrupted once more, so it ends at once.");
    std::process::exit(ENDED_AT_ONCE)
}

#[cfg(unix)]
struct Wishes {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Wishes {
    fn new() -> std::io::Result<Wishes> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Wishes { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Wishes;

#[cfg(not(unix))]
impl Wishes {
    fn new() -> std::io::Result<Wishes> {
        Ok(Wishes)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
