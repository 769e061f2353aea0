//! What was learned, as `probe --json` tells it.

use feedwatch_model::{
    Ignored, KindProfile, Profile, SequenceProfile, SeriesKind, SeriesProfile, TimeProfile, TimeUnit, Why,
};

use crate::catalogue::{Samples, Series};
use crate::decoder::Decoder;
use crate::format::declared::profile as series_profile;
use crate::json::trie::{NONE, ROOT};
use crate::learn::hints;
use crate::learn::learned::path_of;
use crate::learn::roles::{Plan, Slot};
use crate::learn::sequence::RuleState;

/// So many samples show that a number never changes.
const ENOUGH: u64 = 64;
/// The same of one whose name says that somebody sets it, and of one entity.
const ENOUGH_OF_ONE: u64 = 8;

impl Decoder {
    /// The profile so far; kinds in order of frequency. The `format` is `unknown` while no message could be read.
    pub fn profile(&self) -> Profile {
        let learned = &self.learned;
        let declared = self.payloads.kind(&learned.catalogue);
        let known = (0..learned.kinds.len()).filter(|kind| learned.kinds.messages(*kind) > 0);
        let mut order: Vec<(u64, Option<usize>)> =
            known.map(|kind| (learned.kinds.messages(kind), Some(kind))).collect();
        let trees = !order.is_empty();
        order.extend(declared.as_ref().map(|kind| (kind.messages, None)));
        order.sort_by_key(|(messages, _)| std::cmp::Reverse(*messages));
        let numbers: Vec<Option<usize>> = order.iter().map(|(_, kind)| *kind).collect();
        let places = |rule: &RuleState| {
            let carries = |kind: &Option<usize>| kind.is_some_and(|kind| rule.kinds.contains(&(kind as u32)));
            order.iter().enumerate().filter(|(_, (_, kind))| carries(kind)).map(|(at, _)| at).collect()
        };
        let rules = learned.sequences.rules.iter().filter(|rule| rule.is_told());
        let sequence = rules.map(|rule| SequenceProfile {
            kinds: places(rule),
            paths: rule.paths().map(|node| path_of(&self.trie, node)).collect(),
            rule: rule.rule,
            modulus: rule.modulus,
            restarts: rule.restarts.first().map(|kind| learned.kinds.matches(*kind as usize, &self.trie)),
            per: self.scope_of(rule),
            checked: rule.checked,
            violations: rule.violations,
        });
        let read = learned.read > self.payloads.silent();
        Profile {
            format: if read { self.payloads.words(&learned.catalogue, trees) } else { "unknown".to_owned() },
            sequence: sequence.chain(self.payloads.sequence()).collect(),
            kinds: order
                .iter()
                .filter_map(|(_, kind)| kind.map_or_else(|| declared.clone(), |kind| self.kind_profile(kind)))
                .collect(),
            checksum: learned.guards.profile(&learned.catalogue, &numbers),
        }
    }

    /// The paths that scope a rule; none: the connection.
    pub(crate) fn scope_of(&self, rule: &RuleState) -> Vec<String> {
        match rule.scope_paths.as_slice() {
            [] => rule.scope.parts().map(|per| per.path(&self.trie)).collect(),
            known => known.iter().map(ToString::to_string).collect(),
        }
    }

    fn kind_profile(&self, kind: usize) -> Option<KindProfile> {
        let plan = self.learned.plans.get(kind)?;
        let time = |node: u32, unit: TimeUnit| TimeProfile { path: self.trie.path(node), unit };
        let mut elements = plan.element_times.iter();
        // Where the message has no time of its own, its elements' stands for it.
        let best = plan.time.or_else(|| elements.next().map(|(_, node, unit)| (*node, *unit)));
        let others = elements.map(|(_, node, unit)| (*node, *unit)).chain(plan.other_times.iter().copied());
        Some(KindProfile {
            matches: self.learned.kinds.matches(kind, &self.trie),
            messages: self.learned.kinds.messages(kind),
            time: best.map(|(node, unit)| time(node, unit)),
            other_times: others.map(|(node, unit)| time(node, unit)).collect(),
            keys: plan.keys.iter().map(|key| key.path.to_string()).collect(),
            series: self.series_of(plan),
            ignored: self.ignored_of(plan),
        })
    }

    fn series_of(&self, plan: &Plan) -> Vec<SeriesProfile> {
        let charted = plan.slots.iter().filter(|slot| !slot.dropped && !self.is_constant(slot));
        let known = charted.flat_map(|slot| self.known(slot).map(|(series, samples)| (slot.kind, series, samples)));
        let states = plan.state_profiles(|forms| self.learned.names.settle(forms, &plan.label));
        let told = |(kind, series, samples)| SeriesProfile { kind, ..series_profile(series, samples) };
        known.map(told).chain(states).collect()
    }

    /// The series of a path, with what their samples were.
    fn known<'a>(&'a self, slot: &'a Slot) -> impl Iterator<Item = (&'a Series, &'a Samples)> {
        let catalogue = &self.learned.catalogue;
        let numbers = slot.before.iter().chain(&slot.series).filter(|series| **series != NONE);
        numbers.filter_map(|&at| Some((catalogue.series.get(at as usize)?, catalogue.samples.get(at as usize)?)))
    }

    /// Whether a path has had one and the same whole number, or one for each of its keys, often enough and under a name that
    /// does not say that it is measured or counted. It goes on being watched, and is a series as soon as it changes.
    fn is_constant(&self, slot: &Slot) -> bool {
        let name = slot.path.rsplit('/').next().unwrap_or_default();
        let enough = if hints::is_setting(name) { ENOUGH_OF_ONE } else { ENOUGH };
        if slot.kind == SeriesKind::Boolean || (hints::is_measure(name) && !hints::is_setting(name)) {
            return false;
        }
        let (mut count, mut shown, mut alike) = (0, 0, true);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for (_, samples) in self.known(slot) {
            count += samples.count;
            if samples.min < samples.max || samples.min.fract() != 0.0 {
                return false;
            }
            shown += if samples.count >= ENOUGH_OF_ONE { samples.count } else { 0 };
            (least, most) = (least.min(samples.min), most.max(samples.max));
            alike &= least == most;
        }
        count >= enough && (alike || shown * 10 >= count * 9)
    }

    fn ignored_of(&self, plan: &Plan) -> Vec<Ignored> {
        let constant = plan.slots.iter().filter(|slot| !slot.dropped && self.is_constant(slot));
        let constant = constant.map(|slot| Ignored { path: slot.path.to_string(), why: Why::Constant });
        let reasons = (ROOT..).zip(&plan.roles).filter_map(|(node, role)| Some((node, role.why?)));
        let left_out = plan.slots.iter().filter(|slot| slot.left_out);
        let left_out = left_out.map(|slot| Ignored { path: slot.path.to_string(), why: Why::Limit });
        reasons.map(|(node, why)| Ignored { path: self.trie.path(node), why }).chain(constant).chain(left_out).collect()
    }
}
