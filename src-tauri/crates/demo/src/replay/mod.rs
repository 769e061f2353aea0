//! A capture as a live feed: its messages at their pace, over WebSocket or Server-Sent Events.
//!
//! It waits for the first client, and whenever there is none the rest waits for the next. Every client that is connected gets the
//! messages; the slowest sets the pace, and one that takes nothing for ten seconds is closed. Behind the last message the
//! connection is closed (WebSocket 1000; the end of the event stream, then 204).
//!
//! A WebSocket that breaks by itself loses what was under way; a client of the event stream that comes back with its
//! `Last-Event-ID` is given it again, if the capture has ids.

mod faults;
mod timeline;

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use feedwatch_model::Time;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::error::DemoError;
use crate::frame::Frame;
use crate::serve::{Door, EVENTS_PATH, Ending, Limits, Publisher, Server, Sse, WebSocket, bind};
pub use faults::Faults;
use timeline::{Action, Timeline, due};

const ABOUT: &str = "Feedwatch replay: a capture as a live feed.\nThe stream of Server-Sent Events is at /events.\n";

/// How the messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayProtocol {
    /// One message is one WebSocket message.
    WebSocket,
    /// One message is one event.
    Sse,
}

impl FromStr for ReplayProtocol {
    type Err = ();

    fn from_str(text: &str) -> Result<ReplayProtocol, ()> {
        match text {
            "websocket" => Ok(ReplayProtocol::WebSocket),
            "sse" => Ok(ReplayProtocol::Sse),
            _ => Err(()),
        }
    }
}

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times the capture's own pace; above 0.
    Times(f64),
    /// As fast as the client takes them.
    Max,
}

impl FromStr for Speed {
    type Err = DemoError;

    fn from_str(text: &str) -> Result<Speed, DemoError> {
        if text == "max" {
            return Ok(Speed::Max);
        }
        let times = text.parse::<f64>().ok().filter(|times| times.is_finite() && *times > 0.0);
        times.map(Speed::Times).ok_or_else(|| DemoError::Speed(text.to_owned()))
    }
}

/// What to replay, and how.
pub struct ReplayOptions {
    /// The messages, in the order of the capture.
    pub frames: Box<dyn Iterator<Item = Frame> + Send>,
    /// How they are sent.
    pub protocol: ReplayProtocol,
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// How fast.
    pub speed: Speed,
    /// What goes wrong on purpose.
    pub faults: Faults,
}

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Messages taken from the capture.
    pub messages: u64,
    /// Messages the kernel has taken for clients, over all of them.
    pub sent: u64,
    /// Left out on purpose.
    pub dropped: u64,
    /// Second copies sent on purpose.
    pub repeated: u64,
    /// Held back on purpose.
    pub delayed: u64,
    /// Connections closed on purpose.
    pub cuts: u64,
    /// Given to clients that went away before they were written.
    pub lost: u64,
    /// Whether it came to its end; false if it was stopped.
    pub complete: bool,
}

/// A running replay. Dropping it stops it.
pub struct Replay {
    address: String,
    stop: CancellationToken,
    report: watch::Receiver<Option<ReplayReport>>,
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Replay {
    /// Listens, and sends from the first client on.
    ///
    /// # Errors
    /// [`DemoError::Listen`] if the address is not to be had, [`DemoError::Speed`] if the speed is not above 0.
    pub async fn start(options: ReplayOptions) -> Result<Replay, DemoError> {
        if let Speed::Times(times) = options.speed
            && !(times.is_finite() && times > 0.0)
        {
            return Err(DemoError::Speed(times.to_string()));
        }
        let (listener, bound) = bind(options.listen).await?;
        let publisher = Publisher::new(Limits::default());
        let stop = CancellationToken::new();
        let (address, server) = match options.protocol {
            ReplayProtocol::WebSocket => {
                let protocol = WebSocket { answer: |_| None };
                (format!("ws://{bound}/"), Server::start(listener, protocol, publisher.clone(), stop.child_token()))
            }
            ReplayProtocol::Sse => {
                let protocol = Sse { about: ABOUT };
                let server = Server::start(listener, protocol, publisher.clone(), stop.child_token());
                (format!("http://{bound}{EVENTS_PATH}"), server)
            }
        };
        let (reported, report) = watch::channel(None);
        let timeline = Timeline::new(options.frames, options.faults);
        let player = Player { publisher, timeline, speed: options.speed, clock: None, cuts: 0 };
        tokio::spawn(run(player, server, stop.clone(), reported));
        Ok(Replay { address, stop, report })
    }

    /// Where a client connects.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Stops at once; [`Replay::finished`] then tells how far it came.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the last message is sent and its client has it, or the replay was stopped. May be asked again.
    pub async fn finished(&self) -> ReplayReport {
        let mut report = self.report.clone();
        // It fails only if the player panicked, which the log has: then nothing is known.
        report.wait_for(Option::is_some).await.ok().and_then(|report| *report).unwrap_or_default()
    }
}

async fn run(
    mut player: Player,
    server: Server,
    stop: CancellationToken,
    reported: watch::Sender<Option<ReplayReport>>,
) {
    let complete = tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = player.play() => true,
    };
    if !complete {
        server.stopped().await;
        let _ = reported.send(Some(player.report(false)));
        return;
    }
    let _ = reported.send(Some(player.report(true)));
    // Clients that come back are told that all was said, until the replay is dropped.
    stop.cancelled().await;
    server.stopped().await;
}

struct Player {
    publisher: Publisher,
    timeline: Timeline<Box<dyn Iterator<Item = Frame> + Send>>,
    speed: Speed,
    /// The first message's time, and when it was sent; moved while nobody is there.
    clock: Option<(Time, Instant)>,
    cuts: u64,
}

impl Player {
    async fn play(&mut self) {
        self.publisher.wait_for_client().await;
        while let Some(step) = self.timeline.next() {
            self.pace(step.at).await;
            match step.action {
                Action::Send(frame) => {
                    self.wait_for_client().await;
                    self.publisher.deliver(frame).await;
                }
                Action::Cut => {
                    self.cuts += 1;
                    self.publisher.set_door(Door::Shut);
                    self.publisher.end_all(Ending::GoingAway);
                    self.publisher.emptied().await;
                    self.publisher.set_door(Door::Open);
                }
            }
        }
        self.publisher.set_door(Door::Done);
        self.publisher.end_all(Ending::Complete);
        self.publisher.emptied().await;
    }

    async fn pace(&mut self, at: Time) {
        let Speed::Times(speed) = self.speed else { return };
        let (first, started) = *self.clock.get_or_insert_with(|| (at, Instant::now()));
        // A time beyond all time is never due; a century is as long.
        let wait = due(first, at, speed).min(Duration::from_secs(100 * 365 * 86_400));
        sleep_until(started + wait).await;
    }

    async fn wait_for_client(&mut self) {
        let since = Instant::now();
        self.publisher.wait_for_client().await;
        if let Some((_, started)) = &mut self.clock {
            *started += since.elapsed();
        }
    }

    fn report(&self, complete: bool) -> ReplayReport {
        let done = self.timeline.done();
        ReplayReport {
            messages: done.messages,
            sent: self.publisher.written(),
            dropped: done.dropped,
            repeated: done.repeated,
            delayed: done.delayed,
            cuts: self.cuts,
            lost: self.publisher.abandoned(),
            complete,
        }
    }
}
