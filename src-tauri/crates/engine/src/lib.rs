//! The engine: everything between the sources and the shells. Two shells stand on it, the window and the terminal;
//! whatever one can do, the other can.
//!
//! [`Engine::start`] starts sources, pipeline, history and notifications; a [`Console`] holds the engine of a window and
//! exchanges it when the first real feed replaces the demo.

pub mod alarms;
mod axis;
pub mod backtest;
pub mod clock;
pub mod config;
pub mod console;
pub mod control;
pub mod engine;
pub mod export;
pub mod frame;
pub mod known;
pub mod live;
pub mod log;
mod meter;
pub mod newfeed;
pub mod notify;
pub mod pipeline;
pub mod platform;
pub mod probe;
pub mod registry;
pub mod replay;
pub mod report;
pub mod sources;
pub mod text;
pub mod verify;
pub mod wire;

pub use console::Console;
pub use engine::{DemoMode, Engine, EngineError, EngineOptions};
