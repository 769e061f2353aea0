//! What the network does: cut, refused, stalled, slow. Each is told as what it is, and the feed comes back.

use std::time::Duration;

use feedwatch_engine::Engine;
use feedwatch_engine::report::RunReport;
use feedwatch_model::Time;
use feedwatch_tests::home::Home;
use feedwatch_tests::proxy::Proxy;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};
use feedwatch_tests::websocket::{Server, Talk};

/// Numbers from 1 in every connection, ten a second and more.
fn ticks(talk: &mut Talk) {
    let mut number = 0;
    loop {
        number += 1;
        let text = format!("{{\"type\":\"tick\",\"n\":{number},\"level\":{}}}", 20 + number % 5);
        if !talk.send(text) || !talk.pause(Duration::from_millis(20)) {
            return;
        }
    }
}

fn watched(proxy: &Proxy, home: &Home, idle: &str) -> Engine {
    let address = proxy.address();
    home.engine(&format!("[feed.far.websocket]\nurl = \"ws://{address}/\"\nidle_timeout = \"{idle}\"\n"))
}

fn texts<'a>(report: &'a RunReport, kind: &str) -> Vec<&'a str> {
    report.findings.iter().filter(|found| found.kind.word() == kind).map(|found| found.text.as_str()).collect()
}

#[test]
fn a_cut_connection_is_a_gap_of_its_length_and_the_feed_comes_back() {
    let server = Server::start(ticks);
    let mut proxy = Proxy::to(server.address());
    let home = Home::new();
    let engine = watched(&proxy, &home, "60s");
    wait_until("messages", LONG, || accounts(&engine, "far").received > 20);

    proxy.refuse();
    let cut = feedwatch_engine::clock::now();
    state(&engine, "far", "down");
    let allowed = feedwatch_engine::clock::now();
    proxy.allow();
    let received = accounts(&engine, "far").received;
    wait_until("messages again", LONG, || accounts(&engine, "far").received > received + 5);
    let back = feedwatch_engine::clock::now();

    let reader = engine.reader().expect("a history");
    let report = engine.stop();
    let gaps: Vec<_> = report.gaps.iter().filter(|gap| gap.cause == "disconnected").collect();
    assert_eq!(gaps.len(), 1, "one outage, one gap: {gaps:#?}");
    let (from, to) = (gaps[0].from, gaps[0].to.expect("it is over"));
    let feed = reader.feeds().expect("feeds")[0].id;
    let before = reader.messages(feed, Time::MIN, cut, 10_000).expect("messages");
    assert_eq!(Some(from), before.last().map(|message| message.received), "it begins with the last message");
    assert!(allowed <= to && to <= back, "it ends with the connection: {allowed} {to} {back}");
    assert_eq!(gaps[0].seconds, Some(to.secs_since(from)));
    assert_eq!(texts(&report, "closed").len(), 1, "{:#?}", report.findings);
    assert_eq!(texts(&report, "resumed").len(), 1);
    let alarm = report.alarms.iter().find(|alarm| alarm.check.word() == "connection").expect("an alarm");
    assert!(alarm.cleared.is_some(), "it is over: {alarm:#?}");
}

#[test]
fn many_cuts_are_many_gaps_and_every_message_is_accounted_for() {
    let server = Server::start(ticks);
    let proxy = Proxy::to(server.address());
    let home = Home::new();
    let engine = watched(&proxy, &home, "60s");
    for round in 1..=4u64 {
        wait_until("a connection", LONG, || proxy.accepted() >= round);
        let before = accounts(&engine, "far").received;
        wait_until("messages", LONG, || accounts(&engine, "far").received > before + 3);
        proxy.cut();
        // The next try is seen before the next cut, so that each is an outage of its own.
        wait_until("the next connection", LONG, || server.connections() > round);
    }
    let report = engine.stop();
    let books = report.accounts["far"];
    assert!(books.balance() && books.in_flight == 0, "{books:?}");
    let gaps = report.gaps.iter().filter(|gap| gap.cause == "disconnected").count();
    assert_eq!(gaps, 4, "{:#?}", report.gaps);
    assert!(texts(&report, "closed").iter().all(|text| text.contains("cut")), "{:#?}", report.findings);
}

#[test]
fn a_refused_connection_is_said_in_words_with_the_cure() {
    let server = Server::start(ticks);
    let mut proxy = Proxy::to(server.address());
    proxy.refuse();
    let home = Home::new();
    let engine = watched(&proxy, &home, "60s");
    let reason = wait_for("the feed's row says why", LONG, || {
        let row = engine.status().1.into_iter().find(|row| row.name == "far")?;
        row.state_text.filter(|_| row.state == "down")
    });
    let port = proxy.address().port().to_string();
    assert!(reason.contains(&port) && reason.contains("connection refused") && reason.contains("Check"), "{reason}");
    proxy.allow();
    state(&engine, "far", "live");
    wait_until("messages", LONG, || accounts(&engine, "far").received > 3);
    let report = engine.stop();
    let gap = report.gaps.iter().find(|gap| gap.cause == "unreachable").expect("it was not reachable at first");
    assert!(gap.to.is_some(), "{gap:#?}");
}

#[test]
fn a_connection_that_stalls_is_given_up_after_the_idle_time() {
    let server = Server::start(ticks);
    let proxy = Proxy::to(server.address());
    let home = Home::new();
    let engine = watched(&proxy, &home, "1s");
    wait_until("messages", LONG, || accounts(&engine, "far").received > 20);
    proxy.stall();
    state(&engine, "far", "down");
    let accepted = proxy.accepted();
    proxy.flow();
    wait_until("another connection", LONG, || proxy.accepted() > accepted);
    state(&engine, "far", "live");
    let report = engine.stop();
    let closed = texts(&report, "closed");
    assert!(closed.iter().any(|text| text.contains("1 s")), "the idle time is named: {closed:?}");
    assert!(report.gaps.iter().any(|gap| gap.cause == "disconnected"), "{:#?}", report.gaps);
}

#[test]
fn a_publisher_that_falls_silent_over_an_open_connection_is_told_as_silent() {
    let server = Server::start(ticks);
    let proxy = Proxy::to(server.address());
    let home = Home::new();
    let engine = watched(&proxy, &home, "never");
    // The rhythm is known after 20 messages over at least the shortest silence, 2 s.
    wait_until("enough of a rhythm", LONG, || accounts(&engine, "far").received > 150);
    proxy.stall();
    state(&engine, "far", "silent");
    proxy.flow();
    state(&engine, "far", "live");
    let report = engine.stop();
    let silent = report.findings.iter().find(|found| found.kind.word() == "silent").expect("a finding");
    assert_eq!(silent.check.word(), "silence");
    assert!(silent.text.contains("No message for"), "{}", silent.text);
    assert!(report.findings.iter().any(|found| found.check.word() == "silence" && found.kind.word() == "resumed"));
    assert!(report.gaps.iter().all(|gap| gap.cause != "disconnected"), "the connection stood: {:#?}", report.gaps);
}

#[test]
fn a_slow_trickle_is_a_living_connection() {
    let server = Server::start(|talk| {
        // Two messages of 2000 bytes, which take longer to arrive than the connection may be idle.
        for number in 1..=2 {
            let pad = "x".repeat(2_000);
            talk.send(format!("{{\"n\":{number},\"pad\":\"{pad}\"}}"));
        }
        talk.hold();
    });
    let proxy = Proxy::to(server.address());
    proxy.trickle(50, Duration::from_millis(50));
    let home = Home::new();
    let began = feedwatch_engine::clock::now();
    let engine = watched(&proxy, &home, "2s");
    let books = settled(&engine, "far", 2);
    let took: f64 = feedwatch_engine::clock::now().secs_since(began);
    assert!(took > 4.0, "it was slow: {took} s");
    assert_eq!(books.received, 2);
    assert_eq!(proxy.accepted(), 1, "one connection was enough");
    let report = engine.stop();
    assert!(texts(&report, "closed").is_empty(), "{:#?}", report.findings);
    assert!(report.gaps.iter().all(|gap| gap.to.unwrap_or(Time::MAX) < began), "{:#?}", report.gaps);
}

#[test]
fn bytes_that_are_damaged_on_the_way_cost_a_connection_and_no_account() {
    let server = Server::start(ticks);
    let proxy = Proxy::to(server.address());
    let home = Home::new();
    let engine = watched(&proxy, &home, "30s");
    wait_until("messages", LONG, || accounts(&engine, "far").received > 50);
    proxy.corrupt(97);
    wait_until("another connection", LONG, || proxy.accepted() > 1);
    proxy.flow();
    let received = accounts(&engine, "far").received;
    wait_until("messages again", LONG, || accounts(&engine, "far").received > received + 50);
    let report = engine.stop();
    let books = &report.accounts["far"];
    assert!(books.balance() && books.in_flight == 0, "{books:?}");
    assert!(!texts(&report, "closed").is_empty(), "{:#?}", report.findings);
}

#[test]
fn what_the_way_repeats_is_stored_once() {
    let server = Server::start(|talk| {
        let mut seq = 0;
        while talk.send(format!("{{\"seq\":{seq},\"level\":{}}}", 20 + seq % 5))
            && talk.pause(Duration::from_millis(20))
        {
            seq += 1;
        }
    });
    let proxy = Proxy::to(server.address());
    let home = Home::new();
    let engine = watched(&proxy, &home, "30s");
    wait_until("messages", LONG, || accounts(&engine, "far").received > 150);
    proxy.duplicate();
    wait_until("repetitions", LONG, || accounts(&engine, "far").duplicate > 100);
    proxy.flow();
    let report = engine.stop();
    let books = &report.accounts["far"];
    assert!(books.balance() && books.in_flight == 0, "{books:?}");
    assert!(books.stored + books.duplicate == books.received, "{books:?}");
    assert!(!texts(&report, "repeated").is_empty(), "{:#?}", report.findings);
}

#[test]
fn a_pulled_cable_is_told_after_the_idle_time_and_the_feed_comes_back_over_a_new_connection() {
    let server = Server::start(ticks);
    let proxy = Proxy::to(server.address());
    let home = Home::new();
    let engine = watched(&proxy, &home, "2s");
    wait_until("messages", LONG, || accounts(&engine, "far").received > 20);
    proxy.half_open();
    state(&engine, "far", "down");
    proxy.flow();
    proxy.release();
    let received = accounts(&engine, "far").received;
    wait_until("messages again", LONG, || accounts(&engine, "far").received > received + 20);
    let report = engine.stop();
    assert_eq!(report.gaps.iter().filter(|gap| gap.cause == "disconnected").count(), 1, "{:#?}", report.gaps);
}

#[test]
fn what_comes_late_without_an_outage_is_no_outage() {
    let server = Server::start(ticks);
    let proxy = Proxy::to(server.address());
    let home = Home::new();
    let engine = watched(&proxy, &home, "30s");
    wait_until("messages", LONG, || accounts(&engine, "far").received > 50);
    proxy.delay(Duration::from_millis(300));
    wait_until("late ones", LONG, || accounts(&engine, "far").received > 300);
    let report = engine.stop();
    assert_eq!(proxy.accepted(), 1);
    assert!(report.gaps.is_empty(), "{:#?}", report.gaps);
}
