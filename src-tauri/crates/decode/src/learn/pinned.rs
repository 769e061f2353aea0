//! What is pinned, put in force as the paths that it is about appear.

use super::extend::{New, Surroundings};
use super::observed::Observed;
use super::roles::{EVENT_ID, KeyField, LAST_PLACE, Plan, TOPIC, Watch};
use super::sequence::{Accepted, Per, RuleState, Scope, Sequences};
use crate::json::trie::{ROOT, Trie};
use crate::pins::{Pin, PinnedSequence, Pins, means};

/// Two paths scope a sequence at most.
const SCOPES: usize = 2;

impl Plan {
    /// The pinned keys among the new paths, and the topic.
    pub(super) fn pin_keys(&mut self, pins: &[String], new: &[New], messages: &[&Observed], trie: &Trie) {
        let topic = messages.iter().find_map(|message| message.topic.as_deref());
        let of_topic = |key: &KeyField| key.node == TOPIC;
        let has_topic = self.keys.iter().any(of_topic);
        if let Some(topic) = topic.filter(|_| !has_topic) {
            let level = |path: &str| path.strip_prefix("topic:/").and_then(|level| level.parse().ok());
            let key = pins.iter().find_map(|path| match path.as_str() {
                "topic" => Some(KeyField::topic()),
                path => level(path).map(|at| KeyField::topic_level(at, topic)),
            });
            if let Some(key) = key {
                self.keys.push(key);
            }
        }
        for path in new.iter().filter(|path| matches!(path.pin, Some(Pin::Key))) {
            self.adopt_key(KeyField::new(path.node, trie.path(path.node).into(), trie.element_of(path.node)));
        }
    }
}

impl Sequences {
    /// The pinned rules that `kind`, called `label`, carries, by the paths of one of its messages; each is told once of a
    /// kind.
    pub(super) fn pin(
        &mut self,
        (kind, label): (u32, &str),
        message: &Observed,
        trie: &Trie,
        pins: &Pins,
    ) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        let meant = |pinned: &&PinnedSequence| means(&pinned.of, label);
        for (place, pinned) in (0_u32..).zip(pins.sequences.iter().flatten()).filter(|(_, pinned)| meant(pinned)) {
            let Some((first, node, scope)) = places(pinned, message, trie) else { continue };
            let known =
                self.rules.iter().position(|rule| rule.pin == Some(place) && (rule.node, rule.scope) == (node, scope));
            let at = known.unwrap_or_else(|| {
                self.rules.push(RuleState::pinned(place, node, first, pinned.rule, pinned.modulus, scope));
                self.rules.len() - 1
            });
            let Some(rule) = self.rules.get_mut(at).filter(|rule| !rule.kinds.contains(&kind)) else { continue };
            rule.kinds.push(kind);
            if pinned.restarts.iter().any(|word| word == label) {
                rule.restarts.push(kind);
            }
            let Ok(number) = u16::try_from(at) else { continue };
            accepted.push(Accepted {
                rule: number,
                node,
                first,
                kinds: vec![kind],
                never: Vec::new(),
                open: false,
                copy: false,
            });
        }
        accepted
    }
}

/// Where a pinned rule reads in messages like this one: first number, last number, scope. `None`: it has not all of them.
fn places(pinned: &PinnedSequence, message: &Observed, trie: &Trie) -> Option<(Option<u32>, u32, Scope)> {
    let node = |path: &str| match path {
        "attr:id" => message.id.is_some().then_some(EVENT_ID),
        "/-1" => Some(LAST_PLACE),
        _ => message.leaves.iter().map(|leaf| leaf.node).find(|node| trie.path(*node) == path),
    };
    let (first, last) = match pinned.paths.as_slice() {
        [one] => (None, node(one)?),
        [first, last] => (Some(node(first)?), node(last)?),
        _ => return None,
    };
    let per = |path: &String| match path.as_str() {
        topic if topic.starts_with("topic") => message.topic.is_some().then_some(Per::Topic),
        path => node(path).map(Per::Path),
    };
    let per: Vec<Per> = pinned.per.iter().take(SCOPES).map(per).collect::<Option<_>>()?;
    let scope = match *per.as_slice() {
        [one] => Scope::one(one),
        [one, other] => Scope::two(one, other),
        _ => Scope::CONNECTION,
    };
    Some((first, last, scope))
}

/// The pinned fields that tell kinds apart, as far as these messages have them.
pub(super) fn kinds(pins: &[String], messages: &[Observed], trie: &Trie) -> Vec<u32> {
    let mut nodes: Vec<u32> = messages.iter().flat_map(|message| message.leaves.iter().map(|leaf| leaf.node)).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let of = |path: &String| nodes.iter().copied().find(|node| trie.path(*node) == *path);
    pins.iter().filter_map(of).collect()
}

/// Whether a path that no message had before is pinned as a field that tells kinds apart.
pub(super) fn is_kind(pins: &[String], trie: &Trie, node: u32) -> bool {
    trie.element_of(node) == ROOT && pins.contains(&trie.path(node))
}

/// Gives what is new its pin.
pub(super) fn look_up<'a>(around: &Surroundings<'a>, node: u32, kind: &str) -> Option<Pin<'a>> {
    if around.pins.is_empty() { None } else { around.pins.at(&around.trie.path(node), kind) }
}

impl Plan {
    /// Takes rules that are pinned for its kind.
    pub(super) fn carry(&mut self, trie: &Trie, accepted: &[Accepted], names: &mut super::names::Names) {
        for rule in accepted {
            for node in rule.first.into_iter().chain([rule.node]) {
                self.count_messages(trie, node, names);
            }
            self.set_watch(rule.node, Watch::Rule(rule.rule));
        }
    }
}
