//! permessage-deflate (RFC 7692) for what comes in: compressed frames are turned into plain ones before the WebSocket
//! library, which knows no extension, reads them. What we send is never compressed, which the RFC allows.
//!
//! ```text
//! 0xC1 len deflate(…)   ->   0x81 len' …        first frame of a message: RSV1 says that it is compressed
//! ```
//!
//! Control frames and plain messages pass as they are; what breaks the framing passes too, for the library to refuse.
//! Limit: a message is inflated to `limit` bytes at most.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use flate2::{Decompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::offer::Deflate;

/// Read from the socket at once.
const READ: usize = 16 << 10;
/// What a sender leaves out at the end of each message: RFC 7692, section 7.2.2.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];
/// Room that is kept from message to message.
const KEPT: usize = 64 << 10;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0F;
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;

/// Why a compressed message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// It would be larger than this.
    #[error("a message is larger than {0} bytes when it is inflated")]
    TooBig(usize),
    /// It is no deflate stream.
    #[error("a compressed message is damaged")]
    Damaged,
}

/// From the frames of a server to plain ones.
pub(super) struct Inflater {
    stream: Decompress,
    /// Each message begins with an empty window.
    forgets: bool,
    limit: usize,
    /// The header of the frame under way.
    head: Vec<u8>,
    /// Payload bytes of the frame under way that are still to come.
    left: u64,
    frame: Frame,
    /// The data message under way is compressed.
    compressed: bool,
    /// Bytes of it inflated in earlier frames.
    before: usize,
    plain: Vec<u8>,
}

/// What becomes of the payload of the frame under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// The header is not whole.
    Head,
    Pass,
    Inflate,
    /// The framing is broken: everything passes from here on.
    Lost,
}

impl Inflater {
    pub(super) fn new(deflate: Deflate, limit: usize) -> Inflater {
        Inflater {
            stream: Decompress::new(false),
            forgets: deflate.server_forgets,
            limit,
            head: Vec::with_capacity(10),
            left: 0,
            frame: Frame::Head,
            compressed: false,
            before: 0,
            plain: Vec::new(),
        }
    }

    /// Takes what came and appends what it means to `out`.
    pub(super) fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        while !bytes.is_empty() {
            match self.frame {
                Frame::Lost => {
                    out.extend_from_slice(bytes);
                    return Ok(());
                }
                Frame::Head => {
                    let (first, rest) = bytes.split_at(1);
                    self.head.extend_from_slice(first);
                    bytes = rest;
                    if let Some(length) = length(&self.head) {
                        self.begin(length, out)?;
                    }
                }
                Frame::Pass | Frame::Inflate => {
                    let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                    let (payload, rest) = bytes.split_at(here);
                    self.left -= payload.len() as u64;
                    bytes = rest;
                    if self.frame == Frame::Pass {
                        out.extend_from_slice(payload);
                    } else {
                        self.inflate(payload)?;
                    }
                    self.end_if_whole(out)?;
                }
            }
        }
        Ok(())
    }

    /// The header is whole.
    fn begin(&mut self, length: u64, out: &mut Vec<u8>) -> Result<(), Broken> {
        let [first, second, ..] = self.head[..] else { return Ok(()) };
        self.left = length;
        let is_data = first & CONTROL == 0;
        let begins = is_data && first & OPCODE != 0;
        if begins {
            self.compressed = first & RSV1 != 0;
            self.before = 0;
        }
        // RSV1 stands on the first frame of a message only; a server masks nothing.
        let odd = first & RESERVED & !RSV1 != 0 || first & RSV1 != 0 && !begins || second & MASKED != 0;
        self.frame = match (odd, is_data && self.compressed) {
            (true, _) => Frame::Lost,
            (false, true) => Frame::Inflate,
            (false, false) => Frame::Pass,
        };
        if self.frame != Frame::Inflate {
            out.append(&mut self.head);
        }
        if self.frame == Frame::Lost { Ok(()) } else { self.end_if_whole(out) }
    }

    fn end_if_whole(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        if self.left > 0 {
            return Ok(());
        }
        if self.frame == Frame::Inflate {
            let first = self.head.first().copied().unwrap_or_default();
            if first & FIN != 0 {
                self.inflate(&TAIL)?;
                if self.forgets {
                    self.stream.reset(false);
                }
            }
            self.before += self.plain.len();
            write_head(first & !RSV1, self.plain.len(), out);
            out.extend_from_slice(&self.plain);
            self.plain.clear();
            self.plain.shrink_to(KEPT);
        }
        self.head.clear();
        self.frame = Frame::Head;
        Ok(())
    }

    /// Appends to `plain`, no more than is allowed.
    fn inflate(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        let mut room = [0; 4096];
        loop {
            let (read, made) = (self.stream.total_in(), self.stream.total_out());
            let status =
                self.stream.decompress(bytes, &mut room, FlushDecompress::Sync).map_err(|_| Broken::Damaged)?;
            let read = (self.stream.total_in() - read) as usize;
            let made = (self.stream.total_out() - made) as usize;
            if self.before + self.plain.len() + made > self.limit {
                return Err(Broken::TooBig(self.limit));
            }
            self.plain.extend_from_slice(room.get(..made).unwrap_or_default());
            bytes = bytes.get(read..).unwrap_or_default();
            if status == Status::StreamEnd {
                // A last block is allowed (section 7.2.3.4): what follows begins anew.
                self.stream.reset(false);
            }
            let stuck = read == 0 && made == 0;
            if stuck && !bytes.is_empty() && status != Status::StreamEnd {
                return Err(Broken::Damaged);
            }
            if bytes.is_empty() && made < room.len() {
                return Ok(());
            }
        }
    }
}

/// The payload's length, once the header is whole: RFC 6455, section 5.2. With a mask it is whole without it.
fn length(head: &[u8]) -> Option<u64> {
    let (&second, rest) = head.get(1..)?.split_first()?;
    match second & !MASKED {
        126 => Some(u16::from_be_bytes(*rest.first_chunk()?).into()),
        127 => Some(u64::from_be_bytes(*rest.first_chunk()?)),
        short => Some(short.into()),
    }
}

fn write_head(first: u8, length: usize, out: &mut Vec<u8>) {
    out.push(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(short),
        (_, Ok(middle)) => {
            out.push(126);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// A stream whose incoming frames are plain, whatever the server sends.
pub(super) struct Inflating<S> {
    inner: S,
    mode: Mode,
    raw: Box<[u8]>,
    out: Vec<u8>,
    given: usize,
}

enum Mode {
    /// The answer to the handshake: what stands behind its end waits until it is known what it is.
    Answer {
        head: Head,
        behind: Vec<u8>,
    },
    Plain,
    Deflate(Box<Inflater>),
}

impl<S> Inflating<S> {
    pub(super) fn new(inner: S) -> Inflating<S> {
        let mode = Mode::Answer { head: Head::Before, behind: Vec::new() };
        Inflating { inner, mode, raw: vec![0; READ].into(), out: Vec::new(), given: 0 }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The handshake is over; frames come from here on.
    pub(super) fn begin(&mut self, inflater: Option<Inflater>) -> Result<(), Broken> {
        let Mode::Answer { behind, .. } = std::mem::replace(&mut self.mode, Mode::Plain) else { return Ok(()) };
        match inflater {
            None => self.out.extend_from_slice(&behind),
            Some(mut inflater) => {
                inflater.take(&behind, &mut self.out)?;
                self.mode = Mode::Deflate(Box::new(inflater));
            }
        }
        if matches!(self.mode, Mode::Plain) {
            self.raw = Box::default();
        }
        Ok(())
    }

    /// What was made and not given yet goes to `buf`; `false` if there is nothing.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let waiting = self.out.get(self.given..).unwrap_or_default();
        if waiting.is_empty() {
            return false;
        }
        let count = waiting.len().min(buf.remaining());
        buf.put_slice(waiting.get(..count).unwrap_or_default());
        self.given += count;
        if self.given == self.out.len() {
            self.out.clear();
            self.out.shrink_to(KEPT);
            self.given = 0;
        }
        true
    }
}

/// Where the head of the answer is. Its end is an empty line, whichever way lines end, as for the library's parser; empty
/// lines before the first one are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Before,
    InLine,
    AfterLine,
    /// A carriage return behind the end of a line.
    Returned,
    Over,
}

impl Head {
    fn then(self, byte: u8) -> Head {
        match (self, byte) {
            (Head::Before, b'\r' | b'\n') => Head::Before,
            (Head::AfterLine | Head::Returned, b'\n') => Head::Over,
            (Head::AfterLine, b'\r') => Head::Returned,
            (_, b'\n') => Head::AfterLine,
            _ => Head::InLine,
        }
    }
}

/// How many bytes of `bytes` belong to the answer.
fn answer(bytes: &[u8], head: &mut Head) -> usize {
    for (at, byte) in bytes.iter().enumerate() {
        if *head == Head::Over {
            return at;
        }
        *head = head.then(*byte);
    }
    bytes.len()
}

impl<S: AsyncRead + Unpin> AsyncRead for Inflating<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.give(buf) || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if let Mode::Plain = this.mode {
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            }
            let mut read = ReadBuf::new(&mut this.raw);
            std::task::ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            let bytes = read.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match &mut this.mode {
                Mode::Answer { head, behind } => {
                    let (of_answer, rest) = bytes.split_at(answer(bytes, head));
                    this.out.extend_from_slice(of_answer);
                    behind.extend_from_slice(rest);
                }
                Mode::Deflate(inflater) => {
                    inflater
                        .take(bytes, &mut this.out)
                        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                }
                Mode::Plain => {}
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Inflating<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
