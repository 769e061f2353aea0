//! The receive path of a protocol against the bare read loop of the usual client for it: the ratio of CPU time is what
//! counts. Both read what a real server sends, in turn, round after round, in this one process; server and publisher are
//! others.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../kit/measure.rs"]
mod measure;
mod nats;

use std::process::ExitCode;

use measure::Spread;

/// Ours over bare: at least this much of its speed.
const GOAL: f64 = 0.8;
/// Neighbours on the machine move ratios by 10 to 20 %.
const GATE: f64 = 0.8 * GOAL;

/// What is measured: a name, and CPU nanoseconds a message of the bare loop and of ours.
struct Pair<'a> {
    name: String,
    bare: Box<dyn Fn() -> anyhow::Result<f64> + 'a>,
    ours: Box<dyn Fn() -> anyhow::Result<f64> + 'a>,
}

/// Runs a pair and tells; what misses the gate.
fn measure(pair: &Pair<'_>, rounds: u64) -> anyhow::Result<Option<String>> {
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push((pair.bare)()?);
        ours.push((pair.ours)()?);
    }
    let ratio = Spread::of(bare.iter().zip(&ours).map(|(bare, ours)| bare / ours));
    let (bare, ours) = (Spread::of(bare), Spread::of(ours));
    println!(
        "{:44} bare {:>5.0} ns a message, ours {:>5.0}; ratio {:.3} ({:.3} .. {:.3})",
        pair.name, bare.median, ours.median, ratio.median, ratio.low, ratio.high
    );
    let text = format!("{} is read at {:.3} of the bare loop's speed; the goal is {GOAL}", pair.name, ratio.median);
    if ratio.median < GATE {
        return Ok(Some(format!("{text}, the least allowed {GATE:.2}.")));
    }
    if ratio.median < GOAL {
        println!("WARNING: {text}.");
    }
    Ok(None)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn main() -> anyhow::Result<ExitCode> {
    if nats::is_publisher()? {
        return Ok(ExitCode::SUCCESS);
    }
    let (messages, rounds) = (number("MESSAGES", 300_000), number("ROUNDS", 7));
    let mut missed = Vec::new();
    let server = feedwatch_tests::nats::Nats::start();
    for pair in nats::pairs(server.port, messages) {
        missed.extend(measure(&pair, rounds)?);
    }
    for text in &missed {
        eprintln!("FAILED: {text}");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
