//! NMEA 0183 and AIS through the decoder: kinds, keys, times, series.
#![allow(clippy::unwrap_used)]

mod kit;

use feedwatch_decode::{Format, Options};
use feedwatch_model::{MatchValue, TimeUnit, Why};
use kit::{feed, run, run_with};

/// The sentence with its checksum.
fn sealed(body: &str) -> String {
    let start = if body.starts_with("AI") { '!' } else { '$' };
    format!("{start}{body}*{:02X}", body.bytes().fold(0, |sum, byte| sum ^ byte))
}

/// A receiver on 1 March 2026: position and motion every second, from noon on.
fn receiver(seconds: usize) -> Vec<String> {
    let both = |at: usize| {
        let (minute, second) = (at / 60, at % 60);
        [
            format!(
                "GPGGA,12{minute:02}{second:02}.00,4807.{:03},N,01131.000,E,1,08,0.9,545.{},M,46.9,M,,",
                at % 999,
                at % 10
            ),
            format!(
                "GPRMC,12{minute:02}{second:02}.00,A,4807.{:03},N,01131.000,E,{}.4,084.4,010326,,,A",
                at % 999,
                at % 30
            ),
        ]
    };
    (0..seconds).flat_map(both).map(|body| sealed(&body)).collect()
}

#[test]
fn a_receiver_has_a_kind_for_each_sentence_and_a_time_where_there_is_a_date() {
    let outcome = run(feed(receiver(200), 500));
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("nmea", 0));
    let kind = |name: &str| {
        let wanted = name.parse().map_or_else(|_| MatchValue::Text(name.to_owned()), MatchValue::Number);
        outcome
            .profile
            .kinds
            .iter()
            .find(|kind| kind.matches.get("/type") == Some(&wanted))
            .unwrap_or_else(|| panic!("{:?}", outcome.profile.kinds.iter().map(|k| &k.matches).collect::<Vec<_>>()))
    };
    let (fix, motion) = (kind("GGA"), kind("RMC"));
    assert_eq!((fix.messages, motion.messages), (200, 200));
    let time = motion.time.as_ref().unwrap();
    assert_eq!((time.path.as_str(), time.unit), ("/time", TimeUnit::Rfc3339));
    assert!(fix.time.is_none());
    for (kind, path) in [(fix, "/lat"), (fix, "/altitude_m"), (motion, "/speed"), (motion, "/lat")] {
        let series = kind.series.iter().find(|series| series.path == path).unwrap();
        assert_eq!(series.samples, 200, "{path}");
    }
    let checksum = fix.ignored.iter().find(|left| left.path == "/checksum");
    assert_eq!(checksum.map(|left| left.why), Some(Why::Checksum));
    assert_eq!((outcome.profile.checksum[0].checked, outcome.profile.checksum[0].violations), (400, 0));
    assert_eq!(outcome.profile.checksum[0].kinds, [0, 1]);
}

#[test]
fn sentences_without_a_checksum_have_no_guard() {
    let texts = receiver(100).into_iter().map(|text| text.split('*').next().unwrap().to_owned());
    let outcome = run(feed(texts.collect::<Vec<_>>(), 500));
    assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("nmea", 0));
    assert!(outcome.profile.checksum.is_empty() && outcome.readings.iter().all(|reading| reading.guards.is_empty()));
}

#[test]
fn parts_of_messages_are_put_together_once_also_over_the_end_of_the_window() {
    let parts = [
        "!AIVDM,2,1,1,A,55?MbV02;H;s<HtKR20EHE:0@T4@Dn2222222216L961O5Gf0NSQEp6ClRp8,0*1C",
        "!AIVDM,2,2,1,A,88888888880,2*25",
    ];
    // 65 messages: the window ends between the parts of the last ship; a second part comes first.
    let texts: Vec<String> = (0..131).map(|at| parts[(at + 1) % 2].to_owned()).collect();
    let outcome = run_with(feed(texts, 1), Options { format: Some(Format::Nmea), ..Options::default() });
    let whole = |at: &usize| !outcome.readings[*at].points.is_empty();
    let found: Vec<usize> = (0..131).filter(whole).collect();
    assert_eq!(found, (2..131).step_by(2).collect::<Vec<_>>());
}

#[test]
fn what_is_pinned_refuses_what_is_no_sentence() {
    let mut texts = receiver(100);
    texts[30] = "hello".to_owned();
    texts[31] = "$GPGGA,12\u{e9}*00".to_owned();
    let outcome = run_with(feed(texts, 500), Options { format: Some(Format::Nmea), ..Options::default() });
    assert_eq!(outcome.offsets, [(30, 0), (31, 9)]);
    assert_eq!(outcome.whys[0], "byte 0: expected '$' or '!'");
}
