//! The header of a CSV, and the time in its records.

use std::sync::Arc;

use feedwatch_model::Time;
use serde_json::Value;

use super::envelope;

/// The first line, if it is a header.
#[derive(Debug, Default)]
pub(crate) struct Header {
    line: Option<Arc<str>>,
    /// The column that tells when a record was received.
    time: Option<usize>,
    separator: char,
}

impl Header {
    /// A header has no number.
    pub(crate) fn of(line: &[u8]) -> Header {
        let Ok(line) = std::str::from_utf8(line) else { return Header::default() };
        let count = |separator: &char| line.matches(*separator).count();
        let separator = ['|', '\t', ';', ','].into_iter().max_by_key(count).unwrap_or(',');
        if fields(line, separator).any(|field| field.parse::<f64>().is_ok()) {
            return Header::default();
        }
        let names = ["timestamp", "time"];
        let time =
            names.iter().find_map(|name| fields(line, separator).position(|field| field.eq_ignore_ascii_case(name)));
        Header { line: Some(line.into()), time, separator }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.line.is_some()
    }

    pub(crate) fn line(&self) -> Option<Arc<str>> {
        self.line.clone()
    }

    /// When a record says that it was received.
    pub(crate) fn time(&self, record: &[u8]) -> Option<Time> {
        let record = std::str::from_utf8(record).ok()?;
        let field = fields(record, self.separator).nth(self.time?)?;
        envelope::time(&Value::String(field.to_owned()))
    }
}

/// The fields of a line. That a separator may stand inside quotes does not matter to a name or a time before it.
fn fields(line: &str, separator: char) -> impl Iterator<Item = &str> {
    line.split(separator).map(|field| field.trim().trim_matches('"'))
}
