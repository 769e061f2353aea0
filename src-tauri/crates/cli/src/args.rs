//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use feedwatch_engine::config;
use feedwatch_engine::replay::{Faults, ReplayProtocol, Speed};
use feedwatch_model::{Check, Time};

/// Watch live feeds: every number a series, every anomaly explained, every loss counted.
#[derive(Debug, Parser)]
#[command(name = "feedwatch", version, about, max_term_width = 100)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect or read, learn the feed, say what was learned
    Probe(Probe),
    /// The engine without a window; at the end the accounts and the findings
    Run(Run),
    /// CSVs as streams through the detector
    Backtest(Backtest),
    /// CSV from a history
    Export(Export),
    /// A history: is it whole, and is it what was written
    Verify(Verify),
    /// A capture as a live feed
    Replay(Replay),
    /// Every problem of a configuration with file:line:column, and the cure
    Check(CheckConfig),
    /// Fail a feed over on purpose; say how long it took and what was lost
    Drill(Drill),
    /// The window
    Open(Open),
}

#[derive(Debug, clap::Args)]
pub struct Probe {
    /// An address (wss://, https://, kafka://, amqp://, tcp://, udp://, tail:/path, - for standard input) or a capture file
    pub source: String,
    /// How long to look; files are read whole
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub time: Duration,
    /// A header, `Name: value`; may be repeated
    #[arg(long, value_name = "K:V")]
    pub header: Vec<String>,
    /// A message to send on connect; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub send: Vec<String>,
    /// Use no starter profile: everything is found out
    #[arg(long)]
    pub no_profiles: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, clap::Args)]
pub struct Run {
    /// A configuration file, or `demo`
    pub config: String,
    /// How long to run; without it, until it is interrupted
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub time: Option<Duration>,
    /// The demo's seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The demo without its faults
    #[arg(long)]
    pub no_faults: bool,
    #[command(flatten)]
    pub output: Output,
}

/// How results are told.
#[derive(Clone, Debug, clap::Args)]
pub struct Output {
    /// One JSON object as the last line
    #[arg(long)]
    pub json: bool,
    /// A JSON line for every finding, alarm and gap as it comes
    #[arg(long)]
    pub follow: bool,
    /// Exit with 1 if one of these checks found something
    #[arg(long, value_name = "CHECK[,CHECK]", value_delimiter = ',', value_parser = check)]
    pub fail_on: Vec<Check>,
}

#[derive(Debug, clap::Args)]
pub struct Backtest {
    /// CSV files or folders of them
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The folder for the results
    #[arg(long)]
    pub out: PathBuf,
    /// One JSON object as the last line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Export {
    /// A configuration, a history file, or `demo`
    pub from_what: String,
    /// FEED/SERIES with * and ?; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub series: Vec<String>,
    /// RFC 3339, or relative: -1h
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// RFC 3339, or relative: -1h
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// The file; without it the CSV goes to stdout
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// One JSON object as the last line (needs --out)
    #[arg(long, requires = "out")]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Verify {
    /// A history file, also one that is being written
    #[arg(value_name = "FILE|DIR")]
    pub file: PathBuf,
    /// One JSON object as the last line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Replay {
    /// The capture
    pub file: PathBuf,
    /// websocket or sse
    #[arg(long = "as", value_name = "PROTOCOL", value_parser = protocol)]
    pub protocol: ReplayProtocol,
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// 1, 10, … or max
    #[arg(long, default_value = "1", value_parser = speed)]
    pub speed: Speed,
    /// drop=17,42;dup=5;delay=9:2s;cut=30s;seed=1
    #[arg(long, default_value = "", value_name = "SPEC", value_parser = faults)]
    pub faults: Faults,
    /// One JSON object as the last line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct CheckConfig {
    /// The configuration file
    pub config: PathBuf,
    /// One JSON object as the last line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Drill {
    /// The configuration file
    pub config: String,
    /// The feed's name
    pub feed: String,
    /// One JSON object as the last line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub struct Open {
    /// The configuration file; without it the usual one, or the demo where there is none
    pub config: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    config::duration(text).map_err(|error| match error {
        config::UnitError::NoUnit => format!("{text:?} has no unit: write {}s", text.trim()),
        error => format!("{text:?} {error}: write it like 250ms, 10s or 1h30m"),
    })
}

fn check(word: &str) -> Result<Check, String> {
    Check::from_word(word).ok_or_else(|| {
        let all: Vec<&str> = Check::ALL.iter().map(|check| check.word()).collect();
        format!("there is no check {word}; there are {}", all.join(", "))
    })
}

fn protocol(word: &str) -> Result<ReplayProtocol, String> {
    word.parse().map_err(|()| format!("a capture cannot be replayed as {word}; take websocket or sse"))
}

fn speed(text: &str) -> Result<Speed, String> {
    text.parse::<Speed>().map_err(|error| error.to_string())
}

fn faults(text: &str) -> Result<Faults, String> {
    text.parse::<Faults>().map_err(|error| error.to_string())
}

/// A moment: RFC 3339, or relative to `now` as `-1h`.
pub fn moment(text: &str, now: Time) -> Result<Time, String> {
    if let Some(back) = text.strip_prefix('-') {
        return Ok(now.minus(duration(back)?));
    }
    if text == "now" {
        return Ok(now);
    }
    Time::parse_rfc3339(text).map_err(|error| format!("{error}. Write 2026-03-01T12:00:00Z, or -1h for an hour ago."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn it_calls_itself_by_the_name_it_is_started_by() {
        assert_eq!(Args::command().render_version(), format!("feedwatch {}\n", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn a_moment_is_absolute_or_relative() {
        let now = Time::from_millis(7_200_000);
        assert_eq!(moment("-1h", now).unwrap(), Time::from_millis(3_600_000));
        assert_eq!(moment("1970-01-01T00:00:01Z", now).unwrap(), Time::from_millis(1000));
        assert!(moment("yesterday", now).is_err());
    }
}
