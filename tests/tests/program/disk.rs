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

/// A file system of so many bytes, as long as this lives. Only root can have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Option<SmallDisk> {
        let option = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &option, "feedwatch-test"]).arg(at).status();
        mounted.is_ok_and(|status| status.success()).then(|| SmallDisk(at.to_owned()))
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
    let Some(disk) = SmallDisk::mount(&place, "3m") else {
        if rustix::process::geteuid().is_root() {
            skip::unless_ci("root cannot mount a small file system here");
        } else {
            skip::because("only root can mount a small file system");
        }
        return;
    };
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
