//! `feedwatch run`.

use std::path::{Path, PathBuf};

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::report::RunReport;
use feedwatch_engine::{DemoMode, Engine, EngineError, EngineOptions};

use crate::args;
use crate::out::{self, Outcome, Trouble, could_not, wrong};
use crate::signals;

pub fn run(args: &args::Run) -> Result<Outcome, Trouble> {
    let options = options(args)?;
    let engine = Engine::start(options).map_err(|error| match error {
        EngineError::Config(problems) => wrong(problems),
        other => could_not(other),
    })?;
    if args.output.follow {
        engine.follow(Box::new(|line| out::line(line)));
    } else if !args.output.json {
        engine.follow(Box::new(|line| {
            if line["type"] == "finding" {
                let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
                let place = if line["series"].is_null() { text("feed") } else { text("feed") + "/" + &text("series") };
                out::line(format!("{}  {:<8} {place:<24} {}", text("at"), text("severity"), text("text")));
            }
        }));
    }
    out::progress(match args.time {
        Some(time) => format!("Watching for {}. Ctrl-C ends it earlier.", config::duration_text(time)),
        None => "Watching. Ctrl-C ends it.".to_owned(),
    });
    signals::runtime()?.block_on(signals::interrupted_or(args.time));
    let report = engine.stop();
    if args.output.json {
        out::object(&report)?;
    } else {
        say(&report);
    }
    Ok(out::judged(&report.findings, &args.output.fail_on))
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

fn say(report: &RunReport) {
    for (feed, accounts) in &report.accounts {
        out::line(format!(
            "{feed}: received {} = stored {} + dropped {} + repeated {} + unreadable {} + in flight {}",
            accounts.received,
            accounts.stored,
            accounts.dropped,
            accounts.duplicate,
            accounts.rejected,
            accounts.in_flight
        ));
    }
    let open = report.alarms.iter().filter(|alarm| alarm.state.is_active()).count();
    out::line(format!(
        "{} findings, {} alarms ({open} still hold), {} gaps in {:.0} s",
        report.findings.len(),
        report.alarms.len(),
        report.gaps.len(),
        report.seconds
    ));
    if let Some(problem) = &report.history_problem {
        out::progress(format!("History is not being kept. {problem}"));
    }
}
