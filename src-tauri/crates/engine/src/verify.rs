//! Is a history whole: what `feedwatch verify` asks, and how it is told.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use feedwatch_store::StoreError;
pub use feedwatch_store::{Uncovered, Verified};

use crate::text::many;

/// Why nothing was verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no such file.
    #[error("There is no file {}. Check its name.", .0.display())]
    Missing(PathBuf),
    /// It is something else.
    #[error("{} is no history: {why}.", path.display())]
    NoHistory {
        /// The path.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {source}.", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The history cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VerifyError {
    /// Is what was asked for not there, or something else?
    pub fn is_wrong_input(&self) -> bool {
        match self {
            VerifyError::Missing(_) | VerifyError::NoHistory { .. } => true,
            VerifyError::Read { .. } => false,
            VerifyError::Store(error) => {
                matches!(error, StoreError::Missing { .. } | StoreError::NotOurs { .. } | StoreError::Newer { .. })
            }
        }
    }
}

/// Verifies the history in a file; `key` are the bytes of the secret that signs it. `progress` is told how many records
/// were checked, and may end it.
///
/// # Errors
/// [`VerifyError`]. What is not whole is no error.
pub fn history(
    path: &Path,
    key: Option<&[u8]>,
    progress: impl FnMut(u64) -> ControlFlow<()> + Send + 'static,
) -> Result<Verified, VerifyError> {
    let none = |why: &str| VerifyError::NoHistory { path: path.to_owned(), why: why.to_owned() };
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => VerifyError::Missing(path.to_owned()),
        _ => VerifyError::Read { path: path.to_owned(), source },
    };
    let about = File::open(path).and_then(|file| file.metadata()).map_err(unreadable)?;
    if about.is_dir() {
        return Err(none(
            "it is a folder. A history is one file; reports, which are folders, this version does not write",
        ));
    }
    if about.len() == 0 {
        return Err(none("it is empty"));
    }
    Ok(feedwatch_store::verify(path, key, progress)?)
}

/// What was covered, what was not, and what it cannot show: each a sentence. `keyed`: with a key.
pub fn notes(verified: &Verified, keyed: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(from), Some(until)) = (verified.covered_from, verified.covered_until) {
        notes.push(format!("It is covered from {from} until {until}."));
    }
    let Uncovered { messages, samples, ledger, marks, before } = verified.uncovered;
    let behind = [
        (messages, "message", "behind the last block"),
        (marks, "record", "behind the last block"),
        (ledger, "row of the ledger", "whose time was not over"),
        (samples, "sample", "not sealed yet"),
    ];
    let behind: Vec<String> = behind
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, what, why)| format!("{} {why}", counted(count, what)))
        .collect();
    if !behind.is_empty() {
        notes.push(format!("Not covered yet: {}.", behind.join("; ")));
    }
    if let Some(from) = verified.covered_from.filter(|_| before > 0) {
        notes.push(format!("Nothing is covered before {from}: {} were there already.", many(before, "record")));
    }
    notes.push(
        match (keyed, verified.signed) {
            (true, _) => {
                "The key fits the head. What was pruned from the oldest messages, and what stands behind the last block, it does \
                 not prove. An older copy of the whole file would pass too: compare the head of the chain \
                 with one that was noted elsewhere."
            }
            (false, true) => {
                "The head is signed, but it was not compared with the key: this shows accidents, not forgery."
            }
            (false, false) => {
                "Without a key this shows accidents, not forgery: whoever can write the file can write a chain that fits, unless \
                 the head of the chain was noted elsewhere."
            }
        }
        .to_owned(),
    );
    notes
}

fn counted(count: u64, what: &str) -> String {
    match what {
        "row of the ledger" if count != 1 => format!("{count} rows of the ledger"),
        _ => many(count, what),
    }
}
