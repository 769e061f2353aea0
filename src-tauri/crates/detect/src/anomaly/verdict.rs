//! What the detector says of a row.

use feedwatch_model::{Expectation, FindingKind, Time};

/// Where a row stands in an episode of unusual rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Episode {
    /// All is as usual.
    #[default]
    None,
    /// An episode opens with this row.
    Opened,
    /// The episode goes on.
    Open,
    /// The episode goes on, and its kind is settled with this row.
    Settled,
    /// The episode goes on, and this row is more than twice as severe as the one that opened it.
    Escalated,
    /// Ten quiet rows have passed: the episode is over.
    Closed,
}

/// The row that opened an episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Onset {
    /// Its time.
    pub at: Time,
    /// Its value.
    pub value: f64,
    /// What was expected.
    pub predicted: f64,
    /// The expected band.
    pub band: (f64, f64),
    /// -log10 of the chance of a row at least as unusual.
    pub surprise: f64,
    /// Its severity.
    pub severity: f64,
}

/// What the detector says of one row. Judged before the row is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The row's time.
    pub at: Time,
    /// The row's value.
    pub value: f64,
    /// What was expected.
    pub predicted: f64,
    /// The band that holds 99 % of the rows; `None` for the first 100 rows.
    pub band: Option<(f64, f64)>,
    /// -log10 of the chance of a row at least as unusual; 0 where nothing can be said (start, gap, missing value).
    pub surprise: f64,
    /// Sum of the evidence of all channels: for colouring, ranking and grouping.
    pub point_score: f64,
    /// The largest evidence in units of its bar: 1 opens an episode, [`crate::ALARM_BAR`] is an alarm.
    pub severity: f64,
    /// Where the row stands in an episode.
    pub episode: Episode,
    /// The kind of the episode once it is settled.
    pub kind: Option<FindingKind>,
    /// The kind as far as can be guessed from the opening row on.
    pub guess: Option<FindingKind>,
    /// When the episode opened.
    pub since: Option<Time>,
    /// Severity of the row that opened the episode.
    pub opening_severity: f64,
    /// The largest severity of the episode so far.
    pub peak_severity: f64,
    /// The row that opened the episode.
    pub onset: Option<Onset>,
    /// Seconds between rows, usually; 0 before the second row.
    pub step_secs: f64,
    /// Seconds since the first row.
    pub known_secs: f64,
    /// Equal values in a row before this one, this one included where it is equal.
    pub unchanged_rows: u32,
    /// The longest run of equal values before that one.
    pub longest_unchanged_rows: u32,
    /// Whether the row was taken in: a value that is not finite, or a time not after the last one, is not.
    pub used: bool,
}

impl Verdict {
    /// What was expected at the onset of the episode (of this row, outside episodes), for a finding.
    pub fn expectation(&self) -> Expectation {
        match &self.onset {
            Some(onset) => Expectation {
                value: onset.value,
                low: onset.band.0,
                high: onset.band.1,
                surprise: onset.surprise,
                score: self.peak_severity,
            },
            None => {
                let (low, high) = self.band.unwrap_or((self.predicted, self.predicted));
                Expectation { value: self.value, low, high, surprise: self.surprise, score: self.severity }
            }
        }
    }
}
