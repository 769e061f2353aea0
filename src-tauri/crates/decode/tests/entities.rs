//! Made-up feeds of many entities: how their numbers are told apart, and what is no sequence.

mod kit;

use kit::{feed, run, start};

fn paths_of(outcome: &kit::Outcome, name: &str) -> usize {
    outcome.catalogue.series.iter().filter(|series| series.path.ends_with(name) && !series.key.is_empty()).count()
}

#[test]
fn a_feed_of_many_products_has_a_chart_for_each_though_none_comes_twice_while_learning() {
    let texts = (0..500_u64).map(|at| {
        let (product, wave) = (at * 7 % 125, at % 9);
        format!(
            r#"{{"type":"ticker","product_id":"P{product:03}-USD","price":{}.{wave},"volume_24h":{}.5,"best_bid":{},"trades":{}}}"#,
            100 + product * 13, 1_000 + at % 17, 99 + product * 13, at % 5
        )
    });
    let outcome = run(feed(texts, 10));
    assert_eq!(outcome.profile.kinds[0].keys, ["/product_id"]);
    assert_eq!(outcome.catalogue.series.len(), 4 * 125);
    assert!(outcome.names().contains(&"P000-USD.price"));
}

#[test]
fn a_key_without_a_telling_name_is_found_when_its_texts_come_again() {
    let texts = (0..700_u64).map(|at| {
        let unit = at * 37 % 100;
        format!(r#"{{"tag":"T{unit}","pressure":{},"flow":{}}}"#, 10 * unit + at % 3, 500 - 4 * unit + at % 2)
    });
    let outcome = run(feed(texts, 10));
    assert_eq!(outcome.profile.kinds[0].keys, ["/tag"]);
    assert_eq!((paths_of(&outcome, "/pressure"), paths_of(&outcome, "/flow")), (100, 100));
    let told: u64 = outcome.profile.kinds[0].series.iter().map(|series| series.samples).sum();
    assert_eq!(told, 1_400, "what was charted together before is still told");
}

#[test]
fn a_slow_feed_finds_its_key_though_it_learned_from_one_message() {
    let texts = (0..60_u64).map(|at| format!(r#"{{"line":"L{}","level":{}}}"#, at % 3, 100 * (at % 3) + at % 5));
    let outcome = run(feed(texts, 1_000));
    assert_eq!(outcome.profile.kinds[0].keys, ["/line"]);
    assert_eq!(paths_of(&outcome, "/level"), 3);
}

#[test]
fn rows_of_a_table_are_told_apart_by_the_text_that_each_has_for_itself() {
    let texts = || {
        (0..120_u64).map(|at| {
            let value = |salt: u64| (at * 7919 + salt * 104_729) % 1_000;
            let [a, b, c] = [value(1), value(2), value(3)];
            let row = |id: &str, v: u64| format!(r#"{{"id":"{id}","state":"ok","v":{v}}}"#);
            format!(r#"{{"rows":[{},{},{}]}}"#, row("m1", a), row("m2", b), row("m3", c))
        })
    };
    for millis in [10, 1_000] {
        let outcome = run(feed(texts(), millis));
        assert_eq!(outcome.profile.kinds[0].keys, ["/rows/*/id"], "a message each {millis} ms");
        assert_eq!(paths_of(&outcome, "/v"), 3);
    }
}

#[test]
fn an_identifier_that_never_comes_again_tells_no_rows_apart() {
    let texts = (0..120_u64)
        .map(|at| format!(r#"{{"trades":[{{"id":"t{at}","v":{}}},{{"id":"u{at}","v":{}}}]}}"#, at % 7, at % 5));
    let outcome = run(feed(texts, 10));
    assert!(outcome.profile.kinds[0].keys.is_empty());
}

#[test]
fn a_list_that_rolls_on_is_no_table() {
    for millis in [10, 1_000] {
        let texts = (0..300_u64).map(|at| {
            let trades: Vec<String> = (at..at + 20).map(|id| format!(r#"{{"id":"t{id}","v":{}}}"#, id % 7)).collect();
            format!(r#"{{"trades":[{}]}}"#, trades.join(","))
        });
        let outcome = run(feed(texts, millis));
        assert!(outcome.profile.kinds[0].keys.is_empty(), "a message each {millis} ms");
    }
}

#[test]
fn a_number_names_a_device_if_it_comes_again_and_a_reading_does_not() {
    let texts = (0..300_u64).map(|at| {
        let (sensor, reading) = (4_000 + at * 31 % 50, 700_000 + at * 3);
        format!(r#"{{"sensor_id":{sensor},"meter":{reading},"temp_c":{}.5}}"#, sensor % 40)
    });
    let outcome = run(feed(texts, 10));
    assert_eq!(outcome.profile.kinds[0].keys, ["/sensor_id"]);
    assert_eq!((paths_of(&outcome, "/temp_c"), paths_of(&outcome, "/meter")), (50, 50));
}

#[test]
fn a_sentence_is_no_name_whatever_it_is_called() {
    let texts = (0..300_u64).map(|at| format!(r#"{{"location":"{at} km south of the old mill","mag":{}.5}}"#, at % 4));
    let outcome = run(feed(texts, 10));
    assert!(outcome.profile.kinds[0].keys.is_empty());
    assert_eq!(outcome.names(), ["mag"]);
}

#[test]
fn a_report_of_many_counters_numbers_no_messages() {
    let texts = (0..200_u64).map(|at| {
        let others: Vec<String> = (0..20).map(|which| format!(r#""c{which}":{}"#, at * which)).collect();
        format!(r#"{{"polls":{},{}}}"#, 40_000 + at, others.join(","))
    });
    assert!(run(feed(texts, 1_000)).profile.sequence.is_empty());
    let totals = (0..200_u64).map(|at| format!(r#"{{"requests_total":{},"load":{}}}"#, 90_000 + at, at % 3));
    assert!(run(feed(totals, 100)).profile.sequence.is_empty());
}

#[test]
fn a_time_of_years_ago_is_a_time_if_it_is_called_so() {
    let old = start().nanos() / 1_000_000 - 20 * 365 * 86_400_000;
    let texts = (0..100_i64).map(|at| format!(r#"{{"updated":{},"mag":{}.5}}"#, old + at * 7_919, at % 4));
    assert_eq!(run(feed(texts, 10)).names(), ["mag"]);
}
