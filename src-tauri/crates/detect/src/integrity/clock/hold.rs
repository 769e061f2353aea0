//! Does the event time move? How long it usually stands, and whether it stands for longer now.
//!
//! `typical` is the running mean (1/64) of the time between two changes, `longest` the longest time over which messages
//! bore the same event time, of the current and the previous window of at least 10 minutes. A standstill that was told
//! is not taken as normal; of two alike the shorter one is.

use feedwatch_model::{NANOS_PER_SECOND, Time};

const MIN_CHANGES: u32 = 20;
const MIN_REPEATS: u32 = 8;
/// A snapshot behind a reconnect may have one time for all.
const ARMED_BY: u32 = 4;
const MIN_LIMIT: f64 = 2e9;
const WINDOW_NANOS: f64 = 600.0 * NANOS_PER_SECOND as f64;

#[derive(Debug)]
pub(super) struct Hold {
    /// When the first message with this event time came, and the last one so far.
    since: Time,
    last: Time,
    repeats: u32,
    first_repeat: u64,
    /// How often the event time moved since the connection was made.
    moves: u32,
    stopped: bool,
    just_went: bool,
    changes: u32,
    /// Nanoseconds, as all below.
    typical: f64,
    longest: [f64; 2],
    window_start: Time,
    told: f64,
}

/// What a change of the event time ends.
#[derive(Debug, PartialEq)]
pub(super) enum Holding {
    Usual,
    /// A standstill of so many seconds that was noticed.
    Went(f64),
}

impl Default for Hold {
    fn default() -> Hold {
        Hold {
            since: Time::MIN,
            last: Time::MIN,
            repeats: 0,
            first_repeat: 0,
            moves: 0,
            stopped: false,
            just_went: false,
            changes: 0,
            typical: 0.0,
            longest: [0.0; 2],
            window_start: Time::MIN,
            told: 0.0,
        }
    }
}

impl Hold {
    /// One more message with the same event time: does it show that the clock stands?
    #[inline]
    pub(super) fn same(&mut self, message: u64, at: Time) -> bool {
        if self.repeats == 0 {
            self.first_repeat = message;
        }
        self.repeats = self.repeats.saturating_add(1);
        self.last = at;
        if self.stopped || self.moves < ARMED_BY || self.repeats < MIN_REPEATS || self.changes < MIN_CHANGES {
            return false;
        }
        self.stopped = at.nanos_since(self.since) as f64 >= self.limit();
        self.stopped
    }

    /// The event time is another one.
    #[inline]
    pub(super) fn moved(&mut self, at: Time) -> Holding {
        let was = std::mem::replace(&mut self.stopped, false);
        let held = self.last.nanos_since(self.since).max(0) as f64;
        if was {
            let habit = held.min(self.told);
            self.told = held;
            self.longest[0] = self.longest[0].max(habit);
        } else if self.moves > 0 {
            self.learn(at.nanos_since(self.since).max(0) as f64, held, at);
        }
        self.just_went = was;
        self.moves = self.moves.saturating_add(1);
        self.repeats = 0;
        self.since = at;
        self.last = at;
        if was { Holding::Went(held / 1e9) } else { Holding::Usual }
    }

    fn learn(&mut self, pause: f64, held: f64, at: Time) {
        self.changes = self.changes.saturating_add(1);
        let rate = if self.changes < 64 { 1.0 / f64::from(self.changes) } else { 1.0 / 64.0 };
        // A pause of the whole feed says little of its clock.
        let pause = if self.changes < MIN_CHANGES { pause } else { pause.min(8.0 * self.typical + 1e6) };
        self.typical += (pause - self.typical) * rate;
        if held > self.longest[0] {
            self.longest[0] = held;
        }
        let age = at.nanos_since(self.window_start) as f64;
        if age > WINDOW_NANOS && age > 20.0 * self.longest[0].max(self.longest[1]) {
            self.longest = [0.0, self.longest[0]];
            self.window_start = at;
        }
    }

    fn limit(&self) -> f64 {
        (5.0 * self.typical).max(3.0 * self.longest[0].max(self.longest[1])).max(MIN_LIMIT)
    }

    /// Judge nothing before the event time moves again, more than once.
    pub(super) fn disarm(&mut self) {
        self.moves = 0;
        self.repeats = 0;
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// The standstill that was noticed ended with the last change.
    pub(super) fn just_went(&self) -> bool {
        self.just_went
    }

    /// How many messages bear the present event time.
    pub(super) fn messages(&self) -> u64 {
        u64::from(self.repeats) + 1
    }

    pub(super) fn first_repeat(&self) -> u64 {
        self.first_repeat
    }

    /// Seconds since it last moved.
    pub(super) fn span(&self, at: Time) -> f64 {
        at.secs_since(self.since)
    }

    /// Seconds between two changes.
    pub(super) fn typical(&self) -> f64 {
        self.typical / 1e9
    }
}
