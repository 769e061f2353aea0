//! A followed file as a supervised feed.

use std::fs;
use std::io::Write;

use crate::testkit::{Watched, clock, eager};
use crate::{Event, InboxLimits, TailOptions, TailSource, TailStart};

fn append(path: &std::path::Path, text: &str) {
    fs::OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

async fn connected(watched: &mut Watched) {
    while !matches!(watched.next().await, Event::Connected { .. }) {}
}

#[tokio::test]
async fn a_file_that_is_not_there_is_waited_for_and_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    let mut watched = Watched::start(TailSource::new(TailOptions::new(&path), clock), eager());
    let (reason, refused) = watched.lost().await;
    assert!(reason.contains("There is no file") && reason.ends_with("It is waited for.") && !refused, "{reason}");
    append(&path, "1\n2\n");
    assert_eq!(&watched.message().await.payload[..], b"1");
    assert_eq!(&watched.message().await.payload[..], b"2");
    watched.stop().await;
}

#[tokio::test]
async fn a_cut_is_a_loss_in_words_and_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    append(&path, "1\n");
    let options = TailOptions { start: TailStart::Beginning, ..TailOptions::new(&path) };
    let mut watched = Watched::start(TailSource::new(options, clock), eager());
    assert_eq!(&watched.message().await.payload[..], b"1");
    fs::write(&path, "").unwrap();
    append(&path, "2\n");
    let (reason, refused) = watched.lost().await;
    assert!(reason.contains("was cut short") && !refused, "{reason}");
    assert_eq!(&watched.message().await.payload[..], b"2");
    watched.stop().await;
}

#[tokio::test]
async fn a_file_that_is_deleted_is_told_and_its_successor_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    append(&path, "1\n");
    let options = TailOptions { start: TailStart::Beginning, ..TailOptions::new(&path) };
    let mut watched = Watched::start(TailSource::new(options, clock), eager());
    assert_eq!(&watched.message().await.payload[..], b"1");
    fs::remove_file(&path).unwrap();
    let (reason, _) = watched.lost().await;
    assert!(reason.contains("is gone"), "{reason}");
    append(&path, "2\n");
    assert_eq!(&watched.message().await.payload[..], b"2");
    watched.stop().await;
}

#[tokio::test]
async fn a_folder_needs_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let mut watched = Watched::start(TailSource::new(TailOptions::new(folder.path()), clock), eager());
    let (reason, refused) = watched.lost().await;
    assert!(reason.contains("is a folder") && refused, "{reason}");
    watched.stop().await;
}

#[tokio::test]
async fn what_the_history_refused_is_read_again_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    append(&path, "1\n2\n3\n");
    let options = TailOptions { start: TailStart::Beginning, ..TailOptions::new(&path) };
    let mut watched = Watched::start(TailSource::new(options, clock), eager());
    for line in ["1", "2", "3"] {
        assert_eq!(&watched.message().await.payload[..], line.as_bytes());
    }
    watched.inbox.kept_below(3);
    append(&path, "4\n5\n");
    let first = watched.message().await;
    assert_eq!(&watched.message().await.payload[..], b"5");
    watched.inbox.refused();
    watched.inbox.recovered();
    let (reason, _) = watched.lost().await;
    assert!(reason.contains("sends again"), "{reason}");
    let again = watched.message().await;
    assert_eq!((&again.payload, again.position()), (&first.payload, first.position()), "known again by its place");
    watched.stop().await;
}

#[tokio::test]
async fn lines_refused_before_any_was_kept_are_read_again_where_the_file_was_empty() {
    for rotated in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        append(&path, "");
        let mut watched = Watched::start(TailSource::new(TailOptions::new(&path), clock), eager());
        connected(&mut watched).await;
        append(&path, "1\n2\n");
        for line in ["1", "2"] {
            assert_eq!(&watched.message().await.payload[..], line.as_bytes());
        }
        if rotated {
            fs::rename(&path, folder.path().join("app.log.1")).unwrap();
            append(&path, "");
        }
        watched.inbox.refused();
        watched.inbox.recovered();
        let (reason, _) = watched.lost().await;
        assert!(reason.contains("sends again"), "{reason}");
        connected(&mut watched).await;
        append(&path, "3\n");
        for line in ["1", "2", "3"] {
            assert_eq!(&watched.message().await.payload[..], line.as_bytes(), "rotated: {rotated}");
        }
        watched.stop().await;
    }
}

#[tokio::test]
async fn a_small_inbox_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.log");
    let lines: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    append(&path, &lines);
    let options = TailOptions { start: TailStart::Beginning, ..TailOptions::new(&path) };
    let limits = InboxLimits { messages: 10, bytes: 1 << 20 };
    let mut watched = Watched::resume(TailSource::new(options, clock), eager(), None, limits);
    for number in 0..20_000 {
        assert_eq!(watched.message().await.payload, number.to_string());
    }
    assert_eq!(watched.inbox.counters().dropped, 0);
    watched.stop().await;
}
