//! An open WebSocket.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use feedwatch_model::{Certificate, Time};
use memchr::memmem::Finder;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::frames::Frames;
use super::heard::Heard;
use super::inflate::Inflating;
use super::{Memory, WebSocketOptions, words};
use crate::SessionError;
use crate::batch::Batch;
use crate::certificate;
use crate::source::Session;

pub(super) type Stream = Frames<Inflating<MaybeTlsStream<Heard>>>;

/// The longest time one of our own small messages may take to leave.
const SEND: Duration = Duration::from_secs(5);

pub(super) struct WebSocketSession {
    stream: Stream,
    idle: Option<Idle>,
    ping: Option<(Interval, Utf8Bytes)>,
    wishes: Vec<Finder<'static>>,
    detail: String,
    memory: Arc<Memory>,
    /// Why what was missed could not be asked for; told with the first messages.
    problem: Option<String>,
}

/// The server's wish to be connected anew stands in a message no longer than this.
const LONGEST_WISH: usize = 512;

/// When to ask for a sign of life, and when to give up.
struct Idle {
    after: Duration,
    /// The last byte there was when a ping was sent.
    asked: Option<Instant>,
}

impl Idle {
    /// When to look next, if the last byte came at `heard`.
    fn deadline(&self, heard: Instant) -> Instant {
        heard + if self.asked == Some(heard) { self.after } else { self.after / 2 }
    }
}

/// What woke the session up.
enum Wake {
    Read(Result<(), SessionError>),
    Quiet,
    Ping,
}

impl WebSocketSession {
    pub(super) fn new(
        stream: Stream,
        options: &WebSocketOptions,
        memory: Arc<Memory>,
        detail: String,
        problem: Option<String>,
    ) -> WebSocketSession {
        let ping = options.ping.as_ref().map(|(every, text)| {
            let every = (*every).max(Duration::from_millis(100));
            let mut ticks = interval_at(Instant::now() + every, every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            (ticks, Utf8Bytes::from(text.as_str()))
        });
        let idle = options.idle_timeout.map(|after| Idle { after, asked: None });
        let wishes = options.reconnect_on.iter().map(|text| Finder::new(text.as_bytes()).into_owned()).collect();
        WebSocketSession { stream, idle, ping, wishes, detail, memory, problem }
    }

    async fn wake(&mut self, batch: &mut Batch) -> Wake {
        let heard = heard(&self.stream).instant;
        let deadline = self.idle.as_ref().map(|idle| idle.deadline(heard));
        let WebSocketSession { stream, ping, wishes, .. } = self;
        // Our own duties first: a server that never pauses must not keep them from being done.
        tokio::select! {
            biased;
            () = tick(ping) => Wake::Ping,
            () = until(deadline) => Wake::Quiet,
            read = poll_fn(|cx| poll_read(stream, wishes, cx, batch)) => Wake::Read(read),
        }
    }

    /// The deadline has passed: bytes may have come meanwhile; if not, ask once, then give up.
    async fn quiet(&mut self) -> Result<(), SessionError> {
        let last = heard(&self.stream).instant;
        let Some(idle) = &mut self.idle else { return Ok(()) };
        if Instant::now() < idle.deadline(last) {
            return Ok(());
        }
        if idle.asked == Some(last) {
            return Err(SessionError::Idle { after: idle.after });
        }
        idle.asked = Some(last);
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Messages are in the batch: what a request after an outage takes is remembered.
    fn remember(&mut self, batch: &mut Batch) {
        if let Some(problem) = self.problem.take() {
            batch.notice(problem);
        }
        if self.memory.requests.is_empty() {
            return;
        }
        if let Some(last) = batch.views().next_back() {
            let payloads = batch.views().map(|message| message.payload);
            self.memory.recent().note(&self.memory.requests, last.received, payloads);
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), SessionError> {
        match timeout(SEND, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| words::session(&error)),
            Err(_) => Err(SessionError::Cut("The server does not take what is sent to it any more.".to_owned())),
        }
    }
}

#[async_trait]
impl Session for WebSocketSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        loop {
            match self.wake(batch).await {
                Wake::Read(Err(error)) => {
                    self.remember(batch);
                    part(&mut self.stream).await;
                    return Err(error);
                }
                Wake::Read(Ok(())) => {
                    self.remember(batch);
                    return Ok(());
                }
                Wake::Quiet => self.quiet().await?,
                Wake::Ping => {
                    if let Some((_, text)) = &self.ping {
                        self.send(Message::Text(text.clone())).await?;
                    }
                }
            }
        }
    }

    /// Sends a close frame and waits for the answer, so that the server sees it and not a reset.
    async fn close(&mut self) {
        let goodbye = CloseFrame { code: CloseCode::Away, reason: Utf8Bytes::from_static("") };
        if self.stream.send(Message::Close(Some(goodbye))).await.is_ok() {
            while let Some(Ok(_)) = self.stream.next().await {}
        }
    }

    fn certificate(&self) -> Option<Certificate> {
        match self.stream.get_ref().get_ref() {
            MaybeTlsStream::Rustls(tls) => certificate::of(tls),
            _ => None,
        }
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(heard(&self.stream).bytes)
    }

    fn last_heard(&self) -> Option<Time> {
        Some(heard(&self.stream).at)
    }
}

/// Lets the answer to a close frame out; the connection is over in any case.
pub(super) async fn part(stream: &mut Stream) {
    let _ = timeout(Duration::from_millis(100), stream.flush()).await;
}

fn heard(stream: &Stream) -> &Heard {
    match stream.get_ref().get_ref() {
        MaybeTlsStream::Rustls(tls) => tls.get_ref().0,
        MaybeTlsStream::Plain(socket) => socket,
        // The enum may grow, but is made here only from these two.
        _ => unreachable!("a connection is plain or rustls"),
    }
}

async fn tick(ping: &mut Option<(Interval, Utf8Bytes)>) {
    match ping {
        Some((ticks, _)) => {
            ticks.tick().await;
        }
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Reads what can be read without waiting; pending only while the batch is empty.
fn poll_read(
    stream: &mut Stream,
    wishes: &[Finder<'static>],
    cx: &mut Context<'_>,
    batch: &mut Batch,
) -> Poll<Result<(), SessionError>> {
    while !batch.is_full() {
        let payload: Bytes = match stream.poll_next(cx) {
            Poll::Ready(Some(Ok(Message::Text(text)))) => text.into(),
            Poll::Ready(Some(Ok(Message::Binary(bytes)))) => bytes,
            Poll::Ready(Some(Ok(Message::Close(frame)))) => return Poll::Ready(Err(words::closed(frame.as_ref()))),
            Poll::Ready(Some(Ok(_))) => continue,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(words::session(&error))),
            Poll::Ready(None) => return Poll::Ready(Err(words::closed(None))),
            Poll::Pending if batch.is_empty() => return Poll::Pending,
            Poll::Pending => break,
        };
        let wishes_us_gone = payload.len() <= LONGEST_WISH && wishes.iter().any(|wish| wish.find(&payload).is_some());
        // The time of the read that completed it: nearer to its arrival than now.
        batch.copy(heard(stream).at, &payload, None);
        if wishes_us_gone {
            let sentence = "The server asks for a new connection, as some do before they close the old one.".to_owned();
            return Poll::Ready(Err(SessionError::Closed { code: None, sentence }));
        }
    }
    Poll::Ready(Ok(()))
}
