//! What a chart needs of many samples: count, least, most, sum, first and last.
//!
//! Unlike a [`Bucket`], summaries merge in any order: each knows when its first and last value were, and in which chunk
//! they stand, which orders equal times.

use feedwatch_model::{Bucket, Time};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Error, Row};

/// The chunk of rows that are not sealed yet: after all chunks.
pub(crate) const UNSEALED: i64 = i64::MAX - 1;
/// The chunk of samples that are still pending: after all others.
pub(crate) const PENDING: i64 = i64::MAX;

/// A finite value and its place in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    pub(crate) at: i64,
    pub(crate) chunk: i64,
    pub(crate) value: f64,
}

impl Mark {
    const fn place(&self) -> (i64, i64) {
        (self.at, self.chunk)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) count: u64,
    min: f64,
    max: f64,
    sum: f64,
    first: Option<Mark>,
    last: Option<Mark>,
}

impl Default for Summary {
    fn default() -> Summary {
        Summary { count: 0, min: f64::NAN, max: f64::NAN, sum: 0.0, first: None, last: None }
    }
}

impl Summary {
    /// Takes a value in. Those of one chunk with equal times come in order.
    pub(crate) fn add(&mut self, at: i64, chunk: i64, value: f64) {
        self.count += 1;
        if value.is_finite() {
            let mark = Some(Mark { at, chunk, value });
            self.take(value, value, value, mark, mark);
        }
    }

    /// Takes another summary in. Those of one chunk with equal times come in order.
    pub(crate) fn merge(&mut self, other: &Summary) {
        self.count += other.count;
        self.take(other.min, other.max, other.sum, other.first, other.last);
    }

    fn take(&mut self, min: f64, max: f64, sum: f64, first: Option<Mark>, last: Option<Mark>) {
        // The NaN of an empty summary gives way.
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.sum += sum;
        if let Some(mark) = first
            && self.first.is_none_or(|known| mark.place() < known.place())
        {
            self.first = Some(mark);
        }
        if let Some(mark) = last
            && self.last.is_none_or(|known| mark.place() >= known.place())
        {
            self.last = Some(mark);
        }
    }

    /// As a bucket that begins at `start`.
    pub(crate) fn bucket(&self, start: Time) -> Bucket {
        Bucket {
            start,
            count: u32::try_from(self.count).unwrap_or(u32::MAX),
            min: self.min,
            max: self.max,
            first: self.first.map_or(f64::NAN, |mark| mark.value),
            last: self.last.map_or(f64::NAN, |mark| mark.value),
            sum: self.sum,
        }
    }

    /// The columns `count, least, most, total, first, first_at, last, last_at`. A NaN becomes a null.
    pub(crate) fn columns(&self) -> [SqlValue; 8] {
        let real = |real: f64| if real.is_nan() { SqlValue::Null } else { SqlValue::Real(real) };
        let value = |mark: Option<Mark>| mark.map_or(SqlValue::Null, |mark| SqlValue::Real(mark.value));
        let at = |mark: Option<Mark>| mark.map_or(SqlValue::Null, |mark| SqlValue::Integer(mark.at));
        [
            SqlValue::Integer(self.count.cast_signed()),
            real(self.min),
            real(self.max),
            // Two infinite sums that cancel are rare enough to be told as none.
            SqlValue::Real(if self.sum.is_nan() { 0.0 } else { self.sum }),
            value(self.first),
            at(self.first),
            value(self.last),
            at(self.last),
        ]
    }

    /// The columns `first_chunk, last_chunk`.
    pub(crate) fn chunks(&self) -> [Option<i64>; 2] {
        [self.first.map(|mark| mark.chunk), self.last.map(|mark| mark.chunk)]
    }

    /// Back from [`Summary::columns`], which begin at column `begin`; `chunks` says which chunks first and last are from.
    pub(crate) fn read(row: &Row<'_>, begin: usize, chunks: [Option<i64>; 2]) -> Result<Summary, Error> {
        let real = |index: usize| Ok::<_, Error>(row.get::<_, Option<f64>>(begin + index)?.unwrap_or(f64::NAN));
        let mark = |index: usize, chunk: Option<i64>| {
            let value: Option<f64> = row.get(begin + index)?;
            let at: Option<i64> = row.get(begin + index + 1)?;
            Ok::<_, Error>(match (value, at, chunk) {
                (Some(value), Some(at), Some(chunk)) => Some(Mark { at, chunk, value }),
                _ => None,
            })
        };
        Ok(Summary {
            count: row.get::<_, i64>(begin)?.cast_unsigned(),
            min: real(1)?,
            max: real(2)?,
            sum: row.get(begin + 3)?,
            first: mark(4, chunks[0])?,
            last: mark(6, chunks[1])?,
        })
    }
}
