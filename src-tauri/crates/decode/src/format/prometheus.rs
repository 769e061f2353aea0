//! The text format of Prometheus 0.0.4, and what OpenMetrics 1.0 adds to it. A scrape is one message.
//!
//! ```text
//! # TYPE http_requests_total counter
//! http_requests_total{code="200"} 1027 1395066363000   ->   /http_requests_total, label:code = 200, counter
//! ```
//!
//! Counters are those of a `# TYPE` that says so, and `_sum` and `_count` of histograms and summaries; quantiles are
//! gauges. Left out are buckets of histograms (hundreds of series that say one thing together), `_created` times, `info`
//! and a NaN, which says that there is no value. A time behind a value is read in the unit that its magnitude tells.

use std::sync::Arc;

use feedwatch_model::{Message, SeriesKind, Value, Why};
use memchr::memchr;
use rustc_hash::FxHashMap;

use super::declared::{Declared, Said, Sheet, kind_of, segment, value};
use crate::catalogue::Series;
use crate::json::fault::Fault;
use crate::learn::hints;

/// Reads a scrape.
///
/// # Errors
/// The first byte that does not fit.
pub(crate) fn read(message: &Message, payload: &[u8], into: &mut Declared, sheet: &mut Sheet<'_>) -> Result<(), Fault> {
    let mut types: Option<Types<'_>> = None;
    let mut at = 0;
    while at < payload.len() {
        let end = line_end(payload, at);
        if let Some(sample) = sample(payload, at, end)? {
            let given = sample.value(payload)?;
            let head = part(payload, (sample.name.0, sample.labels.1));
            let says = || says(&sample, payload, types.get_or_insert_with(|| Types::of(payload)));
            let series = into.series(head, sheet, says);
            let time = Some(part(payload, sample.time)).filter(|text| !text.is_empty());
            let time = time.and_then(|text| into.time(text, message.received));
            if let Some(series) = series.filter(|_| !given.as_f64().is_nan()) {
                sheet.point(series, time, given);
            }
        }
        at = end + 1;
    }
    sheet.time_of_points();
    Ok(())
}

/// Whether a payload is a scrape with a sample in it.
pub(crate) fn fits(payload: &[u8]) -> bool {
    let (mut at, mut samples) = (0, 0);
    while at < payload.len() {
        let end = line_end(payload, at);
        match sample(payload, at, end) {
            Ok(Some(sample)) if sample.value(payload).is_ok() => samples += 1,
            Ok(None) => {}
            _ => return false,
        }
        at = end + 1;
    }
    samples > 0 && std::str::from_utf8(payload).is_ok()
}

fn line_end(payload: &[u8], at: usize) -> usize {
    memchr(b'\n', payload.get(at..).unwrap_or_default()).map_or(payload.len(), |length| at + length)
}

fn part(payload: &[u8], (from, to): (usize, usize)) -> &[u8] {
    payload.get(from..to).unwrap_or_default()
}

/// Where the parts of a sample stand.
struct Sample {
    name: (usize, usize),
    /// With their braces; empty where there are none.
    labels: (usize, usize),
    value: (usize, usize),
    time: (usize, usize),
}

impl Sample {
    fn value(&self, payload: &[u8]) -> Result<Value, Fault> {
        value(part(payload, self.value)).ok_or_else(|| Fault::at(self.value.0, "expected the value of a sample"))
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// The first byte at or behind `at` that is a blank, or that is none, or the end of the line.
fn next(line: &[u8], mut at: usize, blank: bool) -> usize {
    while line.get(at).is_some_and(|byte| is_blank(*byte) != blank) {
        at += 1;
    }
    at
}

/// The word behind `at` and the blanks there.
fn word(line: &[u8], at: usize) -> (usize, usize) {
    let from = next(line, at, false);
    (from, next(line, from, true))
}

/// The line from `at` to `end`; `None` if it is blank or a comment.
fn sample(payload: &[u8], at: usize, end: usize) -> Result<Option<Sample>, Fault> {
    let line = payload.get(..end).unwrap_or_default();
    let from = next(line, at, false);
    if matches!(line.get(from), None | Some(b'#')) {
        return Ok(None);
    }
    let mut behind = from;
    while line.get(behind).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')) {
        behind += 1;
    }
    if behind == from || line.get(from).is_some_and(u8::is_ascii_digit) {
        return Err(Fault::at(from, "expected the name of a metric"));
    }
    let open = next(line, behind, false);
    let labels = if line.get(open) == Some(&b'{') { (open, labels_end(line, open)?) } else { (behind, behind) };
    if labels.0 == labels.1 && open == behind {
        return Err(Fault::at(behind, "expected a value behind the name of a metric"));
    }
    let value = word(line, labels.1);
    let time = word(line, value.1);
    // An exemplar of OpenMetrics.
    let time = if line.get(time.0) == Some(&b'#') { (time.0, time.0) } else { time };
    if time.0 < time.1 && super::declared::value(part(line, time)).is_none() {
        return Err(Fault::at(time.0, "expected a time, or nothing"));
    }
    let rest = next(line, time.1, false);
    if !matches!(line.get(rest), None | Some(b'#')) {
        return Err(Fault::at(rest, "the sample goes on behind its time"));
    }
    Ok(Some(Sample { name: (from, behind), labels, value, time }))
}

/// From an opening brace to the byte behind the closing one.
fn labels_end(line: &[u8], open: usize) -> Result<usize, Fault> {
    let (mut at, mut quoted) = (open + 1, false);
    loop {
        match (line.get(at), quoted) {
            (None, _) => return Err(Fault::at(line.len(), "the labels have no end")),
            (Some(b'\\'), true) => at += 1,
            (Some(b'"'), _) => quoted = !quoted,
            (Some(b'}'), false) => return Ok(at + 1),
            _ => {}
        }
        at += 1;
    }
}

/// `name="value"` pairs inside their braces, escapes undone; `None` where they do not fit.
fn pairs(labels: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(labels).ok()?;
    let mut rest = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default().trim();
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (name, quoted) = rest.split_once('=')?;
        let inside = quoted.trim_start().strip_prefix('"')?;
        let mut value = String::new();
        let mut letters = inside.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match letters.next()?.1 {
                    'n' => '\n',
                    letter => letter,
                }),
                (_, letter) => value.push(letter),
            }
        };
        pairs.push((name.trim().to_owned(), value));
        rest = inside.get(end + 1..)?.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    pairs.sort();
    Some(pairs)
}

/// What `# TYPE` and `# UNIT` say.
struct Types<'a> {
    types: FxHashMap<&'a str, &'a str>,
    units: FxHashMap<&'a str, &'a str>,
}

impl<'a> Types<'a> {
    fn of(payload: &'a [u8]) -> Types<'a> {
        let mut said = Types { types: FxHashMap::default(), units: FxHashMap::default() };
        for line in payload.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"#")) {
            let mut words = std::str::from_utf8(line).unwrap_or_default().split_ascii_whitespace();
            let (Some("#"), Some(what), Some(name), Some(word)) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                continue;
            };
            match what {
                "TYPE" => said.types.insert(name, word),
                "UNIT" => said.units.insert(name, word),
                _ => None,
            };
        }
        said
    }

    /// The type of the family of a sample, the suffix of its name, and the family's unit.
    fn find<'n>(&self, name: &'n str) -> (&'a str, &'n str, Option<&'a str>) {
        const SUFFIXES: [&str; 8] = ["", "_total", "_sum", "_count", "_bucket", "_created", "_gsum", "_gcount"];
        let found = SUFFIXES.into_iter().find_map(|suffix| {
            let family = name.strip_suffix(suffix)?;
            let suffix = name.get(family.len()..)?;
            Some((*self.types.get(family)?, suffix, self.units.get(family).copied()))
        });
        found.unwrap_or(("untyped", "", None))
    }
}

fn says(sample: &Sample, payload: &[u8], types: &Types<'_>) -> Said {
    let name = std::str::from_utf8(part(payload, sample.name)).unwrap_or_default();
    let path = format!("/{}", segment(name));
    let Some(labels) = pairs(part(payload, sample.labels)) else { return Said::LeftOut(path, Why::Text) };
    let (kind, suffix, unit) = types.find(name);
    let kind = match (kind, suffix) {
        ("histogram" | "gaugehistogram", "_bucket") => return Said::LeftOut(path, Why::Limit),
        (_, "_created") => return Said::LeftOut(path, Why::Time),
        ("info", _) => return Said::LeftOut(path, Why::Constant),
        ("counter", _) | ("histogram" | "summary", "_sum" | "_count") => SeriesKind::Counter,
        ("untyped" | "unknown", _) => kind_of(name),
        _ => SeriesKind::Gauge,
    };
    let said: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let braces = if said.is_empty() { String::new() } else { format!("{{{}}}", said.join(",")) };
    let stem = name.strip_suffix("_total").or(name.strip_suffix("_sum")).unwrap_or(name);
    // How many there were has no unit.
    let unit = if suffix == "_count" { None } else { unit.or_else(|| hints::unit(stem)) };
    Said::Series(Series {
        name: format!("{name}{braces}").into(),
        path: path.into(),
        key: labels.into_iter().map(|(name, value)| (format!("label:{name}").into(), Arc::from(value))).collect(),
        unit: unit.map(Arc::from),
        kind,
    })
}
