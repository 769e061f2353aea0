//! Properties: no text panics, and what is added can be read back and taken away again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use feedwatch_decode::Format;
use feedwatch_ingest::{EndpointMode, EndpointRules, MqttTopic, MqttVersion};

use super::super::edit::{add_feed, remove_feed, set_pins};
use super::super::*;

/// Lines of which a configuration could be made, good and bad.
fn line() -> impl Strategy<Value = String> {
    let good = [
        "[console]",
        "[feed.a.websocket]",
        "[feed.a.sse]",
        "[feed.b.file]",
        "[feed.b.amqp]",
        "[feed.b.poll]",
        "[feed.b.webhook]",
        "listen = \"127.0.0.1:80\"",
        "token = { env = \"T\" }",
        "token_header = \"X-T\"",
        "every = \"5s\"",
        "body = \"{}\"",
        "proxy = \"none\"",
        "proxy = \"http://u:p@h\"",
        "proxy = { env = \"P\" }",
        "bearer = { command = [\"a\", \"b\"] }",
        "bearer = { command = \"a b\" }",
        "bearer = { command = [] }",
        "bearer = { keyring = \"spot\" }",
        "bearer = { keyring = \"a b\" }",
        "tls = { ca = \"a\" }",
        "[feed.c.mqtt]",
        "topics = [\"a/#\", { topic = \"+\", qos = 1 }]",
        "topics = [[], { qos = 9 }]",
        "version = \"3.1.1\"",
        "session_expiry = \"never\"",
        "[feed.b.nats]",
        "url = \"nats://h\"",
        "subjects = [\"a.>\", \"b\"]",
        "stream = \"S\"",
        "durable = \"d\"",
        "creds = { file = \"c\" }",
        "[feed.b.tail]",
        "[feed.a.lines]",
        "url = \"udp://0.0.0.0:1\"",
        "url = \"stdin:\"",
        "allow = [\"10.0.0.0/8\"]",
        "framing = \"datagram\"",
        "start = \"beginning\"",
        "queue = \"q\"",
        "exchange = \"e\"",
        "routing_keys = [\"#\"]",
        "[feed.a.limits]",
        "[feed.a.profile]",
        "keys = [\"/a\", \"topic:/1\"]",
        "times = [{ path = \"/t\", unit = \"ms\" }]",
        "series = [{ path = \"/v\", low = 1, high = 0 }]",
        "sequence = [{ paths = [\"/n\"], rule = \"plus-one\" }]",
        "[feed.a.signature]",
        "[feed.c.signature]",
        "key = { env = \"K\" }",
        "key = \"s3cr3t\"",
        "public_key = \"sender.pem\"",
        "[feed.a.backup.b.websocket]",
        "[feed.a.backup.b]",
        "[feed.a.endpoints]",
        "mode = \"redundant\"",
        "drill = \"weekly\"",
        "[feed]",
        "[feed.a]",
        "[[feed]]",
        "[[feed.a.sse]]",
        "url = \"wss://a/\"",
        "url = \"https://a/\"",
        "path = \"x\"",
        "title = \"T\"",
        "history = \"~/h\"",
        "bearer = { env = \"X\" }",
        "bearer = \"x\"",
        "headers = { A = \"b\", C = { file = \"d\" } }",
        "subscribe = ['''",
        "'''] # end",
        "ping = { every = \"1s\", text = \"\" }",
        "series = 0x10",
        "rate = { conflate = \"250ms\" }",
        "rate = { every = 1, at_most = 2 }",
        "inbox_bytes = \"1KiB\"",
        "# a comment",
        "",
        "feed.c.file.path = \"x\"",
        "a.file.path = \"x\"",
        "console = 1",
        "idle_timeout = \"never\"",
        "\u{FEFF}",
        "feed = { a = { file = { path = \"x\" } } }",
        "\"\" = { \"\" = [[[{}]]] }",
    ];
    prop_oneof![8 => proptest::sample::select(good.map(str::to_owned).to_vec()), 1 => ".*"]
}

fn text() -> impl Strategy<Value = String> {
    (vec(line(), 0..12), proptest::sample::select(vec!["\n", "\r\n"]))
        .prop_map(|(lines, end)| lines.iter().map(|line| format!("{line}{end}")).collect())
}

fn header() -> impl Strategy<Value = (String, HeaderValue)> {
    let value =
        prop_oneof!["[!-~]([ -~]{0,10}[!-~])?".prop_map(HeaderValue::Literal), secret().prop_map(HeaderValue::Secret),];
    ("X-[B-F]{1,3}[0-9]", value)
}

pub(super) fn secret() -> impl Strategy<Value = SecretRef> {
    prop_oneof![
        "[A-Z_]{1,8}".prop_map(SecretRef::Env),
        "/[^\0/]{1,8}".prop_map(|path| SecretRef::File(PathBuf::from(path))),
        "[a-z0-9._][a-z0-9._-]{0,8}".prop_map(SecretRef::Keyring),
        ("(/bin/)?[a-z]{1,8}", vec("[^\0]{0,8}", 0..3))
            .prop_map(|(program, words)| SecretRef::Command(std::iter::once(program).chain(words).collect())),
    ]
}

pub(super) fn millis(low: u64, high: u64) -> impl Strategy<Value = Duration> {
    (low..high).prop_map(Duration::from_millis)
}

fn headers() -> impl Strategy<Value = Vec<(String, HeaderValue)>> {
    vec(header(), 0..4).prop_map(|mut headers| {
        headers.sort_by(|a, b| a.0.cmp(&b.0));
        headers.dedup_by(|a, b| a.0 == b.0);
        headers
    })
}

fn query() -> impl Strategy<Value = Vec<QuerySecret>> {
    let one = ("[a-z_]{1,8}", secret(), any::<bool>());
    vec(one.prop_map(|(name, secret, encoded)| QuerySecret { name, secret, encoded }), 0..3).prop_map(|mut query| {
        query.sort_by(|a, b| a.name.cmp(&b.name));
        query.dedup_by(|a, b| a.name == b.name);
        query
    })
}

fn idle() -> impl Strategy<Value = Option<Duration>> {
    of(millis(1, 9_999_999))
}

fn tls() -> impl Strategy<Value = feedwatch_ingest::TlsFiles> {
    let file = || "/[^\0/]{1,8}".prop_map(PathBuf::from);
    (of(file()), of((file(), file()))).prop_map(|(ca, pair)| {
        let (cert, key) = pair.map_or((None, None), |(cert, key)| (Some(cert), Some(key)));
        feedwatch_ingest::TlsFiles { ca, cert, key }
    })
}

pub(super) fn proxy() -> impl Strategy<Value = ProxyConfig> {
    let written = prop_oneof!["(http|socks5)://[a-z]{1,8}(:[1-9][0-9]{1,3})?", Just("none".to_owned())];
    prop_oneof![
        3 => Just(ProxyConfig::Environment),
        1 => written.prop_map(ProxyConfig::Written),
        1 => secret().prop_map(ProxyConfig::Kept),
    ]
}

/// What all protocols over HTTP have; `scheme` is the one without encryption.
fn http(scheme: &'static str) -> impl Strategy<Value = HttpConfig> {
    let access = (headers(), of(secret()), query(), tls(), proxy());
    let rest = ("[a-z0-9/?=%]{0,9}", any::<bool>(), any::<bool>(), 1u64..1 << 20, millis(1, 3_600_000));
    (access, rest).prop_map(
        move |((headers, bearer, query, tls, proxy), (path, encrypted, compression, max_message, connect_timeout))| {
            let s = if encrypted { "s" } else { "" };
            let url = format!("{scheme}{s}://host/{path}").parse().unwrap();
            let tls = if encrypted { tls } else { Default::default() };
            HttpConfig { url, headers, bearer, query, tls, proxy, compression, max_message, connect_timeout }
        },
    )
}

fn source() -> impl Strategy<Value = SourceConfig> {
    let ping = (millis(100, 90_000), any::<String>()).prop_map(|(every, text)| Ping { every, text });
    let texts = (vec(any::<String>(), 0..3), vec(any::<String>(), 0..3), vec("[a-z]{1,9}", 0..3));
    let websocket = (http("ws"), vec("[a-z]{4}[0-9]", 0..2), texts, of(ping), idle()).prop_map(
        |(http, mut subprotocols, (subscribe, snapshot, reconnect_on), ping, idle_timeout)| {
            subprotocols.dedup();
            SourceConfig::WebSocket(WebSocketConfig {
                http,
                subprotocols,
                subscribe,
                snapshot,
                reconnect_on,
                ping,
                idle_timeout,
            })
        },
    );
    let sse = (http("http"), idle())
        .prop_map(|(http, idle_timeout)| SourceConfig::Sse(SseConfig { http, idle_timeout, open: Open(false) }));
    let poll = (http("http"), millis(100, 86_400_000), millis(1, 3_600_000), "[!-~]{1,20}", of("[^\0]{1,20}"))
        .prop_map(|(http, every, timeout, accept, body)| {
            SourceConfig::Poll(PollConfig { http, every, timeout, accept, body })
        });
    let file = "/[^\0/]{1,20}".prop_map(|path| SourceConfig::File(FileConfig { path: PathBuf::from(path) }));
    let tail = ("/[^\0/]{1,20}", any::<bool>(), 1u64..1 << 20).prop_map(|(path, from_beginning, max_message)| {
        SourceConfig::Tail(TailConfig { path: PathBuf::from(path), from_beginning, max_message })
    });
    // On the heap: strategies of strategies are larger than a test's stack.
    prop_oneof![
        websocket.boxed(),
        sse.boxed(),
        poll.boxed(),
        webhook().boxed(),
        file.boxed(),
        super::kafka::source().boxed(),
        amqp().boxed(),
        mqtt().boxed(),
        nats().boxed(),
        tail.boxed(),
        super::lines::source().boxed(),
    ]
}

fn webhook() -> impl Strategy<Value = SourceConfig> {
    let file = || "/[^\0/]{1,8}".prop_map(PathBuf::from);
    let names = (of("X-[A-Za-z]{1,8}"), of("[^\0]{1,8}"));
    let listen = (any::<std::net::IpAddr>(), 1u16..);
    (listen, "/[a-z0-9/._-]{0,9}", secret(), names, of((file(), file())), 1u64..1 << 20).prop_map(
        |((ip, port), path, token, (token_header, token_parameter), tls, max_message)| {
            let token_parameter = token_parameter.filter(|name: &String| !name.chars().any(char::is_control));
            SourceConfig::Webhook(WebhookConfig {
                path,
                token: Some(token),
                token_header,
                token_parameter,
                tls,
                max_message,
                ..WebhookConfig::new((ip, port).into())
            })
        },
    )
}

fn amqp() -> impl Strategy<Value = SourceConfig> {
    let file = || of("/[^\0/]{1,8}".prop_map(PathBuf::from));
    let own = ("\\PC{1,20}", of("q\\PC{0,20}"), vec("\\PC{0,5}[0-9]", 1..4), of(1u64..2_592_000));
    let queue = prop_oneof![
        "\\PC{1,20}".prop_map(|queue| (Some(queue), None, Vec::new(), Some(86_400))),
        own.prop_map(|(exchange, queue, mut keys, expires)| {
            keys.sort();
            keys.dedup();
            (queue, Some(exchange), keys, expires)
        }),
    ];
    let access = (of(("[a-z]{1,8}", of(secret()))), file(), of((file(), file())), any::<bool>());
    let times = (1u16..8_193, 1u64..3_600, 1u64..1 << 20, millis(1, 3_600_000));
    (queue, "\\PC{1,9}", access, times, proxy()).prop_map(
        |(
            (queue, exchange, routing_keys, expires),
            vhost,
            (login, ca, pair, far),
            (prefetch, beat, size, timeout),
            proxy,
        )| {
            let (cert, key) = match pair {
                Some((Some(cert), Some(key))) => (Some(cert), Some(key)),
                _ => (None, None),
            };
            let far = far && login.is_some();
            let url = if far { "amqps://broker:1234" } else { "amqp://localhost" }.parse().unwrap();
            let tls = feedwatch_ingest::TlsFiles { ca, cert, key };
            let (user, password) = login.map_or((None, None), |(user, password)| (Some(user), password));
            SourceConfig::Amqp(AmqpConfig {
                vhost,
                queue,
                exchange,
                routing_keys,
                queue_expires: expires.map(Duration::from_secs),
                access: Access { user, password, token: None, tls: if far { tls } else { Default::default() } },
                proxy,
                prefetch,
                heartbeat: Duration::from_secs(beat),
                max_message: size,
                connect_timeout: timeout,
                ..AmqpConfig::new(url)
            })
        },
    )
}

/// Further endpoints, and how all share the work.
fn shared() -> impl Strategy<Value = (Vec<Backup>, Endpoints)> {
    let live = source().prop_filter("a capture is no endpoint", |source| !matches!(source, SourceConfig::File(_)));
    let backup = ("[a-zA-Z0-9_.-]{1,6}", live).prop_map(|(name, source)| Backup { name, source });
    let drill = prop_oneof![
        Just(DrillEvery::Day),
        Just(DrillEvery::Week),
        (0u8..7, 0u16..1440).prop_map(|(day, minute)| DrillEvery::At { day, minute })
    ];
    (vec(backup, 0..3), any::<bool>(), millis(2_000, 90_000), millis(100, 300_000), of(drill)).prop_map(
        |(mut backups, redundant, return_after, window, drill)| {
            backups.sort_by(|a, b| a.name.cmp(&b.name));
            backups.dedup_by(|a, b| a.name == b.name);
            let redundant = redundant && !backups.is_empty();
            let mode = if redundant { EndpointMode::Redundant } else { EndpointMode::Failover };
            (backups, Endpoints { rules: EndpointRules { mode, return_after, window }, drill })
        },
    )
}

fn mqtt() -> impl Strategy<Value = SourceConfig> {
    let topic = ("[a-zäΩ$ \"]{1,8}(/[+])?(/#)?", 0u8..3);
    let topics = vec(topic.prop_map(|(filter, qos)| MqttTopic { filter, qos }), 1..4).prop_map(|mut topics| {
        topics.sort_by(|a, b| a.filter.cmp(&b.filter));
        topics.dedup_by(|a, b| a.filter == b.filter);
        topics
    });
    let url = prop_oneof![Just("mqtt://h:1"), Just("mqtts://[::1]"), Just("mqtt+ws://h/a?b=c"), Just("mqtt+wss://h")];
    let access = (of(("[a-z]{1,8}", of(secret()))), of("/[^\0/]{1,8}".prop_map(PathBuf::from)));
    let session = (any::<bool>(), of("[!-~]{1,20}"), of(1u64..9_999), 1u16..8_193);
    let bounds = (1u64..65_536, 1u64..1 << 20, millis(1, 3_600_000));
    (url, topics, access, session, bounds).prop_map(
        |(url, topics, (login, ca), (old, client_id, expiry, window), (keep_alive, size, timeout))| {
            let usual = MqttConfig::new(url.parse().unwrap(), topics);
            let (user, password) = login.map_or((None, None), |(user, password)| (Some(user), password));
            let encrypted = url.contains("s://");
            let ca = if encrypted && !url.starts_with("mqtt+ws:") { ca } else { None };
            let tls = feedwatch_ingest::TlsFiles { ca, ..Default::default() };
            let version = if old { MqttVersion::V311 } else { MqttVersion::V5 };
            let lasts = !old && usual.topics.iter().any(|topic| topic.qos > 0);
            SourceConfig::Mqtt(MqttConfig {
                version,
                access: Access { user, password, token: None, tls },
                client_id,
                session_expiry: if lasts { expiry.map(Duration::from_secs) } else { usual.session_expiry },
                receive_maximum: if lasts { window } else { usual.receive_maximum },
                keep_alive: Duration::from_secs(keep_alive),
                max_message: size,
                connect_timeout: timeout,
                ..usual
            })
        },
    )
}

fn nats() -> impl Strategy<Value = SourceConfig> {
    use feedwatch_ingest::NatsStart;
    let name = || "[A-Za-z0-9_=-]{1,12}";
    // Each begins otherwise, so that none overlaps with another.
    let subjects = |least: usize| {
        vec("[a-z]{1,4}(\\.([a-z]{1,4}|\\*)){0,2}(\\.>)?", least..4).prop_map(|subjects| {
            subjects.into_iter().enumerate().map(|(at, subject)| format!("{at}{subject}")).collect::<Vec<_>>()
        })
    };
    let start = prop_oneof![
        Just(NatsStart::Latest),
        Just(NatsStart::Earliest),
        (0..4_000_000_000_000i64).prop_map(|at| NatsStart::At(feedwatch_model::Time::from_millis(at))),
    ];
    let stream = (name(), subjects(0), of(name()), start, 1u16..8_193);
    let read = prop_oneof![
        (subjects(1), of(name())).prop_map(|(subjects, queue)| {
            NatsConfig { subjects, queue, ..NatsConfig::new("nats://localhost".parse().unwrap()) }
        }),
        stream.prop_map(|(stream, subjects, durable, start, max_ack_pending)| NatsConfig {
            stream: Some(stream),
            subjects,
            durable,
            start,
            max_ack_pending,
            ..NatsConfig::new("nats+tls://server:4333".parse().unwrap())
        }),
    ];
    let who = prop_oneof![
        Just((Access::default(), None, None)),
        ("[a-z]{1,8}", of(secret())).prop_map(|(user, password)| (
            Access { user: Some(user), password, ..Access::default() },
            None,
            None
        )),
        secret().prop_map(|token| (Access { token: Some(token), ..Access::default() }, None, None)),
        secret().prop_map(|creds| (Access::default(), Some(creds), None)),
        secret().prop_map(|nkey| (Access::default(), None, Some(nkey))),
    ];
    (read.boxed(), who.boxed(), tls(), proxy(), 1u64..1 << 20, millis(100, 3_600_000), millis(1, 3_600_000)).prop_map(
        |(read, (mut access, creds, nkey), tls, proxy, max_message, ping_interval, connect_timeout)| {
            access.tls = if read.stream.is_some() { tls } else { Default::default() };
            let read = NatsConfig { access, creds, nkey, proxy, ..read };
            SourceConfig::Nats(NatsConfig { max_message, ping_interval, connect_timeout, ..read })
        },
    )
}

fn feed() -> impl Strategy<Value = FeedConfig> {
    let rate = prop_oneof![
        millis(1, 3_600_000).prop_map(Rate::Newest),
        (2u32..1_000_000).prop_map(Rate::Every),
        (1u32..1_000_000).prop_map(Rate::AtMost),
    ];
    let limits = (1u32..1_000_000, 1usize..1 << 24, 1u64 << 20..1 << 36, of(rate))
        .prop_map(|(series, inbox_messages, inbox_bytes, rate)| Limits { series, inbox_messages, inbox_bytes, rate });
    let format = of(prop::sample::select(Format::ALL.to_vec()));
    let limits = prop_oneof![Just(Limits::default()), limits];
    let title = of("[ -~äöü„“]{0,9}[!-~]");
    ("[a-zA-Z0-9_.-]{1,12}", title, format, source(), shared(), limits, super::profile::pins(), signature()).prop_map(
        |(name, title, format, source, (backups, endpoints), limits, pins, signature)| FeedConfig {
            name,
            title,
            format,
            source,
            backups,
            endpoints,
            limits,
            pins,
            signature,
        },
    )
}

fn signature() -> impl Strategy<Value = Option<Signature>> {
    let public = "[a-z~/][a-z0-9/._ -]{0,9}[a-z]".prop_map(|path| Signature::PublicKey(PathBuf::from(path)));
    of(prop_oneof![secret().prop_map(Signature::Secret), public])
}

/// Whatever may stand in a file before a feed is added; always accepted, always with an end of the last line.
fn rest() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("# a comment\n".to_owned()),
        Just("\n".to_owned()),
        Just("   \n".to_owned()),
        Just("[console]\nnotifications = false # quiet\n".to_owned()),
        Just("\n[feed.Other-one.file]\npath = '''a\n# b\n'''\n".to_owned()),
        Just("[feed.\"other.two-\".file]\npath = \"x\"\n".to_owned()),
    ];
    // Comments and blank lines may repeat, tables may not.
    vec(piece, 0..6).prop_map(|pieces| {
        let mut text = String::new();
        for piece in pieces {
            if !piece.contains('[') || !text.contains(&piece) {
                text.push_str(&piece);
            }
        }
        text
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in text()) {
        if let Err(problems) = parse(&text, Path::new("feeds.toml")) {
            prop_assert!(!problems.list().is_empty());
            let escape = problems.to_string().contains('\u{1b}');
            prop_assert!(!escape);
            for problem in problems.list() {
                let line = problem.line.unwrap();
                prop_assert!(line >= 1 && line <= text.split('\n').count());
                prop_assert!(problem.column.unwrap() >= 1);
            }
        }
        let _ = remove_feed(&text, "a");
    }

    #[test]
    fn any_string_at_all_is_survived(text: String) {
        let _ = parse(&text, Path::new("feeds.toml"));
    }

    #[test]
    fn a_feed_that_was_added_is_read_back(rest in rest(), feed in feed()) {
        let before = parse(&rest, Path::new("feeds.toml")).unwrap().feeds;
        prop_assume!(before.iter().all(|other| other.name != feed.name));
        let added = add_feed(&rest, &feed).unwrap();
        let after = parse(&added, Path::new("feeds.toml")).unwrap().feeds;
        prop_assert_eq!(after.last(), Some(&feed));
        prop_assert_eq!(&after[..after.len() - 1], &before[..]);
    }

    #[test]
    fn a_feed_that_was_added_and_removed_leaves_every_byte(rest in rest(), feed in feed()) {
        let before = parse(&rest, Path::new("feeds.toml")).unwrap().feeds;
        prop_assume!(before.iter().all(|other| other.name != feed.name));
        let added = add_feed(&rest, &feed).unwrap();
        prop_assert_eq!(remove_feed(&added, &feed.name).unwrap(), rest);
    }

    #[test]
    fn what_is_pinned_is_read_back_and_nothing_else_changes(rest in rest(), feed in feed(), pins in super::profile::pins()) {
        let before = parse(&rest, Path::new("feeds.toml")).unwrap().feeds;
        prop_assume!(before.iter().all(|other| other.name != feed.name));
        let added = add_feed(&rest, &feed).unwrap();
        let pinned = set_pins(&added, &feed.name, &pins).unwrap();
        let mut expected = parse(&added, Path::new("feeds.toml")).unwrap();
        expected.feeds.last_mut().unwrap().pins = pins;
        prop_assert_eq!(parse(&pinned, Path::new("feeds.toml")).unwrap(), expected);
        let back = set_pins(&pinned, &feed.name, &feed.pins).unwrap();
        prop_assert_eq!(parse(&back, Path::new("")).unwrap(), parse(&added, Path::new("")).unwrap());
        prop_assert!(back.starts_with(&rest));
    }

    #[test]
    fn removing_a_feed_leaves_the_others(text in text(), name in "[abc]") {
        let Ok(before) = parse(&text, Path::new("")) else { return Ok(()) };
        if let Ok(left) = remove_feed(&text, &name) {
            let mut expected = before;
            expected.feeds.retain(|feed| feed.name != name);
            prop_assert_eq!(parse(&left, Path::new("")).unwrap(), expected);
        }
    }
}
