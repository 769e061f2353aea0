//! Raw messages as evidence: kept for each feed up to a budget of bytes and up to an age, the oldest go first.
//!
//! Pruning is part of the transaction that adds, in slices: it removes at most some thousand messages more than came,
//! so that a smaller budget than before does not make one commit long. Each commit looks after one feed more, in turn:
//! one that sends nothing any more gets old too.
//!
//! What goes are whole segments of the chain (`chain/segments.rs`): so a message may stay a minute longer than its age, and
//! with its segment it goes a 64th of the budget too early.

use std::collections::BTreeMap;

use bytes::Bytes;
use feedwatch_model::{FeedId, NANOS_PER_MILLI, Protocol, Time};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::chain::{Segments, segments};
use crate::values::word;
use crate::{Outcome, Shown, StoreError, StoredMessage};

/// How many messages a commit may remove beyond twice those it adds.
const SLICE: usize = 1024;
/// What is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Bytes of a feed.
    pub(crate) bytes: u64,
    /// Messages received before are too old.
    pub(crate) since: Time,
    /// Now.
    pub(crate) now: Time,
}

/// Adds messages and removes the oldest that are beyond what is kept.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    messages: &[StoredMessage],
    keep: Keep,
    segments: &mut Segments,
) -> Result<(), rusqlite::Error> {
    let mut added: BTreeMap<FeedId, (u64, usize)> = BTreeMap::new();
    for message in messages {
        let (outcome, offset, reason) = outcome_columns(&message.outcome);
        let integer = ValueRef::Integer;
        let values = [
            integer(i64::from(message.feed.0)),
            integer(message.number.cast_signed()),
            integer(message.received.nanos()),
            text_of(message.topic.as_deref()),
            text_of(Some(outcome)),
            offset.map_or(ValueRef::Null, integer),
            text_of(reason),
            integer(message.cost().cast_signed()),
            ValueRef::Blob(&message.payload),
            text_of(message.meta.as_deref()),
        ];
        segments.insert(transaction, &values, keep.now.nanos())?;
        let (bytes, count) = added.entry(message.feed).or_default();
        *bytes += message.cost();
        *count += 1;
    }
    for (feed, (bytes, count)) in added {
        prune(transaction, feed, bytes, 2 * count + SLICE, keep, segments)?;
    }
    Ok(())
}

fn text_of(text: Option<&str>) -> ValueRef<'_> {
    text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()))
}

/// Looks after the feed behind `last` in order of numbers; gives its number, `None` at the end.
pub(crate) fn tend(
    transaction: &Transaction<'_>,
    last: Option<u32>,
    keep: Keep,
    segments: &mut Segments,
) -> Result<Option<u32>, rusqlite::Error> {
    let next: Option<u32> = transaction
        .prepare_cached("SELECT feed FROM evidence WHERE feed > ?1 ORDER BY feed LIMIT 1")?
        .query_row([last.map_or(-1, i64::from)], |row| row.get(0))
        .optional()?;
    if let Some(feed) = next {
        prune(transaction, FeedId(feed), 0, SLICE, keep, segments)?;
    }
    Ok(next)
}

/// The bytes of raw messages that are kept, over all feeds.
pub(crate) fn bytes(connection: &Connection) -> Result<u64, StoreError> {
    let sum: i64 =
        connection.prepare_cached("SELECT coalesce(sum(bytes), 0) FROM evidence")?.query_row([], |row| row.get(0))?;
    Ok(sum.cast_unsigned())
}

fn prune(
    transaction: &Transaction<'_>,
    feed: FeedId,
    added: u64,
    most: usize,
    keep: Keep,
    segments: &mut Segments,
) -> Result<(), rusqlite::Error> {
    let held: Option<i64> = transaction
        .prepare_cached("SELECT bytes FROM evidence WHERE feed = ?1")?
        .query_row([feed.0], |row| row.get(0))
        .optional()?;
    let before = held.unwrap_or(0).cast_unsigned().saturating_add(added);
    let mut bytes = before;
    let since = since_of(transaction, feed, keep)?;
    let of = i64::from(feed.0);
    let mut left = most as i64;
    while left > 0 {
        let Some(segment) = segments::next(transaction, of, -1)? else {
            // All of it is in the segment that is open.
            let too_old = segments.newest(of).is_some_and(|newest| newest < since);
            if (bytes > keep.bytes || too_old) && segments.close(transaction, of, keep.now.nanos())? {
                continue;
            }
            break;
        };
        if segment.proof.is_none() {
            let over = bytes.saturating_sub(keep.bytes).cast_signed();
            let Some((count, removed)) = segments.prune_before(transaction, of, &segment, left, over, since)? else {
                break;
            };
            bytes = bytes.saturating_sub(removed.cast_unsigned());
            left -= count.max(1);
            continue;
        }
        if bytes <= keep.bytes && segment.head.to_at >= since {
            break;
        }
        let head = segment.head;
        transaction
            .prepare_cached(
                "DELETE FROM message WHERE feed = ?1 AND received >= ?2 AND received <= ?3 AND id >= ?4 AND id <= ?5",
            )?
            .execute(params![of, head.from_at, head.to_at, head.first, head.last])?;
        segments.pruned(transaction, of, &segment)?;
        bytes = bytes.saturating_sub(head.bytes.cast_unsigned());
        left -= head.count.max(1);
    }
    if added == 0 && bytes == before {
        return Ok(());
    }
    transaction
        .prepare_cached("INSERT OR REPLACE INTO evidence (feed, bytes) VALUES (?1, ?2)")?
        .execute(params![feed.0, bytes.cast_signed()])
        .map(drop)
}

/// From when on messages of a feed are kept: a capture's times are those of its recording.
fn since_of(transaction: &Transaction<'_>, feed: FeedId, keep: Keep) -> Result<i64, rusqlite::Error> {
    let protocol: Option<String> = transaction
        .prepare_cached("SELECT protocol FROM feed WHERE id = ?1")?
        .query_row([feed.0], |row| row.get(0))
        .optional()?;
    let is_capture = protocol.as_deref() == Some(Protocol::File.word());
    Ok(if is_capture { i64::MIN } else { keep.since.nanos() })
}

/// The newest `limit` messages received in [from, to), in order of receipt.
pub(crate) fn messages(
    connection: &Connection,
    feed: FeedId,
    from: Time,
    to: Time,
    limit: i64,
) -> Result<Vec<StoredMessage>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT number, received, topic, outcome, fault_offset, reason, payload, meta FROM message
         WHERE feed = ?1 AND received >= ?2 AND received < ?3 ORDER BY received DESC, id DESC LIMIT ?4",
    )?;
    let mut messages: Vec<StoredMessage> = select
        .query_map(params![feed.0, from.nanos(), to.nanos(), limit], |row| stored(feed, row))?
        .collect::<Result<_, _>>()?;
    messages.reverse();
    Ok(messages)
}

/// The message `number` that was received within a millisecond of `at`, with so many before and behind it, else those
/// around `at`; in order of receipt, with its place. Of each payload the first `most` bytes, and how many it has.
pub(crate) fn around(
    connection: &Connection,
    feed: FeedId,
    at: Time,
    number: Option<u64>,
    (each, most): (i64, i64),
) -> Result<Shown, StoreError> {
    let found: Option<(i64, i64)> = match number {
        None => None,
        Some(number) => connection
            .prepare_cached(
                "SELECT received, id FROM message WHERE feed = ?1 AND received BETWEEN ?2 AND ?3 AND number = ?4",
            )?
            .query_row(
                params![
                    feed.0,
                    at.plus_nanos(-NANOS_PER_MILLI).nanos(),
                    at.plus_nanos(NANOS_PER_MILLI).nanos(),
                    number.cast_signed()
                ],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?,
    };
    // Of messages of one moment the order is that of their ids; without one, all of the moment stand before it.
    let (moment, id) = found.unwrap_or((at.nanos(), i64::MAX));
    let mut before = connection.prepare_cached(
        "SELECT number, received, topic, outcome, fault_offset, reason, substr(payload, 1, ?5), meta, length(payload)
         FROM message WHERE feed = ?1 AND (received, id) <= (?2, ?3) ORDER BY received DESC, id DESC LIMIT ?4",
    )?;
    let mut behind = connection.prepare_cached(
        "SELECT number, received, topic, outcome, fault_offset, reason, substr(payload, 1, ?5), meta, length(payload)
         FROM message WHERE feed = ?1 AND (received, id) > (?2, ?3) ORDER BY received, id LIMIT ?4",
    )?;
    let read = |row: &Row<'_>| Ok((stored(feed, row)?, row.get::<_, i64>(8)?.cast_unsigned()));
    let mut messages: Vec<(StoredMessage, u64)> =
        before.query_map(params![feed.0, moment, id, each.saturating_add(1), most], read)?.collect::<Result<_, _>>()?;
    messages.reverse();
    let focus = found.and_then(|_| messages.len().checked_sub(1));
    for message in behind.query_map(params![feed.0, moment, id, each, most], read)? {
        messages.push(message?);
    }
    Ok((messages, focus))
}

fn stored(feed: FeedId, row: &Row<'_>) -> Result<StoredMessage, rusqlite::Error> {
    Ok(StoredMessage {
        feed,
        number: row.get::<_, i64>(0)?.cast_unsigned(),
        received: Time::from_nanos(row.get(1)?),
        topic: row.get(2)?,
        meta: row.get(7)?,
        outcome: outcome(row)?,
        payload: Bytes::from(row.get::<_, Vec<u8>>(6)?),
    })
}

fn outcome_columns(outcome: &Outcome) -> (&'static str, Option<i64>, Option<&str>) {
    match outcome {
        Outcome::Read => ("read", None, None),
        Outcome::Duplicate => ("duplicate", None, None),
        Outcome::Late => ("late", None, None),
        Outcome::Rejected { offset, reason } => ("rejected", i64::try_from(*offset).ok(), Some(reason)),
    }
}

fn outcome(row: &Row<'_>) -> Result<Outcome, rusqlite::Error> {
    let offset: Option<i64> = row.get(4)?;
    let reason: Option<String> = row.get(5)?;
    word(row, 3, |word| match word {
        "read" => Some(Outcome::Read),
        "duplicate" => Some(Outcome::Duplicate),
        "late" => Some(Outcome::Late),
        "rejected" => Some(Outcome::Rejected {
            offset: offset.and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0),
            reason: reason.clone().unwrap_or_default(),
        }),
        _ => None,
    })
}
