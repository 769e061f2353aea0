//! Checksums and hashes over the payload or a part of it.
//!
//! A candidate is a field called like one (`crc`, `checksum`, `sha256`, `hash`, …) or a text that looks like a hash, as a
//! member of an object outside of arrays; or, in a feed that is not JSON, what stands behind the last `*`, `|`, `,` or `;`.
//! Every method whose length fits is tried over the payload without the field ([`Input`]) and over each of the fields
//! beside it. What fits 4 times (8 times, if its name says nothing) and at 90 % of the messages is in force. A candidate of
//! which nothing fits the first [`FIRST`] times, or too little till [`PATIENCE`] messages, is left alone, as is one that is too [`RARE`].
//!
//! Limits: [`MAX_CANDIDATES`] candidates ever, [`MAX_RULES`] rules, nothing is tried on payloads above [`MAX_TRIED`] bytes.

pub(super) mod input;
pub(super) mod member;
pub(super) mod method;

use self::input::Input;
use self::method::{Method, Sum, Written, read, shapes};
use super::{Judged, View};
use crate::hash::hash64;
use crate::json::leaf::{Leaf, LeafKind};
use crate::json::trie::{Step, Trie};
use crate::learn::hints;

const MAX_CANDIDATES: usize = 32;
const MAX_RULES: usize = 8;
const MAX_TRIED: usize = 16 << 10;
/// Messages after which what never fitted is left out.
const FIRST: u32 = 4;
const PATIENCE: u32 = 64;
/// What was not decided by so many messages of the feed is too rare.
const RARE: u32 = 10_000;
const NAMED: u32 = 4;
const NAMELESS: u32 = 8;
/// What a checksum behind a line is parted by.
const MARKS: [u8; 4] = *b"*|,;";

/// One way to compute a checksum.
#[derive(Clone, Debug)]
struct Way {
    method: Method,
    written: Written,
    input: Input,
    fits: u32,
}

#[derive(Clone, Debug)]
struct Candidate {
    node: u32,
    /// Behind the payload, by this byte; the node is that of the last field then.
    mark: Option<u8>,
    named: bool,
    /// Messages since it was met, and how many of them had it.
    seen: u32,
    tried: u32,
    /// What stood there last: the same once more is no further evidence.
    last: u64,
    ways: Vec<Way>,
    given_up: bool,
}

/// A checksum in force.
#[derive(Clone, Debug)]
struct DigestRule {
    node: u32,
    mark: Option<u8>,
    way: Way,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Digests {
    candidates: Vec<Candidate>,
    rules: Vec<DigestRule>,
    nodes: Vec<u32>,
    on_trial: bool,
    buffer: Vec<u8>,
}

fn is_named(name: &str) -> bool {
    const NAMES: [&str; 20] = [
        "crc",
        "crc16",
        "crc32",
        "crc32c",
        "checksum",
        "chksum",
        "cksum",
        "chk",
        "fcs",
        "adler32",
        "md5",
        "sha",
        "sha1",
        "sha256",
        "sha512",
        "hash",
        "digest",
        "sig",
        "signature",
        "sum",
    ];
    hints::words(name).iter().any(|word| NAMES.contains(&word.as_str()))
}

/// What stands behind the last one of `mark`.
fn suffix(raw: &[u8], mark: u8) -> Option<&[u8]> {
    let raw = raw.trim_ascii_end();
    raw.get(memchr::memrchr(mark, raw)? + 1..).map(<[u8]>::trim_ascii).filter(|text| !text.is_empty())
}

impl Digests {
    /// Looks for candidates among the paths of a message; whether there is something to try or to check. `has_sum`: the
    /// format has a checksum of its own.
    pub(super) fn look(&mut self, trie: &Trie, view: &View<'_>, has_sum: bool) -> bool {
        for leaf in view.leaves.iter().filter(|leaf| leaf.element == 0) {
            let is_known = self.candidates.iter().any(|known| known.node == leaf.node && known.mark.is_none());
            if is_known || self.candidates.len() >= MAX_CANDIDATES || trie.step(leaf.node) != Step::Key {
                continue;
            }
            let named = is_named(&trie.segment(leaf.node));
            if may_be(leaf, view, named) {
                self.add(leaf.node, None, named);
            }
        }
        if !has_sum
            && !view.is_json()
            && let Some(last) = view.leaves.last()
        {
            for mark in MARKS {
                let is_known = self.candidates.iter().any(|known| known.mark == Some(mark));
                if !is_known && self.candidates.len() < MAX_CANDIDATES && suffix(view.raw, mark).is_some() {
                    self.add(last.node, Some(mark), true);
                }
            }
        }
        self.is_active()
    }

    fn add(&mut self, node: u32, mark: Option<u8>, named: bool) {
        self.on_trial = true;
        self.candidates.push(Candidate {
            node,
            mark,
            named,
            seen: 0,
            tried: 0,
            last: 0,
            ways: Vec::new(),
            given_up: false,
        });
    }

    pub(super) fn is_active(&self) -> bool {
        self.on_trial || !self.rules.is_empty()
    }

    pub(super) fn is_on_trial(&self) -> bool {
        self.on_trial
    }

    /// The paths of checksums in force.
    pub(super) fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// Tries the candidates on a message; whether one is in force from now on.
    #[cold]
    pub(super) fn try_out(&mut self, view: &View<'_>) -> bool {
        let before = self.rules.len();
        for candidate in self.candidates.iter_mut().filter(|candidate| !candidate.given_up) {
            candidate.try_out(view, &mut self.buffer);
            if let Some(way) = candidate.accepted() {
                candidate.given_up = true;
                if self.rules.len() < MAX_RULES {
                    self.nodes.push(candidate.node);
                    self.rules.push(DigestRule { node: candidate.node, mark: candidate.mark, way });
                }
            }
        }
        self.on_trial = self.candidates.iter().any(|candidate| !candidate.given_up);
        self.rules.len() > before
    }

    /// Checks a message by the rules in force: node, method and what came of it.
    pub(super) fn check(&mut self, view: &View<'_>, mut give: impl FnMut(u32, &'static str, Judged)) {
        let Digests { rules, buffer, .. } = self;
        for rule in rules {
            let leaf = view.leaves.iter().find(|leaf| leaf.node == rule.node && leaf.element == 0);
            let Some(text) = text_of(view, leaf, rule.mark) else { continue };
            let Way { method, written, input, .. } = &rule.way;
            let Some(computed) = input.with(view, leaf, buffer, |parts| method.compute(parts)).flatten() else {
                continue;
            };
            // What is no checksum at all does not fit either.
            let stated = read(text, *written, method.length());
            let fits = stated == Some(computed);
            let stated = stated.as_ref().map_or(0, Sum::first);
            give(rule.node, method.word(), Judged { fits, stated, computed: computed.first() });
        }
    }
}

/// The text of a checksum in a message; `None` if there is none.
fn text_of<'a>(view: &View<'a>, leaf: Option<&Leaf>, mark: Option<u8>) -> Option<&'a [u8]> {
    match mark {
        Some(mark) => suffix(view.raw, mark),
        None => {
            leaf.filter(|leaf| matches!(leaf.kind, LeafKind::Number | LeafKind::Text)).map(|leaf| leaf.raw(view.text))
        }
    }
}

fn may_be(leaf: &Leaf, view: &View<'_>, named: bool) -> bool {
    let text = leaf.raw(view.text);
    match leaf.kind {
        LeafKind::Number => named && shapes(text, false).next().is_some(),
        // A text that is no number, and long enough for chance to play no part.
        LeafKind::Text => {
            let long = |(method, _): (Method, Written)| named || method.length() >= 4 && text.len() >= 8;
            (named || !text.iter().all(u8::is_ascii_digit)) && shapes(text, true).any(long)
        }
        _ => false,
    }
}

impl Candidate {
    fn try_out(&mut self, view: &View<'_>, buffer: &mut Vec<u8>) {
        self.seen += 1;
        self.given_up = self.seen >= RARE;
        let leaf = view.leaves.iter().find(|leaf| leaf.node == self.node && leaf.element == 0);
        let Some(text) = text_of(view, leaf, self.mark).filter(|_| view.text.len() <= MAX_TRIED) else { return };
        let seen = hash64(text, 7);
        if std::mem::replace(&mut self.last, seen) == seen {
            return;
        }
        if self.tried < FIRST {
            self.add_ways(view, leaf, text);
        }
        self.tried += 1;
        for way in &mut self.ways {
            let computed = way.input.with(view, leaf, buffer, |parts| way.method.compute(parts)).flatten();
            let fits = computed.is_some() && computed == read(text, way.written, way.method.length());
            way.fits += u32::from(fits);
        }
        if self.tried == FIRST {
            self.ways.retain(|way| way.fits > 0);
        }
        self.given_up |= self.tried >= FIRST && self.ways.is_empty() || self.tried >= PATIENCE;
    }

    /// The ways that this message may have been written in: hex of digits alone may be a number.
    fn add_ways(&mut self, view: &View<'_>, leaf: Option<&Leaf>, text: &[u8]) {
        let found: Vec<(Method, Written)> = match self.mark {
            Some(_) => Method::ALL
                .into_iter()
                .flat_map(|method| [Written::Hex, Written::Integer].map(|written| (method, written)))
                .filter(|(method, written)| {
                    let is_short = *method == Method::Xor && *written == Written::Integer;
                    !is_short && read(text, *written, method.length()).is_some()
                })
                .collect(),
            None => shapes(text, leaf.is_some_and(Leaf::is_string)).collect(),
        };
        let inputs = match (self.mark, leaf) {
            (Some(mark), _) => vec![Input::Before(mark), Input::With(mark), Input::Inside(mark)],
            (None, Some(leaf)) => Input::all(view.text, leaf),
            (None, None) => Vec::new(),
        };
        for (method, written) in found {
            for input in &inputs {
                let is_known = |way: &Way| way.method == method && way.written == written && way.input == *input;
                if !self.ways.iter().any(is_known) {
                    self.ways.push(Way { method, written, input: input.clone(), fits: 0 });
                }
            }
        }
    }

    fn accepted(&self) -> Option<Way> {
        let needed = if self.named { NAMED } else { NAMELESS };
        let best = self.ways.iter().rev().max_by_key(|way| way.fits)?;
        (best.fits >= needed && best.fits * 10 >= self.tried * 9).then(|| best.clone())
    }
}
