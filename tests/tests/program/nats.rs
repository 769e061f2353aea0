//! NATS against the real server: subjects of the core, and streams of JetStream.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::{consumer, stream};
use feedwatch_engine::Engine;
use feedwatch_model::{GapCause, Time};
use feedwatch_store::{Outcome, Reader, StoredMessage};
use feedwatch_tests::home::Home;
use feedwatch_tests::nats::{Client, Nats, Waiting, operated};
use feedwatch_tests::process::Process;
use feedwatch_tests::proxy::Proxy;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};
use serde_json::{Value, json};

fn message(seq: u64) -> String {
    format!("{{\"seq\":{seq},\"level\":{}}}", 20 + seq % 7)
}

fn messages(subject: &str, seqs: RangeInclusive<u64>) -> impl Iterator<Item = (String, String)> {
    seqs.map(move |seq| (subject.to_owned(), message(seq)))
}

fn kept(reader: &Reader) -> Vec<StoredMessage> {
    let feeds = reader.feeds().expect("feeds");
    let Some(feed) = feeds.first() else { return Vec::new() };
    reader.messages(feed.id, Time::MIN, Time::MAX, 1_000_000).expect("messages")
}

fn seq(message: &StoredMessage) -> u64 {
    let value: Value = serde_json::from_slice(&message.payload).expect("JSON");
    value["seq"].as_u64().expect("a number")
}

fn beside(message: &StoredMessage) -> Value {
    serde_json::from_str(message.meta.as_deref().expect("what was said beside it")).expect("JSON")
}

/// The numbers that were stored, in their order.
fn read(messages: &[StoredMessage]) -> Vec<u64> {
    messages.iter().filter(|message| message.outcome == Outcome::Read).map(seq).collect()
}

/// Each of the numbers is there once, whatever the order.
#[track_caller]
fn each_once(messages: &[StoredMessage], seqs: RangeInclusive<u64>) {
    let read = read(messages);
    let different: BTreeSet<u64> = read.iter().copied().collect();
    assert_eq!(different, seqs.collect(), "none is lost");
    assert_eq!(read.len(), different.len(), "none is there twice");
}

fn reader_of(home: &Home) -> Reader {
    wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok())
}

fn status(engine: &Engine, feed: &str) -> String {
    let row = engine.status().1.into_iter().find(|row| row.name == feed).expect("the feed");
    format!("{} {:?}", row.state, row.state_text)
}

#[track_caller]
fn says(engine: &Engine, feed: &str, part: &str) {
    let mut said = BTreeSet::new();
    let deadline = std::time::Instant::now() + LONG;
    while !said.iter().any(|text: &String| text.contains(part)) {
        assert!(std::time::Instant::now() < deadline, "{feed} does not say {part:?}: {said:#?}");
        std::thread::park_timeout(Duration::from_millis(5));
        said.insert(status(engine, feed));
    }
}

fn gaps(engine: &Engine, feed: &str) -> Vec<String> {
    let gaps = engine.report().gaps;
    gaps.into_iter().filter(|gap| gap.feed == feed).map(|gap| format!("{}: {}", gap.cause, gap.detail)).collect()
}

/// Losses that the numbers in the messages show.
fn losses(engine: &Engine) -> Vec<String> {
    let found = engine.report().findings;
    found.into_iter().filter(|found| found.check.word() == "sequence").map(|found| format!("{found:?}")).collect()
}

fn core(port: u16, subjects: &str, more: &str) -> String {
    format!("[feed.plant.nats]\nurl = \"nats://127.0.0.1:{port}\"\nsubjects = {subjects}\n{more}\n")
}

fn of_stream(port: u16, more: &str) -> String {
    format!("[feed.plant.nats]\nurl = \"nats://127.0.0.1:{port}\"\nstream = \"PLANT\"\n{more}\n")
}

const DURABLE: &str = "feedwatch-plant";

/// All was acknowledged, and nothing waits.
fn is_done(client: &Client, durable: &str) {
    wait_until("all is acknowledged", LONG, || {
        matches!(client.waiting("PLANT", durable), Some(Waiting { unacknowledged: 0, left: 0, .. }))
    });
}

/// Somebody reads the consumer.
fn is_read(client: &Client, durable: &str) {
    wait_until("it is read", LONG, || client.waiting("PLANT", durable).is_some_and(|consumer| consumer.asking > 0));
}

fn follow(home: &Home) -> Process {
    home.start(&["run", "feeds.toml", "--json", "--follow"])
}

#[test]
fn subjects_are_read_by_wildcards_with_what_stands_beside_the_messages() {
    let nats = Nats::start();
    let client = nats.client();
    let home = Home::new();
    let port = nats.port;
    let engine = home.engine(&format!(
        "{}[feed.small.nats]\nurl = \"nats://localhost:{port}\"\nsubjects = [\"small\"]\nmax_message = \"10kB\"\n",
        core(port, "[\"plant.*.level\", \"x.>\"]", "")
    ));
    ["plant", "small"].iter().for_each(|feed| state(&engine, feed, "live"));
    client.publish_with("plant.7.level", &[("unit", "bar"), ("Nats-Msg-Id", "m1")], message(1));
    client.publish(messages("x.a.b", 2..=2).chain(messages("plant.7.flow", 90..=90)).chain(messages("x", 91..=91)));
    client.publish(messages("x.a", 3..=300));
    let books = settled(&engine, "plant", 300);
    assert_eq!((books.received, books.stored), (300, 300), "{books:?}");
    let messages = kept(&engine.reader().expect("a history"));
    each_once(&messages, 1..=300);
    let topics: Vec<&str> = messages[..3].iter().filter_map(|message| message.topic.as_deref()).collect();
    assert_eq!(topics, ["plant.7.level", "x.a.b", "x.a"]);
    let mut said = beside(&messages[0]);
    // The client that published it does not keep their order.
    said["headers"].as_array_mut().expect("headers").sort_by_key(|pair| pair[0].to_string());
    assert_eq!(said, json!({"id": "m1", "headers": [["Nats-Msg-Id", "m1"], ["unit", "bar"]]}));

    // A message of any size that is allowed, and none larger.
    let sized = |size: usize| ("small".to_owned(), format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8)));
    client.publish([sized(10_000), sized(10_001)]);
    says(&engine, "small", "A message of 10001 bytes is larger than the limit of 10000 bytes");
    assert_eq!(settled(&engine, "small", 1).bytes, 10_000);
    engine.stop();
}

#[test]
fn the_server_must_prove_who_it_is_and_so_may_we() {
    let tls = |verify: bool| {
        Nats::with(move |_| {
            format!(
                "tls {{ cert_file: \"FOLDER/server.pem\", key_file: \"FOLDER/server.key\", ca_file: \"FOLDER/ca.pem\", \
                 verify: {verify} }}\n"
            )
        })
    };
    let (open, strict, plain) = (tls(false), tls(true), Nats::start());
    let home = Home::new();
    let file = |nats: &Nats, name: &str| nats.file(name).display().to_string();
    let feed = |name: &str, scheme: &str, nats: &Nats, tls: &str| {
        let port = nats.port;
        format!("[feed.{name}.nats]\nurl = \"{scheme}://localhost:{port}\"\nsubjects = [\"a\"]\n{tls}\n")
    };
    let ca = |nats: &Nats, name: &str| format!("tls = {{ ca = \"{}\" }}", file(nats, name));
    let pair = |nats: &Nats, ca: &str| {
        let [ca, cert, key] = [ca, "client.pem", "client.key"].map(|name| file(nats, name));
        format!("tls = {{ ca = \"{ca}\", cert = \"{cert}\", key = \"{key}\" }}")
    };
    let config = [
        feed("own", "nats+tls", &open, &ca(&open, "ca.pem")),
        feed("foreign", "nats+tls", &open, &ca(&open, "other-ca.pem")),
        feed("unknown", "nats+tls", &open, ""),
        feed("certified", "nats+tls", &strict, &pair(&strict, "ca.pem")),
        feed("nameless", "nats+tls", &strict, &ca(&strict, "ca.pem")),
        // A certificate of another authority than the server trusts.
        feed(
            "stranger",
            "nats+tls",
            &strict,
            &pair(&strict, "ca.pem").replace(&file(&strict, "client."), &file(&open, "client.")),
        ),
        feed("clear", "nats", &open, ""),
        feed("bare", "nats+tls", &plain, &ca(&open, "ca.pem")),
    ];
    let engine = home.engine(&config.concat());
    ["own", "certified"].iter().for_each(|feed| state(&engine, feed, "live"));
    let publish = |nats: &Nats, pair: bool| {
        let options = ConnectOptions::new().add_root_certificates(nats.file("ca.pem")).require_tls(true);
        let options = match pair {
            true => options.add_client_certificate(nats.file("client.pem"), nats.file("client.key")),
            false => options,
        };
        Client::connect(nats.port, options).publish(messages("a", 1..=20));
    };
    publish(&open, false);
    publish(&strict, true);
    for feed in ["own", "certified"] {
        let books = settled(&engine, feed, 20);
        assert_eq!((books.received, books.stored), (20, 20), "{feed}: {books:?}");
        assert!(engine.status().1.iter().any(|row| row.name == feed), "{feed}");
    }
    for (feed, part) in [
        ("foreign", "certificate is not trusted"),
        ("unknown", "certificate is not trusted"),
        ("nameless", "wants a client certificate"),
        ("stranger", "Check the client certificate"),
        ("clear", "Begin the address with nats+tls://"),
        ("bare", "offers no TLS"),
    ] {
        state(&engine, feed, "refused");
        says(&engine, feed, part);
        assert_eq!(accounts(&engine, feed).received, 0);
    }
    engine.stop();
}

/// A user's key as `nk -gen user` writes it, and its public part.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

#[test]
fn who_is_let_in_reads_and_who_is_not_is_told_so() {
    let nats = Nats::with(|_| {
        format!(
            "authorization {{ users: [ {{ user: ann, password: s3cr3t-ann }}, {{ nkey: {PUBLIC} }}, \
             {{ user: bob, password: s3cr3t-bob, permissions: {{ subscribe: [\"public.>\", \"_INBOX.>\"] }} }} ] }}\n"
        )
    });
    let token = Nats::with(|_| "authorization { token: t0ken-x }\n".to_owned());
    let (config, creds) = operated();
    let operated = Nats::with(|_| config.clone());
    let home = Home::new();
    home.write("user.creds", creds);
    home.write("ann.txt", "s3cr3t-ann\n");
    home.write("bob.txt", "s3cr3t-bob");
    home.write("wrong.txt", "wr0ng");
    home.write("token.txt", "t0ken-x");
    home.write("seed.txt", SEED);
    home.write("no.creds", "-----BEGIN NATS USER JWT-----\nx\n");
    let feed = |name: &str, nats: &Nats, who: &str, subject: &str| {
        let port = nats.port;
        format!("[feed.{name}.nats]\nurl = \"nats://127.0.0.1:{port}\"\nsubjects = [\"{subject}\"]\n{who}\n")
    };
    let user = |name: &str, file: &str| format!("user = \"{name}\"\npassword = {{ file = \"{file}\" }}");
    let config = [
        feed("ann", &nats, &user("ann", "ann.txt"), "a"),
        feed("key", &nats, "nkey = { file = \"seed.txt\" }", "a"),
        feed("token", &token, "token = { file = \"token.txt\" }", "a"),
        feed("creds", &operated, "creds = { file = \"user.creds\" }", "a"),
        feed("keyless", &operated, "nkey = { file = \"seed.txt\" }", "a"),
        feed("wrong", &nats, &user("ann", "wrong.txt"), "a"),
        feed("badtoken", &token, "token = { file = \"wrong.txt\" }", "a"),
        feed("nobody", &nats, "", "a"),
        feed("broken", &nats, "creds = { file = \"no.creds\" }", "a"),
        feed("bob", &nats, &user("bob", "bob.txt"), "private.x"),
        feed("jet", &nats, &user("ann", "ann.txt"), "a").replace("subjects", "stream = \"S\"\nsubjects"),
    ];
    let engine = home.engine(&config.concat());
    ["ann", "key", "token", "creds"].iter().for_each(|feed| state(&engine, feed, "live"));
    let ann = ConnectOptions::new().user_and_password("ann".into(), "s3cr3t-ann".into());
    Client::connect(nats.port, ann).publish(messages("a", 1..=10));
    Client::connect(token.port, ConnectOptions::new().token("t0ken-x".into())).publish(messages("a", 1..=10));
    for feed in ["ann", "key", "token"] {
        assert_eq!(settled(&engine, feed, 10).stored, 10, "{feed}");
    }
    for (feed, part) in [
        ("wrong", "does not accept the user \\\"ann\\\" or the password"),
        ("badtoken", "does not accept the token"),
        ("keyless", "does not accept the key"),
        ("nobody", "give user and password, a token, creds or nkey"),
        ("broken", "`creds` holds no credentials of NATS"),
        ("bob", "Reading private.x is not allowed"),
        ("jet", "JetStream is not enabled"),
    ] {
        state(&engine, feed, "refused");
        says(&engine, feed, part);
        let said = status(&engine, feed);
        assert!(!["wr0ng", "s3cr3t", "t0ken"].iter().any(|secret| said.contains(secret)), "{said}");
    }
    engine.stop();
}

#[test]
fn a_queue_group_splits_what_is_published_between_two_consoles() {
    let nats = Nats::start();
    let homes = [Home::new(), Home::new()];
    let runs = homes.each_ref().map(|home| {
        home.write("feeds.toml", core(nats.port, "[\"plant.>\"]", "queue = \"collectors\""));
        follow(home)
    });
    let client = nats.client();
    let readers = homes.each_ref().map(reader_of);
    let stored = || readers.each_ref().map(|reader| read(&kept(reader)).into_iter().collect::<BTreeSet<u64>>());
    let mut next = 0;
    let mut publish = |count: u64| {
        client.publish(messages("plant.a", next + 1..=next + count));
        next += count;
        next
    };
    // Whoever listens already gets all of it; what comes before the first is heard by nobody.
    wait_until("both listen", LONG, || {
        publish(10);
        stored().iter().all(|stored| !stored.is_empty())
    });
    let before = publish(10);
    let last = publish(2_000);
    wait_until("all is stored by one of them", LONG, || {
        let [first, second] = stored();
        (before + 1..=last).all(|seq| first.contains(&seq) || second.contains(&seq))
    });
    let [first, second] = readers.each_ref().map(|reader| read(&kept(reader)));
    let of_the_last = |read: &[u64]| read.iter().filter(|seq| **seq > before).count();
    let counts = [of_the_last(&first), of_the_last(&second)];
    assert_eq!(counts.iter().sum::<usize>(), 2_000, "against what was published: each by one of them");
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
    for run in runs {
        run.interrupt();
        assert_eq!(run.end(LONG).json()["accounts"]["plant"]["dropped"], 0);
    }
}

#[test]
fn after_a_killed_server_subjects_are_read_on_and_the_outage_is_a_gap() {
    let mut nats = Nats::start();
    let home = Home::new();
    let engine = home.engine(&core(nats.port, "[\"plant.>\"]", ""));
    state(&engine, "plant", "live");
    nats.client().publish(messages("plant.a", 1..=100));
    settled(&engine, "plant", 100);
    nats.kill();
    state(&engine, "plant", "down");
    says(&engine, "plant", "Nothing listens");
    nats.start_again();
    state(&engine, "plant", "live");
    nats.client().publish(messages("plant.a", 101..=200));
    let books = settled(&engine, "plant", 200);
    assert_eq!((books.received, books.stored), (200, 200), "{books:?}");
    let gaps = gaps(&engine, "plant");
    assert!(gaps.iter().any(|gap| gap.starts_with("disconnected: The connection was cut")), "{gaps:#?}");
    engine.stop();
    each_once(&kept(&home.reader()), 1..=200);
}

#[test]
fn a_server_that_falls_silent_or_ends_slowly_is_left() {
    let nats = Nats::with(|_| "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"\n".to_owned());
    let home = Home::new();
    let proxy = Proxy::to(nats.address());
    let engine = home.engine(&core(proxy.address().port(), "[\"plant.>\"]", "ping_interval = \"200ms\""));
    state(&engine, "plant", "live");
    proxy.stall();
    says(&engine, "plant", "Nothing was heard for 400 ms, not even an answer to a ping");
    proxy.flow();
    state(&engine, "plant", "live");
    nats.client().publish(messages("plant.a", 1..=10));
    settled(&engine, "plant", 10);
    // Nobody else is there: it is read to its end.
    nats.end_slowly();
    says(&engine, "plant", "The server has ended, as it had said before (lame duck mode)");
    engine.stop();
}

#[test]
fn while_a_server_ends_another_one_of_its_cluster_is_read() {
    let routes = [feedwatch_tests::nats::free_port(), feedwatch_tests::nats::free_port()];
    let of_cluster = |own: u16, other: u16| {
        Nats::with(move |_| {
            format!(
                "cluster {{ name: c, listen: \"127.0.0.1:{own}\", routes: [ \"nats://127.0.0.1:{other}\" ] }}\n\
                 lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"\n"
            )
        })
    };
    let (first, second) = (of_cluster(routes[0], routes[1]), of_cluster(routes[1], routes[0]));
    let home = Home::new();
    let client = second.client();
    let engine = home.engine(&core(first.port, "[\"plant.>\"]", ""));
    state(&engine, "plant", "live");
    let mut next = 0;
    let mut reaches = || {
        next += 1;
        client.publish(messages("plant.a", next..=next));
        accounts(&engine, "plant").received
    };
    wait_until("the cluster is one", LONG, || reaches() > 0);
    first.end_slowly();
    says(&engine, "plant", "Another one of its cluster is tried");
    state(&engine, "plant", "live");
    let before = accounts(&engine, "plant").received;
    wait_until("it goes on", LONG, || reaches() > before);
    engine.stop();
}

#[test]
fn a_stream_is_begun_at_its_beginning_at_its_end_or_at_a_time() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    client.put(messages("plant.a", 1..=100));
    let homes = [Home::new(), Home::new(), Home::new()];
    let start = |home: &Home, durable: &str, start: &str| {
        home.engine(&of_stream(nats.port, &format!("durable = \"{durable}\"\nstart = \"{start}\"")))
    };
    let earliest = start(&homes[0], "first", "earliest");
    settled(&earliest, "plant", 100);
    let messages_of = |engine: &Engine| kept(&engine.reader().expect("a history"));
    let said = beside(&messages_of(&earliest)[99]);
    assert_eq!((&said["lane"], &said["offset"], &said["redelivered"]), (&"PLANT".into(), &100.into(), &Value::Null));
    // The broker's own time of a message in the middle is where the next one begins.
    let middle = beside(&messages_of(&earliest)[60])["time"].as_str().expect("a time").to_owned();
    let at = start(&homes[1], "second", &middle);
    let latest = start(&homes[2], "third", "latest");
    is_read(&client, "third");
    client.put(messages("plant.a", 101..=150));
    settled(&at, "plant", 90);
    settled(&latest, "plant", 50);
    settled(&earliest, "plant", 150);
    each_once(&messages_of(&earliest), 1..=150);
    each_once(&messages_of(&at), 61..=150);
    each_once(&messages_of(&latest), 101..=150);
    // What comes while it is away waits, though nothing before it was wanted.
    latest.stop();
    is_done(&client, "third");
    client.put(messages("plant.a", 151..=180));
    let latest = start(&homes[2], "third", "latest");
    settled(&latest, "plant", 30);
    each_once(&messages_of(&latest), 101..=180);
    for (engine, durable) in [(earliest, "first"), (at, "second"), (latest, "third")] {
        settled(&engine, "plant", 30);
        engine.stop();
        is_done(&client, durable);
    }
}

#[test]
fn a_part_of_a_stream_is_read_by_its_subjects() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>", "x.>"]);
    client.put(
        messages("plant.a.level", 1..=50).chain(messages("plant.a.flow", 900..=950)).chain(messages("x.y", 51..=60)),
    );
    let home = Home::new();
    let config = |subjects: &str| of_stream(nats.port, &format!("subjects = {subjects}\nstart = \"earliest\""));
    let engine = home.engine(&config("[\"plant.*.level\", \"x.>\"]"));
    settled(&engine, "plant", 60);
    engine.stop();
    each_once(&kept(&home.reader()), 1..=60);
    // Other subjects from now on: the consumer of ours gets them.
    client.put(messages("x.y", 61..=70));
    let engine = home.engine(&config("[\"plant.*.level\"]"));
    is_read(&client, DURABLE);
    client.put(messages("plant.b.level", 71..=80));
    wait_until("what fits is there", LONG, || accounts(&engine, "plant").stored == 10);
    engine.stop();
    let read = read(&kept(&home.reader()));
    assert_eq!(read, (1..=60).chain(71..=80).collect::<Vec<_>>());
}

#[test]
fn nothing_is_lost_over_a_killed_server_and_nothing_is_stored_twice() {
    let mut nats = Nats::start();
    let home = Home::new();
    // What we send is kept back for a while, so that there is something to hand out again.
    let proxy = Proxy::to(nats.address());
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let config = of_stream(proxy.address().port(), "");
    let engine = home.engine(&config);
    is_read(&client, DURABLE);
    client.put(messages("plant.a", 1..=400));
    settled(&engine, "plant", 400);
    is_done(&client, DURABLE);
    proxy.hold();
    client.put(messages("plant.a", 401..=1000));
    settled(&engine, "plant", 1000);

    nats.kill();
    proxy.cut();
    proxy.release();
    drop(client);
    nats.start_again();
    let client = nats.client();
    client.put(messages("plant.a", 1001..=1500));
    let books = wait_for("what was sent meanwhile is there", LONG, || {
        Some(accounts(&engine, "plant")).filter(|books| books.stored == 1500 && books.in_flight == 0)
    });
    assert!(books.duplicate >= 600, "what was not acknowledged came twice, and was known: {books:?}");
    assert_eq!(books.rejected + books.dropped, 0, "{books:?}");

    // What comes while we are away waits in the stream.
    engine.stop();
    is_done(&client, DURABLE);
    client.put(messages("plant.a", 1501..=2000));
    let engine = home.engine(&config);
    wait_until("all of it is there", LONG, || accounts(&engine, "plant").stored == 500);
    assert_eq!(losses(&engine), Vec::<String>::new());
    engine.stop();
    each_once(&kept(&home.reader()), 1..=2000);
    is_done(&client, DURABLE);
}

#[test]
fn our_own_kill_between_commit_and_acknowledgement_stores_nothing_twice() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let home = Home::new();
    let proxy = Proxy::to(nats.address());
    home.write("feeds.toml", of_stream(proxy.address().port(), ""));
    let mut run = follow(&home);
    is_read(&client, DURABLE);
    proxy.hold();
    client.put(messages("plant.a", 1..=700));
    let reader = reader_of(&home);
    wait_until("all is committed", LONG, || kept(&reader).len() == 700);
    run.kill();
    proxy.cut();
    let open = |client: &Client| client.waiting("PLANT", DURABLE).map(|consumer| consumer.unacknowledged);
    assert_eq!(open(&client), Some(700), "none was acknowledged");

    proxy.release();
    client.put(messages("plant.a", 701..=800));
    let run = follow(&home);
    is_done(&client, DURABLE);
    run.interrupt();
    let report = run.end(LONG).json();
    let books = &report["accounts"]["plant"];
    assert_eq!((&books["stored"], &books["in_flight"]), (&100.into(), &0.into()), "{report:#}");
    // Some may be handed out a third time before the server has heard that they came.
    assert!(books["duplicate"].as_u64().is_some_and(|count| count >= 700), "{report:#}");
    eprintln!("{} came again and were known", books["duplicate"]);
    each_once(&kept(&reader), 1..=800);
    // The consumer has its usual configuration again.
    wait_until("nobody reads it", LONG, || client.waiting("PLANT", DURABLE).is_some_and(|one| one.asking == 0));
}

#[test]
fn over_our_own_kills_while_messages_flow_nothing_is_lost_and_their_order_is_kept() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let home = Home::new();
    home.write("feeds.toml", of_stream(nats.port, "start = \"earliest\""));
    let mut next = 0;
    let mut put = |count: u64| {
        client.put(messages("plant.a", next + 1..=next + count));
        next += count;
    };
    for _ in 0..3 {
        let mut run = follow(&home);
        let reader = reader_of(&home);
        let before = kept(&reader).len();
        wait_until("some are stored while others come", LONG, || {
            put(50);
            kept(&reader).len() > before + 500
        });
        run.kill();
        put(500);
    }
    let last = next;
    let run = follow(&home);
    let reader = reader_of(&home);
    wait_until("all is stored", LONG, || read(&kept(&reader)).len() as u64 >= last);
    is_done(&client, DURABLE);
    run.interrupt();
    let report = run.end(LONG).json();
    let messages = kept(&reader);
    each_once(&messages, 1..=last);
    assert!(read(&messages).is_sorted(), "what was handed out before comes before what is new");
    let lost =
        report["findings"].as_array().map_or(0, |all| all.iter().filter(|one| one["check"] == "sequence").count());
    assert_eq!(lost, 0, "{report:#}");
    let again = messages.iter().filter(|message| message.outcome == Outcome::Duplicate).count();
    eprintln!("{last} published, {again} came again and were recognised");
}

#[test]
fn two_consoles_share_a_consumer_and_what_one_leaves_the_other_stores() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    // Made by somebody else: it hands out again after a second.
    let config = consumer::pull::Config {
        durable_name: Some("shared".to_owned()),
        ack_policy: consumer::AckPolicy::Explicit,
        ack_wait: Duration::from_secs(1),
        ..consumer::pull::Config::default()
    };
    client.make_pull("PLANT", config);
    let homes = [Home::new(), Home::new()];
    // What the first acknowledges can be kept back, so that it leaves something behind.
    let proxy = Proxy::to(nats.address());
    homes[0].write("feeds.toml", of_stream(proxy.address().port(), "durable = \"shared\""));
    homes[1].write("feeds.toml", of_stream(nats.port, "durable = \"shared\""));
    let [mut first, second] = homes.each_ref().map(follow);
    wait_until("both read it", LONG, || client.waiting("PLANT", "shared").is_some_and(|one| one.asking >= 2));
    let readers = homes.each_ref().map(reader_of);
    let stored = |at: usize| read(&kept(&readers[at]));
    let mut next = 0;
    wait_until("both have messages", LONG, || {
        client.put(messages("plant.a", next + 1..=next + 20));
        next += 20;
        !stored(0).is_empty() && !stored(1).is_empty()
    });
    is_done(&client, "shared");
    // The first one gets some whose acknowledgement never comes, and is killed.
    proxy.hold();
    client.put(messages("plant.a", next + 1..=next + 400));
    next += 400;
    let open = |count| client.waiting("PLANT", "shared").is_some_and(|one| one.unacknowledged > 0 && one.left == count);
    wait_until("all is handed out, and what the first one has stays open", LONG, || open(0));
    first.kill();
    proxy.cut();
    client.put(messages("plant.a", next + 1..=next + 50));
    next += 50;
    is_done(&client, "shared");
    let all: BTreeSet<u64> = stored(0).into_iter().chain(stored(1)).collect();
    assert_eq!(all, (1..=next).collect(), "every message is stored by one of them");
    for at in [0, 1] {
        let stored = stored(at);
        assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len(), "none is stored twice by one of them");
    }
    let late = kept(&readers[1]).into_iter().filter(|message| message.outcome == Outcome::Read);
    let late = late.filter(|message| beside(message)["redelivered"] == true).count();
    assert!(late > 50, "{late} came to the second after newer ones, and were not taken for known");
    second.interrupt();
    second.end(LONG);
    assert_eq!(client.consumers("PLANT"), ["shared"], "nothing of ours is left there");
}

#[test]
fn what_a_stream_has_deleted_unread_is_a_gap_with_its_count() {
    let nats = Nats::start();
    let client = nats.client();
    let of = |name: &str, subject: &str, max_messages| stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        max_messages,
        ..stream::Config::default()
    };
    client.make(of("PLANT", "plant.>", 100));
    let home = Home::new();
    let config = of_stream(nats.port, "start = \"earliest\"");
    client.put(messages("plant.a", 1..=10));
    let engine = home.engine(&config);
    settled(&engine, "plant", 10);
    engine.stop();
    is_done(&client, DURABLE);
    client.put(messages("plant.a", 11..=210));
    let engine = home.engine(&config);
    settled(&engine, "plant", 100);
    let gaps = gaps(&engine, "plant");
    let sentence = "The stream PLANT has deleted 100 messages before they were read: they are lost.";
    assert!(gaps.iter().any(|gap| gap.contains(sentence)), "{gaps:#?}");
    assert_eq!(gaps.iter().filter(|gap| gap.contains("has deleted")).count(), 1, "it is told once: {gaps:#?}");
    engine.stop();
    assert_eq!(read(&kept(&home.reader())), (1..=10).chain(111..=210).collect::<Vec<_>>());
    assert!(home.reader().gaps(Some(kept_feed(&home)), Time::MIN, Time::MAX).is_ok_and(|gaps| {
        gaps.iter().any(|gap| gap.cause != GapCause::Stopped && gap.detail.contains("deleted 100 messages"))
    }));
}

fn kept_feed(home: &Home) -> feedwatch_model::FeedId {
    home.reader().feeds().expect("feeds").first().expect("a feed").id
}

#[test]
fn a_stream_made_anew_is_read_whole_by_a_lane_of_its_own() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let home = Home::new();
    let config = of_stream(nats.port, "");
    let engine = home.engine(&config);
    is_read(&client, DURABLE);
    client.put(messages("plant.a", 1..=100));
    settled(&engine, "plant", 100);
    is_done(&client, DURABLE);

    // While it is read: the consumer goes with the stream.
    client.delete_stream("PLANT");
    says(&engine, "plant", "There is no stream PLANT");
    state(&engine, "plant", "refused");
    engine.stop();
    client.make_stream("PLANT", &["plant.>"]);
    client.put(messages("plant.a", 101..=150));
    let engine = home.engine(&config);
    settled(&engine, "plant", 50);
    let lane = |engine: &Engine, at: usize| beside(&kept(&engine.reader().expect("a history"))[at])["lane"].clone();
    assert_eq!((lane(&engine, 99), lane(&engine, 149)), ("PLANT".into(), "PLANT#1".into()));
    is_done(&client, DURABLE);

    // A consumer alone that is deleted is made anew, where the history ends.
    client.delete_consumer("PLANT", DURABLE);
    client.put(messages("plant.a", 151..=200));
    says(&engine, "plant", "The consumer was deleted at the server");
    settled(&engine, "plant", 100);
    assert_eq!(lane(&engine, 199), "PLANT#1");
    let books = accounts(&engine, "plant");
    assert_eq!((books.stored, books.duplicate), (100, 0), "{books:?}");
    engine.stop();
    each_once(&kept(&home.reader()), 1..=200);
}

#[test]
fn what_jetstream_cannot_give_is_told_with_the_cure() {
    let nats = Nats::start();
    let bare = Nats::with(|_| String::new());
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let durable = |name: &str| Some(name.to_owned());
    client.make_push(
        "PLANT",
        consumer::push::Config {
            durable_name: durable("push"),
            deliver_subject: "somewhere".to_owned(),
            ..consumer::push::Config::default()
        },
    );
    for (name, ack_policy, filter_subject) in
        [("careless", consumer::AckPolicy::None, ""), ("other", consumer::AckPolicy::Explicit, "plant.x")]
    {
        client.make_pull(
            "PLANT",
            consumer::pull::Config {
                durable_name: durable(name),
                ack_policy,
                filter_subject: filter_subject.to_owned(),
                ..consumer::pull::Config::default()
            },
        );
    }
    let home = Home::new();
    let feed = |name: &str, port: u16, stream: &str, more: &str| {
        format!("[feed.{name}.nats]\nurl = \"nats://127.0.0.1:{port}\"\nstream = \"{stream}\"\n{more}\n")
    };
    let config = [
        feed("absent", nats.port, "ABSENT", ""),
        feed("bare", bare.port, "PLANT", ""),
        feed("push", nats.port, "PLANT", "durable = \"push\""),
        feed("careless", nats.port, "PLANT", "durable = \"careless\""),
        feed("other", nats.port, "PLANT", "durable = \"other\"\nsubjects = [\"plant.y\"]"),
        feed("foreign", nats.port, "PLANT", "subjects = [\"elsewhere\"]"),
        feed("plant", nats.port, "PLANT", ""),
        feed("small", nats.port, "PLANT", "max_message = \"10kB\""),
    ];
    let engine = home.engine(&config.concat());
    for (feed, part) in [
        ("absent", "There is no stream ABSENT"),
        ("bare", "JetStream is not enabled"),
        ("push", "already that sends by itself (push)"),
        ("careless", "has the acknowledgement policy \\\"none\\\""),
        ("other", "takes other subjects (plant.x)"),
        // The server takes a consumer for subjects that its stream does not have.
        ("plant", "live"),
    ] {
        says(&engine, feed, part);
    }
    // Another console with a feed of this name would get half of the messages: it is told.
    is_read(&client, DURABLE);
    let other = Home::new();
    let second = other.engine(&feed("plant", nats.port, "PLANT", ""));
    says(&second, "plant", "The consumer feedwatch-plant is read already");
    second.stop();
    // A message that is too large stops the feed with the cure, and is not passed over.
    is_read(&client, "feedwatch-small");
    client.put([("plant.a".to_owned(), format!("{{\"a\":\"{}\"}}", "x".repeat(20_000)))]);
    says(&engine, "small", "A message of 20008 bytes is larger than the limit of 10000 bytes");
    assert_eq!(settled(&engine, "plant", 1).stored, 1);
    engine.stop();
}

#[test]
fn a_look_learns_subjects_and_streams_and_leaves_nothing_behind() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    client.put(messages("plant.a", 1..=300));
    let home = Home::new();
    let port = nats.port;
    let ended = home.run(&["probe", &format!("nats://127.0.0.1:{port}/?stream=PLANT"), "--json", "--for", "3s"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    assert_eq!(report["protocol"], "nats");
    assert_eq!(report["accounts"]["received"], 100, "{report:#}");
    assert_eq!(report["source"], format!("nats://127.0.0.1:{port}/?stream=PLANT"));
    let names: Vec<&str> = report["profile"]["kinds"][0]["series"]
        .as_array()
        .expect("series")
        .iter()
        .filter_map(|series| series["name"].as_str())
        .collect();
    assert!(names.contains(&"level"), "{report:#}");
    assert_eq!(client.consumers("PLANT"), Vec::<String>::new(), "nothing is left behind");

    // A work queue gives each message to one consumer only: of it what comes is looked at.
    client.make(stream::Config {
        name: "WORK".to_owned(),
        subjects: vec!["work.>".to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    });
    let addresses = ["plant.>", "work.*?stream=WORK", "plant.>?queue=collectors"];
    let looks = addresses.map(|address| {
        home.start(&["probe", &format!("nats://127.0.0.1:{port}/{address}"), "--json", "--for", "30s", "--follow"])
    });
    let heard = |look: &Process| {
        look.lines().iter().any(|line| line.contains("\"accounts\"") && !line.contains("\"received\":0,"))
    };
    let mut next = 300;
    wait_until("all have heard something", LONG, || {
        next += 1;
        client.publish(messages("plant.a", next..=next).chain(messages("work.a", next..=next)));
        looks.iter().all(heard)
    });
    for look in looks {
        look.interrupt();
        let report = look.end(LONG).json();
        assert!(report["accounts"]["received"].as_u64().is_some_and(|count| count > 0), "{report:#}");
    }
    assert_eq!((client.consumers("PLANT").len(), client.consumers("WORK").len()), (0, 0));
    // Somebody who is not let in is told at once.
    let token = Nats::with(|_| "authorization { token: t0ken-x }\n".to_owned());
    let address = format!("nats://wr0ng@127.0.0.1:{}/a", token.port);
    let ended = home.run(&["probe", &address, "--for", "60s"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("does not accept the token") && !ended.err.contains("wr0ng"), "{ended:?}");
}

#[test]
fn a_work_queue_keeps_what_is_not_on_disk() {
    let nats = Nats::start();
    let client = nats.client();
    client.make(stream::Config {
        name: "PLANT".to_owned(),
        subjects: vec!["plant.>".to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    });
    client.put(messages("plant.a", 1..=100));
    let home = Home::new();
    let proxy = Proxy::to(nats.address());
    home.write("feeds.toml", of_stream(proxy.address().port(), ""));
    let mut run = follow(&home);
    let reader = reader_of(&home);
    wait_until("all is stored", LONG, || kept(&reader).len() == 100);
    is_done(&client, DURABLE);
    proxy.hold();
    client.put(messages("plant.a", 101..=200));
    wait_until("all is stored", LONG, || kept(&reader).len() == 200);
    run.kill();
    proxy.cut();
    proxy.release();
    let run = follow(&home);
    is_done(&client, DURABLE);
    run.interrupt();
    run.end(LONG);
    each_once(&kept(&reader), 1..=200);
}
