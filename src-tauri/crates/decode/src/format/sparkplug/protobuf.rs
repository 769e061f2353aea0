//! The wire format of Protocol Buffers (<https://protobuf.dev/programming-guides/encoding/>), as far as Sparkplug needs it.

use crate::format::bytes::Cursor;
use crate::json::fault::Fault;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// Bytes, and where they start in the payload.
    Bytes(&'a [u8], usize),
}

impl<'a> Wire<'a> {
    pub(super) fn varint(self) -> Option<u64> {
        if let Wire::Varint(value) = self { Some(value) } else { None }
    }

    pub(super) fn bytes(self) -> Option<(&'a [u8], usize)> {
        if let Wire::Bytes(bytes, at) = self { Some((bytes, at)) } else { None }
    }
}

/// Visits the fields of a message that starts at `base` of the payload: number and what it holds.
///
/// # Errors
/// The first byte that does not fit, in the payload.
pub(super) fn fields<'a>(
    message: &'a [u8],
    base: usize,
    mut each: impl FnMut(u32, Wire<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut input = Cursor::new(message);
    while !input.is_at_end() {
        let from = base + input.at();
        let tag = varint(&mut input).map_err(|fault| fault.moved(base))?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..=0x1FFF_FFFF).contains(number));
        let number = number.ok_or_else(|| Fault::at(from, "this is no field of protobuf"))?;
        let wire = wire(&mut input, tag & 7, base).map_err(|fault| fault.moved(base))?;
        each(number, wire.ok_or_else(|| Fault::at(from, "this is no field of protobuf"))?)?;
    }
    Ok(())
}

fn wire<'a>(input: &mut Cursor<'a>, kind: u64, base: usize) -> Result<Option<Wire<'a>>, Fault> {
    Ok(Some(match kind {
        0 => Wire::Varint(varint(input)?),
        1 => Wire::Fixed64(u64::from_le_bytes(input.array()?)),
        2 => {
            let length = varint(input)?;
            let at = base + input.at();
            Wire::Bytes(input.take(length)?, at)
        }
        5 => Wire::Fixed32(u32::from_le_bytes(input.array()?)),
        _ => return Ok(None),
    }))
}

fn varint(input: &mut Cursor<'_>) -> Result<u64, Fault> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = input.byte()?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(input.fault("a number has more than ten bytes"))
}
