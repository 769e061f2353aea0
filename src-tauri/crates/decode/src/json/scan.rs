//! The scanner: strict RFC 8259, one pass, every leaf with its path, nothing allocated once the buffers have grown.
//!
//! Decided where the standard leaves room:
//! - A repeated key gives a leaf each time, in order.
//! - An array whose first element is an object or an array has the path step `*`, and its elements are told apart by
//!   [`Leaf::element`]; an array that starts with a scalar is positional (`/0`, `/1`, … from the 33rd on `*`).
//! - An object that the trie knows to be a map ([`Trie::mark_map`]) has the path step `{*}`; its members are elements, and
//!   the name of each is a leaf.
//! - `{}` and `[]` are leaves.
//! - A byte-order mark, a second value and an empty payload are refused.
//! - At most 128 levels; at most 2^20 leaves are kept of one payload (all of it is checked), and 4 GiB.
//!
//! ```text
//! {"a":[{"b":1},{"b":"x"}],"c":[5,6]}   ->   /a/*/b 1    /a/*/b "x"    /c/0 5    /c/1 6
//! ```

use feedwatch_model::Rejected;

use super::fault::{Fault, unfit};
use super::leaf::{Leaf, LeafKind};
use super::number::{Bits, number_end, short};
use super::template::Templates;
use super::text::{Survey, string_end, unescape};
use super::trie::{NONE, ROOT, Trie};

/// Deeper payloads are refused.
pub(crate) const MAX_DEPTH: usize = 128;
/// More leaves of one payload are counted, not kept.
const MAX_LEAVES: usize = 1 << 20;

#[derive(Clone, Copy, Debug)]
enum Inside {
    Nothing,
    /// An object; the member before, or [`NONE`].
    Object(u32),
    /// An object whose members' names are keys: the nodes of any member and of its name.
    Members(u32, u32),
    /// An array of objects or arrays: the node of its elements.
    Elements(u32),
    /// An array of scalars: the place before, and how many there were.
    Positions(u32, u32),
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    node: u32,
    element: u32,
    inside: Inside,
}

/// How far [`Scanner::members`] came.
struct Reached {
    at: usize,
    member: u32,
    /// Whether `at` is before the value of `member` or behind it.
    before_value: bool,
}

/// Buffers that are kept from message to message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scanner {
    pub(crate) leaves: Vec<Leaf>,
    /// The element each element stands in; 0 is the message itself.
    pub(crate) elements: Vec<u32>,
    /// Leaves without a path or without room.
    pub(crate) beyond: u64,
    templates: Templates,
    stack: Vec<Frame>,
    key: Vec<u8>,
    /// Whether strings of this payload end at the next quote.
    plain: bool,
}

#[inline]
fn peek(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

#[inline]
fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

impl Scanner {
    /// Flattens `payload` into [`Scanner::leaves`]; new paths are added to `trie`.
    ///
    /// # Errors
    /// The first byte that did not fit.
    pub(crate) fn scan(&mut self, trie: &mut Trie, payload: &[u8]) -> Result<(), Rejected> {
        if self.templates.read(payload, &mut self.leaves, &mut self.elements) {
            return Ok(());
        }
        let beyond = self.beyond;
        self.flatten(trie, payload)?;
        // A leaf without a path leaves a hole that nobody would check.
        if self.beyond == beyond {
            self.templates.learn(payload, &self.leaves, &self.elements);
        }
        Ok(())
    }

    /// The template that the last payload was read by, if any.
    #[inline]
    pub(crate) fn template(&self) -> Option<(usize, u32)> {
        self.templates.used()
    }

    fn flatten(&mut self, trie: &mut Trie, payload: &[u8]) -> Result<(), Rejected> {
        self.leaves.clear();
        self.elements.clear();
        self.elements.push(0);
        self.stack.clear();
        if u32::try_from(payload.len()).is_err() {
            return Err(Fault::at(0, "the message is larger than 4 GiB").into());
        }
        let survey = Survey::of(payload);
        self.plain = survey.plain;
        if survey.ascii {
            return self.value(trie, payload).map_err(Rejected::from);
        }
        match std::str::from_utf8(payload) {
            Ok(_) => self.value(trie, payload).map_err(Rejected::from),
            Err(error) => {
                let valid = payload.get(..error.valid_up_to()).unwrap_or_default();
                match self.value(trie, valid) {
                    Err(fault) if fault.offset < valid.len() => Err(fault.into()),
                    _ => Err(Fault::at(valid.len(), "this is not UTF-8").into()),
                }
            }
        }
    }

    fn value(&mut self, trie: &mut Trie, bytes: &[u8]) -> Result<(), Fault> {
        let mut at = skip_space(bytes, 0);
        let mut frame = Frame { node: ROOT, element: 0, inside: Inside::Nothing };
        let mut node = ROOT;
        let mut element = 0;
        loop {
            match peek(bytes, at) {
                b'"' => at = self.string(bytes, at + 1, node, element)?,
                b'-' | b'0'..=b'9' => at = self.number(bytes, at, node, element)?,
                b'{' => {
                    let inner = skip_space(bytes, at + 1);
                    if peek(bytes, inner) == b'}' {
                        self.leaf(Leaf::new(node, at, inner + 1, element, LeafKind::EmptyObject, Bits::NONE));
                        at = inner + 1;
                    } else {
                        self.enter(frame, at)?;
                        if let Some((member, name)) = trie.map(node) {
                            frame = Frame { node, element, inside: Inside::Members(member, name) };
                            (element, at) = self.member(bytes, inner, name, element)?;
                            node = member;
                            continue;
                        }
                        let (child, value) = self.key(trie, bytes, inner, node, NONE)?;
                        frame = Frame { node, element, inside: Inside::Object(child) };
                        (node, at) = (child, value);
                        continue;
                    }
                }
                b'[' => {
                    let inner = skip_space(bytes, at + 1);
                    if peek(bytes, inner) == b']' {
                        self.leaf(Leaf::new(node, at, inner + 1, element, LeafKind::EmptyArray, Bits::NONE));
                        at = inner + 1;
                    } else {
                        self.enter(frame, at)?;
                        frame = Frame { node, element, inside: array(trie, node, peek(bytes, inner)) };
                        (node, element) = self.step(trie, &mut frame);
                        at = inner;
                        continue;
                    }
                }
                b't' => at = self.word(bytes, at, b"true", node, element, LeafKind::True)?,
                b'f' => at = self.word(bytes, at, b"false", node, element, LeafKind::False)?,
                b'n' => at = self.word(bytes, at, b"null", node, element, LeafKind::Null)?,
                _ => return Err(unfit(bytes, at, "expected a value")),
            }
            if let Inside::Object(previous) = frame.inside {
                let reached = self.members(trie, bytes, at, previous, frame.element)?;
                at = reached.at;
                frame.inside = Inside::Object(reached.member);
                if reached.before_value {
                    node = reached.member;
                    element = frame.element;
                    continue;
                }
            }
            // Behind a value: close what ends here, or go on to the next one.
            loop {
                let byte = match peek(bytes, at) {
                    b' ' | b'\n' | b'\r' | b'\t' => {
                        at = skip_space(bytes, at);
                        peek(bytes, at)
                    }
                    byte => byte,
                };
                match (frame.inside, byte) {
                    (Inside::Object(previous), b',') => {
                        let start = skip_space(bytes, at + 1);
                        (node, at) = self.key(trie, bytes, start, frame.node, previous)?;
                        element = frame.element;
                        frame.inside = Inside::Object(node);
                        break;
                    }
                    (Inside::Elements(_) | Inside::Positions(..), b',') => {
                        (node, element) = self.step(trie, &mut frame);
                        at = skip_space(bytes, at + 1);
                        break;
                    }
                    (Inside::Members(member, name), b',') => {
                        (element, at) = self.member(bytes, skip_space(bytes, at + 1), name, frame.element)?;
                        node = member;
                        break;
                    }
                    (Inside::Object(_) | Inside::Members(..), b'}')
                    | (Inside::Elements(_) | Inside::Positions(..), b']') => {
                        at += 1;
                        match self.stack.pop() {
                            Some(outer) => frame = outer,
                            None => return Err(Fault::at(at, "nothing is open here")),
                        }
                    }
                    (Inside::Nothing, _) if at == bytes.len() => return Ok(()),
                    (Inside::Nothing, _) => return Err(Fault::at(at, "the message goes on behind its value")),
                    (Inside::Object(_) | Inside::Members(..), _) => {
                        return Err(unfit(bytes, at, "expected ',' or '}'"));
                    }
                    _ => return Err(unfit(bytes, at, "expected ',' or ']'")),
                }
            }
        }
    }

    /// The members of an object that come as expected and hold strings or numbers, in one tight loop. `at` is behind the
    /// value of `member`.
    fn members(
        &mut self,
        trie: &Trie,
        bytes: &[u8],
        mut at: usize,
        mut member: u32,
        element: u32,
    ) -> Result<Reached, Fault> {
        while peek(bytes, at) == b',' {
            let guess = trie.next(member);
            let space = usize::from(peek(bytes, at + 1) == b' ');
            let Some(used) = trie.matches(guess, bytes, at + 1 + space) else { break };
            member = guess;
            at = skip_space(bytes, at + 1 + space + used);
            match peek(bytes, at) {
                b'"' => at = self.string(bytes, at + 1, member, element)?,
                b'-' | b'0'..=b'9' => at = self.number(bytes, at, member, element)?,
                _ => return Ok(Reached { at, member, before_value: true }),
            }
        }
        Ok(Reached { at, member, before_value: false })
    }

    /// A string whose first byte is at `start`: the first byte behind its closing quote. A number in it is read on the
    /// way.
    #[inline]
    fn string(&mut self, bytes: &[u8], start: usize, node: u32, element: u32) -> Result<usize, Fault> {
        let mut number = Bits::NONE;
        if matches!(peek(bytes, start), b'-' | b'0'..=b'9') {
            match short(bytes, start) {
                Some((bits, end)) if peek(bytes, end) == b'"' => {
                    self.leaf(Leaf::new(node, start, end, element, LeafKind::Text, bits));
                    return Ok(end + 1);
                }
                _ => number = Bits::LATER,
            }
        }
        let (end, escaped) = string_end(bytes, start, self.plain)?;
        let (kind, number) = if escaped { (LeafKind::Escaped, Bits::NONE) } else { (LeafKind::Text, number) };
        self.leaf(Leaf::new(node, start, end, element, kind, number));
        Ok(end + 1)
    }

    /// A number that starts at `start`: the first byte behind it.
    #[inline]
    fn number(&mut self, bytes: &[u8], start: usize, node: u32, element: u32) -> Result<usize, Fault> {
        let (number, end) = match short(bytes, start) {
            Some(found) => found,
            None => {
                let end = number_end(bytes, start).map_err(|at| unfit(bytes, at, "this is not a number"))?;
                (Bits::LATER, end)
            }
        };
        self.leaf(Leaf::new(node, start, end, element, LeafKind::Number, number));
        Ok(end)
    }

    #[inline]
    fn enter(&mut self, frame: Frame, at: usize) -> Result<(), Fault> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Fault::at(at, "more than 128 levels"));
        }
        self.stack.push(frame);
        Ok(())
    }

    #[inline]
    fn leaf(&mut self, leaf: Leaf) {
        if leaf.node == NONE || self.leaves.len() >= MAX_LEAVES {
            self.beyond += 1;
            return;
        }
        self.leaves.push(leaf);
    }

    #[inline]
    fn word(
        &mut self,
        bytes: &[u8],
        at: usize,
        word: &[u8],
        node: u32,
        element: u32,
        kind: LeafKind,
    ) -> Result<usize, Fault> {
        for (place, &letter) in (at..).zip(word) {
            if bytes.get(place) != Some(&letter) {
                return Err(unfit(bytes, place, "expected true, false or null"));
            }
        }
        let truth = match kind {
            LeafKind::True => Bits::truth(true),
            LeafKind::False => Bits::truth(false),
            _ => Bits::NONE,
        };
        self.leaf(Leaf::new(node, at, at + word.len(), element, kind, truth));
        Ok(at + word.len())
    }

    /// A key and its colon: the member's node and the first byte of its value.
    #[inline]
    fn key(
        &mut self,
        trie: &mut Trie,
        bytes: &[u8],
        at: usize,
        parent: u32,
        previous: u32,
    ) -> Result<(u32, usize), Fault> {
        let guess = if previous == NONE { trie.first(parent) } else { trie.next(previous) };
        if let Some(used) = trie.matches(guess, bytes, at) {
            return Ok((guess, skip_space(bytes, at + used)));
        }
        self.unexpected_key(trie, bytes, at, parent, previous)
    }

    fn unexpected_key(
        &mut self,
        trie: &mut Trie,
        bytes: &[u8],
        at: usize,
        parent: u32,
        previous: u32,
    ) -> Result<(u32, usize), Fault> {
        if peek(bytes, at) != b'"' {
            return Err(unfit(bytes, at, "expected a key in quotes"));
        }
        let (end, escaped) = string_end(bytes, at + 1, self.plain)?;
        let colon = skip_space(bytes, end + 1);
        if peek(bytes, colon) != b':' {
            return Err(unfit(bytes, colon, "expected ':'"));
        }
        let inside = bytes.get(at + 1..end).unwrap_or_default();
        let node = if escaped {
            self.key.clear();
            unescape(inside, &mut self.key);
            trie.child(parent, previous, &self.key)
        } else {
            trie.child(parent, previous, inside)
        };
        Ok((node, skip_space(bytes, colon + 1)))
    }

    /// A member whose name is a key: its name is a leaf. The element it is, and the first byte of its value.
    fn member(&mut self, bytes: &[u8], at: usize, name: u32, within: u32) -> Result<(u32, usize), Fault> {
        if peek(bytes, at) != b'"' {
            return Err(unfit(bytes, at, "expected a key in quotes"));
        }
        let element = self.elements.len() as u32;
        self.elements.push(within);
        let end = self.string(bytes, at + 1, name, element)?;
        let colon = skip_space(bytes, end);
        if peek(bytes, colon) != b':' {
            return Err(unfit(bytes, colon, "expected ':'"));
        }
        Ok((element, skip_space(bytes, colon + 1)))
    }

    /// The next element of an array: its node, and the element it stands in or is.
    #[inline]
    fn step(&mut self, trie: &mut Trie, frame: &mut Frame) -> (u32, u32) {
        match frame.inside {
            Inside::Elements(node) => {
                let element = self.elements.len() as u32;
                self.elements.push(frame.element);
                (node, element)
            }
            Inside::Positions(previous, count) => {
                let node = trie.position(frame.node, previous, count);
                frame.inside = Inside::Positions(node, count.saturating_add(1));
                (node, frame.element)
            }
            Inside::Nothing | Inside::Object(_) | Inside::Members(..) => (NONE, frame.element),
        }
    }
}

fn array(trie: &mut Trie, node: u32, first: u8) -> Inside {
    if matches!(first, b'{' | b'[') { Inside::Elements(trie.element(node)) } else { Inside::Positions(NONE, 0) }
}
