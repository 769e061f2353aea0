//! What a configuration names and what is not there: looked for by `feedwatch check`, not when it is read. A console whose
//! only capture is missing still starts, and says so in its list of feeds.

use std::path::Path;

use super::problem::{Problem, Problems};
use super::read::OTHERS;
use super::walk::quoted;
use super::{Config, Paths, SourceConfig, load, resolve_secrets};

/// Reads a configuration file and looks for everything it names: secrets and captures.
///
/// # Errors
/// Every problem.
pub fn check(file: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, Problems> {
    let config = load(file)?;
    let mut problems = captures(&config, env);
    if config.feeds.is_empty() {
        let cure = format!("add one: [feed.spot.websocket] and below it url = \"wss://host/path\" (or {OTHERS})");
        let message = "there is no feed in this file".to_owned();
        let place = config.origin.whole.clone();
        let place = place.unwrap_or_else(|| Problem::of_file(file, String::new(), None));
        problems.push(Problem { message, cure: Some(cure), ..place });
    }
    match resolve_secrets(&config, env) {
        Ok(_) if problems.is_empty() => Ok(config),
        Ok(_) => Err(Problems::new(problems)),
        Err(secrets) => {
            problems.extend(secrets);
            Err(Problems::new(problems))
        }
    }
}

fn captures(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Vec<Problem> {
    let files = config.feeds.iter().filter_map(|feed| match &feed.source {
        SourceConfig::File(file) => Some(&file.path),
        _ => None,
    });
    let paths = Paths::new(env).ok();
    let said = files.zip(&config.origin.captures).filter_map(|(path, place)| {
        let path = paths.as_ref().map_or_else(|| path.clone(), |paths| paths.expand(path));
        let (message, cure) = wrong_with(&path)?;
        Some(Problem { message, cure: Some(cure.to_owned()), ..place.clone() })
    });
    said.collect()
}

fn wrong_with(path: &Path) -> Option<(String, &'static str)> {
    let name = quoted(&path.display().to_string());
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some((format!("there is no capture {name}"), "check the path: it is relative to this file"))
        }
        Err(error) => Some((format!("the capture {name} cannot be read: {error}"), "check its permissions")),
        Ok(metadata) if metadata.is_dir() => Some((format!("{name} is a folder"), "name the capture inside it")),
        Ok(_) => None,
    }
}
