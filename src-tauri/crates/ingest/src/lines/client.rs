//! Lines of a server we connect to.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use feedwatch_model::{Certificate, Time};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep_until;

use super::peer::{Given, Peer};
use super::{LinesOptions, words};
use crate::batch::Batch;
use crate::dial::{self, Handshake, Target, Traffic, Trust};
use crate::error::seconds;
use crate::source::Session;
use crate::wire_bytes::WireBytes;
use crate::{Clock, ConnectError, SessionError, certificate, reason};

/// How often TCP itself asks whether the other side is there.
const ALIVE: Duration = Duration::from_secs(60);

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects and says what is to be said first.
pub(super) async fn connect(
    options: &LinesOptions,
    (host, port, encrypted): (&str, u16, bool),
    clock: Clock,
) -> Result<Box<dyn Session>, ConnectError> {
    let target = Target::new(host, port, Traffic::Other);
    let socket = dial::tcp(&target, &options.proxy).await?;
    keep_alive(&socket);
    let bytes = WireBytes::default();
    let socket = bytes.of(socket);
    let (mut io, detail, certificate): (Box<dyn Io>, _, _) = if encrypted {
        let trust = Trust::Files(options.tls.clone());
        let stream = dial::encrypt(&target, &trust, &[], socket).await.map_err(|error| match error {
            Handshake::Options(error) => error,
            Handshake::Failed(error) => words::no_tls(&error, &target.host_and_port()),
        })?;
        let certificate = certificate::of(&stream);
        (Box::new(stream), "TLS", certificate)
    } else {
        (Box::new(socket), "not encrypted", None)
    };
    let failed = |error: &std::io::Error| reason::connect_error(error, &target.host_and_port());
    let token = options.token.iter().map(|token| token.expose());
    for line in token.chain(options.subscribe.iter().map(String::as_str)) {
        let line = format!("{line}\n");
        io.write_all(line.as_bytes()).await.map_err(|error| failed(&error))?;
    }
    io.flush().await.map_err(|error| failed(&error))?;
    Ok(Box::new(Client {
        peer: Peer::new(io, None, options.max_message, clock),
        idle: options.idle_timeout,
        detail,
        certificate,
        bytes,
    }))
}

/// A peer that vanished without a word is noticed. What the system does not let us ask for, it does not do.
pub(super) fn keep_alive(socket: &TcpStream) {
    let often = TcpKeepalive::new().with_time(ALIVE).with_interval(ALIVE / 4);
    let _ = SockRef::from(socket).set_tcp_keepalive(&often);
    let _ = socket.set_nodelay(true);
}

struct Client {
    peer: Peer<Box<dyn Io>>,
    idle: Option<Duration>,
    detail: &'static str,
    certificate: Option<Certificate>,
    bytes: WireBytes,
}

#[async_trait]
impl Session for Client {
    async fn recv(&mut self, batch: &mut Batch) -> Result<(), SessionError> {
        loop {
            let deadline = self.idle.map(|idle| self.peer.instant + idle);
            let peer = &mut self.peer;
            let given = tokio::select! {
                biased;
                given = poll_fn(|cx| match peer.poll_give(cx, batch) {
                    Poll::Pending if batch.is_empty() => Poll::Pending,
                    Poll::Pending => Poll::Ready(Given::Full),
                    given => given,
                }) => given,
                () = async {
                    match deadline {
                        Some(deadline) => sleep_until(deadline).await,
                        None => std::future::pending().await,
                    }
                } => {
                    self.peer.unfinished(batch);
                    return Err(quiet(self.idle.unwrap_or_default()));
                }
            };
            return match given {
                Given::Full if batch.is_empty() => continue,
                Given::Full => Ok(()),
                Given::Ended => Err(SessionError::Closed { code: None, sentence: words::CLOSED.to_owned() }),
                Given::Broken(error) => Err(SessionError::Cut(reason::cut(&error))),
            };
        }
    }

    fn detail(&self) -> String {
        self.detail.to_owned()
    }

    fn certificate(&self) -> Option<Certificate> {
        self.certificate.clone()
    }

    fn wire_bytes(&self) -> Option<u64> {
        Some(self.bytes.get())
    }

    fn last_heard(&self) -> Option<Time> {
        Some(self.peer.heard)
    }
}

fn quiet(idle: Duration) -> SessionError {
    let idle = seconds(idle);
    SessionError::Cut(format!(
        "Nothing was heard for {idle}. The connection is taken for dead; if the feed may be silent for so long, raise \
         `idle_timeout`."
    ))
}
