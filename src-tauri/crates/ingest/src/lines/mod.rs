//! Lines of whoever sends them: a TCP server, TCP clients that come to us, datagrams, our own standard input.
//!
//! | address | what becomes of it |
//! |---|---|
//! | `tcp://host:port`, `tcp+tls://host:port` | connects; every line is a message |
//! | `tcp-listen://127.0.0.1:port` | listens there; every line of every client is a message |
//! | `udp://127.0.0.1:port` | listens there; every line of every datagram is a message, or every datagram |
//! | `stdin:` | reads its own standard input to its end |
//!
//! Whoever listens beyond this computer knows who may send: for TCP the first line of a connection must be the token, for
//! UDP senders stand in a list. The sender's address stands with each message as the header `peer`.
//!
//! A line feed ends a line, a carriage return before it is no part of it, blank lines are no messages. A line that is longer
//! than allowed, or that had no end when its connection ended, is counted as unreadable. Nobody sends again, so nothing
//! here waits: what does not fit into the inbox is told. Standard input is the exception: it can wait.
//!
//! Bounds: 64 clients at once, each with a line of at most `max_message`; the system's own queue of datagrams, whose losses
//! are asked for every second where it tells them (Linux).

mod client;
mod datagrams;
mod input;
mod listener;
mod peer;
mod place;
mod source;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

pub use input::offer_standard_input;
use ipnet::IpNet;
pub use place::{LinesPlace, PlaceError};
pub use source::LinesSource;

use crate::{Proxy, Secret, TlsFiles};

/// What ends a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// A line feed.
    #[default]
    Newline,
    /// The end of the datagram.
    Datagram,
}

/// Where lines come from, and what is allowed.
#[derive(Clone, Debug)]
pub struct LinesOptions {
    /// Where.
    pub place: LinesPlace,
    /// What ends a message.
    pub framing: Framing,
    /// What the first line of a connection must be; to a server it is sent.
    pub token: Option<Secret>,
    /// Whom to trust at `tcp+tls://`, and who we are.
    pub tls: TlsFiles,
    /// Through which proxy a server is reached.
    pub proxy: Proxy,
    /// Whose connections or datagrams are taken where we listen; empty: everybody's.
    pub allow: Vec<IpNet>,
    /// Lines to send as soon as a connection to a server is open, in this order.
    pub subscribe: Vec<String>,
    /// The longest line in bytes.
    pub max_message: usize,
    /// Name, TCP, TLS and subscribing together.
    pub connect_timeout: Duration,
    /// No byte for so long, and a connection is taken for dead. `None`: never; TCP itself asks every minute.
    pub idle_timeout: Option<Duration>,
}

impl LinesOptions {
    /// The longest line unless it is said otherwise: 1 MiB, as 64 clients may each have one under way.
    pub const MAX_MESSAGE: usize = 1 << 20;

    /// What a feed has that needs nothing but its address.
    pub fn new(place: LinesPlace) -> LinesOptions {
        LinesOptions {
            place,
            framing: Framing::default(),
            token: None,
            tls: TlsFiles::default(),
            proxy: Proxy::default(),
            allow: Vec::new(),
            subscribe: Vec::new(),
            max_message: LinesOptions::MAX_MESSAGE,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: None,
        }
    }

    /// May this address send?
    fn allows(&self, from: std::net::IpAddr) -> bool {
        let from = from.to_canonical();
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(&from))
    }
}
