use std::path::{Path, PathBuf};

use feedwatch_ingest::{TlsFiles, address};
use feedwatch_model::Time;

use super::*;
use crate::config::{Config, SourceConfig, parse};

fn read(text: &str) -> Result<NatsConfig, String> {
    let config = parse(text, Path::new("feeds.toml")).map_err(|problems| problems.to_string())?;
    let Config { feeds, .. } = config;
    match feeds.into_iter().next().map(|feed| feed.source) {
        Some(SourceConfig::Nats(nats)) => Ok(nats),
        other => Err(format!("{other:?}")),
    }
}

/// The problem that a table with these lines has.
fn problem(lines: &str) -> String {
    read(&format!("[feed.plant.nats]\n{lines}\n")).unwrap_err()
}

fn pasted(text: &str, allowed: bool) -> Result<NatsConfig, String> {
    let address = address::parse(text).map_err(|error| error.to_string())?;
    let secret = Some(SecretRef::Env("TOKEN".to_owned()));
    NatsConfig::from_address(&address, secret, allowed).map_err(|(message, cure)| format!("{message} {cure}"))
}

#[test]
fn every_key_is_read() {
    let text = r#"
        [feed.plant.nats]
        url = "nats+tls://server:4333/"
        stream = "PLANT"
        subjects = ["plant.>", "x.*"]
        durable = "mine"
        start = "2026-03-01T12:00:00Z"
        max_ack_pending = 8192
        user = "ann"
        password = { env = "PLANT_PASSWORD" }
        tls = { ca = "/ca.pem", cert = "/c.pem", key = "/c.key" }
        ping_interval = "5s"
        max_message = "1MiB"
        connect_timeout = "3s"
    "#;
    let expected = NatsConfig {
        url: "nats+tls://server:4333".parse().unwrap(),
        subjects: vec!["plant.>".into(), "x.*".into()],
        queue: None,
        stream: Some("PLANT".into()),
        durable: Some("mine".into()),
        start: NatsStart::At(Time::parse_rfc3339("2026-03-01T12:00:00Z").unwrap()),
        max_ack_pending: 8192,
        access: Access {
            user: Some("ann".into()),
            password: Some(SecretRef::Env("PLANT_PASSWORD".into())),
            token: None,
            tls: TlsFiles {
                ca: Some(PathBuf::from("/ca.pem")),
                cert: Some(PathBuf::from("/c.pem")),
                key: Some(PathBuf::from("/c.key")),
            },
        },
        creds: None,
        nkey: None,
        proxy: ProxyConfig::default(),
        ping_interval: Duration::from_secs(5),
        max_message: 1 << 20,
        connect_timeout: Duration::from_secs(3),
    };
    assert_eq!(read(text), Ok(expected));
    let creds =
        read("[feed.a.nats]\nurl = \"nats://h\"\nsubjects = [\"a\"]\nqueue = \"q\"\ncreds = { file = \"/a.creds\" }\n");
    let creds = creds.unwrap();
    assert_eq!(creds.secrets(), [("creds", &SecretRef::File("/a.creds".into()))]);
    assert_eq!(creds.read_of("a"), NatsRead::Core { queue: Some("q".into()) });
}

#[test]
fn a_subject_or_a_stream_is_all_it_takes() {
    let core = read("[feed.a.nats]\nurl = \"nats://localhost\"\nsubjects = [\"a.>\"]\n").unwrap();
    assert!(!core.comes_again());
    assert_eq!(core.read_of("a"), NatsRead::Core { queue: None });
    let stream = read("[feed.\"a.b\".nats]\nurl = \"nats://localhost\"\nstream = \"S\"\n").unwrap();
    assert!(stream.comes_again());
    let NatsRead::Stream(read) = stream.read_of("a.b") else { panic!("{stream:?}") };
    assert_eq!((read.durable.as_str(), read.shared, read.start), ("feedwatch-a=b", false, NatsStart::Latest));
}

#[test]
fn what_is_wrong_is_told_with_its_cure() {
    let url = "url = \"nats://localhost\"\n";
    for (lines, parts) in [
        ("subjects = [\"a\"]", ["this table has no url", "nats://host:4222"]),
        (url, ["neither subjects nor a stream", "subjects = [\"prices.>\"]"]),
        (&format!("{url}subjects = []"), ["there are no subjects", "write subjects"]),
        (&format!("{url}subjects = [\"a..b\"]"), ["\"a..b\" has a dot too many", "write subjects"]),
        (&format!("{url}subjects = [\"a.>\", \"a.b\"]"), ["overlaps with \"a.>\"", "keep the wider one"]),
        (&format!("{url}subjects = [\"a b\"]"), ["has a space in it", "write subjects"]),
        (&format!("{url}subjects = [\"a\"]\ndurable = \"d\""), ["\"durable\" is for a stream", "add stream"]),
        (&format!("{url}subjects = [\"a\"]\nstart = \"latest\""), ["\"start\" is for a stream", "add stream"]),
        (&format!("{url}stream = \"S\"\nqueue = \"q\""), ["\"queue\" is for subjects", "the same durable"]),
        (&format!("{url}stream = \"a.b\""), ["\"a.b\" is no name for \"stream\"", "letters"]),
        (&format!("{url}stream = \"S\"\nstart = \"soon\""), ["\"soon\" says no start", "earliest"]),
        (&format!("{url}stream = \"S\"\nmax_ack_pending = 8193"), ["between 1 and 8192", "8000"]),
        (&format!("{url}stream = \"S\"\ndurabel = \"d\""), ["unknown key \"durabel\"", "did you mean \"durable\"?"]),
        (&format!("{url}stream = \"S\"\ntls = {{ ca = \"ca.pem\" }}"), ["\"tls\" is for nats+tls://", "nats+tls://"]),
        (&format!("{url}stream = \"S\"\ncreds = \"x\""), ["must not stand in the configuration", "PLANT_CREDS"]),
        (
            &format!("{url}stream = \"S\"\nuser = \"a\"\nnkey = {{ env = \"X\" }}"),
            ["\"user\" and \"nkey\" both say who we are", "keep one"],
        ),
        (
            &format!("{url}stream = \"S\"\nuser = \"a\"\ntoken = {{ env = \"X\" }}"),
            ["\"token\" and \"user\" both say who we are", "keep one"],
        ),
        ("url = \"nats://ann:s3cr3t@h\"\nstream = \"S\"", ["must not stand in the address", "PLANT_PASSWORD"]),
        ("url = \"tls://h\"\nstream = \"S\"", ["begins with nats:// or nats+tls://, not tls://", "write url"]),
        ("url = \"nats://h/a.b\"\nstream = \"S\"", ["subjects do not stand in the address", "write subjects"]),
        ("url = \"nats://h:0\"\nstream = \"S\"", ["no host or no port", "write url"]),
        (&format!("{url}stream = \"S\"\nping_interval = \"1ms\""), ["\"ping_interval\" must lie between", "100ms"]),
    ] {
        let said = problem(lines);
        assert!(parts.iter().all(|part| said.contains(part)), "{lines}: {said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

#[test]
fn a_pasted_address_names_subjects_or_a_stream() {
    let core = pasted("nats://h/prices.>,x.*", false).unwrap();
    assert_eq!(core.subjects, ["prices.>", "x.*"]);
    assert_eq!(core.access.token, Some(SecretRef::Env("TOKEN".into())));
    assert_eq!(core.shown_address(), "nats://h/prices.>,x.*");
    let stream = pasted("nats+tls://h:4333/orders.>?stream=ORDERS", false).unwrap();
    assert_eq!((stream.stream.as_deref(), stream.url.as_str()), (Some("ORDERS"), "nats+tls://h:4333"));
    assert_eq!(stream.shown_address(), "nats+tls://h:4333/orders.>?stream=ORDERS");
    assert_eq!(pasted("nats://h/?stream=ORDERS", false).unwrap().subjects, Vec::<String>::new());
    assert_eq!(pasted("nats://h/a?queue=q", false).unwrap().queue.as_deref(), Some("q"));
    for (wrong, part) in [
        ("nats://h", "names no subject"),
        ("nats://h/a..b", "has a dot too many"),
        ("nats://h/?stream=a.b", "names no stream"),
        ("nats://h/a,a", "overlaps"),
    ] {
        assert!(pasted(wrong, false).is_err_and(|said| said.contains(part)), "{wrong}");
    }
}

#[test]
fn a_login_in_the_address_is_for_a_look_only_and_never_shown() {
    for address in ["nats://ann:s3cr3t@h/a", "nats://s3cr3t@h/a"] {
        let said = pasted(address, false).unwrap_err();
        assert!(said.contains("in front of the @") && !said.contains("s3cr3t"), "{said}");
        let look = pasted(address, true).unwrap();
        assert_eq!((look.shown_address().as_str(), &look.access.token), ("nats://***@h/a", &None));
    }
}
