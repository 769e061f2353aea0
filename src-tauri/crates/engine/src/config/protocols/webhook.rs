//! `[feed.NAME.webhook]`: a listener for what other systems tell.
//!
//! ```toml
//! [feed.alerts.webhook]
//! listen = "127.0.0.1:8080"                      # beyond this computer only if its address is written here
//! path = "/alerts"                               # default: /; what stands below it is the topic
//! token = { env = "ALERTS_TOKEN" }               # required: Authorization: Bearer
//! token_header = "X-Gitlab-Token"                # for senders that know no bearer
//! token_parameter = "token"                      # for senders that know an address only: ?token=
//! tls = { cert = "server.pem", key = "server.key" }
//! max_message = "16MiB"
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use feedwatch_ingest::{Address, Secret, Source, WebhookOptions, WebhookSource};
use feedwatch_model::Protocol;
use toml_edit::{InlineTable, Value};

use super::super::configured::{Configured, Given, Purpose, in_memory};
use super::super::credentials::{is_token, secret_of, variable};
use super::super::edit::{Tables, path_text, secret_value};
use super::super::source::{MESSAGE_SIZES, Places};
use super::super::units::size_text;
use super::super::walk::{Field, Table, Walk, quoted};
use super::super::{MAX_MESSAGE, SecretRef, beside};

/// The longest path, header and parameter, in bytes.
const LONGEST: usize = 1_000;

/// A listener for what other systems tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// The path; begins with `/`.
    pub path: String,
    /// What a sender must prove to know; missing only for a look.
    pub token: Option<SecretRef>,
    /// The token as it was typed for a look; never read from a file nor written to one.
    pub typed: Option<Secret>,
    /// A header that may hold the token instead of `Authorization`.
    pub token_header: Option<String>,
    /// A parameter behind the `?` that may hold it.
    pub token_parameter: Option<String>,
    /// Our certificate and its key; relative paths are joined to the configuration's folder.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Longer messages are refused, in bytes.
    pub max_message: u64,
}

impl WebhookConfig {
    /// With every default, and without a token yet.
    pub fn new(listen: SocketAddr) -> WebhookConfig {
        WebhookConfig {
            listen,
            path: "/".to_owned(),
            token: None,
            typed: None,
            token_header: None,
            token_parameter: None,
            tls: None,
            max_message: MAX_MESSAGE,
        }
    }

    /// What an operator pastes: `webhook://127.0.0.1:8080/alerts`. The token is kept in a variable, or is `typed` for a look.
    ///
    /// # Errors
    /// What is wrong, and the cure.
    pub fn from_address(
        address: &Address,
        token: Option<SecretRef>,
        typed: Option<&str>,
    ) -> Result<WebhookConfig, (String, &'static str)> {
        let rest = address.url.strip_prefix("webhook://").unwrap_or(&address.url);
        let (place, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let listen = listener(place).map_err(|wrong| (format!("The address of a webhook {wrong}."), ADDRESS))?;
        if !is_path(path) {
            return Err(("The path of the webhook cannot be used.".to_owned(), ADDRESS));
        }
        if token.is_none() && typed.is_none() {
            let cure = "Put one into an environment variable, and give the variable's name below More; for a look from the \
                        terminal: --header 'Authorization: Bearer ...'.";
            return Err(("A webhook takes only what comes with a token.".to_owned(), cure));
        }
        let typed = typed.filter(|_| token.is_none()).map(Secret::new);
        Ok(WebhookConfig { path: path.to_owned(), token, typed, ..WebhookConfig::new(listen) })
    }

    /// Reads the table.
    pub(in super::super) fn read(
        walk: &mut Walk<'_>,
        feed: &str,
        mut table: Table<'_>,
        places: &mut Places,
    ) -> Option<WebhookConfig> {
        let listen = listen(walk, &mut table);
        let path = table.take("path").and_then(|field| path(walk, &field));
        let token = match table.take("token") {
            Some(field) => secret_of(walk, feed, &field, places),
            None if table.has_misspelt("token") => None,
            None => {
                let cure = Some(format!("add token = {}", variable(feed, "token")));
                walk.say(table.at.clone(), "a webhook takes only what comes with a token, and there is none", cure);
                None
            }
        };
        let token_header = table.take("token_header").and_then(|field| header(walk, &field));
        let token_parameter = table.take("token_parameter").and_then(|field| parameter(walk, &field));
        let tls = table.take("tls").and_then(|field| field.table(walk)).and_then(|table| tls(walk, table));
        let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
        table.finish(walk, |_| None);
        let usual = WebhookConfig::new(listen?);
        Some(WebhookConfig {
            listen: usual.listen,
            path: path.unwrap_or(usual.path),
            token: Some(token?),
            typed: None,
            token_header,
            token_parameter,
            tls,
            max_message: max_message.unwrap_or(usual.max_message),
        })
    }
}

const ADDRESS: &str = "Write it as webhook://127.0.0.1:8080/alerts";

/// Address and port, or what is wrong with the text.
fn listener(text: &str) -> Result<SocketAddr, &'static str> {
    let number = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    match number.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Ok(address),
        Ok(_) => Err("has port 0, which nobody could send to"),
        Err(_) => Err("is not the number of an address of this computer with a port"),
    }
}

fn listen(walk: &mut Walk<'_>, table: &mut Table<'_>) -> Option<SocketAddr> {
    let cure = || Some("write listen = \"127.0.0.1:8080\"".to_owned());
    let Some(field) = table.take("listen") else {
        if !table.has_misspelt("listen") {
            walk.say(table.at.clone(), "this table does not say where to listen", cure());
        }
        return None;
    };
    let text = field.text(walk)?;
    listener(text).map_err(|wrong| walk.say(field.at(), format!("{} {wrong}", quoted(text)), cure())).ok()
}

fn is_path(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte);
    text.starts_with('/') && text.len() <= LONGEST && text.bytes().all(fits)
}

fn path(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    if !is_path(text) {
        let cure = Some("write path = \"/alerts\"".to_owned());
        walk.say(field.at(), "a path begins with / and has neither spaces nor ? nor #", cure);
        return None;
    }
    Some(text.to_owned())
}

fn header(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    let wrong = if !is_token(text) || text.len() > LONGEST {
        "is no name for a header"
    } else if text.eq_ignore_ascii_case("authorization") {
        "is looked at anyway, as Authorization: Bearer"
    } else {
        return Some(text.to_owned());
    };
    let cure = Some("write token_header = \"X-Gitlab-Token\", or leave the line out".to_owned());
    walk.say(field.at(), format!("{} {wrong}", quoted(text)), cure);
    None
}

fn parameter(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<String> {
    let text = field.text(walk)?;
    if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
        let cure = Some("write token_parameter = \"token\"".to_owned());
        walk.say(field.at(), "this is no name for a parameter", cure);
        return None;
    }
    Some(text.to_owned())
}

/// A certificate of ours is of use with its key only; an authority is the senders' affair.
fn tls(walk: &mut Walk<'_>, mut table: Table<'_>) -> Option<(PathBuf, PathBuf)> {
    let at = table.at.clone();
    let [cert, key] = ["cert", "key"].map(|name| {
        let field = table.take(name)?;
        let text = field.text(walk)?;
        if text.trim().is_empty() {
            walk.say(field.at(), "the path is empty", Some(format!("write {name} = \"server.{name}\"")));
            return None;
        }
        Some(beside(walk.source.file, text))
    });
    table.finish(walk, |_| None);
    let (Some(cert), Some(key)) = (cert, key) else {
        let cure = "write tls = { cert = \"server.pem\", key = \"server.key\" }".to_owned();
        walk.say(at, "encryption needs both cert and key", Some(cure));
        return None;
    };
    Some((cert, key))
}

impl Configured for WebhookConfig {
    fn protocol(&self) -> Protocol {
        Protocol::Webhook
    }

    fn shown_address(&self) -> String {
        format!("webhook://{}{}", self.listen, self.path)
    }

    fn max_message(&self) -> Option<u64> {
        Some(self.max_message)
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        self.token.iter().map(|reference| ("token", reference)).collect()
    }

    fn look_remark(&self) -> Option<&'static str> {
        Some("What came was looked at and not kept: its senders were told to try again.")
    }

    fn write(&self, tables: &mut Tables) {
        let WebhookConfig { listen, path, token, typed: _, token_header, token_parameter, tls, max_message } = self;
        tables.line("listen", listen.to_string());
        tables.line_unless("path", path, &"/".to_owned(), |path| path.as_str().into());
        if let Some(reference) = token {
            tables.line("token", secret_value(reference, false));
        }
        if let Some(name) = token_header {
            tables.line("token_header", name.as_str());
        }
        if let Some(name) = token_parameter {
            tables.line("token_parameter", name.as_str());
        }
        if let Some((cert, key)) = tls {
            let files = [("cert", cert), ("key", key)].into_iter();
            tables.line("tls", files.map(|(name, path)| (name, Value::from(path_text(path)))).collect::<InlineTable>());
        }
        tables.line_unless("max_message", max_message, &MAX_MESSAGE, |&bytes| size_text(bytes).into());
    }

    fn source(&self, given: &Given<'_>) -> Arc<dyn Source> {
        let kept = || given.credentials.secret("token").map(|secret| Secret::new(secret.expose()));
        let token = self.typed.clone().or_else(kept).unwrap_or_else(|| Secret::new(""));
        let options = WebhookOptions {
            path: self.path.clone(),
            token_header: self.token_header.clone(),
            token_parameter: self.token_parameter.clone(),
            tls: self.tls.as_ref().map(|(cert, key)| (given.paths.expand(cert), given.paths.expand(key))),
            max_message: in_memory(self.max_message),
            look: given.purpose == Purpose::Look,
            ..WebhookOptions::new(self.listen, token)
        };
        Arc::new(WebhookSource::new(options, given.clock))
    }
}

#[cfg(test)]
mod tests;
