//! Raw messages in the chain: for each feed a chain of segments, so that pruning takes whole links from its begin.
//!
//! A segment is up to [`ROWS`] messages of a feed, or [`BYTES`] of what they cost (a 64th of the budget, where that is
//! less), received within [`SPAN_NANOS`]; each block closes those that are open. Its digest is made as messages come, its
//! hash also of the hash of the segment before. What was pruned last is remembered by number and hash, so that the rest
//! still proves itself. Messages behind the last segment of a feed are not covered yet; after a kill the next start covers
//! them as it finds them.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use rustc_hash::{FxHashMap, FxHashSet};

use super::digest::{Digest, GENESIS, Hasher, digest_of, link};
use super::kind::{Kind, write_mark};

/// Messages of a segment.
const ROWS: i64 = 1024;
/// What the messages of a segment cost, in bytes.
const BYTES: i64 = 256 << 10;
/// Of a smaller budget it is so small a part.
const PART: u64 = 64;
/// From the first to the last receipt, either way.
const SPAN_NANOS: u64 = 60 * feedwatch_model::NANOS_PER_SECOND.unsigned_abs();

/// Messages from before the chain that are looked at in one go.
const PIECE: i64 = 256;

type Sql<T> = Result<T, rusqlite::Error>;

/// The columns of a message in the order they are digested in: id, feed, received and cost are read by their places.
pub(crate) const COLUMNS: &str =
    "id, feed, number, received, topic, outcome, fault_offset, reason, cost, payload, meta";
pub(crate) const COLUMN_COUNT: usize = 11;

/// The segments that are open, one for each feed that is written, and which feeds a block has to speak of.
#[derive(Debug)]
pub(crate) struct Segments {
    open: FxHashMap<i64, Open>,
    /// Feeds with segments closed since the last block.
    closed: FxHashSet<i64>,
    /// Feeds with segments pruned since the last block.
    pruned: FxHashSet<i64>,
    most_bytes: i64,
    /// What was written since the last block, in bytes of cost.
    bytes: i64,
    /// The number of the last message.
    last: i64,
}

#[derive(Debug)]
struct Open {
    hasher: Hasher,
    head: Head,
}

/// A segment without its digests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) from_at: i64,
    pub(crate) to_at: i64,
    pub(crate) count: i64,
    pub(crate) bytes: i64,
}

impl Head {
    /// The span of receipts with one more, in nanoseconds.
    const fn span_with(&self, received: i64) -> u64 {
        let (one, two) = (received.abs_diff(self.from_at), received.abs_diff(self.to_at));
        if one > two { one } else { two }
    }
}

/// A segment as it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) head: Head,
    /// Digest and hash; `None` for what was written before there was a chain.
    pub(crate) proof: Option<(Digest, Digest)>,
}

impl Segment {
    /// The hash it must have behind one of hash `before`.
    pub(crate) fn hash(&self, feed: i64, digest: &Digest, before: &Digest) -> Digest {
        let Head { first, last, from_at, to_at, count, bytes } = self.head;
        link(&[feed, self.seq, self.at, first, last, from_at, to_at, count, bytes], "messages", &[digest, before])
    }
}

/// The ends of a feed's chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub(crate) seq: i64,
    pub(crate) hash: Digest,
    pub(crate) pruned_seq: i64,
    pub(crate) pruned_hash: Digest,
}

impl Default for Lane {
    fn default() -> Lane {
        Lane { seq: 0, hash: GENESIS, pruned_seq: 0, pruned_hash: GENESIS }
    }
}

impl Segments {
    /// For messages after number `last`, of a budget of so many bytes a feed.
    pub(crate) fn new(budget: u64, last: i64) -> Segments {
        let part = i64::try_from(budget / PART).unwrap_or(i64::MAX);
        Segments {
            open: FxHashMap::default(),
            closed: FxHashSet::default(),
            pruned: FxHashSet::default(),
            most_bytes: part.min(BYTES),
            bytes: 0,
            last,
        }
    }

    /// Is there something that a block would cover?
    pub(crate) fn is_due(&self) -> bool {
        !self.open.is_empty() || !self.closed.is_empty() || !self.pruned.is_empty()
    }

    /// Bytes written since the last block.
    pub(crate) const fn bytes(&self) -> i64 {
        self.bytes
    }

    pub(crate) const fn last(&self) -> i64 {
        self.last
    }

    /// Writes a message; `values` are those of [`COLUMNS`], but the number of the row.
    pub(crate) fn insert(
        &mut self,
        connection: &Connection,
        values: &[ValueRef<'_>; COLUMN_COUNT - 1],
        now: i64,
    ) -> Sql<()> {
        // The number is given here: one that was deleted must not come again.
        let id = self.last.saturating_add(1);
        let row = [ValueRef::Integer(id)].into_iter().chain(values.iter().copied());
        connection
            .prepare_cached(
                "INSERT INTO message (id, feed, number, received, topic, outcome, fault_offset, reason, cost, payload, meta)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params_from_iter(row.clone().map(ToSqlOutput::Borrowed)))?;
        let integer = |index: usize| values.get(index).and_then(|value| value.as_i64().ok()).unwrap_or(0);
        self.take(connection, row, (id, integer(0), integer(2), integer(7)), now)
    }

    /// Takes a row that is there into the segment of its feed.
    fn take<'v>(
        &mut self,
        connection: &Connection,
        row: impl Iterator<Item = ValueRef<'v>>,
        (id, feed, received, cost): (i64, i64, i64, i64),
        now: i64,
    ) -> Sql<()> {
        if self.open.get(&feed).is_some_and(|open| open.head.span_with(received) > SPAN_NANOS) {
            self.close(connection, feed, now)?;
        }
        let open = self.open.entry(feed).or_insert_with(|| Open {
            hasher: Hasher::new(),
            head: Head { first: id, last: id, from_at: received, to_at: received, count: 0, bytes: 0 },
        });
        row.for_each(|value| open.hasher.value(value));
        open.head.last = id;
        open.head.from_at = open.head.from_at.min(received);
        open.head.to_at = open.head.to_at.max(received);
        open.head.count += 1;
        open.head.bytes = open.head.bytes.saturating_add(cost);
        self.bytes = self.bytes.saturating_add(cost);
        self.last = self.last.max(id);
        if open.head.count >= ROWS || open.head.bytes >= self.most_bytes {
            self.close(connection, feed, now)?;
        }
        Ok(())
    }

    /// Takes over what a run before has left behind its last block: messages after number `covered`.
    pub(crate) fn adopt(&mut self, connection: &Connection, covered: i64, now: i64) -> Sql<()> {
        let mut lasts: FxHashMap<i64, i64> = FxHashMap::default();
        let sql = format!("SELECT {COLUMNS} FROM message WHERE id > ?1 ORDER BY id");
        let mut select = connection.prepare(&sql)?;
        let mut rows = select.query([covered])?;
        while let Some(row) = rows.next()? {
            let (id, feed) = (row.get(0)?, row.get(1)?);
            let last = match lasts.get(&feed) {
                Some(last) => *last,
                None => last_covered(connection, feed)?,
            };
            lasts.insert(feed, last);
            if id > last {
                let values = (0..COLUMN_COUNT).map(|index| row.get_ref(index)).collect::<Sql<Vec<_>>>()?;
                self.take(connection, values.into_iter(), (id, feed, row.get(3)?, row.get(8)?), now)?;
            } else {
                self.closed.insert(feed);
            }
        }
        Ok(())
    }

    /// Closes the open segment of a feed; `false`: there is none.
    pub(crate) fn close(&mut self, connection: &Connection, feed: i64, now: i64) -> Sql<bool> {
        let Some(Open { hasher, head }) = self.open.remove(&feed) else { return Ok(false) };
        let digest = hasher.finish();
        let mut lane = lane(connection, feed)?.unwrap_or_default();
        let mut segment = Segment { seq: lane.seq.saturating_add(1), at: now, head, proof: None };
        let hash = segment.hash(feed, &digest, &lane.hash);
        segment.proof = Some((digest, hash));
        lane.seq = segment.seq;
        lane.hash = hash;
        connection
            .prepare_cached(
                "INSERT INTO segment (feed, seq, at, first, last, from_at, to_at, count, bytes, digest, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                feed,
                segment.seq,
                now,
                head.first,
                head.last,
                head.from_at,
                head.to_at,
                head.count,
                head.bytes,
                digest,
                hash
            ])?;
        set_lane(connection, feed, &lane)?;
        self.closed.insert(feed);
        Ok(true)
    }

    /// The latest receipt in the open segment of a feed.
    pub(crate) fn newest(&self, feed: i64) -> Option<i64> {
        self.open.get(&feed).map(|open| open.head.to_at)
    }

    /// Notes that a segment was pruned.
    pub(crate) fn pruned(&mut self, connection: &Connection, feed: i64, segment: &Segment) -> Sql<()> {
        connection
            .prepare_cached("DELETE FROM segment WHERE feed = ?1 AND seq = ?2")?
            .execute(params![feed, segment.seq])?;
        let Some((_, hash)) = segment.proof else { return Ok(()) };
        let mut lane = lane(connection, feed)?.unwrap_or_default();
        lane.pruned_seq = segment.seq;
        lane.pruned_hash = hash;
        set_lane(connection, feed, &lane)?;
        self.pruned.insert(feed);
        Ok(())
    }

    /// Removes messages that were written before there was a chain, one by one: at most `most` of them, the oldest, as long
    /// as they are `over` the budget by bytes or received before `since`. Tells how many went, and their bytes; `None`:
    /// the oldest stays.
    pub(crate) fn prune_before(
        &mut self,
        connection: &Connection,
        feed: i64,
        segment: &Segment,
        most: i64,
        over: i64,
        since: i64,
    ) -> Sql<Option<(i64, i64)>> {
        let mut oldest = connection.prepare_cached(
            "SELECT id, cost, received FROM message WHERE feed = ?1 AND id <= ?2 ORDER BY received, id LIMIT ?3",
        )?;
        let mut delete = connection.prepare_cached("DELETE FROM message WHERE id = ?1")?;
        let (mut count, mut removed) = (0, 0i64);
        // Read a piece at a time: mostly the first one stays.
        for piece in [1, most.min(PIECE) - 1] {
            let found: Vec<(i64, i64, i64)> = oldest
                .query_map(params![feed, segment.head.last, piece.max(0)], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<Sql<_>>()?;
            if found.is_empty() && count == 0 {
                self.pruned(connection, feed, segment)?;
                return Ok(Some((0, 0)));
            }
            for (id, cost, received) in found {
                if removed >= over && received >= since {
                    break;
                }
                delete.execute([id])?;
                count += 1;
                removed = removed.saturating_add(cost);
            }
            if count == 0 {
                return Ok(None);
            }
        }
        connection
            .prepare_cached("UPDATE segment SET count = count - ?3, bytes = bytes - ?4 WHERE feed = ?1 AND seq = ?2")?
            .execute(params![feed, segment.seq, count, removed])?;
        Ok(Some((count, removed)))
    }

    /// For a block: closes what is open, and marks how far each feed has come.
    pub(crate) fn settle(&mut self, connection: &Connection, now: i64) -> Sql<()> {
        let mut open: Vec<i64> = self.open.keys().copied().collect();
        open.sort_unstable();
        for feed in open {
            self.close(connection, feed, now)?;
        }
        for (kind, feeds) in [(Kind::Messages, &mut self.closed), (Kind::Pruned, &mut self.pruned)] {
            let mut feeds: Vec<i64> = feeds.drain().collect();
            feeds.sort_unstable();
            for feed in feeds {
                let Some(lane) = lane(connection, feed)? else { continue };
                let (seq, hash) =
                    if kind == Kind::Messages { (lane.seq, lane.hash) } else { (lane.pruned_seq, lane.pruned_hash) };
                write_mark(connection, kind, feed, seq, Some(&hash))?;
            }
        }
        self.bytes = 0;
        Ok(())
    }
}

/// The ends of a feed's chain, where it has one.
pub(crate) fn lane(connection: &Connection, feed: i64) -> Sql<Option<Lane>> {
    connection
        .prepare_cached("SELECT seq, hash, pruned_seq, pruned_hash FROM lane WHERE feed = ?1")?
        .query_row([feed], |row| {
            Ok(Lane { seq: row.get(0)?, hash: row.get(1)?, pruned_seq: row.get(2)?, pruned_hash: row.get(3)? })
        })
        .optional()
}

fn set_lane(connection: &Connection, feed: i64, lane: &Lane) -> Sql<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO lane (feed, seq, hash, pruned_seq, pruned_hash) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![feed, lane.seq, lane.hash, lane.pruned_seq, lane.pruned_hash])
        .map(drop)
}

/// The first segment of a feed after number `after`.
pub(crate) fn next(connection: &Connection, feed: i64, after: i64) -> Sql<Option<Segment>> {
    connection
        .prepare_cached(
            "SELECT seq, at, first, last, from_at, to_at, count, bytes, digest, hash FROM segment
             WHERE feed = ?1 AND seq > ?2 ORDER BY seq LIMIT 1",
        )?
        .query_row(params![feed, after], |row| {
            let blob = |index: usize| Ok::<_, rusqlite::Error>(row.get_ref(index)?.as_blob().ok().and_then(digest_of));
            Ok(Segment {
                seq: row.get(0)?,
                at: row.get(1)?,
                head: Head {
                    first: row.get(2)?,
                    last: row.get(3)?,
                    from_at: row.get(4)?,
                    to_at: row.get(5)?,
                    count: row.get(6)?,
                    bytes: row.get(7)?,
                },
                proof: blob(8)?.zip(blob(9)?),
            })
        })
        .optional()
}

/// The last message of a feed that is in a segment.
fn last_covered(connection: &Connection, feed: i64) -> Sql<i64> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT last FROM segment WHERE feed = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([feed], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or(0))
}
