//! One history, one writing process: a lock file beside the database holds the writer's pid.
//!
//! The lock is the operating system's (`File::try_lock`), so it goes when the process goes, however it ends. The
//! file itself stays: removing it would let two processes hold locks on two files of the same name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The right to write a history, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the database at `path`.
    pub(crate) fn take(path: &Path) -> Result<Lock, StoreError> {
        let unwritable =
            |error: std::io::Error| StoreError::Unwritable { path: path.to_path_buf(), why: error.to_string() };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(lock_path(path))
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { pid: holder(&mut file) }),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
        // The pid is for people: a disk too full to note it must not keep the program from starting.
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        if let Err(error) = noted {
            tracing::warn!(%error, "the lock file does not say who holds it");
        }
        Ok(Lock { _file: file })
    }
}

/// Who holds the lock, as the file says.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
