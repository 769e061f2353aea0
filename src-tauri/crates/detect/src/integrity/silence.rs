//! Silence: no message for longer than this feed usually takes.
//!
//! The rhythm is learned from the times between messages: `typical` is their running mean (1/64), `longest` the
//! largest one of the current and the previous window; a window lasts at least 10 minutes and 20 times its own
//! longest pause, so that a feed that pauses regularly is known by its pauses. Silence is told when nothing came for
//!
//! `limit = max(5 typical, 2 longest, 2 s)`
//!
//! and the feed is known by at least 20 messages over at least that long. A pause that was told as silence is no
//! normal pause; only when a second one as long follows, the shorter of the two is taken as normal.
//! The finding's time is the moment the limit was passed, however late that is noticed.

use feedwatch_model::{Check, FeedId, Finding, FindingKind, NANOS_PER_SECOND, Severity, Time};

use super::words;

/// The name of what lasts.
const CONDITION: &str = "feed";
const MIN_MESSAGES: u64 = 20;
const MIN_LIMIT: f64 = 2e9;
const WINDOW_NANOS: f64 = 600.0 * NANOS_PER_SECOND as f64;

#[derive(Debug)]
pub(super) struct Silence {
    feed: FeedId,
    judged: bool,
    open: bool,
    messages: u64,
    /// When the last sign of life came.
    last: Option<Time>,
    /// When the last message came, also across an outage.
    last_message: Option<Time>,
    /// Nanoseconds.
    typical: f64,
    /// Nanoseconds; this window's and the one's before.
    longest: [f64; 2],
    window_start: Time,
    known_nanos: f64,
    /// Length of the last pause that was told as silence.
    told: f64,
    silent: bool,
}

impl Silence {
    pub(super) fn new(feed: FeedId) -> Silence {
        Silence {
            feed,
            judged: true,
            open: true,
            messages: 0,
            last: None,
            last_message: None,
            typical: 0.0,
            longest: [0.0; 2],
            window_start: Time::MIN,
            known_nanos: 0.0,
            told: 0.0,
            silent: false,
        }
    }

    /// The rhythm of a feed that may be silent.
    pub(super) fn unjudged(feed: FeedId) -> Silence {
        Silence { judged: false, ..Silence::new(feed) }
    }

    pub(super) fn connected(&mut self, at: Time) {
        self.open = true;
        self.last = Some(at);
    }

    pub(super) fn lost(&mut self) {
        self.open = false;
        self.last = None;
    }

    /// A sign of life that tells nothing of the rhythm.
    pub(super) fn alive(&mut self, at: Time) {
        if self.open {
            self.last = Some(at);
        }
    }

    /// The same, told by the other side itself: a silence is over.
    pub(super) fn unchanged(&mut self, at: Time, out: &mut Vec<Finding>) {
        self.elapse(at, out);
        if std::mem::take(&mut self.silent) {
            let text = "It answers again; nothing has changed meanwhile.".to_owned();
            let finding = Finding::new(Check::Silence, FindingKind::Resumed, self.feed, at, Severity::Info, text);
            out.push(Finding { lasting: Some(CONDITION.into()), ..finding });
        }
        self.alive(at);
    }

    /// Whether that ends a silence.
    pub(super) fn message(&mut self, number: u64, at: Time, out: &mut Vec<Finding>) -> bool {
        if let Some(last) = self.last {
            let pause = at.nanos_since(last).max(0) as f64;
            // Below two seconds no limit is passed: the common case decides nothing.
            if pause > MIN_LIMIT {
                self.elapse(at, out);
            }
            self.learn(pause, at);
        }
        let was_silent = self.silent;
        if was_silent {
            self.resume(number, at, out);
        }
        self.messages += 1;
        self.last = Some(at);
        self.last_message = Some(at);
        was_silent
    }

    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        let Some(last) = self.last else { return };
        if self.silent || !self.open || !self.judged || self.messages < MIN_MESSAGES {
            return;
        }
        let limit = self.limit();
        if now.nanos_since(last) as f64 <= limit || self.known_nanos < limit {
            return;
        }
        self.silent = true;
        let text = format!(
            "No message for more than {}. It usually sent every {}, at most every {}. The connection was open: the publisher stopped.",
            words::span(limit / 1e9),
            words::span(self.typical / 1e9),
            words::span(self.longest() / 1e9),
        );
        let at = last.plus_nanos(limit as i64);
        let finding = Finding::new(Check::Silence, FindingKind::Silent, self.feed, at, Severity::Critical, text);
        out.push(Finding { lasting: Some(CONDITION.into()), ..finding });
    }

    fn longest(&self) -> f64 {
        self.longest[0].max(self.longest[1]).max(self.typical)
    }

    /// Typical and longest time between messages, and after how long silence is told: nanoseconds. `None` before it is
    /// judged.
    pub(super) fn rhythm(&self) -> Option<(f64, f64, f64)> {
        let (limit, [now, before]) = (self.limit(), self.longest);
        let is_known = self.judged && self.messages >= MIN_MESSAGES && self.known_nanos >= limit;
        is_known.then_some((self.typical, now.max(before), limit))
    }

    fn limit(&self) -> f64 {
        (5.0 * self.typical).max(2.0 * self.longest()).max(MIN_LIMIT)
    }

    fn learn(&mut self, pause: f64, at: Time) {
        let pause = if self.silent {
            // Two silences alike are a habit; one is none.
            let habit = pause.min(self.told);
            self.told = pause;
            habit.max(self.longest())
        } else {
            // A running mean over all messages at first, over the last 64 or so later.
            let rate = if self.messages < 64 { 1.0 / (self.messages.max(1) as f64) } else { 1.0 / 64.0 };
            self.typical += (pause - self.typical) * rate;
            pause
        };
        self.known_nanos += pause;
        if pause > self.longest[0] {
            self.longest[0] = pause;
        }
        let age = at.nanos_since(self.window_start) as f64;
        if age > WINDOW_NANOS && age > 20.0 * self.longest() {
            self.longest = [0.0, self.longest[0]];
            self.window_start = at;
        }
    }

    fn resume(&mut self, number: u64, at: Time, out: &mut Vec<Finding>) {
        self.silent = false;
        let pause = self.last_message.map_or(0.0, |last| at.secs_since(last));
        let text = format!("Messages come again, after {} without one.", words::span(pause));
        out.push(Finding {
            message: Some(number),
            lasting: Some(CONDITION.into()),
            ..Finding::new(Check::Silence, FindingKind::Resumed, self.feed, at, Severity::Info, text)
        });
    }
}
