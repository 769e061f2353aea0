//! Packets of both versions as the session knows them. Only whole packets are read, see [`super::frames`].

use bytes::{Bytes, BytesMut};
use rumqttc_v4::mqttbytes::v4;
use rumqttc_v5::mqttbytes::{QoS, v5};

use super::options::{MqttOptions, MqttTopic, MqttVersion};

/// PINGREQ and DISCONNECT, alike in both versions.
pub(super) const PING: [u8; 2] = [0xC0, 0];
pub(super) const GOODBYE: [u8; 2] = [0xE0, 0];

/// What a broker sends to a subscriber.
#[derive(Debug)]
pub(super) enum Heard {
    Publish(v5::Publish),
    /// The answer to a subscription, a code for each of its topics.
    Subscribed(u16, Vec<v5::SubscribeReasonCode>, Option<String>),
    /// The broker has heard that a message of QoS 2 was received.
    Release(u16),
    /// The end, its code and what the broker says to it.
    Closed(u8, Option<String>),
    /// A sign of life.
    Other,
}

/// What the broker answered to CONNECT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Welcome {
    /// 0: welcome.
    pub(super) code: u8,
    /// It has a session of ours.
    pub(super) session: bool,
    pub(super) keep_alive: Option<u16>,
    pub(super) session_expiry: Option<u32>,
    pub(super) no_wildcards: bool,
    pub(super) no_shared: bool,
    /// What it says to it.
    pub(super) text: Option<String>,
}

/// Takes a whole packet off the bytes read. `None`: it is none.
#[inline]
pub(super) fn read(version: MqttVersion, bytes: &mut BytesMut) -> Option<Heard> {
    match version {
        MqttVersion::V5 => read_5(bytes),
        MqttVersion::V311 => read_311(bytes),
    }
}

#[inline]
fn read_5(bytes: &mut BytesMut) -> Option<Heard> {
    // Codes that the library does not know make no difference to the end.
    let end = match **bytes {
        [first, ..] if first >> 4 == 14 => Some(bytes.get(2).copied().unwrap_or_default()),
        _ => None,
    };
    match (v5::Packet::read(bytes, None), end) {
        (Ok(v5::Packet::Publish(publish)), _) => Some(Heard::Publish(publish)),
        (Ok(v5::Packet::SubAck(ack)), _) => {
            let text = ack.properties.and_then(|properties| properties.reason_string);
            Some(Heard::Subscribed(ack.pkid, ack.return_codes, text))
        }
        (Ok(v5::Packet::PubRel(release)), _) => Some(Heard::Release(release.pkid)),
        (Ok(v5::Packet::Disconnect(said)), Some(code)) => {
            Some(Heard::Closed(code, said.properties.and_then(|properties| properties.reason_string)))
        }
        (_, Some(code)) => Some(Heard::Closed(code, None)),
        (Ok(v5::Packet::PingResp), _) => Some(Heard::Other),
        _ => None,
    }
}

#[inline]
fn read_311(bytes: &mut BytesMut) -> Option<Heard> {
    Some(match v4::Packet::read(bytes, usize::MAX).ok()? {
        v4::Packet::Publish(publish) => Heard::Publish(as_5(publish)),
        v4::Packet::SubAck(ack) => {
            let code = |code| match code {
                v4::SubscribeReasonCode::Success(qos) => v5::SubscribeReasonCode::Success(qos),
                v4::SubscribeReasonCode::Failure => v5::SubscribeReasonCode::Failure,
            };
            Heard::Subscribed(ack.pkid, ack.return_codes.into_iter().map(code).collect(), None)
        }
        v4::Packet::PubRel(release) => Heard::Release(release.pkid),
        v4::Packet::PingResp => Heard::Other,
        _ => return None,
    })
}

fn as_5(publish: v4::Publish) -> v5::Publish {
    let v4::Publish { dup, qos, retain, topic, pkid, payload } = publish;
    v5::Publish { dup, qos, retain, topic, pkid, payload, properties: None }
}

/// Takes the broker's first packet, whole, off the bytes read. `None`: it is no CONNACK.
pub(super) fn welcome(version: MqttVersion, bytes: &mut BytesMut, whole: usize) -> Option<Welcome> {
    let packet = bytes.split_to(whole);
    // The length of so short a packet has one byte, or is followed by properties.
    let at = 1 + packet.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let (flags, code) = (*packet.get(at)?, *packet.get(at + 1)?);
    if packet.first() != Some(&0x20) {
        return None;
    }
    let bare = Welcome { code, session: flags & 1 == 1, ..Welcome::default() };
    // A broker that does not know MQTT 5 answers as 3.1.1 does, without properties.
    if version == MqttVersion::V311 || packet.len() == at + 2 {
        return Some(bare);
    }
    match v5::Packet::read(&mut packet.clone(), None) {
        Ok(v5::Packet::ConnAck(said)) => {
            let Some(said) = said.properties else { return Some(bare) };
            Some(Welcome {
                keep_alive: said.server_keep_alive,
                session_expiry: said.session_expiry_interval,
                no_wildcards: said.wildcard_subscription_available == Some(0),
                no_shared: said.shared_subscription_available == Some(0),
                text: said.reason_string,
                ..bare
            })
        }
        // A code that the library does not know is a refusal all the same.
        _ if code != 0 => Some(bare),
        _ => None,
    }
}

/// CONNECT. `None`: a text is in it that MQTT does not have.
///
/// `clean`: a session that the broker has of ours is thrown away. In MQTT 3.1.1 the new one is not kept then.
pub(super) fn connect(options: &MqttOptions, version: MqttVersion, client_id: &str, clean: bool) -> Option<BytesMut> {
    let keep_alive = u16::try_from(options.keep_alive.as_secs()).unwrap_or(u16::MAX);
    let user = options.login.user.clone();
    let password = options.login.password.as_ref().map(|password| Bytes::from(password.expose().to_owned()));
    let mut bytes = BytesMut::new();
    match version {
        MqttVersion::V5 => {
            let expiry = match options.session_expiry {
                _ if !options.is_persistent() => 0,
                Some(expiry) => u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX),
                None => u32::MAX,
            };
            let properties = v5::ConnectProperties {
                session_expiry_interval: Some(expiry),
                receive_maximum: Some(options.receive_maximum.max(1)),
                ..v5::ConnectProperties::new()
            };
            let connect = v5::Connect {
                keep_alive,
                client_id: client_id.to_owned(),
                clean_start: clean || !options.is_persistent(),
                properties: Some(properties),
            };
            let auth = match (user, password) {
                (None, _) => v5::ConnectAuth::None,
                (Some(username), None) => v5::ConnectAuth::Username { username },
                (Some(username), Some(password)) => v5::ConnectAuth::UsernamePassword { username, password },
            };
            connect.write(&None, &auth, &mut bytes).ok()?;
        }
        MqttVersion::V311 => {
            let auth = match (user, password) {
                (None, _) => v4::ConnectAuth::None,
                (Some(username), None) => v4::ConnectAuth::Username { username },
                (Some(username), Some(password)) => v4::ConnectAuth::UsernamePassword { username, password },
            };
            let mut connect = v4::Connect::new(client_id);
            connect.keep_alive = keep_alive;
            connect.clean_session = clean || !options.is_persistent();
            connect.set_auth(auth);
            connect.write(&mut bytes).ok()?;
        }
    }
    Some(bytes)
}

/// SUBSCRIBE, with this number. Retained messages are asked for with a new subscription only, where that can be said.
/// `None`: a filter is none.
pub(super) fn subscribe(version: MqttVersion, number: u16, topics: &[MqttTopic]) -> Option<BytesMut> {
    let mut bytes = BytesMut::new();
    match version {
        MqttVersion::V5 => {
            let filters = topics.iter().map(|topic| v5::SubscribeFilter {
                retain_forward_rule: v5::RetainForwardRule::OnNewSubscribe,
                ..v5::SubscribeFilter::new(topic.filter.as_str(), qos(topic.qos))
            });
            let mut packet = v5::Subscribe::new_many(filters, None);
            packet.pkid = number;
            packet.write(&mut bytes).ok()?;
        }
        MqttVersion::V311 => {
            let filters =
                topics.iter().map(|topic| v4::SubscribeFilter { path: topic.filter.clone(), qos: qos(topic.qos) });
            let mut packet = v4::Subscribe::new_many(filters);
            packet.pkid = number;
            packet.write(&mut bytes).ok()?;
        }
    }
    Some(bytes)
}

fn qos(number: u8) -> QoS {
    match number {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frames::{Next, next};
    use super::*;
    use crate::{Login, Secret};

    fn topic(filter: &str, qos: u8) -> MqttTopic {
        MqttTopic { filter: filter.to_owned(), qos }
    }

    #[test]
    fn a_persistent_session_is_asked_for_where_a_topic_needs_it() {
        let options = MqttOptions::new("h", [topic("a", 0)]);
        let persistent = MqttOptions { topics: vec![topic("a", 0), topic("b", 1)], ..options.clone() };
        let look = MqttOptions { look: true, ..persistent.clone() };
        for version in MqttVersion::ALL {
            let flags = |options| connect(options, version, "id", false).unwrap()[9];
            assert_eq!((flags(&options), flags(&persistent), flags(&look)), (2, 0, 2), "clean, kept, clean");
        }
        let bytes = connect(&persistent, MqttVersion::V5, "id", false).unwrap();
        assert!(bytes.windows(5).any(|property| property == [17, 0, 1, 0x51, 0x80]), "kept for a day: {bytes:?}");
    }

    #[test]
    fn a_login_is_sent_and_nothing_else() {
        let login = Login { user: Some("ann".into()), password: Some(Secret::new("s3cr3t")), token: None };
        let options = MqttOptions { login, ..MqttOptions::new("h", [topic("a", 0)]) };
        for version in MqttVersion::ALL {
            let bytes = connect(&options, version, "id", false).unwrap();
            assert!(bytes.ends_with(b"\x00\x02id\x00\x03ann\x00\x06s3cr3t"), "{bytes:?}");
        }
    }

    #[test]
    fn an_answer_of_either_version_to_mqtt_5_is_understood() {
        let said = |bytes: &[u8]| welcome(MqttVersion::V5, &mut BytesMut::from(bytes), bytes.len());
        assert_eq!(said(&[0x20, 2, 0, 1]).unwrap().code, 1, "3.1.1: the version is not known");
        assert_eq!(said(&[0x20, 3, 0, 0x84, 0]).unwrap().code, 0x84);
        let welcome = said(&[0x20, 8, 1, 0, 5, 19, 0, 7, 40, 0]).unwrap();
        assert_eq!((welcome.session, welcome.keep_alive, welcome.no_wildcards), (true, Some(7), true));
        assert_eq!(said(&[0x20, 3, 0, 0xEE, 0]).unwrap().code, 0xEE, "a code nobody knows");
        assert_eq!(said(&[0x30, 2, 0, 0]), None);
        assert_eq!(said(&[0x20, 4, 0, 0, 5, 99]), None);
    }

    proptest! {
        /// Whatever a broker sends: no panic, and what is whole is taken off.
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), five: bool, kind in 0u8..16) {
            let version = if five { MqttVersion::V5 } else { MqttVersion::V311 };
            let mut packet = vec![kind << 4 | bytes.first().copied().unwrap_or_default() & 0xF, bytes.len() as u8];
            packet.extend(bytes);
            if let Ok(Next::Whole(whole)) = next(&packet, 64, five) {
                let mut left = BytesMut::from(&packet[..]);
                let _ = read(version, &mut left);
                prop_assert_eq!(left.len(), packet.len() - whole);
            }
            let whole = packet.len();
            let _ = welcome(version, &mut BytesMut::from(&packet[..]), whole);
        }
    }
}
