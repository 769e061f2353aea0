//! Names that cannot be found, servers that move, addresses of ours that go: in a network of the test's own (Linux's
//! namespaces).

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Command};

use feedwatch_model::Time;
use feedwatch_tests::binary;
use feedwatch_tests::home::Home;
use feedwatch_tests::process::Process;
use feedwatch_tests::skip;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};

/// Servers on two addresses, the program, and a shell that does what is written to it.
const SCRIPT: &str = r#"
set -e
mount --bind hosts /etc/hosts
ip link set lo up
ip addr add 10.77.0.1/32 dev lo
ip addr add 10.77.0.2/32 dev lo
"$PYTHON" "$SERVER" 10.77.0.1 9000 &
"$PYTHON" "$SERVER" 10.77.0.2 9000 &
"$FEEDWATCH" run feeds.toml --json --follow &
feedwatch=$!
while read -r order; do eval "$order"; done
wait $feedwatch
"#;

/// A network of its own.
struct Network {
    process: Process,
    shell: ChildStdin,
}

fn namespaces(home: &Home) -> Command {
    let mut command = home.command(Path::new("unshare"));
    command.args(["--map-root-user", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]);
    command
}

impl Network {
    fn start(home: &Home) -> Network {
        let root = binary::root();
        let mut command = namespaces(home);
        command.args(["sh", "-c", SCRIPT]);
        command.env("PYTHON", root.join(".setup/python/bin/python"));
        command.env("SERVER", root.join("tests/servers/named.py")).env("FEEDWATCH", binary::feedwatch());
        let (process, shell) = Process::start_told(&mut command);
        Network { process, shell }
    }

    fn order(&mut self, order: &str) {
        writeln!(self.shell, "{order}").expect("the shell listens");
    }
}

/// What `/etc/hosts` says in that network; the file stays the same one.
fn hosts(home: &Home, server: Option<&str>) {
    let server = server.map(|address| format!("{address} feed.example\n")).unwrap_or_default();
    fs::write(home.path("hosts"), format!("127.0.0.1 localhost\n{server}")).expect("hosts");
}

/// Messages from a server that are kept.
fn kept(home: &Home, address: &str) -> usize {
    let Ok(reader) = feedwatch_store::read(&home.history()) else { return 0 };
    let Some(feed) = reader.feeds().expect("feeds").first().map(|feed| feed.id) else { return 0 };
    let kept = reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages");
    let mark = format!("\"host\": \"{address}\"");
    kept.iter().filter(|message| String::from_utf8_lossy(&message.payload).contains(&mark)).count()
}

#[test]
fn a_name_that_cannot_be_found_a_server_that_moves_and_an_address_that_goes_are_told_and_the_feed_goes_on() {
    let home = Home::new();
    if !namespaces(&home).arg("true").status().is_ok_and(|status| status.success()) {
        skip::unless_ci("this system does not let us have networks of our own");
        return;
    }
    hosts(&home, None);
    let feeds = "[feed.far.websocket]\nurl = \"ws://feed.example:9000/\"\nidle_timeout = \"2s\"\n";
    home.write("feeds.toml", feeds);
    let mut network = Network::start(&home);
    let told = network.process.line("that there is no such name", LONG, |line| line.contains("\"connection\""));
    assert!(told.contains("feed.example") && told.contains("is not found"), "{told}");

    hosts(&home, Some("10.77.0.1"));
    wait_until("messages from the first address", LONG, || kept(&home, "10.77.0.1") > 20);

    // The server moves, and the old address goes without a word.
    hosts(&home, Some("10.77.0.2"));
    network.order("ip addr del 10.77.0.1/32 dev lo");
    wait_until("messages from the second address", LONG, || kept(&home, "10.77.0.2") > 20);

    network.order("kill -INT $feedwatch");
    let Network { process, shell } = network;
    drop(shell);
    let report = wait_for("the report", LONG, || {
        let last = process.lines().last().cloned()?;
        serde_json::from_str::<serde_json::Value>(&last).ok().filter(|value| value["schema"] == 1)
    });
    process.end(LONG);
    let books = &report["accounts"]["far"];
    let stored = (kept(&home, "10.77.0.1") + kept(&home, "10.77.0.2")) as u64;
    assert_eq!((books["received"].as_u64(), books["stored"].as_u64()), (Some(stored), Some(stored)), "{books}");
    let causes: Vec<&str> =
        report["gaps"].as_array().expect("gaps").iter().filter_map(|gap| gap["cause"].as_str()).collect();
    assert!(causes.contains(&"unreachable") && causes.contains(&"disconnected"), "{causes:?}");
}
