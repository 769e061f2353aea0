//! Each message as a person sees it.

use std::path::Path;

use super::super::parse;
use super::said;

#[test]
fn a_misspelt_key_is_told_with_its_place_and_cure() {
    let text = "[console]\nkeep_history = true\n\n[feed.spot.websocket]\n  ulr = \"wss://example/feed\"\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:5:3: unknown key "ulr"
5 |   ulr = "wss://example/feed"
  |   ^^^
  help: did you mean "url"?"#
    );
}

#[test]
fn a_missing_address_is_told_at_its_table() {
    assert_eq!(
        said("[feed.spot.websocket]\n[feed.old.file]\n"),
        r#"feeds.toml:1:12: this table has no url
1 | [feed.spot.websocket]
  |            ^^^^^^^^^
  help: add url = "wss://host/path"

feeds.toml:2:11: this table has no path
2 | [feed.old.file]
  |           ^^^^
  help: add path = "capture.jsonl""#
    );
}

#[test]
fn a_key_like_no_other_is_told_what_is_known() {
    assert_eq!(
        said("[feed.old.file]\npath = \"a\"\ncolour = 1\n"),
        r#"feeds.toml:3:1: unknown key "colour"
3 | colour = 1
  | ^^^^^^
  help: known here: "path""#
    );
}

#[test]
fn a_bare_number_is_told_to_add_a_unit() {
    let text =
        "[feed.a.websocket]\nurl = \"wss://a/\"\nconnect_timeout = 10\nidle_timeout = \"90\"\nmax_message = 16\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:3:19: "connect_timeout" has no unit
3 | connect_timeout = 10
  |                   ^^
  help: add a unit: connect_timeout = "10s"

feeds.toml:4:16: "90" has no unit
4 | idle_timeout = "90"
  |                ^^^^
  help: add a unit: idle_timeout = "90s"

feeds.toml:5:15: "max_message" has no unit
5 | max_message = 16
  |               ^^
  help: add a unit: max_message = "16MiB""#
    );
}

#[test]
fn an_unknown_unit_is_named() {
    let text = "[console]\nkeep_messages = \"64 mb\"\n[feed.a.sse]\nurl = \"http://a/\"\nidle_timeout = \"soon\"\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:2:17: "64 mb" has the unknown unit "mb"
2 | keep_messages = "64 mb"
  |                 ^^^^^^^
  help: write it like "64MiB" or "500kB"

feeds.toml:5:16: "soon" is no whole number with a unit
5 | idle_timeout = "soon"
  |                ^^^^^^
  help: write it like "250ms", "10s" or "1h30m""#
    );
}

#[test]
fn what_could_never_work_is_refused() {
    let text = "[feed.a.websocket]\nurl = \"wss://a/\"\nconnect_timeout = \"0s\"\nmax_message = \"0B\"\n[feed.a.limits]\nseries = 0\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:3:19: "connect_timeout" must lie between 1ms and 1h
3 | connect_timeout = "0s"
  |                   ^^^^

feeds.toml:4:15: "max_message" must lie between 1B and 1GiB
4 | max_message = "0B"
  |               ^^^^

feeds.toml:6:10: "series" must lie between 1 and 1000000
6 | series = 0
  |          ^
  help: write series = 5000"#
    );
}

#[test]
fn a_message_that_cannot_wait_anywhere_is_refused() {
    let text = "[feed.a.websocket]\nurl = \"wss://a/\"\n[feed.a.limits]\ninbox_bytes = \"1MiB\"\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:3:1: a message of 16MiB (max_message) could never wait in an inbox of 1MiB (inbox_bytes)
3 | [feed.a.limits]
  | ^^^^^^^^^^^^^^^
  help: lower max_message to "1MiB", or raise inbox_bytes"#
    );
}

#[test]
fn wrong_types_are_told_what_is_right() {
    let text = "[console]\nkeep_history = \"yes\"\nhistory = 7\n[feed.a]\ntitle = true\n[feed.a.websocket]\nurl = \"wss://a/\"\nsubscribe = [\"x\", 5]\nping = \"30s\"\n[feed.b]\nsse = 3\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:2:16: "keep_history" should be true or false, but is a text
2 | keep_history = "yes"
  |                ^^^^^
  help: write keep_history = true

feeds.toml:3:11: "history" should be a text, but is a whole number
3 | history = 7
  |           ^
  help: write history = "..."

feeds.toml:5:9: "title" should be a text, but is true or false
5 | title = true
  |         ^^^^
  help: write title = "..."

feeds.toml:8:19: "subscribe" should be a list of texts, but this is a whole number
8 | subscribe = ["x", 5]
  |                   ^
  help: write subscribe = ["..."]

feeds.toml:9:8: "ping" should be a table, but is a text
9 | ping = "30s"
  |        ^^^^^
  help: write ping = { ... }

feeds.toml:11:7: "sse" should be a table, but is a whole number
11 | sse = 3
   |       ^
   help: write sse = { ... }"#
    );
}

#[test]
fn the_address_must_be_one_of_the_protocol() {
    let text = "[feed.a.websocket]\nurl = \"https://example/feed\"\n[feed.b.sse]\nurl = \"ftp://example/feed\"\n[feed.c.sse]\nurl = \"example\"\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:2:7: the address of a websocket feed begins with wss:// or ws://, not https://
2 | url = "https://example/feed"
  |       ^^^^^^^^^^^^^^^^^^^^^^
  help: name the table [feed.a.sse], or write wss://...

feeds.toml:4:7: the address of an sse feed begins with https:// or http://, not ftp://
4 | url = "ftp://example/feed"
  |       ^^^^^^^^^^^^^^^^^^^^
  help: write url = "https://host/path"

feeds.toml:6:7: this is no address: relative URL without a base
6 | url = "example"
  |       ^^^^^^^^^
  help: write url = "https://host/path""#
    );
}

#[test]
fn a_feed_has_exactly_one_protocol() {
    let text = "[feed.a]\ntitle = \"A\"\n[feed.b.sse]\nurl = \"http://b/\"\n[feed.b.file]\npath = \"b\"\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:1:7: feed "a" has no protocol
1 | [feed.a]
  |       ^
  help: add a table [feed.a.websocket] with url = "wss://..." (or sse, poll, webhook, mqtt, nats, kafka, amqp, lines, tail, file)

feeds.toml:5:9: feed "b" has more than one protocol: sse, file
5 | [feed.b.file]
  |         ^^^^
  help: keep one, and make the other a feed of its own"#
    );
}

#[test]
fn a_protocol_misspelt_is_one_problem() {
    let text = "[feed.a.mqqt]\nurl = \"mqtt://a/\"\n[feed.b.sse]\nurl = \"http://b/\"\n[feed.b.backup.x.websockt]\nurl = \"ws://b/\"\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:1:9: unknown key "mqqt"
1 | [feed.a.mqqt]
  |         ^^^^
  help: did you mean "mqtt"?

feeds.toml:5:18: unknown key "websockt"
5 | [feed.b.backup.x.websockt]
  |                  ^^^^^^^^
  help: did you mean "websocket"?"#
    );
    let limits = "[feed.a.limits]\n[feed.b.lmits]\n";
    assert!(said(limits).contains("feed \"a\" has no protocol"), "{}", said(limits));
}

#[test]
fn a_name_given_twice_is_told_at_the_second_one() {
    let text = "[feed.spot.file]\npath = \"a\"\n[feed.spot.file]\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:3:12: "file" is defined twice
3 | [feed.spot.file]
  |            ^^^^
  help: rename one of them, or merge the two"#
    );
}

#[test]
fn a_name_with_a_dot_that_is_not_quoted_is_told_so() {
    assert_eq!(
        said("[feed.plant.floor.websocket]\nurl = \"wss://a/\"\n"),
        r#"feeds.toml:1:13: unknown key "floor"
1 | [feed.plant.floor.websocket]
  |             ^^^^^
  help: a name with dots is quoted: [feed."plant.floor"]"#
    );
}

#[test]
fn a_name_nobody_could_type_is_refused() {
    let cure = "use 1 to 64 of: letters a to z, digits, - _ . (title = \"...\" takes any text)";
    assert_eq!(
        said("[feed.\"Spot prices\".file]\npath = \"a\"\n"),
        format!(
            "feeds.toml:1:7: \"Spot prices\" is no name for a feed\n1 | [feed.\"Spot prices\".file]\n  |       ^^^^^^^^^^^^^\n  help: {cure}"
        )
    );
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let text = "[feed.spot.websocket]\nurl = \"wss://a/\"\nbearer = \"s3cr3t\"\nheaders = { X-Api-Key = \"s3cr3t\", X-Api = \"v1\" }\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:3:10: a secret must not stand in the configuration file
3 | bearer = ********
  |          ^^^^^^^^
  help: write bearer = { env = "SPOT_TOKEN" } or { file = "token.txt" }

feeds.toml:4:25: a secret must not stand in the configuration file
4 | headers = { X-Api-Key = ********, X-Api = "v1" }
  |                         ^^^^^^^^
  help: write X-Api-Key = { env = "SPOT_X_API_KEY" }"#
    );
}

#[test]
fn a_secret_without_the_name_it_is_sent_under_is_told_the_right_form() {
    let text = "[feed.spot.websocket]\nurl = \"wss://a/\"\nquery = { env = \"TOK\" }\nheaders = { env = \"TOK\" }\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:3:17: "query" says where a secret is kept, but not the name of its parameter
3 | query = { env = ***** }
  |                 ^^^^^
  help: write query = { token = { env = "SPOT_TOKEN" } }

feeds.toml:4:19: "headers" says where a secret is kept, but not the name of its header
4 | headers = { env = ***** }
  |                   ^^^^^
  help: write headers = { "X-Api-Key" = { env = "SPOT_X_API_KEY" } }"#
    );
    let file = "[feed.spot.sse]\nurl = \"https://a/\"\n[feed.spot.sse.query]\nfile = \"t\"\nencoded = true\n";
    assert!(said(file).ends_with("help: write query = { token = { file = \"token.txt\" } }"), "{}", said(file));
    // Odd names, but names.
    let named = "[feed.spot.sse]\nurl = \"https://a/\"\nquery = { env = { env = \"A\" } }\nheaders = { env = { file = \"a\" } }\n";
    assert!(parse(named, Path::new("")).is_ok());
}

#[test]
fn the_right_form_of_a_secret_is_right() {
    let socket = "[feed.spot.websocket]\nurl = \"wss://a/\"\n";
    for wrong in [
        "query = { env = \"T\" }",
        "query = { file = \"t\" }",
        "headers = { env = \"T\" }",
        "headers = { file = \"t\" }",
    ] {
        let said = said(&format!("{socket}{wrong}\n"));
        let (_, form) = said.split_once("help: write ").unwrap();
        assert!(parse(&format!("{socket}{form}\n"), Path::new("")).is_ok(), "{form}");
    }
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    let text =
        said("[feed.spot.sse]\nurl = \"https://ann:s3cr3t@host/\"\n[feed.b.sse]\nurl = \"https://ann:s3cr3t@:x/\"\n");
    assert!(text.starts_with("feeds.toml:2:7: a name or password must not stand in the address\n"), "{text}");
    assert!(text.contains("headers = { Authorization = { env = \"SPOT_AUTHORIZATION\" } }"), "{text}");
    assert!(!text.contains("s3cr3t"), "{text}");
}

#[test]
fn a_secret_in_the_address_is_refused_with_the_cure_and_not_repeated() {
    assert_eq!(
        said("[feed.spot.websocket]\nurl = \"wss://a/?n=1&api_key=s3cr3t\"\n"),
        r#"feeds.toml:2:7: "api_key" is a secret, which must not stand in the address
2 | url = *****************************
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  help: take it out, and write query = { api_key = { env = "SPOT_API_KEY" } }"#
    );
    assert!(parse("[feed.a.sse]\nurl = \"https://a/?code=BTC&keyword=oil\"\n", Path::new("")).is_ok());
}

#[test]
fn whatever_is_wrong_with_a_line_its_secret_is_not_shown() {
    let socket = "[feed.a.websocket]\nurl = \"wss://a/\"\n";
    for (text, said_of_it) in [
        ("[feed.a.sse]\nurl = \"wss://h/feed?token=s3cr3t#x\"\n".to_owned(), "begins with https://"),
        ("[feed.a.sse]\nurl = \"https://h/feed?token=s3cr3t#x\"\n".to_owned(), "behind # is never sent"),
        ("[feed.a.sse]\nurl = \"https://:x/feed?odd=s3cr3t\"\n".to_owned(), "this is no address"),
        ("[feed.a.sse]\nurl = \"ann:s3cr3t@h/\"\n".to_owned(), "begins with https://"),
        ("[feed.a.sse]\nulr = \"https://h/?odd=s3cr3t\"\n".to_owned(), "unknown key \"ulr\""),
        (format!("{socket}baerer = \"s3cr3t\"\n"), "unknown key \"baerer\""),
        (format!("{socket}headers = {{ X-Key = \"s3cr3t\", \"a b\" = \"1\" }}\n"), "\"a b\" is no name"),
        (format!("{socket}query = {{ odd = \"s3cr3t\", t = 5 }}\n"), "should say where"),
        (format!("{socket}query = \"odd=s3cr3t\"\n"), "should be"),
        (format!("{socket}headers = \"X-Key: s3cr3t\"\n"), "should be"),
        (format!("{socket}headers = [\"X-Key: s3cr3t\"]\n"), "should be"),
        (format!("{socket}query = \"odd=s3cr3t\n"), "this is not TOML"),
        (format!("{socket}headers = \"X-Odd: s3cr3t\n"), "this is not TOML"),
        (format!("{socket}bearer = {{ env = \"s3cr3t=\" }}\n"), "no name for a variable"),
        ("feed.a = { sse = { url = \"https://h/?odd=s3cr3t\", ort = 1 } }\n".to_owned(), "unknown key \"ort\""),
        ("[feed.a.sse]\nurl = \"https://h/?odd=s3cr3t\n".to_owned(), "this is not TOML"),
        (format!("{socket}bearer = s3cr3t\n"), "this is not TOML"),
        (format!("{socket}headers = {{ X-Key = \"s3cr3t }}\n"), "this is not TOML"),
    ] {
        let said = said(&text);
        assert!(said.contains(said_of_it) && !said.contains("s3cr3t"), "{said}");
    }
}

#[test]
fn what_is_no_secret_is_shown_though_its_key_is_like_one() {
    let said = said("[feed.a.websocket]\nurl = \"wss://a/\"\nping = { every = \"30\", text = \"\" }\n");
    assert!(said.contains("every = \"30\""), "{said}");
}

#[test]
fn headers_are_checked_before_they_are_sent() {
    let text = "[feed.a.websocket]\nurl = \"wss://a/\"\n[feed.a.websocket.headers]\n\"a b\" = \"1\"\nHost = \"b\"\nX-A = \"1\"\nx-a = \"2\"\nX-B = \"1\\r\\nX-C: 2\"\nX-D = { env = \"A\", file = \"b\" }\nX-E = 5\n";
    assert_eq!(
        said(text),
        r#"feeds.toml:4:1: "a b" is no name for a header
4 | "a b" = "1"
  | ^^^^^
  help: use letters, digits and hyphens

feeds.toml:5:1: header "Host" is written by the protocol itself
5 | Host = "b"
  | ^^^^
  help: take it out

feeds.toml:7:1: header "x-a" is given twice
7 | x-a = "2"
  | ^^^
  help: header names do not tell capitals apart: keep one

feeds.toml:8:7: header "X-B" has characters that cannot be sent
8 | X-B = "1\r\nX-C: 2"
  |       ^^^^^^^^^^^^^
  help: use printable ASCII

feeds.toml:9:7: "X-D" needs one of env, file, keyring and command
9 | X-D = { env = "A", file = "b" }
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^
  help: write X-D = { env = "A_TOKEN" } or { file = "token.txt" }

feeds.toml:10:7: "X-E" should say where the secret is kept
10 | X-E = *
   |       ^
   help: write X-E = { env = "A_TOKEN" } or { file = "token.txt" }"#
    );
}

#[test]
fn every_syntax_error_is_told() {
    assert_eq!(
        said("[console]\nkeep_history = maybe\nhistory =\n"),
        r#"feeds.toml:2:16: this is not TOML: string values must be quoted, expected literal string
2 | keep_history = maybe
  |                ^^^^^

feeds.toml:3:10: this is not TOML: string values must be quoted, expected literal string
3 | history =
  |          ^"#
    );
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        said("[feed.a]\n\"Größe\" = 1\nfile = { path = \"ä\", ort = 1 }\n"),
        r#"feeds.toml:2:1: unknown key "Größe"
2 | "Größe" = 1
  | ^^^^^^^
  help: known here: "title", "format", "websocket", "sse", "file", "kafka", "amqp", "mqtt", "nats", "poll", "webhook", "tail", "lines", "backup", "endpoints", "limits", "profile", "signature"

feeds.toml:3:22: unknown key "ort"
3 | file = { path = "ä", ort = 1 }
  |                      ^^^
  help: known here: "path""#
    );
}

#[test]
fn a_long_line_is_shown_around_the_place() {
    let text = format!("[feed.a]\nfile = {{ path = \"{}\", ort = 1 }}\n", "x".repeat(5000));
    let said = said(&text);
    assert!(said.starts_with("feeds.toml:2:5021: unknown key \"ort\""), "{said}");
    assert!(said.lines().all(|line| line.chars().count() < 140), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[1].find("ort"), lines[2].find('^'), "{said}");
}

#[test]
fn nothing_a_terminal_would_obey_is_printed() {
    let said = said("[feed.a]\n\"\\u001b[2J\" = 1 # \u{202E}txet\n");
    assert!(!said.contains(['\u{1b}', '\u{202E}']), "{said:?}");
}

#[test]
fn problems_go_to_json_without_the_excerpt() {
    let problems = parse("[feed.a.file]\npth = \"a\"\npath = \"b\"\n", Path::new("feeds.toml")).unwrap_err();
    assert_eq!(
        serde_json::to_string(&problems).unwrap(),
        r#"[{"file":"feeds.toml","line":2,"column":1,"message":"unknown key \"pth\"","cure":"did you mean \"path\"?"}]"#
    );
}

#[test]
fn a_rate_says_one_thing() {
    let limits = |rate: &str| said(&format!("[feed.a.file]\npath = \"x\"\n[feed.a.limits]\nrate = {rate}\n"));
    for (rate, message) in [
        ("{}", "\"rate\" says no limit"),
        ("{ every = 10, at_most = 5 }", "\"rate\" says more than one limit"),
        ("{ every = 1 }", "\"every\" must lie between 2 and 1000000"),
        ("{ conflate = \"2h\" }", "\"conflate\" must lie between"),
        ("{ evry = 2 }", "did you mean \"every\"?"),
    ] {
        let told = limits(rate);
        assert!(told.contains(message), "{rate}: {told}");
    }
}
