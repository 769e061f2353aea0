//! What a file is known by over a restart: the lane of the positions in it.
//!
//! ```text
//! 1700000000000:fd01:2a3f:1024:8c1f0a…    when it was first followed (ms since 1970, the next free one):
//!                                          device : inode : so many first bytes : their digest
//! ```
//!
//! A file that is shorter than 1 KiB is known by its first line, from then on by its first KiB: a lane never depends on how
//! far the file was read when it was named. The number in front makes every file's lane its own, and orders them.

use std::fmt;
use std::sync::Arc;

use feedwatch_model::Position;

use super::identity::FileId;
use crate::Resume;

/// The first bytes by which a file is known, at most.
pub(super) const HEAD: usize = 1024;

/// A lane, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    /// When the file was first followed; unique.
    pub(super) since: u64,
    pub(super) id: FileId,
    length: usize,
    digest: u64,
}

impl Lane {
    /// Of a line that ends before byte `end`, in a file with these first bytes, as far as it was read.
    pub(super) fn of(since: u64, id: FileId, head: &[u8], end: u64) -> Lane {
        let first = memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1);
        let length = if end >= HEAD as u64 { HEAD } else { first };
        let known = head.get(..length).unwrap_or(head);
        Lane { since, id, length: known.len(), digest: digest(known) }
    }

    pub(super) fn parse(text: &str) -> Option<Lane> {
        let mut parts = text.split(':');
        let since = parts.next()?.parse().ok()?;
        let mut hex = || u64::from_str_radix(parts.next()?, 16).ok();
        let id = FileId { device: hex()?, number: hex()? };
        let length = parts.next()?.parse().ok().filter(|length| *length <= HEAD)?;
        let digest = u64::from_str_radix(parts.next()?, 16).ok()?;
        parts.next().is_none().then_some(Lane { since, id, length, digest })
    }

    /// Does a file begin as this one?
    pub(super) fn begins(&self, head: &[u8]) -> bool {
        head.get(..self.length).is_some_and(|known| digest(known) == self.digest)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lane { since, id: FileId { device, number }, length, digest } = self;
        write!(f, "{since:013}:{device:x}:{number:x}:{length}:{digest:016x}")
    }
}

impl From<Lane> for Arc<str> {
    fn from(lane: Lane) -> Arc<str> {
        lane.to_string().into()
    }
}

/// A place in a file: behind the line in which a byte stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// All lanes of the one file.
    pub(super) lanes: Vec<Lane>,
    /// The first byte of the last line that was read; or, where it is in doubt whether the history has what follows, the end
    /// of the line before that.
    pub(super) offset: u64,
}

impl Place {
    pub(super) fn since(&self) -> u64 {
        self.lanes.first().map_or(0, |lane| lane.since)
    }

    /// Is this the file, by its first bytes and, where it counts, by its identity?
    pub(super) fn is_of(&self, id: Option<FileId>, head: &[u8]) -> bool {
        self.lanes.iter().all(|lane| id.is_none_or(|id| lane.id == id) && lane.begins(head))
    }
}

/// The places of a feed, the oldest file first; what is no lane of ours is left out.
pub(super) fn places(resume: &Resume) -> Vec<Place> {
    let mut found: Vec<(Lane, u64)> = resume
        .positions()
        .iter()
        .filter_map(|position| match position {
            Position::Offset { lane, offset } => Some((Lane::parse(lane)?, *offset)),
            Position::EventId(_) => None,
        })
        .collect();
    found.sort_by_key(|(lane, offset)| (lane.since, *offset));
    let mut places: Vec<Place> = Vec::new();
    for (lane, offset) in found {
        match places.last_mut().filter(|place| place.since() == lane.since) {
            Some(place) => {
                place.lanes.push(lane);
                place.offset = offset;
            }
            None => places.push(Place { lanes: vec![lane], offset }),
        }
    }
    places
}

/// Files whose places are kept: what is written to an older one is nobody's any more.
const KEPT: usize = 64;

/// The lanes, as the history calls them, of all but the latest files that were followed: a feed that is rotated every hour
/// would have some ten thousand after a year.
pub fn outlived_lanes(positions: &[Position]) -> Vec<Arc<str>> {
    // A backup's lanes stand behind its name.
    let of = |lane: &str| {
        let (endpoint, own) = lane.rsplit_once('|').unwrap_or(("", lane));
        Lane::parse(own).map(|parsed| (endpoint.to_owned(), parsed.since))
    };
    let mut files: Vec<(String, u64)> = positions.iter().filter_map(|position| of(position.lane())).collect();
    files.sort_unstable();
    files.dedup();
    let latest = |file: &(String, u64)| {
        let newer = files.iter().filter(|(endpoint, since)| *endpoint == file.0 && *since > file.1).count();
        newer < KEPT
    };
    let outlived = positions.iter().filter(|position| of(position.lane()).is_some_and(|file| !latest(&file)));
    outlived
        .filter_map(|position| match position {
            Position::Offset { lane, .. } => Some(Arc::clone(lane)),
            Position::EventId(_) => None,
        })
        .collect()
}

/// FNV-1a, 64 bits: it guards against accidents, not against forgery. Kept in histories, so it must stay as it is.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |digest, byte| (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: FileId = FileId { device: 0xFD01, number: 77 };

    #[test]
    fn a_lane_does_not_depend_on_how_far_the_file_was_read() {
        let text: Vec<u8> = (0..400).flat_map(|number| format!("{number}\n").into_bytes()).collect();
        let lane = |read: usize, end: u64| Lane::of(1, ID, &text[..read.min(HEAD)], end);
        assert_eq!(lane(2, 2), lane(1000, 2));
        assert_eq!(lane(1000, 990), lane(1200, 990));
        assert_eq!(lane(1024, 1024), lane(1400, 1400));
        assert_ne!(lane(1024, 1023), lane(1024, 1024));
    }

    #[test]
    fn the_lanes_of_one_file_are_one_place_and_files_are_in_their_order() {
        let position = |since: u64, head: &[u8], end: u64| Position::Offset {
            lane: Lane::of(since, ID, head, end).into(),
            offset: end - 1,
        };
        let head = [b'x'; HEAD];
        let resume: Resume = [
            position(2, b"b\n", 2),
            position(1, &head, 3000),
            position(1, b"xx\n", 3),
            Position::EventId("1".into()),
            Position::Offset { lane: "prices/0".into(), offset: 7 },
        ]
        .into_iter()
        .collect();
        let places = places(&resume);
        let found: Vec<_> = places.iter().map(|place| (place.since(), place.lanes.len(), place.offset)).collect();
        assert_eq!(found, [(1, 2, 2999), (2, 1, 1)]);
        assert!(places[1].is_of(Some(ID), b"b\nc\n") && !places[1].is_of(Some(ID), b"c\n"));
        assert!(!places[1].is_of(Some(FileId { device: 1, number: 1 }), b"b\n") && places[1].is_of(None, b"b\n"));
    }

    #[test]
    fn of_many_files_the_latest_are_remembered() {
        let place = |prefix: &str, since: u64| {
            let lane = format!("{prefix}{}", Lane::of(since, ID, b"x\n", 2));
            Position::Offset { lane: lane.into(), offset: 0 }
        };
        let mut positions: Vec<Position> = (0..100).map(|since| place("", since)).collect();
        positions.extend((0..10).map(|since| place("tokyo|", since)));
        positions.push(Position::Offset { lane: "prices/0".into(), offset: 7 });
        let outlived = outlived_lanes(&positions);
        let expected: Vec<Arc<str>> = (0..36).map(|since| place("", since).lane().into()).collect();
        assert_eq!(outlived, expected);
    }

    proptest! {
        #[test]
        fn a_lane_reads_back_as_it_was_written(since: u64, device: u64, number: u64, head: Vec<u8>, end: u64) {
            let head = &head[..head.len().min(HEAD)];
            let lane = Lane::of(since, FileId { device, number }, head, end);
            prop_assert_eq!(Lane::parse(&lane.to_string()), Some(lane));
            prop_assert!(lane.begins(head));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = Lane::parse(&text);
        }
    }
}
