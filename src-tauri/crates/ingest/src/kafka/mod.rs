//! Apache Kafka, through librdkafka.
//!
//! A thread of its own polls the library and hands messages over, bounded by messages and bytes; the session takes them
//! from there. Offsets are committed only for what is on disk (`enable.auto.commit` and `enable.auto.offset.store` are
//! off). librdkafka reconnects by itself: the session ends when all brokers are out of reach, so that the outage is seen,
//! and [`supervise`](crate::supervise) connects anew.
//!
//! Where a partition is begun is asked for explicitly and never left to the library, which would pass over deleted
//! messages in silence: see [`start`]. Partitions come and go with the group's rebalances (cooperative-sticky): before one
//! is given up, what of it is on its way to the disk is waited for and committed, for at most 2 s; after that nothing of it
//! is acknowledged.
//!
//! Bounds: an answer of a broker is refused before it is allocated if it is larger than [`KafkaOptions::max_message`] and
//! 9 MiB; zstd is inflated within the same bound, gzip, LZ4 and Snappy to what the batch needs.
//!
//! Without the feature `kafka` the source exists and says that this build has none.

#[cfg(feature = "kafka")]
mod begin;
#[cfg(feature = "kafka")]
mod client;
#[cfg(feature = "kafka")]
mod desk;
#[cfg(feature = "kafka")]
mod group;
#[cfg(feature = "kafka")]
mod message;
#[cfg(test)]
#[cfg(feature = "kafka")]
mod mocked;
mod servers;
#[cfg(feature = "kafka")]
mod session;
#[cfg(feature = "kafka")]
mod settings;
#[cfg(test)]
#[cfg(feature = "kafka")]
mod tests;
#[cfg(feature = "kafka")]
mod words;

use std::time::Duration;

use feedwatch_model::Time;

pub use self::servers::{KafkaServers, ServersError};
#[cfg(feature = "kafka")]
pub use self::session::KafkaSource;
use crate::{Login, MAX_MESSAGE, TlsFiles};

/// How to read topics of Kafka.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// Some brokers of the cluster, and whether TLS is spoken.
    pub servers: KafkaServers,
    /// Topics; one that begins with `^` is a regular expression, as librdkafka reads it. Of [`KafkaRole::Look`] too.
    pub topics: Vec<String>,
    /// As what it reads.
    pub role: KafkaRole,
    /// Where a partition is begun of which neither the group nor the history knows anything.
    pub start: KafkaStart,
    /// How user and password are proven; `None`: there is no login.
    pub sasl: Option<KafkaSasl>,
    /// User and password.
    pub login: Login,
    /// Files for TLS.
    pub tls: TlsFiles,
    /// The largest message in bytes.
    pub max_message: usize,
    /// From the first packet until topics and group are known to be there.
    pub connect_timeout: Duration,
}

impl KafkaOptions {
    /// With every default; still without topics.
    pub fn new(servers: KafkaServers, role: KafkaRole) -> KafkaOptions {
        KafkaOptions {
            servers,
            topics: Vec::new(),
            role,
            start: KafkaStart::default(),
            sasl: None,
            login: Login::default(),
            tls: TlsFiles::default(),
            max_message: MAX_MESSAGE,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// As what topics are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaRole {
    /// As a member of this consumer group: partitions are shared with its other members, and it remembers how far they are.
    Member {
        /// The group's name.
        group: String,
    },
    /// The latest messages of each partition and what comes: no group, nothing is left behind.
    Look,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KafkaStart {
    /// With the oldest message that is kept.
    Earliest,
    /// With what comes.
    #[default]
    Latest,
    /// With the first message that is as new as this, by the broker's time of messages.
    At(Time),
}

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaSasl {
    /// RFC 4616: the password is sent as it is.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

impl KafkaSasl {
    /// Every one of them.
    pub const ALL: [KafkaSasl; 3] = [KafkaSasl::Plain, KafkaSasl::ScramSha256, KafkaSasl::ScramSha512];

    /// The word in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            KafkaSasl::Plain => "plain",
            KafkaSasl::ScramSha256 => "scram-sha-256",
            KafkaSasl::ScramSha512 => "scram-sha-512",
        }
    }
}

#[cfg(not(feature = "kafka"))]
mod absent {
    use async_trait::async_trait;

    use super::KafkaOptions;
    use crate::source::{Session, Source};
    use crate::{Clock, ConnectError, Resume};

    /// The source of a build without Kafka.
    #[derive(Debug)]
    pub struct KafkaSource(KafkaOptions);

    impl KafkaSource {
        /// Says so when it is to connect.
        pub fn new(options: KafkaOptions, _: Clock) -> KafkaSource {
            KafkaSource(options)
        }
    }

    #[async_trait]
    impl Source for KafkaSource {
        async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
            let said =
                "This build of Feedwatch has no Kafka. Build it with the feature `kafka`, which is on by default.";
            Err(ConnectError::Options(said.to_owned()))
        }

        fn address(&self) -> String {
            self.0.servers.to_string()
        }
    }
}

#[cfg(not(feature = "kafka"))]
pub use self::absent::KafkaSource;
