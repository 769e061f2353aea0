//! Numbers: the grammar of RFC 8259, section 6, and what a number is worth.
//!
//! A short decimal is exact without the general algorithm: a mantissa of at most 2^53 and a power of ten of at most
//! 10^22 are both doubles, and one IEEE 754 division or multiplication of two doubles rounds correctly (Clinger 1990,
//! "How to read floating point numbers accurately"). Everything else goes to the standard library.
//!
//! Decided: `1e999` is a valid number and worth infinity; `-0` is the float -0; a whole number without fraction or
//! exponent stays an integer as far as `u64` goes and is a rounded float beyond.

use feedwatch_model::Value;

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The first byte behind the number that starts at `at`; the error is the byte that did not fit.
#[inline]
pub(crate) fn number_end(bytes: &[u8], at: usize) -> Result<usize, usize> {
    let start = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut at = digits_end(bytes, start);
    if at == start || (bytes.get(start) == Some(&b'0') && at > start + 1) {
        // A leading zero: the byte behind it is the one that does not fit.
        return Err(if at == start { start } else { start + 1 });
    }
    if bytes.get(at) == Some(&b'.') {
        let fraction = at + 1;
        at = digits_end(bytes, fraction);
        if at == fraction {
            return Err(at);
        }
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let signed = at + 1;
        let exponent = signed + usize::from(matches!(bytes.get(signed), Some(b'+' | b'-')));
        at = digits_end(bytes, exponent);
        if at == exponent {
            return Err(at);
        }
    }
    Ok(at)
}

#[inline]
fn digits_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// A number in two registers: enums of this size travel through memory, byte and word apart, which stalls the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits {
    sort: Sort,
    bits: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Not a number.
    None,
    /// Not read yet.
    Later,
    Bool,
    I64,
    U64,
    F64,
}

impl Bits {
    pub(crate) const NONE: Bits = Bits { sort: Sort::None, bits: 0 };
    pub(crate) const LATER: Bits = Bits { sort: Sort::Later, bits: 0 };

    #[inline]
    fn of(value: f64) -> Bits {
        Bits { sort: Sort::F64, bits: value.to_bits() }
    }

    /// Hands on the value, each variant in a call of its own.
    #[inline]
    pub(crate) fn give(self, mut to: impl FnMut(Value)) {
        match self.sort {
            Sort::F64 => to(Value::F64(f64::from_bits(self.bits))),
            Sort::I64 => to(Value::I64(self.bits.cast_signed())),
            Sort::U64 => to(Value::U64(self.bits)),
            Sort::Bool => to(Value::Bool(self.bits != 0)),
            Sort::None | Sort::Later => {}
        }
    }

    #[inline]
    pub(crate) fn truth(yes: bool) -> Bits {
        Bits { sort: Sort::Bool, bits: u64::from(yes) }
    }

    /// Itself, or what `text` is worth if it was not read yet.
    #[inline]
    pub(crate) fn or_of(self, text: &[u8]) -> Bits {
        if self.sort == Sort::Later { bits(text) } else { self }
    }

    /// As [`unsigned`] of the text `raw` it was read from.
    #[inline]
    pub(crate) fn unsigned(self, raw: &[u8]) -> Option<u64> {
        match self.sort {
            Sort::I64 => u64::try_from(self.bits.cast_signed()).ok(),
            Sort::U64 => Some(self.bits),
            Sort::Later => unsigned(raw),
            Sort::None | Sort::Bool | Sort::F64 => None,
        }
    }

    /// The value if it is a float, as most are.
    #[inline]
    pub(crate) fn float(self) -> Option<f64> {
        (self.sort == Sort::F64).then(|| f64::from_bits(self.bits))
    }

    #[inline]
    pub(crate) fn is_number(self) -> bool {
        self.sort != Sort::None
    }
}

/// What `text` is worth if all of it is a number of JSON's grammar; so `00860`, `+1`, `NaN` and `0x1F` are not numbers.
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<Value> {
    let mut found = None;
    bits(text).give(|value| found = Some(value));
    found
}

/// [`number`], in registers.
#[inline]
pub(crate) fn bits(text: &[u8]) -> Bits {
    let negative = text.first() == Some(&b'-');
    let digits = text.get(usize::from(negative)..).unwrap_or_default();
    let (whole, mantissa) = run(digits, 0);
    if whole == 0 || (whole > 1 && digits.first() == Some(&b'0')) {
        return Bits::NONE;
    }
    if whole == digits.len() && whole <= 19 {
        return integer(negative, mantissa);
    }
    let Some((b'.', decimals)) = digits.get(whole..).and_then(<[u8]>::split_first) else { return general(text) };
    let (fraction, mantissa) = run(decimals, mantissa);
    if fraction == decimals.len() && whole + fraction <= 19 {
        decimal(negative, mantissa, fraction).unwrap_or_else(|| general(text))
    } else {
        general(text)
    }
}

/// The length of the run of digits at the start of `text`, and `sum` continued by them (wrapping beyond 19 digits).
#[inline]
fn run(text: &[u8], mut sum: u64) -> (usize, u64) {
    let mut count = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        sum = sum.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (count, sum)
}

/// `mantissa` with `fraction` digits behind the point, where one division is exact.
#[inline]
fn decimal(negative: bool, mantissa: u64, fraction: usize) -> Option<Bits> {
    let power = POWERS.get(fraction).filter(|_| fraction > 0 && mantissa <= 1 << 53)?;
    let size = mantissa as f64 / power;
    Some(Bits::of(if negative { -size } else { size }))
}

/// The number that starts at `at` and its end, if it has at most 19 digits and no exponent. `None` says nothing.
#[inline(always)]
pub(crate) fn short(bytes: &[u8], at: usize) -> Option<(Bits, usize)> {
    let negative = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let rest = bytes.get(start..)?;
    let (count, number) = match rest.first_chunk::<8>() {
        Some(word) => in_word(u64::from_le_bytes(*word), rest, negative),
        None => by_digit(rest, (0, 0), negative),
    }?;
    Some((number, start + count))
}

/// [`short`] without its sign where it ends within eight bytes, all at once: as most numbers do.
#[inline(always)]
fn in_word(word: u64, rest: &[u8], negative: bool) -> Option<(usize, Bits)> {
    let digits = word ^ ZEROS;
    // The high bit of each byte that is no digit: right up to the second of them that is a point or below.
    let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
    let whole = (others.trailing_zeros() / 8) as usize;
    if whole == 0 || (whole > 1 && digits & 0xFF == 0) {
        return None;
    }
    if whole == 8 {
        return by_digit(rest, (8, eight(digits)), negative);
    }
    let stop = rest.get(whole).copied().unwrap_or_default();
    if stop != b'.' {
        return match stop {
            b'e' | b'E' => None,
            _ => Some((whole, integer(negative, eight(digits << (64 - 8 * whole))))),
        };
    }
    let end = ((others & others.wrapping_sub(1)).trailing_zeros() / 8) as usize;
    let stop = rest.get(end).copied().unwrap_or_default();
    if stop.is_ascii_digit() {
        return by_digit(rest, (0, 0), negative);
    }
    if let b'e' | b'E' = stop {
        return None;
    }
    // Without the point.
    let before = (1 << (8 * whole)) - 1;
    let together = digits & before | digits >> 8 & !before;
    decimal(negative, eight(together << (72 - 8 * end)), end - whole - 1).map(|number| (end, number))
}

/// `0` in every byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// What eight digits are worth, the first one in the lowest byte: pairs, then fours, then all of them (Lemire 2021,
/// "Number parsing at a gigabyte per second", section 6).
#[inline(always)]
fn eight(digits: u64) -> u64 {
    const EVERY_FOURTH: u64 = 0x0000_00FF_0000_00FF;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & EVERY_FOURTH).wrapping_mul(0x000F_4240_0000_0064);
    let low = (pairs >> 16 & EVERY_FOURTH).wrapping_mul(0x0000_2710_0000_0001);
    high.wrapping_add(low) >> 32
}

/// [`short`] without its sign, digit by digit, the first ones `known`.
fn by_digit(rest: &[u8], known: (usize, u64), negative: bool) -> Option<(usize, Bits)> {
    let (more, whole) = run(rest.get(known.0..)?, known.1);
    let count = known.0 + more;
    if count == 0 || count > 19 || (count > 1 && rest.first() == Some(&b'0')) {
        return None;
    }
    match rest.get(count) {
        Some(b'.') => {}
        Some(b'e' | b'E') => return None,
        _ => return Some((count, integer(negative, whole))),
    }
    let (fraction, mantissa) = run(rest.get(count + 1..)?, whole);
    let end = count + 1 + fraction;
    if count + fraction > 19 || matches!(rest.get(end), Some(b'e' | b'E')) {
        return None;
    }
    decimal(negative, mantissa, fraction).map(|number| (end, number))
}

#[inline]
fn integer(negative: bool, size: u64) -> Bits {
    let signed = |value: i64| Bits { sort: Sort::I64, bits: value.cast_unsigned() };
    match (negative, i64::try_from(size)) {
        (true, Ok(0)) => Bits::of(-0.0),
        (true, Ok(size)) => signed(-size),
        (false, Ok(size)) => signed(size),
        (false, Err(_)) => Bits { sort: Sort::U64, bits: size },
        (true, Err(_)) if size == 1 << 63 => signed(i64::MIN),
        (true, Err(_)) => Bits::of(-(size as f64)),
    }
}

#[cold]
fn general(text: &[u8]) -> Bits {
    let valid = number_end(text, 0) == Ok(text.len());
    let Some(text) = std::str::from_utf8(text).ok().filter(|_| valid) else { return Bits::NONE };
    match (text.parse::<u64>(), text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), ..) => integer(false, whole),
        (_, Ok(whole), _) => Bits { sort: Sort::I64, bits: whole.cast_unsigned() },
        (.., Ok(float)) => Bits::of(float),
        _ => Bits::NONE,
    }
}

/// The number if `text` is a whole one without sign, fraction, exponent or leading zero, as far as `u64` goes.
#[inline]
pub(crate) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 || (text.len() > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    let mut sum: u64 = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum = sum.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(sum)
}

/// What a text counts to: digits, also with leading zeros (`0000000017`), or `0x` and at most 16 hexadecimal ones.
pub(crate) fn counted(text: &[u8]) -> Option<u64> {
    if let Some(hex) = text.strip_prefix(b"0x") {
        let all = (1..=16).contains(&hex.len()) && hex.iter().all(u8::is_ascii_hexdigit);
        return std::str::from_utf8(hex).ok().filter(|_| all).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    }
    let zeros = text.iter().take_while(|byte| **byte == b'0').count();
    let rest = text.get(zeros.min(text.len().saturating_sub(1))..)?;
    if text.len() > 20 { None } else { unsigned(rest) }
}
