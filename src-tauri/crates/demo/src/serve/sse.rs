//! A publisher of Server-Sent Events (WHATWG HTML, 9.2) over HTTP/1.1: ids, `retry: 500`, a comment when nothing else was said for
//! a while, and resumption behind `Last-Event-ID` as far as the kept messages reach.
//!
//! `/events` is the stream; `/` says so in text; anything else is 404. When all was said, `/events` is 204, which tells a client not
//! to come back; while the door is shut it is 503.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Body, Frame as BodyFrame, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::client::{Door, Ending, Queued};
use super::counting::{Counting, Tally};
use super::listen::Protocol;
use super::publisher::{Place, Publisher, Ticket};

/// Where the stream is.
pub(crate) const EVENTS_PATH: &str = "/events";
/// A request whose head takes longer is given up.
const HEAD: Duration = Duration::from_secs(5);
/// So long may a client take the rest when it is closed.
const CLOSE: Duration = Duration::from_secs(1);
/// A comment is sent when nothing else was for so long, so that no proxy or client gives up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events are put together up to so many bytes.
const CHUNK: usize = 16 * 1024;
/// How a stream begins: a client waits half a second before it comes back.
const GREETING: &[u8] = b"retry: 500\n";

/// The protocol, with what the server says of itself.
pub(crate) struct Sse {
    /// The text on `/`.
    pub(crate) about: &'static str,
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

impl Protocol for Sse {
    async fn serve(&self, stream: TcpStream, publisher: Publisher, now: CancellationToken) {
        let tally: Tally = Arc::new(OnceLock::new());
        let io = TokioIo::new(Counting::new(stream, Arc::clone(&tally)));
        let about = self.about;
        let service = {
            let now = now.clone();
            service_fn(move |request: Request<Incoming>| {
                let answer = respond(&request, about, &publisher, &now, &tally);
                async move { Ok::<_, Infallible>(answer) }
            })
        };
        let connection = http1::Builder::new()
            .keep_alive(false)
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = now.cancelled() => match tokio::time::timeout(CLOSE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            },
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the event stream ended");
        }
    }
}

fn respond(
    request: &Request<Incoming>,
    about: &'static str,
    publisher: &Publisher,
    now: &CancellationToken,
    tally: &Tally,
) -> Answer {
    if request.method() != Method::GET {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return answer;
    }
    match request.uri().path() {
        "/" => text(StatusCode::OK, about),
        EVENTS_PATH => events(request, publisher, now, tally),
        _ => text(StatusCode::NOT_FOUND, "nothing here; the event stream is at /events\n"),
    }
}

fn text(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

fn events(request: &Request<Incoming>, publisher: &Publisher, now: &CancellationToken, tally: &Tally) -> Answer {
    if publisher.door() == Door::Done {
        return text(StatusCode::NO_CONTENT, "");
    }
    let after = request.headers().get("last-event-id").and_then(|id| std::str::from_utf8(id.as_bytes()).ok());
    let Some(place) = publisher.join(now.clone(), after) else {
        let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "not now, try again\n");
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return answer;
    };
    let Place { queue, ticket } = place;
    let ticket = Arc::new(ticket);
    // One connection has one request, because it is not kept alive: the cell is empty.
    let _ = tally.set(Arc::clone(&ticket));
    let body = EventBody {
        queue,
        now: Box::pin(now.clone().cancelled_owned()),
        ticket,
        quiet: Box::pin(tokio::time::sleep(KEEP_ALIVE)),
        buffer: BytesMut::from(GREETING),
        ended: false,
    };
    let mut answer = Response::new(body.boxed());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The endless body: what is queued for this client, as events.
struct EventBody {
    queue: mpsc::UnboundedReceiver<Queued>,
    now: Pin<Box<WaitForCancellationFutureOwned>>,
    ticket: Arc<Ticket>,
    quiet: Pin<Box<Sleep>>,
    buffer: BytesMut,
    ended: bool,
}

impl EventBody {
    fn chunk(&mut self) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        self.quiet.as_mut().reset(Instant::now() + KEEP_ALIVE);
        Poll::Ready(Some(Ok(BodyFrame::data(self.buffer.split().freeze()))))
    }

    fn comment(&mut self, words: &str) {
        // A comment line alone, without a blank line: blank lines are counted as events.
        self.buffer.extend_from_slice(format!(": {words}\n").as_bytes());
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let mut over = this.now.as_mut().poll(cx).is_ready();
        while !over && this.buffer.len() < CHUNK {
            match this.queue.poll_recv(cx) {
                Poll::Ready(Some(queued)) => queued.frame.encode_event(&mut this.buffer),
                Poll::Ready(None) => over = true,
                Poll::Pending => break,
            }
        }
        if over {
            this.ended = true;
            let ending = this.ticket.client.ending();
            if ending != Ending::Complete {
                this.comment(ending.reason());
            }
            return if this.buffer.is_empty() { Poll::Ready(None) } else { this.chunk() };
        }
        if !this.buffer.is_empty() {
            return this.chunk();
        }
        if this.quiet.as_mut().poll(cx).is_ready() {
            this.comment("still here");
            return this.chunk();
        }
        Poll::Pending
    }
}
