//! Faults put into captures and into feeds of our own making, against what `probe` finds of them.
//!
//! Of numbers (sequence, duplicates, order) every finding must be right and at its place, and none be missing. Of the other
//! checks a table of precision and recall is printed and held against a floor.
#![allow(clippy::print_stderr)] // The table is what this is for.

mod rows;

use std::path::PathBuf;

use feedwatch_model::Check;
use feedwatch_tests::home::Home;
use feedwatch_tests::inject::score::{Found, Score, list};
use feedwatch_tests::inject::{Fault, Injected, Line, Plan, Rule, files, inject};
use feedwatch_tests::shared;
use serde_json::Value;

use self::rows::{LATER, Row, numbered, others};

/// Seeds from 1 on, where [`MORE`] does not say how many.
const SEEDS: u64 = 3;
/// How many seeds. With it also what is put off is told in full.
const MORE: &str = "FEEDWATCH_SEEDS";
const NUMBERS: [Check; 3] = [Check::Sequence, Check::Duplicate, Check::Order];

/// Where a feed comes from.
enum Feed {
    /// A capture beside the repository, by its file.
    Capture(&'static str),
    /// Made by us: so many messages.
    Made(fn(usize) -> (Vec<Line>, Vec<Rule>), usize),
}

impl Feed {
    /// The messages, the rules that come with them, whether they have receive times, and how its files end. `None`: it is
    /// not here, which was said.
    fn read(&self) -> Option<(Vec<Line>, Vec<Rule>, bool, &'static str)> {
        match self {
            Feed::Capture(file) => {
                let path: PathBuf = shared::feeds()?.join(file);
                let end = file.rsplit_once('.').map_or("jsonl", |(_, end)| end);
                Some((files::read(&path), Vec::new(), path.with_extension("ts").exists(), end))
            }
            Feed::Made(make, count) => {
                let (lines, rules) = make(*count);
                let is_event = lines.first().is_some_and(|line| line.payload.starts_with(b"id:"));
                Some((lines, rules, true, if is_event { "sse" } else { "jsonl" }))
            }
        }
    }
}

fn seeds() -> u64 {
    std::env::var(MORE).ok().and_then(|count| count.parse().ok()).unwrap_or(SEEDS)
}

/// One run: the faults of a seed put in, and what is found.
struct Run {
    injected: Injected,
    report: Value,
}

fn run(home: &Home, row: &Row, seed: u64) -> Option<Run> {
    let (lines, rules, timed, end) = row.feed.read()?;
    let rules = if row.rules.is_empty() { rules } else { row.rules.clone() };
    let injected = inject(&lines, &Plan { from: row.from, rules, faults: row.faults.clone() }, seed);
    let name = row.name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let path = files::write(&home.path(""), &format!("{name}-{seed}.{end}"), &injected.messages, timed);
    let ended = home.run(&["probe", &path.display().to_string(), "--no-profiles", "--json"]);
    // 2: nothing of it can be read yet.
    assert!(matches!(ended.code, Some(0 | 2)), "{name}, seed {seed}: {ended:?}");
    let report = ended.json();
    Some(Run { injected, report })
}

fn count(injected: &Injected, is: impl Fn(&Fault) -> bool) -> usize {
    injected.truth.iter().filter(|truth| is(&truth.fault)).count()
}

/// The books of a run: what was put in is what was counted.
fn books_differ(run: &Run) -> Option<String> {
    let accounts = &run.report["accounts"];
    let repeated = count(&run.injected, |fault| matches!(fault, Fault::Repeat { .. }));
    let unreadable = count(&run.injected, |fault| *fault == Fault::Unreadable);
    let wanted = [("received", run.injected.messages.len()), ("duplicate", repeated), ("rejected", unreadable)];
    let wrong = wanted.into_iter().find(|(key, count)| accounts[*key].as_u64() != u64::try_from(*count).ok());
    wrong.map(|(key, count)| format!("  {key} should be {count}: {accounts}\n"))
}

/// A row's line in the table, and what is wrong with it.
struct Told {
    line: String,
    wrong: String,
}

fn judge(home: &Home, row: &Row, checks: &[Check], books: bool) -> Option<Told> {
    let (mut all, mut wrong, mut faults) = (Score::default(), String::new(), 0);
    for seed in 1..=seeds() {
        let run = run(home, row, seed)?;
        let placed = run.injected.truth.len();
        faults += placed;
        let expected = run.injected.expected().into_iter().filter(|expected| checks.contains(&expected.check));
        let score = Score::of(&expected.collect::<Vec<_>>(), Found::of(&run.report, checks));
        let differ = books_differ(&run).filter(|_| books);
        if placed < row.least {
            wrong.push_str(&format!("seed {seed}: room for {placed} faults only\n"));
        }
        if differ.is_some() || !score.is_exact() {
            let (differ, faults) = (differ.unwrap_or_default(), list(&run.injected));
            wrong.push_str(&format!("seed {seed}: {score}{differ}  what was done:\n{faults}"));
        }
        all.add(score);
    }
    let (precision, recall) = (all.precision(), all.recall());
    if precision >= row.floor.0 && recall >= row.floor.1 && row.floor != (1.0, 1.0) {
        wrong.clear();
    }
    let line = format!("{:<44} {faults:>6} {:>6} {precision:>9.3} {recall:>6.3}", row.name, all.hits);
    Some(Told { line, wrong })
}

fn table(title: &str, rows: &[Row], checks: impl Fn(&Row) -> Vec<Check>, books: bool) {
    let home = Home::new();
    let mut wrong = String::new();
    let mut lines = format!("\n{title:<44} {:>6} {:>6} {:>9} {:>6}\n", "faults", "hits", "precision", "recall");
    for row in rows {
        let Some(told) = judge(&home, row, &checks(row), books) else { continue };
        let later = LATER.iter().find(|(name, _)| *name == row.name);
        let remark = match later {
            Some((_, why)) if !told.wrong.is_empty() => format!("  later: {why}"),
            Some(_) => "  passes: take it off LATER".to_owned(),
            None => String::new(),
        };
        lines.push_str(&format!("{}{remark}\n", told.line));
        match later {
            None if !told.wrong.is_empty() => wrong.push_str(&format!("{}:\n{}", row.name, told.wrong)),
            Some(_) if std::env::var_os(MORE).is_some() => lines.push_str(&told.wrong),
            _ => {}
        }
    }
    // In one piece: another table is made at the same time.
    eprint!("{lines}");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn each_fault_of_numbered_messages_is_found_at_its_place_and_nothing_else_is() {
    table("numbers", &numbered(), |_| NUMBERS.to_vec(), true);
}

#[test]
fn each_other_fault_is_found_as_often_as_the_table_says() {
    table("other checks", &others(), |row| row.checks.clone(), false);
}

#[test]
fn what_is_put_off_is_a_row() {
    let rows: Vec<&str> = numbered().iter().chain(&others()).map(|row| row.name).collect();
    assert!(LATER.iter().all(|(name, _)| rows.contains(name)), "{LATER:?}");
    assert!(rows.iter().enumerate().all(|(at, name)| !rows[..at].contains(name)), "two rows of one name: {rows:?}");
}
