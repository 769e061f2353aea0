//! Feeds are added, removed and taken back: the file is written first, the engine follows, the demo gives way.

#![allow(clippy::unwrap_used)] // Its functions beside the tests are tests too.

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use feedwatch_engine::config::Paths;
use feedwatch_engine::wire::{NewFeed, PinsRow, ProfileRequest, ProfileView, Push, PushBody};
use feedwatch_engine::{Console, DemoMode, EngineOptions};

fn paths(home: &Path) -> Paths {
    let home = home.to_str().unwrap().to_owned();
    Paths::new(&move |name| (name == "HOME").then(|| home.clone())).unwrap()
}

fn capture(home: &Path, name: &str) -> NewFeed {
    let file = home.join(name);
    std::fs::write(&file, "{\"price\":1.5}\n{\"price\":2.5}\n").unwrap();
    NewFeed {
        address: file.display().to_string(),
        name: String::new(),
        title: "A capture".to_owned(),
        subscribe: Vec::new(),
        headers: Vec::new(),
        token_env: String::new(),
        starter: String::new(),
        found: String::new(),
        pins: None,
    }
}

fn demo(home: &Path) -> (Console, EngineOptions) {
    let options = EngineOptions {
        notifications: false,
        ..EngineOptions::of_demo(DemoMode { seed: 1, faults: false }, paths(home))
    };
    (Console::start(options.clone()).unwrap(), options)
}

/// Waits for a push that fits.
fn wait_for(pushes: &mpsc::Receiver<Push>, fits: impl Fn(&PushBody) -> bool) {
    while let Ok(push) = pushes.recv_timeout(Duration::from_secs(20)) {
        if fits(&push.body) {
            return;
        }
    }
    panic!("nothing like it was pushed");
}

#[test]
fn the_first_feed_takes_the_demos_place_and_undo_brings_the_demo_back() {
    let home = tempfile::tempdir().unwrap();
    let (console, options) = demo(home.path());
    let (sender, pushes) = mpsc::channel();
    let sender = Mutex::new(sender);
    console.subscribe(Arc::new(move |push| sender.lock().unwrap().send(push).is_ok()));
    wait_for(&pushes, |body| matches!(body, PushBody::Snapshot { status } if status.demo));

    let change = console.add_feed(&capture(home.path(), "prices.jsonl")).unwrap();
    assert_eq!(change.config_path, options.config_path.display().to_string());
    assert!(std::fs::read_to_string(&options.config_path).unwrap().contains("A capture"));
    wait_for(&pushes, |body| matches!(body, PushBody::Snapshot { status } if !status.demo));
    assert_eq!(console.engine().unwrap().feed_names(), [change.name.as_str()]);
    assert!(options.paths.data.join("demo.db").exists(), "the demo's history stays its own");

    console.undo_feed_change(&change.undo).unwrap();
    assert!(!options.config_path.exists(), "there was no file before");
    wait_for(&pushes, |body| matches!(body, PushBody::Snapshot { status } if status.demo));
    console.stop();
}

#[test]
fn further_feeds_come_and_go_without_touching_the_others() {
    let home = tempfile::tempdir().unwrap();
    let (console, options) = demo(home.path());
    let first = console.add_feed(&capture(home.path(), "one.jsonl")).unwrap();
    let engine = console.engine().unwrap();
    let second = console.add_feed(&capture(home.path(), "two.jsonl")).unwrap();
    assert!(Arc::ptr_eq(&engine, &console.engine().unwrap()), "the engine went on");
    assert_eq!(engine.feed_names(), [first.name.clone(), second.name.clone()]);

    let removed = console.remove_feed(&second.name).unwrap();
    assert_eq!(engine.feed_names(), [first.name.as_str()]);
    assert!(!std::fs::read_to_string(&options.config_path).unwrap().contains("two.jsonl"));
    console.undo_feed_change(&removed.undo).unwrap();
    assert_eq!(engine.feed_names(), [first.name, second.name]);
    assert!(console.undo_feed_change(&removed.undo).is_err(), "what was taken back cannot be taken back again");
    drop(engine);
    console.stop();
}

/// Asks until the feed's profile is as it is waited for.
fn profile(console: &Console, fits: impl Fn(&ProfileView) -> bool) -> ProfileView {
    for _ in 0..400 {
        let engine = console.engine().unwrap();
        let feed = engine.status().1.first().map_or(0, |row| row.id);
        if let Ok(view) = console.profile(&ProfileRequest { feed, find: String::new() })
            && fits(&view)
        {
            return view;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("the profile never came to be so");
}

#[test]
fn a_feed_is_pinned_as_learned_learns_the_same_and_undo_takes_it_back() {
    let home = tempfile::tempdir().unwrap();
    let line = |at: u64| {
        let (id, ts) = (["A", "B"][at as usize % 2], 1_772_366_400_000 + at * 20);
        format!(r#"{{"sensor":"{id}","seq":{},"ts":{ts},"celsius":{}.5}}"#, at / 2, 20 + at % 5)
    };
    std::fs::write(home.path().join("sensors.jsonl"), (0..400).map(line).collect::<Vec<_>>().join("\n")).unwrap();
    // With a history a capture that was read would not be read again.
    let text = "# quiet\n[console]\nkeep_history = false\nnotifications = false\n\n[feed.sensors.file] # the hall\npath = \"sensors.jsonl\"\n\n# others\n[feed.other.file]\npath = \"sensors.jsonl\"\n";
    let file = home.path().join("feeds.toml");
    std::fs::write(&file, text).unwrap();
    let config = feedwatch_engine::config::load(&file).unwrap();
    let options = EngineOptions::of_config(config, file, paths(home.path()));
    let console = Console::start(options.clone()).unwrap();

    let view = profile(&console, |view| view.messages == 400);
    assert_eq!((view.name.as_str(), view.note.as_str(), view.fixed.as_str()), ("sensors", "", ""));
    assert_eq!(view.pins, PinsRow::default());
    let learned = view.learned.clone();
    assert_eq!(learned.keys.as_deref(), Some(&["/sensor".to_owned()][..]));
    let series: Vec<(&str, &str)> = learned.series.iter().map(|one| (one.path.as_str(), one.unit.as_str())).collect();
    assert_eq!(series, [("/celsius", "°C")]);
    let rule = &learned.sequence.as_ref().unwrap()[0];
    assert_eq!(
        (rule.paths.join(" "), rule.rule.as_str(), rule.per.join(" ")),
        ("/seq".into(), "plus-one", "/sensor".into())
    );
    assert_eq!(view.sequence[0].held, "held on 398 of 398 pairs");

    let (sender, pushes) = mpsc::channel();
    let sender = Mutex::new(sender);
    console.subscribe(Arc::new(move |push| sender.lock().unwrap().send(push).is_ok()));
    let change = console.set_profile("sensors", &learned).unwrap();
    let pinned = std::fs::read_to_string(&options.config_path).unwrap();
    let (before, behind) = text.split_once("\n# others").unwrap();
    assert!(pinned.starts_with(before) && pinned.contains("[feed.sensors.profile]\n"), "{pinned}");
    assert!(pinned.ends_with(behind), "{pinned}");
    assert_eq!(console.engine().unwrap().feed_names(), ["sensors", "other"], "it keeps its place");
    let again = profile(&console, |view| view.messages == 400 && view.pins != PinsRow::default());
    assert_eq!((&again.pins, &again.learned), (&learned, &learned));
    assert_eq!(
        (again.times, again.keys, again.sequence, again.series),
        (view.times, view.keys, view.sequence, view.series)
    );
    let mut told = 0;
    while let Ok(push) = pushes.try_recv() {
        if let PushBody::Feeds { total, .. } = push.body {
            told += 1;
            assert_eq!(total, 2, "it is never missing from the list");
        }
    }
    assert!(told > 0);
    let same = console.set_profile("sensors", &learned).unwrap_err();
    assert_eq!(same.code, "bad_request");

    let mut wrong = learned.clone();
    wrong.series[0].low = "cold".to_owned();
    let failure = console.set_profile("sensors", &wrong).unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.message.as_str()),
        ("pins", "\"low\" should be a number, but is a text.")
    );
    assert_eq!(std::fs::read_to_string(&options.config_path).unwrap(), pinned);

    console.undo_feed_change(&change.undo).unwrap();
    assert_eq!(std::fs::read_to_string(&options.config_path).unwrap(), text);
    profile(&console, |view| view.messages == 400 && view.pins == PinsRow::default());
    console.stop();
}

#[test]
fn what_is_pinned_before_a_feed_is_added_stands_in_the_configuration() {
    let home = tempfile::tempdir().unwrap();
    let (console, options) = demo(home.path());
    let demo = console.profile(&ProfileRequest::default());
    let demo = demo.map(|view| view.fixed).unwrap_or_default();
    assert!(demo.contains("The demo's feeds stand in no configuration"), "{demo}");
    assert_eq!(console.set_profile("spot", &PinsRow::default()).unwrap_err().code, "bad_request");
    let pins = |path: &str| PinsRow { keys: Some(vec![path.to_owned()]), ..PinsRow::default() };
    let wrong = NewFeed { pins: Some(pins("id")), ..capture(home.path(), "one.jsonl") };
    let failure = console.add_feed(&wrong).unwrap_err();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("pins", "\"id\" is no path."));
    assert!(!options.config_path.exists());
    let change = console.add_feed(&NewFeed { pins: Some(pins("/id")), ..wrong }).unwrap();
    assert!(std::fs::read_to_string(&options.config_path).unwrap().contains("keys = [\"/id\"]"));
    let view = profile(&console, |view| view.pins == pins("/id"));
    assert_eq!(view.name, change.name);
    console.stop();
}

#[test]
fn what_cannot_be_added_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (console, options) = demo(home.path());
    let wrong = NewFeed { address: "example.com/feed".to_owned(), ..capture(home.path(), "one.jsonl") };
    assert_eq!(console.add_feed(&wrong).unwrap_err().code, "bad_request");
    let unset = "FEEDWATCH_TEST_NO_SUCH_TOKEN".to_owned();
    let address = "ws://127.0.0.1:9/".to_owned();
    let failure = console.understand(&NewFeed { address, token_env: unset, ..wrong }).unwrap_err();
    assert_eq!(failure.message, "The variable \"FEEDWATCH_TEST_NO_SUCH_TOKEN\" is not set.");
    assert!(!options.config_path.exists());
    assert_eq!(console.remove_feed("prices").unwrap_err().code, "bad_request", "the demo's feeds are not in a file");
    assert!(console.undo_feed_change("{}").is_err());
    console.stop();
}

#[test]
fn a_token_of_an_address_is_kept_in_a_file_of_its_owner_and_nowhere_else() {
    let home = tempfile::tempdir().unwrap();
    let (console, options) = demo(home.path());
    let address = "ws://127.0.0.1:9/feed?depth=5&token=s3cr3t".to_owned();
    let change = console.add_feed(&NewFeed { address, ..capture(home.path(), "one.jsonl") }).unwrap();
    let text = std::fs::read_to_string(&options.config_path).unwrap();
    assert!(text.contains("feed?depth=5") && text.contains("token = { file = ") && !text.contains("s3cr3t"), "{text}");
    let folder = options.config_path.parent().unwrap().join("secrets");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "s3cr3t\n");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let (status, rows) = console.engine().unwrap().status();
    assert!(!format!("{status:?}{rows:?}").contains("s3cr3t"));
    console.undo_feed_change(&change.undo).unwrap();
    assert!(!file.exists());
    console.stop();
}
