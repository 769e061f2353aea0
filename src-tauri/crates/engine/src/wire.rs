//! What crosses to the page, and comes back: declared once here, generated for TypeScript into `ui/src/bindings`.
//!
//! Times cross as `f64` milliseconds since the epoch (UTC). A pushed message stays under 8 KiB: lists are cut in pieces.
//! Samples never cross here: they are pulled as bytes, see [`crate::frame`].

mod asked;
mod integrity;
mod profile;
mod rows;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use self::asked::{
    ExportRequest, ExportUpdate, FeedChange, FrameRequest, LearnedRow, NewFeed, PanelRequest, PictureRequest,
    ProbeSeries, ProbeUpdate, StarterRow, Timeline, TimelineEvent,
};
pub use self::integrity::{
    CheckRow, IntegrityRequest, IntegrityView, LedgerColumn, MessageRow, MessagesRequest, MessagesView, ScoreRow,
};
pub use self::profile::{
    FactKnown, KindKnown, PathKnown, PinProblem, PinsRow, ProfileRequest, ProfileView, SequencePin, SeriesPin, TimePin,
};
pub use self::rows::{AccountsRow, AlarmRow, DrillRow, FeedRow, FindingRow, HistoryRow, LineRow, SeriesRow, Status};

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

/// Why a command did not work. The page looks at `code`, people read the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Failure {
    /// `bad_request`, `not_found`, `no_history`, `config`, `connect`, `disk`, `internal`.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub cure: String,
}
