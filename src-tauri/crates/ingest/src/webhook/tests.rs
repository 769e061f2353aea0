use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::Event;
use crate::testkit::{Watched, clock, eager};

/// A port that nobody had a moment ago.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn source(listen: SocketAddr, change: impl FnOnce(&mut WebhookOptions)) -> WebhookSource {
    let mut options = WebhookOptions::new(listen, Secret::new("s3cr3t"));
    options.path = "/hook".to_owned();
    change(&mut options);
    WebhookSource::new(options, clock)
}

async fn listening(feed: &mut Watched) {
    while !matches!(feed.next().await, Event::Connected { .. }) {}
}

/// Sends a request over a connection of its own and gives the whole answer.
async fn asked(listen: SocketAddr, request: String) -> String {
    let mut socket = TcpStream::connect(listen).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

const BEARER: &str = "authorization: Bearer s3cr3t\r\n";

#[tokio::test]
async fn a_request_is_thanked_for_when_its_message_is_kept() {
    let listen = free().await;
    let mut feed = Watched::start(source(listen, |_| {}), eager());
    listening(&mut feed).await;
    let headers = format!("{BEARER}content-type: application/json\r\nx-request-id: r1\r\n");
    let waiting = tokio::spawn(asked(listen, post("/hook/falco", &headers, "{\"a\":1}")));
    let message = feed.message().await;
    let meta = message.meta.unwrap();
    assert_eq!(
        (&message.payload[..], meta.topic.as_deref(), meta.id.as_deref()),
        (&b"{\"a\":1}"[..], Some("falco"), Some("r1"))
    );
    assert!(meta.awaits_ack && !meta.redelivered && !format!("{meta:?}").contains("s3cr3t"));
    assert!(!waiting.is_finished(), "before it was kept");
    feed.inbox.kept_below(1);
    let answer = waiting.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    feed.stop().await;
}

#[tokio::test]
async fn what_is_not_kept_in_time_comes_again_and_is_flagged() {
    let listen = free().await;
    let mut feed = Watched::start(source(listen, |_| {}), eager());
    listening(&mut feed).await;
    let answer = asked(listen, post("/hook", BEARER, "1")).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 5\r\n"), "{answer}");
    assert!(!feed.message().await.meta.unwrap().redelivered);
    feed.inbox.kept_below(1);
    let again = tokio::spawn(asked(listen, post("/hook", BEARER, "1")));
    assert!(feed.message().await.meta.unwrap().redelivered, "so that it is known if it was kept after all");
    feed.inbox.kept_below(2);
    assert!(again.await.unwrap().starts_with("HTTP/1.1 204 "));
    let third = tokio::spawn(asked(listen, post("/hook", BEARER, "1")));
    assert!(!feed.message().await.meta.unwrap().redelivered, "a third one is another message");
    feed.inbox.kept_below(3);
    assert!(third.await.unwrap().starts_with("HTTP/1.1 204 "));
    feed.stop().await;
}

#[tokio::test]
async fn who_has_no_token_is_turned_away_and_told_of_without_a_word_of_theirs() {
    let listen = free().await;
    let mut feed = Watched::start(source(listen, |_| {}), eager());
    listening(&mut feed).await;
    for headers in ["", "authorization: Bearer gu3ss\r\n", "x-token: s3cr3t\r\n"] {
        let answer = asked(listen, post("/hook?token=s3cr3t", headers, "{}")).await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("www-authenticate: Bearer\r\n"), "{answer}");
        assert!(!answer.contains("gu3ss"), "{answer}");
    }
    let (mut away, mut text) = (0, String::new());
    while away < 3 || text.is_empty() {
        match feed.next().await {
            Event::TurnedAway { count, who, .. } => {
                assert_eq!(who, "127.0.0.1");
                away += count;
            }
            Event::Notice { text: told, .. } => text = told,
            other => panic!("{other:?}"),
        }
    }
    let told = format!("turned away at webhook://{listen}/hook: without the token, or with a wrong one.");
    assert!(text.ends_with(&told), "{text}");
    assert_eq!(feed.inbox.counters().received, 0);
    feed.stop().await;
}

#[tokio::test]
async fn other_requests_are_refused_each_by_its_status() {
    let listen = free().await;
    let mut feed = Watched::start(source(listen, |options| options.max_message = 10), eager());
    listening(&mut feed).await;
    for (request, status) in [
        (post("/other", BEARER, "1"), "404 "),
        (post("/hook", BEARER, "1").replacen("POST", "GET", 1), "405 "),
        (post("/hook", BEARER, "01234567890"), "413 "),
        (
            format!(
                "POST /hook HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{BEARER}transfer-encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n"
            ),
            "413 ",
        ),
        (post("/hook", &format!("{BEARER}content-encoding: br\r\n"), "1"), "415 "),
        ("nonsense\r\n\r\n".to_owned(), "400 "),
    ] {
        let answer = asked(listen, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    assert_eq!(feed.inbox.counters().received, 0);
    feed.stop().await;
}

#[tokio::test]
async fn whoever_is_refused_does_not_keep_the_connection() {
    let listen = free().await;
    let mut feed = Watched::start(source(listen, |options| options.max_message = 10), eager());
    listening(&mut feed).await;
    for request in [
        post("/other", BEARER, "1"),
        post("/hook", BEARER, "1").replacen("POST", "GET", 1),
        post("/hook", "", "1"),
        post("/hook", BEARER, "01234567890"),
        post("/hook", &format!("{BEARER}content-encoding: br\r\n"), "1"),
    ] {
        let answer = asked(listen, request.replace("connection: close\r\n", "")).await;
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    feed.stop().await;
}

#[tokio::test]
async fn messages_that_wait_to_be_taken_have_their_bytes_counted() {
    let listen = free().await;
    let large = "x".repeat(16 << 20);
    let source = source(listen, |options| options.max_message = large.len());
    let mut session = source.connect(&Resume::default()).await.unwrap();
    let senders: Vec<_> = (0..4).map(|_| tokio::spawn(asked(listen, post("/hook", BEARER, &large)))).collect();
    for sender in senders {
        let answer = sender.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "nobody took it in: {answer}");
    }
    let answer = asked(listen, post("/hook", BEARER, "one more")).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let mut taken = Vec::new();
    while taken.len() < 4 {
        let mut batch = crate::Batch::default();
        session.recv(&mut batch).await.unwrap();
        taken.extend(batch.messages().iter().map(|message| message.payload.len()));
    }
    assert_eq!(taken, [large.len(); 4]);
    let waiting = tokio::spawn(asked(listen, post("/hook", BEARER, "later")));
    let mut batch = crate::Batch::default();
    session.recv(&mut batch).await.unwrap();
    assert_eq!(batch.messages()[0].payload, "later", "64 MiB waited: there was no room for the one before");
    session.close().await;
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_connection_brings_one_message_after_the_other() {
    let listen = free().await;
    let mut feed = Watched::start(source(listen, |_| {}), eager());
    listening(&mut feed).await;
    let mut socket = TcpStream::connect(listen).await.unwrap();
    for number in 0..3 {
        let request = post("/hook", BEARER, &number.to_string()).replace("connection: close\r\n", "");
        socket.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(feed.message().await.payload, number.to_string());
        feed.inbox.kept_below(number + 1);
        let mut answer = [0; 16];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 204 No ");
        let mut rest = Vec::new();
        while !rest.ends_with(b"\r\n\r\n") {
            rest.push(socket.read_u8().await.unwrap());
        }
    }
    feed.stop().await;
}

#[tokio::test]
async fn whoever_waits_when_listening_ends_is_told_to_try_again() {
    let listen = free().await;
    let mut feed = Watched::start(source(listen, |_| {}), eager());
    listening(&mut feed).await;
    let waiting = tokio::spawn(asked(listen, post("/hook", BEARER, "1")));
    feed.message().await;
    feed.stop().await;
    let answer = waiting.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(TcpStream::connect(listen).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_look_takes_nothing_away_from_whoever_keeps_it() {
    let listen = free().await;
    let mut feed = Watched::start(source(listen, |options| options.look = true), eager());
    listening(&mut feed).await;
    let answer = asked(listen, post("/hook", BEARER, "1")).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 5\r\n"), "{answer}");
    assert_eq!(feed.message().await.payload, "1");
    feed.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_the_cure_and_tried_again() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = other.local_addr().unwrap();
    let mut feed = Watched::start(source(listen, |_| {}), eager());
    let (reason, refused) = feed.lost().await;
    let port = listen.port();
    assert!(reason.starts_with(&format!("Port {port} of 127.0.0.1 is taken by another program")), "{reason}");
    assert!(reason.contains("give `listen` another port") && !refused, "{reason}");
    drop(other);
    listening(&mut feed).await;
    feed.stop().await;
    let far = source("192.0.2.1:8080".parse().unwrap(), |_| {});
    let error = far.connect(&Resume::default()).await.map(|_| ()).unwrap_err();
    assert!(error.is_permanent() && error.to_string().contains("has no address 192.0.2.1"), "{error}");
    let open = WebhookSource::new(WebhookOptions::new(free().await, Secret::new("")), clock);
    let error = open.connect(&Resume::default()).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("needs a token"), "{error}");
    assert!(!format!("{:?}", source(listen, |_| {})).contains("s3cr3t"));
}

#[tokio::test]
async fn over_tls_it_shows_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let listen = free().await;
    let files = (cert.clone(), key.clone());
    let mut feed = Watched::start(source(listen, |options| options.tls = Some(files)), eager());
    let detail = loop {
        if let Event::Connected { detail, .. } = feed.next().await {
            break detail;
        }
    };
    assert_eq!(detail, "listening, TLS");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(crate::tls::trusting(made.cert.der().clone())));
    let socket = TcpStream::connect(listen).await.unwrap();
    let mut socket = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
    socket.write_all(post("/hook", BEARER, "1").as_bytes()).await.unwrap();
    assert_eq!(feed.message().await.payload, "1");
    feed.inbox.kept_below(1);
    let mut answer = vec![0; 16];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 204 No ");
    feed.stop().await;
    let swapped = source(free().await, |options| options.tls = Some((key, cert)));
    let error = swapped.connect(&Resume::default()).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("holds no certificate in PEM"), "{error}");
}
