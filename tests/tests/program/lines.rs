//! Lines of TCP servers and clients, of datagrams, and of standard input.

use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};

use feedwatch_engine::Engine;
use feedwatch_model::Time;
use feedwatch_tests::binary;
use feedwatch_tests::home::Home;
use feedwatch_tests::process::Process;
use feedwatch_tests::wait::{LONG, wait_for, wait_until};
use feedwatch_tests::watch::{accounts, settled, state};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port()
}

fn config(url: &str, more: &str) -> String {
    format!("[feed.meter.lines]\nurl = \"{url}\"\n{more}\n")
}

fn json(count: u64) -> String {
    (0..count).map(|seq| format!("{{\"seq\":{seq},\"level\":{}}}\n", 20 + seq % 7)).collect()
}

fn connect(port: u16) -> TcpStream {
    wait_for("a connection", LONG, || TcpStream::connect(("127.0.0.1", port)).ok())
}

/// Payload and what stands beside it, of everything that is kept.
fn kept(engine: &Engine) -> Vec<(String, String)> {
    let reader = engine.reader().expect("a history");
    let feed = reader.feeds().expect("feeds")[0].id;
    let all = reader.messages(feed, Time::MIN, Time::MAX, 100_000).expect("messages");
    let text = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
    all.iter().map(|one| (text(&one.payload), one.meta.as_deref().unwrap_or_default().to_owned())).collect()
}

fn names(engine: &Engine) -> Vec<String> {
    let series = engine.reader().expect("a history").series().expect("series");
    let mut names: Vec<String> = series.iter().map(|series| series.name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_server_that_closes_is_connected_to_again_and_the_outage_is_a_gap() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("its number").port();
    let home = Home::new();
    let engine = home.engine(&config(&format!("tcp://127.0.0.1:{port}"), ""));
    for round in 1..4 {
        let (mut socket, _) = server.accept().expect("a client");
        socket.write_all(json(100).as_bytes()).expect("a client that reads");
        settled(&engine, "meter", 100 * round);
    }
    assert_eq!(accounts(&engine, "meter").dropped, 0);
    let told = engine.report().gaps;
    assert!(told.iter().any(|gap| gap.detail.contains("The server closed the connection")), "{told:?}");
    drop(server);
    state(&engine, "meter", "down");
    engine.stop();
}

#[test]
fn clients_come_and_go_and_each_line_says_whose_it_is() {
    let port = free_port();
    let home = Home::new();
    let engine = home.engine(&config(&format!("tcp-listen://127.0.0.1:{port}"), ""));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let mut socket = connect(port);
            let from = socket.local_addr().expect("its address").to_string();
            std::thread::spawn(move || {
                for value in 0..500 {
                    let line = format!("{{\"client\":\"c{client}\",\"level\":{}}}\n", 20 + value % 7);
                    let (head, tail) = line.as_bytes().split_at(value % 10);
                    socket.write_all(head).expect("a listener");
                    socket.write_all(tail).expect("a listener");
                }
            });
            (client, from)
        })
        .collect();
    let books = settled(&engine, "meter", 4_000);
    assert_eq!((books.stored, books.rejected, books.duplicate), (4_000, 0, 0), "{books:?}");
    let all = kept(&engine);
    for (client, from) in clients {
        let of = all.iter().filter(|(line, _)| line.contains(&format!("\"c{client}\"")));
        assert!(of.clone().count() == 500 && of.clone().all(|(_, beside)| beside.contains(&from)), "{client} {from}");
    }
    engine.stop();
}

#[test]
fn beyond_this_computer_the_token_comes_first() {
    let port = free_port();
    let home = Home::new();
    home.write("token.txt", "open sesame\n");
    let more = "token = { file = \"token.txt\" }";
    let engine = home.engine(&config(&format!("tcp-listen://0.0.0.0:{port}"), more));
    let mut stranger = connect(port);
    stranger.write_all(b"{\"level\":666}\n").expect("a listener");
    let mut answer = String::new();
    let _ = std::io::Read::read_to_string(&mut stranger, &mut answer);
    let mut known = connect(port);
    known.write_all(format!("open sesame\n{}", json(100)).as_bytes()).expect("a listener");
    let books = settled(&engine, "meter", 100);
    assert_eq!((books.received, books.stored), (100, 100), "{books:?}");
    assert!(kept(&engine).iter().all(|(line, _)| !line.contains("666") && !line.contains("sesame")));
    engine.stop();
}

#[test]
fn datagrams_hold_lines_of_influxdb_and_numbers_of_csv() {
    let port = free_port();
    let home = Home::new();
    let engine = home.engine(&config(&format!("udp://127.0.0.1:{port}"), ""));
    state(&engine, "meter", "live");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for number in 0..100 {
        let datagram =
            format!("weather,place=north temp={}\nweather,place=south temp={}\n", 20 + number % 5, 25 + number % 3);
        socket.send_to(datagram.as_bytes(), ("127.0.0.1", port)).expect("a datagram");
        // No faster than they are taken: the system forgets what its queue cannot hold.
        wait_until("it is taken", LONG, || accounts(&engine, "meter").received >= 2 * (number + 1));
    }
    let books = settled(&engine, "meter", 200);
    assert_eq!((books.stored, books.rejected), (200, 0), "{books:?}");
    assert_eq!(names(&engine).len(), 2, "{:?}", names(&engine));
    engine.stop();
}

#[test]
fn plain_numbers_and_csv_are_read_from_a_server() {
    let numbers: String = (0..200).map(|number| format!("{}.5\n", 20 + number % 7)).collect();
    let records: String = (0..200).map(|number| format!("{},{}\n", 20 + number % 7, 30 + number * 7 % 5)).collect();
    for (text, series) in [(numbers, 1), (format!("level,flow\n{records}"), 2)] {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = server.local_addr().expect("its number").port();
        let home = Home::new();
        let engine = home.engine(&config(&format!("tcp://127.0.0.1:{port}"), ""));
        let (mut socket, _) = server.accept().expect("a client");
        socket.write_all(text.as_bytes()).expect("a client that reads");
        let books = settled(&engine, "meter", 200);
        assert_eq!(books.rejected, 0, "{books:?}");
        assert_eq!(names(&engine).len(), series, "{:?}", names(&engine));
        engine.stop();
    }
}

#[test]
fn half_a_line_and_one_that_is_too_long_are_counted_as_unreadable() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("its number").port();
    let home = Home::new();
    let engine = home.engine(&config(&format!("tcp://127.0.0.1:{port}"), "max_message = \"1KiB\""));
    let (mut socket, _) = server.accept().expect("a client");
    socket.write_all(json(100).as_bytes()).expect("a client that reads");
    socket.write_all(format!("{}\n{{\"seq\":100,\"le", "x".repeat(1 << 20)).as_bytes()).expect("a client that reads");
    drop(socket);
    let books = settled(&engine, "meter", 102);
    assert_eq!((books.stored, books.rejected), (100, 2), "{books:?}");
    let told: Vec<String> = engine.report().findings.iter().map(|finding| finding.text.clone()).collect();
    assert!(told.iter().any(|text| text.contains("more than `max_message` allows")), "{told:?}");
    engine.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn datagrams_that_the_system_dropped_are_lost_messages() {
    let port = free_port();
    let home = Home::new();
    let engine = home.engine(&config(&format!("udp://127.0.0.1:{port}"), ""));
    state(&engine, "meter", "live");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let padding = "x".repeat(2_000);
    let mut sent = 0;
    wait_until("the system drops some", LONG, || {
        for _ in 0..2_000 {
            socket
                .send_to(format!("{{\"level\":{},\"p\":\"{padding}\"}}", sent % 7).as_bytes(), ("127.0.0.1", port))
                .expect("sent");
            sent += 1;
        }
        engine.status().0.lost > 0
    });
    wait_until("all are counted", LONG, || {
        let books = accounts(&engine, "meter");
        books.in_flight == 0 && books.received + (engine.status().0.lost - books.dropped) == sent
    });
    let told: Vec<String> = engine.report().gaps.iter().map(|gap| gap.detail.clone()).collect();
    assert!(told.iter().any(|text| text.contains("The system dropped")), "{told:?}");
    engine.stop();
}

#[test]
fn standard_input_is_read_to_its_end() {
    let home = Home::new();
    home.write("feeds.toml", config("stdin:", ""));
    let mut command = home.command(binary::feedwatch());
    let (process, mut input) = Process::start_told(command.args(["run", "feeds.toml", "--json", "--follow"]));
    let text = json(20_000);
    let (head, tail) = text.split_at(text.len() - 1);
    input.write_all(head.as_bytes()).expect("a program that reads");
    assert_eq!(tail, "\n", "its last line has no end");
    drop(input);
    let reader = wait_for("a history", LONG, || feedwatch_store::read(&home.history()).ok());
    wait_until("all is stored", LONG, || {
        let feeds = reader.feeds().expect("feeds");
        let stored = |feed: &feedwatch_store::FeedRecord| reader.messages(feed.id, Time::MIN, Time::MAX, 100_000);
        feeds.first().is_some_and(|feed| stored(feed).expect("messages").len() == 20_000)
    });
    process.interrupt();
    let books = process.end(LONG).json()["accounts"]["meter"].clone();
    assert_eq!((&books["stored"], &books["dropped"]), (&20_000.into(), &0.into()), "{books}");
}

#[test]
fn an_engine_without_a_terminal_reads_no_input() {
    let home = Home::new();
    let engine = home.engine(&config("stdin:", ""));
    state(&engine, "meter", "refused");
    let said = engine.status().1.into_iter().find(|row| row.name == "meter").and_then(|row| row.state_text);
    assert!(said.as_deref().is_some_and(|said| said.contains("not by the window")), "{said:?}");
    engine.stop();
}

#[test]
fn a_look_at_an_input_and_at_a_server_says_what_was_learned() {
    let home = Home::new();
    let mut command = home.command(binary::feedwatch());
    let (process, mut input) = Process::start_told(command.args(["probe", "-", "--json"]));
    input.write_all(json(500).as_bytes()).expect("a program that reads");
    drop(input);
    let report = process.end(LONG).json();
    assert_eq!((&report["source"], &report["protocol"]), (&"stdin:".into(), &"lines".into()));
    assert_eq!(report["accounts"]["received"], 500);
    assert!(report["profile"].to_string().contains("\"level\""), "{report}");

    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tcp://{}", server.local_addr().expect("its number"));
    let look = home.start(&["probe", &address, "--for", "2s"]);
    let (mut socket, _) = server.accept().expect("a client");
    socket.write_all(json(500).as_bytes()).expect("a client that reads");
    let ended = look.end(LONG);
    let said = ended.out.join("\n");
    assert!(ended.code == Some(0) && said.contains("500 messages") && said.contains("level"), "{ended:?}");
}
