//! Columns of samples to bytes and back, lossless to the bit. Pure.
//!
//! A chunk is a version, a count, and five columns: times, kinds, values, delays (receive time minus time) and
//! qualities. Each column chooses for itself what is smallest:
//!
//! - integers (module `ints`): divided by what they have in common, predicted by nothing, by the one before or by the slope,
//!   and what is left bit-packed in blocks;
//! - values (module `reals`): as decimal fractions where they are such (`71.25` is 7125 and two digits), else XOR with the
//!   one before.
//!
//! Limits: [`MAX_ROWS`] rows a chunk. Bytes of any origin are decoded without panic and without more memory than that
//! many rows take.
//!
//! ```
//! use feedwatch_codec::{Columns, Kind, Row, decode, encode};
//!
//! let mut columns = Columns::default();
//! for second in 0..1000 {
//!     let at = second * 1_000_000_000;
//!     let bits = (20.0 + (second % 7) as f64 / 100.0).to_bits();
//!     assert!(columns.push(Row { at, received: at + 5_000_000, kind: Kind::F64, bits, quality: 0 }));
//! }
//! let bytes = encode(&columns);
//! assert!(bytes.len() < 600);
//! assert_eq!(decode(&bytes).unwrap(), columns);
//! ```

mod bits;
mod ints;
mod reals;
#[cfg(test)]
mod tests;

use bits::Input;

/// The most rows of a chunk: bounds what hostile bytes can make a decoder allocate.
pub const MAX_ROWS: usize = 65_536;
/// The first byte of a chunk.
const VERSION: u8 = 1;

/// Why bytes are not a chunk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The first byte is of no known version.
    #[error("a chunk of version {0}, which is not known")]
    Version(u8),
    /// The bytes end too early.
    #[error("a chunk that ends too early")]
    Short,
    /// More rows than a chunk may have.
    #[error("a chunk of {0} rows, more than {MAX_ROWS}")]
    Rows(u64),
    /// Something that no encoder writes.
    #[error("a chunk with {0}")]
    Unfit(&'static str),
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `bits` are those of an `f64`.
    F64 = 0,
    /// `bits` are those of an `i64`.
    I64 = 1,
    /// `bits` are the `u64`.
    U64 = 2,
    /// `bits` are 0 or 1.
    Bool = 3,
}

impl Kind {
    const fn from_code(code: i64) -> Option<Kind> {
        match code {
            0 => Some(Kind::F64),
            1 => Some(Kind::I64),
            2 => Some(Kind::U64),
            3 => Some(Kind::Bool),
            _ => None,
        }
    }
}

/// One sample without its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its time, in any unit.
    pub at: i64,
    /// Its receive time, in the same unit.
    pub received: i64,
    /// The type of its value.
    pub kind: Kind,
    /// Its value.
    pub bits: u64,
    /// How far it can be trusted, as a small number.
    pub quality: u8,
}

/// Samples, column by column; all columns are of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    at: Vec<i64>,
    received: Vec<i64>,
    kind: Vec<Kind>,
    bits: Vec<u64>,
    quality: Vec<u8>,
}

impl Columns {
    /// Appends a row; `false` if [`MAX_ROWS`] are there already.
    pub fn push(&mut self, row: Row) -> bool {
        if self.len() >= MAX_ROWS {
            return false;
        }
        self.at.push(row.at);
        self.received.push(row.received);
        self.kind.push(row.kind);
        self.bits.push(row.bits);
        self.quality.push(row.quality);
        true
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// The times of all rows.
    pub fn times(&self) -> &[i64] {
        &self.at
    }

    /// One row.
    pub fn get(&self, index: usize) -> Option<Row> {
        Some(Row {
            at: *self.at.get(index)?,
            received: *self.received.get(index)?,
            kind: *self.kind.get(index)?,
            bits: *self.bits.get(index)?,
            quality: *self.quality.get(index)?,
        })
    }

    /// All rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.at.clear();
        self.received.clear();
        self.kind.clear();
        self.bits.clear();
        self.quality.clear();
    }
}

/// What a chart needs of a chunk: times, and values as `f64`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// The times.
    pub at: Vec<i64>,
    /// The values; booleans are 0 and 1, integers beyond 2^53 are rounded.
    pub value: Vec<f64>,
    kind: Vec<Kind>,
    bits: Vec<u64>,
}

/// Columns to bytes.
pub fn encode(columns: &Columns) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + 4 * columns.len());
    let mut column = Vec::with_capacity(columns.len());
    out.push(VERSION);
    bits::put_varint(&mut out, columns.len() as u64);
    ints::encode(&columns.at, &mut out);
    column.extend(columns.kind.iter().map(|&kind| kind as i64));
    ints::encode(&column, &mut out);
    reals::encode(&columns.kind, &columns.bits, &mut out);
    column.clear();
    column.extend(columns.received.iter().zip(&columns.at).map(|(received, at)| received.wrapping_sub(*at)));
    ints::encode(&column, &mut out);
    column.clear();
    column.extend(columns.quality.iter().map(|&quality| i64::from(quality)));
    ints::encode(&column, &mut out);
    out
}

/// Bytes to columns.
///
/// # Errors
/// [`CodecError`] when these are not the bytes of a chunk.
pub fn decode(bytes: &[u8]) -> Result<Columns, CodecError> {
    let mut columns = Columns::default();
    decode_into(bytes, &mut columns)?;
    Ok(columns)
}

/// Bytes to columns whose memory is used again. After an error they are empty.
///
/// # Errors
/// [`CodecError`] when these are not the bytes of a chunk.
pub fn decode_into(bytes: &[u8], columns: &mut Columns) -> Result<(), CodecError> {
    columns.clear();
    let mut input = Input::new(bytes);
    let decoded = decode_columns(&mut input, columns);
    if decoded.is_err() {
        columns.clear();
    }
    decoded
}

fn decode_columns(input: &mut Input<'_>, columns: &mut Columns) -> Result<(), CodecError> {
    let count = head(input)?;
    let mut column = Vec::new();
    ints::decode(input, count, &mut columns.at)?;
    kinds(input, count, &mut column, &mut columns.kind)?;
    reals::decode(input, &columns.kind, &mut column, &mut columns.bits)?;
    ints::decode(input, count, &mut columns.received)?;
    for (received, at) in columns.received.iter_mut().zip(&columns.at) {
        *received = received.wrapping_add(*at);
    }
    ints::decode(input, count, &mut column)?;
    for &quality in &column {
        columns.quality.push(u8::try_from(quality).map_err(|_| CodecError::Unfit("an unknown quality"))?);
    }
    if input.is_empty() { Ok(()) } else { Err(CodecError::Unfit("bytes after its end")) }
}

/// Only times and values, into memory that is used again. Decodes about half of a chunk.
///
/// # Errors
/// [`CodecError`] when these are not the bytes of a chunk.
pub fn decode_points(bytes: &[u8], points: &mut Points) -> Result<(), CodecError> {
    points.value.clear();
    let mut input = Input::new(bytes);
    let count = head(&mut input)?;
    let mut column = Vec::new();
    ints::decode(&mut input, count, &mut points.at)?;
    kinds(&mut input, count, &mut column, &mut points.kind)?;
    reals::decode(&mut input, &points.kind, &mut column, &mut points.bits)?;
    points.value.extend(points.kind.iter().zip(&points.bits).map(|(kind, &bits)| match kind {
        Kind::F64 => f64::from_bits(bits),
        Kind::I64 => bits.cast_signed() as f64,
        Kind::U64 | Kind::Bool => bits as f64,
    }));
    Ok(())
}

fn head(input: &mut Input<'_>) -> Result<usize, CodecError> {
    let version = input.byte()?;
    if version != VERSION {
        return Err(CodecError::Version(version));
    }
    let count = input.varint()?;
    match usize::try_from(count) {
        Ok(rows) if rows <= MAX_ROWS => Ok(rows),
        _ => Err(CodecError::Rows(count)),
    }
}

fn kinds(input: &mut Input<'_>, count: usize, column: &mut Vec<i64>, kinds: &mut Vec<Kind>) -> Result<(), CodecError> {
    ints::decode(input, count, column)?;
    kinds.clear();
    for &code in column.iter() {
        kinds.push(Kind::from_code(code).ok_or(CodecError::Unfit("an unknown type of value"))?);
    }
    Ok(())
}
