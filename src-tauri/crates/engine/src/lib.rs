//! The engine: everything between the sources and the shells.

pub mod config;
pub mod frame;
pub mod notify;
pub mod wire;
