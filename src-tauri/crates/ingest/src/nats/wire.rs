//! The bytes of a connection: read into one buffer that is used again and again, written from another.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use feedwatch_model::Time;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::protocol::{self, Op, Read, Refused};
use crate::Clock;

/// What is read at once.
const ROOM: usize = 128 << 10;
/// Answers of JetStream come the same way as messages, however small these must be.
const LEAST: usize = 1 << 20;

/// Bytes of either kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Why nothing more is read.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection ended without a word.
    Ended,
    /// It broke.
    Io(io::Error),
    /// What came must not be read further.
    Refused(Refused),
}

/// What was read and not looked at yet.
#[derive(Debug)]
pub(super) struct Input {
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    /// So many bytes must be there before it is worth another look.
    wanted: usize,
    largest: usize,
}

impl Input {
    fn new(largest: usize) -> Input {
        Input { buffer: vec![0; ROOM], begin: 0, end: 0, wanted: 1, largest }
    }

    /// The next thing that is whole. It must be told when that is done with: [`Input::done`].
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(Op<'_>, usize)>, Refused> {
        if self.end - self.begin < self.wanted {
            return Ok(None);
        }
        let bytes = self.buffer.get(self.begin..self.end).unwrap_or_default();
        match protocol::read(bytes, self.largest)? {
            Read::Op(op, used) => Ok(Some((op, used))),
            Read::More(wanted) => {
                self.wanted = wanted;
                Ok(None)
            }
        }
    }

    /// So many bytes are done with.
    #[inline]
    pub(super) fn done(&mut self, used: usize) {
        self.begin = self.end.min(self.begin + used);
        self.wanted = 1;
    }

    /// Is there nothing that was not looked at?
    pub(super) fn is_empty(&self) -> bool {
        self.begin == self.end
    }

    /// Room for what is wanted; its size is known to be allowed.
    fn room(&mut self) -> &mut [u8] {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
            if self.buffer.len() > ROOM && self.wanted <= ROOM {
                // A large message was here.
                self.buffer = vec![0; ROOM];
            }
        }
        let wanted = self.wanted.max(1);
        if self.begin > 0 && self.buffer.len() - self.end < ROOM / 8 || self.begin + wanted > self.buffer.len() {
            self.buffer.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
        }
        if wanted > self.buffer.len() {
            self.buffer.resize(wanted, 0);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    pub(super) fn say(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
    }

    /// `PUB subject [reply] size`, and the payload.
    pub(super) fn publish(&mut self, subject: &str, reply: Option<&str>, payload: &[u8]) {
        let reply = reply.map_or_else(String::new, |reply| format!("{reply} "));
        self.say(format!("PUB {subject} {reply}{}\r\n", payload.len()).as_bytes());
        self.say(payload);
        self.say(b"\r\n");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// A connection.
pub(super) struct Wire {
    io: Box<dyn Io>,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) heard: Time,
    clock: Clock,
}

impl Wire {
    pub(super) fn new(io: Box<dyn Io>, largest_message: usize, clock: Clock) -> Wire {
        Wire { io, input: Input::new(largest_message.max(LEAST)), output: Output::default(), heard: clock(), clock }
    }

    /// The bytes alone, to go on with them otherwise. What was read and not looked at is lost.
    pub(super) fn into_io(self) -> Box<dyn Io> {
        self.io
    }

    /// Reads what is there; ready when something was read.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let mut buffer = ReadBuf::new(self.input.room());
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)).map_err(Broken::Io)?;
        let count = buffer.filled().len();
        if count == 0 {
            return Poll::Ready(Err(Broken::Ended));
        }
        self.input.end += count;
        self.heard = (self.clock)();
        Poll::Ready(Ok(()))
    }

    /// Writes; ready when nothing is left to be written.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest @ [_, ..]) = self.output.bytes.get(self.output.written..) {
            let count = ready!(Pin::new(&mut self.io).poll_write(cx, rest)).map_err(Broken::Io)?;
            if count == 0 {
                return Poll::Ready(Err(Broken::Ended));
            }
            self.output.written += count;
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx)).map_err(Broken::Io)?;
        self.output.bytes.clear();
        self.output.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Waits until everything is written.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        std::future::poll_fn(|cx| self.poll_write(cx)).await
    }

    /// Waits for the next thing that `take` wants of what the server says; its pings are answered.
    pub(super) async fn next<T>(&mut self, mut take: impl FnMut(&Op<'_>) -> Option<T>) -> Result<T, Broken> {
        loop {
            self.flush().await?;
            while let Some((op, used)) = self.input.next().map_err(Broken::Refused)? {
                if op == Op::Ping {
                    self.output.say(b"PONG\r\n");
                }
                let taken = take(&op);
                self.input.done(used);
                if let Some(taken) = taken {
                    return Ok(taken);
                }
            }
            if self.output.is_empty() {
                std::future::poll_fn(|cx| self.poll_read(cx)).await?;
            }
        }
    }

    /// Ends the connection in good order.
    pub(super) async fn shut(&mut self) {
        let _ = self.flush().await;
        // One that is gone already needs no goodbye.
        let _ = std::future::poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx)).await;
    }
}

/// Tells when to ask for a sign of life, and when there is none.
pub(super) struct Pulse {
    every: Duration,
    ticks: Interval,
    /// The last byte there was when the server was asked.
    asked: Option<Time>,
}

impl Pulse {
    pub(super) fn new(every: Duration) -> Pulse {
        let every = every.max(Duration::from_millis(10));
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Pulse { every, ticks, asked: None }
    }

    /// Ready when the time is over: `Ok` to ask now, `Err` with the time without a sign of life. `heard`: the last byte.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, heard: Time) -> Poll<Result<(), Duration>> {
        ready!(self.ticks.poll_tick(cx));
        if self.asked == Some(heard) {
            return Poll::Ready(Err(self.every * 2));
        }
        self.asked = Some(heard);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::clock;
    use tokio::io::AsyncWriteExt;

    /// Subjects and payload sizes of everything that was said, until the other side ends.
    async fn messages(wire: &mut Wire) -> Vec<(String, usize)> {
        let mut all = Vec::new();
        let take = |op: &Op<'_>| match op {
            Op::Message(message) => {
                Some((String::from_utf8_lossy(message.subject).into_owned(), message.payload.len()))
            }
            _ => None,
        };
        while let Ok(one) = wire.next(take).await {
            all.push(one);
        }
        all
    }

    #[tokio::test]
    async fn messages_of_any_size_that_is_allowed_come_out_whole() {
        let (ours, mut theirs) = tokio::io::duplex(10_000);
        let mut wire = Wire::new(Box::new(ours), 1 << 20, clock);
        let sizes = [0, 1, ROOM - 1, ROOM, 1 << 20, 5, ROOM * 3, 77];
        let writer = tokio::spawn(async move {
            for size in sizes {
                theirs.write_all(format!("MSG s{size} 1 {size}\r\n").as_bytes()).await.unwrap();
                theirs.write_all(&vec![b'x'; size]).await.unwrap();
                theirs.write_all(b"\r\nPING\r\n").await.unwrap();
            }
        });
        let expected: Vec<_> = sizes.iter().map(|&size| (format!("s{size}"), size)).collect();
        assert_eq!(messages(&mut wire).await, expected);
        writer.await.unwrap();
        assert_eq!(wire.input.buffer.len(), ROOM, "a large message leaves nothing behind");
    }

    #[tokio::test]
    async fn a_message_that_is_announced_too_large_takes_no_memory() {
        let (ours, mut theirs) = tokio::io::duplex(10_000);
        let mut wire = Wire::new(Box::new(ours), 1 << 20, clock);
        theirs.write_all(b"MSG a 1 1048577\r\n").await.unwrap();
        let refused = wire.next(|_| None::<()>).await.unwrap_err();
        assert!(matches!(refused, Broken::Refused(Refused::Message(1_048_577))), "{refused:?}");
        assert_eq!(wire.input.buffer.len(), ROOM);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_asked_and_then_given_up() {
        let mut pulse = Pulse::new(Duration::from_secs(20));
        let (early, late) = (Time::from_millis(1), Time::from_millis(2));
        let begin = Instant::now();
        assert_eq!(std::future::poll_fn(|cx| pulse.poll(cx, early)).await, Ok(()));
        assert_eq!(std::future::poll_fn(|cx| pulse.poll(cx, late)).await, Ok(()), "an answer came");
        assert_eq!(std::future::poll_fn(|cx| pulse.poll(cx, late)).await, Err(Duration::from_secs(40)));
        assert_eq!(begin.elapsed(), Duration::from_secs(60));
    }
}
