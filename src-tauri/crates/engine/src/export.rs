//! CSV from a history without an engine: what `feedwatch export` does.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use feedwatch_model::{FeedId, SeriesId, Time};
pub use feedwatch_store::{ExportReport, Progress};
use feedwatch_store::{Reader, Selection, StoreError};

use crate::clock;
use crate::config::{self, Paths, Problems};

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] Problems),
    /// The configuration keeps no history.
    #[error("{0} keeps no history (keep_history = false), so there is nothing to export.")]
    NoHistory(String),
    /// A pattern cannot be read.
    #[error("The pattern {pattern:?} cannot be read: {reason}. It looks like spot/BTC-*.")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing fits.
    #[error("No series fits {0}. `feedwatch export FROM` without --series takes all of them.")]
    NothingFits(String),
    /// The history cannot be read, or the file not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was named is not there.
    #[error("There is no file {}. Check its name.", .0.display())]
    Missing(PathBuf),
    /// The file cannot be looked at.
    #[error("{path} cannot be read: {source}.")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ExportError {
    /// Has whoever read the rows gone away?
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, ExportError::Store(StoreError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Opens the history that `from` names: a history file, a configuration, or `demo`.
///
/// # Errors
/// [`ExportError`].
pub fn open(from: &str, paths: &Paths) -> Result<Reader, ExportError> {
    let path = match from {
        "demo" => paths.data.join("demo.db"),
        file if is_history(Path::new(file))? => PathBuf::from(file),
        file => {
            let config = config::load(Path::new(file))?;
            if !config.console.keep_history {
                return Err(ExportError::NoHistory(file.to_owned()));
            }
            config.console.history.as_ref().map_or_else(|| paths.history_file(), |path| paths.expand(path))
        }
    };
    Ok(feedwatch_store::read(&path)?)
}

/// Does the file begin as SQLite's do (file format, section 1.3)?
fn is_history(path: &Path) -> Result<bool, ExportError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ExportError::Missing(path.to_owned()),
        _ => ExportError::Read { path: path.to_owned(), source },
    };
    let mut head = Vec::with_capacity(16);
    File::open(path).map_err(unreadable)?.take(16).read_to_end(&mut head).map_err(unreadable)?;
    Ok(head == b"SQLite format 3\0")
}

/// The series whose `FEED/SERIES` fits one of the patterns; all of them without a pattern.
///
/// # Errors
/// [`ExportError::Pattern`], [`ExportError::NothingFits`], [`ExportError::Store`].
pub fn select(reader: &Reader, patterns: &[String]) -> Result<Vec<SeriesId>, ExportError> {
    let compiled = patterns
        .iter()
        .map(|pattern| {
            glob::Pattern::new(pattern)
                .map_err(|error| ExportError::Pattern { pattern: pattern.clone(), reason: error.msg.to_owned() })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let feeds = reader.feeds()?;
    let name_of = |id: FeedId| feeds.iter().find(|feed| feed.id == id).map_or("", |feed| &*feed.name);
    let chosen: Vec<SeriesId> = reader
        .series()?
        .into_iter()
        .filter(|meta| {
            let name = format!("{}/{}", name_of(meta.feed), meta.name);
            compiled.is_empty() || compiled.iter().any(|pattern| pattern.matches(&name))
        })
        .map(|meta| meta.id)
        .collect();
    if chosen.is_empty() && !patterns.is_empty() {
        return Err(ExportError::NothingFits(patterns.join(", ")));
    }
    Ok(chosen)
}

/// Writes the CSV to a file (whole or not at all), or to `out` where no file is given.
///
/// # Errors
/// [`ExportError::Store`].
pub fn write(
    reader: &Reader,
    (series, from, to): (Vec<SeriesId>, Time, Time),
    file: Option<&Path>,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<ExportReport, ExportError> {
    let selection = Selection { series, from, to, now: clock::now() };
    let report = match file {
        Some(file) => feedwatch_store::export(reader, &selection, file, progress)?,
        None => feedwatch_store::export_to(reader, &selection, out, progress)?,
    };
    Ok(report)
}

/// Feeds of which not every sample was kept, and what was instead, since they were last started: by the name of the feed.
///
/// # Errors
/// [`ExportError::Store`].
pub fn thinned(reader: &Reader, series: &[SeriesId]) -> Result<BTreeMap<String, String>, ExportError> {
    let chosen: HashSet<FeedId> =
        reader.series()?.iter().filter(|meta| series.contains(&meta.id)).map(|meta| meta.feed).collect();
    let feeds = reader.feeds()?.into_iter().filter(|feed| chosen.contains(&feed.id));
    Ok(feeds.filter_map(|feed| Some((feed.name.to_string(), feed.thinned?))).collect())
}
