//! A line taken apart: tag block, address, fields, checksum.

use super::MAX_SENTENCE;
use crate::json::fault::Fault;

#[derive(Clone, Copy, Debug)]
pub(super) struct Sentence<'a> {
    /// What stands between the backslashes before it.
    pub(super) tag: Option<&'a [u8]>,
    /// Two letters; `P` where a maker speaks for himself.
    pub(super) talker: &'a [u8],
    pub(super) kind: &'a [u8],
    /// Behind the comma that ends the address.
    pub(super) data: &'a [u8],
    /// It begins with `!`.
    pub(super) encapsulated: bool,
    pub(super) stated: Option<u8>,
    pub(super) computed: u8,
}

impl<'a> Sentence<'a> {
    /// Takes a line apart, its end of line cut off. What stands behind the checksum and a comma is let be: some receivers
    /// put a time there.
    ///
    /// # Errors
    /// The first byte that does not fit.
    pub(super) fn of(line: &'a [u8]) -> Result<Sentence<'a>, Fault> {
        if line.len() > MAX_SENTENCE {
            return Err(Fault::at(MAX_SENTENCE, "the line is longer than a sentence of NMEA 0183"));
        }
        let (tag, start) = tag(line)?;
        let encapsulated = line.get(start) == Some(&b'!');
        if !encapsulated && line.get(start) != Some(&b'$') {
            return Err(Fault::at(start, "expected '$' or '!'"));
        }
        let start = start + 1;
        let rest = line.get(start..).unwrap_or_default();
        let length = memchr::memchr(b'*', rest).unwrap_or(rest.len());
        let body = rest.get(..length).unwrap_or_default();
        if let Some(odd) = body.iter().position(|byte| !(0x20..0x7F).contains(byte)) {
            return Err(Fault::at(start + odd, "this cannot stand in a sentence"));
        }
        let stated = match rest.get(length + 1..) {
            Some(sum) => Some(hex(sum).ok_or_else(|| Fault::at(start + length + 1, "expected a checksum"))?),
            None => None,
        };
        let comma = memchr::memchr(b',', body).unwrap_or(body.len());
        let address = body.get(..comma).unwrap_or_default();
        let data = body.get(comma + 1..).unwrap_or_default();
        let plain = address.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let split = if address.first() == Some(&b'P') { 1 } else { 2 };
        if !plain || !(split + 2..=12).contains(&address.len()) || comma == body.len() {
            return Err(Fault::at(start, "expected talker and type of a sentence"));
        }
        let (talker, kind) = address.split_at(split);
        Ok(Sentence { tag, talker, kind, data, encapsulated, stated, computed: xor(body) })
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.data.split(|byte| *byte == b',')
    }

    /// A field by its number from 0; empty where there is none.
    pub(super) fn field(&self, at: usize) -> &'a [u8] {
        self.fields().nth(at).unwrap_or_default()
    }
}

pub(super) fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

/// Two digits, and nothing behind them or a comma.
fn hex(text: &[u8]) -> Option<u8> {
    let (digits, rest) = text.split_first_chunk::<2>()?;
    let is_end = matches!(rest.first(), None | Some(b','));
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit) && is_end)?;
    u8::from_str_radix(text, 16).ok()
}

/// A tag block at the beginning, and where the sentence starts.
fn tag(line: &[u8]) -> Result<(Option<&[u8]>, usize), Fault> {
    let Some(rest) = line.strip_prefix(b"\\") else { return Ok((None, 0)) };
    let end = memchr::memchr(b'\\', rest).ok_or_else(|| Fault::at(line.len(), "the tag block does not end"))?;
    Ok((rest.get(..end), end + 2))
}
