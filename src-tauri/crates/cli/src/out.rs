//! How results and troubles are told.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use feedwatch_engine::report::FindingReport;
use feedwatch_engine::text::many;
use feedwatch_model::Check;
use serde::Serialize;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, filter, fmt};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, also with findings.
    Done,
    /// The answer is no.
    No,
    /// As another program ended, which has said itself why.
    As(u8),
}

/// Why a command could not end well.
#[derive(Debug)]
pub enum Trouble {
    /// Usage, input or configuration is wrong: exit 2.
    Wrong(String),
    /// It could not be done (connect, disk, lock): exit 3.
    CouldNot(String),
    /// Whoever read the output went away (`| head`): exit 3, and nothing to say.
    Unheard,
}

impl Trouble {
    pub fn code(&self) -> u8 {
        match self {
            Trouble::Wrong(_) => 2,
            Trouble::CouldNot(_) | Trouble::Unheard => 3,
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
    let colours = io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(colours).log_internal_errors(false);
    let allowed = filter::filter_fn(feedwatch_engine::log::allowed);
    tracing_subscriber::registry().with(filter).with(allowed).with(lines).init();
}

pub fn complain(trouble: &Trouble) {
    if let Trouble::Wrong(text) | Trouble::CouldNot(text) = trouble {
        progress(format_args!("feedwatch: {text}"));
    }
}

/// A line for people.
pub fn line(text: impl std::fmt::Display) -> Result<(), Trouble> {
    print(text).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Trouble::Unheard,
        _ => could_not(format!("The output cannot be written: {error}.")),
    })
}

fn print(text: impl std::fmt::Display) -> io::Result<()> {
    // A reader that went away is no reason to panic, as println! would.
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// The JSON object at the end.
pub fn object(value: &impl Serialize) -> Result<(), Trouble> {
    line(serde_json::to_string(value).map_err(could_not)?)
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
    // Nobody can be told that stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Lines that wait for a slow reader at most.
const WAITING: usize = 10_000;

/// Prints lines on a thread of its own, so that whoever tells them never waits for the reader of the output.
pub struct Teller {
    voice: Voice,
    thread: JoinHandle<Option<io::Error>>,
}

/// Tells lines.
#[derive(Clone)]
pub struct Voice {
    lines: SyncSender<Told>,
    unprinted: Arc<AtomicU64>,
}

enum Told {
    Line(String),
    End,
}

impl Voice {
    /// Tells a line, or counts it where too many wait. Never blocks.
    pub fn say(&self, text: String) {
        if self.lines.try_send(Told::Line(text)).is_err() {
            self.unprinted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Teller {
    /// Tells on stdout.
    pub fn start() -> Result<Teller, Trouble> {
        Teller::with(WAITING, |line| print(line))
    }

    fn with(waiting: usize, print: impl FnMut(&str) -> io::Result<()> + Send + 'static) -> Result<Teller, Trouble> {
        let (lines, told) = sync_channel(waiting);
        let unprinted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&unprinted);
        let thread = std::thread::Builder::new().name("feedwatch-out".to_owned());
        let thread = thread.spawn(move || tell(&told, &count, print)).map_err(could_not)?;
        Ok(Teller { voice: Voice { lines, unprinted }, thread })
    }

    /// For those who tell.
    pub fn voice(&self) -> Voice {
        self.voice.clone()
    }

    /// Waits till what was told is printed, and says what was not.
    pub fn finish(self) {
        if let Some(text) = self.end() {
            progress(text);
        }
    }

    fn end(self) -> Option<String> {
        // The thread is there till it hears of the end, so this cannot fail; it has told a panic itself.
        let _ = self.voice.lines.send(Told::End);
        let error = self.thread.join().ok().flatten();
        let count = self.voice.unprinted.load(Ordering::Relaxed);
        let why = match error {
            // It wanted no more, and need not be told so.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return None,
            Some(error) => format!("The output cannot be written: {error}."),
            None if count == 0 => return None,
            None => "The output was read too slowly.".to_owned(),
        };
        let were = if count == 1 { "was" } else { "were" };
        Some(format!("{} {were} not printed. {why}", many(count, "line")))
    }
}

/// Prints till the end; after an error it only counts.
fn tell(
    told: &Receiver<Told>,
    unprinted: &AtomicU64,
    mut print: impl FnMut(&str) -> io::Result<()>,
) -> Option<io::Error> {
    let mut failed = None;
    while let Ok(Told::Line(line)) = told.recv() {
        if failed.is_none() {
            failed = print(&line).err();
        }
        if failed.is_some() {
            unprinted.fetch_add(1, Ordering::Relaxed);
        }
    }
    failed
}

/// `--fail-on`: no if one of these checks found something.
pub fn judged(findings: &[FindingReport], fail_on: &[Check]) -> Outcome {
    if findings.iter().any(|found| fail_on.contains(&found.check)) { Outcome::No } else { Outcome::Done }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_and_what_it_missed_is_counted() {
        let held = Arc::new(Mutex::new(Vec::new()));
        let printed = Arc::clone(&held);
        let holding = held.lock().unwrap();
        let teller = Teller::with(10, move |line| {
            printed.lock().unwrap().push(line.to_owned());
            Ok(())
        });
        let teller = teller.unwrap();
        let voice = teller.voice();
        (0..1_000).for_each(|number| voice.say(number.to_string()));
        drop(holding);
        let said = teller.end().unwrap();
        let printed = held.lock().unwrap();
        // One may be in the thread's hands while ten wait.
        assert!(
            (10..=11).contains(&printed.len()) && printed[..10] == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        );
        assert_eq!(said, format!("{} lines were not printed. The output was read too slowly.", 1_000 - printed.len()));
    }

    #[test]
    fn a_reader_that_went_away_is_told_nothing() {
        let teller = Teller::with(10, |line| match line {
            "0" => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        });
        let teller = teller.unwrap();
        let voice = teller.voice();
        (0..4).for_each(|number| voice.say(number.to_string()));
        assert_eq!(teller.end(), None);
    }

    #[test]
    fn a_reader_that_reads_hears_everything() {
        let teller = Teller::with(10, |_| Ok(())).unwrap();
        teller.voice().say("one".to_owned());
        assert_eq!(teller.end(), None);
    }
}
