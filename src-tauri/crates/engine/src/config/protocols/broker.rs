//! The address of a broker: a scheme, a host, a port, and nothing more.

use std::ops::Range;

use url::Url;

use super::super::walk::{Table, Walk};

/// What a broker's address looks like, in words.
pub(super) struct BrokerUrl<'a> {
    /// `amqp`, with its article: `an amqp feed`.
    pub(super) feed: &'a str,
    /// The right form.
    pub(super) example: &'a str,
    pub(super) schemes: &'a [&'a str],
    /// What must not stand in front of the host, and where it stands instead.
    pub(super) login: (&'a str, String),
    /// What must not stand behind it, and where it stands instead.
    pub(super) rest: (&'a str, &'a str),
    /// Such an address has a path, and what is behind its `?`.
    pub(super) goes_on: fn(&Url) -> bool,
}

impl BrokerUrl<'_> {
    /// Reads `url`; with its place.
    pub(super) fn read(&self, walk: &mut Walk<'_>, table: &mut Table<'_>) -> Option<(Url, Range<usize>)> {
        let example = self.example;
        let Some(field) = table.take("url") else {
            if !table.has_misspelt("url") {
                walk.say(table.at.clone(), "this table has no url", Some(format!("add {example}")));
            }
            return None;
        };
        let url = match Url::parse(field.text(walk)?) {
            Ok(url) => url,
            Err(error) => {
                walk.say(field.at(), format!("this is no address: {error}"), Some(format!("write {example}")));
                return None;
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            let (what, cure) = &self.login;
            let message = format!("{what} must not stand in the address");
            walk.say_secret(field.at(), message, Some(format!("take them out, and write {cure}")));
            return None;
        }
        if !self.schemes.contains(&url.scheme()) {
            let scheme: String = url.scheme().chars().take(20).collect();
            let message = format!("the address of {} begins with {}, not {scheme}://", self.feed, self.beginnings());
            walk.say(field.at(), message, Some(format!("write {example}")));
            return None;
        }
        if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
            walk.say(field.at(), "the address has no host or no port", Some(format!("write {example}")));
            return None;
        }
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if url.fragment().is_some() || !is_bare && !(self.goes_on)(&url) {
            let (what, instead) = self.rest;
            let cure = format!("end the address behind host and port, and write {instead}");
            walk.say(field.at(), format!("{what} do not stand in the address"), Some(cure));
            return None;
        }
        let url = if (self.goes_on)(&url) { url } else { bare(&url) };
        Some((url, field.at()))
    }

    /// `amqps:// or amqp://`.
    fn beginnings(&self) -> String {
        match self.schemes {
            [all @ .., last] if !all.is_empty() => {
                let all: Vec<String> = all.iter().map(|scheme| format!("{scheme}://")).collect();
                format!("{} or {last}://", all.join(", "))
            }
            some => some.iter().map(|scheme| format!("{scheme}://")).collect(),
        }
    }
}

/// Scheme, login, host and port alone.
pub(super) fn bare(url: &Url) -> Url {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    bare.set_path("");
    bare
}
