//! Feeds with several endpoints, and the certificates of these.

use feedwatch_ingest::Shut;
use feedwatch_model::{Certificate, FeedState};

use super::*;

fn pair(redundant: bool) -> Pipeline {
    let line = |name: &str| LineSettings { name: name.to_owned(), address: String::new() };
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), true);
    let lines = vec![line("preferred"), line("tokyo")];
    pipeline.add_feed(FeedSettings { lines, redundant, ..settings(None) }, at(0));
    pipeline
}

fn connected(line: u8, ms: i64, certificate: Option<Certificate>) -> Event {
    let certificate = certificate.map(Box::new);
    Event::Connected { line, at: at(ms), endpoint: String::new(), detail: String::new(), certificate }
}

fn lost(line: u8, ms: i64) -> Event {
    let (last_good, reason) = (at(ms - 10), "It was cut.".to_owned());
    Event::Lost { line, at: at(ms), last_good, reason, refused: false, retry_in: Duration::from_secs(1) }
}

fn open_alarms(pipeline: &Pipeline) -> Vec<String> {
    pipeline.alarms().open().filter(|alarm| alarm.state.is_active()).map(|alarm| alarm.title.clone()).collect()
}

#[test]
fn a_redundant_feed_is_live_while_one_line_is_and_its_loss_is_an_alarm_that_ends() {
    let mut pipeline = pair(true);
    pipeline.step(0, connected(0, 0, None));
    pipeline.step(0, connected(1, 5, None));
    pipeline.step(0, lost(1, 100));
    assert_eq!(pipeline.feed(0).unwrap().state(), FeedState::Live);
    assert_eq!(open_alarms(&pipeline), ["tokyo is down; the feed goes on over preferred"]);
    assert_eq!(pipeline.gaps().count(), 0);
    pipeline.step(0, connected(1, 500, None));
    assert!(open_alarms(&pipeline).is_empty());
    pipeline.step(0, lost(0, 600));
    pipeline.step(0, lost(1, 700));
    assert_eq!(pipeline.feed(0).unwrap().state(), FeedState::Down);
    assert_eq!(pipeline.gaps().filter(|gap| gap.cause == GapCause::Disconnected).count(), 1);
    pipeline.step(0, connected(0, 800, None));
    assert_eq!(open_alarms(&pipeline).len(), 1, "one is still down");
    pipeline.step(0, connected(1, 900, None));
    assert!(open_alarms(&pipeline).is_empty());
}

#[test]
fn what_one_line_misses_and_the_other_brings_is_neither_lost_nor_late() {
    let mut pipeline = pair(true);
    pipeline.step(0, connected(0, 0, None));
    pipeline.step(0, connected(1, 0, None));
    let mut number = 0;
    let mut bring = |pipeline: &mut Pipeline, sequence: u64, ms: i64| {
        pipeline.message(0, ticker(number, sequence, ms, 100.0 + sequence as f64));
        number += 1;
    };
    for sequence in 0..100 {
        bring(&mut pipeline, 1_000 + sequence, sequence as i64 * 100);
    }
    // Two are missing on the line that is ahead by twenty messages; the copies differ in a byte, so they come here.
    for sequence in [103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121] {
        bring(&mut pipeline, 1_000 + sequence, 10_000 + sequence as i64);
    }
    for sequence in 100..=121 {
        bring(&mut pipeline, 1_000 + sequence, 10_200 + sequence as i64);
    }
    pipeline.elapse(at(20_000), true);
    let stage = pipeline.feed(0).unwrap();
    assert_eq!((stage.lost(), stage.reordered(), stage.duplicate()), (0, 0, 19));
    assert!(pipeline.findings().all(|found| found.finding.check != Check::Sequence), "nothing is told");
}

#[test]
fn a_drill_is_a_gap_of_its_own_and_no_alarm() {
    let mut pipeline = pair(false);
    pipeline.step(0, connected(0, 0, None));
    pipeline.step(0, Event::StoodDown { line: 0, at: at(100), last_good: at(90), why: Shut::Drill });
    pipeline.step(0, connected(1, 300, None));
    pipeline.step(0, connected(0, 5_000, None));
    pipeline.step(0, Event::StoodDown { line: 1, at: at(7_000), last_good: at(6_990), why: Shut::NotNeeded });
    assert_eq!(pipeline.feed(0).unwrap().state(), FeedState::Live);
    let gaps: Vec<_> = pipeline.gaps().map(|gap| (gap.cause, gap.from, gap.to)).collect();
    assert_eq!(gaps, [(GapCause::Drill, at(90), Some(at(300)))]);
    assert_eq!(pipeline.alarms().all().count(), 0);
}

#[test]
fn a_certificate_that_expires_raises_an_alarm_that_its_renewal_ends() {
    let certificate = |print: &str, days: i64| Certificate {
        print: print.to_owned(),
        from: at(0),
        until: at(days * 86_400_000),
        issuer: "Test CA".to_owned(),
        tls: None,
    };
    let mut pipeline = pair(false);
    pipeline.step(0, connected(0, 0, Some(certificate("a", 10))));
    let title = &open_alarms(&pipeline)[0];
    assert!(title.starts_with("The certificate of preferred expires in 10 days"), "{title}");
    let kept = pipeline.take_output().batch.certificates;
    assert_eq!(kept.len(), 1);
    pipeline.step(0, lost(0, 1_000));
    pipeline.step(0, connected(0, 2_000, Some(certificate("b", 90))));
    assert!(open_alarms(&pipeline).is_empty());
    let renewed = pipeline.findings().filter(|found| found.finding.text.contains("was renewed")).count();
    assert_eq!(renewed, 1);
}

#[test]
fn what_a_drill_loses_is_a_finding_and_no_alarm_and_what_is_lost_later_is_one() {
    let mut pipeline = pair(false);
    pipeline.step(0, connected(0, 0, None));
    let mut number = 0;
    let mut bring = |pipeline: &mut Pipeline, sequences: std::ops::Range<u64>| {
        for sequence in sequences {
            pipeline.message(0, ticker(number, sequence, sequence as i64 * 100, 100.0));
            number += 1;
        }
    };
    bring(&mut pipeline, 0..80);
    pipeline.step(0, Event::StoodDown { at: at(8_000), line: 0, last_good: at(7_990), why: Shut::Drill });
    pipeline.step(0, connected(1, 8_400, None));
    bring(&mut pipeline, 83..200);
    pipeline.step(0, connected(0, 20_000, None));
    let lost = |pipeline: &Pipeline| pipeline.findings().filter(|found| found.finding.missing.is_some()).count();
    assert_eq!((lost(&pipeline), open_alarms(&pipeline).len()), (1, 0));
    bring(&mut pipeline, 203..300);
    assert_eq!((lost(&pipeline), open_alarms(&pipeline).len()), (2, 0), "the way back is part of it");
    bring(&mut pipeline, 303..400);
    assert_eq!((lost(&pipeline), open_alarms(&pipeline).len()), (3, 1));
}

#[test]
fn a_drill_that_goes_wrong_is_an_outage_with_its_alarm() {
    let mut pipeline = pair(false);
    pipeline.step(0, connected(0, 0, None));
    pipeline.step(0, Event::StoodDown { at: at(1_000), line: 0, last_good: at(990), why: Shut::Drill });
    assert!(open_alarms(&pipeline).is_empty());
    pipeline.step(0, lost(1, 2_000));
    assert_eq!(open_alarms(&pipeline).len(), 1);
    let gaps: Vec<_> = pipeline.gaps().map(|gap| (gap.cause, gap.from, gap.to)).collect();
    assert!(gaps.contains(&(GapCause::Drill, at(990), Some(at(2_000)))), "{gaps:?}");
    assert!(gaps.contains(&(GapCause::Disconnected, at(2_000), None)), "{gaps:?}");
    pipeline.step(0, connected(0, 3_000, None));
    assert!(open_alarms(&pipeline).is_empty());
}

#[test]
fn a_gap_tells_how_much_of_it_came_after_all() {
    let mut pipeline = pair(false);
    pipeline.step(0, connected(0, 0, None));
    for sequence in 0..80 {
        pipeline.message(0, ticker(sequence, 1_000 + sequence, sequence as i64 * 100, 100.0));
    }
    pipeline.step(0, lost(0, 8_000));
    pipeline.step(0, connected(0, 9_000, None));
    // What was sent while the connection was lost is sent again, at once.
    for sequence in 80..100 {
        let message = ticker(sequence, 1_000 + sequence, sequence as i64 * 100, 100.0);
        pipeline.message(0, Message { received: at(9_100), ..message });
    }
    pipeline.elapse(at(9_200), true);
    let gap = pipeline.gaps().find(|gap| gap.cause == GapCause::Disconnected).unwrap();
    assert_eq!(gap.detail, "It was cut. 10 messages of this time came after all.");
    assert_eq!(pipeline.gaps().filter(|gap| gap.cause == GapCause::Disconnected).count(), 1);
}
