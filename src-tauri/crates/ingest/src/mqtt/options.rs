//! How to reach topics of a broker.

use std::time::Duration;

use super::topics::plain_filter;
use crate::{Login, MAX_MESSAGE, Proxy, TlsFiles};

/// How to reach topics of a broker.
#[derive(Clone, Debug)]
pub struct MqttOptions {
    /// The broker's name or number.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Encrypted: `mqtts`, `mqtt+wss`.
    pub encrypted: bool,
    /// Over WebSocket: the path with its query, beginning with `/`.
    pub websocket: Option<String>,
    /// Authorities and a client certificate of one's own.
    pub tls: TlsFiles,
    /// Through which proxy.
    pub proxy: Proxy,
    /// User and password.
    pub login: Login,
    /// What is read.
    pub topics: Vec<MqttTopic>,
    /// What is spoken.
    pub version: MqttVersion,
    /// By what name the broker knows our session. A look makes one of its own.
    pub client_id: String,
    /// How long the broker keeps the session after a connection, in whole seconds; `None`: for ever. MQTT 3.1.1 cannot say
    /// it.
    pub session_expiry: Option<Duration>,
    /// Messages of QoS 1 and 2 that the broker may send before the first of them is acknowledged. MQTT 3.1.1 cannot say it.
    pub receive_maximum: u16,
    /// The broker takes us for dead after one and a half of it without a sign of life, we the broker after one. Whole
    /// seconds; an MQTT 5 broker may want a shorter one.
    pub keep_alive: Duration,
    /// The largest message in bytes.
    pub max_message: usize,
    /// Name, connection, encryption, login and subscriptions together.
    pub connect_timeout: Duration,
    /// A look: nothing is acknowledged, taken from others, or left behind.
    pub look: bool,
    /// Another endpoint of the feed is read in turn with this one: what the broker keeps here between a goodbye and the next
    /// connection has come over that, and is not wanted.
    pub in_turns: bool,
    /// The address for people.
    pub shown: String,
}

/// A topic filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttTopic {
    /// With `+` for a level and `#` for all that follow; `$share/group/filter` is shared with the others of the group.
    pub filter: String,
    /// How messages come at most: 0, 1 (at least once) or 2 (exactly once).
    pub qos: u8,
}

/// What is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MqttVersion {
    /// MQTT 5, and 3.1.1 with a broker that does not know it.
    #[default]
    V5,
    /// MQTT 3.1.1.
    V311,
}

impl MqttVersion {
    /// Both.
    pub const ALL: [MqttVersion; 2] = [MqttVersion::V5, MqttVersion::V311];

    /// How it is written: `5`.
    pub const fn word(self) -> &'static str {
        match self {
            MqttVersion::V5 => "5",
            MqttVersion::V311 => "3.1.1",
        }
    }
}

impl MqttOptions {
    /// Messages under way unless the options say otherwise. What a transaction of the history has is acknowledged, at most
    /// four times a second: messages of QoS 1 and 2 cannot be faster than four times this a second.
    pub const RECEIVE_MAXIMUM: u16 = 4_000;

    /// The options of topics that need nothing but their broker's name: QoS 0, port 1883.
    pub fn new(host: impl Into<String>, topics: impl IntoIterator<Item = MqttTopic>) -> MqttOptions {
        let host = host.into();
        MqttOptions {
            shown: format!("mqtt://{host}"),
            host,
            port: 1883,
            encrypted: false,
            websocket: None,
            tls: TlsFiles::default(),
            proxy: Proxy::default(),
            login: Login::default(),
            topics: topics.into_iter().collect(),
            version: MqttVersion::V5,
            client_id: "feedwatch".to_owned(),
            session_expiry: Some(Duration::from_secs(86_400)),
            receive_maximum: MqttOptions::RECEIVE_MAXIMUM,
            keep_alive: Duration::from_secs(30),
            max_message: MAX_MESSAGE,
            connect_timeout: Duration::from_secs(10),
            look: false,
            in_turns: false,
        }
    }

    /// What is subscribed to.
    pub(super) fn wanted(&self) -> Vec<MqttTopic> {
        let of_look = |topic: &MqttTopic| MqttTopic { filter: plain_filter(&topic.filter).to_owned(), qos: 0 };
        if self.look { self.topics.iter().map(of_look).collect() } else { self.topics.clone() }
    }

    /// Does the broker keep anything for us?
    pub(super) fn is_persistent(&self) -> bool {
        !self.look && self.topics.iter().any(|topic| topic.qos > 0)
    }

    /// `host:1883`, for sentences.
    pub(super) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The ports that brokers mostly have, for sentences.
    pub(super) const PORTS: &'static str = "brokers have 1883 for mqtt:// and 8883 for mqtts://";
}
