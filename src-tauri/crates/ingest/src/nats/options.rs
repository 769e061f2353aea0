//! How to reach subjects and streams.

use std::net::IpAddr;
use std::time::Duration;

use feedwatch_model::Time;

use crate::headers::percent_decoded;
use crate::{Login, MAX_MESSAGE, Proxy, Secret, TlsFiles};

/// How to reach subjects and streams.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// The server's name or number.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Encrypted: `nats+tls`.
    pub encrypted: bool,
    /// Authorities and a client certificate of one's own.
    pub tls: TlsFiles,
    /// Through which proxy.
    pub proxy: Proxy,
    /// Who we are: user and password, or a token.
    pub login: Login,
    /// A credentials file's text: a user's JWT and the seed of its key.
    pub creds: Option<Secret>,
    /// The seed of a user's key (`SU…`).
    pub nkey: Option<Secret>,
    /// What is read: subjects, with `*` for a word and a last `>` for all that follows. Of a stream it may be empty: all of it.
    pub subjects: Vec<String>,
    /// As what it is read.
    pub read: NatsRead,
    /// The largest message in bytes.
    pub max_message: usize,
    /// After so long without a byte the server is asked for a sign of life; after as long again it is taken for dead.
    pub ping_interval: Duration,
    /// Name, connection, encryption, login and subscription together.
    pub connect_timeout: Duration,
    /// A look: nothing is acknowledged, taken away from others, or left behind.
    pub look: bool,
    /// The address for people.
    pub shown: String,
}

/// As what subjects are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NatsRead {
    /// Whatever comes while we listen.
    Core {
        /// Shares the messages with the other members of this group.
        queue: Option<String>,
    },
    /// From a stream of JetStream, which keeps messages until they are acknowledged.
    Stream(NatsStream),
}

/// A stream of JetStream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsStream {
    /// Its name.
    pub name: String,
    /// The name of the durable consumer, which remembers how far we are.
    pub durable: String,
    /// Others may read the same consumer: each gets a part.
    pub shared: bool,
    /// Where a consumer of ours begins that is not there yet, if the history knows nothing either.
    pub start: NatsStart,
    /// Messages that are handed out before the first of them is acknowledged.
    pub max_ack_pending: u16,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NatsStart {
    /// With the oldest message that is kept.
    Earliest,
    /// With what comes.
    #[default]
    Latest,
    /// With the first message that is as new as this, by the server's time.
    At(Time),
}

impl NatsOptions {
    /// Messages that a look takes of a stream's past at most.
    pub const LOOK: u64 = 100;
    /// What is handed out ahead unless the options say otherwise. What a transaction of the history has is acknowledged, at
    /// most four times a second: a feed cannot be faster than four times this a second.
    pub const MAX_ACK_PENDING: u16 = 8_000;

    /// The options of subjects that need nothing but their address; port 4222.
    pub fn new(host: impl Into<String>, subjects: Vec<String>) -> NatsOptions {
        let host = host.into();
        NatsOptions {
            shown: format!("nats://{host}"),
            host,
            port: 4222,
            encrypted: false,
            tls: TlsFiles::default(),
            proxy: Proxy::default(),
            login: Login::default(),
            creds: None,
            nkey: None,
            subjects,
            read: NatsRead::Core { queue: None },
            max_message: MAX_MESSAGE,
            ping_interval: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            look: false,
        }
    }

    /// What stands before the `@` of an address, percent-encoded: user and password, or a token alone.
    pub fn login_of(user: &str, password: Option<&str>) -> Login {
        let decoded = |text: &str| String::from_utf8_lossy(&percent_decoded(text)).into_owned();
        match password {
            Some(password) => {
                Login { user: Some(decoded(user)), password: Some(Secret::new(decoded(password))), token: None }
            }
            None => Login { token: Some(Secret::new(decoded(user))), ..Login::default() },
        }
    }
}

/// Is this a number and no name?
pub(super) fn is_number(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}
