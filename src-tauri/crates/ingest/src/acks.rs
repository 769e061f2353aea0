//! Up to where a feed's messages are safely kept: told by the pipeline, waited for by the session that acknowledges.

use tokio::sync::watch;

/// What is known of the messages of one inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// All messages with smaller numbers are kept, or were decided on where no history is.
    pub below: u64,
    /// How often the history has refused messages: those that are not acknowledged by then are lost here, and the broker
    /// must send them again.
    pub refused: u64,
    /// How often the history has taken messages again after that.
    pub recovered: u64,
}

/// The two ends of that knowledge.
#[derive(Debug)]
pub(crate) struct Acks(watch::Sender<Kept>);

impl Default for Acks {
    fn default() -> Acks {
        Acks(watch::Sender::new(Kept::default()))
    }
}

impl Acks {
    pub(crate) fn below(&self, number: u64) {
        self.0.send_if_modified(|kept| {
            let more = number > kept.below;
            kept.below = kept.below.max(number);
            more
        });
    }

    pub(crate) fn refused(&self) {
        self.0.send_modify(|kept| kept.refused += 1);
    }

    pub(crate) fn recovered(&self) {
        self.0.send_if_modified(|kept| {
            let more = kept.recovered < kept.refused;
            kept.recovered = kept.refused;
            more
        });
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Kept> {
        self.0.subscribe()
    }
}
