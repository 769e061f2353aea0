//! What a message's properties and headers say, as the rest of the program knows it.

use std::sync::Arc;

use feedwatch_model::{MessageMeta, Time};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};

use crate::headers::event_source;

/// Headers that are kept of a message.
const MOST: usize = 100;
/// Bytes of a name or a value.
const LONGEST: usize = 8 << 10;
/// Tables within tables.
const DEEPEST: usize = 8;

/// What `delivery` says beside its bytes. `last` is the topic of the message before, which most messages share.
pub(super) fn meta(delivery: &Delivery, last: &mut Option<Arc<str>>) -> MessageMeta {
    let topic = match last {
        Some(last) if **last == *delivery.routing_key.as_str() => Arc::clone(last),
        _ => Arc::from(cut(delivery.routing_key.as_str())),
    };
    *last = Some(Arc::clone(&topic));
    let properties = &delivery.properties;
    let headers = headers(delivery.exchange.as_str(), properties);
    let named = |name: &Option<lapin::types::ShortString>| name.as_ref().map(|name| Arc::from(cut(name.as_str())));
    // The broker vouches for the user; the rest is what the publisher says of itself.
    let publisher =
        named(properties.user_id()).or_else(|| event_source(&headers)).or_else(|| named(properties.app_id()));
    MessageMeta {
        topic: Some(topic),
        publisher,
        id: properties.message_id().as_ref().map(|id| cut(id.as_str()).into()),
        headers,
        stamp: properties.timestamp().and_then(stamp),
        redelivered: delivery.redelivered,
        awaits_ack: true,
        ..MessageMeta::default()
    }
}

/// Seconds since 1970. What no clock can say (milliseconds, mostly) is no time.
fn stamp(seconds: u64) -> Option<Time> {
    i64::try_from(seconds).ok()?.checked_mul(1_000_000_000).map(Time::from_nanos)
}

/// The exchange and the properties that say what kind of message it is, then the publisher's own headers.
fn headers(exchange: &str, properties: &BasicProperties) -> Vec<(Arc<str>, Arc<str>)> {
    let exchange = Some(exchange).filter(|exchange| !exchange.is_empty());
    let said = [
        ("exchange", exchange),
        ("content-type", properties.content_type().as_ref().map(|text| text.as_str())),
        ("content-encoding", properties.content_encoding().as_ref().map(|text| text.as_str())),
        ("type", properties.kind().as_ref().map(|text| text.as_str())),
        ("app-id", properties.app_id().as_ref().map(|text| text.as_str())),
        ("correlation-id", properties.correlation_id().as_ref().map(|text| text.as_str())),
    ];
    let said = said.into_iter().filter_map(|(name, text)| Some((Arc::from(name), Arc::from(cut(text?)))));
    let own = properties.headers().as_ref().map(FieldTable::inner).into_iter().flatten();
    let own = own.map(|(name, value)| (Arc::from(cut(name.as_str())), Arc::from(text(value))));
    said.chain(own).take(MOST).collect()
}

/// A value of a table as text: what is a text stays one; lists and tables are written as JSON.
fn text(value: &AMQPValue) -> String {
    let mut written = match value {
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        AMQPValue::ByteArray(bytes) => String::from_utf8_lossy(bytes.as_slice()).into_owned(),
        AMQPValue::Void => String::new(),
        value => match json(value, DEEPEST) {
            serde_json::Value::String(text) => text,
            value => value.to_string(),
        },
    };
    written.truncate(cut(&written).len());
    written
}

fn json(value: &AMQPValue, deeper: usize) -> serde_json::Value {
    use serde_json::Value;
    match value {
        AMQPValue::Boolean(flag) => Value::from(*flag),
        AMQPValue::ShortShortInt(number) => Value::from(*number),
        AMQPValue::ShortShortUInt(number) => Value::from(*number),
        AMQPValue::ShortInt(number) => Value::from(*number),
        AMQPValue::ShortUInt(number) => Value::from(*number),
        AMQPValue::LongInt(number) => Value::from(*number),
        AMQPValue::LongUInt(number) => Value::from(*number),
        AMQPValue::LongLongInt(number) => Value::from(*number),
        // JSON has no infinities; written as a text they are not lost.
        AMQPValue::Float(number) => finite(f64::from(*number), number.to_string()),
        AMQPValue::Double(number) => finite(*number, number.to_string()),
        AMQPValue::DecimalValue(number) => Value::from(decimal(number.value.into(), number.scale.into())),
        AMQPValue::Timestamp(seconds) => stamp(*seconds).map_or(Value::from(*seconds), |at| at.to_string().into()),
        AMQPValue::FieldArray(values) if deeper > 0 => {
            values.as_slice().iter().take(MOST).map(|value| json(value, deeper - 1)).collect()
        }
        AMQPValue::FieldTable(table) if deeper > 0 => {
            let pairs = table.inner().iter().take(MOST);
            Value::Object(pairs.map(|(name, value)| (name.as_str().to_owned(), json(value, deeper - 1))).collect())
        }
        AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) => Value::from("..."),
        AMQPValue::Void => Value::Null,
        AMQPValue::ShortString(_) | AMQPValue::LongString(_) | AMQPValue::ByteArray(_) => Value::from(text(value)),
    }
}

fn finite(number: f64, text: String) -> serde_json::Value {
    serde_json::Number::from_f64(number).map_or(serde_json::Value::String(text), serde_json::Value::Number)
}

/// `12345` with a scale of 2 is `123.45`.
fn decimal(value: i64, scale: usize) -> String {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// At most [`LONGEST`] bytes of a text.
fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lapin::types::{FieldArray, ShortString};

    use super::*;

    fn delivery(key: &str, exchange: &str, properties: BasicProperties) -> Delivery {
        Delivery { properties, ..Delivery::mock(1, exchange.into(), key.into(), true, Vec::new()) }
    }

    fn table(pairs: Vec<(&str, AMQPValue)>) -> FieldTable {
        let mut table = FieldTable::default();
        pairs.into_iter().for_each(|(name, value)| {
            table.insert(name.into(), value);
        });
        table
    }

    fn pairs(meta: &MessageMeta) -> Vec<(&str, &str)> {
        meta.headers.iter().map(|(name, text)| (&**name, &**text)).collect()
    }

    #[test]
    fn properties_become_what_other_protocols_have() {
        let properties = BasicProperties::default()
            .with_message_id("m1".into())
            .with_timestamp(1_700_000_000)
            .with_content_type("application/json".into())
            .with_content_encoding("gzip".into())
            .with_headers(table(vec![("unit", AMQPValue::LongString("bar".into()))]));
        let meta = meta(&delivery("plant.7.level", "amq.topic", properties), &mut None);
        assert_eq!((meta.topic.as_deref(), meta.id.as_deref()), (Some("plant.7.level"), Some("m1")));
        assert_eq!(meta.stamp, Some(Time::from_millis(1_700_000_000_000)));
        assert!(meta.redelivered && meta.awaits_ack && meta.position.is_none());
        let expected = [
            ("exchange", "amq.topic"),
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
            ("unit", "bar"),
        ];
        assert_eq!(pairs(&meta), expected);
    }

    #[test]
    fn the_default_exchange_has_no_name_to_tell() {
        assert_eq!(meta(&delivery("orders", "", BasicProperties::default()), &mut None).headers, Vec::new());
    }

    #[test]
    fn the_topic_of_the_message_before_is_shared() {
        let mut last = None;
        let mut topic = |key| meta(&delivery(key, "", BasicProperties::default()), &mut last).topic.unwrap();
        let (first, second, third) = (topic("a"), topic("a"), topic("b"));
        assert!(Arc::ptr_eq(&first, &second) && &*third == "b");
    }

    #[test]
    fn every_kind_of_value_has_a_text() {
        let nested = table(vec![("a", AMQPValue::LongInt(-1)), ("b", AMQPValue::Void)]);
        let mut array = FieldArray::default();
        array.push(AMQPValue::LongString("x".into()));
        array.push(AMQPValue::Double(0.5));
        array.push(AMQPValue::FieldTable(nested));
        for (value, expected) in [
            (AMQPValue::Boolean(true), "true"),
            (AMQPValue::LongLongInt(i64::MIN), "-9223372036854775808"),
            (AMQPValue::Double(f64::NAN), "NaN"),
            (AMQPValue::ShortString(ShortString::from("s")), "s"),
            (AMQPValue::Timestamp(0), "1970-01-01T00:00:00.000000000Z"),
            (AMQPValue::Timestamp(u64::MAX), "18446744073709551615"),
            (AMQPValue::Void, ""),
            (AMQPValue::ByteArray(vec![0xFF, b'a'].into()), "\u{FFFD}a"),
            (AMQPValue::FieldArray(array), r#"["x",0.5,{"a":-1,"b":null}]"#),
        ] {
            assert_eq!(text(&value), expected);
        }
        assert_eq!((decimal(12_345, 2), decimal(-5, 3), decimal(7, 0)), ("123.45".into(), "-0.005".into(), "7".into()));
    }

    #[test]
    fn hostile_headers_are_bounded() {
        let long = "\u{e4}".repeat(LONGEST);
        let many: Vec<String> = (0..500).map(|number| format!("h{number:03}")).collect();
        let value = || AMQPValue::LongString(long.as_str().into());
        let properties =
            BasicProperties::default().with_headers(table(many.iter().map(|name| (name.as_str(), value())).collect()));
        let meta = meta(&delivery("k", "e", properties), &mut None);
        assert_eq!(meta.headers.len(), MOST);
        assert!(meta.headers.iter().all(|(name, text)| name.len() <= LONGEST && text.len() <= LONGEST));
        let mut deep = AMQPValue::Void;
        for _ in 0..50 {
            deep = AMQPValue::FieldTable(table(vec![("d", deep)]));
        }
        assert!(text(&deep).contains("..."));
    }

    #[test]
    fn milliseconds_in_place_of_seconds_are_no_time() {
        assert_eq!(stamp(1_700_000_000_000), None);
        assert_eq!(stamp(u64::MAX), None);
    }
}
