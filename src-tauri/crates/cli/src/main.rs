//! The terminal shell: whatever the window can do, a script can. Results on stdout, progress and diagnostics on stderr.
//!
//! Exit codes: 0 done; 1 the answer is no; 2 usage, input or configuration wrong; 3 could not.

#![allow(unreachable_pub)] // A program has no outside: `pub` here says what a module offers.

mod args;
mod backtest;
mod check;
mod drill;
mod export;
mod open;
mod out;
mod people;
mod probe;
mod replay;
mod run;
mod signals;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::out::Outcome;

fn main() -> ExitCode {
    out::log_to_stderr();
    let args = Args::parse();
    if matches!(args.command, Command::Probe(_) | Command::Run(_)) {
        feedwatch_engine::sources::offer_standard_input();
    }
    let outcome = match args.command {
        Command::Probe(args) => probe::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Drill(args) => drill::run(&args),
        Command::Open(args) => open::run(&args),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Ok(Outcome::As(code)) => ExitCode::from(code),
        Err(trouble) => {
            out::complain(&trouble);
            ExitCode::from(trouble.code())
        }
    }
}
