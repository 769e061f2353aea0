//! Silence: what is told of a feed that sends nothing.

use feedwatch_model::{FindingKind, Time};

use super::Play;

#[test]
fn a_feed_that_stops_is_silent_and_then_resumes() {
    let mut play = Play::new();
    play.send_all(1..100);
    play.wait(1_000);
    assert_eq!(play.found, []);
    play.wait(10_000);
    play.wait(10_000);
    play.send(100);
    let found = play.finish();
    assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::Silent, FindingKind::Resumed]);
    assert_eq!(
        found[0].text,
        "No message for more than 2 s. It usually sent every 0.1 s, at most every 0.1 s. The connection was open: the publisher stopped."
    );
    assert_eq!(found[0].at, Time::from_millis(9_800 + 2_000));
    assert_eq!(found[1].text, "Messages come again, after 21 s without one.");
}

#[test]
fn a_silence_is_found_alike_however_time_is_told() {
    let silent = |steps: &[i64]| {
        let mut play = Play::new();
        play.send_all(1..100);
        for step in steps {
            play.wait(*step);
        }
        play.send(100);
        play.finish()
    };
    assert_eq!(silent(&[5_000]), silent(&[2_500, 2_500]));
    let mut unwatched = Play::new();
    unwatched.send_all(1..100);
    unwatched.now = unwatched.now.plus_nanos(5_000_000_000);
    unwatched.send(100);
    assert_eq!(silent(&[5_000]), unwatched.finish());
}

#[test]
fn a_feed_in_batches_is_never_silent() {
    for (batch, pause) in [(10, 5_000), (1, 3_000), (3, 60_000), (200, 20_000)] {
        let mut play = Play::new();
        for round in 0..50u64 {
            for index in 0..batch {
                play.send(round * batch + index);
                play.now = play.now.plus_nanos(-99_000_000);
            }
            for _ in 0..10 {
                play.wait(pause / 10);
            }
        }
        let found = play.finish();
        assert!(found.len() <= 2, "{batch} each {pause} ms: {found:#?}");
        assert!(batch == 200 || found.is_empty(), "{batch} each {pause} ms: {found:#?}");
    }
}

#[test]
fn a_long_silence_does_not_become_normal_but_a_habit_does() {
    let mut play = Play::new();
    for round in 0..6u64 {
        play.send_all(round * 100..(round + 1) * 100);
        play.wait(30_000);
    }
    let silent = play.found.iter().filter(|finding| finding.kind == FindingKind::Silent).count();
    assert_eq!(silent, 2);
}

#[test]
fn no_silence_is_judged_while_the_connection_is_lost() {
    let mut play = Play::new();
    play.send_all(1..100);
    play.integrity.lost(play.now);
    play.wait(100_000);
    play.integrity.connected(play.now);
    play.wait(1_000);
    play.send_all(100..200);
    assert_eq!(play.finish(), []);
}
