//! Which of a feed's endpoints are wanted at a moment. Pure: times are given, counted from the feed's start.
//!
//! *Redundant*: all of them; at the start one is given [`LEAD`], so that the feed is learned from one line before copies of
//! it come that may differ in a byte. *Failover*: the first, and each further one while those before it do not suffice. One suffices
//! - while its first try is under way, for [`PATIENCE`], unless a drill had shut it;
//! - when it is connected and was never lost, or has stood for a while since: [`Rules::return_after`], twice as long each
//!   time it was lost again soon after the feed had returned to it (at most 16 times), so that it does not flap;
//! - unless it has fallen silent while others may know more, see [`super::rhythm`].
//!
//! A preferred endpoint that is back delivers at once; the backup is closed only when it suffices, and until then the copies
//! of both are arbitrated, so that going back loses nothing.

use std::time::Duration;

/// How a feed's endpoints share the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The first that works; back to the preferred one when it has been well for a while.
    #[default]
    Failover,
    /// All at once; the first copy of each message counts.
    Redundant,
}

/// What an operator decides about a feed's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How they share the work.
    pub mode: Mode,
    /// For so long an endpoint that was lost must stand before those behind it are given up.
    pub return_after: Duration,
    /// How far one may be behind another: within it equal messages are copies.
    pub window: Duration,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { mode: Mode::Failover, return_after: Duration::from_secs(30), window: Duration::from_secs(10) }
    }
}

/// For so long the first try may go on before the next endpoint is tried beside it.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// Two connections overlap for so long at least before one is given up for the other.
const OVERLAP: Duration = Duration::from_secs(2);
/// At the start of a redundant feed one endpoint comes so much before the others.
const LEAD: Duration = Duration::from_secs(2);
/// The wait before a return doubles so often at most.
const DOUBLINGS: u32 = 4;
/// An endpoint that stood for so many times its wait is taken for steady again.
const STEADY: u32 = 10;

/// Where an endpoint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    /// Not wanted, not connected.
    Shut,
    /// Its first try since it is wanted is under way.
    Trying,
    Failed,
    Up,
    /// The source has no more; it is not tried again.
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    is: Is,
    since: Duration,
    /// It was lost, and must stand for so long before it suffices again.
    probation: Option<Duration>,
    /// How often it was lost in a row, each time before it was steady again.
    losses: u32,
    /// A drill keeps it shut.
    drilled: bool,
    /// It is connected, and silent for longer than usual.
    silent: bool,
}

/// What is known of all endpoints.
#[derive(Debug)]
pub(super) struct Plan {
    rules: Rules,
    lines: Vec<Standing>,
}

impl Plan {
    pub(super) fn new(lines: usize, rules: Rules) -> Plan {
        let standing =
            Standing { is: Is::Shut, since: Duration::ZERO, probation: None, losses: 0, drilled: false, silent: false };
        Plan { rules, lines: vec![standing; lines] }
    }

    pub(super) fn is(&self, line: usize) -> Is {
        self.lines.get(line).map_or(Is::Ended, |line| line.is)
    }

    /// The endpoint that the feed rests on: the first that is connected.
    pub(super) fn active(&self) -> Option<usize> {
        self.lines.iter().position(|line| line.is == Is::Up)
    }

    pub(super) fn connected(&mut self, line: usize, now: Duration) {
        let is_replaced = self.lines.iter().skip(line + 1).any(|other| other.is == Is::Up);
        let overlap = OVERLAP.min(self.rules.return_after);
        if let Some(line) = self.lines.get_mut(line) {
            (line.is, line.since, line.silent) = (Is::Up, now, false);
            if is_replaced {
                // That it is connected does not say that anything comes yet.
                line.probation.get_or_insert(overlap);
            }
        }
    }

    pub(super) fn failed(&mut self, line: usize, now: Duration) {
        let wait = self.rules.return_after;
        let Some(line) = self.lines.get_mut(line) else { return };
        if line.is == Is::Up {
            let stood = now.saturating_sub(line.since);
            let was_steady = line.losses == 0 || stood >= wait.saturating_mul(STEADY << line.losses);
            line.losses = if was_steady { 1 } else { (line.losses + 1).min(DOUBLINGS + 1) };
        }
        (line.is, line.since, line.silent) = (Is::Failed, now, false);
        line.probation = Some(wait.saturating_mul(1 << line.losses.saturating_sub(1)));
    }

    pub(super) fn stood_down(&mut self, line: usize, now: Duration) {
        if let Some(line) = self.lines.get_mut(line) {
            (line.is, line.since, line.silent) = (Is::Shut, now, false);
            line.probation.take_if(|_| !line.drilled);
        }
    }

    pub(super) fn ended(&mut self, line: usize, now: Duration) {
        if let Some(line) = self.lines.get_mut(line) {
            (line.is, line.since) = (Is::Ended, now);
        }
    }

    /// A drill keeps it shut, or no longer.
    pub(super) fn drill(&mut self, line: usize, on: bool) {
        if let Some(line) = self.lines.get_mut(line) {
            line.drilled = on;
            // Nothing was wrong with it: it only has to bring what the others would still bring.
            line.probation = Some(OVERLAP.min(self.rules.return_after));
        }
    }

    /// It is connected, but was silent for longer than usual; or has spoken again.
    pub(super) fn silent(&mut self, line: usize, silent: bool) {
        if let Some(line) = self.lines.get_mut(line) {
            line.silent = silent && line.is == Is::Up;
        }
    }

    /// Which endpoints are wanted now. Those that are and stood shut count as being tried from now on.
    pub(super) fn wants(&mut self, now: Duration) -> Vec<bool> {
        let mut needed = true;
        let mode = self.rules.mode;
        let mut wants = Vec::with_capacity(self.lines.len());
        for line in &mut self.lines {
            let wanted = !line.drilled && (needed || mode == Mode::Redundant && now >= LEAD);
            if wanted && line.is == Is::Shut {
                (line.is, line.since) = (Is::Trying, now);
            }
            needed &= line.drilled || !line.suffices(now);
            wants.push(wanted);
        }
        wants
    }

    /// When to look again although nothing happens.
    pub(super) fn next_look(&self, now: Duration) -> Option<Duration> {
        let lead = (self.rules.mode == Mode::Redundant).then_some(LEAD);
        let due = self.lines.iter().filter_map(|line| match line.is {
            Is::Trying => Some(line.since + PATIENCE),
            Is::Up => line.probation.map(|wait| line.since + wait),
            _ => None,
        });
        due.chain(lead).filter(|due| *due > now).min()
    }
}

impl Standing {
    fn suffices(&mut self, now: Duration) -> bool {
        let stood = now.saturating_sub(self.since);
        match self.is {
            Is::Trying => self.probation.is_none() && stood < PATIENCE,
            Is::Up => {
                self.probation.take_if(|wait| stood >= *wait);
                self.probation.is_none() && !self.silent
            }
            Is::Shut | Is::Failed | Is::Ended => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn failover(lines: usize) -> Plan {
        let mut plan = Plan::new(lines, Rules::default());
        plan.wants(secs(0));
        plan
    }

    #[test]
    fn the_backup_is_wanted_while_the_preferred_one_does_not_suffice() {
        let mut plan = failover(3);
        assert_eq!(plan.wants(secs(0)), [true, false, false]);
        plan.connected(0, secs(1));
        assert_eq!(plan.wants(secs(100)), [true, false, false]);
        plan.failed(0, secs(100));
        assert_eq!(plan.wants(secs(100)), [true, true, false], "the preferred one is tried on");
        plan.connected(1, secs(101));
        assert_eq!(plan.wants(secs(200)), [true, true, false]);
        plan.failed(1, secs(200));
        assert_eq!(plan.wants(secs(200)), [true, true, true]);
    }

    #[test]
    fn the_feed_returns_when_the_preferred_one_has_stood_for_a_while() {
        let mut plan = failover(2);
        plan.connected(0, secs(0));
        plan.failed(0, secs(1000));
        plan.wants(secs(1000));
        plan.connected(1, secs(1000));
        plan.connected(0, secs(1010));
        assert_eq!(plan.wants(secs(1039)), [true, true]);
        assert_eq!(plan.next_look(secs(1039)), Some(secs(1040)));
        assert_eq!(plan.wants(secs(1040)), [true, false]);
    }

    #[test]
    fn one_that_flaps_has_to_stand_longer_each_time() {
        let mut plan = failover(2);
        let mut now = secs(0);
        let mut waits = Vec::new();
        for _ in 0..7 {
            plan.connected(0, now);
            let back = now;
            while plan.wants(now)[1] {
                now += secs(1);
            }
            waits.push((now - back).as_secs());
            now += secs(5);
            plan.failed(0, now);
            assert_eq!(plan.wants(now), [true, true]);
            plan.connected(1, now);
        }
        assert_eq!(waits, [0, 30, 60, 120, 240, 480, 480]);
        plan.connected(0, now);
        now += secs(10_000);
        plan.wants(now);
        plan.failed(0, now);
        plan.connected(0, now);
        assert!(plan.wants(now + secs(29))[1] && !plan.wants(now + secs(30))[1], "what stood long is steady again");
    }

    #[test]
    fn a_first_try_that_takes_long_does_not_hold_up_the_feed() {
        let mut plan = failover(2);
        assert_eq!(plan.wants(secs(1)), [true, false]);
        assert_eq!(plan.next_look(secs(1)), Some(PATIENCE));
        assert_eq!(plan.wants(PATIENCE), [true, true]);
    }

    #[test]
    fn a_first_try_that_ends_well_after_all_overlaps_with_the_backup() {
        let mut plan = failover(2);
        plan.wants(PATIENCE);
        plan.connected(1, secs(3));
        plan.connected(0, secs(4));
        assert_eq!(plan.wants(secs(5)), [true, true]);
        assert_eq!(plan.next_look(secs(5)), Some(secs(6)));
        assert_eq!(plan.wants(secs(6)), [true, false]);
    }

    #[test]
    fn one_that_is_connected_but_silent_does_not_suffice() {
        let mut plan = failover(2);
        plan.connected(0, secs(1));
        plan.silent(0, true);
        assert_eq!(plan.wants(secs(2)), [true, true]);
        plan.silent(0, false);
        assert_eq!(plan.wants(secs(3)), [true, false]);
    }

    #[test]
    fn a_drill_shuts_one_and_leaves_nothing_behind() {
        let mut plan = failover(2);
        plan.connected(0, secs(1));
        plan.drill(0, true);
        assert_eq!(plan.wants(secs(2)), [false, true]);
        plan.stood_down(0, secs(2));
        plan.connected(1, secs(2));
        plan.drill(0, false);
        assert_eq!(plan.wants(secs(9)), [true, true], "it is tried");
        plan.connected(0, secs(10));
        assert_eq!(plan.wants(secs(11)), [true, true], "what the backup still brings is not lost");
        assert_eq!(plan.wants(secs(12)), [true, false], "nothing was wrong with it");
    }

    #[test]
    fn of_a_redundant_feed_all_are_wanted() {
        let mut plan = Plan::new(3, Rules { mode: Mode::Redundant, ..Rules::default() });
        assert_eq!(plan.wants(secs(0)), [true, false, false], "one leads");
        assert_eq!(plan.next_look(secs(0)), Some(LEAD));
        plan.failed(0, secs(1));
        assert_eq!(plan.wants(secs(1)), [true, true, false], "unless it cannot");
        plan.connected(1, secs(1));
        assert_eq!(plan.wants(secs(2)), [true, true, true]);
        assert_eq!(plan.wants(secs(99)), [true, true, true]);
    }

    proptest! {
        /// Whatever happens, something is wanted unless a drill shuts it, and none behind one that suffices.
        #[test]
        fn something_is_always_wanted(
            steps in prop::collection::vec((0usize..3, 0u8..6, 0u64..100), 1..100),
        ) {
            let mut plan = failover(3);
            let mut now = secs(0);
            for (line, what, wait) in steps {
                now += secs(wait);
                match what {
                    0 | 1 => plan.connected(line, now),
                    2 | 3 => plan.failed(line, now),
                    4 => plan.silent(line, true),
                    _ => plan.stood_down(line, now),
                }
                let wants = plan.wants(now);
                prop_assert!(wants[0]);
                prop_assert!(wants.windows(2).all(|pair| pair[0] || !pair[1]), "no backup before those before it");
                if let Some(active) = plan.active() {
                    let before_suffice = plan.lines[active].probation.is_some() || plan.lines[active].silent;
                    prop_assert!(before_suffice || wants.iter().skip(active + 1).all(|want| !want));
                }
            }
        }
    }
}
