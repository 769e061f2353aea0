//! Topics of Kafka against librdkafka's mock of a broker, in a process of its own.

use std::collections::{BTreeMap, BTreeSet};

use feedwatch_engine::Engine;
use feedwatch_model::Time;
use feedwatch_store::{Outcome, Reader, StoredMessage};
use feedwatch_tests::home::Home;
use feedwatch_tests::kafka::{Broker, Sent, refuses_logins};
use feedwatch_tests::process::Process;
use feedwatch_tests::proxy::Proxy;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};
use serde_json::Value;

const MOCK: &str = env!("CARGO_BIN_EXE_kafka-mock");
const GROUP: &str = "feedwatch-prices";

fn broker(topics: &[&str]) -> Broker {
    Broker::start(MOCK, topics)
}

fn config(servers: &str, topics: &str, more: &str) -> String {
    format!("[feed.prices.kafka]\nurl = \"kafka://{servers}\"\ntopics = {topics}\n{more}\n")
}

/// All that a history has of the feed.
fn kept(reader: &Reader) -> Vec<StoredMessage> {
    let feeds = reader.feeds().expect("feeds");
    let Some(feed) = feeds.first() else { return Vec::new() };
    reader.messages(feed.id, Time::MIN, Time::MAX, 1_000_000).expect("messages")
}

fn beside(message: &StoredMessage) -> Value {
    serde_json::from_str(message.meta.as_deref().expect("what Kafka says")).expect("JSON")
}

/// Topic, partition and offset of those that were stored, and how often each.
fn stored(messages: &[StoredMessage]) -> BTreeMap<(String, i64, i64), u64> {
    let mut stored = BTreeMap::new();
    for message in messages.iter().filter(|message| message.outcome != Outcome::Duplicate) {
        let said = beside(message);
        let number = |key: &str| said[key].as_i64().unwrap_or_else(|| panic!("no {key}: {said}"));
        let topic = message.topic.as_deref().expect("a topic").to_owned();
        *stored.entry((topic, number("partition"), number("offset"))).or_default() += 1;
    }
    stored
}

fn places(sent: &[Sent]) -> BTreeSet<(String, i64, i64)> {
    sent.iter().map(|sent| (sent.topic.clone(), i64::from(sent.partition), sent.offset as i64)).collect()
}

/// Every message that was sent is stored, and none twice.
#[track_caller]
fn each_once(reader: &Reader, sent: &[Sent]) {
    let stored = stored(&kept(reader));
    let twice: Vec<_> = stored.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "stored twice: {twice:?}");
    let stored: BTreeSet<_> = stored.into_keys().collect();
    let sent = places(sent);
    let lost: Vec<_> = sent.difference(&stored).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), sent.len());
}

/// How many messages a history has, repetitions among them.
fn rows(reader: &Reader) -> usize {
    kept(reader).len()
}

fn wait_stored(reader: &Reader, count: usize) {
    wait_until(&format!("{count} messages are in the history"), 2 * LONG, || stored(&kept(reader)).len() >= count);
}

fn reader_of(home: &Home) -> Reader {
    wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok())
}

/// The group has been given all partitions: it knows where each of them begins.
fn joined(broker: &mut Broker, group: &str, topic: &str) {
    wait_until("the group has its partitions", LONG, || {
        broker.committed(group, topic).iter().all(|offset| *offset >= 0)
    });
}

fn gaps(engine: &Engine) -> Vec<String> {
    engine.report().gaps.iter().map(|gap| gap.cause.to_string()).collect()
}

#[test]
fn from_the_earliest_everything_that_is_kept_is_read() {
    let mut broker = broker(&["prices:4"]);
    broker.send("prices", 1_000);
    let home = Home::new();
    let engine = home.engine(&config(&broker.servers, "[\"prices\"]", "start = \"earliest\""));
    let books = settled(&engine, "prices", 1_000);
    assert_eq!((books.received, books.stored, books.duplicate), (1_000, 1_000, 0), "{books:?}");
    let reader = engine.reader().expect("a history");
    each_once(&reader, &broker.sent("prices"));
    wait_until("all is committed", LONG, || broker.committed(GROUP, "prices") == [250; 4]);
    engine.stop();
}

#[test]
fn from_the_latest_only_what_comes_is_read_and_what_came_while_we_were_away() {
    let mut broker = broker(&["prices:4"]);
    broker.send("prices", 100);
    let home = Home::new();
    let text = config(&broker.servers, "[\"prices\"]", "");
    let engine = home.engine(&text);
    joined(&mut broker, GROUP, "prices");
    assert_eq!(accounts(&engine, "prices").received, 0);
    engine.stop();
    drop(engine);
    // Nothing was received yet, but the group knows where we had begun.
    broker.send("prices", 40);
    let engine = home.engine(&text);
    settled(&engine, "prices", 40);
    each_once(&engine.reader().expect("a history"), &broker.sent("prices")[100..]);
    engine.stop();
}

#[test]
fn key_headers_partition_offset_and_tombstones_are_kept() {
    let mut broker = broker(&["prices:1"]);
    let put = r#"put prices {"key":"BTC","headers":{"trace":"a1","empty":null},"payload":"{\"price\":1.5}"}"#;
    broker.does(put);
    broker.does(r#"put prices {"key":"BTC","headers":{},"payload":null}"#);
    let home = Home::new();
    let engine = home.engine(&config(&broker.servers, "[\"prices\"]", "start = \"earliest\""));
    let books = settled(&engine, "prices", 2);
    assert_eq!((books.stored, books.rejected), (2, 0), "a tombstone is no unreadable message: {books:?}");
    let messages = kept(&engine.reader().expect("a history"));
    let said: Vec<Value> = messages.iter().map(beside).collect();
    assert_eq!((messages[0].topic.as_deref(), &*messages[0].payload), (Some("prices"), &b"{\"price\":1.5}"[..]));
    assert_eq!(said[0]["key"], "BTC");
    assert_eq!(said[0]["headers"], serde_json::json!([["empty", ""], ["trace", "a1"]]));
    assert_eq!(
        (&said[0]["partition"], &said[0]["offset"], &said[0]["lane"]),
        (&0.into(), &0.into(), &"prices/0".into())
    );
    assert!(said[0]["time"].as_str().is_some_and(|time| time.starts_with("20")), "{}", said[0]);
    assert_eq!((&said[1]["key"], &said[1]["deleted"], &said[1]["offset"]), (&"BTC".into(), &true.into(), &1.into()));
    assert!(messages[1].payload.is_empty());
    engine.stop();
}

#[test]
fn every_codec_is_read() {
    let mut broker = broker(&["prices:2"]);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    codecs.iter().for_each(|codec| broker.does(&format!("send prices 200 {codec}")));
    let home = Home::new();
    let engine = home.engine(&config(&broker.servers, "[\"prices\"]", "start = \"earliest\""));
    let books = settled(&engine, "prices", 1_000);
    assert_eq!((books.stored, books.rejected), (1_000, 0), "{books:?}");
    each_once(&engine.reader().expect("a history"), &broker.sent("prices"));
    engine.stop();
}

#[test]
fn several_topics_and_a_pattern_are_read_as_one_feed() {
    let mut broker = broker(&["plant:1", "prices-eu:2", "prices-us:1", "other:1"]);
    ["plant", "prices-eu", "prices-us", "other"].iter().for_each(|topic| broker.send(topic, 50));
    let home = Home::new();
    let engine = home.engine(&config(&broker.servers, "[\"plant\", \"^prices-.*\"]", "start = \"earliest\""));
    settled(&engine, "prices", 150);
    let reader = engine.reader().expect("a history");
    for topic in ["plant", "prices-eu", "prices-us"] {
        each_once(&reader, &broker.sent(topic));
    }
    assert!(kept(&reader).iter().all(|message| message.topic.as_deref() != Some("other")));
    engine.stop();
}

#[test]
fn over_a_restart_of_ours_nothing_is_lost_and_nothing_is_stored_twice() {
    let mut broker = broker(&["prices:4"]);
    let home = Home::new();
    let text = config(&broker.servers, "[\"prices\"]", "start = \"earliest\"");
    for round in 1..=3 {
        let engine = home.engine(&text);
        broker.send("prices", 2_000);
        // It is stopped while they come.
        wait_until("some came", LONG, || accounts(&engine, "prices").received > 0);
        engine.stop();
        drop(engine);
        broker.send("prices", 500 * round);
    }
    let engine = home.engine(&text);
    let reader = engine.reader().expect("a history");
    let sent = broker.sent("prices");
    assert_eq!(sent.len(), 9_000);
    wait_stored(&reader, sent.len());
    each_once(&reader, &sent);
    engine.stop();
}

fn follow(home: &Home) -> Process {
    home.start(&["run", "feeds.toml", "--json", "--follow"])
}

#[test]
fn after_a_kill_between_the_disk_and_the_commit_what_comes_again_is_recognised() {
    let mut broker = broker(&["prices:4"]);
    let home = Home::new();
    home.write("feeds.toml", config(&broker.servers, "[\"prices\"]", "start = \"earliest\""));
    for _ in 0..2 {
        let mut run = follow(&home);
        let reader = reader_of(&home);
        let before = rows(&reader);
        broker.begins("trickle prices 4000");
        wait_until("some are on disk", 2 * LONG, || rows(&reader) > before + 500);
        run.kill();
        broker.is_done();
    }
    let run = follow(&home);
    let reader = reader_of(&home);
    let sent = broker.sent("prices");
    // The one that was killed holds its partitions until the broker takes it for dead.
    wait_stored(&reader, sent.len());
    each_once(&reader, &sent);
    run.interrupt();
    let report = run.end(LONG).json();
    let books = &report["accounts"]["prices"];
    assert_eq!(books["in_flight"], 0, "{books}");
    let again = kept(&reader).iter().filter(|message| message.outcome == Outcome::Duplicate).count();
    eprintln!("{} sent, {again} came again and were recognised", sent.len());
}

/// How the partitions are shared: each is in the histories of these members.
fn both(readers: [&Reader; 2]) -> [BTreeMap<(String, i64, i64), u64>; 2] {
    readers.map(|reader| stored(&kept(reader)))
}

#[test]
fn of_two_members_one_is_killed_and_every_message_is_stored_by_one_of_them() {
    let mut broker = broker(&["prices:4"]);
    let homes = [Home::new(), Home::new()];
    for home in &homes {
        home.write("feeds.toml", config(&broker.servers, "[\"prices\"]", "start = \"earliest\""));
    }
    let [mut first, second] = [follow(&homes[0]), follow(&homes[1])];
    let readers = [reader_of(&homes[0]), reader_of(&homes[1])];
    // Both have partitions.
    wait_until("both have messages", 2 * LONG, || {
        broker.send("prices", 40);
        both([&readers[0], &readers[1]]).iter().all(|stored| !stored.is_empty())
    });
    let before = rows(&readers[0]);
    broker.begins("trickle prices 6000");
    wait_until("some are on disk", LONG, || rows(&readers[0]) > before + 500);
    first.kill();
    broker.is_done();

    let sent = places(&broker.sent("prices"));
    wait_until("all are in one of the histories", 3 * LONG, || {
        let [first, second] = both([&readers[0], &readers[1]]);
        sent.iter().all(|place| first.contains_key(place) || second.contains_key(place))
    });
    let [one, other] = both([&readers[0], &readers[1]]);
    for stored in [&one, &other] {
        assert!(stored.values().all(|count| *count == 1), "one history has a message twice");
        assert!(stored.keys().all(|place| sent.contains(place)), "what was never sent");
    }
    // What both have was on the disk of the first and not committed yet.
    let shared = one.keys().filter(|place| other.contains_key(*place)).count();
    eprintln!("{} sent, {} + {} stored, {shared} by both", sent.len(), one.len(), other.len());
    assert_eq!(one.len() + other.len() - shared, sent.len());

    // The first comes back and recognises by their numbers what it has already.
    let again = follow(&homes[0]);
    broker.send("prices", 400);
    let sent = places(&broker.sent("prices"));
    wait_until("all are in one of the histories", 3 * LONG, || {
        let [first, second] = both([&readers[0], &readers[1]]);
        sent.iter().all(|place| first.contains_key(place) || second.contains_key(place))
    });
    for stored in both([&readers[0], &readers[1]]) {
        assert!(stored.values().all(|count| *count == 1), "one history has a message twice");
    }
    for run in [again, second] {
        run.interrupt();
        assert_eq!(run.end(LONG).code, Some(0));
    }
}

/// The group was told of everything that was sent.
fn all_committed(broker: &mut Broker, topic: &str) {
    let mut ends = BTreeMap::<i32, i64>::new();
    for sent in broker.sent(topic) {
        let end = ends.entry(sent.partition).or_default();
        *end = (*end).max(sent.offset as i64 + 1);
    }
    let ends: Vec<i64> = ends.into_values().collect();
    wait_until("all is committed", 2 * LONG, || broker.committed(GROUP, topic) == ends);
}

#[test]
fn a_member_that_comes_and_goes_takes_no_message_that_another_has() {
    let mut broker = broker(&["prices:4"]);
    let homes = [Home::new(), Home::new()];
    let text = config(&broker.servers, "[\"prices\"]", "start = \"earliest\"");
    let first = homes[0].engine(&text);
    joined(&mut broker, GROUP, "prices");
    broker.send("prices", 2_000);
    let second = homes[1].engine(&text);
    wait_until("the second has messages", 2 * LONG, || {
        broker.send("prices", 40);
        accounts(&second, "prices").received > 0
    });
    // From here on each message is of one member only, over its leaving.
    all_committed(&mut broker, "prices");
    let before = places(&broker.sent("prices"));
    broker.send("prices", 2_000);
    all_committed(&mut broker, "prices");
    assert!(accounts(&second, "prices").received >= 1_000);
    second.stop();
    broker.send("prices", 2_000);
    let readers = [first.reader().expect("a history"), homes[1].reader()];
    let sent = places(&broker.sent("prices"));
    wait_until("all are in one of the histories", 3 * LONG, || {
        let [first, second] = both([&readers[0], &readers[1]]);
        sent.iter().all(|place| first.contains_key(place) || second.contains_key(place))
    });
    let [one, other] = both([&readers[0], &readers[1]]);
    let shared: Vec<_> = one.keys().filter(|place| other.contains_key(*place)).collect();
    eprintln!("{} sent, {} + {} stored, {} by both", sent.len(), one.len(), other.len(), shared.len());
    assert!(one.values().chain(other.values()).all(|count| *count == 1));
    assert!(shared.iter().all(|place| before.contains(*place)), "{shared:?}");
    first.stop();
}

#[test]
fn a_broker_that_goes_away_is_a_gap_and_what_was_sent_meanwhile_is_read() {
    let mut broker = broker(&["prices:4"]);
    let home = Home::new();
    let engine = home.engine(&config(&broker.servers, "[\"prices\"]", "start = \"earliest\""));
    broker.send("prices", 1_000);
    settled(&engine, "prices", 1_000);
    broker.does("down");
    state(&engine, "prices", "down");
    broker.does("up");
    broker.send("prices", 1_000);
    let reader = engine.reader().expect("a history");
    wait_stored(&reader, 2_000);
    each_once(&reader, &broker.sent("prices"));
    assert!(gaps(&engine).iter().any(|cause| cause == "disconnected"), "{:?}", gaps(&engine));
    engine.stop();
}

#[test]
fn a_broker_that_was_killed_and_has_forgotten_everything_is_read_from_its_new_beginning() {
    let mut first = broker(&["prices:4"]);
    let mut proxy = Proxy::to(first.address());
    let home = Home::new();
    let text = config(&proxy.address().to_string(), "[\"prices\"]", "start = \"latest\"");
    let engine = home.engine(&text);
    joined(&mut first, GROUP, "prices");
    first.send("prices", 400);
    settled(&engine, "prices", 400);
    first.kill();
    proxy.refuse();
    state(&engine, "prices", "down");
    // Its offsets begin at 0 again: they are no repetitions, and all of them are new.
    let mut second = broker(&["prices:4"]);
    second.send("prices", 100);
    proxy.lead_to(second.address());
    let books = settled(&engine, "prices", 500);
    assert_eq!((books.stored, books.duplicate), (500, 0), "{books:?}");
    // And over a restart of ours.
    engine.stop();
    drop(engine);
    second.send("prices", 100);
    let engine = home.engine(&text);
    let reader = engine.reader().expect("a history");
    let fresh = || {
        let all = kept(&reader).into_iter().filter(|message| message.outcome != Outcome::Duplicate);
        let lane = |said: &Value| (said["lane"].as_str().expect("a lane").to_owned(), said["offset"].clone());
        all.map(|message| lane(&beside(&message))).collect::<Vec<_>>()
    };
    wait_until("all are in the history", LONG, || fresh().len() >= 600);
    let all = fresh();
    assert_eq!(all.len(), 600, "none twice");
    let lanes: BTreeSet<&str> = all.iter().map(|(lane, _)| lane.as_str()).collect();
    assert_eq!(lanes.len(), 8, "{lanes:?}");
    engine.stop();
}

#[test]
fn an_unknown_topic_is_told_at_once_with_those_that_are_there() {
    let broker = broker(&["plant:1", "prices:1"]);
    let home = Home::new();
    let engine = home.engine(&config(&broker.servers, "[\"pricse\"]", ""));
    state(&engine, "prices", "refused");
    let (_, rows) = engine.status();
    let said = rows[0].state_text.clone().expect("why");
    let expected = format!("There is no topic \"pricse\" at {}. There are: plant, prices.", broker.servers);
    assert!(said.contains(&expected), "{said}");
    engine.stop();
}

#[test]
fn bad_credentials_are_told_at_once_and_need_a_person() {
    let address = refuses_logins();
    let home = Home::new();
    home.write("password.txt", "s3cr3t");
    for sasl in ["plain", "scram-sha-256", "scram-sha-512"] {
        let more = format!("sasl = \"{sasl}\"\nuser = \"ann\"\npassword = {{ file = \"password.txt\" }}");
        let engine = home.engine(&config(&address.to_string(), "[\"prices\"]", &more));
        state(&engine, "prices", "refused");
        let (_, rows) = engine.status();
        let said = rows[0].state_text.clone().expect("why");
        assert!(said.contains("does not accept user and password"), "{said}");
        assert!(said.contains(&address.to_string()) && !said.contains("s3cr3t"), "{said}");
        engine.stop();
    }
}

#[test]
fn nobody_listening_is_told_and_tried_again() {
    let mut gone = broker(&[]);
    gone.kill();
    let home = Home::new();
    let engine = home.engine(&config(&gone.servers, "[\"prices\"]", ""));
    state(&engine, "prices", "down");
    let (_, rows) = engine.status();
    let said = rows[0].state_text.clone().expect("why");
    assert!(said.contains(&format!("Nothing listens at {}", gone.servers)), "{said}");
    engine.stop();
}

#[test]
fn a_probe_learns_a_topic_within_five_seconds_and_leaves_nothing_behind() {
    let mut broker = broker(&["prices:4"]);
    broker.send("prices", 400);
    let home = Home::new();
    // A member that is at work is not disturbed.
    let engine = home.engine(&config(&broker.servers, "[\"prices\"]", ""));
    joined(&mut broker, GROUP, "prices");
    let address = format!("kafka://{}/prices", broker.servers);
    let report = home.json(&["probe", &address, "--for", "5s", "--json"]);
    assert_eq!((&report["protocol"], &report["accounts"]["received"]), (&"kafka".into(), &80.into()), "{report:#}");
    let series = report["profile"]["kinds"][0]["series"].as_array().expect("series");
    assert!(series.iter().any(|series| series["path"] == "/level"), "{series:?}");
    broker.send("prices", 400);
    let books = settled(&engine, "prices", 400);
    assert_eq!((books.received, books.duplicate), (400, 0), "{books:?}");
    assert!(gaps(&engine).is_empty(), "{:?}", gaps(&engine));
    engine.stop();
}

#[test]
fn a_probe_of_a_pattern_learns_it_too() {
    let mut broker = broker(&["prices-eu:1", "prices-us:1"]);
    broker.send("prices-eu", 100);
    let home = Home::new();
    let address = format!("kafka://{}/^prices-.*", broker.servers);
    let report = home.json(&["probe", &address, "--for", "10s", "--json"]);
    assert_eq!(report["accounts"]["received"], 20, "{report:#}");
}

#[test]
fn a_message_that_is_too_large_is_told_with_the_cure() {
    let mut broker = broker(&["prices:1"]);
    let long = "x".repeat(4_000);
    broker.does(&format!(r#"put prices {{"key":"a","headers":{{}},"payload":"{long}"}}"#));
    let home = Home::new();
    let more = "start = \"earliest\"\nmax_message = \"1KiB\"";
    let engine = home.engine(&config(&broker.servers, "[\"prices\"]", more));
    state(&engine, "prices", "down");
    let (_, rows) = engine.status();
    let said = rows[0].state_text.clone().expect("why");
    assert!(said.contains("raise `max_message`"), "{said}");
    assert_eq!(broker.committed(GROUP, "prices"), [0], "it is not passed over");
    engine.stop();
}
