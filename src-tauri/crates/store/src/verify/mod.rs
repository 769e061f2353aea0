//! Is a history what was written? What its hash chain tells, read only, also while it is written.
//!
//! All of it is one look at one moment: blocks ([`blocks`]), then everything that has marks against its last mark
//! ([`marks`]), then messages against their segments ([`messages`]), the ledger's hours and days against their minutes, and
//! SQLite's own check of the file. Rows stream; what is held are the ends of each feed's chain and at most
//! [`MOST_PROBLEMS`] sentences. SQLite sorts marks in files of its own.
//!
//! What is not covered is told, and is no problem: what came behind the last block (the writer goes on, or was killed),
//! samples that are not sealed, and what was written before there was a chain.

mod blocks;
mod marks;
mod messages;
mod names;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use feedwatch_model::{LedgerWidth, Time};
use rusqlite::{Connection, ErrorCode, OptionalExtension};

use crate::chain::{BEGAN, Key};
use crate::{StoreError, ledger, pending, schema};

/// Problems that are told; of further ones only how many there are.
pub const MOST_PROBLEMS: usize = 100;
/// Instructions of SQLite between two looks at whether to go on: less than a millisecond.
const LOOK: i32 = 10_000;

/// What a history's chain tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// Is everything that is covered what was written? Unknown: it was cancelled before the end.
    pub whole: Option<bool>,
    /// Records that were computed again: blocks, marked things, messages.
    pub checked: u64,
    /// What is not as it was written, each in a sentence that says where. At most [`MOST_PROBLEMS`] and one more.
    pub problems: Vec<String>,
    /// From when on the history has a chain.
    pub covered_from: Option<Time>,
    /// When the last block was made.
    pub covered_until: Option<Time>,
    /// The hash of the last block, in hexadecimal digits: to be noted elsewhere.
    pub head: Option<String>,
    /// Is the last block signed?
    pub signed: bool,
    /// What no block covers.
    pub uncovered: Uncovered,
}

/// What is there and not covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncovered {
    /// Messages behind the last segments.
    pub messages: u64,
    /// Samples that are not sealed.
    pub samples: u64,
    /// Minutes, hours and days of the ledger that were not over.
    pub ledger: u64,
    /// Marks behind the last block. What they mark was looked at all the same.
    pub marks: u64,
    /// Records and messages that were written before there was a chain.
    pub before: u64,
}

/// Why a part did not come to its end.
pub(crate) enum Stop {
    /// It cannot be read.
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Stop {
        Stop::Sql(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

type Step = Result<(), Stop>;

/// The looking, and what it has found so far.
struct Look<'c> {
    connection: &'c Connection,
    key: Option<Key>,
    told: Verified,
    more: u64,
    /// Is the last block that of a good end, with no run begun behind it? Then everything is covered.
    ended: bool,
    /// The last mark of the first block: what is older than the chain was marked by then.
    begun: i64,
    checked: Arc<AtomicU64>,
}

impl Look<'_> {
    fn problem(&mut self, text: String) {
        if self.told.problems.len() < MOST_PROBLEMS {
            self.told.problems.push(text);
        } else {
            self.more += 1;
        }
    }

    fn checked(&mut self, count: u64) {
        self.told.checked += count;
        self.checked.store(self.told.checked, Ordering::Relaxed);
    }
}

/// Verifies the history at `path`. `key` are the bytes of the secret that signs its head, where there is one; `progress`
/// is told some times a second how many records were checked, and may end it.
///
/// # Errors
/// [`StoreError`]: missing, not a history, of an older or a newer schema, locked, or not to be read. Damage is no error,
/// but a problem.
pub fn verify(
    path: &Path,
    key: Option<&[u8]>,
    mut progress: impl FnMut(u64) -> ControlFlow<()> + Send + 'static,
) -> Result<Verified, StoreError> {
    let path = schema::true_path(path);
    let mut connection = schema::open_for_reading(&path)?;
    let checked = Arc::new(AtomicU64::new(0));
    let so_far = Arc::clone(&checked);
    connection.progress_handler(LOOK, Some(move || progress(so_far.load(Ordering::Relaxed)).is_break()))?;
    let transaction = connection.unchecked_transaction()?;
    let key = key.map(Key::new);
    let mut look = Look {
        connection: &transaction,
        key,
        told: Verified::default(),
        more: 0,
        ended: false,
        begun: i64::MAX,
        checked,
    };
    let ended = steps(&mut look);
    let Look { mut told, more, .. } = look;
    told.whole = match ended {
        Ok(()) => Some(told.problems.is_empty()),
        Err(Stop::Sql(error)) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            (!told.problems.is_empty()).then_some(false)
        }
        Err(Stop::Sql(error)) => return Err(StoreError::of(&path, &error)),
        Err(Stop::Store(error)) => return Err(error),
    };
    if more > 0 {
        told.problems.push(format!("There are {more} more problems."));
    }
    Ok(told)
}

/// All parts; one that meets damage says so, and the next one goes on.
fn steps(look: &mut Look<'_>) -> Step {
    tolerant(look, "The file", of_the_file)?;
    tolerant(look, "The chain", blocks::check)?;
    let mut ends = marks::Ends::default();
    tolerant(look, "The records", |look| marks::check(look, &mut ends))?;
    tolerant(look, "The messages", |look| messages::check(look, &ends))?;
    tolerant(look, "The ledger", sums)?;
    tolerant(look, "The samples that are not sealed", |look| marks::check_rest(look, &ends))
}

/// Takes damage as a problem: whatever does not say that the file cannot be had at all.
fn tolerant(look: &mut Look<'_>, what: &str, step: impl FnOnce(&mut Look<'_>) -> Step) -> Step {
    let damage = match step(look) {
        Ok(()) => return Ok(()),
        Err(Stop::Store(StoreError::Damaged { what })) => what,
        Err(Stop::Sql(error)) if !is_out_of_reach(&error) => error.to_string(),
        Err(other) => return Err(other),
    };
    look.problem(format!("{what} cannot be read to the end: {damage}."));
    Ok(())
}

fn is_out_of_reach(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::DiskFull
                | ErrorCode::OperationInterrupted
        )
    )
}

/// SQLite's own check: pages, indexes, rows.
fn of_the_file(look: &mut Look<'_>) -> Step {
    let connection = look.connection;
    let mut select = connection.prepare(&format!("PRAGMA integrity_check({MOST_PROBLEMS})"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            look.problem(format!("The file does not fit together: {}.", said.trim_end_matches('.')));
        }
    }
    let began: Option<i64> =
        connection.query_row("SELECT value FROM state WHERE key = ?1", [BEGAN], |row| row.get(0)).optional()?;
    look.told.covered_from = began.map(Time::from_nanos);
    Ok(())
}

/// Hours are the sums of their minutes, and days of their hours.
fn sums(look: &mut Look<'_>) -> Step {
    let mut wrong = Vec::new();
    ledger::check_sums(look.connection, |feed, width, slot| {
        if wrong.len() <= MOST_PROBLEMS {
            wrong.push((feed, width, slot));
        }
    })?;
    for (feed, width, from) in wrong {
        let (one, of) = match width {
            LedgerWidth::Day => ("day", "hours"),
            LedgerWidth::Hour | LedgerWidth::Minute => ("hour", "minutes"),
        };
        let feed = names::feed(look.connection, feed);
        look.problem(format!("The ledger's {one} from {from} of {feed} is not the sum of its {of}."));
    }
    Ok(())
}

/// How many samples are not sealed.
fn unsealed(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let rows: i64 = connection.query_row("SELECT count(*) FROM sample", [], |row| row.get(0))?;
    Ok(rows.cast_unsigned() + pending::count(connection)?)
}
