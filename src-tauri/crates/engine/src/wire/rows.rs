//! What is pushed, row by row: the console, its feeds, series, alarms and findings.

use serde::Serialize;
use ts_rs::TS;

use super::Level;
use crate::engine::DrillReport;

/// The console as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Status {
    /// The engine's clock.
    pub now_ms: f64,
    /// Is this the built-in demo?
    pub demo: bool,
    /// The configuration file in use or, in the demo, the one that *Add a feed* would write.
    pub config_path: String,
    /// Messages received per second over all feeds, over the last 2 s.
    pub messages_per_second: f64,
    /// Messages known to be lost since the start, over all feeds.
    pub lost: u64,
    /// Accounts over all feeds.
    pub accounts: AccountsRow,
    /// Goes up whenever the list of series changed: ask for it again.
    pub series_revision: u32,
    /// The history.
    pub history: HistoryRow,
    /// Share of one core used by the engine's and window's main process over the last 2 s, in per cent.
    pub cpu_percent: Option<f64>,
    /// Resident memory of that process.
    pub memory_bytes: Option<u64>,
    /// Notifications: `ok` on, `info` switched off, `warning` nothing answers.
    pub notifications: Level,
    /// The same as a sentence: `Notifications on`.
    pub notifications_text: String,
    /// Up to when every received message was checked.
    pub checked_until_ms: f64,
}

/// The history.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct HistoryRow {
    /// Is what comes being kept?
    pub keeping: bool,
    /// If not: why, and what to do.
    pub problem: Option<String>,
    /// Size on disk.
    pub bytes: u64,
    /// Samples in it.
    pub samples: u64,
    /// Messages that came but could not be kept.
    pub not_kept: u64,
}

/// The accounts: `received = stored + dropped + duplicate + rejected + in_flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct AccountsRow {
    /// Everything that came.
    pub received: u64,
    /// Decoded and kept.
    pub stored: u64,
    /// Forgotten: a queue was full or the history not written.
    pub dropped: u64,
    /// The same once more.
    pub duplicate: u64,
    /// Unreadable.
    pub rejected: u64,
    /// In a queue now.
    pub in_flight: u64,
    /// Samples that the feed's rate limit left out.
    pub left_out: u64,
    /// Payload bytes received.
    pub bytes: u64,
    /// Bytes that came over the wire for all of that, where that is known.
    pub wire_bytes: Option<u64>,
}

/// One feed in the list.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FeedRow {
    /// Its number.
    pub id: u32,
    /// Its name in the configuration.
    pub name: String,
    /// Its title for people.
    pub title: String,
    /// `ws`, `wss`, `sse`, `file`.
    pub protocol: String,
    /// The address without secrets.
    pub address: String,
    /// `connecting`, `live`, `silent`, `down`, `refused`, `stopped`.
    pub state: String,
    /// How bad that is: `ok` is the grey dot.
    pub level: Level,
    /// A few words where it is not simply live: `silent 48 s, usual 0.2 s`, `reconnecting in 4 s: connection refused`.
    pub state_text: Option<String>,
    /// Messages per second over the last 2 s.
    pub rate: f64,
    /// Median of receive time minus event time over the last messages, where the feed tells an event time.
    pub latency_ms: Option<f64>,
    /// How bad the integrity is.
    pub integrity: Level,
    /// `complete`, `3 lost, 1 repeated`.
    pub integrity_text: String,
    /// Its accounts.
    pub accounts: AccountsRow,
    /// How many series it has.
    pub series: u32,
    /// When the last message came.
    pub last_message_ms: Option<f64>,
    /// Do its charts use the receive time, since its own clock cannot be trusted?
    pub receive_time: bool,
    /// What comes over the wire and what is in it, a second: `412 kB/s on the wire, 1.9 MB/s of payload: 78 % saved by
    /// compression`. Not before that can be told.
    pub traffic: Option<String>,
    /// What its rate limit charts and keeps of each series, where it has one: `the newest value per 250 ms`.
    pub thinned: Option<String>,
    /// Its endpoints, the preferred one first, where it has several.
    pub lines: Vec<LineRow>,
}

/// One endpoint of a feed that has several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct LineRow {
    /// `preferred`, or its name in the configuration.
    pub name: String,
    /// The address without secrets.
    pub address: String,
    /// `up`, `connecting`, `down`, `standby` (not needed), `ended`.
    pub state: String,
    /// Why it is not up, where it should be.
    pub reason: Option<String>,
    /// Messages that came on it.
    pub received: u64,
    /// Those of them that came on no other line before.
    pub first: u64,
    /// Messages that only others brought while it was connected.
    pub missed: u64,
}

/// What a drill has measured.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct DrillRow {
    /// When the endpoint was cut.
    pub at_ms: f64,
    /// The endpoint that was cut.
    pub from: String,
    /// The one that brought the first message after it; `None`: none did.
    pub to: Option<String>,
    /// From the cut to the first message.
    pub to_first_message_ms: Option<f64>,
    /// Messages that never came; `None` where that cannot be known.
    pub lost: Option<u64>,
    /// Messages that were missing and came after all.
    pub filled: u64,
    /// Messages that came more than once.
    pub repeated: u64,
    /// From the wish to return to the first message on the endpoint that was cut.
    pub to_return_ms: Option<f64>,
    /// Did the feed go on, and return?
    pub passed: bool,
    /// The same as a sentence.
    pub text: String,
}

impl From<DrillReport> for DrillRow {
    fn from(report: DrillReport) -> DrillRow {
        DrillRow {
            at_ms: report.at.millis_f64(),
            passed: report.passed(),
            from: report.from,
            to: report.to,
            to_first_message_ms: report.to_first_message_ms,
            lost: report.lost,
            filled: report.filled,
            repeated: report.repeated,
            to_return_ms: report.to_return_ms,
            text: report.text,
        }
    }
}

/// One series.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SeriesRow {
    /// Its number.
    pub id: u32,
    /// The feed's number.
    pub feed: u32,
    /// For people, unique in the feed: `BTC-USD.price`.
    pub name: String,
    /// Its unit, where known.
    pub unit: Option<String>,
    /// `gauge`, `counter`, `boolean`, `state`.
    pub kind: String,
}

/// One alarm.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct AlarmRow {
    /// Its number.
    pub id: u32,
    /// The feed's number.
    pub feed: u32,
    /// The feed's title.
    pub feed_title: String,
    /// The series' number, where it is about one.
    pub series: Option<u32>,
    /// The series' name.
    pub series_name: Option<String>,
    /// How much it matters.
    pub level: Level,
    /// `unacknowledged`, `acknowledged`, `returned`, `normal` (closed).
    pub state: String,
    /// Which check.
    pub check: String,
    /// What it found.
    pub kind: String,
    /// The headline.
    pub title: String,
    /// The explanation.
    pub text: String,
    /// When it was raised.
    pub raised_ms: f64,
    /// When its condition was last seen.
    pub last_seen_ms: f64,
    /// When it was over.
    pub cleared_ms: Option<f64>,
    /// When a person acknowledged it.
    pub acknowledged_ms: Option<f64>,
    /// How many findings it holds.
    pub findings: u32,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FindingRow {
    /// Counts from 1 in this run.
    pub number: u32,
    /// The feed's number.
    pub feed: u32,
    /// The feed's title.
    pub feed_title: String,
    /// The series' number, where it is about one.
    pub series: Option<u32>,
    /// The series' name.
    pub series_name: Option<String>,
    /// Which check.
    pub check: String,
    /// What it found.
    pub kind: String,
    /// How much it matters.
    pub level: Level,
    /// When.
    pub at_ms: f64,
    /// The number of the message that shows it, where one does.
    pub message: Option<f64>,
    /// The reason.
    pub text: String,
}
