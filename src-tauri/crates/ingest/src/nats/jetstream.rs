//! What JetStream is asked and what it answers: JSON over requests
//! (<https://docs.nats.io/reference/reference-protocols/nats_api_reference>), and what stands in the subject of an
//! acknowledgement.

use feedwatch_model::Time;
use serde::{Deserialize, Serialize};

use super::protocol::number;

/// What is wrong, by the codes of
/// <https://github.com/nats-io/nats-server/blob/main/server/errors.json>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct ApiError {
    pub(super) code: u16,
    pub(super) err_code: u32,
    pub(super) description: String,
}

pub(super) mod code {
    pub(in super::super) const CONSUMER_NOT_FOUND: u32 = 10_014;
    pub(in super::super) const STREAM_NOT_FOUND: u32 = 10_059;
    pub(in super::super) const NOT_ENABLED: u32 = 10_076;
    pub(in super::super) const NOT_ENABLED_FOR_ACCOUNT: u32 = 10_039;
}

/// An answer as it was wanted, or what is wrong. `None`: it is neither.
pub(super) fn answer<T: for<'a> Deserialize<'a>>(json: &[u8]) -> Option<Result<T, ApiError>> {
    #[derive(Deserialize)]
    struct Wrong {
        error: Option<ApiError>,
    }
    let wrong: Wrong = serde_json::from_slice(json).ok()?;
    match wrong.error {
        Some(error) => Some(Err(error)),
        None => serde_json::from_slice(json).ok().map(Ok),
    }
}

/// What a stream keeps messages for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Retention {
    /// For its limits: messages stay when they were read.
    #[default]
    Limits,
    /// Until all consumers have acknowledged them.
    Interest,
    /// Until one has.
    WorkQueue,
    /// As nobody knows yet.
    #[serde(other)]
    Other,
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct StreamInfo {
    pub(super) config: StreamConfig,
    /// When it was made: tells it from another one of its name.
    pub(super) created: String,
    pub(super) state: StreamState,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct StreamConfig {
    pub(super) subjects: Vec<String>,
    pub(super) retention: Retention,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct StreamState {
    /// The sequence of the oldest message that is kept; one more than the last if there is none.
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
}

/// A consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct ConsumerInfo {
    pub(super) name: String,
    pub(super) config: ConsumerConfig,
    pub(super) delivered: Reached,
    pub(super) ack_floor: Reached,
    /// Messages that were handed out and not acknowledged.
    pub(super) num_ack_pending: u64,
    /// Requests that wait for messages: of whoever reads it.
    pub(super) num_waiting: u64,
}

/// How far a consumer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Reached {
    pub(super) stream_seq: u64,
}

/// How a consumer is made. Times are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ConsumerConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) durable_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) description: String,
    /// Only of consumers that send by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deliver_subject: Option<String>,
    pub(super) deliver_policy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opt_start_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) opt_start_time: Option<String>,
    pub(super) ack_policy: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) ack_wait: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_ack_pending: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter_subject: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) filter_subjects: Vec<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) inactive_threshold: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) mem_storage: bool,
    pub(super) replay_policy: String,
    /// What one request may ask for at most; 0: anything.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_batch: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_expires: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_bytes: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands it over so.
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl ConsumerConfig {
    /// Which subjects it takes; none: all of the stream.
    pub(super) fn filters(&self) -> Vec<&str> {
        let one = self.filter_subject.as_deref().filter(|subject| !subject.is_empty());
        one.into_iter().chain(self.filter_subjects.iter().map(String::as_str)).collect()
    }

    pub(super) fn filter(&mut self, subjects: &[String]) {
        match subjects {
            [] => {}
            [one] => self.filter_subject = Some(one.clone()),
            several => self.filter_subjects = several.to_vec(),
        }
    }
}

/// What is wanted of a consumer.
#[derive(Debug, Serialize)]
pub(super) struct MakeConsumer<'a> {
    pub(super) stream_name: &'a str,
    pub(super) config: &'a ConsumerConfig,
}

/// A request for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Pull {
    pub(super) batch: u64,
    /// Bytes of all of them together.
    pub(super) max_bytes: u64,
    /// Nanoseconds.
    pub(super) expires: u64,
    pub(super) idle_heartbeat: u64,
}

/// What stands in the subject to which the acknowledgement goes:
/// `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.CONSUMER_SEQUENCE.TIME.PENDING`, with domain and account behind `$JS.ACK` and a
/// token at the end since the form of 2.2 that some servers use
/// (<https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-15.md>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// How often it was handed out, this time included.
    pub(super) delivered: u64,
    pub(super) sequence: u64,
    /// When the stream took it in.
    pub(super) stamp: Time,
}

impl Place {
    #[inline]
    pub(super) fn of(reply: &[u8]) -> Option<Place> {
        let tokens = reply.strip_prefix(b"$JS.ACK.")?;
        let count = memchr::memchr_iter(b'.', tokens).count() + 1;
        let mut tokens = tokens.split(|byte| *byte == b'.').skip(if count < 9 { 2 } else { 4 });
        let mut next = || number(tokens.next()?);
        let (delivered, sequence, _, nanos) = (next()?, next()?, next()?, next()?);
        Some(Place { delivered, sequence, stamp: Time::from_nanos(i64::try_from(nanos).ok()?) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_an_acknowledgement_tell_where_a_message_stands() {
        let place = Some(Place { delivered: 2, sequence: 7, stamp: Time::from_nanos(1_796_082_272_897_650_693) });
        assert_eq!(Place::of(b"$JS.ACK.S.d.2.7.11.1796082272897650693.10"), place);
        assert_eq!(Place::of(b"$JS.ACK.hub.acchash.S.d.2.7.11.1796082272897650693.10"), place);
        assert_eq!(Place::of(b"$JS.ACK._.acchash.S.d.2.7.11.1796082272897650693.10.token"), place);
        for wrong in
            ["", "_INBOX.x", "$JS.ACK.", "$JS.ACK.S.d.2.7.11", "$JS.ACK.S.d.x.7.11.1.1", "$JS.ACK.S.d.2.-7.1.1.1"]
        {
            assert_eq!(Place::of(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_what_was_asked_for_or_what_is_wrong() {
        let info: Result<StreamInfo, _> = answer(
            br#"{"type":"x","config":{"retention":"workqueue","subjects":["a.>"]},"created":"c","state":{"first_seq":3,"last_seq":9}}"#,
        )
        .unwrap();
        let info = info.unwrap();
        assert_eq!((info.config.retention, info.state.first_seq, info.state.last_seq), (Retention::WorkQueue, 3, 9));
        let wrong: Result<StreamInfo, _> =
            answer(br#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#).unwrap();
        assert_eq!(wrong.unwrap_err().err_code, code::STREAM_NOT_FOUND);
        assert_eq!(answer::<StreamInfo>(b"no JSON"), None);
    }

    #[test]
    fn filters_are_written_as_servers_of_any_age_read_them() {
        let filtered = |subjects: &[&str]| {
            let mut config = ConsumerConfig::default();
            config.filter(&subjects.iter().map(|subject| (*subject).to_owned()).collect::<Vec<_>>());
            config
        };
        assert_eq!(filtered(&["a"]).filter_subject.as_deref(), Some("a"));
        assert_eq!(filtered(&["a", "b"]).filter_subjects, ["a", "b"]);
        for subjects in [&[][..], &["a"], &["a", "b"]] {
            assert_eq!(filtered(subjects).filters(), subjects);
        }
    }

    proptest! {
        #[test]
        fn no_reply_makes_it_panic(reply in "\\$JS\\.ACK\\.[a-z0-9.]{0,60}") {
            let _ = Place::of(reply.as_bytes());
        }
    }
}
