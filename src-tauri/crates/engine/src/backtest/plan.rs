//! What a back-test reads and where each result goes, settled before anything is written: no result may take the place of
//! an input or of another result.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{BacktestError, names, of_csv};

/// One file to read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Job {
    /// The CSV.
    pub(super) file: PathBuf,
    /// Where its result goes; the group's, where it has several columns.
    pub(super) out: PathBuf,
    /// Where the results of the columns go, if there are several.
    columns: Vec<PathBuf>,
}

impl Job {
    /// Where the result of a column goes. The name is that of the column: a file that has changed since may have more.
    pub(super) fn target(&self, index: usize, name: &str) -> PathBuf {
        match self.columns.get(index) {
            Some(column) => column.clone(),
            None if self.columns.is_empty() => self.out.clone(),
            None => column_path(&self.out, name),
        }
    }
}

/// Every CSV below `paths`, in order.
pub(super) fn plan(paths: &[PathBuf], out: &Path) -> Result<Vec<Job>, BacktestError> {
    let mut files = Vec::new();
    for path in paths {
        find(path, path, &mut files)?;
    }
    if files.is_empty() {
        let all: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(BacktestError::Nothing(all.join(", ")));
    }
    files.sort();
    files.dedup();
    let mut jobs = Vec::with_capacity(files.len());
    let mut inputs = HashSet::with_capacity(files.len());
    for (file, relative) in files {
        let mut reader = csv::Reader::from_path(&file).map_err(|error| of_csv(&file, error))?;
        let names = names(&file, &mut reader)?;
        let out = out.join(relative);
        let columns: Vec<PathBuf> = match names.as_slice() {
            [_] => Vec::new(),
            several => several.iter().map(|name| column_path(&out, name)).collect(),
        };
        inputs.insert(real(&file));
        jobs.push((Job { file, out, columns }, names));
    }
    let mut taken: HashMap<PathBuf, String> = HashMap::new();
    for (job, names) in &jobs {
        let whole = (&job.out, job.file.display().to_string());
        let columns = job.columns.iter().zip(names);
        let columns = columns.map(|(out, name)| (out, format!("{}, column {name}", job.file.display())));
        for (out, from) in std::iter::once(whole).chain(columns) {
            let at = real(out);
            if inputs.contains(&at) {
                return Err(BacktestError::Overwrites { input: job.file.clone(), over: out.clone() });
            }
            if let Some(one) = taken.insert(at, from.clone()) {
                return Err(BacktestError::Shared { one, other: from, out: out.clone() });
            }
        }
    }
    Ok(jobs.into_iter().map(|(job, _)| job).collect())
}

fn find(root: &Path, path: &Path, files: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), BacktestError> {
    let disk = |source| BacktestError::Disk { path: path.to_owned(), source };
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(disk)? {
            find(root, &entry.map_err(disk)?.path(), files)?;
        }
    } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
        let relative = match path.strip_prefix(root) {
            Ok(below) if below.as_os_str().is_empty() => path.file_name().map(PathBuf::from),
            Ok(below) => Some(below.to_owned()),
            Err(_) => None,
        };
        files.push((path.to_owned(), relative.unwrap_or_else(|| path.to_owned())));
    } else if !path.exists() {
        return Err(BacktestError::Missing(path.to_owned()));
    }
    Ok(())
}

fn column_path(out: &Path, name: &str) -> PathBuf {
    out.with_extension("").join(format!("{}.csv", safe(name)))
}

/// A column name as a file name: nothing in it may lead elsewhere.
fn safe(name: &str) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).take(100).collect();
    if kept.trim_matches('.').is_empty() { "column".to_owned() } else { kept }
}

/// The path without links and dots, as far as it is there already.
fn real(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => real(Path::new(".")).join(name),
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    const ONE: &str = "timestamp,value\n0,1\n";

    #[test]
    fn an_input_is_never_overwritten() {
        let folder =
            folder(&[("in/a.csv", ONE), ("in/b/c.csv", ONE), ("wide.csv", "timestamp,a,b\n"), ("wide/a.csv", ONE)]);
        let at = |name: &str| folder.path().join(name);
        for (inputs, out) in [
            (vec![at("in")], at("in")),
            (vec![at("in")], at("in/b/..")),
            (vec![at("in/a.csv")], at("in")),
            (vec![at("in/b"), at("in")], at("in/b")),
            (vec![at("wide.csv"), at("wide")], at("")),
        ] {
            let error = plan(&inputs, &out).unwrap_err();
            assert!(matches!(error, BacktestError::Overwrites { .. }), "{inputs:?}: {error}");
        }
        assert_eq!(plan(&[at("in")], &at("out")).unwrap().len(), 2);
        assert_eq!(fs::read_to_string(at("in/a.csv")).unwrap(), ONE);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_input_is_the_input() {
        let folder = folder(&[("in/a.csv", ONE)]);
        std::os::unix::fs::symlink(folder.path().join("in"), folder.path().join("out")).unwrap();
        let error = plan(&[folder.path().join("in")], &folder.path().join("out")).unwrap_err();
        assert!(matches!(error, BacktestError::Overwrites { .. }), "{error}");
    }

    #[test]
    fn two_results_never_share_a_file() {
        let folder = folder(&[("x/a.csv", ONE), ("y/a.csv", ONE), ("wide.csv", "timestamp,a/b,a_b\n")]);
        let at = |name: &str| folder.path().join(name);
        for inputs in [vec![at("x"), at("y")], vec![at("wide.csv")]] {
            let error = plan(&inputs, &at("out")).unwrap_err();
            assert!(matches!(error, BacktestError::Shared { .. }), "{inputs:?}: {error}");
        }
        // The same file twice is one.
        assert_eq!(plan(&[at("x"), at("x/a.csv")], &at("out")).unwrap().len(), 1);
    }
}
