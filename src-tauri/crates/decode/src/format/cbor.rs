//! CBOR (RFC 8949) as JSON.
//!
//! Keys that are no texts are written as such; a key that is a container, a float or tagged is refused. Tags: an epoch (1)
//! is told as RFC 3339, a bignum (2, 3) with its digits, exact up to 15 bytes, a decimal fraction (4) as `273e-2`; what
//! stands behind other tags is read as if they were not there. Bytes are told as in [`Writer::bytes`]; `undefined` and
//! unassigned simple values are `null`. A text must be UTF-8. A tag counts as a level, so that no row of tags is too deep.

use feedwatch_model::{NANOS_PER_SECOND, Time};

use super::bytes::{Cursor, MAX_DEPTH};
use super::json::Writer;
use crate::json::fault::Fault;

const BREAK: u8 = 0xFF;

/// Writes `payload` to `out`.
///
/// # Errors
/// The first byte that does not fit.
pub(crate) fn transcode(payload: &[u8], out: &mut Writer) -> Result<(), Fault> {
    let mut input = Cursor::new(payload);
    value(&mut input, out, 0)?;
    input.end()
}

/// Whether a message begins as a map, an array, or CBOR that says so (tag 55799): others are not taken for CBOR unless it
/// is pinned.
pub(crate) fn is_container(payload: &[u8]) -> bool {
    matches!(payload, [0x80..=0x9B | 0x9F..=0xBB | 0xBF, ..] | [0xD9, 0xD9, 0xF7, ..])
}

/// The head of an item: its major type, and its count or value; `None` where the length is not told before.
struct Head {
    from: usize,
    major: u8,
    info: u8,
    argument: Option<u64>,
}

fn head(input: &mut Cursor<'_>) -> Result<Head, Fault> {
    let from = input.at();
    let byte = input.byte()?;
    let (major, info) = (byte >> 5, byte & 0x1F);
    let argument = match info {
        0..=23 => Some(info.into()),
        24..=27 => Some(input.unsigned(1 << (info - 24))?),
        31 if matches!(major, 2..=5) => None,
        _ => return Err(Fault::at(from, "this is no value")),
    };
    Ok(Head { from, major, info, argument })
}

fn value(input: &mut Cursor<'_>, out: &mut Writer, depth: usize) -> Result<(), Fault> {
    let head = head(input)?;
    let deeper = if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(Fault::at(head.from, "more than 128 levels")) };
    match (head.major, head.argument) {
        (0, Some(size)) => out.integer(size.into()),
        (1, Some(size)) => out.integer(-1 - i128::from(size)),
        (2, _) => bytes(input, out, &head)?,
        (3, _) => text(input, out, &head)?,
        (4, count) => {
            let depth = deeper?;
            items(input, out, count, *b"[]", |input, out| value(input, out, depth))?;
        }
        (5, count) => {
            let depth = deeper?;
            items(input, out, count, *b"{}", |input, out| {
                key(input, out)?;
                out.byte(b':');
                value(input, out, depth)
            })?;
        }
        (6, Some(tag)) => tagged(input, out, tag, deeper?)?,
        (7, Some(bits)) => simple(out, &head, bits)?,
        _ => return Err(Fault::at(head.from, "this is no value")),
    }
    Ok(())
}

fn items(
    input: &mut Cursor<'_>,
    out: &mut Writer,
    count: Option<u64>,
    [open, close]: [u8; 2],
    mut item: impl FnMut(&mut Cursor<'_>, &mut Writer) -> Result<(), Fault>,
) -> Result<(), Fault> {
    out.byte(open);
    let mut read = 0;
    loop {
        match count {
            Some(count) if read == count => break,
            None if input.peek() == Some(BREAK) => {
                input.byte()?;
                break;
            }
            _ => {}
        }
        if read > 0 {
            out.byte(b',');
        }
        item(input, out)?;
        read += 1;
    }
    out.byte(close);
    Ok(())
}

fn key(input: &mut Cursor<'_>, out: &mut Writer) -> Result<(), Fault> {
    let head = head(input)?;
    match (head.major, head.info, head.argument) {
        (0, _, Some(size)) => out.string(size.to_string().as_bytes()),
        (1, _, Some(size)) => out.string((-1 - i128::from(size)).to_string().as_bytes()),
        (2, ..) => bytes(input, out, &head)?,
        (3, ..) => text(input, out, &head)?,
        (7, 20, _) => out.string(b"false"),
        (7, 21, _) => out.string(b"true"),
        (7, 22, _) => out.string(b"null"),
        _ => return Err(Fault::at(head.from, "a key must be a text or a whole number")),
    }
    Ok(())
}

/// The pieces of a string, one after the other, each with its place.
fn pieces<'a>(
    input: &mut Cursor<'a>,
    head: &Head,
    mut take: impl FnMut(&'a [u8], usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if let Some(length) = head.argument {
        let at = input.at();
        return take(input.take(length)?, at);
    }
    while input.peek() != Some(BREAK) {
        let piece = self::head(input)?;
        let (true, Some(length)) = (piece.major == head.major, piece.argument) else {
            return Err(Fault::at(piece.from, "a string in pieces has a piece of another kind"));
        };
        let at = input.at();
        take(input.take(length)?, at)?;
    }
    input.byte().map(|_| ())
}

fn text(input: &mut Cursor<'_>, out: &mut Writer, head: &Head) -> Result<(), Fault> {
    out.byte(b'"');
    pieces(input, head, |text, at| match std::str::from_utf8(text) {
        Ok(text) => {
            out.escaped(text.as_bytes());
            Ok(())
        }
        Err(error) => Err(Fault::at(at + error.valid_up_to(), "this is not UTF-8")),
    })?;
    out.byte(b'"');
    Ok(())
}

fn joined(input: &mut Cursor<'_>, head: &Head) -> Result<Vec<u8>, Fault> {
    let mut all = Vec::new();
    pieces(input, head, |bytes, _| {
        all.extend_from_slice(bytes);
        Ok(())
    })?;
    Ok(all)
}

fn bytes(input: &mut Cursor<'_>, out: &mut Writer, head: &Head) -> Result<(), Fault> {
    out.bytes(&joined(input, head)?);
    Ok(())
}

fn simple(out: &mut Writer, head: &Head, bits: u64) -> Result<(), Fault> {
    match head.info {
        20 => out.flag(false),
        21 => out.flag(true),
        25 => out.float32(half(bits as u16)),
        26 => out.float32(f32::from_bits(bits as u32)),
        27 => out.float(f64::from_bits(bits)),
        // A simple value below 32 in two bytes is not well-formed (section 3.3).
        24 if bits < 32 => return Err(Fault::at(head.from, "this is no value")),
        _ => out.null(),
    }
    Ok(())
}

/// A float of 16 bits (RFC 8949, appendix D).
fn half(bits: u16) -> f32 {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1F), f32::from(bits & 0x3FF));
    let size = match exponent {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (mantissa + 1024.0) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

fn tagged(input: &mut Cursor<'_>, out: &mut Writer, tag: u64, depth: usize) -> Result<(), Fault> {
    let before = *input;
    let told = match tag {
        1 => epoch(input).map(|time| out.string(time.to_string().as_bytes())),
        2 | 3 => return big(input, out, tag == 3),
        4 => decimal(input).map(|(exponent, mantissa)| {
            out.integer(mantissa);
            out.byte(b'e');
            out.integer(exponent);
        }),
        _ => None,
    };
    if told.is_some() {
        return Ok(());
    }
    *input = before;
    value(input, out, depth)
}

fn whole(input: &mut Cursor<'_>) -> Option<i128> {
    let head = head(input).ok()?;
    match (head.major, head.argument?) {
        (0, size) => Some(size.into()),
        (1, size) => Some(-1 - i128::from(size)),
        _ => None,
    }
}

/// Seconds since 1970, whole or not.
fn epoch(input: &mut Cursor<'_>) -> Option<Time> {
    let before = *input;
    if let Some(secs) = whole(input) {
        return i64::try_from(secs).ok()?.checked_mul(NANOS_PER_SECOND).map(Time::from_nanos);
    }
    *input = before;
    let head = head(input).ok()?;
    let bits = head.argument.filter(|_| head.major == 7)?;
    let secs: f64 = match head.info {
        25 => half(bits as u16).into(),
        26 => f32::from_bits(bits as u32).into(),
        27 => f64::from_bits(bits),
        _ => return None,
    };
    (secs.abs() < 9e9).then(|| Time::from_secs_f64(secs))
}

/// The exponent and the mantissa of a decimal fraction, if a double can hold such an exponent.
fn decimal(input: &mut Cursor<'_>) -> Option<(i128, i128)> {
    let head = head(input).ok()?;
    let (4, Some(2)) = (head.major, head.argument) else { return None };
    let exponent = whole(input).filter(|exponent| (-5000..5000).contains(exponent))?;
    Some((exponent, whole(input)?))
}

fn big(input: &mut Cursor<'_>, out: &mut Writer, negative: bool) -> Result<(), Fault> {
    let head = head(input)?;
    if head.major != 2 {
        return Err(Fault::at(head.from, "a large number must be told in bytes"));
    }
    let digits = joined(input, &head)?;
    let mut size = digits.iter().skip_while(|byte| **byte == 0);
    let exact = size.clone().try_fold(0_i128, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()));
    match exact {
        Some(size) => out.integer(if negative { -1 - size } else { size }),
        None => {
            let size = size.try_fold(0.0, |sum: f64, byte| {
                // An infinity stays one: the rest need not be read.
                if sum.is_finite() { Some(sum * 256.0 + f64::from(*byte)) } else { None }
            });
            let size = size.unwrap_or(f64::INFINITY);
            out.float(if negative { -size } else { size });
        }
    }
    Ok(())
}
