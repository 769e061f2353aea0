//! What scopes a sequence: nothing (the connection), or one or two texts of the message.

use crate::hash::hash64;
use crate::json::trie::Trie;

/// Longer texts scope nothing.
const MAX_TEXT: usize = 256;

/// A text that scopes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Per {
    Path(u32),
    Topic,
}

impl Per {
    pub(crate) fn path(self, trie: &Trie) -> String {
        match self {
            Per::Path(node) => trie.path(node),
            Per::Topic => "topic".to_owned(),
        }
    }
}

/// What scopes a sequence; the connection if there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    first: Option<Per>,
    second: Option<Per>,
}

impl Scope {
    pub(crate) const CONNECTION: Scope = Scope { first: None, second: None };

    pub(crate) fn one(per: Per) -> Scope {
        Scope { first: Some(per), second: None }
    }

    pub(crate) fn two(first: Per, second: Per) -> Scope {
        Scope { first: Some(first), second: Some(second) }
    }

    pub(crate) fn is_connection(self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn parts(self) -> impl Iterator<Item = Per> {
        [self.first, self.second].into_iter().flatten()
    }

    /// Tells the texts of a message apart from those of others; 0 for the connection. `None`: it lacks one of them.
    #[inline]
    pub(crate) fn hash<'a>(self, text: &impl Fn(Per) -> Option<&'a [u8]>) -> Option<u64> {
        let Some(first) = self.first else { return Some(0) };
        // What is kept of a scope is its text.
        let short = |per| text(per).filter(|text| text.len() <= MAX_TEXT);
        let hash = hash64(short(first)?, 0);
        match self.second {
            None => Some(hash),
            Some(second) => Some(hash64(short(second)?, hash)),
        }
    }
}
