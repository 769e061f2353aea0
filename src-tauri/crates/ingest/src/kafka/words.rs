//! From librdkafka's codes and reasons to sentences an operator can act on. Pure.

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::ConnectError;

/// What an error means for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The library mends it by itself, and nothing is lost meanwhile.
    Mended,
    /// The session is over.
    Cut(String),
}

/// Does this error of the library say why there is no connection?
pub(super) fn is_about_the_connection(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure | Code::Resolve | Code::SSL | Code::Authentication | Code::OperationTimedOut
    )
}

/// Why there is no connection, from the last thing that was said about it. `brokers`: for people.
pub(super) fn connect_error(code: Code, reason: &str, brokers: &str) -> ConnectError {
    let said = without_address(reason);
    let has = |part: &str| said.contains(part);
    match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => ConnectError::Protocol(format!(
            "{brokers} does not accept user and password ({said}). Check user, password and `sasl`."
        )),
        // Of TLS the library has two codes for the same thing, by the moment in which it notices.
        _ if has("PLAINTEXT broker listener") || has("wrong version number") => ConnectError::Protocol(format!(
            "{brokers} does not speak TLS at this port. Check the port; if the cluster is not encrypted, write kafka://."
        )),
        _ if has("alert") && (has("certificate") || has("unknown ca")) => ConnectError::Protocol(format!(
            "{brokers} wants a certificate of ours that it trusts ({said}). Check cert and key of `tls`."
        )),
        _ if has("certificate verify failed") || has("verify broker certificate") => {
            ConnectError::Certificate(format!("{brokers}: {said}"))
        }
        Code::SSL if has("certificate") => ConnectError::Certificate(format!("{brokers}: {said}")),
        Code::SSL => ConnectError::Tls(format!("{brokers}: {said}")),
        _ if has("SSL listener") || has("security.protocol") => ConnectError::Network(format!(
            "{brokers} cut the connection before it answered. If it wants TLS, write kafka+tls://; if it wants a login, \
             add `sasl`, user and password."
        )),
        Code::Resolve => ConnectError::Network(format!(
            "The name of {brokers} is not found. Check the spelling, and this computer's network."
        )),
        _ if has("Connection refused") => ConnectError::Network(format!(
            "Nothing listens at {brokers} (connection refused). Check the port, and that the broker runs."
        )),
        _ => ConnectError::Network(format!("No connection to {brokers}: {said}.")),
    }
}

/// Why topics or group cannot be read, if the code says so: it stays so until a person does something.
pub(super) fn refused(code: Code, topic: &str, group: &str) -> Option<ConnectError> {
    let sentence = match code {
        Code::TopicAuthorizationFailed => {
            format!("Reading the topic {topic:?} is not allowed. Check the user's rights, or ask the cluster's owner.")
        }
        Code::GroupAuthorizationFailed => format!(
            "Being in the group {group:?} is not allowed. Check the user's rights, or name another one: group = \"...\"."
        ),
        Code::ClusterAuthorizationFailed => {
            "Reading from this cluster is not allowed. Check the user's rights, or ask the cluster's owner.".to_owned()
        }
        Code::InconsistentGroupProtocol => format!(
            "The group {group:?} has members that share partitions in another way than cooperative-sticky. Name another \
             group: group = \"...\"."
        ),
        Code::InvalidGroupId => {
            format!("The cluster takes no group named {group:?}. Write another one: group = \"...\".")
        }
        Code::InvalidTopic => format!("{topic:?} is no name for a topic. Check `topics`."),
        _ => return None,
    };
    Some(ConnectError::Protocol(sentence))
}

/// The topic is not there. `others`: some that are.
pub(super) fn unknown_topic(topic: &str, brokers: &str, others: &[String]) -> ConnectError {
    let there = match others {
        [] => String::new(),
        others => format!(" There are: {}.", others.join(", ")),
    };
    ConnectError::Protocol(format!("There is no topic {topic:?} at {brokers}.{there} Check `topics`."))
}

/// What an error of an open session means.
pub(super) fn verdict(code: Code, reason: &str) -> Verdict {
    match code {
        Code::AllBrokersDown => Verdict::Cut("The connection to all brokers is lost.".to_owned()),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            Verdict::Cut("A topic is not there any more.".to_owned())
        }
        Code::AutoOffsetReset | Code::LogTruncation | Code::OffsetOutOfRange => {
            Verdict::Cut(format!("The broker has deleted what was to be read next: {}.", without_address(reason)))
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::InconsistentGroupProtocol
        | Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::Fatal
        | Code::Fenced
        | Code::InvalidSessionTimeout
        | Code::BadMessage
        | Code::BadCompression
        | Code::UnsupportedFeature => Verdict::Cut(format!("The session was ended: {}.", without_address(reason))),
        _ => Verdict::Mended,
    }
}

/// What the library says, without what it puts before it: `ssl://host:9093/bootstrap: ` and the time it took.
fn without_address(reason: &str) -> &str {
    let said = match reason.split_once(": ") {
        Some((before, said)) if before.contains(":") || before.contains('/') || before.contains('[') => said,
        _ => reason,
    };
    let said = said.split(" (after ").next().unwrap_or(said);
    said.trim().trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_credentials_need_a_person() {
        let said = "sasl_plaintext://h:9092/bootstrap: SASL authentication error: Authentication failed (after 3ms in state \
                    AUTH_REQ)";
        let told = connect_error(Code::Authentication, said, "h:9092");
        assert!(told.is_permanent());
        assert_eq!(
            told.to_string(),
            "h:9092 does not accept user and password (SASL authentication error: Authentication failed). Check user, \
             password and `sasl`."
        );
    }

    #[test]
    fn a_certificate_that_is_not_trusted_needs_a_person() {
        let said = "ssl://h:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: \
                    broker certificate could not be verified (after 5ms in state SSL_HANDSHAKE)";
        let told = connect_error(Code::SSL, said, "h:9093");
        assert!(told.is_permanent() && told.to_string().starts_with("The server's certificate is not trusted: h:9093"));
        let said = "ssl://h:9093/bootstrap: error:0A000086:SSL routines::certificate verify failed (after 5ms in state CONNECT)";
        let told = connect_error(Code::BrokerTransportFailure, said, "h:9093");
        assert!(matches!(told, ConnectError::Certificate(_)), "{told:?}");
    }

    #[test]
    fn tls_at_the_wrong_port_is_told_with_the_cure() {
        let said =
            "ssl://h:9092/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?";
        let told = connect_error(Code::BrokerTransportFailure, said, "h:9092");
        assert!(told.is_permanent() && told.to_string().contains("write kafka://"), "{told}");
        let said = "h:9093/bootstrap: Disconnected: verify that security.protocol is correctly configured, broker might \
                    require SASL authentication";
        let told = connect_error(Code::BrokerTransportFailure, said, "h:9093");
        assert!(!told.is_permanent() && told.to_string().contains("kafka+tls://"), "{told}");
    }

    #[test]
    fn nobody_listening_is_told() {
        let said = "h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)";
        let told = connect_error(Code::BrokerTransportFailure, said, "h:1");
        assert_eq!(
            told.to_string(),
            "Nothing listens at h:1 (connection refused). Check the port, and that the broker runs."
        );
        assert!(!told.is_permanent());
    }

    #[test]
    fn what_the_library_mends_ends_no_session() {
        for code in
            [Code::BrokerTransportFailure, Code::RequestTimedOut, Code::NotLeaderForPartition, Code::PollExceeded]
        {
            assert_eq!(verdict(code, ""), Verdict::Mended, "{code:?}");
        }
        for code in [Code::AllBrokersDown, Code::UnknownTopicOrPartition, Code::AutoOffsetReset, Code::Fatal] {
            assert!(matches!(verdict(code, "x"), Verdict::Cut(_)), "{code:?}");
        }
    }

    #[test]
    fn an_unknown_topic_is_told_with_those_that_are_there() {
        let told = unknown_topic("pricse", "h:9092", &["plant".into(), "prices".into()]);
        assert_eq!(
            told.to_string(),
            "There is no topic \"pricse\" at h:9092. There are: plant, prices. Check `topics`."
        );
        assert!(told.is_permanent());
        for code in [Code::TopicAuthorizationFailed, Code::GroupAuthorizationFailed, Code::InconsistentGroupProtocol] {
            assert!(refused(code, "t", "g").is_some_and(|told| told.is_permanent()), "{code:?}");
        }
        assert_eq!(refused(Code::RequestTimedOut, "t", "g"), None);
    }
}
