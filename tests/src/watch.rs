//! Looking at an engine from outside, as a shell does.

use std::cell::RefCell;
use std::collections::BTreeSet;

use feedwatch_engine::Engine;
use feedwatch_model::Accounts;

use crate::wait::{LONG, wait_for, wait_for_or};

/// The books of one feed.
///
/// # Panics
/// If there is no such feed.
#[track_caller]
pub fn accounts(engine: &Engine, feed: &str) -> Accounts {
    *engine.accounts().get(feed).unwrap_or_else(|| panic!("there is no feed {feed}"))
}

/// Waits until a feed has received at least so many messages and all of them are where they belong.
///
/// # Panics
/// If that takes too long, or the books do not balance meanwhile.
#[track_caller]
pub fn settled(engine: &Engine, feed: &str, received: u64) -> Accounts {
    wait_for(&format!("{feed} has {received} messages and none in flight"), LONG, || {
        let books = accounts(engine, feed);
        assert!(books.balance(), "{books:?}");
        (books.received >= received && books.in_flight == 0).then_some(books)
    })
}

/// Waits until the feed's state is this word.
///
/// # Panics
/// If that takes too long.
#[track_caller]
pub fn state(engine: &Engine, feed: &str, word: &str) {
    let mut last = String::new();
    let row = |engine: &Engine| engine.status().1.into_iter().find(|row| row.name == feed);
    wait_for(&format!("{feed} is {word}"), LONG, || {
        last = row(engine).map(|row| format!("{} {:?}", row.state, row.state_text)).unwrap_or_default();
        last.starts_with(word).then_some(())
    });
}

/// Waits until the feed's words hold this part, now or in between.
///
/// # Panics
/// If that takes too long.
#[track_caller]
pub fn says(engine: &Engine, feed: &str, part: &str) {
    let said = RefCell::new(BTreeSet::new());
    wait_for_or(
        LONG,
        || format!("{feed} does not say {part:?}: {:#?}", said.borrow()),
        || {
            let row = engine.status().1.into_iter().find(|row| row.name == feed);
            let text = row.map(|row| format!("{} {:?}", row.state, row.state_text)).unwrap_or_default();
            let found = text.contains(part).then_some(());
            said.borrow_mut().insert(text);
            found
        },
    );
}
