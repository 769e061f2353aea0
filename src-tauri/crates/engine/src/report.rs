//! What the terminal tells as JSON: the shapes of `cli.md`. Integers beyond 2^53 are texts; unknown is null.

use std::collections::BTreeMap;
use std::sync::Arc;

use feedwatch_model::{Accounts, Alarm, AlarmState, Check, FindingKind, Gap, Severity, Time};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::engine::Core;
use crate::pipeline::rows::line_rows;
use crate::pipeline::{News, NumberedFinding, Pipeline};
use crate::wire::LineRow;

/// The version of these shapes.
pub const SCHEMA: u32 = 1;

const EXACT: u64 = 1 << 53;

/// An integer; beyond 2^53 as text, since most readers of JSON would round it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact(pub u64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= EXACT { serializer.serialize_u64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

/// A finding.
#[derive(Clone, Debug, Serialize)]
pub struct FindingReport {
    /// Which check.
    pub check: Check,
    /// What it found.
    pub kind: FindingKind,
    /// The feed's name.
    pub feed: String,
    /// The series' name.
    pub series: Option<String>,
    /// The scope of the sequence rule.
    pub per: BTreeMap<Arc<str>, Arc<str>>,
    /// When.
    pub at: Time,
    /// The message that shows it.
    pub message: Option<Exact>,
    /// First number.
    pub from: Option<Exact>,
    /// Last number.
    pub to: Option<Exact>,
    /// How many are missing.
    pub missing: Option<Exact>,
    /// How much it matters.
    pub severity: Severity,
    /// What came, for anomalies.
    pub value: Option<f64>,
    /// The expected band, for anomalies.
    pub expected: Option<[f64; 2]>,
    /// The reason.
    pub text: String,
}

/// An alarm.
#[derive(Clone, Debug, Serialize)]
pub struct AlarmReport {
    /// Its number.
    pub id: u64,
    /// The feed's name.
    pub feed: String,
    /// The series' name.
    pub series: Option<String>,
    /// Which check.
    pub check: Check,
    /// What it found.
    pub kind: FindingKind,
    /// Where it stands.
    pub state: AlarmState,
    /// How much it matters.
    pub severity: Severity,
    /// When it was raised.
    pub raised: Time,
    /// When it was over.
    pub cleared: Option<Time>,
    /// When a person acknowledged it.
    pub acknowledged: Option<Time>,
    /// How many findings it holds.
    pub findings: u64,
    /// The headline.
    pub title: String,
    /// The explanation.
    pub text: String,
}

/// A gap.
#[derive(Clone, Debug, Serialize)]
pub struct GapReport {
    /// The feed's name.
    pub feed: String,
    /// From.
    pub from: Time,
    /// To; null while it lasts.
    pub to: Option<Time>,
    /// Its length; null while it lasts.
    pub seconds: Option<f64>,
    /// Why.
    pub cause: &'static str,
    /// How many messages are missing.
    pub missing: Option<Exact>,
    /// What was seen.
    pub detail: String,
}

/// What the history takes of the disk.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryReport {
    /// The file.
    pub file: String,
    /// Its size, with its log.
    pub bytes: u64,
    /// Samples in it.
    pub samples: u64,
    /// Bytes of raw messages in it; null where that cannot be read.
    pub message_bytes: Option<u64>,
    /// How many of those a feed may have; the oldest go.
    pub message_bytes_per_feed: u64,
    /// How long they are kept at most.
    pub message_seconds: u64,
}

/// What a run was: the last line of `feedwatch run --json`.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The version of this shape.
    pub schema: u32,
    /// How long it ran.
    pub seconds: f64,
    /// Accounts by feed.
    pub accounts: BTreeMap<String, Accounts>,
    /// What each endpoint has brought, of feeds that have several.
    pub endpoints: BTreeMap<String, Vec<LineRow>>,
    /// What was found.
    pub findings: Vec<FindingReport>,
    /// Alarms, open and closed.
    pub alarms: Vec<AlarmReport>,
    /// Gaps.
    pub gaps: Vec<GapReport>,
    /// The history, where one is kept.
    pub history: Option<HistoryReport>,
    /// The history's trouble at the end, if any.
    pub history_problem: Option<String>,
    /// What the demo did, if this was the demo.
    pub demo_log: Option<feedwatch_demo::Log>,
}

/// A finding as the terminal tells it.
pub fn finding_report(pipeline: &Pipeline, numbered: &NumberedFinding) -> FindingReport {
    let finding = &numbered.finding;
    let series = finding.series.and_then(|id| pipeline.registry().meta(id));
    FindingReport {
        check: finding.check,
        kind: finding.kind,
        feed: pipeline.feed_name(finding.feed),
        series: series.map(|meta| meta.name.to_string()),
        per: finding.per.iter().cloned().collect(),
        at: finding.at,
        message: finding.message.map(Exact),
        from: finding.from.map(Exact),
        to: finding.to.map(Exact),
        missing: finding.missing.map(Exact),
        severity: finding.severity,
        value: finding.expectation.map(|expected| expected.value),
        expected: finding.expectation.map(|expected| [expected.low, expected.high]),
        text: finding.text.clone(),
    }
}

fn alarm_report(pipeline: &Pipeline, alarm: &Alarm) -> AlarmReport {
    let series = alarm.source.series.and_then(|id| pipeline.registry().meta(id));
    AlarmReport {
        id: alarm.id.0,
        feed: pipeline.feed_name(alarm.source.feed),
        series: series.map(|meta| meta.name.to_string()),
        check: alarm.source.check,
        kind: alarm.kind,
        state: alarm.state,
        severity: alarm.severity,
        raised: alarm.raised,
        cleared: alarm.cleared,
        acknowledged: alarm.acknowledged,
        findings: alarm.findings,
        title: alarm.title.clone(),
        text: alarm.text.clone(),
    }
}

fn gap_report(pipeline: &Pipeline, gap: &Gap) -> GapReport {
    GapReport {
        feed: pipeline.feed_name(gap.feed),
        from: gap.from,
        to: gap.to,
        seconds: gap.to.map(|to| to.secs_since(gap.from)),
        cause: gap.cause.code(),
        missing: gap.missing.map(Exact),
        detail: gap.detail.clone(),
    }
}

/// A line of `--follow`; notices are for people and give none.
pub(crate) fn line(pipeline: &Pipeline, news: &News) -> Option<Value> {
    let (word, mut value) = match news {
        News::Finding(found) => ("finding", serde_json::to_value(finding_report(pipeline, found)).ok()?),
        News::Alarm(change) => ("alarm", serde_json::to_value(alarm_report(pipeline, &change.alarm)).ok()?),
        News::Gap(gap) => ("gap", serde_json::to_value(gap_report(pipeline, gap)).ok()?),
        News::Notice(..) => return None,
    };
    if let Value::Object(fields) = &mut value {
        fields.insert("type".to_owned(), json!(word));
    }
    Some(value)
}

/// The accounts as a line of `--follow`.
pub(crate) fn accounts_line(accounts: &BTreeMap<String, Accounts>) -> Value {
    json!({ "type": "accounts", "accounts": accounts })
}

/// The accounts of all feeds at this moment, by name.
pub(crate) fn accounts(core: &Core) -> BTreeMap<String, Accounts> {
    let pipeline = core.pipeline.lock();
    let feeds = core.feeds.lock();
    feeds.iter().map(|feed| (feed.name.clone(), feed.accounts(&pipeline, core))).collect()
}

fn endpoints(core: &Core) -> BTreeMap<String, Vec<LineRow>> {
    let pipeline = core.pipeline.lock();
    let feeds = core.feeds.lock();
    let rows = feeds.iter().filter_map(|feed| {
        let rows = line_rows(pipeline.feed(feed.place)?, &feed.inbox.lines());
        (!rows.is_empty()).then(|| (feed.name.clone(), rows))
    });
    rows.collect()
}

pub(crate) fn run_report(core: &Core) -> RunReport {
    let accounts = accounts(core);
    let endpoints = endpoints(core);
    let pipeline = core.pipeline.lock();
    let began = core.started;
    RunReport {
        schema: SCHEMA,
        seconds: core.now().secs_since(began),
        accounts,
        endpoints,
        findings: pipeline.findings().map(|found| finding_report(&pipeline, found)).collect(),
        alarms: pipeline.alarms().all().map(|alarm| alarm_report(&pipeline, alarm)).collect(),
        gaps: pipeline
            .gaps()
            .filter(|gap| gap.to.is_none_or(|to| to >= began))
            .map(|gap| gap_report(&pipeline, gap))
            .collect(),
        history: core.history.report(&core.options.config.console),
        history_problem: match core.writer() {
            Some(writer) => writer.status().problem,
            None => core.history.problem().map(str::to_owned),
        },
        demo_log: None,
    }
}

impl crate::Engine {
    /// The accounts of all feeds at this moment, by name.
    pub fn accounts(&self) -> BTreeMap<String, Accounts> {
        accounts(&self.core)
    }

    /// What the run is so far.
    pub fn report(&self) -> RunReport {
        let mut report = run_report(&self.core);
        report.demo_log = self.demo_log();
        report
    }
}
