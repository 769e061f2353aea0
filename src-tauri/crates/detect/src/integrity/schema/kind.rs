//! What is known of one kind of message: a tree of fields, each with what it did while the object it stands in was there.

use std::sync::Arc;

use feedwatch_model::FieldType;
use rustc_hash::FxHashMap;

use super::Place;
use super::node::{Around, Node, SOME, Sign, State};
use crate::integrity::Scopes;

/// So many findings of new fields, or messages with late ones, make an object one whose members are names.
const OPEN: (u8, u8) = (4, 16);
const MAX_NODES: usize = 4096;

/// A field of a shape, or an object on the way to one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    node: u32,
    /// What stands there, if it is no object.
    leaf: Option<FieldType>,
    /// It has members.
    object: bool,
}

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
        self.nodes.push(Node::new(path.clone(), parent));
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
                    let what = if what == What::Appeared { self.join(parent, turn) } else { what };
                    tell((what, sign));
                }
                if joins
                    && let Some(object) = self.nodes.get_mut(parent as usize)
                    && std::mem::replace(&mut object.joined_at.1, turn) != turn
                {
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
    fn join(&mut self, parent: u32, turn: u64) -> What {
        let Some(object) = self.nodes.get_mut(parent as usize) else { return What::Appeared };
        if std::mem::replace(&mut object.joined_at.0, turn) != turn {
            object.joined.0 = object.joined.0.saturating_add(1);
        }
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
            if sign.run >= SOME {
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
