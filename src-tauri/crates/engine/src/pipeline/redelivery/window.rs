//! What a broker without numbers may send once more: messages that it may not know to be kept.
//!
//! A message leaves the window when it is on disk, which is when it is acknowledged, and others have come 5 s after it over a
//! connection that stood: so the broker has heard of it. A broker that flags an equal message later means another one, which
//! it gave to somebody else before. What is in the window when a connection is made stays for 3 min: the broker may notice
//! only then that the former one is gone, and repeat what it had on its way to that.

use std::collections::{HashMap, VecDeque};

use feedwatch_model::{NANOS_PER_SECOND, Time};

/// Messages that can wait for their acknowledgement and are compared.
pub(crate) const WINDOW: usize = 8_192;
/// After so long a broker has heard that a message is acknowledged, nanoseconds.
pub(crate) const HEARD: i64 = 5 * NANOS_PER_SECOND;

/// For so long a broker may take a connection that is gone for alive, nanoseconds.
const PATIENCE: i64 = 180 * NANOS_PER_SECOND;

/// Fingerprints of messages, the oldest first.
#[derive(Debug)]
pub(super) struct Window {
    entries: VecDeque<Entry>,
    /// How often each is in it.
    counts: HashMap<u64, u32>,
    /// All messages with smaller numbers are on disk.
    kept_below: u64,
    /// When the last message was received.
    last: Option<Time>,
    /// The other side tells by itself exactly what it repeats, however late: nothing leaves.
    exact: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    print: u64,
    /// `None`: it is in the history since an earlier run.
    number: Option<u64>,
    /// It stays until the last message came so long after this that a broker has heard.
    from: Time,
}

impl Window {
    pub(super) fn new(exact: bool) -> Window {
        Window { entries: VecDeque::new(), counts: HashMap::new(), kept_below: 0, last: None, exact }
    }

    /// A message that an earlier run has kept.
    pub(super) fn seed(&mut self, print: u64, received: Time) {
        self.push(Entry { print, number: None, from: received }, received);
    }

    /// Takes a message in. `true`: it is in the window, and its broker says that it repeats.
    pub(super) fn take(&mut self, print: u64, number: u64, received: Time, flagged: bool) -> bool {
        if !flagged {
            self.settle();
        }
        let known = flagged && self.forget(print);
        // What is known stands in the window once more, as the latest.
        self.push(Entry { print, number: Some(number), from: received }, received);
        known
    }

    /// A connection is made: what is in the window may have been on its way to a former one.
    pub(super) fn connected(&mut self, at: Time) {
        let from = at.plus_nanos(PATIENCE - HEARD);
        self.entries.iter_mut().for_each(|entry| entry.from = entry.from.max(from));
    }

    /// All messages with smaller numbers are on disk.
    pub(super) fn kept_below(&mut self, number: u64) {
        self.kept_below = self.kept_below.max(number);
    }

    /// The message with this number is not on disk and never will be.
    pub(super) fn lose(&mut self, number: u64) {
        if let Some(at) = self.entries.iter().rposition(|entry| entry.number == Some(number)) {
            self.remove(at);
        }
    }

    /// Of what is kept that goes of which the broker has heard. The time is that of the last message, so that an outage is no
    /// time in which it could have heard anything.
    fn settle(&mut self) {
        let Some(last) = self.last.filter(|_| !self.exact) else { return };
        while let Some(oldest) = self.entries.front() {
            let is_kept = oldest.number.is_none_or(|number| number < self.kept_below);
            if !is_kept || last.nanos_since(oldest.from) < HEARD {
                return;
            }
            self.remove(0);
        }
    }

    fn push(&mut self, entry: Entry, received: Time) {
        if self.entries.len() >= WINDOW {
            self.remove(0);
        }
        self.last = Some(received);
        self.entries.push_back(entry);
        *self.counts.entry(entry.print).or_default() += 1;
    }

    /// Takes the oldest message with this fingerprint out; `false` if there is none.
    fn forget(&mut self, print: u64) -> bool {
        if !self.counts.contains_key(&print) {
            return false;
        }
        if let Some(at) = self.entries.iter().position(|entry| entry.print == print) {
            self.remove(at);
        }
        true
    }

    fn remove(&mut self, at: usize) {
        let Some(Entry { print, .. }) = self.entries.remove(at) else { return };
        if let Some(count) = self.counts.get_mut(&print) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&print);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    #[test]
    fn what_the_broker_has_heard_to_be_kept_is_no_repetition_any_more() {
        let mut window = Window::new(false);
        assert!(!window.take(7, 0, at(0), false));
        window.kept_below(1);
        assert!(!window.take(1, 1, at(4), false) && !window.take(2, 2, at(5), false));
        assert!(window.take(7, 3, at(5), true), "it may not have heard yet");
        let mut window = Window::new(false);
        window.take(7, 0, at(0), false);
        window.kept_below(2);
        (1..4).for_each(|number| assert!(!window.take(number, number, at(5 * number as i64), false)));
        assert!(!window.take(7, 4, at(16), true), "somebody else had this one");
    }

    #[test]
    fn what_is_not_kept_yet_stays_however_long_that_takes() {
        let mut window = Window::new(false);
        (0..100).for_each(|number| assert!(!window.take(number, number, at(number as i64), false)));
        assert!(window.take(0, 100, at(200), true));
    }

    #[test]
    fn an_outage_is_no_time_in_which_a_broker_hears_anything() {
        let mut window = Window::new(false);
        (0..10).for_each(|number| assert!(!window.take(number, number, at(number as i64 / 5), false)));
        window.kept_below(10);
        window.connected(at(3_600));
        // Fresh ones come before the broker has noticed, and are kept meanwhile.
        (0..100).for_each(|number| assert!(!window.take(100 + number, 10 + number, at(3_600 + number as i64), false)));
        window.kept_below(110);
        let known = (0..10).filter(|number| window.take(*number, 200 + number, at(3_701), true)).count();
        assert_eq!(known, 10);
    }

    #[test]
    fn three_minutes_after_a_connection_the_broker_has_noticed() {
        let mut window = Window::new(false);
        window.seed(7, at(0));
        window.connected(at(10));
        (0..20).for_each(|number| assert!(!window.take(100 + number, number, at(10 + 10 * number as i64), false)));
        window.kept_below(20);
        assert!(!window.take(200, 20, at(211), false) && !window.take(201, 21, at(212), false));
        assert!(!window.take(7, 22, at(213), true), "another one");
    }

    #[test]
    fn of_two_equal_messages_the_one_that_was_lost_goes() {
        let mut window = Window::new(false);
        window.take(7, 0, at(0), false);
        window.take(7, 1, at(1), false);
        window.lose(1);
        assert_eq!(window.entries.front().unwrap().number, Some(0));
        assert!(window.take(7, 2, at(2), true));
    }

    #[test]
    fn of_one_that_tells_exactly_nothing_leaves() {
        let mut window = Window::new(true);
        (0..100).for_each(|number| assert!(!window.take(number, number, at(number as i64), false)));
        window.kept_below(100);
        assert!(window.take(0, 100, at(200), true));
    }

    #[test]
    fn the_window_is_bounded() {
        let mut window = Window::new(false);
        window.take(1, 0, at(0), false);
        (0..WINDOW as u64).for_each(|number| assert!(!window.take(2, number + 1, at(0), false)));
        assert_eq!((window.entries.len(), window.counts.len()), (WINDOW, 1));
        assert!(!window.take(1, 0, at(0), true));
    }
}
