//! Feeds, series, findings, alarms and resume positions: the rows beside the samples, written and read.

use feedwatch_model::{
    Alarm, AlarmEvent, AlarmId, AlarmSource, AlarmState, AlarmTransition, Certificate, Check, Expectation, FeedId,
    Finding, FindingKind, Position, SeriesId, SeriesKind, SeriesMeta, Time,
};
use rusqlite::{Connection, Params, Row, Transaction, params};

use crate::chain::{Kind, mark, write_mark};
use crate::values::{json, protocol, severity, severity_word, to_json, unsigned, word};
use crate::{Batch, FeedRecord, StoreError, gaps};

pub(crate) type Sql<T> = Result<T, rusqlite::Error>;

/// Writes everything of a batch but samples and messages.
pub(crate) fn write(transaction: &Transaction<'_>, batch: &Batch) -> Sql<()> {
    write_names(transaction, batch)?;
    gaps::write(transaction, &batch.gaps)?;
    write_findings(transaction, &batch.findings)?;
    write_alarms(transaction, batch)?;
    for (feed, lane) in &batch.outlived {
        transaction
            .prepare_cached("DELETE FROM resume WHERE feed = ?1 AND lane = ?2")?
            .execute(params![feed.0, lane])?;
    }
    for (feed, position) in &batch.positions {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO resume (feed, lane, position) VALUES (?1, ?2, ?3)")?
            .execute(params![feed.0, position.lane(), to_json(position)?])?;
    }
    for (feed, endpoint, certificate) in &batch.certificates {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO certificate (feed, endpoint, certificate) VALUES (?1, ?2, ?3)")?
            .execute(params![feed.0, endpoint, to_json(certificate)?])?;
        mark(transaction, Kind::Certificate, i64::from(feed.0), 0)?;
    }
    for (feed, at, report) in &batch.drills {
        transaction.prepare_cached("INSERT INTO drill (feed, at, report) VALUES (?1, ?2, ?3)")?.execute(params![
            feed.0,
            at.nanos(),
            report
        ])?;
        mark(transaction, Kind::Drill, 0, transaction.last_insert_rowid())?;
    }
    for (feed, at) in &batch.heartbeats {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO watched (feed, at) VALUES (?1, ?2)")?
            .execute(params![feed.0, at.nanos()])?;
    }
    Ok(())
}

/// The certificate that each endpoint of a feed has shown last.
pub(crate) fn certificates(connection: &Connection, feed: FeedId) -> Sql<Vec<(String, Certificate)>> {
    let mut select = connection.prepare_cached("SELECT endpoint, certificate FROM certificate WHERE feed = ?1")?;
    select.query_map([feed.0], |row| Ok((row.get(0)?, json(row, 1)?)))?.collect()
}

/// The latest drills of a feed, the latest first.
pub(crate) fn drills(connection: &Connection, feed: FeedId, most: i64) -> Sql<Vec<(Time, String)>> {
    let mut select =
        connection.prepare_cached("SELECT at, report FROM drill WHERE feed = ?1 ORDER BY at DESC, id DESC LIMIT ?2")?;
    select.query_map(params![feed.0, most], |row| Ok((Time::from_nanos(row.get(0)?), row.get(1)?)))?.collect()
}

fn write_names(transaction: &Transaction<'_>, batch: &Batch) -> Sql<()> {
    for feed in &batch.feeds {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO feed (id, name, title, protocol, address, thinned) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![feed.id.0, &*feed.name, feed.title, feed.protocol.word(), feed.address, feed.thinned])?;
        mark(transaction, Kind::Feed, 0, i64::from(feed.id.0))?;
    }
    for series in &batch.series {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO series (id, feed, name, path, key, unit, kind)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                series.id.0,
                series.feed.0,
                &*series.name,
                &*series.path,
                to_json(&series.key)?,
                series.unit.as_deref(),
                series.kind.word(),
            ])?;
        mark(transaction, Kind::Series, 0, i64::from(series.id.0))?;
    }
    Ok(())
}

fn write_findings(transaction: &Transaction<'_>, findings: &[Finding]) -> Sql<()> {
    for finding in findings {
        if let Some(series) = finding.series {
            // What is found in a series is told again when it has become worse, or is over.
            let gone: Vec<i64> = transaction
                .prepare_cached(
                    "DELETE FROM finding WHERE feed = ?1 AND at = ?2 AND series = ?3 AND check_word = ?4 RETURNING id",
                )?
                .query_map(params![finding.feed.0, finding.at.nanos(), series.0, finding.check.word()], |row| {
                    row.get(0)
                })?
                .collect::<Sql<_>>()?;
            gone.into_iter().try_for_each(|id| write_mark(transaction, Kind::Finding, 0, id, None))?;
        }
        let expected = finding.expectation;
        transaction
            .prepare_cached(
                "INSERT INTO finding (feed, series, at, check_word, kind, severity, per, message, first, last, missing,
                                      value, low, high, surprise, score, text)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                finding.feed.0,
                finding.series.map(|series| series.0),
                finding.at.nanos(),
                finding.check.word(),
                finding.kind.word(),
                severity_word(finding.severity),
                to_json(&finding.per)?,
                finding.message.map(u64::cast_signed),
                finding.from.map(u64::cast_signed),
                finding.to.map(u64::cast_signed),
                finding.missing.map(u64::cast_signed),
                expected.map(|expected| expected.value),
                expected.map(|expected| expected.low),
                expected.map(|expected| expected.high),
                expected.map(|expected| expected.surprise),
                expected.map(|expected| expected.score),
                finding.text,
            ])?;
        mark(transaction, Kind::Finding, 0, transaction.last_insert_rowid())?;
    }
    Ok(())
}

fn write_alarms(transaction: &Transaction<'_>, batch: &Batch) -> Sql<()> {
    for alarm in &batch.alarms {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO alarm (id, feed, series, check_word, kind, state, severity, raised, last_seen,
                                               cleared, acknowledged, findings, title, text)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                alarm.id.0.cast_signed(),
                alarm.source.feed.0,
                alarm.source.series.map(|series| series.0),
                alarm.source.check.word(),
                alarm.kind.word(),
                alarm.state.word(),
                severity_word(alarm.severity),
                alarm.raised.nanos(),
                alarm.last_seen.nanos(),
                alarm.cleared.map(Time::nanos),
                alarm.acknowledged.map(Time::nanos),
                alarm.findings.cast_signed(),
                alarm.title,
                alarm.text,
            ])?;
        mark(transaction, Kind::Alarm, 0, alarm.id.0.cast_signed())?;
    }
    for line in &batch.transitions {
        transaction
            .prepare_cached("INSERT INTO alarm_transition (alarm, at, event, state, note) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                line.id.0.cast_signed(),
                line.at.nanos(),
                line.event.word(),
                line.state.word(),
                line.note,
            ])?;
        mark(transaction, Kind::Transition, 0, transaction.last_insert_rowid())?;
    }
    Ok(())
}

pub(crate) fn time(row: &Row<'_>, index: usize) -> Sql<Time> {
    row.get(index).map(Time::from_nanos)
}

pub(crate) fn maybe_time(row: &Row<'_>, index: usize) -> Sql<Option<Time>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Time::from_nanos))
}

pub(crate) fn rows<T>(
    connection: &Connection,
    sql: &str,
    with: impl Params,
    read: impl Fn(&Row<'_>) -> Sql<T>,
) -> Result<Vec<T>, StoreError> {
    Ok(connection.prepare_cached(sql)?.query_map(with, |row| read(row))?.collect::<Result<_, _>>()?)
}

/// The rows of a question for the newest, in order of time.
pub(crate) fn newest<T>(
    connection: &Connection,
    sql: &str,
    with: impl Params,
    read: impl Fn(&Row<'_>) -> Sql<T>,
) -> Result<Vec<T>, StoreError> {
    let mut found = rows(connection, sql, with, read)?;
    found.reverse();
    Ok(found)
}

pub(crate) fn feeds(connection: &Connection) -> Result<Vec<FeedRecord>, StoreError> {
    rows(connection, "SELECT id, name, title, protocol, address, thinned FROM feed ORDER BY id", [], |row| {
        Ok(FeedRecord {
            id: FeedId(row.get(0)?),
            name: row.get(1)?,
            title: row.get(2)?,
            protocol: word(row, 3, protocol)?,
            address: row.get(4)?,
            thinned: row.get(5)?,
        })
    })
}

pub(crate) fn series(connection: &Connection) -> Result<Vec<SeriesMeta>, StoreError> {
    rows(connection, "SELECT id, feed, name, path, key, unit, kind FROM series ORDER BY id", [], |row| {
        Ok(SeriesMeta {
            id: SeriesId(row.get(0)?),
            feed: FeedId(row.get(1)?),
            name: row.get(2)?,
            path: row.get(3)?,
            key: json(row, 4)?,
            unit: row.get(5)?,
            kind: word(row, 6, SeriesKind::from_word)?,
        })
    })
}

const FINDING: &str = "SELECT feed, series, at, check_word, kind, severity, per, message, first, last, missing,
    value, low, high, surprise, score, text FROM finding";

fn finding(row: &Row<'_>) -> Sql<Finding> {
    let real = |index: usize| row.get::<_, Option<f64>>(index);
    let expected = [real(11)?, real(12)?, real(13)?, real(14)?, real(15)?];
    let expectation = expected.iter().any(Option::is_some).then(|| {
        // SQLite keeps a NaN as NULL.
        let [value, low, high, surprise, score] = expected.map(|real| real.unwrap_or(f64::NAN));
        Expectation { value, low, high, surprise, score }
    });
    Ok(Finding {
        feed: FeedId(row.get(0)?),
        series: row.get::<_, Option<u32>>(1)?.map(SeriesId),
        at: time(row, 2)?,
        check: word(row, 3, Check::from_word)?,
        kind: word(row, 4, FindingKind::from_word)?,
        severity: word(row, 5, severity)?,
        per: json(row, 6)?,
        message: unsigned(row, 7)?,
        from: unsigned(row, 8)?,
        to: unsigned(row, 9)?,
        missing: unsigned(row, 10)?,
        lasting: None,
        expectation,
        text: row.get(16)?,
    })
}

/// The newest `limit` findings in [from, to), in order of time.
pub(crate) fn findings(
    connection: &Connection,
    from: Time,
    to: Time,
    feed: Option<FeedId>,
    limit: i64,
) -> Result<Vec<Finding>, StoreError> {
    let (from, to) = (from.nanos(), to.nanos());
    match feed {
        Some(feed) => newest(
            connection,
            &format!("{FINDING} WHERE feed = ?1 AND at >= ?2 AND at < ?3 ORDER BY at DESC, id DESC LIMIT ?4"),
            params![feed.0, from, to, limit],
            finding,
        ),
        None => newest(
            connection,
            &format!("{FINDING} WHERE at >= ?1 AND at < ?2 ORDER BY at DESC, id DESC LIMIT ?3"),
            params![from, to, limit],
            finding,
        ),
    }
}

/// The newest `limit` findings of a feed's checks in [from, to), anomalies excepted, in order of time.
pub(crate) fn findings_of_checks(
    connection: &Connection,
    feed: FeedId,
    from: Time,
    to: Time,
    limit: i64,
) -> Result<Vec<Finding>, StoreError> {
    newest(
        connection,
        &format!(
            "{FINDING} WHERE feed = ?1 AND at >= ?2 AND at < ?3 AND check_word <> ?4 ORDER BY at DESC, id DESC LIMIT ?5"
        ),
        params![feed.0, from.nanos(), to.nanos(), Check::Anomaly.word(), limit],
        finding,
    )
}

/// The newest `limit` findings of a series in [from, to), in order of time.
pub(crate) fn findings_of(
    connection: &Connection,
    feed: FeedId,
    series: SeriesId,
    from: Time,
    to: Time,
    limit: i64,
) -> Result<Vec<Finding>, StoreError> {
    newest(
        connection,
        &format!(
            "{FINDING} WHERE feed = ?1 AND at >= ?2 AND at < ?3 AND series = ?4 ORDER BY at DESC, id DESC LIMIT ?5"
        ),
        params![feed.0, from.nanos(), to.nanos(), series.0, limit],
        finding,
    )
}

const ALARM: &str = "SELECT id, feed, series, check_word, kind, state, severity, raised, last_seen, cleared,
    acknowledged, findings, title, text FROM alarm";

fn alarm(row: &Row<'_>) -> Sql<Alarm> {
    Ok(Alarm {
        id: AlarmId(row.get::<_, i64>(0)?.cast_unsigned()),
        source: AlarmSource {
            feed: FeedId(row.get(1)?),
            series: row.get::<_, Option<u32>>(2)?.map(SeriesId),
            check: word(row, 3, Check::from_word)?,
        },
        kind: word(row, 4, FindingKind::from_word)?,
        state: word(row, 5, AlarmState::from_word)?,
        severity: word(row, 6, severity)?,
        raised: time(row, 7)?,
        last_seen: time(row, 8)?,
        cleared: maybe_time(row, 9)?,
        acknowledged: maybe_time(row, 10)?,
        findings: row.get::<_, i64>(11)?.cast_unsigned(),
        title: row.get(12)?,
        text: row.get(13)?,
    })
}

/// The newest `limit` alarms that are not over and seen.
pub(crate) fn alarms_open(connection: &Connection, limit: i64) -> Result<Vec<Alarm>, StoreError> {
    newest(connection, &format!("{ALARM} WHERE state <> 'normal' ORDER BY id DESC LIMIT ?1"), [limit], alarm)
}

/// The newest `limit` alarms that lasted at some moment of [from, to), in the order they were raised.
pub(crate) fn alarms(connection: &Connection, from: Time, to: Time, limit: i64) -> Result<Vec<Alarm>, StoreError> {
    newest(
        connection,
        &format!(
            "{ALARM} WHERE raised < ?2 AND (cleared IS NULL OR cleared >= ?1) ORDER BY raised DESC, id DESC LIMIT ?3"
        ),
        params![from.nanos(), to.nanos(), limit],
        alarm,
    )
}

/// The newest `limit` lines of an alarm's life, in the order they happened.
pub(crate) fn transitions(
    connection: &Connection,
    alarm: AlarmId,
    limit: i64,
) -> Result<Vec<AlarmTransition>, StoreError> {
    newest(
        connection,
        "SELECT at, event, state, note FROM alarm_transition WHERE alarm = ?1 ORDER BY id DESC LIMIT ?2",
        params![alarm.0.cast_signed(), limit],
        |row| {
            Ok(AlarmTransition {
                id: alarm,
                at: time(row, 0)?,
                event: word(row, 1, AlarmEvent::from_word)?,
                state: word(row, 2, AlarmState::from_word)?,
                note: row.get(3)?,
            })
        },
    )
}

pub(crate) fn next_alarm_id(connection: &Connection) -> Result<AlarmId, StoreError> {
    let last: Option<i64> = connection.prepare_cached("SELECT max(id) FROM alarm")?.query_row([], |row| row.get(0))?;
    Ok(AlarmId(last.unwrap_or(0).cast_unsigned().saturating_add(1)))
}

pub(crate) fn positions(connection: &Connection) -> Result<Vec<(FeedId, Position)>, StoreError> {
    rows(connection, "SELECT feed, position FROM resume ORDER BY feed, lane", [], |row| {
        Ok((FeedId(row.get(0)?), json(row, 1)?))
    })
}

pub(crate) fn last_watched(connection: &Connection) -> Result<Vec<(FeedId, Time)>, StoreError> {
    rows(connection, "SELECT feed, at FROM watched ORDER BY feed", [], |row| Ok((FeedId(row.get(0)?), time(row, 1)?)))
}
