//! Tokens that expire, against a server that exchanges them.

use std::os::unix::fs::PermissionsExt as _;

use feedwatch_tests::home::Home;
use feedwatch_tests::python::{Foreign, serve};
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

/// A program that prints the token that holds, and notes that it was run.
fn printer(home: &Home) {
    let [runs, token] = ["runs", "token"].map(|name| home.path(name).display().to_string());
    let path = home.write("print-token", format!("#!/bin/sh\necho \"$1\" >> {runs}\ncat {token}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).expect("it can be run");
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
    let report = engine.stop();
    let refused = answered(&server, 401);
    assert!(refused >= 3, "{refused}");
    assert_eq!(runs(&home), 1 + refused, "once at first, and once for each refusal");
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
