//! One message as it came from a source.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Time;

/// What one source delivers at once: the bytes, when they came, and what the protocol said beside them.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Counts the messages of one feed from 0, in the order of receipt; given by the inbox.
    pub number: u64,
    /// Receive time, taken as soon as the message was read from its source.
    pub received: Time,
    /// The bytes.
    pub payload: Bytes,
    /// What the protocol said beside the bytes; most messages have none.
    pub meta: Option<Box<MessageMeta>>,
}

impl Message {
    /// A message without metadata.
    pub fn new(number: u64, received: Time, payload: impl Into<Bytes>) -> Message {
        Message { number, received, payload: payload.into(), meta: None }
    }

    /// Where the source would resume after this message, if it can.
    pub fn position(&self) -> Option<&Position> {
        self.meta.as_ref().and_then(|meta| meta.position.as_ref())
    }
}

/// What a protocol tells of a message beside its bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageMeta {
    /// Topic, subject, or SSE event type.
    pub topic: Option<Arc<str>>,
    /// The protocol's own identity of the message (SSE `id`, broker offset), where it was set by this very message.
    pub id: Option<Arc<str>>,
    /// Where to resume after this message.
    pub position: Option<Position>,
    /// The retained flag of MQTT.
    pub retained: bool,
}

/// Where a source would resume. Stored in the transaction of the data it stands behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// `Last-Event-ID` of server-sent events.
    EventId(Arc<str>),
}
