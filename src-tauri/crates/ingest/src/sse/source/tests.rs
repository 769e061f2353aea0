use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;
use crate::testkit::{Watched, answer, clock, eager, encrypted, head, server};
use crate::{InboxLimits, Secret, tls};

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n";

fn source(port: u16, change: impl FnOnce(&mut SseOptions)) -> SseSource {
    let mut options = SseOptions::new(format!("http://127.0.0.1:{port}/stream"));
    change(&mut options);
    SseSource::new(options, clock)
}

async fn refusal(source: SseSource) -> ConnectError {
    source.connect(&Resume::default()).await.map(|_| ()).unwrap_err()
}

type Heads = Arc<Mutex<Vec<String>>>;

/// Answers each connection with the next of `bodies`, and the last one for ever without end. Keeps the requests' heads.
async fn streams(bodies: &'static [&'static str]) -> (u16, Heads) {
    let heads = Heads::default();
    let kept = heads.clone();
    let port = server(move |number, mut socket: TcpStream| {
        let kept = kept.clone();
        async move {
            let head = head(&mut socket).await;
            kept.lock().unwrap().push(head);
            let body = bodies.get(number).or(bodies.last()).unwrap();
            socket.write_all(format!("{STREAM}{body}").as_bytes()).await.unwrap();
            if number + 1 >= bodies.len() {
                std::future::pending().await
            }
        }
    });
    (port.await, heads)
}

#[tokio::test]
async fn events_are_messages_with_type_and_id() {
    let (port, heads) = streams(&["retry: 0\n\n: hello\n\nid: 1\ndata: a\n\nevent: tick\ndata: b\n\n"]).await;
    let mut feed = Watched::start(source(port, |_| {}), eager());
    let (first, second) = (feed.message().await, feed.message().await);
    let (first_meta, second_meta) = (first.meta.unwrap(), second.meta.unwrap());
    assert_eq!((&first.payload[..], first_meta.id.as_deref(), first_meta.topic), (&b"a"[..], Some("1"), None));
    assert_eq!(first_meta.position, Some(Position::EventId("1".into())));
    assert_eq!((&second.payload[..], second_meta.id, second_meta.topic.as_deref()), (&b"b"[..], None, Some("tick")));
    let head = heads.lock().unwrap()[0].to_lowercase();
    for line in [
        "get /stream http/1.1",
        "accept: text/event-stream",
        "cache-control: no-store",
        "accept-encoding: gzip, br\r\n",
    ] {
        assert!(head.contains(line), "{head}");
    }
    assert!(!head.contains("last-event-id"), "{head}");
    feed.stop().await;
}

#[tokio::test]
async fn the_last_event_id_is_sent_when_it_connects_again() {
    let (port, heads) = streams(&["id: 7\ndata: a\n\ndata: b\n\n", "id: \u{e9}8\ndata: c\n\n", "data: d\n\n"]).await;
    let resume = Some(Position::EventId("6".into()));
    let mut feed = Watched::resume(source(port, |_| {}), eager(), resume, InboxLimits::default());
    for _ in 0..4 {
        feed.message().await;
    }
    feed.stop().await;
    let sent: Vec<String> = heads
        .lock()
        .unwrap()
        .iter()
        .map(|head| {
            let line = head.lines().find(|line| line.starts_with("last-event-id")).unwrap();
            line.trim_start_matches("last-event-id: ").to_owned()
        })
        .collect();
    assert_eq!(sent, ["6", "7", "\u{e9}8"]);
}

#[tokio::test]
async fn an_event_cut_by_the_network_is_whole() {
    let port = server(async |_, mut socket| {
        head(&mut socket).await;
        socket.set_nodelay(true).unwrap();
        for piece in [STREAM.as_bytes(), b"da", b"ta: \xE2\x82", b"\xAC\r", b"\n\r", b"\n"] {
            socket.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        std::future::pending().await
    });
    let mut feed = Watched::start(source(port.await, |_| {}), eager());
    assert_eq!(&feed.message().await.payload[..], "€".as_bytes());
    feed.stop().await;
}

#[tokio::test]
async fn a_204_ends_for_good() {
    let port = server(async |_, socket| answer(socket, "204 No Content", "").await);
    let mut feed = Watched::start(source(port.await, |_| {}), eager());
    assert_eq!(feed.ended().await, "The server says that the feed is finished (204). It is not tried again.");
    feed.task.await.unwrap();
}

#[tokio::test]
async fn other_answers_than_a_stream_are_told_in_words() {
    for (status, headers, part, permanent) in [
        ("401 Unauthorized", "", "not accepted", true),
        ("403 Forbidden", "", "not allowed", true),
        ("404 Not Found", "", "no feed at this path", true),
        ("429 Too Many Requests", "retry-after: 9\r\n", "too many", false),
        ("502 Bad Gateway", "", "a fault of its own", false),
        ("200 OK", "content-type: text/html\r\n", "text/html, not with text/event-stream", true),
        ("200 OK", "", "no Content-Type", true),
        ("200 OK", "content-type: text/event-stream\r\ncontent-encoding: zstd\r\n", "compresses", true),
        ("302 Found", "location: ftp://example.com/\r\n", "not one of HTTP, ftp://example.com/", true),
        ("302 Found", "", "does not say where", true),
        ("302 Found", "location: /stream\r\n", "more than 5 times", true),
    ] {
        let port = server(async move |_, socket| answer(socket, status, headers).await).await;
        let error = refusal(source(port, |_| {})).await;
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.is_permanent(), permanent, "{error}");
        assert_eq!(error.retry_after(), (status.starts_with("429")).then_some(Duration::from_secs(9)));
    }
}

#[tokio::test]
async fn a_redirect_is_followed_but_credentials_stay_at_home() {
    let (target, heads) = streams(&["data: there\n\n"]).await;
    let first = Heads::default();
    let kept = first.clone();
    let port = server(move |_, mut socket| {
        let kept = kept.clone();
        async move {
            let head = head(&mut socket).await;
            kept.lock().unwrap().push(head);
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{target}/new\r\ncontent-length: 0\r\n\r\n"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let source = source(port.await, |options| {
        options.http.bearer = Some(Secret::new("abc"));
        options.http.headers = vec![("X-Api-Key".into(), "def".into())];
    });
    assert!(!format!("{source:?}").contains("abc") && !format!("{source:?}").contains("def"));
    let mut feed = Watched::start(source, eager());
    assert_eq!(&feed.message().await.payload[..], b"there");
    feed.stop().await;
    let (home, away) = (first.lock().unwrap()[0].clone(), heads.lock().unwrap()[0].clone());
    assert!(home.contains("authorization: Bearer abc") && home.contains("x-api-key: def"), "{home}");
    assert!(away.starts_with("GET /new") && !away.contains("abc") && !away.contains("def"), "{away}");
}

#[tokio::test]
async fn an_oversized_event_does_not_end_the_loop_and_names_the_option() {
    let (port, _) = streams(&["data: 0123456789012345678901234567890123456789\n\n", "data: small\n\n"]).await;
    let mut feed = Watched::start(source(port, |options| options.http.max_message = 20), eager());
    let (reason, refused) = feed.lost().await;
    assert!(reason.contains("limit of 20 bytes") && reason.contains("`max_message`") && !refused, "{reason}");
    assert_eq!(&feed.message().await.payload[..], b"small");
    feed.stop().await;
}

#[tokio::test]
async fn an_idle_stream_is_noticed() {
    let (port, _) = streams(&["data: a\n\n"]).await;
    let source = source(port, |options| options.idle_timeout = Some(Duration::from_millis(50)));
    let mut feed = Watched::start(source, eager());
    feed.message().await;
    let (reason, _) = feed.lost().await;
    assert!(reason.starts_with("Nothing was heard for 50 ms, not even a comment."), "{reason}");
    feed.stop().await;
}

/// A stream that was flushed behind each event, as `sync flush` of zlib does it.
fn flushed(events: &[&str]) -> Vec<Vec<u8>> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let pieces = events.iter().map(|event| {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        std::mem::take(encoder.get_mut())
    });
    pieces.collect()
}

async fn compressed(pieces: Vec<Vec<u8>>) -> u16 {
    server(move |_, mut socket: TcpStream| {
        let pieces = pieces.clone();
        async move {
            head(&mut socket).await;
            let head = STREAM.replace("connection:", "content-encoding: gzip\r\nconnection:");
            socket.write_all(head.as_bytes()).await.unwrap();
            for piece in pieces {
                if socket.write_all(&piece).await.is_err() {
                    return;
                }
            }
            std::future::pending().await
        }
    })
    .await
}

#[tokio::test]
async fn a_compressed_stream_brings_each_event_as_it_was_flushed() {
    let port = compressed(flushed(&["data: a\n\n", "data: b\n\n"])).await;
    let mut feed = Watched::start(source(port, |_| {}), eager());
    assert_eq!(&feed.message().await.payload[..], b"a");
    assert_eq!(&feed.message().await.payload[..], b"b");
    feed.stop().await;
}

#[tokio::test]
async fn a_compressed_event_is_bounded_by_what_it_inflates_to() {
    let zeros = "0".repeat(1 << 20);
    let port = compressed(flushed(&["data: a\n\n", "data: ", &zeros])).await;
    let mut feed = Watched::start(source(port, |options| options.http.max_message = 100_000), eager());
    assert_eq!(&feed.message().await.payload[..], b"a");
    let (reason, _) = feed.lost().await;
    assert!(reason.contains("limit of 100000 bytes"), "{reason}");
    feed.stop().await;
    let port = compressed(vec![b"no gzip at all".to_vec()]).await;
    let mut feed = Watched::start(source(port, |_| {}), eager());
    let (reason, _) = feed.lost().await;
    assert!(reason.contains("damaged") && reason.contains("compression = false"), "{reason}");
    feed.stop().await;
}

#[tokio::test]
async fn an_ended_stream_is_told() {
    let (port, _) = streams(&["data: a\n\n", ""]).await;
    let mut feed = Watched::start(source(port, |_| {}), eager());
    assert_eq!(feed.lost().await, ("The server ended the stream.".to_owned(), false));
    feed.stop().await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_or_nobody_answers_is_told_in_words() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = refusal(source(port, |options| options.http.connect_timeout = Duration::from_millis(50))).await;
    assert!(error.to_string().starts_with(&format!("127.0.0.1:{port} did not answer within 50 ms.")), "{error}");
    drop(listener);
    let error = refusal(source(port, |_| {})).await;
    assert!(error.to_string().starts_with(&format!("Nothing listens at 127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn only_a_certificate_somebody_vouches_for_is_accepted() {
    let (certificate, acceptor) = encrypted();
    let port = server(move |_, socket| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut socket) = acceptor.accept(socket).await {
                socket.write_all(format!("{STREAM}data: secret\n\n").as_bytes()).await.unwrap();
                std::future::pending().await
            }
        }
    })
    .await;
    let url = format!("https://localhost:{port}/");
    let error = refusal(source(port, |options| options.http.url.clone_from(&url))).await;
    assert!(matches!(error, ConnectError::Certificate(_)) && error.is_permanent(), "{error:?}");
    let read = crate::certificate::read(&certificate);
    let shown = read.map(|read| feedwatch_model::Certificate { tls: Some("1.3".to_owned()), ..read });
    let trusting = source(port, |options| options.http.url.clone_from(&url)).with_tls(tls::trusting(certificate));
    let mut session = trusting.connect(&Resume::default()).await.unwrap();
    assert_eq!(session.detail(), "HTTP/1.1, TLS");
    assert_eq!(session.certificate(), shown);
    let mut batch = Batch::default();
    session.recv(&mut batch).await.unwrap();
    assert_eq!(&batch.messages()[0].payload[..], b"secret");
}

#[tokio::test]
async fn a_secret_of_the_address_is_in_no_sentence() {
    let port = server(async |number, mut socket: TcpStream| {
        if number == 0 {
            answer(socket, "302 Found", "location: ftp://127.0.0.1/?station=s3cr3t&s3cr3t\r\n").await;
        } else {
            head(&mut socket).await;
            socket
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99\r\n\r\n:")
                .await
                .unwrap();
        }
    });
    let port = port.await;
    let with_secret = |scheme: &str, port: u16| {
        let url = format!("{scheme}://127.0.0.1:{port}/?station=s3cr3t");
        let shown = Some(format!("{scheme}://127.0.0.1:{port}/?station=***"));
        SseSource::new(
            SseOptions { http: HttpOptions { shown, ..HttpOptions::new(url) }, ..SseOptions::new("") },
            clock,
        )
    };
    let mut told = vec![refusal(with_secret("http", port)).await.to_string()];
    assert!(told[0].contains("ftp://127.0.0.1/?station=***&***"), "{told:?}");
    let cut = with_secret("http", port)
        .connect(&Resume::default())
        .await
        .unwrap()
        .recv(&mut Batch::default())
        .await
        .unwrap_err();
    told.push(cut.to_string());
    told.push(refusal(with_secret("http", 1)).await.to_string());
    told.push(refusal(with_secret("ftp", port)).await.to_string());
    let source = with_secret("http", port);
    told.extend([source.address(), format!("{source:?}")]);
    assert!(!told.concat().contains("s3cr3t"), "{told:#?}");
    assert!(told.iter().skip(4).all(|text| text.contains("station=***")), "{told:#?}");
}
