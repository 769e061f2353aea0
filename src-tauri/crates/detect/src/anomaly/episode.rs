//! From rows to episodes: when one opens, what kind it is, when it is over (detection.md 5.3, 5.4).
//!
//! A row of severity 1 or more opens an episode unless one is open; ten rows below 1 close it. The kind is settled by
//! what follows: two rows back at the old level within 6 rows make a spike or dip; else the mean of the rows 4 to 8
//! tells a level shift, and excursions to both sides tell that it is noisier.

use feedwatch_model::FindingKind;

use super::verdict::{Episode, Onset};

/// So many rows without a crossing close an episode, and let a channel tire anew.
pub(super) const QUIET_ROWS: u32 = 10;
const BACK_BY_ROW: u32 = 6;
const SETTLED_BY_ROW: u32 = 8;
const LEVEL_FROM_ROW: u32 = 4;
/// Back is less than this part of the excursion.
const BACK: f64 = 0.35;

#[derive(Clone, Debug, Default)]
pub(super) struct Episodes {
    open: Option<Running>,
}

#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) onset: Onset,
    pub(super) guess: FindingKind,
    pub(super) kind: Option<FindingKind>,
    pub(super) peak: f64,
    escalated: bool,
    quiet: u32,
    rows: u32,
    back: u32,
    level_sum: f64,
    level_rows: u32,
    highest: f64,
    lowest: f64,
}

impl Episodes {
    pub(super) fn running(&self) -> Option<&Running> {
        self.open.as_ref()
    }

    /// Takes a row in; `onset` is what it would open an episode with, and `stall` whether the stall channel is what
    /// makes it severe.
    pub(super) fn row(&mut self, onset: Onset, stall: bool) -> (Episode, Option<Running>) {
        let crosses = onset.severity >= 1.0;
        let Some(running) = &mut self.open else {
            if !crosses {
                return (Episode::None, None);
            }
            let running = Running::new(onset, stall);
            self.open = Some(running.clone());
            return (Episode::Opened, Some(running));
        };
        running.quiet = if crosses { 0 } else { running.quiet + 1 };
        running.peak = running.peak.max(onset.severity);
        let mut episode = Episode::Open;
        if running.kind.is_none() && running.settle(onset.value, stall) {
            episode = Episode::Settled;
        } else if !running.escalated && onset.severity > 2.0 * running.onset.severity {
            running.escalated = true;
            episode = Episode::Escalated;
        } else if running.quiet >= QUIET_ROWS {
            let over = running.clone();
            self.open = None;
            return (Episode::Closed, Some(over));
        }
        (episode, Some(running.clone()))
    }

    /// Nothing comes any more.
    pub(super) fn close(&mut self) -> Option<Running> {
        self.open.take()
    }
}

impl Running {
    fn new(onset: Onset, stall: bool) -> Running {
        let guess = match (stall, onset.value >= onset.predicted) {
            (true, _) => FindingKind::Stall,
            (false, true) => FindingKind::Spike,
            (false, false) => FindingKind::Dip,
        };
        Running {
            onset,
            guess,
            kind: None,
            peak: onset.severity,
            escalated: false,
            quiet: 0,
            rows: 0,
            back: 0,
            level_sum: 0.0,
            level_rows: 0,
            highest: onset.value,
            lowest: onset.value,
        }
    }

    /// Looks at a row behind the onset; whether the kind is settled with it.
    fn settle(&mut self, x: f64, stall: bool) -> bool {
        self.rows += 1;
        self.kind = self.settled(x, stall);
        if let Some(kind) = self.kind {
            self.guess = kind;
        }
        self.kind.is_some()
    }

    fn settled(&mut self, x: f64, stall: bool) -> Option<FindingKind> {
        if stall || self.guess == FindingKind::Stall {
            return Some(FindingKind::Stall);
        }
        let Onset { predicted, band: (low, high), .. } = self.onset;
        let jump = self.onset.value - predicted;
        self.highest = self.highest.max(x);
        self.lowest = self.lowest.min(x);
        if self.rows >= LEVEL_FROM_ROW {
            self.level_sum += x;
            self.level_rows += 1;
        }
        let is_back = (low..=high).contains(&x) || (x - predicted).abs() < BACK * jump.abs();
        self.back = if is_back { self.back + 1 } else { 0 };
        if self.back >= 2 && self.rows <= BACK_BY_ROW {
            return Some(if jump >= 0.0 { FindingKind::Spike } else { FindingKind::Dip });
        }
        if self.rows < SETTLED_BY_ROW {
            return None;
        }
        let shift = self.level_sum / f64::from(self.level_rows.max(1)) - predicted;
        let both_sides = self.highest > high && self.lowest < low;
        Some(if shift * jump > 0.0 && shift.abs() > 0.5 * jump.abs() {
            FindingKind::LevelShift
        } else if both_sides {
            FindingKind::VarianceUp
        } else {
            FindingKind::NewExtreme
        })
    }
}
