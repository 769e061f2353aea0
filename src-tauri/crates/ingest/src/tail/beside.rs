//! The files beside the one that is followed: those it was rotated to, in the order of their age.
//!
//! `app.log` is rotated to `app.log.1` (and that to `app.log.2`), or to `app.log-20261124`, `app.log.2026-11-24` or
//! `app-20261124.log`. What is compressed is not read. Limit: 10,000 files of a folder are looked at.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::identity::FileId;

const FILES: usize = 10_000;

/// A file in the folder of the followed one, or in that of the file it leads to.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    /// Its age, if its name says that it was rotated.
    age: Option<Age>,
}

/// How old a rotated file is by its name: the greater, the newer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Stamp(String),
    /// `.1` is newer than `.2`.
    Number(Reverse<u32>),
}

/// All of them; none where the folder cannot be read.
pub(super) fn all(path: &Path) -> Vec<Beside> {
    let mut folders = vec![folder_of(path)];
    if let Ok(real) = fs::canonicalize(path) {
        let folder = folder_of(&real);
        let known = fs::canonicalize(&folders[0]).is_ok_and(|known| known == folder);
        if !known {
            folders.push(folder);
        }
    }
    let base = name_of(path);
    let entries = folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten().take(FILES);
    let found = entries.filter_map(|entry| {
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let path = entry.path();
        let age = age(&base, &name_of(&path));
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Beside { path, id: FileId::of(&metadata), size: metadata.len(), modified, age })
    });
    found.collect()
}

/// Those with a rotated name, the oldest first.
pub(super) fn rotated(all: &[Beside]) -> Vec<&Beside> {
    let mut chain: Vec<&Beside> = all.iter().filter(|beside| beside.age.is_some()).collect();
    chain.sort_by(|a, b| a.age.cmp(&b.age));
    chain
}

/// Those that were rotated after the file with this identity, the oldest first; where it is not among them, those written
/// at or after `modified`.
pub(super) fn after(all: &[Beside], id: FileId, modified: SystemTime) -> Vec<&Beside> {
    let chain = rotated(all);
    match chain.iter().position(|beside| beside.id == id) {
        Some(at) => chain.into_iter().skip(at + 1).collect(),
        None => chain.into_iter().filter(|beside| beside.modified >= modified).collect(),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn age(base: &str, name: &str) -> Option<Age> {
    let behind = || name.strip_prefix(base);
    let within = || {
        let (stem, end) = base.rsplit_once('.')?;
        name.strip_prefix(stem)?.strip_suffix(end)?.strip_suffix('.')
    };
    behind().and_then(stamp).or_else(|| within().and_then(stamp))
}

fn stamp(text: &str) -> Option<Age> {
    let text = text.strip_prefix(['.', '-', '_'])?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (1..=4).contains(&text.len()) {
        return text.parse().ok().map(|number| Age::Number(Reverse(number)));
    }
    let is_stamp = text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.chars().all(|letter| letter.is_ascii_digit() || "-_.:TZ+".contains(letter));
    is_stamp.then(|| Age::Stamp(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_was_rotated_and_when() {
        let sorted = |mut names: Vec<&'static str>| {
            names.retain(|name| age("app.log", name).is_some());
            names.sort_by_key(|name| age("app.log", name));
            names
        };
        let names = vec![
            "app.log",
            "app.log.1",
            "app.log.10",
            "app.log.2",
            "app.log.1.gz",
            "app.log.bak",
            "app.log~",
            "other.log.1",
            "app.log-",
        ];
        assert_eq!(sorted(names), ["app.log.10", "app.log.2", "app.log.1"]);
        let names =
            vec!["app.log-20261124", "app.log-20261122", "app-2026-11-23.log", "app.log.2026-11-25T10", "app.log"];
        let sorted = sorted(names);
        assert_eq!(sorted.len(), 4);
        assert_eq!(sorted.last(), Some(&"app.log-20261124"));
    }

    #[test]
    fn what_was_rotated_after_a_file_is_newer_than_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["app.log", "app.log.1", "app.log.2", "app.log.3", "app.log.2.gz", "else"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let path = folder.path().join("app.log");
        let all = all(&path);
        let id = |name: &str| FileId::of(&fs::metadata(folder.path().join(name)).unwrap());
        let names = |found: Vec<&Beside>| found.iter().map(|beside| name_of(&beside.path)).collect::<Vec<_>>();
        let far = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 40);
        assert_eq!(names(after(&all, id("app.log.3"), far)), ["app.log.2", "app.log.1"]);
        assert_eq!(names(after(&all, id("app.log.1"), SystemTime::UNIX_EPOCH)), [""; 0]);
        assert_eq!(names(after(&all, id("else"), far)), [""; 0]);
        assert_eq!(names(after(&all, id("else"), SystemTime::UNIX_EPOCH)), ["app.log.3", "app.log.2", "app.log.1"]);
    }
}
