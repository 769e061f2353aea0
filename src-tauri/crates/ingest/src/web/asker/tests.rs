use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::testkit::{clock, server};
use crate::{Secret, TlsFiles};

type Heads = Arc<Mutex<Vec<String>>>;

/// A server that answers each request as `answer` says, by its number; what it was asked.
async fn answers(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> (u16, Heads) {
    let heads = Heads::default();
    let (kept, answer) = (heads.clone(), Arc::new(answer));
    let port = server(move |_, socket: TcpStream| {
        let (kept, answer) = (kept.clone(), answer.clone());
        async move {
            let mut socket = BufReader::new(socket);
            loop {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if socket.read_line(&mut head).await.unwrap() == 0 {
                        return;
                    }
                }
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                socket.read_exact(&mut body).await.unwrap();
                let number = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(head);
                    kept.len() - 1
                };
                socket.write_all(answer(number).as_bytes()).await.unwrap();
            }
        }
    });
    (port.await, heads)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn elsewhere(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}

fn asker(url: String, tls: TlsFiles) -> Asker {
    let options = HttpOptions { bearer: Some(Secret::new("s3cr3t")), tls: tls.clone(), ..HttpOptions::new(url) };
    Asker::new(&options, Trust::Files(tls), clock).unwrap()
}

fn at(port: u16) -> Asker {
    asker(format!("http://127.0.0.1:{port}/"), TlsFiles::default())
}

async fn asked(asker: &mut Asker) -> Result<String, ConnectError> {
    let answer = asker.ask(&Question::get("*/*")?).await?;
    Ok(String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

/// The paths of what was asked, each with a mark where the token came along.
fn paths(heads: &Heads) -> Vec<String> {
    let heads = heads.lock().unwrap();
    let path = |head: &String| {
        let token = if head.contains("authorization: Bearer s3cr3t") { " with the token" } else { "" };
        format!("{}{token}", head.split(' ').nth(1).unwrap())
    };
    heads.iter().map(path).collect()
}

#[tokio::test]
async fn a_temporary_redirect_is_asked_for_again_and_a_permanent_one_is_kept() {
    let (far, told_far) = answers(|number| ok(&number.to_string())).await;
    let (near, told) = answers(move |number| match number {
        0 => elsewhere(308, "/new"),
        1 => elsewhere(302, "/for-now"),
        2 => elsewhere(301, "/lasting-behind-what-is-not"),
        3 => ok("here"),
        number => elsewhere(307, &format!("http://127.0.0.1:{far}/signed?{number}")),
    })
    .await;
    let mut asker = at(near);
    assert_eq!(asked(&mut asker).await.unwrap(), "here");
    for number in 0..3 {
        assert_eq!(asked(&mut asker).await.unwrap(), number.to_string());
    }
    let expected = ["/", "/new", "/for-now", "/lasting-behind-what-is-not", "/new", "/new", "/new"];
    assert_eq!(paths(&told), expected.map(|path| format!("{path} with the token")));
    assert_eq!(paths(&told_far), ["/signed?4", "/signed?5", "/signed?6"]);
}

#[tokio::test]
async fn whoever_was_led_away_for_good_stays_there_without_the_token() {
    let (far, told_far) = answers(|_| ok("far")).await;
    let (near, told) = answers(move |_| elsewhere(301, &format!("http://127.0.0.1:{far}/far"))).await;
    let mut asker = at(near);
    for _ in 0..3 {
        assert_eq!(asked(&mut asker).await.unwrap(), "far");
    }
    assert_eq!(paths(&told), ["/ with the token"]);
    assert_eq!(paths(&told_far), ["/far", "/far", "/far"]);
}

#[tokio::test]
async fn who_leads_back_to_us_does_not_get_our_token() {
    let own = Arc::new(Mutex::new(0));
    let port = own.clone();
    let (far, _) = answers(move |_| elsewhere(302, &format!("http://127.0.0.1:{}/trap", port.lock().unwrap()))).await;
    let (near, told) = answers(move |number| match number {
        0 => elsewhere(302, &format!("http://127.0.0.1:{far}/")),
        _ => ok("back"),
    })
    .await;
    *own.lock().unwrap() = near;
    assert_eq!(asked(&mut at(near)).await.unwrap(), "back");
    assert_eq!(paths(&told), ["/ with the token", "/trap"]);
}

#[tokio::test]
async fn what_is_sent_is_sent_to_no_other_host() {
    for status in [307, 308] {
        let (far, told_far) = answers(|_| ok("far")).await;
        let (near, told) = answers(move |number| match number {
            0 => elsewhere(status, "/here"),
            1 => ok("here"),
            _ => elsewhere(status, &format!("http://127.0.0.1:{far}/?key=s3cr3t")),
        })
        .await;
        let mut asker = at(near);
        let question =
            Question { method: Method::POST, body: Bytes::from_static(b"body"), ..Question::get("*/*").unwrap() };
        assert!(is_ok(&asker.ask(&question).await.unwrap()), "on the same host it is sent again");
        let error = asker.ask(&question).await.map(|_| ()).unwrap_err();
        let sentence = format!("The server redirects to another host, http://127.0.0.1:{far}/?key=***. Paste");
        assert!(error.is_permanent() && error.to_string().starts_with(&sentence), "{error}");
        assert_eq!((told.lock().unwrap().len(), paths(&told_far).len()), (3, 0));
    }
}

#[tokio::test]
async fn our_certificate_is_shown_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (folder.path().join(format!("{name}.pem")), folder.path().join(format!("{name}.key")));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (made, cert, key)
    };
    let ((server_made, ca, _), (ours, cert, key)) = (make("server"), make("ours"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ours.cert.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        .with_single_cert(
            vec![server_made.cert.der().clone()],
            PrivateKeyDer::Pkcs8(server_made.signing_key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    // Says whether it was shown a certificate.
    let far = server(move |_, socket: TcpStream| {
        let acceptor = acceptor.clone();
        async move {
            let mut socket = acceptor.accept(socket).await.unwrap();
            let shown = socket.get_ref().1.peer_certificates().is_some();
            let _ = socket.read(&mut [0; 4096]).await;
            socket.write_all(ok(&shown.to_string()).as_bytes()).await.unwrap();
        }
    })
    .await;
    let (near, _) = answers(move |_| elsewhere(302, &format!("https://localhost:{far}/"))).await;
    let tls = TlsFiles { ca: Some(ca), cert: Some(cert), key: Some(key) };
    let direct = asked(&mut asker(format!("https://localhost:{far}/"), tls.clone())).await;
    assert_eq!(direct.unwrap(), "true");
    let led = asked(&mut asker(format!("http://127.0.0.1:{near}/"), tls)).await;
    assert_eq!(led.unwrap(), "false");
}
