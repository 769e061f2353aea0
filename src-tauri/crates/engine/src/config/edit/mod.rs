//! Changing a configuration file with everything else in it kept, byte for byte: comments, order, blank lines.
//!
//! A feed is added at the end; it is removed by cutting its tables out of the text together with the comments that stand
//! directly above them; what is pinned of it is changed key by key. Whatever comes out is parsed again before it is given back, so that no change ever breaks a file.
//!
//! ```
//! use feedwatch_engine::config::edit;
//!
//! let text = "# my feeds\n\n[feed.a.websocket]\nurl = \"wss://a/\"\n\n[feed.b.websocket]\nurl = \"wss://b/\"\n";
//! assert_eq!(edit::remove_feed(text, "a").unwrap(), "# my feeds\n\n[feed.b.websocket]\nurl = \"wss://b/\"\n");
//! ```
//!
//! Limits: a file with problems is not edited; a feed written as an inline table or with dotted keys is removed through
//! `toml_edit`, which may then also change the blank lines around it.

mod cut;
mod disk;
mod pin;
mod render;

use std::path::{Path, PathBuf};

use feedwatch_decode::Pins;

use super::{Config, FeedConfig, Problems, parse};

pub use disk::{Stamp, open, write, write_secret};
pub(crate) use render::{Tables, path_text, secret_value, sse, websocket};

/// Why a configuration was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file has problems: they must be cured by hand first.
    #[error("The configuration has problems that must be cured first.\n{0}")]
    Broken(Problems),
    /// The feed that was to be added is not valid.
    #[error("The feed cannot be added.\n{0}")]
    Invalid(Problems),
    /// There is a feed of this name.
    #[error("There is a feed named {0:?} already: choose another name.")]
    Exists(String),
    /// There is no feed of this name.
    #[error("There is no feed named {0:?}.")]
    Absent(String),
    /// The text could not be changed so that only this feed is different.
    #[error("The feed {0:?} is written in a way that cannot be changed from here: edit the file by hand.")]
    Unusual(String),
    /// The file is not what it was when it was read.
    #[error("{} was changed meanwhile by somebody else: nothing was written. Read it again.", .0.display())]
    Changed(PathBuf),
    /// The disk.
    #[error("{} cannot be written: {source}", .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The file as it is named where only its text is at hand.
fn nameless() -> &'static Path {
    Path::new("")
}

/// Adds a feed at the end of the text of a configuration. What is default is not written; the relative path of a file
/// stays relative to the configuration.
///
/// # Errors
/// [`EditError::Exists`], [`EditError::Invalid`] where the feed would not be accepted, [`EditError::Broken`] where the text
/// is not accepted as it is.
pub fn add_feed(text: &str, feed: &FeedConfig) -> Result<String, EditError> {
    let mut expected = parse(text, nameless()).map_err(EditError::Broken)?;
    if expected.feeds.iter().any(|other| other.name == feed.name) {
        return Err(EditError::Exists(feed.name.clone()));
    }
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let table = render::feed(feed).replace('\n', line_end);
    // The feed alone first, so that its problems are told apart from those of its place in the file.
    parse(&table, nameless()).map_err(EditError::Invalid)?;
    let mut added = text.to_owned();
    if !text.is_empty() {
        if !text.ends_with('\n') {
            added.push_str(line_end);
        }
        added.push_str(line_end);
    }
    added.push_str(&table);
    expected.feeds.push(feed.clone());
    checked(added, &expected, &feed.name)
}

/// Removes a feed from the text of a configuration, with the comments directly above its tables.
///
/// # Errors
/// [`EditError::Absent`], [`EditError::Broken`] where the text is not accepted as it is.
pub fn remove_feed(text: &str, name: &str) -> Result<String, EditError> {
    let mut expected = parse(text, nameless()).map_err(EditError::Broken)?;
    if !expected.feeds.iter().any(|feed| feed.name == name) {
        return Err(EditError::Absent(name.to_owned()));
    }
    expected.feeds.retain(|feed| feed.name != name);
    if let Some(cut) = cut::tables(text, &["feed", name])
        && let Ok(text) = checked(cut, &expected, name)
    {
        return Ok(text);
    }
    let cut = cut::through_toml_edit(text, name).ok_or_else(|| EditError::Unusual(name.to_owned()))?;
    checked(cut, &expected, name)
}

/// Pins of a feed what `pins` says, and no more: its table `profile` is changed key by key, and what says the same stays as
/// it is written, comments included. Without pins the table goes.
///
/// # Errors
/// [`EditError::Absent`], [`EditError::Broken`] where the text is not accepted as it is, [`EditError::Unusual`].
pub fn set_pins(text: &str, name: &str, pins: &Pins) -> Result<String, EditError> {
    let mut expected = parse(text, nameless()).map_err(EditError::Broken)?;
    let feed = expected.feeds.iter_mut().find(|feed| feed.name == name);
    let feed = feed.ok_or_else(|| EditError::Absent(name.to_owned()))?;
    let before = std::mem::replace(&mut feed.pins, pins.clone());
    if before == *pins {
        return Ok(text.to_owned());
    }
    if let Some(text) = pin::spliced(text, name, &before, pins)
        && let Ok(text) = checked(text, &expected, name)
    {
        return Ok(text);
    }
    let text = pin::through_toml_edit(text, name, pins).ok_or_else(|| EditError::Unusual(name.to_owned()))?;
    checked(text, &expected, name)
}

/// Gives the text back if it says exactly what it should.
fn checked(text: String, expected: &Config, name: &str) -> Result<String, EditError> {
    match parse(&text, nameless()) {
        Ok(config) if config == *expected => Ok(text),
        _ => Err(EditError::Unusual(name.to_owned())),
    }
}
