//! Which time stands on the axis: the feed's own where its clock can be trusted, else the receive time.

use feedwatch_model::{NANOS_PER_SECOND, Time};

/// Farthest that a trusted clock may be off.
pub(crate) const TRUSTED: i64 = 300 * NANOS_PER_SECOND;
/// So many messages in a row that are farther off end the trust.
const PATIENCE: u32 = 16;

/// Decides, message by message, which time counts. Trust lost in one stretch is not given back: an axis that jumps to
/// and fro would be worse than one that is the console's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Axis {
    far: u32,
    receive: bool,
}

impl Axis {
    /// Takes note of a message's event time.
    pub(crate) fn note(&mut self, event: Time, received: Time) {
        if self.receive {
            return;
        }
        if received.nanos_since(event).saturating_abs() > TRUSTED {
            self.far += 1;
            self.receive = self.far >= PATIENCE;
        } else {
            self.far = 0;
        }
    }

    /// The time for the axis, and whether it is the feed's own.
    pub(crate) fn place(&self, event: Option<Time>, received: Time) -> (Time, bool) {
        match event {
            Some(event) if !self.receive && received.nanos_since(event).saturating_abs() <= TRUSTED => (event, true),
            _ => (received, false),
        }
    }

    /// The same for a time in a message that was held up by an outage: it is old, and no fault of the clock.
    pub(crate) fn place_held_up(&self, sent: Time, received: Time) -> (Time, bool) {
        if self.receive || sent > received { self.place(Some(sent), received) } else { (sent, true) }
    }

    /// When a message was sent that its broker has stamped: by its own word, where that is near to the stamp.
    pub(crate) fn sent(event: Option<Time>, stamp: Time) -> Time {
        event.filter(|event| event.nanos_since(stamp).saturating_abs() <= TRUSTED).unwrap_or(stamp)
    }

    /// Is it the receive time for good?
    pub(crate) fn is_receive_time(&self) -> bool {
        self.receive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_days_off_is_not_used() {
        let mut axis = Axis::default();
        let received = Time::from_millis(1_700_000_000_000);
        let event = Time::from_millis(1_600_000_000_000);
        assert_eq!(axis.place(Some(event), received), (received, false));
        for _ in 0..PATIENCE {
            axis.note(event, received);
        }
        assert!(axis.is_receive_time());
        assert_eq!(axis.place(Some(received), received), (received, false));
    }

    #[test]
    fn one_message_that_is_far_off_does_not_end_the_trust() {
        let mut axis = Axis::default();
        let received = Time::from_millis(1_700_000_000_000);
        for round in 0..100 {
            let event = if round % 10 == 0 { Time::from_millis(0) } else { received };
            axis.note(event, received);
        }
        assert_eq!(axis.place(Some(received), received), (received, true));
    }
}
