//! Books of orders with their numbers as they were written.
//!
//! Limits: [`MAX_BOOKS`] books, [`MAX_LEVELS`] levels a side, [`MAX_ALL`] levels in all, [`MAX_TEXT`] bytes a number. A book
//! that would need more is not judged till its next snapshot.

use rustc_hash::FxHashMap;

const MAX_BOOKS: usize = 256;
const MAX_LEVELS: usize = 1000;
const MAX_ALL: usize = 200_000;
const MAX_TEXT: usize = 24;
/// Depths that feeds offer: a snapshot with fewer levels is one of a thin book.
const DEPTHS: [usize; 13] = [1, 5, 10, 15, 20, 25, 50, 100, 150, 200, 250, 400, 500];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Bids,
    Asks,
}

/// A short text without a heap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short {
    length: u8,
    bytes: [u8; MAX_TEXT],
}

impl Short {
    fn of(text: &[u8]) -> Option<Short> {
        let mut bytes = [0; MAX_TEXT];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Short { length: text.len() as u8, bytes })
    }

    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// The price; of a bid below 0, so that the best level of either side is the least.
    rank: f64,
    pub(super) price: Short,
    pub(super) quantity: Short,
}

/// What a message says of one price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) side: Side,
    pub(super) price: &'a [u8],
    pub(super) quantity: &'a [u8],
    /// The level is gone.
    pub(super) gone: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// The worst level first: most of what comes is about the best.
    bids: Vec<Level>,
    asks: Vec<Level>,
    /// Levels of a side; what falls out of them is not told.
    depth: usize,
    /// All of it is there.
    pub(super) whole: bool,
    /// The message that was read last changed it.
    pub(super) changed: bool,
    /// The last check failed: a further failure says nothing new.
    pub(super) doubted: bool,
}

impl Book {
    /// The best levels of a side, the best one first.
    pub(super) fn best(&self, side: Side) -> impl Iterator<Item = &Level> {
        match side {
            Side::Bids => self.bids.iter().rev(),
            Side::Asks => self.asks.iter().rev(),
        }
    }

    fn side(&mut self, side: Side) -> &mut Vec<Level> {
        match side {
            Side::Bids => &mut self.bids,
            Side::Asks => &mut self.asks,
        }
    }

    /// Takes a row; levels added.
    fn set(&mut self, row: Row<'_>) -> Option<isize> {
        let price = crate::json::number::number(row.price)?.as_f64();
        let rank = if row.side == Side::Bids { -price } else { price };
        let depth = self.depth;
        let levels = self.side(row.side);
        let at = levels.partition_point(|level| level.rank > rank);
        let there = levels.get(at).is_some_and(|level| level.rank == rank);
        if row.gone {
            if there {
                levels.remove(at);
                self.changed = true;
            }
            return Some(-isize::from(there));
        }
        let level = Level { rank, price: Short::of(row.price)?, quantity: Short::of(row.quantity)? };
        let behind = levels.len() - at;
        if there {
            levels.splice(at..=at, [level]);
        } else if levels.len() < MAX_LEVELS {
            levels.insert(at, level);
        } else {
            return None;
        }
        self.changed |= there || behind < depth;
        Some(isize::from(!there))
    }

    /// Ends a message; levels dropped. `begun`: it was a snapshot.
    fn settle(&mut self, begun: bool) -> usize {
        if begun {
            let most = self.bids.len().max(self.asks.len());
            self.depth = DEPTHS.into_iter().find(|depth| *depth >= most).unwrap_or(MAX_LEVELS);
        }
        let depth = self.depth;
        let cut = |levels: &mut Vec<Level>| {
            let beyond = levels.len().saturating_sub(depth);
            levels.drain(..beyond);
            beyond
        };
        cut(&mut self.bids) + cut(&mut self.asks)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    books: FxHashMap<u64, Book>,
    levels: usize,
    /// Books that this message is about, and whether it is a snapshot of them.
    touched: Vec<(u64, bool)>,
}

impl Books {
    pub(super) fn clear(&mut self) {
        *self = Books::default();
    }

    /// Begins a message.
    pub(super) fn begin(&mut self) {
        self.touched.clear();
    }

    /// The book of `key` in this message; emptied by the first row of a snapshot.
    fn touch(&mut self, key: u64, snapshot: bool) -> Option<&mut Book> {
        let is_new = !self.touched.iter().any(|(known, _)| *known == key);
        if is_new && self.touched.len() >= MAX_BOOKS {
            // What is not followed is not known any more.
            self.books.get_mut(&key).into_iter().for_each(|book| book.whole = false);
            return None;
        }
        if is_new {
            self.touched.push((key, snapshot));
        }
        if !self.books.contains_key(&key) && (!snapshot || self.books.len() >= MAX_BOOKS) {
            return None;
        }
        let book = self.books.entry(key).or_default();
        if is_new && snapshot {
            self.levels = self.levels.saturating_sub(book.bids.len() + book.asks.len());
            book.bids.clear();
            book.asks.clear();
            (book.whole, book.changed, book.doubted, book.depth) = (true, true, false, MAX_LEVELS);
        } else if is_new {
            book.changed = false;
        }
        Some(book)
    }

    /// A snapshot that may have no rows.
    pub(super) fn snapshot(&mut self, key: u64) {
        self.touch(key, true);
    }

    pub(super) fn row(&mut self, key: u64, snapshot: bool, row: Row<'_>) {
        let full = self.levels >= MAX_ALL;
        let Some(book) = self.touch(key, snapshot).filter(|book| book.whole) else { return };
        match book.set(row) {
            Some(added) if !full || added <= 0 => self.levels = self.levels.saturating_add_signed(added),
            _ => book.whole = false,
        }
    }

    /// Ends a message.
    pub(super) fn end(&mut self) {
        for (key, begun) in &self.touched {
            let dropped = self.books.get_mut(key).map_or(0, |book| book.settle(*begun));
            self.levels = self.levels.saturating_sub(dropped);
        }
    }

    pub(super) fn book(&mut self, key: u64) -> Option<&mut Book> {
        self.books.get_mut(&key)
    }

    /// Whether the message that was read last is about the book of `key`.
    pub(super) fn is_touched(&self, key: u64) -> bool {
        self.touched.iter().any(|(known, _)| *known == key)
    }
}
