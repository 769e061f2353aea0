use feedwatch_model::{MessageMeta, Reading};
use proptest::prelude::*;

use super::*;
use crate::catalogue::Catalogue;
use crate::learn::names::Names;

const NOW: i64 = 1_772_366_400_000;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, inside: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(inside.len() as u64), inside.to_vec()].concat()
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [varint(field << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn float(field: u64, value: f32) -> Vec<u8> {
    [varint(field << 3 | 5), value.to_le_bytes().to_vec()].concat()
}

fn metric(parts: &[Vec<u8>]) -> Vec<u8> {
    bytes(2, &parts.concat())
}

fn payload(seq: u64, metrics: &[Vec<u8>]) -> Vec<u8> {
    [number(1, NOW as u64), metrics.concat(), number(3, seq)].concat()
}

#[derive(Default)]
struct Feed {
    sparkplug: Sparkplug,
    declared: Declared,
    catalogue: Catalogue,
    names: Names,
    reading: Reading,
}

impl Feed {
    fn read(&mut self, topic: &str, payload: &[u8]) -> Result<Vec<(String, Value)>, usize> {
        self.reading.clear();
        let meta = Some(Box::new(MessageMeta { topic: Some(topic.into()), ..MessageMeta::default() }));
        let message = Message { meta, ..Message::new(0, Time::from_millis(NOW), payload.to_vec()) };
        let Feed { sparkplug, declared, catalogue, names, reading } = self;
        let sheet = &mut Sheet { reading, catalogue, names, max_series: 100 };
        sparkplug.read(&message, payload, declared, sheet).map_err(|fault| fault.offset)?;
        let name = |series: u32| self.catalogue.series[series as usize].name.to_string();
        Ok(self.reading.points.iter().map(|point| (name(point.series), point.value)).collect())
    }

    fn marks(&self) -> Vec<(u64, u64)> {
        self.reading.marks.iter().map(|mark| (mark.first, mark.last)).collect()
    }
}

fn text(field: u64, text: &str) -> Vec<u8> {
    bytes(field, text.as_bytes())
}

#[test]
fn an_alias_and_its_datatype_are_known_from_the_birth() {
    let mut feed = Feed::default();
    let birth = payload(0, &[metric(&[text(1, "Inputs/Temp"), number(2, 7), number(4, 3), number(10, 21)])]);
    assert_eq!(feed.read("spBv1.0/G/NBIRTH/E", &birth).unwrap(), [("G/E.Inputs/Temp".to_owned(), Value::I64(21))]);
    let minus = u64::from((-5_i32).cast_unsigned());
    let data = payload(1, &[metric(&[number(2, 7), number(10, minus)])]);
    assert_eq!(feed.read("spBv1.0/G/NDATA/E", &data).unwrap(), [("G/E.Inputs/Temp".to_owned(), Value::I64(-5))]);
    let series = &feed.catalogue.series[0];
    assert_eq!(&*series.path, "/Inputs~1Temp");
    let key: Vec<_> = series.key.iter().map(|(path, text)| (&**path, &**text)).collect();
    assert_eq!(key, [("topic:/1", "G"), ("topic:/3", "E")]);
    assert_eq!(feed.catalogue.series.len(), 1);
}

#[test]
fn an_alias_without_a_birth_is_charted_all_the_same() {
    let mut feed = Feed::default();
    let data = payload(4, &[metric(&[number(2, 7), double(13, 1.5)])]);
    assert_eq!(feed.read("spBv1.0/G/DDATA/E/D", &data).unwrap(), [("G/E/D.alias 7".to_owned(), Value::F64(1.5))]);
}

#[test]
fn values_are_those_of_their_datatypes() {
    let mut feed = Feed::default();
    let all = payload(
        0,
        &[
            metric(&[text(1, "i8"), number(4, 1), number(10, 0xFE)]),
            metric(&[text(1, "i64"), number(4, 4), number(11, i64::MIN.cast_unsigned())]),
            metric(&[text(1, "u64"), number(4, 8), number(11, u64::MAX)]),
            metric(&[text(1, "f"), number(4, 9), float(12, 21.3)]),
            metric(&[text(1, "b"), number(4, 11), number(14, 1)]),
            metric(&[text(1, "nan"), number(4, 10), double(13, f64::NAN)]),
            metric(&[text(1, "inf"), number(4, 10), double(13, f64::INFINITY)]),
            metric(&[text(1, "null"), number(4, 3), number(7, 1)]),
            metric(&[text(1, "when"), number(4, 13), number(11, NOW as u64)]),
            metric(&[text(1, "said"), number(4, 12), text(15, "hello")]),
            metric(&[text(1, "T"), number(4, 19), bytes(18, &metric(&[text(1, "x"), number(4, 7), number(10, 9)]))]),
        ],
    );
    let read = feed.read("spBv1.0/G/NBIRTH/E", &all).unwrap();
    let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let expected = [
        ("G/E.i8", Value::I64(-2)),
        ("G/E.i64", Value::I64(i64::MIN)),
        ("G/E.u64", Value::U64(u64::MAX)),
        ("G/E.f", Value::F64(21.3)),
        ("G/E.b", Value::Bool(true)),
        ("G/E.inf", Value::F64(f64::INFINITY)),
        ("G/E.T/x", Value::I64(9)),
    ];
    assert_eq!(read, expected);
    let profile = feed.declared.clone();
    let mut counted = profile;
    counted.count();
    let ignored = counted.profile(&feed.catalogue, "/timestamp").unwrap().ignored;
    let ignored: Vec<_> = ignored.iter().map(|ignored| (ignored.path.as_str(), ignored.why)).collect();
    assert_eq!(ignored, [("/when", Why::Time), ("/said", Why::Text)]);
}

#[test]
fn a_metric_may_have_a_time_of_its_own() {
    let mut feed = Feed::default();
    let old = payload(0, &[metric(&[text(1, "x"), number(3, NOW as u64 - 1000), number(5, 1), double(13, 1.0)])]);
    feed.read("spBv1.0/G/NDATA/E", &old).unwrap();
    assert_eq!(feed.reading.time, Some(Time::from_millis(NOW)));
    assert_eq!(feed.reading.points[0].time, Some(Time::from_millis(NOW - 1000)));
}

#[test]
fn the_sequence_is_counted_on_over_its_turns_per_node() {
    let mut feed = Feed::default();
    let mut marks = |sort: &str, seq: u64| {
        feed.read(&format!("spBv1.0/G/{sort}/E"), &payload(seq, &[])).unwrap();
        feed.marks()
    };
    assert_eq!(marks("NDATA", 254), [(254, 254)]);
    assert_eq!(marks("NDATA", 255), [(255, 255)]);
    assert_eq!(marks("DDATA", 0), [(256, 256)]);
    assert_eq!(marks("NDATA", 3), [(259, 259)], "two are missing");
    assert_eq!(marks("NDATA", 2), [(258, 258)], "late");
    assert_eq!(marks("NDATA", 4), [(260, 260)]);
    assert_eq!(marks("NBIRTH", 0), [(261, 512)], "a birth begins anew and misses nothing");
    assert_eq!(marks("NDATA", 1), [(513, 513)]);
    assert_eq!(feed.sparkplug.sequence().map(|rule| (rule.checked, rule.violations)), Some((6, 2)));
    assert_eq!(feed.catalogue.scopes.len(), 1);
}

#[test]
fn commands_and_deaths_are_no_values_and_a_host_is_online() {
    let mut feed = Feed::default();
    let command = payload(0, &[metric(&[text(1, "Node Control/Rebirth"), number(4, 11), number(14, 1)])]);
    assert_eq!(feed.read("spBv1.0/G/NCMD/E", &command).unwrap(), []);
    assert_eq!(feed.marks(), []);
    let death = [number(1, NOW as u64), metric(&[text(1, "bdSeq"), number(4, 8), number(11, 3)])].concat();
    assert_eq!(feed.read("spBv1.0/G/NDEATH/E", &death).unwrap(), []);
    let online = br#"{"online":true,"timestamp":1668114759262}"#;
    assert_eq!(feed.read("spBv1.0/STATE/scada", online).unwrap(), [("STATE/scada".to_owned(), Value::Bool(true))]);
    assert_eq!(feed.read("STATE/old", b"OFFLINE").unwrap(), [("STATE/old".to_owned(), Value::Bool(false))]);
}

#[test]
fn the_first_byte_that_does_not_fit_is_named() {
    let mut feed = Feed::default();
    let good = payload(0, &[metric(&[text(1, "x"), double(13, 1.0)])]);
    let cut = &good[..good.len() - 4];
    assert_eq!(feed.read("spBv1.0/G/NDATA/E", cut), Err(cut.len()));
    let bad_name = [metric(&[bytes(1, b"a\xFF")]), number(3, 0)].concat();
    assert_eq!(feed.read("spBv1.0/G/NDATA/E", &bad_name), Err(5));
    let mut deep = metric(&[text(1, "x")]);
    for _ in 0..50 {
        deep = metric(&[bytes(18, &deep)]);
    }
    assert!(feed.read("spBv1.0/G/NDATA/E", &deep).is_err());
    assert!(feed.catalogue.series.is_empty());
}

proptest! {
    #[test]
    fn no_bytes_panic(noise: Vec<u8>, edits: Vec<(prop::sample::Index, u8)>) {
        let mut feed = Feed::default();
        let _ = feed.read("spBv1.0/G/NDATA/E", &noise);
        let mut known = payload(0, &[metric(&[text(1, "x"), number(2, 7), number(4, 3), number(10, 21)]), metric(&[bytes(18, &metric(&[]))])]);
        for (at, byte) in edits {
            let at = at.index(known.len());
            known[at] = byte;
        }
        if let Err(offset) = feed.read("spBv1.0/G/NBIRTH/E", &known) {
            prop_assert!(offset <= known.len());
        }
    }
}
