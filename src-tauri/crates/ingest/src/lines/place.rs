//! Where lines come from: an address, understood.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::Url;

/// Where lines come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinesPlace {
    /// A server to connect to.
    Server {
        /// Name or number, without brackets.
        host: String,
        /// Its port.
        port: u16,
        /// Over TLS.
        encrypted: bool,
    },
    /// Here, for TCP clients.
    Listen(SocketAddr),
    /// Here, for datagrams.
    Datagrams(SocketAddr),
    /// Our own standard input.
    Input,
}

/// What is wrong with an address of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Another protocol.
    #[error("the address of a lines feed begins with tcp://, tcp+tls://, tcp-listen:// or udp://, or is stdin:")]
    Scheme,
    /// No host, or no port.
    #[error("the address has no host or no port")]
    Incomplete,
    /// We listen at a number of this computer.
    #[error("this is no address at which this computer could listen")]
    NoNumber,
    /// A user or a password.
    #[error("a name or password must not stand in the address")]
    Credentials,
    /// A path, a query, a fragment.
    #[error("the address ends behind the port")]
    Rest,
}

impl LinesPlace {
    /// Understands `tcp://host:port` and its like.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn parse(url: &Url) -> Result<LinesPlace, PlaceError> {
        if url.scheme() == "stdin" {
            return if url.as_str() == "stdin:" { Ok(LinesPlace::Input) } else { Err(PlaceError::Rest) };
        }
        if !["tcp", "tcp+tls", "tcp-listen", "udp"].contains(&url.scheme()) {
            return Err(PlaceError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PlaceError::Credentials);
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(PlaceError::Incomplete)?;
        let port = url.port().filter(|port| *port > 0).ok_or(PlaceError::Incomplete)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(PlaceError::Rest);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let here = || {
            let number = if host == "localhost" { Some(Ipv4Addr::LOCALHOST.into()) } else { host.parse().ok() };
            number.map(|number: IpAddr| SocketAddr::new(number, port)).ok_or(PlaceError::NoNumber)
        };
        Ok(match url.scheme() {
            "tcp-listen" => LinesPlace::Listen(here()?),
            "udp" => LinesPlace::Datagrams(here()?),
            scheme => LinesPlace::Server { host: host.to_owned(), port, encrypted: scheme == "tcp+tls" },
        })
    }

    /// Do we listen where other computers can reach us?
    pub fn is_open(&self) -> bool {
        match self {
            LinesPlace::Listen(at) | LinesPlace::Datagrams(at) => !at.ip().to_canonical().is_loopback(),
            LinesPlace::Server { .. } | LinesPlace::Input => false,
        }
    }
}

impl fmt::Display for LinesPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinesPlace::Server { host, port, encrypted } => {
                let scheme = if *encrypted { "tcp+tls" } else { "tcp" };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
            LinesPlace::Listen(at) => write!(f, "tcp-listen://{at}"),
            LinesPlace::Datagrams(at) => write!(f, "udp://{at}"),
            LinesPlace::Input => f.write_str("stdin:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<LinesPlace, PlaceError> {
        LinesPlace::parse(&text.parse().unwrap())
    }

    #[test]
    fn places_are_understood_and_written_as_they_were() {
        for text in
            ["tcp://plc:502", "tcp+tls://[2001:db8::1]:1", "tcp-listen://127.0.0.1:9", "udp://[::1]:514", "stdin:"]
        {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("tcp-listen://localhost:9").unwrap().to_string(), "tcp-listen://127.0.0.1:9");
    }

    #[test]
    fn what_is_no_place_is_told() {
        for (text, error) in [
            ("wss://host:1", PlaceError::Scheme),
            ("tcp://host", PlaceError::Incomplete),
            ("udp://plant.example:514", PlaceError::NoNumber),
            ("tcp://ann:pw@host:1", PlaceError::Credentials),
            ("tcp://host:1/path", PlaceError::Rest),
            ("tcp://host:1?a=b", PlaceError::Rest),
            ("stdin:x", PlaceError::Rest),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn only_loopback_is_closed_to_others() {
        for text in
            ["udp://127.9.9.9:1", "tcp-listen://[::1]:1", "tcp-listen://[::ffff:127.0.0.1]:1", "tcp://example:1"]
        {
            assert!(!parse(text).unwrap().is_open(), "{text}");
        }
        for text in ["udp://0.0.0.0:1", "tcp-listen://[::]:1", "udp://192.0.2.7:1"] {
            assert!(parse(text).unwrap().is_open(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_address_panics(text in "(tcp|udp|tcp-listen|stdin):(//)?[a-z0-9@:/?#\\[\\].]{0,20}") {
            if let Ok(url) = text.parse::<Url>()
                && let Ok(place) = LinesPlace::parse(&url)
            {
                prop_assert_eq!(LinesPlace::parse(&place.to_string().parse().unwrap()), Ok(place));
            }
        }
    }
}
