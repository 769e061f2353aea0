//! The blocks: numbers without holes, each over the marks behind those of the one before, and every hash computed again.

use feedwatch_model::Time;
use rusqlite::OptionalExtension;

use super::{Look, Step, names};
use crate::chain::{Block, Digest, END, GENESIS, HEAD, Kind, hex, marks_digest};

pub(super) fn check(look: &mut Look<'_>) -> Step {
    let connection = look.connection;
    let sql = format!("SELECT {} FROM chain ORDER BY seq", Block::COLUMNS);
    let mut select = connection.prepare(&sql)?;
    let mut rows = select.query([])?;
    let (mut seq, mut last, mut before) = (0i64, 0i64, GENESIS);
    let mut head: Option<Block> = None;
    while let Some(row) = rows.next()? {
        let block = Block::read(row)?;
        if seq == 0 {
            look.begun = block.last;
        }
        let place = format!("block {} of {}", block.seq, names::second(block.at));
        if Some(block.seq) != seq.checked_add(1) {
            look.problem(format!(
                "The chain has no block {}: {place} is the next one there is.",
                seq.saturating_add(1)
            ));
        }
        if Some(block.first) != last.checked_add(1) || block.last < last {
            look.problem(format!("The chain is broken: {place} does not begin where the one before ends."));
        }
        let marks = marks_digest(connection, block.first, block.last)?;
        if block.digest != Some(marks) {
            look.problem(format!("The marks of {place} are not those it was made of."));
        }
        // By its own word of its marks, so that one alteration is told once.
        let hash = block.hash_of(&block.digest.unwrap_or(GENESIS), &before);
        if block.hash != Some(hash) {
            look.problem(format!("The chain is broken at {place}: its hash is not that of its content."));
        }
        check_signature(look, &block, &place);
        (seq, last, before) = (block.seq, block.last, block.hash.unwrap_or(GENESIS));
        look.checked(1);
        head = Some(block);
    }
    drop(rows);
    check_head(look, head.as_ref())
}

fn check_signature(look: &mut Look<'_>, block: &Block, place: &str) {
    let (Some(key), Some(signature)) = (&look.key, &block.signature) else { return };
    if !key.fits(&block.hash.unwrap_or(GENESIS), signature) {
        look.problem(format!("The signature of {place} was not made with this key."));
    }
}

/// Whether the last block is the last one that was written, and what lies behind it.
fn check_head(look: &mut Look<'_>, head: Option<&Block>) -> Step {
    let Some(head) = head else {
        look.problem("The history has no chain, though its schema has one: it was removed.".to_owned());
        return Ok(());
    };
    let connection = look.connection;
    let hash: Digest = head.hash.unwrap_or(GENESIS);
    look.told.covered_until = Some(Time::from_nanos(head.at));
    look.told.head = Some(hex(&hash));
    look.told.signed = head.signature.is_some();
    let mut noted = head.seq.to_le_bytes().to_vec();
    noted.extend_from_slice(&hash);
    let found: Option<Vec<u8>> =
        connection.query_row("SELECT value FROM state WHERE key = ?1", [HEAD], |row| row.get(0)).optional()?;
    if found.as_deref() != Some(noted.as_slice()) {
        look.problem(format!("Block {} is not the last one that was written: blocks behind it are gone.", head.seq));
    }
    if look.key.is_some() && head.signature.is_none() {
        look.problem("The last block is not signed: it was not written with this key.".to_owned());
    }
    let count = |sql: &str| connection.query_row(sql, [head.last], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
    look.told.uncovered.marks = count("SELECT count(*) FROM mark WHERE id > ?1")?;
    check_behind(look, head)?;
    look.ended = head.kind == END && look.told.uncovered.marks == 0;
    let strange = count("SELECT count(*) FROM mark WHERE id < 1 AND id <= ?1")?;
    if strange > 0 {
        look.problem(format!("{strange} marks were added that no block can cover."));
    }
    Ok(())
}

/// Marks behind the last block are numbered without holes; behind a good end the first one says that a run began.
fn check_behind(look: &mut Look<'_>, head: &Block) -> Step {
    let (first, last): (Option<i64>, i64) = look.connection.query_row(
        "SELECT (SELECT kind FROM mark WHERE id = ?1 + 1), coalesce(max(id), 0) FROM mark",
        [head.last],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let begun = head.kind != END || first == Some(Kind::Run as i64);
    if last.saturating_sub(head.last).cast_unsigned() != look.told.uncovered.marks || (last > head.last && !begun) {
        look.problem("Behind the last block are marks that Feedwatch did not write.".to_owned());
    }
    Ok(())
}
