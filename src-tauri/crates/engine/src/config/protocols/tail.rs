//! `[feed.NAME.tail]`: a file that grows, followed over its rotation.
//!
//! ```toml
//! [feed.eve.tail]
//! path = "/var/log/suricata/eve.json"    # relative to this file; may begin with ~/
//! start = "end"                          # or "beginning": where a file is begun that was never read
//! max_message = "16MiB"                  # longer lines are counted as unreadable, and passed over
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use feedwatch_decode::Format;
use feedwatch_ingest::{Source, TailOptions, TailSource, TailStart};
use feedwatch_model::Protocol;

use super::super::configured::{Configured, Given, Purpose, in_memory};
use super::super::edit::Tables;
use super::super::source::MESSAGE_SIZES;
use super::super::units::size_text;
use super::super::walk::{Field, Table, Walk, quoted};
use super::super::{MAX_MESSAGE, beside};

/// How much of a file a look reads: what was written last.
const LOOK: u64 = 256 << 10;

/// A file that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailConfig {
    /// Where it is; what the file gives relative to itself is joined to its folder. May begin with `~/`.
    pub path: PathBuf,
    /// Is a file that was never read begun at its first line, or behind its last?
    pub from_beginning: bool,
    /// Longer lines are rejected, in bytes.
    pub max_message: u64,
}

impl TailConfig {
    /// With every default.
    pub fn new(path: impl Into<PathBuf>) -> TailConfig {
        TailConfig { path: path.into(), from_beginning: false, max_message: MAX_MESSAGE }
    }

    pub(in super::super) fn read(walk: &mut Walk<'_>, mut table: Table<'_>) -> Option<TailConfig> {
        let path = path(walk, &mut table);
        let from_beginning = table.take("start").and_then(|field| start(walk, &field));
        let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
        table.finish(walk, |_| None);
        let usual = TailConfig::new(path?);
        Some(TailConfig {
            from_beginning: from_beginning.unwrap_or(usual.from_beginning),
            max_message: max_message.unwrap_or(usual.max_message),
            ..usual
        })
    }
}

/// Is this the name of a CSV?
pub(crate) fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"))
}

const EXAMPLE: &str = "path = \"/var/log/app.log\"";

fn path(walk: &mut Walk<'_>, table: &mut Table<'_>) -> Option<PathBuf> {
    let Some(field) = table.take("path") else {
        if !table.has_misspelt("path") {
            walk.say(table.at.clone(), "this table has no path", Some(format!("add {EXAMPLE}")));
        }
        return None;
    };
    let text = field.text(walk)?;
    if text.trim().is_empty() {
        walk.say(field.at(), "the path is empty", Some(format!("write {EXAMPLE}")));
        return None;
    }
    Some(beside(walk.source.file, text))
}

fn start(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<bool> {
    match field.text(walk)? {
        "end" => Some(false),
        "beginning" => Some(true),
        text => {
            let cure = "write \"end\" or \"beginning\"".to_owned();
            walk.say(field.at(), format!("{} says no start", quoted(text)), Some(cure));
            None
        }
    }
}

impl Configured for TailConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Tail
    }

    fn shown_address(&self) -> String {
        self.path.display().to_string()
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.max_message)
    }

    fn write(&self, tables: &mut Tables) {
        let TailConfig { path, from_beginning, max_message } = self;
        tables.path("path", path);
        tables.line_unless("start", from_beginning, &false, |_| "beginning".into());
        tables.line_unless("max_message", max_message, &MAX_MESSAGE, |&bytes| size_text(bytes).into());
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let start = match given.purpose {
            Purpose::Look => TailStart::Recent(LOOK),
            Purpose::Watch if self.from_beginning => TailStart::Beginning,
            Purpose::Watch => TailStart::End,
        };
        let options = TailOptions {
            start,
            max_message: in_memory(self.max_message),
            csv: given.format.map_or(is_csv(&self.path), |format| format == Format::Csv),
            ..TailOptions::new(given.paths.expand(&self.path))
        };
        Arc::new(TailSource::new(options, given.clock))
    }
}
