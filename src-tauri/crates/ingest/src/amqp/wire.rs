//! The bytes under the library: connected and encrypted by us, watched, and cut when the session ends.
//!
//! The library takes any stream that its runtime calls a TCP stream, so [`Kit`] is the runtime of tokio with [`Wire`] in
//! that place.

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::Tokio;
use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::{DummyIO, Task};
use feedwatch_model::Time;
use futures_util::Stream;
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use crate::Clock;
use crate::wire_bytes::WireBytes;

/// Bytes of bodies that may wait in the library, unless a message may be larger than half of them.
const WAITING: u64 = 64 << 20;

/// What a session and its bytes know of each other.
#[derive(Debug)]
pub(super) struct Intake {
    /// Bytes of bodies read and not taken out of the library.
    waiting: AtomicU64,
    at_most: u64,
    room: AtomicWaker,
    heard: AtomicI64,
    bytes: WireBytes,
    clock: Clock,
}

impl Intake {
    pub(super) fn new(largest_message: usize, bytes: WireBytes, clock: Clock) -> Arc<Intake> {
        // With two of the largest one is whole, so there is something to take out.
        let largest = u64::try_from(largest_message).unwrap_or(u64::MAX);
        Intake::holding(largest.saturating_mul(2).max(WAITING), bytes, clock)
    }

    fn holding(at_most: u64, bytes: WireBytes, clock: Clock) -> Arc<Intake> {
        let heard = AtomicI64::new(clock().nanos());
        Arc::new(Intake { waiting: AtomicU64::new(0), at_most, room: AtomicWaker::new(), heard, bytes, clock })
    }

    /// When the broker was last heard.
    pub(super) fn heard(&self) -> Time {
        Time::from_nanos(self.heard.load(Ordering::Relaxed))
    }

    /// Bytes that came over the wire.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// A body of this size was taken out of the library.
    pub(super) fn took(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes as u64, Ordering::AcqRel);
        self.room.wake();
    }

    fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) >= self.at_most
    }
}

/// Bytes of either kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The stream that the library reads and writes.
pub(super) struct Wire {
    io: Box<dyn Io>,
    frames: Frames,
    intake: Arc<Intake>,
}

impl Wire {
    pub(super) fn new(io: Box<dyn Io>, largest_message: usize, intake: Arc<Intake>) -> Wire {
        Wire { io, frames: Frames::new(largest_message), intake }
    }
}

impl futures_io::AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.intake.is_full() {
            this.intake.room.register(cx.waker());
            if this.intake.is_full() {
                return Poll::Pending;
            }
        }
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut this.io).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        if !read.is_empty() {
            this.intake.heard.store((this.intake.clock)().nanos(), Ordering::Relaxed);
        }
        let bodies = this.frames.see(read).map_err(io::Error::other)?;
        this.intake.waiting.fetch_add(bodies, Ordering::AcqRel);
        Poll::Ready(Ok(read.len()))
    }
}

impl futures_io::AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Cuts the connection when dropped: the library's thread would wait for a broker that is gone.
#[derive(Debug)]
pub(super) struct Cutter(pub(super) std::net::TcpStream);

impl Drop for Cutter {
    fn drop(&mut self) {
        // One that is gone already cannot be cut.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// The runtime that the library runs on: this one, its TCP streams being [`Wire`]s.
#[derive(Clone, Debug)]
pub(super) struct Kit(Tokio);

impl Kit {
    /// The runtime this is called in.
    pub(super) fn current() -> Kit {
        Kit(Tokio::current())
    }
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, future: F) -> Task<Self::Task<T>> {
        self.0.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(work)
    }
}

impl Reactor for Kit {
    type TcpStream = Wire;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl futures_io::AsyncRead + futures_io::AsyncWrite + Send + Unpin + 'static> {
        Err::<DummyIO, _>(connected_by_us())
    }

    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.0.sleep(time)
    }

    fn interval(&self, time: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(time)
    }

    fn tcp_connect_addr(&self, _: SocketAddr) -> impl Future<Output = io::Result<Wire>> + Send + 'static {
        std::future::ready(Err(connected_by_us()))
    }
}

/// What the library is told that wants to connect by itself.
pub(super) fn connected_by_us() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "connections are made outside")
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::testkit::clock;

    async fn read(wire: &mut Wire) -> io::Result<usize> {
        let mut buffer = [0; 64];
        std::future::poll_fn(|cx| futures_io::AsyncRead::poll_read(Pin::new(&mut *wire), cx, &mut buffer)).await
    }

    /// A frame of a body with 5 bytes.
    const BODY: &[u8] = b"\x03\x00\x01\x00\x00\x00\x05hello\xCE";

    #[tokio::test]
    async fn the_socket_is_not_read_while_enough_waits() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let intake = Intake::holding(10, WireBytes::default(), clock);
        let mut wire = Wire::new(Box::new(ours), 5, Arc::clone(&intake));
        let before = intake.heard();
        theirs.write_all(&BODY.repeat(2)).await.unwrap();
        assert_eq!(read(&mut wire).await.unwrap(), 26);
        assert!(intake.heard() > before);
        theirs.write_all(BODY).await.unwrap();
        assert!(read(&mut wire).now_or_never().is_none(), "ten bytes wait");
        let later = tokio::spawn(async move { read(&mut wire).await });
        tokio::task::yield_now().await;
        intake.took(5);
        assert_eq!(later.await.unwrap().unwrap(), 13, "it is told of the room");
    }

    #[tokio::test]
    async fn what_is_announced_too_large_ends_the_reading() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let mut wire = Wire::new(Box::new(ours), 5, Intake::new(5, WireBytes::default(), clock));
        theirs
            .write_all(b"\x02\x00\x01\x00\x00\x00\x0e\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x06")
            .await
            .unwrap();
        let error = read(&mut wire).await.unwrap_err();
        assert_eq!(error.to_string(), "a message of 6 bytes is announced");
    }
}
