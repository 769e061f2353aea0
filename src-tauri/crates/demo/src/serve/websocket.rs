//! A WebSocket publisher: every frame is one message. What a client says is answered by a function, or ignored.

use std::time::Duration;

use bytes::Bytes;
use feedwatch_model::Time;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use super::client::{Door, Ending, Queued};
use super::listen::Protocol;
use super::publisher::{Place, Publisher};
use crate::frame::Frame;

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// So long is a client waited for when it is closed: to take the close frame, then to answer it.
const CLOSE: Duration = Duration::from_secs(1);
/// Longest message a client may send.
const CLIENT_MESSAGE: usize = 64 * 1024;
/// Messages written before a flush.
const BATCH: usize = 64;

/// The protocol, with the publisher's answers.
pub(crate) struct WebSocket {
    /// What to answer to a client's text, if anything.
    pub(crate) answer: fn(&str) -> Option<Bytes>,
}

impl Protocol for WebSocket {
    async fn serve(&self, stream: TcpStream, publisher: Publisher, now: CancellationToken) {
        let door = publisher.door();
        let config =
            WebSocketConfig::default().max_message_size(Some(CLIENT_MESSAGE)).max_frame_size(Some(CLIENT_MESSAGE));
        let handshake = tokio_tungstenite::accept_hdr_async_with_config(
            stream,
            // The type is the library's.
            #[allow(clippy::result_large_err)]
            move |_: &Request, response: Response| admit(door, response),
            Some(config),
        );
        let socket = tokio::select! {
            () = now.cancelled() => return,
            socket = timeout(HANDSHAKE, handshake) => socket,
        };
        match socket {
            Ok(Ok(mut socket)) => match publisher.join(now, None) {
                Some(place) => Connection { socket, place, publisher, answer: self.answer, unflushed: 0 }.run().await,
                // The door was shut during the handshake.
                None => _ = close(&mut socket, Ending::GoingAway).await,
            },
            Ok(Err(error)) => tracing::debug!(%error, "a WebSocket handshake failed"),
            Err(_) => tracing::debug!("a WebSocket handshake took too long"),
        }
    }
}

#[allow(clippy::result_large_err)]
fn admit(door: Door, response: Response) -> Result<Response, ErrorResponse> {
    let (status, text) = match door {
        Door::Open => return Ok(response),
        Door::Shut => (StatusCode::SERVICE_UNAVAILABLE, "not now, try again"),
        Door::Done => (StatusCode::GONE, "all messages were sent"),
    };
    let mut refusal = ErrorResponse::new(Some(text.to_owned()));
    *refusal.status_mut() = status;
    Err(refusal)
}

struct Connection {
    socket: WebSocketStream<TcpStream>,
    place: Place,
    publisher: Publisher,
    answer: fn(&str) -> Option<Bytes>,
    /// Messages given to the socket that the kernel may not have yet.
    unflushed: u64,
}

impl Connection {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let now = self.place.ticket.client.now.clone();
        loop {
            tokio::select! {
                () = now.cancelled() => break,
                said = self.socket.next() => match said {
                    Some(Ok(message)) => self.reply(&message),
                    // Closed, broken, or nonsense: the client is gone.
                    Some(Err(_)) | None => return,
                },
                count = self.place.queue.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    tokio::select! {
                        biased;
                        written = self.write(&mut batch) => if written.is_err() { return },
                        () = now.cancelled() => break,
                    }
                }
            }
        }
        let ending = self.place.ticket.client.ending();
        if close(&mut self.socket, ending).await {
            // The close frame went out behind them.
            self.place.ticket.wrote(std::mem::take(&mut self.unflushed));
        }
        // The client may be about to read what is on its way: hanging up now could destroy it.
        let _ = timeout(CLOSE, async { while let Some(Ok(_)) = self.socket.next().await {} }).await;
    }

    fn reply(&self, message: &Message) {
        if let Message::Text(text) = message
            && let Some(bytes) = (self.answer)(text)
        {
            self.publisher.answer(&self.place.ticket.client, Frame::new(Time::default(), bytes));
        }
    }

    async fn write(&mut self, batch: &mut Vec<Queued>) -> Result<(), Error> {
        for queued in batch.drain(..) {
            let bytes = queued.frame.bytes.clone();
            let message = match Utf8Bytes::try_from(bytes.clone()) {
                Ok(text) => Message::Text(text),
                Err(_) => Message::Binary(bytes),
            };
            self.socket.feed(message).await?;
            self.unflushed += 1;
        }
        self.socket.flush().await?;
        self.place.ticket.wrote(std::mem::take(&mut self.unflushed));
        Ok(())
    }
}

/// Sends the close frame; whether the kernel took it, and all before it, in time.
async fn close(socket: &mut WebSocketStream<TcpStream>, ending: Ending) -> bool {
    let code = match ending {
        Ending::Complete => CloseCode::Normal,
        Ending::GoingAway | Ending::Stopping => CloseCode::Away,
        Ending::TooSlow => CloseCode::Policy,
    };
    let frame = CloseFrame { code, reason: ending.reason().into() };
    matches!(timeout(CLOSE, socket.close(Some(frame))).await, Ok(Ok(())))
}
