//! How things of a history are called in sentences.

use feedwatch_model::{LedgerWidth, NANOS_PER_SECOND, Time};
use rusqlite::{Connection, OptionalExtension};

use crate::chain::{Kind, Table};

/// `feed spot`, or its number where it has no name.
pub(super) fn feed(connection: &Connection, id: i64) -> String {
    let name = name(connection, "SELECT name FROM feed WHERE id = ?1", id);
    format!("feed {}", name.unwrap_or_else(|| id.to_string()))
}

fn series(connection: &Connection, id: i64) -> String {
    let sql =
        "SELECT feed.name || '/' || series.name FROM series JOIN feed ON feed.id = series.feed WHERE series.id = ?1";
    format!("series {}", name(connection, sql, id).unwrap_or_else(|| id.to_string()))
}

fn name(connection: &Connection, sql: &str, id: i64) -> Option<String> {
    connection.query_row(sql, [id], |row| row.get(0)).optional().ok().flatten()
}

/// A thing that has marks, as the begin of a sentence.
pub(super) fn thing(connection: &Connection, table: &Table, owner: i64, item: i64) -> String {
    let slot = |width: LedgerWidth| {
        let from = Time::from_nanos(item.saturating_mul(width.nanos()));
        format!("The {} from {from} of {}", table.one, feed(connection, owner))
    };
    match table.kind {
        Kind::Minute => slot(LedgerWidth::Minute),
        Kind::Hour => slot(LedgerWidth::Hour),
        Kind::Day => slot(LedgerWidth::Day),
        Kind::Gap => format!("The gap of {} that begins at {}", feed(connection, owner), Time::from_nanos(item)),
        Kind::Certificate => format!("What is kept of the certificates of {}", feed(connection, owner)),
        Kind::Chunk => format!("Chunk {item} of samples of {}", series(connection, owner)),
        Kind::Finding => {
            let sql = "SELECT feed FROM finding WHERE id = ?1";
            let of: Option<i64> = connection.query_row(sql, [item], |row| row.get(0)).optional().ok().flatten();
            let of = of.map_or_else(String::new, |of| format!(" of {}", feed(connection, of)));
            format!("Finding {item}{of}")
        }
        _ => format!("The {} with number {item}", table.one),
    }
}

/// A moment to the second: as exact as blocks are.
pub(super) fn second(nanos: i64) -> Time {
    Time::from_nanos(nanos.saturating_sub(nanos.rem_euclid(NANOS_PER_SECOND)))
}
