//! The receive path of each broker's protocol against the bare read loop of the usual client library: one file a protocol.
//!
//! Both run in turn in this one process, round after round; who sends is a process of its own, and for NATS a real server
//! stands between. Counted is the CPU time of all threads. Neighbours on the machine move ratios by 10 to 20 %: the gate is
//! 0.8 of the goal.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::indexing_slicing)]

#[path = "../kit/measure.rs"]
mod measure;
mod mqtt;
mod nats;
mod run;
#[allow(dead_code)] // The other benches have more shapes.
#[path = "../kit/ticker.rs"]
mod ticker;

use std::process::ExitCode;

use run::Protocol;

const PROTOCOLS: [Protocol; 1] = [mqtt::PROTOCOL];

fn main() -> anyhow::Result<ExitCode> {
    if nats::is_publisher()? || run::is_peer(&PROTOCOLS)? {
        return Ok(ExitCode::SUCCESS);
    }
    run::heading();
    let mut missed = run::all(&PROTOCOLS)?;
    let server = feedwatch_tests::nats::Nats::start();
    for pair in nats::pairs(server.port, run::messages()) {
        missed |= run::pair(&pair)?;
    }
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
