//! A feed that fails over between two addresses of one broker, as a cluster has them: what is kept for us there is kept once.

use std::ops::RangeInclusive;

use feedwatch_engine::Engine;
use feedwatch_model::Time;
use feedwatch_store::Outcome;
use feedwatch_tests::home::Home;
use feedwatch_tests::mosquitto::{Listener, Mosquitto};
use feedwatch_tests::proxy::Proxy;
use feedwatch_tests::rabbit::{Rabbit, USER};
use feedwatch_tests::skip;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, settled};
use serde_json::Value;

fn states(engine: &Engine) -> Vec<String> {
    let rows = engine.status().1;
    rows.into_iter().flat_map(|row| row.lines).map(|line| line.state).collect()
}

#[track_caller]
fn wait_for_states(engine: &Engine, wanted: [&str; 2]) {
    wait_until(&format!("the lines to be {wanted:?}"), LONG, || states(engine) == wanted);
}

/// The numbers of the messages that are stored, sorted.
fn stored(engine: &Engine) -> Vec<u64> {
    let reader = engine.reader().expect("a history");
    let Some(feed) = reader.feeds().expect("feeds").first().map(|feed| feed.id) else { return Vec::new() };
    let messages = reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages");
    let read = messages.iter().filter(|message| matches!(message.outcome, Outcome::Read | Outcome::Late));
    let seq =
        |payload: &[u8]| serde_json::from_slice::<Value>(payload).expect("JSON")["seq"].as_u64().expect("a number");
    let mut stored: Vec<u64> = read.map(|message| seq(&message.payload)).collect();
    stored.sort_unstable();
    stored
}

fn messages(key: &str, seqs: RangeInclusive<u64>) -> impl Iterator<Item = (&str, String)> {
    seqs.map(move |seq| (key, format!("{{\"seq\":{seq},\"level\":{}}}", 20 + seq % 7)))
}

/// Cuts the preferred address, lets it come back, and does both again; `publish` publishes further messages of the feed.
fn fails_over_and_returns(engine: &Engine, proxy: &mut Proxy, mut publish: impl FnMut(RangeInclusive<u64>)) {
    let mut last = 0;
    let mut more = |count: u64| {
        publish(last + 1..=last + count);
        last += count;
        last
    };
    let complete = |last| wait_until(&format!("all {last}"), LONG, || stored(engine).last() == Some(&last));
    for round in 0..2 {
        wait_for_states(engine, ["up", "standby"]);
        complete(more(100));
        proxy.refuse();
        // Before anybody else reads, and afterwards.
        more(50);
        wait_for_states(engine, ["down", "up"]);
        complete(more(50));
        proxy.allow();
        wait_for_states(engine, ["up", "up"]);
        complete(more(50));
        wait_for_states(engine, ["up", "standby"]);
        let all = more(50);
        complete(all);
        settled(engine, "plant", all);
        assert_eq!(stored(engine), (1..=all).collect::<Vec<u64>>(), "round {round}: each once");
    }
    let books = accounts(engine, "plant");
    assert_eq!((books.stored, books.dropped, books.rejected), (600, 0, 0), "{books:?}");
}

#[test]
fn a_queue_of_our_own_is_read_on_at_another_node_and_at_the_first_one_again() {
    let Some(rabbit) = Rabbit::start() else {
        return skip::unless_ci("there is no RabbitMQ, which `scripts/setup test` installs");
    };
    let client = rabbit.client();
    let mut proxy = Proxy::to(rabbit.address());
    let home = Home::new();
    home.write("password.txt", USER.1);
    let source = |port: u16| {
        format!(
            "url = \"amqp://127.0.0.1:{port}\"\nuser = \"{}\"\npassword = {{ file = \"password.txt\" }}\nexchange = \
             \"amq.topic\"\nrouting_keys = [\"plant.#\"]",
            USER.0
        )
    };
    let engine = home.engine(&format!(
        "[feed.plant.amqp]\n{}\n[feed.plant.backup.second.amqp]\n{}\n[feed.plant.endpoints]\nreturn_after = \"2s\"\n",
        source(proxy.address().port()),
        source(rabbit.port)
    ));
    fails_over_and_returns(&engine, &mut proxy, |seqs| client.publish("amq.topic", messages("plant.a", seqs)));
    engine.stop();
    wait_until("nobody reads the queue any more", LONG, || client.waiting("feedwatch.plant").1 == 0);
    assert_eq!(client.waiting("feedwatch.plant"), (0, 0), "all of it was acknowledged");
}

#[test]
fn topics_of_qos_1_are_read_on_at_another_address_of_the_broker_and_at_the_first_one_again() {
    let Some(broker) = Mosquitto::start() else {
        return skip::unless_ci("there is no mosquitto, which `scripts/setup test` installs");
    };
    let mut client = broker.client();
    let mut proxy = Proxy::to(broker.address());
    let home = Home::new();
    let source = |port: u16| format!("url = \"mqtt://127.0.0.1:{port}\"\ntopics = [\"plant/#\"]\nqos = 1");
    let engine = home.engine(&format!(
        "[feed.plant.mqtt]\n{}\n[feed.plant.backup.second.mqtt]\n{}\n[feed.plant.endpoints]\nreturn_after = \"2s\"\n",
        source(proxy.address().port()),
        source(broker.port(Listener::Plain))
    ));
    fails_over_and_returns(&engine, &mut proxy, |seqs| client.publish(messages("plant/a", seqs)));
    engine.stop();
}
