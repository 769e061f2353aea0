//! Connections and requests.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use feedwatch_model::{MessageMeta, Time};
use http::header::{ALLOW, CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::WebhookOptions;
use super::gate::{Gate, Refusal};
use super::patient::Patient;
use crate::Clock;

const CONNECTIONS: usize = 64;
/// A head that takes longer is given up, and a connection without a request is closed.
const HEAD: Duration = Duration::from_secs(10);
const BODY: Duration = Duration::from_secs(30);
/// Who takes nothing of our answers for so long does not read them.
const UNREAD: Duration = Duration::from_secs(10);
/// So long may it take until a message is on disk; then the sender is to try again.
const KEPT: Duration = Duration::from_secs(2);
/// After so many seconds.
const AGAIN: &str = "5";
/// How long an answer under way may take when listening ends.
const GOODBYE: Duration = Duration::from_millis(400);
/// Pause after a failed accept (out of descriptors): it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bodies at once, unless a message may be larger than half of them.
const BODIES: usize = 64 << 20;
/// The room of bodies is counted in pieces.
const PIECE: usize = 1 << 10;
/// Messages that were not thanked for in time, and are remembered.
const UNTHANKED: usize = 1_024;

type Answer = Response<Full<Bytes>>;

/// A message, and who waits to be thanked for it.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) received: Time,
    pub(super) payload: Bytes,
    pub(super) meta: Box<MessageMeta>,
    pub(super) kept: oneshot::Sender<()>,
    /// Held until the message is taken into a batch, which is bounded by itself.
    pub(super) room: OwnedSemaphorePermit,
}

/// Takes requests in, over all sessions of a source.
#[derive(Debug)]
pub(super) struct Reception {
    gate: Gate,
    max_message: usize,
    /// Nothing is kept.
    looks: bool,
    clock: Clock,
    room: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    turned_away: AtomicU64,
    /// The address that was turned away last.
    last_away: Mutex<Option<Arc<str>>>,
    news: Notify,
    /// Fingerprints of what was not thanked for in time, the oldest first: their senders try again.
    unthanked: Mutex<VecDeque<u64>>,
    hash: RandomState,
}

impl Reception {
    pub(super) fn new(gate: Gate, options: &WebhookOptions, clock: Clock) -> Reception {
        let max_message = options.max_message;
        let bodies = BODIES.max(max_message.saturating_mul(2)).div_ceil(PIECE).min(Semaphore::MAX_PERMITS);
        Reception {
            gate,
            max_message,
            looks: options.look,
            clock,
            room: Arc::new(Semaphore::new(bodies)),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            turned_away: AtomicU64::new(0),
            last_away: Mutex::default(),
            news: Notify::new(),
            unthanked: Mutex::default(),
            hash: RandomState::new(),
        }
    }

    /// Is what comes kept, and thanked for?
    pub(super) fn thanks(&self) -> bool {
        !self.looks
    }

    /// How many requests had no token or a wrong one.
    pub(super) fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Which address sent the last of them; empty before there was one.
    pub(super) fn last_away(&self) -> String {
        self.last_away.lock().unwrap_or_else(PoisonError::into_inner).as_deref().unwrap_or_default().to_owned()
    }

    /// Waits for another one of them.
    pub(super) async fn another_turned_away(&self) {
        self.news.notified().await;
    }

    /// Takes connections until `over`.
    pub(super) async fn serve(
        self: Arc<Reception>,
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        deliveries: mpsc::Sender<Delivery>,
        over: CancellationToken,
    ) {
        let mut tasks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = over.cancelled() => break,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
                accepted = self.accept(&listener) => accepted,
            };
            let Some((stream, permit)) = accepted else { continue };
            let from = stream.peer_addr().ok().map(|address| Arc::from(address.ip().to_canonical().to_string()));
            let (reception, deliveries, over) = (Arc::clone(&self), deliveries.clone(), over.clone());
            let tls = tls.clone();
            tasks.spawn(async move {
                // Answers are small; a socket that refuses the option works all the same.
                let _ = stream.set_nodelay(true);
                match tls {
                    None => reception.connection(stream, from, deliveries, over).await,
                    Some(tls) => {
                        if let Ok(Ok(stream)) = timeout(HEAD, Box::pin(tls.accept(stream))).await {
                            reception.connection(stream, from, deliveries, over).await;
                        }
                    }
                }
                drop(permit);
            });
        }
        drop(listener);
        let all = async { while tasks.join_next().await.is_some() {} };
        let _ = timeout(GOODBYE, all).await;
    }

    /// The next connection, once there is room for it.
    async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((stream, _)) => Some((stream, permit)),
            Err(_) => {
                sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    async fn connection<S>(
        self: Arc<Reception>,
        stream: S,
        from: Option<Arc<str>>,
        deliveries: mpsc::Sender<Delivery>,
        over: CancellationToken,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = service_fn(move |request: Request<Incoming>| {
            let (reception, from, deliveries) = (Arc::clone(&self), from.clone(), deliveries.clone());
            async move { Ok::<_, Infallible>(reception.answer(request, from.as_ref(), &deliveries).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(Patient::new(stream, UNREAD)), service);
        let mut connection = std::pin::pin!(connection);
        // How a connection ends is its sender's affair.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = over.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        from: Option<&Arc<str>>,
        deliveries: &mpsc::Sender<Delivery>,
    ) -> Answer {
        let (head, body) = request.into_parts();
        let meta = match self.gate.admit(&head, from) {
            Ok(meta) => meta,
            Err(refusal) => return self.refused(refusal, from),
        };
        let Ok(mut room) = self.room_for(&body).await else { return later() };
        let payload = match timeout(BODY, self.read(body)).await {
            Ok(Ok(payload)) => payload,
            Ok(Err(Unread::TooLarge)) => return self.refused(Refusal::Size, from),
            Ok(Err(Unread::Broken)) => return last(StatusCode::BAD_REQUEST, "the body is broken\n"),
            Err(_) => return last(StatusCode::REQUEST_TIMEOUT, "the body takes too long\n"),
        };
        // What was not known beforehand is given back.
        drop(room.split(room.num_permits().saturating_sub(pieces(payload.len()))));
        self.deliver(payload, meta, room, deliveries).await
    }

    async fn deliver(
        &self,
        payload: Bytes,
        mut meta: MessageMeta,
        room: OwnedSemaphorePermit,
        deliveries: &mpsc::Sender<Delivery>,
    ) -> Answer {
        let print = self.hash.hash_one((meta.topic.as_deref(), &payload));
        meta.redelivered = self.was_unthanked(print);
        let again = meta.redelivered;
        let (kept, thanked) = oneshot::channel();
        let delivery = Delivery { received: (self.clock)(), payload, meta: Box::new(meta), kept, room };
        // The message itself is taken in or not at all; only the wait for it is given up.
        let handed_on = match timeout(KEPT, deliveries.reserve()).await {
            Ok(Ok(place)) => {
                place.send(delivery);
                true
            }
            _ => false,
        };
        if handed_on && !self.looks && matches!(timeout(KEPT, thanked).await, Ok(Ok(()))) {
            return plain(StatusCode::NO_CONTENT, "");
        }
        if handed_on || again {
            self.remember_unthanked(print);
        }
        later()
    }

    /// Room for a body of the announced size, or of the largest.
    async fn room_for(&self, body: &Incoming) -> Result<OwnedSemaphorePermit, ()> {
        let size = body.size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(self.max_message);
        let pieces = u32::try_from(pieces(size.min(self.max_message))).unwrap_or(u32::MAX);
        let room = timeout(KEPT, Arc::clone(&self.room).acquire_many_owned(pieces)).await;
        room.map_err(|_| ())?.map_err(|_| ())
    }

    async fn read(&self, mut body: Incoming) -> Result<Bytes, Unread> {
        // As announced, or nothing: what grows by itself may take twice the room.
        let announced = body.size_hint().exact().and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        let mut read = BytesMut::with_capacity(announced.min(self.max_message));
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
            if data.len() > self.max_message - read.len() {
                return Err(Unread::TooLarge);
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }

    fn refused(&self, refusal: Refusal, from: Option<&Arc<str>>) -> Answer {
        let text = match refusal {
            Refusal::Path => "nothing is taken at this path\n",
            Refusal::Method => "only POST and PUT are taken\n",
            Refusal::Token => "the token is missing or wrong\n",
            Refusal::Size => "the body is too large\n",
            Refusal::Coding => "the body is compressed in a way that is not read: use gzip, zstd or none\n",
        };
        let mut answer = last(refusal.status(), text);
        match refusal {
            Refusal::Token => {
                answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                *self.last_away.lock().unwrap_or_else(PoisonError::into_inner) = from.cloned();
                self.turned_away.fetch_add(1, Ordering::Relaxed);
                self.news.notify_one();
            }
            Refusal::Method => drop(answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, PUT"))),
            _ => {}
        }
        answer
    }

    fn was_unthanked(&self, print: u64) -> bool {
        let mut unthanked = self.unthanked.lock().unwrap_or_else(PoisonError::into_inner);
        let at = unthanked.iter().position(|known| *known == print);
        at.is_some_and(|at| unthanked.remove(at).is_some())
    }

    fn remember_unthanked(&self, print: u64) {
        let mut unthanked = self.unthanked.lock().unwrap_or_else(PoisonError::into_inner);
        if unthanked.len() >= UNTHANKED {
            unthanked.pop_front();
        }
        unthanked.push_back(print);
    }
}

/// Pieces of room that so many bytes take.
fn pieces(bytes: usize) -> usize {
    bytes.div_ceil(PIECE)
}

enum Unread {
    TooLarge,
    Broken,
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    answer
}

/// An answer behind which the connection is closed: who is refused must not hold it, nor ask on and on.
fn last(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = plain(status, text);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// It could not be kept, or not in time.
fn later() -> Answer {
    let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "not kept in time, try again\n");
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(AGAIN));
    answer
}
