use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;

fn gzipped(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstded(plain: &[u8]) -> Vec<u8> {
    compress_to_vec(plain, CompressionLevel::Fastest)
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// `data: {"level":21.5}`, three times, as Node's zlib compresses it.
const BROTLI: &str = "1b4100301c076eacd826930d3e3ad40a223a64124466af5d626afaa420a31855161d28bb294b1a0e";
/// 10 MiB of zeros.
const BROTLI_BOMB: &str = "cbffff3ff82700e2b14020f7fe2fffff3ff04f00c4611180eefd07";
/// Two events, each flushed, and the end.
const BROTLI_FLUSHED: [&str; 3] = ["0b0480646174613a20310a0a", "4000805f4a41a608d1241830", "03"];

fn level() -> Vec<u8> {
    b"data: {\"level\":21.5}\n\n".repeat(3)
}

/// All of a stream that comes in these pieces.
fn streamed<'a>(coding: Coding, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, Broken> {
    let mut inflater = Inflater::new(coding).unwrap();
    let mut plain = Vec::new();
    for piece in pieces {
        inflater.feed(Bytes::copy_from_slice(piece));
        while let Some(piece) = inflater.next()? {
            assert!(coding == Coding::Identity || piece.len() <= PIECE);
            plain.extend_from_slice(&piece);
        }
    }
    inflater.end().map(|()| plain)
}

#[test]
fn an_answer_is_inflated_whole_whatever_it_is_compressed_with() {
    let plain = level();
    for (coding, body) in [
        (Coding::Identity, plain.clone()),
        (Coding::Gzip, gzipped(&plain)),
        (Coding::Brotli, hex(BROTLI)),
        (Coding::Zstd, zstded(&plain)),
    ] {
        assert_eq!(whole(coding, body.into(), plain.len()).unwrap(), plain, "{coding:?}");
    }
    let members = [gzipped(b"one "), gzipped(b"two")].concat();
    assert_eq!(whole(Coding::Gzip, members.into(), 7).unwrap(), "one two");
    let frames = [zstded(b"one "), b"\x50\x2A\x4D\x18\x01\x00\x00\x00?".to_vec(), zstded(b"two")].concat();
    assert_eq!(whole(Coding::Zstd, frames.into(), 7).unwrap(), "one two");
}

#[test]
fn a_bomb_is_given_up_at_the_limit() {
    let zeros = vec![0; 10 << 20];
    let limit = 1 << 20;
    for (coding, body) in
        [(Coding::Gzip, gzipped(&zeros)), (Coding::Brotli, hex(BROTLI_BOMB)), (Coding::Zstd, zstded(&zeros))]
    {
        assert_eq!(whole(coding, body.clone().into(), limit), Err(Broken::TooBig(limit)), "{coding:?}");
        assert_eq!(whole(coding, body.into(), 10 << 20).unwrap().len(), 10 << 20, "{coding:?}");
    }
}

#[test]
fn an_event_is_inflated_as_soon_as_it_was_flushed() {
    let mut inflater = Inflater::new(Coding::Brotli).unwrap();
    for (piece, event) in BROTLI_FLUSHED.iter().zip(["data: 1\n\n", "data: 2\n\n"]) {
        inflater.feed(hex(piece).into());
        assert_eq!(inflater.next().unwrap().unwrap(), event);
        assert_eq!(inflater.next(), Ok(None));
    }
    assert_eq!(inflater.end(), Err(Broken::Short));

    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut inflater = Inflater::new(Coding::Gzip).unwrap();
    let mut sent = 0;
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        encoder.write_all(event.as_bytes()).unwrap();
        encoder.flush().unwrap();
        inflater.feed(Bytes::copy_from_slice(&encoder.get_ref()[sent..]));
        sent = encoder.get_ref().len();
        assert_eq!(inflater.next().unwrap().unwrap(), event);
        assert_eq!(inflater.next(), Ok(None));
    }
}

#[test]
fn little_that_inflates_to_much_is_inflated_as_it_is_taken() {
    for (coding, body) in [(Coding::Gzip, gzipped(&vec![0; 10 << 20])), (Coding::Brotli, hex(BROTLI_BOMB))] {
        let mut inflater = Inflater::new(coding).unwrap();
        inflater.feed(body.into());
        let mut total = 0;
        while let Some(piece) = inflater.next().unwrap() {
            assert!(piece.len() <= PIECE);
            total += piece.len();
        }
        assert_eq!(total, 10 << 20, "{coding:?}");
    }
}

#[test]
fn what_is_damaged_or_cut_off_is_told() {
    for (coding, body) in
        [(Coding::Gzip, gzipped(&level())), (Coding::Brotli, hex(BROTLI)), (Coding::Zstd, zstded(&level()))]
    {
        let cut = body[..body.len() - 3].to_vec();
        assert!(whole(coding, cut.into(), 1000).is_err(), "{coding:?}");
        assert!(whole(coding, b"not at all".as_slice().into(), 1000).is_err(), "{coding:?}");
    }
    assert_eq!(whole(Coding::Gzip, Bytes::new(), 10), Err(Broken::Short));
    assert_eq!(whole(Coding::Zstd, Bytes::new(), 10), Ok(Bytes::new()));
}

#[test]
fn a_coding_that_was_not_offered_is_refused() {
    let of = |text: &str| Coding::of(&HeaderMap::from_iter([(header::CONTENT_ENCODING, text.parse().unwrap())]));
    assert_eq!(of("X-GZIP"), Ok(Coding::Gzip));
    assert_eq!(of("identity"), Ok(Coding::Identity));
    for other in ["deflate", "compress", "gzip, br"] {
        assert!(of(other).unwrap_err().to_string().contains(other));
    }
}

proptest! {
    #[test]
    fn a_stream_is_the_same_whatever_its_pieces(
        plain in proptest::collection::vec(any::<u8>(), 0..50_000), size in 1usize..5_000,
    ) {
        prop_assert_eq!(&streamed(Coding::Gzip, gzipped(&plain).chunks(size)).unwrap(), &plain);
        prop_assert_eq!(&streamed(Coding::Identity, plain.chunks(size)).unwrap(), &plain);
        prop_assert_eq!(streamed(Coding::Brotli, hex(BROTLI).chunks(size)).unwrap(), level());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at: usize, to: u8) {
        for (coding, good) in [
            (Coding::Gzip, gzipped(&level())), (Coding::Brotli, hex(BROTLI)), (Coding::Zstd, zstded(&level())),
        ] {
            let _ = whole(coding, bytes.clone().into(), 1 << 16);
            let mut broken = good;
            let at = at % broken.len();
            broken[at] = to;
            let _ = whole(coding, broken.clone().into(), 1 << 16);
            if coding != Coding::Zstd {
                let _ = streamed(coding, broken.chunks(7));
            }
        }
    }
}
