//! NATS: subjects of the core, and streams of JetStream.
//!
//! The client is ours, since the protocol is small (lines, <https://docs.nats.io/reference/reference-protocols/nats-protocol>)
//! and what `async-nats` 0.51 does with it cannot be bounded from outside: its buffer grows until a line ends and until an
//! announced payload is whole, the line `-ERR` without a text and a payload of 2⁶⁴ bytes make its task panic, and what does not
//! fit into a subscription's channel is forgotten. Here a message is refused by its announced size, the socket is read as
//! fast as messages are taken, and nothing connects again unseen. In tests `async-nats` is the other side.
//!
//! **Core.** Whoever listens gets what comes; nothing is kept for us. In a queue group each message goes to one member.
//!
//! **JetStream.** A durable pull consumer of our own (marked by its description) or one that somebody else made. A message is
//! acknowledged when it is on disk, each by itself (`AckPolicy::Explicit`): an acknowledgement that stands for all before it
//! would also forget what another reader of the consumer has not stored yet. What was handed out and not acknowledged comes
//! once more. The server would wait for `ack_wait` (30 s) and send what is new meanwhile; so a session begins by lowering
//! `ack_wait` and `max_ack_pending` for a moment, which makes it send those first and in their order (see [`attach`]).
//! Messages are known by stream and sequence. A stream that was made anew gets a lane of its own (see [`lane`]); what a
//! stream has deleted unread ends the session with a sentence, and is a gap.
//!
//! | bounded | by |
//! |---|---|
//! | a line of the server | 64 KiB |
//! | a message; its headers | `max_message`, read whole up to 1 MiB; 1 MiB: refused as announced |
//! | read ahead | 128 KiB, or one message |
//! | messages handed out and not acknowledged | `max_ack_pending`, at most 8,192; bytes asked for at once: 16 MiB or one message |
//! | headers that are kept of a message | 100; names and values cut at 8 KiB |

mod attach;
mod consuming;
mod headers;
mod hello;
mod holes;
mod jetstream;
mod lane;
mod login;
mod options;
mod protocol;
mod pulls;
mod session;
mod source;
mod subjects;
mod wire;
mod words;

pub use options::{NatsOptions, NatsRead, NatsStart, NatsStream};
pub use source::NatsSource;

#[cfg(test)]
mod tests;
