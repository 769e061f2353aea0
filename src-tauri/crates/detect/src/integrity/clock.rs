//! The source's clock, judged by the offset of its event times: receive time less event time, per kind of message.
//!
//! Only messages whose event time is another than that of the message before count, so coarse times (whole seconds, the
//! start of a minute) have a sharp offset too. Each kind is measured by its own usual offset, however far off.
//!
//! - `step`: the offset left its usual level by more than `max(1 s, 10 times its usual 5 to 95 % range)`
//!   ([`level`]) and stays at a new one for 6 such messages and 2 s. Where it grew though event times did
//!   not go back, messages may have been held up as well: that is told after 60 s, and not where they catch up.
//! - `skew`: the offset drifts steadily, by 50 ms or more over minutes ([`drift`]).
//! - `stopped`: the event time is the same on 9 messages and for `max(2 s, 5 typical, 3 longest)` while messages come,
//!   where it moved at least 20 times before ([`hold`]).
//!
//! What several kinds show at once is told once. When the clock goes again, is back where it was or no longer drifts,
//! that is told with the same kind, as information. When our own clock is set ([`Clock::own_step`]), all that is known
//! moves with it.
//!
//! Limits: 64 kinds, further ones are not judged. A source among many in one kind whose clock steps alone is not seen.

mod drift;
mod hold;
mod level;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, NANOS_PER_SECOND, Severity, Time};

use super::words;
use drift::{Drift, Drifting};
use hold::{Hold, Holding};
use level::{Level, Step};

const MAX_KINDS: usize = 64;
/// Steps of different kinds that began so close together and are as large are the same one.
const SAME_STEP_NANOS: i64 = 600 * NANOS_PER_SECOND;

#[derive(Debug)]
pub(super) struct Clock {
    feed: FeedId,
    lanes: Vec<Lane>,
    step: Option<Told>,
    /// The kind whose standing clock was told.
    stopped: Option<usize>,
    /// The kind whose drift was told.
    drifting: Option<usize>,
}

/// The last step told.
#[derive(Debug)]
struct Told {
    lane: usize,
    since: Time,
    by: i64,
}

/// What is known of one kind of message.
#[derive(Debug, Default)]
struct Lane {
    event: Option<Time>,
    hold: Hold,
    level: Level,
    drift: Drift,
}

impl Clock {
    pub(super) fn new(feed: FeedId) -> Clock {
        Clock { feed, lanes: Vec::new(), step: None, stopped: None, drifting: None }
    }

    /// Takes in the event time of a message that is new and in order.
    #[inline]
    pub(super) fn observe(&mut self, message: &Message, kind: u32, event: Time, out: &mut Vec<Finding>) {
        let index = kind as usize;
        if index >= self.lanes.len() && !self.grow(index) {
            return;
        }
        let Some(lane) = self.lanes.get_mut(index) else { return };
        let at = message.received;
        if lane.event == Some(event) {
            if lane.hold.same(message.number, at) {
                self.stands(index, event, at, out);
            }
            return;
        }
        lane.event = Some(event);
        let after_stop = match lane.hold.moved(at) {
            Holding::Usual => lane.hold.just_went(),
            Holding::Went(span) => {
                self.goes(index, message, span, out);
                true
            }
        };
        let Some(lane) = self.lanes.get_mut(index) else { return };
        if let Some(step) = lane.level.observe(message.number, at, event, after_stop) {
            lane.drift.shift(step.by, 0);
            self.stepped(index, &step, out);
        } else if let Some(low) = lane.level.take_closed() {
            let drifting = lane.drift.push(at, low);
            self.drifts(index, at, drifting, out);
        }
    }

    #[cold]
    fn grow(&mut self, index: usize) -> bool {
        if index < MAX_KINDS {
            self.lanes.resize_with(index + 1, Lane::default);
        }
        index < MAX_KINDS
    }

    /// A new connection may begin with what was there before: nothing that came is compared with it.
    pub(super) fn connected(&mut self) {
        for lane in &mut self.lanes {
            lane.hold.disarm();
            lane.level.disturbed();
        }
    }

    /// Our own clock was set by so many nanoseconds: receive times from `at` on are that much later than before.
    pub(super) fn own_step(&mut self, at: Time, nanos: i64, out: &mut Vec<Finding>) {
        for lane in &mut self.lanes {
            lane.hold.disarm();
            lane.level.shift(nanos);
            lane.drift.shift(nanos, nanos);
        }
        let (way, by) = (if nanos < 0 { "back" } else { "forward" }, secs(nanos));
        let text = format!(
            "The clock of this computer was set {way} by {by}. Receive times before and after it do not fit together; the source's clock was not touched."
        );
        out.push(self.finding(FindingKind::Step, None, at, Severity::Warning, text));
    }

    #[cold]
    fn stepped(&mut self, index: usize, step: &Step, out: &mut Vec<Finding>) {
        let same = |told: &Told| {
            told.lane != index
                && step.since.nanos_since(told.since).saturating_abs() < SAME_STEP_NANOS
                && step.by.saturating_sub(told.by).saturating_abs() <= step.tolerance
        };
        if self.step.as_ref().is_some_and(same) {
            return;
        }
        self.step = Some(Told { lane: index, since: step.since, by: step.by });
        let by = secs(step.by);
        let (severity, text) = if step.back_again {
            (Severity::Info, format!("The source's clock is back where it was: it jumped by {by}."))
        } else if step.by < 0 {
            (Severity::Warning, format!("The source's clock jumped ahead by {by} and stays there."))
        } else if step.certain {
            (Severity::Warning, format!("The source's clock jumped back by {by} and stays there."))
        } else {
            let text = format!(
                "Event times fell {by} further behind and stay there: the source's clock was set back, or its messages take that much longer to come."
            );
            (Severity::Warning, text)
        };
        out.push(self.finding(FindingKind::Step, Some(step.message), step.since, severity, text));
    }

    #[cold]
    fn stands(&mut self, index: usize, event: Time, at: Time, out: &mut Vec<Finding>) {
        if self.stopped.is_some_and(|lane| self.lanes.get(lane).is_some_and(|lane| lane.hold.stopped())) {
            return;
        }
        let Some(lane) = self.lanes.get(index) else { return };
        let text = format!(
            "The source's clock stands still: {} over {} have the time {event}. It usually moved every {}.",
            words::messages(lane.hold.messages()),
            words::span(lane.hold.span(at)),
            words::span(lane.hold.typical()),
        );
        let message = lane.hold.first_repeat();
        self.stopped = Some(index);
        out.push(self.finding(FindingKind::Stopped, Some(message), at, Severity::Warning, text));
    }

    #[cold]
    fn goes(&mut self, index: usize, message: &Message, span: f64, out: &mut Vec<Finding>) {
        if self.stopped == Some(index) {
            self.stopped = None;
            let text = format!("The source's clock goes again, after it stood for {}.", words::span(span));
            out.push(self.finding(FindingKind::Stopped, Some(message.number), message.received, Severity::Info, text));
        }
    }

    #[cold]
    fn drifts(&mut self, index: usize, at: Time, drifting: Drifting, out: &mut Vec<Finding>) {
        if self.drifting.is_some_and(|lane| lane != index) {
            return;
        }
        let (severity, text) = match drifting {
            Drifting::No => return,
            Drifting::Began { slope, by, over } => {
                self.drifting = Some(index);
                let way = if slope > 0.0 { "slow" } else { "fast" };
                let severity = if by.abs() < 1.0 { Severity::Info } else { Severity::Warning };
                let text = format!(
                    "The source's clock runs {way} against ours: {} in {} ({:.0} ppm, {} per hour).",
                    words::span(by.abs()),
                    words::span(over),
                    slope.abs() * 1e6,
                    words::span(slope.abs() * 3600.0),
                );
                (severity, text)
            }
            Drifting::Grew { by } => {
                let way = if by > 0.0 { "behind" } else { "ahead" };
                let text = format!(
                    "The source's clock has drifted {} {way} since it began to, and goes on.",
                    words::span(by.abs())
                );
                (Severity::Warning, text)
            }
            Drifting::Ended => {
                self.drifting = None;
                (Severity::Info, "The source's clock keeps pace with ours again.".to_owned())
            }
        };
        out.push(self.finding(FindingKind::Skew, None, at, severity, text));
    }

    fn finding(&self, kind: FindingKind, message: Option<u64>, at: Time, severity: Severity, text: String) -> Finding {
        Finding { message, ..Finding::new(Check::Clock, kind, self.feed, at, severity, text) }
    }
}

fn secs(nanos: i64) -> String {
    words::span(nanos.unsigned_abs() as f64 / 1e9)
}
