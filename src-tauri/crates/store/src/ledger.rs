//! The ledger's rows: deltas added to minutes, hours and days in the transaction of their data, and read back as sums.
//!
//! A row is open while it still changes. Once its slot is over, the next block of the chain marks it; a delta that comes
//! later (a gap that was filled) opens it again, which is marked too.

use feedwatch_model::{FeedId, LedgerCounts, LedgerSlot, LedgerWidth, Time};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter};

use crate::chain::{Kind, mark, write_mark};
use crate::values::{json, to_json};
use crate::{StoreError, journal};

type Sql<T> = Result<T, rusqlite::Error>;

/// The columns of the counts.
const COLUMNS: &str =
    "received, bytes, missing, filled, duplicate, reordered, late, rejected, invalid, numbered, timed,
    checked, failed, watched_ms, silent_ms, findings";
/// The numbers among them, which come first.
const NUMBERS: usize = 15;

fn numbers(counts: &LedgerCounts) -> [u64; NUMBERS] {
    [
        counts.received,
        counts.bytes,
        counts.missing,
        counts.filled,
        counts.duplicate,
        counts.reordered,
        counts.late,
        counts.rejected,
        counts.invalid,
        counts.numbered,
        counts.timed,
        counts.checked,
        counts.failed,
        counts.watched_ms,
        counts.silent_ms,
    ]
}

/// The counts that stand from column `first` on.
fn counts(row: &Row<'_>, first: usize) -> Sql<LedgerCounts> {
    let number = |index: usize| Ok::<_, rusqlite::Error>(row.get::<_, i64>(first + index)?.cast_unsigned());
    Ok(LedgerCounts {
        received: number(0)?,
        bytes: number(1)?,
        missing: number(2)?,
        filled: number(3)?,
        duplicate: number(4)?,
        reordered: number(5)?,
        late: number(6)?,
        rejected: number(7)?,
        invalid: number(8)?,
        numbered: number(9)?,
        timed: number(10)?,
        checked: number(11)?,
        failed: number(12)?,
        watched_ms: number(13)?,
        silent_ms: number(14)?,
        findings: json(row, first + NUMBERS)?,
    })
}

const fn level(width: LedgerWidth) -> i64 {
    match width {
        LedgerWidth::Minute => 0,
        LedgerWidth::Hour => 1,
        LedgerWidth::Day => 2,
    }
}

const fn kind(width: LedgerWidth) -> Kind {
    match width {
        LedgerWidth::Minute => Kind::Minute,
        LedgerWidth::Hour => Kind::Hour,
        LedgerWidth::Day => Kind::Day,
    }
}

/// Adds deltas to their minute, hour and day.
pub(crate) fn write(transaction: &Transaction<'_>, deltas: &[LedgerSlot]) -> Sql<()> {
    for delta in deltas.iter().filter(|delta| !delta.counts.is_empty()) {
        for width in LedgerWidth::ALL {
            add(transaction, width, delta)?;
        }
    }
    Ok(())
}

fn add(transaction: &Transaction<'_>, width: LedgerWidth, delta: &LedgerSlot) -> Sql<()> {
    let (feed, slot) = (i64::from(delta.feed.0), delta.from.nanos().div_euclid(width.nanos()));
    let known = transaction
        .prepare_cached(&format!("SELECT open, {COLUMNS} FROM ledger WHERE feed = ?1 AND level = ?2 AND slot = ?3"))?
        .query_row(params![feed, level(width), slot], |row| Ok((row.get::<_, bool>(0)?, counts(row, 1)?)))
        .optional()?;
    let mut sum = LedgerCounts::default();
    if let Some((open, known)) = known {
        sum = known;
        if !open {
            write_mark(transaction, kind(width), feed, slot, None)?;
        }
    }
    sum += &delta.counts;
    let head = [feed, level(width), slot, 1].into_iter();
    let values = head.chain(numbers(&sum).map(u64::cast_signed)).map(rusqlite::types::Value::Integer);
    let findings = rusqlite::types::Value::Text(to_json(&sum.findings)?);
    transaction
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO ledger (feed, level, slot, open, {COLUMNS})
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
        ))?
        .execute(params_from_iter(values.chain([findings])))
        .map(drop)
}

/// Marks rows whose slot is over, or all that are open where `now` is `None`.
pub(crate) fn close(connection: &Connection, now: Option<Time>) -> Sql<()> {
    for width in LedgerWidth::ALL {
        let before = now.map_or(i64::MAX, |now| now.nanos().div_euclid(width.nanos()));
        let over: Vec<(i64, i64)> = connection
            .prepare_cached(
                "SELECT feed, slot FROM ledger WHERE open = 1 AND level = ?1 AND slot < ?2 ORDER BY feed, slot",
            )?
            .query_map(params![level(width), before], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Sql<_>>()?;
        for (feed, slot) in over {
            mark(connection, kind(width), feed, slot)?;
            connection
                .prepare_cached("UPDATE ledger SET open = 0 WHERE feed = ?1 AND level = ?2 AND slot = ?3")?
                .execute(params![feed, level(width), slot])?;
        }
    }
    Ok(())
}

/// Are there rows that a block would mark?
pub(crate) fn is_due(connection: &Connection, now: Time) -> Sql<bool> {
    for width in LedgerWidth::ALL {
        let before = now.nanos().div_euclid(width.nanos());
        let due: bool = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM ledger WHERE open = 1 AND level = ?1 AND slot < ?2)")?
            .query_row(params![level(width), before], |row| row.get(0))?;
        if due {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The rows of [from, to) that begin in it, in order of (time, feed), at most `limit` of them: the newest.
pub(crate) fn slots(
    connection: &Connection,
    feed: Option<FeedId>,
    from: Time,
    to: Time,
    width: LedgerWidth,
    limit: i64,
) -> Result<Vec<LedgerSlot>, StoreError> {
    let nanos = width.nanos();
    // Feeds are few: all of one slot stand in as many places.
    journal::newest(
        connection,
        &format!(
            "SELECT feed, slot, {COLUMNS} FROM ledger WHERE feed IN (SELECT id FROM feed WHERE ?1 IS NULL OR id = ?1)
             AND level = ?2 AND slot >= ?3 AND slot < ?4 ORDER BY slot DESC, feed DESC LIMIT ?5"
        ),
        params![feed.map(|feed| feed.0), level(width), first_slot(from, nanos), first_slot(to, nanos), limit],
        |row| {
            Ok(LedgerSlot {
                feed: FeedId(row.get(0)?),
                from: Time::from_nanos(row.get::<_, i64>(1)?.saturating_mul(nanos)),
                counts: counts(row, 2)?,
            })
        },
    )
}

/// The number of the first slot that begins at or after a moment.
fn first_slot(at: Time, nanos: i64) -> i64 {
    let slot = at.nanos().div_euclid(nanos);
    if at.nanos().rem_euclid(nanos) == 0 { slot } else { slot.saturating_add(1) }
}

/// The sum over the minutes that begin in [from, to): whole days and hours are taken from their rows.
pub(crate) fn sum(
    connection: &Connection,
    feed: Option<FeedId>,
    from: Time,
    to: Time,
) -> Result<LedgerCounts, StoreError> {
    let mut sum = LedgerCounts::default();
    add_span(connection, feed, (from, to), LedgerWidth::Day, &mut sum)?;
    Ok(sum)
}

fn add_span(
    connection: &Connection,
    feed: Option<FeedId>,
    (from, to): (Time, Time),
    width: LedgerWidth,
    sum: &mut LedgerCounts,
) -> Result<(), StoreError> {
    let nanos = width.nanos();
    // Whole slots lie in [first, end); what is left before and behind them is for the next finer ones.
    let (first, end) = (
        first_slot(from, nanos),
        if width == LedgerWidth::Minute { first_slot(to, nanos) } else { to.nanos().div_euclid(nanos) },
    );
    let finer = match width {
        LedgerWidth::Minute => None,
        LedgerWidth::Hour => Some(LedgerWidth::Minute),
        LedgerWidth::Day => Some(LedgerWidth::Hour),
    };
    if let Some(finer) = finer.filter(|_| first >= end) {
        return add_span(connection, feed, (from, to), finer, sum);
    }
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM ledger WHERE feed IN (SELECT id FROM feed WHERE ?1 IS NULL OR id = ?1)
             AND level = ?2 AND slot >= ?3 AND slot < ?4"
    ))?;
    let mut rows = select.query(params![feed.map(|feed| feed.0), level(width), first, end])?;
    while let Some(row) = rows.next()? {
        *sum += &counts(row, 0)?;
    }
    let Some(finer) = finer else { return Ok(()) };
    let (begin, end) = (Time::from_nanos(first.saturating_mul(nanos)), Time::from_nanos(end.saturating_mul(nanos)));
    add_span(connection, feed, (from, begin), finer, sum)?;
    add_span(connection, feed, (end, to), finer, sum)
}

/// Tells each hour that is not the sum of its minutes, and each day that is not the sum of its hours: feed, width and begin.
pub(crate) fn check_sums(
    connection: &Connection,
    mut wrong: impl FnMut(i64, LedgerWidth, Time),
) -> Result<(), StoreError> {
    for (finer, width) in [(LedgerWidth::Minute, LedgerWidth::Hour), (LedgerWidth::Hour, LedgerWidth::Day)] {
        let per = width.nanos() / finer.nanos();
        let sql = format!("SELECT feed, slot, {COLUMNS} FROM ledger WHERE level = ?1 ORDER BY feed, slot");
        let mut select = connection.prepare_cached(&sql)?;
        let sql = format!("SELECT {COLUMNS} FROM ledger WHERE feed = ?1 AND level = ?2 AND slot >= ?3 AND slot < ?4");
        let mut parts = connection.prepare_cached(&sql)?;
        let mut tell = |feed, slot: i64| wrong(feed, width, Time::from_nanos(slot.saturating_mul(width.nanos())));
        let mut rows = select.query([level(width)])?;
        while let Some(row) = rows.next()? {
            let (feed, slot): (i64, i64) = (row.get(0)?, row.get(1)?);
            let first = slot.saturating_mul(per);
            let mut of = parts.query(params![feed, level(finer), first, first.saturating_add(per)])?;
            let mut sum = LedgerCounts::default();
            while let Some(part) = of.next()? {
                sum += &counts(part, 0)?;
            }
            if sum != counts(row, 2)? {
                tell(feed, slot);
            }
        }
        // Parts of which there is no whole; numbers are rounded down, also those before 1970.
        let mut orphans = connection.prepare_cached(
            "SELECT DISTINCT feed, (slot - ((slot % ?3) + ?3) % ?3) / ?3 AS whole FROM ledger AS part
             WHERE level = ?1 AND NOT EXISTS (
                 SELECT 1 FROM ledger WHERE feed = part.feed AND level = ?2
                     AND slot = (part.slot - ((part.slot % ?3) + ?3) % ?3) / ?3)",
        )?;
        let mut rows = orphans.query(params![level(finer), level(width), per])?;
        while let Some(row) = rows.next()? {
            tell(row.get(0)?, row.get(1)?);
        }
    }
    Ok(())
}
