//! How a move to another level ended: the detector takes what stays for normal, and that is no return.

use feedwatch_detect::Verdict;
use feedwatch_model::{FindingKind, Time};

use crate::text::{about, seconds};

/// Nearer to what was expected than this part of the move, it went back.
const BACK: f64 = 0.5;

/// The end of a level shift.
#[derive(Debug, PartialEq)]
pub(super) struct End {
    pub(super) kind: FindingKind,
    pub(super) text: String,
    /// What ended its alarm.
    pub(super) why: &'static str,
}

/// What became of the move that `verdict` closes, if that is known. `last`: the newest sample.
pub(super) fn end(verdict: &Verdict, last: Option<(Time, f64)>, unit: Option<&str>) -> Option<End> {
    let onset = verdict.onset?;
    let jump = onset.value - onset.predicted;
    // The prediction still lags behind; one value has its noise, but that is about the level.
    let level = if verdict.used { verdict.value } else { last?.1 };
    if !level.is_finite() || !jump.is_finite() || jump == 0.0 {
        return None;
    }
    let up = jump > 0.0;
    let unit = unit.map_or(String::new(), |unit| format!(" {unit}"));
    let number = |value: f64| about(value, jump);
    let (low, high) = onset.band;
    let usual = format!("Expected was {} to {}{unit}.", number(low), number(high));
    if (level - onset.predicted) / jump >= BACK {
        let moved = if up { "Moved up to about" } else { "Moved down to about" };
        let text =
            format!("{moved} {}{unit} and stayed there. {usual} The new level is now taken as normal.", number(level));
        return Some(End { kind: FindingKind::LevelShift, text, why: "The new level is taken as normal." });
    }
    let lasted = seconds(verdict.at.secs_since(onset.at));
    let (kind, moved) = if up { (FindingKind::Spike, "Was up") } else { (FindingKind::Dip, "Was down") };
    let text = format!("{moved}, at {}{unit} at first, and went back within {lasted}. {usual}", number(onset.value));
    Some(End { kind, text, why: "The series is as usual again." })
}

#[cfg(test)]
mod tests {
    use feedwatch_detect::{Detector, Episode};

    use super::*;

    /// The verdict that closes the episode of a series that moves to `level`.
    fn closing(level: f64) -> (Verdict, Vec<FindingKind>) {
        let mut detector = Detector::new();
        let mut kinds = Vec::new();
        for row in 0..2_000_i64 {
            let noise = ((row * 7919) % 101) as f64 / 5_000.0;
            let base = if row >= 600 { level } else { 4.4 };
            let verdict = detector.observe(Time::from_millis(100 * row), base + noise);
            kinds.extend(verdict.kind);
            if verdict.episode == Episode::Closed {
                return (verdict, kinds);
            }
        }
        panic!("no episode closed");
    }

    #[test]
    fn a_level_that_stays_is_told_as_the_new_normal_and_not_as_over() {
        let (verdict, kinds) = closing(6.3);
        assert!(kinds.contains(&FindingKind::LevelShift));
        let end = end(&verdict, None, Some("bar")).unwrap();
        assert_eq!(end.kind, FindingKind::LevelShift);
        assert!(end.text.starts_with("Moved up to about 6.3 bar and stayed there. Expected was 4.4"), "{}", end.text);
        assert!(end.text.ends_with("The new level is now taken as normal."), "{}", end.text);
    }

    #[test]
    fn a_level_that_went_back_is_not_told_to_have_stayed() {
        let (verdict, _) = closing(2.1);
        let back = Verdict { value: 4.4, ..verdict };
        let end = end(&back, None, Some("bar")).unwrap();
        assert_eq!(end.kind, FindingKind::Dip);
        assert!(end.text.starts_with("Was down, at 2.1") && end.text.contains("went back within"), "{}", end.text);
    }
}
