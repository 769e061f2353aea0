//! One who calls a webhook: posts messages one after the other, each until it is taken.
//!
//! As senders of webhooks do, it tries again where nobody listens yet or the answer is that it was not kept in time. Messages wait
//! in a queue of [`QUEUE`]; what does not fit is never sent. Who is turned away does not come again.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Calls that wait: a quarter of an hour of the gate's.
const QUEUE: usize = 1_000;
/// From one try to the next.
const AGAIN: Duration = Duration::from_millis(200);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of the calls so far.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    waiting: u64,
    /// Messages that somebody took in, those that will be sent again too.
    taken: u64,
    /// Somebody answered.
    reached: bool,
}

/// The caller of one webhook. Its task ends when it is dropped or its token is cancelled.
pub(crate) struct Caller {
    calls: mpsc::Sender<Posted>,
    progress: watch::Sender<Progress>,
}

struct Posted {
    body: Bytes,
    known: bool,
}

/// Whom to call, and what proves who calls.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
    pub(crate) token: String,
}

impl Caller {
    pub(crate) fn start(hook: Hook, stop: CancellationToken) -> Caller {
        let (calls, waiting) = mpsc::channel(QUEUE);
        let progress = watch::Sender::new(Progress::default());
        let told = progress.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = work(hook, waiting, told) => {}
            }
        });
        Caller { calls, progress }
    }

    /// Queues a call. `known`: with the token.
    pub(crate) fn call(&self, body: Bytes, known: bool) {
        let Ok(place) = self.calls.try_reserve() else { return };
        // Before it can be done.
        self.progress.send_modify(|progress| progress.waiting += 1);
        place.send(Posted { body, known });
    }

    /// Waits until all were taken, unless nobody ever was there.
    pub(crate) async fn flushed(&self) {
        let mut progress = self.progress.subscribe();
        // The sender is ours, so it lives.
        let _ = progress.wait_for(|progress| progress.waiting == 0 || !progress.reached).await;
    }

    /// How many messages were taken in.
    pub(crate) fn taken(&self) -> u64 {
        self.progress.borrow().taken
    }
}

async fn work(hook: Hook, mut calls: mpsc::Receiver<Posted>, progress: watch::Sender<Progress>) {
    while let Some(Posted { body, known }) = calls.recv().await {
        loop {
            let status = timeout(PATIENCE, post(&hook, body.clone(), known)).await.ok().flatten();
            // What could not be kept in time was taken in all the same, and is known when it comes again.
            let is_taken = matches!(status, Some(StatusCode::NO_CONTENT | StatusCode::SERVICE_UNAVAILABLE));
            progress.send_modify(|progress| {
                progress.taken += u64::from(is_taken);
                progress.reached |= status.is_some();
            });
            if !known || status.is_some_and(|status| status != StatusCode::SERVICE_UNAVAILABLE) {
                break;
            }
            sleep(AGAIN).await;
        }
        progress.send_modify(|progress| progress.waiting -= 1);
    }
}

/// What was answered; `None`: nothing.
async fn post(hook: &Hook, body: Bytes, known: bool) -> Option<StatusCode> {
    let stream = TcpStream::connect(hook.address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let token = if known { hook.token.as_str() } else { "let-me-in" };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = hyper::Method::POST;
    *request.uri_mut() = hyper::Uri::from_static(hook.path);
    for (name, value) in [
        (HOST, hook.address.to_string()),
        (AUTHORIZATION, format!("Bearer {token}")),
        (CONTENT_TYPE, "application/json".to_owned()),
    ] {
        if let Ok(value) = value.parse() {
            request.headers_mut().insert(name, value);
        }
    }
    let mut answer = std::pin::pin!(sender.send_request(request));
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        // The connection ended; what was answered before is there all the same.
        _ = connection => answer.await,
    };
    answer.ok().map(|answer| answer.status())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::bind;
    use super::*;

    /// Takes so many requests, one a connection, and answers with these; gives what was posted and whether with the token.
    async fn answer(listener: TcpListener, answers: &[&str]) -> Vec<(String, bool)> {
        let mut posted = Vec::new();
        for status in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.ends_with('}') {
                let mut part = [0; 1024];
                let count = stream.read(&mut part).await.unwrap();
                request.push_str(std::str::from_utf8(&part[..count]).unwrap());
            }
            stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("POST /gate HTTP/1.1\r\n"), "{head}");
            posted.push((body.to_owned(), head.contains("authorization: Bearer s3cr3t\r\n")));
        }
        posted
    }

    #[tokio::test]
    async fn a_call_is_tried_again_till_it_is_taken_and_a_stranger_knocks_once() {
        let (listener, address) = bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        drop(listener);
        let hook = Hook { address, path: "/gate", token: "s3cr3t".to_owned() };
        let caller = Caller::start(hook, CancellationToken::new());
        // Nobody listens yet, and nobody is waited for.
        caller.call(Bytes::from_static(b"{1}"), true);
        caller.flushed().await;
        assert_eq!(caller.taken(), 0);
        let listener = TcpListener::bind(address).await.unwrap();
        caller.call(Bytes::from_static(b"{2}"), false);
        caller.call(Bytes::from_static(b"{3}"), true);
        let answers = ["503 Later", "204 Thanks", "401 Who", "204 Thanks"];
        let posted = answer(listener, &answers).await;
        let expected = [("{1}", true), ("{1}", true), ("{2}", false), ("{3}", true)];
        assert_eq!(posted, expected.map(|(body, known)| (body.to_owned(), known)));
        caller.flushed().await;
        assert_eq!(caller.taken(), 3, "what was not kept in time was taken in twice");
    }
}
