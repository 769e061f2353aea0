//! The configuration: one TOML file describes the console.
//!
//! ```toml
//! [console]                              # all optional
//! history = "~/somewhere/history.db"     # default: feedwatch/history.db in the XDG data folder
//! keep_history = true
//! notifications = true
//! keep_messages = "64MiB"                # raw messages per feed, as evidence
//! keep_messages_for = "30d"              # and for how long at most
//!
//! [feed.spot]                            # letters, digits, - _ .
//! title = "Spot prices"                  # for people
//! format = "csv"                         # how payloads are written, else found out by the first ones: json, csv, text,
//!                                        # prometheus, influx, msgpack, cbor, sparkplug or nmea
//!
//! [feed.spot.websocket]                  # exactly one table of a protocol
//! url = "wss://example/feed"
//! headers = { "X-Api" = "v1", "X-Key" = { env = "SPOT_KEY" } }
//! bearer = { env = "SPOT_TOKEN" }        # or { file = "token.txt" }, or { keyring = "spot" }, or
//!                                        # { command = ["vault-token", "spot"] }, which prints it: a secret never stands
//!                                        # here. It is looked up whenever the feed connects
//! query = { token = { env = "TOKEN" } }  # secrets that the server wants behind the ? of the address; encoded = true beside
//!                                        # env or file: it is kept as it stands there, with its %2F and +
//! subprotocols = ["v1"]
//! subscribe = ['{"type":"subscribe"}']
//! snapshot = ['{"type":"replay","from":{/seq}}']   # sent behind those when the connection was made again, to ask for what
//!                                        # was missed: {/path} is what the last message had there, {time}, {time_ms} or
//!                                        # {time_s} when it came
//! reconnect_on = ["request_reconnect"]   # what a short message holds by which the server asks for a new connection
//! ping = { every = "30s", text = '{"op":"ping"}' }
//! compression = true                     # permessage-deflate is offered for what comes in
//! tls = { ca = "ca.pem", cert = "client.pem", key = "client.key" }   # all optional
//! proxy = "http://proxy:3128"            # or socks5://host:1080, or none; else as the environment says
//! max_message = "16MiB"
//! connect_timeout = "10s"
//! idle_timeout = "60s"                   # or "never"
//!
//! [feed.spot.limits]
//! series = 5000
//! inbox_messages = 65536
//! inbox_bytes = "64MiB"
//! rate = { conflate = "250ms" }           # of each series the newest value of each 250 ms; or every = 10: one of ten;
//!                                        # or at_most = 5: values a second. Checks see every message
//!
//! [feed.spot.profile]                    # what is known of its messages, else found out: `profile.rs`
//! keys = ["/product_id"]
//!
//! [feed.spot.signature]                  # its messages are signed: what they are checked with: `signature.rs`
//! key = { env = "SPOT_HMAC" }            # a secret shared with the sender (HMAC), or public_key = "sender.pem" (JWS)
//!
//! [feed.spot.backup.tokyo.websocket]     # further endpoints, and how they share the work: `endpoints.rs`
//! url = "wss://other.example/feed"
//! [feed.spot.endpoints]
//! mode = "redundant"                     # or "failover"
//!
//! [feed.plant.sse]                       # as websocket, without subprotocols, subscribe, snapshot, reconnect_on and ping
//! url = "https://example/events"
//!
//! [feed.node.poll]                       # further keys: `protocols/poll.rs`
//! url = "http://node:9100/metrics"
//! every = "5s"
//!
//! [feed.alerts.webhook]                  # further keys: `protocols/webhook.rs`
//! listen = "127.0.0.1:8080"
//! path = "/alerts"
//! token = { env = "ALERTS_TOKEN" }
//!
//! [feed.orders.amqp]                     # further keys: `protocols/amqp.rs`
//! url = "amqps://broker:5671"
//! queue = "orders"                       # or exchange = "amq.topic" and routing_keys = ["plant.#"]
//! user = "feedwatch"
//! password = { env = "ORDERS_PASSWORD" }
//!
//! [feed.floor.mqtt]                      # further keys: `protocols/mqtt.rs`
//! url = "mqtts://broker"                 # or mqtt://, mqtt+ws://, mqtt+wss://
//! topics = ["floor/#", { topic = "alerts/+", qos = 1 }]
//! user = "feedwatch"
//! password = { env = "FLOOR_PASSWORD" }
//!
//! [feed.line.nats]                       # further keys: `protocols/nats.rs`
//! url = "nats+tls://server:4222"         # or nats://
//! subjects = ["line.*.temp", "x.>"]      # * for a word, > for all that follows
//! stream = "LINE"                        # of JetStream: acknowledged when on disk; without it whatever comes
//!
//! [feed.old.file]
//! path = "capture.jsonl"                 # relative to this file
//!
//! [feed.eve.tail]                        # a file that grows, over its rotation: `protocols/tail.rs`
//! path = "/var/log/suricata/eve.json"
//! start = "end"                          # or "beginning"
//! max_message = "16MiB"
//!
//! [feed.meter.lines]                     # further keys: `protocols/lines.rs`
//! url = "tcp://10.0.0.7:4001"            # or tcp+tls://, tcp-listen://127.0.0.1:9000, udp://127.0.0.1:5140, stdin:
//! token = { env = "METER_TOKEN" }        # the first line of each connection; needed to listen beyond this computer
//!
//! [feed.prices.kafka]                    # also sasl, user, password, tls, max_message, connect_timeout
//! url = "kafka://host1:9092,host2:9092"  # or kafka+tls://
//! topics = ["prices", "^prices-.*"]      # one that begins with ^ is a regular expression
//! group = "feedwatch-prices"             # the usual one is made of the feed's name
//! start = "latest"                       # or "earliest", or a time
//! ```
//!
//! [`parse`] is pure and reports every problem at once, each with line, column and cure: the tables are walked by hand with
//! their spans, because serde's `tag` and `flatten` lose them. Values that could never work (a size of 0, an address of
//! another protocol) are problems too. Secrets are looked up later, by [`resolve_secrets`]. [`edit`] changes the file with
//! its comments kept.
//!
//! Defaults worth knowing: a WebSocket that brings nothing for 60 s is taken for dead (a server answers a ping long before);
//! for server-sent events there is no such bound, as nothing can be asked of the server: the silence check judges them.
//!
//! ```
//! use std::path::Path;
//! use feedwatch_engine::config;
//!
//! let text = "[feed.spot.websocket]\nulr = \"wss://example/feed\"\n";
//! let problems = config::parse(text, Path::new("feeds.toml")).unwrap_err();
//! assert!(problems.to_string().starts_with("feeds.toml:2:1: unknown key \"ulr\""));
//! ```

mod configured;
mod credentials;
pub mod edit;
mod endpoints;
mod hidden;
mod load;
mod look;
mod name;
pub mod paths;
mod problem;
mod profile;
pub(crate) mod protocols;
mod query;
mod read;
mod secrets;
mod signature;
mod source;
mod starters;
#[cfg(test)]
mod tests;
mod typed;
mod units;
mod walk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use feedwatch_decode::{Format, Pins};
use feedwatch_model::Protocol;
use url::Url;

pub use crate::pipeline::Rate;
pub(crate) use configured::Configured;
#[cfg(test)]
pub(crate) use configured::with_query;
pub use configured::{Given, Purpose};
pub use endpoints::{Backup, DrillEvery, Endpoints, PREFERRED};
pub use load::{MAX_FILE_BYTES, load};
pub use look::check;
pub use name::suggest_name;
pub use paths::Paths;
pub use problem::{EXCERPT_CHARS, Excerpt, MAX_PROBLEMS, Problem, Problems};
pub(crate) use problem::{is_unprintable, sentences};
pub(crate) use profile::writable;
pub use protocols::{
    Access, AmqpConfig, HttpConfig, KafkaConfig, LinesConfig, MqttConfig, NatsConfig, PollConfig, ProxyConfig,
    TailConfig, WebhookConfig,
};
pub use query::QuerySecret;
pub(crate) use query::{decoded, is_plain, with_pairs};
pub(crate) use read::bare;
pub use read::parse;
pub(crate) use secrets::is_variable;
pub use secrets::{Credentials, Secret, Secrets, resolve_secrets};
pub(crate) use secrets::{MAX_SECRET_BYTES, asked_of, has_secrets, look_up, look_up_key};
pub use signature::Signature;
pub use starters::{Starter, starter, starter_of, starters};
pub use typed::read_pins;
pub use units::{UnitError, duration, duration_text, size, size_text};
pub(crate) use walk::quoted;

/// Everything a configuration file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// What concerns the console as a whole.
    pub console: Console,
    /// The feeds, in the order of the file.
    pub feeds: Vec<FeedConfig>,
    /// Where it was read from; `Origin::default()` for a configuration made by hand.
    pub origin: Origin,
}

/// Where a configuration was read from, so that a missing secret can be reported with its line.
///
/// Two of them are always equal: where something was written is no part of what was written.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The file; empty for a configuration made by hand.
    pub file: PathBuf,
    /// A problem without a message for each reference to a secret, in the order in which they are looked up.
    secrets: Vec<Problem>,
    /// The same for the path of each capture.
    captures: Vec<Problem>,
    /// The same for the file as a whole: its beginning.
    whole: Option<Problem>,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Origin) -> bool {
        true
    }
}

impl Eq for Origin {}

/// What concerns the console as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Console {
    /// The history file; `None` for the usual place. May begin with `~/`: see [`Paths::expand`].
    pub history: Option<PathBuf>,
    /// Keep a history at all?
    pub keep_history: bool,
    /// Show alarms as notifications of the desktop?
    pub notifications: bool,
    /// Bytes of raw messages kept per feed as evidence.
    pub keep_messages: u64,
    /// How long raw messages are kept at most.
    pub keep_messages_for: Duration,
}

impl Default for Console {
    fn default() -> Console {
        Console {
            history: None,
            keep_history: true,
            notifications: true,
            keep_messages: 64 << 20,
            keep_messages_for: Duration::from_secs(30 * 86_400),
        }
    }
}

/// One feed.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedConfig {
    /// Letters, digits, `-`, `_` and `.`; unique.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// How its payloads are written; `None`: found out by the first ones.
    pub format: Option<Format>,
    /// How it is reached.
    pub source: SourceConfig,
    /// Further endpoints, in order.
    pub backups: Vec<Backup>,
    /// How the endpoints share the work.
    pub endpoints: Endpoints,
    /// What it may use.
    pub limits: Limits,
    /// What is pinned of its messages.
    pub pins: Pins,
    /// With what the signatures of its messages are checked; `None`: they are not.
    pub signature: Option<Signature>,
}

impl FeedConfig {
    /// One with every default.
    pub fn new(name: impl Into<String>, source: SourceConfig) -> FeedConfig {
        FeedConfig {
            name: name.into(),
            title: None,
            format: None,
            source,
            backups: Vec::new(),
            endpoints: Endpoints::default(),
            limits: Limits::default(),
            pins: Pins::default(),
            signature: None,
        }
    }

    /// All its endpoints, the preferred one first.
    pub fn sources(&self) -> impl Iterator<Item = &SourceConfig> {
        std::iter::once(&self.source).chain(self.backups.iter().map(|backup| &backup.source))
    }

    /// The names of its endpoints, in the same order.
    pub fn endpoint_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(PREFERRED).chain(self.backups.iter().map(|backup| backup.name.as_str()))
    }

    /// What people call it: the title, else the name.
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }
}

/// How a feed is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceConfig {
    /// RFC 6455.
    WebSocket(WebSocketConfig),
    /// Server-sent events.
    Sse(SseConfig),
    /// A capture.
    File(FileConfig),
    /// Topics of Apache Kafka.
    Kafka(KafkaConfig),
    /// RabbitMQ.
    Amqp(AmqpConfig),
    /// HTTP, asked again and again.
    Poll(PollConfig),
    /// Topics of an MQTT broker.
    Mqtt(MqttConfig),
    /// NATS, core and JetStream.
    Nats(NatsConfig),
    /// A file that grows.
    Tail(TailConfig),
    /// Lines of whoever sends them.
    Lines(LinesConfig),
    /// HTTP, told by others.
    Webhook(WebhookConfig),
}

impl SourceConfig {
    /// The one place that tells the tables apart.
    pub(crate) fn configured(&self) -> &dyn Configured {
        match self {
            SourceConfig::WebSocket(config) => config,
            SourceConfig::Sse(config) => config,
            SourceConfig::File(config) => config,
            SourceConfig::Kafka(config) => config,
            SourceConfig::Amqp(config) => config,
            SourceConfig::Poll(config) => config,
            SourceConfig::Mqtt(config) => config,
            SourceConfig::Nats(config) => config,
            SourceConfig::Tail(config) => config,
            SourceConfig::Lines(config) => config,
            SourceConfig::Webhook(config) => config,
        }
    }

    /// The protocol.
    pub fn protocol(&self) -> Protocol {
        self.configured().protocol()
    }

    /// The address to show in window, history and logs: as it is configured, with `NAME=***` for each secret of the query.
    pub fn shown_address(&self) -> String {
        self.configured().shown_address()
    }
}

/// A WebSocket feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketConfig {
    /// `ws://` or `wss://`, and who asks.
    pub http: HttpConfig,
    /// Offered, most wanted first.
    pub subprotocols: Vec<String>,
    /// Text messages sent after each connect, in order.
    pub subscribe: Vec<String>,
    /// Text messages sent behind those when the connection was made again, to ask for what was missed.
    pub snapshot: Vec<String>,
    /// A short text message that holds one of these says that we shall connect anew.
    pub reconnect_on: Vec<String>,
    /// A text message sent regularly, for feeds that ask for one beside the protocol's own ping.
    pub ping: Option<Ping>,
    /// Nothing at all came for so long: the connection is dead. `None`: never.
    pub idle_timeout: Option<Duration>,
}

impl WebSocketConfig {
    /// With every default.
    pub fn new(url: Url) -> WebSocketConfig {
        WebSocketConfig {
            http: HttpConfig::new(url),
            subprotocols: Vec::new(),
            subscribe: Vec::new(),
            snapshot: Vec::new(),
            reconnect_on: vec![feedwatch_ingest::WebSocketOptions::RECONNECT.to_owned()],
            ping: None,
            idle_timeout: Some(WEBSOCKET_IDLE_TIMEOUT),
        }
    }
}

/// A text message sent regularly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// How often.
    pub every: Duration,
    /// What.
    pub text: String,
}

/// A feed of server-sent events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseConfig {
    /// `http://` or `https://`, and who asks.
    pub http: HttpConfig,
    /// Nothing at all came for so long: the connection is dead. `None`: never.
    pub idle_timeout: Option<Duration>,
    /// What a look may find there beside events.
    pub open: Open,
}

impl SseConfig {
    /// With every default.
    pub fn new(url: Url) -> SseConfig {
        SseConfig { http: HttpConfig::new(url), idle_timeout: None, open: Open::default() }
    }
}

/// Is it left open whether an address has events or a document? That is asked of a look only, and never written: two of
/// them are always equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open(pub bool);

impl PartialEq for Open {
    fn eq(&self, _: &Open) -> bool {
        true
    }
}

impl Eq for Open {}

/// A capture, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// Where it is; what the file gives relative to itself is joined to its folder. May begin with `~/`.
    pub path: PathBuf,
}

/// What a feed may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many series it may have; more are named in the profile and not recorded.
    pub series: u32,
    /// Messages that may wait for the pipeline.
    pub inbox_messages: usize,
    /// Bytes that may wait for the pipeline.
    pub inbox_bytes: u64,
    /// Which samples of a series are charted and kept; `None`: all of them.
    pub rate: Option<Rate>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { series: 5000, inbox_messages: 65_536, inbox_bytes: 64 << 20, rate: None }
    }
}

/// Where a secret is kept. The secret itself never stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file; relative ones are joined to the folder of the configuration. May begin with `~/`.
    File(PathBuf),
    /// Printed by a program, which is run without a shell: its name or path, and its further words. A path is joined to the
    /// folder of the configuration.
    Command(Vec<String>),
    /// In the desktop's keyring, under this name.
    Keyring(String),
}

/// The value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValue {
    /// As it stands in the file.
    Literal(String),
    /// Looked up by [`resolve_secrets`].
    Secret(SecretRef),
}

const MAX_MESSAGE: u64 = 16 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WEBSOCKET_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Joins what a configuration names relative to itself to its folder. `~/…` and absolute paths stay.
fn beside(file: &Path, path: &str) -> PathBuf {
    if path == "~" || path.starts_with("~/") {
        return PathBuf::from(path);
    }
    file.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
}
