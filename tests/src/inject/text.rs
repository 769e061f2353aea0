//! Where a field stands in the text of a message, so that it can be changed and nothing else with it.
//!
//! A message is JSON, or an event of a stream whose `data:` line is JSON, or JSON below a `topic:` line. Paths are JSON
//! pointers with `*` for any element of an array and `-1` for the last one; `attr:id` is an event's `id:` line,
//! `topic:/N` a level of the topic. Keys with escapes are not found.

use std::ops::Range;

/// Begins the line above a message that tells its topic.
pub const TOPIC: &[u8] = b"topic:";

/// A field: its key (with quotes; nothing for an element of an array or a line of an event) and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Where the key stands.
    pub key: Option<Range<usize>>,
    /// Where the value stands; of a text with its quotes.
    pub value: Range<usize>,
}

/// Every place of `path` in a message, in the order of the text; none if it is not there or the text is no JSON.
pub fn find(payload: &[u8], path: &str) -> Vec<Spot> {
    if path == "attr:id" {
        return line(payload, b"id:").map(|value| Spot { key: None, value }).into_iter().collect();
    }
    if let Some(at) = path.strip_prefix("topic:/").and_then(|at| at.parse().ok()) {
        return level(payload, at).map(|value| Spot { key: None, value }).into_iter().collect();
    }
    let base = match payload.first() {
        Some(b'{' | b'[') => 0,
        Some(_) if payload.starts_with(TOPIC) => payload.iter().position(|byte| *byte == b'\n').unwrap_or(0),
        _ => match line(payload, b"data:") {
            Some(data) => data.start,
            None => return Vec::new(),
        },
    };
    let tokens: Vec<&str> = path.split('/').skip(1).collect();
    let mut walk = Walk { text: payload, at: base, found: Vec::new() };
    if walk.value(Some(&tokens), None).is_none() {
        return Vec::new();
    }
    walk.found
}

/// The text of the first place of `path`: of a JSON text what is between its quotes.
pub fn first<'a>(payload: &'a [u8], path: &str) -> Option<&'a str> {
    let spot = find(payload, path).into_iter().next()?;
    let text = std::str::from_utf8(payload.get(spot.value)?).ok()?;
    Some(text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text))
}

/// What stands behind `name` on the first line that begins with it.
fn line(payload: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let mut start = 0;
    for line in payload.split(|byte| *byte == b'\n') {
        if let Some(rest) = line.strip_prefix(name) {
            let text = rest.trim_ascii_start();
            let from = start + line.len() - text.len();
            return Some(from..start + line.trim_ascii_end().len());
        }
        start += line.len() + 1;
    }
    None
}

/// A level of the topic, counted from 0.
fn level(payload: &[u8], at: usize) -> Option<Range<usize>> {
    let topic = line(payload, TOPIC)?;
    let mut start = topic.start;
    for (index, level) in payload.get(topic)?.split(|byte| *byte == b'/').enumerate() {
        if index == at {
            return Some(start..start + level.len());
        }
        start += level.len() + 1;
    }
    None
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    found: Vec<Spot>,
}

impl Walk<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Reads a value to its end. `wanted`: the rest of the path, if the value lies on it.
    fn value(&mut self, wanted: Option<&[&str]>, key: Option<Range<usize>>) -> Option<()> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'{' => self.object(wanted)?,
            b'[' => self.array(wanted)?,
            b'"' => self.string()?,
            _ => {
                let is_end = |byte: &u8| b",]}".contains(byte) || byte.is_ascii_whitespace();
                self.at += self.text.get(self.at..)?.iter().position(is_end).unwrap_or(self.text.len() - self.at);
            }
        }
        if wanted.is_some_and(<[&str]>::is_empty) {
            self.found.push(Spot { key, value: start..self.at });
        }
        Some(())
    }

    fn object(&mut self, wanted: Option<&[&str]>) -> Option<()> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            return self.take(b'}');
        }
        loop {
            self.peek()?;
            let start = self.at;
            self.string()?;
            let key = start..self.at;
            let name = self.text.get(start + 1..self.at - 1)?;
            self.take(b':')?;
            let rest = wanted.and_then(|tokens| tokens.split_first()).filter(|(token, _)| token.as_bytes() == name);
            self.value(rest.map(|(_, rest)| rest), Some(key))?;
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.take(b'}'),
            }
        }
    }

    fn array(&mut self, wanted: Option<&[&str]>) -> Option<()> {
        self.take(b'[')?;
        if self.peek()? == b']' {
            return self.take(b']');
        }
        let (token, rest) = wanted.and_then(|tokens| tokens.split_first()).unzip();
        let (before, mut last) = (self.found.len(), self.found.len());
        for index in 0.. {
            let is_wanted = token.is_some_and(|token| *token == "*" || *token == "-1" || *token == index.to_string());
            last = self.found.len();
            self.value(rest.filter(|_| is_wanted), None)?;
            match self.peek()? {
                b',' => self.at += 1,
                _ => break,
            }
        }
        if token == Some(&"-1") {
            self.found.drain(before..last);
        }
        self.take(b']')
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            match self.text.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }
}
