//! InfluxDB's line protocol (<https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>): one or many lines a
//! message.
//!
//! ```text
//! cpu,host=a usage=0.64,cores=8i 1556813561098000000   ->   /cpu/usage and /cpu/cores, tag:host = a
//! ```
//!
//! Texts are left out. A time is read in the unit that its magnitude tells, whatever the precision of the writer. Limit: a
//! quote in a measurement or a tag is taken for the beginning of a text.

use std::sync::Arc;

use feedwatch_model::{Message, SeriesKind, Time, Value, Why};

use super::declared::{Declared, Said, Sheet, kind_of, segment, value};
use crate::catalogue::Series;
use crate::json::fault::Fault;
use crate::json::number::number;
use crate::learn::hints;

/// A buffer that is kept from message to message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Influx {
    head: Vec<u8>,
}

/// What a field holds.
enum Held {
    Value(Value),
    Text,
}

impl Influx {
    /// Reads the lines of a message.
    ///
    /// # Errors
    /// The first byte that does not fit.
    pub(crate) fn read(
        &mut self,
        message: &Message,
        payload: &[u8],
        into: &mut Declared,
        sheet: &mut Sheet<'_>,
    ) -> Result<(), Fault> {
        lines(payload, |line| {
            let time = line.time(payload).and_then(|text| into.time(text, message.received));
            self.line(payload, line, time, into, sheet)
        })?;
        sheet.time_of_points();
        Ok(())
    }

    fn line(
        &mut self,
        payload: &[u8],
        line: &Line,
        time: Option<Time>,
        into: &mut Declared,
        sheet: &mut Sheet<'_>,
    ) -> Result<(), Fault> {
        fields(payload, line, |name, held| {
            self.head.clear();
            self.head.extend_from_slice(line.set(payload));
            // No name holds a line end.
            self.head.push(b'\n');
            self.head.extend_from_slice(name);
            let Held::Value(value) = held else {
                return into.leave_out(path(line.set(payload), name), Why::Text);
            };
            let series = into.series(&self.head, sheet, || says(line.set(payload), name, value));
            if let Some(series) = series.filter(|_| !value.as_f64().is_nan()) {
                sheet.point(series, time, value);
            }
        })
    }
}

/// Whether a payload is lines of this protocol, and of nothing that only looks so.
pub(crate) fn fits(payload: &[u8]) -> bool {
    let mut count = 0;
    let read = lines(payload, |line| {
        count += 1;
        if split(line.set(payload), b',').next().unwrap_or_default().contains(&b'=') {
            return Err(Fault::at(line.start, "a measurement with =: these are pairs of another format"));
        }
        fields(payload, line, |_, _| {})
    });
    read.is_ok() && count > 0 && std::str::from_utf8(payload).is_ok()
}

/// Where the parts of a line stand.
struct Line {
    start: usize,
    /// Behind measurement and tags.
    set: usize,
    /// The fields.
    fields: (usize, usize),
    end: usize,
}

impl Line {
    /// Measurement and tags.
    fn set<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        payload.get(self.start..self.set).unwrap_or_default()
    }

    fn time<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        payload.get(self.fields.1..self.end).map(<[u8]>::trim_ascii).filter(|text| !text.is_empty())
    }
}

/// The first `stop` at or behind `at` that is neither escaped nor, with `quotes`, inside quotes; or `end`.
fn find(payload: &[u8], mut at: usize, end: usize, stop: u8, quotes: bool) -> usize {
    let mut quoted = false;
    while at < end {
        match payload.get(at) {
            Some(b'\\') => at += 1,
            Some(b'"') if quotes => quoted = !quoted,
            Some(byte) if *byte == stop && !quoted => return at,
            _ => {}
        }
        at += 1;
    }
    end
}

fn lines(payload: &[u8], mut each: impl FnMut(&Line) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut at = 0;
    while at < payload.len() {
        let is_comment = payload.get(at) == Some(&b'#');
        // A text may hold a line end.
        let end = find(payload, at, payload.len(), b'\n', !is_comment);
        let text = payload.get(at..end).unwrap_or_default();
        let start = at + (text.len() - text.trim_ascii_start().len());
        let stop = at + text.trim_ascii_end().len();
        if start < stop && !is_comment {
            each(&line(payload, start, stop)?)?;
        }
        at = end + 1;
    }
    Ok(())
}

fn line(payload: &[u8], start: usize, end: usize) -> Result<Line, Fault> {
    let set = find(payload, start, end, b' ', false);
    let from = (set + 1).min(end);
    let behind = find(payload, from, end, b' ', true);
    if from >= behind {
        return Err(Fault::at(from, "expected fields behind the measurement"));
    }
    let line = Line { start, set, fields: (from, behind), end };
    let time = line.time(payload).unwrap_or(b"0");
    if number(time).is_none_or(|time| matches!(time, Value::F64(_))) {
        return Err(Fault::at(behind + 1, "expected a time in whole numbers"));
    }
    Ok(line)
}

fn fields(payload: &[u8], line: &Line, mut each: impl FnMut(&[u8], Held)) -> Result<(), Fault> {
    let (mut at, end) = line.fields;
    while at < end {
        let equals = find(payload, at, end, b'=', false);
        let stop = find(payload, equals, end, b',', true);
        let name = payload.get(at..equals).unwrap_or_default();
        if name.is_empty() || equals >= end {
            return Err(Fault::at(at, "expected a field: name=value"));
        }
        let held = held(payload.get(equals + 1..stop).unwrap_or_default());
        let wrong = || Fault::at(equals + 1, "expected a number, a text in quotes, or true or false");
        each(name, held.ok_or_else(wrong)?);
        at = stop + 1;
    }
    Ok(())
}

fn held(text: &[u8]) -> Option<Held> {
    Some(match text {
        [b'"', .., b'"'] => Held::Text,
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Held::Value(Value::Bool(true)),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Held::Value(Value::Bool(false)),
        [digits @ .., b'i' | b'u'] => {
            let digits = std::str::from_utf8(digits).ok()?;
            let signed = digits.parse().map(Value::I64);
            Held::Value(signed.or_else(|_| digits.parse().map(Value::U64)).ok()?)
        }
        // Without the suffix a whole number is a float too.
        [b'-' | b'+' | b'.' | b'0'..=b'9', ..] => Held::Value(Value::F64(value(text)?.as_f64())),
        _ => return None,
    })
}

/// The parts of `text` between unescaped `by`.
fn split(text: &[u8], by: u8) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let end = find(rest, 0, rest.len(), by, false);
        at += end + 1;
        rest.get(..end)
    })
}

fn unescaped(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut plain = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some(',' | '=' | ' ' | '\\' | '"')) => plain.extend(letters.next()),
            _ => plain.push(letter),
        }
    }
    plain
}

fn path(set: &[u8], name: &[u8]) -> String {
    let measurement = unescaped(split(set, b',').next().unwrap_or_default());
    format!("/{}/{}", segment(&measurement), segment(&unescaped(name)))
}

fn says(set: &[u8], name: &[u8], value: Value) -> Said {
    let mut parts = split(set, b',');
    let measurement = unescaped(parts.next().unwrap_or_default());
    let field = unescaped(name);
    let mut tags: Vec<(String, String)> = parts
        .filter_map(|tag| {
            let equals = find(tag, 0, tag.len(), b'=', false);
            Some((unescaped(tag.get(..equals)?), unescaped(tag.get(equals + 1..)?)))
        })
        .collect();
    tags.sort();
    let mut words: Vec<&str> = tags.iter().map(|(_, value)| value.as_str()).collect();
    words.extend([measurement.as_str(), field.as_str()]);
    Said::Series(Series {
        name: words.join(".").into(),
        path: path(set, name).into(),
        kind: if matches!(value, Value::Bool(_)) { SeriesKind::Boolean } else { kind_of(&field) },
        unit: hints::unit(&field).map(Arc::from),
        key: tags.into_iter().map(|(name, value)| (format!("tag:{name}").into(), Arc::from(value))).collect(),
    })
}
