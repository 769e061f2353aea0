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
    let plain: Vec<i64> = if divisor == 1 {
        values.iter().map(|value| value.wrapping_sub(base)).collect()
    } else {
        values.iter().map(|value| (value.wrapping_sub(base).cast_unsigned() / divisor).cast_signed()).collect()
    };
    // Columns of kinds and qualities mostly have one value: nothing is left to predict.
    let all_same = plain.iter().all(|value| *value == 0);
    let slopes = if all_same { Vec::new() } else { differences(&plain, 1) };
    let bends = if all_same { Vec::new() } else { differences(&slopes, 2) };
    let tried = if all_same { 1 } else { 3 };
    let Some((order, rest, (_, in_blocks))) = [&plain, &slopes, &bends]
        .into_iter()
        .enumerate()
        .take(tried)
        .map(|(order, rest)| (order, rest, measure(left(rest, order))))
        .min_by_key(|(.., (size, _))| *size)
    else {
        return;
    };
    out.push(order as u8 | if in_blocks { IN_BLOCKS } else { 0 });
    put_signed(out, base);
    put_varint(out, divisor);
    for &first in rest.iter().take(order) {
        put_signed(out, first);
    }
    for block in blocks(left(rest, order), in_blocks) {
        let frame = Frame::of(block);
        put_signed(out, frame.least);
        out.push(frame.width() as u8);
        put_packed(out, block.iter().map(|value| value.wrapping_sub(frame.least).cast_unsigned()), frame.width());
    }
}

/// What follows the first `order` places.
fn left(values: &[i64], order: usize) -> &[i64] {
    values.get(order..).unwrap_or_default()
}

/// The least value and the common divisor of the distances from it; (0, 1) where these do not fit.
fn common(values: &[i64]) -> (i64, u64) {
    let whole = Frame::of(values);
    if whole.most.checked_sub(whole.least).is_none() {
        return (0, 1);
    }
    let mut divisor = 0u64;
    for value in values {
        let distance = value.wrapping_sub(whole.least).cast_unsigned();
        if divisor == 0 || !distance.is_multiple_of(divisor) {
            divisor = gcd(divisor, distance);
        }
        if divisor == 1 {
            break;
        }
    }
    (whole.least, divisor.max(1))
}

fn gcd(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// What follows the first `order` places becomes its distance from the place before.
fn differences(values: &[i64], order: usize) -> Vec<i64> {
    let (first, _) = values.split_at_checked(order).unwrap_or((values, &[]));
    let pairs = left(values, order - 1).windows(2);
    let steps = pairs.map(|pair| if let [before, now] = pair { now.wrapping_sub(*before) } else { 0 });
    first.iter().copied().chain(steps).collect()
}

fn blocks(values: &[i64], in_blocks: bool) -> impl Iterator<Item = &[i64]> {
    values.chunks(if in_blocks { BLOCK } else { values.len().max(1) })
}

/// The bounds of a block.
#[derive(Clone, Copy)]
struct Frame {
    least: i64,
    most: i64,
}

impl Frame {
    fn of(block: &[i64]) -> Frame {
        let Some((&first, rest)) = block.split_first() else { return Frame { least: 0, most: 0 } };
        rest.iter().fold(Frame { least: first, most: first }, |frame, &value| Frame {
            least: frame.least.min(value),
            most: frame.most.max(value),
        })
    }

    /// The bits that the distances from the least value take.
    const fn width(self) -> u32 {
        width_of(self.most.wrapping_sub(self.least).cast_unsigned())
    }

    const fn bytes(self, count: usize) -> usize {
        signed_len(self.least) + 1 + packed_len(count, self.width())
    }
}

/// How many bytes it takes, and whether in blocks.
fn measure(values: &[i64]) -> (usize, bool) {
    let mut whole: Option<Frame> = None;
    let mut parted = 0;
    for block in blocks(values, true) {
        let frame = Frame::of(block);
        parted += frame.bytes(block.len());
        let bounds = whole.unwrap_or(frame);
        whole = Some(Frame { least: bounds.least.min(frame.least), most: bounds.most.max(frame.most) });
    }
    let single = whole.map_or(0, |frame| frame.bytes(values.len()));
    if parted < single { (parted, true) } else { (single, false) }
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
