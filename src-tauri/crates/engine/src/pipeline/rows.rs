//! The pipeline's state as the page sees it.

use feedwatch_ingest::LineCounters;
use feedwatch_model::{Accounts, Alarm, Check, FeedId, FeedState, SeriesId, SeriesMeta, Severity, Time};

use super::{FeedStage, NumberedFinding, Pipeline};
use crate::text::{count_of, seconds};
use crate::wire::{AccountsRow, AlarmRow, FeedRow, FindingRow, Level, LineRow, SeriesRow};

impl From<Severity> for Level {
    fn from(severity: Severity) -> Level {
        match severity {
            Severity::Info => Level::Info,
            Severity::Warning => Level::Warning,
            Severity::Critical => Level::Critical,
        }
    }
}

impl From<Accounts> for AccountsRow {
    fn from(accounts: Accounts) -> AccountsRow {
        AccountsRow {
            received: accounts.received,
            stored: accounts.stored,
            dropped: accounts.dropped,
            duplicate: accounts.duplicate,
            rejected: accounts.rejected,
            in_flight: accounts.in_flight,
            left_out: accounts.conflated,
            bytes: accounts.bytes,
            wire_bytes: accounts.wire_bytes,
        }
    }
}

/// A series as the page lists it.
pub fn series_row(meta: &SeriesMeta) -> SeriesRow {
    SeriesRow {
        id: meta.id.0,
        feed: meta.feed.0,
        name: meta.name.to_string(),
        unit: meta.unit.as_ref().map(ToString::to_string),
        kind: meta.kind.word().to_owned(),
    }
}

impl Pipeline {
    /// A feed as the page lists it. `brought`: what each of its endpoints has brought.
    pub fn feed_row(
        &mut self,
        place: usize,
        accounts: Accounts,
        brought: &[LineCounters],
        now: Time,
    ) -> Option<FeedRow> {
        let id = self.feed(place)?.id();
        let (integrity, integrity_text) = self.integrity_words(place, accounts, now)?;
        let stage = self.feed_mut(place)?;
        let (state, level, state_text) = state_words(stage, now);
        let rate = stage.rate(now);
        let traffic = stage.traffic(now, &accounts);

        let settings = stage.settings();
        Some(FeedRow {
            id: id.0,
            name: settings.name.clone(),
            title: settings.title.clone(),
            protocol: settings.protocol_word.to_owned(),
            address: settings.address.clone(),
            state: state.to_owned(),
            level,
            state_text,
            rate,
            latency_ms: stage.latency_ms(),
            integrity,
            integrity_text,
            accounts: accounts.into(),
            series: stage.series_count() as u32,
            last_message_ms: stage.last_message().map(Time::millis_f64),
            receive_time: stage.is_receive_time(),
            traffic,
            thinned: settings.rate.map(|rate| rate.to_string()),
            lines: line_rows(stage, brought),
        })
    }

    /// What the checks say of a feed, in a few words, and over what time: what an earlier run counted is in the journal.
    fn integrity_words(&self, place: usize, accounts: Accounts, now: Time) -> Option<(Level, String)> {
        let stage = self.feed(place)?;
        let mut words = Vec::new();
        let mut add = |count: u64, word: &str| {
            if count > 0 {
                words.push(format!("{} {word}", count_of(count)));
            }
        };
        add(stage.lost(), "lost");
        add(accounts.dropped, "dropped");
        add(stage.duplicate(), "repeated");
        add(stage.reordered(), "late");
        add(stage.rejected(), "unreadable");
        let id = stage.id();
        let open = self.alarms().open().filter(|alarm| alarm.source.feed == id && alarm.state.is_active());
        let worst =
            open.filter(|alarm| is_integrity(alarm.source.check)).map(|alarm| Level::from(alarm.severity)).max();
        let watched = seconds(now.secs_since(stage.counted_since()));
        Some(match (words.is_empty(), worst) {
            (true, None) if stage.is_numbered() => (Level::Ok, format!("complete for {watched}")),
            // Without numbers of its own a loss would not show: do not claim what cannot be known.
            (true, None) => (Level::Ok, "not numbered".to_owned()),
            (true, Some(worst)) => (worst, format!("no new fault in {watched}")),
            (false, worst) => (worst.unwrap_or(Level::Info), format!("{} in {watched}", words.join(", "))),
        })
    }

    /// An alarm as the page lists it.
    pub fn alarm_row(&self, alarm: &Alarm) -> AlarmRow {
        let (feed_title, series_name) = self.names(alarm.source.feed, alarm.source.series);
        AlarmRow {
            id: u32::try_from(alarm.id.0).unwrap_or(u32::MAX),
            feed: alarm.source.feed.0,
            feed_title,
            series: alarm.source.series.map(|series| series.0),
            series_name,
            level: alarm.severity.into(),
            state: alarm.state.word().to_owned(),
            check: alarm.source.check.word().to_owned(),
            kind: alarm.kind.word().to_owned(),
            title: alarm.title.clone(),
            text: alarm.text.clone(),
            raised_ms: alarm.raised.millis_f64(),
            last_seen_ms: alarm.last_seen.millis_f64(),
            cleared_ms: alarm.cleared.map(Time::millis_f64),
            acknowledged_ms: alarm.acknowledged.map(Time::millis_f64),
            findings: u32::try_from(alarm.findings).unwrap_or(u32::MAX),
        }
    }

    /// A finding as the page lists it.
    pub fn finding_row(&self, numbered: &NumberedFinding) -> FindingRow {
        let finding = &numbered.finding;
        let (feed_title, series_name) = self.names(finding.feed, finding.series);
        FindingRow {
            number: numbered.number,
            feed: finding.feed.0,
            feed_title,
            series: finding.series.map(|series| series.0),
            series_name,
            check: finding.check.word().to_owned(),
            kind: finding.kind.word().to_owned(),
            level: finding.severity.into(),
            at_ms: finding.at.millis_f64(),
            message: finding.message.map(|number| number as f64),
            text: finding.text.clone(),
        }
    }

    /// The name of a feed in the configuration.
    pub fn feed_name(&self, feed: FeedId) -> String {
        let stage = self.feeds.iter().flatten().find(|stage| stage.id() == feed);
        let name = stage.map(|stage| stage.settings().name.clone());
        name.or_else(|| self.registry().name_of(feed)).unwrap_or_else(|| format!("feed {}", feed.0))
    }

    /// What its rate limit keeps of a feed's series, where it has one.
    pub fn thinned(&self, feed: FeedId) -> Option<String> {
        let stage = self.feeds.iter().flatten().find(|stage| stage.id() == feed)?;
        stage.settings().rate.map(|rate| rate.to_string())
    }

    /// The title of a feed and the name of a series, for people.
    pub fn names(&self, feed: FeedId, series: Option<SeriesId>) -> (String, Option<String>) {
        let stage = self.feeds.iter().flatten().find(|stage| stage.id() == feed);
        let title = stage.map_or_else(|| self.feed_name(feed), |stage| stage.settings().title.clone());
        let name = series.and_then(|id| self.registry().meta(id)).map(|meta| meta.name.to_string());
        (title, name)
    }
}

fn is_integrity(check: Check) -> bool {
    matches!(check, Check::Sequence | Check::Decode | Check::Duplicate | Check::Order)
}

/// The endpoints of a feed that has several.
pub(crate) fn line_rows(stage: &FeedStage, brought: &[LineCounters]) -> Vec<LineRow> {
    let brought = brought.iter().copied().chain(std::iter::repeat(LineCounters::default()));
    let rows = stage.lines().iter().zip(brought).map(|(line, counters)| LineRow {
        name: line.settings.name.clone(),
        address: line.settings.address.clone(),
        state: line.state.word().to_owned(),
        reason: Some(line.reason.clone()).filter(|reason| !reason.is_empty()),
        received: counters.received,
        first: counters.first,
        missed: counters.missed,
    });
    rows.collect()
}

fn state_words(stage: &FeedStage, now: Time) -> (&'static str, Level, Option<String>) {
    match stage.state() {
        FeedState::Connecting => ("connecting", Level::Info, Some("connecting".to_owned())),
        FeedState::Live => match stage.degraded() {
            Some(text) => ("live", Level::Warning, Some(text)),
            None => ("live", Level::Ok, None),
        },
        FeedState::Silent => {
            let quiet = stage.last_message().map_or(0.0, |last| now.secs_since(last));
            ("silent", Level::Critical, Some(format!("silent {}", seconds(quiet))))
        }
        FeedState::Down => {
            let wait = stage.retry_at().map_or(0.0, |at| at.secs_since(now)).max(0.0);
            let when =
                if wait < 1.0 { "reconnecting now".to_owned() } else { format!("reconnecting in {}", seconds(wait)) };
            ("down", Level::Warning, Some(format!("{when}: {}", stage.reason())))
        }
        FeedState::Refused => ("refused", Level::Critical, Some(stage.reason().to_owned())),
        FeedState::Stopped => ("stopped", Level::Info, Some(format!("ended: {}", stage.reason()))),
    }
}
