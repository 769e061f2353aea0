//! How many of a session's messages are kept.

use std::collections::VecDeque;

use tokio::sync::watch;

use crate::{Inbox, Kept};

/// What one session gave, and up to where it is kept.
///
/// Several sessions can fill one inbox, and a copy of what another brought first gets no number of its own, so what is
/// remembered is the number of messages given so far and the number below which all must be kept for them.
pub(super) struct Ledger {
    kept: watch::Receiver<Kept>,
    /// Messages given so far, and the number below which all are to be kept; both grow.
    given: VecDeque<(u64, u64)>,
    count: u64,
    /// How often messages had been refused, and taken again, when the session began.
    before: Kept,
}

impl Ledger {
    pub(super) fn new(inbox: &Inbox) -> Ledger {
        let mut kept = inbox.kept();
        let before = *kept.borrow_and_update();
        Ledger { kept, given: VecDeque::new(), count: 0, before }
    }

    /// So many messages more were put into the inbox, whose next number is `next`.
    pub(super) fn gave(&mut self, messages: u64, next: u64) {
        if messages == 0 {
            return;
        }
        self.count += messages;
        match self.given.back_mut() {
            Some((count, below)) if *below == next => *count = self.count,
            _ => self.given.push_back((self.count, next)),
        }
    }

    /// Is all that was given kept?
    pub(super) fn is_settled(&self) -> bool {
        self.given.is_empty()
    }

    /// Waits until more of them are kept, and tells how many; `None` once those that were refused can be had again.
    pub(super) async fn next(&mut self) -> Option<u64> {
        loop {
            let now = *self.kept.borrow_and_update();
            if now.recovered > self.before.recovered {
                return None;
            }
            // After a refusal the numbers have a hole: nothing behind it is acknowledged.
            if now.refused == self.before.refused
                && let Some(count) = self.up_to(now.below)
            {
                return Some(count);
            }
            // The sender lives as long as the inbox, which the loop holds.
            if self.kept.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn up_to(&mut self, below: u64) -> Option<u64> {
        let kept = self.given.iter().take_while(|(_, needs)| *needs <= below).count();
        self.given.drain(..kept).next_back().map(|(count, _)| count)
    }
}
