//! What is pinned is believed, and stays.

mod kit;

use std::sync::Arc;

use feedwatch_decode::{Options, PinnedSequence, PinnedSeries, PinnedTime, Pins};
use feedwatch_model::{Message, MessageMeta, SequenceRule, SeriesKind, TimeUnit, Why};
use kit::{Outcome, feed, run, run_with};

fn pinned(messages: Vec<Message>, pins: Pins) -> Outcome {
    run_with(messages, Options { pins: Arc::new(pins), ..Options::default() })
}

fn texts(count: u64) -> Vec<String> {
    let text = |at: u64| {
        format!(
            r#"{{"a":"x{}","b":"y{}","n":{},"m":{},"mode":"{}","when":{},"debug":{{"load":{}}}}}"#,
            at % 3,
            at % 2,
            at * at % 97,
            100 + at / 3,
            ["on", "off"][(at % 2) as usize],
            1_772_366_400 + at,
            at % 5
        )
    };
    (0..count).map(text).collect()
}

#[test]
fn keys_series_and_what_is_ignored_are_as_pinned() {
    let pins = Pins {
        keys: Some(vec!["/b".to_owned()]),
        ignored: vec!["/debug".to_owned()],
        series: vec![PinnedSeries {
            path: "/n".to_owned(),
            kind: Some(SeriesKind::Counter),
            unit: Some("boxes".to_owned()),
            range: (None, None),
            fastest: None,
        }],
        ..Pins::default()
    };
    let outcome = pinned(feed(texts(200), 20), pins);
    let [kind] = outcome.profile.kinds.as_slice() else { panic!("{:?}", outcome.profile.kinds) };
    assert_eq!(kind.keys, ["/b"]);
    let boxes = kind.series.iter().find(|series| series.name == "y1.n").unwrap();
    assert_eq!((boxes.kind, boxes.unit.as_deref()), (SeriesKind::Counter, Some("boxes")));
    assert!(!outcome.names().iter().any(|name| name.contains("load")), "{:?}", outcome.names());
}

#[test]
fn a_pinned_time_goes_before_what_looks_like_one() {
    let texts = (0..100).map(|at| {
        format!(
            r#"{{"time":"2026-03-01T12:00:{:02}Z","tick":{},"v":{}}}"#,
            at % 60,
            1_772_366_400_000_u64 + at * 20,
            at % 7
        )
    });
    let messages = feed(texts, 20);
    let time = |outcome: &Outcome| outcome.profile.kinds[0].time.clone().map(|time| (time.path, time.unit));
    assert_eq!(time(&run(messages.clone())), Some(("/tick".to_owned(), TimeUnit::Millis)));
    let times = Some(vec![PinnedTime { path: "/time".to_owned(), unit: TimeUnit::Rfc3339, of: Vec::new() }]);
    let outcome = pinned(messages, Pins { times, ..Pins::default() });
    assert_eq!(time(&outcome), Some(("/time".to_owned(), TimeUnit::Rfc3339)));
    let other = &outcome.profile.kinds[0].other_times;
    assert!(other.iter().any(|time| time.path == "/tick"), "{other:?}");
}

#[test]
fn pinned_rules_hold_from_the_first_message_and_nothing_else_is_one() {
    let numbered =
        |at: u64| format!(r#"{{"s":"P{}","count":{},"other":{},"v":{}}}"#, at % 2, 5 + at / 2, 900_000 + at, at % 7);
    let pins = |sequences| Pins { sequences: Some(sequences), ..Pins::default() };
    let rule = PinnedSequence {
        paths: vec!["/count".to_owned()],
        rule: SequenceRule::PlusOne,
        modulus: None,
        per: vec!["/s".to_owned()],
        of: Vec::new(),
        restarts: Vec::new(),
    };
    let outcome = pinned(feed((0..10).map(numbered), 20), pins(vec![rule]));
    let [found] = outcome.profile.sequence.as_slice() else { panic!("{:?}", outcome.profile.sequence) };
    assert_eq!((found.paths[0].as_str(), found.checked, found.violations), ("/count", 8, 0));
    assert!(outcome.readings.iter().all(|reading| reading.marks.len() == 1));
    assert_eq!(
        outcome.profile.kinds[0].ignored.iter().find(|path| path.path == "/count").map(|path| path.why),
        Some(Why::Sequence)
    );
    let none = pinned(feed((0..200).map(numbered), 20), pins(Vec::new()));
    assert_eq!(none.profile.sequence, []);
    assert!(!run(feed((0..200).map(numbered), 20)).profile.sequence.is_empty(), "it would have been learned");
}

#[test]
fn kinds_are_told_apart_by_the_pinned_field_also_when_it_comes_late() {
    let texts = (0..100).map(|at| match at {
        ..90 => format!(r#"{{"v":{},"w":{}}}"#, at % 7, at % 3),
        _ => format!(r#"{{"sort":"late","v":{}}}"#, at % 7),
    });
    let kinds = Some(vec!["/sort".to_owned()]);
    let outcome = pinned(feed(texts, 20), Pins { kinds, ..Pins::default() });
    let counts: Vec<u64> = outcome.profile.kinds.iter().map(|kind| kind.messages).collect();
    assert_eq!(counts, [90, 10]);
}

#[test]
fn a_level_of_the_topic_can_be_pinned_as_a_key() {
    let messages = feed((0..60).map(|at| format!(r#"{{"v":{}}}"#, at % 7)), 20);
    let of_topic = messages.into_iter().map(|mut message| {
        let topic = Some(format!("plant/{}/press/{}", message.number % 2, message.number % 3).into());
        message.meta = Some(Box::new(MessageMeta { topic, ..MessageMeta::default() }));
        message
    });
    let keys = Some(vec!["topic:/3".to_owned()]);
    let outcome = pinned(of_topic.collect(), Pins { keys, ..Pins::default() });
    assert_eq!(outcome.profile.kinds[0].keys, ["topic:/3"]);
}
