//! The built-in demo feeds and the replay of captures: servers on loopback.
//!
//! [`Demo`] publishes two feeds and calls two webhooks, with a published [`SCHEDULE`] of faults and a [`Log`] of what it did.
//! [`Replay`] publishes the messages of a capture at their pace, with faults of one's choice. Both stand on the same two servers
//! (WebSocket and Server-Sent Events); only bytes cross the loopback.
//!
//! ```no_run
//! # async fn start(clock: fn() -> feedwatch_model::Time) -> Result<(), feedwatch_demo::DemoError> {
//! use feedwatch_demo::{Demo, DemoOptions};
//!
//! let demo = Demo::start(DemoOptions { seed: 7, ..DemoOptions::default() }, clock).await?;
//! println!("{} {}", demo.prices_url(), demo.plant_url());
//! let log = demo.stop().await;
//! println!("{} faults", log.entries.len());
//! # Ok(())
//! # }
//! ```

mod demo;
mod error;
mod frame;
mod replay;
mod scenario;
mod serve;
#[cfg(test)]
mod tests;

pub use demo::{Demo, DemoOptions, Log, Outage};
pub use error::DemoError;
pub use frame::Frame;
pub use replay::{Faults, Replay, ReplayOptions, ReplayProtocol, ReplayReport, Speed};
pub use scenario::{
    Call, Entry, Fault, Feed, GATE_KEY, GATE_LINES, HELD_UP_TICKS, PERIOD_SECONDS, SCHEDULE, Scenario, Scheduled,
    TICK_NANOS, TICKS_PER_SECOND, Tick, WITHHELD_TICKS,
};
