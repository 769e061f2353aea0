//! The tables of brokers and of what listens: one file each, with the struct, how it is read, written, shown, and made a
//! source of.
//!
//! What brokers share is in [`access`]: who we are there, and whom we trust. What HTTP has in common is in [`http`].

pub(super) mod access;
mod amqp;
mod broker;
mod http;
pub(super) mod kafka;
mod lines;
mod mqtt;
mod nats;
mod poll;
mod proxy;
pub(crate) mod tail;
mod webhook;

pub use access::Access;
pub use amqp::AmqpConfig;
pub use http::HttpConfig;
pub use kafka::KafkaConfig;
pub use lines::LinesConfig;
pub use mqtt::MqttConfig;
pub use nats::NatsConfig;
pub use poll::PollConfig;
pub use proxy::ProxyConfig;
pub use tail::TailConfig;
pub use webhook::WebhookConfig;
