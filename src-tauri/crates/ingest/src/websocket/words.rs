//! From tungstenite's errors and the server's close codes to sentences.

use feedwatch_model::Time;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::inflate::Broken;
use crate::{ConnectError, SessionError, reason};

/// Why the handshake did not succeed.
pub(crate) fn handshake(error: &Error, host: &str, now: Time) -> ConnectError {
    let sentence = match error {
        Error::Http(response) if response.status().as_u16() == 200 => {
            "The server answers like a web page (200): there is no WebSocket at this path. Check the address; if the feed \
             is server-sent events, paste its https:// address."
                .to_owned()
        }
        Error::Http(response) => return reason::status_error(response.status(), response.headers(), now),
        Error::Protocol(ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake)
        | Error::ConnectionClosed
        | Error::AlreadyClosed => {
            return ConnectError::Network(format!("{host} cut the connection during the handshake."));
        }
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)) => subprotocol(*error).to_owned(),
        Error::Protocol(ProtocolError::HttparseError(_) | ProtocolError::WrongHttpVersion) => {
            "What answers at this port does not speak HTTP. Check the port; if the feed is encrypted, paste wss:// instead \
             of ws://."
                .to_owned()
        }
        Error::Protocol(error) => {
            format!("The server's answer is not that of a WebSocket ({error}). Check the address.")
        }
        Error::Io(_) | Error::Tls(_) => return reason::connect_error(error, host),
        error => format!("The server's answer cannot be used ({error}). Check the address."),
    };
    ConnectError::Protocol(sentence)
}

fn subprotocol(error: SubProtocolError) -> &'static str {
    match error {
        SubProtocolError::NoSubProtocol => {
            "The server did not take any of the subprotocols offered. Check the option `subprotocols` against the feed's \
             documentation."
        }
        SubProtocolError::InvalidSubProtocol => {
            "The server chose a subprotocol that was not offered. Check the option `subprotocols`."
        }
        SubProtocolError::ServerSentSubProtocolNoneRequested => {
            "The server chose a subprotocol though none was offered. Name the one it wants in `subprotocols`."
        }
    }
}

/// Why the connection is over.
pub(crate) fn session(error: &Error) -> SessionError {
    if let Error::Io(error) = error
        && let Some(broken) = error.get_ref().and_then(|inner| inner.downcast_ref::<Broken>())
    {
        return inflating(*broken);
    }
    match error {
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            SessionError::TooBig { size: Some(*size), limit: *max_size, option: "max_message" }
        }
        Error::ConnectionClosed | Error::AlreadyClosed => closed(None),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            SessionError::Cut("The connection was cut without a goodbye.".to_owned())
        }
        Error::Utf8(_) => SessionError::Protocol(
            "The server sent a text message that is not UTF-8, which RFC 6455 forbids.".to_owned(),
        ),
        Error::Protocol(error) => SessionError::Protocol(format!("The server broke the WebSocket protocol: {error}.")),
        error => SessionError::Cut(reason::cut(error)),
    }
}

/// Why a compressed message could not be read.
pub(crate) fn inflating(broken: Broken) -> SessionError {
    match broken {
        Broken::TooBig(limit) => SessionError::TooBig { size: None, limit, option: "max_message" },
        Broken::Damaged => SessionError::Protocol(
            "The server sent a compressed message that is damaged. If that happens again, write compression = false in \
             the feed's table."
                .to_owned(),
        ),
    }
}

/// The server said goodbye.
pub(crate) fn closed(frame: Option<&CloseFrame>) -> SessionError {
    let Some(frame) = frame else {
        return SessionError::Closed { code: None, sentence: "The server closed the connection.".to_owned() };
    };
    let code = u16::from(frame.code);
    let said: String = frame.reason.chars().filter(|letter| !letter.is_control()).take(120).collect();
    let said = if said.is_empty() { String::new() } else { format!(" It said: {said:?}.") };
    let cure = match code {
        1008 | 4401 | 4403 => " Check the token and the subscriptions.",
        _ => "",
    };
    let sentence = format!("The server closed the connection ({code}, {}).{said}{cure}", name(code));
    SessionError::Closed { code: Some(code), sentence }
}

/// The registered names: RFC 6455, section 7.4.1, and the IANA registry.
fn name(code: u16) -> &'static str {
    match code {
        1000 => "finished",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1005 => "no status",
        1006 => "abnormal closure",
        1007 => "invalid data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "extension missing",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        1015 => "TLS failure",
        3000 | 4401 => "unauthorized",
        3003 | 4403 => "forbidden",
        3008 => "timeout",
        4000..=4999 => "a code of the feed's own",
        _ => "unknown code",
    }
}
