//! Sealing: from [`CHUNK`] rows of a series on, they become one packed chunk instead of rows.
//!
//! It happens within the commit that brings the rows, so that a crash leaves either the rows or the chunk. What comes in
//! bulk is sealed without ever being a row. A chunk holds a prefix of the series' rows in order of (time, arrival): so,
//! of equal times, a chunk of lower id has the earlier ones and the rows still there have the latest, and readers can
//! merge both exactly. Samples that come late into a sealed stretch stay rows until they are sealed in a chunk of their
//! own, which may overlap others.
//!
//! A commit seals at most [`SLICE`] chunks more than twice what it brings: it stays short when a thousand series fill up
//! at once, and still catches up.

use std::collections::VecDeque;

use feedwatch_codec::{Columns, encode};
use feedwatch_model::{Sample, SeriesId, Time};
use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use rustc_hash::FxHashMap;

use crate::chain::{Digest, Hasher, Kind, write_mark};
use crate::summary::Summary;
use crate::values::{packed, to_columns};
use crate::{sealed, series};

/// Rows of a chunk.
pub(crate) const CHUNK: usize = 1024;
/// Chunks a commit may seal beyond twice those it brings.
const SLICE: usize = 8;
/// Fewer rows are not worth a chunk, however old.
const LEAST: usize = 64;
/// After so long rows are sealed although they are few.
const AGE_NANOS: i64 = 3_600 * feedwatch_model::NANOS_PER_SECOND;
/// A level of rollups is kept of chunks with so many samples a slot: of fewer it would weigh as much as they do.
const DENSE: i128 = 240;

type Sql<T> = Result<T, rusqlite::Error>;

/// What the writer knows of the rows that are not sealed.
#[derive(Debug, Default)]
pub(crate) struct Sealer {
    /// How many rows a series has.
    rows: FxHashMap<SeriesId, usize>,
    /// Every series of `rows`, and when it was last looked after.
    ages: VecDeque<(Time, SeriesId)>,
    columns: Columns,
}

/// A row, and its arrival number where it stands in the table.
type Placed = (Sample, Option<i64>);

impl Sealer {
    /// Forgets what it knows, after a transaction that failed.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.ages.clear();
    }

    /// Writes samples in order of (series, time, arrival), the first of them with the number after `arrivals`.
    pub(crate) fn write(&mut self, connection: &Connection, samples: &[Sample], arrivals: i64, now: Time) -> Sql<()> {
        let mut budget = SLICE + 2 * samples.len() / CHUNK;
        let mut arrival = arrivals;
        for run in samples.chunk_by(|one, next| one.series == next.series) {
            let Some(series) = run.first().map(|sample| sample.series) else { continue };
            let rows = self.rows_of(connection, series, now)?;
            let left = if rows + run.len() >= CHUNK && budget > 0 {
                let (left, sealed) = self.seal(connection, series, run, arrival, CHUNK)?;
                budget = budget.saturating_sub(sealed);
                left
            } else {
                insert(connection, (arrival + 1..).zip(run))?;
                rows + run.len()
            };
            self.rows.insert(series, left);
            arrival += run.len() as i64;
        }
        self.seal_oldest(connection, now)
    }

    /// Counted when a series is first written: at most some thousand rows.
    fn rows_of(&mut self, connection: &Connection, series: SeriesId, now: Time) -> Sql<usize> {
        if let Some(&rows) = self.rows.get(&series) {
            return Ok(rows);
        }
        let rows: i64 = connection
            .prepare_cached("SELECT count(*) FROM sample WHERE series = ?1")?
            .query_row([series.0], |row| row.get(0))?;
        let rows = usize::try_from(rows).unwrap_or(0);
        self.rows.insert(series, rows);
        self.ages.push_back((now, series));
        Ok(rows)
    }

    /// Seals the rows of at most one series that has waited long.
    fn seal_oldest(&mut self, connection: &Connection, now: Time) -> Sql<()> {
        let Some(&(since, series)) = self.ages.front() else { return Ok(()) };
        if now.nanos_since(since) < AGE_NANOS {
            return Ok(());
        }
        self.ages.pop_front();
        self.ages.push_back((now, series));
        let rows = self.rows_of(connection, series, now)?;
        if rows >= LEAST {
            let (left, _) = self.seal(connection, series, &[], 0, 1)?;
            self.rows.insert(series, left);
        }
        Ok(())
    }

    /// Seals the rows of a series together with `new` ones, as long as `least` are left. Tells how many rows are left,
    /// and how many chunks were made.
    fn seal(
        &mut self,
        connection: &Connection,
        series: SeriesId,
        new: &[Sample],
        arrivals: i64,
        least: usize,
    ) -> Sql<(usize, usize)> {
        let mut rows: Vec<Placed> = series::rows(connection, series)?;
        let held = rows.len();
        rows.extend(new.iter().map(|sample| (*sample, None)));
        // Stable: of equal times those that came before stay before.
        rows.sort_by_key(|(sample, _)| sample.at);
        let mut rest = rows.as_slice();
        let mut chunks = 0;
        while rest.len() >= least && !rest.is_empty() {
            let (chunk, after) = rest.split_at(prefix(rest));
            self.write_chunk(connection, series, chunk)?;
            chunks += 1;
            rest = after;
        }
        let sealed = rows.get(..rows.len() - rest.len()).unwrap_or_default();
        let gone = sealed.iter().filter(|(_, arrival)| arrival.is_some()).count();
        if gone == held && held > 0 {
            connection.prepare_cached("DELETE FROM sample WHERE series = ?1")?.execute([series.0])?;
        } else if let Some((last, arrival)) = sealed.iter().rfind(|(_, arrival)| arrival.is_some()) {
            connection
                .prepare_cached("DELETE FROM sample WHERE series = ?1 AND (at, arrival) <= (?2, ?3)")?
                .execute(params![series.0, last.at.nanos(), arrival])?;
        }
        let left = rest.iter().filter(|(_, arrival)| arrival.is_none()).map(|(sample, _)| sample);
        insert(connection, (arrivals + 1..).zip(left))?;
        Ok((rest.len(), chunks))
    }

    fn write_chunk(&mut self, connection: &Connection, series: SeriesId, rows: &[Placed]) -> Sql<()> {
        let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) else { return Ok(()) };
        let (from, to) = (first.at.nanos(), last.at.nanos());
        self.columns.clear();
        for (sample, _) in rows {
            // A chunk is far shorter than what columns hold.
            self.columns.push(packed(sample));
        }
        let bytes = encode(&self.columns);
        connection.prepare_cached("INSERT INTO data (bytes) VALUES (?1)")?.execute([&bytes])?;
        let id = connection.last_insert_rowid();
        let mut summary = Summary::default();
        for (sample, _) in rows {
            summary.add(sample.at.nanos(), id, sample.value.as_f64());
        }
        let rolled = rolled(rows.len(), from, to);
        let head = [i64::from(series.0), sealed::tier(from, to), from, id, to, rolled].map(SqlValue::Integer);
        let row: Vec<SqlValue> = head.into_iter().chain(summary.columns()).collect();
        let digest = chunk_digest(row.iter().map(ValueRef::from), &bytes);
        write_mark(connection, Kind::Chunk, i64::from(series.0), id, Some(&digest))?;
        connection
            .prepare_cached(
                "INSERT INTO chunk (series, tier, from_at, id, to_at, rolled,
                                    count, least, most, total, first, first_at, last, last_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params_from_iter(row))?;
        for level in sealed::levels_of(rolled) {
            roll_up(connection, series, level, id, rows)?;
        }
        Ok(())
    }
}

/// The digest of a chunk: its row in the order of the table, and its bytes.
fn chunk_digest<'v>(row: impl Iterator<Item = ValueRef<'v>>, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    for value in row {
        hasher.value(match value {
            // In columns of reals SQLite keeps no sign of a zero.
            ValueRef::Real(real) => ValueRef::Real(real + 0.0),
            other => other,
        });
    }
    hasher.value(ValueRef::Blob(bytes));
    hasher.finish()
}

/// How many of these rows, in order, make the next chunk.
fn prefix(rows: &[Placed]) -> usize {
    let Some((first, _)) = rows.first() else { return 0 };
    let most = rows.get(..CHUNK).unwrap_or(rows);
    most.partition_point(|(sample, _)| sealed::tier(first.at.nanos(), sample.at.nanos()) < sealed::TOO_LONG).max(1)
}

/// Which rollups a chunk goes into: see `chunk.rolled` in the schema.
fn rolled(count: usize, from: i64, to: i64) -> i64 {
    let span = i128::from(to) - i128::from(from);
    let dense = |width: i64| count as i128 * i128::from(width) >= DENSE * span;
    match sealed::LEVELS.map(dense) {
        [true, _] => 2,
        [false, true] => 1,
        [false, false] => 0,
    }
}

/// Adds the rows of a chunk to the rollups of a level.
fn roll_up(connection: &Connection, series: SeriesId, level: usize, id: i64, rows: &[Placed]) -> Sql<()> {
    let Some(&width) = sealed::LEVELS.get(level) else { return Ok(()) };
    let slot_of = |(sample, _): &Placed| sample.at.nanos().div_euclid(width);
    let mut select = connection.prepare_cached(
        "SELECT count, least, most, total, first, first_at, last, last_at, first_chunk, last_chunk FROM rollup
         WHERE series = ?1 AND level = ?2 AND slot = ?3",
    )?;
    let mut replace = connection.prepare_cached(
        "INSERT OR REPLACE INTO rollup (series, level, slot, count, least, most, total, first, first_at, last, last_at,
                                        first_chunk, last_chunk)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for run in rows.chunk_by(|one, next| slot_of(one) == slot_of(next)) {
        let Some(slot) = run.first().map(slot_of) else { continue };
        let known = select
            .query_row(params![series.0, level as i64, slot], |row| Summary::read(row, 0, [row.get(8)?, row.get(9)?]))
            .optional()?;
        let mut summary = known.unwrap_or_default();
        for (sample, _) in run {
            summary.add(sample.at.nanos(), id, sample.value.as_f64());
        }
        let head = [i64::from(series.0), level as i64, slot].map(SqlValue::Integer);
        let chunks = summary.chunks().map(|chunk| chunk.map_or(SqlValue::Null, SqlValue::Integer));
        replace.execute(params_from_iter(head.into_iter().chain(summary.columns()).chain(chunks)))?;
    }
    Ok(())
}

/// Writes samples as rows with their arrival numbers.
fn insert<'a>(connection: &Connection, samples: impl Iterator<Item = (i64, &'a Sample)>) -> Sql<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO sample (series, at, arrival, delay, kind, value, quality) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (arrival, sample) in samples {
        let (kind, value) = to_columns(sample.value);
        let at = sample.at.nanos();
        let delay = sample.received.nanos().wrapping_sub(at);
        insert.execute(params![sample.series.0, at, arrival, delay, kind, value, sample.quality as u8])?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
