//! A column of integers.
//!
//! What all share is taken out first: their least value and the greatest common divisor of their distances from it
//! (times in milliseconds, kept as nanoseconds, shrink by 20 bits). The rest is predicted, by nothing (order 0), by the
//! value before (1) or by the last slope (2), whichever leaves least, and what is left over is bit-packed: one block
//! for all, or blocks of 128 so that one leap does not widen the others. All arithmetic wraps, so that any integers
//! come back.
//!
//! ```text
//! tag (order | 4 if in blocks)  base  divisor  the first `order` values  { least  width  packed } ...
//! ```

use crate::CodecError;
use crate::bits::{Input, packed_len, put_packed, put_signed, put_varint, signed_len, width_of};

const BLOCK: usize = 128;
const IN_BLOCKS: u8 = 4;

/// Appends a column.
pub(crate) fn encode(values: &[i64], out: &mut Vec<u8>) {
    let (base, divisor) = common(values);
    let mut column: Vec<i64> = values.to_vec();
    if base != 0 || divisor != 1 {
        for value in &mut column {
            *value = value.wrapping_sub(base) / divisor;
        }
    }
    let mut best: Option<(usize, u8, Vec<i64>)> = None;
    let mut rest = column.clone();
    for order in 0..=2u8 {
        if order > 0 {
            differences(&mut rest, usize::from(order));
        }
        let left = rest.get(usize::from(order)..).unwrap_or_default();
        for in_blocks in [false, true] {
            let size: usize = blocks(left, in_blocks).map(block_len).sum();
            if best.as_ref().is_none_or(|(least, ..)| size < *least) {
                best = Some((size, order | if in_blocks { IN_BLOCKS } else { 0 }, rest.clone()));
            }
        }
    }
    let Some((_, tag, rest)) = best else { return };
    let order = usize::from(tag & 3);
    out.push(tag);
    put_signed(out, base);
    put_varint(out, divisor.cast_unsigned());
    for &first in rest.iter().take(order) {
        put_signed(out, first);
    }
    for block in blocks(rest.get(order..).unwrap_or_default(), tag & IN_BLOCKS != 0) {
        let (least, width) = frame(block);
        put_signed(out, least);
        out.push(width as u8);
        put_packed(out, block.iter().map(|value| value.wrapping_sub(least).cast_unsigned()), width);
    }
}

/// The least value and the common divisor of the distances from it; (0, 1) where these do not fit.
fn common(values: &[i64]) -> (i64, i64) {
    let (Some(&least), Some(&most)) = (values.iter().min(), values.iter().max()) else { return (0, 1) };
    if most.checked_sub(least).is_none() {
        return (0, 1);
    }
    let mut divisor = 0u64;
    for value in values {
        let distance = value.wrapping_sub(least).cast_unsigned();
        if divisor == 0 || distance % divisor != 0 {
            divisor = gcd(divisor, distance);
        }
        if divisor == 1 {
            break;
        }
    }
    (least, divisor.max(1).cast_signed())
}

fn gcd(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// Replaces what follows the first `order` places by its distance from the place before.
fn differences(values: &mut [i64], order: usize) {
    let mut before = values.get(order - 1).copied().unwrap_or(0);
    for value in values.iter_mut().skip(order) {
        let now = *value;
        *value = now.wrapping_sub(before);
        before = now;
    }
}

fn blocks(values: &[i64], in_blocks: bool) -> impl Iterator<Item = &[i64]> {
    values.chunks(if in_blocks { BLOCK } else { values.len().max(1) })
}

/// The least value of a block, and the bits its distances take.
fn frame(block: &[i64]) -> (i64, u32) {
    let least = block.iter().copied().min().unwrap_or(0);
    let most = block.iter().copied().max().unwrap_or(0);
    (least, width_of(most.wrapping_sub(least).cast_unsigned()))
}

fn block_len(block: &[i64]) -> usize {
    let (least, width) = frame(block);
    signed_len(least) + 1 + packed_len(block.len(), width)
}

/// Reads a column of `count` integers into `values`.
pub(crate) fn decode(input: &mut Input<'_>, count: usize, values: &mut Vec<i64>) -> Result<(), CodecError> {
    values.clear();
    let tag = input.byte()?;
    let order = usize::from(tag & 3);
    if tag > 2 | IN_BLOCKS || order > 2 {
        return Err(CodecError::Unfit("an unknown column"));
    }
    let base = input.signed()?;
    let divisor = input.varint()?.cast_signed();
    values.reserve_exact(count);
    for _ in 0..order.min(count) {
        values.push(input.signed()?);
    }
    while values.len() < count {
        let left = count - values.len();
        let take = if tag & IN_BLOCKS == 0 { left } else { left.min(BLOCK) };
        let least = input.signed()?;
        let width = u32::from(input.byte()?);
        input.packed(take, width, |distance| values.push(least.wrapping_add(distance.cast_signed())))?;
    }
    for order in (1..=order).rev() {
        sums(values, order);
    }
    if base != 0 || divisor != 1 {
        for value in values.iter_mut() {
            *value = base.wrapping_add(value.wrapping_mul(divisor));
        }
    }
    Ok(())
}

/// Undoes [`differences`].
fn sums(values: &mut [i64], order: usize) {
    let mut before = values.get(order - 1).copied().unwrap_or(0);
    for value in values.iter_mut().skip(order) {
        before = before.wrapping_add(*value);
        *value = before;
    }
}
