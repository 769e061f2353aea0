//! Receive, flatten every leaf, check, detect, against a bare read loop of the same WebSocket: the ratio is what counts.
//!
//! All columns run in turn in this one process, round after round, each fed by a sender in a process of its own. Counted
//! is the CPU time of all threads. Neighbours on the machine move ratios by 10 to 20 %: the gate is 0.8 of the goal.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::indexing_slicing)]

mod bare;
#[path = "../kit/measure.rs"]
mod measure;
mod naive;
mod ours;
#[path = "../kit/sender.rs"]
mod sender;
mod steps;
#[path = "../kit/ticker.rs"]
mod ticker;

use std::process::ExitCode;

use feedwatch_engine::clock;
use measure::Spread;
use sender::Pace;
use ticker::Shape;

/// Ours over bare: at least this much of the speed of a loop that only reads.
const GOAL: f64 = 0.25;
const GATE: f64 = 0.8 * GOAL;
/// How many messages may be under way.
const WINDOW: u64 = 8_192;
const PRODUCTS: usize = 10;
const ROUNDS: usize = 7;
const BARE: &str = "bare read loop";
const PAIR: &str = "the engine, a redundant pair";
/// A pair of lines costs at most so many times what one does; the gate is a quarter above.
const PAIR_GOAL: f64 = 1.3;
/// The first messages come ten to a product and second, so that every detector has learned its series when the clock
/// of the bench starts: 400 rows. They are not measured.
const SLOW: u64 = 4_000;
const SLOW_GAP: i64 = 100_000_000 / PRODUCTS as i64;
const WARM_UP: u64 = 40_000;
/// Between all others: a million messages a second.
const STEP: i64 = 1_000;
/// Of the slow ones there are fewer: they are exact enough.
const SLOW_PART: u64 = 5;

/// One way to deal with messages: CPU nanoseconds a message, round by round.
struct Column {
    name: &'static str,
    run: Box<dyn Fn() -> anyhow::Result<f64>>,
    rounds: Vec<f64>,
}

impl Column {
    fn new(name: &'static str, run: impl Fn() -> anyhow::Result<f64> + 'static) -> Column {
        Column { name, run: Box::new(run), rounds: Vec::new() }
    }

    /// How much of the bare loop's speed is left, over the rounds.
    fn ratio(&self, bare: &[f64]) -> Spread {
        Spread::of(bare.iter().zip(&self.rounds).map(|(bare, own)| bare / own))
    }
}

fn columns(shape: Shape, messages: u64) -> Vec<Column> {
    let few = messages / SLOW_PART;
    let mut columns = vec![
        Column::new(BARE, move || bare::run(shape, WARM_UP, messages)),
        Column::new("the engine", move || ours::run(shape, WARM_UP, messages, None)),
        Column::new(PAIR, move || ours::run_pair(shape, WARM_UP, messages)),
        Column::new("  receive + inbox only", move || steps::receive(shape, WARM_UP, messages)),
        Column::new("  decode only, in memory", move || steps::decode(shape, messages)),
        Column::new("  pipeline only, in memory", move || steps::pipeline(shape, messages, STEP)),
        Column::new("  …, a detector row each sample", move || steps::pipeline(shape, few, SLOW_GAP)),
        Column::new("the engine with history", move || {
            let folder = tempfile::tempdir()?;
            ours::run(shape, WARM_UP, few, Some(folder.path()))
        }),
        Column::new("naive, without history", move || naive::run(shape, WARM_UP / SLOW_PART, few, None)),
        Column::new("naive, with history", move || {
            let folder = tempfile::tempdir()?;
            naive::run(shape, WARM_UP / SLOW_PART, few, Some(folder.path()))
        }),
    ];
    // Some of them, for work on speed: `ONLY="the engine;decode only, in memory"`.
    if let Ok(only) = std::env::var("ONLY") {
        let is_named = |column: &Column| only.split(';').any(|name| column.name.trim() == name.trim());
        columns.retain(|column| column.name == BARE || is_named(column));
    }
    columns
}

fn pace() -> Pace {
    Pace { from: clock::now(), slow: (SLOW, SLOW_GAP), step: STEP }
}

/// Runs a shape and tells; what misses the gate.
fn measure(shape: Shape, messages: u64, rounds: usize) -> anyhow::Result<Option<String>> {
    let mut columns = columns(shape, messages);
    for _ in 0..rounds {
        for column in &mut columns {
            let nanos = (column.run)().map_err(|error| error.context(column.name))?;
            column.rounds.push(nanos);
        }
    }
    println!(
        "\n{} messages of {} bytes, {rounds} rounds of {messages}: CPU ns a message and speed against the bare loop",
        shape.word(),
        shape.bytes()
    );
    println!("{:34} {:>8} {:>17}   {:>6} {:>15}", "", "median", "range", "ratio", "range");
    let bare = columns[0].rounds.clone();
    for column in &columns {
        let (nanos, ratio) = (Spread::of(column.rounds.iter().copied()), column.ratio(&bare));
        println!(
            "{:34} {:>8.0} {:>8.0} ..{:>6.0}   {:>6.3} {:>6.3} .. {:.3}",
            column.name, nanos.median, nanos.low, nanos.high, ratio.median, ratio.low, ratio.high
        );
    }
    let Some(ours) = columns.iter().find(|column| column.name == "the engine") else { return Ok(None) };
    let pair = columns.iter().find(|column| column.name == PAIR).map(|pair| ours.rounds.iter().zip(&pair.rounds));
    let pair = pair.map(|rounds| Spread::of(rounds.map(|(one, two)| two / one)));
    if let Some(Spread { median, low, high }) = pair {
        println!("A redundant pair costs {median:.2} ({low:.2} to {high:.2}) of one line; the goal is {PAIR_GOAL}.");
        if median > PAIR_GOAL * 1.25 {
            return Ok(Some(format!("a redundant pair of {} costs {median:.2} of one line", shape.word())));
        }
    }
    let ratio = ours.ratio(&bare).median;
    let text = format!(
        "The engine reads {} messages at {ratio:.3} of the bare loop's speed; the goal is {GOAL}",
        shape.word()
    );
    if ratio < GATE {
        return Ok(Some(format!("{text}, the least allowed {GATE}.")));
    }
    println!("{}", if ratio < GOAL { format!("WARNING: {text}.") } else { format!("{text}: met.") });
    Ok(None)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn main() -> anyhow::Result<ExitCode> {
    if sender::is_child()? {
        return Ok(ExitCode::SUCCESS);
    }
    let messages = number("MESSAGES", 1_000_000);
    let rounds = number("ROUNDS", ROUNDS as u64) as usize;
    let mut missed = Vec::new();
    for shape in [Shape::Ticker, Shape::Small] {
        missed.extend(measure(shape, messages, rounds)?);
    }
    for text in &missed {
        eprintln!("FAILED: {text}");
    }
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
