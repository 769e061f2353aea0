//! Looking up the secrets a configuration refers to.
//!
//! A secret is shown to nobody: its `Debug` is `***`, and it has neither `Display` nor `Serialize`.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use feedwatch_decode::SignatureKey;

use super::configured::Configured;
use super::credentials::is_header_text;
use super::problem::{Problem, Problems};
use super::query::is_one_line;
use super::walk::quoted;
use super::{Config, HeaderValue, Paths, SecretRef, Signature};

/// Larger files hold no token.
pub(crate) const MAX_SECRET_BYTES: u64 = 64 << 10;

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
    /// What signatures are checked with: a secret, or a public key as its file has it.
    pub signature: Option<Secret>,
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
    Credentials { headers: Vec::new(), query: Vec::new(), secrets: Vec::new(), signature: None, backups: Vec::new() };

impl Secrets {
    /// The credentials of a feed; none for one that has none.
    pub fn of(&self, feed: &str) -> &Credentials {
        self.0.get(feed).unwrap_or(&NONE)
    }
}

/// Looks up every secret of a configuration: variables through `env`, files on disk. Programs that print one are looked
/// for and not run, and the keyring is not asked: what they would say is missing in what is given.
///
/// # Errors
/// One problem for each that is missing or unusable, at the place of its reference.
pub fn resolve_secrets(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Result<Secrets, Problems> {
    let mut places = config.origin.secrets.iter();
    let mut problems = Vec::new();
    let mut look = |reference: &SecretRef, form: &Form| {
        let place = places.next();
        let read = match reference {
            SecretRef::Command(command) => find(command, env).map(|()| None),
            SecretRef::Keyring(_) => Ok(None),
            reference => read(reference, form, env, &|_| None).map(Some),
        };
        read.unwrap_or_else(|(message, cure)| {
            let nowhere = || Problem::of_file(&config.origin.file, String::new(), None);
            problems.push(Problem { message, cure: Some(cure), ..place.cloned().unwrap_or_else(nowhere) });
            None
        })
    };
    let mut feeds = HashMap::new();
    for feed in &config.feeds {
        let mut ready = credentials(feed.source.configured(), &mut look);
        ready.backups = feed.backups.iter().map(|backup| credentials(backup.source.configured(), &mut look)).collect();
        ready.signature = feed.signature.as_ref().and_then(|key| signature(key, &mut look));
        feeds.insert(feed.name.clone(), ready);
    }
    if problems.is_empty() { Ok(Secrets(feeds)) } else { Err(Problems::new(problems)) }
}

/// Looks up the secrets of one table; `said`: what a program or the keyring has said.
///
/// # Errors
/// What is wrong with the first that is missing or unusable, and the cure, in sentences.
pub(crate) fn look_up(
    table: &dyn Configured,
    env: &dyn Fn(&str) -> Option<String>,
    said: &dyn Fn(&SecretRef) -> Option<String>,
) -> Result<Credentials, String> {
    let mut wrong = None;
    let ready = credentials(table, &mut |reference, form| match read(reference, form, env, said) {
        Ok(text) => Some(text),
        Err((message, cure)) => {
            wrong.get_or_insert_with(|| super::problem::sentences(&message, &cure));
            None
        }
    });
    match wrong {
        None => Ok(ready),
        Some((message, cure)) => Err(format!("{message} {cure}")),
    }
}

/// The same for the key that signatures are checked with.
///
/// # Errors
/// What is wrong with it, and the cure, in sentences.
pub(crate) fn look_up_key(
    key: &Signature,
    env: &dyn Fn(&str) -> Option<String>,
    said: &dyn Fn(&SecretRef) -> Option<String>,
) -> Result<Secret, String> {
    let (reference, form) = asked_for(key);
    read(&reference, form, env, said).map(Secret).map_err(|(message, cure)| {
        let (message, cure) = super::problem::sentences(&message, &cure);
        format!("{message} {cure}")
    })
}

fn signature(key: &Signature, look: &mut dyn FnMut(&SecretRef, &Form) -> Option<String>) -> Option<Secret> {
    let (reference, form) = asked_for(key);
    look(&reference, form).map(Secret)
}

fn asked_for(key: &Signature) -> (SecretRef, &'static Form) {
    match key {
        Signature::Secret(reference) => (reference.clone(), &BY_ITSELF),
        Signature::PublicKey(path) => (SecretRef::File(path.clone()), &PUBLIC_KEY),
    }
}

/// Does the table name secrets that are kept elsewhere?
pub(crate) fn has_secrets(table: &dyn Configured) -> bool {
    let mut found = false;
    credentials(table, &mut |_, _| {
        found = true;
        None
    });
    found
}

/// Where secrets of the table, and the key of signatures, are that cannot be looked up at once: programs and the keyring, each once.
pub(crate) fn asked_of(table: &dyn Configured, key: Option<&Signature>) -> Vec<SecretRef> {
    let mut asked: Vec<SecretRef> = Vec::new();
    let mut ask = |reference: &SecretRef, _: &Form| {
        if matches!(reference, SecretRef::Command(_) | SecretRef::Keyring(_)) && !asked.contains(reference) {
            asked.push(reference.clone());
        }
        None
    };
    credentials(table, &mut ask);
    key.and_then(|key| signature(key, &mut ask));
    asked
}

/// Asks for each secret of a table, in the order in which they were read.
fn credentials(table: &dyn Configured, look: &mut dyn FnMut(&SecretRef, &Form) -> Option<String>) -> Credentials {
    let mut ready = Credentials::default();
    for (name, value) in table.headers() {
        let value = match value {
            HeaderValue::Literal(text) => Some(text.clone()),
            HeaderValue::Secret(reference) => look(reference, &IN_HEADER),
        };
        ready.headers.extend(value.map(|value| (name.clone(), Secret(value))));
    }
    let token = table.bearer().and_then(|reference| look(reference, &IN_HEADER));
    ready.headers.extend(token.map(|token| ("Authorization".to_owned(), Secret(format!("Bearer {token}")))));
    for parameter in table.query() {
        let value = look(&parameter.secret, &IN_QUERY);
        ready.query.extend(value.map(|value| (parameter.sent_name(), Secret(parameter.sent(&value)))));
    }
    for (key, reference) in table.secrets() {
        let form = match key {
            "proxy" => &OF_PROXY,
            "creds" => &A_FILE,
            _ => &BY_ITSELF,
        };
        ready.secrets.extend(look(reference, form).map(|value| (key, Secret(value))));
    }
    ready
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
const PUBLIC_KEY: Form = Form {
    fits: |text| SignatureKey::public(text.as_bytes()).is_ok(),
    wrong: "holds no public key of RSA, P-256 or Ed25519",
    cure: "it begins with -----BEGIN PUBLIC KEY-----; openssl x509 -pubkey -noout -in FILE prints that of a certificate",
};
const IN_QUERY: Form =
    Form { fits: is_one_line, wrong: "holds more than a line of text", cure: "it must be one line without tabs" };

/// One secret, or what is wrong and its cure.
fn read(
    reference: &SecretRef,
    form: &Form,
    env: &dyn Fn(&str) -> Option<String>,
    said: &dyn Fn(&SecretRef) -> Option<String>,
) -> Result<String, (String, String)> {
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
        SecretRef::Command(command) => {
            let what = format!("the output of {}", quoted(command.first().map_or("", String::as_str)));
            let cure = || "run it by hand: it must print the secret and nothing else".to_owned();
            (said(reference).ok_or_else(|| (format!("{what} is not there"), cure()))?, what)
        }
        SecretRef::Keyring(name) => {
            let what = format!("the entry {} of the keyring", quoted(name));
            let cure = || "put the secret there".to_owned();
            (said(reference).ok_or_else(|| (format!("{what} is not there"), cure()))?, what)
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

/// Is the program there? It is not run.
fn find(command: &[String], env: &dyn Fn(&str) -> Option<String>) -> Result<(), (String, String)> {
    let program = command.first().map_or("", String::as_str);
    let is_there = if program.contains(std::path::is_separator) {
        let path = Paths::new(env).map_or_else(|_| program.into(), |paths| paths.expand(Path::new(program)));
        path.is_file()
    } else {
        let folders = env("PATH").unwrap_or_default();
        let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(&folders).any(|folder| folder.join(program).is_file() || folder.join(&file).is_file())
    };
    if is_there {
        return Ok(());
    }
    let cure = "check its path: one with a / is relative to this file, one without is looked for in PATH".to_owned();
    Err((format!("there is no program {}", quoted(program)), cure))
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
