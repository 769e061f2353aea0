//! Kinds of message: which field decides what else is present.
//!
//! For a field, the messages are grouped by its text. Of each other path, presence has the variance r(1 - r), r being
//! the share of messages that have it. What remains of it inside the groups, corrected for their number as in the
//! adjusted R², says how much the field decides. The field that decides most wins; of nearly equal ones the better
//! name, then the one with fewer texts. A second field is looked for in what remains. A field whose texts hold the name of
//! the entity beside them (`btcusdt@trade`) tells entities apart as well, and is no such field while another one is left.
//!
//! Where all messages look alike nothing can be decided; then a field with a telling name (`type`, `channel`, `event`,
//! …) that has one text so far is watched, so that another text later starts another kind. Of fewer than eight messages a
//! field with such a name at the top of each of them is taken as it is.

use std::collections::BTreeMap;

use feedwatch_model::MatchValue;
use rustc_hash::{FxHashMap, FxHashSet};

use super::hints;
use super::observed::{Observed, text_of};
use crate::hash::hash64;
use crate::json::leaf::{Leaf, LeafKind};
use crate::json::text::unescape;
use crate::json::trie::{ROOT, Trie};

/// Fields that together tell kinds apart.
const MAX_FIELDS: usize = 3;
/// Further kinds are one.
const MAX_KINDS: usize = 64;
/// Texts of a field that tells kinds apart.
const MAX_TEXTS: usize = 24;
/// Fewer messages than this decide nothing by what they have.
const FEW: usize = 8;
/// Paths of one message that are looked at.
const MAX_PATHS: usize = 512;

#[derive(Clone, Debug)]
struct Field {
    node: u32,
    /// Where its leaf stood last time.
    guess: usize,
}

#[derive(Clone, Debug)]
struct Kind {
    /// Per field; `None`: absent.
    values: Vec<Option<Box<[u8]>>>,
    /// Which of them stood there as numbers: a bit each.
    numbers: u8,
    messages: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Kinds {
    fields: Vec<Field>,
    known: Vec<Kind>,
    index: FxHashMap<u64, u32>,
    /// The kind of the message before.
    last: u32,
}

impl Kinds {
    pub(crate) fn set_fields(&mut self, nodes: &[u32]) {
        self.fields = nodes.iter().map(|&node| Field { node, guess: 0 }).collect();
    }

    pub(crate) fn field_nodes(&self) -> impl Iterator<Item = u32> {
        self.fields.iter().map(|field| field.node)
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn is_field(&self, node: u32) -> bool {
        self.fields.iter().any(|field| field.node == node)
    }

    /// The kind of a message; a new one if it is the first of it.
    #[inline]
    pub(crate) fn of(&mut self, leaves: &[Leaf], payload: &[u8]) -> u32 {
        let mut values = [None; MAX_FIELDS];
        let mut numbers = 0;
        for (at, (field, value)) in self.fields.iter_mut().zip(&mut values).enumerate() {
            let leaf = find(leaves, field.node, &mut field.guess).filter(|leaf| leaf.end - leaf.start <= 64);
            *value = leaf.and_then(|leaf| text_of(leaf, payload));
            numbers |= u8::from(leaf.is_some_and(|leaf| leaf.kind == LeafKind::Number)) << at;
        }
        let values = values.get(..self.fields.len()).unwrap_or_default();
        if self.known.get(self.last as usize).is_some_and(|known| equal(&known.values, values)) {
            return self.last;
        }
        self.last = self.look_up(values, numbers);
        self.last
    }

    fn look_up(&mut self, values: &[Option<&[u8]>], numbers: u8) -> u32 {
        let mut slot = 0;
        for value in values {
            slot = hash64(value.unwrap_or_default(), slot ^ u64::from(value.is_some()));
        }
        while let Some(&kind) = self.index.get(&slot) {
            if self.known.get(kind as usize).is_some_and(|known| equal(&known.values, values)) {
                return kind;
            }
            slot = slot.wrapping_add(1);
        }
        self.add(slot, values, numbers)
    }

    #[cold]
    fn add(&mut self, slot: u64, values: &[Option<&[u8]>], numbers: u8) -> u32 {
        let made = self.known.len();
        if made >= MAX_KINDS {
            return (MAX_KINDS - 1) as u32;
        }
        let values = values.iter().map(|value| value.map(Box::from)).collect();
        self.known.push(Kind { values, numbers, messages: 0 });
        self.index.insert(slot, made as u32);
        made as u32
    }

    pub(crate) fn count(&mut self, kind: u32) {
        if let Some(kind) = self.known.get_mut(kind as usize) {
            kind.messages += 1;
        }
    }

    pub(crate) fn messages(&self, kind: usize) -> u64 {
        self.known.get(kind).map_or(0, |kind| kind.messages)
    }

    /// Takes a field into account that no message had before: all known kinds lack it.
    pub(crate) fn adopt(&mut self, node: u32) -> bool {
        if self.fields.len() >= MAX_FIELDS || self.is_field(node) {
            return false;
        }
        self.fields.push(Field { node, guess: 0 });
        self.index.clear();
        for (at, kind) in self.known.iter_mut().enumerate() {
            kind.values.push(None);
            let mut slot = 0;
            for value in &kind.values {
                slot = hash64(value.as_deref().unwrap_or_default(), slot ^ u64::from(value.is_some()));
            }
            while self.index.contains_key(&slot) {
                slot = slot.wrapping_add(1);
            }
            self.index.insert(slot, at as u32);
        }
        true
    }

    /// What tells `kind` apart; empty where there is one kind.
    pub(crate) fn matches(&self, kind: usize, trie: &Trie) -> BTreeMap<String, MatchValue> {
        let Some(found) = self.known.get(kind).filter(|_| self.known.len() > 1) else { return BTreeMap::new() };
        let told = self.fields.iter().zip(&found.values).enumerate().filter(|(at, _)| self.differs(*at));
        told.map(|(at, (field, value))| {
            let value = value.as_deref().map_or(MatchValue::Present(false), |text| {
                let text = readable(text);
                let number = text.parse().ok().filter(|_| found.numbers & 1 << at != 0);
                number.map_or(MatchValue::Text(text), MatchValue::Number)
            });
            (trie.path(field.node), value)
        })
        .collect()
    }

    fn differs(&self, field: usize) -> bool {
        let mut values = self.known.iter().map(|kind| kind.values.get(field));
        let first = values.next();
        values.any(|value| Some(value) != first)
    }

    /// A word for a kind, to tell its series apart: the text of its first field.
    pub(crate) fn label(&self, kind: usize) -> String {
        let texts = self.known.get(kind).into_iter().flat_map(|kind| kind.values.iter().flatten());
        texts.map(|text| readable(text)).collect::<Vec<_>>().join(".")
    }
}

fn equal(known: &[Option<Box<[u8]>>], values: &[Option<&[u8]>]) -> bool {
    known.iter().map(Option::as_deref).eq(values.iter().copied())
}

fn readable(raw: &[u8]) -> String {
    let mut text = Vec::new();
    unescape(raw, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The leaf of `node`, looked for first where it stood last time.
#[inline]
pub(crate) fn find<'a>(leaves: &'a [Leaf], node: u32, guess: &mut usize) -> Option<&'a Leaf> {
    if let Some(leaf) = leaves.get(*guess).filter(|leaf| leaf.node == node) {
        return Some(leaf);
    }
    *guess = leaves.iter().position(|leaf| leaf.node == node)?;
    leaves.get(*guess)
}

/// Whether a path may tell kinds apart: a text, or a small number called a type, at the top or one level below.
fn may_tell(trie: &Trie, leaf: &Leaf, payload: &[u8]) -> bool {
    let name = trie.segment(leaf.node);
    let above = trie.parent(leaf.node);
    let shallow = above == ROOT || trie.parent(above) == ROOT;
    let raw = leaf.raw(payload);
    let fits = match leaf.kind {
        LeafKind::Text => {
            (1..=64).contains(&raw.len()) && !hints::is_entity(&name) && !hints::is_time(&name) || name == "e"
        }
        LeafKind::Number => raw.len() <= 3 && hints::is_kind_number(&name),
        _ => false,
    };
    shallow && fits && leaf.element == 0 && trie.element_of(leaf.node) == ROOT
}

/// The fields that tell the kinds of these messages apart.
pub(crate) fn decide(trie: &Trie, messages: &[Observed]) -> Vec<u32> {
    let paths: Vec<FxHashSet<u32>> =
        messages.iter().map(|message| message.leaves.iter().map(|leaf| leaf.node).take(MAX_PATHS).collect()).collect();
    let mut candidates: Vec<u32> = messages
        .iter()
        .flat_map(|message| message.leaves.iter().map(move |leaf| (leaf, message)))
        .filter(|(leaf, message)| leaf.element == 0 && may_tell(trie, leaf, &message.payload))
        .map(|(leaf, _)| leaf.node)
        .collect();
    candidates.sort_unstable();
    candidates.dedup();
    candidates.truncate(64);
    let plain: Vec<u32> = candidates.iter().copied().filter(|node| !holds_entity(trie, messages, *node)).collect();
    if plain.iter().any(|node| hints::kind_rank(&trie.segment(*node)).is_some()) {
        candidates = plain;
    }

    let mut chosen: Vec<u32> = Vec::new();
    while chosen.len() < 2 {
        match best(trie, messages, &paths, &candidates, &chosen) {
            Some(node) => chosen.push(node),
            None => break,
        }
    }
    if chosen.is_empty() {
        chosen.extend(watched(trie, messages, &candidates));
    }
    chosen
}

/// Whether the texts of a field hold, nearly always, the text of an entity in the same message.
fn holds_entity(trie: &Trie, messages: &[Observed], node: u32) -> bool {
    let (mut beside, mut holds) = (0_usize, 0_usize);
    for message in messages {
        let Some(text) = message.text(node) else { continue };
        let lower = text.to_ascii_lowercase();
        let is_entity =
            |leaf: &&Leaf| leaf.is_string() && leaf.node != node && hints::is_entity(&trie.segment(leaf.node));
        let mut entities = message.leaves.iter().take(MAX_PATHS).filter(is_entity).peekable();
        if entities.peek().is_none() {
            continue;
        }
        beside += 1;
        holds += usize::from(entities.any(|leaf| {
            let entity = leaf.raw(&message.payload).to_ascii_lowercase();
            entity.len() >= 3 && entity.len() < lower.len() && memchr::memmem::find(&lower, &entity).is_some()
        }));
    }
    beside > 0 && holds * 10 >= beside * 9
}

/// The candidate that decides most of what the chosen ones leave open, if it decides enough.
fn best(
    trie: &Trie,
    messages: &[Observed],
    paths: &[FxHashSet<u32>],
    candidates: &[u32],
    chosen: &[u32],
) -> Option<u32> {
    let open = spread(messages, paths, chosen)?;
    let whole = spread(messages, paths, &[])?;
    if open < 0.02 * whole || open < 0.01 {
        return None;
    }
    let mut found: Option<(f64, u32)> = None;
    for &node in candidates.iter().filter(|node| !chosen.contains(node)) {
        let with: Vec<u32> = chosen.iter().copied().chain([node]).collect();
        let rank = hints::kind_rank(&trie.segment(node));
        let texts = messages.iter().filter_map(|message| message.text(node)).collect::<FxHashSet<_>>().len();
        if texts > MAX_TEXTS || (rank.is_none() && (messages.len() < 8 || texts < 2)) {
            continue;
        }
        let Some(left) = spread(messages, paths, &with) else { continue };
        let decided = 1.0 - left / open;
        if decided < if rank.is_some() { 0.3 } else { 0.6 } {
            continue;
        }
        let score = decided + rank.map_or(0.0, |rank| 0.2 - 0.01 * rank as f64) - 0.005 * texts as f64;
        if found.is_none_or(|(best, _)| score > best) {
            found = Some((score, node));
        }
    }
    found.map(|(_, node)| node)
}

/// The variance of presence that is left inside the groups that `fields` make, per message and degree of freedom.
/// `None` if there are as many groups as messages.
fn spread(messages: &[Observed], paths: &[FxHashSet<u32>], fields: &[u32]) -> Option<f64> {
    let mut groups: BTreeMap<Vec<Option<&[u8]>>, Vec<usize>> = BTreeMap::new();
    for (at, message) in messages.iter().enumerate() {
        groups.entry(fields.iter().map(|node| message.text(*node)).collect()).or_default().push(at);
    }
    let free = messages.len().checked_sub(groups.len()).filter(|free| *free > 0)?;
    let mut sum = 0.0;
    for group in groups.values() {
        let mut counts: FxHashMap<u32, u32> = FxHashMap::default();
        for path in group.iter().filter_map(|at| paths.get(*at)).flatten() {
            *counts.entry(*path).or_default() += 1;
        }
        let size = group.len() as f64;
        // Whole numbers up to 64² add up exactly, whatever the order of the map.
        sum += counts.values().map(|&count| f64::from(count) * (size - f64::from(count))).sum::<f64>() / size;
    }
    Some(sum / free as f64)
}

/// A field with a telling name that has one text so far; of few messages, also one that each has at its top.
fn watched(trie: &Trie, messages: &[Observed], candidates: &[u32]) -> Option<u32> {
    let few = messages.len() < FEW;
    let fits = candidates.iter().copied().filter(|&node| {
        let mut texts = messages.iter().map(|message| message.text(node));
        let first = texts.clone().flatten().next();
        let is_constant = first.is_some_and(is_word) && texts.clone().flatten().all(|text| Some(text) == first);
        let in_all = few && trie.parent(node) == ROOT && texts.all(|text| text.is_some_and(is_word));
        is_constant || in_all
    });
    fits.filter_map(|node| Some((trie.chain(node).len(), hints::kind_rank(&trie.segment(node))?, node)))
        .min()
        .map(|(_, _, node)| node)
}

/// Whether a path no message had before starts kinds of its own.
pub(crate) fn starts_kinds(trie: &Trie, leaf: &Leaf, payload: &[u8]) -> bool {
    trie.parent(leaf.node) == ROOT
        && may_tell(trie, leaf, payload)
        && hints::kind_rank(&trie.segment(leaf.node)).is_some()
        && is_word(leaf.raw(payload))
}

fn is_word(text: &[u8]) -> bool {
    text.len() <= 40 && !text.iter().any(|byte| matches!(byte, b' ' | b'@' | b'/' | b'+'))
}
