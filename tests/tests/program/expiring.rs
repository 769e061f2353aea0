//! Tokens that expire, against a server that exchanges them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;

use feedwatch_tests::home::Home;
use feedwatch_tests::kafka::refuses_logins;
use feedwatch_tests::mosquitto::{self, Listener, Mosquitto};
use feedwatch_tests::nats::Nats;
use feedwatch_tests::python::{Foreign, serve};
use feedwatch_tests::rabbit::{self, Rabbit};
use feedwatch_tests::skip;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, says, state};

/// So many answers a token is good for.
const EACH: usize = 10;

fn server(home: &Home, each: usize) -> Foreign {
    serve("expiring.py", &[&home.path("token").display().to_string(), &each.to_string()])
}

/// How many answers had this status.
fn answered(server: &Foreign, status: u16) -> usize {
    server.process.lines().iter().filter(|line| line.contains(&format!("\"status\": {status}"))).count()
}

fn program(home: &Home, name: &str, script: &str) {
    let path = home.write(name, format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("it can be run");
}

/// A program that prints the token that holds, and notes that it was run.
fn printer(home: &Home) {
    let [runs, token] = ["runs", "token"].map(|name| home.path(name).display().to_string());
    program(home, "print-token", &format!("echo \"$1\" >> {runs}\ncat {token}"));
}

/// A program that prints what is wrong when it is run for the first time for a feed, and then what stands in the file named
/// `right`.
fn by_turns(home: &Home) {
    let folder = home.path("").display().to_string();
    let script = format!(
        "cd {folder}\necho >> \"$1.runs\"\n\
         if [ $(wc -l < \"$1.runs\") = 1 ]; then echo wr0ng-$1; else cat \"$2\"; fi"
    );
    program(home, "by-turns", &script);
}

/// `KEY = { command = … }` for a feed.
fn secret(key: &str, feed: &str, right: &str) -> String {
    format!("{key} = {{ command = [\"./by-turns\", \"{feed}\", \"{right}\"] }}")
}

fn runs_of(home: &Home, feed: &str) -> usize {
    std::fs::read_to_string(home.path(&format!("{feed}.runs"))).unwrap_or_default().lines().count()
}

fn runs(home: &Home) -> usize {
    std::fs::read_to_string(home.path("runs")).unwrap_or_default().lines().count()
}

#[test]
fn a_token_of_a_program_is_asked_for_once_when_it_has_expired() {
    let home = Home::new();
    printer(&home);
    let server = server(&home, EACH);
    let engine = home.engine(&format!(
        "[feed.plant.poll]\nurl = \"http://127.0.0.1:{}/state\"\nevery = \"100ms\"\n\
         bearer = {{ command = [\"./print-token\", \"plant $HOME\"] }}\n",
        server.port
    ));
    wait_until("three tokens have expired", LONG, || accounts(&engine, "plant").stored > 3 * EACH as u64);
    // Between a refusal and its program's start they differ.
    let once_each = || runs(&home) == 1 + answered(&server, 401);
    wait_until("the program has run once at first, and once for each refusal", LONG, once_each);
    let report = engine.stop();
    let refused = answered(&server, 401);
    assert!(refused >= 3 && (refused..=1 + refused).contains(&runs(&home)), "{refused} refusals, {} runs", runs(&home));
    let words = std::fs::read_to_string(home.path("runs")).expect("its words");
    assert!(words.lines().all(|line| line == "plant $HOME"), "no shell has read them: {words}");
    assert_eq!(report.accounts["plant"].rejected, 0);
    let texts: Vec<&str> = report.findings.iter().map(|found| found.text.as_str()).collect();
    assert!(texts.iter().any(|text| text.contains("The secret has changed meanwhile")), "{texts:#?}");
    assert!(report.gaps.iter().all(|gap| gap.cause == "disconnected" && gap.to.is_some()), "{:#?}", report.gaps);
    let token = std::fs::read_to_string(home.path("token")).expect("the token");
    assert!(!format!("{report:?}").contains(token.trim()));
}

#[test]
fn a_token_of_a_file_is_read_at_each_connection() {
    let home = Home::new();
    // Each connection brings one event, and waits longer than the one before.
    let server = server(&home, 2);
    let engine = home.engine(&format!(
        "[feed.plant.sse]\nurl = \"http://127.0.0.1:{}/events\"\nbearer = {{ file = \"token\" }}\n",
        server.port
    ));
    wait_until("two tokens have expired", LONG, || accounts(&engine, "plant").stored > 4);
    assert_eq!(answered(&server, 401), 0, "the one that holds was known before it was asked");
    let report = engine.stop();
    let permanent = report.findings.iter().filter(|found| found.kind.word() == "refused").count();
    assert_eq!(permanent, 0, "{:#?}", report.findings);
}

#[test]
fn a_program_that_fails_or_prints_what_is_refused_is_told_and_is_not_run_in_a_circle() {
    let home = Home::new();
    printer(&home);
    let server = server(&home, EACH);
    home.write("wrong", "wr0ng-t0ken\n");
    let url = format!("url = \"http://127.0.0.1:{}/state\"\nevery = \"100ms\"", server.port);
    let engine = home.engine(&format!(
        "[feed.fails.poll]\n{url}\nbearer = {{ command = [\"false\", \"s3cr3t\"] }}\n\
         [feed.wrong.poll]\n{url}\nbearer = {{ command = [\"cat\", \"{}\"] }}\n\
         [feed.fine.poll]\n{url}\nbearer = {{ command = [\"./print-token\"] }}\n",
        home.path("wrong").display()
    ));
    state(&engine, "fails", "refused");
    says(&engine, "fails", "The program \\\"false\\\" that prints a secret ended with exit status: 1. Run it by hand");
    state(&engine, "wrong", "refused");
    says(&engine, "wrong", "the token or password is not accepted");
    wait_until("the other one goes on", LONG, || accounts(&engine, "fine").stored > EACH as u64);
    let said = format!("{:?}", engine.status());
    assert!(!said.contains("s3cr3t") && !said.contains("wr0ng"), "{said}");
    engine.stop();

    // A program that is not there is a problem of the configuration.
    home.write("feeds.toml", format!("[feed.a.poll]\n{url}\nbearer = {{ command = [\"./absent\"] }}\n"));
    let ended = home.run(&["check", "feeds.toml"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(format!("{ended:?}").contains("there is no program"), "{ended:?}");
    let ran = runs(&home);
    home.write("feeds.toml", format!("[feed.a.poll]\n{url}\nbearer = {{ command = [\"./print-token\"] }}\n"));
    assert_eq!(home.run(&["check", "feeds.toml"]).code, Some(0));
    assert_eq!(runs(&home), ran, "to check is not to run");
}

#[test]
fn what_is_spoken_over_http_asks_a_program_once_more_when_it_is_refused() {
    let home = Home::new();
    by_turns(&home);
    // Long enough that it does not expire meanwhile.
    let server = server(&home, 1_000_000);
    let sockets = serve("ws.py", &[]);
    home.write("socket-token", "s3cret\n");
    let (port, socket) = (server.port, sockets.port);
    let engine = home.engine(&format!(
        "[feed.poll.poll]\nurl = \"http://127.0.0.1:{port}/state\"\nevery = \"100ms\"\n{}\n\
         [feed.sse.sse]\nurl = \"http://127.0.0.1:{port}/events\"\n{}\n\
         [feed.ws.websocket]\nurl = \"ws://127.0.0.1:{socket}/\"\nsubprotocols = [\"v2.feed\"]\n\
         subscribe = ['{{\"products\":[\"A\"]}}']\n{}\n",
        secret("bearer", "poll", "token"),
        secret("bearer", "sse", "token"),
        secret("bearer", "ws", "socket-token"),
    ));
    for feed in ["poll", "sse", "ws"] {
        wait_until("it is let in", LONG, || accounts(&engine, feed).stored > 1);
        assert_eq!(runs_of(&home, feed), 2, "{feed}: once at first, and once for the refusal");
    }
    let report = engine.stop();
    assert!(!format!("{report:?}").contains("wr0ng"));
    let refused = report.findings.iter().filter(|found| found.kind.word() == "refused").count();
    assert_eq!(refused, 0, "a refusal that is mended at once is none: {:#?}", report.findings);
    assert_eq!(answered(&server, 401), 2);
}

#[test]
fn brokers_are_tried_once_more_at_once_with_what_a_program_prints_now() {
    let (mosquitto, rabbit) = (Mosquitto::start(), Rabbit::start());
    let users = Nats::with(|_| "authorization { user: ann, password: s3cr3t-ann }\n".to_owned());
    let tokens = Nats::with(|_| "authorization { token: t0ken-x }\n".to_owned());
    let home = Home::new();
    by_turns(&home);
    home.write("mqtt", mosquitto::USER.1);
    home.write("amqp", rabbit::USER.1);
    home.write("nats", "s3cr3t-ann\n");
    home.write("nats-token", "t0ken-x\n");
    let login = |feed: &str, right: &str| format!("user = \"ann\"\n{}", secret("password", feed, right));
    let mut text = format!(
        "[feed.nats.nats]\nurl = \"nats://127.0.0.1:{}\"\nsubjects = [\"a\"]\n{}\n\
         [feed.nats-token.nats]\nurl = \"nats://127.0.0.1:{}\"\nsubjects = [\"a\"]\n{}\n",
        users.port,
        login("nats", "nats"),
        tokens.port,
        secret("token", "nats-token", "nats-token"),
    );
    let mut feeds = vec!["nats", "nats-token"];
    if let Some(broker) = &mosquitto {
        let port = broker.port(Listener::Login);
        for (feed, version) in [("mqtt5", "5"), ("mqtt3", "3.1.1")] {
            let login = login(feed, "mqtt");
            text.push_str(&format!(
                "[feed.{feed}.mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\ntopics = [\"#\"]\nversion = \"{version}\"\n{login}\n"
            ));
            feeds.push(feed);
        }
    }
    if let Some(broker) = &rabbit {
        let (port, login) = (broker.port, login("amqp", "amqp"));
        broker.client().make("orders");
        text.push_str(&format!("[feed.amqp.amqp]\nurl = \"amqp://127.0.0.1:{port}\"\nqueue = \"orders\"\n{login}\n"));
        feeds.push("amqp");
    }
    let engine = home.engine(&text);
    for feed in feeds {
        state(&engine, feed, "live");
        assert_eq!(runs_of(&home, feed), 2, "{feed}: once at first, and once for the refusal");
    }
    let report = engine.stop();
    let told: Vec<_> = report.findings.iter().filter(|found| found.kind.word() == "refused").collect();
    assert!(told.is_empty(), "a refusal that is mended at once is none: {told:#?}");
    if mosquitto.is_none() || rabbit.is_none() {
        skip::unless_ci("there is no mosquitto or no RabbitMQ, which `scripts/setup test` installs");
    }
}

#[test]
fn kafka_asks_a_program_once_more_and_a_second_refusal_needs_a_person() {
    let address = refuses_logins();
    let home = Home::new();
    by_turns(&home);
    home.write("right", "also-wr0ng");
    let engine = home.engine(&format!(
        "[feed.prices.kafka]\nurl = \"kafka://{address}\"\ntopics = [\"prices\"]\nsasl = \"plain\"\nuser = \"ann\"\n{}\n",
        secret("password", "prices", "right")
    ));
    state(&engine, "prices", "refused");
    says(&engine, "prices", "does not accept user and password");
    assert_eq!(runs_of(&home, "prices"), 2);
    assert!(!format!("{:?}", engine.status()).contains("wr0ng"));
    engine.stop();
}

#[test]
fn a_server_of_lines_that_cuts_whom_it_does_not_know_has_the_program_asked_again() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its number").port();
    // It ends with the test, whose process is its own.
    std::thread::spawn(move || {
        let mut known = Vec::new();
        while let Ok((mut client, _)) = listener.accept() {
            let mut token = String::new();
            let read = BufReader::new(&client).read_line(&mut token);
            if read.is_ok() && token == "l1nes\n" && writeln!(client, "{{\"seq\":1,\"level\":2}}").is_ok() {
                known.push(client);
            }
        }
    });
    let home = Home::new();
    by_turns(&home);
    home.write("right", "l1nes\n");
    let engine = home.engine(&format!(
        "[feed.meter.lines]\nurl = \"tcp://127.0.0.1:{port}\"\n{}\n",
        secret("token", "meter", "right")
    ));
    wait_until("it is let in", LONG, || accounts(&engine, "meter").stored == 1);
    assert_eq!(runs_of(&home, "meter"), 2);
    engine.stop();
}
