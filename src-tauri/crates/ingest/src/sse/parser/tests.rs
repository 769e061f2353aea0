use proptest::prelude::*;

use super::*;

fn parse(stream: &[u8]) -> Vec<SseEvent<'static>> {
    let mut events = Vec::new();
    Parser::new(1 << 20).push(stream, &mut |event| events.push(kept(event))).unwrap();
    events
}

/// The same for as long as the test runs.
fn kept(event: SseEvent<'_>) -> SseEvent<'static> {
    let SseEvent { data, kind, id, last_id } = event;
    SseEvent { data: data.to_vec().leak(), kind, id, last_id }
}

/// Data, type, id.
fn told(stream: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let text = |text: Option<Arc<str>>| text.map(|text| text.to_string());
    parse(stream.as_bytes())
        .into_iter()
        .map(|event| (String::from_utf8(event.data.to_vec()).unwrap(), text(event.kind), text(event.id)))
        .collect()
}

fn data(stream: &str) -> Vec<String> {
    told(stream).into_iter().map(|(data, _, _)| data).collect()
}

#[test]
fn the_examples_of_the_standard_hold() {
    assert_eq!(data("data: YHOO\ndata: +2\ndata: 10\n\n"), ["YHOO\n+2\n10"]);
    let stream = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n";
    let id = |id: &str| Some(id.to_owned());
    assert_eq!(
        told(stream),
        [
            ("first event".into(), None, id("1")),
            ("second event".into(), None, id("")),
            (" third event".into(), None, None)
        ]
    );
    assert_eq!(data("data\n\ndata\ndata\n\ndata:"), ["", "\n"]);
    assert_eq!(data("data:test\n\ndata: test\n\n"), ["test", "test"]);
}

#[test]
fn every_line_end_counts_once() {
    for stream in
        ["data:a\n\ndata:b\n\n", "data:a\r\rdata:b\r\r", "data:a\r\n\r\ndata:b\r\n\r\n", "data:a\r\n\ndata:b\n\r\n"]
    {
        assert_eq!(data(stream), ["a", "b"], "{stream:?}");
    }
}

#[test]
fn one_byte_order_mark_is_skipped() {
    assert_eq!(data("\u{FEFF}data:a\n\n"), ["a"]);
    assert_eq!(data("\u{FEFF}\u{FEFF}data:a\n\ndata:b\n\n"), ["b"]);
    assert_eq!(parse(b"\xEF\xBBdata:a\n\ndata:b\n\n").len(), 1);
}

#[test]
fn the_type_lasts_for_one_event() {
    let kind = |kind: &str| Some(kind.to_owned());
    assert_eq!(
        told("event:up\nevent:down\ndata:a\n\ndata:b\n\nevent:message\ndata:c\n\nevent:x\n\ndata:d\n\n"),
        [
            ("a".into(), kind("down"), None),
            ("b".into(), None, None),
            ("c".into(), None, None),
            ("d".into(), None, None)
        ]
    );
}

#[test]
fn an_event_without_data_is_not_dispatched_but_its_id_counts() {
    let events = parse(b"id: 5\n\ndata: x\n\ndata: y\n\n");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].id, None);
    assert_eq!(events[0].last_id.as_deref(), Some("5"));
    assert_eq!(events[1].last_id, None);
}

#[test]
fn an_id_with_nul_is_ignored() {
    let events = parse(b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n");
    assert_eq!((events[1].id.as_deref(), events[1].last_id.as_deref()), (None, None));
}

#[test]
fn a_long_type_is_cut_and_a_long_id_is_ignored() {
    let (type_, id) = ("é".repeat(10_000), "7".repeat(1025));
    let events = parse(format!("id: 1\nevent: {type_}\ndata: a\n\nid: {id}\ndata: b\n\n").as_bytes());
    assert_eq!(events[0].kind.as_deref(), Some("é".repeat(512).as_str()));
    assert_eq!((events[1].id.as_deref(), events[1].last_id.as_deref()), (None, None), "it is not sent back either");
    let (type_, id) = ("x".repeat(1024), "7".repeat(1024));
    let events = parse(format!("id: {id}\nevent: {type_}\ndata: a\n\n").as_bytes());
    assert_eq!((events[0].kind.as_deref(), events[0].id.as_deref()), (Some(&*type_), Some(&*id)));
    let events = parse(&[b"id: ".as_slice(), &[0xFF; 400], b"\ndata: a\n\n"].concat());
    assert_eq!(events[0].id, None, "as text it is longer");
}

#[test]
fn retry_is_digits_only() {
    let retry = |stream: &str| {
        let mut parser = Parser::new(100);
        parser.push(stream.as_bytes(), &mut |_| {}).unwrap();
        parser.take_retry().map(|retry| retry.as_millis())
    };
    assert_eq!(retry("retry: 1500\n"), Some(1500));
    assert_eq!(retry("retry: 1500\nretry: -1\nretry\nretry: 1.5\nretry: 3s\n"), Some(1500));
    assert_eq!(retry("retry: 99999999999999999999999\n"), Some(u128::from(u64::MAX)));
    assert_eq!(retry("data: 5\n"), None);
}

#[test]
fn unknown_fields_and_comments_say_nothing() {
    assert_eq!(data(":\n: data: a\nDATA: b\n data: c\nfoo: d\ndata: e\n\n"), ["e"]);
}

#[test]
fn invalid_text_is_replaced() {
    let events = parse(b"data: a\xFFb\xE2\x82\n\n");
    assert_eq!(events[0].data, "a\u{FFFD}b\u{FFFD}".as_bytes());
}

#[test]
fn what_the_end_cuts_off_is_discarded() {
    assert_eq!(data("data: a\n\ndata: b\n"), ["a"]);
}

#[test]
fn no_event_is_larger_than_allowed() {
    for stream in ["data: 12345", "data: 12345\n", "data:12345\ndata:12345\n\n"] {
        let pushed = Parser::new(10).push(stream.as_bytes(), &mut |event| panic!("complete: {event:?}"));
        assert_eq!(pushed, Err(TooBig { limit: 10 }), "{stream:?}");
    }
}

/// Streams that look like streams, so that the property is not only about noise.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"data".to_vec()),
        Just(b"data: a\n\n".to_vec()),
        Just(b"data:\n\n".to_vec()),
        Just(b"event: tick".to_vec()),
        Just(b"id: 4".to_vec()),
        Just(b"retry: 20".to_vec()),
        Just(b": ".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\xEF\xBB\xBF".to_vec()),
        "[a-z€:]{0,6}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_events_do_not_depend_on_the_cuts(stream in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let mut parser = Parser::new(1 << 20);
        let mut events = Vec::new();
        for pair in at.windows(2) {
            parser.push(&stream[pair[0]..pair[1]], &mut |event| events.push(kept(event))).unwrap();
        }
        prop_assert_eq!(events, parse(&stream));
    }

    #[test]
    fn one_byte_at_a_time_is_the_same(stream in stream()) {
        let mut parser = Parser::new(1 << 20);
        let mut events = Vec::new();
        for byte in &stream {
            parser.push(&[*byte], &mut |event| events.push(kept(event))).unwrap();
        }
        prop_assert_eq!(events, parse(&stream));
    }

    #[test]
    fn no_bytes_panic_and_data_is_text(stream: Vec<u8>, limit in 0usize..50) {
        let _ = Parser::new(limit).push(&stream, &mut |event| {
            assert!(std::str::from_utf8(event.data).is_ok());
        });
    }
}
