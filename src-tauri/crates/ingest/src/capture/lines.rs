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
}

impl Lines {
    pub(super) fn new(file: File, path: PathBuf) -> Lines {
        Lines { file, path, buffer: BytesMut::new(), searched: 0, ended: false, number: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the last line read, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
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
            return Ok(Some(self.buffer.split_to(length).freeze()));
        }
    }

    /// The next line that is not blank, without its end.
    pub(super) fn next_filled(&mut self) -> Result<Option<Bytes>, CaptureError> {
        while let Some(mut line) = self.next_raw()? {
            if self.number == 1 && line.starts_with(b"\xEF\xBB\xBF") {
                line = line.slice(3..);
            }
            let without = line.strip_suffix(b"\n").unwrap_or(&line);
            let without = without.strip_suffix(b"\r").unwrap_or(without).len();
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
        Ok(self.buffer.split().freeze())
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
