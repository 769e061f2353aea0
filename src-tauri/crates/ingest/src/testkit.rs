//! What the tests of this crate share: a clock, servers on loopback, and a feed that is supervised and watched.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use feedwatch_model::{Message, Position, Time};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{Backoff, Event, Inbox, InboxLimits, Source, supervise};

/// A clock that goes on by a millisecond whenever it is read.
pub(crate) fn clock() -> Time {
    static NOW: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    Time::from_millis(NOW.fetch_add(1, Ordering::SeqCst))
}

/// Tries again at once, so that no test waits for it.
pub(crate) fn eager() -> Backoff {
    let millis = Duration::from_millis;
    Backoff { base: millis(1), cap: millis(5), floor: millis(1), healthy: millis(0), refused: millis(2) }
}

/// A supervised source and what it has told so far.
pub(crate) struct Watched {
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
    rung: Arc<Notify>,
    told: Vec<Event>,
    seen: usize,
}

/// What [`Event::Lost`] tells.
pub(crate) struct Loss {
    pub(crate) last_good: Time,
    pub(crate) reason: String,
    pub(crate) refused: bool,
    pub(crate) retry_in: Duration,
}

impl Watched {
    pub(crate) fn start(source: impl Source + 'static, policy: Backoff) -> Watched {
        Watched::resume(source, policy, None, InboxLimits::default())
    }

    pub(crate) fn resume(
        source: impl Source + 'static,
        policy: Backoff,
        resume: Option<Position>,
        limits: InboxLimits,
    ) -> Watched {
        let rung = Arc::new(Notify::new());
        let ring = rung.clone();
        let inbox = Inbox::new(limits, Arc::new(move || ring.notify_one()));
        let stop = CancellationToken::new();
        let task = tokio::spawn(supervise(
            Arc::new(source),
            inbox.clone(),
            resume.into_iter().collect(),
            policy,
            clock,
            stop.clone(),
        ));
        Watched { inbox, stop, task, rung, told: Vec::new(), seen: 0 }
    }

    /// The next event.
    pub(crate) async fn next(&mut self) -> Event {
        while self.seen == self.told.len() {
            if self.inbox.drain(1024, |event| self.told.push(event)) == 0 {
                self.rung.notified().await;
            }
        }
        self.seen += 1;
        self.told[self.seen - 1].clone()
    }

    /// The next message, whatever stands before it.
    pub(crate) async fn message(&mut self) -> Message {
        loop {
            if let Event::Message(message) = self.next().await {
                return message;
            }
        }
    }

    /// The next loss, whatever stands before it.
    pub(crate) async fn loss(&mut self) -> Loss {
        loop {
            if let Event::Lost { last_good, reason, refused, retry_in, .. } = self.next().await {
                return Loss { last_good, reason, refused, retry_in };
            }
        }
    }

    /// The next loss: its reason, and whether a person must act.
    pub(crate) async fn lost(&mut self) -> (String, bool) {
        let loss = self.loss().await;
        (loss.reason, loss.refused)
    }

    /// The end, whatever stands before it.
    pub(crate) async fn ended(&mut self) -> String {
        loop {
            if let Event::Ended { reason, .. } = self.next().await {
                return reason;
            }
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// A server that hands each connection, numbered from 0, to `serve`. Returns its port.
pub(crate) async fn server<F>(serve: impl Fn(usize, TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for number in 0.. {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(number, socket));
        }
    });
    port
}

/// Reads the head of an HTTP request, header names in lower case.
pub(crate) async fn head(socket: &mut TcpStream) -> String {
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).await.unwrap() == 0 {
            break;
        }
    }
    head
}

/// Answers with `status` and `headers` and closes.
pub(crate) async fn answer(mut socket: TcpStream, status: &str, headers: &str) {
    head(&mut socket).await;
    let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
    socket.write_all(answer.as_bytes()).await.unwrap();
}

/// A certificate for `localhost` of its own making, and what accepts with it.
pub(crate) fn encrypted() -> (CertificateDer<'static>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (certificate, TlsAcceptor::from(Arc::new(config)))
}
