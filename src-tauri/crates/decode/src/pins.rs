//! What is pinned of a profile: said by the operator, or by a starter profile, and believed without evidence.
//!
//! What is not pinned is learned as ever. Where a list is pinned (`kinds`, `times`, `keys`, `sequences`) it is the whole
//! list: nothing is learned beside it, so that what was pinned stays as it is.

use feedwatch_model::{SequenceRule, SeriesKind, TimeUnit};

/// What is pinned. Paths are written as in a profile: JSON pointers with `*` for any element, `topic`, `topic:/N`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pins {
    /// Fields that tell kinds of message apart, at most three; `None`: found out.
    pub kinds: Option<Vec<String>>,
    /// Where event times stand, the best first; `None`: found out.
    pub times: Option<Vec<PinnedTime>>,
    /// What names entities; `None`: found out.
    pub keys: Option<Vec<String>>,
    /// Numbers that are not charted, and what is below them.
    pub ignored: Vec<String>,
    /// What is charted as it is said here.
    pub series: Vec<PinnedSeries>,
    /// How messages are numbered; `None`: found out.
    pub sequences: Option<Vec<PinnedSequence>>,
}

/// A field that tells time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedTime {
    /// Where.
    pub path: String,
    /// How.
    pub unit: TimeUnit,
    /// Words of the kinds of message of which it is the time ([`crate::Catalogue::kinds`]); empty: of all.
    pub of: Vec<String>,
}

/// A path that is charted.
#[derive(Clone, Debug, PartialEq)]
pub struct PinnedSeries {
    /// Where.
    pub path: String,
    /// What sort it is; `None`: found out.
    pub kind: Option<SeriesKind>,
    /// Its unit; `None`: where the name says it.
    pub unit: Option<String>,
    /// Least and greatest plausible value.
    pub range: (Option<f64>, Option<f64>),
    /// How much it may plausibly change in a second.
    pub fastest: Option<f64>,
}

/// How messages are numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedSequence {
    /// Where the numbers stand: one path, or first and last (previous and this).
    pub paths: Vec<String>,
    /// How they follow each other.
    pub rule: SequenceRule,
    /// Of [`SequenceRule::PlusOneModulo`]: so many numbers there are.
    pub modulus: Option<u64>,
    /// What scopes it: at most two paths; none: the connection.
    pub per: Vec<String>,
    /// Words of the kinds of message that it numbers; empty: all that have its paths.
    pub of: Vec<String>,
    /// Words of the kinds of message that begin it anew: snapshots.
    pub restarts: Vec<String>,
}

/// Whether a kind of message is meant.
pub(crate) fn means(of: &[String], kind: &str) -> bool {
    of.is_empty() || of.iter().any(|word| word == kind)
}

/// What is pinned of one path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pin<'a> {
    Time(TimeUnit),
    Key,
    Ignored,
    Series(&'a PinnedSeries),
}

impl Pins {
    /// Whether nothing is pinned.
    pub fn is_empty(&self) -> bool {
        *self == Pins::default()
    }

    /// What is pinned of the path `path` in messages of the kind `kind`.
    pub(crate) fn at(&self, path: &str, kind: &str) -> Option<Pin<'_>> {
        let is_at = |text: &String| text == path;
        let is_time = |time: &&PinnedTime| time.path == path && means(&time.of, kind);
        if let Some(time) = self.times.iter().flatten().find(is_time) {
            return Some(Pin::Time(time.unit));
        }
        if self.keys.iter().flatten().any(is_at) {
            return Some(Pin::Key);
        }
        if let Some(series) = self.series.iter().find(|series| series.path == path) {
            return Some(Pin::Series(series));
        }
        let below = |text: &String| path.strip_prefix(text.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.ignored.iter().any(|text| is_at(text) || below(text)).then_some(Pin::Ignored)
    }

    /// What follows `above` in the pinned paths that are below it: the next step of each.
    pub(crate) fn steps_below<'a>(&'a self, above: &'a str) -> impl Iterator<Item = &'a str> {
        let times = self.times.iter().flatten().map(|time| &time.path);
        let lists = self.kinds.iter().chain(&self.keys).flatten().chain(&self.ignored);
        let sequences = self.sequences.iter().flatten().flat_map(|sequence| sequence.paths.iter().chain(&sequence.per));
        let paths = times.chain(lists).chain(self.series.iter().map(|series| &series.path)).chain(sequences);
        let step = move |path: &String| path.len() > above.len() && path.starts_with(above);
        let below = paths.filter(move |path| step(path)).filter_map(move |path| path.get(above.len()..));
        below.filter_map(|below| below.strip_prefix('/')?.split('/').next())
    }

    /// The place of a pinned time of a kind among the pinned ones: the best first.
    pub(crate) fn rank(&self, path: &str, kind: &str) -> Option<usize> {
        self.times.as_ref()?.iter().position(|time| time.path == path && means(&time.of, kind))
    }
}
