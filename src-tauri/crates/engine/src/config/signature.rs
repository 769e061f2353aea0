//! With what the signatures of a feed's messages are checked.
//!
//! ```toml
//! [feed.spot.signature]
//! key = { env = "SPOT_HMAC" }            # a secret shared with the sender: HMAC-SHA-256, and JWS with HS256; or file,
//!                                        # keyring or command, as for every secret
//! public_key = "sender.pem"              # or, instead, the sender's public key: JWS with RS256, PS256, ES256 or EdDSA
//! ```
//!
//! Where in a message its signature stands, and over what it was made, is found out. The key is looked up whenever the feed
//! connects, as all its secrets are, and holds for the messages that come over that connection.

use std::path::PathBuf;

use super::SecretRef;
use super::beside;
use super::credentials::{secret_of, variable};
use super::edit::{Tables, path_text, secret_value};
use super::source::Places;
use super::walk::{Field, Walk};

/// The key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// A secret shared with the sender.
    Secret(SecretRef),
    /// The file of the sender's public key, in PEM. May begin with `~/`.
    PublicKey(PathBuf),
}

/// Reads `[feed.NAME.signature]`.
pub(super) fn read(walk: &mut Walk<'_>, feed: &str, field: &Field<'_>, places: &mut Places) -> Option<Signature> {
    let mut table = field.table(walk)?;
    let (key, public_key) = (table.take("key"), table.take("public_key"));
    let misspelt = table.has_misspelt("key") || table.has_misspelt("public_key");
    table.finish(walk, |_| None);
    match (key, public_key) {
        (Some(key), None) => secret_of(walk, feed, &key, places).map(Signature::Secret),
        (None, Some(path)) => public(walk, &path, places),
        (Some(_), Some(path)) => {
            let cure = "keep key for a secret that the sender has too (HMAC), public_key for the sender's own (JWS)";
            walk.say(path.key_at, "\"signature\" has both key and public_key", Some(cure.to_owned()));
            None
        }
        (None, None) => {
            let cure = format!("add key = {}, or public_key = \"sender.pem\"", variable(feed, "hmac"));
            if !misspelt {
                walk.say(field.key_at.clone(), "\"signature\" names no key", Some(cure));
            }
            None
        }
    }
}

fn public(walk: &mut Walk<'_>, field: &Field<'_>, places: &mut Places) -> Option<Signature> {
    let text = field.text(walk)?;
    let cure = || Some("write public_key = \"sender.pem\", the path of a file that holds it".to_owned());
    if text.contains("-----BEGIN") {
        // Somebody may have taken the private one.
        walk.say_secret(field.at(), "a key must not stand in the configuration file", cure());
        return None;
    }
    if text.trim().is_empty() {
        walk.say(field.at(), "the path is empty", cure());
        return None;
    }
    places.secret(field.at());
    Some(Signature::PublicKey(beside(walk.source.file, text)))
}

/// Writes what signatures are checked with, if they are.
pub(super) fn write(tables: &mut Tables, signature: Option<&Signature>) {
    let Some(signature) = signature else { return };
    tables.open(".signature");
    match signature {
        Signature::Secret(reference) => tables.line("key", secret_value(reference, false)),
        Signature::PublicKey(path) => tables.line("public_key", path_text(path)),
    }
}
