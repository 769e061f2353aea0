//! How long to wait before the next try: exponential back-off with full jitter.
//!
//! After failure *n* (from 0) the wait is drawn evenly from 0 to min(cap, base · 2ⁿ), "full jitter" of
//! <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>: clients that lost one server together do
//! not come back together. A floor keeps a server that accepts and closes at once from being hammered.

use std::time::Duration;

/// The rhythm of trying again.
///
/// ```
/// use std::time::Duration;
/// let backoff = feedwatch_ingest::Backoff::default();
/// assert_eq!(backoff.delay(0, 1.0), Duration::from_millis(250));
/// assert_eq!(backoff.delay(3, 0.5), Duration::from_secs(1));
/// assert_eq!(backoff.delay(60, 1.0), Duration::from_secs(30));
/// assert_eq!(backoff.delay(60, 0.0), Duration::from_millis(50));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure. A server may set it together with the floor (SSE `retry`).
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
    /// The shortest wait of all.
    pub floor: Duration,
    /// A connection that lasted so long makes the next failure the first one again.
    pub healthy: Duration,
    /// About the wait when a person must act first: three quarters to five quarters of it.
    pub refused: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            base: Duration::from_millis(250),
            cap: Duration::from_secs(30),
            floor: Duration::from_millis(50),
            healthy: Duration::from_secs(10),
            refused: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// The wait after failure number `failure` (from 0), with `draw` from 0 to 1.
    pub fn delay(&self, failure: u32, draw: f64) -> Duration {
        let ceiling =
            1u32.checked_shl(failure).map_or(self.cap, |factor| self.base.saturating_mul(factor)).min(self.cap);
        ceiling.mul_f64(draw.clamp(0.0, 1.0)).max(self.floor)
    }

    /// The wait when a person must act first, with `draw` from 0 to 1.
    pub fn delay_refused(&self, draw: f64) -> Duration {
        self.refused.mul_f64(0.75 + draw.clamp(0.0, 1.0) / 2.0).max(self.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_lies_between_floor_and_cap(failure: u32, draw in 0.0..1.0f64) {
            let backoff = Backoff::default();
            let delay = backoff.delay(failure, draw);
            prop_assert!(backoff.floor <= delay && delay <= backoff.cap);
        }

        #[test]
        fn waits_grow_till_the_cap(failure in 0u32..100) {
            let backoff = Backoff::default();
            prop_assert!(backoff.delay(failure, 1.0) <= backoff.delay(failure + 1, 1.0));
        }

        #[test]
        fn a_refused_feed_is_tried_about_once_a_minute(draw in 0.0..1.0f64) {
            let delay = Backoff::default().delay_refused(draw);
            prop_assert!(Duration::from_secs(45) <= delay && delay <= Duration::from_secs(75));
        }
    }
}
