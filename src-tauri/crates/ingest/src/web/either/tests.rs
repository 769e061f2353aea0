use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;
use crate::testkit::{Watched, clock, eager, head, server};

async fn looked_at(kind: &'static str, body: &'static str) -> (EventsOrPoll, u16) {
    let port = server(move |_, mut socket: TcpStream| async move {
        let asked = head(&mut socket).await;
        assert!(asked.contains("accept: text/event-stream, application/json;q=0.9"), "{asked}");
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{body}");
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    let port = port.await;
    let url = format!("http://127.0.0.1:{port}/");
    (EventsOrPoll::new(SseOptions::new(&url), PollOptions::new(&url), clock), port)
}

#[tokio::test]
async fn an_event_stream_is_read_as_such() {
    let (source, _) = looked_at("text/event-stream", "data: a\n\n").await;
    let source = std::sync::Arc::new(source);
    let mut batch = crate::Batch::default();
    let mut session = source.connect(&Resume::default()).await.unwrap();
    session.recv(&mut batch).await.unwrap();
    assert_eq!(&batch.messages()[0].payload[..], b"a");
    assert_eq!(source.found(), Some(Protocol::Sse));
}

#[tokio::test]
async fn a_document_is_polled_and_its_first_answer_is_the_first_message() {
    let (source, _) = looked_at("application/json", "{\"level\":1}").await;
    assert_eq!(source.found(), None);
    let mut batch = crate::Batch::default();
    let mut session = source.connect(&Resume::default()).await.unwrap();
    assert_eq!(source.found(), Some(Protocol::Poll));
    session.recv(&mut batch).await.unwrap();
    assert_eq!(&batch.messages()[0].payload[..], b"{\"level\":1}");
}

#[tokio::test]
async fn a_page_is_neither() {
    let (source, _) = looked_at("text/html", "<p>").await;
    let mut feed = Watched::start(source, eager());
    let (reason, refused) = feed.lost().await;
    assert!(reason.contains("answers with text/html") && refused, "{reason}");
    feed.stop().await;
}
