//! The engine as it runs without a window: source, inbox, pipeline thread and, where a folder is given, the history.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context;
use feedwatch_engine::clock;
use feedwatch_engine::config::{Backup, Config, FeedConfig, Paths, SourceConfig, WebSocketConfig};
use feedwatch_engine::{Engine, EngineOptions};
use feedwatch_ingest::EndpointMode;
use feedwatch_model::{Accounts, Time};

use crate::measure::cpu;
use crate::sender::{Pace, Sender};
use crate::ticker::Shape;
use crate::{PRODUCTS, SLOW, WINDOW, pace};

/// The engine's clock: as far as messages may have been sent.
static CLOCK: AtomicI64 = AtomicI64::new(0);

fn simulated() -> Time {
    Time::from_nanos(CLOCK.load(Ordering::SeqCst))
}

/// How often it is looked how far the engine is.
const LOOK: Duration = Duration::from_millis(2);
/// While messages are far apart so few are under way that the clock never goes ahead of them by a second.
const SLOW_WINDOW: u64 = 64;
/// A history commits in groups: so many messages more may be under way.
const GROUPS: u64 = 4;

/// CPU nanoseconds a message, all threads. With a `history` a message counts as done when it is committed.
pub(crate) fn run(shape: Shape, warm_up: u64, messages: u64, history: Option<&Path>) -> anyhow::Result<f64> {
    measure(shape, warm_up, messages, history, 1)
}

/// The same for a feed whose messages come on two lines at once, a copy of each on either: nanoseconds for each message of
/// its own, not for each copy.
pub(crate) fn run_pair(shape: Shape, warm_up: u64, messages: u64) -> anyhow::Result<f64> {
    measure(shape, warm_up, messages, None, 2)
}

fn measure(shape: Shape, warm_up: u64, messages: u64, history: Option<&Path>, lines: u64) -> anyhow::Result<f64> {
    let pace = pace();
    CLOCK.store(pace.from.nanos(), Ordering::SeqCst);
    let mut senders =
        (0..lines).map(|_| Sender::start(shape, PRODUCTS, pace)).collect::<anyhow::Result<Vec<Sender>>>()?;
    let engine = Engine::start(options(&senders, history)?)?;
    let window = if history.is_some() { GROUPS * WINDOW } else { WINDOW };
    while engine.status().1.iter().flat_map(|row| &row.lines).any(|line| line.state != "up") {
        std::thread::park_timeout(LOOK);
    }
    until(&engine, &mut senders, pace, SLOW_WINDOW, SLOW)?;
    until(&engine, &mut senders, pace, window, warm_up)?;
    let before = cpu();
    until(&engine, &mut senders, pace, window, warm_up + messages)?;
    let spent = cpu() - before;
    let accounts = accounts(&engine)?;
    let lossless = accounts.stored * lines == accounts.received && accounts.in_flight == 0;
    anyhow::ensure!(lossless, "not every message was read: {accounts:?}");
    Ok(spent.as_nanos() as f64 / messages as f64)
}

fn options(senders: &[Sender], history: Option<&Path>) -> anyhow::Result<EngineOptions> {
    let mut sources = Vec::new();
    for sender in senders {
        sources.push(SourceConfig::WebSocket(WebSocketConfig::new(sender.url().parse()?)));
    }
    let mut sources = sources.into_iter();
    let mut feed = FeedConfig::new("bench", sources.next().context("there is no sender")?);
    feed.backups = sources.map(|source| Backup { name: "other".to_owned(), source }).collect();
    feed.endpoints.rules.mode = EndpointMode::Redundant;
    let config = Config { feeds: vec![feed], ..Config::default() };
    let home = std::env::temp_dir();
    let paths = Paths::new(&|name| (name == "HOME").then(|| home.display().to_string()))?;
    Ok(EngineOptions {
        history: history.map(|folder| folder.join("history.db")),
        insist_on_history: true,
        notifications: false,
        clock: simulated,
        ..EngineOptions::of_config(config, paths.config_file(), paths)
    })
}

/// Lets messages flow until `total` are done.
fn until(engine: &Engine, senders: &mut [Sender], pace: Pace, window: u64, total: u64) -> anyhow::Result<()> {
    let (mut done, mut told, mut moved) = (0, 0, clock::now());
    while done < total {
        let accounts = accounts(engine)?;
        let lost = accounts.dropped + accounts.rejected;
        anyhow::ensure!(lost == 0, "not every message was read: {accounts:?}");
        // Of a pair both copies have to be there.
        let all = accounts.stored.min(accounts.received / senders.len() as u64);
        if all > done {
            (done, moved) = (all, clock::now());
        }
        anyhow::ensure!(clock::now().secs_since(moved) < 30.0, "nothing moves: {accounts:?}");
        let allowed = (all + window).min(total);
        // So seldom that it costs little: each word wakes a process.
        if allowed >= told + window / 4 || allowed == total && told < total {
            told = allowed;
            CLOCK.store(pace.at(allowed).nanos(), Ordering::SeqCst);
            for sender in &mut *senders {
                sender.allow(allowed)?;
            }
        }
        std::thread::park_timeout(LOOK);
    }
    Ok(())
}

fn accounts(engine: &Engine) -> anyhow::Result<Accounts> {
    engine.accounts().get("bench").copied().context("the feed is gone")
}
