//! Cutting the tables of one feed, or one of them, out of a text.
//!
//! A table reaches from its header to the end of the line of its last value; comments directly above the header go with
//! it, and so does one blank line. All else stays.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_edit::DocumentMut;

/// The text of a table that has a header.
pub(super) struct Section {
    pub(super) bytes: Range<usize>,
    /// Is it to be cut?
    pub(super) ours: bool,
}

/// The text without the tables at the end of `way` (`feed`, its name, …) and below; `None` where they are not written
/// as tables with headers.
pub(super) fn tables(text: &str, way: &[&str]) -> Option<String> {
    let (mark, text) = marked(text);
    let document = DeTable::parse(text).ok()?;
    Some(format!("{mark}{}", without(text, &sections(text, document.get_ref(), way)?)))
}

/// The mark of the byte order, and the text behind it.
pub(super) fn marked(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches('\u{FEFF}').len())
}

/// All tables with headers in their order; `None` where those at the end of `way` have none.
pub(super) fn sections(text: &str, root: &DeTable<'_>, way: &[&str]) -> Option<Vec<Section>> {
    let (first, rest) = way.split_first()?;
    let mut found = root.get(*first);
    for key in rest {
        found = found?.get_ref().as_table()?.get(*key);
    }
    if !stands_alone(text, found?) {
        return None;
    }
    let mut sections = vec![Section { bytes: 0..line_end(text, end_of_values(text, root)), ours: false }];
    collect_below(text, root, Some(way), &mut sections);
    sections.sort_by_key(|section| section.bytes.start);
    Some(sections)
}

/// The same through `toml_edit`, whatever form the feed has.
pub(super) fn through_toml_edit(text: &str, name: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    document.get_mut("feed")?.as_table_like_mut()?.remove(name)?;
    Some(document.to_string())
}

/// Does the table have a header of its own, or nothing but tables that have?
fn stands_alone(text: &str, value: &Spanned<DeValue<'_>>) -> bool {
    has_header(text, value)
        || value.get_ref().as_table().is_some_and(|table| {
            !text.get(value.span().start..).unwrap_or_default().starts_with('{')
                && table.iter().all(|(_, value)| stands_alone(text, value))
        })
}

/// Finds every table with a header. `cut` is what is left of the way to the tables that are to be cut: empty inside them.
fn collect(text: &str, value: &Spanned<DeValue<'_>>, cut: Option<&[&str]>, sections: &mut Vec<Section>) {
    match value.get_ref() {
        DeValue::Table(table) => {
            if has_header(text, value) {
                let end = end_of_values(text, table).max(value.span().end);
                let bytes = line_start(text, value.span().start)..line_end(text, end);
                sections.push(Section { bytes, ours: cut.is_some_and(<[&str]>::is_empty) });
            }
            collect_below(text, table, cut, sections);
        }
        DeValue::Array(array) => array.iter().for_each(|value| collect(text, value, cut, sections)),
        _ => {}
    }
}

fn collect_below(text: &str, table: &DeTable<'_>, cut: Option<&[&str]>, sections: &mut Vec<Section>) {
    for (key, value) in table.iter() {
        let below = match cut {
            Some([next, rest @ ..]) => (key.get_ref() == next).then_some(rest),
            other => other,
        };
        collect(text, value, below, sections);
    }
}

/// Is it a table whose span is its header's? (Of an inline table it is the braces, of a dotted one the key.)
pub(super) fn has_header(text: &str, value: &Spanned<DeValue<'_>>) -> bool {
    value.get_ref().is_table() && text.get(value.span().start..).is_some_and(|rest| rest.starts_with('['))
}

/// Where the last value ends that stands in the table's own text; 0 where it has none.
pub(super) fn end_of_values(text: &str, table: &DeTable<'_>) -> usize {
    let end = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Table(_) if has_header(text, value) => 0,
        DeValue::Table(inner) if !text.get(value.span().start..).is_some_and(|rest| rest.starts_with('{')) => {
            end_of_values(text, inner)
        }
        DeValue::Array(array) if array.iter().next().is_some_and(|first| has_header(text, first)) => 0,
        _ => value.span().end,
    };
    table.iter().map(|(_, value)| end(value)).max().unwrap_or(0)
}

/// Leaves out what is ours, neighbours as one piece.
fn without(text: &str, sections: &[Section]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    let mut floor = 0;
    for group in sections.chunk_by(|a, b| a.ours == b.ours) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        if first.ours {
            let piece = with_surroundings(text, first.bytes.start..last.bytes.end, floor);
            kept.push_str(text.get(from..piece.start).unwrap_or_default());
            from = piece.end;
        }
        floor = last.bytes.end;
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    kept
}

/// A piece with the comments directly above it and one blank line, reaching back no further than `floor`.
fn with_surroundings(text: &str, piece: Range<usize>, floor: usize) -> Range<usize> {
    let Range { mut start, mut end } = piece;
    while let Some(above) = line_above(text, start, floor).filter(|&above| line(text, above).starts_with('#')) {
        start = above;
    }
    match line_above(text, start, floor) {
        Some(above) if line(text, above).is_empty() => start = above,
        Some(_) => {}
        None if start == 0 && end < text.len() && line(text, end).is_empty() => end = line_end(text, end),
        None => {}
    }
    start..end
}

/// Where the line above the one that begins at `start` begins.
fn line_above(text: &str, start: usize, floor: usize) -> Option<usize> {
    (start > floor).then(|| line_start(text, start - 1)).filter(|&above| above >= floor)
}

/// The line that begins at `start`, without white space around it.
fn line(text: &str, start: usize) -> &str {
    text.get(start..line_end(text, start)).unwrap_or_default().trim()
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Behind the line end that ends the line of `at`; `at` itself where it is the start of the text.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| at + newline + 1)
}
