//! What every protocol looks like from the loop that keeps it connected.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use feedwatch_model::{Certificate, Message, MessageMeta, Protocol, Time};

use crate::{ConnectError, Resume, SessionError};

/// What happens to messages while the inbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowControl {
    /// The source does not wait and nobody sends again: the oldest messages in the inbox are forgotten, counted, and told
    /// as a gap. WebSocket, SSE.
    DropOldest,
    /// The source can wait: nothing is lost, reading pauses until there is room. Files, and brokers that keep what is
    /// not acknowledged.
    Wait,
}

/// Somewhere messages come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Opens a session, resuming behind `resume` if the protocol can.
    ///
    /// # Errors
    /// [`ConnectError`], a sentence with the cure; its `is_permanent` says whether a person must act first.
    async fn connect(&self, resume: &Resume) -> Result<Box<dyn Session>, ConnectError>;

    /// The address for people, without passwords and tokens.
    fn address(&self) -> String;

    /// What it turned out to be, where its address left that open.
    fn found(&self) -> Option<Protocol> {
        None
    }

    /// What its sessions leave for the next one.
    fn memory(&self) -> Option<Memory> {
        None
    }

    /// This source stands in the place of one that differs in its secrets alone, and goes on with its memory.
    fn take_over(&mut self, memory: Memory) {
        let _ = memory;
    }
}

/// What a source remembers over its sessions, shared with them; of each protocol another thing.
pub type Memory = Arc<dyn Any + Send + Sync>;

/// One open connection.
#[async_trait]
pub trait Session: Send {
    /// Waits for at least one message, then takes everything that can be read without waiting until the batch is full,
    /// so that a lock and a wake-up are paid once for all of them. A sign that the other side lives and has nothing new may
    /// stand in the place of a message ([`Batch::alive`]).
    ///
    /// What was put into the batch before an error, or before the future was dropped, has been received.
    ///
    /// # Errors
    /// [`SessionError`]: the session is over.
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError>;

    /// Does its broker keep messages until they are acknowledged? Then [`Session::ack`] is called, and the future of
    /// [`Session::recv`] may be dropped at any time, which must lose nothing.
    fn acknowledges(&self) -> bool {
        false
    }

    /// The first `count` messages that this session put into batches are on disk; `count` never shrinks. Only protocols
    /// that keep messages for us care. Called between two calls of [`Session::recv`], at most a few times a second.
    ///
    /// # Errors
    /// [`SessionError`]: the session is over.
    async fn ack(&mut self, count: u64) -> Result<(), SessionError> {
        let _ = count;
        Ok(())
    }

    /// Says goodbye, where the protocol has a word for it. The caller bounds the time.
    async fn close(&mut self) {}

    /// What the connection is like, for people: `TLS 1.3`.
    fn detail(&self) -> String {
        String::new()
    }

    /// The certificate by which the server has proved who it is, on an encrypted connection.
    fn certificate(&self) -> Option<Certificate> {
        None
    }

    /// When the other side was last heard, be it by a message or by a sign of life.
    fn last_heard(&self) -> Option<Time> {
        None
    }

    /// Bytes that came over the wire so far, with all that stands around the messages and as they were compressed; `None`
    /// where that cannot be known.
    fn wire_bytes(&self) -> Option<u64> {
        None
    }

    /// What happens while the inbox is full.
    fn flow(&self) -> FlowControl {
        FlowControl::DropOldest
    }
}

/// Messages read in one go. They have no number yet: the inbox gives it.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) messages: Vec<Message>,
    /// Which of the feed's endpoints is read.
    line: u8,
    bytes: usize,
    retry: Option<Duration>,
    alive: Option<Time>,
    missed: Option<Missed>,
    notice: Option<String>,
}

/// Messages that were sent to us and lost before they were ours, as the system tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// How many.
    pub count: u64,
    /// After this.
    pub from: Time,
    /// Before this.
    pub to: Time,
    /// A sentence.
    pub reason: String,
}

impl Batch {
    const MESSAGES: usize = 256;
    pub(crate) const BYTES: usize = 1 << 20;

    /// An empty one for what comes from one of the feed's endpoints.
    pub(crate) fn of_line(line: u8) -> Batch {
        Batch { line, ..Batch::default() }
    }

    /// Adds a message.
    pub fn push(&mut self, received: Time, payload: Bytes, meta: Option<Box<MessageMeta>>) {
        let message = Message { number: 0, received, payload, meta, line: self.line };
        self.bytes += message.size();
        self.messages.push(message);
    }

    /// No more should be added: 256 messages, or 1 MiB of them and of what stands beside them.
    pub fn is_full(&self) -> bool {
        self.messages.len() >= Self::MESSAGES || self.bytes >= Self::BYTES
    }

    /// Nothing was read.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn messages_mut(&mut self) -> &mut [Message] {
        &mut self.messages
    }

    /// The messages read, in order.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The server says how long to wait before connecting again.
    pub fn set_retry(&mut self, retry: Duration) {
        self.retry = Some(retry);
    }

    /// The other side was asked and has nothing new: no message, and no silence either.
    pub fn alive(&mut self, at: Time) {
        self.alive = Some(at);
    }

    /// Something a person should know that is neither a message nor the end of the connection: a sentence.
    pub fn notice(&mut self, text: String) {
        self.notice = Some(text);
    }

    /// What [`Batch::notice`] left, once.
    pub(crate) fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// What [`Batch::alive`] left, once.
    pub(crate) fn take_alive(&mut self) -> Option<Time> {
        self.alive.take()
    }

    /// What [`Batch::set_retry`] left, once.
    pub(crate) fn take_retry(&mut self) -> Option<Duration> {
        self.retry.take()
    }

    /// Puts all messages of another batch behind these.
    pub(crate) fn append(&mut self, other: &mut Batch) {
        self.bytes += std::mem::take(&mut other.bytes);
        let line = self.line;
        self.messages.extend(other.messages.drain(..).map(|message| Message { line, ..message }));
    }

    /// Messages were lost before they were ours; told behind the messages of this batch.
    pub(crate) fn set_missed(&mut self, missed: Missed) {
        self.missed = Some(missed);
    }

    pub(crate) fn has_missed(&self) -> bool {
        self.missed.is_some()
    }

    /// What [`Batch::set_missed`] left, once.
    pub(crate) fn take_missed(&mut self) -> Option<Missed> {
        self.missed.take()
    }

    /// Takes the messages out, in order; the room stays for the next ones.
    pub(crate) fn drain(&mut self, count: usize) -> std::vec::Drain<'_, Message> {
        let count = count.min(self.messages.len());
        self.bytes -= self.messages.iter().take(count).map(Message::size).sum::<usize>();
        self.messages.drain(..count)
    }
}
