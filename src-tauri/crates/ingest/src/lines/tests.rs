//! Lines over real sockets on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use feedwatch_model::{Cut, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::*;
use crate::testkit::{Watched, clock, eager, encrypted, server};
use crate::{Event, Secret};

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn here(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

fn watch(options: LinesOptions) -> Watched {
    Watched::start(LinesSource::new(options, clock), eager())
}

fn client_of(port: u16, encrypted: bool) -> LinesOptions {
    let host = if encrypted { "localhost" } else { "127.0.0.1" };
    LinesOptions::new(LinesPlace::Server { host: host.to_owned(), port, encrypted })
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(&message.payload).into_owned()
}

fn peer(message: &Message) -> Option<String> {
    message.meta.as_ref()?.headers.iter().find(|(name, _)| &**name == "peer").map(|(_, peer)| peer.to_string())
}

fn cut(message: &Message) -> Option<Cut> {
    message.meta.as_ref()?.cut
}

/// Waits until it listens.
async fn listens(watched: &mut Watched) {
    while !matches!(watched.next().await, Event::Connected { .. }) {}
}

#[tokio::test]
async fn lines_of_a_server_are_messages_however_they_are_cut_into_packets() {
    let port = server(|_, mut socket| async move {
        for piece in ["21.5\r\n2", "1.6\n\n  \n", "{\"a\":1}\nhalf"] {
            socket.write_all(piece.as_bytes()).await.unwrap();
            socket.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut watched = watch(client_of(port, false));
    for line in ["21.5", "21.6", "{\"a\":1}"] {
        let message = watched.message().await;
        assert_eq!((text(&message).as_str(), &message.meta), (line, &None));
    }
    let half = watched.message().await;
    assert_eq!((text(&half).as_str(), cut(&half)), ("half", Some(Cut::Unfinished)), "it may be half a number");
    assert_eq!(watched.lost().await, ("The server closed the connection.".to_owned(), false));
    assert_eq!(text(&watched.message().await), "21.5", "it is connected again");
    watched.stop().await;
}

#[tokio::test]
async fn token_and_subscriptions_are_sent_first() {
    let port = server(|_, mut socket| async move {
        let mut said = vec![0; 12];
        socket.read_exact(&mut said).await.unwrap();
        socket.write_all(&said).await.unwrap();
        socket.read_exact(&mut [0]).await.unwrap_err();
    })
    .await;
    let options = LinesOptions {
        token: Some(Secret::new("tok")),
        subscribe: vec!["all".into(), "now".into()],
        ..client_of(port, false)
    };
    let mut watched = watch(options);
    for line in ["tok", "all", "now"] {
        assert_eq!(text(&watched.message().await), line);
    }
    watched.stop().await;
}

#[tokio::test]
async fn a_silent_server_is_given_up_and_one_that_is_not_there_is_told() {
    let port = server(|_, mut socket| async move {
        socket.write_all(b"1\n").await.unwrap();
        let _ = socket.read(&mut [0]).await;
    })
    .await;
    let options = LinesOptions { idle_timeout: Some(Duration::from_millis(50)), ..client_of(port, false) };
    let mut watched = watch(options);
    let (reason, _) = watched.lost().await;
    assert!(reason.starts_with("Nothing was heard for 50 ms"), "{reason}");
    watched.stop().await;
    let mut watched = watch(client_of(free_port().await, false));
    let (reason, refused) = watched.lost().await;
    assert!(reason.contains("Nothing listens at 127.0.0.1") && !refused, "{reason}");
    watched.stop().await;
}

#[tokio::test]
async fn lines_over_tls_need_a_certificate_that_is_trusted() {
    let (certificate, acceptor) = encrypted();
    let port = server(move |_, socket| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust us ends the handshake.
            let Ok(mut socket) = acceptor.accept(socket).await else { return };
            socket.write_all(b"21.5\n").await.unwrap();
            let _ = socket.read(&mut [0]).await;
        }
    })
    .await;
    let mut watched = watch(client_of(port, true));
    let (reason, refused) = watched.lost().await;
    assert!(reason.contains("certificate is not trusted") && refused, "{reason}");
    watched.stop().await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let pem =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", crate::base64::encode(&certificate));
    std::fs::write(&ca, pem).unwrap();
    let tls = TlsFiles { ca: Some(ca), ..TlsFiles::default() };
    let mut watched = watch(LinesOptions { tls, ..client_of(port, true) });
    assert_eq!(text(&watched.message().await), "21.5");
    watched.stop().await;
    let plain = server(|_, mut socket| async move {
        let _ = socket.write_all(b"21.5\n21.5\n21.5\n").await;
    })
    .await;
    let mut watched = watch(client_of(plain, true));
    let (reason, refused) = watched.lost().await;
    assert!(reason.contains("does not speak TLS") && reason.contains("tcp://") && refused, "{reason}");
    watched.stop().await;
}

#[tokio::test]
async fn many_clients_send_at_once_each_with_its_own_lines() {
    let port = free_port().await;
    let mut watched = watch(LinesOptions::new(LinesPlace::Listen(here(port))));
    listens(&mut watched).await;
    let clients = 20;
    for client in 0..clients {
        tokio::spawn(async move {
            let mut socket = TcpStream::connect(here(port)).await.unwrap();
            for line in 0..100 {
                let text = format!("{client} {line}\n");
                let (head, tail) = text.as_bytes().split_at(2);
                socket.write_all(head).await.unwrap();
                tokio::task::yield_now().await;
                socket.write_all(tail).await.unwrap();
            }
        });
    }
    let mut next = vec![0; clients];
    let mut peers = std::collections::HashMap::new();
    for _ in 0..clients * 100 {
        let message = watched.message().await;
        let said = text(&message);
        let (client, line) = said.split_once(' ').unwrap();
        let client: usize = client.parse().unwrap();
        assert_eq!(line.parse(), Ok(next[client]), "in the order in which it was sent");
        next[client] += 1;
        assert_eq!(peers.entry(client).or_insert(peer(&message)), &peer(&message));
    }
    assert_eq!(watched.inbox.counters().received, clients as u64 * 100);
    watched.stop().await;
}

#[tokio::test]
async fn a_client_says_the_token_first_or_is_turned_away() {
    let port = free_port().await;
    let token = Some(Secret::new("open sesame"));
    let mut watched = watch(LinesOptions { token, ..LinesOptions::new(LinesPlace::Listen(here(port))) });
    listens(&mut watched).await;
    for wrong in ["open\n21\n", "open sesame!\n21\n", "\nopen sesame\n21\n"] {
        let mut socket = TcpStream::connect(here(port)).await.unwrap();
        socket.write_all(wrong.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // What it had not read yet may make the end a reset.
        let _ = socket.read_to_end(&mut answer).await;
    }
    let endless = tokio::spawn(async move {
        let mut socket = TcpStream::connect(here(port)).await.unwrap();
        while socket.write_all(&[b'x'; 1024]).await.is_ok() {}
    });
    endless.await.unwrap();
    let mut right = TcpStream::connect(here(port)).await.unwrap();
    right.write_all(b"open sesame\r\n22\n").await.unwrap();
    assert_eq!(text(&watched.message().await), "22");
    assert_eq!(watched.inbox.counters().received, 1);
    watched.stop().await;
}

#[tokio::test]
async fn more_clients_than_are_allowed_are_turned_away_until_one_goes() {
    let port = free_port().await;
    let mut watched = watch(LinesOptions::new(LinesPlace::Listen(here(port))));
    listens(&mut watched).await;
    let mut clients = Vec::new();
    for number in 0..super::listener::CLIENTS {
        let mut socket = TcpStream::connect(here(port)).await.unwrap();
        socket.write_all(format!("{number}\n").as_bytes()).await.unwrap();
        watched.message().await;
        clients.push(socket);
    }
    let mut one_more = TcpStream::connect(here(port)).await.unwrap();
    let mut answer = String::new();
    one_more.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("64 connections"), "{answer}");
    clients.pop();
    loop {
        let mut socket = TcpStream::connect(here(port)).await.unwrap();
        socket.write_all(b"again\n").await.unwrap();
        let mut answer = [0; 100];
        // Its end is an answer: it was turned away while the other had not gone yet.
        tokio::select! {
            message = watched.message() => {
                assert_eq!(text(&message), "again");
                break;
            }
            _ = socket.read(&mut answer) => {}
        }
    }
    watched.stop().await;
}

#[tokio::test]
async fn a_client_that_is_silent_for_too_long_makes_room() {
    let port = free_port().await;
    let idle_timeout = Some(Duration::from_millis(50));
    let mut watched = watch(LinesOptions { idle_timeout, ..LinesOptions::new(LinesPlace::Listen(here(port))) });
    listens(&mut watched).await;
    let mut silent = TcpStream::connect(here(port)).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0, "it is closed");
    watched.stop().await;
}

#[tokio::test]
async fn half_a_line_of_a_peer_that_fell_silent_is_evidence() {
    let idle_timeout = Some(Duration::from_millis(50));
    let port = free_port().await;
    let mut watched = watch(LinesOptions { idle_timeout, ..LinesOptions::new(LinesPlace::Listen(here(port))) });
    listens(&mut watched).await;
    let mut silent = TcpStream::connect(here(port)).await.unwrap();
    silent.write_all(b"21\n22").await.unwrap();
    assert_eq!(text(&watched.message().await), "21");
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0, "it is closed");
    let mut other = TcpStream::connect(here(port)).await.unwrap();
    other.write_all(b"23\n").await.unwrap();
    let half = watched.message().await;
    assert_eq!((text(&half).as_str(), cut(&half)), ("22", Some(Cut::Unfinished)));
    assert_eq!(text(&watched.message().await), "23");
    watched.stop().await;
    let port = server(|_, mut socket| async move {
        socket.write_all(b"1\n2").await.unwrap();
        let _ = socket.read(&mut [0]).await;
    })
    .await;
    let mut watched = watch(LinesOptions { idle_timeout, ..client_of(port, false) });
    assert_eq!(text(&watched.message().await), "1");
    let half = watched.message().await;
    assert_eq!((text(&half).as_str(), cut(&half)), ("2", Some(Cut::Unfinished)));
    watched.stop().await;
}

#[tokio::test]
async fn lines_that_are_too_long_are_counted_whoever_sends_them() {
    let port = free_port().await;
    let options = LinesOptions { max_message: 100, ..LinesOptions::new(LinesPlace::Listen(here(port))) };
    let mut watched = watch(options);
    listens(&mut watched).await;
    let mut socket = TcpStream::connect(here(port)).await.unwrap();
    let long = format!("1\n{}\n2\n", "x".repeat(1 << 20));
    socket.write_all(long.as_bytes()).await.unwrap();
    assert_eq!(text(&watched.message().await), "1");
    let message = watched.message().await;
    assert_eq!((cut(&message), message.payload.len()), (Some(Cut::TooLarge { bytes: 1 << 20 }), 100));
    assert_eq!(text(&watched.message().await), "2");
    watched.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let mut watched = watch(LinesOptions::new(LinesPlace::Listen(at)));
    let (reason, refused) = watched.lost().await;
    assert!(reason.contains("listens at") && reason.contains("already") && !refused, "{reason}");
    watched.stop().await;
    let elsewhere = SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1).into(), at.port());
    let mut watched = watch(LinesOptions::new(LinesPlace::Listen(elsewhere)));
    let (reason, refused) = watched.lost().await;
    assert!(reason.contains("no address of this computer") && refused, "{reason}");
    watched.stop().await;
}

#[tokio::test]
async fn a_datagram_holds_lines_or_is_one_message() {
    for (framing, expected) in
        [(Framing::Newline, vec!["a 1", "b 2", "c"]), (Framing::Datagram, vec!["a 1\r\nb 2\n\n", "c"])]
    {
        let port = free_port().await;
        let place = LinesPlace::Datagrams(here(port));
        let mut watched = watch(LinesOptions { framing, ..LinesOptions::new(place) });
        listens(&mut watched).await;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for datagram in ["a 1\r\nb 2\n\n", "", "c"] {
            socket.send_to(datagram.as_bytes(), here(port)).await.unwrap();
        }
        for line in expected {
            let message = watched.message().await;
            assert_eq!(text(&message), line);
            assert_eq!(peer(&message), Some(socket.local_addr().unwrap().to_string()));
        }
        watched.stop().await;
    }
}

#[tokio::test]
async fn who_is_not_on_the_list_is_not_heard() {
    let port = free_port().await;
    let place = LinesPlace::Datagrams(here(port));
    let allow = vec!["127.0.0.2/32".parse().unwrap()];
    let mut watched = watch(LinesOptions { allow, ..LinesOptions::new(place) });
    listens(&mut watched).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stranger.send_to(b"stranger", here(port)).await.unwrap();
    let known = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    known.send_to(b"known", here(port)).await.unwrap();
    assert_eq!(text(&watched.message().await), "known");
    watched.stop().await;
}

/// The queue of the system is made to overflow while nobody reads it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_system_drops_is_told() {
    let port = free_port().await;
    let mut watched = watch(LinesOptions::new(LinesPlace::Datagrams(here(port))));
    listens(&mut watched).await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    // Without a pause of this task the only thread reads nothing.
    let datagram = [b'x'; 8_000];
    for _ in 0..4_000 {
        socket.send_to(&datagram, here(port)).unwrap();
    }
    let mut missed = 0;
    while watched.inbox.counters().received + missed < 4_000 {
        if let Event::Missed(more) = watched.next().await {
            assert!(more.count > 0 && more.reason.contains("datagram"), "{more:?}");
            missed += more.count;
        }
    }
    assert!(missed > 0 && watched.inbox.counters().received + missed == 4_000, "{missed}");
    watched.stop().await;
}
