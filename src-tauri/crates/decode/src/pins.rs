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

    /// What is pinned of the path `path`.
    pub(crate) fn at(&self, path: &str) -> Option<Pin<'_>> {
        let is_at = |text: &String| text == path;
        if let Some(time) = self.times.iter().flatten().find(|time| time.path == path) {
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

    /// The place of a pinned time among the pinned ones: the best first.
    pub(crate) fn rank(&self, path: &str) -> Option<usize> {
        self.times.as_ref()?.iter().position(|time| time.path == path)
    }
}
