//! Files that were read and closed: one may come back to the path, by a link that is led back or a rotation that is undone.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::time::SystemTime;

use super::identity::FileId;
use super::lane::{HEAD, Place};
use super::log::head_of;

/// Files that are remembered.
const FILES: usize = 64;

/// Where each of them was left, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Left(VecDeque<Closed>);

/// A closed file. Another one may get its identity once it is deleted, and begin with the same line: so all of its first
/// bytes are compared, and when it was made, where the system knows that.
#[derive(Debug)]
pub(super) struct Closed {
    /// What it was at the end: a copy has another identity than its lanes tell.
    pub(super) id: FileId,
    pub(super) made: Option<SystemTime>,
    pub(super) head: Vec<u8>,
    pub(super) place: Place,
}

impl Left {
    pub(super) fn note(&mut self, closed: Closed) {
        self.0.retain(|known| known.id != closed.id);
        if self.0.len() >= FILES {
            self.0.pop_front();
        }
        self.0.push_back(closed);
    }

    /// The place at which this file was left.
    pub(super) fn place(&self, file: &mut File, metadata: &Metadata) -> io::Result<Option<&Place>> {
        let id = FileId::of(metadata);
        let Some(closed) = self.0.iter().find(|closed| closed.id == id) else { return Ok(None) };
        let same = closed.made == metadata.created().ok()
            && metadata.len() > closed.place.offset
            && head_of(file, HEAD as u64)?.starts_with(&closed.head);
        Ok(same.then_some(&closed.place))
    }
}
