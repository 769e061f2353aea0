//! How long the engine takes for a frame of 24 panels: 5 minutes of full rings with bands, and what changed since.
//!
//! The baseline of the same run copies as many numbers, one by one, to a fresh vector.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::indexing_slicing)]

#[path = "kit/measure.rs"]
mod measure;
#[allow(dead_code, reason = "the kit also has what the other benches need")]
#[path = "kit/ticker.rs"]
mod ticker;

use std::hint::black_box;
use std::process::ExitCode;

use feedwatch_engine::alarms::Alarms;
use feedwatch_engine::clock;
use feedwatch_engine::frame::Frame;
use feedwatch_engine::pipeline::{FeedSettings, Known, Pipeline};
use feedwatch_engine::registry::Registry;
use feedwatch_engine::wire::{FrameRequest, PanelRequest};
use feedwatch_model::{Message, Protocol, Time};

use measure::{Spread, cpu};
use ticker::{Messages, Shape};

const PANELS: usize = 24;
const GOAL_MS: f64 = 2.0;
/// A frame may cost as much as copying its numbers this many times. It searches rings, widens numbers and lays them out
/// in columns; what is gated is that nobody makes it do much more than that.
const COPIES: f64 = 40.0;
const ROUNDS: usize = 9;
const FRAMES: usize = 200;

/// 12 minutes of 80 series, each with ten samples a second.
fn filled(from: Time) -> (Pipeline, Time) {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
    let settings = FeedSettings {
        lines: Vec::new(),
        redundant: false,
        certificates: Vec::new(),
        name: "bench".to_owned(),
        title: "bench".to_owned(),
        protocol_word: "ws",
        protocol: Protocol::WebSocket,
        address: String::new(),
        rate: None,
        decode: feedwatch_decode::Options::default(),
        watched_until: None,
        known: Known::default(),
    };
    let place = pipeline.add_feed(settings, from);
    let mut messages = Messages::new(Shape::Ticker, 10);
    let (mut text, mut at) = (Vec::new(), from);
    for number in 0..72_000 {
        text.clear();
        at = at.plus_nanos(10_000_000);
        messages.next(at, &mut text);
        pipeline.message(place, Message::new(number, at, text.clone()));
    }
    (pipeline, at)
}

fn request(pipeline: &Pipeline, cursors: &[f64]) -> FrameRequest {
    let series = pipeline.series();
    let panels = series.iter().take(PANELS).enumerate().map(|(at, series)| PanelRequest {
        series: series.id.0,
        columns: 600,
        cursor: cursors.get(at).copied(),
    });
    FrameRequest { span_ms: 300_000.0, until_ms: None, panels: panels.collect() }
}

fn frame(pipeline: &mut Pipeline, request: &FrameRequest, now: Time) -> Vec<u8> {
    let mut frame = Frame::begin(pipeline, request, now);
    frame.fill(None);
    frame.encode()
}

/// The same bytes, as plain numbers from one vector to another.
fn copy(numbers: &[f64]) -> Vec<f64> {
    let mut out = Vec::with_capacity(numbers.len());
    for &number in black_box(numbers) {
        out.push(black_box(number));
    }
    out
}

/// CPU nanoseconds of one of many frames.
fn nanos(mut make: impl FnMut()) -> f64 {
    let before = cpu();
    (0..FRAMES).for_each(|_| make());
    (cpu() - before).as_nanos() as f64 / FRAMES as f64
}

fn main() -> ExitCode {
    let (mut pipeline, now) = filled(clock::now());
    let whole = request(&pipeline, &[]);
    let mut first = Frame::begin(&mut pipeline, &whole, now);
    first.fill(None);
    let cursors: Vec<f64> = first.panels().iter().map(|panel| panel.cursor).collect();
    let banded = first.panels().iter().flat_map(|panel| &panel.points).filter(|point| !point.low.is_nan()).count();
    let delta = request(&pipeline, &cursors);
    let mut failed = false;
    for (name, request) in [("whole", whole), ("since the cursor", delta)] {
        let bytes = frame(&mut pipeline, &request, now).len();
        let numbers = vec![1.5; bytes / 8];
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(nanos(|| drop(black_box(copy(&numbers)))));
            ours.push(nanos(|| drop(black_box(frame(&mut pipeline, &request, now)))));
        }
        let copies = Spread::of(ours.iter().zip(&bare).map(|(ours, bare)| ours / bare));
        let ms = Spread::of(ours.iter().map(|nanos| nanos / 1e6));
        println!(
            "frame of {PANELS} panels, {name}: {bytes} bytes, {:.3} ms ({:.3} .. {:.3}), goal {GOAL_MS} ms; \
             as much as {:.2} copies of its numbers ({:.2} .. {:.2}), at most {COPIES}",
            ms.median, ms.low, ms.high, copies.median, copies.low, copies.high
        );
        // A delta is small, and what it costs beside its numbers is the search in 24 rings.
        if name == "whole" && (copies.median > COPIES || banded == 0) {
            failed = true;
        }
    }
    println!("{banded} of the whole frame's points have a band");
    if failed {
        eprintln!("FAILED: a frame costs more than {COPIES} copies of its numbers, or has no bands.");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
