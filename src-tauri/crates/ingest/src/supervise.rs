//! The one loop that keeps a source connected, whatever its protocol.
//!
//! Connect, receive, tell the loss, wait (see [`Backoff`]), connect again behind the last position; until the source is
//! finished or somebody stops it. Everything is told through the inbox, nothing is logged.

use std::sync::Arc;
use std::time::Duration;

use feedwatch_model::Time;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    Backoff, Batch, Clock, ConnectError, Event, FlowControl, Inbox, Kept, Resume, Session, SessionError, Source,
};

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
    let last_good = clock();
    let shortest = policy.floor;
    Supervision { source, inbox, resume, policy, shortest, clock, shutdown, last_good, failures: 0, tries: 0 }
        .run()
        .await;
}

struct Supervision {
    source: Arc<dyn Source>,
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
    Lost { reason: String, refused: bool, retry_after: Option<Duration> },
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
                retry_after: error.retry_after(),
            },
        }
    }
}

/// What woke the loop of a session.
enum Woken {
    Received(Result<(), SessionError>),
    /// So many of the session's messages are kept; `None`: some will never be, and must be sent again.
    Kept(Option<u64>),
}

/// How many of a session's messages are kept.
struct Ledger {
    kept: watch::Receiver<Kept>,
    /// The number of the session's first message.
    first: u64,
    told: u64,
    /// How often messages had been refused, and taken again, when the session began.
    before: Kept,
}

impl Ledger {
    fn new(inbox: &Inbox) -> Ledger {
        let mut kept = inbox.kept();
        let before = *kept.borrow_and_update();
        Ledger { kept, first: inbox.next_number(), told: 0, before }
    }

    /// Waits until more of them are kept, or until those that were refused can be had again.
    async fn next(&mut self) -> Option<u64> {
        loop {
            // The sender lives as long as the inbox, which the loop holds.
            if self.kept.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            let now = *self.kept.borrow_and_update();
            if now.recovered > self.before.recovered {
                return None;
            }
            let count = now.below.saturating_sub(self.first);
            // After a refusal the numbers have a hole: nothing behind it is acknowledged.
            if now.refused == self.before.refused && count > self.told {
                self.told = count;
                return Some(count);
            }
        }
    }
}

/// [`Ledger::next`] where there is one.
async fn kept(ledger: &mut Option<Ledger>) -> Option<u64> {
    match ledger {
        Some(ledger) => ledger.next().await,
        None => std::future::pending().await,
    }
}

/// Acknowledges what was received before the stop: a broker would have to send it again, and flag it for everybody.
async fn last_acks(session: &mut dyn Session, ledger: &mut Ledger, given: u64) {
    while ledger.first + ledger.told < given {
        let Some(count) = ledger.next().await else { return };
        if session.ack(count).await.is_err() {
            return;
        }
    }
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
        let mut batch = Batch::default();
        loop {
            let wait = match self.attempt(&mut batch).await {
                Outcome::Stopped => return,
                Outcome::Ended(reason) => {
                    self.inbox.announce(Event::Ended { at: (self.clock)(), reason });
                    return;
                }
                Outcome::Lost { reason, refused, retry_after } => self.tell_loss(reason, refused, retry_after),
            };
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// One connection, from the first try to its end.
    async fn attempt(&mut self, batch: &mut Batch) -> Outcome {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Outcome::Stopped,
            () = self.inbox.room_for_words() => {}
        }
        self.tries = self.tries.saturating_add(1);
        self.inbox.announce(Event::Connecting { at: (self.clock)(), attempt: self.tries });
        let connected = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => return Outcome::Stopped,
            connected = self.source.connect(&self.resume) => connected,
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
        let (endpoint, detail) = (self.source.address(), session.detail());
        self.inbox.announce(Event::Connected { at: self.last_good, endpoint, detail });
        let mut ledger = session.acknowledges().then(|| Ledger::new(&self.inbox));
        let outcome = loop {
            let woken = tokio::select! {
                biased;
                () = self.shutdown.cancelled() => None,
                kept = kept(&mut ledger) => Some(Woken::Kept(kept)),
                received = session.recv(batch) => Some(Woken::Received(received)),
            };
            // What was read before the future was dropped is delivered with what comes next.
            let received = match woken {
                Some(Woken::Kept(Some(count))) => Some(session.ack(count).await),
                Some(Woken::Kept(None)) => break sends_again(),
                Some(Woken::Received(received)) => Some(received),
                None => None,
            };
            // What was read before the end was received all the same.
            let delivered = self.deliver(session.flow(), batch).await;
            match received {
                Some(Ok(())) if delivered => {}
                Some(Err(error)) if delivered => break error.into(),
                _ => {
                    if let Some(ledger) = &mut ledger {
                        let given = self.inbox.next_number();
                        let _ = timeout(LAST_ACKS, last_acks(session, ledger, given)).await;
                    }
                    let _ = timeout(GOODBYE, session.close()).await;
                    return Outcome::Stopped;
                }
            }
        };
        self.last_good = session.last_heard().unwrap_or(self.last_good).max(self.last_good);
        if since.elapsed() >= self.policy.healthy {
            (self.failures, self.tries) = (0, 0);
        }
        outcome
    }

    /// Puts the batch into the inbox; `false` if it was stopped while it waited for room.
    async fn deliver(&mut self, flow: FlowControl, batch: &mut Batch) -> bool {
        if let Some(retry) = batch.take_retry() {
            // Not sooner than the server asked for (WHATWG HTML, 9.2.3); what a busy server adds is spread as ever.
            let retry = retry.clamp(self.shortest, self.policy.cap.max(self.shortest));
            (self.policy.base, self.policy.floor) = (retry, retry);
        }
        if let Some(at) = batch.take_alive() {
            self.last_good = at;
            self.inbox.alive(at);
        }
        if let Some(text) = batch.take_notice() {
            self.inbox.announce(Event::Notice { at: (self.clock)(), text });
        }
        if let Some(last) = batch.messages().last() {
            self.last_good = last.received;
        }
        self.note_positions(batch);
        match flow {
            FlowControl::DropOldest => self.inbox.put(batch),
            FlowControl::Wait => tokio::select! {
                biased;
                () = self.inbox.put_when_room(batch) => {}
                () = self.shutdown.cancelled() => return false,
            },
        }
        true
    }

    fn note_positions(&mut self, batch: &Batch) {
        let mut lane = None;
        // The last of each lane; mostly there is one lane, or they come in runs.
        for position in batch.messages().iter().rev().filter_map(|message| message.position()) {
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
        let (at, last_good) = ((self.clock)(), self.last_good);
        self.inbox.announce(Event::Lost { at, last_good, reason, refused, retry_in });
        retry_in
    }
}

#[cfg(test)]
mod tests;
