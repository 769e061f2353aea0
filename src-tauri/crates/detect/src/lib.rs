//! Integrity checks and anomaly detection, incremental. Pure.
//!
//! [`Integrity`] watches the messages of a feed, [`Watch`] one series. No clock, thread or disk: time is a parameter,
//! and the same input gives the same findings whatever the batching.

mod anomaly;
mod integrity;

pub use anomaly::{ALARM_BAR, Detector, Episode, Explanation, Group, GroupVerdict, Onset, Verdict, Watch, explain};
pub use integrity::{Arrival, CERTIFICATE, Certificates, FeedRhythm, Integrity, Scopes};
