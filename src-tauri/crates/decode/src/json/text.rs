//! JSON strings (RFC 8259, section 7): where they end, whether they are valid, and what they say.
//!
//! Decided: a lone surrogate (`"\ud800"`) is refused, since no text can hold it; every other escape is allowed, also
//! of characters that need none. Control characters below U+0020 must be escaped.

use super::fault::Fault;

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// A bit in each byte of `word` that is a quote, a backslash or a control character, correct up to the first one.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ (LOW * b'"' as u64);
    let backslash = word ^ (LOW * b'\\' as u64);
    ((quote.wrapping_sub(LOW) & !quote)
        | (backslash.wrapping_sub(LOW) & !backslash)
        | (word.wrapping_sub(LOW * 0x20) & !word))
        & HIGH
}

/// The closing quote of a string without escapes that starts at `start`; `None` if there is an escape, or what is wrong.
#[inline(always)]
pub(crate) fn plain_text(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut high) = (start, 0);
    let end = loop {
        let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else {
            break short_of_eight(bytes, at, &mut high);
        };
        let word = u64::from_le_bytes(*chunk);
        let found = special(word);
        if found != 0 {
            let before = found & found.wrapping_neg();
            // Only what stands before the byte that was found.
            high |= word & (before >> 7).wrapping_sub(1);
            break at + (found.trailing_zeros() / 8) as usize;
        }
        high |= word;
        at += 8;
    };
    if bytes.get(end) != Some(&b'"') {
        return None;
    }
    (high & HIGH == 0 || std::str::from_utf8(bytes.get(start..end)?).is_ok()).then_some(end)
}

#[cold]
fn short_of_eight(bytes: &[u8], at: usize, high: &mut u64) -> usize {
    let end = next_special(bytes, at);
    for &byte in bytes.get(at..end).unwrap_or_default() {
        *high |= u64::from(byte);
    }
    end
}

/// The first quote, backslash or control character at or after `at`, or the end.
#[inline]
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = special(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        at += 1;
    }
    at
}

/// What one look at all bytes says of a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Survey {
    /// All bytes are ASCII, hence UTF-8.
    pub(crate) ascii: bool,
    /// No backslash and no control character: a string ends at the next quote.
    pub(crate) plain: bool,
}

impl Survey {
    pub(crate) fn of(bytes: &[u8]) -> Survey {
        let mut high = 0;
        let mut odd = 0;
        // Without branches, which the compiler turns into vector instructions.
        for &byte in bytes {
            high |= byte;
            odd |= u8::from(byte < 0x20) | u8::from(byte == b'\\');
        }
        Survey { ascii: high < 0x80, plain: odd == 0 }
    }
}

/// The next quote at or after `at`, or the end.
#[inline]
fn next_quote(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk) ^ (LOW * b'"' as u64);
        let found = word.wrapping_sub(LOW) & !word & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| *byte != b'"') {
        at += 1;
    }
    at
}

/// From the first byte behind the opening quote: the place of the closing quote, and whether there are escapes.
#[inline]
pub(crate) fn string_end(bytes: &[u8], start: usize, plain: bool) -> Result<(usize, bool), Fault> {
    if plain {
        let at = next_quote(bytes, start);
        return if at < bytes.len() { Ok((at, false)) } else { Err(Fault::at(at, "the message ends inside a string")) };
    }
    let at = next_special(bytes, start);
    if bytes.get(at) == Some(&b'"') { Ok((at, false)) } else { escaped_end(bytes, at) }
}

#[cold]
fn escaped_end(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Fault> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((at, true)),
            Some(b'\\') => at = escape_end(bytes, at)?,
            Some(_) => return Err(Fault::at(at, "a control character in a string must be escaped")),
            None => return Err(Fault::at(at, "the message ends inside a string")),
        }
        at = next_special(bytes, at);
    }
}

/// From a backslash to the first byte behind its escape (both halves of a pair of surrogates).
fn escape_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let unit = hex(bytes, at + 2)?;
            match unit {
                0xD800..0xDC00 => {
                    if bytes.get(at + 6) != Some(&b'\\') || bytes.get(at + 7) != Some(&b'u') {
                        return Err(Fault::at(at, "half of a surrogate pair stands alone"));
                    }
                    match hex(bytes, at + 8)? {
                        0xDC00..0xE000 => Ok(at + 12),
                        _ => Err(Fault::at(at, "half of a surrogate pair stands alone")),
                    }
                }
                0xDC00..0xE000 => Err(Fault::at(at, "half of a surrogate pair stands alone")),
                _ => Ok(at + 6),
            }
        }
        Some(_) => Err(Fault::at(at + 1, "there is no such escape")),
        None => Err(Fault::at(at + 1, "the message ends inside a string")),
    }
}

fn hex(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let mut unit = 0;
    for place in at..at + 4 {
        let digit = match bytes.get(place) {
            Some(&byte) => char::from(byte).to_digit(16),
            None => return Err(Fault::at(place, "the message ends inside a string")),
        };
        match digit {
            Some(digit) => unit = unit * 16 + digit,
            None => return Err(Fault::at(place, "four hexadecimal digits follow \\u")),
        }
    }
    Ok(unit)
}

/// Appends what the inside of a valid string says.
pub(crate) fn unescape(inside: &[u8], into: &mut Vec<u8>) {
    let mut rest = inside;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(at);
        into.extend_from_slice(before);
        let used = unescape_one(escape, into);
        rest = escape.get(used..).unwrap_or_default();
    }
    into.extend_from_slice(rest);
}

fn unescape_one(escape: &[u8], into: &mut Vec<u8>) -> usize {
    let plain = match escape.get(1) {
        Some(b'b') => 0x08,
        Some(b'f') => 0x0C,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'u') => {
            let high = hex(escape, 2).unwrap_or(0xFFFD);
            let (code, used) = match high {
                0xD800..0xDC00 => {
                    let low = hex(escape, 8).unwrap_or(0xDC00);
                    (0x1_0000 + ((high - 0xD800) << 10) + low.saturating_sub(0xDC00), 12)
                }
                _ => (high, 6),
            };
            let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            into.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return used;
        }
        Some(&byte) => byte,
        None => return 1,
    };
    into.push(plain);
    2
}
