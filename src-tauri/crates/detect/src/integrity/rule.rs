//! The scopes of one rule, each as its numbers follow each other.

use feedwatch_model::{SequenceRule, Time};

use super::chain::Chain;
use super::lane::{Filled, Hole, Lane, Place, Step, Wait};
use super::rising::Rising;

/// One scope, however its numbers follow each other.
pub(super) trait Numbers {
    /// The number of the message that went on last.
    fn last_message(&self) -> u64;
    fn highest(&self) -> u64;
    /// Begins anew. What is still held must have been taken with [`Numbers::take_due`].
    fn begin(&mut self, place: &Place);
    /// Whether something waits to be decided.
    fn is_holding(&self) -> bool {
        false
    }
    /// Holes that are held.
    fn held(&self) -> u32 {
        0
    }
    /// When the oldest of them opened.
    fn held_since(&self) -> Option<Time> {
        None
    }
    /// The hole that the last step opened.
    fn newest(&mut self) -> Option<&mut Hole> {
        None
    }
    /// Numbers that turned out to stand alone, once.
    fn take_alone(&mut self) -> Vec<Place> {
        Vec::new()
    }
    /// Holes to be called gaps: those that waited long enough, and the oldest where there are more than can be
    /// remembered. Appends to `due`.
    fn take_due(&mut self, _opened_before: Time, _wait: Wait, _due: &mut Vec<Hole>) {}
}

/// The scopes of a rule.
#[derive(Debug)]
pub(super) enum Rule {
    Counting(Vec<Lane>),
    Chain(Vec<Chain>),
    Rising(Vec<Rising>, Strictly),
}

/// Whether equal numbers are repetitions.
pub(super) type Strictly = bool;

impl Rule {
    pub(super) fn new(rule: SequenceRule) -> Rule {
        match rule {
            SequenceRule::PlusOne | SequenceRule::PlusOneModulo | SequenceRule::FirstFollowsLast => {
                Rule::Counting(Vec::new())
            }
            SequenceRule::NamesPrevious => Rule::Chain(Vec::new()),
            SequenceRule::Increasing => Rule::Rising(Vec::new(), true),
            SequenceRule::NonDecreasing => Rule::Rising(Vec::new(), false),
        }
    }

    /// Makes the scope `at` if it is new.
    #[inline]
    pub(super) fn reach(&mut self, at: usize) {
        match self {
            Rule::Counting(lanes) => reach(lanes, at),
            Rule::Chain(lanes) => reach(lanes, at),
            Rule::Rising(lanes, _) => reach(lanes, at),
        }
    }

    /// What is filled of holes that were told is added to `filled`.
    pub(super) fn step(&mut self, at: usize, place: &Place, filled: &mut Filled) -> Step {
        let step = match self {
            Rule::Counting(lanes) => lanes.get_mut(at).map(|lane| lane.step(place, filled)),
            Rule::Chain(lanes) => lanes.get_mut(at).map(|lane| lane.step(place, filled)),
            Rule::Rising(lanes, strictly) => lanes.get_mut(at).map(|lane| lane.step(place, *strictly)),
        };
        step.unwrap_or(Step::Next)
    }

    pub(super) fn scope(&self, at: usize) -> Option<&dyn Numbers> {
        match self {
            Rule::Counting(lanes) => lanes.get(at).map(|lane| lane as &dyn Numbers),
            Rule::Chain(lanes) => lanes.get(at).map(|lane| lane as &dyn Numbers),
            Rule::Rising(lanes, _) => lanes.get(at).map(|lane| lane as &dyn Numbers),
        }
    }

    pub(super) fn scope_mut(&mut self, at: usize) -> Option<&mut dyn Numbers> {
        match self {
            Rule::Counting(lanes) => lanes.get_mut(at).map(|lane| lane as &mut dyn Numbers),
            Rule::Chain(lanes) => lanes.get_mut(at).map(|lane| lane as &mut dyn Numbers),
            Rule::Rising(lanes, _) => lanes.get_mut(at).map(|lane| lane as &mut dyn Numbers),
        }
    }
}

#[inline]
fn reach<T: Default>(lanes: &mut Vec<T>, at: usize) {
    if lanes.len() <= at {
        lanes.resize_with(at + 1, T::default);
    }
}
