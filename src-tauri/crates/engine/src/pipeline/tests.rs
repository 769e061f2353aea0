mod again;
mod endpoints;
mod held_up;
mod ledger;
mod limits;
mod security;
mod signed;
mod watched;

use std::time::Duration;

use feedwatch_ingest::{Event, InboxCounters};
use feedwatch_model::{Check, FindingKind, GapCause, Message, Protocol, Severity, Time};
use feedwatch_store::{Batch, MessageCounts};
use proptest::prelude::*;

use super::*;
use crate::live::LiveBucket;

const START: i64 = 1_772_366_400_000;

fn at(ms: i64) -> Time {
    Time::from_millis(START + ms)
}

fn pipeline(keep: bool) -> Pipeline {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), keep);
    pipeline.add_feed(settings(None), at(0));
    pipeline.step(
        0,
        Event::Connected { line: 0, at: at(0), endpoint: String::new(), detail: String::new(), certificate: None },
    );
    pipeline
}

fn settings(watched_until: Option<Time>) -> FeedSettings {
    FeedSettings {
        lines: Vec::new(),
        redundant: false,
        certificates: Vec::new(),
        name: "spot".to_owned(),
        title: "Spot prices".to_owned(),
        protocol_word: "ws",
        protocol: Protocol::WebSocket,
        address: "ws://127.0.0.1/".to_owned(),
        rate: None,
        decode: feedwatch_decode::Options::default(),
        watched_until,
        known: Known::default(),
    }
}

fn ticker(number: u64, sequence: u64, ms: i64, price: f64) -> Message {
    let text = format!(
        r#"{{"type":"ticker","product_id":"BTC-USD","sequence":{sequence},"time":"{}","price":"{price:.2}"}}"#,
        at(ms)
    );
    Message::new(number, at(ms + 3), text)
}

/// A steady feed in which some messages are lost, repeated or broken.
fn messages(faults: &[u8]) -> Vec<Message> {
    let mut out = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        let (ms, sequence) = (index as i64 * 100, 1_000 + index as u64);
        let price = 100.0 + (index as f64 / 9.0).sin();
        let mut push = |message: Message| out.push(Message { number: out.len() as u64, ..message });
        match fault {
            0 => {}
            1 => {
                push(ticker(0, sequence, ms, price));
                push(ticker(0, sequence, ms, price));
            }
            2 => push(Message::new(0, at(ms + 3), "{\"type\":")),
            _ => push(ticker(0, sequence, ms, price)),
        }
    }
    out
}

fn counters(messages: &[Message]) -> InboxCounters {
    let bytes = messages.iter().map(|message| message.payload.len() as u64).sum();
    InboxCounters { received: messages.len() as u64, bytes, dropped: 0, duplicate: 0, queued: 0, wire_bytes: None }
}

/// Everything that came out, with the accounts at the end.
fn run(messages: &[Message], cut: usize) -> (Vec<News>, Batch, Accounts) {
    let mut pipeline = pipeline(true);
    let (mut news, mut whole) = (Vec::new(), Batch::default());
    let mut submitted = 0;
    let take = |pipeline: &mut Pipeline, news: &mut Vec<News>, whole: &mut Batch, submitted: &mut u64| {
        let Output { batch, news: fresh, .. } = pipeline.take_output();
        news.extend(fresh);
        *submitted += batch.counted.iter().map(|&(_, count)| count).sum::<u64>();
        whole.samples.extend(batch.samples);
        whole.findings.extend(batch.findings);
        whole.messages.extend(batch.messages);
    };
    for (index, message) in messages.iter().enumerate() {
        pipeline.step(0, Event::Message(message.clone()));
        if index % cut == 0 {
            take(&mut pipeline, &mut news, &mut whole, &mut submitted);
            let kept = MessageCounts { queued: submitted, committed: 0, lost: 0 };
            assert!(pipeline.accounts(0, counters(&messages[..=index]), Some(kept)).balance());
        }
    }
    pipeline.finish();
    take(&mut pipeline, &mut news, &mut whole, &mut submitted);
    let kept = MessageCounts { queued: 0, committed: submitted, lost: 0 };
    let accounts = pipeline.accounts(0, counters(messages), Some(kept));
    (news, whole, accounts)
}

/// The findings, and the transitions of alarms: what repeats is coalesced by batch, what happened is not.
fn told(news: &[News]) -> (Vec<&NumberedFinding>, Vec<&feedwatch_model::AlarmTransition>) {
    let findings = news.iter().filter_map(|news| if let News::Finding(found) = news { Some(found) } else { None });
    let transitions = news.iter().filter_map(|news| match news {
        News::Alarm(change) => change.transition.as_ref(),
        _ => None,
    });
    (findings.collect(), transitions.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_message_is_in_exactly_one_place_whatever_the_batching(
        faults in proptest::collection::vec(0u8..12, 20..160),
        cut in 1usize..40,
    ) {
        let messages = messages(&faults);
        prop_assume!(!messages.is_empty());
        let (news, batch, accounts) = run(&messages, cut);
        prop_assert!(accounts.balance(), "{:?}", accounts);
        prop_assert_eq!(accounts.in_flight, 0);
        prop_assert_eq!(accounts.rejected as usize, faults.iter().filter(|&&fault| fault == 2).count());
        prop_assert_eq!(batch.messages.len(), messages.len(), "each is kept as evidence");
        let (other, same_batch, same_accounts) = run(&messages, 1);
        prop_assert_eq!(told(&news), told(&other));
        prop_assert_eq!(batch, same_batch);
        prop_assert_eq!(accounts, same_accounts);
    }

    #[test]
    fn no_bytes_panic_and_all_are_counted(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..80)) {
        let messages: Vec<Message> = payloads
            .into_iter()
            .enumerate()
            .map(|(number, payload)| Message::new(number as u64, at(number as i64), payload))
            .collect();
        let (_, _, accounts) = run(&messages, 7);
        prop_assert!(accounts.balance());
    }
}

fn kinds(news: &[News], check: Check) -> Vec<FindingKind> {
    news.iter()
        .filter_map(|news| match news {
            News::Finding(found) if found.finding.check == check => Some(found.finding.kind),
            _ => None,
        })
        .collect()
}

#[test]
fn a_lost_message_leaves_a_gap_and_an_alarm() {
    let mut faults = vec![9u8; 120];
    faults[80..83].fill(0);
    let messages = messages(&faults);
    let (news, _, _) = run(&messages, 10);
    assert_eq!(kinds(&news, Check::Sequence), [FindingKind::Gap]);
    let gaps: Vec<_> =
        news.iter().filter_map(|news| if let News::Gap(gap) = news { Some(gap) } else { None }).collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].cause, gaps[0].missing), (GapCause::Sequence, Some(3)));
    assert!(news.iter().any(|news| matches!(news, News::Alarm(_))));
}

#[test]
fn an_outage_is_a_gap_with_cause_and_length() {
    let mut pipeline = pipeline(false);
    let lost = |ms, refused| Event::Lost {
        line: 0,
        at: at(ms),
        last_good: at(1_000),
        reason: "The server closed the connection (1001, going away).".to_owned(),
        refused,
        retry_in: Duration::from_secs(1),
    };
    pipeline.step(0, lost(2_000, false));
    pipeline.step(0, lost(3_000, false));
    pipeline.step(
        0,
        Event::Connected { line: 0, at: at(4_000), endpoint: String::new(), detail: String::new(), certificate: None },
    );
    let news = pipeline.take_output().news;
    assert_eq!(kinds(&news, Check::Connection), [FindingKind::Closed, FindingKind::Resumed], "one outage, one finding");
    let gap = pipeline.gaps().next().unwrap();
    assert_eq!((gap.from, gap.to, gap.cause), (at(1_000), Some(at(4_000)), GapCause::Disconnected));
    assert!(pipeline.alarms().open().all(|alarm| !alarm.state.is_active()));
}

#[test]
fn two_scopes_that_lose_messages_at_one_moment_leave_two_gaps() {
    let mut shared = Shared {
        registry: Registry::default(),
        alarms: Alarms::default(),
        output: Output::new(false),
        gaps: Vec::new(),
    };
    let gap = |missing| Gap {
        feed: FeedId(0),
        from: at(0),
        to: Some(at(0)),
        cause: GapCause::Sequence,
        missing: Some(missing),
        detail: String::new(),
    };
    let scope = |product: &str| vec![(Arc::from("/product_id"), Arc::from(product))];
    shared.gap_in(gap(1), scope("BTC-USD"));
    shared.gap_in(gap(2), scope("ETH-USD"));
    let missing: Vec<_> = shared.gaps.iter().map(|known| known.gap.missing).collect();
    assert_eq!(missing, [Some(1), Some(2)]);
    assert_ne!(shared.gaps[0].gap.from, shared.gaps[1].gap.from);
}

#[test]
fn the_first_series_is_charted_within_a_second_of_the_first_message() {
    let mut pipeline = pipeline(false);
    for number in 0..5u64 {
        pipeline.step(0, Event::Message(ticker(number, 1_000 + number, number as i64 * 200, 100.0)));
        pipeline.elapse(at(number as i64 * 200 + 50), true);
    }
    let series = pipeline.series();
    assert!(series.iter().any(|meta| meta.name.ends_with("price")), "{series:?}");
    let id = series.iter().find(|meta| meta.name.ends_with("price")).unwrap().id;
    let mut out: Vec<LiveBucket> = Vec::new();
    pipeline.live(id).unwrap().1.live.read(250_000_000, Time::MIN, Time::MAX, &mut out);
    assert!(!out.is_empty());
}

#[test]
fn drops_close_together_are_one_gap_that_counts_them_all() {
    let mut pipeline = pipeline(true);
    // A batch has one receive time: several drops begin at the same moment.
    let drops = [(0, 10, 10), (10, 10, 40), (20, 50, 60), (30, 109, 111), (40, 300, 300)];
    for (first, from, to) in drops {
        pipeline.step(0, Event::Dropped { first, count: 10, bytes: 100, from: at(from), to: at(to) });
    }
    let gaps: Vec<_> = pipeline.gaps().map(|gap| (gap.from, gap.to, gap.missing)).collect();
    let expected = [(10, 60, 30), (109, 111, 10), (300, 300, 10)];
    assert_eq!(gaps, expected.map(|(from, to, count)| (at(from), Some(at(to)), Some(count))));
    assert!(pipeline.gaps().all(|gap| gap.cause == GapCause::Overflow));
}

#[test]
fn a_feed_that_comes_back_in_the_same_run_keeps_its_books_and_its_charts() {
    let mut pipeline = pipeline(true);
    let messages = messages(&[9; 60]);
    let feed = |pipeline: &mut Pipeline, place: usize| {
        for message in &messages {
            pipeline.step(place, Event::Message(message.clone()));
        }
        pipeline.finish();
    };
    feed(&mut pipeline, 0);
    let id = pipeline.feed(0).unwrap().id();
    let series = pipeline.series()[0].id;
    assert!(pipeline.live(series).is_some());
    pipeline.remove_feed(0, counters(&messages), at(10_000), "The feed was removed.");
    assert!(pipeline.live(series).is_none());

    let place = pipeline.add_feed(settings(None), at(20_000));
    assert_eq!(pipeline.feed(place).unwrap().id(), id);
    feed(&mut pipeline, place);
    assert!(pipeline.live(series).is_some(), "its chart moves again");
    // The history counts by feed over the whole run.
    let submitted: u64 = pipeline.take_output().batch.counted.iter().map(|&(_, count)| count).sum();
    let kept = MessageCounts { queued: 0, committed: submitted, lost: 0 };
    let accounts = pipeline.accounts(place, counters(&messages), Some(kept));
    assert!(accounts.balance(), "{accounts:?}");
    assert_eq!(accounts.received, 120);
}

#[test]
fn a_sample_from_the_future_does_not_push_the_present_out_of_its_chart() {
    let mut pipeline = pipeline(false);
    for number in 0..100u64 {
        let ahead = if number == 50 { 200_000 } else { 0 };
        let message = ticker(number, 1_000 + number, number as i64 * 100 + ahead, 100.0 + number as f64 / 7.0);
        pipeline.step(0, Event::Message(Message { received: at(number as i64 * 100 + 3), ..message }));
    }
    pipeline.finish();
    let price = pipeline.series().iter().find(|meta| meta.name.ends_with("price")).unwrap().id;
    let mut out: Vec<LiveBucket> = Vec::new();
    pipeline.live(price).unwrap().1.live.read(250_000_000, Time::MIN, Time::MAX, &mut out);
    assert!(out.len() >= 38, "{}", out.len());
}

#[test]
fn an_alarm_of_an_earlier_run_ends_when_its_feed_is_well_again() {
    let mut first = pipeline(false);
    first.step(
        0,
        Event::Lost {
            line: 0,
            at: at(1_000),
            last_good: at(900),
            reason: "The server closed the connection.".to_owned(),
            refused: false,
            retry_in: Duration::from_secs(1),
        },
    );
    let open: Vec<_> = first.alarms().open().cloned().collect();
    assert_eq!(open.len(), 1);
    let mut again = Pipeline::new(Registry::default(), Alarms::restore(open, AlarmId(2)), false);
    again.add_feed(settings(None), at(5_000));
    again.restarted(at(5_000));
    assert!(again.alarms().open().any(|alarm| alarm.state.is_active()), "it is not known yet to be over");
    again.step(
        0,
        Event::Connected { line: 0, at: at(6_000), endpoint: String::new(), detail: String::new(), certificate: None },
    );
    assert!(!again.alarms().open().any(|alarm| alarm.state.is_active()));
}

#[test]
fn the_end_of_the_source_ends_an_outage() {
    let mut pipeline = pipeline(false);
    let lost = Event::Lost {
        line: 0,
        at: at(2_000),
        last_good: at(1_000),
        reason: "The server closed the connection.".to_owned(),
        refused: false,
        retry_in: Duration::from_secs(1),
    };
    pipeline.step(0, lost);
    pipeline.step(0, Event::Ended { line: 0, at: at(3_000), reason: "The server has no more.".to_owned() });
    assert_eq!(pipeline.gaps().next().unwrap().to, Some(at(3_000)));
    assert!(!pipeline.alarms().open().any(|alarm| alarm.state.is_active()));
}

#[test]
fn a_silence_is_a_hole_from_the_last_message_to_the_next() {
    let mut pipeline = pipeline(false);
    for number in 0..60u64 {
        pipeline.step(0, Event::Message(ticker(number, 1_000 + number, number as i64 * 100, 100.0)));
    }
    for tick in 0..40 {
        pipeline.elapse(at(6_000 + tick * 100), true);
    }
    let open: Vec<_> = pipeline.gaps().filter(|gap| gap.cause == GapCause::Silent).collect();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].from, open[0].to), (at(5_903), None));
    pipeline.step(0, Event::Message(ticker(60, 1_060, 10_000, 100.0)));
    let closed = pipeline.gaps().find(|gap| gap.cause == GapCause::Silent).unwrap();
    assert_eq!(closed.to, Some(at(10_003)));
}

#[test]
fn a_level_that_is_taken_as_normal_ends_its_alarm_in_words_that_agree() {
    let mut pipeline = pipeline(true);
    let mut last = None;
    for number in 0..700u64 {
        let level = if number < 600 { 100.0 } else { 160.0 };
        let price = level + (number * 7919 % 101) as f64 / 100.0;
        pipeline.step(0, Event::Message(ticker(number, 1_000 + number, number as i64 * 100, price)));
        last = pipeline.take_output().batch.findings.into_iter().rfind(|found| found.check == Check::Anomaly).or(last);
    }
    let alarm = pipeline.alarms().all().find(|alarm| alarm.source.check == Check::Anomaly).unwrap();
    assert_eq!((alarm.kind, alarm.state), (FindingKind::LevelShift, feedwatch_model::AlarmState::Returned));
    assert!(alarm.title.starts_with("Moved up to about 16") && alarm.title.ends_with(" and stayed there"), "{alarm:?}");
    assert!(alarm.text.ends_with("The new level is now taken as normal."), "{}", alarm.text);
    assert!(last.unwrap().text.starts_with(&alarm.title), "the history has the last words");
}

#[test]
fn what_an_earlier_run_found_stands_in_the_journal_and_is_not_told_again() {
    let mut pipeline = pipeline(false);
    let earlier = (0..5).map(|number| {
        let text = format!("Lost {number} messages.");
        feedwatch_model::Finding::new(Check::Sequence, FindingKind::Gap, FeedId(0), at(-9_000), Severity::Info, text)
    });
    pipeline.recall_findings(earlier);
    assert!(pipeline.take_output().news.iter().all(|news| !matches!(news, News::Finding(_))));
    for message in messages(&[9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 2]) {
        pipeline.step(0, Event::Message(message));
    }
    pipeline.finish();
    let numbers: Vec<u32> = pipeline.latest_findings(4).iter().map(|found| found.number).collect();
    assert_eq!(numbers, [3, 4, 5, 6], "the newest, in order");
    assert_eq!(pipeline.findings().count(), 1, "a report tells of its own run only");
}

#[test]
fn the_books_of_a_feed_say_over_what_time_they_count() {
    let mut pipeline = pipeline(false);
    let words = |pipeline: &mut Pipeline, ms| {
        let accounts = pipeline.accounts(0, InboxCounters::default(), None);
        pipeline.feed_row(0, accounts, &[], at(ms)).unwrap().integrity_text
    };
    for message in messages(&[9; 40]) {
        pipeline.step(0, Event::Message(message));
    }
    pipeline.finish();
    assert_eq!(words(&mut pipeline, 20_000), "complete for 20 s");
    for number in 40..80u64 {
        pipeline.step(0, Event::Message(ticker(number, 1_003 + number, number as i64 * 100, 100.0)));
    }
    pipeline.finish();
    assert_eq!(words(&mut pipeline, 720_000), "3 lost in 12 min");
}
