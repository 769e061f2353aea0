//! What the paths of a feed are to its books.

use super::levels::Side;
use crate::json::trie::{ROOT, Step, Trie};
use crate::learn::hints;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// Not looked at yet.
    #[default]
    Unseen,
    Other,
    Price {
        side: Side,
        snapshot: bool,
    },
    Quantity {
        side: Side,
        snapshot: bool,
    },
    /// Bitfinex: price, number of orders (0: gone), amount (below 0: an ask).
    Signed {
        part: u8,
        snapshot: bool,
    },
    /// Names the book.
    Key,
    /// May say that this is a snapshot.
    Word,
    Checksum,
}

/// The side that an array of this name is, and whether it is one of a snapshot (Kraken: `as`, `bs`).
fn side(name: &str) -> Option<(Side, bool)> {
    match name.to_ascii_lowercase().as_str() {
        "bids" | "bid" | "b" | "buys" | "buy" => Some((Side::Bids, false)),
        "asks" | "ask" | "a" | "sells" | "sell" => Some((Side::Asks, false)),
        "bs" => Some((Side::Bids, true)),
        "as" => Some((Side::Asks, true)),
        _ => None,
    }
}

fn is_price(name: &str) -> bool {
    ["0", "p", "price", "px", "limit_price"].contains(&name)
}

fn is_quantity(name: &str) -> bool {
    ["1", "q", "qty", "quantity", "s", "size", "sz", "v", "volume", "amount"].contains(&name)
}

/// Whether a whole number of this name may be the checksum of a book.
pub(super) fn is_checksum(name: &str) -> bool {
    ["checksum", "check_sum", "chksum", "crc", "crc32", "cs", "c"].contains(&name.to_ascii_lowercase().as_str())
}

/// What a path is by its names alone.
pub(super) fn role(trie: &Trie, node: u32) -> Role {
    let name = trie.segment(node);
    let parent = trie.parent(node);
    if trie.step(parent) == Step::Element {
        let array = trie.parent(parent);
        if let Some((side, snapshot)) = side(&trie.segment(array)).filter(|_| trie.step(array) == Step::Key) {
            return match () {
                () if is_price(&name) => Role::Price { side, snapshot },
                () if is_quantity(&name) => Role::Quantity { side, snapshot },
                () => Role::Other,
            };
        }
    }
    if trie.step(node) == Step::Key {
        if hints::is_entity(&name) || name == "channel" {
            return Role::Key;
        }
        if hints::kind_rank(&name).is_some() || name == "update_type" {
            return Role::Word;
        }
    }
    match (trie.step(node), parent) {
        // The number of a channel.
        (Step::Position(0), ROOT) => Role::Key,
        _ => Role::Other,
    }
}

/// What a path is in a feed of arrays `[channel, [price, orders, amount]]`.
pub(super) fn signed_role(trie: &Trie, node: u32) -> Option<Role> {
    let chain = trie.chain(node);
    let steps: Vec<Step> = chain.iter().map(|node| trie.step(*node)).collect();
    match steps.as_slice() {
        [Step::Position(1), Step::Position(part @ 0..=2)] => Some(Role::Signed { part: *part as u8, snapshot: false }),
        [Step::Position(1), Step::Element, Step::Position(part @ 0..=2)] => {
            Some(Role::Signed { part: *part as u8, snapshot: true })
        }
        _ => None,
    }
}
