//! The demo: what the checks find is what the publisher did, all of it and nothing else.

use std::collections::BTreeMap;

use feedwatch_demo::{Entry, Fault, Feed, Log};
use feedwatch_model::{Accounts, Time};
use feedwatch_tests::home::{Home, time_for};
use serde_json::Value;

/// Long enough for every fault of the schedule, and for what it clears.
const SECONDS: u64 = 130;

/// A busy machine sends and reads this much later than it should, in seconds.
const BUSY: f64 = 3.0;

/// What a run said, taken apart.
struct Told {
    report: Value,
    log: Log,
    accounts: BTreeMap<String, Accounts>,
    findings: Vec<Value>,
}

impl Told {
    fn new(report: Value) -> Told {
        let log = serde_json::from_value(report["demo_log"].clone()).expect("the publisher's log");
        let accounts = serde_json::from_value(report["accounts"].clone()).expect("accounts");
        let findings = report["findings"].as_array().cloned().expect("findings");
        Told { report, log, accounts, findings }
    }

    fn seed(&self) -> u64 {
        self.log.seed
    }

    fn balances(&self) {
        for feed in [Feed::Prices, Feed::Plant] {
            let books = self.accounts[feed.name()];
            assert!(books.balance(), "seed {}: {books:?}", self.seed());
            assert_eq!(books.in_flight, 0, "seed {}: {books:?}", self.seed());
            assert_eq!(books.dropped, 0, "seed {}: {books:?}", self.seed());
            assert_eq!(books.received, self.log.published(feed), "seed {}: {}", self.seed(), feed.name());
        }
    }

    /// Findings of a check and kind.
    fn of(&self, check: &str, kind: &str) -> Vec<&Value> {
        self.findings.iter().filter(|found| found["check"] == check && found["kind"] == kind).collect()
    }

    fn only(&self, check: &str, kind: &str) -> &Value {
        let found = self.of(check, kind);
        assert_eq!(found.len(), 1, "seed {}: {check} {kind}: {found:#?}", self.seed());
        found[0]
    }

    fn entry(&self, fault: Fault) -> &Entry {
        let found: Vec<_> = self.log.entries.iter().filter(|entry| entry.fault == fault).collect();
        assert_eq!(found.len(), 1, "seed {}: {fault:?}", self.seed());
        found[0]
    }
}

fn time(value: &Value) -> Time {
    Time::parse_rfc3339(value.as_str().expect("a time")).expect("RFC 3339")
}

/// Was it found at `at`, or up to `late` seconds later? What a reader sees is a little behind what was sent.
#[track_caller]
fn found_at(found: &Value, at: Time, late: f64) {
    let behind = time(&found["at"]).secs_since(at);
    assert!((-0.05..late).contains(&behind), "{behind} s behind {at}: {found:#}");
}

/// The series an entry is about, as decoding names it.
fn series_of(entry: &Entry) -> String {
    let path = entry.path.as_deref().unwrap_or_default().trim_start_matches('/').replace('/', ".");
    match &entry.product {
        Some(product) => format!("{product}.{path}"),
        None => path,
    }
}

/// Two places in a run: findings and gaps of the same thing.
fn gap_with<'a>(told: &'a Told, cause: &str) -> Vec<&'a Value> {
    told.report["gaps"].as_array().into_iter().flatten().filter(|gap| gap["cause"] == cause).collect()
}

fn lost_messages(told: &Told, explained: &mut Vec<usize>) {
    let entry = told.entry(Fault::LostMessages);
    let (first, last) = entry.sequence.expect("numbers");
    let outages = told.log.outages.iter().flat_map(|outage| &outage.missed);
    let mut expected: Vec<(String, u64, u64)> = outages.map(|(name, (from, to))| (name.clone(), *from, *to)).collect();
    expected.push((entry.product.clone().expect("a product"), first, last));
    expected.sort();
    let mut found: Vec<(String, u64, u64)> = Vec::new();
    for (index, gap) in told.findings.iter().enumerate() {
        if gap["check"] != "sequence" || gap["kind"] != "gap" {
            continue;
        }
        explained.push(index);
        let number = |key: &str| gap[key].as_u64().expect("a number");
        assert_eq!(number("missing"), number("to") - number("from") + 1, "{gap:#}");
        assert_eq!(gap["feed"], "prices", "{gap:#}");
        let scope = gap["per"].as_object().expect("a scope");
        assert_eq!(scope.len(), 1, "{gap:#}");
        let (path, product) = scope.iter().next().expect("one");
        assert_eq!(path, "/product_id");
        found.push((product.as_str().expect("a product").to_owned(), number("from"), number("to")));
        if (number("from"), number("to")) == (first, last) {
            found_at(gap, entry.until.expect("an end"), BUSY);
        }
    }
    found.sort();
    assert_eq!(found, expected, "seed {}: what was lost is what was found", told.seed());
    let missing = |of: &Value| of["missing"].as_u64().unwrap_or(0);
    let gaps: u64 = gap_with(told, "sequence").into_iter().map(missing).sum();
    assert_eq!(gaps, expected.iter().map(|(_, from, to)| to - from + 1).sum::<u64>(), "the gaps count the same");
}

fn index(told: &Told, found: &Value) -> usize {
    told.findings.iter().position(|one| std::ptr::eq(one, found)).expect("one of the findings")
}

fn repeated_late_unreadable(told: &Told, explained: &mut Vec<usize>) {
    for (fault, check, kind, late) in [
        (Fault::DuplicatedMessage, "duplicate", "repeated", BUSY),
        (Fault::LateMessage, "order", "out-of-order", BUSY),
        (Fault::UnreadableMessage, "decode", "rejected", BUSY),
    ] {
        let (entry, found) = (told.entry(fault), told.only(check, kind));
        explained.push(index(told, found));
        assert_eq!(found["feed"], "prices", "{found:#}");
        found_at(found, entry.at, late);
        if fault != Fault::UnreadableMessage {
            let (first, _) = entry.sequence.expect("numbers");
            assert_eq!(found["per"]["/product_id"], *entry.product.as_ref().expect("a product"), "{found:#}");
            assert_eq!(found["from"], first, "{found:#}");
        }
    }
    let books = told.accounts["prices"];
    assert_eq!((books.duplicate, books.rejected), (1, 1), "seed {}: {books:?}", told.seed());
}

fn connection_and_silence(told: &Told, explained: &mut Vec<usize>) {
    let entry = told.entry(Fault::ClosedConnection);
    let closed = told.only("connection", "closed");
    assert_eq!(closed["feed"], "prices");
    assert!(closed["text"].as_str().is_some_and(|text| text.contains("1001")), "{closed:#}");
    found_at(closed, entry.at, BUSY);
    let resumed = told.only("connection", "resumed");
    assert!(time(&resumed["at"]) >= entry.until.expect("an end"), "{resumed:#}");
    let gaps = gap_with(told, "disconnected");
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert_eq!(gaps[0]["to"], resumed["at"], "the gap ends where it goes on");
    assert!((time(&gaps[0]["from"]).secs_since(entry.at)).abs() < BUSY, "{:#}", gaps[0]);

    let entry = told.entry(Fault::Silence);
    let silent = told.only("silence", "silent");
    assert_eq!(silent["feed"], "plant");
    found_at(silent, entry.at, 2.0 + BUSY);
    let again = told.only("silence", "resumed");
    found_at(again, entry.until.expect("an end"), BUSY);
    explained.extend([closed, resumed, silent, again].map(|found| index(told, found)));
}

/// Spike, level shift and stall: each is found in its series, at its time, as what it is.
fn anomalies(told: &Told, explained: &mut Vec<usize>) {
    let kinds: [(Fault, &[&str], f64); 3] = [
        (Fault::Spike, &["spike", "dip"], 1.0),
        (Fault::LevelShift, &["level_shift"], 5.0),
        (Fault::Stall, &["stall"], 12.0),
    ];
    for (fault, kinds, late) in kinds {
        let entry = told.entry(fault);
        let series = series_of(entry);
        let found: Vec<_> =
            told.findings.iter().filter(|found| found["check"] == "anomaly" && found["series"] == series).collect();
        assert_eq!(found.len(), 1, "seed {}: {fault:?} of {series}: {found:#?}", told.seed());
        let found = found[0];
        explained.push(index(told, found));
        assert_eq!(found["feed"], entry.feed.name());
        assert!(kinds.iter().any(|kind| found["kind"] == *kind), "seed {}: {fault:?}: {found:#}", told.seed());
        if fault == Fault::Spike {
            let up = entry.offset.expect("an offset") > 0.0;
            assert_eq!(found["kind"], if up { "spike" } else { "dip" }, "{found:#}");
        }
        found_at(found, entry.at, late);
    }
}

fn every_fault_is_found_and_nothing_else(told: &Told) {
    let mut explained = Vec::new();
    lost_messages(told, &mut explained);
    repeated_late_unreadable(told, &mut explained);
    connection_and_silence(told, &mut explained);
    anomalies(told, &mut explained);
    let rest: Vec<_> =
        told.findings.iter().enumerate().filter(|(index, _)| !explained.contains(index)).map(|(_, one)| one).collect();
    assert!(rest.is_empty(), "seed {}: nothing in the publisher's log explains {rest:#?}", told.seed());
}

#[test]
fn the_demos_findings_are_its_publishers_faults_for_three_seeds() {
    let homes: Vec<(u64, Home)> = [1, 2, 3].into_iter().map(|seed| (seed, Home::new())).collect();
    let time = format!("{SECONDS}s");
    let runs: Vec<_> = homes
        .iter()
        .map(|(seed, home)| home.start(&["run", "demo", "--seed", &seed.to_string(), "--for", &time, "--json"]))
        .collect();
    for run in runs {
        let ended = run.end(time_for(SECONDS));
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let told = Told::new(ended.json());
        told.balances();
        every_fault_is_found_and_nothing_else(&told);
    }
}

#[test]
fn a_demo_without_faults_raises_no_alarm() {
    let home = Home::new();
    let run = home.start(&["run", "demo", "--no-faults", "--for", &format!("{SECONDS}s"), "--json"]);
    let ended = run.end(time_for(SECONDS));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let told = Told::new(ended.json());
    told.balances();
    assert_eq!(told.report["alarms"], Value::Array(Vec::new()));
    assert_eq!(told.report["gaps"], Value::Array(Vec::new()));
    let serious: Vec<_> = told.findings.iter().filter(|found| found["severity"] != "info").collect();
    assert!(serious.is_empty(), "{serious:#?}");
    assert!(told.log.entries.is_empty());
}
