//! `[feed.NAME.lines]`: lines of a server, of clients, of datagrams, or of our own standard input.
//!
//! ```toml
//! [feed.meter.lines]
//! url = "tcp://10.0.0.7:4001"            # connects; over TLS: tcp+tls://
//! subscribe = ["START"]                  # lines to send as soon as the connection is open
//! token = { env = "METER_TOKEN" }        # sent as the first line
//! tls = { ca = "ca.pem", cert = "client.pem", key = "client.key" }
//! proxy = "socks5://proxy:1080"
//! connect_timeout = "10s"
//! idle_timeout = "never"                 # or "60s"
//! max_message = "1MiB"
//!
//! [feed.plant.lines]
//! url = "tcp-listen://0.0.0.0:9000"      # listens; beyond this computer with a token only: the first line of a connection
//! token = { file = "token.txt" }
//! allow = ["10.0.0.0/8"]                 # optional: who may connect
//!
//! [feed.syslog.lines]
//! url = "udp://0.0.0.0:5140"             # beyond this computer with a list of senders only
//! allow = ["10.1.0.0/16", "10.2.0.7"]
//! framing = "newline"                    # or "datagram": each is one message
//!
//! [feed.piped.lines]
//! url = "stdin:"                         # of `feedwatch run` only, and of one feed only
//! ```

mod read;

use std::sync::Arc;
use std::time::Duration;

use feedwatch_ingest::{Framing, LinesOptions, LinesPlace, LinesSource, Secret, Source, TlsFiles};
use feedwatch_model::Protocol;
use ipnet::IpNet;
use toml_edit::Array;

use super::super::configured::{Configured, Given, in_memory};
use super::super::edit::Tables;
use super::super::units::{duration_text, size_text};
use super::super::{CONNECT_TIMEOUT, SecretRef};
use super::{Access, ProxyConfig};

/// Lines of whoever sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinesConfig {
    /// Where they come from.
    pub place: LinesPlace,
    /// What ends a message.
    pub framing: Framing,
    /// What the first line of a connection is.
    pub token: Option<SecretRef>,
    /// Files for TLS to a server.
    pub tls: TlsFiles,
    /// Through which proxy a server is reached.
    pub proxy: ProxyConfig,
    /// Who may connect or send where we listen; empty: everybody.
    pub allow: Vec<IpNet>,
    /// Lines sent to a server after each connect, in order.
    pub subscribe: Vec<String>,
    /// Longer lines are rejected, in bytes.
    pub max_message: u64,
    /// From the first packet to a server to the open connection.
    pub connect_timeout: Duration,
    /// Nothing at all came over a connection for so long: it is dead. `None`: never.
    pub idle_timeout: Option<Duration>,
}

const USUAL_MAX_MESSAGE: u64 = LinesOptions::MAX_MESSAGE as u64;

impl LinesConfig {
    /// With every default.
    pub fn new(place: LinesPlace) -> LinesConfig {
        LinesConfig {
            place,
            framing: Framing::default(),
            token: None,
            tls: TlsFiles::default(),
            proxy: ProxyConfig::default(),
            allow: Vec::new(),
            subscribe: Vec::new(),
            max_message: USUAL_MAX_MESSAGE,
            connect_timeout: CONNECT_TIMEOUT,
            idle_timeout: None,
        }
    }

    /// What an operator pastes.
    ///
    /// # Errors
    /// What is wrong, and the cure.
    pub fn from_address(
        url: &str,
        token: Option<SecretRef>,
        subscribe: Vec<String>,
    ) -> Result<LinesConfig, (String, &'static str)> {
        let url = url.parse().map_err(|error| (format!("The address cannot be read: {error}."), ADDRESS))?;
        let place = LinesPlace::parse(&url).map_err(|error| {
            let said = error.to_string();
            let (first, rest) = said.split_at(1);
            (format!("{}{rest}.", first.to_uppercase()), ADDRESS)
        })?;
        let config = LinesConfig { token, subscribe, ..LinesConfig::new(place) };
        match (&config.place, &config.token) {
            (LinesPlace::Listen(_), None) if config.place.is_open() => {
                let cure = "Put a token into an environment variable, give the variable's name below More, and have each \
                            sender say it as the first line. Or listen at 127.0.0.1.";
                Err(("Whoever reaches this computer could send to this feed.".to_owned(), cure))
            }
            (LinesPlace::Datagrams(_), _) if config.place.is_open() => {
                let cure = "Write the feed into the configuration, with allow = [\"10.0.0.0/8\"] for those who may. Or \
                            listen at 127.0.0.1.";
                Err(("Whoever reaches this computer could send to this feed.".to_owned(), cure))
            }
            (LinesPlace::Datagrams(_) | LinesPlace::Input, Some(_)) => {
                Err(("Only connections have a first line that could be a token.".to_owned(), "Leave the variable out."))
            }
            _ => Ok(config),
        }
    }
}

const ADDRESS: &str = "It looks like tcp://host:4001, tcp-listen://127.0.0.1:9000 or udp://127.0.0.1:5140.";

fn framing_word(framing: Framing) -> &'static str {
    match framing {
        Framing::Newline => "newline",
        Framing::Datagram => "datagram",
    }
}

impl Configured for LinesConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Lines
    }

    fn word(&self) -> &'static str {
        match self.place {
            LinesPlace::Server { encrypted: true, .. } => "tcp+tls",
            LinesPlace::Server { .. } | LinesPlace::Listen(_) => "tcp",
            LinesPlace::Datagrams(_) => "udp",
            LinesPlace::Input => "stdin",
        }
    }

    fn shown_address(&self) -> String {
        self.place.to_string()
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.max_message)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let token = self.token.iter().map(|reference| ("token", reference));
        token.chain(self.proxy.secrets()).collect()
    }

    fn write(&self, tables: &mut Tables) {
        let LinesConfig {
            place,
            framing,
            token,
            tls,
            proxy,
            allow,
            subscribe,
            max_message,
            connect_timeout,
            idle_timeout,
        } = self;
        tables.line("url", place.to_string());
        tables.line_unless("framing", framing, &Framing::Newline, |framing| framing_word(*framing).into());
        // The same two lines that brokers have.
        Access { token: token.clone(), tls: tls.clone(), ..Access::default() }.write(tables);
        proxy.write(tables);
        tables.line_unless("allow", allow, &Vec::new(), |allow| {
            allow.iter().map(ToString::to_string).collect::<Array>().into()
        });
        tables.line_unless("subscribe", subscribe, &Vec::new(), |lines| lines.iter().collect::<Array>().into());
        tables.line_unless("max_message", max_message, &USUAL_MAX_MESSAGE, |&bytes| size_text(bytes).into());
        tables.line_unless("connect_timeout", connect_timeout, &CONNECT_TIMEOUT, |&time| duration_text(time).into());
        tables.line_unless("idle_timeout", idle_timeout, &None, |time| {
            time.map_or_else(|| "never".to_owned(), duration_text).into()
        });
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let access = Access { tls: self.tls.clone(), ..Access::default() };
        let options = LinesOptions {
            framing: self.framing,
            token: given.credentials.secret("token").map(|token| Secret::new(token.expose())),
            tls: access.tls(given.paths),
            proxy: self.proxy.proxy(given.credentials),
            allow: self.allow.clone(),
            subscribe: self.subscribe.clone(),
            max_message: in_memory(self.max_message),
            connect_timeout: self.connect_timeout,
            idle_timeout: self.idle_timeout,
            ..LinesOptions::new(self.place.clone())
        };
        Arc::new(LinesSource::new(options, given.clock))
    }
}
