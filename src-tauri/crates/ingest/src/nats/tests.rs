//! What a server may say that is none, or means ill; what needs a real one is a test of the whole program.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{NatsOptions, NatsRead, NatsSource, NatsStart, NatsStream};
use crate::batch::Batch;
use crate::testkit::{clock, server};
use crate::{ConnectError, Resume, Session, SessionError, Source};

const INFO: &str = "INFO {\"version\":\"2.15.1\",\"max_payload\":99999999999}\r\n";

fn options(port: u16) -> NatsOptions {
    NatsOptions { port, ..NatsOptions::new("127.0.0.1", vec!["a.>".into()]) }
}

async fn connect(options: NatsOptions) -> Result<Box<dyn Session>, ConnectError> {
    NatsSource::new(options, clock).connect(&Resume::default()).await
}

async fn refusal(options: NatsOptions) -> ConnectError {
    match connect(options).await {
        Ok(_) => panic!("a session"),
        Err(error) => error,
    }
}

/// A server that takes every client and its subscriptions; `said` follows.
async fn saying(said: Vec<u8>) -> u16 {
    server(move |_, socket| {
        let said = said.clone();
        async move {
            let mut socket = BufReader::new(socket);
            socket.write_all(INFO.as_bytes()).await.unwrap();
            let mut line = String::new();
            for _ in 0..2 {
                // CONNECT, subscriptions: then it wants to know whether we live.
                line.clear();
                while socket.read_line(&mut line).await.unwrap() > 0 && !line.ends_with("PING\r\n") {}
                socket.write_all(b"PONG\r\n").await.unwrap();
            }
            socket.write_all(&said).await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    })
    .await
}

/// What a session gets until its end: payloads, and the end.
async fn heard(said: impl Into<Vec<u8>>, max_message: usize) -> (Vec<Vec<u8>>, SessionError) {
    let port = saying(said.into()).await;
    let mut session = connect(NatsOptions { max_message, ..options(port) }).await.unwrap();
    let (mut payloads, mut batch) = (Vec::new(), Batch::default());
    loop {
        let received = session.recv(&mut batch).await;
        payloads.extend(batch.take(usize::MAX).into_iter().flatten().map(|message| message.payload.to_vec()));
        if let Err(error) = received {
            return (payloads, error);
        }
    }
}

#[tokio::test]
async fn what_is_no_server_is_told_as_such() {
    for (answer, part) in [
        (&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], "does not speak NATS"),
        (b"INFO no JSON\r\n", "does not speak NATS"),
        (b"MSG a 1 5\r\nhello\r\n", "does not speak NATS"),
        (b"AMQP\x00\x00\x09\x01\r\n", "does not speak NATS"),
        (&[b'x'; 70_000], "does not speak NATS"),
        (b"", "cut the connection"),
        (b"-ERR 'maximum connections exceeded'\r\n", "does not take us just now"),
        (b"-ERR\r\n", "refuses the connection"),
    ] {
        let port = server(move |_, mut socket: TcpStream| async move {
            // Who is refused does not listen to the end.
            let _ = socket.write_all(answer).await;
            let _ = socket.shutdown().await;
            let _ = socket.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let error = refusal(options(port)).await;
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let port = server(|_, mut socket: TcpStream| async move {
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let error = refusal(NatsOptions { connect_timeout: Duration::from_millis(50), ..options(port) }).await;
    assert!(matches!(error, ConnectError::TimedOut { .. }) && !error.is_permanent(), "{error}");
}

#[tokio::test]
async fn a_message_that_is_announced_too_large_ends_the_session_before_it_comes() {
    // Small enough to be read is what answers of JetStream may have.
    for (said, size) in [
        ("MSG a.b 1 2000000\r\n", Some(2_000_000)),
        ("MSG a.b 1 18446744073709551615\r\n", None),
        ("MSG a.b 1 99999999999999999999999999\r\n", None),
        ("HMSG a.b 1 12 2000012\r\n", Some(2_000_000)),
        ("MSG a.b 1 11\r\nhello world\r\n", Some(11)),
    ] {
        let (payloads, error) = heard(format!("MSG a.b 1 5\r\nhello\r\n{said}"), 10).await;
        assert_eq!(payloads, [b"hello"], "what came before is kept");
        assert_eq!(error, SessionError::TooBig { size, limit: 10, option: "max_message" });
    }
}

#[tokio::test]
async fn whatever_a_server_says_ends_the_session_at_most() {
    for (said, part) in [
        (&b"-ERR\r\n"[..], "closed the session"),
        (b"-ERR 'Slow Consumer'\r\n", "not read fast enough"),
        (b"-ERR 'Stale Connection'\r\n", "stale connection"),
        (b"-ERR 'User Authentication Expired'\r\n", "Renew the credentials"),
        (b"-ERR 'Permissions Violation for Subscription to \"a.>\"'\r\n", "Reading a.> is not allowed"),
        (b"HMSG a.b 1 2000000 2000000\r\n", "headers of 2000000 bytes"),
        (b"HMSG a.b 1 9 5\r\n", "no NATS"),
        (b"\xff\xfe\x00\r\n", "no NATS"),
        (&[b'x'; 70_000], "a line of more than"),
        (b"INFO {\"ldm\":true,\"connect_urls\":[\"10.0.0.1:4222\"]}\r\n", "lame duck"),
    ] {
        let (_, error) = heard(said, 1 << 20).await;
        assert!(error.to_string().contains(part), "{error}");
    }
    let harmless = "INFO {}\r\nINFO no JSON\r\n+OK\r\nMSG x 77 2 0\r\n\r\nHMSG a 1 4 4\r\nNATS\r\nPING\r\n";
    let (payloads, error) = heard(format!("{harmless}MSG a 1 2\r\nhi\r\n-ERR 'x'\r\n"), 1 << 20).await;
    assert_eq!(payloads.last().map(Vec::as_slice), Some(&b"hi"[..]), "{error}");
}

#[tokio::test]
async fn no_secret_is_sent_where_encryption_was_asked_for_and_not_given() {
    for (info, encrypted, part) in [
        ("INFO {\"tls_required\":false}\r\n", true, "offers no TLS, so nothing was sent"),
        ("INFO {\"tls_required\":true}\r\nINFO {}\r\n", true, "more than it may before the encryption"),
        ("INFO {\"tls_required\":true}\r\n", false, "Begin the address with nats+tls://"),
    ] {
        let (heard, mut told) = mpsc::channel(1);
        let port = server(move |_, mut socket: TcpStream| {
            let heard = heard.clone();
            async move {
                socket.write_all(info.as_bytes()).await.unwrap();
                let mut said = Vec::new();
                let _ = socket.read_to_end(&mut said).await;
                heard.send(said).await.unwrap();
            }
        })
        .await;
        let login = NatsOptions::login_of("ann", Some("s3cr3t"));
        let error = refusal(NatsOptions { encrypted, login, ..options(port) }).await;
        assert!(error.is_permanent() && error.to_string().contains(part), "{error}");
        assert_eq!(told.recv().await.unwrap(), b"");
    }
}

#[tokio::test]
async fn answers_of_jetstream_that_are_none_are_told() {
    let stream = NatsStream {
        name: "S".into(),
        durable: "d".into(),
        shared: false,
        start: NatsStart::Latest,
        max_ack_pending: 10,
    };
    for (answer, part) in [
        ("no JSON", "cannot be read"),
        ("{\"error\":{\"code\":404,\"err_code\":10059}}", "There is no stream S"),
        ("{\"error\":{\"err_code\":-1}}", "cannot be read"),
        ("", "cannot be read"),
    ] {
        let port = server(move |_, socket| async move {
            let mut socket = BufReader::new(socket);
            socket.write_all(INFO.as_bytes()).await.unwrap();
            let mut line = String::new();
            while socket.read_line(&mut line).await.unwrap() > 0 {
                if line.starts_with("PING") {
                    socket.write_all(b"PONG\r\n").await.unwrap();
                } else if let Some(asked) = line.strip_prefix("PUB $JS.API.STREAM.INFO.S ") {
                    let reply = asked.split(' ').next().unwrap();
                    let said = format!("MSG {reply} 1 {}\r\n{answer}\r\n", answer.len());
                    socket.write_all(said.as_bytes()).await.unwrap();
                }
                line.clear();
            }
        })
        .await;
        let read = NatsRead::Stream(stream.clone());
        let error = refusal(NatsOptions { read, subjects: Vec::new(), ..options(port) }).await;
        assert!(error.to_string().contains(part), "{answer}: {error}");
    }
}

/// A server that says `early` when it is subscribed to, before it confirms that, and tells what it hears.
async fn hearing(early: &'static str) -> (u16, mpsc::UnboundedReceiver<String>) {
    let (heard, told) = mpsc::unbounded_channel();
    let port = server(move |_, socket| {
        let heard = heard.clone();
        async move {
            let mut socket = BufReader::new(socket);
            socket.write_all(INFO.as_bytes()).await.unwrap();
            let mut line = String::new();
            while socket.read_line(&mut line).await.unwrap() > 0 {
                let answer = match line.as_str() {
                    "PING\r\n" => "PONG\r\n",
                    line if line.starts_with("SUB ") => early,
                    _ => "",
                };
                socket.write_all(answer.as_bytes()).await.unwrap();
                let _ = heard.send(line.split(' ').next().unwrap_or_default().trim().to_owned());
                line.clear();
            }
        }
    })
    .await;
    (port, told)
}

#[tokio::test]
async fn what_comes_before_a_subscription_is_confirmed_is_not_lost() {
    let (port, _told) =
        hearing("MSG a.b 2 5\r\nfirst\r\nMSG a.b 2 6\r\nsecond\r\nMSG a.b 2 12\r\nfar too long\r\n").await;
    let mut session = connect(NatsOptions { max_message: 11, ..options(port) }).await.unwrap();
    let mut batch = Batch::default();
    session.recv(&mut batch).await.unwrap();
    let payloads: Vec<&[u8]> = batch.views().map(|message| message.payload).collect();
    assert_eq!(payloads, [&b"first"[..], b"second"]);
    let error = session.recv(&mut Batch::default()).await.unwrap_err();
    assert_eq!(error, SessionError::TooBig { size: Some(12), limit: 11, option: "max_message" });
}

#[tokio::test]
async fn a_server_that_never_confirms_a_subscription_fills_one_batch_only() {
    let many = "MSG a.b 2 1\r\nx\r\n".repeat(10_000).leak();
    let (port, _told) = hearing(many).await;
    let mut session = connect(options(port)).await.unwrap();
    let mut batch = Batch::default();
    session.recv(&mut batch).await.unwrap();
    assert_eq!(batch.messages().len(), 256);
    while batch.messages().len() < 10_000 {
        let mut more = Batch::default();
        session.recv(&mut more).await.unwrap();
        batch.append(&mut more);
    }
}

#[tokio::test]
async fn who_ends_reading_unsubscribes_first_so_that_a_group_gives_its_messages_to_others() {
    let (port, mut told) = hearing("").await;
    let subjects = vec!["a.>".to_owned(), "b".to_owned()];
    connect(NatsOptions { subjects, ..options(port) }).await.unwrap().close().await;
    let mut heard = Vec::new();
    while let Some(line) = told.recv().await {
        heard.push(line);
        if heard.len() == 8 {
            break;
        }
    }
    assert_eq!(heard, ["CONNECT", "PING", "SUB", "SUB", "PING", "UNSUB", "UNSUB", "PING"]);
}

/// A stream with a consumer of ours that has handed out three messages; tells what the consumer is changed to.
async fn with_a_consumer(shared: bool) -> serde_json::Value {
    let (changed, mut told) = mpsc::unbounded_channel();
    let port = server(move |_, socket| {
        let changed = changed.clone();
        async move {
            let mut socket = BufReader::new(socket);
            socket.write_all(INFO.as_bytes()).await.unwrap();
            let mut line = String::new();
            while socket.read_line(&mut line).await.unwrap() > 0 {
                let said = std::mem::take(&mut line);
                let words: Vec<&str> = said.split_whitespace().collect();
                let consumer =
                    r#"{"name":"d","config":{"description":"Feedwatch","ack_policy":"explicit"},"num_ack_pending":3}"#;
                let answer = match words[..] {
                    ["PING"] => "PONG\r\n".to_owned(),
                    ["PUB", subject, reply, size] => {
                        let mut body = vec![0; size.parse::<usize>().unwrap() + 2];
                        socket.read_exact(&mut body).await.unwrap();
                        if subject.starts_with("$JS.API.CONSUMER.CREATE.") {
                            let body = serde_json::from_slice(&body[..body.len() - 2]).unwrap();
                            let _ = changed.send(body);
                        }
                        let answer = if subject.contains("STREAM") { r#"{"created":"c"}"# } else { consumer };
                        format!("MSG {reply} 1 {}\r\n{answer}\r\n", answer.len())
                    }
                    _ => String::new(),
                };
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let start = NatsStart::Latest;
    let stream = NatsStream { name: "S".into(), durable: "d".into(), shared, start, max_ack_pending: 10 };
    connect(NatsOptions { read: NatsRead::Stream(stream), subjects: Vec::new(), ..options(port) }).await.unwrap();
    told.recv().await.unwrap()
}

#[tokio::test]
async fn what_another_reader_of_a_shared_consumer_has_not_acknowledged_is_not_taken_from_it() {
    let second = 1_000_000_000_i64;
    let ack_wait = |changed: serde_json::Value| changed["config"]["ack_wait"].as_i64().unwrap();
    assert!(ack_wait(with_a_consumer(false).await) < second, "ours alone: it comes again at once");
    assert_eq!(ack_wait(with_a_consumer(true).await), 30 * second);
}
