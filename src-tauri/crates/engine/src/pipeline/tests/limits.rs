//! What is bounded is said.

use feedwatch_model::Sample;

use super::*;
use crate::wire::Level;

#[test]
fn more_series_than_allowed_are_told_once() {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
    let decode = feedwatch_decode::Options { max_series: 3, ..feedwatch_decode::Options::default() };
    pipeline.add_feed(FeedSettings { decode, ..settings(None) }, at(0));
    for number in 0..100 {
        let [a, b, c, d, e] = [7, 5, 11, 9, 8].map(|modulus| number * number % modulus);
        let text = format!(r#"{{"a":{a},"b":{b},"c":{c},"d":{d},"e":{e}}}"#);
        pipeline.step(0, Event::Message(Message::new(number, at(number as i64), text)));
    }
    let told = |news: Vec<News>| news.into_iter().filter(|news| matches!(news, News::Notice(..))).collect::<Vec<_>>();
    let told = told(pipeline.take_output().news);
    assert!(
        matches!(&told[..], [News::Notice(Level::Warning, text)] if text.contains("more than 3 series")),
        "{told:?}"
    );
}

/// A feed of numbered messages, 10 ms apart, of which one is missing.
fn limited(rate: Option<Rate>) -> (Pipeline, Vec<Sample>, Vec<News>) {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), true);
    pipeline.add_feed(FeedSettings { rate, ..settings(None) }, at(0));
    for number in (0..400_i64).filter(|number| *number != 300) {
        let text = format!(r#"{{"seq":{number},"level":{}}}"#, 20 + number * 7 % 11);
        pipeline.step(0, Event::Message(Message::new(number as u64, at(number * 10), text)));
    }
    pipeline.elapse(at(6_000), true);
    pipeline.finish();
    let output = pipeline.take_output();
    (pipeline, output.batch.samples, output.news)
}

#[test]
fn a_rate_limit_thins_what_is_kept_and_no_check_misses_a_message() {
    let (whole, samples, _) = limited(None);
    assert_eq!((samples.len(), whole.feed(0).unwrap().left_out()), (399, 0));
    for (rate, kept) in [(Rate::Newest(Duration::from_millis(250)), 16), (Rate::Every(10), 40), (Rate::AtMost(5), 20)] {
        let (pipeline, samples, news) = limited(Some(rate));
        let books = pipeline.accounts(0, InboxCounters { received: 399, ..InboxCounters::default() }, None);
        assert_eq!((samples.len(), books.conflated), (kept, 399 - kept as u64), "{rate}");
        assert_eq!((books.stored, books.dropped, pipeline.feed(0).unwrap().lost()), (399, 0, 1), "{rate}");
        assert!(news.iter().any(|news| matches!(news, News::Gap(gap) if gap.missing == Some(1))), "{rate}");
    }
}

#[test]
fn the_newest_value_of_a_slot_goes_on_when_the_slot_is_over_though_nothing_follows() {
    let rate = Some(Rate::Newest(Duration::from_millis(250)));
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), true);
    pipeline.add_feed(FeedSettings { rate, ..settings(None) }, at(0));
    for number in 0..100 {
        let text = format!(r#"{{"level":{}}}"#, number % 7);
        pipeline.step(0, Event::Message(Message::new(number, at(number as i64 * 10), text)));
    }
    let mut kept = |ms: i64| {
        pipeline.elapse(at(ms), true);
        pipeline.take_output().batch.samples.last().map(|sample| sample.received)
    };
    assert_eq!(kept(995), Some(at(740)), "the last slot is under way");
    assert_eq!(kept(1_000), Some(at(990)));
}

#[test]
fn of_each_slot_the_newest_value_is_kept_with_its_own_time() {
    let (_, whole, _) = limited(None);
    let (_, samples, _) = limited(Some(Rate::Newest(Duration::from_millis(250))));
    assert!(samples.iter().all(|sample| whole.contains(sample)));
    let slot = |time: Time| time.nanos_since(at(0)) / 250_000_000;
    let newest = |wanted: i64| whole.iter().rfind(|sample| slot(sample.received) == wanted);
    let expected: Vec<&Sample> = (0..16).filter_map(newest).collect();
    assert_eq!(samples.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_pinned_range_is_judged_from_the_first_value_on() {
    let price = feedwatch_decode::PinnedSeries {
        path: "/price".to_owned(),
        kind: None,
        unit: None,
        range: (Some(0.0), Some(150.0)),
        fastest: None,
    };
    let pins = feedwatch_decode::Pins { series: vec![price], ..feedwatch_decode::Pins::default() };
    for (pins, expected) in [(pins, 1), (feedwatch_decode::Pins::default(), 0)] {
        let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
        let decode =
            feedwatch_decode::Options { pins: std::sync::Arc::new(pins), ..feedwatch_decode::Options::default() };
        pipeline.add_feed(FeedSettings { decode, ..settings(None) }, at(0));
        for index in 0..100 {
            let price = if index == 80 { 151.0 } else { 100.0 + (index % 7) as f64 };
            pipeline.step(0, Event::Message(ticker(index, 1_000 + index, index as i64 * 100, price)));
        }
        pipeline.finish();
        let outside = pipeline.findings().filter(|found| found.finding.kind == FindingKind::Outside);
        let shown: Vec<_> = outside.map(|found| found.finding.message).collect();
        assert_eq!(shown, vec![Some(80); expected]);
    }
}

/// What is told of a feed of 20 keys, to which so many come in the second before the third, fourth, ... minute.
fn exploding(new: u64, minutes: u64) -> Vec<(FindingKind, String)> {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
    pipeline.add_feed(settings(None), at(0));
    let (mut number, mut next) = (0, 0);
    let mut push = |pipeline: &mut Pipeline, second: u64, key: u64| {
        let text = format!(r#"{{"device":"d{key}","level":{}}}"#, 20 + (number * 7 + key) % 11);
        pipeline.message(0, Message::new(number, at(second as i64 * 1_000), text));
        number += 1;
    };
    for second in 0..minutes * 60 {
        (0..20).for_each(|key| push(&mut pipeline, second, key));
        if second >= 179 && second % 60 == 59 {
            (0..new).for_each(|key| push(&mut pipeline, second, 1_000 + next + key));
            next += new;
        }
    }
    pipeline.finish();
    let found = pipeline.findings().map(|found| &found.finding);
    found.filter(|found| found.check == Check::Schema).map(|found| (found.kind, found.text.clone())).collect()
}

#[test]
fn an_explosion_of_keys_is_one_finding() {
    let text = "/device names 500 new series in a minute; 20 were known before. \
                If it is an identifier and no key, `keys` in the feed's profile leaves it out.";
    assert_eq!(exploding(900, 8), [(FindingKind::Appeared, text.to_owned())]);
    assert_eq!(exploding(400, 8), [], "a growing fleet is none");
}
