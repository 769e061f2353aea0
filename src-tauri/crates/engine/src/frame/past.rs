//! What a frame takes from the history: older buckets, and the marks of anomalies that memory holds no more.

use feedwatch_model::{FeedId, NANOS_PER_SECOND, SeriesId, Time};

use super::{Panel, RESET, Span, UNKNOWN};
use crate::live::LiveBucket;
use crate::wire::Level;

/// So far on either side of an anomaly the band that was expected at its beginning is drawn, and a slot at least: the
/// history keeps no other band.
const REACH: i64 = 10 * NANOS_PER_SECOND;

/// An anomaly as the history keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PastMark {
    /// When it began.
    pub at: Time,
    /// The value it began with.
    pub value: f64,
    /// What was expected then.
    pub band: (f64, f64),
    /// How much it mattered.
    pub level: Level,
}

/// What the history gives for a panel: the buckets of a series in a span, ascending, or `None` if it cannot be read.
pub trait Past {
    /// The last value of a series in `from..to`, with the time of its millisecond, in a wide span that of a slot; `None`
    /// also where it cannot be read.
    fn last(&self, series: SeriesId, from: Time, to: Time) -> Option<(Time, f64)>;

    /// Buckets of `width` nanoseconds whose slots lie in `from..to`.
    fn buckets(&self, series: SeriesId, from: Time, to: Time, width: i64) -> Option<Vec<LiveBucket>>;

    /// The anomalies of a series that began in `from..to`, ascending; none where they cannot be read.
    fn marks(&self, feed: FeedId, series: SeriesId, from: Time, to: Time) -> Vec<PastMark>;
}

/// So far back a last value is looked for.
const LONG_AGO: i64 = 20 * 365 * 86_400 * NANOS_PER_SECOND;
/// A wide search tells a value by slots, this many or more.
const SLOTS: i64 = 500;
/// A search no wider than this tells it to the millisecond.
const EXACT: i64 = 20 * NANOS_PER_SECOND;

impl Panel {
    /// An empty chart of a series from which nothing came in this run: when it last had a value. Only with the reset
    /// flag: this is no search for every frame.
    pub(super) fn look_for_last(&mut self, past: Option<&dyn Past>, span: Span) {
        let wanted = span.moving && self.flags & RESET != 0 && self.flags & UNKNOWN == 0;
        if !wanted || self.last.is_some() || !self.points.is_empty() {
            return;
        }
        let Some(past) = past else { return };
        let (mut from, mut to) = (span.to.plus_nanos(-LONG_AGO), span.to);
        loop {
            let Some((at, value)) = past.last(SeriesId(self.series), from, to) else { return };
            self.last = Some((at.millis_f64(), value));
            let width = to.nanos_since(from);
            if width <= EXACT {
                return;
            }
            (from, to) = (at, at.plus_nanos(width / SLOTS));
        }
    }

    /// Adds the marks that memory does not have, and the band around each.
    pub(super) fn add_marks(&mut self, marks: &[PastMark], width: i64) {
        let known = self.marks.len();
        for mark in marks.iter().filter(|mark| mark.value.is_finite()) {
            let at = mark.at.millis_f64();
            if !self.marks.iter().take(known).any(|(known, ..)| *known == at) {
                self.marks.push((at, mark.value, mark.level as u32));
            }
        }
        self.marks.sort_by(|one, other| one.0.total_cmp(&other.0));
        let reach = REACH.max(width);
        for mark in marks.iter().filter(|mark| mark.band.0.is_finite() && mark.band.1.is_finite()) {
            let (from, to) = (mark.at.plus_nanos(-reach - width), mark.at.plus_nanos(reach));
            let begin = self.points.partition_point(|point| point.start <= from);
            for point in self.points.iter_mut().skip(begin).take_while(|point| point.start <= to) {
                if point.low.is_nan() {
                    (point.low, point.high) = mark.band;
                }
            }
        }
    }
}
