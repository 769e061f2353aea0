//! A lane whose numbers come in their order: what is not behind the last one is known.

use super::Seen;

/// Holes that are told apart in a lane; more are taken together with what lies between: stored twice rather than lost.
const HOLES: usize = 256;

/// A lane whose numbers come in their order.
#[derive(Debug)]
pub(super) struct Ordered {
    /// The last number that came.
    last: u64,
    /// Numbers up to it that the history refused, first and last, in their order.
    holes: Vec<(u64, u64)>,
}

impl Ordered {
    /// One of which nothing but its last number is known.
    pub(super) fn at(last: u64) -> Ordered {
        Ordered { last, holes: Vec::new() }
    }

    /// Did this number come, and was it kept? It counts as such from here on.
    pub(super) fn seen(&mut self, offset: u64) -> Seen {
        if offset > self.last {
            self.last = offset;
            return Seen::New;
        }
        let Some(at) = self.holes.iter().position(|(first, last)| (*first..=*last).contains(&offset)) else {
            return Seen::Known;
        };
        let (first, last) = self.holes.remove(at);
        if offset < last {
            self.holes.insert(at, (offset + 1, last));
        }
        if first < offset {
            self.holes.insert(at, (first, offset - 1));
        }
        self.join_holes();
        Seen::Again
    }

    /// This number is not in the history after all.
    pub(super) fn lose(&mut self, offset: u64) {
        let at = self.holes.partition_point(|(_, last)| last.saturating_add(1) < offset);
        match self.holes.get_mut(at) {
            Some((first, last)) if offset >= first.saturating_sub(1) => {
                (*first, *last) = ((*first).min(offset), (*last).max(offset));
            }
            _ => self.holes.insert(at, (offset, offset)),
        }
        self.join_holes();
    }

    /// The number up to which nothing is missing; `None`: the very first is.
    pub(super) fn kept_up_to(&self) -> Option<u64> {
        match self.holes.first() {
            Some((first, _)) => first.checked_sub(1),
            None => Some(self.last),
        }
    }

    fn join_holes(&mut self) {
        if self.holes.len() > HOLES
            && let Some((_, end)) = self.holes.pop()
            && let Some((_, last)) = self.holes.last_mut()
        {
            *last = end;
        }
    }
}
