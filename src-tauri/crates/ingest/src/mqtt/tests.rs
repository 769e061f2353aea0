//! What can be said to a peer that follows a script; what needs a broker is a test of the whole program.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::{MqttOptions, MqttSource, MqttTopic, MqttVersion};
use crate::batch::Batch;
use crate::testkit::{Watched, clock, eager, server};
use crate::{ConnectError, Resume, Session, SessionError, Source};

fn topic(filter: &str, qos: u8) -> MqttTopic {
    MqttTopic { filter: filter.to_owned(), qos }
}

fn options(port: u16) -> MqttOptions {
    MqttOptions { port, ..MqttOptions::new("127.0.0.1", [topic("plant/#", 1)]) }
}

async fn session(options: MqttOptions) -> Result<Box<dyn Session>, ConnectError> {
    MqttSource::new(options, clock).connect(&Resume::default()).await
}

async fn refusal(options: MqttOptions) -> ConnectError {
    session(options).await.err().expect("no session")
}

/// The next packet of a client: its first byte and what follows its length, which is short here.
async fn packet(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    socket.read_exact(&mut head).await.ok()?;
    let mut body = vec![0; head[1].into()];
    socket.read_exact(&mut body).await.ok()?;
    Some((head[0], body))
}

/// Welcomes an MQTT 5 client and hears what it subscribes to; nothing is answered to that.
async fn welcomed(socket: &mut TcpStream) -> Vec<u8> {
    let (kind, _) = packet(socket).await.unwrap();
    assert_eq!(kind, 0x10);
    socket.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap();
    let (kind, body) = packet(socket).await.unwrap();
    assert_eq!(kind, 0x82);
    body
}

/// The answer to the first subscription.
fn granted(code: u8) -> [u8; 6] {
    [0x90, 4, 0, 1, 0, code]
}

/// A message of MQTT 5 with QoS 1.
fn message(id: u8, dup: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x32 | u8::from(dup) << 3, 6 + payload.len() as u8, 0, 1, b'a', 0, id, 0];
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn what_is_no_broker_is_told_as_such() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..],
        b"AMQP\x00\x00\x09\x01",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\x20\xFF\xFF\xFF\xFF",
        b"\x20\xFF\xFF\x7F",
        b"\x20\x02\x00",
    ] {
        let port = server(move |_, mut socket| async move {
            packet(&mut socket).await.unwrap();
            socket.write_all(answer).await.unwrap();
        })
        .await;
        let error = refusal(options(port)).await;
        assert!(error.is_permanent() && error.to_string().contains("does not speak MQTT"), "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_given_up_and_the_connection_with_it() {
    let (gone, mut told) = mpsc::channel(1);
    let port = server(move |_, mut socket| {
        let gone = gone.clone();
        async move {
            let _ = socket.read_to_end(&mut Vec::new()).await;
            gone.send(()).await.unwrap();
        }
    })
    .await;
    let error = refusal(MqttOptions { connect_timeout: Duration::from_millis(50), ..options(port) }).await;
    assert!(matches!(error, ConnectError::TimedOut { .. }) && !error.is_permanent(), "{error}");
    told.recv().await.unwrap();
}

#[tokio::test]
async fn a_broker_that_does_not_know_mqtt_5_is_spoken_to_in_3_1_1() {
    for answer in [&[0x20, 2, 0, 1][..], &[0x20, 3, 0, 0x84, 0], &[]] {
        let port = server(move |_, mut socket| async move {
            let (_, connect) = packet(&mut socket).await.unwrap();
            if connect[6] == 5 {
                socket.write_all(answer).await.unwrap();
                return;
            }
            assert_eq!(connect[6], 4);
            socket.write_all(&[0x20, 2, 0, 0]).await.unwrap();
            let (_, subscribe) = packet(&mut socket).await.unwrap();
            assert_eq!(subscribe, b"\x00\x01\x00\x07plant/#\x01");
            socket.write_all(&[0x90, 3, 0, 1, 1]).await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let session = session(options(port)).await.unwrap();
        assert_eq!(session.detail(), "not encrypted, MQTT 3.1.1 (the broker does not speak 5), new session");
    }
}

#[tokio::test]
async fn a_topic_that_is_refused_is_an_error_with_its_name() {
    for (code, part) in [(0x87, "may not read it"), (0x80, "does not say why"), (0xA2, "takes no wildcards")] {
        let port = server(move |_, mut socket| async move {
            welcomed(&mut socket).await;
            socket.write_all(&granted(code)).await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let error = refusal(options(port)).await;
        let said = error.to_string();
        assert!(error.is_permanent() && said.contains("the topic plant/#") && said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn what_a_broker_says_that_it_cannot_do_is_told() {
    for (property, filter, part) in [(40, "plant/#", "takes no wildcards"), (42, "$share/g/a", "Write a for all")] {
        let port = server(move |_, mut socket| async move {
            packet(&mut socket).await.unwrap();
            socket.write_all(&[0x20, 5, 0, 0, 2, property, 0]).await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let error = refusal(MqttOptions { topics: vec![topic(filter, 0)], ..options(port) }).await;
        assert!(error.is_permanent() && error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn less_than_was_asked_for_is_told() {
    let port = server(move |_, mut socket| async move {
        packet(&mut socket).await.unwrap();
        // Keeps a session of a minute, and gives QoS 0 only.
        socket.write_all(&[0x20, 8, 0, 0, 5, 17, 0, 0, 0, 60]).await.unwrap();
        packet(&mut socket).await.unwrap();
        socket.write_all(&[&granted(0)[..], &message(1, false, b"x")].concat()).await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let source = MqttSource::new(options(port), clock);
    let mut session = source.connect(&Resume::default()).await.unwrap();
    let expected = "not encrypted, MQTT 5, new session that the broker keeps for 60 s only, plant/# with QoS 0 only";
    assert_eq!(session.detail(), expected);
    let mut batch = Batch::default();
    session.recv(&mut batch).await.unwrap();
    let told = batch.take_notice().unwrap();
    assert!(told.contains("asked for: the session is kept for 60 s only, plant/# with QoS 0 only. What it"), "{told}");
    let mut session = source.connect(&Resume::default()).await.unwrap();
    session.recv(&mut batch).await.unwrap();
    assert_eq!((batch.take_notice(), batch.messages().len()), (None, 1), "it is told once");
}

#[tokio::test]
async fn what_comes_before_the_answer_to_a_subscription_is_not_lost() {
    let port = server(move |_, mut socket| async move {
        welcomed(&mut socket).await;
        socket
            .write_all(&[message(7, true, b"first"), granted(1).to_vec(), message(8, false, b"second")].concat())
            .await
            .unwrap();
        let (kind, ids) = packet(&mut socket).await.unwrap();
        assert_eq!((kind, ids), (0x40, vec![0, 7]));
        let (kind, ids) = packet(&mut socket).await.unwrap();
        assert_eq!((kind, ids), (0x40, vec![0, 8]));
        socket.write_all(&[0xE0, 2, 0x8B, 0]).await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let mut session = session(options(port)).await.unwrap();
    let mut batch = Batch::default();
    while batch.messages().len() < 2 {
        session.recv(&mut batch).await.unwrap();
    }
    let flagged: Vec<(&[u8], bool)> =
        batch.views().map(|message| (message.payload, message.meta.unwrap().redelivered)).collect();
    assert_eq!(flagged, [(&b"first"[..], true), (b"second", false)]);
    session.ack(1).await.unwrap();
    session.ack(2).await.unwrap();
    let error = session.recv(&mut Batch::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "The broker ended the session (139): it shuts down.");
}

#[tokio::test]
async fn a_message_of_qos_2_is_acknowledged_in_two_steps() {
    let port = server(move |_, mut socket| async move {
        welcomed(&mut socket).await;
        socket.write_all(&[&granted(2)[..], &[0x34, 7, 0, 1, b'a', 0, 9, 0, b'x']].concat()).await.unwrap();
        assert_eq!(packet(&mut socket).await.unwrap(), (0x50, vec![0, 9]));
        socket.write_all(&[0x62, 2, 0, 9]).await.unwrap();
        assert_eq!(packet(&mut socket).await.unwrap(), (0x70, vec![0, 9]));
        socket.write_all(&[0xE0, 0]).await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let mut session = session(MqttOptions { topics: vec![topic("a", 2)], ..options(port) }).await.unwrap();
    let mut batch = Batch::default();
    session.recv(&mut batch).await.unwrap();
    assert_eq!(batch.messages().len(), 1);
    session.ack(1).await.unwrap();
    let error = session.recv(&mut Batch::default()).await.unwrap_err();
    assert!(error.to_string().contains("says goodbye"), "{error}");
}

#[tokio::test]
async fn a_session_that_is_taken_over_and_a_message_too_large_are_told_with_the_cure() {
    for (sent, part, permanent) in [
        (vec![0xE0, 2, 0x8E, 0], "write client_id", true),
        (message(1, false, &[b'x'; 21]), "A message of 21 bytes is larger than the limit of 20 bytes", false),
        // More than a message of 20 bytes can have around it.
        (vec![0x32, 0xFF, 0xFF, 0x7F], "is larger than the limit of 20 bytes", false),
        (vec![0x32, 7, 0, 0, 0, 1, 3, 35, 0], "what is no packet", false),
        (vec![0x90, 1, 0], "what is no packet", false),
        (vec![0x36, 4, 0, 1, b'a', 0], "what is no packet", false),
        (vec![0xC0, 0], "what is no packet", false),
    ] {
        let port = server(move |_, mut socket| {
            let sent = sent.clone();
            async move {
                welcomed(&mut socket).await;
                socket.write_all(&[&granted(1)[..], &sent].concat()).await.unwrap();
                let _ = socket.read_to_end(&mut Vec::new()).await;
            }
        })
        .await;
        let mut session = session(MqttOptions { max_message: 20, ..options(port) }).await.unwrap();
        let error = session.recv(&mut Batch::default()).await.unwrap_err();
        assert_eq!(error.is_permanent(), permanent, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_given_up_after_it_was_asked_whatever_longer_time_it_names() {
    // Nothing, no time at all, and eighteen hours.
    for welcome in [vec![0x20, 3, 0, 0, 0], vec![0x20, 6, 0, 0, 3, 19, 0, 0], vec![0x20, 6, 0, 0, 3, 19, 0xFF, 0xFF]] {
        let (asked, mut told) = mpsc::channel(8);
        let port = server(move |_, mut socket| {
            let (asked, welcome) = (asked.clone(), welcome.clone());
            async move {
                packet(&mut socket).await.unwrap();
                socket.write_all(&welcome).await.unwrap();
                packet(&mut socket).await.unwrap();
                socket.write_all(&granted(1)).await.unwrap();
                while let Some((kind, _)) = packet(&mut socket).await {
                    asked.send(kind).await.unwrap();
                }
            }
        })
        .await;
        let keep_alive = Duration::from_millis(80);
        let mut session = session(MqttOptions { keep_alive, ..options(port) }).await.unwrap();
        let error = session.recv(&mut Batch::default()).await.unwrap_err();
        assert_eq!(error, SessionError::Idle { after: keep_alive });
        assert_eq!(told.recv().await, Some(0xC0));
    }
}

#[tokio::test]
async fn a_shorter_time_that_the_broker_names_is_kept_to() {
    let port = server(move |_, mut socket| async move {
        packet(&mut socket).await.unwrap();
        socket.write_all(&[0x20, 6, 0, 0, 3, 19, 0, 1]).await.unwrap();
        packet(&mut socket).await.unwrap();
        socket.write_all(&granted(1)).await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let error = session(options(port)).await.unwrap().recv(&mut Batch::default()).await.unwrap_err();
    assert_eq!(error, SessionError::Idle { after: Duration::from_secs(1) });
}

#[tokio::test]
async fn a_look_is_a_clean_session_with_a_name_of_its_own_and_takes_nothing_from_a_group() {
    let (heard, mut told) = mpsc::channel(8);
    let port = server(move |_, mut socket| {
        let heard = heard.clone();
        async move {
            let (_, connect) = packet(&mut socket).await.unwrap();
            socket.write_all(&[0x20, 3, 0, 0, 0]).await.unwrap();
            let (_, subscribe) = packet(&mut socket).await.unwrap();
            socket.write_all(&granted(0)).await.unwrap();
            heard.send((connect, subscribe)).await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    })
    .await;
    let look = MqttOptions { look: true, topics: vec![topic("$share/g/a", 2)], ..options(port) };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let session = session(look.clone()).await.unwrap();
        assert!(!session.acknowledges());
        let (connect, subscribe) = told.recv().await.unwrap();
        assert_eq!(connect[7] & 2, 2, "a clean start: {connect:?}");
        assert!(subscribe.ends_with(b"\x00\x01a\x10"), "QoS 0: {subscribe:?}");
        ids.push(connect[connect.len() - 22..].to_vec());
    }
    assert_ne!(ids[0], ids[1]);
}

/// A broker that keeps its session over every connection; the number of subscriptions that it heard on each.
async fn keeping(version: MqttVersion) -> (u16, mpsc::Receiver<usize>) {
    let (heard, told) = mpsc::channel(8);
    let port = server(move |number, mut socket| {
        let heard = heard.clone();
        async move {
            packet(&mut socket).await.unwrap();
            let present = u8::from(number > 0);
            let five = version == MqttVersion::V5;
            let welcome = if five { vec![0x20, 3, present, 0, 0] } else { vec![0x20, 2, present, 0] };
            socket.write_all(&welcome).await.unwrap();
            let expected = usize::from(five || number == 0);
            for _ in 0..expected {
                packet(&mut socket).await.unwrap();
                let answer = if five { granted(1).to_vec() } else { vec![0x90, 3, 0, 1, 1] };
                socket.write_all(&answer).await.unwrap();
            }
            // A message, so that whatever else is sent comes before its acknowledgement.
            let sent = if five { message(1, false, b"x") } else { vec![0x32, 6, 0, 1, b'a', 0, 1, b'x'] };
            socket.write_all(&sent).await.unwrap();
            heard.send(expected).await.unwrap();
        }
    })
    .await;
    (port, told)
}

#[tokio::test]
async fn a_session_that_the_broker_kept_is_not_subscribed_again_where_retained_messages_would_be_repeated() {
    for (version, again) in [(MqttVersion::V5, 1), (MqttVersion::V311, 0)] {
        let (port, mut told) = keeping(version).await;
        let source = MqttSource::new(MqttOptions { version, ..options(port) }, clock);
        let mut watched = Watched::start(source, eager());
        watched.message().await;
        assert_eq!(told.recv().await, Some(1));
        watched.message().await;
        assert_eq!(told.recv().await, Some(again), "{version:?}");
        watched.stop().await;
    }
}

#[tokio::test]
async fn a_session_whose_subscription_was_not_answered_is_subscribed_again() {
    let (heard, mut told) = mpsc::channel(8);
    let port = server(move |number, mut socket| {
        let heard = heard.clone();
        async move {
            packet(&mut socket).await.unwrap();
            socket.write_all(&[0x20, 2, u8::from(number > 0), 0]).await.unwrap();
            let (kind, _) = packet(&mut socket).await.unwrap();
            heard.send(kind).await.unwrap();
            match number {
                // More than a session takes before it has begun, and then no answer.
                0 => socket.write_all(&[0x30, 4, 0, 1, b'a', b'x'].repeat(300)).await.unwrap(),
                _ => socket.write_all(&[0x90, 3, 0, 1, 1]).await.unwrap(),
            }
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    })
    .await;
    let source = MqttSource::new(MqttOptions { version: MqttVersion::V311, ..options(port) }, clock);
    drop(source.connect(&Resume::default()).await.unwrap());
    source.connect(&Resume::default()).await.unwrap().close().await;
    assert_eq!((told.recv().await, told.recv().await), (Some(0x82), Some(0x82)));
}

#[tokio::test]
async fn a_session_that_was_left_for_another_endpoint_begins_anew_and_one_that_was_cut_goes_on() {
    for (version, clean) in
        [(MqttVersion::V5, &[false, false, true][..]), (MqttVersion::V311, &[false, false, true, false])]
    {
        let (heard, mut told) = mpsc::channel(8);
        let port = server(move |_, mut socket| {
            let heard = heard.clone();
            async move {
                let (_, connect) = packet(&mut socket).await.unwrap();
                heard.send(connect[7] & 2 != 0).await.unwrap();
                let five = version == MqttVersion::V5;
                let welcome = if five { &[0x20, 3, 0, 0, 0][..] } else { &[0x20, 2, 0, 0] };
                socket.write_all(welcome).await.unwrap();
                // A session that is only to be forgotten is not subscribed.
                if packet(&mut socket).await.is_some() {
                    let answer = if five { granted(1).to_vec() } else { vec![0x90, 3, 0, 1, 1] };
                    socket.write_all(&answer).await.unwrap();
                }
                let _ = socket.read_to_end(&mut Vec::new()).await;
            }
        })
        .await;
        let source = MqttSource::new(MqttOptions { version, in_turns: true, ..options(port) }, clock);
        drop(source.connect(&Resume::default()).await.unwrap());
        source.connect(&Resume::default()).await.unwrap().close().await;
        drop(source.connect(&Resume::default()).await.unwrap());
        let mut flags = Vec::new();
        for _ in clean {
            flags.push(told.recv().await.unwrap());
        }
        assert_eq!(flags, clean, "{version:?}");
    }
}
