//! What can go wrong with a history, each as a sentence with its cure.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a history cannot be opened, read or written out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process writes this history.
    #[error(
        "Another Feedwatch{} is writing this history, and only one may. Close it, or start with another history file.",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// Which process, where the lock file says it.
        pid: Option<u32>,
    },
    /// The file was written by a version that knows more.
    #[error(
        "This history was written by a newer Feedwatch (schema {schema}, this one knows {known}). Update Feedwatch, or start with another history file."
    )]
    Newer {
        /// The file's schema.
        schema: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The file was written by a version that knows less, and is not brought up to date by reading it.
    #[error(
        "This history was written by an older Feedwatch (schema {schema}, this one knows {known}). Let this Feedwatch write to it once: that brings it up to date."
    )]
    Older {
        /// The file's schema.
        schema: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The file is something else.
    #[error("{} is not a history of Feedwatch ({why}). It was left as it is; choose another history file.", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What was seen.
        why: String,
    },
    /// There is no such file.
    #[error("There is no history at {}. Check the path, or let Feedwatch run once to make one.", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error(
        "The history {} cannot be written ({why}). Make its folder writable, or start with a history file elsewhere.",
        path.display()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The content does not fit together.
    #[error(
        "The history is damaged ({what}). Move the file away to start a new one; the old one can still be searched with sqlite3's .recover."
    )]
    Damaged {
        /// Where it does not fit.
        what: String,
    },
    /// The disk is full.
    #[error("The disk of the history is full. Free space there; the history goes on by itself.")]
    Full,
    /// Another program holds the database.
    #[error("Another program holds the history locked. Close it; the history goes on by itself.")]
    Locked,
    /// Anything else SQLite says.
    #[error("The history cannot be used ({what}). Check the disk it lies on; Feedwatch tries again by itself.")]
    Failed {
        /// What SQLite said.
        what: String,
    },
    /// A chart asks for more slots than any picture has columns.
    #[error(
        "{slots} time slots are more than the {most} that are told at once. Ask for wider slots or a shorter time."
    )]
    TooManySlots {
        /// How many were asked for.
        slots: u64,
        /// How many are told at most.
        most: u64,
    },
    /// The writer was closed before everything was on disk.
    #[error("{messages} messages did not reach the history before it was closed{}", problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default())]
    NotWritten {
        /// How many messages are lost to the history.
        messages: u64,
        /// Why, where it is known.
        problem: Option<String>,
    },
    /// The exported file cannot be written.
    #[error("{} cannot be written ({source}). Choose another file.", path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The receiver of an export takes no more.
    #[error("The export stopped: its output takes no more ({0}).")]
    Output(#[from] io::Error),
}

impl StoreError {
    /// The sentence for what SQLite said of the database at `path`.
    pub(crate) fn of(path: &Path, error: &rusqlite::Error) -> StoreError {
        let what = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                StoreError::Locked
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::Unwritable { path: path.to_path_buf(), why: what }
            }
            Some(ErrorCode::NotADatabase) => StoreError::NotOurs { path: path.to_path_buf(), why: what },
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { what },
            _ => StoreError::Failed { what },
        }
    }
}

/// What a reader meets: SQLite's own errors, and content that does not fit.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match &error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => StoreError::Damaged { what: error.to_string() },
            _ => StoreError::of(Path::new("history"), &error),
        }
    }
}
