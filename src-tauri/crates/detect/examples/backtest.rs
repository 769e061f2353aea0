//! The detector over a folder of labelled series, for the scorers: `backtest DATA OUT`.
//!
//! Every CSV below DATA with the columns `timestamp,value` gives a CSV of the same path below OUT, in the columns of
//! `feedwatch backtest`. The last line on stderr counts series, rows and episodes.
#![allow(clippy::print_stderr)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use feedwatch_detect::{ALARM_BAR, Detector, Episode};
use feedwatch_model::Time;

#[derive(Default)]
struct Count {
    series: u64,
    rows: u64,
    episodes: u64,
    alarms: u64,
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(data), Some(out)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: backtest DATA OUT");
        return Ok(());
    };
    let (data, out) = (PathBuf::from(data), PathBuf::from(out));
    let mut count = Count::default();
    let mut folders = vec![data.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "csv") {
                let target = out.join(path.strip_prefix(&data).unwrap_or(&path));
                series(&path, &target, &mut count)?;
            }
        }
    }
    eprintln!("{} series, {} rows, {} episodes, {} alarms", count.series, count.rows, count.episodes, count.alarms);
    Ok(())
}

fn series(from: &Path, to: &Path, count: &mut Count) -> std::io::Result<()> {
    let mut detector = Detector::new();
    let mut text = "timestamp,value,anomaly_score,alarm_score,expected_low,expected_high,alarm,kind\n".to_owned();
    count.series += 1;
    for line in std::fs::read_to_string(from)?.lines().skip(1) {
        let mut cells = line.split(',');
        let (Some(timestamp), Some(value)) = (cells.next(), cells.next()) else { continue };
        let at = Time::parse_rfc3339(&format!("{}Z", timestamp.trim().replace(' ', "T"))).unwrap_or_default();
        let verdict = detector.observe(at, value.trim().parse().unwrap_or(f64::NAN));
        let opened = verdict.episode == Episode::Opened;
        let alarm_score = verdict.severity / (1.0 + verdict.severity);
        let (low, high) = verdict.band.map_or((String::new(), String::new()), |(l, h)| (l.to_string(), h.to_string()));
        let kind = verdict.kind.map_or("", |kind| kind.word());
        let _ = writeln!(
            text,
            "{timestamp},{value},{:.6},{alarm_score:.6},{low},{high},{},{kind}",
            verdict.point_score,
            u8::from(opened)
        );
        count.rows += 1;
        count.episodes += u64::from(opened);
        count.alarms += u64::from(opened && verdict.severity >= ALARM_BAR);
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(to, text)
}
