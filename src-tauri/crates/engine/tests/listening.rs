//! Listeners come and go while the engine works.

use std::sync::mpsc;
use std::time::Duration;

use feedwatch_engine::config::Paths;
use feedwatch_engine::{DemoMode, Engine, EngineOptions};

/// While so many messages come, the pipeline hands on its work many times.
const MESSAGES: u64 = 150;
/// Only an engine that stands still needs so long.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn listeners_that_come_at_any_moment_do_not_stop_the_engine() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().display().to_string();
    let paths = Paths::new(&|name| (name == "HOME").then(|| folder.clone())).unwrap();
    let options = EngineOptions::of_demo(DemoMode { seed: 1, faults: false }, paths);
    let engine = Engine::start(EngineOptions { notifications: false, ..options }).unwrap();
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        while engine.status().0.accounts.received < MESSAGES {
            engine.subscribe(Box::new(|_| false));
        }
        done.send(()).unwrap();
    });
    is_done.recv_timeout(PATIENCE).expect("the engine goes on");
}
