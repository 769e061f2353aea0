//! TLS against a peer of ours, since the mock of a broker has none: what is trusted, what is not, and who we are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::{KafkaOptions, KafkaRole, KafkaServers, KafkaSource};
use crate::testkit::{clock, server};
use crate::{ConnectError, Resume, Source, TlsFiles};

/// A certificate for `localhost` that signed itself, and its key, as files too.
struct Own {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    cert_file: PathBuf,
    key_file: PathBuf,
}

fn own(folder: &TempDir, name: &str) -> Own {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert_file, key_file) = (folder.path().join(format!("{name}.pem")), folder.path().join(format!("{name}.key")));
    std::fs::write(&cert_file, made.cert.pem()).unwrap();
    std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    Own { certificate: made.cert.der().clone(), key, cert_file, key_file }
}

/// What the peer saw of a connection: the first request's key, and whether a certificate was shown.
type Seen = (u16, bool);

/// Listens with TLS, tells what it sees, and hangs up.
async fn peer(own: &Own, clients: Option<&Own>) -> (u16, mpsc::UnboundedReceiver<Seen>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.certificate.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(vec![own.certificate.clone()], own.key.clone_key()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (tell, seen) = mpsc::unbounded_channel();
    let port = server(move |_, socket| {
        let (acceptor, tell) = (acceptor.clone(), tell.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(socket).await else { return };
            let mut head = [0; 6];
            if stream.read_exact(&mut head).await.is_ok() {
                let shown = stream.get_ref().1.peer_certificates().is_some();
                let _ = tell.send((u16::from_be_bytes([head[4], head[5]]), shown));
            }
        }
    })
    .await;
    (port, seen)
}

fn source(host: &str, port: u16, tls: TlsFiles) -> KafkaSource {
    let servers = KafkaServers::parse(&format!("kafka+tls://{host}:{port}")).unwrap();
    let options = KafkaOptions::new(servers, KafkaRole::Member { group: "g".into() });
    let connect_timeout = Duration::from_secs(20);
    KafkaSource::new(KafkaOptions { topics: vec!["t".into()], tls, connect_timeout, ..options }, clock)
}

async fn refusal(source: &KafkaSource) -> ConnectError {
    match source.connect(&Resume::default()).await {
        Ok(_) => panic!("this is no broker"),
        Err(error) => error,
    }
}

const API_VERSIONS: u16 = 18;

#[tokio::test]
async fn a_certificate_of_ones_own_authority_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder, "own");
    let (port, mut seen) = peer(&own, None).await;
    let tls = TlsFiles { ca: Some(own.cert_file.clone()), ..TlsFiles::default() };
    let told = refusal(&source("localhost", port, tls)).await;
    assert!(!told.is_permanent(), "the peer hangs up, and that is all: {told}");
    assert_eq!(seen.recv().await, Some((API_VERSIONS, false)), "Kafka is spoken over TLS");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (own(&folder, "own"), own(&folder, "other"));
    let (port, mut seen) = peer(&own, None).await;
    for tls in [TlsFiles::default(), TlsFiles { ca: Some(other.cert_file), ..TlsFiles::default() }] {
        let told = refusal(&source("localhost", port, tls)).await;
        assert!(matches!(told, ConnectError::Certificate(_)), "{told:?}");
        assert!(told.is_permanent());
    }
    assert!(seen.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let own = own(&folder, "own");
    let (port, mut seen) = peer(&own, None).await;
    let tls = TlsFiles { ca: Some(own.cert_file.clone()), ..TlsFiles::default() };
    let told = refusal(&source("127.0.0.1", port, tls)).await;
    assert!(matches!(told, ConnectError::Certificate(_)), "{told:?}");
    assert!(seen.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn our_own_certificate_is_shown_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (own, client) = (own(&folder, "own"), own(&folder, "client"));
    let (port, mut seen) = peer(&own, Some(&client)).await;
    let ca = Some(own.cert_file.clone());
    let without = TlsFiles { ca: ca.clone(), ..TlsFiles::default() };
    let told = refusal(&source("localhost", port, without)).await;
    assert!(told.is_permanent() && told.to_string().contains("wants a certificate of ours"), "{told:?}");
    let tls = TlsFiles { ca, cert: Some(client.cert_file.clone()), key: Some(client.key_file.clone()) };
    refusal(&source("localhost", port, tls)).await;
    assert_eq!(seen.recv().await, Some((API_VERSIONS, true)));
}

#[tokio::test]
async fn tls_at_a_port_without_it_is_told() {
    // It speaks first, which is no TLS.
    let port = server(|_, mut socket| async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, &[0; 64]).await;
        let _ = socket.read(&mut [0; 64]).await;
    })
    .await;
    let told = refusal(&source("localhost", port, TlsFiles::default())).await;
    assert!(told.to_string().contains("does not speak TLS"), "{told:?}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let tls = TlsFiles { ca: Some("/no/such/ca.pem".into()), ..TlsFiles::default() };
    let told = refusal(&source("localhost", 1, tls)).await;
    assert!(matches!(&told, ConnectError::Options(said) if said.contains("/no/such/ca.pem")), "{told:?}");
}
