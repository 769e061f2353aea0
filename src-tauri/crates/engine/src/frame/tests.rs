use std::time::Duration;

use feedwatch_ingest::Event;
use feedwatch_model::{Message, Protocol};

use super::*;
use crate::alarms::Alarms;
use crate::pipeline::{FeedSettings, Known};
use crate::registry::Registry;
use crate::wire::{Level, PanelRequest};

const START: i64 = 1_772_366_400_000;

fn at(ms: i64) -> Time {
    Time::from_millis(START + ms)
}

/// A pipeline with one feed of one series, learned; and the number of the series.
fn pipeline() -> (Pipeline, u32) {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
    let settings = FeedSettings {
        lines: Vec::new(),
        redundant: false,
        certificates: Vec::new(),
        name: "spot".to_owned(),
        title: "Spot".to_owned(),
        protocol_word: "ws",
        protocol: Protocol::WebSocket,
        address: String::new(),
        rate: None,
        decode: feedwatch_decode::Options::default(),
        watched_until: None,
        known: Known::default(),
    };
    pipeline.add_feed(settings, at(0));
    pipeline.step(
        0,
        Event::Connected { line: 0, at: at(0), endpoint: String::new(), detail: String::new(), certificate: None },
    );
    for tick in 0..100 {
        send(&mut pipeline, tick);
    }
    let series = pipeline.series().iter().find(|meta| meta.name.contains("price")).unwrap().id.0;
    (pipeline, series)
}

fn send(pipeline: &mut Pipeline, tick: i64) {
    let text = format!(r#"{{"time":"{}","price":"{}.5"}}"#, at(tick * 100), 100 + tick % 7);
    pipeline.step(0, Event::Message(Message::new(tick as u64, at(tick * 100 + 2), text)));
}

fn frame(pipeline: &mut Pipeline, series: u32, cursor: Option<f64>, now: Time) -> Frame {
    let panels = vec![PanelRequest { series, columns: 600, cursor }];
    Frame::begin(pipeline, &FrameRequest { span_ms: 60_000.0, until_ms: None, panels }, now)
}

struct Nothing;

impl Past for Nothing {
    fn last(&self, _: SeriesId, _: Time, _: Time) -> Option<(Time, f64)> {
        Some((at(4_000), 77.5))
    }

    fn buckets(&self, _: SeriesId, _: Time, _: Time, _: i64) -> Option<Vec<LiveBucket>> {
        Some(Vec::new())
    }

    fn marks(&self, _: FeedId, _: SeriesId, _: Time, _: Time) -> Vec<PastMark> {
        Vec::new()
    }
}

#[test]
fn a_first_frame_holds_everything_and_the_next_only_what_changed() {
    let (mut pipeline, series) = pipeline();
    let mut first = frame(&mut pipeline, series, None, at(10_000));
    first.fill(Some(&Nothing));
    let panel = &first.panels()[0];
    assert_eq!(panel.flags & (RESET | UNKNOWN | NO_HISTORY), RESET);
    assert_eq!(panel.points.len(), 40, "ten seconds in slots of 250 ms");
    send(&mut pipeline, 100);
    let second = frame(&mut pipeline, series, Some(panel.cursor), at(10_100));
    let delta = &second.panels()[0];
    assert_eq!(delta.flags & RESET, 0);
    assert!(delta.points.len() <= UNSETTLED as usize + 2, "{}", delta.points.len());
    assert_eq!(delta.points.last().unwrap().start, at(10_000));
    assert_eq!(delta.last.unwrap().1, 102.5);
}

#[test]
fn a_late_sample_in_an_old_slot_begins_the_frame_anew() {
    let (mut pipeline, series) = pipeline();
    let cursor = frame(&mut pipeline, series, None, at(10_000)).panels()[0].cursor;
    let late = format!(r#"{{"time":"{}","price":"900.5"}}"#, at(310));
    pipeline.step(0, Event::Message(Message::new(100, at(10_010), late)));
    let after = frame(&mut pipeline, series, Some(cursor), at(10_050));
    assert_eq!(after.panels()[0].flags & RESET, RESET);
}

#[test]
fn looking_back_the_value_is_that_of_the_right_edge() {
    let (mut pipeline, series) = pipeline();
    let mut at_edge = |until: Time| {
        let panels = vec![PanelRequest { series, columns: 600, cursor: None }];
        let request = FrameRequest { span_ms: 60_000.0, until_ms: Some(until.millis_f64()), panels };
        let mut frame = Frame::begin(&mut pipeline, &request, at(10_000));
        frame.fill(Some(&Nothing));
        frame.panels()[0].last
    };
    assert_eq!(at_edge(at(4_500)), Some((at(4_000).millis_f64(), 77.5)), "from the history");
    assert_eq!(at_edge(at(10_000)).unwrap().0, at(9_900).millis_f64(), "nothing newer is there");
}

#[test]
fn bytes_are_as_the_layout_says() {
    let (mut pipeline, series) = pipeline();
    let frame = frame(&mut pipeline, series, None, at(10_000));
    let bytes = frame.encode();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let float = |at: usize| f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!((word(0), word(4)), (MAGIC, 1));
    assert_eq!(float(24) - float(16), 60_000.0);
    let points = word(32 + 8) as usize;
    assert_eq!((word(32), points), (series, 40));
    assert_eq!(float(32 + 56), frame.panels()[0].points[0].start.millis_f64());
    assert_eq!(bytes.len(), 32 + 56 + points * 40);
    assert_eq!(bytes.len() % 8, 0);
}

#[test]
fn a_series_that_is_not_there_is_told_as_such() {
    let (mut pipeline, _) = pipeline();
    let unknown = frame(&mut pipeline, 9_999, None, at(10_000));
    assert_eq!(unknown.panels()[0].flags, UNKNOWN | RESET);
}

#[test]
fn what_only_the_history_has_stands_before_what_is_live() {
    struct Older;
    impl Past for Older {
        fn last(&self, _: SeriesId, _: Time, _: Time) -> Option<(Time, f64)> {
            None
        }

        fn buckets(&self, _: SeriesId, from: Time, to: Time, width: i64) -> Option<Vec<LiveBucket>> {
            assert!(from < to && width == 250_000_000);
            let bucket = |ms| LiveBucket { start: at(ms), min: 1.0, max: 2.0, low: f64::NAN, high: f64::NAN };
            // The last one stands in the live view too.
            Some(vec![bucket(-2_000), bucket(-1_000), bucket(0)])
        }

        fn marks(&self, _: FeedId, _: SeriesId, from: Time, to: Time) -> Vec<PastMark> {
            assert_eq!((from, to), (at(-50_000), at(0)), "what this run has found is in memory");
            let mark = |ms, value| PastMark { at: at(ms), value, band: (1.0, 1.5), level: Level::Warning };
            vec![mark(-40_000, 9.0), mark(-1_100, f64::NAN)]
        }
    }
    let (mut pipeline, series) = pipeline();
    let mut frame = frame(&mut pipeline, series, None, at(10_000));
    frame.fill(Some(&Older));
    let starts: Vec<Time> = frame.panels()[0].points.iter().map(|point| point.start).collect();
    assert_eq!(starts.len(), 42);
    assert!(starts.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(starts[0], at(-2_000));
}

#[test]
fn an_anomaly_of_an_earlier_run_is_marked_with_the_band_it_was_judged_by() {
    struct Earlier;
    impl Past for Earlier {
        fn last(&self, _: SeriesId, _: Time, _: Time) -> Option<(Time, f64)> {
            None
        }

        fn buckets(&self, _: SeriesId, _: Time, _: Time, _: i64) -> Option<Vec<LiveBucket>> {
            let bucket = |ms| LiveBucket { start: at(ms), min: 1.0, max: 9.0, low: f64::NAN, high: f64::NAN };
            Some((-60..-20).map(|second| bucket(second * 1_000)).collect())
        }

        fn marks(&self, _: FeedId, _: SeriesId, _: Time, _: Time) -> Vec<PastMark> {
            vec![PastMark { at: at(-40_000), value: 9.0, band: (1.0, 1.5), level: Level::Warning }]
        }
    }
    let (mut pipeline, series) = pipeline();
    let panels = vec![PanelRequest { series, columns: 600, cursor: None }];
    let request = FrameRequest { span_ms: 60_000.0, until_ms: Some(at(-10_000).millis_f64()), panels };
    let mut frame = Frame::begin(&mut pipeline, &request, at(10_000));
    frame.fill(Some(&Earlier));
    let panel = &frame.panels()[0];
    assert_eq!(panel.marks, [(at(-40_000).millis_f64(), 9.0, Level::Warning as u32)]);
    let banded: Vec<Time> = panel.points.iter().filter(|point| point.high == 1.5).map(|point| point.start).collect();
    assert_eq!((banded.first(), banded.last()), (Some(&at(-50_000)), Some(&at(-30_000))));
    assert!(panel.points.iter().any(|point| point.low.is_nan()), "no band is claimed where none was kept");
}

/// A connection that brings ten values in a second and is closed, every 3.4 s; gives when they began.
fn bursts(pipeline: &mut Pipeline, many: i64) -> Vec<i64> {
    (0..many)
        .map(|burst| {
            let from = 20_000 + burst * 3_400;
            let endpoint = String::new();
            pipeline.step(
                0,
                Event::Connected { line: 0, at: at(from), endpoint, detail: String::new(), certificate: None },
            );
            for tick in 0..10 {
                send(pipeline, from / 100 + tick);
            }
            let (ended, reason) = (at(from + 950), "Closed with 4001.".to_owned());
            let lost = Event::Lost {
                line: 0,
                at: ended,
                last_good: ended,
                reason,
                refused: false,
                retry_in: Duration::from_secs(2),
            };
            pipeline.step(0, lost);
            from
        })
        .collect()
}

#[test]
fn what_came_between_two_gaps_is_in_the_frame_at_every_span() {
    let (mut pipeline, series) = pipeline();
    let bursts = bursts(&mut pipeline, 17);
    for span_ms in [60_000.0, 120_000.0, 300_000.0, 600_000.0] {
        let panels = vec![PanelRequest { series, columns: 600, cursor: None }];
        let request = FrameRequest { span_ms, until_ms: None, panels };
        let mut frame = Frame::begin(&mut pipeline, &request, at(78_000));
        frame.fill(Some(&Nothing));
        let panel = &frame.panels()[0];
        assert!(panel.gaps.len() >= 16, "{}", panel.gaps.len());
        for from in bursts.iter().map(|&from| at(from)) {
            let slot = feedwatch_model::bucket_start(from, (panel.bucket_ms * 1e6) as i64);
            assert!(panel.points.iter().any(|point| point.start == slot), "{span_ms} ms: {from:?}");
        }
    }
}

/// A history with one value, which tells its time as the real one does: in a wide span by the slot.
struct OneValue(Time);

impl Past for OneValue {
    fn last(&self, _: SeriesId, from: Time, to: Time) -> Option<(Time, f64)> {
        let inside = self.0 >= from && self.0 < to;
        let width = if self.0 >= to.plus_nanos(-30_000_000_000) { 1_000_000 } else { to.nanos_since(from) / 600 };
        inside.then(|| (feedwatch_model::bucket_start(self.0, width).max(from), 65_083.67))
    }

    fn buckets(&self, _: SeriesId, _: Time, _: Time, _: i64) -> Option<Vec<LiveBucket>> {
        Some(Vec::new())
    }

    fn marks(&self, _: FeedId, _: SeriesId, _: Time, _: Time) -> Vec<PastMark> {
        Vec::new()
    }
}

#[test]
fn a_series_that_is_silent_since_the_start_tells_when_its_last_value_was() {
    let (old, series) = pipeline();
    let mut pipeline = Pipeline::new(old.registry().clone(), Alarms::default(), false);
    let ago = at(-100 * 86_400_000);
    let mut first = frame(&mut pipeline, series, None, at(10_000));
    first.fill(Some(&OneValue(ago)));
    assert_eq!(first.panels()[0].last, Some((ago.millis_f64(), 65_083.67)));
    let mut second = frame(&mut pipeline, series, Some(first.panels()[0].cursor), at(10_100));
    second.fill(Some(&OneValue(ago)));
    assert_eq!(second.panels()[0].last, None, "asked once, not with every frame");
    let mut never = frame(&mut pipeline, series, None, at(10_000));
    never.fill(Some(&OneValue(at(86_400_000))));
    assert_eq!(never.panels()[0].last, None);
}

#[test]
fn no_request_panics() {
    let (mut pipeline, series) = pipeline();
    for span_ms in [f64::NAN, -1.0, 0.0, 1e300, 3e5] {
        for until_ms in [None, Some(f64::NAN), Some(-1e300), Some(1e300)] {
            for cursor in [None, Some(f64::NAN), Some(-1.0), Some(1e300)] {
                let panels = vec![PanelRequest { series, columns: u32::MAX, cursor }; 70];
                let mut frame = Frame::begin(&mut pipeline, &FrameRequest { span_ms, until_ms, panels }, at(0));
                assert_eq!(frame.panels().len(), MAX_PANELS);
                frame.fill(None);
                assert!(!frame.encode().is_empty());
            }
        }
    }
}
