//! The tables of brokers and of what listens: one file each, with the struct, how it is read, written, shown, and made a
//! source of.
//!
//! What they share is in [`access`]: who we are at a broker, and whom we trust.

mod access;
mod amqp;
pub(super) mod kafka;
mod mqtt;

pub use access::Access;
pub use amqp::AmqpConfig;
pub use kafka::KafkaConfig;
pub use mqtt::MqttConfig;
