//! An MQTT message written as a line of JSON, and the time a message tells of itself.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use feedwatch_model::{MessageMeta, Time};
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::Found;
use super::times::exact;

/// `payload_base64` is something else.
pub(super) struct NotBase64;

/// Exactly these members; any other one means that the line is a message of another feed that happens to have a topic
/// and a payload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(default)]
    payload: Option<String>,
    #[serde(default)]
    payload_base64: Option<Value>,
    #[serde(default)]
    timestamp: Option<Value>,
    #[serde(default)]
    tst: Option<Value>,
    #[serde(default)]
    retain: Option<Value>,
    #[serde(default, rename = "qos")]
    _qos: IgnoredAny,
    #[serde(default, rename = "payloadlen")]
    _payloadlen: IgnoredAny,
    #[serde(default, rename = "mid")]
    _mid: IgnoredAny,
}

/// Opens the envelope, if the line is one. Its time is read only if it is wanted.
pub(super) fn open(line: &[u8], timed: bool) -> Result<Option<Found>, NotBase64> {
    // Most lines are no envelopes, and are told without being parsed.
    if memmem::find(line, b"\"payload").is_none() || memmem::find(line, b"\"topic\"").is_none() {
        return Ok(None);
    }
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(line) else { return Ok(None) };
    let Some(payload) = envelope.bytes()? else { return Ok(None) };
    let time = if timed { envelope.timestamp.as_ref().or(envelope.tst.as_ref()).and_then(time) } else { None };
    let retained = match envelope.retain {
        Some(Value::Bool(flag)) => flag,
        Some(Value::Number(flag)) => flag.as_u64() == Some(1),
        _ => false,
    };
    let topic = Some(Arc::from(envelope.topic));
    let meta = Some(Box::new(MessageMeta { topic, retained, ..MessageMeta::default() }));
    Ok(Some(Found { payload, meta, time }))
}

impl Envelope<'_> {
    /// `payload_base64` holds the payload, or says that `payload` is base64.
    fn bytes(&self) -> Result<Option<Bytes>, NotBase64> {
        let coded = match (&self.payload_base64, &self.payload) {
            (Some(Value::String(coded)), _) => coded,
            (Some(Value::Bool(true)), Some(coded)) => coded,
            (_, payload) => return Ok(payload.as_ref().map(|payload| Bytes::copy_from_slice(payload.as_bytes()))),
        };
        crate::base64::decode(coded).map(|bytes| Some(bytes.into())).ok_or(NotBase64)
    }
}

/// The top-level `timestamp` of a message that is a JSON object.
pub(super) fn timestamp(payload: &[u8]) -> Option<Time> {
    #[derive(Deserialize)]
    struct Stamped {
        timestamp: Value,
    }
    memmem::find(payload, b"\"timestamp\"")?;
    let stamped: Stamped = serde_json::from_slice(payload).ok()?;
    time(&stamped.timestamp)
}

/// RFC 3339, or a number whose size tells its unit. What lies before 2000 or behind 2100 is a sensor whose clock is not
/// set, or no time at all.
pub(super) fn time(value: &Value) -> Option<Time> {
    let time = match value {
        // mosquitto_sub writes `…Z+0000`.
        Value::String(text) => {
            let text = text.strip_suffix("+0000").filter(|text| text.ends_with('Z')).unwrap_or(text);
            Time::parse_rfc3339(text).ok().or_else(|| number(text))?
        }
        Value::Number(value) => number(&value.to_string())?,
        _ => return None,
    };
    let year_2000 = Time::from_millis(946_684_800_000);
    let year_2100 = Time::from_millis(4_102_444_800_000);
    (year_2000 <= time && time < year_2100).then_some(time)
}

fn number(text: &str) -> Option<Time> {
    match text.split('.').next()?.len() {
        9..=10 => exact(text, 9),
        12..=13 => exact(text, 6),
        15..=16 => exact(text, 3),
        18..=19 => exact(text, 0),
        _ => None,
    }
}
