//! Raw messages as evidence: kept for each feed up to a budget of bytes, the oldest go first.
//!
//! Pruning is part of the transaction that adds, in slices: it removes at most some thousand messages more than came,
//! so that a smaller budget than before does not make one commit long.

use std::collections::BTreeMap;

use bytes::Bytes;
use feedwatch_model::{FeedId, Time};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::values::word;
use crate::{Outcome, StoreError, StoredMessage};

/// How many messages a commit may remove beyond twice those it adds.
const SLICE: usize = 1024;

/// Adds messages and removes the oldest that exceed the budget.
pub(crate) fn write(
    transaction: &Transaction<'_>,
    messages: &[StoredMessage],
    budget: u64,
) -> Result<(), rusqlite::Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut added: BTreeMap<FeedId, (u64, usize)> = BTreeMap::new();
    let mut insert = transaction.prepare_cached(
        "INSERT INTO message (feed, number, received, topic, outcome, fault_offset, reason, cost, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for message in messages {
        let (outcome, offset, reason) = outcome_columns(&message.outcome);
        insert.execute(params![
            message.feed.0,
            message.number.cast_signed(),
            message.received.nanos(),
            message.topic.as_deref(),
            outcome,
            offset,
            reason,
            message.cost().cast_signed(),
            &message.payload[..],
        ])?;
        let (bytes, count) = added.entry(message.feed).or_default();
        *bytes += message.cost();
        *count += 1;
    }
    for (feed, (bytes, count)) in added {
        prune(transaction, feed, bytes, 2 * count + SLICE, budget)?;
    }
    Ok(())
}

fn prune(
    transaction: &Transaction<'_>,
    feed: FeedId,
    added: u64,
    most: usize,
    budget: u64,
) -> Result<(), rusqlite::Error> {
    let held: Option<i64> = transaction
        .prepare_cached("SELECT bytes FROM evidence WHERE feed = ?1")?
        .query_row([feed.0], |row| row.get(0))
        .optional()?;
    let mut bytes = held.unwrap_or(0).cast_unsigned().saturating_add(added);
    if bytes > budget {
        let mut oldest = transaction
            .prepare_cached("SELECT id, cost FROM message WHERE feed = ?1 ORDER BY received, id LIMIT ?2")?;
        let mut delete = transaction.prepare_cached("DELETE FROM message WHERE id = ?1")?;
        let oldest: Vec<(i64, i64)> = oldest
            .query_map(params![feed.0, most as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (id, cost) in oldest {
            if bytes <= budget {
                break;
            }
            delete.execute([id])?;
            bytes = bytes.saturating_sub(cost.cast_unsigned());
        }
    }
    transaction
        .prepare_cached("INSERT OR REPLACE INTO evidence (feed, bytes) VALUES (?1, ?2)")?
        .execute(params![feed.0, bytes.cast_signed()])
        .map(drop)
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
        "SELECT number, received, topic, outcome, fault_offset, reason, payload FROM message
         WHERE feed = ?1 AND received >= ?2 AND received < ?3 ORDER BY received DESC, id DESC LIMIT ?4",
    )?;
    let mut messages: Vec<StoredMessage> = select
        .query_map(params![feed.0, from.nanos(), to.nanos(), limit], |row| {
            Ok(StoredMessage {
                feed,
                number: row.get::<_, i64>(0)?.cast_unsigned(),
                received: Time::from_nanos(row.get(1)?),
                topic: row.get(2)?,
                outcome: outcome(row)?,
                payload: Bytes::from(row.get::<_, Vec<u8>>(6)?),
            })
        })?
        .collect::<Result<_, _>>()?;
    messages.reverse();
    Ok(messages)
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
