//! What it costs to flatten every leaf of a message, to know what it means, and to check it, in memory, one message after the
//! other.
//!
//! The baseline of the same run is what most programs do: `serde_json::Value`, then the numbers they want, by pointer. All
//! columns run in turn, round after round; counted is CPU time. Gates are 0.8 of the goals.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::indexing_slicing)]

#[path = "kit/measure.rs"]
mod measure;
#[allow(dead_code, reason = "the kit also has what the other benches need")]
#[path = "kit/ticker.rs"]
mod ticker;

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use feedwatch_decode::{Catalogue, Decoder, Flattener, Options, Sink};
use feedwatch_detect::Integrity;
use feedwatch_engine::clock;
use feedwatch_engine::pipeline::Names;
use feedwatch_model::{FeedId, Finding, Message, Reading, Rejected};
use measure::{Spread, cpu};
use ticker::{Messages, Shape};

/// Flattening every leaf is at least so many times faster than picking the numbers by pointer.
const FLATTEN_GOAL: f64 = 4.0;
/// Discovery and all checks cost at most as much again.
const CHECKED_GOAL: f64 = 2.0;
const MESSAGES: usize = 100_000;
const WARM_UP: usize = 5_000;
const ROUNDS: usize = 9;

/// The numbers of a message, by pointer.
fn pointers(shape: Shape) -> &'static [&'static str] {
    match shape {
        Shape::Ticker => {
            &["/price", "/open_24h", "/volume_24h", "/low_24h", "/high_24h", "/best_bid", "/best_ask", "/last_size"]
        }
        Shape::Small => &["/p"],
    }
}

fn texts(shape: Shape) -> Vec<Bytes> {
    let mut messages = Messages::new(shape, 10);
    let mut at = clock::now();
    let mut text = Vec::new();
    let made = (0..WARM_UP + MESSAGES).map(|_| {
        text.clear();
        at = at.plus_nanos(1_000_000);
        messages.next(at, &mut text);
        Bytes::copy_from_slice(&text)
    });
    made.collect()
}

/// Nanoseconds a message of what is measured behind the warm-up.
fn timed(texts: &[Bytes], mut each: impl FnMut(u64, &Bytes)) -> f64 {
    for (number, text) in (0..).zip(&texts[..WARM_UP]) {
        each(number, text);
    }
    let begin = cpu();
    for (number, text) in (WARM_UP as u64..).zip(&texts[WARM_UP..]) {
        each(number, text);
    }
    (cpu() - begin).as_nanos() as f64 / MESSAGES as f64
}

fn values(shape: Shape, texts: &[Bytes]) -> f64 {
    let pointers = pointers(shape);
    timed(texts, |_, text| {
        let value: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
        for pointer in pointers {
            let number = value.pointer(pointer).and_then(|found| match found {
                serde_json::Value::String(text) => text.parse().ok(),
                other => other.as_f64(),
            });
            black_box(number);
        }
    })
}

fn flattened(texts: &[Bytes]) -> f64 {
    let mut flattener = Flattener::default();
    timed(texts, |_, text| {
        if flattener.flatten(text).is_ok() {
            for number in flattener.numbers(text) {
                black_box(number);
            }
        }
    })
}

/// What takes in readings: nothing, or the checks.
struct Taking {
    integrity: Option<Integrity>,
    findings: Vec<Finding>,
    points: u64,
}

impl Sink for Taking {
    fn reading(&mut self, catalogue: &Catalogue, message: Message, reading: &Reading) {
        self.points += reading.points.len() as u64;
        if let Some(integrity) = &mut self.integrity {
            integrity.observe(&message, reading, &Names(catalogue), &mut self.findings);
        }
    }

    fn rejected(&mut self, _: Message, _: Rejected) {}
}

fn decoded(texts: &[Bytes], checked: bool) -> anyhow::Result<f64> {
    let mut decoder = Decoder::new(Options { summarise: false, ..Options::default() });
    let integrity = checked.then(|| Integrity::new(FeedId(1)));
    let mut taking = Taking { integrity, findings: Vec::new(), points: 0 };
    let began = clock::now();
    let nanos = timed(texts, |number, text| {
        let received = began.plus_nanos(number as i64 * 1_000_000);
        decoder.push(Message::new(number, received, text.clone()), &mut taking);
    });
    anyhow::ensure!(taking.points > 0 && taking.findings.is_empty(), "{:#?}", taking.findings.first());
    Ok(nanos)
}

fn measure(shape: Shape) -> anyhow::Result<bool> {
    let texts = texts(shape);
    let mut rounds: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let figures = [values(shape, &texts), flattened(&texts), decoded(&texts, false)?, decoded(&texts, true)?];
        for (rounds, figure) in rounds.iter_mut().zip(figures) {
            rounds.push(figure);
        }
    }
    let [values, flattened, decoded, checked] = &rounds;
    println!("{} ({} bytes, {MESSAGES} messages, {ROUNDS} rounds), ns a message:", shape.word(), shape.bytes());
    for (name, rounds) in [
        ("serde_json::Value and pointers", values),
        ("every leaf flattened", flattened),
        ("  and known: series, sequence, time", decoded),
        ("  and checked", checked),
    ] {
        let spread = Spread::of(rounds.iter().copied());
        println!("  {name:<40} {:>7.0} ({:.0} to {:.0})", spread.median, spread.low, spread.high);
    }
    let faster = Spread::of(values.iter().zip(flattened).map(|(values, ours)| values / ours));
    let costs = Spread::of(checked.iter().zip(flattened).map(|(checked, flat)| checked / flat));
    println!(
        "  flattening against pointers: {:.1} times as fast ({:.1} to {:.1}), goal {FLATTEN_GOAL}",
        faster.median, faster.low, faster.high
    );
    println!(
        "  all of it against flattening: {:.2} times as much ({:.2} to {:.2}), goal {CHECKED_GOAL}",
        costs.median, costs.low, costs.high
    );
    // The goals are the ticker's; a small message has one number to pick.
    let gated = shape == Shape::Ticker;
    Ok(!gated || (faster.median >= 0.8 * FLATTEN_GOAL && costs.median <= CHECKED_GOAL / 0.8))
}

fn main() -> anyhow::Result<ExitCode> {
    let mut all_well = true;
    for shape in [Shape::Ticker, Shape::Small] {
        all_well &= measure(shape)?;
    }
    if !all_well {
        eprintln!("A gate was missed.");
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
