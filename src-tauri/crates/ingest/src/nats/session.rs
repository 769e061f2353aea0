//! One open session: messages of subscriptions, or of a consumer that is asked for more.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feedwatch_model::{Certificate, MessageMeta, Position, Time};
use serde_json::Value;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::attach::changing;
use super::headers;
use super::hello::{Endpoint, Info};
use super::jetstream::{Place, StreamInfo, answer};
use super::options::NatsStream;
use super::protocol::{Message, Op};
use super::pulls::{HEARTBEAT, Meaning, Pulls};
use super::source::Memory;
use super::subjects::Subjects;
use super::wire::{Broken, Output, Pulse, Wire};
use super::words;
use crate::SessionError;
use crate::arena::Arena;
use crate::source::{Batch, FlowControl, Session};
use crate::wire_bytes::WireBytes;

/// What is to be written and cannot be for so long: the connection is dead.
const STUCK: Duration = Duration::from_secs(5);
/// What was handed out and not acknowledged is there by then, if it comes at all.
const AGAIN: Duration = Duration::from_secs(2);

/// One open session.
pub(super) struct NatsSession {
    pub(super) wire: Wire,
    pub(super) pulse: Pulse,
    pub(super) reading: Reading,
    pub(super) detail: String,
    pub(super) certificate: Option<Certificate>,
    pub(super) bytes: WireBytes,
}

/// What is made of what the server says.
pub(super) struct Reading {
    pub(super) arena: Arena,
    pub(super) subjects: Subjects,
    pub(super) max_message: usize,
    /// The server has said that it ends.
    pub(super) ending: bool,
    pub(super) memory: Arc<Mutex<Memory>>,
    pub(super) consuming: Option<Consuming>,
}

/// A consumer that is asked for messages.
pub(super) struct Consuming {
    pub(super) stream: NatsStream,
    /// To which requests go.
    pub(super) next: String,
    /// To which answers come: `_INBOX.x`.
    pub(super) inbox: String,
    pub(super) lane: Arc<str>,
    pub(super) pulls: Pulls,
    pub(super) asked: u64,
    /// Where acknowledgements go, in the order in which messages were given.
    pub(super) open: VecDeque<Bytes>,
    pub(super) acknowledged: u64,
    /// Without acknowledgements: a look.
    pub(super) look: bool,
    pub(super) beginning: Beginning,
    pub(super) whole: bool,
    /// The last sequence, where all of the stream is read.
    pub(super) last: Option<u64>,
    /// The sequence before some that are missing, while it is asked whether they were deleted.
    pub(super) missing: Option<(u64, u64)>,
    /// When the server must have said something of the consumer.
    pub(super) silence: Pin<Box<Sleep>>,
    /// What was deleted unread before the session began: it is told, and the next one goes on.
    pub(super) lost: Option<String>,
}

/// What was handed out to a former session comes first: see [`attach`](super::attach).
pub(super) enum Beginning {
    /// Its first message is asked for, alone: more would come again and again until the configuration is given back.
    Again(Value, Pin<Box<Sleep>>),
    /// The configuration is being given back.
    GivingBack,
    /// All is as usual.
    Over,
}

impl Beginning {
    /// With the configuration to give back, if there is one.
    pub(super) fn of(restore: Option<Value>) -> Beginning {
        restore.map_or(Beginning::Over, |config| Beginning::Again(config, Box::pin(sleep(AGAIN))))
    }
}

/// Longer than two of the consumer's signs of life.
const SILENT: Duration = Duration::from_nanos(HEARTBEAT * 3);

/// When the consumer is taken for dead, from now on.
pub(super) fn silence() -> Pin<Box<Sleep>> {
    Box::pin(sleep(SILENT))
}

impl NatsSession {
    /// Takes what can be read; pending only while the batch is empty.
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<Result<(), SessionError>> {
        loop {
            if let Err(error) = self.take(batch) {
                return Poll::Ready(Err(error));
            }
            if let Some(consuming) = &mut self.reading.consuming {
                consuming.ask(&mut self.wire.output);
            }
            let (limit, ending) = (self.reading.max_message, self.reading.ending);
            let broken = |broken: Broken| Poll::Ready(Err(words::broken(&broken, limit, ending)));
            if let Poll::Ready(Err(error)) = self.wire.poll_write(cx) {
                return broken(error);
            }
            if batch.is_full() {
                return Poll::Ready(Ok(()));
            }
            match self.wire.poll_read(cx) {
                Poll::Ready(Ok(())) => continue,
                Poll::Ready(Err(error)) => return broken(error),
                Poll::Pending if batch.is_empty() => {}
                Poll::Pending => return Poll::Ready(Ok(())),
            }
            self.reading.arena.rest();
            match self.poll_times(cx) {
                Poll::Ready(Ok(())) => {}
                pending_or_over => return pending_or_over,
            }
        }
    }

    /// Ready when a time is over, and something is to be written for it.
    fn poll_times(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SessionError>> {
        match self.pulse.poll(cx, self.wire.heard) {
            Poll::Ready(Ok(())) => {
                self.wire.output.say(b"PING\r\n");
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(Err(after)) => return Poll::Ready(Err(SessionError::Idle { after })),
            Poll::Pending => {}
        }
        let Some(consuming) = &mut self.reading.consuming else { return Poll::Pending };
        if let Beginning::Again(_, at) = &mut consuming.beginning
            && at.as_mut().poll(cx).is_ready()
        {
            consuming.give_back(&mut self.wire.output);
            return Poll::Ready(Ok(()));
        }
        if consuming.silence.as_mut().poll(cx).is_ready() {
            let name = &consuming.stream.durable;
            return Poll::Ready(Err(SessionError::Cut(format!(
                "The server lives, but says nothing more of the consumer {name}. It is looked for anew."
            ))));
        }
        Poll::Pending
    }

    /// Takes what was read until the batch is full.
    fn take(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        let Wire { input, output, heard, .. } = &mut self.wire;
        let (limit, ending) = (self.reading.max_message, self.reading.ending);
        while !batch.is_full() {
            let next = input.next().map_err(|refused| words::broken(&Broken::Refused(refused), limit, ending))?;
            let Some((op, used)) = next else { return Ok(()) };
            match op {
                Op::Message(message) => self.reading.message(&message, *heard, batch, output)?,
                Op::Ping => output.say(b"PONG\r\n"),
                Op::Pong | Op::Fine => {}
                Op::Info(json) => self.reading.info(json)?,
                Op::Error(said) => return Err(words::session_refused(&words::text(said))),
            }
            input.done(used);
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SessionError> {
        match timeout(STUCK, self.wire.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(broken)) => Err(words::broken(&broken, self.reading.max_message, self.reading.ending)),
            Err(_) => Err(SessionError::Cut("The server takes no more acknowledgements.".to_owned())),
        }
    }
}

impl Reading {
    #[inline]
    fn message(
        &mut self,
        message: &Message<'_>,
        received: Time,
        batch: &mut Batch,
        output: &mut Output,
    ) -> Result<(), SessionError> {
        let place = match &mut self.consuming {
            None => None,
            Some(consuming) => match message.reply.and_then(Place::of) {
                Some(place) => Some(place),
                None => return consuming.answer(message, self.max_message),
            },
        };
        let size = message.payload.len();
        if size > self.max_message {
            return Err(SessionError::TooBig { size: Some(size), limit: self.max_message, option: "max_message" });
        }
        let mut meta = MessageMeta { topic: Some(self.subjects.text(message.subject)), ..MessageMeta::default() };
        if !message.headers.is_empty() {
            headers::put(message.headers, &mut meta);
        }
        if let (Some(consuming), Some(place)) = (&mut self.consuming, place) {
            consuming.came(place, &mut meta, output);
            if !consuming.look {
                consuming.open.push_back(self.arena.copy(message.reply.unwrap_or_default()));
            }
        }
        batch.push(received, self.arena.copy(message.payload), Some(Box::new(meta)));
        Ok(())
    }

    /// The server tells of itself again: mostly of others that have come or gone.
    fn info(&mut self, json: &[u8]) -> Result<(), SessionError> {
        let Some(info) = Info::of(json) else { return Ok(()) };
        if !info.is_ending {
            return Ok(());
        }
        self.ending = true;
        let elsewhere: Vec<Endpoint> =
            info.connect_urls.iter().take(Memory::OTHERS).filter_map(|text| Endpoint::named(text)).collect();
        if elsewhere.is_empty() {
            // Nobody else is there: what it still sends is taken until its end.
            return Ok(());
        }
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).elsewhere = elsewhere;
        Err(words::moves_on())
    }
}

impl Consuming {
    /// Asks for messages, if fewer are open than should be.
    fn ask(&mut self, output: &mut Output) {
        let pull = match &self.beginning {
            Beginning::Over => self.pulls.next(),
            Beginning::Again(..) => self.pulls.one(),
            Beginning::GivingBack => None,
        };
        if let Some(pull) = pull {
            self.asked += 1;
            let reply = format!("{}.pull{}", self.inbox, self.asked);
            output.publish(&self.next, Some(&reply), &serde_json::to_vec(&pull).unwrap_or_default());
        }
    }

    /// A message of the stream came.
    #[inline]
    fn came(&mut self, place: Place, meta: &mut MessageMeta, output: &mut Output) {
        self.alive();
        self.pulls.came();
        meta.position = Some(Position::Offset { lane: Arc::clone(&self.lane), offset: place.sequence });
        meta.offset = Some(place.sequence);
        meta.stamp = Some(place.stamp);
        meta.redelivered = place.delivered > 1;
        if meta.redelivered {
            self.give_back(output);
        }
        if !self.whole || meta.redelivered {
            return;
        }
        if let Some(last) = self.last.filter(|last| place.sequence > last + 1)
            && self.missing.is_none()
        {
            self.missing = Some((last, place.sequence));
            let reply = format!("{}.stream", self.inbox);
            output.publish(&format!("$JS.API.STREAM.INFO.{}", self.stream.name), Some(&reply), b"");
        }
        self.last = Some(self.last.map_or(place.sequence, |last| last.max(place.sequence)));
    }

    /// The consumer gets its usual configuration back.
    fn give_back(&mut self, output: &mut Output) {
        if let Beginning::Again(config, _) = &self.beginning {
            let (subject, body) = changing(&self.stream, config);
            output.publish(&subject, Some(&format!("{}.change", self.inbox)), &body);
            self.beginning = Beginning::GivingBack;
        }
    }

    /// The server has said something of the consumer.
    #[inline]
    fn alive(&mut self) {
        let until = Instant::now() + SILENT;
        // Moved seldom: it costs more than a message.
        if until > self.silence.deadline() + SILENT / 8 {
            self.silence.as_mut().reset(until);
        }
    }

    /// What came is no message of the stream: a status, or an answer to what was asked beside.
    fn answer(&mut self, message: &Message<'_>, limit: usize) -> Result<(), SessionError> {
        let Some(about) = message.subject.strip_prefix(self.inbox.as_bytes()) else { return Ok(()) };
        let status = headers::status(message.headers);
        match about {
            b".stream" => return self.is_missing(message.payload),
            b".change" => {
                let refused = match (status, answer::<Value>(message.payload)) {
                    (None, Some(Ok(_))) => {
                        self.beginning = Beginning::Over;
                        return Ok(());
                    }
                    (None, Some(Err(error))) => words::text(error.description.as_bytes()),
                    _ => "no answer".to_owned(),
                };
                return Err(words::closed(format!(
                    "The server did not give the consumer {} its configuration back ({refused}).",
                    self.stream.durable
                )));
            }
            _ => {}
        }
        let Some(status) = status else { return Ok(()) };
        self.alive();
        match self.pulls.said(&status) {
            Meaning::GoesOn => Ok(()),
            Meaning::TooLarge => Err(SessionError::TooBig { size: None, limit, option: "max_message" }),
            Meaning::Over(sentence) => Err(words::closed(sentence)),
        }
    }

    /// Were the sequences that are missing deleted before they were read? Those that are not there at all were deleted
    /// one by one, on purpose, and are no loss.
    fn is_missing(&mut self, json: &[u8]) -> Result<(), SessionError> {
        let (Some((before, next)), Some(Ok(info))) = (self.missing.take(), answer::<StreamInfo>(json)) else {
            return Ok(());
        };
        let lost = info.state.first_seq.min(next).saturating_sub(before + 1);
        match lost {
            0 => Ok(()),
            lost => Err(words::closed(words::deleted(&self.stream.name, lost, true))),
        }
    }
}

#[async_trait]
impl Session for NatsSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        if let Some(lost) = self.reading.consuming.as_mut().and_then(|consuming| consuming.lost.take()) {
            return Err(words::closed(lost));
        }
        std::future::poll_fn(|cx| self.poll_recv(cx, batch)).await
    }

    fn acknowledges(&self) -> bool {
        self.reading.consuming.as_ref().is_some_and(|consuming| !consuming.look)
    }

    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        let Some(consuming) = &mut self.reading.consuming else { return Ok(()) };
        let more = usize::try_from(count.saturating_sub(consuming.acknowledged)).unwrap_or(usize::MAX);
        let more = more.min(consuming.open.len());
        consuming.acknowledged += more as u64;
        for reply in consuming.open.drain(..more) {
            let output = &mut self.wire.output;
            [b"PUB ", &reply[..], b" 4\r\n+ACK\r\n"].iter().for_each(|part| output.say(part));
        }
        self.flush().await
    }

    async fn close(&mut self) {
        if let Some(consuming) = self.reading.consuming.as_mut().filter(|consuming| consuming.look) {
            let subject = format!("$JS.API.CONSUMER.DELETE.{}.{}", consuming.stream.name, consuming.stream.durable);
            self.wire.output.publish(&subject, None, b"");
        }
        if let Some(consuming) = &mut self.reading.consuming {
            consuming.give_back(&mut self.wire.output);
        }
        // What was said before has arrived when this is answered.
        if super::hello::settled(&mut self.wire).await.is_ok() {
            self.wire.shut().await;
        }
    }

    fn certificate(&self) -> Option<Certificate> {
        self.certificate.clone()
    }

    fn detail(&self) -> String {
        self.detail.clone()
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(self.bytes.get())
    }

    fn last_heard(&self) -> Option<Time> {
        Some(self.wire.heard)
    }

    fn flow(&self) -> FlowControl {
        if self.acknowledges() { FlowControl::Wait } else { FlowControl::DropOldest }
    }
}
