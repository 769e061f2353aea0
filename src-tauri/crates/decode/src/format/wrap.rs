//! Payloads that are compressed as a whole: gzip (RFC 1952) and Zstandard (RFC 8878), told by their first bytes; and
//! those that are signed as a whole: JWS in its compact form (RFC 7515), told by its three parts.
//!
//! Limits: what comes out has at most the given number of bytes. A message that claims to be larger is refused before
//! anything is inflated, one that turns out to be is refused where it passes the limit. The window of a Zstandard frame is
//! bounded in the same way. The checksum of a gzip is verified, that of a Zstandard frame is not.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use feedwatch_model::Rejected;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use crate::guard::signature::jws;

/// What a payload is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    Gzip,
    Zstd,
    Jws,
}

/// More than this is given back after a message.
const KEPT: usize = 1 << 20;
/// The window that every reader of Zstandard should have (RFC 8878, section 3.1.1.1.2).
const ZSTD_WINDOW: u64 = 8 << 20;

impl Wrap {
    /// What `payload` is wrapped in, by its first bytes.
    #[inline]
    pub(crate) fn of(payload: &[u8]) -> Option<Wrap> {
        match payload {
            [0x1F, 0x8B, 0x08, ..] => Some(Wrap::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Wrap::Zstd),
            [b'e', b'y', b'J', ..] => jws::parts(payload.trim_ascii()).map(|_| Wrap::Jws),
            _ => None,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Wrap::Gzip => "gzip",
            Wrap::Zstd => "zstd",
            Wrap::Jws => "jws",
        }
    }

    /// Inflates `payload` into `plain`, which is emptied first.
    ///
    /// # Errors
    /// It is damaged, or larger than `limit`.
    pub(crate) fn open(self, payload: &[u8], plain: &mut Vec<u8>, limit: usize) -> Result<(), Rejected> {
        plain.clear();
        plain.shrink_to(KEPT);
        match self {
            Wrap::Gzip => gzip(payload, plain, limit),
            Wrap::Zstd => zstd(payload, plain, limit),
            Wrap::Jws => signed(payload, plain, limit),
        }
    }
}

#[cold]
fn too_large(offset: usize, limit: usize) -> Rejected {
    Rejected { offset, reason: format!("it is larger than {limit} bytes when it is inflated") }
}

#[cold]
fn damaged(offset: usize, what: &str, error: impl std::fmt::Display) -> Rejected {
    Rejected { offset, reason: format!("the {what} is damaged: {error}") }
}

fn gzip(payload: &[u8], plain: &mut Vec<u8>, limit: usize) -> Result<(), Rejected> {
    // The last four bytes claim the size, as far as 32 bits go.
    let claimed = payload.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size));
    if payload.len() >= 18 && claimed as usize > limit {
        return Err(too_large(payload.len() - 4, limit));
    }
    let mut decoder = MultiGzDecoder::new(payload);
    let read = decoder.by_ref().take(limit as u64 + 1).read_to_end(plain);
    let offset = payload.len() - decoder.get_ref().len();
    if plain.len() > limit {
        return Err(too_large(offset, limit));
    }
    read.map_err(|error| damaged(offset, "gzip", error)).map(|_| ())
}

fn zstd(payload: &[u8], plain: &mut Vec<u8>, limit: usize) -> Result<(), Rejected> {
    let window = ZSTD_WINDOW.max(limit as u64);
    let mut rest = payload;
    while !rest.is_empty() {
        let start = payload.len() - rest.len();
        if let Some(skipped) = skippable(rest) {
            rest = rest.get(skipped..).ok_or_else(|| damaged(start, "zstd", "a frame ends too early"))?;
            continue;
        }
        let decoder = StreamingDecoder::new_with_max_window_size(rest, window);
        let mut decoder = decoder.map_err(|error| damaged(start, "zstd", error))?;
        let room = limit.saturating_sub(plain.len()) as u64;
        if decoder.decoder.content_size() > room {
            return Err(too_large(start, limit));
        }
        let read = decoder.by_ref().take(room + 1).read_to_end(plain);
        rest = decoder.get_ref();
        let offset = payload.len() - rest.len();
        if plain.len() > limit {
            return Err(too_large(offset, limit));
        }
        read.map_err(|error| damaged(offset, "zstd", error))?;
        if offset <= start {
            return Err(damaged(start, "zstd", "a frame without bytes"));
        }
    }
    Ok(())
}

/// Its signature is looked at elsewhere.
fn signed(payload: &[u8], plain: &mut Vec<u8>, limit: usize) -> Result<(), Rejected> {
    let [header, body, _] = jws::parts(payload.trim_ascii()).unwrap_or_default();
    if body.len() / 4 * 3 > limit {
        return Err(too_large(header.len() + 1, limit));
    }
    URL_SAFE_NO_PAD.decode_vec(body, plain).map_err(|error| damaged(header.len() + 1, "JWS", error))
}

/// The length of a frame that is to be skipped, if this is one.
fn skippable(rest: &[u8]) -> Option<usize> {
    let [0x50..=0x5F, 0x2A, 0x4D, 0x18, size @ ..] = rest else { return None };
    let size = size.first_chunk::<4>().map_or(u32::MAX, |size| u32::from_le_bytes(*size));
    Some((size as usize).saturating_add(8))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzipped(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zstded(plain: &[u8]) -> Vec<u8> {
        compress_to_vec(plain, CompressionLevel::Fastest)
    }

    fn opened(payload: &[u8], limit: usize) -> Result<Vec<u8>, Rejected> {
        let mut plain = b"of the message before".to_vec();
        Wrap::of(payload).expect("wrapped").open(payload, &mut plain, limit)?;
        Ok(plain)
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_inflated_or_where_it_passes_the_limit() {
        let zeros = vec![0; 10 << 20];
        for bomb in [gzipped(&zeros), zstded(&zeros)] {
            let why = opened(&bomb, 1 << 20).unwrap_err();
            assert!(why.reason.contains("larger than 1048576 bytes"), "{why}");
            assert_eq!(opened(&bomb, 10 << 20).unwrap().len(), 10 << 20);
        }
        // One that lies about its size.
        let mut liar = gzipped(&zeros);
        let end = liar.len() - 4;
        liar[end..].copy_from_slice(&5_u32.to_le_bytes());
        let why = opened(&liar, 1 << 20).unwrap_err();
        assert!(why.reason.contains("larger than") && why.offset < liar.len(), "{why}");
    }

    #[test]
    fn a_window_that_is_claimed_costs_nothing() {
        // A frame header with a window of 2 TiB.
        let claims = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xF8, 0x01, 0x00, 0x00];
        assert!(opened(&claims, 1 << 20).is_err());
    }

    #[test]
    fn members_and_frames_one_behind_the_other_are_one_text() {
        for wrap in [gzipped, zstded] {
            let both = [wrap(b"one, "), wrap(b"two")].concat();
            assert_eq!(opened(&both, 100).unwrap(), b"one, two");
        }
        let skipped = [&[0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 9, 9][..], &zstded(b"x")].concat();
        let mut plain = Vec::new();
        zstd(&skipped, &mut plain, 100).unwrap();
        assert_eq!(plain, b"x");
    }

    proptest! {
        #[test]
        fn what_was_wrapped_comes_out(plain: Vec<u8>) {
            prop_assert_eq!(&opened(&gzipped(&plain), 1 << 20).unwrap(), &plain);
            prop_assert_eq!(&opened(&zstded(&plain), 1 << 20).unwrap(), &plain);
        }

        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, wrap in any::<bool>(), edits: Vec<(prop::sample::Index, u8)>) {
            let mut damaged = if wrap { gzipped(&bytes) } else { zstded(&bytes) };
            for (at, byte) in edits {
                let at = at.index(damaged.len());
                damaged[at] = byte;
            }
            for wrap in [Wrap::Gzip, Wrap::Zstd] {
                let mut plain = Vec::new();
                let _ = wrap.open(&damaged, &mut plain, 1000);
                let _ = wrap.open(&bytes, &mut plain, 1000);
                prop_assert!(plain.len() <= 1001);
            }
            bytes.splice(0..0, [0x28, 0xB5, 0x2F, 0xFD]);
            let _ = Wrap::Zstd.open(&bytes, &mut Vec::new(), 1000);
        }
    }
}
