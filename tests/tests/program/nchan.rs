//! nginx with nchan, which publishes what is posted to it as WebSocket and as server-sent events.

use feedwatch_tests::home::Home;
use feedwatch_tests::python::{installed, nginx, post};
use feedwatch_tests::skip;
use feedwatch_tests::watch::{settled, state};

const MESSAGES: u64 = 400;

#[test]
fn what_is_posted_to_nchan_comes_by_websocket_and_by_events() {
    if installed("/usr/lib/nginx/modules/ngx_nchan_module.so").is_none() {
        skip::unless_ci("nginx has no nchan, which `scripts/setup test` installs");
        return;
    }
    let home = Home::new();
    let server = nginx(&home.path("state"));
    let port = server.port;
    let engine = home.engine(&format!(
        "[feed.socket.websocket]\nurl = \"ws://127.0.0.1:{port}/feed\"\n\
         [feed.events.sse]\nurl = \"http://127.0.0.1:{port}/feed\"\n"
    ));
    state(&engine, "socket", "live");
    state(&engine, "events", "live");
    for number in 1..=MESSAGES {
        let answer = post(port, "/publish", &format!("{{\"seq\":{number},\"level\":{}}}", 20 + number % 5));
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    }
    for feed in ["socket", "events"] {
        let books = settled(&engine, feed, MESSAGES);
        assert_eq!((books.received, books.stored), (MESSAGES, MESSAGES), "{feed}: {books:?}");
    }
    let report = engine.stop();
    let losses: Vec<_> = report.findings.iter().filter(|found| found.check.word() == "sequence").collect();
    assert!(losses.is_empty(), "{losses:#?}");
}
