//! Members of objects in a text that was found to be JSON: where they stand, byte for byte.

use std::ops::Range;

/// Deeper texts are not looked at; the scanner refuses them too.
const MAX_DEPTH: usize = crate::json::scan::MAX_DEPTH;

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Inside its quotes.
    pub(crate) key: Range<usize>,
    /// With its quotes, if it is a text.
    pub(crate) value: Range<usize>,
}

impl Member {
    /// From the first quote of the key to the end of the value.
    pub(crate) fn whole(&self) -> Range<usize> {
        self.key.start.saturating_sub(1)..self.value.end
    }
}

fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

pub(crate) fn blank(text: &[u8], mut at: usize) -> usize {
    while matches!(byte(text, at), b' ' | b'\n' | b'\r' | b'\t') {
        at += 1;
    }
    at
}

/// The first byte behind the string whose first quote is at `at`.
fn string(text: &[u8], mut at: usize) -> usize {
    at += 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        if byte(text, at + found) == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    text.len().max(at)
}

/// The member that a value belongs to, found from the value backwards; `None` in an array, or if its key has a quote in it.
pub(crate) fn own(text: &[u8], value: Range<usize>) -> Option<Member> {
    let before = text.get(..value.start)?.trim_ascii_end().strip_suffix(b":")?;
    let before = before.trim_ascii_end().strip_suffix(b"\"")?;
    let start = memchr::memrchr(b'"', before)? + 1;
    let is_plain = before.get(..start - 1).is_some_and(|rest| !rest.ends_with(b"\\"));
    is_plain.then_some(Member { key: start..before.len(), value })
}

/// The first byte behind the value that starts at `at`.
fn value(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < text.len() {
        match byte(text, at) {
            b'"' => at = string(text, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            _ => {
                at += 1;
                // A number or a word goes on.
                if depth == 0 && matches!(byte(text, at), b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
                    return at;
                }
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

/// Where the object starts that the value at `at` is a member of (a text by its first quote); `None` in an array.
pub(crate) fn object_around(text: &[u8], at: usize) -> Option<usize> {
    let mut open = [(0_usize, false); MAX_DEPTH];
    let (mut depth, mut here) = (0, 0);
    while here < at {
        match byte(text, here) {
            b'"' => {
                here = string(text, here);
                continue;
            }
            start @ (b'{' | b'[') => {
                *open.get_mut(depth)? = (here, start == b'{');
                depth += 1;
            }
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        here += 1;
    }
    let (start, is_object) = *open.get(depth.checked_sub(1)?)?;
    is_object.then_some(start)
}

/// The members of the object that starts at `start`.
pub(crate) fn members(text: &[u8], start: usize) -> impl Iterator<Item = Member> {
    let mut at = start + 1;
    std::iter::from_fn(move || {
        at = blank(text, at);
        if byte(text, at) == b',' {
            at = blank(text, at + 1);
        }
        if byte(text, at) != b'"' {
            return None;
        }
        let end = string(text, at);
        let key = at + 1..end.saturating_sub(1).max(at + 1);
        let from = blank(text, blank(text, end) + 1);
        at = value(text, from);
        Some(Member { key, value: from..at.max(from) })
    })
}
