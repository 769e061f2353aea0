//! `kafka://host1:9092,host2:9092`: a URL holds one host only, so the list is read here.

use std::fmt;

/// Some brokers of a cluster, as they are written: `kafka://` or `kafka+tls://` before a list of `host:port`.
///
/// ```
/// use feedwatch_ingest::KafkaServers;
///
/// let servers = KafkaServers::parse("kafka+tls://a:9093,b").unwrap();
/// assert!(servers.tls());
/// assert_eq!(servers.bootstrap(), "a:9093,b:9092");
/// assert_eq!(servers.to_string(), "kafka+tls://a:9093,b");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaServers {
    tls: bool,
    hosts: Vec<String>,
}

/// Why a text is no list of brokers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServersError {
    /// Another protocol.
    #[error("the address of a kafka feed begins with kafka:// or kafka+tls://")]
    Scheme,
    /// A name or password in front of an `@`.
    #[error("a name or password must not stand in the address")]
    Credentials,
    /// Something behind the list.
    #[error("behind the brokers nothing may stand")]
    Rest,
    /// One of them is no `host:port`.
    #[error("{0:?} is no broker")]
    Host(String),
    /// More than anybody needs to find the others.
    #[error("there are more than 100 brokers")]
    TooMany,
}

const MOST: usize = 100;
/// The port where none is written.
const PORT: u16 = 9092;

impl KafkaServers {
    /// Reads a list.
    ///
    /// # Errors
    /// [`ServersError`], without what may be a secret.
    pub fn parse(text: &str) -> Result<KafkaServers, ServersError> {
        let (scheme, list) = text.split_once("://").ok_or(ServersError::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "kafka" => false,
            "kafka+tls" => true,
            _ => return Err(ServersError::Scheme),
        };
        if list.contains('@') {
            return Err(ServersError::Credentials);
        }
        if list.contains(['/', '?', '#']) {
            return Err(ServersError::Rest);
        }
        let hosts: Vec<String> = list.split(',').map(|host| host.trim().to_owned()).collect();
        if hosts.len() > MOST {
            return Err(ServersError::TooMany);
        }
        match hosts.iter().find(|host| !is_broker(host)) {
            Some(wrong) => Err(ServersError::Host(wrong.chars().take(60).collect())),
            None => Ok(KafkaServers { tls, hosts }),
        }
    }

    /// Is TLS spoken?
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// Each with its port.
    pub fn bootstrap(&self) -> String {
        let with_port = |host: &String| if port(host).is_some() { host.clone() } else { format!("{host}:{PORT}") };
        self.hosts.iter().map(with_port).collect::<Vec<_>>().join(",")
    }
}

/// As it was written.
impl fmt::Display for KafkaServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kafka{}://{}", if self.tls { "+tls" } else { "" }, self.hosts.join(","))
    }
}

/// What stands behind the host's colon; a number in brackets has colons of its own.
fn port(host: &str) -> Option<&str> {
    let behind = host.rfind(']').map_or(0, |bracket| bracket + 1);
    host.get(behind..)?.rsplit_once(':').map(|(_, port)| port)
}

fn is_broker(host: &str) -> bool {
    let name = match port(host) {
        Some(port) if port.parse::<u16>().is_ok_and(|port| port > 0) => {
            host.get(..host.len() - port.len() - 1).unwrap_or_default()
        }
        Some(_) => return false,
        None => host,
    };
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(number) => number.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._".contains(letter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_with_or_without_a_port() {
        for good in
            ["kafka://a", "kafka://a:1,b:65535", "kafka+tls://[::1]:9093", "KAFKA://10.0.0.1:9092", "kafka://[::1]"]
        {
            let servers = KafkaServers::parse(good).unwrap();
            assert_eq!(KafkaServers::parse(&servers.to_string()).unwrap(), servers, "{good}");
        }
        assert_eq!(KafkaServers::parse("kafka://[::1],b:1").unwrap().bootstrap(), "[::1]:9092,b:1");
    }

    #[test]
    fn what_is_no_list_of_brokers_is_told() {
        for (wrong, told) in [
            ("a:9092", ServersError::Scheme),
            ("https://a", ServersError::Scheme),
            ("kafka://ann:s3cr3t@a", ServersError::Credentials),
            ("kafka://a/topic", ServersError::Rest),
            ("kafka://a,,b", ServersError::Host(String::new())),
            ("kafka://a:0", ServersError::Host("a:0".into())),
            ("kafka://a:99999", ServersError::Host("a:99999".into())),
            ("kafka://a b", ServersError::Host("a b".into())),
            ("kafka://::1", ServersError::Host("::1".into())),
        ] {
            assert_eq!(KafkaServers::parse(wrong), Err(told), "{wrong}");
        }
    }
}
