//! The built-in demo: the scenario's frames at their times, over two loopback servers, its calls to two webhooks, and a log of what
//! was done.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use feedwatch_model::{NANOS_PER_MILLI, NANOS_PER_SECOND, Time};
use serde::{Deserialize, Serialize};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::error::DemoError;
use crate::scenario::{Entry, Feed, GATE_LINES, Scenario, TICK_NANOS, Tick, subscriptions};
use crate::serve::{Caller, Door, EVENTS_PATH, Ending, Hook, Limits, Publisher, Server, Sse, WebSocket, bind};

/// The log keeps so many entries and outages: about a week of the schedule.
const LOG_LIMIT: usize = 10_000;
/// If the clock is ahead of the ticks by more, the machine slept: event time goes on from the clock.
const SLEPT_NANOS: i64 = 5 * NANOS_PER_SECOND;
/// The path of the gate's webhooks.
const GATE_PATH: &str = "/gate";
/// Letters of the token that the gate knows.
const TOKEN_LETTERS: usize = 32;
/// So long is a client waited for when the demo pauses.
const FLUSH: Duration = Duration::from_secs(2);

const ABOUT: &str = "Feedwatch demo: the plant feed, four presses, ten events a second.\n\
The stream of Server-Sent Events is at /events.\n";

/// How the demo is to run.
#[derive(Clone, Copy, Debug)]
pub struct DemoOptions {
    /// Which entities the faults meet, and every number in the feeds.
    pub seed: u64,
    /// Whether there are faults at all.
    pub faults: bool,
    /// Where to listen; ports are free ones.
    pub listen: IpAddr,
    /// Ticks go by so many times faster. Event times stay a tick apart, so they run ahead of the clock when above 1.
    pub speed: f64,
}

impl Default for DemoOptions {
    fn default() -> DemoOptions {
        DemoOptions { seed: 1, faults: true, listen: IpAddr::V4(Ipv4Addr::LOCALHOST), speed: 1.0 }
    }
}

/// A stretch in which the price feed had no client, once it had one: what was numbered then is lost to a single client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// The feed.
    pub feed: Feed,
    /// Event time of the first message without a client.
    pub from: Time,
    /// Event time of the first message with a client again; `None` while it lasts.
    pub to: Option<Time>,
    /// First and last number without a client, per product.
    pub missed: BTreeMap<String, (u64, u64)>,
}

/// What the publisher did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// The seed of it all.
    pub seed: u64,
    /// The faults, as they began. A fault is logged also if no client was there to see it.
    pub entries: Vec<Entry>,
    /// When the price feed had no client.
    pub outages: Vec<Outage>,
    /// Messages the kernel has taken for clients, per feed: what clients that lose nothing have received, summed over connections.
    /// Counts every message: tickers, heartbeats, answers to subscriptions, repeated and broken ones. Of the gate: messages that its
    /// webhooks took in.
    pub published: BTreeMap<String, u64>,
    /// The same per connection, in their order; the last thousand. Of the gate: per webhook.
    pub connections: BTreeMap<String, Vec<u64>>,
    /// Ticks since the first client.
    pub ticks: u64,
    /// Event time of the first tick.
    pub started: Option<Time>,
}

impl Log {
    /// Messages the kernel has taken for clients of a feed.
    pub fn published(&self, feed: Feed) -> u64 {
        self.published.get(feed.name()).copied().unwrap_or(0)
    }
}

/// What the driver writes and everybody reads.
#[derive(Default)]
struct Journal {
    entries: VecDeque<Entry>,
    outages: VecDeque<Outage>,
    ticks: u64,
    started: Option<Time>,
}

struct Shared {
    seed: u64,
    prices: Publisher,
    plant: Publisher,
    gate: [Caller; GATE_LINES],
    journal: Mutex<Journal>,
}

/// The running demo. Dropping it stops it.
pub struct Demo {
    shared: Arc<Shared>,
    prices_address: SocketAddr,
    plant_address: SocketAddr,
    hooks: [Hook; GATE_LINES],
    servers: [Server; 2],
    ticking: CancellationToken,
    driver: Option<tokio::task::JoinHandle<()>>,
}

impl Demo {
    /// Listens, and starts to tick when the first client of either feed is connected.
    ///
    /// # Errors
    /// [`DemoError::Listen`] if no port is to be had, [`DemoError::Speed`] if the speed is not above 0.
    pub async fn start(options: DemoOptions, clock: fn() -> Time) -> Result<Demo, DemoError> {
        let tick = Duration::try_from_secs_f64(TICK_NANOS as f64 / 1e9 / options.speed)
            .ok()
            .filter(|tick| !tick.is_zero())
            .ok_or_else(|| DemoError::Speed(options.speed.to_string()))?;
        let (prices_listener, prices_address) = bind(SocketAddr::new(options.listen, 0)).await?;
        let (plant_listener, plant_address) = bind(SocketAddr::new(options.listen, 0)).await?;
        let any = SocketAddr::new(options.listen, 0);
        // Nobody listens there when they are given back. If another program is faster than the one they are meant for, that one says
        // so and tries again.
        let [first, second] = [bind(any).await?, bind(any).await?].map(|(_, address)| address);
        let token: String = std::iter::repeat_with(fastrand::alphanumeric).take(TOKEN_LETTERS).collect();
        let hook = |address| Hook { address, path: GATE_PATH, token: token.clone() };
        let hooks = [first, second].map(hook);
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            seed: options.seed,
            prices: Publisher::new(Limits { backlog: 0, ..Limits::default() }),
            plant: Publisher::new(Limits { backlog: 300, ..Limits::default() }),
            gate: hooks.clone().map(|hook| Caller::start(hook, stop.child_token())),
            journal: Mutex::default(),
        });
        let servers = [
            Server::start(prices_listener, WebSocket { answer }, shared.prices.clone(), stop.clone()),
            Server::start(plant_listener, Sse { about: ABOUT }, shared.plant.clone(), stop.clone()),
        ];
        let ticking = stop.child_token();
        let scenario = Scenario::new(options.seed, options.faults);
        let driver = drive(Arc::clone(&shared), scenario, tick, clock, ticking.clone());
        let driver = Some(tokio::spawn(driver));
        Ok(Demo { shared, prices_address, plant_address, hooks, servers, ticking, driver })
    }

    /// Where the price feed is: a WebSocket.
    pub fn prices_url(&self) -> String {
        format!("ws://{}/prices", self.prices_address)
    }

    /// Where the plant feed is: Server-Sent Events.
    pub fn plant_url(&self) -> String {
        format!("http://{}{EVENTS_PATH}", self.plant_address)
    }

    /// Where the gate calls: listen there for webhooks.
    pub fn gate_addresses(&self) -> [SocketAddr; GATE_LINES] {
        self.hooks.each_ref().map(|hook| hook.address)
    }

    /// The path that the gate calls.
    pub fn gate_path(&self) -> &'static str {
        GATE_PATH
    }

    /// What the gate proves to know; another one in each run.
    pub fn gate_token(&self) -> &str {
        let [first, ..] = &self.hooks;
        &first.token
    }

    /// What was done until now.
    pub fn log(&self) -> Log {
        self.shared.log()
    }

    /// Publishes nothing more, waits until the kernel has all that was queued (at most 2 s), and leaves the connections open:
    /// then a client that has read what there is has received exactly what the log says.
    pub async fn pause(&mut self) -> Log {
        self.ticking.cancel();
        if let Some(driver) = self.driver.take() {
            // It fails only if it panicked, which the log of the program has.
            let _ = driver.await;
        }
        let [first, second] = &self.shared.gate;
        let all = async {
            tokio::join!(self.shared.prices.flushed(), self.shared.plant.flushed(), first.flushed(), second.flushed())
        };
        // A client that takes nothing keeps its rest: it is not counted.
        let _ = timeout(FLUSH, all).await;
        self.log()
    }

    /// Pauses, closes every connection and returns the log.
    pub async fn stop(mut self) -> Log {
        self.pause().await;
        let [prices, plant] = self.servers;
        tokio::join!(prices.stopped(), plant.stopped());
        self.shared.log()
    }
}

impl Shared {
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> Log {
        let feeds = [(Feed::Prices, &self.prices), (Feed::Plant, &self.plant)];
        let called = self.gate.each_ref().map(Caller::taken);
        let mut published: BTreeMap<String, u64> =
            feeds.map(|(feed, publisher)| (feed.name().to_owned(), publisher.written())).into();
        published.insert(Feed::Gate.name().to_owned(), called.iter().sum());
        let mut connections: BTreeMap<String, Vec<u64>> =
            feeds.map(|(feed, publisher)| (feed.name().to_owned(), publisher.written_each())).into();
        connections.insert(Feed::Gate.name().to_owned(), called.to_vec());
        let journal = self.journal();
        Log {
            seed: self.seed,
            entries: journal.entries.iter().cloned().collect(),
            outages: journal.outages.iter().cloned().collect(),
            published,
            connections,
            ticks: journal.ticks,
            started: journal.started,
        }
    }

    /// Does what the tick says.
    fn publish(&self, tick: Tick, at: Time) {
        let door = if tick.prices_open { Door::Open } else { Door::Shut };
        if self.prices.set_door(door) == Door::Open && door == Door::Shut {
            self.prices.end_all(Ending::GoingAway);
        }
        let (prices, plant): (Vec<_>, Vec<_>) = tick.frames.into_iter().partition(|(feed, _)| *feed == Feed::Prices);
        let served = self.prices.publish(prices.into_iter().map(|(_, frame)| frame)) > 0;
        self.plant.publish(plant.into_iter().map(|(_, frame)| frame));
        for call in tick.calls {
            if let Some(caller) = self.gate.get(call.line) {
                caller.call(call.body, call.known);
            }
        }
        let mut journal = self.journal();
        journal.ticks = tick.number + 1;
        journal.started.get_or_insert(at);
        journal.entries.extend(tick.entries);
        while journal.entries.len() > LOG_LIMIT {
            journal.entries.pop_front();
        }
        if self.prices.joined() > 0 {
            journal.note_outage(served, at, &tick.numbers);
        }
    }
}

impl Journal {
    fn note_outage(&mut self, served: bool, at: Time, numbers: &[(&'static str, u64)]) {
        let current = self.outages.back_mut().filter(|outage| outage.to.is_none());
        match (current, served) {
            (Some(outage), true) => outage.to = Some(at),
            (Some(outage), false) => outage.extend(numbers),
            (None, true) => {}
            (None, false) => {
                let mut outage = Outage { feed: Feed::Prices, from: at, to: None, missed: BTreeMap::new() };
                outage.extend(numbers);
                self.outages.push_back(outage);
                if self.outages.len() > LOG_LIMIT {
                    self.outages.pop_front();
                }
            }
        }
    }
}

impl Outage {
    fn extend(&mut self, numbers: &[(&'static str, u64)]) {
        for (product, number) in numbers {
            self.missed.entry((*product).to_owned()).or_insert((*number, *number)).1 = *number;
        }
    }
}

/// Ticks from the first client on; ticks that are late are caught up.
async fn drive(
    shared: Arc<Shared>,
    mut scenario: Scenario,
    tick: Duration,
    clock: fn() -> Time,
    stop: CancellationToken,
) {
    let first = async {
        tokio::select! {
            () = shared.prices.wait_for_client() => {}
            () = shared.plant.wait_for_client() => {}
        }
    };
    tokio::select! {
        () = stop.cancelled() => return,
        () = first => {}
    }
    let mut times = Times::new(clock(), tick);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            at = times.next(clock) => {
                let done = scenario.tick(at);
                shared.publish(done, at);
            }
        }
    }
}

/// The event times of the ticks: a tick apart, whatever the speed.
struct Times {
    interval: Interval,
    at: Time,
    in_step_with_clock: bool,
}

impl Times {
    fn new(start: Time, tick: Duration) -> Times {
        let mut interval = interval(tick);
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        // Whole milliseconds, because that is what the messages say.
        let start = start.nanos() - start.nanos().rem_euclid(NANOS_PER_MILLI);
        let in_step_with_clock = tick.as_nanos() == TICK_NANOS as u128;
        Times { interval, at: Time::from_nanos(start).plus_nanos(-TICK_NANOS), in_step_with_clock }
    }

    async fn next(&mut self, clock: fn() -> Time) -> Time {
        self.interval.tick().await;
        self.at = self.at.plus_nanos(TICK_NANOS);
        let behind = clock().nanos_since(self.at);
        if self.in_step_with_clock && behind > SLEPT_NANOS {
            self.at = self.at.plus_nanos(behind - behind % TICK_NANOS);
            self.interval.reset();
        }
        self.at
    }
}

/// What the price server answers to what a client says: a subscription is confirmed, anything else is not answered.
fn answer(said: &str) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Said {
        r#type: String,
    }
    let said: Said = serde_json::from_str(said).ok()?;
    (said.r#type == "subscribe").then(subscriptions)
}
