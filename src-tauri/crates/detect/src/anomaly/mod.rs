//! Unusual behaviour of one series, and of a group of series.

mod counter;
mod detector;
mod episode;
mod explain;
mod group;
mod predict;
mod stall;
mod tail;
#[cfg(test)]
mod tests;
mod verdict;
mod watch;

pub use detector::{ALARM_BAR, Detector};
pub use explain::{Explanation, explain};
pub use group::{Group, GroupVerdict};
pub use verdict::{Episode, Onset, Verdict};
pub use watch::Watch;
