//! Cuts a stream of bytes into lines, with bounded memory.
//!
//! A line ends with a line feed; a carriage return before it is no part of it. NUL bytes in front of a line are passed over:
//! a file that was cut short while its writer kept its place begins with a hole of them, which may be of any length. A line
//! longer than the limit is not kept: what is left of it is its beginning and its length.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

/// What is kept of a line that is too long: enough for a person to know it by.
const HEAD: usize = 256;

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Whole(Bytes),
    /// Longer than the limit: its beginning, and how many bytes it has.
    TooLong {
        head: Bytes,
        bytes: u64,
    },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct LineCutter {
    limit: usize,
    buffer: BytesMut,
    /// Bytes at the beginning of the buffer that were searched for a line feed.
    searched: usize,
    passing: Option<Passing>,
    /// NUL bytes that have passed in front of the line under way.
    holes: u64,
}

/// A line that is being passed over.
#[derive(Debug)]
struct Passing {
    head: Bytes,
    /// How much of it has passed.
    bytes: u64,
    /// The last byte of it was a carriage return, which may be part of its end.
    returned: bool,
}

impl LineCutter {
    /// `limit`: the longest line in bytes.
    pub(crate) fn new(limit: usize) -> LineCutter {
        LineCutter { limit, buffer: BytesMut::new(), searched: 0, passing: None, holes: 0 }
    }

    /// Appends what `read` puts into a room of `piece` bytes, and tells how much that was.
    pub(crate) fn fill(
        &mut self,
        piece: usize,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let before = self.buffer.len();
        self.buffer.resize(before + piece, 0);
        let read = loop {
            match read(self.buffer.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(before + read.as_ref().map_or(0, |count| (*count).min(piece)));
        read
    }

    /// Appends what came.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The line under way is longer than allowed already.
    pub(crate) fn is_passing(&self) -> bool {
        self.passing.is_some()
    }

    /// The longest line is another from here on.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// What was appended last, from byte `from` of what is held on.
    pub(crate) fn held_from(&self, from: usize) -> &[u8] {
        self.buffer.get(from..).unwrap_or_default()
    }

    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// The next line, and how many bytes it took with its end and what was passed over in front of it.
    pub(crate) fn next(&mut self) -> Option<(Line, u64)> {
        if self.passing.is_some() {
            return self.pass(memchr(b'\n', &self.buffer));
        }
        if self.searched == 0 {
            let hole = self.buffer.iter().take_while(|byte| **byte == 0).count();
            self.buffer.advance(hole);
            self.holes += hole as u64;
        }
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        if let Some(at) = memchr(b'\n', unsearched).map(|at| self.searched + at) {
            self.searched = 0;
            let line = self.buffer.split_to(at + 1).freeze();
            return Some(self.done(&line, at + 1));
        }
        self.searched = self.buffer.len();
        // One byte more, as the last may be a carriage return.
        if self.buffer.len() > self.limit.saturating_add(1) {
            let (head, returned) = (self.head(&self.buffer), self.buffer.ends_with(b"\r"));
            self.passing = Some(Passing { head, bytes: self.buffer.len() as u64, returned });
            self.buffer.clear();
            self.searched = 0;
        }
        None
    }

    /// The line under way as if it had ended here, if there is one.
    pub(crate) fn rest(&mut self) -> Option<(Line, u64)> {
        if self.passing.is_some() {
            return self.pass(Some(self.buffer.len()));
        }
        self.searched = 0;
        let line = self.buffer.split().freeze();
        if line.is_empty() {
            return None;
        }
        let taken = line.len();
        Some(self.done(&line, taken))
    }

    fn done(&mut self, line: &Bytes, taken: usize) -> (Line, u64) {
        let taken = taken as u64 + std::mem::take(&mut self.holes);
        let length = without_end(line).len();
        if length > self.limit {
            return (Line::TooLong { head: self.head(line), bytes: length as u64 }, taken);
        }
        (Line::Whole(line.slice(..length)), taken)
    }

    /// Passes over the line under way, whose end stands at `end`, if it is here.
    fn pass(&mut self, end: Option<usize>) -> Option<(Line, u64)> {
        let Some(end) = end else {
            if let Some(passing) = self.passing.as_mut().filter(|_| !self.buffer.is_empty()) {
                passing.bytes += self.buffer.len() as u64;
                passing.returned = self.buffer.ends_with(b"\r");
            }
            self.buffer.clear();
            return None;
        };
        let Passing { head, bytes: passed, returned } = self.passing.take()?;
        let here = self.buffer.get(..end).unwrap_or_default();
        let returned = if here.is_empty() { returned } else { here.ends_with(b"\r") };
        let bytes = passed + end as u64 - u64::from(returned);
        let taken = (end + 1).min(self.buffer.len());
        self.buffer.advance(taken);
        Some((Line::TooLong { head, bytes }, passed + taken as u64 + std::mem::take(&mut self.holes)))
    }

    /// The beginning of a line that is too long.
    fn head(&self, line: &[u8]) -> Bytes {
        Bytes::copy_from_slice(line.get(..HEAD.min(self.limit)).unwrap_or(line))
    }
}

/// A line without its line feed, and without the carriage return before it.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(cutter: &mut LineCutter) -> Vec<String> {
        let lines = std::iter::from_fn(|| cutter.next());
        lines
            .map(|(line, _)| match line {
                Line::Whole(line) => String::from_utf8_lossy(&line).into_owned(),
                Line::TooLong { head, bytes } => format!("{}…{bytes}", String::from_utf8_lossy(&head)),
            })
            .collect()
    }

    #[test]
    fn half_a_line_waits_for_its_end() {
        let mut cutter = LineCutter::new(100);
        cutter.push(b"one\r\ntw");
        assert_eq!(all(&mut cutter), ["one"]);
        cutter.push(b"o\n\n");
        assert_eq!(all(&mut cutter), ["two", ""]);
        cutter.push(b"three");
        assert_eq!(all(&mut cutter), [""; 0]);
        assert_eq!(cutter.rest(), Some((Line::Whole(Bytes::from_static(b"three")), 5)));
        assert_eq!(cutter.rest(), None);
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_not_kept() {
        let mut cutter = LineCutter::new(10);
        cutter.push(b"0123456789\n0123456789\r\n0123456789a\nok\n");
        assert_eq!(all(&mut cutter), ["0123456789", "0123456789", "0123456789…11", "ok"]);
        for _ in 0..1000 {
            cutter.push(&[b'x'; 1000]);
            assert_eq!(cutter.next(), None);
            assert!(cutter.held() < 20);
        }
        cutter.push(b"\nok\n");
        let (long, taken) = cutter.next().unwrap();
        assert!(matches!(long, Line::TooLong { bytes: 1_000_000, .. }) && taken == 1_000_001, "{long:?} {taken}");
        assert_eq!(all(&mut cutter), ["ok"]);
    }

    #[test]
    fn a_hole_in_front_of_a_line_is_passed_over() {
        let mut cutter = LineCutter::new(10);
        for _ in 0..100 {
            cutter.push(&[0; 1000]);
            assert_eq!(cutter.next(), None);
            assert_eq!(cutter.held(), 0);
        }
        cutter.push(b"a\0b\n");
        assert_eq!(cutter.next(), Some((Line::Whole(Bytes::from_static(b"a\0b")), 100_004)));
    }

    proptest! {
        #[test]
        fn lines_and_places_do_not_depend_on_the_pieces(
            text in "[ab\r\n\u{0}]{0,200}",
            pieces in proptest::collection::vec(1usize..20, 1..100),
            limit in 1usize..12,
        ) {
            let whole = |pieces: &mut dyn Iterator<Item = usize>| {
                let (mut cutter, mut rest, mut got) = (LineCutter::new(limit), text.as_bytes(), Vec::new());
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(pieces.next().unwrap_or(rest.len()).min(rest.len()));
                    cutter.push(piece);
                    rest = after;
                    got.extend(std::iter::from_fn(|| cutter.next()));
                }
                got.extend(cutter.rest());
                got
            };
            let at_once = whole(&mut std::iter::once(text.len()));
            let in_pieces = whole(&mut pieces.into_iter().cycle());
            prop_assert_eq!(&at_once, &in_pieces);
            let taken: u64 = at_once.iter().map(|(_, taken)| taken).sum();
            prop_assert!(taken as usize + text.bytes().rev().take_while(|byte| *byte == 0).count() >= text.len());
        }
    }
}
