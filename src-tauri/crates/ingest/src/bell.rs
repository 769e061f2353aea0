//! The doorbell of the thread that drains inboxes: rung by them, waited for with a deadline.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// After a pass the bell is not listened to for this long: what comes meanwhile is taken in one go. At low rates the
/// cost is wake-ups, and a finding may take 10 ms.
const REST: Duration = Duration::from_millis(4);

/// Wakes one waiting thread.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<bool>,
    wake: Condvar,
}

impl Bell {
    /// Rings.
    pub fn ring(&self) {
        let mut rung = self.lock();
        if !*rung {
            *rung = true;
            self.wake.notify_one();
        }
    }

    /// Waits until it has rung and the rest since `last`, 4 ms, is over, at most until `deadline`.
    pub fn wait(&self, last: Instant, deadline: Instant) {
        let rested = last + REST;
        let mut rung = self.lock();
        while !*rung {
            let now = Instant::now();
            if now >= deadline {
                return;
            }
            rung = self.wait_for(rung, deadline - now);
        }
        // Rung: what remains of the rest is sat out, whether it rings again or not.
        loop {
            let left = rested.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            rung = self.wait_for(rung, left);
        }
        *rung = false;
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for<'a>(&self, rung: MutexGuard<'a, bool>, left: Duration) -> MutexGuard<'a, bool> {
        self.wake.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_ring_before_the_wait_is_not_lost() {
        let bell = Bell::default();
        bell.ring();
        let now = Instant::now();
        // Without the ring this would wait for an hour, and the test runner would end it.
        bell.wait(now - REST, now + Duration::from_secs(3600));
    }

    #[test]
    fn a_ring_from_another_thread_wakes() {
        let bell = Arc::new(Bell::default());
        let far = Arc::clone(&bell);
        let ringer = std::thread::spawn(move || far.ring());
        let now = Instant::now();
        bell.wait(now, now + Duration::from_secs(3600));
        ringer.join().unwrap();
    }

    #[test]
    fn silence_ends_at_the_deadline() {
        let bell = Bell::default();
        let now = Instant::now();
        bell.wait(now, now + Duration::from_millis(5));
        assert!(Instant::now() >= now + Duration::from_millis(5));
    }
}
