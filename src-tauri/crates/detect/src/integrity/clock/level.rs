//! The usual offset of a source's event times, how far it strays, and whether it went to another level.
//!
//! Offsets are sampled, at most 64 in a window of 15 s (of 5 s at first); a window has at least 8 (16 at first). The
//! level is the median of the last window, the range that from the lowest 5 % to the highest 95 % mark of the last 8
//! windows. An offset further from the level than `max(1 s, 10 ranges)` begins a candidate, which every later one must
//! confirm to within half of that. A single one at the usual level ends it. Where no level is kept for 60 s and 64
//! messages, the usual one is learned anew.

use feedwatch_model::{NANOS_PER_SECOND, Time};

const SAMPLES: usize = 64;
const WINDOW_NANOS: i64 = 15 * NANOS_PER_SECOND;
const FIRST_WINDOW_NANOS: i64 = 5 * NANOS_PER_SECOND;
const MIN_SAMPLES: usize = 8;
const MIN_FIRST_SAMPLES: usize = 16;
const WINDOWS: usize = 8;
const MIN_STEP_NANOS: i64 = NANOS_PER_SECOND;
const RANGES: i64 = 10;
const CONFIRMED_BY: u32 = 6;
const CONFIRMED_NANOS: i64 = 2 * NANOS_PER_SECOND;
const UNCERTAIN_NANOS: i64 = 60 * NANOS_PER_SECOND;
const LOST_AFTER: u32 = 64;

/// The offset went to another level. Nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// The first message at the new level, and when it came.
    pub(super) message: u64,
    pub(super) since: Time,
    /// Positive where the source fell behind.
    pub(super) by: i64,
    /// How exactly `by` is known.
    pub(super) tolerance: i64,
    /// Event times themselves jumped; nothing can have been held up.
    pub(super) certain: bool,
    /// The level before the last step is reached again.
    pub(super) back_again: bool,
}

#[derive(Debug)]
struct Candidate {
    message: u64,
    since: Time,
    offset: i64,
    count: u32,
    certain: bool,
    /// Since when, and for how many messages, offsets are away from the usual level.
    away_since: Time,
    away: u32,
}

#[derive(Debug)]
pub(super) struct Level {
    samples: [i64; SAMPLES],
    length: usize,
    opened: Option<Time>,
    next_sample: Time,
    /// 5 % and 95 % marks.
    windows: [(i64, i64); WINDOWS],
    /// Windows closed so far.
    closed: usize,
    level: i64,
    threshold: i64,
    /// The low mark of a window that closed just now.
    fresh: Option<i64>,
    /// The event time of the last message at the usual level.
    event: Time,
    candidate: Option<Candidate>,
    before: Option<i64>,
}

impl Default for Level {
    fn default() -> Level {
        Level {
            samples: [0; SAMPLES],
            length: 0,
            opened: None,
            next_sample: Time::MIN,
            windows: [(0, 0); WINDOWS],
            closed: 0,
            level: 0,
            threshold: 0,
            fresh: None,
            event: Time::MIN,
            candidate: None,
            before: None,
        }
    }
}

impl Level {
    /// Takes in a message whose event time moved. `stood`: it had not for long.
    #[inline]
    pub(super) fn observe(&mut self, message: u64, at: Time, event: Time, stood: bool) -> Option<Step> {
        let offset = at.nanos_since(event);
        if self.closed > 0 && offset.saturating_sub(self.level).saturating_abs() > self.threshold {
            return self.away(message, at, event, offset, stood);
        }
        self.candidate = None;
        self.event = event;
        if at >= self.next_sample || at < self.next_sample.plus_nanos(-WINDOW_NANOS) {
            self.sample(at, offset);
        }
        None
    }

    /// The low mark of the window that closed with the last message, if one did.
    #[inline]
    pub(super) fn take_closed(&mut self) -> Option<i64> {
        self.fresh.take()
    }

    #[cold]
    fn away(&mut self, message: u64, at: Time, event: Time, offset: i64, stood: bool) -> Option<Step> {
        let by = offset.saturating_sub(self.level);
        let tolerance = self.threshold / 2;
        let jumped = stood || by < 0 || event.nanos_since(self.event) < -(by / 2);
        let candidate = self.candidate.get_or_insert(Candidate {
            message,
            since: at,
            offset,
            count: 0,
            certain: jumped,
            away_since: at,
            away: 0,
        });
        candidate.away = candidate.away.saturating_add(1);
        if offset.saturating_sub(candidate.offset).saturating_abs() > tolerance || at < candidate.since {
            let certain = candidate.certain && jumped;
            *candidate = Candidate { message, since: at, offset, count: 0, certain, ..*candidate };
        }
        candidate.count += 1;
        let lasted = at.nanos_since(candidate.since);
        let needed = if candidate.certain { CONFIRMED_NANOS } else { UNCERTAIN_NANOS };
        if candidate.count >= CONFIRMED_BY && lasted >= needed {
            return self.settle(tolerance);
        }
        let never = candidate.count < candidate.away
            && candidate.away >= LOST_AFTER
            && at.nanos_since(candidate.away_since) >= UNCERTAIN_NANOS;
        if never {
            *self = Level::default();
        }
        None
    }

    fn settle(&mut self, tolerance: i64) -> Option<Step> {
        let candidate = self.candidate.take()?;
        let by = candidate.offset.saturating_sub(self.level);
        let before = self.level;
        let near = |usual: i64| candidate.offset.saturating_sub(usual).saturating_abs() <= self.threshold;
        let back_again = self.before.is_some_and(near);
        self.shift(by);
        self.before = if back_again { None } else { Some(before) };
        let Candidate { message, since, certain, .. } = candidate;
        Some(Step { message, since, by, tolerance, certain, back_again })
    }

    #[cold]
    fn sample(&mut self, at: Time, offset: i64) {
        let (nanos, least) =
            if self.closed == 0 { (FIRST_WINDOW_NANOS, MIN_FIRST_SAMPLES) } else { (WINDOW_NANOS, MIN_SAMPLES) };
        let opened = match self.opened {
            Some(opened) if at >= opened => opened,
            _ => {
                self.opened = Some(at);
                self.length = 0;
                at
            }
        };
        if let Some(slot) = self.samples.get_mut(self.length) {
            *slot = offset;
            self.length += 1;
        }
        self.next_sample = at.plus_nanos(nanos / SAMPLES as i64);
        if self.length >= least && at.nanos_since(opened) >= nanos {
            self.close();
            self.opened = Some(at);
        }
    }

    fn close(&mut self) {
        let length = std::mem::take(&mut self.length);
        let Some(samples) = self.samples.get_mut(..length) else { return };
        samples.sort_unstable();
        let mark = |share: usize| samples.get((length - 1) * share / 100).copied().unwrap_or(0);
        self.level = mark(50);
        self.fresh = Some(mark(10));
        if let Some(window) = self.windows.get_mut(self.closed % WINDOWS) {
            *window = (mark(5), mark(95));
        }
        self.closed += 1;
        let known = self.windows.iter().take(self.closed);
        let (low, high) =
            known.fold((i64::MAX, i64::MIN), |(low, high), window| (low.min(window.0), high.max(window.1)));
        self.threshold = high.saturating_sub(low).saturating_mul(RANGES).max(MIN_STEP_NANOS);
    }

    /// What came and what comes need not fit together: no step is judged by it.
    pub(super) fn disturbed(&mut self) {
        self.candidate = None;
    }

    /// Offsets are larger by so many nanoseconds from now on.
    pub(super) fn shift(&mut self, nanos: i64) {
        self.level = self.level.saturating_add(nanos);
        self.before = self.before.map(|before| before.saturating_add(nanos));
        for window in &mut self.windows {
            *window = (window.0.saturating_add(nanos), window.1.saturating_add(nanos));
        }
        self.candidate = None;
        self.opened = None;
        self.next_sample = Time::MIN;
    }
}
