//! Feeds with several endpoints: redundant lines, failing over and back, drills.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use feedwatch_engine::Engine;
use feedwatch_engine::report::RunReport;
use feedwatch_engine::wire::LineRow;
use feedwatch_model::Time;
use feedwatch_store::Outcome;
use feedwatch_tests::home::Home;
use feedwatch_tests::proxy::Proxy;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, state};
use feedwatch_tests::websocket::{Server, Talk};

/// What all servers of a feed send: the same messages to everybody, from when they connect.
#[derive(Default)]
struct Publisher {
    sent: Mutex<Vec<String>>,
    more: Condvar,
}

impl Publisher {
    fn publish(&self) -> usize {
        let mut sent = self.sent.lock().unwrap();
        let number = sent.len() + 1;
        sent.push(format!("{{\"type\":\"tick\",\"seq\":{number},\"level\":{}}}", 20 + number % 5));
        self.more.notify_all();
        number
    }

    fn server(self: &Arc<Publisher>) -> Server {
        let publisher = Arc::clone(self);
        Server::start(move |talk| publisher.serve(talk))
    }

    fn serve(&self, talk: &mut Talk) {
        let mut at = self.sent.lock().unwrap().len();
        loop {
            let next = {
                let sent = self.sent.lock().unwrap();
                let wait = Duration::from_millis(50);
                let (sent, _) = self.more.wait_timeout_while(sent, wait, |sent| sent.len() <= at).unwrap();
                sent.get(at).cloned()
            };
            let goes_on = match next {
                Some(text) => {
                    at += 1;
                    talk.send(text)
                }
                None => talk.pause(Duration::ZERO),
            };
            if !goes_on {
                return;
            }
        }
    }
}

/// A feed of two servers behind a proxy each.
struct Pair {
    publisher: Arc<Publisher>,
    _servers: [Server; 2],
    proxies: [Proxy; 2],
    home: Home,
}

impl Pair {
    fn new() -> Pair {
        let publisher = Arc::new(Publisher::default());
        let servers = [publisher.server(), publisher.server()];
        let proxies = [Proxy::to(servers[0].address()), Proxy::to(servers[1].address())];
        Pair { publisher, _servers: servers, proxies, home: Home::new() }
    }

    fn config(&self, endpoints: &str) -> String {
        let [first, second] = [self.proxies[0].address(), self.proxies[1].address()];
        format!(
            "[feed.far.websocket]\nurl = \"ws://{first}/\"\n[feed.far.backup.tokyo.websocket]\nurl = \
             \"ws://{second}/\"\n[feed.far.endpoints]\n{endpoints}\n"
        )
    }

    /// Publishes until the engine has so many more messages of their own.
    fn publish(&self, engine: &Engine, count: u64) {
        for _ in 0..count {
            let number = self.publisher.publish() as u64;
            wait_until("the message", LONG, || of_their_own(engine) >= number);
        }
    }
}

/// Messages received but for further copies.
fn of_their_own(engine: &Engine) -> u64 {
    let books = accounts(engine, "far");
    books.received - books.duplicate
}

fn lines(engine: &Engine) -> Vec<LineRow> {
    engine.status().1.into_iter().find(|row| row.name == "far").expect("the feed").lines
}

fn states(engine: &Engine) -> [String; 2] {
    let lines = lines(engine);
    [lines[0].state.clone(), lines[1].state.clone()]
}

fn wait_for_states(engine: &Engine, wanted: [&str; 2]) {
    wait_until(&format!("the lines to be {wanted:?}"), LONG, || states(engine) == wanted);
}

/// The numbers that are in the history as read, in the order of their arrival.
fn stored(engine: &Engine) -> Vec<u64> {
    let reader = engine.reader().expect("a history");
    let feed = reader.feeds().expect("feeds")[0].id;
    let messages = reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages");
    let read = messages.into_iter().filter(|message| matches!(message.outcome, Outcome::Read | Outcome::Late));
    read.map(|message| {
        let value: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        value["seq"].as_u64().unwrap()
    })
    .collect()
}

/// Everything that was published is in the history once and in order, and nobody was troubled.
fn is_complete(engine: &Engine, published: u64) -> RunReport {
    let lines = lines(engine);
    let report = engine.stop();
    let books = report.accounts["far"];
    assert!(books.balance() && books.in_flight == 0, "{books:?}");
    assert_eq!(books.stored, published, "{books:?}");
    assert_eq!(stored(engine), (1..=published).collect::<Vec<u64>>(), "each once, in order");
    assert_eq!(lines.iter().map(|line| line.first).sum::<u64>(), published, "{lines:#?}");
    let wrong = |check: &str| report.findings.iter().filter(|found| found.check.word() == check).count();
    assert_eq!([wrong("sequence"), wrong("duplicate"), wrong("order")], [0, 0, 0], "{:#?}", report.findings);
    assert!(report.gaps.iter().all(|gap| gap.cause != "disconnected"), "the feed itself was never down");
    report
}

#[test]
fn a_redundant_pair_loses_nothing_while_one_line_is_cut_again_and_again() {
    let pair = Pair::new();
    let engine = pair.home.engine(&pair.config("mode = \"redundant\""));
    wait_for_states(&engine, ["up", "up"]);
    for _ in 0..30 {
        pair.publish(&engine, 20);
        pair.proxies[0].cut();
        pair.publish(&engine, 20);
    }
    is_complete(&engine, 30 * 40);
}

#[test]
fn a_redundant_pair_loses_nothing_while_its_lines_are_cut_in_turn() {
    let pair = Pair::new();
    let engine = pair.home.engine(&pair.config("mode = \"redundant\""));
    for round in 0..6 {
        wait_for_states(&engine, ["up", "up"]);
        pair.publish(&engine, 40);
        pair.proxies[round % 2].cut();
        pair.publish(&engine, 40);
    }
    let report = is_complete(&engine, 6 * 80);
    assert!(report.endpoints["far"].iter().all(|line| line.received > 200), "both brought messages: {report:#?}");
}

#[test]
fn a_line_that_is_down_shows_as_degraded_and_raises_an_alarm_that_ends_with_it() {
    let mut pair = Pair::new();
    let engine = pair.home.engine(&pair.config("mode = \"redundant\""));
    wait_for_states(&engine, ["up", "up"]);
    pair.publish(&engine, 80);
    pair.proxies[1].refuse();
    let row = wait_for("a degraded feed", LONG, || {
        let row = engine.status().1.into_iter().find(|row| row.name == "far")?;
        row.state_text.is_some().then_some(row)
    });
    assert_eq!(row.state, "live");
    let text = row.state_text.unwrap();
    assert!(text.contains("1 of 2 endpoints, without tokyo"), "{text}");
    pair.publish(&engine, 20);
    let open = |engine: &Engine| {
        let alarms = engine.report().alarms;
        alarms.iter().filter(|alarm| alarm.check.word() == "connection" && alarm.cleared.is_none()).count()
    };
    wait_until("an alarm", LONG, || open(&engine) == 1);
    pair.proxies[1].allow();
    wait_for_states(&engine, ["up", "up"]);
    wait_until("its end", LONG, || open(&engine) == 0);
    pair.publish(&engine, 20);
    assert_eq!(engine.stop().accounts["far"].stored, 120);
}

#[test]
fn a_feed_fails_over_and_returns_without_losing_what_either_line_sent() {
    let mut pair = Pair::new();
    let engine = pair.home.engine(&pair.config("return_after = \"2s\""));
    wait_for_states(&engine, ["up", "standby"]);
    pair.publish(&engine, 80);
    pair.proxies[0].refuse();
    wait_for_states(&engine, ["down", "up"]);
    state(&engine, "far", "live");
    pair.publish(&engine, 50);
    pair.proxies[0].allow();
    // Back on the preferred one; the backup goes when that has stood for a while, and nothing is lost meanwhile.
    wait_for_states(&engine, ["up", "up"]);
    while states(&engine) == ["up", "up"] {
        pair.publish(&engine, 1);
    }
    wait_for_states(&engine, ["up", "standby"]);
    pair.publish(&engine, 20);
    let count = pair.publisher.sent.lock().unwrap().len() as u64;
    let report = engine.stop();
    assert_eq!(stored(&engine), (1..=count).collect::<Vec<u64>>());
    let of = |kind: &str| report.findings.iter().filter(|found| found.kind.word() == kind).count();
    assert_eq!([of("failed-over"), of("gap"), of("repeated")], [1, 0, 0], "{:#?}", report.findings);
    let alarm = report.alarms.iter().find(|alarm| alarm.check.word() == "connection").expect("an alarm");
    assert!(alarm.cleared.is_some(), "{alarm:#?}");
}

/// Publishes all the time, until it is dropped.
struct Stream {
    thread: Option<JoinHandle<()>>,
    ends: Arc<AtomicBool>,
}

impl Stream {
    fn of(publisher: &Arc<Publisher>) -> Stream {
        let (publisher, ends) = (Arc::clone(publisher), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::SeqCst) {
                publisher.publish();
                std::thread::park_timeout(Duration::from_millis(10));
            }
        });
        Stream { thread: Some(thread), ends }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[test]
fn a_drill_from_the_terminal_measures_the_failover_and_raises_no_alarm() {
    let pair = Pair::new();
    pair.home.write("feeds.toml", pair.config("return_after = \"2s\""));
    let stream = Stream::of(&pair.publisher);
    // No console runs yet: the drill watches the feed itself.
    let drill = || pair.home.json(&["drill", "feeds.toml", "far", "--json"]);
    let report = drill();
    assert_eq!((&report["schema"], &report["feed"]), (&1.into(), &"far".into()));
    assert_eq!((&report["from"], &report["to"]), (&"preferred".into(), &"tokyo".into()));
    assert!(report["to_first_message_ms"].as_f64().unwrap() >= 0.0 && report["to_return_ms"].is_number(), "{report}");
    // A console that runs does it itself.
    let engine = pair.home.engine(&pair.config("return_after = \"2s\""));
    wait_for_states(&engine, ["up", "standby"]);
    let numbered = || engine.status().1.iter().any(|row| row.name == "far" && row.integrity_text.contains("complete"));
    wait_until("the numbers to be known", LONG, numbered);
    let report = drill();
    assert_eq!((&report["from"], &report["to"]), (&"preferred".into(), &"tokyo".into()));
    assert!(report["lost"].is_number(), "{report}");
    drop(stream);
    let drills = engine.drills("far", 10).unwrap();
    wait_until("the drill to be in the history", LONG, || engine.drills("far", 10).unwrap().len() == 2);
    assert!(drills.iter().all(|drill| drill.passed()), "{drills:#?}");
    let ended = engine.stop();
    let alarms: Vec<_> = ended.alarms.iter().filter(|alarm| alarm.check.word() == "connection").collect();
    assert!(alarms.is_empty(), "a drill is no alarm: {alarms:#?}");
    assert!(ended.accounts["far"].balance());
}

#[test]
fn a_drill_of_a_feed_that_is_not_there_names_those_that_are() {
    let pair = Pair::new();
    pair.home.write("feeds.toml", pair.config(""));
    let ended = pair.home.run(&["drill", "feeds.toml", "near"]);
    assert_eq!(ended.code, Some(2));
    assert!(format!("{ended:?}").contains("There are: far"), "{ended:?}");
}

#[test]
fn a_drill_that_is_interrupted_says_what_is_known_and_ends_well() {
    let pair = Pair::new();
    pair.home.write("feeds.toml", pair.config(""));
    // Nothing is published, so the feed's first message is waited for.
    let drill = pair.home.start(&["drill", "feeds.toml", "far", "--json"]);
    drill.error_line("that it begins", LONG, |line| line.contains("Cutting far"));
    wait_until("its own engine", LONG, || pair.home.history().exists());
    drill.interrupt();
    let ended = drill.end(LONG);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.last().is_some_and(|line| line.starts_with("{\"schema\":1,")), "{ended:?}");
    let report = ended.json();
    assert!(report["lost"].is_null() && report["to_first_message_ms"].is_null(), "{report}");
}
