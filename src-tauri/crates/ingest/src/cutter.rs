//! Cuts a stream of bytes into lines, with bounded memory.
//!
//! A line ends with a line feed; a carriage return before it is no part of it. NUL bytes in front of a line are passed over:
//! a file that was cut short while its writer kept its place begins with a hole of them, which may be of any length. A line
//! longer than the limit is not kept: what is left of it is its beginning and its length.

use std::io;

use memchr::memchr;

/// What is kept of a line that is too long: enough for a person to know it by.
const HEAD: usize = 256;
/// Room that is kept when nothing waits in it.
const KEPT: usize = 256 << 10;

/// A line without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    /// Longer than the limit: its beginning, and how many bytes it has.
    TooLong {
        head: &'a [u8],
        bytes: u64,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct LineCutter {
    limit: usize,
    /// What is held stands from `begin` to `end`; behind it is room.
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    /// Bytes at the beginning of what is held that were searched for a line feed.
    searched: usize,
    passing: Option<Passing>,
    /// The beginning of the last line that was passed over.
    passed: Vec<u8>,
    /// NUL bytes that have passed in front of the line under way.
    holes: u64,
}

/// A line that is being passed over, but for its beginning.
#[derive(Debug)]
struct Passing {
    /// How much of it has passed.
    bytes: u64,
    /// The last byte of it was a carriage return, which may be part of its end.
    returned: bool,
}

impl LineCutter {
    /// `limit`: the longest line in bytes.
    pub(crate) fn new(limit: usize) -> LineCutter {
        LineCutter { limit, ..LineCutter::default() }
    }

    /// Room for `piece` more bytes; what is put there counts when [`LineCutter::filled`] says so.
    #[inline]
    pub(crate) fn room(&mut self, piece: usize) -> &mut [u8] {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
            if self.buffer.len() > KEPT.max(piece) {
                self.buffer = Vec::new();
            }
        }
        if self.buffer.len() - self.end < piece {
            let held = self.end - self.begin;
            if held + piece <= KEPT && self.buffer.len() > KEPT {
                // One long line must not hold its room for ever.
                self.buffer = self.held().to_vec();
            } else if self.begin > 0 {
                self.buffer.copy_within(self.begin..self.end, 0);
            }
            (self.begin, self.end) = (0, held);
            if self.buffer.len() - held < piece {
                self.buffer.resize(held + piece, 0);
            }
        }
        self.buffer.get_mut(self.end..self.end + piece).unwrap_or_default()
    }

    /// So many bytes were put into the room.
    #[inline]
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = self.buffer.len().min(self.end + count);
    }

    /// Appends what `read` puts into a room of `piece` bytes, and tells how much that was.
    pub(crate) fn fill(
        &mut self,
        piece: usize,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let room = self.room(piece);
        let count = loop {
            match read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?.min(piece),
            }
        };
        self.filled(count);
        Ok(count)
    }

    /// Appends what came.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.filled(bytes.len());
    }

    /// The line under way is longer than allowed already.
    pub(crate) fn is_passing(&self) -> bool {
        self.passing.is_some()
    }

    /// The longest line is another from here on.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// What is held: the line under way, and what is behind it.
    pub(crate) fn held(&self) -> &[u8] {
        self.buffer.get(self.begin..self.end).unwrap_or_default()
    }

    /// The next line, and how many bytes it took with its end and what was passed over in front of it.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<(Line<'_>, u64)> {
        if self.passing.is_some() {
            return self.pass(memchr(b'\n', self.held()));
        }
        if self.searched == 0 && self.held().first() == Some(&0) {
            let hole = self.held().iter().take_while(|byte| **byte == 0).count();
            self.begin += hole;
            self.holes += hole as u64;
        }
        let unsearched = self.held().get(self.searched..).unwrap_or_default();
        if let Some(at) = memchr(b'\n', unsearched) {
            let taken = self.searched + at + 1;
            return Some(self.done(taken));
        }
        let held = self.held();
        let (length, returned) = (held.len(), held.ends_with(b"\r"));
        self.searched = length;
        // One byte more, as the last may be a carriage return.
        if length > self.limit.saturating_add(1) {
            let head = self.beginning(self.held()).to_vec();
            self.passed = head;
            self.passing = Some(Passing { bytes: length as u64, returned });
            self.begin = self.end;
            self.searched = 0;
        }
        None
    }

    /// The line under way as if it had ended here, if there is one.
    pub(crate) fn rest(&mut self) -> Option<(Line<'_>, u64)> {
        let length = self.held().len();
        if self.passing.is_some() {
            return self.pass(Some(length));
        }
        if length == 0 {
            self.searched = 0;
            return None;
        }
        Some(self.done(length))
    }

    /// The line that takes so many bytes with its end.
    #[inline]
    fn done(&mut self, length: usize) -> (Line<'_>, u64) {
        let begin = self.begin;
        self.begin += length;
        self.searched = 0;
        let taken = length as u64 + std::mem::take(&mut self.holes);
        let line = without_end(self.buffer.get(begin..self.begin).unwrap_or_default());
        if line.len() > self.limit {
            return (Line::TooLong { head: self.beginning(line), bytes: line.len() as u64 }, taken);
        }
        (Line::Whole(line), taken)
    }

    /// Passes over the line under way, whose end stands at `end`, if it is here.
    fn pass(&mut self, end: Option<usize>) -> Option<(Line<'_>, u64)> {
        let held = self.buffer.get(self.begin..self.end).unwrap_or_default();
        let Some(end) = end else {
            if let Some(passing) = self.passing.as_mut().filter(|_| !held.is_empty()) {
                passing.bytes += held.len() as u64;
                passing.returned = held.ends_with(b"\r");
            }
            self.begin = self.end;
            return None;
        };
        let Passing { bytes: passed, returned } = self.passing.take()?;
        let here = held.get(..end).unwrap_or_default();
        let returned = if here.is_empty() { returned } else { here.ends_with(b"\r") };
        let bytes = passed + end as u64 - u64::from(returned);
        let taken = (end + 1).min(held.len());
        self.begin += taken;
        let taken = passed + taken as u64 + std::mem::take(&mut self.holes);
        Some((Line::TooLong { head: &self.passed, bytes }, taken))
    }

    /// The beginning of a line that is too long.
    fn beginning<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        line.get(..HEAD.min(self.limit)).unwrap_or(line)
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
        let mut lines = Vec::new();
        while let Some((line, _)) = cutter.next() {
            lines.push(told(&line));
        }
        lines
    }

    fn told(line: &Line<'_>) -> String {
        match line {
            Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
            Line::TooLong { head, bytes } => format!("{}…{bytes}", String::from_utf8_lossy(head)),
        }
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
        assert_eq!(cutter.rest(), Some((Line::Whole(b"three"), 5)));
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
            assert!(cutter.held().len() < 20);
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
            assert_eq!(cutter.held().len(), 0);
        }
        cutter.push(b"a\0b\n");
        assert_eq!(cutter.next(), Some((Line::Whole(b"a\0b"), 100_004)));
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
                    while let Some((line, taken)) = cutter.next() {
                        got.push((told(&line), taken));
                    }
                }
                got.extend(cutter.rest().map(|(line, taken)| (told(&line), taken)));
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
