//! What can be said without a broker; what needs one is a test of the whole program.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::tables::tests::nested;
use super::{AmqpOptions, AmqpQueue, AmqpSource};
use crate::testkit::{clock, server};
use crate::{ConnectError, Resume, Source};

fn options(port: u16) -> AmqpOptions {
    AmqpOptions { port, ..AmqpOptions::new("127.0.0.1", AmqpQueue::Existing("orders".into())) }
}

async fn refusal(options: AmqpOptions) -> ConnectError {
    match AmqpSource::new(options, clock).connect(&Resume::default()).await {
        Ok(_) => panic!("a session"),
        Err(error) => error,
    }
}

/// The protocol header with which a client begins.
async fn greeted(socket: &mut TcpStream) {
    let mut header = [0; 8];
    socket.read_exact(&mut header).await.unwrap();
    assert_eq!(&header, b"AMQP\x00\x00\x09\x01");
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_given_up_and_the_connection_with_it() {
    let (gone, mut told) = mpsc::channel(1);
    let port = server(move |_, mut socket| {
        let gone = gone.clone();
        async move {
            greeted(&mut socket).await;
            // The end of the connection: the library's thread does not wait on.
            let _ = socket.read_to_end(&mut Vec::new()).await;
            gone.send(()).await.unwrap();
        }
    })
    .await;
    let error = refusal(AmqpOptions { connect_timeout: Duration::from_millis(50), ..options(port) }).await;
    assert!(matches!(error, ConnectError::TimedOut { .. }) && !error.is_permanent(), "{error}");
    told.recv().await.unwrap();
}

#[tokio::test]
async fn what_is_no_broker_is_told_as_such() {
    for (answer, part) in [
        (&b"AMQP\x00\x01\x00\x00"[..], "speaks AMQP 1"),
        (b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", "does not speak AMQP"),
        (&[1, 0, 0, 0, 0, 0, 4, 0xFF, 0xFF, 0xFF, 0xFF, 0xCE], "does not speak AMQP"),
        (&[1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], "does not speak AMQP"),
        (b"", "cut the connection"),
    ] {
        let port = server(move |_, mut socket| async move {
            greeted(&mut socket).await;
            socket.write_all(answer).await.unwrap();
        })
        .await;
        let error = refusal(options(port)).await;
        assert!(error.to_string().contains(part), "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn tables_nested_without_end_end_the_connection_and_not_the_program() {
    let port = server(move |_, mut socket| async move {
        greeted(&mut socket).await;
        let start =
            [&[0, 10, 0, 10, 0, 9][..], &nested(26_000), &[0, 0, 0, 5], b"PLAIN", &[0, 0, 0, 5], b"en_US"].concat();
        let head = [&[1, 0, 0][..], &(start.len() as u32).to_be_bytes()].concat();
        socket.write_all(&[head, start, vec![0xCE]].concat()).await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let error = refusal(options(port)).await;
    assert!(error.is_permanent() && error.to_string().contains("does not speak AMQP"), "{error}");
}

#[tokio::test]
async fn a_port_without_tls_is_told_as_such() {
    let port = server(|_, mut socket| async move {
        socket.write_all(b"AMQP\x00\x00\x09\x01").await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let error = refusal(AmqpOptions { encrypted: true, ..options(port) }).await;
    assert!(error.is_permanent() && error.to_string().contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn guest_is_not_tried_elsewhere() {
    let queue = AmqpQueue::Existing("orders".into());
    let error = refusal(AmqpOptions::new("broker.invalid", queue)).await;
    assert!(error.is_permanent() && error.to_string().contains("give user and password"), "{error}");
}

#[test]
fn this_computer_is_known_by_name_and_by_number() {
    let is_here = |host: &str| AmqpOptions::new(host, AmqpQueue::Existing(String::new())).is_loopback();
    assert!(is_here("localhost") && is_here("127.8.0.1") && is_here("[::1]") && is_here("a.localhost"));
    assert!(!is_here("broker") && !is_here("10.0.0.1") && !is_here("localhost.example.com"));
}
