//! Sequences that did not come while all of a stream is read: did the stream delete them unread? Pure.
//!
//! Holes are mostly messages that were deleted one by one, on purpose; only those below the oldest that is kept were
//! deleted by the stream's limits. So the server is asked how far it keeps its messages, about the holes that are known by
//! then; what comes to light until it answers is asked about in the next question.

use std::time::Duration;

use tokio::time::Instant;

/// A question without an answer for so long is asked again.
const UNANSWERED: Duration = Duration::from_secs(5);
/// Holes that are remembered; further ones are counted with the last, as if nothing had come between.
const MOST: usize = 1_024;

/// What is missing between two sequences that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    before: u64,
    next: u64,
}

/// Holes that are not explained yet.
#[derive(Debug, Default)]
pub(super) struct Holes {
    open: Vec<Hole>,
    /// So many of the first of them were there when the server was asked, and when that was.
    asked: usize,
    at: Option<Instant>,
}

impl Holes {
    /// `sequence` came behind `last`.
    #[inline]
    pub(super) fn came(&mut self, last: u64, sequence: u64) {
        if sequence > last.saturating_add(1) {
            self.add(Hole { before: last, next: sequence });
        }
    }

    fn add(&mut self, hole: Hole) {
        if self.open.len() < MOST {
            self.open.push(hole);
        } else if let Some(last) = self.open.last_mut() {
            last.next = hole.next;
            self.asked = self.asked.min(MOST - 1);
        }
    }

    /// Are there holes at all?
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Is the server to be asked now? Then it counts as asked.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        if self.is_empty() || self.at.is_some_and(|at| now < at + UNANSWERED) {
            return false;
        }
        self.at = Some(now);
        self.asked = self.open.len();
        true
    }

    /// The oldest sequence that is kept is `first`: how many messages were deleted unread?
    pub(super) fn answered(&mut self, first: u64) -> u64 {
        let lost = |hole: &Hole| hole.next.min(first).saturating_sub(hole.before.saturating_add(1));
        let lost = self.open.iter().map(lost).fold(0, u64::saturating_add);
        self.open.drain(..self.asked.min(self.open.len()));
        (self.asked, self.at) = (0, None);
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sequences: &[u64]) -> Holes {
        let mut holes = Holes::default();
        sequences.windows(2).for_each(|pair| holes.came(pair[0], pair[1]));
        holes
    }

    #[test]
    fn what_is_below_the_oldest_that_is_kept_was_deleted_unread() {
        assert!(of(&[1, 2, 3]).is_empty() && of(&[3, 3, 2]).is_empty());
        assert_eq!(of(&[1, 2, 5]).answered(1), 0, "deleted one by one");
        assert_eq!(of(&[1, 2, 5]).answered(4), 1);
        assert_eq!(of(&[1, 2, 5]).answered(90), 2);
        assert_eq!(of(&[1, 5, 6, 9, 12]).answered(9), 3 + 2, "what came between two holes is none");
    }

    #[test]
    fn what_comes_to_light_while_the_server_is_asked_is_asked_about_too() {
        let now = Instant::now();
        let mut holes = of(&[1, 5]);
        assert!(holes.asks(now) && !holes.asks(now), "one question at a time");
        holes.came(5, 9);
        assert!(!holes.asks(now + UNANSWERED / 2));
        assert_eq!(holes.answered(1), 0);
        assert!(holes.asks(now), "the answer may be older than the second hole");
        assert_eq!(holes.answered(9), 3);
        assert!(holes.is_empty() && !holes.asks(now));
    }

    #[test]
    fn a_question_without_an_answer_is_asked_again() {
        let now = Instant::now();
        let mut holes = of(&[1, 5]);
        assert!(holes.asks(now) && !holes.asks(now + UNANSWERED / 2));
        holes.came(5, 9);
        assert!(holes.asks(now + UNANSWERED));
        assert_eq!(holes.answered(9), 3 + 3, "now about both");
        assert!(holes.is_empty());
    }

    #[test]
    fn holes_are_bounded_and_no_number_is_too_large() {
        let many: Vec<u64> = (0..9_000).map(|number| number * 2).collect();
        let mut holes = of(&many);
        assert_eq!(holes.open.len(), MOST);
        assert_eq!(holes.open.last().map(|hole| hole.next), many.last().copied());
        assert!(holes.answered(u64::MAX) >= 8_999, "none is forgotten");
        assert!(of(&[u64::MAX, 1]).is_empty() && of(&[u64::MAX - 1, u64::MAX]).is_empty());
        assert_eq!(of(&[0, u64::MAX]).answered(u64::MAX), u64::MAX - 1);
        assert_eq!(of(&[0, u64::MAX, 0, u64::MAX]).answered(u64::MAX), u64::MAX, "as many as can be counted");
    }
}
