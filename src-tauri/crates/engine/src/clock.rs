//! The one clock of the program. Everything else gets the time as a parameter.

use std::time::{SystemTime, UNIX_EPOCH};

use feedwatch_model::Time;

/// The wall clock, UTC. A clock before 1970 reads as the epoch.
#[allow(clippy::disallowed_methods)] // This is the one place.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
