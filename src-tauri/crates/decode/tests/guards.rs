//! Checksums and signatures: of the captures that lie beside the repository, and of feeds made here.

mod kit;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use feedwatch_decode::{Format, Options, SignatureKey};
use feedwatch_model::{Checksum, Message, MessageMeta, Why};
use kit::{Outcome, captures, feed, messages, run, run_with};
use md5::Digest as _;
use proptest::prelude::*;
use ring::{digest, hmac};

fn rules(outcome: &Outcome) -> Vec<(&str, &str, u64, u64)> {
    let rule = |found: &'_ Checksum| (found.checked, found.violations);
    let all = outcome.profile.checksum.iter();
    all.map(|found| (found.rule.as_str(), found.path.as_str(), rule(found).0, rule(found).1)).collect()
}

/// The lines of a capture, received one a millisecond.
fn lines(name: &str) -> Option<Vec<Message>> {
    let text = kit::file(name)?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let message =
        |(at, line): (u64, &[u8])| Message::new(at, kit::start().plus_nanos(at as i64 * 1_000_000), line.to_vec());
    Some((0..).zip(lines).map(message).collect())
}

/// Numbers of the messages with a guard that does not fit.
fn failing(outcome: &Outcome) -> Vec<usize> {
    let fails = |at: &usize| outcome.readings[*at].guards.iter().any(|guard| !guard.fits);
    (0..outcome.readings.len()).filter(fails).collect()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

/// Messages made of members of an object, sealed by `seal`.
fn sealed(count: usize, seal: impl Fn(&str, usize) -> String) -> Vec<String> {
    let rng = &mut fastrand::Rng::with_seed(7);
    (0..count).map(|at| seal(&format!(r#""id":{at},"temp":{:.2},"state":"on""#, 20.0 + rng.f64()), at)).collect()
}

#[test]
fn kraken_books_fit_their_checksums() {
    let Some(messages) = messages("kraken_v2_book") else { return };
    let outcome = run(messages);
    assert_eq!(rules(&outcome), [("crc32-book", "/data/*/checksum", 3, 0)]);
    // The last update is of another day than the snapshot before it: nothing of it is within the depth of that book.
    let guards: Vec<usize> = outcome.readings.iter().map(|reading| reading.guards.len()).collect();
    assert_eq!(guards, [0, 1, 1, 1, 0, 0]);
    assert!(outcome.names().iter().all(|name| !name.contains("checksum")));
    let ignored = outcome.profile.kinds.iter().flat_map(|kind| &kind.ignored);
    assert!(ignored.into_iter().any(|left| left.path == "/data/*/checksum" && left.why == Why::Checksum));
}

#[test]
fn every_sentence_of_ships_fits_its_checksum() {
    let Some(messages) = lines("ais_nmea.txt") else { return };
    let count = messages.len() as u64;
    for format in [None, Some(Format::Nmea)] {
        let outcome = run_with(messages.clone(), Options { format, ..Options::default() });
        assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("nmea", 0));
        assert_eq!(rules(&outcome), [("nmea-xor", "/checksum", count, 0)]);
        let position = &outcome.profile.kinds[0];
        assert_eq!((position.messages, position.keys.as_slice()), (667, &["/mmsi".to_owned()][..]));
        assert!(position.series.iter().filter(|series| series.path == "/speed").count() >= 139);
        let ignored = |path: &str| position.ignored.iter().find(|left| left.path == path).map(|left| left.why);
        assert_eq!(ignored("/checksum"), Some(Why::Checksum));
        assert_eq!(outcome.profile.sequence, []);
    }
}

#[test]
fn no_other_capture_has_a_checksum() {
    for name in captures().into_iter().filter(|name| name != "kraken_v2_book") {
        let Some(messages) = messages(&name) else { continue };
        let outcome = run(messages);
        assert_eq!(rules(&outcome), [], "{name}");
        assert!(outcome.readings.iter().all(|reading| reading.guards.is_empty()), "{name}");
    }
}

#[test]
fn a_sentence_with_a_wrong_checksum_is_kept_but_says_nothing() {
    let Some(mut messages) = lines("ais_nmea.txt") else { return };
    let before = run(messages.clone());
    for at in [10, 300, 500] {
        let mut bytes = messages[at].payload.to_vec();
        bytes[16] ^= 1;
        messages[at].payload = bytes.into();
    }
    let outcome = run(messages);
    assert_eq!((outcome.rejected, failing(&outcome)), (0, vec![10, 300, 500]));
    assert_eq!(outcome.profile.checksum[0].violations, 3);
    assert!([10, 300, 500].iter().all(|at| outcome.readings[*at].points.is_empty()));
    let known = before.names();
    assert!(outcome.names().iter().all(|name| known.contains(name)), "no vessel is made up");
}

#[test]
fn digests_over_the_payload_are_found_in_every_layout() {
    type Seal = fn(&str, usize) -> String;
    let layouts: [(&str, &str, Seal); 13] = [
        ("crc32", "/crc", |body, _| {
            format!(r#"{{{body},"crc":{}}}"#, crc32fast::hash(format!("{{{body}}}").as_bytes()))
        }),
        ("crc32", "/crc", |body, _| {
            format!(r#"{{{body},"crc":{}}}"#, crc32fast::hash(format!("{{{body}}}").as_bytes()) as i32)
        }),
        ("crc32", "/check/crc32", |body, _| {
            let whole = |sum: &str| format!(r#"{{{body},"check":{{"crc32":"{sum}","v":1}}}}"#);
            let without = whole("").replace(r#""crc32":"","#, "");
            whole(&hex(crc32fast::hash(without.as_bytes()).to_be_bytes()))
        }),
        ("crc32", "/checksum", |body, _| {
            let whole = |sum: &str| format!(r#"{{"checksum":"{sum}",{body}}}"#);
            whole(&STANDARD.encode(crc32fast::hash(whole("").as_bytes()).to_be_bytes()))
        }),
        ("crc32", "/crc", |body, _| {
            let whole = |sum: u32| format!(r#"{{{body},"crc":{sum}}}"#);
            whole(crc32fast::hash(whole(0).as_bytes()))
        }),
        ("sha256", "/hash", |body, _| {
            format!(r#"{{"data":{{{body}}},"hash":"{}"}}"#, hex(sha256(&format!("{{{body}}}"))))
        }),
        ("sha256", "/digest", |body, _| {
            format!(r#"{{"payload":"{}","digest":"sha256:{}"}}"#, body.replace('"', "\\\""), hex(sha256(body)))
        }),
        ("sha256", "/x", |body, _| {
            format!(r#"{{"x":"{}","data":{{{body}}}}}"#, STANDARD.encode(sha256(&format!("{{{body}}}"))))
        }),
        ("md5", "/sig", |body, _| {
            format!(r#"{{"sig":"{}",{body}}}"#, hex(md5::Md5::digest(format!("{{{body}}}").as_bytes())).to_uppercase())
        }),
        ("adler32", "/sum", |body, _| {
            format!(r#"{{{body},"sum":"{:08x}"}}"#, adler2::adler32_slice(format!("{{{body}}}").as_bytes()))
        }),
        ("crc32c", "/crc", |body, _| {
            let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(format!("{{{body}}}").as_bytes());
            format!(r#"{{{body},"crc":"{crc:08X}"}}"#)
        }),
        ("crc16-ccitt", "/crc", |body, _| {
            let crc = crc::Crc::<u16>::new(&crc::CRC_16_IBM_3740).checksum(format!("{{{body}}}").as_bytes());
            format!(r#"{{{body},"crc":{crc}}}"#)
        }),
        ("sha1", "/sha1", |body, _| {
            let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{{{body}}}").as_bytes());
            format!(r#"{{{body},"sha1":"{}"}}"#, hex(sum))
        }),
    ];
    for (rule, path, seal) in layouts {
        let mut texts = sealed(200, seal);
        let outcome = run(feed(texts.clone(), 10));
        assert_eq!(rules(&outcome), [(rule, path, 200, 0)], "{}", texts[0]);
        let ignored = outcome.profile.kinds.iter().flat_map(|kind| &kind.ignored);
        assert!(ignored.into_iter().any(|left| left.path == path && left.why == Why::Checksum), "{}", texts[0]);
        texts[150] = texts[150].replace("on", "of");
        texts[20] = texts[20].replace("on", "of");
        assert_eq!(failing(&run(feed(texts, 10))), [20, 150], "{rule} {path}");
    }
}

#[test]
fn a_checksum_behind_a_line_is_found() {
    let crc = |text: &str| crc32fast::hash(text.as_bytes());
    let xor = |text: &str| text.bytes().fold(0, |sum, byte| sum ^ byte);
    let line = |at: usize| format!("pump{},{}.5,{}", at % 3, at * 7 % 50, 100 + at * 13 % 90);
    let lines = |seal: &dyn Fn(&str) -> String| (0..200).map(|at| seal(&line(at))).collect::<Vec<_>>();
    for (rule, mut texts) in [
        ("crc32", lines(&|text| format!("{text},{:08x}", crc(text)))),
        ("xor", lines(&|text| format!("{text},*{:02X}", xor(&format!("{text},"))))),
    ] {
        let csv = || Options { format: Some(Format::Csv), ..Options::default() };
        let outcome = run_with(feed(texts.clone(), 10), csv());
        assert_eq!(rules(&outcome), [(rule, "/3", 200, 0)], "{:?}", texts[0]);
        texts[150] = texts[150].replace("pump", "pomp");
        assert_eq!(failing(&run_with(feed(texts, 10), csv())), [150]);
    }
}

#[test]
fn a_digest_that_comes_late_is_learned_from() {
    let quiet = (0..80).map(|at| format!(r#"{{"tick":{at}}}"#));
    let seal = |body: &str, _| format!(r#"{{{body},"crc":{}}}"#, crc32fast::hash(format!("{{{body}}}").as_bytes()));
    let outcome = run(feed(quiet.chain(sealed(100, seal)), 10));
    assert_eq!(rules(&outcome), [("crc32", "/crc", 96, 0)]);
    assert!(!outcome.names().contains(&"crc"));
}

#[test]
fn hashes_of_something_else_are_no_checksum() {
    let rng = &mut fastrand::Rng::with_seed(3);
    let texts = (0..300).map(|at| {
        let (hash, crc) = (hex(rng.u128(..).to_be_bytes()), rng.u32(..));
        format!(r#"{{"at":{at},"hash":"{hash}","crc":{crc},"errors":{},"value":{}}}"#, at / 9, rng.u8(..))
    });
    let outcome = run(feed(texts.collect::<Vec<_>>(), 10));
    assert_eq!(rules(&outcome), []);
    assert!(outcome.names().iter().all(|name| *name != "crc"), "a number called so is not charted all the same");
}

fn with_headers(payload: String, at: u64, headers: &[(&str, String)]) -> Message {
    let mut message = Message::new(at, kit::start().plus_nanos(at as i64 * 10_000_000), payload);
    let headers = headers.iter().map(|(name, text)| ((*name).into(), text.as_str().into())).collect();
    message.meta = Some(Box::new(MessageMeta { headers, ..MessageMeta::default() }));
    message
}

fn keyed(messages: Vec<Message>, key: &str) -> Outcome {
    run_with(messages, Options { signature: Some(SignatureKey::secret(key)), ..Options::default() })
}

fn mac(key: &str, text: &str) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes()))
}

#[test]
fn signatures_are_checked_from_the_first_message_and_missed_where_they_were() {
    let bodies = sealed(120, |body, _| format!("{{{body}}}"));
    let signed = |(at, body): (u64, &String)| {
        with_headers(body.clone(), at, &[("X-Signature", format!("sha256={}", mac("k", body)))])
    };
    let mut messages: Vec<Message> = (0..).zip(&bodies).map(signed).collect();
    assert_eq!(run(messages.clone()).profile.checksum, [], "without a key nothing is said");
    let outcome = keyed(messages.clone(), "k");
    assert_eq!(rules(&outcome), [("hmac-sha256", "header:X-Signature", 120, 0)]);
    assert!(outcome.catalogue.guards[0].is_signature);
    assert_eq!(keyed(messages.clone(), "other").profile.checksum[0].violations, 120);
    messages[0].payload = bodies[1].clone().into();
    messages[70].meta = None;
    messages[100].payload = bodies[99].clone().into();
    assert_eq!(failing(&keyed(messages, "k")), [0, 70, 100]);
}

#[test]
fn messages_of_points_are_signed_too() {
    let texts: Vec<String> = (0..100).map(|at| format!("cpu,host=a usage={at}")).collect();
    let signed = |(at, text): (u64, &String)| with_headers(text.clone(), at, &[("x-hmac", mac("k", text))]);
    let mut messages: Vec<Message> = (0..).zip(&texts).map(signed).collect();
    messages[60].payload = "cpu,host=a usage=7".to_owned().into();
    let outcome = keyed(messages, "k");
    assert_eq!((outcome.profile.format.as_str(), failing(&outcome)), ("influx", vec![60]));
}

#[test]
fn a_signature_in_a_field_is_over_the_rest() {
    let seal = |body: &str, _| format!(r#"{{{body},"signature":"{}"}}"#, mac("k", &format!("{{{body}}}")));
    let mut texts = sealed(100, seal);
    texts[60] = texts[60].replace("on", "of");
    let outcome = keyed(feed(texts, 10), "k");
    assert_eq!(rules(&outcome), [("hmac-sha256", "/signature", 100, 1)]);
    assert_eq!(failing(&outcome), [60]);
}

#[test]
fn a_payload_that_is_a_jws_is_read_and_checked() {
    let seal = |body: &str, _| {
        let input = format!("eyJhbGciOiJIUzI1NiJ9.{}", URL_SAFE_NO_PAD.encode(format!("{{{body}}}")));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"k"), input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let mut texts = sealed(100, seal);
    let outcome = run(feed(texts.clone(), 10));
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("jws+json", 0));
    assert!(outcome.names().contains(&"temp") && outcome.profile.checksum.is_empty());
    let (start, end) = (texts[50].find('.').unwrap(), texts[50].rfind('.').unwrap());
    let other = texts[51][texts[51].find('.').unwrap()..texts[51].rfind('.').unwrap()].to_owned();
    texts[50].replace_range(start..end, &other);
    let outcome = keyed(feed(texts, 10), "k");
    assert_eq!(rules(&outcome), [("jws-hs256", "", 100, 1)]);
    assert_eq!(failing(&outcome), [50]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_messages_panic(
        seed: u64,
        edits in prop::collection::vec((0..60_usize, any::<prop::sample::Index>(), any::<u8>()), 0..60),
        header in "[ -~]{0,60}",
        odd in prop::collection::vec(any::<Vec<u8>>(), 0..20),
    ) {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let mut messages: Vec<Message> = (0..60_u64)
            .map(|at| {
                let (price, sum) = (rng.u32(1..50), rng.u32(..));
                let body = match at % 4 {
                    0 => format!(
                        r#"{{"s":"A","type":"snapshot","bids":[[{price},1],["2","0"]],"asks":[["{price}","1"]],"checksum":{sum}}}"#
                    ),
                    1 => format!(r#"[{},"cs",{sum}]"#, rng.u8(0..3)),
                    2 => format!(r#"[{},[[{price},1,-2],[5,0,1]]]"#, rng.u8(0..3)),
                    _ => format!(
                        r#"{{"a":{{"b":[1,{{"c":2}}]}},"hash":"{}","sig":"{}"}}"#,
                        hex(rng.u128(..).to_be_bytes()),
                        mac("k", "x")
                    ),
                };
                with_headers(body, at, &[("x-signature", header.clone()), ("x-timestamp", "1".to_owned())])
            })
            .collect();
        for (message, at, byte) in edits {
            let mut bytes = messages[message].payload.to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            messages[message].payload = bytes.into();
        }
        for (message, bytes) in messages.iter_mut().skip(20).zip(odd) {
            message.payload = bytes.into();
        }
        let outcome = keyed(messages, "k");
        for rule in &outcome.profile.checksum {
            prop_assert!(rule.violations <= rule.checked && rule.rule != "crc32-book");
        }
    }
}
