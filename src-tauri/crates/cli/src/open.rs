//! `feedwatch open`: the window is a program of its own, so that this one needs no desktop libraries.

use std::path::PathBuf;
use std::process::Command;

use crate::args;
use crate::out::{Outcome, Trouble, could_not, wrong};

const WINDOW: &str = "feedwatch-desktop";

pub fn run(args: &args::Open) -> Result<Outcome, Trouble> {
    // Beside this program first: a build folder, or an installation.
    let beside = std::env::current_exe().ok().and_then(|own| own.parent().map(|folder| folder.join(WINDOW)));
    let program = beside.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(WINDOW));
    let mut command = Command::new(&program);
    command.args(&args.config);
    let status = command.status().map_err(|error| {
        could_not(format!("The window ({}) cannot be started: {error}. Is it installed?", program.display()))
    })?;
    match status.code() {
        Some(0) => Ok(Outcome::Done),
        // It has said itself what is wrong with what it was given.
        Some(2) => Err(wrong("The window was not opened.")),
        Some(code) => Err(could_not(format!("The window ended with code {code}."))),
        None => Err(could_not("The window was ended by a signal.")),
    }
}
