//! A stream that counts the events the kernel has taken.
//!
//! An HTTP library buffers what it is given, so only the bytes that leave it tell what was sent. An event ends with the only blank
//! line (`\n\n`) in it, and chunk framing uses `\r\n`; so two LF in a row are the end of one event, on whatever borders the
//! bytes are cut.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::publisher::Ticket;

/// Who is told of the events; set when the connection turns out to be a subscriber.
pub(crate) type Tally = Arc<OnceLock<Arc<Ticket>>>;

pub(crate) struct Counting<S> {
    stream: S,
    tally: Tally,
    line_ended: bool,
}

impl<S> Counting<S> {
    pub(crate) fn new(stream: S, tally: Tally) -> Counting<S> {
        Counting { stream, tally, line_ended: false }
    }

    fn count(&mut self, bytes: &[u8]) {
        let mut events = 0;
        for byte in bytes {
            let ends = *byte == b'\n';
            events += u64::from(ends && self.line_ended);
            self.line_ended = ends;
        }
        if events > 0
            && let Some(ticket) = self.tally.get()
        {
            ticket.wrote(events);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counting<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counting<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.count(buf.get(..taken).unwrap_or_default());
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
