//! The same message again, for feeds that number nothing: a bounded memory of recent identities.
//!
//! Limit: a repetition more than 4,096 messages behind the first copy is not recognised.

use std::collections::VecDeque;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, Severity};
use rustc_hash::FxHashMap;

use super::Arrival;

const REMEMBERED: usize = 4096;

#[derive(Debug)]
pub(super) struct Identities {
    feed: FeedId,
    /// Identity to the number of the message that had it first.
    seen: FxHashMap<u64, u64>,
    order: VecDeque<u64>,
}

impl Identities {
    pub(super) fn new(feed: FeedId) -> Identities {
        Identities { feed, seen: FxHashMap::default(), order: VecDeque::new() }
    }

    pub(super) fn observe(&mut self, message: &Message, identity: u64, out: &mut Vec<Finding>) -> Arrival {
        if let Some(&first) = self.seen.get(&identity) {
            let text = format!("The same message came again: {} repeats {first}, counted from 0.", message.number);
            out.push(Finding {
                message: Some(message.number),
                ..Finding::new(
                    Check::Duplicate,
                    FindingKind::Repeated,
                    self.feed,
                    message.received,
                    Severity::Warning,
                    text,
                )
            });
            return Arrival::Duplicate;
        }
        if self.order.is_empty() {
            // Twice the entries, so that the table never grows again.
            self.seen.reserve(2 * REMEMBERED);
            self.order.reserve_exact(REMEMBERED);
        }
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(identity);
        self.seen.insert(identity, message.number);
        Arrival::Fresh
    }
}
