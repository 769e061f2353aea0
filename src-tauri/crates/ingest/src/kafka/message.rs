//! From a message of Kafka to ours. Pure.

use std::sync::Arc;

use feedwatch_model::{MessageMeta, Position, Time};
use rdkafka::Message;
use rdkafka::message::{Headers, Timestamp};

use crate::headers::event_source;

/// Headers that are kept of a message, and the bytes of a key, of a header's name and of its value.
const HEADERS: usize = 100;
const BYTES: usize = 8 << 10;

/// What Kafka says beside the payload. `lane`: by which its offset counts.
pub(super) fn meta(message: &impl Message, topic: &Arc<str>, lane: &Arc<str>) -> MessageMeta {
    let offset = u64::try_from(message.offset()).ok();
    let headers = message.headers().map(headers).unwrap_or_default();
    MessageMeta {
        topic: Some(Arc::clone(topic)),
        publisher: event_source(&headers),
        position: offset.map(|offset| Position::Offset { lane: Arc::clone(lane), offset }),
        key: message.key().map(text),
        headers,
        partition: Some(message.partition()),
        offset,
        stamp: stamp(message.timestamp()),
        deleted: message.payload().is_none(),
        ..MessageMeta::default()
    }
}

fn headers(headers: &impl Headers) -> Vec<(Arc<str>, Arc<str>)> {
    let all = headers.iter().take(HEADERS);
    all.map(|header| (text(header.key.as_bytes()), text(header.value.unwrap_or_default()))).collect()
}

/// As text, cut.
fn text(bytes: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(bytes.get(..BYTES).unwrap_or(bytes)).into()
}

fn stamp(stamp: Timestamp) -> Option<Time> {
    match stamp {
        // 0 and less is what producers without a clock say, and a year beyond 2262 is nobody's.
        Timestamp::CreateTime(millis) | Timestamp::LogAppendTime(millis) if millis > 0 => {
            millis.checked_mul(1_000_000).map(Time::from_nanos)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};

    use super::*;

    fn message(payload: Option<&[u8]>, stamp: Timestamp, headers: Option<OwnedHeaders>) -> OwnedMessage {
        let key = Some(b"BTC\xff".to_vec());
        OwnedMessage::new(payload.map(<[u8]>::to_vec), key, "prices".into(), stamp, 3, 41, headers)
    }

    fn of(message: &OwnedMessage) -> MessageMeta {
        meta(message, &"prices".into(), &"prices/3".into())
    }

    #[test]
    fn everything_kafka_says_is_kept() {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "trace", value: Some("a1") })
            .insert(Header { key: "empty", value: None::<&str> });
        let meta = of(&message(Some(b"{}"), Timestamp::CreateTime(1_700_000_000_123), Some(headers)));
        assert_eq!(meta.topic.as_deref(), Some("prices"));
        assert_eq!(meta.key.as_deref(), Some("BTC\u{FFFD}"));
        assert_eq!(meta.headers, [("trace".into(), "a1".into()), ("empty".into(), "".into())]);
        assert_eq!((meta.partition, meta.offset, meta.deleted), (Some(3), Some(41), false));
        assert_eq!(meta.position, Some(Position::Offset { lane: "prices/3".into(), offset: 41 }));
        assert_eq!(meta.stamp, Some(Time::from_millis(1_700_000_000_123)));
        assert!(!meta.awaits_ack, "it is known by its number");
    }

    #[test]
    fn a_message_without_a_payload_says_that_its_key_was_deleted() {
        assert!(of(&message(None, Timestamp::NotAvailable, None)).deleted);
        assert!(!of(&message(Some(b""), Timestamp::NotAvailable, None)).deleted, "an empty payload is a payload");
    }

    #[test]
    fn times_that_are_none_are_not_told() {
        for stamp in [Timestamp::NotAvailable, Timestamp::CreateTime(-1), Timestamp::CreateTime(i64::MAX)] {
            assert_eq!(of(&message(None, stamp, None)).stamp, None, "{stamp:?}");
        }
    }

    #[test]
    fn what_is_kept_beside_a_payload_is_bounded() {
        let long = "x".repeat(BYTES + 1);
        let mut headers = OwnedHeaders::new();
        for _ in 0..HEADERS + 1 {
            headers = headers.insert(Header { key: &long, value: Some(&long) });
        }
        let meta = of(&message(None, Timestamp::NotAvailable, Some(headers)));
        assert_eq!(meta.headers.len(), HEADERS);
        assert!(meta.headers.iter().all(|(name, value)| name.len() == BYTES && value.len() == BYTES));
    }
}
