//! Skeletons of messages: what stays the same from message to message is compared, only the values are parsed.
//!
//! A message that was scanned strictly is cut at its leaves. The runs between them, with all the braces, keys, quotes and
//! commas, must stand in a later message byte for byte; the values may be others of the same sort. Such a message is
//! valid because the first one was: it differs from it by valid values in the place of valid values. What does not fit is
//! scanned as if there were no templates, so that they change nothing but the time it takes.
//!
//! ```text
//! {"s":"BTC","p":1.5}   ->   {"s":" TEXT ","p": NUMBER }
//! ```
//!
//! Limits: [`KEPT`] templates, each of at most [`MAX_HOLES`] leaves and [`MAX_BYTES`]. Where messages seldom fit, they are
//! tried less often.

use super::leaf::{Leaf, LeafKind};
use super::number::{Bits, short};
use super::text::plain_text;

/// Templates of a feed.
const KEPT: usize = 8;
/// Messages with more leaves have no template.
const MAX_HOLES: usize = 1024;
/// Longer messages have no template.
const MAX_BYTES: usize = 64 << 10;
/// With so many more misses than hits, templates are left alone for [`PAUSE`] messages.
const PATIENCE: i32 = 32;
const PAUSE: u32 = 1024;

/// What may stand in a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A string without escapes.
    Text,
    /// A number of at most 19 digits without exponent.
    Number,
    /// `true`, `false` or `null`.
    Word,
    /// `{}` or `[]`.
    Empty(LeafKind),
}

/// A run of bytes that stays the same, compared by its first and last eight bytes and, if it is longer than 16, the rest.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    head: u64,
    mask: u64,
    tail: u64,
    length: u32,
    /// Where it starts in the template's bytes.
    start: u32,
}

/// A run that no payload goes on with.
const NOTHING: Run = Run { head: 1, mask: 0, tail: 0, length: u32::MAX, start: 0 };

impl Run {
    fn of(bytes: &[u8], start: usize, end: usize) -> Run {
        let run = bytes.get(start..end).unwrap_or_default();
        let mut head = [0; 8];
        for (to, from) in head.iter_mut().zip(run) {
            *to = *from;
        }
        let mask = if run.len() >= 8 { u64::MAX } else { (1 << (8 * run.len())) - 1 };
        let tail = run.last_chunk::<8>().copied().unwrap_or_default();
        let (length, start) = (run.len() as u32, start as u32);
        Run { head: u64::from_le_bytes(head), mask, tail: u64::from_le_bytes(tail), length, start }
    }

    /// The first byte behind the run, if `payload` goes on with it at `at`.
    #[inline(always)]
    fn matches(&self, own: &[u8], payload: &[u8], at: usize) -> Option<usize> {
        let here = payload.get(at..)?;
        let length = self.length as usize;
        let end = at + length;
        let Some(head) = here.first_chunk::<8>() else { return self.compare(own, here).then_some(end) };
        if u64::from_le_bytes(*head) & self.mask != self.head {
            return None;
        }
        if length <= 8 {
            return Some(end);
        }
        let tail = here.get(length - 8..).and_then(|rest| rest.first_chunk::<8>())?;
        (u64::from_le_bytes(*tail) == self.tail && (length <= 16 || self.compare(own, here))).then_some(end)
    }

    fn compare(&self, own: &[u8], here: &[u8]) -> bool {
        let start = self.start as usize;
        own.get(start..start + self.length as usize).is_some_and(|run| here.starts_with(run))
    }
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    before: Run,
    shape: Shape,
}

#[derive(Clone, Debug, Default)]
struct Template {
    /// The message it was made from.
    bytes: Vec<u8>,
    holes: Vec<Hole>,
    /// One for each hole; what stands there is put in with each message.
    leaves: Vec<Leaf>,
    end: Run,
    elements: Vec<u32>,
    hits: u32,
    /// Tells it apart from others that had its place.
    serial: u32,
    /// The template that fitted after this one last time.
    next: usize,
}

impl Template {
    /// Makes it anew of a message, in the memory that it has. `false` if the message makes none: then it fits nothing.
    fn remake(&mut self, payload: &[u8], leaves: &[Leaf], elements: &[u32]) -> bool {
        self.holes.clear();
        self.leaves.clear();
        self.bytes.clear();
        let mut at = 0;
        for leaf in leaves {
            let (start, end) = (leaf.start as usize, leaf.end as usize);
            let shape = match leaf.kind {
                LeafKind::Text | LeafKind::Escaped => Shape::Text,
                LeafKind::Number => Shape::Number,
                LeafKind::True | LeafKind::False | LeafKind::Null => Shape::Word,
                LeafKind::EmptyArray | LeafKind::EmptyObject if end == start + 2 => Shape::Empty(leaf.kind),
                LeafKind::EmptyArray | LeafKind::EmptyObject => {
                    self.end = NOTHING;
                    self.holes.clear();
                    return false;
                }
            };
            self.holes.push(Hole { before: Run::of(payload, at, start), shape });
            at = end;
        }
        self.end = Run::of(payload, at, payload.len());
        self.bytes.extend_from_slice(payload);
        self.leaves.extend_from_slice(leaves);
        self.elements.clear();
        self.elements.extend_from_slice(elements);
        (self.hits, self.next) = (0, 0);
        true
    }

    #[cfg(test)]
    fn of(payload: &[u8], leaves: &[Leaf], elements: &[u32]) -> Option<Template> {
        let mut template = Template::default();
        template.remake(payload, leaves, elements).then_some(template)
    }

    /// Fills `leaves` with those of `payload` if it fits.
    fn read(&self, payload: &[u8], leaves: &mut Vec<Leaf>) -> Option<()> {
        leaves.clear();
        leaves.extend_from_slice(&self.leaves);
        let mut at = 0;
        for (hole, leaf) in self.holes.iter().zip(leaves) {
            let start = hole.before.matches(&self.bytes, payload, at)?;
            let (end, kind, number) = match hole.shape {
                Shape::Text => {
                    let (end, number) = text(payload, start)?;
                    (end, LeafKind::Text, number)
                }
                Shape::Number => {
                    let (number, end) = short(payload, start)?;
                    (end, LeafKind::Number, number)
                }
                Shape::Word => word(payload, start)?,
                Shape::Empty(kind) => empty(payload, start, kind)?,
            };
            leaf.put(start, end, kind, number);
            at = end;
        }
        (self.end.matches(&self.bytes, payload, at)? == payload.len()).then_some(())
    }
}

/// The end of a string whose inside starts at `start`, and the number in it.
#[inline(always)]
fn text(payload: &[u8], start: usize) -> Option<(usize, Bits)> {
    let mut number = Bits::NONE;
    if let Some(b'-' | b'0'..=b'9') = payload.get(start) {
        match short(payload, start) {
            Some((bits, end)) if payload.get(end) == Some(&b'"') => return Some((end, bits)),
            _ => number = Bits::LATER,
        }
    }
    Some((plain_text(payload, start)?, number))
}

fn word(payload: &[u8], start: usize) -> Option<(usize, LeafKind, Bits)> {
    match payload.get(start..)? {
        [b't', b'r', b'u', b'e', ..] => Some((start + 4, LeafKind::True, Bits::truth(true))),
        [b'f', b'a', b'l', b's', b'e', ..] => Some((start + 5, LeafKind::False, Bits::truth(false))),
        [b'n', b'u', b'l', b'l', ..] => Some((start + 4, LeafKind::Null, Bits::NONE)),
        _ => None,
    }
}

fn empty(payload: &[u8], start: usize, kind: LeafKind) -> Option<(usize, LeafKind, Bits)> {
    let pair: &[u8] = if kind == LeafKind::EmptyObject { b"{}" } else { b"[]" };
    payload.get(start..)?.starts_with(pair).then_some((start + 2, kind, Bits::NONE))
}

/// The templates of a feed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates {
    kept: Vec<Template>,
    /// The one that fitted last.
    last: usize,
    /// Whether it is what the message was read by.
    fitted: bool,
    made: u32,
    balance: i32,
    pause: u32,
}

impl Templates {
    /// Fills `leaves` and `elements` as scanning would, if a template fits.
    #[inline]
    pub(crate) fn read(&mut self, payload: &[u8], leaves: &mut Vec<Leaf>, elements: &mut Vec<u32>) -> bool {
        self.fitted = false;
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        let guess = self.kept.get(self.last).map_or(0, |last| last.next);
        let others = (0..self.kept.len()).filter(|at| *at != guess);
        let Some(at) = std::iter::once(guess).chain(others).find(|at| self.fits(*at, payload, leaves)) else {
            return false;
        };
        if let Some(last) = self.kept.get_mut(self.last) {
            last.next = at;
        }
        if let Some(template) = self.kept.get_mut(at) {
            template.hits = template.hits.saturating_add(1);
            elements.clear();
            elements.extend_from_slice(&template.elements);
        }
        (self.last, self.fitted) = (at, true);
        self.balance = (self.balance + 1).min(PATIENCE);
        true
    }

    /// What the message was read by: its place, and a number that no other one had there.
    #[inline]
    pub(crate) fn used(&self) -> Option<(usize, u32)> {
        let template = self.kept.get(self.last).filter(|_| self.fitted)?;
        Some((self.last, template.serial))
    }

    #[inline]
    fn fits(&self, at: usize, payload: &[u8], leaves: &mut Vec<Leaf>) -> bool {
        self.kept.get(at).is_some_and(|template| template.read(payload, leaves).is_some())
    }

    /// Takes a message that no template fitted, with what scanning found in it.
    pub(crate) fn learn(&mut self, payload: &[u8], leaves: &[Leaf], elements: &[u32]) {
        if self.pause > 0 || leaves.len() > MAX_HOLES || payload.len() > MAX_BYTES {
            return;
        }
        self.balance -= 2;
        if self.balance < -PATIENCE {
            (self.balance, self.pause) = (0, PAUSE);
            return;
        }
        self.made = self.made.wrapping_add(1);
        if self.kept.len() < KEPT {
            let mut template = Template { serial: self.made, ..Template::default() };
            if template.remake(payload, leaves, elements) {
                self.kept.push(template);
            }
        } else if let Some(least) = self.kept.iter_mut().min_by_key(|template| template.hits) {
            least.remake(payload, leaves, elements);
            least.serial = self.made;
            // What was frequent once must not stay for ever.
            for template in &mut self.kept {
                template.hits /= 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::scan::Scanner;
    use crate::json::trie::Trie;
    use proptest::prelude::*;

    /// Fits as a template: the leaves of `payload` by that of `first`.
    fn by_template(first: &[u8], payload: &[u8]) -> Option<Vec<Leaf>> {
        let (mut trie, mut scanner) = (Trie::new(1000), Scanner::default());
        scanner.scan(&mut trie, first).unwrap();
        let mut leaves = Vec::new();
        let template = Template::of(first, &scanner.leaves, &scanner.elements)?;
        template.read(payload, &mut leaves).map(|()| leaves)
    }

    const FIRST: &[u8] =
        br#"{"s":"BTC","p":1.5,"q":"2.50","on":true,"bids":[["1","2"],["3","4"]],"asks":[],"note":null,"long_key_of_more_than_16":7}"#;

    #[test]
    fn other_values_in_the_same_places_fit() {
        let second: &[u8] =
            br#"{"s":"","p":-20,"q":"x","on":null,"bids":[["10.5","2"],["","-4"]],"asks":[],"note":false,"long_key_of_more_than_16":0}"#;
        let leaves = by_template(FIRST, second).unwrap();
        let raw: Vec<_> = leaves.iter().map(|leaf| std::str::from_utf8(leaf.raw(second)).unwrap()).collect();
        assert_eq!(raw, ["", "-20", "x", "null", "10.5", "2", "", "-4", "[]", "false", "0"]);
    }

    #[test]
    fn another_shape_does_not_fit() {
        for (from, to) in [
            (r#""s""#, r#""t""#),
            ("1.5", r#""1.5""#),
            ("1.5", "1.5 "),
            ("1.5", "01.5"),
            ("1.5", "1e5"),
            ("1.5", "+1.5"),
            ("BTC", "B\nTC"),
            (
                "BTC", "B
TC",
            ),
            ("[]", "[1]"),
            ("[]", "{}"),
            ("true", "truth"),
            (r#","note""#, r#","extra":1,"note""#),
            ("of_more", "of_most"),
            (r#"16":7}"#, r#"16":7} "#),
            (r#"16":7}"#, r#"16":7"#),
        ] {
            let other = std::str::from_utf8(FIRST).unwrap().replacen(from, to, 1);
            assert_eq!(by_template(FIRST, other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_does_not_fit() {
        assert!(by_template(br#"{"a":"x"}"#, "{\"a\":\"\u{e9}\u{1f600}, and so on\"}".as_bytes()).is_some());
        assert!(by_template(br#"{"a":"x"}"#, b"{\"a\":\"\xE9, and so on\"}").is_none());
        assert!(by_template(br#"{"a":"x"}"#, b"{\"a\":\"long enough \xE9\"}").is_none());
    }

    #[test]
    fn a_feed_whose_messages_all_differ_is_not_held_up() {
        let (mut trie, mut scanner) = (Trie::new(100_000), Scanner::default());
        for at in 0..100 {
            scanner.scan(&mut trie, format!("{{\"key{at}\":1}}").as_bytes()).unwrap();
        }
        let mut templates = Templates::default();
        for at in 0..100 {
            templates.learn(format!("{{\"key{at}\":1}}").as_bytes(), &scanner.leaves, &scanner.elements);
        }
        assert!(templates.pause > 0 && templates.kept.len() <= KEPT);
    }

    #[test]
    fn kinds_that_take_turns_are_guessed() {
        let (mut trie, mut scanner) = (Trie::new(100), Scanner::default());
        let mut templates = Templates::default();
        let kinds: [&[u8]; 3] = [br#"{"a":1}"#, br#"{"b":2}"#, br#"{"c":3}"#];
        for payload in kinds {
            scanner.scan(&mut trie, payload).unwrap();
            templates.learn(payload, &scanner.leaves, &scanner.elements);
        }
        let (mut leaves, mut elements) = (Vec::new(), Vec::new());
        for payload in kinds.into_iter().cycle().take(12) {
            assert!(templates.read(payload, &mut leaves, &mut elements));
        }
        let next: Vec<_> = templates.kept.iter().map(|template| template.next).collect();
        assert_eq!(next, [1, 2, 0]);
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
            (-1e6..1e6).prop_map(serde_json::Value::from),
            "[0-9.-]{0,6}|\\PC{0,12}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[a-c]|[a-z_]{9,20}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Bytes that matter to JSON.
    const TELLING: &[u8] = b"{}[]\",:\\u09.-eE+tn \x01\xE9";

    proptest! {
        /// A scanner that has seen the like gives what one gives that has not, on messages a few bytes apart.
        #[test]
        fn templates_change_nothing(
            value in json(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3_u8), 0..4),
        ) {
            let first = value.to_string().into_bytes();
            let mut second = first.clone();
            for (place, byte, how) in edits {
                let place = place.index(second.len() + 1);
                let byte = TELLING[byte.index(TELLING.len())];
                match how {
                    1 if place < second.len() => { second.remove(place); }
                    2 if place < second.len() => second[place] = byte,
                    _ => second.insert(place, byte),
                }
            }
            let mut trie = Trie::new(1000);
            let mut knows = Scanner::default();
            knows.scan(&mut trie, &first).unwrap();
            let knew = knows.scan(&mut trie, &second);
            let mut fresh = Scanner::default();
            let plain = fresh.scan(&mut trie, &second);
            prop_assert_eq!(&knew, &plain);
            if knew.is_ok() {
                prop_assert_eq!(&knows.leaves, &fresh.leaves);
                prop_assert_eq!(&knows.elements, &fresh.elements);
            }
        }
    }
}
