//! Walking TOML tables with their spans: a [`Table`] knows which keys were asked for and complains about the others; a
//! [`Field`] reads a value or says what it should have been.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Source};
use super::units::{UnitError, duration, duration_text, size, size_text};

/// Collects the problems of one file.
pub(super) struct Walk<'a> {
    pub(super) source: &'a Source<'a>,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(source: &'a Source<'a>) -> Walk<'a> {
        Walk { source, problems: Vec::new() }
    }

    /// Notes a problem. `None` for a cure where there is none to give.
    pub(super) fn say(&mut self, at: Range<usize>, message: impl Into<String>, cure: Option<String>) {
        if self.problems.len() < super::MAX_PROBLEMS {
            self.problems.push(self.source.problem(at, None, message.into(), cure));
        }
    }

    /// Notes a problem about a value that may be a secret: the excerpt hides it.
    pub(super) fn say_secret(&mut self, at: Range<usize>, message: impl Into<String>, cure: Option<String>) {
        if self.problems.len() < super::MAX_PROBLEMS {
            self.problems.push(self.source.problem(at.clone(), Some(&at), message.into(), cure));
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// A table being read. [`Table::finish`] complains about the keys nobody asked for.
pub(super) struct Table<'a> {
    table: &'a DeTable<'a>,
    /// Where the table itself is meant: its key or header.
    pub(super) at: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(super) fn new(table: &'a DeTable<'a>, at: Range<usize>) -> Table<'a> {
        Table { table, at, asked: Vec::new() }
    }

    /// The value of a key, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.asked.push(key);
        let (found, value) = self.table.get_key_value(key)?;
        Some(Field { key, key_at: found.span(), value })
    }

    /// Is there a key that was meant to be this one? It is told as an unknown key, with the cure.
    pub(super) fn has_misspelt(&self, key: &'static str) -> bool {
        self.table.iter().any(|(name, _)| likeness(name.get_ref(), key) >= LIKE)
    }

    /// Every key with its value, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(&'a str, Field<'a>)> {
        let mut entries: Vec<(&str, Field<'_>)> = self
            .table
            .iter()
            .map(|(key, value)| {
                let name: &str = key.get_ref();
                (name, Field { key: name, key_at: key.span(), value })
            })
            .collect();
        entries.sort_by_key(|(_, field)| field.key_at.start);
        entries
    }

    /// Complains about each key that was not asked for. `cure` may know better than the nearest known key.
    pub(super) fn finish(self, walk: &mut Walk<'_>, cure: impl Fn(&Field<'_>) -> Option<String>) {
        for (name, field) in self.entries() {
            if self.asked.contains(&name) {
                continue;
            }
            let cure = cure(&field).or_else(|| nearest(name, &self.asked));
            walk.say(field.key_at, format!("unknown key {}", quoted(name)), cure);
        }
    }
}

/// From this likeness on, one word is taken for another misspelt.
pub(super) const LIKE: f64 = 0.5;

/// How much a word is like a known one: 1 for the same, 0 for nothing in common.
pub(super) fn likeness(word: &str, known: &str) -> f64 {
    // A long word would cost quadratic time and is like none of ours.
    if word.len() > 40 {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(&word.to_lowercase(), known)
}

/// What to offer for an unknown word.
fn nearest(word: &str, known: &[&'static str]) -> Option<String> {
    let best = known.iter().max_by(|a, b| likeness(word, a).total_cmp(&likeness(word, b)))?;
    if likeness(word, best) >= LIKE {
        return Some(format!("did you mean {best:?}?"));
    }
    let words: Vec<String> = known.iter().map(|word| format!("{word:?}")).collect();
    Some(format!("known here: {}", words.join(", ")))
}

/// A text of the file inside a message: quoted, escaped, not too long.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(LONGEST).collect();
    format!("{head:?}...")
}

/// A key with its value.
pub(super) struct Field<'a> {
    pub(super) key: &'a str,
    pub(super) key_at: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Field<'a> {
    /// Where the value stands.
    pub(super) fn at(&self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn value(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&'a str> {
        self.value().as_str()
    }

    pub(super) fn as_table(&self) -> Option<Table<'a>> {
        self.value().as_table().map(|table| Table::new(table, self.key_at.clone()))
    }

    fn wrong(&self, walk: &mut Walk<'_>, should: &str, example: &str) {
        let is = a_type(self.value());
        walk.say(
            self.at(),
            format!("{:?} should be {should}, but is {is}", self.key),
            Some(format!("write {example}")),
        );
    }

    pub(super) fn text(&self, walk: &mut Walk<'_>) -> Option<&'a str> {
        let text = self.as_text();
        if text.is_none() {
            self.wrong(walk, "a text", &format!("{} = \"...\"", self.key));
        }
        text
    }

    pub(super) fn flag(&self, walk: &mut Walk<'_>) -> Option<bool> {
        let flag = self.value().as_bool();
        if flag.is_none() {
            self.wrong(walk, "true or false", &format!("{} = true", self.key));
        }
        flag
    }

    pub(super) fn texts(&self, walk: &mut Walk<'_>) -> Option<Vec<(&'a str, Range<usize>)>> {
        let example = format!("{} = [\"...\"]", self.key);
        let Some(array) = self.value().as_array() else {
            self.wrong(walk, "a list of texts", &example);
            return None;
        };
        let mut texts = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push((text, item.span())),
                None => {
                    let is = a_type(item.get_ref());
                    let message = format!("{:?} should be a list of texts, but this is {is}", self.key);
                    walk.say(item.span(), message, Some(format!("write {example}")));
                }
            }
        }
        Some(texts)
    }

    /// The items of a list, each with this key; `should` and `example` say what it is a list of.
    pub(super) fn items(&self, walk: &mut Walk<'_>, should: &str, example: &str) -> Option<Vec<Field<'a>>> {
        let Some(array) = self.value().as_array() else {
            self.wrong(walk, should, example);
            return None;
        };
        Some(array.iter().map(|value| Field { key: self.key, key_at: value.span(), value }).collect())
    }

    pub(super) fn table(&self, walk: &mut Walk<'_>) -> Option<Table<'a>> {
        let table = self.as_table();
        if table.is_none() {
            self.wrong(walk, "a table", &format!("{} = {{ ... }}", self.key));
        }
        table
    }

    /// A whole number within a range; `usual` is what the cure shows.
    pub(super) fn count(&self, walk: &mut Walk<'_>, range: RangeInclusive<u64>, usual: u64) -> Option<u64> {
        let Some(integer) = self.value().as_integer() else {
            self.wrong(walk, "a whole number", &format!("{} = {usual}", self.key));
            return None;
        };
        let count = u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|count| range.contains(count));
        if count.is_none() {
            let (low, high) = range.into_inner();
            let cure = format!("write {} = {usual}", self.key);
            walk.say(self.at(), format!("{:?} must lie between {low} and {high}", self.key), Some(cure));
        }
        count
    }

    /// A finite number.
    pub(super) fn number(&self, walk: &mut Walk<'_>) -> Option<f64> {
        let number = match self.value() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().replace('_', "").parse().ok(),
            DeValue::Float(number) => number.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        let finite = number.filter(|number: &f64| number.is_finite());
        if finite.is_none() {
            self.wrong(walk, "a number", &format!("{} = 1.5", self.key));
        }
        finite
    }

    /// A size in bytes within a range.
    pub(super) fn size(&self, walk: &mut Walk<'_>, range: RangeInclusive<u64>) -> Option<u64> {
        self.united(walk, &SIZE, range)
    }

    /// A duration within a range.
    pub(super) fn duration(&self, walk: &mut Walk<'_>, range: RangeInclusive<Duration>) -> Option<Duration> {
        self.united(walk, &DURATION, range)
    }

    fn united<T: PartialOrd + Copy>(&self, walk: &mut Walk<'_>, form: &Form<T>, range: RangeInclusive<T>) -> Option<T> {
        let unit = |number: &str| {
            let with_unit = quoted(&format!("{}{}", number.trim(), form.usual));
            Some(format!("add a unit: {} = {with_unit}", self.key))
        };
        let text = match self.value() {
            DeValue::String(text) => text,
            DeValue::Integer(number) => {
                walk.say(self.at(), format!("{:?} has no unit", self.key), unit(&number.to_string()));
                return None;
            }
            other => {
                let message = format!("{:?} should be {}, but is {}", self.key, form.name, a_type(other));
                walk.say(self.at(), message, Some(form.cure.into()));
                return None;
            }
        };
        match (form.read)(text) {
            Ok(value) if range.contains(&value) => return Some(value),
            Ok(_) => {
                let (low, high) = ((form.write)(*range.start()), (form.write)(*range.end()));
                walk.say(self.at(), format!("{:?} must lie between {low} and {high}", self.key), None);
            }
            Err(UnitError::NoUnit) => {
                walk.say(self.at(), format!("{} has no unit", quoted(text)), unit(text));
            }
            Err(error) => walk.say(self.at(), format!("{} {error}", quoted(text)), Some(form.cure.into())),
        }
        None
    }
}

/// How a number with a unit is written.
struct Form<T> {
    name: &'static str,
    cure: &'static str,
    /// The unit a bare number most likely lacks.
    usual: &'static str,
    read: fn(&str) -> Result<T, UnitError>,
    write: fn(T) -> String,
}

const SIZE: Form<u64> = Form {
    name: "a size with its unit",
    cure: "write it like \"64MiB\" or \"500kB\"",
    usual: "MiB",
    read: size,
    write: size_text,
};

const DURATION: Form<Duration> = Form {
    name: "a duration with its unit",
    cure: "write it like \"250ms\", \"10s\" or \"1h30m\"",
    usual: "s",
    read: duration,
    write: duration_text,
};

/// The type of a value, for people.
pub(super) fn a_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
