//! One stream of lines, whoever is at its other end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use feedwatch_model::{Cut, MessageMeta, Time};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use crate::Clock;
use crate::batch::Batch;
use crate::cutter::{Line, LineCutter};

/// Read at once.
pub(super) const PIECE: usize = 32 << 10;

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

    /// Reads what there is, or waits for it; an error of `None` is the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Option<io::Error>>> {
        let mut read = ReadBuf::new(self.cutter.room(PIECE));
        let polled = std::task::ready!(Pin::new(&mut self.io).poll_read(cx, &mut read));
        let count = read.filled().len();
        self.cutter.filled(count);
        Poll::Ready(match polled {
            Err(error) => Err(Some(error)),
            Ok(()) if count == 0 => Err(None),
            Ok(()) => {
                (self.heard, self.instant) = ((self.clock)(), Instant::now());
                Ok(())
            }
        })
    }

    /// Is the next line this one? `None`: the stream ended before one came. Pending while it may still come.
    pub(super) fn poll_is(&mut self, cx: &mut Context<'_>, is: impl Fn(&[u8]) -> bool) -> Poll<Option<bool>> {
        loop {
            if let Some((line, _)) = self.cutter.next() {
                return Poll::Ready(Some(matches!(line, Line::Whole(line) if is(line))));
            }
            if std::task::ready!(self.poll_fill(cx)).is_err() {
                return Poll::Ready(None);
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
    pub(super) fn poll_give(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<Given> {
        while !batch.is_full() {
            if let Some((line, _)) = self.cutter.next() {
                put(line, self.from.as_ref(), self.heard, batch);
            } else if let Err(end) = std::task::ready!(self.poll_fill(cx)) {
                self.unfinished(batch);
                return Poll::Ready(end.map_or(Given::Ended, Given::Broken));
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
            batch.copy(self.heard, head, Some(Box::new(meta)));
        }
    }
}

/// Puts a line into the batch, unless it is blank.
#[inline]
pub(super) fn put(line: Line<'_>, from: Option<&Arc<str>>, received: Time, batch: &mut Batch) {
    let (payload, cut) = match line {
        Line::Whole(line) => (line, None),
        Line::TooLong { head, bytes } => (head, Some(Cut::TooLarge { bytes })),
    };
    if payload.trim_ascii().is_empty() && cut.is_none() {
        return;
    }
    let meta = (from.is_some() || cut.is_some()).then(|| Box::new(MessageMeta { cut, ..beside(from) }));
    batch.copy(received, payload, meta);
}

fn beside(from: Option<&Arc<str>>) -> MessageMeta {
    let headers = from.map(|from| ("peer".into(), Arc::clone(from))).into_iter().collect();
    MessageMeta { headers, ..MessageMeta::default() }
}
