//! Reading a history: any number of threads over a few read-only connections.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use feedwatch_model::{
    Alarm, AlarmId, AlarmTransition, Bucket, Certificate, FeedId, Finding, Gap, LedgerCounts, LedgerSlot, LedgerWidth,
    Position, Sample, Scorecard, SeriesId, SeriesMeta, Time,
};
use rusqlite::{Connection, params};

use crate::commit::{MINUTE, number};
use crate::{
    Cursor, FeedRecord, Page, Shown, StoreError, StoredMessage, evidence, gaps, journal, ledger, schema, series,
};

/// How many idle connections are kept.
const IDLE: usize = 4;
/// No answer has more rows than this.
const MOST_ROWS: usize = 100_000;

/// Reads a history, also while it is written. Clones share their connections.
///
/// Times are half-open ranges [from, to) throughout; of samples, `Time::MAX` as `to` is no end at all. Answers that are limited tell the newest that fit, in order of
/// time.
#[derive(Clone, Debug)]
pub struct Reader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Reader, StoreError> {
        let connection = schema::open_for_reading(path)?;
        Ok(Reader { inner: Arc::new(Inner { path: path.to_path_buf(), idle: Mutex::new(vec![connection]) }) })
    }

    /// The history's file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Asks one question in one transaction, so that what is written in between does not tear the answer.
    fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_for_reading(&self.inner.path)?,
        };
        let transaction = connection.unchecked_transaction()?;
        let answer = question(&transaction);
        drop(transaction);
        if answer.is_ok() {
            let mut idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE {
                idle.push(connection);
            }
        }
        answer
    }

    /// Every feed that was ever watched.
    ///
    /// # Errors
    /// [`StoreError`], here and below, when the file cannot be read or is damaged.
    pub fn feeds(&self) -> Result<Vec<FeedRecord>, StoreError> {
        self.ask(journal::feeds)
    }

    /// Every series.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn series(&self) -> Result<Vec<SeriesMeta>, StoreError> {
        self.ask(journal::series)
    }

    /// A series as min/max buckets: every slot of `width_ns` that touches [from, to) is told whole, empty ones are left
    /// out. `count`, `min`, `max`, `first` and `last` are exact, first and last in order of (time, arrival).
    ///
    /// # Errors
    /// [`StoreError::TooManySlots`] for more slots than any picture has columns.
    pub fn buckets(&self, of: SeriesId, from: Time, to: Time, width_ns: i64) -> Result<Vec<Bucket>, StoreError> {
        self.ask(|connection| series::buckets(connection, of, from, to, width_ns))
    }

    /// Samples of a series in order of (time, arrival), at most `limit`; `after` goes on where a page ended.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn samples(
        &self,
        of: SeriesId,
        from: Time,
        to: Time,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.ask(|connection| series::samples(connection, of, from, to, after, limit.clamp(1, MOST_ROWS)))
    }

    /// Gaps that touch the range.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn gaps(&self, feed: Option<FeedId>, from: Time, to: Time) -> Result<Vec<Gap>, StoreError> {
        self.ask(|connection| gaps::within(connection, feed, from, to, rows(MOST_ROWS)))
    }

    /// Gaps that have no end yet.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn gaps_open(&self) -> Result<Vec<Gap>, StoreError> {
        self.ask(|connection| gaps::open(connection, rows(MOST_ROWS)))
    }

    /// The first `limit` gaps of a feed behind `last` that touch the range, in order of their begin.
    pub(crate) fn gaps_after(
        &self,
        feed: FeedId,
        from: Time,
        to: Time,
        last: Option<&Gap>,
        limit: usize,
    ) -> Result<Vec<Gap>, StoreError> {
        self.ask(|connection| gaps::after(connection, feed, from, to, last, rows(limit)))
    }

    /// Findings of the range.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn findings(
        &self,
        from: Time,
        to: Time,
        feed: Option<FeedId>,
        limit: usize,
    ) -> Result<Vec<Finding>, StoreError> {
        self.ask(|connection| journal::findings(connection, from, to, feed, rows(limit)))
    }

    /// The same of one feed without its anomalies: what its checks found.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn findings_of_checks(
        &self,
        feed: FeedId,
        from: Time,
        to: Time,
        limit: usize,
    ) -> Result<Vec<Finding>, StoreError> {
        self.ask(|connection| journal::findings_of_checks(connection, feed, from, to, rows(limit)))
    }

    /// Findings of one series of a feed in the range.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn findings_of(
        &self,
        feed: FeedId,
        series: SeriesId,
        from: Time,
        to: Time,
        limit: usize,
    ) -> Result<Vec<Finding>, StoreError> {
        self.ask(|connection| journal::findings_of(connection, feed, series, from, to, rows(limit)))
    }

    /// Alarms that are not over and seen: what a start restores.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn alarms_open(&self) -> Result<Vec<Alarm>, StoreError> {
        self.ask(|connection| journal::alarms_open(connection, rows(MOST_ROWS)))
    }

    /// Alarms that lasted at some moment of the range.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn alarms(&self, from: Time, to: Time, limit: usize) -> Result<Vec<Alarm>, StoreError> {
        self.ask(|connection| journal::alarms(connection, from, to, rows(limit)))
    }

    /// The life of an alarm.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn transitions(&self, alarm: AlarmId) -> Result<Vec<AlarmTransition>, StoreError> {
        self.ask(|connection| journal::transitions(connection, alarm, rows(MOST_ROWS)))
    }

    /// A number no alarm has had.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn next_alarm_id(&self) -> Result<AlarmId, StoreError> {
        self.ask(journal::next_alarm_id)
    }

    /// The certificate that each endpoint of a feed, by its name, has shown last.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn certificates(&self, feed: FeedId) -> Result<Vec<(String, Certificate)>, StoreError> {
        self.ask(|connection| Ok(journal::certificates(connection, feed)?))
    }

    /// The latest drills of a feed, the latest first: when the feed was cut, and what was measured as a JSON object.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn drills(&self, feed: FeedId, most: usize) -> Result<Vec<(Time, String)>, StoreError> {
        self.ask(|connection| Ok(journal::drills(connection, feed, rows(most))?))
    }

    /// Where each feed would resume.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn positions(&self) -> Result<Vec<(FeedId, Position)>, StoreError> {
        self.ask(journal::positions)
    }

    /// The latest moment up to which each feed was watched.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn last_watched(&self) -> Result<Vec<(FeedId, Time)>, StoreError> {
        self.ask(journal::last_watched)
    }

    /// Raw messages of a feed, as far as they are still kept.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn messages(&self, feed: FeedId, from: Time, to: Time, limit: usize) -> Result<Vec<StoredMessage>, StoreError> {
        self.ask(|connection| evidence::messages(connection, feed, from, to, rows(limit)))
    }

    /// Raw messages around a moment, `each` of them on either side at most, in the order of receipt. With a number they are
    /// those around the message of that number which was received at `at`, to a millisecond, and its place is told; if it
    /// is no longer kept, those around `at`. Of each payload come the first `most` bytes, and how many it has.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn messages_around(
        &self,
        feed: FeedId,
        at: Time,
        number: Option<u64>,
        each: usize,
        most: usize,
    ) -> Result<Shown, StoreError> {
        self.ask(|connection| evidence::around(connection, feed, at, number, (rows(each), rows(most))))
    }

    /// The bytes of raw messages that are kept, over all feeds.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn message_bytes(&self) -> Result<u64, StoreError> {
        self.ask(evidence::bytes)
    }

    /// The ledger's rows of a width that begin in the range, in order of (time, feed). A slot of which nothing was counted
    /// has none.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn ledger(
        &self,
        feed: Option<FeedId>,
        from: Time,
        to: Time,
        width: LedgerWidth,
    ) -> Result<Vec<LedgerSlot>, StoreError> {
        self.ask(|connection| ledger::slots(connection, feed, from, to, width, rows(MOST_ROWS)))
    }

    /// The scorecard of a feed, or of all feeds, over the minutes that begin in the range, and the counts behind it.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn scorecard(
        &self,
        feed: Option<FeedId>,
        from: Time,
        to: Time,
    ) -> Result<(Scorecard, LedgerCounts), StoreError> {
        self.ask(|connection| {
            let counts = ledger::sum(connection, feed, from, to)?;
            Ok((Scorecard::of(&counts), counts))
        })
    }

    /// How many samples fall into each of `slots` equal parts of the range, over all series of a feed or of all feeds.
    /// It is told by the minute: a minute counts in the slot in which it begins.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn density(&self, feed: Option<FeedId>, from: Time, to: Time, slots: usize) -> Result<Vec<u64>, StoreError> {
        let slots = slots.clamp(1, MOST_ROWS);
        let span = i128::from(to.nanos()) - i128::from(from.nanos());
        let mut counts = vec![0u64; slots];
        if span <= 0 {
            return Ok(counts);
        }
        self.ask(|connection| {
            // Feeds are few: all of one minute stand in as many places.
            let mut select = connection.prepare_cached(
                "SELECT minute, samples FROM density
                 WHERE feed IN (SELECT id FROM feed WHERE ?1 IS NULL OR id = ?1) AND minute >= ?2 AND minute <= ?3",
            )?;
            let first = from.nanos().div_euclid(MINUTE);
            let last = (to.nanos() - 1).div_euclid(MINUTE);
            let mut found = select.query(params![feed.map(|feed| feed.0), first, last])?;
            while let Some(row) = found.next()? {
                let begin = i128::from(row.get::<_, i64>(0)?) * i128::from(MINUTE);
                let since = (begin - i128::from(from.nanos())).max(0);
                let slot = usize::try_from(since * slots as i128 / span).unwrap_or(slots);
                if let Some(count) = counts.get_mut(slot) {
                    *count += row.get::<_, i64>(1)?.cast_unsigned();
                }
            }
            Ok(())
        })?;
        Ok(counts)
    }

    /// How many samples the history holds.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn samples_total(&self) -> Result<u64, StoreError> {
        self.ask(|connection| Ok(number(connection, "samples")?.cast_unsigned()))
    }

    /// How many samples of a series the range holds.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn count_samples(&self, of: SeriesId, from: Time, to: Time) -> Result<u64, StoreError> {
        self.ask(|connection| series::count(connection, of, from, to))
    }

    /// The first sample of a series at or after `from`: where a strip begins.
    ///
    /// # Errors
    /// See [`Reader::feeds`].
    pub fn first_sample(&self, of: SeriesId, from: Time) -> Result<Option<Sample>, StoreError> {
        Ok(self.samples(of, from, Time::MAX, None, 1)?.samples.first().copied())
    }
}

fn rows(limit: usize) -> i64 {
    limit.min(MOST_ROWS) as i64
}
