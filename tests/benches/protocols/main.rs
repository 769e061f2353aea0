//! The receive path of each broker's protocol against the bare read loop of the same client library: one file a protocol.
//!
//! Both run in turn in this one process, round after round, each fed by a peer in a process of its own. Counted is the CPU
//! time of all threads. Neighbours on the machine move ratios by 10 to 20 %: the gate is 0.8 of the goal.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::indexing_slicing)]

#[path = "../kit/measure.rs"]
mod measure;
mod mqtt;
mod run;
#[path = "../kit/ticker.rs"]
mod ticker;

use std::process::ExitCode;

use run::Protocol;

const PROTOCOLS: [Protocol; 1] = [mqtt::PROTOCOL];

fn main() -> anyhow::Result<ExitCode> {
    run::all(&PROTOCOLS)
}
