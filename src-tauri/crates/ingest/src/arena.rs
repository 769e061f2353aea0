//! Where the payloads of small messages are copied to: blocks that many of them share.
//!
//! A slice of a WebSocket library's read buffer would need no copy, but as long as one is kept the buffer cannot be used
//! again: tungstenite 0.30 then goes on with one just large enough for the next frame, and reads it in as many calls to
//! the system as there are messages. A copy of some hundred bytes costs a tenth of such a call.
//!
//! Blocks whose messages are all gone are used again, so that a steady feed allocates nothing. A message of 8 KiB or
//! more gets memory of its own.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of a block.
const BLOCK: usize = 32 << 10;
/// Larger messages do not share.
const SHARED: usize = 8 << 10;
/// Blocks remembered while their messages wait: 4 MiB.
const REMEMBERED: usize = 128;

/// The blocks of one connection.
#[derive(Debug)]
pub(crate) struct Arena {
    block: BytesMut,
    /// Full ones, the oldest first.
    full: VecDeque<BytesMut>,
}

impl Arena {
    pub(crate) fn new() -> Arena {
        Arena { block: BytesMut::with_capacity(BLOCK), full: VecDeque::new() }
    }

    /// A copy that keeps no more than its block alive.
    #[inline]
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() >= SHARED {
            return Bytes::copy_from_slice(bytes);
        }
        if self.block.capacity() < bytes.len() {
            self.turn();
        }
        self.block.extend_from_slice(bytes);
        self.block.split().freeze()
    }

    /// The feed pauses: what a burst left is given back, a block at a time.
    pub(crate) fn rest(&mut self) {
        if self.full.len() > 1 {
            self.full.pop_front();
        }
    }

    fn turn(&mut self) {
        let free = self.full.front_mut().is_some_and(|oldest| oldest.try_reclaim(BLOCK));
        let next = if free { self.full.pop_front() } else { None };
        let spent = std::mem::replace(&mut self.block, next.unwrap_or_else(|| BytesMut::with_capacity(BLOCK)));
        if self.full.len() == REMEMBERED {
            self.full.pop_front();
        }
        self.full.push_back(spent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_copy_says_what_was_copied(
            messages in proptest::collection::vec((0usize..12_000, any::<u8>()), 0..200),
            kept in 0usize..64,
            rests in any::<bool>(),
        ) {
            let mut arena = Arena::new();
            let mut held: VecDeque<(Bytes, Vec<u8>)> = VecDeque::new();
            for (length, byte) in messages {
                let bytes = vec![byte; length];
                held.push_back((arena.copy(&bytes), bytes));
                if rests {
                    arena.rest();
                }
                while held.len() > kept {
                    let (copy, bytes) = held.pop_front().unwrap();
                    prop_assert_eq!(&copy[..], &bytes[..]);
                }
            }
            for (copy, bytes) in held {
                prop_assert_eq!(&copy[..], &bytes[..]);
            }
        }
    }

    #[test]
    fn a_steady_feed_uses_the_same_blocks_again() {
        let mut arena = Arena::new();
        let mut places = std::collections::HashSet::new();
        for _ in 0..10_000 {
            places.insert(arena.copy(&[7; 1024]).as_ptr());
        }
        assert!(places.len() <= 3 * BLOCK / 1024, "{} places", places.len());
    }
}
