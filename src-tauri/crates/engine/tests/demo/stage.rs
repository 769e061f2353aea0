//! The demo without sockets and clocks: its scenario's messages through the pipeline in made time.

use std::collections::HashMap;
use std::time::Duration;

use feedwatch_decode::SignatureKey;
use feedwatch_demo::{Entry, Feed, GATE_KEY, Scenario, TICK_NANOS, Tick};
use feedwatch_engine::alarms::Alarms;
use feedwatch_engine::pipeline::{FeedSettings, Known, LineSettings, News, Pipeline};
use feedwatch_engine::registry::Registry;
use feedwatch_ingest::Event;
use feedwatch_model::{AlarmEvent, Check, Finding, Message, MessageMeta, NANOS_PER_MILLI, Protocol, Severity, Time};

const FEEDS: [Feed; 3] = [Feed::Prices, Feed::Plant, Feed::Gate];
/// When a client of the price feed is back after it was let in again.
const AWAY_TICKS: u64 = 2;

/// What a run gave.
pub(crate) struct Run {
    /// When it began.
    pub(crate) start: Time,
    /// What was found, in its order, as it was settled last.
    pub(crate) findings: Vec<(Feed, Finding)>,
    /// What was done wrong on purpose.
    pub(crate) entries: Vec<Entry>,
    /// When an alarm of a check of a feed was raised (`true`) or was over.
    pub(crate) alarms: Vec<(Feed, Check, Time, bool)>,
}

impl Run {
    /// Seconds since the start.
    pub(crate) fn second(&self, at: Time) -> f64 {
        at.secs_since(self.start)
    }
}

struct Stage {
    pipeline: Pipeline,
    numbers: [u64; FEEDS.len()],
    /// Ticks until the client of the price feed is back.
    away: Option<u64>,
    /// Where a finding stands, by its number in the run.
    places: HashMap<u32, usize>,
    run: Run,
}

fn settings(feed: Feed) -> FeedSettings {
    let (protocol, protocol_word) = match feed {
        Feed::Prices => (Protocol::WebSocket, "ws"),
        Feed::Plant => (Protocol::Sse, "sse"),
        Feed::Gate => (Protocol::Webhook, "webhook"),
    };
    let line = |name: &str| LineSettings { name: name.to_owned(), address: String::new() };
    let is_gate = feed == Feed::Gate;
    FeedSettings {
        lines: if is_gate { vec![line("preferred"), line("second")] } else { Vec::new() },
        redundant: is_gate,
        certificates: Vec::new(),
        name: feed.name().to_owned(),
        title: feed.name().to_owned(),
        protocol_word,
        protocol,
        address: String::new(),
        rate: None,
        decode: feedwatch_decode::Options {
            signature: is_gate.then(|| SignatureKey::secret(GATE_KEY)),
            ..feedwatch_decode::Options::default()
        },
        watched_until: None,
        known: Known::default(),
    }
}

fn connected(line: u8, at: Time) -> Event {
    Event::Connected { line, at, endpoint: String::new(), detail: String::new(), certificate: None }
}

impl Stage {
    fn new(start: Time) -> Stage {
        let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
        for feed in FEEDS {
            let place = pipeline.add_feed(settings(feed), start);
            pipeline.step(place, connected(0, start));
        }
        pipeline.step(2, connected(1, start));
        let run = Run { start, findings: Vec::new(), entries: Vec::new(), alarms: Vec::new() };
        Stage { pipeline, numbers: [0; FEEDS.len()], away: None, places: HashMap::new(), run }
    }

    fn message(&mut self, place: usize, at: Time, bytes: bytes::Bytes) -> Message {
        let number = self.numbers[place];
        self.numbers[place] += 1;
        Message::new(number, at, bytes)
    }

    fn tick(&mut self, tick: Tick, at: Time) {
        // It comes some milliseconds later, never after the same time.
        let came = at.plus_nanos(NANOS_PER_MILLI * (1 + (tick.number * 7 % 5) as i64));
        self.connection(&tick, came);
        for (feed, frame) in tick.frames {
            let place = usize::from(feed == Feed::Plant);
            if place > 0 || self.away.is_none() {
                let message = self.message(place, came, frame.bytes);
                self.pipeline.step(place, Event::Message(message));
            }
        }
        let mut first = None;
        for call in tick.calls {
            if !call.known {
                let who = "127.0.0.1".to_owned();
                self.pipeline.step(2, Event::TurnedAway { at: came, count: 1, who });
                continue;
            }
            // Of two copies that are equal the second does not come so far.
            if call.line == 0 || first.as_ref() != Some(&call.body) {
                first = Some(call.body.clone());
                let message = self.message(2, came, call.body);
                let meta = Some(Box::new(MessageMeta {
                    awaits_ack: true,
                    publisher: Some("127.0.0.1".into()),
                    ..MessageMeta::default()
                }));
                self.pipeline.step(2, Event::Message(Message { line: call.line as u8, meta, ..message }));
            }
        }
        self.run.entries.extend(tick.entries);
        self.pipeline.elapse(came.plus_nanos(TICK_NANOS / 2), true);
        self.news();
    }

    /// The client of the price feed goes when the server shuts its door, and comes back soon after it is open again.
    fn connection(&mut self, tick: &Tick, at: Time) {
        if !tick.prices_open {
            if self.away.replace(AWAY_TICKS).is_none() {
                let reason = "The server closed the connection (1001).".to_owned();
                let retry_in = Duration::from_secs(1);
                self.pipeline.step(0, Event::Lost { line: 0, at, last_good: at, reason, refused: false, retry_in });
            }
            return;
        }
        match self.away {
            Some(0) => {
                self.away = None;
                self.pipeline.step(0, connected(0, at));
            }
            Some(ticks) => self.away = Some(ticks - 1),
            None => {}
        }
    }

    fn news(&mut self) {
        let feed = |pipeline: &Pipeline, id| {
            let is_it = |place: &usize| pipeline.feed(*place).is_some_and(|stage| stage.id() == id);
            FEEDS[(0..FEEDS.len()).find(is_it).expect("a feed")]
        };
        for news in self.pipeline.take_output().news {
            match news {
                News::Finding(found) => {
                    let of = feed(&self.pipeline, found.finding.feed);
                    let findings = &mut self.run.findings;
                    let place = *self.places.entry(found.number).or_insert(findings.len());
                    match findings.get_mut(place) {
                        Some(known) => *known = (of, found.finding),
                        None => findings.push((of, found.finding)),
                    }
                }
                News::Alarm(change) => {
                    let of = feed(&self.pipeline, change.alarm.source.feed);
                    let Some(transition) = change.transition else { continue };
                    let raised = transition.event == AlarmEvent::Raise;
                    self.run.alarms.push((of, change.alarm.source.check, transition.at, raised));
                }
                _ => {}
            }
        }
    }
}

/// Runs the demo for so many seconds.
pub(crate) fn run(seed: u64, faults: bool, seconds: u64) -> Run {
    let start = Time::from_millis(1_772_366_400_000);
    let mut scenario = Scenario::new(seed, faults);
    let mut stage = Stage::new(start);
    for tick in 0..seconds * 10 {
        let at = start.plus_nanos(TICK_NANOS * tick as i64);
        stage.tick(scenario.tick(at), at);
    }
    stage.pipeline.finish();
    stage.news();
    stage.run
}

/// For people who look for what went wrong.
pub(crate) fn told(run: &Run) -> String {
    let line = |(feed, found): &(Feed, Finding)| {
        let (second, check, kind) = (run.second(found.at), found.check.word(), found.kind.word());
        let mark = if found.severity == Severity::Info { "info" } else { "" };
        format!("{second:8.2} {} {check} {kind} {mark}: {}\n", feed.name(), found.text)
    };
    run.findings.iter().map(line).collect()
}
