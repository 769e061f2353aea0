//! A program that writes a log and has it rotated, and remembers every line.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A log that is written to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    written: u64,
}

impl Log {
    /// A new, empty log.
    ///
    /// # Panics
    /// If the disk does not let it.
    pub fn new(path: PathBuf) -> Log {
        let file = opened(&path);
        Log { path, file, written: 0 }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many lines were written; they are numbered from 0 by `seq`.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes so many lines of JSON.
    ///
    /// # Panics
    /// If the disk does not let it.
    pub fn write(&mut self, lines: u64) {
        let mut text = String::new();
        for seq in self.written..self.written + lines {
            text.push_str(&format!("{{\"seq\":{seq},\"level\":{}}}\n", 20 + seq % 7));
        }
        self.written += lines;
        self.write_text(&text);
    }

    /// Writes a text as it is.
    ///
    /// # Panics
    /// If the disk does not let it.
    pub fn write_text(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).expect("a log that can be written");
    }

    /// Renames it to `NAME.1`, that to `NAME.2` and so on, and makes it anew.
    ///
    /// # Panics
    /// If the disk does not let it.
    pub fn rotate(&mut self) {
        self.make_way();
        fs::rename(&self.path, self.old(1)).expect("a log that can be renamed");
        self.file = opened(&self.path);
    }

    /// Copies it to `NAME.1` and cuts it short.
    ///
    /// # Panics
    /// If the disk does not let it.
    pub fn copy_and_cut(&mut self) {
        self.make_way();
        fs::copy(&self.path, self.old(1)).expect("a log that can be copied");
        self.file.set_len(0).expect("a log that can be cut");
    }

    fn make_way(&self) {
        let last = (1..).find(|number| !self.old(*number).exists()).unwrap_or(1);
        for number in (1..last).rev() {
            fs::rename(self.old(number), self.old(number + 1)).expect("an old log that can be renamed");
        }
    }

    fn old(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn opened(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("a log")
}
