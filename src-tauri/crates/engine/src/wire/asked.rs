//! What the page asks for, and what it is answered.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::config::Starter;

use super::{Level, PinsRow};

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
#[derive(Clone, Debug, Default, PartialEq, Deserialize, TS)]
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
    /// The starter profile that was picked; empty: that of the address, if there is one; `none`: none.
    #[serde(default)]
    pub starter: String,
    /// The protocol that a look at this address found, where the address leaves it open; empty: nobody looked.
    #[serde(default)]
    pub found: String,
    /// What is pinned of it; `null`: what its starter profile pins.
    #[serde(default)]
    pub pins: Option<PinsRow>,
}

/// A starter profile: a feed of a well-known shape.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct StarterRow {
    /// For [`NewFeed::starter`].
    pub id: String,
    /// What people call it.
    pub title: String,
    /// With which it is listed.
    pub group: String,
    /// What it is, and what it needs.
    pub about: String,
    /// An address to begin with.
    pub address: String,
    /// Messages that subscribe.
    pub subscribe: Vec<String>,
    /// What it pins.
    pub pins: PinsRow,
}

impl From<&Starter> for StarterRow {
    fn from(starter: &Starter) -> StarterRow {
        let Starter { id, title, group, about, address, subscribe, pins, .. } = starter;
        StarterRow {
            id: (*id).to_owned(),
            title: title.clone(),
            group: group.clone(),
            about: about.clone(),
            address: address.clone(),
            subscribe: subscribe.clone(),
            pins: pins.into(),
        }
    }
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
    /// `ws`, `wss`, `sse`, `poll`, `file`, …: what it turned out to be, where the address left that open.
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
