//! From what a broker or a connection says to sentences an operator can act on.

use std::io;

use rumqttc_v5::mqttbytes::v5::SubscribeReasonCode;
use rustls::AlertDescription;

use super::frames::Refused;
use super::options::{MqttOptions, MqttVersion};
use super::packets::Welcome;
use crate::{ConnectError, SessionError, reason};

/// Characters of what a broker says that are shown.
const LONGEST: usize = 300;
/// Topics that are named of those with which something is the matter.
const NAMED: usize = 5;

/// Why encryption was not to be had.
pub(super) fn tls_error(error: &io::Error, options: &MqttOptions) -> ConnectError {
    if let Some(alert) = reason::alert(error) {
        return refused_us(alert, options);
    }
    let host = options.host_and_port();
    let cure = || {
        let plain = if options.websocket.is_some() { "mqtt+ws" } else { "mqtt" };
        let ports = MqttOptions::PORTS;
        format!("Check the port: {ports}; if the broker has no TLS, the address begins with {plain}://.")
    };
    match reason::connect_error(error, &host) {
        ConnectError::Protocol(_) => ConnectError::Protocol(format!("{host} does not speak TLS. {}", cure())),
        // A broker without TLS takes our first bytes for a broken packet.
        ConnectError::Network(_) if is_cut(error) => {
            ConnectError::Network(format!("{host} cut the connection in place of encrypting it. {}", cure()))
        }
        told => told,
    }
}

/// The broker did not take what we said of ourselves.
pub(super) fn refused_us(alert: AlertDescription, options: &MqttOptions) -> ConnectError {
    let cure = if options.tls.cert.is_some() {
        "Check the client certificate (cert, key) and that the broker trusts its authority."
    } else {
        "It may want a client certificate: write tls = { cert = \"client.pem\", key = \"client.key\" }."
    };
    ConnectError::Options(format!("{} ended the encryption ({alert:?}). {cure}", options.host_and_port()))
}

/// What answers is no broker.
pub(super) fn no_mqtt(options: &MqttOptions) -> ConnectError {
    let (host, ports) = (options.host_and_port(), MqttOptions::PORTS);
    ConnectError::Protocol(format!("{host} does not speak MQTT. Check the port: {ports}."))
}

/// The connection ended before the broker said anything. `Ok(None)`: as one does that does not know the version.
pub(super) fn before_the_answer<T>(error: &io::Error, options: &MqttOptions) -> Result<Option<T>, ConnectError> {
    if let Some(alert) = reason::alert(error) {
        return Err(refused_us(alert, options));
    }
    if is_cut(error) { Ok(None) } else { Err(reason::connect_error(error, &options.host_and_port())) }
}

/// Did the other side end the connection?
fn is_cut(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof)
}

/// The same, in every version.
pub(super) fn cut_at_once(options: &MqttOptions) -> ConnectError {
    let (host, ports) = (options.host_and_port(), MqttOptions::PORTS);
    ConnectError::Network(format!("{host} cut the connection before it answered. Check the port: {ports}."))
}

/// A user, a client_id or a topic that MQTT cannot say.
pub(super) fn no_text() -> ConnectError {
    let sentence = "User, client_id and topics have at most 65535 bytes each, without control characters.";
    ConnectError::Options(sentence.to_owned())
}

/// Does the broker not know the version?
pub(super) fn is_old(code: u8) -> bool {
    // As 3.1.1 says it, and as MQTT 5 does.
    matches!(code, 1 | 0x84)
}

/// Why the broker does not let us in: section 3.2.2.2, and 3.2.2.3 of MQTT 3.1.1.
pub(super) fn refused(welcome: &Welcome, version: MqttVersion, options: &MqttOptions, client_id: &str) -> ConnectError {
    let code = match (version, welcome.code) {
        (MqttVersion::V311, 1) => 0x84,
        (MqttVersion::V311, 2) => 0x85,
        (MqttVersion::V311, 3) => 0x88,
        (MqttVersion::V311, 4) => 0x86,
        (MqttVersion::V311, 5) => 0x87,
        (_, code) => code,
    };
    let (meaning, permanent) = match code {
        0x84 => ("the broker speaks neither MQTT 5 nor 3.1.1.".to_owned(), true),
        0x85 => (
            format!(
                "the broker does not take the client_id {client_id:?}. Write another one, of 1 to 23 letters and digits."
            ),
            true,
        ),
        0x86 | 0x87 => (credentials(code, options), true),
        0x8A => ("the broker has banned this client. Ask whoever runs it.".to_owned(), true),
        0x8C => ("the broker wants another kind of login than user and password.".to_owned(), true),
        0x88 => ("the broker is not available just now. It is tried again.".to_owned(), false),
        0x89 => ("the broker is too busy. It is tried again.".to_owned(), false),
        0x97 => ("the broker takes no more connections of this client. It is tried again.".to_owned(), false),
        0x9F => ("the broker had too many connections in a short time. It is tried again.".to_owned(), false),
        0x9C => ("the broker sends its clients to another one for now. Ask whoever runs it.".to_owned(), true),
        0x9D => ("the broker has moved. Ask whoever runs it for its new address.".to_owned(), true),
        0x95 => ("the broker does not take so much at once. Fewer or shorter topics may help.".to_owned(), true),
        _ => ("the broker does not accept the connection. Check the address and its version.".to_owned(), true),
    };
    let sentence = format!("The broker answered {}{}: {meaning}", welcome.code, said(welcome.text.as_deref()));
    ConnectError::Status { status: welcome.code.into(), sentence, permanent, retry_after: None }
}

fn credentials(code: u8, options: &MqttOptions) -> String {
    match &options.login.user {
        Some(user) if code == 0x86 => {
            format!("it does not accept the user {user:?} or the password. Check both at the broker and here.")
        }
        Some(user) => {
            format!("it does not let the user {user:?} in. Check user and password, and that the user may connect.")
        }
        None if options.tls.cert.is_some() => {
            "it does not let the user of the client certificate in. Check that there is one of that name.".to_owned()
        }
        None => "it wants to know who asks. Give user and password.".to_owned(),
    }
}

/// A topic that the broker does not let us have: section 3.9.3.
pub(super) fn not_subscribed(filter: &str, code: SubscribeReasonCode, text: Option<&str>) -> SessionError {
    use SubscribeReasonCode as Code;
    let meaning = match code {
        Code::NotAuthorized => "this user may not read it. Ask whoever runs the broker",
        Code::TopicFilterInvalid => "it has no such topics. Check its spelling",
        Code::SharedSubscriptionsNotSupported => "it has no shared subscriptions. Leave out $share and the group",
        Code::WildcardSubscriptionsNotSupported => "it takes no wildcards. Name the topics one by one",
        Code::QuotaExceeded => "it takes no more subscriptions. Fewer topics may help",
        _ => "it does not say why. Check that this user may read it, and its spelling",
    };
    let (filter, said) = (shown(filter), said(text));
    let sentence = format!("The broker refuses the topic {filter}{said}: {meaning}.");
    match code {
        Code::PkidInUse => SessionError::Closed { code: None, sentence },
        _ => SessionError::Refused(ConnectError::Protocol(sentence)),
    }
}

/// Why the broker ends the session: section 3.14.2.1.
pub(super) fn closed(code: u8, text: Option<&str>, client_id: &str) -> SessionError {
    let meaning = match code {
        0 => "it says goodbye".to_owned(),
        0x81 | 0x82 | 0x93 | 0x94 => "it says that we broke the protocol".to_owned(),
        0x87 => "this user may not go on. Check its rights at the broker".to_owned(),
        0x89 => "it is too busy".to_owned(),
        0x8B => "it shuts down".to_owned(),
        0x8D => "it has not heard of us for too long".to_owned(),
        0x8E => format!(
            "another client with the client_id {client_id:?} has taken the session over. If it is another console, give \
             each its own: write client_id = \"...\""
        ),
        0x8F => "it does not take one of the topics. Check their spelling".to_owned(),
        0x95 => "a packet was too large".to_owned(),
        0x96 => "too much was sent".to_owned(),
        0x97 => "a limit of the broker is exceeded".to_owned(),
        0x98 => "whoever runs the broker has ended it".to_owned(),
        0x9C => "it sends its clients to another broker for now".to_owned(),
        0x9D => "it has moved. Ask whoever runs it for its new address".to_owned(),
        0x9E => "it has no shared subscriptions. Leave out $share and the group".to_owned(),
        0x9F => "there were too many connections in a short time".to_owned(),
        0xA0 => "no connection may last longer".to_owned(),
        0xA2 => "it takes no wildcards. Name the topics one by one".to_owned(),
        _ => "it does not say why".to_owned(),
    };
    let sentence = format!("The broker ended the session ({code}){}: {meaning}.", said(text));
    match code {
        0x87 | 0x8E | 0x8F | 0x9D | 0x9E | 0xA2 => SessionError::Refused(ConnectError::Protocol(sentence)),
        _ => SessionError::Closed { code: None, sentence },
    }
}

/// The connection ended without a word; `early`: soon after it began.
pub(super) fn cut(early: bool, client_id: &str) -> SessionError {
    let sentence = "The connection was cut without a goodbye.";
    SessionError::Cut(match early {
        false => sentence.to_owned(),
        // MQTT 3.1.1 has no word for it, and some brokers have none in MQTT 5.
        true => format!(
            "{sentence} If that goes on, another client may have the client_id {client_id:?}: each console needs its own."
        ),
    })
}

pub(super) fn garbled() -> SessionError {
    SessionError::Protocol("The broker sent what is no packet of MQTT. The connection had to be given up.".to_owned())
}

pub(super) fn no_topic() -> SessionError {
    let sentence = "The broker sent a message without its topic. The connection had to be given up.";
    SessionError::Protocol(sentence.to_owned())
}

pub(super) fn session_refusal(refused: Refused, limit: usize) -> SessionError {
    match refused {
        Refused::Message(size) => SessionError::TooBig { size: Some(size), limit, option: "max_message" },
        Refused::Packet(size) => SessionError::Protocol(format!(
            "The broker announced {size} bytes beside a message, which is more than any needs. The connection had to be \
             given up."
        )),
        Refused::Garbage => garbled(),
    }
}

/// What a broker does not grant, as a sentence; empty if it grants everything.
pub(super) fn granted_less(shown: &str, less: &[String]) -> String {
    if less.is_empty() {
        return String::new();
    }
    let (named, more) = less.split_at(less.len().min(NAMED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!(
        "The broker of {shown} grants less than was asked for: {}{more}. What it does not keep can be lost in an outage. \
         Allow more there, or ask for less here (qos, session_expiry).",
        named.join(", ")
    )
}

/// Why a session ended before its topics were subscribed to.
pub(super) fn as_connect_error(error: SessionError, options: &MqttOptions) -> ConnectError {
    match error {
        SessionError::Cut(_) => {
            ConnectError::Network(format!("{} cut the connection before it answered.", options.host_and_port()))
        }
        SessionError::Closed { sentence, .. } => ConnectError::Network(sentence),
        SessionError::Refused(error) => error,
        error @ SessionError::Idle { .. } => ConnectError::Network(error.to_string()),
        error => ConnectError::Protocol(error.to_string()),
    }
}

/// What the broker says to it, in brackets.
fn said(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).map_or_else(String::new, |text| format!(" ({})", shown(text)))
}

/// Printable and not too long.
fn shown(text: &str) -> String {
    text.chars().take(LONGEST).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Login;

    fn ann() -> MqttOptions {
        let login = Login { user: Some("ann".into()), ..Login::default() };
        MqttOptions { login, ..MqttOptions::new("broker", []) }
    }

    fn told(version: MqttVersion, code: u8, options: &MqttOptions) -> ConnectError {
        refused(&Welcome { code, ..Welcome::default() }, version, options, "console")
    }

    #[test]
    fn what_a_person_must_mend_is_told_with_its_cure_in_both_versions() {
        use MqttVersion::{V5, V311};
        for (version, code, options, part) in [
            (V311, 1, ann(), "neither MQTT 5 nor 3.1.1"),
            (V311, 2, ann(), "client_id \"console\""),
            (V5, 0x85, ann(), "client_id \"console\""),
            (V311, 4, ann(), "the user \"ann\" or the password"),
            (V5, 0x86, ann(), "the user \"ann\" or the password"),
            (V311, 5, ann(), "does not let the user \"ann\" in"),
            (V5, 0x87, MqttOptions::new("broker", []), "Give user and password"),
            (V5, 0x9D, ann(), "has moved"),
            (V5, 0xEE, ann(), "does not accept"),
        ] {
            let error = told(version, code, &options);
            assert!(error.is_permanent() && error.to_string().contains(part), "{code}: {error}");
        }
    }

    #[test]
    fn what_passes_is_tried_again() {
        assert!(!told(MqttVersion::V311, 3, &ann()).is_permanent());
        for code in [0x88, 0x89, 0x97, 0x9F] {
            assert!(!told(MqttVersion::V5, code, &ann()).is_permanent(), "{code}");
        }
        for code in [0, 0x8B, 0x8D, 0x98, 0xEE] {
            assert!(!closed(code, None, "console").is_permanent(), "{code}");
        }
    }

    #[test]
    fn two_consoles_with_one_name_are_told_apart() {
        let error = closed(0x8E, None, "console");
        assert!(error.is_permanent() && error.to_string().contains("write client_id"), "{error}");
        let cut = cut(true, "console").to_string();
        assert!(cut.contains("each console needs its own"), "{cut}");
    }

    #[test]
    fn a_topic_that_is_refused_is_named() {
        let error = not_subscribed("a/#", SubscribeReasonCode::NotAuthorized, Some("no\u{1b}way"));
        assert!(error.is_permanent(), "{error}");
        assert!(error.to_string().contains("refuses the topic a/# (no way): this user may not"), "{error}");
    }
}
