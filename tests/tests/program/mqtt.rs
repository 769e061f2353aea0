//! MQTT against mosquitto.

use std::collections::BTreeSet;

use feedwatch_engine::Engine;
use feedwatch_model::Time;
use feedwatch_store::{Outcome, Reader, StoredMessage};
use feedwatch_tests::home::Home;
use feedwatch_tests::mosquitto::{Listener, Mosquitto, USER};
use feedwatch_tests::process::Process;
use feedwatch_tests::proxy::Proxy;
use feedwatch_tests::skip;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};
use serde_json::Value;

const MISSING: &str = "there is no mosquitto, which `scripts/setup test` installs";

fn message(seq: u64) -> String {
    format!("{{\"seq\":{seq},\"level\":{}}}", 20 + seq % 7)
}

fn messages(topic: &str, seqs: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = (&str, String)> {
    seqs.map(move |seq| (topic, message(seq)))
}

fn kept(reader: &Reader, feed: &str) -> Vec<StoredMessage> {
    let feeds = reader.feeds().expect("feeds");
    let Some(feed) = feeds.iter().find(|found| &*found.name == feed) else { return Vec::new() };
    reader.messages(feed.id, Time::MIN, Time::MAX, 100_000).expect("messages")
}

fn seq(message: &StoredMessage) -> u64 {
    let value: Value = serde_json::from_slice(&message.payload).expect("JSON");
    value["seq"].as_u64().expect("a number")
}

/// The numbers of the messages that were stored, sorted.
fn stored(messages: &[StoredMessage]) -> Vec<u64> {
    let read = messages.iter().filter(|message| message.outcome == Outcome::Read).map(seq);
    let mut read: Vec<u64> = read.collect();
    read.sort_unstable();
    read
}

/// Each of the numbers from 1 on is there once, whatever the order.
#[track_caller]
fn each_once(messages: &[StoredMessage], last: u64) {
    assert_eq!(stored(messages), (1..=last).collect::<Vec<_>>(), "none is lost, none is there twice");
}

fn status(engine: &Engine, feed: &str) -> String {
    let row = engine.status().1.into_iter().find(|row| row.name == feed).expect("the feed");
    format!("{} {:?}", row.state, row.state_text)
}

#[track_caller]
fn says(engine: &Engine, feed: &str, part: &str) {
    let mut said = BTreeSet::new();
    let deadline = std::time::Instant::now() + LONG;
    loop {
        said.insert(status(engine, feed));
        if said.iter().any(|text| text.contains(part)) {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{feed} does not say {part:?}: {said:#?}");
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
}

fn feed(name: &str, port: u16, lines: &str) -> String {
    format!("[feed.{name}.mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\n{lines}\n")
}

/// The client_id of a feed in the log of the broker begins with this.
fn id(feed: &str) -> String {
    format!("feedwatch-{feed}-")
}

#[test]
fn topics_are_read_with_wildcards_their_retained_flag_and_their_properties() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let mut client = broker.client();
    client.retain("plant/1/level", &message(1));
    client.retain("plant/1/other", &message(90));
    let home = Home::new();
    let topics = "topics = [\"plant/+/level\", { topic = \"alerts/#\", qos = 2 }]";
    let engine = home.engine(&feed("plant", broker.port(Listener::Plain), topics));
    settled(&engine, "plant", 1);
    client.publish(messages("plant/2/level", 2..=2).chain(messages("elsewhere", 91..=91)));
    client.publish_with("alerts/a/b", &message(3), "application/json", ("unit", "bar"));
    client.publish_exactly_once(messages("alerts", 4..=4).chain(messages("plant/2", 92..=92)));
    let books = settled(&engine, "plant", 4);
    assert_eq!((books.received, books.stored), (4, 4), "{books:?}");
    let mut kept = kept(&engine.reader().expect("a history"), "plant");
    kept.sort_by_key(seq);
    let said = |message: &StoredMessage| -> (String, Value) {
        let beside = message.meta.as_deref().map_or(Value::Null, |beside| serde_json::from_str(beside).expect("JSON"));
        (message.topic.as_deref().expect("a topic").to_owned(), beside)
    };
    let said: Vec<(String, Value)> = kept.iter().map(said).collect();
    let headers = serde_json::json!({ "headers": [["content-type", "application/json"], ["unit", "bar"]] });
    let expected = [
        ("plant/1/level".to_owned(), serde_json::json!({ "retained": true })),
        ("plant/2/level".to_owned(), Value::Null),
        ("alerts/a/b".to_owned(), headers),
        ("alerts".to_owned(), Value::Null),
    ];
    assert_eq!(said, expected);
    wait_until("the message of QoS 2 is through", LONG, || broker.logged("Received PUBCOMP", &id("plant")) == 1);
    engine.stop();
}

#[test]
fn the_broker_must_prove_who_it_is_and_so_may_we() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    broker.client().retain("plant", &message(1));
    let home = Home::new();
    let file = |name: &str| broker.file(name).display().to_string();
    let (ca, other, cert, key) = (file("ca.pem"), file("other-ca.pem"), file("client.pem"), file("client.key"));
    let feed = |name: &str, listener: Listener, tls: &str| {
        let scheme = if listener == Listener::SecureWebSocket { "mqtt+wss" } else { "mqtts" };
        let port = broker.port(listener);
        format!("[feed.{name}.mqtt]\nurl = \"{scheme}://localhost:{port}\"\ntopics = [\"#\"]\n{tls}\n")
    };
    let own = format!("tls = {{ ca = \"{ca}\" }}");
    let both = format!("tls = {{ ca = \"{ca}\", cert = \"{cert}\", key = \"{key}\" }}");
    let foreign = format!("tls = {{ ca = \"{other}\" }}");
    let wrong_way =
        format!("[feed.bare.mqtt]\nurl = \"mqtt://localhost:{}\"\ntopics = [\"#\"]\n", broker.port(Listener::Tls));
    let engine = home.engine(
        &[
            feed("own", Listener::Tls, &own),
            feed("socket", Listener::SecureWebSocket, &own),
            feed("certified", Listener::Certified, &both),
            feed("nameless", Listener::Certified, &own),
            feed("foreign", Listener::Tls, &foreign),
            feed("unknown", Listener::Tls, ""),
            feed("open", Listener::Plain, &own),
            wrong_way,
        ]
        .concat(),
    );
    for feed in ["own", "socket", "certified"] {
        let books = settled(&engine, feed, 1);
        assert_eq!((books.received, books.stored), (1, 1), "{feed}: {books:?}");
    }
    for (feed, part) in [
        ("foreign", "certificate is not trusted"),
        ("unknown", "certificate is not trusted"),
        ("nameless", "may want a client certificate"),
    ] {
        state(&engine, feed, "refused");
        says(&engine, feed, part);
        assert_eq!(accounts(&engine, feed).received, 0);
    }
    says(&engine, "bare", "Check the port");
    says(&engine, "open", "if the broker has no TLS, the address begins with mqtt://");
    engine.stop();
}

#[test]
fn who_knows_the_password_is_let_in_in_both_versions() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    broker.client().retain("plant", &message(1));
    let home = Home::new();
    home.write("password.txt", USER.1);
    home.write("wrong.txt", "wr0ng");
    let login = |name: &str, more: &str| feed(name, broker.port(Listener::Login), &format!("topics = [\"#\"]\n{more}"));
    let user = |file: &str| format!("user = \"{}\"\npassword = {{ file = \"{file}\" }}\n", USER.0);
    let old = "version = \"3.1.1\"\n";
    let engine = home.engine(
        &[
            login("five", &user("password.txt")),
            login("three", &(user("password.txt") + old)),
            login("wrong5", &user("wrong.txt")),
            login("wrong3", &(user("wrong.txt") + old)),
            login("nobody", ""),
        ]
        .concat(),
    );
    for feed in ["five", "three"] {
        assert_eq!(settled(&engine, feed, 1).stored, 1, "{feed}");
    }
    for feed in ["wrong5", "wrong3"] {
        state(&engine, feed, "refused");
        says(&engine, feed, "does not let the user \\\"ann\\\" in");
        assert!(!status(&engine, feed).contains("wr0ng"));
    }
    state(&engine, "nobody", "refused");
    says(&engine, "nobody", "Give user and password");
    engine.stop();
}

#[test]
fn a_websocket_is_spoken_to_in_both_versions_and_leads_to_nothing_but_a_broker() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let home = Home::new();
    let port = broker.port(Listener::WebSocket);
    let feed = |name: &str, version: &str, qos: u8| {
        format!(
            "[feed.{name}.mqtt]\nurl = \"mqtt+ws://127.0.0.1:{port}\"\ntopics = [\"{name}/#\"]\nqos = {qos}\n\
             version = \"{version}\"\nmax_message = \"4MiB\"\n"
        )
    };
    let wrong = format!(
        "[feed.wrong.mqtt]\nurl = \"mqtt+ws://127.0.0.1:{}\"\ntopics = [\"#\"]\n",
        broker.port(Listener::Plain)
    );
    let engine = home.engine(&[feed("five", "5", 1), feed("three", "3.1.1", 0), wrong].concat());
    let mut client = broker.client();
    // This broker sends 4 KiB every 100 ms over a WebSocket.
    let long = format!("{{\"seq\":31,\"level\":20,\"text\":\"{}\"}}", "x".repeat(20_000));
    for name in ["five", "three"] {
        state(&engine, name, "live");
        let topic = format!("{name}/a");
        client.publish(messages(&topic, 1..=30).chain([(topic.as_str(), long.clone())]));
        let books = settled(&engine, name, 31);
        assert_eq!((books.received, books.stored), (31, 31), "{books:?}");
    }
    wait_until("all is acknowledged", LONG, || broker.logged("Received PUBACK", &id("five")) == 31);
    says(&engine, "wrong", "cut the connection");
    assert_eq!(accounts(&engine, "wrong").received, 0);
    let reader = engine.reader().expect("a history");
    for name in ["five", "three"] {
        each_once(&kept(&reader, name), 31);
    }
    engine.stop();
}

#[test]
fn a_broker_that_was_killed_and_knows_nothing_any_more_is_subscribed_to_again() {
    let Some(mut broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let home = Home::new();
    let port = broker.port(Listener::Plain);
    let feed = |name: &str, version: &str, qos: u8| {
        feed(name, port, &format!("topics = [\"plant/#\"]\nqos = {qos}\nversion = \"{version}\""))
    };
    let feeds = [("five0", "5", 0), ("five1", "5", 1), ("three0", "3.1.1", 0), ("three2", "3.1.1", 2)];
    let engine = home.engine(&feeds.map(|(name, version, qos)| feed(name, version, qos)).concat());
    for (name, ..) in feeds {
        state(&engine, name, "live");
    }
    let mut client = broker.client();
    client.publish(messages("plant/a", 1..=10));
    for (name, ..) in feeds {
        assert_eq!(settled(&engine, name, 10).stored, 10);
    }
    broker.kill();
    for (name, ..) in feeds {
        state(&engine, name, "down");
    }
    broker.forget();
    broker.start_again();
    for (name, ..) in feeds {
        state(&engine, name, "live");
    }
    let mut client = broker.client();
    client.publish(messages("plant/a", 11..=20));
    for (name, ..) in feeds {
        assert_eq!(settled(&engine, name, 20).stored, 20, "{name}");
    }
    let report = engine.stop();
    for (name, ..) in feeds {
        let gap = report.gaps.iter().find(|gap| gap.feed == name && gap.cause == "disconnected");
        assert!(gap.is_some(), "{name}: {:#?}", report.gaps);
        each_once(&kept(&home.reader(), name), 20);
    }
}

/// Messages that were not acknowledged come again, and what comes while nobody is there waits.
#[track_caller]
fn nothing_is_lost(version: &str, qos: u8) {
    let Some(mut broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let home = Home::new();
    // What we send is kept back for a while, so that there is something to send again.
    let proxy = Proxy::to(broker.address());
    let lines = format!("topics = [\"plant/#\"]\nqos = {qos}\nversion = \"{version}\"");
    let config = feed("plant", proxy.address().port(), &lines);
    let engine = home.engine(&config);
    state(&engine, "plant", "live");
    let acknowledgement = if qos == 1 { "Received PUBACK" } else { "Received PUBREC" };
    let mut client = broker.client();
    let publish = |client: &mut feedwatch_tests::mosquitto::Client, seqs| {
        if qos == 1 {
            client.publish(messages("plant/a", seqs))
        } else {
            client.publish_exactly_once(messages("plant/a", seqs))
        }
    };
    publish(&mut client, 1..=100);
    settled(&engine, "plant", 100);
    wait_until("they are acknowledged", LONG, || broker.logged(acknowledgement, &id("plant")) == 100);
    proxy.hold();
    publish(&mut client, 101..=115);
    settled(&engine, "plant", 115);

    broker.save();
    broker.kill();
    proxy.cut();
    proxy.release();
    drop(client);
    broker.start_again();
    let mut client = broker.client();
    publish(&mut client, 116..=150);
    let books = wait_for("what was sent meanwhile is there", 2 * LONG, || {
        Some(accounts(&engine, "plant")).filter(|books| books.stored == 150 && books.in_flight == 0)
    });
    assert!(books.duplicate >= 15, "what was not acknowledged came twice, and was known: {books:?}");
    assert_eq!(books.rejected + books.dropped, 0, "{books:?}");

    // What comes while we are away waits at the broker.
    let acknowledged = || broker.logged(acknowledgement, &id("plant"));
    wait_until("all of it is acknowledged", LONG, || acknowledged() >= 50);
    engine.stop();
    publish(&mut client, 151..=200);
    let engine = home.engine(&config);
    wait_until("all of it is there", LONG, || accounts(&engine, "plant").stored == 50);
    let report = engine.stop();
    let losses: Vec<_> = report.findings.iter().filter(|found| found.check.word() == "sequence").collect();
    assert!(losses.is_empty(), "{losses:#?}");
    each_once(&kept(&home.reader(), "plant"), 200);
}

#[test]
fn nothing_of_qos_1_is_lost_over_a_killed_broker_and_nothing_is_stored_twice() {
    nothing_is_lost("5", 1);
}

#[test]
fn nothing_of_qos_2_is_lost_over_a_killed_broker_and_nothing_is_stored_twice() {
    nothing_is_lost("5", 2);
}

#[test]
fn nothing_is_lost_over_a_killed_broker_in_mqtt_3_1_1_and_nothing_is_stored_twice() {
    nothing_is_lost("3.1.1", 1);
}

#[test]
fn our_own_kill_between_commit_and_acknowledgement_stores_nothing_twice() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let mut client = broker.client();
    let home = Home::new();
    let proxy = Proxy::to(broker.address());
    home.write("feeds.toml", feed("orders", proxy.address().port(), "topics = [\"orders\"]\nqos = 1"));
    let start = || home.start(&["run", "feeds.toml", "--json", "--follow"]);
    let mut run = start();
    wait_until("it reads", LONG, || broker.logged("Received SUBSCRIBE", &id("orders")) == 1);
    proxy.hold();
    client.publish(messages("orders", 1..=700));
    let reader = wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok());
    wait_until("all is committed", LONG, || kept(&reader, "orders").len() == 700);
    run.kill();
    proxy.cut();
    assert_eq!(broker.logged("Received PUBACK", &id("orders")), 0, "none was acknowledged");

    // Published while nobody is there.
    client.publish(messages("orders", 701..=800));
    proxy.release();
    let run = start();
    let heard = |run: &Process| run.lines().iter().any(|line| line.contains("\"received\":800"));
    wait_until("all is counted", LONG, || heard(&run));
    wait_until("all is acknowledged", LONG, || broker.logged("Received PUBACK", &id("orders")) == 800);
    run.interrupt();
    let report = run.end(LONG).json();
    let books = &report["accounts"]["orders"];
    assert_eq!((&books["stored"], &books["duplicate"]), (&100.into(), &700.into()), "{report:#}");
    each_once(&kept(&reader, "orders"), 800);
}

#[test]
fn a_shared_subscription_is_split_between_two_consoles() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let homes = [Home::new(), Home::new()];
    let text = feed("orders", broker.port(Listener::Plain), "topics = [\"$share/consoles/orders/#\"]\nqos = 1");
    let runs = homes.each_ref().map(|home| {
        home.write("feeds.toml", &text);
        home.start(&["run", "feeds.toml", "--json", "--follow"])
    });
    wait_until("both read", LONG, || broker.logged("Received SUBSCRIBE", &id("orders")) == 2);
    let mut client = broker.client();
    client.publish(messages("orders/a", 1..=400));
    wait_until("all is acknowledged", LONG, || broker.logged("Received PUBACK", &id("orders")) == 400);
    for run in runs {
        run.interrupt();
        run.end(LONG);
    }
    let [one, other] = homes.each_ref().map(|home| stored(&kept(&home.reader(), "orders")));
    assert!(!one.is_empty() && !other.is_empty(), "{} and {}", one.len(), other.len());
    let mut all = [one, other].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=400).collect::<Vec<_>>(), "each is with exactly one of them");
}

#[test]
fn two_consoles_with_one_client_id_are_told() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let homes = [Home::new(), Home::new()];
    let text = feed("plant", broker.port(Listener::Plain), "topics = [\"#\"]\nclient_id = \"console\"");
    let first = homes[0].engine(&text);
    state(&first, "plant", "live");
    let second = homes[1].engine(&text);
    // This broker cuts the former off without a word.
    says(&first, "plant", "another client may have the client_id \\\"console\\\"");
    first.stop();
    second.stop();
}

#[test]
fn two_redundant_lines_to_one_broker_are_two_clients() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let proxy = Proxy::to(broker.address());
    let home = Home::new();
    let lines = "topics = [\"plant/#\"]\nqos = 1";
    let preferred = feed("plant", broker.port(Listener::Plain), lines);
    let backup = feed("plant.backup.other", proxy.address().port(), lines);
    let engine = home.engine(&format!("{preferred}{backup}[feed.plant.endpoints]\nmode = \"redundant\"\n"));
    wait_until("both are subscribed", LONG, || {
        broker.logged("Received SUBSCRIBE", &id("plant")) == 1
            && broker.logged("Received SUBSCRIBE", "feedwatch-plant.other-") == 1
    });
    let mut client = broker.client();
    client.publish(messages("plant/a", 1..=50));
    settled(&engine, "plant", 100);
    proxy.cut();
    client.publish(messages("plant/a", 51..=100));
    let books = settled(&engine, "plant", 200);
    // What was not acknowledged before the cut comes once more.
    assert!(books.stored == 100 && books.duplicate >= 100, "{books:?}");
    engine.stop();
    each_once(&kept(&home.reader(), "plant"), 100);
}

#[test]
fn a_look_learns_topics_and_leaves_nothing_behind() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let mut client = broker.client();
    for room in ["kitchen", "hall", "attic"] {
        client.retain(&format!("zigbee/{room}/sensor"), "{\"temperature\":21.5,\"linkquality\":97}");
        client.retain(&format!("zigbee/{room}/LWT"), "Online");
    }
    let home = Home::new();
    let address = format!("mqtt://{}:{}@127.0.0.1:{}/zigbee/#", USER.0, USER.1, broker.port(Listener::Login));
    let ended = home.run(&["probe", &address, "--json", "--for", "2s"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    assert_eq!((&report["protocol"], &report["accounts"]["received"]), (&"mqtt".into(), &6.into()), "{report:#}");
    assert_eq!(report["source"], format!("mqtt://***@127.0.0.1:{}/zigbee/#", broker.port(Listener::Login)));
    let kinds = report["profile"]["kinds"].as_array().expect("kinds");
    let series: Vec<&Value> = kinds.iter().flat_map(|kind| kind["series"].as_array().expect("series")).collect();
    let of_hall = |series: &&&Value| series["key"].to_string().contains("hall");
    let temperature = series.iter().filter(of_hall).find(|one| one["path"] == "/temperature");
    let temperature = temperature.unwrap_or_else(|| panic!("{report:#}"));
    assert!(temperature["key"].to_string().contains("topic"), "{temperature:#}");
    assert!(!format!("{ended:?}").contains(USER.1));
    // A persistent session would be counted as disconnected.
    assert_eq!(broker.logged("Received CONNECT from", "fwlook"), 0, "its name is in another line");
    wait_until("its session is gone", LONG, || broker.logged("fwlook", "disconnected") == 1);
    assert_eq!(broker.logged("fwlook", "(p5, c1,"), 1, "a clean session of MQTT 5");

    let address = format!("mqtt://ann:wr0ng@127.0.0.1:{}/#", broker.port(Listener::Login));
    let ended = home.run(&["probe", &address, "--for", "60s"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("does not let the user") && !ended.err.contains("wr0ng"), "{ended:?}");
}

#[test]
fn a_broker_that_falls_silent_is_noticed_and_so_is_a_message_too_large() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let proxy = Proxy::to(broker.address());
    let home = Home::new();
    let silent = feed("silent", proxy.address().port(), "topics = [\"plant\"]\nkeep_alive = \"1s\"");
    let small = feed("small", broker.port(Listener::Plain), "topics = [\"large\"]\nqos = 1\nmax_message = \"300kB\"");
    let engine = home.engine(&[silent, small].concat());
    state(&engine, "silent", "live");
    state(&engine, "small", "live");
    proxy.stall();
    says(&engine, "silent", "not even an answer to a ping");
    proxy.flow();
    let mut client = broker.client();
    state(&engine, "silent", "live");
    client.publish(messages("plant", 1..=1));
    settled(&engine, "silent", 1);

    client.publish([("large", "x".repeat(400_000))]);
    says(&engine, "small", "A message of 400000 bytes is larger than the limit of 300000 bytes");
    let books = accounts(&engine, "small");
    assert_eq!((books.received, books.dropped), (0, 0), "{books:?}");
    assert_eq!(broker.logged("Received PUBACK", &id("small")), 0, "the broker keeps it until the limit is raised");
    engine.stop();
}

#[test]
fn a_last_will_is_a_message_of_its_topic() {
    let Some(broker) = Mosquitto::start() else { return skip::unless_ci(MISSING) };
    let home = Home::new();
    let engine = home.engine(&feed("plant", broker.port(Listener::Plain), "topics = [\"tele/+/LWT\"]\nqos = 1"));
    state(&engine, "plant", "live");
    let mut device = broker.mortal("tele/pump/LWT", "Offline");
    device.publish((0..20).map(|_| ("tele/pump/LWT", "Online".to_owned())));
    settled(&engine, "plant", 20);
    device.die();
    settled(&engine, "plant", 21);
    engine.stop();
    let kept = kept(&home.reader(), "plant");
    let last = kept.last().expect("a message");
    assert_eq!((&last.payload[..], last.topic.as_deref()), (&b"Offline"[..], Some("tele/pump/LWT")));
    assert_eq!(last.outcome, Outcome::Read, "the state is charted: online is 1, offline is 0");
}
