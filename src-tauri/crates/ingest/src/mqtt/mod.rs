//! MQTT 5 and 3.1.1, as a subscriber: over TCP or WebSocket, with TLS or without.
//!
//! The packets are read and written by the codecs of the client library; the connection under them is ours, so that TLS is
//! our rustls, a packet is refused by the length it announces, nothing connects again unseen, and the broker's session may
//! be an older one than this process. Specifications: OASIS MQTT 5.0 and MQTT 3.1.1; sections below are those of 5.0.
//!
//! With a topic of QoS 1 or 2 the session is a persistent one: messages are acknowledged (PUBACK, PUBREC) in their order
//! when they are on disk, and the broker keeps what comes meanwhile. With QoS 0 alone it is a clean one, and what comes
//! during an outage is lost. A look is always a clean one of QoS 0 under a name made for it, and reads the topic of a shared
//! subscription as any other, so that it takes nothing from its group.
//!
//! Topics are subscribed to at every connect to an MQTT 5 broker, and to one of 3.1.1 whenever it has no session of ours: a
//! broker that was restarted knows of none, and would be silent for ever. Retained messages come with a new subscription;
//! MQTT 5 is asked not to repeat them for one that it has.
//!
//! The largest packet is not told to the broker (section 3.1.2.11.4): it would discard a larger one without a word. One that
//! comes ends the session with the cure.
//!
//! A last will is a message of its topic as any other: the broker does not say which messages are wills.
//!
//! | bounded | by |
//! |---|---|
//! | a message | `max_message`, before it is read; topic and properties 320 KiB more |
//! | properties of a message, any other packet | 256 KiB |
//! | messages that are not acknowledged | `receive_maximum`; with 3.1.1 what the broker has |
//! | headers of a message | 100; names and values cut at 8 KiB |
//! | topics that are remembered | 4,096 of at most 256 bytes |
//! | answers that wait to be written | 64 times what one reading of the socket brings |

mod acks;
mod frames;
mod line;
mod options;
mod packets;
mod pen;
mod said;
mod session;
mod setup;
mod source;
mod topics;
mod trouble;
mod ws;

pub use options::{MqttOptions, MqttTopic, MqttVersion};
pub use source::MqttSource;
pub use topics::wrong_filter as wrong_mqtt_filter;

#[cfg(test)]
mod tests;
