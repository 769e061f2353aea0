//! Reading a configuration file from disk.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::problem::{Problem, Problems, Source};
use super::{Config, parse};

/// Larger files are refused before they are read.
pub const MAX_FILE_BYTES: u64 = 4 << 20;

/// Reads a configuration file and [`parse`]s it.
///
/// # Errors
/// Every problem: of the file itself (missing, too large, not UTF-8), else of what it says.
pub fn load(path: &Path) -> Result<Config, Problems> {
    parse(&text(path)?, path)
}

/// The text of a configuration file.
pub(super) fn text(path: &Path) -> Result<String, Problems> {
    let bytes = bytes(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let lossy = String::from_utf8_lossy(error.as_bytes());
        let cure = Some("save it as UTF-8".into());
        // The text in front of the bad byte is unchanged, so the place is the same in the repaired text.
        Source::new(&lossy, path).problem(good..good + 1, None, "the file is not UTF-8".into(), cure).into()
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Problems> {
    let failed = |error: std::io::Error| {
        Problems::from(match error.kind() {
            ErrorKind::NotFound => {
                let cure = Some("check the path, or make the file: two lines are enough for a feed".into());
                Problem::of_file(path, "there is no such file".into(), cure)
            }
            ErrorKind::PermissionDenied => {
                Problem::of_file(path, "the file may not be read".into(), Some("check its permissions".into()))
            }
            ErrorKind::IsADirectory => {
                Problem::of_file(path, "this is a folder".into(), Some("name the file inside it".into()))
            }
            _ => Problem::of_file(path, format!("the file cannot be read: {error}"), None),
        })
    };
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a pipe or a growing file is bounded too.
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = "the file is larger than 4MiB: this is no configuration".into();
        return Err(Problem::of_file(path, message, Some("name a configuration file".into())).into());
    }
    Ok(bytes)
}
