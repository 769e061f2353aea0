//! From a socket to a connection that knows who we are.
//!
//! The server speaks first: `INFO`. Then the encryption begins, if that is wanted, and only behind it anything of ours is
//! said: a secret is never sent where `nats+tls://` was asked for and not given.

use feedwatch_model::Certificate;
use serde::Deserialize;

use super::login::Identity;
use super::options::{NatsOptions, is_number};
use super::protocol::{Message, Op};
use super::wire::{Broken, Wire};
use super::words;
use crate::certificate;
use crate::dial::{self, Handshake, Target, Traffic, Trust};
use crate::wire_bytes::WireBytes;
use crate::{Clock, ConnectError};

/// What a server says of itself, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    tls_required: bool,
    tls_available: bool,
    tls_verify: bool,
    nonce: Option<String>,
    /// Other servers of its cluster: `host:port`.
    pub(super) connect_urls: Vec<String>,
    /// It is about to end.
    #[serde(rename = "ldm")]
    pub(super) is_ending: bool,
}

impl Info {
    pub(super) fn of(json: &[u8]) -> Option<Info> {
        serde_json::from_slice(json).ok()
    }
}

/// Where to connect: a name and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Endpoint {
    /// One that a server names: `host:port`, `[::1]:4222`.
    pub(super) fn named(text: &str) -> Option<Endpoint> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        (!host.is_empty()).then(|| Endpoint { host: host.to_owned(), port })
    }

    /// For sentences.
    pub(super) fn shown(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// A connection that the server has taken.
pub(super) struct Greeted {
    pub(super) wire: Wire,
    /// What the connection is like.
    pub(super) detail: &'static str,
    /// The server's, where it is encrypted.
    pub(super) certificate: Option<Certificate>,
    /// What came.
    pub(super) bytes: WireBytes,
}

/// Connects to `at`, encrypts where that is wanted, and says who we are.
pub(super) async fn greet(options: &NatsOptions, at: &Endpoint, clock: Clock) -> Result<Greeted, ConnectError> {
    let identity = Identity::of(options)?;
    let host = at.shown();
    let socket = dial::tcp(&Target::new(&at.host, at.port, Traffic::Other), &options.proxy).await?;
    let bytes = WireBytes::default();
    let mut wire = Wire::new(Box::new(bytes.of(socket)), options.max_message, clock);
    let broken = |broken: Broken| words::not_greeted(&broken, options, &host);
    let said = wire.next(|op| match op {
        Op::Info(json) => Some(Info::of(json).ok_or(None)),
        Op::Error(text) => Some(Err(Some(words::text(text)))),
        _ => Some(Err(None)),
    });
    let info = match said.await.map_err(broken)? {
        Ok(info) => info,
        Err(Some(text)) => return Err(words::refused(&text, options, &host)),
        Err(None) => return Err(words::no_nats(&host)),
    };
    let mut certificate = None;
    let detail = if options.encrypted {
        if !info.tls_required && !info.tls_available {
            return Err(words::no_tls(&host));
        }
        let detail;
        (wire, detail, certificate) = encrypted(wire, options, at, clock, &host).await?;
        detail
    } else if info.tls_required {
        return Err(words::wants_tls(&host));
    } else {
        "not encrypted"
    };
    wire.output.say(identity.connect(info.nonce.as_deref(), options.encrypted)?.as_bytes());
    wire.output.say(b"PING\r\n");
    let lacks_certificate = options.encrypted && info.tls_verify && options.tls.cert.is_none();
    let answer = wire.next(|op| match op {
        Op::Pong => Some(Ok(())),
        Op::Error(text) => Some(Err(words::text(text))),
        _ => None,
    });
    match answer.await {
        Ok(Ok(())) => Ok(Greeted { wire, detail, certificate, bytes }),
        Ok(Err(text)) => Err(words::refused(&text, options, &host)),
        // A server that ends the encryption may do so before its alert is read.
        Err(_) if lacks_certificate => Err(words::wants_certificate(&host)),
        Err(error) => Err(words::not_greeted(&error, options, &host)),
    }
}

async fn encrypted(
    wire: Wire,
    options: &NatsOptions,
    at: &Endpoint,
    clock: Clock,
    host: &str,
) -> Result<(Wire, &'static str, Option<Certificate>), ConnectError> {
    if !wire.input.is_empty() {
        // Whoever puts words in before the encryption is not the server.
        return Err(ConnectError::Protocol(format!(
            "{host} said more than it may before the encryption began. The connection had to be given up."
        )));
    }
    // A cluster names its servers by number mostly, which stand in no certificate.
    let name = if is_number(&at.host) { &options.host } else { &at.host };
    let target = Target::new(name, at.port, Traffic::Other);
    let trust = Trust::Files(options.tls.clone());
    let stream = match dial::encrypt(&target, &trust, &[], wire.into_io()).await {
        Ok(stream) => stream,
        Err(Handshake::Options(error)) => return Err(error),
        Err(Handshake::Failed(error)) => return Err(words::tls_error(&error, options, host)),
    };
    let detail = match stream.get_ref().1.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS",
    };
    let certificate = certificate::of(&stream);
    Ok((Wire::new(Box::new(stream), options.max_message, clock), detail, certificate))
}

/// Waits until the server has answered to everything that was said before; `Err` with what it complains about. Messages
/// that come meanwhile are given to `came`; when that says `true` the answer is not waited for.
pub(super) async fn settled(
    wire: &mut Wire,
    mut came: impl FnMut(&Message<'_>) -> bool,
) -> Result<Result<(), String>, Broken> {
    wire.output.say(b"PING\r\n");
    wire.next(|op| match op {
        Op::Pong => Some(Ok(())),
        Op::Error(text) => Some(Err(words::text(text))),
        Op::Message(message) => came(message).then_some(Ok(())),
        _ => None,
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_itself_is_read_with_and_without_all_of_it() {
        let info = Info::of(
            br#"{"version":"2.15.1","tls_required":true,"nonce":"x","connect_urls":["h:1"],"ldm":true,"x":[]}"#,
        );
        let info = info.unwrap();
        assert!(info.tls_required && info.is_ending && info.nonce.as_deref() == Some("x"));
        assert_eq!(info.connect_urls, ["h:1"]);
        assert_eq!(Info::of(b"{}"), Some(Info::default()));
        assert_eq!((Info::of(b"no JSON"), Info::of(b"{\"ldm\":3}")), (None, None));
    }

    #[test]
    fn servers_of_a_cluster_are_understood() {
        let at = |host: &str, port| Some(Endpoint { host: host.to_owned(), port });
        assert_eq!(Endpoint::named("10.0.0.1:4222"), at("10.0.0.1", 4222));
        assert_eq!(Endpoint::named("[::1]:4222"), at("[::1]", 4222));
        for wrong in ["", "h", ":1", "h:0", "h:x", "h:65536"] {
            assert_eq!(Endpoint::named(wrong), None, "{wrong}");
        }
    }
}
