//! `[feed.NAME.profile]`: what may be pinned, and what is said of what may not.

use feedwatch_decode::{PinnedSequence, PinnedSeries, PinnedTime, Pins};
use feedwatch_model::{SequenceRule, SeriesKind, TimeUnit};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::{read, said};

fn profile(lines: &str) -> String {
    format!("[feed.a.file]\npath = \"x\"\n[feed.a.profile]\n{lines}\n")
}

#[test]
fn every_part_of_a_profile_is_read() {
    let text = profile(
        "kinds = [\"/channel\"]\ntimes = [{ path = \"/ts\", unit = \"ms\", of = [\"trade\"] }]\nkeys = [\"/id\", \"topic:/1\"]\nignore = [\"/debug\"]\n\
         series = [{ path = \"/price\", kind = \"gauge\", unit = \"USD\", low = 0, high = 1e6, per_second = 500.5 }, { path = \"/x/*\" }]\n\
         sequence = [{ paths = [\"/U\", \"/u\"], rule = \"first-follows-last\", per = [\"/s\"], of = [\"trade\"], restarts = [\"snapshot\"] }, { paths = [\"/n\"], rule = \"plus-one-modulo\", modulus = 256 }]",
    );
    let none = PinnedSeries { path: "/x/*".into(), kind: None, unit: None, range: (None, None), fastest: None };
    let price = PinnedSeries {
        path: "/price".into(),
        kind: Some(SeriesKind::Gauge),
        unit: Some("USD".into()),
        range: (Some(0.0), Some(1e6)),
        fastest: Some(500.5),
    };
    let pair = PinnedSequence {
        paths: vec!["/U".into(), "/u".into()],
        rule: SequenceRule::FirstFollowsLast,
        modulus: None,
        per: vec!["/s".into()],
        of: vec!["trade".into()],
        restarts: vec!["snapshot".into()],
    };
    let round = PinnedSequence {
        paths: vec!["/n".into()],
        rule: SequenceRule::PlusOneModulo,
        modulus: Some(256),
        per: vec![],
        of: vec![],
        restarts: vec![],
    };
    let pins = Pins {
        kinds: Some(vec!["/channel".into()]),
        times: Some(vec![PinnedTime { path: "/ts".into(), unit: TimeUnit::Millis, of: vec!["trade".into()] }]),
        keys: Some(vec!["/id".into(), "topic:/1".into()]),
        ignored: vec!["/debug".into()],
        series: vec![price, none],
        sequences: Some(vec![pair, round]),
    };
    assert_eq!(read(&text).feeds[0].pins, pins);
    assert_eq!(read(&profile("keys = []")).feeds[0].pins, Pins { keys: Some(vec![]), ..Pins::default() });
    assert!(read(&profile("")).feeds[0].pins.is_empty());
}

#[test]
fn what_cannot_be_pinned_is_told_with_its_cure() {
    for (line, message) in [
        ("keys = [\"id\"]", "\"id\" is no path"),
        ("keys = [\"topic:/x\"]", "\"topic:/x\" is no path"),
        ("keys = \"/id\"", "\"keys\" should be a list of texts"),
        ("kinds = [\"/a\", \"/b\", \"/c\", \"/d\"]", "\"kinds\" has more than 3 paths"),
        ("times = [{ path = \"/t\" }]", "add unit = \"ms\""),
        ("times = [{ path = \"/t\", unit = \"msec\" }]", "there is no unit \"msec\""),
        ("times = [\"/t\"]", "\"times\" should be a table"),
        ("series = [{ unit = \"V\" }]", "add path = \"/...\""),
        ("series = [{ path = \"/v\", kind = \"gage\" }]", "did you mean \"gauge\"?"),
        ("series = [{ path = \"/v\", low = 2, high = 1 }]", "\"low\" is not below \"high\""),
        ("series = [{ path = \"/v\", low = \"2\" }]", "\"low\" should be a number"),
        ("series = [{ path = \"/v\", high = nan }]", "\"high\" should be a number"),
        ("series = [{ path = \"/v\", per_second = 0 }]", "\"per_second\" must be above 0"),
        ("sequence = [{ paths = [\"/n\"] }]", "a sequence needs its paths and its rule"),
        ("sequence = [{ paths = [\"/n\"], rule = \"plusone\" }]", "did you mean \"plus-one\"?"),
        ("sequence = [{ paths = [\"/n\"], rule = \"names-previous\" }]", "names-previous reads 2 of them"),
        ("sequence = [{ paths = [\"/n\", \"/m\"], rule = \"plus-one\" }]", "plus-one reads 1 of them"),
        ("sequence = [{ paths = [\"/n\"], rule = \"plus-one-modulo\" }]", "needs its modulus"),
        ("sequence = [{ paths = [\"/n\"], rule = \"increasing\", modulus = 9 }]", "only plus-one-modulo"),
        ("sequence = [{ paths = [\"/n\"], rule = \"increasing\", per = [\"/a\", \"/b\", \"/c\"] }]", "more than two"),
        ("key = [\"/a\"]", "did you mean \"keys\"?"),
    ] {
        let told = said(&profile(line));
        assert!(told.contains(message), "{line}: {told}");
        assert!(told.starts_with("feeds.toml:4:"), "{line}: {told}");
    }
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof!["/[a-zA-Z_ \"~*]{0,8}(/[a-z0-9*]{1,4}){0,2}", Just("topic".to_owned()), Just("topic:/2".to_owned())]
}

fn kinds() -> impl Strategy<Value = Vec<String>> {
    vec("[a-z:._ \"]{0,6}", 0..3)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![-1e9..1e9_f64, (-1000..1000_i32).prop_map(f64::from)]
}

/// Whatever can be pinned in a file.
pub(in crate::config) fn pins() -> impl Strategy<Value = Pins> {
    let time = (path(), proptest::sample::select(TimeUnit::ALL.to_vec()), kinds())
        .prop_map(|(path, unit, of)| PinnedTime { path, unit, of });
    let kind = of(proptest::sample::select(SeriesKind::ALL.to_vec()));
    let series = (path(), kind, of("[a-z°/%\"]{0,5}"), of(number()), of(0.001..1e9_f64), of(0.001..1e6_f64)).prop_map(
        |(path, kind, unit, low, above, fastest)| {
            let high = above.map(|above| low.unwrap_or(0.0) + above);
            PinnedSeries { path, kind, unit, range: (low, high), fastest }
        },
    );
    let rule = proptest::sample::select(SequenceRule::ALL.to_vec());
    let sequence = (path(), path(), rule, 2..1_u64 << 53, vec(path(), 0..3), kinds(), kinds()).prop_map(
        |(one, other, rule, modulus, per, of, restarts)| {
            let pair = matches!(rule, SequenceRule::FirstFollowsLast | SequenceRule::NamesPrevious);
            PinnedSequence {
                paths: if pair { vec![one, other] } else { vec![one] },
                rule,
                modulus: (rule == SequenceRule::PlusOneModulo).then_some(modulus),
                per,
                of,
                restarts,
            }
        },
    );
    let some = (
        of(vec(path(), 0..4)),
        of(vec(time, 0..3)),
        of(vec(path(), 0..3)),
        vec(path(), 0..3),
        vec(series, 0..3),
        of(vec(sequence, 0..3)),
    )
        .prop_map(|(kinds, times, keys, ignored, series, sequences)| Pins {
            kinds,
            times,
            keys,
            ignored,
            series,
            sequences,
        });
    prop_oneof![2 => Just(Pins::default()), 1 => some]
}
