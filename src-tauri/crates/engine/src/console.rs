//! The console of a window: an engine that can be exchanged. The demo gives way to the first real feed, with a history of
//! its own; removing or adding a feed writes the configuration file first and changes the engine after.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::config::{self, edit};
use crate::engine::{DemoMode, Engine, EngineError, EngineOptions, failure};
use crate::newfeed::{Secrets, is_complete, take_secrets, understand, unpinnable};
use crate::wire::{Failure, FeedChange, Level, NewFeed, PinsRow, ProfileRequest, ProfileView, Push};

type Sink = Arc<dyn Fn(Push) -> bool + Send + Sync>;

const DEMO_FIXED: &str = "The demo's feeds stand in no configuration, so that nothing of them can be pinned.";
const DEMO_CURE: &str = "Add a feed of your own.";

/// An engine behind a window.
pub struct Console {
    engine: RwLock<Option<Arc<Engine>>>,
    page: Mutex<Option<Sink>>,
    /// Held from reading the configuration file until the engine follows it: one change at a time.
    changes: Mutex<Vec<Undo>>,
    demo: Option<DemoMode>,
    base: EngineOptions,
}

/// What takes a change of the configuration back.
struct Undo {
    /// The text before; `None`: there was no file.
    before: Option<String>,
    /// The text the change wrote: somebody else's change since is not undone with it.
    after: String,
    /// Files with secrets that it made.
    secrets: Vec<PathBuf>,
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
            page: Mutex::new(None),
            changes: Mutex::new(Vec::new()),
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

    /// The window's page is told everything, beginning with a snapshot; after an exchange of engines with another one.
    /// A page that subscribes again takes the place of the one before.
    pub fn subscribe(&self, sink: Sink) {
        let mut page = self.page.lock();
        if let Some(engine) = self.engine() {
            engine.subscribe(forward(&sink));
        }
        *page = Some(sink);
    }

    /// Names of the feeds in the configuration file or, in the demo, none.
    fn existing(&self) -> Vec<String> {
        match self.engine() {
            Some(engine) if engine.core.options.demo.is_none() => engine.feed_names(),
            _ => Vec::new(),
        }
    }

    /// Understands what an operator typed, and looks whether its token is there.
    ///
    /// # Errors
    /// A [`Failure`] that says what to type instead.
    pub fn understand(&self, new: &NewFeed) -> Result<config::FeedConfig, Failure> {
        let existing = self.existing();
        let feed = understand(new, &existing.iter().map(String::as_str).collect::<Vec<_>>(), Secrets::Refused)?;
        is_complete(&feed, &|name| std::env::var(name).ok())?;
        Ok(feed)
    }

    /// Adds a feed: to the configuration file, then to the engine.
    ///
    /// # Errors
    /// A [`Failure`]; then nothing was changed.
    pub fn add_feed(&self, new: &NewFeed) -> Result<FeedChange, Failure> {
        let mut changes = self.changes.lock();
        let mut feed = self.understand(new)?;
        let folder = self.base.config_path.parent().unwrap_or(Path::new(""));
        let kept = take_secrets(&mut feed, &|file| folder.join(file).symlink_metadata().is_ok());
        let (before, stamp) = edit::open(&self.base.config_path).map_err(broken)?;
        let after = edit::add_feed(&before, &feed).map_err(unwritable)?;
        // Only those that were made here are forgotten if something fails.
        let mut files = Vec::new();
        let written = kept.iter().try_for_each(|secret| {
            let file = folder.join(&secret.file);
            edit::write_secret(&file, &secret.text)?;
            files.push(file);
            Ok(())
        });
        let changed = written
            .map_err(unwritable)
            .and_then(|()| self.change(&mut changes, feed.name.clone(), (before, stamp), after));
        let change = changed.inspect_err(|_| forget(&files))?;
        // That the feed was added is said by whoever asked for it.
        if let (Some(engine), Some(file)) = (self.engine(), files.first()) {
            let (title, file) = (feed.title(), file.display());
            let text = format!("The secret of the address of {title} is kept in {file}, which only you can read.");
            engine.core.notice(Level::Info, text);
        }
        if let Some(undo) = changes.last_mut() {
            undo.secrets = files;
        }
        Ok(change)
    }

    /// Removes a feed: from the configuration file, then from the engine. Its history stays.
    ///
    /// # Errors
    /// A [`Failure`]; then nothing was changed.
    pub fn remove_feed(&self, name: &str) -> Result<FeedChange, Failure> {
        let mut changes = self.changes.lock();
        if self.running()?.core.options.demo.is_some() {
            let cure = "Add a feed of your own: it takes the demo's place.";
            return Err(failure("bad_request", "The demo's feeds cannot be removed.", cure));
        }
        let (before, stamp) = edit::open(&self.base.config_path).map_err(broken)?;
        let after = edit::remove_feed(&before, name).map_err(unwritable)?;
        self.change(&mut changes, name.to_owned(), (before, stamp), after)
    }

    /// What is known of a feed, and what is pinned of it.
    ///
    /// # Errors
    /// A [`Failure`]: there is no such feed (any more).
    pub fn profile(&self, request: &ProfileRequest) -> Result<ProfileView, Failure> {
        let engine = self.running()?;
        let mut view = engine.profile(request)?;
        if engine.core.options.demo.is_some() {
            view.fixed = format!("{DEMO_FIXED} {DEMO_CURE}");
        }
        Ok(view)
    }

    /// Pins of a feed what is typed, and no more: in the configuration file, then in the engine, where the feed starts
    /// anew and learns with it.
    ///
    /// # Errors
    /// A [`Failure`] (`pins` where what was typed cannot be pinned); then nothing was changed.
    pub fn set_profile(&self, name: &str, pins: &PinsRow) -> Result<FeedChange, Failure> {
        let pins = config::read_pins(pins).map_err(|problems| unpinnable(&problems))?;
        let mut changes = self.changes.lock();
        if self.running()?.core.options.demo.is_some() {
            return Err(failure("bad_request", DEMO_FIXED, DEMO_CURE));
        }
        let (before, stamp) = edit::open(&self.base.config_path).map_err(broken)?;
        let after = edit::set_pins(&before, name, &pins).map_err(unwritable)?;
        if after == before {
            return Err(failure("bad_request", "Nothing else is to be pinned than what is pinned.", ""));
        }
        self.change(&mut changes, name.to_owned(), (before, stamp), after)
    }

    /// Checks that the engine can follow, writes the file, lets the engine follow; where it cannot after all, the file is
    /// as before.
    fn change(
        &self,
        changes: &mut Vec<Undo>,
        name: String,
        (before, stamp): (String, edit::Stamp),
        after: String,
    ) -> Result<FeedChange, Failure> {
        let path = &self.base.config_path;
        let config = config::parse(&after, path).map_err(broken)?;
        config::resolve_secrets(&config, &|name| std::env::var(name).ok()).map_err(broken)?;
        let written = edit::write(path, &after, stamp).map_err(unwritable)?;
        let before = (stamp != edit::Stamp::Absent).then_some(before);
        let undo = Undo { before, after, secrets: Vec::new() };
        if let Err(failure) = self.follow(config) {
            undo.write(path, written)?;
            return Err(failure);
        }
        changes.push(undo);
        let undo = (changes.len() - 1).to_string();
        Ok(FeedChange { name, config_path: path.display().to_string(), undo })
    }

    /// Takes a change back, unless the file was changed since.
    ///
    /// # Errors
    /// A [`Failure`]; then nothing was changed.
    pub fn undo_feed_change(&self, undo: &str) -> Result<(), Failure> {
        let changes = self.changes.lock();
        let undo = undo.parse().ok().and_then(|number: usize| changes.get(number));
        let undo = undo.ok_or_else(|| failure("bad_request", "That is nothing to take back.", ""))?;
        let path = &self.base.config_path;
        let (now, stamp) = edit::open(path).map_err(broken)?;
        if now != undo.after {
            let cure = "Edit the file by hand.";
            return Err(failure("config", format!("{} was changed since.", path.display()), cure));
        }
        let config = config::parse(undo.before.as_deref().unwrap_or_default(), path).map_err(broken)?;
        config::resolve_secrets(&config, &|name| std::env::var(name).ok()).map_err(broken)?;
        let written = undo.write(path, stamp)?;
        if let Err(failure) = self.follow(config) {
            edit::write(path, &undo.after, written).map_err(unwritable)?;
            return Err(failure);
        }
        // Last, when nothing can need them any more.
        forget(&undo.secrets);
        Ok(())
    }

    /// Brings the engine to what the configuration now says.
    fn follow(&self, config: config::Config) -> Result<(), Failure> {
        let engine = self.running()?;
        let demo_now = engine.core.options.demo.is_some();
        match (demo_now, config.feeds.is_empty(), self.demo) {
            (true, false, _) => {
                let (path, paths) = (self.base.config_path.clone(), self.base.paths.clone());
                self.exchange(&engine, EngineOptions::of_config(config, path, paths))
            }
            (false, true, Some(mode)) => self.exchange(&engine, EngineOptions::of_demo(mode, self.base.paths.clone())),
            _ => adjust(&engine, &config),
        }
    }

    /// Starts another engine, then stops this one: their histories differ, and if the new one cannot start the old one
    /// goes on.
    fn exchange(&self, old: &Engine, options: EngineOptions) -> Result<(), Failure> {
        let options = EngineOptions {
            clock: self.base.clock,
            notifications: old.notifies() && options.notifications,
            config_path: self.base.config_path.clone(),
            ..options
        };
        let cannot = |error: EngineError| failure("internal", error.to_string(), "Nothing was changed.");
        let engine = Arc::new(Engine::start(options).map_err(cannot)?);
        let page = self.page.lock();
        old.unsubscribe();
        *self.engine.write() = Some(Arc::clone(&engine));
        if let Some(sink) = &*page {
            engine.subscribe(forward(sink));
        }
        drop(page);
        old.stop();
        Ok(())
    }

    /// Ends everything. Blocks for at most some seconds.
    pub fn stop(&self) {
        let engine = self.engine.write().take();
        if let Some(engine) = engine {
            engine.stop();
        }
    }
}

impl Undo {
    /// Puts the file back to what it was; gives its new stamp.
    fn write(&self, path: &Path, stamp: edit::Stamp) -> Result<edit::Stamp, Failure> {
        match &self.before {
            Some(text) => edit::write(path, text, stamp).map_err(unwritable),
            None => std::fs::remove_file(path)
                .map(|()| edit::Stamp::Absent)
                .map_err(|error| failure("disk", format!("{} cannot be removed: {error}.", path.display()), "")),
        }
    }
}

/// Removes files with secrets that nothing names any more.
fn forget(files: &[PathBuf]) {
    for file in files {
        if let Err(error) = std::fs::remove_file(file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "{} cannot be removed", file.display());
        }
    }
}

fn forward(sink: &Sink) -> Box<dyn Fn(Push) -> bool + Send> {
    let sink = Arc::clone(sink);
    Box::new(move |push| sink(push))
}

/// Adds and removes feeds so that the engine watches what the configuration says. One that is configured otherwise is
/// started anew; those that stay as they are are not touched.
fn adjust(engine: &Engine, config: &config::Config) -> Result<(), Failure> {
    let secrets = config::resolve_secrets(config, &|name| std::env::var(name).ok()).map_err(broken)?;
    let watched = engine.feed_names();
    for name in watched.iter().filter(|name| !config.feeds.iter().any(|feed| feed.name == **name)) {
        engine.remove_feed(name);
    }
    for feed in config.feeds.iter().filter(|feed| !engine.runs_as(feed)) {
        let credentials = secrets.of(&feed.name);
        if watched.contains(&feed.name) {
            engine.renew_feed(feed, credentials);
        } else {
            engine.add_feed(feed, credentials);
        }
    }
    Ok(())
}

#[allow(clippy::needless_pass_by_value)] // For `map_err`.
fn broken(problems: config::Problems) -> Failure {
    failure("config", problems.to_string(), "Mend the configuration file; nothing was changed.")
}

#[allow(clippy::needless_pass_by_value)] // For `map_err`.
fn unwritable(error: edit::EditError) -> Failure {
    failure("config", error.to_string(), "Nothing was changed.")
}
