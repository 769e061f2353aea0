//! The vocabulary of Feedwatch: what every other crate speaks of, and nothing that does anything.
//!
//! No clock, thread, channel, disk or runtime is used here or may be used here. Time enters as a parameter.
//!
//! ```
//! use feedwatch_model::{Accounts, Time};
//!
//! let at = Time::parse_rfc3339("2026-03-01T12:00:00.25Z").unwrap();
//! assert_eq!(at.to_string(), "2026-03-01T12:00:00.250000000Z");
//!
//! let accounts = Accounts { received: 10, stored: 7, duplicate: 1, in_flight: 2, ..Accounts::default() };
//! assert!(accounts.balance());
//! ```

mod accounts;
mod alarm;
mod bucket;
mod certificate;
mod feed;
mod finding;
mod gap;
mod ledger;
mod message;
mod profile;
mod reading;
mod sample;
mod time;

pub use accounts::Accounts;
pub use alarm::{Alarm, AlarmEvent, AlarmId, AlarmSource, AlarmState, AlarmTransition};
pub use bucket::{Bucket, bucket_start, decimate};
pub use certificate::Certificate;
pub use feed::{FeedId, FeedState, Protocol, SeriesId, SeriesMeta};
pub use finding::{Check, Expectation, Finding, FindingKind, Severity};
pub use gap::{Gap, GapCause};
pub use ledger::{CheckCounts, LedgerBook, LedgerCounts, LedgerSlot, LedgerWidth, Line, MINUTES_HELD, Scorecard};
pub use message::{CSV_HEADER, Cut, Message, MessageMeta, Position};
pub use profile::{
    Checksum, Ignored, KindProfile, MatchValue, Matches, Profile, SequencePaths, SequenceProfile, SequenceRule,
    SeriesKind, SeriesProfile, TimeProfile, TimeUnit, Why,
};
pub use reading::{FieldType, Guard, Point, Reading, Rejected, SequenceMark};
pub use sample::{Quality, Sample, Value};
pub use time::{NANOS_PER_MILLI, NANOS_PER_SECOND, Time, TimeError};
