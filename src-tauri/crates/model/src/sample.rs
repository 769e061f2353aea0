//! One value of one series at one time.

use serde::{Deserialize, Serialize};

use crate::{SeriesId, Time};

/// A value as the feed sent it. Integers beyond 2^53 stay exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits `i64`.
    I64(i64),
    /// An integer above `i64::MAX`.
    U64(u64),
    /// Everything else, NaN and infinities among it.
    F64(f64),
}

impl Value {
    /// The value as charts and detectors see it; booleans are 0 and 1, integers beyond 2^53 are rounded.
    pub fn as_f64(self) -> f64 {
        match self {
            Value::Bool(yes) => f64::from(u8::from(yes)),
            Value::I64(integer) => integer as f64,
            Value::U64(integer) => integer as f64,
            Value::F64(float) => float,
        }
    }
}

/// How far a sample can be trusted (OPC UA's three classes), and whether it came when it was due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Quality {
    /// As the feed sent it, in order and in time.
    #[default]
    Good = 0,
    /// It came late or out of order, or its time is the receive time for want of a better one.
    Uncertain = 1,
    /// It is not a number, or the check of its message failed.
    Bad = 2,
    /// As the feed sent it, and held up by an outage: it came behind that, and its time is that of its sending.
    Backfilled = 3,
}

impl Quality {
    /// The word in CSV and window.
    pub const fn word(self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::Uncertain => "uncertain",
            Quality::Bad => "bad",
            Quality::Backfilled => "backfilled",
        }
    }

    /// Back from the number it is stored as; what is unknown is [`Quality::Bad`].
    pub const fn from_code(code: u8) -> Quality {
        match code {
            0 => Quality::Good,
            1 => Quality::Uncertain,
            3 => Quality::Backfilled,
            _ => Quality::Bad,
        }
    }
}

/// One value of one series. `at` is the time charts use (the feed's own where its clock can be trusted), `received`
/// is when the message came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The series, numbered by the engine.
    pub series: SeriesId,
    /// Event time where the source's clock can be trusted, else receive time.
    pub at: Time,
    /// Receive time.
    pub received: Time,
    /// What was sent.
    pub value: Value,
    /// How far it can be trusted.
    pub quality: Quality,
}
