//! CSVs through the detector, row by row as a stream: what `feedwatch backtest` does.

mod plan;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use feedwatch_detect::{Detector, Episode, Group, Verdict};
use feedwatch_model::{FindingKind, Time};
use serde::Serialize;

use plan::Job;

/// So often a caller is asked whether to go on, also while one file takes long.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// So often a thread looks whether it should go on.
const LOOK_EVERY: usize = 4_096;

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
    /// A result would take the place of what it is made from.
    #[error("The results of {input} would overwrite {over}. Choose another folder for --out.")]
    Overwrites {
        /// What is read.
        input: PathBuf,
        /// What would be lost.
        over: PathBuf,
    },
    /// Two series would share one result.
    #[error(
        "The results of {one} and {other} would both be {out}. Name them differently, or test them one after the other."
    )]
    Shared {
        /// The one: a file, or a column of it.
        one: String,
        /// The other.
        other: String,
        /// Where both would be.
        out: PathBuf,
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
    /// It was stopped before all files were read: this is what was done until then.
    pub cancelled: bool,
    /// Where the results are.
    pub out: PathBuf,
}

/// Every CSV below `paths` gives a CSV of the same path below `out`, each whole or not at all. Two threads; `progress` is
/// told (done, of) a few times a second and says whether to go on.
///
/// # Errors
/// [`BacktestError`], the first one; results written so far stay.
pub fn run(
    paths: &[PathBuf],
    out: &Path,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<BacktestReport, BacktestError> {
    let jobs = plan::plan(paths, out)?;
    let mut report = BacktestReport { schema: crate::report::SCHEMA, out: out.to_owned(), ..Default::default() };
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (tell, jobs, next, stop) = (tell.clone(), &jobs, &next, &stop);
            scope.spawn(move || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(result) = one(job, stop).transpose() else { return };
                    let failed = result.is_err();
                    if tell.send(result).is_err() || failed {
                        return;
                    }
                }
            });
        }
        drop(tell);
        loop {
            match told.recv_timeout(ASK_EVERY) {
                Ok(Ok((series, rows, episodes))) => {
                    report.files += 1;
                    report.series += series;
                    report.rows += rows;
                    report.episodes += episodes;
                }
                Ok(Err(error)) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if progress(report.files, jobs.len()).is_break() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        report.cancelled = report.files < jobs.len();
        Ok(report)
    })
}

/// One file; tells how many series, rows and episodes, or nothing if it was stopped.
fn one(job: &Job, stop: &AtomicBool) -> Result<Option<(usize, u64, u64)>, BacktestError> {
    if stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let table = Table::read(&job.file)?;
    let (mut rows, mut episodes) = (0, 0);
    let mut scores: Vec<Vec<f64>> = vec![Vec::with_capacity(table.columns.len()); table.times.len()];
    for (index, column) in table.columns.iter().enumerate() {
        let Some(verdicts) = judge(&table.times, &column.values, stop) else { return Ok(None) };
        for (row, verdict) in scores.iter_mut().zip(&verdicts) {
            row.push(verdict.point_score);
        }
        rows += verdicts.len() as u64;
        episodes += verdicts.iter().filter(|verdict| verdict.episode == Episode::Opened).count() as u64;
        write_series(&job.target(index, &column.name), &table, column, &verdicts)?;
    }
    if table.columns.len() > 1 {
        write_group(&job.out, &table, &scores)?;
    }
    Ok(Some((table.columns.len(), rows, episodes)))
}

/// What the detector says to each row; nothing if it was stopped.
fn judge(times: &[(String, Time)], values: &[(String, f64)], stop: &AtomicBool) -> Option<Vec<Verdict>> {
    let mut detector = Detector::new();
    let mut verdicts = Vec::with_capacity(times.len());
    for (row, ((_, at), (_, value))) in times.iter().zip(values).enumerate() {
        if row % LOOK_EVERY == 0 && stop.load(Ordering::Relaxed) {
            return None;
        }
        verdicts.push(detector.observe(*at, *value));
    }
    Some(verdicts)
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
        let of_csv = |error| of_csv(path, error);
        let mut reader = csv::Reader::from_path(path).map_err(of_csv)?;
        let names = names(path, &mut reader)?;
        let mut columns: Vec<Column> = names.into_iter().map(|name| Column { name, values: Vec::new() }).collect();
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

fn of_csv(path: &Path, error: csv::Error) -> BacktestError {
    let path = path.to_owned();
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(source) => BacktestError::Disk { path, source },
        kind => BacktestError::Csv { path, line, reason: csv_reason(&kind) },
    }
}

fn csv_reason(kind: &csv::ErrorKind) -> String {
    match kind {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("this row has {len} fields and the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "this is not UTF-8".to_owned(),
        other => format!("this cannot be read: {other:?}"),
    }
}

/// The names of the value columns.
fn names(path: &Path, reader: &mut csv::Reader<fs::File>) -> Result<Vec<String>, BacktestError> {
    let head = reader.headers().map_err(|error| of_csv(path, error))?;
    if head.get(0).is_none_or(|name| name.trim() != "timestamp") || head.len() < 2 {
        let reason = "the first line must be timestamp,value or timestamp,COLUMN,COLUMN,…".to_owned();
        return Err(BacktestError::Csv { path: path.to_owned(), line: 1, reason });
    }
    Ok(head.iter().skip(1).map(|name| name.trim().to_owned()).collect())
}

/// RFC 3339; date and time without zone, taken as UTC; or seconds since the epoch.
pub fn parse_time(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Ok(secs) = text.parse::<f64>() {
        return secs.is_finite().then(|| Time::from_secs_f64(secs));
    }
    Time::parse_rfc3339(text).or_else(|_| Time::parse_rfc3339(&format!("{text}Z"))).ok()
}

/// Writes a CSV whole or not at all: to `.part`, then under its name.
fn save(path: &Path, rows: impl Iterator<Item = Vec<String>>) -> Result<(), BacktestError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let saved = write_part(path, &part, rows).and_then(|()| fs::rename(&part, path));
    if saved.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&part);
    }
    saved.map_err(|source| BacktestError::Disk { path: path.to_owned(), source })
}

fn write_part(path: &Path, part: &Path, rows: impl Iterator<Item = Vec<String>>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut writer = csv::Writer::from_writer(fs::File::create(part)?);
    for row in rows {
        writer.write_record(row)?;
    }
    writer.flush()
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
        let report = run(&[folder.path().join("in")], &out, &mut |_, _| ControlFlow::Continue(())).unwrap();
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
        let report = run(&[file], &folder.path().join("out"), &mut |_, _| ControlFlow::Continue(())).unwrap();
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
        let error =
            run(&[file], &folder.path().join("out"), &mut |_, _| ControlFlow::Continue(())).unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("yesterday"), "{error}");
    }

    #[test]
    fn what_is_stopped_tells_what_was_done_and_leaves_no_part() {
        let folder = tempfile::tempdir().unwrap();
        let (input, out) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir_all(&input).unwrap();
        let rows: String = (0..20_000).map(|row| format!("{},{}\n", row * 60, row % 7)).collect();
        for name in 0..50 {
            fs::write(input.join(format!("{name}.csv")), format!("timestamp,value\n{rows}")).unwrap();
        }
        let report = run(&[input], &out, &mut |_, _| ControlFlow::Break(())).unwrap();
        assert!(report.cancelled && report.files < 50, "{report:?}");
        assert_eq!(report.rows, report.files as u64 * 20_000);
        let written: Vec<_> = fs::read_dir(&out).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        assert!(written.iter().all(|path| path.extension().is_some_and(|end| end == "csv")), "{written:?}");
    }
}
