//! AIS messages that come in several sentences, in their order. A part that is not the next one ends its message: a part of
//! another one that had the same number must not be put to it.

use super::super::json::Writer;
use super::sentence::Sentence;

/// Unfinished messages; the oldest goes.
pub(super) const MAX_PARTIAL: usize = 64;

#[derive(Clone, Debug)]
struct Partial {
    /// Group and radio channel, as they stand there.
    group: Box<[u8]>,
    channel: Box<[u8]>,
    total: u8,
    /// Parts that came.
    parts: u8,
    /// At most nine sentences.
    payload: Vec<u8>,
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
            return Came::Part;
        };
        let (group, channel, payload) = (sentence.field(2), sentence.field(3), sentence.field(4));
        if total == 1 {
            return Came::Whole(payload);
        }
        let found = self.partial.iter().position(|known| *known.group == *group && *known.channel == *channel);
        let known = found.map(|at| self.partial.remove(at));
        let mut partial = match known.filter(|known| known.total == total && known.parts + 1 == number) {
            Some(known) => known,
            None if number == 1 => {
                Partial { group: group.into(), channel: channel.into(), total, parts: 0, payload: Vec::new() }
            }
            None => return Came::Part,
        };
        partial.parts = number;
        partial.payload.extend_from_slice(payload);
        if number == total {
            self.whole = partial.payload;
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
