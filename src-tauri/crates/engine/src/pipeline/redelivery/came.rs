//! A lane whose numbers may be handed out again in any order: a number is known if this very one came.

use std::collections::{BTreeSet, VecDeque};

use super::{Seen, WINDOW};

/// Runs of numbers that are remembered: of a stream that is read whole that is all of it.
const RUNS: usize = WINDOW;
/// Numbers that were refused and did not come again yet: of more than may be open at the broker the lowest are gone there.
const REFUSED: usize = 2 * WINDOW;

/// Numbers that came, in runs of first and last. Of too many runs the lowest are forgotten: what comes again of those is
/// stored twice rather than lost.
#[derive(Debug)]
pub(super) struct Came {
    last: u64,
    runs: VecDeque<(u64, u64)>,
    /// Numbers that the history refused: they came, but are in no run.
    refused: BTreeSet<u64>,
}

impl Came {
    /// One of which nothing but its last number is known.
    pub(super) fn at(last: u64) -> Came {
        Came { last, runs: VecDeque::new(), refused: BTreeSet::new() }
    }

    /// Did this number come, and was it kept? It counts as such from here on.
    pub(super) fn seen(&mut self, number: u64) -> Seen {
        if number <= self.last && self.has(number) {
            return Seen::Known;
        }
        self.add(number);
        if self.refused.remove(&number) { Seen::Again } else { Seen::New }
    }

    /// This number is not in the history after all.
    pub(super) fn lose(&mut self, number: u64) {
        let at = self.runs.partition_point(|(_, last)| *last < number);
        if let Some(&(first, last)) = self.runs.get(at).filter(|(first, _)| *first <= number) {
            self.runs.remove(at);
            if number < last {
                self.runs.insert(at, (number + 1, last));
            }
            if first < number {
                self.runs.insert(at, (first, number - 1));
            }
            self.bound();
        }
        self.refused.insert(number);
        if self.refused.len() > REFUSED {
            self.refused.pop_first();
        }
    }

    /// The number up to which nothing was refused; `None`: the very first was.
    pub(super) fn kept_up_to(&self) -> Option<u64> {
        match self.refused.first() {
            Some(first) => first.checked_sub(1),
            None => Some(self.last),
        }
    }

    /// This number came.
    pub(super) fn add(&mut self, number: u64) {
        self.last = self.last.max(number);
        match self.runs.back_mut() {
            // Mostly it is the next one.
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            Some((_, last)) if *last >= number => self.put_between(number),
            _ => self.runs.push_back((number, number)),
        }
        self.bound();
    }

    fn has(&self, number: u64) -> bool {
        let at = self.runs.partition_point(|(_, last)| *last < number);
        self.runs.get(at).is_some_and(|(first, _)| *first <= number)
    }

    fn bound(&mut self) {
        if self.runs.len() > RUNS {
            self.runs.pop_front();
        }
    }

    fn put_between(&mut self, number: u64) {
        let at = self.runs.partition_point(|(_, last)| *last < number);
        let above = self.runs.get(at).copied();
        if above.is_some_and(|(first, _)| first <= number) {
            return;
        }
        let below = at.checked_sub(1).and_then(|below| self.runs.get_mut(below));
        let touches_above = above.filter(|(first, _)| number.checked_add(1) == Some(*first));
        match (below.filter(|(_, last)| last.checked_add(1) == Some(number)), touches_above) {
            (Some(below), Some((_, end))) => {
                below.1 = end;
                self.runs.remove(at);
            }
            (Some(below), None) => below.1 = number,
            (None, Some((_, end))) => self.runs[at] = (number, end),
            (None, None) => self.runs.insert(at, (number, number)),
        }
    }

    #[cfg(test)]
    pub(super) fn runs(&self) -> Vec<(u64, u64)> {
        self.runs.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_of_numbers_are_bounded() {
        let mut came = Came::at(0);
        (0..3 * RUNS as u64).for_each(|number| came.add(2 * number));
        assert_eq!(came.runs.len(), RUNS);
        assert!(came.has(6 * RUNS as u64 - 2) && !came.has(0));
        came.add(u64::MAX);
        came.add(u64::MAX);
        assert!(came.has(u64::MAX));
    }

    #[test]
    fn what_was_refused_holds_the_place_to_resume_back_until_it_comes_again() {
        let mut came = Came::at(0);
        (1..=9).for_each(|number| came.add(number));
        [5, 4].into_iter().for_each(|number| came.lose(number));
        assert_eq!((came.kept_up_to(), came.runs()), (Some(3), vec![(1, 3), (6, 9)]));
        assert_eq!((came.seen(4), came.kept_up_to()), (Seen::Again, Some(4)));
        assert_eq!((came.seen(5), came.kept_up_to()), (Seen::Again, Some(9)));
        assert_eq!((came.seen(5), came.runs()), (Seen::Known, vec![(1, 9)]));
        came.lose(0);
        assert_eq!(came.kept_up_to(), None);
        (0..3 * REFUSED as u64).for_each(|number| came.lose(number));
        assert_eq!(came.refused.len(), REFUSED);
    }
}
