//! The texts of keys, numbered, so that a series is found by two indices.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::hash::hash64;
use crate::json::text::unescape;

/// The texts of a set of keys, numbered.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyTable {
    /// Indices into [`super::roles::Plan::keys`].
    pub(crate) fields: Vec<usize>,
    texts: Vec<Box<[u8]>>,
    index: FxHashMap<u64, u32>,
    /// The element asked for last, and its number.
    pub(super) cached: Option<(u32, u32)>,
}

impl KeyTable {
    pub(crate) fn new(fields: Vec<usize>) -> KeyTable {
        KeyTable { fields, ..KeyTable::default() }
    }

    /// The number of `text`; a new one while there are fewer than `limit`.
    #[inline]
    pub(super) fn number(&mut self, text: &[u8], limit: usize) -> Option<u32> {
        let mut slot = hash64(text, 0);
        while let Some(&known) = self.index.get(&slot) {
            if self.texts.get(known as usize).is_some_and(|there| **there == *text) {
                return Some(known);
            }
            slot = slot.wrapping_add(1);
        }
        if self.texts.len() >= limit || text.len() > 256 {
            return None;
        }
        let made = u32::try_from(self.texts.len()).ok()?;
        self.texts.push(text.into());
        self.index.insert(slot, made);
        Some(made)
    }

    /// The texts of a number, without those that were absent.
    pub(super) fn readable(&self, number: usize) -> Vec<(usize, Arc<str>)> {
        let Some(text) = self.texts.get(number) else { return Vec::new() };
        let parts = text.split(|byte| *byte == 0x1F);
        let present = self.fields.iter().copied().zip(parts).filter(|(_, part)| !part.is_empty());
        present
            .map(|(field, part)| {
                let mut plain = Vec::new();
                unescape(part, &mut plain);
                (field, Arc::from(String::from_utf8_lossy(&plain).as_ref()))
            })
            .collect()
    }
}
