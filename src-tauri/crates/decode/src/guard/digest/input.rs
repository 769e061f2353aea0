//! What a checksum may be computed over.

use super::super::View;
use super::member::{Member, blank, members, object_around, own};
use crate::json::leaf::Leaf;
use crate::json::text::unescape;

/// Siblings of a field that are tried.
const MAX_SIBLINGS: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The payload without the member and the comma before it (behind it, if it is the first one).
    Cut,
    /// The payload without the member; its comma stays.
    CutAlone,
    /// The payload with this in place of the value.
    Put(&'static [u8]),
    /// The member of this name beside the field: its raw text, of a text what is inside the quotes.
    Sibling(Box<[u8]>),
    /// The same, without escapes.
    Plain(Box<[u8]>),
    /// What stands before the last one of this byte.
    Before(u8),
    /// The same with that byte.
    With(u8),
    /// What stands between the first byte and the last one of this.
    Inside(u8),
}

fn part(text: &[u8], from: usize, to: usize) -> &[u8] {
    text.get(from..to).unwrap_or_default()
}

/// The object around a leaf, and the leaf's member.
fn home(text: &[u8], leaf: &Leaf) -> Option<(usize, Member)> {
    let start = leaf.start as usize - usize::from(leaf.is_string());
    let object = object_around(text, start)?;
    members(text, object).find(|member| member.value.start == start).map(|member| (object, member))
}

/// The leaf's member.
fn member(text: &[u8], leaf: &Leaf) -> Option<Member> {
    let quote = usize::from(leaf.is_string());
    let value = leaf.start as usize - quote..leaf.end as usize + quote;
    own(text, value).or_else(|| home(text, leaf).map(|(_, member)| member))
}

fn inside<'a>(text: &'a [u8], member: &Member) -> &'a [u8] {
    let raw = part(text, member.value.start, member.value.end);
    raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(raw)
}

impl Input {
    /// What may be tried for a leaf that is a member of an object.
    pub(crate) fn all(text: &[u8], leaf: &Leaf) -> Vec<Input> {
        let Some((object, own)) = home(text, leaf) else { return Vec::new() };
        let mut all = vec![Input::Cut, Input::CutAlone, Input::Put(b"\"\""), Input::Put(b"0"), Input::Put(b"null")];
        for member in members(text, object).filter(|member| *member != own).take(MAX_SIBLINGS) {
            let key: Box<[u8]> = part(text, member.key.start, member.key.end).into();
            if inside(text, &member).contains(&b'\\') {
                all.push(Input::Plain(key.clone()));
            }
            all.push(Input::Sibling(key));
        }
        all
    }

    /// Gives the bytes, in parts; `None` where there are none such.
    pub(crate) fn with<T>(
        &self,
        view: &View<'_>,
        leaf: Option<&Leaf>,
        buffer: &mut Vec<u8>,
        give: impl FnOnce(&[&[u8]]) -> T,
    ) -> Option<T> {
        let text = view.text;
        match self {
            Input::Before(mark) | Input::With(mark) | Input::Inside(mark) => {
                let raw = view.raw.trim_ascii_end();
                let at = memchr::memrchr(*mark, raw)?;
                let (from, to) =
                    (usize::from(matches!(self, Input::Inside(_))), at + usize::from(matches!(self, Input::With(_))));
                Some(give(&[raw.get(from..to)?]))
            }
            Input::Sibling(_) | Input::Plain(_) => {
                let (Input::Sibling(key) | Input::Plain(key)) = self else { return None };
                let (object, _) = home(text, leaf?)?;
                let member =
                    members(text, object).find(|member| part(text, member.key.start, member.key.end) == &**key)?;
                let raw = inside(text, &member);
                if matches!(self, Input::Sibling(_)) {
                    return Some(give(&[raw]));
                }
                buffer.clear();
                unescape(raw, buffer);
                Some(give(&[buffer]))
            }
            Input::Put(value) => {
                let member = member(text, leaf?)?;
                Some(give(&[part(text, 0, member.value.start), value, part(text, member.value.end, text.len())]))
            }
            Input::CutAlone => {
                let whole = member(text, leaf?)?.whole();
                Some(give(&[part(text, 0, whole.start), part(text, whole.end, text.len())]))
            }
            Input::Cut => {
                let whole = member(text, leaf?)?.whole();
                let before = part(text, 0, whole.start).trim_ascii_end();
                let (from, to) = match before.last() {
                    Some(b',') => (before.len() - 1, whole.end),
                    _ => {
                        let comma = blank(text, whole.end);
                        let is_comma = text.get(comma) == Some(&b',');
                        (whole.start, if is_comma { blank(text, comma + 1) } else { whole.end })
                    }
                };
                Some(give(&[part(text, 0, from), part(text, to, text.len())]))
            }
        }
    }
}
