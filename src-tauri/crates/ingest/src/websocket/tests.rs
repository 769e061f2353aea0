use std::sync::{Arc, Mutex};

use feedwatch_model::{Message as Received, Time};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server as shake;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

use super::*;
use crate::batch::Run;
use crate::testkit::{Watched, answer, clock, eager, encrypted, server};
use crate::{Batch, Event, InboxLimits, SessionError, tls};

fn source(port: u16, change: impl FnOnce(&mut WebSocketOptions)) -> WebSocketSource {
    let mut options = WebSocketOptions::new(format!("ws://127.0.0.1:{port}/feed"));
    change(&mut options);
    WebSocketSource::new(options, clock)
}

async fn refusal(source: WebSocketSource) -> ConnectError {
    source.connect(&Resume::default()).await.map(|_| ()).unwrap_err()
}

async fn say(stream: &mut WebSocketStream<TcpStream>, texts: impl IntoIterator<Item = &str>) {
    for text in texts {
        stream.feed(Message::text(text)).await.unwrap();
    }
    stream.flush().await.unwrap();
}

/// Reads till the client is gone, answering pings.
async fn listen(stream: &mut WebSocketStream<TcpStream>) -> Vec<Message> {
    let mut heard = Vec::new();
    while let Some(Ok(message)) = stream.next().await {
        heard.push(message);
    }
    heard
}

#[tokio::test]
async fn text_and_binary_are_messages_and_control_frames_are_not() {
    let port = server(async |_, socket| {
        let mut stream = accept_async(socket).await.unwrap();
        stream.feed(Message::text("one")).await.unwrap();
        stream.feed(Message::Ping("hello".into())).await.unwrap();
        stream.feed(Message::binary(vec![0, 255])).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(listen(&mut stream).await.first(), Some(&Message::Pong("hello".into())));
    });
    let mut feed = Watched::start(source(port.await, |_| {}), eager());
    let told: Vec<Received> = vec![feed.message().await, feed.message().await];
    assert_eq!((told[0].number, &told[0].payload[..]), (0, &b"one"[..]));
    assert_eq!((told[1].number, &told[1].payload[..]), (1, &[0, 255][..]));
    assert_eq!(feed.inbox.counters().bytes, 5);
    feed.stop().await;
}

#[tokio::test]
async fn subscribe_messages_arrive_first_and_in_order() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let port = server(move |_, socket| {
        let tell = tell.clone();
        async move {
            let mut stream = accept_async(socket).await.unwrap();
            while let Some(Ok(message)) = stream.next().await {
                tell.send(message).unwrap();
            }
        }
    });
    let source = source(port.await, |options| {
        options.subscribe = vec!["a".into(), "b".into()];
        options.ping = Some((Duration::from_millis(100), "ping".into()));
    });
    let feed = Watched::start(source, eager());
    for expected in ["a", "b", "ping", "ping"] {
        assert_eq!(told.recv().await.unwrap(), Message::text(expected));
    }
    feed.stop().await;
}

#[tokio::test]
async fn after_an_outage_what_was_missed_is_asked_for_behind_the_last_message() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let port = server(move |number, socket| {
        let tell = tell.clone();
        async move {
            let mut stream = accept_async(socket).await.unwrap();
            // Twice a request can be filled in; then no message says how.
            let text = if number == 1 { r#"{"seq":"none"}"# } else { r#"{"seq":41}"# };
            say(&mut stream, vec![text, r#"{"type":"heartbeat"}"#]).await;
            if number < 2 {
                while let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::from_millis(300), stream.next()).await
                {
                    tell.send((number, message.into_text().unwrap().to_string())).unwrap();
                }
                return;
            }
            while let Some(Ok(message)) = stream.next().await {
                tell.send((number, message.into_text().unwrap().to_string())).unwrap();
            }
        }
    });
    let source = source(port.await, |options| {
        options.subscribe = vec!["subscribe".into()];
        options.snapshot = vec![r#"{"from":{/seq}}"#.into()];
    });
    let feed = Watched::start(source, eager());
    let expected =
        [(0, "subscribe"), (1, "subscribe"), (1, r#"{"from":41}"#), (2, "subscribe"), (2, r#"{"from":"none"}"#)];
    for (number, text) in expected {
        assert_eq!(told.recv().await.unwrap(), (number, text.to_owned()));
    }
    feed.stop().await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_new_connection_gets_one_and_its_wish_is_a_message_too() {
    let port = server(|number, socket| async move {
        let mut stream = accept_async(socket).await.unwrap();
        let wish = r#"{"event":"bts:request_reconnect","channel":"","data":""}"#;
        say(&mut stream, if number == 0 { vec!["before", wish, "behind"] } else { vec!["again"] }).await;
        listen(&mut stream).await;
    });
    let mut feed = Watched::start(source(port.await, |_| {}), eager());
    assert_eq!(&feed.message().await.payload[..], b"before");
    assert!(feed.message().await.payload.ends_with(b"\"data\":\"\"}"));
    let (reason, refused) = feed.lost().await;
    assert!(reason.contains("asks for a new connection") && !refused, "{reason}");
    assert_eq!(&feed.message().await.payload[..], b"again");
    feed.stop().await;
}

#[tokio::test]
async fn one_wake_up_takes_what_is_there_up_to_a_full_batch() {
    let (sent, all_sent) = oneshot::channel();
    let sent = Arc::new(Mutex::new(Some(sent)));
    let port = server(move |_, socket| {
        let sent = sent.clone();
        async move {
            let mut stream = accept_async(socket).await.unwrap();
            say(&mut stream, vec!["tick"; 300]).await;
            sent.lock().unwrap().take().unwrap().send(()).unwrap();
            listen(&mut stream).await;
        }
    });
    let mut session = source(port.await, |_| {}).connect(&Resume::default()).await.unwrap();
    all_sent.await.unwrap();
    let mut batch = Batch::default();
    session.recv(&mut batch).await.unwrap();
    assert_eq!(batch.take(usize::MAX).iter().map(Run::len).sum::<usize>(), 256);
    session.recv(&mut batch).await.unwrap();
    assert_eq!(batch.take(usize::MAX).iter().map(Run::len).sum::<usize>(), 44);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_loses_the_oldest_and_the_books_agree() {
    let port = server(async |_, socket| {
        let mut stream = accept_async(socket).await.unwrap();
        for number in 0..5000 {
            stream.feed(Message::text(format!("{number:04}"))).await.unwrap();
        }
        stream.flush().await.unwrap();
        listen(&mut stream).await;
    });
    let limits = InboxLimits { messages: 100, bytes: 40 };
    let mut feed = Watched::resume(source(port.await, |_| {}), eager(), None, limits);
    while feed.inbox.counters().received < 5000 {
        tokio::task::yield_now().await;
    }
    let books = feed.inbox.counters();
    assert_eq!((books.received, books.bytes, books.dropped, books.queued), (5000, 20_000, 4990, 10));
    while !matches!(feed.next().await, Event::Dropped { first: 0, count: 4990, bytes: 19_960, .. }) {}
    for number in 4990..5000 {
        assert_eq!(feed.message().await.payload, format!("{number}"));
    }
    feed.stop().await;
}

#[tokio::test]
async fn a_closed_connection_is_tried_again_and_the_outage_is_told() {
    let port = server(async |number, socket| {
        let mut stream = accept_async(socket).await.unwrap();
        match number {
            0 => stream.close(Some(CloseFrame { code: CloseCode::Away, reason: "deploy".into() })).await.unwrap(),
            1 => return,
            _ => say(&mut stream, ["back"]).await,
        }
        listen(&mut stream).await;
    });
    let mut feed = Watched::start(source(port.await, |_| {}), eager());
    let (reason, refused) = feed.lost().await;
    assert_eq!(reason, "The server closed the connection (1001, going away). It said: \"deploy\".");
    assert!(!refused);
    assert_eq!(feed.lost().await.0, "The connection was cut without a goodbye.");
    assert_eq!(&feed.message().await.payload[..], b"back");
    feed.stop().await;
}

#[tokio::test]
async fn a_401_needs_a_person_and_says_what_to_do() {
    let port = server(async |_, socket| answer(socket, "401 Unauthorized", "").await);
    let mut feed = Watched::start(source(port.await, |_| {}), eager());
    let (reason, refused) = feed.lost().await;
    assert!(refused);
    assert!(reason.starts_with("The server answered 401: the token or password is not accepted. Check"), "{reason}");
    feed.lost().await; // it is still tried
    feed.stop().await;
}

#[tokio::test]
async fn other_answers_than_a_handshake_are_told_in_words() {
    for (status, headers, part, permanent) in [
        ("403 Forbidden", "", "not allowed", true),
        ("404 Not Found", "", "no feed at this path", true),
        ("302 Found", "location: wss://other.example/feed\r\n", "moved to wss://other.example/feed", true),
        ("426 Upgrade Required", "upgrade: h2c\r\n", "wants h2c", true),
        ("200 OK", "", "like a web page", true),
        ("503 Service Unavailable", "retry-after: 7\r\n", "not available just now", false),
        ("101 Switching Protocols", "upgrade: websocket\r\n", "not that of a WebSocket", true),
    ] {
        let port = server(async move |_, socket| answer(socket, status, headers).await).await;
        let error = refusal(source(port, |_| {})).await;
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.is_permanent(), permanent, "{error}");
        assert_eq!(error.retry_after(), (status.starts_with("503")).then_some(Duration::from_secs(7)));
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_or_nobody_answers_is_told_in_words() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = refusal(source(port, |options| options.connect_timeout = Duration::from_millis(50))).await;
    assert!(error.to_string().starts_with(&format!("127.0.0.1:{port} did not answer within 50 ms.")), "{error}");
    drop(listener);
    let error = refusal(source(port, |_| {})).await;
    assert!(error.to_string().starts_with(&format!("Nothing listens at 127.0.0.1:{port}")), "{error}");
    assert!(!error.is_permanent());
}

#[tokio::test]
async fn what_is_no_web_server_is_told_in_words() {
    let port = server(async |_, mut socket| {
        socket.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
    });
    let error = refusal(source(port.await, |_| {})).await;
    assert!(error.to_string().contains("does not speak HTTP") && error.is_permanent(), "{error}");
}

#[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
fn confirm(request: &shake::Request, mut response: shake::Response) -> Result<shake::Response, shake::ErrorResponse> {
    let told = request.headers();
    let seen = |name: &str| told.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(seen("authorization").as_deref(), Some("Bearer abc"));
    assert_eq!(seen("x-team").as_deref(), Some("blue"));
    assert_eq!(seen("sec-websocket-protocol").as_deref(), Some("v2, v1"));
    response.headers_mut().insert("sec-websocket-protocol", "v1".parse().unwrap());
    Ok(response)
}

#[tokio::test]
async fn headers_token_and_subprotocols_are_sent_and_confirmed() {
    let port = server(async |_, socket| {
        let mut stream = accept_hdr_async(socket, confirm).await.unwrap();
        listen(&mut stream).await;
    });
    let source = source(port.await, |options| {
        options.bearer = Some(Secret::new("abc"));
        options.headers = vec![("X-Team".into(), "blue".into())];
        options.subprotocols = vec!["v2".into(), "v1".into()];
    });
    assert!(!format!("{source:?}").contains("abc"));
    let session = source.connect(&Resume::default()).await.unwrap();
    assert_eq!(session.detail(), "not encrypted, subprotocol v1");
}

#[tokio::test]
async fn a_subprotocol_that_is_not_taken_is_an_error() {
    let port = server(async |_, socket| {
        accept_async(socket).await.unwrap();
    });
    let error = refusal(source(port.await, |options| options.subprotocols = vec!["v9".into()])).await;
    assert!(error.to_string().contains("did not take any of the subprotocols") && error.is_permanent(), "{error}");
}

#[tokio::test]
async fn an_oversized_message_does_not_end_the_loop_and_names_the_option() {
    let port = server(async |number, socket| {
        let mut stream = accept_async(socket).await.unwrap();
        let text = "x".repeat(if number == 0 { 101 } else { 100 });
        let _ = stream.send(Message::text(text)).await;
        listen(&mut stream).await;
    });
    let mut feed = Watched::start(source(port.await, |options| options.max_message = 100), eager());
    let (reason, _) = feed.lost().await;
    assert!(
        reason.contains("101 bytes is larger than the limit of 100 bytes") && reason.contains("`max_message`"),
        "{reason}"
    );
    assert_eq!(feed.message().await.payload.len(), 100);
    feed.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_noticed() {
    let port = server(async |_, socket| {
        let stream = accept_async(socket).await.unwrap();
        std::future::pending::<()>().await; // takes no ping, says nothing
        drop(stream);
    });
    let idle = Duration::from_millis(60);
    let mut session =
        source(port.await, |options| options.idle_timeout = Some(idle)).connect(&Resume::default()).await.unwrap();
    assert_eq!(session.recv(&mut Batch::default()).await, Err(SessionError::Idle { after: idle }));
}

#[tokio::test]
async fn a_quiet_connection_that_answers_pings_lives() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let port = server(move |number, socket| {
        let tell = tell.clone();
        async move {
            let mut stream = accept_async(socket).await.unwrap();
            while let Some(Ok(message)) = stream.next().await {
                if message.is_ping() {
                    let _ = tell.send(number);
                }
            }
        }
    });
    let feed =
        Watched::start(source(port.await, |options| options.idle_timeout = Some(Duration::from_millis(300))), eager());
    for _ in 0..4 {
        assert_eq!(told.recv().await, Some(0), "it is still the first connection");
    }
    feed.stop().await;
}

#[tokio::test]
async fn shutdown_says_goodbye() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let port = server(move |_, socket| {
        let tell = tell.clone();
        async move {
            let mut stream = accept_async(socket).await.unwrap();
            tell.send(listen(&mut stream).await).unwrap();
        }
    });
    let mut feed = Watched::start(source(port.await, |_| {}), eager());
    while !matches!(feed.next().await, Event::Connected { .. }) {}
    feed.stop().await;
    let heard = told.recv().await.unwrap();
    assert!(matches!(&heard[..], [Message::Close(Some(frame))] if frame.code == CloseCode::Away), "{heard:?}");
}

async fn encrypted_server(acceptor: TlsAcceptor) -> u16 {
    server(move |_, socket| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(socket) = acceptor.accept(socket).await
                && let Ok(mut stream) = accept_async(socket).await
            {
                let _ = stream.send(Message::text("secret")).await;
                while let Some(Ok(_)) = stream.next().await {}
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_in_words() {
    let (_, acceptor) = encrypted();
    let port = encrypted_server(acceptor).await;
    let error = refusal(source(port, |options| options.url = format!("wss://localhost:{port}/"))).await;
    assert!(matches!(error, ConnectError::Certificate(_)) && error.is_permanent(), "{error:?}");
    assert!(error.to_string().starts_with("The server's certificate is not trusted: "), "{error}");
}

#[tokio::test]
async fn a_trusted_certificate_is_accepted_for_its_name_only() {
    let (certificate, acceptor) = encrypted();
    let port = encrypted_server(acceptor).await;
    let trusting = |url: String| source(port, |options| options.url = url).with_tls(tls::trusting(certificate.clone()));
    let mut session = trusting(format!("wss://localhost:{port}/")).connect(&Resume::default()).await.unwrap();
    let read = crate::certificate::read(&certificate);
    assert_eq!(
        session.certificate(),
        read.map(|read| feedwatch_model::Certificate { tls: Some("1.3".to_owned()), ..read })
    );
    let mut batch = Batch::default();
    session.recv(&mut batch).await.unwrap();
    assert_eq!(&batch.messages()[0].payload[..], b"secret");
    assert!(session.last_heard() > Some(Time::from_nanos(0)));
    let error = refusal(trusting(format!("wss://127.0.0.1:{port}/"))).await;
    assert!(error.to_string().contains("it was made for another name"), "{error}");
}

#[tokio::test]
async fn encryption_on_one_side_only_is_told_in_words() {
    let port = server(async |_, mut socket| {
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let error = refusal(source(port, |options| options.url = format!("wss://127.0.0.1:{port}/"))).await;
    assert!(error.to_string().contains("does not speak TLS at this port"), "{error}");
}
