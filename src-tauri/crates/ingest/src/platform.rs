//! What differs between operating systems, in one place of this crate. Only Linux has been run.

use std::time::Duration;

/// How long this computer has slept since it was started; zero where the system does not tell.
pub(crate) fn slept() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::time::{ClockId, clock_gettime};
        let of = |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default();
        // With sleep and without it; in this order what passes between the two never counts as sleep.
        let since_start = of(ClockId::Boottime);
        since_start.saturating_sub(of(ClockId::Monotonic))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        Duration::ZERO
    }
}
