//! What servers compress (`Content-Encoding`): gzip, brotli (RFC 7932), and of whole answers Zstandard.
//!
//! A stream is inflated by [`Inflater`] piece by piece, at most 16 KiB at a time and only as much as is asked for, so that
//! a few bytes that inflate to gigabytes are never inflated ahead of the reader. A whole answer is inflated by [`whole`] up to its
//! limit. Windows have at most 16 MiB.
//!
//! Limit: Zstandard is not offered for streams. Its decoder gives bytes only behind a whole window, so that an event would
//! wait for those after it.

use std::io::Read as _;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use http::HeaderMap;
use http::header;
use ruzstd::decoding::StreamingDecoder;

use super::asker::text;
use crate::ConnectError;

/// What is offered for streams.
pub(crate) const OF_STREAMS: &str = "gzip, br";
/// What is offered for whole answers.
pub(crate) const OF_ANSWERS: &str = "gzip, br, zstd";
/// So much is inflated at a time.
const PIECE: usize = 16 << 10;
/// The window that every reader of Zstandard should have (RFC 8878, section 3.1.1.1.2).
const ZSTD_WINDOW: u64 = 8 << 20;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Coding {
    /// By what the server says.
    ///
    /// # Errors
    /// [`ConnectError::Protocol`]: it is compressed in a way that was not offered.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Coding, ConnectError> {
        match text(headers, &header::CONTENT_ENCODING).trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Coding::Identity),
            "gzip" | "x-gzip" => Ok(Coding::Gzip),
            "br" => Ok(Coding::Brotli),
            "zstd" => Ok(Coding::Zstd),
            other => {
                let other: String = other.chars().take(40).collect();
                Err(ConnectError::Protocol(format!(
                    "The server compresses what it sends in a way that was not offered ({other}). Switch that off at the \
                     server."
                )))
            }
        }
    }
}

/// Why a body cannot be inflated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It has more than so many bytes.
    TooBig(usize),
    /// It is no such thing.
    Damaged,
    /// It ended too early.
    Short,
}

/// Inflates a stream.
pub(crate) struct Inflater {
    input: Bytes,
    state: State,
}

enum State {
    Identity,
    Gzip { inflate: Box<Decompress>, ended: bool },
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
}

impl Inflater {
    /// `None`: this cannot be inflated piece by piece.
    pub(crate) fn new(coding: Coding) -> Option<Inflater> {
        let state = match coding {
            Coding::Identity => State::Identity,
            Coding::Gzip => State::Gzip { inflate: Box::new(Decompress::new_gzip(15)), ended: false },
            // The strict one has windows of 16 MiB at most.
            Coding::Brotli => {
                let alloc = StandardAlloc::default;
                State::Brotli(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
            }
            Coding::Zstd => return None,
        };
        Some(Inflater { input: Bytes::new(), state })
    }

    /// The next bytes of the stream, once those before were taken out by [`Inflater::next`].
    pub(crate) fn feed(&mut self, piece: Bytes) {
        self.input = piece;
    }

    /// At most 16 KiB of what the bytes fed inflate to (without a coding: all of them); `None`: feed more.
    ///
    /// # Errors
    /// [`Broken::Damaged`].
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        match &mut self.state {
            State::Identity => Ok(Some(std::mem::take(&mut self.input)).filter(|piece| !piece.is_empty())),
            State::Gzip { inflate, ended } => gunzip(inflate, ended, &mut self.input),
            State::Brotli(state) => unbrotli(state, &mut self.input),
        }
    }

    /// The body is over: was it whole?
    ///
    /// # Errors
    /// [`Broken::Short`].
    pub(crate) fn end(&self) -> Result<(), Broken> {
        let whole = match &self.state {
            State::Identity => true,
            State::Gzip { ended, .. } => *ended,
            State::Brotli(state) => brotli_decompressor::BrotliDecoderIsFinished(state),
        };
        if whole { Ok(()) } else { Err(Broken::Short) }
    }
}

fn gunzip(inflate: &mut Decompress, ended: &mut bool, input: &mut Bytes) -> Result<Option<Bytes>, Broken> {
    let mut out = vec![0; PIECE];
    loop {
        // Members may follow each other (RFC 1952, section 2.2).
        if *ended && !input.is_empty() {
            *inflate = Decompress::new_gzip(15);
            *ended = false;
        }
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let done = inflate.decompress(input, &mut out, FlushDecompress::None);
        // No progress is no damage: it wants more.
        let done = done.or_else(|error| if input.is_empty() { Ok(Status::BufError) } else { Err(error) });
        let done = done.map_err(|_| Broken::Damaged)?;
        let taken = usize::try_from(inflate.total_in() - read).unwrap_or(usize::MAX).min(input.len());
        let given = usize::try_from(inflate.total_out() - written).unwrap_or(usize::MAX).min(out.len());
        drop(input.split_to(taken));
        *ended |= done == Status::StreamEnd;
        if given > 0 {
            out.truncate(given);
            return Ok(Some(Bytes::from(out)));
        }
        if input.is_empty() {
            return Ok(None);
        }
        if taken == 0 && done != Status::StreamEnd {
            return Err(Broken::Damaged);
        }
    }
}

fn unbrotli(
    state: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    input: &mut Bytes,
) -> Result<Option<Bytes>, Broken> {
    let mut out = vec![0; PIECE];
    let (mut left, mut read, mut room, mut written, mut total) = (input.len(), 0, out.len(), 0, 0);
    let done =
        BrotliDecompressStream(&mut left, &mut read, input, &mut room, &mut written, &mut out, &mut total, state);
    drop(input.split_to(read.min(input.len())));
    match done {
        BrotliResult::ResultFailure => Err(Broken::Damaged),
        // What stands behind the end is no part of it.
        BrotliResult::ResultSuccess if written == 0 && !input.is_empty() => Err(Broken::Damaged),
        _ if written > 0 => {
            out.truncate(written);
            Ok(Some(Bytes::from(out)))
        }
        _ => Ok(None),
    }
}

/// Inflates a whole body of at most `limit` bytes.
///
/// # Errors
/// [`Broken`].
pub(crate) fn whole(coding: Coding, body: Bytes, limit: usize) -> Result<Bytes, Broken> {
    let Some(mut inflater) = Inflater::new(coding) else { return unzstd(&body, limit).map(Bytes::from) };
    if coding == Coding::Identity {
        return if body.len() > limit { Err(Broken::TooBig(limit)) } else { Ok(body) };
    }
    let mut plain = Vec::new();
    inflater.feed(body);
    while let Some(piece) = inflater.next()? {
        if piece.len() > limit - plain.len() {
            return Err(Broken::TooBig(limit));
        }
        plain.extend_from_slice(&piece);
    }
    inflater.end()?;
    Ok(Bytes::from(plain))
}

fn unzstd(body: &[u8], limit: usize) -> Result<Vec<u8>, Broken> {
    let (mut rest, mut plain) = (body, Vec::new());
    while !rest.is_empty() {
        if let [0x50..=0x5F, 0x2A, 0x4D, 0x18, size @ ..] = rest {
            // A frame to be skipped.
            let size = size.first_chunk::<4>().map_or(u32::MAX, |size| u32::from_le_bytes(*size));
            rest = rest.get((size as usize).saturating_add(8)..).ok_or(Broken::Short)?;
            continue;
        }
        let before = rest.len();
        let mut decoder = StreamingDecoder::new_with_max_window_size(rest, ZSTD_WINDOW.max(limit as u64))
            .map_err(|_| Broken::Damaged)?;
        let room = (limit - plain.len()) as u64;
        if decoder.decoder.content_size() > room {
            return Err(Broken::TooBig(limit));
        }
        let read = decoder.by_ref().take(room + 1).read_to_end(&mut plain);
        rest = decoder.get_ref();
        if plain.len() > limit {
            return Err(Broken::TooBig(limit));
        }
        read.map_err(|_| Broken::Damaged)?;
        if rest.len() >= before {
            return Err(Broken::Damaged);
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
