//! `feedwatch run`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::engine::Follower;
use feedwatch_engine::report::RunReport;
use feedwatch_engine::text::{many, traffic};
use feedwatch_engine::{DemoMode, Engine, EngineError, EngineOptions};
use serde_json::Value;

use crate::args;
use crate::out::{self, Outcome, Teller, Trouble, could_not, wrong};
use crate::people::{self, People};
use crate::signals::Interrupt;

pub fn run(args: &args::Run) -> Result<Outcome, Trouble> {
    let options = options(args)?;
    let interrupt = Interrupt::watch()?;
    let teller = Teller::start()?;
    let engine = Engine::start_followed(options, follower(&args.output, &teller)).map_err(|error| match error {
        EngineError::Config(problems) => wrong(problems),
        other => could_not(other),
    })?;
    out::progress(match args.time {
        Some(time) => format!("Watching for {}. Ctrl-C ends it earlier.", config::duration_text(time)),
        None => "Watching. Ctrl-C ends it.".to_owned(),
    });
    interrupt.wait(args.time)?;
    let report = engine.stop();
    interrupt.all_is_saved();
    teller.finish();
    if args.output.json {
        out::object(&report)?;
    } else {
        say(&report)?;
    }
    Ok(out::judged(&report.findings, &args.output.fail_on))
}

/// What is told while it runs. Called from the pipeline's thread, which must never wait for the reader of the output.
fn follower(output: &args::Output, teller: &Teller) -> Option<Follower> {
    let voice = teller.voice();
    if output.follow {
        return Some(Box::new(move |line| voice.say(line.to_string())));
    }
    let people = RefCell::new(People::default());
    let tell = move |line: &Value| {
        if let Some(text) = people.borrow_mut().line(line) {
            voice.say(text);
        }
    };
    (!output.json).then(|| Box::new(tell) as Follower)
}

fn options(args: &args::Run) -> Result<EngineOptions, Trouble> {
    let paths = Paths::new(&|name| std::env::var(name).ok()).map_err(could_not)?;
    let options = if args.config == "demo" {
        EngineOptions::of_demo(DemoMode { seed: args.seed, faults: !args.no_faults }, paths)
    } else {
        let path = Path::new(&args.config);
        let config = config::load(path).map_err(wrong)?;
        EngineOptions::of_config(config, PathBuf::from(path), paths)
    };
    // Without a window there is nobody at this desktop to be told, and two writers must not share a history.
    Ok(EngineOptions { insist_on_history: true, notifications: false, ..options })
}

fn say(report: &RunReport) -> Result<(), Trouble> {
    // Those that have ended were told as they did.
    for gap in report.gaps.iter().filter(|gap| gap.to.is_none()) {
        out::line(people::gap(&serde_json::to_value(gap).map_err(could_not)?))?;
    }
    for (feed, accounts) in &report.accounts {
        out::line(format!(
            "{feed}: received {} = stored {} + dropped {} + repeated {} + unreadable {} + in flight {}",
            accounts.received,
            accounts.stored,
            accounts.dropped,
            accounts.duplicate,
            accounts.rejected,
            accounts.in_flight
        ))?;
        if accounts.conflated > 0 {
            out::line(format!("{feed}: {} left out by its rate limit", many(accounts.conflated, "sample")))?;
        }
        let wire = accounts.wire_bytes.map(|bytes| bytes as f64);
        out::line(format!("{feed}: {}", traffic(wire, accounts.bytes as f64, "")))?;
    }
    if let Some(history) = &report.history {
        let mb = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        out::line(format!(
            "History {}: {}, {}; raw messages {}, at most {} a feed and {} days",
            history.file,
            mb(history.bytes),
            many(history.samples, "sample"),
            history.message_bytes.map_or_else(|| "unknown".to_owned(), mb),
            mb(history.message_bytes_per_feed),
            history.message_seconds / 86_400,
        ))?;
    }
    let open = report.alarms.iter().filter(|alarm| alarm.state.is_active()).count();
    out::line(format!(
        "{}, {} ({open} still {}), {} in {:.0} s",
        many(report.findings.len() as u64, "finding"),
        many(report.alarms.len() as u64, "alarm"),
        if open == 1 { "holds" } else { "hold" },
        many(report.gaps.len() as u64, "gap"),
        report.seconds
    ))?;
    if let Some(problem) = &report.history_problem {
        out::progress(format!("History is not being kept. {problem}"));
    }
    Ok(())
}
