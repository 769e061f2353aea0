//! The block of headers before a payload: a first line `NATS/1.0` with the status of what is no message, then names and values
//! (<https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-4.md>).

use std::sync::Arc;

use feedwatch_model::MessageMeta;

/// Headers that are kept of a message.
const MOST: usize = 100;
/// Bytes of a name or a value.
const LONGEST: usize = 8 << 10;
/// The publisher's identity of a message.
const ID: &str = "Nats-Msg-Id";

/// What a server says in place of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) text: String,
    /// What was asked for and will not come, as far as the server says it.
    pub(super) pending: Option<u64>,
}

/// The status in the first line, if there is one.
pub(super) fn status(block: &[u8]) -> Option<Status> {
    let mut lines = lines(block);
    let said = lines.next()?.strip_prefix("NATS/1.0")?.trim().to_owned();
    let (code, text) = said.split_once(' ').unwrap_or((said.as_str(), ""));
    let code = code.parse().ok()?;
    let pending = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("Nats-Pending-Messages").then(|| value.trim().parse().ok())?
    });
    Some(Status { code, text: cut(text.trim()).to_owned(), pending })
}

/// Puts the headers beside a message.
pub(super) fn put(block: &[u8], meta: &mut MessageMeta) {
    for line in lines(block).skip(1).take(MOST) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (cut(name.trim()), cut(value.trim()));
        if name.eq_ignore_ascii_case(ID) {
            meta.id = Some(Arc::from(value));
        }
        meta.headers.push((Arc::from(name), Arc::from(value)));
    }
}

/// Lines as text; what is no UTF-8 is replaced.
fn lines(block: &[u8]) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    block
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(String::from_utf8_lossy)
}

/// At most [`LONGEST`] bytes of a text.
fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(block: &[u8]) -> (Option<String>, Vec<(String, String)>) {
        let mut meta = MessageMeta::default();
        put(block, &mut meta);
        let headers = meta.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        (meta.id.map(|id| id.to_string()), headers)
    }

    #[test]
    fn headers_are_kept_in_their_order() {
        let (id, headers) = pairs(b"NATS/1.0\r\nunit: bar\r\nunit:mbar\r\nNats-Msg-Id: m1\r\nno header\r\n\r\n");
        assert_eq!(id.as_deref(), Some("m1"));
        let expected = [("unit", "bar"), ("unit", "mbar"), ("Nats-Msg-Id", "m1")];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_status_is_told_from_a_message() {
        let status = |block: &str| status(block.as_bytes());
        assert_eq!(status("NATS/1.0\r\nunit: bar\r\n\r\n"), None);
        assert_eq!(status(""), None);
        assert_eq!(
            status("NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 7\r\nNats-Pending-Bytes: 0\r\n\r\n"),
            Some(Status { code: 408, text: "Request Timeout".to_owned(), pending: Some(7) })
        );
        assert_eq!(status("NATS/1.0 503\r\n\r\n"), Some(Status { code: 503, text: String::new(), pending: None }));
    }

    #[test]
    fn hostile_headers_are_bounded() {
        let long = "\u{e4}".repeat(LONGEST);
        let block: String = (0..500).map(|number| format!("h{number}{long}:{long}\r\n")).collect();
        let (_, headers) = pairs(format!("NATS/1.0\r\n{block}\r\n").as_bytes());
        assert_eq!(headers.len(), MOST);
        assert!(headers.iter().all(|(name, value)| name.len() <= LONGEST && value.len() <= LONGEST));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (status(&bytes), pairs(&bytes));
        }
    }
}
