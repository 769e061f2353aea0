//! Sources of messages and the one loop that keeps them connected.
//!
//! A [`Source`] connects and gives a [`Session`]; [`supervise`] is the only loop that connects again; what came waits in
//! the feed's [`Inbox`], bounded by messages and by bytes, until the pipeline drains it. Nothing here looks into a
//! payload, except that a capture's MQTT envelope is opened.
//!
//! ```
//! use std::sync::Arc;
//!
//! use feedwatch_ingest::{Backoff, FileSource, Inbox, InboxLimits, Resume, supervise};
//! use feedwatch_model::Time;
//! use tokio_util::sync::CancellationToken;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let clock = || Time::from_nanos(0); // the engine has the real one
//! let inbox = Inbox::new(InboxLimits::default(), Arc::new(|| { /* wake the pipeline */ }));
//! let source = Arc::new(FileSource::new("no-such-capture.jsonl", clock));
//! let stop = CancellationToken::new();
//! stop.cancel(); // a real feed runs until somebody stops it
//! supervise(source, inbox.clone(), Resume::default(), Backoff::default(), clock, stop).await;
//!
//! let mut events = Vec::new();
//! while inbox.drain(1024, |event| events.push(event)) > 0 {}
//! # });
//! ```

mod acks;
pub mod address;
mod amqp;
mod arbiter;
mod arena;
mod backoff;
mod base64;
mod batch;
mod bell;
pub mod capture;
mod certificate;
mod cutter;
mod dial;
mod endpoints;
mod error;
mod headers;
mod inbox;
mod kafka;
mod line;
mod lines;
mod login;
mod mqtt;
mod nats;
mod platform;
mod poll;
mod reason;
mod renewed;
mod resume;
mod secret;
mod source;
mod sse;
mod supervise;
mod tail;
#[cfg(test)]
mod testkit;
mod tls;
mod web;
mod webhook;
mod websocket;
mod wire_bytes;

pub use acks::Kept;
pub use address::{Address, AddressError, is_secret, redact};
pub use amqp::{AmqpOptions, AmqpQueue, AmqpSource};
pub use arbiter::{LineCounters, MAX_LINES};
pub use backoff::Backoff;
pub use batch::{Batch, Missed};
pub use bell::Bell;
pub use capture::{Capture, CaptureError, FileSource};
pub use dial::{Hop, Proxy, ProxyError};
pub use endpoints::{DrillOrder, Drilled, Endpoint, EndpointMode, EndpointRules, EndpointSet, supervise_endpoints};
pub use error::{ConnectError, SessionError};
pub use inbox::{Event, Inbox, InboxCounters, InboxLimits, Shut};
pub use kafka::{KafkaOptions, KafkaRole, KafkaSasl, KafkaServers, KafkaSource, KafkaStart, ServersError};
pub use lines::{Framing, LinesOptions, LinesPlace, LinesSource, PlaceError, offer_standard_input};
pub use login::Login;
pub use mqtt::{MqttOptions, MqttSource, MqttTopic, MqttVersion, wrong_mqtt_filter};
pub use nats::{NatsOptions, NatsRead, NatsSource, NatsStart, NatsStream};
pub use poll::{PollOptions, PollSource};
pub use renewed::{Renewal, RenewedSource};
pub use resume::Resume;
pub use secret::Secret;
pub use source::{FlowControl, Memory, Session, Source};
pub use sse::{Parser as SseParser, SseEvent, SseOptions, SseSource, TooBig as SseTooBig};
pub use supervise::supervise;
pub use tail::{TailOptions, TailSource, TailStart, outlived_lanes};
pub use tls::TlsFiles;
pub use web::{EventsOrPoll, HttpOptions};
pub use webhook::{WebhookOptions, WebhookSource};
pub use websocket::{WebSocketOptions, WebSocketSource};

/// Where the time comes from: the engine's one clock.
pub type Clock = fn() -> feedwatch_model::Time;

/// The largest message that is taken from a feed unless its options say otherwise: 16 MiB.
pub const MAX_MESSAGE: usize = 16 << 20;
