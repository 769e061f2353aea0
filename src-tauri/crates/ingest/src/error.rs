//! Why a feed has no connection: sentences an operator can act on.

use std::time::Duration;

/// Why no connection could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// What was configured cannot be used: a header, an address, a file. Nothing was sent.
    #[error("{0}")]
    Options(String),
    /// No connection on the level of the network: the name, the port, the way.
    #[error("{0}")]
    Network(String),
    /// The name, the connection, encryption and the first answer together took too long.
    #[error("{host} did not answer within {}. Check the address and this computer's network.", seconds(*.after))]
    TimedOut {
        /// Who was asked.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// The server could not prove who it is.
    #[error(
        "The server's certificate is not trusted: {0}. Check this computer's clock and its certificate authorities (CA). \
         Feedwatch never connects without checking it."
    )]
    Certificate(String),
    /// Encryption could not be agreed upon for another reason.
    #[error("No encrypted connection could be made: {0}.")]
    Tls(String),
    /// The server answered with an HTTP status that is not the wanted one.
    #[error("{sentence}")]
    Status {
        /// The status.
        status: u16,
        /// What it means here, and the cure.
        sentence: String,
        /// It will be the same next time unless a person does something.
        permanent: bool,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The server answers, but not what this protocol asks for.
    #[error("{0}")]
    Protocol(String),
    /// The server says that there is nothing more to come, ever.
    #[error("{0}")]
    Ended(String),
}

impl ConnectError {
    /// Will it be the same next time unless a person does something?
    pub fn is_permanent(&self) -> bool {
        match self {
            ConnectError::Options(_)
            | ConnectError::Certificate(_)
            | ConnectError::Protocol(_)
            | ConnectError::Ended(_) => true,
            ConnectError::Status { permanent, .. } => *permanent,
            ConnectError::Network(_) | ConnectError::TimedOut { .. } | ConnectError::Tls(_) => false,
        }
    }

    /// May another password or token help?
    pub(crate) fn may_be_a_secret(&self) -> bool {
        let other = match self {
            ConnectError::Certificate(_) | ConnectError::Ended(_) => true,
            ConnectError::Status { status, .. } => matches!(status, 300..=399 | 404 | 405 | 410 | 426),
            _ => false,
        };
        self.is_permanent() && !other
    }

    /// How long the server wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ConnectError::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why an open connection is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The server closed it and said so.
    #[error("{sentence}")]
    Closed {
        /// The close code of RFC 6455, where there was one.
        code: Option<u16>,
        /// What it means.
        sentence: String,
    },
    /// It broke.
    #[error("{0}")]
    Cut(String),
    /// Nothing was heard for too long.
    #[error("Nothing was heard for {}, not even an answer to a ping. The connection is taken for dead.", seconds(*.after))]
    Idle {
        /// How long was waited.
        after: Duration,
    },
    /// A message was larger than allowed.
    #[error(
        "A message of {} is larger than the limit of {limit} bytes, so the connection had to be given up. \
         If the feed is meant to send such messages, raise `{option}`.", size.map_or_else(|| "unknown size".to_owned(), |size| format!("{size} bytes"))
    )]
    TooBig {
        /// Its bytes, where known.
        size: Option<usize>,
        /// The limit in bytes.
        limit: usize,
        /// The option to raise.
        option: &'static str,
    },
    /// The server broke the rules of the protocol.
    #[error("{0}")]
    Protocol(String),
    /// Within the session something was asked again, and not granted as it was at first.
    #[error("{0}")]
    Refused(ConnectError),
    /// There is nothing more to come, ever.
    #[error("{0}")]
    Ended(String),
}

impl SessionError {
    /// May another password or token help?
    pub(crate) fn may_be_a_secret(&self) -> bool {
        match self {
            SessionError::Refused(error) => error.may_be_a_secret(),
            SessionError::Ended(_) => false,
            error => error.is_permanent(),
        }
    }

    /// How long the server wants to be left alone: the shortest and the longest wait, between which one is drawn. The IANA
    /// registry of close codes asks for 5 to 30 s after 1012 (service restart); 1013 (try again later) is given twice that.
    pub fn leave_alone(&self) -> Option<(Duration, Duration)> {
        let secs = |from, to| Some((Duration::from_secs(from), Duration::from_secs(to)));
        match self {
            SessionError::Closed { code: Some(1012), .. } => secs(5, 30),
            SessionError::Closed { code: Some(1013), .. } => secs(30, 60),
            _ => None,
        }
    }

    /// Will it be the same next time unless a person does something?
    ///
    /// Close code 1008 is what servers use for bad credentials, 4401 and 4403 are customary for 401 and 403.
    pub fn is_permanent(&self) -> bool {
        match self {
            SessionError::Refused(error) => error.is_permanent(),
            SessionError::Ended(_) | SessionError::Closed { code: Some(1008 | 4401 | 4403), .. } => true,
            _ => false,
        }
    }
}

/// A duration for people: `250 ms`, `30 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
