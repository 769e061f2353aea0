//! Claims about the whole program, without the window. One program for all of them, since each links the whole engine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test fails by panicking.

mod accounts;
mod amqp;
mod contracts;
mod demo;
mod disk;
mod endpoints;
mod expiring;
mod export;
mod faults;
mod hostile;
mod imports;
mod injected;
mod kafka;
mod keyring;
mod killed;
mod lines;
mod mqtt;
mod nats;
mod nchan;
mod network;
mod nodes;
mod poll;
mod probe;
mod proxies;
mod replay;
mod restart;
mod snapshot;
mod sse;
mod tail;
mod traffic;
mod webhook;
mod websocket;
