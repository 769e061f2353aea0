//! When to ask: at multiples of a duration behind the first time, so that nothing drifts.

use std::time::Duration;

/// The times of asking, as durations since the first one.
///
/// A time that has passed is made up for at once, and only once: further ones are left out, and what follows lies on the
/// grid again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    every: Duration,
    /// The number of the next time; the first one was 0.
    next: u32,
}

impl Grid {
    pub(super) fn new(every: Duration) -> Grid {
        // A grid without a step would never end; nobody asks faster than this.
        Grid { every: every.max(Duration::from_millis(1)), next: 1 }
    }

    /// When to ask next. It may have passed.
    pub(super) fn next(&self) -> Duration {
        self.every.saturating_mul(self.next)
    }

    /// It is asked `now`. Gives how many times have been left out.
    pub(super) fn asked(&mut self, now: Duration) -> u32 {
        let passed = u32::try_from(now.as_nanos() / self.every.as_nanos().max(1)).unwrap_or(u32::MAX - 1);
        let last = passed.max(self.next);
        let left_out = last - self.next;
        self.next = last.saturating_add(1);
        left_out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_late_question_does_not_move_those_behind_it() {
        let mut grid = Grid::new(SECOND);
        assert_eq!(grid.next(), SECOND);
        assert_eq!(grid.asked(SECOND + SECOND / 3), 0);
        assert_eq!(grid.next(), 2 * SECOND);
    }

    #[test]
    fn a_slow_answer_delays_the_next_question_and_leaves_out_those_it_has_passed() {
        let mut grid = Grid::new(SECOND);
        assert_eq!(grid.asked(SECOND), 0);
        assert!(grid.next() < 4 * SECOND, "it is asked at once");
        assert_eq!(grid.asked(4 * SECOND + SECOND / 2), 2, "of 2, 3 and 4 one is made up for");
        assert_eq!(grid.next(), 5 * SECOND);
    }

    proptest! {
        #[test]
        fn every_time_is_asked_or_left_out(waits in proptest::collection::vec(0u64..10_000, 1..60)) {
            let mut grid = Grid::new(SECOND);
            let (mut now, mut count) = (Duration::ZERO, 0);
            for wait in waits {
                now = grid.next().max(now + Duration::from_millis(wait));
                count += 1 + grid.asked(now);
                prop_assert!(grid.next() > now);
                prop_assert!(grid.next() <= now + SECOND);
                prop_assert_eq!(grid.next(), SECOND * (count + 1));
            }
        }

        #[test]
        fn no_time_panics(every: u64, now: u64) {
            let mut grid = Grid::new(Duration::from_nanos(every));
            grid.asked(Duration::from_nanos(now));
            grid.asked(Duration::from_secs(now));
            grid.next();
        }
    }
}
