//! `feedwatch drill`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::control::{self, AskError, Request};
use feedwatch_engine::engine::{DrillReport, HOLD};
use feedwatch_engine::{Engine, EngineError, EngineOptions};
use feedwatch_model::FeedState;

use crate::args;
use crate::out::{self, Outcome, Trouble, could_not, wrong};
use crate::signals::Interrupt;

/// A feed of our own must be live, and have brought a message, by then.
const TO_LIVE: Duration = Duration::from_secs(60);

pub fn run(args: &args::Drill) -> Result<Outcome, Trouble> {
    let paths = Paths::new(&|name| std::env::var(name).ok()).map_err(could_not)?;
    let path = Path::new(&args.config);
    let config = config::load(path).map_err(wrong)?;
    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
    if !names.contains(&args.feed.as_str()) {
        let names = names.join(", ");
        return Err(wrong(format!(
            "There is no feed named {:?} in {}. There are: {names}.",
            args.feed,
            path.display()
        )));
    }
    let options = EngineOptions::of_config(config, PathBuf::from(path), paths);
    let interrupt = Interrupt::watch()?;
    out::progress(format!("Cutting {}. This takes about {} s.", args.feed, HOLD.as_secs() + 5));
    let asked = match control::socket_of(&options) {
        Some(socket) => {
            let request = Request::Drill(args.feed.clone());
            let stop = interrupt.token();
            interrupt.block_on(async {
                tokio::select! {
                    asked = control::ask(&socket, &request) => Some(asked),
                    () = stop.cancelled() => None,
                }
            })?
        }
        None => Some(Err(AskError::Nobody)),
    };
    let report = match asked {
        None => {
            return interrupted(args, "The console that runs ends the drill by itself, and keeps what it measures.");
        }
        Some(Ok(report)) => report,
        Some(Err(AskError::Nobody)) => {
            let options = EngineOptions { insist_on_history: true, notifications: false, ..options };
            match of_our_own(options, &args.feed, &interrupt)? {
                Some(report) => report,
                None => return interrupted(args, "Nothing was measured."),
            }
        }
        Some(Err(other)) => return Err(could_not(other)),
    };
    if args.json {
        out::object(&report)?;
    } else {
        out::line(&report.text)?;
    }
    Ok(if report.passed() { Outcome::Done } else { Outcome::No })
}

/// What is known of a drill that was not waited for: nothing.
fn interrupted(args: &args::Drill, more: &str) -> Result<Outcome, Trouble> {
    let text = format!("Interrupted before the drill was over. {more}");
    if args.json {
        out::fields(&serde_json::json!({
            "feed": args.feed, "at": null, "from": null, "to": null, "to_first_message_ms": null,
            "lost": null, "filled": null, "repeated": null, "to_return_ms": null, "text": text,
        }))?;
    } else {
        out::line(&text)?;
    }
    Ok(Outcome::Done)
}

/// No console runs: the feeds are watched for as long as the drill takes. `None`: somebody ended it.
fn of_our_own(options: EngineOptions, feed: &str, interrupt: &Interrupt) -> Result<Option<DrillReport>, Trouble> {
    let engine = Engine::start(options).map_err(|error| match error {
        EngineError::Config(problems) => wrong(problems),
        other => could_not(other),
    })?;
    let stop = interrupt.token();
    let drilled = interrupt.block_on(async {
        tokio::select! {
            drilled = live_then_drill(&engine, feed) => drilled.map(Some),
            () = stop.cancelled() => Ok(None),
        }
    })?;
    engine.stop();
    interrupt.all_is_saved();
    drilled
}

async fn live_then_drill(engine: &Engine, feed: &str) -> Result<DrillReport, Trouble> {
    let begin = Instant::now();
    let mut look = tokio::time::interval(Duration::from_millis(50));
    loop {
        look.tick().await;
        match engine.feed_state(feed) {
            Some((FeedState::Live, true, _)) => break,
            Some((FeedState::Refused, _, reason)) => return Err(could_not(reason)),
            Some((_, _, reason)) if begin.elapsed() >= TO_LIVE => {
                let what = if reason.is_empty() { "No message came within 60 s.".to_owned() } else { reason };
                return Err(could_not(format!("The feed is not live, so there is nothing to drill. {what}")));
            }
            _ => {}
        }
    }
    engine.drill(feed, HOLD).await.map_err(|failure| could_not(format!("{} {}", failure.message, failure.cure)))
}
