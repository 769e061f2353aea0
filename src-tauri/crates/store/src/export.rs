//! Samples as CSV (RFC 4180), in constant memory.
//!
//! Columns: `time,receive_time,feed,series,value,unit,quality,gap_seconds`; times are RFC 3339 in UTC with nine digits,
//! integers are exact, floats are the shortest text that reads back to the same bits. Rows are in order of time; a gap is
//! a row with its length and without a value. A text that a spreadsheet would take for a formula gets a leading
//! apostrophe (OWASP, "CSV Injection"); a number never does.
//!
//! ```text
//! time,receive_time,feed,series,value,unit,quality,gap_seconds
//! 2026-03-01T12:00:00.250000000Z,2026-03-01T12:00:00.251000000Z,plant,boiler.temp_c,71.25,°C,good,
//! 2026-03-01T12:00:01.000000000Z,,plant,,,,,48.5
//! ```

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use feedwatch_model::{FeedId, Gap, Sample, SeriesId, SeriesMeta, Time, Value};

use crate::{Cursor, Reader, StoreError, gaps, sync_name};

/// How many samples of all series together are held at once.
const HELD: usize = 65_536;
/// Progress is told, and cancelling is asked for, after so many rows.
const STRIDE: u64 = 4096;

/// What to write out.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The series. The caller resolves names and globs.
    pub series: Vec<SeriesId>,
    /// From this moment on.
    pub from: Time,
    /// Before this moment.
    pub to: Time,
    /// This moment: a gap that still lasts is told up to it, and never beyond `to`.
    pub now: Time,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rows written, gaps among them.
    pub rows: u64,
    /// The time of the last row.
    pub at: Time,
}

/// What an export has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportReport {
    /// Samples written.
    pub samples: u64,
    /// Gaps written.
    pub gaps: u64,
    /// It was cancelled: there is no file.
    pub cancelled: bool,
}

/// Writes a selection to the file `out`, whole or not at all: to `out.part`, to the disk, and only then under its name.
///
/// # Errors
/// [`StoreError::Export`] when the file cannot be written, or what the reader meets. The part is then removed.
pub fn export(
    reader: &Reader,
    selection: &Selection,
    out: &Path,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<ExportReport, StoreError> {
    let part = part_path(out);
    let written = write_part(reader, selection, &part, progress).and_then(|report| {
        if !report.cancelled {
            fs::rename(&part, out)?;
            sync_name(out);
        }
        Ok(report)
    });
    if !matches!(written, Ok(ExportReport { cancelled: false, .. })) {
        // It may never have been made.
        let _ = fs::remove_file(&part);
    }
    written.map_err(|error| match error {
        StoreError::Output(source) => StoreError::Export { path: out.to_path_buf(), source },
        other => other,
    })
}

fn write_part(
    reader: &Reader,
    selection: &Selection,
    part: &Path,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<ExportReport, StoreError> {
    let mut file = BufWriter::with_capacity(1 << 16, File::create(part)?);
    let report = export_to(reader, selection, &mut file, progress)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    if !report.cancelled {
        file.sync_all()?;
    }
    Ok(report)
}

fn part_path(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Writes a selection to any output.
///
/// # Errors
/// [`StoreError::Output`] when the output takes no more, or what the reader meets.
pub fn export_to(
    reader: &Reader,
    selection: &Selection,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<ExportReport, StoreError> {
    let names = Names::read(reader)?;
    let mut gaps = gaps::Stream::new(names.feeds_of(selection), selection.from, selection.to);
    let mut merged = Merged::new(reader, selection)?;
    let mut rows = Rows::new(out, &names)?;
    let mut report = ExportReport::default();
    loop {
        let next = merged.peek();
        let gap_first = match (gaps.peek(reader)?, next) {
            (Some(gap), Some(at)) => gap <= at,
            (gap, None) => gap.is_some(),
            (None, _) => false,
        };
        let at = if gap_first {
            let Some(gap) = gaps.pop() else { break };
            rows.gap(&gap, selection.now.min(selection.to))?;
            report.gaps += 1;
            gap.from
        } else {
            let Some(sample) = merged.pop(reader)? else { break };
            rows.sample(&sample)?;
            report.samples += 1;
            sample.at
        };
        let written = report.samples + report.gaps;
        if written.is_multiple_of(STRIDE) && progress(Progress { rows: written, at }).is_break() {
            report.cancelled = true;
            break;
        }
    }
    rows.flush()?;
    Ok(report)
}

/// Feeds and series by number.
struct Names {
    feeds: BTreeMap<FeedId, String>,
    series: BTreeMap<SeriesId, SeriesMeta>,
}

impl Names {
    fn read(reader: &Reader) -> Result<Names, StoreError> {
        Ok(Names {
            feeds: reader.feeds()?.into_iter().map(|feed| (feed.id, feed.name.to_string())).collect(),
            series: reader.series()?.into_iter().map(|series| (series.id, series)).collect(),
        })
    }

    /// The feeds that the selected series are of.
    fn feeds_of(&self, selection: &Selection) -> BTreeSet<FeedId> {
        selection.series.iter().filter_map(|id| self.series.get(id)).map(|series| series.feed).collect()
    }
}

/// Several series as one stream in order of time; of equal times the series named first comes first.
struct Merged {
    streams: Vec<Stream>,
    to: Time,
    limit: usize,
    /// The time of the first sample held of each stream, and its index.
    first: BinaryHeap<Reverse<(Time, usize)>>,
}

struct Stream {
    series: SeriesId,
    held: VecDeque<Sample>,
    next: Option<Cursor>,
}

impl Stream {
    fn place(&self, index: usize) -> Option<Reverse<(Time, usize)>> {
        self.held.front().map(|sample| Reverse((sample.at, index)))
    }
}

impl Merged {
    fn new(reader: &Reader, selection: &Selection) -> Result<Merged, StoreError> {
        let limit = (HELD / selection.series.len().max(1)).max(64);
        let mut streams = Vec::with_capacity(selection.series.len());
        for &series in &selection.series {
            let page = reader.samples(series, selection.from, selection.to, None, limit)?;
            streams.push(Stream { series, held: page.samples.into(), next: page.next });
        }
        let first = (0..).zip(&streams).filter_map(|(index, stream)| stream.place(index)).collect();
        Ok(Merged { streams, to: selection.to, limit, first })
    }

    fn peek(&self) -> Option<Time> {
        self.first.peek().map(|Reverse((at, _))| *at)
    }

    fn pop(&mut self, reader: &Reader) -> Result<Option<Sample>, StoreError> {
        let Some(Reverse((_, index))) = self.first.pop() else { return Ok(None) };
        let Some(stream) = self.streams.get_mut(index) else { return Ok(None) };
        let sample = stream.held.pop_front();
        if stream.held.is_empty()
            && let Some(cursor) = stream.next.take()
        {
            let page = reader.samples(stream.series, cursor.at, self.to, Some(cursor), self.limit)?;
            stream.held = page.samples.into();
            stream.next = page.next;
        }
        self.first.extend(stream.place(index));
        Ok(sample)
    }
}

/// Rows of CSV.
struct Rows<'a> {
    csv: csv::Writer<&'a mut dyn Write>,
    names: &'a Names,
    at: String,
    received: String,
    value: String,
}

impl<'a> Rows<'a> {
    fn new(out: &'a mut dyn Write, names: &'a Names) -> Result<Rows<'a>, StoreError> {
        let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        csv.write_record(["time", "receive_time", "feed", "series", "value", "unit", "quality", "gap_seconds"])
            .map_err(output)?;
        Ok(Rows { csv, names, at: String::new(), received: String::new(), value: String::new() })
    }

    fn sample(&mut self, sample: &Sample) -> Result<(), StoreError> {
        let meta = self.names.series.get(&sample.series);
        let feed = meta.and_then(|meta| self.names.feeds.get(&meta.feed)).map_or("", String::as_str);
        let unit = meta.and_then(|meta| meta.unit.as_deref()).unwrap_or("");
        set(&mut self.at, sample.at);
        set(&mut self.received, sample.received);
        set_value(&mut self.value, sample.value);
        self.csv
            .write_record([
                self.at.as_str(),
                self.received.as_str(),
                &guarded(feed),
                &guarded(meta.map_or("", |meta| &meta.name)),
                self.value.as_str(),
                &guarded(unit),
                sample.quality.word(),
                "",
            ])
            .map_err(output)
    }

    /// A gap that lasts is told up to `end`.
    fn gap(&mut self, gap: &Gap, end: Time) -> Result<(), StoreError> {
        let feed = self.names.feeds.get(&gap.feed).map_or("", String::as_str);
        let nanos = gap.to.unwrap_or(end.max(gap.from)).nanos_since(gap.from);
        set(&mut self.at, gap.from);
        self.value.clear();
        push(&mut self.value, format_args!("{}.{:09}", nanos / 1_000_000_000, (nanos % 1_000_000_000).abs()));
        let seconds = self.value.trim_end_matches('0').trim_end_matches('.');
        self.csv.write_record([self.at.as_str(), "", &guarded(feed), "", "", "", "", seconds]).map_err(output)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(self.csv.flush()?)
    }
}

fn output(error: csv::Error) -> StoreError {
    // Unpacked, so that what the system said keeps its kind.
    StoreError::Output(match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    })
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = std::fmt::Write::write_fmt(text, arguments);
}

fn set(text: &mut String, time: Time) {
    text.clear();
    push(text, format_args!("{time}"));
}

fn set_value(text: &mut String, value: Value) {
    text.clear();
    match value {
        Value::Bool(yes) => push(text, format_args!("{yes}")),
        Value::I64(integer) => push(text, format_args!("{integer}")),
        Value::U64(integer) => push(text, format_args!("{integer}")),
        // Very large and very small numbers would be hundreds of digits.
        Value::F64(real) if real != 0.0 && real.is_finite() && !(1e-5..1e16).contains(&real.abs()) => {
            push(text, format_args!("{real:e}"));
        }
        Value::F64(real) => push(text, format_args!("{real}")),
    }
}

/// A text that cannot be taken for a formula.
fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}
