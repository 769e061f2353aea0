//! Notices that the computer slept: its connections are most likely dead, and their own time-outs have stood still with it.
//!
//! The system counts the time since it was started with and without sleep; what sleep took is the difference. Where the
//! system does not tell (other than Linux), a sleep is found by keep-alives only, later.

use std::time::Duration;

use tokio::time::{Instant, interval_at};

use crate::platform;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(2);
/// Shorter sleeps leave connections alive.
const SHORTEST: Duration = Duration::from_secs(5);

/// Watches for sleep during one session.
pub(super) struct Sleep {
    before: Duration,
    looks: tokio::time::Interval,
    slept: fn() -> Duration,
}

impl Sleep {
    pub(super) fn new() -> Sleep {
        Sleep::told_by(platform::slept)
    }

    fn told_by(slept: fn() -> Duration) -> Sleep {
        Sleep { before: slept(), looks: interval_at(Instant::now() + LOOK, LOOK), slept }
    }

    /// Waits until the computer has slept, and tells for how long. Dropping the future loses nothing.
    pub(super) async fn over(&mut self) -> Duration {
        loop {
            self.looks.tick().await;
            let length = (self.slept)().saturating_sub(self.before);
            if length >= SHORTEST {
                self.before += length;
                return length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static SLEPT: AtomicU64 = AtomicU64::new(100);

    #[tokio::test(start_paused = true)]
    async fn a_sleep_is_noticed_once_and_a_nap_is_not() {
        let mut sleep = Sleep::told_by(|| Duration::from_secs(SLEPT.load(Ordering::SeqCst)));
        let within = Duration::from_secs(60);
        assert!(tokio::time::timeout(within, sleep.over()).await.is_err(), "it is awake");
        SLEPT.fetch_add(4, Ordering::SeqCst);
        assert!(tokio::time::timeout(within, sleep.over()).await.is_err(), "a nap");
        SLEPT.fetch_add(3600, Ordering::SeqCst);
        assert_eq!(tokio::time::timeout(within, sleep.over()).await, Ok(Duration::from_secs(3604)));
        assert!(tokio::time::timeout(within, sleep.over()).await.is_err(), "it is told once");
    }
}
