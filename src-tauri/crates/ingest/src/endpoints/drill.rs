//! A drill: the feed is failed over on purpose, and it is measured what that costs.
//!
//! The endpoint that the feed rests on is cut without a goodbye. The time from the cut to the first message on another one
//! (on the same, if there is no other) is what an outage would cost. Then the feed rests on the other one for a while, the
//! one that was cut is opened again, and the drill is over when the feed has returned to it.

use std::time::Duration;

use feedwatch_model::Time;
use tokio::sync::oneshot;

use super::{Is, Watch};
use crate::line::Said;

/// A step of a drill that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(30);

/// The wish for a drill.
#[derive(Debug)]
pub struct DrillOrder {
    /// For how long the feed rests on the other endpoint.
    pub hold: Duration,
    /// Who wants to know: what was measured, or why there was no drill.
    pub reply: oneshot::Sender<Result<Drilled, String>>,
}

/// What a drill has measured of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drilled {
    /// The endpoint that was cut.
    pub from: String,
    /// The one that brought the first message after it; `None`: none did within 30 s.
    pub to: Option<String>,
    /// When it was cut.
    pub cut: Time,
    /// From the cut to the first message.
    pub to_first_message: Option<Duration>,
    /// From the end of the hold to the first message on the one that was cut; `None`: none came within 30 s.
    pub to_return: Option<Duration>,
}

/// Where a drill stands.
enum Step {
    /// It is to be cut.
    Cutting,
    /// The first message on another line is waited for.
    Waiting,
    /// The feed rests on the other.
    Resting,
    /// The first message on the one that was cut is waited for.
    Returning {
        since: Time,
    },
    Over,
}

/// A drill under way.
pub(super) struct Drill {
    pub(super) line: usize,
    /// There is no other: the same is opened again at once.
    alone: bool,
    hold: Duration,
    step: Step,
    /// When the step must be over.
    due: Duration,
    cut: Option<Time>,
    first: Option<(usize, Time)>,
    to_return: Option<Duration>,
    reply: oneshot::Sender<Result<Drilled, String>>,
}

/// The wall clock may have been set back.
fn between(from: Time, to: Time) -> Duration {
    Duration::from_nanos(u64::try_from(to.nanos_since(from)).unwrap_or(0))
}

impl Drill {
    pub(super) fn next_look(&self) -> Duration {
        self.due
    }

    /// `true`: the next message of the line is to be told too, since this one was received before the cut.
    pub(super) fn hear(&mut self, line: usize, said: Said, now: Duration) -> bool {
        let Said::First(at) = said else { return false };
        match self.step {
            Step::Waiting if (line == self.line) == self.alone => {
                if self.cut.is_none_or(|cut| at < cut) {
                    return true;
                }
                self.first = Some((line, at));
                let hold = if self.alone { Duration::ZERO } else { self.hold };
                (self.step, self.due) = (Step::Resting, now + hold);
            }
            Step::Returning { since } if line == self.line => {
                self.to_return = Some(between(since, at));
                self.step = Step::Over;
            }
            _ => {}
        }
        false
    }
}

impl Watch {
    pub(super) fn begin_drill(&mut self, order: DrillOrder) {
        let Some(line) = self.plan.active() else {
            let why =
                "The feed has no connection now, so there is nothing to cut. Try again when it is live.".to_owned();
            // Who asked may have gone.
            let _ = order.reply.send(Err(why));
            return;
        };
        self.plan.drill(line, true);
        self.drill = Some(Drill {
            line,
            alone: self.lines.len() < 2,
            hold: order.hold,
            step: Step::Cutting,
            due: self.now() + LONGEST,
            cut: None,
            first: None,
            to_return: None,
            reply: order.reply,
        });
    }

    /// What is due of a drill.
    pub(super) fn drill_on(&mut self) {
        let (now, clock) = (self.now(), self.clock);
        let Some(drill) = &mut self.drill else { return };
        let is_due = now >= drill.due;
        match drill.step {
            Step::Cutting if self.plan.is(drill.line) == Is::Shut => {
                drill.cut = Some(clock());
                (drill.step, drill.due) = (Step::Waiting, now + LONGEST);
                let line = drill.line;
                if drill.alone {
                    self.plan.drill(line, false);
                }
                for (_, other) in self.lines.iter().enumerate().filter(|(number, _)| *number != line) {
                    other.pulse.ask();
                }
            }
            Step::Cutting | Step::Waiting if is_due => (drill.step, drill.due) = (Step::Resting, now),
            Step::Resting if is_due => {
                let since = clock();
                let over = drill.alone && drill.first.is_some();
                (drill.step, drill.due) = (Step::Returning { since }, now + LONGEST);
                if over {
                    drill.step = Step::Over;
                }
                let line = drill.line;
                self.plan.drill(line, false);
            }
            Step::Returning { .. } if is_due => drill.step = Step::Over,
            _ => {}
        }
        if matches!(self.drill.as_ref().map(|drill| &drill.step), Some(Step::Over)) {
            self.end_drill();
        }
    }

    fn end_drill(&mut self) {
        let Some(drill) = self.drill.take() else { return };
        let name = |line: usize| self.lines.get(line).map(|line| line.name.clone()).unwrap_or_default();
        let cut = drill.cut.unwrap_or_else(self.clock);
        let drilled = Drilled {
            from: name(drill.line),
            to: drill.first.map(|(line, _)| name(line)),
            cut,
            to_first_message: drill.first.map(|(_, at)| between(cut, at)),
            to_return: drill.to_return,
        };
        // Who asked may have gone.
        let _ = drill.reply.send(Ok(drilled));
    }
}
