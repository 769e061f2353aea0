//! RabbitMQ. A node takes seconds to start, so that each of these tests makes several claims about one.

use std::collections::BTreeSet;

use feedwatch_engine::Engine;
use feedwatch_model::Time;
use feedwatch_store::{Reader, StoredMessage};
use feedwatch_tests::home::Home;
use feedwatch_tests::process::Process;
use feedwatch_tests::proxy::Proxy;
use feedwatch_tests::rabbit::{Client, Rabbit, USER};
use feedwatch_tests::skip;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;

const MISSING: &str = "there is no RabbitMQ, which `scripts/setup test` installs";

fn message(seq: u64) -> String {
    format!("{{\"seq\":{seq},\"level\":{}}}", 20 + seq % 7)
}

fn messages(key: &str, seqs: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = (&str, String)> {
    seqs.map(move |seq| (key, message(seq)))
}

fn kept(reader: &Reader) -> Vec<StoredMessage> {
    let feed = reader.feeds().expect("feeds").first().expect("a feed").id;
    reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages")
}

fn seq(message: &StoredMessage) -> u64 {
    let value: Value = serde_json::from_slice(&message.payload).expect("JSON");
    value["seq"].as_u64().expect("a number")
}

/// Each of the numbers from 1 on is there once, whatever the order.
fn each_once(messages: &[StoredMessage], last: u64) {
    let read = messages.iter().filter(|message| message.outcome == feedwatch_store::Outcome::Read).map(seq);
    let read: Vec<u64> = read.collect();
    let different: BTreeSet<u64> = read.iter().copied().collect();
    assert_eq!(different, (1..=last).collect(), "none is lost");
    assert_eq!(read.len() as u64, last, "none is there twice");
}

/// Nothing waits, and nothing that was given to us is unacknowledged: a queue without readers shows both.
fn is_empty(client: &Client, queue: &str) {
    wait_until("nobody reads the queue any more", LONG, || client.waiting(queue).1 == 0);
    assert_eq!(client.waiting(queue), (0, 0), "all of it was acknowledged");
}

fn status(engine: &Engine, feed: &str) -> String {
    let row = engine.status().1.into_iter().find(|row| row.name == feed).expect("the feed");
    format!("{} {:?}", row.state, row.state_text)
}

fn says(engine: &Engine, feed: &str, part: &str) {
    let mut said = BTreeSet::new();
    let mut look = || {
        said.insert(status(engine, feed));
        said.iter().any(|text| text.contains(part))
    };
    let deadline = std::time::Instant::now() + LONG;
    while !look() {
        assert!(std::time::Instant::now() < deadline, "{feed} does not say {part:?}: {said:#?}");
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_queue_is_read_and_one_of_our_own_is_bound_by_patterns() {
    let Some(rabbit) = Rabbit::start() else { return skip::unless_ci(MISSING) };
    let client = rabbit.client();
    client.make("orders");
    client.publish("", messages("orders", 1..=300));
    // In several frames, since one has 128 KiB at most.
    let long = || format!("{{\"seq\":1,\"level\":20,\"text\":\"{}\"}}", "x".repeat(400_000));
    for queue in ["large", "small"] {
        client.make(queue);
        client.publish("", [(queue, long())]);
    }
    // Deeper than anybody means it.
    client.make("deep");
    let inner = (0..40).fold(AMQPValue::Void, |value, _| AMQPValue::FieldArray(vec![value].into()));
    let mut headers = FieldTable::default();
    headers.insert("deep".into(), inner);
    client.publish_as("", messages("deep", 1..=1), BasicProperties::default().with_headers(headers));
    let home = Home::new();
    home.write("password.txt", USER.1);
    home.write("wrong.txt", "wr0ng");
    let url = format!("url = \"amqp://127.0.0.1:{}\"", rabbit.port);
    let user = format!("user = \"{}\"\npassword = {{ file = \"password.txt\" }}", USER.0);
    let engine = home.engine(&format!(
        "[feed.orders.amqp]\n{url}\n{user}\nqueue = \"orders\"\n\
         [feed.plant.amqp]\n{url}\nexchange = \"amq.topic\"\nrouting_keys = [\"plant.#\", \"x.*\"]\n\
         [feed.wrong.amqp]\n{url}\nqueue = \"orders\"\nuser = \"ann\"\npassword = {{ file = \"wrong.txt\" }}\n\
         [feed.absent.amqp]\n{url}\nqueue = \"absent\"\n\
         [feed.large.amqp]\n{url}\nqueue = \"large\"\n\
         [feed.deep.amqp]\n{url}\nqueue = \"deep\"\n\
         [feed.small.amqp]\n{url}\nqueue = \"small\"\nmax_message = \"300kB\"\n\
         [feed.nowhere.amqp]\n{url}\nqueue = \"orders\"\nvhost = \"nowhere\"\n"
    ));

    // A queue that is there.
    let books = settled(&engine, "orders", 300);
    assert_eq!((books.received, books.stored), (300, 300), "{books:?}");
    state(&engine, "orders", "live");

    // A message of any size that is allowed, and none larger.
    let books = settled(&engine, "large", 1);
    assert_eq!((books.received, books.bytes), (1, long().len() as u64), "{books:?}");
    says(&engine, "small", &format!("A message of {} bytes is larger than the limit of 300000 bytes", long().len()));
    assert_eq!(accounts(&engine, "small").received, 0);
    says(&engine, "deep", "headers nested deeper than 32 levels");

    // What a person must mend is told at once.
    for (feed, part) in [
        ("wrong", "does not accept the user \\\"ann\\\" or the password"),
        ("absent", "there is no queue absent"),
        ("nowhere", "the virtual host \\\"nowhere\\\" is not there"),
    ] {
        state(&engine, feed, "refused");
        says(&engine, feed, part);
        assert!(!status(&engine, feed).contains("wr0ng"));
    }

    // A queue of our own gets what fits its patterns, and nothing else.
    state(&engine, "plant", "live");
    assert_eq!(client.waiting("feedwatch.plant").1, 1);
    let mut headers = FieldTable::default();
    headers.insert("unit".into(), AMQPValue::LongString("bar".into()));
    let said = BasicProperties::default()
        .with_message_id("m1".into())
        .with_timestamp(1_700_000_000)
        .with_content_type("application/json".into())
        .with_headers(headers);
    client.publish_as("amq.topic", messages("plant.7.level", 1..=1), said);
    client.publish("amq.topic", messages("x.a", 2..=2).chain(messages("x.a.b", 90..=90)).chain(messages("y", 91..=91)));
    client.publish("amq.topic", messages("plant", 3..=3));
    let books = settled(&engine, "plant", 3);
    assert_eq!((books.received, books.stored), (3, 3), "{books:?}");
    let reader = engine.reader().expect("a history");
    let plant = reader.feeds().expect("feeds").into_iter().find(|feed| &*feed.name == "plant").expect("it").id;
    let plant = reader.messages(plant, Time::MIN, Time::MAX, 100).expect("messages");
    let topics: Vec<&str> = plant.iter().filter_map(|message| message.topic.as_deref()).collect();
    assert_eq!(topics, ["plant.7.level", "x.a", "plant"]);
    let beside: Value = serde_json::from_str(plant[0].meta.as_deref().expect("what it said")).expect("JSON");
    let expected = serde_json::json!({
        "id": "m1",
        "time": "2023-11-14T22:13:20.000000000Z",
        "headers": [["exchange", "amq.topic"], ["content-type", "application/json"], ["unit", "bar"]],
    });
    assert_eq!(beside, expected);

    // Another console with a feed of this name would take half of the messages: it is told.
    let other = Home::new();
    let second = other.engine(&format!("[feed.plant.amqp]\n{url}\nexchange = \"amq.topic\"\n"));
    says(&second, "plant", "the queue feedwatch.plant is read already");
    second.stop();

    // A queue that goes is told, and a person must bring it back.
    client.delete("orders");
    says(&engine, "orders", "there is no queue orders");
    state(&engine, "orders", "refused");
    let report = engine.stop();
    let gap = report.gaps.iter().find(|gap| gap.feed == "orders" && gap.cause == "disconnected");
    assert!(gap.is_some(), "{:#?}", report.gaps);
    is_empty(&client, "feedwatch.plant");
}

#[test]
fn the_broker_must_prove_who_it_is_and_so_may_we() {
    let Some(rabbit) = Rabbit::start() else { return skip::unless_ci(MISSING) };
    let client = rabbit.client();
    for queue in ["own", "foreign", "certified", "plain"] {
        client.make(queue);
        client.publish("", messages(queue, 1..=20));
    }
    let home = Home::new();
    home.write("password.txt", USER.1);
    let file = |name: &str| rabbit.file(name).display().to_string();
    let (ca, other, cert, key) = (file("ca.pem"), file("other-ca.pem"), file("client.pem"), file("client.key"));
    let url = format!("url = \"amqps://localhost:{}\"", rabbit.tls_port);
    let user = format!("user = \"{}\"\npassword = {{ file = \"password.txt\" }}", USER.0);
    let port = rabbit.port;
    let engine = home.engine(&format!(
        "[feed.own.amqp]\n{url}\nqueue = \"own\"\n{user}\ntls = {{ ca = \"{ca}\" }}\n\
         [feed.foreign.amqp]\n{url}\nqueue = \"foreign\"\n{user}\ntls = {{ ca = \"{other}\" }}\n\
         [feed.unknown.amqp]\n{url}\nqueue = \"foreign\"\n{user}\n\
         [feed.certified.amqp]\n{url}\nqueue = \"certified\"\n\
         tls = {{ ca = \"{ca}\", cert = \"{cert}\", key = \"{key}\" }}\n\
         [feed.open.amqp]\nurl = \"amqps://localhost:{port}\"\nqueue = \"own\"\n{user}\ntls = {{ ca = \"{ca}\" }}\n"
    ));
    for feed in ["own", "certified"] {
        let books = settled(&engine, feed, 20);
        assert_eq!((books.received, books.stored), (20, 20), "{feed}: {books:?}");
    }
    for feed in ["foreign", "unknown"] {
        state(&engine, feed, "refused");
        says(&engine, feed, "certificate is not trusted");
    }
    state(&engine, "open", "refused");
    says(&engine, "open", "does not speak TLS");
    assert_eq!(accounts(&engine, "foreign").received, 0);
    engine.stop();
    for queue in ["own", "certified"] {
        is_empty(&client, queue);
    }
    assert_eq!(client.waiting("foreign"), (20, 0), "nothing was asked of a broker that is not known");
}

#[test]
fn a_look_learns_a_queue_and_leaves_its_messages_there() {
    let Some(rabbit) = Rabbit::start() else { return skip::unless_ci(MISSING) };
    let client = rabbit.client();
    client.make("orders");
    client.publish("", messages("orders", 1..=300));
    let home = Home::new();
    let address = format!("amqp://{}:{}@127.0.0.1:{}/orders", USER.0, USER.1, rabbit.port);
    let ended = home.run(&["probe", &address, "--json", "--for", "3s"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    let learned = report["accounts"]["received"].as_u64().expect("a count");
    assert_eq!(learned, 100, "{report:#}");
    assert_eq!(report["protocol"], "amqp");
    assert_eq!(report["source"], format!("amqp://***@127.0.0.1:{}/orders", rabbit.port));
    let names: Vec<&str> = report["profile"]["kinds"][0]["series"]
        .as_array()
        .expect("series")
        .iter()
        .filter_map(|series| series["name"].as_str())
        .collect();
    assert!(names.contains(&"level"), "{report:#}");
    let said = format!("{ended:?}");
    assert!(ended.err.contains("went back to the queue"), "{said}");
    assert!(!said.contains(USER.1), "{said}");
    wait_until("the messages are back", LONG, || client.waiting("orders") == (300, 0));
    assert_eq!(client.peek("orders"), (message(1).into_bytes(), true), "the first is the first again, and flagged");

    // Of an exchange it looks through a queue that ends with it.
    let address = format!("amqp://127.0.0.1:{}/?exchange=amq.topic&routing_key=plant.#", rabbit.port);
    let look = home.start(&["probe", &address, "--json", "--for", "20s", "--follow"]);
    let mut next = 0;
    wait_until("it has heard something", LONG, || {
        next += 1;
        client.publish("amq.topic", messages("plant.a", next..=next).chain(messages("other", next..=next)));
        look.lines().iter().any(|line| line.contains("\"accounts\"") && !line.contains("\"received\":0,"))
    });
    look.interrupt();
    let report = look.end(LONG).json();
    let received = report["accounts"]["received"].as_u64().expect("a count");
    assert!((1..=next).contains(&received), "{report:#}");
    wait_until("nothing is left behind", LONG, || !client.reaches("amq.topic", "plant.a"));

    // A broker that falls silent is noticed by its heartbeat.
    let proxy = Proxy::to(rabbit.address());
    let port = proxy.address().port();
    let engine = home.engine(&format!(
        "[feed.silent.amqp]\nurl = \"amqp://127.0.0.1:{port}\"\nqueue = \"orders\"\nheartbeat = \"1s\"\n"
    ));
    settled(&engine, "silent", 299);
    proxy.stall();
    says(&engine, "silent", "two heartbeats");
    proxy.flow();
    state(&engine, "silent", "live");
    engine.stop();

    // Somebody who is not let in is told at once.
    let address = format!("amqp://ann:wr0ng@127.0.0.1:{}/orders", rabbit.port);
    let ended = home.run(&["probe", &address, "--for", "60s"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("does not accept the user") && !ended.err.contains("wr0ng"), "{ended:?}");
}

#[test]
fn nothing_is_lost_over_a_killed_broker_and_nothing_is_stored_twice() {
    let Some(mut rabbit) = Rabbit::start() else { return skip::unless_ci(MISSING) };
    let home = Home::new();
    // What we send is kept back for a while, so that there is something to redeliver.
    let proxy = Proxy::to(rabbit.address());
    let config = format!(
        "[feed.plant.amqp]\nurl = \"amqp://127.0.0.1:{}\"\nexchange = \"amq.topic\"\nrouting_keys = [\"plant.#\"]\n",
        proxy.address().port()
    );
    let engine = home.engine(&config);
    state(&engine, "plant", "live");
    let client = rabbit.client();
    client.publish("amq.topic", messages("plant.a", 1..=400));
    settled(&engine, "plant", 400);
    wait_until("they are acknowledged", LONG, || client.waiting("feedwatch.plant").0 == 0);
    proxy.hold();
    client.publish("amq.topic", messages("plant.a", 401..=1000));
    settled(&engine, "plant", 1000);

    rabbit.kill();
    proxy.cut();
    proxy.release();
    drop(client);
    rabbit.start_again();
    let client = rabbit.client();
    client.publish("amq.topic", messages("plant.a", 1001..=1500));
    // A broker that is still starting may refuse us, which is tried again after a minute.
    let books = wait_for("what was sent meanwhile is there", 4 * LONG, || {
        Some(accounts(&engine, "plant")).filter(|books| books.stored == 1500 && books.in_flight == 0)
    });
    assert!(books.duplicate >= 600, "what was not acknowledged came twice, and was known: {books:?}");
    assert_eq!(books.rejected + books.dropped, 0, "{books:?}");

    // What comes while we are away waits in the queue.
    engine.stop();
    is_empty(&client, "feedwatch.plant");
    client.publish("amq.topic", messages("plant.a", 1501..=2000));
    let engine = home.engine(&config);
    wait_until("all of it is there", LONG, || accounts(&engine, "plant").stored == 500);
    let report = engine.stop();
    let losses: Vec<_> = report.findings.iter().filter(|found| found.check.word() == "sequence").collect();
    assert!(losses.is_empty(), "{losses:#?}");
    each_once(&kept(&home.reader()), 2000);
    is_empty(&client, "feedwatch.plant");
}

#[test]
fn our_own_kill_between_commit_and_acknowledgement_stores_nothing_twice() {
    let Some(rabbit) = Rabbit::start() else { return skip::unless_ci(MISSING) };
    let client = rabbit.client();
    client.make("orders");
    let home = Home::new();
    let proxy = Proxy::to(rabbit.address());
    let port = proxy.address().port();
    home.write("feeds.toml", format!("[feed.orders.amqp]\nurl = \"amqp://127.0.0.1:{port}\"\nqueue = \"orders\"\n"));
    let start = || home.start(&["run", "feeds.toml", "--json", "--follow"]);
    let mut run = start();
    wait_until("it reads", LONG, || client.waiting("orders").1 == 1);
    proxy.hold();
    client.publish("", messages("orders", 1..=700));
    let reader = wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok());
    wait_until("all is committed", LONG, || !reader.feeds().expect("feeds").is_empty() && kept(&reader).len() == 700);
    run.kill();
    proxy.cut();
    wait_until("none was acknowledged", LONG, || client.waiting("orders") == (700, 0));

    proxy.release();
    client.publish("", messages("orders", 701..=800));
    let run = start();
    wait_until("all is read", LONG, || client.waiting("orders") == (0, 1));
    let heard = |run: &Process| run.lines().iter().any(|line| line.contains("\"received\":800"));
    wait_until("all is counted", LONG, || heard(&run));
    run.interrupt();
    let report = run.end(LONG).json();
    let books = &report["accounts"]["orders"];
    assert_eq!((&books["stored"], &books["duplicate"]), (&100.into(), &700.into()), "{report:#}");
    each_once(&kept(&reader), 800);
    is_empty(&client, "orders");
}
