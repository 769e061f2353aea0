//! Agreeing on permessage-deflate: RFC 7692, sections 5 and 7.1.

use http::HeaderMap;
use http::header::SEC_WEBSOCKET_EXTENSIONS;

/// What is offered: no limits, since any window can be read.
pub(super) const OFFER: &str = "permessage-deflate";

/// What the server does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Deflate {
    /// Each of its messages begins with an empty window.
    pub(super) server_forgets: bool,
}

/// What the server took of the offer; `None`: nothing.
///
/// # Errors
/// What it says that was not offered or makes no sense, in a sentence.
pub(super) fn agreed(headers: &HeaderMap, offered: bool) -> Result<Option<Deflate>, String> {
    let mut found = None;
    for value in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        let text = value.to_str().map_err(|_| wrong("an extension that cannot be read"))?;
        for extension in text.split(',').map(str::trim).filter(|extension| !extension.is_empty()) {
            let mut parts = extension.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            if !offered || !name.eq_ignore_ascii_case(OFFER) || found.is_some() {
                return Err(wrong("an extension that was not offered"));
            }
            found = Some(parameters(parts)?);
        }
    }
    Ok(found)
}

fn parameters<'a>(parts: impl Iterator<Item = &'a str>) -> Result<Deflate, String> {
    let mut deflate = Deflate::default();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part, None),
        };
        match (name.to_ascii_lowercase().as_str(), value) {
            ("server_no_context_takeover", None) => deflate.server_forgets = true,
            // We compress nothing, so that our own window is no matter.
            ("client_no_context_takeover", None) => {}
            ("server_max_window_bits", Some(bits)) if matches!(bits.parse(), Ok(8_u8..=15)) => {}
            _ => return Err(wrong("a kind of compression that was not offered")),
        }
    }
    Ok(deflate)
}

fn wrong(what: &str) -> String {
    format!("The server chose {what}. Write compression = false in the feed's table to go without.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(lines: &[&str], offered: bool) -> Result<Option<Deflate>, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, line.parse().unwrap());
        }
        agreed(&headers, offered)
    }

    #[test]
    fn what_was_offered_may_be_taken_or_left() {
        assert_eq!(agree(&[], true), Ok(None));
        assert_eq!(agree(&[""], true), Ok(None));
        assert_eq!(agree(&["permessage-deflate"], true), Ok(Some(Deflate { server_forgets: false })));
        let full = "Permessage-Deflate ; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=\"12\"";
        assert_eq!(agree(&[full], true), Ok(Some(Deflate { server_forgets: true })));
    }

    #[test]
    fn what_was_not_offered_is_refused_with_the_cure() {
        for lines in [
            &["x-webkit-deflate-frame"][..],
            &["permessage-deflate, permessage-deflate"],
            &["permessage-deflate", "permessage-deflate"],
            &["permessage-deflate; client_max_window_bits=10"],
            &["permessage-deflate; server_max_window_bits"],
            &["permessage-deflate; server_max_window_bits=7"],
            &["permessage-deflate; server_no_context_takeover=1"],
            &["permessage-deflate; surprise"],
        ] {
            let error = agree(lines, true).unwrap_err();
            assert!(error.contains("compression = false"), "{lines:?}: {error}");
        }
        assert!(agree(&["permessage-deflate"], false).is_err());
    }
}
