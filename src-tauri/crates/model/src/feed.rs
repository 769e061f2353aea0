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
}

impl Protocol {
    /// The word in configuration, JSON and window.
    pub const fn word(self) -> &'static str {
        match self {
            Protocol::WebSocket => "websocket",
            Protocol::Sse => "sse",
            Protocol::File => "file",
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
