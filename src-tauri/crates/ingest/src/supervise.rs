//! The one loop that keeps a source connected, whatever its protocol.
//!
//! Connect, receive, tell the loss, wait (see [`Backoff`]), connect again behind the last position; until the source is
//! finished or somebody stops it. Everything is told through the inbox, nothing is logged.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use feedwatch_model::Time;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::seconds;
use crate::line::{Line, Said};
use crate::{
    Backoff, Batch, Clock, ConnectError, Event, FlowControl, Inbox, Resume, Session, SessionError, Shut, Source,
};

mod ledger;
mod sleep;

use ledger::Ledger;
use sleep::Sleep;

/// The longest time a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);
/// How long it may take after the stop until what was received is on disk and acknowledged.
const LAST_ACKS: Duration = Duration::from_millis(750);
/// A server that wants to be left alone for longer is asked again after this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Keeps `source` connected and its messages flowing into `inbox` until the source ends or `shutdown` is cancelled; then
/// it returns within milliseconds, at most half a second if the other side does not take the goodbye, and 0.75 s more where
/// messages are to be acknowledged that are not on disk yet.
///
/// `resume` are the last positions that are safely kept; from then on positions of messages received are remembered here.
pub async fn supervise(
    source: Arc<dyn Source>,
    inbox: Arc<Inbox>,
    resume: Resume,
    policy: Backoff,
    clock: Clock,
    shutdown: CancellationToken,
) {
    supervise_line(Line::only(source), inbox, resume, policy, clock, shutdown).await;
}

/// The same for one of several endpoints, as long as it is wanted.
pub(crate) async fn supervise_line(
    line: Line,
    inbox: Arc<Inbox>,
    resume: Resume,
    policy: Backoff,
    clock: Clock,
    shutdown: CancellationToken,
) {
    let last_good = clock();
    let shortest = policy.floor;
    Supervision { line, inbox, resume, policy, shortest, clock, shutdown, last_good, failures: 0, tries: 0 }
        .run()
        .await;
}

struct Supervision {
    line: Line,
    inbox: Arc<Inbox>,
    resume: Resume,
    policy: Backoff,
    /// The policy's own shortest wait, below which no server brings it.
    shortest: Duration,
    clock: Clock,
    shutdown: CancellationToken,
    last_good: Time,
    /// Failures since the source was last healthy.
    failures: u32,
    /// Tries since then, for people.
    tries: u32,
}

/// How a try ended.
enum Outcome {
    Stopped,
    Ended(String),
    /// We have closed it because it is not wanted.
    StoodDown(Shut),
    Lost {
        reason: String,
        refused: bool,
        retry_after: Option<Duration>,
    },
}

impl From<ConnectError> for Outcome {
    fn from(error: ConnectError) -> Outcome {
        match error {
            ConnectError::Ended(reason) => Outcome::Ended(reason),
            error => Outcome::Lost {
                reason: error.to_string(),
                refused: error.is_permanent(),
                retry_after: error.retry_after(),
            },
        }
    }
}

impl From<SessionError> for Outcome {
    fn from(error: SessionError) -> Outcome {
        match error {
            SessionError::Ended(reason) => Outcome::Ended(reason),
            SessionError::Refused(error) => error.into(),
            error => Outcome::Lost {
                reason: error.to_string(),
                refused: error.is_permanent(),
                retry_after: error.leave_alone().map(|(from, to)| from + (to - from).mul_f64(fastrand::f64())),
            },
        }
    }
}

/// What woke the loop of a session.
enum Woken {
    /// The computer slept for so long.
    Slept(Duration),
    Stopped,
    Unwanted(Shut),
    Received(Result<(), SessionError>),
    /// So many of the session's messages are kept; `None`: some will never be, and must be sent again.
    Kept(Option<u64>),
}

/// [`Ledger::next`] where there is one.
async fn kept(ledger: &mut Option<Ledger>) -> Option<u64> {
    match ledger {
        Some(ledger) => ledger.next().await,
        None => std::future::pending().await,
    }
}

/// What was received is acknowledged, and the other side told that we go.
async fn say_goodbye(session: &mut dyn Session, ledger: Option<&mut Ledger>) {
    if let Some(ledger) = ledger {
        let _ = timeout(LAST_ACKS, last_acks(session, ledger)).await;
    }
    let _ = timeout(GOODBYE, session.close()).await;
}

/// Acknowledges what was received before the stop: a broker would have to send it again, and flag it for everybody.
async fn last_acks(session: &mut dyn Session, ledger: &mut Ledger) {
    while !ledger.is_settled() {
        let Some(count) = ledger.next().await else { return };
        if session.ack(count).await.is_err() {
            return;
        }
    }
}

/// The other side has long given us up, and may not say so for minutes.
fn slept(length: Duration) -> Outcome {
    let reason = format!("This computer slept for {}. The connection is made anew.", seconds(length));
    Outcome::Lost { reason, refused: false, retry_after: None }
}

/// The history could not keep what the broker still holds.
fn sends_again() -> Outcome {
    let reason = "The history could not be written for a while. The connection is made anew, so that the broker sends \
                  again what was not kept."
        .to_owned();
    Outcome::Lost { reason, refused: false, retry_after: None }
}

impl Supervision {
    async fn run(mut self) {
        let line = self.line.number;
        let mut batch = Batch::of_line(line);
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = self.line.wanted() => {}
            }
            let wait = match self.attempt(&mut batch).await {
                Outcome::Stopped => return,
                Outcome::Ended(reason) => {
                    self.inbox.announce(Event::Ended { at: (self.clock)(), line, reason });
                    self.line.say(Said::Ended);
                    return;
                }
                Outcome::StoodDown(why) => {
                    self.stand_down(why);
                    continue;
                }
                Outcome::Lost { reason, refused, retry_after } => self.tell_loss(reason, refused, retry_after),
            };
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                why = self.line.unwanted() => self.stand_down(why),
                () = sleep(wait) => {}
            }
        }
    }

    /// What was tried or connected is closed, and tried afresh when it is wanted again.
    fn stand_down(&mut self, why: Shut) {
        (self.failures, self.tries) = (0, 0);
        let (at, line, last_good) = ((self.clock)(), self.line.number, self.last_good);
        self.inbox.announce(Event::StoodDown { at, line, last_good, why });
        self.line.say(Said::StoodDown);
    }

    /// One connection, from the first try to its end.
    async fn attempt(&mut self, batch: &mut Batch) -> Outcome {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Outcome::Stopped,
            () = self.inbox.room_for_words() => {}
        }
        self.tries = self.tries.saturating_add(1);
        let (at, line) = ((self.clock)(), self.line.number);
        self.inbox.announce(Event::Connecting { at, line, attempt: self.tries });
        let source = Arc::clone(&self.line.source);
        let connected = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Outcome::Stopped,
            why = self.line.unwanted() => return Outcome::StoodDown(why),
            connected = source.connect(&self.resume) => connected,
        };
        match connected {
            Ok(mut session) => self.receive(session.as_mut(), batch).await,
            Err(error) => error.into(),
        }
    }

    /// Receives till the session's end.
    async fn receive(&mut self, session: &mut dyn Session, batch: &mut Batch) -> Outcome {
        let since = Instant::now();
        self.last_good = (self.clock)();
        let (endpoint, detail) = (self.line.source.address(), session.detail());
        let certificate = session.certificate().map(Box::new);
        let (at, line) = (self.last_good, self.line.number);
        let acknowledges = session.acknowledges();
        let resumes = acknowledges || !self.resume.positions().is_empty();
        self.inbox.begins(line, at, resumes, acknowledges);
        self.inbox.announce(Event::Connected { at, line, endpoint, detail, certificate });
        self.line.say(Said::Connected);
        let mut ledger = session.acknowledges().then(|| Ledger::new(&self.inbox));
        let mut sleep = Sleep::new();
        let mut counted = None;
        // What asks for the end is asked once, not with every batch.
        let shutdown = self.shutdown.clone();
        let (mut stopped, mut unwanted) = (pin!(shutdown.cancelled()), pin!(self.line.unwanted()));
        let outcome = loop {
            let woken = tokio::select! {
                biased;
                () = &mut stopped => Woken::Stopped,
                why = &mut unwanted => Woken::Unwanted(why),
                kept = kept(&mut ledger) => Woken::Kept(kept),
                slept = sleep.over() => Woken::Slept(slept),
                received = session.recv(batch) => Woken::Received(received),
            };
            // What was read before the future was dropped is delivered with what comes next.
            let (received, ours) = match woken {
                Woken::Kept(Some(count)) => (session.ack(count).await, None),
                Woken::Kept(None) => break sends_again(),
                Woken::Slept(length) => break slept(length),
                Woken::Received(received) => (received, None),
                Woken::Stopped => (Ok(()), Some(Outcome::Stopped)),
                Woken::Unwanted(why) => (Ok(()), Some(Outcome::StoodDown(why))),
            };
            // What was read before the end was received all the same.
            let delivered = self.deliver(session.flow(), batch, ledger.as_mut()).await;
            self.count_wire(session, &mut counted);
            let ours = if delivered { ours } else { Some(Outcome::Stopped) };
            if let Some(ours) = ours {
                if !matches!(ours, Outcome::StoodDown(Shut::Drill | Shut::Silent)) {
                    say_goodbye(session, ledger.as_mut()).await;
                }
                break ours;
            }
            if let Err(error) = received {
                break error.into();
            }
        };
        self.last_good = session.last_heard().unwrap_or(self.last_good).max(self.last_good);
        if since.elapsed() >= self.policy.healthy {
            (self.failures, self.tries) = (0, 0);
        }
        outcome
    }

    /// Tells the inbox what came over the wire since it was last told.
    fn count_wire(&self, session: &dyn Session, counted: &mut Option<u64>) {
        let now = session.wire_bytes();
        if let Some(bytes) = now
            && now != *counted
        {
            self.inbox.on_wire(bytes.saturating_sub(counted.unwrap_or(0)));
            *counted = now;
        }
    }

    /// Puts the batch into the inbox; `false` if it was stopped while it waited for room.
    async fn deliver(&mut self, flow: FlowControl, batch: &mut Batch, ledger: Option<&mut Ledger>) -> bool {
        if let Some(retry) = batch.take_retry() {
            // Not sooner than the server asked for (WHATWG HTML, 9.2.3); what a busy server adds is spread as ever.
            let retry = retry.clamp(self.shortest, self.policy.cap.max(self.shortest));
            (self.policy.base, self.policy.floor) = (retry, retry);
        }
        if let Some(at) = batch.take_alive() {
            self.last_good = at;
            self.inbox.alive(at);
        }
        if let Some((count, who)) = batch.take_turned_away() {
            self.inbox.announce(Event::TurnedAway { at: (self.clock)(), count, who });
        }
        if let Some(text) = batch.take_notice() {
            self.inbox.announce(Event::Notice { at: (self.clock)(), text });
        }
        if let Some((first, last)) = batch.times() {
            self.last_good = last;
            self.line.read(batch.len() as u64, first);
        }
        self.note_positions(batch);
        self.line.name_lanes(batch);
        let missed = batch.take_missed();
        let (messages, pauses) = (batch.len(), !batch.is_full());
        let put = match flow {
            FlowControl::DropOldest => {
                self.inbox.put(batch);
                true
            }
            FlowControl::Wait => tokio::select! {
                biased;
                () = self.inbox.put_when_room(batch) => true,
                () = self.shutdown.cancelled() => false,
            },
        };
        if let Some(ledger) = ledger {
            // What found no room by the stop is not given: it stays with the broker.
            ledger.gave((messages - batch.len()) as u64, self.inbox.next_number());
        }
        if pauses {
            batch.rest();
        }
        if let Some(missed) = missed {
            self.inbox.announce(Event::Missed(missed));
        }
        put
    }

    fn note_positions(&mut self, batch: &Batch) {
        let mut lane = None;
        // The last of each lane; mostly there is one lane, or they come in runs.
        for position in batch.views().rev().filter_map(|message| message.meta?.position.as_ref()) {
            if lane == Some(position.lane()) {
                continue;
            }
            lane = Some(position.lane());
            self.resume.note(position);
        }
    }

    /// Says what was lost and returns how long to wait.
    fn tell_loss(&mut self, reason: String, refused: bool, retry_after: Option<Duration>) -> Duration {
        let draw = fastrand::f64();
        let delay = if refused { self.policy.delay_refused(draw) } else { self.policy.delay(self.failures, draw) };
        let retry_in = delay.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER));
        self.failures = self.failures.saturating_add(1);
        let (at, line, last_good) = ((self.clock)(), self.line.number, self.last_good);
        self.inbox.announce(Event::Lost { at, line, last_good, reason, refused, retry_in });
        self.line.say(Said::Failed);
        retry_in
    }
}

#[cfg(test)]
mod tests;
