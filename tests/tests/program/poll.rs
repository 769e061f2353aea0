//! Polling, against nginx and against an exporter of Python's `prometheus_client`.

use feedwatch_model::Time;
use feedwatch_store::StoredMessage;
use feedwatch_tests::home::Home;
use feedwatch_tests::nginx::{Nginx, TOKEN};
use feedwatch_tests::python::serve;
use feedwatch_tests::skip;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, says, settled, state};
use serde_json::Value;

const MISSING: &str = "nginx has no nchan, which `scripts/setup test` installs";

/// A state of which nginx knows that it changed: its tag is made of time and size.
fn state_of(seq: u64) -> String {
    format!("{{\"seq\":{seq},\"level\":{},\"filler\":\"{}\"}}", 20 + seq % 5, "x".repeat(100 + seq as usize))
}

fn kept(home: &Home) -> Vec<StoredMessage> {
    let reader = home.reader();
    let feed = reader.feeds().expect("feeds").first().expect("a feed").id;
    reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages")
}

#[test]
fn a_document_is_polled_for_what_changed_and_again_after_its_server_was_killed() {
    let Some(mut nginx) = Nginx::start() else { return skip::unless_ci(MISSING) };
    nginx.write("state.json", &state_of(1));
    let home = Home::new();
    let engine = home.engine(&format!(
        "[feed.plant.poll]\nurl = \"http://127.0.0.1:{}/state.json\"\nevery = \"100ms\"\n",
        nginx.port
    ));
    // Each state is a message, and one that stays the same is none, for longer than there are questions on a connection.
    for seq in 1..=30 {
        nginx.write("state.json", &state_of(seq));
        settled(&engine, "plant", seq);
    }
    nginx.kill();
    state(&engine, "plant", "down");
    says(&engine, "plant", "Nothing listens at 127.0.0.1:");
    nginx.write("state.json", &state_of(31));
    nginx.start_again();
    let books = settled(&engine, "plant", 31);
    state(&engine, "plant", "live");
    assert_eq!((books.stored, books.duplicate, books.rejected), (books.received, 0, 0), "{books:?}");
    let report = engine.stop();
    let gaps: Vec<_> = report.gaps.iter().map(|gap| gap.cause).collect();
    assert_eq!(gaps, ["disconnected"], "closed connections between two questions are no gap: {:#?}", report.gaps);
    let checks: Vec<_> = report.findings.iter().map(|found| found.check.word()).collect();
    assert!(checks.iter().all(|check| *check == "connection"), "no silence, no loss: {:#?}", report.findings);

    let messages = kept(&home);
    let seqs: Vec<u64> = messages
        .iter()
        .map(|message| serde_json::from_slice::<Value>(&message.payload).expect("JSON")["seq"].as_u64().expect("it"))
        .collect();
    assert_eq!(seqs, (1..=31).collect::<Vec<_>>(), "inflated from gzip, each state once");
    let beside: Value = serde_json::from_str(messages[0].meta.as_deref().expect("headers")).expect("JSON");
    assert_eq!(beside["headers"][0], serde_json::json!(["content-type", "application/json"]), "{beside}");
    assert!(beside["headers"].as_array().is_some_and(|all| all.iter().any(|one| one[0] == "etag")), "{beside}");
}

#[test]
fn a_document_that_stays_the_same_is_not_silent() {
    let Some(nginx) = Nginx::start() else { return skip::unless_ci(MISSING) };
    let home = Home::new();
    let engine = home.engine(&format!(
        "[feed.plant.poll]\nurl = \"http://127.0.0.1:{}/state.json\"\nevery = \"100ms\"\n",
        nginx.port
    ));
    state(&engine, "plant", "refused");
    says(&engine, "plant", "404");
    engine.stop();
    nginx.write("state.json", &state_of(1));
    let engine = home.engine(&format!(
        "[feed.plant.poll]\nurl = \"http://127.0.0.1:{}/state.json\"\nevery = \"100ms\"\n",
        nginx.port
    ));
    // The rhythm is known after 20 messages and more than the shortest silence, 2 s.
    let states = 30;
    for seq in 1..=states {
        nginx.write("state.json", &state_of(seq));
        settled(&engine, "plant", seq);
    }
    let before = nginx.answered(304);
    wait_until("it was asked for longer than any silence", LONG, || nginx.answered(304) >= before + 40);
    let last = states;
    assert_eq!(accounts(&engine, "plant").received, last);
    state(&engine, "plant", "live");
    let report = engine.stop();
    let silent = report.findings.iter().filter(|found| found.check.word() == "silence").count();
    assert_eq!(silent, 0, "{:#?}", report.findings);
}

#[test]
fn every_protocol_over_http_trusts_an_authority_of_our_own_and_no_other() {
    let Some(nginx) = Nginx::start() else { return skip::unless_ci(MISSING) };
    nginx.write("state.json", &state_of(1));
    let home = Home::new();
    home.write("token.txt", TOKEN);
    home.write("wrong.txt", "wr0ng");
    let file = |name: &str| nginx.file(name).display().to_string();
    let (ca, other) = (file("ca.pem"), file("other-ca.pem"));
    let certificate = format!("cert = \"{}\", key = \"{}\"", file("client.pem"), file("client.key"));
    let (port, plain) = (nginx.tls_port, nginx.port);
    let mut text = String::new();
    for (name, tls) in
        [("own", format!("tls = {{ ca = \"{ca}\" }}")), ("foreign", format!("tls = {{ ca = \"{other}\" }}"))]
    {
        text.push_str(&format!(
            "[feed.poll-{name}.poll]\nurl = \"https://localhost:{port}/state.json\"\n{tls}\n\
             [feed.sse-{name}.sse]\nurl = \"https://localhost:{port}/feed\"\n{tls}\n\
             [feed.websocket-{name}.websocket]\nurl = \"wss://localhost:{port}/feed\"\n{tls}\n"
        ));
    }
    text.push_str(&format!(
        "[feed.unknown.poll]\nurl = \"https://localhost:{port}/state.json\"\n\
         [feed.certified.poll]\nurl = \"https://localhost:{port}/certified/state.json\"\n\
         tls = {{ ca = \"{ca}\", {certificate} }}\n\
         [feed.uncertified.poll]\nurl = \"https://localhost:{port}/certified/state.json\"\ntls = {{ ca = \"{ca}\" }}\n\
         [feed.token.poll]\nurl = \"https://localhost:{port}/secret/state.json\"\ntls = {{ ca = \"{ca}\" }}\n\
         bearer = {{ file = \"token.txt\" }}\n\
         [feed.wrong.poll]\nurl = \"http://localhost:{plain}/secret/state.json\"\nbearer = {{ file = \"wrong.txt\" }}\n\
         [feed.open.poll]\nurl = \"https://localhost:{plain}/state.json\"\ntls = {{ ca = \"{ca}\" }}\n\
         [feed.moved.poll]\nurl = \"http://localhost:{plain}/moved\"\n"
    ));
    let engine = home.engine(&text);
    for feed in ["sse-own", "websocket-own"] {
        state(&engine, feed, "live");
    }
    for seq in 1..=20 {
        let answer = feedwatch_tests::python::post(plain, "/publish", &state_of(seq));
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }
    for feed in ["sse-own", "websocket-own"] {
        assert_eq!(settled(&engine, feed, 20).stored, 20, "{feed}");
    }
    for feed in ["poll-own", "certified", "token", "moved"] {
        state(&engine, feed, "live");
        settled(&engine, feed, 1);
    }
    for feed in ["poll-foreign", "sse-foreign", "websocket-foreign", "unknown"] {
        state(&engine, feed, "refused");
        says(&engine, feed, "certificate is not trusted");
        assert_eq!(accounts(&engine, feed).received, 0, "{feed}");
    }
    for (feed, part) in [
        ("wrong", "401: the token or password is not accepted"),
        ("uncertified", "403"),
        ("open", "does not speak TLS at this port"),
    ] {
        state(&engine, feed, "refused");
        says(&engine, feed, part);
    }
    let said = format!("{:?}", engine.status());
    assert!(!said.contains("wr0ng") && !said.contains(TOKEN), "{said}");
    engine.stop();
}

#[test]
fn an_exporter_is_learned_with_its_counters_and_gauges() {
    let exporter = serve("exporter.py", &["0"]);
    let home = Home::new();
    let address = format!("poll+http://127.0.0.1:{}/metrics", exporter.port);
    let report = home.json(&["probe", &address, "--for", "12s", "--json"]);
    assert_eq!(report["protocol"], "poll");
    assert_eq!(report["source"], format!("http://127.0.0.1:{}/metrics", exporter.port));
    assert_eq!(report["profile"]["format"], "prometheus", "{report:#}");
    let scrapes = report["accounts"]["received"].as_u64().expect("a count");
    assert!((2..=4).contains(&scrapes), "one at once, then every 5 s: {report:#}");
    assert_eq!(report["accounts"]["rejected"], 0);
    let series: Vec<&Value> = report["profile"]["kinds"]
        .as_array()
        .expect("kinds")
        .iter()
        .flat_map(|kind| kind["series"].as_array().expect("series"))
        .collect();
    let kind = |path: &str, key: Option<&str>| {
        let found = series
            .iter()
            .find(|series| series["path"] == path && key.is_none_or(|key| series["key"]["label:queue"] == key));
        found.unwrap_or_else(|| panic!("{path}: {series:#?}"))["kind"].clone()
    };
    assert_eq!(kind("/jobs_total", Some("fast")), "counter");
    assert_eq!(kind("/jobs_total", Some("slow")), "counter");
    assert_eq!(kind("/level_celsius", None), "gauge");
    assert_eq!(kind("/seconds_count", None), "counter");
    let asked = exporter.process.line("it was scraped", LONG, |line| line.contains("\"scrape\""));
    assert!(asked.contains("text/plain;version=0.0.4") && asked.contains("gzip"), "{asked}");

    let people = home.run(&["probe", &address, "--for", "1s"]);
    assert_eq!(people.code, Some(0), "{people:?}");
    let said = people.out.join("\n");
    assert!(said.contains("(poll): 1 message") && said.contains("prometheus"), "{said}");
}

#[test]
fn an_address_of_http_is_found_to_be_a_stream_a_document_or_a_page() {
    let Some(nginx) = Nginx::start() else { return skip::unless_ci(MISSING) };
    nginx.write("state.json", &state_of(1));
    nginx.write("page.html", "<p>");
    let home = Home::new();
    let address = |path: &str| format!("http://127.0.0.1:{}/{path}", nginx.port);
    let report = home.json(&["probe", &address("state.json"), "--for", "1s", "--json"]);
    assert_eq!((&report["protocol"], &report["accounts"]["received"]), (&"poll".into(), &1.into()), "{report:#}");
    let answer = feedwatch_tests::python::post(nginx.port, "/publish", &state_of(1));
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    let report = home.json(&["probe", &address("feed"), "--for", "2s", "--json"]);
    assert_eq!((&report["protocol"], &report["accounts"]["received"]), (&"sse".into(), &1.into()), "{report:#}");
    let ended = home.run(&["probe", &address("page.html"), "--for", "20s"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("answers with text/html"), "{ended:?}");
    // Who says what it is is taken at their word.
    let ended = home.run(&["probe", &format!("sse+{}", address("state.json")), "--for", "20s"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("paste its address with poll+ in front"), "{ended:?}");
    let told = wait_for("the books", LONG, || report["accounts"]["stored"].as_u64());
    assert_eq!(told, 1);
}
