//! What was learned is pinned, and learned once more: the same comes out.

mod kit;

use std::collections::BTreeSet;
use std::sync::Arc;

use feedwatch_decode::{Decoder, Options, Pins};
use feedwatch_model::{Message, Profile};
use kit::{Collected, opened};

fn learned(messages: &[Message], pins: Pins) -> (Profile, Pins) {
    let mut decoder = Decoder::new(Options { pins: Arc::new(pins), ..Options::default() });
    let mut sink = Collected::default();
    messages.iter().for_each(|message| decoder.push(message.clone(), &mut sink));
    decoder.finish(&mut sink);
    (decoder.profile(), decoder.as_learned())
}

/// What must not change, a line each.
fn told(profile: &Profile) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for kind in &profile.kinds {
        let label = format!("{:?}", kind.matches);
        told.insert(format!("{label} {} messages, time {:?}", kind.messages, kind.time));
        if !kind.series.is_empty() {
            told.insert(format!("{label} keys {:?}", kind.keys.iter().collect::<BTreeSet<_>>()));
        }
        for series in &kind.series {
            let key = &series.key;
            told.insert(format!("{label} {} {key:?} {:?} {:?}", series.path, series.kind, series.unit));
        }
    }
    for rule in &profile.sequence {
        let per = &rule.per;
        told.insert(format!("{:?} {:?} {:?} {per:?}: {}", rule.paths, rule.rule, rule.modulus, rule.violations));
    }
    told
}

#[test]
fn captures_are_learned_the_same_when_all_is_pinned_as_it_was_learned() {
    for file in kit::files() {
        let Some(messages) = kit::messages_of(&file, opened()) else { continue };
        let (profile, pins) = learned(&messages, Pins::default());
        let (again, same) = learned(&messages, pins.clone());
        assert_eq!(told(&again), told(&profile), "{file}");
        // What is pinned is believed before it was seen, so that a rule that was not tested is in the pins alone.
        assert_eq!((same.kinds, same.times, same.keys), (pins.kinds, pins.times, pins.keys), "{file}");
        assert_eq!((same.series, same.ignored), (pins.series, pins.ignored), "{file}");
    }
}

#[test]
fn a_time_and_a_rule_count_for_the_kinds_that_had_them() {
    let text = |at: u64| match at % 10 {
        9 => format!(r#"{{"type":"status","p":"A","seq":7,"made":{}}}"#, 1_772_366_400_000 + at),
        _ => format!(
            r#"{{"type":"trade","p":"A","seq":{},"ts":{},"v":{}}}"#,
            500 + at - at / 10,
            1_772_366_400_000 + at,
            at % 7
        ),
    };
    let messages = kit::feed((0..300).map(text), 20);
    let (profile, pins) = learned(&messages, Pins::default());
    let [rule] = pins.sequences.as_deref().unwrap() else { panic!("{:?}", pins.sequences) };
    assert_eq!((rule.paths.as_slice(), rule.of.as_slice()), (&["/seq".to_owned()][..], &["trade".to_owned()][..]));
    let times = pins.times.clone().unwrap();
    assert_eq!(
        times.iter().map(|time| (time.path.as_str(), time.of.join(" "))).collect::<Vec<_>>(),
        [("/ts", "trade".to_owned()), ("/made", "status".to_owned())]
    );
    let (again, _) = learned(&messages, pins.clone());
    assert_eq!(told(&again), told(&profile));
    let violations = |profile: &Profile| profile.sequence.iter().map(|rule| rule.violations).sum::<u64>();
    assert_eq!(violations(&again), 0);
    // Without its kinds the rule is broken by every other message.
    let mut all = pins;
    all.sequences.as_mut().unwrap()[0].of.clear();
    assert!(violations(&learned(&messages, all).0) > 0);
}
