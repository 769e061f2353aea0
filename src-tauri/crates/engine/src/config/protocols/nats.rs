//! `[feed.NAME.nats]`: subjects of NATS, or a stream of JetStream.
//!
//! ```toml
//! [feed.prices.nats]                     # whatever comes while we listen
//! url = "nats://localhost"               # port 4222; nats+tls:// over TLS
//! subjects = ["prices.>", "x.*.temp"]    # * for a word, a last > for all that follows
//! queue = "collectors"                   # each message goes to one member of this group only
//!
//! [feed.orders.nats]                     # a stream keeps what is not acknowledged
//! url = "nats+tls://server:4222"
//! stream = "ORDERS"
//! subjects = ["orders.eu.>"]             # a part of the stream; default: all of it
//! durable = "feedwatch-orders"           # the consumer that remembers how far we are; the usual one is made of the feed's name
//! start = "latest"                       # or "earliest", or a time; where neither consumer nor history know
//! max_ack_pending = 8000                 # messages handed out before the first is acknowledged
//! user = "feedwatch"                     # or a token, creds, nkey, or a client certificate
//! password = { env = "ORDERS_PASSWORD" }
//! creds = { file = "orders.creds" }      # a credentials file: JWT and seed
//! nkey = { file = "seed.txt" }           # a seed alone
//! tls = { ca = "ca.pem", cert = "client.pem", key = "client.key" }
//! proxy = "socks5://proxy:1080"
//! ping_interval = "20s"                  # nothing heard for so long: asked; for twice as long: taken for dead
//! max_message = "16MiB"
//! connect_timeout = "10s"
//! ```
//!
//! A consumer that is there already under the name `durable` and is not ours is used as it is and never changed. Consoles
//! that are to share the messages name the same `durable`.

mod read;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::{Address, Login, NatsOptions, NatsRead, NatsSource, NatsStart, NatsStream, Secret, Source};
use feedwatch_model::Protocol;
use toml_edit::Array;
use url::Url;

use super::super::configured::{Configured, Given, Purpose, in_memory};
use super::super::edit::{Tables, secret_value};
use super::super::units::{duration_text, size_text};
use super::super::{CONNECT_TIMEOUT, MAX_MESSAGE, SecretRef};
use super::broker::bare;
use super::{Access, ProxyConfig};

const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Subjects of NATS, or a stream of JetStream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsConfig {
    /// `nats://` or `nats+tls://` with host and port. For a look it may hold user and password, or a token.
    pub url: Url,
    /// What is read; of a stream it may be empty: all of it.
    pub subjects: Vec<String>,
    /// The queue group, without a stream.
    pub queue: Option<String>,
    /// The stream.
    pub stream: Option<String>,
    /// Its consumer; `None`: one named after the feed.
    pub durable: Option<String>,
    /// Where it is begun if neither consumer nor history know.
    pub start: NatsStart,
    /// Messages that are handed out before the first of them is acknowledged.
    pub max_ack_pending: u16,
    /// Who we are, and whom we trust.
    pub access: Access,
    /// A credentials file.
    pub creds: Option<SecretRef>,
    /// The seed of a key.
    pub nkey: Option<SecretRef>,
    /// Through which proxy.
    pub proxy: ProxyConfig,
    /// Nothing was heard for so long: the server is asked.
    pub ping_interval: Duration,
    /// Longer messages end the connection, in bytes.
    pub max_message: u64,
    /// From the first packet until everything is subscribed.
    pub connect_timeout: Duration,
}

impl NatsConfig {
    /// With every default; neither subjects nor a stream yet.
    pub fn new(url: Url) -> NatsConfig {
        NatsConfig {
            url,
            subjects: Vec::new(),
            queue: None,
            stream: None,
            durable: None,
            start: NatsStart::default(),
            max_ack_pending: NatsOptions::MAX_ACK_PENDING,
            access: Access::default(),
            creds: None,
            nkey: None,
            proxy: ProxyConfig::default(),
            ping_interval: PING_INTERVAL,
            max_message: MAX_MESSAGE,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// What an operator pastes: `nats://host/subject.>`, several with commas, or `nats://host/?stream=NAME`. What stands before
    /// an `@` is a login and is taken where it is `allowed` only; `secret`: where a password or a token is kept otherwise.
    ///
    /// # Errors
    /// What is wrong, and the cure.
    pub fn from_address(
        address: &Address,
        secret: Option<SecretRef>,
        allowed: bool,
    ) -> Result<NatsConfig, (String, &'static str)> {
        let url: Url =
            address.url.parse().map_err(|error| (format!("The address cannot be read: {error}."), ADDRESS))?;
        let has_login = !url.username().is_empty() || url.password().is_some();
        if has_login && !allowed {
            let message = "The address has a user, a password or a token in it, in front of the @: these are not kept.";
            let cure = "Take it out. Put a token into an environment variable and give the variable's name below More; user \
                        and password are written into the configuration.";
            return Err((message.to_owned(), cure));
        }
        let mut config = NatsConfig::new(bare(&url));
        for (name, value) in url.query_pairs() {
            match &*name {
                "stream" => config.stream = Some(value.into_owned()),
                "queue" => config.queue = Some(value.into_owned()),
                _ => return Err((format!("The address has {name:?}, which is not known."), ADDRESS)),
            }
        }
        let subjects = address.topic.split(',').map(str::trim).filter(|subject| !subject.is_empty());
        config.subjects = subjects.map(str::to_owned).collect();
        if config.subjects.is_empty() && config.stream.is_none() {
            return Err(("The address names no subject.".to_owned(), ADDRESS));
        }
        if let Some((subject, wrong)) = subject::first_wrong(&config.subjects) {
            return Err((format!("The subject {subject:?} {wrong}."), ADDRESS));
        }
        if config.stream.as_deref().is_some_and(|name| !subject::is_name(name)) {
            return Err(("The address names no stream that there can be.".to_owned(), ADDRESS));
        }
        config.access.token = secret.filter(|_| !has_login);
        Ok(config)
    }

    fn is_encrypted(&self) -> bool {
        self.url.scheme() == "nats+tls"
    }

    fn read_of(&self, feed: &str) -> NatsRead {
        match &self.stream {
            None => NatsRead::Core { queue: self.queue.clone() },
            Some(name) => NatsRead::Stream(NatsStream {
                name: name.clone(),
                // A consumer's name has no dots.
                durable: self.durable.clone().unwrap_or_else(|| format!("feedwatch-{}", feed.replace('.', "="))),
                shared: self.durable.is_some(),
                start: self.start,
                max_ack_pending: self.max_ack_pending,
            }),
        }
    }

    /// What the address says comes first: it is there for a look only.
    fn login(&self, given: &Given<'_>) -> Login {
        match (self.url.username(), self.url.password()) {
            ("", None) => self.access.login(given.credentials),
            (user, password) => NatsOptions::login_of(user, password),
        }
    }
}

const ADDRESS: &str = "Write it as nats://host/subject.> or, for a stream of JetStream, nats://host/?stream=NAME";

impl Configured for NatsConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Nats
    }

    fn shown_address(&self) -> String {
        let queue = self.queue.iter().map(|queue| format!("queue={queue}"));
        let pairs: Vec<String> = self.stream.iter().map(|stream| format!("stream={stream}")).chain(queue).collect();
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        let url = feedwatch_ingest::redact(self.url.as_str());
        format!("{}/{}{query}", url.trim_end_matches('/'), self.subjects.join(","))
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.max_message)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let own = [("creds", &self.creds), ("nkey", &self.nkey)].into_iter();
        let own = own.filter_map(|(name, reference)| Some((name, reference.as_ref()?)));
        self.access.secrets().into_iter().chain(own).chain(self.proxy.secrets()).collect()
    }

    fn comes_again(&self) -> bool {
        self.stream.is_some()
    }

    fn write(&self, tables: &mut Tables) {
        let usual = NatsConfig::new(self.url.clone());
        let NatsConfig {
            url,
            subjects,
            queue,
            stream,
            durable,
            start,
            max_ack_pending,
            access,
            creds,
            nkey,
            proxy,
            ping_interval,
            max_message,
            connect_timeout,
        } = self;
        tables.line("url", url.as_str());
        for (key, text) in [("stream", stream), ("queue", queue), ("durable", durable)] {
            if let Some(text) = text {
                tables.line(key, text.as_str());
            }
        }
        tables.line_unless("subjects", subjects, &usual.subjects, |subjects| subjects.iter().collect::<Array>().into());
        tables.line_unless("start", start, &usual.start, |start| start_text(*start).into());
        tables
            .line_unless("max_ack_pending", max_ack_pending, &usual.max_ack_pending, |&count| i64::from(count).into());
        access.write(tables);
        for (key, reference) in [("creds", creds), ("nkey", nkey)] {
            if let Some(reference) = reference {
                tables.line(key, secret_value(reference, false));
            }
        }
        proxy.write(tables);
        tables.line_unless("ping_interval", ping_interval, &usual.ping_interval, |&time| duration_text(time).into());
        tables.line_unless("max_message", max_message, &usual.max_message, |&bytes| size_text(bytes).into());
        tables.line_unless("connect_timeout", connect_timeout, &usual.connect_timeout, |&time| {
            duration_text(time).into()
        });
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let secret = |name| given.credentials.secret(name).map(|secret| Secret::new(secret.expose()));
        let options = NatsOptions {
            port: self.url.port().unwrap_or(4222),
            encrypted: self.is_encrypted(),
            tls: self.access.tls(given.paths),
            proxy: self.proxy.proxy(given.credentials),
            login: self.login(given),
            creds: secret("creds"),
            nkey: secret("nkey"),
            read: self.read_of(given.feed),
            max_message: in_memory(self.max_message),
            ping_interval: self.ping_interval,
            connect_timeout: self.connect_timeout,
            look: given.purpose == Purpose::Look,
            shown: self.shown_address(),
            ..NatsOptions::new(self.url.host_str().unwrap_or_default(), self.subjects.clone())
        };
        Arc::new(NatsSource::new(options, given.clock))
    }
}

fn start_text(start: NatsStart) -> String {
    match start {
        NatsStart::Earliest => "earliest".to_owned(),
        NatsStart::Latest => "latest".to_owned(),
        NatsStart::At(time) => time.to_string(),
    }
}

#[cfg(test)]
mod tests;
