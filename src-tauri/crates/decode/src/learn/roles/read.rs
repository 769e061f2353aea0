//! Reading a message by the plan of its kind.

use std::cell::RefCell;
use std::sync::Arc;

use feedwatch_model::{Message, Point, Reading, SeriesKind, Time, TimeUnit, Value};

use super::{Plan, SKIP, SLOW, Watch, What};
use crate::catalogue::{Catalogue, Samples, Series};
use crate::format::states;
use crate::json::leaf::{Leaf, LeafKind};
use crate::json::number::{Bits, counted, number};
use crate::json::scan::Scanner;
use crate::json::trie::{NONE, ROOT};
use crate::learn::kinds::find;
use crate::learn::names::Names;
use crate::learn::observed::text_of;
use crate::learn::roles::{Role, TOPIC};
use crate::learn::sequence::Per;
use crate::stamp;

/// Reads times; that of the next message mostly begins like that of the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    rfc3339: stamp::Reader,
}

/// What the neighbours of a leaf share: the time of their element, and the key number in one table.
pub(super) struct Around {
    element: u32,
    time: Option<Time>,
    table: u32,
    /// The element that the key belongs to.
    keyed: u32,
    key: u32,
}

/// A path was met that the plan does not know.
#[derive(Debug)]
pub(crate) struct Unknown;

/// A whole number that may number messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) node: u32,
    pub(crate) watch: Watch,
    pub(crate) value: u64,
    /// Its place among the leaves, if it stands in an element of an array, and that element.
    pub(crate) at: Option<usize>,
    pub(crate) element: u32,
}

/// The place of a leaf among the leaves that it is one of.
fn place_of(leaf: &Leaf, leaves: &[Leaf]) -> usize {
    (std::ptr::from_ref(leaf).addr() - leaves.as_ptr().addr()) / size_of::<Leaf>()
}

/// Whether `outer` is `element` or stands around it.
pub(crate) fn is_around(elements: &[u32], outer: u32, element: u32) -> bool {
    let mut at = element;
    loop {
        if at == outer {
            return true;
        }
        if at == 0 {
            return false;
        }
        at = elements.get(at as usize).copied().unwrap_or(0);
    }
}

/// Where reading puts what it finds.
pub(crate) struct Found<'a> {
    pub(crate) reading: &'a mut Reading,
    /// Whole numbers on watch.
    pub(crate) watched: &'a mut Vec<Watched>,
    pub(crate) catalogue: &'a mut Catalogue,
    pub(crate) names: &'a mut Names,
    pub(crate) max_series: usize,
}

/// One message as the plan sees it.
pub(crate) struct Seen<'a> {
    pub(crate) leaves: &'a [Leaf],
    pub(crate) elements: &'a [u32],
    /// The JSON that the leaves stand in: the payload, or what was made of it.
    pub(crate) text: &'a [u8],
    pub(crate) message: &'a Message,
    /// Paths of the message itself that were looked for, and their leaves.
    pub(crate) outer: RefCell<Vec<(u32, Option<usize>)>>,
}

impl Scanner {
    /// What was scanned last: `text` of `message`.
    #[inline]
    pub(crate) fn seen<'a>(&'a self, text: &'a [u8], message: &'a Message) -> Seen<'a> {
        Seen { leaves: &self.leaves, elements: &self.elements, text, message, outer: RefCell::default() }
    }
}

impl Seen<'_> {
    #[inline]
    pub(super) fn payload(&self) -> &[u8] {
        self.text
    }

    /// The leaf of `node` in the element of the leaf at `at`, of which the leaves stand together.
    pub(crate) fn beside(&self, node: u32, at: usize) -> Option<&Leaf> {
        let element = self.leaves.get(at)?.element;
        let (before, behind) = self.leaves.split_at_checked(at)?;
        let is_own = |leaf: &&Leaf| leaf.element == element;
        let mut own = behind.iter().take_while(is_own).chain(before.iter().rev().take_while(is_own));
        own.find(|leaf| leaf.node == node)
    }

    /// The leaf of `node` in the message itself, looked for once.
    fn outer(&self, node: u32) -> Option<&Leaf> {
        let known = self.outer.borrow().iter().find(|(known, _)| *known == node).map(|(_, at)| *at);
        let at = known.unwrap_or_else(|| {
            let at = self.leaves.iter().position(|leaf| leaf.node == node && leaf.element == 0);
            self.outer.borrow_mut().push((node, at));
            at
        });
        self.leaves.get(at?)
    }

    /// What scopes a sequence whose number is the leaf at `at`; `None`: it stands in the message itself.
    pub(crate) fn text(&self, per: Per, at: Option<usize>) -> Option<&[u8]> {
        match per {
            Per::Path(node) => {
                let leaf = match at {
                    None => self.leaves.iter().find(|leaf| leaf.node == node && leaf.element == 0),
                    Some(at) => self.beside(node, at).or_else(|| self.outer(node)),
                };
                leaf.and_then(|leaf| text_of(leaf, self.payload()))
            }
            Per::Topic => self.message.meta.as_ref().and_then(|meta| meta.topic.as_deref()).map(str::as_bytes),
        }
    }
}

impl Plan {
    /// Reads one message. With `strict` the first unknown path ends it.
    pub(crate) fn read(&mut self, seen: &Seen<'_>, strict: bool, found: &mut Found<'_>) -> Result<(), Unknown> {
        if let Some(late) = &mut self.late
            && !late.take(seen)
            && strict
        {
            return Err(Unknown);
        }
        if self.changed {
            self.codes = self.roles.iter().map(Role::code).collect();
            self.rows.clear();
            self.changed = false;
        }
        for table in &mut self.tables {
            table.cached = None;
        }
        let deep = self.is_deep();
        if deep {
            self.fill_columns(seen);
        }
        let mut around = Around { element: 0, time: None, table: NONE, keyed: NONE, key: 0 };
        let row = if deep { None } else { self.row(seen) };
        if let Some((key, row)) = row {
            return self.read_row(key, row, seen, strict, found, &mut around);
        }
        for leaf in seen.leaves {
            match self.codes.get(leaf.node as usize).copied().unwrap_or(SLOW) {
                SKIP => {}
                SLOW => self.read_slowly(leaf, seen, strict, deep, found, &mut around)?,
                slot => self.read_value(slot, leaf, seen, deep, found, &mut around),
            }
        }
        if found.reading.time.is_none() && deep {
            found.reading.time = found.reading.points.iter().filter_map(|point| point.time).max();
        }
        Ok(())
    }

    #[inline]
    pub(super) fn read_value(
        &mut self,
        slot: u32,
        leaf: &Leaf,
        seen: &Seen<'_>,
        deep: bool,
        found: &mut Found<'_>,
        around: &mut Around,
    ) {
        if deep && leaf.element != around.element {
            around.element = leaf.element;
            around.time = if leaf.element == 0 { None } else { self.element_time(seen, leaf.element) };
        }
        let number = leaf.number(seen.payload());
        if !number.is_number() && !self.tells_truth(slot, leaf, seen) {
            return;
        }
        let Some(series) = self.series(slot, leaf.element, seen, found, around) else { return };
        let time = around.time;
        match number.float() {
            Some(float) => found.reading.points.push(Point { series, time, value: Value::F64(float) }),
            None => push(found, series, time, leaf, number, seen),
        }
    }

    pub(super) fn read_slowly(
        &mut self,
        leaf: &Leaf,
        seen: &Seen<'_>,
        strict: bool,
        deep: bool,
        found: &mut Found<'_>,
        around: &mut Around,
    ) -> Result<(), Unknown> {
        let role = self.role(leaf.node);
        if role.watch != Watch::No {
            let (node, watch, element) = (leaf.node, role.watch, leaf.element);
            let at = (element != 0).then(|| place_of(leaf, seen.leaves));
            let text = || if leaf.is_string() { counted(leaf.raw(seen.payload())) } else { None };
            let value = leaf.unsigned(seen.payload()).or_else(text);
            found.watched.extend(value.map(|value| Watched { node, watch, value, at, element }));
        }
        match role.what {
            What::Series(slot) => self.read_value(slot, leaf, seen, deep, found, around),
            What::Time(unit) => {
                found.reading.time = self.clock.time_of(leaf, unit, seen).or(found.reading.time);
            }
            What::State(state) => self.count_state(state, leaf, seen, found),
            What::Unseen if strict => return Err(Unknown),
            What::Pending if strict && tells(leaf) => return Err(Unknown),
            _ => {}
        }
        Ok(())
    }

    #[cold]
    fn tells_truth(&self, slot: u32, leaf: &Leaf, seen: &Seen<'_>) -> bool {
        let is_boolean = self.slots.get(slot as usize).is_some_and(|slot| slot.kind == SeriesKind::Boolean);
        is_boolean && truth(leaf, seen).is_some()
    }

    fn is_deep(&self) -> bool {
        !self.element_times.is_empty() || self.keys.iter().any(|key| key.element != ROOT)
    }

    fn width(&self) -> usize {
        self.keys.len() + 1
    }

    fn fill_columns(&mut self, seen: &Seen<'_>) {
        let width = self.width();
        self.columns.clear();
        self.columns.resize(seen.elements.len() * width, NONE);
        for (at, leaf) in (0_u32..).zip(seen.leaves) {
            let column = match self.roles.get(leaf.node as usize).map(|role| role.what) {
                Some(What::Key(key)) => usize::from(key),
                Some(What::ElementTime(_)) => width - 1,
                _ => continue,
            };
            if let Some(cell) = self.columns.get_mut(leaf.element as usize * width + column) {
                *cell = at;
            }
        }
    }

    /// The leaf in `column` of `element` or of the nearest one around it.
    fn column<'a>(&self, seen: &Seen<'a>, element: u32, column: usize) -> Option<&'a Leaf> {
        let mut element = element;
        loop {
            let at = self.columns.get(element as usize * self.width() + column).copied().unwrap_or(NONE);
            if let Some(leaf) = seen.leaves.get(at as usize) {
                return Some(leaf);
            }
            if element == 0 {
                return None;
            }
            element = seen.elements.get(element as usize).copied().unwrap_or(0);
        }
    }

    fn element_time(&mut self, seen: &Seen<'_>, element: u32) -> Option<Time> {
        let leaf = self.column(seen, element, self.width() - 1)?;
        match self.role(leaf.node).what {
            What::ElementTime(unit) => self.clock.time_of(leaf, unit, seen),
            _ => None,
        }
    }

    /// The series of a slot for the keys around `element`; made if it is the first of them.
    #[inline]
    fn series(
        &mut self,
        slot: u32,
        element: u32,
        seen: &Seen<'_>,
        found: &mut Found<'_>,
        around: &mut Around,
    ) -> Option<u32> {
        let at = self.slots.get(slot as usize)?;
        if at.table == NONE {
            return match at.series.first() {
                Some(&series) if series != NONE => Some(series),
                _ => self.new_series(slot as usize, 0, found),
            };
        }
        let series = if (around.table, around.keyed) == (at.table, element) {
            at.series.get(around.key as usize)
        } else {
            let table = at.table;
            let Some(key) = self.key(table as usize, element, seen, found.max_series) else {
                return self.leave_out(slot as usize, found);
            };
            (around.table, around.keyed, around.key) = (table, element, key);
            self.slots.get(slot as usize)?.series.get(key as usize)
        };
        match series {
            Some(&series) if series != NONE => Some(series),
            _ => self.new_series(slot as usize, around.key as usize, found),
        }
    }

    /// The number of the key texts around `element`.
    #[inline]
    pub(super) fn key(&mut self, table: usize, element: u32, seen: &Seen<'_>, limit: usize) -> Option<u32> {
        let found = self.tables.get(table)?;
        if let Some((cached, key)) = found.cached
            && cached == element
        {
            return Some(key);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let text = match *found.fields.as_slice() {
            [field] => self.key_text(field, element, seen),
            _ => {
                scratch.clear();
                for at in 0..self.tables.get(table).map_or(0, |table| table.fields.len()) {
                    let field = self.tables.get(table).and_then(|table| table.fields.get(at)).copied();
                    let text = field.and_then(|field| self.key_text(field, element, seen));
                    // The separator cannot stand in a JSON string unescaped.
                    scratch.extend_from_slice(text.unwrap_or_default());
                    scratch.push(0x1F);
                }
                Some(scratch.as_slice())
            }
        };
        let key = self.tables.get_mut(table).and_then(|table| table.number(text.unwrap_or_default(), limit));
        self.scratch = scratch;
        let key = key?;
        if let Some(table) = self.tables.get_mut(table) {
            table.cached = Some((element, key));
        }
        Some(key)
    }

    #[inline]
    fn key_text<'a>(&mut self, field: usize, element: u32, seen: &'a Seen<'a>) -> Option<&'a [u8]> {
        let key = self.keys.get_mut(field)?;
        if key.node == TOPIC {
            let topic = seen.message.meta.as_ref().and_then(|meta| meta.topic.as_deref());
            return topic.map(|topic| key.of_topic(topic).as_bytes());
        }
        let leaf = if key.element == ROOT {
            find(seen.leaves, key.node, &mut key.guess)?
        } else {
            self.column(seen, element, field)?
        };
        text_of(leaf, seen.payload())
    }

    /// There are too many series, or keys: the value is counted, and its path is told.
    #[cold]
    fn leave_out(&mut self, slot: usize, found: &mut Found<'_>) -> Option<u32> {
        found.catalogue.beyond_limit += 1;
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.left_out = true;
        }
        None
    }

    #[cold]
    fn new_series(&mut self, slot: usize, key: usize, found: &mut Found<'_>) -> Option<u32> {
        if found.catalogue.series.len() >= found.max_series {
            return self.leave_out(slot, found);
        }
        let slot = self.slots.get_mut(slot)?;
        let base = slot.base.get_or_insert_with(|| found.names.settle(&slot.forms, &self.label)).clone();
        let texts = self.tables.get(slot.table as usize).map(|table| table.readable(key)).unwrap_or_default();
        let named = texts.into_iter().filter_map(|(field, text)| Some((self.keys.get(field)?.path.clone(), text)));
        let key_texts: Vec<(Arc<str>, Arc<str>)> = named.collect();
        let mut parts: Vec<&str> = key_texts.iter().map(|(_, text)| text.as_ref()).collect();
        // A lone value is called as what it is the value of.
        if !slot.path.is_empty() || parts.is_empty() {
            parts.push(&base);
        }
        let name = found.names.take(&parts.join("."));
        let series = u32::try_from(found.catalogue.series.len()).ok()?;
        found.catalogue.series.push(Series {
            name: name.into(),
            path: slot.path.clone(),
            key: key_texts,
            unit: slot.unit.clone(),
            kind: slot.kind,
        });
        found.catalogue.samples.push(Samples::default());
        if slot.series.len() <= key {
            slot.series.resize(key + 1, NONE);
        }
        *slot.series.get_mut(key)? = series;
        Some(series)
    }
}

/// Whether a leaf says anything.
fn tells(leaf: &Leaf) -> bool {
    match leaf.kind {
        LeafKind::Null | LeafKind::EmptyArray | LeafKind::EmptyObject => false,
        LeafKind::Text | LeafKind::Escaped => leaf.end > leaf.start,
        LeafKind::True | LeafKind::False | LeafKind::Number => true,
    }
}

/// A value that is no float: a whole number, a truth value, or, of a boolean, a word for one.
#[inline(never)]
pub(super) fn push(found: &mut Found<'_>, series: u32, time: Option<Time>, leaf: &Leaf, number: Bits, seen: &Seen<'_>) {
    let points = &mut found.reading.points;
    if number.is_number() {
        number.give(|value| points.push(Point { series, time, value }));
    } else if found.catalogue.series.get(series as usize).is_some_and(|series| series.kind == SeriesKind::Boolean)
        && let Some(yes) = truth(leaf, seen)
    {
        points.push(Point { series, time, value: Value::Bool(yes) });
    }
}

/// What a word for yes or no means.
#[cold]
fn truth(leaf: &Leaf, seen: &Seen<'_>) -> Option<bool> {
    leaf.is_string().then(|| states::pair(leaf.raw(seen.payload())))?.map(|(_, yes)| yes)
}

impl Clock {
    #[inline]
    fn time_of(&mut self, leaf: &Leaf, unit: TimeUnit, seen: &Seen<'_>) -> Option<Time> {
        let raw = text_of(leaf, seen.payload())?;
        match unit {
            TimeUnit::Rfc3339 => self.rfc3339.read(raw),
            TimeUnit::Local => None,
            _ => stamp::from_epoch(number(raw)?, unit).filter(|time| stamp::is_set(*time)),
        }
    }
}
