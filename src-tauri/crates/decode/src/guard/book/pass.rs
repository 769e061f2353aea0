//! One message as the books see it: what names a book, what begins it anew, rows, checksums.
//!
//! Limit: [`MAX_NAMES`] names, snapshots and checksums each in one message. One with more is not followed: all books are
//! forgotten till their next snapshots.

use super::super::View;
use super::levels::{Books, Row, Side};
use super::roles::Role;
use crate::hash::hash64;
use crate::json::leaf::Leaf;
use crate::json::number::unsigned;

const MAX_NAMES: usize = 256;

/// Lists of the message before, kept for their memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Pass {
    /// Element, and the hash of what names the book.
    keys: Vec<(u32, u64)>,
    /// Elements that say that they are a snapshot.
    snapshots: Vec<u32>,
    pub(super) checks: Vec<Check>,
    has_rows: bool,
    /// There are more than can be followed.
    pub(super) overflows: bool,
}

/// A checksum that stands in the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) node: u32,
    pub(super) key: u64,
    element: u32,
    pub(super) stated: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Open<'a> {
    element: u32,
    side: Option<Side>,
    price: Option<&'a [u8]>,
    quantity: Option<&'a [u8]>,
    orders: Option<&'a [u8]>,
}

/// A checksum as 32 bits; signed ones may be below 0.
pub(super) fn checksum(text: &[u8]) -> Option<u32> {
    match text.strip_prefix(b"-") {
        Some(digits) => unsigned(digits).filter(|value| *value <= 1 << 31).map(|value| (value as u32).wrapping_neg()),
        None => unsigned(text).and_then(|value| u32::try_from(value).ok()),
    }
}

fn is_snapshot(text: &[u8]) -> bool {
    ["snapshot", "partial", "all"].iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

fn is_zero(text: &[u8]) -> bool {
    let digits = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    digits.iter().all(|byte| matches!(byte, b'0' | b'.' | b'-' | b'+'))
}

impl Pass {
    /// Looks at a message before its rows are read; whether there is anything about books in it.
    pub(super) fn look(&mut self, view: &View<'_>, roles: &[Role]) -> bool {
        self.keys.clear();
        self.snapshots.clear();
        self.checks.clear();
        self.has_rows = false;
        for leaf in view.leaves {
            match roles.get(leaf.node as usize) {
                None | Some(Role::Unseen | Role::Other) => {}
                Some(Role::Price { .. } | Role::Quantity { .. } | Role::Signed { .. }) => self.has_rows = true,
                Some(Role::Key) => {
                    self.keys.push((leaf.element, hash64(leaf.raw(view.text), u64::from(leaf.is_string()))));
                }
                Some(Role::Word) if is_snapshot(leaf.raw(view.text)) => self.snapshots.push(leaf.element),
                Some(Role::Word) => {}
                Some(Role::Checksum) => {
                    if let Some(stated) = checksum(leaf.raw(view.text)) {
                        self.checks.push(Check { node: leaf.node, key: 0, element: leaf.element, stated });
                    }
                }
            }
        }
        let most = self.keys.len().max(self.snapshots.len()).max(self.checks.len());
        self.overflows = most > MAX_NAMES;
        if self.overflows {
            return true;
        }
        for at in 0..self.checks.len() {
            let element = self.checks.get(at).map_or(0, |check| check.element);
            let key = self.key(view, element);
            if let Some(check) = self.checks.get_mut(at) {
                check.key = key;
            }
        }
        self.has_rows || !self.checks.is_empty()
    }

    /// The book that what stands in `element` is about.
    fn key(&self, view: &View<'_>, element: u32) -> u64 {
        let start = view.topic.map_or(0, |topic| hash64(topic.as_bytes(), 5));
        let named = self.keys.iter().filter(|(there, _)| view.is_around(*there, element));
        named.fold(start, |sum, (_, key)| sum.rotate_left(7) ^ key)
    }

    fn begins(&self, view: &View<'_>, element: u32) -> bool {
        self.snapshots.iter().any(|there| view.is_around(*there, element))
    }

    /// Brings the rows of the message into `books`. `always`: each message is all of its book.
    pub(super) fn apply(&self, view: &View<'_>, roles: &[Role], always: bool, books: &mut Books) {
        books.begin();
        for check in &self.checks {
            if self.begins(view, check.element) {
                books.snapshot(check.key);
            }
        }
        let mut open = Open::default();
        // The block of the rows before, its book, and whether it begins anew.
        let mut block = (u32::MAX, 0, false);
        for leaf in view.leaves.iter().filter(|_| self.has_rows) {
            let Some(snapshot) = open.take(leaf, roles, view.text) else { continue };
            let around = view.elements.get(leaf.element as usize).copied().unwrap_or(0);
            if block.0 != around {
                block = (around, self.key(view, around), self.begins(view, around));
            }
            if let Some(row) = open.row() {
                books.row(block.1, always || snapshot || block.2, row);
                open = Open::default();
            }
        }
        books.end();
    }
}

impl<'a> Open<'a> {
    /// Takes a leaf if it is part of a row; whether the row is one of a snapshot.
    fn take(&mut self, leaf: &Leaf, roles: &[Role], text: &'a [u8]) -> Option<bool> {
        let raw = Some(leaf.raw(text));
        if leaf.element != self.element {
            *self = Open { element: leaf.element, ..Open::default() };
        }
        match *roles.get(leaf.node as usize)? {
            Role::Price { side, snapshot } => {
                (self.side, self.price) = (Some(side), raw);
                Some(snapshot)
            }
            Role::Quantity { side, snapshot } => {
                (self.side, self.quantity) = (Some(side), raw);
                Some(snapshot)
            }
            Role::Signed { part, snapshot } => {
                match part {
                    0 => self.price = raw,
                    1 => self.orders = raw,
                    _ => self.quantity = raw,
                }
                Some(snapshot)
            }
            _ => None,
        }
    }

    fn row(&self) -> Option<Row<'a>> {
        let (price, quantity) = (self.price?, self.quantity?);
        Some(match (self.side, self.orders) {
            (Some(side), _) => Row { side, price, quantity, gone: is_zero(quantity) },
            (None, orders) => {
                let side = if quantity.starts_with(b"-") { Side::Asks } else { Side::Bids };
                Row { side, price, quantity, gone: is_zero(orders?) }
            }
        })
    }
}
