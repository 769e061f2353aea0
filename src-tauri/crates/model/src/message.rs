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
    /// Which of the feed's endpoints it came from: 0 for the preferred one.
    pub line: u8,
}

impl Message {
    /// A message without metadata.
    pub fn new(number: u64, received: Time, payload: impl Into<Bytes>) -> Message {
        Message { number, received, payload: payload.into(), meta: None, line: 0 }
    }

    /// Bytes that are held for it: its payload, and the text beside it ([`MessageMeta::size`]).
    #[inline]
    pub fn size(&self) -> usize {
        match &self.meta {
            None => self.payload.len(),
            Some(meta) => self.payload.len() + meta.size(),
        }
    }

    /// Where the source would resume after this message, if it can.
    pub fn position(&self) -> Option<&Position> {
        self.meta.as_ref().and_then(|meta| meta.position.as_ref())
    }
}

/// Among [`MessageMeta::headers`]: the header of the CSV that the message and those behind it are records of, where its
/// first line is known apart from them.
pub const CSV_HEADER: &str = "csv-header";

/// What a protocol tells of a message beside its bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageMeta {
    /// Topic, subject, routing key, or SSE event type.
    pub topic: Option<Arc<str>>,
    /// The protocol's own identity of the message (SSE `id`, AMQP `message_id`), where it was set by this very message.
    pub id: Option<Arc<str>>,
    /// Where to resume after this message.
    pub position: Option<Position>,
    /// Kafka's key, as text; what is no UTF-8 is replaced by U+FFFD.
    pub key: Option<Arc<str>>,
    /// Headers or properties, in the order of the message: name and text.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// Who has sent it, where the transport or the message's own standard says so: the user or application of AMQP, the
    /// source of a CloudEvent, the address that a webhook was called from.
    pub publisher: Option<Arc<str>>,
    /// The partition of a topic.
    pub partition: Option<i32>,
    /// The broker's own number of the message within its partition, stream or queue.
    pub offset: Option<u64>,
    /// When the broker took it in, or its publisher says to have sent it.
    pub stamp: Option<Time>,
    /// The retained flag of MQTT: the last message of its topic, sent before we came.
    pub retained: bool,
    /// The broker keeps it until we acknowledge it, and has no number by which it could be known again (AMQP, MQTT with
    /// QoS 1 and 2).
    pub awaits_ack: bool,
    /// The broker says that it may have sent this message before (AMQP `redelivered`, MQTT `DUP`, JetStream's delivery
    /// count).
    pub redelivered: bool,
    /// The value of its key was deleted: a message without a payload (Kafka's tombstone).
    pub deleted: bool,
    /// The payload is only the beginning of the message; it is not read.
    pub cut: Option<Cut>,
}

impl MessageMeta {
    /// Bytes of the text in it that the other side chose. Text that several messages share counts for each; the lane of a
    /// position, which is ours and shared by most, does not.
    #[inline]
    pub fn size(&self) -> usize {
        let length = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        let event_id = match &self.position {
            Some(Position::EventId(id)) => id.len(),
            _ => 0,
        };
        let headers: usize = self.headers.iter().map(|(name, text)| name.len() + text.len()).sum();
        length(&self.topic) + length(&self.id) + length(&self.key) + length(&self.publisher) + event_id + headers
    }
}

/// Why only the beginning of a message is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It has so many bytes, more than are allowed.
    TooLarge {
        /// Of the whole message.
        bytes: u64,
    },
    /// The connection ended in the middle of it.
    Unfinished,
}

/// Where a source would resume. Stored in the transaction of the data it stands behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// `Last-Event-ID` of server-sent events.
    EventId(Arc<str>),
    /// The broker's own number of a message. Each lane has a position of its own.
    Offset {
        /// What is numbered by itself: `topic/partition` of Kafka, the stream of JetStream, the file that is followed.
        lane: Arc<str>,
        /// The number of the message itself, not of the next.
        offset: u64,
    },
}

impl Position {
    /// What is numbered by itself; empty where there is only one.
    pub fn lane(&self) -> &str {
        match self {
            Position::EventId(_) => "",
            Position::Offset { lane, .. } => lane,
        }
    }
}
