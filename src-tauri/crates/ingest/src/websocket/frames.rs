//! An open WebSocket: the library's rules over a socket that is polled.
//!
//! tokio-tungstenite shakes hands. What it does after that is to note with every single message whom to wake, which costs
//! a quarter of reading a small one; here the task that polls is known as it is.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

/// The client's side.
pub(super) struct Frames<S> {
    stream: S,
    rules: WebSocketContext,
    /// It has ended, and said so.
    over: bool,
}

/// A socket that is polled, as one that would block.
struct Blocking<'a, 'b, S> {
    stream: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    /// Hands were shaken, and nothing was read behind that.
    pub(super) fn new(stream: S, config: WebSocketConfig) -> Frames<S> {
        Frames { stream, rules: WebSocketContext::new(Role::Client, Some(config)), over: false }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The next message; `None`: the connection is closed. Pings are answered.
    #[inline]
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let Frames { stream, rules, .. } = self;
        let read = std::task::ready!(polled(rules.read(&mut Blocking { stream, cx })));
        self.over = read.is_err();
        Poll::Ready(match read {
            Err(Error::AlreadyClosed | Error::ConnectionClosed) => None,
            read => Some(read),
        })
    }

    /// The same.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Sends a message, and all that was to be sent before it.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Error> {
        let mut message = Some(message);
        poll_fn(|cx| {
            let Frames { stream, rules, .. } = self;
            let stream = &mut Blocking { stream, cx };
            // What would block is kept by the rules, and sent by the flush.
            let sent = message.take().map_or(Ok(()), |message| rules.write(stream, message));
            polled(sent.and_then(|()| rules.flush(stream)))
        })
        .await
    }

    /// Sends what is to be sent.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        let flushed = poll_fn(|cx| {
            let Frames { stream, rules, .. } = self;
            polled(rules.flush(&mut Blocking { stream, cx }))
        });
        match flushed.await {
            // Closed just now: all was sent.
            Err(Error::ConnectionClosed) => Ok(()),
            flushed => flushed,
        }
    }
}

/// What would block is pending.
#[inline]
fn polled<T>(done: Result<T, Error>) -> Poll<Result<T, Error>> {
    match done {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        done => Poll::Ready(done),
    }
}

fn blocked<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(done) => done,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncRead + Unpin> Read for Blocking<'_, '_, S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut room = ReadBuf::new(room);
        blocked(Pin::new(&mut *self.stream).poll_read(self.cx, &mut room))?;
        Ok(room.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> Write for Blocking<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        blocked(Pin::new(&mut *self.stream).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        blocked(Pin::new(&mut *self.stream).poll_flush(self.cx))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, SinkExt, StreamExt};
    use tokio::io::{DuplexStream, duplex};
    use tokio_tungstenite::WebSocketStream;

    use super::*;

    /// Two ends with little room between them.
    async fn ends() -> (Frames<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (near, far) = duplex(16);
        let config = WebSocketConfig::default().write_buffer_size(0);
        (Frames::new(near, config), WebSocketStream::from_raw_socket(far, Role::Server, None).await)
    }

    fn text(message: Option<Result<Message, Error>>) -> String {
        message.unwrap().unwrap().into_text().unwrap().to_string()
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_sent_once_when_there_is() {
        let (mut near, mut far) = ends().await;
        let mut sending = Box::pin(near.send(Message::text("x".repeat(1_000))));
        assert!((&mut sending).now_or_never().is_none(), "there is no room");
        let (sent, came) = tokio::join!(sending, far.next());
        sent.unwrap();
        assert_eq!(text(came), "x".repeat(1_000));
        let (sent, came) = tokio::join!(near.send(Message::text("next")), far.next());
        sent.unwrap();
        assert_eq!(text(came), "next");
    }

    #[tokio::test]
    async fn a_ping_is_answered_when_there_is_room_and_reading_goes_on_meanwhile() {
        let (mut near, mut far) = ends().await;
        assert!(near.send(Message::text("y".repeat(1_000))).now_or_never().is_none(), "there is no room");
        let sending = async {
            far.send(Message::Ping("are you there?".into())).await.unwrap();
            far.send(Message::text("first")).await.unwrap();
        };
        let reading = async { (near.next().await, near.next().await) };
        let (_, (ping, first)) = tokio::join!(sending, reading);
        assert!(matches!(ping, Some(Ok(Message::Ping(_)))), "{ping:?}");
        assert_eq!(text(first), "first");
        let serving = async {
            let came = (far.next().await, far.next().await);
            far.send(Message::text("second")).await.unwrap();
            came
        };
        // Reading is what lets the answer out.
        let (second, (came, answer)) = tokio::join!(near.next(), serving);
        assert_eq!((text(came), text(second)), ("y".repeat(1_000), "second".to_owned()));
        assert!(matches!(&answer, Some(Ok(Message::Pong(said))) if said == "are you there?"), "{answer:?}");
        assert!(far.next().now_or_never().is_none(), "and nothing more");
    }

    #[tokio::test]
    async fn a_goodbye_waits_for_room_and_the_end_stays() {
        let (mut near, mut far) = ends().await;
        assert!(near.send(Message::text("z".repeat(100))).now_or_never().is_none(), "there is no room");
        let closing = async {
            near.send(Message::Close(None)).await.unwrap();
            (near.next().await, near.next().await)
        };
        let serving = async move {
            // The answer to the goodbye goes out with what is read next; then the server hangs up.
            (far.next().await, far.next().await, far.next().await)
        };
        let ((answer, end), (came, goodbye, over)) = tokio::join!(closing, serving);
        assert_eq!(text(came), "z".repeat(100));
        assert!(matches!(goodbye, Some(Ok(Message::Close(None)))), "{goodbye:?}");
        assert!(over.is_none(), "{over:?}");
        assert!(matches!(answer, Some(Ok(Message::Close(None)))), "{answer:?}");
        assert!(end.is_none(), "{end:?}");
        assert!(near.next().await.is_none(), "it stays over");
    }
}
