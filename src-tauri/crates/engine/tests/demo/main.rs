//! The demo shows each check failing and healing, at its place of the published schedule, and nothing else.
//!
//! In made time, so that a whole period takes a moment; `tests/tests/program/demo.rs` runs the first two minutes of the real thing.

mod stage;

use std::collections::BTreeSet;

use feedwatch_demo::{Entry, Fault, Feed};
use feedwatch_model::{Check, Finding, FindingKind, Severity, Time};

use stage::{Run, told};

/// One period of the schedule.
const PERIOD: u64 = 600;
const SEEDS: std::ops::RangeInclusive<u64> = 1..=6;
/// What is wrong with one series now and then by chance is told as information: so many at most in a period.
const BY_CHANCE: usize = 2;
/// A check that tells nothing more for so long is well again.
const QUIET_SECONDS: f64 = 60.0;

/// What a fault must lead to: how often what is found, and how many seconds behind it at most.
fn expected(fault: Fault) -> &'static [(usize, Check, FindingKind, f64)] {
    use Check as C;
    use FindingKind as K;
    match fault {
        Fault::Spike => &[(1, C::Anomaly, K::Spike, 1.0)],
        Fault::LevelShift => &[(1, C::Anomaly, K::LevelShift, 1.0)],
        Fault::Stall => &[(1, C::Anomaly, K::Stall, 10.0)],
        Fault::LostMessages => &[(1, C::Sequence, K::Gap, 2.0)],
        Fault::DuplicatedMessage => &[(1, C::Duplicate, K::Repeated, 1.0)],
        Fault::LateMessage => &[(1, C::Order, K::OutOfOrder, 1.0)],
        Fault::UnreadableMessage => &[(1, C::Decode, K::Rejected, 1.0)],
        Fault::ClosedConnection => {
            &[(1, C::Connection, K::Closed, 1.0), (1, C::Connection, K::Resumed, 3.0), (4, C::Sequence, K::Gap, 4.0)]
        }
        Fault::Silence => &[(1, C::Silence, K::Silent, 4.0), (1, C::Silence, K::Resumed, 6.0)],
        Fault::Conflict => &[(1, C::Conflict, K::SameIdentity, 1.0)],
        Fault::WithheldMessages => &[(1, C::Sequence, K::Gap, 2.0), (3, C::Sequence, K::Healed, 6.0)],
        Fault::MissingField => &[(1, C::Schema, K::Lost, 1.0), (1, C::Schema, K::Appeared, 21.0)],
        Fault::DamagedMessage => &[(1, C::Checksum, K::Mismatch, 1.0)],
        Fault::SlowFeed => &[(2, C::Rate, K::Low, 24.0)],
        Fault::HeldUp => &[(1, C::Lateness, K::Late, 21.0)],
        Fault::StoppedClock => &[(2, C::Clock, K::Stopped, 9.0)],
        Fault::ForgedMessage => &[(1, C::Signature, K::Mismatch, 1.0)],
        Fault::Strangers => &[(1, C::Security, K::AuthBurst, 4.0)],
        Fault::DifferingLines => &[(1, C::Agreement, K::LinesDiffer, 1.0)],
        Fault::Implausible => &[(1, C::Range, K::Outside, 1.0), (1, C::Anomaly, K::Dip, 1.0)],
    }
}

/// Whether a finding is of that kind; a spike may go either way.
fn is_kind(found: &Finding, kind: FindingKind) -> bool {
    found.kind == kind || (kind == FindingKind::Spike && found.kind == FindingKind::Dip)
}

fn names(entry: &Entry, found: &Finding) -> bool {
    let numbers = found.from.zip(found.to);
    let product = found.per.first().map(|(_, product)| product.as_ref());
    match entry.fault {
        Fault::LostMessages | Fault::DuplicatedMessage | Fault::LateMessage | Fault::Conflict => {
            (numbers, product) == (entry.sequence, entry.product.as_deref())
        }
        Fault::WithheldMessages => {
            let within =
                |(from, to): (u64, u64)| entry.sequence.is_some_and(|(first, last)| first <= from && to <= last);
            numbers.is_some_and(within) && product == entry.product.as_deref()
        }
        Fault::DamagedMessage => entry.product.as_ref().is_some_and(|product| found.text.contains(product.as_str())),
        Fault::MissingField => found.text.contains("/last_size"),
        Fault::HeldUp => found.text.starts_with("10 messages came late"),
        Fault::Implausible if found.check == Check::Range => {
            let series = entry.path.as_deref().unwrap_or_default().trim_start_matches('/').replace('/', ".");
            found.text.starts_with(&format!("{series} is -999.9."))
        }
        _ => true,
    }
}

/// Takes what an entry explains out of what is not explained yet.
fn explain(run: &Run, entry: &Entry, rest: &mut Vec<(Feed, Finding)>) {
    for &(count, check, kind, within) in expected(entry.fault) {
        let fits = |(feed, found): &(Feed, Finding)| {
            let behind = found.at.secs_since(entry.at);
            let is_here = *feed == entry.feed || entry.fault == Fault::LevelShift;
            is_here && found.check == check && is_kind(found, kind) && (-0.001..=within).contains(&behind)
        };
        let found: Vec<(Feed, Finding)> = rest.extract_if(.., |one| fits(one)).collect();
        assert_eq!(found.len(), count, "{:?} {check:?}: {found:#?}\n{}", entry.fault, told(run));
        for (_, found) in &found {
            assert!(names(entry, found), "{entry:#?}\n{found:#?}");
        }
    }
}

#[test]
fn each_fault_of_two_periods_is_found_as_what_it_is_and_nothing_else() {
    for seed in SEEDS {
        // What came twice is a habit: from the third time on some of it is not told.
        let run = stage::run(seed, true, 2 * PERIOD);
        let mut rest = run.findings.clone();
        for entry in &run.entries {
            explain(&run, entry, &mut rest);
        }
        let by_chance =
            rest.extract_if(.., |(_, found)| (found.check, found.severity) == (Check::Anomaly, Severity::Info));
        assert!(by_chance.count() <= 2 * BY_CHANCE, "seed {seed}:\n{}", told(&run));
        assert!(rest.is_empty(), "seed {seed}: nothing explains {rest:#?}");
    }
}

/// When a check is well again after it was found to fail: the finding that says so, the end of its alarm, or a minute
/// without another finding.
fn healed(run: &Run, feed: Feed, check: Check, failed: Time) -> Option<Time> {
    let mut own = run.findings.iter().filter(|(of, found)| (*of, found.check) == (feed, check) && found.at > failed);
    let told = own.clone().find(|(_, found)| found.severity == Severity::Info).map(|(_, found)| found.at);
    let over = run.alarms.iter().find(|(of, its, at, raised)| (*of, *its) == (feed, check) && *at > failed && !raised);
    let quiet = failed.plus_nanos((QUIET_SECONDS * 1e9) as i64);
    let stays_quiet = own.all(|(_, found)| found.at > quiet) && run.second(quiet) < PERIOD as f64;
    told.into_iter().chain(over.map(|(_, _, at, _)| *at)).min().or(stays_quiet.then_some(quiet))
}

#[test]
fn every_check_of_the_integrity_tab_fails_and_heals_within_a_period() {
    for seed in SEEDS {
        let run = stage::run(seed, true, PERIOD);
        let mut seen = BTreeSet::new();
        for (feed, found) in run.findings.iter().filter(|(_, found)| found.severity != Severity::Info) {
            let healed = healed(&run, *feed, found.check, found.at);
            let healed = healed.unwrap_or_else(|| panic!("seed {seed}: it does not heal: {found:#?}\n{}", told(&run)));
            println!(
                "{seed} {:10} {:7.1} {} (well at {:.1})",
                found.check.word(),
                run.second(found.at),
                found.text,
                run.second(healed)
            );
            seen.insert(found.check.word());
        }
        let all: BTreeSet<&str> = Check::ALL.iter().map(|check| check.word()).collect();
        assert_eq!(seen, all, "seed {seed}");
    }
}

#[test]
fn without_faults_no_check_has_anything_to_say_in_ten_minutes() {
    for seed in SEEDS {
        let run = stage::run(seed, false, PERIOD);
        let integrity: Vec<_> = run.findings.iter().filter(|(_, found)| found.check != Check::Anomaly).collect();
        assert!(integrity.is_empty(), "seed {seed}: {integrity:#?}");
        assert!(run.findings.iter().all(|(_, found)| found.severity == Severity::Info), "seed {seed}:\n{}", told(&run));
        assert!(run.alarms.is_empty() && run.entries.is_empty(), "seed {seed}");
    }
}
