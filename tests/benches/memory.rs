//! What the engine without a window keeps resident: 1,000 series, ten samples a second each, for 11 minutes, so that
//! every ring of the live view is full. The clock runs as fast as the messages come.
//!
//! Each case is a process of its own. Read from `/proc/self/status`: on other systems there is nothing to see.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::indexing_slicing)]

#[path = "kit/sender.rs"]
mod sender;
#[path = "kit/ticker.rs"]
mod ticker;

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context;
use feedwatch_engine::clock;
use feedwatch_engine::config::{Config, FeedConfig, Paths, SourceConfig, WebSocketConfig};
use feedwatch_engine::{Engine, EngineOptions};
use feedwatch_model::Time;

use sender::{Pace, Sender};
use ticker::Shape;

const CASE: &str = "case";
const GOAL_MIB: f64 = 60.0;
const FEEDS: usize = 5;
const PRODUCTS: usize = 25;
const SERIES: usize = FEEDS * 8 * PRODUCTS;
/// Nanoseconds between messages of a feed: every product ten times a second.
const STEP: i64 = 100_000_000 / PRODUCTS as i64;
const MINUTE: u64 = (60_000_000_000 / STEP) as u64;
/// Messages of a feed that may be under way: as many as two seconds bring.
const WINDOW: u64 = 512;

static CLOCK: AtomicI64 = AtomicI64::new(0);

fn simulated() -> Time {
    Time::from_nanos(CLOCK.load(Ordering::SeqCst))
}

/// A line of `/proc/self/status` in MiB.
fn mib(name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("only Linux tells what is resident")?;
    let line = status.lines().find(|line| line.starts_with(name)).context("there is no such line")?;
    let kib = line.split_whitespace().nth(1).context("the line is short")?;
    Ok(kib.parse::<f64>()? / 1024.0)
}

/// In a child: runs the engine and prints what it keeps.
fn case(history: bool) -> anyhow::Result<()> {
    let start = clock::now();
    CLOCK.store(start.nanos(), Ordering::SeqCst);
    let folder = tempfile::tempdir()?;
    let pace = Pace { from: start, slow: (0, 0), step: STEP };
    let senders = (0..FEEDS).map(|_| Sender::start(Shape::Ticker, PRODUCTS, pace));
    let mut senders = senders.collect::<anyhow::Result<Vec<Sender>>>()?;
    let feeds = senders.iter().enumerate().map(|(at, sender)| {
        Ok(FeedConfig::new(at.to_string(), SourceConfig::WebSocket(WebSocketConfig::new(sender.url().parse()?))))
    });
    let config = Config { feeds: feeds.collect::<anyhow::Result<_>>()?, ..Config::default() };
    let home = folder.path().display().to_string();
    let paths = Paths::new(&|name| (name == "HOME").then(|| home.clone()))?;
    let engine = Engine::start(EngineOptions {
        history: history.then(|| folder.path().join("history.db")),
        notifications: false,
        clock: simulated,
        ..EngineOptions::of_config(config, paths.config_file(), paths)
    })?;
    println!("{}", if history { "with history" } else { "without history" });
    println!("  started:           {:>6.1} MiB", mib("VmRSS:")?);
    for minutes in [1, 2, 5, 11] {
        flow(&engine, &mut senders, pace, minutes * MINUTE)?;
        println!("  after {minutes:>2} min:      {:>6.1} MiB, {} series", mib("VmRSS:")?, engine.series().len());
    }
    anyhow::ensure!(engine.series().len() == SERIES, "{} series, not {SERIES}", engine.series().len());
    println!("  at most:           {:>6.1} MiB", mib("VmHWM:")?);
    println!("{}", mib("VmRSS:")?);
    Ok(())
}

/// Lets the same number of messages flow through every feed.
fn flow(engine: &Engine, senders: &mut [Sender], pace: Pace, total: u64) -> anyhow::Result<()> {
    let (mut done, mut moved) = (0, clock::now());
    while done < total {
        let accounts = engine.accounts();
        let lost: u64 = accounts.values().map(|feed| feed.dropped + feed.rejected + feed.duplicate).sum();
        anyhow::ensure!(lost == 0, "messages are lost: {accounts:?}");
        let slowest = accounts.values().map(|feed| feed.stored).min().context("the feeds are gone")?;
        if slowest > done {
            (done, moved) = (slowest, clock::now());
        }
        anyhow::ensure!(clock::now().secs_since(moved) < 30.0, "nothing moves: {accounts:?}");
        let allowed = (slowest + WINDOW).min(total);
        CLOCK.store(pace.at(allowed).nanos(), Ordering::SeqCst);
        for sender in &mut *senders {
            sender.allow(allowed)?;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    Ok(())
}

fn main() -> anyhow::Result<ExitCode> {
    if sender::is_child()? {
        return Ok(ExitCode::SUCCESS);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, history] = &arguments[..]
        && first == CASE
    {
        case(history == "true")?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("resident memory of the engine with {SERIES} series at 10 samples a second, goal under {GOAL_MIB} MiB");
    let mut kept = Vec::new();
    for history in [false, true] {
        let child = Command::new(std::env::current_exe()?).args([CASE, &history.to_string()]).output()?;
        anyhow::ensure!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        let text = String::from_utf8(child.stdout)?;
        let (shown, last) = text.trim_end().rsplit_once('\n').context("the child said nothing")?;
        println!("{shown}");
        kept.push(last.parse::<f64>()?);
    }
    if kept[0] > GOAL_MIB {
        eprintln!("FAILED: without history the engine keeps more than {GOAL_MIB} MiB resident.");
        return Ok(ExitCode::FAILURE);
    }
    if kept[1] > GOAL_MIB {
        println!("WARNING: with history the engine keeps more than {GOAL_MIB} MiB resident.");
    }
    Ok(ExitCode::SUCCESS)
}
