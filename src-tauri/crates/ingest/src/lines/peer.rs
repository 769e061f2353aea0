//! One stream of lines, whoever is at its other end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use feedwatch_model::{Cut, MessageMeta, Time};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use crate::Clock;
use crate::cutter::{Line, LineCutter};
use crate::source::Batch;

/// Read at once.
pub(super) const PIECE: usize = 16 << 10;

/// A stream and the line under way.
pub(super) struct Peer<S> {
    pub(super) io: S,
    cutter: LineCutter,
    /// Where it comes from.
    from: Option<Arc<str>>,
    clock: Clock,
    /// The time of the last byte, on both clocks.
    pub(super) heard: Time,
    pub(super) instant: Instant,
}

/// What a stream has to give.
pub(super) enum Given {
    /// The batch is full.
    Full,
    /// It has ended.
    Ended,
    /// It broke.
    Broken(io::Error),
}

impl<S: AsyncRead + Unpin> Peer<S> {
    pub(super) fn new(io: S, from: Option<Arc<str>>, limit: usize, clock: Clock) -> Peer<S> {
        Peer { io, cutter: LineCutter::new(limit), from, clock, heard: clock(), instant: Instant::now() }
    }

    /// The next line that is here, or pending. `room` is where bytes are read to.
    pub(super) fn poll_line(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<Result<Line, Option<io::Error>>> {
        loop {
            if let Some((line, _)) = self.cutter.next() {
                return Poll::Ready(Ok(line));
            }
            let mut read = ReadBuf::new(room);
            match std::task::ready!(Pin::new(&mut self.io).poll_read(cx, &mut read)) {
                Err(error) => return Poll::Ready(Err(Some(error))),
                Ok(()) if read.filled().is_empty() => return Poll::Ready(Err(None)),
                Ok(()) => {
                    (self.heard, self.instant) = ((self.clock)(), Instant::now());
                    self.cutter.push(read.filled());
                }
            }
        }
    }

    /// The line under way is longer than allowed already.
    pub(super) fn is_too_long(&self) -> bool {
        self.cutter.is_passing()
    }

    /// Lines may be as long as this from here on.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.cutter.set_limit(limit);
    }

    /// Puts what is here into the batch; pending while more may come.
    pub(super) fn poll_give(&mut self, cx: &mut Context<'_>, room: &mut [u8], batch: &mut Batch) -> Poll<Given> {
        while !batch.is_full() {
            match std::task::ready!(self.poll_line(cx, room)) {
                Ok(line) => put(line, self.from.as_ref(), self.heard, batch),
                Err(end) => {
                    self.unfinished(batch);
                    return Poll::Ready(end.map_or(Given::Ended, Given::Broken));
                }
            }
        }
        Poll::Ready(Given::Full)
    }

    /// A line without its end may be half a number: it is told, and not read.
    pub(super) fn unfinished(&mut self, batch: &mut Batch) {
        if let Some((Line::Whole(head) | Line::TooLong { head, .. }, _)) = self.cutter.rest()
            && !head.trim_ascii().is_empty()
        {
            let meta = MessageMeta { cut: Some(Cut::Unfinished), ..beside(self.from.as_ref()) };
            batch.push(self.heard, head, Some(Box::new(meta)));
        }
    }
}

/// Puts a line into the batch, unless it is blank.
pub(super) fn put(line: Line, from: Option<&Arc<str>>, received: Time, batch: &mut Batch) {
    let (payload, cut) = match line {
        Line::Whole(line) => (line, None),
        Line::TooLong { head, bytes } => (head, Some(Cut::TooLarge { bytes })),
    };
    if payload.trim_ascii().is_empty() && cut.is_none() {
        return;
    }
    let meta = (from.is_some() || cut.is_some()).then(|| Box::new(MessageMeta { cut, ..beside(from) }));
    batch.push(received, payload, meta);
}

fn beside(from: Option<&Arc<str>>) -> MessageMeta {
    let headers = from.map(|from| ("peer".into(), Arc::clone(from))).into_iter().collect();
    MessageMeta { headers, ..MessageMeta::default() }
}
