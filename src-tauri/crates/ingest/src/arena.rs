//! Blocks of memory that the payloads of many small messages share.
//!
//! Blocks whose messages are all gone are used again, so that a steady feed allocates nothing.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of a block.
const BLOCK: usize = 32 << 10;
/// Larger messages do not share.
pub(crate) const SHARED: usize = 8 << 10;
/// Blocks remembered while their messages wait: 4 MiB.
const REMEMBERED: usize = 128;

/// The blocks of one connection.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    /// What was put in since the last [`Arena::take`].
    block: BytesMut,
    /// Full ones, the oldest first.
    full: VecDeque<BytesMut>,
    /// The block is a real one: an arena that was never used holds nothing.
    begun: bool,
}

impl Arena {
    /// Is there room for so many bytes behind what was put in?
    #[inline]
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.block.capacity() - self.block.len() >= bytes
    }

    /// Appends; where it stands among what was put in since the last [`Arena::take`].
    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = self.block.len() as u32;
        self.block.extend_from_slice(bytes);
        at
    }

    /// A copy that keeps no more than its block alive; of 8 KiB or more it has memory of its own.
    #[inline]
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() >= SHARED {
            return Bytes::copy_from_slice(bytes);
        }
        if !self.has_room(bytes.len()) {
            self.turn();
        }
        self.put(bytes);
        self.take()
    }

    /// What was put in since the last [`Arena::take`].
    pub(crate) fn filled(&self) -> &[u8] {
        &self.block
    }

    /// The same, taken out.
    pub(crate) fn take(&mut self) -> Bytes {
        self.block.split().freeze()
    }

    /// Goes on in a block that is empty; what was put in was taken.
    pub(crate) fn turn(&mut self) {
        let free = self.full.front_mut().is_some_and(|oldest| oldest.try_reclaim(BLOCK));
        let next = if free { self.full.pop_front() } else { None };
        let spent = std::mem::replace(&mut self.block, next.unwrap_or_else(|| BytesMut::with_capacity(BLOCK)));
        if self.full.len() == REMEMBERED {
            self.full.pop_front();
        }
        if std::mem::replace(&mut self.begun, true) {
            self.full.push_back(spent);
        }
    }

    /// Blocks beside the one under way.
    #[cfg(test)]
    pub(crate) fn blocks(&self) -> usize {
        self.full.len()
    }

    /// What a burst left is given back, a block at a time.
    pub(crate) fn rest(&mut self) {
        if self.full.len() > 1 {
            self.full.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_feed_uses_the_same_blocks_again() {
        let mut arena = Arena::default();
        let mut places = std::collections::HashSet::new();
        for _ in 0..10_000 {
            places.insert(arena.copy(&[7; 1024]).as_ptr());
        }
        assert!(places.len() <= 3 * BLOCK / 1024, "{} places", places.len());
    }
}
