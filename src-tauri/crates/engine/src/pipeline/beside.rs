//! What a protocol said of a message beside topic and payload, as the history keeps it.

use std::sync::Arc;

use feedwatch_model::{Cut, MessageMeta, Position, Time};
use serde_json::{Map, Value};

/// A JSON object; `None` where nothing was said.
pub(super) fn json(meta: &MessageMeta) -> Option<Arc<str>> {
    let MessageMeta {
        topic: _,
        id,
        position,
        key,
        headers,
        publisher,
        partition,
        offset,
        stamp,
        retained,
        awaits_ack: _,
        redelivered,
        deleted,
        cut,
    } = meta;
    let mut said = Map::new();
    let mut add = |name: &str, value: Option<Value>| said.extend(value.map(|value| (name.to_owned(), value)));
    add("id", id.as_ref().map(|id| Value::from(&**id)));
    add("key", key.as_ref().map(|key| Value::from(&**key)));
    add("publisher", publisher.as_ref().map(|publisher| Value::from(&**publisher)));
    // Pairs, since a name may stand there more than once.
    let pairs = || headers.iter().map(|(name, text)| Value::from(vec![&**name, &**text])).collect::<Vec<_>>();
    add("headers", (!headers.is_empty()).then(|| Value::from(pairs())));
    add("partition", partition.map(Value::from));
    let lane = match position {
        Some(Position::Offset { lane, .. }) => Some(Value::from(&**lane)),
        _ => None,
    };
    add("lane", lane);
    add("offset", offset.map(Value::from));
    add("time", stamp.map(|stamp| Value::from(stamp.to_string())));
    let bytes = match cut {
        Some(Cut::TooLarge { bytes }) => Some(Value::from(*bytes)),
        Some(Cut::Unfinished) | None => None,
    };
    add("bytes", bytes);
    for (name, flag) in [("retained", retained), ("redelivered", redelivered), ("deleted", deleted)] {
        add(name, flag.then_some(Value::Bool(true)));
    }
    (!said.is_empty()).then(|| Value::Object(said).to_string().into())
}

/// Lane and number of a message in its lane, from what the history keeps of it.
pub(crate) fn place(kept: &str) -> Option<(Arc<str>, u64)> {
    let said: Value = serde_json::from_str(kept).ok()?;
    Some((said.get("lane")?.as_str()?.into(), said.get("offset")?.as_u64()?))
}

/// Key, identity and time of a message, from what the history keeps of it.
pub(crate) fn said(kept: &str) -> (Option<Arc<str>>, Option<Arc<str>>, Option<Time>) {
    let Ok(said) = serde_json::from_str::<Value>(kept) else { return (None, None, None) };
    let text = |name: &str| said.get(name).and_then(Value::as_str);
    let time = text("time").and_then(|time| Time::parse_rfc3339(time).ok());
    (text("key").map(Arc::from), text("id").map(Arc::from), time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_message_is_read_back() {
        let position = Some(Position::Offset { lane: "S#1".into(), offset: 7 });
        let meta = MessageMeta { position, offset: Some(7), ..MessageMeta::default() };
        assert_eq!(place(&json(&meta).unwrap()), Some(("S#1".into(), 7)));
        assert_eq!((place("{}"), place("no JSON"), place(r#"{"lane":"a","offset":-1}"#)), (None, None, None));
    }

    #[test]
    fn what_a_message_is_known_by_is_read_back() {
        let (key, id, stamp) =
            (Some("BTC".into()), Some("7".into()), Some(Time::from_nanos(1_700_000_000_000_000_007)));
        let meta = MessageMeta { key: key.clone(), id: id.clone(), stamp, ..MessageMeta::default() };
        assert_eq!(said(&json(&meta).unwrap()), (key, id, stamp));
        assert_eq!(said("no JSON"), (None, None, None));
    }

    #[test]
    fn what_was_said_is_kept_and_nothing_else() {
        assert_eq!(json(&MessageMeta { topic: Some("t".into()), ..MessageMeta::default() }), None);
        let meta = MessageMeta {
            key: Some("BTC".into()),
            headers: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
            partition: Some(3),
            offset: Some(7),
            retained: true,
            ..MessageMeta::default()
        };
        let kept = json(&meta).unwrap();
        assert_eq!(&*kept, r#"{"headers":[["a","1"],["a","2"]],"key":"BTC","offset":7,"partition":3,"retained":true}"#);
    }
}
