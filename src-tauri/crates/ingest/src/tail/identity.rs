//! Which file this is, whatever its name: what differs between operating systems, in one place. Only Linux has been run.

use std::fs::Metadata;

/// Tells files that are there at the same time apart. One that is deleted may leave its identity to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) number: u64,
}

impl FileId {
    /// Device and inode.
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> FileId {
        use std::os::unix::fs::MetadataExt;
        FileId { device: metadata.dev(), number: metadata.ino() }
    }

    /// The time of its making: the file's number is not to be had there without a call that Rust calls unstable.
    #[cfg(not(unix))]
    pub(super) fn of(metadata: &Metadata) -> FileId {
        let since = metadata.created().ok().and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
        FileId { device: 0, number: since.map_or(0, |since| since.as_nanos() as u64) }
    }
}
