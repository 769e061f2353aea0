//! What a message says beside its payload, as the rest of the program knows it.

use std::sync::Arc;

use feedwatch_model::MessageMeta;
use rumqttc_v5::mqttbytes::QoS;
use rumqttc_v5::mqttbytes::v5::{Publish, PublishProperties};
use rustc_hash::FxHashSet;

use crate::headers::event_source;

/// Headers that are kept of a message.
const MOST: usize = 100;
/// Bytes of a name, a value, or a topic.
const LONGEST: usize = 8 << 10;

/// Topics as they were last seen, so that messages share them.
#[derive(Debug, Default)]
pub(super) struct Topics {
    known: FxHashSet<Arc<str>>,
    last: Option<Arc<str>>,
}

impl Topics {
    const MOST: usize = 4_096;
    const LONGEST: usize = 256;

    /// The topic as a text. Topics are UTF-8: the library has looked.
    fn get(&mut self, topic: &[u8]) -> Arc<str> {
        if let Some(last) = &self.last
            && last.as_bytes() == topic
        {
            return Arc::clone(last);
        }
        let text = cut(std::str::from_utf8(topic).unwrap_or_default());
        let found = match self.known.get(text) {
            Some(known) => Arc::clone(known),
            None => {
                let new: Arc<str> = Arc::from(text);
                if text.len() <= Self::LONGEST {
                    if self.known.len() >= Self::MOST {
                        self.known.clear();
                    }
                    self.known.insert(Arc::clone(&new));
                }
                new
            }
        };
        self.last = Some(Arc::clone(&found));
        found
    }
}

/// What `publish` says beside its payload. `acknowledges`: whether we do.
pub(super) fn meta(publish: &Publish, acknowledges: bool, topics: &mut Topics) -> MessageMeta {
    let headers = publish.properties.as_ref().map(headers).unwrap_or_default();
    MessageMeta {
        topic: Some(topics.get(&publish.topic)),
        publisher: event_source(&headers),
        headers,
        retained: publish.retain,
        redelivered: publish.dup,
        awaits_ack: acknowledges && publish.qos != QoS::AtMostOnce,
        ..MessageMeta::default()
    }
}

/// What kind of message it is, then the publisher's own properties.
fn headers(properties: &PublishProperties) -> Vec<(Arc<str>, Arc<str>)> {
    let said = [("content-type", &properties.content_type), ("response-topic", &properties.response_topic)];
    let said = said.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)));
    let own = properties.user_properties.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    said.chain(own).take(MOST).map(|(name, text)| (Arc::from(cut(name)), Arc::from(cut(text)))).collect()
}

/// At most [`LONGEST`] bytes of a text.
fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(topic: &str, qos: QoS) -> Publish {
        Publish::new(topic, qos, "x", None)
    }

    #[test]
    fn what_a_message_says_is_kept() {
        let properties = PublishProperties {
            content_type: Some("application/json".into()),
            user_properties: vec![("unit".into(), "bar".into()), ("unit".into(), "°C".into())],
            ..PublishProperties::default()
        };
        let mut publish = publish("plant/7", QoS::AtLeastOnce);
        (publish.retain, publish.dup, publish.properties) = (true, true, Some(properties));
        let meta = meta(&publish, true, &mut Topics::default());
        assert_eq!(meta.topic.as_deref(), Some("plant/7"));
        assert!(meta.retained && meta.redelivered && meta.awaits_ack && meta.stamp.is_none());
        let headers: Vec<(&str, &str)> = meta.headers.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(headers, [("content-type", "application/json"), ("unit", "bar"), ("unit", "°C")]);
    }

    #[test]
    fn only_what_is_acknowledged_waits_for_it() {
        let waits = |qos, acknowledges| meta(&publish("a", qos), acknowledges, &mut Topics::default()).awaits_ack;
        assert!(waits(QoS::ExactlyOnce, true));
        assert!(!waits(QoS::AtMostOnce, true) && !waits(QoS::AtLeastOnce, false));
    }

    #[test]
    fn topics_are_shared_and_bounded() {
        let mut topics = Topics::default();
        let (first, other, again) = (topics.get(b"a"), topics.get(b"b"), topics.get(b"a"));
        assert!(Arc::ptr_eq(&first, &again) && &*other == "b");
        for number in 0..10_000 {
            topics.get(format!("t/{number}").as_bytes());
        }
        let long = topics.get(&[b'x'; 60_000]);
        assert_eq!(long.len(), LONGEST);
        assert!(topics.known.len() <= Topics::MOST && !topics.known.contains(&long));
    }

    #[test]
    fn hostile_properties_are_bounded() {
        let properties = PublishProperties {
            user_properties: vec![("\u{e4}".repeat(LONGEST), "x".into()); 500],
            ..PublishProperties::default()
        };
        let headers = headers(&properties);
        assert_eq!(headers.len(), MOST);
        assert!(headers.iter().all(|(name, _)| name.len() <= LONGEST));
    }
}
