//! A feed with several endpoints: which of them are connected when, and what happens in a drill.
//!
//! Each endpoint is a line under the one loop that connects again ([`crate::supervise()`]); what comes from all of them goes
//! into one inbox, which arbitrates copies. Here only gates are opened and shut, as a [`Plan`] says.

mod drill;
mod plan;
mod rhythm;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::line::{Gate, Line, Pulse, Said};
use crate::supervise::supervise_line;
use crate::{Backoff, Clock, Inbox, MAX_LINES, Resume, Shut, Source};

pub use drill::{DrillOrder, Drilled};
pub use plan::{Mode as EndpointMode, Rules as EndpointRules};

use drill::Drill;
use plan::{Is, Plan};
use rhythm::Rhythm;

/// How often silence is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// Where a feed can be had.
#[derive(Clone)]
pub struct Endpoint {
    /// For people, and for what the history knows of it.
    pub name: String,
    /// How.
    pub source: Arc<dyn Source>,
}

/// All endpoints of a feed, the preferred one first, and how they share the work.
pub struct EndpointSet {
    /// At most [`MAX_LINES`] are used.
    pub endpoints: Vec<Endpoint>,
    /// Which are connected when.
    pub rules: EndpointRules,
}

/// Keeps the endpoints of a feed connected as its rules want it, until all have ended or `shutdown` is cancelled; see
/// [`crate::supervise()`] for the rest.
pub async fn supervise_endpoints(
    set: EndpointSet,
    inbox: Arc<Inbox>,
    resume: Resume,
    policy: Backoff,
    clock: Clock,
    shutdown: CancellationToken,
    drills: mpsc::Receiver<DrillOrder>,
) {
    let EndpointSet { endpoints, rules } = set;
    let endpoints: Vec<Endpoint> = endpoints.into_iter().take(MAX_LINES).collect();
    inbox.arbitrate(endpoints.len(), rules.window);
    let (told, says) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let mut lines = Vec::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        let (gate, watched) = watch::channel(Gate::Shut(Shut::NotNeeded));
        let line = Line::of(number as u8, endpoint, watched, told.clone());
        let pulse = Arc::clone(&line.pulse);
        let own = line.own(&resume);
        tasks.spawn(supervise_line(line, Arc::clone(&inbox), own, policy.clone(), clock, shutdown.clone()));
        lines.push(Held { name: endpoint.name.clone(), gate, pulse, rhythm: Rhythm::default(), excused: false });
    }
    let plan = Plan::new(lines.len(), rules);
    let begin = Instant::now();
    let mut watch = Watch { plan, mode: rules.mode, lines, begin, clock, drill: None, says, drills };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = watch.run() => {}
    }
    // Each ends by itself, in bounded time.
    while tasks.join_next().await.is_some() {}
}

/// A line, seen from here.
struct Held {
    name: String,
    gate: watch::Sender<Gate>,
    pulse: Arc<Pulse>,
    rhythm: Rhythm,
    /// It is silent, but so were the others.
    excused: bool,
}

struct Watch {
    plan: Plan,
    mode: EndpointMode,
    lines: Vec<Held>,
    begin: Instant,
    clock: Clock,
    drill: Option<Drill>,
    says: mpsc::UnboundedReceiver<(u8, Said)>,
    drills: mpsc::Receiver<DrillOrder>,
}

impl Watch {
    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Until all endpoints have ended.
    async fn run(&mut self) {
        while (0..self.lines.len()).any(|line| self.plan.is(line) != Is::Ended) {
            self.move_gates();
            let next = self.next_look();
            tokio::select! {
                said = self.says.recv() => match said {
                    Some((line, said)) => self.hear(usize::from(line), said),
                    None => return,
                },
                Some(order) = self.drills.recv(), if self.drill.is_none() => self.begin_drill(order),
                () = sleep_until(next) => {}
            }
            self.look();
            self.drill_on();
        }
    }

    fn move_gates(&mut self) {
        let wants = self.plan.wants(self.now());
        for (number, (line, wanted)) in self.lines.iter().zip(wants).enumerate() {
            let drilled = self.drill.as_ref().is_some_and(|drill| drill.line == number);
            let why = if drilled { Shut::Drill } else { Shut::NotNeeded };
            line.gate.send_if_modified(|gate| {
                // One that is cut opens again when it has said that it is.
                let to = match (wanted, *gate) {
                    (true, Gate::Shut(Shut::Silent)) | (false, Gate::Shut(_)) => *gate,
                    (true, _) => Gate::Open,
                    (false, Gate::Open) => Gate::Shut(why),
                };
                let moves = *gate != to;
                *gate = to;
                moves
            });
        }
    }

    fn next_look(&self) -> Instant {
        let now = self.now();
        let of_plan = self.plan.next_look(now);
        let of_drill = self.drill.as_ref().map(Drill::next_look);
        let of_silence = self.looks_for_silence().then(|| now + LOOK);
        let soonest = [of_plan, of_drill, of_silence].into_iter().flatten().min();
        self.begin + soonest.unwrap_or(now + Duration::from_secs(3600)).max(now)
    }

    fn hear(&mut self, number: usize, said: Said) {
        let now = self.now();
        match said {
            Said::Connected => {
                self.plan.connected(number, now);
                if let Some(line) = self.lines.get_mut(number) {
                    line.rhythm.begin(line.pulse.messages(), now);
                    line.excused = false;
                }
            }
            Said::Failed => self.plan.failed(number, now),
            Said::StoodDown => self.stood_down(number, now),
            Said::Ended => self.plan.ended(number, now),
            Said::First(_) => {}
        }
        if let Some(drill) = &mut self.drill
            && drill.hear(number, said, now)
            && let Some(line) = self.lines.get(number)
        {
            line.pulse.ask();
        }
    }

    fn stood_down(&mut self, number: usize, now: Duration) {
        let Some(line) = self.lines.get(number) else { return };
        let was_silent = *line.gate.borrow() == Gate::Shut(Shut::Silent);
        if was_silent {
            self.plan.failed(number, now);
            line.gate.send_replace(Gate::Open);
        } else {
            self.plan.stood_down(number, now);
        }
    }

    fn looks_for_silence(&self) -> bool {
        self.lines.len() > 1 && self.mode == EndpointMode::Failover && self.plan.active().is_some()
    }

    /// Is the line that the feed rests on silent for longer than usual? Then the next is asked; if that speaks, the silent
    /// one is taken for dead, and if it is silent too, so is the feed.
    fn look(&mut self) {
        let now = self.now();
        for line in &mut self.lines {
            line.rhythm.look(line.pulse.messages(), now);
        }
        let Some(active) = self.plan.active().filter(|_| self.looks_for_silence()) else { return };
        let Some(limit) = self.lines.get(active).and_then(|line| line.rhythm.limit()) else { return };
        let is_silent = self.lines.get(active).is_some_and(|line| line.rhythm.quiet(now) > limit);
        let others = self.lines.iter().enumerate().skip(active + 1);
        let up: Vec<&Held> =
            others.filter(|(number, _)| self.plan.is(*number) == Is::Up).map(|(_, line)| line).collect();
        let one_speaks = up.iter().any(|line| line.rhythm.has_spoken() && line.rhythm.quiet(now) <= limit / 2);
        let all_silent = !up.is_empty() && up.iter().all(|line| line.rhythm.quiet(now) > limit);
        let Some(line) = self.lines.get_mut(active) else { return };
        if is_silent && one_speaks && line.rhythm.quiet(now) > limit * 2 {
            line.gate.send_if_modified(|gate| {
                let opens = *gate == Gate::Open;
                *gate = Gate::Shut(Shut::Silent);
                opens
            });
            return;
        }
        line.excused = is_silent && (line.excused || all_silent);
        let asks = is_silent && !line.excused;
        self.plan.silent(active, asks);
    }
}
