//! The scopes of one rule, each as its numbers follow each other.

use feedwatch_model::{SequenceRule, Time};

use super::chain::Chain;
use super::lane::{Hole, Lane, Place, Step, Wait};
use super::rising::Rising;

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

    pub(super) fn step(&mut self, at: usize, place: &Place) -> Step {
        let step = match self {
            Rule::Counting(lanes) => lanes.get_mut(at).map(|lane| lane.step(place)),
            Rule::Chain(lanes) => lanes.get_mut(at).map(|lane| lane.step(place)),
            Rule::Rising(lanes, strictly) => lanes.get_mut(at).map(|lane| lane.step(place, *strictly)),
        };
        step.unwrap_or(Step::Next)
    }

    /// A number that turned out to stand alone, once.
    pub(super) fn take_alone(&mut self, at: usize) -> Option<Place> {
        match self {
            Rule::Counting(lanes) => lanes.get_mut(at)?.take_alone(),
            Rule::Chain(_) | Rule::Rising(..) => None,
        }
    }

    pub(super) fn begin(&mut self, at: usize, place: &Place) {
        match self {
            Rule::Counting(lanes) => drop(lanes.get_mut(at).map(|lane| lane.begin(place))),
            Rule::Chain(lanes) => drop(lanes.get_mut(at).map(|lane| lane.begin(place))),
            Rule::Rising(lanes, _) => drop(lanes.get_mut(at).map(|lane| lane.begin(place))),
        }
    }

    pub(super) fn is_holding(&self, at: usize) -> bool {
        match self {
            Rule::Counting(lanes) => lanes.get(at).is_some_and(Lane::is_holding),
            Rule::Chain(lanes) => lanes.get(at).is_some_and(Chain::is_holding),
            Rule::Rising(..) => false,
        }
    }

    pub(super) fn last_message(&self, at: usize) -> u64 {
        let last = match self {
            Rule::Counting(lanes) => lanes.get(at).map(Lane::last_message),
            Rule::Chain(lanes) => lanes.get(at).map(Chain::last_message),
            Rule::Rising(lanes, _) => lanes.get(at).map(Rising::last_message),
        };
        last.unwrap_or(0)
    }

    pub(super) fn highest(&self, at: usize) -> u64 {
        let highest = match self {
            Rule::Counting(lanes) => lanes.get(at).map(Lane::highest),
            Rule::Chain(lanes) => lanes.get(at).map(Chain::last),
            Rule::Rising(lanes, _) => lanes.get(at).map(Rising::highest),
        };
        highest.unwrap_or(0)
    }

    pub(super) fn newest(&mut self, at: usize) -> Option<&mut Hole> {
        match self {
            Rule::Counting(lanes) => lanes.get_mut(at)?.newest(),
            Rule::Chain(lanes) => lanes.get_mut(at)?.newest(),
            Rule::Rising(..) => None,
        }
    }

    pub(super) fn take_due(&mut self, at: usize, opened_before: Time, wait: Wait, due: &mut Vec<Hole>) {
        match self {
            Rule::Counting(lanes) => drop(lanes.get_mut(at).map(|lane| lane.take_due(opened_before, wait, due))),
            Rule::Chain(lanes) => drop(lanes.get_mut(at).map(|lane| lane.take_due(opened_before, wait, due))),
            Rule::Rising(..) => {}
        }
    }

    pub(super) fn held_since(&self, at: usize) -> Option<Time> {
        match self {
            Rule::Counting(lanes) => lanes.get(at)?.held_since(),
            Rule::Chain(lanes) => lanes.get(at)?.held_since(),
            Rule::Rising(..) => None,
        }
    }
}

#[inline]
fn reach<T: Default>(lanes: &mut Vec<T>, at: usize) {
    if lanes.len() <= at {
        lanes.resize_with(at + 1, T::default);
    }
}
