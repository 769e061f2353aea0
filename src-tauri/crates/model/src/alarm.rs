//! Alarms: what needs a person. The states are those of ISA-18.2 that need no shelving: a total, pure state machine.
//!
//! ```text
//!             raise                acknowledge
//!   normal ----------> unacknowledged ----------> acknowledged
//!      ^                 |        ^                  |
//!      |           clear |        | raise            | clear
//!      |                 v        |                  |
//!      '------------- returned <--'                  |
//!      ^ acknowledge                                 |
//!      '---------------------------------------------'
//! ```

use serde::{Deserialize, Serialize};

use crate::finding::words;
use crate::{FeedId, FindingKind, SeriesId, Severity, Time};

/// An alarm's number, stable within a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlarmId(pub u64);

words! {
    /// Where an alarm stands.
    AlarmState {
        /// Over, and seen by a person. An alarm in this state is closed: the next one of its source is a new one.
        Normal = "normal",
        /// It lasts and nobody has seen it.
        Unacknowledged = "unacknowledged",
        /// It lasts and a person has seen it.
        Acknowledged = "acknowledged",
        /// It is over, but nobody has seen it yet.
        Returned = "returned",
    }
}

words! {
    /// What happens to an alarm.
    AlarmEvent {
        /// The condition holds (once more).
        Raise = "raise",
        /// The condition is over.
        Clear = "clear",
        /// A person has seen it.
        Acknowledge = "acknowledge",
    }
}

impl AlarmState {
    /// The next state. Total: every event is allowed in every state, and an event that means nothing changes nothing.
    #[must_use]
    pub const fn apply(self, event: AlarmEvent) -> AlarmState {
        use AlarmEvent::{Acknowledge, Clear, Raise};
        use AlarmState::{Acknowledged, Normal, Returned, Unacknowledged};
        match (self, event) {
            (Normal | Returned, Raise) => Unacknowledged,
            (Unacknowledged, Clear) => Returned,
            (Unacknowledged, Acknowledge) => Acknowledged,
            (Acknowledged, Clear) | (Returned, Acknowledge) => Normal,
            (same, _) => same,
        }
    }

    /// Does the condition still hold?
    pub const fn is_active(self) -> bool {
        matches!(self, AlarmState::Unacknowledged | AlarmState::Acknowledged)
    }

    /// Does it wait for a person?
    pub const fn needs_a_person(self) -> bool {
        matches!(self, AlarmState::Unacknowledged | AlarmState::Returned)
    }
}

/// What an alarm is about: two findings of the same source belong to one alarm while it is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AlarmSource {
    /// The feed.
    pub feed: FeedId,
    /// The series, where it is about one.
    pub series: Option<SeriesId>,
    /// Which check, as a word.
    pub check: crate::Check,
}

/// One alarm, from the moment it was raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its number.
    pub id: AlarmId,
    /// What it is about.
    pub source: AlarmSource,
    /// What was found.
    pub kind: FindingKind,
    /// Where it stands.
    pub state: AlarmState,
    /// How much it matters.
    pub severity: Severity,
    /// When it was raised.
    pub raised: Time,
    /// When its condition was last seen to hold.
    pub last_seen: Time,
    /// When its condition was over, if it is.
    pub cleared: Option<Time>,
    /// When a person acknowledged it, if one did.
    pub acknowledged: Option<Time>,
    /// How many findings it holds.
    pub findings: u64,
    /// The headline: `No message for 48 s`.
    pub title: String,
    /// The explanation: what was expected, how unusual it is, what will clear it.
    pub text: String,
}

/// One line of an alarm's life, as it is kept in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmTransition {
    /// Which alarm.
    pub id: AlarmId,
    /// When.
    pub at: Time,
    /// What happened.
    pub event: AlarmEvent,
    /// The state after it.
    pub state: AlarmState,
    /// What a person said with it, or why it was cleared.
    pub note: Option<String>,
}

impl Alarm {
    /// Applies an event; tells the transition, or `None` where it changes nothing.
    pub fn apply(&mut self, event: AlarmEvent, at: Time, note: Option<String>) -> Option<AlarmTransition> {
        let next = self.state.apply(event);
        if event == AlarmEvent::Raise {
            self.last_seen = self.last_seen.max(at);
        }
        if next == self.state {
            return None;
        }
        self.state = next;
        match event {
            AlarmEvent::Raise => {
                self.cleared = None;
                self.acknowledged = None;
            }
            AlarmEvent::Clear => self.cleared = Some(at),
            AlarmEvent::Acknowledge => self.acknowledged = Some(at),
        }
        Some(AlarmTransition { id: self.id, at, event, state: next, note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event() -> impl Strategy<Value = AlarmEvent> {
        proptest::sample::select(AlarmEvent::ALL)
    }

    fn state() -> impl Strategy<Value = AlarmState> {
        proptest::sample::select(AlarmState::ALL)
    }

    proptest! {
        #[test]
        fn the_same_event_twice_is_the_event_once(start in state(), event in event()) {
            prop_assert_eq!(start.apply(event).apply(event), start.apply(event));
        }

        #[test]
        fn an_alarm_is_active_exactly_while_its_condition_holds(events in proptest::collection::vec(event(), 0..40)) {
            let mut state = AlarmState::Normal;
            let mut holds = false;
            for event in events {
                state = state.apply(event);
                match event {
                    AlarmEvent::Raise => holds = true,
                    AlarmEvent::Clear => holds = false,
                    AlarmEvent::Acknowledge => {}
                }
                prop_assert_eq!(state.is_active(), holds);
            }
        }

        #[test]
        fn nothing_but_a_person_ends_the_need_for_one(start in state(), event in event()) {
            if start.needs_a_person() && !start.apply(event).needs_a_person() {
                prop_assert_eq!(event, AlarmEvent::Acknowledge);
            }
        }
    }
}
