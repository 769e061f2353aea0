//! A selection as CSV.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod kit;

use std::ops::ControlFlow;
use std::path::Path;

use feedwatch_model::{FeedId, Gap, GapCause, Quality, Sample, SeriesId, Time, Value};
use feedwatch_store::{Batch, ExportReport, Reader, Selection, StoreError, Writer, export, export_to};
use kit::{LONG, feed, sample, series, start};

fn at(text: &str) -> Time {
    Time::parse_rfc3339(text).unwrap()
}

fn everything(series: &[u32]) -> Selection {
    let series = series.iter().map(|&id| SeriesId(id)).collect();
    Selection { series, from: Time::MIN, to: Time::MAX, now: kit::clock() }
}

fn history(folder: &Path, batch: Batch) -> (Writer, Reader) {
    let (writer, reader, _events) = start(&folder.join("h.db"));
    writer.submit(batch).unwrap();
    assert!(writer.flush(LONG));
    (writer, reader)
}

fn go_on() -> impl FnMut(feedwatch_store::Progress) -> ControlFlow<()> {
    |_| ControlFlow::Continue(())
}

#[test]
fn rows_are_in_order_of_time_with_gaps_and_guards() {
    let folder = tempfile::tempdir().unwrap();
    let noon = at("2026-03-01T12:00:00Z");
    let value = |id: u32, seconds: i64, value: Value, quality: Quality| Sample {
        series: SeriesId(id),
        at: noon.plus_nanos(seconds * 1_000_000_000),
        received: noon.plus_nanos(seconds * 1_000_000_000 + 1),
        value,
        quality,
    };
    let mut odd = series(2, 2, "=cmd()");
    odd.unit = Some("@x,\"y\"".into());
    let mut plain = series(1, 1, "temp");
    plain.unit = None;
    let batch = Batch {
        feeds: vec![feed(1, "plant"), feed(2, "-odd"), feed(3, "elsewhere")],
        series: vec![plain, odd],
        samples: vec![
            value(1, 3, Value::F64(-0.1), Quality::Good),
            value(2, 2, Value::U64(u64::MAX), Quality::Bad),
            value(1, 1, Value::F64(1e300), Quality::Uncertain),
            value(2, 9, Value::F64(f64::NAN), Quality::Bad),
            value(2, 10, Value::Bool(true), Quality::Good),
        ],
        gaps: [(1, Some(noon.plus_nanos(2_500_000_000))), (3, None)]
            .map(|(feed, to)| Gap {
                feed: FeedId(feed),
                from: noon.plus_nanos(1_000_000_001),
                to,
                cause: GapCause::Disconnected,
                missing: None,
                detail: String::new(),
            })
            .to_vec(),
        ..Batch::default()
    };
    let (_writer, reader) = history(folder.path(), batch);
    let mut out = Vec::new();
    let report = export_to(&reader, &everything(&[1, 2]), &mut out, &mut go_on()).unwrap();
    assert_eq!(report, ExportReport { samples: 5, gaps: 1, cancelled: false });
    let expected = "time,receive_time,feed,series,value,unit,quality,gap_seconds\r\n\
        2026-03-01T12:00:01.000000000Z,2026-03-01T12:00:01.000000001Z,plant,temp,1e300,,uncertain,\r\n\
        2026-03-01T12:00:01.000000001Z,,plant,,,,,1.499999999\r\n\
        2026-03-01T12:00:02.000000000Z,2026-03-01T12:00:02.000000001Z,'-odd,'=cmd(),18446744073709551615,\"'@x,\"\"y\"\"\",bad,\r\n\
        2026-03-01T12:00:03.000000000Z,2026-03-01T12:00:03.000000001Z,plant,temp,-0.1,,good,\r\n\
        2026-03-01T12:00:09.000000000Z,2026-03-01T12:00:09.000000001Z,'-odd,'=cmd(),NaN,\"'@x,\"\"y\"\"\",bad,\r\n\
        2026-03-01T12:00:10.000000000Z,2026-03-01T12:00:10.000000001Z,'-odd,'=cmd(),true,\"'@x,\"\"y\"\"\",good,\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn floats_read_back_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let values = [0.1, 1.0 / 3.0, 5e-324, f64::MAX, -0.0, 123_456.75, 1e16, 9.999_999e15, -1e-5, 2.5e-9];
    let samples: Vec<Sample> = (0..).zip(values).map(|(at, value)| sample(1, at, value)).collect();
    let (_writer, reader) = history(folder.path(), Batch { samples, ..Batch::default() });
    let mut out = Vec::new();
    export_to(&reader, &everything(&[1]), &mut out, &mut go_on()).unwrap();
    let found: Vec<u64> = csv::Reader::from_reader(out.as_slice())
        .records()
        .map(|record| record.unwrap()[4].parse::<f64>().unwrap().to_bits())
        .collect();
    assert_eq!(found, values.map(f64::to_bits));
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let samples: Vec<Sample> = (0..10_000).map(|at| sample(1 + (at % 3) as u32, at, 0.5)).collect();
    let (_writer, reader) = history(folder.path(), Batch { samples, ..Batch::default() });
    let out = folder.path().join("out.csv");
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("csv"))
            .collect()
    };
    let cancelled = export(&reader, &everything(&[1, 2, 3]), &out, &mut |_| ControlFlow::Break(())).unwrap();
    assert!(cancelled.cancelled);
    assert_eq!(names(), [""; 0]);

    let mut told = Vec::new();
    let report = export(&reader, &everything(&[1, 2, 3]), &out, &mut |progress| {
        told.push(progress.rows);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(report.samples, 10_000);
    assert_eq!(told, [4096, 8192]);
    assert_eq!(names(), ["out.csv"]);
    let mut reader_of_csv = csv::Reader::from_path(&out).unwrap();
    let times: Vec<String> = reader_of_csv.records().map(|record| record.unwrap()[0].to_owned()).collect();
    assert_eq!(times.len(), 10_000);
    assert!(times.is_sorted());

    let nowhere = export(&reader, &everything(&[1]), &folder.path().join("none").join("out.csv"), &mut go_on());
    assert!(matches!(nowhere, Err(StoreError::Export { .. })));
}

#[test]
fn only_the_chosen_time_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let samples: Vec<Sample> = (0..100).map(|at| sample(1, at, 0.5)).collect();
    let (_writer, reader) = history(folder.path(), Batch { samples, ..Batch::default() });
    let selection = Selection { from: Time::from_nanos(10), to: Time::from_nanos(20), ..everything(&[1]) };
    assert_eq!(export_to(&reader, &selection, &mut Vec::new(), &mut go_on()).unwrap().samples, 10);
}

#[test]
fn a_gap_that_lasts_is_told_up_to_now_and_never_beyond_the_selection() {
    let folder = tempfile::tempdir().unwrap();
    let noon = at("2026-03-01T12:00:00Z");
    let second = |count: i64| noon.plus_nanos(count * 1_000_000_000);
    let gap = Gap {
        feed: FeedId(1),
        from: noon,
        to: None,
        cause: GapCause::Disconnected,
        missing: None,
        detail: String::new(),
    };
    let batch = Batch {
        feeds: vec![feed(1, "plant")],
        series: vec![series(1, 1, "temp")],
        gaps: vec![gap],
        ..Batch::default()
    };
    let (_writer, reader) = history(folder.path(), batch);
    let seconds = |to: Time, now: Time| {
        let mut out = Vec::new();
        export_to(&reader, &Selection { to, now, ..everything(&[1]) }, &mut out, &mut go_on()).unwrap();
        let row = csv::Reader::from_reader(out.as_slice()).into_records().next().unwrap().unwrap();
        row[7].to_owned()
    };
    assert_eq!(seconds(Time::MAX, second(90)), "90");
    assert_eq!(seconds(second(60), second(90)), "60");
    assert_eq!(seconds(Time::MAX, second(-5)), "0", "a clock that was set back makes no negative gap");
}

#[test]
fn every_gap_is_told_however_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let gap = |feed: u32, at: i64| Gap {
        feed: FeedId(feed),
        from: Time::from_nanos(at),
        to: (at != 77).then(|| Time::from_nanos(at + 1)),
        cause: if at % 2 == 0 { GapCause::Sequence } else { GapCause::Overflow },
        missing: Some(1),
        detail: String::new(),
    };
    let batch = Batch {
        feeds: vec![feed(1, "plant"), feed(2, "spot"), feed(3, "other")],
        series: vec![series(1, 1, "temp"), series(2, 2, "price"), series(3, 3, "none")],
        gaps: (0..10_000).flat_map(|at| [gap(1, at), gap(2, at / 2), gap(3, at)]).collect(),
        ..Batch::default()
    };
    let (_writer, reader) = history(folder.path(), batch);
    let mut out = Vec::new();
    let report = export_to(&reader, &everything(&[1, 2]), &mut out, &mut go_on()).unwrap();
    assert_eq!((report.samples, report.gaps), (0, 15_000));
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(out.as_slice()).into_records().map(|row| row.unwrap()).collect();
    assert!(rows.iter().map(|row| row[0].to_owned()).is_sorted());
    assert_eq!(rows.iter().filter(|row| &row[2] == "spot").count(), 5_000);
    let open: Vec<_> = reader.gaps_open().unwrap().into_iter().map(|gap| (gap.feed, gap.from.nanos())).collect();
    assert_eq!(open, [1, 2, 3].map(|feed| (FeedId(feed), 77)));
}
