use feedwatch_model::{Check, Finding, FindingKind, Guard, Reading, SequenceMark, Severity, Time};
use proptest::prelude::*;

use super::shaped::{Shaped, brief};

const BOOK: u32 = 0;
const LINE: u32 = 1;
const SIGNED: u32 = 2;

fn texts(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.text.as_str()).collect()
}

#[test]
fn a_checksum_that_does_not_fit_is_told_at_once_with_what_stands_there() {
    let mut feed = Shaped::new();
    feed.guard(BOOK, true);
    let mark = SequenceMark { rule: 0, scope: 3, first: 1, last: 1, restarts: false, before: false };
    let guard = Guard { rule: BOOK, fits: false, stated: 0xDEAD_BEEF, computed: 0x17 };
    feed.play("", &Reading { guards: vec![guard], marks: vec![mark], ..Reading::default() });
    assert_eq!(brief(&feed.found), [(Check::Checksum, FindingKind::Mismatch, Some(1))]);
    assert_eq!(feed.found[0].severity, Severity::Warning);
    assert_eq!(
        feed.found[0].text,
        "The checksum of P3 (/checksum) does not fit: it says 0xdeadbeef, the book gives 0x17. The message is kept as evidence."
    );
    assert_eq!(feed.integrity.guarded(), (1, 1));
}

#[test]
fn a_book_that_is_wrong_is_one_finding_until_it_fits_again() {
    let mut feed = Shaped::new();
    (0..50).for_each(|_| feed.guard(BOOK, true));
    // Another book of the same rule fits in between.
    (0..300).for_each(|at| feed.guard(BOOK, at % 3 == 0));
    (0..300).for_each(|_| feed.guard(BOOK, true));
    let found = feed.finish();
    let mismatch = |message| (Check::Checksum, FindingKind::Mismatch, Some(message));
    assert_eq!(brief(&found), [mismatch(51), mismatch(350)]);
    assert_eq!(found[1].severity, Severity::Info);
    assert_eq!(found[1].text, "The checksum (/checksum) fits again since message 350, after 200 that did not.");
    assert_eq!(feed.integrity.guarded(), (450, 200));
}

#[test]
fn a_book_that_stays_wrong_is_told_with_its_count_at_the_end() {
    let mut feed = Shaped::new();
    (0..200).for_each(|_| feed.guard(BOOK, false));
    let found = feed.finish();
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[1].text,
        "The checksum (/checksum) did not fit in 200 messages, 0 to 199. They are kept as evidence."
    );
    let mut once = Shaped::new();
    once.guard(BOOK, false);
    assert_eq!(once.finish().len(), 1);
}

#[test]
fn messages_that_do_not_fit_are_told_at_once_and_then_together() {
    let mut feed = Shaped::new();
    (0..150).for_each(|_| feed.guard(LINE, false));
    let found = feed.finish();
    assert_eq!(
        texts(&found),
        [
            "The checksum (*) does not fit: it says 0xdeadbeef, the message gives 0x17. The message is kept as evidence.",
            "The checksum (*) did not fit in 99 messages, 1 to 99. They are kept as evidence.",
            "The checksum (*) did not fit in 50 messages, 100 to 149. They are kept as evidence.",
        ]
    );
    let mut rare = Shaped::new();
    for at in 0..1000 {
        rare.guard(LINE, at % 250 != 100);
    }
    let places: Vec<Option<u64>> = rare.finish().iter().map(|finding| finding.message).collect();
    assert_eq!(places, [Some(100), Some(350), Some(600), Some(850)]);
}

#[test]
fn a_signature_that_does_not_fit_is_critical() {
    let mut feed = Shaped::new();
    feed.guard(SIGNED, false);
    assert_eq!(brief(&feed.found), [(Check::Signature, FindingKind::Mismatch, Some(0))]);
    assert_eq!(feed.found[0].severity, Severity::Critical);
}

#[test]
fn many_that_are_turned_away_are_told_once_a_minute() {
    let mut feed = Shaped::new();
    let at = |seconds: i64| Time::from_millis(1000 * seconds);
    (0..5).for_each(|second| feed.integrity.refused_client(at(second), "10.0.0.7", &mut feed.found));
    (0..100).for_each(|step| feed.integrity.refused_client(at(100 + 20 * step), "10.0.0.8", &mut feed.found));
    assert_eq!(feed.found, [], "five, and then three a minute");
    (0..90).for_each(|second| feed.integrity.refused_client(at(9000 + second), "10.0.0.9", &mut feed.found));
    feed.integrity.elapse(at(9600), &mut feed.found);
    assert_eq!(
        texts(&feed.found),
        [
            "6 clients without a valid token were turned away within a minute, the last one from 10.0.0.9.",
            "59 clients without a valid token were turned away within a minute, the last one from 10.0.0.9.",
            "25 clients without a valid token were turned away within a minute, the last one from 10.0.0.9.",
        ]
    );
    assert!(
        feed.found.iter().all(|finding| (finding.check, finding.kind) == (Check::Security, FindingKind::AuthBurst))
    );
}

#[test]
fn a_publisher_is_new_where_the_feed_is_known() {
    let mut feed = Shaped::new();
    let at = |seconds: i64| Time::from_millis(1000 * seconds);
    for second in 0..60 {
        feed.integrity.publisher(at(second), &format!("p{}", second % 7), &mut feed.found);
    }
    feed.integrity.publisher(at(3000), "early", &mut feed.found);
    assert_eq!(feed.found, []);
    for id in ["late", "p3", "late", "later", "latest", "early"] {
        feed.integrity.publisher(at(3600), id, &mut feed.found);
    }
    feed.integrity.elapse(at(3700), &mut feed.found);
    assert_eq!(
        texts(&feed.found),
        ["late publishes, which it never did before.", "2 publish that never did before, later among them."]
    );
    assert!(
        feed.found.iter().all(|finding| (finding.check, finding.kind) == (Check::Security, FindingKind::NewPublisher))
    );
    for id in 0..5000 {
        feed.integrity.publisher(at(4000 + id), &format!("x{id}"), &mut feed.found);
    }
    assert!(feed.finish().len() < 20, "anybody publishes");
}

proptest! {
    #[test]
    fn no_guard_panics(
        guards in proptest::collection::vec((0u32..70, any::<bool>(), any::<u64>(), any::<i64>()), 0..300),
    ) {
        let mut feed = Shaped::new();
        let mut fails = 0;
        for (rule, fits, number, at) in guards {
            feed.now = Time::from_nanos(at);
            fails += u64::from(!fits);
            let guard = Guard { rule, fits, stated: number, computed: !number };
            feed.play("", &Reading { guards: vec![guard], ..Reading::default() });
        }
        prop_assert_eq!(feed.integrity.guarded().1, fails);
        feed.finish();
    }
}
