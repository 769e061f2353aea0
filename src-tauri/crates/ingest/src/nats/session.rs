//! One open session: messages of subscriptions, or of a consumer that is asked for more.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use feedwatch_model::{Certificate, MessageMeta, Time};
use tokio::time::timeout;

use super::consuming::{Beginning, Consuming};
use super::headers;
use super::hello::{Endpoint, Info};
use super::jetstream::Place;
use super::protocol::{Message, Op};
use super::source::Memory;
use super::subjects::Subjects;
use super::wire::{Broken, Output, Pulse, Wire};
use super::words;
use crate::SessionError;
use crate::arena::Arena;
use crate::batch::Batch;
use crate::headers::event_source;
use crate::source::{FlowControl, Session};
use crate::wire_bytes::WireBytes;

/// What is to be written and cannot be for so long: the connection is dead.
const STUCK: Duration = Duration::from_secs(5);

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
    /// The numbers of what is subscribed to, of a session that does not consume.
    pub(super) subscriptions: Vec<u64>,
    /// Messages that came before the subscriptions were confirmed, and what put an end to it.
    first: Batch,
    failed: Option<SessionError>,
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
    pub(super) fn new(max_message: usize, memory: Arc<Mutex<Memory>>) -> Reading {
        Reading {
            arena: Arena::default(),
            subjects: Subjects::new(),
            max_message,
            ending: false,
            memory,
            consuming: None,
            subscriptions: Vec::new(),
            first: Batch::default(),
            failed: None,
        }
    }

    /// A message came before the subscriptions were confirmed: it is received first. `true`: no more has room.
    pub(super) fn early(&mut self, message: &Message<'_>, received: Time) -> bool {
        let mut first = std::mem::take(&mut self.first);
        self.failed = self.message(message, received, &mut first, &mut Output::default()).err();
        self.first = first;
        self.failed.is_some() || self.first.is_full()
    }

    /// What is received before the connection is read on.
    fn first(&mut self, batch: &mut Batch) -> Option<Result<(), SessionError>> {
        if !self.first.is_empty() {
            batch.append(&mut self.first);
            return Some(Ok(()));
        }
        self.failed.take().map(Err)
    }

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
            meta.publisher = event_source(&meta.headers);
        }
        if let (Some(consuming), Some(place)) = (&mut self.consuming, place) {
            consuming.came(place, &mut meta, output);
            if !consuming.look {
                consuming.open.push_back(self.arena.copy(message.reply.unwrap_or_default()));
            }
        }
        batch.copy(received, message.payload, Some(Box::new(meta)));
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

#[async_trait]
impl Session for NatsSession {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        if let Some(lost) = self.reading.consuming.as_mut().and_then(|consuming| consuming.lost.take()) {
            return Err(words::closed(lost));
        }
        if let Some(first) = self.reading.first(batch) {
            return first;
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
        // From then on a group's messages go to others; those that are on their way to us already nobody takes any more.
        for sid in &self.reading.subscriptions {
            self.wire.output.say(format!("UNSUB {sid}\r\n").as_bytes());
        }
        // What was said before has arrived when this is answered.
        if super::hello::settled(&mut self.wire, |_| false).await.is_ok() {
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
