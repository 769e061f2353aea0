//! What is wrong with a configuration file, where, and what cures it.
//!
//! Written like a compiler would:
//!
//! ```text
//! feeds.toml:7:1: unknown key "ulr"
//! 7 | ulr = "wss://example/feed"
//!   | ^^^
//!   help: did you mean "url"?
//! ```
//!
//! Limits: an excerpt shows at most [`EXCERPT_CHARS`] characters of its line, control characters replaced; a value that
//! may be a secret is hidden in it. Columns count characters, not the cells a terminal gives them.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// How many characters of a line an excerpt shows.
pub const EXCERPT_CHARS: usize = 120;
/// How many problems are kept; a file with more is not a configuration.
pub const MAX_PROBLEMS: usize = 100;

/// One thing that is wrong with a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named by whoever asked.
    pub file: PathBuf,
    /// The line, from 1; `None` where it is about the file as a whole.
    pub line: Option<usize>,
    /// The column in characters, from 1; `None` where it is about the file as a whole.
    pub column: Option<usize>,
    /// What is wrong: `unknown key "ulr"`.
    pub message: String,
    /// What would cure it: `did you mean "url"?`.
    pub cure: Option<String>,
    /// The line itself.
    #[serde(skip)]
    pub excerpt: Option<Excerpt>,
}

/// A source line with the place that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, or the part of it around the place.
    pub text: String,
    /// Characters in `text` before the place.
    pub before: usize,
    /// How many characters are meant, at least 1.
    pub length: usize,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn of_file(file: &Path, message: String, cure: Option<String>) -> Problem {
        Problem { file: file.to_owned(), line: None, column: None, message, cure, excerpt: None }
    }

    /// What is wrong and its cure, each as a sentence: for a person who does not look at a file.
    pub(crate) fn sentences(&self) -> (String, String) {
        sentences(&self.message, self.cure.as_deref().unwrap_or_default())
    }
}

/// A message and a cure, each as a sentence.
pub(crate) fn sentences(message: &str, cure: &str) -> (String, String) {
    (sentence(message), if cure.is_empty() { String::new() } else { sentence(cure) })
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}", self.file.display())?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(f, ":{line}:{column}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        let mut gutter = 0;
        if let (Some(line), Some(excerpt)) = (self.line, &self.excerpt) {
            let number = line.to_string();
            gutter = number.len();
            let Excerpt { text, before, length } = excerpt;
            write!(f, "\n{number} | {text}\n{:gutter$} | {:before$}{:^<length$}", "", "", "")?;
        }
        match &self.cure {
            Some(cure) => write!(f, "\n{:gutter$} help: {cure}", ""),
            None => Ok(()),
        }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    first.chain(letters).chain(end.chars()).collect()
}

/// Everything that is wrong with a configuration file, in the order of its lines. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts them by place; what comes past [`MAX_PROBLEMS`] is left out.
    pub(super) fn new(mut problems: Vec<Problem>) -> Problems {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems.truncate(MAX_PROBLEMS);
        Problems(problems)
    }

    /// They themselves.
    pub fn list(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A text with an index of its lines: turns byte ranges into places.
pub(super) struct Source<'a> {
    /// The file's name, for the problems.
    pub(super) file: &'a Path,
    /// The text.
    pub(super) text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
    /// What no excerpt shows.
    hidden: Vec<Range<usize>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, file: &'a Path) -> Source<'a> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Source { file, text, starts, hidden: Vec::new() }
    }

    /// The same, but no excerpt shows these ranges.
    pub(super) fn hiding(self, hidden: Vec<Range<usize>>) -> Source<'a> {
        Source { hidden, ..self }
    }

    /// The line at a byte, as a range.
    pub(super) fn line_at(&self, at: usize) -> Range<usize> {
        let line = self.starts.partition_point(|&begin| begin <= at).max(1);
        let begin = self.starts.get(line - 1).copied().unwrap_or(0);
        let end =
            self.text.get(begin..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |length| begin + length);
        begin..end
    }

    /// The problem at a range of bytes. The `secret` range is hidden in the excerpt too.
    pub(super) fn problem(
        &self,
        at: Range<usize>,
        secret: Option<&Range<usize>>,
        message: String,
        cure: Option<String>,
    ) -> Problem {
        let start = self.char_boundary(at.start);
        let line = self.starts.partition_point(|&begin| begin <= start).max(1);
        let Range { start: begin, end } = self.line_at(start);
        let full = self.text.get(begin..end).unwrap_or_default().trim_end_matches('\r');
        let before = self.text.get(begin..start).unwrap_or_default().chars().count();
        let meant = self.text.get(start..self.char_boundary(at.end).min(end).max(start)).unwrap_or_default();
        let length = meant.trim_end().chars().count().max(1);
        let on_line = self.hidden.iter().chain(secret).filter(|range| range.start < end && range.end > begin);
        let hide: Vec<Range<usize>> = on_line.map(|range| self.columns(begin, range)).collect();
        Problem {
            file: self.file.to_owned(),
            line: Some(line),
            column: Some(before + 1),
            message,
            cure,
            excerpt: Some(excerpt(full, before, length, &hide)),
        }
    }

    /// The columns from 0 that a range takes on the line that begins at `begin`.
    fn columns(&self, begin: usize, range: &Range<usize>) -> Range<usize> {
        let count = |to: usize| self.text.get(begin..self.char_boundary(to)).map_or(0, |text| text.chars().count());
        count(range.start)..count(range.end)
    }

    fn char_boundary(&self, mut at: usize) -> usize {
        at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// The part of a line around a place, safe to print.
fn excerpt(line: &str, before: usize, length: usize, hide: &[Range<usize>]) -> Excerpt {
    let skip = if before + length.min(EXCERPT_CHARS / 2) > EXCERPT_CHARS { before - EXCERPT_CHARS / 4 } else { 0 };
    let text: String = line
        .chars()
        .enumerate()
        .skip(skip)
        .take(EXCERPT_CHARS)
        .map(|(column, character)| match character {
            _ if hide.iter().any(|hide| hide.contains(&column)) => '*',
            '\t' => ' ',
            character if is_unprintable(character) => '\u{FFFD}',
            character => character,
        })
        .collect();
    let before = before - skip;
    let room = text.chars().count().saturating_sub(before);
    Excerpt { text, before, length: length.min(room).max(1) }
}

/// Controls, and the characters that turn the direction of writing: a terminal may obey them.
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
