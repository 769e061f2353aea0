//! One transaction: everything a group of batches holds, or nothing of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use feedwatch_model::{Sample, SeriesId, Time};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use rustc_hash::FxHashMap;

use crate::chain::Chain;
use crate::pending::Pending;
use crate::queue::Committed;
use crate::seal::Sealer;
use crate::{Batch, Options, evidence, journal, ledger};

/// A minute, in nanoseconds.
pub(crate) const MINUTE: i64 = 60 * feedwatch_model::NANOS_PER_SECOND;

/// The writing connection and what it knows by heart.
#[derive(Debug)]
pub(crate) struct Pen {
    connection: Connection,
    path: PathBuf,
    message_bytes_per_feed: u64,
    message_age: Duration,
    /// The feed whose raw messages were looked after last.
    tended: Option<u32>,
    /// The arrival number of the last row.
    arrivals: i64,
    samples_total: u64,
    /// Which feed a series is of; grows with the series, which the engine bounds.
    feeds: FxHashMap<SeriesId, u32>,
    /// The samples of a transaction, sorted; kept for its memory.
    samples: Vec<Sample>,
    pending: Pending,
    sealer: Sealer,
    chain: Chain,
    clock: fn() -> Time,
    #[cfg(test)]
    pub(crate) page_limit: std::sync::Arc<std::sync::atomic::AtomicU32>,
}

impl Pen {
    pub(crate) fn new(connection: Connection, options: &Options, clock: fn() -> Time) -> Result<Pen, rusqlite::Error> {
        let path = PathBuf::from(connection.path().unwrap_or_default());
        connection.execute(
            "INSERT OR REPLACE INTO state (key, value) VALUES ('written_by', ?1)",
            [format!("Feedwatch {} at {}", options.version, clock())],
        )?;
        let chain = Chain::new(options.key.clone(), options.message_bytes_per_feed);
        chain.begin(&connection, clock())?;
        let feeds = connection
            .prepare("SELECT id, feed FROM series")?
            .query_map([], |row| Ok((SeriesId(row.get(0)?), row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        Ok(Pen {
            arrivals: number(&connection, "arrivals")?,
            samples_total: number(&connection, "samples")?.cast_unsigned(),
            path,
            message_bytes_per_feed: options.message_bytes_per_feed,
            message_age: options.message_age,
            tended: None,
            feeds,
            samples: Vec::new(),
            pending: Pending::load(&connection, options.commit_rows, clock())?,
            sealer: Sealer::default(),
            chain,
            clock,
            connection,
            #[cfg(test)]
            page_limit: std::sync::Arc::default(),
        })
    }

    pub(crate) fn samples_total(&self) -> u64 {
        self.samples_total
    }

    /// Bytes of the database and its log.
    pub(crate) fn file_bytes(&self) -> u64 {
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        bytes(&self.path) + bytes(Path::new(&log))
    }

    /// Writes batches as one transaction. After an error nothing of them is in the history, and the same batches may be
    /// written again.
    pub(crate) fn write(&mut self, batches: &[Batch]) -> Result<Committed, rusqlite::Error> {
        let written = self.transact(batches);
        if written.is_err() {
            self.sealer.clear();
            self.chain.forget();
        }
        written
    }

    /// At a good end: what no block covers yet is covered.
    pub(crate) fn end(&mut self) {
        if let Err(error) = self.write_end() {
            tracing::warn!(%error, "the last block of the history's chain could not be written; the next start writes it");
        }
    }

    fn write_end(&mut self) -> Result<(), rusqlite::Error> {
        #[cfg(test)]
        self.limit_pages()?;
        let now = (self.clock)();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.chain.end(&transaction, now)?;
        transaction.commit()
    }

    fn transact(&mut self, batches: &[Batch]) -> Result<Committed, rusqlite::Error> {
        #[cfg(test)]
        self.limit_pages()?;
        for series in batches.iter().flat_map(|batch| &batch.series) {
            self.feeds.insert(series.id, series.feed.0);
        }
        let samples: u64 = batches.iter().map(|batch| batch.samples.len() as u64).sum();
        let total = self.samples_total + samples;
        let now = (self.clock)();
        let in_order = self.pending.is_due(usize::try_from(samples).unwrap_or(usize::MAX), now);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.chain.open(&transaction, samples > 0 || in_order, now)?;
        let keep = evidence::Keep { bytes: self.message_bytes_per_feed, since: now.minus(self.message_age), now };
        for batch in batches {
            journal::write(&transaction, batch)?;
            ledger::write(&transaction, &batch.ledger)?;
            if let Some(segments) = self.chain.segments() {
                evidence::write(&transaction, &batch.messages, keep, segments)?;
            }
        }
        if let Some(segments) = self.chain.segments() {
            self.tended = evidence::tend(&transaction, self.tended, keep, segments)?;
        }
        self.samples.clear();
        if in_order {
            self.samples.extend_from_slice(self.pending.samples());
        }
        self.samples.extend(batches.iter().flat_map(|batch| &batch.samples));
        // Stable: of equal times those that came before stay before.
        self.samples.sort_by_key(|sample| (sample.series, sample.at));
        if in_order {
            self.sealer.write(&transaction, &self.samples, self.arrivals, now)?;
            Pending::delete(&transaction)?;
        } else {
            self.pending.write(&transaction, &self.samples)?;
        }
        let arrivals = self.arrivals + if in_order { self.samples.len() as i64 } else { 0 };
        write_density(&transaction, batches, &self.feeds)?;
        if in_order {
            set_number(&transaction, "arrivals", arrivals)?;
        }
        if samples > 0 {
            set_number(&transaction, "samples", total.cast_signed())?;
        }
        self.chain.settle(&transaction, now)?;
        transaction.commit()?;
        if in_order {
            self.pending.deleted();
        } else {
            self.pending.written(&self.samples, now);
        }
        self.arrivals = arrivals;
        self.samples_total = total;
        Ok(Committed { samples, samples_total: total, file_bytes: self.file_bytes() })
    }

    /// Moves the log into the database, as far as readers let it.
    pub(crate) fn checkpoint(&self) {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        if let Err(error) = moved {
            tracing::warn!(%error, "the log of the history stays beside it; it is read at the next start");
        }
    }

    /// A disk that is full, for tests: no more than so many pages.
    #[cfg(test)]
    fn limit_pages(&self) -> Result<(), rusqlite::Error> {
        let pages = self.page_limit.load(std::sync::atomic::Ordering::Relaxed);
        let pages = if pages == 0 { u32::MAX - 1 } else { pages };
        self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    }
}

/// How many samples of each feed fall into each minute.
fn write_density(
    transaction: &Transaction<'_>,
    batches: &[Batch],
    feeds: &FxHashMap<SeriesId, u32>,
) -> Result<(), rusqlite::Error> {
    let mut counts: FxHashMap<(u32, i64), i64> = FxHashMap::default();
    for sample in batches.iter().flat_map(|batch| &batch.samples) {
        if let Some(&feed) = feeds.get(&sample.series) {
            *counts.entry((feed, sample.at.nanos().div_euclid(MINUTE))).or_default() += 1;
        }
    }
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO density (feed, minute, samples) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET samples = samples + excluded.samples",
    )?;
    for ((feed, minute), samples) in counts {
        upsert.execute(params![feed, minute, samples])?;
    }
    Ok(())
}

/// One of the history's own numbers.
pub(crate) fn number(connection: &Connection, key: &str) -> Result<i64, rusqlite::Error> {
    let mut select = connection.prepare_cached("SELECT value FROM state WHERE key = ?1")?;
    Ok(select.query_row([key], |row| row.get(0)).optional()?.unwrap_or(0))
}

fn set_number(connection: &Connection, key: &str, value: i64) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO state (key, value) VALUES (?1, ?2)")?
        .execute(params![key, value])
        .map(drop)
}
