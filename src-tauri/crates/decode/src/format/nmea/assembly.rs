//! AIS messages that come in several sentences.

use super::super::json::Writer;
use super::sentence::Sentence;

/// Unfinished messages; the oldest goes.
pub(super) const MAX_PARTIAL: usize = 64;
/// Sentences of one message.
const MAX_PARTS: u8 = 9;

#[derive(Clone, Debug)]
struct Partial {
    /// Group and radio channel, as they stand there.
    group: Box<[u8]>,
    total: u8,
    parts: Vec<(u8, Box<[u8]>)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Assembly {
    partial: Vec<Partial>,
    whole: Vec<u8>,
}

/// How far a message came.
pub(super) enum Came<'a> {
    /// The armoured payload of all of it.
    Whole(&'a [u8]),
    /// One part of it.
    Part,
    /// It says nothing of that.
    Odd,
}

fn digit(text: &[u8]) -> Option<u8> {
    match text {
        [digit @ b'1'..=b'9'] => Some(digit - b'0'),
        _ => None,
    }
}

impl Assembly {
    /// Takes a sentence: `total,number,group,channel,payload,fill`.
    pub(super) fn take<'a>(&'a mut self, sentence: &Sentence<'a>) -> Came<'a> {
        let (Some(total), Some(number)) = (digit(sentence.field(0)), digit(sentence.field(1))) else {
            return Came::Odd;
        };
        let payload = sentence.field(4);
        if total == 1 {
            return Came::Whole(payload);
        }
        if number > total || total > MAX_PARTS {
            return Came::Odd;
        }
        let group = [sentence.field(2), sentence.field(3)].join(&b',');
        let found = self.partial.iter().position(|known| *known.group == *group);
        let mut partial = found.map(|at| self.partial.remove(at)).filter(|known| {
            // The group begins anew.
            known.total == total && !known.parts.iter().any(|(there, _)| *there == number)
        });
        let mut partial = partial.take().unwrap_or(Partial { group: group.into(), total, parts: Vec::new() });
        partial.parts.push((number, payload.into()));
        if partial.parts.len() == usize::from(total) {
            partial.parts.sort_by_key(|(number, _)| *number);
            self.whole.clear();
            partial.parts.iter().for_each(|(_, part)| self.whole.extend_from_slice(part));
            return Came::Whole(&self.whole);
        }
        if self.partial.len() >= MAX_PARTIAL {
            self.partial.remove(0);
        }
        self.partial.push(partial);
        Came::Part
    }
}

/// `1/2` of a sentence that is not alone.
pub(super) fn part(sentence: &Sentence<'_>, out: &mut Writer) {
    if sentence.field(0) != b"1" {
        out.raw(b",\"fragment\":");
        out.string(&[sentence.field(1), sentence.field(0)].join(&b'/'));
    }
}
