use feedwatch_model::{Rejected, Value};
use proptest::prelude::*;

use super::leaf::LeafKind;
use super::number::{bits, counted, number, number_end, short, unsigned};
use super::scan::Scanner;
use super::text::unescape;
use super::trie::Trie;
use crate::leaves;

fn listed(payload: &str) -> Vec<String> {
    let mut seen = Vec::new();
    leaves(payload.as_bytes(), |path, raw| seen.push(format!("{path}={raw}"))).unwrap();
    seen
}

fn refused(payload: impl AsRef<[u8]>) -> (usize, String) {
    let Rejected { offset, reason } = leaves(payload.as_ref(), |_, _| {}).unwrap_err();
    (offset, reason)
}

#[test]
fn every_leaf_has_its_path_and_its_raw_text() {
    assert_eq!(
        listed(r#" { "a" : 1.50 , "b":{"c":[{"d":null},{"d":"x"}],"e":[]},"f":[true,-0,"\u00e9"] } "#),
        ["/a=1.50", "/b/c/*/d=null", "/b/c/*/d=\"x\"", "/b/e=[]", "/f/0=true", "/f/1=-0", "/f/2=\"\\u00e9\""]
    );
    assert_eq!(listed("5"), ["=5"]);
    assert_eq!(listed(r#"{"a/b":{"m~n":1},"":2}"#), ["/a~1b/m~0n=1", "/=2"]);
}

#[test]
fn a_number_keeps_its_digits() {
    assert_eq!(
        listed("[0.10000000,340282366920938463463374607431768211456]"),
        ["/0=0.10000000", "/1=340282366920938463463374607431768211456"]
    );
}

#[test]
fn a_repeated_key_gives_a_leaf_each_time() {
    assert_eq!(listed(r#"{"a":1,"a":2}"#), ["/a=1", "/a=2"]);
}

#[test]
fn an_escaped_key_is_the_key_it_says() {
    assert_eq!(
        listed(r#"[{"price":1},{"pr\u0069ce":2},{"a\\b":3},{"a\b":4}]"#),
        ["/*/price=1", "/*/price=2", "/*/a\\b=3", "/*/a\u{8}=4"]
    );
    // Also once the trie expects `a\b` here: the raw bytes `"a\b":` are another key.
    let mut trie = Trie::new(100);
    let mut scanner = Scanner::default();
    scanner.scan(&mut trie, br#"{"a\\b":3}"#).unwrap();
    let first = scanner.leaves[0].node;
    scanner.scan(&mut trie, br#"{"a\b":3}"#).unwrap();
    assert_ne!(scanner.leaves[0].node, first);
}

#[test]
fn the_first_byte_that_does_not_fit_is_named() {
    assert_eq!(refused("").0, 0);
    assert_eq!(refused("   ").0, 3);
    assert_eq!(refused("NaN").0, 0);
    assert_eq!(refused(r#"{"a":NaN}"#).0, 5);
    assert_eq!(refused(r#"{"a":1}x"#).0, 7);
    assert_eq!(refused(r#"{"a":1} {"b":2}"#).0, 8);
    assert_eq!(refused(r#"{"a":1,}"#).0, 7);
    assert_eq!(refused("[1,]").0, 3);
    assert_eq!(refused(r#"{"a" 1}"#).0, 5);
    assert_eq!(refused(r#"{"a":1]"#).0, 6);
    assert_eq!(refused("[01]").0, 2);
    assert_eq!(refused("[1.]").0, 3);
    assert_eq!(refused("[-]").0, 2);
    assert_eq!(refused("[1e+]").0, 4);
    assert_eq!(refused("trux").0, 3);
    assert_eq!(refused("\"a\nb\"").0, 2);
    assert_eq!(refused(r#""a\x""#).0, 3);
    assert_eq!(refused(r#"{"a":"b"#), (7, "the message ends inside a string".to_owned()));
    assert_eq!(refused(b"\xEF\xBB\xBF{}").0, 0);
    assert_eq!(refused(b"[\"a\xFFb\"]"), (3, "this is not UTF-8".to_owned()));
    assert_eq!(refused(b"[1 2 \"a\xFFb\"]").0, 3);
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    assert_eq!(listed(r#"["\ud83d\ude00"]"#).len(), 1);
    assert_eq!(refused(r#"["\ud83d"]"#).0, 2);
    assert_eq!(refused(r#"["\ude00"]"#).0, 2);
    assert_eq!(refused(r#"["\ud83d\u0041"]"#).0, 2);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(listed(&nested(128)).len(), 1);
    assert!(leaves(nested(130).as_bytes(), |_, _| {}).is_err());
    assert_eq!(refused("[".repeat(1_000_000)).1, "more than 128 levels");
}

#[test]
fn the_trie_is_bounded_and_what_is_beyond_is_counted() {
    let mut trie = Trie::new(3);
    let mut scanner = Scanner::default();
    scanner.scan(&mut trie, br#"{"a":1,"b":2,"c":{"d":[3,{"e":4}]}}"#).unwrap();
    assert_eq!((scanner.leaves.len(), scanner.beyond, trie.len()), (2, 2, 3));
    scanner.scan(&mut trie, br#"{"b":2,"c":5}"#).unwrap();
    assert_eq!((scanner.leaves.len(), scanner.beyond), (1, 3));
}

#[test]
fn numbers_are_worth_what_they_say() {
    assert_eq!(number(b"97204.10"), Some(Value::F64(97204.10)));
    assert_eq!(number(b"-3"), Some(Value::I64(-3)));
    assert_eq!(number(b"-0"), Some(Value::F64(-0.0)));
    assert_eq!(number(b"18446744073709551615"), Some(Value::U64(u64::MAX)));
    assert_eq!(number(b"-9223372036854775808"), Some(Value::I64(i64::MIN)));
    assert_eq!(number(b"1e999"), Some(Value::F64(f64::INFINITY)));
    assert_eq!(number(b"1e3"), Some(Value::F64(1000.0)));
    for text in ["", "-", "00860", "+1", "NaN", "0x1F", "1.", ".5", "1e", "1 ", "Infinity", "12a", "1.5x", "-01"] {
        assert_eq!(number(text.as_bytes()), None, "{text}");
    }
    assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
    assert_eq!(unsigned(b"18446744073709551616"), None);
    assert_eq!(unsigned(b"007"), None);
    assert_eq!(unsigned(b"0"), Some(0));
    let texts: [&[u8]; 6] = [b"17", b"0000000017", b"0", b"000", b"0x1406f40", b"18446744073709551615"];
    assert_eq!(texts.map(counted), [17, 17, 0, 0, 0x0140_6f40, u64::MAX].map(Some));
    let none: [&[u8]; 8] =
        [b"", b"0x", b"0x12345678901234567", b"-1", b"1.0", b"0xg", b"18446744073709551616", b"000000000000000000001"];
    assert!(none.iter().all(|text| counted(text).is_none()));
}

/// Any JSON, with objects of few keys so that keys repeat.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "\\PC{0,12}".prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c]|\\PC{1,3}|[\"\\\\\n]", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The leaves by serde_json and plain recursion, the paths by the scanner's rule.
fn expected(value: &serde_json::Value, path: &str, into: &mut Vec<(String, serde_json::Value)>) {
    match value {
        serde_json::Value::Array(items) if !items.is_empty() => {
            let nested = items[0].is_object() || items[0].is_array();
            for (at, item) in items.iter().enumerate() {
                let step = if nested || at >= 32 { "*".to_owned() } else { at.to_string() };
                expected(item, &format!("{path}/{step}"), into);
            }
        }
        serde_json::Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                expected(member, &format!("{path}/{key}"), into);
            }
        }
        leaf => into.push((path.to_owned(), leaf.clone())),
    }
}

fn found(trie: &mut Trie, scanner: &mut Scanner, payload: &[u8]) -> Vec<(String, serde_json::Value)> {
    scanner.scan(trie, payload).unwrap();
    let leaves = scanner.leaves.iter();
    leaves
        .map(|leaf| {
            let raw = leaf.raw(payload);
            let value = match leaf.kind {
                LeafKind::Text | LeafKind::Escaped => {
                    let mut text = Vec::new();
                    unescape(raw, &mut text);
                    serde_json::Value::from(String::from_utf8(text).unwrap())
                }
                LeafKind::EmptyObject => serde_json::json!({}),
                LeafKind::EmptyArray => serde_json::json!([]),
                LeafKind::Number => match number(raw).unwrap() {
                    Value::I64(whole) => whole.into(),
                    Value::U64(whole) => whole.into(),
                    Value::F64(float) => float.into(),
                    Value::Bool(yes) => yes.into(),
                },
                _ => serde_json::from_slice(raw).unwrap(),
            };
            (trie.path(leaf.node), value)
        })
        .collect()
}

proptest! {
    #[test]
    fn the_leaves_are_those_of_serde_json(values in prop::collection::vec(any_json(), 1..4), pretty: bool) {
        let mut trie = Trie::new(20_000);
        let mut scanner = Scanner::default();
        // Twice, so that the second time the trie's guesses are at work.
        for value in values.iter().chain(&values) {
            let text =
                if pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() };
            // Against what was printed: serde_json's own reading of floats is off by a bit now and then.
            let mut wanted = Vec::new();
            expected(value, "", &mut wanted);
            prop_assert_eq!(found(&mut trie, &mut scanner, text.as_bytes()), wanted);
        }
    }

    #[test]
    fn what_serde_json_refuses_is_refused(value in any_json(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4)) {
        let mut bytes = value.to_string().into_bytes();
        for (place, byte, how) in cuts {
            let place = place.index(bytes.len() + 1);
            // Bytes that matter to JSON, more often than chance would bring them.
            let byte = if how == 0 { byte } else { b"{}[]\",:\\u09.-eE+tn \x01"[usize::from(byte) % 20] };
            match how {
                1 if place < bytes.len() => { bytes.remove(place); }
                2 if place < bytes.len() => bytes[place] = byte,
                _ => bytes.insert(place, byte),
            }
        }
        let ours = leaves(&bytes, |_, _| {});
        match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(_) => prop_assert!(ours.is_ok(), "{:?}", ours),
            Err(error) if error.to_string().contains("out of range") => {}
            Err(error) => {
                prop_assert!(ours.is_err(), "{}", error);
                prop_assert!(ours.unwrap_err().offset <= bytes.len());
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = leaves(&bytes, |_, _| {});
    }

    #[test]
    fn a_decimal_is_worth_what_the_standard_library_says(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?") {
        let bytes = text.as_bytes();
        prop_assert_eq!(number_end(bytes, 0), Ok(bytes.len()));
        let ours = number(bytes).unwrap().as_f64();
        prop_assert_eq!(ours.to_bits(), text.parse::<f64>().unwrap().to_bits());
    }

    #[test]
    fn a_number_read_in_passing_is_worth_what_it_is_by_itself(
        before in "[x-]{0,2}",
        text in "-?[0-9]{0,20}(\\.[0-9]{0,20})?([eE][0-9]?)?",
        after in prop_oneof![Just(String::new()), "[\",}x.]", "\",\"price\":[0-9]{0,9}", "\\PC{0,9}"],
    ) {
        let whole = format!("{before}{text}{after}");
        let (bytes, at) = (whole.as_bytes(), before.len());
        let end = number_end(bytes, at);
        match short(bytes, at) {
            Some((worth, to)) => {
                prop_assert_eq!(Ok(to), end);
                prop_assert_eq!(worth, bits(&bytes[at..to]));
            }
            None => {
                let raw = end.map_or(&b""[..], |end| &bytes[at..end]);
                let digits = raw.iter().filter(|byte| byte.is_ascii_digit()).count();
                prop_assert!(digits == 0 || digits > 15 || raw.contains(&b'e') || raw.contains(&b'E'), "{}", whole);
            }
        }
    }

    #[test]
    fn no_text_is_taken_for_a_number_that_json_would_not_take(text in "[-+0-9.eE]{0,6}") {
        // serde_json tells an exponent out of range before it looks at what stands behind the number.
        prop_assume!(!serde_json::from_str::<serde_json::Value>(&text).is_err_and(|error| error.to_string().contains("out of range")));
        // serde_json refuses what is too large for a double; to the grammar it is a number.
        let json = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(value) => value.is_number(),
            Err(error) => error.to_string().contains("out of range"),
        };
        prop_assert_eq!(number(text.as_bytes()).is_some(), json);
    }
}
