//! The binary frame: what the page pulls once per tick.
//!
//! All numbers little-endian; every block begins at a multiple of 8 bytes, so that typed-array views fit.
//!
//! ```text
//! header, 32 bytes
//!   0  u32  magic 0x3157_4646 ("FFW1")
//!   4  u32  panels P
//!   8  f64  the engine's clock, ms since the epoch
//!  16  f64  left edge of the span, ms
//!  24  f64  right edge of the span, ms
//! then P panels, each
//!   0  u32  series
//!   4  u32  flags: 1 = reset (replace all points), 2 = receive time axis, 4 = no such series, 8 = history not readable
//!   8  u32  points N
//!  12  u32  gaps G
//!  16  u32  marks M
//!  20  u32  level of the series now: 0 ok, 1 info, 2 warning, 3 critical (an open episode or alarm)
//!  24  f64  bucket width, ms
//!  32  f64  cursor: give it back in the next request for this panel
//!  40  f64  last value (NaN: none)
//!  48  f64  time of the last value, ms
//!  56  f64[N] bucket starts, ms, ascending; empty buckets are left out
//!      f64[N] smallest value   f64[N] largest value
//!      f64[N] lower and f64[N] upper end of the expected band (NaN: none)
//!      f64[G] gap from, ms     f64[G] gap to, ms (NaN: it lasts)
//!      u32[G] cause: 0 connection lost, 1 not reachable, 2 console stopped, 3 messages lost, 4 dropped here,
//!             5 history not written, 6 silent; padded to 8 bytes
//!      f64[M] mark time, ms    f64[M] mark value
//!      u32[M] level (1 to 3); padded to 8 bytes
//! ```
//!
//! Of what is older than memory the history gives the marks, and the band only around each of them.
//!
//! Where a series brought nothing in this run and has nothing in the span, the last value is that of the history, told with
//! the reset flag only.
//!
//! Without the reset flag the points replace all the page has from the first start on. Gaps and marks are always whole
//! for the span. A gap of cause 3 (messages lost while the connection stood) is a tick at its place; the line is broken
//! over every gap.

mod past;

use std::sync::Arc;

use feedwatch_model::{FeedId, GapCause, SeriesId, Time};

pub use past::{Past, PastMark};

use crate::live::{LiveBucket, LiveSeries, UNSETTLED, width_for};
use crate::pipeline::{Pipeline, ScopedGap};
use crate::wire::FrameRequest;

/// `FFW1`, little-endian.
pub const MAGIC: u32 = 0x3157_4646;
/// At most so many panels a frame.
pub const MAX_PANELS: usize = 64;

/// Replace all points.
pub const RESET: u32 = 1;
/// The axis is the receive time.
pub const RECEIVE_TIME: u32 = 2;
/// There is no such series.
pub const UNKNOWN: u32 = 4;
/// The history could not be read; what is older than the live view is missing.
pub const NO_HISTORY: u32 = 8;

/// What one panel shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// The series.
    pub series: u32,
    /// [`RESET`], [`RECEIVE_TIME`], [`UNKNOWN`], [`NO_HISTORY`].
    pub flags: u32,
    /// Level of the series now.
    pub level: u32,
    /// Bucket width, milliseconds.
    pub bucket_ms: f64,
    /// To be given back.
    pub cursor: f64,
    /// The last sample: time in milliseconds and value.
    pub last: Option<(f64, f64)>,
    /// The points, ascending.
    pub points: Vec<LiveBucket>,
    /// Gaps: from, to (NaN: it lasts), cause.
    pub gaps: Vec<(f64, f64, u32)>,
    /// Marks: time, value, level.
    pub marks: Vec<(f64, f64, u32)>,
    /// What the history still has to give: from, to.
    pub past: Option<(Time, Time)>,
    /// From where to where only the history has the marks, and of which feed.
    pub older_marks: Option<(FeedId, Time, Time)>,
    /// The live view's epoch that the cursor names.
    epoch: u32,
}

/// The span of a request, as times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Left edge.
    pub from: Time,
    /// Right edge.
    pub to: Time,
    /// Slot width, nanoseconds.
    pub width: i64,
    /// Does the live view hold this width?
    pub live: bool,
    /// Does it move with the clock?
    pub moving: bool,
}

impl Span {
    /// From a request; what makes no sense is bounded: 1 s to 10 years.
    pub fn of(request: &FrameRequest, now: Time) -> Span {
        let span_ms = if request.span_ms.is_finite() { request.span_ms.clamp(1e3, 3.2e11) } else { 3e5 };
        let span = (span_ms * 1e6) as i64;
        let to = match request.until_ms {
            Some(ms) if ms.is_finite() => Time::from_millis(ms.clamp(0.0, 9e12) as i64),
            _ => now,
        };
        let columns = request.panels.iter().map(|panel| panel.columns).max().unwrap_or(0);
        let (width, live) = width_for(span, columns);
        Span { from: to.plus_nanos(-span), to, width, live, moving: request.until_ms.is_none() }
    }
}

/// A frame: what the live view holds is read under the pipeline's lock by [`Frame::begin`], what is older comes from the
/// history by [`Frame::fill`], without the lock.
pub struct Frame {
    now: Time,
    span: Span,
    panels: Vec<Panel>,
}

impl Frame {
    /// Reads the live view.
    pub fn begin(pipeline: &mut Pipeline, request: &FrameRequest, now: Time) -> Frame {
        let span = Span::of(request, now);
        let panels = request
            .panels
            .iter()
            .take(MAX_PANELS)
            .map(|panel| {
                let cursor = panel.cursor.filter(|cursor| cursor.is_finite());
                panel_of(pipeline, SeriesId(panel.series), cursor, span)
            })
            .collect();
        Frame { now, span, panels }
    }

    /// Reads what only the history has.
    pub fn fill(&mut self, past: Option<&dyn Past>) {
        for panel in &mut self.panels {
            if !self.span.moving && panel.last.is_none_or(|(at, _)| at > self.span.to.millis_f64()) {
                // Looking back: the value is that of the right edge, not that of now.
                let last = past.and_then(|past| past.last(SeriesId(panel.series), self.span.from, self.span.to));
                panel.last = last.map(|(at, value)| (at.millis_f64(), value));
            }
            panel.fill_points(past, self.span);
            panel.look_for_last(past, self.span);
            if let (Some((feed, from, to)), Some(past)) = (panel.older_marks.take(), past) {
                panel.add_marks(&past.marks(feed, SeriesId(panel.series), from, to), self.span.width);
            }
        }
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&(self.panels.len() as u32).to_le_bytes());
        for time in [self.now, self.span.from, self.span.to] {
            out.extend_from_slice(&time.millis_f64().to_le_bytes());
        }
        for panel in &self.panels {
            panel.encode(&mut out);
        }
        out
    }

    /// The panels, to look into.
    pub fn panels(&self) -> &[Panel] {
        &self.panels
    }

    fn size(&self) -> usize {
        let of = |panel: &Panel| 56 + panel.points.len() * 40 + panel.gaps.len() * 24 + panel.marks.len() * 24 + 8;
        32 + self.panels.iter().map(of).sum::<usize>()
    }
}

/// Epochs a cursor tells apart.
const EPOCHS: u32 = 512;

/// A cursor holds the start of the newest slot sent and, in its fraction of a millisecond, the epoch it was sent in:
/// slots begin at whole milliseconds, so that the fraction is free, and 2^10 epochs stay exact in an f64.
fn cursor_of(newest: Option<Time>, epoch: u32, width: i64) -> Option<f64> {
    let newest = newest?;
    debug_assert!(width % 1_000_000 == 0);
    Some(newest.nanos().div_euclid(1_000_000) as f64 + f64::from(epoch % EPOCHS) / 1024.0)
}

fn read_cursor(cursor: f64) -> (Time, u32) {
    let start = Time::from_millis(cursor.clamp(0.0, 9e12).floor() as i64);
    (start, ((cursor - cursor.floor()) * 1024.0).round() as u32)
}

fn panel_of(pipeline: &mut Pipeline, series: SeriesId, cursor: Option<f64>, span: Span) -> Panel {
    let mut panel = Panel { series: series.0, bucket_ms: span.width as f64 / 1e6, ..Panel::default() };
    let Some(meta) = pipeline.registry().meta(series).cloned() else {
        panel.flags = UNKNOWN | RESET;
        return panel;
    };
    let inside = |at: Time| at >= span.from && at <= span.to;
    let remembered = pipeline.marks_from(meta.feed, series).map_or(span.to, |from| from.min(span.to));
    panel.older_marks = (span.from < remembered).then_some((meta.feed, span.from, remembered));
    match pipeline.live(series) {
        Some((stage, state)) => {
            if stage.is_receive_time() {
                panel.flags |= RECEIVE_TIME;
            }
            panel.level = state.level() as u32;
            panel.last = state.live.last().map(|(at, value)| (at.millis_f64(), value));
            let marks = state.marks.iter().filter(|mark| inside(mark.at));
            panel.marks = marks.map(|mark| (mark.at.millis_f64(), mark.value, mark.level as u32)).collect();
            points_of(&mut panel, Some(&state.live), cursor, span);
        }
        // Known from an earlier run, and nothing of it came in this one: the history has what there is.
        None => points_of(&mut panel, None, cursor, span),
    }
    panel.gaps = pipeline
        .scoped_gaps(meta.feed)
        .filter(|known| concerns(known, &meta.key))
        .map(|known| &known.gap)
        .filter(|gap| gap.from <= span.to && gap.to.is_none_or(|to| to >= span.from))
        .map(|gap| (gap.from.millis_f64(), gap.to.map_or(f64::NAN, Time::millis_f64), cause_code(gap.cause)))
        .collect();
    panel
}

/// A loss in one scope of a sequence (one product) is no hole in the charts of the others.
fn concerns(known: &ScopedGap, key: &[(Arc<str>, Arc<str>)]) -> bool {
    key.is_empty() || known.scope.iter().all(|pair| key.contains(pair))
}

fn points_of(panel: &mut Panel, live: Option<&LiveSeries>, cursor: Option<f64>, span: Span) {
    let live = live.filter(|_| span.live);
    panel.epoch = live.map_or(0, |live| live.epoch(span.width) % EPOCHS);
    let known = cursor.map(read_cursor).filter(|&(_, sent)| sent == panel.epoch);
    // The newest slots the page has may have grown since, by late samples too.
    let from = known.map_or(span.from, |(newest, _)| newest.plus_nanos(-UNSETTLED * span.width).max(span.from));
    if known.is_none() {
        panel.flags |= RESET;
    }
    panel.cursor = cursor.unwrap_or(f64::NAN);
    let Some(live) = live else {
        let newest = known.map_or(span.from, |(newest, _)| newest);
        let due = known.is_none() || span.moving && span.to.nanos_since(newest) >= span.width;
        panel.past = due.then_some((from, span.to));
        return;
    };
    live.read(span.width, from, span.to, &mut panel.points);
    if known.is_none() {
        panel.cursor = f64::NAN;
        let held = live.oldest(span.width);
        let end = held.map_or(span.to, |oldest| oldest.min(span.to));
        panel.past = (end > span.from).then_some((span.from, end));
    }
    let newest = panel.points.last().map(|point| point.start);
    panel.cursor = cursor_of(newest, panel.epoch, span.width).unwrap_or(panel.cursor);
}

const CAUSES: [GapCause; 8] = [
    GapCause::Disconnected,
    GapCause::Unreachable,
    GapCause::Stopped,
    GapCause::Sequence,
    GapCause::Overflow,
    GapCause::NotKept,
    GapCause::Silent,
    GapCause::Drill,
];

fn cause_code(cause: GapCause) -> u32 {
    CAUSES.iter().position(|&known| known == cause).unwrap_or_default() as u32
}

/// Back from the number of a cause in a frame.
pub fn cause_of(code: u32) -> Option<GapCause> {
    CAUSES.get(code as usize).copied()
}

impl Panel {
    fn fill_points(&mut self, past: Option<&dyn Past>, span: Span) {
        let Some((from, to)) = self.past.take() else { return };
        let Some(mut older) = past.and_then(|past| past.buckets(SeriesId(self.series), from, to, span.width)) else {
            self.flags |= NO_HISTORY;
            return;
        };
        // The slot in which the live view begins may stand in both.
        if let Some(first) = self.points.first() {
            older.retain(|bucket| bucket.start < first.start);
        }
        older.append(&mut self.points);
        self.points = older;
        // Where the live view gave a cursor it holds; else it is that of what the history gave.
        if !span.live || self.cursor.is_nan() {
            let newest = self.points.last().map_or(from, |point| point.start);
            self.cursor = cursor_of(Some(newest), self.epoch, span.width).unwrap_or(self.cursor);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let lengths = [self.points.len(), self.gaps.len(), self.marks.len()].map(|length| length as u32);
        for word in [self.series, self.flags].into_iter().chain(lengths).chain([self.level]) {
            out.extend_from_slice(&word.to_le_bytes());
        }
        let (last_at, last) = self.last.unwrap_or((f64::NAN, f64::NAN));
        floats(out, [self.bucket_ms, self.cursor, last, last_at]);
        floats(out, self.points.iter().map(|point| point.start.millis_f64()));
        floats(out, self.points.iter().map(|point| point.min));
        floats(out, self.points.iter().map(|point| point.max));
        floats(out, self.points.iter().map(|point| point.low));
        floats(out, self.points.iter().map(|point| point.high));
        floats(out, self.gaps.iter().map(|gap| gap.0));
        floats(out, self.gaps.iter().map(|gap| gap.1));
        words(out, self.gaps.iter().map(|gap| gap.2));
        floats(out, self.marks.iter().map(|mark| mark.0));
        floats(out, self.marks.iter().map(|mark| mark.1));
        words(out, self.marks.iter().map(|mark| mark.2));
    }
}

fn floats(out: &mut Vec<u8>, values: impl IntoIterator<Item = f64>) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn words(out: &mut Vec<u8>, values: impl IntoIterator<Item = u32>) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests;
