//! Which numbers of a lane came, where a broker may hand them out again in any order.

use std::collections::VecDeque;

use super::WINDOW;

/// Runs of numbers that are remembered in a lane: of a stream that is read whole that is all of it.
const RUNS: usize = WINDOW;

/// Numbers that came, in runs of first and last. Of too many the lowest are forgotten: what comes again of those is stored
/// twice rather than lost.
#[derive(Debug, Default)]
pub(super) struct Came(VecDeque<(u64, u64)>);

impl Came {
    pub(super) fn has(&self, number: u64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < number);
        self.0.get(at).is_some_and(|(first, _)| *first <= number)
    }

    pub(super) fn add(&mut self, number: u64) {
        match self.0.back_mut() {
            // Mostly it is the next one.
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            Some((_, last)) if *last >= number => self.put_between(number),
            _ => self.0.push_back((number, number)),
        }
        if self.0.len() > RUNS {
            self.0.pop_front();
        }
    }

    fn put_between(&mut self, number: u64) {
        let at = self.0.partition_point(|(_, last)| *last < number);
        let above = self.0.get(at).copied();
        if above.is_some_and(|(first, _)| first <= number) {
            return;
        }
        let below = at.checked_sub(1).and_then(|below| self.0.get_mut(below));
        let touches_above = above.filter(|(first, _)| number.checked_add(1) == Some(*first));
        match (below.filter(|(_, last)| last.checked_add(1) == Some(number)), touches_above) {
            (Some(below), Some((_, end))) => {
                below.1 = end;
                self.0.remove(at);
            }
            (Some(below), None) => below.1 = number,
            (None, Some((_, end))) => self.0[at] = (number, end),
            (None, None) => self.0.insert(at, (number, number)),
        }
    }

    #[cfg(test)]
    pub(super) fn runs(&self) -> Vec<(u64, u64)> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_of_numbers_are_bounded() {
        let mut came = Came::default();
        (0..3 * RUNS as u64).for_each(|number| came.add(2 * number));
        assert_eq!(came.0.len(), RUNS);
        assert!(came.has(6 * RUNS as u64 - 2) && !came.has(0));
        came.add(u64::MAX);
        came.add(u64::MAX);
        assert!(came.has(u64::MAX));
    }
}
