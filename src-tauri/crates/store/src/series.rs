//! The samples of a series, read: as rows in order, and as min/max buckets.

use feedwatch_model::{Bucket, Quality, Sample, SeriesId, Time, bucket_start};
use rusqlite::{Connection, params};

use crate::StoreError;
use crate::values::from_columns;

/// How many buckets are told at once.
const MOST_SLOTS: u64 = 65_536;

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
    let mut cursor = Cursor { at: from, seen: 0 };
    for_each(connection, series, from, to, |sample| {
        if page.samples.len() == limit {
            page.next = Some(cursor);
            return false;
        }
        if sample.at != cursor.at {
            cursor = Cursor { at: sample.at, seen: 0 };
        }
        cursor.seen += 1;
        if sample.at != from || cursor.seen > skip {
            page.samples.push(sample);
        }
        true
    })?;
    Ok(page)
}

/// Every sample of [from, to) in order, until `take` has enough.
fn for_each(
    connection: &Connection,
    series: SeriesId,
    from: Time,
    to: Time,
    mut take: impl FnMut(Sample) -> bool,
) -> Result<(), StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT at, delay, kind, value, quality FROM sample WHERE series = ?1 AND at >= ?2 AND at < ?3
         ORDER BY at, arrival",
    )?;
    let mut rows = select.query(params![series.0, from.nanos(), to.nanos()])?;
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(0)?;
        let sample = Sample {
            series,
            at: Time::from_nanos(at),
            received: Time::from_nanos(at.wrapping_add(row.get(1)?)),
            value: from_columns(row.get(2)?, row.get_ref(3)?)?,
            quality: Quality::from_code(row.get(4)?),
        };
        if !take(sample) {
            break;
        }
    }
    Ok(())
}

/// The slots of `width` nanoseconds that touch [from, to), each told whole; empty ones are left out.
pub(crate) fn buckets(
    connection: &Connection,
    series: SeriesId,
    from: Time,
    to: Time,
    width: i64,
) -> Result<Vec<Bucket>, StoreError> {
    let Some((from, to)) = whole_slots(from, to, width)? else { return Ok(Vec::new()) };
    let mut buckets: Vec<Bucket> = Vec::new();
    for_each(connection, series, from, to, |sample| {
        let start = bucket_start(sample.at, width);
        match buckets.last_mut() {
            Some(last) if last.start == start => last.add(sample.value.as_f64()),
            _ => {
                let mut bucket = Bucket::new(start);
                bucket.add(sample.value.as_f64());
                buckets.push(bucket);
            }
        }
        true
    })?;
    Ok(buckets)
}

/// [from, to) widened to the grid; `None` where it is empty.
pub(crate) fn whole_slots(from: Time, to: Time, width: i64) -> Result<Option<(Time, Time)>, StoreError> {
    let width = width.max(1);
    if from >= to {
        return Ok(None);
    }
    let slot = |time: i64| i128::from(time.div_euclid(width));
    let (first, last) = (slot(from.nanos()), slot(to.nanos() - 1));
    let slots = u64::try_from(last - first + 1).unwrap_or(u64::MAX);
    if slots > MOST_SLOTS {
        return Err(StoreError::TooManySlots { slots, most: MOST_SLOTS });
    }
    let clamp = |time: i128| Time::from_nanos(time.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64);
    Ok(Some((clamp(first * i128::from(width)), clamp((last + 1) * i128::from(width)))))
}
