//! What is known of one kind of message: a tree of fields, each with what it did while the object it stands in was there.

use std::sync::Arc;

use feedwatch_model::FieldType;
use rustc_hash::FxHashMap;

use super::Place;
use crate::integrity::Scopes;

/// So many messages make something known.
pub(super) const KNOWN: u64 = 64;
/// A field that is missing or new for so many messages in a row has changed.
const LASTS: u32 = 4;
/// The same of another type.
const RETYPED: u32 = 2;
/// So many findings of new fields, or so many late fields, make an object one whose members are names.
const OPEN: (u8, u8) = (4, 16);
/// Nothing is waited for longer than this, in messages of the kind that were looked at.
const PATIENCE: u64 = 256;
const MAX_NODES: usize = 4096;
/// What a type is doubled to at most, in powers of two of [`KNOWN`].
const MAX_TIMES: u8 = 40;

/// A field of a shape, or an object on the way to one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    node: u32,
    /// What stands there, if it is no object.
    leaf: Option<FieldType>,
    /// It has members.
    object: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// It was never there.
    #[default]
    New,
    /// Nothing is to be said of it.
    Usual,
    /// It was not there before, and is now.
    Appearing(Sign),
    /// It was always there, and is not now.
    Missing(Sign),
    /// It was told as lost, and was missing in so many messages.
    Lost(u64),
}

/// Something that may be a change.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sign {
    place: Place,
    run: u32,
    /// When it began, in messages looked at.
    since: u64,
    /// How many messages had the object before.
    before: u64,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) path: Arc<str>,
    parent: u32,
    /// Messages in which it is an object.
    inner: u64,
    /// Messages since it was last missing.
    run: u64,
    /// By type.
    types: [u64; TYPES],
    period: Period,
    state: State,
    retyping: Option<(FieldType, Sign)>,
    retyped: Option<Retyped>,
    /// How often a type was told.
    times: u8,
    /// Findings of new members, and members that came late.
    joined: (u8, u8),
    open: bool,
    /// The last message looked at that had it, and how.
    seen: u64,
    seen_leaf: Option<FieldType>,
    seen_object: bool,
}

/// A type that was told.
#[derive(Clone, Copy, Debug)]
struct Retyped {
    to: FieldType,
    /// Messages without it.
    back: u64,
}

/// Counts since the last fold.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    there: u64,
    inner: u64,
    types: [u64; TYPES],
}

const TYPES: usize = FieldType::ALL.len();

/// What is to be told of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) what: What,
    pub(super) node: u32,
    pub(super) place: Place,
    /// Messages before the change, or without it.
    pub(super) messages: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Lost,
    Appeared,
    /// The last that is told of this object.
    AppearedLast,
    Back,
    Retyped(FieldType, FieldType),
}

/// One kind of message.
#[derive(Debug, Default)]
pub(super) struct Kind {
    /// Parents stand before their members; the first is the message itself.
    pub(super) nodes: Vec<Node>,
    by_path: FxHashMap<Arc<str>, u32>,
    /// Its shapes.
    pub(super) shapes: Vec<u32>,
    /// How many nodes are waited for.
    waiting: u32,
    /// Counts the messages that were looked at.
    looked: u64,
}

impl Kind {
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// The nodes of a shape; `None` beyond the limits.
    pub(super) fn entries(&mut self, fields: &[(u32, FieldType)], scopes: &dyn Scopes) -> Option<Box<[Entry]>> {
        self.node("")?;
        let mut entries = vec![Entry { node: 0, leaf: None, object: true }];
        for (field, is) in fields {
            let node = self.node(&scopes.field(*field))?;
            entries.push(Entry { node, leaf: Some(*is), object: false });
            let mut at = node;
            while at != 0 {
                at = self.nodes.get(at as usize)?.parent;
                entries.push(Entry { node: at, leaf: None, object: true });
            }
        }
        entries.sort_by_key(|entry| entry.node);
        entries.dedup_by(|from, into| {
            let same = from.node == into.node;
            if same {
                into.leaf = into.leaf.or(from.leaf);
                into.object |= from.object;
            }
            same
        });
        Some(entries.into())
    }

    fn node(&mut self, path: &str) -> Option<u32> {
        if let Some(known) = self.by_path.get(path) {
            return Some(*known);
        }
        let parent = match path {
            "" => 0,
            path => self.node(path.rfind('/').and_then(|end| path.get(..end)).unwrap_or(""))?,
        };
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        let node = self.nodes.len() as u32;
        let path: Arc<str> = Arc::from(path);
        self.nodes.push(Node { path: path.clone(), parent, ..Node::default() });
        self.by_path.insert(path, node);
        Some(node)
    }

    /// Takes in what was counted with [`add`]. `true`: something is always there from now on, or a type new again.
    pub(super) fn fold(&mut self) -> bool {
        let mut changed = false;
        for at in (0..self.nodes.len()).rev() {
            let parent = self.nodes.get(at).map_or(0, |node| node.parent);
            let with_parent = self.nodes.get(parent as usize).map_or(0, |parent| parent.period.inner);
            let Some(node) = self.nodes.get_mut(at) else { continue };
            changed |= node.fold(with_parent);
        }
        changed
    }

    /// Lays a message over what is known.
    pub(super) fn judge(&mut self, entries: &[Entry], turn: u64, place: Place, told: &mut Vec<Told>) {
        self.looked += 1;
        for entry in entries {
            if let Some(node) = self.nodes.get_mut(entry.node as usize) {
                (node.seen, node.seen_leaf, node.seen_object) = (turn, entry.leaf, entry.object);
            }
        }
        self.waiting = 0;
        for at in 1..self.nodes.len() {
            let Some(parent) = self.nodes.get(at).map(|node| node.parent) else { continue };
            let Some(object) = self.nodes.get(parent as usize) else { continue };
            let is_there = object.seen == turn && object.seen_object;
            let around = Around { turn, place, looked: self.looked, inner: object.inner, open: object.open };
            let Some(node) = self.nodes.get_mut(at) else { continue };
            if is_there {
                let was_new = node.state == State::New;
                let what = node.step(&around);
                let what_type = if node.seen == turn { node.retype(&around) } else { None };
                let joins = was_new && matches!(node.state, State::Appearing(_));
                let mut tell = |(what, sign): (What, Sign)| {
                    let messages = sign.before;
                    told.push(Told { what, node: at as u32, place: sign.place, messages });
                };
                what_type.into_iter().for_each(&mut tell);
                if let Some((what, sign)) = what {
                    let what = if what == What::Appeared { self.join(parent) } else { what };
                    tell((what, sign));
                }
                if joins && let Some(object) = self.nodes.get_mut(parent as usize) {
                    object.joined.1 = object.joined.1.saturating_add(1);
                    object.open |= object.joined.1 >= OPEN.1;
                }
            }
            if let Some(node) = self.nodes.get_mut(at) {
                node.lose_patience(self.looked);
                self.waiting += u32::from(node.is_waited_for());
            }
        }
    }

    /// An object has a new member that is told.
    fn join(&mut self, parent: u32) -> What {
        let Some(object) = self.nodes.get_mut(parent as usize) else { return What::Appeared };
        object.joined.0 = object.joined.0.saturating_add(1);
        if object.joined.0 < OPEN.0 {
            return What::Appeared;
        }
        object.open = true;
        What::AppearedLast
    }

    /// What has lasted for two messages, though not for as long as it should; the place of the first of them.
    pub(super) fn give_up(&mut self, told: &mut Vec<Told>) -> Option<Place> {
        for (number, node) in (0u32..).zip(&mut self.nodes) {
            let (what, sign) = match node.state {
                State::Missing(sign) => (What::Lost, sign),
                State::Appearing(sign) => (What::Appeared, sign),
                _ => continue,
            };
            node.state = State::Usual;
            if sign.run >= RETYPED {
                told.push(Told { what, node: number, place: sign.place, messages: sign.before });
            }
        }
        told.first().map(|told| told.place)
    }
}

/// Counts messages of a shape.
pub(super) fn add(nodes: &mut [Node], entries: &[Entry], count: u64) {
    for entry in entries {
        let Some(node) = nodes.get_mut(entry.node as usize) else { continue };
        node.period.there += count;
        if entry.object {
            node.period.inner += count;
        }
        if let Some(seen) = entry.leaf.and_then(|is| node.period.types.get_mut(is as usize)) {
            *seen += count;
        }
    }
}

/// The message that is looked at, and the object that a node stands in.
struct Around {
    turn: u64,
    place: Place,
    looked: u64,
    inner: u64,
    open: bool,
}

impl Around {
    fn sign(&self, before: u64) -> Sign {
        Sign { place: self.place, run: 1, since: self.looked, before }
    }
}

impl Node {
    /// What it did in a message that has the object it stands in.
    fn step(&mut self, around: &Around) -> Option<(What, Sign)> {
        let is_there = self.seen == around.turn;
        let (state, told) = match (self.state, is_there) {
            (State::New, true) if around.inner >= KNOWN && !around.open => {
                (State::Appearing(around.sign(around.inner)), None)
            }
            (State::New, true) => (State::Usual, None),
            (State::Appearing(sign), true) if sign.run + 1 >= LASTS => (State::Usual, Some((What::Appeared, sign))),
            (State::Appearing(sign), true) => (State::Appearing(Sign { run: sign.run + 1, ..sign }), None),
            (State::Usual, false) if self.run >= KNOWN => (State::Missing(around.sign(self.run)), None),
            (State::Missing(sign), false) if sign.run + 1 >= LASTS => {
                (State::Lost(around.inner), Some((What::Lost, sign)))
            }
            (State::Missing(sign), false) => (State::Missing(Sign { run: sign.run + 1, ..sign }), None),
            (State::Appearing(_), false) | (State::Missing(_), true) => (State::Usual, None),
            // Three of the messages without it came before it was told.
            (State::Lost(since), true) => {
                let without = around.inner.saturating_sub(since) + u64::from(LASTS - 1);
                (State::Usual, Some((What::Back, around.sign(without))))
            }
            (state, _) => (state, None),
        };
        self.state = state;
        told
    }

    /// What its type did in a message that has it.
    fn retype(&mut self, around: &Around) -> Option<(What, Sign)> {
        let is = self.seen_leaf.filter(|is| class(*is).is_some())?;
        match self.retyping {
            Some((to, sign)) if to == is => {
                let sign = Sign { run: sign.run + 1, ..sign };
                self.retyping = Some((to, sign));
                if sign.run < RETYPED {
                    return None;
                }
                self.retyping = None;
                self.retyped = Some(Retyped { to, back: 0 });
                self.times = self.times.saturating_add(1).min(MAX_TIMES);
                let from = self.most_frequent(to)?;
                Some((What::Retyped(from, to), sign))
            }
            Some(_) => {
                self.retyping = None;
                None
            }
            None => {
                self.retyping = self.is_new_type(is).then(|| (is, around.sign(self.known())));
                None
            }
        }
    }

    fn count(&self, is: FieldType) -> u64 {
        self.types.get(is as usize).copied().unwrap_or(0)
    }

    /// Messages in which it has a type.
    fn known(&self) -> u64 {
        FieldType::ALL.iter().filter(|is| class(**is).is_some()).map(|is| self.count(*is)).sum()
    }

    fn most_frequent(&self, but: FieldType) -> Option<FieldType> {
        let others = FieldType::ALL.iter().copied().filter(|is| class(*is).is_some() && *is != but);
        others.max_by_key(|is| self.count(*is))
    }

    fn is_new_type(&self, is: FieldType) -> bool {
        if self.count(is) > 0 || self.known() < KNOWN {
            return false;
        }
        let mut classes = FieldType::ALL.iter().filter(|seen| self.count(**seen) > 0).filter_map(|seen| class(*seen));
        let first = classes.next();
        // A field of several types is of none; and digits are text.
        let is_one = classes.all(|class| Some(class) == first);
        is_one && !(is == FieldType::Digits && self.count(FieldType::Text) > 0)
    }

    fn fold(&mut self, with_parent: u64) -> bool {
        let Period { there, inner, types } = std::mem::take(&mut self.period);
        let was_known = self.run >= KNOWN;
        self.run = if there == with_parent { self.run.saturating_add(there) } else { 0 };
        self.inner = self.inner.saturating_add(inner);
        for (all, now) in self.types.iter_mut().zip(types) {
            *all = all.saturating_add(now);
        }
        let is_new_again = self.forget(&types);
        is_new_again || (!was_known && self.run >= KNOWN)
    }

    /// A type that was told is new again when it was away for long enough.
    fn forget(&mut self, now: &[u64; TYPES]) -> bool {
        let Some(retyped) = &mut self.retyped else { return false };
        let with = now.get(retyped.to as usize).copied().unwrap_or(0);
        retyped.back = if with == 0 { retyped.back.saturating_add(now.iter().sum()) } else { 0 };
        let is_over = retyped.back >= KNOWN << self.times.saturating_sub(1);
        let to = retyped.to;
        if is_over {
            self.retyped = None;
            if let Some(count) = self.types.get_mut(to as usize) {
                *count = 0;
            }
        }
        is_over
    }

    fn lose_patience(&mut self, looked: u64) {
        let is_old = |sign: &Sign| looked.saturating_sub(sign.since) > PATIENCE;
        if let State::Appearing(sign) | State::Missing(sign) = &self.state
            && is_old(sign)
        {
            (self.state, self.run) = (State::Usual, 0);
        }
        if self.retyping.as_ref().is_some_and(|(_, sign)| is_old(sign)) {
            self.retyping = None;
        }
    }

    fn is_waited_for(&self) -> bool {
        matches!(self.state, State::Appearing(_) | State::Missing(_)) || self.retyping.is_some()
    }
}

/// Types that stand for each other; `None` where nothing stands.
fn class(is: FieldType) -> Option<u8> {
    match is {
        FieldType::Null | FieldType::Empty => None,
        FieldType::Boolean => Some(0),
        FieldType::Number => Some(1),
        FieldType::Digits | FieldType::Text => Some(2),
    }
}
