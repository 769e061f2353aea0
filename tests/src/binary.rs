//! The program under test. Cargo tells its path only to tests of its own package, so it is found beside them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The terminal program, built from the sources as they are. `FEEDWATCH_BIN` names another one.
///
/// # Panics
/// If it cannot be built.
pub fn feedwatch() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("FEEDWATCH_BIN") {
        Some(path) => PathBuf::from(path),
        None => built("feedwatch", "feedwatch-cli"),
    })
}

/// A program of the workspace, built if it is missing or older than a source.
///
/// # Panics
/// If it cannot be built.
pub fn built(program: &str, package: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the path of this test");
    let folder = own.ancestors().nth(2).expect("a test lies in target/PROFILE/deps");
    let path = folder.join(program);
    let made = fs::metadata(&path).and_then(|file| file.modified()).ok();
    // Only the window stands on what is beside the crates.
    let sources = if package == "feedwatch-desktop" { "src-tauri" } else { "src-tauri/crates" };
    if made.is_none_or(|made| newest(&root().join(sources)) > made) {
        eprintln!("{program} is missing or older than its sources: building {package}");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--locked", "-p", package])
            .current_dir(root())
            .status()
            .expect("cargo can be started");
        assert!(built.success(), "{package} cannot be built: see above, or try `cargo build -p {package}`");
    }
    path
}

/// When the newest Rust source below a folder was changed.
fn newest(folder: &Path) -> SystemTime {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let times = entries.map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            // Tests, benches and examples are no part of a program.
            let counts = !["tests", "benches", "examples", "target", "fuzz"].iter().any(|name| path.ends_with(name));
            return if counts { newest(&path) } else { SystemTime::UNIX_EPOCH };
        }
        let counts = path.extension().is_some_and(|kind| kind == "rs" || kind == "sql" || kind == "toml");
        let changed = counts.then(|| entry.metadata().and_then(|file| file.modified()).ok()).flatten();
        changed.unwrap_or(SystemTime::UNIX_EPOCH)
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
