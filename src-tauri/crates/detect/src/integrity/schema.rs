//! Which fields messages have, and what stands there; one finding per change, shown by the first message that has it.
//!
//! Messages come with the number of their shape. A shape that was looked at and has nothing to tell is counted and no
//! more; others are laid over what is known of their kind ([`kind`]). A field is judged against the object it stands in:
//!
//! - `lost`: it was there in each of at least 64 messages that had the object, and is missing in 4 of them in a row.
//! - `appeared`: it was in none of at least 64, and is there in 4 in a row; or it was told as lost and is back.
//! - `retyped`: its values were of one type in at least 64 messages, and are of another in two in a row. Null and empty
//!   values have no type, digits are text where text was before. The same change is told again when the former type was
//!   back for 64 messages, then for 128, and so on.
//!
//! What lasts for fewer messages is a field that comes and goes: each time it was missing for less, twice as many messages
//! make it one that is always there. A change of one sender among many is not seen here, and an array without elements
//! lost none of their fields. What changes with one message is one finding for all fields; a lost object is named instead
//! of its fields. After 4 findings of new fields in one object, or 16 messages with a field that none before had, its
//! members are taken for names: no more is told of them.
//!
//! Counts are gathered every 64 messages of the feed, later every 1,024: what became usual in between is known then.
//!
//! Limits: 1,024 shapes and 256 kinds of a feed, 4,096 fields of a kind, 262,144 fields of all shapes together. What lies
//! beyond is not judged. A change that neither lasts nor passes within 256 messages is not judged either.

mod kind;
mod node;
mod telling;

use feedwatch_model::{FeedId, Finding, Message, Time};

use self::kind::{Entry, Kind, Told};
use super::Scopes;

const MAX_SHAPES: usize = 1024;
const MAX_KINDS: usize = 256;
const MAX_ENTRIES: usize = 262_144;
/// Counts are gathered this often: first, and later.
const REVIEW: [u64; 2] = [64, 1024];

#[derive(Debug)]
pub(super) struct Schema {
    feed: FeedId,
    shapes: Vec<Shape>,
    kinds: Vec<Kind>,
    /// Counts the messages that have a shape.
    turn: u64,
    review_at: u64,
    /// Of all shapes together.
    entries: usize,
    told: Vec<Told>,
}

/// What is known of a shape.
#[derive(Debug, Default)]
struct Shape {
    /// To look at it again would change nothing but its count.
    settled: bool,
    /// Messages since counts were last gathered.
    count: u64,
    /// `None`: it was not looked at yet, or lies beyond the limits.
    kind: Option<u32>,
    entries: Box<[Entry]>,
}

/// Where something is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    message: u64,
    at: Time,
}

impl Schema {
    pub(super) fn new(feed: FeedId) -> Schema {
        Schema {
            feed,
            shapes: Vec::new(),
            kinds: Vec::new(),
            turn: 0,
            review_at: REVIEW[0],
            entries: 0,
            told: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        message: &Message,
        shape: Option<u32>,
        scopes: &dyn Scopes,
        out: &mut Vec<Finding>,
    ) {
        let Some(shape) = shape else { return };
        self.turn += 1;
        if let Some(known) = self.shapes.get_mut(shape as usize)
            && known.settled
            && self.turn < self.review_at
        {
            known.count += 1;
            return;
        }
        self.look(message, shape, scopes, out);
    }

    #[cold]
    fn look(&mut self, message: &Message, number: u32, scopes: &dyn Scopes, out: &mut Vec<Finding>) {
        if self.turn >= self.review_at {
            self.review();
        }
        let Some(at) = self.known(number, scopes) else { return };
        let place = Place { message: message.number, at: message.received };
        let Schema { shapes, kinds, told, .. } = self;
        let Some(shape) = shapes.get(number as usize) else { return };
        if !shape.settled
            && let Some(kind) = kinds.get_mut(at as usize)
        {
            let is_waiting = kind.is_waiting();
            gather(kind, shapes);
            let Some(shape) = shapes.get(number as usize) else { return };
            kind.judge(&shape.entries, self.turn, place, told);
            if kind.is_waiting() && !is_waiting {
                unsettle(kind, shapes);
            }
            let is_settled = !kind.is_waiting();
            if let Some(shape) = shapes.get_mut(number as usize) {
                shape.settled = is_settled;
            }
            if !told.is_empty() {
                telling::tell(self.feed, told, kind, &scopes.kind(at), place, out);
            }
        }
        if let Some(shape) = shapes.get_mut(number as usize) {
            shape.count += 1;
        }
    }

    /// Nothing more will come: what has lasted for two messages is told.
    pub(super) fn finish(&mut self, out: &mut Vec<Finding>) {
        for kind in &mut self.kinds {
            let last = kind.give_up(&mut self.told);
            if let Some(place) = last {
                telling::tell(self.feed, &mut self.told, kind, "", place, out);
            }
        }
    }

    /// The kind of a shape, which is looked up if it is new.
    fn known(&mut self, number: u32, scopes: &dyn Scopes) -> Option<u32> {
        let at = number as usize;
        if at >= MAX_SHAPES {
            return None;
        }
        if self.shapes.len() <= at {
            self.shapes.resize_with(at + 1, Shape::default);
        }
        let Schema { shapes, kinds, entries, .. } = self;
        let shape = shapes.get_mut(at)?;
        if shape.kind.is_some() || shape.settled {
            return shape.kind;
        }
        // Whatever comes of it: it is looked at once.
        shape.settled = true;
        let (kind, fields) = scopes.shape(number);
        if kind as usize >= MAX_KINDS || entries.saturating_add(fields.len()) > MAX_ENTRIES {
            return None;
        }
        if kinds.len() <= kind as usize {
            kinds.resize_with(kind as usize + 1, Kind::default);
        }
        let of = kinds.get_mut(kind as usize)?;
        shape.entries = of.entries(fields, scopes)?;
        *entries += shape.entries.len();
        of.shapes.push(number);
        (shape.kind, shape.settled) = (Some(kind), false);
        shape.kind
    }

    fn review(&mut self) {
        self.review_at = self.turn + if self.turn < REVIEW[1] { REVIEW[0] } else { REVIEW[1] };
        for kind in &mut self.kinds {
            gather(kind, &mut self.shapes);
        }
    }
}

/// Counts what came of a kind since the last time. What is always there from now on must be looked for in every shape.
fn gather(kind: &mut Kind, shapes: &mut [Shape]) {
    let mut came = 0;
    for number in &kind.shapes {
        let Some(shape) = shapes.get_mut(*number as usize) else { continue };
        let count = std::mem::take(&mut shape.count);
        if count > 0 {
            came += count;
            kind::add(&mut kind.nodes, &shape.entries, count);
        }
    }
    if came > 0 && kind.fold() {
        unsettle(kind, shapes);
    }
}

fn unsettle(kind: &Kind, shapes: &mut [Shape]) {
    for number in &kind.shapes {
        if let Some(shape) = shapes.get_mut(*number as usize) {
            shape.settled = false;
        }
    }
}
