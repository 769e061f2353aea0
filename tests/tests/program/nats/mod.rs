//! NATS against the real server: subjects of the core, and streams of JetStream.

mod core;
mod jetstream;
mod kills;

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

/// Is it kept with its values, also if it came behind newer ones?
fn is_stored(message: &StoredMessage) -> bool {
    matches!(message.outcome, Outcome::Read | Outcome::Late)
}

/// The numbers that were stored, in their order.
fn read(messages: &[StoredMessage]) -> Vec<u64> {
    messages.iter().filter(|message| is_stored(message)).map(seq).collect()
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
