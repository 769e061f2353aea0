//! Staleness: one of many says nothing while the others go on.

use std::sync::Arc;

use feedwatch_model::{Check, FeedId, Finding, FindingKind, Message, Point, Reading, Severity, Time, Value};
use proptest::prelude::*;

use crate::integrity::{Integrity, Scopes};

struct Devices;

impl Scopes for Devices {
    fn per(&self, _rule: u32, _scope: u32) -> Vec<(Arc<str>, Arc<str>)> {
        Vec::new()
    }

    fn rule_name(&self, _rule: u32) -> Arc<str> {
        "".into()
    }

    /// Two series each; what is above 99 is within one of them.
    fn entity(&self, series: u32) -> Vec<(Arc<str>, Arc<str>)> {
        let mut key = vec![("topic:/1".into(), format!("D{}", series % 100 / 2).into())];
        if series >= 100 {
            key.push(("/{*}".into(), "inner".into()));
        }
        key
    }
}

struct Plant {
    integrity: Integrity,
    number: u64,
    found: Vec<Finding>,
}

impl Plant {
    fn new() -> Plant {
        Plant { integrity: Integrity::new(FeedId(1)), number: 0, found: Vec::new() }
    }

    fn says(&mut self, device: u32, millis: i64) {
        self.series(&[device * 2, device * 2 + 1], millis);
    }

    fn series(&mut self, series: &[u32], millis: i64) {
        let at = Time::from_millis(millis);
        let message = Message::new(self.number, at, "");
        self.number += 1;
        let points = series.iter().map(|&series| Point { series, value: Value::F64(1.0), time: None }).collect();
        self.integrity.elapse(at, &mut self.found);
        self.integrity.observe(&message, &Reading { points, ..Reading::default() }, &Devices, &mut self.found);
    }

    /// Devices that each say something every `period`, but those and while `speaks` is false.
    fn run(&mut self, devices: u32, period: i64, reports: std::ops::Range<i64>, speaks: impl Fn(u32, i64) -> bool) {
        for report in reports {
            for device in (0..devices).filter(|device| speaks(*device, report)) {
                self.says(device, report * period + i64::from(device) * period / i64::from(devices));
            }
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        self.integrity.finish(&mut self.found);
        self.found
    }
}

fn texts(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.text.as_str()).collect()
}

#[test]
fn one_device_of_many_that_stops_is_told_with_its_key_and_so_is_its_return() {
    let mut plant = Plant::new();
    plant.run(4, 2_000, 0..200, |device, report| device != 2 || !(100..120).contains(&report));
    let found = plant.finish();
    assert_eq!(
        texts(&found),
        ["D2 has said nothing for 12 s. It usually speaks every 2 s. 3 others go on.", "D2 speaks again, after 42 s."]
    );
    assert_eq!(
        found.iter().map(|f| (f.check, f.kind, f.severity)).collect::<Vec<_>>(),
        [
            (Check::Silence, FindingKind::Silent, Severity::Warning),
            (Check::Silence, FindingKind::Resumed, Severity::Info)
        ]
    );
    let key: Vec<(Arc<str>, Arc<str>)> = vec![("topic:/1".into(), "D2".into())];
    assert!(found.iter().all(|finding| finding.per == key));
}

#[test]
fn several_that_stop_together_are_one_finding_and_what_is_within_one_is_not_named_beside_it() {
    let mut plant = Plant::new();
    for report in 0..100 {
        for device in 0..8 {
            if device % 2 == 0 || !(50..70).contains(&report) {
                plant.series(&[device * 2, 100 + device * 2], report * 5_000);
            }
        }
    }
    let found = plant.finish();
    assert_eq!(
        texts(&found),
        [
            "D1, D3, D5 and D7 have said nothing for 35 s. Each is usually heard far more often. 4 others go on.",
            "D1, D3, D5 and D7 speak again, after 1.8 min."
        ]
    );
}

#[test]
fn what_keeps_the_whole_feed_back_is_no_matter_of_a_device() {
    // All stop for a minute: the feed is silent. Then one after the other comes back.
    let mut plant = Plant::new();
    plant.run(4, 2_000, 0..200, |device, report| !(100..130 + i64::from(device)).contains(&report));
    let found = plant.finish();
    assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::Silent, FindingKind::Resumed]);
    assert_eq!(found[0].severity, Severity::Critical);
    // The connection was lost.
    let mut plant = Plant::new();
    plant.run(4, 2_000, 0..100, |_, _| true);
    plant.integrity.lost(Time::from_millis(200_000));
    plant.integrity.connected(Time::from_millis(400_000));
    plant.run(4, 2_000, 200..300, |device, report| report > 200 + 5 * i64::from(device));
    assert_eq!(texts(&plant.finish()), [""; 0]);
}

#[test]
fn a_device_that_never_comes_back_is_told_once_and_after_an_hour_no_longer_awaited() {
    let mut plant = Plant::new();
    plant.run(2, 10_000, 0..1_000, |device, report| device == 0 || report < 100);
    assert_eq!(
        texts(&plant.finish()),
        [
            "D1 has said nothing for 65 s. It usually speaks every 10 s. Another one goes on.",
            "D1 is no longer awaited: nothing came for 60 min."
        ]
    );
}

#[test]
fn a_pause_that_comes_again_is_a_habit() {
    let mut plant = Plant::new();
    plant.run(3, 1_000, 0..2_000, |device, report| device != 1 || report < 300 || report % 300 > 20);
    let silent = plant.finish().iter().filter(|finding| finding.kind == FindingKind::Silent).count();
    assert_eq!(silent, 2);
}

proptest! {
    /// Who speaks by chance is never stale; a run of it is as long as a shift of a busy feed.
    #[test]
    fn what_comes_by_chance_is_not_awaited(seed in any::<u64>(), mean in 100.0..20_000.0_f64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut plant = Plant::new();
        let mut due = [0.0_f64; 6];
        for _ in 0..3_000 {
            let (device, at) = due.iter().copied().enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).expect("six");
            plant.says(device as u32, at as i64);
            due[device] = at - mean * (1.0 - random.f64()).ln();
        }
        let stale: Vec<Finding> = plant.finish().into_iter().filter(|f| f.severity == Severity::Warning).collect();
        prop_assert_eq!(stale, []);
    }

    #[test]
    fn unsteady_devices_are_not_accused(seed in any::<u64>(), period in 500_i64..60_000) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut plant = Plant::new();
        for report in 0..500 {
            for device in 0..5 {
                // One report in thirty is lost, and each comes within a fifth of its period.
                if random.f64() > 0.03 {
                    plant.says(device, report * period + random.i64(0..period / 5));
                }
            }
        }
        let stale: Vec<Finding> = plant.finish().into_iter().filter(|f| f.severity == Severity::Warning).collect();
        prop_assert_eq!(stale, []);
    }
}
