//! `[feed.NAME.amqp]`: a queue of RabbitMQ.
//!
//! ```toml
//! [feed.orders.amqp]                     # a queue that is there: it is read, never declared
//! url = "amqps://broker:5671"
//! queue = "orders"
//! user = "feedwatch"
//! password = { env = "ORDERS_PASSWORD" }
//!
//! [feed.plant.amqp]                      # a queue of our own, bound to an exchange
//! url = "amqp://localhost"               # port 5672, or 5671 of amqps
//! exchange = "amq.topic"
//! routing_keys = ["plant.#", "x.*"]      # default: ["#"], all that a topic exchange has
//! queue = "feedwatch.plant"              # default: feedwatch. and the feed's name; two consoles need two names
//! queue_expires = "1d"                   # unused for so long it is deleted with what is in it; or "never"
//! vhost = "/"
//! tls = { ca = "ca.pem", cert = "client.pem", key = "client.key" }
//! proxy = "socks5://proxy:1080"
//! prefetch = 4000                        # messages the broker hands out before the first is acknowledged
//! heartbeat = "30s"
//! max_message = "16MiB"
//! connect_timeout = "10s"
//! ```
//!
//! A queue of our own has no limit of its length: what a full queue forgets would be lost without a trace.

mod read;

use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::{Address, AmqpOptions, AmqpQueue, AmqpSource, Login, Source};
use feedwatch_model::Protocol;
use toml_edit::Array;
use url::Url;

use super::super::configured::{Configured, Given, Purpose, in_memory};
use super::super::edit::Tables;
use super::super::units::{duration_text, size_text};
use super::super::{CONNECT_TIMEOUT, MAX_MESSAGE, SecretRef};
use super::broker::bare;
use super::{Access, ProxyConfig};

const EXPIRES: Duration = Duration::from_secs(86_400);
/// All that a topic exchange has.
const ALL: &str = "#";

/// A queue of RabbitMQ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmqpConfig {
    /// `amqp://` or `amqps://` with host and port. For a look it may hold user and password.
    pub url: Url,
    /// The virtual host.
    pub vhost: String,
    /// The queue; `None` with an exchange: one named after the feed.
    pub queue: Option<String>,
    /// The exchange that fills a queue of our own; `None`: the queue is there already.
    pub exchange: Option<String>,
    /// What it is filled with; empty without an exchange.
    pub routing_keys: Vec<String>,
    /// A queue of our own is deleted when it was unused for so long. `None`: never.
    pub queue_expires: Option<Duration>,
    /// Who we are, and whom we trust.
    pub access: Access,
    /// Through which proxy.
    pub proxy: ProxyConfig,
    /// Messages that the broker hands out before the first is acknowledged.
    pub prefetch: u16,
    /// How often each side shows that it lives.
    pub heartbeat: Duration,
    /// Longer messages are refused, in bytes.
    pub max_message: u64,
    /// From the first packet to the first message.
    pub connect_timeout: Duration,
}

impl AmqpConfig {
    /// With every default; neither queue nor exchange yet.
    pub fn new(url: Url) -> AmqpConfig {
        AmqpConfig {
            url,
            vhost: "/".to_owned(),
            queue: None,
            exchange: None,
            routing_keys: Vec::new(),
            queue_expires: Some(EXPIRES),
            access: Access::default(),
            proxy: ProxyConfig::default(),
            prefetch: AmqpOptions::PREFETCH,
            heartbeat: Duration::from_secs(30),
            max_message: MAX_MESSAGE,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// What an operator pastes: `amqp://host/queue?vhost=/`, or `amqp://host/?exchange=amq.topic&routing_key=plant.#`.
    /// A user may stand before the `@`, a password only where it is `allowed`; `password`: where it is kept otherwise.
    ///
    /// # Errors
    /// What is wrong, and the cure.
    pub fn from_address(
        address: &Address,
        password: Option<SecretRef>,
        allowed: bool,
    ) -> Result<AmqpConfig, (String, &'static str)> {
        let url: Url =
            address.url.parse().map_err(|error| (format!("The address cannot be read: {error}."), ADDRESS))?;
        if url.password().is_some() && !allowed {
            let cure = "Take it out, put it into an environment variable, and give the variable's name below More.";
            return Err(("The address has a password in it, which is not kept.".to_owned(), cure));
        }
        let mut config = AmqpConfig::new(bare(&url));
        for (name, value) in url.query_pairs() {
            match &*name {
                "vhost" => config.vhost = value.into_owned(),
                "exchange" => config.exchange = Some(value.into_owned()),
                "routing_key" => config.routing_keys.push(value.into_owned()),
                _ => return Err((format!("The address has {name:?}, which is not known."), ADDRESS)),
            }
        }
        config.queue = Some(address.topic.clone()).filter(|queue| !queue.trim_matches('/').is_empty());
        if config.queue.is_none() && config.exchange.is_none() {
            return Err(("The address names no queue.".to_owned(), ADDRESS));
        }
        if config.exchange.is_some() && config.routing_keys.is_empty() {
            config.routing_keys.push(ALL.to_owned());
        }
        if config.exchange.is_none() && !config.routing_keys.is_empty() {
            return Err(("The address has a routing_key, but no exchange.".to_owned(), ADDRESS));
        }
        if url.password().is_none() && !url.username().is_empty() {
            config.access.user = AmqpOptions::login_of(url.username(), "").user;
            let _ = config.url.set_username("");
        }
        if password.is_some() && url.username().is_empty() {
            let cure = "Write the user into the address, as amqp://user@host/queue, or leave the variable out.";
            return Err(("There is a variable for a password, but no user.".to_owned(), cure));
        }
        config.access.password = password.filter(|_| url.password().is_none());
        Ok(config)
    }

    fn is_encrypted(&self) -> bool {
        self.url.scheme() == "amqps"
    }

    fn queue_of(&self, feed: &str) -> AmqpQueue {
        match &self.exchange {
            Some(exchange) => AmqpQueue::Bound {
                name: self.queue.clone().unwrap_or_else(|| format!("feedwatch.{feed}")),
                exchange: exchange.clone(),
                routing_keys: self.routing_keys.clone(),
                expires: self.queue_expires,
            },
            None => AmqpQueue::Existing(self.queue.clone().unwrap_or_default()),
        }
    }

    /// What the address says comes first: it is there for a look only.
    fn login(&self, given: &Given<'_>) -> Login {
        match self.url.password() {
            Some(password) => AmqpOptions::login_of(self.url.username(), password),
            None => self.access.login(given.credentials),
        }
    }
}

const ADDRESS: &str =
    "Write it as amqp://host/queue?vhost=/ or, for an exchange, amqp://host/?exchange=amq.topic&routing_key=plant.#";

impl Configured for AmqpConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Amqp
    }

    fn word(&self) -> &'static str {
        if self.is_encrypted() { "amqps" } else { "amqp" }
    }

    fn shown_address(&self) -> String {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        if self.vhost != "/" {
            pairs.push(("vhost", &self.vhost));
        }
        pairs.extend(self.exchange.iter().map(|exchange| ("exchange", exchange.as_str())));
        pairs.extend(self.routing_keys.iter().map(|key| ("routing_key", key.as_str())));
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        let url = feedwatch_ingest::redact(self.url.as_str());
        format!("{}/{}{query}", url.trim_end_matches('/'), self.queue.as_deref().unwrap_or_default())
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.max_message)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        self.access.secrets().into_iter().chain(self.proxy.secrets()).collect()
    }

    fn look_remark(&self) -> Option<&'static str> {
        let existing = self.exchange.is_none();
        existing.then_some(
            "The messages looked at went back to the queue; the broker flags them as redelivered from now on.",
        )
    }

    fn write(&self, tables: &mut Tables) {
        let usual = AmqpConfig::new(self.url.clone());
        let AmqpConfig {
            url,
            vhost,
            queue,
            exchange,
            routing_keys,
            queue_expires,
            access,
            proxy,
            prefetch,
            heartbeat,
            max_message,
            connect_timeout,
        } = self;
        tables.line("url", url.as_str());
        tables.line_unless("vhost", vhost, &usual.vhost, |vhost| vhost.as_str().into());
        if let Some(queue) = queue {
            tables.line("queue", queue.as_str());
        }
        if let Some(exchange) = exchange {
            tables.line("exchange", exchange.as_str());
            tables.line_unless("routing_keys", routing_keys, &vec![ALL.to_owned()], |keys| {
                keys.iter().collect::<Array>().into()
            });
            tables.line_unless("queue_expires", queue_expires, &usual.queue_expires, |expires| {
                expires.map_or_else(|| "never".to_owned(), duration_text).into()
            });
        }
        access.write(tables);
        proxy.write(tables);
        tables.line_unless("prefetch", prefetch, &usual.prefetch, |&count| i64::from(count).into());
        tables.line_unless("heartbeat", heartbeat, &usual.heartbeat, |&time| duration_text(time).into());
        tables.line_unless("max_message", max_message, &usual.max_message, |&bytes| size_text(bytes).into());
        tables.line_unless("connect_timeout", connect_timeout, &usual.connect_timeout, |&time| {
            duration_text(time).into()
        });
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let encrypted = self.is_encrypted();
        let options = AmqpOptions {
            port: self.url.port().unwrap_or(if encrypted { 5671 } else { 5672 }),
            encrypted,
            tls: self.access.tls(given.paths),
            proxy: self.proxy.proxy(given.credentials),
            login: self.login(given),
            vhost: self.vhost.clone(),
            prefetch: self.prefetch,
            heartbeat: self.heartbeat,
            max_message: in_memory(self.max_message),
            connect_timeout: self.connect_timeout,
            look: given.purpose == Purpose::Look,
            in_turns: given.in_turns,
            shown: self.shown_address(),
            ..AmqpOptions::new(self.url.host_str().unwrap_or_default(), self.queue_of(given.feed))
        };
        Arc::new(AmqpSource::new(options, given.clock))
    }
}

#[cfg(test)]
mod tests;
