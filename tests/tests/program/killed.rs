//! `kill -9` during a run: what was committed is there, and the hole says why it is there.

use std::collections::BTreeMap;
use std::time::Duration;

use feedwatch_model::{AlarmId, GapCause, SeriesId, Time};
use feedwatch_store::Reader;
use feedwatch_tests::home::Home;
use feedwatch_tests::process::Process;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::websocket::{Server, Talk};

/// Numbers go on over connections; number 500 is never sent.
fn ticks(talk: &mut Talk, next: &std::sync::atomic::AtomicU64) {
    loop {
        for _ in 0..5 {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if number != 500 && !talk.queue(format!("{{\"seq\":{number},\"level\":{}}}", 20 + number % 7)) {
                return;
            }
        }
        if !talk.flush() || !talk.pause(Duration::from_millis(5)) {
            return;
        }
    }
}

fn samples(reader: &Reader) -> BTreeMap<SeriesId, u64> {
    let all = reader.series().expect("series").into_iter().map(|meta| meta.id);
    all.map(|id| (id, reader.count_samples(id, Time::MIN, Time::MAX).expect("a count"))).collect()
}

/// The numbers of the messages that are kept, in their order.
fn kept(reader: &Reader) -> Vec<u64> {
    let feed = reader.feeds().expect("feeds")[0].id;
    let all = reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages");
    let number = |payload: &[u8]| serde_json::from_slice::<serde_json::Value>(payload).ok()?["seq"].as_u64();
    all.iter().map(|message| number(&message.payload).expect("a number")).collect()
}

/// When the last message that is kept came.
fn last_received(reader: &Reader) -> Time {
    let feed = reader.feeds().expect("feeds")[0].id;
    let all = reader.messages(feed, Time::MIN, Time::MAX, 1).expect("messages");
    all.last().expect("a message").received
}

fn start(home: &Home) -> Process {
    home.start(&["run", "feeds.toml", "--json", "--follow"])
}

#[test]
fn what_was_committed_before_a_kill_is_there_after_it() {
    let next = std::sync::atomic::AtomicU64::new(1);
    let server = Server::start(move |talk| ticks(talk, &next));
    let home = Home::new();
    home.write("feeds.toml", format!("[feed.plant.websocket]\nurl = \"{}\"\n", server.url()));
    let mut run = start(&home);
    run.line("a loss", LONG, |line| line.contains("\"sequence\"") && line.contains("\"finding\""));
    // What a reader sees is committed. Let some commits go by.
    let reader = wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok());
    wait_until("some thousand samples", LONG, || samples(&reader).values().sum::<u64>() > 3_000);
    wait_until("the alarm of the loss", LONG, || !reader.alarms_open().expect("alarms").is_empty());
    let (before, messages) = (samples(&reader), kept(&reader));
    let sent: Vec<u64> = (1..=*messages.last().expect("messages")).filter(|number| *number != 500).collect();
    assert_eq!(messages, sent, "every message up to a commit is in it");
    let alarms: Vec<AlarmId> = reader.alarms_open().expect("alarms").iter().map(|alarm| alarm.id).collect();
    run.kill();
    let killed = feedwatch_engine::clock::now();
    let watched = reader.last_watched().expect("a heartbeat");
    assert_eq!(watched.len(), 1);
    let watched = watched[0].1;
    // The heart beat to the end, which is the last message that is kept.
    let last = last_received(&reader);
    assert!(last <= watched && watched <= killed, "kept up to {last}, watched up to {watched}, killed by {killed}");
    drop(reader);

    let connections = server.connections();
    let again = start(&home);
    wait_until("it is connected again", LONG, || server.connections() > connections);
    let reader = home.reader();
    let stopped = wait_for("the gap of the time it was not running", LONG, || {
        let gaps = reader.gaps(None, Time::MIN, Time::MAX).expect("gaps");
        gaps.into_iter().find(|gap| gap.cause == GapCause::Stopped)
    });
    let after = samples(&reader);
    for (series, count) in &before {
        assert!(after[series] >= *count, "series {series:?} had {count} samples, and has {}", after[series]);
    }
    assert_eq!(kept(&reader)[..messages.len()], messages, "every message is there as before");
    assert_eq!(stopped.from, watched, "the gap begins where the heart last beat");
    assert!(stopped.to.is_some_and(|to| to > killed), "{stopped:?}, killed by {killed}");
    let open: Vec<AlarmId> = reader.alarms_open().expect("alarms").iter().map(|alarm| alarm.id).collect();
    assert!(alarms.iter().all(|id| open.contains(id)), "{alarms:?} were open, now {open:?}");

    again.interrupt();
    let report = again.end(LONG).json();
    let told = report["alarms"].as_array().expect("alarms");
    for id in alarms {
        assert!(told.iter().any(|alarm| alarm["id"] == id.0), "alarm {id:?} was restored: {told:#?}");
    }
    // Exported whole, without a damaged row.
    let out = home.path("all.csv");
    home.json(&["export", "feeds.toml", "--out", &out.display().to_string(), "--json"]);
    let mut rows = csv::Reader::from_path(&out).expect("a CSV");
    let kept = rows.records().map(|row| row.expect("a whole row")).filter(|row| !row[4].is_empty()).count() as u64;
    assert!(kept >= before.values().sum::<u64>(), "{kept} rows of {before:?}");
}
