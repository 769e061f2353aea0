//! How to reach a queue.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::headers::percent_decoded;
use crate::{Login, MAX_MESSAGE, Proxy, Secret, TlsFiles};

/// How to reach a queue.
#[derive(Clone, Debug)]
pub struct AmqpOptions {
    /// The broker's name or number.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Encrypted: `amqps`.
    pub encrypted: bool,
    /// Authorities and a client certificate of one's own.
    pub tls: TlsFiles,
    /// Through which proxy.
    pub proxy: Proxy,
    /// Who we are. Without a user a client certificate says it (SASL EXTERNAL); without that too it is `guest`, whom
    /// RabbitMQ takes from its own computer only.
    pub login: Login,
    /// The virtual host.
    pub vhost: String,
    /// What is read.
    pub queue: AmqpQueue,
    /// How many messages the broker hands out before the first of them is acknowledged.
    pub prefetch: u16,
    /// How often each side shows that it lives; after two of them without a byte the connection is taken for dead. Whole
    /// seconds; the broker may want it shorter.
    pub heartbeat: Duration,
    /// The largest message in bytes.
    pub max_message: usize,
    /// Name, connection, encryption, login and queue together.
    pub connect_timeout: Duration,
    /// A look: nothing is acknowledged, and nothing is left behind. Of a queue that is there already at most
    /// [`AmqpOptions::LOOK`] messages are taken, which go back to it.
    pub look: bool,
    /// The same queue of our own may be read over another connection of ours meanwhile: each gets a part.
    pub in_turns: bool,
    /// The address for people.
    pub shown: String,
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AmqpQueue {
    /// A queue that somebody else has made. It is never declared.
    Existing(String),
    /// A queue of our own, durable, without a limit of its length. A look makes one that ends with it.
    Bound {
        /// Its name.
        name: String,
        /// The exchange from which it gets messages; it must be there.
        exchange: String,
        /// Which of them; for a topic exchange with `*` for a word and `#` for any number of them.
        routing_keys: Vec<String>,
        /// Unused for so long it is deleted by the broker with all that is in it. `None`: never.
        expires: Option<Duration>,
    },
}

impl AmqpOptions {
    /// Messages that a look takes from a queue at most.
    pub const LOOK: u16 = 100;
    /// What the broker hands out ahead unless the options say otherwise. What a transaction of the history has is
    /// acknowledged, at most four times a second: a feed cannot be faster than four times this a second.
    pub const PREFETCH: u16 = 4_000;

    /// The options of a queue that needs nothing but its address; `guest` on port 5672.
    pub fn new(host: impl Into<String>, queue: AmqpQueue) -> AmqpOptions {
        let host = host.into();
        AmqpOptions {
            shown: format!("amqp://{host}"),
            host,
            port: 5672,
            encrypted: false,
            tls: TlsFiles::default(),
            proxy: Proxy::default(),
            login: Login::default(),
            vhost: "/".to_owned(),
            queue,
            prefetch: AmqpOptions::PREFETCH,
            heartbeat: Duration::from_secs(30),
            max_message: MAX_MESSAGE,
            connect_timeout: Duration::from_secs(10),
            look: false,
            in_turns: false,
        }
    }

    /// User and password as they stand in an address, percent-encoded.
    pub fn login_of(user: &str, password: &str) -> Login {
        let decoded = |text: &str| String::from_utf8_lossy(&percent_decoded(text)).into_owned();
        Login { user: Some(decoded(user)), password: Some(Secret::new(decoded(password))), token: None }
    }

    /// `host:5672`, for sentences.
    pub(super) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Without the brackets of an IPv6 address.
    pub(super) fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// Is the broker on this computer?
    pub(super) fn is_loopback(&self) -> bool {
        match self.bare_host().parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }
}

impl AmqpQueue {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            AmqpQueue::Existing(name) | AmqpQueue::Bound { name, .. } => name,
        }
    }
}

impl fmt::Display for AmqpQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
