//! `feedwatch backtest`.

use feedwatch_engine::backtest::{self, BacktestError};

use crate::args;
use crate::out::{self, Outcome, Trouble, could_not, wrong};
use crate::signals::Interrupt;

pub fn run(args: &args::Backtest) -> Result<Outcome, Trouble> {
    let interrupt = Interrupt::watch()?;
    let mut told = 0;
    let mut progress = |done: usize, all: usize| {
        // About twenty lines, however many files.
        if done == all || done * 20 / all > told {
            told = done * 20 / all;
            out::progress(format!("{done} of {all} files"));
        }
        interrupt.flow()
    };
    let report = backtest::run(&args.paths, &args.out, &mut progress).map_err(|error| match error {
        BacktestError::Disk { .. } => could_not(error),
        other => wrong(other),
    })?;
    if args.json {
        out::object(&report)?;
    } else {
        let out = report.out.display();
        let (rows, series, episodes) = (report.rows, report.series, report.episodes);
        let cancelled = if report.cancelled { " Cancelled before all files were read." } else { "" };
        out::line(format!("{rows} rows of {series} series: {episodes} episodes. Results are in {out}.{cancelled}"))?;
    }
    Ok(Outcome::Done)
}
