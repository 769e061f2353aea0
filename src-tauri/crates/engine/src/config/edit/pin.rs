//! The table `[feed.NAME.profile]`, changed key by key.
//!
//! A key that says the same stays as it is written. The value of another one is exchanged; of a list over several lines
//! the elements that stay keep their lines and comments. A new key stands behind the last one, a new table behind the
//! feed's other tables; a key that goes takes its own lines with it, and comments above it stay.

use std::ops::Range;

use feedwatch_decode::Pins;
use toml::de::DeTable;
use toml_edit::{Array, DocumentMut, InlineTable, Value};

use super::super::profile::lines;
use super::super::read::bare;
use super::cut::{self, end_of_values, has_header, line_end, line_start};

/// The text with other pins; `None` where the feed, or its profile, is not written as tables with headers.
pub(super) fn spliced(text: &str, name: &str, before: &Pins, pins: &Pins) -> Option<String> {
    let way = ["feed", name, "profile"];
    if pins.is_empty() {
        return cut::tables(text, &way);
    }
    let (mark, text) = cut::marked(text);
    let document = DeTable::parse(text).ok()?;
    let feed = document.get_ref().get("feed")?.get_ref().as_table()?.get(name)?;
    let line_feed = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let edits = match feed.get_ref().as_table()?.get("profile") {
        None => {
            let sections = cut::sections(text, document.get_ref(), &["feed", name])?;
            let end = sections.iter().filter(|section| section.ours).map(|section| section.bytes.end).max()?;
            let mut table = vec![format!("[feed.{}.profile]", bare(name))];
            table.extend(lines(pins).map(|(key, value)| format!("{key} = {value}")));
            vec![(end..end, behind(text, end, &table, line_feed))]
        }
        Some(profile) if has_header(text, profile) => {
            let table = profile.get_ref().as_table()?;
            let end = line_end(text, end_of_values(text, table).max(profile.span().end));
            keys(text, table, end, before, pins, line_feed)
        }
        Some(_) => return None,
    };
    Some(format!("{mark}{}", replaced(text, edits)?))
}

/// The changes of the keys of a table that ends at `end`.
fn keys(
    text: &str,
    table: &DeTable<'_>,
    end: usize,
    before: &Pins,
    pins: &Pins,
    line_feed: &str,
) -> Vec<(Range<usize>, String)> {
    let mut edits = Vec::new();
    let mut new = Vec::new();
    for (key, value) in lines(pins) {
        let same = lines(before).any(|(other, old)| other == key && old.to_string() == value.to_string());
        match table.get_key_value(key) {
            Some(_) if same => {}
            Some((_, old)) => {
                let written = text.get(old.span()).unwrap_or_default();
                edits.push((old.span(), merged(written, &value, line_feed).unwrap_or_else(|| value.to_string())));
            }
            None => new.push(format!("{key} = {value}")),
        }
    }
    for (key, value) in table.iter() {
        if !lines(pins).any(|(stays, _)| stays == key.get_ref()) {
            edits.push((line_start(text, key.span().start)..line_end(text, value.span().end), String::new()));
        }
    }
    if !new.is_empty() {
        edits.push((end..end, behind(text, end, &new, line_feed)));
    }
    edits
}

/// Lines that stand at `at`, each with its end.
fn behind(text: &str, at: usize, lines: &[String], line_feed: &str) -> String {
    let open = text.get(..at).is_some_and(|before| !before.is_empty() && !before.ends_with('\n'));
    let lines = lines.iter().map(|line| format!("{line}{line_feed}"));
    std::iter::once(if open { line_feed.to_owned() } else { String::new() }).chain(lines).collect()
}

/// A list over several lines with other elements: those that stay keep their lines and comments.
fn merged(written: &str, new: &Array, line_feed: &str) -> Option<String> {
    if !written.contains('\n') {
        return None;
    }
    let old: Value = written.parse().ok()?;
    let old = old.as_array()?;
    let plain = |value: &Value| value.clone().decorated("", "").to_string();
    let stays = |value: &Value| new.iter().any(|one| plain(one) == plain(value));
    let first = old.get(0).and_then(|value| value.decor().prefix()?.as_str());
    let indent = first.and_then(|prefix| prefix.rsplit('\n').next()).filter(|indent| indent.trim().is_empty());
    let usual = format!("{line_feed}{}", indent.unwrap_or("    "));
    let mut list = Array::new();
    for (place, value) in new.iter().enumerate() {
        let kept = old.iter().find(|known| plain(known) == plain(value));
        let in_place = || old.get(place).filter(|known| !stays(known));
        match (kept, in_place()) {
            (Some(known), _) => list.push_formatted(known.clone()),
            (None, Some(known)) => {
                let mut value = value.clone();
                *value.decor_mut() = known.decor().clone();
                list.push_formatted(value);
            }
            (None, None) => list.push_formatted(value.clone().decorated(&usual, "")),
        }
    }
    list.set_trailing(old.trailing().clone());
    list.set_trailing_comma(old.trailing_comma());
    Some(list.to_string())
}

/// The text with pieces exchanged, none of which overlaps another.
fn replaced(text: &str, mut edits: Vec<(Range<usize>, String)>) -> Option<String> {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (range, new) in edits {
        out.push_str(text.get(from..range.start)?);
        out.push_str(&new);
        from = range.end;
    }
    out.push_str(text.get(from..)?);
    Some(out)
}

/// The same through `toml_edit`, whatever form the feed has: the profile becomes an inline table.
pub(super) fn through_toml_edit(text: &str, name: &str, pins: &Pins) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let feed = document.get_mut("feed")?.as_table_like_mut()?.get_mut(name)?.as_table_like_mut()?;
    feed.remove("profile");
    if !pins.is_empty() {
        let table: InlineTable = lines(pins).map(|(key, value)| (key, Value::Array(value))).collect();
        feed.insert("profile", toml_edit::value(table));
    }
    Some(document.to_string())
}
