//! A socket that remembers when it was last heard: a slow large message is a sign of life long before it is complete.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use feedwatch_model::Time;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::Clock;

/// A TCP stream and the time of its last byte, on both clocks: one for people, one that never jumps.
#[derive(Debug)]
pub(crate) struct Heard {
    socket: TcpStream,
    clock: Clock,
    pub(crate) at: Time,
    pub(crate) instant: Instant,
    /// Bytes that came.
    pub(crate) bytes: u64,
}

impl Heard {
    pub(crate) fn new(socket: TcpStream, clock: Clock) -> Heard {
        Heard { socket, clock, at: clock(), instant: Instant::now(), bytes: 0 }
    }
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.bytes += (buf.filled().len() - before) as u64;
            self.at = (self.clock)();
            self.instant = Instant::now();
        }
        polled
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
