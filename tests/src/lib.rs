//! The kit of the whole-program tests: programs that end with their test, folders that nobody shares, servers of our own
//! and of others, a proxy with faults.
//!
//! Nothing here sleeps: [`wait::wait_until`] looks at a condition until a deadline that only a failure meets.
#![allow(clippy::print_stderr)] // Tests tell why they skip.

pub mod binary;
pub mod certificates;
pub mod desktop;
pub mod home;
pub mod inject;
pub mod kafka;
pub mod keyring;
pub mod log;
pub mod mosquitto;
pub mod nats;
pub mod nginx;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod python;
pub mod rabbit;
pub mod relay;
pub mod shared;
pub mod skip;
pub mod wait;
pub mod watch;
pub mod websocket;
