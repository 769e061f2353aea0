//! The running engine: sources on a small runtime, one pipeline thread, the history's writer, the notifier.
//!
//! ```text
//! supervise() per feed ──> Inbox ──bell──> pipeline thread ──> Writer
//!                                              │ lock
//!                          frame, rows, acknowledge (shells)
//! ```
//!
//! [`Engine::start`] starts all of it, [`Engine::stop`] ends all of it and gives the last accounts.

mod ask;
mod drill;
mod feeds;
mod history;
mod integrity;
mod listeners;
mod options;
mod picture;
mod status;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use feedwatch_decode::SignatureKey;
use feedwatch_demo::Demo;
use feedwatch_ingest::Bell;
use feedwatch_model::Time;
use feedwatch_store::{Reader, StoreError, Writer};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::alarms::Alarms;
use crate::notify::Notifier;
use crate::pipeline::Pipeline;
use crate::registry::Registry;
use crate::report::{RunReport, run_report};

pub use ask::failure;
pub use drill::{DrillReport, HOLD};
pub use feeds::Running;
pub use listeners::{Follower, Listener};
pub use options::{DemoMode, EngineOptions};

/// Why an engine cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The runtime or a thread could not be had.
    #[error("The system gives no more threads: {0}")]
    System(#[from] std::io::Error),
    /// The history is held by another process, and going on without was not allowed.
    #[error("{problem} {cure}")]
    History {
        /// What the history says.
        problem: StoreError,
        /// How this console gets one of its own.
        cure: &'static str,
    },
    /// The demo's servers could not be started.
    #[error("The demo could not start its servers on loopback: {0}")]
    Demo(#[from] feedwatch_demo::DemoError),
    /// A secret that the configuration names is not there.
    #[error("{0}")]
    Config(#[from] crate::config::Problems),
}

/// A running engine.
pub struct Engine {
    pub(crate) core: Arc<Core>,
    running: Mutex<Option<Parts>>,
    demo: Mutex<Option<Demo>>,
    /// Where others may ask.
    socket: Mutex<Option<std::path::PathBuf>>,
}

/// What runs, until it is stopped.
struct Parts {
    runtime: Runtime,
    thread: JoinHandle<()>,
}

/// What the pipeline thread and the shells share.
pub(crate) struct Core {
    pub(crate) options: EngineOptions,
    pub(crate) pipeline: Mutex<Pipeline>,
    pub(crate) feeds: Mutex<Vec<Running>>,
    pub(crate) history: history::History,
    pub(crate) bell: Arc<Bell>,
    pub(crate) listeners: Mutex<Vec<Listener>>,
    /// Does anybody read lines?
    pub(crate) followed: AtomicBool,
    pub(crate) notifier: Mutex<Option<Notifier>>,
    pub(crate) notifications_on: AtomicBool,
    pub(crate) notifications_trouble: Arc<Mutex<Option<String>>>,
    pub(crate) health: Mutex<status::Health>,
    pub(crate) started: Time,
    pub(crate) quiet: AtomicBool,
    /// A feed is being started anew, and is not in the list for a moment.
    pub(crate) renewing: AtomicBool,
    /// When the feeds were last watched, once the program is about to end.
    pub(crate) left: Mutex<Option<Time>>,
    pub(crate) stop: AtomicBool,
}

impl Engine {
    /// Starts everything.
    ///
    /// # Errors
    /// [`EngineError`]. A history that cannot be written is none: the engine runs without and says so, unless
    /// `options.insist_on_history`.
    pub fn start(options: EngineOptions) -> Result<Engine, EngineError> {
        Engine::start_followed(options, None)
    }

    /// The same, and `follower` is told everything from the first moment on, as by [`Engine::follow`].
    ///
    /// # Errors
    /// Those of [`Engine::start`].
    pub fn start_followed(options: EngineOptions, follower: Option<Follower>) -> Result<Engine, EngineError> {
        let secrets = crate::config::resolve_secrets(&options.config, &|name| std::env::var(name).ok())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(16)
            .thread_name("feedwatch-io")
            .enable_all()
            .build()?;
        let history = history::History::open(&options)?;
        let (registry, alarms) = history.restore();
        let mut pipeline = Pipeline::new(registry, alarms, history.writer().is_some());
        history.recall(&mut pipeline, (options.clock)());
        let demo = match &options.demo {
            Some(mode) => Some(runtime.block_on(Demo::start(mode.to_options(), options.clock))?),
            None => None,
        };
        let core = Arc::new(Core::new(options, pipeline, history));
        if let Some(follower) = follower {
            core.follow(follower);
        }
        let far = Arc::clone(&core);
        let thread =
            std::thread::Builder::new().name("feedwatch-pipeline".to_owned()).spawn(move || worker::run(&far))?;
        let running = Mutex::new(Some(Parts { runtime, thread }));
        let engine = Engine { core, running, demo: Mutex::new(None), socket: Mutex::new(None) };
        if let Some(demo) = demo {
            for feed in options::demo_feeds(&demo) {
                engine.add_feed(&feed, &crate::config::Credentials::default());
            }
            engine.sign_with(options::GATE, &SignatureKey::secret(feedwatch_demo::GATE_KEY));
            *engine.demo.lock() = Some(demo);
        }
        for feed in engine.core.options.config.feeds.clone() {
            engine.add_feed(&feed, secrets.of(&feed.name));
        }
        engine.core.pipeline.lock().restarted(engine.core.now());
        engine.spawn(Arc::clone(&engine.core).drill_by_schedule());
        engine.listen();
        Ok(engine)
    }

    /// Others of this user may ask from now on. A console that does not hold its history is not asked: another one is.
    fn listen(&self) {
        let options = &self.core.options;
        #[cfg(unix)]
        if let Some(path) = crate::control::socket_of(options)
            && (options.history.is_none() || self.core.writer().is_some())
        {
            match crate::control::listen(&path) {
                Ok(listener) => {
                    self.spawn(crate::control::serve(Arc::clone(&self.core), listener));
                    *self.socket.lock() = Some(path);
                }
                Err(error) => tracing::warn!(%error, "no drill can be asked for from outside"),
            }
        }
    }

    /// Ends everything: sources say goodbye, what is in queues is read and written. Gives the last accounts. Blocks for
    /// at most some seconds; whoever still holds the engine can read, and nothing more comes. The second time it only
    /// tells.
    pub fn stop(&self) -> RunReport {
        self.shut_down();
        let mut report = run_report(&self.core);
        report.demo_log = self.demo_log();
        self.core.history.release();
        report
    }

    fn shut_down(&self) {
        let Some(Parts { runtime, thread }) = self.running.lock().take() else { return };
        if let Some(path) = self.socket.lock().take() {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
        // From here on the end of a connection is our own doing, not news.
        self.core.quiet.store(true, Ordering::SeqCst);
        if let Some(demo) = self.demo.lock().take() {
            let log = runtime.block_on(demo.stop());
            self.core.health.lock().demo_log = Some(log);
            // The servers have written their last message and closed: let the feeds read up to that end.
            runtime.block_on(feeds::until_disconnected(&self.core, Duration::from_secs(2)));
        }
        *self.core.left.lock() = Some(self.core.now());
        let tasks = feeds::cancel_all(&self.core);
        runtime.block_on(async {
            let all = async {
                for task in tasks {
                    let _ = task.await;
                }
            };
            let _ = tokio::time::timeout(Duration::from_secs(3), all).await;
        });
        self.core.stop.store(true, Ordering::SeqCst);
        self.core.bell.ring();
        // A panic of the pipeline was told on its thread already; there is nothing left to save here.
        let _ = thread.join();
        self.core.history.flush(Duration::from_secs(10));
        self.core.listeners.lock().clear();
        drop(self.core.notifier.lock().take());
        runtime.shutdown_timeout(Duration::from_secs(1));
    }

    /// The runtime, for a shell that has none.
    pub fn spawn<F>(&self, task: F) -> Option<tokio::task::JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        self.running.lock().as_ref().map(|parts| parts.runtime.spawn(task))
    }

    /// What the demo has done so far, or did, if this is the demo.
    pub fn demo_log(&self) -> Option<feedwatch_demo::Log> {
        match &*self.demo.lock() {
            Some(demo) => Some(demo.log()),
            None => self.core.health.lock().demo_log.clone(),
        }
    }

    /// The history, for reading.
    pub fn reader(&self) -> Option<Reader> {
        self.core.history.reader()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shut_down();
        self.core.history.release();
    }
}

impl Core {
    fn new(options: EngineOptions, pipeline: Pipeline, history: history::History) -> Core {
        let started = (options.clock)();
        let trouble = Arc::new(Mutex::new(None));
        let on = options.notifications;
        let core = Core {
            pipeline: Mutex::new(pipeline),
            feeds: Mutex::new(Vec::new()),
            history,
            bell: Arc::new(Bell::default()),
            listeners: Mutex::new(Vec::new()),
            followed: AtomicBool::new(false),
            notifier: Mutex::new(None),
            notifications_on: AtomicBool::new(on),
            notifications_trouble: trouble,
            health: Mutex::new(status::Health::default()),
            started,
            quiet: AtomicBool::new(false),
            renewing: AtomicBool::new(false),
            left: Mutex::new(None),
            stop: AtomicBool::new(false),
            options,
        };
        core.start_notifier();
        core
    }

    pub(crate) fn now(&self) -> Time {
        (self.options.clock)()
    }

    pub(crate) fn writer(&self) -> Option<Arc<Writer>> {
        self.history.writer()
    }
}

/// The numbers and alarms of an engine without a history.
pub(crate) fn nothing_restored() -> (Registry, Alarms) {
    (Registry::default(), Alarms::default())
}
