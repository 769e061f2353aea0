//! The deltas between two batches.

use crate::{FeedId, LedgerCounts, LedgerSlot, Time};

/// Minutes of a feed that are held at once. What belongs to a further one is added to the nearest of those: the sums stay
/// right, and only the place is coarse.
pub const MINUTES_HELD: usize = 64;

/// Sums up what is counted until it is handed to the history. It holds [`MINUTES_HELD`] minutes for each feed, and as
/// many feeds as there are.
///
/// ```
/// use feedwatch_model::{FeedId, LedgerBook, Time};
///
/// let mut book = LedgerBook::default();
/// for second in [1, 2, 61] {
///     let counts = book.at(FeedId(7), Time::from_millis(second * 1000));
///     counts.received += 1;
///     counts.bytes += 100;
/// }
/// let deltas = book.take();
/// assert_eq!(deltas.iter().map(|delta| delta.counts.received).collect::<Vec<_>>(), [2, 1]);
/// assert!(book.take().is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct LedgerBook {
    /// The one used last: mostly the one that is used next.
    current: Option<LedgerSlot>,
    others: Vec<LedgerSlot>,
}

impl LedgerBook {
    /// The counts of a feed in the minute of `at`, to be added to.
    pub fn at(&mut self, feed: FeedId, at: Time) -> &mut LedgerCounts {
        if !self.current.as_ref().is_some_and(|slot| slot.feed == feed && slot.holds(at)) {
            self.turn_to(feed, at);
        }
        &mut self.current.get_or_insert_with(|| LedgerSlot::minute(feed, at)).counts
    }

    /// Adds the counts of a minute.
    pub fn add(&mut self, delta: &LedgerSlot) {
        *self.at(delta.feed, delta.from) += &delta.counts;
    }

    /// Everything since the last call, each minute of a feed once, in order of (feed, minute). Empty ones are left out.
    pub fn take(&mut self) -> Vec<LedgerSlot> {
        let mut taken = std::mem::take(&mut self.others);
        taken.extend(self.current.take());
        taken.retain(|slot| !slot.counts.is_empty());
        taken.sort_unstable_by_key(|slot| (slot.feed, slot.from));
        taken
    }

    /// Makes that minute the current one, or the nearest that is held.
    #[cold]
    fn turn_to(&mut self, feed: FeedId, at: Time) {
        self.others.extend(self.current.take());
        let of_feed = || (0..).zip(&self.others).filter(|(_, slot)| slot.feed == feed);
        let found = of_feed().find(|(_, slot)| slot.holds(at)).or_else(|| {
            let full = of_feed().count() >= MINUTES_HELD;
            of_feed().filter(|_| full).min_by_key(|(_, slot)| at.nanos().abs_diff(slot.from.nanos()))
        });
        self.current = match found {
            Some((index, _)) => Some(self.others.swap_remove(index)),
            None => Some(LedgerSlot::minute(feed, at)),
        };
    }
}
