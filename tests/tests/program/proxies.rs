//! Every protocol through a proxy of either kind, named in its table or by the environment.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};

use feedwatch_tests::home::Home;
use feedwatch_tests::mosquitto::{Listener, Mosquitto};
use feedwatch_tests::nats::Nats;
use feedwatch_tests::nginx::Nginx;
use feedwatch_tests::process::Process;
use feedwatch_tests::python::post;
use feedwatch_tests::rabbit::Rabbit;
use feedwatch_tests::relay::{LOGIN, Relay};
use feedwatch_tests::skip;
use feedwatch_tests::wait::{LONG, wait_until};
use feedwatch_tests::watch::{accounts, says, settled, state};

const MISSING: &str = "nginx has no nchan, which `scripts/setup test` installs";
/// A name that only the proxy knows.
const NAME: &str = "far.test";

fn message(seq: u64) -> String {
    format!("{{\"seq\":{seq},\"level\":{}}}", 20 + seq % 7)
}

/// What must be written to go through `relay`: plainly, or with the login out of a file.
fn through(home: &Home, relay: &Relay, scheme: &str, closed: bool) -> String {
    if !closed {
        return format!("proxy = \"{scheme}://{}\"", relay.address());
    }
    let file = format!("{scheme}.proxy");
    home.write(&file, format!("{scheme}://{}:{}@{}\n", LOGIN.0, LOGIN.1, relay.address()));
    format!("proxy = {{ file = \"{file}\" }}")
}

#[test]
fn what_is_spoken_over_http_goes_through_proxies_that_speak_http_or_socks() {
    let Some(nginx) = Nginx::start() else { return skip::unless_ci(MISSING) };
    nginx.write("state.json", &message(1));
    let home = Home::new();
    let ca = nginx.file("ca.pem").display().to_string();
    let (plain, encrypted) = (nginx.port, nginx.tls_port);
    let relays = [("http", false), ("http", true), ("socks5", false), ("socks5", true)]
        .map(|(scheme, closed)| (scheme, closed, Relay::start(closed)));
    let mut text = String::new();
    for (scheme, closed, relay) in &relays {
        let proxy = through(&home, relay, scheme, *closed);
        let name = format!("{scheme}-{closed}");
        text.push_str(&format!(
            "[feed.poll-{name}.poll]\nurl = \"http://{NAME}:{plain}/state.json\"\n{proxy}\n\
             [feed.tls-{name}.poll]\nurl = \"https://localhost:{encrypted}/state.json\"\ntls = {{ ca = \"{ca}\" }}\n{proxy}\n\
             [feed.sse-{name}.sse]\nurl = \"http://{NAME}:{plain}/feed\"\n{proxy}\n\
             [feed.ws-{name}.websocket]\nurl = \"ws://{NAME}:{plain}/feed\"\n{proxy}\n\
             [feed.wss-{name}.websocket]\nurl = \"wss://localhost:{encrypted}/feed\"\ntls = {{ ca = \"{ca}\" }}\n{proxy}\n"
        ));
    }
    let engine = home.engine(&text);
    for seq in 1..=20 {
        assert!(post(plain, "/publish", &message(seq)).starts_with("HTTP/1.1 20"));
    }
    for (scheme, closed, relay) in &relays {
        let name = format!("{scheme}-{closed}");
        for (feed, count) in [("poll", 1), ("tls", 1), ("sse", 20), ("ws", 20), ("wss", 20)] {
            let feed = format!("{feed}-{name}");
            settled(&engine, &feed, count);
            state(&engine, &feed, "live");
        }
        let asked = relay.asked();
        let expected = match *scheme {
            "http" => [
                format!("GET http://{NAME}:{plain}/state.json"),
                format!("CONNECT localhost:{encrypted}"),
                format!("CONNECT {NAME}:{plain}"),
            ],
            _ => [
                format!("SOCKS {NAME}:{plain}"),
                format!("SOCKS localhost:{encrypted}"),
                format!("SOCKS {NAME}:{plain}"),
            ],
        };
        for one in expected {
            assert!(relay.was_asked(&one), "{one}: {asked:#?}");
        }
        assert!(!relay.was_asked("refused"), "{asked:#?}");
        // A way that is cut is found again.
        let before = accounts(&engine, &format!("ws-{name}")).received;
        relay.cut();
        wait_until("it asks again", LONG, || relay.asked().len() > asked.len());
        state(&engine, &format!("ws-{name}"), "live");
        assert!(accounts(&engine, &format!("ws-{name}")).received >= before);
    }
    let said = format!("{:?}", engine.status());
    assert!(!said.contains(LOGIN.1), "{said}");
    engine.stop();
}

#[test]
fn brokers_are_reached_through_proxies_too() {
    let nats = Nats::start();
    let (mosquitto, rabbit) = (Mosquitto::start(), Rabbit::start());
    let home = Home::new();
    let relays = [("http", true), ("socks5", true)].map(|(scheme, closed)| (scheme, Relay::start(closed)));
    let mut text = String::new();
    for (scheme, relay) in &relays {
        let proxy = through(&home, relay, scheme, true);
        let port = nats.port;
        text.push_str(&format!(
            "[feed.nats-{scheme}.nats]\nurl = \"nats://{NAME}:{port}\"\nsubjects = [\"plant\"]\n{proxy}\n"
        ));
        if let Some(broker) = &mosquitto {
            let port = broker.port(Listener::Plain);
            text.push_str(&format!(
                "[feed.mqtt-{scheme}.mqtt]\nurl = \"mqtt://{NAME}:{port}\"\ntopics = [\"plant\"]\n{proxy}\n"
            ));
        }
        if let Some(broker) = &rabbit {
            let port = broker.port;
            text.push_str(&format!(
                "[feed.amqp-{scheme}.amqp]\nurl = \"amqp://{NAME}:{port}\"\nuser = \"guest\"\n\
                 password = {{ file = \"guest\" }}\nexchange = \"amq.topic\"\nrouting_keys = [\"plant\"]\n{proxy}\n"
            ));
        }
    }
    home.write("guest", "guest\n");
    let engine = home.engine(&text);
    let brokers = [("nats", true), ("mqtt", mosquitto.is_some()), ("amqp", rabbit.is_some())];
    let there = || brokers.iter().filter(|(_, is_there)| *is_there).map(|(broker, _)| *broker);
    for broker in there() {
        for (scheme, _) in &relays {
            state(&engine, &format!("{broker}-{scheme}"), "live");
        }
    }
    let messages = || (1..=20).map(message);
    nats.client().publish(messages().map(|text| ("plant".to_owned(), text)));
    if let Some(broker) = &mosquitto {
        broker.client().publish(messages().map(|text| ("plant", text)));
    }
    if let Some(broker) = &rabbit {
        broker.client().publish("amq.topic", messages().map(|text| ("plant", text)));
    }
    for broker in there() {
        for (scheme, relay) in &relays {
            let books = settled(&engine, &format!("{broker}-{scheme}"), 20);
            assert_eq!((books.received, books.stored), (20, 20), "{broker} {scheme}: {books:?}");
            let asked = relay.asked();
            assert!(asked.iter().all(|one| one.contains(NAME)), "{asked:#?}");
        }
    }
    engine.stop();
    if mosquitto.is_none() || rabbit.is_none() {
        skip::unless_ci("there is no mosquitto or no RabbitMQ, which `scripts/setup test` installs");
    }
}

#[test]
fn lines_of_a_server_come_through_a_proxy() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let server = std::thread::spawn(move || {
        let clients: Vec<_> = (0..2).map(|_| listener.accept().expect("a client").0).collect();
        for mut client in &clients {
            (1..=20).for_each(|seq| writeln!(client, "{}", message(seq)).expect("it reads"));
        }
        clients
    });
    let home = Home::new();
    let relays = [("http", true), ("socks5", false)].map(|(scheme, closed)| (scheme, closed, Relay::start(closed)));
    let text: String = relays
        .iter()
        .map(|(scheme, closed, relay)| {
            let proxy = through(&home, relay, scheme, *closed);
            format!("[feed.{scheme}.lines]\nurl = \"tcp://{NAME}:{port}\"\n{proxy}\n")
        })
        .collect();
    let engine = home.engine(&text);
    for (scheme, _, relay) in &relays {
        assert_eq!(settled(&engine, scheme, 20).stored, 20, "{scheme}");
        assert!(relay.asked().iter().all(|one| one.contains(NAME)), "{:?}", relay.asked());
    }
    engine.stop();
    drop(server.join());
}

#[test]
fn what_a_proxy_refuses_is_told_and_the_way_without_one_can_be_had() {
    let Some(nginx) = Nginx::start() else { return skip::unless_ci(MISSING) };
    nginx.write("state.json", &message(1));
    let home = Home::new();
    let closed = Relay::start(true);
    home.write("wrong", format!("socks5://ann:wr0ng@{}", closed.address()));
    let (port, address) = (nginx.port, closed.address());
    let engine = home.engine(&format!(
        "[feed.open.websocket]\nurl = \"ws://{NAME}:{port}/feed\"\nproxy = \"http://{address}\"\n\
         [feed.document.poll]\nurl = \"http://{NAME}:{port}/state.json\"\nproxy = \"http://{address}\"\n\
         [feed.wrong.sse]\nurl = \"http://{NAME}:{port}/feed\"\nproxy = {{ file = \"wrong\" }}\n\
         [feed.absent.poll]\nurl = \"http://{NAME}:{port}/\"\nproxy = \"http://127.0.0.1:1\"\n\
         [feed.straight.poll]\nurl = \"http://127.0.0.1:{port}/state.json\"\nproxy = \"none\"\n"
    ));
    state(&engine, "open", "refused");
    says(&engine, "open", "wants a user and a password");
    state(&engine, "document", "refused");
    says(&engine, "document", "407");
    state(&engine, "wrong", "refused");
    says(&engine, "wrong", "wants a user and a password. Check both.");
    says(&engine, "absent", "The proxy cannot be reached. Nothing listens at 127.0.0.1:1");
    settled(&engine, "straight", 1);
    let said = format!("{:?}", engine.status());
    assert!(!said.contains("wr0ng"), "{said}");
    engine.stop();
    assert!(closed.asked().iter().all(|asked| asked == "refused"), "{:?}", closed.asked());
}

#[test]
fn the_environment_names_the_proxy_and_what_goes_without() {
    let Some(nginx) = Nginx::start() else { return skip::unless_ci(MISSING) };
    nginx.write("state.json", &message(1));
    let home = Home::new();
    let relay = Relay::start(false);
    let port = nginx.port;
    home.write(
        "feeds.toml",
        format!(
            "[feed.document.poll]\nurl = \"http://{NAME}:{port}/state.json\"\n\
             [feed.socket.websocket]\nurl = \"ws://{NAME}:{port}/feed\"\n\
             [feed.here.poll]\nurl = \"http://127.0.0.1:{port}/state.json\"\n\
             [feed.straight.poll]\nurl = \"http://{NAME}:{port}/state.json\"\nproxy = \"none\"\n\
             [feed.excepted.poll]\nurl = \"http://a.excepted.test:{port}/state.json\"\n"
        ),
    );
    let run = |variables: &[(&str, &str)]| {
        let mut command = home.command(feedwatch_tests::binary::feedwatch());
        command.args(["run", "feeds.toml", "--json", "--follow", "--for", "60s"]);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.envs(variables.iter().copied()).env("NO_PROXY", "excepted.test");
        Process::start(&mut command)
    };
    let address = relay.address().to_string();
    for (variables, kind) in [
        (vec![("http_proxy", format!("http://{address}"))], format!("CONNECT {NAME}:{port}")),
        (vec![("ALL_PROXY", format!("socks5://{address}"))], format!("SOCKS {NAME}:{port}")),
    ] {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let running = run(&variables);
        wait_until("the proxy is asked for the socket", LONG, || relay.was_asked(&kind));
        let received = |feed: &str| {
            let lines = running.lines();
            lines.iter().rev().find(|line| line.contains("\"accounts\"")).is_some_and(|line| {
                let books: serde_json::Value = serde_json::from_str(line).expect("JSON");
                books["accounts"][feed]["received"].as_u64() > Some(0)
            })
        };
        wait_until("documents came", LONG, || received("document") && received("here"));
        running.interrupt();
        let report = running.end(LONG).json();
        for feed in ["straight", "excepted"] {
            assert_eq!(report["accounts"][feed]["received"], 0, "there is no such name without the proxy: {report:#}");
        }
    }
    assert!(relay.was_asked(&format!("GET http://{NAME}:{port}/state.json")), "{:#?}", relay.asked());
    let asked = relay.asked();
    assert!(asked.iter().all(|one| one.contains(NAME)), "this computer and what is excepted go straight: {asked:#?}");
}
