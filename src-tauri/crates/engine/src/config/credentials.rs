//! What a feed's request carries beside its address: headers, a bearer token, secrets of the query.

use feedwatch_ingest::is_secret;

use super::read::bare;
use super::source::{MOST, Places};
use super::walk::{Field, Table, Walk, quoted};
use super::{HeaderValue, QuerySecret, SecretRef, beside};

/// The longest word of a command, in bytes.
const LONGEST_WORD: usize = 4 << 10;

/// Headers that the protocol writes itself.
const OWN_HEADERS: &[&str] =
    &["host", "connection", "upgrade", "content-length", "transfer-encoding", "accept", "last-event-id"];

pub(super) fn headers(
    walk: &mut Walk<'_>,
    feed: &str,
    table: &mut Table<'_>,
    places: &mut Places,
) -> Vec<(String, HeaderValue)> {
    let Some(table) = table.take("headers").and_then(|field| field.table(walk)) else { return Vec::new() };
    let mut headers: Vec<(String, HeaderValue)> = Vec::new();
    let entries = table.entries();
    if entries.len() > MOST {
        walk.say(table.at.clone(), format!("there are more than {MOST} headers"), None);
        return headers;
    }
    if is_a_reference(walk, feed, ("headers", "header", "X-Api-Key"), &entries) {
        return headers;
    }
    for (name, field) in entries {
        if !check_header_name(walk, name, &field) {
            continue;
        }
        if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            let cure = "header names do not tell capitals apart: keep one".to_owned();
            walk.say(field.key_at.clone(), format!("header {} is given twice", quoted(name)), Some(cure));
            continue;
        }
        if let Some(value) = header_value(walk, feed, name, &field, places) {
            headers.push((name.to_owned(), value));
        }
    }
    headers
}

fn check_header_name(walk: &mut Walk<'_>, name: &str, field: &Field<'_>) -> bool {
    let lower = name.to_ascii_lowercase();
    if !is_token(name) {
        let cure = "use letters, digits and hyphens".to_owned();
        walk.say(field.key_at.clone(), format!("{} is no name for a header", quoted(name)), Some(cure));
        return false;
    }
    if OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
        let cure = if lower == "sec-websocket-protocol" { "write subprotocols = [\"...\"]" } else { "take it out" };
        let message = format!("header {} is written by the protocol itself", quoted(name));
        walk.say(field.key_at.clone(), message, Some(cure.into()));
        return false;
    }
    true
}

fn header_value(
    walk: &mut Walk<'_>,
    feed: &str,
    name: &str,
    field: &Field<'_>,
    places: &mut Places,
) -> Option<HeaderValue> {
    let Some(text) = field.as_text() else {
        return secret(walk, feed, field, places).map(HeaderValue::Secret);
    };
    if is_secret(name, text) {
        let cure = format!("write {} = {}", bare(name), variable(feed, name));
        walk.say_secret(field.at(), "a secret must not stand in the configuration file", Some(cure));
        return None;
    }
    if !is_header_text(text) {
        let message = format!("header {} has characters that cannot be sent", quoted(name));
        walk.say(field.at(), message, Some("use printable ASCII".into()));
        return None;
    }
    Some(HeaderValue::Literal(text.to_owned()))
}

/// A token of RFC 9110, section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A field value of RFC 9110, section 5.5, without what is obsolete there.
pub(super) fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t') && text.trim() == text
}

pub(super) fn bearer(
    walk: &mut Walk<'_>,
    feed: &str,
    table: &mut Table<'_>,
    headers: &[(String, HeaderValue)],
    places: &mut Places,
) -> Option<SecretRef> {
    let field = table.take("bearer")?;
    if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        let message = "\"bearer\" and the header Authorization say the same thing";
        walk.say(field.key_at.clone(), message, Some("keep one of them".into()));
    }
    if field.as_text().is_some() {
        let cure = format!("write bearer = {} or {{ file = \"token.txt\" }}", variable(feed, "token"));
        walk.say_secret(field.at(), "a secret must not stand in the configuration file", Some(cure));
        return None;
    }
    secret(walk, feed, &field, places)
}

/// Secrets that go behind the `?` of the address.
pub(super) fn query(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>, places: &mut Places) -> Vec<QuerySecret> {
    let Some(table) = table.take("query").and_then(|field| field.table(walk)) else { return Vec::new() };
    let entries = table.entries();
    if entries.len() > MOST {
        walk.say(table.at.clone(), format!("there are more than {MOST} parameters"), None);
        return Vec::new();
    }
    if is_a_reference(walk, feed, ("query", "parameter", "token"), &entries) {
        return Vec::new();
    }
    let read = entries.into_iter().filter_map(|(name, field)| {
        if field.as_text().is_some() {
            let cure =
                format!("write {} = {}, or put it into url if it is no secret", bare(name), variable(feed, name));
            walk.say_secret(field.at(), "a secret must not stand in the configuration file", Some(cure));
            return None;
        }
        let mut table = secret_table(walk, feed, &field)?;
        let encoded = table.take("encoded").and_then(|field| field.flag(walk)).unwrap_or(false);
        let secret = reference(walk, feed, &field, table, places)?;
        Some(QuerySecret { name: name.to_owned(), secret, encoded })
    });
    read.collect()
}

/// `query = { env = "SPOT_TOKEN" }`: says where one secret is kept, as `bearer` does, where names are to stand.
fn is_a_reference(
    walk: &mut Walk<'_>,
    feed: &str,
    (table, thing, example): (&str, &str, &str),
    entries: &[(&str, Field<'_>)],
) -> bool {
    let mut kept = entries.iter().filter(|(name, _)| *name != "encoded");
    let (Some((name @ ("env" | "file" | "command" | "keyring"), field)), None) = (kept.next(), kept.next()) else {
        return false;
    };
    if field.as_table().is_some() || (*name != "command" && field.as_text().is_none()) {
        return false;
    }
    let place = match *name {
        "env" => variable(feed, example),
        "file" => "{ file = \"token.txt\" }".to_owned(),
        "keyring" => "{ keyring = \"name\" }".to_owned(),
        _ => "{ command = [\"program\"] }".to_owned(),
    };
    let shown = if thing == "header" { format!("\"{example}\"") } else { example.to_owned() };
    let message = format!("\"{table}\" says where a secret is kept, but not the name of its {thing}");
    walk.say_secret(field.at(), message, Some(format!("write {table} = {{ {shown} = {place} }}")));
    true
}

/// `{ env = "SPOT_TOKEN" }`, with a name that fits the feed.
pub(super) fn variable(feed: &str, what: &str) -> String {
    let name: String = format!("{feed}_{what}")
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("{{ env = \"{name}\" }}")
}

/// A secret by itself: where it is kept, never the text.
pub(super) fn secret_of(walk: &mut Walk<'_>, feed: &str, field: &Field<'_>, places: &mut Places) -> Option<SecretRef> {
    if field.as_text().is_some() {
        let cure = format!("write {} = {} or {{ file = \"{0}.txt\" }}", bare(field.key), variable(feed, field.key));
        walk.say_secret(field.at(), "a secret must not stand in the configuration file", Some(cure));
        return None;
    }
    secret(walk, feed, field, places)
}

/// `{ env = "NAME" }` or `{ file = "PATH" }`.
fn secret(walk: &mut Walk<'_>, feed: &str, field: &Field<'_>, places: &mut Places) -> Option<SecretRef> {
    let table = secret_table(walk, feed, field)?;
    reference(walk, feed, field, table, places)
}

fn like(feed: &str, field: &Field<'_>) -> Option<String> {
    Some(format!("write {} = {} or {{ file = \"token.txt\" }}", bare(field.key), variable(feed, "token")))
}

fn secret_table<'a>(walk: &mut Walk<'_>, feed: &str, field: &Field<'a>) -> Option<Table<'a>> {
    let table = field.as_table();
    if table.is_none() {
        let message = format!("{} should say where the secret is kept", quoted(field.key));
        walk.say_secret(field.at(), message, like(feed, field));
    }
    table
}

fn reference(
    walk: &mut Walk<'_>,
    feed: &str,
    field: &Field<'_>,
    mut table: Table<'_>,
    places: &mut Places,
) -> Option<SecretRef> {
    let [env, file, command, keyring] = ["env", "file", "command", "keyring"].map(|key| table.take(key));
    table.finish(walk, |_| None);
    let reference = match (env, file, command, keyring) {
        (Some(env), None, None, None) => {
            let name = env.text(walk)?;
            if name.is_empty() || name.contains(['=', '\0']) {
                // It may be the secret itself.
                walk.say_secret(env.at(), "this is no name for a variable", like(feed, field));
                return None;
            }
            SecretRef::Env(name.to_owned())
        }
        (None, None, Some(command), None) => SecretRef::Command(words(walk, &command)?),
        (None, Some(file), None, None) => {
            let path = file.text(walk)?;
            if path.trim().is_empty() {
                walk.say(file.at(), "the path is empty", like(feed, field));
                return None;
            }
            SecretRef::File(beside(walk.source.file, path))
        }
        (None, None, None, Some(keyring)) => {
            let name = keyring.text(walk)?;
            if !is_entry(name) {
                // It may be the secret itself.
                let message = "a name in the keyring has up to 64 letters, digits, dots, dashes and underscores";
                walk.say_secret(keyring.at(), message, Some("write keyring = \"name\"".to_owned()));
                return None;
            }
            SecretRef::Keyring(name.to_owned())
        }
        _ => {
            let message = format!("{} needs one of env, file, keyring and command", quoted(field.key));
            walk.say(field.at(), message, like(feed, field));
            return None;
        }
    };
    places.secret(field.at());
    Some(reference)
}

/// A name that can be typed into a command as it is.
fn is_entry(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    (1..=64).contains(&name.len()) && name.chars().all(fits) && !name.starts_with('-')
}

/// A program with its words: `["vault-token", "spot"]`.
fn words(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Vec<String>> {
    let cure = || Some("write command = [\"program\", \"word\"]".to_owned());
    if field.as_text().is_some() {
        // A line as a shell reads it may hold a secret.
        walk.say_secret(field.at(), "a command is a list: its program, and each further word by itself", cure());
        return None;
    }
    let texts = field.texts(walk)?;
    let mut words: Vec<String> = texts.iter().map(|(text, _)| (*text).to_owned()).collect();
    let fits = |word: &String| word.len() <= LONGEST_WORD && !word.contains('\0');
    let Some(program) = words.first_mut().filter(|program| !program.trim().is_empty()) else {
        walk.say(field.at(), "this names no program", cure());
        return None;
    };
    if program.contains(std::path::is_separator) {
        *program = beside(walk.source.file, program).to_string_lossy().into_owned();
    }
    if words.len() > MOST || !words.iter().all(fits) {
        walk.say_secret(field.at(), format!("a command has at most {MOST} words of 4KiB"), None);
        return None;
    }
    Some(words)
}
