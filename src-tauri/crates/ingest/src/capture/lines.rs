//! The lines of a file, cut out of a shared buffer without copying.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::{CaptureError, MAX_LINE};

/// Reads in pieces of this size.
const PIECE: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    path: PathBuf,
    buffer: BytesMut,
    /// Bytes at the beginning of the buffer that have been searched for a line end.
    searched: usize,
    ended: bool,
    number: u64,
    /// Of all lines read so far: see [`Lines::digest`].
    digest: u64,
}

impl Lines {
    pub(super) fn new(file: File, path: PathBuf) -> Lines {
        Lines { file, path, buffer: BytesMut::new(), searched: 0, ended: false, number: 0, digest: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the last line read, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Tells whether two files begin alike, as far as they were read. The ends of lines do not count: a last line may
    /// get one later. Guards against accidents, not against forgery.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// The next line with its end, if it has one.
    pub(super) fn next_raw(&mut self) -> Result<Option<Bytes>, CaptureError> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let end = memchr(b'\n', unsearched).map(|at| self.searched + at + 1);
            let length = match end {
                Some(length) => length,
                None if !self.ended => {
                    self.searched = self.buffer.len();
                    self.fill()?;
                    continue;
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => self.buffer.len(),
            };
            self.searched = 0;
            self.number += 1;
            let line = self.buffer.split_to(length).freeze();
            self.digest = mixed(self.digest, without_end(&line));
            return Ok(Some(line));
        }
    }

    /// The next line that is not blank, without its end.
    pub(super) fn next_filled(&mut self) -> Result<Option<Bytes>, CaptureError> {
        while let Some(mut line) = self.next_raw()? {
            if self.number == 1 && line.starts_with(b"\xEF\xBB\xBF") {
                line = line.slice(3..);
            }
            let without = without_end(&line).len();
            line.truncate(without);
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// Everything that is left, as one.
    pub(super) fn rest(&mut self) -> Result<Bytes, CaptureError> {
        while !self.ended {
            self.fill()?;
        }
        self.number += 1;
        let rest = self.buffer.split().freeze();
        self.digest = mixed(self.digest, without_end(&rest));
        Ok(rest)
    }

    fn fill(&mut self) -> Result<(), CaptureError> {
        let before = self.buffer.len();
        if before >= MAX_LINE {
            let (file, line) = (self.path.clone(), self.number + 1);
            return Err(CaptureError::TooLong { file, line, limit: MAX_LINE });
        }
        self.buffer.resize(before + PIECE, 0);
        let target = self.buffer.get_mut(before..).unwrap_or_default();
        let read = loop {
            match self.file.read(target) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(before + read.as_ref().map_or(0, |read| *read));
        let read =
            read.map_err(|cause| CaptureError::Read { file: self.path.clone(), line: self.number + 1, cause })?;
        self.ended = read == 0;
        Ok(())
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Words of eight bytes, multiplied and turned; the length keeps apart what zeros would make equal. Kept in histories: it
/// must stay as it is.
fn mixed(digest: u64, line: &[u8]) -> u64 {
    let step = |digest: u64, word: u64| (digest ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    let mut words = line.chunks_exact(8);
    let mut digest = step(digest, line.len() as u64);
    for word in words.by_ref() {
        digest = step(digest, word.try_into().map_or(0, u64::from_le_bytes));
    }
    let rest = words.remainder().iter().rev().fold(0, |rest, &byte| rest << 8 | u64::from(byte));
    step(digest, rest)
}
