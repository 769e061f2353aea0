//! How messages are numbered: what discovery finds of made-up feeds of every rule, also where messages are lost, and what it
//! does not take for one.

mod kit;

use std::sync::Arc;

use feedwatch_model::{MatchValue, Message, MessageMeta, Reading, SequenceProfile, SequenceRule, Why};
use kit::{Outcome, feed, run};
use proptest::prelude::*;

fn only(outcome: &Outcome) -> &SequenceProfile {
    let [rule] = outcome.profile.sequence.as_slice() else { panic!("{:#?}", outcome.profile.sequence) };
    rule
}

/// Paths, rule, scope, pairs and broken pairs.
fn said(rule: &SequenceProfile) -> (Vec<&str>, SequenceRule, Vec<&str>, u64, u64) {
    let paths = rule.paths.iter().map(String::as_str).collect();
    let per = rule.per.iter().map(String::as_str).collect();
    (paths, rule.rule, per, rule.checked, rule.violations)
}

/// First and last number and whether it begins anew, of each message that has a mark.
fn marks(outcome: &Outcome) -> Vec<(u64, u64, bool)> {
    let first = |reading: &Reading| reading.marks.first().map(|mark| (mark.first, mark.last, mark.restarts));
    outcome.readings.iter().filter_map(first).collect()
}

const PRODUCTS: [&str; 3] = ["BTC-USD", "ETH-USD", "SOL-USD"];

/// Which product's turn it is: all of them, in no order that a rule could hang on.
fn turn(at: usize) -> usize {
    (at * 7 + at / 5) % PRODUCTS.len()
}

#[test]
fn a_counter_of_one_byte_has_a_modulus() {
    let texts = (0..600).map(|at| format!(r#"{{"seq":{},"temp_c":{:.1}}}"#, (at + 200) % 256, 20.0 + (at % 7) as f64));
    let outcome = run(feed(texts, 20));
    let rule = only(&outcome);
    assert_eq!(said(rule), (vec!["/seq"], SequenceRule::PlusOneModulo, vec![], 599, 0));
    assert_eq!(rule.modulus, Some(256));
    assert_eq!(outcome.catalogue.rules[0].modulus, Some(256));
    let numbers: Vec<u64> = marks(&outcome).iter().map(|(first, ..)| *first).collect();
    assert_eq!(numbers, (200..800).collect::<Vec<u64>>(), "they go on counting");
}

#[test]
fn a_counter_goes_round_although_messages_are_lost_there() {
    let lost = [250, 555, 556, 557, 700];
    let kept = (0..1000).filter(|at| !lost.contains(at));
    let texts = kept.map(|at| format!(r#"{{"seq":{},"temp_c":{:.1}}}"#, at % 256, 20.0 + (at % 7) as f64));
    let rule = run(feed(texts, 20)).profile.sequence.remove(0);
    assert_eq!((rule.modulus, rule.checked, rule.violations), (Some(256), 994, 3));
}

#[test]
fn a_counter_that_goes_round_while_it_is_on_trial_has_a_modulus_from_the_first() {
    let texts = (0..100).map(|at| format!(r#"{{"cnt":{},"temp_c":{:.1}}}"#, (at + 250) % 256, 20.0 + (at % 7) as f64));
    let outcome = run(feed(texts, 20));
    assert_eq!(said(only(&outcome)), (vec!["/cnt"], SequenceRule::PlusOneModulo, vec![], 99, 0));
    assert_eq!(only(&outcome).modulus, Some(256));
    let kind = &outcome.profile.kinds[0];
    assert_eq!(kind.series.iter().map(|series| series.path.as_str()).collect::<Vec<_>>(), ["/temp_c"]);
    assert!(kind.ignored.iter().any(|ignored| ignored.path == "/cnt" && ignored.why == Why::Sequence));
}

#[test]
fn numbers_may_have_leading_zeros_or_be_hexadecimal() {
    let padded = (1..100).map(|at| format!(r#"{{"sequence":"{at:010}","level":{}}}"#, at % 7));
    assert_eq!(said(only(&run(feed(padded, 20)))), (vec!["/sequence"], SequenceRule::PlusOne, vec![], 98, 0));
    let hex = (1..100)
        .map(|at| format!(r#"{{"number":"{:#x}","nonce":"0x0000000000000000","level":{}}}"#, at + 20_999_999, at % 7));
    assert_eq!(said(only(&run(feed(hex, 20)))), (vec!["/number"], SequenceRule::PlusOne, vec![], 98, 0));
    // What is called otherwise is a name: of a device, of a place.
    let names = (1..100).map(|at| format!(r#"{{"zone":"{at:05}","level":{}}}"#, at % 7));
    assert_eq!(run(feed(names, 20)).profile.sequence, []);
}

#[test]
fn what_names_none_before_it_at_first_names_one_later() {
    let mut last = [1000_i64, 5000];
    let texts = (0..300).map(|at: usize| {
        let product = usize::from(at.is_multiple_of(3));
        let before = if at < 2 { -1 } else { last[product] };
        last[product] += [1, 2, 7][at % 3];
        let (name, now) = (PRODUCTS[product], last[product]);
        format!(r#"{{"arg":{{"instId":"{name}"}},"data":[{{"px":"1.5","prevSeqId":{before},"seqId":{now}}}]}}"#)
    });
    // Two messages are all that learning sees at first.
    let outcome = run(feed(texts, 3000));
    let (paths, rule, per, _, violations) = said(only(&outcome));
    assert_eq!(
        (paths, rule, per),
        (vec!["/data/*/prevSeqId", "/data/*/seqId"], SequenceRule::NamesPrevious, vec!["/arg/instId"],)
    );
    assert_eq!(violations, 0);
}

#[test]
fn what_stands_still_does_not_grow() {
    let texts = (0..300).map(|at| format!(r#"{{"nonce":5,"level":{}}}"#, at % 7));
    assert_eq!(run(feed(texts, 20)).profile.sequence, []);
}

#[test]
fn a_named_counter_that_goes_round_twice_at_the_same_number_has_that_modulus() {
    let texts = (0..400).map(|at| format!(r#"{{"sequence":{},"level":{}}}"#, at % 60, at % 7));
    let rule = run(feed(texts, 20)).profile.sequence.remove(0);
    assert_eq!((rule.rule, rule.modulus), (SequenceRule::PlusOneModulo, Some(60)));
}

#[test]
fn seconds_and_columns_are_no_sequence() {
    for count in [60, 24, 100, 7] {
        let texts = (0..600).map(|at| format!(r#"{{"second":{},"level":{}}}"#, at % count, at % 7));
        assert_eq!(run(feed(texts, 20)).profile.sequence, [], "0 to {count}");
    }
}

/// Updates of a book, one or several numbers each; `u` of the one before plus one is `U`.
fn updates(count: usize) -> Vec<String> {
    let mut last = [90_000_u64, 5_000_000, 777_000];
    (0..count)
        .map(|at| {
            let which = turn(at);
            let first = last[which] + 1;
            last[which] = first + (at % 4) as u64;
            let (product, last) = (PRODUCTS[which], last[which]);
            format!(r#"{{"s":"{product}","U":{first},"u":{last},"b":[["{}.5","{}"]]}}"#, at % 9, at % 5)
        })
        .collect()
}

#[test]
fn the_first_number_of_an_update_follows_the_last_one_of_the_update_before() {
    let outcome = run(feed(updates(200), 20));
    assert_eq!(said(only(&outcome)), (vec!["/U", "/u"], SequenceRule::FirstFollowsLast, vec!["/s"], 197, 0));
    assert!(marks(&outcome).iter().all(|(first, last, restarts)| last - first <= 3 && !restarts));

    let mut lossy = updates(400);
    for lost in [390, 200, 100, 40, 20] {
        lossy.remove(lost);
    }
    let outcome = run(feed(lossy, 20));
    assert_eq!(said(only(&outcome)), (vec!["/U", "/u"], SequenceRule::FirstFollowsLast, vec!["/s"], 392, 5));
}

/// Each message names the one before; numbers have holes. A snapshot (-1) now and then, and a sign of life that names itself.
fn named(count: usize) -> Vec<String> {
    let mut last = [1_000_000_u64, 2_000_000, 3_000_000];
    (0..count)
        .map(|at| {
            let which = turn(at);
            let (product, previous) = (PRODUCTS[which], last[which]);
            if at % 50 == 30 {
                last[which] += 100_000;
                let now = last[which];
                return format!(
                    r#"{{"action":"snapshot","instId":"{product}","prevSeqId":-1,"seqId":{now},"px":"{}"}}"#,
                    at % 9
                );
            }
            if at % 50 != 7 {
                last[which] += 1 + (at % 5) as u64 * 3;
            }
            let now = last[which];
            format!(
                r#"{{"action":"update","instId":"{product}","prevSeqId":{previous},"seqId":{now},"px":"{}.5"}}"#,
                at % 9
            )
        })
        .collect()
}

#[test]
fn messages_that_name_the_one_before_make_a_chain_that_a_snapshot_begins_anew() {
    let outcome = run(feed(named(300), 20));
    let rule = only(&outcome);
    assert_eq!((rule.rule, rule.violations), (SequenceRule::NamesPrevious, 0));
    assert_eq!(
        (rule.paths.as_slice(), rule.per.as_slice()),
        (&["/prevSeqId".to_owned(), "/seqId".to_owned()][..], &["/instId".to_owned()][..])
    );
    let anew = marks(&outcome).iter().filter(|(_, _, restarts)| *restarts).count();
    assert_eq!(anew, 6, "one for each snapshot");
}

#[test]
fn a_snapshot_begins_numbers_anew_and_is_told_as_such() {
    let mut numbers = [500_u64, 900, 40];
    let texts = (0..300).map(|at| {
        let which = turn(at);
        let product = PRODUCTS[which];
        let (kind, by) = if at % 60 == 59 { ("book_snapshot", 5_000) } else { ("book", 1) };
        numbers[which] += by;
        format!(
            r#"{{"feed":"{kind}","product_id":"{product}","seq":{},"price":{}.5,"qty":{}}}"#,
            numbers[which],
            at % 9,
            at % 4
        )
    });
    let outcome = run(feed(texts.collect::<Vec<_>>(), 20));
    let rule = only(&outcome);
    assert_eq!((rule.rule, rule.violations), (SequenceRule::PlusOne, 0));
    let snapshot = [("/feed".to_owned(), MatchValue::Text("book_snapshot".to_owned()))].into();
    assert_eq!(rule.restarts, Some(snapshot));
    assert_eq!(rule.checked, 300 - 3 - 5, "all pairs but those that end with a snapshot");
}

#[test]
fn a_heartbeat_that_repeats_the_number_before_it_is_no_repetition() {
    let mut number = 7_000;
    let texts = (0..300).map(|at| {
        if at % 10 == 9 {
            return format!(r#"{{"type":"heartbeat","sequence":{number}}}"#);
        }
        number += 1;
        format!(r#"{{"type":"trade","sequence":{number},"price":{}.5,"size":{}}}"#, at % 9, at % 4)
    });
    let outcome = run(feed(texts.collect::<Vec<_>>(), 20));
    let rule = only(&outcome);
    assert_eq!((rule.rule, rule.checked, rule.violations), (SequenceRule::PlusOne, 269, 0));
    let heartbeats = outcome.readings.iter().filter(|reading| reading.points.is_empty());
    assert!(heartbeats.clone().count() == 30 && heartbeats.into_iter().all(|reading| reading.marks.is_empty()));
}

#[test]
fn the_identity_that_a_protocol_numbers_is_a_sequence() {
    let messages = feed((0..60).map(|at| format!(r#"{{"cpu":{}}}"#, at % 9)), 100);
    let numbered = messages.into_iter().map(|mut message: Message| {
        let id: Arc<str> = (message.number + 1).to_string().into();
        message.meta = Some(Box::new(MessageMeta { id: Some(id), ..MessageMeta::default() }));
        message
    });
    let outcome = run(numbered.collect());
    assert_eq!(said(only(&outcome)), (vec!["attr:id"], SequenceRule::PlusOne, vec![], 59, 0));
    assert_eq!(outcome.catalogue.rules[0].paths, ["attr:id".into()]);
}

#[test]
fn the_last_place_of_arrays_of_several_lengths_may_number_them() {
    let texts = (0..200).map(|at| match at % 4 {
        3 => format!(r#"[{},"hb",{}]"#, 17 + at % 3, 40 + at),
        1 => format!(r#"[{},"te",[{},{}.5,3],{}]"#, 17 + at % 3, at % 7, at % 9, 40 + at),
        _ => format!(r#"[{},[{},{}.5,2,8],{}]"#, 17 + at % 3, at % 7, at % 9, 40 + at),
    });
    let outcome = run(feed(texts, 20));
    assert_eq!(said(only(&outcome)), (vec!["/-1"], SequenceRule::PlusOne, vec![], 199, 0));
}

#[test]
fn offsets_with_holes_only_grow_in_their_partition() {
    let mut offsets = [1_000_u64, 8_000];
    let texts = (0..200_usize).map(|at| {
        let partition = usize::from(at.is_multiple_of(3));
        offsets[partition] += 1 + (at % 4) as u64;
        format!(
            r#"{{"meta":{{"topic":"edits","partition":{partition},"offset":{}}},"length":{},"bot":{}}}"#,
            offsets[partition],
            at % 90,
            at % 2 == 0
        )
    });
    let outcome = run(feed(texts.collect::<Vec<_>>(), 20));
    assert_eq!(said(only(&outcome)), (vec!["/meta/offset"], SequenceRule::Increasing, vec!["/meta/partition"], 198, 0));
}

#[test]
fn a_number_that_two_kinds_of_message_share_does_not_fall() {
    let mut number = 100_000;
    let texts = (0..120).map(|at| {
        let kind = if at % 2 == 0 { "match" } else { "ticker" };
        number += if at % 2 == 0 { 3 + at % 5 } else { 0 };
        format!(r#"{{"type":"{kind}","sequence":{number},"price":{}.5,"k{kind}":{}}}"#, at % 9, at % 4)
    });
    let outcome = run(feed(texts.collect::<Vec<_>>(), 5));
    assert_eq!(said(only(&outcome)), (vec!["/sequence"], SequenceRule::NonDecreasing, vec![], 119, 0));
    // Equal numbers tell no repetition: the bytes and the time do.
    assert!(outcome.readings.iter().all(|reading| reading.marks.len() == 1));
}

#[test]
fn a_time_in_microseconds_that_is_never_the_same_twice_orders_its_messages() {
    let texts = (0..100).map(|at| {
        let product = PRODUCTS[turn(at)];
        let micros = 1_772_366_400_000_000_u64 + at as u64 * 20_000 - if turn(at) == 1 { 70_000 } else { 0 };
        format!(r#"{{"channel":"{product}","microtimestamp":"{micros}","price":{}.5}}"#, at % 9)
    });
    let outcome = run(feed(texts, 20));
    assert_eq!(said(only(&outcome)), (vec!["/microtimestamp"], SequenceRule::Increasing, vec!["/channel"], 97, 0));
    assert_eq!(outcome.profile.kinds[0].time.as_ref().map(|time| time.path.as_str()), Some("/microtimestamp"));
}

#[test]
fn frames_are_counted_for_each_session() {
    let mut frames = [5_u64, 900, 40, 0];
    let texts = (0..160).map(|at| {
        let which = at % 4;
        frames[which] += 1;
        format!(
            r#"{{"dev":"node","uplink":{{"session_key_id":"AYt8Dx{which}","f_cnt":{}}},"rssi":-{}}}"#,
            frames[which],
            60 + at % 9
        )
    });
    let outcome = run(feed(texts.collect::<Vec<_>>(), 20));
    assert_eq!(
        said(only(&outcome)),
        (vec!["/uplink/f_cnt"], SequenceRule::PlusOne, vec!["/uplink/session_key_id"], 156, 0)
    );
}

#[test]
fn what_only_looks_like_a_rule_is_none() {
    // Growing numbers that nobody calls a sequence, a total, a pair that stands still, a price that names the one before.
    let mut total = 1_000_000_u64;
    let texts = (0..300).map(|at| {
        total += (at * 37 % 11) as u64;
        format!(
            r#"{{"bytes_total":{total},"order":{},"a":100000,"b":100000,"open":{}.5,"close":{}.5}}"#,
            50_000 + at * at % 977,
            (at + 8) % 9,
            at % 9
        )
    });
    assert_eq!(run(feed(texts.collect::<Vec<_>>(), 20)).profile.sequence, []);
}

#[test]
fn batches_are_followed_in_their_elements_however_many_there_are() {
    for each in [1, 2, 4, 30] {
        let mut next = [100_u64, 5_000];
        let texts = (0..100).map(|at| {
            let elements: Vec<String> = (0..each)
                .map(|element| {
                    let which = (at + element) % 2;
                    next[which] += 1;
                    format!(r#"{{"s":"{}","seq":{},"p":{}.5}}"#, PRODUCTS[which], next[which], (at + element) % 9)
                })
                .collect();
            format!(r#"{{"arg":"book","data":[{}]}}"#, elements.join(","))
        });
        let outcome = run(feed(texts.collect::<Vec<_>>(), 20));
        let rule = only(&outcome);
        assert_eq!(
            (rule.paths[0].as_str(), rule.per.len(), rule.violations),
            ("/data/*/seq", 1, 0),
            "{each}: {rule:?}"
        );
        assert!(rule.checked + 200 > 100 * each as u64, "{each}: {rule:?}");
    }
}

#[test]
fn a_second_text_does_not_break_a_chain_that_runs_through_the_connection() {
    let texts = (0..120_u64).map(|at| {
        let product = PRODUCTS[usize::from(at >= 60 && at % 2 == 0)];
        format!(
            r#"{{"s":"{product}","prevSeqId":{},"seqId":{},"px":"{}.5"}}"#,
            900_000 + at * 3,
            900_003 + at * 3,
            at % 9
        )
    });
    let outcome = run(feed(texts, 20));
    let rule = only(&outcome);
    assert_eq!((rule.rule, rule.per.len(), rule.violations), (SequenceRule::NamesPrevious, 0, 0), "{rule:?}");
}

#[test]
fn a_restart_at_a_round_number_is_no_modulus_for_ever() {
    let texts = (0..128_u64).chain(0..300).map(|at| format!(r#"{{"sequence_num":{at},"level":{}}}"#, at % 7));
    let outcome = run(feed(texts, 20));
    let rule = only(&outcome);
    assert_eq!((rule.rule, rule.modulus), (SequenceRule::PlusOne, None));
    assert!(rule.violations <= 1, "{rule:?}");
}

#[test]
fn one_hostile_message_is_learned_in_no_time() {
    let deep = format!("{}{}{}", "{\"k\":".repeat(100), "1", "}".repeat(100))
        .replace("\"k\"", &format!("\"{}\"", "k".repeat(250)));
    let wide: Vec<String> = (0..6_000)
        .map(|at| format!(r#""a{at}_id":{},"b{at}":{},"x{at}_unit":"V""#, 100_000 + at, 100_000_000 + at))
        .collect();
    let wide = format!("{{{}}}", wide.join(","));
    let outcome = run(feed([deep, wide], 20));
    assert_eq!(outcome.readings.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is lost (up to a tenth), the rule and its scope are found, and of the pairs as many are broken as holes there
    /// are.
    #[test]
    fn losses_hide_no_rule(keep in proptest::collection::vec(prop::bool::weighted(0.95), 400), which in 0..3_usize) {
        let texts: Vec<String> = match which {
            0 => updates(400),
            1 => (0..400).map(|at| format!(r#"{{"seq":{},"level":{}}}"#, 9 + at, at % 7)).collect(),
            _ => {
                let mut last = [10_u64; 3];
                (0..400).map(|at| {
                    last[turn(at)] += 1;
                    format!(r#"{{"symbol":"{}","seq":{},"level":{}}}"#, PRODUCTS[turn(at)], last[turn(at)], at % 7)
                }).collect()
            }
        };
        let kept: Vec<String> = texts.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(text, _)| text).collect();
        let outcome = run(feed(kept, 20));
        let [rule] = outcome.profile.sequence.as_slice() else { panic!("{:?}", outcome.profile.sequence) };
        let expected = [SequenceRule::FirstFollowsLast, SequenceRule::PlusOne, SequenceRule::PlusOne][which];
        prop_assert_eq!(rule.rule, expected);
        prop_assert_eq!(rule.per.len(), usize::from(which != 1));
    }

    #[test]
    fn no_numbers_panic(
        numbers in proptest::collection::vec((any::<u64>(), any::<u64>(), 0..4_u8), 0..400),
        small in any::<bool>(),
    ) {
        let texts = numbers.into_iter().map(|(a, b, kind)| {
            let (a, b) = if small { (a % 5, b % 5) } else { (a, b) };
            format!(r#"{{"type":"{kind}","sequence":{a},"prev_sequence":{b},"u":{b},"U":{a}}}"#)
        });
        run(feed(texts, 5));
    }
}
