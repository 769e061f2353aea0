//! The samples of a series, read: as rows in order, and as min/max buckets. Both are merged from sealed chunks, rows
//! that are not sealed, and what is pending, so that where a sample lies changes no answer.

use std::collections::BTreeMap;
use std::mem::take;
use std::ops::ControlFlow;

use feedwatch_codec::Columns;
use feedwatch_model::{Bucket, Quality, Sample, SeriesId, Time};
use rusqlite::{CachedStatement, Connection, Row, params};

use crate::sealed::{self, Chunk, Finder, Found, LEVELS, Opener, Part, Span};
use crate::summary::{PENDING, Summary, UNSEALED};
use crate::values::{from_columns, unpacked};
use crate::{StoreError, pending};

/// How many buckets are told at once.
const MOST_SLOTS: u64 = 65_536;
/// Chunks rolled so far at most: all of them.
const ALL: i64 = i64::MAX;

/// Where to go on reading samples: after `seen` samples at `at`. It stays right whatever is written in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) at: Time,
    pub(crate) seen: u64,
}

/// A stretch of samples in order of (time, arrival).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The samples.
    pub samples: Vec<Sample>,
    /// Where the next stretch begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// Samples of [from, to) in order of (time, arrival), at most `limit`.
pub(crate) fn samples(
    connection: &Connection,
    series: SeriesId,
    from: Time,
    to: Time,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page, StoreError> {
    let (from, skip) = match after {
        Some(cursor) => (cursor.at, cursor.seen),
        None => (from, 0),
    };
    let mut page = Page { samples: Vec::with_capacity(limit.min(4096)), next: None };
    let Some(span) = Span::new(from, to) else { return Ok(page) };
    let mut cursor = Cursor { at: from, seen: 0 };
    let mut finder = Finder::new(connection)?;
    let mut unsealed = select_rows(connection)?;
    let mut merged = Merged::new(connection, series, span, &mut finder, &mut unsealed)?;
    while let Some(sample) = merged.next()? {
        if page.samples.len() == limit {
            page.next = Some(cursor);
            break;
        }
        if sample.at != cursor.at {
            cursor = Cursor { at: sample.at, seen: 0 };
        }
        cursor.seen += 1;
        if sample.at != from || cursor.seen > skip {
            page.samples.push(sample);
        }
    }
    Ok(page)
}

/// Samples of a series out of overlapping chunks, unsealed rows and pending ones, in order.
struct Merged<'c, 's> {
    series: SeriesId,
    span: Span,
    found: Found<'s>,
    /// The next chunk, not opened yet.
    chunk: Option<Chunk>,
    opener: Opener<'c>,
    open: Vec<Source>,
    rows: rusqlite::Rows<'s>,
    row: Option<Sample>,
    pending: std::iter::Peekable<std::vec::IntoIter<Sample>>,
    /// Columns of a source that is read to its end, to be filled again.
    spare: Columns,
}

/// An open chunk, and how far it is read.
struct Source {
    id: i64,
    columns: Columns,
    next: usize,
    at: i64,
}

impl Source {
    /// The place in order of its next row.
    const fn place(&self) -> (i64, i64) {
        (self.at, self.id)
    }
}

impl<'c, 's> Merged<'c, 's> {
    fn new(
        connection: &'c Connection,
        series: SeriesId,
        span: Span,
        finder: &'s mut Finder<'c>,
        unsealed: &'s mut CachedStatement<'c>,
    ) -> Result<Merged<'c, 's>, StoreError> {
        let mut merged = Merged {
            series,
            span,
            found: finder.find(series, span, ALL)?,
            chunk: None,
            opener: Opener::new(connection)?,
            open: Vec::new(),
            rows: unsealed.query(params![series.0, span.from, span.last])?,
            row: None,
            pending: pending::of_series(connection, series, span)?.into_iter().peekable(),
            spare: Columns::default(),
        };
        merged.chunk = merged.found.next()?;
        merged.next_row()?;
        Ok(merged)
    }

    fn next_row(&mut self) -> Result<(), StoreError> {
        self.row = match self.rows.next()? {
            Some(row) => Some(read_row(self.series, row)?),
            None => None,
        };
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Sample>, StoreError> {
        loop {
            let first = (0..).zip(&self.open).map(|(index, source)| (source.place(), Some(index))).min();
            let row = self.row.map(|row| ((row.at.nanos(), UNSEALED), None));
            let pending = self.pending.peek().map(|sample| ((sample.at.nanos(), PENDING), None));
            let next = [first, row, pending].into_iter().flatten().min();
            // A chunk that begins before what would be next has a say.
            if let Some(chunk) = self.chunk
                && next.is_none_or(|((at, _), _)| chunk.from <= at)
            {
                self.open(chunk)?;
                continue;
            }
            let Some(((at, from), index)) = next.filter(|((at, _), _)| *at <= self.span.last) else { return Ok(None) };
            let sample = match (index, from) {
                (Some(index), _) => self.take(index),
                (None, PENDING) => self.pending.next(),
                (None, _) => {
                    let row = self.row;
                    self.next_row()?;
                    row
                }
            };
            if at >= self.span.from {
                return Ok(sample);
            }
        }
    }

    fn open(&mut self, chunk: Chunk) -> Result<(), StoreError> {
        let mut columns = take(&mut self.spare);
        self.opener.columns(chunk.id, &mut columns)?;
        self.chunk = self.found.next()?;
        // Rows before the span are stepped over at once.
        let begin = self.span.from;
        let next = columns.times().partition_point(|at| *at < begin);
        if let Some(row) = columns.get(next) {
            self.open.push(Source { id: chunk.id, columns, next, at: row.at });
        } else {
            self.spare = columns;
        }
        Ok(())
    }

    /// Takes the next row of an open chunk, and lets the chunk go at its end.
    fn take(&mut self, index: usize) -> Option<Sample> {
        let source = self.open.get_mut(index)?;
        let row = source.columns.get(source.next)?;
        source.next += 1;
        match source.columns.get(source.next) {
            Some(next) => source.at = next.at,
            None => self.spare = self.open.swap_remove(index).columns,
        }
        Some(unpacked(self.series, row))
    }
}

fn select_rows(connection: &Connection) -> Result<CachedStatement<'_>, rusqlite::Error> {
    connection.prepare_cached(
        "SELECT at, delay, kind, value, quality, arrival FROM sample WHERE series = ?1 AND at >= ?2 AND at <= ?3
         ORDER BY at, arrival",
    )
}

fn read_row(series: SeriesId, row: &Row<'_>) -> Result<Sample, rusqlite::Error> {
    let at: i64 = row.get(0)?;
    Ok(Sample {
        series,
        at: Time::from_nanos(at),
        received: Time::from_nanos(at.wrapping_add(row.get(1)?)),
        value: from_columns(row.get(2)?, row.get_ref(3)?)?,
        quality: Quality::from_code(row.get(4)?),
    })
}

/// All rows of a series that are not sealed, in order, with their arrival numbers.
pub(crate) fn rows(connection: &Connection, series: SeriesId) -> Result<Vec<(Sample, Option<i64>)>, rusqlite::Error> {
    select_rows(connection)?
        .query_map(params![series.0, i64::MIN, i64::MAX], |row| Ok((read_row(series, row)?, Some(row.get(5)?))))?
        .collect()
}

/// The slots of `width` nanoseconds that touch [from, to), each told whole; empty ones are left out.
///
/// A width of whole hours or minutes takes the rollups, and only what is in none of them from chunks; any other takes
/// the summaries of chunks that lie within a slot, and opens those that straddle two.
pub(crate) fn buckets(
    connection: &Connection,
    series: SeriesId,
    from: Time,
    to: Time,
    width: i64,
) -> Result<Vec<Bucket>, StoreError> {
    let width = width.max(1);
    let Some(span) = whole_slots(from, to, width)? else { return Ok(Vec::new()) };
    let mut slots = Slots { width, ..Slots::default() };
    let level = LEVELS.iter().rposition(|level| width % level == 0);
    if let Some(level) = level {
        let parts = width / LEVELS.get(level).copied().unwrap_or(1);
        sealed::rollups(connection, series, level, span, |slot, summary| {
            slots.at(slot.div_euclid(parts)).merge(summary);
        })?;
    }
    sealed::each(connection, series, span, level.map_or(ALL, sealed::least_rolled), |part| {
        match part {
            Part::Whole(chunk) if slots.of(chunk.from) == slots.of(chunk.to) => {
                slots.at(slots.of(chunk.from)).merge(&chunk.summary);
                return ControlFlow::Break(());
            }
            Part::Whole(_) => {}
            Part::Point { chunk, at, value } => slots.at(slots.of(at)).add(at, chunk, value),
        }
        ControlFlow::Continue(())
    })?;
    let mut unsealed = select_rows(connection)?;
    let mut rows = unsealed.query(params![series.0, span.from, span.last])?;
    while let Some(row) = rows.next()? {
        let sample = read_row(series, row)?;
        let at = sample.at.nanos();
        slots.at(slots.of(at)).add(at, UNSEALED, sample.value.as_f64());
    }
    for sample in pending::of_series(connection, series, span)? {
        let at = sample.at.nanos();
        slots.at(slots.of(at)).add(at, PENDING, sample.value.as_f64());
    }
    Ok(slots.into_buckets())
}

/// How many samples of [from, to) there are.
pub(crate) fn count(connection: &Connection, series: SeriesId, from: Time, to: Time) -> Result<u64, StoreError> {
    let Some(span) = Span::new(from, to) else { return Ok(0) };
    let mut count = 0;
    sealed::each(connection, series, span, ALL, |part| {
        match part {
            Part::Whole(chunk) if span.holds(chunk.from) && span.holds(chunk.to) => {
                count += chunk.summary.count;
                return ControlFlow::Break(());
            }
            Part::Whole(_) => {}
            Part::Point { .. } => count += 1,
        }
        ControlFlow::Continue(())
    })?;
    let rows: i64 = connection
        .prepare_cached("SELECT count(*) FROM sample WHERE series = ?1 AND at >= ?2 AND at <= ?3")?
        .query_row(params![series.0, span.from, span.last], |row| row.get(0))?;
    let pending = pending::of_series(connection, series, span)?.len() as u64;
    Ok(count + rows.cast_unsigned() + pending)
}

/// Summaries by the number of their slot. The one in use is at hand, since what comes is mostly in order.
#[derive(Default)]
struct Slots {
    width: i64,
    slot: i64,
    current: Summary,
    others: BTreeMap<i64, Summary>,
}

impl Slots {
    fn of(&self, at: i64) -> i64 {
        at.div_euclid(self.width)
    }

    fn at(&mut self, slot: i64) -> &mut Summary {
        if slot != self.slot {
            self.put_back();
            self.slot = slot;
            self.current = self.others.remove(&slot).unwrap_or_default();
        }
        &mut self.current
    }

    fn put_back(&mut self) {
        if self.current.count > 0 {
            self.others.insert(self.slot, self.current);
        }
    }

    fn into_buckets(mut self) -> Vec<Bucket> {
        self.put_back();
        let start = |slot: i64| Time::from_nanos(slot.saturating_mul(self.width));
        self.others.iter().map(|(slot, summary)| summary.bucket(start(*slot))).collect()
    }
}

/// [from, to) widened to the grid; `None` where it is empty.
fn whole_slots(from: Time, to: Time, width: i64) -> Result<Option<Span>, StoreError> {
    let Some(span) = Span::new(from, to) else { return Ok(None) };
    let (first, last) = (span.from.div_euclid(width), span.last.div_euclid(width));
    let slots = u64::try_from(i128::from(last) - i128::from(first) + 1).unwrap_or(u64::MAX);
    if slots > MOST_SLOTS {
        return Err(StoreError::TooManySlots { slots, most: MOST_SLOTS });
    }
    let end = i128::from(last) * i128::from(width) + i128::from(width) - 1;
    Ok(Some(Span { from: first.saturating_mul(width), last: i64::try_from(end).unwrap_or(i64::MAX) }))
}
