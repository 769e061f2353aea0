//! MessagePack (<https://github.com/msgpack/msgpack/blob/master/spec.md>) as JSON.
//!
//! Keys that are no texts are written as such; a key that is a container or a float is refused. Bytes are told as in
//! [`Writer::bytes`], times (extension -1) as RFC 3339, other extensions like bytes. A text that is no UTF-8, which the
//! specification allows, has U+FFFD in its place.

use feedwatch_model::{NANOS_PER_SECOND, Time};

use super::bytes::{Cursor, MAX_DEPTH};
use super::json::Writer;
use crate::json::fault::Fault;

/// Writes `payload` to `out`.
///
/// # Errors
/// The first byte that does not fit.
pub(crate) fn transcode(payload: &[u8], out: &mut Writer) -> Result<(), Fault> {
    let mut input = Cursor::new(payload);
    value(&mut input, out, 0)?;
    input.end()
}

/// Whether a message begins as a map or an array: others are not taken for MessagePack unless it is pinned.
pub(crate) fn is_container(payload: &[u8]) -> bool {
    matches!(payload.first(), Some(0x80..=0x9F | 0xDC..=0xDF))
}

fn value(input: &mut Cursor<'_>, out: &mut Writer, depth: usize) -> Result<(), Fault> {
    let from = input.at();
    match input.byte()? {
        0xC0 => out.null(),
        0xC1 => return Err(Fault::at(from, "the byte C1 is never used")),
        0xC2 => out.flag(false),
        0xC3 => out.flag(true),
        0xCA => out.float32(f32::from_be_bytes(input.array()?)),
        0xCB => out.float(f64::from_be_bytes(input.array()?)),
        byte @ 0x80..=0x8F => map(input, out, u64::from(byte & 0x0F), deeper(depth, from)?)?,
        byte @ 0xDE..=0xDF => {
            let count = input.unsigned(2 << (byte - 0xDE))?;
            map(input, out, count, deeper(depth, from)?)?;
        }
        byte @ 0x90..=0x9F => array(input, out, u64::from(byte & 0x0F), deeper(depth, from)?)?,
        byte @ 0xDC..=0xDD => {
            let count = input.unsigned(2 << (byte - 0xDC))?;
            array(input, out, count, deeper(depth, from)?)?;
        }
        byte => match scalar(input, byte)? {
            Scalar::Integer(value) => out.integer(value),
            Scalar::Text(text) => out.string(text),
            Scalar::Bytes(bytes) => out.bytes(bytes),
            Scalar::Time(time) => out.string(time.to_string().as_bytes()),
        },
    }
    Ok(())
}

fn deeper(depth: usize, at: usize) -> Result<usize, Fault> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(Fault::at(at, "more than 128 levels")) }
}

enum Scalar<'a> {
    Integer(i128),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Time(Time),
}

/// What is neither a container nor a word nor a float.
fn scalar<'a>(input: &mut Cursor<'a>, byte: u8) -> Result<Scalar<'a>, Fault> {
    Ok(match byte {
        0x00..=0x7F => Scalar::Integer(byte.into()),
        0xE0..=0xFF => Scalar::Integer(byte.cast_signed().into()),
        0xA0..=0xBF => Scalar::Text(input.take((byte & 0x1F).into())?),
        0xD9..=0xDB => {
            let length = input.unsigned(1 << (byte - 0xD9))?;
            Scalar::Text(input.take(length)?)
        }
        0xC4..=0xC6 => {
            let length = input.unsigned(1 << (byte - 0xC4))?;
            Scalar::Bytes(input.take(length)?)
        }
        0xC7..=0xC9 => {
            let length = input.unsigned(1 << (byte - 0xC7))?;
            extension(input, length)?
        }
        0xD4..=0xD8 => extension(input, 1 << (byte - 0xD4))?,
        0xCC..=0xCF => Scalar::Integer(input.unsigned(1 << (byte - 0xCC))?.into()),
        0xD0 => Scalar::Integer(i8::from_be_bytes(input.array()?).into()),
        0xD1 => Scalar::Integer(i16::from_be_bytes(input.array()?).into()),
        0xD2 => Scalar::Integer(i32::from_be_bytes(input.array()?).into()),
        0xD3 => Scalar::Integer(i64::from_be_bytes(input.array()?).into()),
        _ => return Err(Fault::at(input.at().saturating_sub(1), "this is no value")),
    })
}

fn extension<'a>(input: &mut Cursor<'a>, length: u64) -> Result<Scalar<'a>, Fault> {
    let kind = input.byte()?;
    let data = input.take(length)?;
    let time = if kind == 0xFF { time(data) } else { None };
    Ok(time.map_or(Scalar::Bytes(data), Scalar::Time))
}

/// The three layouts of extension -1.
fn time(data: &[u8]) -> Option<Time> {
    let mut input = Cursor::new(data);
    let (secs, nanos) = match data.len() {
        4 => (i64::try_from(input.unsigned(4).ok()?).ok()?, 0),
        8 => {
            let both = input.unsigned(8).ok()?;
            (i64::try_from(both & 0x3_FFFF_FFFF).ok()?, i64::try_from(both >> 34).ok()?)
        }
        12 => {
            let nanos = i64::try_from(input.unsigned(4).ok()?).ok()?;
            (i64::from_be_bytes(input.array().ok()?), nanos)
        }
        _ => return None,
    };
    if nanos >= NANOS_PER_SECOND {
        return None;
    }
    secs.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos).map(Time::from_nanos)
}

fn array(input: &mut Cursor<'_>, out: &mut Writer, count: u64, depth: usize) -> Result<(), Fault> {
    out.byte(b'[');
    for at in 0..count {
        if at > 0 {
            out.byte(b',');
        }
        value(input, out, depth)?;
    }
    out.byte(b']');
    Ok(())
}

fn map(input: &mut Cursor<'_>, out: &mut Writer, count: u64, depth: usize) -> Result<(), Fault> {
    out.byte(b'{');
    for at in 0..count {
        if at > 0 {
            out.byte(b',');
        }
        key(input, out)?;
        out.byte(b':');
        value(input, out, depth)?;
    }
    out.byte(b'}');
    Ok(())
}

fn key(input: &mut Cursor<'_>, out: &mut Writer) -> Result<(), Fault> {
    let from = input.at();
    match input.byte()? {
        0xC0 => out.string(b"null"),
        0xC2 => out.string(b"false"),
        0xC3 => out.string(b"true"),
        0xCA | 0xCB | 0x80..=0x9F | 0xDC..=0xDF => {
            return Err(Fault::at(from, "a key must be a text or a whole number"));
        }
        byte => match scalar(input, byte)? {
            Scalar::Integer(value) => out.string(value.to_string().as_bytes()),
            Scalar::Text(text) => out.string(text),
            Scalar::Bytes(bytes) => out.bytes(bytes),
            Scalar::Time(time) => out.string(time.to_string().as_bytes()),
        },
    }
    Ok(())
}
