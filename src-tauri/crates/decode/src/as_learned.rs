//! What was learned, as pins: a decoder with these pins, and the same messages, learns the same.
//!
//! Every list is the whole list, also where it is empty. Not among them is what cannot be pinned: checksums, which are
//! found and never configured. Numbers that were taken for identifiers, constants or copies of a sequence are pinned as
//! ignored; texts and times are none that could be charted. A key counts for all kinds of message.

use feedwatch_model::{SeriesProfile, TimeUnit, Why};

use crate::decoder::Decoder;
use crate::learn::learned::path_of;
use crate::pins::{PinnedSequence, PinnedSeries, PinnedTime, Pins};

impl Decoder {
    /// What was learned so far, as pins.
    pub fn as_learned(&self) -> Pins {
        let profile = self.profile();
        let mut keys: Vec<String> = Vec::new();
        for key in profile.kinds.iter().flat_map(|kind| &kind.keys) {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        let sequences = self.sequences_as_learned();
        let mut series: Vec<PinnedSeries> = Vec::new();
        for one in profile.kinds.iter().flat_map(|kind| &kind.series) {
            // Series of a path stand together.
            if series.last().is_none_or(|last| last.path != one.path) {
                series.push(pinned(one));
            }
        }
        series.sort_by(|a, b| a.path.cmp(&b.path));
        series.dedup_by(|a, b| a.path == b.path);
        let numbers_messages = |path: &String| sequences.iter().any(|rule| rule.paths.contains(path));
        let is_charted = |path: &String| series.binary_search_by(|one| one.path.cmp(path)).is_ok();
        // What is pinned as ignored counts as text from then on.
        let mut ignored = self.pins().ignored.clone();
        for one in profile.kinds.iter().flat_map(|kind| &kind.ignored) {
            let may_be_charted = matches!(one.why, Why::Identifier | Why::Constant | Why::Sequence);
            let is_said = keys.contains(&one.path) || numbers_messages(&one.path) || is_charted(&one.path);
            if may_be_charted && !is_said {
                ignored.push(one.path.clone());
            }
        }
        ignored.sort_unstable();
        ignored.dedup();
        let times = self.times_as_learned();
        let kinds = self.learned.kinds.field_nodes().map(|node| self.trie.path(node)).collect();
        Pins { kinds: Some(kinds), times: Some(times), keys: Some(keys), ignored, series, sequences: Some(sequences) }
    }

    /// The words of kinds that messages were of; none where they are all of them.
    fn words(&self, kinds: &[u32]) -> Vec<String> {
        let learned = &self.learned;
        let known = (0..learned.kinds.len() as u32).filter(|kind| learned.kinds.messages(*kind as usize) > 0);
        let (meant, others): (Vec<u32>, Vec<u32>) = known.partition(|kind| kinds.contains(kind));
        let words = meant.into_iter().map(|kind| learned.kinds.label(kind as usize));
        if others.is_empty() { Vec::new() } else { words.collect() }
    }

    fn times_as_learned(&self) -> Vec<PinnedTime> {
        let mut times: Vec<(u32, TimeUnit, Vec<u32>)> = Vec::new();
        for (kind, plan) in (0..).zip(&self.learned.plans) {
            let of_elements = plan.element_times.iter().map(|(_, node, unit)| (*node, *unit));
            for (node, unit) in plan.time.into_iter().chain(of_elements) {
                match times.iter_mut().find(|time| (time.0, time.1) == (node, unit)) {
                    Some((.., kinds)) => kinds.push(kind),
                    None => times.push((node, unit, vec![kind])),
                }
            }
        }
        let pinned = |(node, unit, kinds): (u32, TimeUnit, Vec<u32>)| PinnedTime {
            path: self.trie.path(node),
            unit,
            of: self.words(&kinds),
        };
        times.into_iter().map(pinned).collect()
    }

    fn sequences_as_learned(&self) -> Vec<PinnedSequence> {
        let rules = self.learned.sequences.rules.iter().filter(|rule| rule.is_told());
        let pinned = rules.map(|rule| PinnedSequence {
            paths: rule.paths().map(|node| path_of(&self.trie, node)).collect(),
            rule: rule.rule,
            modulus: rule.modulus,
            per: self.scope_of(rule),
            of: self.words(&rule.kinds),
            restarts: rule.restarts.iter().map(|kind| self.learned.kinds.label(*kind as usize)).collect(),
        });
        pinned.collect()
    }
}

fn pinned(series: &SeriesProfile) -> PinnedSeries {
    PinnedSeries {
        path: series.path.clone(),
        kind: Some(series.kind),
        unit: series.unit.clone(),
        range: (None, None),
        fastest: None,
    }
}
