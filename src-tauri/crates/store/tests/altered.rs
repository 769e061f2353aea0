//! Whatever is altered in a history is seen when it is verified.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kit;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use feedwatch_store::{MOST_PROBLEMS, Verified, verify};
use kit::written::{SECRET, TABLES, altered, assert_broken, condition, history, look, rows};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};

/// Alters something, looks, and puts it back.
fn harm(connection: &Connection, path: &Path, sql: &str, with: &[SqlValue]) -> Option<Verified> {
    connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    // What cannot be written is no harm: another row is in its place.
    let changed = connection.execute(sql, params_from_iter(with)).ok()?;
    assert_eq!(changed, 1, "{sql}");
    Some(look(path))
}

#[test]
fn any_altered_value_is_seen_whichever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("h.db"), folder.path().join("copy.db"));
    history(&path, 25);
    let mut random = fastrand::Rng::with_seed(4);
    let original = Connection::open(&path).unwrap();
    let mut seen = BTreeSet::new();
    for table in TABLES {
        let rows = rows(&original, table);
        let columns = rows[0].len();
        for column in 0..columns {
            for way in 0..4 {
                let row = &rows[random.usize(..rows.len())];
                let (name, value) = &row[column];
                if table == "state" && !row[0].1.eq(&SqlValue::Text("chain_head".to_owned())) {
                    continue;
                }
                std::fs::copy(&path, &copy).unwrap();
                let connection = Connection::open(&copy).unwrap();
                let sql = format!("UPDATE {table} SET {name} = ?{} WHERE {}", columns + 1, condition(row));
                let mut with: Vec<_> = row.iter().map(|(_, value)| value.clone()).collect();
                // A little, and as far as can be.
                let ends = [None, None, Some(i64::MAX), Some(i64::MIN)];
                let other = match (value, ends[way]) {
                    (SqlValue::Integer(_), Some(end)) => SqlValue::Integer(end),
                    (_, Some(_)) => continue,
                    (value, None) => altered(value, &mut random),
                };
                if other == *value {
                    continue;
                }
                with.push(other);
                if let Some(verified) = harm(&connection, &copy, &sql, &with) {
                    assert_broken(&verified, &format!("{table}.{name}: {value:?} to {:?}", with.last()));
                    seen.insert((table, name.clone()));
                }
            }
        }
    }
    assert!(seen.len() > 130, "{} columns were altered", seen.len());
}

#[test]
fn a_row_that_was_removed_or_added_or_exchanged_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("h.db"), folder.path().join("copy.db"));
    history(&path, 25);
    let original = Connection::open(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(9);
    let afresh = || {
        std::fs::copy(&path, &copy).unwrap();
        Connection::open(&copy).unwrap()
    };
    for table in TABLES.into_iter().filter(|table| *table != "state") {
        let rows = rows(&original, table);
        for row in [&rows[0], &rows[rows.len() - 1], &rows[random.usize(..rows.len())]] {
            let with: Vec<_> = row.iter().map(|(_, value)| value.clone()).collect();
            let sql = format!("DELETE FROM {table} WHERE {}", condition(row));
            assert_broken(&harm(&afresh(), &copy, &sql, &with).unwrap(), &sql);

            // The same once more, under another number.
            let key = match table {
                "gap" => "from_at",
                "ledger" => "slot",
                "segment" | "chain" => "seq",
                "sample" => "at",
                "certificate" => "endpoint",
                "lane" => "feed",
                _ => "id",
            };
            let values: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(index, (name, _))| {
                    if name == key {
                        if name == "endpoint" {
                            format!("?{} || '7'", index + 1)
                        } else {
                            format!("?{} + 1000000007", index + 1)
                        }
                    } else {
                        format!("?{}", index + 1)
                    }
                })
                .collect();
            let sql = format!("INSERT INTO {table} VALUES ({})", values.join(", "));
            assert_broken(&harm(&afresh(), &copy, &sql, &with).unwrap(), &sql);
        }
    }
    // Two payloads exchanged, two chunks' bytes, two findings' texts.
    for (table, column) in [("message", "payload"), ("data", "bytes"), ("finding", "text")] {
        let connection = afresh();
        let ends = format!("(SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})");
        let sql = format!(
            "UPDATE {table} SET {column} = (SELECT o.{column} FROM {table} o WHERE o.id IN ({ends}) AND o.id <> {table}.id)
             WHERE id IN ({ends})"
        );
        assert_eq!(connection.execute(&sql, []).unwrap(), 2);
        assert_broken(&look(&copy), &sql);
    }
}

#[test]
fn no_flipped_byte_of_the_file_goes_unseen_where_it_changes_what_is_covered() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("h.db"), folder.path().join("copy.db"));
    history(&path, 12);
    let all = |path: &Path| -> Option<Vec<_>> {
        let connection = Connection::open(path).ok()?;
        let dump = TABLES.iter().filter(|table| **table != "state").map(|table| {
            let mut select = connection.prepare(&format!("SELECT * FROM {table}")).ok()?;
            let count = select.column_count();
            let read = |row: &rusqlite::Row<'_>| {
                (0..count).map(|index| row.get::<_, SqlValue>(index)).collect::<Result<Vec<_>, _>>()
            };
            select.query_map([], read).ok()?.collect::<Result<Vec<_>, _>>().ok()
        });
        dump.collect()
    };
    let bytes = std::fs::read(&path).unwrap();
    let before = all(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(2);
    let mut seen = 0;
    for _ in 0..300 {
        let mut bytes = bytes.clone();
        let offset = random.usize(..bytes.len());
        bytes[offset] ^= 1 << random.u8(..8);
        std::fs::write(&copy, &bytes).unwrap();
        // No panic, and no "whole" where a row is another.
        match verify(&copy, Some(SECRET), |_| ControlFlow::Continue(())) {
            Ok(verified) if verified.whole == Some(true) => {
                assert_eq!(all(&copy).as_ref(), Some(&before), "byte {offset}");
            }
            _ => seen += 1,
        }
    }
    assert!(seen > 10, "{seen} of 300: most of a page is empty");
}

#[test]
fn of_very_many_problems_some_are_told_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    history(&path, 60);
    let connection = Connection::open(&path).unwrap();
    connection.execute("UPDATE mark SET digest = x'00'", []).unwrap();
    let problems = look(&path).problems;
    assert_eq!(problems.len(), MOST_PROBLEMS + 1);
    assert!(problems[MOST_PROBLEMS].ends_with("more problems."), "{problems:?}");
}

#[test]
fn messages_that_were_pruned_by_another_hand_behind_a_good_end_are_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h.db");
    history(&path, 60);
    assert_eq!(look(&path).problems, [""; 0]);
    let connection = Connection::open(&path).unwrap();
    let sql = "SELECT feed, seq, last FROM segment WHERE seq > 0 AND seq = (SELECT pruned_seq + 1 FROM lane WHERE lane.feed = segment.feed)
               AND EXISTS (SELECT 1 FROM segment later WHERE later.feed = segment.feed AND later.seq > segment.seq) LIMIT 1";
    let (feed, seq, last): (i64, i64, i64) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    // Exactly what pruning does, but for its mark.
    let gone = connection.execute("DELETE FROM message WHERE feed = ?1 AND id <= ?2", [feed, last]).unwrap();
    assert!(gone > 0);
    let hash = "(SELECT hash FROM segment WHERE segment.feed = lane.feed AND segment.seq = ?2)";
    let sql = format!("UPDATE lane SET pruned_seq = ?2, pruned_hash = {hash} WHERE feed = ?1");
    assert_eq!(connection.execute(&sql, [feed, seq]).unwrap(), 1);
    assert_eq!(connection.execute("DELETE FROM segment WHERE feed = ?1 AND seq = ?2", [feed, seq]).unwrap(), 1);
    let told = look(&path);
    assert_eq!(told.whole, Some(false));
    assert!(told.problems.iter().any(|problem| problem.contains("pruned")), "{:?}", told.problems);
}
