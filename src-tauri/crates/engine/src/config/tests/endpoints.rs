//! Feeds with several endpoints.

use std::path::Path;
use std::time::Duration;

use feedwatch_ingest::{EndpointMode, EndpointRules};

use super::super::edit::{add_feed, remove_feed};
use super::super::*;
use super::read;

const PAIR: &str = r#"[feed.spot.websocket]
url = "wss://one.example/feed"

[feed.spot.backup.tokyo.websocket]
url = "wss://two.example/feed"
bearer = { env = "TOKYO_TOKEN" }

[feed.spot.backup."paris.2".sse]
url = "https://three.example/feed"

[feed.spot.endpoints]
mode = "redundant"
return_after = "1m"
window = "500ms"
drill = "sunday 03:00"
"#;

#[test]
fn further_endpoints_keep_the_order_of_the_file_and_have_all_keys_of_their_protocol() {
    let config = read(PAIR);
    let feed = &config.feeds[0];
    let names: Vec<&str> = feed.backups.iter().map(|backup| backup.name.as_str()).collect();
    assert_eq!(names, ["tokyo", "paris.2"]);
    assert_eq!(
        feed.sources().map(SourceConfig::protocol).map(|one| one.word()).collect::<Vec<_>>(),
        ["websocket", "websocket", "sse"]
    );
    let rules = EndpointRules {
        mode: EndpointMode::Redundant,
        return_after: Duration::from_secs(60),
        window: Duration::from_millis(500),
    };
    assert_eq!(feed.endpoints, Endpoints { rules, drill: Some(DrillEvery::At { day: 6, minute: 180 }) });
}

#[test]
fn each_endpoint_has_its_own_secrets() {
    let config = read(PAIR);
    let secrets = resolve_secrets(&config, &|name| (name == "TOKYO_TOKEN").then(|| "t0ken".to_owned())).unwrap();
    let credentials = secrets.of("spot");
    assert!(credentials.headers.is_empty() && credentials.backups[1].headers.is_empty());
    assert_eq!(credentials.backups[0].headers[0].1.expose(), "Bearer t0ken");
    let problems = resolve_secrets(&config, &|_| None).unwrap_err().to_string();
    assert!(problems.contains("feeds.toml:6:"), "it is told at its own line: {problems}");
}

#[test]
fn a_feed_with_endpoints_goes_with_all_of_its_tables() {
    let feed = read(PAIR).feeds.remove(0);
    let added = add_feed("# mine\n", &feed).unwrap();
    assert_eq!(parse(&added, Path::new("feeds.toml")).unwrap().feeds, [feed]);
    assert_eq!(remove_feed(&added, "spot").unwrap().trim(), "# mine");
}

#[test]
fn what_is_wrong_with_endpoints_is_told_with_its_place_and_cure() {
    let told = |text: &str| parse(text, Path::new("feeds.toml")).unwrap_err().to_string();
    let spot = "[feed.spot.websocket]\nurl = \"wss://a/\"\n";
    for (text, place, cure) in [
        ("[feed.spot.endpoints]\nmode = \"redundant\"\n", ":3:", "the feed has one endpoint only"),
        ("[feed.spot.endpoints]\nmode = \"both\"\n", ":4:8", "write \"failover\" or \"redundant\""),
        ("[feed.spot.endpoints]\ndrill = \"hourly\"\n", ":4:9", "\"sunday 03:00\""),
        ("[feed.spot.endpoints]\nreturn_after = \"1s\"\n", ":4:", "2s"),
        ("[feed.spot.endpoints]\nreturns_after = \"9s\"\n", ":4:1", "did you mean \"return_after\"?"),
        ("[feed.spot.backup.b.file]\npath = \"a.jsonl\"\n", ":3:", "a capture cannot stand in for a live endpoint"),
        ("[feed.spot.backup.b]\n", ":3:", "has no protocol"),
        ("[feed.spot.backup.\"a b\".sse]\nurl = \"https://a/\"\n", ":3:", "is no name for an endpoint"),
        ("[feed.spot.backup.preferred.sse]\nurl = \"https://a/\"\n", ":3:", "give the backup another name"),
        ("[feed.spot.backup.b.sse]\nurl = \"https://a/\"\nurls = 1\n", ":5:1", "did you mean \"url\"?"),
    ] {
        let problems = told(&format!("{spot}{text}"));
        assert!(problems.contains(place) && problems.contains(cure), "{text}\n{problems}");
    }
    let many: String = (0..9).map(|one| format!("[feed.spot.backup.b{one}.sse]\nurl = \"https://a/\"\n")).collect();
    assert!(told(&format!("{spot}{many}")).contains("at most 8 endpoints"));
}
