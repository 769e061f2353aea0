//! How many messages to ask for, and what the answers mean. Pure.
//!
//! A request is open until its messages came, its time is over, or the server says that it will not be answered further.

use super::headers::Status;
use super::jetstream::{ConsumerConfig, Pull};

/// A request waits so long.
const EXPIRES: u64 = 30_000_000_000;
/// The server says so often that a request still waits.
pub(super) const HEARTBEAT: u64 = 5_000_000_000;
/// Bytes that are asked for at once, unless a message may be larger.
const BYTES: u64 = 16 << 20;
/// Beside its payload: subject and headers.
const BESIDE: u64 = 1 << 20;
/// Requests in a row that brought nothing because their bytes did not suffice: the next message is too large.
const FRUITLESS: u32 = 3;

/// The requests of a session.
#[derive(Debug)]
pub(super) struct Pulls {
    pull: Pull,
    /// Messages that were asked for and did not come yet.
    open: u64,
    fruitless: u32,
}

/// What a status of the server means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It goes on.
    GoesOn,
    /// The next message is larger than allowed.
    TooLarge,
    /// The session is over: why.
    Over(String),
}

impl Pulls {
    /// `consumer`: what it allows; `most`: messages that may be open at once.
    pub(super) fn new(consumer: &ConsumerConfig, most: u64, largest_message: usize) -> Pulls {
        let largest = u64::try_from(largest_message).unwrap_or(u64::MAX).saturating_add(BESIDE);
        let allowed = |wanted: u64, at_most: i64| match u64::try_from(at_most) {
            Ok(at_most @ 1..) => wanted.min(at_most),
            _ => wanted,
        };
        let expires = allowed(EXPIRES, consumer.max_expires);
        let pull = Pull {
            batch: allowed(most.max(1), consumer.max_batch),
            max_bytes: allowed(BYTES.max(largest), consumer.max_bytes),
            expires,
            // At most half of it, or the server refuses.
            idle_heartbeat: HEARTBEAT.min(expires / 2),
        };
        Pulls { pull, open: 0, fruitless: 0 }
    }

    /// What to ask for now; asked again when half of it came.
    pub(super) fn next(&mut self) -> Option<Pull> {
        if self.open > self.pull.batch / 2 {
            return None;
        }
        let batch = self.pull.batch - self.open;
        self.open += batch;
        Some(Pull { batch, ..self.pull })
    }

    /// One message alone, unless something is open.
    pub(super) fn one(&mut self) -> Option<Pull> {
        if self.open > 0 {
            return None;
        }
        self.open = 1;
        Some(Pull { batch: 1, ..self.pull })
    }

    /// A message came.
    pub(super) fn came(&mut self) {
        self.open = self.open.saturating_sub(1);
        self.fruitless = 0;
    }

    pub(super) fn said(&mut self, status: &Status) -> Meaning {
        let Status { code, text, pending } = status;
        let is = |part: &str| text.to_ascii_lowercase().contains(part);
        match code {
            // A sign of life; and all came that was asked for, which is told of requests with a bound of bytes.
            100 => return Meaning::GoesOn,
            409 if is("batch completed") => return Meaning::GoesOn,
            // Its time is over, or nothing is there.
            404 | 408 => {}
            409 if is("exceeds maxbytes") => {
                self.fruitless += 1;
                if self.fruitless >= FRUITLESS {
                    return Meaning::TooLarge;
                }
            }
            409 if is("exceeded maxwaiting") => {}
            409 if is("consumer deleted") => return over("The consumer was deleted at the server. It is made anew."),
            409 if is("leadership") || is("server shutdown") => {
                return over("Another server of the cluster takes the consumer over.");
            }
            503 => return over("Nobody answers for the stream any more: it was deleted, or JetStream has ended."),
            _ => return Meaning::Over(format!("The server gives no more messages: {code} {text}.")),
        }
        self.open = pending.map_or(0, |pending| self.open.saturating_sub(pending));
        Meaning::GoesOn
    }
}

fn over(sentence: &str) -> Meaning {
    Meaning::Over(sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulls(most: u64) -> Pulls {
        Pulls::new(&ConsumerConfig::default(), most, 1 << 20)
    }

    fn status(code: u16, text: &str, pending: Option<u64>) -> Status {
        Status { code, text: text.to_owned(), pending }
    }

    fn next(pulls: &mut Pulls) -> Option<u64> {
        pulls.next().map(|pull| pull.batch)
    }

    #[test]
    fn it_is_asked_again_when_half_came() {
        let mut pulls = pulls(10);
        assert_eq!((next(&mut pulls), next(&mut pulls)), (Some(10), None));
        (0..4).for_each(|_| pulls.came());
        assert_eq!(next(&mut pulls), None);
        pulls.came();
        assert_eq!((next(&mut pulls), next(&mut pulls)), (Some(5), None));
        (0..50).for_each(|_| pulls.came());
        assert_eq!(pulls.one().map(|pull| pull.batch), Some(1));
        assert_eq!(pulls.one(), None);
        assert_eq!(next(&mut pulls), Some(9), "more than was asked for does no harm");
    }

    #[test]
    fn a_request_whose_time_is_over_is_asked_again_for_what_did_not_come() {
        let mut pulls = pulls(10);
        assert_eq!(next(&mut pulls), Some(10));
        (0..5).for_each(|_| pulls.came());
        assert_eq!(next(&mut pulls), Some(5));
        assert_eq!(pulls.said(&status(408, "Request Timeout", Some(5))), Meaning::GoesOn);
        assert_eq!(next(&mut pulls), Some(5));
        // One that does not say how many.
        assert_eq!(pulls.said(&status(408, "Request Timeout", None)), Meaning::GoesOn);
        assert_eq!(next(&mut pulls), Some(10));
        assert_eq!(pulls.said(&status(100, "Idle Heartbeat", None)), Meaning::GoesOn);
        assert_eq!(next(&mut pulls), None, "it still waits");
        (0..5).for_each(|_| pulls.came());
        assert_eq!(pulls.said(&status(409, "Batch Completed", Some(0))), Meaning::GoesOn);
        assert_eq!(next(&mut pulls), Some(5));
    }

    #[test]
    fn a_message_for_which_no_request_suffices_is_too_large() {
        let mut pulls = pulls(10);
        let exceeds = status(409, "Message Size Exceeds MaxBytes", Some(9));
        assert_eq!((pulls.said(&exceeds), pulls.said(&exceeds)), (Meaning::GoesOn, Meaning::GoesOn));
        pulls.came();
        assert_eq!((pulls.said(&exceeds), pulls.said(&exceeds)), (Meaning::GoesOn, Meaning::GoesOn));
        assert_eq!(pulls.said(&exceeds), Meaning::TooLarge);
    }

    #[test]
    fn what_ends_a_consumer_ends_the_session_with_a_sentence() {
        for (code, text, part) in [
            (409, "Consumer Deleted", "was deleted"),
            (409, "Leadership Change", "takes the consumer over"),
            (409, "Server Shutdown", "takes the consumer over"),
            (409, "Consumer is push based", "push based"),
            (503, "", "Nobody answers"),
            (400, "Bad Request", "400 Bad Request"),
        ] {
            let Meaning::Over(said) = pulls(1).said(&status(code, text, None)) else { panic!("{text}") };
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_consumer_that_allows_less_is_asked_for_less() {
        let config =
            ConsumerConfig { max_batch: 3, max_expires: 2_000_000_000, max_bytes: 1_000, ..ConsumerConfig::default() };
        let pull = Pulls::new(&config, 10, 1 << 20).next();
        let expected = Pull { batch: 3, max_bytes: 1_000, expires: 2_000_000_000, idle_heartbeat: 1_000_000_000 };
        assert_eq!(pull, Some(expected));
        let large = Pulls::new(&ConsumerConfig::default(), 1, 1 << 30).next().map(|pull| pull.max_bytes);
        assert_eq!(large, Some((1 << 30) + (1 << 20)));
    }
}
