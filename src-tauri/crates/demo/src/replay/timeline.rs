//! A capture with its faults, as steps in the order of their times: the pure core of a replay.
//!
//! The axis is the capture's own time. A delayed message goes behind those it lets pass; cuts stand every so often from the first
//! message on, at most one before each message. Times that run backwards are taken as the latest seen.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use feedwatch_model::Time;

use super::faults::Faults;
use crate::frame::Frame;

/// What a replay does next, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) at: Time,
    pub(super) action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Send(Frame),
    Cut,
}

/// What was done to the messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) messages: u64,
    pub(super) dropped: u64,
    pub(super) repeated: u64,
    pub(super) delayed: u64,
}

/// A delayed message: by time, then by number.
struct Held {
    until: Time,
    number: u64,
    frame: Frame,
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Held) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Held) -> std::cmp::Ordering {
        (self.until, self.number).cmp(&(other.until, other.number))
    }
}

pub(super) struct Timeline<I> {
    frames: I,
    faults: Faults,
    rng: Rng,
    done: Done,
    held: BinaryHeap<Reverse<Held>>,
    ready: VecDeque<Step>,
    latest: Time,
    next_cut: Option<Time>,
}

impl<I: Iterator<Item = Frame>> Timeline<I> {
    pub(super) fn new(frames: I, faults: Faults) -> Timeline<I> {
        let rng = Rng::with_seed(faults.seed);
        Timeline {
            frames,
            faults,
            rng,
            done: Done::default(),
            held: BinaryHeap::new(),
            ready: VecDeque::new(),
            latest: Time::MIN,
            next_cut: None,
        }
    }

    pub(super) fn done(&self) -> Done {
        self.done
    }

    /// Takes one more message of the capture; false at its end.
    fn take(&mut self) -> bool {
        let Some(frame) = self.frames.next() else { return false };
        let number = self.done.messages;
        self.done.messages += 1;
        self.latest = self.latest.max(frame.at);
        let at = self.latest;
        // Both are asked for every message, so that one rule does not change whom the other meets.
        let (drop, dup) = (self.faults.drop.picks(number, &mut self.rng), self.faults.dup.picks(number, &mut self.rng));
        self.cut(at);
        self.release(Some(at));
        if drop {
            self.done.dropped += 1;
            return true;
        }
        let copies = if dup { 2 } else { 1 };
        self.done.repeated += copies - 1;
        let delay = self.faults.delay.get(&number).copied();
        self.done.delayed += u64::from(delay.is_some());
        for _ in 0..copies {
            match delay {
                Some(delay) => self.held.push(Reverse(Held { until: at.plus(delay), number, frame: frame.clone() })),
                None => self.ready.push_back(Step { at, action: Action::Send(frame.clone()) }),
            }
        }
        true
    }

    /// Lets go what was held until `to`, or all.
    fn release(&mut self, to: Option<Time>) {
        while self.held.peek().is_some_and(|Reverse(held)| to.is_none_or(|to| held.until <= to)) {
            let Some(Reverse(held)) = self.held.pop() else { return };
            self.ready.push_back(Step { at: held.until, action: Action::Send(held.frame) });
        }
    }

    fn cut(&mut self, at: Time) {
        let Some(every) = self.faults.cut else { return };
        let due = *self.next_cut.get_or_insert(at.plus(every));
        if due <= at {
            self.release(Some(due));
            self.ready.push_back(Step { at: due, action: Action::Cut });
            let every = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX);
            let since = at.nanos_since(due) / every * every;
            self.next_cut = Some(due.plus_nanos(since).plus_nanos(every));
        }
    }
}

impl<I: Iterator<Item = Frame>> Iterator for Timeline<I> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        while self.ready.is_empty() {
            if !self.take() {
                self.release(None);
                break;
            }
        }
        self.ready.pop_front()
    }
}

/// How long after the first message a step is due, at a speed.
pub(super) fn due(first: Time, at: Time, speed: f64) -> Duration {
    let nanos = at.nanos_since(first).max(0) as f64;
    // Beyond what can be told nobody waits for anyway.
    Duration::try_from_secs_f64(nanos / 1e9 / speed).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(count: u64) -> impl Iterator<Item = Frame> {
        (0..count).map(|n| Frame::new(Time::from_millis(n as i64 * 1000), n.to_string()))
    }

    fn played(count: u64, faults: &str) -> Vec<String> {
        let timeline = Timeline::new(frames(count), faults.parse().unwrap());
        timeline
            .map(|step| match step.action {
                Action::Send(frame) => String::from_utf8(frame.bytes.to_vec()).unwrap(),
                Action::Cut => "cut".to_owned(),
            })
            .collect()
    }

    #[test]
    fn without_faults_messages_come_in_order() {
        assert_eq!(played(4, ""), ["0", "1", "2", "3"]);
    }

    #[test]
    fn a_dropped_message_is_missing_and_a_doubled_one_comes_twice() {
        assert_eq!(played(5, "drop=0,2;dup=3"), ["1", "3", "3", "4"]);
    }

    #[test]
    fn a_delayed_message_is_passed_by_those_that_follow() {
        assert_eq!(played(6, "delay=1:2500ms"), ["0", "2", "3", "1", "4", "5"]);
        assert_eq!(played(3, "delay=1:1h"), ["0", "2", "1"]);
    }

    #[test]
    fn a_cut_comes_every_so_often() {
        assert_eq!(played(6, "cut=2s"), ["0", "1", "cut", "2", "3", "cut", "4", "5"]);
    }

    #[test]
    fn a_long_pause_has_one_cut() {
        let times = [0, 1, 3_600_000_000];
        let frames = times.map(|second| Frame::new(Time::from_millis(second * 1000), "x"));
        let steps: Vec<Step> = Timeline::new(frames.into_iter(), "cut=30s".parse().unwrap()).collect();
        assert_eq!(steps.iter().filter(|step| step.action == Action::Cut).count(), 1);
    }

    #[test]
    fn a_speed_divides_the_distance() {
        let (first, at) = (Time::from_millis(0), Time::from_millis(5000));
        assert_eq!(due(first, at, 10.0), Duration::from_millis(500));
        assert_eq!(due(at, first, 10.0), Duration::ZERO);
        assert_eq!(due(Time::MIN, Time::MAX, 1e-300), Duration::MAX);
    }

    proptest! {
        #[test]
        fn every_message_is_dropped_or_sent_as_often_as_said(
            times in proptest::collection::vec(-10_000i64..10_000, 0..60),
            drop in proptest::collection::vec(0u64..60, 1..5),
            dup in proptest::collection::vec(0u64..60, 1..5),
            delayed in 0u64..60,
            delay in 1u64..20_000,
            cut in 1u64..5_000,
        ) {
            let list = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
            let spec = format!("drop={};dup={};delay={delayed}:{delay}ms;cut={cut}ms", list(&drop), list(&dup));
            let frames = times.iter().map(|at| Frame::new(Time::from_millis(*at), "x"));
            let mut timeline = Timeline::new(frames, spec.parse().unwrap());
            let (mut sent, mut last) = (0, Time::MIN);
            for step in timeline.by_ref() {
                prop_assert!(step.at >= last, "time runs backwards");
                last = step.at;
                sent += u64::from(step.action != Action::Cut);
            }
            let done = timeline.done();
            prop_assert_eq!(done.messages, times.len() as u64);
            prop_assert_eq!(sent, done.messages - done.dropped + done.repeated);
        }

        #[test]
        fn the_same_seed_meets_the_same_messages(seed: u64) {
            let spec = format!("drop=20%;dup=20%;seed={seed}");
            prop_assert_eq!(played(100, &spec), played(100, &spec));
        }
    }
}
