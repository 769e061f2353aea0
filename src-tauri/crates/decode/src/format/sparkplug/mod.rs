//! Sparkplug B (Eclipse Sparkplug 3.0): metrics of edge nodes and devices over MQTT, in protobuf.
//!
//! ```text
//! spBv1.0/Plant/DDATA/Edge1/Pump3   Inputs/Temp = 21.5
//!     ->   /Inputs~1Temp, topic:/1 = Plant, topic:/3 = Edge1, topic:/4 = Pump3
//! ```
//!
//! - Series go by group, node and device, not by the type of the message, so that what a birth says and what follows are
//!   one series. Aliases and datatypes are taken from births; an alias whose birth was missed is called `alias N` until
//!   the next one.
//! - Numbers stand as the datatype says; a DateTime, text, bytes and data sets are left out; members of templates are
//!   metrics called `TEMPLATE/MEMBER`. A null and a NaN are left out.
//! - `seq` runs from 0 to 255 per node and is counted on over its turns: 255, 256, … A birth of a node begins anew and
//!   misses nothing. More than 127 lost in a row look like late messages.
//! - A death (`NDEATH`, `DDEATH`) and a command (`NCMD`, `DCMD`) are readings without points; a host's `STATE` is a boolean.
//!
//! Limits: 20,000 aliases and names, over all nodes, and as many nodes as there may be series.

mod payload;
mod protobuf;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use feedwatch_model::{Message, SequenceMark, SequenceProfile, SequenceRule, SeriesKind, Time, TimeUnit, Value, Why};
use rustc_hash::FxHashMap;

use self::payload::{DATE_TIME, Held, Metric, head, metrics};
use super::declared::{Declared, Said, Sheet, kind_of, segment, topic};
use crate::catalogue::{Rule, Scope, Series};
use crate::json::fault::Fault;
use crate::learn::hints;
use crate::stamp::is_plausible;

/// Metrics that are remembered from births.
const MAX_BORN: usize = 20_000;
/// Numbers of `seq`.
const TURN: u64 = 256;
const NAMESPACE: &str = "spBv1.0/";

/// What is remembered of a feed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sparkplug {
    nodes: FxHashMap<Box<str>, Node>,
    rule: Option<u32>,
    checked: u64,
    violations: u64,
    born: usize,
    head: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    aliases: FxHashMap<u64, Born>,
    /// By device and name, of metrics without an alias.
    datatypes: FxHashMap<Box<str>, u32>,
    sequence: Option<Sequence>,
}

#[derive(Clone, Debug)]
struct Born {
    name: Arc<str>,
    datatype: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Sequence {
    scope: u32,
    /// The greatest number so far, counted on over the turns.
    last: u64,
}

/// The parts of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place<'a> {
    group: &'a str,
    sort: &'a str,
    node: &'a str,
    device: &'a str,
}

impl<'a> Place<'a> {
    /// Without a topic of Sparkplug's there is one node without a name, and all is data.
    fn of(message: &'a Message) -> Place<'a> {
        let levels = topic(message).and_then(|topic| topic.strip_prefix(NAMESPACE));
        let Some(levels) = levels else { return Place { sort: "NDATA", ..Place::default() } };
        let mut levels = levels.splitn(4, '/');
        let mut next = || levels.next().unwrap_or_default();
        Place { group: next(), sort: next(), node: next(), device: next() }
    }

    fn is_birth(&self) -> bool {
        matches!(self.sort, "NBIRTH" | "DBIRTH")
    }

    fn key(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let levels = [("topic:/1", self.group), ("topic:/3", self.node), ("topic:/4", self.device)];
        let said = levels.into_iter().filter(|(_, text)| !text.is_empty());
        said.map(|(path, text)| (Arc::from(path), Arc::from(text))).collect()
    }
}

/// Whether a message is of Sparkplug: by its topic and its shape, or by what it holds.
pub(crate) fn fits(message: &Message, payload: &[u8]) -> bool {
    if state::is_state(message) {
        return true;
    }
    let Ok(head) = head(payload) else { return false };
    let mut named = 0;
    let walked = metrics(payload, |_, metric| named += usize::from(metric.name.is_some() || metric.alias.is_some()));
    if walked.is_err() {
        return false;
    }
    let of_topic = topic(message).is_some_and(|topic| topic.starts_with(NAMESPACE));
    let near = time(head.timestamp).is_some_and(|time| is_plausible(time, message.received));
    of_topic || near && named > 0 && named == head.metrics && head.seq.is_some_and(|seq| seq < TURN)
}

/// A time of Sparkplug's; 0 is that of a clock that is not set.
fn time(millis: Option<u64>) -> Option<Time> {
    let millis = i64::try_from(millis.filter(|millis| *millis > 0)?).ok()?;
    millis.checked_mul(1_000_000).map(Time::from_nanos)
}

impl Sparkplug {
    /// Reads a message.
    ///
    /// # Errors
    /// The first byte that does not fit.
    pub(crate) fn read(
        &mut self,
        message: &Message,
        payload: &[u8],
        into: &mut Declared,
        sheet: &mut Sheet<'_>,
    ) -> Result<(), Fault> {
        if state::is_state(message) {
            return state::read(message, payload, into, sheet);
        }
        let place = Place::of(message);
        let head = head(payload)?;
        // All of it is checked before anything is remembered of it.
        metrics(payload, |_, _| {})?;
        sheet.reading.time = time(head.timestamp);
        if sheet.reading.time.is_some() {
            into.tells_time(TimeUnit::Millis);
        }
        let name = format!("{}/{}", place.group, place.node);
        let is_beyond = !self.nodes.contains_key(name.as_str()) && self.nodes.len() >= sheet.max_series;
        // In a command a host speaks to a node: its numbers are no values, and its seq is not the node's.
        if is_beyond || matches!(place.sort, "NCMD" | "DCMD") {
            return Ok(());
        }
        let mut node = self.nodes.remove(name.as_str()).unwrap_or_default();
        if place.sort == "NBIRTH" {
            self.born = self.born.saturating_sub(node.aliases.len() + node.datatypes.len());
            node.aliases.clear();
            node.datatypes.clear();
        }
        let read = metrics(payload, |inside, metric| {
            if let Some((name, datatype)) = self.named(inside, metric, &place, &mut node) {
                self.point(&name, datatype, metric, &place, into, sheet);
            }
        });
        if let Some(seq) = head.seq.filter(|seq| *seq < TURN) {
            self.number(seq, &place, &mut node, sheet);
        }
        self.nodes.insert(name.into(), node);
        read
    }

    fn point(
        &mut self,
        name: &str,
        datatype: Option<u32>,
        metric: &Metric<'_>,
        place: &Place<'_>,
        into: &mut Declared,
        sheet: &mut Sheet<'_>,
    ) {
        if name == "bdSeq" {
            // It ties a death to its birth.
            return into.leave_out("/bdSeq".to_owned(), Why::Identifier);
        }
        let Some(value) = metric.held.value(datatype) else {
            let why = match metric.held {
                Held::Other => Why::Text,
                Held::Whole(_) if datatype == Some(DATE_TIME) => Why::Time,
                _ => return,
            };
            return into.leave_out(format!("/{}", segment(name)), why);
        };
        self.head.clear();
        for part in [place.group, place.node, place.device, name] {
            self.head.extend_from_slice(part.as_bytes());
            // No part of a topic has it.
            self.head.push(0);
        }
        let series = into.series(&self.head, sheet, || says(name, place, value));
        let own = time(metric.timestamp).filter(|time| Some(*time) != sheet.reading.time);
        if let Some(series) = series.filter(|_| !metric.is_null && !value.as_f64().is_nan()) {
            sheet.point(series, own, value);
        }
    }

    /// The name and the datatype of a metric, from its birth where the message does not say them.
    fn named(
        &mut self,
        inside: &str,
        metric: &Metric<'_>,
        place: &Place<'_>,
        node: &mut Node,
    ) -> Option<(Arc<str>, Option<u32>)> {
        let born = metric.alias.and_then(|alias| node.aliases.get(&alias));
        let name: Arc<str> = match (metric.name, born, metric.alias) {
            (Some(name), ..) => format!("{inside}{name}").into(),
            (None, Some(born), _) => Arc::clone(&born.name),
            (None, None, Some(alias)) => format!("{inside}alias {alias}").into(),
            (None, None, None) => return None,
        };
        let key = format!("{}\0{name}", place.device);
        let known = || born.and_then(|born| born.datatype).or_else(|| node.datatypes.get(key.as_str()).copied());
        let datatype = metric.datatype.filter(|datatype| *datatype > 0).or_else(known);
        if place.is_birth() && metric.name.is_some() && self.born < MAX_BORN {
            let is_new = match (metric.alias, datatype) {
                (Some(alias), _) => node.aliases.insert(alias, Born { name: Arc::clone(&name), datatype }).is_none(),
                (None, Some(datatype)) => node.datatypes.insert(key.into(), datatype).is_none(),
                (None, None) => false,
            };
            self.born += usize::from(is_new);
        }
        Some((name, datatype))
    }

    /// Marks the place of a message in the sequence of its node.
    fn number(&mut self, seq: u64, place: &Place<'_>, node: &mut Node, sheet: &mut Sheet<'_>) {
        let catalogue = &mut *sheet.catalogue;
        let rule = *self.rule.get_or_insert_with(|| {
            catalogue.rules.push(Rule {
                paths: vec!["/seq".into()],
                rule: SequenceRule::PlusOneModulo,
                modulus: Some(TURN),
            });
            (catalogue.rules.len() - 1) as u32
        });
        let Some(Sequence { scope, last }) = &mut node.sequence else {
            let scope = catalogue.scopes.len() as u32;
            let per = place.key().into_iter().filter(|(path, _)| &**path != "topic:/4").collect();
            catalogue.scopes.push(Scope { rule, per });
            node.sequence = Some(Sequence { scope, last: seq });
            return sheet.reading.marks.push(SequenceMark {
                rule,
                scope,
                first: seq,
                last: seq,
                restarts: false,
                before: false,
            });
        };
        let (first, number) = if place.sort == "NBIRTH" {
            // What is left of the turn is nobody's.
            (*last + 1, (*last / TURN + 1) * TURN + seq)
        } else {
            let step = (seq + TURN - *last % TURN) % TURN;
            self.checked += 1;
            self.violations += u64::from(step != 1);
            let number = if step < TURN / 2 { *last + step } else { (*last + step).saturating_sub(TURN) };
            (number, number)
        };
        *last = number.max(*last);
        sheet.reading.marks.push(SequenceMark {
            rule,
            scope: *scope,
            first,
            last: number,
            restarts: false,
            before: false,
        });
    }

    /// The rule of `seq`, with its evidence.
    pub(crate) fn sequence(&self) -> Option<SequenceProfile> {
        (self.checked > 0).then(|| SequenceProfile {
            kinds: vec![0],
            paths: vec!["/seq".to_owned()],
            rule: SequenceRule::PlusOneModulo,
            modulus: Some(TURN),
            restarts: None,
            per: vec!["topic:/1".to_owned(), "topic:/3".to_owned()],
            checked: self.checked,
            violations: self.violations,
        })
    }
}

fn says(name: &str, place: &Place<'_>, value: Value) -> Said {
    let last = name.rsplit('/').next().unwrap_or_default();
    let parts = [place.group, place.node, place.device].into_iter().filter(|part| !part.is_empty());
    let entity = parts.collect::<Vec<_>>().join("/");
    Said::Series(Series {
        name: if entity.is_empty() { name.into() } else { format!("{entity}.{name}").into() },
        path: format!("/{}", segment(name)).into(),
        key: place.key(),
        unit: hints::unit(last).map(Arc::from),
        kind: if matches!(value, Value::Bool(_)) { SeriesKind::Boolean } else { kind_of(last) },
    })
}
