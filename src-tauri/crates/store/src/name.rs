//! Names of files on the disk.

use std::fs::File;
use std::io;
use std::path::Path;

/// Brings a new name of a file to the disk: without this a power cut could take it back. The file is there already, and
/// not every file system can do this, so that an error is told in the log only.
pub fn sync_name(file: &Path) {
    if let Err(error) = sync_folder_of(file) {
        tracing::warn!(%error, file = %file.display(), "a power cut might take back the name of this file");
    }
}

fn sync_folder_of(file: &Path) -> io::Result<()> {
    // Elsewhere folders cannot be opened.
    if cfg!(unix) {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_folder_is_one_of_the_working_folder() {
        sync_folder_of(Path::new("file")).unwrap();
        assert!(cfg!(not(unix)) || sync_folder_of(Path::new("no-such-folder/file")).is_err());
        sync_name(Path::new("no-such-folder/file"));
    }
}
