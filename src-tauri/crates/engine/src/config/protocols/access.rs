//! Who we are at a broker, and whom we trust.
//!
//! ```toml
//! user = "feedwatch"
//! password = { env = "PLANT_PASSWORD" }          # or { file = "password.txt" }
//! token = { env = "PLANT_TOKEN" }                # where the broker takes tokens
//! tls = { ca = "ca.pem", cert = "client.pem", key = "client.key" }   # all optional: our own authority, a client certificate
//! ```

use std::path::PathBuf;

use feedwatch_ingest::{Login, Secret, TlsFiles};
use toml_edit::{InlineTable, Value};

use super::super::credentials::secret_of;
use super::super::edit::{Tables, path_text, secret_value};
use super::super::source::Places;
use super::super::walk::{Table, Walk};
use super::super::{Credentials, Paths, SecretRef, beside};

/// Who we are at a broker, and whom we trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The user's name.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<SecretRef>,
    /// A token instead.
    pub token: Option<SecretRef>,
    /// Files for TLS; relative paths are joined to the configuration's folder.
    pub tls: TlsFiles,
}

impl Access {
    /// Reads `user`, `password`, `token` (where the protocol has them: `tokens`) and `tls`.
    pub(in super::super) fn read(
        walk: &mut Walk<'_>,
        feed: &str,
        table: &mut Table<'_>,
        tokens: bool,
        places: &mut Places,
    ) -> Access {
        let user_field = table.take("user");
        let user = user_field.as_ref().and_then(|field| field.text(walk)).map(str::to_owned);
        let password_field = table.take("password");
        let password = password_field.as_ref().and_then(|field| secret_of(walk, feed, field, places));
        let token_field = if tokens { table.take("token") } else { None };
        let token = token_field.as_ref().and_then(|field| secret_of(walk, feed, field, places));
        if let (None, Some(field)) = (&user_field, &password_field) {
            let cure = Some("add user = \"...\"".to_owned());
            walk.say(field.key_at.clone(), "there is a password, but no user", cure);
        }
        if let (Some(_), Some(field)) = (&user_field, &token_field) {
            let cure = Some("keep one of them".to_owned());
            walk.say(field.key_at.clone(), "\"token\" and \"user\" both say who we are", cure);
        }
        Access { user, password, token, tls: tls(walk, table) }
    }

    /// The secrets, in the order of [`Access::read`].
    pub(in super::super) fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let password = self.password.as_ref().map(|reference| ("password", reference));
        let token = self.token.as_ref().map(|reference| ("token", reference));
        password.into_iter().chain(token).collect()
    }

    pub(in super::super) fn write(&self, tables: &mut Tables) {
        let Access { user, password, token, tls } = self;
        if let Some(user) = user {
            tables.line("user", user.as_str());
        }
        for (key, reference) in [("password", password), ("token", token)] {
            if let Some(reference) = reference {
                tables.line(key, secret_value(reference, false));
            }
        }
        write_files(tables, tls);
    }

    /// What is sent to the broker.
    pub(in super::super) fn login(&self, credentials: &Credentials) -> Login {
        let secret = |name| credentials.secret(name).map(|secret| Secret::new(secret.expose()));
        Login { user: self.user.clone(), password: secret("password"), token: secret("token") }
    }

    /// The files for TLS where they are.
    pub(in super::super) fn tls(&self, paths: &Paths) -> TlsFiles {
        files(&self.tls, paths)
    }
}

/// Files for TLS where they are.
pub(in super::super) fn files(tls: &TlsFiles, paths: &Paths) -> TlsFiles {
    let at = |path: &Option<PathBuf>| path.as_ref().map(|path| paths.expand(path));
    TlsFiles { ca: at(&tls.ca), cert: at(&tls.cert), key: at(&tls.key) }
}

/// Writes `tls`, if there are any.
pub(in super::super) fn write_files(tables: &mut Tables, tls: &TlsFiles) {
    let TlsFiles { ca, cert, key } = tls;
    let files = [("ca", ca), ("cert", cert), ("key", key)].into_iter();
    let files: InlineTable =
        files.filter_map(|(name, path)| Some((name, Value::from(path_text(path.as_deref()?))))).collect();
    if !files.is_empty() {
        tables.line("tls", files);
    }
}

/// Reads `tls`.
pub(in super::super) fn tls(walk: &mut Walk<'_>, table: &mut Table<'_>) -> TlsFiles {
    let files = table.take("tls").and_then(|field| field.table(walk)).map(|table| read_files(walk, table));
    files.unwrap_or_default()
}

pub(super) fn read_files(walk: &mut Walk<'_>, mut table: Table<'_>) -> TlsFiles {
    let [ca, cert, key] = ["ca", "cert", "key"].map(|name| {
        let field = table.take(name)?;
        let text = field.text(walk)?;
        if text.trim().is_empty() {
            walk.say(field.at(), "the path is empty", Some(format!("write {name} = \"{name}.pem\"")));
            return None;
        }
        Some(beside(walk.source.file, text))
    });
    if cert.is_some() != key.is_some() {
        let cure = "write tls = { cert = \"client.pem\", key = \"client.key\" }".to_owned();
        walk.say(table.at.clone(), "a client certificate needs both cert and key", Some(cure));
    }
    table.finish(walk, |_| None);
    TlsFiles { ca, cert, key }
}
