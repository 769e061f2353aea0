//! Any bytes from a feed: counted, kept, explained, and the program lives on.

use feedwatch_model::Time;
use feedwatch_store::Outcome;
use feedwatch_tests::home::Home;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, settled};
use feedwatch_tests::websocket::Server;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// The noise of a small generator: the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length);
    for _ in 0..length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.push(state.to_le_bytes()[3]);
    }
    bytes
}

/// Messages that are not JSON, with the first byte that does not fit where it is known to the letter.
fn unreadable() -> Vec<(&'static str, Vec<u8>, Option<usize>)> {
    let deep = |open: &str, count: usize| open.repeat(count).into_bytes();
    vec![
        ("noise", noise(1, 300), None),
        ("more noise", noise(2, 70_000), None),
        ("invalid UTF-8", b"{\"seq\":1,\"name\":\"\xff\xfe\"}".to_vec(), Some(17)),
        ("an overlong form", b"{\"name\":\"\xc0\xaf\"}".to_vec(), Some(9)),
        ("half a message", b"{\"seq\":1,\"level\":".to_vec(), Some(17)),
        ("something behind", b"{\"seq\":1} x".to_vec(), Some(10)),
        ("deep arrays", deep("[", 100_000), None),
        ("deep objects", deep("{\"a\":", 50_000), None),
        ("a NUL", b"{\"seq\":\x001}".to_vec(), Some(7)),
        ("a NUL in a text", b"{\"name\":\"a\x00b\"}".to_vec(), Some(10)),
        ("half of an escape", b"{\"name\":\"\\ud8".to_vec(), None),
        ("a lone surrogate", b"{\"name\":\"\\ud800\",\"level\":1}".to_vec(), Some(9)),
        ("a number of points", b"{\"level\":1.2.3}".to_vec(), Some(12)),
        ("a leading zero", b"{\"level\":012}".to_vec(), Some(10)),
        ("NaN", b"{\"level\":NaN}".to_vec(), Some(9)),
    ]
}

/// Messages that are JSON, however odd.
fn odd() -> Vec<Vec<u8>> {
    let digits = "9".repeat(100_000);
    vec![
        b"{\"seq\":1,\"level\":1e400}".to_vec(),
        b"{\"seq\":2,\"level\":-1e400,\"small\":1e-400}".to_vec(),
        format!("{{\"seq\":3,\"level\":{digits}}}").into_bytes(),
        format!("{{\"seq\":4,\"level\":0.{digits}}}").into_bytes(),
        b"{\"seq\":18446744073709551615,\"level\":18446744073709551616}".to_vec(),
        b"{\"seq\":5,\"level\":1,\"level\":2,\"level\":3}".to_vec(),
        b"{\"name\":\"\\ud83d\\ude00\",\"level\":1}".to_vec(),
        b"{\"\":1,\"\\u0000\":2,\" \":3,\"/\":4,\"~\":5,\"*\":6}".to_vec(),
        b"[[[[[[[[[[1]]]]]]]]]]".to_vec(),
        b"null".to_vec(),
        b"\"=cmd|' /C calc'!A0\"".to_vec(),
        b"-0".to_vec(),
    ]
}

fn usual(number: u64) -> Message {
    Message::text(format!("{{\"seq\":{number},\"level\":{}}}", 20 + number % 5))
}

#[test]
fn what_cannot_be_read_is_counted_kept_and_told_with_its_first_bad_byte() {
    let server = Server::on_order();
    let home = Home::new();
    let engine = home.engine(&format!("[feed.wild.websocket]\nurl = \"{}\"\n", server.url()));
    (1..=300).for_each(|number| server.send(usual(number)));
    let calm = settled(&engine, "wild", 300);
    assert_eq!((calm.received, calm.rejected), (300, 0));

    let bad = unreadable();
    for (_, bytes, _) in &bad {
        server.send(Message::Binary(Bytes::from(bytes.clone())));
    }
    (301..=310).for_each(|number| server.send(usual(number)));
    let books = settled(&engine, "wild", 310 + bad.len() as u64);
    assert_eq!(books.rejected, bad.len() as u64, "each of them, and no other: {books:?}");

    let reader = engine.reader().expect("a history");
    let report = engine.stop();
    let told: Vec<_> = report.findings.iter().filter(|found| found.check.word() == "decode").collect();
    assert!(!told.is_empty() && told.iter().all(|found| found.message.is_some()), "{told:#?}");
    assert!(told.iter().any(|found| found.text.contains("byte")), "the byte is named: {told:#?}");

    let feed = reader.feeds().expect("feeds")[0].id;
    let kept = reader.messages(feed, Time::MIN, Time::MAX, 10_000).expect("messages");
    let rejected: Vec<_> = kept.iter().filter(|kept| matches!(kept.outcome, Outcome::Rejected { .. })).collect();
    assert_eq!(rejected.len(), bad.len());
    for (kept, (name, bytes, byte)) in rejected.iter().zip(&bad) {
        assert_eq!(kept.payload[..], bytes[..], "{name} is kept as it came");
        let Outcome::Rejected { offset, reason } = &kept.outcome else { unreachable!("filtered") };
        assert!(*offset <= bytes.len() && !reason.is_empty(), "{name}: {offset} {reason}");
        if let Some(byte) = byte {
            assert_eq!(offset, byte, "{name}: {reason}");
        }
    }
}

#[test]
fn odd_json_is_read_and_the_feed_goes_on() {
    let server = Server::on_order();
    let home = Home::new();
    let engine = home.engine(&format!("[feed.wild.websocket]\nurl = \"{}\"\n", server.url()));
    let odd = odd();
    for round in 0..30 {
        for bytes in &odd {
            server.send(Message::Binary(Bytes::from(bytes.clone())));
        }
        server.send(usual(1_000 + round));
    }
    let sent = 30 * (odd.len() as u64 + 1);
    let books = settled(&engine, "wild", sent);
    assert_eq!(books.received, sent);
    assert_eq!(books.rejected, 0, "{books:?}");
    let report = engine.stop();
    assert!(report.accounts["wild"].balance());
}

#[test]
fn empty_messages_and_broken_text_frames_do_no_harm() {
    let server = Server::on_order();
    let home = Home::new();
    let engine = home.engine(&format!("[feed.wild.websocket]\nurl = \"{}\"\n", server.url()));
    for number in 1..=50 {
        server.send(usual(number));
        server.send(Message::text(""));
        server.send(Message::Binary(Bytes::new()));
    }
    settled(&engine, "wild", 150);
    // A text frame of three bytes that are no UTF-8, which RFC 6455 forbids: the connection ends, the feed does not.
    server.send_raw(vec![0x81, 3, 0xff, 0xfe, 0xfd]);
    let before = server.connections();
    wait_until("a new connection", LONG, || server.connections() > before);
    (51..=60).for_each(|number| server.send(usual(number)));
    let books = settled(&engine, "wild", 160);
    assert_eq!(books.received, 160);
    let report = engine.stop();
    let closed = report.findings.iter().find(|found| found.kind.word() == "closed").expect("it is told");
    assert!(closed.text.contains("UTF-8"), "{}", closed.text);
}

#[test]
fn ten_thousand_keys_stay_within_the_bounds() {
    let server = Server::on_order();
    let home = Home::new();
    let config =
        format!("[feed.wide]\nlimits = {{ series = 500 }}\n[feed.wide.websocket]\nurl = \"{}\"\n", server.url());
    let engine = home.engine(&config);
    for number in 0..20_000u64 {
        let key = number % 10_000;
        server.send(Message::text(format!("{{\"id\":\"device-{key}\",\"seq\":{number},\"level\":{}}}", number % 7)));
    }
    let books = settled(&engine, "wide", 20_000);
    assert_eq!((books.received, books.rejected), (20_000, 0), "{books:?}");
    assert!(engine.series().len() <= 500, "{} series", engine.series().len());
    assert!(accounts(&engine, "wide").balance());
}
