//! From when to when a feed was watched, and the gap where it was not.

use super::*;

fn lost(from: i64, ms: i64) -> Event {
    Event::Lost {
        line: 0,
        at: at(ms),
        last_good: at(from),
        reason: "The connection closed.".to_owned(),
        refused: false,
        retry_in: Duration::from_secs(1),
    }
}

/// The gaps that the history holds after these batches, in order of their begin: cause, from, to.
fn kept(batches: &[Batch]) -> Vec<(GapCause, i64, Option<i64>)> {
    let mut last = std::collections::BTreeMap::new();
    for gap in batches.iter().flat_map(|batch| &batch.gaps) {
        last.insert((gap.from, gap.cause.code()), gap.clone());
    }
    let ms = |time: Time| time.nanos_since(at(0)) / 1_000_000;
    last.into_values().map(|gap| (gap.cause, ms(gap.from), gap.to.map(ms))).collect()
}

#[test]
fn the_time_the_console_was_not_running_is_a_gap() {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
    pipeline.add_feed(settings(Some(at(-60_000))), at(0));
    pipeline.step(
        0,
        Event::Connected { line: 0, at: at(500), endpoint: String::new(), detail: String::new(), certificate: None },
    );
    let gap = pipeline.gaps().next().unwrap();
    assert_eq!((gap.from, gap.to, gap.cause), (at(-60_000), Some(at(500)), GapCause::Stopped));
}

#[test]
fn a_feed_that_cannot_be_reached_again_has_one_gap_behind_the_other() {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), true);
    pipeline.add_feed(settings(Some(at(-60_000))), at(0));
    pipeline.step(0, lost(100, 2_000));
    pipeline.step(
        0,
        Event::Connected { line: 0, at: at(9_000), endpoint: String::new(), detail: String::new(), certificate: None },
    );
    let expected = [(GapCause::Stopped, -60_000, Some(100)), (GapCause::Unreachable, 100, Some(9_000))];
    assert_eq!(kept(&[pipeline.take_output().batch]), expected);
}

#[test]
fn a_source_that_is_over_was_not_watched_before_either() {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), true);
    pipeline.add_feed(settings(Some(at(-60_000))), at(0));
    pipeline.step(0, Event::Ended { line: 0, at: at(100), reason: "The server has no more.".to_owned() });
    assert_eq!(kept(&[pipeline.take_output().batch]), [(GapCause::Stopped, -60_000, Some(100))]);
}

#[test]
fn what_a_batch_holds_was_watched() {
    let mut pipeline = pipeline(true);
    for number in 0..200 {
        pipeline.step(0, Event::Message(ticker(number, number, number as i64 * 10, 100.0)));
    }
    let Output { batch, .. } = pipeline.take_output();
    let newest = batch.samples.iter().map(|sample| sample.received).max().unwrap();
    assert_eq!(batch.heartbeats.last(), Some(&(FeedId(0), newest)), "a kill after this leaves its gap behind it");
    assert!(pipeline.take_output().batch.heartbeats.is_empty(), "nothing came since");
}

#[test]
fn messages_held_for_learning_are_not_watched_yet() {
    let mut pipeline = pipeline(true);
    pipeline.step(0, Event::Message(ticker(0, 0, 0, 100.0)));
    assert!(pipeline.take_output().batch.heartbeats.is_empty());
}

#[test]
fn a_good_end_is_the_end_of_watching_and_of_every_gap() {
    let mut pipeline = pipeline(true);
    for number in 0..100 {
        pipeline.step(0, Event::Message(ticker(number, number, number as i64 * 10, 100.0)));
    }
    pipeline.step(0, lost(1_000, 1_200));
    let before = pipeline.take_output().batch;
    pipeline.elapse(at(5_000), true);
    let while_down = pipeline.take_output().batch;
    assert_eq!(while_down.heartbeats, [(FeedId(0), at(5_000))], "that it is down is known up to here");
    pipeline.leave(at(5_200));
    let end = pipeline.take_output().batch;
    assert_eq!(end.heartbeats, [(FeedId(0), at(5_200))]);
    assert_eq!(kept(&[before, while_down, end]), [(GapCause::Disconnected, 1_000, Some(5_200))]);
}

#[test]
fn a_message_that_came_while_the_end_was_made_was_watched_too() {
    let mut pipeline = pipeline(true);
    for number in 0..100 {
        pipeline.step(0, Event::Message(ticker(number, number, number as i64 * 10, 100.0)));
    }
    pipeline.leave(at(500));
    assert_eq!(pipeline.take_output().batch.heartbeats.last(), Some(&(FeedId(0), at(993))));
}

#[test]
fn a_source_that_ends_is_silent_no_more() {
    let mut pipeline = pipeline(true);
    for number in 0..100 {
        pipeline.step(0, Event::Message(ticker(number, number, number as i64 * 100, 100.0)));
    }
    pipeline.elapse(at(60_000), true);
    let active = |pipeline: &Pipeline| pipeline.alarms().open().filter(|alarm| alarm.state.is_active()).count();
    assert_eq!(active(&pipeline), 1, "it is silent");
    pipeline.step(0, Event::Ended { line: 0, at: at(61_000), reason: "The server has no more.".to_owned() });
    assert_eq!(active(&pipeline), 0);
    let gaps = kept(&[pipeline.take_output().batch]);
    assert_eq!(gaps, [(GapCause::Silent, 9_903, Some(61_000))]);
}

#[test]
fn heartbeats_go_on_when_the_clock_is_set_back() {
    let mut pipeline = pipeline(true);
    pipeline.step(0, Event::Message(ticker(0, 1_000, 0, 100.0)));
    pipeline.finish();
    let mut beats = |ms: i64| {
        pipeline.elapse(at(ms), true);
        pipeline.take_output().batch.heartbeats
    };
    assert_eq!(beats(3_600_000).len(), 1);
    assert_eq!(beats(3_600_100).len(), 0);
    assert_eq!(beats(1_000), [(FeedId(0), at(1_000))]);
    assert_eq!(beats(1_600).len(), 1);
}

#[test]
fn an_answer_that_nothing_changed_ends_a_silence_and_its_gap() {
    let mut pipeline = pipeline(false);
    for number in 0..100u64 {
        pipeline.step(0, Event::Message(ticker(number, number, number as i64 * 100, 100.0)));
    }
    pipeline.elapse(at(20_000), true);
    assert_eq!(pipeline.feed(0).unwrap().state(), feedwatch_model::FeedState::Silent);
    pipeline.step(0, Event::Alive { at: at(21_000) });
    assert_eq!(pipeline.feed(0).unwrap().state(), feedwatch_model::FeedState::Live);
    let gap = pipeline.gaps().find(|gap| gap.cause == GapCause::Silent).unwrap();
    assert_eq!(gap.to, Some(at(21_000)));
    pipeline.elapse(at(22_000), true);
    assert_eq!(pipeline.feed(0).unwrap().state(), feedwatch_model::FeedState::Live);
}
