//! What is learned of each capture that lies beside the repository, for the eye.
//!
//! `cargo run --release -p feedwatch-decode --example learned [PART OF A NAME]`
#![allow(clippy::print_stdout, clippy::unwrap_used, unused_crate_dependencies)]

#[path = "../tests/kit/mod.rs"]
mod kit;

use std::collections::BTreeMap;
use std::time::Instant;

use feedwatch_model::{KindProfile, SeriesProfile};

fn main() {
    let part = std::env::args().nth(1).unwrap_or_default();
    for file in std::env::args().skip(1) {
        let _ = &part;
        let text = std::fs::read_to_string(&file).unwrap();
        let step: i64 = std::env::var("STEP").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
        let messages: Vec<_> = (0..)
            .zip(text.lines())
            .map(|(at, line)| kit::line(at, line, kit::opened().plus_nanos(at as i64 * step * 1_000_000)))
            .collect();
        let (count, start) = (messages.len(), Instant::now());
        let outcome = kit::run(messages);
        println!(
            "==== {file}: {count} messages, {} rejected, {}, {} series, {} ms",
            outcome.rejected,
            outcome.profile.format,
            outcome.catalogue.series.len(),
            start.elapsed().as_millis()
        );
        outcome.profile.kinds.iter().for_each(show);
        for rule in &outcome.profile.sequence {
            println!(
                "  rule {:?} {} per {:?} {} {}",
                rule.paths,
                rule.rule.word(),
                rule.per,
                rule.checked,
                rule.violations
            );
        }
    }
}

fn show(kind: &KindProfile) {
    let matches: Vec<String> = kind.matches.iter().map(|(path, value)| format!("{path}={value:?}")).collect();
    println!("  -- {} x {}", kind.messages, matches.join(" "));
    let time = |time: &feedwatch_model::TimeProfile| format!("{} {}", time.path, time.unit.word());
    let others: Vec<String> = kind.other_times.iter().map(time).collect();
    println!("     time {:?} others {others:?}", kind.time.as_ref().map(time));
    println!("     keys {:?}", kind.keys);
    let mut paths: Vec<(&str, Vec<&SeriesProfile>)> = Vec::new();
    for series in &kind.series {
        match paths.iter_mut().find(|(path, _)| *path == series.path) {
            Some((_, all)) => all.push(series),
            None => paths.push((&series.path, vec![series])),
        }
    }
    for (path, all) in paths {
        let samples: u64 = all.iter().map(|series| series.samples).sum();
        let min = all.iter().filter_map(|series| series.min).fold(f64::INFINITY, f64::min);
        let max = all.iter().filter_map(|series| series.max).fold(f64::NEG_INFINITY, f64::max);
        println!(
            "     {} {path} [{}] x{} n={samples} {min}..{max} {}",
            all[0].kind.word(),
            all[0].unit.as_deref().unwrap_or("-"),
            all.len(),
            all[0].name
        );
    }
    let mut ignored: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in &kind.ignored {
        ignored.entry(one.why.word()).or_default().push(&one.path);
    }
    for (why, paths) in ignored {
        println!("     no: {why}: {}", paths.join(" "));
    }
}
