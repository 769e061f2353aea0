//! Which numbers of a message are put on trial as sequence numbers, and in which scopes.

use feedwatch_model::{TimeUnit, Why};

use super::extend::{New, Surroundings, name};
use super::facts::Verdict;
use super::hints;
use super::observed::Observed;
use super::roles::{EVENT_ID, LAST_PLACE, Plan, TOPIC, Watch, What};
use super::sequence::{Name, Per, Scope};
use crate::json::leaf::Leaf;
use crate::json::trie::{ROOT, Step, Trie};

/// Texts beside the keys that are tried as scopes of sequences.
const MAX_SCOPING: usize = 4;

impl Plan {
    /// Puts what is new and may number messages on trial.
    pub(super) fn watch_new(&mut self, new: &[New], messages: &[&Observed], kind: u32, around: &mut Surroundings<'_>) {
        self.extend_scoping(new, around);
        for path in new {
            self.watch_path(path, kind, around);
        }
        self.watch_beside(messages, kind, around);
    }

    /// Texts of the message that are no keys and may scope a sequence: those that recur, and those that are called as parts
    /// of a log are.
    fn extend_scoping(&mut self, new: &[New], around: &Surroundings<'_>) {
        for path in new.iter().filter(|path| around.trie.element_of(path.node) == ROOT) {
            let name = name(around.trie, path.node);
            let is_partition = hints::is_partition(&name) && (path.facts.is_text() || path.facts.is_whole());
            let recurs = path.facts.is_text() && path.facts.is_namelike(false) && path.facts.distinct.len() > 1;
            let fits = (is_partition && path.facts.may_name()) || (recurs && !hints::is_attribute(&name));
            let is_known = matches!(self.role(path.node).what, What::Key(_)) || around.kinds.is_field(path.node);
            if fits && !is_known && self.scoping.len() < MAX_SCOPING {
                self.scoping.push(Per::Path(path.node));
            }
        }
    }

    /// Puts whole numbers of the message on trial as sequence numbers, or lets them join a rule.
    fn watch_path(&mut self, path: &New, kind: u32, around: &mut Surroundings<'_>) {
        let name = name(around.trie, path.node);
        let role = self.role(path.node);
        let of_message = around.trie.element_of(path.node) == ROOT;
        let is_called = || hints::is_sequence(&name) || hints::is_number(&name);
        let is_whole = path.facts.is_whole()
            || (hints::is_previous(&name) && path.facts.is_whole_or_none())
            || (path.facts.counts() && is_called());
        if !is_whole || role.watch != Watch::No {
            return;
        }
        let Some(said) = self.said(path, &name) else { return };
        // Of the elements of arrays, which are many, only what is called so.
        if !of_message && said < Name::Update && !hints::is_identifier(&name) {
            return;
        }
        let pairs = said >= Name::Update || (said != Name::Time && path.facts.is_large());
        self.put_on_trial(path.node, said, pairs, kind, around);
    }

    /// What the name of a whole number says of its being a sequence; `None`: it is none.
    fn said(&self, path: &New, name: &str) -> Option<Name> {
        let role = self.role(path.node);
        if role.why == Some(Why::Time) || matches!(role.what, What::Time(_)) {
            let fine = matches!(path.verdict, Verdict::Time(TimeUnit::Micros | TimeUnit::Nanos));
            return fine.then_some(Name::Time);
        }
        let previous = hints::is_previous(name);
        let said = match () {
            () if !matches!(role.what, What::Series(_) | What::Skip) || hints::is_duration(name) => return None,
            () if hints::is_sequence(name) && !previous => Name::Sequence,
            () if hints::is_sequence(name) || hints::is_update_number(name) => Name::Update,
            () if self.is_report || hints::is_total(name) => return None,
            () if hints::is_number(name) => Name::Number,
            () => Name::Silent,
        };
        Some(said)
    }

    /// The protocol's own identity, if it is a number, and the last place of messages that are arrays: they may be of several
    /// lengths.
    fn watch_beside(&mut self, messages: &[&Observed], kind: u32, around: &mut Surroundings<'_>) {
        use crate::json::number::unsigned;
        let numbered = |message: &&Observed| message.id.as_deref().is_some_and(|id| unsigned(id.as_bytes()).is_some());
        if self.event_id == Watch::No && messages.iter().all(numbered) {
            self.put_on_trial(EVENT_ID, Name::Sequence, false, kind, around);
        }
        let ends_with_number = |message: &&Observed| {
            let leaf = last_place(around.trie, &message.leaves);
            leaf.is_some_and(|leaf| unsigned(leaf.raw(&message.payload)).is_some())
        };
        if self.last_place == Watch::No && messages.iter().all(ends_with_number) {
            self.put_on_trial(LAST_PLACE, Name::Silent, false, kind, around);
        }
    }

    fn put_on_trial(&mut self, node: u32, name: Name, pairs: bool, kind: u32, around: &mut Surroundings<'_>) {
        let watch = match around.sequences.open_rule(node) {
            Some(rule) => Watch::May(rule),
            None => {
                let (scopes, told) = (self.scopes(node, around.trie), self.told_scope(node, around.trie));
                let tried = around.sequences.try_out(node, (name, pairs), kind, &scopes, told);
                tried.map_or(Watch::No, Watch::Trial)
            }
        };
        self.set_watch(node, watch);
    }

    /// The topic and the partition that stand beside a number: they scope it, also where there is only one of each.
    fn told_scope(&self, node: u32, trie: &Trie) -> Option<Scope> {
        let beside = |name: &str| {
            let paths =
                self.scoping.iter().filter_map(|per| if let Per::Path(path) = per { Some(*path) } else { None });
            let mut there = paths.filter(|path| trie.parent(*path) == trie.parent(node));
            there.find(|path| trie.segment(*path).eq_ignore_ascii_case(name)).map(Per::Path)
        };
        match (beside("topic"), beside("partition")) {
            (Some(topic), Some(partition)) => Some(Scope::two(topic, partition)),
            (one, other) => one.or(other).map(Scope::one),
        }
    }

    /// What may scope the sequence of a number: the keys of its element and of those around it, then what else may, then two
    /// of the first three.
    pub(super) fn scopes(&self, node: u32, trie: &Trie) -> Vec<Scope> {
        let is_beside = matches!(node, EVENT_ID | LAST_PLACE);
        let around =
            self.keys.iter().filter(|key| key.element == ROOT || (!is_beside && trie.is_above(key.element, node)));
        let keys = around.map(|key| if key.node == TOPIC { Per::Topic } else { Per::Path(key.node) });
        let single: Vec<Per> = keys.chain(self.scoping.iter().copied()).take(MAX_SCOPING + 2).collect();
        let mut scopes: Vec<Scope> = single.iter().map(|per| Scope::one(*per)).collect();
        if let [a, b, rest @ ..] = single.as_slice() {
            scopes.push(Scope::two(*a, *b));
            scopes.extend(rest.first().into_iter().flat_map(|c| [Scope::two(*a, *c), Scope::two(*b, *c)]));
        }
        scopes
    }
}

/// The last place of a message that is an array which begins with a scalar.
pub(crate) fn last_place<'a>(trie: &Trie, leaves: &'a [Leaf]) -> Option<&'a Leaf> {
    let last = leaves.last()?;
    let is_place = trie.parent(last.node) == ROOT && matches!(trie.step(last.node), Step::Position(_));
    is_place.then_some(last)
}
