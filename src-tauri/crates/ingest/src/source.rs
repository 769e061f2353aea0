//! What every protocol looks like from the loop that keeps it connected.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use feedwatch_model::{Certificate, Protocol, Time};

use crate::{Batch, ConnectError, Resume, SessionError};

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
