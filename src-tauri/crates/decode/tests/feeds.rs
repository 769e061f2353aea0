//! Made-up feeds: what discovery says of them, and what comes out of the decoder.

mod kit;

use std::sync::Arc;
use std::time::Duration;

use feedwatch_decode::{Decoder, Options};
use feedwatch_model::{MatchValue, Message, MessageMeta, SeriesKind, Time, TimeUnit, Value, Why};
use kit::{Collected, feed, run, start};
use proptest::prelude::*;

/// Ticker messages of four products with a sequence each, and a heartbeat now and then.
fn prices(count: usize) -> Vec<String> {
    let products = [("BTC-USD", 97_204.0), ("ETH-USD", 3_310.5), ("SOL-USD", 188.25), ("XRP-USD", 2.41)];
    let mut next = [37_475, 9_812, 551_200, 88];
    (0..count)
        .map(|at| {
            let time = start().plus_nanos(at as i64 * 25_000_000).to_string();
            if at % 20 == 19 {
                return format!(r#"{{"type":"heartbeat","time":"{time}"}}"#);
            }
            let which = (at * 7 + at / 3) % products.len();
            next[which] += 1;
            let (product, price) = products[which];
            let price = price * (1.0 + (at % 13) as f64 * 1e-4);
            format!(
                r#"{{"type":"ticker","product_id":"{product}","sequence":{},"time":"{time}","price":"{price:.2}","last_size":"{}","side":"buy"}}"#,
                next[which],
                at % 9
            )
        })
        .collect()
}

#[test]
fn a_rule_is_learned_though_messages_are_lost_repeated_and_swapped() {
    let mut texts = prices(400);
    texts.swap(30, 31);
    let again = texts[10].clone();
    texts.insert(12, again);
    for lost in [250, 41, 17] {
        texts.remove(lost);
    }
    let outcome = run(feed(texts, 25));
    let [rule] = outcome.profile.sequence.as_slice() else { panic!("{:?}", outcome.profile.sequence) };
    assert_eq!(
        (rule.paths.as_slice(), rule.per.as_slice()),
        (&["/sequence".to_owned()][..], &["/product_id".to_owned()][..])
    );
    assert!(rule.checked > 350 && (3..=8).contains(&rule.violations), "{rule:?}");
    assert_eq!(outcome.catalogue.scopes.len(), 4);
    let kinds: Vec<_> = outcome.profile.kinds.iter().map(|kind| kind.matches.clone()).collect();
    assert_eq!(kinds[0], [("/type".to_owned(), MatchValue::Text("ticker".to_owned()))].into());
    assert_eq!(kinds[1], [("/type".to_owned(), MatchValue::Text("heartbeat".to_owned()))].into());
    let ticker = &outcome.profile.kinds[0];
    assert_eq!(ticker.keys, ["/product_id"]);
    assert_eq!(ticker.time.as_ref().map(|time| (time.path.as_str(), time.unit)), Some(("/time", TimeUnit::Rfc3339)));
    assert!(outcome.names().contains(&"BTC-USD.price") && outcome.names().contains(&"XRP-USD.last_size"));
    assert!(ticker.ignored.iter().any(|ignored| ignored.path == "/sequence" && ignored.why == Why::Sequence));
    // Every ticker is marked, from the first on, and needs no other identity.
    for reading in outcome.readings.iter().filter(|reading| !reading.points.is_empty()) {
        assert_eq!((reading.marks.len(), reading.identity), (1, None));
    }
}

#[test]
fn a_slow_feed_learns_its_rule_after_the_window() {
    let texts = (0..60).filter(|at| *at != 20).map(|at| {
        let at_ms = (start().nanos() + at * 200_000_000) / 1_000_000;
        let wave = (at % 7) as f64 * 0.1;
        format!(
            r#"{{"seq":{},"at_ms":{at_ms},"press-1":{{"temp_c":{:.1},"pressure_bar":5.0,"running":true}},"press-2":{{"temp_c":{:.1},"pressure_bar":5.0,"running":true}}}}"#,
            123 + at, 71.2 + wave, 65.0 - wave
        )
    });
    let outcome = run(feed(texts, 200));
    let [rule] = outcome.profile.sequence.as_slice() else { panic!("{:?}", outcome.profile.sequence) };
    assert_eq!((rule.paths.as_slice(), rule.per.len()), (&["/seq".to_owned()][..], 0));
    assert_eq!((rule.checked, rule.violations), (58, 1));
    assert!(outcome.readings.last().is_some_and(|reading| reading.marks.len() == 1));
    let kind = &outcome.profile.kinds[0];
    assert!(kind.matches.is_empty() && kind.keys.is_empty());
    assert_eq!(kind.time.as_ref().map(|time| (time.path.as_str(), time.unit)), Some(("/at_ms", TimeUnit::Millis)));
    let temperature = outcome.catalogue.series.iter().find(|series| &*series.name == "press-1.temp_c").unwrap();
    assert_eq!((temperature.unit.as_deref(), temperature.kind), (Some("°C"), SeriesKind::Gauge));
    // What is flat is charted as well, and so are the two of one name in two machines.
    for name in ["press-1.pressure_bar", "press-2.temp_c", "press-2.running"] {
        assert!(outcome.names().contains(&name), "{name} of {:?}", outcome.names());
    }
    assert!(!outcome.names().iter().any(|name| name.contains("seq") || name.contains("at_ms")));
}

#[test]
fn the_second_key_text_tells_whether_numbers_run_through_or_per_key() {
    let text = |product: &str, sequence: u64, at: i64| {
        format!(r#"{{"product_id":"{product}","sequence":{sequence},"price":{},"size":1.5}}"#, 100 + at % 5)
    };
    let alone = (0..40).map(|at| text("A", 10 + at as u64, at));
    let through = alone.clone().chain((40..60).map(|at| text("B", 10 + at as u64, at)));
    let outcome = run(feed(through, 20));
    let rule = &outcome.profile.sequence[0];
    assert_eq!((rule.per.len(), rule.checked, rule.violations), (0, 59, 0));

    let each = alone.chain((40..60).map(|at| text("B", 900 + at as u64, at)));
    let outcome = run(feed(each, 20));
    let rule = &outcome.profile.sequence[0];
    assert_eq!((rule.per.as_slice(), rule.checked, rule.violations), (&["/product_id".to_owned()][..], 58, 0));
}

#[test]
fn a_kind_that_comes_later_joins_the_sequence_it_continues() {
    let texts = (0..200).map(|at| match at % 50 {
        49 => format!(r#"{{"channel":"status","sequence_num":{at},"open":true}}"#),
        _ => format!(r#"{{"channel":"trades","sequence_num":{at},"price":{},"size":{}}}"#, 100 + at % 7, at % 3),
    });
    let outcome = run(feed(texts, 20));
    let rule = &outcome.profile.sequence[0];
    assert_eq!((rule.kinds.as_slice(), rule.checked, rule.violations), (&[0, 1][..], 199, 0));
}

#[test]
fn what_runs_with_the_clock_is_no_sequence() {
    let texts = (0..100).map(|at| {
        let seconds = start().nanos() / 1_000_000_000 + at;
        format!(r#"{{"ts":{seconds},"uptime_seconds":{},"load":{}}}"#, 5000 + at, at % 4)
    });
    let outcome = run(feed(texts, 1000));
    assert!(outcome.profile.sequence.is_empty(), "{:?}", outcome.profile.sequence);
    assert_eq!(outcome.names(), ["uptime_seconds", "load"]);
}

#[test]
fn a_number_that_has_been_flat_is_a_series_when_it_moves() {
    let texts = (0..100).map(|at| format!(r#"{{"level":{},"flow":{}}}"#, if at < 90 { 4 } else { 5 }, at % 3));
    let outcome = run(feed(texts, 10));
    let level = outcome.profile.kinds[0].series.iter().find(|series| series.name == "level").unwrap();
    assert_eq!((level.samples, level.min, level.max, level.last), (100, Some(4.0), Some(5.0), Some(5.0)));
}

#[test]
fn a_batch_gives_a_point_for_each_element_with_its_own_time() {
    let element = |symbol: &str, price: f64, at: i64| {
        let millis = start().nanos() / 1_000_000 + at;
        format!(r#"{{"p":{price},"v":0.5,"t":{millis},"s":"{symbol}"}}"#)
    };
    let texts = (0..30).map(|at| {
        let of = [element("X", 5.25, at * 20), element("Y", 90.5, at * 20 + 1), element("X", 5.5, at * 20 + 2)];
        format!(r#"{{"type":"trade","data":[{}]}}"#, of.join(","))
    });
    let outcome = run(feed(texts, 20));
    let mut names = outcome.names();
    names.sort_unstable();
    assert_eq!(names, ["X.p", "X.v", "Y.p", "Y.v"]);
    let last = outcome.readings.last().unwrap();
    let price = |at: usize| (last.points[at].time.unwrap().nanos_since(start()) / 1_000_000, last.points[at].value);
    assert_eq!(price(0), (580, Value::F64(5.25)));
    assert_eq!(price(2), (581, Value::F64(90.5)));
    assert_eq!(price(4), (582, Value::F64(5.5)));
    assert_eq!(last.time, last.points[4].time);
}

#[test]
fn digits_with_a_leading_zero_are_text() {
    let texts = (0..20).map(|at| format!(r#"{{"PAPP":"00{}","IINST":"{}","code":"0x1F"}}"#, 860 + at, at * 3 % 7));
    let outcome = run(feed(texts, 50));
    assert_eq!(outcome.names(), ["IINST"]);
    let why: Vec<_> =
        outcome.profile.kinds[0].ignored.iter().map(|ignored| (ignored.path.as_str(), ignored.why)).collect();
    assert_eq!(why, [("/PAPP", Why::Text), ("/code", Why::Text)]);
}

#[test]
fn numbers_beyond_doubles_stay_exact() {
    let outcome = run(feed([r#"{"a":18446744073709551615,"b":"9007199254740993"}"#.to_owned()], 1));
    let values: Vec<_> = outcome.readings[0].points.iter().map(|point| point.value).collect();
    assert_eq!(values, [Value::U64(u64::MAX), Value::I64(9_007_199_254_740_993)]);
}

#[test]
fn what_cannot_be_read_is_rejected_in_its_place() {
    let texts = ["ping", r#"{"a":1}"#, "", r#"{"a":2}"#, "{"].map(str::to_owned);
    let outcome = run(feed(texts, 1));
    assert_eq!((outcome.readings.len(), outcome.rejected), (2, 3));
    assert_eq!(outcome.profile.format, "json");
    let outcome = run(feed(["{".to_owned(), "}".to_owned()], 1));
    assert_eq!((outcome.rejected, outcome.profile.format.as_str(), outcome.profile.kinds.len()), (2, "unknown", 0));
}

#[test]
fn learning_ends_by_number_by_time_by_size_and_at_the_end() {
    let message = |number: u64| Message::new(number, start().plus_nanos(number as i64 * 1_000_000), r#"{"a":1}"#);
    let held = |options: Options, count: u64| {
        let mut decoder = Decoder::new(options);
        let mut sink = Collected::default();
        (0..count).for_each(|number| decoder.push(message(number), &mut sink));
        assert_eq!(decoder.held() + sink.readings.len(), count as usize);
        (decoder, sink)
    };
    assert_eq!(held(Options::default(), 63).0.held(), 63);
    assert_eq!(held(Options::default(), 64).0.held(), 0);
    assert_eq!(held(Options { hold_bytes: 21, ..Options::default() }, 2).0.held(), 2);
    assert_eq!(held(Options { hold_bytes: 21, ..Options::default() }, 3).0.held(), 0);
    assert_eq!(held(Options { learn_for: Duration::from_millis(10), ..Options::default() }, 11).0.held(), 0);
    let (mut decoder, mut sink) = held(Options::default(), 5);
    decoder.elapse(start().plus_nanos(499_000_000), &mut sink);
    assert_eq!(decoder.held(), 5);
    decoder.elapse(start().plus_nanos(500_000_000), &mut sink);
    assert_eq!((decoder.held(), sink.readings.len()), (0, 5));
    let (mut decoder, mut sink) = held(Options::default(), 5);
    decoder.finish(&mut sink);
    assert_eq!((decoder.held(), sink.readings.len()), (0, 5));
}

#[test]
fn topics_name_entities() {
    let texts = (0..40).map(|at| format!(r#"{{"temperature":{},"battery_pct":80}}"#, if at % 2 == 0 { 21 } else { 4 }));
    let messages = feed(texts, 10).into_iter().map(|mut message| {
        let topic = if message.number % 2 == 0 { "home/kitchen" } else { "home/cellar" };
        message.meta = Some(Box::new(MessageMeta { topic: Some(topic.into()), ..MessageMeta::default() }));
        message
    });
    let outcome = run(messages.collect());
    assert_eq!(outcome.profile.kinds[0].keys, ["topic:/1"]);
    assert_eq!(
        outcome.names(),
        ["kitchen.temperature", "kitchen.battery_pct", "cellar.temperature", "cellar.battery_pct"]
    );
    assert_eq!(outcome.catalogue.series[0].key, [(Arc::from("topic:/1"), Arc::from("kitchen"))]);
    assert_eq!(outcome.catalogue.series[1].unit.as_deref(), Some("%"));
}

#[test]
fn a_message_is_known_again_by_its_id_or_by_its_bytes_if_it_has_a_time() {
    let time = start().to_string();
    let texts = [
        format!(r#"{{"time":"{time}","a":1}}"#),
        format!(r#"{{"time":"{time}","a":1}}"#),
        format!(r#"{{"time":"{time}","a":2}}"#),
    ];
    let outcome = run(feed(texts, 1));
    let identity: Vec<_> = outcome.readings.iter().map(|reading| reading.identity.unwrap()).collect();
    assert!(identity[0] == identity[1] && identity[0] != identity[2]);

    let outcome = run(feed([r#"{"alive":true}"#.to_owned(), r#"{"alive":true}"#.to_owned()], 1));
    assert!(outcome.readings.iter().all(|reading| reading.identity.is_none()));

    let with_id = feed([r#"{"a":1}"#.to_owned(), r#"{"a":2}"#.to_owned(), r#"{"a":2}"#.to_owned()], 1).into_iter().map(
        |mut message| {
            let id = if message.number < 2 { "7" } else { "8" };
            message.meta = Some(Box::new(MessageMeta { id: Some(id.into()), ..MessageMeta::default() }));
            message
        },
    );
    let outcome = run(with_id.collect());
    let identity: Vec<_> = outcome.readings.iter().map(|reading| reading.identity.unwrap()).collect();
    assert!(identity[0] == identity[1] && identity[1] != identity[2]);
}

#[test]
fn an_entity_without_a_value_takes_no_series_from_the_others() {
    let priced = |from: u64, to: u64| (from..to).map(|at| format!(r#"{{"symbol":"S{at}","price":{}}}"#, at % 7));
    let learned = (0..90).flat_map(|_| priced(0, 3));
    let unpriced = (100..150).map(|at| format!(r#"{{"symbol":"S{at}","price":null}}"#));
    let texts: Vec<String> = learned.chain(unpriced).chain(priced(200, 205)).chain(priced(200, 205)).collect();
    let mut decoder = Decoder::new(Options { max_series: 10, ..Options::default() });
    let mut sink = Collected::default();
    feed(texts, 1).into_iter().for_each(|message| decoder.push(message, &mut sink));
    decoder.finish(&mut sink);
    assert_eq!((decoder.catalogue().series.len(), decoder.catalogue().beyond_limit), (8, 0));
}

#[test]
fn series_and_paths_are_bounded_and_what_is_beyond_is_counted() {
    let texts: Vec<String> = (0..200).map(|at| format!(r#"{{"device":"d{at}","x":1,"y":2,"k{at}":3}}"#)).collect();
    let mut decoder = Decoder::new(Options { max_series: 10, max_nodes: 20, ..Options::default() });
    let mut sink = Collected::default();
    feed(texts, 1).into_iter().for_each(|message| decoder.push(message, &mut sink));
    decoder.finish(&mut sink);
    let catalogue = decoder.catalogue();
    assert_eq!((sink.readings.len(), catalogue.series.len()), (200, 10));
    assert!(catalogue.beyond_limit > 0 && catalogue.beyond_paths > 0);
    let left_out =
        decoder.profile().kinds.into_iter().flat_map(|kind| kind.ignored).filter(|path| path.why == Why::Limit);
    let left_out: Vec<String> = left_out.map(|path| path.path).collect();
    assert_eq!(left_out.get(..2), Some(&["/x".to_owned(), "/y".to_owned()][..]), "what is not charted is said");
    let points: usize = sink.readings.iter().map(|reading| reading.points.len()).sum();
    let samples: u64 = decoder.profile().kinds.iter().flat_map(|kind| &kind.series).map(|series| series.samples).sum();
    assert_eq!(points as u64, samples);
}

#[test]
fn names_are_unique() {
    let texts = (0..40).map(|at| match at % 2 {
        0 => format!(r#"{{"type":"ask","price":{at},"data":{{"price":{at},"q":1}}}}"#),
        _ => format!(r#"{{"type":"bid","price":{at},"levels":[{{"price":{at}}}]}}"#),
    });
    let outcome = run(feed(texts, 10));
    let names: std::collections::BTreeSet<_> = outcome.names().into_iter().collect();
    assert_eq!(names.len(), outcome.catalogue.series.len());
}

/// Messages of a few shapes, some broken.
fn any_text() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        any::<i64>().prop_map(|value| value.to_string()),
        (0..1000_u32).prop_map(|value| value.to_string()),
        any::<f32>().prop_map(|value| serde_json::json!(value).to_string()),
        "[a-c]{0,2}|0[0-9]{3}|2026-03-01T12:00:0[0-9]Z".prop_map(|text| format!("{text:?}")),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("[[1,\"2.5\"],[3,4]]".to_owned()),
        Just("[{\"s\":\"a\",\"p\":1},{\"s\":\"b\",\"t\":1772366400}]".to_owned()),
        Just("{\"seq\":5,\"x\":{}}".to_owned()),
    ];
    let member = ("type|s|price|seq|time|data|id|[a-d]", value);
    prop_oneof![
        9 => prop::collection::vec(member, 0..6).prop_map(|members| {
            let members: Vec<String> = members.into_iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
            format!("{{{}}}", members.join(","))
        }),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_feed_comes_out_once_in_order_and_the_same_again(texts in prop::collection::vec(any_text(), 0..150), step in 0..100_i64) {
        let messages = feed(texts, step);
        let once = run(messages.clone());
        let again = run(messages.clone());
        prop_assert_eq!(&once.readings, &again.readings);
        prop_assert_eq!(&once.profile, &again.profile);
        prop_assert_eq!(once.readings.len() + once.rejected, messages.len());
        let counted: u64 = once.profile.kinds.iter().map(|kind| kind.messages).sum();
        prop_assert_eq!(counted, once.readings.len() as u64);
        let names: std::collections::BTreeSet<_> = once.names().into_iter().collect();
        prop_assert_eq!(names.len(), once.catalogue.series.len());
    }

    #[test]
    fn no_bytes_panic(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..80)) {
        let messages = (0..).zip(payloads).map(|(number, payload)| Message::new(number, Time::from_nanos(0), payload));
        run(messages.collect());
    }
}
