//! A disk that takes nothing: the console goes on live, says so, and counts it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use feedwatch_tests::home::Home;
use feedwatch_tests::skip;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::accounts;
use feedwatch_tests::websocket::{Server, Talk};

fn ticks(talk: &mut Talk) {
    let mut number = 0;
    loop {
        for _ in 0..20 {
            number += 1;
            // Much to write, so that a small disk is soon full.
            let pad = "x".repeat(400);
            if !talk.queue(format!("{{\"seq\":{number},\"level\":{},\"pad\":\"{pad}\"}}", 20 + number % 5)) {
                return;
            }
        }
        if !talk.flush() || !talk.pause(Duration::from_millis(5)) {
            return;
        }
    }
}

#[test]
fn without_a_place_for_the_history_the_feed_is_watched_all_the_same() {
    let server = Server::start(ticks);
    let home = Home::new();
    // A file where the folder should be, and a folder where the file should be.
    home.write("blocked", "");
    std::fs::create_dir_all(home.path("history.db")).expect("a folder");
    for place in ["blocked/history.db", "history.db"] {
        let history = home.path(place).display().to_string();
        let config =
            format!("[console]\nhistory = \"{history}\"\n[feed.plant.websocket]\nurl = \"{}\"\n", server.url());
        let engine = home.engine(&config);
        wait_until("messages come", LONG, || accounts(&engine, "plant").received > 200);
        let (status, rows) = engine.status();
        assert!(!status.history.keeping, "{place}");
        let problem = status.history.problem.expect("it says why");
        assert!(problem.contains(if place == "history.db" { "history" } else { "blocked" }), "{problem}");
        assert!(status.history.not_kept > 0, "{place}: what is not kept is counted");
        assert_eq!(rows[0].state, "live");
        let report = engine.stop();
        let books = report.accounts["plant"];
        assert!(books.balance() && books.in_flight == 0, "{books:?}");
        assert!(report.history_problem.is_some(), "{place}");

        let config = home.path("feeds.toml").display().to_string();
        let run = home.run(&["run", &config, "--for", "1s", "--json"]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.json()["history_problem"].is_string());
    }
}

/// Root may, but not in every container: `CAP_SYS_ADMIN` is bit 21.
fn may_mount() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set & (1 << 21) != 0)
}

/// A file system of so many bytes, as long as this lives. Only root can have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with the reason printed, for whom may not mount.
    fn mount(at: &Path, size: &str) -> Option<SmallDisk> {
        if !may_mount() {
            skip::because("this user may not mount a small file system");
            return None;
        }
        let option = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &option, "feedwatch-test"]).arg(at).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(SmallDisk(at.to_owned()));
        }
        skip::unless_ci("a small file system cannot be mounted");
        None
    }

    fn resize(&self, size: &str) {
        let option = format!("remount,size={size}");
        let done = Command::new("mount").args(["-o", &option]).arg(&self.0).status().expect("mount");
        assert!(done.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_counted_and_the_history_goes_on_when_there_is_room() {
    let home = Home::new();
    let place = home.path("disk");
    std::fs::create_dir(&place).expect("a folder");
    let Some(disk) = SmallDisk::mount(&place, "3m") else { return };
    let server = Server::start(ticks);
    let history = place.join("history.db").display().to_string();
    let engine = home
        .engine(&format!("[console]\nhistory = \"{history}\"\n[feed.plant.websocket]\nurl = \"{}\"\n", server.url()));
    let problem = wait_for("it says that history is not kept", 2 * LONG, || {
        let (status, rows) = engine.status();
        assert_eq!(rows.first().map(|row| row.accounts.rejected), Some(0));
        status.history.problem.filter(|_| !status.history.keeping)
    });
    assert!(problem.contains("full"), "{problem}");
    let received = accounts(&engine, "plant").received;
    wait_until("messages go on", LONG, || {
        let books = accounts(&engine, "plant");
        assert!(books.balance(), "{books:?}");
        books.received > received + 100
    });
    disk.resize("200m");
    wait_until("history is kept again", LONG, || engine.status().0.history.keeping);
    let stored = accounts(&engine, "plant").stored;
    wait_until("messages are stored again", LONG, || accounts(&engine, "plant").stored > stored);
    let report = engine.stop();
    let books = report.accounts["plant"];
    assert!(books.balance() && books.in_flight == 0, "{books:?}");
    assert_eq!(report.history_problem, None);
    drop(disk);
}

#[test]
fn the_end_does_not_wait_for_a_full_disk() {
    let home = Home::new();
    let place = home.path("disk");
    std::fs::create_dir(&place).expect("a folder");
    let Some(_disk) = SmallDisk::mount(&place, "3m") else { return };
    let lines: String = (0..300_000).map(|number| format!("{{\"seq\":{number},\"level\":{}}}\n", number % 7)).collect();
    let capture = home.write("capture.jsonl", &lines);
    let (history, capture) = (place.join("history.db"), capture.display().to_string());
    let engine = home
        .engine(&format!("[console]\nhistory = \"{}\"\n[feed.old.file]\npath = \"{capture}\"\n", history.display()));
    wait_until("the capture waits for the disk", 2 * LONG, || {
        let books = accounts(&engine, "old");
        !engine.status().0.history.keeping && books.in_flight > 65_536
    });
    // It used to wait for ever.
    let books = engine.stop().accounts["old"];
    assert!(books.balance() && books.received < 300_000, "{books:?}");
}
