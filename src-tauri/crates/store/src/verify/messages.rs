//! Raw messages against the segments of their feeds: one pass in order of their numbers, with a cursor for each feed.

use std::collections::BTreeMap;

use feedwatch_model::Time;
use rusqlite::Connection;

use super::marks::Ends;
use super::{Look, Step, Stop, names};
use crate::chain::segments::{self, COLUMN_COUNT, COLUMNS, Lane, Segment};
use crate::chain::{Digest, GENESIS, Hasher};

/// How far the segments of a feed are read.
struct Cursor {
    feed: i64,
    lane: Lane,
    /// The segment the next message must be in; `None` behind the last one.
    segment: Option<Segment>,
    hasher: Hasher,
    seen: i64,
    /// Number and hash of the segment before.
    before: (i64, Digest),
    /// What a block said of the last segment.
    marked: Option<(i64, Option<Digest>)>,
    /// The number of the last segment, where a good end says it.
    end: Option<i64>,
}

pub(super) fn check(look: &mut Look<'_>, ends: &Ends) -> Step {
    let connection = look.connection;
    let mut cursors: BTreeMap<i64, Cursor> = BTreeMap::new();
    for feed in feeds(connection)? {
        let cursor = Cursor::new(look, feed, ends)?;
        cursors.insert(feed, cursor);
    }
    let marked = ends.messages.keys().filter(|feed| !cursors.contains_key(feed));
    let gone: Vec<i64> = marked.copied().collect();
    for feed in gone {
        let feed = names::feed(connection, feed);
        look.problem(format!("The chain of messages of {feed} is gone."));
    }
    let covered: i64 = if look.ended {
        i64::MAX
    } else {
        connection.query_row("SELECT coalesce(max(messages), 0) FROM chain", [], |row| row.get(0))?
    };
    let mut select = connection.prepare(&format!("SELECT {COLUMNS} FROM message ORDER BY id"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, feed): (i64, i64) = (row.get(0)?, row.get(1)?);
        let at = match cursors.get_mut(&feed) {
            Some(cursor) => cursor.seek(look, id)?,
            None => Place::Behind,
        };
        match at {
            Place::Before => look.told.uncovered.before += 1,
            Place::Behind if id > covered => look.told.uncovered.messages += 1,
            Place::Inside => {
                if let Some(cursor) = cursors.get_mut(&feed) {
                    cursor.hasher.row(row, 0, COLUMN_COUNT)?;
                    look.checked(1);
                }
            }
            Place::Between | Place::Behind => {
                let received = Time::from_nanos(row.get(3)?);
                let feed = names::feed(connection, feed);
                look.problem(format!(
                    "Message {id} of {feed}, received at {received}, was added: it stands in no segment of the chain."
                ));
            }
        }
    }
    drop(rows);
    cursors.into_values().try_for_each(|cursor| cursor.end(look))
}

/// Feeds with a chain of messages.
fn feeds(connection: &Connection) -> Result<Vec<i64>, Stop> {
    let mut select = connection.prepare("SELECT feed FROM lane UNION SELECT DISTINCT feed FROM segment")?;
    Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Where a message stands.
enum Place {
    /// In a segment from before the chain.
    Before,
    Inside,
    /// In none, though there are later ones.
    Between,
    /// Behind the last one.
    Behind,
}

impl Cursor {
    fn new(look: &mut Look<'_>, feed: i64, ends: &Ends) -> Result<Cursor, Stop> {
        let lane = segments::lane(look.connection, feed)?.unwrap_or_default();
        let (seq, hash) = ends.pruned.get(&feed).copied().unwrap_or((0, Some(GENESIS)));
        // Behind a good end nothing was pruned.
        let moved = if look.ended { lane.pruned_seq != seq } else { lane.pruned_seq < seq };
        if moved || (seq > 0 && lane.pruned_seq == seq && Some(lane.pruned_hash) != hash) {
            let feed = names::feed(look.connection, feed);
            look.problem(format!("What was pruned of the messages of {feed} is not what the chain says."));
        }
        let mut cursor = Cursor {
            feed,
            lane,
            segment: None,
            hasher: Hasher::new(),
            seen: 0,
            before: (lane.pruned_seq, lane.pruned_hash),
            marked: ends.messages.get(&feed).copied(),
            end: look.ended.then(|| ends.messages.get(&feed).map_or(0, |(seq, _)| *seq)),
        };
        cursor.compare_mark(look, lane.pruned_seq, &lane.pruned_hash);
        cursor.turn(look, -1)?;
        Ok(cursor)
    }

    /// Turns to the segment after number `after`, and looks whether it is the next link.
    fn turn(&mut self, look: &mut Look<'_>, after: i64) -> Result<(), Stop> {
        self.segment = segments::next(look.connection, self.feed, after)?;
        self.hasher = Hasher::new();
        self.seen = 0;
        let Some(segment) = self.segment else { return Ok(()) };
        // What was there before the chain has number 0 and no proof.
        if segment.seq == 0 && segment.proof.is_none() {
            return Ok(());
        }
        let (digest, hash) = segment.proof.unwrap_or((GENESIS, GENESIS));
        let (seq, before) = self.before;
        if Some(segment.seq) != seq.checked_add(1) || hash != segment.hash(self.feed, &digest, &before) {
            let (place, feed) = (place(&segment), names::feed(look.connection, self.feed));
            look.problem(format!("The chain of messages of {feed} is broken at segment {}, {place}.", segment.seq));
        }
        self.compare_mark(look, segment.seq, &hash);
        self.before = (segment.seq, hash);
        look.checked(1);
        Ok(())
    }

    /// Compares a link with what a block said of it.
    fn compare_mark(&mut self, look: &mut Look<'_>, seq: i64, hash: &Digest) {
        let Some((_, marked)) = self.marked.filter(|(marked, _)| *marked == seq) else { return };
        self.marked = None;
        if marked != Some(*hash) {
            let feed = names::feed(look.connection, self.feed);
            look.problem(format!("Segment {seq} of the messages of {feed} is not the one a block speaks of."));
        }
    }

    /// Turns to the segment in which message `id` must stand.
    fn seek(&mut self, look: &mut Look<'_>, id: i64) -> Result<Place, Stop> {
        while let Some(segment) = self.segment {
            if id > segment.head.last {
                self.settle(look, &segment);
                self.turn(look, segment.seq)?;
                continue;
            }
            if id < segment.head.first {
                return Ok(Place::Between);
            }
            self.seen += 1;
            return Ok(if segment.seq == 0 { Place::Before } else { Place::Inside });
        }
        Ok(Place::Behind)
    }

    /// Compares what was read of a segment with it.
    fn settle(&mut self, look: &mut Look<'_>, segment: &Segment) {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new());
        let count = segment.head.count;
        let said = match self.seen.saturating_sub(count) {
            0 if segment.seq == 0 || segment.proof.is_some_and(|(digest, _)| digest == hasher.finish()) => return,
            0 => "are not what was written".to_owned(),
            more if more > 0 => format!("are {} instead of {count}", self.seen),
            _ => format!("are only {} of {count}", self.seen),
        };
        let (place, feed) = (place(segment), names::feed(look.connection, self.feed));
        look.problem(format!("The messages of {feed} {place} {said} (segment {}).", segment.seq));
    }

    /// Behind all messages: what is left of the segments must be empty, and the last one be the last.
    fn end(mut self, look: &mut Look<'_>) -> Step {
        while let Some(segment) = self.segment {
            self.settle(look, &segment);
            self.turn(look, segment.seq)?;
        }
        let behind = self.marked.is_some_and(|(seq, _)| seq > self.lane.pruned_seq);
        if self.before != (self.lane.seq, self.lane.hash) || behind {
            let feed = names::feed(look.connection, self.feed);
            look.problem(format!("The last segments of the messages of {feed} are gone."));
        } else if self.end.is_some_and(|end| self.before.0 > end.max(self.lane.pruned_seq)) {
            let feed = names::feed(look.connection, self.feed);
            look.problem(format!("Behind the last good end segments were added to the messages of {feed}."));
        }
        Ok(())
    }
}

/// Where a segment lies, in words.
fn place(segment: &Segment) -> String {
    let [from, to] = [segment.head.from_at, segment.head.to_at].map(Time::from_nanos);
    format!("received from {from} to {to}")
}
