//! A file that grows, followed by its name over its rotation: `tail -F` that loses nothing and says what it cannot save.
//!
//! | what happens | what becomes of it |
//! |---|---|
//! | renamed, and made anew | the rest of the old file is read, then the new one; what still goes to the old one too |
//! | copied, and cut short (`copytruncate`) | the rest is read from the copy, the file from its beginning; told |
//! | cut short without a copy | read from its beginning; told, since what was between is lost |
//! | a link that leads elsewhere, or back; a rotation undone | as renamed; a file that was read before is read on |
//! | deleted, or not there yet | told, and waited for: all of the new one is new |
//! | our own end, whatever happens meanwhile | read on behind the last line kept, also in files rotated away since |
//!
//! A file is known by device and inode and by its first bytes, so that one that got the number of a deleted one is told
//! apart ([`lane`]). A line without its end waits for it. The path is looked at every 100 ms while lines come, else every
//! 250 ms: two or three calls to the system, which also see what was written over a network, where notices of the system's
//! own (inotify) do not come.
//!
//! Limits: a file that is cut short and grows beyond its old length with the same first KiB before we look is not told
//! from one that went on. With `start = "end"` a restart before the first line begins at the end once more.

mod beside;
mod follow;
mod identity;
mod lane;
mod left;
mod log;
mod session;
mod source;
#[cfg(test)]
mod tests;
mod words;

use std::path::PathBuf;

pub use lane::outlived_lanes;
pub use source::TailSource;

use crate::MAX_MESSAGE;

/// Where a file is begun that was never read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TailStart {
    /// Behind what is in it.
    #[default]
    End,
    /// At its first line.
    Beginning,
    /// So many bytes before its end, at the next whole line: for a look.
    Recent(u64),
}

/// Which file, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailOptions {
    /// The path; what stands there may change.
    pub path: PathBuf,
    /// Where it is begun the first time.
    pub start: TailStart,
    /// The longest line in bytes; longer ones are counted as unreadable and passed over.
    pub max_message: usize,
    /// Its lines are records of a CSV: the header of each file stands beside its first record.
    pub csv: bool,
}

impl TailOptions {
    /// From the end on, with lines of at most 16 MiB.
    pub fn new(path: impl Into<PathBuf>) -> TailOptions {
        TailOptions { path: path.into(), start: TailStart::End, max_message: MAX_MESSAGE, csv: false }
    }
}
