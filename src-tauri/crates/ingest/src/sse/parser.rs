//! The event stream format of server-sent events: WHATWG HTML, sections 9.2.5 and 9.2.6
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>).
//!
//! Bytes go in as they come from the socket, cut anywhere; the same events come out whatever the cuts. Lines end with CR,
//! LF or CRLF. Invalid UTF-8 becomes U+FFFD, line by line, which is the same as decoding the stream first: no line end
//! can stand inside a character.
//!
//! Limits: a line, and the data of an event, hold at most as many bytes as the caller allows; then the stream is given
//! up. A type is cut to 1 KiB; an id that is longer is ignored, as one with a NUL is by the standard: it is not sent back, so
//! that a server goes on behind the id before it. An event that the end of the stream cuts off is discarded, as the standard wants it.
//!
//! ```
//! use feedwatch_ingest::SseParser;
//!
//! let mut parser = SseParser::new(1024);
//! let mut seen = Vec::new();
//! parser.push(b"id: 7\ndata: 12", &mut |event| seen.push(event)).unwrap();
//! assert!(seen.is_empty());
//! parser.push(b".5\n\n", &mut |event| seen.push(event)).unwrap();
//! assert_eq!(&seen[0].data[..], b"12.5");
//! assert_eq!(seen[0].id.as_deref(), Some("7"));
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// One dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// The data, its lines joined by LF; valid UTF-8. May be empty (`data:`).
    pub data: Bytes,
    /// The type, unless it is `message` or unset; at most 1 KiB.
    pub kind: Option<Arc<str>>,
    /// The id, where this very event set one; at most 1 KiB. May be empty, which forgets the last one.
    pub id: Option<Arc<str>>,
    /// The last event id after this event, where it is another one than after the event before.
    pub last_id: Option<Arc<str>>,
}

/// A line or an event has more bytes than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {limit} bytes")]
pub struct TooBig {
    /// The bytes allowed.
    pub limit: usize,
}

/// The state between two pieces of a stream.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// Bytes of the byte order mark seen at the stream's start; 3 when that question is settled.
    mark: usize,
    /// The last byte was a CR that ended a line: an LF now belongs to it.
    after_cr: bool,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    fields: Fields,
    retry: Option<Duration>,
}

/// What the lines since the last dispatch have said.
#[derive(Debug)]
struct Fields {
    /// Data of events are cut off its front, so that many events share one allocation.
    data: BytesMut,
    has_data: bool,
    kind: Option<Arc<str>>,
    id: Option<Arc<str>>,
    /// The last event id differs from what the last event told.
    id_news: Option<Arc<str>>,
    /// The type of the event before: most streams repeat it.
    last_kind: Option<Arc<str>>,
}

/// The longest type, and the longest id, in bytes of text.
const LONGEST: usize = 1 << 10;
const MARK: &[u8] = b"\xEF\xBB\xBF";

impl Parser {
    /// A parser at the start of a stream; lines and data have at most `limit` bytes.
    pub fn new(limit: usize) -> Parser {
        Parser { limit, mark: 0, after_cr: false, line: Vec::new(), fields: Fields::new(), retry: None }
    }

    /// Reads the next bytes of the stream and hands on what they complete.
    ///
    /// # Errors
    /// [`TooBig`]: the parser is of no more use.
    pub fn push(&mut self, mut bytes: &[u8], dispatch: &mut impl FnMut(SseEvent)) -> Result<(), TooBig> {
        while self.mark < MARK.len() {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            if MARK.get(self.mark) == Some(&byte) {
                self.mark += 1;
                bytes = rest;
            } else {
                // No mark after all: what looked like one is the beginning of the first line.
                self.line.extend_from_slice(MARK.get(..self.mark).unwrap_or_default());
                self.mark = MARK.len();
            }
        }
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some(rest) = bytes.strip_prefix(b"\n")
            {
                bytes = rest;
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                return self.keep(bytes);
            };
            let (line, rest) = bytes.split_at(end);
            self.after_cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.end_line(line, dispatch)?;
            } else {
                self.keep(line)?;
                let whole = std::mem::take(&mut self.line);
                self.end_line(&whole, dispatch)?;
                self.line = whole;
                self.line.clear();
                // One long line must not hold its memory for ever.
                self.line.shrink_to(64 << 10);
            }
        }
        Ok(())
    }

    /// How long the server wants us to wait before connecting again, since this was last asked.
    pub fn take_retry(&mut self) -> Option<Duration> {
        self.retry.take()
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), TooBig> {
        if self.line.len().saturating_add(bytes.len()) > self.limit {
            return Err(TooBig { limit: self.limit });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, line: &[u8], dispatch: &mut impl FnMut(SseEvent)) -> Result<(), TooBig> {
        if line.len() > self.limit {
            return Err(TooBig { limit: self.limit });
        }
        if line.is_empty() {
            if let Some(event) = self.fields.dispatch() {
                dispatch(event);
            }
            return Ok(());
        }
        let (name, value) = match memchr(b':', line) {
            Some(0) => return Ok(()), // a comment
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                let value = value.get(1..).unwrap_or_default();
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match name {
            b"data" => self.fields.add_data(value, self.limit)?,
            b"event" => self.fields.set_kind(value),
            b"id" => self.fields.set_id(value),
            b"retry" => self.retry = digits(value).or(self.retry),
            _ => {}
        }
        Ok(())
    }
}

impl Fields {
    fn new() -> Fields {
        let data = BytesMut::with_capacity(8 << 10);
        Fields { data, has_data: false, kind: None, id: None, id_news: None, last_kind: None }
    }

    fn add_data(&mut self, value: &[u8], limit: usize) -> Result<(), TooBig> {
        if self.data.len().saturating_add(value.len()).saturating_add(1) > limit {
            return Err(TooBig { limit });
        }
        if self.has_data {
            self.data.extend_from_slice(b"\n");
        }
        self.has_data = true;
        if std::str::from_utf8(value).is_ok() {
            self.data.extend_from_slice(value);
        } else {
            self.data.extend_from_slice(String::from_utf8_lossy(value).as_bytes());
        }
        Ok(())
    }

    fn set_kind(&mut self, value: &[u8]) {
        // A character that is cut here stands behind what is kept.
        let text = String::from_utf8_lossy(value.get(..LONGEST + 4).unwrap_or(value));
        let text = beginning(&text);
        self.kind = match &self.last_kind {
            _ if text.is_empty() || text == "message" => None,
            Some(last) if **last == *text => Some(last.clone()),
            _ => Some(Arc::from(text)),
        };
    }

    fn set_id(&mut self, value: &[u8]) {
        let id = String::from_utf8_lossy(value.get(..=LONGEST).unwrap_or(value));
        if memchr(0, value).is_none() && id.len() <= LONGEST {
            let id: Arc<str> = Arc::from(id);
            self.id = Some(id.clone());
            self.id_news = Some(id);
        }
    }

    /// An empty line: the event is complete, if it has data. An id outlives an event without data.
    fn dispatch(&mut self) -> Option<SseEvent> {
        let kind = self.kind.take();
        let id = self.id.take();
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        if kind.is_some() {
            self.last_kind.clone_from(&kind);
        }
        Some(SseEvent { data: self.data.split().freeze(), kind, id, last_id: self.id_news.take() })
    }
}

/// As much of a text as may be kept of it.
fn beginning(text: &str) -> &str {
    if text.len() <= LONGEST {
        return text;
    }
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let end = ends.take_while(|end| *end <= LONGEST).last().unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Milliseconds, if there is nothing but digits. What no `u64` holds is longer than anybody waits.
fn digits(value: &[u8]) -> Option<Duration> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let millis = value.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests;
