//! Bytes on the wire beside bytes of payload, and the rate limit on our side.

use std::net::TcpListener;

use feedwatch_model::Time;
use feedwatch_tests::home::Home;
use feedwatch_tests::log::Log;
use feedwatch_tests::python::serve;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, settled};

#[test]
fn compression_is_seen_on_the_wire_and_told_as_what_it_saves() {
    for compression in [true, false] {
        let server = serve("bulk.py", &["2000"]);
        let home = Home::new();
        let text = format!(
            "[feed.prices.websocket]\nurl = \"ws://127.0.0.1:{}/\"\ncompression = {compression}\n",
            server.port
        );
        let engine = home.engine(&text);
        let books = settled(&engine, "prices", 2_000);
        let wire = books.wire_bytes.expect("a socket of ours");
        assert_eq!(wire < books.bytes / 2, compression, "{wire} on the wire for {} of payload", books.bytes);
        assert!(compression || wire > books.bytes, "frames have heads: {wire} for {}", books.bytes);
        let told = wait_for("the traffic in words", LONG, || engine.status().1.remove(0).traffic);
        assert!(told.contains("on the wire") && told.contains("of payload"), "{told}");
        engine.stop();
    }
}

#[test]
fn the_end_of_a_run_tells_what_was_saved_and_what_is_not_known_is_null() {
    let server = serve("bulk.py", &["500"]);
    let home = Home::new();
    let log = home.write("capture.jsonl", "{\"level\":1}\n{\"level\":2}\n");
    home.write(
        "feeds.toml",
        format!(
            "[feed.prices.websocket]\nurl = \"ws://127.0.0.1:{}/\"\n[feed.old.file]\npath = {:?}\n",
            server.port,
            log.display().to_string()
        ),
    );
    let run = home.start(&["run", "feeds.toml"]);
    let reader = wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok());
    wait_until("all is stored", LONG, || {
        let feeds = reader.feeds().expect("feeds");
        let kept = |id| reader.messages(id, Time::MIN, Time::MAX, 1_000).expect("messages").len();
        feeds.iter().map(|feed| kept(feed.id)).sum::<usize>() == 502
    });
    run.interrupt();
    let said = run.end(LONG).out.join("\n");
    assert!(said.contains("prices: ") && said.contains("% saved by compression"), "{said}");
    assert!(said.contains("old: 22 B of payload"), "{said}");
    let again = home.json(&["run", "feeds.toml", "--for", "2s", "--json"]);
    assert!(again["accounts"]["old"]["wire_bytes"].is_null(), "{again}");
    assert!(again["accounts"]["prices"]["wire_bytes"].as_u64() > Some(1_000), "{again}");
}

#[test]
fn lines_of_tcp_are_counted_with_their_ends() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let home = Home::new();
    let engine =
        home.engine(&format!("[feed.meter.lines]\nurl = \"tcp://{}\"\n", server.local_addr().expect("its number")));
    let (mut socket, _) = server.accept().expect("a client");
    std::io::Write::write_all(&mut socket, b"21.5\r\n\r\n21.6\r\n").expect("a client that reads");
    let books = settled(&engine, "meter", 2);
    assert_eq!(books.bytes, 8);
    wait_until("the bytes are counted", LONG, || accounts(&engine, "meter").wire_bytes == Some(14));
    engine.stop();
}

#[test]
fn a_rate_limit_thins_the_samples_and_nothing_else() {
    let home = Home::new();
    let mut log = Log::new(home.path("app.log"));
    log.write(1_000);
    log.write_text("not JSON\n");
    log.write(1_000);
    let text = format!(
        "[feed.log.tail]\npath = {:?}\nstart = \"beginning\"\n[feed.log.limits]\nrate = {{ every = 10 }}\n",
        log.path().display().to_string()
    );
    let engine = home.engine(&text);
    let books = settled(&engine, "log", 2_001);
    assert_eq!((books.stored, books.rejected, books.dropped), (2_000, 1, 0), "{books:?}");
    assert_eq!(books.conflated, 1_800, "{books:?}");
    let row = engine.status().1.remove(0);
    assert_eq!(row.thinned.as_deref(), Some("one value of 10"));
    engine.stop();
    let reader = home.reader();
    let series = reader.series().expect("series");
    assert_eq!(series.len(), 1, "{series:?}");
    assert_eq!(reader.count_samples(series[0].id, Time::MIN, Time::MAX).expect("a count"), 200);
    let feed = reader.feeds().expect("feeds").remove(0);
    assert_eq!(reader.messages(feed.id, Time::MIN, Time::MAX, 10_000).expect("messages").len(), 2_001);
    let out = home.path("all.csv").display().to_string();
    let told = home.json(&["export", "feeds.toml", "--out", &out, "--json"]);
    assert_eq!(told["thinned"]["log"], "one value of 10", "{told}");
}
