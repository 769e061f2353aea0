//! What crosses to the page, and comes back: declared once here, generated for TypeScript into `ui/src/bindings`.
//!
//! Times cross as `f64` milliseconds since the epoch (UTC). A pushed message stays under 8 KiB: lists are cut in pieces.
//! Samples never cross here: they are pulled as bytes, see [`crate::frame`].

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One pushed message. Numbers go up by one from the snapshot on; a hole means: subscribe again.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Push {
    /// Counts from 0, the snapshot.
    pub number: u32,
    /// What is told.
    pub body: PushBody,
}

/// What a push tells.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PushBody {
    /// Always number 0: forget everything. The feeds, open alarms and latest findings follow, then `ready`.
    Snapshot {
        /// The console as a whole.
        status: Status,
    },
    /// All that belongs to the snapshot has come.
    Ready,
    /// The console as a whole, about twice a second.
    Status {
        /// The console as a whole.
        status: Status,
    },
    /// Some of the feeds; those gone are not told but missing in `total`.
    Feeds {
        /// Place of the first row.
        offset: u32,
        /// How many feeds there are.
        total: u32,
        /// The rows.
        rows: Vec<FeedRow>,
    },
    /// A new alarm, or one that changed. A closed one (state `normal`) stays listed as past.
    Alarm {
        /// The alarm.
        alarm: AlarmRow,
    },
    /// Something was found; the same number once more replaces it (what it is has settled).
    Finding {
        /// The finding.
        finding: FindingRow,
    },
    /// One sentence for the operator: history trouble, notifications missing, a feed added.
    Notice {
        /// How much it matters.
        level: Level,
        /// The sentence.
        text: String,
    },
}

/// How much something matters; `ok` is grey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Normal.
    Ok,
    /// Worth knowing.
    Info,
    /// Look here.
    Warning,
    /// Act now.
    Critical,
}

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
    /// Payload bytes received.
    pub bytes: u64,
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
    /// The reason.
    pub text: String,
}

/// What the page wants drawn; the answer is bytes, see [`crate::frame`].
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
pub struct FrameRequest {
    /// The span of every panel.
    pub span_ms: f64,
    /// The right edge; `null`: now.
    pub until_ms: Option<f64>,
    /// The panels, at most 64.
    pub panels: Vec<PanelRequest>,
}

/// One panel of a frame.
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
pub struct PanelRequest {
    /// The series.
    pub series: u32,
    /// How many pixel columns it has: the history is not read much finer than the widest panel can show.
    pub columns: u32,
    /// The cursor of the last frame, for what changed since; `null`: everything.
    pub cursor: Option<f64>,
}

/// The strip below the charts.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Timeline {
    /// Its left edge.
    pub from_ms: f64,
    /// Its right edge.
    pub to_ms: f64,
    /// Samples per slot, evenly from edge to edge.
    pub density: Vec<u32>,
    /// Its marks.
    pub events: Vec<TimelineEvent>,
}

/// A mark on the strip.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TimelineEvent {
    /// When.
    pub at_ms: f64,
    /// How much it matters.
    pub level: Level,
    /// What it was.
    pub text: String,
    /// The series, where it is about one.
    pub series: Option<u32>,
}

/// What the operator typed in *Add a feed*.
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
pub struct NewFeed {
    /// The address as pasted.
    pub address: String,
    /// The name in the configuration; empty: one is made from the address.
    #[serde(default)]
    pub name: String,
    /// The title for people; empty: the name.
    #[serde(default)]
    pub title: String,
    /// Messages to send on connect (WebSocket).
    #[serde(default)]
    pub subscribe: Vec<String>,
    /// Headers, `Name: value`. Not for secrets.
    #[serde(default)]
    pub headers: Vec<String>,
    /// The environment variable that holds the bearer token; empty: none.
    #[serde(default)]
    pub token_env: String,
}

/// What a look at an address shows so far, pushed a few times a second.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ProbeUpdate {
    /// Is it over? Then `problem` says why it failed, if it did.
    pub done: bool,
    /// What is going on: `Connecting…`, `Connected. 42 messages so far.`
    pub text: String,
    /// What is wrong, and the cure.
    pub problem: Option<String>,
    /// The name that would be given.
    pub suggested_name: String,
    /// `ws`, `wss`, `sse`, `file`.
    pub protocol: Option<String>,
    /// How many messages came.
    pub messages: u32,
    /// The first few messages, cut to 600 characters each.
    pub first: Vec<String>,
    /// What was discovered, one line each: label and text (`Event time`, `/time, RFC 3339`).
    pub learned: Vec<LearnedRow>,
    /// The series found so far, at most 40.
    pub series: Vec<ProbeSeries>,
    /// How many series there are.
    pub series_total: u32,
}

/// One thing learned of a feed.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct LearnedRow {
    /// What: `Kinds of message`, `Event time`, `Keys`, `Sequence`.
    pub label: String,
    /// The answer.
    pub text: String,
}

/// A series found by a probe.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ProbeSeries {
    /// For people.
    pub name: String,
    /// Its unit.
    pub unit: Option<String>,
    /// Its last value.
    pub last: Option<f64>,
    /// How many samples.
    pub samples: u32,
}

/// A feed was added or removed; `undo` takes it back.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FeedChange {
    /// Its name.
    pub name: String,
    /// The file that was written.
    pub config_path: String,
    /// Give this to `undo_feed_change`.
    pub undo: String,
}

/// What to export.
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
pub struct ExportRequest {
    /// These series; empty: all.
    pub series: Vec<u32>,
    /// From; `null`: the beginning.
    pub from_ms: Option<f64>,
    /// To; `null`: now.
    pub to_ms: Option<f64>,
}

/// How an export goes, pushed a few times a second.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct ExportUpdate {
    /// Its number, for `cancel_export`.
    pub id: u32,
    /// Rows written.
    pub rows: u64,
    /// 0 to 1, where it can be told.
    pub fraction: Option<f64>,
    /// Is it over?
    pub done: bool,
    /// Was it cancelled (also in the dialog)?
    pub cancelled: bool,
    /// Where the file is, when done.
    pub path: Option<String>,
    /// What went wrong, and the cure.
    pub problem: Option<String>,
}

/// Which chart to save as a picture.
#[derive(Clone, Debug, PartialEq, Deserialize, TS)]
pub struct PictureRequest {
    /// The series.
    pub series: u32,
    /// From.
    pub from_ms: f64,
    /// To.
    pub to_ms: f64,
    /// `svg` or `png`.
    pub format: String,
    /// `dark` or `light`.
    pub theme: String,
    /// Minutes east of UTC of the operator's clock.
    pub utc_offset_minutes: i32,
}

/// Why a command did not work. The page looks at `code`, people read the rest.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Failure {
    /// `bad_request`, `not_found`, `no_history`, `config`, `connect`, `disk`, `internal`.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub cure: String,
}
