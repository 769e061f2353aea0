//! Webhooks, sent by Python's `urllib` in the shapes that alerting systems have.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{ChildStdin, Command};

use feedwatch_model::Time;
use feedwatch_store::StoredMessage;
use feedwatch_tests::binary::root;
use feedwatch_tests::certificates;
use feedwatch_tests::home::Home;
use feedwatch_tests::process::Process;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, says, settled, state};
use serde_json::{Value, json};

const TOKEN: &str = "s3cret-t0ken";

/// Somebody who sends.
struct Sender {
    process: Process,
    input: ChildStdin,
    sent: usize,
}

impl Sender {
    fn new(ca: &str) -> Sender {
        let mut command = Command::new(root().join(".setup/python/bin/python"));
        command.arg("-u").arg(root().join("tests/servers/send.py")).arg(ca);
        let (process, input) = Process::start_told(&mut command);
        Sender { process, input, sent: 0 }
    }

    fn hand_over(&mut self, url: &str, headers: &Value, body: &str) {
        writeln!(self.input, "{}", json!({"url": url, "headers": headers, "body": body})).expect("it listens");
        self.sent += 1;
    }

    fn answer(&self) -> Value {
        wait_until("an answer", LONG, || self.process.lines().len() > self.sent);
        serde_json::from_str(&self.process.lines()[self.sent]).expect("JSON")
    }

    /// Sends one and gives the status of its answer.
    fn send(&mut self, url: &str, headers: &Value, body: &str) -> u64 {
        self.hand_over(url, headers, body);
        let answer = self.answer();
        answer["status"].as_u64().unwrap_or_else(|| panic!("{answer}"))
    }
}

fn bearer() -> Value {
    json!({"Authorization": format!("Bearer {TOKEN}"), "Content-Type": "application/json"})
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its number").port()
}

fn home() -> Home {
    let home = Home::new();
    home.write("token.txt", TOKEN);
    home
}

fn config(name: &str, port: u16, more: &str) -> String {
    format!(
        "[feed.{name}.webhook]\nlisten = \"127.0.0.1:{port}\"\npath = \"/alerts\"\ntoken = {{ file = \"token.txt\" }}\n{more}\n"
    )
}

fn kept(home: &Home) -> Vec<StoredMessage> {
    let reader = home.reader();
    let feed = reader.feeds().expect("feeds").first().expect("a feed").id;
    reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages")
}

/// Alerts in the public shapes of their systems.
fn alerts() -> Vec<(&'static str, String)> {
    let alertmanager = json!({
        "version": "4", "groupKey": "{}:{alertname=\"DiskFull\"}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "console", "groupLabels": {"alertname": "DiskFull"}, "externalURL": "http://alertmanager:9093",
        "commonLabels": {"alertname": "DiskFull", "severity": "critical"}, "commonAnnotations": {},
        "alerts": [
            {"status": "firing", "labels": {"alertname": "DiskFull", "instance": "db1", "severity": "critical"},
             "annotations": {"summary": "97 % of /var are used"}, "startsAt": "2026-03-01T12:00:00.000Z",
             "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://prometheus:9090/graph", "fingerprint": "c9a1"},
            {"status": "resolved", "labels": {"alertname": "DiskFull", "instance": "db2", "severity": "critical"},
             "annotations": {}, "startsAt": "2026-03-01T11:00:00.000Z", "endsAt": "2026-03-01T11:55:00.000Z",
             "generatorURL": "", "fingerprint": "c9a2"},
        ],
    });
    let grafana = json!({
        "receiver": "console", "status": "firing", "orgId": 1, "state": "alerting", "title": "[FIRING:1] Pressure",
        "message": "**Firing**\n\nValue: B=7.5", "alerts": [{
            "status": "firing", "labels": {"alertname": "Pressure", "plant": "north"}, "values": {"B": 7.5, "C": 1},
            "startsAt": "2026-03-01T12:00:10Z", "valueString": "[ var='B' labels={} value=7.5 ]", "fingerprint": "aa01",
        }],
    });
    let falco = json!({
        "uuid": "5f1c1b2e-0000-4000-8000-000000000001", "output": "12:00:20.1 Warning Shell in a container (user=root)",
        "priority": "Warning", "rule": "Terminal shell in container", "source": "syscall", "hostname": "node-1",
        "time": "2026-03-01T12:00:20.123456789Z", "tags": ["container", "shell"],
        "output_fields": {"container.id": "3ad7", "evt.time": 1_772_366_420_123_456_789_u64, "proc.name": "bash", "proc.pid": 4711},
    });
    let detection = json!({
        "detection": {"id": 42, "headline": "Credential dumping on WS-17 <b>\"now\"</b>", "severity": "high", "score": 0.97},
        "endpoint": {"hostname": "WS-17", "platform": "windows"}, "published_at": "2026-03-01T12:00:30Z",
        "confirmed": true, "timeline": [{"at": "2026-03-01T11:59:00Z", "text": "lsass was read"}],
    });
    vec![
        ("alertmanager", alertmanager.to_string()),
        ("grafana", grafana.to_string()),
        ("falco", falco.to_string()),
        ("detection", detection.to_string()),
    ]
}

#[test]
fn alerts_of_other_systems_arrive_readable_and_are_thanked_for_when_they_are_kept() {
    let home = home();
    let port = free_port();
    let engine = home.engine(&config("alerts", port, "token_header = \"X-Hook-Token\"\ntoken_parameter = \"key\""));
    state(&engine, "alerts", "live");
    let mut sender = Sender::new("-");
    let url = |path: &str| format!("http://127.0.0.1:{port}/alerts{path}");
    let alerts = alerts();
    for (system, body) in &alerts {
        assert_eq!(sender.send(&url(&format!("/{system}")), &bearer(), body), 204, "{system}");
    }
    assert_eq!(kept(&home).len(), alerts.len(), "what was thanked for is on disk");
    // Senders that know no bearer.
    let event = json!({"X-Hook-Token": TOKEN, "X-Event": "test", "X-Request-Id": "r1"});
    assert_eq!(sender.send(&url(""), &event, "{\"value\":1}"), 204);
    assert_eq!(sender.send(&url(&format!("?key={TOKEN}")), &json!({}), "[{\"value\":2},{\"value\":3}]"), 204);
    // Somebody who sends the same once more under the same id is told that all is well.
    assert_eq!(sender.send(&url(""), &event, "{\"value\":1}"), 204);
    let books = settled(&engine, "alerts", 7);
    assert_eq!((books.stored, books.duplicate, books.rejected), (6, 1, 0), "{books:?}");

    for (status, path, headers, body) in
        [(401, "", json!({"Authorization": "Bearer gu3ss"}), "{}"), (401, "", json!({}), "{}")]
    {
        assert_eq!(sender.send(&url(path), &headers, body), status, "{path}");
    }
    assert_eq!(sender.send(&format!("http://127.0.0.1:{port}/alertsx"), &bearer(), "{}"), 404);
    let (count, notices) = (accounts(&engine, "alerts").received, engine.status());
    assert_eq!(count, 7);
    let said = format!("{notices:?}");
    assert!(!said.contains(TOKEN) && !said.contains("gu3ss"), "{said}");
    let report = engine.stop();
    assert!(report.gaps.is_empty(), "{:#?}", report.gaps);

    let messages = kept(&home);
    for ((system, body), message) in alerts.iter().zip(&messages) {
        assert_eq!(String::from_utf8_lossy(&message.payload), *body, "byte for byte");
        assert_eq!(message.topic.as_deref(), Some(*system));
        let beside: Value = serde_json::from_str(message.meta.as_deref().expect("headers")).expect("JSON");
        let headers = beside["headers"].as_array().expect("a list");
        assert!(headers.contains(&json!(["content-type", "application/json"])), "{beside}");
        assert!(headers.iter().any(|one| one[0] == "user-agent"), "{beside}");
    }
    let all = format!("{messages:?}");
    assert!(!all.contains(TOKEN) && !all.contains("gu3ss"), "no token is kept");
    assert!(all.contains("x-event"), "{all}");
}

#[test]
fn over_tls_a_webhook_proves_who_it_is() {
    let home = home();
    certificates::write(&home.path("state"));
    let file = |name: &str| home.path("state").join(name).display().to_string();
    let port = free_port();
    let tls = format!("tls = {{ cert = \"{}\", key = \"{}\" }}", file("server.pem"), file("server.key"));
    let engine = home.engine(&config("alerts", port, &tls));
    state(&engine, "alerts", "live");
    let url = format!("https://localhost:{port}/alerts");
    let mut sender = Sender::new(&file("ca.pem"));
    for seq in 1..=20 {
        assert_eq!(sender.send(&url, &bearer(), &format!("{{\"seq\":{seq}}}")), 204);
    }
    let mut stranger = Sender::new(&file("other-ca.pem"));
    stranger.hand_over(&url, &bearer(), "{}");
    let answer = stranger.answer();
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("CERTIFICATE_VERIFY_FAILED")), "{answer}");
    let books = settled(&engine, "alerts", 20);
    assert_eq!((books.received, books.stored), (20, 20), "{books:?}");
    engine.stop();
}

#[test]
fn what_was_thanked_for_outlives_a_kill_and_what_was_not_comes_again() {
    let home = home();
    let port = free_port();
    home.write("feeds.toml", config("alerts", port, ""));
    let mut run = home.start(&["run", "feeds.toml", "--json"]);
    let url = format!("http://127.0.0.1:{port}/alerts");
    let mut sender = Sender::new("-");
    // Sent until it is thanked for, as senders do it.
    let mut push = |seq: u64| {
        let body = format!("{{\"seq\":{seq},\"level\":{}}}", 20 + seq % 7);
        wait_until("it is thanked for", LONG, || {
            sender.hand_over(&url, &bearer(), &body);
            sender.answer()["status"] == 204
        });
    };
    (1..=10).for_each(&mut push);
    run.kill();
    assert_eq!(kept(&home).len(), 10);
    let run = home.start(&["run", "feeds.toml", "--json"]);
    (11..=20).for_each(&mut push);
    run.interrupt();
    let report = run.end(LONG).json();
    assert_eq!(report["accounts"]["alerts"]["stored"], 10, "{report:#}");
    let seqs: Vec<u64> = kept(&home)
        .iter()
        .map(|message| serde_json::from_slice::<Value>(&message.payload).expect("JSON")["seq"].as_u64().expect("it"))
        .collect();
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>(), "each once");
}

#[test]
fn a_port_that_is_taken_is_told_and_a_look_learns_what_comes() {
    let home = home();
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = other.local_addr().expect("its number").port();
    let engine = home.engine(&config("alerts", port, ""));
    says(&engine, "alerts", &format!("Port {port} of 127.0.0.1 is taken by another program"));
    drop(other);
    state(&engine, "alerts", "live");
    engine.stop();

    let address = format!("webhook://127.0.0.1:{port}/alerts");
    let ended = home.run(&["probe", &address]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("takes only what comes with a token"), "{ended:?}");
    let header = format!("Authorization: Bearer {TOKEN}");
    let look = home.start(&["probe", &address, "--header", &header, "--for", "60s", "--json", "--follow"]);
    let mut sender = Sender::new("-");
    for seq in 0..5 {
        let body = format!("{{\"plant\":\"north\",\"level\":{seq}}}");
        wait_until("it listens", LONG, || {
            sender.hand_over(&format!("http://127.0.0.1:{port}/alerts"), &bearer(), &body);
            // It is to be sent again, to whoever keeps it.
            sender.answer()["status"] == 503
        });
    }
    look.interrupt();
    let ended = look.end(LONG);
    let report = ended.json();
    assert_eq!((&report["protocol"], &report["accounts"]["received"]), (&"webhook".into(), &5.into()), "{report:#}");
    assert_eq!(report["source"], address);
    assert!(ended.err.contains("its senders were told to try again"), "{ended:?}");
    assert!(report.to_string().contains("level") && !format!("{ended:?}").contains(TOKEN), "{ended:?}");
}
