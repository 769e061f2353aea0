//! Where a partition is begun, and by which lane its offsets are known.
//!
//! The library's own `auto.offset.reset` would pass over what the broker has deleted without a word; so the group's
//! offset, the history's and the broker's two ends are looked at together.

use std::collections::HashMap;

use feedwatch_model::Position;

use crate::Resume;

/// The two ends of a partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// The offset of the oldest message that is kept.
    pub(super) low: i64,
    /// The offset that the next message will get.
    pub(super) high: i64,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begin {
    /// The offset of the first message that is wanted.
    pub(super) at: i64,
    /// From this offset up to [`Begin::at`] the broker has deleted what was not read.
    pub(super) lost_from: Option<i64>,
}

/// `group`: the offset that the group wants next. `read`: the last one that is known to have been received, in this very
/// log. `otherwise`: where to begin if nobody knows.
pub(super) fn begin(log: Log, group: Option<i64>, read: Option<i64>, otherwise: i64) -> Begin {
    // An offset beyond the end is of a log that was deleted, or cut when a broker was lost: all of this one is taken for
    // new. Of one that was cut the kept part is stored again, since nothing but its messages would tell it from another.
    let group = group.map(|next| if next > log.high { log.low } else { next });
    // Groups are forgotten after some days; the history is not.
    let next = group.or(read.map(|last| last.saturating_add(1))).unwrap_or(otherwise);
    let at = next.max(log.low);
    Begin { at, lost_from: (next < at).then_some(next) }
}

/// The last offset of every lane.
///
/// A lane is `topic/partition`, and `topic/partition#1` after the topic was deleted and made anew: its offsets begin at 0
/// again, and would be taken for repetitions. A log that lost its end, as an unclean election of a leader does it, is
/// taken for such a one too.
#[derive(Debug, Default)]
pub(super) struct Lanes(HashMap<String, i64>);

impl Lanes {
    pub(super) fn new(resume: &Resume) -> Lanes {
        let lanes = resume.positions().iter().filter_map(|position| match position {
            Position::Offset { lane, offset } => Some((lane.to_string(), i64::try_from(*offset).ok()?)),
            Position::EventId(_) => None,
        });
        Lanes(lanes.collect())
    }

    /// Remembers that all up to this offset was received.
    pub(super) fn note(&mut self, lane: &str, last: i64) {
        match self.0.get_mut(lane) {
            Some(known) => *known = (*known).max(last),
            None => drop(self.0.insert(lane.to_owned(), last)),
        }
    }

    /// The lane of a partition whose log is as it is now, and its last offset.
    pub(super) fn of(&self, topic: &str, partition: i32, log: Log) -> (String, Option<i64>) {
        let mut lane = format!("{topic}/{partition}");
        let mut number = 0_u64;
        // What was received is below the end of its log: one that is not is of another log.
        while self.0.get(&lane).is_some_and(|&last| last >= log.high) {
            number += 1;
            lane = format!("{topic}/{partition}#{number}");
        }
        // The latest log is the one that goes on.
        loop {
            let next = format!("{topic}/{partition}#{}", number + 1);
            match self.0.get(&next) {
                Some(&last) if last < log.high => (number, lane) = (number + 1, next),
                _ => break,
            }
        }
        // Of a log made anew all is wanted: what it took in before we came would have come to us.
        let anew = (number > 0).then(|| log.low.saturating_sub(1));
        let last = self.0.get(&lane).copied().or(anew);
        (lane, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Log = Log { low: 10, high: 100 };

    fn at(at: i64) -> Begin {
        Begin { at, lost_from: None }
    }

    #[test]
    fn the_group_says_where_to_go_on() {
        assert_eq!(begin(LOG, Some(40), None, 100), at(40));
        assert_eq!(begin(LOG, Some(40), Some(60), 100), at(40), "what is read once more is recognised");
        assert_eq!(begin(LOG, Some(60), Some(40), 100), at(60), "another member has it");
        assert_eq!(begin(LOG, Some(100), None, 10), at(100));
    }

    #[test]
    fn without_the_group_the_history_knows() {
        assert_eq!(begin(LOG, None, Some(60), 100), at(61));
        assert_eq!(begin(LOG, None, None, 100), at(100));
        assert_eq!(begin(LOG, None, None, 10), at(10));
    }

    #[test]
    fn what_was_deleted_unread_is_told() {
        assert_eq!(begin(LOG, Some(4), None, 100), Begin { at: 10, lost_from: Some(4) });
        assert_eq!(begin(LOG, None, Some(4), 100), Begin { at: 10, lost_from: Some(5) });
        assert_eq!(begin(LOG, None, Some(9), 100), at(10));
    }

    #[test]
    fn a_log_that_ends_before_the_groups_offset_is_read_whole() {
        assert_eq!(begin(LOG, Some(101), None, 100), at(10));
    }

    #[test]
    fn a_topic_made_anew_gets_a_lane_of_its_own() {
        let mut lanes = Lanes::default();
        let log = |high| Log { low: 0, high };
        assert_eq!(lanes.of("a", 0, log(5)), ("a/0".into(), None));
        lanes.note("a/0", 7);
        lanes.note("a/0", 6);
        assert_eq!(lanes.of("a", 0, log(8)), ("a/0".into(), Some(7)));
        assert_eq!(lanes.of("a", 0, log(7)), ("a/0#1".into(), Some(-1)));
        assert_eq!(begin(log(7), None, Some(-1), 7), at(0), "all of it is new");
        lanes.note("a/0#1", 3);
        assert_eq!(lanes.of("a", 0, log(7)), ("a/0#1".into(), Some(3)));
        assert_eq!(lanes.of("a", 0, log(900)), ("a/0#1".into(), Some(3)), "it has grown beyond the first one");
        assert_eq!(lanes.of("a", 0, log(2)), ("a/0#2".into(), Some(-1)));
        assert_eq!(lanes.of("a", 1, log(2)), ("a/1".into(), None));
        assert_eq!(lanes.of("a", 0, Log { low: i64::MIN, high: 2 }), ("a/0#2".into(), Some(i64::MIN)));
    }

    #[test]
    fn lanes_go_on_from_the_history() {
        let position = Position::Offset { lane: "a/0".into(), offset: 7 };
        let lanes = Lanes::new(&[position].into_iter().collect());
        assert_eq!(lanes.of("a", 0, Log { low: 0, high: 8 }), ("a/0".into(), Some(7)));
    }
}
