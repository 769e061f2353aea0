//! Outages that are over, and which messages of their time came after all: sent again by a broker, by a server that resumes,
//! or upon a request.
//!
//! Such a message is told by when it was sent, by its own word or its broker's: farther before the outage's end than any
//! message is usually late. While the other side works off what has piled up, its messages are late too, though they were
//! sent after the outage; those that are later than usual by more than a trusted clock may be off count as held up as well.
//! What was sent while nobody watched comes only where the other side kept it for us.

use std::collections::VecDeque;

use feedwatch_model::{Gap, GapCause, NANOS_PER_SECOND, Time};

use crate::axis::TRUSTED;
use crate::text::count_of;

/// So many outages are remembered: a connection that comes and goes has several before what piled up is worked off.
const REMEMBERED: usize = 16;
/// How long after an outage messages of its time are expected: twice as long as it lasted, and this, nanoseconds.
const GRACE: i64 = 600 * NANOS_PER_SECOND;
/// When nothing more has come for so long a person is told, nanoseconds.
const SETTLED: i64 = 2 * NANOS_PER_SECOND;

/// The latest outages of one feed, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Outages {
    past: VecDeque<Outage>,
    /// Nothing that was sent after this, and is no later than a trusted clock may be off, belongs to an outage.
    settled: Option<Time>,
}

#[derive(Clone, Debug)]
struct Outage {
    gap: Gap,
    /// What was sent in between was of its time, by the clock of the sender.
    from: Time,
    to: Time,
    /// What is received later has nothing to do with it.
    until: Time,
    /// How late messages usually are at most, nanoseconds.
    late: i64,
    filled: u64,
    told: u64,
    /// What was told to a person, when nothing more came for a while; and since when nothing has.
    noted: u64,
    since: Time,
}

impl Outages {
    /// A gap is over. No message of the feed is usually later than `late` nanoseconds.
    pub(super) fn over(&mut self, gap: Gap, late: i64) {
        let Some(end) = gap.to else { return };
        if self.past.len() == REMEMBERED {
            self.past.pop_front();
        }
        let length = end.nanos_since(gap.from).max(0);
        let (from, to) = (gap.from.plus_nanos(late.saturating_neg()), end.plus_nanos(late.saturating_neg()));
        let until = end.plus_nanos(length.saturating_mul(2).saturating_add(GRACE));
        self.settled = self.settled.max(Some(to));
        self.past.push_back(Outage { gap, from, to, until, late, filled: 0, told: 0, noted: 0, since: end });
    }

    /// Was a message that came now held up by an outage? `kept`: the other side keeps messages for us.
    #[inline]
    pub(super) fn held_up(&mut self, sent: Time, received: Time, kept: bool) -> bool {
        match self.settled {
            None => false,
            Some(settled) if sent >= settled && received.nanos_since(sent) <= TRUSTED => false,
            Some(_) => self.find(sent, received, kept),
        }
    }

    #[cold]
    fn find(&mut self, sent: Time, received: Time, kept: bool) -> bool {
        let mut behind = false;
        for outage in self.past.iter_mut().rev() {
            let nobody_asked = outage.gap.cause == GapCause::Stopped && !kept;
            if nobody_asked || received > outage.until || sent <= outage.from {
                continue;
            }
            if sent < outage.to {
                outage.filled += 1;
                return true;
            }
            behind |= received.nanos_since(sent) > TRUSTED.saturating_add(outage.late);
        }
        behind
    }

    /// Gaps of which more was filled since they were last told, with how much in words.
    pub(super) fn told(&mut self, now: Time) -> impl Iterator<Item = Gap> {
        self.past.iter_mut().filter(|outage| outage.filled > outage.told).map(move |outage| {
            (outage.told, outage.since) = (outage.filled, now);
            let came = if outage.filled == 1 { "message of this time came" } else { "messages of this time came" };
            let detail = format!("{} {} {came} after all.", outage.gap.detail, count_of(outage.filled));
            Gap { detail, ..outage.gap.clone() }
        })
    }
}

impl Outages {
    /// How many messages came of outages of which nothing more has come for a while, once.
    pub(super) fn settled(&mut self, now: Time) -> Option<u64> {
        let is_due = |outage: &&mut Outage| outage.told > outage.noted && now.nanos_since(outage.since) >= SETTLED;
        let came = self.past.iter_mut().filter(is_due).map(|outage| {
            let came = outage.told - outage.noted;
            outage.noted = outage.told;
            came
        });
        Some(came.sum()).filter(|came| *came > 0)
    }
}

#[cfg(test)]
mod tests {
    use feedwatch_model::FeedId;
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = NANOS_PER_SECOND;

    fn gap(from: i64, to: i64) -> Gap {
        let (from, to) = (Time::from_millis(from * 1000), Some(Time::from_millis(to * 1000)));
        Gap { feed: FeedId(1), from, to, cause: GapCause::Disconnected, missing: None, detail: "It was cut.".into() }
    }

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn details(outages: &mut Outages) -> Vec<String> {
        outages.told(at(0)).map(|gap| gap.detail).collect()
    }

    #[test]
    fn what_was_sent_in_an_outage_and_came_behind_it_was_held_up() {
        let mut outages = Outages::default();
        assert!(!outages.held_up(at(50), at(100), false), "without an outage it is only late");
        outages.over(gap(100, 700), SECOND);
        assert!(outages.held_up(at(101), at(701), false) && outages.held_up(at(698), at(702), false));
        assert!(!outages.held_up(at(699), at(700), false), "no later than the feed's messages usually are");
        assert!(!outages.held_up(at(90), at(703), false), "sent before it");
        assert_eq!(details(&mut outages), ["It was cut. 2 messages of this time came after all."]);
        assert!(details(&mut outages).is_empty(), "it is told once");
    }

    #[test]
    fn what_was_sent_while_the_rest_was_worked_off_was_held_up_too_and_fills_nothing() {
        let mut outages = Outages::default();
        outages.over(gap(1_000, 2_000), 0);
        assert!(outages.held_up(at(2_100), at(2_500), false));
        assert!(!outages.held_up(at(2_450), at(2_500), false), "caught up");
        assert!(details(&mut outages).is_empty());
    }

    #[test]
    fn a_person_is_told_once_when_nothing_more_comes() {
        let mut outages = Outages::default();
        outages.over(gap(100, 700), 0);
        let mut told = Vec::new();
        for second in 700..720 {
            if second < 710 {
                assert!(outages.held_up(at(second - 300), at(second), false));
            }
            outages.told(at(second)).for_each(drop);
            told.extend(outages.settled(at(second)));
        }
        assert_eq!(told, [10]);
    }

    #[test]
    fn each_of_several_outages_is_filled_by_what_is_its_own() {
        let mut outages = Outages::default();
        outages.over(gap(100, 200), 0);
        outages.over(gap(210, 300), 0);
        let held: Vec<bool> =
            [150, 205, 250, 305].iter().map(|sent| outages.held_up(at(*sent), at(310), false)).collect();
        assert_eq!(held, [true, false, true, false]);
        let told: Vec<Time> = outages.told(at(310)).map(|gap| gap.from).collect();
        assert_eq!(told, [at(100), at(210)]);
    }

    #[test]
    fn what_was_sent_while_nobody_watched_comes_only_from_who_keeps_it() {
        let mut outages = Outages::default();
        outages.over(Gap { cause: GapCause::Stopped, ..gap(100, 700) }, SECOND);
        assert!(!outages.held_up(at(300), at(701), false), "its clock may be wrong");
        assert!(outages.held_up(at(300), at(701), true));
    }

    #[test]
    fn one_that_is_always_late_is_not_taken_for_one_that_catches_up() {
        let mut outages = Outages::default();
        outages.over(gap(1_000, 1_001), 600 * SECOND);
        for second in 1_001..1_500 {
            assert!(!outages.held_up(at(second - 600), at(second), true), "{second}");
        }
    }

    #[test]
    fn a_clock_that_goes_wrong_long_after_an_outage_was_not_held_up() {
        let mut outages = Outages::default();
        outages.over(gap(100, 110), 0);
        assert!(outages.held_up(at(105), at(700), false));
        assert!(!outages.held_up(at(105), at(800), false) && !outages.held_up(at(200), at(800), false));
    }

    proptest! {
        /// Whatever the times: nothing panics, no more outages are remembered than may be, and what came as soon as it was
        /// sent was never held up.
        #[test]
        fn what_came_at_once_was_not_held_up(
            gaps in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<i64>()), 0..40),
            times in proptest::collection::vec((any::<i64>(), any::<i64>()), 0..40),
        ) {
            let mut outages = Outages::default();
            let mut latest = i64::MIN;
            for (from, to, late) in gaps {
                let to = Time::from_nanos(to);
                latest = latest.max(to.nanos());
                outages.over(Gap { from: Time::from_nanos(from), to: Some(to), ..gap(0, 0) }, late.saturating_abs());
            }
            for (sent, received) in times {
                outages.held_up(Time::from_nanos(sent), Time::from_nanos(received), false);
            }
            prop_assert!(outages.past.len() <= REMEMBERED);
            let now = Time::from_nanos(latest.saturating_add(1));
            prop_assert!(!outages.held_up(now, now, false));
            prop_assert!(outages.told(now).count() <= REMEMBERED);
        }
    }
}
