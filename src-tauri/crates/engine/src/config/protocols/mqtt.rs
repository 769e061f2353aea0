//! `[feed.NAME.mqtt]`: topics of an MQTT broker.
//!
//! ```toml
//! [feed.plant.mqtt]
//! url = "mqtts://broker"                 # mqtt:// (1883), mqtts:// (8883), mqtt+ws:// (80), mqtt+wss:// (443)
//! topics = ["plant/#", { topic = "alerts/+", qos = 1 }, "$share/consoles/orders"]
//! qos = 0                                # of the topics that do not say it
//! version = "5"                          # or "3.1.1", which is also spoken where the broker knows no 5
//! user = "feedwatch"
//! password = { env = "PLANT_PASSWORD" }
//! tls = { ca = "ca.pem", cert = "client.pem", key = "client.key" }
//! proxy = "socks5://proxy:1080"
//! client_id = "feedwatch-plant"          # default: made of the feed's name and this computer and user
//! session_expiry = "1d"                  # the broker keeps what comes meanwhile for so long; or "never"; MQTT 5
//! receive_maximum = 4000                 # messages on their way before the first is acknowledged; MQTT 5
//! keep_alive = "30s"
//! max_message = "16MiB"
//! connect_timeout = "10s"
//! ```
//!
//! With a topic of `qos` 1 or 2 the broker keeps a session for us. What it keeps comes also of topics that were taken out
//! of the list since: no broker tells what a session is subscribed to.

mod read;

use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::{
    Address, AmqpOptions, Login, MqttOptions, MqttSource, MqttTopic, MqttVersion, Source, is_secret, wrong_mqtt_filter,
};
use feedwatch_model::Protocol;
use toml_edit::{Array, InlineTable, Value};
use url::Url;

use super::super::configured::{Configured, Given, Purpose, in_memory};
use super::super::edit::Tables;
use super::super::units::{duration_text, size_text};
use super::super::{CONNECT_TIMEOUT, MAX_MESSAGE, Paths, SecretRef};
use super::{Access, ProxyConfig};
use crate::platform;

const EXPIRY: Duration = Duration::from_secs(86_400);
const SCHEMES: [&str; 4] = ["mqtts", "mqtt", "mqtt+wss", "mqtt+ws"];
/// Where most brokers have their WebSocket.
const WEBSOCKET_PATH: &str = "/mqtt";
/// Topics that stand in the address that is shown.
const SHOWN: usize = 3;

/// Topics of an MQTT broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttConfig {
    /// With host and port, and for a WebSocket the path. For a look it may hold user and password.
    pub url: Url,
    /// What is read, at least one.
    pub topics: Vec<MqttTopic>,
    /// What is spoken.
    pub version: MqttVersion,
    /// Who we are, and whom we trust.
    pub access: Access,
    /// Through which proxy.
    pub proxy: ProxyConfig,
    /// By what name the broker knows our session; `None`: one made of the feed's name and of what this console is.
    pub client_id: Option<String>,
    /// How long the broker keeps our session without us; `None`: for ever.
    pub session_expiry: Option<Duration>,
    /// Messages that the broker may send before the first is acknowledged.
    pub receive_maximum: u16,
    /// How often we show that we live.
    pub keep_alive: Duration,
    /// Longer messages end the connection, in bytes.
    pub max_message: u64,
    /// From the first packet until the topics are subscribed to.
    pub connect_timeout: Duration,
}

impl MqttConfig {
    /// With every default.
    pub fn new(url: Url, topics: Vec<MqttTopic>) -> MqttConfig {
        MqttConfig {
            url,
            topics,
            version: MqttVersion::V5,
            access: Access::default(),
            proxy: ProxyConfig::default(),
            client_id: None,
            session_expiry: Some(EXPIRY),
            receive_maximum: MqttOptions::RECEIVE_MAXIMUM,
            keep_alive: Duration::from_secs(30),
            max_message: MAX_MESSAGE,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// What an operator pastes: `mqtt://host/topic/#`, or `mqtt+wss://host/mqtt?topic=topic/#`. A user may stand before the
    /// `@`, a password only where it is `allowed`; `password`: where it is kept otherwise.
    ///
    /// # Errors
    /// What is wrong, and the cure.
    pub fn from_address(
        address: &Address,
        password: Option<SecretRef>,
        allowed: bool,
    ) -> Result<MqttConfig, (String, &'static str)> {
        let url: Url =
            address.url.parse().map_err(|error| (format!("The address cannot be read: {error}."), ADDRESS))?;
        if url.password().is_some() && !allowed {
            let cure = "Take it out, put it into an environment variable, and give the variable's name below More.";
            return Err(("The address has a password in it, which is not kept.".to_owned(), cure));
        }
        if !allowed && url.query_pairs().any(|(name, value)| is_secret(&name, &value)) {
            return Err(("The address has a secret behind its ?, which is not kept.".to_owned(), "Take it out."));
        }
        if address.topic.is_empty() {
            return Err(("The address names no topic.".to_owned(), ADDRESS));
        }
        if let Some(wrong) = wrong_mqtt_filter(&address.topic) {
            return Err((format!("The topic {wrong}."), ADDRESS));
        }
        if password.is_some() && url.username().is_empty() {
            let cure = "Write the user into the address, as mqtt://user@host/topic, or leave the variable out.";
            return Err(("There is a variable for a password, but no user.".to_owned(), cure));
        }
        let mut config = MqttConfig::new(url.clone(), vec![MqttTopic { filter: address.topic.clone(), qos: 0 }]);
        if url.password().is_none() && !url.username().is_empty() {
            config.access.user = AmqpOptions::login_of(url.username(), "").user;
            let _ = config.url.set_username("");
        }
        config.access.password = password.filter(|_| url.password().is_none());
        Ok(config)
    }

    fn is_encrypted(&self) -> bool {
        matches!(self.url.scheme(), "mqtts" | "mqtt+wss")
    }

    /// Path and query of a WebSocket.
    fn websocket(&self) -> Option<String> {
        if !self.url.scheme().starts_with("mqtt+") {
            return None;
        }
        let path = Some(self.url.path()).filter(|path| !matches!(*path, "" | "/")).unwrap_or(WEBSOCKET_PATH);
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(format!("{path}{query}"))
    }

    fn port(&self) -> u16 {
        let usual = match self.url.scheme() {
            "mqtts" => 8883,
            "mqtt+ws" => 80,
            "mqtt+wss" => 443,
            _ => 1883,
        };
        self.url.port().unwrap_or(usual)
    }

    /// What the address says comes first: it is there for a look only.
    fn login(&self, given: &Given<'_>) -> Login {
        match self.url.password() {
            Some(password) => AmqpOptions::login_of(self.url.username(), password),
            None => self.access.login(given.credentials),
        }
    }
}

const ADDRESS: &str = "Write it as mqtt://host/topic/# (all topics: mqtt://host/#) or, over WebSocket, mqtt+wss://host/mqtt?topic=topic/#";

/// The same at every start of this console, and another one on another computer or for another user.
fn usual_client_id(feed: &str, paths: &Paths) -> String {
    let computer = platform::machine_id().unwrap_or_default();
    let of = format!("{computer}\n{}\n{feed}", paths.history_file().display());
    format!("feedwatch-{feed}-{:08x}", fnv(of.as_bytes()) as u32)
}

/// FNV-1a: what is made of it must not change with a version of the library.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3))
}

impl Configured for MqttConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Mqtt
    }

    fn word(&self) -> &'static str {
        SCHEMES.into_iter().find(|scheme| *scheme == self.url.scheme()).unwrap_or("mqtt")
    }

    fn shown_address(&self) -> String {
        let mut topics: Vec<&str> = self.topics.iter().take(SHOWN).map(|topic| topic.filter.as_str()).collect();
        if self.topics.len() > SHOWN {
            topics.push("...");
        }
        let (url, topics) = (feedwatch_ingest::redact(self.url.as_str()), topics.join(","));
        match self.websocket() {
            Some(_) => format!("{url}{}topic={topics}", if url.contains('?') { '&' } else { '?' }),
            None => format!("{}/{topics}", url.trim_end_matches('/')),
        }
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.max_message)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        self.access.secrets().into_iter().chain(self.proxy.secrets()).collect()
    }

    fn write(&self, tables: &mut Tables) {
        let usual = MqttConfig::new(self.url.clone(), Vec::new());
        let MqttConfig {
            url,
            topics,
            version,
            access,
            proxy,
            client_id,
            session_expiry,
            receive_maximum,
            keep_alive,
            max_message,
            connect_timeout,
        } = self;
        tables.line("url", url.as_str());
        let common = topics.first().map(|topic| topic.qos).filter(|qos| topics.iter().all(|topic| topic.qos == *qos));
        let common = common.unwrap_or_default();
        tables.line("topics", topics.iter().map(|topic| topic_value(topic, common)).collect::<Array>());
        tables.line_unless("qos", &common, &0, |&qos| i64::from(qos).into());
        tables.line_unless("version", version, &usual.version, |version| version.word().into());
        access.write(tables);
        proxy.write(tables);
        if let Some(client_id) = client_id {
            tables.line("client_id", client_id.as_str());
        }
        tables.line_unless("session_expiry", session_expiry, &usual.session_expiry, |expiry| {
            expiry.map_or_else(|| "never".to_owned(), duration_text).into()
        });
        tables
            .line_unless("receive_maximum", receive_maximum, &usual.receive_maximum, |&count| i64::from(count).into());
        tables.line_unless("keep_alive", keep_alive, &usual.keep_alive, |&time| duration_text(time).into());
        tables.line_unless("max_message", max_message, &usual.max_message, |&bytes| size_text(bytes).into());
        tables.line_unless("connect_timeout", connect_timeout, &usual.connect_timeout, |&time| {
            duration_text(time).into()
        });
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let client_id = self.client_id.clone().unwrap_or_else(|| usual_client_id(given.own, given.paths));
        let options = MqttOptions {
            port: self.port(),
            encrypted: self.is_encrypted(),
            websocket: self.websocket(),
            tls: self.access.tls(given.paths),
            proxy: self.proxy.proxy(given.credentials),
            login: self.login(given),
            version: self.version,
            client_id,
            session_expiry: self.session_expiry,
            receive_maximum: self.receive_maximum,
            keep_alive: self.keep_alive,
            max_message: in_memory(self.max_message),
            connect_timeout: self.connect_timeout,
            look: given.purpose == Purpose::Look,
            in_turns: given.in_turns,
            shown: self.shown_address(),
            ..MqttOptions::new(self.url.host_str().unwrap_or_default(), self.topics.clone())
        };
        Arc::new(MqttSource::new(options, given.clock))
    }
}

fn topic_value(topic: &MqttTopic, common: u8) -> Value {
    let MqttTopic { filter, qos } = topic;
    if *qos == common {
        return filter.as_str().into();
    }
    let pairs = [("topic", Value::from(filter.as_str())), ("qos", i64::from(*qos).into())];
    Value::InlineTable(pairs.into_iter().collect::<InlineTable>())
}

#[cfg(test)]
mod tests;
