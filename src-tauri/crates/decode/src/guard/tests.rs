//! Published vectors, and what no bytes may do.

use proptest::prelude::*;

use super::digest::method::{Method, Written, read};
use super::digest::{input::Input, member};
use super::*;
use crate::json::scan::Scanner;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn methods_have_their_check_values() {
    // The catalogue of parametrised CRC algorithms, RFC 1950, RFC 1321, FIPS 180-4: of "123456789".
    for (method, value) in [
        (Method::Xor, "31"),
        (Method::Ccitt, "29b1"),
        (Method::Xmodem, "31c3"),
        (Method::Modbus, "4b37"),
        (Method::Crc32, "cbf43926"),
        (Method::Crc32c, "e3069283"),
        (Method::Adler32, "091e01de"),
        (Method::Md5, "25f9e794323b453885f5181f1b624d0b"),
        (Method::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        (Method::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ] {
        for parts in [&[&b"123456789"[..]][..], &[&b"1234"[..], b"", b"56789"]] {
            let sum = method.compute(parts).unwrap();
            assert_eq!(hex(sum.bytes()), value, "{}", method.word());
            assert_eq!(sum.bytes().len(), method.length());
        }
    }
}

#[test]
fn values_are_read_as_they_are_written() {
    let sum = Method::Crc32.compute(&[b"123456789"]);
    for (text, written) in [
        ("cbf43926", Written::Hex),
        ("CBF43926", Written::Hex),
        ("0xcbf43926", Written::Hex),
        ("crc32=cbf43926", Written::Hex),
        ("y/Q5Jg==", Written::Base64),
        ("y_Q5Jg", Written::Base64),
        ("3421780262", Written::Integer),
        ("-873187034", Written::Integer),
    ] {
        assert_eq!(read(text.as_bytes(), written, 4), sum, "{text}");
    }
    for text in ["4294967296", "-2147483649", "1.5", "", "-"] {
        assert_eq!(read(text.as_bytes(), Written::Integer, 4), None, "{text}");
    }
}

fn scanned(text: &[u8]) -> Option<(Trie, Scanner)> {
    let (mut trie, mut scanner) = (Trie::new(1000), Scanner::default());
    scanner.scan(&mut trie, text).ok()?;
    Some((trie, scanner))
}

/// What `input` makes of the leaf at `path`.
fn made(text: &str, path: &str, input: &Input) -> Option<String> {
    let (trie, scanner) = scanned(text.as_bytes())?;
    let leaf = scanner.leaves.iter().find(|leaf| trie.path(leaf.node) == path)?;
    let text = text.as_bytes();
    let view =
        View { leaves: &scanner.leaves, elements: &scanner.elements, text, raw: text, topic: None, message: None };
    let bytes = input.with(&view, Some(leaf), &mut Vec::new(), |parts| parts.concat())?;
    String::from_utf8(bytes).ok()
}

#[test]
fn a_member_is_cut_out_with_its_comma() {
    let cut = |text, path| made(text, path, &Input::Cut).unwrap();
    assert_eq!(cut(r#"{"a":1,"crc":5}"#, "/crc"), r#"{"a":1}"#);
    assert_eq!(cut(r#"{"crc":5,"a":1}"#, "/crc"), r#"{"a":1}"#);
    assert_eq!(cut(r#"{"a":"}\"{", "crc" : "x" , "b":[{}]}"#, "/crc"), r#"{"a":"}\"{" , "b":[{}]}"#);
    assert_eq!(cut(r#"{"crc":5}"#, "/crc"), "{}");
    assert_eq!(cut(r#"{"d":{"a":[1,{"x":2}],"crc":"5"},"e":0}"#, "/d/crc"), r#"{"d":{"a":[1,{"x":2}]},"e":0}"#);
    let put = |value| made(r#"{"a":1,"crc":5}"#, "/crc", &Input::Put(value)).unwrap();
    assert_eq!((put(b"0").as_str(), put(b"\"\"").as_str()), (r#"{"a":1,"crc":0}"#, r#"{"a":1,"crc":""}"#));
    assert_eq!(made(r#"{"crc":5,"a":1}"#, "/crc", &Input::CutAlone).unwrap(), r#"{,"a":1}"#);
    let text = r#"{"crc":5,"data":{"b":[1, 2]},"text":"a\"b"}"#;
    assert_eq!(made(text, "/crc", &Input::Sibling((*b"data").into())).unwrap(), r#"{"b":[1, 2]}"#);
    assert_eq!(made(text, "/crc", &Input::Sibling((*b"text").into())).unwrap(), r#"a\"b"#);
    assert_eq!(made(text, "/crc", &Input::Plain((*b"text").into())).unwrap(), r#"a"b"#);
    assert_eq!(made(r#"{"a":[5,6]}"#, "/a/0", &Input::Cut), None);
}

proptest! {
    #[test]
    fn members_of_any_bytes_are_bounded(bytes: Vec<u8>, at in 0..100_usize) {
        if let Some(object) = member::object_around(&bytes, at) {
            for member in member::members(&bytes, object).take(100) {
                prop_assert!(member.value.end <= bytes.len().max(member.value.start));
            }
        }
    }

    #[test]
    fn what_is_cut_out_and_what_is_left_are_all_of_it(keys in prop::collection::btree_set("[a-z]{1,4}", 1..6), which: prop::sample::Index) {
        let members: Vec<String> = keys.iter().map(|key| format!("\"{key}\":[\"{key}\",{{}}]")).collect();
        let mut texts = members.clone();
        let at = which.index(keys.len());
        let name = keys.iter().nth(at).unwrap();
        texts[at] = format!("\"{name}\":\"x\"");
        let whole = format!("{{{}}}", texts.join(","));
        texts.remove(at);
        prop_assert_eq!(made(&whole, &format!("/{name}"), &Input::Cut), Some(format!("{{{}}}", texts.join(","))));
    }
}
