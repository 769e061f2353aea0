//! Captures of real feeds beside the repository: other people's data, so they are read where they are.

use std::path::PathBuf;

/// The folder of the captures; without it the test is skipped, but not where CI is said to be set.
///
/// # Panics
/// If it is missing though `CI=true`.
pub fn feeds() -> Option<PathBuf> {
    let folder = crate::binary::root().join("../shared/feeds");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", folder.display());
    eprintln!("skipped: there is no {}", folder.display());
    None
}
