use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::testkit::{clock, eager};
use crate::{Batch, ConnectError, Event, InboxLimits, Session, SessionError};

/// What one server sends, and whether it lets anybody in.
struct Server {
    sent: broadcast::Sender<u64>,
    state: Mutex<State>,
    cut: Notify,
}

#[derive(Default)]
struct State {
    closed: bool,
    connects: usize,
}

struct Client(Arc<Server>);

#[async_trait]
impl Source for Client {
    async fn connect(&self, _: &Resume) -> Result<Box<dyn Session>, ConnectError> {
        let mut state = self.0.state.lock().unwrap();
        state.connects += 1;
        if state.closed {
            return Err(ConnectError::Network("closed".to_owned()));
        }
        Ok(Box::new(Open { server: Arc::clone(&self.0), sent: self.0.sent.subscribe() }))
    }

    fn address(&self) -> String {
        "server".to_owned()
    }
}

struct Open {
    server: Arc<Server>,
    sent: broadcast::Receiver<u64>,
}

#[async_trait]
impl Session for Open {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        tokio::select! {
            biased;
            () = self.server.cut.notified() => Err(SessionError::Cut("cut".to_owned())),
            Ok(number) = self.sent.recv() => {
                batch.push(clock(), Bytes::from(number.to_string()), None);
                Ok(())
            }
        }
    }
}

/// A feed of two servers and what came of it.
struct Feed {
    servers: Vec<Arc<Server>>,
    inbox: Arc<Inbox>,
    orders: mpsc::Sender<DrillOrder>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    events: Vec<Event>,
}

impl Feed {
    fn start(mode: EndpointMode, lines: usize) -> Feed {
        let server =
            |_| Arc::new(Server { sent: broadcast::channel(64).0, state: Mutex::default(), cut: Notify::new() });
        let servers: Vec<Arc<Server>> = (0..lines).map(server).collect();
        let endpoints: Vec<Endpoint> = servers
            .iter()
            .enumerate()
            .map(|(line, server)| Endpoint {
                name: format!("line {line}"),
                source: Arc::new(Client(Arc::clone(server))),
            })
            .collect();
        let inbox = Inbox::new(InboxLimits::default(), Arc::new(|| {}));
        let (stop, (orders, drills)) = (CancellationToken::new(), mpsc::channel(1));
        let rules = EndpointRules { mode, ..EndpointRules::default() };
        let task = tokio::spawn(supervise_endpoints(
            EndpointSet { endpoints, rules },
            Arc::clone(&inbox),
            Resume::default(),
            eager(),
            clock,
            stop.clone(),
            drills,
        ));
        Feed { servers, inbox, orders, stop, task, events: Vec::new() }
    }

    /// Waits until so many listen to a server.
    async fn listened(&self, line: usize, count: usize) {
        while self.servers[line].sent.receiver_count() != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Both servers send it, to whoever listens.
    fn send(&self, number: u64) {
        self.servers.iter().for_each(|server| drop(server.sent.send(number)));
    }

    fn cut(&self, line: usize, closed: bool) {
        self.servers[line].state.lock().unwrap().closed = closed;
        self.servers[line].cut.notify_waiters();
    }

    /// Waits until so many messages are in.
    async fn took(&mut self, count: usize) {
        while self.numbers().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
            while self.inbox.drain(100, |event| self.events.push(event)) > 0 {}
        }
    }

    fn numbers(&self) -> Vec<String> {
        let messages = self.events.iter().filter_map(|event| match event {
            Event::Message(message) => Some(String::from_utf8_lossy(&message.payload).into_owned()),
            _ => None,
        });
        messages.collect()
    }

    async fn drill(&self) -> oneshot::Receiver<Result<Drilled, String>> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(DrillOrder { hold: Duration::from_secs(5), reply }).await.unwrap();
        answer
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_line_is_replaced_at_once_and_returned_to_after_a_while_without_a_loss() {
    let mut feed = Feed::start(EndpointMode::Failover, 2);
    feed.listened(0, 1).await;
    feed.send(1);
    feed.took(1).await;
    let begin = Instant::now();
    feed.cut(0, true);
    feed.listened(1, 1).await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    feed.send(2);
    feed.took(2).await;
    feed.cut(0, false);
    feed.listened(0, 1).await;
    let back = Instant::now();
    for number in 3..20 {
        feed.send(number);
        feed.took(number as usize).await;
    }
    feed.listened(1, 0).await;
    let overlapped = back.elapsed().as_secs();
    assert!((29..=32).contains(&overlapped), "{overlapped}");
    feed.send(20);
    feed.took(20).await;
    assert_eq!(feed.numbers(), (1..=20).map(|number| number.to_string()).collect::<Vec<_>>());
    let counters = feed.inbox.counters();
    assert_eq!(counters.received, 20 + counters.duplicate);
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_redundant_feed_loses_nothing_while_one_line_is_cut_again_and_again() {
    let mut feed = Feed::start(EndpointMode::Redundant, 2);
    for number in 1..=300_u64 {
        if number % 10 == 1 {
            feed.listened(0, 1).await;
            feed.listened(1, 1).await;
        }
        feed.send(number);
        if number % 10 == 5 {
            feed.cut((number / 10 % 2) as usize, false);
        }
        feed.took(number as usize).await;
    }
    assert_eq!(feed.numbers(), (1..=300).map(|number| number.to_string()).collect::<Vec<_>>());
    let lines = feed.inbox.lines();
    assert_eq!(lines.iter().map(|line| line.first).sum::<u64>(), 300);
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_falls_silent_while_the_other_speaks_is_taken_for_dead() {
    let mut feed = Feed::start(EndpointMode::Failover, 2);
    feed.listened(0, 1).await;
    for number in 1..=40 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        feed.send(number);
        feed.took(number as usize).await;
    }
    // The first is half open from here on: only the second brings something.
    let mut number = 40;
    while feed.servers[0].state.lock().unwrap().connects < 2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        if feed.servers[1].sent.send(number + 1).is_ok() {
            number += 1;
            feed.took(number as usize).await;
        }
    }
    let cut = |event: &&Event| matches!(event, Event::StoodDown { line: 0, why: Shut::Silent, .. });
    assert_eq!(feed.events.iter().filter(cut).count(), 1);
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn where_all_are_silent_the_feed_is_and_no_line_is_cut() {
    let mut feed = Feed::start(EndpointMode::Failover, 2);
    feed.listened(0, 1).await;
    for number in 1..=40 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        feed.send(number);
        feed.took(number as usize).await;
    }
    feed.listened(1, 1).await;
    feed.listened(1, 0).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(feed.servers[0].state.lock().unwrap().connects, 1);
    assert_eq!(feed.servers[1].state.lock().unwrap().connects, 1);
    feed.send(41);
    feed.took(41).await;
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_cuts_the_preferred_line_measures_and_returns() {
    let mut feed = Feed::start(EndpointMode::Failover, 2);
    feed.listened(0, 1).await;
    let mut answer = feed.drill().await;
    feed.listened(1, 1).await;
    feed.listened(0, 0).await;
    let mut number = 0;
    let drilled = loop {
        number += 1;
        feed.send(number);
        feed.took(number as usize).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if let Ok(drilled) = answer.try_recv() {
            break drilled.unwrap();
        }
    };
    assert_eq!((drilled.from.as_str(), drilled.to.as_deref()), ("line 0", Some("line 1")));
    assert!(drilled.to_first_message.is_some() && drilled.to_return.is_some(), "{drilled:?}");
    feed.listened(1, 0).await;
    let told = feed.events.iter().filter(|event| matches!(event, Event::Lost { .. })).count();
    assert_eq!(told, 0, "a drill is no loss");
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_of_a_feed_with_one_endpoint_cuts_and_connects_again() {
    let mut feed = Feed::start(EndpointMode::Failover, 1);
    feed.listened(0, 1).await;
    let mut answer = feed.drill().await;
    while feed.servers[0].state.lock().unwrap().connects < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    feed.listened(0, 1).await;
    feed.send(1);
    feed.took(1).await;
    let drilled = loop {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if let Ok(drilled) = answer.try_recv() {
            break drilled.unwrap();
        }
    };
    assert_eq!(drilled.to.as_deref(), Some("line 0"));
    feed.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_of_a_feed_that_is_down_is_refused_with_a_reason() {
    let feed = Feed::start(EndpointMode::Failover, 1);
    feed.cut(0, true);
    feed.servers[0].state.lock().unwrap().closed = true;
    while feed.servers[0].sent.receiver_count() > 0 || feed.servers[0].state.lock().unwrap().connects < 2 {
        feed.cut(0, true);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let answer = feed.drill().await.await.unwrap();
    assert!(answer.unwrap_err().contains("no connection"));
    feed.stop().await;
}
