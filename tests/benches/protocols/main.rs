//! The receive path of each broker's protocol against the bare read loop of the usual client library: one file a protocol.
//!
//! Both run in turn in this one process, round after round; who sends is a process of its own, and for Kafka, RabbitMQ and NATS
//! a server stands between. `ONLY=kafka` runs that alone. Counted is the CPU time of all threads. Neighbours on the machine
//! move ratios by 10 to 20 %: the gate is 0.8 of the goal.
//!
//! A bare loop keeps nothing, so the sessions of WebSocket, SSE, MQTT and lines, which read into batches, are compared with
//! it as they are. What it costs to hand the messages on to another thread, under supervision and through an inbox, stands
//! beside that; of Kafka, RabbitMQ and NATS that is what is compared.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::indexing_slicing)]

mod amqp;
mod kafka;
mod lines;
#[path = "../kit/measure.rs"]
mod measure;
mod mqtt;
mod nats;
mod run;
mod sse;
#[allow(dead_code)] // The other benches have more shapes.
#[path = "../kit/ticker.rs"]
mod ticker;
mod websocket;

use std::process::ExitCode;

use run::Protocol;

const PROTOCOLS: [Protocol; 4] = [websocket::PROTOCOL, sse::PROTOCOL, mqtt::PROTOCOL, lines::PROTOCOL];

fn main() -> anyhow::Result<ExitCode> {
    if nats::is_publisher()? || run::is_peer(&PROTOCOLS)? {
        return Ok(ExitCode::SUCCESS);
    }
    run::heading();
    let mut missed = run::all(&PROTOCOLS)?;
    if run::is_wanted("kafka") {
        missed |= run::pair(&kafka::pair()?)?;
    }
    if run::is_wanted("rabbitmq") {
        missed |= amqp::pair()?.map_or(Ok(false), |pair| run::pair(&pair))?;
    }
    if run::is_wanted("nats") {
        let server = feedwatch_tests::nats::Nats::start();
        for pair in nats::pairs(server.port, run::messages()) {
            missed |= run::pair(&pair)?;
        }
    }
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
