//! The options as librdkafka's settings. Pure.

use std::time::Duration;

use super::{KafkaOptions, KafkaRole, KafkaSasl};
use crate::ConnectError;

/// What a partition is asked for at once. A larger message is sent all the same (KIP-74).
const FETCH: usize = 1 << 20;
/// What an answer may hold of all partitions.
const ANSWER: usize = 8 << 20;
/// The least that librdkafka takes for `receive.message.max.bytes`, and the most.
const ANSWERS: std::ops::RangeInclusive<usize> = 1_000..=2_147_483_647;

/// Name and value, secrets among them: they go to the library and nowhere else.
pub(super) fn settings(options: &KafkaOptions, random: u64) -> Result<Vec<(&'static str, String)>, ConnectError> {
    let KafkaOptions { servers, topics: _, role, start: _, sasl, login, tls, max_message, connect_timeout } = options;
    let group = match role {
        KafkaRole::Member { group } => group.clone(),
        // Asked for by the library; nobody ever joins it.
        KafkaRole::Look => format!("feedwatch-look-{random:016x}"),
    };
    let answer = ANSWER.saturating_add(FETCH).saturating_add(*max_message).clamp(*ANSWERS.start(), *ANSWERS.end());
    let mut settings = vec![
        ("bootstrap.servers", servers.bootstrap()),
        ("client.id", "feedwatch".to_owned()),
        ("group.id", group),
        ("partition.assignment.strategy", "cooperative-sticky".to_owned()),
        ("enable.auto.commit", "false".to_owned()),
        ("enable.auto.offset.store", "false".to_owned()),
        ("allow.auto.create.topics", "false".to_owned()),
        // A look takes what it finds; a member decides itself: see `begin`.
        ("auto.offset.reset", if *role == KafkaRole::Look { "earliest" } else { "error" }.to_owned()),
        // A member that was killed is replaced after this.
        ("session.timeout.ms", "10000".to_owned()),
        ("heartbeat.interval.ms", "2000".to_owned()),
        // Requests to a broker that says nothing end after this, and with them the connection.
        ("socket.timeout.ms", "20000".to_owned()),
        ("socket.connection.setup.timeout.ms", millis(*connect_timeout, 1_000, 600_000)),
        ("socket.keepalive.enable", "true".to_owned()),
        ("topic.metadata.refresh.interval.ms", "60000".to_owned()),
        ("statistics.interval.ms", "2000".to_owned()),
        ("fetch.message.max.bytes", (*max_message).clamp(1, FETCH).to_string()),
        ("fetch.max.bytes", ANSWER.to_string()),
        ("receive.message.max.bytes", answer.to_string()),
        // What the library may hold for us: as much as an inbox of usual size.
        ("queued.max.messages.kbytes", "16384".to_owned()),
        ("queued.min.messages", "10000".to_owned()),
        ("security.protocol", protocol(servers.tls(), sasl.is_some()).to_owned()),
    ];
    if let Some(sasl) = sasl {
        let (Some(user), Some(password)) = (&login.user, &login.password) else {
            let said = "`sasl` needs a user and a password. Give both, or take `sasl` out.";
            return Err(ConnectError::Options(said.to_owned()));
        };
        settings.push(("sasl.mechanism", mechanism(*sasl).to_owned()));
        settings.push(("sasl.username", user.clone()));
        settings.push(("sasl.password", password.expose().to_owned()));
    } else if login.user.is_some() || login.password.is_some() {
        let said = "There is a user, but not how to log in. Add `sasl`: plain, scram-sha-256 or scram-sha-512.";
        return Err(ConnectError::Options(said.to_owned()));
    }
    if servers.tls() {
        // OpenSSL's own places on this system, or the usual ones where it has none.
        settings.push(("ssl.ca.location", tls.ca.as_ref().map_or_else(|| "probe".to_owned(), |path| text(path))));
        for (name, path) in [("ssl.certificate.location", &tls.cert), ("ssl.key.location", &tls.key)] {
            settings.extend(path.as_ref().map(|path| (name, text(path))));
        }
    } else if tls.ca.is_some() || tls.cert.is_some() {
        let said = "There are files for TLS, but the address is without it: write kafka+tls:// to use them.";
        return Err(ConnectError::Options(said.to_owned()));
    }
    Ok(settings)
}

fn protocol(tls: bool, sasl: bool) -> &'static str {
    match (tls, sasl) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    }
}

fn mechanism(sasl: KafkaSasl) -> &'static str {
    match sasl {
        KafkaSasl::Plain => "PLAIN",
        KafkaSasl::ScramSha256 => "SCRAM-SHA-256",
        KafkaSasl::ScramSha512 => "SCRAM-SHA-512",
    }
}

fn millis(duration: Duration, low: u128, high: u128) -> String {
    duration.as_millis().clamp(low, high).to_string()
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::KafkaServers;
    use super::*;
    use crate::{Login, Secret, TlsFiles};

    fn options(address: &str) -> KafkaOptions {
        let group = "g".to_owned();
        KafkaOptions::new(KafkaServers::parse(address).unwrap(), KafkaRole::Member { group })
    }

    fn of(options: &KafkaOptions) -> HashMap<&'static str, String> {
        settings(options, 7).unwrap().into_iter().collect()
    }

    fn login() -> Login {
        Login { user: Some("ann".into()), password: Some(Secret::new("s3cr3t")), token: None }
    }

    #[test]
    fn only_what_is_on_disk_is_ever_committed() {
        for role in [KafkaRole::Look, KafkaRole::Member { group: "g".into() }] {
            let settings = of(&KafkaOptions { role, ..options("kafka://a") });
            assert_eq!(settings["enable.auto.commit"], "false");
            assert_eq!(settings["enable.auto.offset.store"], "false");
        }
    }

    #[test]
    fn a_member_never_skips_what_was_deleted_in_silence() {
        assert_eq!(of(&options("kafka://a"))["auto.offset.reset"], "error");
        assert_eq!(of(&options("kafka://a"))["partition.assignment.strategy"], "cooperative-sticky");
    }

    #[test]
    fn tls_and_sasl_are_told_apart() {
        for (address, sasl, expected) in [
            ("kafka://a", None, "plaintext"),
            ("kafka+tls://a", None, "ssl"),
            ("kafka://a", Some(KafkaSasl::ScramSha512), "sasl_plaintext"),
            ("kafka+tls://a", Some(KafkaSasl::Plain), "sasl_ssl"),
        ] {
            let login = if sasl.is_some() { login() } else { Login::default() };
            let settings = of(&KafkaOptions { sasl, login, ..options(address) });
            assert_eq!(settings["security.protocol"], expected);
        }
    }

    #[test]
    fn a_login_goes_to_the_library_as_it_is() {
        for (sasl, name) in KafkaSasl::ALL.into_iter().zip(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]) {
            let settings = of(&KafkaOptions { sasl: Some(sasl), login: login(), ..options("kafka+tls://a") });
            assert_eq!(settings["sasl.mechanism"], name);
            assert_eq!((settings["sasl.username"].as_str(), settings["sasl.password"].as_str()), ("ann", "s3cr3t"));
        }
    }

    #[test]
    fn half_a_login_is_told_before_anything_is_sent() {
        let without = KafkaOptions { sasl: Some(KafkaSasl::Plain), ..options("kafka://a") };
        assert!(settings(&without, 0).unwrap_err().to_string().contains("needs a user and a password"));
        let without = KafkaOptions { login: login(), ..options("kafka://a") };
        let told = settings(&without, 0).unwrap_err();
        assert!(told.is_permanent() && told.to_string().contains("Add `sasl`"), "{told}");
        assert!(!told.to_string().contains("s3cr3t"));
    }

    #[test]
    fn certificates_are_always_checked() {
        let tls = TlsFiles { ca: Some("/ca.pem".into()), cert: Some("/c.pem".into()), key: Some("/k.pem".into()) };
        let with = of(&KafkaOptions { tls: tls.clone(), ..options("kafka+tls://a") });
        assert_eq!(with["ssl.ca.location"], "/ca.pem");
        assert_eq!(
            (with["ssl.certificate.location"].as_str(), with["ssl.key.location"].as_str()),
            ("/c.pem", "/k.pem")
        );
        let usual = of(&options("kafka+tls://a"));
        assert_eq!(usual["ssl.ca.location"], "probe");
        for settings in [with, usual] {
            // Both are on unless they are set.
            assert!(!settings.contains_key("enable.ssl.certificate.verification"));
            assert!(!settings.contains_key("ssl.endpoint.identification.algorithm"));
        }
        assert!(settings(&KafkaOptions { tls, ..options("kafka://a") }, 0).is_err());
    }

    #[test]
    fn a_message_is_bounded_before_it_is_allocated() {
        let bound = |max_message| of(&KafkaOptions { max_message, ..options("kafka://a") });
        assert_eq!(bound(1 << 20)["receive.message.max.bytes"], (10 << 20).to_string());
        assert_eq!(bound(usize::MAX)["receive.message.max.bytes"], "2147483647");
        assert_eq!(bound(1 << 10)["fetch.message.max.bytes"], "1024");
        assert_eq!(bound(1 << 30)["fetch.message.max.bytes"], "1048576");
    }

    #[test]
    fn the_library_takes_every_setting() {
        let tls = TlsFiles::default();
        let options =
            KafkaOptions { sasl: Some(KafkaSasl::ScramSha256), login: login(), tls, ..options("kafka+tls://a") };
        for max_message in [1, 1 << 20, usize::MAX] {
            let mut config = rdkafka::ClientConfig::new();
            config.extend(
                settings(&KafkaOptions { max_message, ..options.clone() }, 0)
                    .unwrap()
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value)),
            );
            let made: Result<rdkafka::consumer::BaseConsumer, _> = config.create();
            assert!(made.is_ok(), "{:?}", made.err());
        }
    }
}
