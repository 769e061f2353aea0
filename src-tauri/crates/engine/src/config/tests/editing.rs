//! Adding and removing feeds.

use super::super::edit::{EditError, add_feed, remove_feed};
use super::super::*;
use super::read;

fn websocket(name: &str) -> FeedConfig {
    let source = SourceConfig::WebSocket(WebSocketConfig::new("wss://example/feed".parse().unwrap()));
    FeedConfig { title: Some("A \"good\" one\\".into()), ..FeedConfig::new(name, source) }
}

#[test]
fn an_added_feed_stands_at_the_end_and_says_only_what_is_not_default() {
    let text = "# mine\n[console]\nnotifications = false # quiet\n# the end\n";
    let added = add_feed(text, &websocket("spot.x")).unwrap();
    let table = r#"
[feed."spot.x"]
title = 'A "good" one\'
[feed."spot.x".websocket]
url = "wss://example/feed"
"#;
    assert_eq!(added, format!("{text}{table}"));
    assert_eq!(remove_feed(&added, "spot.x").unwrap(), text);
}

#[test]
fn everything_a_feed_says_is_written() {
    let text = "[feed.a]\ntitle = \"A\"\n[feed.a.websocket]\nurl = \"wss://a/\"\nheaders = { X-Api = \"v1\", \"!\" = { env = \"K\" } }\nbearer = { file = \"/t\" }\nsubprotocols = [\"v1\"]\nsubscribe = ['''a\nb''']\nping = { every = \"1500ms\", text = \"\" }\nmax_message = \"1MiB\"\nconnect_timeout = \"90s\"\nidle_timeout = \"never\"\n[feed.a.limits]\nseries = 1\ninbox_messages = 2\ninbox_bytes = \"3MiB\"\n";
    let config = read(text);
    assert_eq!(read(&add_feed("", &config.feeds[0]).unwrap()).feeds, config.feeds);
}

#[test]
fn a_feed_cannot_be_added_twice_or_broken() {
    let text = add_feed("", &websocket("a")).unwrap();
    assert!(matches!(add_feed(&text, &websocket("a")), Err(EditError::Exists(name)) if name == "a"));
    assert!(matches!(add_feed("", &websocket("not a name")), Err(EditError::Invalid(_))));
    assert!(matches!(add_feed("nonsense", &websocket("a")), Err(EditError::Broken(_))));
    assert!(matches!(add_feed("feed = {}\n", &websocket("a")), Err(EditError::Unusual(_))));
    assert!(matches!(remove_feed(&text, "b"), Err(EditError::Absent(name)) if name == "b"));
}

#[test]
fn a_feed_goes_with_its_own_comments_and_leaves_the_others() {
    let text = r#"# The console of the plant.

# Prices: ask Ann.
[feed.spot.websocket]     # the fast one
url = "wss://spot/"       # paid until May
subscribe = ["""
# not a comment
[feed.plant]
"""]

# The plant.
[feed.plant.sse]
url = "https://plant/"

[feed.spot.limits]
series = 9

# That is all.
"#;
    let left = r#"# The console of the plant.

# The plant.
[feed.plant.sse]
url = "https://plant/"

# That is all.
"#;
    assert_eq!(remove_feed(text, "spot").unwrap(), left);
}

#[test]
fn the_last_feed_can_be_removed() {
    assert_eq!(remove_feed("[feed.a.file]\npath = \"x\"\n\n# tail\n", "a").unwrap(), "# tail\n");
    assert_eq!(remove_feed("[feed.a.file]\npath = \"x\"", "a").unwrap(), "");
}

#[test]
fn a_feed_in_any_form_can_be_removed() {
    for text in [
        "[feed]\na = { file = { path = \"x\" } } # a\nb = { file = { path = \"y\" } } # b\n",
        "feed.a.file.path = \"x\"\nfeed.b.file.path = \"y\"\n",
        "feed = { a = { file = { path = \"x\" } }, b = { file = { path = \"y\" } } }\n",
        "[feed]\na.file.path = \"x\"\n[feed.b]\nfile.path = \"y\"\n",
        "[feed.a]\nfile.path = \"x\"\n[feed]\n[feed.b]\nfile.path = \"y\"\n",
    ] {
        let left = remove_feed(text, "a").unwrap();
        let names: Vec<String> = read(&left).feeds.into_iter().map(|feed| feed.name).collect();
        assert_eq!(names, ["b"], "{text} became {left}");
    }
}

#[test]
fn line_ends_of_the_other_sort_are_kept() {
    let text = "[console]\r\nnotifications = false\r\n";
    let added = add_feed(text, &websocket("a")).unwrap();
    assert!(!added.replace("\r\n", "").contains('\n'), "{added:?}");
    assert_eq!(remove_feed(&added, "a").unwrap(), text);
}

mod pinning {
    use feedwatch_decode::{PinnedSequence, PinnedTime, Pins};
    use feedwatch_model::{SequenceRule, TimeUnit};

    use super::super::super::edit::{EditError, set_pins};
    use super::read;

    fn keys(paths: &[&str]) -> Pins {
        Pins { keys: Some(paths.iter().map(|path| (*path).to_owned()).collect()), ..Pins::default() }
    }

    #[test]
    fn a_profile_stands_behind_the_feeds_other_tables_and_goes_as_it_came() {
        let text = "# mine\n[feed.a.file] # a\npath = \"x\"\n\n# b\n[feed.b.file]\npath = \"y\"\n";
        let pinned = set_pins(text, "a", &keys(&["/id"])).unwrap();
        assert_eq!(
            pinned,
            "# mine\n[feed.a.file] # a\npath = \"x\"\n[feed.a.profile]\nkeys = [\"/id\"]\n\n# b\n[feed.b.file]\npath = \"y\"\n"
        );
        assert_eq!(set_pins(&pinned, "a", &Pins::default()).unwrap(), text);
        assert_eq!(set_pins(&pinned, "a", &keys(&["/id"])).unwrap(), pinned);
        let open = set_pins("[feed.a.file]\npath = \"x\"", "a", &keys(&[])).unwrap();
        assert_eq!(open, "[feed.a.file]\npath = \"x\"\n[feed.a.profile]\nkeys = []\n");
    }

    #[test]
    fn what_is_not_changed_keeps_its_comments() {
        let text = "[feed.a.file]\npath = \"x\"\n# known since May\n[feed.a.profile]\n# names\nkeys = [\n  \"/id\", # the thing\n  \"/old\",\n  # and where\n  \"/site\",\n]\ntimes = [{ path = \"/ts\", unit = \"ms\" }] # sure\n# not this\nignore = [\"/x\"]\n\n[feed.b.file]\npath = \"y\"\n";
        let mut pins = read(text).feeds[0].pins.clone();
        pins.keys = Some(vec!["/id".to_owned(), "/site".to_owned(), "/line".to_owned()]);
        pins.ignored.clear();
        let rule = SequenceRule::PlusOne;
        let (paths, per, of, restarts) = (vec!["/n".to_owned()], vec![], vec![], vec![]);
        pins.sequences = Some(vec![PinnedSequence { paths, rule, modulus: None, per, of, restarts }]);
        let changed = set_pins(text, "a", &pins).unwrap();
        assert_eq!(
            changed,
            "[feed.a.file]\npath = \"x\"\n# known since May\n[feed.a.profile]\n# names\nkeys = [\n  \"/id\",\n  # and where\n  \"/site\",\n  \"/line\",\n]\ntimes = [{ path = \"/ts\", unit = \"ms\" }] # sure\n# not this\nsequence = [{ paths = [\"/n\"], rule = \"plus-one\" }]\n\n[feed.b.file]\npath = \"y\"\n"
        );
        pins.times = Some(vec![PinnedTime { path: "/ts".to_owned(), unit: TimeUnit::Micros, of: vec![] }]);
        let changed = set_pins(&changed, "a", &pins).unwrap();
        assert!(changed.contains("times = [{ path = \"/ts\", unit = \"us\" }] # sure\n"), "{changed}");
    }

    #[test]
    fn a_feed_in_any_form_can_be_pinned() {
        for text in [
            "[feed]\na = { file = { path = \"x\" } } # a\nb = { file = { path = \"y\" } } # b\n",
            "feed.a.file.path = \"x\"\nfeed.b.file.path = \"y\"\n",
            "feed = { a = { file = { path = \"x\" } }, b = { file = { path = \"y\" } } }\n",
            "[feed]\na.file.path = \"x\"\n[feed.b]\nfile.path = \"y\"\n",
            "[feed.a]\nfile.path = \"x\"\nprofile.keys = [\"/z\"]\n[feed.b]\nfile.path = \"y\"\n",
            "[feed.a]\nfile.path = \"x\"\nprofile = { keys = [\"/z\"] }\n[feed.b]\nfile.path = \"y\"\n",
            "\u{FEFF}[feed.a]\r\nfile.path = \"x\"\r\n[feed.b]\r\nfile.path = \"y\"\r\n",
        ] {
            let pinned = set_pins(text, "a", &keys(&["/id"])).unwrap();
            assert_eq!(read(&pinned).feeds[0].pins, keys(&["/id"]), "{pinned}");
            assert!(read(&pinned).feeds[1].pins.is_empty());
            let bare = set_pins(&pinned, "a", &Pins::default()).unwrap();
            assert!(read(&bare).feeds[0].pins.is_empty(), "{bare}");
        }
        assert!(matches!(set_pins("", "a", &Pins::default()), Err(EditError::Absent(_))));
    }
}
