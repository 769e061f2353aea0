//! Formats beside JSON, from the first message on: found, read, charted, refused.

mod kit;

use feedwatch_decode::{Decoder, Format, Options};
use feedwatch_model::{CSV_HEADER, Message, MessageMeta, Profile, SeriesKind, TimeUnit, Value, Why};
use kit::{Collected, Outcome, run, run_with, start};
use proptest::prelude::*;

/// Messages of topics, one a second, each with its payload.
fn messages<'a>(all: impl IntoIterator<Item = (Option<&'a str>, Vec<u8>)>) -> Vec<Message> {
    let meta = |topic: &str| Box::new(MessageMeta { topic: Some(topic.into()), ..MessageMeta::default() });
    (0..)
        .zip(all)
        .map(|(at, (topic, payload))| Message {
            meta: topic.map(meta),
            ..Message::new(at, start().plus_nanos(at as i64 * 1_000_000), payload)
        })
        .collect()
}

fn on<'a>(topic: &'a str, text: &str) -> (Option<&'a str>, Vec<u8>) {
    (Some(topic), text.as_bytes().to_vec())
}

fn plain(texts: &[&str]) -> Vec<Message> {
    messages(texts.iter().map(|text| (None, text.as_bytes().to_vec())))
}

fn values(outcome: &Outcome) -> Vec<(&str, f64)> {
    let points = outcome.readings.iter().flat_map(|reading| &reading.points);
    points.map(|point| (&*outcome.catalogue.series[point.series as usize].name, point.value.as_f64())).collect()
}

fn kinds(profile: &Profile) -> Vec<(&str, SeriesKind)> {
    profile.kinds.iter().flat_map(|kind| &kind.series).map(|series| (series.name.as_str(), series.kind)).collect()
}

#[test]
fn a_plain_number_on_a_topic_is_a_series_named_after_the_topic() {
    let outcome = run(messages([
        on("plant/pump1/temp", "21.5"),
        on("plant/pump1/power", "3.2 kW"),
        on("plant/pump1/temp", "21.75 °C"),
        on("plant/pump1/valve", "OPEN"),
        on("plant/pump1/mode", "auto"),
        on("plant/pump1/valve", "closed"),
    ]));
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("text", 0));
    let expected = [
        ("plant/pump1/temp", 21.5),
        ("plant/pump1/power", 3.2),
        ("plant/pump1/temp", 21.75),
        ("plant/pump1/valve", 1.0),
        ("plant/pump1/valve", 0.0),
    ];
    assert_eq!(values(&outcome), expected);
    let power = &outcome.catalogue.series[1];
    assert_eq!((power.unit.as_deref(), &*power.path), (Some("kW"), ""));
    assert_eq!(power.key, [("topic".into(), "plant/pump1/power".into())]);
    assert_eq!(outcome.profile.kinds[0].ignored[0].why, Why::Text);
}

#[test]
fn json_and_plain_values_live_on_topics_side_by_side() {
    let outcome = run(messages([
        on("z/lamp", r#"{"brightness":255,"state":"ON"}"#),
        on("z/bridge/state", "online"),
        on("z/meter", "7"),
        on("z/lamp", r#"{"brightness":120,"state":"OFF"}"#),
        on("z/bridge/state", "offline"),
        on("z/lamp", r#"{"brightness":"#),
        on("z/lamp", "garbage"),
    ]));
    assert_eq!(outcome.profile.format, "json, text");
    assert_eq!(outcome.rejected, 2, "on a topic of objects nothing else is a value");
    let expected = [
        ("z/lamp.brightness", 255.0),
        ("z/lamp.state", 1.0),
        ("z/bridge/state", 1.0),
        ("z/meter", 7.0),
        ("z/lamp.brightness", 120.0),
        ("z/lamp.state", 0.0),
        ("z/bridge/state", 0.0),
    ];
    assert_eq!(values(&outcome), expected);
    let messages: u64 = outcome.profile.kinds.iter().map(|kind| kind.messages).sum();
    assert_eq!(messages, 5);
}

#[test]
fn words_that_are_no_pair_stay_text() {
    let outcome = run(messages([on("a/b", "on"), on("a/b", "idle"), on("a/b", "off"), on("a/c", "up")]));
    assert_eq!(values(&outcome), [("a/c", 1.0)]);
    assert_eq!(outcome.readings.len(), 4);
}

#[test]
fn a_deletion_is_a_reading_without_points() {
    let mut all = messages([on("a/b", r#"{"v":1}"#), on("a/b", ""), on("a/b", r#"{"v":2}"#), (None, Vec::new())]);
    all.push(Message {
        meta: Some(Box::new(MessageMeta { deleted: true, ..MessageMeta::default() })),
        ..Message::new(4, start(), Vec::new())
    });
    let outcome = run(all);
    let points: Vec<usize> = outcome.readings.iter().map(|reading| reading.points.len()).collect();
    assert_eq!((points.as_slice(), outcome.rejected), (&[1, 0, 1, 0][..], 1), "the empty one without a topic is none");
}

#[test]
fn csv_is_found_with_its_header_and_without() {
    let outcome =
        run(plain(&["time,temp_c,door", "2026-03-01T12:00:00Z,21.5,open", "2026-03-01T12:00:01Z,21.6,closed"]));
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected, outcome.readings.len()), ("csv", 0, 3));
    assert_eq!(values(&outcome), [("temp_c", 21.5), ("door", 1.0), ("temp_c", 21.6), ("door", 0.0)]);
    let kind = &outcome.profile.kinds[0];
    assert_eq!(kind.time.as_ref().map(|time| (time.path.as_str(), time.unit)), Some(("/time", TimeUnit::Rfc3339)));
    assert_eq!(kind.series[0].unit.as_deref(), Some("°C"));
    let outcome = run(plain(&["2026-03-01T12:00:00Z,21.5", "2026-03-01T12:00:01Z,21.6"]));
    assert_eq!(outcome.profile.kinds[0].series[0].path, "/1");
}

#[test]
fn the_header_of_a_csv_may_stand_beside_its_first_message() {
    let mut all = plain(&["1,2.5", "2,2.75"]);
    let headers = vec![(CSV_HEADER.into(), "minute,level".into())];
    all[0].meta = Some(Box::new(MessageMeta { headers, ..MessageMeta::default() }));
    let outcome = run(all);
    assert!(outcome.profile.kinds[0].series.iter().any(|series| series.path == "/level"), "{:?}", outcome.profile);
}

const SCRAPE: &str = "# HELP up Whether.\n# TYPE node_cpu_seconds_total counter\n\
    node_cpu_seconds_total{mode=\"idle\",cpu=\"0\"} 410.8\nnode_cpu_seconds_total{cpu=\"1\",mode=\"user\",} 3 1772366400000\n\
    # TYPE t summary\nt{quantile=\"0.5\"} NaN\nt_sum 17.5\nt_count 4\n\
    # TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 2\nh_count 3\n\
    # TYPE temp gauge\ntemp{room=\"a \\\"b\\\"\"} +Inf\nup 1\n";

#[test]
fn a_scrape_is_one_message_with_its_labels_as_keys() {
    let outcome = run(plain(&[SCRAPE]));
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("prometheus", 0));
    let expected = [
        ("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}", SeriesKind::Counter),
        ("node_cpu_seconds_total{cpu=\"1\",mode=\"user\"}", SeriesKind::Counter),
        ("t{quantile=\"0.5\"}", SeriesKind::Gauge),
        ("t_sum", SeriesKind::Counter),
        ("t_count", SeriesKind::Counter),
        ("h_sum", SeriesKind::Counter),
        ("h_count", SeriesKind::Counter),
        ("temp{room=\"a \"b\"\"}", SeriesKind::Gauge),
        ("up", SeriesKind::Gauge),
    ];
    assert_eq!(kinds(&outcome.profile), expected);
    let first = &outcome.profile.kinds[0].series[0];
    assert_eq!((first.path.as_str(), first.unit.as_deref()), ("/node_cpu_seconds_total", Some("s")));
    assert_eq!(first.key.get("label:mode").map(String::as_str), Some("idle"));
    let ignored: Vec<_> = outcome.profile.kinds[0].ignored.iter().map(|ignored| ignored.path.as_str()).collect();
    assert_eq!(ignored, ["/h_bucket"]);
    // The infinity is kept, for the history to call it bad; the NaN says that there is none.
    assert_eq!(outcome.readings[0].points.len(), 8);
    assert!(outcome.readings[0].points.iter().any(|point| point.value == Value::F64(f64::INFINITY)));
    assert_eq!(outcome.readings[0].time, outcome.readings[0].points[1].time);
}

#[test]
fn a_broken_scrape_is_refused_at_its_byte() {
    let mut decoder = Decoder::new(Options::default());
    let mut sink = Collected::default();
    for text in ["a 1\nb 2\n", "a 1\nb {} x\n", "a 1\nb 2 3 4\n", "a{x=\"\n"] {
        decoder.push(Message::new(0, start(), text), &mut sink);
    }
    decoder.finish(&mut sink);
    let offsets: Vec<usize> = sink.rejected.iter().map(|why| why.offset).collect();
    assert_eq!(decoder.profile().format, "unknown", "nothing fits nearly all of them");
    assert_eq!(offsets.len(), 4);
    let outcome =
        run_with(plain(&["a 1\nb {} x\n"]), Options { format: Some(Format::Prometheus), ..Options::default() });
    assert_eq!(outcome.whys, ["byte 9: expected the value of a sample"]);
}

#[test]
fn influx_lines_bring_tags_integers_and_times_of_any_unit() {
    let lines = "cpu,host=a\\ b,region=eu usage=0.64,cores=8i,total_count=18446744073709551615u,on=t,note=\"x, y\" 1772366400000000000\n\
        # a comment\n\ncpu,region=eu,host=a\\ b usage=0.65 1772366401000\n";
    let outcome = run(plain(&[lines]));
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("influx", 0));
    let names = ["a b.eu.cpu.usage", "a b.eu.cpu.cores", "a b.eu.cpu.total_count", "a b.eu.cpu.on"];
    assert_eq!(outcome.names(), names);
    let points = &outcome.readings[0].points;
    assert_eq!(points[1].value, Value::I64(8));
    assert_eq!(points[2].value, Value::U64(u64::MAX));
    assert_eq!(points[4].time.map(|time| time.nanos_since(start())), Some(1_000_000_000));
    assert_eq!(points[4].series, points[0].series, "tags in another order");
    assert_eq!(outcome.catalogue.series[0].key[0], ("tag:host".into(), "a b".into()));
    assert_eq!(&*outcome.catalogue.series[0].path, "/cpu/usage");
    assert_eq!(outcome.profile.kinds[0].ignored[0].path, "/cpu/note");
    let outcome = run_with(plain(&["cpu usage=x"]), Options { format: Some(Format::Influx), ..Options::default() });
    assert_eq!(outcome.whys, ["byte 10: expected a number, a text in quotes, or true or false"]);
}

type Write = fn(&serde_json::Value) -> Vec<u8>;

fn json(number: i64) -> serde_json::Value {
    serde_json::json!({ "device": "pump1", "temp": 21.5 + number as f64, "big": 9_007_199_254_740_993_i64 + number,
        "most": u64::MAX, "least": i64::MIN, "on": number % 2 == 0, "list": [1, 2, 3] })
}

fn msgpack(value: &serde_json::Value) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("a value")
}

fn cbor(value: &serde_json::Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a value");
    bytes
}

#[test]
fn binary_trees_are_found_and_read_as_json_is() {
    let all: Vec<_> = (0..10).map(json).collect();
    for (word, write) in [("msgpack", msgpack as Write), ("cbor", cbor)] {
        for count in [10, 1] {
            let as_json = all.iter().take(count).map(|value| (None, value.to_string().into_bytes()));
            let as_json = run(messages(as_json));
            let outcome = run(messages(all.iter().take(count).map(|value| (None, write(value)))));
            assert_eq!((outcome.profile.format.as_str(), outcome.rejected), (word, 0));
            let points =
                |outcome: &Outcome| outcome.readings.iter().map(|read| read.points.clone()).collect::<Vec<_>>();
            assert_eq!(points(&outcome), points(&as_json), "{word}");
        }
    }
}

#[test]
fn a_binary_message_is_refused_at_its_byte() {
    for (format, write) in [(Format::MessagePack, msgpack as Write), (Format::Cbor, cbor)] {
        let whole = write(&json(1));
        let (cut, longer) = (whole[..whole.len() - 1].to_vec(), [&whole[..], &[0]].concat());
        // 200 levels; and a length that nobody sent.
        let deep = [vec![if format == Format::Cbor { 0x81 } else { 0x91 }; 200], vec![0]].concat();
        let liar = if format == Format::Cbor { vec![0x9B; 9] } else { vec![0xDD, 255, 255, 255, 255] };
        let all = [cut, longer, deep, liar].into_iter().map(|bytes| (None, bytes));
        let outcome = run_with(messages(all), Options { format: Some(format), ..Options::default() });
        let (cut, longer) = (whole.len() - 1, whole.len());
        let liar = if format == Format::Cbor { 9 } else { 5 };
        let expected = [
            format!("byte {cut}: the message ends too early"),
            format!("byte {longer}: the message goes on behind its value"),
            "byte 128: more than 128 levels".to_owned(),
            format!("byte {liar}: the message ends too early"),
        ];
        assert_eq!(outcome.whys, expected, "{format:?}");
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn what_is_wrapped_is_read_as_what_is_not() {
    for (word, wrap) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("zstd", zstd)] {
        let bomb = wrap(&vec![b' '; 17 << 20]);
        let inside: [(&str, Write); 2] = [("json", |value| value.to_string().into_bytes()), ("msgpack", msgpack)];
        for (format, write) in inside {
            let plain = run(messages((0..20).map(|number| (None, write(&json(number))))));
            let mut all = messages((0..20).map(|number| (None, wrap(&write(&json(number))))));
            all.push(Message::new(20, start(), wrap(b"{\"cut\":")));
            all.push(Message::new(21, start(), bomb.clone()));
            let outcome = run(all);
            assert_eq!(outcome.profile.format, format!("{word}+{format}"));
            let of =
                |outcome: &Outcome| outcome.readings.iter().map(|reading| reading.points.clone()).collect::<Vec<_>>();
            assert_eq!(of(&outcome), of(&plain));
            assert_eq!(outcome.rejected, 2, "{:?}", outcome.whys);
            assert!(
                outcome.whys[0].starts_with("byte 0: byte ") && outcome.whys[0].contains("inflated"),
                "{:?}",
                outcome.whys
            );
            assert!(outcome.whys[1].contains("larger than 16777216 bytes"), "{:?}", outcome.whys);
        }
    }
    let outcome = run(messages([(None, gzip(SCRAPE.as_bytes()))]));
    assert_eq!(outcome.profile.format, "gzip+prometheus");
}

#[test]
fn a_few_wrapped_messages_among_plain_ones_are_read() {
    let mut all: Vec<Message> = plain(&[r#"{"v":1}"#; 20]);
    all.push(Message::new(20, start(), gzip(br#"{"v":2}"#)));
    let outcome = run(all);
    assert_eq!((outcome.rejected, values(&outcome).last().copied()), (0, Some(("v", 2.0))));
}

#[test]
fn a_format_is_not_taken_for_another() {
    for (texts, format) in [
        (&["ping", "pong"][..], "text"),
        (&["level=info msg=hello", "level=warn msg=x"], "unknown"),
        (&["2026-03-01 12:00:00 ERROR [main] something, somewhere, failed"], "unknown"),
        (&["!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24"; 3], "nmea"),
        (&["!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*25"; 3], "unknown"),
        (&["<xml a=\"1\"/>"], "unknown"),
        (&[r#"{"a":1}"#, "ping"], "json"),
        (&["{\"cut\":", "{\"cut\":"], "unknown"),
        (&["\u{1}\u{2}\u{3}"], "unknown"),
    ] {
        assert_eq!(run(plain(texts)).profile.format, format, "{texts:?}");
    }
}

#[test]
fn what_is_not_decided_by_the_first_messages_is_by_a_later_one() {
    let mut all = plain(&["(hello) = <world>", r#"{"a":1}"#]);
    all[1].received = start().plus_nanos(10_000_000_000);
    assert_eq!(run(all).profile.format, "json");
    // The window held nothing but noise; what follows says what it is.
    let options = Options { learn_messages: 1, ..Options::default() };
    let all = plain(&["(hello) = <world>", "cpu,host=a usage=1 1772366400000", "cpu,host=a usage=2", "{}"]);
    let outcome = run_with(all, options);
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("influx", 2));
}

#[test]
fn a_pinned_format_is_not_given_up() {
    let options = |format| Options { format: Some(format), ..Options::default() };
    let outcome = run_with(plain(&["1", "2"]), options(Format::Csv));
    assert_eq!((outcome.profile.format.as_str(), values(&outcome)), ("csv", vec![("0", 1.0), ("0", 2.0)]));
    let outcome = run_with(messages([on("a/b", "ON"), on("a/b", r#"{"x":1}"#)]), options(Format::Json));
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("json", 1));
    for format in Format::ALL {
        assert_eq!(Format::from_word(format.word()), Some(format));
    }
}

#[test]
fn there_are_no_more_series_than_allowed() {
    let scrape: String = (0..50).map(|at| format!("m{{a=\"{at}\"}} 1\n")).collect();
    let options = Options { max_series: 10, ..Options::default() };
    let outcome = run_with(plain(&[&scrape, &scrape]), options);
    assert_eq!((outcome.catalogue.series.len(), outcome.catalogue.beyond_limit), (10, 80));
    assert_eq!(outcome.profile.kinds[0].ignored[0].why, Why::Limit);
}

#[test]
fn captures_of_scrapes_are_read() {
    for number in 1..=3 {
        let Some(scrape) = kit::file(&format!("node_exporter_{number}.prom")) else { return };
        let outcome = run(vec![Message::new(0, start(), scrape)]);
        assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("prometheus", 0));
        let idle = outcome.profile.kinds[0].series.iter().find(|series| {
            series.path == "/node_cpu_seconds_total" && series.key.get("label:mode").is_some_and(|mode| mode == "idle")
        });
        assert_eq!(idle.map(|series| series.kind), Some(SeriesKind::Counter));
    }
}

fn tree() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "\\PC{0,12}|[\\x00-\\x1F\"\\\\]{0,4}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c]|\\PC{0,8}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_written_in_binary_is_read_as_what_is_written_as_json(value in tree()) {
        let as_json = run_with(
            messages([(None, value.to_string().into_bytes())]),
            Options { format: Some(Format::Json), ..Options::default() },
        );
        for (format, bytes) in [(Format::MessagePack, msgpack(&value)), (Format::Cbor, cbor(&value))] {
            let outcome = run_with(messages([(None, bytes)]), Options { format: Some(format), ..Options::default() });
            let read = |outcome: &Outcome| {
                let parts = outcome.readings.iter().map(|read| (read.kind, read.time, read.points.clone(), read.marks.clone()));
                parts.collect::<Vec<_>>()
            };
            prop_assert_eq!(read(&outcome), read(&as_json));
            prop_assert_eq!(&outcome.catalogue.series, &as_json.catalogue.series);
        }
    }

    #[test]
    fn no_bytes_panic_in_any_format(
        payloads in prop::collection::vec((prop::option::of("[a-z/]{0,6}|spBv1.0/G/N(BIRTH|DATA|CMD)/E"), prop_oneof![
            any::<Vec<u8>>(),
            "[a-z0-9,;:=\" {}\\[\\]#.\n\t\\\\+-]{0,60}".prop_map(String::into_bytes),
            tree().prop_map(|value| msgpack(&value)),
            tree().prop_map(|value| cbor(&value)),
            tree().prop_map(|value| gzip(value.to_string().as_bytes())),
        ]), 1..12),
        cut in any::<prop::sample::Index>(),
        window in 1..4_usize,
    ) {
        let mut payloads = payloads;
        if let Some((_, last)) = payloads.last_mut() {
            let at = cut.index(last.len() + 1);
            last.truncate(at);
        }
        let lengths: Vec<usize> = payloads.iter().map(|(_, payload)| payload.len()).collect();
        for format in Format::ALL.into_iter().map(Some).chain([None]) {
            let all = messages(payloads.iter().map(|(topic, payload)| (topic.as_deref(), payload.clone())));
            let outcome = run_with(all, Options { format, learn_messages: window, ..Options::default() });
            prop_assert_eq!(outcome.readings.len() + outcome.rejected, lengths.len());
            prop_assert!(outcome.offsets.iter().all(|(at, offset)| *offset <= lengths[*at as usize]));
        }
    }

    #[test]
    fn how_messages_are_batched_changes_nothing(
        texts in prop::collection::vec("[a-z]{1,3} [0-9]{1,3}|[a-c],[a-z]=[a-z] [a-z]=[0-9]|[0-9]{1,2}|ON|OFF", 1..20),
    ) {
        let all = || plain(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let (once, again) = (run(all()), run(all()));
        prop_assert_eq!(once.readings, again.readings);
        prop_assert_eq!(once.profile, again.profile);
    }
}
