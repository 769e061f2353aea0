//! A user's folders of its own for every test, and the program run in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use feedwatch_engine::config::{self, Paths};
use feedwatch_engine::{Engine, EngineOptions};
use feedwatch_store::Reader;
use serde_json::Value;
use tempfile::TempDir;

use crate::binary;
use crate::process::{Ended, Process};
use crate::wait::LONG;

/// Folders that nobody else uses; removed when dropped.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// New folders.
    ///
    /// # Panics
    /// If the disk does not let it.
    #[allow(clippy::new_without_default)] // It touches the disk.
    pub fn new() -> Home {
        let folder = tempfile::Builder::new().prefix("feedwatch-").tempdir().expect("a temporary folder");
        for (_, name) in FOLDERS {
            fs::create_dir(folder.path().join(name)).expect("a folder of the user");
        }
        Home { folder }
    }

    /// A path below the user's home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file below the user's home.
    ///
    /// # Panics
    /// If the disk does not let it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a file in the home");
        path
    }

    /// The folders as the program finds them.
    ///
    /// # Panics
    /// Never: they are all given.
    pub fn paths(&self) -> Paths {
        let find = |name: &str| match FOLDERS.iter().find(|(variable, _)| *variable == name) {
            Some((_, folder)) => Some(self.path(folder).display().to_string()),
            None => (name == "HOME").then(|| self.folder.path().display().to_string()),
        };
        Paths::new(&find).expect("all folders are given")
    }

    /// Where a history is kept if the configuration does not say otherwise.
    pub fn history(&self) -> PathBuf {
        self.paths().history_file()
    }

    /// The history, for reading.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn reader(&self) -> Reader {
        feedwatch_store::read(&self.history()).expect("a history that can be read")
    }

    /// A command in these folders.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        for (variable, folder) in FOLDERS {
            command.env(variable, self.path(folder));
        }
        // Nothing of the desktop this test runs on may be seen or disturbed.
        for variable in ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "FEEDWATCH_LOG"] {
            command.env_remove(variable);
        }
        command
    }

    /// Starts the terminal program.
    pub fn start(&self, args: &[&str]) -> Process {
        Process::start(self.command(binary::feedwatch()).args(args))
    }

    /// Runs the terminal program to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ended {
        self.start(args).end(2 * LONG)
    }

    /// Runs it, wants exit code 0 and gives the object of its last line.
    ///
    /// # Panics
    /// If it ends otherwise, or if its last line is no such object.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended.json()
    }

    /// An engine in this process with a configuration, in these folders.
    ///
    /// # Panics
    /// If it cannot start.
    #[track_caller]
    pub fn engine(&self, text: &str) -> Engine {
        let path = self.write("feeds.toml", text);
        let config = config::parse(text, &path).unwrap_or_else(|problems| panic!("{problems}"));
        let options = EngineOptions::of_config(config, path, self.paths());
        Engine::start(EngineOptions { notifications: false, ..options }).expect("an engine")
    }
}

const FOLDERS: [(&str, &str); 4] = [
    ("XDG_CONFIG_HOME", "config"),
    ("XDG_DATA_HOME", "data"),
    ("XDG_STATE_HOME", "state"),
    ("XDG_RUNTIME_DIR", "runtime"),
];

impl Ended {
    /// The object of the last line of standard output.
    ///
    /// # Panics
    /// If the last line is none, or does not begin with its schema.
    #[track_caller]
    pub fn json(&self) -> Value {
        let last = self.out.last().unwrap_or_else(|| panic!("nothing was said: {self:?}"));
        assert!(last.starts_with("{\"schema\":1"), "{last}");
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
    }
}

/// How long a test may wait for a run of `seconds` to end.
pub fn time_for(seconds: u64) -> Duration {
    Duration::from_secs(seconds) + 2 * LONG
}
