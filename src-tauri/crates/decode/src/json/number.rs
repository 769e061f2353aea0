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

/// What `text` is worth if all of it is a number of JSON's grammar; so `00860`, `+1`, `NaN` and `0x1F` are not numbers.
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<Value> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut mantissa: u64 = 0;
    let mut whole = 0;
    let mut at = 0;
    while let Some(digit) = digits.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        whole += 1;
        at += 1;
    }
    if whole == 0 || (whole > 1 && digits.first() == Some(&b'0')) {
        return None;
    }
    if at == digits.len() && whole <= 19 {
        return Some(integer(negative, mantissa));
    }
    if digits.get(at) == Some(&b'.') {
        at += 1;
        let start = at;
        while let Some(digit) = digits.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        let fraction = at - start;
        if fraction == 0 {
            return None;
        }
        if at == digits.len() && whole + fraction <= 19 && mantissa <= 1 << 53 {
            let size = mantissa as f64 / POWERS.get(fraction)?;
            return Some(Value::F64(if negative { -size } else { size }));
        }
    }
    general(text)
}

#[inline]
fn integer(negative: bool, size: u64) -> Value {
    match (negative, i64::try_from(size)) {
        (true, Ok(0)) => Value::F64(-0.0),
        (true, Ok(size)) => Value::I64(-size),
        (false, Ok(size)) => Value::I64(size),
        (false, Err(_)) => Value::U64(size),
        (true, Err(_)) if size == 1 << 63 => Value::I64(i64::MIN),
        (true, Err(_)) => Value::F64(-(size as f64)),
    }
}

#[cold]
fn general(text: &[u8]) -> Option<Value> {
    if number_end(text, 0) != Ok(text.len()) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(whole) = text.parse::<u64>() {
        return Some(integer(false, whole));
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::I64(whole));
    }
    text.parse().ok().map(Value::F64)
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
