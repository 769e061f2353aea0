//! Messages that could not be read: the first is told at once, further ones together, every 10 s.

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, NANOS_PER_SECOND, Rejected, Severity, Time};

use super::words;

const PAUSE_NANOS: i64 = 10 * NANOS_PER_SECOND;

#[derive(Debug)]
pub(super) struct Rejects {
    feed: FeedId,
    /// When the next finding may be told; in the past while nothing was rejected.
    quiet_until: Time,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    count: u64,
    first: u64,
    last: u64,
    at: Time,
    why: String,
}

impl Rejects {
    pub(super) fn new(feed: FeedId) -> Rejects {
        Rejects { feed, quiet_until: Time::MIN, held: None }
    }

    pub(super) fn observe(&mut self, message: &Message, why: &Rejected, out: &mut Vec<Finding>) {
        self.elapse(message.received, out);
        let at = message.received;
        if at >= self.quiet_until {
            self.quiet_until = at.plus_nanos(PAUSE_NANOS);
            let text =
                format!("Message {} could not be read: {}. It is kept for inspection.", message.number, short(why));
            out.push(self.finding(message.number, at, text));
            return;
        }
        match &mut self.held {
            Some(held) => {
                held.count += 1;
                held.last = message.number;
                held.at = at;
            }
            None => {
                self.held = Some(Held { count: 1, first: message.number, last: message.number, at, why: short(why) })
            }
        }
    }

    pub(super) fn elapse(&mut self, now: Time, out: &mut Vec<Finding>) {
        if self.held.is_some() && now >= self.quiet_until {
            self.quiet_until = self.quiet_until.plus_nanos(PAUSE_NANOS);
            self.finish(out);
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        let Some(held) = self.held.take() else { return };
        let text = if held.count == 1 {
            format!("Message {} could not be read: {}. It is kept for inspection.", held.first, held.why)
        } else {
            format!(
                "{} could not be read, {} to {}. The first of them: {}.",
                words::messages(held.count),
                held.first,
                held.last,
                held.why
            )
        };
        out.push(self.finding(held.first, held.at, text));
    }

    fn finding(&self, message: u64, at: Time, text: String) -> Finding {
        Finding {
            message: Some(message),
            ..Finding::new(Check::Decode, FindingKind::Rejected, self.feed, at, Severity::Warning, text)
        }
    }
}

const MAX_WHY: usize = 400;

/// A reason may quote the message; the journal needs its beginning only.
fn short(why: &Rejected) -> String {
    let mut text = why.to_string();
    if text.len() > MAX_WHY {
        let end = (0..=MAX_WHY).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text.trim_end_matches('.').to_owned()
}
