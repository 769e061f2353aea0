//! The tables of brokers and of what listens: one file each, with the struct, how it is read, written, shown, and made a
//! source of.
//!
//! What brokers share is in [`access`]: who we are there, and whom we trust. What HTTP has in common is in [`http`].

pub(super) mod access;
mod amqp;
mod http;
pub(super) mod kafka;
mod poll;
mod proxy;
mod webhook;

pub use access::Access;
pub use amqp::AmqpConfig;
pub use http::HttpConfig;
pub use kafka::KafkaConfig;
pub use poll::PollConfig;
pub use proxy::ProxyConfig;
pub use webhook::WebhookConfig;
