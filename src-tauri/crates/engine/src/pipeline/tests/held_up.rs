//! What was sent in an outage and came behind it.

use feedwatch_model::{MessageMeta, Quality, Sample};

use super::*;

const SECOND: i64 = 1_000;
/// From the second 80 to the second 1,880: half an hour.
const OUTAGE: std::ops::Range<i64> = 80..1_880;

/// A feed of a message a second that is cut for half an hour; what was sent meanwhile comes at once behind it, then it goes on.
fn cut(message: impl Fn(i64) -> Message, rate: Option<Rate>) -> (Pipeline, Vec<Sample>) {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), true);
    pipeline.add_feed(FeedSettings { rate, ..settings(None) }, at(0));
    let connected = |ms: i64| Event::Connected {
        line: 0,
        at: at(ms),
        endpoint: String::new(),
        detail: String::new(),
        certificate: None,
    };
    pipeline.step(0, connected(0));
    for second in 0..OUTAGE.end + 100 {
        if second == OUTAGE.start {
            let (last_good, reason) = (at(79 * SECOND + 3), "It was cut.".to_owned());
            let (at, retry_in) = (at(80 * SECOND), Duration::from_secs(1));
            pipeline.step(0, Event::Lost { line: 0, at, last_good, reason, refused: false, retry_in });
            pipeline.step(0, connected(OUTAGE.end * SECOND));
        }
        let message = Message { number: second as u64, ..message(second) };
        let received = if OUTAGE.contains(&second) { at(OUTAGE.end * SECOND + 20) } else { message.received };
        pipeline.step(0, Event::Message(Message { received, ..message }));
        pipeline.elapse(received, true);
    }
    pipeline.finish();
    let samples = pipeline.take_output().batch.samples;
    (pipeline, samples)
}

fn told(second: i64) -> Message {
    ticker(0, 1_000 + second as u64, second * SECOND, 100.0 + (second % 7) as f64)
}

/// The same without a time of its own; its broker stamps it.
fn stamped(second: i64) -> Message {
    let meta = MessageMeta { stamp: Some(at(second * SECOND)), ..MessageMeta::default() };
    let message = Message::new(0, at(second * SECOND + 3), format!(r#"{{"price":{}}}"#, 100 + second % 7));
    Message { meta: Some(Box::new(meta)), ..message }
}

#[test]
fn what_an_outage_held_up_is_kept_at_the_time_it_was_sent_and_marked() {
    for (name, message) in [("told", told as fn(i64) -> Message), ("stamped", stamped)] {
        let (pipeline, samples) = cut(message, None);
        assert_eq!(samples.len() as i64, OUTAGE.end + 100, "{name}");
        for (sample, second) in samples.iter().zip(0..) {
            if OUTAGE.contains(&second) {
                let (sent, received) = (at(second * SECOND), at(OUTAGE.end * SECOND + 20));
                assert_eq!(
                    (sample.at, sample.received, sample.quality),
                    (sent, received, Quality::Backfilled),
                    "{name}"
                );
            } else {
                assert_eq!(sample.quality, Quality::Good, "{name} {second}");
            }
        }
        assert!(!pipeline.feed(0).unwrap().is_receive_time(), "{name}: its clock is right");
        let gap = pipeline.gaps().find(|gap| gap.cause == GapCause::Disconnected).unwrap();
        assert_eq!(gap.detail, "It was cut. 1,800 messages of this time came after all.", "{name}");
        let late = pipeline.feed(0).unwrap().latency_ms();
        assert!(late.is_none_or(|late| late < 10.0), "{name}: what was held up says nothing of how late messages are");
    }
}

#[test]
fn what_came_right_before_the_end_is_counted_too() {
    let mut pipeline = pipeline(true);
    for second in 0..80 {
        pipeline.step(0, Event::Message(Message { number: second as u64, ..told(second) }));
        pipeline.elapse(at(second * SECOND + 10), true);
    }
    let (last_good, reason, retry_in) = (at(79 * SECOND + 3), "It was cut.".to_owned(), Duration::from_secs(1));
    pipeline.step(0, Event::Lost { line: 0, at: at(80 * SECOND), last_good, reason, refused: false, retry_in });
    let (endpoint, detail) = (String::new(), String::new());
    pipeline.step(0, Event::Connected { line: 0, at: at(90 * SECOND), endpoint, detail, certificate: None });
    let received = at(90 * SECOND + 20);
    (80..90).for_each(|second| {
        pipeline.step(0, Event::Message(Message { received, number: second as u64, ..told(second) }));
    });
    pipeline.finish();
    let gap = pipeline.gaps().find(|gap| gap.cause == GapCause::Disconnected).unwrap();
    assert_eq!(gap.detail, "It was cut. 10 messages of this time came after all.");
}

#[test]
fn a_rate_limit_does_not_take_what_was_held_up_for_a_burst() {
    let (_, samples) = cut(told, Some(Rate::AtMost(1)));
    assert_eq!(samples.len() as i64, OUTAGE.end + 100);
}

#[test]
fn messages_of_a_clock_that_is_behind_are_not_taken_for_held_up() {
    let mut pipeline = pipeline(true);
    let behind = |second: i64| Message { number: second as u64, received: at((second + 60) * SECOND), ..told(second) };
    (0..80).for_each(|second| pipeline.step(0, Event::Message(behind(second))));
    let (last_good, reason, retry_in) = (at(139 * SECOND), "It was cut.".to_owned(), Duration::from_secs(1));
    pipeline.step(0, Event::Lost { line: 0, at: at(140 * SECOND), last_good, reason, refused: false, retry_in });
    let (endpoint, detail) = (String::new(), String::new());
    pipeline.step(0, Event::Connected { line: 0, at: at(150 * SECOND), endpoint, detail, certificate: None });
    (90..180).for_each(|second| pipeline.step(0, Event::Message(behind(second))));
    pipeline.elapse(at(241 * SECOND), true);
    let gap = pipeline.gaps().find(|gap| gap.cause == GapCause::Disconnected).unwrap();
    assert_eq!(gap.detail, "It was cut.");
    assert!(pipeline.take_output().batch.samples.iter().all(|sample| sample.quality == Quality::Good));
}

#[test]
fn a_clock_that_is_half_an_hour_late_without_an_outage_is_not_trusted() {
    let mut pipeline = pipeline(true);
    for second in 0..100 {
        let received = at((second + 1_800) * SECOND);
        pipeline.step(0, Event::Message(Message { received, number: second as u64, ..told(second) }));
    }
    pipeline.finish();
    assert!(pipeline.feed(0).unwrap().is_receive_time());
    assert!(pipeline.take_output().batch.samples.iter().all(|sample| sample.quality == Quality::Uncertain));
}
