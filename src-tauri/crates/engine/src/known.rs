//! What is known of a feed's messages, for people: what was learned with its evidence, what is pinned, and its rhythm.
//!
//! Learning goes on while somebody looks: [`Knowledge`] is how it stood at one moment. Lists are cut for the page
//! ([`KINDS`], [`PATHS`], [`IGNORED`], [`FACTS`]) and the totals told.

use std::collections::BTreeMap;

use feedwatch_decode::Pins;
use feedwatch_detect::FeedRhythm;
use feedwatch_model::{KindProfile, MatchValue, Profile, SeriesProfile, TimeUnit, Why};

use crate::config::writable;
use crate::pipeline::FeedStage;
use crate::text::{about, count_of, many, seconds};
use crate::wire::{FactKnown, KindKnown, PathKnown, PinsRow, ProfileRequest, ProfileView};

/// Kinds of message that are listed.
const KINDS: usize = 64;
/// Charted paths that are listed of those found.
const PATHS: usize = 200;
/// Paths that are not charted and listed.
const IGNORED: usize = 500;
/// Times, keys, rules and checksums that are listed, of each.
const FACTS: usize = 200;
/// Series that are named of a path.
const NAMES: usize = 3;
/// Kinds whose rhythm is told.
const RHYTHMS: usize = 12;

/// What is known of a feed at one moment.
#[derive(Clone, Debug)]
pub struct Knowledge {
    name: String,
    title: String,
    pins: Pins,
    learned: Pins,
    profile: Profile,
    words: Vec<String>,
    rhythm: Vec<String>,
    messages: u64,
    held: u64,
    /// It had messages before it was started anew.
    had: bool,
}

impl Knowledge {
    /// Of a feed that is watched or looked at.
    pub fn of(stage: &FeedStage) -> Knowledge {
        let (settings, profile) = (stage.settings(), stage.profile());
        Knowledge {
            name: settings.name.clone(),
            title: settings.title.clone(),
            pins: settings.decode.pins.as_ref().clone(),
            learned: writable(stage.as_learned()),
            words: stage.kind_words(),
            rhythm: rhythm(&stage.rhythm(), stage.latency_ms()),
            // Of this run of its decoder, not of its earlier stays.
            messages: profile.kinds.iter().map(|kind| kind.messages).sum(),
            profile,
            held: stage.held(),
            had: stage.read() > 0,
        }
    }

    /// What a page shows of it.
    pub fn view(&self, request: &ProfileRequest) -> ProfileView {
        let Profile { format, kinds, sequence, checksum } = &self.profile;
        let note = match (self.messages, self.held, self.had) {
            (0, 0, false) => "Nothing known yet: no message has come.",
            (0, 0, true) => "Nothing known yet: no message has come since the feed was started anew.",
            (0, ..) => "Nothing known yet: the first messages are being looked at.",
            _ => "",
        };
        // Before the first message there is nothing to pin as learned.
        let learned = if self.messages > 0 { PinsRow::from(&self.learned) } else { PinsRow::default() };
        let paths = paths(kinds);
        let found: Vec<&PathKnown> = paths.iter().filter(|path| has(path, &request.find)).collect();
        let ignored = ignored(kinds);
        let rules = sequence.iter().map(|rule| FactKnown {
            path: rule.paths.join(" and "),
            says: rule_words(rule),
            held: held(rule.checked, rule.violations, "pair"),
        });
        let checksums = checksum.iter().map(|rule| FactKnown {
            path: rule.path.clone(),
            says: rule.rule.clone(),
            held: held(rule.checked, rule.violations, "message"),
        });
        ProfileView {
            feed: request.feed,
            name: self.name.clone(),
            title: self.title.clone(),
            format: format.clone(),
            messages: self.messages,
            note: note.to_owned(),
            fixed: String::new(),
            pins: PinsRow::from(&self.pins),
            learned,
            words: self.words.clone(),
            kinds: kinds.iter().take(KINDS).map(kind_known).collect(),
            times: times(kinds),
            keys: by_kind(kinds, |kind| kind.keys.iter().map(|key| (key.clone(), String::new())).collect()),
            sequence: rules.take(FACTS).collect(),
            checksums: checksums.take(FACTS).collect(),
            series_found: found.len() as u32,
            series: found.into_iter().take(PATHS).cloned().collect(),
            series_paths: paths.len() as u32,
            series_total: paths.iter().map(|path| path.series).sum(),
            ignored_total: ignored.len() as u32,
            ignored: ignored.into_iter().take(IGNORED).collect(),
            rhythm: self.rhythm.clone(),
        }
    }
}

/// Whether a path, or a name of one of its series, holds what is looked for.
fn has(path: &PathKnown, find: &str) -> bool {
    let find = find.trim().to_lowercase();
    let holds = |text: &String| text.to_lowercase().contains(&find);
    find.is_empty() || holds(&path.path) || path.names.iter().any(holds)
}

/// `held on 1,029 of 1,029 pairs`.
fn held(checked: u64, violations: u64, thing: &str) -> String {
    format!("held on {} of {}", count_of(checked.saturating_sub(violations)), many(checked, thing))
}

fn rule_words(rule: &feedwatch_model::SequenceProfile) -> String {
    let per = match rule.per.as_slice() {
        [] => "over the whole connection".to_owned(),
        per => format!("for each {}", per.join(" and ")),
    };
    let modulus = rule.modulus.map(|modulus| format!(", from 0 again behind {}", count_of(modulus.saturating_sub(1))));
    let restarts = rule.restarts.as_ref().map(|matches| format!("; begun anew where {}", matches_words(matches)));
    format!("{} {per}{}{}", rule.rule.word(), modulus.unwrap_or_default(), restarts.unwrap_or_default())
}

/// What tells a kind apart, in words.
fn matches_words(matches: &BTreeMap<String, MatchValue>) -> String {
    let words = matches.iter().map(|(path, value)| match value {
        MatchValue::Text(text) => format!("{path} is {text}"),
        MatchValue::Number(number) => format!("{path} is {number}"),
        MatchValue::Present(true) => format!("{path} is there"),
        MatchValue::Present(false) => format!("{path} is not there"),
    });
    words.collect::<Vec<_>>().join(" and ")
}

fn kind_known(kind: &KindProfile) -> KindKnown {
    let says = if kind.matches.is_empty() { "All messages".to_owned() } else { matches_words(&kind.matches) };
    KindKnown { says, messages: kind.messages }
}

/// The times that count, then those that are told as others.
fn times(kinds: &[KindProfile]) -> Vec<FactKnown> {
    let unit = |unit: TimeUnit| unit.word().to_owned();
    let mut times = by_kind(kinds, |kind| kind.time.iter().map(|time| (time.path.clone(), unit(time.unit))).collect());
    for other in kinds.iter().flat_map(|kind| &kind.other_times) {
        if times.len() < FACTS && !times.iter().any(|time| time.path == other.path) {
            let says = format!("{}, not taken for the event time", unit(other.unit));
            times.push(FactKnown { path: other.path.clone(), says, held: String::new() });
        }
    }
    times
}

/// Paths of kinds, each once, and in which kinds they are where not in all.
fn by_kind(kinds: &[KindProfile], of: impl Fn(&KindProfile) -> Vec<(String, String)>) -> Vec<FactKnown> {
    let mut facts: Vec<((String, String), Vec<String>)> = Vec::new();
    for kind in kinds {
        for fact in of(kind) {
            let of = matches_words(&kind.matches);
            let is_full = facts.len() >= FACTS;
            match facts.iter_mut().find(|(known, _)| *known == fact) {
                Some((_, kinds)) => kinds.push(of),
                None if is_full => {}
                None => facts.push((fact, vec![of])),
            }
        }
    }
    let told = facts.into_iter().map(|((path, says), of)| {
        let of = match of.as_slice() {
            all if all.len() == kinds.len() => String::new(),
            [one] => format!("where {one}"),
            some => format!("in {} of {}", some.len(), many(kinds.len() as u64, "kind")),
        };
        let says = [says, of].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
        FactKnown { path, says, held: String::new() }
    });
    told.collect()
}

/// Charted paths in order of their text, with the names of their first series.
fn paths(kinds: &[KindProfile]) -> Vec<PathKnown> {
    let mut paths: BTreeMap<&str, PathKnown> = BTreeMap::new();
    for SeriesProfile { name, path, kind, unit, .. } in kinds.iter().flat_map(|kind| &kind.series) {
        let known = paths.entry(path).or_insert_with(|| PathKnown {
            path: path.clone(),
            kind: kind.word().to_owned(),
            unit: unit.clone(),
            series: 0,
            names: Vec::new(),
        });
        known.series += 1;
        if known.names.len() < NAMES {
            known.names.push(name.clone());
        }
    }
    paths.into_values().collect()
}

fn ignored(kinds: &[KindProfile]) -> Vec<FactKnown> {
    let mut paths: BTreeMap<&str, Why> = BTreeMap::new();
    for one in kinds.iter().flat_map(|kind| &kind.ignored) {
        paths.entry(&one.path).or_insert(one.why);
    }
    let told = paths.into_iter().map(|(path, why)| {
        let says = match why {
            Why::Identifier => "it names a thing",
            Why::Time => "it is a time",
            Why::Sequence => "it numbers the messages",
            Why::Constant => "it never changes",
            Why::Text => "it is text",
            Why::Checksum => "it guards other fields",
            Why::Limit => "there are more series than allowed",
        };
        FactKnown { path: path.to_owned(), says: says.to_owned(), held: String::new() }
    });
    told.collect()
}

/// How often messages come, in sentences.
fn rhythm(known: &FeedRhythm, latency_ms: Option<f64>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(rate) = known.per_second {
        said.push(format!("Usually {}.", often(rate)));
    }
    if let Some((typical, longest, limit)) = known.pauses {
        said.push(format!(
            "Between two messages usually {} pass, of late {} at most; after {} without one it counts as silent.",
            span(typical),
            span(longest),
            span(limit)
        ));
    }
    if let Some(latency) = latency_ms {
        said.push(match latency < 0.0 {
            false => format!("A message is {} old when it arrives (the median).", span(latency / 1e3)),
            true => {
                format!("A message arrives {} before it was sent, by its own clock (the median).", span(-latency / 1e3))
            }
        });
    }
    let shown = known.kinds.iter().filter(|_| known.kinds.len() > 1).take(RHYTHMS);
    said.extend(
        shown.map(|(word, rate)| format!("{}: {}.", if word.is_empty() { "others" } else { word }, often(*rate))),
    );
    if known.kinds.len() > RHYTHMS {
        said.push(format!("{} more are known.", many((known.kinds.len() - RHYTHMS) as u64, "kind")));
    }
    said
}

/// A span, also a short one: `12 ms`, `48 s`.
fn span(secs: f64) -> String {
    if secs < 0.1 { format!("{} ms", about(secs * 1e3, 10.0)) } else { seconds(secs) }
}

/// `31 messages a second`, `a message every 4.2 s`.
fn often(per_second: f64) -> String {
    match per_second {
        rate if rate >= 1.5 => format!("{} messages a second", about(rate, rate)),
        rate => format!("a message every {}", seconds(1.0 / rate.max(1e-9))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feedwatch_model::{Ignored, SeriesKind, TimeProfile};

    fn series(path: &str, name: &str) -> SeriesProfile {
        SeriesProfile {
            name: name.to_owned(),
            path: path.to_owned(),
            key: BTreeMap::new(),
            kind: SeriesKind::Gauge,
            unit: None,
            samples: 1,
            min: None,
            max: None,
            last: None,
        }
    }

    fn kind(word: &str, time: &str, series: Vec<SeriesProfile>) -> KindProfile {
        KindProfile {
            matches: BTreeMap::from([("/type".to_owned(), MatchValue::Text(word.to_owned()))]),
            messages: 3,
            time: Some(TimeProfile { path: time.to_owned(), unit: TimeUnit::Millis }),
            series,
            ignored: vec![Ignored { path: "/id".to_owned(), why: Why::Identifier }],
            ..KindProfile::default()
        }
    }

    fn known(kinds: Vec<KindProfile>) -> Knowledge {
        let messages = kinds.iter().map(|kind| kind.messages).sum();
        Knowledge {
            name: "spot".to_owned(),
            title: "Spot".to_owned(),
            pins: Pins::default(),
            learned: Pins { keys: Some(vec![]), ..Pins::default() },
            profile: Profile { kinds, ..Profile::default() },
            words: Vec::new(),
            rhythm: Vec::new(),
            messages,
            held: 0,
            had: false,
        }
    }

    #[test]
    fn before_the_first_message_nothing_is_known_and_nothing_to_be_pinned() {
        let view = known(Vec::new()).view(&ProfileRequest::default());
        assert_eq!(view.note, "Nothing known yet: no message has come.");
        assert_eq!(view.learned, PinsRow::default());
    }

    #[test]
    fn series_of_a_path_are_one_row_and_found_by_path_or_name() {
        let many = (0..300).map(|at| series(&format!("/v/{at:03}"), &format!("v{at}")));
        let two = vec![series("/price", "BTC.price"), series("/price", "ETH.price")];
        let known = known(vec![kind("trade", "/ts", two), kind("book", "/ts", many.collect())]);
        let all = known.view(&ProfileRequest::default());
        assert_eq!((all.series_paths, all.series_total, all.series_found, all.series.len()), (301, 302, 301, PATHS));
        for find in ["PRICE", "eth"] {
            let view = known.view(&ProfileRequest { feed: 0, find: find.to_owned() });
            let [found] = view.series.as_slice() else { panic!("{find}: {:?}", view.series) };
            assert_eq!((found.path.as_str(), found.series, view.series_found), ("/price", 2, 1));
        }
    }

    #[test]
    fn what_counts_for_some_kinds_only_says_for_which() {
        let view =
            known(vec![kind("trade", "/ts", vec![]), kind("book", "/made", vec![])]).view(&ProfileRequest::default());
        let says: Vec<&str> = view.times.iter().map(|time| time.says.as_str()).collect();
        assert_eq!(says, ["ms, where /type is trade", "ms, where /type is book"]);
        assert_eq!((view.ignored_total, view.ignored[0].says.as_str()), (1, "it names a thing"));
    }

    #[test]
    fn the_rhythm_is_told_in_sentences() {
        let known = FeedRhythm {
            pauses: Some((0.25, 1.1, 2.2)),
            per_second: Some(8_912.4),
            kinds: vec![("ticker".to_owned(), 31.0), (String::new(), 0.5)],
        };
        assert_eq!(
            rhythm(&known, Some(8.0)),
            [
                "Usually 8,912 messages a second.",
                "Between two messages usually 0.2 s pass, of late 1.1 s at most; after 2.2 s without one it counts as silent.",
                "A message is 8 ms old when it arrives (the median).",
                "ticker: 31 messages a second.",
                "others: a message every 2.0 s."
            ]
        );
        assert!(rhythm(&FeedRhythm::default(), None).is_empty());
        let early = rhythm(&FeedRhythm::default(), Some(-13.9));
        assert_eq!(early, ["A message arrives 14 ms before it was sent, by its own clock (the median)."]);
    }
}
