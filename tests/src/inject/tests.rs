use feedwatch_model::{Check, FindingKind, SequenceRule};

use super::edits::{moved, thousandfold};
use super::text::{find, first};
use super::*;

fn lines(count: usize, seconds: f64) -> Vec<Line> {
    let text =
        |at: usize| format!("{{\"n\": {at}, \"k\":\"{}\", \"t\":{}, \"v\":[{at}.5, 2]}}", at % 2, 1_700_000_000 + at);
    let line = |at| Line { payload: text(at).into_bytes(), received: 1_700_000_000.0 + at as f64 * seconds };
    (0..count).map(line).collect()
}

fn rule() -> Rule {
    Rule::new(SequenceRule::Increasing, "/n", &["/k"])
}

fn counted() -> Vec<Rule> {
    vec![Rule::new(SequenceRule::PlusOne, "/n", &[])]
}

fn plan(rules: Vec<Rule>, faults: Vec<Fault>) -> Plan {
    Plan { from: 20, rules, faults }
}

/// Check, kind, numbers and how many are missing.
type Head = (Check, FindingKind, Option<(u64, u64)>, Option<u64>);

fn heads(injected: &Injected) -> Vec<Head> {
    injected.expected().iter().map(|found| (found.check, found.kind, found.numbers, found.missing)).collect()
}

fn number(line: &Line) -> u64 {
    first(&line.payload, "/n").unwrap().parse().unwrap()
}

fn numbers(injected: &Injected) -> Vec<u64> {
    injected.messages.iter().map(number).collect()
}

#[test]
fn fields_are_found_where_they_stand() {
    let text = br#"{"a":{"b":[{"c":1},{"c":"x,}"}]} , "d":[3, 4],"b":{"c":7},"e\"":{}}"#;
    let all = |path: &str| -> Vec<String> {
        find(text, path).iter().map(|spot| String::from_utf8_lossy(&text[spot.value.clone()]).into_owned()).collect()
    };
    assert_eq!(all("/a/b/*/c"), ["1", "\"x,}\""]);
    assert_eq!(
        (all("/a/b/1/c"), all("/d/-1"), all("/b/c")),
        (vec!["\"x,}\"".into()], vec!["4".into()], vec!["7".into()])
    );
    assert_eq!((all("/c"), all("/d/2"), all("/a/x")), (vec![], vec![], vec![]));
    assert_eq!(first(text, "/a/b/-1/c"), Some("x,}"));
    let key = find(text, "/b/c").remove(0).key.unwrap();
    assert_eq!(&text[key], b"\"c\"");
    let event = b"id: 17\nevent: x\ndata: {\"n\": 5}";
    assert_eq!((first(event, "attr:id"), first(event, "/n")), (Some("17"), Some("5")));
    let topic = b"topic: a b/c\n{\"n\": 6}";
    assert_eq!((first(topic, "topic:/1"), first(topic, "topic:/2"), first(topic, "/n")), (Some("c"), None, Some("6")));
    for broken in ["", "{", "{\"a\":", "[1,", "{\"a\" 1}", "on", "{\"a\":\"", "{\"a\\"] {
        assert_eq!(find(broken.as_bytes(), "/a"), [], "{broken}");
    }
}

#[test]
fn the_same_seed_gives_the_same_faults_and_another_one_others() {
    let faults = vec![Fault::Drop { run: 2 }, Fault::Swap, Fault::Repeat { behind: 3 }, Fault::Unreadable];
    let plan = plan(counted(), faults);
    let lines = lines(300, 0.1);
    assert_eq!(inject(&lines, &plan, 7), inject(&lines, &plan, 7));
    assert_ne!(inject(&lines, &plan, 7), inject(&lines, &plan, 8));
}

#[test]
fn what_is_dropped_is_a_gap_that_the_next_message_shows() {
    let injected = inject(&lines(200, 0.1), &plan(counted(), vec![Fault::Drop { run: 3 }]), 1);
    let [truth] = injected.truth.as_slice() else { panic!("{:?}", injected.truth) };
    let first = truth.source as u64;
    assert_eq!(heads(&injected), [(Check::Sequence, FindingKind::Gap, Some((first, first + 2)), Some(3))]);
    let shown = truth.expected[0].message;
    assert_eq!((numbers(&injected)[shown], numbers(&injected)[shown - 1]), (first + 3, first - 1));
    assert!(truth.source > 20 && injected.messages.len() == 197);
}

#[test]
fn a_copy_is_a_repetition_wherever_it_comes() {
    for behind in [0, 1, 5] {
        let injected = inject(&lines(200, 0.1), &plan(counted(), vec![Fault::Repeat { behind }]), 1);
        let truth = &injected.truth[0];
        assert_eq!(truth.message, truth.source + behind + 1);
        assert_eq!(numbers(&injected)[truth.message], truth.source as u64);
        assert_eq!(heads(&injected)[0].1, FindingKind::Repeated);
        assert_eq!(injected.messages[truth.message].payload, injected.messages[truth.source].payload);
    }
}

#[test]
fn a_message_without_a_number_is_repeated_and_rejected_all_the_same() {
    let faults = vec![Fault::Repeat { behind: 2 }, Fault::Unreadable, Fault::Drop { run: 1 }, Fault::Swap];
    let injected = inject(&lines(200, 0.1), &plan(Vec::new(), faults), 1);
    let mut kinds: Vec<_> = heads(&injected).iter().map(|head| head.1.word()).collect();
    kinds.sort_unstable();
    assert_eq!(
        (kinds, injected.messages.len()),
        (vec!["rejected", "repeated"], 201),
        "what nobody can see is not put in"
    );
}

#[test]
fn a_swap_is_one_message_out_of_order() {
    let injected = inject(&lines(200, 0.1), &plan(counted(), vec![Fault::Swap]), 1);
    let (truth, numbers) = (&injected.truth[0], numbers(&injected));
    assert_eq!(
        heads(&injected),
        [(Check::Order, FindingKind::OutOfOrder, Some((truth.source as u64, truth.source as u64)), None)]
    );
    assert_eq!(numbers[truth.message - 1..=truth.message], [truth.source as u64 + 1, truth.source as u64]);
    let received: Vec<f64> = injected.messages.iter().map(|line| line.received).collect();
    assert!(received.is_sorted());
    // Slow neighbours are taken as lost before: then it is no swap.
    assert_eq!(inject(&lines(200, 1.5), &plan(counted(), vec![Fault::Swap]), 1).truth, []);
}

#[test]
fn a_late_message_is_out_of_order_or_lost_and_back() {
    for (by, seconds) in [(By::Little, 0.05), (By::Much, 0.05), (By::Much, 0.5)] {
        let injected = inject(&lines(300, seconds), &plan(counted(), vec![Fault::Delay { by }]), 3);
        let truth = &injected.truth[0];
        let late = (truth.source as u64, truth.source as u64);
        let heads = heads(&injected);
        if by == By::Little {
            assert_eq!(heads, [(Check::Order, FindingKind::OutOfOrder, Some(late), None)]);
            assert!(truth.message - truth.source < HELD_MESSAGES);
        } else {
            let gap = (Check::Sequence, FindingKind::Gap, Some(late), Some(1));
            assert_eq!(heads, [gap, (Check::Sequence, FindingKind::Healed, Some(late), None)]);
            assert_eq!((truth.expected[0].message, truth.expected[1].message), (truth.source, truth.message));
        }
        assert_eq!(injected.messages.len(), 300);
        assert!(injected.messages.is_sorted_by(|a, b| a.received <= b.received));
    }
}

#[test]
fn numbers_that_only_grow_show_no_loss_but_order() {
    let drop = inject(&lines(200, 0.1), &plan(vec![rule()], vec![Fault::Drop { run: 2 }]), 1);
    assert_eq!((drop.messages.len(), heads(&drop)), (198, vec![]));
    let late = inject(&lines(200, 0.1), &plan(vec![rule()], vec![Fault::Delay { by: By::Much }]), 1);
    assert_eq!(heads(&late)[0].1, FindingKind::OutOfOrder);
    assert_eq!(late.expected()[0].per.len(), 1);
}

#[test]
fn nothing_is_done_across_a_snapshot() {
    let (lines, rules) = feeds::snapshots(1_500);
    let begins: Vec<usize> = (0..lines.len()).filter(|at| mark(&rules, &lines[*at].payload).unwrap().begins).collect();
    let next_of_scope = |at: usize| {
        let per = |at: usize| mark(&rules, &lines[at].payload).unwrap().per;
        (at + 1..lines.len()).find(|later| per(*later) == per(at))
    };
    let injected =
        inject(&lines, &Plan { from: 20, rules: rules.clone(), faults: vec![Fault::Drop { run: 1 }; 200] }, 1);
    assert!(begins.len() > 10 && injected.truth.len() > 100);
    for truth in &injected.truth {
        let next = next_of_scope(truth.source).unwrap();
        assert!(!begins.contains(&truth.source) && !begins.contains(&next), "{truth:?}");
    }
}

#[test]
fn what_cannot_be_read_is_rejected_and_missing() {
    let injected = inject(&lines(200, 0.1), &plan(counted(), vec![Fault::Unreadable; 5]), 1);
    assert_eq!((injected.truth.len(), injected.expected().len()), (5, 10));
    for truth in &injected.truth {
        let payload = &injected.messages[truth.message].payload;
        assert!(serde_json::from_slice::<serde_json::Value>(payload).is_err(), "{}", String::from_utf8_lossy(payload));
    }
}

#[test]
fn what_no_fault_touches_stays_to_the_byte_and_faults_keep_clear_of_each_other() {
    let faults = [vec![Fault::Drop { run: 2 }; 6], vec![Fault::Swap; 6], vec![Fault::Repeat { behind: 4 }; 6]].concat();
    let before = lines(400, 0.1);
    let injected = inject(&before, &plan(counted(), faults), 9);
    assert_eq!(injected.truth.len(), 18);
    let known: std::collections::HashSet<&[u8]> = before.iter().map(|line| line.payload.as_slice()).collect();
    assert!(injected.messages.iter().all(|line| known.contains(line.payload.as_slice())));
    assert_eq!(injected.messages.len(), 400 - 12 + 6);
    assert_eq!(&injected.messages[..20], &before[..20]);
    // 200 messages have no room for more than so many.
    assert!(inject(&lines(60, 0.1), &plan(counted(), vec![Fault::Drop { run: 2 }; 50]), 9).truth.len() < 12);
}

#[test]
fn a_changed_field_differs_and_nothing_else_does() {
    let faults = [
        (Fault::Retype { path: "/v/0", to: "\"abc\"" }, ", \"v\":[\"abc\", 2]"),
        (Fault::Retype { path: "/v/0", to: "true" }, ", \"v\":[true, 2]"),
        (Fault::Rename { path: "/v", to: "value" }, ", \"value\":[AT.5, 2]"),
        (Fault::Rescale { path: "/v/0" }, ", \"v\":[AT500, 2]"),
        (Fault::Rescale { path: "/v/*" }, ", \"v\":[AT500, 2000]"),
    ];
    for (fault, expected) in faults {
        let before = lines(200, 0.1);
        let injected = inject(&before, &plan(counted(), vec![fault.clone()]), 5);
        let from = injected.truth[0].source;
        assert!((20..110).contains(&from));
        for (at, (line, old)) in injected.messages.iter().zip(&before).enumerate() {
            let old = String::from_utf8(old.payload.clone()).unwrap();
            let whole = format!(", \"v\":[{at}.5, 2]");
            let new = if at < from { old } else { old.replace(&whole, &expected.replace("AT", &at.to_string())) };
            assert_eq!(String::from_utf8_lossy(&line.payload), new, "{fault:?}");
        }
    }
}

#[test]
fn a_clock_stands_or_steps_from_a_message_on() {
    let time = |line: &Line| first(&line.payload, "/t").unwrap().parse::<i64>().unwrap() - 1_700_000_000;
    let stopped = inject(&lines(200, 0.1), &plan(vec![], vec![Fault::Stop { paths: &["/t"] }]), 5);
    let from = stopped.truth[0].source;
    assert!(stopped.messages.iter().enumerate().all(|(at, line)| time(line) == at.min(from) as i64));
    let stepped = inject(&lines(200, 0.1), &plan(vec![], vec![Fault::Step { paths: &["/t"], seconds: 30 }]), 5);
    let from = stepped.truth[0].source;
    assert!(
        stepped.messages.iter().enumerate().all(|(at, line)| time(line) == at as i64 + if at < from { 0 } else { 30 })
    );
    assert_eq!(stepped.expected()[0].kind, FindingKind::Step);
}

#[test]
fn few_messages_come_or_many() {
    let slow = inject(&lines(400, 0.1), &plan(vec![], vec![Fault::Slow { one_in: 40 }]), 5);
    let from = slow.truth[0].source;
    assert_eq!(slow.messages.len(), from + (400 - from).div_ceil(40));
    let burst = Fault::Burst { messages: 100, times: 50.0, paths: &["/t"] };
    let burst = inject(&lines(400, 1.0), &plan(vec![], vec![burst]), 5);
    let from = burst.truth[0].source;
    let time = |at: usize| first(&burst.messages[at].payload, "/t").unwrap().parse::<i64>().unwrap();
    assert_eq!((time(from + 100) - time(from), time(from + 110) - time(from + 100)), (2, 10));
    assert!(burst.messages[from + 100].received - burst.messages[from].received < 2.01);
    assert!(burst.messages.is_sorted_by(|a, b| a.received <= b.received));
}

#[test]
fn what_has_a_damaged_number_is_missing_by_its_true_one() {
    let injected = inject(&lines(200, 0.1), &plan(counted(), vec![Fault::Misnumber]), 5);
    let truth = &injected.truth[0];
    let number = truth.source as u64;
    assert_eq!(heads(&injected), [(Check::Sequence, FindingKind::Gap, Some((number, number)), Some(1))]);
    assert_eq!(numbers(&injected)[truth.message].to_string(), format!("9{number}"));
}

#[test]
fn a_digit_is_another_one() {
    let injected = inject(&lines(200, 0.1), &plan(vec![], vec![Fault::Digit { path: "/v/*" }; 3]), 5);
    for truth in &injected.truth {
        let payload = &injected.messages[truth.message].payload;
        assert_ne!(payload, &lines(200, 0.1)[truth.source].payload);
        assert!(serde_json::from_slice::<serde_json::Value>(payload).is_ok());
    }
    assert_eq!(injected.truth.len(), 3);
}

#[test]
fn times_and_numbers_are_written_as_they_were() {
    for (text, nanos, later) in [
        ("2026-08-09T21:05:48.228568804Z", 30e9, Some("2026-08-09T21:06:18.228568804Z")),
        ("2026-08-09T21:05:48Z", 30e9, Some("2026-08-09T21:06:18Z")),
        ("1626994929694", 30e9, Some("1626994959694")),
        ("1641343713192895", -1e3, Some("1641343713192894")),
        ("1795488442.173", 1.5e9, Some("1795488443.673")),
        ("17", 1e9, None),
    ] {
        assert_eq!(moved(text, nanos).as_deref(), later, "{text}");
    }
    for (text, more) in [
        ("2", Some("2000")),
        ("0.00012", Some("0.12")),
        ("-1.5", Some("-1500")),
        ("12.3456", Some("12345.6")),
        ("1e3", None),
    ] {
        assert_eq!(thousandfold(text).as_deref(), more, "{text}");
    }
}

#[test]
fn a_score_tells_what_is_missed_and_what_is_wrong() {
    use super::score::{Found, Score};
    let report = serde_json::json!({ "findings": [
        { "check": "sequence", "kind": "gap", "per": {}, "at": "2026-01-01T00:00:00Z", "message": 5, "from": 4, "to": 4,
          "missing": 1, "text": "a" },
        { "check": "sequence", "kind": "gap", "per": {}, "at": "2026-01-01T00:00:00Z", "message": 9, "from": "8", "to": "8",
          "missing": 1, "text": "b" },
        { "check": "silence", "kind": "silent", "per": {}, "at": "2026-01-01T00:00:00Z", "message": null, "text": "c" },
    ] });
    let found = Found::of(&report, &[Check::Sequence]);
    let wanted = |message, number| Expected {
        check: Check::Sequence,
        kind: FindingKind::Gap,
        per: Vec::new(),
        message,
        until: message,
        between: (0.0, 0.0),
        numbers: Some((number, number)),
        missing: Some(1),
    };
    let score = Score::of(&[wanted(5, 4), wanted(9, 7)], found.clone());
    assert_eq!((score.hits, score.missed.len(), score.wrong.len()), (1, 1, 1));
    assert_eq!((score.precision(), score.recall()), (0.5, 0.5));
    assert!(Score::of(&[wanted(5, 4), wanted(9, 8)], found).is_exact());
}
