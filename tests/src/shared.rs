//! Captures of real feeds beside the repository: other people's data, so they are read where they are.

use std::path::PathBuf;

/// The folder of the captures; without it the test is skipped, but not where CI is said to be set.
///
/// # Panics
/// If it is missing though `CI=true`.
#[track_caller]
pub fn feeds() -> Option<PathBuf> {
    let folder = crate::binary::root().join("../shared/feeds");
    if folder.is_dir() {
        return Some(folder);
    }
    crate::skip::unless_ci(&format!("there is no {}", folder.display()));
    None
}
