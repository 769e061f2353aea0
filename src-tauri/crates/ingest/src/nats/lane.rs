//! By which lane the sequences of a stream are known, and what was deleted before it was read. Pure.
//!
//! A lane is the stream's name, and `NAME#1` after the stream was deleted and made anew: its sequences begin at 1 again, and
//! would be taken for repetitions.

use crate::Resume;

/// The stream as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Log {
    /// The oldest sequence that is kept.
    pub(super) first: u64,
    /// The newest, also of a stream that keeps nothing.
    pub(super) last: u64,
}

/// A lane, and how far it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) read: Option<u64>,
    /// The stream was made anew since the lane before.
    pub(super) anew: bool,
}

/// The lane of a stream. `is_other`: it is known to be another stream than the one whose lane this name was.
pub(super) fn of(stream: &str, log: Log, resume: &Resume, is_other: Option<&str>) -> Lane {
    let named = |number: u64| if number == 0 { stream.to_owned() } else { format!("{stream}#{number}") };
    let of_another = |name: &str| is_other == Some(name) || resume.offset(name).is_some_and(|read| read > log.last);
    // The latest stream of this name is the one that goes on, if it is still there.
    let mut number = 0;
    while resume.offset(&named(number + 1)).is_some() || is_other == Some(&named(number + 1)) {
        number += 1;
    }
    if of_another(&named(number)) {
        number += 1;
    }
    let name = named(number);
    let read = resume.offset(&name);
    Lane { name, read, anew: number > 0 && read.is_none() }
}

/// How many messages the stream has deleted between what was read and the oldest that it keeps.
pub(super) fn deleted(log: Log, read: Option<u64>) -> u64 {
    read.map_or(0, |read| log.first.saturating_sub(read.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use feedwatch_model::Position;

    use super::*;

    fn resume(lanes: &[(&str, u64)]) -> Resume {
        lanes.iter().map(|(lane, offset)| Position::Offset { lane: (*lane).into(), offset: *offset }).collect()
    }

    fn lane(last: u64, lanes: &[(&str, u64)], other: Option<&str>) -> (String, Option<u64>, bool) {
        let Lane { name, read, anew } = of("S", Log { first: 1, last }, &resume(lanes), other);
        (name, read, anew)
    }

    #[test]
    fn a_stream_made_anew_gets_a_lane_of_its_own() {
        assert_eq!(lane(9, &[], None), ("S".into(), None, false));
        assert_eq!(lane(9, &[("S", 9)], None), ("S".into(), Some(9), false));
        assert_eq!(lane(8, &[("S", 9)], None), ("S#1".into(), None, true));
        assert_eq!(lane(8, &[("S", 9), ("S#1", 3)], None), ("S#1".into(), Some(3), false));
        assert_eq!(
            lane(90, &[("S", 9), ("S#1", 3)], None),
            ("S#1".into(), Some(3), false),
            "it has grown beyond the first"
        );
        assert_eq!(lane(2, &[("S", 9), ("S#1", 3)], None), ("S#2".into(), None, true));
    }

    #[test]
    fn a_stream_that_is_known_to_be_another_gets_one_too_however_far_it_is() {
        assert_eq!(lane(90, &[("S", 9)], Some("S")), ("S#1".into(), None, true));
        assert_eq!(lane(90, &[("S", 9), ("S#1", 3)], Some("S#1")), ("S#2".into(), None, true));
        assert_eq!(lane(90, &[], Some("S")), ("S#1".into(), None, true));
    }

    #[test]
    fn what_was_deleted_unread_is_counted() {
        let log = |first| Log { first, last: 100 };
        assert_eq!(deleted(log(1), None), 0);
        assert_eq!((deleted(log(10), Some(9)), deleted(log(11), Some(9)), deleted(log(5), Some(9))), (0, 1, 0));
        assert_eq!(deleted(log(101), Some(9)), 91, "all that was there is gone");
        assert_eq!(deleted(log(5), Some(u64::MAX)), 0);
    }
}
