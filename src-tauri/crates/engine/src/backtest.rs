//! CSVs through the detector, row by row as a stream: what `feedwatch backtest` does.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use feedwatch_detect::{Detector, Episode, Group, Verdict};
use feedwatch_model::{FindingKind, Time};
use serde::Serialize;

/// Why a back-test ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BacktestError {
    /// A file or folder could not be read or written.
    #[error("{path} cannot be read or written: {source}.")]
    Disk {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was named is not there.
    #[error("There is no file or folder {0}. Check the path.")]
    Missing(PathBuf),
    /// A CSV is not one of ours.
    #[error("{path}, line {line}: {reason}")]
    Csv {
        /// Which.
        path: PathBuf,
        /// Where, from 1.
        line: u64,
        /// What was expected.
        reason: String,
    },
    /// There is nothing to do.
    #[error("There is no .csv file below {0}.")]
    Nothing(String),
}

/// What a back-test did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BacktestReport {
    /// The version of this shape.
    pub schema: u32,
    /// How many files were read.
    pub files: usize,
    /// How many series they held.
    pub series: usize,
    /// How many rows.
    pub rows: u64,
    /// How many episodes opened.
    pub episodes: u64,
    /// Where the results are.
    pub out: PathBuf,
}

/// Every CSV below `paths` gives a CSV of the same path below `out`. Two threads; `progress` is told (done, of).
///
/// # Errors
/// [`BacktestError`], the first one; results written so far stay.
pub fn run(
    paths: &[PathBuf],
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<BacktestReport, BacktestError> {
    let mut files = Vec::new();
    for path in paths {
        find(path, path, &mut files)?;
    }
    if files.is_empty() {
        let all: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(BacktestError::Nothing(all.join(", ")));
    }
    files.sort();
    let mut report =
        BacktestReport { schema: crate::report::SCHEMA, files: files.len(), out: out.to_owned(), ..Default::default() };
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (tell, files, next) = (tell.clone(), &files, &next);
            scope.spawn(move || {
                while let Some((file, relative)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = one(file, &out.join(relative));
                    let failed = result.is_err();
                    if tell.send(result).is_err() || failed {
                        return;
                    }
                }
            });
        }
        drop(tell);
        for (done, result) in told.iter().enumerate() {
            let (series, rows, episodes) = result?;
            report.series += series;
            report.rows += rows;
            report.episodes += episodes;
            progress(done + 1, files.len());
        }
        Ok(report)
    })
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

/// One file; tells how many series, rows and episodes.
fn one(file: &Path, out: &Path) -> Result<(usize, u64, u64), BacktestError> {
    let table = Table::read(file)?;
    let (mut rows, mut episodes) = (0, 0);
    let mut scores: Vec<Vec<f64>> = vec![Vec::with_capacity(table.columns.len()); table.times.len()];
    for column in &table.columns {
        let target = if table.columns.len() == 1 {
            out.to_owned()
        } else {
            out.with_extension("").join(format!("{}.csv", safe(&column.name)))
        };
        let verdicts = judge(&table.times, &column.values);
        for (row, verdict) in scores.iter_mut().zip(&verdicts) {
            row.push(verdict.point_score);
        }
        rows += verdicts.len() as u64;
        episodes += verdicts.iter().filter(|verdict| verdict.episode == Episode::Opened).count() as u64;
        write_series(&target, &table, column, &verdicts)?;
    }
    if table.columns.len() > 1 {
        write_group(out, &table, &scores)?;
    }
    Ok((table.columns.len(), rows, episodes))
}

fn judge(times: &[(String, Time)], values: &[(String, f64)]) -> Vec<Verdict> {
    let mut detector = Detector::new();
    times.iter().zip(values).map(|((_, at), (_, value))| detector.observe(*at, *value)).collect()
}

/// A column name as a file name: nothing in it may lead elsewhere.
fn safe(name: &str) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).take(100).collect();
    if kept.trim_matches('.').is_empty() { "column".to_owned() } else { kept }
}

struct Column {
    name: String,
    /// As given, and as a number; NaN where it is missing.
    values: Vec<(String, f64)>,
}

struct Table {
    times: Vec<(String, Time)>,
    columns: Vec<Column>,
}

impl Table {
    fn read(path: &Path) -> Result<Table, BacktestError> {
        let wrong = |line, reason: String| BacktestError::Csv { path: path.to_owned(), line, reason };
        let of_csv = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            wrong(line, error.to_string())
        };
        let mut reader = csv::Reader::from_path(path).map_err(of_csv)?;
        let head = reader.headers().map_err(of_csv)?.clone();
        if head.get(0).is_none_or(|name| name.trim() != "timestamp") || head.len() < 2 {
            return Err(wrong(1, "the first line must be timestamp,value or timestamp,COLUMN,COLUMN,…".to_owned()));
        }
        let mut columns: Vec<Column> =
            head.iter().skip(1).map(|name| Column { name: name.trim().to_owned(), values: Vec::new() }).collect();
        let mut times = Vec::new();
        for record in reader.records() {
            let record = record.map_err(of_csv)?;
            let line = record.position().map_or(0, csv::Position::line);
            let stamp = record.get(0).unwrap_or_default();
            let at = parse_time(stamp).ok_or_else(|| {
                wrong(line, format!("{stamp:?} is not a time: 2026-03-01 12:00:00, RFC 3339, or seconds since 1970"))
            })?;
            times.push((stamp.to_owned(), at));
            for (column, text) in columns.iter_mut().zip(record.iter().skip(1)) {
                let value = match text.trim() {
                    "" => f64::NAN,
                    text => text.parse().map_err(|_| wrong(line, format!("{text:?} is not a number")))?,
                };
                column.values.push((text.to_owned(), value));
            }
        }
        Ok(Table { times, columns })
    }
}

/// RFC 3339; date and time without zone, taken as UTC; or seconds since the epoch.
pub fn parse_time(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Ok(secs) = text.parse::<f64>() {
        return secs.is_finite().then(|| Time::from_secs_f64(secs));
    }
    Time::parse_rfc3339(text).or_else(|_| Time::parse_rfc3339(&format!("{text}Z"))).ok()
}

fn create(path: &Path) -> Result<csv::Writer<fs::File>, BacktestError> {
    let disk = |source| BacktestError::Disk { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(disk)?;
    }
    Ok(csv::Writer::from_writer(fs::File::create(path).map_err(disk)?))
}

fn save(path: &Path, rows: impl Iterator<Item = Vec<String>>) -> Result<(), BacktestError> {
    let mut writer = create(path)?;
    let disk = |error: csv::Error| BacktestError::Disk { path: path.to_owned(), source: error.into() };
    for row in rows {
        writer.write_record(row).map_err(disk)?;
    }
    writer.flush().map_err(|source| BacktestError::Disk { path: path.to_owned(), source })
}

/// s / (1 + s): severity 1, the bar of a finding, is 0.5.
fn squashed(severity: f64) -> f64 {
    severity / (1.0 + severity)
}

fn write_series(path: &Path, table: &Table, column: &Column, verdicts: &[Verdict]) -> Result<(), BacktestError> {
    let head = ["timestamp", "value", "anomaly_score", "alarm_score", "expected_low", "expected_high", "alarm", "kind"];
    let mut kind: Option<FindingKind> = None;
    let body = table.times.iter().zip(&column.values).zip(verdicts).map(|(((stamp, _), (value, _)), verdict)| {
        // The kind stands on the first row on which it is settled and on those behind it till the episode ends.
        kind = match verdict.episode {
            Episode::None | Episode::Opened => None,
            Episode::Closed => kind.or(verdict.kind),
            Episode::Open | Episode::Settled | Episode::Escalated => verdict.kind,
        };
        let said = kind.map_or("", FindingKind::word).to_owned();
        if verdict.episode == Episode::Closed {
            kind = None;
        }
        let (low, high) = verdict.band.map_or_else(Default::default, |(low, high)| (low.to_string(), high.to_string()));
        vec![
            stamp.clone(),
            value.clone(),
            verdict.point_score.to_string(),
            squashed(verdict.severity).to_string(),
            low,
            high,
            u8::from(verdict.episode == Episode::Opened).to_string(),
            said,
        ]
    });
    save(path, std::iter::once(head.map(str::to_owned).to_vec()).chain(body))
}

fn write_group(path: &Path, table: &Table, scores: &[Vec<f64>]) -> Result<(), BacktestError> {
    let head = ["timestamp", "anomaly_score", "alarm_score", "alarm"].map(str::to_owned).to_vec();
    let mut group = Group::new();
    let body = table.times.iter().zip(scores).map(|((stamp, _), members)| {
        let verdict = group.observe(members);
        let opened = u8::from(verdict.opened).to_string();
        vec![stamp.clone(), verdict.score.to_string(), squashed(verdict.severity).to_string(), opened]
    });
    save(path, std::iter::once(head).chain(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_in_is_a_row_out_with_its_timestamp() {
        let folder = tempfile::tempdir().unwrap();
        let (input, out) = (folder.path().join("in/deep"), folder.path().join("out"));
        fs::create_dir_all(&input).unwrap();
        let mut text = "timestamp,value\n".to_owned();
        for minute in 0..300 {
            let value = if minute == 250 { 900.0 } else { f64::from(minute % 7) };
            text += &format!("2026-03-01 {:02}:{:02}:00,{value}\n", minute / 60, minute % 60);
        }
        fs::write(input.join("a.csv"), &text).unwrap();
        let report = run(&[folder.path().join("in")], &out, &mut |_, _| {}).unwrap();
        assert_eq!((report.files, report.series, report.rows), (1, 1, 300));
        let written = fs::read_to_string(out.join("deep/a.csv")).unwrap();
        let stamps =
            |text: &str| text.lines().map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(stamps(&written), stamps(&text));
        let alarm = written.lines().position(|line| line.split(',').nth(6) == Some("1"));
        assert_eq!(alarm, Some(251), "the jump of row 250 opens an episode");
    }

    #[test]
    fn several_columns_are_a_group() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wide.csv");
        let rows: String = (0..200).map(|row| format!("{},{},{}\n", row * 60, row % 5, row % 3)).collect();
        fs::write(&file, format!("timestamp,cpu,../mem\n{rows}")).unwrap();
        let report = run(&[file], &folder.path().join("out"), &mut |_, _| {}).unwrap();
        assert_eq!((report.series, report.rows), (2, 400));
        for made in ["wide.csv", "wide/cpu.csv", "wide/.._mem.csv"] {
            assert!(folder.path().join("out").join(made).exists(), "{made}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        fs::write(&file, "timestamp,value\n2026-03-01 00:00:00,1\nyesterday,2\n").unwrap();
        let error = run(&[file], &folder.path().join("out"), &mut |_, _| {}).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("yesterday"), "{error}");
    }
}
