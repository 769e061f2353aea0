//! AMQP 0-9-1, as RabbitMQ speaks it.
//!
//! A queue that is there already is consumed as it is; a queue of our own is bound to an exchange by routing keys. A
//! message is acknowledged when it is on disk, many at once. What is not acknowledged when a session ends comes once more,
//! flagged as redelivered. The client library connects nothing again; the bytes under it are watched (see [`wire`]), so
//! that a message is refused by its announced size and not by its arrival.
//!
//! | bounded | by |
//! |---|---|
//! | a message | `max_message`, before it is read |
//! | messages the broker hands out ahead | `prefetch` |
//! | bytes that wait in the library | 64 MiB, or two messages of the largest size; then the socket is not read |
//! | headers of a message | 100; names and values cut at 8 KiB; tables within tables: 32 levels, deeper ones are refused |

mod frames;
mod options;
mod said;
mod session;
mod setup;
mod source;
mod tables;
mod trouble;
mod wire;

pub use options::{AmqpOptions, AmqpQueue};
pub use source::AmqpSource;

#[cfg(test)]
mod tests;
