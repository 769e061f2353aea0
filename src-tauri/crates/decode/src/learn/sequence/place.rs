//! Where the numbers of a scope stand, and how the next one fits.

use feedwatch_model::SequenceRule;

/// A number that falls back farther than this starts anew; otherwise it came late.
const LATE: u64 = 1000;

/// Where the numbers of a scope stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// In the catalogue; `u32::MAX`: not yet.
    pub(super) scope: u32,
    /// Goes on counting beyond a modulus.
    last: u64,
    /// A beginning (0 or 1) behind a greater number: numbered anew, as on a new connection, if the next one follows it;
    /// else it came late.
    beginning: Option<u64>,
}

/// How a number stands to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// One more.
    Next,
    /// More than one more.
    Up,
    Equal,
    /// From the last of so many to 0.
    Wrap(u64),
    Down,
}

impl Step {
    pub(super) fn of(last: u64, value: u64) -> Step {
        match value.checked_sub(last) {
            Some(0) => Step::Equal,
            Some(1) => Step::Next,
            Some(_) => Step::Up,
            None if value == 0 => Step::Wrap(last.saturating_add(1)),
            None => Step::Down,
        }
    }

    /// Whether it is the next one: also from the last of as many as counters have, to 0.
    pub(super) fn is_next(self) -> bool {
        match self {
            Step::Next => true,
            Step::Wrap(count) => is_modulus(count),
            _ => false,
        }
    }
}

/// So many numbers there are, if a counter that stood at `last` and is at `value` now has gone round: few are missing or come
/// late where it did so.
pub(super) fn round(last: u64, value: u64) -> Option<u64> {
    let next = last.checked_add(1)?;
    let binary = next.max(1 << 7).checked_next_power_of_two();
    let decimal = 10_u64
        .checked_pow(next.max(1000).ilog10())
        .and_then(|power| if power < next { power.checked_mul(10) } else { Some(power) });
    [binary, decimal].into_iter().flatten().find(|count| {
        // The last number, those that are missing, and the one that came.
        let around = (count - last).saturating_add(value);
        value < last && around <= (count / 28).clamp(1, 9)
    })
}

/// Whether a counter that begins anew behind so many numbers tells that by this alone: a power of two or of ten that
/// nobody counts to by chance.
pub(super) fn is_modulus(count: u64) -> bool {
    (count.is_power_of_two() && count >= 1 << 7) || (count >= 1000 && 10_u64.checked_pow(count.ilog10()) == Some(count))
}

impl Place {
    pub(super) fn new(last: u64) -> Place {
        Place { scope: u32::MAX, last, beginning: None }
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn set(&mut self, last: u64) {
        (self.last, self.beginning) = (last, None);
    }

    pub(super) fn is_next(&self, value: u64) -> bool {
        [Some(self.last), self.beginning].into_iter().flatten().any(|last| Step::of(last, value).is_next())
    }

    /// The number behind `value` of a counter with so many: the nearest to what is expected.
    pub(super) fn lifted(&self, value: u64, modulus: u64) -> u64 {
        if value >= modulus {
            return value;
        }
        let next = self.last.saturating_add(1);
        let turn = next - next % modulus;
        let there = [turn.checked_sub(modulus), Some(turn), turn.checked_add(modulus)];
        let lifted = there.into_iter().flatten().map(|turn| turn.saturating_add(value));
        lifted.min_by_key(|number| number.abs_diff(next)).unwrap_or(value)
    }

    /// Moves on by a rule that counts; the pairs that are now decided, and how many of them are broken.
    pub(super) fn count(&mut self, value: u64, may_begin: bool) -> (u64, u64) {
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
        let hit = follow(&mut self.last, value) == Step::Next;
        (1 + late, u64::from(!hit) + late)
    }

    /// Moves on by another rule; whether it held. `first`: what the message says of the one before it.
    pub(super) fn go(&mut self, rule: SequenceRule, first: u64, value: u64) -> bool {
        let last = self.last;
        let holds = match rule {
            SequenceRule::FirstFollowsLast => last.checked_add(1) == Some(first),
            SequenceRule::NamesPrevious => first == last,
            SequenceRule::Increasing => value > last,
            SequenceRule::NonDecreasing => value >= last,
            SequenceRule::PlusOne | SequenceRule::PlusOneModulo => last.checked_add(1) == Some(value),
        };
        if rule == SequenceRule::NamesPrevious {
            self.last = value;
        } else {
            follow(&mut self.last, value);
        }
        holds
    }
}

/// Moves `last` on.
pub(super) fn follow(last: &mut u64, value: u64) -> Step {
    let step = Step::of(*last, value);
    if value > *last || *last - value > LATE || step.is_next() {
        *last = value;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(numbers: impl IntoIterator<Item = u64>, named: bool) -> (u64, u64) {
        let mut numbers = numbers.into_iter();
        let mut place = Place::new(numbers.next().unwrap());
        numbers.map(|value| place.count(value, named)).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
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

    #[test]
    fn a_number_is_lifted_to_the_turn_it_belongs_to() {
        let place = Place::new(511);
        assert_eq!([0, 1, 255, 250, 100].map(|value| place.lifted(value, 256)), [512, 513, 511, 506, 612]);
        assert_eq!(Place::new(0).lifted(255, 256), 255, "there is no turn before the first");
        assert_eq!(Place::new(u64::MAX).lifted(3, 256), u64::MAX - 252, "the end of all numbers");
    }

    #[test]
    fn a_counter_goes_round_also_where_a_few_are_missing() {
        assert_eq!([(255, 0), (254, 0), (250, 2), (255, 5)].map(|(last, value)| round(last, value)), [Some(256); 4]);
        assert_eq!(round(65_534, 0), Some(65_536));
        assert_eq!(round(9_998, 1), Some(10_000));
        assert_eq!(round(u64::MAX - 1, 0), None);
        let none = [(240, 0), (255, 40), (100, 0), (300, 0), (59, 0), (5, 255), (0, 0), (u64::MAX, 0)];
        assert!(none.iter().all(|(last, value)| round(*last, *value).is_none()));
    }

    #[test]
    fn only_counts_that_counters_have_are_known_at_first_sight() {
        assert!([128, 256, 65_536, 1 << 32, 1000, 10_000].into_iter().all(is_modulus));
        assert!([0, 1, 16, 60, 24, 100, 365, 1024 + 1, 2000].into_iter().all(|count| !is_modulus(count)));
    }
}
