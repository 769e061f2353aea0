//! Payload formats beside JSON.
//!
//! Two families. What is a tree of values (CSV, MessagePack, CBOR, NMEA) is written as JSON into a buffer and read by the same
//! scanner; its paths are learned. What names its series itself (plain values, Prometheus, InfluxDB, Sparkplug) is read
//! straight into points ([`declared`]). Either may come compressed ([`wrap`]).
//!
//! A feed of JSON pays for none of this: its messages are scanned first, and only one that is no JSON comes here.

mod bytes;
mod cbor;
mod csv;
pub(crate) mod declared;
mod detect;
mod influx;
mod json;
mod msgpack;
mod nested;
mod nmea;
pub(crate) mod payloads;
mod prometheus;
mod sparkplug;
pub(crate) mod states;
mod wrap;

/// Whether a payload is compressed, or signed as a whole.
pub(crate) fn is_wrapped(payload: &[u8]) -> bool {
    wrap::Wrap::of(payload).is_some()
}

/// How payloads are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// RFC 4180: one record a message, or several.
    Csv,
    /// A number, with its unit or without, or a word.
    Text,
    /// Prometheus' text format 0.0.4 and OpenMetrics.
    Prometheus,
    /// InfluxDB's line protocol.
    Influx,
    /// MessagePack.
    MessagePack,
    /// RFC 8949.
    Cbor,
    /// Eclipse Sparkplug B.
    Sparkplug,
    /// NMEA 0183 and AIS.
    Nmea,
}

impl Format {
    /// Every one of them.
    pub const ALL: [Format; 9] = [
        Format::Json,
        Format::Csv,
        Format::Text,
        Format::Prometheus,
        Format::Influx,
        Format::MessagePack,
        Format::Cbor,
        Format::Sparkplug,
        Format::Nmea,
    ];

    /// The word in configuration and profile.
    pub const fn word(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Text => "text",
            Format::Prometheus => "prometheus",
            Format::Influx => "influx",
            Format::MessagePack => "msgpack",
            Format::Cbor => "cbor",
            Format::Sparkplug => "sparkplug",
            Format::Nmea => "nmea",
        }
    }

    /// Back from the word.
    pub fn from_word(word: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.word() == word)
    }
}
