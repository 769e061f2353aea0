//! Checksums of real feeds: what discovery says of the captures that lie beside the repository.

mod kit;

use feedwatch_decode::{Format, Options};
use feedwatch_model::{Checksum, Message, Why};
use kit::{Outcome, captures, messages, run, run_with};

fn rules(outcome: &Outcome) -> Vec<(&str, &str, u64, u64)> {
    let rule = |found: &'_ Checksum| (found.checked, found.violations);
    let all = outcome.profile.checksum.iter();
    all.map(|found| (found.rule.as_str(), found.path.as_str(), rule(found).0, rule(found).1)).collect()
}

/// The lines of a capture, received one a second.
fn lines(name: &str) -> Option<Vec<Message>> {
    let text = kit::file(name)?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    Some(
        (0..)
            .zip(lines)
            .map(|(at, line)| Message::new(at, kit::start().plus_nanos(at as i64 * 1_000_000), line.to_vec()))
            .collect(),
    )
}

#[test]
fn kraken_books_fit_their_checksums() {
    let Some(messages) = messages("kraken_v2_book") else { return };
    let outcome = run(messages);
    assert_eq!(rules(&outcome), [("crc32-book", "/data/*/checksum", 3, 0)]);
    let guards: Vec<usize> = outcome.readings.iter().map(|reading| reading.guards.len()).collect();
    assert_eq!(guards, [0, 1, 1, 1, 0, 0]);
    assert!(outcome.names().iter().all(|name| !name.contains("checksum")));
    let ignored = outcome.profile.kinds.iter().flat_map(|kind| &kind.ignored);
    assert!(ignored.into_iter().any(|left| left.path == "/data/*/checksum" && left.why == Why::Checksum));
}

#[test]
fn every_sentence_of_ships_fits_its_checksum() {
    let Some(messages) = lines("ais_nmea.txt") else { return };
    let count = messages.len() as u64;
    for format in [None, Some(Format::Nmea)] {
        let outcome = run_with(messages.clone(), Options { format, ..Options::default() });
        assert_eq!((outcome.profile.format.as_str(), outcome.rejected), ("nmea", 0));
        assert_eq!(rules(&outcome), [("nmea-xor", "/checksum", count, 0)]);
        println!(
            "{:?}",
            outcome
                .profile
                .kinds
                .iter()
                .map(|kind| (&kind.matches, kind.messages, &kind.keys, kind.series.len()))
                .collect::<Vec<_>>()
        );
        println!("{:?}", outcome.profile.sequence);
        println!("{:?}", outcome.profile.kinds[0].ignored);
        println!("{:?}", outcome.names().iter().take(60).collect::<Vec<_>>());
    }
}

#[test]
fn no_other_capture_has_a_checksum() {
    for name in captures().into_iter().filter(|name| name != "kraken_v2_book") {
        let Some(messages) = messages(&name) else { continue };
        let outcome = run(messages);
        assert_eq!(rules(&outcome), [], "{name}");
        assert!(outcome.readings.iter().all(|reading| reading.guards.is_empty()), "{name}");
    }
}
