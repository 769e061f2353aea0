//! Shapes of messages: which fields one has, and what stands there, as a number that messages of the same shape share.
//!
//! A message that was read by the template of the one before has its shape, unless a null came or went or a number is no
//! longer one: that is known by its words and by how many points it gave, as all its numbers give one. Others are counted leaf by leaf: the sum of a
//! hash for each field with its type is looked up, whatever their order and however many elements arrays have.
//!
//! Limits: 1,024 shapes of a feed, of 262,144 fields together; messages of further ones have none.

use std::sync::Arc;

use feedwatch_model::FieldType;
use rustc_hash::FxHashMap;

use super::roles::{Plan, What};
use crate::catalogue::{Catalogue, Shape};
use crate::json::leaf::{Leaf, LeafKind};
use crate::json::scan::Scanner;
use crate::json::trie::{NONE, Trie};

const MAX_SHAPES: usize = 1024;
/// Fields of all shapes together.
const MAX_FIELDS: usize = 262_144;

#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    /// By place of the template.
    cached: Vec<Cached>,
    /// By node: the message that had it last, and what stood there.
    marks: Vec<(u64, Option<FieldType>)>,
    /// Counts the messages that were looked at leaf by leaf.
    turn: u64,
    index: FxHashMap<u64, u32>,
    /// By node: the number of the field.
    fields: Vec<u32>,
    /// Fields of all shapes.
    told: usize,
}

#[derive(Clone, Debug, Default)]
struct Cached {
    serial: u32,
    kind: u32,
    points: usize,
    /// Leaves that are true, false or null, and whether null.
    words: Vec<(u32, bool)>,
    shape: Option<u32>,
}

impl Shapes {
    /// The shape of a message of `kind` that gave so many points.
    #[inline]
    pub(crate) fn of(
        &mut self,
        (scanner, text): (&Scanner, &[u8]),
        kind: u32,
        points: usize,
        plan: &Plan,
        trie: &Trie,
        catalogue: &mut Catalogue,
    ) -> Option<u32> {
        let leaves = &scanner.leaves;
        if let Some((place, serial)) = scanner.template()
            && let Some(cached) = self.cached.get(place)
            && (cached.serial, cached.kind, cached.points) == (serial, kind, points)
            && cached
                .words
                .iter()
                .all(|(at, null)| leaves.get(*at as usize).is_some_and(|leaf| (leaf.kind == LeafKind::Null) == *null))
        {
            return cached.shape;
        }
        self.look_up((scanner, text), kind, points, plan, trie, catalogue)
    }

    fn look_up(
        &mut self,
        (scanner, text): (&Scanner, &[u8]),
        kind: u32,
        points: usize,
        plan: &Plan,
        trie: &Trie,
        catalogue: &mut Catalogue,
    ) -> Option<u32> {
        let sum = self.sum(&scanner.leaves, kind, plan, text);
        let shape = match self.index.get(&sum) {
            Some(&known) => Some(known),
            None => self.add(sum, &scanner.leaves, kind, trie, catalogue),
        };
        // Where a number is missing, so many points say not which.
        let charted = |leaf: &Leaf| matches!(plan.role(leaf.node).what, What::Series(_));
        let lacks = |leaf: &Leaf| leaf.is_string() && charted(leaf) && !leaf.number(text).is_number();
        if let Some((place, serial)) = scanner.template().filter(|_| !scanner.leaves.iter().any(lacks)) {
            if self.cached.len() <= place {
                self.cached.resize(place + 1, Cached::default());
            }
            if let Some(cached) = self.cached.get_mut(place) {
                let is_word = |leaf: &Leaf| matches!(leaf.kind, LeafKind::Null | LeafKind::True | LeafKind::False);
                cached.words.clear();
                let words = (0..).zip(&scanner.leaves).filter(|(_, leaf)| is_word(leaf));
                cached.words.extend(words.map(|(at, leaf)| (at, leaf.kind == LeafKind::Null)));
                (cached.serial, cached.kind, cached.points, cached.shape) = (serial, kind, points, shape);
            }
        }
        shape
    }

    fn sum(&mut self, leaves: &[Leaf], kind: u32, plan: &Plan, text: &[u8]) -> u64 {
        self.turn += 1;
        let turn = self.turn;
        let mut sum = mix(u64::from(kind) | 1 << 40);
        for leaf in leaves.iter().filter(|leaf| leaf.node != NONE) {
            let at = leaf.node as usize;
            if self.marks.len() <= at {
                self.marks.resize(at + 1, (0, None));
            }
            let Some(mark) = self.marks.get_mut(at) else { continue };
            let before = mark.1.filter(|_| mark.0 == turn);
            // Of an array's elements the first that says something counts.
            if before.is_some_and(|before| !matches!(before, FieldType::Null | FieldType::Empty)) {
                continue;
            }
            let is = type_of(leaf, plan, text);
            if before == Some(is) {
                continue;
            }
            if let Some(before) = before {
                sum = sum.wrapping_sub(code(leaf.node, before));
            }
            sum = sum.wrapping_add(code(leaf.node, is));
            *mark = (turn, Some(is));
        }
        sum
    }

    #[cold]
    fn add(&mut self, sum: u64, leaves: &[Leaf], kind: u32, trie: &Trie, catalogue: &mut Catalogue) -> Option<u32> {
        if catalogue.shapes.len() >= MAX_SHAPES || self.told >= MAX_FIELDS {
            return None;
        }
        let mut fields: Vec<(u32, FieldType)> = Vec::new();
        for leaf in leaves.iter().filter(|leaf| leaf.node != NONE) {
            let is = self.marks.get(leaf.node as usize).and_then(|(_, is)| *is);
            let field = self.field(leaf.node, trie, catalogue);
            fields.extend(is.map(|is| (field, is)));
        }
        fields.sort_unstable_by_key(|(field, _)| *field);
        fields.dedup_by_key(|(field, _)| *field);
        self.told += fields.len();
        let made = catalogue.shapes.len() as u32;
        catalogue.shapes.push(Shape { kind, fields: fields.into() });
        self.index.insert(sum, made);
        Some(made)
    }

    fn field(&mut self, node: u32, trie: &Trie, catalogue: &mut Catalogue) -> u32 {
        let at = node as usize;
        if self.fields.len() <= at {
            self.fields.resize(at + 1, NONE);
        }
        let Some(field) = self.fields.get_mut(at) else { return NONE };
        if *field == NONE {
            *field = catalogue.fields.len() as u32;
            catalogue.fields.push(Arc::from(trie.path(node)));
        }
        *field
    }
}

fn type_of(leaf: &Leaf, plan: &Plan, text: &[u8]) -> FieldType {
    match leaf.kind {
        LeafKind::Null => FieldType::Null,
        LeafKind::True | LeafKind::False => FieldType::Boolean,
        LeafKind::Number => FieldType::Number,
        LeafKind::EmptyObject | LeafKind::EmptyArray => FieldType::Empty,
        LeafKind::Text | LeafKind::Escaped if leaf.start == leaf.end => FieldType::Empty,
        LeafKind::Text | LeafKind::Escaped => {
            // A number that turns out to be a key was charted before.
            let charted = matches!(plan.role(leaf.node).what, What::Series(_) | What::Key(_));
            if charted && leaf.number(text).is_number() { FieldType::Digits } else { FieldType::Text }
        }
    }
}

fn code(node: u32, is: FieldType) -> u64 {
    mix(u64::from(node) << 8 | is as u64)
}

/// The finisher of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use crate::{Catalogue, Decoder, Options, Sink};
    use feedwatch_model::{FieldType, Message, Reading, Rejected, Time};
    use proptest::prelude::*;

    #[derive(Default)]
    struct Seen(Vec<Option<u32>>);

    impl Sink for Seen {
        fn reading(&mut self, _: &Catalogue, _: Message, reading: &Reading) {
            self.0.push(reading.shape);
        }

        fn rejected(&mut self, _: Message, _: Rejected) {
            self.0.push(None);
        }
    }

    fn shapes(texts: &[String]) -> (Vec<Option<u32>>, Decoder) {
        let mut decoder = Decoder::new(Options { learn_messages: 4, ..Options::default() });
        let mut seen = Seen::default();
        for (at, text) in (0..).zip(texts) {
            decoder.push(Message::new(at, Time::from_millis(at as i64), text.clone()), &mut seen);
        }
        decoder.finish(&mut seen);
        (seen.0, decoder)
    }

    fn of(texts: &[&str]) -> Vec<Option<u32>> {
        shapes(&texts.iter().map(ToString::to_string).collect::<Vec<_>>()).0
    }

    const PLAIN: &str = r#"{"id":"a","p":"1.5","on":true,"list":[{"q":1},{"q":2}],"note":null}"#;

    #[test]
    fn values_and_lengths_and_orders_make_no_shape() {
        let same = [
            PLAIN,
            r#"{"id":"bcd","p":"2.5","on":false,"list":[{"q":1}],"note":null}"#,
            r#"{"note":null,"id":"","p":"-2","on":false,"list":[{"q":1},{"q":5},{"q":7.5}]}"#.replace("\"\"", "\"x\"").leak(),
            PLAIN,
        ];
        assert_eq!(of(&[PLAIN; 4]), [Some(0); 4]);
        assert_eq!(of(&same), [Some(0); 4]);
    }

    #[test]
    fn a_field_more_or_less_and_another_type_make_a_shape() {
        let others = [
            PLAIN.replace("null", "\"x\""),
            PLAIN.replace("\"1.5\"", "1.5"),
            PLAIN.replace("\"1.5\"", "\"n/a\""),
            PLAIN.replace("true", "null"),
            PLAIN.replace("\"on\"", "\"off\""),
            PLAIN.replace("\"id\":\"a\",", ""),
            PLAIN.replace("{\"q\":1},{\"q\":2}", ""),
        ];
        let texts: Vec<String> = std::iter::repeat_n(PLAIN.to_owned(), 8)
            .chain(others.iter().flat_map(|other| [other.clone(), PLAIN.to_owned(), other.clone()]))
            .collect();
        let (seen, decoder) = shapes(&texts);
        for (at, other) in (8..).step_by(3).zip(&others) {
            assert_eq!(
                (seen[at] == seen[at + 2], seen[at + 1], seen[at] == Some(0)),
                (true, Some(0), false),
                "{other}"
            );
        }
        let catalogue = decoder.catalogue();
        assert_eq!(catalogue.shapes.len(), 1 + others.len());
        let says = |shape: usize, path: &str| {
            let named = |(field, is): &(u32, FieldType)| (&*catalogue.fields[*field as usize] == path).then_some(*is);
            catalogue.shapes[shape].fields.iter().find_map(named)
        };
        assert_eq!(
            [0, 2, 3].map(|shape| says(shape, "/p")),
            [Some(FieldType::Digits), Some(FieldType::Number), Some(FieldType::Text)]
        );
        assert_eq!([0, 4, 5].map(|shape| says(shape, "/on")), [Some(FieldType::Boolean), Some(FieldType::Null), None]);
    }

    proptest! {
        /// Read by a template or leaf by leaf: the same messages have the same shapes.
        #[test]
        fn how_a_message_was_read_makes_no_difference(picks in proptest::collection::vec((0..6_usize, 0..3_usize), 1..60)) {
            let values = ["1", "null", "true", "\"2.5\"", "\"x\"", "[]"];
            let text = |(value, space): (usize, usize)| {
                format!("{{\"a\":{},{}\"b\":\"7\"}}", values[value], " ".repeat(space))
            };
            let texts: Vec<String> = picks.iter().map(|pick| text(*pick)).collect();
            let (seen, _) = shapes(&texts);
            for (one, (value, _)) in seen.iter().zip(&picks) {
                for (other, (another, _)) in seen.iter().zip(&picks) {
                    if value == another {
                        prop_assert_eq!(one, other);
                    }
                }
            }
        }
    }
}
