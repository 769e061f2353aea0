//! Looking up the secrets a configuration refers to.
//!
//! A secret is shown to nobody: its `Debug` is `***`, and it has neither `Display` nor `Serialize`.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::configured::Configured;
use super::credentials::is_header_text;
use super::problem::{Problem, Problems};
use super::query::is_one_line;
use super::walk::quoted;
use super::{Config, HeaderValue, Paths, SecretRef};

/// Larger files hold no token.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// A text nobody may see.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself: for the request, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What one feed's request carries, ready to be sent: names with their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Headers, `Authorization` of a bearer token among them.
    pub headers: Vec<(String, Secret)>,
    /// What stands behind the `?` of the address beside what the configuration shows of it, encoded as it stands there.
    pub query: Vec<(String, Secret)>,
    /// Passwords and tokens, by the key they have in the configuration.
    pub secrets: Vec<(&'static str, Secret)>,
    /// The same of each further endpoint, in their order.
    pub backups: Vec<Credentials>,
}

impl Credentials {
    /// The secret that the configuration has under this key.
    pub fn secret(&self, key: &str) -> Option<&Secret> {
        self.secrets.iter().find(|(name, _)| *name == key).map(|(_, secret)| secret)
    }
}

/// The credentials of all feeds, by the feed's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets(HashMap<String, Credentials>);

static NONE: Credentials =
    Credentials { headers: Vec::new(), query: Vec::new(), secrets: Vec::new(), backups: Vec::new() };

impl Secrets {
    /// The credentials of a feed; none for one that has none.
    pub fn of(&self, feed: &str) -> &Credentials {
        self.0.get(feed).unwrap_or(&NONE)
    }
}

/// Looks up every secret of a configuration: variables through `env`, files on disk.
///
/// # Errors
/// One problem for each that is missing or unusable, at the place of its reference.
pub fn resolve_secrets(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Result<Secrets, Problems> {
    let mut places = config.origin.secrets.iter();
    let mut problems = Vec::new();
    let mut look_up = |reference: &SecretRef, form: &Form| {
        let place = places.next();
        read(reference, form, env)
            .map_err(|(message, cure)| {
                let nowhere = || Problem::of_file(&config.origin.file, String::new(), None);
                problems.push(Problem { message, cure: Some(cure), ..place.cloned().unwrap_or_else(nowhere) });
            })
            .ok()
    };
    let mut feeds = HashMap::new();
    let mut of = |table: &dyn Configured| {
        let (headers, bearer) = (table.headers(), table.bearer());
        let mut ready = Credentials::default();
        for (name, value) in headers {
            let value = match value {
                HeaderValue::Literal(text) => Some(text.clone()),
                HeaderValue::Secret(reference) => look_up(reference, &IN_HEADER),
            };
            ready.headers.extend(value.map(|value| (name.clone(), Secret(value))));
        }
        let token = bearer.and_then(|reference| look_up(reference, &IN_HEADER));
        ready.headers.extend(token.map(|token| ("Authorization".to_owned(), Secret(format!("Bearer {token}")))));
        for parameter in table.query() {
            let value = look_up(&parameter.secret, &IN_QUERY);
            ready.query.extend(value.map(|value| (parameter.sent_name(), Secret(parameter.sent(&value)))));
        }
        for (key, reference) in table.secrets() {
            let form = match key {
                "proxy" => &OF_PROXY,
                "creds" => &A_FILE,
                _ => &BY_ITSELF,
            };
            let value = look_up(reference, form);
            ready.secrets.extend(value.map(|value| (key, Secret(value))));
        }
        ready
    };
    for feed in &config.feeds {
        let mut ready = of(feed.source.configured());
        ready.backups = feed.backups.iter().map(|backup| of(backup.source.configured())).collect();
        feeds.insert(feed.name.clone(), ready);
    }
    if problems.is_empty() { Ok(Secrets(feeds)) } else { Err(Problems::new(problems)) }
}

/// What a secret must be to be sent.
struct Form {
    fits: fn(&str) -> bool,
    wrong: &'static str,
    cure: &'static str,
}

const IN_HEADER: Form = Form {
    fits: is_header_text,
    wrong: "holds characters that cannot be sent in a header",
    cure: "it must be one line of printable ASCII",
};
const BY_ITSELF: Form = Form {
    fits: is_one_line,
    wrong: "holds more than a line of text",
    cure: "it must be one line without control characters",
};
const OF_PROXY: Form = Form {
    fits: |text| feedwatch_ingest::Proxy::parse(text).is_ok(),
    wrong: "holds no address of a proxy",
    cure: "it must be http://user:password@host:port, or the same with socks5://",
};
/// What others write as a file: NATS has a token and a key in one.
const A_FILE: Form = Form {
    fits: |text| !text.chars().any(|letter| letter.is_control() && !letter.is_whitespace()),
    wrong: "holds what is no text",
    cure: "it must be a text file as it was given to you",
};
const IN_QUERY: Form =
    Form { fits: is_one_line, wrong: "holds more than a line of text", cure: "it must be one line without tabs" };

/// One secret, or what is wrong and its cure.
fn read(reference: &SecretRef, form: &Form, env: &dyn Fn(&str) -> Option<String>) -> Result<String, (String, String)> {
    let (text, what) = match reference {
        SecretRef::Env(name) => {
            // What is no usual name may be the secret itself, and is not repeated.
            let (what, cure) = if is_variable(name) {
                let cure = format!("set it before the console is started: export {name}=...");
                (format!("the variable {}", quoted(name)), cure)
            } else {
                let cure = "give the name of an environment variable that holds the secret, not the secret";
                ("the variable of this name".to_owned(), cure.to_owned())
            };
            (env(name).ok_or((format!("{what} is not set"), cure))?, what)
        }
        SecretRef::File(path) => {
            let path = Paths::new(env).map_or_else(|_| path.clone(), |paths| paths.expand(path));
            let what = format!("the file {}", quoted(&path.display().to_string()));
            let text = read_file(&path).map_err(|error| {
                (format!("{what} cannot be read: {error}"), "put the secret there, and nothing else".to_owned())
            })?;
            (text, what)
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err((format!("{what} is empty"), "put the secret there, and nothing else".into()));
    }
    if !(form.fits)(text) {
        return Err((format!("{what} {}", form.wrong), form.cure.into()));
    }
    Ok(text.to_owned())
}

/// Is this a name as shells allow it?
pub(crate) fn is_variable(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_SECRET_BYTES {
        return Err(std::io::Error::other("it is too large for a secret"));
    }
    Ok(text)
}
