//! The hash chain: by which one can tell whether a history is what was written.
//!
//! Whatever is written gets a *mark* in the same transaction: SHA-256 of its rows (`kind.rs` says what has marks). The
//! marks are a journal: what changes gets a new one, what is removed an empty one, and the last one of a thing counts. Raw
//! messages are too many for that: they have a chain for each feed, of which pruning takes the first links
//! (`segments.rs`). Minutes of the ledger change with every commit; they are marked when they are over (`ledger.rs`).
//! Samples are marked chunk by chunk as they are sealed; those not sealed yet at a good end (`rest.rs`).
//!
//! ```text
//! segment: hash = SHA-256(feed, seq, at, what it spans, digest of its messages, hash before)
//! block:   hash = SHA-256(seq, at, kind, first and last mark, last message, digest of its marks, hash before)
//! ```
//!
//! A *block* covers the marks since the block before. One is written with the first commit [`BLOCK_NANOS`] after the last
//! one, earlier after [`MARKS`] marks or [`BYTES`] of messages, and at a good end. A commit carries its block in its own
//! transaction, so a kill leaves no half of one; what came after the last block is not covered until the next start.
//! A chunk that is packed anew gets a new mark, as everything that changes.
//!
//! Limits: marks of things that are gone stay (about 50 bytes each; two of each feed a block). Rollups, densities and
//! resume positions have no marks: they follow from samples, or say nothing of the past. Samples of the last hour, or of
//! series with few of them, are covered from a good end on. Behind the last block a message may be added unseen, unless it
//! is that of a good end. Without a key the chain shows accidents; whoever can write
//! the file can write a chain. With a key its head is signed ([`crate::Key`]); an older copy of the whole file is
//! still a whole history, which only a hash noted elsewhere tells apart.

mod digest;
mod kind;
mod rest;
pub(crate) mod segments;

use feedwatch_model::{NANOS_PER_SECOND, Time};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

pub use digest::Key;
pub(crate) use digest::{Digest, GENESIS, Hasher, digest_of, hex, link};
pub(crate) use kind::{Kind, TABLES, Table, mark, write_mark};
pub(crate) use rest::{MOST as REST_MOST, digest as rest_digest};
pub(crate) use segments::Segments;

use crate::commit::number;
use crate::ledger;

/// So long the marks of a run wait for their block.
const BLOCK_NANOS: i64 = 60 * NANOS_PER_SECOND;
/// So many marks do not wait.
const MARKS: i64 = 50_000;
/// Messages that cost so many bytes do not wait: what a start after a kill has to read again.
const BYTES: i64 = 16 << 20;
/// In `state`: when the chain began, its head (number and hash), and the mark that covers the rest.
pub(crate) const BEGAN: &str = "chain_began";
pub(crate) const HEAD: &str = "chain_head";
/// The kind of the block of a good end: behind it is nothing, until a mark says that another run began.
pub(crate) const END: &str = "end";
const REST: &str = "chain_rest";

type Sql<T> = Result<T, rusqlite::Error>;

/// A block as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) kind: String,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) messages: i64,
    pub(crate) digest: Option<Digest>,
    pub(crate) hash: Option<Digest>,
    pub(crate) signature: Option<Vec<u8>>,
}

impl Block {
    /// The columns that [`Block::read`] reads.
    pub(crate) const COLUMNS: &str = "seq, at, kind, first, last, messages, digest, hash, signature";

    pub(crate) fn read(row: &rusqlite::Row<'_>) -> Sql<Block> {
        let blob = |index: usize| Ok::<_, rusqlite::Error>(row.get_ref(index)?.as_blob().ok().and_then(digest_of));
        Ok(Block {
            seq: row.get(0)?,
            at: row.get(1)?,
            kind: row.get(2)?,
            first: row.get(3)?,
            last: row.get(4)?,
            messages: row.get(5)?,
            digest: blob(6)?,
            hash: blob(7)?,
            signature: row.get(8)?,
        })
    }

    /// The hash it must have with these marks, behind a block of hash `before`.
    pub(crate) fn hash_of(&self, marks: &Digest, before: &Digest) -> Digest {
        link(&[self.seq, self.at, self.first, self.last, self.messages], &self.kind, &[marks, before])
    }
}

/// The digest of the marks `first` to `last`.
pub(crate) fn marks_digest(connection: &Connection, first: i64, last: i64) -> Sql<Digest> {
    let mut hasher = Hasher::new();
    let mut select = connection
        .prepare_cached("SELECT id, kind, owner, item, digest FROM mark WHERE id >= ?1 AND id <= ?2 ORDER BY id")?;
    let mut rows = select.query([first, last])?;
    while let Some(row) = rows.next()? {
        hasher.row(row, 0, 5)?;
    }
    Ok(hasher.finish())
}

/// What the writer knows of the chain. After a transaction that failed it is read anew.
#[derive(Debug)]
pub(crate) struct Chain {
    key: Option<Key>,
    budget: u64,
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    head: Block,
    /// Does the last block cover the samples that are not sealed?
    rests: bool,
    segments: Segments,
}

impl Chain {
    /// Of a history with so many bytes of messages a feed.
    pub(crate) const fn new(key: Option<Key>, budget: u64) -> Chain {
        Chain { key, budget, known: None }
    }

    /// The first block, where there is none.
    pub(crate) fn begin(&self, connection: &Connection, now: Time) -> Sql<()> {
        if head(connection)?.is_some() {
            return Ok(());
        }
        let transaction = connection.unchecked_transaction()?;
        set_state(&transaction, BEGAN, ValueRef::Integer(now.nanos()))?;
        let last = last_message(&transaction)?;
        write_block(&transaction, self.key.as_ref(), None, "begin", now, last)?;
        transaction.commit()
    }

    /// Forgets what a transaction that failed may have changed.
    pub(crate) fn forget(&mut self) {
        self.known = None;
    }

    /// Before anything is written: what a run before has left is taken over; with `samples` its rest changes.
    pub(crate) fn open(&mut self, transaction: &Transaction<'_>, samples: bool, now: Time) -> Sql<()> {
        let known = match &mut self.known {
            Some(known) => known,
            None => {
                let head = head(transaction)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
                let last = last_message(transaction)?.max(head.messages);
                let mut segments = Segments::new(self.budget, last);
                segments.adopt(transaction, head.messages, now.nanos())?;
                if head.kind == END {
                    write_mark(transaction, Kind::Run, 0, now.nanos(), None)?;
                }
                let rests = rest_mark(transaction)?.is_some();
                self.known.insert(Known { head, rests, segments })
            }
        };
        if samples && known.rests {
            let (marked, found) = (rest_mark(transaction)?, rest::digest(transaction)?);
            if marked.as_deref() != found.as_ref().map(|(digest, _)| digest.as_slice()) {
                write_mark(transaction, Kind::Broken, 0, now.nanos(), Some(&[]))?;
            }
            mark_rest(transaction, None)?;
            known.rests = false;
        }
        Ok(())
    }

    /// The segments of messages; `None` before [`Chain::open`].
    pub(crate) fn segments(&mut self) -> Option<&mut Segments> {
        self.known.as_mut().map(|known| &mut known.segments)
    }

    /// Behind everything else of a transaction: a block, if it is time.
    pub(crate) fn settle(&mut self, transaction: &Transaction<'_>, now: Time) -> Sql<()> {
        let Some(known) = &mut self.known else { return Ok(()) };
        let marks = last_mark(transaction)?.saturating_sub(known.head.last);
        let old = now.nanos().abs_diff(known.head.at) >= BLOCK_NANOS.unsigned_abs();
        let due = old && (marks > 0 || known.segments.is_due() || ledger::is_due(transaction, now)?);
        if due || marks >= MARKS || known.segments.bytes() >= BYTES {
            ledger::close(transaction, Some(now))?;
            known.segments.settle(transaction, now.nanos())?;
            let last = known.segments.last();
            known.head = write_block(transaction, self.key.as_ref(), Some(&known.head), "minute", now, last)?;
        }
        Ok(())
    }

    /// At a good end: a block over all that is there, if there is anything that none covers.
    pub(crate) fn end(&mut self, transaction: &Transaction<'_>, now: Time) -> Sql<()> {
        if self.known.is_none() && head(transaction)?.is_some_and(|head| head.kind == END) {
            // This run has written nothing.
            return Ok(());
        }
        self.open(transaction, false, now)?;
        let Some(known) = &mut self.known else { return Ok(()) };
        ledger::close(transaction, None)?;
        known.segments.settle(transaction, now.nanos())?;
        if !known.rests
            && let Some((digest, _)) = rest::digest(transaction)?
        {
            mark_rest(transaction, Some(&digest))?;
            known.rests = true;
        }
        if last_mark(transaction)? > known.head.last {
            let last = known.segments.last();
            known.head = write_block(transaction, self.key.as_ref(), Some(&known.head), END, now, last)?;
        }
        Ok(())
    }
}

/// Writes the block behind `before` over all marks since.
fn write_block(
    connection: &Connection,
    key: Option<&Key>,
    before: Option<&Block>,
    kind: &str,
    now: Time,
    messages: i64,
) -> Sql<Block> {
    let (seq, first) = before.map_or((1, 1), |before| (before.seq.saturating_add(1), before.last.saturating_add(1)));
    let last = last_mark(connection)?.max(first.saturating_sub(1));
    let digest = marks_digest(connection, first, last)?;
    let mut block = Block {
        seq,
        at: now.nanos(),
        kind: kind.to_owned(),
        first,
        last,
        messages,
        digest: Some(digest),
        hash: None,
        signature: None,
    };
    let hash = block.hash_of(&digest, &before.and_then(|before| before.hash).unwrap_or(GENESIS));
    block.hash = Some(hash);
    block.signature = key.map(|key| key.sign(&hash));
    connection
        .prepare_cached(
            "INSERT INTO chain (seq, at, kind, first, last, messages, digest, hash, signature)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![seq, block.at, kind, first, last, messages, digest, hash, block.signature])?;
    let mut head = seq.to_le_bytes().to_vec();
    head.extend_from_slice(&hash);
    set_state(connection, HEAD, ValueRef::Blob(&head))?;
    Ok(block)
}

/// The last block.
fn head(connection: &Connection) -> Sql<Option<Block>> {
    let sql = format!("SELECT {} FROM chain ORDER BY seq DESC LIMIT 1", Block::COLUMNS);
    connection.prepare_cached(&sql)?.query_row([], Block::read).optional()
}

/// The digest of the rest, where it is covered.
fn rest_mark(connection: &Connection) -> Sql<Option<Vec<u8>>> {
    let sql = "SELECT digest FROM mark WHERE id = ?1 AND kind = ?2";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![number(connection, REST)?, Kind::Rest as i64], |row| row.get(0));
    Ok(found.optional()?.flatten())
}

/// Marks the rest, or that it is covered no more.
fn mark_rest(connection: &Connection, digest: Option<&[u8]>) -> Sql<()> {
    write_mark(connection, Kind::Rest, 0, 0, digest)?;
    let id = if digest.is_some() { connection.last_insert_rowid() } else { 0 };
    set_state(connection, REST, ValueRef::Integer(id))
}

fn last_mark(connection: &Connection) -> Sql<i64> {
    connection.prepare_cached("SELECT coalesce(max(id), 0) FROM mark")?.query_row([], |row| row.get(0))
}

fn last_message(connection: &Connection) -> Sql<i64> {
    connection.prepare_cached("SELECT coalesce(max(id), 0) FROM message")?.query_row([], |row| row.get(0))
}

fn set_state(connection: &Connection, key: &str, value: ValueRef<'_>) -> Sql<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO state (key, value) VALUES (?1, ?2)")?
        .execute(params![key, rusqlite::types::ToSqlOutput::Borrowed(value)])
        .map(drop)
}
