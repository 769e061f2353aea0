//! From what a broker or the library says to sentences an operator can act on.

use std::io;

use lapin::{Error, ErrorKind};

use super::frames::Refused;
use super::options::{AmqpOptions, AmqpQueue};
use super::tables::DEEPEST;
use crate::{ConnectError, SessionError, reason};

/// Characters of what a broker says that are shown.
const LONGEST: usize = 300;

/// Why the session could not be opened.
pub(super) fn connect_error(error: &Error, options: &AmqpOptions) -> ConnectError {
    let host = options.host_and_port();
    match error.kind() {
        ErrorKind::ProtocolError(said) => refused(said.get_id(), said.get_message().as_str(), options),
        ErrorKind::IOError(io) => io_error(io, options),
        ErrorKind::InvalidProtocolVersion(version) => ConnectError::Protocol(format!(
            "{host} speaks AMQP {version} only. Feedwatch speaks AMQP 0-9-1, as RabbitMQ does: check the address."
        )),
        ErrorKind::ParsingError(_) => no_amqp(&host),
        ErrorKind::MissingHeartbeatError => ConnectError::Network(format!("{host} fell silent.")),
        _ => ConnectError::Network(format!("No session with {host}: {}.", shown(&error.to_string()))),
    }
}

fn no_amqp(host: &str) -> ConnectError {
    ConnectError::Protocol(format!(
        "{host} does not speak AMQP. Check the port: RabbitMQ has 5672 for amqp:// and 5671 for amqps://."
    ))
}

/// Why encryption was not to be had, in the words of this protocol.
pub(super) fn tls_error(error: &io::Error, options: &AmqpOptions) -> ConnectError {
    match reason::connect_error(error, &options.host_and_port()) {
        ConnectError::Protocol(_) => ConnectError::Protocol(format!(
            "{} does not speak TLS. Check the port: RabbitMQ has 5671 for amqps://; if it has no TLS, the address begins \
             with amqp://.",
            options.host_and_port()
        )),
        told => told,
    }
}

fn io_error(error: &io::Error, options: &AmqpOptions) -> ConnectError {
    let host = options.host_and_port();
    match announced(error) {
        Some(Refused::Frame(_) | Refused::Method) => return no_amqp(&host),
        // The first messages come with the answer to the wish to read the queue.
        Some(refused) => return ConnectError::Protocol(session_refusal(refused, options.max_message).to_string()),
        None => {}
    }
    if let Some(alert) = reason::alert(error) {
        let cure = if options.tls.cert.is_some() {
            "Check the client certificate (cert, key) and that the broker trusts its authority."
        } else {
            "It may want a client certificate: write tls = { cert = \"client.pem\", key = \"client.key\" }."
        };
        return ConnectError::Options(format!("{host} ended the encryption ({alert:?}). {cure}"));
    }
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return ConnectError::Network(format!(
            "{host} cut the connection before it answered. Check the port: RabbitMQ has 5672 for amqp:// and 5671 for \
             amqps://."
        ));
    }
    reason::connect_error(error, &host)
}

/// What the broker means with a reply code and its text.
fn refused(code: u16, text: &str, options: &AmqpOptions) -> ConnectError {
    let AmqpOptions { vhost, queue, login, .. } = options;
    let is = |part: &str| text.to_ascii_lowercase().contains(part);
    let user = match &login.user {
        Some(user) => format!("{user:?}"),
        None if options.tls.cert.is_some() => "of the client certificate".to_owned(),
        None => "\"guest\"".to_owned(),
    };
    let (meaning, permanent) = match code {
        403 if is("exclusive") => (busy(queue), false),
        403 if is("login") => (
            format!("the broker does not accept the user {user} or the password. Check both at the broker and here."),
            true,
        ),
        403 => (format!("the user {user} may not do this. {}", rights(queue)), true),
        404 => (missing(queue, vhost), true),
        405 => (format!("the queue {queue} belongs to another connection alone. Read another one."), true),
        406 => (
            format!(
                "there is a queue {queue} already that was made otherwise. Delete it at the broker, set queue_expires as it \
                 was, or give `queue` another name."
            ),
            true,
        ),
        530 if is("limit") => ("the broker takes no more connections. It is tried again.".to_owned(), false),
        530 => (format!("the virtual host {vhost:?} is not there or not for the user {user}. Check vhost."), true),
        // Forced by an operator, no resources, an error within the broker.
        311..=320 | 506 | 541 => ("the broker is not available just now. It is tried again.".to_owned(), false),
        _ => ("the broker does not accept this. Check the address and its version.".to_owned(), true),
    };
    let sentence = format!("The broker answered {code} ({}): {meaning}", shown(text));
    ConnectError::Status { status: code, sentence, permanent, retry_after: None }
}

fn busy(queue: &AmqpQueue) -> String {
    match queue {
        AmqpQueue::Existing(name) => format!("somebody reads the queue {name} alone. It is tried again."),
        AmqpQueue::Bound { name, .. } => format!(
            "the queue {name} is read already: by another Feedwatch with a feed of this name, or by a lost connection of \
             ours that the broker has not given up yet. It is tried again; if it stays so, give `queue` another name."
        ),
    }
}

fn rights(queue: &AmqpQueue) -> &'static str {
    match queue {
        AmqpQueue::Existing(_) => "It needs the right to read the queue (rabbitmqctl set_permissions).",
        AmqpQueue::Bound { .. } => {
            "It needs the rights to configure, write and read the queue, and to read the exchange (rabbitmqctl \
             set_permissions)."
        }
    }
}

fn missing(queue: &AmqpQueue, vhost: &str) -> String {
    match queue {
        AmqpQueue::Existing(name) => format!(
            "there is no queue {name} in the virtual host {vhost:?}. Check both; to get messages of an exchange into a \
             queue of its own, give `exchange`."
        ),
        AmqpQueue::Bound { exchange, .. } => {
            format!("there is no exchange {exchange} in the virtual host {vhost:?}. Check both.")
        }
    }
}

/// Why an open session is over.
pub(super) fn session_error(error: &Error, max_message: usize) -> SessionError {
    match error.kind() {
        ErrorKind::ProtocolError(said) => SessionError::Closed {
            code: None,
            sentence: format!(
                "The broker closed the session: {} ({}).",
                said.get_id(),
                shown(said.get_message().as_str())
            ),
        },
        ErrorKind::IOError(io) => match announced(io) {
            Some(refused) => session_refusal(refused, max_message),
            None if io.kind() == io::ErrorKind::ConnectionAborted => {
                SessionError::Cut("The connection was cut without a goodbye.".to_owned())
            }
            None => SessionError::Cut(reason::cut(&**io)),
        },
        ErrorKind::MissingHeartbeatError => SessionError::Cut(
            "Nothing was heard for two heartbeats. The connection is taken for dead; if the broker is often so slow, raise \
             `heartbeat`."
                .to_owned(),
        ),
        ErrorKind::ParsingError(_) => garbled(),
        _ => SessionError::Cut(format!("The session broke: {}.", shown(&error.to_string()))),
    }
}

fn garbled() -> SessionError {
    SessionError::Protocol("The broker sent what is no AMQP. The connection had to be given up.".to_owned())
}

/// The consumer was cancelled by the broker.
pub(super) fn cancelled(queue: &str) -> SessionError {
    let sentence = format!(
        "The broker ended the reading of the queue {queue}: it was deleted, or moved within the cluster. What was in a \
         deleted queue is lost."
    );
    SessionError::Closed { code: None, sentence }
}

fn session_refusal(refused: Refused, limit: usize) -> SessionError {
    match refused {
        Refused::Message(size) => {
            SessionError::TooBig { size: usize::try_from(size).ok(), limit, option: "max_message" }
        }
        Refused::Frame(size) => SessionError::Protocol(format!(
            "The broker announced a frame of {size} bytes, which no broker may. The connection had to be given up."
        )),
        Refused::Headers => SessionError::Protocol(format!(
            "A message has headers nested deeper than {DEEPEST} levels, so the connection had to be given up: they could end \
             the program. Take it out of the queue at the broker (get it there without putting it back), and mend what \
             publishes it."
        )),
        Refused::Method => garbled(),
    }
}

/// What our own look at the bytes said, inside the error that the library made of it.
fn announced(error: &io::Error) -> Option<Refused> {
    error.get_ref()?.downcast_ref().copied()
}

/// What the other side says, printable and not too long.
fn shown(text: &str) -> String {
    text.chars().take(LONGEST).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lapin::protocol::AMQPError;
    use rustls::AlertDescription;

    use super::*;
    use crate::Login;

    fn existing() -> AmqpOptions {
        let login = Login { user: Some("ann".into()), ..Login::default() };
        AmqpOptions { login, ..AmqpOptions::new("broker", AmqpQueue::Existing("orders".into())) }
    }

    fn bound() -> AmqpOptions {
        let (name, exchange) = ("feedwatch.plant".to_owned(), "amq.topic".to_owned());
        let queue = AmqpQueue::Bound { name, exchange, routing_keys: vec!["#".into()], expires: None };
        AmqpOptions { queue, ..existing() }
    }

    fn told(code: u16, text: &str, options: &AmqpOptions) -> ConnectError {
        connect_error(&ErrorKind::ProtocolError(AMQPError::from_id(code, text.into()).unwrap()).into(), options)
    }

    #[test]
    fn what_a_person_must_mend_is_told_with_its_cure() {
        let login = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.";
        for (code, text, options, part) in [
            (403, login, existing(), "does not accept the user \"ann\" or the password"),
            (403, "ACCESS_REFUSED - access to queue 'orders' refused", existing(), "right to read the queue"),
            (403, "ACCESS_REFUSED - access to exchange", bound(), "configure, write and read"),
            (404, "NOT_FOUND - no queue 'orders' in vhost '/'", existing(), "give `exchange`"),
            (404, "NOT_FOUND - no exchange 'x' in vhost '/'", bound(), "no exchange amq.topic"),
            (405, "RESOURCE_LOCKED", existing(), "another connection alone"),
            (406, "PRECONDITION_FAILED - inequivalent arg 'x-expires'", bound(), "queue_expires"),
            (530, "NOT_ALLOWED - vhost x not found", existing(), "Check vhost"),
            (540, "NOT_IMPLEMENTED", existing(), "does not accept"),
        ] {
            let error = told(code, text, &options);
            assert!(error.is_permanent() && error.to_string().contains(part), "{code}: {error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn what_passes_is_tried_again() {
        for (code, text, options) in [
            (403, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use", bound()),
            (320, "CONNECTION_FORCED - broker forced connection closure", existing()),
            (506, "RESOURCE_ERROR", existing()),
            (541, "INTERNAL_ERROR", existing()),
            (530, "NOT_ALLOWED - node connection limit (1) is reached", existing()),
        ] {
            let error = told(code, text, &options);
            assert!(!error.is_permanent(), "{error}");
        }
    }

    #[test]
    fn the_size_of_a_message_that_is_too_large_is_found_in_what_the_library_says() {
        let error = Error::from(ErrorKind::IOError(Arc::new(io::Error::other(Refused::Message(20)))));
        let told = session_error(&error, 10);
        assert_eq!(told, SessionError::TooBig { size: Some(20), limit: 10, option: "max_message" });
    }

    #[test]
    fn a_missing_client_certificate_is_told_as_such() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let error = Error::from(ErrorKind::IOError(Arc::new(io::Error::new(io::ErrorKind::InvalidData, alert))));
        let told = connect_error(&error, &existing());
        assert!(told.is_permanent() && told.to_string().contains("may want a client certificate"), "{told}");
    }

    #[test]
    fn what_a_broker_says_is_shown_printable_and_bounded() {
        let text = "x\u{1b}[31m".repeat(40);
        let told = told(404, &text, &existing()).to_string();
        assert!(!told.contains('\u{1b}') && told.chars().count() < 700, "{told}");
    }
}
