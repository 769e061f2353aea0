//! How many messages an alarm's losses are in all: the words of its last one tell of that one only.

use std::collections::HashMap;
use std::sync::Arc;

use feedwatch_model::AlarmId;

use super::Cause;
use crate::text::many;

/// What raises an alarm, with the number of messages it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What is wrong.
    pub cause: Cause,
    /// How many messages are missing; `None` where that cannot be known, or none are.
    pub missing: Option<u64>,
    /// The condition, where it lasts until it is told as over.
    pub lasting: Option<Arc<str>>,
}

impl From<Cause> for Found {
    fn from(cause: Cause) -> Found {
        Found { cause, missing: None, lasting: None }
    }
}

/// The sums of the open alarms. One without a sum has a loss nobody knows the size of: of an earlier run, or of a feed
/// whose numbers do not tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses(HashMap<AlarmId, u64>);

impl Losses {
    /// The alarm was raised.
    pub(super) fn first(&mut self, id: AlarmId, missing: Option<u64>) {
        if let Some(missing) = missing {
            self.0.insert(id, missing);
        }
    }

    /// The alarm has one more finding, the last of `findings`: its words become those of all.
    pub(super) fn more(&mut self, id: AlarmId, missing: Option<u64>, findings: u64, cause: &mut Cause) {
        let Some(missing) = missing else { return self.forget(id) };
        let Some(sum) = self.0.get_mut(&id) else { return };
        *sum = sum.saturating_add(missing);
        let last =
            std::mem::replace(&mut cause.title, format!("Lost {} in {}", many(*sum, "message"), many(findings, "gap")));
        cause.text = format!("The last one: {last}. {}", cause.text).trim_end().to_owned();
    }

    pub(super) fn forget(&mut self, id: AlarmId) {
        self.0.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use feedwatch_model::{Check, FeedId, Finding, FindingKind, Severity, Time};

    use super::super::{Alarms, cause_of};
    use super::*;

    fn lost(alarms: &mut Alarms, text: &str, missing: Option<u64>) -> (String, String) {
        let at = Time::from_millis(0);
        let gap = Finding::new(Check::Sequence, FindingKind::Gap, FeedId(1), at, Severity::Warning, text.to_owned());
        alarms.raise(cause_of(&Finding { missing, ..gap }).unwrap(), at);
        let alarm = alarms.open().next().unwrap();
        (alarm.title.clone(), alarm.text.clone())
    }

    fn said(title: &str, text: &str) -> (String, String) {
        (title.to_owned(), text.to_owned())
    }

    #[test]
    fn an_alarm_of_several_losses_tells_how_many_messages_in_all_and_the_last_loss() {
        let mut alarms = Alarms::default();
        let first = lost(&mut alarms, "Lost 66 messages of BTC-USD: 1 to 66 never came.", Some(66));
        assert_eq!(first, said("Lost 66 messages of BTC-USD: 1 to 66 never came", ""));
        let second = lost(&mut alarms, "Lost 21 messages of ADA-USD: 3 to 23 never came. Look.", Some(21));
        let text = "The last one: Lost 21 messages of ADA-USD: 3 to 23 never came. Look.";
        assert_eq!(second, said("Lost 87 messages in 2 gaps", text));
        let huge = lost(&mut alarms, "Lost very many messages.", Some(u64::MAX));
        assert!(huge.0.starts_with("Lost 18,446,744,073,709,551,615 messages in 3 gaps"), "{huge:?}");
    }

    #[test]
    fn a_loss_of_unknown_size_has_no_sum() {
        let mut alarms = Alarms::default();
        lost(&mut alarms, "Lost 3 messages.", Some(3));
        assert_eq!(lost(&mut alarms, "Lost messages.", None), said("Lost messages", ""));
        assert_eq!(lost(&mut alarms, "Lost 2 messages.", Some(2)), said("Lost 2 messages", ""));
        let open = alarms.open().cloned().collect();
        let mut after = Alarms::restore(open, AlarmId(2));
        assert_eq!(lost(&mut after, "Lost 2 messages.", Some(2)), said("Lost 2 messages", ""), "of an earlier run");
    }

    #[test]
    fn the_next_alarm_of_a_feed_begins_its_own_sum() {
        let mut alarms = Alarms::default();
        lost(&mut alarms, "Lost 3 messages.", Some(3));
        let alarm = alarms.open().next().unwrap().clone();
        alarms.acknowledge(alarm.id, alarm.raised, None);
        alarms.clear(&alarm.source, alarm.raised, "over");
        assert_eq!(lost(&mut alarms, "Lost 2 messages.", Some(2)), said("Lost 2 messages", ""));
        assert_eq!(lost(&mut alarms, "Lost 2 messages.", Some(2)).0, "Lost 4 messages in 2 gaps");
    }
}
