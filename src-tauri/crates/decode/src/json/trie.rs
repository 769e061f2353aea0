//! The paths of a feed, as a trie that guesses the next key.
//!
//! Messages of one feed repeat their keys in the same order. Each node remembers which sibling came after it last
//! time, so that a key of a known shape costs one comparison of `"key":` with the payload; only a surprise is hashed.
//!
//! Limits: a number of nodes given at creation, and keys of at most 256 bytes; what is beyond has no node ([`NONE`])
//! and is counted by the scanner.

use rustc_hash::FxHashMap;

use crate::hash::hash64;

/// No node.
pub(crate) const NONE: u32 = u32::MAX;
/// The payload itself.
pub(crate) const ROOT: u32 = 0;
/// Longer keys have no node.
const MAX_KEY: usize = 256;
/// Positions of an array of scalars that have a node of their own; the others share `*`.
pub(crate) const MAX_POSITIONS: u32 = 32;

/// What leads from a node to its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The payload itself.
    Root,
    /// A member of an object.
    Key,
    /// Any element of an array of objects or arrays.
    Element,
    /// A place in an array of scalars.
    Position(u32),
    /// Any member of an object whose members' names are keys.
    Member,
    /// The name of such a member.
    Name,
}

#[derive(Clone, Debug)]
struct Node {
    parent: u32,
    /// The child that came first last time.
    first: u32,
    /// The sibling that came after this one last time.
    next: u32,
    /// Where `"key":` stands in the arena.
    start: u32,
    end: u32,
    step: Step,
    /// Whether the key reads the same with and without escapes.
    plain: bool,
    /// The first eight bytes of `"key":` under their mask, and the last eight. What is no plain key matches nothing: its
    /// mask is 0 and its head is not.
    head: u64,
    mask: u64,
    tail: u64,
}

/// Head, mask and tail of the bytes of a plain key.
fn words(quoted: &[u8]) -> (u64, u64, u64) {
    let mut head = [0; 8];
    for (to, from) in head.iter_mut().zip(quoted) {
        *to = *from;
    }
    let mask = if quoted.len() >= 8 { u64::MAX } else { (1 << (8 * quoted.len())) - 1 };
    let tail = quoted.last_chunk::<8>().copied().unwrap_or_default();
    (u64::from_le_bytes(head), mask, u64::from_le_bytes(tail))
}

#[derive(Clone, Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    arena: Vec<u8>,
    index: FxHashMap<u64, u32>,
    /// Objects whose members' names are keys, with the node of any member and that of its name.
    maps: FxHashMap<u32, (u32, u32)>,
    limit: usize,
}

impl Trie {
    pub(crate) fn new(limit: usize) -> Trie {
        let (index, maps) = (FxHashMap::default(), FxHashMap::default());
        let mut trie = Trie { nodes: Vec::new(), arena: Vec::new(), index, maps, limit: limit.max(1) };
        trie.add(NONE, Step::Root, false, 0, 0);
        trie
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The guess of the first child of `parent`.
    #[inline]
    pub(crate) fn first(&self, parent: u32) -> u32 {
        self.nodes.get(parent as usize).map_or(NONE, |node| node.first)
    }

    /// The guess of what follows `node`.
    #[inline]
    pub(crate) fn next(&self, node: u32) -> u32 {
        self.nodes.get(node as usize).map_or(NONE, |node| node.next)
    }

    /// The bytes matched if `payload` goes on at `at` with `"key":` of `node`.
    #[inline]
    pub(crate) fn matches(&self, node: u32, payload: &[u8], at: usize) -> Option<usize> {
        let node = self.nodes.get(node as usize)?;
        let here = payload.get(at..)?;
        let Some(head) = here.first_chunk::<8>() else { return self.matches_slowly(node, here) };
        if u64::from_le_bytes(*head) & node.mask != node.head {
            return None;
        }
        let length = (node.end - node.start) as usize;
        match length {
            ..=8 => Some(length),
            9..=16 => {
                let tail = here.get(length - 8..).and_then(|rest| rest.first_chunk::<8>())?;
                (u64::from_le_bytes(*tail) == node.tail).then_some(length)
            }
            _ => self.matches_slowly(node, here),
        }
    }

    fn matches_slowly(&self, node: &Node, here: &[u8]) -> Option<usize> {
        let key = self.arena.get(node.start as usize..node.end as usize)?;
        (node.plain && here.starts_with(key)).then_some(key.len())
    }

    /// The member `text` (without escapes) of `parent`, made if there is room; `previous` came before it.
    pub(crate) fn child(&mut self, parent: u32, previous: u32, text: &[u8]) -> u32 {
        if parent == NONE || text.len() > MAX_KEY {
            return NONE;
        }
        let mut slot = hash64(text, u64::from(parent));
        while let Some(&found) = self.index.get(&slot) {
            if self.is_child(found, parent, text) {
                self.follow(parent, previous, found);
                return found;
            }
            slot = slot.wrapping_add(1);
        }
        let plain = text.iter().all(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        let start = self.arena.len();
        let made = self.add(parent, Step::Key, plain, start, start + text.len() + 3);
        if made != NONE {
            self.arena.push(b'"');
            self.arena.extend_from_slice(text);
            self.arena.extend_from_slice(b"\":");
            self.index.insert(slot, made);
            self.follow(parent, previous, made);
            let quoted = self.arena.get(start..).unwrap_or_default();
            if let Some(node) = self.nodes.get_mut(made as usize).filter(|_| plain) {
                (node.head, node.mask, node.tail) = words(quoted);
            }
        }
        made
    }

    /// Any element of the array `parent`.
    pub(crate) fn element(&mut self, parent: u32) -> u32 {
        self.stepped(parent, NONE, Step::Element, 0)
    }

    /// The place `position` of the array `parent`; `previous` is the place before it.
    pub(crate) fn position(&mut self, parent: u32, previous: u32, position: u32) -> u32 {
        if position >= MAX_POSITIONS {
            return self.element(parent);
        }
        let guess = if previous == NONE { self.first(parent) } else { self.next(previous) };
        if self.nodes.get(guess as usize).is_some_and(|node| node.step == Step::Position(position)) {
            return guess;
        }
        self.stepped(parent, previous, Step::Position(position), u64::from(position) + 1)
    }

    /// From now on the names of the members of `node` are keys; `false` if there is no room.
    pub(crate) fn mark_map(&mut self, node: u32) -> bool {
        let member = self.stepped(node, NONE, Step::Member, u64::MAX);
        let name = self.stepped(member, NONE, Step::Name, u64::MAX);
        if name != NONE {
            self.maps.insert(node, (member, name));
        }
        name != NONE
    }

    /// The node of any member of `node` and that of its name, if the names are keys.
    #[inline]
    pub(crate) fn map(&self, node: u32) -> Option<(u32, u32)> {
        if self.maps.is_empty() { None } else { self.maps.get(&node).copied() }
    }

    fn stepped(&mut self, parent: u32, previous: u32, step: Step, code: u64) -> u32 {
        if parent == NONE {
            return NONE;
        }
        // Array steps and keys share the index: the second seed keeps them apart.
        let mut slot = hash64(&code.to_le_bytes(), u64::from(parent) | 1 << 40);
        while let Some(&found) = self.index.get(&slot) {
            if self.nodes.get(found as usize).is_some_and(|node| node.parent == parent && node.step == step) {
                self.follow(parent, previous, found);
                return found;
            }
            slot = slot.wrapping_add(1);
        }
        let made = self.add(parent, step, false, 0, 0);
        if made != NONE {
            self.index.insert(slot, made);
            self.follow(parent, previous, made);
        }
        made
    }

    fn add(&mut self, parent: u32, step: Step, plain: bool, start: usize, end: usize) -> u32 {
        if self.nodes.len() >= self.limit {
            return NONE;
        }
        let (Ok(start), Ok(end), Ok(made)) =
            (u32::try_from(start), u32::try_from(end), u32::try_from(self.nodes.len()))
        else {
            return NONE;
        };
        self.nodes.push(Node { parent, first: NONE, next: NONE, start, end, step, plain, head: 1, mask: 0, tail: 0 });
        made
    }

    fn is_child(&self, node: u32, parent: u32, text: &[u8]) -> bool {
        self.nodes
            .get(node as usize)
            .is_some_and(|found| found.parent == parent && found.step == Step::Key && self.key(found) == text)
    }

    /// Remembers the order for the next message.
    #[inline]
    fn follow(&mut self, parent: u32, previous: u32, node: u32) {
        if previous == NONE {
            if let Some(parent) = self.nodes.get_mut(parent as usize) {
                parent.first = node;
            }
        } else if let Some(previous) = self.nodes.get_mut(previous as usize) {
            previous.next = node;
        }
    }

    fn key(&self, node: &Node) -> &[u8] {
        let quoted = self.arena.get(node.start as usize..node.end as usize).unwrap_or_default();
        quoted.get(1..quoted.len().saturating_sub(2)).unwrap_or_default()
    }

    pub(crate) fn parent(&self, node: u32) -> u32 {
        self.nodes.get(node as usize).map_or(NONE, |node| node.parent)
    }

    pub(crate) fn step(&self, node: u32) -> Step {
        self.nodes.get(node as usize).map_or(Step::Root, |node| node.step)
    }

    /// The last segment as text: the key, `*` or the position.
    pub(crate) fn segment(&self, node: u32) -> String {
        let Some(found) = self.nodes.get(node as usize) else { return String::new() };
        match found.step {
            Step::Root => String::new(),
            Step::Key => String::from_utf8_lossy(self.key(found)).into_owned(),
            Step::Element => "*".to_owned(),
            Step::Position(at) => at.to_string(),
            Step::Member => "{*}".to_owned(),
            Step::Name => String::new(),
        }
    }

    /// The nodes from below the root to `node`.
    pub(crate) fn chain(&self, node: u32) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut at = node;
        while at != NONE && at != ROOT {
            chain.push(at);
            at = self.parent(at);
        }
        chain.reverse();
        chain
    }

    /// The JSON pointer (RFC 6901) with `*` for any element, and `{*}` for any member whose name is a key, which is the path
    /// of that name too.
    pub(crate) fn path(&self, node: u32) -> String {
        let mut path = String::new();
        for step in self.chain(node).into_iter().filter(|step| self.step(*step) != Step::Name) {
            path.push('/');
            path.push_str(&self.segment(step).replace('~', "~0").replace('/', "~1"));
        }
        path
    }

    /// Whose element `node` stands in: the nearest `*` or `{*}` at or above it, else the root.
    pub(crate) fn element_of(&self, node: u32) -> u32 {
        let mut at = node;
        while at != NONE && at != ROOT {
            if matches!(self.step(at), Step::Element | Step::Member) {
                return at;
            }
            at = self.parent(at);
        }
        ROOT
    }

    /// Whether `above` is `node` or stands above it.
    pub(crate) fn is_above(&self, above: u32, node: u32) -> bool {
        let mut at = node;
        while at != NONE {
            if at == above {
                return true;
            }
            at = self.parent(at);
        }
        false
    }
}
