//! Claims about whole messages, about editing, and about any text.

mod any_text;
mod commands;
mod disk;
mod editing;
mod endpoints;
mod kafka;
mod lines;
mod messages;
mod profile;
mod reading;
mod signature;
mod tail;

use std::path::Path;

pub(in crate::config) use self::profile::pins;
use super::{Config, parse};

/// What is said about a text: every message in full.
fn said(text: &str) -> String {
    parse(text, Path::new("feeds.toml")).unwrap_err().to_string()
}

/// The configuration a text describes.
fn read(text: &str) -> Config {
    match parse(text, Path::new("/etc/feedwatch/feeds.toml")) {
        Ok(config) => config,
        Err(problems) => panic!("{problems}"),
    }
}
