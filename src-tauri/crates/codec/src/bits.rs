//! Bytes, varints and packed bits.
//!
//! Varints are LEB128; signed ones are zigzagged first (0, -1, 1, -2, ...). Packed numbers of `width` bits follow each
//! other from the lowest bit of the first byte on; each run begins on a byte.

use crate::CodecError;

/// Bytes being read.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CodecError> {
        let (&first, rest) = self.bytes.split_first().ok_or(CodecError::Short)?;
        self.bytes = rest;
        Ok(first)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(CodecError::Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(CodecError::Short)?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*taken))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Unfit("a number that does not end"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, CodecError> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// Reads `count` packed numbers.
    pub(crate) fn packed(&mut self, count: usize, width: u32, mut take: impl FnMut(u64)) -> Result<(), CodecError> {
        if width > 64 {
            return Err(CodecError::Unfit("numbers of more than 64 bits"));
        }
        let bytes = self.take(packed_len(count, width))?;
        let mask = mask(width);
        let mut bit = 0usize;
        for _ in 0..count {
            take((window(bytes, bit / 8) >> (bit % 8)) as u64 & mask);
            bit += width as usize;
        }
        Ok(())
    }
}

/// The 16 bytes from `at` on, with zeros beyond the end.
fn window(bytes: &[u8], at: usize) -> u128 {
    let rest = bytes.get(at..).unwrap_or_default();
    if let Some(whole) = rest.first_chunk() {
        return u128::from_le_bytes(*whole);
    }
    let mut padded = [0; 16];
    for (to, from) in padded.iter_mut().zip(rest) {
        *to = *from;
    }
    u128::from_le_bytes(padded)
}

const fn mask(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

/// How many bits a number takes.
pub(crate) const fn width_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

/// How many bytes `count` packed numbers take.
pub(crate) const fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// How many bytes [`put_signed`] writes.
pub(crate) const fn signed_len(value: i64) -> usize {
    let width = width_of(zigzag(value));
    if width == 0 { 1 } else { width.div_ceil(7) as usize }
}

/// Appends packed numbers, each below 2^`width`.
pub(crate) fn put_packed(out: &mut Vec<u8>, values: impl Iterator<Item = u64>, width: u32) {
    if width == 0 {
        return;
    }
    let mut held = 0u128;
    let mut bits = 0;
    for value in values {
        held |= u128::from(value) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(held as u64).to_le_bytes());
            held >>= 64;
            bits -= 64;
        }
    }
    let rest = held.to_le_bytes();
    out.extend_from_slice(&rest[..bits.div_ceil(8) as usize]);
}
