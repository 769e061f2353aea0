//! `feedwatch open`: the window is a program of its own, so that this one needs no desktop libraries.

use std::path::PathBuf;
use std::process::Command;

use feedwatch_engine::config::{self, Paths};

use crate::args;
use crate::out::{Outcome, Trouble, could_not, wrong};

const WINDOW: &str = "feedwatch-desktop";

pub fn run(args: &args::Open) -> Result<Outcome, Trouble> {
    look_at_config(args)?;
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
        Some(code) => Ok(Outcome::As(u8::try_from(code).unwrap_or(3))),
        None => Err(could_not("The window was ended by a signal.")),
    }
}

/// What is wrong with the configuration is said here, where it was asked for, before there is a window.
fn look_at_config(args: &args::Open) -> Result<(), Trouble> {
    let file = match args.config.as_deref() {
        Some("demo") => return Ok(()),
        Some(file) => PathBuf::from(file),
        None => {
            let usual = Paths::new(&|name| std::env::var(name).ok()).map_err(could_not)?.config_file();
            if !usual.exists() {
                return Ok(());
            }
            usual
        }
    };
    config::load(&file).map(|_| ()).map_err(wrong)
}
