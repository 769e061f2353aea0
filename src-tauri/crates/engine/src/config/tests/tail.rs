//! `[feed.NAME.tail]`.

use super::super::*;
use super::{read, said};

fn tail(text: &str) -> TailConfig {
    match read(text).feeds.pop().map(|feed| feed.source) {
        Some(SourceConfig::Tail(config)) => config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_is_enough_and_every_key_is_read() {
    assert_eq!(tail("[feed.a.tail]\npath = \"/var/log/a\"\n"), TailConfig::new("/var/log/a"));
    let all = tail("[feed.a.tail]\npath = \"logs/a.csv\"\nstart = \"beginning\"\nmax_message = \"1KiB\"\n");
    let expected =
        TailConfig { from_beginning: true, max_message: 1024, ..TailConfig::new("/etc/feedwatch/logs/a.csv") };
    assert_eq!(all, expected);
}

#[test]
fn what_is_wrong_is_told_with_its_cure() {
    assert_eq!(
        said("[feed.a.tail]\nstart = \"last\"\n[feed.b.tail]\npath = \" \"\n"),
        r#"feeds.toml:1:9: this table has no path
1 | [feed.a.tail]
  |         ^^^^
  help: add path = "/var/log/app.log"

feeds.toml:2:9: "last" says no start
2 | start = "last"
  |         ^^^^^^
  help: write "end" or "beginning"

feeds.toml:4:8: the path is empty
4 | path = " "
  |        ^^^
  help: write path = "/var/log/app.log""#
    );
}
