//! Samples of small commits, before they are put in order.
//!
//! A row lies beside the other rows of its series: a commit with one sample of each of a thousand series would change a
//! thousand pages to write a thousand numbers. So a small commit is one block at the end of a table of its own, and only
//! when the blocks hold enough, or after half a minute, their samples go where they belong: then as many pages change,
//! but for a hundred commits together. Readers take the blocks into account; a start reads them, whatever the size of the
//! history.
//!
//! A block is the number of its runs, (series, count) of each run, all as 32 bits little-endian, and one packed chunk
//! of all its samples.

use std::ops::Range;

use feedwatch_codec::{Columns, decode_into, encode};
use feedwatch_model::{Sample, SeriesId, Time};
use rusqlite::Connection;
use rusqlite::types::Type;

use crate::sealed::Span;
use crate::values::{packed, unpacked};

/// The most samples that may be pending: what a reader has to look through for every answer.
const MOST: usize = 32_768;
/// How long samples may be pending.
const LONGEST_NANOS: i64 = 30 * feedwatch_model::NANOS_PER_SECOND;

type Sql<T> = Result<T, rusqlite::Error>;

/// The pending samples, as the writer knows them.
#[derive(Debug)]
pub(crate) struct Pending {
    /// In order of arrival.
    samples: Vec<Sample>,
    most: usize,
    since: Time,
    columns: Columns,
}

impl Pending {
    /// Reads what a run before has left; `most` samples are kept pending.
    pub(crate) fn load(connection: &Connection, most: usize, now: Time) -> Sql<Pending> {
        let mut samples = Vec::new();
        each_block(connection, |runs, columns| {
            for (series, rows) in runs {
                samples.extend(rows.filter_map(|row| columns.get(row)).map(|row| unpacked(series, row)));
            }
        })?;
        Ok(Pending { samples, most: most.min(MOST), since: now, columns: Columns::default() })
    }

    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Is it time to put them in order, together with so many more?
    pub(crate) fn is_due(&self, more: usize, now: Time) -> bool {
        let count = self.samples.len() + more;
        count >= self.most || (!self.samples.is_empty() && now.nanos_since(self.since) >= LONGEST_NANOS)
    }

    /// Writes samples, in order of series, as a block.
    pub(crate) fn write(&mut self, connection: &Connection, samples: &[Sample]) -> Sql<()> {
        if samples.is_empty() {
            return Ok(());
        }
        self.columns.clear();
        let runs = || samples.chunk_by(|one, next| one.series == next.series);
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&(runs().count() as u32).to_le_bytes());
        for run in runs() {
            let series = run.first().map_or(0, |sample| sample.series.0);
            bytes.extend_from_slice(&series.to_le_bytes());
            bytes.extend_from_slice(&(run.len() as u32).to_le_bytes());
            for sample in run {
                // They are fewer than columns hold: see `is_due`.
                self.columns.push(packed(sample));
            }
        }
        bytes.extend_from_slice(&encode(&self.columns));
        connection.prepare_cached("INSERT INTO pending (bytes) VALUES (?1)")?.execute([bytes]).map(drop)
    }

    /// Notes what [`Pending::write`] wrote, once it is committed.
    pub(crate) fn written(&mut self, samples: &[Sample], now: Time) {
        if self.samples.is_empty() {
            self.since = now;
        }
        self.samples.extend_from_slice(samples);
    }

    /// Removes all blocks.
    pub(crate) fn delete(connection: &Connection) -> Sql<()> {
        connection.prepare_cached("DELETE FROM pending")?.execute([]).map(drop)
    }

    /// Notes that [`Pending::delete`] is committed.
    pub(crate) fn deleted(&mut self) {
        self.samples.clear();
    }
}

/// The pending samples of a series in a span, in order of (time, arrival).
pub(crate) fn of_series(connection: &Connection, series: SeriesId, span: Span) -> Sql<Vec<Sample>> {
    let mut samples = Vec::new();
    each_block(connection, |runs, columns| {
        for (_, rows) in runs.filter(|(of, _)| *of == series) {
            let rows = rows.filter_map(|row| columns.get(row)).filter(|row| span.holds(row.at));
            samples.extend(rows.map(|row| unpacked(series, row)));
        }
    })?;
    // Stable: of equal times those of an earlier block stay before.
    samples.sort_by_key(|sample: &Sample| sample.at);
    Ok(samples)
}

/// How many samples are pending.
pub(crate) fn count(connection: &Connection) -> Sql<u64> {
    let mut count = 0;
    each_block(connection, |runs, _| count += runs.map(|(_, rows)| rows.len() as u64).sum::<u64>())?;
    Ok(count)
}

/// Decodes every block: its runs, and the columns they stand in.
fn each_block(connection: &Connection, mut take: impl FnMut(Runs<'_>, &Columns)) -> Sql<()> {
    let mut select = connection.prepare_cached("SELECT id, bytes FROM pending ORDER BY id")?;
    let mut rows = select.query([])?;
    let mut columns = Columns::default();
    while let Some(row) = rows.next()? {
        let damaged = |what: String| rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, what.into());
        let bytes = row.get_ref(1)?.as_blob().unwrap_or_default();
        let (runs, packed) =
            Runs::read(bytes).ok_or_else(|| damaged("a pending block that ends too early".to_owned()))?;
        decode_into(packed, &mut columns).map_err(|error| damaged(error.to_string()))?;
        take(runs, &columns);
    }
    Ok(())
}

/// Which rows of a block are of which series.
struct Runs<'a> {
    heads: &'a [[u8; 8]],
    row: usize,
}

impl<'a> Runs<'a> {
    /// The runs of a block, and its packed samples.
    fn read(bytes: &'a [u8]) -> Option<(Runs<'a>, &'a [u8])> {
        let (count, rest) = bytes.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (heads, packed) = rest.split_at_checked(count.checked_mul(8)?)?;
        Some((Runs { heads: heads.as_chunks().0, row: 0 }, packed))
    }
}

impl Iterator for Runs<'_> {
    type Item = (SeriesId, Range<usize>);

    fn next(&mut self) -> Option<(SeriesId, Range<usize>)> {
        let (&[a, b, c, d, counted @ ..], heads) = self.heads.split_first()?;
        self.heads = heads;
        let count = u32::from_le_bytes(counted) as usize;
        let rows = self.row..self.row.saturating_add(count);
        self.row = rows.end;
        Some((SeriesId(u32::from_le_bytes([a, b, c, d])), rows))
    }
}
