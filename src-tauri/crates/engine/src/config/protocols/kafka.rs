//! Topics of Apache Kafka.
//!
//! ```toml
//! [feed.prices.kafka]
//! url = "kafka://host1:9092,host2:9092"   # kafka+tls:// over TLS
//! topics = ["prices", "^prices-.*"]       # one that begins with ^ is a regular expression
//! group = "feedwatch-prices"              # the usual one is made of the feed's name
//! start = "latest"                        # or "earliest", or a time; where the group has not read yet
//! sasl = "scram-sha-512"                  # or "scram-sha-256", "plain"; with user and password
//! user = "feedwatch"
//! password = { env = "PRICES_PASSWORD" }
//! tls = { ca = "ca.pem" }
//! max_message = "16MiB"
//! connect_timeout = "10s"
//! ```

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::{
    Clock, KafkaOptions, KafkaRole, KafkaSasl, KafkaServers, KafkaSource, KafkaStart, Login, Secret, ServersError,
    Source,
};
use feedwatch_model::{Protocol, Time};
use toml_edit::Array;

use super::super::configured::{Configured, Given, Purpose, in_memory};
use super::super::credentials::variable;
use super::super::edit::Tables;
use super::super::source::{MESSAGE_SIZES, MOST, Places, TIMEOUTS};
use super::super::units::{duration_text, size_text};
use super::super::walk::{Field, Table, Walk, quoted};
use super::super::{CONNECT_TIMEOUT, MAX_MESSAGE, SecretRef};
use super::Access;

/// A feed of topics of Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Some brokers of the cluster: `kafka://host:port,host:port` or `kafka+tls://`.
    pub servers: KafkaServers,
    /// Topics, at least one; those that begin with `^` are regular expressions.
    pub topics: Vec<String>,
    /// The consumer group; `None`: `feedwatch-` and the feed's name.
    pub group: Option<String>,
    /// Where a partition is begun that the group has not read yet.
    pub start: KafkaStart,
    /// How user and password are proven.
    pub sasl: Option<KafkaSasl>,
    /// Who we are, and whom we trust.
    pub access: Access,
    /// Longer messages end the connection, in bytes.
    pub max_message: u64,
    /// From the first packet until topics and group are known to be there.
    pub connect_timeout: Duration,
    /// User and password that were typed in the address of a look; never read from a file nor written to one.
    pub typed: Option<(String, Secret)>,
}

impl KafkaConfig {
    /// With every default.
    pub fn new(servers: KafkaServers, topics: Vec<String>) -> KafkaConfig {
        KafkaConfig {
            servers,
            topics,
            group: None,
            start: KafkaStart::default(),
            sasl: None,
            access: Access::default(),
            max_message: MAX_MESSAGE,
            connect_timeout: CONNECT_TIMEOUT,
            typed: None,
        }
    }

    /// What an operator pasted: `kafka://user:password@host,host/topic,topic`, of which the ingest's parser has taken the
    /// topics apart.
    ///
    /// # Errors
    /// A sentence that says what to paste.
    pub fn from_address(url: &str, topics: &str) -> Result<KafkaConfig, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("kafka", url));
        let (login, hosts) = match rest.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, rest),
        };
        let servers = KafkaServers::parse(&format!("{scheme}://{hosts}"))
            .map_err(|error| format!("The address cannot be read: {error}. It looks like kafka://host:9092/topic."))?;
        let topics: Vec<String> =
            topics.split(',').map(str::trim).filter(|topic| !topic.is_empty()).map(str::to_owned).collect();
        if topics.is_empty() {
            let list = servers.to_string();
            return Err(format!("The address names no topic. Write it behind the brokers: {list}/topic."));
        }
        if let Some(wrong) = topics.iter().find(|topic| wrong_topic(topic).is_some()) {
            return Err(format!("{} is no name for a topic.", quoted(wrong)));
        }
        let typed = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (percent_decoded(user), Secret::new(percent_decoded(password)))
        });
        // An address does not say how: over TLS most clusters take the password as it is, else it must not be seen.
        let usual = if servers.tls() { KafkaSasl::Plain } else { KafkaSasl::ScramSha256 };
        let sasl = typed.as_ref().map(|_| usual);
        Ok(KafkaConfig { sasl, typed, ..KafkaConfig::new(servers, topics) })
    }

    fn options(&self, given: &Given<'_>) -> KafkaOptions {
        let role = match given.purpose {
            Purpose::Look => KafkaRole::Look,
            Purpose::Watch => {
                let usual = || format!("feedwatch-{}", given.feed);
                KafkaRole::Member { group: self.group.clone().unwrap_or_else(usual) }
            }
        };
        let typed = self.typed.as_ref().map(|(user, password)| Login {
            user: Some(user.clone()),
            password: Some(password.clone()),
            token: None,
        });
        KafkaOptions {
            topics: self.topics.clone(),
            start: self.start,
            sasl: self.sasl,
            login: typed.unwrap_or_else(|| self.access.login(given.credentials)),
            tls: self.access.tls(given.paths),
            max_message: in_memory(self.max_message),
            connect_timeout: self.connect_timeout,
            ..KafkaOptions::new(self.servers.clone(), role)
        }
    }
}

/// As it stands in front of an `@`: a plus is a plus there.
fn percent_decoded(text: &str) -> String {
    let kept = ['+', '=', '&']
        .iter()
        .fold(text.to_owned(), |text, letter| text.replace(*letter, &format!("%{:02X}", u32::from(*letter))));
    super::super::decoded(&kept).0
}

/// Reads `[feed.NAME.kafka]`.
pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    feed: &str,
    mut table: Table<'_>,
    places: &mut Places,
) -> Option<KafkaConfig> {
    let servers = servers(walk, feed, &mut table);
    let topics = topics(walk, &mut table);
    let group = table.take("group").and_then(|field| group(walk, &field));
    let start = table.take("start").and_then(|field| start(walk, &field));
    let sasl_field = table.take("sasl");
    let sasl_at = sasl_field.as_ref().map(|field| field.key_at.clone());
    let sasl = sasl_field.and_then(|field| sasl(walk, &field));
    let access = Access::read(walk, feed, &mut table, false, places);
    let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
    let connect_timeout = table.take("connect_timeout").and_then(|field| field.duration(walk, TIMEOUTS));
    let at = table.at.clone();
    table.finish(walk, |_| None);
    check_login(walk, feed, &at, sasl_at, &access);
    let servers = servers?;
    check_tls(walk, &at, &servers, &access);
    let usual = KafkaConfig::new(servers, topics?);
    Some(KafkaConfig {
        group,
        start: start.unwrap_or(usual.start),
        sasl,
        access,
        max_message: max_message.unwrap_or(usual.max_message),
        connect_timeout: connect_timeout.unwrap_or(usual.connect_timeout),
        ..usual
    })
}

const EXAMPLE: &str = "url = \"kafka://host:9092\"";

fn servers(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>) -> Option<KafkaServers> {
    let Some(field) = table.take("url") else {
        if !table.has_misspelt("url") {
            walk.say(table.at.clone(), "this table has no url", Some(format!("add {EXAMPLE}")));
        }
        return None;
    };
    let error = match KafkaServers::parse(field.text(walk)?) {
        Ok(servers) => return Some(servers),
        Err(error) => error,
    };
    match error {
        ServersError::Credentials => {
            let password = variable(feed, "password");
            let cure =
                format!("take them out, and write sasl = \"scram-sha-512\", user = \"...\" and password = {password}");
            walk.say_secret(field.at(), error.to_string(), Some(cure));
        }
        ServersError::Rest => {
            let cure = format!("write {EXAMPLE} and topics = [\"...\"]");
            walk.say(field.at(), error.to_string(), Some(cure));
        }
        _ => walk.say(field.at(), error.to_string(), Some(format!("write {EXAMPLE}, or several with commas"))),
    }
    None
}

fn topics(walk: &mut Walk<'_>, table: &mut Table<'_>) -> Option<Vec<String>> {
    let cure = "topics = [\"prices\"]";
    let Some(field) = table.take("topics") else {
        if !table.has_misspelt("topics") {
            walk.say(table.at.clone(), "this table has no topics", Some(format!("add {cure}")));
        }
        return None;
    };
    let texts = field.texts(walk)?;
    if texts.is_empty() {
        walk.say(field.at(), "there are no topics", Some(format!("write {cure}")));
        return None;
    }
    if texts.len() > MOST {
        let cure = "write a regular expression: topics = [\"^prices-.*\"]".to_owned();
        walk.say(field.at(), format!("there are more than {MOST} topics"), Some(cure));
        return None;
    }
    let mut topics: Vec<String> = Vec::new();
    for (text, at) in texts {
        if let Some(wrong) = wrong_topic(text) {
            walk.say(at, format!("{} {wrong}", quoted(text)), Some(format!("write {cure}, or [\"^prices-.*\"]")));
        } else if topics.iter().any(|other| other == text) {
            walk.say(at, format!("topic {} is given twice", quoted(text)), Some("keep one".into()));
        } else {
            topics.push(text.to_owned());
        }
    }
    Some(topics)
}

/// Why this can be no topic.
fn wrong_topic(text: &str) -> Option<&'static str> {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match text.strip_prefix('^') {
        Some("") => Some("is an empty regular expression"),
        Some(_) if text.len() > LONGEST_PATTERN || text.contains('\0') => {
            Some("is no regular expression that is taken")
        }
        Some(_) => None,
        None if matches!(text, "" | "." | "..") || text.len() > LONGEST || !text.chars().all(name) => {
            Some("is no name for a topic")
        }
        None => None,
    }
}

/// Of a topic's name, as Kafka has it.
const LONGEST: usize = 249;
const LONGEST_PATTERN: usize = 1_000;

fn group(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    if text.trim().is_empty() || text.len() > LONGEST || text.chars().any(super::super::is_unprintable) {
        let cure = "write group = \"feedwatch\", or leave the line out".to_owned();
        walk.say(field.at(), "this is no name for a group", Some(cure));
        return None;
    }
    Some(text.to_owned())
}

fn start(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<KafkaStart> {
    match field.text(walk)? {
        "earliest" => Some(KafkaStart::Earliest),
        "latest" => Some(KafkaStart::Latest),
        text => match Time::parse_rfc3339(text) {
            // Kafka's times are whole milliseconds since 1970.
            Ok(time) if time.nanos() >= 0 => Some(KafkaStart::At(time)),
            _ => {
                let cure = "write \"earliest\", \"latest\", or a time like \"2026-03-01T12:00:00Z\"".to_owned();
                walk.say(field.at(), format!("{} says no start", quoted(text)), Some(cure));
                None
            }
        },
    }
}

fn sasl(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<KafkaSasl> {
    let text = field.text(walk)?;
    let found = KafkaSasl::ALL.into_iter().find(|sasl| sasl.word() == text.to_ascii_lowercase());
    if found.is_none() {
        let cure = "write \"plain\", \"scram-sha-256\" or \"scram-sha-512\"".to_owned();
        walk.say(field.at(), format!("{} is no way to log in that is spoken here", quoted(text)), Some(cure));
    }
    found
}

/// User, password and `sasl` need each other.
fn check_login(walk: &mut Walk<'_>, feed: &str, at: &Range<usize>, sasl: Option<Range<usize>>, access: &Access) {
    let Access { user, password, token: _, tls: _ } = access;
    match sasl {
        Some(at) if user.is_none() || password.is_none() => {
            let cure = format!("add user = \"...\" and password = {}", variable(feed, "password"));
            walk.say(at, "\"sasl\" needs a user and a password", Some(cure));
        }
        None if user.is_some() => {
            let cure = "add sasl = \"scram-sha-512\" (or \"scram-sha-256\", \"plain\")".to_owned();
            walk.say(at.clone(), "there is a user, but not how to log in", Some(cure));
        }
        _ => {}
    }
}

fn check_tls(walk: &mut Walk<'_>, at: &Range<usize>, servers: &KafkaServers, access: &Access) {
    let tls = &access.tls;
    if !servers.tls() && (tls.ca.is_some() || tls.cert.is_some()) {
        let cure = "write url = \"kafka+tls://...\"".to_owned();
        walk.say(at.clone(), "there are files for TLS, but the address is without it", Some(cure));
    }
}

impl Configured for KafkaConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Kafka
    }

    fn shown_address(&self) -> String {
        self.servers.to_string()
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.max_message)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        self.access.secrets()
    }

    fn write(&self, tables: &mut Tables) {
        let usual = KafkaConfig::new(self.servers.clone(), Vec::new());
        let KafkaConfig {
            servers,
            topics,
            group,
            start,
            sasl,
            access,
            max_message,
            connect_timeout,
            typed: _, // a look is never written
        } = self;
        tables.line("url", servers.to_string());
        tables.line("topics", topics.iter().collect::<Array>());
        if let Some(group) = group {
            tables.line("group", group.as_str());
        }
        tables.line_unless("start", start, &usual.start, |start| start_text(*start).into());
        if let Some(sasl) = sasl {
            tables.line("sasl", sasl.word());
        }
        access.write(tables);
        tables.line_unless("max_message", max_message, &usual.max_message, |&bytes| size_text(bytes).into());
        tables.line_unless("connect_timeout", connect_timeout, &usual.connect_timeout, |&time| {
            duration_text(time).into()
        });
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let clock: Clock = given.clock;
        Arc::new(KafkaSource::new(self.options(given), clock))
    }
}

fn start_text(start: KafkaStart) -> String {
    match start {
        KafkaStart::Earliest => "earliest".to_owned(),
        KafkaStart::Latest => "latest".to_owned(),
        KafkaStart::At(time) => time.to_string(),
    }
}
