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
//! let mut see = |event: feedwatch_ingest::SseEvent<'_>| seen.push((event.data.to_vec(), event.id));
//! parser.push(b"id: 7\ndata: 12", &mut see).unwrap();
//! parser.push(b".5\n\n", &mut see).unwrap();
//! assert_eq!(seen, [(b"12.5".to_vec(), Some("7".into()))]);
//! ```

use std::sync::Arc;
use std::time::Duration;

use memchr::{memchr, memchr2};

/// One dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The data, its lines joined by LF; valid UTF-8. May be empty (`data:`).
    pub data: &'a [u8],
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
    /// The data, unless it is one line of the piece that is being read: that is not copied.
    data: Vec<u8>,
    has_data: bool,
    kind: Option<Arc<str>>,
    id: Option<Arc<str>>,
    /// The last event id differs from what the last event told.
    id_news: Option<Arc<str>>,
    /// The type of the event before: most streams repeat it.
    last_kind: Option<Arc<str>>,
}

/// The bytes that are being read.
#[derive(Debug, Default)]
struct Piece<'a> {
    /// The only line of data of the event under way, valid UTF-8, where it stands in them.
    data: Option<&'a [u8]>,
}

/// Room that is kept from event to event.
const KEPT: usize = 64 << 10;
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
    pub fn push(&mut self, mut bytes: &[u8], dispatch: &mut impl FnMut(SseEvent<'_>)) -> Result<(), TooBig> {
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
        let mut piece = Piece::default();
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some(rest) = bytes.strip_prefix(b"\n")
            {
                bytes = rest;
                continue;
            }
            if let Some(rest) = self.whole_event(bytes, &piece, dispatch) {
                bytes = rest;
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                self.fields.copy(&mut piece);
                return self.keep(bytes);
            };
            let (line, rest) = bytes.split_at(end);
            self.after_cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.end_line(line, &mut piece, dispatch)?;
            } else {
                self.fields.copy(&mut piece);
                self.keep(line)?;
                let whole = std::mem::take(&mut self.line);
                let mut of_whole = Piece::default();
                self.end_line(&whole, &mut of_whole, dispatch)?;
                self.fields.copy(&mut of_whole);
                self.line = whole;
                self.line.clear();
                // One long line must not hold its memory for ever.
                self.line.shrink_to(KEPT);
            }
        }
        self.fields.copy(&mut piece);
        Ok(())
    }

    /// Most events are one line of data and all of it here: the same as line by line, in one go. What stands behind it;
    /// `None`: this is something else.
    #[inline]
    fn whole_event<'a>(
        &mut self,
        bytes: &'a [u8],
        piece: &Piece<'_>,
        dispatch: &mut impl FnMut(SseEvent<'_>),
    ) -> Option<&'a [u8]> {
        let begins = self.line.is_empty() && !self.fields.has_data && piece.data.is_none();
        let value = bytes.strip_prefix(b"data:").filter(|_| begins)?;
        let (value, rest) = value.split_at(memchr2(b'\n', b'\r', value)?);
        let rest = rest.strip_prefix(b"\n\n")?;
        // The line has its name before it, and what is held of an event its end behind it.
        if value.len() + b"data:".len() > self.limit || !(value.is_ascii() || std::str::from_utf8(value).is_ok()) {
            return None;
        }
        let data = value.strip_prefix(b" ").unwrap_or(value);
        if self.fields.kind.is_none() && self.fields.id_news.is_none() {
            dispatch(SseEvent { data, kind: None, id: None, last_id: None });
        } else {
            self.fields.dispatch(&mut Piece { data: Some(data) }, dispatch);
        }
        Some(rest)
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

    fn end_line<'a>(
        &mut self,
        line: &'a [u8],
        piece: &mut Piece<'a>,
        dispatch: &mut impl FnMut(SseEvent<'_>),
    ) -> Result<(), TooBig> {
        if line.len() > self.limit {
            return Err(TooBig { limit: self.limit });
        }
        if line.is_empty() {
            self.fields.dispatch(piece, dispatch);
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
            b"data" => self.fields.add_data(value, piece, self.limit)?,
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
        Fields { data: Vec::new(), has_data: false, kind: None, id: None, id_news: None, last_kind: None }
    }

    fn add_data<'a>(&mut self, value: &'a [u8], piece: &mut Piece<'a>, limit: usize) -> Result<(), TooBig> {
        let held = piece.data.map_or(self.data.len(), <[u8]>::len);
        if held.saturating_add(value.len()).saturating_add(1) > limit {
            return Err(TooBig { limit });
        }
        let is_valid = std::str::from_utf8(value).is_ok();
        if is_valid && !self.has_data && piece.data.is_none() {
            piece.data = Some(value);
            return Ok(());
        }
        self.copy(piece);
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        if is_valid {
            self.data.extend_from_slice(value);
        } else {
            self.data.extend_from_slice(String::from_utf8_lossy(value).as_bytes());
        }
        Ok(())
    }

    /// The piece goes away, or more data comes: what is held of it is copied.
    #[inline]
    fn copy(&mut self, piece: &mut Piece<'_>) {
        if let Some(data) = piece.data.take() {
            self.data.extend_from_slice(data);
            self.has_data = true;
        }
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
    fn dispatch(&mut self, piece: &mut Piece<'_>, dispatch: &mut impl FnMut(SseEvent<'_>)) {
        let kind = self.kind.take();
        let id = self.id.take();
        let data = match piece.data.take() {
            Some(data) => data,
            None if self.has_data => &self.data[..],
            None => return,
        };
        if kind.is_some() {
            self.last_kind.clone_from(&kind);
        }
        dispatch(SseEvent { data, kind, id, last_id: self.id_news.take() });
        if std::mem::take(&mut self.has_data) {
            self.data.clear();
            self.data.shrink_to(KEPT);
        }
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
