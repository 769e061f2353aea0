//! Several series of one thing, judged together (detection.md 5.3, "Incident").
//!
//! One series' alarms cannot be precise enough for thousands of series; the mean of the three largest point scores of
//! a group can. The group's own tail of that mean gives its surprise; a chance of 1e-4 a row raises an incident.

use super::episode::QUIET_ROWS;
use super::tail::Tail;

/// -log10 of the chance of a row that raises an incident.
const BAR: f64 = 4.0;
const SILENT_ROWS: u32 = 150;
const LEARN_FROM_ROW: u32 = 20;
const MEMBERS: usize = 3;

/// What a group says of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupVerdict {
    /// Mean of the three largest point scores.
    pub score: f64,
    /// Surprise in units of the bar: 1 raises an incident. 0 while the group is silent (150 rows).
    pub severity: f64,
    /// Whether an incident opens with this row.
    pub opened: bool,
}

/// The incident detector of a group.
///
/// ```
/// use feedwatch_detect::Group;
///
/// let mut group = Group::new();
/// let opened: Vec<usize> = (0..500)
///     .filter(|&row| {
///         let quiet = [0.1, 0.2, 0.1 + 0.01 * (row % 7) as f64, 0.3];
///         let scores = if row == 400 { [5.0, 7.0, 0.1, 6.0] } else { quiet };
///         group.observe(&scores).opened
///     })
///     .collect();
/// assert_eq!(opened, [400]);
/// ```
#[derive(Clone, Debug)]
pub struct Group {
    tail: Tail<1>,
    rows: u32,
    since_crossing: u32,
}

impl Default for Group {
    fn default() -> Group {
        Group::new()
    }
}

impl Group {
    /// A group of which nothing is known yet.
    pub fn new() -> Group {
        Group { tail: Tail::new(), rows: 0, since_crossing: u32::MAX }
    }

    /// Takes the point scores of all members at one row in, in any order; scores that are not finite are left out.
    pub fn observe(&mut self, scores: &[f64]) -> GroupVerdict {
        let mut largest = [0.0_f64; MEMBERS];
        for &score in scores.iter().filter(|score| score.is_finite()) {
            let mut carried = score;
            for place in &mut largest {
                if carried > *place {
                    std::mem::swap(place, &mut carried);
                }
            }
        }
        let score = largest.iter().sum::<f64>() / MEMBERS.min(scores.len().max(1)) as f64;
        let severity = if self.rows < SILENT_ROWS { 0.0 } else { self.tail.surprise(score) / BAR };
        if self.rows >= LEARN_FROM_ROW {
            self.tail.add(0, score, 1.0);
        }
        self.rows = self.rows.saturating_add(1);
        self.since_crossing = self.since_crossing.saturating_add(1);
        let crosses = severity >= 1.0;
        let opened = crosses && self.since_crossing > QUIET_ROWS;
        if crosses {
            self.since_crossing = 0;
        }
        GroupVerdict { score, severity, opened }
    }
}
