//! Made-up feeds: how discovery judges what is in no capture.

mod kit;

use feedwatch_model::{KindProfile, MatchValue, MessageMeta, SeriesKind, TimeUnit, Value, Why};
use kit::{Outcome, feed, run, start};

fn only(outcome: &Outcome) -> &KindProfile {
    let [only] = outcome.profile.kinds.as_slice() else { panic!("{:#?}", outcome.profile.kinds) };
    only
}

fn why(kind: &KindProfile, path: &str) -> Option<Why> {
    kind.ignored.iter().find(|ignored| ignored.path == path).map(|ignored| ignored.why)
}

fn sort(kind: &KindProfile, path: &str) -> Option<SeriesKind> {
    kind.series.iter().find(|series| series.path == path).map(|series| series.kind)
}

fn time(kind: &KindProfile) -> Option<(&str, TimeUnit)> {
    kind.time.as_ref().map(|time| (time.path.as_str(), time.unit))
}

#[test]
fn an_object_whose_members_names_are_keys_has_one_path_for_all_of_them() {
    let quote =
        |at: u64, coin: &str, base: u64| format!(r#""{coin}":{{"bid":{},"ask":{}.5}}"#, base + at % 7, base + at % 5);
    let text = |at: u64| {
        format!(r#"{{"prices":{{{},{},{}}}}}"#, quote(at, "BTC", 100), quote(at, "ETH", 200), quote(at, "SOL", 300))
    };
    for millis in [10, 1_000] {
        // One that comes later needs no learning.
        let later =
            (100..110).map(|at| format!(r#"{{"prices":{{{},{}}}}}"#, quote(at, "XRP", 7), quote(at, "BTC", 100)));
        let outcome = run(feed((0..100).map(text).chain(later), millis));
        let kind = only(&outcome);
        assert_eq!(kind.keys, ["/prices/{*}"]);
        let bid = kind.series.iter().filter(|series| series.path == "/prices/{*}/bid");
        let found: Vec<_> =
            bid.map(|series| (series.name.as_str(), series.key["/prices/{*}"].as_str(), series.samples)).collect();
        assert_eq!(
            found,
            [("BTC.bid", "BTC", 110), ("ETH.bid", "ETH", 100), ("SOL.bid", "SOL", 100), ("XRP.bid", "XRP", 10)]
        );
    }
}

#[test]
fn an_object_of_measures_is_no_map() {
    let texts = (0..100).map(|at| {
        let part = |name: &str, value: u64| format!(r#""{name}":{{"value":{value},"min":0,"max":99}}"#);
        format!(
            "{{{},{},{}}}",
            part("temperature", 20 + at % 3),
            part("humidity", 40 + at % 5),
            part("pressure", at % 9)
        )
    });
    let outcome = run(feed(texts, 10));
    assert!(only(&outcome).keys.is_empty());
    assert!(outcome.names().contains(&"temperature.value"));
}

#[test]
fn a_string_that_holds_json_is_entered() {
    let texts = (0..100).map(|at| {
        let at_ms = start().nanos() / 1_000_000 + at * 10;
        format!(
            r#"{{"key":"k","value":"{{\"price\":{}.5,\"sym\":\"{}\",\"ts\":{at_ms}}}"}}"#,
            100 + at % 7,
            ["A", "B"][at as usize % 2]
        )
    });
    let outcome = run(feed(texts, 10));
    let kind = only(&outcome);
    assert_eq!(
        (kind.keys.as_slice(), time(kind)),
        (&["/value#/sym".to_owned()][..], Some(("/value#/ts", TimeUnit::Millis)))
    );
    assert!(outcome.names().contains(&"A.price"));
    assert_eq!((outcome.rejected, outcome.profile.format.as_str()), (0, "json"));
}

#[test]
fn sums_ramps_and_sawteeth_are_told_apart_machine_by_machine() {
    for millis in [10, 1_000] {
        let texts = (0..300_u64).map(|at| {
            let (machine, turn) = (at % 3, at / 3);
            format!(
                r#"{{"machine":"m{machine}","rx":{},"energy":{}.{},"odometer":{},"ramp":{},"load":{}}}"#,
                700 * (machine + 1) + turn * 13 + turn % 5,
                4_000 + turn,
                turn * 7 % 10,
                123_456 + turn / 2,
                turn * 5 % 100,
                turn % 4
            )
        });
        let outcome = run(feed(texts, millis));
        let kind = only(&outcome);
        assert_eq!(kind.keys, ["/machine"]);
        let sorts = ["/rx", "/energy", "/odometer", "/ramp", "/load"].map(|path| sort(kind, path));
        let [counter, gauge] = [SeriesKind::Counter, SeriesKind::Gauge].map(Some);
        assert_eq!(sorts, [counter, counter, counter, gauge, gauge], "a message each {millis} ms");
    }
}

#[test]
fn running_numbers_beside_each_other_are_no_series() {
    let texts = (0..100_u64).map(|at| {
        let first = 80_000_000 + at * 4;
        format!(
            r#"{{"event":"bar","first":{first},"final":{},"p":{}.5,"q":{}}}"#,
            first + at % 3,
            100 + at % 7,
            1_000_000 + at * 7_919 % 9_000
        )
    });
    let outcome = run(feed(texts, 1_000));
    let kind = only(&outcome);
    assert_eq!([why(kind, "/first"), why(kind, "/final")], [Some(Why::Identifier); 2]);
    assert_eq!([sort(kind, "/p"), sort(kind, "/q")], [Some(SeriesKind::Gauge); 2]);
    let late = outcome.readings.last().unwrap();
    assert_eq!(late.points.len(), 2, "what turned out to be none gets no further points");
}

#[test]
fn words_for_yes_and_no_are_booleans_and_few_texts_are_states() {
    let texts = (0..120).map(|at| {
        let door = if at / 20 % 2 == 0 { "open" } else { "closed" };
        let gear = ["idle", "low", "high"][at / 15 % 3];
        format!(
            r#"{{"door":"{door}","gear":"{gear}","alarm_state":"{}","side":"{}","rpm":{}}}"#,
            ["OK", "WARN"][at % 2],
            ["buy", "sell"][at / 9 % 2],
            900 + at % 7
        )
    });
    let outcome = run(feed(texts, 10));
    let kind = only(&outcome);
    let sorts = ["/door", "/gear", "/alarm_state", "/side"].map(|path| sort(kind, path));
    assert_eq!(sorts, [Some(SeriesKind::Boolean), Some(SeriesKind::State), Some(SeriesKind::State), None]);
    let state = kind.series.iter().find(|series| series.path == "/gear").unwrap();
    assert_eq!((state.samples, state.last, state.name.as_str()), (120, None, "gear"));
    assert_eq!(outcome.names(), ["door", "rpm"]);
    assert_eq!(outcome.readings[0].points[0].value, Value::Bool(true));
}

#[test]
fn what_somebody_set_is_constant_until_it_changes_and_what_is_measured_is_charted() {
    let text =
        |at: u64, depth: u64| format!(r#"{{"lanes":{depth},"max_users":500,"errors":0,"level":4,"flow":{}}}"#, at % 3);
    let outcome = run(feed((0..100).map(|at| text(at, 8)), 10));
    let kind = only(&outcome);
    assert_eq!([sort(kind, "/errors"), sort(kind, "/level")], [Some(SeriesKind::Gauge); 2]);
    assert_eq!(why(kind, "/max_users"), Some(Why::Constant));
    let text = |at: u64, depth: u64| format!(r#"{{"depth_code":{depth},"flow":{}}}"#, at % 3);
    let flat = run(feed((0..100).map(|at| text(at, 8)), 10));
    assert_eq!(why(only(&flat), "/depth_code"), None, "a depth is measured");
    let text = |at: u64, tier: u64| format!(r#"{{"tier":{tier},"flow":{}}}"#, at % 3);
    let flat = run(feed((0..100).map(|at| text(at, 8)), 10));
    assert_eq!((why(only(&flat), "/tier"), sort(only(&flat), "/tier")), (Some(Why::Constant), None));
    let moves = run(feed((0..100).map(|at| text(at, 8 + at / 90)), 10));
    assert_eq!((why(only(&moves), "/tier"), sort(only(&moves), "/tier")), (None, Some(SeriesKind::Gauge)));
}

#[test]
fn topics_of_one_make_have_one_level_as_key_and_no_two_things_become_one() {
    let on = |topics: [&'static str; 4]| {
        let texts = (0..80).map(|at| format!(r#"{{"level":{},"flow":1.5}}"#, at % 7));
        let messages = feed(texts, 10).into_iter().map(move |mut message| {
            let topic = if message.number < 79 { topics[message.number as usize % 3] } else { topics[3] };
            message.meta = Some(Box::new(MessageMeta { topic: Some(topic.into()), ..MessageMeta::default() }));
            message
        });
        run(messages.collect())
    };
    let one = on(["site/a/up", "site/b/up", "site/c/up", "other/a/up"]);
    assert_eq!(only(&one).keys, ["topic:/1"]);
    let level = only(&one).series.iter().filter(|series| series.path == "/level");
    assert_eq!(level.map(|series| series.key["topic:/1"].as_str()).collect::<Vec<_>>(), ["a", "b", "c", "other/a/up"]);
    let several = on(["x/a/up", "y/b/up", "x/b/up", "y/a/up"]);
    assert_eq!(only(&several).keys, ["topic"]);
}

#[test]
fn times_are_told_by_zone_name_nearness_and_fineness() {
    let secs = start().nanos() / 1_000_000_000;
    let of = |text: &dyn Fn(i64) -> String| run(feed((0..100).map(text), 10));
    // Days behind, all together: still the time of the message.
    let behind = of(&|at| format!(r#"{{"t":{},"co2_ppm":{}}}"#, (secs - 9 * 86_400 + at) * 1_000, 400 + at % 9));
    assert_eq!(time(only(&behind)), Some(("/t", TimeUnit::Millis)));
    // Without a zone it is told, and places nothing.
    let local = of(&|at| format!(r#"{{"Time":"2026-03-01T14:00:{:02}","w":{}}}"#, at % 60, at % 7));
    assert_eq!(time(only(&local)), Some(("/Time", TimeUnit::Local)));
    assert!(local.readings.iter().all(|reading| reading.time.is_none()));
    // The finer of two that tell the same, and the nearer to the top.
    let both = of(&|at| {
        format!(
            r#"{{"a":{{"ts":{}}},"ts":{},"ts_us":{},"w":{}}}"#,
            (secs + at) * 1_000_000,
            secs + at,
            (secs + at) * 1_000_000,
            at % 7
        )
    });
    assert_eq!(time(only(&both)), Some(("/ts_us", TimeUnit::Micros)));
    // A birthday is no event time, a recording of long ago is.
    let born = of(&|at| format!(r#"{{"birth_date":"{}-03-01T00:00:00Z","w":{}}}"#, 1950 + at % 50, at % 7));
    assert_eq!(time(only(&born)), None);
    let old = of(&|at| format!(r#"{{"time":{},"w":{}}}"#, 1_000_000_000 + at, at % 7));
    assert_eq!(time(only(&old)), Some(("/time", TimeUnit::Seconds)));
    assert!(old.names() == ["w"]);
}

#[test]
fn heartbeats_and_acknowledgements_are_kinds_of_their_own() {
    for millis in [10, 1_000] {
        let texts = (0..100).map(|at| match at {
            0 => r#"{"result":null,"id":1}"#.to_owned(),
            _ if at % 10 == 9 => r#"{"event":"heartbeat"}"#.to_owned(),
            _ => format!(
                r#"{{"event":"trade","stream":"btcusdt@trade","s":"BTCUSDT","p":{},"q":{}}}"#,
                100 + at % 7,
                at % 3
            ),
        });
        let outcome = run(feed(texts, millis));
        let kinds: Vec<_> =
            outcome.profile.kinds.iter().map(|kind| (kind.matches.get("/event").cloned(), kind.messages)).collect();
        let text = |text: &str| Some(MatchValue::Text(text.to_owned()));
        assert_eq!(
            kinds,
            [(text("trade"), 89), (text("heartbeat"), 10), (Some(MatchValue::Present(false)), 1)],
            "{millis}"
        );
    }
}

#[test]
fn rows_may_be_numbered_and_a_total_of_parts_is_no_sum() {
    for millis in [10, 1_000] {
        let texts = (0..100_u64).map(|at| {
            let row = |core: u64| format!(r#"{{"core":{core},"user":{}.5}}"#, (at * 7_919 + core * 31) % 97);
            format!(
                r#"{{"cpus":[{},{}],"mem":{{"total":16000000000,"free":{}}}}}"#,
                row(0),
                row(1),
                9_000_000_000 + at * 7_919 % 999_983
            )
        });
        let outcome = run(feed(texts, millis));
        let kind = only(&outcome);
        assert_eq!(kind.keys, ["/cpus/*/core"], "a message each {millis} ms");
        assert_eq!(sort(kind, "/mem/total"), Some(SeriesKind::Gauge));
    }
}

#[test]
fn a_unit_may_stand_beside_a_value_or_among_its_attributes() {
    let texts = (0..50).map(|at| format!(r#"{{"a":{{"value":{at}.5,"unit":"bar"}},"b":{{"state":"{at}.5","attributes":{{"unit_of_measurement":"\u00b0C"}}}}}}"#));
    let outcome = run(feed(texts, 10));
    let unit = |path: &str| {
        only(&outcome).series.iter().find(|series| series.path == path).and_then(|series| series.unit.clone())
    };
    assert_eq!((unit("/a/value"), unit("/b/state")), (Some("bar".to_owned()), Some("°C".to_owned())));
}

#[test]
fn elements_without_a_key_are_told_apart_by_their_place_if_their_numbers_are() {
    let texts = |apart: u64| {
        (0..80_u64).map(move |at| {
            let pump =
                |which: u64| format!(r#"{{"flow":{}.5,"on":true}}"#, apart * which + (at * 7_919 + which * 31) % 17);
            format!(r#"{{"pumps":[{},{},{}]}}"#, pump(0), pump(1), pump(2))
        })
    };
    let outcome = run(feed(texts(100), 5));
    assert_eq!(outcome.names()[..2], ["pumps.0.flow", "pumps.0.on"]);
    assert!(outcome.catalogue.series.iter().any(|series| &*series.path == "/pumps/2/flow"));
    // A batch of readings is one series.
    let outcome = run(feed(texts(0), 5));
    assert_eq!(outcome.names(), ["flow", "on"]);
}

#[test]
fn the_first_place_of_an_array_names_if_its_numbers_are_told_apart_by_it() {
    for millis in [10, 500] {
        let texts = (0..200).map(|at| {
            let (channel, base) = if at * 7 % 5 < 2 { (10, 100) } else { (11, 7_000) };
            format!("[{channel},[{}.5,{}.25,{}]]", base + at % 7, at % 9, at % 5)
        });
        let outcome = run(feed(texts, millis));
        let kind = only(&outcome);
        assert_eq!(kind.keys, ["/0"], "{millis}");
        assert!(kind.series.iter().all(|series| series.path != "/0"), "a channel is no measurement");
    }
    // Numbers that do not hang on it are measured.
    let texts = (0..200).map(|at| format!("[{},[{}.5,{}.25]]", at * 7 % 5, at * 13 % 7, at * 11 % 9));
    assert_eq!(only(&run(feed(texts, 10))).keys, [""; 0]);
}

#[test]
fn metrics_are_told_apart_by_their_names_also_within_other_arrays_and_below_a_topic() {
    let metric =
        |name: &str, value: u64| format!(r#"{{"name":"{name}","type":"Float","gauge":{{"value":{value}.5}}}}"#);
    let texts = (0..100).map(|at| {
        let scope = format!(r#"{{"metrics":[{},{}]}}"#, metric("cpu", 50 + at % 3), metric("fan", 1_000 + at % 9));
        format!(r#"{{"scopes":[{scope},{scope}]}}"#)
    });
    assert_eq!(only(&run(feed(texts, 10))).keys, ["/scopes/*/metrics/*/name"]);

    let texts = (0..100).map(|at| format!(r#"{{"metrics":[{},{}]}}"#, metric("cpu", 50), metric("fan", at % 9)));
    let messages = feed(texts, 500).into_iter().enumerate().map(|(at, mut message)| {
        let topic = format!("plant/{}/data", at % 2);
        message.meta = Some(Box::new(MessageMeta { topic: Some(topic.into()), ..MessageMeta::default() }));
        message
    });
    let outcome = run(messages.collect());
    assert!(only(&outcome).keys.iter().any(|key| key == "/metrics/*/name"), "{:?}", only(&outcome).keys);
}

#[test]
fn the_source_of_a_cloud_event_names_its_device() {
    let texts = |version: &str| {
        let version = version.to_owned();
        let text =
            move |at: u64| format!(r#"{{{version}"source":"/dev/{}","data":{{"celsius":{}.5}}}}"#, at % 3, 20 + at % 5);
        (0..100).map(text)
    };
    assert_eq!(only(&run(feed(texts(r#""specversion":"1.0","#), 10))).keys, ["/source"]);
    assert_eq!(only(&run(feed(texts(""), 10))).keys, [""; 0], "elsewhere it may be a cause");
}
