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
