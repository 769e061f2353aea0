//! What the pipeline hands to the history.

use std::mem::size_of;
use std::sync::Arc;

use bytes::Bytes;
use feedwatch_model::{
    Alarm, AlarmTransition, Certificate, FeedId, Finding, Gap, LedgerSlot, Position, Protocol, Sample, SeriesMeta, Time,
};

/// Everything of a stretch of work that belongs in one transaction: the data, and the position behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Feeds that are new or have changed.
    pub feeds: Vec<FeedRecord>,
    /// Series that are new or have changed.
    pub series: Vec<SeriesMeta>,
    /// Samples in order of arrival.
    pub samples: Vec<Sample>,
    /// Raw messages kept as evidence.
    pub messages: Vec<StoredMessage>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Gaps; the same (feed, from, cause) once more replaces the former: so an open gap is closed.
    pub gaps: Vec<Gap>,
    /// Alarms as they stand now; the same id once more replaces the former.
    pub alarms: Vec<Alarm>,
    /// Lines of the alarms' lives.
    pub transitions: Vec<AlarmTransition>,
    /// Where each feed would resume after what this batch holds, for each lane of its positions.
    pub positions: Vec<(FeedId, Position)>,
    /// Lanes in which no feed will resume any more.
    pub outlived: Vec<(FeedId, Arc<str>)>,
    /// The latest moment up to which each feed was watched.
    pub heartbeats: Vec<(FeedId, Time)>,
    /// The certificate that an endpoint, by its name, has shown.
    pub certificates: Vec<(FeedId, String, Certificate)>,
    /// What drills have measured: the feed, when it was cut, and a JSON object.
    pub drills: Vec<(FeedId, Time, String)>,
    /// What is to be added to the ledger: counts of feeds by the minute.
    pub ledger: Vec<LedgerSlot>,
    /// How many messages of each feed have their data in this batch.
    pub counted: Vec<(FeedId, u64)>,
}

/// A raw message, as evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    /// The feed.
    pub feed: FeedId,
    /// Its number within this run of the feed.
    pub number: u64,
    /// When it came.
    pub received: Time,
    /// Topic, subject or event type, where the protocol has one.
    pub topic: Option<Arc<str>>,
    /// What else the protocol said of it, as a JSON object; `None` where it said nothing.
    pub meta: Option<Arc<str>>,
    /// What became of it.
    pub outcome: Outcome,
    /// The bytes.
    pub payload: Bytes,
}

/// Messages with the beginning of each payload only, how many bytes it has, and the place of the one that was asked for.
pub type Shown = (Vec<(StoredMessage, u64)>, Option<usize>);

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Read, and its samples are in the history.
    Read,
    /// The same message once more.
    Duplicate,
    /// It could not be read.
    Rejected {
        /// The first byte that did not fit, counted from 0.
        offset: usize,
        /// What was expected there, for people.
        reason: String,
    },
    /// It belongs before one that already came.
    Late,
}

/// What the history knows of a feed.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedRecord {
    /// Its number.
    pub id: FeedId,
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its name for people.
    pub title: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Its address, with secrets already taken out.
    pub address: String,
    /// What its rate limit keeps of each series, in words; `None`: everything.
    pub thinned: Option<String>,
}

impl StoredMessage {
    /// What it costs of the evidence's budget, in bytes.
    pub(crate) fn cost(&self) -> u64 {
        let reason = match &self.outcome {
            Outcome::Rejected { reason, .. } => reason.len(),
            Outcome::Read | Outcome::Duplicate | Outcome::Late => 0,
        };
        let topic = self.topic.as_ref().map_or(0, |topic| topic.len());
        let meta = self.meta.as_ref().map_or(0, |meta| meta.len());
        (self.payload.len() + topic + meta + reason + size_of::<StoredMessage>()) as u64
    }
}

impl Batch {
    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
            && self.feeds.is_empty()
            && self.series.is_empty()
            && self.findings.is_empty()
            && self.gaps.is_empty()
            && self.alarms.is_empty()
            && self.transitions.is_empty()
            && self.positions.is_empty()
            && self.outlived.is_empty()
            && self.heartbeats.is_empty()
            && self.drills.is_empty()
            && self.certificates.is_empty()
            && self.ledger.is_empty()
            && self.counted.is_empty()
    }

    /// Samples and messages: what makes a transaction long.
    pub(crate) fn rows(&self) -> usize {
        self.samples.len() + self.messages.len()
    }

    /// The memory it holds, in bytes, near enough to bound a queue.
    pub fn bytes(&self) -> usize {
        size_of::<Batch>()
            + size_of::<Sample>() * self.samples.len()
            + self.messages.iter().map(|message| message.cost() as usize).sum::<usize>()
            + self
                .feeds
                .iter()
                .map(|feed| size_of::<FeedRecord>() + feed.name.len() + feed.title.len() + feed.address.len())
                .sum::<usize>()
            + self.series.iter().map(series_bytes).sum::<usize>()
            + self
                .findings
                .iter()
                .map(|finding| size_of::<Finding>() + finding.text.len() + pairs_bytes(&finding.per))
                .sum::<usize>()
            + self.gaps.iter().map(|gap| size_of::<Gap>() + gap.detail.len()).sum::<usize>()
            + self.alarms.iter().map(|alarm| size_of::<Alarm>() + alarm.title.len() + alarm.text.len()).sum::<usize>()
            + self
                .transitions
                .iter()
                .map(|line| size_of::<AlarmTransition>() + line.note.as_ref().map_or(0, String::len))
                .sum::<usize>()
            + self.positions.iter().map(|(_, position)| position_bytes(position)).sum::<usize>()
            + self.outlived.iter().map(|(_, lane)| 24 + lane.len()).sum::<usize>()
            + size_of::<LedgerSlot>() * self.ledger.len()
            + 16 * (self.heartbeats.len() + self.counted.len())
    }
}

fn position_bytes(position: &Position) -> usize {
    let text = match position {
        Position::EventId(id) => id,
        Position::Offset { lane, .. } => lane,
    };
    size_of::<(FeedId, Position)>() + text.len()
}

fn pairs_bytes(pairs: &[(Arc<str>, Arc<str>)]) -> usize {
    pairs.iter().map(|(path, text)| 48 + path.len() + text.len()).sum()
}

fn series_bytes(series: &SeriesMeta) -> usize {
    let unit = series.unit.as_ref().map_or(0, |unit| unit.len());
    size_of::<SeriesMeta>() + series.name.len() + series.path.len() + unit + pairs_bytes(&series.key)
}
