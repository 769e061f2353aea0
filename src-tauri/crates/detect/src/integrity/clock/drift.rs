//! Does the offset drift? A line through the low marks of its windows (delays only add, so the lowest are the clock's).
//!
//! Two spans: the last 40 windows (10 minutes or more), and the last 40 medians of 10 windows each. A line (Theil and
//! Sen: the median of all slopes) is a drift where it
//!
//! - has at least 20 points, rises or falls by at least 50 ms, and by at most 2 % of the time (what is faster is a
//!   backlog, or a replay),
//! - leaves residuals of at most a fortieth of that (1.48 times their median), and
//! - goes on alike: the slopes of both halves are 0.7 to 1.3 times its own.
//!
//! The same drift is told once: after it ended, only one that is 1.5 times as steep as the one told.

use feedwatch_model::Time;

const POINTS: usize = 40;
const MIN_POINTS: usize = 20;
const PER_LONG: usize = 10;
const MIN_BY: f64 = 0.05;
const MAX_SLOPE: f64 = 0.02;
const RESIDUAL_SHARE: f64 = 1.0 / 40.0;
const STEEPER: f64 = 1.5;
const LARGE: f64 = 1.0;

/// What one more window tells. Seconds; positive where the source falls behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Drifting {
    No,
    Began {
        slope: f64,
        by: f64,
        over: f64,
    },
    /// By more than a second since it began.
    Grew {
        by: f64,
    },
    Ended,
}

#[derive(Debug, Default)]
pub(super) struct Drift {
    /// Nanoseconds: of the first window.
    origin: Option<(i64, i64)>,
    /// Time and offset, in seconds from the origin; oldest first.
    spans: [Vec<(f64, f64)>; 2],
    pending: Vec<(f64, f64)>,
    told: Option<Told>,
    /// The steepest slopes told: falling behind, running ahead.
    steepest: [f64; 2],
}

#[derive(Debug)]
struct Told {
    span: usize,
    slope: f64,
    /// The offset where the line began.
    from: f64,
    grew: bool,
}

impl Drift {
    /// Takes in a window's low mark.
    pub(super) fn push(&mut self, at: Time, low: i64) -> Drifting {
        let origin = *self.origin.get_or_insert((at.nanos(), low));
        let point = (at.nanos().saturating_sub(origin.0) as f64 / 1e9, low.saturating_sub(origin.1) as f64 / 1e9);
        if self.spans[0].last().is_some_and(|last| last.0 >= point.0) {
            // Time went back.
            *self = Drift { steepest: self.steepest, ..Drift::default() };
            return Drifting::No;
        }
        self.add(0, point);
        self.pending.push(point);
        let mut fresh = 1;
        if self.pending.len() == PER_LONG {
            let time = self.pending.iter().map(|point| point.0).sum::<f64>() / PER_LONG as f64;
            let offset = median(self.pending.drain(..).map(|point| point.1).collect());
            self.add(1, (time, offset));
            fresh = 2;
        }
        self.judge(fresh, point.1)
    }

    fn add(&mut self, span: usize, point: (f64, f64)) {
        let Some(points) = self.spans.get_mut(span) else { return };
        if points.len() == POINTS {
            points.remove(0);
        }
        points.push(point);
    }

    /// Judges the first `fresh` spans: the others have nothing new.
    fn judge(&mut self, fresh: usize, now: f64) -> Drifting {
        if let Some(told) = &mut self.told {
            let by = now - told.from;
            if !told.grew && by.abs() >= LARGE && by.signum() == told.slope.signum() {
                told.grew = true;
                return Drifting::Grew { by };
            }
            let Some(points) = self.spans.get(told.span) else { return Drifting::No };
            if told.span < fresh && points.len() >= MIN_POINTS && slope(points) / told.slope < 0.25 {
                self.told = None;
                return Drifting::Ended;
            }
            return Drifting::No;
        }
        for (span, points) in self.spans.iter().enumerate().take(fresh) {
            let Some((slope, by, over)) = line(points) else { continue };
            let way = usize::from(slope < 0.0);
            let Some(steepest) = self.steepest.get_mut(way) else { continue };
            if slope.abs() > STEEPER * *steepest {
                *steepest = slope.abs();
                self.told = Some(Told { span, slope, from: now - by, grew: by.abs() >= LARGE });
                return Drifting::Began { slope, by, over };
            }
        }
        Drifting::No
    }

    /// Offsets are larger by `nanos` from now on, and times by `time_nanos`.
    pub(super) fn shift(&mut self, nanos: i64, time_nanos: i64) {
        if let Some(origin) = &mut self.origin {
            *origin = (origin.0.saturating_add(time_nanos), origin.1.saturating_add(nanos));
        }
    }
}

/// Slope, rise and length of the line that the points are on, if they are.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    let (first, last) = (points.first()?, points.last()?);
    let over = last.0 - first.0;
    if points.len() < MIN_POINTS || (last.1 - first.1).abs() < 0.5 * MIN_BY {
        return None;
    }
    let slope = self::slope(points);
    let by = slope * over;
    if by.abs() < MIN_BY || slope.abs() > MAX_SLOPE {
        return None;
    }
    let residuals = |centre: f64| points.iter().map(move |point| point.1 - slope * point.0 - centre);
    let centre = median(residuals(0.0).collect());
    let stray = 1.48 * median(residuals(centre).map(f64::abs).collect());
    let (older, newer) = points.split_at(points.len() / 2);
    let alike = |half: &[(f64, f64)]| (0.7..=1.3).contains(&(self::slope(half) / slope));
    (stray <= RESIDUAL_SHARE * by.abs() && alike(older) && alike(newer)).then_some((slope, by, over))
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let mut slopes = Vec::with_capacity(points.len() * points.len() / 2);
    for (index, from) in points.iter().enumerate() {
        slopes.extend(points.iter().skip(index + 1).map(|to| (to.1 - from.1) / (to.0 - from.0)));
    }
    median(slopes)
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}
