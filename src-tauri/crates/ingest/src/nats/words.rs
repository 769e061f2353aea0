//! From what a server says to sentences an operator can act on.

use std::io;

use rustls::AlertDescription;

use super::jetstream::{ApiError, code};
use super::options::{NatsOptions, NatsRead};
use super::protocol::Refused;
use super::wire::Broken;
use crate::{ConnectError, SessionError, reason};

/// Characters of what a server says that are shown.
const LONGEST: usize = 300;

/// What a server says, printable and not too long.
pub(super) fn text(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said.get(..LONGEST * 4).unwrap_or(said));
    said.chars().take(LONGEST).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

pub(super) fn no_nats(host: &str) -> ConnectError {
    ConnectError::Protocol(format!("{host} does not speak NATS. Check the port: servers have 4222 mostly."))
}

pub(super) fn no_tls(host: &str) -> ConnectError {
    ConnectError::Protocol(format!(
        "{host} offers no TLS, so nothing was sent to it. If the server is not encrypted, the address begins with nats://."
    ))
}

pub(super) fn wants_tls(host: &str) -> ConnectError {
    ConnectError::Protocol(format!("{host} wants TLS. Begin the address with nats+tls://."))
}

pub(super) fn wants_certificate(host: &str) -> ConnectError {
    ConnectError::Options(format!(
        "{host} wants a client certificate. Write tls = {{ cert = \"client.pem\", key = \"client.key\" }}."
    ))
}

/// Why the server did not take the connection, from what broke.
pub(super) fn not_greeted(broken: &Broken, options: &NatsOptions, host: &str) -> ConnectError {
    match broken {
        Broken::Refused(Refused::Foreign(_) | Refused::Line) => no_nats(host),
        Broken::Refused(refused) => ConnectError::Protocol(refusal(refused, options.max_message).to_string()),
        Broken::Io(error) => io_error(error, options, host),
        Broken::Ended => ConnectError::Network(format!("{host} cut the connection before it answered.")),
    }
}

fn io_error(error: &io::Error, options: &NatsOptions, host: &str) -> ConnectError {
    let Some(alert) = alert(error) else { return reason::connect_error(error, host) };
    if options.tls.cert.is_none() {
        return wants_certificate(host);
    }
    ConnectError::Options(format!(
        "{host} ended the encryption ({alert:?}). Check the client certificate (cert, key) and that the server trusts its \
         authority."
    ))
}

/// The alert with which the other side ended the encryption.
fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// Why encryption was not to be had, in the words of this protocol.
pub(super) fn tls_error(error: &io::Error, options: &NatsOptions, host: &str) -> ConnectError {
    match io_error(error, options, host) {
        ConnectError::Protocol(_) => ConnectError::Protocol(format!(
            "{host} does not speak TLS. Check the port; if the server is not encrypted, the address begins with nats://."
        )),
        told => told,
    }
}

/// What the server's `-ERR` means while we say who we are.
pub(super) fn refused(said: &str, options: &NatsOptions, host: &str) -> ConnectError {
    let is = |part: &str| said.to_ascii_lowercase().contains(part);
    if is("permissions violation") {
        return not_permitted(said);
    }
    let passes = is("maximum connections") || is("connections exceeded") || is("shutdown") || is("stale");
    if passes {
        return ConnectError::Network(format!("{host} does not take us just now ({said}). It is tried again."));
    }
    if is("tls required") {
        return wants_tls(host);
    }
    if is("authorization") || is("authentication") {
        let who = if options.creds.is_some() {
            "the credentials. Check that they are of this server's account and have not expired"
        } else if options.nkey.is_some() {
            "the key. Check that the server knows its public key"
        } else if options.login.token.is_some() {
            "the token. Check it at the server and here"
        } else if let Some(user) = &options.login.user {
            let user = user.escape_debug();
            return denied(
                host,
                said,
                &format!("the user \"{user}\" or the password. Check both at the server and here"),
            );
        } else if options.tls.cert.is_some() {
            "the client certificate. Check that the server maps it to a user"
        } else {
            "somebody without a name: give user and password, a token, creds or nkey"
        };
        return denied(host, said, who);
    }
    ConnectError::Protocol(format!("{host} refuses the connection: {said}."))
}

fn denied(host: &str, said: &str, who: &str) -> ConnectError {
    ConnectError::Protocol(format!("{host} does not accept {who} ({said})."))
}

/// `Permissions Violation for Subscription to "a.>"`, with a queue behind it.
fn not_permitted(said: &str) -> ConnectError {
    let subject = said.split('"').nth(1).unwrap_or_default();
    let sentence = match subject.strip_prefix("$JS.") {
        Some(_) => format!(
            "Asking JetStream is not allowed ({said}). The user needs the right to publish to {subject}, to $JS.API.> and \
             $JS.ACK.>, and to subscribe to _INBOX.>."
        ),
        None => {
            format!(
                "Reading {subject} is not allowed ({said}). Check `subjects`, or ask the server's owner for the right."
            )
        }
    };
    ConnectError::Protocol(sentence)
}

/// JetStream does not answer at all.
pub(super) fn no_jetstream(host: &str) -> ConnectError {
    ConnectError::Protocol(format!(
        "JetStream is not enabled at {host} for this user. Enable it at the server (`jetstream {{}}` in its configuration), \
         or take `stream` out to read what is published from now on."
    ))
}

/// What JetStream answered is none of what it may.
pub(super) fn unreadable(host: &str) -> ConnectError {
    ConnectError::Protocol(format!(
        "{host} gives an answer of JetStream that cannot be read. Check the server's version."
    ))
}

/// What JetStream did not do.
pub(super) fn api(error: &ApiError, doing: &str, options: &NatsOptions, host: &str) -> ConnectError {
    let NatsRead::Stream(stream) = &options.read else { return unreadable(host) };
    match error.err_code {
        code::NOT_ENABLED | code::NOT_ENABLED_FOR_ACCOUNT => return no_jetstream(host),
        code::STREAM_NOT_FOUND => {
            return ConnectError::Protocol(format!(
                "There is no stream {} at {host}. Check `stream`; `nats stream ls` names those that are there.",
                stream.name
            ));
        }
        _ => {}
    }
    let said = text(error.description.as_bytes());
    let sentence = format!("The server does not {doing} ({said}, {}).", error.err_code);
    match error.code {
        // It has no leader, or no room just now.
        500..=599 => ConnectError::Network(format!("{sentence} It is tried again.")),
        _ => ConnectError::Protocol(format!("{sentence} Check `subjects`, `durable` and the stream's configuration.")),
    }
}

/// A consumer of this name is there that cannot be used.
pub(super) fn other_kind(durable: &str, what: &str) -> ConnectError {
    ConnectError::Protocol(format!(
        "There is a consumer {durable} already that {what}. Give `durable` another name, or delete the consumer at the server."
    ))
}

/// Somebody reads our consumer.
pub(super) fn is_read(durable: &str) -> ConnectError {
    ConnectError::Network(format!(
        "The consumer {durable} is read already: by another Feedwatch with a feed of this name, or by a lost connection of \
         ours that the server has not given up yet. It is tried again; if it stays so, give `durable` a name of its own, or \
         the same name in both to share the messages."
    ))
}

/// What the stream deleted before it was read. `all`: the feed reads all of the stream, else it is at most so many.
pub(super) fn deleted(stream: &str, count: u64, all: bool) -> String {
    let messages = if count == 1 { "message" } else { "messages" };
    let count = if all { count.to_string() } else { format!("up to {count}") };
    format!(
        "The stream {stream} has deleted {count} {messages} before they were read: they are lost. Raise its limits (max_age, \
         max_msgs, max_bytes) if this is not meant to be."
    )
}

/// Why an open session is over, from what broke. `ending`: the server had said that it ends.
pub(super) fn broken(broken: &Broken, max_message: usize, ending: bool) -> SessionError {
    match broken {
        Broken::Ended | Broken::Io(_) if ending => {
            closed("The server has ended, as it had said before (lame duck mode).")
        }
        Broken::Ended => SessionError::Cut("The connection was cut without a goodbye.".to_owned()),
        Broken::Io(error) => SessionError::Cut(reason::cut(error)),
        Broken::Refused(refused) => refusal(refused, max_message),
    }
}

fn refusal(refused: &Refused, max_message: usize) -> SessionError {
    match refused {
        Refused::Message(size) => {
            let size = Some(*size).filter(|size| *size < usize::MAX);
            SessionError::TooBig { size, limit: max_message, option: "max_message" }
        }
        refused => SessionError::Protocol(format!(
            "The server sent what is no NATS ({}). The connection had to be given up.",
            text(refused.to_string().as_bytes())
        )),
    }
}

pub(super) fn closed(sentence: impl Into<String>) -> SessionError {
    SessionError::Closed { code: None, sentence: sentence.into() }
}

/// The server ends, and others are there.
pub(super) fn moves_on() -> SessionError {
    closed("The server is about to end (lame duck mode). Another one of its cluster is tried.")
}

/// What the server's `-ERR` means in an open session.
pub(super) fn session_refused(said: &str) -> SessionError {
    let is = |part: &str| said.to_ascii_lowercase().contains(part);
    if is("slow consumer") {
        return closed(
            "The server gave us up because what it had for us was not read fast enough (slow consumer). What it had is lost, \
             unless a stream keeps it.",
        );
    }
    if is("permissions violation") {
        return closed(not_permitted(said).to_string());
    }
    if is("expired") || is("revoked") {
        return closed(format!("The server does not accept who we are any more ({said}). Renew the credentials."));
    }
    if is("stale") {
        return SessionError::Cut("The server heard nothing from us for too long (stale connection).".to_owned());
    }
    if is("shutdown") {
        return closed("The server was shut down.");
    }
    closed(format!("The server closed the session: {said}."))
}

#[cfg(test)]
mod tests {
    use super::super::options::{NatsStart, NatsStream};
    use super::*;
    use crate::Login;

    fn options(login: Login) -> NatsOptions {
        let stream = NatsStream {
            name: "S".into(),
            durable: "d".into(),
            shared: false,
            start: NatsStart::Latest,
            max_ack_pending: 1,
        };
        NatsOptions { login, read: NatsRead::Stream(stream), ..NatsOptions::new("h", vec!["a".into()]) }
    }

    #[test]
    fn who_is_not_let_in_is_told_what_to_mend() {
        let login = |user: &str, password| NatsOptions::login_of(user, password);
        for (login, part) in [
            (login("ann", Some("s3cr3t")), "the user \"ann\" or the password"),
            (login("s3cr3t", None), "the token"),
            (Login::default(), "give user and password, a token, creds or nkey"),
        ] {
            let told = refused("Authorization Violation", &options(login), "h:1");
            assert!(told.is_permanent() && told.to_string().contains(part), "{told}");
            assert!(!told.to_string().contains("s3cr3t"), "{told}");
        }
        let full = refused("maximum connections exceeded", &options(Login::default()), "h:1");
        assert!(!full.is_permanent(), "{full}");
    }

    #[test]
    fn what_is_not_permitted_is_told_with_its_subject() {
        let told = refused("Permissions Violation for Subscription to \"plant.>\"", &options(Login::default()), "h");
        assert!(told.is_permanent() && told.to_string().starts_with("Reading plant.> is not allowed"), "{told}");
        let said = "Permissions Violation for Publish to \"$JS.API.STREAM.INFO.S\"";
        let told = refused(said, &options(Login::default()), "h").to_string();
        assert!(told.contains("publish to $JS.API.STREAM.INFO.S"), "{told}");
        assert!(refused("Permissions Violation", &options(Login::default()), "h").is_permanent());
    }

    #[test]
    fn what_jetstream_does_not_do_is_told_with_its_reason() {
        let told = |err_code, code| {
            let error = ApiError { code, err_code, description: "why\u{7}".into() };
            api(&error, "make the consumer d", &options(Login::default()), "h:1")
        };
        assert!(told(code::STREAM_NOT_FOUND, 404).to_string().starts_with("There is no stream S at h:1."));
        assert!(told(code::NOT_ENABLED_FOR_ACCOUNT, 503).to_string().contains("JetStream is not enabled at h:1"));
        let other = told(10_012, 400);
        assert!(
            other.is_permanent() && other.to_string().contains("does not make the consumer d (why , 10012)"),
            "{other}"
        );
        assert!(!told(10_008, 503).is_permanent());
    }

    #[test]
    fn what_was_deleted_is_counted_in_words() {
        assert!(deleted("S", 1, true).starts_with("The stream S has deleted 1 message before"));
        assert!(deleted("S", 7, false).starts_with("The stream S has deleted up to 7 messages before"));
    }

    #[test]
    fn a_size_beyond_all_numbers_is_unknown() {
        let told = refusal(&Refused::Message(usize::MAX), 10).to_string();
        assert!(told.contains("unknown size") && told.contains("10 bytes"), "{told}");
    }

    #[test]
    fn what_a_server_says_is_shown_printable_and_bounded() {
        let said = text("x\u{1b}[31m\u{e4}".repeat(500).as_bytes());
        assert!(!said.contains('\u{1b}') && said.chars().count() == LONGEST);
    }
}
