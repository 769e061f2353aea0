//! The one clock of the program. Everything else gets the time as a parameter. [`Steps`] tells when somebody set it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use feedwatch_model::Time;

/// The wall clock, UTC. A clock before 1970 reads as the epoch.
#[allow(clippy::disallowed_methods)] // This is the one place.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A difference from here on is a clock that was set, and no clock that is being adjusted (at most 8.3 % where it is quick).
const SHORTEST_STEP: Duration = Duration::from_millis(300);
/// Two readings that lie further apart were interrupted, and tell nothing.
const AT_ONCE: Duration = Duration::from_millis(20);
/// Looks further apart than this may have missed that the clock is being adjusted quickly: a step must be a tenth of it.
const ADJUSTED: i64 = 10;

/// Finds out that the wall clock was set: it is compared with one that nobody can set and that goes on while the computer
/// sleeps. Where the system has none (other than Linux), only a clock that was set back is told, as a sleep looks like one
/// that was set forward. Whether the clock is synchronised is not asked: the system call for it (`adjtimex`) is not in
/// reach without unsafe code.
#[derive(Debug)]
pub struct Steps {
    last: Option<(Time, Duration)>,
    /// The other clock goes on during sleep.
    counts_sleep: bool,
}

impl Steps {
    /// One that has seen nothing. `counts_sleep`: whether the clock that nobody sets goes on while the computer sleeps.
    pub fn new(counts_sleep: bool) -> Steps {
        Steps { last: None, counts_sleep }
    }

    /// Looks at the wall clock, read between two readings of the other one: by how many nanoseconds it was set forward
    /// (back, where it is negative) since the last look.
    pub fn look(&mut self, before: Duration, wall: Time, after: Duration) -> Option<i64> {
        if after.saturating_sub(before) > AT_ONCE {
            return None;
        }
        let (last_wall, last) = self.last.replace((wall, before))?;
        let went = i64::try_from(before.saturating_sub(last).as_nanos()).unwrap_or(i64::MAX);
        let by = wall.nanos_since(last_wall).saturating_sub(went);
        let least = i64::try_from(SHORTEST_STEP.as_nanos()).unwrap_or(i64::MAX).max(went / ADJUSTED);
        (by.saturating_abs() >= least && (by < 0 || self.counts_sleep)).then_some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told when the clock was set by `by` ms in the `at`th of 100 looks.
    fn told(counts_sleep: bool, at: u64, by: i64, apart: u64) -> Vec<(u64, i64)> {
        let mut steps = Steps::new(counts_sleep);
        let look = |look: u64| {
            let went = Duration::from_millis(look * apart);
            let set = if look >= at { by } else { 0 };
            let wall = Time::from_millis(1_772_366_400_000 + (look * apart) as i64 + set);
            Some((look, steps.look(went, wall, went)? / 1_000_000))
        };
        (0..100).filter_map(look).collect()
    }

    #[test]
    fn a_clock_that_is_set_is_told_once_with_its_size() {
        for (by, told_of) in
            [(299, None), (300, Some(300)), (-300, Some(-300)), (3_600_000, Some(3_600_000)), (0, None)]
        {
            let expected: Vec<(u64, i64)> = told_of.map(|by| (50, by)).into_iter().collect();
            assert_eq!(told(true, 50, by, 50), expected, "{by}");
        }
    }

    #[test]
    fn a_clock_that_is_adjusted_is_not_set() {
        assert_eq!(told(true, 50, 4_000, 50_000), [], "a look every 50 s, and 8 % between two of them");
        assert_eq!(told(true, 50, 6_000, 50_000), [(50, 6_000)]);
    }

    #[test]
    fn where_sleep_is_not_counted_only_back_is_told() {
        assert_eq!(told(false, 50, 5_000, 50), []);
        assert_eq!(told(false, 50, -5_000, 50), [(50, -5_000)]);
    }

    #[test]
    fn readings_that_were_interrupted_tell_nothing() {
        let mut steps = Steps::new(true);
        let look = |steps: &mut Steps, before: u64, wall: i64, after: u64| {
            steps.look(Duration::from_millis(before), Time::from_millis(wall), Duration::from_millis(after))
        };
        assert_eq!(look(&mut steps, 0, 10_000, 0), None);
        assert_eq!(look(&mut steps, 50, 10_900, 900), None, "it was read 850 ms later");
        assert_eq!(look(&mut steps, 950, 10_950, 950), None);
    }
}
