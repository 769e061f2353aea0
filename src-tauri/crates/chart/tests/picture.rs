//! Claims about whole pictures.

use feedwatch_chart::{Mark, Picture, Theme, png, svg};
use feedwatch_model::{Bucket, Severity, Time, decimate};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

/// Five minutes of a price with a hole and a jump.
fn picture() -> Picture {
    let from = Time::parse_rfc3339("2026-03-01T13:27:07Z").expect("a time");
    let at = |second: f64| from.plus_nanos((second * SECOND as f64) as i64);
    let noise = |second: f64| (second * 12.9898).sin() * 43_758.545_3 % 1.0;
    let level = |second: f64| 3900.0 + 8.0 * (second / 38.0).sin() + if second > 276.0 { 24.0 } else { 0.0 };
    let seconds = (0..3000).map(|tenth| f64::from(tenth) / 10.0).filter(|second| !(120.0..160.0).contains(second));
    let samples = seconds.map(|second| (at(second), level(second) + 1.5 * noise(second)));
    Picture {
        unit: Some("USD".into()),
        width: 720,
        height: 320,
        buckets: decimate(samples, SECOND),
        bucket_width_ns: SECOND,
        band: (0..300)
            .map(|second| {
                (at(second.into()), level(275f64.min(second.into())) - 5.0, level(275f64.min(second.into())) + 5.0)
            })
            .collect(),
        gaps: vec![
            (at(120.0), Some(at(160.0)), "connection lost".into()),
            (at(30.0), Some(at(30.2)), "messages lost".into()),
        ],
        marks: vec![
            Mark { at: at(277.0), value: 3932.0, severity: Severity::Warning, label: "Jumped".into() },
            Mark { at: at(160.0), value: f64::NAN, severity: Severity::Info, label: "Resumed".into() },
        ],
        utc_offset_secs: 3600,
        ..Picture::new("ETH-USD.price", from, at(300.0))
    }
}

/// Where the environment names a folder, the pictures are left there to be looked at.
#[test]
fn a_picture_can_be_looked_at() {
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let picture = Picture { theme, ..picture() };
        let (bytes, text) = (png(&picture).unwrap(), svg(&picture).unwrap());
        assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
        if let Some(folder) = std::env::var_os("FEEDWATCH_CHART_OUT") {
            let folder = std::path::PathBuf::from(folder);
            std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
            std::fs::write(folder.join(format!("{name}.svg")), text).unwrap();
        }
    }
}

/// The points of every line of the trace.
fn traces(text: &str, color: &str) -> Vec<Vec<(i32, i32)>> {
    let points = |line: &str| {
        let points = line.split("points=\"").nth(1)?.split('"').next()?;
        let point = |pair: &str| {
            pair.split_once(',').map(|(x, y)| (x.parse().expect("a number"), y.parse().expect("a number")))
        };
        Some(points.split_whitespace().filter_map(point).collect())
    };
    text.lines().filter(|line| line.starts_with("<polyline") && line.contains(color)).filter_map(points).collect()
}

#[test]
fn no_line_crosses_a_gap() {
    let text = svg(&picture()).unwrap();
    let traces = traces(&text, "#AEB9C5");
    // Broken at the long gap and at the short one.
    assert_eq!(traces.len(), 3);
    let ends: Vec<(i32, i32)> = traces.iter().map(|line| (line[0].0, line[line.len() - 1].0)).collect();
    assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ends:?}");
    assert!(ends[2].0 - ends[1].1 > 100, "{ends:?}");
    assert!(text.contains("connection lost"));
}

#[test]
fn a_spike_of_one_sample_is_as_high_as_it_was() {
    let samples = (0..100_000).map(|index| (Time::from_millis(index), if index == 54_321 { 1000.0 } else { 0.0 }));
    let spike = Picture {
        buckets: decimate(samples, 1_000_000),
        bucket_width_ns: 1_000_000,
        ..Picture::new("spike", Time::from_millis(0), Time::from_millis(100_000))
    };
    let traces = traces(&svg(&spike).unwrap(), "#AEB9C5");
    let (low, high) = traces[0].iter().fold((i32::MAX, i32::MIN), |(low, high), &(_, y)| (low.min(y), high.max(y)));
    // Of 300 pixels, drawn at twice the size, the plot has 222.
    assert!(high - low > 2 * 222 * 85 / 100, "{low} {high}");
}

#[test]
fn labels_are_local_and_the_caption_is_utc() {
    let text = svg(&picture()).unwrap();
    assert!(text.contains("14:28"), "local labels");
    assert!(text.contains("2026-03-01 13:27:07 to 13:32:07 UTC"), "{text}");
    assert!(text.contains("labels in UTC+01:00"));
    assert!(text.contains("USD"));
}

#[test]
fn the_worst_mark_gives_the_border_its_colour() {
    let mut picture = picture();
    assert!(!svg(&picture).unwrap().contains("#FF5D52"));
    picture.marks.push(Mark { at: picture.to, value: 0.0, severity: Severity::Critical, label: "Silent".into() });
    assert!(svg(&picture).unwrap().contains("#FF5D52"));
}

#[test]
fn hostile_texts_are_shown_and_not_obeyed() {
    let hostile = "<script>alert(1)</script>&\u{1b}\0\"'";
    let mut picture = picture();
    picture.title = hostile.into();
    picture.unit = Some("<b>".into());
    picture.gaps[0].2 = "<i>".into();
    picture.marks[0].label = "<u>".into();
    let text = svg(&picture).unwrap();
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;"), "{text}");
    for forbidden in ["<script", "<b>", "<i>", "<u>", "\u{1b}", "\0"] {
        assert!(!text.contains(forbidden), "{forbidden:?}");
    }
    assert!(png(&picture).is_ok());
}

#[test]
fn without_values_it_says_so() {
    let empty = Picture::new("empty", Time::from_millis(0), Time::from_millis(0));
    assert!(svg(&empty).unwrap().contains("No values in this time"));
    assert!(png(&empty).is_ok());
}

#[test]
fn the_size_is_bounded() {
    let huge = Picture { width: u32::MAX, height: 0, ..picture() };
    let text = svg(&huge).unwrap();
    assert!(text.contains("width=\"8192\" height=\"100\" viewBox=\"0 0 16384 200\""), "{}", &text[..200]);
    let bytes = png(&huge).unwrap();
    assert_eq!(&bytes[16..24], [8192u32.to_be_bytes(), 100u32.to_be_bytes()].concat());
}

fn any_bucket() -> impl Strategy<Value = Bucket> {
    (any::<i64>(), any::<u32>(), any::<[f64; 5]>()).prop_map(|(start, count, [min, max, first, last, sum])| Bucket {
        start: Time::from_nanos(start),
        count,
        min,
        max,
        first,
        last,
        sum,
    })
}

fn any_time() -> impl Strategy<Value = Time> {
    any::<i64>().prop_map(Time::from_nanos)
}

prop_compose! {
    fn any_picture()(
        (title, unit) in any::<(String, Option<String>)>(),
        (from, to) in (any_time(), any_time()),
        (width, height) in (0u32..400, 0u32..300),
        buckets in proptest::collection::vec(any_bucket(), 0..20),
        bucket_width_ns: i64,
        band in proptest::collection::vec((any_time(), any::<f64>(), any::<f64>()), 0..20),
        gaps in proptest::collection::vec((any_time(), proptest::option::of(any_time()), any::<String>()), 0..10),
        marks in proptest::collection::vec((any_time(), any::<f64>(), 0usize..3, any::<String>()), 0..10),
        utc_offset_secs: i32,
        light: bool,
    ) -> Picture {
        let severity = |index: usize| [Severity::Info, Severity::Warning, Severity::Critical][index];
        let mark = |(at, value, index, label)| Mark { at, value, severity: severity(index), label };
        let theme = if light { Theme::Light } else { Theme::Dark };
        let marks = marks.into_iter().map(mark).collect();
        Picture { title, unit, from, to, width, height, theme, buckets, bucket_width_ns, band, gaps, marks, utc_offset_secs }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn anything_can_be_drawn(picture in any_picture()) {
        let text = svg(&picture).unwrap();
        prop_assert!(!text.contains("NaN") && !text.contains("inf\""));
        prop_assert_eq!(text, svg(&picture).unwrap());
        png(&picture).unwrap();
    }
}
