//! Writing a configuration so that neither a crash nor two writers lose it.

use std::fs::{self, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::EditError;
use crate::config::Problems;
use crate::config::load;
use crate::platform::sync_name;

/// What a file was when it was read: to tell whether somebody changed it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// There was none.
    Absent,
    /// A digest of its bytes.
    Digest(u64),
}

impl Stamp {
    /// Of a text.
    pub fn of(text: &str) -> Stamp {
        let mut hasher = DefaultHasher::new();
        text.as_bytes().hash(&mut hasher);
        Stamp::Digest(hasher.finish())
    }
}

/// Reads a file that is to be changed: its text and its stamp. One that does not exist yet is empty.
///
/// # Errors
/// What is wrong with the file itself; what it says is not looked at.
pub fn open(path: &Path) -> Result<(String, Stamp), Problems> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((String::new(), Stamp::Absent)),
        _ => {
            let text = load::text(path)?;
            let stamp = Stamp::of(&text);
            Ok((text, stamp))
        }
    }
}

/// Writes the text beside the file, makes sure it is on the disk, and puts it in the file's place, which keeps its mode.
/// Folders that are missing are made. Gives the new stamp.
///
/// # Errors
/// [`EditError::Changed`] where the file is not what it was when `seen` was taken; then nothing was written.
pub fn write(path: &Path, text: &str, seen: Stamp) -> Result<Stamp, EditError> {
    let failed = |source| EditError::Write { path: path.to_owned(), source };
    // A link stays a link: what it points at is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let part = part_path(&target);
    let written = write_part(&part, &target, text);
    // Compared as late as can be: between here and the renaming nothing is done that takes time.
    let result = match written {
        Ok(()) if !is_as_seen(&target, seen) => Err(EditError::Changed(path.to_owned())),
        Ok(()) => fs::rename(&part, &target).map_err(failed),
        Err(error) => Err(failed(error)),
    };
    if result.is_err() {
        // The part is ours and of no use; that it cannot be removed changes nothing about the error.
        let _ = fs::remove_file(&part);
    }
    result?;
    sync_name(&target);
    Ok(Stamp::of(text))
}

/// Writes a secret into a new file that only its owner can read, in a folder that is made like that, and makes sure that
/// both are on the disk. A file that stands there is another feed's and is left alone.
///
/// # Errors
/// [`EditError::Write`], also where there is such a file.
pub fn write_secret(path: &Path, secret: &str) -> Result<(), EditError> {
    let failed = |source| EditError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut make = fs::DirBuilder::new();
    make.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
    make.create(folder).map_err(failed)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    let written = writeln!(file, "{secret}").and_then(|()| file.sync_all());
    sync_name(path);
    sync_name(folder);
    if written.is_err() {
        // It is ours and of no use; that it cannot be removed changes nothing about the error.
        let _ = fs::remove_file(path);
    }
    written.map_err(failed)
}

fn part_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    target.with_file_name(name)
}

fn write_part(part: &Path, target: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(part)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = fs::metadata(target) {
        file.set_permissions(metadata.permissions())?;
    }
    file.sync_all()
}

fn is_as_seen(target: &Path, seen: Stamp) -> bool {
    match open(target) {
        Ok((_, now)) => now == seen,
        // It cannot be read any more: surely not what was seen.
        Err(_) => false,
    }
}
