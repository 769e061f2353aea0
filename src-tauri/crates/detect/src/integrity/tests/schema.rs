use feedwatch_model::{Check, FieldType, FindingKind, Reading, Time};
use proptest::prelude::*;

use super::shaped::{Shaped, brief};
use FieldType::{Boolean, Digits, Empty, Null, Number, Text};

const PLAIN: [(&str, FieldType); 4] = [("/id", Text), ("/p", Number), ("/sub/a", Number), ("/sub/b", Text)];

/// The plain shape with one field left out and others put in.
fn but(without: &str, with: &[(&'static str, FieldType)]) -> Vec<(&'static str, FieldType)> {
    PLAIN.iter().filter(|(path, _)| !path.starts_with(without)).chain(with).copied().collect()
}

#[test]
fn a_lost_field_is_one_finding_at_the_first_message_without_it() {
    let mut feed = Shaped::new();
    feed.fields(100, &PLAIN);
    feed.fields(3, &but("/p", &[]));
    assert_eq!(feed.found, []);
    feed.fields(300, &but("/p", &[]));
    let found = feed.finish();
    assert_eq!(brief(&found), [(Check::Schema, FindingKind::Lost, Some(100))]);
    assert_eq!(found[0].at, Time::from_millis(10_000));
    assert_eq!(found[0].text, "The field /p is gone. It was in each of 100 messages before.");
}

#[test]
fn a_lost_field_that_is_back_is_told_once_and_may_be_lost_again() {
    let mut feed = Shaped::new();
    feed.fields(100, &PLAIN);
    feed.fields(50, &but("/p", &[]));
    feed.fields(300, &PLAIN);
    feed.fields(20, &but("/p", &[]));
    let found = feed.finish();
    assert_eq!(
        brief(&found),
        [
            (Check::Schema, FindingKind::Lost, Some(100)),
            (Check::Schema, FindingKind::Appeared, Some(150)),
            (Check::Schema, FindingKind::Lost, Some(450)),
        ]
    );
    assert_eq!(found[1].text, "The field /p is back, after 50 messages without it.");
}

#[test]
fn a_rename_is_a_field_lost_and_one_that_appeared_at_the_same_message() {
    let mut feed = Shaped::new();
    feed.fields_of(2, 500, &PLAIN);
    feed.fields_of(2, 60, &but("/sub/a", &[("/sub/c", Number)]));
    let found = feed.finish();
    assert_eq!(
        brief(&found),
        [(Check::Schema, FindingKind::Lost, Some(500)), (Check::Schema, FindingKind::Appeared, Some(500))]
    );
    assert_eq!(found[1].text, "There is a new field of kind2: /sub/c. It was in none of 500 messages before.");
}

#[test]
fn an_object_that_is_lost_is_named_instead_of_its_fields() {
    let mut feed = Shaped::new();
    feed.fields(100, &PLAIN);
    feed.fields(60, &but("/sub", &[]));
    let found = feed.finish();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].text, "The field /sub is gone. It was in each of 100 messages before.");
}

#[test]
fn what_changes_with_one_message_is_one_finding() {
    let mut feed = Shaped::new();
    feed.fields(100, &PLAIN);
    let new: Vec<(&str, FieldType)> = ["/n1", "/n2", "/n3", "/n4", "/n5", "/n6", "/n7"].map(|path| (path, Text)).into();
    feed.fields(60, &[PLAIN.to_vec(), new].concat());
    let found = feed.finish();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].text,
        "There are 7 new fields: /n1, /n2, /n3, /n4, /n5 and 2 more. They were in none of 100 messages before."
    );
}

#[test]
fn an_empty_list_lost_nothing() {
    let full = [("/id", Text), ("/list/*/q", Number), ("/list/*/p", Number)];
    let mut feed = Shaped::new();
    feed.fields(100, &full);
    feed.fields(20, &[("/id", Text), ("/list", Empty)]);
    feed.fields(20, &full);
    feed.fields(20, &[("/id", Text), ("/list", Null)]);
    feed.fields(20, &full);
    assert_eq!(feed.finish(), []);
    // A field of its elements may be lost all the same, and empty lists in between end no run.
    for _ in 0..10 {
        feed.fields(1, &[("/id", Text), ("/list/*/q", Number)]);
        feed.fields(1, &[("/id", Text), ("/list", Empty)]);
    }
    assert_eq!(brief(&feed.finish()), [(Check::Schema, FindingKind::Lost, Some(180))]);
}

#[test]
fn a_field_that_comes_and_goes_is_no_finding() {
    let mut feed = Shaped::new();
    feed.fields(200, &PLAIN);
    for round in 0..200 {
        feed.fields(1, &but("/p", &[]));
        feed.fields(1 + round % 90, &PLAIN);
        feed.fields(1, &but("/none", &[("/late", Text)]));
        feed.fields(1, &PLAIN);
    }
    assert_eq!(feed.finish(), []);
}

#[test]
fn a_field_that_was_missing_now_and_then_must_be_there_for_longer() {
    let mut feed = Shaped::new();
    for _ in 0..5 {
        // Counts are gathered every 1,024 messages.
        feed.fields(2500, &PLAIN);
        feed.fields(2, &but("/p", &[]));
    }
    feed.fields(1500, &PLAIN);
    feed.fields(20, &but("/p", &[]));
    assert_eq!(feed.finish(), []);
    feed.fields(4000, &PLAIN);
    feed.fields(20, &but("/p", &[]));
    assert_eq!(brief(&feed.finish()), [(Check::Schema, FindingKind::Lost, Some(18_030))]);
}

#[test]
fn another_type_is_told_once_until_the_former_was_back() {
    let other = [("/id", Text), ("/p", Text), ("/sub/a", Number), ("/sub/b", Text)];
    let mut feed = Shaped::new();
    feed.fields(100, &PLAIN);
    feed.fields(200, &other);
    feed.fields(5, &PLAIN);
    feed.fields(30, &other);
    let found = feed.finish();
    assert_eq!(brief(&found), [(Check::Schema, FindingKind::Retyped, Some(100))]);
    assert_eq!(found[0].text, "In the field /p stands text now. It was a number in 100 messages before.");
    feed.fields(2000, &PLAIN);
    feed.fields(20, &other);
    assert_eq!(brief(&feed.finish()), [(Check::Schema, FindingKind::Retyped, Some(2335))]);
}

#[test]
fn null_and_empty_have_no_type_and_digits_are_text_where_text_was() {
    let mut feed = Shaped::new();
    for is in [Text, Digits, Text, Null, Empty, Digits] {
        feed.fields(100, &[("/p", is)]);
    }
    assert_eq!(feed.finish(), []);
    feed.fields(10, &[("/p", Number)]);
    assert_eq!(brief(&feed.finish()), [(Check::Schema, FindingKind::Retyped, Some(600))]);
    let mut feed = Shaped::new();
    feed.fields(100, &[("/p", Digits)]);
    feed.fields(10, &[("/p", Text)]);
    assert_eq!(
        feed.finish()[0].text,
        "In the field /p stands text now. It was a number in quotes in 100 messages before."
    );
}

#[test]
fn a_value_of_another_type_now_and_then_is_none() {
    let mut feed = Shaped::new();
    for round in 0..30 {
        feed.fields(100 - round, &PLAIN);
        feed.fields(1, &but("/p", &[("/p", Text)]));
    }
    assert_eq!(feed.finish(), []);
}

#[test]
fn members_that_are_names_are_told_a_few_times_and_no_more() {
    let mut feed = Shaped::new();
    feed.fields(100, &[("/map/first", Number)]);
    for name in 0..200 {
        let path = format!("/map/k{name}");
        feed.fields(6, &[("/map/first", Number), (&path, Number)]);
    }
    let found = feed.finish();
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[3].text.ends_with("Such came before: further ones beside them are not told."));
}

#[test]
fn kinds_are_judged_by_themselves() {
    let mut feed = Shaped::new();
    for _ in 0..300 {
        feed.fields_of(1, 1, &[("/type", Text), ("/p", Number)]);
        feed.fields_of(2, 1, &[("/type", Text), ("/q", Text)]);
    }
    assert_eq!(feed.finish(), []);
}

#[test]
fn what_is_not_long_known_is_not_judged() {
    let mut feed = Shaped::new();
    feed.fields(63, &PLAIN);
    feed.fields(20, &but("/p", &[("/x", Number)]));
    assert_eq!(feed.finish(), []);
    feed.play("", &Reading { shape: Some(u32::MAX), ..Reading::default() });
    feed.play("", &Reading { shape: None, ..Reading::default() });
    assert_eq!(feed.finish(), []);
}

#[test]
fn at_the_end_a_change_of_two_messages_is_told() {
    let mut feed = Shaped::new();
    feed.fields(100, &PLAIN);
    feed.fields(2, &but("/p", &[]));
    assert_eq!(brief(&feed.finish()), [(Check::Schema, FindingKind::Lost, Some(100))]);
}

const PATHS: [&str; 6] = ["/a", "/b", "/c/d", "/c/e", "/f/*/g", "/h"];
const TYPES: [FieldType; 6] = [Null, Boolean, Number, Digits, Text, Empty];

proptest! {
    /// Of fields that are there by chance, some always, nothing is told.
    #[test]
    fn clean_data_give_no_finding(seed in any::<u64>(), odds in proptest::collection::vec(prop_oneof![Just(1.0), 0.02f64..0.6], 6)) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut feed = Shaped::new();
        for _ in 0..1500 {
            let fields: Vec<(&str, FieldType)> =
                PATHS.iter().zip(&odds).filter(|(_, odds)| random.f64() < **odds).map(|(path, _)| (*path, Number)).collect();
            feed.fields(1, &fields);
        }
        prop_assert_eq!(feed.finish(), []);
    }

    /// Whatever is beside it: a change is told once, at its first message.
    #[test]
    fn a_change_is_told_at_its_message(seed in any::<u64>(), clean in 120usize..900, what in 0u8..3, odds in 0.1f64..0.9) {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut feed = Shaped::new();
        for at in 0..clean + 200 {
            let is_changed = at >= clean;
            let mut fields = vec![("/id", Text), ("/x/p", Number), ("/x/q", Number)];
            if random.f64() < odds {
                fields.push(("/sometimes", Text));
            }
            match what {
                0 if is_changed => drop(fields.remove(1)),
                1 if is_changed => fields[1].1 = Text,
                2 if is_changed => fields[1].0 = "/x/r",
                _ => {}
            }
            feed.fields(1, &fields);
        }
        let place = Some(clean as u64);
        let expected = match what {
            0 => vec![(Check::Schema, FindingKind::Lost, place)],
            1 => vec![(Check::Schema, FindingKind::Retyped, place)],
            _ => vec![(Check::Schema, FindingKind::Lost, place), (Check::Schema, FindingKind::Appeared, place)],
        };
        prop_assert_eq!(brief(&feed.finish()), expected);
    }

    #[test]
    fn no_shapes_panic_and_findings_stay_few(
        messages in proptest::collection::vec((0u32..3, proptest::collection::vec((0usize..6, 0usize..6), 0..8), 1usize..90), 0..60),
    ) {
        let mut feed = Shaped::new();
        for (kind, picked, times) in messages {
            let mut fields: Vec<(&str, FieldType)> = picked.iter().map(|(path, is)| (PATHS[*path], TYPES[*is])).collect();
            fields.dedup_by_key(|(path, _)| *path);
            feed.fields_of(kind, times, &fields);
        }
        let messages = feed.number as usize;
        prop_assert!(feed.finish().len() <= messages / 2 + 1);
    }
}
