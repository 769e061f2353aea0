//! The history: everything that was received and found, in one SQLite file, behind a [`Writer`] and a [`Reader`].
//!
//! Nothing outside this crate knows a table. One process writes (a lock file beside the database says which), any
//! number of processes read. The writer is one thread with the only writing connection; [`Writer::submit`] never
//! waits for it. What was submitted is committed as a group, at the latest [`Options::commit_every`] after it came,
//! with `synchronous=FULL`: what is told as committed survives `kill -9` and a power cut.
//!
//! What is written proves itself by a hash chain: `chain/mod.rs` says how, and [`verify`] looks.
//!
//! Limits: the backlog of the writer is bounded by [`Options::backlog_bytes`]; raw messages by
//! [`Options::message_bytes_per_feed`] and [`Options::message_age`]; every answer of a reader by the number of its rows.
//!
//! ```
//! use std::time::Duration;
//! use feedwatch_model::{Quality, Sample, SeriesId, Time, Value};
//! use feedwatch_store::{Batch, Options, open};
//!
//! let folder = tempfile::tempdir().unwrap();
//! let options = Options { path: folder.path().join("history.db"), ..Options::default() };
//! let (writer, reader) = open(options, || Time::from_millis(0), |_event| {}).unwrap();
//! let sample = Sample {
//!     series: SeriesId(1),
//!     at: Time::from_millis(5),
//!     received: Time::from_millis(7),
//!     value: Value::F64(20.25),
//!     quality: Quality::Good,
//! };
//! writer.submit(Batch { samples: vec![sample], ..Batch::default() }).unwrap();
//! assert!(writer.flush(Duration::from_secs(10)));
//! let page = reader.samples(SeriesId(1), Time::MIN, Time::MAX, None, 10).unwrap();
//! assert_eq!(page.samples, [sample]);
//! ```

mod batch;
mod chain;
mod commit;
mod error;
mod evidence;
mod export;
mod gaps;
mod guard;
mod journal;
mod ledger;
mod name;
mod pending;
mod queue;
mod reader;
mod schema;
mod seal;
mod sealed;
mod series;
mod summary;
mod values;
mod verify;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use feedwatch_model::Time;

pub use batch::{Batch, FeedRecord, Outcome, Shown, StoredMessage};
pub use chain::Key;
pub use error::StoreError;
pub use export::{ExportReport, Progress, Selection, export, export_to};
pub use name::sync_name;
pub use queue::{MessageCounts, WriterStatus};
pub use reader::Reader;
pub use schema::true_path;
pub use series::{Cursor, Page};
pub use verify::{MOST_PROBLEMS, Uncovered, Verified, verify};
pub use writer::{StoreEvent, Writer};

/// How a history is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database file. Beside it stand its `-wal`, its `-shm` and its `.lock`.
    pub path: PathBuf,
    /// At the latest this long after a batch came it is committed.
    pub commit_every: Duration,
    /// With this many samples and messages waiting, a commit does not wait any longer. So many samples of small commits
    /// together (at most 32,768) are put in order.
    pub commit_rows: usize,
    /// How many bytes may wait for the disk; what would exceed it is refused.
    pub backlog_bytes: usize,
    /// How many bytes of raw messages are kept for each feed; the oldest go first.
    pub message_bytes_per_feed: u64,
    /// How long raw messages are kept at most, by their receive time. Those of captures have times of their own, and are
    /// bounded by bytes only.
    pub message_age: Duration,
    /// Signs the head of the hash chain, where there is one.
    pub key: Option<Key>,
    /// The program's version, noted in the history.
    pub version: &'static str,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            path: PathBuf::from("history.db"),
            commit_every: Duration::from_millis(250),
            commit_rows: 20_000,
            backlog_bytes: 64 << 20,
            message_bytes_per_feed: 64 << 20,
            message_age: Duration::from_secs(30 * 86_400),
            key: None,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Opens a history for writing, and creates it where there is none. `clock` dates commits; `on_event` is called from
/// the writer's thread and must not block.
///
/// # Errors
/// [`StoreError`], with a cure: in use, made by a newer version, not a history, or not writable. Nothing is ever
/// overwritten.
#[allow(clippy::needless_pass_by_value, reason = "the options are the writer's from here on")]
pub fn open(
    options: Options,
    clock: fn() -> Time,
    on_event: impl Fn(StoreEvent) + Send + 'static,
) -> Result<(Writer, Reader), StoreError> {
    let path = schema::true_path(&options.path);
    let lock = guard::Lock::take(&path)?;
    let connection = schema::open_for_writing(&path)?;
    let pen = commit::Pen::new(connection, &options, clock).map_err(|error| StoreError::of(&path, &error))?;
    let reader = Reader::open(&path)?;
    let writer = writer::start(pen, lock, path, &options, clock, on_event)?;
    Ok((writer, reader))
}

/// Opens a history for reading only, also while another process writes it.
///
/// # Errors
/// [`StoreError`]: missing, made by a newer version, or not a history.
pub fn read(path: &Path) -> Result<Reader, StoreError> {
    Reader::open(&schema::true_path(path))
}

#[cfg(test)]
mod tests;
