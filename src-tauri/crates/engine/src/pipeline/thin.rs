//! The rate limit on our side: which samples of a series are charted, judged by a detector and kept, where a feed brings more
//! than anybody needs. Checks of the messages come before it and see every one.
//!
//! What is left out is counted apart from everything that is lost. The newest value of a slot is known when the slot is over,
//! so it stands in the charts that much later; a program that is killed takes those values along.

use std::fmt;
use std::time::Duration;

use feedwatch_model::{Quality, Time, Value};

use crate::text::{count_of, seconds};

/// A feed's rate limit. It holds for each series by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// The newest value of each stretch of this length, by the time of receipt.
    Newest(Duration),
    /// Every so manieth value, from the first on.
    Every(u32),
    /// At most so many values a second: one that comes sooner after the last is left out.
    AtMost(u32),
}

impl Ready {
    /// The time by which a limit counts: what was held up by an outage comes all at once, and was not sent so.
    fn due(&self) -> Time {
        if self.quality == Quality::Backfilled { self.at } else { self.received }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::Newest(per) if *per < Duration::from_secs(1) => {
                write!(f, "the newest value per {} ms", per.as_millis())
            }
            Rate::Newest(per) => write!(f, "the newest value per {}", seconds(per.as_secs_f64())),
            Rate::Every(count) => write!(f, "one value of {}", count_of(u64::from(*count))),
            Rate::AtMost(1) => f.write_str("at most 1 value a second"),
            Rate::AtMost(count) => write!(f, "at most {} values a second", count_of(u64::from(*count))),
        }
    }
}

/// A sample that is ready to be charted, judged and kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ready {
    pub(super) at: Time,
    pub(super) received: Time,
    pub(super) value: Value,
    pub(super) quality: Quality,
}

/// What a limit remembers of a series.
#[derive(Clone, Debug, Default)]
pub(super) struct Thin {
    seen: u64,
    /// The receive time of the last sample that was let through.
    last: Option<Time>,
    /// The newest of the slot under way.
    held: Option<Ready>,
}

impl Thin {
    /// Takes a sample; gives the one that goes on now, if any, and how many are left out by it.
    pub(super) fn take(&mut self, rate: Rate, sample: Ready) -> (Option<Ready>, u64) {
        match rate {
            Rate::Newest(per) => {
                let Some(held) = self.held.replace(sample) else { return (None, 0) };
                let same = slot(held.due(), per) == slot(sample.due(), per);
                if same { (None, 1) } else { (Some(held), 0) }
            }
            Rate::Every(count) => {
                let passes = self.seen.is_multiple_of(u64::from(count.max(1)));
                self.seen += 1;
                if passes { (Some(sample), 0) } else { (None, 1) }
            }
            Rate::AtMost(count) => {
                let apart = feedwatch_model::NANOS_PER_SECOND / i64::from(count.max(1));
                let since = self.last.map(|last| sample.due().nanos_since(last));
                // A clock that was set back begins anew.
                let passes = since.is_none_or(|since| since >= apart || since < 0);
                if !passes {
                    return (None, 1);
                }
                self.last = Some(sample.due());
                (Some(sample), 0)
            }
        }
    }

    /// Time goes by: gives what was held of a slot that is over at `now`; with `None` whatever is held.
    pub(super) fn elapse(&mut self, rate: Rate, now: Option<Time>) -> Option<Ready> {
        let Rate::Newest(per) = rate else { return None };
        self.held.take_if(|held| now.is_none_or(|now| slot(now, per) > slot(held.due(), per)))
    }
}

fn slot(at: Time, per: Duration) -> i64 {
    at.nanos().div_euclid(i64::try_from(per.as_nanos()).unwrap_or(i64::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(millis: i64, value: f64) -> Ready {
        let at = Time::from_millis(millis);
        Ready { at, received: at, value: Value::F64(value), quality: Quality::Good }
    }

    /// What goes on of samples that come every 100 ms, and how many are left out.
    fn run(rate: Rate, count: i64) -> (Vec<i64>, u64) {
        let (mut thin, mut passed, mut left_out) = (Thin::default(), Vec::new(), 0);
        for number in 0..count {
            let (ready, out) = thin.take(rate, sample(number * 100, number as f64));
            passed.extend(ready);
            left_out += out;
        }
        passed.extend(thin.elapse(rate, None));
        (passed.iter().map(|ready| ready.at.nanos() / 100_000_000).collect(), left_out)
    }

    #[test]
    fn of_each_slot_the_newest_goes_on() {
        assert_eq!(run(Rate::Newest(Duration::from_millis(300)), 8), (vec![2, 5, 7], 5));
        let mut thin = Thin::default();
        let rate = Rate::Newest(Duration::from_millis(300));
        assert_eq!(thin.take(rate, sample(10, 1.0)), (None, 0));
        assert_eq!(thin.elapse(rate, Some(Time::from_millis(299))), None);
        assert_eq!(thin.elapse(rate, Some(Time::from_millis(300))), Some(sample(10, 1.0)), "also when nothing follows");
        assert_eq!(thin.elapse(rate, Some(Time::from_millis(600))), None);
    }

    #[test]
    fn one_of_so_many_goes_on_from_the_first() {
        assert_eq!(run(Rate::Every(3), 8), (vec![0, 3, 6], 5));
        assert_eq!(run(Rate::Every(1), 3), (vec![0, 1, 2], 0));
    }

    #[test]
    fn at_most_so_many_a_second_go_on() {
        assert_eq!(run(Rate::AtMost(5), 8), (vec![0, 2, 4, 6], 4));
        assert_eq!(run(Rate::AtMost(1), 25), (vec![0, 10, 20], 22));
    }

    #[test]
    fn what_was_held_up_is_limited_by_when_it_was_sent() {
        let held_up = |millis: i64| Ready {
            received: Time::from_millis(90_000),
            quality: Quality::Backfilled,
            ..sample(millis, 1.0)
        };
        for (rate, passed) in [(Rate::AtMost(5), 4), (Rate::Newest(Duration::from_millis(300)), 2)] {
            let mut thin = Thin::default();
            let went_on = (0..8).filter(|number| thin.take(rate, held_up(number * 100)).0.is_some()).count();
            assert_eq!(went_on, passed, "{rate}");
            assert!(
                thin.take(rate, sample(90_001, 2.0)).0.is_some(),
                "and what comes behind it is not compared with it"
            );
        }
    }

    #[test]
    fn limits_read_as_people_say_them() {
        let said = |rate: Rate| rate.to_string();
        assert_eq!(said(Rate::Newest(Duration::from_millis(250))), "the newest value per 250 ms");
        assert_eq!(said(Rate::Every(10)), "one value of 10");
        assert_eq!(said(Rate::AtMost(1_000)), "at most 1,000 values a second");
    }

    proptest! {
        /// Whatever the times: every sample goes on or is counted, and of those that go on the order is kept.
        #[test]
        fn every_sample_goes_on_or_is_counted(
            times in proptest::collection::vec(any::<i64>(), 0..60),
            rate in prop_oneof![
                (1u64..10_000).prop_map(|millis| Rate::Newest(Duration::from_millis(millis))),
                (1u32..9).prop_map(Rate::Every),
                (1u32..1_000_000).prop_map(Rate::AtMost),
            ],
        ) {
            let (mut thin, mut passed, mut left_out) = (Thin::default(), Vec::new(), 0);
            for (number, nanos) in times.iter().enumerate() {
                let received = Time::from_nanos(*nanos);
                let (ready, out) = thin.take(rate, Ready { received, ..sample(0, number as f64) });
                passed.extend(ready);
                left_out += out;
            }
            passed.extend(thin.elapse(rate, None));
            prop_assert_eq!(passed.len() as u64 + left_out, times.len() as u64);
            let values: Vec<f64> = passed.iter().map(|ready| ready.value.as_f64()).collect();
            prop_assert!(values.is_sorted());
        }
    }
}
