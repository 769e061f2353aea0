//! What was learned, as `probe --json` tells it.

use feedwatch_model::{
    Ignored, KindProfile, Profile, SequenceProfile, SequenceRule, SeriesProfile, TimeProfile, TimeUnit, Why,
};

use crate::decoder::Decoder;
use crate::json::trie::{NONE, ROOT};
use crate::learn::roles::Plan;
use crate::learn::sequence::Per;

impl Decoder {
    /// The profile so far; kinds in order of frequency. The `format` is `unknown` while no message could be read.
    pub fn profile(&self) -> Profile {
        let learned = &self.learned;
        let mut order: Vec<usize> = (0..learned.kinds.len()).filter(|kind| learned.kinds.messages(*kind) > 0).collect();
        order.sort_by_key(|kind| std::cmp::Reverse(learned.kinds.messages(*kind)));
        let sequence =
            learned.sequences.rules.iter().filter(|rule| rule.checked > 0 && !rule.is_refuted()).map(|rule| {
                SequenceProfile {
                    kinds: {
                        let mut kinds: Vec<usize> = (0..order.len())
                            .filter(|at| order.get(*at).is_some_and(|kind| rule.kinds.contains(&(*kind as u32))))
                            .collect();
                        kinds.sort_unstable();
                        kinds
                    },
                    paths: vec![self.trie.path(rule.node)],
                    rule: SequenceRule::PlusOne,
                    per: match rule.per {
                        Per::Connection => Vec::new(),
                        Per::Path(node) => vec![self.trie.path(node)],
                        Per::Topic => vec!["topic".to_owned()],
                    },
                    checked: rule.checked,
                    violations: rule.violations,
                }
            });
        Profile {
            format: if learned.read > 0 { "json" } else { "unknown" }.to_owned(),
            kinds: order.iter().filter_map(|kind| self.kind_profile(*kind)).collect(),
            sequence: sequence.collect(),
            checksum: Vec::new(),
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
        known
            .map(|(series, samples)| SeriesProfile {
                name: series.name.to_string(),
                path: series.path.to_string(),
                key: series.key.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect(),
                kind: series.kind,
                unit: series.unit.as_deref().map(str::to_owned),
                samples: samples.count,
                min: finite(samples.min),
                max: finite(samples.max),
                last: finite(samples.last),
            })
            .collect()
    }

    fn ignored_of(&self, plan: &Plan) -> Vec<Ignored> {
        let reasons = (ROOT..).zip(&plan.roles).filter_map(|(node, role)| Some((node, role.why?)));
        let left_out = plan.slots.iter().filter(|slot| slot.left_out);
        let left_out = left_out.map(|slot| Ignored { path: slot.path.to_string(), why: Why::Limit });
        reasons.map(|(node, why)| Ignored { path: self.trie.path(node), why }).chain(left_out).collect()
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
