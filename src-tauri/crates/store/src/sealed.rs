//! Reading sealed chunks and their rollups.
//!
//! Chunks are found by (series, tier, from): those of a tier span no longer than its length, so that those which reach
//! into a range begin at most that much before it, and no more are looked at than needed.

use std::ops::ControlFlow;

use feedwatch_codec::{Columns, Points, decode_into, decode_points};
use feedwatch_model::{NANOS_PER_SECOND, SeriesId, Time};
use rusqlite::{CachedStatement, Connection, params};

use crate::StoreError;
use crate::summary::Summary;

/// Slots of the rollups, in nanoseconds: minutes and hours.
pub(crate) const LEVELS: [i64; 2] = [60 * NANOS_PER_SECOND, 3_600 * NANOS_PER_SECOND];
/// The longest span of a chunk of each tier, in nanoseconds: a minute, an hour, a day.
const TIERS: [i64; 3] = [60 * NANOS_PER_SECOND, 3_600 * NANOS_PER_SECOND, 86_400 * NANOS_PER_SECOND];
/// The tier of what no chunk may span.
pub(crate) const TOO_LONG: i64 = TIERS.len() as i64;

/// The tier of a chunk from `from` to `to`.
pub(crate) fn tier(from: i64, to: i64) -> i64 {
    let span = i128::from(to) - i128::from(from);
    TIERS.iter().position(|most| span <= i128::from(*most)).map_or(TOO_LONG, |tier| tier as i64)
}

/// The levels whose rollups hold a chunk: see `chunk.rolled` in the schema.
pub(crate) fn levels_of(rolled: i64) -> impl Iterator<Item = usize> {
    (0..LEVELS.len()).filter(move |&level| rolled > least_rolled(level))
}

/// Chunks up to this `rolled` are not in the rollups of a level.
pub(crate) const fn least_rolled(level: usize) -> i64 {
    1 - level as i64
}

/// A stretch of time, both ends within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) last: i64,
}

impl Span {
    /// From a half-open range; [`Time::MAX`] is no end at all. `None` where it is empty.
    pub(crate) fn new(from: Time, to: Time) -> Option<Span> {
        let last = if to == Time::MAX { i64::MAX } else { to.nanos().checked_sub(1)? };
        (from.nanos() <= last).then_some(Span { from: from.nanos(), last })
    }

    pub(crate) const fn holds(&self, at: i64) -> bool {
        self.from <= at && at <= self.last
    }
}

/// What is known of a chunk without its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    pub(crate) id: i64,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) summary: Summary,
}

/// All chunks of a series that may touch a span and are rolled at most so far, in order of (from, id).
pub(crate) struct Finder<'c> {
    select: CachedStatement<'c>,
}

impl<'c> Finder<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Result<Finder<'c>, StoreError> {
        // Each part is in the order of the table: SQLite merges them without sorting.
        const PART: &str = "SELECT id, from_at, to_at, count, least, most, total, first, first_at, last, last_at
             FROM chunk WHERE series = ?1 AND tier = {tier} AND from_at >= ?{low} AND from_at <= ?3 AND to_at >= ?2
             AND rolled <= ?4";
        let part = |tier: usize| PART.replace("{tier}", &tier.to_string()).replace("{low}", &(5 + tier).to_string());
        let parts: Vec<String> = (0..TIERS.len()).map(part).collect();
        let sql = format!("{} ORDER BY from_at, id", parts.join(" UNION ALL "));
        Ok(Finder { select: connection.prepare_cached(&sql)? })
    }

    pub(crate) fn find(&mut self, series: SeriesId, span: Span, rolled: i64) -> Result<Found<'_>, StoreError> {
        let [minute, hour, day] = TIERS.map(|length| span.from.saturating_sub(length));
        let rows = self.select.query(params![series.0, span.from, span.last, rolled, minute, hour, day])?;
        Ok(Found { rows })
    }
}

/// An answer of a [`Finder`].
pub(crate) struct Found<'s> {
    rows: rusqlite::Rows<'s>,
}

impl Found<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, StoreError> {
        let Some(row) = self.rows.next()? else { return Ok(None) };
        let id = row.get(0)?;
        let summary = Summary::read(row, 3, [Some(id), Some(id)])?;
        Ok(Some(Chunk { id, from: row.get(1)?, to: row.get(2)?, summary }))
    }
}

/// Fetches and decodes chunks.
pub(crate) struct Opener<'c> {
    select: CachedStatement<'c>,
}

impl<'c> Opener<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Result<Opener<'c>, StoreError> {
        Ok(Opener { select: connection.prepare_cached("SELECT bytes FROM data WHERE id = ?1")? })
    }

    pub(crate) fn columns(&mut self, id: i64, columns: &mut Columns) -> Result<(), StoreError> {
        self.open(id, |bytes| decode_into(bytes, columns))
    }

    pub(crate) fn points(&mut self, id: i64, points: &mut Points) -> Result<(), StoreError> {
        self.open(id, |bytes| decode_points(bytes, points))
    }

    fn open(
        &mut self,
        id: i64,
        decode: impl FnOnce(&[u8]) -> Result<(), feedwatch_codec::CodecError>,
    ) -> Result<(), StoreError> {
        let decoded = self.select.query_row([id], |row| {
            let bytes = row.get_ref(0)?.as_blob().unwrap_or_default();
            Ok(decode(bytes))
        })?;
        decoded.map_err(|error| StoreError::Damaged { what: format!("chunk {id}: {error}") })
    }
}

/// The rollups of a level in a span of whole slots.
pub(crate) fn rollups(
    connection: &Connection,
    series: SeriesId,
    level: usize,
    span: Span,
    mut take: impl FnMut(i64, &Summary),
) -> Result<(), StoreError> {
    let Some(&width) = LEVELS.get(level) else { return Ok(()) };
    let mut select = connection.prepare_cached(
        "SELECT slot, count, least, most, total, first, first_at, last, last_at, first_chunk, last_chunk FROM rollup
         WHERE series = ?1 AND level = ?2 AND slot >= ?3 AND slot <= ?4 ORDER BY slot",
    )?;
    let slots = [span.from.div_euclid(width), span.last.div_euclid(width)];
    let mut rows = select.query(params![series.0, level as i64, slots[0], slots[1]])?;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, &Summary::read(row, 1, [row.get(9)?, row.get(10)?])?);
    }
    Ok(())
}

/// Goes over the chunks of a series in a span: `take` gets each chunk's summary first, and says whether that was enough;
/// where it was not, it gets every sample.
pub(crate) fn each(
    connection: &Connection,
    series: SeriesId,
    span: Span,
    rolled: i64,
    mut take: impl FnMut(Part<'_>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let mut finder = Finder::new(connection)?;
    let mut opener = Opener::new(connection)?;
    let mut points = Points::default();
    let mut found = finder.find(series, span, rolled)?;
    while let Some(chunk) = found.next()? {
        if take(Part::Whole(&chunk)).is_break() {
            continue;
        }
        opener.points(chunk.id, &mut points)?;
        for (&at, &value) in points.at.iter().zip(&points.value).filter(|(at, _)| span.holds(**at)) {
            let _ = take(Part::Point { chunk: chunk.id, at, value });
        }
    }
    Ok(())
}

/// What [`each`] hands out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    /// A chunk; `Break` if its summary was enough.
    Whole(&'a Chunk),
    /// One sample of a chunk whose summary was not.
    Point { chunk: i64, at: i64, value: f64 },
}
