//! Which copy of a message was first, where several lines bring the same feed (line arbitration).
//!
//! A message of a line is a copy if an equal one came on another line within the window and this line has not brought it
//! yet; else it is the first. So of a payload that is sent three times, three pass, on whichever lines they come: what
//! passes is the most that any line brought. No number is needed; a copy that is not equal to the byte is left to the checks
//! of sequences.
//!
//! What passed stands in a ring until every line has brought it, and each line goes through it: a line that lags behind
//! finds its next message where it stands, one that leads finds nothing before it, so that a message costs one hash and one
//! comparison. What a line has skipped is remembered by its print.
//!
//! What came before a line was connected it does not bring, unless its session goes on where the last one ended: a feed that
//! fails over sends the same value again and means it. So a line begins [`LAG`] before its connection, no earlier. A copy too
//! many is the smaller harm: numbers and identities tell it, a value that is missing nothing.
//!
//! Limits: 8 lines; 65,536 messages and the window's time. Prints have 64 bits and a key of this process.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

use feedwatch_model::Time;

use crate::batch::View;

/// Lines of a feed.
pub const MAX_LINES: usize = 8;
/// Messages that are remembered.
const RING: usize = 65_536;

/// So far one line may be behind another when it is connected, nanoseconds.
const LAG: i64 = feedwatch_model::NANOS_PER_SECOND / 2;

/// What one line of a feed has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounters {
    /// Messages that came on it.
    pub received: u64,
    /// Those of them that came on no other line before.
    pub first: u64,
    /// Messages that only others brought while it was connected.
    pub missed: u64,
}

/// What passed, and which lines have brought it.
#[derive(Debug)]
struct Passed {
    print: u64,
    at: Time,
    /// A bit for each line.
    brought: u8,
}

#[derive(Debug, Default)]
struct Line {
    /// The number of the message it is to bring next; what stands before it was brought or skipped.
    next: u64,
    /// Numbers of messages it skipped, by their prints.
    skipped: HashMap<u64, Vec<u64>, foldhash::fast::RandomState>,
    /// Since when it is connected.
    since: Option<Time>,
    counters: LineCounters,
}

/// Tells first copies from others.
#[derive(Debug)]
pub(crate) struct Arbiter {
    window: i64,
    hash: foldhash::quality::RandomState,
    ring: VecDeque<Passed>,
    /// The number of the first message in the ring.
    begin: u64,
    lines: Vec<Line>,
}

impl Arbiter {
    /// For `lines` lines, at most [`MAX_LINES`]. `window`: how far one may be behind another.
    pub(crate) fn new(lines: usize, window: Duration) -> Arbiter {
        Arbiter {
            window: i64::try_from(window.as_nanos()).unwrap_or(i64::MAX),
            hash: foldhash::quality::RandomState::default(),
            ring: VecDeque::new(),
            begin: 0,
            lines: (0..lines.clamp(1, MAX_LINES)).map(|_| Line::default()).collect(),
        }
    }

    /// The line is connected. `resumes`: it goes on where it ended the last time.
    pub(crate) fn connected(&mut self, line: u8, since: Time, resumes: bool) {
        let Some(line) = self.lines.get_mut(usize::from(line)) else { return };
        line.since = Some(since);
        if !resumes {
            let earliest = since.plus_nanos(-LAG);
            let before = self.ring.iter().rev().take_while(|passed| passed.at >= earliest).count();
            line.next = line.next.max(self.begin + (self.ring.len() - before) as u64);
            line.skipped.clear();
        }
    }

    /// The line is not connected any more.
    pub(crate) fn lost(&mut self, line: u8) {
        if let Some(line) = self.lines.get_mut(usize::from(line)) {
            line.since = None;
        }
    }

    /// What each line has brought.
    pub(crate) fn counters(&self) -> Vec<LineCounters> {
        self.lines.iter().map(|line| line.counters).collect()
    }

    /// Is this the first copy?
    pub(crate) fn is_first(&mut self, line: u8, message: View<'_>) -> bool {
        let print = match message.meta {
            None => self.hash.hash_one(message.payload),
            Some(meta) => self.hash.hash_one((message.payload, &meta.topic, &meta.key)),
        };
        self.is_first_print(line, print, message.received)
    }

    fn is_first_print(&mut self, line: u8, print: u64, at: Time) -> bool {
        self.forget(at);
        let Arbiter { ring, begin, lines, .. } = self;
        let Some(of) = lines.get_mut(usize::from(line)) else { return true };
        of.counters.received += 1;
        of.next = of.next.max(*begin);
        let bit = 1 << line;
        if !of.skipped.is_empty()
            && let Some(number) = of.take_skipped(print)
        {
            if let Some(passed) = ring.get_mut((number - *begin) as usize) {
                passed.brought |= bit;
            }
            return false;
        }
        let head = *begin + ring.len() as u64;
        while of.next < head {
            let number = of.next;
            of.next += 1;
            let Some(passed) = ring.get_mut((number - *begin) as usize) else { break };
            if passed.brought & bit != 0 {
                continue;
            }
            if passed.print == print {
                passed.brought |= bit;
                return false;
            }
            of.skipped.entry(passed.print).or_default().push(number);
        }
        ring.push_back(Passed { print, at, brought: bit });
        of.next = head + 1;
        of.counters.first += 1;
        true
    }

    /// Forgets what is older than the window, or more than the ring holds, and what every line has brought.
    fn forget(&mut self, now: Time) {
        let all = u8::MAX >> (MAX_LINES - self.lines.len());
        while let Some(oldest) = self.ring.front() {
            let age = now.nanos_since(oldest.at);
            if oldest.brought != all && age <= self.window && self.ring.len() < RING {
                return;
            }
            let Some(oldest) = self.ring.pop_front() else { return };
            let number = self.begin;
            self.begin += 1;
            for (index, line) in self.lines.iter_mut().enumerate() {
                if oldest.brought & (1 << index) == 0 {
                    line.never_brought(number, &oldest);
                }
            }
        }
    }
}

impl Line {
    /// The oldest message with this print that was skipped.
    fn take_skipped(&mut self, print: u64) -> Option<u64> {
        let numbers = self.skipped.get_mut(&print)?;
        let number = if numbers.is_empty() { None } else { Some(numbers.remove(0)) };
        if numbers.is_empty() {
            self.skipped.remove(&print);
        }
        number
    }

    fn never_brought(&mut self, number: u64, passed: &Passed) {
        if self.since.is_some_and(|since| since <= passed.at) {
            self.counters.missed += 1;
        }
        if number >= self.next {
            self.next = number + 1;
        } else if let Some(numbers) = self.skipped.get_mut(&passed.print) {
            numbers.retain(|known| *known != number);
            if numbers.is_empty() {
                self.skipped.remove(&passed.print);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arbiter() -> Arbiter {
        Arbiter::new(2, Duration::from_secs(10))
    }

    /// Lines with prints, a millisecond apart: which of them are first copies?
    fn passed(arbiter: &mut Arbiter, came: &[(u8, u64)]) -> Vec<u64> {
        let came = came.iter().enumerate();
        let firsts =
            came.filter(|(at, (line, print))| arbiter.is_first_print(*line, *print, Time::from_millis(*at as i64)));
        firsts.map(|(_, (_, print))| *print).collect()
    }

    #[test]
    fn of_two_copies_the_first_passes_whichever_line_is_ahead() {
        let came = [(0, 1), (1, 1), (1, 2), (0, 2), (0, 3), (0, 4), (1, 3), (1, 4)];
        assert_eq!(passed(&mut arbiter(), &came), [1, 2, 3, 4]);
    }

    #[test]
    fn what_one_line_loses_the_other_brings() {
        let came = [(0, 1), (0, 4), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (0, 5), (0, 6), (1, 6)];
        assert_eq!(passed(&mut arbiter(), &came), [1, 4, 2, 3, 5, 6]);
    }

    #[test]
    fn a_value_that_is_sent_several_times_passes_as_often() {
        let came = [(0, 7), (0, 7), (1, 7), (1, 7), (1, 7), (0, 7)];
        assert_eq!(passed(&mut arbiter(), &came), [7, 7, 7]);
    }

    #[test]
    fn lines_count_what_they_brought_and_what_they_missed() {
        let mut arbiter = arbiter();
        arbiter.connected(0, Time::from_millis(0), false);
        arbiter.connected(1, Time::from_millis(2), false);
        passed(&mut arbiter, &[(0, 1), (0, 2), (0, 3), (0, 4), (1, 4)]);
        assert!(arbiter.is_first_print(0, 9, Time::from_millis(60_000)));
        let [of_first, of_second] = arbiter.counters()[..] else { panic!() };
        assert_eq!(of_first, LineCounters { received: 5, first: 5, missed: 0 });
        assert_eq!(of_second, LineCounters { received: 1, first: 0, missed: 1 }, "it came when 3 was on its way");
    }

    #[test]
    fn beyond_the_window_an_equal_message_is_a_new_one() {
        let mut arbiter = arbiter();
        assert!(arbiter.is_first_print(0, 1, Time::from_millis(0)));
        assert!(!arbiter.is_first_print(1, 1, Time::from_millis(10_000)));
        assert!(arbiter.is_first_print(0, 2, Time::from_millis(11_000)));
        assert!(arbiter.is_first_print(1, 2, Time::from_millis(21_001)));
    }

    /// Which of the messages that a line brings at these seconds, all equal, pass?
    fn passes(arbiter: &mut Arbiter, line: u8, seconds: std::ops::Range<i64>) -> usize {
        seconds.filter(|second| arbiter.is_first_print(line, 7, Time::from_millis(second * 1000 + 20))).count()
    }

    #[test]
    fn a_value_that_is_sent_again_over_the_next_line_is_no_copy() {
        let mut arbiter = arbiter();
        arbiter.connected(0, Time::from_millis(0), false);
        assert_eq!(passes(&mut arbiter, 0, 0..20), 20);
        arbiter.lost(0);
        arbiter.connected(1, Time::from_millis(20_300), false);
        assert_eq!(passes(&mut arbiter, 1, 21..30), 9, "it fails over");
        arbiter.connected(0, Time::from_millis(29_900), false);
        for second in 30..60 {
            let came = [1, 0].map(|line| passes(&mut arbiter, line, second..second + 1));
            assert_eq!(came, [1, 0], "both bring it");
        }
        arbiter.lost(1);
        assert_eq!(passes(&mut arbiter, 0, 60..90), 30, "and returns");
    }

    #[test]
    fn what_a_session_that_goes_on_sends_again_is_known() {
        let mut arbiter = arbiter();
        arbiter.connected(0, Time::from_millis(0), false);
        arbiter.connected(1, Time::from_millis(0), false);
        let bring = |arbiter: &mut Arbiter, line: u8, prints: std::ops::Range<u64>| {
            prints.filter(|print| arbiter.is_first_print(line, *print, Time::from_millis(5_000))).count()
        };
        assert_eq!((bring(&mut arbiter, 0, 0..10), bring(&mut arbiter, 1, 0..5)), (10, 0));
        arbiter.lost(1);
        arbiter.connected(1, Time::from_millis(9_000), true);
        assert_eq!((bring(&mut arbiter, 1, 5..12), bring(&mut arbiter, 0, 10..12)), (2, 0));
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut arbiter = arbiter();
        for print in 0..2 * RING as u64 {
            assert!(arbiter.is_first_print((print % 2) as u8, print, Time::from_millis(0)));
        }
        assert!(arbiter.ring.len() <= RING && arbiter.lines.iter().all(|line| line.skipped.len() <= RING));
    }

    proptest! {
        /// Two lines bring what was sent, each without some of it and the second later: all that either brought passes, as
        /// often as it was sent, and nothing more. Equal values stand among them.
        #[test]
        fn all_that_any_line_brings_passes_once(
            sent in prop::collection::vec((0u64..6, any::<bool>(), any::<bool>()), 1..200),
            lag in 0usize..40,
        ) {
            let first: Vec<u64> = sent.iter().filter(|(_, lost, _)| !lost).map(|(print, ..)| *print).collect();
            let second: Vec<u64> = sent.iter().filter(|(_, _, lost)| !lost).map(|(print, ..)| *print).collect();
            let mut came: Vec<(usize, u8, u64)> = first.iter().enumerate().map(|(at, print)| (at, 0, *print)).collect();
            came.extend(second.iter().enumerate().map(|(at, print)| (at + lag, 1, *print)));
            came.sort_by_key(|(at, line, _)| (*at, *line));
            let came: Vec<(u8, u64)> = came.into_iter().map(|(_, line, print)| (line, print)).collect();
            let passed = passed(&mut arbiter(), &came);
            for print in 0..6 {
                let of = |all: &[u64]| all.iter().filter(|one| **one == print).count();
                prop_assert_eq!(of(&passed), of(&first).max(of(&second)));
            }
        }

        /// Numbered messages, lost at random on either line: each that came at all passes exactly once.
        #[test]
        fn numbered_messages_pass_exactly_once(
            lost in prop::collection::vec((any::<bool>(), any::<bool>()), 1..300),
            swaps in prop::collection::vec(0usize..600, 0..20),
        ) {
            let mut came: Vec<(u8, u64)> = Vec::new();
            for (number, (on_first, on_second)) in lost.iter().enumerate() {
                if !on_first { came.push((0, number as u64)); }
                if !on_second { came.push((1, number as u64)); }
            }
            for at in swaps {
                if at + 1 < came.len() { came.swap(at, at + 1); }
            }
            let mut passed = passed(&mut arbiter(), &came);
            passed.sort_unstable();
            let mut expected: Vec<u64> = came.iter().map(|(_, number)| *number).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(passed, expected);
        }
    }
}
