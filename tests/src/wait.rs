//! Waiting for a condition, with a deadline that only a failure meets.

use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that should happen at once, on a busy machine.
pub const LONG: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(10);

/// Waits until `look` gives something.
///
/// # Panics
/// After `at_most`, saying `what` did not happen.
#[track_caller]
pub fn wait_for<T>(what: &str, at_most: Duration, look: impl FnMut() -> Option<T>) -> T {
    wait_for_or(at_most, || format!("after {at_most:?} still not: {what}"), look)
}

/// The same, with the words of the failure made when it is one.
///
/// # Panics
/// After `at_most`.
#[track_caller]
pub fn wait_for_or<T>(at_most: Duration, failure: impl Fn() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < at_most, "{}", failure());
        // Returns early for no reason now and then, which does no harm.
        thread::park_timeout(LOOK);
    }
}

/// Waits until `condition` holds.
///
/// # Panics
/// After `at_most`, saying `what` did not happen.
#[track_caller]
pub fn wait_until(what: &str, at_most: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, at_most, || condition().then_some(()));
}
