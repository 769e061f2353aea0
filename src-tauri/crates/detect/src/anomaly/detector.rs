//! One series, one row at a time (detection.md 5.1 to 5.3): predict, judge, then learn.
//!
//! Channels of this version: `u`, the calibrated tail of the residual, raises episodes; `su1`, the tail of its running
//! mean, is evidence; `stall` raises episodes. A channel's bar is `level * (1 + 0.2 f)`: `f` starts at 1 (caution
//! while young), halves every 1000 rows and grows by 1 with every crossing (alarm fatigue). The first 100 rows are
//! silent. Neither a gap nor the reset of a counter is unusual: the row behind it is not judged, and the means start
//! there if it moved.
//!
//! A severity of [`ALARM_BAR`] from channel `u` needs more than rarity: 250 rows of past, an error at least 2.4 times
//! as large as all that is remembered, and more of it where the series' tail is heavy. Seen on 200 series of each of
//! 22 shapes, 150 s at 10 Hz: log-normal sizes and sawtooths reached it once in 200 series, Student's t with 3 degrees
//! of freedom once in 10, the other 18 shapes never; errors of 12 standard deviations after 30 s always.

use feedwatch_model::{FindingKind, Time};

use super::counter::Counter;
use super::episode::{Episodes, QUIET_ROWS, Running};
use super::predict::{Prediction, Predictors, floor};
use super::stall::{self, Stall};
use super::tail::Tail;
use super::verdict::{Episode, Onset, Verdict};

/// The stricter bar: severity from which a series alone raises an alarm. Compare it with [`Verdict::severity`] on any
/// row of an episode (a stall grows into it), or with [`Verdict::peak_severity`].
pub const ALARM_BAR: f64 = 1.12;

/// Rows in which nothing is said.
const SILENT_ROWS: u32 = 100;
/// Before so many rows the scale is a guess, and what is measured by it misleads.
const LEARN_FROM_ROW: u32 = 20;
const U_LEVEL: f64 = 2.7;
const PACE: f64 = 0.085;
const MINUTE_LN: f64 = 4.094_345;
const FIRST_CAUTION: f64 = 1.0;
const CAUTION: f64 = 0.2;
/// Halves every 1000 rows.
const CALM: f64 = 0.999_307;
/// Each side of the band leaves this share of the rows outside.
const BAND_SHARE: f64 = 0.005;
/// A gap is so many usual steps; more where the steps vary.
const GAP_LN: f64 = 1.098_612;
/// Before so many moves no size of a move is known: a first change is a finding, never an alarm.
const KNOWN_MOVES: u32 = 16;
const FIRST_MOVE_SEVERITY: f64 = 1.0;
/// Rows of an episode teach less, so that one fault does not hide the next.
const EPISODE_WEIGHT: f64 = 0.2;
/// While so young, every row teaches fully.
const YOUNG_ROWS: u32 = 250;
/// An alarm is an error so many times as large as any that is remembered.
const RECORD: f64 = 2.4;
/// `xi` of a tail from which an alarm needs more, and how much more.
const HEAVY: f64 = 0.25;
const HEAVY_FACTOR: f64 = 5.0;

/// The detector of one series. Fixed size, no allocation.
///
/// ```
/// use feedwatch_detect::{Detector, Episode};
/// use feedwatch_model::Time;
///
/// let mut detector = Detector::new();
/// let mut opened = Vec::new();
/// for row in 0..1000_i64 {
///     let noise = ((row * 7919) % 101) as f64 / 100.0;
///     let value = if row == 700 { 20.0 } else { 5.0 + noise };
///     let verdict = detector.observe(Time::from_millis(100 * row), value);
///     if verdict.episode == Episode::Opened {
///         opened.push(row);
///     }
/// }
/// assert_eq!(opened, [700]);
/// ```
#[derive(Clone, Debug)]
pub struct Detector {
    predictors: Predictors,
    residuals: Tail<2>,
    mean_surprise: f64,
    mean_surprises: Tail<1>,
    stall: Stall,
    counter: Counter,
    caution: Caution,
    stall_caution: Caution,
    episodes: Episodes,
    clock: Clock,
    rows: u32,
    lowest: f64,
}

/// Alarm fatigue of one channel.
#[derive(Clone, Debug)]
struct Caution {
    level: f64,
    since_crossing: u32,
}

/// The step between rows.
#[derive(Clone, Debug, Default)]
struct Clock {
    first: Time,
    last: Time,
    ln_step: f64,
    /// Running mean of the deviation of ln dt.
    spread: f64,
}

impl Caution {
    fn new() -> Caution {
        Caution { level: FIRST_CAUTION, since_crossing: u32::MAX }
    }

    fn factor(&self) -> f64 {
        1.0 + CAUTION * self.level
    }

    fn row(&mut self, crosses: bool) {
        self.level *= CALM;
        self.since_crossing = self.since_crossing.saturating_add(1);
        if crosses {
            if self.since_crossing > QUIET_ROWS {
                self.level += 1.0;
            }
            self.since_crossing = 0;
        }
    }
}

impl Clock {
    /// Takes the time of a row in; whether a gap lies before it.
    fn row(&mut self, at: Time, rows: u32) -> bool {
        let ln_dt = at.secs_since(self.last).max(1e-9).ln();
        self.last = at;
        if rows == 1 {
            self.ln_step = ln_dt;
            return false;
        }
        let off = ln_dt - self.ln_step;
        let gap = rows >= 16 && off > GAP_LN.max(4.0 * self.spread);
        let rate = 0.05_f64.max(1.0 / f64::from(rows));
        self.ln_step += off.clamp(-rate, rate);
        self.spread += 0.02_f64.max(1.0 / f64::from(rows)) * (off.abs().min(3.0) - self.spread);
        gap
    }

    /// An operator counts false findings by the hour, not by the row: the bar of fast series is higher, by 8.5 % for
    /// each decade below a minute.
    fn pace(&self) -> f64 {
        (1.0 + PACE * (MINUTE_LN - self.ln_step) / std::f64::consts::LN_10).clamp(1.0, 1.25)
    }

    fn step_secs(&self, rows: u32) -> f64 {
        if rows < 2 { 0.0 } else { self.ln_step.exp() }
    }
}

/// What the channels say of a row.
#[derive(Clone, Copy, Default)]
struct Evidence {
    surprise: f64,
    point_score: f64,
    severity: f64,
    u_crosses: bool,
    stall_crosses: bool,
    by_stall: bool,
}

/// A row and what was expected of it.
struct Row {
    at: Time,
    value: f64,
    before: Prediction,
    band: (f64, f64),
    silent: bool,
}

impl Row {
    fn onset(&self, evidence: &Evidence) -> Onset {
        Onset {
            at: self.at,
            value: self.value,
            predicted: self.before.value,
            band: self.band,
            surprise: evidence.surprise,
            severity: evidence.severity,
        }
    }
}

/// A severity of an alarm, put just below the bar with its order kept.
fn below_alarm(severity: f64) -> f64 {
    ALARM_BAR - 0.02 / severity
}

impl Default for Detector {
    fn default() -> Detector {
        Detector::new()
    }
}

impl Detector {
    /// A detector that knows nothing yet.
    pub fn new() -> Detector {
        Detector {
            predictors: Predictors::new(),
            residuals: Tail::new(),
            mean_surprise: 0.0,
            mean_surprises: Tail::new(),
            stall: Stall::new(),
            counter: Counter::new(),
            caution: Caution::new(),
            stall_caution: Caution::new(),
            episodes: Episodes::default(),
            clock: Clock::default(),
            rows: 0,
            lowest: f64::INFINITY,
        }
    }

    /// Judges a row, then learns it. A value that is not finite is missing; a time not after the last one is ignored.
    pub fn observe(&mut self, at: Time, value: f64) -> Verdict {
        self.row(at, at, value)
    }

    /// `clock` counts the steps, `at` is what the verdict says: with slots they differ.
    pub(super) fn row(&mut self, clock: Time, at: Time, x: f64) -> Verdict {
        let before = self.predictors.predict();
        let row = Row { at, value: x, before, band: self.band_of(&before), silent: self.rows < SILENT_ROWS };
        // Beyond this no difference of two values is finite.
        let usable = x.abs() < 1e300 && (self.rows == 0 || clock > self.clock.last);
        if !usable {
            let running = self.episodes.running();
            let episode = if running.is_some() { Episode::Open } else { Episode::None };
            return Verdict { used: false, ..self.verdict(&row, Evidence::default(), episode, running) };
        }
        if self.rows == 0 {
            self.clock = Clock { first: clock, last: clock, ..Clock::default() };
        }
        let gap = self.rows > 0 && self.clock.row(clock, self.rows);
        let thawed = self.stall.is_frozen() && self.stall.judge(x, 1.0).0 == 0.0;
        let stalled = self.episodes.running().is_some_and(|running| running.kind == Some(FindingKind::Stall));
        let reset = self.counter.row(x);
        let blind = gap || thawed || reset || self.rows == 0;
        let evidence = self.judge(x, &before, blind, gap);
        let (episode, running) = self.episodes.row(row.onset(&evidence), evidence.by_stall);
        self.learn(x, &before, blind, gap, evidence, stalled);
        self.verdict(&row, evidence, episode, running.as_ref())
    }

    fn judge(&self, x: f64, before: &Prediction, blind: bool, gap: bool) -> Evidence {
        let z = (x - before.value).abs() / before.scale;
        let (surprise, xi) = if blind || self.rows < 2 { (0.0, 0.0) } else { self.residuals.judge(z) };
        let (stall, stall_severity) = match gap {
            true => (0.0, 0.0),
            false => self.stall.judge(x, stall::LEVEL * self.stall_caution.factor()),
        };
        let mean = self.mean_surprise + 0.2 * (surprise.min(6.0) - self.mean_surprise);
        let clustered = if blind || self.rows < 20 { 0.0 } else { self.mean_surprises.surprise(mean) };
        let point_score = surprise.min(5.0) + clustered.min(5.0) + stall.min(5.0);
        if self.rows < SILENT_ROWS {
            return Evidence { surprise, point_score, ..Evidence::default() };
        }
        let mut by_surprise = surprise / (U_LEVEL * self.clock.pace() * self.caution.factor());
        if self.stall.moves() < KNOWN_MOVES {
            by_surprise = by_surprise.min(FIRST_MOVE_SEVERITY);
        } else if by_surprise >= ALARM_BAR
            && (self.rows < YOUNG_ROWS
                || by_surprise < ALARM_BAR * (1.0 + HEAVY_FACTOR * (xi - HEAVY).max(0.0))
                || self.residuals.mass_from(z / RECORD) >= 1.0)
        {
            by_surprise = below_alarm(by_surprise);
        }
        Evidence {
            surprise,
            point_score,
            severity: by_surprise.max(stall_severity),
            u_crosses: by_surprise >= 1.0,
            stall_crosses: stall_severity >= 1.0,
            by_stall: stall_severity >= 1.0 && stall_severity >= by_surprise,
        }
    }

    fn learn(&mut self, x: f64, before: &Prediction, blind: bool, gap: bool, evidence: Evidence, stalled: bool) {
        if self.rows >= SILENT_ROWS {
            self.caution.row(evidence.u_crosses);
            self.stall_caution.row(evidence.stall_crosses);
        }
        if gap {
            self.stall.gap();
        }
        self.stall.learn(x, stalled || evidence.stall_crosses);
        self.rows = self.rows.saturating_add(1);
        self.lowest = self.lowest.min(x);
        if self.stall.is_frozen() {
            return;
        }
        let residual = x - before.value;
        if blind {
            // The first row, a gap, a reset, the end of a stall: nothing is known of the way from there to here.
            let (low, high) = self.band_of(before);
            if residual.abs() > 4.0 * before.scale || gap && !(low..=high).contains(&x) {
                self.predictors.reset(x);
                // A sawtooth may pass for a counter for a while; its falls are remembered.
                if !gap && self.rows > LEARN_FROM_ROW {
                    self.residuals.add(usize::from(residual < 0.0), residual.abs() / before.scale, EPISODE_WEIGHT);
                }
            } else if gap {
                self.predictors.follow(x);
            }
            if self.rows == 1 {
                self.predictors.learn(x, before);
            }
            return;
        }
        let weight = if evidence.u_crosses && self.rows > YOUNG_ROWS { EPISODE_WEIGHT } else { 1.0 };
        if self.rows > LEARN_FROM_ROW {
            self.residuals.add(usize::from(residual < 0.0), residual.abs() / before.scale, weight);
            self.mean_surprise += 0.2 * (evidence.surprise.min(6.0) - self.mean_surprise);
            if self.rows > 2 * LEARN_FROM_ROW {
                self.mean_surprises.add(0, self.mean_surprise, 1.0);
            }
        }
        self.predictors.learn(x, before);
    }

    /// Time passes: closes an episode after which nothing came for ten usual steps.
    pub fn elapse(&mut self, now: Time) -> Option<Verdict> {
        let quiet = f64::from(QUIET_ROWS) * self.clock.step_secs(self.rows);
        if self.episodes.running().is_none() || now.secs_since(self.clock.last) <= quiet {
            return None;
        }
        let over = self.episodes.close()?;
        let before = self.predictors.predict();
        let row = Row { at: now, value: f64::NAN, before, band: self.band_of(&before), silent: false };
        Some(Verdict { used: false, ..self.verdict(&row, Evidence::default(), Episode::Closed, Some(&over)) })
    }

    /// What the next value should be.
    pub fn prediction(&self) -> f64 {
        self.predictors.predict().value
    }

    /// The band for the next row; `None` while nothing is said.
    pub fn band(&self) -> Option<(f64, f64)> {
        (self.rows >= SILENT_ROWS).then(|| self.band_of(&self.predictors.predict()))
    }

    fn band_of(&self, before: &Prediction) -> (f64, f64) {
        let scale = if before.scale <= floor(before.value) { 0.0 } else { before.scale };
        let high = before.value + scale * self.residuals.quantile(0, BAND_SHARE);
        let low = before.value - scale * self.residuals.quantile(1, BAND_SHARE);
        // A series that never was negative is not expected to be.
        (if self.lowest >= 0.0 { low.max(0.0) } else { low }, high)
    }

    fn verdict(&self, row: &Row, evidence: Evidence, episode: Episode, running: Option<&Running>) -> Verdict {
        let (unchanged_rows, longest_unchanged_rows) = self.stall.runs();
        Verdict {
            at: row.at,
            value: row.value,
            predicted: row.before.value,
            band: (!row.silent).then_some(row.band),
            surprise: evidence.surprise,
            point_score: evidence.point_score,
            severity: evidence.severity,
            episode,
            kind: running.and_then(|running| running.kind),
            guess: running.map(|running| running.guess),
            since: running.map(|running| running.onset.at),
            opening_severity: running.map_or(0.0, |running| running.onset.severity),
            peak_severity: running.map_or(0.0, |running| running.peak),
            onset: running.map(|running| running.onset),
            step_secs: self.clock.step_secs(self.rows),
            known_secs: self.clock.last.secs_since(self.clock.first),
            unchanged_rows,
            longest_unchanged_rows,
            used: true,
        }
    }
}
