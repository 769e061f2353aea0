//! A message kept for learning: its leaves and its bytes.

use std::sync::Arc;

use bytes::Bytes;
use feedwatch_model::{Message, Time};

use super::roles::{Seen, TOPIC, is_around};
use super::sequence::Per;
use crate::json::leaf::Leaf;
use crate::json::scan::Scanner;

/// Leaves of one message that are looked at while learning.
const MAX_LEAVES: usize = 20_000;

#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) received: Time,
    pub(crate) payload: Bytes,
    /// The message as it came; empty where it is kept for long.
    pub(crate) raw: Bytes,
    pub(crate) topic: Option<Arc<str>>,
    /// The protocol's own identity of the message.
    pub(crate) id: Option<Arc<str>>,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) elements: Vec<u32>,
}

impl Observed {
    /// `text`: the JSON of the message, most often its payload itself.
    pub(crate) fn new(message: &Message, text: &[u8], scanner: &Scanner) -> Observed {
        let is_payload = std::ptr::eq(text, &*message.payload);
        let kept = scanner.leaves.len().min(MAX_LEAVES);
        Observed {
            received: message.received,
            payload: if is_payload { message.payload.clone() } else { Bytes::copy_from_slice(text) },
            raw: message.payload.clone(),
            topic: message.meta.as_ref().and_then(|meta| meta.topic.clone()),
            id: message.meta.as_ref().and_then(|meta| meta.id.clone()),
            leaves: scanner.leaves.get(..kept).unwrap_or_default().to_vec(),
            elements: scanner.elements.clone(),
        }
    }

    /// A copy of a message that is to be kept for long: a payload shares the buffer it was received in.
    pub(crate) fn of(seen: &Seen<'_>) -> Observed {
        let kept = seen.leaves.len().min(MAX_LEAVES);
        Observed {
            received: seen.message.received,
            payload: Bytes::copy_from_slice(seen.text),
            raw: Bytes::new(),
            topic: seen.message.meta.as_ref().and_then(|meta| meta.topic.clone()),
            id: seen.message.meta.as_ref().and_then(|meta| meta.id.clone()),
            leaves: seen.leaves.get(..kept).unwrap_or_default().to_vec(),
            elements: seen.elements.to_vec(),
        }
    }

    /// What scopes a sequence whose number stands in `element`.
    pub(crate) fn scoping(&self, per: Per, element: u32) -> Option<&[u8]> {
        match per {
            Per::Path(node) => {
                let there = |leaf: &&Leaf| leaf.node == node && is_around(&self.elements, leaf.element, element);
                self.leaves.iter().find(there).and_then(|leaf| text_of(leaf, &self.payload))
            }
            Per::Topic => self.topic.as_deref().map(str::as_bytes),
        }
    }

    pub(crate) fn find(&self, node: u32) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.node == node)
    }

    /// The raw text at `node`, null and containers excepted.
    pub(crate) fn text(&self, node: u32) -> Option<&[u8]> {
        if node == TOPIC {
            return self.topic.as_deref().map(str::as_bytes);
        }
        self.find(node).and_then(|leaf| text_of(leaf, &self.payload))
    }
}

/// The raw text of a leaf that can name something: a string or a number.
#[inline]
pub(crate) fn text_of<'a>(leaf: &Leaf, payload: &'a [u8]) -> Option<&'a [u8]> {
    use crate::json::leaf::LeafKind;
    matches!(leaf.kind, LeafKind::Text | LeafKind::Escaped | LeafKind::Number).then(|| leaf.raw(payload))
}
