//! How the records of a feed are written, from its first messages.

use super::super::states;
use super::{Csv, Numeral, SEPARATORS, is_blank, numeral, record};
use crate::stamp;

/// So many records of a message tell how all are written.
const RECORDS: usize = 64;

type Record = Vec<Vec<u8>>;

/// What a separator makes of the first messages.
struct Candidate {
    separator: u8,
    /// Messages all of whose records have `columns` fields.
    fit: usize,
    columns: usize,
    /// Without the header.
    records: usize,
    header: Option<Record>,
    seen: Vec<Column>,
    /// The header stood beside the messages.
    given: bool,
}

#[derive(Clone, Debug, Default)]
struct Column {
    told: usize,
    numbers: usize,
    times: usize,
    pair: Option<usize>,
    paired: usize,
}

impl Csv {
    /// How the records of `messages` are written, if nearly all of them are CSV. With `pinned` they are, whatever they
    /// look like. `header`: what stands beside them.
    pub(crate) fn of(messages: &[&[u8]], header: Option<&[u8]>, pinned: bool) -> Option<Csv> {
        let candidates = SEPARATORS.into_iter().filter_map(|separator| Candidate::of(separator, messages, header));
        let even = |candidate: &Candidate| candidate.columns >= 2 && candidate.fit * 10 >= messages.len() * 9;
        let even = candidates.filter(|candidate| even(candidate) && (pinned || candidate.is_telling()));
        // The one that makes the most columns; of equals the first.
        let best = even.min_by_key(|candidate| std::cmp::Reverse((candidate.columns, candidate.fit)));
        // One column is CSV only where somebody says so.
        let lone = || Candidate::of(b',', messages, header).filter(|_| pinned);
        best.or_else(lone).map(Candidate::into_csv)
    }
}

/// The records of a message, if it is CSV at all.
fn records(message: &[u8], separator: u8) -> Option<Vec<Record>> {
    std::str::from_utf8(message).ok()?;
    let (mut records, mut fields, mut at) = (Vec::new(), Vec::new(), 0);
    while at < message.len() && records.len() < RECORDS {
        at = record(message, at, separator, &mut fields).ok()?;
        if !is_blank(message, &fields) {
            records.push(super::names(message, &fields));
        }
    }
    Some(records).filter(|records| !records.is_empty())
}

impl Candidate {
    fn of(separator: u8, messages: &[&[u8]], header: Option<&[u8]>) -> Option<Candidate> {
        let mut all: Vec<Vec<Record>> = messages.iter().filter_map(|message| records(message, separator)).collect();
        let beside = header.and_then(|header| records(header, separator));
        let first = beside.as_ref().or(all.first())?.first()?.clone();
        let columns = first.len();
        all.retain(|records| records.iter().all(|record| record.len() == columns));
        let rows = || all.iter().flatten();
        let given = beside.is_some();
        // A header has nothing but names, which nothing else has.
        let names = |record: &Record| record.iter().all(|text| is_name(text));
        let named = names(&first) && rows().all(|row| *row == first || !names(row));
        let header = (given || named).then(|| first.clone());
        let mut seen = vec![Column::default(); columns];
        let mut counted = 0;
        for row in rows().filter(|row| header.is_none() || **row != first) {
            counted += 1;
            for (column, text) in seen.iter_mut().zip(row) {
                column.add(text, separator != b',');
            }
        }
        Some(Candidate { separator, fit: all.len(), columns, records: counted, header, seen, given })
    }

    /// Whether there is more to it than commas in a text: a header alone, or a column of numbers beside a header, a time
    /// or as many other numbers; and no NMEA, whose sentences look alike.
    fn is_telling(&self) -> bool {
        if self.given || self.records == 0 {
            return self.header.is_some();
        }
        let numbers =
            self.seen.iter().filter(|column| column.told > 0 && column.numbers * 10 >= column.told * 9).count();
        let timed = self.seen.iter().any(|column| column.told > 0 && column.times == column.told);
        numbers > 0 && (self.header.is_some() || timed || numbers * 2 >= self.columns)
    }

    fn into_csv(self) -> Csv {
        let flags = self.seen.iter().map(|column| column.told > 0 && column.paired == column.told).collect();
        Csv { separator: Some(self.separator), header: self.header, flags, fields: Vec::new() }
    }
}

impl Column {
    fn add(&mut self, text: &[u8], comma: bool) {
        let numeral = numeral(text, comma);
        if matches!(numeral, Numeral::Nothing) {
            return;
        }
        self.told += 1;
        self.numbers += usize::from(matches!(numeral, Numeral::Json | Numeral::Other(_)));
        self.times += usize::from(stamp::rfc3339(text).is_some() || stamp::is_local(text));
        if let Some((pair, _)) = states::pair(text) {
            self.paired += usize::from(*self.pair.get_or_insert(pair) == pair);
        }
    }
}

/// Whether a text can be the name of a column.
fn is_name(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let begins = text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
    let short = text.len() <= 64 && text.split_ascii_whitespace().count() <= 4;
    let is_value =
        states::pair(text.as_bytes()).is_some() || matches!(numeral(text.as_bytes(), false), Numeral::Nothing);
    begins && short && !is_value && !text.contains(['{', '=', '"', '!', '?', '\n'])
}
