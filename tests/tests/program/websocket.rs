//! WebSocket against the Python package `websockets`.

use feedwatch_model::Time;
use feedwatch_tests::home::Home;
use feedwatch_tests::python::serve;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use serde_json::Value;

fn config(port: u16, token: &str, compression: bool) -> String {
    format!(
        "[feed.prices.websocket]\nurl = \"ws://127.0.0.1:{port}/\"\nbearer = {{ file = \"{token}\" }}\n\
         compression = {compression}\n\
         subprotocols = [\"v9.feed\", \"v1.feed\"]\nsubscribe = ['{{\"type\":\"subscribe\",\"products\":[\"A\",\"B\"]}}']\n"
    )
}

fn events(lines: &[String], event: &str) -> Vec<Value> {
    let all = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|line| line["event"] == event).collect()
}

#[test]
fn a_feed_of_pythons_websockets_is_read_whole_over_restarts() {
    read_whole(false);
}

#[test]
fn a_compressed_feed_of_pythons_websockets_is_read_whole_over_restarts() {
    read_whole(true);
}

fn read_whole(compression: bool) {
    let server = serve("ws.py", &[]);
    let home = Home::new();
    home.write("token", "s3cret\n");
    home.write("feeds.toml", config(server.port, "token", compression));
    let run = home.start(&["run", "feeds.toml", "--json"]);
    server.process.line("all was sent", 2 * LONG, |line| line.contains("\"done\""));
    // The last message is on its way; the end of a run reads what has come.
    let reader = wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok());
    wait_until("the last message is kept", LONG, || {
        let Some(feed) = reader.feeds().expect("feeds").first().map(|feed| feed.id) else { return false };
        let all = reader.messages(feed, Time::MIN, Time::MAX, 1_000).expect("messages");
        all.iter().any(|kept| kept.payload.starts_with(b"{\"type\": \"tick\", \"seq\": 300,"))
    });
    run.interrupt();
    let report = run.end(LONG).json();
    let said = server.process.lines();

    let connected = events(&said, "connected");
    assert_eq!(connected.len(), 3, "{said:#?}");
    for one in &connected {
        assert_eq!(one["subprotocol"], "v1.feed", "the one both know");
        let agreed: &[&str] = if compression { &["permessage-deflate"] } else { &[] };
        assert_eq!(one["extensions"], serde_json::json!(agreed));
        assert!(one["agent"].as_str().is_some_and(|agent| agent.starts_with("Feedwatch/")));
    }
    let subscribed = events(&said, "subscribed");
    assert_eq!(subscribed.len(), 3, "subscribed on every connection");
    assert!(subscribed.iter().all(|one| one["message"]["products"] == serde_json::json!(["A", "B"])));
    assert_eq!(events(&said, "pong").len(), 1, "a ping was answered");
    assert_eq!(events(&said, "refused").len(), 1, "the long message was refused");

    // 300 ticks, and three answers to subscriptions; the long message was never taken in.
    let books = &report["accounts"]["prices"];
    assert_eq!(books["received"], 303, "{books}");
    assert_eq!(
        (&books["stored"], &books["rejected"], &books["duplicate"]),
        (&303.into(), &0.into(), &0.into()),
        "{books}"
    );
    let closed: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|found| found["kind"] == "closed" || found["kind"] == "refused")
        .filter_map(|found| found["text"].as_str())
        .collect();
    assert_eq!(closed.len(), 2, "{closed:?}");
    assert!(closed[0].contains("1012, service restart") && closed[0].contains("deploy"), "{closed:?}");
    assert!(closed[1].contains("max_message"), "{closed:?}");
    let losses = report["findings"].as_array().expect("findings").iter().filter(|found| found["check"] == "sequence");
    assert_eq!(losses.count(), 0, "nothing was lost between connections");
}

#[test]
fn a_wrong_token_is_said_in_words_with_what_to_do() {
    let server = serve("ws.py", &[]);
    let home = Home::new();
    let address = format!("ws://127.0.0.1:{}/", server.port);
    let ended = home.run(&["probe", &address, "--header", "Authorization: Bearer wrong", "--json"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("401") && ended.err.contains("token"), "{}", ended.err);
    assert!(ended.out.is_empty(), "{:?}", ended.out);
    server.process.line("it was asked", LONG, |line| line.contains("unauthorized"));
}
