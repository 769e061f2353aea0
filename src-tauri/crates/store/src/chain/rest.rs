//! Samples that are not sealed: rows and pending blocks. They change with every commit, so no block covers them, but at a
//! good end they rest, and the last block covers them as they lie. The next run looks whether they still lie so before it
//! touches them; if not, that is marked for good, since from then on it could not be seen any more.

use rusqlite::Connection;

use super::digest::{Digest, Hasher};

/// No more rows are looked at: an end must not take long. More of them are not covered.
pub(crate) const MOST: u64 = 1_000_000;

type Sql<T> = Result<T, rusqlite::Error>;

const SOURCES: [(&str, usize); 2] = [
    ("SELECT series, at, arrival, delay, kind, value, quality FROM sample ORDER BY series, at, arrival", 7),
    ("SELECT id, bytes FROM pending ORDER BY id", 2),
];

/// The digest of all of them and how many rows that are; `None` where there are none, or too many.
pub(crate) fn digest(connection: &Connection) -> Sql<Option<(Digest, u64)>> {
    let mut hasher = Hasher::new();
    let mut count = 0;
    for (sql, columns) in SOURCES {
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            hasher.row(row, 0, columns)?;
            count += 1;
            if count > MOST {
                return Ok(None);
            }
        }
    }
    Ok((count > 0).then(|| (hasher.finish(), count)))
}
