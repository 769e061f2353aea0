//! Reads `[feed.NAME.lines]`.

use std::net::IpAddr;
use std::ops::Range;

use feedwatch_ingest::{Framing, LinesPlace, PlaceError};
use ipnet::IpNet;
use url::Url;

use super::super::super::credentials::{secret_of, variable};
use super::super::super::source::{MESSAGE_SIZES, MOST, Places, TIMEOUTS, idle_timeout};
use super::super::super::walk::{Field, Table, Walk, quoted};
use super::super::{ProxyConfig, access};
use super::LinesConfig;

const EXAMPLE: &str = "url = \"tcp://host:4001\"";

impl LinesConfig {
    pub(in super::super::super) fn read(
        walk: &mut Walk<'_>,
        feed: &str,
        mut table: Table<'_>,
        places: &mut Places,
    ) -> Option<LinesConfig> {
        let place = place(walk, feed, &mut table);
        let framing = table.take("framing");
        let framing_at = framing.as_ref().map(|field| field.key_at.clone());
        let framing = framing.and_then(|field| self::framing(walk, &field));
        let token = table.take("token");
        let token_at = token.as_ref().map(|field| field.key_at.clone());
        let token = token.and_then(|field| secret_of(walk, feed, &field, places));
        let tls = table.take("tls");
        let tls_at = tls.as_ref().map(|field| field.key_at.clone());
        let tls = tls.and_then(|field| field.table(walk)).map(|table| access::read_files(walk, table));
        let proxy_at = table.take("proxy").map(|field| field.key_at.clone());
        let proxy = ProxyConfig::read(walk, feed, &mut table, places);
        let allow = table.take("allow");
        let allow_at = allow.as_ref().map(|field| field.key_at.clone());
        let allow = allow.map(|field| self::allow(walk, &field)).unwrap_or_default();
        let subscribe = table.take("subscribe");
        let subscribe_at = subscribe.as_ref().map(|field| field.key_at.clone());
        let subscribe = subscribe.map(|field| self::subscribe(walk, &field)).unwrap_or_default();
        let max_message = table.take("max_message").and_then(|field| field.size(walk, MESSAGE_SIZES));
        let connect_timeout = table.take("connect_timeout").and_then(|field| field.duration(walk, TIMEOUTS));
        let idle_timeout = table.take("idle_timeout").map(|field| idle_timeout(walk, &field));
        table.finish(walk, |_| None);
        let (place, url_at) = place?;
        if place == LinesPlace::Input {
            places.input(walk, url_at.clone());
        }
        let given = Given { url_at, token_at, tls_at, proxy_at, allow_at, subscribe_at, framing_at, framing };
        check(walk, feed, &place, &given);
        let usual = LinesConfig::new(place);
        Some(LinesConfig {
            framing: framing.unwrap_or_default(),
            token,
            tls: tls.unwrap_or_default(),
            proxy,
            allow,
            subscribe,
            max_message: max_message.unwrap_or(usual.max_message),
            connect_timeout: connect_timeout.unwrap_or(usual.connect_timeout),
            idle_timeout: idle_timeout.unwrap_or(usual.idle_timeout),
            ..usual
        })
    }
}

/// Where keys stand that not every place has.
struct Given {
    url_at: Range<usize>,
    token_at: Option<Range<usize>>,
    tls_at: Option<Range<usize>>,
    proxy_at: Option<Range<usize>>,
    allow_at: Option<Range<usize>>,
    subscribe_at: Option<Range<usize>>,
    framing_at: Option<Range<usize>>,
    framing: Option<Framing>,
}

/// Keys that mean nothing at this place, and what must be there where others can reach us.
fn check(walk: &mut Walk<'_>, feed: &str, place: &LinesPlace, given: &Given) {
    let Given { url_at, token_at, tls_at, proxy_at, allow_at, subscribe_at, framing_at, framing } = given;
    let mut only = |at: &Option<Range<usize>>, key: &str, of: &str, is_of: bool| {
        if let Some(at) = at.clone().filter(|_| !is_of) {
            walk.say(at, format!("{key:?} is of {of} only"), Some("take it out".into()));
        }
    };
    let is_server = matches!(place, LinesPlace::Server { .. });
    let is_encrypted = matches!(place, LinesPlace::Server { encrypted: true, .. });
    let is_listener = matches!(place, LinesPlace::Listen(_));
    let is_datagrams = matches!(place, LinesPlace::Datagrams(_));
    only(token_at, "token", "connections (tcp://, tcp-listen://)", is_server || is_listener);
    only(tls_at, "tls", "tcp+tls://", is_encrypted);
    only(proxy_at, "proxy", "servers (tcp://)", is_server);
    only(allow_at, "allow", "places where we listen (tcp-listen://, udp://)", is_listener || is_datagrams);
    only(subscribe_at, "subscribe", "servers (tcp://)", is_server);
    only(framing_at, "framing = \"datagram\"", "udp://", is_datagrams || *framing != Some(Framing::Datagram));
    if !place.is_open() {
        return;
    }
    if is_listener && token_at.is_none() {
        let cure = format!("add token = {}, or listen at 127.0.0.1", variable(feed, "token"));
        walk.say(url_at.clone(), "whoever reaches this computer could send to this feed", Some(cure));
    }
    if is_datagrams && allow_at.is_none() {
        let cure = "add allow = [\"10.0.0.0/8\"] for those who may, or listen at 127.0.0.1".to_owned();
        walk.say(url_at.clone(), "whoever reaches this computer could send to this feed", Some(cure));
    }
}

fn place(walk: &mut Walk<'_>, feed: &str, table: &mut Table<'_>) -> Option<(LinesPlace, Range<usize>)> {
    let Some(field) = table.take("url") else {
        if !table.has_misspelt("url") {
            walk.say(table.at.clone(), "this table has no url", Some(format!("add {EXAMPLE}")));
        }
        return None;
    };
    let text = field.text(walk)?;
    let url: Url = match text.parse() {
        Ok(url) => url,
        Err(error) => {
            walk.say(field.at(), format!("this is no address: {error}"), Some(format!("write {EXAMPLE}")));
            return None;
        }
    };
    let error = match LinesPlace::parse(&url) {
        Ok(place) => return Some((place, field.at())),
        Err(error) => error,
    };
    let said = error.to_string();
    match error {
        PlaceError::Credentials => {
            let cure = format!("take them out, and write token = {} if the server wants one", variable(feed, "token"));
            walk.say_secret(field.at(), said, Some(cure));
        }
        PlaceError::NoNumber => {
            let cure = "write a number, as url = \"udp://127.0.0.1:5140\" or \"udp://0.0.0.0:5140\" for all".to_owned();
            walk.say(field.at(), said, Some(cure));
        }
        _ => walk.say(field.at(), said, Some(format!("write {EXAMPLE}"))),
    }
    None
}

fn framing(walk: &mut Walk<'_>, field: &Field<'_>) -> Option<Framing> {
    match field.text(walk)? {
        "newline" => Some(Framing::Newline),
        "datagram" => Some(Framing::Datagram),
        text => {
            let cure = "write \"newline\" or \"datagram\"".to_owned();
            walk.say(field.at(), format!("{} ends no message", quoted(text)), Some(cure));
            None
        }
    }
}

fn allow(walk: &mut Walk<'_>, field: &Field<'_>) -> Vec<IpNet> {
    let texts = field.texts(walk).unwrap_or_default();
    let cure = || Some("write allow = [\"10.0.0.0/8\", \"192.168.1.7\"]".to_owned());
    if texts.is_empty() || texts.len() > MOST {
        walk.say(field.at(), format!("there must be 1 to {MOST} senders"), cure());
        return Vec::new();
    }
    let mut found: Vec<IpNet> = Vec::new();
    for (text, at) in texts {
        let one = text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse::<IpNet>().map(|net| net.trunc()));
        match one {
            Ok(one) if found.contains(&one) => {
                walk.say(at, format!("sender {} is given twice", quoted(text)), Some("keep one".into()));
            }
            Ok(one) => found.push(one),
            Err(_) => walk.say(at, format!("{} is neither an address nor a network", quoted(text)), cure()),
        }
    }
    found
}

fn subscribe(walk: &mut Walk<'_>, field: &Field<'_>) -> Vec<String> {
    let texts = field.texts(walk).unwrap_or_default();
    if texts.len() > MOST {
        walk.say(field.at(), format!("there are more than {MOST} lines"), None);
        return Vec::new();
    }
    texts.into_iter().map(|(text, _)| text.to_owned()).collect()
}
