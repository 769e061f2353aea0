//! CSV (RFC 4180) as JSON: each record an object, its members named by the header, else by their number from 0.
//!
//! ```text
//! time,temp,state
//! 2026-03-01T12:00:00Z,21.5,ON   ->   {"time":"2026-03-01T12:00:00Z","temp":21.5,"state":true}
//! ```
//!
//! A message is one record, or several: then it is an array of them. A record that says what the header says is the header
//! once more: nothing is read from it. Fields are parted by comma, semicolon, tab or bar, whichever parts the first
//! messages evenly; where it is not the comma, `21,5` is a number. What is no number is a text (`007` too), and `NaN`, `NA`
//! and `null` say nothing. Columns in which only one pair of words was seen (`ON`, `OFF`) are booleans.
//!
//! Limit: 4096 columns.

mod learn;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::json::Writer;
use super::states;
use crate::json::fault::Fault;
use crate::json::number::number;

const MAX_COLUMNS: usize = 4096;
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How the records of a feed are written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Csv {
    /// `None`: whichever is the most frequent in the first message.
    separator: Option<u8>,
    /// The names of the columns.
    header: Option<Vec<Vec<u8>>>,
    /// Columns in which only the words of one pair were seen.
    flags: Vec<bool>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    /// Without its quotes.
    at: Range<usize>,
    quoted: bool,
}

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Records,
    /// Nothing but the header.
    Header,
}

impl Csv {
    /// Takes a header that stands beside the messages.
    pub(crate) fn take_header(&mut self, line: &[u8]) {
        let separator = *self.separator.get_or_insert_with(|| separator_of(line));
        let mut fields = Vec::new();
        if record(line, 0, separator, &mut fields).is_ok() {
            self.header = Some(names(line, &fields));
        }
    }

    /// Writes `payload` to `out`.
    ///
    /// # Errors
    /// The first byte that does not fit.
    pub(crate) fn transcode(&mut self, payload: &[u8], out: &mut Writer) -> Result<Written, Fault> {
        if let Err(error) = std::str::from_utf8(payload) {
            return Err(Fault::at(error.valid_up_to(), "this is not UTF-8"));
        }
        let mut fields = std::mem::take(&mut self.fields);
        let written = self.records(payload, &mut fields, out);
        self.fields = fields;
        match written? {
            0 if self.header.is_some() && !payload.trim_ascii().is_empty() => Ok(Written::Header),
            0 => Err(Fault::at(payload.len(), "expected a line of CSV")),
            _ => Ok(Written::Records),
        }
    }

    fn records(&mut self, payload: &[u8], fields: &mut Vec<Field>, out: &mut Writer) -> Result<usize, Fault> {
        let separator = *self.separator.get_or_insert_with(|| separator_of(payload));
        // A line end may also stand inside quotes.
        let end = payload.trim_ascii_end().len();
        let lines = memchr::memchr(b'\n', payload.get(..end).unwrap_or_default()).is_some();
        let several = lines && record(payload, 0, separator, fields)? < end;
        let (mut at, mut written, open) = (0, 0, out.text().len());
        if several {
            out.byte(b'[');
        }
        while at < payload.len() {
            at = record(payload, at, separator, fields)?;
            if is_blank(payload, fields) || self.header.as_ref().is_some_and(|names| is_header(names, payload, fields))
            {
                continue;
            }
            if written > 0 {
                out.byte(b',');
            }
            self.object(payload, fields, at, out)?;
            written += 1;
        }
        // A header and one record are one record.
        match (several, written) {
            (false, _) => {}
            (true, 1) => out.blank(open),
            (true, _) => out.byte(b']'),
        }
        Ok(written)
    }

    fn object(&self, payload: &[u8], fields: &[Field], end: usize, out: &mut Writer) -> Result<(), Fault> {
        if let Some(header) = &self.header
            && header.len() != fields.len()
        {
            let extra = fields.get(header.len()).map_or(end.min(payload.len()), |field| field.at.start);
            return Err(Fault::at(extra, "this record has another number of fields than the header"));
        }
        out.byte(b'{');
        for (at, field) in fields.iter().enumerate() {
            if at > 0 {
                out.byte(b',');
            }
            match self.header.as_ref().and_then(|header| header.get(at)).filter(|name| !name.is_empty()) {
                Some(name) => out.string(name),
                None => out.string(at.to_string().as_bytes()),
            }
            out.byte(b':');
            self.value(field.text(payload), field.quoted, self.flags.get(at) == Some(&true), out);
        }
        out.byte(b'}');
        Ok(())
    }

    fn value(&self, text: &[u8], quoted: bool, flag: bool, out: &mut Writer) {
        if let Some((_, yes)) = states::pair(text).filter(|_| flag) {
            return out.flag(yes);
        }
        match numeral(text, self.separator != Some(b',')) {
            // Two quotes inside quotes are one.
            _ if quoted => out.string(&unquoted(text)),
            Numeral::Json => out.raw(text),
            Numeral::Other(value) => out.float(value),
            Numeral::Nothing => out.null(),
            Numeral::None => out.string(text),
        }
    }
}

enum Numeral {
    /// As JSON writes it.
    Json,
    /// A number that JSON writes otherwise.
    Other(f64),
    /// A word for no value.
    Nothing,
    None,
}

/// `comma`: it may stand for the point.
fn numeral(text: &[u8], comma: bool) -> Numeral {
    if number(text).is_some() {
        return Numeral::Json;
    }
    if ["", "nan", "na", "n/a", "null"].iter().any(|word| word.as_bytes().eq_ignore_ascii_case(text)) {
        return Numeral::Nothing;
    }
    let Ok(text) = std::str::from_utf8(text) else { return Numeral::None };
    let text = text.strip_prefix('+').unwrap_or(text);
    let digits = text.strip_prefix('-').unwrap_or(text);
    // A leading zero is that of an id.
    if digits.starts_with('0') && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit) {
        return Numeral::None;
    }
    let plain = digits.starts_with(|letter: char| letter.is_ascii_digit() || ".,".contains(letter));
    let with_point = if comma { text.replacen(',', ".", 1) } else { text.to_owned() };
    with_point.parse().ok().filter(|_| plain).map_or(Numeral::None, Numeral::Other)
}

impl Field {
    fn text<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        payload.get(self.at.clone()).unwrap_or_default()
    }
}

fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(byte);
        if byte == b'"' {
            bytes.next();
        }
    }
    plain
}

fn names(payload: &[u8], fields: &[Field]) -> Vec<Vec<u8>> {
    fields.iter().map(|field| field.name(payload)).collect()
}

impl Field {
    fn name(&self, payload: &[u8]) -> Vec<u8> {
        let text = self.text(payload);
        if self.quoted { unquoted(text) } else { text.to_vec() }
    }
}

fn is_header(names: &[Vec<u8>], payload: &[u8], fields: &[Field]) -> bool {
    // Most records differ in the first field.
    names.len() == fields.len() && names.iter().zip(fields).all(|(name, field)| *name == field.name(payload))
}

fn is_blank(payload: &[u8], fields: &[Field]) -> bool {
    matches!(fields, [only] if !only.quoted && only.text(payload).is_empty())
}

fn separator_of(line: &[u8]) -> u8 {
    let count = |separator: &u8| line.iter().filter(|byte| *byte == separator).count();
    // The first one of equals.
    SEPARATORS.into_iter().rev().max_by_key(count).unwrap_or(b',')
}

/// The fields of the record that starts at `at`, blanks around them cut off; the first byte behind it.
fn record(payload: &[u8], mut at: usize, separator: u8, fields: &mut Vec<Field>) -> Result<usize, Fault> {
    let blank =
        |at: usize| payload.get(at).is_some_and(|byte| *byte != separator && matches!(byte, b' ' | b'\t' | b'\r'));
    fields.clear();
    loop {
        if fields.len() >= MAX_COLUMNS {
            return Err(Fault::at(at, "more than 4096 columns"));
        }
        while blank(at) {
            at += 1;
        }
        let quoted = payload.get(at) == Some(&b'"');
        let start = at + usize::from(quoted);
        let mut end;
        if quoted {
            end = closing_quote(payload, start)?;
            at = end + 1;
            while blank(at) {
                at += 1;
            }
        } else {
            while payload.get(at).is_some_and(|byte| *byte != separator && *byte != b'\n') {
                at += 1;
            }
            end = at;
            while end > start && blank(end - 1) {
                end -= 1;
            }
        }
        fields.push(Field { at: start..end, quoted });
        match payload.get(at) {
            None => return Ok(at),
            Some(b'\n') => return Ok(at + 1),
            Some(byte) if *byte == separator => at += 1,
            Some(_) => return Err(Fault::at(at, "expected the end of the field behind its quotes")),
        }
    }
}

fn closing_quote(payload: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        match (payload.get(at), payload.get(at + 1)) {
            (None, _) => return Err(Fault::at(payload.len(), "the message ends inside quotes")),
            (Some(b'"'), Some(b'"')) => at += 2,
            (Some(b'"'), _) => return Ok(at),
            _ => at += 1,
        }
    }
}
