//! Where to, and through what. What is carried through a proxy is a test of each protocol.

use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::*;
use crate::testkit::{head, server};

fn target(url: &str) -> Target {
    Target::of(&Url::parse(url).unwrap())
}

fn of(variables: &'static [(&'static str, &'static str)], target: &Target) -> Option<String> {
    let env = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    environment::hop(target, &env).unwrap().map(|hop| Proxy::Through(hop).to_string())
}

#[test]
fn loopback_is_known_by_name_and_number() {
    for url in ["http://localhost:1", "http://feed.localhost", "http://127.0.0.9/", "https://[::1]/", "ws://127.0.0.1"]
    {
        assert!(target(url).is_loopback(), "{url}");
        assert_eq!(Proxy::Environment.hop(&target(url)), Ok(None), "{url}");
    }
    assert!(!target("http://localhost.example.com").is_loopback() && !target("http://192.168.0.1").is_loopback());
}

#[test]
fn the_environment_names_proxies_by_what_is_spoken() {
    let all = &[("HTTPS_PROXY", "http://a:1"), ("http_proxy", "b:2"), ("ALL_PROXY", "socks5h://c")];
    assert_eq!(of(all, &target("wss://example.com")).unwrap(), "http://a:1");
    assert_eq!(of(all, &target("http://example.com")).unwrap(), "http://b:2");
    assert_eq!(of(all, &Target::new("example.com", 5672, Traffic::Other)).unwrap(), "socks5://c:1080");
    assert_eq!(of(&[("HTTPS_PROXY", "http://a:1")], &Target::new("example.com", 5671, Traffic::Other)), None);
    assert_eq!(of(&[("https_proxy", " ")], &target("https://example.com")), None);
    let cgi = &[("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")];
    assert_eq!(of(cgi, &target("http://example.com")), None, "there it is a client's header");
}

#[test]
fn what_no_proxy_names_is_reached_without() {
    let with = &[("ALL_PROXY", "http://p:1"), ("NO_PROXY", "example.com, 10.0.0.0/8,.local")];
    for url in ["https://example.com", "https://a.example.com", "http://10.1.2.3", "ws://plc.local"] {
        assert_eq!(of(with, &target(url)), None, "{url}");
    }
    for url in ["https://example.org", "https://notexample.com", "http://11.1.2.3"] {
        assert!(of(with, &target(url)).is_some(), "{url}");
    }
    assert_eq!(of(&[("ALL_PROXY", "http://p:1"), ("no_proxy", "*")], &target("https://example.org")), None);
}

#[test]
fn a_proxy_that_cannot_be_used_is_told_with_its_variable_and_without_its_password() {
    let env = |name: &str| (name == "HTTPS_PROXY").then(|| "ftp://ann:s3cr3t@proxy".to_owned());
    let error = environment::hop(&target("https://example.com"), &env).unwrap_err();
    assert!(error.is_permanent() && error.to_string().contains("HTTPS_PROXY"), "{error}");
    assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
}

#[test]
fn a_proxy_is_read_and_shown_without_its_password() {
    let shown = |text: &str| Proxy::parse(text).map(|proxy| proxy.to_string());
    assert_eq!(shown("http://proxy:3128/"), Ok("http://proxy:3128".to_owned()));
    assert_eq!(shown(" SOCKS5://[::1]:9 "), Ok("socks5://[::1]:9".to_owned()));
    assert_eq!(shown("http://ann:s3cr3t@proxy"), Ok("http://***@proxy:80".to_owned()));
    assert!(!format!("{:?}", Proxy::parse("http://ann:s3cr3t@proxy")).contains("s3cr3t"));
    for text in
        ["", "proxy", "http://", "https://proxy", "http://proxy/path", "http://proxy:0", "http://p?q", "proxy:3128"]
    {
        assert!(Proxy::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        let _ = Proxy::parse(&text);
    }
}

fn hop(kind: HopKind, port: u16, login: Option<(&str, &str)>) -> Proxy {
    let login = login.map(|(user, password)| (user.to_owned(), crate::Secret::new(password)));
    Proxy::Through(Hop { kind, host: "127.0.0.1".to_owned(), port, login })
}

fn far() -> Target {
    Target::new("far.example.com", 5672, Traffic::Other)
}

async fn refusal(proxy: &Proxy) -> ConnectError {
    tcp(&far(), proxy).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn not_a_byte_behind_the_proxys_answer_is_taken() {
    let port = server(async |_, mut socket: TcpStream| {
        let asked = head(&mut socket).await;
        assert!(asked.starts_with("CONNECT far.example.com:5672 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("Proxy-Authorization: Basic YW5uOnMzY3IzdA==\r\n"), "{asked}");
        socket.write_all(b"HTTP/1.1 200 Connection established\r\nVia: p\r\n\r\nfirst words").await.unwrap();
        std::future::pending().await
    });
    let proxy = hop(HopKind::Http, port.await, Some(("ann", "s3cr3t")));
    let mut socket = tcp(&far(), &proxy).await.unwrap();
    let mut words = [0; 11];
    socket.read_exact(&mut words).await.unwrap();
    assert_eq!(&words, b"first words");
}

#[tokio::test]
async fn what_a_proxy_refuses_is_told_with_the_cure() {
    for (answer, part, permanent) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "wants a user and a password", true),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "does not connect to far.example.com:5672 (403)", true),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "does not reach far.example.com:5672", false),
        ("SSH-2.0-OpenSSH\r\n\r\n", "is no proxy that speaks HTTP", true),
        ("HTTP/1.1", "did not answer", false),
    ] {
        let port = server(move |_, mut socket: TcpStream| async move {
            head(&mut socket).await;
            socket.write_all(answer.as_bytes()).await.unwrap();
        });
        let error = refusal(&hop(HopKind::Http, port.await, None)).await;
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.is_permanent(), permanent, "{error}");
    }
    let endless = server(async |_, mut socket: TcpStream| {
        head(&mut socket).await;
        while socket.write_all(&[b'x'; 1024]).await.is_ok() {}
    });
    let error = refusal(&hop(HopKind::Http, endless.await, None)).await;
    assert!(error.to_string().contains("is no proxy"), "{error}");
    let error = refusal(&hop(HopKind::Http, 1, None)).await;
    assert!(error.to_string().starts_with("The proxy cannot be reached. Nothing listens at 127.0.0.1:1"), "{error}");
}

type Script = &'static [(usize, &'static [u8])];

/// A SOCKS proxy that says these bytes, each after as many were asked as are given.
async fn socks(script: Script) -> u16 {
    server(move |_, mut socket: TcpStream| async move {
        for (asked, answer) in script {
            let mut bytes = vec![0; *asked];
            if socket.read_exact(&mut bytes).await.is_err() {
                return;
            }
            socket.write_all(answer).await.unwrap();
        }
        std::future::pending().await
    })
    .await
}

#[tokio::test]
async fn socks_is_spoken_with_a_name_and_with_a_login() {
    // Greeting; login; wish with the name; then the other side speaks first.
    let port =
        socks(&[(4, b"\x05\x02"), (3 + 3 + 6, b"\x01\x00"), (7 + 15, b"\x05\x00\x00\x03\x02ab\x00\x01first")]).await;
    let mut socket = tcp(&far(), &hop(HopKind::Socks5, port, Some(("ann", "s3cr3t")))).await.unwrap();
    let mut words = [0; 5];
    socket.read_exact(&mut words).await.unwrap();
    assert_eq!(&words, b"first");
}

#[tokio::test]
async fn what_a_socks_proxy_refuses_is_told() {
    const REFUSED: &[(Script, &str, bool)] = &[
        (&[(3, b"\x05\xFF")], "wants a user and a password", true),
        (&[(3, b"HT")], "is no proxy that speaks SOCKS 5", true),
        (&[(3, b"\x05\x00"), (22, b"\x05\x02\x00\x01")], "does not allow connections", true),
        (&[(3, b"\x05\x00"), (22, b"\x05\x05\x00\x01")], "Nothing listens at far.example.com:5672", false),
        (&[(3, b"\x05\x00"), (22, b"\x05\x00\x00\x09")], "is no proxy that speaks SOCKS 5", true),
    ];
    for &(script, part, permanent) in REFUSED {
        let error = refusal(&hop(HopKind::Socks5, socks(script).await, None)).await;
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.is_permanent(), permanent, "{error}");
    }
    let port = socks(&[(4, b"\x05\x02"), (12, b"\x01\x01")]).await;
    let error = refusal(&hop(HopKind::Socks5, port, Some(("ann", "s3cr3t")))).await;
    assert!(error.to_string().contains("wants a user and a password. Check both."), "{error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}

/// A runtime with as many threads for what blocks as two lookups and one reader of files need.
#[test]
fn lookups_that_nobody_waits_for_leave_threads_to_others() {
    static ROOM: Semaphore = Semaphore::const_new(2);
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(3).enable_all().build().unwrap();
    let (answer, answered) = std::sync::mpsc::channel::<()>();
    let answered = Arc::new(std::sync::Mutex::new(answered));
    runtime.block_on(async {
        for _ in 0..10 {
            let answered = Arc::clone(&answered);
            let looking = looked_up(&ROOM, move || {
                let _ = answered.lock().unwrap().recv();
                Ok(Vec::new())
            });
            // It is begun, or waits for room, and is given up.
            assert!(timeout(Duration::ZERO, looking).await.is_err());
        }
        assert_eq!(ROOM.available_permits(), 0, "two of them are held although nobody waits");
        assert_eq!(spawn_blocking(|| "read").await.unwrap(), "read");
        drop(answer);
        let found = looked_up(&ROOM, || Ok(vec![([127, 0, 0, 1], 1).into()])).await.unwrap();
        assert_eq!(found.len(), 1, "and there is room again");
    });
}
