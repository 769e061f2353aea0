//! What was learned, as `probe --json` tells it.

use feedwatch_model::{
    Ignored, KindProfile, Profile, SequenceProfile, SequenceRule, SeriesProfile, TimeProfile, TimeUnit, Why,
};

use crate::decoder::Decoder;
use crate::format::declared::profile as series_profile;
use crate::json::trie::{NONE, ROOT};
use crate::learn::roles::Plan;
use crate::learn::sequence::{Per, RuleState};

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
        let rules = learned.sequences.rules.iter().filter(|rule| rule.checked > 0 && !rule.is_refuted());
        let sequence = rules.map(|rule| SequenceProfile {
            kinds: places(rule),
            paths: vec![self.trie.path(rule.node)],
            rule: SequenceRule::PlusOne,
            modulus: None,
            restarts: None,
            per: match rule.per {
                Per::Connection => Vec::new(),
                Per::Path(node) => vec![self.trie.path(node)],
                Per::Topic => vec!["topic".to_owned()],
            },
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
        let catalogue = &self.learned.catalogue;
        let numbers =
            plan.slots.iter().flat_map(|slot| slot.before.iter().chain(&slot.series).filter(|series| **series != NONE));
        let known =
            numbers.filter_map(|&at| Some((catalogue.series.get(at as usize)?, catalogue.samples.get(at as usize)?)));
        known.map(|(series, samples)| series_profile(series, samples)).collect()
    }

    fn ignored_of(&self, plan: &Plan) -> Vec<Ignored> {
        let reasons = (ROOT..).zip(&plan.roles).filter_map(|(node, role)| Some((node, role.why?)));
        let left_out = plan.slots.iter().filter(|slot| slot.left_out);
        let left_out = left_out.map(|slot| Ignored { path: slot.path.to_string(), why: Why::Limit });
        reasons.map(|(node, why)| Ignored { path: self.trie.path(node), why }).chain(left_out).collect()
    }
}
