//! Maps: objects whose members' names are keys, `{"BTC":{"bid":1,"ask":2},"ETH":{…},"SOL":{…}}`.
//!
//! An object is a map if it has three members at least, all of them objects with the same paths below (seven tenths of all
//! paths that any of them has, and two that all have), and if the names look like keys: most of them hold a digit or a sign,
//! or are in capitals; or all are plain words that measure nothing, and the members share three paths.
//!
//! Where something below an object is pinned, its path says whether it is a map.
//!
//! Limits: maps of plain values (`{"USD":1.1,"EUR":1}`) and those that come after the learning window are no maps: each
//! member has a path of its own, as far as there is room.

use std::collections::{BTreeMap, BTreeSet};

use super::hints;
use super::observed::Observed;
use crate::json::trie::{NONE, ROOT, Step, Trie};
use crate::pins::Pins;

/// Members of a map.
const MEMBERS: usize = 3;
/// Paths that are looked at.
const MAX_PATHS: usize = 5000;
/// Longer paths are not looked at, nor what stands so deep.
const MAX_PATH: usize = 512;
const MAX_DEPTH: usize = 12;

/// The members of an object, with the paths below each.
type Members = BTreeMap<u32, BTreeSet<String>>;

/// Marks the maps among what was seen; whether there are any.
pub(crate) fn mark(trie: &mut Trie, messages: &[Observed], pins: &Pins) -> bool {
    let nodes: BTreeSet<u32> =
        messages.iter().flat_map(|message| message.leaves.iter().map(|leaf| leaf.node)).collect();
    let mut objects: BTreeMap<u32, Members> = BTreeMap::new();
    for &node in nodes.iter().take(MAX_PATHS) {
        let depth = trie.chain(node).len();
        let path = if depth <= MAX_DEPTH { trie.path(node) } else { continue };
        if path.len() > MAX_PATH {
            continue;
        }
        let mut member = node;
        while member != ROOT && member != NONE {
            if trie.step(member) == Step::Key {
                let below = path.get(trie.path(member).len()..).unwrap_or_default();
                let members = objects.entry(trie.parent(member)).or_default();
                members.entry(member).or_default().insert(below.to_owned());
            }
            member = trie.parent(member);
        }
    }
    let fits = |(node, members): &(&u32, &Members)| match pins.steps_below(&trie.path(**node)).next() {
        Some(step) => step == "{*}",
        None => is_map(trie, members),
    };
    let maps: Vec<u32> = objects.iter().filter(fits).map(|(node, _)| *node).collect();
    // What stands in a map is found among its members when they are looked at together.
    let outer: Vec<u32> =
        maps.iter().copied().filter(|node| !maps.iter().any(|map| map != node && trie.is_above(*map, *node))).collect();
    outer.into_iter().filter(|map| trie.mark_map(*map)).count() > 0
}

fn is_map(trie: &Trie, members: &Members) -> bool {
    let is_object =
        |(node, below): (&u32, &BTreeSet<String>)| below.iter().all(|path| starts_with_key(trie, *node, path));
    if members.len() < MEMBERS || !members.iter().all(is_object) {
        return false;
    }
    let all: BTreeSet<&String> = members.values().flatten().collect();
    let common = all.iter().filter(|path| members.values().all(|below| below.contains(**path))).count();
    let seen: usize = members.values().map(BTreeSet::len).sum();
    let alike = common >= 2 && seen * 10 >= all.len() * members.len() * 7;
    let names: Vec<String> = members.keys().map(|member| trie.segment(*member)).collect();
    let codes = names.iter().filter(|name| is_code(name)).count();
    alike && (codes * 2 > names.len() || common >= 3 && names.iter().all(|name| is_plain(name)))
}

/// Whether the path below a member begins with a name: the member is an object.
fn starts_with_key(trie: &Trie, member: u32, below: &str) -> bool {
    let first = below.strip_prefix('/').map(|below| below.split('/').next().unwrap_or_default());
    let is_place = |first: &str| first == "*" || first.bytes().all(|byte| byte.is_ascii_digit());
    member != trie.parent(member) && first.is_some_and(|first| !is_place(first))
}

fn is_code(name: &str) -> bool {
    let has_sign = name.chars().any(|letter| letter.is_ascii_digit() || ":-/.@#".contains(letter));
    let is_capital = name.len() > 1 && name.chars().all(|letter| letter.is_uppercase() || letter == '_');
    has_sign || is_capital
}

/// Whether a name may be that of a thing and not that of something about it.
fn is_plain(name: &str) -> bool {
    !hints::is_measure(name) && !hints::is_attribute(name) && !hints::is_time(name) && !hints::is_wrapper(name)
}
