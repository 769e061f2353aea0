//! What is known of a feed's messages, and what of it is pinned.

use feedwatch_decode::{PinnedSequence, PinnedSeries, PinnedTime, Pins};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which profile is asked for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, TS)]
pub struct ProfileRequest {
    /// The number of the feed, or of a look under way.
    pub feed: u32,
    /// Only series whose path or name holds this; empty: all.
    #[serde(default)]
    pub find: String,
}

/// What is known of a feed. Lists are cut; the totals count all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
pub struct ProfileView {
    /// The number of the feed, or of the look.
    pub feed: u32,
    /// Its name in the configuration.
    pub name: String,
    /// Its title for people.
    pub title: String,
    /// How payloads are written.
    pub format: String,
    /// Messages that could be read.
    pub messages: u64,
    /// Why nothing is known yet; empty where something is.
    pub note: String,
    /// Why nothing of it can be pinned; empty where it can.
    pub fixed: String,
    /// What is pinned.
    pub pins: PinsRow,
    /// What was learned, as it would be pinned. `null` beside a list that is learned cannot stand in a configuration.
    pub learned: PinsRow,
    /// What kinds of message are called where they are named (`of`, `restarts`); empty: there is one kind.
    pub words: Vec<String>,
    /// Kinds of message, the most frequent first, at most 64.
    pub kinds: Vec<KindKnown>,
    /// Where event times stand, and of which kinds.
    pub times: Vec<FactKnown>,
    /// What names entities, and in which kinds.
    pub keys: Vec<FactKnown>,
    /// How messages are numbered, with the evidence.
    pub sequence: Vec<FactKnown>,
    /// Checksums and signatures, with the evidence.
    pub checksums: Vec<FactKnown>,
    /// Paths that are charted, at most 200 of those found.
    pub series: Vec<PathKnown>,
    /// How many paths were found.
    pub series_found: u32,
    /// How many paths are charted.
    pub series_paths: u32,
    /// How many series they have.
    pub series_total: u32,
    /// Paths that are not charted and why, at most 500.
    pub ignored: Vec<FactKnown>,
    /// How many there are.
    pub ignored_total: u32,
    /// How often messages come, a sentence each.
    pub rhythm: Vec<String>,
}

/// A kind of message.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct KindKnown {
    /// What tells it apart: `/channel is ticker`.
    pub says: String,
    /// How many messages were of it.
    pub messages: u64,
}

/// One thing that is known.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct FactKnown {
    /// What it is about; of a rule with two, both.
    pub path: String,
    /// What is known of it.
    pub says: String,
    /// On what it stands: `held on 1,029 of 1,029 pairs`; empty where nothing was counted.
    pub held: String,
}

/// A path that is charted.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct PathKnown {
    /// Where its values stand.
    pub path: String,
    /// `gauge`, `counter`, `state`, `boolean`.
    pub kind: String,
    /// Its unit.
    pub unit: Option<String>,
    /// How many series it has.
    pub series: u32,
    /// What the first three are called.
    pub names: Vec<String>,
}

/// What is pinned, as somebody types it: the engine says what is wrong with it. An empty text says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct PinsRow {
    /// Fields that tell kinds apart; `null`: found out, as with the other lists.
    pub kinds: Option<Vec<String>>,
    /// Where event times stand.
    pub times: Option<Vec<TimePin>>,
    /// What names entities.
    pub keys: Option<Vec<String>>,
    /// What is not charted.
    pub ignore: Vec<String>,
    /// What is charted as it is said here.
    pub series: Vec<SeriesPin>,
    /// How messages are numbered.
    pub sequence: Option<Vec<SequencePin>>,
}

/// A time that is pinned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct TimePin {
    /// Where.
    pub path: String,
    /// `rfc3339`, `s`, `ms`, `us`, `ns`, `local`.
    pub unit: String,
    /// Of which kinds of message; empty: of all.
    pub of: Vec<String>,
}

/// A path that is pinned as charted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct SeriesPin {
    /// Where.
    pub path: String,
    /// `gauge`, `counter`, `state`, `boolean`.
    pub kind: String,
    /// Its unit.
    pub unit: String,
    /// The least plausible value.
    pub low: String,
    /// The greatest plausible value.
    pub high: String,
    /// How much it may change in a second.
    pub per_second: String,
}

/// A sequence rule that is pinned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct SequencePin {
    /// Where the numbers stand: one path, or first and last (previous and this).
    pub paths: Vec<String>,
    /// `plus-one`, …
    pub rule: String,
    /// Of `plus-one-modulo`: so many numbers there are.
    pub modulus: String,
    /// The paths that scope it; empty: the connection.
    pub per: Vec<String>,
    /// Kinds of message that it numbers; empty: all.
    pub of: Vec<String>,
    /// Kinds of message that begin it anew.
    pub restarts: Vec<String>,
}

/// What is wrong with something that is to be pinned.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct PinProblem {
    /// `kinds`, `times`, `keys`, `ignore`, `series`, `sequence`.
    pub section: String,
    /// Its place in the list, from 0; `null`: the list as a whole.
    pub index: Option<u32>,
    /// `path`, `unit`, …; `null`: the entry as a whole.
    pub field: Option<String>,
    /// What is wrong, a sentence.
    pub message: String,
    /// What cures it, a sentence; may be empty.
    pub cure: String,
}

impl From<&Pins> for PinsRow {
    fn from(pins: &Pins) -> PinsRow {
        let Pins { kinds, times, keys, ignored, series, sequences } = pins;
        PinsRow {
            kinds: kinds.clone(),
            times: times.as_ref().map(|times| times.iter().map(TimePin::from).collect()),
            keys: keys.clone(),
            ignore: ignored.clone(),
            series: series.iter().map(SeriesPin::from).collect(),
            sequence: sequences.as_ref().map(|rules| rules.iter().map(SequencePin::from).collect()),
        }
    }
}

impl From<&PinnedTime> for TimePin {
    fn from(time: &PinnedTime) -> TimePin {
        let PinnedTime { path, unit, of } = time;
        TimePin { path: path.clone(), unit: unit.word().to_owned(), of: of.clone() }
    }
}

impl From<&PinnedSeries> for SeriesPin {
    fn from(series: &PinnedSeries) -> SeriesPin {
        let PinnedSeries { path, kind, unit, range: (low, high), fastest } = series;
        let number = |number: &Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
        SeriesPin {
            path: path.clone(),
            kind: kind.map(|kind| kind.word().to_owned()).unwrap_or_default(),
            unit: unit.clone().unwrap_or_default(),
            low: number(low),
            high: number(high),
            per_second: number(fastest),
        }
    }
}

impl From<&PinnedSequence> for SequencePin {
    fn from(sequence: &PinnedSequence) -> SequencePin {
        let PinnedSequence { paths, rule, modulus, per, of, restarts } = sequence;
        SequencePin {
            paths: paths.clone(),
            rule: rule.word().to_owned(),
            modulus: modulus.map(|modulus| modulus.to_string()).unwrap_or_default(),
            per: per.clone(),
            of: of.clone(),
            restarts: restarts.clone(),
        }
    }
}
