//! What becomes of followed files, in sentences.

use std::io;
use std::path::Path;

use crate::ConnectError;

/// Why a file cannot be opened.
pub(super) fn cannot_open(path: &Path, error: &io::Error) -> ConnectError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => ConnectError::Network(format!("There is no file {path} yet. It is waited for.")),
        io::ErrorKind::PermissionDenied => {
            ConnectError::Options(format!("The file {path} may not be read. Check its permissions."))
        }
        io::ErrorKind::IsADirectory => ConnectError::Options(format!("{path} is a folder. Name the file inside it.")),
        io::ErrorKind::InvalidInput => ConnectError::Options(format!(
            "{path} is no file that can be followed. Pipe it in instead: url = \"stdin:\"."
        )),
        _ => ConnectError::Network(format!("The file {path} cannot be opened: {error}.")),
    }
}

/// It was opened, and cannot be read on.
pub(super) fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("The file {} cannot be read any further: {error}.", path.display())
}

/// Nothing stands at the path any more.
pub(super) fn gone(path: &Path) -> String {
    format!("The file {} is gone. Its rest was read; it is waited for.", path.display())
}

/// The file was cut short; `copy` holds what was in it.
pub(super) fn cut(path: &Path, copy: Option<&Path>, read: u64, unfinished: u64) -> String {
    let path = path.display();
    let what = format!("{path} was cut short, or written anew, after {read} bytes of it had been read.");
    match copy {
        Some(copy) => format!(
            "{what} The rest is read from its copy {}; a line written between copying and cutting would be lost. Rotating \
             by a new name loses none.",
            copy.display()
        ),
        None if unfinished > 0 => format!(
            "{what} What was written to it since is lost, and {unfinished} bytes of a line that had no end yet."
        ),
        None => format!("{what} What was written to it since is lost."),
    }
}

/// What was followed in the last run is not to be found.
pub(super) fn lost_file(path: &Path) -> String {
    format!(
        "The file that was read last at {} is not there any more, nor beside it: what was written to it while the feed was \
         not watched is lost.",
        path.display()
    )
}
