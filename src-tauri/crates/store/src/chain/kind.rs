//! What has marks: which rows make one thing, and how people call it.

use rusqlite::{Connection, params};

use super::digest::{Digest, Hasher};

type Sql<T> = Result<T, rusqlite::Error>;

/// Kinds of marks, as they stand in `mark.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Owner 0, item: its id. So the next ones, where nothing else is said.
    Feed = 1,
    Series = 2,
    Finding = 3,
    /// Owner: the feed; item: its begin.
    Gap = 4,
    Alarm = 5,
    Transition = 6,
    Drill = 7,
    /// Those of all endpoints; owner: the feed; item 0.
    Certificate = 8,
    /// Owner: the series.
    Chunk = 9,
    /// Owner: the feed; item: the slot. So the next two.
    Minute = 10,
    Hour = 11,
    Day = 12,
    /// The last segment of messages of a feed (owner) when a block was made; item: its number; digest: its hash.
    Messages = 13,
    /// The same of the last one that was pruned.
    Pruned = 14,
    /// The samples that were not sealed at a good end; owner and item 0.
    Rest = 15,
    /// At a start the rest was not what it was at the end before; item: the time of the start.
    Broken = 16,
    /// A run has begun to write behind a good end; item: when.
    Run = 17,
}

/// Rows that make things of a kind.
pub(crate) struct Table {
    pub(crate) kind: Kind,
    /// One of them, for people.
    pub(crate) one: &'static str,
    table: &'static str,
    owner: &'static str,
    item: &'static str,
    /// What else rows must be.
    only: &'static str,
    /// The columns that are digested; in order of these are the rows of one thing.
    columns: &'static str,
    pub(crate) count: usize,
}

macro_rules! table {
    ($kind:ident, $one:literal, $table:literal, ($owner:literal, $item:literal), $only:literal, $columns:literal, $count:literal) => {
        Table {
            kind: Kind::$kind,
            one: $one,
            table: $table,
            owner: $owner,
            item: $item,
            only: $only,
            columns: $columns,
            count: $count,
        }
    };
}

macro_rules! ledger {
    ($kind:ident, $one:literal, $level:literal) => {
        table!(
            $kind,
            $one,
            "ledger",
            ("feed", "slot"),
            $level,
            "feed, level, slot, received, bytes, missing, filled, duplicate, reordered, late, rejected, invalid, numbered,
             timed, checked, failed, watched_ms, silent_ms, findings",
            19
        )
    };
}

/// Every kind that is rows, in order of kinds.
pub(crate) const TABLES: [Table; 12] = [
    table!(Feed, "feed", "feed", ("0", "id"), "1", "id, name, title, protocol, address, thinned", 6),
    table!(Series, "series", "series", ("0", "id"), "1", "id, feed, name, path, key, unit, kind", 7),
    table!(
        Finding,
        "finding",
        "finding",
        ("0", "id"),
        "1",
        "id, feed, series, at, check_word, kind, severity, per, message, first, last, missing, value, low, high, surprise,
         score, text",
        18
    ),
    table!(Gap, "gap", "gap", ("feed", "from_at"), "1", "cause, feed, from_at, to_at, missing, detail", 6),
    table!(
        Alarm,
        "alarm",
        "alarm",
        ("0", "id"),
        "1",
        "id, feed, series, check_word, kind, state, severity, raised, last_seen, cleared, acknowledged, findings, title,
         text",
        14
    ),
    table!(Transition, "line of an alarm's life", "alarm_transition", ("0", "id"), "1", "id, alarm, at, event, state, note", 6),
    table!(Drill, "drill", "drill", ("0", "id"), "1", "id, feed, at, report", 4),
    table!(Certificate, "certificates", "certificate", ("feed", "0"), "1", "endpoint, feed, certificate", 3),
    table!(
        Chunk,
        "chunk of samples",
        "chunk",
        ("series", "id"),
        "1",
        "series, tier, from_at, id, to_at, rolled, count, least, most, total, first, first_at, last, last_at",
        14
    ),
    ledger!(Minute, "minute of the ledger", "level = 0"),
    ledger!(Hour, "hour of the ledger", "level = 1"),
    ledger!(Day, "day of the ledger", "level = 2"),
];

impl Table {
    pub(crate) fn of(kind: Kind) -> Option<&'static Table> {
        TABLES.iter().find(|table| table.kind == kind)
    }

    /// The rows of one thing, by owner and item.
    fn one_sql(&self) -> String {
        let Table { table, owner, item, only, columns, .. } = self;
        format!("SELECT {columns} FROM {table} WHERE {owner} = ?1 AND {item} = ?2 AND {only} ORDER BY {columns}")
    }

    /// All rows, with owner, item and whether they are open, before the columns.
    pub(crate) fn all_sql(&self) -> String {
        let Table { table, owner, item, only, columns, .. } = self;
        let open = if *table == "ledger" { "open" } else { "0" };
        format!(
            "SELECT {owner} AS o, {item} AS i, {open}, {columns} FROM {table} WHERE {only} ORDER BY o, i, {columns}"
        )
    }
}

/// The digest of a thing as it stands in its table; `None`: it is not there.
fn digest(connection: &Connection, table: &Table, owner: i64, item: i64) -> Sql<Option<Digest>> {
    let mut select = connection.prepare_cached(&table.one_sql())?;
    let mut rows = select.query(params![owner, item])?;
    let mut hasher = None;
    while let Some(row) = rows.next()? {
        hasher.get_or_insert_with(Hasher::new).row(row, 0, table.count)?;
    }
    Ok(hasher.map(Hasher::finish))
}

/// Marks a thing as it stands now, or as gone.
pub(crate) fn mark(connection: &Connection, kind: Kind, owner: i64, item: i64) -> Sql<()> {
    let Some(table) = Table::of(kind) else { return Ok(()) };
    let digest = digest(connection, table, owner, item)?;
    write_mark(connection, kind, owner, item, digest.as_ref().map(<[u8; 32]>::as_slice))
}

/// Writes a mark; without a digest: it is gone, or is covered no more.
pub(crate) fn write_mark(connection: &Connection, kind: Kind, owner: i64, item: i64, digest: Option<&[u8]>) -> Sql<()> {
    connection
        .prepare_cached("INSERT INTO mark (kind, owner, item, digest) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![kind as i64, owner, item, digest])
        .map(drop)
}
