//! Feeds and series: who sends, and what is charted.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::SeriesKind;

/// A feed's number: stable within a history, given in the order feeds are first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeedId(pub u32);

/// A series' number: stable within a history, unique over all feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesId(pub u32);

/// How a feed is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// RFC 6455.
    WebSocket,
    /// Server-sent events (WHATWG HTML, section 9.2).
    Sse,
    /// A capture, read whole.
    File,
    /// MQTT 3.1.1 and 5 (OASIS).
    Mqtt,
    /// NATS, core and JetStream.
    Nats,
    /// Apache Kafka.
    Kafka,
    /// AMQP 0-9-1: RabbitMQ.
    Amqp,
    /// HTTP, asked again and again.
    Poll,
    /// HTTP, told by others.
    Webhook,
    /// A file that grows, followed over its rotation.
    Tail,
    /// Lines of standard input, TCP or UDP.
    Lines,
}

impl Protocol {
    /// Every one of them.
    pub const ALL: [Protocol; 11] = [
        Protocol::WebSocket,
        Protocol::Sse,
        Protocol::File,
        Protocol::Mqtt,
        Protocol::Nats,
        Protocol::Kafka,
        Protocol::Amqp,
        Protocol::Poll,
        Protocol::Webhook,
        Protocol::Tail,
        Protocol::Lines,
    ];

    /// Does its broker keep messages until they are acknowledged, without numbers by which they could be known again?
    pub const fn is_acknowledged(self) -> bool {
        matches!(self, Protocol::Mqtt | Protocol::Amqp)
    }

    /// The word in configuration, JSON and window.
    pub const fn word(self) -> &'static str {
        match self {
            Protocol::WebSocket => "websocket",
            Protocol::Sse => "sse",
            Protocol::File => "file",
            Protocol::Mqtt => "mqtt",
            Protocol::Nats => "nats",
            Protocol::Kafka => "kafka",
            Protocol::Amqp => "amqp",
            Protocol::Poll => "poll",
            Protocol::Webhook => "webhook",
            Protocol::Tail => "tail",
            Protocol::Lines => "lines",
        }
    }
}

/// Where a feed's connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// The first connection, or another try, is under way.
    #[default]
    Connecting,
    /// Messages can come.
    Live,
    /// The connection is open, but nothing came for longer than usual.
    Silent,
    /// The connection is lost; the next try is waited for.
    Down,
    /// It cannot work without a person (bad credentials, wrong address); it is still tried, slowly.
    Refused,
    /// Stopped by the operator, or ended by the source.
    Stopped,
}

/// What is known of a series beside its samples. (`feed`, `path`, `key`) is its identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesMeta {
    /// The series' number.
    pub id: SeriesId,
    /// The feed it comes from.
    pub feed: FeedId,
    /// For people: `BTC-USD.price`. Unique within the feed.
    pub name: Arc<str>,
    /// Where its values stand in the messages: a JSON pointer, `*` for any array element.
    pub path: Arc<str>,
    /// The keys that tell its entity: (path, text) pairs, empty where the feed has one entity only.
    pub key: Vec<(Arc<str>, Arc<str>)>,
    /// The unit, where the name says it.
    pub unit: Option<Arc<str>>,
    /// What sort of series it is.
    pub kind: SeriesKind,
}
