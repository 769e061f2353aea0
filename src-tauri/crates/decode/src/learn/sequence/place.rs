//! Where the numbers of a scope stand, and how the next one fits.

/// A number that falls back farther than this starts anew; otherwise it came late.
const LATE: u64 = 1000;

/// Where the numbers of a scope stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// In the catalogue; `u32::MAX`: not yet.
    pub(super) scope: u32,
    last: u64,
    /// A beginning (0 or 1) behind a greater number: numbered anew, as on a new connection, if the next one follows it;
    /// else it came late.
    beginning: Option<u64>,
}

impl Place {
    pub(super) fn new(last: u64) -> Place {
        Place { scope: u32::MAX, last, beginning: None }
    }

    pub(super) fn is_next(&self, value: u64) -> bool {
        [Some(self.last), self.beginning].into_iter().flatten().any(|last| last.checked_add(1) == Some(value))
    }

    /// Moves on; the pairs that are now decided, and how many of them are broken.
    pub(super) fn follow(&mut self, value: u64, may_begin: bool) -> (u64, u64) {
        let beginning = self.beginning.take();
        let mut late = 0;
        match beginning {
            // The pair across a beginning is none.
            Some(first) if first + 1 == value => self.last = first,
            Some(_) => late = 1,
            None => {}
        }
        if may_begin && value <= 1 && value < self.last {
            self.beginning = Some(value);
            return (late, late);
        }
        let hit = follow(&mut self.last, value);
        (1 + late, u64::from(!hit) + late)
    }
}

/// Moves `last` on; whether `value` was the next one.
pub(super) fn follow(last: &mut u64, value: u64) -> bool {
    let hit = last.checked_add(1) == Some(value);
    if value > *last || *last - value > LATE {
        *last = value;
    }
    hit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(numbers: impl IntoIterator<Item = u64>, named: bool) -> (u64, u64) {
        let mut numbers = numbers.into_iter();
        let mut place = Place::new(numbers.next().unwrap());
        numbers.map(|value| place.follow(value, named)).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }

    #[test]
    fn numbers_that_begin_anew_are_counted_from_there_on() {
        let thrice = || (1..=10).chain(1..=10).chain(1..=10);
        assert_eq!(counted(thrice(), true), (27, 0));
        assert_eq!(counted((0..10).chain(0..10), true), (18, 0));
        // A number that is not called one: every pair tells against it.
        assert_eq!(counted(thrice(), false), (29, 20));
    }

    #[test]
    fn a_beginning_that_nothing_follows_came_late() {
        assert_eq!(counted([0, 2, 1, 3, 4], true), (4, 2), "the gap and the late one");
        assert_eq!(counted([5, 1, 6, 1, 7, 8], true), (5, 2));
        assert_eq!(counted([1, 2, 2, 3, 5, 6], true), (5, 2), "a repeated one and a gap");
    }
}
