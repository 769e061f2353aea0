//! Keys: the fields that name the entity whose numbers stand beside them.
//!
//! A text that recurs names an entity if the numbers of each of its texts are less spread than all of them together
//! (the variance left inside the groups, corrected for their number, as for [`super::kinds`]); or if its name says so
//! (`product_id`, `symbol`, `device`, …) and its texts recur or are short words: a feed of many products may not repeat
//! one for long. Of numbers (`mmsi`, `sensor_id`) some must come again, unless they are registered ones.
//!
//! A text, or a whole number that is not measured, that tells the elements of each array apart and comes again in the next
//! one names them too (`id`, `core`); so does the name of a member of a map ([`super::maps`]).
//!
//! The first place of messages that are arrays may be a number that names.
//!
//! Limits: two keys for the message and two for each array; other numbers of the message without a telling name are not
//! found.

use rustc_hash::{FxHashMap, FxHashSet};

use super::facts::{ENOUGH, Facts};
use super::hints;
use super::observed::{Observed, text_of};
use crate::json::leaf::Leaf;
use crate::json::number::number;
use crate::json::trie::{ROOT, Step, Trie};

/// Keys of one array or of the message itself.
const MAX_KEYS: usize = 2;
/// Numbers of a kind that are tried against a candidate.
const MAX_TRIED: usize = 16;
/// The share of spread that must go for a text without a telling name.
const LESS_SPREAD: f64 = 0.5;
/// So often each identifier must have come, on average, to name an entity.
const RECURRENCES: usize = 4;
/// So many messages with several rows show that a text tells rows apart.
const TABLES: u32 = 4;

#[derive(Clone, Debug)]
struct Candidate {
    node: u32,
    /// The element it stands in.
    element: u32,
    named: bool,
    /// Do its texts recur, as far as can be seen?
    recurs: bool,
    distinct: usize,
    less_spread: f64,
    numeric: bool,
    depth: usize,
}

/// The keys among the new paths of one kind.
pub(crate) fn decide(
    trie: &Trie,
    messages: &[&Observed],
    facts: &[(u32, Facts)],
    numbers: &[u32],
    is_field: impl Fn(u32) -> bool,
    is_key: impl Fn(u32) -> bool,
) -> Vec<u32> {
    let mut candidates: Vec<Candidate> = facts
        .iter()
        .filter_map(|(node, facts)| candidate(trie, messages, *node, facts, numbers, &is_field, &is_key))
        .collect();
    // Telling names first, and of those the finest: what names a contract also names its market.
    candidates.sort_by(|a, b| {
        let fineness = |key: &Candidate| if key.named { key.distinct } else { 0 };
        (b.named.cmp(&a.named).then(b.recurs.cmp(&a.recurs)).then(fineness(b).cmp(&fineness(a))))
            // Nearly equal evidence is no reason to prefer the deeper one.
            // A text names better than a number.
            .then(a.numeric.cmp(&b.numeric))
            .then((b.less_spread * 20.0).round().total_cmp(&(a.less_spread * 20.0).round()))
            .then(a.depth.cmp(&b.depth))
    });
    let mut chosen: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let beside = chosen.iter().filter(|other| other.element == candidate.element).count();
        let adds = chosen.iter().all(|other| !determines(messages, other.node, candidate.node));
        let further = candidate.named && candidate.recurs && candidate.distinct > 1 && candidate.less_spread > 0.0;
        if beside < MAX_KEYS && (beside == 0 || further) && adds {
            chosen.push(candidate);
        }
    }
    chosen.sort_by_key(|key| (trie.chain(key.element).len(), key.depth, key.node));
    chosen.into_iter().map(|key| key.node).collect()
}

fn candidate(
    trie: &Trie,
    messages: &[&Observed],
    node: u32,
    facts: &Facts,
    numbers: &[u32],
    is_field: &impl Fn(u32) -> bool,
    is_key: &impl Fn(u32) -> bool,
) -> Option<Candidate> {
    let name = trie.segment(node);
    let element = trie.element_of(node);
    let depth = trie.chain(node).len();
    let is_name = trie.step(node) == Step::Name;
    // A letter that is a product in one feed is a size in another one.
    let by_number = is_name || is_key(node) || hints::is_entity_number(&name);
    let named =
        (hints::is_entity(&name) || is_event_source(trie, messages, node, &name)) && facts.is_text() || by_number;
    // Rows of a table may be numbered.
    let numbers_rows = element != ROOT && !hints::is_measure(&name) && !hints::is_setting(&name);
    let leads = is_lead(trie, node) && facts.comes_again();
    let of_number = by_number || numbers_rows || leads || is_recurring_id(&name, depth, facts);
    let textual = facts.is_text() || (of_number && facts.is_whole());
    let recurs = facts.is_namelike(named);
    let fits = textual && (recurs || may_be_believed(&name, named, facts)) || is_name;
    if !fits || is_field(node) {
        return None;
    }
    // The numbers it would name: in the same element or in elements of it.
    let mut named_numbers = numbers.iter().copied().filter(|number| trie.is_above(element, *number)).peekable();
    named_numbers.peek()?;
    let distinct = facts.distinct.len();
    let candidate = |less_spread| Candidate {
        node,
        element,
        named,
        recurs,
        distinct,
        less_spread,
        numeric: facts.is_whole(),
        depth,
    };
    if facts.told() < ENOUGH || distinct < 2 {
        return named.then(|| candidate(0.0));
    }
    let tried: Vec<u32> = named_numbers.take(MAX_TRIED).collect();
    let mut gains: Vec<f64> =
        tried.iter().filter_map(|number| less_spread(trie, messages, node, element, *number)).collect();
    gains.sort_by(|a, b| b.total_cmp(a));
    // A third of the numbers, the best of them, must agree.
    let gain = gains.get(gains.len() / 3).copied().unwrap_or(0.0);
    let recurs_by_name = element == ROOT && is_recurring_id(&name, depth, facts);
    let spreads_less = gain >= LESS_SPREAD && (facts.is_text() && !hints::is_identifier(&name) || leads);
    let rows = tells_rows_apart(messages, node, element);
    let shown = spreads_less || recurs_by_name || rows;
    (named || shown && !hints::is_attribute(&name) || rows && hints::is_row_name(&name)).then(|| candidate(gain))
}

/// Whether a path is the first place of messages that are arrays: `[10, [7616.5, 31.9]]`.
pub(super) fn is_lead(trie: &Trie, node: u32) -> bool {
    trie.parent(node) == ROOT && trie.step(node) == Step::Position(0)
}

/// Whether a path is what an event of the CloudEvents specification says of where it is from.
fn is_event_source(trie: &Trie, messages: &[&Observed], node: u32, name: &str) -> bool {
    let beside = |leaf: &Leaf| trie.parent(leaf.node) == trie.parent(node) && trie.segment(leaf.node) == "specversion";
    name == "source" && messages.first().is_some_and(|message| message.leaves.iter().any(beside))
}

/// Whether a path that is called an identifier comes again and again: what it identifies has several messages.
fn is_recurring_id(name: &str, depth: usize, facts: &Facts) -> bool {
    let is_id = hints::words(name).last().is_some_and(|last| last == "id") && depth <= 2;
    let (told, distinct) = (facts.told() as usize, facts.distinct.len());
    let recurs = told >= RECURRENCES * distinct && distinct > 1 && told >= 2 * ENOUGH as usize;
    is_id && recurs && (facts.is_text() && facts.may_name() || facts.comes_again())
}

/// Whether a path whose texts were hardly seen twice is taken for a key: its name says so, and they look like it.
fn may_be_believed(name: &str, named: bool, facts: &Facts) -> bool {
    let by_number = hints::is_registered_number(name) || (hints::is_entity_number(name) && facts.comes_again());
    named && (facts.is_wordlike() || (facts.is_whole() && facts.may_name() && by_number))
}

/// Whether the elements of an array bear a text each that no other one beside it has, and always the same texts come
/// again: they are rows of a table, whatever their numbers are like.
fn tells_rows_apart(messages: &[&Observed], node: u32, element: u32) -> bool {
    if element == ROOT {
        return false;
    }
    let (mut tables, mut told, mut late) = (0, 0, 0);
    let mut known: FxHashSet<&[u8]> = FxHashSet::default();
    for (at, message) in messages.iter().enumerate() {
        // Arrays within the elements of another one are tables each.
        let mut here: Vec<(u32, &[u8])> = message
            .leaves
            .iter()
            .filter(|leaf| leaf.node == node)
            .filter_map(|leaf| {
                let array = message.elements.get(leaf.element as usize).copied().unwrap_or(0);
                Some((array, text_of(leaf, &message.payload)?))
            })
            .collect();
        here.sort_unstable();
        if here.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return false;
        }
        tables += u32::from(here.windows(2).any(|pair| matches!(pair, [one, other] if one.0 == other.0)));
        told += here.len();
        let before = known.len();
        known.extend(here.iter().map(|(_, text)| *text));
        if 2 * at >= messages.len() {
            late += known.len() - before;
        }
    }
    // A list of the latest trades repeats most of them too, but goes on bringing new ones.
    tables >= TABLES && told >= 4 * known.len() && late == 0
}

/// Whether to each text of `one` belongs one text of `other`: then `other` adds nothing.
pub(super) fn determines(messages: &[&Observed], one: u32, other: u32) -> bool {
    let mut there: FxHashMap<&[u8], &[u8]> = FxHashMap::default();
    messages.iter().filter_map(|message| Some((message.text(one)?, *message))).all(|(text, message)| {
        let mut others = message.leaves.iter().filter(|leaf| leaf.node == other);
        others.all(|leaf| {
            text_of(leaf, &message.payload).is_none_or(|found| *there.entry(text).or_insert(found) == found)
        })
    })
}

/// The share of the variance of `number` that goes if it is grouped by the text of `key`.
fn less_spread(trie: &Trie, messages: &[&Observed], key: u32, element: u32, number: u32) -> Option<f64> {
    let mut groups: FxHashMap<&[u8], (f64, f64, f64)> = FxHashMap::default();
    let mut all = (0.0, 0.0, 0.0);
    let mut values: Vec<(&[u8], f64)> = Vec::new();
    for message in messages {
        for (text, value) in pairs(trie, message, key, element, number) {
            values.push((text, value));
        }
    }
    let mean = values.iter().map(|(_, value)| value).sum::<f64>() / values.len().max(1) as f64;
    for (text, value) in values {
        let value = value - mean;
        let group = groups.entry(text).or_default();
        for sum in [group, &mut all] {
            sum.0 += 1.0;
            sum.1 += value;
            sum.2 += value * value;
        }
    }
    let left = |(count, sum, squares): &(f64, f64, f64)| (squares - sum * sum / count).max(0.0);
    let free = all.0 - groups.len() as f64;
    let total = left(&all) / (all.0 - 1.0);
    let mut inside: Vec<f64> = groups.values().map(left).collect();
    // In order of size, so that the sum does not hang on the order of the map.
    inside.sort_by(f64::total_cmp);
    (free >= 1.0 && groups.len() > 1 && total > 0.0).then(|| 1.0 - inside.iter().sum::<f64>() / free / total)
}

/// The numbers at `number` of one message with the text of `key` beside or above each.
fn pairs<'a>(trie: &Trie, message: &'a Observed, key: u32, element: u32, number_at: u32) -> Vec<(&'a [u8], f64)> {
    let keys: FxHashMap<u32, &[u8]> = message
        .leaves
        .iter()
        .filter(|leaf| leaf.node == key)
        .filter_map(|leaf| Some((leaf.element, text_of(leaf, &message.payload)?)))
        .collect();
    let levels = trie.chain(number_at).len();
    let numbers = message.leaves.iter().filter(|leaf| leaf.node == number_at);
    numbers
        .filter_map(|leaf| {
            let value = number(text_of(leaf, &message.payload)?)?.as_f64();
            let mut at = leaf.element;
            for _ in 0..levels {
                if let Some(text) = keys.get(&at) {
                    return Some((*text, value));
                }
                if at == 0 || element == ROOT {
                    at = 0;
                } else {
                    at = message.elements.get(at as usize).copied().unwrap_or(0);
                }
            }
            keys.get(&at).map(|text| (*text, value))
        })
        .filter(|(_, value)| value.is_finite())
        .collect()
}
