//! What the window is started with: a configuration file, `demo`, or nothing.

use std::path::{Path, PathBuf};

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::{DemoMode, EngineOptions};

const USAGE: &str = "feedwatch-desktop [CONFIG | demo] [--seed N] [--no-faults]\n\n\
    Opens the window on the feeds of a configuration file, else of the usual one, else on the built-in demo.";

/// Reads the command line. `None`: help was asked for and given.
pub(crate) fn read() -> Result<Option<EngineOptions>, String> {
    let paths = Paths::new(&|name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    let mut file = None;
    let mut mode = DemoMode { seed: 1, faults: true };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" | "-h" => {
                #[allow(clippy::print_stdout)] // Help belongs on stdout.
                {
                    println!("{USAGE}");
                }
                return Ok(None);
            }
            "--no-faults" => mode.faults = false,
            "--seed" => {
                let seed = words.next().and_then(|text| text.parse().ok());
                mode.seed = seed.ok_or_else(|| format!("--seed needs a number.\n{USAGE}"))?;
            }
            word if word.starts_with("--") => return Err(format!("There is no option {word}.\n{USAGE}")),
            word if file.is_none() => file = Some(PathBuf::from(word)),
            word => return Err(format!("{word} is one configuration too many.\n{USAGE}")),
        }
    }
    options(file, mode, paths).map(Some)
}

fn options(file: Option<PathBuf>, mode: DemoMode, paths: Paths) -> Result<EngineOptions, String> {
    let usual = paths.config_file();
    match file {
        Some(word) if word == Path::new("demo") => Ok(EngineOptions::of_demo(mode, paths)),
        Some(file) => load(&file, paths, mode),
        None if usual.exists() => load(&usual, paths, mode),
        None => Ok(EngineOptions::of_demo(mode, paths)),
    }
}

/// A configuration without a feed shows the demo, and *Add a feed* writes to that file.
fn load(file: &Path, paths: Paths, mode: DemoMode) -> Result<EngineOptions, String> {
    let config = config::load(file).map_err(|problems| problems.to_string())?;
    if config.feeds.is_empty() {
        return Ok(EngineOptions { config_path: file.to_owned(), ..EngineOptions::of_demo(mode, paths) });
    }
    Ok(EngineOptions::of_config(config, file.to_owned(), paths))
}
