//! The column of values.
//!
//! Feeds send decimal fractions: `71.25` is 7125 hundredths. Where dividing an integer of at most 53 bits by a power of
//! ten gives back the very bits of a value, the integer is kept (as in ALP, Afroozeh and Boncz, SIGMOD 2023, with the
//! power common to the chunk and found by trial). Integers and booleans of a mixed column join in, scaled. Values that
//! are no such fraction (NaN, -0.0, long fractions) are kept beside, with their place; where they are many, or it is
//! smaller, every value is kept as its XOR with the one before (Gorilla, VLDB 2015), packed in blocks without the zero
//! bits at both ends.

use crate::bits::{Input, packed_len, put_packed, put_varint, width_of};
use crate::{CodecError, Kind, ints};

const INTEGERS: u8 = 0;
const DECIMALS: u8 = 1;
const XOR: u8 = 2;
const BLOCK: usize = 128;
/// The largest power of ten that is tried. Powers up to 10^22 are exact in an `f64`.
const MAX_DIGITS: usize = 15;
/// Integers up to here are exact in an `f64`.
const EXACT: u64 = 1 << 53;

const POWERS: [i64; MAX_DIGITS + 1] = {
    let mut powers = [1; MAX_DIGITS + 1];
    let mut digits = 1;
    while digits <= MAX_DIGITS {
        powers[digits] = powers[digits - 1] * 10;
        digits += 1;
    }
    powers
};

/// Appends the values.
pub(crate) fn encode(kinds: &[Kind], bits: &[u64], out: &mut Vec<u8>) {
    if kinds.first().is_some_and(|first| *first != Kind::F64 && kinds.iter().all(|kind| kind == first)) {
        out.push(INTEGERS);
        let integers: Vec<i64> = bits.iter().map(|bits| bits.cast_signed()).collect();
        return ints::encode(&integers, out);
    }
    let begin = out.len();
    if let Some(decimals) = Decimals::find(kinds, bits) {
        out.push(DECIMALS);
        decimals.encode(out);
        if out.len() - begin <= 1 + xor_len(bits) {
            return;
        }
        out.truncate(begin);
    }
    out.push(XOR);
    encode_xor(bits, out);
}

/// Reads the values of these kinds into `bits`; `column` is memory to work in.
pub(crate) fn decode(
    input: &mut Input<'_>,
    kinds: &[Kind],
    column: &mut Vec<i64>,
    bits: &mut Vec<u64>,
) -> Result<(), CodecError> {
    bits.clear();
    match input.byte()? {
        INTEGERS => {
            ints::decode(input, kinds.len(), column)?;
            bits.extend(column.iter().map(|integer| integer.cast_unsigned()));
            Ok(())
        }
        DECIMALS => decode_decimals(input, kinds, column, bits),
        XOR => decode_xor(input, kinds.len(), bits),
        _ => Err(CodecError::Unfit("an unknown column of values")),
    }
}

struct Decimals {
    digits: usize,
    mantissas: Vec<i64>,
    /// Place and bits of what is no decimal fraction.
    others: Vec<(usize, u64)>,
}

impl Decimals {
    /// `None` where too few of the values are decimal fractions.
    fn find(kinds: &[Kind], bits: &[u64]) -> Option<Decimals> {
        let allowed = bits.len() / 8;
        let digits = common_digits(kinds, bits, allowed)?;
        let mut decimals = Decimals { digits, mantissas: Vec::with_capacity(bits.len()), others: Vec::new() };
        let mut before = 0;
        for (place, (&kind, &bits)) in kinds.iter().zip(bits).enumerate() {
            match mantissa(kind, bits, digits) {
                Some(mantissa) => before = mantissa,
                None if decimals.others.len() < allowed => decimals.others.push((place, bits)),
                None => return None,
            }
            // What stands beside repeats the one before, which costs least.
            decimals.mantissas.push(before);
        }
        Some(decimals)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.digits as u8);
        put_varint(out, self.others.len() as u64);
        let mut before = 0;
        for &(place, bits) in &self.others {
            put_varint(out, (place - before) as u64);
            out.extend_from_slice(&bits.to_le_bytes());
            before = place;
        }
        ints::encode(&self.mantissas, out);
    }
}

/// The fewest digits with which all but `allowed` of the reals are decimal fractions. A fraction of few digits is one
/// of more digits, too, as long as its integer stays exact; what then does not fit stands beside.
fn common_digits(kinds: &[Kind], bits: &[u64], allowed: usize) -> Option<usize> {
    let mut digits = 0;
    let mut others = 0;
    for (&kind, &bits) in kinds.iter().zip(bits) {
        if kind != Kind::F64 || mantissa(kind, bits, digits).is_some() {
            continue;
        }
        match (digits + 1..=MAX_DIGITS).find(|&digits| mantissa(kind, bits, digits).is_some()) {
            Some(more) => digits = more,
            None => others += 1,
        }
        if others > allowed {
            return None;
        }
    }
    Some(digits)
}

/// The integer that, divided by 10^digits, gives exactly this value.
fn mantissa(kind: Kind, bits: u64, digits: usize) -> Option<i64> {
    let power = *POWERS.get(digits)?;
    match kind {
        Kind::F64 => {
            let scaled = f64::from_bits(bits) * power as f64;
            // The nearest integer; a cast is far cheaper than `round`, and NaN and infinities fail what follows.
            let mantissa = (scaled + 0.5f64.copysign(scaled)) as i64;
            (mantissa.unsigned_abs() <= EXACT && (mantissa as f64 / power as f64).to_bits() == bits).then_some(mantissa)
        }
        Kind::I64 | Kind::Bool => bits.cast_signed().checked_mul(power),
        Kind::U64 => None,
    }
}

fn decode_decimals(
    input: &mut Input<'_>,
    kinds: &[Kind],
    column: &mut Vec<i64>,
    bits: &mut Vec<u64>,
) -> Result<(), CodecError> {
    let power = *POWERS.get(usize::from(input.byte()?)).ok_or(CodecError::Unfit("more digits than a number has"))?;
    let others = input.varint()?;
    if others > kinds.len() as u64 {
        return Err(CodecError::Unfit("more exceptions than values"));
    }
    let mut beside = Vec::new();
    let mut place = 0usize;
    for _ in 0..others {
        place = usize::try_from(input.varint()?)
            .ok()
            .and_then(|step| place.checked_add(step))
            .filter(|place| *place < kinds.len())
            .ok_or(CodecError::Unfit("an exception beyond its end"))?;
        beside.push((place, input.u64()?));
    }
    ints::decode(input, kinds.len(), column)?;
    bits.extend(kinds.iter().zip(column.iter()).map(|(kind, &mantissa)| match kind {
        Kind::F64 => (mantissa as f64 / power as f64).to_bits(),
        Kind::I64 | Kind::U64 | Kind::Bool => (mantissa / power).cast_unsigned(),
    }));
    for (place, exact) in beside {
        if let Some(bits) = bits.get_mut(place) {
            *bits = exact;
        }
    }
    Ok(())
}

fn encode_xor(bits: &[u64], out: &mut Vec<u8>) {
    let changes = changes(bits);
    for block in changes.chunks(BLOCK) {
        let (low, width) = xor_frame(block);
        out.push(low as u8);
        out.push(width as u8);
        put_packed(out, block.iter().map(|change| change >> low), width);
    }
}

fn changes(bits: &[u64]) -> Vec<u64> {
    let before = std::iter::once(0).chain(bits.iter().copied());
    bits.iter().zip(before).map(|(now, before)| now ^ before).collect()
}

/// The zero bits below, and how many bits are left above them.
fn xor_frame(block: &[u64]) -> (u32, u32) {
    let any = block.iter().fold(0, |any, change| any | change);
    if any == 0 {
        return (0, 0);
    }
    let low = any.trailing_zeros();
    (low, width_of(any) - low)
}

fn xor_len(bits: &[u64]) -> usize {
    changes(bits).chunks(BLOCK).map(|block| 2 + packed_len(block.len(), xor_frame(block).1)).sum()
}

fn decode_xor(input: &mut Input<'_>, count: usize, bits: &mut Vec<u64>) -> Result<(), CodecError> {
    bits.reserve_exact(count);
    let mut before = 0u64;
    while bits.len() < count {
        let low = u32::from(input.byte()?);
        let width = u32::from(input.byte()?);
        if low >= 64 {
            return Err(CodecError::Unfit("numbers of more than 64 bits"));
        }
        let take = (count - bits.len()).min(BLOCK);
        input.packed(take, width, |change| {
            before ^= change << low;
            bits.push(before);
        })?;
    }
    Ok(())
}
