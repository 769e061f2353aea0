//! What a shell asks of the checks: the messages that show a finding.

use feedwatch_model::{FeedId, Time};
use feedwatch_store::{Outcome, StoredMessage};

use super::Engine;
use super::ask::failure;
use crate::wire::{Failure, MessageRow, MessagesRequest, MessagesView};

/// Messages shown on either side of the one that is looked for.
const AROUND: usize = 20;
/// Bytes of a payload that are shown.
const SHOWN: usize = 16 << 10;

impl Engine {
    /// The messages around a place, as they are kept.
    ///
    /// # Errors
    /// A [`Failure`] if there is no history, or it cannot be read.
    pub fn messages(&self, request: &MessagesRequest) -> Result<MessagesView, Failure> {
        let reader = self.core.history.reader().ok_or_else(|| {
            failure(
                "no_history",
                "No messages are kept, since there is no history.",
                "See the status bar for the reason.",
            )
        })?;
        let number = request.number.filter(|number| *number >= 0.0).map(|number| number as u64);
        let (feed, at) = (FeedId(request.feed), time(request.at_ms));
        let unreadable = |error: feedwatch_store::StoreError| failure("no_history", error.to_string(), "");
        let (found, focus) = reader.messages_around(feed, at, number, AROUND).map_err(unreadable)?;
        let note = match (found.is_empty(), number.is_some() && focus.is_none()) {
            (true, _) => "No message of this feed is kept from that time. Raw messages are kept for a while only.",
            (false, true) => "The message itself is no longer kept. These came nearest to it.",
            (false, false) => "",
        };
        Ok(MessagesView {
            messages: found.into_iter().map(row).collect(),
            focus: focus.and_then(|focus| u32::try_from(focus).ok()),
            note: note.to_owned(),
        })
    }
}

/// A time of the page.
fn time(ms: f64) -> Time {
    Time::from_nanos(if ms.is_finite() { (ms * 1e6) as i64 } else { 0 })
}

fn row(message: StoredMessage) -> MessageRow {
    let (outcome, reason) = match &message.outcome {
        Outcome::Read => ("read", None),
        Outcome::Late => ("late", None),
        Outcome::Duplicate => ("duplicate", None),
        Outcome::Rejected { offset, reason } => ("rejected", Some(format!("byte {offset}: {reason}"))),
    };
    let shown = message.payload.get(..SHOWN).unwrap_or(&message.payload);
    MessageRow {
        number: message.number as f64,
        at_ms: message.received.millis_f64(),
        topic: message.topic.as_deref().map(str::to_owned),
        outcome: outcome.to_owned(),
        reason,
        text: String::from_utf8_lossy(shown).into_owned(),
        bytes: message.payload.len() as f64,
        cut: shown.len() < message.payload.len(),
    }
}
