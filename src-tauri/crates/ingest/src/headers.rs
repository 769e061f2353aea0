//! Headers the operator gives.

use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::ConnectError;

/// Headers that belong to the protocol, and the option that sets what is meant.
const RESERVED: [(&str, &str); 7] = [
    ("host", "the address"),
    ("connection", "the protocol"),
    ("upgrade", "the protocol"),
    ("sec-websocket-key", "the protocol"),
    ("sec-websocket-version", "the protocol"),
    ("sec-websocket-extensions", "the protocol"),
    ("sec-websocket-protocol", "`subprotocols`"),
];

/// Adds a header. Errors name it, never its value: it may be a secret.
pub(crate) fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), ConnectError> {
    let Ok(name) = name.trim().parse::<HeaderName>() else {
        return Err(ConnectError::Options(format!(
            "{:?} is no name of a header. Check the option `headers`.",
            name.trim()
        )));
    };
    if let Some((_, by)) = RESERVED.iter().find(|(reserved, _)| name == *reserved) {
        return Err(ConnectError::Options(format!("The header {name} is set by {by}. Take it out of `headers`.")));
    }
    let Ok(mut value) = HeaderValue::from_str(value.trim()) else {
        let sentence =
            format!("The value of the header {name} has a character that no header may have (a line break?).");
        return Err(ConnectError::Options(sentence));
    };
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// Who has sent a CloudEvent, as its bindings to the protocols name that attribute beside the message.
pub(crate) fn event_source(headers: &[(Arc<str>, Arc<str>)]) -> Option<Arc<str>> {
    let is_source = |name: &str| {
        ["ce-source", "ce_source", "cloudEvents:source", "cloudEvents_source"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    headers.iter().find(|(name, _)| is_source(name)).map(|(_, source)| Arc::clone(source)).filter(|is| !is.is_empty())
}

/// `Authorization` for a user and a password that stand in an address, still percent-encoded.
pub(crate) fn basic(user: &str, password: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(&basic_of(&percent_decoded(user), &percent_decoded(password))).ok()?;
    value.set_sensitive(true);
    Some((header::AUTHORIZATION, value))
}

/// The value of the same header for a user and a password as they are (RFC 7617).
pub(crate) fn basic_plain(user: &str, password: &str) -> String {
    basic_of(user.as_bytes(), password.as_bytes())
}

fn basic_of(user: &[u8], password: &[u8]) -> String {
    format!("Basic {}", crate::base64::encode(&[user, b":", password].concat()))
}

pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_header_is_named_but_its_value_is_not() {
        let error = insert(&mut HeaderMap::new(), "X-Key", "secret\nX-Other: 1").unwrap_err();
        assert!(error.to_string().contains("x-key") && !error.to_string().contains("secret"), "{error}");
        assert!(insert(&mut HeaderMap::new(), "X Key", "1").is_err());
        assert!(insert(&mut HeaderMap::new(), "Host", "1").is_err());
    }

    #[test]
    fn a_password_in_the_address_becomes_a_header() {
        let (_, value) = basic("Aladdin", "open%20sesame").unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
