//! What a check or a detector found. A finding marks chart and journal; only some raise an alarm.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{FeedId, SeriesId, Time};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nobody need act.
    Info,
    /// Look here.
    Warning,
    /// Act now.
    Critical,
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$item])* $variant),+ }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word in JSON, configuration and history.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// Back from [`Self::word`].
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                $name::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("unknown {word}")))
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Which check it was; the table of the terminal shell's documentation.
    Check {
        /// Numbers the feed gives its messages.
        Sequence = "sequence",
        /// The same message again.
        Duplicate = "duplicate",
        /// The same identity with other content.
        Conflict = "conflict",
        /// Messages in another order than they were sent.
        Order = "order",
        /// Messages later than the feed's usual.
        Lateness = "lateness",
        /// No message for longer than usual.
        Silence = "silence",
        /// Fewer or more messages than usual.
        Rate = "rate",
        /// The source's clock, and ours.
        Clock = "clock",
        /// Which fields messages have, and what stands there.
        Schema = "schema",
        /// Values that cannot be.
        Range = "range",
        /// A message that could not be read.
        Decode = "decode",
        /// What guards a message against damage.
        Checksum = "checksum",
        /// What proves who wrote a message.
        Signature = "signature",
        /// Whether redundant lines bring the same.
        Agreement = "agreement",
        /// The connection itself.
        Connection = "connection",
        /// Who is at the other end, and how safe the way there is.
        Security = "security",
        /// A series behaves unlike before.
        Anomaly = "anomaly",
    }
}

words! {
    /// What was found.
    FindingKind {
        /// Numbers are missing.
        Gap = "gap",
        /// Missing numbers came after all.
        Healed = "healed",
        /// The same identity again.
        Repeated = "repeated",
        /// The same identity, but not the same content.
        SameIdentity = "same-identity",
        /// Later than usual.
        Late = "late",
        /// Far fewer messages than usual.
        Low = "low",
        /// Far more messages than usual.
        Burst = "burst",
        /// The clock runs fast or slow.
        Skew = "skew",
        /// The clock jumped.
        Step = "step",
        /// The clock stands.
        Stopped = "stopped",
        /// A field that was not there before.
        Appeared = "appeared",
        /// A field that is no longer there.
        Lost = "lost",
        /// Another type than before.
        Retyped = "retyped",
        /// The same by another measure: orders of magnitude away.
        Rescaled = "rescaled",
        /// Outside of what is plausible.
        Outside = "outside",
        /// It changes faster than is plausible.
        TooFast = "too-fast",
        /// Not what was computed.
        Mismatch = "mismatch",
        /// Redundant lines bring different things.
        LinesDiffer = "lines-differ",
        /// Somebody publishes who did not before.
        NewPublisher = "new-publisher",
        /// Many were turned away.
        AuthBurst = "auth-burst",
        /// A message that belongs before one that already came.
        OutOfOrder = "out-of-order",
        /// Nothing came for longer than usual.
        Silent = "silent",
        /// It goes on after a silence or an outage.
        Resumed = "resumed",
        /// Unreadable.
        Rejected = "rejected",
        /// The connection was lost.
        Closed = "closed",
        /// No connection was to be had.
        Refused = "refused",
        /// A server's certificate will expire, or is another than before.
        Certificate = "certificate",
        /// The feed goes on over another endpoint.
        FailedOver = "failed-over",
        /// A short excursion upward.
        Spike = "spike",
        /// A short excursion downward.
        Dip = "dip",
        /// It moved to another level and stays there.
        LevelShift = "level_shift",
        /// Noisier than before.
        VarianceUp = "variance_up",
        /// It stays flat.
        Stall = "stall",
        /// Not settled which of these: only that it is unusual.
        NewExtreme = "new_extreme",
    }
}

/// What a detector expected where it found something else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// What came.
    pub value: f64,
    /// The lower end of the expected band.
    pub low: f64,
    /// The upper end of the expected band.
    pub high: f64,
    /// How unusual: -log10 of the chance of a row at least as unusual.
    pub surprise: f64,
    /// Severity of the episode: 1 is the bar of a finding.
    pub score: f64,
}

/// Something that is not as it should be, with its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// What it found.
    pub kind: FindingKind,
    /// The feed.
    pub feed: FeedId,
    /// The series, where it is about one.
    pub series: Option<SeriesId>,
    /// The scope of the sequence rule: (path, text), empty for the whole connection.
    pub per: Vec<(Arc<str>, Arc<str>)>,
    /// When: receive time of the message that shows it; for series the sample's time on the axis of the charts.
    pub at: Time,
    /// The number of the message that shows it.
    pub message: Option<u64>,
    /// First number of the range it is about.
    pub from: Option<u64>,
    /// Last number of the range it is about.
    pub to: Option<u64>,
    /// How many numbers are missing.
    pub missing: Option<u64>,
    /// How much it matters.
    pub severity: Severity,
    /// The condition it tells of, where that lasts until a finding of the same name tells, as information, that it is over.
    /// Known while the program runs; the history does not keep it.
    pub lasting: Option<Arc<str>>,
    /// What was expected, for anomalies.
    pub expectation: Option<Expectation>,
    /// The reason, in a sentence an operator would say.
    pub text: String,
}

impl Finding {
    /// A finding with nothing but its head; the rest is filled in by struct update.
    pub fn new(check: Check, kind: FindingKind, feed: FeedId, at: Time, severity: Severity, text: String) -> Finding {
        Finding {
            check,
            kind,
            feed,
            series: None,
            per: Vec::new(),
            at,
            message: None,
            from: None,
            to: None,
            missing: None,
            severity,
            lasting: None,
            expectation: None,
            text,
        }
    }
}
