//! Gaps: the rows, and those of several feeds as one stream.

use std::collections::VecDeque;

use feedwatch_model::{FeedId, Gap, GapCause, Time};
use rusqlite::{Connection, Row, Transaction, params};

use crate::chain::{Kind, mark};
use crate::journal::{Sql, maybe_time, newest, rows, time};
use crate::values::{unsigned, word};
use crate::{Reader, StoreError};

/// Gaps of a feed that a stream holds at once.
const PAGE: usize = 4096;

pub(crate) fn write(transaction: &Transaction<'_>, gaps: &[Gap]) -> Sql<()> {
    for gap in gaps {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO gap (feed, from_at, cause, to_at, missing, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                gap.feed.0,
                gap.from.nanos(),
                gap.cause.code(),
                gap.to.map(Time::nanos),
                gap.missing.map(u64::cast_signed),
                gap.detail,
            ])?;
        mark(transaction, Kind::Gap, i64::from(gap.feed.0), gap.from.nanos())?;
    }
    Ok(())
}

/// The newest `limit` gaps that touch [from, to), in order of time.
pub(crate) fn within(
    connection: &Connection,
    feed: Option<FeedId>,
    from: Time,
    to: Time,
    limit: i64,
) -> Result<Vec<Gap>, StoreError> {
    newest(
        connection,
        "SELECT feed, from_at, to_at, cause, missing, detail FROM gap
         WHERE (?1 IS NULL OR feed = ?1) AND from_at < ?3 AND (to_at IS NULL OR to_at >= ?2)
         ORDER BY from_at DESC, feed DESC, cause DESC LIMIT ?4",
        params![feed.map(|feed| feed.0), from.nanos(), to.nanos(), limit],
        gap,
    )
}

/// The newest `limit` gaps without an end, in order of time.
pub(crate) fn open(connection: &Connection, limit: i64) -> Result<Vec<Gap>, StoreError> {
    newest(
        connection,
        "SELECT feed, from_at, to_at, cause, missing, detail FROM gap WHERE to_at IS NULL
         ORDER BY from_at DESC, feed DESC, cause DESC LIMIT ?1",
        params![limit],
        gap,
    )
}

/// The first `limit` gaps of a feed behind `last` that touch [from, to), in order of time.
pub(crate) fn after(
    connection: &Connection,
    feed: FeedId,
    from: Time,
    to: Time,
    last: Option<&Gap>,
    limit: i64,
) -> Result<Vec<Gap>, StoreError> {
    let (begin, cause) = last.map_or((i64::MIN, ""), |gap| (gap.from.nanos(), gap.cause.code()));
    rows(
        connection,
        "SELECT feed, from_at, to_at, cause, missing, detail FROM gap
         WHERE feed = ?1 AND (from_at, cause) > (?4, ?5) AND from_at < ?3 AND (to_at IS NULL OR to_at >= ?2)
         ORDER BY from_at, cause LIMIT ?6",
        params![feed.0, from.nanos(), to.nanos(), begin, cause, limit],
        gap,
    )
}

fn gap(row: &Row<'_>) -> Sql<Gap> {
    Ok(Gap {
        feed: FeedId(row.get(0)?),
        from: time(row, 1)?,
        to: maybe_time(row, 2)?,
        cause: word(row, 3, GapCause::from_code)?,
        missing: unsigned(row, 4)?,
        detail: row.get(5)?,
    })
}

/// The gaps of several feeds that touch [from, to), as one stream in order of their begin.
pub(crate) struct Stream {
    feeds: Vec<Pages>,
    from: Time,
    to: Time,
}

/// The gaps of one feed, read page by page.
struct Pages {
    feed: FeedId,
    held: VecDeque<Gap>,
    last: Option<Gap>,
    over: bool,
}

impl Stream {
    /// Of each feed in `feeds`.
    pub(crate) fn new(feeds: impl IntoIterator<Item = FeedId>, from: Time, to: Time) -> Stream {
        let pages = |feed| Pages { feed, held: VecDeque::new(), last: None, over: false };
        Stream { feeds: feeds.into_iter().map(pages).collect(), from, to }
    }

    /// When the next one begins.
    pub(crate) fn peek(&mut self, reader: &Reader) -> Result<Option<Time>, StoreError> {
        for pages in &mut self.feeds {
            pages.fill(reader, self.from, self.to)?;
        }
        Ok(self.feeds.iter().filter_map(Pages::begin).min())
    }

    /// The next one, as peeked.
    pub(crate) fn pop(&mut self) -> Option<Gap> {
        let held = self.feeds.iter_mut().filter(|pages| pages.begin().is_some());
        held.min_by_key(|pages| pages.begin())?.held.pop_front()
    }
}

impl Pages {
    fn fill(&mut self, reader: &Reader, from: Time, to: Time) -> Result<(), StoreError> {
        if !self.held.is_empty() || self.over {
            return Ok(());
        }
        let page = reader.gaps_after(self.feed, from, to, self.last.as_ref(), PAGE)?;
        self.over = page.len() < PAGE;
        self.last = page.last().cloned();
        self.held = page.into();
        Ok(())
    }

    fn begin(&self) -> Option<Time> {
        self.held.front().map(|gap| gap.from)
    }
}
