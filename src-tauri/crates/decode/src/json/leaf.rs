//! What the scanner finds: leaves, each a path, a place in the payload and, in passing, a number.

use feedwatch_model::Rejected;

use super::number::Bits;
use super::scan::Scanner;
use super::trie::Trie;

/// What stands at a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafKind {
    Null,
    False,
    True,
    Number,
    /// A string without escapes.
    Text,
    /// A string with escapes.
    Escaped,
    EmptyObject,
    EmptyArray,
}

/// One leaf: its path, where its raw text stands (inside the quotes of a string), and in which element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) node: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Index into [`super::scan::Scanner::elements`].
    pub(crate) element: u32,
    pub(crate) kind: LeafKind,
    /// The number, where it was read in passing.
    number: Bits,
}

impl Leaf {
    /// The payload is below 4 GiB.
    #[inline]
    pub(super) fn new(node: u32, start: usize, end: usize, element: u32, kind: LeafKind, number: Bits) -> Leaf {
        Leaf { node, start: start as u32, end: end as u32, element, kind, number }
    }

    /// Other text in the same place.
    #[inline(always)]
    pub(super) fn put(&mut self, start: usize, end: usize, kind: LeafKind, number: Bits) {
        *self = Leaf::new(self.node, start, end, self.element, kind, number);
    }

    #[inline]
    pub(crate) fn raw<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        payload.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// What it is worth, if it is a number, also as a string, or a truth value.
    #[inline]
    pub(crate) fn number(&self, payload: &[u8]) -> Bits {
        self.number.or_of(self.raw(payload))
    }

    /// The whole number without sign, fraction or leading zero that stands here, also in a string.
    #[inline]
    pub(crate) fn unsigned(&self, payload: &[u8]) -> Option<u64> {
        self.number.unsigned(self.raw(payload))
    }

    #[inline]
    pub(crate) fn is_string(&self) -> bool {
        matches!(self.kind, LeafKind::Text | LeafKind::Escaped)
    }
}

/// Visits every leaf of `payload` with its path and its raw text (strings with their quotes), in order.
///
/// # Errors
/// The first byte that is not JSON; the leaves before it have been visited by then only if all of it is valid.
///
/// ```
/// let mut seen = Vec::new();
/// feedwatch_decode::leaves(br#"{"s":"BTC-USD","bids":[["1.50","2"]]}"#, |path, raw| {
///     seen.push(format!("{path} {raw}"));
/// })
/// .unwrap();
/// assert_eq!(seen, ["/s \"BTC-USD\"", "/bids/*/0 \"1.50\"", "/bids/*/1 \"2\""]);
/// ```
pub fn leaves(payload: &[u8], mut visit: impl FnMut(&str, &str)) -> Result<(), Rejected> {
    let mut flattener = Flattener::default();
    flattener.flatten(payload)?;
    for leaf in &flattener.scanner.leaves {
        let quote = u32::from(leaf.is_string());
        let raw = Leaf { start: leaf.start - quote, end: leaf.end + quote, ..*leaf }.raw(payload);
        visit(&flattener.path(leaf.node), std::str::from_utf8(raw).unwrap_or_default());
    }
    Ok(())
}

/// Flattens message after message of one feed: what is learned of their paths and skeletons makes the next one cheaper, and
/// nothing is allocated once they are known.
///
/// ```
/// let mut flattener = feedwatch_decode::Flattener::default();
/// let message = br#"{"s":"BTC-USD","p":"1.50"}"#;
/// flattener.flatten(message).unwrap();
/// let numbers: Vec<_> = flattener.numbers(message).map(|(path, value)| (flattener.path(path), value)).collect();
/// assert_eq!(numbers, [("/p".to_owned(), 1.5)]);
/// ```
#[derive(Clone, Debug)]
pub struct Flattener {
    trie: Trie,
    scanner: Scanner,
}

impl Default for Flattener {
    fn default() -> Flattener {
        Flattener { trie: Trie::new(20_000), scanner: Scanner::default() }
    }
}

impl Flattener {
    /// Flattens a message; the number of its leaves.
    ///
    /// # Errors
    /// The first byte that is not JSON.
    pub fn flatten(&mut self, payload: &[u8]) -> Result<usize, Rejected> {
        self.scanner.scan(&mut self.trie, payload)?;
        Ok(self.scanner.leaves.len())
    }

    /// The numbers (also as strings) and truth values of `payload`, which was flattened last, each with the number of its
    /// path.
    pub fn numbers<'a>(&'a self, payload: &'a [u8]) -> impl Iterator<Item = (u32, f64)> + 'a {
        let leaves = self.scanner.leaves.iter();
        leaves.filter_map(|leaf| {
            let mut value = None;
            leaf.number(payload).give(|number| value = Some(number.as_f64()));
            Some((leaf.node, value?))
        })
    }

    /// The JSON pointer of a path, with `*` for any element.
    pub fn path(&self, path: u32) -> String {
        self.trie.path(path)
    }
}
