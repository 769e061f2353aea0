//! A state that is asked for again and again: what it says twice did not change, and is judged by its rhythm alone. And
//! calls, of which there may be none.

use feedwatch_model::{FeedId, FindingKind, Time};

use super::Play;
use crate::{Arrival, Integrity};

fn play() -> Play {
    Play { integrity: Integrity::of_states(FeedId(7)), ..Play::new() }
}

#[test]
fn numbers_that_repeat_or_are_left_out_are_no_finding() {
    let mut play = play();
    for sequence in [1, 1, 1, 2, 9, 9, 3] {
        assert_eq!(play.send(sequence), Arrival::Fresh);
    }
    assert_eq!(play.finish(), []);
}

#[test]
fn an_unchanged_state_is_no_silence() {
    let mut play = play();
    play.send_all(1..100);
    for _ in 0..100 {
        play.alive_after(1_000);
    }
    assert_eq!(play.found, []);
}

#[test]
fn a_silence_ends_with_the_answer_that_nothing_changed() {
    let mut play = play();
    play.send_all(1..100);
    play.wait(10_000);
    play.alive_after(100);
    let found = play.finish();
    assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::Silent, FindingKind::Resumed]);
    assert_eq!(found[1].at, Time::from_millis(9_900 + 10_100));
    assert_eq!(found[1].text, "It answers again; nothing has changed meanwhile.");
}

#[test]
fn a_silence_that_is_noticed_by_its_end_is_told_all_the_same() {
    let mut play = play();
    play.send_all(1..100);
    play.alive_after(10_000);
    assert_eq!(play.finish().len(), 2);
}

#[test]
fn who_may_have_nothing_to_say_is_never_silent_but_numbers_are_judged() {
    let mut play = Play { integrity: Integrity::of_calls(FeedId(7)), ..Play::new() };
    play.send_all(1..100);
    play.wait(100_000);
    play.send(150);
    play.wait(100_000);
    let found = play.finish();
    assert_eq!(found.iter().map(|f| f.kind).collect::<Vec<_>>(), [FindingKind::Gap]);
}
