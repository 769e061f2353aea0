//! The same message again, for feeds that number nothing: a bounded memory of recent identities.
//!
//! - The same identity with the same content is a repetition. So it is with other content where messages have no time of
//!   their own: the feed's word is all there is to go by.
//! - With other content and a newer time it is an update: new, and not told. With an older one it is late.
//! - With other content and the same time it is a conflict, unless more than one message in 20 comes so, or fewer than 64
//!   came: then the feed updates what it sent without another time, and that is an update too.
//!
//! Limit: a repetition more than 4,096 messages behind the first copy is not recognised.

use std::collections::VecDeque;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, Severity, Time};
use rustc_hash::FxHashMap;

use super::Arrival;
use super::conflict::{Contents, print};

const REMEMBERED: usize = 4096;
/// Conflicts are told of a feed of so many messages, of which at most one in so many is one.
const RARE: (u64, u64) = (64, 20);

/// The message that had an identity last.
#[derive(Clone, Copy, Debug)]
struct Seen {
    message: u64,
    content: u64,
    time: Option<Time>,
    line: u8,
}

#[derive(Debug)]
pub(super) struct Identities {
    feed: FeedId,
    seen: FxHashMap<u64, Seen>,
    order: VecDeque<u64>,
    messages: u64,
    conflicts: u64,
}

impl Identities {
    pub(super) fn new(feed: FeedId) -> Identities {
        Identities { feed, seen: FxHashMap::default(), order: VecDeque::new(), messages: 0, conflicts: 0 }
    }

    pub(super) fn observe(
        &mut self,
        message: &Message,
        (identity, time): (u64, Option<Time>),
        contents: &mut Contents,
        out: &mut Vec<Finding>,
    ) -> Arrival {
        let now = Seen { message: message.number, content: print(&message.payload), time, line: message.line };
        self.messages += 1;
        contents.count();
        if let Some(&before) = self.seen.get(&identity) {
            return self.again(message, identity, (before, now), contents, out);
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
        self.seen.insert(identity, now);
        Arrival::Fresh
    }

    #[cold]
    fn again(
        &mut self,
        message: &Message,
        identity: u64,
        (before, now): (Seen, Seen),
        contents: &mut Contents,
        out: &mut Vec<Finding>,
    ) -> Arrival {
        let (Some(new_time), Some(old_time), false) = (now.time, before.time, now.content == before.content) else {
            let text =
                format!("The same message came again: {} repeats {}, counted from 0.", message.number, before.message);
            out.push(self.finding(Check::Duplicate, FindingKind::Repeated, message, text));
            return Arrival::Duplicate;
        };
        if new_time < old_time {
            return Arrival::Late;
        }
        if new_time == old_time && contents.differs(message, before.line, before.message, out) {
            return Arrival::Duplicate;
        }
        self.seen.insert(identity, now);
        if new_time > old_time {
            return Arrival::Fresh;
        }
        self.conflicts += 1;
        if self.messages < RARE.0 || self.conflicts.saturating_mul(RARE.1) > self.messages {
            return Arrival::Fresh;
        }
        let text = format!(
            "The same identity came again with other content: message {} differs from {}.",
            message.number, before.message
        );
        out.push(self.finding(Check::Conflict, FindingKind::SameIdentity, message, text));
        Arrival::Late
    }

    fn finding(&self, check: Check, kind: FindingKind, message: &Message, text: String) -> Finding {
        Finding {
            message: Some(message.number),
            ..Finding::new(check, kind, self.feed, message.received, Severity::Warning, text)
        }
    }
}
