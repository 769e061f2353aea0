use std::sync::{Arc, Mutex};

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;
use crate::testkit::{Watched, clock, eager, encrypted, head, server};
use crate::{Event, Secret};

type Heads = Arc<Mutex<Vec<String>>>;

fn source(port: u16, change: impl FnOnce(&mut PollOptions)) -> PollSource {
    let mut options = PollOptions::new(format!("http://127.0.0.1:{port}/state"));
    options.every = Duration::from_millis(5);
    change(&mut options);
    PollSource::new(options, clock)
}

/// Answers the questions, counted over all connections, by `answer`; `None` closes the connection. Keeps their heads.
async fn answers(answer: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> (u16, Heads) {
    let heads = Heads::default();
    let (kept, answer) = (heads.clone(), Arc::new(answer));
    let port = server(move |_, mut socket: TcpStream| {
        let (kept, answer) = (kept.clone(), answer.clone());
        async move {
            loop {
                let head = head(&mut socket).await;
                if head.is_empty() {
                    return;
                }
                let number = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(head);
                    kept.len() - 1
                };
                let Some(answer) = answer(number) else { return };
                if socket.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    });
    (port.await, heads)
}

fn ok(headers: &str, body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()))
}

#[tokio::test]
async fn each_answer_is_a_message_over_one_connection() {
    let connections = Arc::new(Mutex::new(0));
    let counted = connections.clone();
    let port = server(move |_, mut socket: TcpStream| {
        *counted.lock().unwrap() += 1;
        async move {
            for number in 0.. {
                head(&mut socket).await;
                let answer = ok("content-type: application/json\r\n", &format!("{{\"level\":{number}}}")).unwrap();
                if socket.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    });
    let mut feed = Watched::start(source(port.await, |_| {}), eager());
    for number in 0..5 {
        let message = feed.message().await;
        assert_eq!(message.payload, format!("{{\"level\":{number}}}"));
        let headers = &message.meta.unwrap().headers;
        assert_eq!(headers[0], ("content-type".into(), "application/json".into()));
    }
    feed.stop().await;
    assert_eq!(*connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_did_not_change_is_no_message_but_a_sign_of_life() {
    let (port, heads) = answers(|number| match number {
        0 => ok("etag: \"a\"\r\nlast-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "1"),
        1 | 2 => Some("HTTP/1.1 304 Not Modified\r\n\r\n".to_owned()),
        3 => Some("HTTP/1.1 204 No Content\r\n\r\n".to_owned()),
        _ => ok("", "2"),
    })
    .await;
    let mut feed = Watched::start(source(port, |_| {}), eager());
    assert_eq!(feed.message().await.payload, "1");
    let mut alive = 0;
    loop {
        match feed.next().await {
            Event::Alive { .. } => alive += 1,
            Event::Message(message) => {
                assert_eq!(message.payload, "2");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((1..=3).contains(&alive), "signs without anything between them are one: {alive}");
    feed.message().await;
    feed.stop().await;
    let heads = heads.lock().unwrap();
    assert!(!heads[0].contains("if-none-match"), "{}", heads[0]);
    for asked in &heads[1..=4] {
        assert!(asked.contains("if-none-match: \"a\"") && asked.contains("if-modified-since: Sun, 06"), "{asked}");
    }
    assert!(!heads[5].contains("if-none-match"), "the last answer had none: {}", heads[5]);
}

#[tokio::test]
async fn a_304_to_a_question_without_condition_ends_the_session() {
    let (port, _) = answers(|number| match number {
        0 => ok("", "1"),
        _ => Some("HTTP/1.1 304 Not Modified\r\n\r\n".to_owned()),
    })
    .await;
    let mut feed = Watched::start(source(port, |_| {}), eager());
    let (reason, _) = feed.lost().await;
    assert!(reason.contains("(304), though it was not asked so"), "{reason}");
    feed.stop().await;
}

#[tokio::test]
async fn a_connection_closed_between_two_questions_is_no_loss() {
    // Every connection is closed behind its second answer, without having said so.
    let (port, heads) = answers(|number| if number % 3 == 2 { None } else { ok("", "x") }).await;
    let mut feed = Watched::start(source(port, |_| {}), eager());
    let mut messages = 0;
    while messages < 6 {
        match feed.next().await {
            Event::Message(_) => messages += 1,
            Event::Connecting { .. } | Event::Connected { .. } => assert_eq!(messages, 0, "one session"),
            other => panic!("{other:?}"),
        }
    }
    feed.stop().await;
    assert!(heads.lock().unwrap().len() >= 8);
}

#[tokio::test]
async fn what_is_no_answer_ends_the_session_in_words_and_retry_after_is_obeyed() {
    let (port, _) = answers(|number| match number % 2 {
        0 => ok("", "x"),
        _ => Some("HTTP/1.1 503 Service Unavailable\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n".to_owned()),
    })
    .await;
    let mut feed = Watched::start(source(port, |_| {}), eager());
    feed.message().await;
    let loss = feed.loss().await;
    assert!(loss.reason.contains("503") && !loss.refused, "{}", loss.reason);
    assert_eq!(loss.retry_in, Duration::from_secs(3));
    feed.stop().await;

    for (status, part, refused) in [
        ("401 Unauthorized", "token or password is not accepted", true),
        ("404 Not Found", "no feed at this path", true),
        ("500 Internal Server Error", "fault of its own", false),
    ] {
        let (port, _) = answers(move |_| Some(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"))).await;
        let mut feed = Watched::start(source(port, |_| {}), eager());
        let told = feed.lost().await;
        assert!(told.0.contains(part) && told.1 == refused, "{told:?}");
        feed.stop().await;
    }
}

#[tokio::test]
async fn an_answer_larger_than_allowed_is_refused_before_it_is_read() {
    let gzip = {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&[b'x'; 4000]).unwrap();
        encoder.finish().unwrap()
    };
    let port = server(move |number, mut socket: TcpStream| {
        let gzip = gzip.clone();
        async move {
            head(&mut socket).await;
            let _ = match number {
                0 => socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n").await,
                1 => {
                    let piece = format!("800\r\n{}\r\n", "x".repeat(0x800));
                    socket
                        .write_all(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{piece}").as_bytes())
                        .await
                }
                _ => {
                    let head =
                        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", gzip.len());
                    socket.write_all(&[head.as_bytes(), &gzip].concat()).await
                }
            };
            std::future::pending().await
        }
    });
    let mut feed = Watched::start(source(port.await, |options| options.http.max_message = 1000), eager());
    for size in ["9000 bytes", "unknown size", "unknown size"] {
        let (reason, refused) = feed.lost().await;
        assert!(reason.contains(size) && reason.contains("`max_message`") && !refused, "{reason}");
    }
    feed.stop().await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_ends_the_session() {
    let port = server(async |_, mut socket: TcpStream| {
        head(&mut socket).await;
        socket.write_all(&ok("", "x").unwrap().into_bytes()).await.unwrap();
        head(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        std::future::pending().await
    });
    let port = port.await;
    let mut feed = Watched::start(source(port, |options| options.timeout = Duration::from_millis(80)), eager());
    feed.message().await;
    let (reason, refused) = feed.lost().await;
    assert!(reason.starts_with(&format!("127.0.0.1:{port} did not answer within 80 ms.")) && !refused, "{reason}");
    feed.stop().await;
}

#[tokio::test]
async fn a_body_makes_the_question_a_post_with_what_the_operator_gave() {
    let (port, heads) = answers(|_| ok("", "x")).await;
    let source = source(port, |options| {
        options.body = Some("{\"query\":\"{level}\"}".into());
        options.accept = "application/graphql-response+json".into();
        options.http.bearer = Some(Secret::new("abc"));
        options.http.headers = vec![("X-Region".into(), "eu".into())];
        options.every = Duration::from_secs(3600);
    });
    assert!(!format!("{source:?}").contains("abc"));
    let mut feed = Watched::start(source, eager());
    feed.message().await;
    feed.stop().await;
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /state HTTP/1.1\r\n"), "{head}");
    for part in [
        "host: 127.0.0.1:",
        "accept: application/graphql-response+json",
        "content-type: application/json",
        "content-length: 19",
        "accept-encoding: gzip, br, zstd",
        "authorization: Bearer abc",
        "x-region: eu",
        "user-agent: Feedwatch/",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_once_and_remembered() {
    let (target, there) = answers(|_| ok("", "there")).await;
    let (port, first) = answers(move |_| {
        Some(format!("HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:{target}/new?a=b\r\ncontent-length: 0\r\n\r\n"))
    })
    .await;
    let mut feed = Watched::start(source(port, |options| options.http.bearer = Some(Secret::new("abc"))), eager());
    for _ in 0..3 {
        assert_eq!(feed.message().await.payload, "there");
    }
    feed.stop().await;
    assert_eq!(first.lock().unwrap().len(), 1);
    let there = there.lock().unwrap();
    assert!(there[0].starts_with("GET /new?a=b ") && !there[0].contains("abc"), "{}", there[0]);
}

#[tokio::test]
async fn only_a_certificate_somebody_vouches_for_is_accepted() {
    let (certificate, acceptor) = encrypted();
    let port = server(move |_, socket| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut socket) = acceptor.accept(socket).await {
                socket.write_all(&ok("", "secret").unwrap().into_bytes()).await.unwrap();
                std::future::pending().await
            }
        }
    })
    .await;
    let source = |trust| {
        let mut source = source(port, |options| options.http.url = format!("https://localhost:{port}/"));
        if let Some(trust) = trust {
            source.trust = trust;
        }
        source
    };
    let error = source(None).connect(&Resume::default()).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, ConnectError::Certificate(_)) && error.is_permanent(), "{error:?}");
    let trust = Trust::Given(Box::new(crate::tls::trusting(certificate)));
    let mut session = source(Some(trust)).connect(&Resume::default()).await.unwrap();
    assert_eq!(session.detail(), "HTTP/1.1, TLS");
    let mut batch = crate::Batch::default();
    session.recv(&mut batch).await.unwrap();
    assert_eq!(&batch.messages()[0].payload[..], b"secret");
}

#[tokio::test]
async fn plain_http_through_a_proxy_names_the_whole_address() {
    let (port, heads) = answers(|_| ok("", "x")).await;
    let source = source(port, |options| {
        options.http.url = "http://far.example.com/state?a=b".into();
        options.http.proxy = crate::Proxy::parse(&format!("http://ann:s3cr3t@127.0.0.1:{port}")).unwrap();
    });
    assert!(!format!("{source:?}").contains("s3cr3t"));
    let mut feed = Watched::start(source, eager());
    feed.message().await;
    feed.stop().await;
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET http://far.example.com/state?a=b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("host: far.example.com\r\n") && head.contains("proxy-authorization: Basic "), "{head}");
}
