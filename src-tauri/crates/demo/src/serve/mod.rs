//! Servers on loopback that publish frames to whoever connects: WebSocket and Server-Sent Events over one [`Publisher`].
//!
//! ```text
//! Publisher::publish / deliver  ->  one bounded queue per client  ->  the client's task  ->  the kernel (counted there)
//! ```
//!
//! A client that hangs up, hangs, or speaks nonsense costs nobody else anything. A [`Caller`] is the other way round: it brings
//! messages to whoever listens.

mod caller;
mod client;
mod counting;
mod listen;
mod publisher;
mod sse;
#[cfg(test)]
mod tests;
mod websocket;

pub(crate) use caller::{Caller, Hook};
pub(crate) use client::{Door, Ending};
pub(crate) use listen::{Server, bind};
pub(crate) use publisher::{Limits, Publisher};
pub(crate) use sse::{EVENTS_PATH, Sse};
pub(crate) use websocket::WebSocket;
