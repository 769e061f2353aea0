//! The console of a window: an engine that can be exchanged. The demo gives way to the first real feed, with a history of
//! its own; removing or adding a feed writes the configuration file first and changes the engine after.

use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};

use crate::config::{self, edit};
use crate::engine::{DemoMode, Engine, EngineError, EngineOptions, failure};
use crate::newfeed::{Secrets, understand};
use crate::wire::{Failure, FeedChange, Level, NewFeed, Push};

type Sink = Arc<dyn Fn(Push) -> bool + Send + Sync>;

/// An engine behind a window.
pub struct Console {
    engine: RwLock<Option<Arc<Engine>>>,
    pages: Mutex<Vec<Sink>>,
    demo: Option<DemoMode>,
    base: EngineOptions,
}

/// What takes a change of the configuration back.
#[derive(Serialize, Deserialize)]
struct Undo {
    /// The text before; `None`: there was no file.
    before: Option<String>,
    /// The text the change wrote: somebody else's change since is not undone with it.
    after: String,
}

impl Console {
    /// Starts with the configuration of `options`, or with the demo.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn start(options: EngineOptions) -> Result<Console, EngineError> {
        let engine = Engine::start(options.clone())?;
        Ok(Console {
            engine: RwLock::new(Some(Arc::new(engine))),
            pages: Mutex::new(Vec::new()),
            demo: options.demo,
            base: options,
        })
    }

    /// The engine now. `None` after [`Console::stop`], or while one engine is exchanged for another.
    pub fn engine(&self) -> Option<Arc<Engine>> {
        self.engine.read().clone()
    }

    /// The engine now, or why there is none.
    ///
    /// # Errors
    /// A [`Failure`].
    pub fn running(&self) -> Result<Arc<Engine>, Failure> {
        self.engine().ok_or_else(|| failure("internal", "The engine is not running.", "Start the program again."))
    }

    /// The sink is told everything, beginning with a snapshot; after an exchange of engines with another one.
    pub fn subscribe(&self, sink: Sink) {
        if let Some(engine) = self.engine() {
            engine.subscribe(forward(&sink));
        }
        self.pages.lock().push(sink);
    }

    /// Names of the feeds in the configuration file or, in the demo, none.
    fn existing(&self) -> Vec<String> {
        match self.engine() {
            Some(engine) if engine.core.options.demo.is_none() => engine.feed_names(),
            _ => Vec::new(),
        }
    }

    /// Understands what an operator typed.
    ///
    /// # Errors
    /// A [`Failure`] that says what to type instead.
    pub fn understand(&self, new: &NewFeed) -> Result<config::FeedConfig, Failure> {
        let existing = self.existing();
        understand(new, &existing.iter().map(String::as_str).collect::<Vec<_>>(), Secrets::Refused)
    }

    /// Adds a feed: to the configuration file, then to the engine.
    ///
    /// # Errors
    /// A [`Failure`]; then nothing was changed.
    pub fn add_feed(&self, new: &NewFeed) -> Result<FeedChange, Failure> {
        let feed = self.understand(new)?;
        let path = self.base.config_path.clone();
        let (before, stamp) = edit::open(&path).map_err(broken)?;
        let after = edit::add_feed(&before, &feed).map_err(unwritable)?;
        edit::write(&path, &after, stamp).map_err(unwritable)?;
        self.follow(&after)?;
        if let Some(engine) = self.engine() {
            engine.core.notice(Level::Info, format!("{} is being watched.", feed.title()));
        }
        Ok(change(feed.name, &path, stamp, before, after))
    }

    /// Removes a feed: from the configuration file, then from the engine. Its history stays.
    ///
    /// # Errors
    /// A [`Failure`]; then nothing was changed.
    pub fn remove_feed(&self, name: &str) -> Result<FeedChange, Failure> {
        let path = self.base.config_path.clone();
        if self.running()?.core.options.demo.is_some() {
            let cure = "Add a feed of your own: it takes the demo's place.";
            return Err(failure("bad_request", "The demo's feeds cannot be removed.", cure));
        }
        let (before, stamp) = edit::open(&path).map_err(broken)?;
        let after = edit::remove_feed(&before, name).map_err(unwritable)?;
        edit::write(&path, &after, stamp).map_err(unwritable)?;
        self.follow(&after)?;
        Ok(change(name.to_owned(), &path, stamp, before, after))
    }

    /// Takes a change back, unless the file was changed since.
    ///
    /// # Errors
    /// A [`Failure`]; then nothing was changed.
    pub fn undo_feed_change(&self, undo: &str) -> Result<(), Failure> {
        let undo: Undo =
            serde_json::from_str(undo).map_err(|_| failure("bad_request", "That is nothing to take back.", ""))?;
        let path = &self.base.config_path;
        let (now, stamp) = edit::open(path).map_err(broken)?;
        if now != undo.after {
            let cure = "Edit the file by hand.";
            return Err(failure("config", format!("{} was changed since.", path.display()), cure));
        }
        match &undo.before {
            Some(text) => drop(edit::write(path, text, stamp).map_err(unwritable)?),
            None => std::fs::remove_file(path)
                .map_err(|error| failure("disk", format!("{} cannot be removed: {error}.", path.display()), ""))?,
        }
        self.follow(undo.before.as_deref().unwrap_or_default())
    }

    /// Brings the engine to what the configuration now says.
    fn follow(&self, text: &str) -> Result<(), Failure> {
        let config = config::parse(text, &self.base.config_path).map_err(broken)?;
        let engine = self.running()?;
        let demo_now = engine.core.options.demo.is_some();
        match (demo_now, config.feeds.is_empty(), self.demo) {
            (true, false, _) => {
                let options = EngineOptions::of_config(config, self.base.config_path.clone(), self.base.paths.clone());
                drop(engine);
                self.exchange(options)
            }
            (false, true, Some(mode)) => {
                drop(engine);
                self.exchange(EngineOptions::of_demo(mode, self.base.paths.clone()))
            }
            _ => adjust(&engine, &config),
        }
    }

    /// Stops this engine and starts another.
    fn exchange(&self, options: EngineOptions) -> Result<(), Failure> {
        let options = EngineOptions {
            clock: self.base.clock,
            notifications: self.base.notifications && options.notifications,
            config_path: self.base.config_path.clone(),
            ..options
        };
        let mut place = self.engine.write();
        if let Some(old) = place.take() {
            // Commands under way hold it a moment longer; the last one to let go stops it.
            drop(old);
        }
        let cannot = |error: EngineError| failure("internal", error.to_string(), "Start the program again.");
        let engine = Arc::new(Engine::start(options).map_err(cannot)?);
        self.pages.lock().iter().for_each(|sink| engine.subscribe(forward(sink)));
        *place = Some(engine);
        Ok(())
    }

    /// Ends everything. Blocks for at most a few seconds.
    pub fn stop(&self) {
        drop(self.engine.write().take());
    }
}

fn forward(sink: &Sink) -> Box<dyn Fn(Push) -> bool + Send> {
    let sink = Arc::clone(sink);
    Box::new(move |push| sink(push))
}

/// Adds and removes feeds so that the engine watches what the configuration says; those that stay are not touched.
fn adjust(engine: &Engine, config: &config::Config) -> Result<(), Failure> {
    let secrets = config::resolve_secrets(config, &|name| std::env::var(name).ok()).map_err(broken)?;
    let watched = engine.feed_names();
    for name in watched.iter().filter(|name| !config.feeds.iter().any(|feed| feed.name == **name)) {
        engine.remove_feed(name);
    }
    for feed in config.feeds.iter().filter(|feed| !watched.contains(&feed.name)) {
        engine.add_feed(feed, secrets.headers(&feed.name));
    }
    Ok(())
}

fn change(name: String, path: &Path, stamp: edit::Stamp, before: String, after: String) -> FeedChange {
    let before = (stamp != edit::Stamp::Absent).then_some(before);
    let undo = serde_json::to_string(&Undo { before, after }).unwrap_or_default();
    FeedChange { name, config_path: path.display().to_string(), undo }
}

#[allow(clippy::needless_pass_by_value)] // For `map_err`.
fn broken(problems: config::Problems) -> Failure {
    failure("config", problems.to_string(), "Mend the configuration file; nothing was changed.")
}

#[allow(clippy::needless_pass_by_value)] // For `map_err`.
fn unwritable(error: edit::EditError) -> Failure {
    failure("config", error.to_string(), "Nothing was changed.")
}
