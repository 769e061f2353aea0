use std::time::Duration;

use feedwatch_model::Time;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::frame::Frame;
use crate::tests::SseClient;

struct Up {
    address: std::net::SocketAddr,
    publisher: Publisher,
    stop: CancellationToken,
    server: Server,
}

async fn up(protocol: impl super::listen::Protocol, limits: Limits) -> Up {
    let (listener, address) = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (publisher, stop) = (Publisher::new(limits), CancellationToken::new());
    let server = Server::start(listener, protocol, publisher.clone(), stop.clone());
    Up { address, publisher, stop, server }
}

async fn websocket() -> Up {
    up(WebSocket { answer: |said| (said == "hello").then(|| "welcome".into()) }, Limits::default()).await
}

async fn sse() -> Up {
    up(Sse { about: "a test\n" }, Limits { backlog: 3, ..Limits::default() }).await
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>>;

async fn connect(up: &Up) -> Socket {
    tokio_tungstenite::connect_async(format!("ws://{}/", up.address)).await.unwrap().0
}

fn frame(text: &str) -> Frame {
    Frame::new(Time::default(), text.to_owned())
}

async fn texts(socket: &mut Socket, count: usize) -> Vec<String> {
    let mut got = Vec::new();
    while got.len() < count {
        got.push(socket.next().await.unwrap().unwrap().into_text().unwrap().to_string());
    }
    got
}

#[tokio::test]
async fn every_client_gets_every_frame_and_each_is_counted() {
    let up = websocket().await;
    let (mut one, mut other) = (connect(&up).await, connect(&up).await);
    up.publisher.until(|publisher| publisher.joined() == 2).await;
    assert_eq!(up.publisher.publish(["a", "b"].map(frame)), 2);
    assert_eq!(texts(&mut one, 2).await, ["a", "b"]);
    assert_eq!(texts(&mut other, 2).await, ["a", "b"]);
    up.publisher.flushed().await;
    assert_eq!(up.publisher.written(), 4);
    assert_eq!(up.publisher.written_each(), [2, 2]);
}

#[tokio::test]
async fn what_is_not_text_is_sent_as_binary() {
    let up = websocket().await;
    let mut client = connect(&up).await;
    up.publisher.wait_for_client().await;
    up.publisher.publish([Frame::new(Time::default(), vec![0xff, 0x00])]);
    assert_eq!(client.next().await.unwrap().unwrap(), Message::binary(vec![0xff, 0x00]));
}

#[tokio::test]
async fn an_answer_goes_to_the_client_that_asked() {
    let up = websocket().await;
    let (mut one, mut other) = (connect(&up).await, connect(&up).await);
    one.send(Message::text("hello")).await.unwrap();
    one.send(Message::text("something else")).await.unwrap();
    assert_eq!(texts(&mut one, 1).await, ["welcome"]);
    up.publisher.until(|publisher| publisher.joined() == 2).await;
    up.publisher.publish([frame("x")]);
    assert_eq!(texts(&mut other, 1).await, ["x"]);
    assert_eq!(texts(&mut one, 1).await, ["x"]);
}

#[tokio::test]
async fn a_closed_client_has_all_that_was_queued_before_the_close_frame() {
    let up = websocket().await;
    let mut client = connect(&up).await;
    up.publisher.wait_for_client().await;
    up.publisher.publish((0..1000).map(|n| frame(&n.to_string())));
    up.publisher.end_all(Ending::GoingAway);
    let mut got = 0;
    let close = loop {
        match client.next().await.unwrap().unwrap() {
            Message::Close(close) => break close.unwrap(),
            message => {
                assert_eq!(message, Message::text(got.to_string()));
                got += 1;
            }
        }
    };
    assert_eq!((close.code, got), (CloseCode::Away, 1000));
    assert!(client.next().await.is_none());
    up.publisher.emptied().await;
    assert_eq!((up.publisher.written(), up.publisher.abandoned()), (1000, 0));
}

#[tokio::test]
async fn a_shut_door_refuses_with_503_and_a_done_one_with_410() {
    let up = websocket().await;
    for (door, status) in [(Door::Shut, 503), (Door::Done, 410)] {
        up.publisher.set_door(door);
        match tokio_tungstenite::connect_async(format!("ws://{}/", up.address)).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), status),
            other => panic!("{other:?}"),
        }
    }
    up.publisher.set_door(Door::Open);
    connect(&up).await;
}

#[tokio::test]
async fn nonsense_in_place_of_a_handshake_harms_nobody() {
    let up = websocket().await;
    for nonsense in
        [&b"\x00\xff\x16\x03\x01"[..], b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b""]
    {
        let mut stream = TcpStream::connect(up.address).await.unwrap();
        stream.write_all(nonsense).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
    let mut client = connect(&up).await;
    up.publisher.wait_for_client().await;
    up.publisher.publish([frame("still here")]);
    assert_eq!(texts(&mut client, 1).await, ["still here"]);
    assert_eq!(up.publisher.joined(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_the_others_alone() {
    let up = websocket().await;
    let (gone, mut there) = (connect(&up).await, connect(&up).await);
    up.publisher.until(|publisher| publisher.joined() == 2).await;
    drop(gone);
    up.publisher.until(|publisher| publisher.publish([frame("x")]) == 1).await;
    assert_eq!(texts(&mut there, 1).await, ["x"]);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed_with_the_reason_and_the_others_get_all() {
    let limits = Limits { queue_bytes: 256 * 1024, ..Limits::default() };
    let up = up(WebSocket { answer: |_| None }, limits).await;
    let (mut slow, mut quick) = (connect(&up).await, connect(&up).await);
    up.publisher.until(|publisher| publisher.joined() == 2).await;
    let payload = "x".repeat(64 * 1024);
    let mut sent = 0;
    // The kernel's buffers take some megabytes before the queue fills.
    while up.publisher.publish([frame(&payload)]) == 2 {
        sent += 1;
        assert_eq!(texts(&mut quick, 1).await[0].len(), payload.len());
        assert!(sent < 10_000, "the slow client was never closed");
    }
    assert_eq!(texts(&mut quick, 1).await[0].len(), payload.len());
    let mut received = 0;
    let mut reason = None;
    while let Some(Ok(message)) = slow.next().await {
        match message {
            Message::Close(close) => reason = close,
            _ => received += 1,
        }
    }
    // It may be told, if it begins to read in time; it never gets more than was queued, and what it got is counted.
    assert!(reason.is_none_or(|close| close.code == CloseCode::Policy && close.reason.contains("fast enough")));
    assert!(received <= sent);
    up.publisher.until(|publisher| publisher.written_each()[0] + publisher.abandoned() == sent).await;
}

#[tokio::test]
async fn a_stopped_server_closes_its_clients_at_once() {
    let up = websocket().await;
    let mut client = connect(&up).await;
    up.publisher.wait_for_client().await;
    up.stop.cancel();
    match client.next().await.unwrap().unwrap() {
        Message::Close(close) => assert_eq!(close.unwrap().code, CloseCode::Away),
        other => panic!("{other:?}"),
    }
    drop(client);
    up.server.stopped().await;
    assert!(TcpStream::connect(up.address).await.is_err());
}

#[tokio::test]
async fn an_event_stream_begins_with_the_retry_time_and_carries_ids() {
    let up = sse().await;
    let mut client = SseClient::connect(up.address, "/events", None).await;
    up.publisher.wait_for_client().await;
    up.publisher.publish([frame("a").with_id("1"), frame("b\nc").with_id("2")]);
    assert_eq!(client.event().await.unwrap(), (Some("1".into()), "a".into()));
    assert_eq!(client.event().await.unwrap(), (Some("2".into()), "b\nc".into()));
    assert!(client.head.starts_with("HTTP/1.1 200 OK\r\n") && client.head.contains("text/event-stream"));
    assert_eq!(client.retry, Some(500));
    up.publisher.flushed().await;
    assert_eq!(up.publisher.written(), 2);
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_as_far_as_it_was_kept() {
    let up = sse().await;
    up.publisher.publish(["1", "2", "3", "4"].map(|id| frame(id).with_id(id)));
    let mut known = SseClient::connect(up.address, "/events", Some("2")).await;
    let mut forgotten = SseClient::connect(up.address, "/events", Some("1")).await;
    up.publisher.until(|publisher| publisher.joined() == 2).await;
    up.publisher.publish([frame("5").with_id("5")]);
    for expected in ["3", "4", "5"] {
        assert_eq!(known.event().await.unwrap().1, expected);
    }
    assert_eq!(forgotten.event().await.unwrap().1, "5");
}

#[tokio::test]
async fn an_ended_event_stream_has_all_that_was_queued_and_then_says_do_not_come_back() {
    let up = sse().await;
    let mut client = SseClient::connect(up.address, "/events", None).await;
    up.publisher.wait_for_client().await;
    up.publisher.publish((0..5000).map(|n| frame(&n.to_string())));
    up.publisher.set_door(Door::Done);
    up.publisher.end_all(Ending::Complete);
    let mut got = 0;
    while let Some((_, data)) = client.event().await {
        assert_eq!(data, got.to_string());
        got += 1;
    }
    assert_eq!(got, 5000);
    up.publisher.emptied().await;
    assert_eq!((up.publisher.written(), up.publisher.abandoned()), (5000, 0));
    let again = SseClient::connect(up.address, "/events", None).await;
    assert!(again.head.starts_with("HTTP/1.1 204"), "{}", again.head);
}

#[tokio::test]
async fn other_paths_and_methods_are_answered_in_words() {
    let up = sse().await;
    let about = SseClient::connect(up.address, "/", None).await;
    assert!(about.head.starts_with("HTTP/1.1 200") && about.rest().await.ends_with("a test\n"));
    let missing = SseClient::connect(up.address, "/nowhere", None).await;
    assert!(missing.head.starts_with("HTTP/1.1 404") && missing.rest().await.contains("/events"));
    let posted = SseClient::request(up.address, "POST /events HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(posted.head.starts_with("HTTP/1.1 405"));
    up.publisher.set_door(Door::Shut);
    let refused = SseClient::connect(up.address, "/events", None).await;
    assert!(refused.head.starts_with("HTTP/1.1 503"));
    assert_eq!(up.publisher.joined(), 0);
}

#[tokio::test]
async fn an_event_stream_whose_client_left_is_noticed_without_a_message() {
    let up = sse().await;
    let client = SseClient::connect(up.address, "/events", None).await;
    up.publisher.wait_for_client().await;
    drop(client);
    tokio::time::timeout(Duration::from_secs(5), up.publisher.emptied()).await.unwrap();
}

#[tokio::test]
async fn a_stopped_server_ends_its_event_streams_at_once() {
    let up = sse().await;
    let mut client = SseClient::connect(up.address, "/events", None).await;
    up.publisher.wait_for_client().await;
    up.server.stopped().await;
    assert_eq!(client.event().await, None);
    assert!(TcpStream::connect(up.address).await.is_err());
}

#[tokio::test]
async fn there_is_a_limit_to_the_clients() {
    let up = up(Sse { about: "" }, Limits { clients: 1, ..Limits::default() }).await;
    let first = SseClient::connect(up.address, "/events", None).await;
    let second = SseClient::connect(up.address, "/events", None).await;
    assert!(first.head.starts_with("HTTP/1.1 200") && second.head.starts_with("HTTP/1.1 503"));
}
