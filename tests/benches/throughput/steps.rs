//! The steps apart: receiving into an inbox, and what happens in memory, without a socket.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use feedwatch_decode::{Catalogue, Decoder, Options, Sink};
use feedwatch_engine::alarms::Alarms;
use feedwatch_engine::clock;
use feedwatch_engine::pipeline::{FeedSettings, Known, Pipeline};
use feedwatch_engine::registry::Registry;
use feedwatch_ingest::{Backoff, Bell, Inbox, InboxLimits, Resume, WebSocketOptions, WebSocketSource, supervise};
use feedwatch_model::{Message, Protocol, Reading, Rejected};
use tokio_util::sync::CancellationToken;

use crate::measure::cpu;
use crate::sender::{Pace, Sender};
use crate::ticker::{Messages, Shape};
use crate::{PRODUCTS, SLOW, STEP, WINDOW, pace};

/// Taken from the inbox in one go, as by the engine.
const PASS: usize = 64;
/// Longer than anything takes.
const WAIT: Duration = Duration::from_secs(30);
/// Messages that are made before the clock runs.
const BLOCK: u64 = 1_024;

/// Source, supervision, inbox and its bell as in the engine; what is drained is thrown away.
pub(crate) fn receive(shape: Shape, warm_up: u64, messages: u64) -> anyhow::Result<f64> {
    let mut sender = Sender::start(shape, PRODUCTS, pace())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let bell = Arc::new(Bell::default());
    let ringing = Arc::clone(&bell);
    let inbox = Inbox::new(InboxLimits::default(), Arc::new(move || ringing.ring()));
    let source = Arc::new(WebSocketSource::new(WebSocketOptions::new(sender.url()), clock::now));
    let stop = CancellationToken::new();
    runtime.spawn(supervise(
        source,
        Arc::clone(&inbox),
        Resume::default(),
        Backoff::default(),
        clock::now,
        stop.clone(),
    ));
    let (total, mut before, mut told) = (warm_up + messages, cpu(), 0);
    let mut last = Instant::now();
    loop {
        let drained = { inbox.counters() };
        let done = drained.received - drained.queued;
        if done >= warm_up && told < warm_up {
            before = cpu();
        }
        if done >= told + WINDOW / 4 || told == 0 || done >= warm_up && told < warm_up {
            told = done.max(1);
            let end = if done < warm_up { warm_up } else { total };
            sender.allow((done + WINDOW).min(end))?;
        }
        if done == total {
            break;
        }
        anyhow::ensure!(last.elapsed() < WAIT, "only {done} messages came");
        match inbox.drain(PASS, drop) {
            0 => bell.wait(last, last + WAIT),
            _ => last = Instant::now(),
        }
    }
    let spent = cpu() - before;
    stop.cancel();
    anyhow::ensure!(inbox.counters().dropped == 0, "messages were dropped");
    Ok(spent.as_nanos() as f64 / messages as f64)
}

/// Messages of one shape, made in blocks like those that are read from a socket.
struct Feed {
    made: Messages,
    number: u64,
    pace: Pace,
}

impl Feed {
    fn new(shape: Shape, step: i64) -> Feed {
        Feed { made: Messages::new(shape, PRODUCTS), number: 0, pace: Pace { step, ..pace() } }
    }

    fn block(&mut self) -> Vec<Message> {
        let mut text = Vec::new();
        (0..BLOCK)
            .map(|_| {
                text.clear();
                let at = self.pace.at(self.number);
                self.made.next(at, &mut text);
                let message = Message::new(self.number, at, Bytes::copy_from_slice(&text));
                self.number += 1;
                message
            })
            .collect()
    }

    /// CPU nanoseconds a message; the slow ones are not counted.
    fn run(&mut self, messages: u64, mut take: impl FnMut(Message)) -> f64 {
        while self.number <= SLOW {
            self.block().into_iter().for_each(&mut take);
        }
        let blocks = messages.div_ceil(BLOCK);
        let mut spent = Duration::ZERO;
        for _ in 0..blocks {
            let block = self.block();
            let before = cpu();
            block.into_iter().for_each(&mut take);
            spent += cpu() - before;
        }
        spent.as_nanos() as f64 / (blocks * BLOCK) as f64
    }
}

struct Points(usize);

impl Sink for Points {
    fn reading(&mut self, _: &Catalogue, message: Message, reading: &Reading) {
        self.0 += black_box(reading).points.len();
        black_box(message);
    }

    fn rejected(&mut self, _: Message, _: Rejected) {}
}

/// Decoding alone.
pub(crate) fn decode(shape: Shape, messages: u64) -> anyhow::Result<f64> {
    let mut decoder = Decoder::new(options());
    let mut points = Points(0);
    let mut feed = Feed::new(shape, STEP);
    let nanos = feed.run(messages, |message| decoder.push(message, &mut points));
    let each = if shape == Shape::Ticker { 8 } else { 1 };
    anyhow::ensure!(points.0 as u64 == each * feed.number, "{} points of {}", points.0, feed.number);
    Ok(nanos)
}

/// Decoding, checks, detectors and live view.
pub(crate) fn pipeline(shape: Shape, messages: u64, step: i64) -> anyhow::Result<f64> {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
    let place = pipeline.add_feed(settings(), clock::now());
    let nanos = Feed::new(shape, step).run(messages, |message| pipeline.message(place, message));
    let stage = pipeline.feed(place);
    anyhow::ensure!(stage.is_some_and(|stage| stage.is_numbered() && stage.lost() == 0), "the numbers were not seen");
    Ok(nanos)
}

/// As the engine sets them.
fn options() -> Options {
    Options { summarise: false, ..Options::default() }
}

fn settings() -> FeedSettings {
    FeedSettings {
        lines: Vec::new(),
        redundant: false,
        certificates: Vec::new(),
        name: "bench".to_owned(),
        title: "bench".to_owned(),
        protocol_word: "ws",
        protocol: Protocol::WebSocket,
        address: String::new(),
        rate: None,
        decode: options(),
        watched_until: None,
        known: Known::default(),
    }
}
