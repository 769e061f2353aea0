//! Captures: files of messages as they came from a feed, read with bounded memory.
//!
//! - `.jsonl`, `.ndjson`: one message a line. A line that is `{"topic": …, "payload": "…"}`, with nothing beside it but
//!   `payload_base64`, `timestamp` or `tst`, `qos`, `retain`, `payloadlen` and `mid`, is an MQTT message: the payload is
//!   the message, the topic stands beside it.
//! - `.sse`: an event stream; one message for each event dispatched.
//! - `.prom`: the whole file is one message.
//! - `.csv`: one message a record, which is a line. A first line without a number is the header: it is no message, and stands
//!   beside the first one ([`CSV_HEADER`]).
//! - anything else: one message a line.
//!
//! A blank line is no message; CRLF ends a line too; the last line needs no end. Receive times are those of the sibling
//! `NAME.ts`, one a line for each message, in seconds since 1970, read exactly to the nanosecond. Without it they are
//! the message's own top-level `timestamp` (RFC 3339, or a number of s, ms, us or ns; of a CSV the column `timestamp` or `time`), else a steady grid of 1 ms that
//! begins when the file is opened.
//!
//! Limits: a line, an event or a whole `.prom` file has at most 64 MiB.
//!
//! ```
//! use feedwatch_model::Time;
//!
//! let file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
//! std::fs::write(file.path(), "{\"timestamp\":1700000000.25,\"v\":1}\n\n{\"v\":2}").unwrap();
//! let messages: Vec<_> =
//!     feedwatch_ingest::capture::read(file.path(), || Time::from_nanos(0)).unwrap().map(Result::unwrap).collect();
//! assert_eq!(&messages[1].payload[..], b"{\"v\":2}");
//! assert_eq!(messages[1].received, Time::from_millis(1_700_000_000_251));
//! ```

pub(crate) mod csv;
mod envelope;
mod lines;
mod source;
mod times;

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use feedwatch_model::{CSV_HEADER, Message, MessageMeta, NANOS_PER_MILLI, Position, Time};

pub use self::source::FileSource;

use self::csv::Header;
use self::lines::Lines;
use self::times::Times;
use crate::{Clock, SseEvent, SseParser};

/// The largest line of a capture: 64 MiB.
pub const MAX_LINE: usize = 64 << 20;

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// It cannot be opened.
    #[error("The file {} cannot be opened: {cause}. Check its name and that it may be read.", .file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It could be opened but not read on.
    #[error("{}:{line}: the file cannot be read any further: {cause}.", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The line at which it stopped, from 1.
        line: u64,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A line or an event is too long.
    #[error("{}:{line}: the message has more than {limit} bytes. Is this a capture, with one message a line?", .file.display())]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The bytes allowed.
        limit: usize,
    },
    /// A binary payload is not base64.
    #[error("{}:{line}: `payload_base64` is not base64.", .file.display())]
    Base64 {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A receive time cannot be read.
    #[error("{}:{line}: {text:?} is not a time. It looks like 1700000000.25 (seconds since 1970) or 2023-11-14T22:13:20.25Z.", .file.display())]
    Time {
        /// The file of times.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What stands there, at most its first 40 characters.
        text: String,
    },
    /// There are more messages than receive times.
    #[error("{} ends after {times} times, but the capture has more messages. Complete it, or take it away.", .file.display())]
    TimesEnd {
        /// The file of times.
        file: PathBuf,
        /// How many times it has.
        times: u64,
    },
}

/// Opens a capture. `clock` is asked once, for the grid of a file without times.
///
/// # Errors
/// [`CaptureError::Open`] if the file, or its file of times, cannot be opened.
pub fn read(path: impl AsRef<Path>, clock: Clock) -> Result<Capture, CaptureError> {
    let path = path.as_ref();
    let open = |path: &Path| {
        let opened = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
            true => Err(std::io::Error::from(std::io::ErrorKind::IsADirectory)),
            false => Ok(file),
        });
        opened.map_err(|cause| CaptureError::Open { file: path.to_owned(), cause })
    };
    let lines = Lines::new(open(path)?, path.to_owned());
    let beside = path.with_extension("ts");
    let times = if beside != path && beside.exists() {
        Some(Times::new(Lines::new(open(&beside)?, beside.clone())))
    } else {
        None
    };
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    let format = match end.as_str() {
        "jsonl" | "ndjson" => Format::Json,
        "sse" => Format::Events { parser: Box::new(SseParser::new(MAX_LINE)), ready: VecDeque::new() },
        "prom" => Format::Whole { done: false },
        "csv" => Format::Csv { header: None, told: false },
        _ => Format::Lines,
    };
    let next = clock();
    Ok(Capture { lines, times, format, number: 0, next, timed: false, failed: false })
}

/// The messages of a capture, in order. After an error about one line it goes on behind that line; after any other error
/// it is at its end.
#[derive(Debug)]
pub struct Capture {
    lines: Lines,
    times: Option<Times>,
    format: Format,
    number: u64,
    /// The receive time of the next message that tells none.
    next: Time,
    /// Has a message told its time?
    timed: bool,
    failed: bool,
}

#[derive(Debug)]
enum Format {
    Json,
    Lines,
    Events {
        parser: Box<SseParser>,
        ready: VecDeque<Found>,
    },
    Whole {
        done: bool,
    },
    Csv {
        /// `None`: the first line was not read yet.
        header: Option<Header>,
        /// Whether a message told it.
        told: bool,
    },
}

/// A message before its receive time is known.
#[derive(Debug)]
struct Found {
    payload: Bytes,
    meta: Option<Box<MessageMeta>>,
    /// The time in an envelope.
    time: Option<Time>,
}

impl From<Bytes> for Found {
    fn from(payload: Bytes) -> Found {
        Found { payload, meta: None, time: None }
    }
}

impl Capture {
    /// Which file this is, and how far it was read: all lines so far and the number of messages in them.
    fn place(&self) -> Position {
        Position::EventId(format!("file:{}:{:016x}", self.number, self.lines.digest()).into())
    }

    /// Reads on behind `position`; `false` if this file does not begin with what was read then. The times of a grid
    /// begin anew.
    fn resume(&mut self, position: &Position) -> bool {
        let Position::EventId(text) = position else { return false };
        let number = text.strip_prefix("file:").and_then(|text| text.split(':').next()?.parse().ok());
        let Some(number) = number else { return false };
        let opened = self.next;
        while self.number < number {
            if !matches!(self.next(), Some(Ok(_))) {
                return false;
            }
            if !self.timed && self.times.is_none() {
                self.next = opened;
            }
        }
        if let Format::Csv { told, .. } = &mut self.format {
            // Whoever reads on knows no header yet.
            *told = false;
        }
        self.place() == *position
    }

    fn find(&mut self) -> Result<Option<Found>, CaptureError> {
        let stamped = self.times.is_none();
        match &mut self.format {
            Format::Lines => Ok(self.lines.next_filled()?.map(Found::from)),
            Format::Json => {
                let Some(line) = self.lines.next_filled()? else { return Ok(None) };
                let opened = envelope::open(&line, stamped);
                opened.map(|found| Some(found.unwrap_or_else(|| line.into()))).map_err(|envelope::NotBase64| {
                    CaptureError::Base64 { file: self.lines.path().to_owned(), line: self.lines.number() }
                })
            }
            Format::Events { parser, ready } => {
                while ready.is_empty() {
                    let Some(line) = self.lines.next_raw()? else { return Ok(None) };
                    parser.push(&line, &mut |found| ready.push_back(event(found))).map_err(|error| {
                        let (file, line) = (self.lines.path().to_owned(), self.lines.number());
                        CaptureError::TooLong { file, line, limit: error.limit }
                    })?;
                }
                Ok(ready.pop_front())
            }
            Format::Csv { header, told } => {
                let Some(mut line) = self.lines.next_filled()? else { return Ok(None) };
                let header = match header {
                    Some(header) => header,
                    none => {
                        let found = none.insert(Header::of(&line));
                        if found.is_there() {
                            let Some(next) = self.lines.next_filled()? else { return Ok(None) };
                            line = next;
                        }
                        found
                    }
                };
                let time = if stamped { header.time(&line) } else { None };
                let beside = header.line().filter(|_| !std::mem::replace(told, true));
                let meta = beside.map(|line| {
                    let headers = vec![(CSV_HEADER.into(), line)];
                    Box::new(MessageMeta { headers, ..MessageMeta::default() })
                });
                Ok(Some(Found { payload: line, meta, time }))
            }
            Format::Whole { done: true } => Ok(None),
            Format::Whole { done } => {
                *done = true;
                Ok(Some(self.lines.rest()?).filter(|whole| !whole.trim_ascii().is_empty()).map(Found::from))
            }
        }
    }

    fn stamp(&mut self, found: Found) -> Result<Message, CaptureError> {
        let received = match &mut self.times {
            Some(times) => times.next()?,
            None => {
                let own = found.time.or_else(|| envelope::timestamp(&found.payload));
                self.timed |= own.is_some();
                own.unwrap_or(self.next)
            }
        };
        self.next = received.plus_nanos(NANOS_PER_MILLI);
        let message = Message { meta: found.meta, ..Message::new(self.number, received, found.payload) };
        self.number += 1;
        Ok(message)
    }
}

fn event(event: SseEvent<'_>) -> Found {
    let SseEvent { data, kind, id, last_id } = event;
    let meta = (kind.is_some() || id.is_some()).then(|| {
        let position = last_id.map(Position::EventId);
        Box::new(MessageMeta { topic: kind, id, position, ..MessageMeta::default() })
    });
    Found { payload: Bytes::copy_from_slice(data), meta, time: None }
}

impl Iterator for Capture {
    type Item = Result<Message, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = match self.find() {
            Ok(Some(found)) => Some(self.stamp(found)),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        };
        self.failed = matches!(&next, Some(Err(error)) if !matches!(error, CaptureError::Base64 { .. } | CaptureError::Time { .. }));
        next
    }
}

#[cfg(test)]
mod tests;
