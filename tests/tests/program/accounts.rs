//! The books balance at every moment, also when messages come faster than they can be read.

use feedwatch_model::GapCause;
use feedwatch_tests::home::Home;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, settled};
use feedwatch_tests::websocket::{Server, Talk};

const MESSAGES: u64 = 200_000;
/// Every so often the same message again, and one that is no JSON.
const REPEATED: u64 = 17;
const BROKEN: u64 = 41;

/// As fast as the client takes them, in pieces of many.
fn flood(talk: &mut Talk) {
    let mut sent = 0;
    let mut number = 0;
    while sent < MESSAGES {
        number += 1;
        let text = format!("{{\"type\":\"tick\",\"seq\":{number},\"price\":{}.25}}", 100 + number % 9);
        let copies = 1 + u64::from(number % REPEATED == 0);
        for _ in 0..copies {
            if !talk.queue(text.as_str()) {
                return;
            }
        }
        sent += copies;
        if number % BROKEN == 0 {
            talk.queue("{\"type\":\"tick\",\"seq\":");
            sent += 1;
        }
    }
    talk.flush();
    talk.hold();
}

fn config(url: &str) -> String {
    format!(
        "[feed.fast]\nlimits = {{ inbox_messages = 64, inbox_bytes = \"16KiB\" }}\n\
         [feed.fast.websocket]\nurl = \"{url}\"\nmax_message = \"16KiB\"\n"
    )
}

#[test]
fn the_books_balance_at_every_moment_of_a_flood() {
    let server = Server::start(flood);
    let home = Home::new();
    let engine = home.engine(&config(&server.url()));
    let mut polls = 0u64;
    let mut moving = 0u64;
    wait_until("all has come", 3 * LONG, || {
        // Many looks for each pause of the wait, so that they meet all sorts of moments.
        for _ in 0..500 {
            let books = accounts(&engine, "fast");
            assert!(books.balance(), "{books:?}");
            polls += 1;
            moving += u64::from(books.in_flight > 0);
        }
        server.sent() >= MESSAGES && accounts(&engine, "fast").received == server.sent()
    });
    let books = settled(&engine, "fast", server.sent());
    assert!(polls > 2_000 && moving > 0, "{polls} looks, {moving} of them while something moved");
    assert_eq!(books.received, server.sent());
    assert!(books.dropped > 0, "the inbox was too large for this test: {books:?}");
    assert!(books.duplicate > 0 && books.rejected > 0 && books.stored > 0, "{books:?}");

    let reader = engine.reader().expect("a history");
    let report = engine.stop();
    assert_eq!(report.accounts["fast"], books, "nothing moves at the end");
    let overflow: Vec<_> = report.gaps.iter().filter(|gap| gap.cause == GapCause::Overflow.code()).collect();
    assert!(!overflow.is_empty(), "a loss of our own is a gap");
    let kept = reader.gaps(None, feedwatch_model::Time::MIN, feedwatch_model::Time::MAX).expect("gaps");
    let missing: u64 = kept.iter().filter(|gap| gap.cause == GapCause::Overflow).filter_map(|gap| gap.missing).sum();
    assert_eq!(missing, books.dropped, "the history's gaps count every message that was dropped");
}

#[test]
fn the_books_count_the_same_without_a_history() {
    let server = Server::start(|talk| {
        for number in 1..=2_000 {
            talk.queue(format!("{{\"seq\":{number},\"value\":{}}}", number % 10));
        }
        talk.flush();
        talk.hold();
    });
    let home = Home::new();
    let config = format!("[console]\nkeep_history = false\n[feed.plain.websocket]\nurl = \"{}\"\n", server.url());
    let engine = home.engine(&config);
    let books = settled(&engine, "plain", 2_000);
    assert_eq!((books.received, books.stored), (2_000, 2_000));
    drop(engine);
    assert!(!home.history().exists());
}
