use super::*;
use proptest::prelude::*;

fn cause(feed: u32, check: Check) -> Cause {
    Cause {
        source: AlarmSource { feed: FeedId(feed), series: None, check },
        kind: FindingKind::Gap,
        severity: Severity::Warning,
        title: "Lost 3 messages".to_owned(),
        text: String::new(),
    }
}

fn at(secs: i64) -> Time {
    Time::from_millis(secs * 1000)
}

#[test]
fn the_same_trouble_again_is_the_same_alarm() {
    let mut alarms = Alarms::default();
    alarms.raise(cause(1, Check::Sequence), at(1));
    alarms.raise(cause(1, Check::Sequence), at(2));
    alarms.raise(cause(2, Check::Sequence), at(3));
    let open: Vec<(u64, u64)> = alarms.open().map(|alarm| (alarm.id.0, alarm.findings)).collect();
    assert_eq!(open, [(1, 2), (2, 1)]);
}

#[test]
fn a_loss_is_over_after_a_quiet_minute_and_waits_for_a_person() {
    let mut alarms = Alarms::default();
    alarms.raise(cause(1, Check::Sequence), at(1));
    alarms.elapse(at(60));
    assert!(alarms.open().all(|alarm| alarm.state == AlarmState::Unacknowledged));
    alarms.elapse(at(61));
    assert!(alarms.open().all(|alarm| alarm.state == AlarmState::Returned));
    assert!(alarms.acknowledge(AlarmId(1), at(70), None));
    assert_eq!(alarms.open().count(), 0);
    assert!(!alarms.acknowledge(AlarmId(1), at(71), None));
    assert_eq!(alarms.all().count(), 1, "it stays listed as past");
}

#[test]
fn an_alarm_restored_goes_on_and_the_numbers_too() {
    let mut before = Alarms::default();
    before.raise(cause(1, Check::Sequence), at(1));
    let open: Vec<Alarm> = before.open().cloned().collect();
    let mut after = Alarms::restore(open, AlarmId(2));
    after.raise(cause(1, Check::Sequence), at(5));
    after.raise(cause(1, Check::Decode), at(6));
    let open: Vec<(u64, u64)> = after.open().map(|alarm| (alarm.id.0, alarm.findings)).collect();
    assert_eq!(open, [(1, 2), (2, 1)]);
}

#[test]
fn what_comes_again_unseen_is_the_same_alarm_with_a_new_beginning() {
    let mut alarms = Alarms::default();
    alarms.raise(cause(1, Check::Sequence), at(1));
    alarms.clear(&cause(1, Check::Sequence).source, at(5), "over");
    alarms.raise(cause(1, Check::Sequence), at(600));
    let alarm = alarms.open().next().unwrap();
    assert_eq!((alarm.id, alarm.raised, alarm.findings), (AlarmId(1), at(600), 2));
}

#[test]
fn after_a_restart_nothing_is_held_that_nobody_can_end() {
    let anomaly = |feed| Cause {
        source: AlarmSource { series: Some(feedwatch_model::SeriesId(1)), ..cause(feed, Check::Anomaly).source },
        ..cause(feed, Check::Anomaly)
    };
    let mut before = Alarms::default();
    before.raise(anomaly(1), at(1));
    before.raise(cause(1, Check::Connection), at(1));
    before.raise(cause(2, Check::Connection), at(1));
    let mut after = Alarms::restore(before.open().cloned().collect(), AlarmId(4));
    after.restarted(&[FeedId(1)], at(100));
    let active: Vec<Check> =
        after.open().filter(|alarm| alarm.state.is_active()).map(|alarm| alarm.source.check).collect();
    assert_eq!(active, [Check::Connection], "that of the feed that is still watched");
}

#[test]
fn an_acknowledged_alarm_that_gets_worse_needs_a_person_again() {
    let mut alarms = Alarms::default();
    alarms.raise(cause(1, Check::Connection), at(1));
    alarms.acknowledge(AlarmId(1), at(2), None);
    alarms.take_changes();
    alarms.raise(Cause { severity: Severity::Critical, ..cause(1, Check::Connection) }, at(3));
    assert!(alarms.open().all(|alarm| alarm.state == AlarmState::Unacknowledged));
    assert!(alarms.take_changes().iter().all(|change| change.transition.is_some()));
}

#[test]
fn an_alarm_raised_a_thousand_times_is_one_change() {
    let mut alarms = Alarms::default();
    for second in 0..1_000 {
        alarms.raise(cause(1, Check::Sequence), at(second));
    }
    let changes = alarms.take_changes();
    assert_eq!(changes.len(), 2, "raised, and as it is now");
    assert_eq!(changes[1].alarm.findings, 1_000);
}

#[test]
fn a_lone_series_has_a_budget_and_its_end_is_told_once() {
    let mut alarms = Alarms::default();
    for _ in 0..48 {
        assert_eq!(alarms.allow_lone_series(FeedId(1), at(0)), Allowed::Yes);
    }
    assert_eq!(alarms.allow_lone_series(FeedId(1), at(1)), Allowed::SpentNow);
    assert_eq!(alarms.allow_lone_series(FeedId(1), at(2)), Allowed::Spent);
    assert_eq!(alarms.allow_lone_series(FeedId(2), at(2)), Allowed::Yes);
    assert_eq!(alarms.allow_lone_series(FeedId(1), at(1802)), Allowed::Yes);
}

#[test]
fn a_decimal_point_does_not_end_the_headline() {
    let text = "No message for 2.4 s. It usually sends every 0.1 s.";
    assert_eq!(headline(text), ("No message for 2.4 s".to_owned(), "It usually sends every 0.1 s.".to_owned()));
    assert_eq!(headline("Flat."), ("Flat".to_owned(), String::new()));
}

#[test]
fn a_failed_check_of_what_came_needs_a_person_and_a_rate_until_it_is_back() {
    let found = |check, kind, severity| Finding::new(check, kind, FeedId(1), at(1), severity, "So it is.".to_owned());
    for (check, kind) in [
        (Check::Checksum, FindingKind::Mismatch),
        (Check::Signature, FindingKind::Mismatch),
        (Check::Conflict, FindingKind::SameIdentity),
        (Check::Agreement, FindingKind::LinesDiffer),
        (Check::Clock, FindingKind::Step),
    ] {
        let mut alarms = Alarms::default();
        alarms.raise(cause_of(&found(check, kind, Severity::Warning)).unwrap(), at(1));
        alarms.elapse(at(62));
        assert!(alarms.open().all(|alarm| alarm.state == AlarmState::Returned), "{check:?}");
    }
    for (check, kind) in [(Check::Rate, FindingKind::Low), (Check::Clock, FindingKind::Stopped)] {
        let mut alarms = Alarms::default();
        let found = |severity| Finding { lasting: Some("a".into()), ..found(check, kind, severity) };
        enter(&mut alarms, &found(Severity::Warning), 1);
        alarms.elapse(at(3600));
        assert!(alarms.open().all(|alarm| alarm.state == AlarmState::Unacknowledged), "{check:?}");
        enter(&mut alarms, &found(Severity::Info), 3601);
        assert!(alarms.open().all(|alarm| alarm.state == AlarmState::Returned), "{check:?}");
    }
    for (check, kind) in [
        (Check::Schema, FindingKind::Lost),
        (Check::Rate, FindingKind::Burst),
        (Check::Range, FindingKind::Outside),
        (Check::Lateness, FindingKind::Late),
        (Check::Duplicate, FindingKind::Repeated),
    ] {
        assert!(cause_of(&found(check, kind, Severity::Warning)).is_none(), "{check:?} is a finding only");
    }
}

proptest! {
    #[test]
    fn every_source_has_at_most_one_open_alarm(steps in proptest::collection::vec((0u8..4, 0u32..3), 0..80)) {
        let mut alarms = Alarms::default();
        for (second, (what, feed)) in steps.into_iter().enumerate() {
            let now = at(second as i64 * 20);
            match what {
                0 => alarms.raise(cause(feed, Check::Sequence), now),
                1 => alarms.clear(&cause(feed, Check::Sequence).source, now, "over"),
                2 => { let _ = alarms.acknowledge(AlarmId(u64::from(feed)), now, None); }
                _ => alarms.elapse(now),
            }
            let mut sources: Vec<u32> = alarms.open().map(|alarm| alarm.source.feed.0).collect();
            let all = sources.len();
            sources.sort_unstable();
            sources.dedup();
            prop_assert_eq!(sources.len(), all);
            for change in alarms.take_changes() {
                prop_assert!(change.transition.is_none_or(|step| step.state == change.alarm.state));
            }
        }
    }
}

fn lasts(check: Check, kind: FindingKind, name: &str, severity: Severity, text: &str) -> Finding {
    let finding = Finding::new(check, kind, FeedId(1), at(0), severity, text.to_owned());
    Finding { lasting: Some(name.into()), ..finding }
}

/// What the engine does with a finding.
fn enter(alarms: &mut Alarms, finding: &Finding, secs: i64) {
    if let Some(found) = cause_of(finding) {
        alarms.raise(found, at(secs));
    } else if let Some((source, condition)) = ended_by(finding) {
        alarms.over(&source, &condition, at(secs), &finding.text);
    }
}

fn said(alarms: &Alarms) -> Vec<(String, String)> {
    let active = alarms.open().filter(|alarm| alarm.state.is_active());
    active.map(|alarm| (alarm.title.clone(), alarm.text.clone())).collect()
}

#[test]
fn an_alarm_of_two_conditions_names_both_and_ends_with_the_last() {
    let low = |kind: &str, severity, text: &str| lasts(Check::Rate, FindingKind::Low, kind, severity, text);
    let mut alarms = Alarms::default();
    enter(&mut alarms, &low("a", Severity::Warning, "Far fewer of a. Usually 5."), 0);
    enter(&mut alarms, &low("b", Severity::Warning, "Far fewer of b. Usually 9."), 10);
    let both = "Usually 9. At the same time: Far fewer of a.".to_owned();
    assert_eq!(said(&alarms), [("Far fewer of b".to_owned(), both)]);
    enter(&mut alarms, &low("b", Severity::Info, "The rate of b is back."), 500);
    assert_eq!(said(&alarms), [("Far fewer of a".to_owned(), "Usually 5.".to_owned())]);
    alarms.elapse(at(5_000));
    assert_eq!(said(&alarms).len(), 1, "it lasts");
    enter(&mut alarms, &low("a", Severity::Info, "The rate of a is back."), 5_001);
    assert_eq!(said(&alarms), []);
}

#[test]
fn a_clock_that_stands_still_outlasts_a_step_and_a_step_ends_by_quiet() {
    let stopped = |severity, text: &str| lasts(Check::Clock, FindingKind::Stopped, "a", severity, text);
    let step = Finding::new(Check::Clock, FindingKind::Step, FeedId(1), at(0), Severity::Warning, "It jumped.".into());
    let mut alarms = Alarms::default();
    enter(&mut alarms, &stopped(Severity::Warning, "It stands still."), 0);
    enter(&mut alarms, &step, 10);
    assert_eq!(said(&alarms), [("It jumped".to_owned(), "At the same time: It stands still.".to_owned())]);
    alarms.elapse(at(600));
    assert_eq!(said(&alarms).len(), 1);
    enter(&mut alarms, &step, 630);
    enter(&mut alarms, &stopped(Severity::Info, "It goes again."), 640);
    assert_eq!(said(&alarms).len(), 1, "the step was told just now");
    alarms.elapse(at(689));
    assert_eq!(said(&alarms).len(), 1);
    alarms.elapse(at(690));
    assert_eq!(said(&alarms), []);
}

#[test]
fn a_book_that_is_wrong_is_so_until_it_fits_again() {
    let book = |severity, text: &str| lasts(Check::Checksum, FindingKind::Mismatch, "/sum BTC", severity, text);
    let mut alarms = Alarms::default();
    enter(&mut alarms, &book(Severity::Warning, "The checksum does not fit."), 0);
    alarms.elapse(at(100_000));
    assert_eq!(said(&alarms).len(), 1);
    enter(&mut alarms, &book(Severity::Info, "The checksum fits again."), 100_001);
    assert_eq!(said(&alarms), []);
    // Of a restored alarm nobody tells the end.
    let mut before = Alarms::default();
    enter(&mut before, &book(Severity::Warning, "The checksum does not fit."), 0);
    let mut after = Alarms::restore(before.open().cloned().collect(), AlarmId(2));
    after.elapse(at(60));
    assert_eq!(said(&after), []);
}
