//! How results and troubles are told.
#![allow(clippy::print_stdout, clippy::print_stderr)] // This is what a terminal shell is for.

use std::io::{IsTerminal as _, Write as _};

use feedwatch_engine::report::FindingReport;
use feedwatch_model::Check;
use serde::Serialize;
use tracing_subscriber::EnvFilter;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, also with findings.
    Done,
    /// The answer is no.
    No,
}

/// Why a command could not end well.
#[derive(Debug)]
pub enum Trouble {
    /// Usage, input or configuration is wrong: exit 2.
    Wrong(String),
    /// It could not be done (connect, disk, lock): exit 3.
    CouldNot(String),
}

impl Trouble {
    pub fn code(&self) -> u8 {
        match self {
            Trouble::Wrong(_) => 2,
            Trouble::CouldNot(_) => 3,
        }
    }
}

/// Shorthand for `map_err`.
pub fn wrong(error: impl std::fmt::Display) -> Trouble {
    Trouble::Wrong(error.to_string())
}

/// Shorthand for `map_err`.
pub fn could_not(error: impl std::fmt::Display) -> Trouble {
    Trouble::CouldNot(error.to_string())
}

pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("FEEDWATCH_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    // Colours are for eyes: in a file or a pipe they are noise.
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

pub fn complain(trouble: &Trouble) {
    let (Trouble::Wrong(text) | Trouble::CouldNot(text)) = trouble;
    eprintln!("feedwatch: {text}");
}

/// A line for people, or a JSON line of `--follow`.
pub fn line(text: impl std::fmt::Display) {
    // A reader that went away is no reason to panic, as println! would.
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The JSON object at the end.
pub fn object(value: &impl Serialize) -> Result<(), Trouble> {
    line(serde_json::to_string(value).map_err(could_not)?);
    Ok(())
}

/// The same for fields that have no `schema` of their own: it comes first.
pub fn fields(rest: &serde_json::Value) -> Result<(), Trouble> {
    #[derive(Serialize)]
    struct Object<'a> {
        schema: u32,
        #[serde(flatten)]
        rest: &'a serde_json::Value,
    }
    object(&Object { schema: feedwatch_engine::report::SCHEMA, rest })
}

/// Progress, for people.
pub fn progress(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// A finding, for people.
pub fn finding(found: &FindingReport) -> String {
    let place = match &found.series {
        Some(series) => format!("{}/{series}", found.feed),
        None => found.feed.clone(),
    };
    format!("{}  {:<8} {:<22} {}", found.at, severity(found), place, found.text)
}

fn severity(found: &FindingReport) -> &'static str {
    match found.severity {
        feedwatch_model::Severity::Info => "info",
        feedwatch_model::Severity::Warning => "WARNING",
        feedwatch_model::Severity::Critical => "CRITICAL",
    }
}

/// `--fail-on`: no if one of these checks found something.
pub fn judged(findings: &[FindingReport], fail_on: &[Check]) -> Outcome {
    if findings.iter().any(|found| fail_on.contains(&found.check)) { Outcome::No } else { Outcome::Done }
}
